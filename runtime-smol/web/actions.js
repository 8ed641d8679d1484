// Owns: the verbs that buttons and keys share, each told in one place: what it changes and what is read out.

import { boxAround } from './camera.js';
import { announce, byId } from './dom.js';
import { centreOf, frameOf, carried, turned } from './transform.js';

const SMALL = 760;
const TURN = 15;
const STEP = 1.1;
const COPY_OFFSET = 24;

export function createActions({ edits, selection, camera, replica, canvas, pointer, follow, frame }) {
  const middle = () => centreOf(frame());
  const counted = (ids) => (ids.length === 1 ? '1 picture' : `${ids.length} pictures`);
  const images = () => selection.ids.map((id) => edits.image(id)).filter((image) => image !== null);

  /** With a selection that may be edited, and not otherwise. */
  const edit = (act, said) => () => {
    const { ids } = selection;
    if (ids.length === 0 || !edits.may()) return;
    act(ids);
    announce(`${counted(ids)} ${said}.`);
  };
  const restep = (act, nothing) => () => {
    if (!edits.may()) return;
    const ids = act();
    if (ids.length > 0) selection.set(ids);
    announce(nothing);
  };
  function hand(on) {
    pointer.hand = on;
    byId('tool-hand').setAttribute('aria-pressed', String(on));
    byId('tool-select').setAttribute('aria-pressed', String(!on));
  }
  /** Places every selected image anew, about the middle of them all. */
  function reshape(place) {
    const all = images();
    if (all.length === 0 || !edits.may()) return;
    const from = frameOf(all);
    edits.change(all.map((image) => [image.id, place(image, from)]));
  }

  const actions = {
    remove: edit((ids) => edits.remove(ids), 'deleted'),
    duplicate: edit((ids) => selection.set(edits.duplicate(ids, COPY_OFFSET / Math.max(0.5, camera.scale))), 'duplicated'),
    toFront: edit((ids) => edits.toFront(ids), 'brought to the front'),
    toBack: edit((ids) => edits.toBack(ids), 'sent to the back'),
    forward: edit((ids) => edits.forward(ids), 'brought forward'),
    backward: edit((ids) => edits.backward(ids), 'sent backward'),
    undo: restep(() => edits.undo(), 'Undone.'),
    redo: restep(() => edits.redo(), 'Done again.'),
    selectAll: () => selection.set(replica.images().map(({ id }) => id)),
    pick() {
      const id = canvas.focused();
      if (id === undefined) return;
      if (selection.held || !selection.has(id)) selection.toggle(id);
      else selection.held = true;
      announce(selection.has(id) ? `Kept, ${counted(selection.ids)} selected. Go to another one and press Enter to add it.` : `Let go, ${counted(selection.ids)} selected.`);
    },
    turn: (event) => reshape((image, from) => turned(image, centreOf(from), event.shiftKey ? -TURN : TURN)),
    scale(event) {
      const grown = event.key === 'ArrowUp' ? STEP : 1 / STEP;
      reshape((image, from) => {
        const [width, height] = [from.width * grown, from.height * grown];
        return carried(image, from, { ...from, x: from.x - (width - from.width) / 2, y: from.y - (height - from.height) / 2, width, height });
      });
    },
    step: (event) => (event.key === ']' ? actions.forward() : actions.backward()),
    end: (event) => ([']', '}'].includes(event.key) ? actions.toFront() : actions.toBack()),
    selectTool: () => hand(false),
    handTool: () => hand(true),
    zoomBy: (factor) => camera.zoom(factor, middle()),
    zoom: (event) => actions.zoomBy(event.key === '-' ? 0.8 : 1.25),
    actual: () => actions.zoomBy(1 / camera.scale),
    fit() {
      const box = boxAround(replica.unordered());
      if (box) camera.fit(box, frame());
      else camera.set({ ...middle(), scale: innerWidth < SMALL ? 0.6 : 1 });
    },
    /** The nearest thing to let go of. */
    escape() {
      if (pointer.cancel()) return;
      if (follow.whom !== null) follow.stop();
      else selection.clear();
    },
  };
  return actions;
}
