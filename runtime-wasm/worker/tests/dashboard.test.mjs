// The dashboard in Chromium: signing in to a real worker; and what it makes of numbers that are given here, by a clock
// that is turned here.
//
// CHROMIUM: the browser (default /usr/bin/chromium). SCREENSHOTS: a directory to put pictures of the page into.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { people } from './conformance/client.mjs';
import { Worker } from './worker.mjs';

const SECRET = 'sixteen-bytes-ok';
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'];
const MINUTE = 60_000;

let place;
let browser;
let origin;
before(async () => {
  place = { target: await Worker.start({ auth: 'required', origins: ['https://app.example.com'], admin: SECRET }) };
  origin = `http://${place.target.host}`;
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
});
after(async () => {
  await browser?.close();
  await place?.target.stop();
});

/** A window, and what went wrong in it. */
async function open(t, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    // The browser itself reports each answer that is a refusal.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) faults.push(message.text());
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(faults, []);
  });
  return page;
}

async function shot(page, name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true });
}

/** Numbers as the server tells them. */
function numbers(more = {}) {
  const at = Date.now();
  const room = (name, sockets, perSecond, ago) => ({ room: name, at: at - ago, sockets, people: sockets - 1, images: 7 * sockets, heard: 0, said: 0, perSecond });
  const first = Math.floor(at / MINUTE) - 59;
  return {
    at, rooms: 3, sockets: 1234, people: 1200, found: 3,
    top: [room('harbor', 40, 3.25, 4000), room('Tide', 30, 0, 400_000), room('dunes', 2, 118.4, 9000)],
    perSecond: { heard: 40, said: 2000, refused: 0.2 },
    minutes: Array.from({ length: 60 }, (_, no) => ({ at: (first + no) * MINUTE, sockets: 20 * no, rooms: 3, heard: 60 * no, said: 600 * no, refused: no % 2 })),
    refused: [{ name: 'rate_limited', words: 'Too many edits; slow down.', lastHour: 3, total: 5678 }],
    closed: [{ name: 'timeout', words: '4204. It took too long.', lastHour: 0, total: 2 }],
    memory: { title: 'Isolates', one: 'isolate', about: 'About them.', limit: 128 * 2 ** 20, each: [{ name: 'aaaa1111', bytes: 120 * 2 ** 20 }, { name: 'bbbb2222', bytes: 2 ** 21 }] },
    totals: [{ label: 'Sent', value: 3 * 2 ** 30, unit: 'bytes' }, { label: 'Failed writes', value: 2, unit: 'count', isBad: true }],
    canSignOut: true,
    ...more,
  };
}

/** A window in which the server says what `server.says` is when it is asked. */
async function shown(t, { options, more } = {}) {
  const page = await open(t, options);
  const server = { says: { json: numbers(more) }, asked: [] };
  await page.route('**/dashboard/data*', (route) => {
    server.asked.push(new URL(route.request().url()).search);
    return server.says === 'nothing' ? route.abort() : route.fulfill(server.says);
  });
  await page.clock.install();
  await page.goto(`${origin}/dashboard`);
  await page.waitForSelector('#board:not([hidden])');
  return { page, server };
}

/** From here on time goes only as far as it is told to. The numbers have just come. */
async function stop(page, server) {
  server.says = { json: numbers({ sockets: 4321 }) };
  await page.clock.pauseAt(Date.now() + 5000);
  await untilText(page, '#connections b', '4,321');
}

const text = (page, selector) => page.locator(selector).innerText();
const names = (page) => page.$$eval('#rooms tbody th', (heads) => heads.map((head) => head.textContent));
const untilText = (page, selector, wanted) => page.waitForFunction(([query, words]) => document.querySelector(query)?.textContent.includes(words), [selector, wanted]);

test('oper8_whoever has the secret signs in, sees the rooms that are there, and signs out', { timeout: 90_000 }, async (t) => {
  const { join: enter } = people(t, place);
  await enter('harbor', {}, { query: { token: await place.target.token('user_ann') } });
  await enter('harbor', {}, { query: { token: await place.target.token('user_bob') } });
  const page = await open(t);
  await page.goto(`${origin}/dashboard`);
  await page.waitForSelector('#gate:not([hidden])');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'secret');

  await page.keyboard.press('Enter');
  assert.equal(await text(page, '#sign-in-error'), 'Type the secret first.');
  await page.keyboard.type('not the secret');
  assert.equal(await text(page, '#sign-in-error'), '');
  await page.keyboard.press('Enter');
  await untilText(page, '#sign-in-error', "That is not the server's admin secret.");
  assert.equal(await page.getAttribute('#secret', 'aria-invalid'), 'true');
  await page.click('#reveal');
  assert.equal(await page.getAttribute('#secret', 'type'), 'text');
  await page.fill('#secret', SECRET);
  await page.click('#sign-in [type=submit]');

  await page.waitForFunction(() => document.querySelector('#rooms tbody td')?.textContent === '2', null, { timeout: 60_000 });
  assert.deepEqual(await names(page), ['harbor']);
  assert.equal(await page.inputValue('#secret'), '');
  // No script can read the cookie, and the page has put the secret nowhere.
  const kept = await page.evaluate(() => [document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage), location.href].join());
  assert.ok(!kept.includes('kanvas-admin') && !kept.includes(SECRET), kept);
  await page.reload();
  await page.waitForSelector('#board:not([hidden])');

  await page.click('#sign-out');
  await page.waitForSelector('#gate:not([hidden])');
  assert.ok(!(await page.content()).includes('harbor'));
  await page.reload();
  await page.waitForSelector('#gate:not([hidden])');
});

test('oper8_a sign-in that has ended is asked for again', async (t) => {
  const { page, server } = await shown(t);
  server.says = { status: 401, json: { error: 'unauthorized', message: 'Send it.' } };
  await page.clock.runFor(5000);
  await page.waitForSelector('#gate:not([hidden])');
  assert.equal(await text(page, '#sign-in-why'), 'The sign-in has ended. Sign in again to go on.');
  assert.equal(await page.isHidden('#sign-out'), true);
  const asked = server.asked.length;
  await page.clock.runFor(60_000);
  assert.equal(server.asked.length, asked);
});

test('oper8_where there is no secret the page says what to do', async (t) => {
  const page = await open(t);
  await page.route('**/dashboard/data*', (route) => route.fulfill({ status: 403, json: { error: 'off', message: 'Set it.' } }));
  await page.goto(`${origin}/dashboard`);
  await page.waitForSelector('#shut:not([hidden])');
  assert.match(await text(page, '#shut'), /The dashboard is off\s+Set it\./);
});

test('oper9_the numbers are those of the server, with a word about each', async (t) => {
  const { page } = await shown(t);
  const card = async (id) => (await text(page, `#${id}`)).split(/\s*\n\s*/).join(' ');
  assert.equal(await card('connections'), 'Connections 1,234 of 1,200 people');
  assert.equal(await card('open-rooms'), 'Rooms 3 411 connections each');
  assert.equal(await card('heard'), 'Messages in 40 /s hour’s peak 58/s');
  assert.equal(await card('said'), 'Messages out 2,000 /s hour’s peak 2,000/s');
  assert.equal(await card('refusals'), 'Refused 0.5 % of messages in 30 in the last hour');
  assert.equal(await card('memory'), 'Memory 120 MB of 128 MB the fullest of 2 isolates');
  assert.deepEqual(await page.$$eval('.card', (cards) => cards.map((one) => one.dataset.grade)), ['well', 'well', 'well', 'well', 'well', 'bad']);
  assert.match(await text(page, '#refused tbody'), /^rate_limited\s+Too many edits; slow down\.\s+3\s+5,678$/);
  assert.match(await text(page, '#closed tbody'), /^timeout\s+4204\. It took too long\.\s+0\s+2$/);
  assert.match(await text(page, '#totals'), /Sent\s+3 GB\s+Failed writes\s+2/);
  assert.match(await page.title(), /^1,234 · /);
  // A minute that is pointed at says its own number.
  const line = await page.locator('#heard .spark').boundingBox();
  await page.mouse.move(line.x + line.width / 2, line.y + 10);
  assert.match(await text(page, '#heard .about'), / · (29|30)\/s$/);
  // One that is not over is told by the last sixty seconds.
  await page.mouse.move(line.x + line.width - 1, line.y + 10);
  assert.match(await text(page, '#heard .about'), / · 40\/s$/);
  await page.mouse.move(0, 0);
  assert.equal(await text(page, '#heard .about'), 'hour’s peak 58/s');
});

test('oper9_they are asked for every five seconds while somebody looks', async (t) => {
  const { page, server } = await shown(t);
  const seen = (hidden) => page.evaluate((is) => {
    Object.defineProperty(document, 'hidden', { value: is, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await stop(page, server);
  const first = server.asked.length;
  for (let no = 1; no < 4; no += 1) {
    server.says = { json: numbers({ sockets: 10 * no }) };
    await page.clock.runFor(4999);
    assert.equal(server.asked.length, first + no - 1);
    await page.clock.runFor(1);
    await page.waitForFunction((count) => document.querySelector('#connections b').textContent === count, String(10 * no));
    assert.equal(server.asked.length, first + no);
  }
  await seen(true);
  await page.clock.runFor(10 * MINUTE);
  assert.equal(server.asked.length, first + 3);
  server.says = { json: numbers({ sockets: 99 }) };
  await seen(false);
  await untilText(page, '#connections b', '99');
});

test('oper9_old numbers are said to be old, and a failure is told in words', async (t) => {
  const { page, server } = await shown(t);
  await stop(page, server);
  assert.equal(await text(page, '#state'), 'Live');
  server.says = 'nothing';
  await page.clock.runFor(5000);
  await page.waitForSelector('#trouble:not([hidden])');
  assert.match(await text(page, '#trouble'), /^The server does not answer\. These numbers are from .*\d\d.*\. Trying again every five seconds\.$/);
  assert.equal(await page.getAttribute('#state', 'data-phase'), 'failed');
  await page.clock.runFor(5000);
  await untilText(page, '#state', 'Not live · 10 s ago');
  // What was seen last stays.
  assert.equal(await text(page, '#connections b'), '4,321');
  server.says = { status: 503, json: { error: 'unavailable', message: 'The counts cannot be had at the moment.' } };
  await page.clock.runFor(5000);
  await untilText(page, '#trouble', 'The counts cannot be had at the moment.');
  await shot(page, 'dashboard-failed');
  server.says = { json: numbers() };
  await page.clock.runFor(5000);
  await page.waitForSelector('#trouble', { state: 'hidden' });
  assert.equal(await text(page, '#state'), 'Live');
  // An answer that does not come is no answer: what is shown grows old before it is given up.
  await page.route('**/dashboard/data*', () => {});
  await page.clock.runFor(13_000);
  await untilText(page, '#state', 'Old · 13 s ago');
  await page.clock.runFor(3000);
  await untilText(page, '#state', 'Not live · 16 s ago');
});

test('oper10_rooms are put in order by any column, with the mouse and with the keyboard', async (t) => {
  const { page, server } = await shown(t);
  const sorted = () => page.$$eval('#rooms th[aria-sort]', (heads) => heads.map((head) => [head.dataset.sort, head.getAttribute('aria-sort')]));
  assert.deepEqual([await names(page), await sorted()], [['harbor', 'Tide', 'dunes'], [['sockets', 'descending']]]);
  await page.click('#rooms th[data-sort=perSecond] button');
  assert.deepEqual([await names(page), await sorted()], [['dunes', 'harbor', 'Tide'], [['perSecond', 'descending']]]);
  await page.keyboard.press('Enter');
  assert.deepEqual([await names(page), await sorted()], [['Tide', 'harbor', 'dunes'], [['perSecond', 'ascending']]]);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  assert.deepEqual([await names(page), await sorted()], [['harbor', 'dunes', 'Tide'], [['at', 'descending']]]);
  await page.click('#rooms th[data-sort=room] button');
  assert.deepEqual([await names(page), await sorted()], [['Tide', 'dunes', 'harbor'], [['room', 'ascending']]]);
  assert.equal(await text(page, '#announce'), 'Sorted by name, ascending.');
  // The server is asked as well: it knows rooms that are not shown.
  assert.deepEqual(server.asked.at(-1), '?find=&sort=room&order=ascending');
  assert.deepEqual(await page.$$eval('#rooms tbody tr:first-child td', (cells) => cells.map((cell) => cell.textContent)), ['30', '29', '210', '0', '6 min ago']);
});

test('oper10_a room is found by a part of its name', async (t) => {
  const { page, server } = await shown(t, { more: { rooms: 260, found: 260 } });
  assert.equal(await text(page, '#rooms-count'), '3 of 260');
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'find');
  server.says = { json: numbers({ rooms: 260, found: 1, top: [numbers().top[1]] }) };
  await page.keyboard.type('tID');
  assert.deepEqual(await names(page), ['Tide']);
  await page.clock.runFor(300);
  await untilText(page, '#rooms-count', '1');
  assert.equal(server.asked.at(-1), '?find=tID&sort=sockets&order=descending');
  server.says = { json: numbers({ rooms: 260, found: 0, top: [] }) };
  await page.keyboard.type('<b>');
  assert.equal(await text(page, '#rooms-none h3'), 'No room has “tID<b>” in its name');
  assert.equal(await text(page, '#rooms-none p'), '260 rooms with somebody in them were searched.');
  server.says = { json: numbers() };
  await page.keyboard.press('Escape');
  await page.clock.runFor(300);
  await page.waitForFunction(() => document.querySelectorAll('#rooms tbody tr').length === 3);
});

test('oper10_where nobody is the page says so', async (t) => {
  const nothing = { rooms: 0, sockets: 0, people: 0, found: 0, top: [], refused: [], closed: [], perSecond: { heard: 0, said: 0, refused: 0 } };
  const minutes = numbers().minutes.map(({ at }) => ({ at, sockets: 0, rooms: 0, heard: 0, said: 0, refused: 0 }));
  const { page } = await shown(t, { more: { ...nothing, minutes, memory: { ...numbers().memory, each: [] } } });
  assert.match(await text(page, '#rooms-none'), /^Nobody is here\s+A room is on this list/);
  assert.equal(await page.isHidden('#rooms'), true);
  assert.deepEqual(await page.$$eval('.card .about', (all) => all.map((one) => one.textContent)), ['nobody is connected', 'with somebody in them', 'hour’s peak 0/s', 'hour’s peak 0/s', '0 in the last hour', 'nothing has reported']);
  assert.deepEqual(await page.$$eval('.quiet:not([hidden])', (all) => all.map((one) => one.textContent)), ['Nothing has been refused.', 'The server has closed no connection.', 'None has reported in the last ten minutes.']);
  await shot(page, 'dashboard-empty');
});

test('oper11_light and dark are the system\'s until one chooses, and the choice is remembered', async (t) => {
  const { page } = await shown(t, { options: { colorScheme: 'dark' } });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await shot(page, 'dashboard-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await ground();
  assert.notEqual(light, dark);
  await page.click('.theme');
  await page.click('.theme');
  assert.equal(await page.getAttribute('.theme', 'aria-label'), 'Appearance: dark. Change it.');
  assert.equal(await ground(), dark);
  await page.reload();
  await page.waitForSelector('#board:not([hidden])');
  assert.equal(await ground(), dark);
  await page.click('.theme');
  assert.equal(await ground(), light);
  await shot(page, 'dashboard-light');
});

test('oper11_nothing is wider than the window, nothing is cut, and every control has a name', async (t) => {
  const long = 'a-room-whose-name-is-as-long-as-the-name-of-a-room-can-ever-be__';
  const top = [{ ...numbers().top[0], room: long, sockets: 31_999, images: 99_999, perSecond: 123_456, at: Date.now() - 50 * MINUTE }, ...numbers().top];
  const { page } = await shown(t, { more: { top, sockets: 1_234_567, perSecond: { heard: 123_456, said: 23_456_789, refused: 61_728 } } });
  for (const width of [320, 390, 640, 660, 820, 960, 1100, 1240, 1241, 1440, 1920]) {
    await page.setViewportSize({ width, height: 844 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} pixels of ${width}`);
    const cut = await page.$$eval('.figure b, .card h2, #rooms thead button, #rooms td, .tally td, .sheet h2, .holds span, dt, dd', (nodes) => nodes
      .filter((node) => node.checkVisibility() && node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline')
      .map((node) => node.outerHTML));
    assert.deepEqual(cut, [], `${width}`);
    const outside = await page.$$eval('#rooms thead th', (heads) => heads.filter((head) => head.checkVisibility()).filter((head) => {
      const [own, inner] = [head.getBoundingClientRect(), head.firstElementChild.getBoundingClientRect()];
      return inner.left < own.left - 1 || inner.right > own.right + 1;
    }).map((head) => head.dataset.sort));
    assert.deepEqual(outside, [], `heads at ${width}`);
    if (width === 390) await shot(page, 'dashboard-phone');
  }
  for (const shownNow of ['#board', '#gate']) {
    if (shownNow === '#gate') await page.evaluate(() => [document.getElementById('gate').hidden, document.getElementById('board').hidden] = [false, true]);
    const nameless = await page.$$eval('button, input, a', (nodes) => nodes
      .filter((node) => node.checkVisibility() && node.getAttribute('aria-hidden') !== 'true')
      .filter((node) => !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length))
      .map((node) => node.outerHTML));
    assert.deepEqual(nameless, [], shownNow);
  }
});
