// Owns: the session token of this tab: what may be one, where one is found in an address, who holds it. Free of DOM.
// Not here: whether it is good, which the server alone says.

import { Emitter } from './events.js';

const PART = /^[A-Za-z0-9_-]+$/;
const LONGEST = 8192;

/** { token, sub, name } or { error }: a token that is cut off or is something else is told from one at once. */
export function readToken(text) {
  const token = text.replace(/\s+/g, ''); // a terminal breaks long lines
  if (token === '') return { error: 'Paste a session token first.' };
  const parts = token.split('.');
  const claims = parts.length === 3 && parts.every((part) => PART.test(part)) ? claimsOf(parts[1]) : null;
  if (claims === null) return { error: 'This is not a session token, or not all of one: it has three parts with dots between them.' };
  if (token.length > LONGEST) return { error: 'This token is too long (8,192 characters at most).' };
  return { token, sub: claims.sub, name: [claims.name, claims.full_name, claims.username].find((name) => typeof name === 'string' && name.trim() !== '') };
}

function claimsOf(part) {
  try {
    const bytes = Uint8Array.from(atob(part.replace(/-/g, '+').replace(/_/g, '/')), (letter) => letter.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof claims?.sub === 'string' ? claims : null;
  } catch {
    return null;
  }
}

/** The token in the fragment of an address, and the fragment without it; `token` is null if there is none. */
export function tokenIn(hash) {
  const keys = new URLSearchParams(hash.replace(/^#/, ''));
  const token = keys.get('token');
  if (token === null) return { token: null, rest: hash };
  keys.delete('token');
  const rest = keys.toString();
  return { token, rest: rest === '' ? '' : `#${rest}` };
}

/** Emits `change` when another token, or none, counts from now on. `memory` is one tab's: { get, set, remove }. */
export class Identity extends Emitter {
  #memory;
  #token; // storage may be forbidden: this page still knows

  constructor(memory) {
    super();
    this.#memory = memory;
    this.#token = memory.get('token');
  }

  get token() { return this.#token; }

  /** What the token says of its holder: { sub, name } or null. */
  get claims() {
    const { token, sub, name } = this.#token === null ? {} : readToken(this.#token);
    return token === undefined ? null : { sub, name };
  }

  signIn(token) {
    this.keep(token);
    this.emit('change');
  }

  /** For the next connection; the present one has been told by other means. */
  keep(token) {
    this.#token = token;
    this.#memory.set('token', token);
  }

  signOut() {
    this.#token = null;
    this.#memory.remove('token');
    this.emit('change');
  }
}
