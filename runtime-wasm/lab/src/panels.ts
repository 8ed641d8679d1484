// Owns: what there is to know of this moment beside the screens: the room, one person, the events.

import { byId, element, write } from './dom';
import type { Difference, Line, Person, Server } from './types';

export const KINDS: Line['kind'][] = ['input', 'op', 'frame', 'link', 'fault', 'host'];
const LABELS: Record<Line['kind'], string> = { input: 'in', op: 'out', frame: 'frames', link: 'links', fault: 'faults', host: 'host' };
const COUNTS = ['edits', 'acked', 'delivered', 'resumed', 'deltas', 'fulls', 'crashes', 'cuts', 'stores lost', 'repeated', 'latest skipped'];

/** The room: what is durable, what was sent to storage, what it has; and what was counted. */
export class RoomPanel {
  #bar = element('div', { class: 'journal', role: 'img' });
  #marks = element('dl', { class: 'marks' });
  #legend = element('dl', { class: 'figures' });
  #counts = element('dl', { class: 'figures small' });
  #state = element('span', { class: 'tag' });

  constructor(root: HTMLElement) {
    root.append(element('h2', {}, 'The room ', this.#state), this.#marks, this.#bar, this.#legend, this.#counts);
    this.#bar.append(element('i', { class: 'durable' }), element('i', { class: 'sent' }), element('i', { class: 'head' }));
  }

  show(room: Server, counts: Record<string, number>) {
    write(this.#state, room.state);
    this.#state.dataset['state'] = room.state;
    const [open, unsent] = [Math.max(0, room.sent - room.durable), Math.max(0, room.head - room.sent)];
    const whole = Math.max(20, open + unsent);
    this.#bar.style.setProperty('--sent', `${(open / whole) * 100}%`);
    this.#bar.style.setProperty('--head', `${(unsent / whole) * 100}%`);
    this.#bar.setAttribute('aria-label', `durable ${room.durable}, sent ${room.sent}, head ${room.head}`);
    figures(this.#marks, [['durable', room.durable], ['sent', room.sent], ['head', room.head]]);
    figures(this.#legend, [
      ['images', room.images], ['sockets', room.sockets],
      ['unanswered', room.asked], ['next tick', room.deadline === null ? 'none' : `${room.deadline} ms`],
    ]);
    figures(this.#counts, COUNTS.flatMap((name): [string, number][] => (counts[name] ? [[name, counts[name]]] : [])));
  }
}

/** One person: where they stand, and what they see otherwise than storage has it. */
export class PersonPanel {
  #root: HTMLElement;
  #title = element('h2', {});
  #figures = element('dl', { class: 'figures' });
  #list = element('ul', { class: 'differences' });

  constructor(root: HTMLElement, close: () => void) {
    this.#root = root;
    const button = element('button', { class: 'icon small', title: 'Close', 'aria-label': 'Close' });
    button.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 6l12 12M18 6 6 18"/></svg>';
    button.addEventListener('click', close);
    root.append(element('div', { class: 'row between' }, this.#title, button), this.#figures, this.#list);
  }

  show(person: Person | undefined, head: number, differences: Difference[]) {
    this.#root.hidden = person === undefined;
    if (!person) return;
    write(this.#title, person.name);
    this.#title.style.setProperty('--color', person.color);
    figures(this.#figures, [
      ['is', person.slow ? 'slow' : person.state], ['client', person.clientId || 'none'], ['knows event', `${person.seq} / ${head}`],
      ['unanswered', person.pending], ['on the way up', person.up], ['on the way down', person.down], ['unread bytes', person.backlog],
    ]);
    const told = differences.slice(0, 12).map(([id, seen, stored]) => `${id}: ${difference(seen, stored)}`);
    if (differences.length > 12) told.push(`and ${differences.length - 12} more`);
    if (told.length === 0) told.push('Sees what is stored.');
    while (this.#list.children.length > told.length) this.#list.lastElementChild?.remove();
    while (this.#list.children.length < told.length) this.#list.append(element('li', {}));
    told.forEach((text, at) => {
      const item = this.#list.children[at];
      if (item) write(item, text);
    });
    this.#list.classList.toggle('none', differences.length === 0);
  }
}

function difference(seen: Record<string, unknown> | null, stored: Record<string, unknown> | null): string {
  if (seen === null) return 'not seen';
  if (stored === null) return 'seen, not stored';
  const keys = new Set([...Object.keys(seen), ...Object.keys(stored)]);
  const told = [...keys].filter((key) => key !== 'stamp' && seen[key] !== stored[key]);
  return told.map((key) => `${key} ${show(seen[key])} (stored ${show(stored[key])})`).join(', ') || 'edited since';
}

const show = (value: unknown) => (value === undefined ? 'none' : typeof value === 'string' ? value.slice(0, 24) : String(value));

/** What happened last, newest first. */
export class Events {
  #list = byId<HTMLOListElement>('events');
  #shown = new Set<Line['kind']>(['input', 'link', 'fault', 'host']);
  #last = -1;

  constructor(changed: () => void, goTo: (step: number) => void) {
    for (const kind of KINDS) {
      const button = element('button', { class: 'chip', 'aria-pressed': String(this.#shown.has(kind)), 'data-kind': kind }, LABELS[kind]);
      button.addEventListener('click', () => {
        this.#last = -1;
        if (!this.#shown.delete(kind)) this.#shown.add(kind);
        button.setAttribute('aria-pressed', String(this.#shown.has(kind)));
        changed();
      });
      byId('kinds').append(button);
    }
    this.#list.addEventListener('click', (event) => {
      const row = (event.target as Element).closest('li');
      if (row?.dataset['step']) goTo(Number(row.dataset['step']));
    });
  }

  /** What comes next has nothing to do with what is there. */
  clear() {
    this.#last = -1;
  }

  get kinds(): Line['kind'][] {
    return [...this.#shown];
  }

  /** `name` is who a line is about. */
  show(lines: Line[], begin: number, name: (who: number) => string) {
    // Time mostly goes on: what is new comes on top, and as much goes at the foot. All lines of a step come together.
    const last = this.#last;
    const goesOn = (lines[0]?.step ?? 0) <= last && (lines.at(-1)?.step ?? 0) >= last;
    const added = goesOn ? lines.filter((line) => line.step > last) : lines;
    this.#last = lines.at(-1)?.step ?? -1;
    const rows = added.map((line) => this.#row(line, begin, name)).reverse();
    if (goesOn) this.#list.prepend(...rows);
    else this.#list.replaceChildren(...rows);
    while (this.#list.children.length > lines.length) this.#list.lastElementChild?.remove();
  }

  #row(line: Line, begin: number, name: (who: number) => string): HTMLLIElement {
    const row = element('li', { 'data-kind': line.kind, 'data-step': String(line.step) },
      element('time', {}, seconds(line.at - begin)),
      element('b', {}, line.who === null ? '' : name(line.who)),
      element('span', {}, readable(line.text)));
    return row;
  }
}

/** A message with what sort it is first, as one looks for it: `7 > {"data":…,"type":"…"}` becomes `… {data}`. */
function readable(text: string): string {
  const [, way, json] = /^\d+ ([<>]) (\{.*)$/.exec(text) ?? [];
  if (way === undefined || json === undefined) return text;
  const type = /"type":"([^"]+)"/.exec(json)?.[1];
  return type === undefined ? text : `${way} ${type} ${json.replace(/,?"type":"[^"]+"/, '').replace('{,', '{')}`;
}

export const seconds = (ms: number) => (ms / 1000).toFixed(3);

/** Fills a list of names and what they are. */
export function figures(list: HTMLElement, pairs: [string, number | string][]) {
  while (list.children.length > pairs.length * 2) list.lastElementChild?.remove();
  while (list.children.length < pairs.length * 2) list.append(element('dt', {}), element('dd', {}));
  pairs.forEach(([name, value], at) => {
    const [term, told] = [list.children[at * 2], list.children[at * 2 + 1]];
    if (term && told) {
      write(term, name);
      write(told, typeof value === 'number' ? value.toLocaleString('en') : value);
    }
  });
}
