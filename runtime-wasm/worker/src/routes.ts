// Owns: what addresses name, and which methods they have.

import type { Askers } from './edge';
import { roomId } from './wasm';

/** What is answered by who asks. */
export type Personal =
  | { at: 'list' }
  | { at: 'upload' }
  /** A room, as its owner changes or deletes it. */
  | { at: 'listed'; room: string }
  | { at: 'room'; room: string }
  /** What a room's thumbnail is drawn from. */
  | { at: 'preview'; room: string }
  | { at: 'shares'; room: string }
  /** A link, by its token or id. */
  | { at: 'share'; room: string; link: string };

export type Route =
  | Personal
  | { at: 'health' }
  | { at: 'ready' }
  | { at: 'metrics' }
  /** The page for people who look at the machine. */
  | { at: 'dashboard' }
  /** What it is made of. */
  | { at: 'dashboard-file' }
  /** Its numbers. */
  | { at: 'dashboard-data' }
  /** Where a browser signs in to it, and out. */
  | { at: 'dashboard-session' }
  | { at: 'page' }
  | { at: 'asset'; hash: string }
  /** A room that can have no such name. */
  | { at: 'bad-room' }
  | { at: 'party'; name: string };

/** Whose pages may ask for it. The machine is shown to no page but the server's own; a page has its files from where it is. */
export function askers({ at }: Route): Askers {
  if (at === 'metrics' || at.startsWith('dashboard')) return 'own';
  return at === 'page' ? 'both' : 'listed';
}

/** The methods that an address has, as `Allow` lists them. */
export function methods(route: Route): string {
  switch (route.at) {
    case 'upload': return 'PUT, OPTIONS';
    case 'list': return 'GET, HEAD, POST, OPTIONS';
    case 'listed': return 'PATCH, DELETE, OPTIONS';
    case 'shares': return 'GET, HEAD, POST, OPTIONS';
    case 'share': return 'DELETE, OPTIONS';
    case 'dashboard-session': return 'POST, DELETE, OPTIONS';
    case 'health': case 'ready': case 'bad-room': case 'metrics': case 'page': case 'party': case 'asset': case 'room': case 'preview':
    case 'dashboard': case 'dashboard-file': case 'dashboard-data':
      return 'GET, HEAD, OPTIONS';
  }
}

/** What is at this path. */
export function find(path: string): Route {
  switch (path) {
    case '/healthz': return { at: 'health' };
    case '/readyz': return { at: 'ready' };
    case '/metrics': return { at: 'metrics' };
    case '/assets': return { at: 'upload' };
    case '/dashboard': case '/dashboard/': return { at: 'dashboard' };
    case '/dashboard/data': return { at: 'dashboard-data' };
    case '/dashboard/session': return { at: 'dashboard-session' };
  }
  if (path.startsWith('/dashboard/')) return { at: 'dashboard-file' };
  const party = cut(path, '/parties/');
  if (party !== null) {
    const [name = '', ...rest] = party.split('/');
    if (name === 'main') return rest.length > 0 ? room(rest) : { at: 'bad-room' };
    if (name === 'registry') return rest.length > 0 ? listed(rest) : { at: 'bad-room' };
    return { at: 'party', name };
  }
  const short = cut(path, '/party/');
  if (short !== null) return room(short.split('/'));
  const asset = cut(path, '/assets/');
  if (asset !== null && /^[0-9a-f]{64}$/.test(asset)) return { at: 'asset', hash: asset };
  return { at: 'page' };
}

function cut(path: string, prefix: string): string | null {
  return path.startsWith(prefix) ? path.slice(prefix.length) : null;
}

/** The list of rooms, whatever it is called, or one of them. */
function listed([list = '', ...under]: string[]): Route {
  if (roomOf(list) === null) return { at: 'bad-room' };
  if (under.length === 0) return { at: 'list' };
  const room = under.length === 1 ? roomOf(under[0] ?? '') : null;
  return room === null ? { at: 'bad-room' } : { at: 'listed', room };
}

/** A room, or what is under it. */
function room([name = '', kind, ...rest]: string[]): Route {
  const room = roomOf(name);
  if (room === null) return { at: 'bad-room' };
  const link = rest.join('/');
  switch (kind) {
    case undefined: return { at: 'room', room };
    case 'preview': return link === '' ? { at: 'preview', room } : { at: 'bad-room' };
    case 'shares': return link === '' ? { at: 'shares', room } : { at: 'share', room, link };
    default: return { at: 'bad-room' };
  }
}

/** The room of that name. One decoding and no more: `%252e` stays three letters of a bad name. */
export function roomOf(name: string): string | null {
  try {
    const decoded = decodeURIComponent(name);
    return roomId(decoded) ? decoded : null;
  } catch {
    return null;
  }
}
