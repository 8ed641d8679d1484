// A room over wss, with the clients that people use: Node's own TLS, the WebSocket of `ws`, and `partysocket` on it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { PartySocket } from "partysocket-1.3.0";
import WebSocket from "ws";
import { Server } from "./server.mjs";

let folder, server, ca;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "kanvas-tls-"));
  const made = (...args) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  made("req", "-x509", ...ec, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Kanvas tests", "-days", "2");
  made("req", ...ec, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost");
  made("x509", "-req", "-in", "request.pem", "-CA", "ca.crt", "-CAkey", "ca.key", "-out", "cert.pem", "-days", "2", "-copy_extensions", "copy");
  ca = await readFile(path.join(folder, "ca.crt"));
  server = await Server.start(["--tls-cert", path.join(folder, "cert.pem"), "--tls-key", path.join(folder, "key.pem")]);
});

after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Trusts the authority of these tests alone. */
class Secure extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { ca });
  }
}

function open(room, name) {
  const socket = new PartySocket({ host: `localhost:${server.port}`, protocol: "wss", room, WebSocket: Secure });
  const heard = [];
  const waiting = [];
  socket.addEventListener("message", ({ data }) => {
    heard.push(JSON.parse(data));
    waiting.forEach((look) => look());
  });
  const until = (type) =>
    new Promise((resolve) => {
      const look = () => {
        const found = heard.find((event) => event.type === type);
        if (found) resolve(found);
      };
      waiting.push(look);
      look();
    });
  socket.send(JSON.stringify({ type: "user:join", data: { name } }));
  return { socket, until, send: (type, data) => socket.send(JSON.stringify({ type, data })) };
}

test("tls1_two_people_draw_and_talk_over_wss", { timeout: 20_000 }, async () => {
  const ann = open("a", "Ann");
  await ann.until("user:list");
  const bob = open("a", "Bob");
  await bob.until("user:list");
  ann.send("image:add", { id: "i1", src: "https://example.com/a.png", x: 1, y: 2, width: 3, height: 4 });
  assert.equal((await bob.until("image:add")).data.id, "i1");
  await ann.until("ack");
  bob.send("chat:message", { text: "über TLS 🎈" });
  assert.equal((await ann.until("chat:message")).data.text, "über TLS 🎈");
  ann.socket.close();
  await bob.until("user:left");
  bob.socket.close();
});

test("tls1_pages_come_over_https_and_tls_1_1_is_not_spoken", { timeout: 20_000 }, async () => {
  const get = (options) =>
    new Promise((resolve, reject) => {
      const request = https.get({ host: "localhost", port: server.port, family: 4, path: "/", ca, ...options }, (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode));
      });
      request.on("error", reject);
    });
  assert.equal(await get({}), 200);
  await assert.rejects(get({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" }));
  await assert.rejects(get({ ca: undefined }), "nobody else trusts it");
});
