// Owns: the proof that the lab plays recordings of live rooms as its rule (LAB17) says, and as `kanvas replay` does.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { choose, fits, goToStep, press, state, until } from './lab.mjs';
import { addSample, BIN, drag, middle, say, shot, untilPieces, untilSaid, World } from './page.mjs';

const SECRET = 'a-secret-of-the-operator';

let world;
let folder;
/** A recording of two people at work, and of one who is lost. */
let file;

before(async () => {
  world = await World.open('--admin-secret', SECRET);
  folder = await mkdtemp(path.join(tmpdir(), 'kanvas-recording-'));
  file = path.join(folder, 'plan.kanvas');
  await writeFile(file, await record());
});
after(() => world.close());
afterEach(() => {
  assert.deepEqual(world.faults.splice(0), []);
  assert.deepEqual(world.dialogs.splice(0), []);
});

async function record() {
  const ask = async (method, what, body) => {
    const answer = await fetch(`${world.origin}/api/rooms/plan/recording${what}`, {
      method, body, headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
    });
    assert.ok(answer.ok, `${method} ${what}: ${answer.status}`);
    return answer;
  };
  const [ann, ben] = [await world.guest('Annabel', 'plan'), await world.guest('Benedict', 'plan')];
  await addSample(ann, 'Dunes');
  await ask('PUT', '', '{}');
  const vase = await addSample(ben, 'Vase');
  await untilPieces(ann, 2);
  await drag(ann, await middle(ann, vase), { x: 180, y: 40 });
  await say(ben, 'Where does this go?');
  await untilSaid(ann, 'Where does this go?');
  await lose();
  await ben.context().close();
  await ann.waitForFunction(() => document.querySelectorAll('.person').length === 1, null, { timeout: 30_000 });
  await addSample(ann, 'Night harbor');
  await ann.context().close();
  return Buffer.from(await (await ask('GET', '/file')).arrayBuffer());
}

/** Somebody whose connection breaks before they have said a word. */
async function lose() {
  const socket = connect(world.server.port, '127.0.0.1');
  socket.write(`GET /parties/main/plan?_pk=lost HTTP/1.1\r\nHost: 127.0.0.1:${world.server.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`);
  const [answer] = await once(socket, 'data');
  assert.match(answer.toString(), /^HTTP\/1.1 101/);
  socket.resetAndDestroy();
}

/** What the command says of a moment. */
async function replayed(at) {
  const { stdout } = await promisify(execFile)(BIN, ['replay', file, '--json', '--at', String(at)]);
  return JSON.parse(stdout);
}

const checked = (page) => until(page, () => window.lab.state()?.of === 'recording' && !window.lab.state().checking && window.lab.state().view.step === 0);

async function open(given, options) {
  const page = await world.person('lab', options);
  await page.goto(`${world.origin}/lab/?seed=3&people=4`);
  await until(page, () => window.lab?.state()?.view.step > 0);
  await choose(page, given);
  return page;
}

describe('a recording in the lab', () => {
  test('lab17_it is checked to its end, and stands at its beginning', async () => {
    const page = await open(file);
    await checked(page);
    assert.equal(await page.textContent('#verdict'), 'Says the same bytes to every input');
    const report = await replayed(0);
    const { facts, view } = await state(page);
    assert.deepEqual([facts.room, facts.inputs, facts.checked, facts.kinds], ['plan', report.inputs, report.inputs, report.kinds]);
    assert.deepEqual([view.at, view.people.length, view.screens[0].images.length], [report.begun, 2, 1]);
    assert.ok(!(await page.content()).includes('Annabel'), 'names are rewritten');
    assert.equal(await page.isVisible('#knobs'), false);
    assert.match(await page.textContent('#recording'), /plan.*rewritten/);
    assert.equal(await page.locator('#rows tr').count(), 2);
    await shot(page, 'lab-recording-begin');
  });

  test('lab17_each moment is the one that kanvas replay shows', async () => {
    const page = await open(file);
    await checked(page);
    const { inputs } = await replayed(0);
    for (const at of [1, 7, Math.floor(inputs / 3), Math.floor(inputs / 2), inputs - 1, inputs, 3]) {
      await goToStep(page, at);
      await page.evaluate(() => { for (const chip of document.querySelectorAll('#kinds [aria-pressed="false"]')) chip.click(); });
      await until(page, (step) => window.lab.state().lines?.some((line) => line.step === step && line.kind === 'input'), at);
      const { moment } = await replayed(at);
      const { view, lines } = await state(page);
      const { durable, sent, head, images } = view.room;
      assert.deepEqual([durable, sent, head, images], [moment.durable, moment.sent, moment.head, moment.images], `after input ${at}`);
      assert.equal(view.screens[0].images.length, moment.images);
      assert.deepEqual(lines.filter((line) => line.step === at && line.kind === 'op').map((line) => line.text), moment.said);
    }
  });

  test('lab17_time goes both ways, and what broke is found', async () => {
    const page = await open(file);
    await checked(page);
    await press(page, 'f');
    await until(page, () => window.lab.state().view.step > 0);
    const fault = await state(page);
    assert.ok(fault.faults.some(([step]) => step === fault.view.step));
    assert.match(await page.textContent('#events li[data-kind="fault"]'), /the connection is lost/);
    await shot(page, 'lab-recording');
    await press(page, ',');
    await until(page, (step) => window.lab.state().view.step === step - 1, fault.view.step);
    await press(page, '.');
    await until(page, (step) => window.lab.state().view.step === step, fault.view.step);
    assert.deepEqual((await state(page)).view, fault.view);
    await page.selectOption('#speed', '10');
    await press(page, ' ');
    await until(page, () => window.lab.state().view.step === window.lab.state().facts.inputs && !window.lab.state().playing);
    await press(page, 'r');
    await until(page, () => window.lab.state().view.step === 0);
  });

  test('lab17_what is no recording is refused in a sentence, and what was there stays', async () => {
    const page = await open(file);
    await checked(page);
    const whole = await readFile(file);
    const bad = path.join(folder, 'bad.kanvas');
    for (const [bytes, pattern] of [[whole.subarray(0, 400), /damaged/], [Buffer.from('kanvas recording 9\n'), /another version/], [Buffer.from('hello'), /neither a world nor a recording/]]) {
      await writeFile(bad, bytes);
      await choose(page, bad);
      await page.waitForFunction((source) => new RegExp(source).test(document.querySelector('#toast.shown')?.textContent ?? ''), pattern.source);
      assert.equal((await state(page)).facts.room, 'plan');
    }
    await page.getByRole('button', { name: 'Back to the world' }).click();
    await until(page, () => window.lab.state().of === 'world');
    assert.equal(await page.isVisible('#knobs'), true);
    assert.equal((await state(page)).seed, 3);
    assert.equal(await page.locator('.screen').count(), 4);
  });

  test('lab17_a file that is dropped on the page opens, and another one after it', async () => {
    const page = await world.person('lab');
    await page.goto(`${world.origin}/lab/?seed=3&people=4`);
    await until(page, () => window.lab?.state()?.view.step > 0);
    const whole = await readFile(file);
    // Without its end it is cut off.
    const { inputs } = await replayed(0);
    for (const [bytes, ended] of [[whole, 'stopped'], [whole.subarray(0, -2), null]]) {
      await page.evaluate((text) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], 'plan.kanvas'));
        document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer }));
      }, bytes.toString('base64'));
      await until(page, (why) => window.lab.state().facts?.ended === why && !window.lab.state().checking && window.lab.state().view.step === 0, ended);
      assert.equal((await state(page)).facts.checked, inputs);
    }
  });

  test('lab17_where the room says something else is told, and is a fault', async () => {
    const bytes = await readFile(file);
    bytes[bytes.length - 3] ^= 1; // the fingerprint of what was said last
    const bent = path.join(folder, 'bent.kanvas');
    await writeFile(bent, bytes);
    const page = await open(bent);
    await checked(page);
    const { facts, faults } = await state(page);
    assert.deepEqual([facts.differs.input, facts.differs.silent], [facts.inputs, false]);
    assert.match(await page.textContent('#verdict'), /^Says something else from input [\d,]+ on$/);
    assert.equal(faults.at(-1)[0], facts.inputs);
  });

  test('lab17_it fits a phone, and names every control', async () => {
    for (const [name, width, height, colorScheme] of [['phone', 390, 844, 'light'], ['desk', 1440, 900, 'dark']]) {
      const page = await open(file, { viewport: { width, height }, colorScheme });
      await checked(page);
      await press(page, 'f');
      await until(page, () => window.lab.state().view.step > 0);
      await fits(page, width);
      await shot(page, `lab-recording-${name}`);
    }
  });
});
