// Owns: drawing a room small: asked for when its card comes into view, drawn anew when something happened there.
// Not here: where things lie on it (preview.js).

import { element, icon, onceAFrame } from './dom.js';
import { planOf, turns } from './preview.js';

const SIZE = { width: 640, height: 400 }; // drawn for sharp screens, shown smaller
const ROOMS_AT_ONCE = 3;
const IMAGES_AT_ONCE = 6;
const PATIENCE = 12_000; // ms: then an image counts as broken, and the next has its turn
const STALE = 30_000; // ms: as long as the server lets a preview be kept
const BOX = 'rgb(128 118 105 / 22%)'; // on light and on dark

/** `ask(room, share)` gives the images of a room. `draw(node, { id, share, lastActivity })` may be called again and again. */
export class Thumbs {
  #ask;
  #turn = turns(ROOMS_AT_ONCE);
  #load = turns(IMAGES_AT_ONCE);
  #known = new WeakMap(); // node → { room, seen, drawnAt, drawn, timer }
  #sight;

  constructor(ask) {
    this.#ask = ask;
    this.#sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        this.#known.get(target).seen = isIntersecting;
        if (isIntersecting) this.#look(target);
      }
    }, { rootMargin: '200px' });
  }

  make() {
    const sheet = element('canvas', { className: 'thumb-sheet', width: SIZE.width, height: SIZE.height });
    return element('div', { className: 'thumb', 'aria-hidden': 'true' }, sheet, icon('image'));
  }

  draw(node, room) {
    const known = this.#known.get(node);
    if (known) known.room = room;
    else {
      this.#known.set(node, { room, seen: false, drawnAt: -Infinity, drawn: null, timer: null });
      this.#sight.observe(node);
    }
    if (known?.seen) this.#look(node);
  }

  drop(node) {
    this.#sight.unobserve(node);
    clearTimeout(this.#known.get(node)?.timer);
    this.#known.delete(node);
  }

  #look(node) {
    const known = this.#known.get(node);
    if (!known || known.timer !== null || known.drawn === known.room.lastActivity) return;
    known.timer = setTimeout(() => this.#turn(() => this.#fill(node)), Math.max(0, known.drawnAt + STALE - Date.now()));
  }

  async #fill(node) {
    const known = this.#known.get(node);
    if (!known) return; // it left the page while it waited
    if (!known.seen) {
      known.timer = null;
      return;
    }
    const { id, share = null, lastActivity } = known.room;
    const images = await this.#ask(id, share).catch(() => null); // the card says enough without a picture
    known.timer = null;
    known.drawnAt = Date.now();
    known.drawn = lastActivity;
    if (images !== null) await this.#paint(node, planOf(images, SIZE));
    this.#look(node); // something may have happened meanwhile
  }

  async #paint(node, plan) {
    const sheet = node.firstChild;
    const context = sheet.getContext('2d');
    const pictures = new Map();
    const again = onceAFrame(() => paint(context, plan, pictures));
    await Promise.all(plan.map((piece) => piece.src !== null && this.#load(async () => {
      pictures.set(piece, await load(piece.src));
      again();
    })));
    paint(context, plan, pictures);
    node.classList.toggle('drawn', plan.length > 0);
  }
}

/** The picture, or null where none could be loaded. It may be from anywhere: it is drawn, and never read. */
function load(src) {
  return new Promise((resolve) => {
    const picture = new Image();
    const done = (result) => () => {
      clearTimeout(timer);
      resolve(result);
    };
    const timer = setTimeout(() => {
      picture.src = '';
      resolve(null);
    }, PATIENCE);
    picture.addEventListener('load', done(picture));
    picture.addEventListener('error', done(null));
    picture.referrerPolicy = 'no-referrer';
    picture.src = src;
  });
}

function paint(context, plan, pictures) {
  context.resetTransform();
  context.clearRect(0, 0, SIZE.width, SIZE.height);
  context.imageSmoothingQuality = 'high';
  for (const piece of plan) {
    const { x, y, width, height, turn } = piece;
    context.setTransform(1, 0, 0, 1, x, y);
    context.rotate(turn);
    const picture = pictures.get(piece);
    if (picture) context.drawImage(picture, -width / 2, -height / 2, width, height);
    else {
      context.fillStyle = BOX;
      context.beginPath();
      context.roundRect(-width / 2, -height / 2, width, height, 4);
      context.fill();
    }
  }
}
