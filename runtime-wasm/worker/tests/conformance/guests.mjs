// Guests where people may also sign in: they look on in rooms that are there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, json, refused, told, unknown } from './ask.mjs';
import { image } from './client.mjs';
import { signedIn } from './roles.mjs';

export function guests(place) {
  test('host13_a guest looks on in rooms that are there, and makes none', async (t) => {
    const { enter, raw, rawJoin } = signedIn(t, place);
    const ann = await enter('visited', 'user_ann');
    const gil = await rawJoin('/party/visited?_pk=gil', { name: 'Gil' });
    assert.match(gil.joined.userId, /^guest:[0-9a-f]{16}$/);
    assert.deepEqual([ann.joined.role, gil.joined.role], ['owner', 'viewer']);
    gil.send('image:add', image('cat'), 'k1');
    assert.equal((await gil.hears('error')).data.code, 'forbidden');
    gil.send('chat:message', { text: 'hello' });
    assert.equal((await ann.hears('chat:message')).data.userId, gil.joined.userId);
    ann.send('room:update', { guestRole: 'editor' }, 'k1');
    assert.equal((await gil.hears('user:updated')).data.role, 'editor');
    gil.send('image:add', image('cat'), 'k2');
    await gil.hears((frame) => frame.type === 'ack' && frame.data.id === 'k2');
    ann.send('room:update', { isPublic: false }, 'k2');
    assert.deepEqual(await gil.refused(), [4501, 'forbidden']);
    const founder = await raw('/party/nobody-was-here');
    founder.send('user:join', {});
    assert.deepEqual(await founder.refused(), [4502, 'not_found']);
    refused(await ask(place, 'GET', '/party/nobody-was-here'), 404, 'not_found');
    unknown(await ask(place, 'POST', '/parties/registry/list', { body: {} }), 'token_required', 'There is no token; sign in.');
    refused(await ask(place, 'PUT', '/assets?room=nobody-was-here', { body: 'GIF89a..' }), 404, 'not_found');
  });

  test('host15_a ban of a guest keeps out every guest of their address, and nobody who signs in', async (t) => {
    const { enter, raw, rawJoin } = signedIn(t, place);
    const ann = await enter('guest-ban', 'user_ann');
    const gil = await rawJoin('/party/guest-ban?_pk=one');
    ann.send('member:role', { userId: gil.joined.userId, role: 'owner' }, 'no');
    assert.equal((await ann.hears('error')).data.code, 'conflict');
    ann.send('member:ban', { userId: gil.joined.userId }, 'ban');
    assert.deepEqual(await gil.refused(), [4504, 'banned']);
    for (const pk of ['one', 'two']) {
      const again = await raw(`/party/guest-ban?_pk=${pk}`);
      again.send('user:join', {});
      assert.deepEqual(await again.refused(), [4504, 'banned'], pk);
    }
    assert.equal((await enter('guest-ban', 'user_bob')).joined.role, 'editor');
  });

  test('host18_a bad token makes nobody a guest', async (t) => {
    const { enter, raw } = signedIn(t, place);
    await enter('no-guest', 'user_ann');
    assert.deepEqual(await (await raw('/party/no-guest?token=x.y.z')).refused(), [4510, 'token_invalid']);
    assert.deepEqual(await (await raw('/party/no-guest?token=')).refused(), [4102, 'token_required']);
    assert.equal((await ask(place, 'GET', '/party/no-guest', { token: 'x.y.z' })).status, 401);
    const room = json(await ask(place, 'GET', '/party/no-guest'));
    assert.equal(room.userCount, 1);
    told(await ask(place, 'GET', '/party/no-guest'), 200, room);
  });

  test('host19_a guest has nothing to renew', async (t) => {
    const { enter, rawJoin } = signedIn(t, place);
    await enter('renewed', 'user_ann');
    const gil = await rawJoin('/party/renewed');
    gil.send('auth:refresh', { token: await place.target.token('user_gil') }, 'r');
    const { data } = await gil.hears('error');
    assert.deepEqual([data.code, data.ref], ['forbidden', 'r']);
    assert.deepEqual(await gil.settled(), []);
  });
}
