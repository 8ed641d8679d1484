// Owns: what there is to know of a recording that is open, in the place of the sliders.

import { element, write } from './dom';
import { BOARD, type Area } from './paint';
import { figures, seconds } from './panels';
import type { Facts, Recorded, ReplayState } from './types';

/** No recording is larger, in bytes. */
export const LARGEST = 80 * 1024 * 1024;
const MAGIC = 'kanvas recording ';
const ENDED: Record<string, string> = { stopped: 'it was asked to', time: 'its time was over', full: 'it was full', room: 'the room was gone' };
/** Of the canvas so much is shown around the images, as a share of them. */
const MARGIN = 0.05;

/** Whether a file says that it is a recording. */
export const isRecording = (bytes: Uint8Array) => new TextDecoder().decode(bytes.subarray(0, MAGIC.length)) === MAGIC;

export class RecordingPanel {
  #root: HTMLElement;
  #title = element('h2', {});
  #about = element('p', { class: 'hint' });
  #facts = element('dl', { class: 'figures one' });
  #kinds = element('dl', { class: 'figures one' });

  constructor(root: HTMLElement, wishes: { open(): void; close(): void }) {
    this.#root = root;
    const button = (label: string, act: () => void) => {
      const made = element('button', { class: 'secondary' }, label);
      made.addEventListener('click', act);
      return made;
    };
    root.append(
      element('div', {}, this.#title, this.#about),
      element('fieldset', {}, element('legend', {}, 'Recording'), this.#facts),
      element('fieldset', {}, element('legend', {}, 'Inputs'), this.#kinds),
      element('fieldset', {}, button('Open another file…', wishes.open), button('Back to the world', wishes.close)),
    );
  }

  show(facts: Facts | null) {
    this.#root.hidden = facts === null;
    if (facts === null) return;
    write(this.#title, facts.room);
    write(this.#about, facts.redacted ? 'A room as it was. What people said and are called was rewritten before it left the server.' : 'A room as it was.');
    figures(this.#facts, [
      ['Begun', new Date(facts.begun).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })],
      ['Lasts', `${seconds(facts.until - facts.begun)} s`],
      ['Ended because', facts.ended === null ? 'it is cut off' : (ENDED[facts.ended] ?? facts.ended)],
      ['Made by', `Kanvas ${facts.version}`],
    ]);
    figures(this.#kinds, [...Object.entries(facts.kinds).toSorted(([, a], [, b]) => b - a), ['all', facts.inputs]]);
  }
}

/** Whether the room says what it said: how good that is, and a sentence. */
export function verdictOf({ facts, checking }: ReplayState): [string, string] {
  const { inputs, checked, differs, departed } = facts;
  if (differs) return ['bad', `${differs.silent ? 'Another room' : 'Says something else'} from input ${differs.input.toLocaleString('en')} on`];
  if (checking) return ['busy', `Checking: ${Math.floor((checked / Math.max(1, inputs)) * 100)} %`];
  if (departed !== null) return ['bad', `The server itself did not say the same again to input ${(departed + 1).toLocaleString('en')}`];
  return ['good', 'Says the same bytes to every input'];
}

/** The part of the canvas that has ever been used, as far as was seen. */
export class Used {
  #area: Area | null = null;

  /** Another recording. */
  clear() {
    this.#area = null;
  }

  with({ screens }: Recorded): Area {
    for (const [, x, y, width, height] of screens[0]?.images ?? []) {
      const was = this.#area ?? { x, y, width, height };
      const [left, top] = [Math.min(was.x, x), Math.min(was.y, y)];
      this.#area = { x: left, y: top, width: Math.max(was.x + was.width, x + width) - left, height: Math.max(was.y + was.height, y + height) - top };
    }
    if (this.#area === null) return BOARD;
    const { x, y, width, height } = this.#area;
    const edge = Math.max(width, height) * MARGIN;
    return { x: x - edge, y: y - edge, width: width + 2 * edge, height: height + 2 * edge };
  }
}
