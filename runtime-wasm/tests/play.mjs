// Plays what was recorded of rooms, in whatever host this runs, and tells the first byte that differs.

/** `read(name)` gives the bytes of a file of the recording. */
export async function play({ Room }, lives, read) {
  let saved = 0;
  for (const [no, life] of lives.entries()) {
    const [inputs, said] = [await read(`${no}.inputs`), await read(`${no}.said`)];
    const seed = BigInt(life.seed);
    const born = () => new Room('board', seed, life.born, JSON.stringify(life.config));
    const whole = born();
    compare(`room ${no}`, [...heard(whole, new Uint8Array())], [...heard(whole, inputs)], said);
    whole.free();
    if (life.saved === null) continue;
    const [middle, state] = [life.saved, await read(`${no}.saved`)];
    const first = born();
    heard(first, inputs.subarray(0, middle.heard));
    compare(`room ${no}, as it is saved`, [], [...first.save()], state);
    first.free();
    const gone = Room.restore(state, life.born);
    compare(`room ${no}, restored`, [], [...heard(gone, inputs.subarray(middle.heard))], said.subarray(middle.said));
    gone.free();
    saved += 1;
  }
  return { rooms: lives.length, saved };
}

/** What a room says to some inputs; to none, what it said last. */
function heard(room, inputs) {
  if (inputs.length > 0) {
    room.inbox(inputs.length).set(inputs);
    room.handle(inputs.length);
  }
  return room.outbox().slice();
}

function compare(what, before, after, wanted) {
  const length = before.length + after.length;
  const at = (place) => (place < before.length ? before[place] : after[place - before.length]);
  for (let place = 0; place < Math.max(length, wanted.length); place += 1) {
    if (at(place) !== wanted[place]) throw new Error(`${what}: byte ${place} of ${wanted.length} differs (there are ${length})`);
  }
}
