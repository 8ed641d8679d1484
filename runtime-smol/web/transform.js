// Owns: the geometry of moving, resizing and turning: frames in, new places out. Free of DOM and of the room.
// A frame is { x, y, width, height, rotation }, turned about its middle, as an image is.

import { boxAround } from './camera.js';

/** Handle → the sides of the frame that it moves. */
export const HANDLES = new Map([
  ['nw', [-1, -1]], ['n', [0, -1]], ['ne', [1, -1]], ['e', [1, 0]],
  ['se', [1, 1]], ['s', [0, 1]], ['sw', [-1, 1]], ['w', [-1, 0]],
]);
const SMALLEST = 4;
const SNAP = 15;

export const tenth = (value) => Math.round(value * 10) / 10 + 0; // never -0

export const centreOf = ({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 });

export function rotated({ x, y }, degrees) {
  const turn = (degrees * Math.PI) / 180;
  const [sin, cos] = [Math.sin(turn), Math.cos(turn)];
  return { x: x * cos - y * sin, y: x * sin + y * cos };
}

/** In (-180, 180]. */
export function upright(degrees) {
  const turn = ((degrees % 360) + 360) % 360;
  return tenth(turn > 180 ? turn - 360 : turn);
}

/** What the handles stand around: one image as it is turned, several in one upright box. */
export function frameOf(images) {
  if (images.length !== 1) return { ...boxAround(images), rotation: 0 };
  const { x, y, width, height, rotation = 0 } = images[0];
  return { x, y, width, height, rotation };
}

/** Where a handle stands in the world. */
export function handleAt(frame, handle) {
  const [dx, dy] = HANDLES.get(handle);
  const middle = centreOf(frame);
  const from = rotated({ x: (dx * frame.width) / 2, y: (dy * frame.height) / 2 }, frame.rotation);
  return { x: middle.x + from.x, y: middle.y + from.y };
}

/** A picture that lies askew in the frame would be sheared by stretching one side alone. */
export function mayStretch(images, frame) {
  return images.every(({ rotation = 0 }) => Math.abs((rotation - frame.rotation) % 90) < 0.05);
}

/**
 * The frame after its handle was pulled to `point` (world). `keep`: width to height stays; `centre`: the middle
 * stays instead of the other side. It never turns inside out.
 */
export function resized(frame, handle, point, { keep = false, centre = false } = {}) {
  const [dx, dy] = HANDLES.get(handle);
  const { width, height, rotation } = frame;
  const middle = centreOf(frame);
  const at = rotated({ x: point.x - middle.x, y: point.y - middle.y }, -rotation);
  const anchor = centre ? { x: 0, y: 0 } : { x: (-dx * width) / 2, y: (-dy * height) / 2 };
  const whole = centre ? 2 : 1;
  let w = dx === 0 ? width : Math.max(SMALLEST, (at.x - anchor.x) * dx * whole);
  let h = dy === 0 ? height : Math.max(SMALLEST, (at.y - anchor.y) * dy * whole);
  if (keep) {
    const least = Math.max(SMALLEST / width, SMALLEST / height);
    const grown = Math.max(least, growth({ dx, dy, width, height }, { x: (at.x - anchor.x) * whole, y: (at.y - anchor.y) * whole }));
    w = width * grown;
    h = height * grown;
  }
  const moved = rotated({ x: anchor.x + (centre ? 0 : (dx * w) / 2), y: anchor.y + (centre ? 0 : (dy * h) / 2) }, rotation);
  return { x: middle.x + moved.x - w / 2, y: middle.y + moved.y - h / 2, width: w, height: h, rotation };
}

/** How much the diagonal (of a side: the side) has grown: the pull's share along it. */
function growth({ dx, dy, width, height }, pull) {
  const [a, b] = [dx * width, dy * height];
  return (pull.x * a + pull.y * b) / (a * a + b * b);
}

/** The new place of an image of a frame that has become another frame. */
export function carried(image, from, to) {
  const [sx, sy] = [to.width / from.width, to.height / from.height];
  const [middle, before, after] = [centreOf(image), centreOf(from), centreOf(to)];
  const local = rotated({ x: middle.x - before.x, y: middle.y - before.y }, -from.rotation);
  const moved = rotated({ x: local.x * sx, y: local.y * sy }, to.rotation);
  const lying = Math.abs(Math.round(((image.rotation ?? 0) - from.rotation) / 90)) % 2 === 1;
  const width = Math.max(1, image.width * (lying ? sy : sx));
  const height = Math.max(1, image.height * (lying ? sx : sy));
  return {
    x: tenth(after.x + moved.x - width / 2),
    y: tenth(after.y + moved.y - height / 2),
    width: tenth(width),
    height: tenth(height),
  };
}

/** The new place of an image that is turned about `pivot`. */
export function turned(image, pivot, degrees) {
  const middle = centreOf(image);
  const moved = rotated({ x: middle.x - pivot.x, y: middle.y - pivot.y }, degrees);
  return {
    x: tenth(pivot.x + moved.x - image.width / 2),
    y: tenth(pivot.y + moved.y - image.height / 2),
    rotation: upright((image.rotation ?? 0) + degrees),
  };
}

/** The angle from one direction to another about `pivot`; with `snap`, so that the frame ends on a step of 15°. */
export function angleBetween(pivot, from, to, { rotation = 0, snap = false } = {}) {
  const direction = (point) => (Math.atan2(point.y - pivot.y, point.x - pivot.x) * 180) / Math.PI;
  const turn = direction(to) - direction(from);
  if (!snap) return turn;
  return Math.round((rotation + turn) / SNAP) * SNAP - rotation;
}
