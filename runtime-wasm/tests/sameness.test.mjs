// The core is the same machine everywhere: what rooms said in a world of this process's own, they say in Node.js and in
// Chromium, byte for byte, and one that was saved there goes on here.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build, load, root } from '../build/module.mjs';
import { play } from './play.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const golden = join(root, 'target/golden');
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

describe('sameness', () => {
  let folder;
  let recorded;

  before(() => {
    folder = build(join(root, 'target/wasm/testing'), ['testing']);
    execFileSync('cargo', ['run', '--quiet', '--release', '--locked', '-p', 'kanvas-core', '--example', 'golden', '--features', 'testing', '--', golden], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    recorded = JSON.parse(readFileSync(join(golden, 'lives.json')));
  });

  test('wasm4_in Node.js ten thousand inputs lead to the same bytes as natively', async () => {
    assert.ok(recorded.inputs >= 10_000);
    const played = await play(await load(folder), recorded.lives, (name) => readFileSync(join(golden, name)));
    assert.equal(played.rooms, recorded.lives.length);
    assert.ok(played.saved > 5, 'rooms that were saved natively and restored here');
  });

  test('wasm4_in Chromium too', async () => {
    const executablePath = BROWSERS.find((path) => existsSync(path));
    assert.ok(executablePath, 'There is no Chromium: install it (on Debian: apt-get install chromium) and run this again.');
    const server = createServer((request, response) => {
      const path = request.url === '/' ? null : [here, folder, golden].map((place) => join(place, request.url)).find(existsSync);
      response.setHeader('content-type', TYPES[path ? extname(path) : '.html'] ?? 'application/octet-stream');
      response.end(path ? readFileSync(path) : '<!doctype html><title>sameness</title>');
    });
    await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'] });
    try {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${server.address().port}/`);
      const played = await page.evaluate(async (lives) => {
        const [wasm, { play }] = await Promise.all([import('/kanvas_wasm.js'), import('/play.mjs')]);
        await wasm.default({ module_or_path: '/kanvas_wasm_bg.wasm' });
        return play(wasm, lives, async (name) => new Uint8Array(await (await fetch(`/${name}`)).arrayBuffer()));
      }, recorded.lives);
      assert.equal(played.rooms, recorded.lives.length);
    } finally {
      await browser.close();
      server.close();
    }
  });
});
