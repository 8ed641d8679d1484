// Owns: how a room and its row in the app's database are kept in step: when it is read and written, and what follows for
// either from what the other says. The room is the truth of its images, the tables of who owns it, who sees it and which
// links lead into it. It does not own the room: what that is to do, it is told.

import { App, type Link, type Mark, type Row } from './app';
import { Memory, type State, type Trouble } from './memory';
import { type Image, idOf, isAddable, read, type Sheet, settle, write } from './sheet';
import { next } from './stamp';
import { fitTitle } from './title';

/** What a room is asked to do because the app's tables say so. */
export type Order =
  /** There is a row, and the room was never born. */
  | { do: 'create'; owner: string; name: string | null; isPublic: boolean }
  /** An image of the app's that is absent here. */
  | { do: 'add'; image: Image }
  | { do: 'update'; name?: string; isPublic?: boolean }
  | { do: 'role'; userId: string; role: 'owner' | 'none' }
  /** A link that lets its holder in as a viewer, until then (in ms) or for good. */
  | { do: 'share'; token: string; until: number | null }
  /** It is no longer in the table. */
  | { do: 'unshare'; token: string };

/** The room as it is. */
export interface Here {
  born: boolean;
  name: string;
  isPublic: boolean;
  owners: string[];
  /** In stacking order. They are gone through before the call returns. */
  images: Iterable<Image>;
  /** Its place in its log. */
  seq: number;
}

/** What an operator counts, and what owners are told. The last two are told once, until it is otherwise. */
export type Noted =
  | { what: 'written'; bytes: number }
  /** The app had written in between. */
  | { what: 'overtaken' }
  /** It is tried again when the next write is due. */
  | { what: 'failed'; doing: 'read' | 'write'; error: string }
  /** So many of the app's images are none that the room takes; they stay in the row as they are. */
  | { what: 'left_out'; images: number }
  /** It is written again. */
  | { what: 'mended' }
  /** The row would be larger than the database takes; it stays as it was. */
  | { what: 'too_large'; bytes: number }
  /** The row's `state_json` is no canvas; it stays as it is. */
  | { what: 'unreadable'; why: string };

export interface Written {
  wrote: boolean;
  /** What the room is to do before it is written; then it is to be called again. */
  orders: Order[];
}

/** Between two reads, and between two writes. */
const EVERY_MS = 10_000;
/** Between two writes of a room that had no row the last time. */
const STRANGE_MS = 60_000;
/** The largest `state_json`: a row has at most 2 MB, with all that is beside it. */
export const MOST_BYTES = 1_800_000;
/** When an image that the room refused is offered to it again. */
const AGAIN_MS = 600_000;
/** How often one call tries to write when somebody else writes all the time. */
const TRIES = 3;

type Room = Omit<Here, 'images'> & { images: Map<string, Image> };

export class Projection {
  #app: App;
  #memory: Memory;
  #note: (event: Noted) => void;
  /** The row's text as it was last read or written. */
  #sheet: Sheet | null = null;
  /** What that text is: itself where it was just read, else its digest. */
  #text: { text: string } | { digest: string } | null = null;
  #looked = Number.NEGATIVE_INFINITY;
  #changes = 0;
  /** When each image was offered to the room. */
  #offered = new Map<string, number>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(db: D1Database, sql: SqlStorage, room: string, note: (event: Noted) => void) {
    this.#app = new App(db, room);
    this.#memory = new Memory(sql, room);
    this.#note = note;
  }

  /** Whether the tables have ever said if this room is the app's. Until then it is not known who may make it. */
  get answered(): boolean {
    return this.#memory.state.answered;
  }

  /** What the app's tables say now. At most once in 10 s, unless it is forced: sooner they say nothing. */
  async look(now: number, here: Here, force = false): Promise<Order[]> {
    const since = now - this.#looked;
    if (!force && since >= 0 && since < EVERY_MS) return [];
    this.#looked = now;
    const room = roomOf(here);
    return this.#inTurn(async () => {
      try {
        const { row, links } = await this.#app.all(now, this.#state.seen);
        const orders = this.#take(now, room, row);
        const isThere = room.born || orders.length > 0;
        return isThere ? [...orders, ...this.#linksOf(now, row === null ? [] : links, room.born)] : [];
      } catch (error) {
        this.#failed('read', error);
        return [];
      } finally {
        this.#memory.save();
      }
    });
  }

  /** Something changed here. */
  touch(now: number): void {
    this.#changes += 1;
    // A clock that went back must not put the next write off.
    if (this.#memory.tried > now) this.#memory.tried = now;
    this.#memory.waiting = true;
  }

  /** When the next write may leave; null if nothing changed since the last one. */
  due(): number | null {
    if (!this.#memory.waiting) return null;
    const isStrange = this.#state.answered && this.#state.seen === null;
    return this.#memory.tried + (isStrange ? STRANGE_MS : EVERY_MS);
  }

  /** Writes the images to the row. What the app has that is absent here comes first: then it gives orders, and is to be called again. */
  async write(now: number, here: Here): Promise<Written> {
    const room = roomOf(here);
    const changes = this.#changes;
    return this.#inTurn(async () => {
      // A room that was deleted, or was never there, has nothing that the row should have.
      if (!room.born) {
        this.#memory.waiting = false;
        return { wrote: false, orders: [] };
      }
      this.#memory.tried = now;
      let doing: 'read' | 'write' = 'read';
      try {
        for (let tries = 0; tries < TRIES; tries += 1) {
          doing = 'read';
          const isFresh = this.#sheet === null;
          // What could not be read is worth reading again only once it is another.
          const known = this.#state.trouble === 'unreadable' ? this.#state.seen : null;
          const orders = this.#sheet === null ? this.#take(now, room, await this.#app.row(known)) : this.#merge(now, room, this.#sheet);
          if (orders.length > 0) return { wrote: false, orders };
          doing = 'write';
          const wrote = await this.#project(now, room, isFresh);
          if (wrote === null) continue;
          this.#state.seq = room.seq;
          if (changes === this.#changes) this.#memory.waiting = false;
          return { wrote, orders: [] };
        }
      } catch (error) {
        // It may have been written all the same.
        this.#sheet = null;
        this.#failed(doing, error);
      } finally {
        this.#memory.save();
      }
      return { wrote: false, orders: [] };
    });
  }

  get #state(): State {
    return this.#memory.state;
  }

  /** One at a time: each rests on what the one before has seen. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  // ---- What the row says ------------------------------------------------------------------------------------------

  /** Takes note of the row, and says what the room is to do. */
  #take(now: number, here: Room, row: Row | null): Order[] {
    const state = this.#state;
    state.answered = true;
    if (row === null) {
      state.seen = null;
      this.#sheet = null;
      return [];
    }
    const { owner, title, isPublic, updated, created, length } = row;
    // What nobody owns, nobody can be given.
    const founding: Order[] = owner === null ? [] : [{ do: 'create', owner, name: fitTitle(title), isPublic }];
    const orders = here.born ? this.#changesOf(here, row) : founding;
    state.seen = { owner, title, isPublic, updated, created, length };
    if (row.text !== undefined) this.#open(now, here, row.text);
    // The row is not what was written last, or the room is not what it was then.
    if (here.born && (row.text !== undefined || here.seq !== state.seq)) this.#memory.waiting = true;
    if (this.#sheet === null || (!here.born && orders.length === 0)) return orders;
    return [...orders, ...this.#merge(now, here, this.#sheet)];
  }

  /** What the app changed in the row since it was last seen. What it did not change stays as the room has it. */
  #changesOf(here: Room, { owner, title, isPublic }: Row): Order[] {
    const { seen } = this.#state;
    const orders: Order[] = [];
    if (owner !== null) {
      if (!here.owners.includes(owner)) orders.push({ do: 'role', userId: owner, role: 'owner' });
      // Whoever made the room before there was a row has no claim to it.
      const former = seen === null ? here.owners : seen.owner === owner ? [] : here.owners.filter((one) => one === seen.owner);
      for (const userId of former) if (userId !== owner) orders.push({ do: 'role', userId, role: 'none' });
    }
    const name = seen === null || seen.title !== title ? fitTitle(title) : null;
    const renamed = name !== null && name !== here.name;
    const shown = (seen === null || seen.isPublic !== isPublic) && isPublic !== here.isPublic;
    if (renamed || shown) orders.push({ do: 'update', ...(renamed && { name }), ...(shown && { isPublic }) });
    return orders;
  }

  /** Which links are new, have another end, or are no longer there. */
  #linksOf(now: number, links: Link[], born: boolean): Order[] {
    const known = born ? this.#state.links : {};
    const orders: Order[] = [];
    for (const { token, until } of links) if (known[token] !== until) orders.push({ do: 'share', token, until });
    const there = new Set(links.map(({ token }) => token));
    for (const [token, until] of Object.entries(known)) {
      // One that has ended is nothing in the room either.
      if (!there.has(token) && (until === null || until > now)) orders.push({ do: 'unshare', token });
    }
    this.#state.links = Object.fromEntries(links.map(({ token, until }) => [token, until]));
    return orders;
  }

  #open(now: number, here: Room, text: string | null): void {
    this.#memory.count(now, here.images.keys());
    this.#memory.readLog(now);
    const sheet = text === null ? 'It is no text.' : read(text, (id) => this.#memory.has(id));
    if (typeof sheet === 'string') {
      this.#sheet = null;
      this.#text = null;
      return this.#inTrouble('unreadable', { what: 'unreadable', why: sheet });
    }
    this.#sheet = sheet;
    this.#text = { text: text ?? '' };
    if (this.#state.trouble === 'unreadable') this.#mended();
  }

  // ---- Images -----------------------------------------------------------------------------------------------------

  /** The app's images that are absent here and were never here: they are to be added. */
  #merge(now: number, here: Room, sheet: Sheet): Order[] {
    this.#memory.count(now, here.images.keys());
    this.#memory.readLog(now);
    settle(sheet, (id) => this.#memory.has(id));
    for (const [id, at] of this.#offered) if (this.#memory.has(id) || now - at >= AGAIN_MS) this.#offered.delete(id);
    const images = sheet.strangers.filter(isAddable).filter((image) => {
      const id = idOf(image) ?? '';
      // What it refused stays with the app.
      const isNew = !this.#offered.has(id);
      this.#offered.set(id, this.#offered.get(id) ?? now);
      return isNew;
    });
    if (images.length === 0 && sheet.strangers.length !== this.#state.leftOut) this.#leftOut(sheet.strangers.length);
    return images.map((image) => ({ do: 'add', image }));
  }

  /** Writes the room's images; false if there is nothing to write, or it cannot be, null if the app wrote in between. */
  async #project(now: number, here: Room, isFresh: boolean): Promise<boolean | null> {
    const [sheet, seen] = [this.#sheet, this.#state.seen];
    // No row, or none that can be read.
    if (sheet === null || seen === null) return false;
    const text = write(sheet, here.images.values());
    const utf8 = new TextEncoder().encode(text);
    const bytes = utf8.length;
    if (bytes > MOST_BYTES) {
      this.#inTrouble('too_large', { what: 'too_large', bytes });
      return false;
    }
    const digest = await digestOf(utf8);
    const isThere = this.#text !== null && ('text' in this.#text ? this.#text.text === text : this.#text.digest === digest);
    let mark: Mark | null = seen;
    if (!isThere) mark = await this.#app.write(seen, text, next(now, seen.updated, seen.created));
    else if (!isFresh) mark = await this.#app.unchanged(seen);
    if (mark === null) {
      this.#sheet = null;
      this.#note({ what: 'overtaken' });
      return null;
    }
    this.#text = { digest };
    this.#state.seen = { ...seen, updated: mark.updated, length: mark.length };
    this.#memory.forgetOld(now);
    if (this.#state.trouble !== null) this.#mended();
    if (!isThere) this.#note({ what: 'written', bytes });
    return !isThere;
  }

  // ---- What is told -----------------------------------------------------------------------------------------------

  #inTrouble(trouble: Trouble, event: Noted): void {
    if (this.#state.trouble === trouble) return;
    this.#state.trouble = trouble;
    this.#note(event);
  }

  #mended(): void {
    this.#state.trouble = null;
    this.#note({ what: 'mended' });
  }

  #leftOut(images: number): void {
    if (images > this.#state.leftOut) this.#note({ what: 'left_out', images });
    this.#state.leftOut = images;
  }

  #failed(doing: 'read' | 'write', error: unknown): void {
    this.#note({ what: 'failed', doing, error: error instanceof Error ? error.message : String(error) });
  }
}

const roomOf = (here: Here): Room => ({ ...here, images: new Map(Array.from(here.images, (image) => [String(image.id), image])) });

async function digestOf(utf8: Uint8Array): Promise<string> {
  return String.fromCharCode(...new Uint8Array(await crypto.subtle.digest('SHA-256', utf8)));
}
