// Owns: the hints in the app's cache: where somebody is, and which public rooms there are. They lapse by themselves, no
// room is woken to renew them, and nobody waits for them; what goes wrong is told and forgotten. A key is written at most
// once in 45 s, though its cache would take more: each write costs.

/** How long a hint about a person holds, in s: the least that the cache takes. */
const PRESENCE_TTL = 60;
const ROOMS_TTL = 300;
const EVERY_MS = 45_000;
const ROOMS_KEY = 'rooms:registry';
const ROOMS = 100;

export type Noted = { what: 'written' | 'dropped' } | { what: 'failed'; key: string; error: string };

/** Has the platform wait for work that nobody else waits for. */
export type Wait = (work: Promise<void>) => void;

/** Where somebody is, and what they are called there. */
export interface Place {
  room: string;
  name: string;
}

const keyOf = (user: string): string => `presence:${user}`;

/** Where the people of one room are. */
export class Hints {
  #kv: KVNamespace;
  #wait: Wait;
  #note: (event: Noted) => void;
  /** When each person's key was last written, the oldest first: somebody may have several sockets. */
  #last = new Map<string, number>();

  constructor(kv: KVNamespace, wait: Wait, note: (event: Noted) => void) {
    this.#kv = kv;
    this.#wait = wait;
    this.#note = note;
  }

  /** Takes back what was kept with a socket while the room was forgotten. */
  recall(user: string, last: number): void {
    if (last > this.#at(user)) this.#put(user, last);
  }

  /** Somebody is here: joined, or did something. `last` is what this gave the last time; it gives what to keep with the socket. */
  seen(now: number, user: string, place: Place, last = 0): number {
    this.recall(user, last);
    if (!this.#isDue(now, user)) return this.#at(user);
    const hint = { userId: user, roomId: place.room, name: place.name, lastSeen: now };
    this.#try(keyOf(user), async (key) => {
      await this.#kv.put(key, JSON.stringify(hint), { expirationTtl: PRESENCE_TTL });
      this.#note({ what: 'written' });
    });
    return this.#put(user, now);
  }

  /** Somebody's last socket here has gone. So soon after a write the hint is left to lapse. */
  left(now: number, user: string, room: string, last = 0): void {
    this.recall(user, last);
    if (!this.#isDue(now, user)) return;
    this.#put(user, now);
    this.#try(keyOf(user), async (key) => {
      // They may have gone to another room, which has said so.
      const hint = await this.#kv.get<{ roomId?: unknown }>(key, 'json');
      if (hint?.roomId !== room) return;
      await this.#kv.delete(key);
      this.#note({ what: 'dropped' });
    });
  }

  #at(user: string): number {
    return this.#last.get(user) ?? 0;
  }

  /** A clock that went back must not silence anybody. */
  #isDue(now: number, user: string): boolean {
    const since = now - this.#at(user);
    return since >= EVERY_MS || since < 0;
  }

  #put(user: string, at: number): number {
    this.#last.delete(user);
    this.#last.set(user, at);
    for (const [one, then] of this.#last) {
      if (at - then < EVERY_MS) break;
      this.#last.delete(one);
    }
    return at;
  }

  #try(key: string, work: (key: string) => Promise<void>): void {
    this.#wait(work(key).catch((error: unknown) => this.#note(failure(key, error))));
  }
}

/** A public room as the list tells of it. */
export interface Listing {
  id: string;
  name: string;
  isPublic: boolean;
  createdAt: number;
  lastActivity: number;
  userCount: number;
  creatorName: string | null;
}

/** The public rooms that were active last. */
export class RoomsHint {
  #kv: KVNamespace;
  #sql: SqlStorage;
  #rooms: () => Iterable<Listing>;
  #wait: Wait;
  #note: (event: Noted) => void;
  #last: number;
  #isPending = false;

  /** `rooms` is asked for the rooms only when they are written. */
  constructor(kv: KVNamespace, sql: SqlStorage, rooms: () => Iterable<Listing>, wait: Wait, note: (event: Noted) => void) {
    this.#kv = kv;
    this.#sql = sql;
    this.#rooms = rooms;
    this.#wait = wait;
    this.#note = note;
    sql.exec('CREATE TABLE IF NOT EXISTS hints (key TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID');
    const [row] = sql.exec<{ at: number }>('SELECT at FROM hints WHERE key = ?1', ROOMS_KEY);
    this.#last = row?.at ?? 0;
  }

  /** A room came, went or changed. */
  changed(now: number): void {
    this.#isPending = true;
    this.tick(now);
  }

  /** When what changed may be written; null if nothing did. */
  due(): number | null {
    return this.#isPending ? this.#last + EVERY_MS : null;
  }

  /** Writes what changed, if it may be written now. */
  tick(now: number): void {
    const since = now - this.#last;
    if (!this.#isPending || (since >= 0 && since < EVERY_MS)) return;
    this.#isPending = false;
    this.#last = now;
    this.#sql.exec('INSERT INTO hints (key, at) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET at = excluded.at', ROOMS_KEY, now);
    this.#wait(this.#write());
  }

  async #write(): Promise<void> {
    try {
      const rooms = [...this.#rooms()].filter(({ isPublic }) => isPublic).toSorted((a, b) => b.lastActivity - a.lastActivity);
      await this.#kv.put(ROOMS_KEY, JSON.stringify(rooms.slice(0, ROOMS).map(entry)), { expirationTtl: ROOMS_TTL });
      this.#note({ what: 'written' });
    } catch (error) {
      this.#isPending = true;
      this.#note(failure(ROOMS_KEY, error));
    }
  }
}

const entry = ({ id, name, isPublic, createdAt, lastActivity, userCount, creatorName }: Listing): Listing => ({ id, name, isPublic, createdAt, lastActivity, userCount, creatorName });

const failure = (key: string, error: unknown): Noted => ({ what: 'failed', key, error: error instanceof Error ? error.message : String(error) });
