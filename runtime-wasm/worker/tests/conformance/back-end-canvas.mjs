// The API for the operator's own back end: the people of a room, what happens on its canvas, and how that is taken back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refused, told } from './ask.mjs';
import { backEnd, DONE } from './back-end.mjs';
import { image, people } from './client.mjs';

const NOT_SO = 'Nobody can be that here: a guest or an organisation owns no room, its last owner stays one, an organisation is not banned, and an id that begins with server: is nobody\'s.';
const NOBODY = 'There is no such room, or nobody of that id is in it.';
const GONE_ON = 'The room has gone on since that place in its log; read it again.';

/** So that what comes next is of another millisecond. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

/** When an event of the log was. */
const when = async ({ get }, room, seq) => {
  const [row] = (await get(`/${room}/history?from=${seq}&limit=1`)).rows;
  assert.equal(row.seq, seq);
  return row.at;
};

/** The people of a room. */
export function members(place) {
  test('host42_roles are given and taken, and heard of', async (t) => {
    const { asks, get, make, told: toldOf, refused: isRefused } = backEnd(place);
    const { rawJoin } = people(t, place);
    await make('roles', { owner: 'ann' });
    const client = await rawJoin('/party/roles', { name: 'Bo' });
    const { clients, members, bans } = await get('/roles/members');
    assert.deepEqual([clients.length, clients[0].name, members, bans], [1, 'Bo', [{ userId: 'ann', role: 'owner' }], []]);
    const guest = `/roles/members/${encodeURIComponent(clients[0].userId)}`;
    told(await asks('PUT', guest, { role: 'viewer' }), 200, { seq: 1 });
    assert.equal((await client.hears('member:role')).data.role, 'viewer');
    told(await asks('DELETE', guest), 204, null, DONE);
    await client.hears('member:role');
    await isRefused(409, 'conflict', NOT_SO, 'PUT', guest, { role: 'owner' });
    await isRefused(409, 'conflict', NOT_SO, 'PUT', '/roles/members/ann', { role: 'editor' });
    assert.equal((await toldOf(400, 'PUT', guest, { role: 'king' })).error, 'bad_body');
    assert.equal((await toldOf(400, 'PUT', guest, {})).error, 'bad_body');
    assert.equal((await asks('PUT', '/roles/members/a%2Fb%20%C3%A9%3F', { role: 'editor' })).status, 200);
    assert.deepEqual((await get('/roles/members')).members.map(({ userId }) => userId).toSorted(), ['a/b é?', 'ann']);
  });

  test('host42_who is thrown out may come again, who is banned may not', async (t) => {
    const { asks, get, make, refused: isRefused } = backEnd(place);
    const { raw, rawJoin } = people(t, place);
    await make('bans');
    const eve = await rawJoin('/party/bans?_pk=eve');
    const { userId } = (await get('/bans/members')).clients[0];
    const path = `/bans/members/${encodeURIComponent(userId)}`;
    assert.deepEqual(Object.keys(JSON.parse((await asks('POST', `${path}/kick`, { reason: 'Enough for now' })).body)), ['seq']);
    assert.equal((await eve.closed()).code, 4503);
    assert.ok(eve.texts.some((text) => text.includes('Enough for now')));
    await isRefused(404, 'not_found', NOBODY, 'POST', `${path}/kick`);
    const again = await rawJoin('/party/bans?_pk=eve');
    assert.equal((await asks('POST', `${path}/ban`)).status, 200);
    assert.equal((await again.closed()).code, 4504);
    assert.deepEqual((await get('/bans/members')).bans.map((ban) => ban.userId), [userId]);
    const kept = await raw('/party/bans?_pk=eve');
    kept.send('user:join', {});
    assert.equal((await kept.closed()).code, 4504);
    told(await asks('DELETE', `${path}/ban`), 204, null, DONE);
    await rawJoin('/party/bans?_pk=eve');
  });
}

/** What happens on a canvas. */
export function canvas(place) {
  test('host43_what the back end does is stored and told, and its own events are told alone', async (t) => {
    const { asks, get, make, told: toldOf, refused: isRefused } = backEnd(place);
    const { rawJoin } = people(t, place);
    await make('events');
    const client = await rawJoin('/party/events');
    const send = async (type, data) => JSON.parse((await asks('POST', '/events/events', { type, data })).body);
    assert.deepEqual(await send('image:add', image('a')), { seq: 1 });
    const heard = await client.hears('image:add');
    assert.deepEqual([heard.clientId, heard.seq, heard.data.id], ['c0', 1, 'a']);
    assert.deepEqual(await send('image:transform', { id: 'a', x: 7 }), { seq: 2 });
    assert.deepEqual(await send('chat:message', { text: 'Hello' }), { seq: 3 });
    assert.equal((await client.hears('chat:message')).data.text, 'Hello');
    told(await asks('POST', '/events/events', { type: 'server:event', data: { paid: true, by: 'Änn' } }), 202, {});
    assert.deepEqual(await client.hears('server:event'), { type: 'server:event', data: { paid: true, by: 'Änn' }, clientId: 'c0' });
    assert.deepEqual(await send('image:remove', { id: 'a' }), { seq: 4 });
    const none = 'There is no such image in the room.';
    await isRefused(409, 'no_image', none, 'POST', '/events/events', { type: 'image:transform', data: { id: 'a', x: 1 } });
    const fails = async (event) => (await toldOf(400, 'POST', '/events/events', event)).error;
    assert.equal(await fails({ type: 'cursor:move', data: { x: 1, y: 1 } }), 'bad_body');
    assert.equal(await fails({ type: 'image:add', data: { id: 'a' } }), 'bad_message');
    assert.equal(await fails({ type: 'server:event', data: [1] }), 'bad_message');
    assert.equal(await fails({ type: 'image:add' }), 'bad_body');
    const { rows, next } = await get('/events/history');
    assert.deepEqual(rows.map(({ kind, user }) => [kind, user]), ['image:remove', 'chat:message', 'image:transform', 'image:add'].map((kind) => [kind, 'server:api']));
    assert.equal(next, null);
  });

  test('host43_a canvas is read, and replaced as one change', async (t) => {
    const { add, asks, get, images, make, told: toldOf, refused: isRefused } = backEnd(place);
    const { rawJoin } = people(t, place);
    await make('replaced');
    for (const id of ['a', 'b', 'c']) await add('replaced', id);
    const read = await get('/replaced/canvas');
    assert.deepEqual([Object.keys(read), read.seq], [['epoch', 'seq', 'images'], 3]);
    const client = await rawJoin('/party/replaced');
    const wanted = { images: [image('b'), image('c', { x: 9 }), image('d', { x: 4 })], at: 3 };
    const { seq } = await toldOf(200, 'PUT', '/replaced/canvas', wanted);
    await client.hears(({ type, data }) => type === 'image:add' && data.id === 'd');
    assert.deepEqual([await images('replaced'), client.seq <= seq], [['b', 'c', 'd'], true]);
    await isRefused(409, 'conflict', GONE_ON, 'PUT', '/replaced/canvas', wanted);
    assert.equal((await toldOf(200, 'PUT', '/replaced/canvas', { images: (await get('/replaced/canvas')).images })).seq, seq);
    assert.match((await toldOf(400, 'PUT', '/replaced/canvas', { images: [image('x'), {}] })).message, /^At \[1\]:/);
    assert.equal((await toldOf(400, 'PUT', '/replaced/canvas', { images: {} })).error, 'bad_message');
    for (const at of [-1, 1.5, '3']) assert.equal((await toldOf(400, 'PUT', '/replaced/canvas', { images: [], at })).error, 'bad_body');
    assert.equal((await asks('PUT', '/replaced/canvas', { images: [], at: 7.0, more: 1 })).status, 400);
    assert.deepEqual(await images('replaced'), ['b', 'c', 'd']);
  });

  test('host44_the history is told in pages, each row once', async () => {
    const { add, asks, get, make } = backEnd(place);
    await make('past');
    for (let no = 0; no < 7; no += 1) await add('past', `i${no}`);
    await asks('POST', '/past/events', { type: 'chat:message', data: { text: 'Hello' } });
    const seen = [];
    for (let from = ''; ; ) {
      const { rows, next } = await get(`/past/history?limit=3${from}`);
      seen.push(...rows.map(({ seq }) => seq));
      if (next === null) break;
      from = `&from=${next}`;
    }
    assert.deepEqual(seen, [8, 7, 6, 5, 4, 3, 2, 1]);
    const found = async (query) => (await get(`/past/history?${query}`)).rows;
    assert.deepEqual((await found('kind=chat:message')).map(({ data }) => data.text), ['Hello']);
    assert.equal((await found('user=server:api')).length, 8);
    assert.deepEqual(await found('user=ann'), []);
    assert.deepEqual(await found(`since=${(await when({ get }, 'past', 8)) + 1}`), []);
    const [row] = await found('from=1');
    assert.deepEqual(Object.keys(row), ['seq', 'at', 'user', 'clientId', 'kind', 'data', 'was']);
    assert.deepEqual([row.clientId, row.kind, row.data.id, row.was], ['c0', 'image:add', 'i0', null]);
  });

  test('host44_a canvas goes back to what it was, as the preview said', async (t) => {
    const { add, asks, get, images, make, told: toldOf, refused: isRefused } = backEnd(place);
    const { rawJoin } = people(t, place);
    await make('back');
    await add('back', 'a');
    const then = await when({ get }, 'back', await add('back', 'b'));
    const before = (await get('/back/canvas')).images;
    await pause();
    const send = (type, data) => asks('POST', '/back/events', { type, data });
    await send('image:transform', { id: 'a', x: 99 });
    await send('image:remove', { id: 'b' });
    await add('back', 'c');
    const client = await rawJoin('/party/back');
    told(await asks('POST', '/back/restore', { asOf: then, preview: true }), 200, { seq: 5, added: ['b'], changed: ['a'], removed: ['c'] });
    assert.deepEqual(await images('back'), ['a', 'c'], 'a preview changes nothing');
    await add('back', 'd');
    for (const preview of [true, false]) await isRefused(409, 'conflict', GONE_ON, 'POST', '/back/restore', { asOf: then, at: 5, preview });
    assert.ok((await toldOf(200, 'POST', '/back/restore', { asOf: then, at: 6 })).seq > 6);
    assert.deepEqual((await get('/back/canvas')).images, before);
    await client.hears(({ type, data }) => type === 'image:add' && data.id === 'b');
    for (const wish of [{}, { asOf: 1, since: 1 }, { without: 'ann' }, { asOf: 1, without: 'ann', since: 1 }]) {
      await isRefused(400, 'bad_body', 'Say asOf, or without and since: to what the canvas is to go back.', 'POST', '/back/restore', wish);
    }
    assert.equal((await toldOf(400, 'POST', '/back/restore', { without: '', since: 1 })).error, 'bad_user');
  });

  test('host44_what one person did is taken back alone', async (t) => {
    const { add, asks, get, images, make } = backEnd(place);
    const { rawJoin } = people(t, place);
    await make('alone');
    const since = await when({ get }, 'alone', await add('alone', 'a'));
    await pause();
    const eve = await rawJoin('/party/alone?_pk=eve');
    eve.send('image:remove', { id: 'a' }, '1');
    eve.send('image:add', image('e'), '2');
    await eve.hears(({ type, data }) => type === 'ack' && data.id === '2');
    await add('alone', 'b');
    const [row] = (await get('/alone/history?from=2&limit=1')).rows;
    assert.deepEqual([row.kind, row.was.id], ['image:remove', 'a']);
    const wish = { without: row.user, since };
    told(await asks('POST', '/alone/restore', { ...wish, preview: true }), 200, { seq: 4, added: ['a'], changed: [], removed: ['e'] });
    assert.equal((await asks('POST', '/alone/restore', wish)).status, 200);
    assert.deepEqual((await images('alone')).toSorted(), ['a', 'b']);
  });

  test('host45_what is exported is imported the same, here or into another room', async (t) => {
    const { add, asks, get, images, make, told: toldOf } = backEnd(place);
    const { rawJoin } = people(t, place);
    await make('from', { name: 'Plan', owner: 'ann', isPublic: false });
    for (const id of ['a', 'b']) await add('from', id);
    await asks('POST', '/from/events', { type: 'chat:message', data: { text: 'Hello' } });
    const document = await get('/from/export');
    assert.deepEqual([document.version, document.room.name, document.images.length, document.chat[0].text], [1, 'Plan', 2, 'Hello']);
    await make('into');
    const client = await rawJoin('/party/into');
    const { seq } = await toldOf(200, 'PUT', '/into/import', document);
    assert.equal((await client.closed()).code, 4203);
    assert.deepEqual([await images('into'), (await get('/into/canvas')).seq], [['a', 'b'], seq]);
    assert.deepEqual((await get('/into/members')).members, [{ userId: 'ann', role: 'owner' }]);
    assert.equal((await get('/into')).name, 'Plan');
    await toldOf(200, 'PUT', '/nowhere/import', document);
    assert.deepEqual(await images('nowhere'), ['a', 'b']);
    assert.deepEqual((await get('/into/export')).images, document.images);
  });

  test('host45_of a document with a mistake nothing is taken', async () => {
    const { add, asks, get, make, told: toldOf } = backEnd(place);
    await make('kept');
    await add('kept', 'a');
    const before = await get('/kept/export');
    for (const [document, error, begins] of [
      [{ version: 2 }, 'bad_message', 'At version:'],
      [{ version: 1, rooms: {} }, 'bad_message', ''],
      [{ version: 1, room: { name: '' } }, 'empty', 'At room.name:'],
      [{ version: 1, images: [image('a'), { id: 'b' }] }, 'bad_message', 'At images[1]:'],
      [{ version: 1, members: [{ userId: 'ann', role: 'king' }] }, 'bad_message', 'At members[0]:'],
      [[], 'bad_message', ''],
    ]) {
      const { error: code, message } = await toldOf(400, 'PUT', '/kept/import', document);
      assert.deepEqual([code, message.startsWith(begins)], [error, true], message);
    }
    const twice = await asks('PUT', '/kept/import', { version: 1, images: [image('a'), image('a')] });
    assert.match(JSON.parse(twice.body).message, /^At images\[1\]/);
    assert.equal(twice.status, 409);
    refused(await asks('PUT', '/kept/import', '{'), 400, 'bad_message', JSON.parse((await asks('PUT', '/kept/import', '{')).body).message);
    assert.deepEqual(await get('/kept/export'), before);
  });
}
