// Links that let others in, over plain HTTP: made, listed, used and revoked by owners.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, json, matters, refused, told, unknown } from './ask.mjs';
import { people } from './client.mjs';

const WANTED = 'Send JSON with a role, viewer or editor, and perhaps expiresAt in ms since the Unix epoch.';
const FAR = 4_000_000_000_000;

/** A private room of Ann's. */
async function den(place, id) {
  const ann = await place.target.token('user_ann');
  json(await ask(place, 'POST', '/parties/registry/list', { token: ann, body: { id, isPublic: false } }), 201);
  const shares = `/parties/main/${id}/shares`;
  return {
    ann,
    shares,
    share: async (body) => json(await ask(place, 'POST', shares, { token: ann, body }), 201),
    listed: async () => json(await ask(place, 'GET', shares, { token: ann })).shares,
  };
}

export function links(place) {
  test('host26_a link is made, listed, used and revoked', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const { ann, shares, share, listed } = await den(place, 'links');
    told(await ask(place, 'GET', shares, { token: ann }), 200, { shares: [] });
    const answer = await ask(place, 'POST', shares, { token: ann, body: { role: 'editor' } });
    const one = json(answer, 201);
    assert.match(one.token, /^[0-9a-f]{32}$/);
    assert.match(one.id, /^[0-9a-f]{32}$/);
    told(answer, 201, { id: one.id, token: one.token, role: 'editor', expiresAt: null });
    const two = await share({ role: 'viewer', expiresAt: FAR, note: 'unknown fields are ignored' });
    assert.deepEqual({ ...two, id: '', token: '' }, { id: '', token: '', role: 'viewer', expiresAt: FAR });
    assert.notEqual(two.token, one.token);
    const public_ = ({ id, role, expiresAt }) => ({ id, role, expiresAt });
    assert.deepEqual((await listed()).toSorted((a, b) => a.role.localeCompare(b.role)), [public_(one), public_(two)], 'without their tokens');
    const gil = await rawJoin(`/party/links?share=${one.token}`);
    const eve = await rawJoin(`/party/links?share=${two.token}`);
    assert.deepEqual([gil.joined.role, eve.joined.role], ['editor', 'viewer']);
    assert.equal(json(await ask(place, 'GET', `/party/links?share=${two.token}`)).userCount, 2);
    const bob = await place.target.token('user_bob');
    assert.equal((await rawJoin(`/party/links?token=${bob}&share=${two.token}`)).joined.role, 'viewer');
    for (const secret of [one.id, '', 'x', one.token.toUpperCase(), '0'.repeat(32)]) {
      const client = await raw(`/party/links?share=${secret}`);
      client.send('user:join', {});
      assert.deepEqual(await client.refused(), [4501, 'forbidden'], 'who knows the id has no link');
    }
    told(await ask(place, 'DELETE', `${shares}/${one.token}`, { token: ann }), 204, null);
    assert.deepEqual(await gil.refused(), [4501, 'forbidden']);
    assert.equal((await eve.hears((frame) => frame.type === 'user:left')).data.reason, 'expired');
    told(await ask(place, 'DELETE', `${shares}/${two.id}`, { token: ann }), 204, null);
    assert.deepEqual(await listed(), []);
    for (const name of [one.token, two.id, 'x', '..%2f..', 'a/b']) {
      refused(await ask(place, 'DELETE', `${shares}/${name}`, { token: ann }), 404, 'not_found', 'There is no such link.');
    }
  });

  test('host26_only owners make and see links', async (t) => {
    const { rawJoin } = people(t, place);
    const { ann, shares, share, listed } = await den(place, 'links-of-ann');
    const owner = await rawJoin(`/party/links-of-ann?token=${ann}`);
    owner.send('member:role', { userId: 'user_bob', role: 'editor' }, 'r');
    await owner.hears('ack');
    const bob = await place.target.token('user_bob');
    const { token } = await share({ role: 'editor' });
    for (const [method, path] of [['GET', shares], ['POST', shares], ['DELETE', `${shares}/${token}`]]) {
      const by = (who, where = path) => ask(place, method, where, { token: who, body: method === 'POST' ? { role: 'viewer' } : undefined });
      refused(await by(bob), 403, 'forbidden');
      unknown(await by(undefined), 'token_required', 'There is no token; sign in.');
      unknown(await by(undefined, `${path}?share=${token}`), 'token_required', 'There is no token; sign in.');
      unknown(await by('not.a.token'), 'token_invalid', 'The token cannot be read; send a session token of Clerk as it is.');
      refused(await by(ann, path.replace('links-of-ann', 'nowhere')), 404, 'not_found');
    }
    assert.equal((await listed()).length, 1);
    refused(await ask(place, 'GET', '/party/nowhere', { token: ann }), 404, 'not_found');
  });

  test('host26_a body that is no link is refused with its reason, and a room has a hundred', async () => {
    const { ann, shares, share, listed } = await den(place, 'links-odd');
    const post = (body) => ask(place, 'POST', shares, { token: ann, body });
    for (const body of [
      '',
      '{}',
      '[]',
      '{"role":"king"}',
      '{"role":null}',
      '{"role":"viewer","role":"editor"}',
      '{"role":"viewer","expiresAt":"soon"}',
      '{"role":"viewer","expiresAt":-1}',
      '{"role":"viewer","expiresAt":1.5}',
      '{"role":"viewer","expiresAt":1e300}',
      '{"role":"viewer"} x',
      '['.repeat(16_000),
    ]) {
      refused(await post(body), 400, 'bad_body', WANTED);
    }
    refused(await post({ role: 'viewer', expiresAt: 1 }), 400, 'out_of_range', 'The link would have ended already; expiresAt is in ms.');
    refused(await post({ role: 'owner' }), 409, 'conflict', 'A link makes editors and viewers, no owners.');
    refused(await post({ role: 'viewer', x: 'x'.repeat(16 * 1024) }), 413, 'too_large', 'The body is longer than 16 KiB.');
    assert.deepEqual(await listed(), []);
    await share({ role: 'viewer', expiresAt: null });
    for (let no = 1; no < 100; no += 1) await share({ role: 'viewer' });
    const over = await post({ role: 'viewer' });
    refused(over, 409, 'too_many');
    assert.equal(matters(over)['retry-after'], undefined);
    assert.equal((await listed()).length, 100);
  });
}
