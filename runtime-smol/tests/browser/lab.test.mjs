// Owns: the proof that the lab does in a browser what its rules (LAB7 to LAB14) say.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { choose, fits, goToStep, LONG, press, state, until } from './lab.mjs';
import { BIN, World, shot } from './page.mjs';

const DIST = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../runtime-wasm/lab/dist');
const KINDS = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.svg': 'image/svg+xml' };

let world;
before(async () => { world = await World.open(); });
after(() => world.close());
afterEach(() => {
  assert.deepEqual(world.faults.splice(0), []);
  assert.deepEqual(world.dialogs.splice(0), []);
});

/** A world, as its address says it, standing still at its beginning. */
async function open(query, options = {}, base = `${world.origin}/lab/`) {
  const page = await world.person('lab', options);
  await page.goto(`${base}?${query}`);
  await until(page, () => window.lab?.state()?.view.step > 0);
  await home(page);
  return page;
}

/** To the beginning. */
async function home(page) {
  await page.focus('#track');
  await page.keyboard.press('Home');
  await until(page, () => window.lab.state().playing === false && window.lab.state().view.at === window.lab.state().begin);
}

/** So many times five seconds ahead, by the keys of the line of time. */
async function ahead(page, times) {
  await page.focus('#track');
  for (let no = 0; no < times; no += 1) {
    const from = (await state(page)).view.at;
    // The keys count from where the line stands, which is drawn a frame after the page has heard of it.
    await until(page, (at) => document.querySelector('#track').getAttribute('aria-valuenow') === String(Math.round(at - window.lab.state().begin)), from);
    await page.keyboard.press('PageUp');
    await until(page, (at) => window.lab.state().view.at >= at + 5000, from);
  }
}

/** What there is at this moment, but for what depends on the page. */
const moment = (page) => state(page).then(({ view, lines }) => ({ view, lines }));

describe('the lab', () => {
  test('lab7_the server has the page, and any other server of files can have it', async () => {
    const moved = await fetch(`${world.origin}/lab?seed=3`, { redirect: 'manual' });
    assert.equal(moved.status, 308);
    assert.equal(moved.headers.get('location'), '/lab/?seed=3');
    const page = await fetch(`${world.origin}/lab/`);
    const policy = page.headers.get('content-security-policy');
    assert.match(policy, /script-src 'self' 'wasm-unsafe-eval'/);
    assert.doesNotMatch(policy, /unsafe-inline|https:|\*/);
    const files = createServer(async (request, response) => {
      const name = new URL(request.url, 'http://files').pathname.replace(/^\/some\/where\//, '') || 'index.html';
      const body = await readFile(path.join(DIST, name)).catch(() => null);
      response.writeHead(body ? 200 : 404, { 'content-type': KINDS[path.extname(name)] ?? 'text/plain' });
      response.end(body);
    });
    await new Promise((ready) => { files.listen(0, '127.0.0.1', ready); });
    try {
      const elsewhere = await open('seed=3', {}, `http://127.0.0.1:${files.address().port}/some/where/`);
      const here = await open('seed=3');
      await Promise.all([ahead(elsewhere, 1), ahead(here, 1)]);
      assert.deepEqual(await moment(elsewhere), await moment(here));
    } finally {
      files.close();
    }
  });

  test('lab8_an address, a link and a file each give the same world again', async () => {
    const query = 'seed=11&people=6&cut=100&crash=400&latency=90';
    const [one, other] = [await open(query), await open(query)];
    await Promise.all([ahead(one, 2), ahead(other, 2)]);
    assert.deepEqual(await moment(one), await moment(other));
    assert.equal((await state(one)).seed, 11);
    const third = await open(query.replace('seed=11', 'seed=12'));
    await ahead(third, 2);
    assert.notDeepEqual((await moment(third)).view.people, (await moment(one)).view.people);

    await press(one, 'x');
    await until(one, () => window.lab.state().view.room.state === 'down' || window.lab.state().lines?.some((line) => line.text.includes('crashes')));
    await one.click('#share');
    await until(one, () => location.search.startsWith('?world='));
    const linked = await open(new URL(one.url()).search.slice(1));
    await Promise.all([ahead(one, 1), ahead(linked, 3)]);
    await linked.keyboard.press('Home');
    const step = (await state(one)).view.step;
    await goToStep(linked, step);
    assert.deepEqual((await moment(linked)).view, (await moment(one)).view);

    const folder = await mkdtemp(path.join(tmpdir(), 'kanvas-lab-'));
    const [download] = await Promise.all([one.waitForEvent('download'), one.click('#save')]);
    const file = path.join(folder, 'world.json');
    await download.saveAs(file);
    await choose(other, file);
    await until(other, () => window.lab.state().knobs.people === 6);
    await home(other);
    await goToStep(other, step);
    assert.deepEqual((await moment(other)).view, (await moment(one)).view);

    const bad = path.join(folder, 'bad.json');
    await writeFile(bad, '{"kanvas":"something else"}');
    await choose(other, bad);
    await other.waitForSelector('#toast.shown');
    assert.match(await other.textContent('#toast'), /no world/);
    assert.deepEqual((await moment(other)).view, (await moment(one)).view);
  });

  test('simulate4_a world that kanvas simulate has written is the same in the lab', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'kanvas-lab-'));
    const file = path.join(folder, 'world.json');
    const options = '--clients 5 --seed 31 --cut 20% --storage-fault 20% --crash-at 3s --for 6s --json --out';
    const { stdout } = await promisify(execFile)(BIN, ['simulate', ...options.split(' '), file]);
    const report = JSON.parse(stdout);
    const page = await open('seed=1');
    await choose(page, file);
    await page.selectOption('#speed', '10');
    await until(page, () => window.lab.state().seed === 31 && window.lab.state().view.phase === 'done');
    const { view } = await state(page);
    assert.deepEqual(view.counts, report.counts);
    assert.deepEqual([view.room.durable, view.room.images], [report.events, report.images]);
  });

  test('lab9_time goes both ways, to the same moments', async () => {
    const page = await open('seed=5&people=8&cut=50&storageFault=100');
    await ahead(page, 1);
    const there = await moment(page);
    await press(page, '.');
    await until(page, (step) => window.lab.state().view.step === step + 1, there.view.step);
    await press(page, ',');
    await until(page, (step) => window.lab.state().view.step === step, there.view.step);
    assert.deepEqual((await moment(page)).view, there.view);
    await press(page, 'f');
    await until(page, (step) => window.lab.state().view.step > step, there.view.step);
    const { view, faults } = await state(page);
    assert.ok(faults.some(([step]) => step === view.step), 'a fault is at the moment that F leads to');
    await press(page, ' ');
    await until(page, (step) => window.lab.state().view.step > step + 500, view.step);
    await press(page, ' ');
    await until(page, () => !window.lab.state().playing);
    const box = await page.locator('#track').boundingBox();
    await page.mouse.click(box.x + 2, box.y + box.height / 2);
    await until(page, () => window.lab.state().view.at - window.lab.state().begin < 1000);
    await goToStep(page, there.view.step);
    assert.deepEqual((await moment(page)).view, there.view);
  });

  test('lab10_a moment tells its events, everyone, and how they differ', async () => {
    const page = await open('seed=2&people=14&latency=300');
    await ahead(page, 2);
    assert.equal(await page.locator('.screen').count(), 9);
    assert.equal(await page.locator('#rows tr').count(), 5);
    const { view } = await state(page);
    assert.ok(view.room.durable <= view.room.sent && view.room.sent <= view.room.head);
    const told = (await page.locator('.room .marks dd').allTextContents()).map((text) => Number(text.replaceAll(',', '')));
    assert.deepEqual(told, [view.room.durable, view.room.sent, view.room.head]);
    for (const kind of ['op', 'frame']) await page.click(`#kinds [data-kind="${kind}"]`);
    await until(page, () => ['input', 'op', 'frame'].every((kind) => document.querySelector(`#events li[data-kind="${kind}"]`)));
    const differing = view.people.findIndex((one, no) => one.differs > 0 && no < 9);
    assert.notEqual(differing, -1, 'with 300 ms one way somebody is behind');
    const small = (await page.locator('.screen').nth(differing).boundingBox()).width;
    await press(page, String(differing + 1));
    await page.waitForSelector('#person:not([hidden])');
    await until(page, () => document.querySelectorAll('.differences:not(.none) li').length > 0);
    assert.ok((await page.locator('.screen').nth(differing).boundingBox()).width > small * 1.8);
    await shot(page, 'lab-moment');
    await press(page, 's');
    await press(page, ' ');
    await until(page, () => window.lab.state().view.phase === 'done');
    await until(page, () => /nothing was lost/.test(document.querySelector('#verdict').textContent));
    assert.ok((await state(page)).view.people.every((one) => one.differs === 0));
  });

  test('lab11_a rule that does not hold stops the world, which is made small', async () => {
    const page = await world.person('lab');
    await page.goto(`${world.origin}/lab/?seed=7&people=12&cut=60&crash=600&storage=40&bug=AckBeforeCommit`);
    await page.waitForSelector('#failure[open]', LONG);
    const { failure, view } = await state(page);
    assert.match(failure.rule, /^SIM\d+$/);
    assert.match(await page.textContent('#failure-title'), new RegExp(failure.rule));
    await shot(page, 'lab-failure');
    await page.click('#shrink');
    await until(page, () => /As small as it gets/.test(document.querySelector('#toast').textContent));
    await page.waitForSelector('#failure[open]', LONG);
    const small = await state(page);
    assert.equal(small.failure.rule, failure.rule);
    assert.ok(small.view.people.length < view.people.length || small.view.step < view.step);
    const again = await world.person('lab');
    await again.goto(page.url());
    await again.waitForSelector('#failure[open]', LONG);
    const { failure: same, view: moment } = await state(again);
    assert.deepEqual([same, moment.step], [small.failure, small.view.step]);
  });

  test('lab12_what one drags is there on every screen', async () => {
    const page = await open('seed=21&people=3&rate=1&guided=1&images=12');
    await ahead(page, 2);
    await press(page, ' ');
    const box = await page.locator('.screen canvas').first().boundingBox();
    const scale = box.width / 1600;
    const at = (x, y) => [box.x + x * scale, box.y + y * scale];
    await page.mouse.dblclick(...at(800, 900));
    const added = () => window.lab.state().view.screens[0].images
      .find(([, x, y, width, height]) => Math.abs(x + width / 2 - 800) < 12 && Math.abs(y + height / 2 - 900) < 12)?.[0];
    const mine = await (await until(page, added)).jsonValue();
    await page.mouse.move(...at(800, 900));
    await page.mouse.down();
    await page.mouse.move(...at(600, 500), { steps: 5 });
    await page.waitForTimeout(60);
    await page.mouse.move(...at(400, 300), { steps: 5 });
    await page.waitForTimeout(60);
    await page.mouse.up();
    await until(page, (id) => window.lab.state().view.screens.every(({ images }) => {
      const found = images.find((image) => image[0] === id);
      return found && Math.abs(found[1] + found[3] / 2 - 400) < 12 && Math.abs(found[2] + found[4] / 2 - 300) < 12;
    }), mine);
  });

  test('lab13_with fifty people a frame takes at most 8 ms', async () => {
    // Time of the page's thread, as the browser's trace has it: others use this machine, too. One run of three must do.
    const found = [];
    for (let attempt = 0; attempt < 3 && !(found.at(-1) <= 8); attempt += 1) {
      const page = await open('seed=4&people=50&cut=20');
      await press(page, ' ');
      await until(page, () => window.lab.state().view.at - window.lab.state().begin > 3000);
      await page.evaluate(() => { window.lab.frames.length = 0; });
      await world.browser.startTracing(page, { categories: ['devtools.timeline'] });
      // Not asked at each frame, which would be a frame more.
      await page.waitForFunction(() => window.lab.frames.length >= 300, null, { ...LONG, polling: 250 });
      const { traceEvents } = JSON.parse(await world.browser.stopTracing());
      const frames = traceEvents.filter(({ name }) => name === 'FireAnimationFrame').map(({ tdur }) => tdur / 1000);
      assert.ok(frames.length >= 250, `${frames.length} frames`);
      found.push(frames.toSorted((a, b) => a - b)[Math.floor(frames.length * 0.95)]);
      await page.context().close();
    }
    assert.ok(found.at(-1) <= 8, `a frame took ${found.map((ms) => ms.toFixed(1)).join(', ')} ms at the 95th percentile`);
  });

  test('lab14_it fits a phone, has a light and a dark look, and names every control', async () => {
    for (const [name, width, height, colorScheme] of [['phone', 390, 844, 'light'], ['tablet', 1024, 768, 'dark'], ['desk', 1440, 900, 'dark']]) {
      const page = await open('seed=7&people=12&cut=20&crash=100', { viewport: { width, height }, colorScheme });
      await ahead(page, 2);
      await fits(page, width);
      await shot(page, `lab-${name}`);
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const before = await ground();
      await page.click('#theme');
      const chosen = await ground();
      assert.notEqual(chosen, before);
      await page.reload();
      await until(page, () => window.lab?.state()?.view.step > 0);
      assert.equal(await ground(), chosen);
      await page.context().close();
    }
  });
});
