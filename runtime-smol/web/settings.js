// Owns: the dialog in which an owner names the room, locks it, opens or closes it, and says what newcomers may do.

import { byId } from './dom.js';
import { sheet } from './sheets.js';
import { toast } from './toasts.js';

/** What differs from the room as it is, and nothing else. */
export function changed(room, wanted) {
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => room[key] !== value));
}

export function wireSettings(session) {
  const { replica } = session;
  const name = byId('settings-name');
  const [locked, open] = [byId('settings-locked'), byId('settings-public')];
  const [verified, guests] = [byId('settings-default'), byId('settings-guest')];
  // A private room has no newcomers.
  const dim = () => { byId('settings-newcomers').disabled = !open.checked; };
  const dialog = sheet(byId('settings'), () => {
    const { room } = replica;
    name.value = room.name;
    locked.checked = room.locked;
    open.checked = room.isPublic;
    verified.value = room.defaultRole;
    guests.value = room.guestRole;
    byId('settings-error').textContent = '';
    dim();
  });
  open.addEventListener('change', dim);
  name.addEventListener('input', () => { byId('settings-error').textContent = ''; });
  byId('settings-form').addEventListener('submit', (event) => {
    event.preventDefault();
    if (name.value.trim() === '') {
      byId('settings-error').textContent = 'A room needs a name.';
      name.focus();
      return;
    }
    const wanted = { name: name.value.trim(), locked: locked.checked, isPublic: open.checked, defaultRole: verified.value, guestRole: guests.value };
    const change = changed(replica.room, wanted);
    if (Object.keys(change).length > 0) session.govern('room:update', change);
    dialog.close();
  });
  byId('settings-open').addEventListener('click', () => dialog.open());
  session.on('done', ({ type }) => { if (type === 'room:update') toast('The room was changed.'); });
  replica.on('room', () => { if (replica.role !== 'owner') dialog.close(); });
}
