// Owns: `/api` at the entry: who may ask, how a body comes in, and who is asked. What a request means, and how it is
// answered, is the core's; a room's object carries it out, the registry tells which rooms there are.

import document from '../wasm/openapi.json';
import { admitBackEnd } from './admin';
import { answerOf, nextOf, withCall } from './calls';
import { blank, DATA_POLICY, hex, json, problem, readBody, readOn, readWhole, refused } from './http';
import type { Given, Taken } from './room';
import { registryOf, roomOf, type Visit } from './visit';
import type { BackEndCall } from './wasm';

const DOCUMENT_AT = '/api/openapi.json';
const DOCUMENT = JSON.stringify(document);
/** The longest file, and how long it may take to come. */
const FILE = { most: 64 * 1024 * 1024, silence: 60_000, time: 60_000 };

const NOT_KEPT = { 'cache-control': 'no-store' };

/** Answers a request to one of these addresses. */
export async function api(visit: Visit): Promise<Response> {
  const { request, url } = visit;
  const answer = (await turnedAway(visit)) ?? (await withCall(request.method, url.pathname, (call) => carryOut(visit, call)));
  await readOn(request);
  return answer;
}

async function turnedAway(visit: Visit): Promise<Response | null> {
  if (visit.request.headers.has('origin')) return problem(403, 'forbidden', 'Pages have no use of this address: no page may hold its secret.');
  return visit.url.pathname === DOCUMENT_AT ? null : admitBackEnd(visit);
}

async function carryOut(visit: Visit, call: BackEndCall): Promise<Response> {
  const body = await bodyOf(visit.request, call);
  call.read(visit.url.search.slice(1), body);
  const next = nextOf(call);
  switch (next.do) {
    case 'document': return json(200, DOCUMENT);
    case 'handOver': case 'takeIn': case 'forgetRoom': return move(visit, call, next.do);
    case 'rooms': return list(visit, call);
    case 'order': case 'history': case 'log': return askRoom(visit, call, body);
    case 'answer': case 'judge': return answerOf(call);
  }
}

/** The body, if one is to be read. The call knows what was wrong with it. */
async function bodyOf(request: Request, call: BackEndCall): Promise<Uint8Array | undefined> {
  const kind = request.headers.get('content-type') ?? undefined;
  const hasBody = request.body !== null && request.headers.get('content-length') !== '0';
  const bounds = call.body(kind, hasBody);
  if (bounds === undefined) return undefined;
  const { most, time } = JSON.parse(bounds) as { most: number; time: number };
  const body = await readWhole(request, { most, time, silence: time });
  if (typeof body !== 'string') return body;
  call.badBody(kind, body);
  return undefined;
}

async function list({ env, url }: Visit, call: BackEndCall): Promise<Response> {
  try {
    const { status, page } = await registryOf(env).rooms(url.search.slice(1));
    return json(status, page);
  } catch (error) {
    console.warn(`The registry did not tell its rooms: ${error instanceof Error ? error.message : error}`);
    call.fail('unreadable');
    return answerOf(call);
  }
}

/** The answer where nobody answers. */
function failed(call: BackEndCall): Response {
  call.fail('unavailable');
  return answerOf(call);
}

/** Has the room's object carry a request out. A canvas is too long for a call, so it goes as a request again. */
async function askRoom({ request, url, env }: Visit, call: BackEndCall, body: Uint8Array | undefined): Promise<Response> {
  const room = call.room ?? hex(crypto.getRandomValues(new Uint8Array(10)));
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  // What it has read is let go, since the object reads it anew; it keeps the answer for an object that does not.
  call.fail('unavailable');
  try {
    return await roomOf(env, room).fetch(`https://kanvas${url.pathname}${url.search}`, { method, body });
  } catch (error) {
    console.warn(`Room ${room} did not answer: ${error instanceof Error ? error.message : error}`);
    return answerOf(call);
  }
}

// ---- Rooms on their way -------------------------------------------------------------------------------------------

async function move(visit: Visit, call: BackEndCall, what: 'handOver' | 'takeIn' | 'forgetRoom'): Promise<Response> {
  try {
    switch (what) {
      case 'handOver': return await give(visit, call);
      case 'takeIn': return await take(visit, call);
      case 'forgetRoom': return await forget(visit, call.room ?? '');
    }
  } catch (error) {
    console.error(`Room ${call.room} could not be moved: ${error instanceof Error ? error.message : error}`);
    return failed(call);
  }
}

async function give({ request, env }: Visit, call: BackEndCall): Promise<Response> {
  const room = call.room ?? '';
  const body = await readBody(request);
  if (body instanceof Response) return body;
  if (body.length > 0) return problem(400, 'bad_body', 'This request has no body.');
  const answer = await roomOf(env, room).fetch('https://kanvas/', { method: 'POST' });
  if (answer.ok) {
    const headers = { 'content-type': 'application/octet-stream', 'content-disposition': `attachment; filename="${room}.move"`, 'cache-control': 'no-store', 'content-security-policy': DATA_POLICY };
    return new Response(answer.body, { headers });
  }
  const { refused: why } = (await answer.json()) as Exclude<Given, Uint8Array>;
  switch (why) {
    case 'unavailable': return failed(call);
    case 'not_found': return refused('not_found');
    case 'busy': return problem(503, 'busy', 'The room does not come to rest; it goes on as before. Try again shortly.');
  }
}

async function take({ request, env }: Visit, call: BackEndCall): Promise<Response> {
  const room = call.room ?? '';
  const file = await readWhole(request, FILE);
  switch (file) {
    case 'too-large': return problem(413, 'too_large', `The body is longer than ${FILE.most / 1024 / 1024} MiB.`);
    case 'slow': return problem(408, 'timeout', 'The body came too slowly; send it again.');
    case 'broken': return problem(400, 'bad_body', 'The body did not arrive whole; send it again.');
  }
  const taken = (await (await roomOf(env, room).fetch('https://kanvas/', { method: 'PUT', body: file })).json()) as Taken;
  if (taken === 'taken') return blank(204, NOT_KEPT);
  switch (taken.refused) {
    case 'taken': return problem(409, 'conflict', 'There is a room of that id already, or there was one that was deleted.');
    case 'other': return problem(409, 'conflict', 'This room is held here as another file; it takes back only that one.');
    case 'unfit': return problem(400, 'bad_body', `The body cannot be used: ${taken.why}.`);
    case 'storage_full': return refused('storage_full');
    case 'unavailable': return failed(call);
  }
}

async function forget({ env }: Visit, room: string): Promise<Response> {
  const forgotten = await roomOf(env, room).forgetMoved();
  return forgotten ? blank(204, NOT_KEPT) : problem(404, 'not_found', 'No such room is held to be taken to another server.');
}
