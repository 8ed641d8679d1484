// Owns: an object that does with the app's tables and the cache what a room does, one call at a time, on the object's own
// SQLite and real D1 and KV. What can go wrong on the way is made to on request.

import { DurableObject } from 'cloudflare:workers';
import SCHEMA from '../../../core/sql/schema.sql';
import { type Here, Projection } from '../src/d1';
import { Hints, RoomsHint } from '../src/kv';

interface Env {
  DESK: DurableObjectNamespace<Desk>;
  KANVAS_DB: D1Database;
  KANVAS_CACHE: KVNamespace;
}

/** What happens to the next calls of the database. */
interface Faults {
  /** Nothing answers. */
  down?: boolean;
  /** What the app does just before the next write arrives, and how often. */
  meanwhile?: string[];
  times?: number;
  /** The next write is done, and its answer lost. */
  lost?: boolean;
}

export class Desk extends DurableObject<Env> {
  #faults: Faults = {};
  #cacheDown = false;
  #noted: unknown[] = [];
  #writes = 0;
  #reads = 0;
  #projection: Projection | null = null;
  #hints: Hints | null = null;
  #rooms: RoomsHint | null = null;
  #listings: unknown[] = [];
  #work: Promise<void>[] = [];

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec(SCHEMA);
    this.#make();
  }

  async fetch(request: Request): Promise<Response> {
    const { call, args } = (await request.json()) as { call: string; args: any[] };
    const done = await (this.#calls[call] as (...args: any[]) => unknown)(...args);
    await Promise.all(this.#work.splice(0));
    return Response.json({ done: done ?? null, noted: this.#noted.splice(0), writes: this.#writes, reads: this.#reads });
  }

  #calls: Record<string, unknown> = {
    /** Makes everything anew, as after the object was forgotten. */
    forget: () => this.#make(),
    faults: (faults: Faults) => void (this.#faults = faults),
    look: (now: number, here: Here, force?: boolean) => this.#projection?.look(now, here, force),
    touch: (now: number) => this.#projection?.touch(now),
    due: () => this.#projection?.due(),
    answered: () => this.#projection?.answered,
    write: (now: number, here: Here) => this.#projection?.write(now, here),
    /** Two calls at once: the second one does not wait for the first. */
    both: async (first: [number, Here], second: [number, Here]) => {
      const writes = [this.#projection?.write(...first), this.#projection?.write(...second)];
      return Promise.all(writes);
    },
    /** Something changes while a write is on its way. */
    touchWhile: async (now: number, here: Here) => {
      const writing = this.#projection?.write(now, here);
      this.#projection?.touch(now);
      return writing;
    },
    removed: (seq: number, id: string) => {
      this.ctx.storage.sql.exec(
        `INSERT INTO log (room, seq, at, epoch, user, client, origin, op_id, op_hash, kind, body, was)
         VALUES (?1, ?2, 0, 1, 'ann', 1, '', '', '', 'image:remove', ?3, '{}')`, this.#room, seq, JSON.stringify({ id }),
      );
    },
    clearLog: () => void this.ctx.storage.sql.exec('DELETE FROM log'),
    kept: () => [...this.ctx.storage.sql.exec('SELECT id, gone FROM projection_images ORDER BY id')],
    cacheDown: (down: boolean) => void (this.#cacheDown = down),
    recall: (user: string, last: number) => this.#hints?.recall(user, last),
    seen: (now: number, user: string, room: string, name: string, last?: number) => this.#hints?.seen(now, user, { room, name }, last),
    left: (now: number, user: string, room: string, last?: number) => this.#hints?.left(now, user, room, last),
    rooms: (now: number, listings: unknown[]) => {
      this.#listings = listings;
      this.#rooms?.changed(now);
    },
    roomsTick: (now: number) => this.#rooms?.tick(now),
    roomsDue: () => this.#rooms?.due(),
  };

  get #room(): string {
    return this.ctx.id.name ?? '';
  }

  #make(): void {
    const { sql } = this.ctx.storage;
    const note = (event: unknown) => void this.#noted.push(event);
    const wait = (work: Promise<void>) => void this.#work.push(work);
    this.#projection = new Projection(this.#database(), sql, this.#room, note);
    this.#hints = new Hints(this.#cache(), wait, note);
    this.#rooms = new RoomsHint(this.#cache(), sql, () => this.#listings as never, wait, note);
  }

  #database(): D1Database {
    const real = this.env.KANVAS_DB;
    const originals = new WeakMap<object, D1PreparedStatement>();
    const wrap = (statement: D1PreparedStatement, sql: string): D1PreparedStatement => {
      const wrapped = {
        bind: (...values: unknown[]) => wrap(statement.bind(...values), sql),
        first: async () => this.#read(() => statement.first()),
        all: async () => (sql.startsWith('UPDATE') ? this.#write(() => statement.all()) : this.#read(() => statement.all())),
      } as unknown as D1PreparedStatement;
      originals.set(wrapped, statement);
      return wrapped;
    };
    return {
      prepare: (sql: string) => wrap(real.prepare(sql), sql),
      batch: async (list: D1PreparedStatement[]) => this.#read(() => real.batch(list.map((one) => originals.get(one) ?? one))),
    } as unknown as D1Database;
  }

  #refuse(): void {
    if (this.#faults.down) throw new Error('D1_ERROR: the database is not there');
  }

  async #read<T>(work: () => Promise<T>): Promise<T> {
    this.#refuse();
    this.#reads += 1;
    return work();
  }

  async #write<T>(work: () => Promise<T>): Promise<T> {
    this.#refuse();
    const { meanwhile = [], times = 1, lost } = this.#faults;
    if (meanwhile.length > 0 && times > 0) {
      this.#faults.times = times - 1;
      for (const sql of meanwhile) await this.env.KANVAS_DB.prepare(sql).run();
    }
    this.#writes += 1;
    const done = await work();
    this.#faults.lost = false;
    if (lost) throw new Error('D1_ERROR: the connection was lost');
    return done;
  }

  #cache(): KVNamespace {
    const real = this.env.KANVAS_CACHE;
    const refuse = () => {
      if (this.#cacheDown) throw new Error('KV is not there');
      this.#writes += 1;
    };
    return {
      put: async (key: string, value: string, options: KVNamespacePutOptions) => {
        refuse();
        return real.put(key, value, options);
      },
      delete: async (key: string) => {
        refuse();
        return real.delete(key);
      },
      get: async (key: string) => real.get(key, 'json'),
    } as unknown as KVNamespace;
  }
}

export default {
  fetch: (request, env) => env.DESK.get(env.DESK.idFromName(new URL(request.url).pathname.slice(1))).fetch(request),
} satisfies ExportedHandler<Env>;
