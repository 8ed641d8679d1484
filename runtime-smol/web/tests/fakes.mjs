// Owns: a clock one can turn by hand and a socket that goes nowhere, for tests of the connection.

export class Clock {
  time = 1_000_000;
  #due = new Map();
  #made = 0;

  now = () => this.time;
  setTimeout = (fn, delay) => {
    this.#made += 1;
    this.#due.set(this.#made, { at: this.time + delay, fn });
    return this.#made;
  };
  clearTimeout = (id) => this.#due.delete(id);

  /** Runs what falls due on the way, in order of time. */
  pass(ms) {
    const end = this.time + ms;
    for (;;) {
      const next = [...this.#due].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (!next) break;
      this.#due.delete(next[0]);
      this.time = Math.max(this.time, next[1].at);
      next[1].fn();
    }
    this.time = end;
  }
}

export function fakeHost({ random = () => 0.5 } = {}) {
  const clock = new Clock();
  const sockets = [];
  class FakeSocket extends EventTarget {
    readyState = 0;
    sent = [];
    constructor(url) {
      super();
      this.url = url;
      sockets.push(this);
    }
    send(text) { this.sent.push(text === 'ping' ? text : JSON.parse(text)); }
    close(code) {
      this.readyState = 3;
      this.closedWith = code;
    }
    open() {
      this.readyState = 1;
      this.dispatchEvent(new Event('open'));
    }
    hear(frame) {
      const data = typeof frame === 'string' ? frame : JSON.stringify(frame);
      this.dispatchEvent(Object.assign(new Event('message'), { data }));
    }
    fall(code = 1006) {
      this.readyState = 3;
      this.dispatchEvent(Object.assign(new Event('close'), { code }));
    }
    edits() { return this.sent.filter((frame) => frame.id !== undefined); }
  }
  const host = {
    WebSocket: FakeSocket, now: clock.now, random, prefix: 'p',
    setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout,
  };
  return { host, clock, sockets, last: () => sockets.at(-1) };
}

export const joined = (over = {}) => ({
  type: 'room:joined', clientId: 'c1',
  data: { clientId: 'c1', userId: 'u1', role: 'editor', resume: 'secret', epoch: 'e1', seq: 0, room: { id: 'r', name: 'r' }, ...over },
});
export const full = (images = [], over = {}) => ({
  type: 'state:sync', clientId: 'c1', data: { mode: 'full', epoch: 'e1', seq: 0, part: 1, parts: 1, images, chat: [], ...over },
});
export const delta = (ops, seq, over = {}) => ({
  type: 'state:sync', clientId: 'c1', data: { mode: 'delta', epoch: 'e1', seq, part: 1, parts: 1, ops, ...over },
});
export const list = (...ids) => ({
  type: 'user:list', clientId: 'c1',
  data: { users: ids.map((clientId) => ({ clientId, userId: `u-${clientId}`, name: clientId, color: '#123456', idle: false, cursor: null })) },
});
export const picture = (id, over = {}) => ({ id, src: 'https://x.test/a.png', x: 0, y: 0, width: 10, height: 10, rotation: 0, z: 'a0', ...over });
export const moved = (id, fields, seq, clientId = 'c2') => ({ type: 'image:transform', data: { id, ...fields }, clientId, seq, timestamp: 1 });
export const sliding = (id, fields, clientId = 'c2') => ({ type: 'image:transform', data: { id, ...fields, transient: true }, clientId });
