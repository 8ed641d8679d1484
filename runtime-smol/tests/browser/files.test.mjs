// Owns: pictures from files in the demo: drop, choose and paste; what cannot be taken; what cannot be loaded.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { deflateSync, crc32 } from 'node:zlib';
import { World, ids, middle, place, shot, untilPieces, untilPlace, untilToast } from './page.mjs';

/** A whole PNG of one colour. */
function png(width, height, [r, g, b]) {
  const row = Buffer.alloc(1 + width * 3);
  for (let x = 0; x < width; x += 1) row.set([r, g, b], 1 + x * 3);
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

/** Drops files ([{ name, type, bytes }]) or pastes them, as a browser would tell it. */
const bring = (page, kind, files, at = { x: 0, y: 0 }) => page.evaluate(([type, given, point]) => {
  const data = new DataTransfer();
  for (const { name, type: mime, base64, text } of given) {
    if (text !== undefined) data.setData('text/plain', text);
    else data.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name, { type: mime }));
  }
  const target = type === 'drop' ? document.getElementById('stage') : document.body;
  const event = type === 'drop'
    ? new DragEvent('drop', { dataTransfer: data, clientX: point.x, clientY: point.y, bubbles: true, cancelable: true })
    : new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
  target.dispatchEvent(event);
}, [kind, files.map(({ name, type, bytes, text }) => ({ name, type, text, base64: bytes?.toString('base64') })), at]);

const picture = (name, ...size) => ({ name, type: 'image/png', bytes: png(...size) });

describe('files on the demo canvas', { timeout: 120_000 }, () => {
  let world;
  let ann;
  let ben;

  before(async () => {
    world = await World.open();
    ann = await world.guest('Ann', 'files');
    ben = await world.guest('Ben', 'files');
  });

  after(() => world?.close());

  test('demo1_a dropped file is on the other screen, where it was dropped, with the same pixels', async () => {
    await bring(ann, 'drop', [picture('red_square.png', 40, 30, [200, 30, 40])], { x: 500, y: 400 });
    await untilPieces(ben, 1);
    const [image] = await ids(ben);
    await untilPlace(ben, image, await place(ann, image));
    const at = await middle(ann, image);
    assert.ok(Math.hypot(at.x - 500, at.y - 400) < 1.5, JSON.stringify(at));
    const seen = await ben.waitForFunction(() => {
      const img = document.querySelector('.piece img');
      if (!img.complete || img.naturalWidth === 0) return null;
      const sheet = Object.assign(document.createElement('canvas'), { width: img.naturalWidth, height: img.naturalHeight });
      const context = sheet.getContext('2d');
      context.drawImage(img, 0, 0);
      return { size: [img.naturalWidth, img.naturalHeight], pixel: [...context.getImageData(20, 15, 1, 1).data], src: new URL(img.src).pathname, label: img.parentNode.getAttribute('aria-label') };
    });
    const { size, pixel, src, label } = await seen.jsonValue();
    assert.deepEqual([size, pixel], [[40, 30], [200, 30, 40, 255]]);
    assert.match(src, /^\/assets\/[0-9a-f]{64}$/);
    assert.equal(label, 'red square');
    await ann.focus(`.piece[data-image="${image}"]`);
    await ann.keyboard.press('Delete');
    await untilPieces(ben, 0);
  });

  test('demo1_several files lie side by side, fitted to the view, and are one step of undo', async () => {
    await ann.setInputFiles('#files', [1, 2, 3].map((i) => ({ name: `p${i}.png`, mimeType: 'image/png', buffer: png(900, 600, [i * 60, 90, 90]) })));
    await Promise.all([ann, ben].map((person) => untilPieces(person, 3)));
    const places = await Promise.all((await ids(ben)).map((id) => place(ann, id)));
    for (const { width, height } of places) assert.ok(width <= 320 && Math.abs(width / height - 1.5) < 0.01);
    for (const [i, a] of places.entries()) {
      for (const b of places.slice(i + 1)) assert.ok(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y, 'none covers another');
    }
    assert.equal(await ann.locator('.piece.sending').count(), 0);
    await ann.click('#undo');
    await untilPieces(ben, 0);
  });

  test('demo1_a pasted file and a pasted address are added', async () => {
    await bring(ann, 'paste', [picture('paste.png', 20, 20, [10, 90, 200])]);
    await untilPieces(ben, 1);
    await bring(ann, 'paste', [{ text: `${world.origin}/samples/dunes.svg` }]);
    await untilPieces(ben, 2);
    assert.equal(await ben.locator('[aria-label="dunes"]').count(), 1);
    await ann.keyboard.press('Control+a');
    await ann.keyboard.press('Delete');
    await untilPieces(ben, 0);
  });

  test('demo2_what cannot be taken is told by name, and nothing is added; good ones beside it are', async () => {
    await bring(ann, 'drop', [
      { name: 'notes.txt', type: 'text/plain', bytes: Buffer.from('hello') },
      { name: 'huge.png', type: 'image/png', bytes: Buffer.alloc(10 * 1024 * 1024 + 1) },
      { name: 'broken.png', type: 'image/png', bytes: Buffer.from('no picture') },
      picture('fine.png', 20, 20, [1, 2, 3]),
    ], { x: 500, y: 400 });
    for (const pattern of [/notes\.txt.*not a PNG/, /huge\.png.*10 MiB/, /broken\.png.*cannot be read/]) await untilToast(ann, pattern);
    await shot(ann, 'refused-files');
    await Promise.all([ann, ben].map((person) => untilPieces(person, 1)));
    assert.equal(await ann.locator('.piece').count(), 1, 'none is on its way');
  });

  test('demo2_a full storage and a lost connection are told in words', async () => {
    await ann.route('**/assets?*', (route) => route.fulfill({ status: 507, contentType: 'application/json', body: '{"code":"storage_full","message":"Full."}' }));
    await bring(ann, 'paste', [picture('late.png', 20, 20, [1, 2, 3])]);
    await untilToast(ann, /late\.png.*no room left for files/);
    await ann.unroute('**/assets?*');
    await ann.route('**/assets?*', (route) => route.abort());
    await bring(ann, 'paste', [picture('lost.png', 20, 20, [1, 2, 3])]);
    await untilToast(ann, /lost\.png.*cannot be reached/);
    await ann.unroute('**/assets?*');
    assert.equal(await ann.locator('.piece').count(), 1);
  });

  test('demo3_a picture that cannot be loaded says where it should have come from, as text, and can be removed', async () => {
    const src = `${world.origin}/assets/${'0'.repeat(64)}?<b>x</b>`;
    await ann.evaluate(async (address) => {
      const room = new WebSocket(`${location.origin.replace('http', 'ws')}/parties/main/files?_pk=other`);
      await new Promise((resolve) => { room.onopen = resolve; });
      room.send(JSON.stringify({ type: 'user:join', data: { name: 'Script' } }));
      room.send(JSON.stringify({ type: 'image:add', id: 'e1', data: { id: 'gone', src: address, x: 0, y: 300, width: 320, height: 240 } }));
      await new Promise((resolve) => { room.onmessage = ({ data }) => JSON.parse(data).type === 'ack' && resolve(); });
      room.close();
    }, src);
    await ben.waitForSelector('.piece.broken');
    assert.match(await ben.textContent('.ruin span'), /\/assets\/0{64}\?/);
    assert.equal(await ben.locator('.ruin b').count(), 1);
    await shot(ben, 'broken');
    await ben.click('#fit');
    await ben.click('.ruin button');
    await untilPieces(ann, 1);
  });

  test('demo2_no script failed and no policy was broken on the way', () => {
    assert.deepEqual(world.faults, []);
    assert.deepEqual(world.dialogs, []);
  });
});
