// Owns: following a person: their viewport drives ours until we move ourselves, they leave, or we stop. Free of DOM.
// Not here: the coloured frame (following.js).

import { Emitter } from './events.js';

const SMOOTHING = 120; // ms in which the view covers some two thirds of the way; viewports come about as often
const ARRIVED = 0.5;
const ASSUMED = { w: 1280, h: 800 }; // of a window that does not tell its size

/** The part of the canvas that someone sees (world), or null while that is not known. */
export function viewOf({ viewport, presence }) {
  if (!viewport) return null;
  const size = (value, fallback) => (Number.isFinite(value) && value >= 50 && value <= 20_000 ? value : fallback);
  const { x, y, scale } = viewport;
  const [w, h] = [size(presence?.w, ASSUMED.w), size(presence?.h, ASSUMED.h)];
  return { x: -x / scale, y: -y / scale, width: w / scale, height: h / scale };
}

/** Emits `change` when it starts or ends, with { whom, left } (left: they are gone). */
export class Follow extends Emitter {
  whom = null;
  #replica;
  #camera;
  #frame;
  #driving = false;

  /** `frame()` is the part of the stage that no panel covers. */
  constructor({ replica, camera, frame }) {
    super();
    this.#replica = replica;
    this.#camera = camera;
    this.#frame = frame;
    camera.on('move', () => { if (!this.#driving) this.stop(); });
    replica.on('users', () => { if (this.whom !== null && !replica.users.has(this.whom)) this.stop(true); });
  }

  start(clientId) {
    if (clientId === this.#replica.me || !this.#replica.users.has(clientId)) return;
    this.whom = clientId;
    this.emit('change', { whom: clientId, left: false });
  }

  stop(left = false) {
    if (this.whom === null) return;
    this.whom = null;
    this.emit('change', { whom: null, left });
  }

  /** Whether whoever we follow follows us, perhaps by way of others. */
  isRound() {
    const seen = new Set();
    let next = this.whom;
    while (typeof next === 'string' && !seen.has(next)) {
      if (next === this.#replica.me) return true;
      seen.add(next);
      next = this.#replica.users.get(next)?.presence?.follows;
    }
    return false;
  }

  /** Once, to where they are. */
  jump(clientId) {
    const target = this.#target(clientId);
    if (target) this.#camera.set(target);
  }

  /** One step of the way; true while there is more of it. `passed` is in ms, Infinity to be there at once. */
  step(passed) {
    const target = this.whom === null ? null : this.#target(this.whom);
    if (target === null) return false;
    const { x, y, scale } = this.#camera.view;
    const [dx, dy] = [target.x - x, target.y - y];
    const near = Math.hypot(dx, dy) < ARRIVED && Math.abs(target.scale / scale - 1) < 0.001;
    if (near && dx === 0 && dy === 0) return false;
    const share = near ? 1 : 1 - Math.exp(-passed / SMOOTHING);
    this.#driving = true;
    // By ratio: a zoom that grows evenly looks even.
    this.#camera.set({ x: x + dx * share, y: y + dy * share, scale: scale * (target.scale / scale) ** share });
    this.#driving = false;
    return !near;
  }

  #target(clientId) {
    const user = this.#replica.users.get(clientId);
    const frame = this.#frame();
    const view = user ? viewOf(user) : null;
    if (view) return this.#camera.viewOn(view, frame);
    if (!user?.cursor) return null;
    const { scale } = this.#camera;
    return { x: frame.x + frame.width / 2 - user.cursor.x * scale, y: frame.y + frame.height / 2 - user.cursor.y * scale, scale };
  }
}
