// Owns: the table of rooms: its rows, which come first, and the search.

import { announce, byId, element, isTyping } from '/dom.js';
import { ago, bytes, count, moment, plural, rate } from './words.js';

const FIND_MS = 200;
const NAMES = { room: 'name', sockets: 'connections', people: 'people', images: 'images', slow: 'slow connections', perSecond: 'messages', bytes: 'memory', at: 'time of report' };
const heads = () => [...document.querySelectorAll('#rooms th[data-sort]')];
const compare = {
  ascending: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  descending: (a, b) => (a < b ? 1 : a > b ? -1 : 0),
};

const WRITE = {
  sockets: count, people: count, images: count, slow: count, perSecond: rate,
  // Reckoned, not measured.
  bytes: (number) => `~${bytes(number)}`, at: (at, now) => ago(now - at),
};

export class Rooms {
  #rows = new Map();
  #sort = 'sockets';
  #order = 'descending';
  #find = '';
  #data = null;
  #onAsk;
  #onOpen;
  /** Which columns this host has something for; known once there is a room. */
  #columns = null;

  /**
   * `onAsk` is called when other rooms are asked for: the server knows them all, the page some. `onOpen` is called for a
   * room that somebody wants to see more of, where there is more.
   */
  constructor(onAsk, onOpen) {
    this.#onAsk = onAsk;
    this.#onOpen = onOpen;
    for (const head of heads()) head.querySelector('button').addEventListener('click', () => this.#sortBy(head.dataset.sort));
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
    const shown = top.filter(({ room, name = '' }) => room.toLowerCase().includes(wanted) || name.toLowerCase().includes(wanted))
      .toSorted((a, b) => compare[this.#order](a[this.#sort], b[this.#sort]) || compare.ascending(a.room, b.room));
    byId('rooms-count').textContent = found > shown.length ? `${count(shown.length)} of ${count(found)}` : count(shown.length);
    this.#place(shown.map((room) => this.#row(room, at)));
    byId('rooms').hidden = shown.length === 0;
    byId('rooms-none').hidden = shown.length > 0;
    const isHere = this.#data.roomsAt !== undefined;
    const [title, words] = rooms === 0 && isHere
      ? ['Nobody is here', 'A room is on this list as long as it is loaded: from the first who comes until some seconds after the last has left.']
      : rooms === 0
      ? ['Nobody is here', 'A room is on this list from ten seconds after something happens in it until the last one leaves.']
      : [`No room has “${this.#find}” in its name`, `${plural(rooms, 'room', 'rooms')} ${isHere ? 'that are loaded' : 'with somebody in them'} ${rooms === 1 ? 'was' : 'were'} searched.`];
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
    this.#columns ??= this.#choose(load);
    let row = this.#rows.get(load.room);
    if (row === undefined) {
      const head = element('th', { scope: 'row', title: load.room }, this.#nameOf(load));
      row = element('tr', { 'data-room': load.room }, head, ...this.#columns.map((name) => element('td', { className: name })));
      this.#rows.set(load.room, row);
    }
    row.classList.toggle('silent', load.perSecond === 0);
    for (const cell of row.querySelectorAll('td')) {
      const name = cell.className.split(' ')[0];
      cell.textContent = WRITE[name](load[name], now);
      if (name === 'at') cell.title = moment(load.at);
      if (name === 'slow') cell.classList.toggle('some', load.slow > 0);
    }
    return row;
  }

  #nameOf({ room, name }) {
    if (this.#data.roomsAt === undefined) return room;
    const button = element('button', { type: 'button', text: room });
    button.addEventListener('click', () => this.#onOpen(room));
    if (name && name !== room) button.append(element('span', { text: name }));
    return button;
  }

  /** Takes the columns away for which this host has nothing. */
  #choose(load) {
    for (const head of heads()) if (!(head.dataset.sort in load)) head.remove();
    return heads().map((head) => head.dataset.sort).slice(1);
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
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || byId('board').hidden || document.querySelector('dialog[open]')) return;
      event.preventDefault();
      input.focus();
      input.select();
    });
  }
}
