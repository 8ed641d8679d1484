// Owns: short sentences that come and go: what was done, what went wrong, and perhaps one button.

import { byId, element, icon } from './dom.js';

const SHOWN = { note: 4_000, calm: 6_000, bad: 9_000 };
const ICONS = { note: 'check', calm: 'eye', bad: 'alert' };
const MOST = 4;

export function clearToasts() {
  byId('toasts').replaceChildren();
}

/** `kind`: `note`, `bad`, or `calm` for what one may not do. `action`: { label, run }. */
export function toast(text, kind = 'note', action = null) {
  const place = byId('toasts');
  // The same sentence twice is one toast that stays longer.
  [...place.children].find((node) => node.dataset.text === text)?.remove();
  const node = element('div', { className: `toast panel ${kind}`, 'data-text': text }, icon(ICONS[kind]), element('p', { text }));
  const close = element('button', { type: 'button', className: 'icon-button small', 'aria-label': 'Dismiss' }, icon('close'));
  close.addEventListener('click', () => node.remove());
  if (action) {
    const button = element('button', { type: 'button', className: 'link', text: action.label });
    button.addEventListener('click', () => {
      node.remove();
      action.run();
    });
    node.append(button);
  }
  node.append(close);
  place.append(node);
  while (place.children.length > MOST) place.firstChild.remove();
  let timer = setTimeout(() => node.remove(), SHOWN[kind]);
  node.addEventListener('pointerenter', () => clearTimeout(timer));
  node.addEventListener('pointerleave', () => { timer = setTimeout(() => node.remove(), SHOWN.note); });
}
