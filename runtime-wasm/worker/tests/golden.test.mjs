// The core is the same machine inside workerd: what rooms said natively, they say there, byte for byte, and one that was
// saved natively goes on there.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { build, root } from '../../build/module.mjs';

const golden = join(root, 'target/golden');
const stage = join(root, 'target/worker/golden');

/** A worker that plays what it is sent: the lives, then each file that they have, with its length before it. */
const PLAYER = `
import module from './kanvas_wasm_bg.wasm';
import { initSync, Room } from './kanvas_wasm.js';
import { play } from './play.mjs';
initSync({ module });
export default {
  async fetch(request) {
    const { lives, files } = JSON.parse(request.headers.get('x-parts'));
    const bytes = new Uint8Array(await request.arrayBuffer());
    const json = new TextDecoder().decode(bytes.subarray(0, lives));
    let at = lives;
    const parts = new Map(files.map(([name, length]) => [name, bytes.subarray(at, (at += length))]));
    try {
      return Response.json(await play({ Room }, JSON.parse(json), async (name) => parts.get(name)));
    } catch (error) {
      return new Response(error.message, { status: 500 });
    }
  },
};`;

const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "player", worker = .player)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "player")],
);
const player :Workerd.Worker = (
  compatibilityDate = "2026-04-01",
  modules = [
    (name = "player.js", esModule = embed "player.js"),
    (name = "kanvas_wasm.js", esModule = embed "kanvas_wasm.js"),
    (name = "play.mjs", esModule = embed "play.mjs"),
    (name = "kanvas_wasm_bg.wasm", wasm = embed "kanvas_wasm_bg.wasm"),
  ],
);`;

let workerd;

before(() => {
  const folder = build(join(root, 'target/wasm/testing'), ['testing']);
  const example = ['run', '--quiet', '--release', '--locked', '-p', 'kanvas-core', '--example', 'golden', '--features', 'testing', '--', golden];
  execFileSync('cargo', example, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  mkdirSync(stage, { recursive: true });
  for (const file of ['kanvas_wasm.js', 'kanvas_wasm_bg.wasm']) copyFileSync(join(folder, file), join(stage, file));
  copyFileSync(join(import.meta.dirname, '../../tests/play.mjs'), join(stage, 'play.mjs'));
  writeFileSync(join(stage, 'player.js'), PLAYER);
  writeFileSync(join(stage, 'config.capnp'), CONFIG);
});
after(() => workerd?.kill());

test('wasm4_in workerd ten thousand inputs lead to the same bytes as natively', async () => {
  const program = join(import.meta.dirname, '../node_modules/.bin/workerd');
  workerd = spawn(program, ['serve', join(stage, 'config.capnp'), '--control-fd=3'], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  const [said] = await once(workerd.stdio[3], 'data');
  const { port } = JSON.parse(said);
  const { inputs, lives } = JSON.parse(readFileSync(join(golden, 'lives.json')));
  assert.ok(inputs >= 10_000);
  const names = lives.flatMap((life, no) => ['inputs', 'said', ...(life.saved === null ? [] : ['saved'])].map((kind) => `${no}.${kind}`));
  const files = names.map((name) => [name, readFileSync(join(golden, name))]);
  const first = Buffer.from(JSON.stringify(lives));
  const parts = { lives: first.length, files: files.map(([name, bytes]) => [name, bytes.length]) };
  const headers = { 'x-parts': JSON.stringify(parts) };
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body: Buffer.concat([first, ...files.map(([, bytes]) => bytes)]) });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  const played = JSON.parse(text);
  assert.equal(played.rooms, lives.length);
  assert.ok(played.saved > 5, 'rooms that were saved natively and restored here');
});
