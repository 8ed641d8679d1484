// What is fetched to begin with: the module and its glue, compressed. A bound that is passed is a question to whoever
// passed it: is it worth that?

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { build, root, weigh } from '../build/module.mjs';

const KB = 1000;

for (const [name, features, most] of [['rooms', [], 672], ['worker', ['clerk', 'back-end'], 831], ['lab', ['sim'], 910]]) {
  test(`wasm5_${name} is not larger than it was`, (context) => {
    const { raw, gzip } = weigh(build(join(root, 'target/wasm', name), features));
    context.diagnostic(`${name}: ${Math.round(raw / KB)} kB, ${Math.round(gzip / KB)} kB compressed with its glue`);
    assert.ok(gzip <= most * KB, `${Math.ceil(gzip / KB)} kB compressed, at most ${most} kB are expected`);
  });
}
