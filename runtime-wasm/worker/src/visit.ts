// Owns: one request and what is known of it, and the ways from it to the objects.

import { away, blank, json, refused, unavailable } from './http';
import { type Person, personOf } from './person';
import type { Told, What } from './questions';
import type { Env, Settings } from './settings';
import type { Session } from './signin';

export interface Visit {
  request: Request;
  url: URL;
  env: Env;
  settings: Settings;
  /** Lets work go on behind the answer. */
  wait: (work: Promise<void>) => void;
}

/** The secret that makes guests' ids, once this isolate has it. */
let secret: CryptoKey | null = null;

/** The person behind a request. */
export async function personIn({ request, env, settings }: Visit, who: { session: Session } | 'guest', pk: string): Promise<Person> {
  const key = settings.guestKey ?? (await registryOf(env).secret());
  secret ??= await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return personOf(who, pk, request.headers.get('cf-connecting-ip') ?? '127.0.0.1', secret, settings);
}

/** Asks a room, and waits for the answer. */
export async function ask(env: Env, room: string, by: Person, share: string | null, what: What): Promise<Told> {
  try {
    return await roomOf(env, room).ask({ by, share, what });
  } catch (error) {
    console.warn(`Room ${room} did not answer: ${error instanceof Error ? error.message : error}`);
    return 'unavailable';
  }
}

/** What came of a question, as an answer. */
export function told(answer: Told, status = 200): Response {
  if (answer === 'unavailable') return unavailable();
  if (answer === 'away') return away();
  if (answer === 'done') return blank(204);
  return 'refused' in answer ? refused(answer.refused) : json(status, answer.json);
}

export const roomOf = (env: Env, room: string) => env.ROOMS.get(env.ROOMS.idFromName(room));
export const registryOf = (env: Env) => env.REGISTRY.get(env.REGISTRY.idFromName('registry'));
