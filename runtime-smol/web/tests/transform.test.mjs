import { test } from 'node:test';
import assert from 'node:assert/strict';
import { HANDLES, angleBetween, carried, centreOf, frameOf, handleAt, mayStretch, resized, rotated, turned, upright } from '../transform.js';

const near = (a, b, slack = 0.06) => Object.keys(b).forEach((key) => assert.ok(Math.abs(a[key] - b[key]) <= slack, `${key}: ${a[key]} is not ${b[key]}`));
const frame = { x: 100, y: 50, width: 200, height: 100, rotation: 0 };

test('a corner pulled freely goes where the pointer is; the opposite one stays', () => {
  near(resized(frame, 'se', { x: 350, y: 250 }), { x: 100, y: 50, width: 250, height: 200 });
  near(resized(frame, 'nw', { x: 80, y: 90 }), { x: 80, y: 90, width: 220, height: 60 });
});

test('a corner that keeps the proportion follows the pointer along the diagonal', () => {
  near(resized(frame, 'se', { x: 500, y: 250 }, { keep: true }), { x: 100, y: 50, width: 400, height: 200 });
  const { width, height } = resized(frame, 'ne', { x: 333, y: 7 }, { keep: true });
  assert.ok(Math.abs(width / height - 2) < 1e-9);
});

test('a side pulls its own side alone, or with the proportion kept, both about its middle', () => {
  near(resized(frame, 'e', { x: 400, y: 999 }), { x: 100, y: 50, width: 300, height: 100 });
  near(resized(frame, 'e', { x: 500, y: 0 }, { keep: true }), { x: 100, y: 0, width: 400, height: 200 });
});

test('from the middle, the middle stays', () => {
  for (const handle of HANDLES.keys()) {
    for (const keep of [true, false]) {
      const grown = resized(frame, handle, { x: 420, y: 210 }, { keep, centre: true });
      near(centreOf(grown), centreOf(frame));
    }
  }
  near(resized(frame, 'se', { x: 350, y: 175 }, { centre: true }), { x: 50, y: 25, width: 300, height: 150 });
});

test('nothing turns inside out or vanishes', () => {
  for (const handle of HANDLES.keys()) {
    for (const keep of [true, false]) {
      const { width, height } = resized(frame, handle, { x: 200 - 900 * HANDLES.get(handle)[0], y: 100 - 900 * HANDLES.get(handle)[1] }, { keep });
      assert.ok(width >= 4 && height >= 4, `${handle} ${width} ${height}`);
    }
  }
});

test('in a turned frame the handle still goes where the pointer is and the opposite one stays', () => {
  for (const rotation of [30, 90, -135]) {
    const askew = { ...frame, rotation };
    for (const [handle, opposite] of [['se', 'nw'], ['n', 's'], ['sw', 'ne']]) {
      const at = handleAt(askew, handle);
      const pull = rotated({ x: HANDLES.get(handle)[0] * 30, y: HANDLES.get(handle)[1] * 20 }, rotation);
      const grown = resized(askew, handle, { x: at.x + pull.x, y: at.y + pull.y });
      near(handleAt(grown, handle), { x: at.x + pull.x, y: at.y + pull.y });
      near(handleAt(grown, opposite), handleAt(askew, opposite));
    }
  }
});

test('a group grows as one: places and sizes by the same share, lying pictures by their own sides', () => {
  const images = [{ id: 'a', x: 0, y: 0, width: 100, height: 50 }, { id: 'b', x: 200, y: 100, width: 100, height: 100, rotation: 90 }];
  const from = frameOf(images);
  near(from, { x: 0, y: 0, width: 300, height: 200, rotation: 0 });
  const to = { x: 0, y: 0, width: 600, height: 200, rotation: 0 };
  near(carried(images[0], from, to), { x: 0, y: 0, width: 200, height: 50 });
  near(carried(images[1], from, to), { x: 450, y: 50, width: 100, height: 200 });
  assert.equal(mayStretch(images, from), true);
  assert.equal(mayStretch([{ rotation: 45 }], from), false);
  assert.deepEqual(frameOf([{ x: 1, y: 2, width: 3, height: 4, rotation: 45 }]), { x: 1, y: 2, width: 3, height: 4, rotation: 45 });
});

test('a single turned picture resizes by its own sides', () => {
  const image = { id: 'a', x: 0, y: 0, width: 100, height: 50, rotation: 37 };
  const to = resized(image, 'e', handleAt({ ...image, width: 160 }, 'e'));
  near(carried(image, image, to), { x: to.x, y: to.y, width: to.width, height: 50 });
});

test('turning about a pivot turns place and picture; a full turn changes nothing', () => {
  const image = { x: 100, y: 0, width: 20, height: 20, rotation: 10 };
  near(turned(image, { x: 0, y: 10 }, 90), { x: -10, y: 110, rotation: 100 });
  near(turned(image, { x: 7, y: 3 }, 360), { x: 100, y: 0, rotation: 10 });
  assert.deepEqual([0, 180, 181, -190, 359.96, 720].map(upright), [0, 180, -179, 170, 0, 0]);
});

test('snapping ends on a step of 15 degrees, whatever the start', () => {
  const turn = angleBetween({ x: 0, y: 0 }, { x: 10, y: 0 }, { x: 10, y: 9 }, { rotation: 7, snap: true });
  assert.equal((turn + 7) % 15, 0);
  assert.ok(Math.abs(angleBetween({ x: 0, y: 0 }, { x: 1, y: 0 }, { x: 0, y: 1 }) - 90) < 1e-9);
});
