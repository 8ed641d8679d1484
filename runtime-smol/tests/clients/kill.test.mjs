// Kill and restart, 20 times at random moments, under eight clients in three rooms that send uniquely named edits.
// Afterwards every edit whose ack had arrived is there once, at its place in the log; the others once or not at all.
//
// The second test puts a liar between the clients and the server, which acknowledges edits before the server has
// stored them. The same search must then find edits that are missing, or it would prove nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import WS, { WebSocketServer } from "ws";
import { faults } from "./history.mjs";
import { Server, until } from "./server.mjs";

const ROUNDS = 20;
const CLIENTS = 8;
const ROOMS = ["red", "green", "blue"];

/** Mulberry32: the same moments for the same seed. */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Adds one image after another, and sends again after every cut what was not acknowledged. */
class Editor {
  constructor(number, port) {
    this.number = number;
    this.port = port;
    this.room = ROOMS[number % ROOMS.length];
    this.next = 0;
    this.pending = new Map();
    this.acked = new Map();
    this.resent = 0;
    this.running = true;
    this.done = this.run();
  }

  edit() {
    const id = `e${this.number}-${this.next++}`;
    const data = { id, src: "https://example.com/a.png", x: this.next, y: this.number, width: 1, height: 1 };
    this.pending.set(id, JSON.stringify({ type: "image:add", data, id }));
    return this.pending.get(id);
  }

  async run() {
    while (this.running || this.pending.size > 0) {
      await this.connection();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  connection() {
    return new Promise((resolve) => {
      const socket = new WS(`ws://127.0.0.1:${this.port()}/parties/main/${this.room}?_pk=editor${this.number}`);
      this.socket = socket;
      let timer;
      socket.on("open", () => {
        socket.send(JSON.stringify({ type: "user:join", data: {} }));
        for (const message of this.pending.values()) {
          socket.send(message);
          this.resent += 1;
        }
        timer = setInterval(() => {
          if (this.running) {
            socket.send(this.edit());
            this.onSent?.();
          }
          else if (this.pending.size === 0) socket.close();
        }, 20);
      });
      socket.on("message", (text) => {
        const { type, data } = JSON.parse(text);
        if (type === "ack" && this.pending.delete(data.id)) this.acked.set(data.id, data.seq);
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        clearInterval(timer);
        resolve();
      });
    });
  }
}

async function killLoop(server, port, next, rounds) {
  const editors = Array.from({ length: CLIENTS }, (_, number) => new Editor(number, port));
  const seen = { killedWithUnacked: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const before = editors.map((editor) => editor.acked.size);
    await until("every client had an edit acknowledged", () =>
      editors.every((editor, at) => editor.acked.size > before[at]),
    );
    await new Promise((resolve) => setTimeout(resolve, next() * 200));
    // Half of the kills come right after an edit was sent: few moments else lie between an edit and its ack.
    if (next() < 0.5) await new Promise((resolve) => editors.forEach((editor) => (editor.onSent = resolve)));
    seen.killedWithUnacked += editors.some((editor) => editor.pending.size > 0) ? 1 : 0;
    await server.kill("SIGKILL");
    await server.restart();
  }
  editors.forEach((editor) => (editor.running = false));
  return { editors, seen };
}

test("run20_every_acknowledged_edit_survives_kill_9", { timeout: 120_000 }, async (t) => {
  const seed = Number(process.env.KANVAS_SEED ?? Date.now() % 1e6);
  t.diagnostic(`KANVAS_SEED=${seed}`);
  const server = await Server.start();
  try {
    const { editors, seen } = await killLoop(server, () => server.port, random(seed), ROUNDS);
    await Promise.all(editors.map((editor) => editor.done));
    assert.deepEqual(await faults(server.host, ROOMS, editors), []);
    const acked = editors.reduce((sum, editor) => sum + editor.acked.size, 0);
    const resent = editors.reduce((sum, editor) => sum + editor.resent, 0);
    t.diagnostic(`${acked} acknowledged, ${resent} sent again, ${seen.killedWithUnacked} kills with edits in flight`);
    assert.ok(acked >= ROUNDS * CLIENTS, "every client had an edit acknowledged in every round");
    assert.ok(resent > 0 && seen.killedWithUnacked > 0, "some kills came between an edit and its ack");
  } finally {
    await server.stop();
  }
});

/** Passes frames on, but acknowledges an image:add at once, at the place it guesses, and passes it on late. */
async function liar(server) {
  const proxy = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => proxy.once("listening", resolve));
  const heads = new Map(ROOMS.map((room) => [room, 0]));
  proxy.on("connection", (client, request) => {
    const room = /main\/(\w+)/.exec(request.url)[1];
    const upstream = new WS(`ws://${server.host}${request.url}`);
    upstream.on("error", () => {});
    upstream.on("message", (text) => client.send(String(text)));
    upstream.on("close", () => client.terminate());
    client.on("close", () => upstream.terminate());
    const opened = new Promise((resolve) => upstream.once("open", resolve));
    client.on("message", async (text) => {
      await opened;
      const { type, id } = JSON.parse(text);
      if (type !== "image:add") return upstream.send(String(text));
      heads.set(room, heads.get(room) + 1);
      client.send(JSON.stringify({ type: "ack", data: { id, seq: heads.get(room) }, clientId: "c1" }));
      setTimeout(() => upstream.readyState === WS.OPEN && upstream.send(String(text)), 50);
    });
  });
  return proxy;
}

test("run20_the_search_finds_edits_that_were_acknowledged_too_early", { timeout: 120_000 }, async () => {
  const server = await Server.start();
  const proxy = await liar(server);
  try {
    const { editors } = await killLoop(server, () => proxy.address().port, random(1), 3);
    await Promise.all(editors.map((editor) => editor.done));
    const missing = (await faults(server.host, ROOMS, editors)).filter((fault) => fault.includes("was acknowledged"));
    assert.ok(missing.length > 0, "early acks went unnoticed");
  } finally {
    proxy.close();
    proxy.clients.forEach((client) => client.terminate());
    await server.stop();
  }
});
