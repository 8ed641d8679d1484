// Owns: one room's object: its sockets, its timers, its storage, and the machine in the middle. The machine decides; this
// carries out. The platform forgets the object whenever nothing is going on; the next event makes the machine anew from
// what storage and sockets have kept.

import { DurableObject } from 'cloudflare:workers';
import { type Carrier, carryOut, inputs, messageBytes, type Visitor, Writer, writeMessage } from './codec';
import { Load } from './load';
import type { Registry } from './registry';
import { leaseOf } from './person';
import { put, type Question, type Told } from './questions';
import { type Env, read, type Settings } from './settings';
import { check } from './signin';
import { closeQuietly, type Kept, type Socket, Sockets } from './sockets';
import { type Failure, Storage } from './storage';
import { issuer, Room as Machine, vocabulary } from './wasm';

const MESSAGE_BYTES = 64 * 1024;
/** A timer keeps the object awake, an alarm wakes it: what comes soon is waited for. */
const SOON_MS = 30_000;
/** How long an answer may take. */
const ANSWER_MS = 5000;
/** Sockets that are taken in at once, and how many a second after those: they all come back together after a deploy. */
const BURST = 100;
const A_SECOND = 100;

export class Room extends DurableObject<Env> {
  #settings: Settings;
  #storage: Storage;
  #load: Load;
  #sockets = new Sockets();
  #machine: Machine | null = null;
  #name: string;
  /** What it is to be told once all that it said has been carried out. */
  #next: Array<(to: Writer) => void> = [];
  #dozing = false;
  #timer: number | null = null;
  /** When the alarm goes off; null if that is not known, or there is none. */
  #alarm: number | null = null;
  #ticket = 0;
  #replies = new Map<number, (told: Told) => void>();
  #turnstile = { free: BURST, at: 0 };

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const settings = read(env, (key) => JSON.parse(issuer(key)));
    // The entry tells what is wrong, and lets nobody through to here.
    if (Array.isArray(settings)) throw new Error(settings.join(' '));
    this.#settings = settings;
    this.#name = ctx.id.name ?? '';
    this.#storage = new Storage(ctx.storage);
    this.#load = new Load(env, () => this.#counts());
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
  }

  // ---- What the platform tells ------------------------------------------------------------------------------------

  /** Takes a socket in. The entry has checked who it is. */
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const visitor = JSON.parse(url.searchParams.get('visitor') ?? '') as Visitor;
    await this.#turn();
    if (visitor.founds === 'yes' && !this.#storage.has(this.#name)) visitor.founds = await this.#mayFound(visitor.user);
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [visitor.user]);
    this.#drive(() => {
      const { conn } = this.#sockets.add(server, visitor.user);
      this.#tell(inputs.connect(conn, visitor, crypto.getRandomValues(new Uint8Array(16))));
    });
    const protocol = request.headers.get('sec-websocket-protocol');
    return new Response(null, { status: 101, webSocket: client, headers: protocol === null ? {} : { 'sec-websocket-protocol': protocol } });
  }

  webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): void {
    this.#drive((machine) => {
      const socket = this.#sockets.of(ws);
      // It was closed, and says its last.
      if (socket === undefined) return;
      if (typeof message !== 'string') return this.#cut(socket, 1003, 'text only');
      const into = machine.inbox(messageBytes(Math.min(message.length, MESSAGE_BYTES + 1)));
      const length = message.length > MESSAGE_BYTES ? null : writeMessage(into, Date.now(), socket.conn, message, MESSAGE_BYTES);
      if (length === null) return this.#cut(socket, 1009, 'message too long');
      this.#load.heard(length);
      this.#handle(machine, length);
    });
  }

  webSocketClose(ws: WebSocket, code: number, reason: string, wasClean: boolean): void {
    this.#gone(ws, !wasClean || code === 1006);
    // Its close frame is given back.
    closeQuietly(ws, code, reason);
  }

  webSocketError(ws: WebSocket): void {
    this.#gone(ws, true);
  }

  alarm(): void {
    this.#alarm = null;
    this.#drive(() => this.#tell(inputs.tick()));
  }

  // ---- What the entry asks ----------------------------------------------------------------------------------------

  async ask(question: Question): Promise<Told> {
    return new Promise<Told>((resolve) => {
      const late = setTimeout(resolve, ANSWER_MS, 'unavailable');
      const answer = (told: Told) => {
        clearTimeout(late);
        resolve(told);
      };
      this.#drive((machine) => {
        const ticket = ++this.#ticket;
        const told = put(machine, Date.now(), question, ticket);
        if (typeof told !== 'function') return answer(told);
        this.#replies.set(ticket, answer);
        this.#tell(told);
      });
    });
  }

  // ---- The machine ------------------------------------------------------------------------------------------------

  /** Does something with the machine, which is made anew if it was forgotten. */
  #drive(work: (machine: Machine) => void): void {
    try {
      work(this.#machine ?? this.#wake());
      this.#settle();
    } catch (error) {
      // The machine has trapped, or cannot be relied on for another reason: the next event makes another one.
      console.error(`Room ${this.#name} starts anew: ${error instanceof Error ? error.stack : error}`);
      this.ctx.abort('the room starts anew');
      throw error;
    }
  }

  /** Makes the machine of what storage has, and gives it the sockets that outlived the last one. */
  #wake(): Machine {
    const [seed = 0n] = crypto.getRandomValues(new BigUint64Array(1));
    const machine = new Machine(this.#name, seed, Date.now(), this.#settings.rooms);
    this.#machine = machine;
    this.#carryOut(machine);
    for (const ws of this.ctx.getWebSockets()) {
      const kept = ws.deserializeAttachment() as Kept | null;
      if (!kept?.room) continue;
      const { conn } = this.#sockets.add(ws, this.ctx.getTags(ws)[0] ?? '');
      this.#tell(inputs.resume(conn, kept.room));
    }
    this.#load.woke();
    return machine;
  }

  /** Gives the machine one input, and all that follows from it. */
  #tell(input: (to: Writer) => void): void {
    const machine = this.#machine;
    if (machine === null) return;
    const { bytes } = new Writer().record((to) => input(to.u64(Date.now())));
    machine.inbox(bytes.length).set(bytes);
    this.#handle(machine, bytes.length);
  }

  #handle(machine: Machine, length: number): void {
    this.#dozing = false;
    machine.handle(length);
    this.#carryOut(machine);
  }

  #carryOut(machine: Machine): void {
    carryOut(machine.outbox(), this.#carrier);
    for (let next = this.#next.shift(); next !== undefined; next = this.#next.shift()) this.#tell(next);
  }

  /** What every event ends with: the machine goes if it may, or is told the time when it wants to know it. */
  #settle(): void {
    const machine = this.#machine;
    if (machine === null) return;
    if (this.#dozing && this.#sockets.size === 0) return this.#letGo(machine);
    const now = Date.now();
    const deadline = machine.deadline();
    clearTimeout(this.#timer);
    this.#timer = null;
    if (deadline === undefined) return;
    if (deadline - now <= SOON_MS) this.#timer = setTimeout(() => this.#ring(), Math.max(1, deadline - now));
    // One that is too early stays: to move it would cost a write at every message.
    else if (this.#alarm === null || this.#alarm > deadline || this.#alarm <= now) {
      this.#alarm = deadline;
      this.ctx.waitUntil(this.ctx.storage.setAlarm(deadline));
    }
  }

  #ring(): void {
    this.#timer = null;
    if (this.#machine !== null) this.#drive(() => this.#tell(inputs.tick()));
  }

  #letGo(machine: Machine): void {
    this.#load.gone();
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#machine = null;
    machine.free();
    if (this.#alarm !== null) {
      this.#alarm = null;
      this.ctx.waitUntil(this.ctx.storage.deleteAlarm());
    }
  }

  // ---- What the machine says --------------------------------------------------------------------------------------

  #carrier: Carrier = {
    group: (conn, group) => {
      const socket = this.#sockets.at(conn);
      if (socket) this.#sockets.seat(socket, group);
    },
    sendOne: (conn, text, bytes) => {
      const socket = this.#sockets.at(conn);
      if (socket) this.#send(socket, text, bytes);
    },
    sendGroup: (group, except, text, bytes) => {
      const left = except && this.#sockets.at(except);
      for (const socket of this.#sockets.members(group)) if (socket !== left) this.#send(socket, text, bytes);
    },
    close: (conn, code, reason) => {
      const socket = this.#sockets.at(conn);
      if (!socket) return;
      this.#sockets.remove(socket);
      this.#load.changed();
      closeQuietly(socket.ws, code, reason);
    },
    attach: (conn, bytes) => {
      const ws = this.#sockets.at(conn)?.ws;
      if (!ws) return;
      const kept = ws.deserializeAttachment() as Kept | null;
      ws.serializeAttachment({ room: bytes.slice(), hinted: kept?.hinted ?? 0 } satisfies Kept);
    },
    load: (effect) => void this.#next.push(inputs.loaded(effect, this.#storage.load(this.#name))),
    store: (effect, upto, owner, writes) => {
      const failure: Failure | null = this.#storage.store(this.#name, owner, writes);
      this.#load.stored(failure);
      this.#next.push(failure === null ? inputs.stored(effect, upto) : inputs.failed(effect, failure));
    },
    verify: (effect, token) => this.ctx.waitUntil(this.#verify(effect, token)),
    founded: (conn) => {
      const user = this.#sockets.at(conn)?.user;
      if (user !== undefined) this.#toRegistry((registry) => registry.founded(user));
    },
    reply: (ticket, _seq, refused) => {
      this.#replies.get(ticket)?.(refused === '' ? 'done' : { refused });
      this.#replies.delete(ticket);
    },
    announce: (listing) => {
      this.#toRegistry((registry) => registry.announced(listing));
      this.#load.changed();
    },
    forget: () => {
      const name = this.#name;
      this.#toRegistry((registry) => registry.forgotten(name));
    },
    notice: () => {},
    sleep: () => {
      this.#dozing = true;
    },
  };

  #send({ ws }: Socket, text: string, bytes: number): void {
    try {
      ws.send(text);
      this.#load.said(bytes);
    } catch {
      // It has gone; the platform tells of it in its own event.
    }
  }

  async #verify(effect: number, token: string): Promise<void> {
    const verdict = await check(token, this.#settings, (work) => this.ctx.waitUntil(work));
    this.#drive(() => {
      if ('refused' in verdict) return this.#tell(inputs.notVerified(effect, vocabulary.tokens[verdict.refused]?.close ?? 'token_invalid'));
      const { user, expires, organisation } = verdict.session;
      const org = organisation && { id: organisation.id, role: organisation.role?.replace(/^org:/, '') ?? null };
      this.#tell(inputs.verified(effect, user, org, leaseOf(expires, this.#settings)));
    });
  }

  // ---- Sockets ----------------------------------------------------------------------------------------------------

  /** Ends a socket that says what cannot be heard. */
  #cut(socket: Socket, code: number, reason: string): void {
    this.#sockets.remove(socket);
    closeQuietly(socket.ws, code, reason);
    this.#tell(inputs.disconnect(socket.conn, true));
  }

  #gone(ws: WebSocket, lost: boolean): void {
    this.#drive(() => {
      const socket = this.#sockets.of(ws);
      // The machine closed it, and has forgotten it.
      if (socket === undefined) return;
      this.#sockets.remove(socket);
      this.#load.changed();
      this.#tell(inputs.disconnect(socket.conn, lost));
    });
  }

  /** Waits for this socket's turn. Those of a whole room come back at once after a deploy, without any jitter. */
  async #turn(): Promise<void> {
    const now = Date.now();
    const { free, at } = this.#turnstile;
    this.#turnstile = { free: Math.min(BURST, free + ((now - at) * A_SECOND) / 1000) - 1, at: now };
    const wait = (-this.#turnstile.free * 1000) / A_SECOND;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }

  // ---- Others -----------------------------------------------------------------------------------------------------

  async #mayFound(user: string): Promise<'yes' | 'spent'> {
    return (await this.#registry().mayFound(user, this.#settings.newRooms)) ? 'yes' : 'spent';
  }

  #registry(): DurableObjectStub<Registry> {
    return this.env.REGISTRY.get(this.env.REGISTRY.idFromName('registry'));
  }

  /** Tells the list of rooms something; tried again until it is heard. */
  #toRegistry(tell: (registry: DurableObjectStub<Registry>) => Promise<void>): void {
    const attempt = async () => {
      for (let wait = 100; ; wait = Math.min(wait * 2, SOON_MS)) {
        try {
          return await tell(this.#registry());
        } catch (error) {
          console.warn(`The list of rooms did not hear of ${this.#name}: ${error instanceof Error ? error.message : error}`);
          await new Promise((resolve) => setTimeout(resolve, wait));
        }
      }
    };
    this.ctx.waitUntil(attempt());
  }

  #counts(): { room: string; stats: string } | null {
    return this.#machine && { room: this.#name, stats: this.#machine.stats() };
  }
}
