// What a browser tab spends on a room in which 200 people move, with and without `batch`: it reads every frame and keeps
// where everybody is, as a client must, and draws nothing. `npm run tab`; needs Chromium.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { build, load, servers, start } from "./servers.mjs";

const run = promisify(execFile);
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const PEOPLE = 200;
const SECONDS = 10;

const executablePath = BROWSERS.find((path) => existsSync(path));
if (!executablePath) {
  process.stderr.write("There is no Chromium: install it (on Debian: apt-get install chromium) and run this again.\n");
  process.exit(2);
}

/** Joins in the page, and keeps where everybody is. */
function listen({ address, batch }) {
  const cursors = new Map();
  const seen = { frames: 0, bytes: 0, moves: 0 };
  const socket = new WebSocket(address);
  socket.onopen = () => socket.send(JSON.stringify({ type: "user:join", data: { name: "Tab", batch } }));
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    seen.frames += 1;
    seen.bytes += data.length;
    if (frame.type === "cursor:move") {
      cursors.set(frame.clientId, frame.data);
      seen.moves += 1;
    } else if (frame.type === "presence") {
      for (const [clientId, x, y] of frame.data) cursors.set(clientId, x === null ? null : { x, y });
      seen.moves += frame.data.length;
    }
  };
  window.seen = seen;
}

build([servers[0]]);
const port = 30_000 + Math.floor(Math.random() * 9000);
const { stop } = await start(servers[0], port);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
try {
  const crowd = run(load, ["run", "--address", `127.0.0.1:${port}`, "--people", PEOPLE, "--seconds", 4 * SECONDS, "--json"].map(String));
  await new Promise((resolve) => setTimeout(resolve, 5000));
  process.stdout.write(`${PEOPLE} people, each moving 20 times a second; a tab of Chromium ${browser.version()}\n\n`);
  process.stdout.write("| | moves/s | frames/s | kB/s | % of a core in JavaScript | % of a core on the main thread |\n|---|---|---|---|---|---|\n");
  for (const batch of [false, true]) {
    // An empty page of the server: its own policy would let it connect to nothing.
    const page = await browser.newPage({ bypassCSP: true });
    await page.goto(`http://127.0.0.1:${port}/healthz`);
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    const metrics = async () => Object.fromEntries((await session.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
    await page.evaluate(listen, { address: `ws://127.0.0.1:${port}/parties/main/load-0?_pk=tab`, batch });
    await page.waitForTimeout(1000);
    const [before, from] = [await metrics(), await page.evaluate(() => ({ ...window.seen }))];
    await page.waitForTimeout(SECONDS * 1000);
    const [after, to] = [await metrics(), await page.evaluate(() => ({ ...window.seen }))];
    const span = after.Timestamp - before.Timestamp;
    const share = (name) => (((after[name] - before[name]) / span) * 100).toFixed(1);
    const each = (name) => (to[name] - from[name]) / span;
    const cells = [batch ? "`batch`" : "one frame a move", Math.round(each("moves")), Math.round(each("frames")), Math.round(each("bytes") / 1000), share("ScriptDuration"), share("TaskDuration")];
    process.stdout.write(`| ${cells.join(" | ")} |\n`);
    await page.close();
  }
  await crowd;
} finally {
  await browser.close();
  await stop();
}
