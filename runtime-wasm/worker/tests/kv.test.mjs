// The hints in the app's cache, on real KV.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Tables } from './desk.mjs';

/** KV keeps its own time, so hints are written by the clock's. */
const NOW = Date.now();

describe('the app\'s cache', () => {
  let tables;
  let no = 0;
  let desk;
  before(async () => { tables = await Tables.open(); });
  after(() => tables.close());
  beforeEach(() => { desk = `desk-${++no}`; });

  let told;
  const call = async (...args) => {
    told = await tables.call(desk, ...args);
    return told.done;
  };
  const hint = (user) => tables.cache.get(`presence:${user}`, 'json');
  /** How long a key holds, in s. */
  const ttl = async (key) => {
    const { keys } = await tables.cache.list({ prefix: key });
    return keys.find(({ name }) => name === key).expiration - Date.now() / 1000;
  };
  const isAbout = (seconds, expected) => assert.ok(seconds > expected - 30 && seconds <= expected + 1, `${seconds} s`);

  test('kv1_who is here is known for 60 s, and written at most once in 45 s', async () => {
    const user = `ann-${no}`;
    const first = await call('seen', NOW, user, 'board', 'Ann');
    assert.equal(first, NOW);
    assert.deepEqual(await hint(user), { userId: user, roomId: 'board', name: 'Ann', lastSeen: NOW });
    isAbout(await ttl(`presence:${user}`), 60);
    // However many sockets say so, and whatever each of them remembers.
    for (const [at, last] of [[NOW + 1, first], [NOW + 20_000, 0], [NOW + 44_999, undefined]]) {
      assert.equal(await call('seen', at, user, 'board', 'Ann', last), NOW);
    }
    assert.equal(told.writes, 1);
    assert.equal(await call('seen', NOW + 45_000, user, 'board', 'Anna', first), NOW + 45_000);
    assert.deepEqual(await hint(user), { userId: user, roomId: 'board', name: 'Anna', lastSeen: NOW + 45_000 });
    // Others have keys of their own.
    await call('seen', NOW + 45_001, `${user}-other`, 'board', 'Bob');
    assert.equal(told.writes, 3);
    // The room was forgotten: a socket remembers, or another one of the same person's does.
    await call('forget');
    assert.equal(await call('seen', NOW + 60_000, user, 'board', 'Ann', NOW + 45_000), NOW + 45_000);
    await call('forget');
    await call('recall', user, NOW + 45_000);
    await call('recall', user, NOW);
    assert.equal(await call('seen', NOW + 60_000, user, 'board', 'Ann', 0), NOW + 45_000);
    assert.equal(told.writes, 3);
    // A clock that went back silences nobody.
    assert.equal(await call('seen', NOW, user, 'board', 'Ann'), NOW);
    assert.equal(told.writes, 4);
  });

  test('kv2_who leaves is taken out, but not so soon after a write, nor from another room', async () => {
    const user = `bob-${no}`;
    const last = await call('seen', NOW, user, 'board', 'Bob');
    await call('left', NOW + 44_999, user, 'board', last);
    assert.equal((await hint(user)).roomId, 'board', 'it lapses by itself');
    await call('left', NOW + 45_000, user, 'board', last);
    assert.deepEqual(told.noted, [{ what: 'dropped' }]);
    assert.equal(await hint(user), null);
    // That was a write too.
    assert.equal(await call('seen', NOW + 46_000, user, 'board', 'Bob'), NOW + 45_000);
    assert.deepEqual([told.writes, await hint(user)], [2, null]);
    // They have gone to another room, which has said so.
    await tables.cache.put(`presence:${user}`, JSON.stringify({ userId: user, roomId: 'elsewhere' }));
    await call('left', NOW + 90_000, user, 'board');
    assert.deepEqual([told.writes, (await hint(user)).roomId], [2, 'elsewhere']);
    // The room was forgotten, and their socket remembers.
    await call('forget');
    await tables.cache.put(`presence:${user}`, JSON.stringify({ userId: user, roomId: 'board' }));
    await call('left', NOW + 100_000, user, 'board', NOW + 90_000);
    assert.equal((await hint(user)).roomId, 'board');
  });

  const listing = (id, lastActivity, more = {}) => ({ id, name: id, isPublic: true, createdAt: 1, lastActivity, userCount: 2, creatorName: null, ...more });
  const rooms = () => tables.cache.get('rooms:registry', 'json');

  test('kv3_the public rooms that were active last are listed for 300 s, at most once in 45 s', async () => {
    const all = Array.from({ length: 130 }, (_, at) => listing(`r${at}`, at, { isPublic: at !== 129, secret: 'x' }));
    await call('rooms', NOW, all);
    const listed = await rooms();
    assert.deepEqual(listed.map(({ id }) => id), Array.from({ length: 100 }, (_, at) => `r${128 - at}`));
    assert.deepEqual(listed[0], listing('r128', 128));
    isAbout(await ttl('rooms:registry'), 300);
    assert.equal(await call('roomsDue'), null);
    // What comes sooner waits, and the latest counts.
    await call('rooms', NOW + 1000, [listing('one', 1)]);
    await call('rooms', NOW + 44_999, [listing('two', 2)]);
    assert.deepEqual([told.writes, await call('roomsDue')], [1, NOW + 45_000]);
    await call('roomsTick', NOW + 44_999);
    assert.equal((await rooms()).length, 100);
    await call('roomsTick', NOW + 45_000);
    assert.deepEqual(await rooms(), [listing('two', 2)]);
    await call('roomsTick', NOW + 200_000);
    assert.deepEqual([told.writes, await call('roomsDue')], [2, null]);
    // A change writes what waits, too; and a list that was forgotten knows when it wrote last.
    await call('forget');
    await call('rooms', NOW + 60_000, [listing('three', 3)]);
    assert.equal(await call('roomsDue'), NOW + 90_000);
    await call('rooms', NOW + 90_000, []);
    assert.deepEqual([told.writes, await rooms()], [3, []]);
  });

  test('kv4_a cache that fails is told of, and holds nobody up', async () => {
    const user = `carl-${no}`;
    await call('cacheDown', true);
    assert.equal(await call('seen', NOW, user, 'board', 'Carl'), NOW);
    assert.deepEqual(told.noted, [{ what: 'failed', key: `presence:${user}`, error: 'KV is not there' }]);
    await tables.cache.put(`presence:${user}`, JSON.stringify({ roomId: 'board' }));
    await call('left', NOW + 45_000, user, 'board');
    assert.equal(told.noted[0].what, 'failed');
    await call('rooms', NOW, [listing('one', 1)]);
    assert.deepEqual(told.noted, [{ what: 'failed', key: 'rooms:registry', error: 'KV is not there' }]);
    // The list is still to be written.
    assert.equal(await call('roomsDue'), NOW + 45_000);
    await call('cacheDown', false);
    await call('roomsTick', NOW + 45_000);
    assert.deepEqual([told.noted, await rooms()], [[{ what: 'written' }], [listing('one', 1)]]);
    assert.equal(await call('seen', NOW + 90_000, user, 'board', 'Carl'), NOW + 90_000);
    assert.equal((await hint(user)).name, 'Carl');
  });
});
