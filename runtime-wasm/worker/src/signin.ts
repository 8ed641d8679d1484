// Owns: who a request is from: what it brings to say so, and the key ring by which an isolate judges it. The ring is
// shared by all that the isolate serves; what a token says is the core's to judge.

import { problem } from './http';
import type { Settings } from './settings';
import { KeyRing, vocabulary } from './wasm';

/** What a token proves. */
export interface Session {
  user: string;
  name: string | null;
  picture: string | null;
  /** In ms since the Unix epoch. */
  expires: number;
  organisation: { id: string; role: string | null } | null;
}

export type Verdict = { session: Session } | { refused: string };
export type Who = Verdict | 'guest' | 'stray-cookie';

const FETCH_MS = 3000;
const JWKS_BYTES = 256 * 1024;
/** How often one who waits for a fetch looks whether it has come: no request may wait for another's promise. */
const LOOK_MS = 25;
/** The cookie that sign-in sets. */
const COOKIE = '__session';

let ring: { of: Settings; keys: KeyRing } | null = null;
let next = 0;
const answers = new Map<number, Verdict>();

/** The key ring; null where a development server has no key. */
function keyRing(settings: Settings, now: number, wait: (work: Promise<void>) => void): KeyRing | null {
  if (settings.keys === null) return null;
  if (ring?.of !== settings) {
    const keys = 'pem' in settings.keys ? KeyRing.pinned(settings.keys.pem, settings.checks) : new KeyRing(settings.checks, now);
    ring = { of: settings, keys };
    carryOut(keys.take(), settings, wait);
  }
  return ring.keys;
}

/** Whether tokens can be told good from bad now. */
export function isReady(settings: Settings, wait: (work: Promise<void>) => void): boolean {
  return keyRing(settings, Date.now(), wait)?.isReady ?? settings.mode === 'dev';
}

/** Whose session this is. */
export async function check(token: string, settings: Settings, wait: (work: Promise<void>) => void): Promise<Verdict> {
  const keys = keyRing(settings, Date.now(), wait);
  // No key has signed it.
  if (keys === null) return { refused: 'unknown_key' };
  const ticket = (next = (next + 1) >>> 0);
  carryOut(keys.check(Date.now(), ticket, token), settings, wait);
  for (;;) {
    const answer = answers.get(ticket);
    if (answer !== undefined) {
      answers.delete(ticket);
      return answer;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    carryOut(keys.tick(Date.now()), settings, wait);
  }
}

function carryOut(said: string, settings: Settings, wait: (work: Promise<void>) => void): void {
  for (const op of JSON.parse(said) as Array<{ fetch?: number; ticket?: number; session?: Session; refused?: string }>) {
    if (op.fetch !== undefined) wait(fetchKeys(op.fetch, settings, wait));
    else if (op.ticket !== undefined) answers.set(op.ticket, op.session ? { session: op.session } : { refused: op.refused ?? 'unavailable' });
  }
}

/** One answer of at most 256 KiB, from that address and no other. */
async function fetchKeys(no: number, settings: Settings, wait: (work: Promise<void>) => void): Promise<void> {
  const keys = ring?.keys;
  if (!keys || settings.keys === null || !('jwks' in settings.keys)) return;
  try {
    const answer = await fetch(settings.keys.jwks, { redirect: 'manual', signal: AbortSignal.timeout(FETCH_MS) });
    if (answer.status !== 200) throw new Error(`the answer was ${answer.status}`);
    const body = new Uint8Array(await answer.arrayBuffer());
    if (body.length > JWKS_BYTES) throw new Error('it is longer than 256 KiB');
    carryOut(keys.fetched(Date.now(), no, body), settings, wait);
  } catch (error) {
    console.warn(`The keys that tokens are checked with could not be fetched from ${settings.keys.jwks}: ${error instanceof Error ? error.message : error}`);
    carryOut(keys.failed(Date.now(), no), settings, wait);
  }
}

/** Whether a request wants a socket, right or wrong. */
export function wantsSocket(headers: Headers): boolean {
  const connection = (headers.get('connection') ?? '').split(',').some((word) => word.trim().toLowerCase() === 'upgrade');
  return headers.has('upgrade') || headers.has('sec-websocket-key') || connection;
}

/** Who sends a request, or why they do not come in. */
export async function identify(request: Request, settings: Settings, wait: (work: Promise<void>) => void): Promise<Who> {
  const token = tokenOf(request, settings);
  if (token === 'stray-cookie') return token;
  if (token === null) return settings.mode === 'required' ? { refused: 'missing' } : 'guest';
  if (token.length > 1) return { refused: 'malformed' };
  return check(token[0] ?? '', settings, wait);
}

/** The tokens that count: those of the query and of `Authorization` lead over the cookie. */
function tokenOf(request: Request, settings: Settings): string[] | 'stray-cookie' | null {
  const tokens = new URL(request.url).searchParams.getAll('token');
  const authorization = request.headers.get('authorization');
  if (authorization !== null) {
    // Another scheme, or an empty one, counts as a token that no key has signed.
    const [, bearer = ''] = /^bearer +(.*)$/i.exec(authorization) ?? [];
    tokens.push(bearer.trim());
  }
  if (tokens.length > 0) return tokens;
  // Other servers of this machine set cookies for `localhost`, too.
  if (settings.mode === 'dev') return null;
  const cookies = cookiesOf(request, COOKIE);
  if (cookies.length === 0) return null;
  const { headers, method } = request;
  if (headers.has('origin')) return cookies;
  const reads = (method === 'GET' || method === 'HEAD') && !wantsSocket(headers);
  if (reads) return headers.get('sec-fetch-site') === 'same-origin' ? cookies : null;
  return 'stray-cookie';
}

/** The values of a cookie. */
export function cookiesOf(request: Request, wanted: string): string[] {
  const pairs = (request.headers.get('cookie') ?? '').split(';').map((pair) => pair.trim());
  return pairs.filter((pair) => pair.startsWith(`${wanted}=`)).map((pair) => pair.slice(wanted.length + 1));
}

/** The close that a socket gets which was accepted to say why. */
export function closeOf(who: { refused: string } | 'stray-cookie'): string {
  return who === 'stray-cookie' ? 'forbidden' : vocabulary.tokens[who.refused]?.close ?? 'token_invalid';
}

/** The answer to one who does not come in. */
export function unknown(who: { refused: string } | 'stray-cookie'): Response {
  const close = closeOf(who);
  if (who === 'stray-cookie') return problem(403, close, 'A cookie counts only for a page that says its origin; send a token.');
  const message = vocabulary.tokens[who.refused]?.message ?? '';
  if (who.refused === 'unavailable') return problem(503, close, message, { 'retry-after': '5' });
  return problem(401, close, message, { 'www-authenticate': 'Bearer' });
}
