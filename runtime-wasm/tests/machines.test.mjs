// The machines as JavaScript has them: bytes and JSON in, one view or JSON out, and a sentence for what is none.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { build, load, root } from '../build/module.mjs';

const NOW = 1_800_000_000_000;
const text = (bytes) => Buffer.from(bytes).toString();

describe('machines', () => {
  let wasm;
  before(async () => { wasm = await load(build(join(root, 'target/wasm/rooms-with-clerk'), ['clerk'])); });

  test('wasm1_a room says first what it wants of storage, and is the same once restored', () => {
    const room = new wasm.Room('board', 7n, NOW, '{"limits":{"images":3}}');
    assert.ok(room.outbox().length > 0);
    assert.ok(room.deadline() === undefined || room.deadline() >= NOW);
    const saved = room.save();
    assert.deepEqual(wasm.Room.restore(saved, NOW).save(), saved);
    assert.throws(() => wasm.Room.restore(saved.subarray(1), NOW), /saved/);
    assert.throws(() => new wasm.Room('no room/', 7n, NOW), /no room id/);
    assert.throws(() => new wasm.Room('board', 7n, NOW, '{"limits":{"pictures":3}}'), /no limits\.pictures/);
    assert.throws(() => new wasm.Room('board', 7n, NOW, '{"limits":'), /the configuration: /);
    assert.throws(() => room.handle(10_000_000), /inbox/);
    room.inbox(4).set([255, 255, 255, 255]);
    assert.throws(() => room.handle(4), /input/);
  });

  test('wasm2_a list is kept, paged, watched and restored', () => {
    const list = new wasm.Directory(7n);
    list.connect(NOW, 1, 1, 'ada');
    assert.match(text(list.outbox()), /"rooms":\[\]/);
    const listing = { id: 'board', name: 'The board', isPublic: true, createdAt: NOW, lastActivity: NOW, userCount: 2, creatorName: null };
    list.announced(NOW, JSON.stringify(listing));
    list.tick(list.deadline() ?? NOW);
    assert.match(text(list.outbox()), /The board/);
    const page = JSON.parse(text(list.page('the')));
    assert.deepEqual([page.total, page.rooms[0].name, page.rooms[0].userCount], [1, 'The board', 2]);
    assert.equal(JSON.parse(text(list.page('nothing like it'))).total, 0);
    assert.throws(() => list.announced(NOW, '{"id":"x"}'), /missing field/);
    assert.throws(() => list.forgotten(NOW, 'no room/'), /no room id/);
    assert.throws(() => list.page(undefined, 'size'), /sort/);
    const saved = list.save();
    assert.deepEqual(wasm.Directory.restore(saved).save(), saved);
    assert.throws(() => wasm.Directory.restore(saved.subarray(0, -1)), Error);
    list.forgotten(NOW, 'board');
    assert.equal(JSON.parse(text(list.page())).total, 0);
  });

  test('wasm3_a session token is checked as natively', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' });
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = (claims) => {
      const words = `${part({ alg: 'RS256', typ: 'JWT', kid: 'one' })}.${part({ iss: 'https://clerk.example.com', sub: 'user_1', iat: NOW / 1000, nbf: NOW / 1000 - 5, exp: NOW / 1000 + 60, sid: 'sess_1', ...claims })}`;
      return `${words}.${sign('sha256', Buffer.from(words), privateKey).toString('base64url')}`;
    };
    const ring = wasm.KeyRing.pinned(pem, '{"issuer":"https://clerk.example.com"}');
    assert.equal(ring.isReady, true);
    const answer = (claims) => JSON.parse(ring.check(NOW, 1, token(claims)))[0];
    assert.equal(answer({}).session.user, 'user_1');
    assert.equal(answer({ exp: NOW / 1000 - 600 }).refused, 'expired');
    assert.match(answer({ iss: 'https://other.example.com' }).refused, /issuer/);
    assert.throws(() => wasm.KeyRing.pinned('no key', '{}'), Error);
    assert.throws(() => wasm.KeyRing.pinned(pem, '{"isuer":"x"}'), /the checks: unknown field/);
    const fetching = new wasm.KeyRing('{}', NOW);
    assert.deepEqual(JSON.parse(fetching.take()), [{ fetch: 1 }]);
    assert.equal(fetching.isReady, false);
  });
});
