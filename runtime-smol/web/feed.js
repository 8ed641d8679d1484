// Owns: the connection to the live list of rooms: open, hear, notice silence, come back. Free of DOM; the host gives
// sockets and time. Not here: what the list is (listing.js); rooms have a connection of their own (client.js).

import { backOff, isFinal } from './client.js';
import { Emitter } from './events.js';

const OPEN_WITHIN = 10_000;
const PING_EVERY = 20_000;
const PONG_WITHIN = 10_000;

/**
 * Emits `frame`, and `state`: { phase, again?, retryAt?, code?, message? } with the phases `connecting`, `live` (the list has
 * been told), `waiting` (a retry is due at `retryAt`), `refused` (it will not try by itself), `stopped`.
 */
export class Feed extends Emitter {
  state = { phase: 'stopped' };
  #address;
  #host;
  #socket = null;
  #attempt = 0;
  #complaint = null;
  #heardAt = 0;
  #timer = null;

  /** `address()` gives where to connect to this time; `host` as for Client. */
  constructor(address, host) {
    super();
    this.#address = address;
    this.#host = host;
  }

  start() {
    this.#drop();
    this.#attempt = 0;
    this.#open();
  }

  stop() {
    this.#drop();
    this.#become({ phase: 'stopped' });
  }

  /** The network or the person is back. */
  wake() {
    if (this.state.phase === 'waiting') this.#open();
  }

  #open() {
    this.#host.clearTimeout(this.#timer);
    this.#complaint = null;
    this.#become({ phase: 'connecting', again: this.#attempt > 0 });
    const socket = new this.#host.WebSocket(this.#address());
    this.#socket = socket;
    const mine = (handler) => (event) => {
      if (socket === this.#socket) handler(event);
    };
    socket.addEventListener('message', mine(({ data }) => this.#heard(data)));
    socket.addEventListener('close', mine(({ code }) => this.#closed(code)));
    this.#timer = this.#host.setTimeout(() => this.#lost(), OPEN_WITHIN);
  }

  #heard(text) {
    this.#heardAt = this.#host.now();
    if (text === 'pong') return;
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return; // what is not ours to read must not end the list
    }
    if (frame.type === 'error') this.#complaint = frame.data;
    this.emit('frame', frame);
    if (frame.type !== 'rooms') return;
    this.#attempt = 0;
    if (this.state.phase === 'live') return;
    this.#become({ phase: 'live' });
    this.#host.clearTimeout(this.#timer);
    this.#timer = this.#host.setTimeout(() => this.#ping(), PING_EVERY);
  }

  #closed(code) {
    const { message = 'The server refused this connection.', retryAfterMs = 0 } = this.#complaint ?? {};
    this.#drop();
    if (isFinal(code)) this.#become({ phase: 'refused', code, message });
    else this.#retry(retryAfterMs);
  }

  #lost() {
    this.#drop();
    this.#retry(0);
  }

  #retry(atLeast) {
    const delay = Math.max(atLeast, backOff(this.#attempt, this.#host.random));
    this.#attempt += 1;
    this.#timer = this.#host.setTimeout(() => this.#open(), delay);
    this.#become({ phase: 'waiting', retryAt: this.#host.now() + delay });
  }

  /** A half-open connection says nothing for ever. */
  #ping() {
    const asked = this.#host.now();
    this.#socket.send('ping');
    this.#timer = this.#host.setTimeout(() => {
      if (this.#heardAt < asked) this.#lost();
      else this.#timer = this.#host.setTimeout(() => this.#ping(), PING_EVERY - PONG_WITHIN);
    }, PONG_WITHIN);
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#host.clearTimeout(this.#timer);
    socket?.close(1000);
  }

  #become(state) {
    this.state = state;
    this.emit('state', state);
  }
}
