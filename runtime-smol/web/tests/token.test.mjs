import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Identity, readToken, tokenIn } from '../token.js';

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const made = (claims) => `${part({ alg: 'RS256' })}.${part(claims)}.c2ln`;

test('a token is read for whose it is, over line breaks, and nothing else is taken for one', () => {
  const token = made({ sub: 'zoë', name: 'Zoë 🎨' });
  assert.deepEqual(readToken(`  ${token.slice(0, 20)}\n ${token.slice(20)}\n`), { token, sub: 'zoë', name: 'Zoë 🎨' });
  assert.equal(readToken(made({ sub: 'a', name: ' ', username: 'ann' })).name, 'ann');
  assert.equal(readToken(made({ sub: 'a' })).name, undefined);
  assert.match(readToken(' ').error, /Paste/);
  const cut = token.slice(0, token.lastIndexOf('.'));
  for (const text of ['abc', cut, `${token}.x`, `${part({})}.${part({ sub: 1 })}.x`, 'a.b.c', `a.${part(null)}.c`, 'a.%%.c', 'https://x.test/#a.b.c']) {
    assert.match(readToken(text).error, /not a session token/, text);
  }
  assert.match(readToken(made({ sub: 'x'.repeat(9_000) })).error, /too long/);
});

test('a token in a fragment is taken out of it, and what else is there stays', () => {
  assert.deepEqual(tokenIn('#token=a.b.c'), { token: 'a.b.c', rest: '' });
  assert.deepEqual(tokenIn('#x=1&token=a.b.c'), { token: 'a.b.c', rest: '#x=1' });
  for (const hash of ['', '#', '#top', '#tokens=a']) assert.deepEqual(tokenIn(hash), { token: null, rest: hash });
});

test('a tab remembers its token until signing out, and knows it where nothing can be kept', () => {
  const kept = new Map();
  const memory = { get: (key) => kept.get(key) ?? null, set: (key, value) => kept.set(key, value), remove: (key) => kept.delete(key) };
  const identity = new Identity(memory);
  let changes = 0;
  identity.on('change', () => { changes += 1; });
  assert.deepEqual([identity.token, identity.claims], [null, null]);
  const token = made({ sub: 'ann', name: 'Ann' });
  identity.signIn(token);
  assert.deepEqual([changes, new Identity(memory).token], [1, token]);
  assert.deepEqual(identity.claims, { sub: 'ann', name: 'Ann' });
  identity.keep(made({ sub: 'ann' }));
  assert.equal(changes, 1, 'a fresh one of the same person is no change');
  identity.signOut();
  assert.deepEqual([changes, identity.token, kept.size], [2, null, 0]);
  const nowhere = new Identity({ get: () => null, set() {}, remove() {} });
  nowhere.signIn(token);
  assert.equal(nowhere.token, token);
});
