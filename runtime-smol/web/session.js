// Owns: one person's stay in one room: joins client, replica and outbox, and offers the verbs a page needs.
// Not here: anything of the DOM. Edits show at once, are kept until answered, and go again after a reconnect.

import { Emitter } from './events.js';
import { Client } from './client.js';
import { Outbox } from './outbox.js';
import { Pace } from './pace.js';
import { Replica } from './replica.js';

const FRAME_GAP = 33; // ms between two cursors, two drag steps: well inside 60 a second
const VIEWPORT_GAP = 120;
const DRAG_ALIVE = 1_000; // a drag that is silent for 2 s is ended by the room
const SHOWN_LIVE = 40; // of more images in one drag the others see the rest when it ends
const TRIES = 5;
const FOR_NOW = new Set(['rate_limited', 'busy']);

/**
 * Emits `state` (of the connection), `refused` ({ code, message, entry }) for an edit that did not stick, `done` (entry)
 * for one that did, and `lease` when the end of one's sign-in comes near or is put off.
 */
export class Session extends Emitter {
  replica;
  leaseEnd = null; // when one's sign-in ends, once that is near
  #client;
  #outbox;
  #host;
  #profile;
  #memory;
  #dragging = new Map();
  #cursor;
  #viewport;
  #presence = null;
  #again = new Set();
  #renewing = null; // the end that a fresh token is to put off
  #pace;

  /**
   * `address()` gives where to connect to each time. `profile()` gives { name, color? } for `user:join`; `memory` keeps the resume secret: { get(), set(secret) }.
   * `host` as for Client, and `prefix`, which makes this page load's edit ids unique.
   */
  constructor(address, { profile, memory, host }) {
    super();
    this.#host = host;
    this.#profile = profile;
    this.#memory = memory;
    this.#outbox = new Outbox(host.prefix);
    this.replica = new Replica(this.#outbox);
    this.replica.on('gap', () => this.#client.resync());
    this.#cursor = new Latest(FRAME_GAP, host, (data) => this.#client.send({ type: 'cursor:move', data }));
    this.#viewport = new Latest(VIEWPORT_GAP, host, (data) => this.#client.send({ type: 'canvas:transform', data }));
    this.#pace = new Pace(host, (entry) => this.#send(entry));
    this.#client = new Client(address, () => this.#hello(), host);
    this.#client.on('frame', (frame) => this.#hear(frame));
    this.#client.on('state', (state) => this.#turn(state));
  }

  get state() { return this.#client.state; }
  get unanswered() { return this.#outbox.size; }

  /** Own words that the room has not confirmed, oldest first. */
  get unsaid() {
    return [...this.#outbox].filter((entry) => entry.type === 'chat:message' && !entry.echoed);
  }

  start() { this.#client.start(); }
  stop() { this.#client.stop(); }
  wake() { this.#client.wake(); }

  add(image) { this.#edit('image:add', image); }
  remove(id) { this.#edit('image:remove', { id }); }
  transform(id, fields) { this.#edit('image:transform', { id, ...fields }); }
  say(text) { this.#edit('chat:message', { text }); }
  /** What owners do: `room:update`, `member:role`, `member:kick`, `member:ban`. */
  govern(type, data) { this.#edit(type, data); }

  /** As someone else, or with another right: leaves at once and comes again. */
  restart() {
    this.#client.stop();
    this.#client.start();
  }

  /** A fresh token of the same person on the live connection. No answer is good news. */
  renew(token) {
    if (!this.#client.send({ type: 'auth:refresh', data: { token } })) return false;
    this.#renewing = this.leaseEnd;
    this.#lease(null);
    return true;
  }

  rename(name) {
    this.#client.send({ type: 'user:update', data: { name } });
    const me = this.replica.users.get(this.replica.me);
    if (me) this.replica.apply({ type: 'user:updated', data: { ...me, name }, clientId: me.clientId });
  }

  /** What the others may know of this window, as { w, h, follows }: how much of the canvas its viewport shows, and whose view leads it. */
  describe(presence) {
    this.#presence = presence;
    this.#client.send({ type: 'user:update', data: { presence } });
  }

  point(cursor) { this.#cursor.set(cursor); }
  look(viewport) { this.#viewport.set(viewport); }

  /** A step of a drag: shown at once, told to the others as transient, stored by `drop`. */
  drag(id, fields) {
    this.replica.draft(id, fields);
    let steps = this.#dragging.get(id);
    if (!steps && this.#dragging.size >= SHOWN_LIVE) return;
    if (!steps) {
      const send = (data) => this.#client.send({ type: 'image:transform', data: { id, ...data, transient: true } });
      steps = new Latest(FRAME_GAP, this.#host, send, DRAG_ALIVE);
      this.#dragging.set(id, steps);
    }
    steps.set(fields);
  }

  /**
   * The end of a drag: what it changed, { id, before, after }. An image that someone removed meanwhile is not brought
   * back.
   */
  drop(id) {
    this.#stopDragging(id);
    const after = this.replica.endDraft(id);
    const image = this.replica.image(id);
    if (!after || image === null) return null;
    const before = Object.fromEntries(Object.keys(after).map((key) => [key, image[key]]));
    this.transform(id, after);
    return { id, before, after };
  }

  /** A drag that is given up: the others see at once where the image has stayed. */
  letGo(id) {
    const told = this.#stopDragging(id);
    const seen = this.replica.endDraft(id);
    const image = this.replica.image(id);
    if (!told || !seen || image === null || !this.replica.canEdit) return; // whose right ended, so did their drag
    const back = Object.fromEntries(Object.keys(seen).map((key) => [key, image[key]]));
    this.#client.send({ type: 'image:transform', data: { id, ...back, transient: true } });
  }

  #stopDragging(id) {
    this.#dragging.get(id)?.stop();
    return this.#dragging.delete(id);
  }

  #edit(type, data) {
    const entry = this.#outbox.add(type, data);
    this.replica.refresh(entry);
    this.#dispatch(entry);
  }

  #dispatch(entry) {
    if (this.state.phase !== 'live') return; // all of them go once live
    if (entry.type.startsWith('image:')) this.#pace.push(entry);
    else this.#send(entry);
  }

  #send({ id, type, data }) {
    // It may have had its answer while it waited, as one that was sent before a reconnect.
    if (this.#outbox.get(id)) this.#client.send({ type, data, id });
  }

  #hello() {
    return { ...this.#profile(), batch: true, resume: this.#memory.get() ?? undefined, since: this.replica.since };
  }

  #hear(frame) {
    if (frame.type === 'room:joined') {
      this.#memory.set(frame.data.resume);
      this.#lease(null);
    }
    if (frame.type === 'auth:expiring') return this.#lease(frame.data.expiresAt);
    if (frame.type === 'error') return this.#refused(frame.data);
    const entry = frame.type === 'ack' ? this.#outbox.get(frame.data.id) : undefined;
    this.replica.apply(frame);
    if (entry) this.emit('done', entry);
    return undefined;
  }

  #lease(end) {
    this.leaseEnd = end;
    this.emit('lease');
  }

  #turn(state) {
    if (state.phase === 'live') {
      for (const entry of this.#outbox) this.#dispatch(entry);
      if (this.#presence) this.describe(this.#presence);
      this.#cursor.repeat();
      this.#viewport.repeat();
    } else {
      this.#again.forEach((timer) => this.#host.clearTimeout(timer)); // all of them go again once live
      this.#again.clear();
      this.#pace.clear();
    }
    this.emit('state', state);
  }

  #refused(error) {
    const entry = this.#outbox.get(error.ref);
    if (entry && FOR_NOW.has(error.code) && entry.type.startsWith('image:') && entry.tries < TRIES) {
      return this.#later(entry, error);
    }
    if (error.code === 'busy' && error.ref === null && this.#renewing !== null) this.#lease(this.#renewing); // not checked
    this.replica.apply({ type: 'error', data: error });
    return this.emit('refused', { ...error, entry });
  }

  #later(entry, error) {
    const renewed = this.#outbox.again(entry.id);
    this.replica.refresh(entry);
    if (!renewed) return;
    const timer = this.#host.setTimeout(() => {
      this.#again.delete(timer);
      if (this.#outbox.get(renewed.id)) this.#dispatch(renewed);
    }, error.retryAfterMs ?? 1_000);
    this.#again.add(timer);
  }
}

/** Sends the newest value, at most one in `gap` ms, the last one always; with `alive`, repeats it while nothing new comes. */
class Latest {
  #gap;
  #host;
  #send;
  #alive;
  #value;
  #fresh = false;
  #known = false;
  #timer = null;
  #sentAt = -Infinity;

  constructor(gap, host, send, alive = null) {
    this.#gap = gap;
    this.#host = host;
    this.#send = send;
    this.#alive = alive;
  }

  set(value) {
    this.#value = value;
    this.#known = true;
    if (this.#fresh) return;
    this.#fresh = true;
    this.#arm(Math.max(0, this.#sentAt + this.#gap - this.#host.now()));
  }

  /** After a reconnect the room has forgotten it. */
  repeat() {
    if (this.#known) this.set(this.#value);
  }

  stop() {
    this.#host.clearTimeout(this.#timer);
  }

  #arm(delay) {
    this.#host.clearTimeout(this.#timer);
    if (delay === 0) this.#flush();
    else this.#timer = this.#host.setTimeout(() => this.#flush(), delay);
  }

  #flush() {
    this.#fresh = false;
    this.#sentAt = this.#host.now();
    this.#send(this.#value);
    if (this.#alive !== null) this.#timer = this.#host.setTimeout(() => this.#flush(), this.#alive);
  }
}
