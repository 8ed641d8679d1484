// Owns: how fast edits go out: many at once, then evenly, within what the room takes of one person (RATE1).
// A thousand pictures can be moved with one drag; sent in one breath, most of those edits would be refused.

const AT_ONCE = 100;
const EVERY = 20; // ms: 50 a second

export class Pace {
  #host;
  #send;
  #waiting = [];
  #credit = AT_ONCE;
  #countedAt;
  #timer = null;

  /** `send(entry)` is called for each in turn. `host` is { now, setTimeout, clearTimeout }. */
  constructor(host, send) {
    this.#host = host;
    this.#send = send;
    this.#countedAt = host.now();
  }

  push(entry) {
    this.#waiting.push(entry);
    if (this.#timer === null) this.#flush();
  }

  /** What has not gone out is given up; whoever pushes it again begins a new row. */
  clear() {
    this.#waiting = [];
    this.#host.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #flush() {
    this.#timer = null;
    const now = this.#host.now();
    this.#credit = Math.min(AT_ONCE, this.#credit + (now - this.#countedAt) / EVERY);
    this.#countedAt = now;
    while (this.#waiting.length > 0 && this.#credit >= 1) {
      this.#credit -= 1;
      this.#send(this.#waiting.shift());
    }
    if (this.#waiting.length > 0) this.#timer = this.#host.setTimeout(() => this.#flush(), EVERY);
  }
}
