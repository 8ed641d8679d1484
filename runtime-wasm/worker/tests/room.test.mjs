// A room in its object: it sleeps and wakes, starts anew, gives its memory back, moves. On real workerd.

import assert from 'node:assert/strict';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ask, json } from './conformance/ask.mjs';
import { image, people, until } from './conformance/client.mjs';
import { native } from './native.mjs';
import { Worker, bundleOf } from './worker.mjs';

const SECRET = 'sixteen-bytes-ok';
const ENTER = (client) => client.send('user:join', { resume: client.joined?.resume, since: client.joined && { epoch: client.joined.epoch, seq: client.seq } });
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A number of the metrics, once they have it. */
async function metric(target, name) {
  const answer = await fetch(`http://${target.host}/metrics`, { headers: { authorization: `Bearer ${SECRET}` } });
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(await answer.text())?.[1] ?? Number.NaN);
}

/** An address that leads to whichever server it is told to. */
class Door {
  static async open(host) {
    const door = new Door();
    door.host = host;
    door.server = createServer((client) => {
      const server = createConnection({ host: '127.0.0.1', port: Number(door.leadsTo.split(':')[1]) });
      for (const [one, other] of [[client, server], [server, client]]) {
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
    });
    await new Promise((resolve) => door.server.listen(0, '127.0.0.1', resolve));
    door.leadsTo = host;
    door.host = `127.0.0.1:${door.server.address().port}`;
    return door;
  }

  close() {
    this.server.close();
  }
}

describe('a room in its object', { concurrency: 3 }, () => {
  const place = {};
  before(async () => (place.target = await Worker.start({ admin: SECRET })));
  after(() => place.target.stop());

  test('cloud1_a room that was forgotten goes on as if it had not been', async (t) => {
    const { join } = people(t, place);
    const ann = await join('forgotten', { name: 'Ann', color: '#112233' });
    const bob = await join('forgotten', { name: 'Bob' });
    await ann.hears('user:joined');
    for (let round = 0; round < 2; round += 1) {
      await place.target.evict('forgotten');
      const [before, heard] = [ann.frames.length, bob.frames.length];
      bob.send('image:add', image(`of-bob-${round}`), `k${round}`);
      assert.equal((await bob.hears('ack')).data.seq, round + 1);
      const added = await ann.hears('image:add');
      assert.deepEqual([added.clientId, added.data.id, added.seq], [bob.joined.clientId, `of-bob-${round}`, round + 1]);
      // A repetition is known, though the machine that knew it is gone.
      await place.target.evict('forgotten');
      bob.send('image:add', image(`of-bob-${round}`), `k${round}`);
      assert.equal((await bob.hears('ack')).data.seq, round + 1);
      assert.ok(ann.frames.slice(before).every(({ type }) => type === 'image:add'), 'nobody hears of its sleep');
      assert.ok(bob.frames.slice(heard).every(({ type }) => type === 'ack'));
    }
    assert.deepEqual([ann.opens, bob.opens], [1, 1], 'the sockets stayed');
    const eve = await join('forgotten', { name: 'Eve' });
    const list = eve.frames.find(({ type }) => type === 'user:list').data.users;
    assert.deepEqual(list.map(({ clientId, name }) => [clientId, name]), [[ann.joined.clientId, 'Ann'], [bob.joined.clientId, 'Bob'], [eve.joined.clientId, 'Eve']]);
    assert.equal(list[0].color, '#112233');
  });

  test('cloud1_the list of rooms is forgotten and woken, and whoever watches it hears only what is new', async (t) => {
    const { raw } = people(t, place);
    const watcher = await raw('/parties/registry/list');
    await watcher.hears('rooms');
    await place.target.evict('registry', 'Registry');
    json(await ask(place, 'POST', '/parties/registry/list', { body: { id: 'after-its-sleep' } }), 201);
    const news = await watcher.hears(({ type, room }) => type === 'room-added' && room.id === 'after-its-sleep');
    assert.equal(news.room.name, 'after-its-sleep');
    assert.equal(watcher.frames.filter(({ type }) => type === 'rooms').length, 1, 'it is not greeted a second time');
  });

  test('cloud2_a room in which nobody does anything sleeps until somebody does', async (t) => {
    const { join } = people(t, place);
    const ann = await join('silent', { name: 'Ann' });
    const bob = await join('silent', { name: 'Bob' });
    const idle = (client, of) => client.hears(({ type, data }) => type === 'user:updated' && data.clientId === of.joined.clientId && data.idle, 120_000);
    await Promise.all([idle(ann, bob), idle(bob, ann)]);
    // What is left to tell is told; then nothing keeps it, and nothing will wake it.
    await place.target.evict('silent');
    assert.equal(await place.target.tell('alarm', { name: 'silent' }), null);
    ann.send('cursor:move', { x: 1, y: 2 });
    await bob.hears('cursor:move');
    assert.deepEqual([ann.opens, bob.opens], [1, 1]);
  });

  test('cloud4_sockets that come back all at once are let in one after another', async (t) => {
    const { raw } = people(t, place);
    const count = 250;
    const began = Date.now();
    const opened = await Promise.all(Array.from({ length: count }, async (_, no) => {
      await raw(`/parties/main/crowd?_pk=p${no}`);
      return Date.now() - began;
    }));
    const spread = Math.max(...opened) - Math.min(...opened);
    assert.ok(spread >= 1000, `all were in within ${spread} ms`);
  });

  test('cloud6_rooms that sleep and wake take no more memory each time', async (t) => {
    const { join } = people(t, place);
    const [ann, bob] = [await join('heavy'), await join('heavy')];
    for (let no = 0; no < 300; no += 1) {
      ann.send('image:add', image(`i${no}`, { src: `https://example.com/${'x'.repeat(1800)}` }), `k${no}`);
      // Below its rate.
      if (no % 50 === 49) await wait(700);
    }
    await until('all are stored', () => ann.frames.filter(({ type }) => type === 'ack').length === 300);
    const wakes = async (times) => {
      for (let round = 0; round < times; round += 1) {
        await place.target.evict('heavy');
        ann.send('cursor:move', { x: times, y: round });
        await bob.hears('cursor:move');
      }
      // Told with the next report.
      await wait(17_000);
      return metric(place.target, 'kanvas_wasm_memory_bytes');
    };
    const first = await wakes(1);
    const then = await wakes(4);
    assert.ok(first > 1_000_000, `${first}`);
    assert.ok(then < first + 4_000_000, `${first} bytes became ${then}`);
  });
});

// Of their own: to forget an object holds up whoever asks the database and the cache of the same simulator.
describe('the app beside a room', { concurrency: 2 }, () => {
  const place = {};
  before(async () => (place.target = await Worker.start()));
  after(() => place.target.stop());

  test('kv5_whoever is in a room is in the cache, and so is the list of rooms', async (t) => {
    const { join } = people(t, place);
    const token = await place.target.token('user_here', { name: 'Hera' });
    await join('cached', {}, { query: { token } });
    const hint = await until('the hint is there', async () => JSON.parse(await place.target.tell('cached', { key: 'presence:user_here' })), 30_000, 200);
    assert.deepEqual([hint.userId, hint.roomId, hint.name], ['user_here', 'cached', 'Hera']);
    const rooms = await until('the list is there', async () => {
      const list = JSON.parse(await place.target.tell('cached', { key: 'rooms:registry' }));
      return list?.some(({ id }) => id === 'cached') && list;
    }, 90_000, 200);
    const { userCount, isPublic } = rooms.find(({ id }) => id === 'cached');
    assert.deepEqual([userCount, isPublic], [1, true]);
  });

  test('db18_a canvas of the app is the room of its id, both ways', async (t) => {
    const { join } = people(t, place);
    const state = { images: [image('from-the-app')], videos: [{ id: 'v1' }], viewport: { x: 1, y: 2, scale: 1 }, version: 3 };
    const now = Date.now();
    await place.target.tell('sql', { text: 'INSERT INTO canvases (id, user_id, title, state_json, is_public, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, 0, ?5, ?5)', values: ['canvas-1', 'user_ann', 'Moods', JSON.stringify(state), now] });
    await place.target.tell('sql', { text: 'INSERT INTO shared_links (id, canvas_id, share_token, expires_at, created_at) VALUES (?1, ?2, ?3, NULL, ?4)', values: ['l1', 'canvas-1', 'let-me-in', now] });
    const guest = await join('canvas-1', {}, { query: { share: 'let-me-in' } });
    assert.equal(guest.joined.room.name, 'Moods');
    assert.deepEqual(guest.frames.find(({ type }) => type === 'state:sync').data.images.map(({ id }) => id), ['from-the-app']);
    const ann = await join('canvas-1', {}, { query: { token: await place.target.token('user_ann') } });
    assert.equal(ann.joined.role, 'owner');
    ann.send('image:add', image('from-the-room'), 'k1');
    await ann.hears('ack');
    const row = await until('the row has it', async () => {
      const [{ state_json: text }] = await place.target.tell('sql', { text: "SELECT state_json FROM canvases WHERE id = 'canvas-1'" });
      return text.includes('from-the-room') && JSON.parse(text);
    }, 30_000, 200);
    assert.deepEqual(row.images.map(({ id }) => id).toSorted(), ['from-the-app', 'from-the-room']);
    assert.deepEqual([row.videos, row.viewport, row.version], [state.videos, state.viewport, 3]);
  });
});

describe('objects that begin anew, and servers that cannot begin', { concurrency: 2 }, () => {
  test('cloud3_a trap costs the room nothing that was acknowledged, and other rooms nothing at all', async (t) => {
    const target = await Worker.start({ from: bundleOf(join(import.meta.dirname, 'trapping.ts'), 'trapping') });
    t.after(() => target.stop());
    const { connect, join: joins } = people(t, { target });
    const beside = await joins('beside');
    const ann = connect('trapped', { onOpen: ENTER });
    ann.joined = (await ann.hears('room:joined')).data;
    await ann.hears('user:list');
    ann.send('image:add', image('kept'), 'k1');
    assert.equal((await ann.hears('ack')).data.seq, 1);
    ann.send('chat:message', { text: 'make it trap' }, 'k2');
    const again = (await ann.hears('room:joined')).data;
    assert.equal(ann.opens, 2);
    assert.equal(again.seq, 1);
    ann.send('chat:message', { text: 'make it trap' }, 'k2');
    assert.equal((await ann.hears(({ type, data }) => type === 'ack' && data.id === 'k2')).data.seq, 2);
    beside.send('chat:message', { text: 'still here' }, 'b1');
    await beside.hears('ack');
    assert.equal(beside.opens, 1);
  });

  test('cloud5_what the entry refuses wakes no object', async (t) => {
    // Of its own: nobody else makes objects there.
    const target = await Worker.start();
    t.after(() => target.stop());
    const { raw } = people(t, { target });
    const before = await target.tell('objects');
    const evil = await raw('/parties/main/never-1', { headers: { origin: 'https://evil.example' } });
    assert.equal(evil.answer.status, 403);
    for (const query of ['token=x', 'dialect=klingon']) assert.ok((await (await raw(`/parties/main/never-2?${query}`)).refused())[0] >= 4500);
    for (const [method, path] of [['GET', '/parties/main/a%20b'], ['POST', '/parties/main/never-3'], ['GET', '/parties/none/never-4']]) {
      assert.ok((await ask({ target }, method, path)).status >= 400);
    }
    assert.equal(await target.tell('objects'), before);
  });

  test('cloud7_settings that cannot be are told, each with what it must be', async (t) => {
    const vars = { KANVAS_LEASE_GRACE: '3', KANVAS_ADMIN_SECRET: 'too short', KANVAS_GUEST_KEY: 'too short', KANVAS_ALLOWED_ORIGINS: 'app.example.com', CLERK_AUTHORIZED_PARTIES: 'http://localhost:3000', CLERK_JWKS_URL: 'http://keys.example.com' };
    const target = await Worker.start({ auth: 'required', vars });
    t.after(() => target.stop());
    for (const path of ['/', '/healthz', '/parties/main/a']) {
      const answer = await ask({ target }, 'GET', path);
      const { error, message } = JSON.parse(answer.body);
      assert.deepEqual([answer.status, error], [500, 'misconfigured']);
      for (const name of Object.keys(vars).filter((name) => name !== 'CLERK_AUTHORIZED_PARTIES')) assert.ok(message.includes(name), message);
      assert.match(message, /http:\/\/localhost:3000 is a page of whichever machine/);
      assert.match(message, /25 to 86400/);
      assert.ok(!message.includes('too short'));
    }
  });
});

test('cloud8_a live room moves to an object and back, and its people notice nothing but a pause', async (t) => {
  const from = await native({ auth: 'dev', admin: SECRET });
  t.after(() => from.stop());
  const to = await Worker.start({ admin: SECRET, vars: { KANVAS_GUEST_KEY: await from.guestKey() } });
  t.after(() => to.stop());
  const door = await Door.open(from.host);
  t.after(() => door.close());
  const { connect } = people(t, { target: { host: door.host } });
  // Each host knows people by tokens of its own; who they are is the same. One that is asked for just before the door
  // leads elsewhere is of no use there: they ask again.
  const asks = (user) => async () => ({ token: await (door.leadsTo === from.host ? from : to).token(user) });
  const clients = ['user_ann', 'user_bob', null].map((user) => connect('travels', { onOpen: ENTER, query: user ? asks(user) : {}, shouldReconnectOnClose: () => true }));
  const [ann, bob, guest] = clients;
  for (const client of clients) {
    client.joined = (await client.hears('room:joined')).data;
    await client.hears('user:list');
  }
  const ids = clients.map(({ joined }) => joined.clientId);
  let edits = 0;
  const begin = () => {
    const id = `e${(edits += 1)}`;
    ann.send('image:add', image(id), id);
    return ({ type, data }) => type === 'ack' && data.id === id;
  };
  const edit = () => ann.hears(begin());
  const act = async (target, method, body) => {
    const answer = await fetch(`http://${target.host}/api/rooms/travels/handover`, { method, body, headers: { authorization: `Bearer ${SECRET}` } });
    assert.ok(answer.ok, `${method}: ${answer.status} ${answer.ok ? '' : await answer.text()}`);
    return new Uint8Array(await answer.arrayBuffer());
  };
  const move = async (source, target) => {
    const file = await act(source, 'POST');
    await until('Ann is out', () => ann.socket.readyState !== 1);
    await act(target, 'PUT', file);
    door.leadsTo = target.host;
    await act(source, 'DELETE');
    for (const client of clients) client.joined = (await client.hears('room:joined')).data;
    await edit();
  };
  await edit();
  await move(from, to);
  await edit();
  await move(to, from);
  await edit();
  await until('the others have heard of all', () => bob.seq === edits && guest.seq === edits);
  assert.deepEqual(clients.map(({ joined }) => joined.clientId), ids, 'they are the same clients');
  const heard = clients.flatMap(({ frames }) => frames.map(({ type }) => type));
  assert.ok(!heard.includes('user:left') && heard.filter((type) => type === 'user:joined').length <= 3, 'nobody came or went');
  const status = (target) => fetch(`http://${target.host}/parties/main/travels`).then((answer) => answer.status);
  assert.deepEqual([await status(from), await status(to)], [200, 404]);
  const wrong = await fetch(`http://${to.host}/api/rooms/travels/handover`, { method: 'PUT', body: 'no room', headers: { authorization: `Bearer ${SECRET}` } });
  assert.deepEqual([wrong.status, (await wrong.json()).error], [400, 'bad_body']);
});

describe('a back end', { timeout: 180_000 }, () => {
  const place = { target: null };
  const api = async (status, method, path, body) => {
    const answer = await ask(place, method, `/api/rooms${path}`, { token: SECRET, headers: body && { 'content-type': 'application/json' }, body });
    return json(answer, status);
  };
  before(async () => {
    place.target = await Worker.start({ admin: SECRET });
  });
  after(() => place.target.stop());

  test('cloud10_private rooms are found though the registry was forgotten', async () => {
    await api(201, 'POST', '', { id: 'hidden', isPublic: false });
    const found = async () => (await api(200, 'GET', '?q=hidden')).rooms.map(({ isPublic }) => isPublic);
    await until('it is listed', async () => (await found()).length === 1);
    await place.target.evict('registry', 'Registry');
    assert.deepEqual(await found(), [false]);
    await api(200, 'PATCH', '/hidden', { isPublic: true });
    await until('it is public', async () => (await found())[0] === true);
    assert.equal((await found()).length, 1);
  });

  test('cloud10_the largest canvas is taken in the longest body, read and exported', async () => {
    await api(201, 'POST', '', { id: 'huge' });
    const src = `https://example.com/${'a'.repeat(1900)}`;
    const note = 'n'.repeat(1100);
    const images = Array.from({ length: 2600 }, (_, no) => image(`i${no}`, { src, note }));
    await api(200, 'PUT', '/huge/canvas', JSON.stringify({ images }).padEnd(16 * 1024 * 1024, ' '));
    assert.equal((await api(200, 'GET', '/huge/canvas')).images.length, images.length);
    const document = await api(200, 'GET', '/huge/export');
    await api(200, 'PUT', '/huge/import', JSON.stringify(document).padEnd(16 * 1024 * 1024, ' '));
    assert.deepEqual((await api(200, 'GET', '/huge/canvas')).images, document.images);
  });

  test('cloud10_a restore works through so many events and no more', async () => {
    await api(201, 'POST', '', { id: 'long' });
    const put = async (x) => (await api(200, 'PUT', '/long/canvas', { images: Array.from({ length: 4999 }, (_, no) => image(`i${no}`, { x })) })).seq;
    await put(0);
    const [{ at }] = (await api(200, 'GET', '/long/history?limit=1')).rows;
    for (const x of [1, 2, 3]) await put(x);
    const { seq, changed } = await api(200, 'POST', '/long/restore', { asOf: at, preview: true });
    assert.deepEqual([seq, changed.length], [4 * 4999, 4999]);
    for (const x of [4, 5]) await put(x);
    const over = await api(409, 'POST', '/long/restore', { asOf: at });
    assert.deepEqual(over, { error: 'too_many', message: 'More than 20000 events, or 8 MiB of them, have happened since; choose a later time.' });
    const { images } = await api(200, 'GET', '/long/canvas');
    assert.deepEqual([images.length, images[0].x], [4999, 5]);
  });
});
