// The machines as JavaScript has them: bytes and JSON in, one view or JSON out, and a sentence for what is none.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { build, load, root } from '../build/module.mjs';
import { act, connect, create, drain, fenced, loaded, message, stored, stores } from './inputs.mjs';

const NOW = 1_800_000_000_000;
const SHARE = '0123456789abcdef'.repeat(2);
const text = (bytes) => Buffer.from(bytes).toString();
const json = (bytes) => JSON.parse(text(bytes));

/** Gives a room these inputs, and makes all durable that it wants stored. */
function tell(room, ...inputs) {
  for (const input of inputs) {
    room.inbox(input.length).set(input);
    room.handle(input.length);
    for (const { effect, upto } of stores(room.outbox())) tell(room, stored(NOW, effect, upto));
  }
}

describe('machines', () => {
  let wasm;
  before(async () => { wasm = await load(build(join(root, 'target/wasm/worker'), ['clerk', 'back-end'])); });

  test('wasm1_a room says first what it wants of storage, and is the same once restored', () => {
    const room = new wasm.Room('board', 7n, NOW, '{"limits":{"images":3}}');
    assert.ok(room.outbox().length > 0);
    assert.ok(room.deadline() === undefined || room.deadline() >= NOW);
    const saved = room.save();
    assert.deepEqual(wasm.Room.restore(saved, NOW).save(), saved);
    assert.throws(() => wasm.Room.restore(saved.subarray(1), NOW), /saved/);
    assert.throws(() => new wasm.Room('no room/', 7n, NOW), /no room id/);
    assert.throws(() => new wasm.Room('board', 7n, NOW, '{"limits":{"pictures":3}}'), /no limits\.pictures/);
    assert.throws(() => new wasm.Room('board', 7n, NOW, '{"limits":'), /the configuration: /);
    assert.throws(() => room.handle(10_000_000), /inbox/);
    room.inbox(4).set([255, 255, 255, 255]);
    assert.throws(() => room.handle(4), /input/);
  });

  test('wasm1_a host sets every time that a room and a list wait for, and which of them end', () => {
    const spans = ['log_age', 'dedupe_age', 'garbage_window', 'abuse_window', 'flush', 'far_cursors', 'join_timeout', 'grace', 'idle', 'drag_silence', 'empty', 'lease_notice', 'announce', 'announce_activity', 'announce_again', 'listed_idle', 'listed_silent', 'feed'];
    const limits = Object.fromEntries(spans.map((span) => [span, 5000]));
    assert.ok(new wasm.Room('board', 7n, NOW, JSON.stringify({ limits })).save().length > 0);
    for (const span of spans) {
      const changed = () => new wasm.Directory(7n, JSON.stringify({ limits: { [span]: null } }));
      if (['announce_again', 'listed_idle', 'listed_silent'].includes(span)) changed();
      else assert.throws(changed, /the configuration: /, span);
    }
    const room = new wasm.Room('board', 7n, NOW, '{"limits":{"announce_again":null,"empty":5000}}');
    tell(room, loaded(NOW, 1), create(NOW, 'ada', 'The board', SHARE));
    assert.equal(room.deadline(), NOW + 5000);
    const seat = new wasm.Room('board', 7n, NOW, '{"limits":{"announce_again":null,"idle":7000}}');
    tell(seat, loaded(NOW, 1), create(NOW, 'ada', 'The board', SHARE), connect(NOW, 0, 'guest:1'));
    tell(seat, message(NOW + 1000, 0, '{"type":"user:join","data":{"name":"Bo"}}'));
    assert.equal(seat.deadline(), NOW + 8000);
  });

  test('wasm2_a list is kept, paged, watched and restored', () => {
    const list = new wasm.Directory(7n);
    list.connect(NOW, 1, 1, 'ada');
    assert.match(text(list.outbox()), /"rooms":\[\]/);
    const listing = { id: 'board', name: 'The board', isPublic: true, createdAt: NOW, lastActivity: NOW, userCount: 2, creatorName: null };
    list.announced(NOW, JSON.stringify(listing));
    list.tick(list.deadline() ?? NOW);
    assert.match(text(list.outbox()), /The board/);
    const page = JSON.parse(text(list.page('the')));
    assert.deepEqual([page.total, page.rooms[0].name, page.rooms[0].userCount], [1, 'The board', 2]);
    assert.equal(JSON.parse(text(list.page('nothing like it'))).total, 0);
    assert.throws(() => list.announced(NOW, '{"id":"x"}'), /missing field/);
    assert.throws(() => list.forgotten(NOW, 'no room/'), /no room id/);
    assert.throws(() => list.page(undefined, 'size'), /sort/);
    const saved = list.save();
    assert.deepEqual(wasm.Directory.restore(saved).save(), saved);
    assert.throws(() => wasm.Directory.restore(saved.subarray(0, -1)), Error);
    list.forgotten(NOW, 'board');
    assert.equal(JSON.parse(text(list.page())).total, 0);
  });

  test('wasm2_a list that was forgotten goes on with its rooms and its watchers', () => {
    const listing = { id: 'board', name: 'The board', isPublic: true, createdAt: NOW, lastActivity: NOW, userCount: 2, creatorName: null };
    const list = new wasm.Directory(7n, '{"limits":{"listed_silent":null}}');
    list.restored(NOW + 60_000, JSON.stringify(listing), NOW);
    assert.deepEqual([list.lists('board'), list.lists('other')], [true, false]);
    list.resume(NOW + 60_000, 1, 1, 'ada');
    assert.doesNotMatch(text(list.outbox()), /rooms/);
    list.tick(NOW + 60_000);
    assert.equal(list.outbox().length, 0);
    list.announced(NOW + 60_000, JSON.stringify({ ...listing, userCount: 3 }));
    assert.match(text(list.outbox()), /room-updated.*"userCount":3/);
    assert.equal(list.deadline(), undefined);
    assert.throws(() => list.restored(NOW, '{"id":"x"}', NOW), /missing field/);
    assert.throws(() => list.lists('no room/'), /no room id/);
  });

  test('wasm3_a session token is checked as natively', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' });
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = (claims) => {
      const words = `${part({ alg: 'RS256', typ: 'JWT', kid: 'one' })}.${part({ iss: 'https://clerk.example.com', sub: 'user_1', iat: NOW / 1000, nbf: NOW / 1000 - 5, exp: NOW / 1000 + 60, sid: 'sess_1', ...claims })}`;
      return `${words}.${sign('sha256', Buffer.from(words), privateKey).toString('base64url')}`;
    };
    const ring = wasm.KeyRing.pinned(pem, '{"issuer":"https://clerk.example.com"}');
    assert.equal(ring.isReady, true);
    const answer = (claims) => JSON.parse(ring.check(NOW, 1, token(claims)))[0];
    assert.equal(answer({}).session.user, 'user_1');
    assert.equal(answer({ exp: NOW / 1000 - 600 }).refused, 'expired');
    assert.match(answer({ iss: 'https://other.example.com' }).refused, /issuer/);
    assert.throws(() => wasm.KeyRing.pinned('no key', '{}'), Error);
    assert.throws(() => wasm.KeyRing.pinned(pem, '{"isuer":"x"}'), /the checks: unknown field/);
    const fetching = new wasm.KeyRing('{}', NOW);
    assert.deepEqual(JSON.parse(fetching.take()), [{ fetch: 1 }]);
    assert.equal(fetching.isReady, false);
  });

  /** A public room of ada's with one image, and a link to it. */
  function board() {
    const room = new wasm.Room('board', 7n, NOW, '{"guests":null}');
    const image = { id: 'cat', src: 'https://example.com/cat.png', x: 1, y: 2, width: 30, height: 40 };
    tell(room, loaded(NOW, 1), create(NOW, 'ada', 'The board', SHARE), act(NOW, { type: 'image:add', data: image }));
    return room;
  }

  test('wasm6_a host reads what a room is, what is in it and what it counted', () => {
    const unborn = new wasm.Room('board', 7n, NOW);
    assert.deepEqual([unborn.isLoading, unborn.isClosing, unborn.isBorn, unborn.fault], [true, false, false, undefined]);
    assert.deepEqual([unborn.summary(), unborn.listing()], [undefined, undefined]);
    assert.deepEqual([unborn.canvas(), unborn.roster(), unborn.export()].map((read) => read.length), [0, 0, 0]);
    const room = board();
    assert.deepEqual([room.isLoading, room.isClosing, room.isBorn, room.fault], [false, false, true, undefined]);
    const summary = JSON.parse(room.summary());
    assert.deepEqual([summary.id, summary.name, summary.imageCount, summary.userCount], ['board', 'The board', 1, 0]);
    const listing = JSON.parse(room.listing());
    assert.deepEqual([listing.isPublic, listing.createdAt, listing.creatorName], [true, NOW, null]);
    const list = new wasm.Directory(7n);
    list.announced(NOW, room.listing());
    assert.equal(json(list.page()).rooms[0].name, 'The board');
    const src = 'https://example.com/cat.png';
    assert.equal(json(room.preview(5)).images[0].src, src);
    assert.deepEqual(json(room.preview(0)).images, []);
    assert.deepEqual([json(room.canvas()).seq, json(room.canvas()).images[0].id], [1, 'cat']);
    assert.deepEqual(json(room.roster()), { clients: [], members: [{ userId: 'ada', role: 'owner' }], bans: [] });
    tell(room, connect(NOW, 0, 'guest:1'), message(NOW, 0, '{"type":"user:join","data":{"name":"Bo"}}'), connect(NOW, 1, 'guest:2'));
    const counts = JSON.parse(room.stats());
    assert.deepEqual([counts.people, counts.sockets, counts.images], [1, 2, 1]);
    assert.equal(json(room.roster()).clients[0].name, 'Bo');
    assert.deepEqual([json(room.export()).room.name, json(room.export()).images[0].src], ['The board', src]);
  });

  test('wasm6_a host is told the counts, and why a room gave up', () => {
    const room = board();
    tell(room, stored(NOW, 1000, 1));
    const counts = JSON.parse(room.stats());
    assert.deepEqual([counts.edits, counts.misuse, counts.failedStores], [1, 1, 0]);
    assert.deepEqual([counts.people, counts.sockets, counts.images], [0, 0, 1]);
    assert.deepEqual([counts.refused, counts.closed], [{}, {}]);
    tell(room, connect(NOW, 0, 'guest:1'), message(NOW, 0, '{"type":"user:join","data":{"name":"Bo"}}'));
    tell(room, connect(NOW, 1, 'guest:2'), message(NOW, 1, 'no json'), drain(NOW));
    const { messages, people, sockets, refused, closed } = JSON.parse(room.stats());
    assert.deepEqual([messages, people, sockets, refused, closed], [2, 0, 0, { bad_message: 1 }, { restart: 2 }]);
    assert.equal(room.isClosing, true);
    const lost = new wasm.Room('board', 7n, NOW);
    tell(lost, loaded(NOW, 1, 'no record'));
    assert.equal(lost.fault, 'corrupt record');
    const other = board();
    const input = act(NOW, { type: 'image:remove', data: { id: 'cat' } });
    other.inbox(input.length).set(input);
    other.handle(input.length);
    tell(other, fenced(NOW, stores(other.outbox())[0].effect));
    assert.equal(other.fault, 'fenced');
  });

  test('wasm7_who is not in a room is judged by it', () => {
    const room = board();
    const ada = '{"user":"ada","verified":true}';
    const guest = '{"user":"guest:1","verified":false,"org":null,"address":"00000000000000ff","lease":null}';
    assert.equal(room.allows(NOW, ada, undefined, 'delete'), undefined);
    for (const action of ['chat', 'edit', 'configure', 'share', 'setRole', 'kick', 'ban', 'attend']) {
      assert.equal(room.allows(NOW, ada, undefined, action), undefined, action);
    }
    assert.equal(room.allows(NOW, guest, undefined, 'attend'), undefined);
    assert.equal(room.allows(NOW, guest, undefined, 'edit'), 'forbidden');
    assert.equal(room.allows(NOW, guest, SHARE, 'edit'), undefined);
    assert.equal(room.allows(NOW, guest, SHARE, 'delete'), 'forbidden');
    const lapsed = JSON.stringify({ user: 'ada', verified: true, org: { id: 'org_1', role: 'admin' }, lease: NOW });
    assert.equal(room.allows(NOW - 1, lapsed, undefined, 'delete'), undefined);
    assert.equal(room.allows(NOW, lapsed, undefined, 'delete'), 'forbidden');
    assert.equal(new wasm.Room('board', 7n, NOW).allows(NOW, ada, undefined, 'attend'), 'not_found');
    assert.throws(() => room.allows(NOW, '{"user":"ada"}', undefined, 'edit'), /who asks: missing field/);
    assert.throws(() => room.allows(NOW, '{"user":"a","verified":false,"address":"+00000000000000f"}', undefined, 'edit'), /16 hex/);
    assert.throws(() => room.allows(NOW, ada, 'a link', 'edit'), /32 hex/);
    assert.throws(() => room.allows(NOW, ada, undefined, 'paint'), /no such action/);
  });

  test('wasm7_owners are told the links', () => {
    const room = board();
    assert.deepEqual(JSON.parse(room.shares('ada')), { shares: [{ id: SHARE, role: 'editor', expiresAt: null }] });
    assert.deepEqual(JSON.parse(room.shares('bob')), { refused: 'forbidden' });
    assert.deepEqual(JSON.parse(new wasm.Room('board', 7n, NOW).shares('ada')), { refused: 'not_found' });
  });

  test('wasm8_a host has its words, ids and kinds of images from the core', () => {
    const { codes, closes, tokens } = JSON.parse(wasm.errors());
    assert.equal(codes.locked, 'The room is locked; only its owner can edit.');
    assert.deepEqual(closes.room_full, { code: 4505, message: 'The room is full.' });
    assert.deepEqual(tokens.missing, { close: 'token_required', message: 'There is no token; sign in.' });
    assert.ok(Object.values(tokens).every(({ close }) => close in closes));
    assert.deepEqual(['board', 'Team_board-7', '', 'a/b', 'x'.repeat(65)].map(wasm.roomId), [true, true, false, false, false]);
    assert.equal(wasm.sniff(Buffer.from('GIF89a,')), 'image/gif');
    assert.equal(wasm.sniff(Buffer.from('<svg>')), undefined);
  });

  test('wasm8_a publishable key names its instance', () => {
    const instance = { issuer: 'https://clerk.example.com', jwks: 'https://clerk.example.com/.well-known/jwks.json' };
    assert.deepEqual(JSON.parse(wasm.issuer('pk_test_Y2xlcmsuZXhhbXBsZS5jb20k')), instance);
    assert.throws(() => wasm.issuer('sk_test_abc'), /secret key/);
  });

  /** A request whose body was read; freed with its test. */
  function call(t, method, path, { query = '', body } = {}) {
    const call = new wasm.BackEndCall(method, path);
    t.after(() => call.free());
    call.body('application/json', body !== undefined);
    call.read(query, body === undefined ? undefined : Buffer.from(JSON.stringify(body)));
    return call;
  }
  const next = (call) => JSON.parse(call.next());
  const told = (call) => [next(call).status, call.told() && json(call.told())];

  test('wasm9_a request says how much of its body is wanted, and what is wrong with it', (t) => {
    const wanted = (method, path, kind, has) => {
      const call = new wasm.BackEndCall(method, path);
      t.after(() => call.free());
      return [call.body(kind, has), call];
    };
    const [bounds, post] = wanted('POST', '/api/rooms', 'application/json', true);
    assert.deepEqual(JSON.parse(bounds), { most: 16 * 1024, time: 5000 });
    post.badBody('application/json', 'too-large');
    assert.deepEqual(told(post), [413, { error: 'too_large', message: 'The body is longer than 16 KiB.' }]);
    assert.deepEqual(JSON.parse(wanted('PUT', '/api/rooms/a/import', 'application/json', true)[0]), { most: 16 * 1024 * 1024, time: 60_000 });
    assert.equal(wanted('POST', '/api/rooms/a/members/u/kick', undefined, false)[0], undefined);
    const [none, text] = wanted('POST', '/api/rooms', 'text/plain', true);
    assert.deepEqual([none, told(text)[0]], [undefined, 415]);
    assert.deepEqual(told(call(t, 'POST', '/api/rooms', { body: { isPubic: true } }))[1].error, 'bad_body');
    assert.deepEqual(told(call(t, 'GET', '/api/rooms', { query: 'limit=0' }))[0], 400);
    assert.deepEqual(next(call(t, 'OPTIONS', '/api/rooms')), { do: 'answer', status: 204, header: ['allow', 'GET, HEAD, POST, OPTIONS'] });
    assert.deepEqual(['GET /api/openapi.json', 'POST /api/rooms/a/handover', 'GET /api/rooms/a/recording'].map((head) => next(call(t, ...head.split(' '))).do), ['document', 'handOver', 'answer']);
  });

  test('wasm9_an order is put to a room, which answers at once or replies', (t) => {
    const room = board();
    const canvas = call(t, 'GET', '/api/rooms/board/canvas');
    assert.deepEqual([next(canvas), canvas.room], [{ do: 'order', makesRoom: false }, 'board']);
    assert.equal(room.order(canvas, NOW, 1), 'answered');
    assert.deepEqual([next(canvas).status, told(canvas)[1].images.length], [200, 1]);
    const change = call(t, 'PATCH', '/api/rooms/board', { body: { name: 'Other' } });
    assert.equal(room.order(change, NOW, 2), 'told');
    for (const { effect, upto } of stores(room.outbox())) tell(room, stored(NOW, effect, upto));
    change.replied(2, '');
    assert.equal(room.order(change, NOW, 3), 'answered');
    assert.deepEqual([told(change)[0], told(change)[1].name], [200, 'Other']);
    const close = call(t, 'POST', '/api/rooms/board/close');
    assert.equal(room.order(close, NOW, 4), 'leaving');
    close.gone();
    assert.deepEqual(told(close), [204, undefined]);
    const made = call(t, 'POST', '/api/rooms', { body: {} });
    assert.deepEqual([next(made), made.room], [{ do: 'order', makesRoom: true }, undefined]);
    made.name('new');
    made.replied(0, 'conflict');
    assert.deepEqual([made.room, told(made)], ['new', [409, { error: 'conflict', message: 'There is a room of that id already.' }]]);
    const bad = call(t, 'PUT', '/api/rooms/board/canvas', { body: { images: [{}] } });
    bad.replied(0, 'bad_message');
    assert.equal(next(bad).do, 'judge');
    assert.throws(() => bad.judge('{"limits":'), /the configuration: /);
    bad.judge();
    assert.match(told(bad)[1].message, /^At \[0\]: /);
    for (const [why, error] of [['away', 'restart'], ['unavailable', 'unavailable'], ['unreadable', 'unavailable']]) {
      const failed = call(t, 'GET', '/api/rooms/board');
      failed.fail(why);
      assert.deepEqual([told(failed)[0], told(failed)[1].error], [503, error]);
    }
  });

  test('wasm9_what is read of storage is made a page, and what cannot be read throws', (t) => {
    const page = call(t, 'GET', '/api/rooms', { query: 'limit=1&sort=name' });
    assert.deepEqual(next(page), { do: 'rooms', from: '' });
    const listing = (id, name) => JSON.stringify({ id, name, isPublic: false, createdAt: NOW, lastActivity: NOW, userCount: 0, creatorName: null });
    assert.deepEqual([page.listing(listing('a', 'Two')), page.listing(listing('b', 'One'))], [true, true]);
    assert.throws(() => page.listing('{"id":"x"}'), /missing field/);
    page.listed();
    assert.deepEqual([told(page)[1].rooms.map(({ id }) => id), told(page)[1].cursor], [['b'], 'b.0.one']);
    const past = call(t, 'GET', '/api/rooms/board/history', { query: 'kind=image:add&limit=3&since=5' });
    assert.deepEqual(next(past), { do: 'history', from: Number.MAX_SAFE_INTEGER, since: 5, user: null, kind: 'image:add', most: 3, lookedAt: 5000 });
    assert.throws(() => past.history(Buffer.from([1])), /input/);
    past.history(loaded(NOW, 0));
    assert.deepEqual(told(past), [404, { error: 'not_found', message: 'There is no such room.' }]);
    const back = call(t, 'POST', '/api/rooms/board/restore', { body: { asOf: 7, preview: true } });
    assert.deepEqual(next(back), { do: 'log', since: 7 });
    back.log(loaded(NOW, 0));
    assert.equal(next(back).do, 'order');
    assert.equal(board().order(back, NOW, 1), 'answered');
    assert.deepEqual(told(back), [200, { seq: 1, added: [], changed: [], removed: ['cat'] }]);
    const rows = call(t, 'POST', '/api/rooms/board/restore', { body: { asOf: 7 } });
    rows.log(Buffer.from([1]));
    assert.throws(() => board().order(rows, NOW, 1), /input/);
    const much = call(t, 'POST', '/api/rooms/board/restore', { body: { asOf: 7 } });
    much.tooMuchLog(1000, 1024 * 1024);
    assert.deepEqual(told(much), [409, { error: 'too_many', message: 'More than 1000 events, or 1 MiB of them, have happened since; choose a later time.' }]);
  });
});
