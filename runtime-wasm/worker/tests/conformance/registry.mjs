// Rooms as a whole, over plain HTTP and live: made, described, changed, deleted, listed, and what a thumbnail is drawn from.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PartySocket } from 'partysocket';
import { BAD_ROOM, ask, json, matters, refused, told, unknown } from './ask.mjs';
import { image, people, until } from './client.mjs';

const LIST = '/parties/registry/list';
const WANTED = 'Send JSON; id, name and isPublic say what the room is to be, and may be left out.';
const CHANGES = 'Send JSON with any of name, isPublic, locked, defaultRole and guestRole.';
const TAKEN = 'There is a room of that id, or there was one; choose another.';
const EMPTY = 'A text that must not be empty is empty.';
const MISSING = 'There is no token; sign in.';
const NO_IMAGES = { images: [] };

const make = async (place, body, token, query = '') => json(await ask(place, 'POST', `${LIST}${query}`, { body, token }), 201);

/** A person who watches the list, from its first frame on. */
async function watch(raw, query = '') {
  const watcher = await raw(`/parties/registry/any${query}`);
  watcher.question = { type: 'no:such' };
  const first = await watcher.hears(() => true);
  assert.deepEqual(Object.keys(first), ['type', 'rooms']);
  assert.equal(first.type, 'rooms');
  return { watcher, first };
}

export function registry(place) {
  test('host20_a room is made by who owns it then, and described to who may enter', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const ann = await place.target.token('user_ann', { name: 'Ann' });
    const answer = await ask(place, 'POST', LIST, { token: ann, body: { id: 'made', name: '  Pl\u200bans ', isPublic: false, colour: 'red' } });
    const made = json(answer, 201);
    const { createdAt } = made;
    assert.ok(Math.abs(createdAt - Date.now()) < 60_000, `${createdAt}`);
    const room = { id: 'made', name: 'Plans', isPublic: false, locked: false, userCount: 0, imageCount: 0, createdAt, lastActivity: createdAt };
    told(answer, 201, room);
    for (const path of ['/parties/main/made', '/party/made', '/party/%6dade']) {
      told(await ask(place, 'GET', path, { token: ann }), 200, room);
      refused(await ask(place, 'GET', path), 403, 'forbidden');
    }
    const owner = await rawJoin(`/party/made?token=${ann}`);
    assert.equal(owner.joined.role, 'owner');
    owner.send('image:add', image('i1'));
    await owner.hears('ack');
    const now = json(await ask(place, 'GET', '/party/made', { token: ann }));
    assert.deepEqual({ ...now, lastActivity: 0 }, { ...room, userCount: 1, imageCount: 1, lastActivity: 0 });
    assert.ok(now.lastActivity >= createdAt);
    const stranger = await raw('/party/made');
    stranger.send('user:join', {});
    assert.deepEqual(await stranger.refused(), [4501, 'forbidden']);
    // Without a body of its own will it is public, and of an id that the server chose.
    const chosen = await make(place, {}, undefined, `?token=${ann}`);
    assert.match(chosen.id, /^[0-9a-f]{20}$/);
    assert.deepEqual([chosen.name, chosen.isPublic, 'token' in chosen], [chosen.id, true, false]);
    assert.equal((await rawJoin(`/party/${chosen.id}?token=${ann}`)).joined.role, 'owner');
  });

  test('host20_asking for a room makes none', async (t) => {
    const { raw } = people(t, place);
    for (let no = 0; no < 2; no += 1) {
      refused(await ask(place, 'GET', '/parties/main/never'), 404, 'not_found');
      refused(await ask(place, 'GET', '/parties/main/never/preview'), 404, 'not_found');
    }
    // Nor does a socket that has not joined.
    await raw('/party/never');
    refused(await ask(place, 'GET', '/parties/main/never'), 404, 'not_found');
  });

  test('host20_in development a guest makes rooms, and gets the way into a private one', async (t) => {
    const { rawJoin } = people(t, place);
    const open = await make(place, {});
    assert.deepEqual([open.isPublic, 'token' in open], [true, false]);
    const closed = await make(place, { isPublic: false });
    assert.match(closed.token, /^[0-9a-f]{32}$/);
    const path = `/party/${closed.id}`;
    refused(await ask(place, 'GET', path), 403, 'forbidden');
    const { token, ...room } = closed;
    told(await ask(place, 'GET', `${path}?share=${token}`), 200, room);
    assert.equal((await rawJoin(`${path}?share=${token}`)).joined.role, 'editor');
  });

  test('host21_a room that cannot be made is refused with its reason, and nothing is made', async () => {
    const ann = await place.target.token('user_ann');
    const post = (body) => ask(place, 'POST', LIST, { token: ann, body });
    await make(place, { id: 'taken' }, ann);
    refused(await post({ id: 'taken' }), 409, 'conflict', TAKEN);
    for (const id of ['a/b', '', 'a b', 'é', 'x'.repeat(65)]) refused(await post({ id }), 400, 'bad_room', BAD_ROOM);
    refused(await post({ id: 'bad-name', name: '\u200b' }), 400, 'empty', EMPTY);
    refused(await post({ id: 'bad-name', name: 'x'.repeat(200) }), 400, 'too_long');
    for (const body of ['', '{', '[]', 'null', '7', '{} x', '{"id":7}', '{"isPublic":"no"}', '{"name":["x"]}', '{"id":"a","id":"b"}', '\ufeff{}']) {
      refused(await post(body), 400, 'bad_body', WANTED);
    }
    refused(await post(Buffer.from('{"name":"\xff"}', 'latin1')), 400, 'bad_body', WANTED);
    refused(await post(' '.repeat(16 * 1024 + 1)), 413, 'too_large', 'The body is longer than 16 KiB.');
    assert.equal((await post(`${' '.repeat(16 * 1024 - 22)}{"id":"just-in-bounds"}`.slice(1))).status, 201, '16 KiB are taken');
    refused(await ask(place, 'GET', '/party/bad-name'), 404, 'not_found');
    told(await ask(place, 'DELETE', `${LIST}/taken`, { token: ann }), 204, null);
    refused(await post({ id: 'taken' }), 409, 'conflict', TAKEN);
  });

  test('host22_an owner changes and deletes a room, and nobody else does', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const [ann, bob] = [await place.target.token('user_ann'), await place.target.token('user_bob')];
    const made = await make(place, { id: 'den' }, ann);
    const gil = await rawJoin('/party/den');
    const den = `${LIST}/den`;
    const patch = (body, token = ann, path = den) => ask(place, 'PATCH', path, { token, body });
    const changed = await patch({ name: ' Plans ', locked: true });
    const { lastActivity } = json(changed);
    told(changed, 200, { ...made, name: 'Plans', locked: true, userCount: 1, lastActivity });
    const heard = await gil.hears('room:update');
    assert.deepEqual([heard.data, heard.clientId, heard.seq], [{ name: 'Plans', locked: true }, 'c0', 1]);
    refused(await patch({}), 400, 'empty', 'Say what is to change; a name shows something.');
    refused(await patch({ name: '' }), 400, 'empty', 'Say what is to change; a name shows something.');
    for (const body of ['', '{', '[]', '{"locked":1}', '{},"type":"image:add"', '{"locked":true,"locked":false}', '{"defaultRole":"owner"}']) {
      refused(await patch(body), 400, 'bad_body', CHANGES);
    }
    for (const method of ['PATCH', 'DELETE']) {
      const body = method === 'PATCH' ? { locked: false } : undefined;
      const by = (token, path = den) => ask(place, method, path, { token, body });
      refused(await by(bob), 403, 'forbidden');
      unknown(await by(undefined), 'token_required', MISSING);
      unknown(await by('x.y.z'), 'token_invalid', 'The token cannot be read; send a session token of Clerk as it is.');
      refused(await by(ann, `${LIST}/nowhere`), 404, 'not_found');
      refused(await by(ann, `${LIST}/a%2fb`), 400, 'bad_room', BAD_ROOM);
    }
    assert.deepEqual((await gil.settled()).filter((frame) => frame.seq !== undefined), []);
    told(await ask(place, 'DELETE', den, { token: ann }), 204, null);
    assert.deepEqual(await gil.refused(), [4506, 'room_closed']);
    refused(await ask(place, 'DELETE', den, { token: ann }), 404, 'not_found');
    refused(await patch({ locked: true }), 404, 'not_found');
    refused(await ask(place, 'GET', '/party/den', { token: ann }), 404, 'not_found');
    for (const query of ['', `?token=${ann}`]) {
      const late = await raw(`/party/den${query}`);
      late.send('user:join', {});
      assert.deepEqual(await late.refused(), [4502, 'not_found'], 'it is not made again');
    }
  });

  test('host23_public rooms are listed in pages, searched and sorted', async () => {
    const ann = await place.target.token('user_ann', { name: 'Pomona' });
    const rooms = [];
    for (const [id, name] of [['fruit-a', 'Apples'], ['fruit-b', 'Bananas'], ['fruit-c', 'Cherries'], ['fruit-d', 'Dätes and apples']]) {
      const { createdAt } = await make(place, { id, name }, ann);
      rooms.push({ id, name, isPublic: true, createdAt, lastActivity: createdAt, userCount: 0, creatorName: 'Pomona' });
    }
    await make(place, { id: 'fruit-hidden', isPublic: false }, ann);
    const called = await make(place, { id: 'fruit-guest' }, undefined, '?name=Pomona%20the%20guest');
    const page = async (query) => json(await ask(place, 'GET', `${LIST}?${query}`));
    await until('all are listed', async () => (await page('q=fruit')).total === 5);
    const found = await ask(place, 'GET', `${LIST}?q=fruit%20APPLE&sort=name`);
    told(found, 200, { rooms: [rooms[0], rooms[3]], cursor: null, total: 2 });
    const ids = ({ rooms: listed }) => listed.map(({ id }) => id);
    assert.deepEqual(ids(await page('q=POMONA&sort=name')), ['fruit-a', 'fruit-b', 'fruit-c', 'fruit-d', 'fruit-guest']);
    assert.deepEqual(ids(await page('q=fruit-&sort=created')), ['fruit-guest', 'fruit-d', 'fruit-c', 'fruit-b', 'fruit-a']);
    assert.deepEqual(ids(await page('q=fruit&sort=activity')), ids(await page('q=fruit')));
    assert.deepEqual(ids(await page('q=da%CC%88tes')), ['fruit-d'], 'however its letters are composed');
    assert.deepEqual((await page('q=guest%20pomona')).rooms[0].createdAt, called.createdAt);
    assert.deepEqual(await page('q=no-such-fruit'), { rooms: [], cursor: null, total: 0 });
    const first = await page('q=fruit&sort=name&limit=3');
    assert.deepEqual([ids(first), first.total], [['fruit-a', 'fruit-b', 'fruit-c'], 5]);
    told(await ask(place, 'DELETE', `${LIST}/fruit-c`, { token: ann }), 204, null);
    const second = await page(`q=fruit&sort=name&limit=3&cursor=${encodeURIComponent(first.cursor)}`);
    assert.deepEqual([ids(second), second.cursor], [['fruit-d', 'fruit-guest'], null]);
    const limit = ['bad_limit', 'A page has 1 to 100 rooms.'];
    const cursor = ['bad_cursor', 'A cursor is one that a page of the same order gave; begin anew without it.'];
    for (const [query, [code, message]] of [
      ['limit=0', limit],
      ['limit=101', limit],
      ['limit=x', limit],
      ['sort=size', ['bad_sort', 'Rooms are sorted by activity, created, users or name.']],
      ['cursor=x', cursor],
      [`sort=users&cursor=${encodeURIComponent(first.cursor)}`, cursor],
      [`q=${'q'.repeat(129)}`, ['bad_q', 'A search text has at most 128 bytes; shorten it.']],
    ]) {
      refused(await ask(place, 'GET', `${LIST}?${query}`), 400, code, message);
    }
    assert.equal((await ask(place, 'GET', `${LIST}?limit=1&limit=x`)).status, 200, 'the first of a key counts');
    const anywhere = await ask(place, 'GET', '/parties/registry/elsewhere?q=fruit-a');
    assert.deepEqual(ids(json(anywhere)), ['fruit-a'], 'there is one list');
  });

  test('host24_who watches the list sees rooms come, fill, change and go', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const ann = await place.target.token('user_ann', { name: 'Ann' });
    const { watcher } = await watch(raw);
    const hears = (type, id) => watcher.hears((frame) => frame.type === type && (frame.roomId ?? frame.room.id) === id);
    const { createdAt } = await make(place, { id: 'live', name: 'Live' }, ann);
    const room = { id: 'live', name: 'Live', isPublic: true, createdAt, lastActivity: createdAt, userCount: 0, creatorName: 'Ann' };
    assert.deepEqual(await hears('room-added', 'live'), { type: 'room-added', room });
    const [one, two] = [await rawJoin('/party/live?_pk=one'), await rawJoin('/party/live?_pk=one')];
    const filled = await hears('room-updated', 'live');
    assert.deepEqual(Object.keys(filled.updates), ['userCount', 'lastActivity']);
    assert.equal(filled.updates.userCount, 1, 'people count, not their sockets');
    await rawJoin('/party/live?_pk=two');
    json(await ask(place, 'PATCH', `${LIST}/live`, { token: ann, body: { name: 'Lively' } }));
    const grown = await watcher.hears((frame) => frame.roomId === 'live' && frame.updates.userCount === 2);
    if (grown.updates.name === undefined) assert.equal((await hears('room-updated', 'live')).updates.name, 'Lively');
    else assert.equal(grown.updates.name, 'Lively');
    const { first: later } = await watch(raw);
    const shown = later.rooms.find(({ id }) => id === 'live');
    assert.deepEqual({ ...shown, lastActivity: 0 }, { ...room, name: 'Lively', userCount: 2, lastActivity: 0 });
    const times = later.rooms.map(({ lastActivity }) => lastActivity);
    assert.deepEqual(times, times.toSorted((a, b) => b - a), 'the latest first');
    assert.ok(later.rooms.every(({ isPublic }) => isPublic));
    await one.leaves(1000);
    await two.leaves(1000);
    await watcher.hears((frame) => frame.roomId === 'live' && frame.updates?.userCount === 1);
    told(await ask(place, 'DELETE', `${LIST}/live`, { token: ann }), 204, null);
    assert.deepEqual(await hears('room-removed', 'live'), { type: 'room-removed', roomId: 'live' });
    assert.ok(!(await watch(raw)).first.rooms.some(({ id }) => id === 'live'));
  });

  test('host24_a room that becomes private leaves the list, and comes back with its doors open', async (t) => {
    const { raw } = people(t, place);
    const ann = await place.target.token('user_ann');
    const { watcher } = await watch(raw);
    await make(place, { id: 'shy', isPublic: false }, ann);
    const patch = async (body) => json(await ask(place, 'PATCH', `${LIST}/shy`, { token: ann, body }));
    await patch({ isPublic: true });
    await watcher.hears((frame) => frame.room?.id === 'shy');
    await patch({ isPublic: false });
    await watcher.hears((frame) => frame.type === 'room-removed' && frame.roomId === 'shy');
    assert.equal(json(await ask(place, 'GET', `${LIST}?q=shy`)).total, 0);
  });

  test('host24_the list is a socket like a room, where nothing is said but ping', async (t) => {
    const { raw } = people(t, place);
    const { watcher } = await watch(raw, '?_pk=watcher');
    watcher.say('ping');
    await watcher.hears('pong');
    watcher.send('cursor:move', { x: 1, y: 2 }, 'k');
    assert.deepEqual((await watcher.hears('error')).data, { code: 'unknown_type', ref: 'k', message: 'This server does not know that type of message.' });
    for (let no = 0; no < 10; no += 1) watcher.say('{');
    assert.deepEqual(await watcher.refused(), [4509, 'bad_protocol']);
    const tabs = [];
    for (let no = 0; no < 10; no += 1) tabs.push((await watch(raw, '?_pk=tabs')).watcher);
    const late = await raw('/parties/registry/any?_pk=tabs');
    assert.deepEqual(await late.refused(), [4202, 'rate_limited']);
    for (const tab of tabs) await tab.settled();
  });

  test('host25_a thumbnail is drawn from the largest images, for who may enter', async (t) => {
    const { rawJoin } = people(t, place);
    const ann = await place.target.token('user_ann');
    await make(place, { id: 'thumbs' }, ann);
    const preview = (token, query = '') => ask(place, 'GET', `/party/thumbs/preview${query}`, { token });
    const kept = { 'cache-control': 'private, max-age=30' };
    told(await preview(), 200, NO_IMAGES, kept);
    const client = await rawJoin('/party/thumbs');
    client.send('image:add', image('small', { secret: 's', rotation: 7 }));
    for (let no = 0; no < 40; no += 1) client.send('image:add', image(`i${no}`, { width: 100 + no }));
    await client.frame('ack', 40);
    const shown = await preview();
    const { images } = json(shown);
    const { id, ...placed } = image('i0', { width: 100, rotation: 0 });
    assert.deepEqual([images.length, images[0]], [40, placed], 'the smallest is left out');
    told(shown, 200, { images }, kept);
    json(await ask(place, 'PATCH', `${LIST}/thumbs`, { token: ann, body: { isPublic: false } }));
    refused(await preview(), 403, 'forbidden');
    told(await preview(ann), 200, { images }, kept);
  });

  test('host20_partysocket asks for all of this from a page, unmodified', async () => {
    const page = 'http://localhost:3000';
    const ann = await place.target.token('user_ann');
    const fetched = async (options, method = 'GET', body = undefined, token = undefined) => {
      const headers = { origin: page, ...(body && { 'content-type': 'application/json' }), ...(token && { authorization: `Bearer ${token}` }) };
      const where = { host: place.target.host, protocol: 'http', ...options };
      const answer = await PartySocket.fetch(where, { method, headers, body: body && JSON.stringify(body) });
      assert.equal(answer.headers.get('access-control-allow-origin'), page);
      const text = await answer.text();
      return { status: answer.status, ...(text ? JSON.parse(text) : {}) };
    };
    const list = { party: 'registry', room: 'list' };
    const made = await fetched(list, 'POST', { id: 'fetched', name: 'Fetched' }, ann);
    assert.equal(made.status, 201);
    await until('it is listed', async () => (await fetched({ ...list, query: { q: 'fetched' } })).total === 1);
    assert.equal((await fetched({ room: 'fetched' })).name, 'Fetched');
    assert.equal((await fetched({ ...list, path: 'fetched' }, 'PATCH', { name: 'Other' }, ann)).name, 'Other');
    const link = await fetched({ room: 'fetched', path: 'shares', query: async () => ({ token: ann }) }, 'POST', { role: 'viewer' });
    assert.equal(link.status, 201);
    assert.equal((await fetched({ room: 'fetched', path: `shares/${link.token}` }, 'DELETE', undefined, ann)).status, 204);
    assert.deepEqual(await fetched({ room: 'fetched', path: 'preview' }), { status: 200, ...NO_IMAGES });
    assert.equal((await fetched({ ...list, path: 'fetched' }, 'DELETE')).status, 401);
    assert.equal((await fetched({ ...list, path: 'fetched' }, 'DELETE', undefined, ann)).status, 204);
    assert.equal((await fetched({ room: 'fetched' })).status, 404);
  });
}

/** Where people sign in one of them makes fifty rooms an hour. */
export function roomsOfOne(place) {
  test('host21_a person makes only so many rooms, and enters those that are there', async (t) => {
    const { raw } = people(t, place);
    const many = await place.target.token('user_many');
    for (let no = 0; no < 50; no += 1) await make(place, {}, many);
    const over = await ask(place, 'POST', LIST, { token: many, body: {} });
    refused(over, 429, 'limit_rooms');
    assert.equal(matters(over)['retry-after'], undefined);
    const socket = await raw(`/party/fifty-first?token=${many}`);
    socket.send('user:join', {}, 'j');
    const { data } = await socket.hears('error');
    assert.deepEqual([data.code, data.ref], ['limit_rooms', 'j']);
    refused(await ask(place, 'GET', '/party/fifty-first', { token: many }), 404, 'not_found');
    const other = await place.target.token('user_other');
    await make(place, { id: 'fifty-first' }, other);
    assert.equal((await socket.join()).role, 'editor', 'the socket may join again');
  });
}
