// Owns: the first page against the real server: the live list, searches, making and deleting rooms, thumbnails, the rooms
// visited before. Not here: what the server lists (the core's tests) and the page's model of it (web/tests).

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { World, addSample, drawn, shot, untilLive, untilText, untilToast } from './page.mjs';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: 'dark' };
const HOSTILE = '<img src=x onerror=alert(1)>';

const card = (id) => `#rooms [data-room="${id}"]`;
const visit = (id) => `#recent-list [data-room="${id}"]`;
const untilCard = (page, id) => page.waitForSelector(card(id));
const untilCount = (page, id, count) => page.waitForFunction(
  ([selector, text]) => {
    const badge = document.querySelector(`${selector} .here`);
    return badge && !badge.hidden && badge.textContent === text;
  }, [card(id), String(count)],
);
const names = (page) => page.$$eval('#rooms .card-link > span', (nodes) => nodes.map((node) => node.textContent));

/** Makes a room by the page's dialog, and is in it then. */
async function create(page, name, { open = true } = {}) {
  await page.click('#create-open');
  await page.fill('#create-name', name);
  if (!open) await page.check('[name="open"][value="private"]');
  await page.click('#create-make');
  await untilLive(page);
  return new URL(page.url()).searchParams.get('room');
}

/** Rooms with nobody in them, made without the page. */
const seed = (page, wanted) => page.evaluate(async (list) => {
  for (const { owner, ...room } of list) {
    const answer = await fetch(`/parties/registry/main?_pk=${owner}&name=${owner}`, { method: 'POST', body: JSON.stringify(room) });
    if (answer.status !== 201) throw new Error(`making ${room.id}: ${answer.status}`);
  }
}, wanted);

/** How many pixels of a canvas in the page are not transparent, as a share. */
const inked = (page, selector) => page.$eval(selector, (sheet) => {
  const { data } = sheet.getContext('2d').getImageData(0, 0, sheet.width, sheet.height);
  let count = 0;
  for (let i = 3; i < data.length; i += 4) if (data[i] > 0) count += 1;
  return count / (data.length / 4);
});

describe('the first page', { timeout: 180_000 }, () => {
  let world;
  let ann;
  let ben;

  before(async () => {
    world = await World.open();
    [ann, ben] = [await world.person('Ann'), await world.person('Ben')];
  });

  after(() => world?.close());

  test('demo21_an empty list says so and leads to a first room', async () => {
    await ben.goto(world.origin);
    await ben.waitForSelector('#none:not([hidden])');
    assert.match(await ben.textContent('#none-title'), /No open canvases yet/);
    await shot(ben, 'rooms-empty');
    await ben.click('#none-create');
    assert.equal(await ben.isVisible('#create-sheet'), true);
    assert.equal(await ben.evaluate(() => document.activeElement.id), 'create-name');
    assert.notEqual(await ben.inputValue('#create-name'), '', 'a name is suggested');
    await ben.keyboard.press('Escape');
  });

  test('demo21_a room that is made in one window is in the other by itself, with who is there', async () => {
    await ann.goto(world.origin);
    assert.equal(await create(ann, 'Harbour rebrand'), 'Harbour-rebrand');
    await untilCard(ben, 'Harbour-rebrand');
    await untilCount(ben, 'Harbour-rebrand', 1);
    assert.deepEqual(await names(ben), ['Harbour rebrand']);
    assert.match(await ben.textContent(`${card('Harbour-rebrand')} .card-about`), /by Ann/);
    assert.equal(await ben.getAttribute(`${card('Harbour-rebrand')} .card-link`, 'aria-label'), 'Harbour rebrand, 1 person here');
    const cleo = await world.guest('Cleo', 'Harbour-rebrand');
    await untilCount(ben, 'Harbour-rebrand', 2);
    await cleo.context().close();
  });

  test('demo21_nothing moves under the pointer or the focus; what came is shown when asked for', async () => {
    const { x, y } = await ben.locator(card('Harbour-rebrand')).boundingBox();
    await ben.mouse.move(x + 40, y + 40);
    await seed(ben, [{ id: 'spring', name: 'Spring lookbook', owner: 'Jo' }]);
    await untilText(ben, '#news:not([hidden])', /Show 1 new canvas/);
    assert.deepEqual(await names(ben), ['Harbour rebrand']);
    await ben.click('#news');
    await untilCard(ben, 'spring');
    assert.deepEqual(await names(ben), ['Spring lookbook', 'Harbour rebrand']);
    assert.equal(await ben.evaluate(() => document.activeElement.closest('.card').dataset.room), 'spring');
    await ben.mouse.move(5, 5);
    await seed(ben, [{ id: 'later', name: 'Later', owner: 'Jo' }]);
    await untilText(ben, '#news:not([hidden])', /Show 1 new canvas/);
    await ben.focus('#search');
    await untilCard(ben, 'later');
    assert.equal(await ben.isVisible('#news'), false);
  });

  test('demo21_the list is one to a reader and to keys', async () => {
    const tree = await ben.locator('.browse').ariaSnapshot();
    assert.match(tree, /heading "Open canvases" \[level=2\]/);
    assert.match(tree, /list "Open canvases"/);
    assert.match(tree, /listitem/);
    assert.match(tree, /link "Harbour rebrand, \d (person|people) here"/);
    assert.match(tree, /searchbox "Search canvases/);
    assert.match(tree, /combobox "Sort by"/);
    await ben.focus('#sort');
    await ben.keyboard.press('Tab');
    assert.equal(await ben.evaluate(() => document.activeElement.className), 'card-link');
    const ring = await ben.evaluate(() => getComputedStyle(document.activeElement, '::after').outlineStyle);
    assert.equal(ring, 'solid');
    await ben.focus('#create-open');
    await ben.keyboard.press('/');
    assert.equal(await ben.evaluate(() => document.activeElement.id), 'search');
    assert.equal(await ben.inputValue('#search'), '');
  });

  test('demo24_a room is shown small once somebody put something there', async () => {
    await addSample(ann, 'Dunes');
    await addSample(ann, 'Tide');
    await ann.evaluate((origin) => {
      const socket = new WebSocket(`${origin.replace('http', 'ws')}/parties/main/Harbour-rebrand?_pk=broken`);
      socket.onopen = () => {
        socket.send('{"type":"user:join"}');
        const data = { id: 'broken', src: `${origin}/samples/nothing.svg`, x: 0, y: 700, width: 300, height: 200 };
        socket.send(JSON.stringify({ type: 'image:add', id: 'k', data }));
      };
    }, world.origin);
    await ann.waitForSelector('.piece.broken');
    const page = await world.person('Dora');
    await page.goto(world.origin);
    await page.waitForSelector(`${card('Harbour-rebrand')} .thumb.drawn`);
    const share = await inked(page, `${card('Harbour-rebrand')} canvas`);
    assert.ok(share > 0.02 && share < 0.95, `${share} of it is painted`);
    const colours = await page.$eval(`${card('Harbour-rebrand')} canvas`, (sheet) => {
      const { data } = sheet.getContext('2d').getImageData(0, 0, sheet.width, sheet.height);
      const seen = new Set();
      for (let i = 0; i < data.length; i += 4 * 37) if (data[i + 3] > 0) seen.add((data[i] >> 4) * 256 + (data[i + 1] >> 4) * 16 + (data[i + 2] >> 4));
      return seen.size;
    });
    assert.ok(colours > 20, `${colours} colours: pictures, not boxes alone`);
    assert.equal(await inked(page, `${card('spring')} canvas`), 0, 'nothing is there');
    await shot(page, 'rooms');
    await page.context().close();
  });

  test('demo24_pictures of other places are drawn too, and none is asked for before its card is in view', async () => {
    const page = await world.person('Eli', { viewport: { width: 390, height: 500 }, reducedMotion: 'reduce' }); // nothing fades in
    const asked = [];
    let now = 0;
    let most = 0;
    await page.route(/\/preview\?/, async (route) => {
      asked.push(new URL(route.request().url()).pathname.split('/')[3]);
      now += 1;
      most = Math.max(most, now);
      const images = [{ src: 'https://elsewhere.test/a.svg', x: 0, y: 0, width: 400, height: 300, rotation: 0 }];
      await new Promise((resolve) => { setTimeout(resolve, 50); });
      now -= 1;
      await route.fulfill({ json: { images } });
    });
    await page.route('https://elsewhere.test/**', (route) => route.fulfill({ contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"><rect width="4" height="3" fill="#0a0"/></svg>' }));
    await page.routeWebSocket(/registry/, (socket) => {
      const rooms = Array.from({ length: 60 }, (_, i) => ({ id: `r${i}`, name: `Room ${i}`, isPublic: true, createdAt: 1, lastActivity: 1, userCount: 0, creatorName: null }));
      socket.send(JSON.stringify({ type: 'rooms', rooms }));
    });
    await page.goto(world.origin);
    await page.waitForSelector(`${card('r0')} .thumb.drawn`);
    assert.ok(!asked.includes('r59'));
    await page.locator(card('r58')).scrollIntoViewIfNeeded();
    await page.waitForSelector(`${card('r58')} .thumb.drawn`);
    const { width, height, x, y } = await page.locator(`${card('r58')} .thumb`).boundingBox();
    const png = await page.screenshot({ clip: { x, y, width, height } });
    const green = await page.evaluate(async (bytes) => {
      const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: 'image/png' }));
      const sheet = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
      sheet.drawImage(bitmap, 0, 0);
      return [...sheet.getImageData(bitmap.width / 2, bitmap.height / 2, 1, 1).data];
    }, [...png]);
    assert.ok(green[1] > 120 && green[0] < 80 && green[2] < 80, String(green));
    assert.ok(most <= 3, `${most} at once`);
    assert.equal(new Set(asked).size, asked.length, 'each is asked for once');
    await page.context().close();
  });

  test('demo22_a search finds by name and by owner, stands in the address, and finds no private room', async () => {
    await ann.goto(world.origin);
    const hidden = await create(ann, 'Harbour secrets', { open: false });
    assert.match(new URL(ann.url()).searchParams.get('share'), /^[0-9a-f]{32}$/);
    await addSample(ann, 'Vase');
    await ben.fill('#search', 'harbour');
    await ben.waitForFunction(() => document.querySelectorAll('#rooms .card').length === 1);
    assert.deepEqual(await names(ben), ['Harbour rebrand']);
    assert.equal(await ben.textContent('#rooms-count'), '1');
    await ben.fill('#search', 'JO');
    await ben.waitForFunction(() => document.querySelectorAll('#rooms .card').length === 2);
    assert.deepEqual((await names(ben)).sort(), ['Later', 'Spring lookbook']);
    await untilText(ben, '#announce', /2 canvases/);
    assert.equal(ben.url(), `${world.origin}/?q=JO`);
    await ben.reload();
    await ben.waitForFunction(() => document.querySelectorAll('#rooms .card').length === 2);
    assert.equal(await ben.inputValue('#search'), 'JO');
    await ben.fill('#search', 'zebra');
    await ben.waitForSelector('#none:not([hidden])');
    assert.match(await ben.textContent('#none-title'), /zebra/);
    assert.equal(await ben.getAttribute('#none-open', 'href'), '/?room=zebra');
    await shot(ben, 'rooms-none');
    await ben.click('#none-create');
    assert.equal(await ben.inputValue('#create-name'), 'zebra');
    await ben.keyboard.press('Escape');
    await ben.click('#none-clear');
    await untilCard(ben, 'Harbour-rebrand');
    assert.equal(ben.url(), `${world.origin}/`);
    assert.equal(await ben.locator(card(hidden)).count(), 0, 'a private room is not listed');
  });

  test('demo22_other orders come in pages, and the keyboard goes on where the next page begins', async () => {
    await seed(ben, Array.from({ length: 30 }, (_, i) => ({ id: `n${String(i).padStart(2, '0')}`, name: `Number ${String(i).padStart(2, '0')}`, owner: 'Kim' })));
    await ben.selectOption('#sort', 'name');
    await ben.waitForFunction(() => document.querySelectorAll('#rooms .card').length === 24);
    assert.equal((await names(ben))[0], 'Harbour rebrand');
    assert.equal(ben.url(), `${world.origin}/?sort=name`);
    assert.equal(await ben.textContent('#rooms-count'), '33');
    await ben.focus('#more');
    await ben.keyboard.press('Enter');
    await ben.waitForFunction(() => document.querySelectorAll('#rooms .card').length === 33);
    const all = await names(ben);
    assert.deepEqual(all, [...all].sort(), 'each once, in order');
    assert.equal(await ben.isVisible('#more'), false);
    assert.equal(await ben.evaluate(() => [...document.querySelectorAll('#rooms a')].indexOf(document.activeElement)), 24);
    await ben.selectOption('#sort', 'users');
    await ben.waitForFunction(() => document.querySelectorAll('#rooms .card').length === 24);
    await ben.selectOption('#sort', 'activity');
    assert.equal(ben.url(), `${world.origin}/`);
  });

  test('demo22_a link that is pasted is opened', async () => {
    await ben.fill('#search', `${world.origin}/?room=spring&x=1`);
    await ben.click('#search-open');
    await untilLive(ben);
    assert.equal(ben.url(), `${world.origin}/?room=spring`);
    await ben.goto(world.origin);
  });

  test('demo25_rooms one was in are listed on the device, a private one with its way in', async () => {
    await ann.goto(world.origin);
    const [secret] = await ann.$$eval('#recent-list .visit', (nodes) => nodes.map((node) => node.dataset.room));
    await untilText(ann, `${visit(secret)} b`, /Harbour secrets/);
    assert.equal(await ann.locator(`${visit(secret)} [aria-label="Private"]`).count(), 1);
    await ann.waitForSelector(`${visit(secret)} .thumb.drawn`);
    await shot(ann, 'rooms-recent');
    await ann.click(`${visit(secret)} a`);
    await untilLive(ann);
    await ann.waitForSelector('.piece');
    const other = await world.person('Fay');
    await other.goto(`${world.origin}/?room=${secret}`);
    await other.waitForSelector('#refusal[open]');
    assert.match(await other.textContent('#refusal-title'), /not open to you/);
    await other.goto(world.origin);
    await untilCard(other, 'Harbour-rebrand');
    assert.equal(await other.isVisible('#recent'), false, 'who was not let in was not there');
    await other.context().close();
  });

  test('demo25_one can be taken off the list, and one that was deleted says so', async () => {
    await ann.evaluate(() => {
      const list = JSON.parse(localStorage.getItem('kanvas.recent'));
      localStorage.setItem('kanvas.recent', JSON.stringify([...list, 'never-there']));
    });
    await ann.goto(world.origin);
    await untilText(ann, `${visit('never-there')} .visit-about`, /Deleted/);
    assert.equal(await ann.getAttribute(`${visit('never-there')} a`, 'href'), null);
    for (const id of ['never-there', 'Harbour-rebrand']) {
      await ann.locator(`${visit(id)} button`).focus();
      await ann.keyboard.press('Enter');
      assert.equal(await ann.locator(visit(id)).count(), 0);
    }
    assert.equal(await ann.evaluate(() => document.activeElement.closest('.visit') !== null), true, 'the focus stays in the row');
    await ann.reload();
    await ann.waitForSelector('#recent-list .visit');
    assert.equal(await ann.locator('#recent-list .visit').count(), 1);
  });

  test('demo23_a name that is taken, or has no letters of an address, makes a room all the same', async () => {
    const page = await world.person('Gil');
    await page.goto(world.origin);
    await page.click('#create-open');
    await page.fill('#create-name', '   ');
    await page.click('#create-make');
    assert.match(await page.textContent('#create-error'), /needs a name/);
    await page.keyboard.press('Escape');
    const again = await create(page, 'Harbour rebrand');
    assert.notEqual(again, 'Harbour-rebrand');
    await untilText(page, '#room-name', /^Harbour rebrand$/);
    await page.goto(world.origin);
    const hostile = await create(page, HOSTILE.slice(0, 32));
    await untilText(page, '#room-name', /^<img src=x onerror=alert\(1\)>$/);
    await page.goto(world.origin);
    await untilCard(page, hostile);
    assert.equal(await page.textContent(`${card(hostile)} .card-link > span`), HOSTILE);
    assert.equal(await page.locator(`${card(hostile)} img`).count(), 0);
    assert.deepEqual(world.dialogs, []);
    await page.context().close();
  });

  test('demo23_where one must sign in to make rooms, the dialog says so and leads there', async () => {
    const page = await world.person('Hal');
    await page.route(/parties\/registry/, (route) => (route.request().method() === 'POST' ? route.fulfill({ status: 401, json: { error: 'token_required', message: 'No.' } }) : route.continue()));
    await page.goto(world.origin);
    await page.click('#create-open');
    await page.click('#create-make');
    await untilText(page, '#create-error', /Sign in first/);
    await page.click('#create-sign-in');
    assert.equal(await page.isVisible('#account-token'), true);
    await page.fill('#account-token', await world.token('hal', 'Hal'));
    await page.click('#account-in');
    await untilText(page, '#start-account', /Hal/);
    await page.click('#create-open');
    assert.equal(await page.isVisible('#create-guest'), false);
    await page.context().close();
  });

  test('demo21_a list for those who signed in, and one out of reach, say what to do', async () => {
    const page = await world.person('Ida');
    let barred = true;
    await page.routeWebSocket(/registry/, (socket) => {
      if (barred) socket.close({ code: 4102, reason: 'token_required' });
      else socket.connectToServer();
    });
    await page.goto(world.origin);
    await untilText(page, '#trouble-title', /Sign in/);
    barred = false;
    await page.click('#trouble-sign-in');
    await page.fill('#account-token', await world.token('ida', 'Ida'));
    await page.click('#account-in');
    await untilCard(page, 'spring');
    await page.context().close();
    const lost = await world.person('Jon');
    let away = true;
    await lost.routeWebSocket(/registry/, (socket) => {
      if (away) socket.close();
      else socket.connectToServer();
    });
    await lost.goto(world.origin);
    await untilText(lost, '#trouble-text', /cannot be reached\. Trying/);
    await untilText(lost, '#announce', /cannot be shown/);
    assert.equal(await lost.isVisible('#none'), false);
    await shot(lost, 'rooms-trouble');
    away = false;
    await untilCard(lost, 'spring');
    await lost.context().close();
  });

  test('demo26_an owner deletes a room; who is there is led back to the list', async () => {
    const owner = await world.member('Kay', 'doomed');
    const there = await world.guest('Lou', 'doomed');
    await untilCard(ben, 'doomed');
    await owner.click('#settings-open');
    await owner.click('#settings-delete');
    assert.match(await owner.textContent('#settings-sure-text'), /“doomed” goes for good/);
    assert.equal(await owner.evaluate(() => document.activeElement.id), 'settings-keep');
    await owner.click('#settings-keep');
    assert.equal(await owner.isVisible('#settings-name'), true);
    await owner.click('#settings-delete');
    await owner.click('#settings-gone');
    await untilToast(owner, /“doomed” was deleted/);
    assert.equal(owner.url(), `${world.origin}/`);
    assert.equal(await owner.locator(visit('doomed')).count(), 0);
    await there.waitForSelector('#refusal[open]');
    assert.match(await there.textContent('#refusal-title'), /This canvas was deleted/);
    assert.equal(await there.evaluate(() => document.activeElement.id), 'refusal-leave');
    assert.equal(await there.isVisible('#refusal-retry'), false);
    await shot(there, 'rooms-deleted');
    await there.reload();
    await untilText(there, '#refusal-title', /no such canvas/);
    await there.click('#refusal-leave');
    await untilText(there, `${visit('doomed')} .visit-about`, /Deleted/);
    await ben.waitForFunction((selector) => !document.querySelector(selector), card('doomed'));
    for (const page of [owner, there]) await page.context().close();
  });

  test('demo26_a room that could not be deleted goes on', async () => {
    const owner = await world.member('Max', 'kept');
    await owner.route(/parties\/registry\/main\/kept/, (route) => route.fulfill({ status: 503, json: { error: 'unavailable', message: 'The room cannot be reached at the moment.' } }));
    await owner.click('#settings-open');
    await owner.click('#settings-delete');
    await owner.click('#settings-gone');
    await untilText(owner, '#settings-sure-error', /cannot be reached/);
    await untilLive(owner);
    await owner.keyboard.press('Escape');
    await addSample(owner, 'Vase');
    await owner.context().close();
  });

  test('demo21_a phone shows it all and nothing is wider than it', async () => {
    const page = await world.person('Nia', PHONE);
    await page.goto(`${world.origin}/?room=spring`);
    await untilLive(page);
    await page.goto(world.origin);
    await untilCard(page, 'spring');
    await drawn(page);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${overflow} px too wide`);
    await shot(page, 'rooms-phone');
    await page.tap('#create-open');
    await shot(page, 'rooms-phone-create');
    await page.context().close();
  });

  test('demo21_counts change without moving anything', async () => {
    const place = (page) => page.$$eval('#rooms .card', (nodes) => nodes.slice(0, 8).map((node) => [node.dataset.room, node.offsetLeft, node.offsetTop, node.offsetHeight].join()));
    await ben.goto(world.origin);
    await untilCard(ben, 'spring');
    await ben.mouse.move(5, 5);
    const first = await ben.$eval('#rooms .card:not(:first-child)', (node) => node.dataset.room);
    const before = await place(ben);
    const guest = await world.guest('Ola', first);
    await untilCount(ben, first, 1);
    assert.deepEqual(await place(ben), before);
    await guest.context().close();
  });

  test('demo21_no script failed and no policy was broken on the way', () => {
    assert.deepEqual(world.faults, []);
    assert.deepEqual(world.dialogs, []);
  });
});
