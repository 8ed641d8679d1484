// Owns: how pictures get onto the canvas: their size and place, files on their way to the server, what went wrong.
// Not here: where they come from (tray.js, drops.js), the rules for files (upload.js).

import { boxAround, freePlace } from './camera.js';
import { element } from './dom.js';
import { measure } from './measure.js';
import { toast } from './toasts.js';
import { tenth } from './transform.js';
import { complaintAbout, fitted, sideBySide, titleOfFile, upload } from './upload.js';

const LARGEST_SIDE = 320; // of a picture that was just added, in pixels of a view that is not zoomed far
const GAP = 24;

/** `send(file, progress)` as for `upload`; `frame()` is the part of the stage that no panel covers. */
export function createPlacer({ edits, camera, canvas, selection, replica, session, frame, send }) {
  // Pictures added one after the other are of a size, unless one has zoomed far in or out.
  const unit = () => (camera.scale > 0.3 && camera.scale < 3 ? 1 : 1 / camera.scale);

  /** Where pictures of these natural sizes go: around `point` (screen) or, without one, on free ground in view. */
  function places(sizes, point) {
    const shown = frame();
    const most = Math.min(LARGEST_SIDE, shown.width * 0.8, shown.height * 0.8) * unit();
    const small = sizes.map((size) => fitted(size, { width: most, height: most }));
    const gap = GAP * unit();
    if (point) return sideBySide(small, gap, camera.toWorld(point));
    const around = boxAround(sideBySide(small, gap, { x: 0, y: 0 }));
    const view = { ...camera.toWorld(shown), width: shown.width / camera.scale, height: shown.height / camera.scale };
    const spot = freePlace(around, view, replica.images(), gap);
    return sideBySide(small, gap, { x: spot.x + around.width / 2, y: spot.y + around.height / 2 });
  }

  const rounded = ({ x, y, width, height }) => ({ x: tenth(x), y: tenth(y), width: tenth(width), height: tenth(height) });

  /** Pictures that have an address: [{ src, title, width, height }]. */
  function add(pictures, point) {
    if (!edits.may()) return;
    const spots = places(pictures, point).map(rounded);
    const ids = edits.add(pictures.map(({ src, title }, i) => ({ src, title, ...spots[i] })));
    selection.set(ids);
    if (!point) camera.reveal(boxAround(spots), frame());
  }

  /** Files: each is shown at its place at once, and is the room's once it has been sent. */
  async function addFiles(files, point) {
    if (!edits.may()) return;
    const good = [];
    for (const file of files) {
      const complaint = session.state.phase === 'live' ? complaintAbout(file) : `“${file.name}” was not sent: you are offline. Add it again once you are back.`;
      if (complaint === null) good.push(file);
      else toast(complaint, 'bad');
    }
    const known = await Promise.all(good.map(look));
    const readable = known.filter((one) => one !== null);
    if (readable.length === 0) return;
    const spots = places(readable, point).map(rounded);
    if (!point) camera.reveal(boxAround(spots), frame());
    const sent = await Promise.all(readable.map((one, i) => sendOne(one, spots[i])));
    const made = sent.filter((image) => image !== null);
    if (made.length > 0 && edits.may()) selection.set(edits.add(made));
  }

  /** Its size and a picture of it, from the file itself. */
  async function look(file) {
    const url = URL.createObjectURL(file);
    try {
      return { file, url, ...(await measure(url)) };
    } catch {
      URL.revokeObjectURL(url);
      toast(`“${file.name}” cannot be read as an image.`, 'bad');
      return null;
    }
  }

  async function sendOne({ file, url }, spot) {
    const held = canvas.reserve(spot, element('img', { alt: '', src: url }));
    try {
      const { src } = await upload(file, { send, progress: held.progress });
      await measure(new URL(src, location.href).href).catch(() => {}); // shown without a blink; if not, its tile says so
      return { src, title: titleOfFile(file.name), ...spot };
    } catch (problem) {
      toast(problem.message, 'bad');
      return null;
    } finally {
      held.remove();
      URL.revokeObjectURL(url);
    }
  }

  return { add, addFiles };
}

/** The browser's way to send a file; `fetch` would not tell how far it has come. `token()` says who sends it, if anyone. */
export const sendTo = (address, token) => (file, progress) => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest();
  request.open('PUT', address);
  request.setRequestHeader('Content-Type', file.type);
  if (token() !== null) request.setRequestHeader('Authorization', `Bearer ${token()}`);
  request.upload.addEventListener('progress', ({ loaded, total }) => progress(total > 0 ? loaded / total : 0));
  request.addEventListener('load', () => resolve({ status: request.status, body: request.responseText }));
  for (const type of ['error', 'abort', 'timeout']) request.addEventListener(type, () => reject(new Error(type)));
  request.timeout = 120_000;
  request.send(file);
});
