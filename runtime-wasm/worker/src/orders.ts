// Owns: how a room's object carries out what a back end asks of it. What that means is the core's; the room answers.

import { answerOf, nextOf, type Wanted, withCall } from './calls';
import { inputs, type LogRow, record } from './codec';
import { type Most, Storage } from './storage';
import type * as wasm from './wasm';

/** How long an answer may take: a back end may give a room many images at once. */
const ANSWER_MS = 30_000;
/** How much of a log is read to take something back. It is in memory thrice for a moment. */
const LOG: Most = { rows: 20_000, bytes: 8 * 1024 * 1024 };

/** The room, as far as orders are concerned. */
export interface Room {
  name: string;
  /** What its configuration has beside the defaults. */
  config: string;
  /** Whether it is known whose it is, so that it may be made. */
  mayBeMade(): Promise<boolean>;
  /** Puts something to the machine under a ticket, and carries out what it says if it was told something. */
  put(work: (machine: wasm.Room, ticket: number) => boolean): void;
}

/** What a room replied: the place in its log, or the code of its refusal. */
type Reply = { seq: number; refused: string };
/** What came of an order. */
type Came = Reply | 'answered' | 'gone' | 'late';

export class Orders {
  #room: Room;
  #storage: Storage;
  #replies = new Map<number, (reply: Reply) => void>();
  /** Those who wait until the room has gone. */
  #leaving: Array<() => void> = [];

  constructor(storage: Storage, room: Room) {
    this.#storage = storage;
    this.#room = room;
  }

  /** Whether the room's reply was to an order. */
  replied(ticket: number, reply: Reply): boolean {
    const waiting = this.#replies.get(ticket);
    waiting?.(reply);
    return waiting !== undefined;
  }

  /** The room has gone. */
  gone(): void {
    for (const waiting of this.#leaving.splice(0)) waiting();
  }

  /** Answers a request that the entry has read already, and found good. */
  async answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
    return withCall(request.method, url.pathname, async (call) => {
      call.read(url.search.slice(1), body);
      call.name(this.#room.name);
      await this.#carryOut(call);
      return answerOf(call);
    });
  }

  async #carryOut(call: wasm.BackEndCall): Promise<void> {
    for (;;) {
      const next = nextOf(call);
      if (next.do !== 'answer' && this.#storage.isHeld) return call.fail('away');
      switch (next.do) {
        case 'order': await this.#order(call, next.makesRoom); break;
        case 'history': this.#read(call, () => this.#history(call, next)); break;
        case 'log': this.#read(call, () => this.#log(call, next.since)); break;
        case 'judge': call.judge(this.#room.config); break;
        case 'answer': case 'document': case 'handOver': case 'takeIn': case 'forgetRoom': case 'rooms': return;
      }
    }
  }

  async #order(call: wasm.BackEndCall, makesRoom: boolean): Promise<void> {
    if (makesRoom && !(await this.#room.mayBeMade())) return call.fail('unavailable');
    let [ticket, late] = [0, 0];
    try {
      const came = await new Promise<Came>((resolve) => {
        late = setTimeout(resolve, ANSWER_MS, 'late');
        this.#room.put((machine, given) => {
          ticket = given;
          const came = machine.order(call, Date.now(), ticket);
          if (came === 'answered') resolve(came);
          else if (came === 'leaving') this.#leaving.push(() => resolve('gone'));
          else this.#replies.set(ticket, resolve);
          return came !== 'answered';
        });
      });
      if (came === 'late') call.fail('unavailable');
      else if (came === 'gone') call.gone();
      else if (came !== 'answered') call.replied(came.seq, came.refused);
    } finally {
      clearTimeout(late);
      this.#replies.delete(ticket);
    }
  }

  #read(call: wasm.BackEndCall, read: () => void): void {
    try {
      read();
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) throw error;
      console.error(`The log of room ${this.#room.name} cannot be read: ${error instanceof Error ? error.message : error}`);
      call.fail('unreadable');
    }
  }

  #history(call: wasm.BackEndCall, wanted: Wanted): void {
    const { record, rows, rest } = this.#storage.history(this.#room.name, wanted);
    call.history(written(rows, record), rest ?? undefined);
  }

  #log(call: wasm.BackEndCall, since: number): void {
    const rows = this.#storage.since(this.#room.name, since, LOG);
    if (rows === null) call.tooMuchLog(LOG.rows, LOG.bytes);
    else call.log(written(rows));
  }
}

const written = (log: LogRow[], of: Uint8Array | null = null): Uint8Array =>
  record(0, inputs.loaded(0, { owner: 0, record: of, chunks: [], log }));
