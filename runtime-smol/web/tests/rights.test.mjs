import { test } from 'node:test';
import assert from 'node:assert/strict';
import { screenFor } from '../refusals.js';
import { isGuest, news, powersOver, sentenceFor, whyNot } from '../rights.js';

const guest = { userId: 'guest:1', role: 'editor' };
const ben = { userId: 'ben', role: 'viewer' };
const owner = { userId: 'ann', role: 'owner' };

test('who may edit is told nothing, everyone else why', () => {
  for (const locked of [false, true]) assert.equal(whyNot({ role: 'owner', locked }), null);
  assert.equal(whyNot({ role: 'editor' }), null);
  assert.match(whyNot({ role: 'editor', locked: true }).title, /owner has locked/);
  assert.match(whyNot({ role: 'viewer' }).title, /looking only/);
  assert.match(whyNot({ role: 'viewer' }).text, /An owner can let you edit/);
  assert.match(whyNot({ role: 'viewer', locked: true }).text, /locked/);
  assert.match(whyNot({ role: 'viewer', readonly: true }).text, /This address/);
  assert.match(whyNot({ role: 'viewer', readonly: true, ended: true }).text, /sign-in has ended/);
  assert.match(whyNot({ role: null }).text, /connected/);
});

test('a right that comes is news, one that goes is told by the words in place of the tools', () => {
  const [none, viewer, editor, owns] = [null, 'viewer', 'editor', 'owner'].map((role) => ({ role }));
  assert.equal(news(none, owns), null, 'arriving is no news');
  assert.match(news(viewer, editor), /can edit/);
  assert.match(news({ ...editor, locked: true }, editor), /can edit/);
  assert.match(news(editor, owns), /own this room now/);
  assert.match(news(owns, editor), /no longer own/);
  for (const [before, now] of [[editor, viewer], [editor, { ...editor, locked: true }], [editor, editor], [viewer, viewer]]) assert.equal(news(before, now), null);
});

test('owners rule everyone but themselves, throw out no owner, and make none of a guest', () => {
  assert.deepEqual(powersOver({ me: owner, person: ben }), { roles: ['owner', 'editor', 'viewer'], out: true });
  assert.deepEqual(powersOver({ me: owner, person: guest }), { roles: ['editor', 'viewer'], out: true });
  assert.deepEqual(powersOver({ me: owner, person: { userId: 'cleo', role: 'owner' } }), { roles: ['owner', 'editor', 'viewer'], out: false });
  for (const me of [undefined, guest, ben]) assert.deepEqual(powersOver({ me, person: owner }).roles, []);
  assert.deepEqual(powersOver({ me: owner, person: { ...owner } }).roles, [], 'another tab of one\'s own');
  assert.deepEqual(powersOver({ me: owner, person: undefined }).roles, []);
  assert.deepEqual([isGuest('guest:1'), isGuest('ann'), isGuest(null)], [true, false, false]);
});

test('a refusal by right is calm, one of an owner\'s word says why', () => {
  assert.equal(sentenceFor({ code: 'locked', message: 'x' }).calm, true);
  assert.deepEqual(sentenceFor({ code: 'conflict', message: 'There.', entry: { type: 'image:add' } }), { text: 'There.', calm: false });
  assert.match(sentenceFor({ code: 'conflict', message: 'There.', entry: { type: 'member:role' } }).text, /guest owns no room/);
  assert.equal(sentenceFor({ code: 'bad_url', message: 'Not that.' }).text, 'Not that.');
});

test('each close has its screen: what happened and what one can do', () => {
  const buttons = ({ retry, signIn, guest: asGuest }) => [retry, signIn, asGuest];
  assert.deepEqual(buttons(screenFor(4101, { signedIn: true })), [null, 'Sign in again', true]);
  assert.deepEqual(buttons(screenFor(4102, {})), [null, 'Sign in', false]);
  assert.deepEqual(buttons(screenFor(4510, { signedIn: true })), [null, 'Paste another token', true]);
  assert.deepEqual(buttons(screenFor(4501, {})), ['Try again', 'Sign in', false]);
  assert.deepEqual(buttons(screenFor(4501, { signedIn: true })), ['Try again', null, false]);
  assert.deepEqual(buttons(screenFor(4503, {})), ['Come back', null, false]);
  assert.deepEqual(buttons(screenFor(4504, {})), [null, null, false]);
  for (const code of [4502, 4506]) assert.deepEqual(buttons(screenFor(code, {})), [null, null, false], 'back to the list');
  assert.match(screenFor(4506, {}).title, /deleted/);
  assert.match(screenFor(4502, {}).text, /deleted/);
  assert.equal(screenFor(4504, { reason: 'Spam' }).reason, 'Spam');
  assert.equal(screenFor(4505, { reason: 'Spam' }).reason, null, 'of another time');
  assert.deepEqual([screenFor(4599, { message: 'New.' }).text, screenFor(4599, {}).retry], ['New.', 'Try again']);
});
