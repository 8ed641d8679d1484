// Owns: the arithmetic of the minimap: what it covers, where things lie on it, where a click leads. Free of DOM.

import { boxAround } from './camera.js';

const MARGIN = 0.04; // of the longer side, so that nothing sticks to the edge

/** How the world lies on a map of `size`: all of these boxes (world), as large as they go, in the middle. */
export function layOut(boxes, size) {
  const all = boxAround(boxes);
  if (all === null) return null;
  const margin = Math.max(all.width, all.height) * MARGIN;
  const [width, height] = [Math.max(1, all.width + 2 * margin), Math.max(1, all.height + 2 * margin)];
  const scale = Math.min(size.width / width, size.height / height);
  return {
    scale,
    x: (size.width - all.width * scale) / 2 - all.x * scale,
    y: (size.height - all.height * scale) / 2 - all.y * scale,
  };
}

export function onMap({ scale, x, y }, box) {
  return { x: box.x * scale + x, y: box.y * scale + y, width: box.width * scale, height: box.height * scale };
}

export function fromMap({ scale, x, y }, point) {
  return { x: (point.x - x) / scale, y: (point.y - y) / scale };
}
