// Who may do what where people sign in: owners, editors, viewers, those outside, and rights that change while people work.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, image, people } from './client.mjs';

/** Who enters rooms with a token of their own. */
export function signedIn(t, place) {
  const { raw, rawJoin } = people(t, place);
  const address = async (room, user, { claims, query = '' } = {}) =>
    `/party/${room}?token=${await place.target.token(user, claims)}${query}`;
  return {
    raw,
    rawJoin,
    /** Enters a room. */
    enter: async (room, user, data = {}, more = {}) => rawJoin(await address(room, user, more), data),
    /** Asks to enter one, and is closed: how. */
    kept: async (room, user, more = {}) => {
      const client = await raw(await address(room, user, more));
      client.send('user:join', {});
      return client.refused();
    },
  };
}

/** Sends an owner's event, and waits until it is acknowledged. */
async function rules(owner, type, data) {
  const id = `${type} ${JSON.stringify(data)}`.slice(0, 64);
  owner.send(type, data, id);
  const answer = await owner.hears((frame) => ['ack', 'error'].includes(frame.type) && (frame.data.id ?? frame.data.ref) === id);
  assert.equal(answer.type, 'ack', JSON.stringify(answer));
}

const edit = (client, id) => client.send('image:transform', { id: 'cat', x: client.frames.length }, id);

/** What somebody is told who tries everything that is an owner's. */
async function governs(client, target) {
  const tries = [
    ['room:update', { locked: true }],
    ['room:update', { isPublic: false }],
    ['room:update', { name: 'mine' }],
    ['member:role', { userId: target, role: 'owner' }],
    ['member:role', { userId: target, role: 'none' }],
    ['member:kick', { userId: target }],
    ['member:ban', { userId: target }],
  ];
  tries.forEach(([type, data], no) => client.send(type, data, `try-${no}`));
  return codes(await client.settled());
}

export function roles(place) {
  test('host13_who makes a room owns it, and what owners do is told to all, byte for byte', async (t) => {
    const { enter } = signedIn(t, place);
    const ann = await enter('owned', 'user_ann', { name: 'Ann', color: '#4ecdc4' });
    assert.deepEqual([ann.joined.userId, ann.joined.role], ['user_ann', 'owner']);
    const { createdAt } = ann.joined.room;
    assert.deepEqual(ann.joined.room, { id: 'owned', name: 'owned', isPublic: true, locked: false, defaultRole: 'editor', guestRole: 'viewer', createdAt });
    const cid = await enter('owned', 'user_cid', { name: 'Cid', color: '#ff6b6b' });
    assert.equal(cid.joined.role, 'editor');
    await ann.settled();
    const hear = async (client, wanted) => {
      const text = await client.next(wanted.type);
      const { timestamp } = JSON.parse(text);
      assert.equal(text, JSON.stringify(wanted.seq === undefined ? wanted : { ...wanted, timestamp }));
    };
    const person = { clientId: 'c2', userId: 'user_cid', name: 'Cid', color: '#ff6b6b', role: 'viewer', idle: false, cursor: null, viewport: null };
    ann.send('member:role', { userId: 'user_cid', role: 'viewer' }, 'k1');
    const given = { type: 'member:role', data: { userId: 'user_cid', role: 'viewer' }, clientId: 'c1', seq: 1 };
    const updated = { type: 'user:updated', data: person, clientId: 'c2' };
    for (const frame of [given, { type: 'ack', data: { id: 'k1', seq: 1 }, clientId: 'c1' }, updated]) await hear(ann, frame);
    for (const frame of [given, updated]) await hear(cid, frame);
    cid.send('image:add', image('cat'), 'k1');
    await hear(cid, { type: 'error', data: { code: 'forbidden', ref: 'k1', message: 'Your role does not allow this.', truth: null }, clientId: 'c2' });
    cid.send('chat:message', { text: 'I only talk' });
    await cid.hears('ack');
    await ann.hears('chat:message');
    ann.send('room:update', { locked: true, name: ' Pl\u200ban ' }, 'k3');
    await hear(ann, { type: 'room:update', data: { name: 'Plan', locked: true }, clientId: 'c1', seq: 3 });
    await hear(ann, { type: 'ack', data: { id: 'k3', seq: 3 }, clientId: 'c1' });
    ann.send('member:kick', { userId: 'user_cid', reason: 'Back soon, please.' }, 'k5');
    const kicked = { type: 'member:kick', data: { userId: 'user_cid', reason: 'Back soon, please.' }, clientId: 'c1', seq: 4 };
    await hear(ann, kicked);
    await hear(ann, { type: 'ack', data: { id: 'k5', seq: 4 }, clientId: 'c1' });
    await hear(ann, { type: 'user:left', data: { clientId: 'c2', userId: 'user_cid', reason: 'kicked' }, clientId: 'c2' });
    assert.deepEqual(await cid.refused(), [4503, 'kicked']);
    assert.deepEqual(cid.frames.at(-2), { ...kicked, timestamp: cid.frames.at(-2).timestamp });
    const back = await enter('owned', 'user_cid');
    assert.deepEqual([back.joined.role, back.joined.room.name, back.joined.room.locked], ['viewer', 'Plan', true]);
    for (const [data, code] of [
      [{}, 'empty'],
      [{ name: '\u200b' }, 'empty'],
      [{ locked: 1 }, 'bad_message'],
      [{ defaultRole: 'owner' }, 'bad_message'],
      [{ name: 'x'.repeat(129) }, 'too_long'],
    ]) {
      ann.send('room:update', data, 'odd');
      assert.equal((await ann.hears('error')).data.code, code, JSON.stringify(data));
    }
  });

  test('host13_what an owner does is made once however often it is sent', async (t) => {
    const { enter } = signedIn(t, place);
    const ann = await enter('once', 'user_ann');
    for (let no = 0; no < 3; no += 1) ann.send('room:update', { name: 'Once' }, 'k1');
    await ann.frame('ack', 2);
    assert.deepEqual(ann.frames.filter((frame) => frame.type === 'ack').map((frame) => frame.data.seq), [1, 1, 1]);
    assert.equal(ann.frames.filter((frame) => frame.type === 'room:update').length, 1);
  });

  test('host14_viewers edit nothing and only owners govern', async (t) => {
    const { enter } = signedIn(t, place);
    const ann = await enter('governed', 'user_ann');
    ann.send('image:add', image('cat'));
    await ann.hears('ack');
    await rules(ann, 'member:role', { userId: 'user_vic', role: 'viewer' });
    const vic = await enter('governed', 'user_vic');
    const eve = await enter('governed', 'user_eve');
    assert.deepEqual([vic.joined.role, eve.joined.role], ['viewer', 'editor']);
    await ann.settled();
    for (const [client, target] of [[vic, 'user_ann'], [vic, 'user_vic'], [eve, 'user_ann'], [eve, 'user_nobody']]) {
      assert.deepEqual(await governs(client, target), Array(7).fill('forbidden'));
    }
    vic.send('image:transform', { id: 'cat', x: 5, role: 'owner' });
    const { code, truth } = (await vic.hears('error')).data;
    assert.deepEqual([code, truth], ['forbidden', { ...image('cat'), rotation: 0, z: 'a0' }]);
    vic.send('image:transform', { id: 'cat', x: 5, transient: true }, 'drag');
    assert.equal((await vic.hears('error')).data.code, 'forbidden');
    assert.deepEqual(await ann.settled(), []);
  });

  test('host14_a role that changes bites at once, in the middle of a drag too', async (t) => {
    const { enter } = signedIn(t, place);
    const ann = await enter('demoted', 'user_ann');
    ann.send('image:add', image('cat'));
    await ann.hears('ack');
    const eve = await enter('demoted', 'user_eve');
    eve.send('image:transform', { id: 'cat', x: 900, transient: true });
    await ann.hears((frame) => frame.data.x === 900);
    ann.send('member:role', { userId: 'user_eve', role: 'viewer' }, 'down');
    const back = await ann.hears((frame) => frame.type === 'image:transform');
    assert.deepEqual([back.data, back.seq], [{ id: 'cat', x: 1 }, undefined], 'everyone sees it back where it is stored');
    assert.equal((await eve.hears('user:updated')).data.role, 'viewer');
    edit(eve, 'refused');
    assert.equal((await eve.hears('error')).data.code, 'forbidden');
    await rules(ann, 'member:role', { userId: 'user_eve', role: 'editor' });
    assert.equal((await eve.hears('user:updated')).data.role, 'editor');
    edit(eve, 'taken');
    await eve.hears((frame) => frame.type === 'ack' && frame.data.id === 'taken');
    await rules(ann, 'room:update', { defaultRole: 'viewer' });
    await rules(ann, 'member:role', { userId: 'user_eve', role: 'none' });
    assert.equal((await eve.hears('user:updated')).data.role, 'viewer', 'what the room gives is what is left');
  });

  test('host14_a locked room is edited by its owners alone', async (t) => {
    const { enter } = signedIn(t, place);
    const ann = await enter('locked', 'user_ann');
    ann.send('image:add', image('cat'));
    await ann.hears('ack');
    const eve = await enter('locked', 'user_eve');
    await rules(ann, 'room:update', { locked: true });
    await eve.hears('room:update');
    edit(eve, 'k1');
    const { data } = await eve.hears('error');
    assert.deepEqual([data.code, data.message, data.truth.x], ['locked', 'The room is locked; only its owner can edit.', 1]);
    eve.send('chat:message', { text: 'chat goes on' });
    await eve.hears('ack');
    edit(ann, 'k2');
    await ann.hears((frame) => frame.type === 'ack' && frame.data.id === 'k2');
    await rules(ann, 'room:update', { locked: false });
    await eve.hears('room:update');
    edit(eve, 'k3');
    await eve.hears((frame) => frame.type === 'ack' && frame.data.id === 'k3');
  });

  test('host15_people are thrown out and kept out, but not the last owner', async (t) => {
    const { enter, kept } = signedIn(t, place);
    const ann = await enter('banned', 'user_ann');
    const [one, two] = [await enter('banned', 'user_bad'), await enter('banned', 'user_bad')];
    await ann.settled();
    ann.send('member:ban', { userId: 'user_bad', reason: 'Enough\u202e.' }, 'ban');
    const ban = await ann.hears('member:ban');
    assert.deepEqual(ban.data, { userId: 'user_bad', reason: 'Enough.' });
    for (const client of [one, two]) assert.deepEqual(await client.refused(), [4504, 'banned']);
    const left = [await ann.hears('user:left'), await ann.hears('user:left')];
    assert.deepEqual(left.map((frame) => frame.data.reason), ['banned', 'banned']);
    assert.deepEqual(await kept('banned', 'user_bad'), [4504, 'banned']);
    await rules(ann, 'member:role', { userId: 'user_bad', role: 'viewer' });
    assert.equal((await enter('banned', 'user_bad')).joined.role, 'viewer', 'a role lifts a ban');
    await rules(ann, 'member:role', { userId: 'user_two', role: 'owner' });
    const second = await enter('banned', 'user_two');
    assert.equal(second.joined.role, 'owner');
    for (const [type, data, code] of [
      ['member:kick', { userId: 'user_ann' }, 'conflict'],
      ['member:ban', { userId: 'user_two' }, 'conflict'],
      ['member:kick', { userId: 'user_two' }, 'conflict'],
      ['member:kick', { userId: 'user_nobody' }, 'not_found'],
      ['member:role', { userId: 'guest:0123456789abcdef', role: 'owner' }, 'conflict'],
      ['member:role', { userId: 'org:org_1', role: 'owner' }, 'conflict'],
      ['member:ban', { userId: 'org:org_1' }, 'conflict'],
      ['member:ban', { userId: 'server:api' }, 'conflict'],
      ['member:role', { userId: 'user_x', role: 'king' }, 'bad_message'],
      ['member:kick', { userId: 'user_bad', reason: 'x'.repeat(201) }, 'too_long'],
    ]) {
      ann.send(type, data, 'no');
      assert.equal((await ann.hears('error')).data.code, code, `${type} ${JSON.stringify(data)}`);
    }
    await rules(second, 'member:role', { userId: 'user_ann', role: 'editor' });
    await ann.hears((frame) => frame.type === 'user:updated' && frame.data.userId === 'user_ann' && frame.data.role === 'editor');
    for (const role of ['editor', 'none']) {
      second.send('member:role', { userId: 'user_two', role }, role);
      assert.equal((await second.hears('error')).data.code, 'conflict', 'the last owner stays one');
    }
  });

  test('host16_a private room lets in those with a role, a link or an organisation that has one', async (t) => {
    const { enter, kept } = signedIn(t, place);
    const ann = await enter('private', 'user_ann');
    const bob = await enter('private', 'user_bob');
    await rules(ann, 'room:update', { isPublic: false });
    assert.deepEqual(await bob.refused(), [4501, 'forbidden']);
    assert.deepEqual((await ann.hears('user:left')).data, { clientId: 'c2', userId: 'user_bob', reason: 'expired' });
    assert.deepEqual(await kept('private', 'user_bob'), [4501, 'forbidden']);
    await rules(ann, 'member:role', { userId: 'org:org_2abc', role: 'viewer' });
    await rules(ann, 'member:role', { userId: 'org:org_2abc:admin', role: 'editor' });
    const of = (id, rol) => ({ claims: { o: { id, rol, slg: 'acme' } } });
    assert.equal((await enter('private', 'user_bob', {}, of('org_2abc', 'member'))).joined.role, 'viewer');
    assert.equal((await enter('private', 'user_eve', {}, of('org_2abc', 'admin'))).joined.role, 'editor');
    const first = { claims: { v: null, org_id: 'org_2abc', org_role: 'org:admin', org_slug: 'acme' } };
    assert.equal((await enter('private', 'user_old', {}, first)).joined.role, 'editor', 'as the first tokens said it');
    assert.deepEqual(await kept('private', 'user_bob', of('org_other', 'admin')), [4501, 'forbidden']);
    assert.deepEqual(await kept('private', 'user_bob', { query: `&share=${'0'.repeat(32)}` }), [4501, 'forbidden']);
    await rules(ann, 'member:role', { userId: 'user_bob', role: 'editor' });
    assert.equal((await enter('private', 'user_bob')).joined.role, 'editor');
    assert.deepEqual(codes(await ann.settled()), []);
  });
}
