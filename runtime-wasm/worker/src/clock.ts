// Owns: how an object is told that a time has come: by a timer if that is soon, which keeps it awake, else by its alarm,
// which wakes it.

/** What comes sooner is waited for. */
const SOON_MS = 30_000;

export class Clock {
  #ctx: DurableObjectState;
  #ring: () => void;
  #timer: number | null = null;
  /** When the alarm goes off; null if that is not known, or there is none. */
  #alarm: number | null = null;

  constructor(ctx: DurableObjectState, ring: () => void) {
    this.#ctx = ctx;
    this.#ring = ring;
  }

  /** The alarm went off. */
  rang(): void {
    this.#alarm = null;
  }

  /** Rings at the earliest of these times; those that are missing want nothing. */
  want(...times: Array<number | null | undefined>): void {
    clearTimeout(this.#timer);
    this.#timer = null;
    const wanted = times.filter((time) => typeof time === 'number');
    if (wanted.length === 0) return;
    const [now, at] = [Date.now(), Math.min(...wanted)];
    if (at - now <= SOON_MS) {
      this.#timer = setTimeout(() => {
        this.#timer = null;
        this.#ring();
      }, Math.max(1, at - now));
    } else if (this.#alarm === null || this.#alarm > at || this.#alarm <= now) {
      // One that is too early stays: to move it would cost a write at every message.
      this.#set(at);
    }
  }

  /** Nothing is going on any more; the alarm is for this time, or for none. */
  rest(at: number | null): void {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (at !== null) this.#set(at);
    else if (this.#alarm !== null) this.#ctx.waitUntil(this.#ctx.storage.deleteAlarm());
    this.#alarm = at;
  }

  #set(at: number): void {
    this.#alarm = at;
    this.#ctx.waitUntil(this.#ctx.storage.setAlarm(at));
  }
}
