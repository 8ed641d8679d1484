import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Outbox } from '../outbox.js';

test('edits keep their order and get ids that are never used twice', () => {
  const outbox = new Outbox('p');
  const ids = [outbox.add('chat:message', { text: 'a' }), outbox.add('chat:message', { text: 'b' })].map((entry) => entry.id);
  outbox.take(ids[0]);
  ids.push(outbox.add('chat:message', { text: 'c' }).id);
  assert.equal(new Set(ids).size, 3);
  assert.deepEqual([...outbox].map((entry) => entry.data.text), ['b', 'c']);
  assert.ok(ids.every((id) => id.length <= 64));
});

test('an edit that goes again leaves out what later edits have set, even acknowledged ones', () => {
  const outbox = new Outbox('p');
  const first = outbox.add('image:transform', { id: 'i', x: 1, y: 1 });
  const other = outbox.add('image:transform', { id: 'else', y: 5 });
  const second = outbox.add('image:transform', { id: 'i', x: 2 });
  outbox.take(second.id);
  const renewed = outbox.again(first.id);
  assert.deepEqual(renewed.data, { id: 'i', y: 1 });
  assert.notEqual(renewed.id, first.id);
  assert.deepEqual([...outbox].map((entry) => entry.id), [other.id, renewed.id]);
});

test('an edit that later ones have overtaken in full does not go again', () => {
  const outbox = new Outbox('p');
  const first = outbox.add('image:transform', { id: 'i', x: 1 });
  outbox.add('image:transform', { id: 'i', x: 2 });
  assert.equal(outbox.again(first.id), null);
  assert.equal(outbox.get(first.id), undefined);
});
