// Owns: how the worker is served on this machine for those who try or change it: with the tables of the app made before
// anybody asks for a room, and nothing to be answered. What it is told goes to `wrangler dev`.

import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from './build.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const wrangler = join(here, 'node_modules/wrangler/bin/wrangler.js');
/** Where the tables are, and under which settings: what of its words `wrangler dev` shares with the command that makes them. */
const SHARED = ['--persist-to', '--config', '-c', '--env', '-e', '--cwd'];

/** Those of the words that say where the tables are. */
function shared(words) {
  return words.flatMap((word, at) => {
    if (SHARED.includes(word)) return words.slice(at, at + 2);
    return SHARED.some((name) => word.startsWith(`${name}=`)) ? [word] : [];
  });
}

const words = process.argv.slice(2);
prepare();
// It would ask whether the database may be away for a moment.
const made = spawnSync(process.execPath, [wrangler, 'd1', 'migrations', 'apply', 'KANVAS_DB', '--local', ...shared(words)], {
  cwd: here, env: { ...process.env, CI: '1' }, stdio: ['ignore', 'inherit', 'inherit'],
});
if (made.status !== 0) process.exit(made.status ?? 1);
const served = spawn(process.execPath, [wrangler, 'dev', ...words], { cwd: here, stdio: 'inherit' });
// A terminal tells both of them; this one waits until the other has put everything away.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => served.kill('SIGTERM'));
served.on('exit', (code) => process.exit(code ?? 1));
