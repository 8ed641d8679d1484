// Owns: links that let others into a room: asking the server for them, and how long one lasts in words. Free of DOM.
// The server tells a link's token once, to who makes it; this page remembers those it made.
// Not here: how they are listed (share.js).

import { ask } from './asking.js';
import { addressOf } from './rooms.js';

const HOUR = 3_600_000;

/** What one can choose from, in order: the words, and the time until the end (null: never). */
export const SPANS = [['Never', null], ['In 1 hour', HOUR], ['In 1 day', 24 * HOUR], ['In 7 days', 7 * 24 * HOUR]];

const WHY = new Map([
  [401, 'Your sign-in is not accepted any more. Sign in again.'],
  [403, 'Only an owner of this canvas can do that.'],
  [404, 'It is not there any more.'],
  [429, 'That was too often. Wait a little and try again.'],
]);

/** `room` is its id, `token()` the session token, `fetch` the browser's. Each call throws an Error with a sentence. */
export class Shares {
  #address;
  #token;
  #fetch;
  #made = new Map(); // id → token

  constructor({ origin, room, token, fetch }) {
    this.#address = new URL(`/parties/main/${room}/shares`, origin).href;
    this.#token = token;
    this.#fetch = fetch;
  }

  /** [{ id, role, expiresAt, token }], the one that ends last on top; `token` is null for one of another page or day. */
  async list() {
    const { shares } = await this.#ask('GET', '');
    if (!Array.isArray(shares)) throw new Error('The server answered with something else than links.');
    const known = shares.map((share) => ({ ...share, token: this.#made.get(share.id) ?? null }));
    return known.sort((a, b) => (b.expiresAt ?? Infinity) - (a.expiresAt ?? Infinity) || a.id.localeCompare(b.id));
  }

  /** `expiresAt` in ms since 1970, or null for good. */
  async make({ role, expiresAt }) {
    const made = await this.#ask('POST', '', expiresAt === null ? { role } : { role, expiresAt });
    this.#made.set(made.id, made.token);
    return made;
  }

  revoke(id) {
    return this.#ask('DELETE', `/${encodeURIComponent(id)}`);
  }

  #ask(method, rest, body) {
    return ask(this.#fetch, this.#address + rest, { method, token: this.#token() ?? '', body, why: WHY });
  }
}

/** “Ends in 5 hours”: rounded up, so that a link that was just made says what was chosen. */
export function endInWords(expiresAt, now) {
  if (expiresAt === null) return 'Never ends';
  const left = expiresAt - now;
  if (left <= 0) return 'Has ended';
  const [count, unit] = left > 48 * HOUR ? [Math.ceil(left / (24 * HOUR)), 'day'] : left > HOUR ? [Math.ceil(left / HOUR), 'hour'] : [Math.ceil(left / 60_000), 'minute'];
  return `Ends in ${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** The address to pass on: of the room, and with a link's token the link. */
export const shareAddress = (page, room, share = null) => new URL(addressOf(room, share), page).href;
