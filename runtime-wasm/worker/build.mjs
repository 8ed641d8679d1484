// Owns: what the worker needs before it is served or deployed: the module of the core, the description of
// the API, and the pages of the demo, the dashboard and the lab.

import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, root } from '../build/module.mjs';
import { described } from './openapi.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const pages = join(here, 'pages');

/** Leaves the module and the description in `wasm/` and the pages in `pages/`. */
export function prepare() {
  build(join(here, 'wasm'), ['clerk', 'back-end'], join(here, 'node_modules/.bin'));
  const native = JSON.parse(readFileSync(join(root, 'runtime-smol/api/openapi.json'), 'utf8'));
  writeFileSync(join(here, 'wasm/openapi.json'), JSON.stringify(described(native)));
  cpSync(join(root, 'runtime-smol/web'), pages, { recursive: true, filter: (path) => !path.startsWith(join(root, 'runtime-smol/web/tests')) });
  cpSync(join(root, 'runtime-wasm/lab/dist'), join(pages, 'lab'), { recursive: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // What was there before may be of another version.
  rmSync(pages, { recursive: true, force: true });
  prepare();
}
