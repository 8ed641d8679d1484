// Owns: one connection to one room: open, join, hear, notice silence, come back, give up when told to.
// Not here: what frames mean (replica.js), which edits are unanswered (outbox.js). Free of DOM; the host gives sockets and time.

import { Emitter } from './events.js';

const FIRST_DELAY = 500;
const LONGEST_DELAY = 10_000;
const OPEN_WITHIN = 10_000;
const STEADY_AFTER = 5_000;
const PING_EVERY = 15_000;
const PONG_WITHIN = 10_000;

/** Half fixed, half chance: a room that restarts must not get all its people back in the same instant. */
export function backOff(attempt, random) {
  const top = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempt);
  return top / 2 + (random() * top) / 2;
}

/** 45xx means do not retry. 41xx means come with new credentials, and only the person has some. */
export function isFinal(code) {
  return (code >= 4500 && code < 5000) || (code >= 4100 && code < 4200);
}

/**
 * Emits `state` ({ phase, retryAt?, message?, code? }) and `frame`. Phases: `connecting` (no answer yet),
 * `live`, `waiting` (a retry is due at `retryAt`), `refused` (it will not try by itself), `stopped`.
 */
export class Client extends Emitter {
  state = { phase: 'stopped' };

  #address;
  #hello;
  #host;
  #socket = null;
  #attempt = 0;
  #notBefore = 0;
  #complaint = null;
  #heardAt = 0;
  #timer = null;
  #steady = null;
  #pulse = null;

  /**
   * `address()` gives where to connect to this time, `hello()` the data of `user:join`. `host` is { WebSocket, now, random, setTimeout, clearTimeout }.
   */
  constructor(address, hello, host) {
    super();
    this.#address = address;
    this.#hello = hello;
    this.#host = host;
  }

  start() {
    this.#notBefore = 0;
    this.#attempt = 0;
    this.#open();
  }

  stop() {
    this.#abandon(1000);
    this.#become({ phase: 'stopped' });
  }

  /** The network or the person is back: do not sit out the delay, unless the server set it. */
  wake() {
    if (this.state.phase === 'waiting') this.#wait(Math.max(0, this.#notBefore - this.#host.now()));
  }

  /** What is known here has a hole: come back and be told the rest. */
  resync() {
    if (!this.#socket) return;
    this.#abandon(1000);
    this.#retry();
  }

  /** True when it went out; nothing is queued here. */
  send(frame) {
    if (this.state.phase !== 'live') return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #open() {
    this.#clear();
    this.#complaint = null;
    this.#become({ phase: 'connecting', again: this.#attempt > 0 });
    const socket = new this.#host.WebSocket(this.#address());
    this.#socket = socket;
    const mine = (handler) => (event) => {
      if (socket === this.#socket) handler(event);
    };
    socket.addEventListener('open', mine(() => this.#opened()));
    socket.addEventListener('message', mine((event) => this.#heard(event.data)));
    socket.addEventListener('close', mine((event) => this.#closed(event.code)));
    this.#timer = this.#host.setTimeout(() => this.#lost(), OPEN_WITHIN);
  }

  #opened() {
    this.#socket.send(JSON.stringify({ type: 'user:join', data: this.#hello() }));
    this.#heardAt = this.#host.now();
    this.#ping();
  }

  #heard(text) {
    this.#heardAt = this.#host.now();
    if (text === 'pong' || typeof text !== 'string') return;
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return; // a frame that is not ours to read must not end the session
    }
    if (frame.type === 'error' && frame.data.ref == null) this.#complaint = frame.data;
    this.emit('frame', frame);
    // The list of people is the last frame of a join.
    if (frame.type === 'user:list' && this.state.phase === 'connecting') this.#live();
  }

  #live() {
    this.#host.clearTimeout(this.#timer);
    // A connection that dies at once must not reset the back-off, or a crash loop would be met at full speed.
    this.#steady = this.#host.setTimeout(() => { this.#attempt = 0; }, STEADY_AFTER);
    this.#become({ phase: 'live' });
  }

  #closed(code) {
    this.#socket = null;
    this.#clear();
    const message = this.#complaint?.message;
    if (isFinal(code)) {
      this.#become({ phase: 'refused', code, message: message ?? 'The server refused this connection.' });
      return;
    }
    this.#retry(this.#complaint?.retryAfterMs);
  }

  #retry(atLeast = 0) {
    this.#notBefore = this.#host.now() + atLeast;
    const delay = Math.max(atLeast, backOff(this.#attempt, this.#host.random));
    this.#attempt += 1;
    this.#wait(delay);
  }

  #wait(delay) {
    this.#clear();
    this.#timer = this.#host.setTimeout(() => this.#open(), delay);
    this.#become({ phase: 'waiting', retryAt: this.#host.now() + delay, message: this.#complaint?.message });
  }

  /** Nobody closed it, but nobody is there. */
  #lost() {
    this.#abandon(4000);
    this.#retry();
  }

  /** A half-open connection says nothing for ever; a browser shows no pings of the server to the page. */
  #ping() {
    const asked = this.#host.now();
    if (this.#socket.readyState === 1) this.#socket.send('ping');
    this.#pulse = this.#host.setTimeout(() => {
      if (this.#heardAt < asked) this.#lost();
      else this.#pulse = this.#host.setTimeout(() => this.#ping(), PING_EVERY - PONG_WITHIN);
    }, PONG_WITHIN);
  }

  #abandon(code) {
    const socket = this.#socket;
    this.#socket = null;
    this.#clear();
    socket?.close(code);
  }

  #clear() {
    for (const timer of [this.#timer, this.#steady, this.#pulse]) this.#host.clearTimeout(timer);
    this.#timer = null;
    this.#steady = null;
    this.#pulse = null;
  }

  #become(state) {
    this.state = state;
    this.emit('state', state);
  }
}
