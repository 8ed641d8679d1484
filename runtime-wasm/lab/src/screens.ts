// Owns: the screens of up to nine people, and the rows for the others; of a recording the one canvas, and a row for
// everyone. Draws what it is given, at once.

import { byId, element, write } from './dom';
import { BOARD, Paint, type Area } from './paint';
import type { Person, Screen, Turn, Visitor } from './types';

export const MOST_SCREENS = 9;
/** Of a frame so many ms are for drawing, at most, and one screen more. */
const BUDGET = 3;
const PEOPLE = ['Who', 'State', 'Event', 'Behind', 'Differ', 'Unanswered', 'On the way', 'Unread'];
const VISITORS = ['Who', 'State', 'Role', 'User', 'Socket'];
interface Seat {
  root: HTMLElement;
  dot: HTMLElement;
  name: HTMLElement;
  facts: HTMLElement;
  canvas: HTMLCanvasElement;
  shade: HTMLElement;
}

export interface Hands {
  pick(no: number): void;
  turn(turn: Turn): void;
  cut(no: number): void;
  stall(no: number): void;
}

export class Screens {
  #grid = byId('grid');
  #rest = byId('rest');
  #rows = byId('rows');
  #columns: string[] = [];
  #seats: Seat[] = [];
  #lines: HTMLTableRowElement[] = [];
  #hands: Hands;
  #carried: { image: string; dx: number; dy: number } | null = null;
  #mine: Screen | null = null;
  /** Which is drawn next. */
  #next = 0;
  #guided = false;
  #paint = new Paint();
  /** Asked once and whenever they change: to ask at each frame is to lay out the page at each frame. */
  #sizes = new Map<Element, [number, number]>();
  #observer = new ResizeObserver((changes) => {
    for (const { target, contentRect } of changes) this.#sizes.set(target, [contentRect.width, contentRect.height]);
  });

  constructor(hands: Hands) {
    this.#hands = hands;
    this.#observer.observe(this.#grid);
  }

  /** How many screens there are room for. */
  count(people: number): number {
    const wide = this.#sizes.get(this.#grid)?.[0] ?? this.#grid.clientWidth;
    const most = wide < 520 ? 2 : wide < 760 ? 4 : MOST_SCREENS;
    return Math.min(people, most);
  }

  recolor() {
    this.#paint.recolor();
  }

  /** Draws what they see of a part of the canvas: all of them, or as many as there is time for in a frame; the next frame goes
   *  on with the others. */
  draw(screens: Screen[], all: boolean, area: Area = BOARD) {
    this.#mine = screens[0] ?? null;
    const from = performance.now();
    for (let count = 0; count < screens.length; count += 1) {
      if (!all && count > 0 && performance.now() - from > BUDGET) return;
      const at = this.#next % screens.length;
      this.#next = at + 1;
      const [screen, canvas] = [screens[at], this.#seats[at]?.canvas];
      const size = canvas && this.#sizes.get(canvas);
      if (screen && size) this.#paint.screen(canvas, screen, area, size, Math.min(devicePixelRatio, 2));
    }
  }

  /** Says what there is to say of everyone. */
  tell(people: Person[], screens: Screen[], picked: number | null, guided: boolean) {
    this.#guided = guided;
    this.#head('The others', PEOPLE);
    this.#fit(screens.length, people.length - screens.length);
    for (const [at, screen] of screens.entries()) {
      const [person, seat] = [people[screen.no], this.#seats[at]];
      if (person && seat) this.#tell(seat, person, screen.no === picked, guided && at === 0);
    }
    for (const [at, row] of this.#lines.entries()) {
      const no = screens.length + at;
      const person = people[no];
      if (person) tellRow(row, person, no === picked);
    }
  }

  /** Says who is in a recorded room. */
  tellVisitors(visitors: Visitor[]) {
    this.#guided = false;
    this.#head('In the room', VISITORS);
    this.#fit(1, visitors.length);
    const seat = this.#seats[0];
    if (seat) {
      seat.root.classList.remove('picked', 'mine');
      seat.dot.dataset['state'] = 'in';
      write(seat.name, 'The canvas, as the room has it');
      seat.name.style.setProperty('--color', 'transparent');
      write(seat.facts, '');
      seat.shade.hidden = true;
    }
    visitors.forEach((visitor, at) => this.#lines[at] && tellVisitor(this.#lines[at], visitor));
  }

  /** What the rows are of. */
  #head(title: string, columns: string[]) {
    if (this.#columns === columns) return;
    this.#columns = columns;
    write(byId('rest-title'), title);
    byId('columns').replaceChildren(...columns.map((name) => element('th', {}, name)));
    this.#lines.splice(0).forEach((row) => row.remove());
  }

  #fit(screens: number, others: number) {
    while (this.#seats.length < screens) this.#seats.push(this.#seat(this.#seats.length));
    while (this.#seats.length > screens) {
      const gone = this.#seats.pop();
      if (!gone) break;
      this.#observer.unobserve(gone.canvas);
      this.#sizes.delete(gone.canvas);
      gone.root.remove();
    }
    const columns = String(screens <= 1 ? 1 : screens <= 4 ? 2 : 3);
    if (this.#grid.dataset['columns'] !== columns) {
      this.#grid.dataset['columns'] = columns;
      this.#grid.style.setProperty('--columns', columns);
    }
    while (this.#lines.length < others) this.#lines.push(this.#row());
    while (this.#lines.length > others) this.#lines.pop()?.remove();
    this.#lines.forEach((row, at) => (row.dataset['no'] = String(screens + at)));
    this.#rest.hidden = others <= 0;
  }

  #seat(no: number): Seat {
    const canvas = element('canvas', { 'aria-hidden': 'true' });
    const [dot, name, facts] = [element('span', { class: 'dot' }), element('span', { class: 'who' }), element('span', { class: 'facts' })];
    const shade = element('div', { class: 'shade' });
    const pick = element('button', { class: 'pick' }, dot, name, facts);
    pick.addEventListener('click', () => this.#hands.pick(no));
    const tool = (label: string, path: string, act: () => void) => {
      const made = element('button', { class: 'icon small', title: label, 'aria-label': label });
      made.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`;
      made.addEventListener('click', act);
      return made;
    };
    const cut = tool('Cut this connection', 'M6 6l12 12M18 6 6 18', () => this.#hands.cut(no));
    const stall = tool('Let this reader stall', 'M9 6v12M15 6v12', () => this.#hands.stall(no));
    const root = element('article', { class: 'screen' }, element('header', {}, pick, cut, stall), element('div', { class: 'glass' }, canvas, shade));
    if (no === 0) this.#listen(canvas);
    this.#grid.append(root);
    this.#observer.observe(canvas);
    return { root, dot, name, facts, canvas, shade };
  }

  #row(): HTMLTableRowElement {
    const row = element('tr', { tabindex: '0' }, ...this.#columns.map(() => element('td', {})));
    const pick = () => this.#hands.pick(Number(row.dataset['no']));
    row.addEventListener('click', pick);
    row.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') pick();
    });
    this.#rows.append(row);
    return row;
  }

  #tell(seat: Seat, person: Person, picked: boolean, guided: boolean) {
    seat.root.classList.toggle('picked', picked);
    seat.root.classList.toggle('mine', guided);
    seat.dot.dataset['state'] = person.slow ? 'slow' : person.state;
    write(seat.name, guided ? `${person.name} (you)` : person.name);
    seat.name.style.setProperty('--color', person.color);
    write(seat.facts, facts(person));
    const away = person.state === 'in' ? '' : { joining: 'joining…', out: 'left', offline: 'no connection' }[person.state];
    write(seat.shade, away);
    seat.shade.hidden = away === '';
  }

  /** One's own hand, on the first screen. */
  #listen(canvas: HTMLCanvasElement) {
    let last = 0;
    const at = (event: PointerEvent): [number, number] => {
      const box = canvas.getBoundingClientRect();
      const scale = Math.min(box.width / BOARD.width, box.height / BOARD.height);
      return [
        Math.round((event.clientX - box.left - (box.width - BOARD.width * scale) / 2) / scale),
        Math.round((event.clientY - box.top - (box.height - BOARD.height * scale) / 2) / scale),
      ];
    };
    canvas.addEventListener('pointerdown', (event) => {
      if (!this.#guided) return;
      const [x, y] = at(event);
      const hit = this.#mine?.images.findLast(([, left, top, wide, high]) => x >= left && y >= top && x <= left + wide && y <= top + high);
      if (!hit) return;
      canvas.setPointerCapture(event.pointerId);
      this.#carried = { image: hit[0], dx: x - Math.round(hit[1]), dy: y - Math.round(hit[2]) };
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!this.#guided || performance.now() - last < 33) return;
      last = performance.now();
      const [x, y] = at(event);
      this.#hands.turn({ point: [x, y] });
      if (this.#carried) this.#carry(x, y, false);
    });
    const end = (event: PointerEvent) => {
      if (!this.#carried) return;
      this.#carry(...at(event), true);
      this.#carried = null;
    };
    canvas.addEventListener('pointerup', end);
    canvas.addEventListener('pointercancel', end);
    canvas.addEventListener('dblclick', (event) => {
      if (this.#guided) this.#hands.turn({ put: at(event as PointerEvent) });
    });
  }

  #carry(x: number, y: number, drop: boolean) {
    if (this.#carried) this.#hands.turn({ carry: { image: this.#carried.image, x: x - this.#carried.dx, y: y - this.#carried.dy, drop } });
  }
}

function facts(person: Person): string {
  const told = [];
  if (person.behind > 0) told.push(`${person.behind} behind`);
  if (person.differs > 0) told.push(`${person.differs} differ`);
  if (person.pending > 0) told.push(`${person.pending} unanswered`);
  if (person.slow) told.push('slow');
  return told.join(' · ');
}

function tellRow(row: HTMLTableRowElement, person: Person, picked: boolean) {
  row.classList.toggle('picked', picked);
  const state = person.slow ? 'slow' : person.state;
  fill(row, [person.name, state, person.seq, person.behind, person.differs, person.pending, `${person.up} ↑ ${person.down} ↓`, person.backlog].map((cell) => (cell === 0 ? '·' : String(cell))));
  row.dataset['state'] = state;
}

function tellVisitor(row: HTMLTableRowElement, visitor: Visitor) {
  const state = visitor.slow ? 'slow' : visitor.state;
  fill(row, [visitor.name, visitor.idle ? 'idle' : state, visitor.role, visitor.userId, visitor.slot === null ? 'none' : String(visitor.slot)]);
  row.dataset['state'] = state;
}

function fill(row: HTMLTableRowElement, cells: string[]) {
  cells.forEach((cell, at) => {
    const node = row.cells[at];
    if (node) write(node, cell);
  });
}
