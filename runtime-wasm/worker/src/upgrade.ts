// Owns: how a request becomes a socket, or is told why not. What a person must understand is said after the upgrade: a
// browser tells its page nothing of an answer here.

import type { Visitor } from './codec';
import { hex, problem } from './http';
import { closeOf, identify, unknown } from './signin';
import { personIn, registryOf, roomOf, type Visit } from './visit';
import { vocabulary } from './wasm';

const DIALECTS = ['kanvas.v1'];

/** What the address of a socket asks for. */
export interface Asks {
  pk: string;
  name: string | null;
  /** Null: one that this server does not speak. */
  dialect: string | null;
  readonly: boolean;
  /** A link that lets its holder in, by the digest of its token. */
  share: string | null;
}

/** Reads the query; of a key that comes twice the first counts. */
export async function asksOf(query: URLSearchParams, offered: string | null): Promise<Asks> {
  const [named, link] = [query.get('dialect'), query.get('share')];
  return {
    pk: query.get('_pk') ?? '',
    name: query.get('name') || null,
    dialect: named === null ? offered ?? 'kanvas.v1' : DIALECTS.includes(named) ? named : null,
    readonly: query.get('view') === 'readonly',
    share: link === null ? null : await digestOf(link),
  };
}

/** A link by its token: rooms and their storage have nothing but this. */
export async function digestOf(token: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token));
  return hex(new Uint8Array(digest, 0, 16));
}

/** What is wrong with a handshake, as far as the platform leaves it to us. */
function wrong({ method, headers }: Request): Response | null {
  const bad = (message: string, status = 400, hint: Record<string, string> = {}) => problem(status, 'bad_upgrade', message, hint);
  const has = (name: string, word: string) => (headers.get(name) ?? '').split(',').some((part) => part.trim().toLowerCase() === word);
  if (method !== 'GET') return bad('A WebSocket begins with GET.', 405, { allow: 'GET' });
  if (!has('upgrade', 'websocket')) return bad('This address speaks WebSocket; ask for it with Upgrade: websocket.', 426, { upgrade: 'websocket' });
  // Some platforms keep this header to themselves.
  if (headers.has('connection') && !has('connection', 'upgrade')) return bad('The header Connection: Upgrade is missing.');
  if (headers.get('sec-websocket-version') !== '13') return bad('This server speaks version 13 of WebSocket.', 426, { 'sec-websocket-version': '13' });
  if (!/^[A-Za-z0-9+/]{22}==$/.test(headers.get('sec-websocket-key') ?? '')) return bad('Sec-WebSocket-Key must be there once, 16 bytes in base64.');
  return null;
}

/** Opens a socket to a room, or to the list of rooms where that is null. */
export async function open(visit: Visit, room: string | null): Promise<Response> {
  const { request, url, env, settings } = visit;
  const refusal = wrong(request);
  if (refusal !== null) return refusal;
  const offers = (request.headers.get('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim());
  const offered = offers.find((name) => DIALECTS.includes(name)) ?? null;
  const asks = await asksOf(url.searchParams, offered);
  // The echo says which language is spoken: a query that names another one leads.
  const protocol = offered !== null && asks.dialect === offered ? offered : null;
  const who = await identify(request, settings, visit.wait);
  if (who === 'stray-cookie') return unknown(who);
  if (!(await mayOpen(visit))) {
    return problem(429, 'too_many', 'Too many connections of yours have not joined a room.', { 'retry-after': '5' });
  }
  if (asks.dialect === null) return turnAway('bad_protocol', protocol);
  if (who !== 'guest' && 'refused' in who) return turnAway(closeOf(who), protocol);
  const by = await personIn(visit, who, asks.pk);
  const headers = new Headers({ upgrade: 'websocket' });
  if (protocol !== null) headers.set('sec-websocket-protocol', protocol);
  try {
    if (room === null) {
      return await registryOf(env).fetch(`https://kanvas/?user=${encodeURIComponent(by.user)}`, { headers });
    }
    const founds = settings.mode !== 'dev' && !by.verified ? 'no' : 'yes';
    const visitor: Visitor = { ...by, founds, pk: asks.pk, dialect: asks.dialect, called: asks.name, readonly: asks.readonly, share: asks.share };
    return await roomOf(env, room).fetch(`https://kanvas/?visitor=${encodeURIComponent(JSON.stringify(visitor))}`, { headers });
  } catch (error) {
    console.warn(`A socket found no way to its room: ${error instanceof Error ? error.message : error}`);
    return turnAway('overloaded', protocol);
  }
}

/** Whether this address may open one more socket now; where no limiter is bound, it may. */
async function mayOpen({ request, env, settings }: Visit): Promise<boolean> {
  if (settings.mode === 'dev' || !env.KANVAS_CONNECTS) return true;
  const { success } = await env.KANVAS_CONNECTS.limit({ key: request.headers.get('cf-connecting-ip') ?? '' });
  return success;
}

/** Accepts a socket to say why it is closed. No object hears of it. */
export function turnAway(reason: string, protocol: string | null, retryAfterMs?: number): Response {
  const { code = 4205, message = '' } = vocabulary.closes[reason] ?? {};
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  // `c0` is nobody: no room has given this client an id.
  server.send(JSON.stringify({ type: 'error', data: { code: reason, ref: null, retryAfterMs, message }, clientId: 'c0' }));
  server.close(code, reason);
  return new Response(null, { status: 101, webSocket: client, headers: protocol === null ? {} : { 'sec-websocket-protocol': protocol } });
}
