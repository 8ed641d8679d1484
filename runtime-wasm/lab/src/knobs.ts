// Owns: the sliders and switches that say what the world is like.

import { element } from './dom';
import type { Knobs } from './types';

interface Slider {
  group: string;
  label: string;
  unit: string;
  most: number;
  least?: number;
  step?: number;
  get(knobs: Knobs): number;
  set(knobs: Knobs, value: number): void;
}

const SLIDERS: Slider[] = [
  { group: 'People', label: 'People', unit: '', least: 1, most: 60, get: (knobs) => knobs.people, set: (knobs, value) => (knobs.people = value) },
  { group: 'People', label: 'Moves of each', unit: '/s', least: 1, most: 60, get: (knobs) => knobs.rate, set: (knobs, value) => (knobs.rate = value) },
  { group: 'People', label: 'Pictures', unit: '', most: 120, get: (knobs) => knobs.images, set: (knobs, value) => (knobs.images = value) },
  { group: 'Network', label: 'Latency, one way', unit: 'ms', most: 1000, step: 5, get: (knobs) => knobs.latency, set: (knobs, value) => (knobs.latency = value) },
  { group: 'Network', label: 'Jitter', unit: 'ms', most: 1000, step: 5, get: (knobs) => knobs.jitter, set: (knobs, value) => (knobs.jitter = value) },
  { group: 'Network', label: 'Connections cut', unit: '%/s', most: 20, step: 0.5, get: (knobs) => knobs.weather.cut / 10, set: (knobs, value) => (knobs.weather.cut = Math.round(value * 10)) },
  { group: 'Network', label: 'Readers that stall', unit: '%/s', most: 20, step: 0.5, get: (knobs) => knobs.weather.stall / 10, set: (knobs, value) => (knobs.weather.stall = Math.round(value * 10)) },
  { group: 'Server', label: 'Crashes', unit: '/min', most: 12, step: 0.5, get: (knobs) => knobs.weather.crash / 60, set: (knobs, value) => (knobs.weather.crash = Math.round(value * 60)) },
  { group: 'Server', label: 'Storage takes up to', unit: 'ms', most: 2000, step: 5, get: (knobs) => knobs.storage, set: (knobs, value) => (knobs.storage = value) },
  { group: 'Server', label: 'Storage fails', unit: '%', most: 50, get: (knobs) => knobs.weather.storageFault / 10, set: (knobs, value) => (knobs.weather.storageFault = Math.round(value * 10)) },
  { group: 'Server', label: 'Clock jumps', unit: '/min', most: 12, step: 0.5, get: (knobs) => knobs.weather.jump / 60, set: (knobs, value) => (knobs.weather.jump = Math.round(value * 60)) },
];

const KEYS: [string, string][] = [
  ['Space', 'play, pause'], [', .', 'a step back, ahead'], ['← →', 'on the line of time: 0.1 s'], ['F', 'to the next fault'], ['1 – 9', 'a larger screen'],
  ['X', 'the server crashes'], ['S', 'stop the faults'], ['R', 'from the beginning'], ['N', 'another seed'],
];

export interface Wishes {
  /** The world is to become like this. */
  change(knobs: Knobs): void;
  /** It is to begin anew like this. */
  begin(knobs: Knobs): void;
  turn(turn: 'crash' | 'calm' | { jump: number }): void;
  open(): void;
}

export class Panel {
  #knobs: Knobs;
  #rows: { slider: Slider; input: HTMLInputElement; told: HTMLOutputElement }[] = [];
  #guided: HTMLInputElement;
  #bug: HTMLSelectElement;

  constructor(root: HTMLElement, defaults: Knobs, bugs: string[], wishes: Wishes) {
    this.#knobs = structuredClone(defaults);
    for (const group of new Set(SLIDERS.map((slider) => slider.group))) {
      const rows = SLIDERS.filter((slider) => slider.group === group).map((slider) => this.#row(slider, wishes));
      root.append(element('fieldset', {}, element('legend', {}, group), ...rows));
    }
    this.#guided = element('input', { type: 'checkbox', id: 'guided' });
    this.#guided.addEventListener('change', () => {
      this.#knobs.guided = this.#guided.checked;
      wishes.change(structuredClone(this.#knobs));
    });
    this.#bug = element('select', { id: 'bug' }, element('option', { value: '' }, 'none'), ...bugs.map((bug) => element('option', { value: bug }, words(bug))));
    this.#bug.addEventListener('change', () => {
      this.#knobs.bug = this.#bug.value || null;
      wishes.begin(structuredClone(this.#knobs));
    });
    const button = (label: string, title: string, act: () => void) => {
      const made = element('button', { class: 'secondary', title }, label);
      made.addEventListener('click', act);
      return made;
    };
    root.append(
      element('fieldset', {}, element('legend', {}, 'Now'),
        element('div', { class: 'buttons' },
          button('Crash', 'The server crashes (X)', () => wishes.turn('crash')),
          button('Clock +5 s', 'The clock jumps ahead', () => wishes.turn({ jump: 5000 })),
          button('Stop the faults', 'Everyone comes back, and all is compared (S)', () => wishes.turn('calm'))),
        element('label', { class: 'switch' }, this.#guided, element('span', {}, 'Be the first of them: drag pictures on their screen'))),
      element('fieldset', {}, element('legend', {}, 'Proof'),
        element('label', { class: 'choice' }, element('span', {}, 'A mistake in the room'), this.#bug),
        button('Open a file…', 'A world that was saved here or by kanvas simulate, or a recording by kanvas record', () => wishes.open())),
      element('fieldset', {}, element('legend', {}, 'Keys'), element('div', { class: 'keys' }, ...KEYS.flatMap(([key, what]) => [element('kbd', {}, key), element('span', {}, what)]))),
    );
  }

  show(knobs: Knobs) {
    this.#knobs = structuredClone(knobs);
    for (const { slider, input, told } of this.#rows) {
      const value = slider.get(knobs);
      if (document.activeElement !== input) input.value = String(value);
      tell(slider, told, value);
    }
    this.#guided.checked = knobs.guided;
    this.#bug.value = knobs.bug ?? '';
  }

  #row(slider: Slider, wishes: Wishes): HTMLElement {
    const input = element('input', { type: 'range', min: String(slider.least ?? 0), max: String(slider.most), step: String(slider.step ?? 1), 'aria-label': slider.label });
    const told = element('output', {});
    input.addEventListener('input', () => {
      slider.set(this.#knobs, Number(input.value));
      tell(slider, told, Number(input.value));
      wishes.change(structuredClone(this.#knobs));
    });
    this.#rows.push({ slider, input, told });
    return element('label', { class: 'slider' }, element('span', {}, slider.label), told, input);
  }
}

function tell(slider: Slider, told: HTMLOutputElement, value: number) {
  told.textContent = `${Number(value.toFixed(1))}${slider.unit === '' || slider.unit.startsWith('/') || slider.unit.startsWith('%') ? '' : ' '}${slider.unit}`;
  told.classList.toggle('zero', value === 0);
}

/** `AckBeforeCommit` as words. */
const words = (name: string) => name.replace(/([a-z])([A-Z])/g, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`);
