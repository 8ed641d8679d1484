// Owns: what an object keeps of the app's tables in its own SQLite: how a row was last seen, whether something waits to be
// written, and which images the room has had. So an image that was removed here is not taken for one that the app added.

import type { Mark } from './app';
import type { Stamp } from './stamp';

/** A row as it was last seen or written. */
export interface Seen extends Mark {
  owner: string | null;
  title: string | null;
  isPublic: boolean;
  /** How the app writes a time, where the other one is empty. */
  created: Stamp;
}

export type Trouble = 'too_large' | 'unreadable';

export interface State {
  /** Whether the app's tables have ever answered. */
  answered: boolean;
  /** Null if there is no row. */
  seen: Seen | null;
  /** The links that were last seen, and when they end. */
  links: Record<string, number | null>;
  /** The room's place in its log when it was last written, or it was clear that it cannot be. */
  seq: number;
  /** How far the log was read for removals. */
  read: number;
  /** Why the room is not written, as was told. */
  trouble: Trouble | null;
  /** How many of the app's images have no place in the room, as was told. */
  leftOut: number;
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS projection (
  one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  waiting INTEGER NOT NULL,
  tried   INTEGER NOT NULL,
  state   TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS projection_images (
  id   TEXT NOT NULL PRIMARY KEY,
  gone INTEGER
) STRICT, WITHOUT ROWID;`;

const NOTHING: State = { answered: false, seen: null, links: {}, seq: -1, read: 0, trouble: null, leftOut: 0 };

/** A copy of the canvas that somebody still has open may bring a removed image back for so long. */
const GONE_MS = 24 * 3600 * 1000;
const GONE_MOST = 20_000;
/** As many ids as fit in one parameter. */
const IDS = 5000;

export class Memory {
  #sql: SqlStorage;
  #room: string;
  /** Each image that the room has (null) or had (since when it has not). */
  #images: Map<string, number | null> | null = null;
  state: State;
  #waiting: boolean;
  /** When a write was last tried. */
  tried: number;
  #saved = '';

  constructor(sql: SqlStorage, room: string) {
    this.#sql = sql;
    this.#room = room;
    sql.exec(SCHEMA);
    const [row] = sql.exec<{ waiting: number; tried: number; state: string }>('SELECT waiting, tried, state FROM projection');
    this.state = { ...NOTHING, ...(row && (JSON.parse(row.state) as State)) };
    this.#waiting = row?.waiting === 1;
    this.tried = row?.tried ?? 0;
  }

  /** Whether something here is not yet there. */
  get waiting(): boolean {
    return this.#waiting;
  }

  set waiting(waiting: boolean) {
    if (waiting === this.#waiting) return;
    this.#waiting = waiting;
    this.save();
  }

  save(): void {
    const state = JSON.stringify(this.state);
    const saved = `${this.#waiting} ${this.tried} ${state}`;
    if (saved === this.#saved) return;
    this.#saved = saved;
    this.#sql.exec(
      `INSERT INTO projection (one, waiting, tried, state) VALUES (1, ?1, ?2, ?3)
       ON CONFLICT (one) DO UPDATE SET waiting = excluded.waiting, tried = excluded.tried, state = excluded.state`,
      Number(this.#waiting), this.tried, state,
    );
  }

  /** Whether the room has this image, or had it. */
  has(id: string): boolean {
    return this.#known().has(id);
  }

  /** Takes note of the images that the room has now. */
  count(now: number, images: Iterable<string>): void {
    const known = this.#known();
    const here = new Set(images);
    const come = [...here].filter((id) => known.get(id) !== null);
    const gone = [...known].flatMap(([id, since]) => (since === null && !here.has(id) ? [id] : []));
    this.#put(come, null);
    this.#put(gone, now);
    this.#forget(known.size - here.size - GONE_MOST);
  }

  /** Takes note of what was removed since the last time, also if it came after it. */
  readLog(now: number): void {
    const [head] = this.#sql.exec<{ seq: number }>('SELECT coalesce(max(seq), 0) AS seq FROM log WHERE room = ?1', this.#room);
    const seq = head?.seq ?? 0;
    if (seq === this.state.read) return;
    // A room that was made anew counts from the start.
    const from = seq < this.state.read ? 0 : this.state.read;
    const removed = this.#sql.exec<{ id: string }>(
      `SELECT DISTINCT json_extract(body, '$.id') AS id FROM log WHERE room = ?1 AND seq > ?2 AND kind = 'image:remove'`, this.#room, from,
    );
    const known = this.#known();
    this.#put([...removed].map(({ id }) => id).filter((id) => !known.has(id)), now);
    this.state.read = seq;
  }

  /** Forgets what went so long ago that nobody still has it open. Only once the row has none of it. */
  forgetOld(now: number): void {
    const known = this.#known();
    const old = [...known].filter(([, since]) => since !== null && since < now - GONE_MS);
    if (old.length === 0) return;
    for (const [id] of old) known.delete(id);
    this.#sql.exec('DELETE FROM projection_images WHERE gone < ?1', now - GONE_MS);
  }

  #known(): Map<string, number | null> {
    if (this.#images === null) {
      const rows = this.#sql.exec<{ id: string; gone: number | null }>('SELECT id, gone FROM projection_images');
      this.#images = new Map(Array.from(rows, ({ id, gone }) => [id, gone]));
    }
    return this.#images;
  }

  #put(ids: string[], gone: number | null): void {
    const known = this.#known();
    for (const id of ids) known.set(id, gone);
    for (let at = 0; at < ids.length; at += IDS) {
      this.#sql.exec(
        `INSERT INTO projection_images (id, gone) SELECT value, ?2 FROM json_each(?1) WHERE true
         ON CONFLICT (id) DO UPDATE SET gone = excluded.gone`,
        JSON.stringify(ids.slice(at, at + IDS)), gone,
      );
    }
  }

  /** Forgets so many of those that went first. */
  #forget(count: number): void {
    if (count <= 0) return;
    const known = this.#known();
    const first = [...known].filter(([, since]) => since !== null).sort(([, a], [, b]) => (a ?? 0) - (b ?? 0)).slice(0, count);
    for (const [id] of first) known.delete(id);
    const ids = JSON.stringify(first.map(([id]) => id));
    this.#sql.exec('DELETE FROM projection_images WHERE id IN (SELECT value FROM json_each(?1))', ids);
  }
}
