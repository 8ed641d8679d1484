// Coming back: the session by its secret, what was missed, and a state that is too large for one frame.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { image, people, until } from './client.mjs';

const SYNC_PART_BYTES = 256 * 1024;

export function resume(place) {
  test('host11_a broken connection takes its session back, and the others never saw it go', async (t) => {
    const { join, rawJoin } = people(t, place);
    const ann = await join('broken', { name: 'Ann', color: '#4ecdc4' });
    const ben = await rawJoin('/party/broken', { name: 'Ben' });
    ann.send('image:add', image('cat'), 'k1');
    await ann.hears('ack');
    ann.send('cursor:move', { x: 3, y: 4 });
    await ben.hears('cursor:move');
    await ann.settled();
    await ann.breaks();
    // Her own word that she heard nothing of, and somebody else's.
    ben.send('image:transform', { id: 'cat', rotation: 90 }, 'k1');
    await ben.hears('ack');
    ben.send('chat:message', { text: 'still there?' }, 'k2');
    await ben.hears('ack');
    const { joined, state, users } = await ann.enters({ resume: ann.joined.resume, since: { epoch: ann.joined.epoch, seq: 1 } });
    assert.deepEqual([joined.clientId, joined.userId, joined.seq, joined.epoch], ['c1', ann.joined.userId, 3, ann.joined.epoch]);
    assert.match(joined.resume, /^[0-9a-f]{32}$/);
    assert.notEqual(joined.resume, ann.joined.resume);
    const { ops, ...rest } = state;
    assert.deepEqual(rest, { mode: 'delta', epoch: joined.epoch, seq: 3, part: 1, parts: 1 });
    assert.deepEqual(ops.map((op) => [op.type, op.data, op.clientId, op.seq]), [
      ['image:transform', { id: 'cat', rotation: 90 }, 'c2', 2],
      ['chat:message', ben.frames.find((frame) => frame.type === 'chat:message').data, 'c2', 3],
    ]);
    const sync = ann.texts.find((text) => text.includes('"delta"'));
    const told = ben.texts.find((text) => text.startsWith('{"type":"chat:message"'));
    assert.ok(sync.includes(told), 'exactly as it was sent');
    assert.deepEqual([users[0].name, users[0].color, users[0].cursor], ['Ann', '#4ecdc4', { x: 3, y: 4 }]);
    ann.send('chat:message', { text: 'back' });
    await ben.hears((frame) => frame.type === 'chat:message' && frame.data.text === 'back');
    assert.deepEqual(ben.frames.filter((frame) => ['user:left', 'user:joined'].includes(frame.type)), []);
  });

  test('host11_what one did oneself and was not told comes with the rest', async (t) => {
    const { connect, join } = people(t, place);
    let once = true;
    const rejoins = (client) => {
      if (!once) client.send('user:join', { resume: client.joined.resume, since: { epoch: client.joined.epoch, seq: client.seq } });
    };
    const ann = connect('own-words', { onOpen: rejoins });
    ann.joined = await ann.join();
    once = false;
    const ben = await join('own-words');
    ann.send('chat:message', { text: 'first' }, 'k1');
    await ann.hears('ack');
    await ben.settled();
    // The connection ends with the edit on its way.
    ann.send('chat:message', { text: 'second' }, 'k2');
    await ben.hears((frame) => frame.type === 'chat:message');
    ann.socket._ws._socket.destroy();
    await until('it knows everything again', () => ann.seq === 2);
    await ann.frame('room:joined', 1);
    ann.send('chat:message', { text: 'second' }, 'k2');
    assert.equal((await ann.hears((frame) => frame.type === 'ack' && frame.data.id === 'k2')).data.seq, 2);
    assert.equal((await ben.settled()).filter((frame) => frame.type === 'chat:message').length, 0);
  });

  test('host11_a session is taken by its secret alone, once, and never from a live socket', async (t) => {
    const { join, rawJoin, raw } = people(t, place);
    const ann = await rawJoin('/party/secrets?_pk=ann');
    const ben = await join('secrets');
    const seen = () => ben.frames.filter((frame) => frame.type === 'user:joined').map((frame) => frame.data.clientId);
    const thief = await rawJoin('/party/secrets?_pk=ann', { resume: ann.joined.resume });
    assert.equal(thief.joined.clientId, 'c3', 'the session is in use');
    ann.breaks();
    const guest = await rawJoin('/party/secrets?_pk=ann');
    assert.equal(guest.joined.clientId, 'c4', 'a guest needs the secret');
    const stranger = await rawJoin('/party/secrets?_pk=eve', { resume: ann.joined.resume });
    assert.equal(stranger.joined.clientId, 'c5', 'another person cannot use it');
    const wrong = await rawJoin('/party/secrets?_pk=ann', { resume: '0'.repeat(32) });
    assert.equal(wrong.joined.clientId, 'c6');
    const back = await rawJoin('/party/secrets?_pk=ann', { resume: ann.joined.resume });
    assert.equal(back.joined.clientId, ann.joined.clientId);
    back.breaks();
    const used = await rawJoin('/party/secrets?_pk=ann', { resume: ann.joined.resume });
    assert.equal(used.joined.clientId, 'c7', 'a used secret is none');
    assert.equal((await rawJoin('/party/secrets?_pk=ann', { resume: back.joined.resume })).joined.clientId, 'c1');
    const odd = await raw('/party/secrets?_pk=ann');
    odd.send('user:join', { resume: 7 });
    assert.equal((await odd.hears('error')).data.code, 'bad_message');
    await ben.settled();
    assert.deepEqual(seen(), ['c3', 'c4', 'c5', 'c6', 'c7'], 'nobody hears of a session that is taken back');
  });

  test('host11_a person with a token takes the session back by `_pk` alone', async (t) => {
    const { rawJoin } = people(t, place);
    const token = await place.target.token('user_back');
    const path = `/party/known?token=${token}`;
    const ann = await rawJoin(`${path}&_pk=one`);
    assert.equal(ann.joined.userId, 'user_back');
    ann.breaks();
    const other = await rawJoin(`${path}&_pk=two`);
    assert.notEqual(other.joined.clientId, ann.joined.clientId, 'another device is another client');
    const back = await rawJoin(`${path}&_pk=one`);
    assert.equal(back.joined.clientId, ann.joined.clientId);
  });

  test('host12_a place that is not in the log gets the whole state, and the latest gets nothing more', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const ann = await rawJoin('/party/places');
    ann.send('image:add', image('cat'));
    await ann.hears('ack');
    const { epoch } = ann.joined;
    for (const since of [
      { epoch, seq: 2 },
      { epoch, seq: 2 ** 31 },
      { epoch, seq: 2 ** 53 - 1 },
      { epoch: epoch - 1, seq: 1 },
      { epoch: 1, seq: 0 },
      { epoch: 2 ** 53 - 1, seq: 1 },
    ]) {
      const { state } = await rawJoin('/party/places', { since });
      assert.deepEqual([state.mode, state.seq, state.images.length], ['full', 1, 1], JSON.stringify(since));
    }
    assert.deepEqual((await rawJoin('/party/places', { since: { epoch, seq: 1 } })).state.ops, []);
    assert.equal((await rawJoin('/party/places', { since: { epoch, seq: 0 } })).state.ops.length, 1);
    const odd = await raw('/party/places');
    for (const since of [{}, { epoch }, { seq: 1 }, { epoch, seq: -1 }, { epoch, seq: 0.5 }, { epoch, seq: 2 ** 53 }, { epoch: '1', seq: 1 }]) {
      odd.send('user:join', { since });
      assert.equal((await odd.hears('error')).data.code, 'bad_message', JSON.stringify(since));
    }
  });

  test('host12_a large state comes whole, in parts', async (t) => {
    const { rawJoin } = people(t, place);
    const ids = Array.from({ length: 150 }, (_, no) => `i${String(no).padStart(3, '0')}`);
    const writers = [await rawJoin('/party/large'), await rawJoin('/party/large')];
    ids.forEach((id, no) => writers[no % 2].send('image:add', image(id, { z: `a${id.slice(1)}1`, note: 'é'.repeat(1900) })));
    writers[0].send('chat:message', { text: 'all there' });
    await until('all is stored', () => writers.every((writer) => writer.seq === 151));
    const { parts } = await rawJoin('/party/large');
    assert.ok(parts.length > 1, `${parts.length}`);
    parts.forEach((part, no) => {
      assert.deepEqual([part.mode, part.seq, part.part, part.parts], ['full', 151, no + 1, parts.length]);
      assert.equal(part.chat?.length, no === 0 ? 1 : undefined);
      assert.ok(Buffer.byteLength(JSON.stringify(part)) < SYNC_PART_BYTES + 1024);
    });
    assert.deepEqual(parts.flatMap((part) => part.images.map(({ id }) => id)), ids, 'in stacking order');
  });
}
