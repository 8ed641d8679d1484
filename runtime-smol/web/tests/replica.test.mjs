import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Outbox } from '../outbox.js';
import { Replica } from '../replica.js';
import { delta, full, joined, list, moved, picture, sliding } from './fakes.mjs';

function room(images = [picture('i1')], seq = 5) {
  const outbox = new Outbox('p');
  const replica = new Replica(outbox);
  const gaps = [];
  replica.on('gap', () => gaps.push(replica.seq));
  for (const frame of [joined(), full(images, { seq }), list('c1', 'c2', 'c3')]) replica.apply(frame);
  return { outbox, replica, gaps };
}
const ack = (id, seq, set) => ({ type: 'ack', data: { id, seq, set }, clientId: 'c1' });
const error = (ref, truth, code = 'forbidden') => ({ type: 'error', data: { code, ref, message: 'No.', truth }, clientId: 'c1' });

test('a snapshot in parts replaces all, and only when its last part is in', () => {
  const { replica } = room([picture('old')]);
  replica.apply(full([picture('a')], { seq: 9, part: 1, parts: 2, chat: [{ id: 'm1', text: 'hi' }] }));
  assert.deepEqual(replica.images().map((image) => image.id), ['old']);
  replica.apply(full([picture('b', { z: 'a1' })], { seq: 9, part: 2, parts: 2, chat: undefined }));
  assert.deepEqual(replica.images().map((image) => image.id), ['a', 'b']);
  assert.equal(replica.seq, 9);
  assert.equal(replica.chat.get('m1').text, 'hi');
});

test('a snapshot in the middle of the work replaces what is stored, and one keeps what one is doing', () => {
  const { replica, outbox, gaps } = room([picture('a'), picture('b', { z: 'a1' })], 5);
  const edit = outbox.add('image:transform', { id: 'a', x: 70 });
  replica.draft('a', { y: 80 });
  replica.apply(full([picture('a', { x: 1, y: 1 }), picture('new', { z: 'a2' })], { seq: 9 }));
  assert.deepEqual(replica.images().map((image) => image.id), ['a', 'new']);
  assert.deepEqual([replica.image('a').x, replica.image('a').y], [70, 80]);
  replica.apply(ack(edit.id, 10));
  replica.endDraft('a');
  assert.deepEqual([replica.image('a').x, replica.image('a').y, replica.seq, gaps], [70, 1, 10, []]);
});

test('a delta applies the missed events in order, chat included, and skips what is known', () => {
  const { replica } = room();
  replica.apply(delta([
    { type: 'image:remove', data: { id: 'i1' }, clientId: 'c2', seq: 4 },
    moved('i1', { y: 999 }, 5),
    moved('i1', { x: 1 }, 6),
    { type: 'image:add', data: picture('i2'), clientId: 'c2', seq: 7 },
    moved('i1', { x: 2 }, 8),
    { type: 'chat:message', data: { id: 'm1', userId: 'u', name: 'n', text: 't' }, clientId: 'c2', seq: 9 },
    { type: 'image:remove', data: { id: 'i2' }, clientId: 'c2', seq: 10 },
  ], 10));
  assert.deepEqual([replica.image('i1').x, replica.image('i1').y], [2, 0]);
  assert.equal(replica.image('i2'), null);
  assert.deepEqual([...replica.chat.keys()], ['m1']);
  assert.deepEqual(replica.since, { epoch: 'e1', seq: 10 });
});

test('stored events and own acks make one contiguous run; a hole is told and not papered over', () => {
  const { replica, outbox, gaps } = room();
  replica.apply(moved('i1', { x: 1 }, 6));
  const edit = outbox.add('image:transform', { id: 'i1', y: 4 });
  replica.apply(ack(edit.id, 7));
  replica.apply(moved('i1', { x: 2 }, 8));
  assert.deepEqual(gaps, []);
  replica.apply(moved('i1', { x: 3 }, 10));
  assert.deepEqual(gaps, [8]);
  assert.equal(replica.image('i1').x, 2);
  assert.equal(replica.seq, 8);
  const late = outbox.add('image:transform', { id: 'i1', y: 5 });
  replica.apply(ack(late.id, 12));
  assert.deepEqual(gaps, [8, 8]);
  assert.equal(outbox.size, 1, 'an edit acked beyond the hole stays until the hole is filled');
});

test('a transient change is an overlay that ends with a stored change for that image', () => {
  const { replica } = room();
  replica.apply(sliding('i1', { x: 50 }));
  assert.equal(replica.image('i1').x, 50);
  assert.equal(replica.dragger('i1'), 'c2');
  replica.apply(moved('i1', { y: 9 }, 6, 'c3'));
  assert.deepEqual([replica.image('i1').x, replica.image('i1').y], [0, 9]);
  assert.equal(replica.dragger('i1'), null);
});

test('a transient change ends when its author leaves, at a sync, and at stored values without a seq', () => {
  const { replica } = room();
  replica.apply(sliding('i1', { x: 50 }));
  replica.apply(sliding('i1', { x: 60 }, 'c3'));
  assert.equal(replica.image('i1').x, 60);
  replica.apply({ type: 'user:left', data: { clientId: 'c3', userId: 'u', reason: 'lost' }, clientId: 'c3' });
  assert.equal(replica.image('i1').x, 50);
  replica.apply(delta([], 5));
  assert.equal(replica.image('i1').x, 0);
  replica.apply(sliding('i1', { x: 50 }));
  replica.apply({ type: 'image:transform', data: { id: 'i1', x: 0, y: 0 }, clientId: 'c2' });
  assert.equal(replica.image('i1').x, 0);
  replica.apply(sliding('i1', { x: 70 }));
  replica.apply(list('c1'));
  assert.equal(replica.image('i1').x, 0);
  replica.apply(sliding('nobody', { x: 1 }));
  assert.equal(replica.image('nobody'), null);
});

test('an own edit shows at once, survives others and a snapshot, and becomes stored with its ack', () => {
  const { replica, outbox } = room();
  const edit = outbox.add('image:transform', { id: 'i1', x: 100 });
  replica.apply(moved('i1', { x: 7, y: 7 }, 6));
  assert.deepEqual([replica.image('i1').x, replica.image('i1').y], [100, 7]);
  replica.apply(full([picture('i1', { x: 8 })], { seq: 9 }));
  assert.equal(replica.image('i1').x, 100);
  replica.apply(ack(edit.id, 10));
  assert.equal(outbox.size, 0);
  assert.equal(replica.image('i1').x, 100);
  replica.apply(moved('i1', { x: 11 }, 11));
  assert.equal(replica.image('i1').x, 11);
});

test('the repeated ack of a resent edit does not undo what came after it', () => {
  const { replica, outbox } = room();
  const edit = outbox.add('image:transform', { id: 'i1', x: 100 });
  replica.apply(delta([moved('i1', { x: 100 }, 6, 'c1'), moved('i1', { x: 200 }, 7)], 7));
  replica.apply(ack(edit.id, 6));
  assert.equal(replica.image('i1').x, 200);
  assert.equal(replica.seq, 7);
});

test('an added image is on top until its ack tells where', () => {
  const { replica, outbox } = room([picture('i1', { z: 'zz' })]);
  const { z: _, ...data } = picture('mine');
  const edit = outbox.add('image:add', data);
  assert.deepEqual(replica.images().map((image) => image.id), ['i1', 'mine']);
  replica.apply(ack(edit.id, 6, { z: 'a5' }));
  assert.equal(replica.image('mine').z, 'a5');
  assert.deepEqual(replica.images().map((image) => image.id), ['mine', 'i1']);
});

test('a refused edit rolls back to the truth, null meaning gone', () => {
  const { replica, outbox } = room();
  const move = outbox.add('image:transform', { id: 'i1', x: 100 });
  replica.apply(error(move.id, picture('i1', { x: 3 })));
  assert.equal(replica.image('i1').x, 3);
  const add = outbox.add('image:add', picture('mine'));
  assert.equal(replica.image('mine').id, 'mine');
  replica.apply(error(add.id, null));
  assert.equal(replica.image('mine'), null);
  const remove = outbox.add('image:remove', { id: 'i1' });
  assert.equal(replica.image('i1'), null);
  replica.apply(error(remove.id, picture('i1')));
  assert.equal(replica.image('i1').id, 'i1');
  const late = outbox.add('image:transform', { id: 'i1', x: 100 });
  replica.apply(error(late.id, null, 'not_found'));
  assert.equal(replica.image('i1'), null);
  assert.equal(outbox.size, 0);
});

test('a null further field is absent, whoever set it', () => {
  const { replica, outbox } = room([picture('i1', { cropX: 1, note: 'n' })]);
  replica.apply(moved('i1', { cropX: null }, 6));
  assert.equal('cropX' in replica.image('i1'), false);
  const edit = outbox.add('image:transform', { id: 'i1', note: null });
  assert.equal('note' in replica.image('i1'), false);
  replica.apply(ack(edit.id, 7));
  assert.equal('note' in replica.image('i1'), false);
});

test('one\'s own drag lies over everything and leaves with its end', () => {
  const { replica } = room();
  replica.draft('i1', { x: 1 });
  replica.draft('i1', { y: 2 });
  replica.apply(moved('i1', { x: 70, y: 70 }, 6));
  assert.deepEqual([replica.image('i1').x, replica.image('i1').y], [1, 2]);
  assert.deepEqual(replica.endDraft('i1'), { x: 1, y: 2 });
  assert.equal(replica.image('i1').x, 70);
});

test('the echo of own words settles them whether it comes before or after its ack, and once', () => {
  for (const ackFirst of [true, false]) {
    const { replica, outbox, gaps } = room();
    const edit = outbox.add('chat:message', { text: 'hi' });
    const echo = { type: 'chat:message', data: { id: 'm1', userId: 'u1', name: 'me', text: 'hi' }, clientId: 'c1', seq: 6, timestamp: 1 };
    const frames = [echo, ack(edit.id, 6)];
    for (const frame of ackFirst ? frames.reverse() : frames) replica.apply(frame);
    replica.apply(echo);
    assert.deepEqual([...replica.chat.keys()], ['m1']);
    assert.equal(outbox.size, 0);
    assert.deepEqual(gaps, []);
    assert.equal(replica.seq, 6);
  }
  const { replica, outbox } = room();
  const edit = outbox.add('chat:message', { text: 'hi' });
  replica.apply({ type: 'chat:message', data: { id: 'm1', text: 'hi' }, clientId: 'c1', seq: 6 });
  assert.equal(outbox.get(edit.id).echoed, true);
});

test('hostile ids are ids like any other', () => {
  const { replica } = room([picture('__proto__', { x: 5 }), picture('constructor', { z: 'a1' })]);
  assert.equal(replica.image('__proto__').x, 5);
  assert.equal(replica.image('toString'), null);
  replica.apply(moved('__proto__', { x: 6 }, 6));
  assert.equal(replica.image('__proto__').x, 6);
  assert.equal({}.x, undefined);
});

test('cursors that come together are those of the others', () => {
  const { replica } = room();
  const told = [];
  replica.on('cursor', (clientId) => told.push(clientId));
  replica.apply({ type: 'presence', data: [['c2', 5, 6], [replica.me, 1, 2], ['c3', 7, 8], ['stranger', 0, 0]], clientId: 'c2' });
  replica.apply({ type: 'presence', data: [['c3', null]], clientId: 'c3' });
  assert.deepEqual(['c2', 'c3', replica.me].map((id) => replica.users.get(id).cursor ?? null), [{ x: 5, y: 6 }, null, null]);
  assert.deepEqual(told, ['c2', 'c3', 'c3']);
});

test('people come, move, fall idle, wake and go', () => {
  const { replica } = room();
  replica.apply({ type: 'cursor:move', data: { x: 5, y: 6 }, clientId: 'c2' });
  assert.deepEqual(replica.users.get('c2').cursor, { x: 5, y: 6 });
  replica.apply({ type: 'user:updated', data: { clientId: 'c2', userId: 'u-c2', name: 'Ann', idle: true }, clientId: 'c2' });
  assert.equal(replica.users.get('c2').name, 'Ann');
  replica.apply({ type: 'cursor:move', data: null, clientId: 'c2' });
  assert.deepEqual([replica.users.get('c2').cursor, replica.users.get('c2').idle], [null, false]);
  replica.apply({ type: 'cursor:move', data: { x: 1, y: 1 }, clientId: 'stranger' });
  assert.equal(replica.users.has('stranger'), false);
  replica.apply({ type: 'user:left', data: { clientId: 'c2', userId: 'u-c2', reason: 'left' }, clientId: 'c2' });
  assert.deepEqual([...replica.users.keys()], ['c1', 'c3']);
});

test('a locked room is for its owner only', () => {
  const { replica } = room();
  assert.equal(replica.canEdit, true);
  replica.apply({ type: 'room:update', data: { locked: true }, clientId: 'c2', seq: 6 });
  assert.equal(replica.canEdit, false);
  replica.apply({ type: 'member:role', data: { userId: 'u-c1', role: 'none' }, clientId: 'c2', seq: 7 });
  assert.equal(replica.role, 'editor', 'what a role means for one is told apart');
  replica.apply({ type: 'user:updated', data: { clientId: 'c1', role: 'owner' }, clientId: 'c1' });
  assert.equal(replica.canEdit, true);
});
