// Owns: the arithmetic of a thumbnail: where each image lies on it, as { src, x, y, width, height, turn }; and taking turns.
// Free of DOM.

import { boxAround } from './camera.js';

const MARGIN = 0.07; // of the thumbnail's shorter side
const CLOSEST = 2; // a lone small image is not blown up further
const TINY = 3; // px: what is smaller is a box, and not worth a request

const isPlaced = (image) => ['x', 'y', 'width', 'height'].every((key) => Number.isFinite(image?.[key])) && image.width > 0 && image.height > 0;

/** All images, as large as they go, in the middle. `x` and `y` are of an image's centre; `src` is null for a mere box. */
export function planOf(images, { width, height }) {
  const placed = images.filter(isPlaced);
  const all = boxAround(placed);
  if (all === null) return [];
  const margin = Math.min(width, height) * MARGIN;
  const scale = Math.min((width - 2 * margin) / all.width, (height - 2 * margin) / all.height, CLOSEST);
  const [left, top] = [(width - all.width * scale) / 2, (height - all.height * scale) / 2];
  return placed.map((image) => {
    const size = { width: image.width * scale, height: image.height * scale };
    return {
      ...size,
      src: typeof image.src === 'string' && Math.max(size.width, size.height) >= TINY ? image.src : null,
      x: left + (image.x + image.width / 2 - all.x) * scale,
      y: top + (image.y + image.height / 2 - all.y) * scale,
      turn: ((image.rotation ?? 0) * Math.PI) / 180,
    };
  });
}

/** A way to do only so many things at once: `turn(work)` does it when it is its turn and gives what it gave. */
export function turns(most) {
  const waiting = [];
  let busy = 0;
  async function next() {
    if (busy >= most || waiting.length === 0) return;
    busy += 1;
    await waiting.shift()();
    busy -= 1;
    next();
  }
  return (work) => new Promise((resolve, reject) => {
    waiting.push(() => Promise.resolve().then(work).then(resolve, reject));
    next();
  });
}
