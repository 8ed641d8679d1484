// Owns: the demo's windows on each other: following, the minimap, touch, light and dark, being offline, being refused.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import {
  World, addSample, drag, drawn, ids, kill, middle, place, say, shot, untilLive, untilPeople, untilPieces, untilPlace, untilSaid,
} from './page.mjs';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const zoom = (page) => drawn(page).then(() => page.textContent('#zoom-level')).then(parseFloat);
const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

/** Fingers on a page, as the browser's own input: each point is { x, y }. */
async function fingers(page) {
  const client = await page.context().newCDPSession(page);
  const send = (type, points) => client.send('Input.dispatchTouchEvent', { type, touchPoints: points.map((point, id) => ({ ...point, id })) });
  return {
    async swipe(paths, steps = 6) {
      const at = (share) => paths.map(([from, to]) => ({ x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share }));
      await send('touchStart', at(0));
      for (let i = 1; i <= steps; i += 1) await send('touchMove', at(i / steps));
      await send('touchEnd', []);
    },
    async press(point, ms) {
      await send('touchStart', [point]);
      await page.waitForTimeout(ms);
      await send('touchEnd', []);
    },
  };
}

describe('people on the demo canvas', { timeout: 180_000 }, () => {
  let world;
  let ann;
  let ben;
  let image;

  before(async () => {
    world = await World.open();
    ann = await world.guest('Ann', 'people');
    ben = await world.guest('Ben', 'people');
    for (const page of [ann, ben]) await untilPeople(page, 2);
  });

  after(() => world?.close());

  /** The point of the world in the middle of what is free of panels. */
  const centre = (page) => drawn(page).then(() => page.evaluate(() => {
    const { width, height } = document.getElementById('stage').getBoundingClientRect();
    const [, x, y, scale] = document.getElementById('world').style.transform.match(/translate\((.+?)px, (.+?)px\) scale\((.+?)\)/).map(Number);
    return { x: (width / 2 - x) / scale, y: (height / 2 - y) / scale };
  }));

  test('demo9_the map hides while there is nothing, shows all, and a press leads there', async () => {
    assert.equal(await ann.isVisible('#map'), false);
    image = await addSample(ann, 'Dunes');
    await untilPieces(ben, 1);
    await ann.waitForSelector('#map:not([hidden])');
    const before = await centre(ann);
    const box = await ann.locator('#map-sheet').boundingBox();
    await ann.mouse.click(box.x + box.width * 0.9, box.y + box.height * 0.5);
    const right = await centre(ann);
    assert.ok(right.x > before.x + 100, JSON.stringify({ before, right }));
    await drag(ann, { x: box.x + box.width * 0.5, y: box.y + box.height * 0.5 }, { x: 0, y: -box.height * 0.4 });
    assert.ok((await centre(ann)).y < before.y - 50);
    await ann.click('#map-toggle');
    await ann.waitForSelector('#map', { state: 'hidden' });
    await ann.reload();
    await untilLive(ann);
    await ann.waitForSelector('#map-toggle:not([hidden])');
    assert.equal(await ann.isVisible('#map'), false, 'remembered');
    await ann.keyboard.press('m');
    await ann.waitForSelector('#map:not([hidden])');
    await ann.keyboard.press('0');
  });

  test('demo8_whoever is followed leads; their zoom too; one\'s own move or Escape ends it', async () => {
    await untilPeople(ben, 2);
    await ben.keyboard.press('0');
    await ann.click('.person-row[aria-pressed="false"]');
    await ann.waitForSelector('#following:not([hidden])');
    assert.equal(await ann.textContent('#following-text'), 'Following Ben');
    await ben.mouse.move(500, 500);
    await ben.mouse.wheel(0, -240);
    await ben.keyboard.down(' ');
    await drag(ben, { x: 500, y: 300 }, { x: 150, y: 90 });
    await ben.keyboard.up(' ');
    const his = await centre(ben);
    await ann.waitForFunction(([x, y]) => {
      const found = document.getElementById('world').style.transform.match(/translate\((.+?)px, (.+?)px\) scale\((.+?)\)/).map(Number);
      const frame = { x: 24, y: 92, width: innerWidth - 24 - 24 - 16 - 320, height: innerHeight - 92 - 96 };
      const mine = { x: (frame.x + frame.width / 2 - found[1]) / found[3], y: (frame.y + frame.height / 2 - found[2]) / found[3] };
      return Math.hypot(mine.x - x, mine.y - y) < 3;
    }, [his.x, his.y]);
    await shot(ann, 'following');
    await ann.keyboard.press('Escape');
    await ann.waitForSelector('#following', { state: 'hidden' });
    await ann.click('.face-button');
    await ann.waitForSelector('#following:not([hidden])');
    await ann.mouse.move(500, 500);
    await ann.mouse.wheel(0, 120);
    await ann.waitForSelector('#following', { state: 'hidden' });
    await ann.locator('.cursor-label').click();
    await ann.waitForSelector('#following:not([hidden])');
    await ann.click('#following-stop');
    await ann.waitForSelector('#following', { state: 'hidden' });
    for (const page of [ann, ben]) await page.keyboard.press('0');
  });

  test('demo8_a double click goes there once, and who leaves is no longer followed', async () => {
    const cleo = await world.guest('Cleo', 'people');
    await untilPeople(ann, 3);
    await cleo.keyboard.down(' ');
    await drag(cleo, { x: 500, y: 300 }, { x: -400, y: -200 });
    await cleo.keyboard.up(' ');
    const before = await centre(ann);
    await ann.waitForTimeout(300); // the viewport is told a few times a second
    await ann.dblclick('.person:has-text("Cleo") .person-row');
    const there = await centre(ann);
    assert.ok(Math.hypot(there.x - before.x, there.y - before.y) > 200, JSON.stringify({ before, there }));
    assert.equal(await ann.isVisible('#following'), false);
    await ann.click('.person:has-text("Cleo") .person-row');
    await ann.waitForSelector('#following:not([hidden])');
    await cleo.context().close();
    await ann.waitForSelector('#following', { state: 'hidden', timeout: 30_000 });
    await ann.keyboard.press('0');
  });

  test('demo10_one finger pans or moves what is selected, two zoom, a long press adds', async () => {
    const eve = await world.guest('Eve', 'people', PHONE);
    await untilPieces(eve, 1);
    const touch = await fingers(eve);
    const start = await place(eve, image);
    const here = await middle(eve, image);
    await touch.swipe([[here, { x: here.x + 50, y: here.y + 40 }]]);
    const panned = await middle(eve, image);
    assert.ok(Math.abs(panned.x - here.x - 50) < 14 && Math.abs(panned.y - here.y - 40) < 14, JSON.stringify({ here, panned }));
    assert.deepEqual(await place(eve, image), start, 'a finger on what is not selected moves the view');
    const before = await zoom(eve);
    await touch.swipe([[{ x: 150, y: 300 }, { x: 80, y: 200 }], [{ x: 240, y: 420 }, { x: 310, y: 560 }]]);
    assert.ok((await zoom(eve)) > before * 1.4, `${await zoom(eve)} from ${before}`);
    await eve.tap('#fit');
    await eve.touchscreen.tap(...Object.values(await middle(eve, image)));
    await eve.waitForSelector('.frame:not([hidden])');
    await shot(eve, 'phone-selected');
    const at = await middle(eve, image);
    await touch.swipe([[at, { x: at.x + 30, y: at.y - 40 }]]);
    const moved = await place(eve, image);
    assert.ok(moved.x > start.x + 10 && moved.y < start.y - 10, JSON.stringify({ start, moved }));
    await untilPlace(ben, image, moved);
    const other = await addSample(eve, 'Vase');
    await eve.tap('#fit');
    await touch.press(await middle(eve, image), 700);
    await eve.waitForFunction(() => document.getElementById('tools-count').textContent === '2');
    const small = await eve.$$eval('.handle, .tools .icon-button, .adders .icon-button', (nodes) => nodes.filter((node) => {
      const around = Math.abs(parseFloat(getComputedStyle(node, '::after').top)) || 0;
      return node.getClientRects().length > 0 && Math.min(node.offsetWidth, node.offsetHeight) + 2 * around < 36;
    }).map((node) => node.className));
    assert.deepEqual(small, [], 'nothing is too small for a finger');
    await eve.tap('#delete');
    await untilPieces(ben, 0);
    await eve.tap('#undo');
    await untilPieces(ben, 2);
    assert.deepEqual((await ids(ben)).sort(), [image, other].sort());
    await eve.context().close();
  });

  test('demo11_light and dark follow the system until one chooses, and the choice is remembered', async () => {
    const page = await world.guest('Dora', 'people', { colorScheme: 'dark' });
    const dark = await ground(page);
    await shot(page, 'dark');
    await page.emulateMedia({ colorScheme: 'light' });
    const light = await ground(page);
    assert.notEqual(dark, light);
    await page.click('.zoom .theme'); // light
    await page.click('.zoom .theme'); // dark
    assert.equal(await ground(page), dark);
    await page.reload();
    await untilLive(page);
    assert.equal(await ground(page), dark);
    assert.match(await page.getAttribute('.zoom .theme', 'aria-label'), /dark/);
    await page.context().close();
    await untilPeople(ann, 2);
  });

  test('demo12_what is done while the server is away is counted, kept, and arrives', async () => {
    const start = await place(ann, image);
    await kill(world.server.child);
    for (const page of [ann, ben]) await page.waitForSelector('#banner:not([hidden])');
    await ann.focus(`.piece[data-image="${image}"]`);
    await ann.keyboard.press('Shift+ArrowLeft');
    await ann.keyboard.press('r');
    await say(ann, 'Made offline');
    await ann.waitForFunction(() => /3 edits wait here/.test(document.getElementById('banner-text').textContent));
    assert.match(await ann.textContent('#state-text'), /Offline · 3 unsent|Reconnecting/);
    await shot(ann, 'offline');
    await world.restart();
    await ann.click('#banner-now').catch(() => {}); // it may have tried by itself just before
    for (const page of [ann, ben]) {
      await untilLive(page);
      await page.waitForSelector('#banner', { state: 'hidden' });
    }
    await untilPlace(ben, image, { x: start.x - 20, rotation: 15 });
    await untilSaid(ben, 'Made offline');
    await ann.focus(`.piece[data-image="${image}"]`); // from the chat, where undo is the text's
    await ann.keyboard.press('Control+z');
    await untilPlace(ben, image, { x: start.x - 20, rotation: 0 });
  });

  test('demo13_whoever is refused or removed is told why, and what they can do', async () => {
    for (const [code, title] of [[4505, /full/], [4503, /removed/], [4502, /no such canvas/]]) {
      const page = await world.person('Fay');
      await page.routeWebSocket(/\/parties\//, (socket) => socket.close({ code }));
      await page.goto(`${world.origin}/?room=people`);
      await page.waitForSelector('#refusal:not([hidden])');
      assert.match(await page.textContent('#refusal-title'), title);
      assert.ok((await page.textContent('#refusal-text')).length > 10);
      assert.equal(await page.evaluate(() => document.activeElement.id), code === 4502 ? 'refusal-leave' : 'refusal-retry');
      if (code === 4505) await shot(page, 'refused');
      await page.context().close();
    }
  });

  test('demo8_no script failed and no policy was broken on the way', () => {
    assert.deepEqual(world.faults, []);
    assert.deepEqual(world.dialogs, []);
  });
});
