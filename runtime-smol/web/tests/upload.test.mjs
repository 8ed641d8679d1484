import { test } from 'node:test';
import assert from 'node:assert/strict';
import { complaintAbout, fitted, sideBySide, titleOfFile, upload } from '../upload.js';

const file = (over = {}) => ({ name: 'cat.png', type: 'image/png', size: 100, ...over });
const answering = (status, body) => ({ send: async () => ({ status, body: typeof body === 'string' ? body : JSON.stringify(body) }) });

test('files that the server would refuse are refused here, each by name', () => {
  assert.equal(complaintAbout(file()), null);
  assert.equal(complaintAbout(file({ size: 10 * 1024 * 1024 })), null);
  assert.match(complaintAbout(file({ size: 10 * 1024 * 1024 + 1 })), /cat\.png.*10\.1 MiB/);
  assert.match(complaintAbout(file({ size: 0 })), /empty/);
  for (const type of ['image/svg+xml', 'text/html', '']) assert.match(complaintAbout(file({ type })), /not a PNG/);
  assert.ok(complaintAbout(file({ type: '', name: `${'x'.repeat(300)}.exe` })).length < 120);
});

test('what was taken tells its address; the file goes out as it is', async () => {
  const sent = [];
  const told = await upload(file(), { send: async (...args) => {
    sent.push(args[0]);
    args[1](0.5);
    return { status: 201, body: '{"src":"/assets/ab","type":"image/png","bytes":100}' };
  }, progress: (share) => sent.push(share) });
  assert.equal(told.src, '/assets/ab');
  assert.deepEqual(sent, [file(), 0.5]);
});

test('what was not taken says why: a known status in our words, others in the server\'s', async () => {
  await assert.rejects(upload(file(), answering(507, { code: 'storage_full' })), /cat\.png.*no room left/);
  await assert.rejects(upload(file(), answering(413, '')), /larger than 10 MiB/);
  await assert.rejects(upload(file(), answering(403, '<html>')), /not change it/);
  await assert.rejects(upload(file(), answering(409, { message: 'The moon is wrong.' })), /The moon is wrong\.$/);
  await assert.rejects(upload(file(), answering(500, 'null')), /answered 500/);
  await assert.rejects(upload(file(), answering(201, '{}')), /answered 201/);
  await assert.rejects(upload(file(), { send: async () => { throw new Error('network'); } }), /cannot be reached/);
  await assert.rejects(upload(file({ type: 'text/plain' }), { send: () => assert.fail('was sent') }), /not a PNG/);
});

test('sizes fit and never grow; names lose their ending', () => {
  assert.deepEqual(fitted({ width: 4000, height: 1000 }, { width: 400, height: 400 }), { width: 400, height: 100 });
  assert.deepEqual(fitted({ width: 10, height: 20 }, { width: 400, height: 400 }), { width: 10, height: 20 });
  assert.equal(titleOfFile('our_first-photo.jpeg'), 'our first photo');
  assert.equal(titleOfFile('.png'), 'Picture');
});

test('several lie side by side around the point and none covers another', () => {
  const sizes = Array.from({ length: 7 }, (_, i) => ({ width: 50 + i * 10, height: 80 - i * 5 }));
  const places = sideBySide(sizes, 10, { x: 100, y: 200 });
  for (const [i, a] of places.entries()) {
    for (const b of places.slice(i + 1)) {
      assert.ok(a.x + a.width + 9.9 < b.x || b.x + b.width + 9.9 < a.x || a.y + a.height + 9.9 < b.y || b.y + b.height + 9.9 < a.y);
    }
  }
  const [left, right] = [Math.min(...places.map((p) => p.x)), Math.max(...places.map((p) => p.x + p.width))];
  assert.ok(Math.abs((left + right) / 2 - 100) < 1e-9);
  assert.deepEqual(sideBySide([{ width: 10, height: 10 }], 5, { x: 0, y: 0 }), [{ x: -5, y: -5, width: 10, height: 10 }]);
});
