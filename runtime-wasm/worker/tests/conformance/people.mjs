// Who is there: cursors, viewports, names, and going. What is told of people is not stored.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, people } from './client.mjs';

export function presence(place) {
  test('host5_cursors, views and names go to the others, byte for byte, and to newcomers', async (t) => {
    const { join, rawJoin } = people(t, place);
    const ann = await join('seen', { name: 'Ann', color: '#4ecdc4' });
    const bob = await rawJoin('/party/seen', { name: 'Bob', color: '#ff6b6b' });
    const users = bob.users;
    ann.send('cursor:move', { x: 5, y: 6 });
    assert.equal(await bob.next('cursor:move'), '{"type":"cursor:move","data":{"x":5,"y":6},"clientId":"c1"}');
    ann.send('canvas:transform', { x: 0, y: -0.0, scale: 0.5 });
    assert.equal(await bob.next('canvas:transform'), '{"type":"canvas:transform","data":{"x":0,"y":0,"scale":0.5},"clientId":"c1"}');
    ann.send('user:update', { name: 'Änn', presence: { typing: true, selection: 'cat', zoom: 1.5 } });
    const updated = { ...users[0], name: 'Änn', cursor: { x: 5, y: 6 }, viewport: { x: 0, y: 0, scale: 0.5 } };
    updated.presence = { selection: 'cat', typing: true, zoom: 1.5 };
    assert.equal(await bob.next('user:updated'), JSON.stringify({ type: 'user:updated', data: updated, clientId: 'c1' }));
    const cy = await rawJoin('/party/seen', { name: 'Cy' });
    assert.deepEqual(cy.users[0], updated);
    ann.send('cursor:move', null);
    assert.equal(await cy.next('cursor:move'), '{"type":"cursor:move","data":null,"clientId":"c1"}');
    assert.equal((await rawJoin('/party/seen')).users[0].cursor, null);
    const own = await ann.settled();
    assert.deepEqual(own.map((frame) => frame.type), ['user:joined', 'user:joined', 'user:joined'], 'none of it comes back');
    ann.send('user:update', { presence: { long: 'x'.repeat(1100) } }, 'long');
    assert.equal((await ann.hears('error')).data.code, 'too_long');
    ann.send('canvas:transform', { x: 0, y: 0, scale: 0 }, 'flat');
    assert.equal((await ann.hears('error')).data.code, 'out_of_range');
  });

  test('host5_of many cursors the latest arrives and none is refused', async (t) => {
    const { join } = people(t, place);
    const [ann, bob] = [await join('crowd'), await join('crowd')];
    for (let no = 0; no < 500; no += 1) ann.send('cursor:move', { x: no, y: 0 });
    await bob.hears((frame) => frame.data.x === 499);
    const places = bob.frames.filter((frame) => frame.type === 'cursor:move').map((frame) => frame.data.x);
    assert.deepEqual(places, places.toSorted((a, b) => a - b), 'none overtakes another');
    assert.deepEqual(codes(await ann.settled()), []);
  });

  test('host5_who wants batches hears of cursors in batches, and of what is far away at last', async (t) => {
    const { join } = people(t, place);
    const ann = await join('batches', { batch: true });
    const bob = await join('batches');
    const cy = await join('batches');
    await ann.settled();
    bob.send('cursor:move', { x: 5, y: 6 });
    assert.equal(await ann.next('presence'), '{"type":"presence","data":[["c2",5,6]],"clientId":"c2"}');
    assert.equal(await cy.next('cursor:move'), '{"type":"cursor:move","data":{"x":5,"y":6},"clientId":"c2"}');
    bob.send('cursor:move', null);
    assert.equal(await ann.next('presence'), '{"type":"presence","data":[["c2",null]],"clientId":"c2"}');
    cy.send('canvas:transform', { x: 0, y: 0, scale: 1 });
    for (const y of [6, 7, 8]) bob.send('cursor:move', { x: 100_000, y });
    await cy.hears((frame) => frame.type === 'cursor:move' && frame.data?.y === 8);
    await ann.hears((frame) => frame.type === 'presence' && frame.data[0][2] === 8);
  });

  test('host5_who closes is gone at once, whatever the code', async (t) => {
    const { rawJoin } = people(t, place);
    const ann = await rawJoin('/party/parting');
    for (const code of [undefined, 1000, 1001, 4000, 4999]) {
      const ben = await rawJoin('/party/parting?_pk=ben');
      await ann.hears('user:joined');
      await ben.leaves(code, code && 'good-bye');
      const { clientId, userId } = ben.joined;
      const left = await ann.next('user:left');
      assert.equal(left, JSON.stringify({ type: 'user:left', data: { clientId, userId, reason: 'left' }, clientId }), `${code}`);
      assert.deepEqual(ben.closes, [{ code: code ?? 1005, reason: code ? 'good-bye' : '' }], 'its close is given back');
    }
  });
}
