// The library of Standard Webhooks judges what the server signs.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { promisify } from "node:util";
import { Webhook } from "standardwebhooks";
import WS from "ws";
import { Server, binary, until } from "./server.mjs";

const secret = `whsec_${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64")}`;

test("hook2 the specification's own library takes a delivery, and none that was changed", async () => {
  const came = [];
  const receiver = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    came.push({ headers: request.headers, body });
    response.writeHead(204).end();
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  try {
    const url = `http://127.0.0.1:${receiver.address().port}/hook`;
    const env = { KANVAS_WEBHOOK_URL: url, KANVAS_WEBHOOK_SECRET: secret };
    await promisify(execFile)(binary, ["webhook", "test"], { env });
    assert.equal(came.length, 1);
    const [{ headers, body }] = came;
    const event = new Webhook(secret).verify(body, headers);
    assert.equal(event.type, "kanvas.test");
    assert.ok(Math.abs(Date.now() - Date.parse(event.timestamp)) < 60_000, event.timestamp);
    const refused = (body, headers, key = secret) => assert.throws(() => new Webhook(key).verify(body, headers));
    refused(`${body} `, headers);
    refused(body, { ...headers, "webhook-id": "msg_other" });
    refused(body, { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) + 1) });
    refused(body, headers, `whsec_${Buffer.alloc(32, 1).toString("base64")}`);
  } finally {
    receiver.close();
  }
});

/** Takes what it is sent as `answers` says, one after the other and the last for good; holds it back where that is null. */
async function receiver(...answers) {
  const came = [];
  const web = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const status = answers.length > 1 ? answers.shift() : answers[0];
    const event = new Webhook(secret).verify(body, request.headers);
    came.push({ ...event, id: request.headers["webhook-id"], status });
    if (status !== null) response.writeHead(status).end();
  }).listen(0, "127.0.0.1");
  await once(web, "listening");
  const url = `http://127.0.0.1:${web.address().port}/hook`;
  const close = () => (web.closeAllConnections(), web.close());
  return { came, close, settings: ["--webhook-url", url, "--webhook-secret", secret] };
}

/** Someone in a room, and what they are told. */
async function person(server, room, user, name) {
  const token = await server.token(user);
  const socket = new WS(`ws://${server.host}/parties/main/${room}?token=${token}`);
  const frames = [];
  socket.on("message", (data) => frames.push(JSON.parse(data)));
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "user:join", data: { name } }));
  const is = (type) => (frame) => frame.type === type;
  await until(`${name} is in`, () => frames.some(is("user:list")));
  const send = async (type, data) => {
    socket.send(JSON.stringify({ type, id: type, data }));
    await until(`${type} is acknowledged`, () => frames.some((frame) => is("ack")(frame) && frame.data.id === type));
  };
  return { socket, frames, send, token };
}

const told = (came) => came.map(({ type, data: { room, ...data } }) => [type, data]);

test("hook1 a room's life and its people are told, each once, in order and signed", async () => {
  const hook = await receiver(200);
  const server = await Server.start(hook.settings);
  try {
    const ann = await person(server, "tour", "ann", "Ann");
    const bob = await person(server, "tour", "bob", "Bob");
    const second = await person(server, "tour", "bob", "Bob");
    second.socket.close(1000);
    const out = once(bob.socket, "close");
    await ann.send("member:ban", { userId: "bob", reason: "spam" });
    await out;
    ann.socket.close(1000);
    await until("everyone has gone", () => hook.came.some(({ type }) => type === "room.emptied"));
    const init = { method: "DELETE", headers: { authorization: `Bearer ${ann.token}` } };
    assert.equal((await fetch(`http://${server.host}/parties/registry/list/tour`, init)).status, 204);
    await until("it is deleted", () => hook.came.some(({ type }) => type === "room.deleted"));
    assert.deepEqual(told(hook.came), [
      ["room.created", { by: "ann" }],
      ["member.joined", { user: "ann", name: "Ann" }],
      ["member.joined", { user: "bob", name: "Bob" }],
      ["member.banned", { user: "bob", by: "ann", reason: "spam" }],
      ["member.left", { user: "bob", name: "Bob", reason: "banned" }],
      ["member.left", { user: "ann", name: "Ann", reason: "left" }],
      ["room.emptied", {}],
      ["room.deleted", { by: "ann" }],
    ]);
    assert.ok(hook.came.every(({ data }) => data.room === "tour"));
    assert.equal(new Set(hook.came.map(({ id }) => id)).size, 8);
  } finally {
    await server.stop();
    hook.close();
  }
});

test("hook6 what was not taken comes again under its id, and holds up nothing behind it", async () => {
  const hook = await receiver(500, 200);
  const server = await Server.start([...hook.settings, "--webhook-events", "room.created,member.joined"]);
  try {
    await person(server, "again", "ann", "Ann");
    await until("it came again", () => hook.came.length === 3);
    const [first, second, third] = hook.came;
    assert.deepEqual(told(hook.came).map(([type]) => type), ["room.created", "member.joined", "room.created"]);
    assert.deepEqual([first.status, second.status, third.status], [500, 200, 200]);
    assert.deepEqual([third.id, third.timestamp], [first.id, first.timestamp]);
  } finally {
    await server.stop();
    hook.close();
  }
});

test("hook4 a receiver that never answers holds up no room", async () => {
  const hook = await receiver(null);
  const server = await Server.start(hook.settings);
  try {
    const ann = await person(server, "held", "ann", "Ann");
    await until("it hangs", () => hook.came.length === 1);
    for (let no = 0; no < 20; no++) {
      const data = { id: `i${no}`, src: "https://a.example/p.png", x: no, y: 0, width: 1, height: 1 };
      ann.socket.send(JSON.stringify({ type: "image:add", id: `add${no}`, data }));
    }
    const acks = () => ann.frames.filter(({ type }) => type === "ack").length === 20;
    await until("all is acknowledged", acks, 8_000);
    assert.equal(hook.came.length, 1, "well before the receiver is given up");
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // it is kept within moments
    await server.kill("SIGKILL");
    hook.close();
    const next = await receiver(200);
    server.settings = next.settings;
    await server.restart();
    await until("what it had not taken comes after the kill", () => next.came.length >= 2);
    assert.deepEqual(told(next.came).slice(0, 2), [["room.created", { by: "ann" }], ["member.joined", { user: "ann", name: "Ann" }]]);
    assert.equal(next.came[0].id, hook.came[0].id);
    next.close();
  } finally {
    await server.stop();
  }
});
