// Owns: the panel of people and chat: open or closed, and where the focus goes with it.

import { showChat } from './chat.js';
import { byId } from './dom.js';

const WIDE = 1000;

export function showSide(session, follow) {
  const side = byId('side');
  const toggle = byId('side-toggle');
  const chat = showChat(session, { isOpen: () => !side.hidden });
  function open(shown) {
    side.hidden = !shown;
    toggle.setAttribute('aria-expanded', String(shown));
    document.body.classList.toggle('side-open', shown);
    if (shown) chat.opened();
  }
  function flip() {
    open(side.hidden);
    // On a touch screen this would bring up the keyboard over what one came to read.
    if (!side.hidden && matchMedia('(pointer: fine)').matches) byId('chat-text').focus();
  }
  function close() {
    open(false);
    toggle.focus();
  }
  toggle.addEventListener('click', flip);
  byId('side-close').addEventListener('click', close);
  side.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    if (follow.whom !== null) follow.stop(); // what the frame around the canvas promises comes first
    else close();
  });
  open(innerWidth >= WIDE);
  return { flip };
}
