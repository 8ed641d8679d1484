// Owns: the start screen: name a canvas, or go back to one.

import { showAccount } from './account.js';
import { byId, element, icon } from './dom.js';
import { device } from './memory.js';
import { addressIn, addressOf, suggestRoom, tidy, visited } from './rooms.js';

export function showStart(identity, complaint = '') {
  const account = showAccount({ identity });
  const sign = byId('start-account');
  const tell = () => { sign.textContent = account.known().signedIn ? account.known().name : 'Sign in'; };
  tell();
  identity.on('change', tell);
  sign.addEventListener('click', () => account.open());
  const field = byId('create-name');
  const error = byId('create-error');
  byId('start').hidden = false;
  field.value = suggestRoom();
  error.textContent = complaint;
  field.addEventListener('focus', () => field.select());
  field.addEventListener('input', () => {
    // Spaces become dashes while one types, so that the name one reads is the name one gets.
    const at = field.selectionStart;
    field.value = field.value.replace(/\s/g, '-');
    field.setSelectionRange(at, at);
    error.textContent = '';
  });
  byId('shuffle').addEventListener('click', () => {
    field.value = suggestRoom();
    error.textContent = '';
  });
  byId('create').addEventListener('submit', (event) => {
    event.preventDefault();
    const link = addressIn(field.value);
    const room = tidy(field.value);
    if (link !== null) location.assign(link);
    else if (room === '') {
      error.textContent = 'A name needs letters, digits, dashes or underscores.';
      field.focus();
    } else {
      location.assign(addressOf(room));
    }
  });
  const rooms = visited(device);
  byId('recent').hidden = rooms.length === 0;
  byId('recent-list').replaceChildren(...rooms.map((room) => element('li', {}, element('a', { href: addressOf(room) }, element('span', { text: room }), icon('arrow')))));
}
