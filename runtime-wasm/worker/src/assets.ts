// Owns: image files in R2: `PUT /assets?room=R` and `GET /assets/<sha256>`.

import { away, hex, json, nothing, problem, readOn, readWhole, refused, unavailable } from './http';
import type { Person } from './person';
import { ask, registryOf, type Visit } from './visit';
import { roomId, sniff } from './wasm';

/** Whatever a browser takes the bytes for, they may load and run nothing. */
const POLICY = "sandbox; default-src 'none'";
const SNIFF_BYTES = 64;
/** What a file counts as, at least: what a small one costs is not its bytes. */
const BLOCK = 4096;
const DAY_SECONDS = 86_400;

/** Takes an upload, or says why not. */
export async function upload(visit: Visit, by: Person, account: string, share: string | null): Promise<Response> {
  const answer = await take(visit, by, account, share);
  if (!answer.ok) await readOn(visit.request);
  return answer;
}

async function take({ request, url, env, settings }: Visit, by: Person, account: string, share: string | null): Promise<Response> {
  const room = url.searchParams.get('room') ?? '';
  if (!roomId(room)) {
    return problem(400, 'bad_room', 'Say with ?room= for which room; a name is 1 to 64 letters, digits, hyphens and underscores.');
  }
  if (!env.KANVAS_IMAGES) return unavailable();
  const may = await ask(env, room, by, share, { do: 'may-edit' });
  if (may === 'unavailable') return unavailable();
  if (may === 'away') return away();
  if (typeof may === 'object' && 'refused' in may) {
    const founds = may.refused === 'not_found' && (by.verified || settings.mode === 'dev') && (await registryOf(env).mayFound(by.user, settings.newRooms));
    if (!founds) return refused(may.refused);
    await registryOf(env).unclaim(by.user);
  }
  const most = settings.assets.file;
  const body = await readWhole(request, { most, silence: 5000, time: 90_000 });
  switch (body) {
    case 'too-large': return problem(413, 'too_large', `The file is too large; at most ${most} bytes are taken.`);
    case 'slow': return problem(408, 'timeout', 'The file came too slowly; send it again.');
    case 'broken': return problem(400, 'bad_body', 'The file did not arrive whole; send it again.');
  }
  if (body.length === 0) return problem(400, 'empty', 'The file is empty.');
  const type = sniff(body.subarray(0, SNIFF_BYTES));
  if (type === undefined) return problem(415, 'unsupported', 'This is no image of a kind that is taken; send PNG, JPEG, WebP, GIF or AVIF.');
  const hash = hex(new Uint8Array(await crypto.subtle.digest('SHA-256', body)));
  return (await keep(env, account, hash, type, body)) ?? json(201, JSON.stringify({ src: `/assets/${hash}`, type, bytes: body.length }));
}

/** Charges a file to a person and gives it its place; an answer if that cannot be. */
async function keep(env: Visit['env'], account: string, hash: string, type: string, body: Uint8Array): Promise<Response | null> {
  const registry = registryOf(env);
  const charge = Math.ceil(body.length / BLOCK) * BLOCK;
  switch (await registry.charge(account, charge)) {
    case 'day': {
      const seconds = DAY_SECONDS - (Math.floor(Date.now() / 1000) % DAY_SECONDS);
      return problem(429, 'rate_limited', 'You have sent as many bytes as are allowed in a day; go on tomorrow.', { 'retry-after': String(seconds) });
    }
    case 'total': return problem(507, 'storage_full', "The server's storage is full; nothing was changed.");
    case null: break;
  }
  try {
    const bucket = env.KANVAS_IMAGES;
    // The same bytes have the same name: they are kept once, and cost nobody's total a second time.
    const written = await bucket?.put(hash, body, { httpMetadata: { contentType: type }, onlyIf: { etagDoesNotMatch: '*' } });
    if (!written) await registry.repeated(charge);
    return null;
  } catch (error) {
    console.error(`A file could not be kept: ${error instanceof Error ? error.message : error}`);
    await registry.refund(account, charge);
    return problem(500, 'internal', 'The server made a mistake; try again.');
  }
}

/** Answers with a file, or says that there is none. */
export async function download({ request, env }: Visit, hash: string): Promise<Response> {
  if (!env.KANVAS_IMAGES) return nothing();
  const etag = `"${hash}"`;
  const tags = (request.headers.get('if-none-match') ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  const headers: Record<string, string> = {
    'content-security-policy': POLICY,
    'cache-control': 'public, max-age=31536000, immutable',
    etag,
  };
  try {
    const fresh = tags.includes('*') || tags.includes(etag);
    const file = fresh || request.method === 'HEAD' ? await env.KANVAS_IMAGES.head(hash) : await env.KANVAS_IMAGES.get(hash);
    if (file === null) return problem(404, 'not_found', 'There is no such asset.');
    if (fresh) return new Response(null, { status: 304, headers });
    Object.assign(headers, { 'content-type': file.httpMetadata?.contentType ?? '', 'content-length': String(file.size), 'accept-ranges': 'none' });
    return new Response('body' in file ? (file as R2ObjectBody).body : null, { headers });
  } catch (error) {
    console.error(`A file could not be read: ${error instanceof Error ? error.message : error}`);
    return problem(500, 'internal', 'The server made a mistake; try again.');
  }
}
