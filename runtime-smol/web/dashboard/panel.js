// Owns: the panel of one room: its numbers, its people, its recording, and what is done to them. It asks the same addresses as
// `/api` has, below the one that the host gives.

import { announce, byId, element, face } from '/dom.js';
import { bytes, count, moment, plural, rate } from './words.js';

const PATIENCE_MS = 35_000;
/** How long a button waits for its second press. */
const SURE_MS = 5000;
const PEOPLE = 100;
/** From so many on one looks for a person rather than reads the list. */
const MANY = 12;
const LABELS = { sockets: ['Connections', count], people: ['People', count], images: ['Images', count], perSecond: ['Messages/s', rate], slow: ['Slow', count], bytes: ['Memory', (number) => `~${bytes(number)}`] };
const ENDS = { time: 'Its time is over.', full: 'It is full.', room: 'The room has gone.' };

export class Panel {
  #dialog = byId('room');
  #room = null;
  #root = '';
  #roster = null;
  #recording = null;
  #onChange;

  /** `onChange` is called when something was done to a room. */
  constructor(onChange) {
    this.#onChange = onChange;
    byId('room-leave').addEventListener('click', () => this.leave());
    this.#dialog.addEventListener('close', () => { this.#room = null; });
    this.#dialog.addEventListener('pointerdown', ({ target, clientX }) => {
      if (target === this.#dialog && clientX < this.#dialog.getBoundingClientRect().left) this.leave();
    });
    byId('room-find').addEventListener('input', () => this.#drawPeople());
    sure(byId('room-close'), () => this.#act('POST', '/close', `${this.#room} was closed.`));
    byId('recording-begin').addEventListener('click', () => this.#act('PUT', '/recording', 'The recording has begun.'));
    sure(byId('recording-drop'), () => this.#act('DELETE', '/recording', 'The recording was discarded.'));
  }

  open(room) {
    [this.#room, this.#roster, this.#recording] = [room, null, null];
    byId('room-title').textContent = room;
    byId('room-error').textContent = '';
    byId('room-find').value = '';
    byId('room-visit').href = `/?room=${room}`;
    this.#drawPeople();
    this.#drawRecording();
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#onChange();
  }

  leave() {
    this.#dialog.close();
  }

  show({ roomsAt, top }) {
    if (roomsAt === undefined || this.#room === null) return;
    this.#root = roomsAt;
    const load = top.find(({ room }) => room === this.#room);
    byId('room-name').textContent = load?.name && load.name !== this.#room ? load.name : '';
    // One that is not among the first of the list has its people all the same.
    byId('room-numbers').replaceChildren(...Object.entries(LABELS).filter(([name]) => load && name in load)
      .flatMap(([name, [label, write]]) => [element('dt', { text: label }), element('dd', { text: write(load[name]) })]));
    void this.#look();
  }

  async #look() {
    const room = this.#room;
    // Where there was none somebody has to begin one: here, and then it is asked for.
    const isAsked = this.#recording !== null || this.#roster === null;
    const [roster, recording] = await Promise.all([this.#ask('GET', '/members'), isAsked ? this.#ask('GET', '/recording') : {}]);
    if (room !== this.#room) return;
    this.#roster = roster.data ?? { clients: [], problem: roster.problem };
    this.#recording = recording.data ?? null;
    this.#drawPeople();
    this.#drawRecording();
  }

  #drawPeople() {
    const clients = this.#roster?.clients ?? [];
    const wanted = byId('room-find').value.trim().toLowerCase();
    const found = clients.filter(({ name, userId }) => `${name} ${userId}`.toLowerCase().includes(wanted));
    byId('room-people-title').querySelector('.count').textContent = this.#roster ? count(clients.length) : '';
    byId('room-find-field').hidden = clients.length < MANY;
    const words = this.#roster === null ? 'Asking…' : this.#roster.problem ?? (clients.length === 0 ? 'Nobody is here.' : found.length === 0 ? 'Nobody of that name.' : found.length > PEOPLE ? `and ${count(found.length - PEOPLE)} more` : '');
    byId('room-nobody').textContent = words;
    byId('room-nobody').hidden = words === '';
    const shown = found.slice(0, PEOPLE);
    const list = byId('room-people');
    const keys = JSON.stringify(shown);
    // A button that somebody is about to press stays where it is.
    if (list.dataset.keys === keys || list.querySelector('.sure')) return;
    const hadFocus = list.contains(document.activeElement);
    list.dataset.keys = keys;
    list.replaceChildren(...shown.map((client) => this.#person(client)));
    if (hadFocus) list.focus();
  }

  #person({ userId, name, color, role, idle }) {
    const kick = element('button', { type: 'button', className: 'secondary danger', text: 'Kick', 'aria-label': `Kick ${name}` });
    sure(kick, () => this.#act('POST', `/members/${encodeURIComponent(userId)}/kick`, `${name} was kicked.`));
    const who = element('p', {}, element('b', { text: name }), element('span', { text: [userId, role, ...(idle ? ['idle'] : [])].join(' · '), title: userId }));
    return element('li', {}, face({ name, color }), who, kick);
  }

  #drawRecording() {
    const recording = this.#recording;
    byId('recording-words').textContent = recording === null
      ? 'All that the room hears is kept for ten minutes, up to 16 MB. Names and texts are rewritten before they leave the server.'
      : `${recording.ended ? ENDS[recording.ended] : `Since ${moment(recording.begun)}, until ${moment(recording.until)} at the latest.`} ${plural(recording.inputs, 'input', 'inputs')}, ${bytes(recording.bytes)}.`;
    byId('recording-begin').hidden = recording !== null && !recording.ended;
    byId('recording-begin').textContent = recording === null ? 'Record ten minutes' : 'Record anew';
    for (const id of ['recording-file', 'recording-drop', 'recording-lab']) byId(id).hidden = recording === null;
    byId('recording-file').href = `${this.#root}/${this.#room}/recording/file`;
  }

  /** Does something, says what came of it, and looks again. */
  async #act(method, what, done) {
    byId('room-error').textContent = '';
    const { problem } = await this.#ask(method, what);
    if (problem !== undefined) byId('room-error').textContent = problem;
    else announce(done);
    this.#roster = null;
    this.#onChange();
  }

  async #ask(method, what) {
    try {
      const answer = await fetch(`${this.#root}/${this.#room}${what}`, { method, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.ok) return { data: answer.status === 204 ? null : await answer.json() };
      return { problem: (await answer.json()).message };
    } catch {
      return { problem: 'The server does not answer.' };
    }
  }
}

/** A button that is pressed twice before it does something: once by mistake is not enough. */
function sure(button, act) {
  const [words, label] = [button.textContent, button.getAttribute('aria-label')];
  let timer = null;
  const calm = () => {
    clearTimeout(timer);
    timer = null;
    button.classList.remove('sure');
    button.textContent = words;
    if (label) button.setAttribute('aria-label', label);
  };
  button.addEventListener('blur', calm);
  button.addEventListener('click', async () => {
    if (timer === null) {
      timer = setTimeout(calm, SURE_MS);
      button.classList.add('sure');
      button.textContent = 'Sure?';
      if (label) button.setAttribute('aria-label', `${label}: sure?`);
      return;
    }
    calm();
    button.disabled = true;
    await act();
    button.disabled = false;
  });
}
