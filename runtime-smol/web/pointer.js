// Owns: what mouse, pen, fingers and wheel do on the stage: pan, zoom, select, drag.
// Not here: keys (keyboard.js), what a drag means for the room (session.js).

const SLACK = { mouse: 3, pen: 5, touch: 8 };
const WHEEL = 0.0015;
const PINCH = 0.01; // a trackpad's pinch comes as small wheel steps with ctrl
const LINE = 16;

export const tenth = (value) => Math.round(value * 10) / 10;

export class Pointer {
  #stage;
  #canvas;
  #camera;
  #session;
  #selection;
  #fingers = new Map(); // pointer id → last point on the stage
  #gesture = null; // { kind: 'pan' | 'press' | 'drag' | 'pinch', … }
  #space = false;

  constructor({ stage, canvas, camera, session, selection }) {
    this.#stage = stage;
    this.#canvas = canvas;
    this.#camera = camera;
    this.#session = session;
    this.#selection = selection;
    stage.addEventListener('pointerdown', (event) => this.#down(event));
    stage.addEventListener('pointermove', (event) => this.#move(event));
    for (const type of ['pointerup', 'pointercancel']) stage.addEventListener(type, (event) => this.#up(event));
    stage.addEventListener('pointerleave', (event) => this.#leave(event));
    stage.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    for (const type of ['gesturestart', 'gesturechange']) stage.addEventListener(type, (event) => event.preventDefault());
  }

  /** Space held: the hand. */
  set hand(held) {
    this.#space = held;
    this.#stage.classList.toggle('hand', held);
  }

  at(event) {
    const box = this.#stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #down(event) {
    if (event.button > 1) return;
    const point = this.at(event);
    this.#fingers.set(event.pointerId, point);
    this.#stage.setPointerCapture(event.pointerId);
    if (event.button === 1) event.preventDefault(); // the browser's own scrolling
    if (this.#fingers.size === 2) return this.#startPinch();
    if (this.#fingers.size > 2) return undefined;
    const id = event.button === 0 && !this.#space ? this.#canvas.idOf(event.target) : undefined;
    this.#gesture = { kind: id === undefined ? 'pan' : 'press', id, start: point, last: point, moved: false, pointer: event.pointerId };
    if (id === undefined) {
      this.#stage.classList.add('panning');
      return undefined;
    }
    this.#selection.only(id);
    return undefined;
  }

  #move(event) {
    const point = this.at(event);
    if (event.isPrimary) this.#session.point(this.#rounded(point));
    if (!this.#fingers.has(event.pointerId)) return;
    this.#fingers.set(event.pointerId, point);
    const gesture = this.#gesture;
    if (!gesture) return;
    if (gesture.kind === 'pinch') return this.#pinch();
    if (gesture.pointer !== event.pointerId) return;
    const far = Math.hypot(point.x - gesture.start.x, point.y - gesture.start.y) > (SLACK[event.pointerType] ?? 3);
    gesture.moved ||= far;
    if (gesture.kind === 'press' && gesture.moved) this.#startDrag(gesture);
    if (gesture.kind === 'pan') this.#camera.pan(point.x - gesture.last.x, point.y - gesture.last.y);
    if (gesture.kind === 'drag') this.#drag(gesture, point);
    gesture.last = point;
  }

  #up(event) {
    if (!this.#fingers.delete(event.pointerId)) return;
    const gesture = this.#gesture;
    if (gesture?.kind === 'pinch') {
      // The finger that stays goes on as a pan, so that the view does not jump.
      const [[pointer, point] = []] = this.#fingers;
      this.#gesture = point ? { kind: 'pan', start: point, last: point, moved: true, pointer } : null;
    } else if (gesture && gesture.pointer === event.pointerId) {
      if (gesture.kind === 'pan' && !gesture.moved && event.button === 0) this.#selection.clear();
      this.#end();
    }
    if (event.pointerType === 'touch' && this.#fingers.size === 0) this.#session.point(null);
    if (this.#fingers.size === 0) this.#stage.classList.remove('panning');
  }

  #leave(event) {
    if (event.pointerType !== 'touch' && !this.#fingers.has(event.pointerId)) this.#session.point(null);
  }

  #end() {
    if (this.#gesture?.kind === 'drag') this.#session.drop(this.#gesture.id);
    this.#stage.classList.remove('dragging');
    this.#gesture = null;
  }

  #startDrag(gesture) {
    const image = this.#session.replica.image(gesture.id);
    if (!image || !this.#session.replica.canEdit) {
      gesture.kind = 'pan';
      return;
    }
    gesture.kind = 'drag';
    const from = this.#camera.toWorld(gesture.start);
    gesture.grip = { x: from.x - image.x, y: from.y - image.y };
    this.#stage.classList.add('dragging');
  }

  #drag(gesture, point) {
    if (this.#session.replica.image(gesture.id) === null) return this.#end(); // someone removed it
    const to = this.#camera.toWorld(point);
    this.#session.drag(gesture.id, { x: tenth(to.x - gesture.grip.x), y: tenth(to.y - gesture.grip.y) });
  }

  #startPinch() {
    this.#end();
    this.#gesture = { kind: 'pinch', ...this.#span() };
  }

  #pinch() {
    const before = this.#gesture;
    const now = this.#span();
    this.#camera.pan(now.middle.x - before.middle.x, now.middle.y - before.middle.y);
    this.#camera.zoom(now.length / before.length, now.middle);
    this.#gesture = { kind: 'pinch', ...now };
  }

  #span() {
    const [a, b] = [...this.#fingers.values()];
    return { middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, length: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
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
