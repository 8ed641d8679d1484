// Owns: what stands beside the rooms: refusals and closes with their words, memory, and counts since the beginning.

import { byId, element } from '/dom.js';
import { FULL, grade } from './cards.js';
import { bytes, count, span } from './words.js';

const HOLDS = 6;
const WRITE = { bytes, count, seconds: span };

export function showTallies({ refused, closed, memory, totals }) {
  tally(byId('refused'), refused);
  tally(byId('closed'), closed);
  holds(memory);
  byId('totals').replaceChildren(...totals.flatMap(({ label, value, unit, isBad }) => [
    element('dt', { text: label }),
    element('dd', { text: WRITE[unit](value), className: isBad && value > 0 ? 'bad' : '' }),
  ]));
}

function tally(table, each) {
  table.hidden = each.length === 0;
  table.nextElementSibling.hidden = each.length > 0;
  table.tBodies[0].replaceChildren(...each.map(({ name, words, lastHour, total }) => element(
    'tr', { className: lastHour === 0 ? 'past' : '' },
    element('th', { scope: 'row' }, element('code', { text: name }), element('span', { text: words })),
    element('td', { text: count(lastHour) }), element('td', { text: count(total) }),
  )));
}

function holds({ title, about, limit, each }) {
  // Where all is in one place, the card says it.
  byId('memory-sheet').hidden = title === undefined;
  if (title === undefined) return;
  byId('memory-title').textContent = title;
  byId('memory-about').textContent = each.length === 0 ? 'None has reported in the last ten minutes.' : about;
  byId('memory-each').replaceChildren(...each.slice(0, HOLDS).map((hold) => {
    const share = limit > 0 ? hold.bytes / limit : 0;
    const fill = element('i');
    fill.style.width = `${Math.min(100, share * 100)}%`;
    const words = element('span', { text: bytes(hold.bytes) });
    return element('li', { 'data-grade': grade(share, FULL) }, element('code', { text: hold.name }), element('div', { className: 'meter', 'aria-hidden': 'true' }, fill), words);
  }));
  byId('memory-more').hidden = each.length <= HOLDS;
  byId('memory-more').textContent = `and ${count(each.length - HOLDS)} more, each with less`;
}
