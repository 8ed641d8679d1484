// The clients that people have, unmodified, against the built server: both address forms, `_pk` over reconnects,
// messages that were sent offline, a close that is final, and coming back after the server was killed.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import WS from "ws";
import { PartySocket as Current } from "partysocket-1.3.0";
import { PartySocket as Locked } from "partysocket-1.1.4";
import { Server, until } from "./server.mjs";

const image = (id) => ({ id, src: "https://example.com/a.png", x: 1, y: 2, width: 30, height: 40 });
const terminal = (event) => event.code >= 4500 && event.code < 5000;

/** A client that keeps every frame. */
class Client {
  constructor(PartySocket, server, room, options = {}) {
    this.frames = [];
    this.closes = [];
    this.opens = 0;
    this.socket = new PartySocket({
      host: server.host,
      protocol: "ws",
      room,
      WebSocket: WS,
      minReconnectionDelay: 50,
      maxReconnectionDelay: 200,
      ...options,
    });
    this.socket.addEventListener("open", () => {
      this.opens += 1;
      options.onOpen?.(this);
    });
    this.socket.addEventListener("close", (event) => this.closes.push(event));
    this.socket.addEventListener("error", () => {});
    this.socket.addEventListener("message", (event) => {
      this.frames.push(event.data === "pong" ? { type: "pong" } : JSON.parse(event.data));
    });
  }

  send(type, data, id) {
    this.socket.send(JSON.stringify({ type, data, id }));
  }

  /** Waits for a frame of that type, the `nth` one. */
  frame(type, nth = 0) {
    return until(`a ${type} came`, () => this.frames.filter((frame) => frame.type === type)[nth]);
  }

  async join(data = {}) {
    this.send("user:join", data);
    return (await this.frame("room:joined")).data;
  }
}

for (const [version, PartySocket] of [["1.1.4", Locked], ["1.3.0", Current]]) {
  describe(`partysocket ${version}`, () => {
    let server;
    const clients = [];
    const connect = (room, options) => {
      const client = new Client(PartySocket, server, room, options);
      clients.push(client);
      return client;
    };
    before(async () => (server = await Server.start()));
    after(async () => {
      clients.forEach((client) => client.socket.close());
      await server.stop();
    });

    test("run21_joins, and is told the room, the state and the people, in this order", async () => {
      const ann = connect("order");
      await ann.join({ name: "Ann" });
      await ann.frame("user:list");
      assert.deepEqual(ann.frames.map((frame) => frame.type), ["room:joined", "state:sync", "user:list"]);
      assert.equal(ann.frames[2].data.users[0].name, "Ann");
    });

    test("run21_both address forms lead to the same room", async () => {
      const long = connect("forms");
      await long.join({ name: "Long" });
      const short = new WS(`ws://${server.host}/party/forms?_pk=short`);
      await new Promise((resolve) => short.once("open", resolve));
      short.send(JSON.stringify({ type: "user:join", data: { name: "Short" } }));
      assert.equal((await long.frame("user:joined")).data.name, "Short");
      short.close();
      assert.equal((await long.frame("user:left")).data.reason, "left");
    });

    test("run21__pk stays over reconnects, and an edit that is sent again is not made again", async () => {
      const ann = connect("dedupe");
      const first = await ann.join();
      const pk = ann.socket.id;
      ann.send("image:add", image("i1"), "k1");
      const ack = await ann.frame("ack");
      ann.socket.reconnect();
      await until("it is open again", () => ann.opens === 2);
      assert.equal(ann.socket.id, pk);
      ann.send("user:join", { since: { epoch: first.epoch, seq: ack.data.seq } });
      ann.send("image:add", image("i1"), "k1");
      const again = await ann.frame("ack", 1);
      assert.deepEqual(again.data, ack.data);
      assert.equal((await ann.frame("state:sync", 1)).data.mode, "delta");
    });

    test("run21_a query that gives a token is asked anew at each connection, and proves who it is", async () => {
      const given = [];
      const query = async () => {
        const token = await server.token(given.length === 0 ? "user_ann" : "user_bea");
        given.push(token);
        return { token };
      };
      const ann = connect("signed-in", { query });
      const first = await ann.join();
      assert.deepEqual([first.userId, first.role], ["user_ann", "owner"]);
      ann.socket.reconnect();
      await until("it is open again", () => ann.opens === 2);
      ann.send("user:join", {});
      const second = (await ann.frame("room:joined", 1)).data;
      assert.deepEqual([second.userId, second.role], ["user_bea", "editor"]);
      assert.equal(given.length, 2);
    });

    test("run21_what was sent offline arrives after the join, in order", async () => {
      const ann = connect("offline");
      ann.send("image:add", image("i1"), "k1");
      ann.send("image:transform", { id: "i1", x: 5 }, "k2");
      ann.send("chat:message", { text: "from the train" }, "k3");
      assert.equal(ann.opens, 0, "all of this was sent before the socket opened");
      await until("it is open", () => ann.opens === 1);
      ann.send("user:join", { name: "Ann" });
      const acks = await until("three acks came", () => {
        const acks = ann.frames.filter((frame) => frame.type === "ack");
        return acks.length === 3 && acks;
      });
      assert.deepEqual(acks.map((ack) => ack.data.id), ["k1", "k2", "k3"]);
      const ben = connect("offline");
      await ben.join();
      const sync = (await ben.frame("state:sync")).data;
      assert.equal(sync.images[0].x, 5);
      assert.equal(sync.chat[0].text, "from the train");
    });

    test("run21_a final close is a 4xxx code with a reason, told in an error event before it", async () => {
      const bad = connect("final", { shouldReconnectOnClose: (event) => !terminal(event) });
      await bad.join();
      for (let i = 0; i < 10; i += 1) bad.socket.send("{");
      const close = await until("it was closed", () => bad.closes.find(terminal));
      assert.equal(close.code, 4509);
      assert.equal(close.reason, "bad_protocol");
      const last = bad.frames.at(-1);
      assert.equal(last.type, "error");
      assert.equal(last.data.code, "bad_protocol");
      if (version === "1.3.0") {
        await new Promise((resolve) => setTimeout(resolve, 600));
        assert.equal(bad.opens, 1, "a final close stops the client");
      }
    });

    test("run21_a lost connection takes its session back; the others never saw it go", async () => {
      const ann = connect("resume");
      const ben = connect("resume");
      const first = await ann.join({ name: "Ann" });
      await ben.join({ name: "Ben" });
      await ann.frame("user:joined");
      // Cut below the WebSocket: no close frame is sent.
      ann.socket._ws._socket.destroy();
      await until("it is open again", () => ann.opens === 2);
      ann.send("user:join", { resume: first.resume, since: { epoch: first.epoch, seq: first.seq } });
      const again = (await ann.frame("room:joined", 1)).data;
      assert.equal(again.clientId, first.clientId);
      assert.notEqual(again.resume, first.resume);
      ann.send("chat:message", { text: "back" });
      await ben.frame("chat:message");
      assert.ok(!ben.frames.some((frame) => frame.type === "user:left"));
    });

    test("run21_after the server was killed, clients come back by themselves and have missed nothing", async () => {
      const rejoin = (client) => {
        const { joined, seq } = client;
        client.send("user:join", joined ? { resume: joined.resume, since: { epoch: joined.epoch, seq } } : {});
      };
      const ann = connect("killed", { onOpen: rejoin });
      const ben = connect("killed", { onOpen: rejoin });
      for (const client of [ann, ben]) {
        client.joined = (await client.frame("room:joined")).data;
        client.seq = client.joined.seq;
      }
      ann.send("image:add", image("kept"), "k1");
      ann.seq = (await ann.frame("ack")).data.seq;
      // Ben leaves for a while and misses an edit.
      const added = await ben.frame("image:add");
      ben.seq = added.seq;
      ann.send("image:transform", { id: "kept", x: 99 }, "k2");
      ann.seq = (await ann.frame("ack", 1)).data.seq;
      await server.kill();
      await server.restart();
      const sync = (await ben.frame("state:sync", 1)).data;
      assert.equal(sync.mode, "delta");
      assert.deepEqual(sync.ops.map((op) => op.data), [{ id: "kept", x: 99 }]);
      const own = (await ann.frame("state:sync", 1)).data;
      assert.deepEqual(own.ops, [], "she has seen everything up to the last durable event");
    });

    test("run21_fetch on the room's address tells what may be known of it", async () => {
      const ann = connect("about");
      await ann.join();
      const options = { host: server.host, protocol: "http", room: "about", path: "" };
      const answer = await PartySocket.fetch({ ...options, fetch }, {});
      assert.equal(answer.status, 200);
      assert.equal((await answer.json()).userCount, 1);
      const missing = await PartySocket.fetch({ ...options, room: "nobody-was-here", fetch }, {});
      assert.equal(missing.status, 404);
    });
  });
}
