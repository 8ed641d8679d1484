// Owns: the room's name in the bar and the window's title, its lock, and what is shown of one's right to edit.
// Not here: the words (rights.js).

import { byId, element, icon } from './dom.js';
import { news, whyNot } from './rights.js';
import { toast } from './toasts.js';

export function showHeader({ id, session, edits, pointer, query }) {
  const { replica } = session;
  const readonly = query.get('view') === 'readonly';
  const standing = () => ({
    role: replica.role, locked: replica.room?.locked ?? false, readonly,
    ended: session.leaseEnd !== null && session.leaseEnd <= Date.now(),
  });
  let before = standing();
  let shown = '';

  function show() {
    const name = replica.room?.name || id;
    byId('room-name').textContent = name;
    document.title = `${name} · Kanvas`;
    const now = standing();
    byId('room-locked').hidden = !now.locked;
    document.body.classList.toggle('view-only', now.role !== null && !replica.canEdit);
    document.body.classList.toggle('owns', now.role === 'owner');
    showRight(now);
    const told = news(before, now);
    before = now;
    // What is under way would be refused: it goes back to where the room has it.
    if (now.role !== null && !replica.canEdit) pointer.cancel();
    if (told !== null) toast(told);
  }

  function showRight(now) {
    const why = now.role === null ? null : whyNot(now);
    const words = JSON.stringify(why);
    if (words === shown) return;
    shown = words;
    const parts = why === null ? [] : [icon(why.icon), element('p', {}, element('b', { text: why.title }), element('span', { text: why.text }))];
    byId('rights').replaceChildren(...parts);
  }

  show();
  replica.on('room', show);
  edits.on('denied', () => {
    const { title, text } = whyNot(standing());
    toast(`${title}. ${text}`, 'calm');
  });
}
