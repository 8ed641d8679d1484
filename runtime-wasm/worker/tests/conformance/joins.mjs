// Coming in: what greets a person, what is held until then, and what is refused at the door of a room.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, image, people, until } from './client.mjs';

export function joins(place) {
  test('host1_a join is answered with the room, the state and the people, and the others hear of it once', async (t) => {
    const { connect, raw } = people(t, place);
    const ann = connect('greeting');
    ann.send('user:join', { name: 'Ann', color: '#4ecdc4' });
    await ann.frame('user:list');
    const { resume, epoch, userId, room } = ann.frames[0].data;
    assert.match(userId, /^guest:[0-9a-f]{16}$/);
    assert.match(resume, /^[0-9a-f]{32}$/);
    assert.ok(Number.isSafeInteger(epoch) && epoch > 0, `${epoch}`);
    assert.ok(Math.abs(room.createdAt - Date.now()) < 60_000, `${room.createdAt}`);
    const rights = { isPublic: true, locked: false, defaultRole: 'editor', guestRole: 'editor' };
    const board = { id: 'greeting', name: 'greeting', ...rights, createdAt: room.createdAt };
    const person = (clientId, user, name, color) =>
      ({ clientId, userId: user, name, color, role: 'editor', idle: false, cursor: null, viewport: null });
    const greeting = (clientId, user, secret, users) => [
      { type: 'room:joined', data: { clientId, userId: user, role: 'editor', resume: secret, epoch, seq: 0, room: board }, clientId },
      { type: 'state:sync', data: { mode: 'full', epoch, seq: 0, part: 1, parts: 1, images: [], chat: [] }, clientId },
      { type: 'user:list', data: { users }, clientId },
    ].map((frame) => JSON.stringify(frame));
    const first = person('c1', userId, 'Ann', '#4ecdc4');
    assert.deepEqual(ann.texts, greeting('c1', userId, resume, [first]));
    await ann.settled();
    const bob = await raw('/party/greeting');
    bob.send('user:join', { name: 'Bob', color: '#ff6b6b' });
    await bob.frame('user:list');
    const { userId: bobs, resume: other } = bob.frames[0].data;
    assert.ok(bobs !== userId && other !== resume);
    const second = person('c2', bobs, 'Bob', '#ff6b6b');
    assert.deepEqual(bob.texts, greeting('c2', bobs, other, [first, second]));
    const heard = await ann.settled();
    assert.deepEqual(heard, [{ type: 'user:joined', data: second, clientId: 'c2' }]);
  });

  test('host1_who they are is told in their own words, within bounds', async (t) => {
    const { join, raw, rawJoin } = people(t, place);
    const named = await rawJoin('/party/words?name=%E2%80%AEAn%E2%80%8Bn&name=Eve', { color: '#ABCDEF', avatar: 'https://EXAMPLE.com/á.png' });
    const [self] = named.users;
    assert.deepEqual([self.name, self.color, self.avatar], ['Ann', '#abcdef', 'https://example.com/%C3%A1.png']);
    const nameless = await join('words', { color: 'red' });
    const guest = nameless.users.at(-1);
    assert.match(guest.name, /^Guest \d+$/);
    assert.match(guest.color, /^#[0-9a-f]{6}$/);
    const odd = await raw('/parties/main/words');
    for (const [data, code] of [
      [{ name: '\u200b' }, 'empty'],
      [{ name: 'x'.repeat(33) }, 'too_long'],
      [{ avatar: 'javascript:alert(1)' }, 'bad_url'],
      [{ since: { epoch: 1, seq: -1 } }, 'bad_message'],
    ]) {
      odd.send('user:join', data, code);
      assert.deepEqual((await odd.hears('error')).data.code, code);
    }
    assert.equal((await odd.join({ name: 'At last' })).role, 'editor');
    assert.equal((await rawJoin('/party/words?view=readonly')).joined.role, 'viewer');
    assert.equal((await rawJoin('/party/words', { view: 'readonly' })).joined.role, 'viewer');
  });

  test('host2_partysocket connects unmodified and `_pk` makes a guest the same person, in secret', async (t) => {
    const { join, rawJoin } = people(t, place);
    const ann = await join('same');
    const pk = ann.socket.id;
    ann.socket.reconnect();
    await until('it is open again', () => ann.opens === 2);
    const again = await ann.join();
    assert.equal(ann.socket.id, pk);
    assert.equal(again.userId, ann.joined.userId);
    assert.notEqual(again.clientId, ann.joined.clientId, 'a proper close has taken the client away');
    const elsewhere = await rawJoin(`/party/same-elsewhere?_pk=${pk}`);
    assert.equal(elsewhere.joined.userId, ann.joined.userId);
    const strangers = [await rawJoin('/party/same'), await rawJoin('/party/same'), await join('same')];
    const users = [ann, ...strangers].map((client) => client.joined.userId);
    assert.equal(new Set(users).size, 4);
    const told = strangers.flatMap((client) => client.texts).join('\n');
    for (const secret of [pk, ann.joined.resume, again.resume]) assert.ok(!told.includes(secret));
  });

  test('host2_what was sent offline is done after the join, in order', async (t) => {
    const { connect, join } = people(t, place);
    const ann = connect('offline');
    ann.send('image:add', image('i1'), 'k1');
    ann.send('image:transform', { id: 'i1', x: 5 }, 'k2');
    ann.send('chat:message', { text: 'from the train' }, 'k3');
    ann.send('cursor:move', { x: 1, y: 1 });
    assert.equal(ann.opens, 0);
    await until('it is open', () => ann.opens === 1);
    ann.send('user:join', { name: 'Ann' });
    await ann.frame('ack', 2);
    const acks = ann.frames.filter((frame) => frame.type === 'ack');
    assert.deepEqual(acks.map(({ data }) => [data.id, data.seq]), [['k1', 1], ['k2', 2], ['k3', 3]]);
    assert.deepEqual(ann.frames.slice(0, 3).map((frame) => frame.type), ['room:joined', 'state:sync', 'user:list']);
    const ben = await join('offline');
    assert.equal(ben.state.images[0].x, 5);
    assert.equal(ben.state.chat[0].text, 'from the train');
    assert.deepEqual(ben.users[0].cursor, { x: 1, y: 1 });
  });

  test('host3_what comes before the join is held within its bounds', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const ann = await rawJoin('/party/held');
    ann.send('image:add', image('good'), 'k');
    await ann.hears('ack');
    const many = await raw('/party/held');
    for (let no = 0; no < 300; no += 1) many.send('image:transform', { id: 'good', y: no }, `h${no}`);
    await many.frame('error', 43);
    assert.deepEqual(codes(many.frames), Array(44).fill('not_joined'));
    assert.equal(many.frames[0].data.ref, 'h256');
    await many.join();
    await many.frame('ack', 255);
    const acks = many.frames.filter((frame) => frame.type === 'ack');
    assert.deepEqual(acks.map(({ data }) => data.id), Array.from({ length: 256 }, (_, no) => `h${no}`));
    const long = await raw('/party/held');
    for (let no = 0; no < 6; no += 1) {
      long.say(JSON.stringify({ type: 'image:transform', data: { id: 'good', x: no }, id: `b${no}`, pad: 'x'.repeat(60_000) }));
    }
    await long.frame('error', 1);
    assert.deepEqual(long.frames.map(({ data }) => [data.code, data.ref]), [['not_joined', 'b4'], ['not_joined', 'b5']]);
    for (let no = 0; no < 1000; no += 1) long.send('cursor:move', { x: no, y: 0 });
    await long.join();
    await long.frame('ack', 3);
    await ann.hears((frame) => frame.type === 'cursor:move' && frame.data.x === 999);
    assert.equal(codes(long.frames).length, 2, 'of cursors the latest is held, however many come');
  });

  test('host3_ping is answered before the join and after it', async (t) => {
    const { raw } = people(t, place);
    const ann = await raw('/party/ping');
    ann.say('ping');
    await ann.hears('pong');
    assert.deepEqual(ann.texts, ['pong']);
    await ann.join();
    ann.say('ping');
    await ann.hears('pong');
  });

  test('host3_who has joined does not join again, and who has left may', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const ann = await rawJoin('/party/again', { name: 'Ann' });
    const ben = await rawJoin('/party/again', { name: 'Ben' });
    await ann.settled();
    ben.send('user:join', {}, 'twice');
    assert.deepEqual((await ben.hears('error')).data, { code: 'already_joined', ref: 'twice', message: 'This socket has already joined.' });
    ben.send('chat:message', { text: 'bye' }, 'bye');
    ben.send('user:leave');
    await ben.hears('room:left');
    assert.deepEqual(ben.frames.slice(-3).map((frame) => frame.type), ['chat:message', 'ack', 'room:left']);
    assert.deepEqual(ben.frames.at(-1).data, { reason: 'left' });
    ben.send('image:remove', { id: 'x' }, 'out');
    assert.deepEqual((await ben.hears('error')).data.code, 'not_joined');
    const again = await ben.join({});
    assert.equal(again.clientId, 'c3');
    const heard = await ann.settled();
    const presence = heard.filter((frame) => frame.seq === undefined);
    assert.deepEqual(presence.map((frame) => [frame.type, frame.clientId]), [['user:left', 'c2'], ['user:joined', 'c3']]);
    assert.equal(presence[1].data.name, 'Ben', 'the name is kept');
    const stranger = await raw('/party/again');
    stranger.send('user:leave', {}, 'early');
    assert.equal((await stranger.hears('error')).data.code, 'not_joined');
  });

  test('host3_the eleventh socket of a person is closed, and the others stay', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const tabs = [];
    for (let no = 0; no < 10; no += 1) tabs.push(await rawJoin('/party/tabs?_pk=one'));
    assert.equal(new Set(tabs.map((tab) => tab.joined.clientId)).size, 10, 'each is a client');
    assert.equal(new Set(tabs.map((tab) => tab.joined.userId)).size, 1, 'of one person');
    const late = await raw('/party/tabs?_pk=one');
    assert.deepEqual(await late.refused(), [4202, 'rate_limited']);
    assert.equal(late.frames[0].data.message, 'Too many requests; wait before connecting again.');
    for (const tab of tabs) {
      assert.deepEqual(codes(await tab.settled()), []);
      assert.deepEqual(tab.closes, []);
    }
    await tabs[0].leaves(1000);
    await rawJoin('/party/tabs?_pk=one');
  });

  test('host4_rooms are told apart byte for byte, whatever they are called', async (t) => {
    const { rawJoin } = people(t, place);
    const names = ['Case', 'case', '__proto__', 'constructor', 'toString', '-', '_', '0', 'a'.repeat(64), '%63ase2'];
    const all = [];
    for (const name of names) all.push(await rawJoin(`/party/${name}`));
    all.forEach((client, no) => {
      assert.equal(client.joined.clientId, 'c1', names[no]);
      assert.equal(client.joined.room.id, decodeURIComponent(names[no]));
      client.send('chat:message', { text: `in ${no}` });
    });
    for (const [no, client] of all.entries()) {
      const heard = (await client.settled()).filter((frame) => frame.type === 'chat:message');
      assert.deepEqual(heard.map((frame) => frame.data.text), [`in ${no}`]);
    }
    const ann = await rawJoin('/parties/main/apart');
    ann.send('image:add', image('only-here'));
    await ann.hears('ack');
    const far = await rawJoin('/party/apart-too');
    for (const type of ['image:transform', 'image:remove']) {
      far.send(type, { id: 'only-here', ...(type === 'image:transform' && { x: 1 }) }, type);
      const { data } = await far.hears('error');
      assert.deepEqual([data.code, data.truth], ['not_found', null]);
    }
    assert.deepEqual(await ann.settled(), []);
  });
}
