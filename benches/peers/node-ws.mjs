// Node.js with the package ws: a set of sockets for each room.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { relay } from "./relay.mjs";

let clients = 0;
const rooms = new Map();
const http = createServer((request, response) => response.end("ok"));
const server = new WebSocketServer({ server: http, perMessageDeflate: false });
server.on("connection", (socket, request) => {
  const name = new URL(request.url, "http://localhost").pathname.split("/").at(-1);
  const clientId = `c${++clients}`;
  if (!rooms.has(name)) rooms.set(name, new Set());
  const room = rooms.get(name);
  room.add(socket);
  socket.on("close", () => room.delete(socket));
  socket.on("error", () => socket.terminate());
  socket.on("message", (bytes) => {
    const frame = relay(bytes.toString(), clientId);
    if (frame === null) return;
    for (const other of room) if (other !== socket) other.send(frame);
  });
});
http.listen(Number(process.argv[2]), "127.0.0.1");
