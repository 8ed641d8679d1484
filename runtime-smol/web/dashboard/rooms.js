// Owns: the table of rooms: its rows, which come first, and the search.

import { announce, byId, element, isTyping } from '/dom.js';
import { ago, count, moment, plural, rate } from './words.js';

const FIND_MS = 200;
const NAMES = { room: 'name', sockets: 'connections', people: 'people', images: 'images', perSecond: 'messages', at: 'time of report' };
const compare = {
  ascending: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  descending: (a, b) => (a < b ? 1 : a > b ? -1 : 0),
};

export class Rooms {
  #rows = new Map();
  #sort = 'sockets';
  #order = 'descending';
  #find = '';
  #data = null;
  #onAsk;

  /** `onAsk` is called when other rooms are asked for: the server knows them all, the page some. */
  constructor(onAsk) {
    this.#onAsk = onAsk;
    for (const head of document.querySelectorAll('#rooms th')) head.querySelector('button').addEventListener('click', () => this.#sortBy(head.dataset.sort));
    this.#wireFind();
    this.#showSort();
  }

  get query() {
    return new URLSearchParams({ find: this.#find, sort: this.#sort, order: this.#order });
  }

  show(data) {
    this.#data = data;
    this.#draw();
  }

  #draw() {
    if (this.#data === null) return;
    const { at, found, rooms, top } = this.#data;
    const wanted = this.#find.toLowerCase();
    const shown = top.filter(({ room }) => room.toLowerCase().includes(wanted))
      .toSorted((a, b) => compare[this.#order](a[this.#sort], b[this.#sort]) || compare.ascending(a.room, b.room));
    byId('rooms-count').textContent = found > shown.length ? `${count(shown.length)} of ${count(found)}` : count(shown.length);
    this.#place(shown.map((room) => this.#row(room, at)));
    byId('rooms').hidden = shown.length === 0;
    byId('rooms-none').hidden = shown.length > 0;
    const [title, words] = rooms === 0
      ? ['Nobody is here', 'A room is on this list from ten seconds after something happens in it until the last one leaves.']
      : [`No room has “${this.#find}” in its name`, `${plural(rooms, 'room', 'rooms')} with somebody in them ${rooms === 1 ? 'was' : 'were'} searched.`];
    byId('rooms-none').querySelector('h3').textContent = title;
    byId('rooms-none').querySelector('p').textContent = words;
  }

  /** Moves only what is out of place, so that what is selected stays so. */
  #place(rows) {
    const body = byId('rooms').tBodies[0];
    rows.forEach((row, index) => {
      if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
    });
    while (body.rows.length > rows.length) {
      this.#rows.delete(body.lastElementChild.dataset.room);
      body.lastElementChild.remove();
    }
  }

  #row(load, now) {
    let row = this.#rows.get(load.room);
    if (row === undefined) {
      row = element('tr', { 'data-room': load.room }, element('th', { scope: 'row', title: load.room, text: load.room }), ...['sockets', 'people', 'images', 'perSecond', 'at'].map((name) => element('td', { className: name })));
      this.#rows.set(load.room, row);
    }
    const [, sockets, people, images, perSecond, at] = row.cells;
    sockets.textContent = count(load.sockets);
    people.textContent = count(load.people);
    images.textContent = count(load.images);
    perSecond.textContent = rate(load.perSecond);
    row.classList.toggle('silent', load.perSecond === 0);
    at.textContent = ago(now - load.at);
    at.title = moment(load.at);
    return row;
  }

  #sortBy(sort) {
    const first = sort === 'room' ? 'ascending' : 'descending';
    const other = first === 'ascending' ? 'descending' : 'ascending';
    this.#order = sort === this.#sort && this.#order === first ? other : first;
    this.#sort = sort;
    this.#showSort();
    this.#draw();
    announce(`Sorted by ${NAMES[sort]}, ${this.#order}.`);
    this.#onAsk();
  }

  #showSort() {
    for (const head of document.querySelectorAll('#rooms th[data-sort]')) {
      if (head.dataset.sort === this.#sort) head.setAttribute('aria-sort', this.#order);
      else head.removeAttribute('aria-sort');
    }
  }

  #wireFind() {
    const input = byId('find');
    let timer = null;
    const look = () => {
      if (input.value.trim() === this.#find) return;
      this.#find = input.value.trim();
      this.#draw();
      clearTimeout(timer);
      timer = setTimeout(this.#onAsk, FIND_MS);
    };
    input.addEventListener('input', look);
    input.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      input.value = '';
      look();
    });
    document.addEventListener('keydown', (event) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || byId('board').hidden) return;
      event.preventDefault();
      input.focus();
      input.select();
    });
  }
}
