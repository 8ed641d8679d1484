// The worker as the tests have it: bundled as it is deployed, served on real workerd in a process of its own.
import { execFileSync, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare } from '../build.mjs';
import { Mint, PUBLISHABLE_KEY } from './conformance/mint.mjs';

const here = import.meta.dirname;
const home = join(here, '..');
const target = join(home, '../../target/worker');
const node = join(home, 'node_modules/.bin/node');
const quiet = { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG_PATH: join(target, 'logs') };

let bundled = null;

/** Bundles the worker as `wrangler deploy` does, or takes the bundle that KANVAS_BUNDLE names. */
export function bundle() {
  if (process.env.KANVAS_BUNDLE) return process.env.KANVAS_BUNDLE;
  return (bundled ??= bundleOf(join(home, 'src/index.ts'), 'bundle'));
}

/** The same of another entry. */
export function bundleOf(entry, name) {
  prepare();
  const wrangler = join(home, 'node_modules/wrangler/bin/wrangler.js');
  const args = [wrangler, 'deploy', entry, '--dry-run', '--outdir', join(target, name)];
  execFileSync(node, args, { cwd: home, env: quiet, stdio: ['ignore', 'ignore', 'inherit'] });
  return join(target, name);
}

export class Worker {
  #orders = new Map();
  #no = 0;

  #mint = new Mint();

  /** Those of the conformance tests, and `vars` for all else. */
  static async start({ auth = 'dev', origins = [], parties = [], leaseGrace, admin, vars = {}, from = bundle() } = {}) {
    const worker = new Worker();
    worker.data = await mkdtemp(join(tmpdir(), 'kanvas-worker-'));
    const set = { KANVAS_AUTH: auth, CLERK_JWT_KEY: worker.#mint.publicPem, ...vars };
    if (auth !== 'dev') set.CLERK_PUBLISHABLE_KEY = PUBLISHABLE_KEY;
    if (origins.length > 0) set.KANVAS_ALLOWED_ORIGINS = origins.join(',');
    if (parties.length > 0) set.CLERK_AUTHORIZED_PARTIES = parties.join(',');
    if (leaseGrace !== undefined) set.KANVAS_LEASE_GRACE = String(leaseGrace);
    if (admin !== undefined) set.KANVAS_ADMIN_SECRET = admin;
    const args = [join(home, 'wrangler.jsonc'), from, worker.data, JSON.stringify(set)];
    worker.process = fork(join(here, 'serve.mjs'), args, { execPath: node, cwd: home, env: quiet, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    worker.said = '';
    worker.process.stderr.on('data', (text) => (worker.said = (worker.said + text).slice(-20_000)));
    worker.process.on('message', ({ no, error, result }) => {
      const order = worker.#orders.get(no);
      worker.#orders.delete(no);
      if (error) order?.reject(new Error(`${error}\n${worker.said}`));
      else order?.resolve(result);
    });
    worker.ended = new Promise((resolve) => worker.process.once('exit', resolve));
    worker.port = (await worker.tell('start')).port;
    return worker;
  }

  /** Has the serving process do something. */
  tell(order, rest = {}) {
    const no = ++this.#no;
    return new Promise((resolve, reject) => {
      this.#orders.set(no, { resolve, reject });
      this.process.send({ no, order, ...rest });
      void this.ended.then((code) => reject(new Error(`the worker ended with ${code}: ${this.said}`)));
    });
  }

  get host() {
    return `127.0.0.1:${this.port}`;
  }

  async token(sub, claims = {}, header = {}) {
    return this.#mint.token(sub, claims, header);
  }

  async restart() {
    await this.tell('restart');
  }

  /** Forgets an object once nothing goes on in it, as the platform does; its sockets stay. */
  async evict(name, object = 'Room') {
    for (const end = Date.now() + 120_000; ; ) {
      try {
        return await this.tell('evict', { object, name });
      } catch (error) {
        // The platform was faster.
        if (error.message.includes('not currently running')) return null;
        if (Date.now() > end || !error.message.includes('active references')) throw error;
      }
    }
  }

  async stop() {
    if (this.process.exitCode === null) {
      this.tell('stop').catch(() => {});
      await this.ended;
    }
    if (existsSync(this.data)) await rm(this.data, { recursive: true, force: true });
  }
}
