// Owns: the page for people who look at the machine: who gets it, what it may load, and the numbers that it asks for. The
// page (`runtime-smol/web/dashboard/`) is every host's: what is this one's own comes with its name, and what it does not tell is not
// shown.

import { type Admission, admit } from './admin';
import { json, nothing, problem } from './http';
import { type Asked, type Seen, SORTS, type Sort } from './loads';
import { look } from './metrics';
import type { Visit } from './visit';
import { vocabulary } from './wasm';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What the platform gives an isolate. */
const ISOLATE_BYTES = 128 * 1024 * 1024;
const FIND_CHARACTERS = 64;
/** Which events of the app's tables and cache ask for somebody's attention. */
const TROUBLE = /failed$|refused$|^too_large$|^unreadable$|^left_out$/;

/** The page itself; to whom may not see the machine it is the form, or the sentence that says why there is none. */
export async function page(visit: Visit): Promise<Response> {
  const admission = await admit(visit);
  const isRefused = admission instanceof Response;
  if (isRefused && !visit.request.headers.get('accept')?.includes('text/html')) return admission;
  const found = await fileOf(visit, '/dashboard/', {});
  if (!found.ok) return nothing();
  const answer = new Response(found.body, { status: isRefused ? admission.status : 200, headers: found.headers });
  answer.headers.delete('etag');
  answer.headers.set('content-security-policy', POLICY);
  answer.headers.set('cache-control', 'no-store');
  return answer;
}

/** What the page is made of. There is no secret in it. */
export async function file(visit: Visit): Promise<Response> {
  const found = await fileOf(visit, visit.url.pathname, visit.request.headers);
  if (found.status === 404) return nothing();
  const answer = new Response(found.body, found);
  answer.headers.set('content-security-policy', POLICY);
  answer.headers.set('cache-control', 'no-cache');
  return answer;
}

function fileOf({ request, url, env }: Visit, path: string, headers: HeadersInit): Promise<Response> {
  return env.ASSETS.fetch(new Request(new URL(path, url), { method: request.method === 'HEAD' ? 'HEAD' : 'GET', headers }));
}

/** The numbers. */
export async function data(visit: Visit): Promise<Response> {
  const admission = await admit(visit);
  if (admission instanceof Response) return admission;
  const asked = asks(visit.url.searchParams);
  if (asked === null) return problem(400, 'bad_query', `The query is find (1 to ${FIND_CHARACTERS} characters), sort (${SORTS.join(', ')}) and order (ascending, descending).`);
  const seen = await look(visit, asked);
  return seen instanceof Response ? seen : json(200, JSON.stringify(shown(seen, Date.now(), admission)));
}

function asks(query: URLSearchParams): Asked | null {
  const [find = '', sort = 'sockets', order = 'descending'] = ['find', 'sort', 'order'].map((name) => query.get(name) ?? undefined);
  const isOrder = order === 'ascending' || order === 'descending';
  if (find.length > FIND_CHARACTERS || !SORTS.includes(sort as Sort) || !isOrder) return null;
  return { find, sort: sort as Sort, order };
}

/** What the page is told. */
function shown(seen: Seen, at: number, admission: Exclude<Admission, Response>): unknown {
  const { rooms, sockets, people, found, top, perSecond, minutes, counts, isolates, lastHour } = seen;
  return {
    at, rooms, sockets, people, found, top, perSecond, minutes,
    refused: told(seen.refused, lastHour.refused, (code) => vocabulary.codes[code]),
    closed: told(seen.closed, lastHour.closed, (reason) => {
      const close = vocabulary.closes[reason];
      return close && `${close.code}. ${close.message}`;
    }),
    /** Where the machine keeps rooms, each against what it may take. */
    memory: {
      title: 'Isolates',
      one: 'isolate',
      about: 'WebAssembly memory. Each runs many rooms, and starts again when it reaches its limit.',
      limit: ISOLATE_BYTES,
      each: isolates.map(({ isolate, memory }) => ({ name: isolate, bytes: memory })).toSorted((a, b) => b.bytes - a.bytes),
    },
    /** Other counts since the beginning. A bad one is well at nothing. */
    totals: [
      { label: 'Messages received', value: counts.heard, unit: 'count' },
      { label: 'Frames sent', value: counts.said, unit: 'count' },
      { label: 'Received', value: counts.heardBytes, unit: 'bytes' },
      { label: 'Sent', value: counts.saidBytes, unit: 'bytes' },
      { label: 'Rooms woken', value: counts.wakes, unit: 'count' },
      { label: 'Writes to storage', value: counts.stores, unit: 'count' },
      { label: 'Failed writes', value: counts.failedStores, unit: 'count', isBad: true },
      ...Object.entries(seen.noted).toSorted().map(([event, value]) => ({ label: `App data: ${event.replaceAll('_', ' ')}`, value, unit: 'count', isBad: TROUBLE.test(event) })),
    ],
    canSignOut: admission === 'signed-in',
  };
}

/** What came about under each name, the most of the last hour first. */
function told(all: Record<string, number>, lastHour: Record<string, number>, words: (name: string) => string | undefined) {
  const each = Object.entries(all).map(([name, total]) => ({ name, words: words(name) ?? '', lastHour: lastHour[name] ?? 0, total }));
  return each.toSorted((a, b) => b.lastHour - a.lastHour || b.total - a.total || (a.name < b.name ? -1 : 1));
}
