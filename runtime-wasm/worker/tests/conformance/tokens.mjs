// Session tokens: where they may stand, every way in which one is not good, and how a live connection is renewed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, refused, told, unknown } from './ask.mjs';
import { people } from './client.mjs';
import { PAGE } from './mint.mjs';
import { signedIn } from './roles.mjs';

const now = () => Math.floor(Date.now() / 1000);
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

const INVALID = [4510, 'token_invalid'];
const EXPIRED = [4101, 'token_expired'];
const REQUIRED = [4102, 'token_required'];
const MISSING = 'There is no token; sign in.';
const UNREADABLE = 'The token cannot be read; send a session token of Clerk as it is.';
const OF_NOBODY = 'The token names nobody that this server can know.';
const OTHER_INSTANCE = 'The token is from another Clerk instance; compare the publishable keys.';
const OTHER_PAGE = 'The token was made for another application; add its origin to the authorized parties.';
const PAST = 'The token has expired; get a fresh one.';
const AHEAD = 'The token is not valid yet; compare the clocks.';
const FORGED = "The token's signature is wrong.";
const OTHER_ALG = 'The token is not signed with RS256.';
const CLOSES = {
  token_expired: 'Your session has expired; sign in again.',
  token_invalid: 'Your sign-in was not accepted.',
  token_required: 'Sign in to enter this room.',
};
const ODD_HEADER = "The token's header asks for what this server does not do.";

/** What is wrong with a token, the token, how it is refused, and in which words. */
async function badOnes(token) {
  const good = await token('user_bad');
  const [head, body, signature] = good.split('.');
  const another = (await token('user_other')).split('.')[1];
  const says = (claims) => token('user_bad', claims);
  const headed = (header) => token('user_bad', {}, header);
  return [
    ['no token at all', 'nonsense-nonsense', INVALID, UNREADABLE],
    ['two parts', `${head}.${body}`, INVALID, UNREADABLE],
    ['five parts', `${good}.${signature}.${signature}`, INVALID, UNREADABLE],
    ['no signature', `${head}.${body}.`, INVALID, UNREADABLE],
    ['padding', `${good}==`, INVALID, UNREADABLE],
    ['a kid that is a number', await headed({ kid: 7 }), INVALID, UNREADABLE],
    ['over 8 KiB', await says({ note: 'x'.repeat(6200) }), INVALID, 'The token is longer than 8 KiB; put fewer custom claims into it.'],
    ['a changed signature', `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`, INVALID, FORGED],
    ['changed claims', `${head}.${another}.${signature}`, INVALID, FORGED],
    ['alg none', `${part({ alg: 'none', typ: 'JWT' })}.${body}.AAAA`, INVALID, OTHER_ALG],
    ['another alg', await headed({ alg: 'HS256' }), INVALID, OTHER_ALG],
    ['another type', await headed({ typ: 'at+jwt' }), INVALID, 'The token is of another type than JWT.'],
    ['a key of its own', await headed({ jku: 'https://example.com/keys' }), INVALID, ODD_HEADER],
    ['crit', await headed({ crit: ['exp'] }), INVALID, ODD_HEADER],
    ['an end 7 s ago', await says({ exp: now() - 7 }), EXPIRED, PAST],
    ['an end 899 s ago', await says({ exp: now() - 899 }), EXPIRED, PAST],
    ['no end', await says({ exp: null }), INVALID, UNREADABLE],
    ['an end beyond a day', await says({ exp: now() + 90_000 }), INVALID, 'The token lives for more than 24 hours; make it shorter.'],
    ['a beginning ahead', await says({ nbf: now() + 60 }), INVALID, AHEAD],
    ['made in time to come', await says({ iat: now() + 60, exp: now() + 120 }), INVALID, AHEAD],
    ['a session with a task to do', await says({ sts: 'pending' }), REQUIRED, 'The session is not complete; finish signing in.'],
    ['no issuer', await says({ iss: null }), INVALID, OTHER_INSTANCE],
    ['another issuer', await says({ iss: 'https://clerk.example.org' }), INVALID, OTHER_INSTANCE],
    ['almost its issuer', await says({ iss: 'https://clerk.example.com/' }), INVALID, OTHER_INSTANCE],
    ['no party', await says({ azp: null }), INVALID, OTHER_PAGE],
    ['another party', await says({ azp: `${PAGE}.evil.com` }), INVALID, OTHER_PAGE],
    ['nobody', await says({ sub: '' }), INVALID, OF_NOBODY],
    ['a guest', await says({ sub: 'guest:0123' }), INVALID, OF_NOBODY],
    ['the operator', await says({ sub: 'server:api' }), INVALID, OF_NOBODY],
    ['a mark of direction', await says({ sub: 'a\u202eb' }), INVALID, OF_NOBODY],
  ];
}

export function tokens(place) {
  const token = (...about) => place.target.token(...about);

  test('host17_a good token is taken from wherever it stands', async (t) => {
    const { rawJoin } = people(t, place);
    const good = await token('user_ann');
    const bearer = { authorization: `bEARER ${good}` };
    const cookie = { origin: PAGE, cookie: `a=b; __session=${good}; __session_x=y` };
    const stray = { origin: PAGE, cookie: '__session=x.y.z' };
    for (const [path, headers] of [
      [`/party/placed?token=${good}`, {}],
      ['/party/placed', bearer],
      ['/parties/main/placed', cookie],
      // What was sent on purpose leads over what a browser adds.
      [`/party/placed?token=${good}`, stray],
      ['/party/placed', { ...stray, ...bearer }],
      [`/party/placed?token=${await token('user_ann', { exp: now() - 2 })}`, {}],
      [`/party/placed?token=${await token('user_ann', { v: null, iat: null, nbf: null, sid: null, sts: null }, { kid: null, typ: null })}`, {}],
    ]) {
      const { joined } = await rawJoin(path, {}, { headers });
      assert.deepEqual([joined.userId, joined.role], ['user_ann', 'owner']);
    }
    const named = await token('user_ann', { name: 'Ann Bee', picture: 'https://example.com/ann.png' });
    const { users } = await rawJoin(`/party/placed-named?token=${named}`, { name: 'Eve' });
    assert.deepEqual([users[0].name, users[0].avatar], ['Ann Bee', 'https://example.com/ann.png'], 'what a token says leads');
    const room = await ask(place, 'GET', '/party/placed', { token: good });
    told(room, 200, JSON.parse(room.body));
    assert.equal((await ask(place, 'GET', `/party/placed?token=${good}`)).body, room.body);
  });

  test('host17_a cookie counts only for a page that may ask', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const good = await token('user_ann');
    await rawJoin(`/party/cookies?token=${good}`);
    const cookie = `__session=${good}`;
    const read = async (headers) => (await ask(place, 'GET', '/party/cookies', { headers: { cookie, ...headers } })).status;
    assert.equal(await read({ origin: PAGE }), 200);
    assert.equal(await read({ 'sec-fetch-site': 'same-origin' }), 200);
    for (const site of ['same-site', 'cross-site', 'none']) assert.equal(await read({ 'sec-fetch-site': site }), 401, site);
    assert.equal(await read({}), 401);
    const head = await ask(place, 'HEAD', '/party/cookies', { headers: { cookie, 'sec-fetch-site': 'same-origin' } });
    assert.deepEqual([head.status, head.body], [200, '']);
    const sentence = 'A cookie counts only for a page that says its origin; send a token.';
    for (const headers of [{ cookie }, { cookie, 'sec-fetch-site': 'same-origin' }]) {
      const socket = await raw('/party/cookies', { headers });
      refused({ what: 'an upgrade', ...socket.answer }, 403, 'forbidden', sentence);
      refused(await ask(place, 'PUT', '/assets?room=cookies', { headers, body: 'GIF89a..' }), 403, 'forbidden', sentence);
    }
  });

  test('host18_every kind of bad token is refused with its close, and over plain HTTP with 401', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const ann = await rawJoin(`/party/watched?token=${await token('user_ann')}`);
    for (const [what, bad, close, message] of await badOnes(token)) {
      // A longer one does not fit into an address.
      const [query, headers] = bad.length > 6000 ? ['', { authorization: `Bearer ${bad}` }] : [`?token=${bad}`, {}];
      const socket = await raw(`/party/watched${query}`, { headers });
      assert.deepEqual(await socket.refused(), close, what);
      const [, reason] = close;
      const data = { code: reason, ref: null, message: CLOSES[reason] };
      assert.deepEqual(socket.texts, [JSON.stringify({ type: 'error', data, clientId: 'c0' })], what);
      unknown(await ask(place, 'GET', '/party/watched', { token: bad }), reason, message);
    }
    assert.deepEqual(await ann.settled(), [], 'nobody there notices');
  });

  test('host18_no token, an empty one and two are none', async (t) => {
    const { raw, rawJoin } = people(t, place);
    const good = await token('user_ann');
    await rawJoin(`/party/none-or-two?token=${good}`);
    for (const [query, authorization, close, message] of [
      ['', undefined, REQUIRED, MISSING],
      ['?token=', undefined, REQUIRED, MISSING],
      ['', 'Bearer', REQUIRED, MISSING],
      ['', 'Bearer ', REQUIRED, MISSING],
      ['', 'Basic dTpw', REQUIRED, MISSING],
      [`?token=${good}&token=${good}`, undefined, INVALID, UNREADABLE],
      [`?token=${good}`, `Bearer ${good}`, INVALID, UNREADABLE],
    ]) {
      const headers = authorization === undefined ? {} : { authorization };
      const socket = await raw(`/party/none-or-two${query}`, { headers });
      assert.deepEqual(await socket.refused(), close, `${query} ${authorization}`);
      const answer = await ask(place, 'GET', `/party/none-or-two${query}`, { headers });
      unknown(answer, close[1], message);
    }
    unknown(await ask(place, 'GET', '/party/none-or-two'), 'token_required', MISSING);
    unknown(await ask(place, 'GET', '/parties/registry/list'), 'token_required', MISSING);
    unknown(await ask(place, 'POST', '/parties/registry/list', { body: {} }), 'token_required', MISSING);
    unknown(await ask(place, 'PUT', '/assets?room=none-or-two', { body: 'GIF89a..' }), 'token_required', MISSING);
    assert.deepEqual(await (await raw('/parties/registry/list')).refused(), REQUIRED);
    told(await ask(place, 'GET', '/healthz'), 200, 'ok');
    told(await ask(place, 'GET', '/readyz'), 200, 'ready');
  });

  test('host19_a fresh token of the same person renews a connection, any other ends it', async (t) => {
    const { enter } = signedIn(t, place);
    const owner = await enter('leases', 'user_owner');
    const bob = await enter('leases', 'user_bob');
    bob.send('auth:refresh', { token: await token('user_bob', { exp: now() + 600 }) }, 'r');
    assert.deepEqual(await bob.settled(), [], 'a good one has no answer');
    for (const [what, fresh, close] of [
      ["another person's", await token('user_eve'), [4501, 'forbidden']],
      ["the owner's", await token('user_owner'), [4501, 'forbidden']],
      ['one that has expired', await token('user_bob', { exp: now() - 10 }), EXPIRED],
      ['one of a session with a task to do', await token('user_bob', { sts: 'pending' }), REQUIRED],
      ['one for another page', await token('user_bob', { azp: 'https://other.example' }), INVALID],
      ['one that cannot be read', 'nonsense-nonsense', INVALID],
      ['one of 60 KiB', 'x'.repeat(60 * 1024), INVALID],
    ]) {
      const client = await enter('leases', 'user_bob');
      client.send('auth:refresh', { token: fresh });
      assert.deepEqual(await client.refused(), close, what);
    }
    for (const data of [{}, { token: '' }, { token: 7 }]) {
      owner.send('auth:refresh', data);
      assert.equal((await owner.hears('error')).data.code, 'bad_message', JSON.stringify(data));
    }
    assert.deepEqual((await owner.settled()).filter((frame) => frame.type === 'error'), []);
  });
}
