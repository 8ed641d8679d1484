// Owns: pictures that are dropped on the canvas or pasted: files, addresses, samples from the tray.
// Not here: where they land (place.js).

import { byId, isTyping } from './dom.js';
import { toast } from './toasts.js';
import { DRAGGED, fromAddress, sample } from './tray.js';

/** The first address of a dragged or copied thing; its plain text otherwise. */
function addressIn(data) {
  const listed = data.getData('text/uri-list').split('\n').map((line) => line.trim()).find((line) => line && !line.startsWith('#'));
  return listed ?? data.getData('text/plain');
}

export function acceptDrops({ stage, pointer, placer, canEdit }) {
  const target = byId('drop');
  let inside = 0; // enter and leave come for each element on the way

  const show = () => {
    const shown = inside > 0 && canEdit();
    if (target.hidden === shown) target.hidden = !shown;
  };
  stage.addEventListener('dragenter', () => { inside += 1; show(); });
  stage.addEventListener('dragleave', () => { inside = Math.max(0, inside - 1); show(); });
  // Anywhere on the page: a file that misses the canvas must not replace the page.
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    event.dataTransfer.dropEffect = stage.contains(event.target) && canEdit() ? 'copy' : 'none';
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    inside = 0;
    show();
    if (!stage.contains(event.target)) return;
    const point = pointer.at(event);
    const picked = event.dataTransfer.getData(DRAGGED);
    const files = [...event.dataTransfer.files];
    if (picked !== '') placer.add([sample(Number(picked))], point);
    else if (files.length > 0) placer.addFiles(files, point);
    else addAddress(addressIn(event.dataTransfer), point);
  });
  document.addEventListener('paste', (event) => {
    if (isTyping(event.target) || !event.clipboardData) return;
    const files = [...event.clipboardData.files];
    const text = addressIn(event.clipboardData);
    if (files.length > 0) placer.addFiles(files);
    else if (text.trim() !== '') addAddress(text);
  });

  async function addAddress(text, point) {
    try {
      placer.add([await fromAddress(text)], point);
    } catch (problem) {
      toast(problem.message, 'bad');
    }
  }
}
