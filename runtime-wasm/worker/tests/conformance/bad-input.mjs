// Messages that cannot be read or are out of bounds: each gets its one answer, nobody else notices, and nothing changes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, image, people } from './client.mjs';

/** As many as a socket may send of what cannot be read and still be served (LIMIT3). */
const BAD = 9;

/** A message of each type that can be read, and the fields that it may have with the kind of JSON allowed there. */
const TYPES = [
  ['user:join', {}, { name: 'text', color: 'text', avatar: 'text', resume: 'text', view: 'none', since: 'none' }],
  ['user:update', {}, { name: 'text', color: 'text', avatar: 'text', presence: 'object' }],
  ['cursor:move', { x: 1, y: 1 }, { x: 'number', y: 'number' }],
  ['canvas:transform', { x: 1, y: 1, scale: 1 }, { x: 'number', y: 'number', scale: 'number' }],
  [
    'image:add',
    image('new'),
    { id: 'text', src: 'text', x: 'number', y: 'number', width: 'number', height: 'number', rotation: 'number', z: 'text', further: 'scalar' },
  ],
  ['image:transform', { id: 'good', x: 1 }, { id: 'text', src: 'text', x: 'number', z: 'text', transient: 'boolean', further: 'scalar' }],
  ['image:remove', { id: 'good' }, { id: 'text' }],
  ['chat:message', { text: 'hi' }, { text: 'text' }],
];
const VALUES = [['boolean', true], ['number', -1.5], ['text', 'x'], ['list', [1]], ['object', { a: 1 }]];

/** A room with somebody in it who must not notice anything. */
async function scene(t, place, room) {
  const { raw, rawJoin } = people(t, place);
  const path = `/party/${room}`;
  const observer = await rawJoin(path);
  observer.send('image:add', image('good'));
  await observer.hears('ack');
  const state = async () => {
    const client = await rawJoin(path);
    await client.leaves(1000);
    return client.state;
  };
  const before = await state();
  await observer.settled();

  /** Sends the messages, nine to a socket; each gets this error. */
  const refused = async (what, error, messages, { joined = true } = {}) => {
    for (let at = 0; at < messages.length; at += BAD) {
      const some = messages.slice(at, at + BAD);
      const client = joined ? await rawJoin(path) : await raw(path);
      if (!joined) client.question = { type: 'user:leave' };
      const from = client.frames.length;
      some.forEach((message) => client.say(message));
      await client.settled();
      const heard = codes(client.frames.slice(from, -1));
      assert.deepEqual(heard, Array(some.length).fill(error), `${what}: ${some.map((message) => message.slice(0, 100)).join('\n')}`);
      await client.leaves(1000);
    }
  };

  /** Nobody noticed, nothing changed, and the next good edit is taken. */
  const unmoved = async () => {
    assert.deepEqual(await state(), before);
    const heard = (await observer.settled()).filter((frame) => !['user:joined', 'user:left'].includes(frame.type));
    assert.deepEqual(heard, []);
    const good = await rawJoin(path);
    good.send('image:transform', { id: 'good', x: 5 }, 'good');
    assert.equal((await good.hears('ack')).data.seq, 2);
  };
  return { path, raw, rawJoin, observer, refused, unmoved };
}

const message = (type, data) => JSON.stringify({ type, data });
const chat = (text) => message('chat:message', { text });
const transform = (field) => `{"type":"image:transform","data":{"id":"good",${field}}}`;

/** A chat message with something put into its data, and into its envelope. */
const put = (member) => [
  `{"type":"chat:message","data":{"text":"hi",${member}}}`,
  `{"type":"chat:message","data":{"text":"hi"},${member}}`,
  `{"data":{"text":"hi",${member}},"type":"chat:message"}`,
  `{"type":"no:such","data":{${member}}}`,
  `{"type":"chat:message","data":{"text":"hi","deep":[{${member}}]}}`,
];

export function badInput(place) {
  test('host29_what is no message is refused, before the join and after it', async (t) => {
    const { refused, unmoved } = await scene(t, place, 'bad-envelopes');
    const good = chat('hi');
    const bare = [
      '', '{', '}', '[]', '"x"', 'null', 'true', '7', '{}', ' ', 'ping ', 'PING', 'pong', "{'type':'user:leave'}", '{"type":"user:leave",}', '{type:1}',
      '/**/{}', '{"data":{}}', '{"type":null}', '{"type":["user:leave"]}', '{"type":"user:leave"', ' '.repeat(65_536),
    ];
    await refused('no envelope', 'bad_message', bare);
    await refused('no envelope', 'bad_message', bare, { joined: false });
    const around = [`\ufeff${good}`, `${good}x`, `${good}${good}`, `${good},`, `[${good}]`, `\u00a0${good}`, `${good}\0`];
    await refused('around a message', 'bad_message', around);
    const [type, data] = TYPES[4];
    const whole = `{"type":"${type}","data":${JSON.stringify(data)},"id":"\\u0041é","timestamp":1e3}`;
    const cut = Array.from({ length: Math.floor(whole.length / 3) }, (_, no) => whole.slice(0, 3 * no + 1));
    await refused('a message that stops', 'bad_message', cut);
    const strange = ['{"type":"no:such"}', '{"type":"","data":[]}', '{"type":"User:join"}', '{"type":"toString"}', '{"type":"user:join "}'];
    await refused('an unknown type', 'unknown_type', strange);
    await unmoved();
  });

  test('host29_a field of another kind, a missing one, a key twice or one that is special is refused', async (t) => {
    const { refused, unmoved } = await scene(t, place, 'bad-fields');
    for (const [type, data, fields] of TYPES) {
      const messages = [];
      for (const [kind, value] of VALUES) {
        if (kind !== 'object') messages.push(message(type, value));
        if (kind !== 'text') messages.push(JSON.stringify({ type: value, data }), JSON.stringify({ type, data, id: value }));
        for (const [field, allowed] of Object.entries(fields)) {
          if (kind === allowed || (allowed === 'scalar' && !['list', 'object'].includes(kind))) continue;
          messages.push(message(type, { ...data, [field]: value }));
        }
      }
      for (const field of Object.keys(data)) {
        if (type !== 'image:transform' || field === 'id') messages.push(message(type, { ...data, [field]: undefined }));
      }
      await refused(type, 'bad_message', messages, { joined: type !== 'user:join' });
    }
    for (const key of ['__proto__', 'constructor', 'prototype', '\\u005f_proto__', '\\u0063onstructor']) await refused(key, 'bad_message', put(`"${key}":1`));
    for (const twice of ['"k":1,"k":1', '"k":1,"\\u006b":2', '"é":1,"\\u00e9":1', '"":1,"":1']) await refused(twice, 'bad_message', put(twice));
    await refused('twice in the envelope', 'bad_message', [
      '{"type":"user:leave","type":"user:leave"}',
      '{"type":"user:leave","\\u0074ype":"no:such"}',
      '{"type":"chat:message","data":{"text":"a"},"d\\u0061ta":{"text":"b"}}',
      '{"type":"chat:message","data":{"text":"a"},"id":null,"id":"l"}',
      '{"type":"cursor:move","data":{"x":1,"y":1,"\\u0078":2}}',
    ]);
    await unmoved();
  });

  test('host29_depth is bounded wherever it is, and so are texts and numbers that JSON does not have', async (t) => {
    const { refused, unmoved } = await scene(t, place, 'bad-values');
    for (const [open, close, most] of [['[', ']', 30_000], ['{"a":', '}', 9_000]]) {
      for (const levels of [17, most]) {
        const deep = `${open.repeat(levels)}1${close.repeat(levels)}`;
        await refused(`${levels} of ${open}`, 'bad_message', [...put(`"k":${deep}`), deep, open.repeat(levels)]);
      }
    }
    await refused('wide', 'unknown_type', [`{"type":"no:such","data":[${'0,'.repeat(32_000)}0]}`]);
    await refused('6,000 fields', 'too_many', [transform(`${Array.from({ length: 6_000 }, (_, no) => `"k${no}":0`).join()},"x":1`)]);
    for (const text of ['\\ud800', '\\udc00', '\\ud800x', '\\udc00\\ud800', 'a\\u0000', '\\u000', '\\x41', '\u0001', '\n']) {
      await refused(text, 'bad_message', put(`"k":"${text}"`));
    }
    for (const number of ['NaN', 'Infinity', '1e999', '-1e999', '01', '1.', '.5', '+1', '0x10', '1e', '1_000', '１']) {
      await refused(number, 'bad_message', [...put(`"k":${number}`), transform(`"x":${number}`)]);
    }
    await unmoved();
  });

  test('host30_each value out of its bounds has its one reason', async (t) => {
    const { refused, unmoved } = await scene(t, place, 'bad-bounds');
    for (const number of ['1e308', '5e-324', '1e-310', '1000000001', '-1000000001', '9007199254740993', '18446744073709551616']) {
      await refused(number, 'out_of_range', [
        ...['x', 'y', 'width', 'height', 'rotation'].map((field) => transform(`"${field}":${number}`)),
        `{"type":"cursor:move","data":{"x":0,"y":${number}}}`,
        `{"type":"canvas:transform","data":{"x":${number},"y":0,"scale":1}}`,
      ]);
    }
    await refused('sizes', 'out_of_range', ['0', '-0.0', '-1'].flatMap((size) => ['width', 'height'].map((field) => transform(`"${field}":${size}`))));
    const addresses = [
      '', 'x', 'javascript:alert(1)', ' java\nscript:alert(1)', 'data:text/html,x', 'data:image/svg+xml,<svg/>', 'vbscript:x', 'blob:https://e.com/x',
      'file:///etc/passwd', '//e.com/a', 'https:e.com', 'https:///e.com', 'https://u:p@e.com/', 'https://@e.com/', 'https:\\\\e.com', 'https://e.com/\u0001',
      'https://e.com/ a', '/assets/..', '/assets/0', 'http://e.com/', 'ftp://e.com/', `https://e.com/${'a'.repeat(2048)}`,
    ];
    await refused('addresses', 'bad_url', addresses.map((src) => message('image:add', image('new', { src }))));
    await refused('chat that shows nothing', 'empty', ['', ' ', '\n\n', '\u200b\ufeff', '\u2800', '\u202e\u2066', '\u00ad', '\u3164'].map(chat));
    await refused('long chat', 'too_long', [chat('a'.repeat(2_001)), chat('é'.repeat(30_000))]);
    const named = (id) => JSON.stringify({ type: 'chat:message', data: { text: 'a' }, id });
    await refused('nothing', 'empty', [message('image:transform', { id: 'good' }), message('image:remove', { id: '' }), named('')]);
    await refused('long ids', 'too_long', [message('image:remove', { id: 'k'.repeat(129) }), named('k'.repeat(65))]);
    await unmoved();
  });

  test('host31_ten messages that cannot be read end a socket, and six hundred refusals', async (t) => {
    const { path, raw, rawJoin, unmoved } = await scene(t, place, 'abuse');
    for (const enter of [raw, rawJoin]) {
      const client = await enter(path);
      const from = client.frames.length;
      for (let no = 0; no < 10; no += 1) client.say('{');
      assert.deepEqual(await client.refused(), [4509, 'bad_protocol']);
      assert.deepEqual(codes(client.frames.slice(from)), [...Array(10).fill('bad_message'), 'bad_protocol']);
    }
    const client = await raw(path);
    for (let no = 0; no < 600; no += 1) client.say(['{"type":"no:such"}', '{"type":"user:leave"}', '{"type":"cursor:move","data":{"x":1e300,"y":0}}'][no % 3]);
    assert.deepEqual(await client.refused(), [4202, 'rate_limited']);
    const told = codes(client.frames);
    assert.deepEqual(told, [...Array(200).fill(['unknown_type', 'not_joined', 'out_of_range']).flat(), 'rate_limited']);
    await unmoved();
  });

  test('host31_a message of 64 KiB is heard, and a longer or a binary one ends its socket', async (t) => {
    const { path, raw, rawJoin, unmoved } = await scene(t, place, 'sizes');
    const longest = await rawJoin(path);
    for (const pad of ['x', 'é', '\u{1F600}']) {
      const empty = '{"type":"no:such","id":"l","pad":""}';
      const room = 65_536 - empty.length;
      const many = Math.floor(room / Buffer.byteLength(pad));
      const text = empty.replace('""', `"${pad.repeat(many)}${'x'.repeat(room - many * Buffer.byteLength(pad))}"`);
      assert.equal(Buffer.byteLength(text), 65_536);
      longest.say(text);
      assert.deepEqual((await longest.hears('error')).data.code, 'unknown_type', pad);
      const client = await raw(path);
      client.say(`${text} `);
      assert.equal((await client.closed()).code, 1009, pad);
      assert.deepEqual(client.texts, []);
    }
    for (const bytes of [Buffer.from('{}'), Buffer.alloc(0), Buffer.from(chat('hi'))]) {
      for (const enter of [raw, rawJoin]) {
        const client = await enter(path);
        const from = client.texts.length;
        client.socket.send(bytes, { binary: true });
        assert.equal((await client.closed()).code, 1003);
        assert.equal(client.texts.length, from);
      }
    }
    const state = await rawJoin(path);
    assert.deepEqual(state.state.chat, []);
    await unmoved();
  });
}
