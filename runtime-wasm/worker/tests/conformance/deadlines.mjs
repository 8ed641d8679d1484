// What time alone brings about. These tests run at once: the longest waits for the end of a lease.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, json, refused, send } from './ask.mjs';
import { image, until } from './client.mjs';
import { signedIn } from './roles.mjs';

const now = () => Math.floor(Date.now() / 1000);

/** Waits longer than the deadline, however busy the machine is. */
const inTime = (what, holds) => until(what, holds, 40_000);

export function deadlines(place) {
  test('host38_who does not join is closed after 10 s, and whoever leaves has all the time', async (t) => {
    const { enter, raw } = signedIn(t, place);
    const left = await enter('late', 'user_left');
    left.send('user:leave');
    await left.hears('room:left');
    const late = await raw(`/party/late?token=${await place.target.token('user_late')}`);
    late.say('ping');
    await inTime('it is closed', () => late.closes.length > 0);
    assert.deepEqual(await late.refused(), [4204, 'timeout']);
    const data = { code: 'timeout', ref: null, message: 'The connection was silent for too long.' };
    assert.deepEqual(late.texts, ['pong', JSON.stringify({ type: 'error', data, clientId: 'c0' })]);
    assert.equal((await left.join()).role, 'owner');
  });

  test('host38_who breaks off is lost after 15 s, and not before', async (t) => {
    const { enter } = signedIn(t, place);
    const ann = await enter('lost', 'user_ann');
    const ben = await enter('lost', 'user_ben');
    await ann.settled();
    ben.breaks();
    const start = Date.now();
    await inTime('they are lost', () => ann.frames.some((frame) => frame.type === 'user:left'));
    assert.ok(Date.now() - start > 13_000, `${Date.now() - start}`);
    const { clientId, userId } = ben.joined;
    assert.equal(await ann.next('user:left'), JSON.stringify({ type: 'user:left', data: { clientId, userId, reason: 'lost' }, clientId }));
  });

  test('host38_a drag that falls silent ends after 2 s', async (t) => {
    const { enter } = signedIn(t, place);
    const ann = await enter('silent-drag', 'user_ann');
    ann.send('image:add', image('cat'));
    await ann.hears('ack');
    const ben = await enter('silent-drag', 'user_ben');
    await ann.settled();
    ann.send('image:transform', { id: 'cat', x: 9, transient: true });
    await ben.next('image:transform');
    const back = '{"type":"image:transform","data":{"id":"cat","x":1},"clientId":"c1"}';
    for (const client of [ann, ben]) assert.equal(await client.next('image:transform'), back);
  });

  test('host38_a link ends at its time, and who is there by it alone with it', async (t) => {
    const { enter, kept, rawJoin } = signedIn(t, place);
    const ann = await enter('timed-link', 'user_ann');
    ann.send('room:update', { isPublic: false }, 'k');
    await ann.hears('ack');
    const token = await place.target.token('user_ann');
    const body = { role: 'editor', expiresAt: Date.now() + 3000 };
    const link = json(await ask(place, 'POST', '/party/timed-link/shares', { token, body }), 201);
    const ben = await rawJoin(`/party/timed-link?token=${await place.target.token('user_ben')}&share=${link.token}`);
    assert.equal(ben.joined.role, 'editor');
    assert.deepEqual(await ben.refused(), [4501, 'forbidden']);
    assert.ok(Date.now() >= body.expiresAt);
    assert.deepEqual(await kept('timed-link', 'user_ben', { query: `&share=${link.token}` }), [4501, 'forbidden']);
  });

  test('host38_a lease is announced, ends in a viewer, and a fresh token renews it', async (t) => {
    const { enter } = signedIn(t, place);
    const owner = await enter('leased', 'user_owner');
    owner.send('image:add', image('cat'));
    await owner.hears('ack');
    const exp = now() + 2;
    const ends = (exp + 25) * 1000;
    const brief = await enter('leased', 'user_brief', {}, { claims: { exp } });
    const late = await enter('leased', 'user_late', {}, { claims: { exp } });
    for (const client of [brief, late]) {
      const { clientId, role } = client.joined;
      assert.equal(role, 'editor');
      const { expiresAt } = (await client.frame('auth:expiring')).data;
      // Two clocks of one machine.
      assert.ok(Math.abs(expiresAt - ends) < 250, `${expiresAt} and ${ends}`);
      assert.equal(await client.next('auth:expiring'), JSON.stringify({ type: 'auth:expiring', data: { expiresAt }, clientId }));
    }
    brief.send('auth:refresh', { token: await place.target.token('user_brief', { exp: now() + 600 }) });
    const fallen = (client) => client.frames.find((frame) => frame.type === 'user:updated' && frame.data.userId === 'user_late');
    for (const client of [owner, brief, late]) {
      await inTime('the lease ends', () => fallen(client));
      assert.equal(fallen(client).data.role, 'viewer');
    }
    assert.ok(Date.now() > ends - 250);
    const edit = (client, id) => {
      client.send('image:transform', { id: 'cat', x: 7 }, id);
      return client.hears((frame) => ['ack', 'error'].includes(frame.type) && (frame.data.id ?? frame.data.ref) === id);
    };
    assert.equal((await edit(late, 'k1')).data.code, 'forbidden');
    assert.equal((await edit(brief, 'k1')).type, 'ack');
    late.send('auth:refresh', { token: await place.target.token('user_late', { exp: now() + 600 }) });
    await late.hears((frame) => frame.type === 'user:updated' && frame.data.role === 'editor');
    assert.equal((await edit(late, 'k2')).type, 'ack');
  });

  test('host38_a body that does not go on is given up after 5 s', async () => {
    const authorization = `Bearer ${await place.target.token('user_slow')}`;
    const half = (method, path, length, piece) => send(place, method, path, { authorization, 'content-length': length }, (asking) => asking.write(piece));
    const [list, file] = await Promise.all([
      half('POST', '/parties/registry/list', '9', '{'),
      half('PUT', '/assets?room=slow', '100000', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')),
    ]);
    refused(list, 408, 'timeout', 'The body came too slowly; send it again.');
    refused(file, 408, 'timeout', 'The file came too slowly; send it again.');
  });
}
