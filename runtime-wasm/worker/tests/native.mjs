// The native server as a target of the conformance tests: a process with a data directory of its own, and tokens that
// it takes. It knows nothing of rooms.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Mint, PUBLISHABLE_KEY } from './conformance/mint.mjs';

const binary = path.resolve(process.env.KANVAS_BIN ?? path.join(import.meta.dirname, '../../../target/release/kanvas'));

/** Starts a server with these settings of the conformance tests. */
export async function native(settings) {
  const target = new Native(settings, await mkdtemp(path.join(tmpdir(), 'kanvas-conformance-')));
  await target.begin();
  return target;
}

class Native {
  #data;
  #flags;
  #environment = {};
  #mint = null;
  #port = 0;
  #process;
  #ended;
  /** The last token for development: two that are made at once would each make the key. */
  #minted = Promise.resolve();

  constructor({ auth, origins = [], parties = [], leaseGrace, admin }, data) {
    this.#data = data;
    this.#flags = ['--auth', auth];
    if (origins.length > 0) this.#flags.push('--allowed-origins', origins.join(','));
    if (parties.length > 0) this.#flags.push('--clerk-authorized-parties', parties.join(','));
    if (leaseGrace !== undefined) this.#flags.push('--lease-grace', String(leaseGrace));
    if (admin !== undefined) this.#environment.KANVAS_ADMIN_SECRET = admin;
    if (auth !== 'dev') {
      this.#mint = new Mint();
      Object.assign(this.#environment, { CLERK_PUBLISHABLE_KEY: PUBLISHABLE_KEY, CLERK_JWT_KEY: this.#mint.publicPem });
    }
  }

  get host() {
    return `127.0.0.1:${this.#port}`;
  }

  /** Starts the process, on the port that it had before. */
  async begin() {
    const args = ['serve', '--listen', `127.0.0.1:${this.#port}`, '--data', this.#data, '--log', 'warn', ...this.#flags];
    // Told nothing by the environment of the test.
    this.#process = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: this.#environment, cwd: this.#data });
    this.#ended = once(this.#process, 'exit');
    let errors = '';
    this.#process.stderr.on('data', (chunk) => (errors += chunk));
    const address = (async () => {
      for await (const line of createInterface({ input: this.#process.stdout })) {
        const match = /https?:\/\/127\.0\.0\.1:(\d+)/.exec(line);
        if (match) return Number(match[1]);
      }
      const [code] = await this.#ended;
      throw new Error(`the server ended with ${code}: ${errors}`);
    })();
    this.#port = await address;
    this.#process.stdout.resume();
  }

  /** A token of this person that the server takes. A development server's has a name at most. */
  async token(sub, claims = {}, header = {}) {
    if (this.#mint) return this.#mint.token(sub, claims, header);
    const { name, ...others } = claims;
    if (Object.keys({ ...others, ...header }).length > 0) throw new Error('a token for development says nothing else');
    const args = ['token', '--data', this.#data, '--sub', sub, ...(name === undefined ? [] : ['--name', name])];
    const minted = this.#minted.then(() => promisify(execFile)(binary, args, { env: {} }));
    this.#minted = minted.catch(() => {});
    return (await minted).stdout.trim();
  }

  /** What guests' ids are made with, in hexadecimal digits. */
  async guestKey() {
    return (await readFile(path.join(this.#data, 'guest.key'))).toString('hex');
  }

  /** Kills it, and starts it on what it had stored. */
  async restart() {
    await this.#end('SIGKILL');
    await this.begin();
  }

  async stop() {
    await this.#end('SIGTERM');
    await rm(this.#data, { recursive: true, force: true });
  }

  async #end(signal) {
    this.#process.kill(signal);
    await this.#ended;
  }
}
