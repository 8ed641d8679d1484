// Owns: what the worker needs before it is served or deployed: the module of the core, and the pages of the demo, the lab
// and the dashboard.

import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, root } from '../build/module.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** Leaves the module in `wasm/` and the pages in `pages/`. */
export function prepare() {
  build(join(here, 'wasm'), ['clerk']);
  const pages = join(here, 'pages');
  rmSync(pages, { recursive: true, force: true });
  mkdirSync(pages);
  cpSync(join(root, 'runtime-smol/web'), pages, { recursive: true, filter: (path) => !path.startsWith(join(root, 'runtime-smol/web/tests')) });
  cpSync(join(root, 'runtime-wasm/lab/dist'), join(pages, 'lab'), { recursive: true });
  cpSync(join(here, 'dashboard'), join(pages, 'dashboard'), { recursive: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) prepare();
