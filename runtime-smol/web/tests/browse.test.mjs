import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Browse } from '../browse.js';
import { Feed } from '../feed.js';
import { Listing } from '../listing.js';
import { fakeHost } from './fakes.mjs';

const room = (id, over = {}) => ({ id, name: id, lastActivity: 1, userCount: 0, ...over });

/** A browser of rooms whose every question waits in `asked` until it is answered. */
function setUp(over = {}) {
  const { host, clock, last, sockets } = fakeHost();
  const asked = [];
  const registry = { page: (query, signal) => new Promise((resolve, reject) => { asked.push({ query, signal, resolve, reject }); }) };
  const feed = new Feed(() => 'ws://x.test/', host);
  const browse = new Browse({ feed, listing: new Listing(), registry, host, ...over });
  browse.start();
  return { browse, feed, clock, last, sockets, asked, ids: () => browse.view.rooms.map(({ id }) => id).join(' ') };
}
const answered = async (question, ids, cursor = null, total = ids.length) => {
  question.resolve({ rooms: ids.map((id) => room(id)), cursor, total });
  await new Promise(setImmediate);
};
const list = (...ids) => ({ type: 'rooms', rooms: ids.map((id) => room(id)) });

test('the live list is loading, then there; without a search nothing is asked', () => {
  const { browse, last, asked, ids } = setUp();
  assert.equal(browse.view.phase, 'loading');
  last().open();
  last().hear(list('a', 'b'));
  assert.equal(browse.view.phase, 'ready');
  assert.equal(ids(), 'a b');
  assert.equal(asked.length, 0);
});

test('what is live is put in order once nobody looks, and not before', () => {
  const { browse, last, ids } = setUp();
  last().hear(list('a', 'b'));
  last().hear({ type: 'room-updated', roomId: 'b', updates: { userCount: 1, lastActivity: 9 } });
  browse.hold(true);
  last().hear({ type: 'room-added', room: room('c', { lastActivity: 5 }) });
  assert.deepEqual([ids(), browse.view.news], ['a b', 1]);
  browse.settle();
  assert.deepEqual([ids(), browse.view.news], ['b c a', 0]);
});

test('a list that cannot be reached says so until it can, and is tried again by itself', () => {
  const { browse, clock, last, sockets } = setUp();
  last().fall();
  const { phase, retryAt, retries } = browse.view;
  assert.deepEqual([phase, retries, retryAt > clock.time], ['failed', true, true]);
  clock.pass(1_000);
  assert.equal(sockets.length, 2);
  assert.equal(browse.view.phase, 'failed', 'it does not flicker while it tries');
  last().hear(list('a'));
  assert.equal(browse.view.phase, 'ready');
  last().fall();
  assert.equal(browse.view.phase, 'ready', 'what was there stays');
});

test('who must sign in is barred, and asks again as somebody else', () => {
  for (const code of [4101, 4102, 4510]) {
    const { browse, last, sockets } = setUp();
    last().fall(code);
    assert.equal(browse.view.phase, 'barred', String(code));
    browse.again();
    assert.equal(sockets.length, 2);
  }
  const { browse, last } = setUp();
  last().hear({ type: 'error', data: { code: 'room_full', message: 'Too many look.' } });
  last().fall(4505);
  assert.deepEqual([browse.view.phase, browse.view.message], ['failed', 'Too many look.']);
});

test('typing asks once, after a pause, and the last question counts whatever is answered when', async () => {
  const { browse, clock, last, asked, ids } = setUp();
  last().hear(list('a', 'b'));
  for (const text of ['p', 'pl', 'pla']) {
    browse.search(text);
    clock.pass(100);
  }
  assert.equal(asked.length, 0);
  assert.deepEqual([browse.view.busy, ids()], [true, 'a b'], 'what was there stays meanwhile');
  clock.pass(200);
  browse.search('plan');
  clock.pass(300);
  assert.deepEqual(asked.map(({ query }) => query.q), ['pla', 'plan']);
  assert.equal(asked[0].signal.aborted, true);
  await answered(asked[1], ['plan']);
  await answered(asked[0], ['late']);
  assert.deepEqual([ids(), browse.view.busy, browse.view.total], ['plan', false, 1]);
});

test('another order comes in pages, each room once, with counts that go on', async () => {
  const { browse, last, asked, ids } = setUp();
  last().hear(list('a', 'b'));
  browse.order('users');
  assert.deepEqual(asked[0].query, { q: '', sort: 'users', limit: 24, cursor: null });
  await answered(asked[0], ['a', 'b'], 'next', 3);
  assert.equal(browse.view.more, true);
  browse.more();
  browse.more();
  assert.equal(asked.length, 2, 'one at a time');
  assert.equal(asked[1].query.cursor, 'next');
  await answered(asked[1], ['b', 'c'], null, 3);
  assert.equal(ids(), 'a b c');
  assert.equal(browse.view.more, false);
  last().hear({ type: 'room-updated', roomId: 'b', updates: { userCount: 5, lastActivity: 2 } });
  assert.equal(browse.view.rooms[1].userCount, 5);
  browse.order('colour');
  assert.equal(browse.sort, 'users', 'there is no such order');
});

test('a page that fails is told, keeps what is there, and can be asked for again', async () => {
  const { browse, last, asked, ids } = setUp({ q: ' plan ', sort: 'name' });
  assert.deepEqual(asked[0].query, { q: 'plan', sort: 'name', limit: 24, cursor: null }, 'from the address');
  asked[0].reject(Object.assign(new Error('No answer.'), { status: 0 }));
  await new Promise(setImmediate);
  assert.deepEqual([browse.view.phase, browse.view.message], ['failed', 'No answer.']);
  last().hear(list('z'));
  browse.again();
  await answered(asked[1], ['a'], 'next', 2);
  browse.more();
  asked[2].reject(Object.assign(new Error('Gone.'), { status: 500 }));
  await new Promise(setImmediate);
  assert.deepEqual([browse.view.phase, browse.view.message, ids(), browse.view.more], ['ready', 'Gone.', 'a', true]);
  browse.search('');
  browse.order('activity');
  assert.deepEqual([browse.live, ids(), browse.view.message], [true, 'z', null]);
});

test('silence ends the connection, an answer to a ping does not', () => {
  const { feed, clock, last, sockets } = setUp();
  last().open();
  last().hear(list());
  clock.pass(20_000);
  assert.deepEqual(last().sent, ['ping']);
  last().hear('pong');
  clock.pass(20_000);
  assert.deepEqual(last().sent, ['ping', 'ping']);
  assert.equal(feed.state.phase, 'live');
  clock.pass(10_000);
  assert.equal(feed.state.phase, 'waiting');
  assert.ok(last().closedWith);
  clock.pass(1_000);
  assert.equal(sockets.length, 2);
  feed.stop();
  clock.pass(60_000);
  assert.equal(sockets.length, 2);
});
