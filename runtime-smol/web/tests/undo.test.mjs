import { test } from 'node:test';
import assert from 'node:assert/strict';
import { History } from '../undo.js';

/** A canvas that does what the history says. */
function canvas(images) {
  const now = new Map(Object.entries(images));
  const history = new History();
  const look = (id) => now.get(id) ?? null;
  const run = (edits) => {
    for (const { type, id, image, fields } of edits) {
      if (type === 'remove') now.delete(id);
      else if (type === 'add') now.set(id, image);
      else now.set(id, { ...now.get(id), ...fields });
    }
    return edits;
  };
  return {
    now, history, look,
    undo: () => run(history.undo(look)),
    redo: () => run(history.redo(look)),
    set(id, after) {
      const before = Object.fromEntries(Object.keys(after).map((key) => [key, now.get(id)[key]]));
      now.set(id, { ...now.get(id), ...after });
      history.record([{ id, before, after }]);
    },
    others: (id, fields) => now.set(id, { ...now.get(id), ...fields }),
  };
}

test('steps go back and forth in order, and a new one forgets what was undone', () => {
  const { now, set, undo, redo, history, look } = canvas({ a: { id: 'a', x: 0 } });
  set('a', { x: 1 });
  set('a', { x: 2 });
  undo();
  assert.equal(now.get('a').x, 1);
  undo();
  assert.equal(now.get('a').x, 0);
  assert.deepEqual([history.canUndo(look), history.canRedo(look)], [false, true]);
  redo();
  redo();
  assert.equal(now.get('a').x, 2);
  undo();
  set('a', { x: 9 });
  assert.equal(history.canRedo(look), false);
});

test('only properties where one\'s own value still stands go back', () => {
  const { now, set, others, undo, redo } = canvas({ a: { id: 'a', x: 0, y: 0 } });
  set('a', { x: 5, y: 5 });
  others('a', { x: 70 });
  assert.deepEqual(undo(), [{ type: 'transform', id: 'a', fields: { y: 0 } }]);
  assert.deepEqual(now.get('a'), { id: 'a', x: 70, y: 0 });
  redo();
  assert.deepEqual(now.get('a'), { id: 'a', x: 70, y: 5 });
});

test('a step of which nothing is left is passed over', () => {
  const { now, set, others, undo } = canvas({ a: { id: 'a', x: 0 }, b: { id: 'b', x: 0 } });
  set('b', { x: 3 });
  set('a', { x: 5 });
  others('a', { x: 70 });
  undo();
  assert.deepEqual([now.get('a').x, now.get('b').x], [70, 0]);
  assert.deepEqual(undo(), []);
});

test('what was deleted comes back under its id as it was, and goes again', () => {
  const { now, history, undo, redo, others } = canvas({});
  const image = { id: 'a', x: 1, z: 'a3' };
  history.record([{ id: 'a', before: image, after: null }]);
  assert.deepEqual(undo(), [{ type: 'add', id: 'a', image }]);
  others('a', { x: 8 });
  redo();
  assert.equal(now.has('a'), false);
  undo();
  assert.equal(now.get('a').x, 8, 'with what others did to it meanwhile');
});

test('an addition goes and comes back as it stood when it went', () => {
  const { now, history, undo, redo, others } = canvas({ a: { id: 'a', x: 1 } });
  history.record([{ id: 'a', before: null, after: { id: 'a', x: 1 } }]);
  others('a', { z: 'a9' });
  undo();
  assert.equal(now.has('a'), false);
  redo();
  assert.deepEqual(now.get('a'), { id: 'a', x: 1, z: 'a9' });
});

test('what changed nothing is no step, and a hundred are kept', () => {
  const { history, look, set, undo } = canvas({ a: { id: 'a', x: 0 } });
  set('a', { x: 0 });
  assert.equal(history.canUndo(look), false);
  for (let x = 1; x <= 150; x += 1) set('a', { x });
  let steps = 0;
  while (history.canUndo(look) && undo().length > 0) steps += 1;
  assert.equal(steps, 100);
});
