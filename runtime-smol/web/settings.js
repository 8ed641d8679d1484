// Owns: the dialog in which an owner names the room, locks it, opens or closes it, says what newcomers may do, and deletes it.

import { byId } from './dom.js';
import { asking, sheet } from './sheets.js';
import { toast } from './toasts.js';

/** What differs from the room as it is, and nothing else. */
export function changed(room, wanted) {
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => room[key] !== value));
}

/** `remove()` asks the server to delete the room; `leave(name)` is what comes then. */
export function wireSettings(session, { remove, leave }) {
  const { replica } = session;
  const name = byId('settings-name');
  const [locked, open] = [byId('settings-locked'), byId('settings-public')];
  const [verified, guests] = [byId('settings-default'), byId('settings-guest')];
  // A private room has no newcomers.
  const dim = () => { byId('settings-newcomers').disabled = !open.checked; };
  const sure = (asked) => {
    byId('settings-form').hidden = asked;
    byId('settings-sure').hidden = !asked;
    byId('settings-title').textContent = asked ? 'Delete this room?' : 'Room settings';
    byId('settings-sure-error').textContent = '';
  };
  const dialog = sheet(byId('settings'), () => {
    const { room } = replica;
    name.value = room.name;
    locked.checked = room.locked;
    open.checked = room.isPublic;
    verified.value = room.defaultRole;
    guests.value = room.guestRole;
    byId('settings-error').textContent = '';
    dim();
    sure(false);
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
  wireDeletion({ session, sure, remove, leave });
  byId('settings-open').addEventListener('click', () => dialog.open());
  session.on('done', ({ type }) => { if (type === 'room:update') toast('The room was changed.'); });
  replica.on('room', () => { if (replica.role !== 'owner') dialog.close(); });
}

/** Asked once more; while the server does it, this page is no part of the room that goes. */
function wireDeletion({ session, sure, remove, leave }) {
  byId('settings-delete').addEventListener('click', () => {
    sure(true);
    byId('settings-sure-text').textContent = `“${session.replica.room.name}” goes for good, with every picture and word in it, for everybody. It cannot be brought back, and its address is not given again.`;
    byId('settings-keep').focus();
  });
  byId('settings-keep').addEventListener('click', () => {
    sure(false);
    byId('settings-delete').focus();
  });
  byId('settings-sure').addEventListener('submit', (event) => {
    event.preventDefault();
    const { name } = session.replica.room;
    asking(byId('settings-gone'), byId('settings-sure-error'), async () => {
      session.stop();
      try {
        await remove();
      } catch (problem) {
        session.start();
        throw problem;
      }
      leave(name);
    });
  });
}
