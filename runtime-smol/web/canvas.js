// Owns: the pictures on screen: one element an image, drawn from the replica once a frame, under the camera; and the
// places of those that are still being sent. Not here: gestures (pointer.js), what lies above (cursors.js, handles.js).

import { Emitter } from './events.js';
import { compareImages } from './order.js';
import { element, icon } from './dom.js';

const GRID = 28;
const STILL = 200; // ms without a move until the pictures are drawn sharp again

/** Emits `frame` (time) after each drawing; whoever needs another one calls `invalidate`. */
export class Canvas extends Emitter {
  #stage;
  #world;
  #replica;
  #camera;
  #pieces = new Map(); // image id → { node, picture, z }
  #ids = new WeakMap(); // element → image id
  #remove;
  #dirty = new Set();
  #all = true;
  pressed = false;
  #asked = false;
  #view = '';
  #stilling = null;

  /** `remove(id)`: someone wants a picture gone that cannot be loaded. */
  constructor({ stage, world, replica, camera, remove }) {
    super();
    this.#remove = remove;
    this.#stage = stage;
    this.#world = world;
    this.#replica = replica;
    this.#camera = camera;
    replica.on('image', (id) => {
      this.#dirty.add(id);
      this.invalidate();
    });
    replica.on('images', () => {
      this.#all = true;
      this.invalidate();
    });
    camera.on('move', () => this.invalidate());
  }

  invalidate() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame((time) => {
      this.#asked = false;
      this.#draw();
      this.emit('frame', time);
    });
  }

  /** The image id at or above this element, if any. */
  idOf(target) {
    const node = target.closest?.('.piece');
    return node ? this.#ids.get(node) : undefined;
  }

  /** By a press: `pressed` tells it from a focus that came by itself, with Tab or a screen reader. */
  focus(id) {
    this.pressed = true;
    this.#pieces.get(id)?.node.focus({ preventScroll: true });
    this.pressed = false;
  }

  /** The image that has the focus, if any; with `visibly`, only if it should show that. */
  focused({ visibly = false } = {}) {
    const at = document.activeElement;
    return at?.matches(visibly ? '.piece:focus-visible' : '.piece') ? this.#ids.get(at) : undefined;
  }

  /** A picture on its way to the server, seen by nobody else: { progress(share), remove() }. */
  reserve({ x, y, width, height }, preview) {
    const bar = element('i');
    const node = element('div', { className: 'piece sending', role: 'img', 'aria-label': 'Picture being sent' }, preview, element('span', { className: 'progress' }, bar));
    Object.assign(node.style, { width: `${width}px`, height: `${height}px`, transform: `translate(${x}px, ${y}px)`, zIndex: '1000000' });
    this.#world.append(node);
    return {
      progress: (share) => { bar.style.transform = `scaleX(${share})`; },
      remove: () => node.remove(),
    };
  }

  #draw() {
    this.#drawCamera();
    if (!this.#all && this.#dirty.size === 0) return;
    if (this.#all) for (const id of this.#pieces.keys()) this.#dirty.add(id);
    const images = this.#all ? this.#replica.images() : [...this.#dirty].map((id) => this.#replica.image(id));
    let restack = this.#all;
    const seen = new Set();
    for (const image of images) {
      if (image === null) continue;
      seen.add(image.id);
      restack = this.#drawPiece(image) || restack;
    }
    for (const id of this.#dirty) if (!seen.has(id)) this.#erase(id);
    this.#dirty.clear();
    this.#all = false;
    if (restack) this.#restack();
  }

  #drawCamera() {
    const { x, y, scale } = this.#camera;
    const view = `translate(${x}px, ${y}px) scale(${scale})`;
    if (view === this.#view) return;
    this.#view = view;
    this.#world.style.transform = view;
    this.#glide();
    let gap = GRID * scale;
    while (gap < 16) gap *= 2;
    while (gap > 64) gap /= 2;
    this.#stage.style.backgroundSize = `${gap}px ${gap}px`;
    this.#stage.style.backgroundPosition = `${x}px ${y}px`;
  }

  /** While the view moves, what was painted is moved as it is: painting a thousand pictures anew takes too long. */
  #glide() {
    this.#world.style.willChange = 'transform';
    clearTimeout(this.#stilling);
    this.#stilling = setTimeout(() => { this.#world.style.willChange = ''; }, STILL);
  }

  /** True when its place in the stack may have changed. */
  #drawPiece(image) {
    const known = this.#pieces.get(image.id);
    const piece = known ?? this.#create(image.id);
    const { style } = piece.node;
    style.width = `${image.width}px`;
    style.height = `${image.height}px`;
    style.transform = `translate(${image.x}px, ${image.y}px) rotate(${image.rotation ?? 0}deg)`;
    // Other people's steps come some 30 times a second: glide between them.
    piece.node.classList.toggle('gliding', this.#replica.dragger(image.id) !== null);
    if (piece.src !== image.src) {
      piece.src = image.src;
      piece.node.classList.remove('broken');
      piece.node.setAttribute('role', 'img');
      piece.node.querySelector('.ruin')?.remove();
      piece.node.classList.add('loading');
      piece.picture.src = image.src;
    }
    const label = typeof image.title === 'string' && image.title !== '' ? image.title : 'Picture';
    if (piece.node.getAttribute('aria-label') !== label) piece.node.setAttribute('aria-label', label);
    const moved = piece.z !== image.z || !known;
    piece.z = image.z;
    return moved;
  }

  #create(id) {
    const picture = element('img', { alt: '', draggable: 'false', decoding: 'async', referrerpolicy: 'no-referrer' });
    const node = element('div', { className: 'piece', tabindex: '0', role: 'img', 'data-image': id }, picture);
    const piece = { node, picture, src: null, z: null };
    picture.addEventListener('load', () => node.classList.remove('loading'));
    picture.addEventListener('error', () => {
      node.classList.remove('loading');
      this.#breakDown(id, piece);
    });
    this.#pieces.set(id, piece);
    this.#ids.set(node, id);
    this.#world.append(node);
    return piece;
  }

  /** What cannot be loaded says where it should have come from. */
  #breakDown(id, { node, src }) {
    const button = element('button', { type: 'button', className: 'secondary', text: 'Remove' });
    button.addEventListener('click', () => this.#remove(id));
    const words = [element('b', { text: 'This picture cannot be loaded' }), element('span', { text: src })];
    node.querySelector('.ruin')?.remove();
    node.append(element('div', { className: 'ruin' }, icon('broken'), ...words, button));
    node.classList.add('broken');
    node.setAttribute('role', 'group'); // what is within an image is hidden from readers
  }

  #erase(id) {
    const piece = this.#pieces.get(id);
    if (!piece) return;
    if (piece.node.contains(document.activeElement)) this.#stage.focus({ preventScroll: true });
    piece.node.remove();
    this.#pieces.delete(id);
  }

  /** z-index and not the order of elements: moving an element would restart its picture and lose the focus. */
  #restack() {
    const ids = [...this.#pieces.keys()];
    const order = ids.map((id) => this.#replica.image(id)).filter((image) => image !== null).sort(compareImages);
    order.forEach((image, rank) => { this.#pieces.get(image.id).node.style.zIndex = String(rank); });
  }
}
