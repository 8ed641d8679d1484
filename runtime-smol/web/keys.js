// Owns: the keyboard on the canvas: keys to actions, nudges that settle into one edit, the sheet of shortcuts.
// Not here: the table itself (shortcuts.js). Keys typed into a field are the field's.

import { byId, element, isTyping } from './dom.js';
import { SHORTCUTS, actionOf, capsOf } from './shortcuts.js';
import { tenth } from './transform.js';

const ARROWS = new Map([['ArrowLeft', [-1, 0]], ['ArrowRight', [1, 0]], ['ArrowUp', [0, -1]], ['ArrowDown', [0, 1]]]);
const SETTLED = 350; // ms after the last arrow key until the nudges become one stored edit
const PLAIN = new Set(['Enter', ' ']); // what a focused button or link needs for itself

export function listenToKeys({ edits, selection, camera, pointer, actions }) {
  let nudged = [];
  let timer = null;

  function settle() {
    clearTimeout(timer);
    const ids = nudged;
    nudged = [];
    if (ids.length > 0) edits.drop(ids);
  }

  function nudge(event) {
    const [dx, dy] = ARROWS.get(event.key);
    if (selection.size === 0) return camera.pan(-dx * 40, -dy * 40);
    if (!edits.may()) return undefined;
    const step = event.shiftKey ? 20 : 2;
    if (nudged.some((id) => !selection.has(id))) settle();
    nudged = selection.ids.filter((id) => edits.image(id) !== null);
    for (const id of nudged) {
      const { x, y } = edits.image(id);
      edits.drag(id, { x: tenth(x + dx * step), y: tenth(y + dy * step) });
    }
    clearTimeout(timer);
    timer = setTimeout(settle, SETTLED);
    return undefined;
  }

  document.addEventListener('keydown', (event) => {
    if (isTyping(event.target) || document.querySelector('dialog[open]') !== null) return;
    const onControl = event.target instanceof HTMLElement && event.target.closest('button, a') !== null;
    if (onControl && (PLAIN.has(event.key) || ARROWS.has(event.key))) return;
    if (event.key === ' ') {
      event.preventDefault();
      pointer.space = true;
      return;
    }
    const does = actionOf(event);
    if (does === undefined) return;
    event.preventDefault();
    if (does !== 'nudge') settle();
    if (does === 'nudge') nudge(event);
    else actions[does](event);
  });
  document.addEventListener('keyup', (event) => {
    if (event.key === ' ') pointer.space = false;
  });
  addEventListener('blur', () => { pointer.space = false; });
}

/** The sheet, drawn from the table when it is first asked for. */
export function wireHelp() {
  const sheet = byId('help');
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  let drawn = false;

  function draw() {
    drawn = true;
    const groups = new Map();
    for (const shortcut of SHORTCUTS) groups.set(shortcut.group, [...(groups.get(shortcut.group) ?? []), shortcut]);
    byId('help-groups').replaceChildren(...[...groups].map(([name, list]) => element(
      'section', {}, element('h3', { text: name }), element('dl', {}, ...list.map(row)),
    )));
  }
  function row({ keys, shown = keys, says }) {
    const caps = shown.map((name) => element('span', { className: 'caps' }, ...capsOf(name, mac).map((cap) => element('kbd', { text: cap }))));
    return element('div', {}, element('dt', { text: says }), element('dd', {}, ...caps));
  }
  function show() {
    if (!drawn) draw();
    sheet.showModal();
  }
  byId('help-open').addEventListener('click', show);
  byId('help-close').addEventListener('click', () => sheet.close());
  sheet.addEventListener('click', (event) => { if (event.target === sheet) sheet.close(); });
  return { show };
}
