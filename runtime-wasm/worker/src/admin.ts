// Owns: who may see the machine: whoever sends the admin secret, and the browser that signed in with it.

import { blank, hex, problem, readJson } from './http';
import type { Settings } from './settings';
import type { Visit } from './visit';

/** How a visit may see the machine, or the answer to one that may not. */
export type Admission = 'open' | 'secret' | 'signed-in' | Response;

/** A day's work. */
const SIGNED_IN_MS = 12 * 3600 * 1000;

const off = () => problem(403, 'off', 'The metrics and the dashboard open once KANVAS_ADMIN_SECRET is set, a secret of 16 bytes or more.');
const unauthorized = (message: string) => problem(401, 'unauthorized', message, { 'www-authenticate': 'Bearer' });

export async function admit({ request, settings }: Visit): Promise<Admission> {
  const { admin, mode } = settings;
  if (admin === null) return mode === 'dev' ? 'open' : off();
  const given = request.headers.get('authorization');
  if (given !== null) {
    const [, secret] = /^bearer +(\S+) *$/i.exec(given) ?? [];
    if (secret !== undefined && (await isSame(secret, admin))) return 'secret';
  } else {
    for (const proof of cookies(request, cookieName(settings))) if (await isProof(proof, admin)) return 'signed-in';
  }
  return unauthorized("Send the server's admin secret as Authorization: Bearer.");
}

/** Why the operator's own back end is not let in; null if it is. Its secret is sent with each request. */
export async function admitBackEnd({ request, settings }: Visit): Promise<Response | null> {
  if (settings.admin === null) {
    return problem(403, 'api_off', 'The API is off: start the server with KANVAS_ADMIN_SECRET, a secret of 16 bytes or more.');
  }
  const [, secret] = /^bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '') ?? [];
  if (secret !== undefined && (await isSame(secret, settings.admin))) return null;
  return unauthorized("Send the server's admin secret as Authorization: Bearer.");
}

/** Signs a browser in. */
export async function signIn({ request, settings }: Visit): Promise<Response> {
  if (settings.admin === null) return settings.mode === 'dev' ? blank(204) : off();
  const wanted = 'Send {"secret": …}.';
  const body = await readJson(request, wanted);
  if (body instanceof Response) return body;
  const secret = typeof body === 'object' && body !== null && 'secret' in body ? body.secret : null;
  if (typeof secret !== 'string') return problem(400, 'bad_body', wanted);
  if (!(await isSame(secret.trim(), settings.admin))) return unauthorized("That is not the server's admin secret.");
  return blank(204, { 'set-cookie': cookie(settings, await proofUntil(Date.now() + SIGNED_IN_MS, settings.admin), SIGNED_IN_MS / 1000) });
}

/** Has the browser forget that it signed in. */
export function signOut({ settings }: Visit): Response {
  return blank(204, { 'set-cookie': cookie(settings, '', 0) });
}

/** Compares digests, so that the time it takes tells nothing of the secret, nor of its length. */
async function isSame(given: string, secret: string): Promise<boolean> {
  const digest = (text: string) => crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return crypto.subtle.timingSafeEqual(await digest(given), await digest(secret));
}

// ---- The cookie: a moment, and the proof that whoever had the secret was told it ----------------------------------

/** Of a key that only this secret gives: another secret signs everybody out. */
async function keyOf(secret: string): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey('raw', new TextEncoder().encode(secret), 'HKDF', false, ['deriveKey']);
  const how = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: new TextEncoder().encode('kanvas: signed in as operator') };
  return crypto.subtle.deriveKey(how, material, { name: 'HMAC', hash: 'SHA-256', length: 256 }, false, ['sign', 'verify']);
}

async function proofUntil(until: number, secret: string): Promise<string> {
  const mac = await crypto.subtle.sign('HMAC', await keyOf(secret), new TextEncoder().encode(String(until)));
  return `${until}.${hex(new Uint8Array(mac))}`;
}

async function isProof(proof: string, secret: string): Promise<boolean> {
  const [, until = '', mac = ''] = /^(\d{1,16})\.([0-9a-f]{64})$/.exec(proof) ?? [];
  if (until === '' || Number(until) <= Date.now()) return false;
  const bytes = Uint8Array.from(mac.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return crypto.subtle.verify('HMAC', await keyOf(secret), bytes, new TextEncoder().encode(until));
}

/** With `__Host-` no other host of the domain can set it. On a development server there is no TLS that it could ask for. */
const cookieName = ({ mode }: Settings) => (mode === 'dev' ? 'kanvas-admin' : '__Host-kanvas-admin');

function cookie(settings: Settings, value: string, seconds: number): string {
  const secure = settings.mode === 'dev' ? '' : '; Secure';
  return `${cookieName(settings)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}

function cookies(request: Request, name: string): string[] {
  const pairs = (request.headers.get('cookie') ?? '').split(';').map((pair) => pair.trim());
  return pairs.filter((pair) => pair.startsWith(`${name}=`)).map((pair) => pair.slice(name.length + 1));
}
