// Owns: a room as a card, and a list of such cards that is changed in place: what has the focus keeps it.
// Not here: which rooms are listed (browse.js), how a thumbnail is drawn (thumbs.js).

import { element } from './dom.js';
import { addressOf } from './rooms.js';

const MINUTE = 60_000;
const UNITS = [['minute', MINUTE], ['hour', 60 * MINUTE], ['day', 24 * 60 * MINUTE], ['month', 30 * 24 * 60 * MINUTE], ['year', 365 * 24 * 60 * MINUTE]];

/** “5 minutes ago”, and “just now” for what has hardly happened, or comes from a clock that is ahead. */
export function agoInWords(time, now) {
  const passed = now - time;
  const [unit, length] = UNITS.findLast(([, span]) => passed >= span) ?? [];
  if (!unit) return 'just now';
  const count = Math.floor(passed / length);
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`;
}

export const peopleInWords = (count) => (count === 1 ? '1 person here' : `${count} people here`);

export function aboutInWords({ userCount, lastActivity, creatorName }, now) {
  const when = userCount > 0 ? 'Active now' : `Active ${agoInWords(lastActivity, now)}`;
  return creatorName ? `${when} · by ${creatorName}` : when;
}

/** A room's card; `update(room)` says what it is now. */
class Card {
  node;
  thumb;
  #name = element('span', { dir: 'auto' });
  #about = element('p', { className: 'card-about', dir: 'auto' });
  #count = element('b', { 'aria-hidden': 'true' });
  #badge;
  #link;

  constructor(room, thumb) {
    this.thumb = thumb;
    this.#badge = element('span', { className: 'here' }, element('i'), this.#count);
    this.#link = element('a', { className: 'card-link', href: addressOf(room.id) }, this.#name);
    this.node = element('li', { className: 'card', 'data-room': room.id }, thumb, this.#badge, element('div', { className: 'card-words' }, element('h3', {}, this.#link), this.#about));
  }

  update(room) {
    write(this.#name, room.name);
    this.#link.title = room.name;
    this.#link.setAttribute('aria-label', room.userCount > 0 ? `${room.name}, ${peopleInWords(room.userCount)}` : room.name);
    write(this.#about, aboutInWords(room, Date.now()));
    write(this.#count, String(room.userCount));
    this.#badge.hidden = room.userCount === 0;
    this.#badge.title = peopleInWords(room.userCount);
  }
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The list of cards in `place`; `show(rooms)` makes it these, in this order. */
export class Cards {
  #place;
  #thumbs;
  #cards = new Map();

  constructor(place, thumbs) {
    this.#place = place;
    this.#thumbs = thumbs;
  }

  show(rooms) {
    const wanted = new Set(rooms.map(({ id }) => id));
    for (const [id, card] of this.#cards) {
      if (wanted.has(id)) continue;
      this.#thumbs.drop(card.thumb);
      card.node.remove();
      this.#cards.delete(id);
    }
    rooms.forEach((room, i) => {
      let card = this.#cards.get(room.id);
      if (!card) {
        card = new Card(room, this.#thumbs.make());
        this.#cards.set(room.id, card);
      }
      card.update(room);
      // Only what is out of place is moved: a node that moves loses the focus.
      if (this.#place.children[i] !== card.node) this.#place.insertBefore(card.node, this.#place.children[i] ?? null);
      this.#thumbs.draw(card.thumb, room);
    });
  }

  /** The link of the card at this place in the list. */
  link(at) {
    return this.#place.children[at]?.querySelector('a') ?? null;
  }
}

/** What stands in for cards that are not known yet. */
export function blanks(count) {
  return Array.from({ length: count }, () => element('li', { className: 'card blank', 'aria-hidden': 'true' }, element('div', { className: 'thumb' }), element('div', { className: 'card-words' }, element('i'), element('i'))));
}
