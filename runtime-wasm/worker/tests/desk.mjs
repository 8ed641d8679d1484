// The app's tables and the cache as tests have them: real D1 and KV, and an object that works on them as a room does.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { Miniflare } from 'miniflare';

const here = import.meta.dirname;
export const MIGRATION = join(here, '../migrations/0001_canvases.sql');

/** The statements of a file of SQL. */
export const statements = (path) => readFileSync(path, 'utf8').replace(/^--.*$/gm, '').split(';').map((text) => text.trim()).filter(Boolean);

export class Tables {
  static async open() {
    const { outputFiles } = await build({
      entryPoints: [join(here, 'desk.ts')], bundle: true, write: false, format: 'esm', target: 'es2022', external: ['cloudflare:workers'], loader: { '.sql': 'text' },
    });
    const tables = new Tables();
    tables.flare = new Miniflare({
      modules: true, script: outputFiles[0].text, compatibilityDate: '2026-04-01', cf: false,
      durableObjects: { DESK: { className: 'Desk', useSQLite: true } }, d1Databases: ['KANVAS_DB'], kvNamespaces: ['KANVAS_CACHE'],
    });
    tables.db = await tables.flare.getD1Database('KANVAS_DB');
    tables.cache = await tables.flare.getKVNamespace('KANVAS_CACHE');
    await tables.migrate();
    return tables;
  }

  async migrate() {
    for (const text of statements(MIGRATION)) await this.db.prepare(text).run();
  }

  async run(sql, ...values) {
    return (await this.db.prepare(sql).bind(...values).all()).results;
  }

  /** Has the object of this name do something. */
  async call(name, call, ...args) {
    const response = await this.flare.dispatchFetch(`http://desk/${name}`, { method: 'POST', body: JSON.stringify({ call, args }) });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return JSON.parse(text);
  }

  async close() {
    await this.flare.dispose();
  }
}
