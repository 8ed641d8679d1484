// PartyKit's server, as its documents show it: broadcast to everybody but the sender.
import { relay } from "./relay.mjs";

export default class Room {
  constructor(room) {
    this.room = room;
  }

  onMessage(text, sender) {
    const frame = relay(text, sender.id);
    if (frame !== null) this.room.broadcast(frame, [sender.id]);
  }

  onRequest() {
    return new Response("ok");
  }
}
