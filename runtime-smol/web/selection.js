// Owns: which images are selected in this window. Nobody else is told. Free of DOM.

import { Emitter } from './events.js';

/** Emits `change`. */
export class Selection extends Emitter {
  #ids = new Set();

  /** Held: the focus may wander to other images without changing what is selected. */
  held = false;

  get ids() { return [...this.#ids]; }
  get size() { return this.#ids.size; }
  has(id) { return this.#ids.has(id); }

  only(id) { this.set([id]); }

  set(ids) {
    this.held = false;
    if (ids.length === this.#ids.size && ids.every((id) => this.#ids.has(id))) return;
    this.#ids = new Set(ids);
    this.emit('change');
  }

  toggle(id) {
    if (!this.#ids.delete(id)) this.#ids.add(id);
    this.held = this.#ids.size > 0;
    this.emit('change');
  }

  drop(id) {
    if (this.#ids.delete(id)) this.emit('change');
  }

  clear() { this.set([]); }
}
