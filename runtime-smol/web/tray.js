// Owns: ways a picture gets onto the canvas: the samples, an address, a drop, a paste.
// Not here: where it lands (app.js decides what is in view).

import { checkAddress, titleOf } from './address.js';
import { byId, element, isTyping, toast } from './dom.js';

const SAMPLES = [
  { file: 'dunes', title: 'Dunes', width: 480, height: 640 },
  { file: 'harbor', title: 'Night harbor', width: 640, height: 440 },
  { file: 'forms', title: 'Forms', width: 480, height: 600 },
  { file: 'citrus', title: 'Citrus', width: 560, height: 560 },
  { file: 'aurora', title: 'Aurora', width: 640, height: 420 },
  { file: 'leaves', title: 'Paper leaves', width: 460, height: 640 },
  { file: 'orbit', title: 'Orbit', width: 480, height: 640 },
  { file: 'waves', title: 'Waves', width: 600, height: 600 },
];
const DRAGGED = 'application/x-kanvas-sample';
const PATIENCE = 12_000;

/** Learns the size of the picture, and that it is one. */
function measure(src) {
  return new Promise((resolve, reject) => {
    const picture = new Image();
    const fail = () => reject(new Error('No picture could be loaded from there.'));
    const timer = setTimeout(() => {
      picture.src = '';
      reject(new Error('No answer from there within 12 seconds.'));
    }, PATIENCE);
    picture.addEventListener('load', () => {
      clearTimeout(timer);
      // A vector picture may have no size of its own.
      resolve({ src, title: titleOf(src), width: picture.naturalWidth || 400, height: picture.naturalHeight || 400 });
    });
    picture.addEventListener('error', () => {
      clearTimeout(timer);
      fail();
    });
    picture.referrerPolicy = 'no-referrer';
    picture.src = src;
  });
}

/** `place({ src, title, width, height }, event?)` puts it on the canvas, at the event or somewhere in view. */
export function showTray({ stage, place, canEdit }) {
  const form = byId('address');
  const field = byId('address-text');
  const error = byId('address-error');
  const toggle = byId('address-toggle');

  for (const [index, { file, title, width, height }] of SAMPLES.entries()) {
    const picture = element('img', { alt: '', src: `/samples/${file}.svg`, draggable: 'false' });
    const button = element('button', { type: 'button', className: 'sample', 'aria-label': `Add ${title}`, title, draggable: 'true' }, picture);
    button.addEventListener('click', () => add(index));
    button.addEventListener('dragstart', (event) => {
      event.dataTransfer.setData(DRAGGED, String(index));
      event.dataTransfer.effectAllowed = 'copy';
      const shown = Math.min(120, width / 4);
      picture.style.width = `${shown}px`;
      event.dataTransfer.setDragImage(picture, shown / 2, (shown * height) / width / 2);
      requestAnimationFrame(() => { picture.style.width = ''; });
    });
    byId('samples').append(button);
  }

  function add(index, event) {
    const { file, title, width, height } = SAMPLES[index];
    place({ src: `${location.origin}/samples/${file}.svg`, title, width, height }, event);
  }

  async function fetchAndPlace(text, event) {
    const { src, error: wrong } = checkAddress(text);
    if (wrong) throw new Error(wrong);
    place(await measure(src), event);
  }

  function open(shown) {
    form.hidden = !shown;
    toggle.setAttribute('aria-expanded', String(shown));
    if (shown) field.focus();
  }
  toggle.addEventListener('click', () => open(form.hidden));
  form.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    open(false);
    toggle.focus();
  });
  field.addEventListener('input', () => { error.textContent = ''; });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button');
    error.textContent = '';
    button.disabled = true;
    button.textContent = 'Looking';
    try {
      await fetchAndPlace(field.value);
      field.value = '';
      open(false);
    } catch (problem) {
      error.textContent = problem.message;
      field.focus();
    }
    button.disabled = false;
    button.textContent = 'Add';
  });

  stage.addEventListener('dragover', (event) => {
    if (!canEdit()) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
  });
  stage.addEventListener('drop', (event) => {
    event.preventDefault();
    const sample = event.dataTransfer.getData(DRAGGED);
    if (sample !== '') return add(Number(sample), event);
    if (event.dataTransfer.files.length > 0) return toast('Files cannot be dropped here yet; use the address of an image.', 'bad');
    const address = event.dataTransfer.getData('text/uri-list').split('\n').find((line) => line && !line.startsWith('#'));
    const text = address ?? event.dataTransfer.getData('text/plain');
    return fetchAndPlace(text, event).catch((problem) => toast(problem.message, 'bad'));
  });
  document.addEventListener('paste', (event) => {
    const text = event.clipboardData?.getData('text/plain') ?? '';
    if (isTyping(event.target) || text.trim() === '') return;
    fetchAndPlace(text).catch((problem) => toast(problem.message, 'bad'));
  });
}
