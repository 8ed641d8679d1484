import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Edits } from '../edits.js';
import { Move, Resize, Turn, boxBetween, spanOf, touched } from '../gesture.js';
import { keyBelow, keyBetween } from '../order.js';
import { Selection } from '../selection.js';
import { Session } from '../session.js';
import { fakeHost, full, joined, list, picture } from './fakes.mjs';

function room(images) {
  const fake = fakeHost();
  const session = new Session(() => 'ws://x', { profile: () => ({}), memory: { get: () => null, set() {} }, host: fake.host });
  session.start();
  fake.last().open();
  for (const frame of [joined(), full(images), list('c1')]) fake.last().hear(frame);
  let made = 0;
  const edits = new Edits(session, { uuid: () => `new${(made += 1)}` });
  const stacked = () => session.replica.images().map(({ id }) => id).join(' ');
  const sent = () => fake.last().edits().map(({ type, data }) => [type, data]);
  return { ...fake, session, edits, stacked, sent };
}
const pile = () => ['a', 'b', 'c', 'd'].map((id, i) => picture(id, { z: `a${i}` }));

test('one step at a time up and down, past what lies over or under', () => {
  const { edits, stacked } = room(pile());
  edits.forward(['a']);
  assert.equal(stacked(), 'b a c d');
  edits.forward(['a']);
  edits.forward(['a']);
  assert.equal(stacked(), 'b c d a');
  edits.backward(['a']);
  assert.equal(stacked(), 'b c a d');
  edits.backward(['a']);
  edits.backward(['a']);
  assert.equal(stacked(), 'a b c d');
  edits.backward(['a']);
  assert.equal(stacked(), 'a b c d');
});

test('what does not touch is no step', () => {
  const { edits, stacked } = room([picture('a', { z: 'a0' }), picture('far', { z: 'a1', x: 900 }), picture('c', { z: 'a2' })]);
  edits.forward(['a']);
  assert.equal(stacked(), 'far c a');
});

test('several go together and keep their own order; the ends are the ends', () => {
  const { edits, stacked, sent } = room(pile());
  edits.toFront(['b', 'a']);
  assert.equal(stacked(), 'c d a b');
  edits.toBack(['b', 'd']);
  assert.equal(stacked(), 'd b c a');
  edits.forward(['d', 'b']);
  assert.equal(stacked(), 'c d b a');
  assert.ok(sent().every(([type, data]) => type === 'image:transform' && /^[0-9A-Za-z]{1,48}$/.test(data.z)));
});

test('images that share a key are passed together', () => {
  const { edits, stacked } = room(['a', 'b', 'c'].map((id) => picture(id, { z: 'a0' })));
  edits.forward(['a']);
  assert.equal(stacked(), 'b c a');
});

test('between any two keys there is one, unless there is none; under any there is one', () => {
  for (const [low, high] of [['a0', 'a1'], ['a', 'b'], ['a0', 'a0V'], ['a', 'a1'], ['az', 'b'], ['', '1'], ['a1z', 'a2'], ['Zz', 'a0'], ['a', 'a01']]) {
    const key = keyBetween(low, high);
    assert.ok(low < key && key < high, `${low} < ${key} < ${high}`);
  }
  for (const [low, high] of [['a', 'a0'], ['a', 'a00'], ['', '0']]) {
    const key = keyBetween(low, high);
    assert.ok(key === null || (low < key && key < high), `${low} ${key} ${high}`);
  }
  let key = 'a0';
  for (let i = 0; i < 5_000; i += 1) {
    const next = keyBelow(key);
    assert.ok(next < key && next.length <= 4, `${next} < ${key}`);
    key = next;
  }
  assert.equal(keyBelow('b00'), 'az');
  let [low, high] = ['a0', 'a1'];
  for (let i = 0; i < 40; i += 1) high = keyBetween(low, high);
  assert.ok(low < high && high.length <= 12, high);
});

test('copies are new images on top, in the order of the old', () => {
  const { edits, stacked, session } = room(pile());
  assert.deepEqual(edits.duplicate(['c', 'a'], 24), ['new1', 'new2']);
  assert.equal(stacked(), 'a b c d new1 new2');
  assert.deepEqual([session.replica.image('new1').x, 'z' in session.replica.image('new1')], [24, false]);
  edits.undo();
  assert.equal(stacked(), 'a b c d');
});

test('a drag of several is one stored edit each and one step of undo', () => {
  const { edits, sent, session } = room(pile());
  const move = new Move(edits, ['a', 'b'], { x: 0, y: 0 });
  move.to({ x: 5, y: 1 });
  move.to({ x: 7, y: 30 }, { straight: true });
  move.end();
  assert.deepEqual(sent(), ['a', 'b'].map((id) => ['image:transform', { id, x: 0, y: 30 }]));
  edits.undo();
  assert.deepEqual(['a', 'b'].map((id) => session.replica.image(id).y), [0, 0]);
  assert.equal(edits.canUndo, false);
});

test('a drag that is let go stores nothing and shows the others where it stayed', () => {
  const { edits, sent, session, last } = room(pile());
  const move = new Move(edits, ['a'], { x: 0, y: 0 });
  move.to({ x: 50, y: 0 });
  move.cancel();
  assert.deepEqual(sent(), []);
  assert.equal(session.replica.image('a').x, 0);
  assert.deepEqual(last().sent.at(-1), { type: 'image:transform', data: { id: 'a', x: 0, y: 0, transient: true } });
  new Move(edits, ['a'], { x: 0, y: 0 }).end();
  assert.equal(edits.canUndo, false);
});

test('resizing minds where the handle was caught; turning turns the group', () => {
  const { edits, session } = room([picture('a', { width: 100, height: 100 }), picture('b', { x: 100, width: 100, height: 100 })]);
  const pull = new Resize(edits, ['a'], { x: 103, y: 98 }, 'se');
  pull.to({ x: 203, y: 198 });
  pull.end();
  assert.deepEqual([session.replica.image('a').width, session.replica.image('a').height], [200, 200]);
  edits.undo();
  const turn = new Turn(edits, ['a', 'b'], { x: 200, y: 50 });
  turn.to({ x: 103, y: 150 }, { snap: true });
  turn.end();
  const { x, y, rotation } = session.replica.image('a');
  assert.deepEqual([x, y, rotation], [50, -50, 90]);
});

test('a marquee takes what it touches; two fingers have a middle and a span', () => {
  const box = boxBetween({ x: 15, y: 15 }, { x: 5, y: 5 });
  assert.deepEqual(box, { x: 5, y: 5, width: 10, height: 10 });
  assert.deepEqual(touched(box, [picture('in'), picture('out', { x: 16 })]), ['in']);
  assert.deepEqual(spanOf([{ x: 0, y: 0 }, { x: 6, y: 8 }]), { middle: { x: 3, y: 4 }, length: 10 });
});

test('a selection that is held grows and shrinks by toggling; choosing anew lets it go', () => {
  const selection = new Selection();
  let changes = 0;
  selection.on('change', () => { changes += 1; });
  selection.only('a');
  selection.toggle('b');
  assert.deepEqual([selection.ids, selection.held], [['a', 'b'], true]);
  selection.toggle('a');
  selection.toggle('b');
  assert.deepEqual([selection.size, selection.held], [0, false]);
  selection.set(['x', 'y']);
  selection.set(['y', 'x']);
  selection.drop('x');
  selection.clear();
  assert.equal(changes, 7);
});
