// Owns: what the lab's page is made of, so that a page that is older than its sources is noticed. Run after a build, it
// leaves the fingerprint beside the page.

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
export const dist = join(root, 'lab/dist');
const STAMP = join(dist, 'sources.txt');
/** The module is made anew by each build, and held against the core by what it does. */
const MADE = /^lab\/(dist|src\/wasm)(\/|$)/;

function* files(place) {
  for (const entry of readdirSync(join(root, place), { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${place}/${entry.name}`;
    if (MADE.test(path)) continue;
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

/** The fingerprint of the page's sources and of the tools that make it. */
export function fingerprint() {
  const hash = createHash('sha256');
  for (const path of [...files('lab'), 'package-lock.json']) hash.update(`${path}\n`).update(readFileSync(join(root, path)));
  return hash.digest('hex');
}

/** That of the sources of the page that is there. */
export const stamped = () => readFileSync(STAMP, 'utf8').trim();

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(STAMP, `${fingerprint()}\n`);
