// The page of the lab that is part of the program is the one that these sources make, and its worlds are those of the
// core of today. A module is compared by what it does: the same sources give other bytes on other machines.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build, load, root } from '../build/module.mjs';
import { dist, fingerprint, stamped } from '../build/stamp.mjs';

const REMEDY = 'Make it anew and commit it: cd runtime-wasm && npm run lab';
const RECIPE = {
  seed: 7,
  knobs: { people: 14, rate: 30, latency: 120, jitter: 60, storage: 40, weather: { cut: 60, stall: 40, crash: 400, storageFault: 100, jump: 200 } },
  turns: [[4000, 'crash'], [9000, { cut: 2 }]],
};

/** What comes of a world: its moments, the log of each, and what everyone sees at the end. */
function live(wasm, recipe) {
  const world = new wasm.World(JSON.stringify(recipe));
  const seen = [];
  const begin = world.now();
  for (let second = 1; second <= 20; second += 1) {
    while (!world.run(begin + second * 1000, 10_000));
    seen.push([world.view(Uint32Array.of(0, 5, 13)), world.lines('input,op,frame,link,fault,host', 400), world.faults(), world.failure()]);
  }
  world.free();
  return seen;
}

test('lab15_the page is made of the sources beside it', () => {
  assert.equal(stamped(), fingerprint(), REMEDY);
});

test('lab15_its module leads to the same worlds as the core of today', async () => {
  const today = build(join(root, 'target/wasm/lab'), ['sim']);
  const assets = join(dist, 'assets');
  const [module, ...others] = readdirSync(assets).filter((name) => name.endsWith('.wasm'));
  assert.deepEqual(others, []);
  let made;
  try {
    made = live(await load(today, join(assets, module)), RECIPE);
  } catch (error) {
    assert.fail(`the module does not fit today's glue (${error.message}). ${REMEDY}`);
  }
  // A second copy of the glue, with a module of its own.
  const now = await import(`${pathToFileURL(join(today, 'kanvas_wasm.js'))}?today`);
  now.initSync({ module: readFileSync(join(today, 'kanvas_wasm_bg.wasm')) });
  assert.deepEqual(live(now, RECIPE), made, REMEDY);
});
