// The list of rooms, rooms and their links as apps ask for them: by `PartySocket.fetch`, unmodified, and live.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import WS from "ws";
import { PartySocket as Current } from "partysocket-1.3.0";
import { PartySocket as Locked } from "partysocket-1.1.4";
import { Server, until } from "./server.mjs";

const page = "http://localhost:3000";

for (const [version, PartySocket] of [["1.1.4", Locked], ["1.3.0", Current]]) {
  describe(`the list of rooms by partysocket ${version}`, () => {
    let server, ann;
    const sockets = [];
    before(async () => {
      server = await Server.start();
      ann = await server.token("ann");
    });
    after(async () => {
      sockets.forEach((socket) => socket.close());
      await server.stop();
    });

    /** Asks as an app's page does, and gives the status and the body. */
    const ask = async (options, method = "GET", body = undefined, token = undefined) => {
      const headers = { origin: page, ...(body ? { "content-type": "application/json" } : {}) };
      if (token) headers.authorization = `Bearer ${token}`;
      const init = { method, headers, body: body && JSON.stringify(body) };
      const answer = await PartySocket.fetch({ host: server.host, protocol: "http", ...options }, init);
      assert.equal(answer.headers.get("access-control-allow-origin"), page);
      const text = await answer.text();
      return { status: answer.status, ...(text ? JSON.parse(text) : {}) };
    };
    const list = (query = {}) => ask({ party: "registry", room: "list", query });

    test("list8_rooms are made, listed, described, changed and deleted", async () => {
      const made = await ask({ party: "registry", room: "list" }, "POST", { id: "plans", name: "Plans" }, ann);
      assert.equal(made.status, 201);
      const found = await until("the room is listed", async () => {
        const { rooms } = await list({ q: "plans", sort: "name", limit: "10" });
        return rooms.find((room) => room.id === "plans");
      });
      assert.equal(found.name, "Plans");
      assert.equal(typeof found.lastActivity, "number");
      const room = await ask({ room: "plans" });
      assert.deepEqual([room.status, room.name, room.userCount], [200, "Plans", 0]);
      const changed = await ask({ party: "registry", room: "list", path: "plans" }, "PATCH", { name: "Other" }, ann);
      assert.deepEqual([changed.status, changed.name], [200, "Other"]);
      const refused = await ask({ party: "registry", room: "list", path: "plans" }, "DELETE");
      assert.deepEqual([refused.status, refused.error], [401, "token_required"]);
      const gone = await ask({ party: "registry", room: "list", path: "plans" }, "DELETE", undefined, ann);
      assert.equal(gone.status, 204);
      assert.equal((await ask({ room: "plans" })).status, 404);
      await until("it is off the list", async () => (await list()).rooms.every((room) => room.id !== "plans"));
    });

    test("list8_a token in the query counts, as apps give it", async () => {
      const made = await ask({ party: "registry", room: "list", query: { token: ann } }, "POST", { id: "q" });
      assert.equal(made.status, 201);
      const mine = await ask({ room: "q", path: "shares", query: async () => ({ token: ann }) }, "POST", { role: "viewer" });
      assert.equal(mine.status, 201);
      assert.equal((await ask({ room: "q", path: `shares/${mine.token}` }, "DELETE", undefined, ann)).status, 204);
    });

    test("list8_the thumbnail of a room is there for who may enter", async () => {
      await ask({ party: "registry", room: "list" }, "POST", { id: "shown" }, ann);
      const preview = await ask({ room: "shown", path: "preview" });
      assert.deepEqual(preview, { status: 200, images: [] });
    });

    test("list8_a browser may ask: preflights name every method and header", async () => {
      for (const [path, method] of [
        ["/parties/registry/list", "POST"],
        ["/parties/registry/list/plans", "PATCH"],
        ["/parties/registry/list/plans", "DELETE"],
        ["/parties/main/plans", "GET"],
        ["/parties/main/plans/preview", "GET"],
        ["/parties/main/plans/shares", "POST"],
        ["/parties/main/plans/shares/x", "DELETE"],
      ]) {
        const headers = { origin: page, "access-control-request-method": method, "access-control-request-headers": "authorization,content-type" };
        const answer = await fetch(`http://${server.host}${path}`, { method: "OPTIONS", headers });
        assert.equal(answer.status, 204, path);
        assert.equal(answer.headers.get("access-control-allow-origin"), page);
        assert.ok(answer.headers.get("access-control-allow-methods").split(", ").includes(method), path);
        assert.match(answer.headers.get("access-control-allow-headers"), /authorization.*content-type/i);
        assert.match(answer.headers.get("vary"), /origin/i);
        const stranger = { ...headers, origin: "https://evil.example" };
        const refused = await fetch(`http://${server.host}${path}`, { method: "OPTIONS", headers: stranger });
        assert.deepEqual([refused.status, refused.headers.get("access-control-allow-origin")], [403, null]);
      }
    });

    test("list8_the live list tells what changes, over reconnects too", async () => {
      const frames = [];
      const socket = new PartySocket({
        host: server.host, protocol: "ws", party: "registry", room: "list", WebSocket: WS,
        minReconnectionDelay: 50, maxReconnectionDelay: 200,
      });
      sockets.push(socket);
      socket.addEventListener("error", () => {});
      socket.addEventListener("message", (event) => frames.push(JSON.parse(event.data)));
      const greeted = (nth) => until("the list came", () => frames.filter((frame) => frame.type === "rooms")[nth]);
      await greeted(0);
      const made = await ask({ party: "registry", room: "list" }, "POST", { id: "live", name: "Live" }, ann);
      assert.equal(made.status, 201);
      await until("it was told", () => frames.some((frame) => frame.type === "room-added" && frame.room.id === "live"));
      socket.reconnect();
      const again = await greeted(1);
      assert.ok(again.rooms.some((room) => room.id === "live" && room.name === "Live"));
    });
  });
}
