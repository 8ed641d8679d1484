// Bun's server: uWebSockets, a topic for each room.
import { relay } from "./relay.mjs";

let clients = 0;
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch(request, server) {
    const room = new URL(request.url).pathname.split("/").at(-1);
    if (server.upgrade(request, { data: { room, clientId: `c${++clients}` } })) return;
    return new Response("ok");
  },
  websocket: {
    perMessageDeflate: false,
    open(socket) {
      socket.subscribe(socket.data.room);
    },
    message(socket, text) {
      const frame = relay(text, socket.data.clientId);
      if (frame !== null) socket.publish(socket.data.room, frame);
    },
  },
});
