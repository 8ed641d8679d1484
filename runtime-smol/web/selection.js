// Owns: which images are selected in this window. Nobody else is told. Free of DOM.

import { Emitter } from './events.js';

/** Emits `change`. */
export class Selection extends Emitter {
  #ids = new Set();

  get ids() { return [...this.#ids]; }
  get size() { return this.#ids.size; }
  has(id) { return this.#ids.has(id); }

  only(id) {
    if (this.#ids.size === 1 && this.#ids.has(id)) return;
    this.#ids = new Set([id]);
    this.emit('change');
  }

  drop(id) {
    if (this.#ids.delete(id)) this.emit('change');
  }

  clear() {
    if (this.#ids.size === 0) return;
    this.#ids.clear();
    this.emit('change');
  }
}
