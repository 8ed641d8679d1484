// Owns: the object that all rooms share: the list of public rooms and those who watch it, what each person may still make
// and send, what rooms report of their work, and the secret by which guests are told apart. Rooms tell it; it wakes none.

import { DurableObject } from 'cloudflare:workers';
import { answerOf, nextOf, withCall } from './calls';
import { Clock } from './clock';
import { type Carrier, carryOut } from './codec';
import { type Listing, RoomsHint } from './kv';
import { Lease } from './lease';
import { LISTINGS, PRIVATE } from './listings';
import type { Report } from './load';
import { type Asked, Loads, type Seen } from './loads';
import { Opening } from './opening';
import { Quotas } from './quotas';
import { type Env, read, type Settings } from './settings';
import { closeQuietly, Sockets } from './sockets';
import { Directory, issuer } from './wasm';

const MESSAGE_BYTES = 64 * 1024;

export class Registry extends DurableObject<Env> {
  #settings: Settings;
  #quotas: Quotas;
  #loads: Loads;
  #sockets = new Sockets();
  #hint: RoomsHint | null = null;
  #lease = new Lease<Directory>('registry');
  #clock: Clock;
  /** The socket whose upgrade is being answered. */
  #opening: Opening | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const settings = read(env, (key) => JSON.parse(issuer(key)));
    if (Array.isArray(settings)) throw new Error(settings.join(' '));
    this.#settings = settings;
    ctx.storage.sql.exec(LISTINGS.schema);
    ctx.storage.sql.exec(PRIVATE.schema);
    this.#quotas = new Quotas(ctx.storage.sql);
    this.#clock = new Clock(ctx, () => this.#tell((list, now) => list.tick(now)));
    this.#loads = new Loads(ctx.storage.sql);
    if (env.KANVAS_CACHE) {
      this.#hint = new RoomsHint(env.KANVAS_CACHE, ctx.storage.sql, () => this.#listings(), (work) => ctx.waitUntil(work), ({ what, ...more }) => {
        if (what === 'failed') console.warn(`The app's cache could not be written: ${JSON.stringify(more)}`);
      });
    }
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
  }

  // ---- Those who watch --------------------------------------------------------------------------------------------

  async fetch(request: Request): Promise<Response> {
    const user = new URL(request.url).searchParams.get('user') ?? '';
    const opening = new Opening();
    this.#opening = opening;
    this.#drive((list, now) => {
      const { conn } = this.#sockets.add(opening.server, user);
      list.connect(now, conn.slot, conn.generation, user);
      this.#carryOut(list);
    });
    this.#opening = null;
    opening.settle(this.ctx, user);
    return opening.answer(request);
  }

  webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): void {
    this.#drive((list, now) => {
      const socket = this.#sockets.of(ws);
      if (socket === undefined) return;
      const { slot, generation } = socket.conn;
      const bytes = typeof message === 'string' && message.length <= MESSAGE_BYTES ? new TextEncoder().encode(message) : null;
      if (bytes !== null && bytes.length <= MESSAGE_BYTES) {
        list.message(now, slot, generation, bytes);
        return this.#carryOut(list);
      }
      this.#sockets.remove(socket);
      if (typeof message === 'string') ws.close(1009, 'message too long');
      else ws.close(1003, 'text only');
      list.disconnect(now, slot, generation);
      this.#carryOut(list);
    });
  }

  webSocketClose(ws: WebSocket, code: number, reason: string): void {
    this.#gone(ws);
    closeQuietly(ws, code, reason);
  }

  webSocketError(ws: WebSocket): void {
    this.#gone(ws);
  }

  #gone(ws: WebSocket): void {
    this.#drive((list, now) => {
      const socket = this.#sockets.of(ws);
      if (socket === undefined) return;
      this.#sockets.remove(socket);
      list.disconnect(now, socket.conn.slot, socket.conn.generation);
      this.#carryOut(list);
    });
  }

  alarm(): void {
    this.#clock.rang();
    this.#tell((list, now) => list.tick(now));
  }

  // ---- What rooms tell --------------------------------------------------------------------------------------------

  announced(listing: string): void {
    const { id, isPublic } = JSON.parse(listing) as { id: string; isPublic: boolean };
    const { sql } = this.ctx.storage;
    // A list that wakes is made of what was known before: what comes now is news.
    this.#tell((list, now) => list.announced(now, listing));
    if (isPublic) sql.exec(LISTINGS.put, id, listing, Date.now());
    else sql.exec(PRIVATE.put, id, listing);
    sql.exec(isPublic ? PRIVATE.drop : LISTINGS.drop, id);
    this.#hint?.changed(Date.now());
  }

  forgotten(id: string): void {
    this.#tell((list, now) => list.forgotten(now, id));
    for (const { drop } of [LISTINGS, PRIVATE]) this.ctx.storage.sql.exec(drop, id);
    this.#loads.forget(id);
    this.#hint?.changed(Date.now());
  }

  reported(report: Report): void {
    this.#loads.take(Date.now(), report);
  }

  // ---- What is asked ----------------------------------------------------------------------------------------------

  /** A page of the list as JSON, or the reason why the query cannot be. */
  page(query: { q?: string; sort?: string; limit?: string; cursor?: string }): { page: string } | { wrong: string; message: string } {
    const { q, sort, limit, cursor } = query;
    return this.#drive((list) => {
      try {
        return { page: new TextDecoder().decode(list.page(q, sort, limit, cursor)) };
      } catch (error) {
        if (!(error instanceof Error) || !error.name.startsWith('bad_')) throw error;
        return { wrong: error.name, message: error.message };
      }
    });
  }

  /** A page of all rooms, public or not, for a back end that asks with this query. */
  async rooms(query: string): Promise<{ status: number; page: string }> {
    return withCall('GET', '/api/rooms', async (call) => {
      call.read(query, undefined);
      const next = nextOf(call);
      if (next.do === 'rooms') {
        for (const { listing } of this.ctx.storage.sql.exec<{ listing: string }>(LISTINGS.each, next.from)) {
          if (!call.listing(listing)) break;
        }
        call.listed();
      }
      const answer = answerOf(call);
      return { status: answer.status, page: await answer.text() };
    });
  }

  /** A place for another room of this person, if they may make one now. */
  mayFound(user: string, most: number): boolean {
    return this.#quotas.mayFound(Date.now(), user, most);
  }

  founded(user: string): void {
    this.#quotas.founded(Date.now(), user);
  }

  /** Gives a place back that nobody took. */
  unclaim(user: string): void {
    this.#quotas.unclaim(user);
  }

  /** Charges an upload to its person, or says what stands against it. */
  charge(user: string, bytes: number): 'day' | 'total' | null {
    return this.#quotas.charge(Date.now(), user, bytes, this.#settings.assets);
  }

  /** Takes a charge back. */
  refund(user: string, bytes: number): void {
    this.#quotas.charge(Date.now(), user, -bytes, this.#settings.assets);
  }

  /** A file was there already: it takes no more place. */
  repeated(bytes: number): void {
    this.#quotas.repeated(bytes);
  }

  /** Bytes of all files; whoever asks hears that the storage answers. */
  total(): number {
    return this.#quotas.total();
  }

  /** 32 bytes of chance, the same for good. */
  secret(): Uint8Array {
    return this.#quotas.secret();
  }

  /** What rooms have reported. */
  seen(asked: Asked = {}): Seen {
    return this.#loads.seen(Date.now(), asked);
  }

  // ---- The machine ------------------------------------------------------------------------------------------------

  /** Tells the list something, and carries out what it says. */
  #tell(input: (list: Directory, now: number) => void): void {
    this.#drive((list, now) => {
      input(list, now);
      this.#carryOut(list);
    });
  }

  /** Carries out what the list said to the last input: once. */
  #carryOut(list: Directory): void {
    carryOut(list.outbox(), this.#carrier);
  }

  #drive<T>(work: (list: Directory, now: number) => T): T {
    try {
      const list = this.#lease.machine ?? this.#wake();
      const done = work(list, Date.now());
      this.#settle(list);
      return done;
    } catch (error) {
      console.error(`The list of rooms starts anew: ${error instanceof Error ? error.stack : error}`);
      if (error instanceof WebAssembly.RuntimeError) this.#lease.abandon();
      else this.#lease.drop();
      this.ctx.abort('the list of rooms starts anew');
      throw error;
    }
  }

  #wake(): Directory {
    const [seed = 0n] = crypto.getRandomValues(new BigUint64Array(1));
    this.#sockets = new Sockets();
    const list = this.#lease.take(() => new Directory(seed, this.#settings.rooms));
    const now = Date.now();
    for (const { listing, heard } of this.ctx.storage.sql.exec<{ listing: string; heard: number }>(LISTINGS.all)) list.restored(now, listing, heard);
    for (const ws of this.ctx.getWebSockets()) {
      const user = this.ctx.getTags(ws)[0] ?? '';
      const { conn } = this.#sockets.add(ws, user);
      list.resume(now, conn.slot, conn.generation, user);
      this.#carryOut(list);
    }
    list.tick(now);
    this.#carryOut(list);
    return list;
  }

  #settle(list: Directory): void {
    this.#hint?.tick(Date.now());
    this.#clock.want(list.deadline(), this.#hint?.due());
  }

  *#listings(): Iterable<Listing> {
    for (const { listing } of this.ctx.storage.sql.exec<{ listing: string }>(LISTINGS.all)) yield JSON.parse(listing) as Listing;
  }

  // ---- What it says -----------------------------------------------------------------------------------------------

  #carrier: Carrier = {
    group: (conn, group) => {
      const socket = this.#sockets.at(conn);
      if (socket) this.#sockets.seat(socket, group);
    },
    sendOne: (conn, text) => {
      const socket = this.#sockets.at(conn);
      if (socket) this.#send(socket.ws, text);
    },
    sendGroup: (group, _except, text) => {
      for (const { ws } of this.#sockets.members(group)) this.#send(ws, text);
    },
    close: (conn, code, reason) => {
      const socket = this.#sockets.at(conn);
      if (!socket) return;
      this.#sockets.remove(socket);
      if (this.#opening?.server === socket.ws) this.#opening.close(code, reason);
      else closeQuietly(socket.ws, code, reason);
    },
  };

  #send(ws: WebSocket, text: string): void {
    try {
      if (this.#opening?.server === ws) this.#opening.send(text);
      else ws.send(text);
    } catch {
      // It has gone; the platform tells of it in its own event.
    }
  }
}
