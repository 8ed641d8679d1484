// The worker as its commands serve and deploy it: `npm run dev`, as somebody types it who has just fetched it, and what
// `npm run deploy` would send. No account is asked.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../../build/module.mjs';
import { image, people, until } from './conformance/client.mjs';

const home = join(import.meta.dirname, '..');
const quiet = { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG_PATH: join(root, 'target/worker/logs') };
/** The first build of the module takes minutes. */
const PATIENCE = 900_000;

/** What one of wrangler's commands prints. */
async function wrangler(...args) {
  const program = [join(home, 'node_modules/.bin/node'), join(home, 'node_modules/wrangler/bin/wrangler.js')];
  return (await promisify(execFile)(program[0], [program[1], ...args], { cwd: home, env: quiet })).stdout;
}

/** A port that nobody listens on now. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** `npm run dev`, with data and a port of its own. */
class Dev {
  said = '';
  isOver = false;

  static async start() {
    const dev = new Dev();
    dev.data = await mkdtemp(join(tmpdir(), 'kanvas-dev-'));
    dev.host = `127.0.0.1:${await freePort()}`;
    const words = ['--port', dev.host.split(':')[1], '--inspector-port', '0', '--show-interactive-dev-session=false', '--persist-to', dev.data];
    // In a group of its own, which ends as one.
    dev.process = spawn('npm', ['run', 'dev', '--', ...words], { cwd: home, env: quiet, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [dev.process.stdout, dev.process.stderr]) stream.on('data', (text) => (dev.said = (dev.said + text).slice(-20_000)));
    // Once the last of them has let go of what it writes to.
    dev.ended = once(dev.process, 'close').then(() => (dev.isOver = true));
    await until(() => `it serves: ${dev.said}`, () => dev.isOver || dev.said.includes('Ready on'), PATIENCE);
    assert.ok(!dev.isOver, dev.said);
    return dev;
  }

  /** Tells all of its processes what Ctrl-C tells them. */
  async interrupt() {
    process.kill(-this.process.pid, 'SIGINT');
    await this.ended;
  }

  async stop() {
    if (!this.isOver) await this.interrupt();
    await rm(this.data, { recursive: true, force: true });
  }
}

describe('the commands of the worker', () => {
  const place = {};
  before(async () => (place.target = await Dev.start()));
  after(() => place.target.stop());

  test('cloud9_npm run dev serves the demo, and rooms with tables and a cache beside them', async (t) => {
    const { target } = place;
    const page = await fetch(`http://${target.host}/`);
    assert.equal(page.status, 200);
    assert.equal(await page.text(), await readFile(join(root, 'runtime-smol/web/index.html'), 'utf8'));
    assert.equal(await (await fetch(`http://${target.host}/readyz`)).text(), 'ready');
    const beside = ['--local', '--persist-to', target.data];
    // The app makes a canvas.
    const state = JSON.stringify({ images: [image('of-the-app')] });
    await wrangler('d1', 'execute', 'KANVAS_DB', ...beside, '--command', `INSERT INTO canvases (id, user_id, title, is_public, state_json) VALUES ('board', 'user_1', 'Made by the app', 1, '${state}')`);
    const { connect } = people(t, place);
    const ann = connect('board');
    const { joined, state: seen } = await ann.enters({ name: 'Ann' });
    assert.deepEqual(seen.images.map(({ id }) => id), ['of-the-app']);
    assert.equal((await (await fetch(`http://${target.host}/parties/main/board`)).json()).name, 'Made by the app');
    ann.send('image:add', image('of-ann'), 'k1');
    await ann.hears('ack');
    await until('the app has it', async () => {
      const [{ results }] = JSON.parse(await wrangler('d1', 'execute', 'KANVAS_DB', ...beside, '--json', '--command', "SELECT state_json FROM canvases WHERE id = 'board'"));
      return JSON.parse(results[0].state_json).images.some(({ id }) => id === 'of-ann');
    }, PATIENCE);
    const hint = JSON.parse(await wrangler('kv', 'key', 'get', `presence:${joined.userId}`, '--binding', 'KANVAS_CACHE', ...beside));
    assert.deepEqual([hint.roomId, hint.name], ['board', 'Ann']);
  });

  test('cloud9_the settings of its deployment are taken, and ask for everything that it binds', async () => {
    const said = await wrangler('deploy', '--dry-run', '--outdir', join(root, 'target/worker/deployed'));
    for (const bound of ['ROOMS', 'REGISTRY', 'ASSETS', 'KANVAS_DB', 'KANVAS_CACHE', 'KANVAS_IMAGES', 'KANVAS_CONNECTS']) {
      assert.match(said, new RegExp(`env\\.${bound}\\b`), said);
    }
    assert.doesNotMatch(said, /warning/i);
  });

  test('cloud9_Ctrl-C ends npm run dev, and nothing of it stays', async () => {
    const { target } = place;
    await target.interrupt();
    await assert.rejects(fetch(`http://${target.host}/healthz`));
  });
});
