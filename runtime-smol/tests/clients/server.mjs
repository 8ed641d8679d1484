// Starts and ends the built server for the tests here. Owns the process and its data directory, knows nothing of rooms.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

export const binary = path.resolve(
  process.env.KANVAS_BIN ?? path.join(import.meta.dirname, "../../../target/release/kanvas"),
);

export class Server {
  static async start(settings = []) {
    const server = new Server();
    server.settings = settings;
    server.data = await mkdtemp(path.join(tmpdir(), "kanvas-clients-"));
    server.port = 0;
    await server.restart();
    return server;
  }

  /** Starts the process on the port that it had before. */
  async restart() {
    const args = ["serve", "--listen", `127.0.0.1:${this.port}`, "--data", this.data, "--log", "warn", ...this.settings];
    this.process = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.ended = once(this.process, "exit");
    this.errors = "";
    this.process.stderr.on("data", (chunk) => (this.errors += chunk));
    const said = createInterface({ input: this.process.stdout });
    const ended = this.ended.then(([code]) => {
      throw new Error(`the server ended with ${code}: ${this.errors}`);
    });
    ended.catch(() => {});
    const address = (async () => {
      for await (const line of said) {
        const match = /https?:\/\/127\.0\.0\.1:(\d+)/.exec(line);
        if (match) return Number(match[1]);
      }
      throw new Error(`the server said no address: ${this.errors}`);
    })();
    this.port = await Promise.race([address, ended]);
    this.process.stdout.resume();
  }

  get host() {
    return `127.0.0.1:${this.port}`;
  }

  /** A token for this person, as `kanvas token` prints it. */
  async token(user) {
    const { stdout } = await promisify(execFile)(binary, ["token", "--data", this.data, "--sub", user]);
    return stdout.trim();
  }

  async kill(signal = "SIGKILL") {
    this.process.kill(signal);
    const [code] = await this.ended;
    return code;
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill("SIGTERM");
    await rm(this.data, { recursive: true, force: true });
  }
}

/** Waits until `holds` gives something true, and returns it. */
export async function until(what, holds, timeout = 15_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
