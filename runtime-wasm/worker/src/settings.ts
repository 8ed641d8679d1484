// Owns: what an operator sets, read from the worker's variables and secrets once an isolate, and what of it cannot be.
// The names are those of the native server's environment, and so are the bounds.

import { isLoopbackHost, isLoopbackOrigin, isOrigin } from './origins';
import type { Registry } from './registry';
import type { Room } from './room';

export interface Env {
  ROOMS: DurableObjectNamespace<Room>;
  REGISTRY: DurableObjectNamespace<Registry>;
  ASSETS: Fetcher;
  KANVAS_DB?: D1Database;
  KANVAS_CACHE?: KVNamespace;
  KANVAS_IMAGES?: R2Bucket;
  /** How often one address may open sockets. */
  KANVAS_CONNECTS?: RateLimit;
  KANVAS_AUTH?: string;
  CLERK_PUBLISHABLE_KEY?: string;
  /** The same, under the name that a Next.js app has for it. */
  NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY?: string;
  CLERK_JWT_KEY?: string;
  CLERK_JWKS_URL?: string;
  CLERK_AUTHORIZED_PARTIES?: string;
  CLERK_AUDIENCE?: string;
  KANVAS_ALLOWED_ORIGINS?: string;
  KANVAS_PUBLIC_URL?: string;
  KANVAS_ADMIN_SECRET?: string;
  KANVAS_GUEST_KEY?: string;
  KANVAS_LEASE_GRACE?: string;
  KANVAS_NEW_ROOMS?: string;
  KANVAS_ROOM_CONNECTIONS?: string;
  KANVAS_USER_CONNECTIONS?: string;
  KANVAS_ROOM_IMAGES?: string;
  KANVAS_GRACE?: string;
  KANVAS_FAR_CURSORS?: string;
  KANVAS_LIST_IDLE?: string;
  KANVAS_ASSET_BYTES?: string;
  KANVAS_ASSET_DAY_BYTES?: string;
  KANVAS_ASSET_TOTAL_BYTES?: string;
}

export type Mode = 'dev' | 'optional' | 'required';

/** Where the keys come from that tokens are checked with. */
export type Keys = { pem: string } | { jwks: string } | null;

export interface Settings {
  mode: Mode;
  keys: Keys;
  /** The checks of a key ring, as JSON. */
  checks: string;
  /** Whose pages may ask, beside those of this machine in development mode. */
  origins: string[];
  publicUrl: string | null;
  admin: string | null;
  /** The key that guests' ids are made with, where it is not the registry's own. */
  guestKey: Uint8Array | null;
  /** How long a connection outlives its token, in ms. */
  leaseGrace: number;
  newRooms: number;
  /** How rooms and their list differ from the core's defaults, as JSON. */
  rooms: string;
  assets: { file: number; day: number; total: number };
}

/** A sleeping room says nothing, so nobody may take its silence for an empty one. */
const SILENT_MS = 24 * 3600 * 1000;
/** An empty room unloads soon: to wait longer would only keep its object awake. */
const EMPTY_MS = 5000;
/** What a flush costs for each who is told, in µs (CUR2): a send costs the platform's runtime some ten times what it costs
 * the native server, and least where several wait for one socket. */
const FLUSH_COST = 1600;
/** What fits in one object's memory beside its watchers. */
const LISTED_ROOMS = 20_000;

/** A setting that cannot be is a sentence among these. */
class Problems extends Array<string> {
  number(name: string, value: string | undefined, least: number, most: number, usual: number): number {
    if (value === undefined || value === '') return usual;
    const number = Number(value);
    if (/^\d{1,16}$/.test(value) && number >= least && number <= most) return number;
    this.push(`${name} is ${JSON.stringify(value)}; it must be a whole number from ${least} to ${most}.`);
    return usual;
  }

  origins(name: string, value: string | undefined): string[] {
    if (value === undefined || value === '') return [];
    const origins = value.split(',').map((origin) => origin.trim());
    const wrong = origins.find((origin) => !isOrigin(origin));
    if (wrong === undefined) return origins;
    this.push(`${name} has ${JSON.stringify(wrong)}; write origins with commas between, each as a browser sends it, such as https://app.example.com.`);
    return [];
  }
}

/** Whether keys may be fetched from there: over TLS, or from the machine itself. */
function isKeyAddress(text: string): boolean {
  try {
    const url = new URL(text);
    return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.host));
  } catch {
    return false;
  }
}

/** What the operator set, or what is wrong with it. `issuerOf` reads a publishable key. */
export function read(env: Env, issuerOf: (key: string) => { issuer: string; jwks: string }): Settings | string[] {
  const problems = new Problems();
  let instance: { issuer: string; jwks: string } | null = null;
  const [name, key] = Object.entries({
    CLERK_PUBLISHABLE_KEY: env.CLERK_PUBLISHABLE_KEY,
    NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY: env.NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY,
  }).find(([, key]) => key) ?? [];
  if (key) {
    try {
      instance = issuerOf(key);
    } catch (error) {
      // The key itself is not repeated: people put secret ones in its place.
      problems.push(`${name} cannot be used: ${error instanceof Error ? error.message : 'it cannot be read'}`);
    }
  }
  const hasKeys = Boolean(env.CLERK_JWT_KEY || instance);
  const mode = (env.KANVAS_AUTH || (hasKeys ? 'required' : 'dev')) as Mode;
  if (!['dev', 'optional', 'required'].includes(mode)) {
    problems.push(`KANVAS_AUTH is ${JSON.stringify(mode)}; it must be dev, optional or required.`);
  }
  const isDev = mode === 'dev';
  const parties = problems.origins('CLERK_AUTHORIZED_PARTIES', env.CLERK_AUTHORIZED_PARTIES);
  const allowed = problems.origins('KANVAS_ALLOWED_ORIGINS', env.KANVAS_ALLOWED_ORIGINS);
  const [publicUrl = null] = problems.origins('KANVAS_PUBLIC_URL', env.KANVAS_PUBLIC_URL?.replace(/\/$/, ''));
  if (!isDev && !hasKeys) {
    problems.push(`KANVAS_AUTH=${mode} needs keys to check tokens with: set CLERK_PUBLISHABLE_KEY, or CLERK_JWT_KEY with it.`);
  }
  if (!isDev && parties.length + allowed.length === 0 && publicUrl === null && problems.length === 0) {
    problems.push('It must be said whose pages may use the server: set KANVAS_ALLOWED_ORIGINS, KANVAS_PUBLIC_URL or CLERK_AUTHORIZED_PARTIES.');
  }
  const here = isDev ? undefined : [...allowed, ...parties, publicUrl ?? ''].find(isLoopbackOrigin);
  if (here !== undefined) {
    problems.push(`${here} is a page of whichever machine it is opened on, which only KANVAS_AUTH=dev allows; leave it out.`);
  }
  if (env.CLERK_JWKS_URL && !isKeyAddress(env.CLERK_JWKS_URL)) {
    problems.push(`CLERK_JWKS_URL is ${JSON.stringify(env.CLERK_JWKS_URL)}; it must be an https address, or an http one of this machine.`);
  }
  const admin = env.KANVAS_ADMIN_SECRET || null;
  if (admin !== null && !/^[\x21-\x7e]{16,512}$/.test(admin)) {
    problems.push('KANVAS_ADMIN_SECRET must be 16 to 512 letters, digits and signs of ASCII without a space, such as `openssl rand -hex 32` prints.');
  }
  const guestKey = env.KANVAS_GUEST_KEY || null;
  if (guestKey !== null && !/^[\da-f]{64}$/i.test(guestKey)) {
    problems.push('KANVAS_GUEST_KEY must be 64 hexadecimal digits, such as `openssl rand -hex 32` prints.');
  }
  const audience = (env.CLERK_AUDIENCE ?? '').split(',').map((name) => name.trim()).filter(Boolean);
  const settings: Settings = {
    mode,
    keys: env.CLERK_JWT_KEY ? { pem: env.CLERK_JWT_KEY } : instance && !isDev ? { jwks: env.CLERK_JWKS_URL || instance.jwks } : null,
    checks: JSON.stringify(isDev ? {} : { issuer: instance?.issuer, parties, audience }),
    origins: [...allowed, ...parties],
    publicUrl,
    admin,
    guestKey: guestKey === null ? null : Uint8Array.from(guestKey.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)),
    leaseGrace: 1000 * problems.number('KANVAS_LEASE_GRACE', env.KANVAS_LEASE_GRACE, 25, 86_400, 300),
    newRooms: problems.number('KANVAS_NEW_ROOMS', env.KANVAS_NEW_ROOMS, 1, 1_000_000, isDev ? 5000 : 50),
    rooms: JSON.stringify({
      guests: isDev ? 'editor' : null,
      http_loopback: isDev,
      limits: {
        room_connections: problems.number('KANVAS_ROOM_CONNECTIONS', env.KANVAS_ROOM_CONNECTIONS, 1, 32_000, 1000),
        user_connections: problems.number('KANVAS_USER_CONNECTIONS', env.KANVAS_USER_CONNECTIONS, 1, 32_000, 10),
        images: problems.number('KANVAS_ROOM_IMAGES', env.KANVAS_ROOM_IMAGES, 1, 100_000, 5000),
        grace: 1000 * problems.number('KANVAS_GRACE', env.KANVAS_GRACE, 0, 30, 15),
        far_cursors: problems.number('KANVAS_FAR_CURSORS', env.KANVAS_FAR_CURSORS, 0, 60_000, 500),
        listed_idle: 1000 * problems.number('KANVAS_LIST_IDLE', env.KANVAS_LIST_IDLE, 1, 31_536_000, 1800),
        listed_silent: SILENT_MS,
        listed_rooms: LISTED_ROOMS,
        announce_again: null,
        flush_cost: FLUSH_COST,
        empty: EMPTY_MS,
      },
    }),
    assets: {
      file: problems.number('KANVAS_ASSET_BYTES', env.KANVAS_ASSET_BYTES, 1, 32 * 1024 * 1024, 10 * 1024 * 1024),
      day: problems.number('KANVAS_ASSET_DAY_BYTES', env.KANVAS_ASSET_DAY_BYTES, 4096, 2 ** 50, 100 * 1024 * 1024),
      total: problems.number('KANVAS_ASSET_TOTAL_BYTES', env.KANVAS_ASSET_TOTAL_BYTES, 4096, 2 ** 50, 10 * 1024 ** 3),
    },
  };
  return problems.length > 0 ? [...problems] : settings;
}
