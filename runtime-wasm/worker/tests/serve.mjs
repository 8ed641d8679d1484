// Serves the bundled worker on real workerd, with real D1, KV and R2 beside it, and takes orders from its parent process.
// It runs in the Node.js that wrangler wants; the tests need not.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Miniflare } from 'miniflare';
import { unstable_getMiniflareWorkerOptions } from 'wrangler';
import { statements } from './desk.mjs';

const [, , config, bundle, persist, given] = process.argv;
const vars = JSON.parse(given);
const TYPES = { js: 'ESModule', wasm: 'CompiledWasm', sql: 'Text' };

const { workerOptions } = unstable_getMiniflareWorkerOptions(config);
const files = readdirSync(bundle, { recursive: true }).filter((file) => TYPES[file.split('.').at(-1)]).toSorted((a, b) => Number(b.endsWith('.js')) - Number(a.endsWith('.js')));
let port = 0;
let flare;

async function start() {
  flare = new Miniflare({
    host: '127.0.0.1',
    port,
    cf: false,
    log: undefined,
    defaultPersistRoot: persist,
    workers: [{
      ...workerOptions,
      name: 'kanvas',
      modules: files.map((file) => ({ type: TYPES[file.split('.').at(-1)], path: join(bundle, file) })),
      modulesRoot: bundle,
      bindings: { ...workerOptions.bindings, ...vars },
    }],
  });
  const url = await flare.ready;
  const tables = await flare.getD1Database('KANVAS_DB', 'kanvas');
  const migrations = join(dirname(config), 'migrations');
  for (const file of readdirSync(migrations).toSorted()) {
    for (const statement of statements(join(migrations, file))) await tables.prepare(statement).run();
  }
  port = Number(url.port);
  return { port };
}

const orders = {
  start,
  /** Ends workerd as hard as it can be, and starts it again on what is stored. */
  restart: async () => {
    const children = execFileSync('ps', ['-o', 'pid=,comm=', '--ppid', String(process.pid)], { encoding: 'utf8' });
    const [pid] = children.split('\n').find((line) => line.includes('workerd')).trim().split(' ');
    process.kill(Number(pid), 'SIGKILL');
    await flare.dispose();
    return start();
  },
  /** Forgets an object, and keeps its sockets. */
  evict: async ({ object, name }) => flare.unsafeEvictDurableObject('kanvas', object, { name, webSockets: 'hibernate' }),
  objects: async () => (await flare.listDurableObjectIds('ROOMS', 'kanvas')).length,
  /** When a room's alarm goes off, in ms; null if none is set. */
  alarm: ({ name }) => {
    const alarms = new DatabaseSync(join(persist, 'do/kanvas-Room/metadata.sqlite'), { readOnly: true });
    const row = alarms.prepare('SELECT CAST(scheduled_time / 1000000 AS REAL) AS at FROM _cf_ALARM WHERE actor_name = ?').get(name);
    alarms.close();
    return row?.at ?? null;
  },
  sql: async ({ text, values = [] }) => (await (await flare.getD1Database('KANVAS_DB', 'kanvas')).prepare(text).bind(...values).all()).results,
  exec: async ({ text }) => void (await (await flare.getD1Database('KANVAS_DB', 'kanvas')).exec(text)),
  cached: async ({ key }) => (await flare.getKVNamespace('KANVAS_CACHE', 'kanvas')).get(key),
  stop: async () => {
    await flare.dispose();
    process.exit(0);
  },
};

process.on('message', async ({ no, order, ...rest }) => {
  try {
    process.send({ no, result: (await orders[order](rest)) ?? null });
  } catch (error) {
    process.send({ no, error: error.stack });
  }
});
process.on('disconnect', () => void orders.stop());
process.send({ ready: relative(process.cwd(), bundle) });
