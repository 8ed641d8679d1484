// The API for the operator's own back end: who may ask, how its requests are read, and rooms as a whole.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BAD_ROOM, ask, json, matters, refused, send, told } from './ask.mjs';
import { image, people, until } from './client.mjs';

export const SECRET = 'a-secret-of-the-operator';
const BEARER = { authorization: `Bearer ${SECRET}` };
const JSON_SAID = 'Send JSON, and say so: Content-Type: application/json.';
const NOTHING = 'There is nothing at this address.';
const KEYS = 'This address knows these keys of a query: q, sort, limit, cursor.';
export const DONE = { 'cache-control': 'no-store' };

/** Someone who has the secret. */
export function backEnd(place) {
  const asks = (method, path, body, headers = {}) => {
    const kind = body === undefined ? {} : { 'content-type': 'application/json' };
    return ask(place, method, `/api/rooms${path}`, { token: SECRET, headers: { ...kind, ...headers }, body });
  };
  return {
    asks,
    /** The JSON of an answer of that status. */
    told: async (status, method, path, body) => json(await asks(method, path, body), status),
    get: async (path) => json(await asks('GET', path)),
    done: async (method, path) => told(await asks(method, path), 204, null, DONE),
    refused: async (status, error, message, method, path, body) => refused(await asks(method, path, body), status, error, message),
    make: async (id, more = {}) => json(await asks('POST', '', { id, ...more }), 201),
    add: async (room, id, more) => json(await asks('POST', `/${room}/events`, { type: 'image:add', data: image(id, more) })).seq,
    images: async (room) => json(await asks('GET', `/${room}/canvas`)).images.map(({ id }) => id),
  };
}

/** Each address and its methods, as the description of the API has them. */
function* addresses({ paths }) {
  for (const [path, item] of Object.entries(paths)) {
    const methods = Object.keys(item).filter((key) => key !== 'parameters').map((method) => method.toUpperCase());
    yield [path.replace('{room}', 'methods').replace('{userId}', 'u'), methods];
  }
}

/** Who may ask, and how. */
export function door(place) {
  test('host39_the API opens to its secret alone, and to no page', async () => {
    for (const authorization of [undefined, 'Bearer', 'Bearer ', `Bearer ${SECRET.slice(1)}`, `Bearer ${SECRET}r`, `Basic ${SECRET}`, SECRET]) {
      const headers = authorization === undefined ? {} : { authorization };
      for (const [method, path] of [['GET', '/api/rooms'], ['DELETE', '/api/rooms/a'], ['GET', '/api/x'], ['PUT', '/api'], ['OPTIONS', '/api/rooms']]) {
        refused(await ask(place, method, path, { headers }), 401, 'unauthorized', "Send the server's admin secret as Authorization: Bearer.", { 'www-authenticate': 'Bearer' });
      }
    }
    assert.equal((await ask(place, 'GET', `/api/rooms?token=${SECRET}`)).status, 401);
    json(await ask(place, 'GET', '/api/rooms', { headers: { authorization: `bearer ${SECRET}` } }));
    for (const [method, path] of [['GET', '/api/rooms'], ['OPTIONS', '/api/rooms'], ['GET', '/api/openapi.json']]) {
      const answer = await ask(place, method, path, { headers: { ...BEARER, origin: 'http://localhost:3000' } });
      refused(answer, 403, 'forbidden', 'Pages have no use of this address: no page may hold its secret.');
    }
  });

  test('host39_the description is open, and names the addresses and methods that there are', async () => {
    const answer = await ask(place, 'GET', '/api/openapi.json');
    assert.equal(matters(answer)['content-type'], 'application/json');
    const document = json(answer);
    const native = JSON.parse(readFileSync(join(import.meta.dirname, '../../../../runtime-smol/api/openapi.json'), 'utf8'));
    for (const [path, item] of Object.entries(native.paths)) {
      if (path in document.paths) assert.deepEqual(document.paths[path], item, path);
      else assert.match(path, /\/recording/, 'only recordings may be missing');
    }
    assert.ok(Object.keys(document.paths).length >= Object.keys(native.paths).length - 2);
    const references = JSON.stringify(document).match(/#\/components\/\w+\/\w+/g);
    for (const place of new Set(references)) {
      assert.ok(place.slice(2).split('/').reduce((part, key) => part?.[key], document), place);
    }
    for (const [path, methods] of addresses(document)) {
      const allow = [...methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])), 'OPTIONS'].join(', ');
      const listed = await ask(place, 'OPTIONS', path, { token: SECRET });
      const sorted = (text) => text.split(', ').toSorted();
      told(listed, 204, null, { ...DONE, allow: listed.headers.allow });
      assert.deepEqual(sorted(listed.headers.allow), sorted(allow), path);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) => !methods.includes(method))) {
        const other = await ask(place, method, path, { token: SECRET });
        refused(other, 405, 'bad_method', `This address has these methods: ${other.headers.allow}.`, { allow: listed.headers.allow });
      }
      if (!methods.includes('GET')) continue;
      const [got, head] = [await ask(place, 'GET', path, { token: SECRET }), await ask(place, 'HEAD', path, { token: SECRET })];
      assert.deepEqual([head.status, head.body, matters(head)], [got.status, '', matters(got)], path);
    }
    for (const path of Object.keys(native.paths).filter((path) => !(path in document.paths))) {
      refused(await ask(place, 'GET', path.replace('{room}', 'a'), { token: SECRET }), 404, 'not_found', NOTHING);
    }
  });

  test('host39_what is not there, and what no room and nobody is called, is said', async () => {
    const { asks } = backEnd(place);
    for (const path of ['/api', '/api/', '/api/x', '/api/rooms/', '/api/rooms/a/', '/api/rooms/a/shares', '/api/rooms/a/members/u/x', '/api/rooms//close']) {
      refused(await ask(place, 'GET', path, { token: SECRET }), 404, 'not_found', NOTHING);
    }
    for (const room of ['a%20b', 'a%2fb', 'a'.repeat(65), '%ff', '%252e', 'a.b']) {
      refused(await asks('GET', `/${room}`), 400, 'bad_room', BAD_ROOM);
      refused(await asks('PUT', `/${room}/import`), 400, 'bad_room', BAD_ROOM);
    }
    for (const user of ['u'.repeat(129), '%00', '%ff']) {
      refused(await asks('DELETE', `/a/members/${user}`), 400, 'bad_user', "A person's id is 1 to 128 bytes of UTF-8 without NUL.");
    }
  });

  test('host40_a body is JSON of its form, and of its length', async () => {
    const { make } = backEnd(place);
    await make('forms');
    const post = (body, kind = 'application/json', path = '/api/rooms') =>
      ask(place, 'POST', path, { token: SECRET, body, headers: kind === null ? {} : { 'content-type': kind } });
    for (const kind of [null, 'text/plain', 'application/jsonx']) refused(await post('{}', kind), 415, 'unsupported', JSON_SAID);
    json(await post('{}', 'Application/JSON; charset=utf-8'), 201);
    for (const [body, why] of [
      ['', 'EOF while parsing a value at line 1 column 0'],
      ['{', 'EOF while parsing an object at line 1 column 1'],
      ['{"isPubic":true}', 'unknown field `isPubic`, expected one of `id`, `name`, `isPublic`, `owner` at line 1 column 10'],
      ['{"id":7}', 'invalid type: integer `7`, expected a string at line 1 column 7'],
      ['{"name":null}', 'invalid type: null, expected a string at line 1 column 12'],
      ['{"id":"a","id":"b"}', 'duplicate field `id` at line 1 column 14'],
      ['{} x', 'trailing characters at line 1 column 4'],
      ['[]', 'it is a list and must be an object'],
      [' ["list"]', 'it is a list and must be an object'],
      ['"text"', 'invalid type: string "text", expected struct NewRoom at line 1 column 6'],
    ]) {
      refused(await post(body), 400, 'bad_body', `The body cannot be used: ${why}.`);
    }
    const cut = json(await post(`{"${'\u{1F600}'.repeat(3000)}":1}`), 400);
    assert.ok(cut.message.endsWith('….') && [...cut.message].length < 400, cut.message);
    refused(await post(`{"name":"${'x'.repeat(16 * 1024)}"}`), 413, 'too_large', 'The body is longer than 16 KiB.');
    // Who says nothing of its length is cut off where it is too long.
    const endless = { ...BEARER, 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
    refused(await send(place, 'POST', '/api/rooms', endless, (asking) => asking.end(`{"name":"${'x'.repeat(40 * 1024)}"}`)), 413, 'too_large', 'The body is longer than 16 KiB.');
    // Depth does no harm, whole or broken off.
    for (const [open, inner, close] of [['[', '', ']'], ['{"a":', '1', '}']]) {
      const event = `{"type":"server:event","data":${open.repeat(2000)}`;
      assert.equal(json(await post(event, undefined, '/api/rooms/forms/events'), 400).error, 'bad_body');
      assert.equal(json(await post(`${event}${inner}${close.repeat(2000)}}`, undefined, '/api/rooms/forms/events'), 400).error, 'bad_message');
    }
    // Those that may be left out are read as strictly where they are not.
    refused(await post('{}', 'text/plain', '/api/rooms/forms/members/u/ban'), 415, 'unsupported', JSON_SAID);
    assert.match(json(await post('{"reason":null}', undefined, '/api/rooms/forms/members/u/ban'), 400).message, /invalid type: null/);
  });

  test('host40_a canvas may be long, and what is longer is refused', async () => {
    const { asks, make, images } = backEnd(place);
    await make('long');
    const many = (count) => Array.from({ length: count }, (_, no) => image(`i${no}`, { x: no }));
    json(await asks('PUT', '/long/canvas', { images: many(4000) }));
    assert.equal((await images('long')).length, 4000);
    const document = json(await asks('GET', '/long/export'));
    json(await asks('PUT', '/long/import', document));
    assert.equal((await images('long')).length, 4000);
    const endless = Buffer.alloc(16 * 1024 * 1024 + 1, ' ');
    for (const path of ['/long/canvas', '/long/import']) {
      refused(await asks('PUT', path, endless), 413, 'too_large', 'The body is longer than 16 MiB.');
    }
  });

  test('host40_a body that does not come is given up', async () => {
    const headers = { ...BEARER, 'content-type': 'application/json', 'content-length': '9' };
    refused(await send(place, 'POST', '/api/rooms', headers, (asking) => asking.write('{')), 408, 'timeout', 'The body came too slowly; send it again.');
  });

  test('host40_a query has each key once, and none that is not known', async () => {
    const { asks, make } = backEnd(place);
    await make('queries');
    const number = (key, least, most) => `${key} must be a whole number from ${least} to ${most}.`;
    for (const [path, message] of [
      ['?limit=0', number('limit', 1, 500)],
      ['?limit=501', number('limit', 1, 500)],
      ['?limit=%2B5', number('limit', 1, 500)],
      ['?limit=', number('limit', 1, 500)],
      ['?Limit=1', KEYS],
      ['?limit=1&other', KEYS],
      ['?limit=1&limit=1', 'The query has limit twice; send it once.'],
      ['?cursor=%20', 'cursor must be what the page before had as its cursor.'],
      ['?sort=size', 'sort must be id, name, created or activity.'],
      [`?q=${'q'.repeat(129)}`, 'q has at most 128 bytes; shorten it.'],
      ['/queries/history?from=-1', number('from', 0, 9007199254740991)],
      ['/queries/history?since=9007199254740992', number('since', 0, 9007199254740991)],
      ['/queries/history?q=a', 'This address knows these keys of a query: from, limit, user, kind, since.'],
    ]) {
      refused(await asks('GET', path), 400, 'bad_query', message);
    }
  });
}

/** Rooms as a whole. */
export function rooms(place) {
  test('host41_a room is made, told of, changed and found', async (t) => {
    const { asks, get, make, told: toldOf, refused: isRefused } = backEnd(place);
    const { rawJoin } = people(t, place);
    const answer = await asks('POST', '', { id: 'plan', name: ' Plan ', isPublic: false, owner: 'ann' });
    const { createdAt, lastActivity } = json(answer, 201);
    const room = { id: 'plan', name: 'Plan', isPublic: false, locked: false, userCount: 0, imageCount: 0, createdAt, lastActivity };
    told(answer, 201, room, { location: '/api/rooms/plan' });
    told(await asks('GET', '/%70lan'), 200, room);
    const chosen = await asks('POST', '', {});
    assert.match(json(chosen, 201).id, /^[0-9a-f]{20}$/);
    assert.equal(chosen.headers.location, `/api/rooms/${json(chosen, 201).id}`);
    assert.equal((await get(`/${json(chosen, 201).id}`)).isPublic, true);
    await isRefused(409, 'conflict', 'There is a room of that id already.', 'POST', '', { id: 'plan' });
    for (const owner of ['', 'guest:1', 'org:x', 'server:api', 'o'.repeat(129)]) {
      assert.equal((await toldOf(400, 'POST', '', { owner })).error, 'bad_user');
    }
    await isRefused(400, 'bad_room', BAD_ROOM, 'POST', '', { id: 'a b' });
    await isRefused(400, 'too_long', undefined, 'POST', '', { name: 'x'.repeat(129) });
    assert.equal((await toldOf(400, 'POST', '', { name: ' ' })).error, 'empty');
    await make('changed');
    const client = await rawJoin('/party/changed');
    const changes = { name: 'New', isPublic: false, locked: true, defaultRole: 'viewer', guestRole: 'viewer' };
    const now = await toldOf(200, 'PATCH', '/changed', changes);
    assert.deepEqual([now.name, now.isPublic, now.locked], ['New', false, true]);
    assert.equal((await client.hears('room:update')).data.name, 'New');
    assert.equal((await toldOf(400, 'PATCH', '/changed', { defaultRole: 'owner' })).error, 'bad_body');
    assert.equal((await toldOf(400, 'PATCH', '/changed', {})).error, 'empty');
  });

  test('host41_what is asked of a room that is not there makes none', async () => {
    const { asks, told: toldOf, refused: isRefused } = backEnd(place);
    for (const [method, path, body] of [
      ['GET', ''], ['DELETE', ''], ['GET', '/canvas'], ['GET', '/members'], ['GET', '/history'], ['GET', '/export'], ['POST', '/close'],
      ['PATCH', '', { locked: true }], ['PUT', '/canvas', { images: [] }], ['POST', '/events', { type: 'image:remove', data: { id: 'a' } }],
      ['POST', '/events', { type: 'server:event', data: {} }],
    ]) {
      await isRefused(404, 'not_found', undefined, method, `/none${path}`, body);
    }
    const nobody = 'There is no such room, or nobody of that id is in it.';
    await isRefused(404, 'not_found', nobody, 'POST', '/none/members/u/ban');
    await isRefused(404, 'not_found', 'There is no such room, or its history does not reach back that far.', 'POST', '/none/restore', { asOf: 0 });
    assert.equal((await toldOf(400, 'PUT', '/none/import', { version: 2 })).error, 'bad_message');
    assert.equal((await asks('GET', '/none')).status, 404);
  });

  test('host41_all rooms are listed, searched, sorted and in pages', async () => {
    const { get, make } = backEnd(place);
    for (const [no, name] of ['Delta plan', 'alpha', 'Charlie PLAN', 'bravo', 'Echo'].entries()) {
      await make(`listed-${no}`, { name, isPublic: no % 2 === 0 });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await until('all are listed', async () => (await get('?q=listed-')).rooms.length === 5);
    const pages = async (query) => {
      const ids = [];
      for (let cursor = ''; ; ) {
        const page = await get(`?limit=2&${query}${cursor}`);
        assert.ok(page.rooms.length <= 2);
        ids.push(...page.rooms.map(({ id }) => id.replace('listed-', '')));
        if (page.cursor === null) return ids.join('');
        cursor = `&cursor=${encodeURIComponent(page.cursor)}`;
      }
    };
    for (const [query, ids] of [
      ['q=listed-', '01234'], ['q=listed-&sort=id', '01234'], ['q=listed-&sort=name', '13204'], ['q=listed-&sort=created', '43210'],
      ['q=listed-%20plan', '02'], ['q=PLAN%20char', '2'], ['q=LISTED-3&sort=name', '3'], ['q=nothing%20like%20it', ''],
    ]) {
      assert.equal(await pages(query), ids, query);
    }
    const [room] = (await get('?q=listed-1')).rooms;
    const { createdAt, lastActivity } = room;
    assert.deepEqual(room, { id: 'listed-1', name: 'alpha', isPublic: false, createdAt, lastActivity, creatorName: null });
  });

  test('host41_a closed room lets people come again, a deleted one does not', async (t) => {
    const { done, get, make, add, images, refused: isRefused, told: toldOf } = backEnd(place);
    const { raw, rawJoin } = people(t, place);
    await make('closed');
    await add('closed', 'a');
    const client = await rawJoin('/party/closed');
    await done('POST', '/closed/close');
    assert.equal((await client.closed()).code, 4503);
    await done('POST', '/closed/close');
    const again = await rawJoin('/party/closed');
    assert.deepEqual([again.seq, await images('closed')], [1, ['a']]);
    await until('it is listed', async () => (await get('?q=closed')).rooms.length === 1);
    await done('DELETE', '/closed');
    assert.equal((await again.closed()).code, 4506);
    await isRefused(404, 'not_found', undefined, 'DELETE', '/closed');
    await isRefused(404, 'not_found', undefined, 'GET', '/closed/history');
    await until('it is not listed', async () => (await get('?q=closed')).rooms.length === 0);
    await isRefused(409, 'conflict', 'There is a room of that id already.', 'POST', '', { id: 'closed' });
    const late = await raw('/party/closed');
    late.send('user:join', {});
    assert.equal((await late.closed()).code, 4502);
    await toldOf(200, 'PUT', '/closed/import', { version: 1 });
    assert.deepEqual(await images('closed'), []);
  });

  test('host41_a room that is held for another host waits, and goes on where it was', async () => {
    const { add, asks, images, make, refused: isRefused } = backEnd(place);
    await make('held');
    await add('held', 'a');
    await isRefused(400, 'bad_body', 'This request has no body.', 'POST', '/held/handover', {});
    const given = await asks('POST', '/held/handover');
    assert.deepEqual([given.status, given.headers['content-type']], [200, 'application/octet-stream']);
    const away = 'The room is being moved to another server; try again shortly.';
    for (const [method, path, body] of [
      ['GET', ''], ['PATCH', '', { locked: true }], ['DELETE', ''], ['GET', '/canvas'], ['GET', '/history'], ['POST', '/close'],
      ['PUT', '/canvas', { images: [] }], ['PUT', '/import', { version: 1 }], ['POST', '/restore', { asOf: 0 }],
      ['POST', '/events', { type: 'server:event', data: {} }],
    ]) {
      await isRefused(503, 'restart', away, method, `/held${path}`, body);
    }
    await isRefused(503, 'restart', away, 'POST', '', { id: 'held' });
    told(await asks('PUT', '/held/handover', given.bytes), 204, null, DONE);
    assert.deepEqual(await images('held'), ['a']);
    await isRefused(404, 'not_found', 'No such room is held to be taken to another server.', 'DELETE', '/held/handover');
  });
}
