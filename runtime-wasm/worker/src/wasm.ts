// Owns: the one copy of the module that an isolate has. All objects of the isolate share its memory.

import module from '../wasm/kanvas_wasm_bg.wasm';
import { Arrival, BackEndCall, Directory, errors, initSync, issuer, KeyRing, readLink, readRoom, Room, roomId, sniff } from '../wasm/kanvas_wasm.js';

const { memory } = initSync({ module });

interface Vocabulary {
  /** Refusals that leave a socket open, and their sentences. */
  codes: Record<string, string>;
  closes: Record<string, { code: number; message: string }>;
  /** Why a token is refused. */
  tokens: Record<string, { close: string; message: string }>;
}

/** The words of the core: what is said on every host alike. */
export const vocabulary: Vocabulary = JSON.parse(errors());

/** Bytes of linear memory that the isolate's objects have taken together. It never shrinks. */
export const memoryBytes = (): number => memory.buffer.byteLength;

export { Arrival, BackEndCall, Directory, issuer, KeyRing, readLink, readRoom, Room, roomId, sniff };
