// Owns: one room's object: its sockets, its timers, its storage, and the machine in the middle. The machine decides; this
// carries out. The platform forgets the object whenever nothing is going on; the next event makes the machine anew from
// what storage and sockets have kept.

import { DurableObject } from 'cloudflare:workers';
import { owns } from './calls';
import { Clock } from './clock';
import { type Carrier, carryOut, inputs, messageBytes, readLoaded, record, type Visitor, type Write, writeMessage } from './codec';
import type { Here, Noted, Order } from './d1';
import { Hints } from './kv';
import { Lease } from './lease';
import { Load } from './load';
import type { Registry } from './registry';
import { Opening } from './opening';
import { Orders } from './orders';
import { leaseOf } from './person';
import { put, type Question, type Told } from './questions';
import { type Env, read, type Settings } from './settings';
import { check } from './signin';
import { closeQuietly, type Kept, type Socket, Sockets } from './sockets';
import { type Failure, Storage } from './storage';
import { Tables } from './tables';
import { digestOf, turnAway } from './upgrade';
import { Arrival, issuer, Room as Machine, vocabulary } from './wasm';

const MESSAGE_BYTES = 64 * 1024;
/** How long to wait at most until what the list of rooms did not hear is told again. */
const AGAIN_MS = 30_000;
/** How long an answer may take. */
const ANSWER_MS = 5000;
/** The longest that people are told to stay away from a room that moves, and how much of its log moves with it. */
const AWAY_MS = 1000;
const MOVED_OPS = 20_000;
/** Between two hints to the app's cache about one person. */
const HINT_MS = 45_000;
/** Sockets that are taken in at once, and how many a second after those: they all come back together after a deploy. */
const BURST = 100;
const A_SECOND = 100;

/** A room that was given away, or why it is not. */
export type Given = Uint8Array | { refused: 'not_found' | 'busy' | 'unavailable' };
/** Whether a room was taken in, or why not. Nothing has changed then. */
export type Taken = 'taken' | { refused: 'taken' | 'other' | 'storage_full' | 'unavailable' } | { refused: 'unfit'; why: string };

export class Room extends DurableObject<Env> {
  #settings: Settings;
  #storage: Storage;
  #load: Load;
  #tables: Tables | null = null;
  #hints: Hints | null = null;
  /** What people here are called, as far as it is known. */
  #names = new Map<string, string>();
  #sockets = new Sockets();
  #lease: Lease<Machine>;
  #name: string;
  /** What it is to be told once all that it said has been carried out. */
  #next: Write[] = [];
  #dozing = false;
  /** The socket whose upgrade is being answered. */
  #opening: Opening | null = null;
  #clock: Clock;
  #ticket = 0;
  #replies = new Map<number, (told: Told) => void>();
  #orders: Orders;
  #turnstile = { free: BURST, at: 0 };

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const settings = read(env, (key) => JSON.parse(issuer(key)));
    // The entry tells what is wrong, and lets nobody through to here.
    if (Array.isArray(settings)) throw new Error(settings.join(' '));
    this.#settings = settings;
    this.#name = ctx.id.name ?? '';
    this.#lease = new Lease(`room ${this.#name}`);
    this.#storage = new Storage(ctx.storage);
    this.#clock = new Clock(ctx, () => this.#lease.machine && this.#drive(() => this.#tell(inputs.tick())));
    this.#load = new Load(env, () => this.#counts());
    this.#orders = new Orders(this.#storage, {
      name: this.#name,
      config: settings.rooms,
      mayBeMade: async () => {
        await this.#tables?.look();
        return !this.#isUnclear;
      },
      put: (work) =>
        this.#drive((machine) => {
          if (!work(machine, ++this.#ticket)) return;
          this.#dozing = false;
          this.#carryOut(machine);
        }),
    });
    if (env.KANVAS_DB) {
      this.#tables = new Tables(env.KANVAS_DB, ctx.storage.sql, this.#name, {
        here: () => this.#here(),
        obey: (orders) => this.#obey(orders),
        note: (noted) => this.#note(noted),
        settle: () => {
          if (!this.#storage.isHeld) this.#drive(() => {});
        },
      });
    }
    if (env.KANVAS_CACHE) {
      this.#hints = new Hints(env.KANVAS_CACHE, (work) => ctx.waitUntil(work), ({ what }) => this.#load.noted(`cache_${what}`));
    }
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
  }

  // ---- What the platform tells ------------------------------------------------------------------------------------

  /** Takes a socket in. The entry has checked who it is. */
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (owns(url.pathname)) return this.#orders.answer(request);
    // Rooms that move are too long for a call.
    if (request.method === 'PUT') return Response.json(this.#takeIn(new Uint8Array(await request.arrayBuffer())));
    if (request.method === 'POST') {
      const given = this.#giveAway();
      return given instanceof Uint8Array ? new Response(given) : Response.json(given, { status: 409 });
    }
    const visitor = JSON.parse(url.searchParams.get('visitor') ?? '') as Visitor;
    if (this.#storage.isHeld) return this.#sendAway(request);
    await this.#turn();
    await this.#tables?.look();
    if (this.#isUnclear) return turnAway('unavailable', request.headers.get('sec-websocket-protocol'));
    if (visitor.founds === 'yes' && !this.#storage.has(this.#name)) visitor.founds = await this.#mayFound(visitor.user);
    const opening = new Opening();
    this.#opening = opening;
    this.#drive(() => {
      const { conn } = this.#sockets.add(opening.server, visitor.user);
      this.#tell(inputs.connect(conn, visitor, crypto.getRandomValues(new Uint8Array(16))));
    });
    this.#opening = null;
    opening.settle(this.ctx, visitor.user);
    return opening.answer(request);
  }

  webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): void {
    if (this.#storage.isHeld) return;
    this.#drive((machine) => {
      const socket = this.#sockets.of(ws);
      // It was closed, and says its last.
      if (socket === undefined) return;
      if (typeof message !== 'string') return this.#cut(socket, 1003, 'text only');
      const into = machine.inbox(messageBytes(Math.min(message.length, MESSAGE_BYTES + 1)));
      const length = message.length > MESSAGE_BYTES ? null : writeMessage(into, Date.now(), socket.conn, message, MESSAGE_BYTES);
      if (length === null) return this.#cut(socket, 1009, 'message too long');
      this.#load.heard(length);
      this.#seen(socket);
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
    this.#clock.rang();
    if (!this.#storage.isHeld) this.#drive(() => this.#tell(inputs.tick()));
  }

  // ---- What the entry asks ----------------------------------------------------------------------------------------

  async ask(question: Question): Promise<Told> {
    if (this.#storage.isHeld) return 'away';
    if (question.what.do === 'create') {
      await this.#tables?.look();
      if (this.#isUnclear) return 'unavailable';
    }
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

  /** Gives the room away as a file (MOVE6): from then on it is held, and nobody is let into it. */
  #giveAway(): Given {
    const held = this.#storage.held();
    if (held !== null) return held;
    return this.#drive((machine) => {
      if (machine.fault !== undefined) return { refused: 'unavailable' };
      if (!machine.isBorn) return { refused: 'not_found' };
      if (!machine.isQuiet) return { refused: 'busy' };
      const { message = '' } = vocabulary.closes.restart ?? {};
      for (const socket of [...this.#sockets.all()]) {
        const data = { code: 'restart', ref: null, retryAfterMs: Math.floor(Math.random() * AWAY_MS), message };
        const text = JSON.stringify({ type: 'error', data, clientId: 'c0' });
        this.#send(socket, text, text.length);
        this.#cut(socket, 1012, 'restart');
      }
      const file = machine.handOver(record(Date.now(), inputs.loaded(1, this.#storage.load(this.#name, MOVED_OPS))));
      this.#storage.hold(file);
      this.#letGo();
      return file;
    });
  }

  /** Takes a room in that comes as a file (MOVE9), or the very one back that is held. */
  #takeIn(file: Uint8Array): Taken {
    const held = this.#storage.held();
    if (held === null && this.#storage.has(this.#name)) return { refused: 'taken' };
    if (held !== null && (held.length !== file.length || held.some((byte, at) => byte !== file[at]))) return { refused: 'other' };
    let arrival: Arrival;
    try {
      arrival = new Arrival(file, this.#name, Date.now(), this.#settings.rooms);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) throw error;
      return { refused: 'unfit', why: error instanceof Error ? error.message : String(error) };
    }
    if (held === null) {
      const failure = this.#storage.take(this.#name, readLoaded(arrival.rows()));
      if (failure !== null) return { refused: failure === 'full' ? 'storage_full' : 'unavailable' };
    } else {
      this.#storage.release();
    }
    // Who waited for a room that was not there comes again.
    for (const { ws } of [...this.#sockets.all()]) closeQuietly(ws, 1012, 'restart');
    this.#sockets = new Sockets();
    const machine = this.#lease.take(() => arrival.room());
    const listing = machine.listing();
    if (listing !== undefined) this.#toRegistry((registry) => registry.announced(listing));
    this.#drive(() => this.#tell(inputs.tick()));
    return 'taken';
  }

  /** It has arrived where it went (MOVE8): nothing of it stays here. */
  forgetMoved(): boolean {
    if (!this.#storage.isHeld) return false;
    this.#storage.drop(this.#name);
    this.#toRegistry((registry) => registry.forgotten(this.#name));
    return true;
  }

  #sendAway(request: Request): Response {
    return turnAway('restart', request.headers.get('sec-websocket-protocol'), Math.floor(Math.random() * AWAY_MS));
  }

  // ---- The machine ------------------------------------------------------------------------------------------------

  /** Does something with the machine, which is made anew if it was forgotten. */
  #drive<T>(work: (machine: Machine) => T): T {
    try {
      const done = work(this.#lease.machine ?? this.#wake());
      this.#settle();
      return done;
    } catch (error) {
      // The machine has trapped, or cannot be relied on for another reason: the next event makes another one.
      console.error(`Room ${this.#name} starts anew: ${error instanceof Error ? error.stack : error}`);
      if (error instanceof WebAssembly.RuntimeError) this.#lease.abandon();
      else this.#lease.drop();
      this.ctx.abort('the room starts anew');
      throw error;
    }
  }

  /** Makes the machine of what storage has, and gives it the sockets that outlived the last one. */
  #wake(): Machine {
    const [seed = 0n] = crypto.getRandomValues(new BigUint64Array(1));
    // Its sockets come back by other numbers.
    this.#sockets = new Sockets();
    const machine = this.#lease.take(() => new Machine(this.#name, seed, Date.now(), this.#settings.rooms));
    this.#carryOut(machine);
    for (const ws of this.ctx.getWebSockets()) {
      const kept = ws.deserializeAttachment() as Kept | null;
      if (!kept?.room) continue;
      const { conn, user } = this.#sockets.add(ws, this.ctx.getTags(ws)[0] ?? '', kept.hinted);
      this.#hints?.recall(user, kept.hinted);
      this.#tell(inputs.resume(conn, kept.room));
    }
    this.#load.woke();
    return machine;
  }

  /** Gives the machine one input, and all that follows from it. */
  #tell(input: Write): void {
    const machine = this.#lease.machine;
    if (machine === null) return;
    const bytes = record(Date.now(), input);
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
    const machine = this.#lease.machine;
    if (machine === null) return;
    const isLeaving = this.#dozing && this.#sockets.size === 0;
    this.#tables?.arm(isLeaving);
    // What it has to write is written first. One that has closed says nothing any more.
    if (isLeaving && (machine.isClosing || !this.#tables?.isBusy)) return this.#letGo();
    this.#clock.want(machine.deadline(), this.#tables?.again);
  }

  #letGo(): void {
    this.#load.gone();
    this.#lease.drop();
    this.#orders.gone();
    this.#clock.rest(this.#tables?.again ?? null);
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
      if (this.#opening?.server === socket.ws) this.#opening.close(code, reason);
      else closeQuietly(socket.ws, code, reason);
    },
    attach: (conn, bytes) => {
      const ws = this.#sockets.at(conn)?.ws;
      if (!ws) return;
      if (this.#opening?.server === ws) return this.#opening.keep({ room: bytes.slice(), hinted: 0 });
      const kept = ws.deserializeAttachment() as Kept | null;
      ws.serializeAttachment({ room: bytes.slice(), hinted: kept?.hinted ?? 0 } satisfies Kept);
    },
    load: (effect) => void this.#next.push(inputs.loaded(effect, this.#storage.load(this.#name))),
    store: (effect, upto, owner, writes) => {
      const failure: Failure | null = this.#storage.store(this.#name, owner, writes);
      this.#load.stored(failure);
      if (failure === null && writes.some(({ put }) => put === 'log' || put === 'nothing')) this.#tables?.touch();
      this.#next.push(failure === null ? inputs.stored(effect, upto) : inputs.failed(effect, failure));
    },
    verify: (effect, token) => this.ctx.waitUntil(this.#verify(effect, token)),
    founded: (conn) => {
      const user = this.#sockets.at(conn)?.user;
      if (user !== undefined) this.#toRegistry((registry) => registry.founded(user));
    },
    reply: (ticket, seq, refused) => {
      if (this.#orders.replied(ticket, { seq, refused })) return;
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
    notice: (notice) => this.#noticed(JSON.parse(notice)),
    sleep: () => {
      this.#dozing = true;
    },
  };

  #send({ ws }: Socket, text: string, bytes: number): void {
    try {
      if (this.#opening?.server === ws) this.#opening.send(text);
      else ws.send(text);
      this.#load.said(bytes);
    } catch {
      // It has gone; the platform tells of it in its own event.
    }
  }

  async #verify(effect: number, token: string): Promise<void> {
    const verdict = await check(token, this.#settings, (work) => this.ctx.waitUntil(work));
    if (this.#storage.isHeld) return;
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
    if (this.#storage.isHeld) return;
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

  // ---- The app beside it ------------------------------------------------------------------------------------------

  #here(): Here {
    // What was given away is nobody's to write any more.
    if (this.#storage.isHeld) return { born: false, name: '', isPublic: false, owners: [], images: [], seq: 0 };
    const machine = this.#lease.machine ?? this.#wake();
    const [canvas, roster] = [machine.canvas(), machine.roster()].map((json) => (json.length > 0 ? JSON.parse(new TextDecoder().decode(json)) : null));
    const summary = JSON.parse(machine.summary() ?? '{}') as { name?: string; isPublic?: boolean };
    const members = (roster?.members ?? []) as Array<{ userId: string; role: string }>;
    return {
      born: machine.isBorn,
      name: summary.name ?? '',
      isPublic: summary.isPublic ?? false,
      owners: members.filter(({ role }) => role === 'owner').map(({ userId }) => userId),
      images: canvas?.images ?? [],
      seq: canvas?.seq ?? 0,
    };
  }

  /** Whether it is not known yet whose this room is: then nobody makes it. */
  get #isUnclear(): boolean {
    return this.#tables?.answered === false && !this.#storage.has(this.#name);
  }

  async #obey(orders: Order[]): Promise<void> {
    if (orders.length === 0) return;
    const links = await Promise.all(orders.map((order) => ('token' in order ? digestOf(order.token) : '')));
    this.#drive(() => {
      for (const [no, order] of orders.entries()) this.#tell(this.#commandOf(order, links[no] ?? ''));
    });
  }

  #commandOf(order: Order, link: string): Write {
    const ticket = ++this.#ticket;
    this.#replies.set(ticket, (told) => told !== 'done' && this.#load.noted(`order_${order.do}_refused`));
    const act = (type: string, data: object) => inputs.act(ticket, null, new TextEncoder().encode(JSON.stringify({ type, data })));
    switch (order.do) {
      case 'create': return inputs.create(ticket, { user: order.owner, verified: true, name: null }, order.name, order.isPublic, null);
      case 'add': return act('image:add', order.image);
      case 'update': return act('room:update', { name: order.name, isPublic: order.isPublic });
      case 'role': return act('member:role', { userId: order.userId, role: order.role });
      // Only an owner makes links: the tables speak for the one that they name.
      case 'share': return inputs.share(ticket, this.#here().owners[0] ?? '', { id: link, role: 'viewer', until: order.until });
      case 'unshare': return inputs.unshare(ticket, this.#here().owners[0] ?? '', link);
    }
  }

  #note(noted: Noted): void {
    this.#load.noted(noted.what);
    if (noted.what === 'failed') console.warn(`The app's tables could not be ${noted.doing === 'read' ? 'read' : 'written'} for room ${this.#name}: ${noted.error}`);
    if (noted.what === 'too_large') this.#warnOwners('The canvas is larger than the database of the app takes: it is kept here, and no longer written there.');
    if (noted.what === 'unreadable') this.#warnOwners("The app's copy of this canvas cannot be read: it is left as it is, and the canvas is kept here.");
  }

  #warnOwners(message: string): void {
    const owners = this.#here().owners;
    const text = JSON.stringify({ type: 'error', data: { code: 'too_long', ref: null, message }, clientId: 'c0' });
    for (const socket of this.#sockets.all()) if (owners.includes(socket.user)) this.#send(socket, text, text.length);
  }

  #noticed(notice: { Joined?: { user: string; name: string }; Left?: { user: string } }): void {
    if (notice.Joined) {
      const { user, name } = notice.Joined;
      this.#names.set(user, name);
      for (const socket of this.#sockets.all()) if (socket.user === user) this.#seen(socket);
    } else if (notice.Left) {
      this.#names.delete(notice.Left.user);
      this.#hints?.left(Date.now(), notice.Left.user, this.#name);
    }
  }

  /** Its person is here and does something: the app's cache may be told. */
  #seen(socket: Socket): void {
    const now = Date.now();
    if (this.#hints === null || now - socket.hinted < HINT_MS) return;
    const name = this.#names.get(socket.user) ?? this.#nameOf(socket.user);
    // Nobody has joined on it yet.
    if (name === undefined) return;
    socket.hinted = this.#hints.seen(now, socket.user, { room: this.#name, name }, socket.hinted);
    const kept = socket.ws.deserializeAttachment() as Kept | null;
    if (kept) socket.ws.serializeAttachment({ ...kept, hinted: socket.hinted } satisfies Kept);
  }

  /** What somebody is called who joined before the object slept. */
  #nameOf(user: string): string | undefined {
    const json = this.#lease.machine?.roster();
    if (!json?.length) return undefined;
    const { clients } = JSON.parse(new TextDecoder().decode(json)) as { clients: Array<{ userId: string; name: string }> };
    for (const { userId, name } of clients) this.#names.set(userId, name);
    return this.#names.get(user);
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
      for (let wait = 100; ; wait = Math.min(wait * 2, AGAIN_MS)) {
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
    return this.#lease.machine && { room: this.#name, stats: this.#lease.machine.stats() };
  }
}
