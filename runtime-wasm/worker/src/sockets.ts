// Owns: the sockets of an object, by the numbers that its machine knows them by, and its audiences. What is sent, and to
// whom, is the machine's decision.

import type { Conn } from './codec';

export interface Socket {
  ws: WebSocket;
  conn: Conn;
  user: string;
  group: number | null;
  /** When it was last written to the cache that its person is here. */
  hinted: number;
}

/** What is kept with a socket while the object sleeps. */
export interface Kept {
  /** What the room wants back. */
  room: Uint8Array | null;
  /** When it was last written to the cache that its person is here. */
  hinted: number;
}

export class Sockets {
  #slots: Array<Socket | undefined> = [];
  #generations: number[] = [];
  #free: number[] = [];
  #bySocket = new Map<WebSocket, Socket>();
  #groups: Array<Socket[] | undefined> = [];

  get size(): number {
    return this.#bySocket.size;
  }

  all(): Iterable<Socket> {
    return this.#bySocket.values();
  }

  of(ws: WebSocket): Socket | undefined {
    return this.#bySocket.get(ws);
  }

  at({ slot, generation }: Conn): Socket | undefined {
    const socket = this.#slots[slot];
    return socket?.conn.generation === generation ? socket : undefined;
  }

  add(ws: WebSocket, user: string, hinted = 0): Socket {
    const slot = this.#free.pop() ?? this.#slots.length;
    const generation = (this.#generations[slot] ?? -1) + 1;
    this.#generations[slot] = generation;
    const socket: Socket = { ws, conn: { slot, generation }, user, group: null, hinted };
    this.#slots[slot] = socket;
    this.#bySocket.set(ws, socket);
    return socket;
  }

  remove(socket: Socket): void {
    this.seat(socket, null);
    this.#bySocket.delete(socket.ws);
    this.#slots[socket.conn.slot] = undefined;
    this.#free.push(socket.conn.slot);
  }

  /** From now on it is in this audience and in no other. */
  seat(socket: Socket, group: number | null): void {
    if (socket.group !== null) {
      const members = this.#groups[socket.group] ?? [];
      const last = members.pop();
      if (last !== undefined && last !== socket) members[members.indexOf(socket)] = last;
    }
    socket.group = group;
    if (group !== null) (this.#groups[group] ??= []).push(socket);
  }

  members(group: number): readonly Socket[] {
    return this.#groups[group] ?? [];
  }
}

/** Closes a socket that may be closed already. A code that only tells how a socket ended is not sent. */
export function closeQuietly(ws: WebSocket, code: number, reason: string): void {
  try {
    if (code === 1005 || code === 1006) ws.close();
    else ws.close(code, reason);
  } catch {
    // It is closed already.
  }
}
