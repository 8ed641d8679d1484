// The same relay as a Durable Object whose sockets hibernate: what the platform's runtime takes, whoever writes the room.
import { DurableObject } from "cloudflare:workers";
import { relay } from "./relay.mjs";

export class Room extends DurableObject {
  fetch() {
    const [client, server] = Object.values(new WebSocketPair());
    server.serializeAttachment(`c${this.ctx.getWebSockets().length + 1}`);
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  webSocketMessage(socket, text) {
    const frame = relay(text, socket.deserializeAttachment());
    if (frame === null) return;
    for (const other of this.ctx.getWebSockets()) if (other !== socket) other.send(frame);
  }
}

/** Kanvas' settings want one. */
export class Registry extends DurableObject {}

export default {
  fetch(request, env) {
    if (request.headers.get("upgrade") !== "websocket") return new Response("ok");
    return env.ROOMS.getByName(new URL(request.url).pathname.split("/").at(-1)).fetch(request);
  },
};
