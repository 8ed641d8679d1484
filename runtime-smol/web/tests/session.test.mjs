import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Session } from '../session.js';
import { delta, fakeHost, full, joined, list, picture } from './fakes.mjs';

function session() {
  const fake = fakeHost();
  const store = { secret: null };
  const subject = new Session(() => 'ws://x', {
    profile: () => ({ name: 'Ann' }),
    memory: { get: () => store.secret, set: (secret) => { store.secret = secret; } },
    host: fake.host,
  });
  const refused = [];
  subject.on('refused', (error) => refused.push(error));
  const enter = (sync = full([picture('i1')])) => {
    fake.last().open();
    for (const frame of [joined(), sync, list('c1', 'c2')]) fake.last().hear(frame);
  };
  const ack = (id, seq) => fake.last().hear({ type: 'ack', data: { id, seq }, clientId: 'c1' });
  subject.start();
  return { ...fake, subject, store, refused, enter, ack };
}

test('what was made offline, or not answered, goes once live, with the same id and in order', () => {
  const { subject, enter, last, clock, ack } = session();
  subject.transform('i1', { x: 1 });
  assert.equal(last().edits().length, 0);
  enter();
  subject.transform('i1', { x: 2 });
  assert.deepEqual(last().edits().map((frame) => [frame.id, frame.data.x]), [['p-1', 1], ['p-2', 2]]);
  ack('p-1', 1);
  last().fall();
  clock.pass(1_000);
  last().open();
  assert.deepEqual(last().sent[0].data, { name: 'Ann', batch: true, resume: 'secret', since: { epoch: 'e1', seq: 1 } });
  assert.deepEqual(last().edits(), [], 'nothing before the state is in');
  for (const frame of [joined(), delta([], 1), list('c1')]) last().hear(frame);
  assert.deepEqual(last().edits().map((frame) => [frame.id, frame.data.x]), [['p-2', 2]]);
  ack('p-2', 2);
  assert.equal(subject.unanswered, 0);
});

test('a hole in the run makes it come back with the last sure seq', () => {
  const { enter, last, clock, sockets } = session();
  enter();
  last().hear({ type: 'image:transform', data: { id: 'i1', x: 5 }, clientId: 'c2', seq: 2 });
  assert.equal(sockets[0].closedWith, 1000);
  clock.pass(1_000);
  last().open();
  assert.deepEqual(last().sent[0].data.since, { epoch: 'e1', seq: 0 });
});

test('a drag sends at most one step in 33 ms, keeps itself alive, and ends in one stored edit', () => {
  const { subject, enter, last, clock } = session();
  enter();
  const steps = () => last().sent.filter((frame) => frame.data?.transient);
  for (let x = 0; x < 100; x += 1) {
    subject.drag('i1', { x, y: 0 });
    clock.pass(1);
  }
  assert.equal(steps().length, 4);
  clock.pass(33);
  assert.equal(steps().at(-1).data.x, 99);
  const before = steps().length;
  clock.pass(2_500);
  assert.equal(steps().length, before + 2);
  subject.drop('i1');
  clock.pass(5_000);
  assert.equal(steps().length, before + 2);
  assert.deepEqual(last().edits(), [{ type: 'image:transform', data: { id: 'i1', x: 99, y: 0 }, id: 'p-1' }]);
  assert.equal(subject.replica.image('i1').x, 99);
});

test('dropping an image that someone removed meanwhile says nothing', () => {
  const { subject, enter, last } = session();
  enter();
  subject.drag('i1', { x: 5, y: 5 });
  last().hear({ type: 'image:remove', data: { id: 'i1' }, clientId: 'c2', seq: 1 });
  subject.drop('i1');
  assert.deepEqual(last().edits(), []);
});

test('cursors are not queued while away; the last one is told again', () => {
  const { subject, enter, last, clock } = session();
  subject.point({ x: 1, y: 1 });
  clock.pass(100);
  subject.point({ x: 2, y: 2 });
  clock.pass(100);
  assert.deepEqual(last().sent, []);
  enter();
  const cursors = last().sent.filter((frame) => frame.type === 'cursor:move');
  assert.deepEqual(cursors, [{ type: 'cursor:move', data: { x: 2, y: 2 } }]);
});

test('an edit turned away for now goes again after retryAfterMs; a refusal rolls back and is told', () => {
  const { subject, enter, last, clock, refused } = session();
  enter();
  subject.transform('i1', { x: 1 });
  last().hear({ type: 'error', data: { code: 'rate_limited', ref: 'p-1', retryAfterMs: 800, message: 'Slow down.' } });
  assert.equal(subject.replica.image('i1').x, 1);
  clock.pass(799);
  assert.equal(last().edits().length, 1);
  clock.pass(1);
  assert.deepEqual(last().edits().at(-1), { type: 'image:transform', data: { id: 'i1', x: 1 }, id: 'p-2' });
  assert.deepEqual(refused, []);
  last().hear({ type: 'error', data: { code: 'forbidden', ref: 'p-2', message: 'You may only look.', truth: picture('i1') } });
  assert.equal(subject.replica.image('i1').x, 0);
  assert.equal(refused[0].message, 'You may only look.');
});

test('refused words come back to their author, once', () => {
  const { subject, enter, last, refused } = session();
  enter();
  subject.say('hello');
  assert.equal(subject.unsaid.length, 1);
  last().hear({ type: 'error', data: { code: 'rate_limited', ref: 'p-1', retryAfterMs: 800, message: 'Slow down.' } });
  assert.equal(subject.unsaid.length, 0);
  assert.equal(refused[0].entry.data.text, 'hello');
});

test('a great many edits go out in order, at the pace that the room takes, over a reconnect too', () => {
  const { subject, enter, last, clock, ack } = session();
  enter(full(Array.from({ length: 400 }, (_, i) => picture(`n${i}`))));
  for (let i = 0; i < 400; i += 1) subject.transform(`n${i}`, { x: 1 });
  assert.equal(last().edits().length, 100);
  assert.equal(subject.replica.image('n399').x, 1, 'shown at once');
  clock.pass(1_000);
  assert.equal(last().edits().length, 150);
  subject.say('not behind them');
  assert.equal(last().edits().at(-1).type, 'chat:message');
  for (let i = 1; i <= 150; i += 1) ack(`p-${i}`, i);
  last().fall();
  clock.pass(1_000);
  last().open();
  for (const frame of [joined(), delta([], 150), list('c1')]) last().hear(frame);
  clock.pass(10_000);
  const sent = last().edits().filter(({ type }) => type === 'image:transform').map(({ data }) => data.id);
  assert.deepEqual(sent, Array.from({ length: 250 }, (_, i) => `n${i + 150}`));
});

test('of a drag of very many images the others see forty go along, and all arrive', () => {
  const { subject, enter, last, clock } = session();
  enter(full(Array.from({ length: 90 }, (_, i) => picture(`n${i}`))));
  const all = Array.from({ length: 90 }, (_, i) => `n${i}`);
  for (const id of all) subject.drag(id, { x: 5 });
  clock.pass(100);
  const live = new Set(last().sent.filter((frame) => frame.data?.transient).map(({ data }) => data.id));
  assert.equal(live.size, 40);
  for (const id of all) assert.deepEqual(subject.drop(id), { id, before: { x: 0 }, after: { x: 5 } });
  assert.equal(last().edits().length, 90);
});

test('whoever loses the right in a drag tells no more of it, and undo is not offered', () => {
  const { subject, enter, last, clock } = session();
  enter();
  subject.drag('i1', { x: 5 });
  clock.pass(40);
  last().hear({ type: 'user:updated', data: { clientId: 'c1', role: 'viewer' }, clientId: 'c1' });
  const sent = last().sent.length;
  subject.letGo('i1');
  clock.pass(3_000);
  assert.equal(last().sent.length, sent);
  assert.equal(subject.replica.image('i1').x, 0);
});

test('the end of a sign-in is told, put off by a fresh token, and told again if that was not checked', () => {
  const { subject, enter, last } = session();
  const ends = [];
  enter();
  subject.on('lease', () => ends.push(subject.leaseEnd));
  last().hear({ type: 'auth:expiring', data: { expiresAt: 9 }, clientId: 'c1' });
  assert.equal(subject.renew('t'), true);
  assert.deepEqual(last().sent.at(-1), { type: 'auth:refresh', data: { token: 't' } });
  last().hear({ type: 'error', data: { code: 'busy', ref: null, message: 'Later.' }, clientId: 'c1' });
  assert.deepEqual(ends, [9, null, 9]);
});

test('what an owner does is answered, and their own change of the room counts though its ack came first', () => {
  const { subject, enter, last, ack } = session();
  enter();
  const done = [];
  subject.on('done', ({ type }) => done.push(type));
  subject.govern('room:update', { locked: true });
  ack('p-1', 1);
  assert.deepEqual(done, ['room:update']);
  last().hear({ type: 'room:update', data: { locked: true }, clientId: 'c1', seq: 1 });
  assert.equal(subject.replica.room.locked, true);
  last().hear({ type: 'member:kick', data: { userId: 'u1', reason: 'Bye' }, clientId: 'c2', seq: 2 });
  assert.equal(subject.replica.reason, 'Bye');
});

test('as someone else one comes by another address, at once', () => {
  const { subject, enter, last, sockets } = session();
  enter();
  subject.restart();
  assert.equal(sockets.length, 2);
  assert.equal(sockets[0].closedWith, 1000);
  assert.equal(last().url, 'ws://x');
});
