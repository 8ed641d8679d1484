// Serves Kanvas' worker on workerd, as it is deployed but in development mode, with the app's database, cache and bucket
// beside it: node worker.mjs PORT DATA BUNDLE. It wants the worker's own Node.js, and takes the worker's own Miniflare.
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { statements } from "../../runtime-wasm/worker/tests/desk.mjs";

const home = join(dirname(fileURLToPath(import.meta.url)), "../../runtime-wasm/worker");
const require = createRequire(join(home, "package.json"));
const { Miniflare } = require("miniflare");
const { unstable_getMiniflareWorkerOptions } = require("wrangler");

const TYPES = { js: "ESModule", mjs: "ESModule", wasm: "CompiledWasm", sql: "Text" };
const typeOf = (file) => TYPES[file.split(".").at(-1)];

const [, , port, data, bundle] = process.argv;
const { workerOptions } = unstable_getMiniflareWorkerOptions(join(home, "wrangler.jsonc"));
// The first is the one that is started.
const files = ["index.js", ...readdirSync(bundle).filter((file) => typeOf(file) && file !== "index.js")];
/** One workerd with this worker on it. */
const serve = (port, worker) => new Miniflare({ host: "127.0.0.1", port, cf: false, defaultPersistRoot: data, workers: [{ ...workerOptions, name: "kanvas", modulesRoot: bundle, ...worker }] });

// Whoever is heard at all finds the tables of the app there.
const desk = serve(0, { modules: [{ type: "ESModule", path: join(bundle, "desk.js"), contents: "export default {}" }], durableObjects: {} });
const tables = await desk.getD1Database("KANVAS_DB", "kanvas");
const migrations = join(home, "migrations");
for (const file of readdirSync(migrations).toSorted()) {
  for (const statement of statements(join(migrations, file))) await tables.prepare(statement).run();
}
await desk.dispose();

const server = serve(Number(port), {
  modules: files.map((file) => ({ type: typeOf(file), path: join(bundle, file) })),
  bindings: { ...workerOptions.bindings, KANVAS_AUTH: "dev", KANVAS_ROOM_CONNECTIONS: "5000" },
});
process.once("SIGTERM", () => void server.dispose().then(() => process.exit(0)));
await server.ready;
