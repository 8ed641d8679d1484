// Owns: the proof that people can look at the native server, and act on its rooms, in a real browser (DASH). What its page
// makes of numbers is proven with the worker's, whose page it is, too.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, test } from 'node:test';
import { addSample, shot, untilLive, untilText, World } from './page.mjs';

const SECRET = 'a-secret-of-the-operator';
const LOADED = '#board:not([hidden])';

let world;
before(async () => { world = await World.open('--admin-secret', SECRET); });
after(() => world.close());
afterEach(() => {
  assert.deepEqual(world.faults.splice(0), []);
  assert.deepEqual(world.dialogs.splice(0), []);
});

async function signedIn(options) {
  const page = await world.person('operator', options);
  await page.goto(`${world.origin}/dashboard`);
  await page.fill('#secret', SECRET);
  await page.keyboard.press('Enter');
  await page.waitForSelector(LOADED);
  return page;
}

const rows = (page) => page.$$eval('#rooms tbody tr', (all) => all.map((row) => row.dataset.room));
const untilRow = (page, room) => page.waitForSelector(`#rooms tr[data-room="${room}"]`);
const openRoom = async (page, room) => {
  await page.click(`#rooms tr[data-room="${room}"] th button`);
  await page.waitForSelector('#room-people li');
};

test('dash1_whoever has the secret sees the server, and nobody else', async () => {
  const ann = await world.guest('Annabel', 'plan');
  const page = await world.person('operator');
  assert.equal((await page.goto(`${world.origin}/dashboard`)).status(), 401);
  await page.waitForSelector('#gate:not([hidden])');
  await page.fill('#secret', 'not the secret');
  await page.keyboard.press('Enter');
  await untilText(page, '#sign-in-error', /not the server's admin secret/);
  await page.fill('#secret', SECRET);
  await page.keyboard.press('Enter');
  await untilRow(page, 'plan');
  const cards = await page.$$eval('.card h2', (heads) => heads.map((head) => head.textContent));
  assert.deepEqual(cards, ['Connections', 'Rooms', 'Messages in', 'Messages out', 'Refused', 'Memory', 'Storage', 'Slow clients']);
  const columns = await page.$$eval('#rooms thead th', (heads) => heads.map((head) => head.dataset.sort));
  assert.deepEqual(columns, ['room', 'sockets', 'people', 'images', 'slow', 'perSecond', 'bytes']);
  assert.match(await page.innerText('#memory'), /\d\s+MB of .+ GB\s+the whole process/);
  // No script can read the cookie, and the page has put the secret nowhere.
  const kept = await page.evaluate(() => [document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage), location.href].join());
  assert.ok(!kept.includes('kanvas-admin') && !kept.includes(SECRET), kept);
  await page.click('#sign-out');
  await page.waitForSelector('#gate:not([hidden])');
  assert.ok(!(await page.content()).includes('plan'));
  await page.context().close();
  await ann.context().close();
});

test('dash11_a room is found, looked into and closed with the keyboard', async () => {
  const [ann, ben] = [await world.guest('Annabel', 'harbor'), await world.guest('Benedict', 'tide')];
  const page = await signedIn();
  await untilRow(page, 'tide');
  await page.keyboard.press('/');
  await page.keyboard.type('HARB');
  await page.waitForFunction(() => document.querySelectorAll('#rooms tbody tr').length === 1);
  assert.deepEqual(await rows(page), ['harbor']);
  await page.focus('#rooms tbody th button');
  await page.keyboard.press('Enter');
  await untilText(page, '#room-people', /Annabel/);
  assert.equal(await page.textContent('#room-title'), 'harbor');
  assert.match(await page.innerText('#room-numbers'), /Connections\s+1\s/);
  await page.focus('#room-close');
  await page.keyboard.press('Enter');
  assert.equal(await page.textContent('#room-close'), 'Sure?');
  // Who goes elsewhere has not meant it.
  await page.keyboard.press('Shift+Tab');
  assert.equal(await page.textContent('#room-close'), 'Close the room');
  assert.equal(await ann.getAttribute('#state', 'data-phase'), 'live');
  await page.focus('#room-close');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await ann.waitForSelector('#refusal:not([hidden])');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#room:not([open])', { state: 'attached' });
  await untilText(page, '#closes-sheet .events', /kicked.*You were removed from this room\.harbor/s);
  await Promise.all([ann, ben, page].map((one) => one.context().close()));
});

test('dash11_a person is kicked by two presses, and the others stay', async () => {
  const [ann, ben] = [await world.guest('Annabel', 'dunes'), await world.guest('Benedict', 'dunes')];
  const page = await signedIn();
  await untilRow(page, 'dunes');
  await openRoom(page, 'dunes');
  const kick = page.getByRole('button', { name: /^Kick Benedict/ });
  await kick.click();
  assert.equal(await kick.textContent(), 'Sure?');
  await kick.click();
  await ben.waitForSelector('#refusal:not([hidden])');
  await page.waitForFunction(() => document.querySelectorAll('#room-people li').length === 1);
  assert.match(await page.innerText('#room-people'), /Annabel/);
  assert.equal(await ann.getAttribute('#state', 'data-phase'), 'live');
  await Promise.all([ann, ben, page].map((one) => one.context().close()));
});

test('dash10_a room is recorded from the page, and the file goes to the lab', async () => {
  const ann = await world.guest('Annabel', 'studio');
  const page = await signedIn();
  await untilRow(page, 'studio');
  await openRoom(page, 'studio');
  await page.click('#recording-begin');
  await page.waitForSelector('#recording-file:not([hidden])');
  assert.equal(await page.isHidden('#recording-begin'), true);
  await addSample(ann, 'Dunes');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#recording-file')]);
  assert.equal(download.suggestedFilename(), 'studio.kanvas');
  const file = await readFile(await download.path());
  assert.ok(file.length > 500 && !file.includes('Annabel'));
  assert.equal(await page.getAttribute('#recording-lab a', 'href'), '/lab/');
  await page.click('#recording-drop');
  await page.click('#recording-drop');
  await page.waitForSelector('#recording-begin:not([hidden])');
  await Promise.all([ann, page].map((one) => one.context().close()));
});

test('dash11_on a phone nothing is cut and every control has a name', async () => {
  const ann = await world.guest('Annabel', 'a-room-whose-name-is-as-long-as-the-name-of-a-room-can-ever-be__');
  const page = await signedIn({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  await untilRow(page, 'a-room-whose-name-is-as-long-as-the-name-of-a-room-can-ever-be__');
  await untilLive(page);
  for (const width of [320, 390, 640, 820, 1100, 1241, 1440, 1920]) {
    await page.setViewportSize({ width, height: 844 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} pixels of ${width}`);
    const cut = await page.$$eval('.figure b, .card h2, #rooms thead button, #rooms td, .tally td, .sheet h2, .events time, dt, dd', (nodes) => nodes
      .filter((node) => node.checkVisibility() && node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline').map((node) => node.outerHTML));
    assert.deepEqual(cut, [], `${width}`);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  await shot(page, 'dashboard-phone');
  await page.click('#rooms tbody th button');
  await page.waitForSelector('#room-people li');
  const panel = await page.evaluate(() => { const { scrollWidth, clientWidth } = document.getElementById('room'); return scrollWidth - clientWidth; });
  assert.equal(panel, 0);
  const nameless = await page.$$eval('button, input, a', (nodes) => nodes
    .filter((node) => node.checkVisibility() && node.getAttribute('aria-hidden') !== 'true')
    .filter((node) => !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length)).map((node) => node.outerHTML));
  assert.deepEqual(nameless, []);
  await Promise.all([ann, page].map((one) => one.context().close()));
});
