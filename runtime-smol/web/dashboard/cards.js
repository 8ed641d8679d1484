// Owns: the cards on top: a number each, its last hour, and a word about it.

import { byId } from '/dom.js';
import { Spark } from './spark.js';
import { bytes, count, minute, ms, percent, plural, rate, size } from './words.js';

/** From here on a number is a warning, and from here on it is bad. */
const REFUSED = [0.01, 0.05];
export const FULL = [0.75, 0.9];
/** Of how many people do not read; and how long 99 of 100 writes take, in ms: an edit is not seen before it is stored. */
const SLOW = [0.001, 0.05];
const STORED_MS = [100, 1000];

/** Shares below these are well. */
export const grade = (share, [warn, bad]) => (share >= bad ? 'bad' : share >= warn ? 'warn' : 'well');

/** A minute that is not over is told by the last sixty seconds, or each would begin with a fall. */
const isOver = (minute, now) => minute.at + 60_000 <= now;

class Card {
  #root;
  #spark = null;
  #minutes = [];
  #about = '';
  #pointed = null;
  #tell;

  /** `tell` writes a value of the hour. */
  constructor(id, tell) {
    this.#root = byId(id);
    this.#tell = tell;
    const svg = this.#root.querySelector('.spark');
    if (svg) this.#spark = new Spark(svg, (at) => this.#point(at));
  }

  show({ figure, unit = '', about, grade: how = 'well', minutes = [] }) {
    this.#root.querySelector('b').textContent = figure;
    this.#root.querySelector('.unit').textContent = unit;
    this.#root.dataset.grade = how;
    this.#about = about;
    this.#minutes = minutes;
    this.#spark?.draw(minutes.map(({ value }) => value));
    this.#words();
  }

  #point(at) {
    this.#pointed = at;
    this.#words();
  }

  #words() {
    const pointed = this.#pointed === null ? undefined : this.#minutes[this.#pointed];
    this.#root.querySelector('.about').textContent = pointed ? `${minute(pointed.at)} · ${this.#tell(pointed.value)}` : this.#about;
  }
}

export class Cards {
  #connections = new Card('connections', count);
  #rooms = new Card('open-rooms', count);
  #heard = new Card('heard', (value) => `${rate(value)}/s`);
  #said = new Card('said', (value) => `${rate(value)}/s`);
  #refused = new Card('refusals', (value) => `${count(value)} refused`);
  #memory = new Card('memory', String);
  /** Not every host tells these. */
  #storage = null;
  #slow = null;

  show(data) {
    const { sockets, people, rooms, perSecond, minutes, at } = data;
    const hour = (name) => minutes.map((each) => ({ at: each.at, value: each[name] }));
    this.#connections.show({ figure: count(sockets), about: people === 0 ? 'nobody is connected' : `of ${plural(people, 'person', 'people')}`, minutes: hour('sockets') });
    this.#rooms.show({ figure: count(rooms), about: rooms === 0 ? 'with somebody in them' : `${rate(sockets / rooms)} connections each`, minutes: hour('rooms') });
    this.#flow(this.#heard, perSecond.heard, hour('heard'), at);
    const fanOut = perSecond.frames > 0 ? `each to ${rate(perSecond.said / perSecond.frames)} · ` : '';
    this.#flow(this.#said, perSecond.said, hour('said'), at, fanOut);
    const share = perSecond.heard > 0 ? Math.min(1, perSecond.refused / perSecond.heard) : 0;
    const refused = minutes.reduce((sum, each) => sum + each.refused, 0);
    this.#refused.show({
      figure: percent(share), unit: '% of messages in', about: `${count(refused)} in the last hour`,
      grade: grade(share, REFUSED), minutes: hour('refused').map((each) => ({ at: each.at, value: isOver(each, at) ? each.value : Math.round(perSecond.refused * 60) })),
    });
    this.#fullest(data.memory);
    if (data.storage) this.#more(data, hour);
  }

  #more({ storage, slow, sockets }, hour) {
    if (this.#storage === null) {
      byId('cards').append(byId('more-cards').content);
      this.#storage = new Card('storage', (value) => ms(value).join(' '));
      this.#slow = new Card('slow-clients', count);
    }
    const [figure, unit] = ms(storage.p99);
    const idle = storage.commits === 0;
    const about = storage.failed > 0 ? `${plural(storage.failed, 'store has', 'stores have')} failed` : idle ? 'nothing stored in the last minute' : `p50 ${ms(storage.p50).join(' ')} · ${count(storage.commits)}/min`;
    this.#storage.show({
      figure: idle ? '–' : figure, unit: idle ? '' : `${unit} p99`, about,
      grade: storage.failed > 0 ? 'bad' : grade(storage.p99, STORED_MS), minutes: hour('storedMs'),
    });
    this.#slow.show({
      figure: count(slow.sockets), unit: slow.sockets > 0 ? `of ${count(sockets)}` : '', grade: grade(sockets > 0 ? slow.sockets / sockets : 0, SLOW),
      about: slow.bytes > 0 ? `${bytes(slow.bytes)} wait to be sent` : 'everybody keeps up', minutes: hour('slow'),
    });
  }

  #flow(card, now, hour, at, more = '') {
    const minutes = hour.map((each) => ({ at: each.at, value: isOver(each, at) ? each.value / 60 : now }));
    const peak = Math.max(0, ...minutes.map(({ value }) => value));
    card.show({ figure: rate(now), unit: '/s', about: `${more}hour’s peak ${rate(peak)}/s`, minutes });
  }

  #fullest({ title, about: whole, one, limit, each }) {
    const [fullest] = each;
    const share = fullest && limit > 0 ? fullest.bytes / limit : 0;
    byId('memory').querySelector('.meter i').style.width = `${Math.min(100, share * 100)}%`;
    if (fullest === undefined) return this.#memory.show({ figure: '–', about: 'nothing has reported' });
    const [figure, unit] = size(fullest.bytes);
    const about = title === undefined ? whole : each.length === 1 ? `in the only ${one}` : `the fullest of ${count(each.length)} ${title.toLowerCase()}`;
    this.#memory.show({ figure, unit: `${unit} of ${size(limit).join(' ')}`, about, grade: grade(share, FULL) });
  }
}
