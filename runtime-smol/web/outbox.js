// Owns: one's own edits between the moment they are made and the server's answer (`ack` or `error`).
// Not here: sending (session.js) and showing them over the stored state (replica.js).

export class Outbox {
  #entries = new Map();
  #prefix;
  #made = 0;

  /** `prefix` is new for each page load: two tabs that share a `_pk` must never share an edit id. */
  constructor(prefix) {
    this.#prefix = prefix;
  }

  get size() {
    return this.#entries.size;
  }

  /** In the order they were made, which is the order they must be sent again in. */
  [Symbol.iterator]() {
    return this.#entries.values();
  }

  get(id) {
    return this.#entries.get(id);
  }

  add(type, data) {
    const entry = { id: this.#nextId(), type, data, tries: 0, superseded: new Set() };
    for (const earlier of this.#entries.values()) {
      if (type !== 'image:transform' || earlier.type !== type || earlier.data.id !== data.id) continue;
      for (const field of Object.keys(data)) earlier.superseded.add(field);
    }
    this.#entries.set(entry.id, entry);
    return entry;
  }

  /** The edit is answered; it is nobody's business any more. */
  take(id) {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    return entry;
  }

  /**
   * An edit that was turned away for now goes again, last and under a new id (the old one has its answer).
   * What later edits have set since must not be undone by it; `null` when nothing is left to say.
   */
  again(id) {
    const entry = this.take(id);
    if (!entry) return null;
    const data = { ...entry.data };
    if (entry.type === 'image:transform') {
      for (const field of entry.superseded) if (field !== 'id') delete data[field];
      if (Object.keys(data).length === 1) return null;
    }
    const renewed = { ...entry, id: this.#nextId(), data, tries: entry.tries + 1, superseded: new Set() };
    this.#entries.set(renewed.id, renewed);
    return renewed;
  }

  #nextId() {
    this.#made += 1;
    return `${this.#prefix}-${this.#made}`;
  }
}
