// Has the load generator drive one server, from its start to its end.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { load, start } from "./servers.mjs";

const run = promisify(execFile);
let port = 20_000 + Math.floor(Math.random() * 10_000);

/** What the generator says of one server under one command: an object a line, or one object. */
export async function measure(server, command, args) {
  const { pid, stop } = await start(server, ++port);
  try {
    const to = [command, "--address", `127.0.0.1:${port}`, "--pid", pid, ...args].map(String);
    const { stdout } = await run(load, to, { maxBuffer: 1e8 });
    const several = command === "run" || command === "ceiling";
    return several ? stdout.trim().split("\n").map((line) => JSON.parse(line)) : JSON.parse(stdout);
  } finally {
    await stop();
  }
}

/** What `run` and `ceiling` are told for this server. */
export const lines = (server) => ["--json", ...(server.flags ?? [])];
