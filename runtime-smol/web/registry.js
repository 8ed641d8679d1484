// Owns: asking the server for rooms: pages of the list, one room, its preview; making one and deleting one. Free of DOM.
// Not here: the live list (feed.js), links into a room (shares.js).

import { ask } from './asking.js';
import { device, pkOf, tab } from './memory.js';
import { suggestName } from './rooms.js';

const WHY = new Map([
  [401, 'Sign in first: here only people who have signed in can do that.'],
  [403, 'Only an owner of this canvas can do that.'],
  [404, 'It is not there any more.'],
  [429, 'You have made many canvases this hour. Wait a little and try again.'],
]);
/** Of any name that the list is given, all are the same list; `partysocket` wants one. */
export const LIST = '/parties/registry/main';

/** `token()` is the session token or null, `who()` { pk, name }, `fetch` the browser's. Each call throws a Refused. */
export class Registry {
  #origin;
  #token;
  #who;
  #fetch;

  constructor({ origin, token, who, fetch }) {
    this.#origin = origin;
    this.#token = token;
    this.#who = who;
    this.#fetch = fetch;
  }

  /** { rooms, cursor, total } */
  async page({ q = '', sort = 'activity', limit, cursor = null }, signal) {
    const query = { sort, limit: String(limit) };
    if (q !== '') query.q = q;
    if (cursor !== null) query.cursor = cursor;
    const page = await this.#ask(LIST, query, { signal });
    if (!Array.isArray(page.rooms)) throw new Error('The server answered with something else than a list.');
    return page;
  }

  /** What the room is now, and `token` where a link is the only way into it. Without an `id` the server chooses one. */
  make(wanted) {
    const { pk, name } = this.#who();
    return this.#ask(LIST, { _pk: pk, name }, { method: 'POST', body: wanted });
  }

  async remove(room) {
    await this.#ask(`${LIST}/${room}`, {}, { method: 'DELETE' });
  }

  describe(room, share = null) {
    return this.#ask(`/parties/main/${room}`, this.#door(share));
  }

  /** The largest images of a room, the lowest in the stack first. The browser keeps it for as long as the server says. */
  async preview(room, share = null) {
    const { images } = await this.#ask(`/parties/main/${room}/preview`, this.#door(share), { cache: 'default' });
    return Array.isArray(images) ? images : [];
  }

  #door(share) {
    const { pk } = this.#who();
    return share === null ? { _pk: pk } : { _pk: pk, share };
  }

  #ask(path, query, how = {}) {
    const url = new URL(path, this.#origin);
    url.search = new URLSearchParams(query);
    return ask(this.#fetch, url.href, { ...how, token: this.#token(), why: WHY });
  }
}

/** As this page asks: for the person of this tab. */
export function registryOf(identity) {
  const who = () => {
    if (!device.get('name')) device.set('name', suggestName());
    return { pk: pkOf(tab), name: device.get('name') ?? 'Guest' };
  };
  return new Registry({ origin: location.origin, token: () => identity.token, who, fetch: fetch.bind(globalThis) });
}
