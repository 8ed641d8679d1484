// Kills at any moment: what was acknowledged is there, and people come back by themselves.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ask, json, refused, told } from './ask.mjs';
import { image, people, until } from './client.mjs';

const LIST = '/parties/registry/list';
const ROUNDS = 4;
const EDITORS = 4;
const EDITS = 30;

/** Mulberry32: the same moments for the same seed. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Adds one image after another, and sends again at every opening what was not acknowledged. */
class Editor {
  acked = new Map();
  pending = new Map();
  resent = 0;
  #most = 0;
  #next = 0;

  constructor(name, connect) {
    this.name = name;
    this.client = connect('kills', { onOpen: (client) => this.#opens(client) });
    const follow = this.client.hear.bind(this.client);
    this.client.hear = (text) => {
      follow(text);
      this.#answered(this.client.frames.at(-1));
    };
  }

  #opens(client) {
    // It knows nothing of the log, so that it hears all of it.
    client.seq = null;
    client.send('user:join');
    for (const [id, data] of this.pending) client.send('image:add', data, id);
    this.resent += this.pending.size;
    this.#edits();
  }

  /** Has it go on until so many more are acknowledged: fewer than its rate lets through, however long a host takes to start. */
  goesOn(more) {
    this.#most = this.acked.size + more;
    if (this.client.opens > 0) this.#edits();
  }

  #edits() {
    while (this.acked.size + this.pending.size < this.#most && this.pending.size < 3) this.#edit();
  }

  #edit() {
    const id = `${this.name}-${(this.#next += 1)}`;
    this.pending.set(id, image(id));
    this.client.send('image:add', image(id), id);
  }

  #answered({ type, data }) {
    if (type !== 'ack' || !this.pending.delete(data.id)) return;
    this.acked.set(data.id, data.seq);
    this.#edits();
  }
}

export function restart(place) {
  test('host32_everything that was acknowledged is there after a kill', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const [ann, vic, eve] = await Promise.all(['user_ann', 'user_vic', 'user_eve'].map((user) => place.target.token(user)));
    const owner = await rawJoin(`/party/kept?token=${ann}&_pk=ann`, { name: 'Ann' });
    const guest = await rawJoin('/party/kept?_pk=gil', { name: 'Gil' });
    owner.send('image:add', image('cat', { caption: 'wóof' }), 'k1');
    owner.send('image:add', image('dog'), 'k2');
    owner.send('image:transform', { id: 'cat', x: 77, rotation: 5 }, 'k3');
    owner.send('image:remove', { id: 'dog' }, 'k4');
    guest.send('chat:message', { text: 'héllo' }, 'c1');
    await guest.hears('ack');
    owner.send('room:update', { name: 'Kept', defaultRole: 'viewer' }, 'k5');
    owner.send('member:role', { userId: 'user_vic', role: 'editor' }, 'k6');
    owner.send('member:ban', { userId: 'user_eve' }, 'k7');
    await owner.hears((frame) => frame.type === 'ack' && frame.data.id === 'k7');
    const file = Buffer.concat([Buffer.from('GIF89a'), Buffer.alloc(100_000, 'file ')]);
    json(await ask(place, 'PUT', '/assets?room=kept', { body: file, token: ann }), 201);
    const link = json(await ask(place, 'POST', '/party/kept/shares', { token: ann, body: { role: 'editor' } }), 201);
    const gone = json(await ask(place, 'POST', '/party/kept/shares', { token: ann, body: { role: 'editor' } }), 201);
    told(await ask(place, 'DELETE', `/party/kept/shares/${gone.token}`, { token: ann }), 204, null);
    for (const id of ['only-made', 'deleted']) json(await ask(place, 'POST', LIST, { token: ann, body: { id } }), 201);
    told(await ask(place, 'DELETE', `${LIST}/deleted`, { token: ann }), 204, null);
    const last = await rawJoin('/party/kept?view=readonly');
    const before = { state: last.state, room: last.joined.room, epoch: last.joined.epoch };
    const clients = [owner, guest, last].map((client) => client.joined.clientId);

    await place.target.restart();

    const again = await rawJoin('/party/kept?_pk=gil');
    assert.deepEqual({ state: again.state, room: again.joined.room, epoch: again.joined.epoch }, before);
    assert.equal(again.joined.userId, guest.joined.userId, 'a guest is the same person');
    assert.ok(!clients.includes(again.joined.clientId), 'no client has the name of another');
    const { state } = await rawJoin('/party/kept', { since: { epoch: before.epoch, seq: 0 } });
    const events = new Map([owner, guest].flatMap((client) => client.frames.filter((frame) => frame.seq !== undefined).map((frame) => [frame.seq, frame])));
    assert.deepEqual(state.ops, Array.from({ length: events.size }, (_, no) => events.get(no + 1)), 'the log, exactly as it was sent');
    assert.equal((await rawJoin(`/party/kept?token=${vic}`)).joined.role, 'editor');
    const banned = await raw(`/party/kept?token=${eve}`);
    banned.send('user:join', {});
    assert.deepEqual(await banned.refused(), [4504, 'banned']);
    const back = await rawJoin(`/party/kept?token=${ann}&_pk=ann`);
    assert.equal(back.joined.role, 'owner');
    const next = before.state.seq + 1;
    back.send('image:transform', { id: 'cat', x: 77, rotation: 5 }, 'k3');
    const acked = owner.frames.find((frame) => frame.type === 'ack' && frame.data.id === 'k3');
    assert.deepEqual((await back.hears('ack')).data, acked.data, 'an edit that is sent again is known');
    back.send('image:remove', { id: 'cat' }, 'k8');
    assert.equal((await back.hears('ack')).data.seq, next, 'the log goes on');
    const shares = json(await ask(place, 'GET', '/party/kept/shares', { token: ann })).shares;
    assert.deepEqual(shares, [{ id: link.id, role: 'editor', expiresAt: null }]);
    assert.equal((await rawJoin(`/party/kept?share=${link.token}`)).joined.role, 'editor');
    const hash = createHash('sha256').update(file).digest('hex');
    assert.ok((await ask(place, 'GET', `/assets/${hash}`)).bytes.equals(file));
    const late = await raw('/party/deleted');
    late.send('user:join', {});
    assert.deepEqual(await late.refused(), [4502, 'not_found']);
    refused(await ask(place, 'GET', '/party/deleted'), 404, 'not_found');
    const { rooms } = json(await ask(place, 'GET', `${LIST}?sort=name`));
    assert.deepEqual(rooms.map(({ id, name, creatorName }) => [id, name, creatorName]), [['kept', 'Kept', 'Ann'], ['only-made', 'only-made', null]]);
    assert.equal(rooms[1].userCount, 0);
  });

  test('host33_after a kill people come back by themselves and have missed nothing', async (t) => {
    const { connect } = people(t, place);
    const enters = (client) => {
      const { joined, seq } = client;
      client.send('user:join', joined ? { resume: joined.resume, since: { epoch: joined.epoch, seq } } : {});
    };
    const [ann, ben] = [connect('cut-off', { onOpen: enters }), connect('cut-off', { onOpen: enters })];
    for (const client of [ann, ben]) {
      client.joined = (await client.hears('room:joined')).data;
      await client.hears('user:list');
    }
    ann.send('image:add', image('cat'), 'k1');
    await ann.hears('ack');
    await ben.hears('image:add');
    // Ben is away for a while, and misses an edit.
    ben.socket.close();
    await ben.closed();
    ann.send('image:transform', { id: 'cat', x: 99 }, 'k2');
    await ann.hears('ack');

    await place.target.restart();
    ben.socket.reconnect();

    for (const [client, ops] of [[ben, [{ id: 'cat', x: 99 }]], [ann, []]]) {
      assert.equal((await client.hears('room:joined')).data.epoch, client.joined.epoch);
      const state = (await client.hears('state:sync')).data;
      assert.deepEqual([state.mode, state.ops.map((op) => op.data)], ['delta', ops]);
      await client.hears('user:list');
    }
    ben.send('chat:message', { text: 'here again' });
    assert.equal((await ann.hears('chat:message')).seq, 3);
    assert.deepEqual([ann.seq, ben.opens], [3, 2]);
  });

  test('host33_whatever the moment of a kill, each acknowledged edit is there once, at its place', async (t) => {
    const { connect, rawJoin } = people(t, place);
    const seed = Number(process.env.KANVAS_SEED ?? Date.now() % 1e6);
    t.diagnostic(`KANVAS_SEED=${seed}`);
    const dice = random(seed);
    const editors = Array.from({ length: EDITORS }, (_, no) => new Editor(`e${no}`, connect));
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = editors.map((editor) => editor.acked.size);
      editors.forEach((editor) => editor.goesOn(EDITS));
      await until('everyone had edits acknowledged', () => editors.every((editor, no) => editor.acked.size > before[no] + 3));
      await new Promise((resolve) => setTimeout(resolve, dice() * 30));
      await place.target.restart();
    }
    await until('every edit found its answer', () => editors.every((editor) => editor.pending.size === 0));
    const { joined, state } = await rawJoin('/party/kills');
    const log = (await rawJoin('/party/kills', { since: { epoch: joined.epoch, seq: 0 } })).state.ops.map((op) => op.data.id);
    assert.equal(new Set(log).size, log.length, 'no edit is in the log twice');
    assert.deepEqual(state.images.map(({ id }) => id).sort(), log.toSorted());
    for (const [id, seq] of editors.flatMap((editor) => [...editor.acked])) assert.equal(log[seq - 1], id, `${id} was acknowledged at ${seq}`);
    assert.ok(editors.some((editor) => editor.resent > 0), 'some kills came between an edit and its ack');
  });
}
