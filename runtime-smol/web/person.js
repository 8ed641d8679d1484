// Owns: the dialog in which an owner gives a person a role, removes or bans them.
// Not here: who may do what to whom (rights.js), the list that opens it (people.js).

import { byId, element, face } from './dom.js';
import { ROLES, powersOver } from './rights.js';
import { sheet } from './sheets.js';
import { toast } from './toasts.js';

const DOES = { owner: 'Edits, and rules the room', editor: 'Adds and changes pictures', viewer: 'Looks, points and chats' };
const SURE = {
  'member:kick': { words: (name) => `${name} leaves at once, and may come again.`, button: 'Remove' },
  'member:ban': { words: (name) => `${name} leaves at once and stays out, until an owner gives them a role again.`, button: 'Ban' },
};

/** Gives `open(user)`. */
export function wirePerson(session) {
  const { replica } = session;
  let person = null;
  let act = null;
  const dialog = sheet(byId('person'), (user) => {
    person = user;
    ask(null);
    draw();
  });
  const tell = (type, data) => {
    session.govern(type, { userId: person.userId, ...data });
    dialog.close();
  };

  function draw() {
    const { roles, out } = powersOver({ me: replica.users.get(replica.me), person });
    byId('person-title').textContent = person.name;
    byId('person-face').replaceChildren(face(person));
    byId('person-roles').replaceChildren(...roles.map((role) => {
      const button = element('button', { type: 'button', 'aria-pressed': String(role === person.role), 'data-role': role }, element('b', { text: ROLES.get(role) }), element('span', { text: DOES[role] }));
      button.addEventListener('click', () => tell('member:role', { role }));
      return button;
    }));
    byId('person-out').hidden = !out;
  }

  /** The second step: what will happen, the reason, and the way back. */
  function ask(type) {
    act = type;
    byId('person-choices').hidden = type !== null;
    byId('person-sure').hidden = type === null;
    if (type === null) return;
    byId('person-sure-text').textContent = SURE[type].words(person.name);
    byId('person-do').textContent = SURE[type].button;
    byId('person-reason').value = '';
    byId('person-reason').focus();
  }

  byId('person-plain').addEventListener('click', () => tell('member:role', { role: 'none' }));
  byId('person-kick').addEventListener('click', () => ask('member:kick'));
  byId('person-ban').addEventListener('click', () => ask('member:ban'));
  byId('person-back').addEventListener('click', () => {
    ask(null);
    byId('person-roles').querySelector('button')?.focus();
  });
  byId('person-sure').addEventListener('submit', (event) => {
    event.preventDefault();
    const reason = byId('person-reason').value.trim();
    tell(act, reason === '' ? {} : { reason });
  });

  // They may leave, or change, while one thinks.
  replica.on('users', () => {
    if (!byId('person').open) return;
    const now = [...replica.users.values()].find(({ clientId, userId }) => clientId === person.clientId && userId === person.userId);
    const powers = powersOver({ me: replica.users.get(replica.me), person: now });
    if (powers.roles.length === 0) dialog.close();
    else if (now.role !== person.role || now.name !== person.name) {
      person = now;
      draw();
    }
  });
  const banned = new Set(); // by this page: whom one can let back in
  session.on('done', ({ type, data: { userId, role } }) => {
    if (type === 'member:kick') toast('They were removed.');
    if (type === 'member:role' && role === 'none' && banned.delete(userId)) toast('They were let back in.');
    if (type !== 'member:ban') return;
    banned.add(userId);
    toast('They are banned.', 'note', { label: 'Let back in', run: () => session.govern('member:role', { userId, role: 'none' }) });
  });
  return dialog.open;
}
