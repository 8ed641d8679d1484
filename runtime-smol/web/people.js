// Owns: the list of who is here, the faces on its button, and changing one's own name.

import { byId, element, face, icon, onceAFrame } from './dom.js';
import { device } from './memory.js';

const FACES = 4;

export function showPeople(session) {
  const { replica } = session;
  let editing = false;
  const refresh = onceAFrame(draw);
  replica.on('users', refresh);
  replica.on('room', refresh);

  function draw() {
    const users = [...replica.users.values()];
    users.sort((a, b) => Number(b.clientId === replica.me) - Number(a.clientId === replica.me) || Number(a.idle ?? false) - Number(b.idle ?? false));
    byId('people-count').textContent = String(users.length);
    const rest = users.length - FACES;
    byId('faces').replaceChildren(
      ...users.slice(0, FACES).map(face),
      ...(rest > 0 ? [element('span', { className: 'face more', text: `+${rest}` })] : []),
    );
    if (!editing) byId('people-list').replaceChildren(...users.map(row));
  }

  function row(user) {
    const mine = user.clientId === replica.me;
    const name = element('span', { className: 'person-name', text: user.name, dir: 'auto' });
    const note = mine ? 'you' : user.idle ? 'away' : user.role === 'viewer' ? 'looking' : '';
    const item = element('li', { className: `person${user.idle ? ' idle' : ''}`, 'data-client': user.clientId }, face(user), name);
    if (note) item.append(element('span', { className: 'person-note', text: note }));
    if (mine) {
      const edit = element('button', { type: 'button', className: 'icon-button small', 'aria-label': 'Change your name', title: 'Change your name' }, icon('pen'));
      edit.addEventListener('click', () => rename(item, user));
      item.append(edit);
    }
    return item;
  }

  function rename(item, user) {
    editing = true;
    const input = element('input', { 'aria-label': 'Your name', maxlength: '32', autocomplete: 'off' });
    const form = element('form', { className: 'rename' }, face(user), input, element('button', { type: 'submit', className: 'secondary', text: 'Save' }));
    input.value = user.name;
    const finish = () => {
      if (!editing) return;
      editing = false;
      draw();
      byId('people-list').querySelector('button')?.focus();
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name !== '') {
        device.set('name', name);
        session.rename(name);
      }
      finish();
    });
    form.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      finish();
    });
    item.replaceChildren(form);
    input.select();
  }
}
