// Owns: the ways to add that are on screen: the samples, an address, the file chooser.
// Not here: drops and pastes (drops.js), where a picture lands (place.js).

import { checkAddress, titleOf } from './address.js';
import { byId, element } from './dom.js';
import { measure } from './measure.js';
import { ACCEPT } from './upload.js';

const SMALL = 760;
const SAMPLES = [
  { file: 'dunes', title: 'Dunes', width: 480, height: 640 },
  { file: 'swatches', title: 'Swatches', width: 480, height: 600 },
  { file: 'vase', title: 'Vase', width: 480, height: 600 },
  { file: 'harbor', title: 'Night harbor', width: 640, height: 440 },
  { file: 'forms', title: 'Forms', width: 480, height: 600 },
  { file: 'specimen', title: 'Specimen', width: 640, height: 440 },
  { file: 'citrus', title: 'Citrus', width: 560, height: 560 },
  { file: 'shade', title: 'Shade', width: 480, height: 640 },
  { file: 'orbit', title: 'Orbit', width: 480, height: 640 },
  { file: 'tide', title: 'Tide', width: 640, height: 440 },
];
export const DRAGGED = 'application/x-kanvas-sample';

/** What `place.add` needs of a sample. */
export function sample(index) {
  const { file, title, width, height } = SAMPLES[index];
  return { src: `${location.origin}/samples/${file}.svg`, title, width, height };
}

export async function fromAddress(text) {
  const { src, error } = checkAddress(text);
  if (error) throw new Error(error);
  return { src, title: titleOf(src), ...(await measure(src)) };
}

/** A panel that a button opens, closed by Escape, by its button, and by a press elsewhere. */
function popover(panel, toggle, { opened = () => {} } = {}) {
  const open = (shown) => {
    panel.hidden = !shown;
    toggle.setAttribute('aria-expanded', String(shown));
    if (shown) opened();
  };
  toggle.addEventListener('click', () => open(panel.hidden));
  panel.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    open(false);
    toggle.focus();
  });
  document.addEventListener('pointerdown', (event) => {
    if (!panel.hidden && !panel.contains(event.target) && !toggle.contains(event.target)) open(false);
  });
  return open;
}

export function showTray({ placer }) {
  const chooser = byId('files');
  chooser.accept = ACCEPT;
  chooser.addEventListener('change', () => {
    placer.addFiles([...chooser.files]);
    chooser.value = '';
  });
  const choose = () => chooser.click();
  for (const id of ['add-files', 'empty-files']) byId(id).addEventListener('click', choose);

  const openSamples = popover(byId('samples'), byId('samples-toggle'));
  byId('empty-samples').addEventListener('click', (event) => {
    event.stopPropagation();
    openSamples(true);
    byId('samples').querySelector('button').focus();
  });
  byId('samples-list').append(...SAMPLES.map(sampleButton));
  function sampleButton({ file, title }, index) {
    const picture = element('img', { alt: '', src: `/samples/${file}.svg`, draggable: 'false', loading: 'lazy' });
    const button = element('button', { type: 'button', className: 'sample', 'aria-label': `Add ${title}`, title, draggable: 'true' }, picture);
    button.addEventListener('click', () => {
      if (innerWidth < SMALL) openSamples(false); // it would cover what was just added
      placer.add([sample(index)]);
    });
    button.addEventListener('dragstart', (event) => {
      event.dataTransfer.setData(DRAGGED, String(index));
      event.dataTransfer.effectAllowed = 'copy';
      event.dataTransfer.setDragImage(picture, picture.clientWidth / 2, picture.clientHeight / 2);
    });
    return button;
  }

  const form = byId('address');
  const field = byId('address-text');
  const error = byId('address-error');
  const openAddress = popover(form, byId('address-toggle'), { opened: () => field.focus() });
  field.addEventListener('input', () => { error.textContent = ''; });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button[type="submit"]');
    error.textContent = '';
    button.disabled = true;
    button.textContent = 'Looking';
    try {
      placer.add([await fromAddress(field.value)]);
      field.value = '';
      openAddress(false);
    } catch (problem) {
      error.textContent = problem.message;
      field.focus();
    }
    button.disabled = false;
    button.textContent = 'Add';
  });

  return { choose, openAddress };
}
