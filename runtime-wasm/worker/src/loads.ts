// Owns: what rooms have reported of their work: a row a room as it was last, counts of all of them together, and the last
// hour of those by the minute. How it is shown is `metrics`' and `dashboard`'s business.

import type { Report } from './load';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS loads (room TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL, sockets INTEGER NOT NULL, people INTEGER NOT NULL,
  images INTEGER NOT NULL, heard INTEGER NOT NULL, said INTEGER NOT NULL, per_second REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS loads_by_sockets ON loads (sockets);
CREATE TABLE IF NOT EXISTS counts (name TEXT NOT NULL, of TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (name, of)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS minutes (minute INTEGER NOT NULL, name TEXT NOT NULL, of TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (minute, name, of)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS isolates (isolate TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL, memory INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;
/** Between two reports of a room in which something happens. */
export const EVERY_MS = 10_000;
/** An isolate that reports nothing for so long has probably gone. */
const ISOLATE_MS = 10 * 60_000;
/** A room that says nothing for so long has nothing to say: its rate is none. */
const QUIET_MS = 3 * EVERY_MS;
/** Rooms that are told by name. */
const TOP = 50;
/** Between two writings of the counts. Written with every report they would be most of what storage costs. */
const WRITE_MS = 5000;
const MINUTE_MS = 60_000;
const MINUTES = 60;

export interface RoomLoad {
  room: string;
  /** When it last reported, in ms. */
  at: number;
  sockets: number;
  people: number;
  images: number;
  /** Messages in and out since its first report, and messages a second when it last reported. */
  heard: number;
  said: number;
  perSecond: number;
}

/** How the rooms that are told by name can be ordered. */
export const SORTS = ['room', 'at', 'sockets', 'people', 'images', 'perSecond'] as const;
export type Sort = (typeof SORTS)[number];

/** Which rooms are told by name: those with this in their id, the first of this order. */
export interface Asked {
  find?: string;
  sort?: Sort;
  order?: 'ascending' | 'descending';
}

export interface Minute {
  /** When it began, in ms. The last one is not over. */
  at: number;
  /** At its end. */
  sockets: number;
  rooms: number;
  heard: number;
  said: number;
  refused: number;
}

/** What all rooms have reported together. */
export interface Seen {
  rooms: number;
  sockets: number;
  people: number;
  top: RoomLoad[];
  /** How many rooms `top` was chosen from. */
  found: number;
  /** By name: `heard`, `heardBytes`, `said`, `saidBytes`, `stores`, `failedStores`, `wakes`. They never fall. */
  counts: Record<string, number>;
  refused: Record<string, number>;
  closed: Record<string, number>;
  noted: Record<string, number>;
  /** The last hour, the oldest minute first. */
  minutes: Minute[];
  lastHour: { refused: Record<string, number>; closed: Record<string, number>; noted: Record<string, number> };
  /** Of the last sixty seconds. */
  perSecond: { heard: number; said: number; refused: number };
  isolates: Array<{ isolate: string; memory: number }>;
}

const COUNTS = ['heard', 'heardBytes', 'said', 'saidBytes', 'stores', 'failedStores', 'wakes'] as const;
/** Counts of many kinds. */
const KINDS = ['refused', 'closed', 'noted'] as const;
type Name = (typeof COUNTS)[number] | (typeof KINDS)[number];
/** Those of which the minutes are told. */
const BY_MINUTE = new Set<Name>(['heard', 'said', ...KINDS]);

export class Loads {
  #sql: SqlStorage;
  /** What is not yet written, and so not yet told: a count that has been told must not fall. */
  #counted = new Map<Name, Map<string, number>>();
  #memory = new Map<string, number>();
  #written = 0;
  #timer: number | null = null;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  take(now: number, report: Report): void {
    const { room, sockets, people, images, heard, said } = report;
    const [last] = this.#sql.exec<{ at: number }>('SELECT at FROM loads WHERE room = ?1', room);
    // A room reports so long after something began to happen; it may have slept since its last report.
    const seconds = Math.min(EVERY_MS, Math.max(1000, now - (last?.at ?? 0))) / 1000;
    // One that was only asked something, with nobody in it, is none to list.
    if (sockets > 0 || last !== undefined) {
      this.#sql.exec(
        `INSERT INTO loads (room, at, sockets, people, images, heard, said, per_second) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (room) DO UPDATE SET at = ?2, sockets = ?3, people = ?4, images = ?5, heard = heard + ?6, said = said + ?7, per_second = ?8`,
        room, now, sockets, people, images, heard, said, (heard + said) / seconds,
      );
    }
    for (const name of COUNTS) this.#count(name, '', report[name]);
    for (const kind of KINDS) for (const [of, count] of Object.entries(report[kind])) this.#count(kind, of, count);
    this.#memory.set(report.isolate, report.memory);
    this.#timer ??= setTimeout(() => this.#write(Date.now()), Math.max(0, this.#written + WRITE_MS - now));
  }

  forget(room: string): void {
    this.#sql.exec('DELETE FROM loads WHERE room = ?1', room);
  }

  seen(now: number, { find = '', sort = 'sockets', order = 'descending' }: Asked): Seen {
    const { rooms, sockets, people } = this.#present();
    const like = "sockets > 0 AND instr(lower(room), lower(?1)) > 0";
    const { found } = this.#sql.exec<{ found: number }>(`SELECT count(*) AS found FROM loads WHERE ${like}`, find).one();
    const column = { room: 'room', at: 'at', sockets: 'sockets', people: 'people', images: 'images', perSecond: 'perSecond' }[sort];
    const top = this.#sql.exec<Record<string, string | number>>(
      `SELECT room, at, sockets, people, images, heard, said, CASE WHEN at > ?2 THEN per_second ELSE 0 END AS perSecond
       FROM loads WHERE ${like} ORDER BY ${column} ${order === 'ascending' ? 'ASC' : 'DESC'}, room LIMIT ?3`,
      find, now - QUIET_MS, TOP,
    ).toArray() as unknown as RoomLoad[];
    const counted = this.#sql.exec<Counted>('SELECT name, of, count FROM counts').toArray();
    const plain = byKind(counted, '');
    const minutes = this.#minutes(now);
    const first = minutes[0]?.at ?? 0;
    const hour = this.#sql.exec<Counted>('SELECT name, of, sum(count) AS count FROM minutes WHERE minute >= ?1 GROUP BY name, of', first / MINUTE_MS).toArray();
    const kinds = (rows: Counted[]) => ({ refused: byKind(rows, 'refused'), closed: byKind(rows, 'closed'), noted: byKind(rows, 'noted') });
    const isolates = this.#sql.exec<{ isolate: string; memory: number }>('SELECT isolate, memory FROM isolates WHERE at >= ?1', now - ISOLATE_MS).toArray();
    return {
      rooms, sockets, people, top, found,
      counts: Object.fromEntries(COUNTS.map((name) => [name, plain[name] ?? 0])),
      ...kinds(counted), minutes, lastHour: kinds(hour), perSecond: rates(now, minutes), isolates,
    };
  }

  #present(): { rooms: number; sockets: number; people: number } {
    const sums = 'SELECT count(*) AS rooms, coalesce(sum(sockets), 0) AS sockets, coalesce(sum(people), 0) AS people FROM loads WHERE sockets > 0';
    return this.#sql.exec<{ rooms: number; sockets: number; people: number }>(sums).one();
  }

  #minutes(now: number): Minute[] {
    const last = Math.floor(now / MINUTE_MS);
    const first = last - MINUTES + 1;
    const rows = this.#sql.exec<{ minute: number; name: string; count: number }>(
      'SELECT minute, name, sum(count) AS count FROM minutes GROUP BY minute, name ORDER BY minute',
    ).toArray();
    // Where nothing was reported, nothing changed.
    const before = (gauge: string) => rows.findLast(({ minute, name }) => name === gauge && minute < first)?.count ?? 0;
    let present = { sockets: before('sockets'), rooms: before('rooms') };
    return Array.from({ length: MINUTES }, (_, index) => {
      const own = rows.filter(({ minute }) => minute === first + index);
      const counted = (name: string) => own.find((row) => row.name === name)?.count;
      present = { sockets: counted('sockets') ?? present.sockets, rooms: counted('rooms') ?? present.rooms };
      const flows = { heard: counted('heard') ?? 0, said: counted('said') ?? 0, refused: counted('refused') ?? 0 };
      return { at: (first + index) * MINUTE_MS, ...present, ...flows };
    });
  }

  #count(name: Name, of: string, more: number): void {
    if (more === 0) return;
    const counts = this.#counted.get(name) ?? new Map<string, number>();
    counts.set(of, (counts.get(of) ?? 0) + more);
    this.#counted.set(name, counts);
  }

  #write(now: number): void {
    this.#timer = null;
    this.#written = now;
    const minute = Math.floor(now / MINUTE_MS);
    const more = 'ON CONFLICT DO UPDATE SET count = count + excluded.count';
    for (const [name, counts] of this.#counted) {
      for (const [of, count] of counts) {
        this.#sql.exec(`INSERT INTO counts (name, of, count) VALUES (?1, ?2, ?3) ${more}`, name, of, count);
        if (BY_MINUTE.has(name)) this.#sql.exec(`INSERT INTO minutes (minute, name, of, count) VALUES (?1, ?2, ?3, ?4) ${more}`, minute, name, of, count);
      }
    }
    this.#counted.clear();
    for (const [isolate, memory] of this.#memory) {
      this.#sql.exec(
        'INSERT INTO isolates (isolate, at, memory) VALUES (?1, ?2, ?3) ON CONFLICT (isolate) DO UPDATE SET at = ?2, memory = ?3',
        isolate, now, memory,
      );
    }
    this.#memory.clear();
    const { sockets, rooms } = this.#present();
    this.#sql.exec(
      "INSERT INTO minutes (minute, name, of, count) VALUES (?1, 'sockets', '', ?2), (?1, 'rooms', '', ?3) ON CONFLICT DO UPDATE SET count = excluded.count",
      minute, sockets, rooms,
    );
    this.#sweep(now);
  }

  #sweep(now: number): void {
    const first = Math.floor(now / MINUTE_MS) - MINUTES;
    // How many there were when the hour began is known from before.
    this.#sql.exec(
      `DELETE FROM minutes WHERE minute < ?1 AND
       (name NOT IN ('sockets', 'rooms') OR minute < (SELECT max(minute) FROM minutes WHERE name = 'sockets' AND minute <= ?1))`,
      first,
    );
    this.#sql.exec('DELETE FROM isolates WHERE at < ?1', now - ISOLATE_MS);
    // An empty room that has said its last is of no more interest.
    this.#sql.exec('DELETE FROM loads WHERE sockets = 0 AND at < ?1', now - ISOLATE_MS);
  }
}

type Counted = { name: string; of: string; count: number };

/** The counts of one kind; those that have none, by their own name. */
function byKind(rows: Counted[], kind: string): Record<string, number> {
  const own = rows.filter(({ name, of }) => (kind === '' ? of === '' : name === kind));
  return Object.fromEntries(own.map(({ name, of, count }) => [kind === '' ? name : of, count]));
}

/** What came a second: this minute as far as it has gone, and the rest of the sixty seconds from the one before. */
function rates(now: number, minutes: Minute[]): Seen['perSecond'] {
  const [before, current] = minutes.slice(-2);
  const rest = 1 - (now % MINUTE_MS) / MINUTE_MS;
  const rate = (name: 'heard' | 'said' | 'refused') => ((before?.[name] ?? 0) * rest + (current?.[name] ?? 0)) / 60;
  return { heard: rate('heard'), said: rate('said'), refused: rate('refused') };
}
