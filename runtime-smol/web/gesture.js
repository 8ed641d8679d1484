// Owns: what a drag does to images, step by step: move, resize, turn; and what a marquee touches. Free of DOM.
// Not here: which pointer or finger began it (pointer.js). Points are in the world.

import { boxOf } from './camera.js';
import { angleBetween, carried, centreOf, frameOf, handleAt, mayStretch, resized, tenth, turned } from './transform.js';

/** What all three share: the images as they were, and the end. `edits` shows the steps and stores the last. */
class Gesture {
  images;
  edits;
  #touched = false;

  constructor(edits, ids) {
    this.edits = edits;
    this.images = ids.map((id) => edits.image(id)).filter((image) => image !== null);
  }

  /** Shows every image at its new place; one that someone removed meanwhile stays away. */
  show(place) {
    this.#touched = true;
    for (const image of this.images) if (this.edits.image(image.id) !== null) this.edits.drag(image.id, place(image));
  }

  end() {
    if (this.#touched) this.edits.drop(this.images.map(({ id }) => id));
  }

  cancel() {
    if (this.#touched) this.edits.letGo(this.images.map(({ id }) => id));
  }
}

export class Move extends Gesture {
  #from;

  constructor(edits, ids, from) {
    super(edits, ids);
    this.#from = from;
  }

  /** `straight`: along one axis only. */
  to(point, { straight = false } = {}) {
    let [dx, dy] = [point.x - this.#from.x, point.y - this.#from.y];
    if (straight && Math.abs(dx) < Math.abs(dy)) dx = 0;
    else if (straight) dy = 0;
    this.show(({ x, y }) => ({ x: tenth(x + dx), y: tenth(y + dy) }));
  }
}

export class Resize extends Gesture {
  #frame;
  #handle;
  #slip;
  #stretch;

  constructor(edits, ids, from, handle) {
    super(edits, ids);
    this.#frame = frameOf(this.images);
    this.#handle = handle;
    this.#stretch = mayStretch(this.images, this.#frame);
    const at = handleAt(this.#frame, handle);
    this.#slip = { x: at.x - from.x, y: at.y - from.y }; // a handle is rarely caught at its middle
  }

  /** A corner keeps the proportion and a side does not; `other` turns that round. */
  to(point, { other = false, centre = false } = {}) {
    const corner = this.#handle.length === 2;
    const keep = corner !== other || !this.#stretch;
    const at = { x: point.x + this.#slip.x, y: point.y + this.#slip.y };
    const frame = resized(this.#frame, this.#handle, at, { keep, centre });
    this.show((image) => carried(image, this.#frame, frame));
  }
}

export class Turn extends Gesture {
  #frame;
  #from;

  constructor(edits, ids, from) {
    super(edits, ids);
    this.#frame = frameOf(this.images);
    this.#from = from;
  }

  to(point, { snap = false } = {}) {
    const pivot = centreOf(this.#frame);
    const angle = angleBetween(pivot, this.#from, point, { rotation: this.#frame.rotation, snap });
    this.show((image) => turned(image, pivot, angle));
  }
}

export function boxBetween(a, b) {
  return { x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y) };
}

/** The ids of the images that a marquee touches. */
export function touched(box, images) {
  return images.filter((image) => {
    const other = boxOf(image);
    return box.x < other.x + other.width && other.x < box.x + box.width && box.y < other.y + other.height && other.y < box.y + box.height;
  }).map(({ id }) => id);
}

/** Two fingers: the point between them and how far apart they are. */
export function spanOf([a, b]) {
  return { middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, length: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
}
