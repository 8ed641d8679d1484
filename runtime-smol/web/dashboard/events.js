// Owns: single events beside the rooms, where the host tells them: connections that were closed, people who read too slowly.

import { byId, element } from '/dom.js';
import { ago, bytes, count, moment, span } from './words.js';

/** How many are shown until all are asked for. */
const FIRST = 8;
let showsAll = false;
let latest = null;

/** `onOpen` is called for a room that somebody wants to see more of. */
export function showEvents(data, onOpen) {
  if (data.closes === undefined) return;
  if (latest === null) {
    byId('side').prepend(byId('more-sheets').content);
    // There is much beside the rooms; what matters least goes below them.
    byId('main').append(byId('totals-sheet'));
    wireMore(onOpen);
  }
  latest = data;
  showSlow(data.slow, onOpen);
  showCloses(data, onOpen);
}

function wireMore(onOpen) {
  byId('closes-sheet').querySelector('.more').addEventListener('click', () => {
    showsAll = !showsAll;
    showCloses(latest, onOpen);
  });
}

function showSlow({ each, sockets }, onOpen) {
  const sheet = byId('slow-sheet');
  sheet.hidden = each.length === 0;
  sheet.querySelector('.count').textContent = count(sockets);
  put(sheet, each.map(({ room, user, bytes: waits, still }) => ({
    key: `${room} ${user}`, head: bytes(waits), side: `for ${span(still / 1000)}`, room, user,
  })), onOpen);
}

function showCloses({ closes, at: now }, onOpen) {
  const sheet = byId('closes-sheet');
  const more = sheet.querySelector('.more');
  more.hidden = closes.length <= FIRST;
  more.textContent = showsAll ? 'Show fewer' : `Show all ${count(closes.length)}`;
  more.setAttribute('aria-expanded', String(showsAll));
  sheet.querySelector('.none-yet').hidden = closes.length > 0;
  put(sheet, closes.slice(0, showsAll ? closes.length : FIRST).map(({ at, code, reason, words, room, user }) => ({
    key: `${at} ${code} ${reason} ${room} ${user}`, head: reason, words, side: ago(now - at), title: moment(at), room, user,
  })), onOpen);
}

/** Draws a list anew, unless only its times have changed: what is selected or has the focus stays so. */
function put(sheet, each, onOpen) {
  const list = sheet.querySelector('.events');
  const keys = each.map(({ key }) => key).join('\n');
  if (list.dataset.keys !== keys) {
    list.dataset.keys = keys;
    list.replaceChildren(...each.map((event) => row(event, onOpen)));
  }
  each.forEach(({ head, side }, index) => {
    const [title, time] = list.children[index].firstElementChild.children;
    title.textContent = head;
    time.textContent = side;
  });
}

function row({ words, title, room, user }, onOpen) {
  const place = room === null ? element('span', { text: 'the list of rooms' }) : element('button', { type: 'button', text: room });
  if (room !== null) place.addEventListener('click', () => onOpen(room));
  const who = element('p', { className: 'who' }, place);
  if (user) who.append(' · ', element('span', { text: user }));
  const time = element('time', title ? { title } : {});
  return element('li', {}, element('p', {}, element('code'), time), ...(words ? [element('p', { className: 'words', text: words })] : []), who);
}
