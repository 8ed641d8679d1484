// Owns: the room's name and the button that passes its link on.

import { byId } from './dom.js';
import { addressOf } from './rooms.js';
import { toast } from './toasts.js';

export function showHeader({ id, replica, query }) {
  const show = () => {
    const name = replica.room?.name || id;
    byId('room-name').textContent = name;
    document.title = `${name} · Kanvas`;
  };
  show();
  replica.on('room', () => {
    show();
    document.body.classList.toggle('view-only', replica.role !== null && !replica.canEdit);
  });
  byId('copy-link').addEventListener('click', async () => {
    const url = new URL(addressOf(id), location.origin);
    // A share link is meant to be passed on; a token is one's own.
    if (query.has('share')) url.searchParams.set('share', query.get('share'));
    try {
      await navigator.clipboard.writeText(url.href);
      toast('Link copied. Whoever opens it is here with you.');
    } catch {
      prompt('The link to this canvas:', url.href);
    }
  });
}
