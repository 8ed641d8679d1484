// Owns: other people's cursors with their names, gliding to where they are. One transform each a frame, nothing else.

import { element, icon, inkOn, safeColor } from './dom.js';

const SMOOTHING = 55; // ms in which a cursor covers some two thirds of the way to where it is
const ARRIVED = 0.3;

export class Cursors {
  #layer;
  #canvas;
  #camera;
  #replica;
  #cursors = new Map(); // client id → { node, name, at, spot, user }

  /** `pick(clientId)`: someone pressed the name at a cursor. */
  constructor({ layer, canvas, camera, replica, pick }) {
    this.#layer = layer;
    this.#canvas = canvas;
    this.#camera = camera;
    this.#replica = replica;
    for (const type of ['cursor', 'users']) replica.on(type, () => canvas.invalidate());
    layer.addEventListener('click', (event) => {
      const node = event.target.closest('.cursor');
      if (node) pick(node.dataset.client);
    });
  }

  /** True while one is still on its way. */
  draw(passed) {
    let moving = false;
    for (const user of this.#replica.users.values()) {
      if (user.clientId === this.#replica.me || !user.cursor) continue;
      moving = this.#place(user, passed) || moving;
    }
    for (const [clientId, { node }] of this.#cursors) {
      if (this.#replica.users.get(clientId)?.cursor && clientId !== this.#replica.me) continue;
      node.remove();
      this.#cursors.delete(clientId);
    }
    return moving;
  }

  #place(user, passed) {
    const cursor = this.#cursors.get(user.clientId) ?? this.#create(user);
    const share = 1 - Math.exp(-passed / SMOOTHING);
    const [dx, dy] = [user.cursor.x - cursor.at.x, user.cursor.y - cursor.at.y];
    const near = Math.hypot(dx, dy) * this.#camera.scale < ARRIVED;
    cursor.at = near ? user.cursor : { x: cursor.at.x + dx * share, y: cursor.at.y + dy * share };
    const { x, y } = this.#camera.toScreen(cursor.at);
    const spot = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    if (cursor.spot !== spot) cursor.node.style.transform = spot;
    cursor.spot = spot;
    if (cursor.user !== user) this.#describe(cursor, user);
    return !near;
  }

  #describe(cursor, user) {
    const before = cursor.user;
    cursor.user = user;
    if (before?.idle !== user.idle) cursor.node.classList.toggle('idle', Boolean(user.idle));
    if (before?.name !== user.name) cursor.name.textContent = user.name;
    if (before?.color === user.color) return;
    cursor.node.style.color = safeColor(user.color);
    cursor.name.style.color = inkOn(user.color);
  }

  #create(user) {
    const name = element('b', { className: 'cursor-name', dir: 'auto' });
    const label = element('span', { className: 'cursor-label', title: 'Follow' }, name);
    const node = element('div', { className: 'cursor', 'data-client': user.clientId }, icon('cursor'), label);
    const cursor = { node, name, at: { ...user.cursor }, spot: '', user: null };
    this.#layer.append(node);
    this.#cursors.set(user.clientId, cursor);
    return cursor;
  }
}
