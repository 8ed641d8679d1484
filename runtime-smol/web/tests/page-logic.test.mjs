import { test } from 'node:test';
import assert from 'node:assert/strict';
import { checkAddress, titleOf } from '../address.js';
import { Camera, boxAround, boxOf, freePlace } from '../camera.js';
import { addressIn, addressOf, isRoomId, suggestRoom, tidy } from '../rooms.js';

test('what a person types becomes a room id or nothing', () => {
  assert.equal(tidy('  Our first  canvas! '), 'Our-first-canvas');
  assert.equal(tidy('Café Zoë'), 'Cafe-Zoe');
  assert.equal(tidy('日本'), '');
  assert.equal(tidy('x'.repeat(80)).length, 64);
  assert.equal(tidy('__proto__'), '__proto__');
  for (const id of ['a', 'A_b-9', 'x'.repeat(64)]) assert.equal(isRoomId(id), true, id);
  for (const id of ['', 'a b', 'ä', 'a/b', 'x'.repeat(65), 'a\n']) assert.equal(isRoomId(id), false, id);
  for (let i = 0; i < 100; i += 1) assert.equal(isRoomId(tidy(suggestRoom())), true);
});

test('an address leads to a room, with its link; nothing else of a pasted one is followed', () => {
  assert.equal(addressOf('a_b'), '/?room=a_b');
  assert.equal(addressOf('a', 'x y'), '/?room=a&share=x+y');
  assert.equal(addressIn(' https://k.test/?room=a&share=t&x=1#y '), '/?room=a&share=t');
  for (const text of ['plans', 'https://k.test/', 'https://k.test/?room=a/b']) assert.equal(addressIn(text), null, text);
});

test('addresses that the server would refuse are refused here, in words', () => {
  assert.deepEqual(checkAddress(' https://x.test/a.png '), { src: 'https://x.test/a.png' });
  assert.deepEqual(checkAddress('x.test/a.png'), { src: 'https://x.test/a.png' });
  assert.deepEqual(checkAddress('http://127.0.0.1:1999/samples/dunes.svg'), { src: 'http://127.0.0.1:1999/samples/dunes.svg' });
  const bad = ['', 'http://x.test/a.png', 'javascript:alert(1)', ' java\nscript:alert(1)', 'data:image/png;base64,AA', 'blob:https://x.test/1', 'file:///etc/passwd', 'https://u:p@x.test/', `https://x.test/${'a'.repeat(2048)}`, 'https://'];
  for (const text of bad) assert.match(checkAddress(text).error ?? '', /\w{3}/, text);
  assert.equal(titleOf('https://x.test/some/blue_sky-2.png'), 'blue sky 2');
  assert.equal(titleOf('https://x.test/%E0%A4'), '%E0%A4');
  assert.equal(titleOf('https://x.test/'), 'x.test');
});

test('zooming keeps what is under the pointer there, within bounds', () => {
  const camera = new Camera();
  camera.set({ x: 30, y: -20, scale: 1.5 });
  const anchor = { x: 400, y: 300 };
  const before = camera.toWorld(anchor);
  for (const factor of [1.7, 0.2, 100, 0.00001]) {
    camera.zoom(factor, anchor);
    const now = camera.toWorld(anchor);
    assert.ok(Math.abs(now.x - before.x) < 1e-6 && Math.abs(now.y - before.y) < 1e-6);
    assert.ok(camera.scale >= 0.05 && camera.scale <= 8);
  }
});

test('fit shows all and never magnifies; reveal steps back only as far as needed', () => {
  const camera = new Camera();
  const frame = { x: 100, y: 50, width: 800, height: 600 };
  camera.fit({ x: 0, y: 0, width: 1600, height: 600 }, frame);
  assert.equal(camera.scale, 0.5);
  assert.deepEqual(camera.toScreen({ x: 800, y: 300 }), { x: 500, y: 350 });
  camera.fit({ x: 0, y: 0, width: 10, height: 10 }, frame);
  assert.equal(camera.scale, 1);
  const before = camera.view;
  camera.reveal({ x: 0, y: 0, width: 10, height: 10 }, frame);
  assert.deepEqual(camera.view, before);
  camera.reveal({ x: 500, y: 0, width: 300, height: 10 }, frame);
  assert.ok(camera.scale < 1);
  assert.ok(camera.toScreen({ x: 800, y: 0 }).x <= frame.x + frame.width + 0.01);
});

test('boxes take the turn of an image into account', () => {
  const turned = boxOf({ x: 0, y: 0, width: 100, height: 20, rotation: 90 });
  assert.ok(Math.abs(turned.width - 20) < 1e-9 && Math.abs(turned.height - 100) < 1e-9 && Math.abs(turned.x - 40) < 1e-9);
  assert.equal(boxAround([]), null);
  assert.deepEqual(boxAround([{ x: -5, y: 1, width: 10, height: 1 }, { x: 0, y: 0, width: 50, height: 1 }]), { x: -5, y: 0, width: 55, height: 2 });
});

test('a new picture covers no other, starts in the middle and stays near', () => {
  const view = { x: 0, y: 0, width: 1000, height: 700 };
  const images = [];
  for (let i = 0; i < 30; i += 1) {
    const size = { width: 200 + (i % 3) * 60, height: 300 - (i % 4) * 50 };
    const spot = freePlace(size, view, images, 20);
    const next = { ...spot, ...size };
    for (const other of images) {
      const apart = next.x >= other.x + other.width || other.x >= next.x + next.width || next.y >= other.y + other.height || other.y >= next.y + next.height;
      assert.ok(apart, `picture ${i} covers another`);
    }
    images.push(next);
  }
  assert.deepEqual([images[0].x, images[0].y], [400, 200]);
  const all = boxAround(images);
  assert.ok(all.width < 3000 && all.height < 2200, JSON.stringify(all));
});
