// The worker whose machines trap once, at a message that asks for it.

import { Room as Machine } from '../wasm/kanvas_wasm.js';

const MARK = 'make it trap';
const { handle } = Machine.prototype;
let trapped = false;

Machine.prototype.handle = function (this: Machine, length: number): void {
  if (!trapped && new TextDecoder().decode(this.inbox(length)).includes(MARK)) {
    trapped = true;
    throw new WebAssembly.RuntimeError('unreachable');
  }
  handle.call(this, length);
};

export * from '../src/index';
export { default } from '../src/index';
