// Owns: how an object is told that a time has come: by a timer if that is soon, which keeps it awake, else by its alarm,
// which wakes it.

/** What comes sooner is waited for. */
const SOON_MS = 30_000;

export class Clock {
  #ctx: DurableObjectState;
  #ring: () => void;
  #timer: number | null = null;
  /** When the timer goes off, and for what it is set: never later. */
  #goesOff = 0;
  #wanted = 0;
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
    const at = earliest(times);
    const now = Date.now();
    if (at === null || at - now > SOON_MS) {
      this.#stop();
      // One that is too early stays: to move it would cost a write at every message.
      if (at !== null && (this.#alarm === null || this.#alarm > at || this.#alarm <= now)) this.#set(at);
      return;
    }
    this.#wanted = at;
    // So does a timer, and waits on: the time moves with almost every message.
    if (this.#timer === null || at < this.#goesOff) this.#wait(at, now);
  }

  /** Nothing is going on any more; the alarm is for this time, or for none. */
  rest(at: number | null): void {
    this.#stop();
    if (at !== null) this.#set(at);
    else if (this.#alarm !== null) this.#ctx.waitUntil(this.#ctx.storage.deleteAlarm());
    this.#alarm = at;
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #wait(at: number, now: number): void {
    clearTimeout(this.#timer);
    this.#goesOff = at;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const now = Date.now();
      if (now < this.#wanted) this.#wait(this.#wanted, now);
      else this.#ring();
    }, Math.max(1, at - now));
  }

  #set(at: number): void {
    this.#alarm = at;
    this.#ctx.waitUntil(this.#ctx.storage.setAlarm(at));
  }
}

function earliest(times: Array<number | null | undefined>): number | null {
  let earliest: number | null = null;
  for (const time of times) if (typeof time === 'number' && (earliest === null || time < earliest)) earliest = time;
  return earliest;
}
