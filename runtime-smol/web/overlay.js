// Owns: what lies above the pictures at a fixed size: cursors with names, outlines, the tools of the selection.
// Not here: the pictures (canvas.js).

import { boxOf } from './camera.js';
import { element, icon, inkOn, safeColor } from './dom.js';

const SMOOTHING = 55; // ms in which a cursor covers some two thirds of the way to where it is
const ARRIVED = 0.3;
const TOOLS_GAP = 14;

export class Overlay {
  #layer;
  #tools;
  #canvas;
  #camera;
  #replica;
  #selection;
  #cursors = new Map(); // client id → { node, name, at }
  #outlines = new Map(); // image id → element
  #last = 0;

  constructor({ layer, tools, canvas, camera, replica, selection }) {
    this.#layer = layer;
    this.#tools = tools;
    this.#canvas = canvas;
    this.#camera = camera;
    this.#replica = replica;
    this.#selection = selection;
    canvas.on('frame', (time) => this.#draw(time));
    for (const type of ['cursor', 'users']) replica.on(type, () => canvas.invalidate());
    selection.on('change', () => canvas.invalidate());
  }

  #draw(time) {
    const passed = Math.min(100, time - this.#last);
    this.#last = time;
    const moving = this.#drawCursors(passed);
    this.#drawOutlines();
    this.#drawTools();
    if (moving) this.#canvas.invalidate();
  }

  #drawCursors(passed) {
    let moving = false;
    const seen = new Set();
    for (const user of this.#replica.users.values()) {
      if (user.clientId === this.#replica.me || !user.cursor) continue;
      seen.add(user.clientId);
      const cursor = this.#cursors.get(user.clientId) ?? this.#createCursor(user);
      const share = 1 - Math.exp(-passed / SMOOTHING);
      const [dx, dy] = [user.cursor.x - cursor.at.x, user.cursor.y - cursor.at.y];
      const near = Math.hypot(dx, dy) * this.#camera.scale < ARRIVED;
      cursor.at = near ? { ...user.cursor } : { x: cursor.at.x + dx * share, y: cursor.at.y + dy * share };
      moving ||= !near;
      const { x, y } = this.#camera.toScreen(cursor.at);
      cursor.node.style.transform = `translate(${x}px, ${y}px)`;
      cursor.node.classList.toggle('idle', Boolean(user.idle));
      cursor.node.style.color = safeColor(user.color);
      cursor.name.style.color = inkOn(user.color);
      if (cursor.name.textContent !== user.name) cursor.name.textContent = user.name;
    }
    for (const [clientId, { node }] of this.#cursors) {
      if (seen.has(clientId)) continue;
      node.remove();
      this.#cursors.delete(clientId);
    }
    return moving;
  }

  #createCursor(user) {
    const name = element('b', { className: 'cursor-name', dir: 'auto' });
    const label = element('span', { className: 'cursor-label' }, name);
    const node = element('div', { className: 'cursor', 'data-client': user.clientId }, icon('cursor'), label);
    const cursor = { node, name, at: { ...user.cursor } };
    this.#layer.append(node);
    this.#cursors.set(user.clientId, cursor);
    return cursor;
  }

  #drawOutlines() {
    const wanted = new Map();
    for (const id of new Set([...this.#selection.ids, ...this.#replica.dragged()])) {
      const image = this.#replica.image(id);
      const dragger = this.#replica.users.get(this.#replica.dragger(id));
      if (image) wanted.set(id, { image, color: dragger ? safeColor(dragger.color) : '' });
    }
    for (const [id, node] of this.#outlines) {
      if (wanted.has(id)) continue;
      node.remove();
      this.#outlines.delete(id);
    }
    for (const [id, { image, color }] of wanted) {
      const node = this.#outlines.get(id) ?? element('div', { className: 'outline' });
      if (!node.isConnected) this.#layer.prepend(node);
      this.#outlines.set(id, node);
      const { x, y } = this.#camera.toScreen(image);
      const { scale } = this.#camera;
      node.style.width = `${image.width * scale}px`;
      node.style.height = `${image.height * scale}px`;
      node.style.transform = `translate(${x}px, ${y}px) rotate(${image.rotation ?? 0}deg)`;
      node.style.borderColor = color;
      node.classList.toggle('gliding', color !== '');
    }
  }

  #drawTools() {
    const image = this.#selection.size === 1 && this.#replica.canEdit ? this.#replica.image(this.#selection.ids[0]) : null;
    this.#tools.hidden = image === null;
    if (image === null) return;
    const box = boxOf(image);
    const from = this.#camera.toScreen(box);
    const { scale } = this.#camera;
    const { offsetWidth: width, offsetHeight: height } = this.#tools;
    const { clientWidth, clientHeight } = this.#layer;
    const above = from.y - height - TOOLS_GAP;
    const below = from.y + box.height * scale + TOOLS_GAP;
    const top = above > 76 ? above : Math.min(below, clientHeight - height - 120);
    const left = from.x + (box.width * scale - width) / 2;
    const clamp = (value, end) => Math.max(12, Math.min(value, end));
    this.#tools.style.transform = `translate(${clamp(left, clientWidth - width - 12)}px, ${clamp(top, clientHeight)}px)`;
  }
}
