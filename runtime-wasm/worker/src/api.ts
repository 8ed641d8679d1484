// Owns: `/api`, as far as it is here: rooms that go to another host while people are in them, and rooms that come from
// one. The addresses, the words and the order of the requests are the native server's.

import { admitBackEnd } from './admin';
import { blank, DATA_POLICY, nothing, problem, readWhole, refused, unavailable } from './http';
import type { Given, Taken } from './room';
import { roomOf as nameOf } from './routes';
import { roomOf, type Visit } from './visit';

const METHODS = 'POST, PUT, DELETE, OPTIONS';
/** The longest file, and how long it may take to come. */
const FILE = { most: 64 * 1024 * 1024, silence: 60_000, time: 60_000 };

/** Whether a path is one of these. */
export const owns = (path: string): boolean => path === '/api' || path.startsWith('/api/');

/** Answers a request to one of these addresses. */
export async function api(visit: Visit): Promise<Response> {
  const { request, url } = visit;
  if (request.headers.has('origin')) return problem(403, 'forbidden', 'Pages have no use of this address: no page may hold its secret.');
  const refusal = await admitBackEnd(visit);
  if (refusal !== null) return refusal;
  const [, , rooms, name = '', what, ...rest] = url.pathname.split('/');
  if (rooms !== 'rooms' || name === '' || what !== 'handover' || rest.length > 0) return nothing();
  if (request.method === 'OPTIONS') return blank(204, { allow: METHODS });
  const room = nameOf(name);
  if (room === null) return problem(400, 'bad_room', "A room's id is 1 to 64 letters, digits, hyphens and underscores.");
  try {
    switch (request.method) {
      case 'POST': return await give(visit, room);
      case 'PUT': return await take(visit, room);
      case 'DELETE': return await forget(visit, room);
      default: return problem(405, 'bad_method', `This address has these methods: ${METHODS}.`, { allow: METHODS });
    }
  } catch (error) {
    console.error(`Room ${room} could not be moved: ${error instanceof Error ? error.message : error}`);
    return unavailable();
  }
}

async function give({ env }: Visit, room: string): Promise<Response> {
  const answer = await roomOf(env, room).fetch('https://kanvas/', { method: 'POST' });
  if (answer.ok) {
    const headers = { 'content-type': 'application/octet-stream', 'content-disposition': `attachment; filename="${room}.move"`, 'cache-control': 'no-store', 'content-security-policy': DATA_POLICY };
    return new Response(answer.body, { headers });
  }
  const { refused: why } = (await answer.json()) as Exclude<Given, Uint8Array>;
  switch (why) {
    case 'unavailable': return unavailable();
    case 'not_found': return refused('not_found');
    case 'busy': return problem(503, 'busy', 'The room does not come to rest; it goes on as before. Try again shortly.');
  }
}

async function take({ request, env }: Visit, room: string): Promise<Response> {
  const file = await readWhole(request, FILE);
  switch (file) {
    case 'too-large': return problem(413, 'too_large', `The body is longer than ${FILE.most / 1024 / 1024} MiB.`);
    case 'slow': return problem(408, 'timeout', 'The body came too slowly; send it again.');
    case 'broken': return problem(400, 'bad_body', 'The body did not arrive whole; send it again.');
  }
  const taken = (await (await roomOf(env, room).fetch('https://kanvas/', { method: 'PUT', body: file })).json()) as Taken;
  if (taken === 'taken') return blank(204);
  switch (taken.refused) {
    case 'taken': return problem(409, 'conflict', 'There is a room of that id already, or there was one that was deleted.');
    case 'other': return problem(409, 'conflict', 'This room is held here as another file; it takes back only that one.');
    case 'unfit': return problem(400, 'bad_body', `The body cannot be used: ${taken.why}.`);
    case 'storage_full': return refused('storage_full');
    case 'unavailable': return unavailable();
  }
}

async function forget({ env }: Visit, room: string): Promise<Response> {
  const forgotten = await roomOf(env, room).forgetMoved();
  return forgotten ? blank(204) : problem(404, 'not_found', 'No such room is held to be taken to another server.');
}
