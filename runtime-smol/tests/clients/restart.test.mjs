// A restart under 1,000 people with `partysocket`, who draw all the while: they come back by themselves, and
// everything that was acknowledged is there. How long it took is told and not judged: machines differ.
import assert from "node:assert/strict";
import { test } from "node:test";
import WS from "ws";
import { PartySocket } from "partysocket-1.1.4";
import { faults } from "./history.mjs";
import { Server, until } from "./server.mjs";

const PEOPLE = 1000;
const ROOMS = Array.from({ length: 20 }, (_, number) => `hall-${number}`);
const EDIT_EVERY_MS = 3000;
const PATIENCE_MS = 60_000;

/** Adds an image now and then, and sends again after a cut what was not acknowledged. */
class Person {
  constructor(number, host) {
    this.number = number;
    this.room = ROOMS[number % ROOMS.length];
    this.next = 0;
    this.pending = new Map();
    this.acked = new Map();
    this.closes = [];
    this.waits = [];
    this.joins = [];
    this.isIn = false;
    this.socket = new PartySocket({
      host,
      protocol: "ws",
      room: this.room,
      id: `person${number}`,
      WebSocket: WS,
      // Its own default, which it draws once in each browser: here all people share one process.
      minReconnectionDelay: 1000 + Math.random() * 4000,
    });
    this.socket.addEventListener("open", () => this.say({ type: "user:join", data: { name: `p${number}` } }));
    this.socket.addEventListener("message", ({ data }) => this.hear(data));
    this.socket.addEventListener("error", () => {});
    this.socket.addEventListener("close", ({ code }) => {
      this.isIn = false;
      this.closes.push(code);
    });
  }

  say(message) {
    this.socket.send(JSON.stringify(message));
  }

  hear(text) {
    if (text.startsWith('{"type":"ack"')) {
      const { id, seq } = JSON.parse(text).data;
      if (this.pending.delete(id)) this.acked.set(id, seq);
    } else if (text.startsWith('{"type":"error"')) {
      const { code, retryAfterMs } = JSON.parse(text).data;
      assert.equal(code, "restart");
      this.waits.push(retryAfterMs);
    } else if (text.startsWith('{"type":"room:joined"')) {
      this.joins.push(performance.now());
      this.isIn = true;
      for (const message of this.pending.values()) this.say(message);
    }
  }

  draw() {
    const id = `e${this.number}-${this.next++}`;
    const data = { id, src: "https://example.com/a.png", x: this.next, y: this.number, width: 1, height: 1 };
    const message = { type: "image:add", data, id };
    this.pending.set(id, message);
    if (this.isIn) this.say(message);
  }

  start() {
    const first = (EDIT_EVERY_MS * this.number) / PEOPLE;
    this.timer = setTimeout(() => {
      this.draw();
      this.timer = setInterval(() => this.draw(), EDIT_EVERY_MS);
    }, first);
  }

  stop() {
    clearTimeout(this.timer);
    clearInterval(this.timer);
  }
}

test("run25_a_thousand_people_are_back_after_a_restart_and_nothing_acknowledged_is_lost", { timeout: 240_000 }, async (t) => {
  const server = await Server.start();
  const people = Array.from({ length: PEOPLE }, (_, number) => new Person(number, server.host));
  const all = (what, holds) => until(what, () => people.every(holds), PATIENCE_MS);
  try {
    await all("everybody is in", (person) => person.isIn);
    people.forEach((person) => person.start());
    await all("everybody has drawn", (person) => person.acked.size > 0);
    const stopped = performance.now();
    assert.equal(await server.kill("SIGTERM"), 0);
    const ended = performance.now();
    await server.restart();
    const started = performance.now();
    await all("everybody is in again", (person) => person.isIn && person.joins.length > 1);
    const drawn = people.map((person) => person.acked.size);
    await all("everybody goes on drawing", (person) => person.acked.size > drawn[person.number]);
    people.forEach((person) => person.stop());
    await all("all is acknowledged", (person) => person.pending.size === 0);

    assert.deepEqual(await faults(server.host, ROOMS, people), []);
    assert.ok(people.every(({ closes }) => closes[0] === 1012), "everybody was told to come back");
    assert.ok(people.every(({ waits }) => waits.length === 1), "and when");
    // No tenth of the time into which the server spreads them is empty, and none is crowded.
    const longest = Math.max(...people.flatMap(({ waits }) => waits));
    const tenths = Array(10).fill(0);
    for (const { waits } of people) tenths[Math.min(9, Math.floor((waits[0] * 10) / longest))] += 1;
    assert.ok(tenths.every((count) => count > PEOPLE / 25 && count < PEOPLE / 5), `${tenths}`);

    const back = people.map(({ joins }) => joins[1] - stopped).sort((one, other) => one - other);
    const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
    const crowd = Math.max(...back.map((at, first) => back.filter((other, no) => no >= first && other < at + 100).length));
    t.diagnostic(
      `stopped in ${seconds(ended - stopped)}, started in ${seconds(started - ended)}; back after ${seconds(back[0])} to ` +
        `${seconds(back.at(-1))} (half of them within ${seconds(back[PEOPLE / 2])}), at most ${crowd} in 0.1 s`,
    );
  } finally {
    people.forEach((person) => {
      person.stop();
      person.socket.close();
    });
    await server.stop();
  }
});
