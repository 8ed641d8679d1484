// Owns: what mouse, pen, fingers and wheel do on the stage: which gesture begins, goes on and ends.
// Not here: what a gesture does to images (gesture.js), keys (shortcuts.js), what a drag means for the room (session.js).

import { Emitter } from './events.js';
import { Move, Resize, Turn, boxBetween, spanOf, touched } from './gesture.js';
import { tenth } from './transform.js';

const SLACK = { mouse: 3, pen: 5, touch: 8 };
const LONG_PRESS = 450;
const WHEEL = 0.0015;
const PINCH = 0.01; // a trackpad's pinch comes as small wheel steps with ctrl
const LINE = 16;

/** Emits `marquee` (a box in the world, or null) and `busy` (whether a gesture is under way). */
export class Pointer extends Emitter {
  #stage;
  #canvas;
  #camera;
  #session;
  #edits;
  #selection;
  #fingers = new Map(); // pointer id → last point on the stage
  #gesture = null; // { kind: 'pan' | 'press' | 'marquee' | 'drag' | 'pinch', … }
  #hand = false;
  #space = false;
  #box = null; // of the stage: reading it for every move would force a layout

  constructor({ stage, canvas, camera, session, edits, selection }) {
    super();
    this.#stage = stage;
    this.#canvas = canvas;
    this.#camera = camera;
    this.#session = session;
    this.#edits = edits;
    this.#selection = selection;
    stage.addEventListener('pointerdown', (event) => this.#down(event));
    stage.addEventListener('pointermove', (event) => this.#move(event));
    for (const type of ['pointerup', 'pointercancel']) stage.addEventListener(type, (event) => this.#up(event));
    stage.addEventListener('pointerleave', (event) => this.#leave(event));
    stage.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    // The focus follows the press by our own hand: the browser would scroll to it, and select on a tap's late mousedown.
    stage.addEventListener('mousedown', (event) => event.preventDefault());
    stage.addEventListener('contextmenu', (event) => { if (this.#fingers.size > 0 || event.pointerType === 'touch') event.preventDefault(); });
    for (const type of ['gesturestart', 'gesturechange']) stage.addEventListener(type, (event) => event.preventDefault());
    new ResizeObserver(() => { this.#box = null; }).observe(stage);
  }

  /** The hand tool: every drag pans. */
  set hand(on) { this.#hand = on; this.#stage.classList.toggle('hand', this.#pans); }
  /** Space held: the hand for as long. */
  set space(held) { this.#space = held; this.#stage.classList.toggle('hand', this.#pans); }
  get #pans() { return this.#hand || this.#space; }

  at(event) {
    this.#box ??= this.#stage.getBoundingClientRect();
    return { x: event.clientX - this.#box.left, y: event.clientY - this.#box.top };
  }

  /** Escape: what is under way did not happen. True if something was. */
  cancel() {
    const gesture = this.#gesture;
    if (gesture?.kind !== 'drag' && gesture?.kind !== 'marquee') return false;
    gesture.act?.cancel();
    this.#finish();
    return true;
  }

  #down(event) {
    if (event.button > 1 || event.target.closest('button, .cursor-label')) return;
    const point = this.at(event);
    this.#fingers.set(event.pointerId, point);
    this.#stage.setPointerCapture(event.pointerId);
    if (event.button === 1) event.preventDefault(); // the browser's own scrolling
    if (this.#fingers.size === 2) this.#startPinch();
    if (this.#fingers.size > 1) return;
    const pans = event.button === 1 || this.#pans;
    const handle = pans ? undefined : event.target.dataset?.handle;
    const id = pans ? undefined : this.#canvas.idOf(event.target);
    const touch = event.pointerType === 'touch';
    this.#gesture = {
      kind: 'press', id, handle, touch, start: point, last: point, pointer: event.pointerId, extend: event.shiftKey, pans,
      // A finger that lands on what is not selected may want to pan; a mouse means what it presses.
      late: touch && id !== undefined && !this.#selection.has(id),
    };
    if (touch && id !== undefined) this.#gesture.timer = setTimeout(() => this.#longPress(), LONG_PRESS);
    if (handle) return;
    if (id === undefined) this.#stage.focus({ preventScroll: true });
    else this.#press(id, event.shiftKey, touch);
  }

  #press(id, extend, touch) {
    this.#canvas.focus(id);
    if (touch || this.#selection.has(id)) return; // decided when it is let go
    if (extend) this.#selection.toggle(id);
    else this.#selection.only(id);
    this.#gesture.chosen = true;
  }

  #move(event) {
    const point = this.at(event);
    if (event.isPrimary) this.#session.point(this.#rounded(point));
    if (!this.#fingers.has(event.pointerId)) return;
    this.#fingers.set(event.pointerId, point);
    const gesture = this.#gesture;
    if (!gesture) return;
    if (gesture.kind === 'pinch') this.#pinch();
    if (gesture.pointer !== event.pointerId) return;
    const far = Math.hypot(point.x - gesture.start.x, point.y - gesture.start.y) > (SLACK[event.pointerType] ?? 3);
    if (gesture.kind === 'press' && far) this.#begin(gesture);
    this.#step(gesture, point, event);
    gesture.last = point;
  }

  #step(gesture, point, { shiftKey, altKey }) {
    if (gesture.kind === 'pan') this.#camera.pan(point.x - gesture.last.x, point.y - gesture.last.y);
    if (gesture.kind === 'drag') {
      gesture.act.to(this.#camera.toWorld(point), { straight: shiftKey, other: shiftKey, snap: shiftKey, centre: altKey });
    }
    if (gesture.kind === 'marquee') {
      const box = boxBetween(gesture.from, this.#camera.toWorld(point));
      this.#selection.set([...new Set([...gesture.before, ...touched(box, this.#session.replica.unordered())])]);
      this.emit('marquee', box);
    }
  }

  /** The press has become a drag of some kind. */
  #begin(gesture) {
    clearTimeout(gesture.timer);
    const from = this.#camera.toWorld(gesture.start);
    const { ids } = this.#selection;
    const onImage = gesture.handle !== undefined || (gesture.id !== undefined && !gesture.late);
    if (gesture.pans || (onImage && !this.#edits.canEdit) || gesture.late || (!onImage && gesture.touch)) {
      gesture.kind = 'pan';
      this.#stage.classList.add('panning');
      return;
    }
    this.emit('busy', true);
    if (!onImage) {
      gesture.kind = 'marquee';
      gesture.from = from;
      gesture.before = gesture.extend ? ids : [];
      return;
    }
    gesture.kind = 'drag';
    if (gesture.handle === 'turn') gesture.act = new Turn(this.#edits, ids, from);
    else if (gesture.handle) gesture.act = new Resize(this.#edits, ids, from, gesture.handle);
    else gesture.act = new Move(this.#edits, ids, from);
    this.#stage.classList.add(gesture.handle ? 'shaping' : 'dragging');
  }

  #longPress() {
    const gesture = this.#gesture;
    if (gesture?.kind !== 'press') return;
    navigator.vibrate?.(10);
    this.#selection.toggle(gesture.id);
    gesture.chosen = true;
    gesture.late = false;
  }

  #up(event) {
    if (!this.#fingers.delete(event.pointerId)) return;
    const gesture = this.#gesture;
    if (gesture?.kind === 'pinch') {
      // The finger that stays goes on as a pan, so that the view does not jump.
      const [[pointer, point] = []] = this.#fingers;
      this.#gesture = point ? { kind: 'pan', start: point, last: point, pointer } : null;
    } else if (gesture && gesture.pointer === event.pointerId) {
      if (gesture.kind === 'press' && event.type === 'pointerup' && event.button === 0) this.#click(gesture);
      gesture.act?.end();
      this.#finish();
    }
    if (event.pointerType === 'touch' && this.#fingers.size === 0) this.#session.point(null);
  }

  /** Let go where it was pressed. */
  #click({ id, handle, extend, chosen, pans, touch }) {
    if (handle || chosen || pans) return;
    if (id === undefined) {
      if (!extend) this.#selection.clear();
    } else if (extend || (touch && this.#selection.held)) this.#selection.toggle(id);
    else this.#selection.only(id);
  }

  #finish() {
    clearTimeout(this.#gesture?.timer);
    this.#gesture = null;
    this.#stage.classList.remove('panning', 'dragging', 'shaping');
    this.emit('marquee', null);
    this.emit('busy', false);
  }

  #leave(event) {
    if (event.pointerType !== 'touch' && !this.#fingers.has(event.pointerId)) this.#session.point(null);
  }

  #startPinch() {
    this.#gesture?.act?.end();
    this.#finish();
    this.#gesture = { kind: 'pinch', ...spanOf([...this.#fingers.values()]) };
  }

  #pinch() {
    const before = this.#gesture;
    const now = spanOf([...this.#fingers.values()]);
    this.#camera.pan(now.middle.x - before.middle.x, now.middle.y - before.middle.y);
    this.#camera.zoom(now.length / before.length, now.middle);
    this.#gesture = { kind: 'pinch', ...now };
  }

  #wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? LINE : event.deltaMode === 2 ? this.#stage.clientHeight : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) {
      this.#camera.pan(-(dx || dy), 0);
      return;
    }
    const step = Math.max(-160, Math.min(160, dy));
    this.#camera.zoom(Math.exp(-step * (event.ctrlKey ? PINCH : WHEEL)), this.at(event));
  }

  #rounded(point) {
    const { x, y } = this.#camera.toWorld(point);
    return { x: tenth(x), y: tenth(y) };
  }
}
