// Owns: somebody as rooms are told of them: what a request proved, where it came from, and what follows from both.

import { hex } from './http';
import type { Settings } from './settings';
import type { Session } from './signin';

/** Who asks, as a room is told of them. */
export interface Person {
  /** Their id: the token's `sub`, or a guest's. */
  user: string;
  verified: boolean;
  name: string | null;
  picture: string | null;
  org: { id: string; role: string | null } | null;
  /** Where they connect from, as a keyed hash of 16 digits; not on a development server, which all reach from one address. */
  address: string | null;
  /** When what is vouched for ends, in ms. */
  lease: number | null;
}

/** Makes persons of requests. The secret is one for all isolates, so that a guest is the same everywhere. */
export async function personOf(who: { session: Session } | 'guest', pk: string, client: string, secret: CryptoKey, settings: Settings): Promise<Person> {
  const address = settings.mode === 'dev' ? null : await keyed(secret, [2, ...network(client)]);
  if (who === 'guest') {
    const seed = pk === '' ? crypto.getRandomValues(new Uint8Array(16)) : new TextEncoder().encode(pk);
    const user = `guest:${await keyed(secret, [pk === '' ? 1 : 0, ...seed])}`;
    return { user, verified: false, name: null, picture: null, org: null, address, lease: null };
  }
  const { user, name, picture, expires, organisation } = who.session;
  // The role without the prefix that Clerk's first claims have.
  const org = organisation && { id: organisation.id, role: organisation.role?.replace(/^org:/, '') ?? null };
  return { user, verified: true, name, picture, org, address: null, lease: leaseOf(expires, settings) };
}

/** Whom what they send counts for: a guest by where they connect from, since a new `_pk` costs nothing. */
export const account = (by: Person): string => (!by.verified && by.address !== null ? `guest:at:${by.address}` : by.user);

async function keyed(secret: CryptoKey, bytes: number[]): Promise<string> {
  const digest = await crypto.subtle.sign('HMAC', secret, new Uint8Array(bytes));
  return hex(new Uint8Array(digest).subarray(0, 8));
}

/** An address as it counts: whoever has one of IPv6 mostly has all that share its first half. */
export function network(client: string): number[] {
  if (!client.includes(':')) return client.split('.').map(Number);
  const [head = '', tail] = client.split('::');
  const words = (part: string) => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const [first, last] = [words(head), words(tail ?? '')];
  const whole = tail === undefined ? first : [...first, ...Array<number>(Math.max(0, 8 - first.length - last.length)).fill(0), ...last];
  return whole.slice(0, 4).flatMap((word) => [(word >> 8) & 255, word & 255]);
}

/** When the lease of a token ends that expires then: one within the clocks' skew counts from now. */
export const leaseOf = (expires: number, settings: Settings): number => Math.max(expires, Date.now()) + settings.leaseGrace;
