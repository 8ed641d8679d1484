// Clients that keep every frame they hear: one over PartySocket, unmodified, and one over a bare WebSocket. Each watches
// over the log of its room: every `seq` must come once, in order, as an event or as the ack of its own. They know the
// protocol's envelope, and nothing of what a test is about.

import assert from 'node:assert/strict';
import { PartySocket } from 'partysocket';
import WS from 'ws';

/** Longer than anything takes that is no deadline of its own. */
const PATIENCE = 10_000;

/** Waits until `holds` gives something true, and returns it. */
export async function until(what, holds, timeout = PATIENCE, pause = 4) {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain until ${typeof what === 'function' ? what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** A close that a client does not come back from. */
export const isFinal = (event) => event.code >= 4500 && event.code < 5000;

/** What both kinds of client have in common. */
class Client {
  /** Every frame, parsed, and as it came. */
  frames = [];
  texts = [];
  /** Every close: its code and its reason. */
  closes = [];
  opens = 0;
  /** The place in the log up to which it knows everything; `null` until it was told the state. */
  seq = null;
  /** What was wrong with the log. */
  faults = [];
  #read = 0;
  #asked = 0;

  hear(text) {
    const frame = text === 'pong' ? { type: 'pong' } : JSON.parse(text);
    this.texts.push(text);
    this.frames.push(frame);
    this.#follow(frame);
  }

  /** Follows the log. */
  #follow(frame) {
    const { type, data, seq } = frame;
    if (type === 'state:sync' && data.mode === 'full') {
      this.seq = data.seq;
    } else if (type === 'state:sync') {
      data.ops.forEach((op) => this.#step(op.seq, op));
      if (data.part === data.parts && this.seq !== data.seq) this.faults.push(`it ends at ${this.seq}: ${JSON.stringify(frame)}`);
    } else if (type === 'ack' && this.seq !== null) {
      // Of an edit that was sent again, or that was told as an event before.
      if (data.seq > this.seq) this.#step(data.seq, frame);
    } else if (seq !== undefined && this.seq !== null) {
      this.#step(seq, frame);
    }
  }

  #step(seq, frame) {
    if (seq !== this.seq + 1) this.faults.push(`after ${this.seq} came ${JSON.stringify(frame)}`);
    this.seq = seq;
  }

  send(type, data, id) {
    this.say(JSON.stringify({ type, data, id }));
  }

  /** Waits for a frame of that type, the `nth` one of all. */
  frame(type, nth = 0) {
    return until(() => `a ${type} came: ${this.texts.join('\n')}`, () => this.frames.filter((frame) => frame.type === type)[nth]);
  }

  /** Reads on, to the next frame of that type, or the next that the test holds for. */
  async hears(wanted, timeout) {
    const holds = typeof wanted === 'function' ? wanted : (frame) => frame.type === wanted;
    const from = this.#read;
    const at = await until(
      () => `${wanted} came: ${this.texts.slice(from).join('\n')}`,
      () => {
        const found = this.frames.slice(from).findIndex(holds);
        return found < 0 ? 0 : from + found + 1;
      },
      timeout,
    );
    this.#read = at;
    return this.frames[at - 1];
  }

  /** The next frame, which must be of that type, as it came. */
  async next(type) {
    const at = this.#read;
    await until(`a ${type} came`, () => this.frames.length > at);
    assert.equal(this.frames[at].type, type, this.texts[at]);
    this.#read += 1;
    return this.texts[at];
  }

  /** All that was heard since it last read: complete up to what the room was told by anybody before this was called. */
  async settled() {
    const id = `settled-${(this.#asked += 1)}`;
    const from = this.#read;
    this.say(JSON.stringify({ ...this.question, id }));
    await this.hears((frame) => frame.type === 'error' && frame.data.ref === id);
    return this.frames.slice(from, this.#read - 1);
  }

  /** What is refused behind everything that was stored before it: an edit of an image that nobody has. */
  question = { type: 'image:remove', data: { id: 'an-image-that-nobody-has' } };

  /** Joins, and gives what it was told of the room. */
  async join(data = {}) {
    const { joined } = await this.enters(data);
    return joined;
  }

  /** Joins, and gives everything that greets it. */
  async enters(data = {}) {
    this.seq = data.since?.seq ?? null;
    this.send('user:join', data);
    const joined = (await this.hears('room:joined')).data;
    const parts = [];
    do parts.push((await this.hears('state:sync')).data);
    while (parts.at(-1).part < parts.at(-1).parts);
    const { users } = (await this.hears('user:list')).data;
    return { joined, parts, state: parts[0], users };
  }

  /** Waits for the next close, or for the `nth` one of all. */
  closed(nth = 0) {
    return until(() => `it was closed: ${this.texts.join('\n')}`, () => this.closes[nth]);
  }

  /** Waits for the close that the server says a reason for in an `error` before it: `[code, reason]`. */
  async refused(nth = 0) {
    const { code, reason } = await this.closed(nth);
    const last = this.frames.at(-1);
    assert.deepEqual([last?.type, last?.data.code, last?.data.ref], ['error', reason, null], `${code} ${reason} after ${this.texts.at(-1)}`);
    return [code, reason];
  }
}

/** A person with an unmodified PartySocket. */
export class Member extends Client {
  constructor(host, room, { query, id, onOpen, ...options } = {}) {
    super();
    this.socket = new PartySocket({
      host,
      protocol: 'ws',
      room,
      id,
      query,
      WebSocket: WS,
      minReconnectionDelay: 50,
      maxReconnectionDelay: 200,
      shouldReconnectOnClose: (event) => !isFinal(event),
      ...options,
    });
    this.socket.addEventListener('open', () => {
      this.opens += 1;
      onOpen?.(this);
    });
    this.socket.addEventListener('message', (event) => this.hear(event.data));
    this.socket.addEventListener('close', ({ code, reason }) => this.closes.push({ code, reason }));
    this.socket.addEventListener('error', () => {});
  }

  say(text) {
    this.socket.send(text);
  }

  /** Cuts the connection below the WebSocket: no close frame is sent. It comes back by itself. */
  async breaks() {
    const opens = this.opens;
    this.socket._ws._socket.destroy();
    await until('it is open again', () => this.opens > opens);
  }

  part() {
    this.socket.close();
  }
}

/** A bare WebSocket at any address. */
export class Raw extends Client {
  /** The status, the headers and the body of an answer that is no upgrade. */
  answer = null;

  constructor(host, path, { headers, protocols = [] } = {}) {
    super();
    this.socket = new WS(`ws://${host}${path}`, protocols, { headers, perMessageDeflate: false });
    this.opened = new Promise((resolve) => this.socket.once('open', resolve).once('close', resolve));
    this.socket.on('open', () => (this.opens += 1));
    this.socket.on('message', (bytes, isBinary) => {
      if (isBinary) this.faults.push('a binary message came');
      else this.hear(String(bytes));
    });
    this.socket.on('close', (code, reason) => this.closes.push({ code, reason: String(reason) }));
    this.socket.on('unexpected-response', (request, response) => {
      let body = '';
      response.on('data', (piece) => (body += piece));
      response.on('end', () => {
        this.answer = { status: response.statusCode, headers: response.headers, body };
        this.socket.emit('close', 1006, '');
      });
    });
    this.socket.on('error', () => {});
  }

  say(text) {
    this.socket.send(text);
  }

  /** Breaks off: no close frame is sent. */
  breaks() {
    this.socket.terminate();
  }

  /** Leaves properly. */
  async leaves(code, reason) {
    this.socket.close(code, reason);
    await this.closed();
  }

  part() {
    this.socket.terminate();
  }
}

/** The people of one test. They go when it ends, and then every log must have been whole. */
export function people(t, place) {
  const all = [];
  const add = (client) => {
    all.push(client);
    return client;
  };
  t.after(() => {
    all.forEach((client) => client.part());
    assert.deepEqual(all.flatMap((client) => client.faults), []);
  });
  const { host } = place.target;
  const connect = (room, options) => add(new Member(host, room, options));
  const raw = async (path, options) => {
    const client = add(new Raw(host, path, options));
    await client.opened;
    return client;
  };
  return {
    /** Connects with PartySocket. */
    connect,
    /** Connects with PartySocket and joins; `client.joined` is what it was told. */
    join: async (room, data, options) => {
      const client = connect(room, options);
      Object.assign(client, await client.enters(data));
      return client;
    },
    /** Connects a bare WebSocket, or is refused one. */
    raw,
    /** The same to a room, which is then joined. */
    rawJoin: async (path, data, options) => {
      const client = await raw(path, options);
      Object.assign(client, await client.enters(data));
      return client;
    },
  };
}

/** An image of that id. */
export const image = (id, more = {}) => ({ id, src: 'https://example.com/a.png', x: 1, y: 2, width: 30, height: 40, ...more });

/** The codes of the errors among these frames. */
export const codes = (frames) => frames.filter((frame) => frame.type === 'error').map((frame) => frame.data.code);
