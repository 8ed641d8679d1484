// Owns: how answers are written: their words, their headers, the status that goes with a room's refusal.

import { vocabulary } from './wasm';

export const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** Something as JSON. */
export function json(status: number, body: BodyInit, headers: Record<string, string> = {}): Response {
  return data(status, 'application/json', body, headers);
}

export function text(status: number, body: string): Response {
  return data(status, 'text/plain; charset=utf-8', body, {});
}

export function blank(status: number, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers });
}

/** A refusal for programs and for people. */
export function problem(status: number, error: string, message: string, headers: Record<string, string> = {}): Response {
  return json(status, JSON.stringify({ error, message }), headers);
}

function data(status: number, type: string, body: BodyInit, headers: Record<string, string>): Response {
  return new Response(body, {
    status,
    headers: { 'content-type': type, 'cache-control': 'no-store', 'content-security-policy': DATA_POLICY, ...headers },
  });
}

/** The answer to one whom a room refuses. */
export function refused(code: string): Response {
  const message = code === 'not_found' ? 'There is no such room.' : vocabulary.codes[code];
  return problem(statusOf(code), code, message ?? 'The server made a mistake; try again.');
}

export const unavailable = () => problem(503, 'unavailable', 'The room cannot be reached at the moment.');
/** The room is on its way to another host. */
export const away = () => problem(503, 'restart', 'The room is being moved to another server; try again shortly.');
export const badRoom = () => problem(400, 'bad_room', "A room's id is 1 to 64 letters, digits, hyphens and underscores.");
export const nothing = () => problem(404, 'not_found', 'There is nothing at this address.');

const STATUS: Record<string, number> = {
  not_found: 404,
  forbidden: 403,
  locked: 403,
  conflict: 409,
  too_many: 409,
  already_joined: 409,
  op_id_reused: 409,
  rate_limited: 429,
  limit_rooms: 429,
  busy: 503,
  read_only: 503,
  storage_full: 507,
  limit_images: 507,
  internal: 500,
};

/** The status that goes with a room's refusal. */
export const statusOf = (code: string): number => STATUS[code] ?? 400;

/** How a body may come: its bytes, how long it may bring nothing, and how long it may take in all, in ms. */
export interface Bounds {
  most: number;
  silence: number;
  time: number;
}

/** What was wrong with a body. */
export type BadBody = 'too-large' | 'slow' | 'broken';

/** How much is still read of a body that was refused, so that the answer arrives. */
const SPILL = { most: 32 * 1024 * 1024, silence: 1000, time: 5000 };

/** The body, whole, or what was wrong with it. */
export async function readWhole(request: Request, { most, silence, time }: Bounds): Promise<Uint8Array | BadBody> {
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  const declared = Number(request.headers.get('content-length') ?? 0);
  const by = Date.now() + time;
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    if (declared > most) {
      await spill(reader);
      return 'too-large';
    }
    for (;;) {
      const piece = await within(reader.read(), Math.min(silence, by - Date.now()));
      if (piece === null) return 'slow';
      if (piece.done) return joined(pieces, length);
      length += piece.value.length;
      if (length > most) {
        await spill(reader);
        return 'too-large';
      }
      pieces.push(piece.value);
    }
  } catch {
    return 'broken';
  }
}

/** Reads on where nobody has read, so that an answer which comes early arrives. */
export async function readOn(request: Request): Promise<void> {
  if (request.body === null || request.bodyUsed) return;
  try {
    await spill(request.body.getReader());
  } catch {
    // Who breaks off hears no answer.
  }
}

async function spill(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const by = Date.now() + SPILL.time;
  for (let spilt = 0; spilt < SPILL.most; ) {
    const piece = await within(reader.read(), Math.min(SPILL.silence, by - Date.now()));
    if (piece === null || piece.done) return;
    spilt += piece.value.length;
  }
}

/** What was promised, or null if it takes longer. */
function within<T>(promise: Promise<T>, time: number): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(resolve, Math.max(0, time), null);
    promise.then(resolve, reject).finally(() => clearTimeout(late));
  });
}

function joined(pieces: Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

const SMALL = { most: 16 * 1024, silence: 5000, time: 5000 };

/** The body of a request that brings no canvas, or the answer to a bad one. */
export async function readBody(request: Request): Promise<Uint8Array | Response> {
  const body = await readWhole(request, SMALL);
  switch (body) {
    case 'too-large': return problem(413, 'too_large', `The body is longer than ${SMALL.most / 1024} KiB.`);
    case 'slow': return problem(408, 'timeout', 'The body came too slowly; send it again.');
    case 'broken': return badBody('The body did not arrive whole; send it again.');
    default: return body;
  }
}

/** The body as JSON, or the answer to a bad one; `wanted` is the sentence for one that is no JSON. */
export async function readJson(request: Request, wanted: string): Promise<unknown> {
  const body = await readBody(request);
  if (body instanceof Response) return body;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    return badBody(wanted);
  }
}

export const badBody = (wanted: string) => problem(400, 'bad_body', wanted);

export const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
