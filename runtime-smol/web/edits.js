// Owns: the verbs that change images, each one step of the undo history however many images it touches.
// Not here: sending (session.js), what a gesture means (gesture.js), which key does what (shortcuts.js). Free of DOM.

import { Emitter } from './events.js';
import { keyAbove, keyBelow, keyBetween, compareImages } from './order.js';
import { frameOf, tenth } from './transform.js';
import { History } from './undo.js';

/** Emits `history` when what can be undone or done again has changed, `denied` when one may not edit and tried to. */
export class Edits extends Emitter {
  #session;
  #uuid;
  #history = new History();

  constructor(session, { uuid }) {
    super();
    this.#session = session;
    this.#uuid = uuid;
  }

  get canEdit() { return this.#session.replica.canEdit; }
  /** What one may not do at all is not offered. */
  get canUndo() { return this.canEdit && this.#history.canUndo((id) => this.image(id)); }
  get canRedo() { return this.canEdit && this.#history.canRedo((id) => this.image(id)); }

  /** Whether one may edit; who may not is told. */
  may() {
    if (!this.canEdit) this.emit('denied');
    return this.canEdit;
  }

  image(id) { return this.#session.replica.image(id); }

  /** Adds images (without ids) and tells the ids they got. */
  add(images) {
    const made = images.map((image) => ({ ...image, id: this.#uuid() }));
    for (const image of made) this.#session.add(image);
    this.#record(made.map((image) => ({ id: image.id, before: null, after: image })));
    return made.map((image) => image.id);
  }

  remove(ids) {
    const gone = this.#images(ids);
    for (const { id } of gone) this.#session.remove(id);
    this.#record(gone.map((image) => ({ id: image.id, before: image, after: null })));
  }

  duplicate(ids, offset) {
    const copies = this.#images(ids).sort(compareImages).map(({ id: _, z: __, ...image }) => ({
      ...image, x: tenth(image.x + offset), y: tenth(image.y + offset),
    }));
    return this.add(copies);
  }

  /** Stores new properties of several images: id → fields. */
  change(changes) {
    const made = [];
    for (const [id, after] of changes) {
      const image = this.image(id);
      if (image === null) continue;
      made.push({ id, before: picked(image, after), after });
      this.#session.transform(id, after);
    }
    this.#record(made);
  }

  drag(id, fields) { this.#session.drag(id, fields); }

  /** The end of a drag of these images: one stored edit each, one step in all; none if the right to it has ended. */
  drop(ids) {
    if (!this.canEdit) return this.letGo(ids);
    return this.#record(ids.map((id) => this.#session.drop(id)).filter((change) => change !== null));
  }

  /** The drag did not count. */
  letGo(ids) {
    for (const id of ids) this.#session.letGo(id);
  }

  // ---- order ----------------------------------------------------------------------------------------------------

  toFront(ids) {
    let top = this.#others(ids).at(-1)?.z;
    if (top === undefined) return;
    this.change(this.#images(ids).sort(compareImages).map(({ id }) => {
      top = keyAbove(top);
      return [id, { z: top }];
    }));
  }

  toBack(ids) {
    let bottom = this.#others(ids)[0]?.z;
    const changes = [];
    for (const { id } of this.#images(ids).sort(compareImages).reverse()) {
      bottom = bottom === undefined ? null : keyBelow(bottom);
      if (bottom === null) return;
      changes.push([id, { z: bottom }]);
    }
    this.change(changes);
  }

  /** One step up, past the next image that lies over any of these; without one there, nothing moves. */
  forward(ids) { this.#step(ids, 1); }
  backward(ids) { this.#step(ids, -1); }

  #step(ids, way) {
    const mine = this.#images(ids).sort(compareImages);
    const others = this.#others(ids);
    if (way < 0) others.reverse();
    const last = way > 0 ? mine[0] : mine.at(-1);
    if (!last) return;
    const at = others.findIndex((image) => compareImages(image, last) === way && mine.some((own) => overlap(own, image)));
    if (at === -1) return;
    // Images may share a key: the gap to go into is behind all of those.
    const passed = others[at].z;
    const beyond = others.slice(at).find((image) => image.z !== passed)?.z;
    const changes = [];
    let edge = passed;
    for (const { id } of way > 0 ? mine : mine.reverse()) {
      const key = between(edge, beyond, way);
      if (key === null) return way > 0 ? this.toFront(ids) : this.toBack(ids);
      changes.push([id, { z: key }]);
      edge = key;
    }
    this.change(changes);
    return undefined;
  }

  // ---- undo -----------------------------------------------------------------------------------------------------

  undo() { return this.#again(this.#history.undo((id) => this.image(id))); }
  redo() { return this.#again(this.#history.redo((id) => this.image(id))); }

  /** The ids that were touched and are there. */
  #again(edits) {
    for (const { type, id, image, fields } of edits) {
      if (type === 'add') this.#session.add(image);
      else if (type === 'remove') this.#session.remove(id);
      else this.#session.transform(id, fields);
    }
    this.emit('history');
    return edits.filter(({ type }) => type !== 'remove').map(({ id }) => id);
  }

  #record(changes) {
    this.#history.record(changes);
    this.emit('history');
  }

  #images(ids) {
    return ids.map((id) => this.image(id)).filter((image) => image !== null);
  }

  /** All other images that have their place, bottom first. */
  #others(ids) {
    const mine = new Set(ids);
    return this.#session.replica.images().filter((image) => !mine.has(image.id) && image.z !== undefined);
  }
}

function between(edge, beyond, way) {
  if (way > 0) return beyond === undefined ? keyAbove(edge) : keyBetween(edge, beyond);
  return beyond === undefined ? keyBelow(edge) : keyBetween(beyond, edge);
}

const picked = (image, fields) => Object.fromEntries(Object.keys(fields).map((key) => [key, image[key]]));

function overlap(a, b) {
  const [p, q] = [frameOf([a, a]), frameOf([b, b])];
  return p.x < q.x + q.width && q.x < p.x + p.width && p.y < q.y + q.height && q.y < p.y + p.height;
}
