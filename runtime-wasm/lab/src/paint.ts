// Owns: how one screen is drawn. What is drawn again and again, on nine screens and at each frame, is drawn once and
// copied from then on.

import type { Screen } from './types';

/** A part of a canvas. */
export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The part of the canvas that people work on: see `BOARD` in core/src/sim/painter.rs. */
export const BOARD: Area = { x: 0, y: 0, width: 1600, height: 1000 };
const HUES = [14, 32, 48, 88, 140, 172, 198, 222, 252, 284, 316, 344];
/** With more pointers than this on a small screen their names would hide what is under them. */
const NAMED_UP_TO = 5;
/** A screen this wide, in CSS pixels, has room for the names of this many. */
const LARGE = { width: 400, named: 30 };
/** So many copies are kept; what has not been used for longest goes. */
const KEPT = 2000;
const FONT = 'Figtree, system-ui, sans-serif';

type Draw = (context: OffscreenCanvasRenderingContext2D) => void;

export class Paint {
  #colors = colors();
  #copies = new Map<string, OffscreenCanvas>();

  /** The appearance of the page has changed. */
  recolor() {
    this.#colors = colors();
    this.#copies.clear();
  }

  /** Draws what someone sees of this part of the canvas, `wide` by `high` CSS pixels of `ratio` device pixels. */
  screen(canvas: HTMLCanvasElement, screen: Screen, area: Area, [wide, high]: [number, number], ratio: number) {
    const [width, height] = [Math.round(wide * ratio), Math.round(high * ratio)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext('2d', { alpha: false });
    if (context === null || width === 0) return;
    const scale = Math.min(width / area.width, height / area.height);
    const [left, top] = [(width - area.width * scale) / 2 - area.x * scale, (height - area.height * scale) / 2 - area.y * scale];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = this.#colors.board;
    context.fillRect(0, 0, width, height);
    for (const [, x, y, imageWidth, imageHeight, rotation, file, held] of screen.images) {
      const [across, down] = [Math.round(imageWidth * scale), Math.round(imageHeight * scale)];
      const copy = this.#picture(across, down, file, held, ratio);
      if (copy === null) continue;
      const [middleX, middleY] = [left + (x + imageWidth / 2) * scale, top + (y + imageHeight / 2) * scale];
      if (rotation % 360 === 0) {
        context.drawImage(copy, Math.round(middleX - copy.width / 2), Math.round(middleY - copy.height / 2));
        continue;
      }
      context.translate(middleX, middleY);
      context.rotate((rotation * Math.PI) / 180);
      context.drawImage(copy, -copy.width / 2, -copy.height / 2);
      context.setTransform(1, 0, 0, 1, 0, 0);
    }
    const large = wide >= LARGE.width;
    const named = screen.cursors.length <= (large ? LARGE.named : NAMED_UP_TO);
    for (const [, name, color, x, y] of screen.cursors) {
      const copy = this.#pointer(color, named ? name : '', ratio);
      if (copy !== null) context.drawImage(copy, Math.round(left + x * scale) - ratio, Math.round(top + y * scale) - ratio);
    }
    if (large) this.#talk(context, screen.chat, height, 12 * ratio);
  }

  /** What was said last, at the foot of the screen. */
  #talk(context: CanvasRenderingContext2D, chat: Screen['chat'], height: number, size: number) {
    context.font = `500 ${size}px ${FONT}`;
    for (const [at, [who, text]] of chat.entries()) {
      const [said, foot] = [`${who}: ${text}`, height - size * (1 + 1.6 * at)];
      context.fillStyle = this.#colors.veil;
      context.beginPath();
      context.roundRect(size * 0.6, foot - size * 1.15, context.measureText(said).width + size, size * 1.5, size * 0.4);
      context.fill();
      context.fillStyle = this.#colors.quiet;
      context.fillText(said, size * 1.1, foot);
    }
  }

  /** A hill under a sun: what all pictures show, each in a colour of its own. */
  #picture(wide: number, high: number, file: string, held: boolean, ratio: number): OffscreenCanvas | null {
    const edge = 2 * ratio;
    return this.#copy(`${file} ${wide} ${high} ${held} ${ratio}`, wide + 2 * edge, high + 2 * edge, (context) => {
      const hue = HUES[numberOf(file) % HUES.length] ?? 0;
      const shape = new Path2D();
      shape.roundRect(edge, edge, wide, high, Math.min(wide, high) / 14);
      context.save();
      context.clip(shape);
      context.fillStyle = `hsl(${hue} ${this.#colors.sky})`;
      context.fill(shape);
      context.translate(edge + wide / 2, edge + high / 2);
      context.fillStyle = `hsl(${hue} ${this.#colors.sun})`;
      context.beginPath();
      context.arc(wide * 0.24, -high * 0.2, high * 0.13, 0, 7);
      context.fill();
      context.fillStyle = `hsl(${hue} ${this.#colors.hill})`;
      context.beginPath();
      context.moveTo(-wide / 2, high / 2);
      const ridge: [number, number][] = [[-0.5, 0.12], [-0.18, -0.16], [0.1, 0.2], [0.26, 0], [0.5, 0.3], [0.5, 0.5]];
      for (const [x, y] of ridge) context.lineTo(x * wide, y * high);
      context.fill();
      context.restore();
      if (!held) return;
      context.strokeStyle = this.#colors.accent;
      context.lineWidth = 2 * ratio;
      context.setLineDash([6 * ratio, 4 * ratio]);
      context.stroke(shape);
    });
  }

  #pointer(color: string, name: string, ratio: number): OffscreenCanvas | null {
    const font = `600 ${10 * ratio}px ${FONT}`;
    const text = name === '' ? 0 : widthOf(name, font);
    const [wide, high] = [Math.max(15 * ratio, text + 22 * ratio), (name === '' ? 16 : 28) * ratio];
    return this.#copy(`${color} ${name} ${ratio}`, wide, high, (context) => {
      context.scale(ratio, ratio);
      context.translate(1, 1);
      context.fillStyle = color;
      context.strokeStyle = 'rgb(255 255 255 / 90%)';
      context.lineWidth = 1.1;
      const arrow = new Path2D('M0 0 4.1 11.8 6.4 6.8 11.8 4.5z');
      context.fill(arrow);
      context.stroke(arrow);
      if (name === '') return;
      context.beginPath();
      context.roundRect(9, 10, text / ratio + 8, 15, 4.5);
      context.fill();
      context.font = `600 10px ${FONT}`;
      context.fillStyle = '#fff';
      context.fillText(name, 13, 21);
    });
  }

  #copy(key: string, wide: number, high: number, draw: Draw): OffscreenCanvas | null {
    const known = this.#copies.get(key);
    if (known) return known;
    const made = new OffscreenCanvas(Math.max(1, Math.ceil(wide)), Math.max(1, Math.ceil(high)));
    const context = made.getContext('2d');
    if (context === null) return null;
    draw(context);
    if (this.#copies.size >= KEPT) this.#copies.clear();
    this.#copies.set(key, made);
    return made;
  }
}

/** The simulated people's pictures have numbers for names; others get one. */
function numberOf(file: string): number {
  const number = Number.parseInt(file, 10);
  return Number.isNaN(number) ? [...file].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) : number;
}

const ruler = new OffscreenCanvas(1, 1).getContext('2d');

function widthOf(text: string, font: string): number {
  if (ruler === null) return 0;
  ruler.font = font;
  return ruler.measureText(text).width;
}

function colors() {
  const style = getComputedStyle(document.documentElement);
  const dark = style.colorScheme === 'dark' || (style.colorScheme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  return dark
    ? { board: '#1b191e', sky: '26% 34%', sun: '60% 74%', hill: '30% 22%', accent: '#ff7d5c', quiet: '#d8d1c8', veil: 'rgb(33 30 37 / 82%)' }
    : { board: '#fbf9f4', sky: '58% 82%', sun: '82% 94%', hill: '38% 58%', accent: '#c63f22', quiet: '#4c4437', veil: 'rgb(255 254 251 / 82%)' };
}
