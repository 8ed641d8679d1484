// Owns: how the module is made, small and ready to be loaded: node build/module.mjs FOLDER [FEATURE...]

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, '../..');
const MODULE = 'kanvas_wasm_bg.wasm';
/** What wasm-opt may use: what the compiler uses by itself. */
const FEATURES = ['bulk-memory', 'bulk-memory-opt', 'nontrapping-float-to-int', 'sign-ext', 'mutable-globals', 'reference-types', 'multivalue', 'call-indirect-overlong'];

const run = (program, args) => execFileSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });

/** Leaves the module, its glue and its types in this folder. What is there already and would be made again stays. `tools`: where
 * npm has put the programs of the package that asks. */
export function build(folder, features, tools = join(here, '../node_modules/.bin')) {
  const raw = join(root, 'target/wasm/raw', ['with', ...features].join('-'));
  run('cargo', ['run', '--quiet', '--release', '--locked', '-p', 'kanvas-wasm-build', '--', raw, ...features]);
  const [from, to, made] = [join(raw, MODULE), join(folder, MODULE), join(folder, 'made-of')];
  const print = createHash('sha256').update(readFileSync(from)).digest('hex');
  if (existsSync(to) && existsSync(made) && readFileSync(made, 'utf8') === print) return folder;
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(raw)) copyFileSync(join(raw, file), join(folder, file));
  run(join(tools, 'wasm-opt'), ['-O3', ...FEATURES.map((feature) => `--enable-${feature}`), to, '-o', to]);
  writeFileSync(made, print);
  return folder;
}

/** The module, ready in this process. */
export async function load(folder, module = join(folder, MODULE)) {
  const wasm = await import(pathToFileURL(join(folder, 'kanvas_wasm.js')));
  wasm.initSync({ module: readFileSync(module) });
  return wasm;
}

/** Bytes of the module and of its glue, as they are fetched. */
export function weigh(folder) {
  const bytes = [MODULE, 'kanvas_wasm.js'].map((file) => readFileSync(join(folder, file)));
  return { raw: bytes[0].length, gzip: bytes.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, ...features] = process.argv.slice(2);
  if (folder === undefined) {
    console.error('Tell the folder to build into: node build/module.mjs FOLDER [FEATURE...]');
    process.exit(2);
  }
  const { raw, gzip } = weigh(build(resolve(folder), features));
  console.log(`${folder}: ${Math.round(raw / 1000)} kB, ${Math.round(gzip / 1000)} kB compressed with its glue`);
}
