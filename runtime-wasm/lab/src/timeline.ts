// Owns: the line of time at the foot of the page: how far the world has come, where its faults are, where we are.

import { byId, element } from './dom';
import { seconds } from './panels';
import type { Moment } from './types';

/** The line is as long as this many ms at first, and twice as long whenever the world comes to its end. */
const FIRST = 30_000;

export class Timeline {
  #track = byId('track');
  #past = byId('past');
  #marks = byId('marks');
  #head = byId('head');
  #span = FIRST;
  #now = 0;
  #reached = 0;
  #shown = '';

  constructor(goTo: (ms: number) => void) {
    const at = (event: PointerEvent) => {
      const box = this.#track.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      goTo(Math.round(share * this.#span));
    };
    this.#track.addEventListener('pointerdown', (event) => {
      this.#track.setPointerCapture(event.pointerId);
      at(event);
    });
    this.#track.addEventListener('pointermove', (event) => {
      if (this.#track.hasPointerCapture(event.pointerId)) at(event);
    });
    this.#track.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: -100, ArrowRight: 100, PageDown: -5000, PageUp: 5000 }[event.key];
      if (by !== undefined) goTo(Math.max(0, this.#now + by));
      else if (event.key === 'Home') goTo(0);
      else if (event.key === 'End') goTo(this.#reached);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  /** `whole` is how long it is at all, where that is known. */
  show(now: number, reached: number, faults: Moment[], whole?: number) {
    [this.#now, this.#reached] = [now, reached];
    this.#span = whole ?? FIRST;
    while (this.#span < reached) this.#span *= 2;
    const share = (ms: number) => `${(ms / this.#span) * 100}%`;
    // Moved, not laid out.
    this.#past.style.transform = `scaleX(${reached / this.#span})`;
    this.#head.style.transform = `translateX(${share(now)})`;
    this.#track.setAttribute('aria-valuemax', String(Math.round(reached)));
    this.#track.setAttribute('aria-valuenow', String(Math.round(now)));
    this.#track.setAttribute('aria-valuetext', `${seconds(now)} seconds`);
    const key = `${this.#span} ${faults.length} ${faults.at(-1)?.[0]}`;
    if (key === this.#shown) return;
    this.#shown = key;
    this.#marks.replaceChildren(...faults.slice(-400).map(([, ms]) => {
      const mark = element('i', {});
      mark.style.left = share(ms);
      return mark;
    }));
  }
}
