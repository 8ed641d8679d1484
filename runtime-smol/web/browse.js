// Owns: what of the list of rooms is looked for and shown: live, or a search or another order in pages. Free of DOM.

import { Emitter } from './events.js';

const PAUSE = 250; // ms: while one types, nothing is asked
const PAGE = 24;
/** The orders one can choose from: the server's names and the words. */
export const SORTS = new Map([['activity', 'Active last'], ['users', 'Most people'], ['created', 'Newest'], ['name', 'Name']]);
const USUAL = 'activity';

/** Emits `change`; `view` is what to show then. `feed`, `listing` and `registry` are theirs; `host` is { setTimeout, clearTimeout }. */
export class Browse extends Emitter {
  #feed;
  #listing;
  #registry;
  #host;
  #timer = null;
  #asked = null; // the question that is under way: an AbortController
  #page = null; // the last answer: { rooms, cursor, total }, of whichever question
  #failed = null;

  constructor({ feed, listing, registry, host, q = '', sort = USUAL }) {
    super();
    this.q = q.trim();
    this.sort = SORTS.has(sort) ? sort : USUAL;
    this.#feed = feed;
    this.#listing = listing;
    this.#registry = registry;
    this.#host = host;
    feed.on('state', () => this.emit('change'));
    feed.on('frame', (frame) => {
      listing.apply(frame);
      this.emit('change');
    });
  }

  get live() { return this.q === '' && this.sort === USUAL; }

  /**
   * { phase, rooms, more, total, news, busy, message, retries, retryAt }. Phases: `loading`, `ready`, `failed`, `barred`
   * (sign in first). `busy`: what is shown is still the answer to the question before. `retries`: by itself.
   */
  get view() {
    const view = this.live ? this.#liveView() : this.#pageView();
    return { more: false, busy: false, news: 0, message: null, retries: false, retryAt: null, ...view };
  }

  start() {
    this.#feed.start();
    if (!this.live) this.#ask();
  }

  search(text) {
    const q = text.trim();
    if (q === this.q) return;
    this.q = q;
    this.#changed(PAUSE);
  }

  order(sort) {
    if (sort === this.sort || !SORTS.has(sort)) return;
    this.sort = sort;
    this.#changed(0);
  }

  more() {
    if (!this.live && this.#page?.cursor && !this.#asked) this.#ask(this.#page);
  }

  /** Whoever asks does not want to wait; or is somebody else now. */
  again() {
    if (this.#feed.state.phase === 'waiting') this.#feed.wake();
    else if (this.#feed.state.phase !== 'live') this.#feed.start();
    if (!this.live) this.#ask();
  }

  hold(held) {
    this.#listing.hold(held);
    this.emit('change');
  }

  showNews() {
    this.#listing.show();
    this.emit('change');
  }

  /** Nobody looks: what is live is put in order. */
  settle() {
    this.#listing.settle();
    this.emit('change');
  }

  #changed(pause) {
    this.#host.clearTimeout(this.#timer);
    this.#asked?.abort();
    this.#asked = null;
    this.#failed = null;
    if (this.live) {
      this.#page = null;
      this.#listing.settle();
    } else if (pause === 0) return this.#ask();
    else {
      this.#asked = new AbortController(); // it counts as asked from the first letter on
      this.#timer = this.#host.setTimeout(() => this.#ask(), pause);
    }
    return this.emit('change');
  }

  async #ask(before = null) {
    this.#host.clearTimeout(this.#timer);
    this.#asked?.abort();
    const mine = new AbortController();
    this.#asked = mine;
    this.#failed = null;
    this.emit('change');
    let page = null;
    let failed = null;
    try {
      page = await this.#registry.page({ q: this.q, sort: this.sort, limit: PAGE, cursor: before?.cursor ?? null }, mine.signal);
    } catch (problem) {
      failed = problem;
    }
    if (this.#asked !== mine) return; // another question was put meanwhile
    this.#asked = null;
    this.#failed = failed;
    if (page !== null) this.#page = before === null ? page : { ...page, rooms: joined(before.rooms, page.rooms) };
    this.emit('change');
  }

  #liveView() {
    const { state } = this.#feed;
    const { rooms, news, known } = this.#listing;
    if (state.phase === 'refused') return { ...refusal(state), rooms: [], total: 0 };
    if (known) return { phase: 'ready', rooms, total: rooms.length, news };
    if (state.phase === 'waiting' || state.again) return { phase: 'failed', rooms, total: 0, retryAt: state.retryAt ?? null, retries: true };
    return { phase: 'loading', rooms, total: 0 };
  }

  #pageView() {
    const failed = this.#failed;
    const busy = this.#asked !== null;
    if (failed !== null && this.#page === null) return { phase: failed.status === 401 ? 'barred' : 'failed', rooms: [], total: 0, message: failed.message };
    // Until the first answer what was there before is better than nothing.
    if (this.#page === null) return { phase: this.#listing.known ? 'ready' : 'loading', rooms: this.#listing.rooms, total: null, busy: true };
    const rooms = this.#page.rooms.map((room) => ({ ...room, ...this.#listing.room(room.id) })); // counts go on being live
    return { phase: 'ready', rooms, total: this.#page.total, more: this.#page.cursor !== null, busy, message: failed?.message ?? null };
  }
}

function refusal({ code, message }) {
  return code >= 4100 && code < 4200 || code === 4510 ? { phase: 'barred', message } : { phase: 'failed', message };
}

function joined(before, after) {
  const there = new Set(before.map(({ id }) => id));
  return [...before, ...after.filter(({ id }) => !there.has(id))];
}
