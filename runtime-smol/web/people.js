// Owns: who is here: the list, the faces in the bar, following one of them, changing one's own name.
// Not here: what following does to the view (follow.js).

import { byId, element, face, icon, onceAFrame } from './dom.js';
import { device } from './memory.js';
import { ROLES, powersOver } from './rights.js';

const FACES = 4;

/** `manage(user)`: an owner wants to do something about someone. */
export function showPeople(session, follow, manage) {
  const { replica } = session;
  let editing = false;
  let drawn = '';
  const refresh = onceAFrame(draw);
  for (const type of ['users', 'room']) replica.on(type, refresh);
  follow.on('change', refresh);

  function draw() {
    const users = [...replica.users.values()];
    users.sort((a, b) => Number(b.clientId === replica.me) - Number(a.clientId === replica.me) || Number(a.idle ?? false) - Number(b.idle ?? false));
    // Most news of people is of what this does not show: leave focus and clicks alone then.
    const shown = JSON.stringify([replica.me, follow.whom, editing, users.map(({ clientId, name, color, avatar, idle, role }) => [clientId, name, color, avatar, idle, role])]);
    if (shown === drawn) return;
    drawn = shown;
    const focused = document.activeElement?.closest?.('[data-client]')?.dataset.client;
    byId('people-count').textContent = String(users.length);
    const others = users.filter((user) => user.clientId !== replica.me);
    const rest = others.length - FACES;
    byId('faces').replaceChildren(
      ...others.slice(0, FACES).map(faceButton),
      ...(rest > 0 ? [element('span', { className: 'face more', text: `+${rest}` })] : []),
    );
    if (editing) return;
    byId('people-list').replaceChildren(...users.map(row));
    if (focused) byId('people-list').querySelector(`[data-client="${CSS.escape(focused)}"] button`)?.focus();
  }

  /** A click follows or stops; a double click only goes there once. */
  function followable(button, clientId) {
    button.addEventListener('click', () => (follow.whom === clientId ? follow.stop() : follow.start(clientId)));
    button.addEventListener('dblclick', () => {
      follow.stop();
      follow.jump(clientId);
    });
    return button;
  }

  function faceButton(user) {
    const name = user.idle ? `${user.name} (away)` : user.name;
    const button = element('button', { type: 'button', className: `face-button${user.idle ? ' idle' : ''}`, title: `Follow ${name}`, 'aria-label': `Follow ${name}`, 'aria-pressed': String(follow.whom === user.clientId) }, face(user));
    return followable(button, user.clientId);
  }

  function row(user) {
    const mine = user.clientId === replica.me;
    const following = follow.whom === user.clientId;
    const name = element('span', { className: 'person-name', text: user.name, dir: 'auto' });
    const note = mine ? 'You' : following ? 'Following' : user.idle ? 'Away' : '';
    const item = element('li', { className: `person${user.idle ? ' idle' : ''}`, 'data-client': user.clientId });
    const badge = element('span', { className: `badge ${user.role}`, text: ROLES.get(user.role) ?? '' });
    const words = [face(user), name, element('span', { className: 'person-note', text: note }), badge];
    if (mine) {
      const edit = element('button', { type: 'button', className: 'icon-button small', 'aria-label': 'Change your name', title: 'Change your name' }, icon('pen'));
      edit.addEventListener('click', () => rename(item, user));
      item.append(element('span', { className: 'person-row' }, ...words), edit);
      return item;
    }
    const button = element('button', { type: 'button', className: 'person-row', 'aria-pressed': String(following), title: following ? 'Stop following' : 'Follow; double-click to go there once' }, ...words.slice(0, -1), icon('eye'), badge);
    item.append(followable(button, user.clientId));
    if (powersOver({ me: replica.users.get(replica.me), person: user }).roles.length > 0) {
      const more = element('button', { type: 'button', className: 'icon-button small', 'aria-label': `Manage ${user.name}`, title: 'Role, remove, ban', 'aria-haspopup': 'dialog' }, icon('more'));
      more.addEventListener('click', () => manage(user));
      item.append(more);
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
