// Plain HTTP: addresses, methods, whose pages may ask, and how a socket begins. Every answer's whole body and headers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BAD_ROOM, ask, matters, refused, send, told } from './ask.mjs';
import { people } from './client.mjs';
import { PAGE } from './mint.mjs';

const NOTHING = 'There is nothing at this address.';
const STRANGER = 'Pages of this origin may not use this server.';
const NO_BODY = 'This request has no body.';
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const UP = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': KEY };

/** What a preflight is answered beside what every answer has. */
const preflight = (methods, origin) => ({
  allow: methods,
  'access-control-allow-headers': 'Authorization, Content-Type',
  'access-control-allow-methods': methods,
  'access-control-max-age': '600',
  ...(origin && { 'access-control-allow-origin': origin }),
});

/** An address of each kind, and the methods that it has. */
const METHODS = [
  ['/healthz', 'GET, HEAD, OPTIONS'],
  ['/readyz', 'GET, HEAD, OPTIONS'],
  ['/party/methods', 'GET, HEAD, OPTIONS'],
  ['/parties/main/methods', 'GET, HEAD, OPTIONS'],
  ['/party/methods/preview', 'GET, HEAD, OPTIONS'],
  ['/party/methods/shares', 'GET, HEAD, POST, OPTIONS'],
  ['/party/methods/shares/', 'GET, HEAD, POST, OPTIONS'],
  ['/parties/main/methods/shares/x', 'DELETE, OPTIONS'],
  ['/parties/registry/any', 'GET, HEAD, POST, OPTIONS'],
  ['/parties/registry/any/methods', 'PATCH, DELETE, OPTIONS'],
  ['/assets', 'PUT, OPTIONS'],
  [`/assets/${'a'.repeat(64)}`, 'GET, HEAD, OPTIONS'],
];

export function http(place) {
  test('host34_what is not there is said so', async (t) => {
    const { raw } = people(t, place);
    told(await ask(place, 'GET', '/healthz'), 200, 'ok');
    told(await ask(place, 'GET', '/readyz'), 200, 'ready');
    for (const party of ['nothere', 'MAIN', 'no%20there']) {
      for (const path of [`/parties/${party}/a`, `/parties/${party}`]) told(await ask(place, 'GET', path), 404, `Party ${party} not found`);
    }
    for (const path of ['/no/such/thing', '/partys/main/a', '/party', '/healthz/', '/readyz/x', '/assets/a']) {
      for (const method of ['GET', 'POST', 'DELETE']) refused(await ask(place, method, path), 404, 'not_found', NOTHING);
      assert.equal((await raw(path)).answer.status, 404, path);
    }
  });

  test('host34_a name that no room can have is refused, decoded once', async (t) => {
    const { raw } = people(t, place);
    const names = [
      '', 'a%20b', '%F0%9F%98%80', 'a/b', 'a/', '..%2f..%2fetc', '%00', 'a%00b', 'a%0d%0ab', '%252e', 'a%2fb', 'a'.repeat(65),
      '%', '%2', '%zz', '%ff', '%c0%af', 'a;b', 'a+b', 'a.b', '%u0041', 'a/previews', 'a/preview/x', '%C3%A9',
    ];
    for (const name of names) {
      for (const party of ['/parties/main/', '/party/']) {
        refused(await ask(place, 'GET', `${party}${name}`), 400, 'bad_room', BAD_ROOM);
        refused({ what: name, ...(await raw(`${party}${name}`)).answer }, 400, 'bad_room', BAD_ROOM);
      }
    }
    for (const path of ['/parties/main', '/parties/registry', '/parties/registry/', '/parties/registry/a%20b', '/parties/registry/a/b/c', '/parties/registry/a/']) {
      refused(await ask(place, 'GET', path), 400, 'bad_room', BAD_ROOM);
    }
  });

  test('host34_an odd query is none, and an endless address is refused', async (t) => {
    const { rawJoin } = people(t, place);
    for (const query of ['%', '%zz', '&&&===', '_pk=%ff%fe', '_pk=%00', 'name=%0d%0aSet-Cookie:a', 'view', 'view=READONLY', 'x=y']) {
      assert.equal((await rawJoin(`/party/queries?${query}`)).joined.role, 'editor', query);
    }
    assert.equal((await rawJoin('/party/queries?view=readonly&view=full')).joined.role, 'viewer', 'the first of a key counts');
    refused(await ask(place, 'GET', `/${'a'.repeat(9000)}`), 414, 'too_long', 'The address is too long.');
    refused(await ask(place, 'GET', `/party/a?${'a'.repeat(9000)}`), 414, 'too_long', 'The address is too long.');
  });

  test('host35_each address has its methods, and HEAD is GET without the body', async () => {
    for (const [path, methods] of METHODS) {
      told(await ask(place, 'OPTIONS', path), 204, null, preflight(methods));
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) => !methods.split(', ').includes(method))) {
        const answer = await ask(place, method, path);
        if (method === 'HEAD') assert.deepEqual([answer.status, answer.body, answer.headers.allow], [405, '', methods], path);
        else refused(answer, 405, 'bad_method', `This address has these methods: ${methods}.`, { allow: methods });
      }
      if (!methods.includes('GET')) continue;
      const [got, head] = [await ask(place, 'GET', path), await ask(place, 'HEAD', path)];
      assert.deepEqual([head.status, head.body], [got.status, ''], path);
      assert.deepEqual(matters(head), matters(got), path);
    }
  });

  test('host35_a body where none belongs is refused', async () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      for (const headers of [{ 'content-length': '5' }, { 'transfer-encoding': 'chunked' }]) {
        const answer = await send(place, method, '/party/bodies', headers, (asking) => asking.end('hello'));
        if (method === 'HEAD') assert.equal(answer.status, 400);
        else refused(answer, 400, 'bad_body', NO_BODY);
      }
    }
  });

  test('host36_in development pages of this machine may ask, and no others', async (t) => {
    const { raw, rawJoin } = people(t, place);
    for (const origin of ['http://localhost:3000', 'https://127.0.0.1', 'http://[::1]:80']) {
      const headers = { origin };
      told(await ask(place, 'GET', '/healthz', { headers }), 200, 'ok', { 'access-control-allow-origin': origin });
      refused(await ask(place, 'GET', '/party/never', { headers }), 404, 'not_found', undefined, { 'access-control-allow-origin': origin });
      for (const [path, methods] of METHODS) told(await ask(place, 'OPTIONS', path, { headers }), 204, null, preflight(methods, origin));
      await rawJoin('/party/pages', {}, { headers });
    }
    for (const origin of [
      'http://evil.example', 'null', 'http://localhost.evil.example', 'http://localhost@evil.example', 'http://localhost.', 'http://u@localhost',
      'ftp://localhost', 'http://localhost:3000/',
    ]) {
      const headers = { origin };
      for (const [method, path] of [['GET', '/healthz'], ['OPTIONS', '/party/pages'], ['POST', '/parties/registry/list'], ['GET', '/nothing']]) {
        refused(await ask(place, method, path, { headers }), 403, 'forbidden', STRANGER);
      }
      refused({ what: origin, ...(await raw('/party/pages', { headers })).answer }, 403, 'forbidden', STRANGER);
    }
    for (const headers of [{ forwarded: 'for=1.2.3.4' }, { 'x-forwarded-for': '1.2.3.4' }, { via: '1.1 p' }]) {
      refused(await ask(place, 'GET', '/healthz', { headers }), 421, 'misdirected', 'A development server answers only to localhost, and to no proxy.');
    }
  });

  test('host37_a handshake is agreed to, with the language that is spoken', async (t) => {
    const { raw } = people(t, place);
    const answer = await send(place, 'GET', '/party/hands', UP, (asking) => asking.end());
    assert.deepEqual([answer.status, answer.headers['sec-websocket-accept']], [101, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=']);
    for (const [offer, query, echoed] of [
      [['kanvas.v1'], '', 'kanvas.v1'],
      [['chat', 'kanvas.v1', 'superchat'], '', 'kanvas.v1'],
      [['kanvas.v1'], '?dialect=kanvas.v1', 'kanvas.v1'],
    ]) {
      const client = await raw(`/party/hands${query}`, { protocols: offer });
      assert.equal(client.socket.protocol, echoed);
      await client.join();
    }
    // A client that offers what is not spoken is told nothing back; what it makes of that is its own.
    for (const offer of ['chat, superchat', 'Kanvas.V1', 'kanvas.v1x, xkanvas.v1', ', '.repeat(1000)]) {
      const other = await send(place, 'GET', '/party/hands', { ...UP, 'sec-websocket-protocol': offer }, (asking) => asking.end());
      assert.deepEqual([other.status, other.headers['sec-websocket-protocol']], [101, undefined], offer.slice(0, 20));
    }
    const odd = await raw('/party/hands?dialect=klingon');
    assert.deepEqual(await odd.refused(), [4509, 'bad_protocol']);
    assert.equal(odd.frames[0].clientId, 'c0');
  });

  test('host37_a wrong handshake gets its own answer', async () => {
    const speaks = 'This address speaks WebSocket; ask for it with Upgrade: websocket.';
    const key = 'Sec-WebSocket-Key must be there once, 16 bytes in base64.';
    for (const [change, status, message, more] of [
      [{ upgrade: 'h2c' }, 426, speaks],
      [{ connection: 'close' }, 400, 'The header Connection: Upgrade is missing.'],
      [{ 'sec-websocket-version': '8' }, 426, 'This server speaks version 13 of WebSocket.', '13'],
      [{ 'sec-websocket-key': undefined }, 400, key],
      [{ 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAA' }, 400, key],
      [{ 'sec-websocket-key': '!!!!!!!!!!!!!!!!!!!!!!==' }, 400, key],
    ]) {
      for (const path of ['/party/hands', '/parties/registry/any']) {
        const headers = Object.fromEntries(Object.entries({ ...UP, ...change }).filter(([, value]) => value !== undefined));
        const answer = await send(place, 'GET', path, headers, (asking) => asking.end());
        refused(answer, status, 'bad_upgrade', message);
        assert.equal(answer.headers['sec-websocket-version'], more);
      }
    }
  });
}

/** Outside development the listed pages may ask. */
export function origins(place) {
  test('host36_only pages of listed origins may ask, byte for byte', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const token = await place.target.token('user_ann');
    const good = { origin: PAGE };
    told(await ask(place, 'GET', '/healthz', { headers: good }), 200, 'ok', { 'access-control-allow-origin': PAGE });
    told(await ask(place, 'OPTIONS', '/assets', { headers: good }), 204, null, preflight('PUT, OPTIONS', PAGE));
    await rawJoin(`/party/pages?token=${token}`, {}, { headers: good });
    await rawJoin(`/party/pages?token=${token}`);
    const { host } = new URL(PAGE);
    for (const origin of [
      `${PAGE}.evil.com`, `https://evil${host}`, `https://sub.${host}`, `http://${host}`, `${PAGE}:8443`, `${PAGE}:443`, `${PAGE}@evil.com`,
      `https://evil.com#${PAGE}`, `${PAGE}.`, `${PAGE}/`, PAGE.toUpperCase(), `${PAGE} https://evil.com`, `${PAGE},https://evil.com`, host, '*',
      'null', 'file://', 'http://localhost:3000', 'https://127.0.0.1',
    ]) {
      const headers = { origin };
      refused(await ask(place, 'OPTIONS', '/assets', { headers }), 403, 'forbidden', STRANGER);
      refused({ what: origin, ...(await raw('/party/pages', { headers })).answer }, 403, 'forbidden', STRANGER);
      // Before any other work: what else is wrong is not looked at.
      refused({ what: origin, ...(await raw('/party/%20?token=x', { headers })).answer }, 403, 'forbidden', STRANGER);
    }
    refused(await ask(place, 'GET', '/party/pages?token=x.y.z', { headers: { origin: 'https://evil.com' } }), 403, 'forbidden', STRANGER);
  });
}
