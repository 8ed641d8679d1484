// Owns: what lies above the pictures for those that are selected: outlines, the frame with its handles, the marquee,
// the bar of tools. Not here: what pulling a handle does (gesture.js), cursors (cursors.js).

import { boxAround } from './camera.js';
import { byId, element, safeColor } from './dom.js';
import { HANDLES, frameOf } from './transform.js';

const TOOLS_GAP = 16;
const TURN_GAP = 36; // the turning handle stands below the frame
const OUTLINED = 60; // of more than this the common frame says enough
const ROOMY = matchMedia('(pointer: coarse)').matches ? 110 : 48; // px from which a side has room for its own handle
const CURSORS = ['ns-resize', 'nesw-resize', 'ew-resize', 'nwse-resize'];

export class Handles {
  #layer;
  #tools;
  #canvas;
  #camera;
  #replica;
  #selection;
  #outlines = new Map(); // image id → element
  #frame;
  #grips;
  #marquee;
  #marked = null;
  #busy = false;
  #room = { width: 0, height: 0 };
  #toolSize = { width: 0, height: 0 };

  constructor({ layer, tools, canvas, camera, replica, selection, pointer }) {
    this.#layer = layer;
    this.#tools = tools;
    this.#canvas = canvas;
    this.#camera = camera;
    this.#replica = replica;
    this.#selection = selection;
    this.#marquee = element('div', { className: 'marquee' });
    this.#grips = [...HANDLES.keys(), 'turn'].map((handle) => element('i', { className: `handle ${handle}`, 'data-handle': handle }));
    this.#frame = element('div', { className: 'frame' }, ...this.#grips);
    layer.append(this.#frame, this.#marquee);
    selection.on('change', () => canvas.invalidate());
    replica.on('room', () => canvas.invalidate());
    pointer.on('marquee', (box) => { this.#marked = box; canvas.invalidate(); });
    pointer.on('busy', (busy) => { this.#busy = busy; canvas.invalidate(); });
    // Sizes are learnt when they change: asking within a frame would force a layout in each.
    const learn = new ResizeObserver((entries) => {
      for (const { target, borderBoxSize: [{ inlineSize: width, blockSize: height }] } of entries) {
        if (target === layer) this.#room = { width, height };
        else this.#toolSize = { width, height };
      }
      canvas.invalidate();
    });
    learn.observe(layer);
    learn.observe(tools);
  }

  draw() {
    const images = this.#selection.ids.map((id) => this.#replica.image(id)).filter((image) => image !== null);
    this.#drawOutlines(images);
    this.#drawFrame(images);
    this.#drawTools(images);
    this.#marquee.hidden = this.#marked === null;
    if (this.#marked) this.#lay(this.#marquee, { ...this.#marked, rotation: 0 });
  }

  #lay(node, { x, y, width, height, rotation = 0 }) {
    const { scale } = this.#camera;
    const at = this.#camera.toScreen({ x, y });
    node.style.width = `${width * scale}px`;
    node.style.height = `${height * scale}px`;
    node.style.transform = `translate(${at.x}px, ${at.y}px) rotate(${rotation}deg)`;
  }

  #drawOutlines(images) {
    const wanted = new Map();
    if (images.length <= OUTLINED) for (const image of images) wanted.set(image.id, { image, color: '' });
    const focused = this.#canvas.focused({ visibly: true });
    const at = focused === undefined ? null : this.#replica.image(focused);
    if (at) wanted.set(focused, { image: at, color: '' });
    for (const id of this.#replica.dragged()) {
      const image = this.#replica.image(id);
      const dragger = this.#replica.users.get(this.#replica.dragger(id));
      if (image && dragger) wanted.set(id, { image, color: safeColor(dragger.color) });
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
      this.#lay(node, image);
      node.style.borderColor = color;
      node.classList.toggle('gliding', color !== '');
      node.classList.toggle('focused', id === focused);
    }
  }

  #drawFrame(images) {
    const shown = images.length > 0 && this.#replica.canEdit && this.#marked === null;
    this.#frame.hidden = !shown;
    if (!shown) return;
    const frame = frameOf(images);
    this.#lay(this.#frame, frame);
    const { scale } = this.#camera;
    this.#frame.classList.toggle('narrow', frame.width * scale < ROOMY);
    this.#frame.classList.toggle('low', frame.height * scale < ROOMY);
    this.#frame.classList.toggle('many', images.length > 1);
    for (const grip of this.#grips) {
      const sides = HANDLES.get(grip.dataset.handle);
      if (!sides) continue;
      const angle = (Math.atan2(sides[0], -sides[1]) * 180) / Math.PI + frame.rotation;
      grip.style.cursor = CURSORS[((Math.round(angle / 45) % 4) + 4) % 4];
    }
  }

  #drawTools(images) {
    const shown = images.length > 0 && this.#replica.canEdit && !this.#busy;
    this.#tools.hidden = !shown;
    if (!shown) return;
    const count = byId('tools-count');
    const words = images.length > 1 ? String(images.length) : '';
    if (count.textContent !== words) count.textContent = words;
    const box = boxAround(images);
    const from = this.#camera.toScreen(box);
    const { scale } = this.#camera;
    const { width, height } = this.#toolSize;
    const above = from.y - height - TOOLS_GAP;
    const below = from.y + box.height * scale + TOOLS_GAP + TURN_GAP;
    const top = above > 76 ? above : Math.min(below, this.#room.height - height - 96);
    const left = from.x + (box.width * scale - width) / 2;
    const clamp = (value, end) => Math.max(12, Math.min(value, end));
    this.#tools.style.transform = `translate(${clamp(left, this.#room.width - width - 12)}px, ${clamp(top, this.#room.height)}px)`;
  }
}
