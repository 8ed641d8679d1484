// nginx and Caddy, each in front of a server as `deploy/` has them, with ports, certificate and patience of the test's own.
// Owns the two proxies' processes.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import https from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { PartySocket } from "partysocket-1.3.0";
import WebSocket from "ws";
import { Server, until } from "./server.mjs";

const deploy = path.resolve(import.meta.dirname, "../../../deploy");
const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
/** For how long the proxies of the test bear silence, in seconds: longer than between two pings, shorter than a test. */
const PATIENCE = 3;

let folder, ca;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "kanvas-proxy-"));
  const made = (...args) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  made("req", "-x509", ...ec, "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2");
  ca = await readFile(path.join(folder, "cert.pem"));
});

after(() => rm(folder, { recursive: true, force: true }));

/** A token of this person, as Clerk makes it. */
function token(user) {
  const now = Math.floor(Date.now() / 1000);
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { azp: "https://kanvas.example.com", exp: now + 300, iat: now, iss: "https://clerk.example.com", nbf: now - 10, sid: "sess_1", sts: "active", sub: user, v: 2 };
  const signed = `${part({ alg: "RS256", kid: "key", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createSign("RSA-SHA256").update(signed).sign(privateKey, "base64url")}`;
}

async function freePort() {
  const socket = createServer().listen(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

/** Replaces what must be there. */
function replaced(text, changes) {
  for (const [from, to] of changes) {
    assert.ok(text.includes(from), `the file has no ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

const proxies = {
  async nginx(port, inner) {
    const site = replaced(await readFile(path.join(deploy, "nginx.conf"), "utf8"), [
      ["listen 80;", `listen 127.0.0.1:${await freePort()};`],
      ["listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`],
      ["server 127.0.0.1:1999;", `server ${inner};`],
      ["/etc/ssl/kanvas/fullchain.pem", path.join(folder, "cert.pem")],
      ["/etc/ssl/kanvas/privkey.pem", path.join(folder, "key.pem")],
      ["/var/log/nginx/kanvas.log", path.join(folder, "nginx.log")],
      ["proxy_read_timeout 60s;", `proxy_read_timeout ${PATIENCE}s;`],
      ["proxy_send_timeout 60s;", `proxy_send_timeout ${PATIENCE}s;`],
    ]);
    await writeFile(path.join(folder, "site.conf"), site);
    const kept = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/nginx-${name};`);
    const whole = `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr; events {} http { ${kept.join(" ")} include ${folder}/site.conf; }`;
    await writeFile(path.join(folder, "nginx.conf"), whole);
    return ["nginx", ["-p", folder, "-e", "stderr", "-c", path.join(folder, "nginx.conf")]];
  },
  async caddy(port, inner) {
    const site = replaced(await readFile(path.join(deploy, "Caddyfile"), "utf8"), [
      ["{\n\tservers {", "{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {"],
      ["read_body 2m", `read_body ${PATIENCE}s`],
      ["\nkanvas.example.com {", `\nhttps://localhost:${port} {\n\tbind 127.0.0.1\n\ttls ${folder}/cert.pem ${folder}/key.pem`],
      ["reverse_proxy 127.0.0.1:1999", `reverse_proxy ${inner}`],
    ]);
    await writeFile(path.join(folder, "Caddyfile"), site);
    return ["caddy", ["run", "--adapter", "caddyfile", "--config", path.join(folder, "Caddyfile")]];
  },
};

/** A server with sign-in, and a proxy in front of it. */
class Front {
  static async start(kind) {
    const front = new Front();
    front.server = await Server.start([
      ...["--auth", "optional", "--clerk-publishable-key", "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k"],
      ...["--clerk-jwt-key", publicKey.export({ type: "spki", format: "pem" })],
      ...["--public-url", "https://kanvas.example.com", "--trusted-proxies", "127.0.0.1, ::1"],
      ...["--max-waiting", "2", "--ping-every", "1", "--dead-after", "30"],
    ]);
    front.port = await freePort();
    const [command, args] = await proxies[kind](front.port, front.server.host);
    front.process = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, HOME: folder } });
    front.said = "";
    for (const stream of [front.process.stdout, front.process.stderr]) stream.on("data", (chunk) => (front.said += chunk));
    front.ended = once(front.process, "exit");
    const answers = async () => {
      assert.equal(front.process.exitCode, null, front.said);
      return (await front.ask("/readyz").catch(() => undefined))?.status === 200;
    };
    try {
      await until(`${kind} answers`, answers);
    } catch (error) {
      await front.stop();
      throw error;
    }
    return front;
  }

  async stop() {
    this.process.kill("SIGTERM");
    await this.ended;
    await this.server.stop();
  }

  /** One request over TLS. */
  ask(address, { method = "GET", headers = {}, body } = {}) {
    return new Promise((resolve, reject) => {
      const options = { host: "localhost", family: 4, port: this.port, path: address, ca, method, headers, agent: false };
      const request = https.request(options, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
      });
      request.on("error", reject);
      request.end(body);
    });
  }

  /** A socket that has not joined, from this address of the machine. */
  async waits(localAddress, headers = {}) {
    const socket = new WebSocket(`wss://localhost:${this.port}/party/board`, { ca, localAddress, headers, family: 4 });
    socket.on("error", () => {});
    const status = await Promise.race([
      once(socket, "open").then(() => 101),
      once(socket, "unexpected-response").then(([, answer]) => answer.statusCode),
    ]);
    return { socket, status };
  }

  /** Somebody who is signed in and comes back by themselves. */
  person(user) {
    class Secure extends WebSocket {
      constructor(url, protocols) {
        super(url, protocols, { ca, origin: "https://kanvas.example.com", family: 4 });
      }
    }
    const socket = new PartySocket({
      host: `localhost:${this.port}`, protocol: "wss", room: "board", WebSocket: Secure,
      minReconnectionDelay: 50, maxReconnectionDelay: 500, query: () => ({ token: token(user) }),
    });
    const person = { socket, heard: [], closes: [] };
    socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "user:join", data: { name: user } })));
    socket.addEventListener("message", ({ data }) => person.heard.push(JSON.parse(data)));
    socket.addEventListener("close", ({ code }) => person.closes.push(code));
    person.until = (type) => until(`${user} hears ${type}`, () => person.heard.find((event) => event.type === type));
    return person;
  }
}

for (const kind of Object.keys(proxies)) {
  describe(`front1_${kind}`, () => {
    let front;
    before(async () => (front = await Front.start(kind)));
    after(() => front?.stop());

    test("front1_people_draw_through_it_and_a_quiet_socket_stays", { timeout: 60_000 }, async () => {
      const ann = front.person("user_ann");
      const joined = await ann.until("user:list");
      assert.equal(joined.data.users[0].userId, "user_ann");
      const bob = front.person("user_bob");
      await bob.until("user:list");
      // Nobody says anything for longer than the proxy bears silence.
      await new Promise((resolve) => setTimeout(resolve, (PATIENCE + 2) * 1000));
      ann.socket.send(JSON.stringify({ type: "image:add", id: "k1", data: { id: "i1", src: "https://example.com/a.png", x: 1, y: 2, width: 3, height: 4 } }));
      assert.equal((await bob.until("image:add")).data.id, "i1");
      assert.deepEqual([ann.closes, bob.closes], [[], []]);
      ann.socket.close();
      bob.socket.close();
    });

    test("front2_the_server_sees_who_comes_and_not_what_they_say_of_themselves", { timeout: 30_000 }, async () => {
      const here = [await front.waits("127.0.0.2"), await front.waits("127.0.0.2", { "X-Forwarded-For": "203.0.113.1" })];
      assert.deepEqual(here.map(({ status }) => status), [101, 101]);
      assert.equal((await front.waits("127.0.0.2", { "X-Forwarded-For": "203.0.113.2" })).status, 429);
      const other = await front.waits("127.0.0.3");
      assert.equal(other.status, 101, "each address has places of its own");
      for (const { socket } of [...here, other]) socket.terminate();
      const { headers } = await front.ask("/");
      assert.equal(headers["strict-transport-security"], "max-age=31536000", "the server knows of the proxy's TLS");
    });

    test("front3_a_file_of_9_mib_comes_through_and_one_of_11_does_not", { timeout: 60_000 }, async () => {
      const ann = front.person("user_ann");
      await ann.until("user:list");
      const png = (mib) => Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), randomBytes(mib << 20)]);
      const put = (body) => front.ask("/assets?room=board", { method: "PUT", body, headers: { Authorization: `Bearer ${token("user_ann")}`, "Content-Length": body.length } });
      const file = png(9);
      const { status, text } = await put(file);
      assert.equal(status, 201, text);
      assert.equal((await front.ask(JSON.parse(text).src)).status, 200);
      // Who refuses a body may end the connection while it still comes.
      const large = await put(png(11)).catch((error) => ({ status: error.code }));
      assert.ok([413, "EPIPE", "ECONNRESET"].includes(large.status), `${large.status}`);
      ann.socket.close();
    });

    test("front4_people_come_back_after_a_restart", { timeout: 60_000 }, async () => {
      const ann = front.person("user_ann");
      await ann.until("user:list");
      const before = ann.heard.length;
      assert.equal(await front.server.kill("SIGTERM"), 0);
      await front.server.restart();
      await until("she is back", () => ann.heard.slice(before).some((event) => event.type === "user:list"));
      assert.equal(ann.closes[0], 1012);
      ann.socket.close();
    });
  });
}
