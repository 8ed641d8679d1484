// Owns: when a room reads and writes the tables of the app beside it: as somebody comes, some seconds after a change, and
// before it is let go. What follows from what they say is `d1`'s business, and how it is carried out the room's.

import { type Here, type Noted, type Order, Projection } from './d1';

/** How long somebody who comes waits for the tables. */
const PATIENCE_MS = 3000;
/** What is due later than that waits for the next event. */
const SOON_MS = 15_000;
/** When what could not be written is tried again. Until then the object may sleep. */
const AGAIN_MS = 60_000;

/** The room, as far as the tables are concerned. */
export interface Room {
  here(): Here;
  /** Does what the tables ask for, in order. */
  obey(orders: Order[]): Promise<void>;
  note(noted: Noted): void;
  /** Looks whether the room may be let go, now that it is written. */
  settle(): void;
}

export class Tables {
  #projection: Projection;
  #room: Room;
  #timer: number | null = null;
  #looking: Promise<void> | null = null;
  #writing = false;
  #again: number | null = null;

  constructor(db: D1Database, sql: SqlStorage, name: string, room: Room) {
    this.#room = room;
    this.#projection = new Projection(db, sql, name, (noted) => {
      if (noted.what === 'failed') this.#again = Date.now() + AGAIN_MS;
      room.note(noted);
    });
  }

  /** Whether they have ever said if this room is the app's. */
  get answered(): boolean {
    return this.#projection.answered;
  }

  /** When an alarm is wanted for them; null if none is. */
  get again(): number | null {
    return this.#again;
  }

  /** Whether there is something to be written that can be, or is on its way. */
  get isBusy(): boolean {
    return this.#writing || (this.#projection.due() !== null && !this.#isLater());
  }

  /** Reads them, and has the room do what they say. Those who come together wait for the same answer. */
  async look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = null));
    let late: number | null = null;
    const patience = new Promise<void>((resolve) => (late = setTimeout(resolve, PATIENCE_MS)));
    await Promise.race([this.#looking, patience]);
    clearTimeout(late);
  }

  async #look(): Promise<void> {
    await this.#room.obey(await this.#projection.look(Date.now(), this.#room.here()));
  }

  /** Something changed here. */
  touch(): void {
    this.#projection.touch(Date.now());
  }

  /** Sees to it that what is due is written. With `now` at once: the room is about to go. */
  arm(now: boolean): void {
    const due = this.#projection.due();
    if (due === null || this.#writing || this.#isLater()) return;
    const wait = now ? 0 : Math.max(0, due - Date.now());
    // A room that is not the app's is asked for seldom: that keeps nobody awake.
    if ((this.#timer !== null && !now) || wait > SOON_MS) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#write(), wait);
  }

  #isLater(): boolean {
    return this.#again !== null && this.#again > Date.now();
  }

  async #write(): Promise<void> {
    this.#timer = null;
    this.#writing = true;
    this.#again = null;
    try {
      for (let more = true; more; ) {
        const { orders } = await this.#projection.write(Date.now(), this.#room.here());
        await this.#room.obey(orders);
        more = orders.length > 0;
      }
    } finally {
      this.#writing = false;
      this.#room.settle();
    }
  }
}
