// Owns: what one has done oneself, and the edits that take it back or do it again. Free of DOM and of sockets.
// Other people's work is never undone: a property goes back only while one's own value still stands.

const KEPT = 100;

/**
 * A step is a list of changes: { id, before, after }. For an image that came, `before` is null and `after` the whole
 * image; for one that went, the other way round; else both are the properties that changed.
 */
export class History {
  #done = [];
  #undone = [];

  /** Whether there is a step of which anything could be taken back. `look` as for `undo`. */
  canUndo(look) { return this.#done.findLast(leavesAnything(look, back)) !== undefined; }
  canRedo(look) { return this.#undone.findLast(leavesAnything(look, again)) !== undefined; }

  record(changes) {
    const real = changes.filter(({ before, after }) => before === null || after === null || differs(before, after));
    if (real.length === 0) return;
    this.#done.push(real);
    if (this.#done.length > KEPT) this.#done.shift();
    this.#undone = [];
  }

  /** `look(id)` tells the image as it is now, or null. The edits to make: { type, id, image? | fields? }. */
  undo(look) {
    return this.#take(this.#done, this.#undone, look, back);
  }

  redo(look) {
    return this.#take(this.#undone, this.#done, look, again);
  }

  /** A step of which others have left nothing to take back is passed over. */
  #take(from, to, look, facing) {
    while (from.length > 0) {
      const step = from.pop().map((change) => refreshed(change, look));
      const made = edits(step, look, facing);
      if (made.length === 0) continue;
      to.push(step);
      return made;
    }
    return [];
  }
}

const back = (change) => change;
const again = ({ id, before, after }) => ({ id, before: after, after: before });

const leavesAnything = (look, facing) => (step) => step.some((change) => edit(facing(change), look) !== null);
const edits = (step, look, facing) => step.map((change) => edit(facing(change), look)).filter((made) => made !== null);

/** An image that goes and comes back comes as it was when it went, with what others did to it. */
function refreshed(change, look) {
  const now = look(change.id);
  if (change.before === null && now !== null) return { ...change, after: now };
  if (change.after === null && now !== null) return { ...change, before: now };
  return change;
}

/** The edit that leads from `after` back to `before`. */
function edit({ id, before, after }, look) {
  const now = look(id);
  if (before === null) return now === null ? null : { type: 'remove', id };
  if (after === null) return now === null ? { type: 'add', id, image: before } : null;
  if (now === null) return null;
  const mine = Object.keys(after).filter((key) => now[key] === after[key] && before[key] !== after[key]);
  if (mine.length === 0) return null;
  return { type: 'transform', id, fields: Object.fromEntries(mine.map((key) => [key, before[key] ?? null])) };
}

const differs = (before, after) => Object.keys(after).some((key) => before[key] !== after[key]);
