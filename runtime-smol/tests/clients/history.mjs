// Reads what a server has stored of rooms in which people only added images, and holds it against what it acknowledged.
import assert from "node:assert/strict";
import WS from "ws";

/** The log of a room, as one who resumes from its beginning is told it: the id at each place. */
async function log(host, room) {
  const ask = (data) =>
    new Promise((resolve, reject) => {
      const socket = new WS(`ws://${host}/parties/main/${room}`);
      const told = { ops: [], images: [] };
      socket.on("error", reject);
      socket.on("open", () => socket.send(JSON.stringify({ type: "user:join", data })));
      socket.on("message", (text) => {
        const frame = JSON.parse(text);
        if (frame.type === "room:joined") told.epoch = frame.data.epoch;
        if (frame.type === "state:sync") {
          told.ops.push(...(frame.data.ops ?? []));
          told.images.push(...(frame.data.images ?? []));
          told.mode = frame.data.mode;
        }
        if (frame.type === "user:list") {
          socket.close();
          resolve(told);
        }
      });
    });
  const { epoch, images } = await ask({});
  const { ops, mode } = await ask({ since: { epoch, seq: 0 } });
  assert.equal(mode, "delta", "the log still reaches back to the first event");
  ops.forEach((op, at) => assert.equal(op.seq, at + 1, "the log has no gap"));
  return { ids: ops.map((op) => op.data.id), images: images.map((image) => image.id) };
}

/** What is wrong with what is stored, given what each editor has had acknowledged: `acked` has the place of each id. */
export async function faults(host, rooms, editors) {
  const found = [];
  for (const room of rooms) {
    const { ids, images } = await log(host, room);
    const once = new Set(ids);
    if (once.size !== ids.length) found.push(`${room}: an edit is in the log twice`);
    if (images.length !== ids.length || images.some((id) => !once.has(id))) {
      found.push(`${room}: the images are not those of the log`);
    }
    for (const editor of editors.filter((editor) => editor.room === room)) {
      for (const [id, seq] of editor.acked) {
        if (ids[seq - 1] !== id) found.push(`${room}: ${id} was acknowledged at ${seq}, where ${ids[seq - 1]} is`);
      }
    }
  }
  return found;
}
