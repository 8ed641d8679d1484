// Owns: the demo page against the real server in a real browser: two people, one canvas, hostile words, a crash.
// Not here: what the wire says (the core's tests) and the page's model of the room (web/tests).

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import {
  World, addSample, ids, kill, middle, place, say, shot, untilLive, untilPeople, untilPieces, untilPlace, untilSaid,
} from './page.mjs';

const HOSTILE = '<img src=x onerror="alert(1)"> </script><script>alert(2)</script> {{7*7}}';

describe('the demo canvas', { timeout: 180_000 }, () => {
  let world;
  let ann;
  let ben;
  let room;
  let image;

  before(async () => {
    world = await World.open();
    ann = await world.person('Ann');
    ben = await world.person('Ben');
  });

  after(() => world?.close());

  test('run22_a room is created from the start screen, and its address opens it for another', async () => {
    await ann.goto(world.origin);
    await ann.click('#create-open');
    await ann.fill('#create-name', 'Our first canvas');
    await shot(ann, 'start');
    await ann.press('#create-name', 'Enter');
    await untilLive(ann);
    room = ann.url();
    assert.equal(new URL(room).searchParams.get('room'), 'Our-first-canvas');
    assert.equal(await ann.isVisible('#empty'), true);
    await shot(ann, 'empty');
    await ben.goto(room);
    await untilLive(ben);
    for (const page of [ann, ben]) await untilPeople(page, 2);
    assert.deepEqual((await ann.$$eval('.person-name', (nodes) => nodes.map((node) => node.textContent))).sort(), ['Ann', 'Ben']);
  });

  test('run22_a name that is not a room name is answered on the start screen', async () => {
    const page = await world.person('Cleo');
    await page.goto(`${world.origin}/?room=${encodeURIComponent('no such/name')}`);
    await page.waitForSelector('#start:not([hidden])');
    assert.match(await page.textContent('#start-error'), /not a canvas name/);
    await page.context().close();
  });

  test('run22_a picture added in one window is in the other, and is loaded there', async () => {
    image = await addSample(ann, 'Dunes');
    await ben.waitForSelector('.piece');
    assert.deepEqual(await ids(ben), [image]);
    await untilPlace(ben, image, await place(ann, image));
    await ben.waitForFunction(() => document.querySelector('.piece img').naturalWidth > 0);
    assert.equal(await ben.isVisible('#empty'), false);
  });

  test('run22_a drag is seen while it goes on, and stays where it was dropped', async () => {
    const from = await middle(ann, image);
    const start = await place(ann, image);
    await ann.mouse.move(from.x, from.y);
    await ann.mouse.down();
    await ann.mouse.move(from.x + 60, from.y + 30, { steps: 4 });
    await untilPlace(ben, image, await place(ann, image));
    assert.equal(await ben.locator('.outline.gliding').count(), 1, 'the one who drags is shown');
    await shot(ben, 'drag');
    await ann.mouse.move(from.x + 140, from.y + 80, { steps: 4 });
    await ann.mouse.up();
    const end = await place(ann, image);
    assert.ok(end.x - start.x > 100 && end.y - start.y > 50, JSON.stringify({ start, end }));
    await untilPlace(ben, image, end);
    await ben.waitForFunction(() => document.querySelectorAll('.outline.gliding').length === 0);
  });

  test('run22_cursors carry names and follow', async () => {
    await ben.mouse.move(500, 640);
    const cursor = ann.locator('.cursor');
    await cursor.waitFor();
    assert.equal(await cursor.locator('.cursor-name').textContent(), 'Ben');
    const shown = () => ann.evaluate(() => document.querySelector('.cursor').style.transform);
    const before = await shown();
    await ben.mouse.move(640, 560);
    await ann.waitForFunction((old) => document.querySelector('.cursor').style.transform !== old, before);
    await shot(ann, 'cursors');
  });

  test('run22_what is said is heard both ways, also by those who come later', async () => {
    await say(ann, 'Hello Ben');
    await untilSaid(ben, 'Hello Ben');
    await say(ben, 'Hello Ann');
    for (const page of [ann, ben]) await untilSaid(page, 'Hello Ann');
    const late = await world.person('Dora');
    await late.goto(room);
    await untilSaid(late, 'Hello Ben');
    await late.context().close();
    for (const page of [ann, ben]) await untilPeople(page, 2);
  });

  test('run22_hostile words and names are exact text: no element, no dialog', async () => {
    const count = (page) => page.evaluate(() => document.querySelectorAll('img, script, iframe, object').length);
    const counts = await Promise.all([ann, ben].map(count));
    await say(ann, HOSTILE);
    for (const page of [ann, ben]) await untilSaid(page, HOSTILE);
    await ann.click('[aria-label="Change your name"]');
    await ann.fill('.rename input', '<b onclick=x>Ann</b>');
    await ann.press('.rename input', 'Enter');
    await ben.waitForFunction(() => [...document.querySelectorAll('.person-name')].some((node) => node.textContent === '<b onclick=x>Ann</b>'));
    assert.deepEqual(await Promise.all([ann, ben].map(count)), counts);
    assert.equal(await ben.locator('.person-name b, .words *').count(), 0);
    assert.deepEqual(world.dialogs, []);
    await shot(ben, 'hostile');
  });

  test('run22_an address that is no picture is answered in a sentence, and nothing is added', async () => {
    await ann.click('#address-toggle');
    for (const [address, sentence] of [['javascript:alert(1)', /https/], [`${world.origin}/app.js`, /No picture/]]) {
      await ann.fill('#address-text', address);
      await ann.press('#address-text', 'Enter');
      await ann.waitForFunction((source) => new RegExp(source).test(document.getElementById('address-error').textContent), sentence.source);
    }
    await ann.press('#address-text', 'Escape');
    assert.deepEqual(await ids(ann), [image]);
  });

  test('run22_keys move, raise and remove', async () => {
    const other = await addSample(ann, 'Citrus');
    await untilPieces(ben, 2);
    await ann.focus(`.piece[data-image="${other}"]`);
    const start = await place(ann, other);
    await ann.keyboard.press('Shift+ArrowRight');
    await untilPlace(ben, other, { x: start.x + 20, y: start.y });
    const rank = (page, id) => page.evaluate((i) => Number([...document.querySelectorAll('.piece')].find((node) => node.dataset.image === i).style.zIndex), id);
    assert.ok((await rank(ben, other)) > (await rank(ben, image)));
    const at = await middle(ann, image);
    await ann.mouse.click(at.x, at.y);
    await ann.click('#to-front');
    await ben.waitForFunction(([a, b]) => {
      const z = (id) => Number([...document.querySelectorAll('.piece')].find((node) => node.dataset.image === id).style.zIndex);
      return z(a) > z(b);
    }, [image, other]);
    await ann.focus(`.piece[data-image="${other}"]`);
    await ann.keyboard.press('Delete');
    for (const page of [ann, ben]) await untilPieces(page, 1);
    assert.deepEqual(await ids(ben), [image]);
  });

  test('run22_the wheel zooms at the pointer', async () => {
    const at = await middle(ann, image);
    const before = await ann.locator(`.piece[data-image="${image}"]`).boundingBox();
    await ann.mouse.move(at.x, at.y);
    await ann.mouse.wheel(0, -100);
    await ann.waitForFunction(() => document.getElementById('zoom-level').textContent !== '100%');
    await ann.waitForFunction(([id, width]) => [...document.querySelectorAll('.piece')].find((node) => node.dataset.image === id).getBoundingClientRect().width > width + 1, [image, before.width]);
    const now = await middle(ann, image);
    assert.ok(Math.hypot(now.x - at.x, now.y - at.y) < 1, 'what is under the pointer stays there');
  });

  test('run22_a reload keeps pictures, words and the view', async () => {
    const [where, zoom] = [await place(ben, image), await ann.textContent('#zoom-level')];
    await ann.reload();
    await untilLive(ann);
    await untilPlace(ann, image, where);
    await untilSaid(ann, 'Hello Ben');
    await untilSaid(ann, HOSTILE);
    assert.equal(await ann.textContent('#zoom-level'), zoom);
  });

  test('run22_after a crash both windows heal by themselves, and what was done meanwhile is kept', async () => {
    const where = await place(ann, image);
    await kill(world.server.child);
    for (const page of [ann, ben]) await page.waitForSelector('#state[data-phase="waiting"]');
    await shot(ann, 'reconnecting');
    // Made while nobody listens: it goes out once somebody does.
    await addSample(ben, 'Orbit');
    await say(ben, 'Still there?');
    await ben.waitForSelector('.said.pending');
    await world.restart();
    for (const page of [ann, ben]) await untilLive(page);
    for (const page of [ann, ben]) await untilPieces(page, 2);
    await untilPlace(ann, image, where);
    for (const page of [ann, ben]) {
      await untilSaid(page, 'Still there?');
      await untilSaid(page, 'Hello Ann');
      await untilPeople(page, 2);
    }
    await say(ann, 'Back again');
    await untilSaid(ben, 'Back again');
    await ben.waitForFunction(() => document.querySelectorAll('.said.pending').length === 0);
    const said = await ann.$$eval('.words', (nodes) => nodes.filter((node) => node.textContent === 'Still there?').length);
    assert.equal(said, 1, 'sent again, said once');
    await shot(ann, 'healed');
  });

  test('run22_a phone sees the same and nothing is wider than it', async () => {
    const page = await world.person('Eve', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: 'dark' });
    await page.goto(room);
    await untilLive(page);
    await untilPieces(page, 2);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${overflow} px too wide`);
    await shot(page, 'phone');
    await page.tap('#side-toggle');
    await untilSaid(page, 'Back again');
    await shot(page, 'phone-chat');
    await page.context().close();
  });

  test('run22_no script failed and no policy was broken on the way', () => {
    assert.deepEqual(world.faults, []);
    assert.deepEqual(world.dialogs, []);
  });
});
