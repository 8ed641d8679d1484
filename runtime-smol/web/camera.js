// Owns: where one looks from: screen = world × scale + (x, y). Free of DOM.

import { Emitter } from './events.js';

const SMALLEST = 0.05;
const LARGEST = 8;

/** Emits `move`. */
export class Camera extends Emitter {
  x = 0;
  y = 0;
  scale = 1;

  toWorld(point) {
    return { x: (point.x - this.x) / this.scale, y: (point.y - this.y) / this.scale };
  }

  toScreen(point) {
    return { x: point.x * this.scale + this.x, y: point.y * this.scale + this.y };
  }

  get view() {
    return { x: this.x, y: this.y, scale: this.scale };
  }

  set({ x, y, scale }) {
    this.x = x;
    this.y = y;
    this.scale = Math.min(LARGEST, Math.max(SMALLEST, scale));
    this.emit('move');
  }

  pan(dx, dy) {
    this.set({ x: this.x + dx, y: this.y + dy, scale: this.scale });
  }

  /** What lies under `anchor` stays under it. */
  zoom(factor, anchor) {
    const scale = Math.min(LARGEST, Math.max(SMALLEST, this.scale * factor));
    const grown = scale / this.scale;
    this.set({ x: anchor.x - (anchor.x - this.x) * grown, y: anchor.y - (anchor.y - this.y) * grown, scale });
  }

  /** Steps back, if need be, until `box` (world) is within `frame` (screen) beside all that is there now. */
  reveal(box, frame) {
    const from = this.toWorld(frame);
    const view = { ...from, width: frame.width / this.scale, height: frame.height / this.scale };
    const all = boxAround([view, box]);
    if (all.width > view.width + 0.01 || all.height > view.height + 0.01) this.fit(all, frame);
  }

  /** Shows `box` (world) within `frame` (screen), never larger than life. */
  fit(box, frame) {
    this.set(this.viewOn(box, frame, 1));
  }

  /** The view that has `box` (world) in the middle of `frame` (screen), as large as can be. */
  viewOn(box, frame, most = LARGEST) {
    const fitting = Math.min(most, frame.width / Math.max(1, box.width), frame.height / Math.max(1, box.height));
    const scale = Math.max(SMALLEST, fitting);
    return {
      x: frame.x + frame.width / 2 - (box.x + box.width / 2) * scale,
      y: frame.y + frame.height / 2 - (box.y + box.height / 2) * scale,
      scale,
    };
  }

  /** The part of the world in a screen of this size. */
  seen({ width, height }) {
    return { ...this.toWorld({ x: 0, y: 0 }), width: width / this.scale, height: height / this.scale };
  }
}

/** The box around one image, its turn included. */
export function boxOf({ x, y, width, height, rotation = 0 }) {
  const turn = (rotation * Math.PI) / 180;
  const w = Math.abs(width * Math.cos(turn)) + Math.abs(height * Math.sin(turn));
  const h = Math.abs(width * Math.sin(turn)) + Math.abs(height * Math.cos(turn));
  return { x: x + (width - w) / 2, y: y + (height - h) / 2, width: w, height: h };
}

export function boxAround(images) {
  if (images.length === 0) return null;
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const box of images.map(boxOf)) {
    left = Math.min(left, box.x);
    top = Math.min(top, box.y);
    right = Math.max(right, box.x + box.width);
    bottom = Math.max(bottom, box.y + box.height);
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}

const NEIGHBOURS = 200; // a crowded canvas must not make adding slow

/**
 * A place for a box of this size that covers no other: beside, above or below one that is there, as near to the
 * middle of `view` (world) as can be. It may lie outside the view.
 */
export function freePlace({ width, height }, view, images, gap) {
  const middle = { x: view.x + view.width / 2, y: view.y + view.height / 2 };
  const far = (box) => Math.hypot((box.x + box.width / 2 - middle.x) / view.width, (box.y + box.height / 2 - middle.y) / view.height);
  const boxes = images.map(boxOf).sort((a, b) => far(a) - far(b)).slice(0, NEIGHBOURS);
  const spots = [{ x: middle.x - width / 2, y: middle.y - height / 2 }];
  for (const box of boxes) {
    for (const y of [box.y, box.y + box.height - height]) spots.push({ x: box.x + box.width + gap, y }, { x: box.x - gap - width, y });
    for (const x of [box.x, box.x + box.width - width]) spots.push({ x, y: box.y + box.height + gap }, { x, y: box.y - gap - height });
  }
  const places = spots.map((spot) => ({ ...spot, width, height })).sort((a, b) => far(a) - far(b));
  const { x, y } = places.find((place) => !boxes.some((box) => overlaps(place, box, gap * 0.99))) ?? places[0];
  return { x, y };
}

function overlaps(a, b, gap) {
  return a.x < b.x + b.width + gap && b.x < a.x + a.width + gap && a.y < b.y + b.height + gap && b.y < a.y + a.height + gap;
}
