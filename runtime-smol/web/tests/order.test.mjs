import { test } from 'node:test';
import assert from 'node:assert/strict';
import { compareBytes, compareImages, keyAbove } from '../order.js';

test('keys above a key follow the integer-part scheme', () => {
  assert.equal(keyAbove(undefined), 'a0');
  assert.equal(keyAbove('a0'), 'a1');
  assert.equal(keyAbove('a9'), 'aA');
  assert.equal(keyAbove('aZ'), 'aa');
  assert.equal(keyAbove('az'), 'b00');
  assert.equal(keyAbove('bzz'), 'c000');
  assert.equal(keyAbove('a1V5'), 'a2');
  assert.equal(keyAbove('Zz'), 'a0');
  assert.equal(keyAbove('Y0z'), 'Y10');
});

test('any key of the wire has a key above it within 48 characters', () => {
  for (const key of ['0', '0zzz', 'b1', 'z', `z${'z'.repeat(26)}`, 'Q', `a${'z'.repeat(47)}`, `${'z'.repeat(47)}y`]) {
    const above = keyAbove(key);
    assert.equal(compareBytes(above, key), 1, `${above} is above ${key}`);
    assert.match(above, /^[0-9A-Za-z]{1,48}$/);
  }
  assert.equal(keyAbove('z'.repeat(48)), 'z'.repeat(48));
});

test('5,000 images brought to the front in turn stay in order and short', () => {
  let key = keyAbove(undefined);
  for (let i = 0; i < 5_000; i += 1) {
    const next = keyAbove(key);
    assert.equal(compareBytes(next, key), 1);
    key = next;
  }
  assert.ok(key.length <= 4, key);
});

test('images are ordered by z bytewise, ties by id in UTF-8 order, those without z on top', () => {
  const images = [
    { id: 'new' }, { id: 'b', z: 'a0' }, { id: '\u{1f600}', z: 'Zz' }, { id: '\uffee', z: 'Zz' }, { id: 'a', z: 'a0' }, { id: 'x', z: 'aZ' }, { id: 'y', z: 'aa' },
  ];
  assert.deepEqual(images.sort(compareImages).map((image) => image.id), ['\uffee', '\u{1f600}', 'a', 'b', 'x', 'y', 'new']);
  assert.equal(compareBytes('a', 'ab'), -1);
  assert.equal(compareBytes('ab', 'a'), 1);
  assert.equal(compareBytes('ab', 'ab'), 0);
});
