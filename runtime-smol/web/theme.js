// Owns: light or dark: the system's choice, or this browser's own, remembered.

import { byId, icon } from './dom.js';

const ORDER = ['system', 'light', 'dark'];
const ICONS = { system: 'system', light: 'sun', dark: 'moon' };
const NAMES = { system: 'as the system', light: 'light', dark: 'dark' };

export const nextTheme = (theme) => ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];

export function wireTheme(memory) {
  let theme = ORDER.includes(memory.get('theme')) ? memory.get('theme') : 'system';
  const buttons = document.querySelectorAll('.theme');

  function show() {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    for (const button of buttons) {
      button.replaceChildren(icon(ICONS[theme]));
      button.title = `Appearance: ${NAMES[theme]}`;
      button.setAttribute('aria-label', `Appearance: ${NAMES[theme]}. Change it.`);
    }
  }
  for (const button of buttons) {
    button.addEventListener('click', () => {
      theme = nextTheme(theme);
      memory.set('theme', theme);
      show();
      byId('announce').textContent = `Appearance: ${NAMES[theme]}.`;
    });
  }
  show();
}
