// Owns: the words between the core's reading of the API for back ends and what carries it out here.

import { blank, json } from './http';
import { BackEndCall } from './wasm';

/** Whether a path is one of the API's. */
export const owns = (path: string): boolean => path === '/api' || path.startsWith('/api/');

/** Rows of a log that are wanted, from the newest down. */
export interface Wanted {
  from: number;
  since: number;
  user: string | null;
  kind: string | null;
  most: number;
  lookedAt: number;
}

/** What to do for a request. */
export type Next =
  | { do: 'answer'; status: number; header: [string, string] | null }
  | { do: 'document' }
  | { do: 'handOver' | 'takeIn' | 'forgetRoom' }
  | { do: 'order'; makesRoom: boolean }
  | ({ do: 'history' } & Wanted)
  | { do: 'log'; since: number }
  | { do: 'rooms'; from: string }
  | { do: 'judge' };

export const nextOf = (call: BackEndCall): Next => JSON.parse(call.next()) as Next;

/** The answer that a call has come to, or that it cannot be carried out. */
export function answerOf(call: BackEndCall): Response {
  let next = nextOf(call);
  if (next.do !== 'answer') {
    call.fail('unavailable');
    next = nextOf(call);
    if (next.do !== 'answer') throw new Error('a call that failed has no answer');
  }
  const headers = { 'cache-control': 'no-store', ...(next.header && { [next.header[0]]: next.header[1] }) };
  const body = call.told();
  return body === undefined ? blank(next.status, headers) : json(next.status, body, headers);
}

/** Makes a call, and gives its memory back behind the answer. */
export async function withCall<T>(method: string, path: string, work: (call: BackEndCall) => T | Promise<T>): Promise<T> {
  const call = new BackEndCall(method, path);
  try {
    return await work(call);
  } finally {
    release(call);
  }
}

function release(call: BackEndCall): void {
  try {
    call.free();
  } catch (error) {
    // The machine has trapped in the middle of it.
    console.warn(`The memory of a call could not be given back: ${error instanceof Error ? error.message : error}`);
  }
}
