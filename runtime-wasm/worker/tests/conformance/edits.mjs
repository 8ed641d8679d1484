// What is stored: images, drags and chat. The order of all for everyone, acknowledgements, resends and refusals.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, image, people, until } from './client.mjs';

const NO_IMAGE = 'There is no such image or person in this room.';

/** The stored events in the order in which a client was told of them, its own by their acks. */
function log(client) {
  const events = new Map();
  for (const { type, data, seq } of client.frames) {
    if (type === 'ack') events.set(data.seq, events.get(data.seq) ?? data.id);
    else if (seq !== undefined) events.set(seq, data.id);
  }
  return [...events].sort(([a], [b]) => a - b);
}

export function edits(place) {
  test('host6_edits are told to the others and acknowledged to who made them, byte for byte', async (t) => {
    const { join, rawJoin } = people(t, place);
    const ann = await join('drawing', { name: 'Ann', color: '#4ecdc4' });
    const bob = await rawJoin('/party/drawing', { name: 'Bob', color: '#ff6b6b' });
    await ann.settled();
    const userId = bob.joined.userId;
    const hear = async (client, wanted) => {
      const text = await client.next(wanted.type);
      const { timestamp } = JSON.parse(text);
      if (wanted.seq !== undefined) assert.ok(Math.abs(timestamp - Date.now()) < 60_000, text);
      assert.equal(text, JSON.stringify(wanted.seq === undefined ? wanted : { ...wanted, timestamp }));
    };
    const cat = { id: 'cat', src: 'https://example.com/cat.png', x: 10, y: 20, width: 300, height: 200 };
    ann.send('image:add', cat, 'k1');
    await hear(ann, { type: 'ack', data: { id: 'k1', seq: 1, set: { z: 'a0' } }, clientId: 'c1' });
    await hear(bob, { type: 'image:add', data: { ...cat, rotation: 0, z: 'a0' }, clientId: 'c1', seq: 1 });
    bob.send('image:transform', { id: 'cat', x: 77 }, 'k1');
    await hear(ann, { type: 'image:transform', data: { id: 'cat', x: 77 }, clientId: 'c2', seq: 2 });
    await hear(bob, { type: 'ack', data: { id: 'k1', seq: 2 }, clientId: 'c2' });
    bob.send('chat:message', { text: '  what a cat  ' }, 'k2');
    const said = { type: 'chat:message', data: { id: 'm3', userId, name: 'Bob', color: '#ff6b6b', text: 'what a cat' }, clientId: 'c2', seq: 3 };
    await hear(ann, said);
    await hear(bob, said);
    await hear(bob, { type: 'ack', data: { id: 'k2', seq: 3 }, clientId: 'c2' });
    const dog = { id: 'dog', src: 'https://example.com/dög.png', x: -0.5, y: 1e9, width: 100, height: 0.25, z: 'Zz' };
    bob.send('image:add', { ...dog, caption: 'wóof', good: true, age: 3, gone: null });
    const stored = { ...dog, src: 'https://example.com/d%C3%B6g.png' };
    await hear(bob, { type: 'ack', data: { id: null, seq: 4, set: { z: 'Zz', src: stored.src } }, clientId: 'c2' });
    const { z, ...placed } = stored;
    await hear(ann, { type: 'image:add', data: { ...placed, rotation: 0, z, age: 3, caption: 'wóof', good: true }, clientId: 'c2', seq: 4 });
    ann.send('image:transform', { id: 'dog', caption: null, rotation: 45 }, 'k3');
    await hear(ann, { type: 'ack', data: { id: 'k3', seq: 5 }, clientId: 'c1' });
    await hear(bob, { type: 'image:transform', data: { id: 'dog', rotation: 45, caption: null }, clientId: 'c1', seq: 5 });
    const newcomer = await rawJoin('/party/drawing');
    assert.deepEqual(newcomer.state.images.map(({ id }) => id), ['dog', 'cat'], 'in stacking order');
    ann.send('image:remove', { id: 'dog' }, 'k4');
    await bob.next('user:joined');
    await hear(bob, { type: 'image:remove', data: { id: 'dog' }, clientId: 'c1', seq: 6 });
    bob.send('image:remove', { id: 'dog' }, 'k5');
    await hear(bob, { type: 'ack', data: { id: 'k5', seq: 6 }, clientId: 'c2' });
    bob.send('image:transform', { id: 'dog', x: 5 }, 'k6');
    await hear(bob, { type: 'error', data: { code: 'not_found', ref: 'k6', message: NO_IMAGE, truth: null }, clientId: 'c2' });
  });

  test('host6_everyone is told one order without a gap, however many work at once', async (t) => {
    const { join } = people(t, place);
    const all = await Promise.all(Array.from({ length: 5 }, () => join('busy')));
    const watcher = await join('busy', { view: 'readonly' });
    all.forEach((client, who) => {
      for (let no = 0; no < 40; no += 1) client.send('image:add', image(`${who}-${no}`), `${who}-${no}`);
    });
    await until('everyone knows everything', () => [...all, watcher].every((client) => client.seq === 200));
    const order = log(watcher);
    assert.deepEqual(order.map(([seq]) => seq), Array.from({ length: 200 }, (_, no) => no + 1));
    for (const client of all) assert.deepEqual(log(client), order);
    all.forEach((client, who) => {
      const acks = client.frames.filter((frame) => frame.type === 'ack').map((frame) => frame.data.id);
      assert.deepEqual(acks, Array.from({ length: 40 }, (_, no) => `${who}-${no}`), 'one ack each, in order');
    });
  });

  test('host6_what a message claims of its author is dropped', async (t) => {
    const { join, rawJoin } = people(t, place);
    const [ann, ben] = [await join('claims'), await rawJoin('/party/claims')];
    const claims = { userId: 'root', role: 'owner', seq: 99, timestamp: 1, clientId: 'c9', ts: 1 };
    ben.say(JSON.stringify({ type: 'chat:message', data: { text: 'hi', ...claims }, ...claims, trace: { a: [1] } }));
    const { data, clientId, seq, timestamp } = await ann.hears('chat:message');
    assert.deepEqual([data.userId, clientId, seq], [ben.joined.userId, 'c2', 1]);
    assert.ok(timestamp > 1);
    ben.send('cursor:move', { x: 1, y: 2, clientId: 'c1', userId: 'root' });
    assert.equal(await ann.next('cursor:move'), '{"type":"cursor:move","data":{"x":1,"y":2},"clientId":"c2"}');
    const late = await join('claims', { userId: 'root', role: 'owner', clientId: 'c1' });
    assert.equal(late.joined.role, 'editor');
    assert.ok(!late.texts.concat(ann.texts).some((text) => text.includes('root')));
  });

  test('host7_an edit that is sent again is acknowledged as before and not made again', async (t) => {
    const { join, rawJoin } = people(t, place);
    const ann = await join('resends');
    const ben = await rawJoin('/party/resends');
    const add = () => ann.send('image:add', image('i1', { src: 'https://EXAMPLE.com/a.png' }), 'k1');
    const say = () => ann.send('chat:message', { text: 'once' }, 'k2');
    add();
    const first = (await ann.hears('ack')).data;
    assert.deepEqual(first, { id: 'k1', seq: 1, set: { src: 'https://example.com/a.png', z: 'a0' } });
    say();
    const second = (await ann.hears('ack')).data;
    for (let no = 0; no < 3; no += 1) {
      add();
      assert.deepEqual((await ann.hears('ack')).data, first);
      say();
      assert.deepEqual((await ann.hears('ack')).data, second);
    }
    await ann.breaks();
    add();
    say();
    await ann.join({ resume: ann.joined.resume, since: { epoch: ann.joined.epoch, seq: 2 } });
    assert.deepEqual((await ann.hears('ack')).data, first);
    assert.deepEqual((await ann.hears('ack')).data, second);
    ann.socket.reconnect();
    await until('it is open again', () => ann.opens === 3);
    await ann.join({});
    add();
    assert.deepEqual((await ann.hears('ack')).data, first, 'as another client of the same `_pk`, too');
    for (const [type, data] of [
      ['image:add', image('i1')],
      ['image:transform', { id: 'i1', x: 5 }],
      ['image:remove', { id: 'i1' }],
      ['chat:message', { text: 'once' }],
    ]) {
      ann.send(type, data, 'k1');
      assert.equal((await ann.hears('error')).data.code, 'op_id_reused', type);
    }
    const heard = (await ben.settled()).filter((frame) => frame.seq !== undefined);
    assert.deepEqual(heard.map((frame) => [frame.type, frame.seq]), [['image:add', 1], ['chat:message', 2]], 'the others heard of it once');
    ben.send('chat:message', { text: 'once' }, 'k2');
    assert.deepEqual((await ben.hears('ack')).data, { id: 'k2', seq: 3 }, "another person's id is another id");
  });

  test('host8_a refused edit tells what is true, and nothing of it is done', async (t) => {
    const { join, rawJoin } = people(t, place);
    const ann = await join('refusals');
    const ben = await rawJoin('/party/refusals');
    ann.send('image:add', image('there'));
    await ann.hears('ack');
    await ben.settled();
    const there = { ...image('there'), rotation: 0, z: 'a0' };
    const further = Object.fromEntries(Array.from({ length: 33 }, (_, no) => [`f${no}`, no]));
    for (const [type, data, code, message, truth] of [
      ['image:add', image('there'), 'conflict', 'This contradicts what is already there.', there],
      ['image:transform', { id: 'gone', x: 1 }, 'not_found', NO_IMAGE, null],
      ['image:remove', { id: 'gone' }, 'not_found', NO_IMAGE, null],
      ['image:transform', { id: 'there' }, 'empty', 'A text that must not be empty is empty.', there],
      ['image:transform', { id: 'there', x: 1e10 }, 'out_of_range', 'A number is outside its bounds.', there],
      ['image:transform', { id: 'there', width: 0 }, 'out_of_range', 'A number is outside its bounds.', there],
      ['image:transform', { id: 'there', x: 'far' }, 'bad_message', 'The message could not be read; send one JSON object with a type and its data.', there],
      ['image:transform', { id: 'there', ...further }, 'too_many', 'That is more than is allowed at once; send fewer.', there],
      ['image:transform', { id: 'there', note: 'x'.repeat(4096) }, 'too_long', 'A text is longer than is allowed; shorten it.', there],
      ['image:add', image('new', { src: 'data:text/html,x' }), 'bad_url', 'The address must be an https address or an asset of this server.', null],
    ]) {
      ann.send(type, data, 'no');
      const heard = await ann.hears('error');
      assert.equal(JSON.stringify(heard), JSON.stringify({ type: 'error', data: { code, ref: 'no', message, truth }, clientId: 'c1' }));
    }
    assert.deepEqual(await ben.settled(), []);
    assert.deepEqual((await rawJoin('/party/refusals')).state.images, [there]);
  });

  test('host9_a drag is shown and not stored, and ends with a stored edit', async (t) => {
    const { join, rawJoin } = people(t, place);
    const ann = await join('drags');
    ann.send('image:add', image('cat'));
    await ann.hears('ack');
    const bob = await rawJoin('/party/drags');
    const drag = (data) => ann.send('image:transform', { id: 'cat', ...data, transient: true });
    drag({ x: 100 });
    assert.equal(await bob.next('image:transform'), '{"type":"image:transform","data":{"id":"cat","x":100,"transient":true},"clientId":"c1"}');
    for (let no = 0; no < 200; no += 1) drag({ x: no, y: 7 });
    await bob.hears((frame) => frame.data.x === 199);
    const late = await rawJoin('/party/drags');
    assert.equal(late.state.images[0].x, 1, 'it is not stored');
    drag({ x: 1000 });
    ann.send('image:transform', { id: 'cat', x: 300 }, 'k');
    assert.equal((await ann.hears('ack')).data.seq, 2);
    // It ends: of what was seen to move, the rest is where it was.
    const back = await late.hears((frame) => frame.type === 'image:transform' && frame.seq === undefined && frame.data.transient === undefined);
    assert.deepEqual(back.data, { id: 'cat', y: 2 });
    const heard = await bob.settled();
    const stored = heard.findIndex((frame) => frame.seq === 2);
    assert.deepEqual(heard[stored].data, { id: 'cat', x: 300 });
    assert.ok(heard.slice(stored).every((frame) => frame.data.transient === undefined), 'no older drag comes behind it');
    drag({ id: 'nothing', x: 1 });
    drag({ x: 5 });
    await bob.hears((frame) => frame.data.x === 5);
    ann.part();
    const gone = await bob.hears((frame) => frame.type === 'image:transform' && frame.data.transient === undefined);
    assert.deepEqual([gone.data, gone.seq], [{ id: 'cat', x: 300 }, undefined], 'who leaves drags nothing');
  });

  test('host10_people hear the cleaned word, nothing is escaped, and it is kept', async (t) => {
    const { join, rawJoin } = people(t, place);
    const [ann, ben] = [await join('words-said'), await rawJoin('/party/words-said')];
    const said = [
      ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
      ['</script>{{7*7}} ${7*7} "quotes" \\ \u2028', '</script>{{7*7}} ${7*7} "quotes" \\'],
      [`q${'\u0301'.repeat(50)}!`, `q${'\u0301'.repeat(8)}!`],
      [`a${'\n'.repeat(500)}b`, 'a\n\n\nb'],
      ['a\u202e\u2066b\u200b \u{1F469}\u200d\u{1F680}', 'ab \u{1F469}\u200d\u{1F680}'],
      ['x'.repeat(2000), 'x'.repeat(2000)],
    ];
    for (const [text, told] of said) {
      ann.send('chat:message', { text });
      for (const client of [ann, ben]) assert.equal((await client.hears('chat:message')).data.text, told);
    }
    for (const [text, code] of [['é'.repeat(2001), 'too_long'], ['x'.repeat(60_000), 'too_long'], [' \u200b\n', 'empty'], ['', 'empty']]) {
      ann.send('chat:message', { text });
      assert.equal((await ann.hears('error')).data.code, code);
    }
    const { chat } = (await rawJoin('/party/words-said')).state;
    assert.deepEqual(chat.map(({ text }) => text), said.map(([, told]) => told));
    assert.deepEqual(Object.keys(chat[0]), ['id', 'userId', 'name', 'color', 'text', 'clientId', 'seq', 'timestamp']);
  });

  test('host10_of many words at once a burst passes, the rest is told when, and others go on', async (t) => {
    const { join } = people(t, place);
    const [ann, ben] = [await join('chatter'), await join('chatter')];
    for (let no = 0; no < 30; no += 1) ann.send('chat:message', { text: `${no}` }, `${no}`);
    const answers = () => ann.frames.filter((frame) => frame.type === 'ack' || frame.type === 'error');
    await until('each is answered', () => answers().length === 30);
    const acks = answers().filter((frame) => frame.type === 'ack').map((frame) => frame.data.id);
    const errors = answers().filter((frame) => frame.type === 'error');
    assert.ok(acks.length >= 10 && errors.length > 0, `${acks.length} and ${errors.length}`);
    assert.deepEqual(acks.slice(0, 10), Array.from({ length: 10 }, (_, no) => `${no}`));
    for (const { data } of errors) {
      assert.equal(data.code, 'rate_limited');
      assert.equal(data.message, 'Too many of these; slow down.');
      assert.ok(data.retryAfterMs > 0 && data.retryAfterMs <= 60_000, `${data.retryAfterMs}`);
    }
    ben.send('chat:message', { text: 'hello' }, 'hello');
    assert.equal((await ben.hears('ack')).data.id, 'hello');
    assert.deepEqual(codes(ben.frames), []);
  });
}
