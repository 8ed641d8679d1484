// Image files: sent, served, refused, and counted.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ask, json, matters, refused, send, told } from './ask.mjs';
import { image, people } from './client.mjs';

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const MOST = 10 * 1024 * 1024;
const ORIGIN = 'http://localhost:3000';
const SANDBOX = "sandbox; default-src 'none'";
const FOREVER = 'public, max-age=31536000, immutable';
const NONE = 'There is no such asset.';
const UNSUPPORTED = 'This is no image of a kind that is taken; send PNG, JPEG, WebP, GIF or AVIF.';
const TOO_LARGE = `The file is too large; at most ${MOST} bytes are taken.`;
const WHICH_ROOM = 'Say with ?room= for which room; a name is 1 to 64 letters, digits, hyphens and underscores.';

/** A PNG by its signature, of so many bytes, unlike any other of another seed. */
function png(bytes, seed) {
  const file = Buffer.alloc(bytes, `seed ${seed}, `);
  SIGNATURE.copy(file);
  return file;
}

const src = (file) => `/assets/${createHash('sha256').update(file).digest('hex')}`;
const put = (place, query, body, headers = {}) => ask(place, 'PUT', `/assets?${query}`, { body, headers });

export function assets(place) {
  test('host27_a file that is sent is there by its hash, and images may refer to it', async (t) => {
    const { rawJoin } = people(t, place);
    const file = png(300_000, 1);
    const answer = await put(place, 'room=files&_pk=ann', file, { 'content-type': 'text/html' });
    told(answer, 201, { src: src(file), type: 'image/png', bytes: 300_000 });
    refused(await ask(place, 'GET', '/party/files'), 404, 'not_found');
    const ann = await rawJoin('/party/files');
    ann.send('image:add', image('i1', { src: src(file) }), 'k1');
    assert.deepEqual((await ann.hears('ack')).data, { id: 'k1', seq: 1, set: { z: 'a0' } });
    assert.equal((await put(place, 'room=%66iles&room=..', file)).status, 201, 'the first room counts, decoded; the same again is taken');
    for (const query of ['', 'room=', 'room=a%20b', 'room=..%2fa', '_pk=a', 'room=%252e&room=a']) {
      refused(await put(place, query, SIGNATURE), 400, 'bad_room', WHICH_ROOM);
    }
  });

  test('host27_it is served so that it can be kept and can do nothing', async () => {
    const file = png(1_000_000, 2);
    json(await put(place, 'room=served', file), 201);
    const path = src(file);
    const etag = `"${path.slice('/assets/'.length)}"`;
    const whole = {
      'accept-ranges': 'none',
      'cache-control': FOREVER,
      'content-security-policy': SANDBOX,
      'content-type': 'image/png',
      etag,
      'referrer-policy': 'no-referrer',
      vary: 'Origin',
      'x-content-type-options': 'nosniff',
    };
    for (const headers of [{}, { range: 'bytes=0-3' }, { 'if-none-match': '"a"' }]) {
      const got = await ask(place, 'GET', path, { headers });
      assert.deepEqual([got.status, matters(got), got.headers['content-length']], [200, whole, '1000000']);
      assert.ok(got.bytes.equals(file));
    }
    const head = await ask(place, 'HEAD', path);
    assert.deepEqual([head.status, matters(head), head.headers['content-length'], head.body], [200, whole, '1000000', '']);
    for (const known of [etag, `W/${etag}`, `"a", ${etag}`, '*']) {
      const again = await ask(place, 'GET', path, { headers: { 'if-none-match': known } });
      told(again, 304, null, { 'cache-control': FOREVER, 'content-security-policy': SANDBOX, etag });
    }
    const page = await ask(place, 'GET', path, { headers: { origin: ORIGIN } });
    assert.deepEqual(matters(page), { ...whole, 'access-control-allow-origin': ORIGIN });
    const name = etag.slice(1, -1);
    refused(await ask(place, 'GET', src(Buffer.from('never sent')), { headers: { 'if-none-match': '*' } }), 404, 'not_found', NONE);
    const folder = `/assets/${name.slice(0, 2)}`;
    for (const other of ['/assets/', folder, `${folder}/${name}`, `/assets/${name.toUpperCase()}`, `${path}/`, `${path}0`, '/assets/..%2fkanvas.db']) {
      refused(await ask(place, 'GET', other, { headers: { 'if-none-match': '*' } }), 404, 'not_found', 'There is nothing at this address.');
    }
  });

  test('host28_only images are taken, told apart by their bytes', async () => {
    for (const [bytes, type] of [
      [Buffer.from('\xff\xd8\xff\xe0jpeg', 'latin1'), 'image/jpeg'],
      [Buffer.from('GIF87a'), 'image/gif'],
      [Buffer.from('GIF89a..'), 'image/gif'],
      [Buffer.from('RIFF\x08\0\0\0WEBPVP8 '), 'image/webp'],
      [Buffer.from('\0\0\0\x10ftypavif\0\0\0\0'), 'image/avif'],
      [Buffer.from('\0\0\0\x14ftypmif1\0\0\0\0avif'), 'image/avif'],
      [SIGNATURE, 'image/png'],
    ]) {
      const answer = await put(place, 'room=kinds', bytes, { 'content-type': 'text/html' });
      told(answer, 201, { src: src(bytes), type, bytes: bytes.length });
      const got = await ask(place, 'GET', src(bytes));
      assert.deepEqual([got.headers['content-type'], got.bytes.equals(bytes)], [type, true]);
    }
    for (const bytes of [
      Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>"),
      Buffer.concat([Buffer.from('<html>'), Buffer.alloc(600_000, ' ')]),
      Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic'),
      Buffer.from('\x89PNG', 'latin1'),
      Buffer.from('RIFF\0\0\0\0WAVE'),
      Buffer.from('%PDF-1.7'),
      Buffer.from('GIF'),
      Buffer.from('x'),
    ]) {
      refused(await put(place, 'room=kinds', bytes, { 'content-type': 'image/png' }), 415, 'unsupported', UNSUPPORTED);
      refused(await ask(place, 'GET', src(bytes)), 404, 'not_found', NONE);
    }
  });

  test('host28_a file has a size and not too much of it, and the refusal is heard', async () => {
    const large = png(MOST + 1, 3);
    refused(await put(place, 'room=sizes', large), 413, 'too_large', TOO_LARGE);
    const chunked = await send(place, 'PUT', '/assets?room=sizes', { 'transfer-encoding': 'chunked' }, (asking) => asking.end(large));
    refused(chunked, 413, 'too_large', TOO_LARGE);
    // Nothing is sent after the head: it is judged by its length.
    const declared = await send(place, 'PUT', '/assets?room=sizes', { 'content-length': '99999999999' }, (asking) => asking.flushHeaders());
    refused(declared, 413, 'too_large', TOO_LARGE);
    refused(await put(place, 'room=..', large), 400, 'bad_room', WHICH_ROOM);
    refused(await put(place, 'room=sizes', ''), 400, 'empty', 'The file is empty.');
    refused(await send(place, 'PUT', '/assets?room=sizes', { 'transfer-encoding': 'chunked' }, (asking) => asking.end()), 400, 'empty', 'The file is empty.');
    refused(await ask(place, 'GET', src(large)), 404, 'not_found', NONE);
    const small = png(70_000, 4);
    const pieces = await send(place, 'PUT', '/assets?room=sizes', { 'transfer-encoding': 'chunked' }, (asking) => {
      for (const [from, to] of [[0, 1], [1, 7], [7, 50_000]]) asking.write(small.subarray(from, to));
      asking.end(small.subarray(50_000));
    });
    told(pieces, 201, { src: src(small), type: 'image/png', bytes: 70_000 });
  });

  test('host28_a person has 100 MiB a day, whoever else there is', async () => {
    const file = png(MOST, 5);
    for (let no = 0; no < 10; no += 1) json(await put(place, 'room=quota&_pk=eager', file), 201);
    const over = await put(place, 'room=quota&_pk=eager', SIGNATURE);
    const wait = Number(over.headers['retry-after']);
    assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= 86_400, `${wait}`);
    const message = 'You have sent as many bytes as are allowed in a day; go on tomorrow.';
    refused(over, 429, 'rate_limited', message, { 'retry-after': String(wait) });
    assert.equal((await put(place, 'room=quota&_pk=other', SIGNATURE)).status, 201);
  });

  test('host28_who may not edit a room sends no files for it', async (t) => {
    const { rawJoin } = people(t, place);
    const [ann, bob] = [await place.target.token('user_ann'), await place.target.token('user_bob')];
    json(await ask(place, 'POST', '/parties/registry/list', { token: ann, body: { id: 'files-of-ann', isPublic: false } }), 201);
    const links = {};
    for (const role of ['viewer', 'editor']) {
      links[role] = json(await ask(place, 'POST', '/parties/main/files-of-ann/shares', { token: ann, body: { role } }), 201).token;
    }
    const sends = (more, token) => ask(place, 'PUT', `/assets?room=files-of-ann&_pk=g${more}`, { body: SIGNATURE, token });
    refused(await sends(''), 403, 'forbidden');
    refused(await sends('', bob), 403, 'forbidden');
    refused(await sends(`&share=${links.viewer}`), 403, 'forbidden');
    assert.equal((await sends(`&share=${links.editor}`)).status, 201);
    const owner = await rawJoin(`/party/files-of-ann?token=${ann}`);
    owner.send('room:update', { locked: true }, 'l');
    await owner.hears('ack');
    refused(await sends(`&share=${links.editor}`), 403, 'locked');
    assert.equal((await sends('', ann)).status, 201);
    assert.equal((await sends(`&token=${ann}`)).status, 201);
    const foreign = await put(place, 'room=files-of-ann', SIGNATURE, { origin: 'http://evil.example' });
    refused(foreign, 403, 'forbidden', 'Pages of this origin may not use this server.');
    const page = await ask(place, 'PUT', '/assets?room=files-of-ann', { body: SIGNATURE, token: ann, headers: { origin: ORIGIN } });
    told(page, 201, { src: src(SIGNATURE), type: 'image/png', bytes: 8 }, { 'access-control-allow-origin': ORIGIN });
  });
}
