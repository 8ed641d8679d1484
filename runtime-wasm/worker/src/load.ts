// Owns: what an object tells of its work: counts since the last report, sent to the registry while something happens and
// never by waking anybody.

import { EVERY_MS } from './loads';
import type { Env } from './settings';
import type { Failure } from './storage';
import { memoryBytes } from './wasm';

/** What a room tells of itself. All counts are since its last report. */
export interface Report {
  room: string;
  isolate: string;
  memory: number;
  sockets: number;
  people: number;
  images: number;
  heard: number;
  heardBytes: number;
  said: number;
  saidBytes: number;
  stores: number;
  failedStores: number;
  wakes: number;
  refused: Record<string, number>;
  closed: Record<string, number>;
  /** What came about with the app's own tables and cache, by name. */
  noted: Record<string, number>;
}

/** Which isolate this is: counts of memory are one an isolate. Chance is not to be had before the first event. */
let isolate = '';

const NOTHING = { heard: 0, heardBytes: 0, said: 0, saidBytes: 0, stores: 0, failedStores: 0, wakes: 0 };

/** A machine's own counts, since it was made. */
interface Stats {
  sockets: number;
  people: number;
  images: number;
  refused: Record<string, number>;
  closed: Record<string, number>;
}

export class Load {
  #env: Env;
  #counts: () => { room: string; stats: string } | null;
  #timer: number | null = null;
  #since = { ...NOTHING };
  #told: Pick<Stats, 'refused' | 'closed'> = { refused: {}, closed: {} };
  #noted: Record<string, number> = {};

  constructor(env: Env, counts: () => { room: string; stats: string } | null) {
    this.#env = env;
    this.#counts = counts;
  }

  heard(bytes: number): void {
    this.#since.heard += 1;
    this.#since.heardBytes += bytes;
    this.changed();
  }

  said(bytes: number): void {
    this.#since.said += 1;
    this.#since.saidBytes += bytes;
  }

  stored(failure: Failure | null): void {
    this.#since.stores += 1;
    if (failure !== null) this.#since.failedStores += 1;
  }

  /** Counts one more of these: a short name that is written here, never what somebody sent. */
  noted(name: string): void {
    this.#noted[name] = (this.#noted[name] ?? 0) + 1;
    this.changed();
  }

  woke(): void {
    this.#since.wakes += 1;
    this.#told = { refused: {}, closed: {} };
    this.changed();
  }

  /** There is something to report. */
  changed(): void {
    this.#timer ??= setTimeout(() => this.#report(), EVERY_MS);
  }

  /** The machine goes, and its counts with it: tells them now. */
  gone(): void {
    clearTimeout(this.#timer);
    this.#report();
  }

  #report(): void {
    this.#timer = null;
    const counts = this.#counts();
    if (counts === null) return;
    isolate ||= crypto.randomUUID().slice(0, 8);
    const { sockets, people, images, refused, closed } = JSON.parse(counts.stats) as Stats;
    const report: Report = {
      room: counts.room, isolate, memory: memoryBytes(), sockets, people, images, ...this.#since,
      refused: since(refused, this.#told.refused), closed: since(closed, this.#told.closed),
      noted: this.#noted,
    };
    this.#told = { refused, closed };
    this.#since = { ...NOTHING };
    this.#noted = {};
    const registry = this.#env.REGISTRY.get(this.#env.REGISTRY.idFromName('registry'));
    registry.reported(report).catch((error: unknown) => {
      console.warn(`A report of ${report.room} was lost: ${error instanceof Error ? error.message : error}`);
    });
  }
}

function since(now: Record<string, number>, then: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(now).map(([key, count]) => [key, count - (then[key] ?? 0)]).filter(([, count]) => count !== 0));
}
