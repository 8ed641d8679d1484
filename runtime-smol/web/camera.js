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

  /** Shows `box` (world) within `frame` (screen), never larger than life. */
  fit(box, frame) {
    const scale = Math.min(1, frame.width / Math.max(1, box.width), frame.height / Math.max(1, box.height));
    const clamped = Math.min(LARGEST, Math.max(SMALLEST, scale));
    this.set({
      x: frame.x + frame.width / 2 - (box.x + box.width / 2) * clamped,
      y: frame.y + frame.height / 2 - (box.y + box.height / 2) * clamped,
      scale: clamped,
    });
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

/** A free place for a box of this size near the middle of `view` (world), or a slight step off the middle. */
export function freePlace({ width, height }, view, images, gap) {
  const boxes = images.map(boxOf);
  const middle = { x: view.x + (view.width - width) / 2, y: view.y + (view.height - height) / 2 };
  const step = Math.min(width, height) / 3;
  for (let i = 0; i < 240; i += 1) {
    const angle = i * 2.4; // close to the golden angle: the spiral fills the plane evenly
    const reach = step * Math.sqrt(i);
    const spot = { x: middle.x + Math.cos(angle) * reach * 1.4, y: middle.y + Math.sin(angle) * reach, width, height };
    const inside = spot.x >= view.x && spot.y >= view.y && spot.x + width <= view.x + view.width && spot.y + height <= view.y + view.height;
    if (inside && !boxes.some((box) => overlaps(spot, box, gap))) return { x: spot.x, y: spot.y };
  }
  const shift = (images.length % 7) * gap;
  return { x: middle.x + shift, y: middle.y + shift };
}

function overlaps(a, b, gap) {
  return a.x < b.x + b.width + gap && b.x < a.x + a.width + gap && a.y < b.y + b.height + gap && b.y < a.y + a.height + gap;
}
