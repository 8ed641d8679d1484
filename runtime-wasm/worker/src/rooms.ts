// Owns: the list of rooms over plain HTTP, rooms that are made, changed and deleted, and the links into them. Whether
// somebody may is the room's to say.

import { badBody, badRoom, blank, hex, json, problem, readBody, refused, unavailable } from './http';
import type { Person } from './person';
import type { Told } from './questions';
import { unknown } from './signin';
import { type Asks, digestOf } from './upgrade';
import { ask, registryOf, told, type Visit } from './visit';
import { readLink, readRoom, roomId } from './wasm';

const WANTED = 'Send JSON; id, name and isPublic say what the room is to be, and may be left out.';
const CHANGES = 'Send JSON with any of name, isPublic, locked, defaultRole and guestRole.';
const LINK = 'Send JSON with a role, viewer or editor, and perhaps expiresAt in ms since the Unix epoch.';

const chance = (bytes: number): string => hex(crypto.getRandomValues(new Uint8Array(bytes)));
const refusal = (answer: Told): string | null => (typeof answer === 'object' && 'refused' in answer ? answer.refused : null);

/** Lists rooms, or makes one. */
export async function list(visit: Visit, by: Person, asks: Asks): Promise<Response> {
  return visit.request.method === 'POST' ? create(visit, by, asks) : page(visit);
}

async function page({ url, env }: Visit): Promise<Response> {
  const query: Record<string, string> = {};
  for (const key of ['q', 'sort', 'limit', 'cursor']) {
    const value = url.searchParams.get(key);
    if (value !== null) query[key] = value;
  }
  try {
    const answer = await registryOf(env).page(query);
    return 'page' in answer ? json(200, answer.page) : problem(400, answer.wrong, answer.message);
  } catch {
    return unavailable();
  }
}

async function create({ request, env, settings }: Visit, by: Person, asks: Asks): Promise<Response> {
  if (settings.mode !== 'dev' && !by.verified) return unknown({ refused: 'missing' });
  const registry = registryOf(env);
  // The place is kept until the room is there.
  if (!(await registry.mayFound(by.user, settings.newRooms))) return refused('limit_rooms');
  const made = await make(request, env, by, asks);
  if (made.status === 201) await registry.founded(by.user);
  else await registry.unclaim(by.user);
  return made;
}

async function make(request: Request, env: Visit['env'], by: Person, asks: Asks): Promise<Response> {
  const body = await readBody(request);
  if (body instanceof Response) return body;
  const read = readRoom(body);
  if (read === undefined) return badBody(WANTED);
  const wanted = JSON.parse(read) as { id: string | null; name: string | null; isPublic: boolean | null };
  const room = wanted.id ?? chance(10);
  if (!roomId(room)) return badRoom();
  const isPublic = wanted.isPublic ?? true;
  // Nobody owns what a guest makes: the link is the only way into it, theirs too.
  const token = !isPublic && !by.verified ? chance(16) : null;
  const link = token === null ? null : { id: await digestOf(token), role: 'editor', until: null };
  const answer = await ask(env, room, by, null, { do: 'create', name: wanted.name, isPublic, link, called: asks.name });
  if (refusal(answer) === 'conflict') return problem(409, 'conflict', 'There is a room of that id, or there was one; choose another.');
  if (answer !== 'done') return told(answer);
  const described = await ask(env, room, by, link?.id ?? null, { do: 'describe' });
  if (typeof described !== 'object' || !('json' in described)) return told(described);
  return json(201, token === null ? described.json : `${described.json.slice(0, -1)},"token":${JSON.stringify(token)}}`);
}

/** Changes a room, or deletes it, for its owner. */
export async function alter({ request, env }: Visit, room: string, by: Person): Promise<Response> {
  if (!by.verified) return unknown({ refused: 'missing' });
  if (request.method === 'DELETE') return told(await ask(env, room, by, null, { do: 'delete' }));
  const body = await readBody(request);
  if (body instanceof Response) return body;
  const changes = new TextDecoder().decode(body);
  try {
    // The room reads it as it reads its owner's messages; here it only has to be one value and no more.
    JSON.parse(changes);
  } catch {
    return badBody(CHANGES);
  }
  const message = new TextEncoder().encode(`{"type":"room:update","data":${changes}}`);
  const answer = await ask(env, room, by, null, { do: 'act', message });
  switch (refusal(answer)) {
    case 'bad_message': return badBody(CHANGES);
    case 'empty': return problem(400, 'empty', 'Say what is to change; a name shows something.');
  }
  return answer === 'done' ? told(await ask(env, room, by, null, { do: 'describe' })) : told(answer);
}

/** Lists a room's links, or makes one. */
export async function shares({ request, env }: Visit, room: string, by: Person): Promise<Response> {
  if (!by.verified) return unknown({ refused: 'missing' });
  if (request.method !== 'POST') return told(await ask(env, room, by, null, { do: 'shares' }));
  const body = await readBody(request);
  if (body instanceof Response) return body;
  const read = readLink(body);
  if (read === undefined) return badBody(LINK);
  const wanted = JSON.parse(read) as { role: string; expiresAt: number | null };
  const token = chance(16);
  const link = { id: await digestOf(token), role: wanted.role, until: wanted.expiresAt };
  const answer = await ask(env, room, by, null, { do: 'share', link });
  switch (refusal(answer)) {
    case 'out_of_range': return problem(400, 'out_of_range', 'The link would have ended already; expiresAt is in ms.');
    case 'conflict': return problem(409, 'conflict', 'A link makes editors and viewers, no owners.');
  }
  return answer === 'done' ? json(201, JSON.stringify({ id: link.id, token, role: link.role, expiresAt: link.until })) : told(answer);
}

/** Revokes a link, by its token or its id. */
export async function revoke({ env }: Visit, room: string, by: Person, name: string): Promise<Response> {
  if (!by.verified) return unknown({ refused: 'missing' });
  const known = await ask(env, room, by, null, { do: 'shares' });
  if (typeof known !== 'object' || !('json' in known)) return told(known);
  const ids = (JSON.parse(known.json) as { shares: Array<{ id: string }> }).shares.map(({ id }) => id);
  const id = ids.includes(name) ? name : await digestOf(name);
  const answer = await ask(env, room, by, null, { do: 'unshare', id });
  if (refusal(answer) === 'not_found') return problem(404, 'not_found', 'There is no such link.');
  return answer === 'done' ? blank(204) : told(answer);
}
