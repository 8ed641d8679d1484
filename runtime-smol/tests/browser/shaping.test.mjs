// Owns: shaping pictures in the demo: handles, order, several at once, undo, keys alone; as the other person sees it.

import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { World, addSample, drag, ids, middle, place, shot, untilPieces, untilPlace } from './page.mjs';

const untilCount = (page, words) => page.waitForFunction((count) => document.getElementById('tools-count').textContent === count, words);

describe('shaping pictures on the demo canvas', { timeout: 180_000 }, () => {
  let world;
  let ann;
  let ben;
  let a;
  let b;

  before(async () => {
    world = await World.open();
    ann = await world.guest('Ann', 'shaping');
    ben = await world.guest('Ben', 'shaping');
  });

  after(() => world?.close());

  beforeEach(async () => {
    for (const page of [ann, ben]) await page.keyboard.press('Escape');
    if ((await ids(ann)).length > 0) {
      await ann.keyboard.press('Control+a');
      await ann.keyboard.press('Delete');
      for (const page of [ann, ben]) await untilPieces(page, 0);
    }
    a = await addSample(ann, 'Dunes');
    b = await addSample(ann, 'Tide');
    await untilPieces(ben, 2);
    await ann.keyboard.press('Escape');
  });

  const pick = async (page, image) => {
    const at = await middle(page, image);
    await page.mouse.click(at.x, at.y);
  };

  test('demo4_a corner keeps the proportion, with shift it does not, with alt the middle stays', async () => {
    await pick(ann, a);
    const start = await place(ann, a);
    await drag(ann, await middle(ann, '.handle.se'), { x: 60, y: 80 });
    const grown = await place(ann, a);
    assert.ok(grown.width > start.width + 30 && Math.abs(grown.width / grown.height - start.width / start.height) < 0.01);
    assert.deepEqual([grown.x, grown.y], [start.x, start.y]);
    await untilPlace(ben, a, grown);
    await ann.keyboard.down('Shift');
    await drag(ann, await middle(ann, '.handle.se'), { x: -90, y: 0 });
    await ann.keyboard.up('Shift');
    const free = await place(ann, a);
    assert.ok(free.width < grown.width - 60 && Math.abs(free.height - grown.height) < 3);
    await ann.keyboard.down('Alt');
    await drag(ann, await middle(ann, '.handle.e'), { x: 20, y: 0 });
    await ann.keyboard.up('Alt');
    const wide = await place(ann, a);
    assert.ok(Math.abs(wide.x + wide.width / 2 - (free.x + free.width / 2)) < 0.2 && wide.width > free.width + 30);
    for (const page of [ann, ben]) await page.reload(); // stored, not only shown
    for (const page of [ann, ben]) await untilPlace(page, a, wide);
  });

  test('demo4_turning is seen while it goes on, snaps with shift, and is one stored edit', async () => {
    await pick(ann, a);
    const from = await middle(ann, '.handle.turn');
    await ann.keyboard.down('Shift');
    await drag(ann, from, { x: 140, y: -60 }, { hold: true });
    const now = await place(ann, a);
    assert.ok(now.rotation !== 0 && now.rotation % 15 === 0, String(now.rotation));
    await untilPlace(ben, a, now);
    assert.equal(await ben.locator('.outline.gliding').count(), 1);
    await ann.mouse.up();
    await ann.keyboard.up('Shift');
    await untilPlace(ben, a, { rotation: now.rotation });
    await shot(ann, 'turned');
    await ann.keyboard.press('Control+z');
    await untilPlace(ben, a, { rotation: 0 });
  });

  test('demo4_escape while dragging leaves the picture where it was, for both', async () => {
    const start = await place(ann, a);
    await drag(ann, await middle(ann, a), { x: 90, y: 40 }, { hold: true });
    await untilPlace(ben, a, await place(ann, a));
    await ann.keyboard.press('Escape');
    await ann.mouse.up();
    for (const page of [ann, ben]) await untilPlace(page, a, start);
  });

  test('demo4_order goes by one step and to the ends', async () => {
    const above = (page, upper, lower) => page.waitForFunction(([x, y]) => {
      const [p, q] = [x, y].map((id) => Number(document.querySelector(`[data-image="${id}"]`).style.zIndex));
      return p > q;
    }, [upper, lower]);
    await pick(ann, a);
    const [from, to] = [await middle(ann, a), await middle(ann, b)];
    await drag(ann, from, { x: to.x - from.x + 40, y: to.y - from.y + 40 });
    await ann.click('#to-front');
    await above(ben, a, b);
    await ann.click('#to-back');
    await above(ben, b, a);
    await ann.focus(`.piece[data-image="${a}"]`);
    await ann.keyboard.press(']');
    await above(ben, a, b);
    await ann.keyboard.press('[');
    await above(ben, b, a);
  });

  test('demo5_a marquee selects several; they move, grow and turn as one', async () => {
    const boxes = await Promise.all([a, b].map((id) => ann.locator(`.piece[data-image="${id}"]`).boundingBox()));
    const [left, top] = [Math.min(...boxes.map((box) => box.x)) - 20, Math.min(...boxes.map((box) => box.y)) - 20];
    const [right, bottom] = [Math.max(...boxes.map((box) => box.x + box.width)) + 20, Math.max(...boxes.map((box) => box.y + box.height)) + 20];
    await drag(ann, { x: left, y: top }, { x: right - left, y: bottom - top }, { hold: true });
    await shot(ann, 'marquee');
    await ann.mouse.up();
    await untilCount(ann, '2');
    const starts = await Promise.all([a, b].map((id) => place(ann, id)));
    await drag(ann, await middle(ann, a), { x: 40, y: -30 });
    const moved = await Promise.all([a, b].map((id) => place(ann, id)));
    const shift = (i) => [moved[i].x - starts[i].x, moved[i].y - starts[i].y].map(Math.round);
    assert.deepEqual(shift(0), shift(1));
    for (const [i, id] of [a, b].entries()) await untilPlace(ben, id, moved[i]);
    await drag(ann, await middle(ann, '.handle.nw'), { x: 60, y: 45 });
    const small = await Promise.all([a, b].map((id) => place(ann, id)));
    const shares = small.map(({ width }, i) => width / moved[i].width);
    assert.ok(shares[0] < 0.95 && Math.abs(shares[0] - shares[1]) < 0.01, String(shares));
    await ann.keyboard.press('r');
    for (const id of [a, b]) await untilPlace(ben, id, { rotation: 15 });
    await shot(ann, 'group');
    for (let step = 0; step < 3; step += 1) await ann.keyboard.press('Control+z');
    for (const [i, id] of [a, b].entries()) await untilPlace(ben, id, starts[i]);
  });

  test('demo5_shift-click adds and takes away; a click on the ground lets all go', async () => {
    await pick(ann, a);
    await ann.keyboard.down('Shift');
    await pick(ann, b);
    await untilCount(ann, '2');
    await pick(ann, a);
    await ann.keyboard.up('Shift');
    await untilCount(ann, '');
    await ann.mouse.click(300, 140);
    await ann.waitForSelector('#tools', { state: 'hidden' });
  });

  test('demo6_undo takes back one\'s own edits and leaves what others have done since', async () => {
    await ann.focus(`.piece[data-image="${a}"]`);
    const start = await place(ann, a);
    await ann.keyboard.press('Shift+ArrowRight');
    await ann.keyboard.press('Shift+ArrowDown');
    await untilPlace(ben, a, { x: start.x + 20, y: start.y + 20 });
    await ben.waitForFunction(() => document.querySelectorAll('.outline.gliding').length === 0);
    await ben.focus(`.piece[data-image="${a}"]`);
    await ben.keyboard.press('Alt+ArrowUp'); // larger about the middle: x, y, width and height are Ben's now
    const his = await place(ben, a);
    await untilPlace(ann, a, his);
    await ann.keyboard.press('r');
    await untilPlace(ben, a, { rotation: 15 });
    const turned = await place(ann, a);
    await ann.keyboard.press('Control+z');
    await untilPlace(ben, a, { rotation: 0 });
    await ann.keyboard.press('Control+z'); // her move: nothing of it is left, so her step before that is next
    await untilPieces(ben, 1);
    assert.deepEqual(await ids(ben), [a]);
    for (const page of [ann, ben]) await untilPlace(page, a, { x: turned.x, y: turned.y, width: his.width });
    await ann.keyboard.press('Control+Shift+z');
    await untilPieces(ben, 2);
  });

  test('demo6_a deleted picture comes back under its id, in its place', async () => {
    const start = await place(ann, b);
    await ann.focus(`.piece[data-image="${b}"]`);
    await ann.keyboard.press('Delete');
    await untilPieces(ben, 1);
    await ann.click('#undo');
    await untilPlace(ben, b, start);
    await ann.click('#redo');
    await untilPieces(ben, 1);
    await ann.keyboard.press('Control+z');
    await untilPieces(ben, 2);
    await ann.waitForSelector('#redo:enabled');
  });

  test('demo7_with keys alone pictures are added, picked, moved, copied, turned and put away', async () => {
    const page = await world.guest('Kim', 'keys');
    const other = await world.guest('Lou', 'keys');
    const tabTo = async (selector) => {
      for (let i = 0; i < 60; i += 1) {
        if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
        await page.keyboard.press('Tab');
      }
      assert.fail(`${selector} cannot be reached by Tab`);
    };
    await tabTo('#samples-toggle');
    await page.keyboard.press('Enter');
    await tabTo('.sample[aria-label="Add Vase"]');
    await page.keyboard.press('Enter');
    await untilPieces(other, 1);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+d');
    assert.equal(await page.locator('#samples').isVisible(), false);
    await page.evaluate(() => document.activeElement.blur());
    await untilPieces(other, 2);
    const [first, second] = await ids(page);
    await tabTo('.piece');
    await page.keyboard.press('Enter'); // kept, so that Tab may go on
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await untilCount(page, '2');
    assert.match(await page.textContent('#announce'), /2 pictures selected/);
    const starts = await Promise.all([first, second].map((id) => place(page, id)));
    await page.keyboard.press('ArrowLeft');
    for (const [i, id] of [first, second].entries()) await untilPlace(other, id, { x: starts[i].x - 2 });
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.waitForSelector('#help[open]');
    await shot(page, 'shortcuts');
    assert.ok(await page.locator('#help kbd').count() > 30);
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.getElementById('help').open);
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Delete');
    await untilPieces(other, 0);
    const unnamed = await page.$$eval('button', (buttons) => buttons.filter((button) => !button.textContent.trim() && !button.getAttribute('aria-label')).length);
    assert.equal(unnamed, 0, 'every button has a name');
    for (const one of [page, other]) await one.context().close();
  });

  test('demo4_no script failed and no policy was broken on the way', () => {
    assert.deepEqual(world.faults, []);
  });
});
