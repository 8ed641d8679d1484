// Owns: the canvases that were visited on this device, on screen: what each is now, and taking one off the list.
// Not here: how they are remembered (recents.js).

import { aboutInWords } from './cards.js';
import { announce, byId, element, icon } from './dom.js';
import { turns } from './preview.js';
import { forget, visited } from './recents.js';
import { addressOf } from './rooms.js';

const AT_ONCE = 3;
const GONE = new Map([
  [404, 'Deleted'],
  [403, 'Not open to you any more'],
  [401, 'Sign in to open it'],
]);

/** Shows them, and asks the server what each is now. */
export function showVisits({ memory, registry, thumbs }) {
  const place = byId('recent-list');
  const turn = turns(AT_ONCE);

  function draw() {
    byId('recent').hidden = visited(memory).length === 0;
  }

  function tile(room) {
    const name = element('b', { text: room.name, dir: 'auto' });
    const about = element('span', { className: 'visit-about', text: '\u00a0' });
    const words = element('span', { className: 'visit-words' }, element('span', { className: 'visit-name' }, name, ...(room.isPublic ? [] : [lock()])), about);
    const thumb = thumbs.make();
    const link = element('a', { className: 'visit-link', href: addressOf(room.id, room.share), title: room.name }, thumb, words);
    const off = element('button', { type: 'button', className: 'icon-button small', 'aria-label': `Take ${room.name} off this list`, title: 'Take off this list' }, icon('close'));
    const node = element('li', { className: 'visit', 'data-room': room.id }, link, off);
    off.addEventListener('click', () => {
      const next = node.nextElementSibling ?? node.previousElementSibling;
      forget(memory, room.id);
      thumbs.drop(thumb);
      node.remove();
      draw();
      (next?.querySelector('button') ?? byId('create-open')).focus();
      announce(`${room.name} is off the list.`);
    });
    const told = (now) => {
      name.textContent = now.name;
      about.textContent = aboutInWords(now, Date.now());
      thumbs.draw(thumb, { id: room.id, share: room.share, lastActivity: now.lastActivity });
    };
    const lost = ({ status }) => {
      const why = GONE.get(status);
      if (!why) return; // the server, not the room
      about.textContent = why;
      node.classList.add('gone');
      if (status === 404) link.removeAttribute('href'); // it leads nowhere, for good
    };
    turn(() => registry.describe(room.id, room.share)).then(told, lost);
    return node;
  }

  function fill() {
    for (const node of place.querySelectorAll('.thumb')) thumbs.drop(node);
    place.replaceChildren(...visited(memory).map(tile));
    draw();
  }
  fill();
  return { fill };
}

const lock = () => element('span', { className: 'visit-lock', role: 'img', 'aria-label': 'Private', title: 'Private' }, icon('lock'));
