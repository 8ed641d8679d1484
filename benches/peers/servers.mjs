// The servers that are compared: how each is started, its version, and what it leaves out.
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, "../..");
const bin = (name) => join(here, "node_modules/.bin", name);
const released = (name) => join(root, "target/release", name);
const versionOf = (name) => JSON.parse(readFileSync(join(here, "node_modules", name, "package.json"), "utf8")).version;

/** Builds what is measured, as it is shipped, and what measures it. */
export function build(chosen) {
  const wanted = new Set(["kanvas-load", ...chosen.flatMap((server) => server.package ?? [])]);
  const packages = [...wanted].flatMap((name) => ["-p", name]);
  execFileSync("cargo", ["build", "--release", "--locked", ...packages], { cwd: root, stdio: "inherit" });
  if (chosen.some((server) => server.bundled)) bundle();
}

const worker = join(root, "runtime-wasm/worker");
const workersNode = join(worker, "node_modules/.bin/node");
const bundled = process.env.KANVAS_BUNDLE ?? join(root, "target/peers/worker");

/** Leaves the worker as `wrangler deploy` would upload it, if KANVAS_BUNDLE does not name a folder that has it. */
function bundle() {
  if (!existsSync(workersNode)) throw new Error("Kanvas' worker is not installed: run `npm ci` in runtime-wasm and in runtime-wasm/worker.");
  if (process.env.KANVAS_BUNDLE) return;
  rmSync(bundled, { recursive: true, force: true });
  const quiet = { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false", WRANGLER_LOG_PATH: join(root, "target/peers/logs") };
  const inIt = { cwd: worker, env: quiet, stdio: ["ignore", "ignore", "inherit"] };
  execFileSync(workersNode, ["build.mjs"], inIt);
  execFileSync(workersNode, [join(worker, "node_modules/wrangler/bin/wrangler.js"), "deploy", "--dry-run", "--outdir", bundled], inIt);
}

const ofWorker = (name) => JSON.parse(readFileSync(join(worker, "node_modules", name, "package.json"), "utf8")).version;

/** The load generator's way in. */
export const load = released("kanvas-load");

/** PartyKit listens on every address; this copy listens on loopback. */
function loopbackPartykit() {
  const original = join(here, "node_modules/partykit/dist/bin.mjs");
  const text = readFileSync(original, "utf8");
  const changed = text.replaceAll('host: "0.0.0.0"', 'host: "127.0.0.1"');
  if (changed === text) throw new Error("PartyKit no longer names its address where it used to: see servers.mjs.");
  const copy = join(dirname(original), "loopback.mjs");
  writeFileSync(copy, changed);
  return copy;
}

const kanvas = (port, scratch) => [
  released("kanvas"),
  ["--listen", `127.0.0.1:${port}`, "--data", join(scratch, "data"), "--log", "error", "--room-connections", "5000"],
];

const onWorkerd = (port, scratch, folder = bundled) => [workersNode, [join(here, "worker.mjs"), port, join(scratch, "data"), folder]];

/** A folder that has a worker as wrangler would leave it. */
function objectIn(scratch) {
  const folder = join(scratch, "bundle");
  mkdirSync(folder);
  copyFileSync(join(here, "object.mjs"), join(folder, "index.js"));
  copyFileSync(join(here, "relay.mjs"), join(folder, "relay.mjs"));
  return folder;
}

/** `package`: what Cargo builds of it. `apart`: it is measured only if it is asked for. */
export const servers = [
  {
    name: "kanvas",
    package: "kanvas-server",
    title: "Kanvas",
    version: () => execFileSync(released("kanvas"), ["--version"], { encoding: "utf8" }).trim().split(" ").at(-1),
    command: kanvas,
    lacks: "",
  },
  {
    name: "kanvas-batch",
    package: "kanvas-server",
    title: "Kanvas, `batch`",
    version: () => "as above",
    command: kanvas,
    flags: ["--batch"],
    lacks: "",
  },
  {
    name: "bare",
    package: "kanvas-bare",
    title: "bare loop",
    version: () => "peers/bare",
    command: (port) => [released("kanvas-bare"), [port]],
    lacks: "everything but passing frames on unread, one write a socket each 16 ms: no JSON, checks, limits, presence, state, pings",
  },
  {
    name: "bun",
    title: "Bun",
    version: () => versionOf("bun"),
    command: (port) => [bin("bun"), [join(here, "bun.mjs"), port]],
    lacks: "limits, presence, state, order, acks, resuming",
  },
  {
    name: "node",
    title: "Node.js `ws`",
    version: () => `${versionOf("ws")} on ${process.version}`,
    command: (port) => [process.execPath, [join(here, "node-ws.mjs"), port]],
    lacks: "limits, presence, state, order, acks, resuming",
  },
  {
    name: "partykit",
    title: "PartyKit dev",
    version: () => `${versionOf("partykit")} on workerd ${versionOf("workerd")}`,
    command: (port, scratch) => {
      // It reads nothing that lies outside the folder in which it is started.
      for (const file of ["partykit.mjs", "relay.mjs"]) copyFileSync(join(here, file), join(scratch, file));
      const options = ["--port", port, "--disable-request-cf-fetch", "--no-hotkeys", "--persist", "false"];
      return [process.execPath, [loopbackPartykit(), "dev", "partykit.mjs", "--compatibility-date", "2024-09-02", ...options]];
    },
    lacks: "limits, presence, state, order, acks, resuming; it is the server for development, not Cloudflare's own",
  },
  {
    name: "object",
    title: "bare object",
    version: () => `peers/object.mjs on workerd ${ofWorker("workerd")}`,
    command: (port, scratch) => onWorkerd(port, scratch, objectIn(scratch)),
    bundled: true,
    apart: true,
    lacks: "limits, presence, state, order, acks, resuming",
  },
  {
    name: "worker",
    title: "Kanvas on workerd",
    version: () => `on workerd ${ofWorker("workerd")}`,
    command: onWorkerd,
    bundled: true,
    apart: true,
    lacks: "",
  },
  {
    name: "worker-batch",
    title: "Kanvas on workerd, `batch`",
    version: () => "as above",
    command: onWorkerd,
    flags: ["--batch"],
    bundled: true,
    apart: true,
    lacks: "",
  },
];

/** Starts a server and waits until it answers. `stop` ends it and what it started. */
export async function start(server, port) {
  const scratch = mkdtempSync(join(tmpdir(), "kanvas-peers-"));
  const [program, args] = server.command(String(port), scratch);
  // In a group of its own: some start children.
  const child = spawn(program, args.map(String), {
    cwd: scratch,
    detached: true,
    env: { ...process.env, CI: "1", PWD: scratch },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text) => (said = (said + text).slice(-4000)));
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    try {
      process.kill(-child.pid, "SIGTERM");
    } catch {
      // It has gone by itself.
    }
    const late = setTimeout(() => process.kill(-child.pid, "SIGKILL"), 8000);
    await gone;
    clearTimeout(late);
    rmSync(scratch, { recursive: true, force: true });
  };
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    if (child.exitCode !== null) break;
    const answered = await fetch(`http://127.0.0.1:${port}/parties/main/ready`).catch(() => null);
    if (answered) return { pid: child.pid, stop };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  throw new Error(`${server.title} did not start. ${said.trim()}`);
}
