// Owns: the dialog that makes a canvas: its name, and whether it is on the list.

import { byId } from './dom.js';
import { addressOf, suggestRoom, tidy } from './rooms.js';
import { asking, sheet } from './sheets.js';

/** What is asked of the server: a public room has its name in its address, a private one an id that nobody guesses. */
export function wantedOf(name, isPublic) {
  const id = isPublic ? tidy(name) : '';
  return id === '' ? { name, isPublic } : { id, name, isPublic };
}

/** Makes it; where that address is another canvas's, the server chooses one. */
export async function make(registry, name, isPublic) {
  const wanted = wantedOf(name, isPublic);
  try {
    return await registry.make(wanted);
  } catch (problem) {
    if (problem.status !== 409 || wanted.id === undefined) throw problem;
    return registry.make({ name, isPublic });
  }
}

/** { open(name?) } */
export function wireCreate({ registry, identity, account }) {
  const field = byId('create-name');
  const error = byId('create-error');
  const chosen = () => byId('create').elements.open.value === 'public';

  function describe() {
    const guest = identity.token === null;
    byId('create-guest').hidden = !guest;
    byId('create-private-text').textContent = guest ? 'Not on the list. Only who has its link comes in.' : 'Not on the list. Only people with a role or a link come in.';
  }
  const dialog = sheet(byId('create-sheet'), (name = '') => {
    field.value = name === '' ? suggestRoom() : name;
    error.textContent = '';
    describe();
    requestAnimationFrame(() => field.select());
  });

  field.addEventListener('input', () => { error.textContent = ''; });
  byId('shuffle').addEventListener('click', () => {
    field.value = suggestRoom();
    error.textContent = '';
  });
  byId('create').addEventListener('submit', (event) => {
    event.preventDefault();
    const name = field.value.trim();
    if (name === '') {
      error.textContent = 'A canvas needs a name.';
      field.focus();
      return;
    }
    asking(byId('create-make'), error, async () => {
      const { id, token = null } = await make(registry, name, chosen());
      location.assign(addressOf(id, token));
    });
  });
  byId('create-sign-in').addEventListener('click', () => {
    dialog.close();
    account.open();
  });
  identity.on('change', describe);
  return dialog;
}
