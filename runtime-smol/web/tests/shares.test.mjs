import { test } from 'node:test';
import assert from 'node:assert/strict';
import { SPANS, Shares, endInWords, shareAddress } from '../shares.js';

function server(answers) {
  const asked = [];
  const fetch = async (address, { method, headers, body }) => {
    asked.push([method, address, headers.Authorization, body && JSON.parse(body)]);
    const [status, told] = answers.shift();
    return { ok: status < 300, status, json: async () => (told === undefined ? JSON.parse('') : told) };
  };
  return { asked, shares: new Shares({ origin: 'https://k.test', room: 'r', token: () => 't', fetch }) };
}

test('links are asked for, made and revoked with the token of the one who asks', async () => {
  const { asked, shares } = server([[201, { id: 'a', token: 'a1' }], [201, { id: 'b', token: 'b2' }], [204], [200, { shares: [{ id: 'x', expiresAt: 5 }, { id: 'a', expiresAt: null }, { id: 'y', expiresAt: 9 }] }]]);
  assert.equal((await shares.make({ role: 'viewer', expiresAt: null })).token, 'a1');
  await shares.make({ role: 'editor', expiresAt: 7 });
  await shares.revoke('b');
  assert.deepEqual((await shares.list()).map(({ id, token }) => [id, token]), [['a', 'a1'], ['y', null], ['x', null]], 'tokens are told once');
  const at = 'https://k.test/parties/main/r/shares';
  assert.deepEqual(asked, [
    ['POST', at, 'Bearer t', { role: 'viewer' }], ['POST', at, 'Bearer t', { role: 'editor', expiresAt: 7 }],
    ['DELETE', `${at}/b`, 'Bearer t', undefined], ['GET', at, 'Bearer t', undefined],
  ]);
});

test('a refusal is a sentence, whatever came', async () => {
  const { shares } = server([[401, {}], [403, { error: 'forbidden', message: 'No.' }], [422, { error: { code: 'x', message: 'Too many links.' } }], [409, { error: 'x', message: 'There.' }], [500], [200, {}]]);
  for (const pattern of [/Sign in again/, /Only an owner/, /Too many links/, /There/, /answered 500/, /something else/]) await assert.rejects(shares.list(), pattern);
  const away = new Shares({ origin: 'https://k.test', room: 'r', token: () => null, fetch: async () => { throw new TypeError('failed'); } });
  await assert.rejects(away.list(), /cannot be reached/);
});

test('an end is told as it was chosen, and an address as the page has it', () => {
  const words = SPANS.map(([, span]) => endInWords(span === null ? null : 1_000 + span, 1_000));
  assert.deepEqual(words, ['Never ends', 'Ends in 60 minutes', 'Ends in 24 hours', 'Ends in 7 days']);
  assert.deepEqual([endInWords(61_000, 1_000), endInWords(1_000, 1_000)], ['Ends in 1 minute', 'Has ended']);
  assert.equal(shareAddress('https://k.test/', 'my-room'), 'https://k.test/?room=my-room');
  assert.equal(shareAddress('https://k.test/', 'my-room', 'ab'), 'https://k.test/?room=my-room&share=ab');
});
