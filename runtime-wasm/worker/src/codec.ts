// Owns: what crosses a machine's border as bytes, both ways: `core/src/codec` says how. Numbers of the core stay within
// 2^53 - 1, but for an edit's fingerprint, which goes as 16 hexadecimal digits.

const NONE = 0xffff_ffff;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A socket, as the machine knows it. */
export interface Conn {
  slot: number;
  generation: number;
}

/** One stored event. */
export interface LogRow {
  seq: number;
  at: number;
  epoch: number;
  user: string;
  client: number;
  origin: string;
  opId: string;
  opHash: string;
  kind: string;
  body: string;
  was: string;
}

export interface Chunk {
  part: string;
  no: number;
  bytes: Uint8Array;
}

/** All that storage has of a room. */
export interface Stored {
  owner: number;
  record: Uint8Array | null;
  chunks: Chunk[];
  log: LogRow[];
}

// ---- Inputs -------------------------------------------------------------------------------------------------------

/** Bytes that grow. */
export class Writer {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): number {
    const at = this.#length;
    if (at + more > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(at + more, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = at + more;
    return at;
  }

  u8(number: number): this {
    const at = this.#reserve(1);
    this.#view.setUint8(at, number);
    return this;
  }

  flag(flag: boolean): this {
    return this.u8(flag ? 1 : 0);
  }

  u32(number: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, number, true);
    return this;
  }

  u64(number: number): this {
    return this.u32(number % 0x1_0000_0000).u32(Math.floor(number / 0x1_0000_0000));
  }

  /** A number of 16 hexadecimal digits. */
  hex64(digits: string): this {
    return this.u32(Number.parseInt(digits.slice(8), 16)).u32(Number.parseInt(digits.slice(0, 8), 16));
  }

  maybe64(number: number | null): this {
    return this.flag(number !== null).u64(number ?? 0);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  blob(bytes: Uint8Array | null): this {
    return bytes === null ? this.u32(NONE) : this.u32(bytes.length).raw(bytes);
  }

  text(text: string | null): this {
    return this.blob(text === null ? null : encoder.encode(text));
  }

  conn({ slot, generation }: Conn): this {
    return this.u32(slot).u32(generation);
  }

  /** Writes one record: its length, then what `write` writes. */
  record(write: (to: this) => void): this {
    const at = this.#reserve(4);
    write(this);
    this.#view.setUint32(at, this.#length - at - 4, true);
    return this;
  }
}

/** A link, by the 32 digits of its digest. */
const share = (id: string) => Uint8Array.from(id.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

/** What a socket is told of whoever opens it. */
export interface Visitor {
  user: string;
  verified: boolean;
  /** From the token. */
  name: string | null;
  picture: string | null;
  org: { id: string; role: string | null } | null;
  /** 16 hexadecimal digits. */
  address: string | null;
  lease: number | null;
  founds: 'yes' | 'spent' | 'no';
  pk: string;
  dialect: string;
  /** From the address. */
  called: string | null;
  readonly: boolean;
  /** 32 hexadecimal digits. */
  share: string | null;
}

const FOUNDS = { yes: 0, spent: 1, no: 2 };

export type Write = (to: Writer) => void;

/** Inputs of a room, each to be written behind its time. */
export const inputs = {
  connect: (conn: Conn, by: Visitor, resume: Uint8Array): Write => (to) => {
    to.u8(1).conn(conn).text(by.user).flag(by.verified).text(by.name).text(by.picture);
    to.text(by.org?.id ?? null).text(by.org?.role ?? null);
    to.flag(by.address !== null).hex64(by.address ?? '0'.repeat(16));
    to.maybe64(by.lease).u8(FOUNDS[by.founds]);
    to.text(by.pk).text(by.dialect).text(by.called).flag(by.readonly);
    to.blob(by.share === null ? null : share(by.share)).raw(resume);
  },
  resume: (conn: Conn, attachment: Uint8Array): Write => (to) => void to.u8(2).conn(conn).blob(attachment),
  disconnect: (conn: Conn, lost: boolean): Write => (to) => void to.u8(5).conn(conn).flag(lost),
  loaded: (effect: number, { owner, record, chunks, log }: Stored): Write => (to) => {
    to.u8(6).u64(effect).u8(0).u64(owner).blob(record).u32(chunks.length);
    for (const { part, no, bytes } of chunks) to.text(part).u32(no).blob(bytes);
    to.u32(log.length);
    for (const row of log) {
      to.u64(row.seq).u64(row.at).u64(row.epoch).text(row.user).u64(row.client).text(row.origin).text(row.opId);
      to.hex64(row.opHash).text(row.kind).text(row.body).text(row.was);
    }
  },
  stored: (effect: number, upto: number): Write => (to) => void to.u8(6).u64(effect).u8(1).u64(upto),
  verified: (effect: number, user: string, org: Visitor['org'], lease: number): Write => (to) =>
    void to.u8(6).u64(effect).u8(2).text(user).text(org?.id ?? null).text(org?.role ?? null).u64(lease),
  notVerified: (effect: number, close: string): Write => (to) => void to.u8(6).u64(effect).u8(3).text(close),
  failed: (effect: number, why: 'full' | 'busy' | 'broken' | 'fenced'): Write => (to) =>
    void to.u8(6).u64(effect).u8(4).u8(['full', 'busy', 'broken', 'fenced'].indexOf(why)),
  tick: (): Write => (to) => void to.u8(8),
  create: (ticket: number, by: { user: string; verified: boolean; name: string | null }, name: string | null, isPublic: boolean, link: Link | null): Write => (to) => {
    to.u8(7).u8(1).u64(ticket).text(by.user).flag(by.verified).text(by.name).text(name).flag(isPublic).flag(link !== null);
    if (link) writeLink(to, link);
  },
  /** `by` is null for the operator. */
  delete: (ticket: number, by: string | null): Write => (to) => void to.u8(7).u8(2).u64(ticket).text(by),
  act: (ticket: number, by: string | null, message: Uint8Array): Write => (to) => void to.u8(7).u8(3).u64(ticket).text(by).blob(message),
  share: (ticket: number, by: string, link: Link): Write => (to) => writeLink(to.u8(7).u8(8).u64(ticket).text(by), link),
  unshare: (ticket: number, by: string, id: string): Write => (to) => void to.u8(7).u8(9).u64(ticket).text(by).raw(share(id)),
};

/** A link that lets people in. */
export interface Link {
  id: string;
  role: string;
  until: number | null;
}

function writeLink(to: Writer, { id, role, until }: Link): void {
  to.raw(share(id)).text(role).maybe64(until);
}

/** What stands before a message in its record. */
const HEAD = 25;

/** The bytes of a message of so many UTF-16 units at most, its record included. */
export const messageBytes = (units: number): number => HEAD + units * 3;

/** Writes one message where it goes, and gives the length of its record; null if it is over `most` bytes. */
export function writeMessage(into: Uint8Array, now: number, { slot, generation }: Conn, message: string, most: number): number | null {
  const { written } = encoder.encodeInto(message, into.subarray(HEAD));
  if (written > most) return null;
  const view = new DataView(into.buffer, into.byteOffset, HEAD);
  view.setUint32(0, HEAD - 4 + written, true);
  view.setUint32(4, now % 0x1_0000_0000, true);
  view.setUint32(8, Math.floor(now / 0x1_0000_0000), true);
  view.setUint8(12, 3);
  view.setUint32(13, slot, true);
  view.setUint32(17, generation, true);
  view.setUint32(21, written, true);
  return HEAD + written;
}

// ---- Ops ----------------------------------------------------------------------------------------------------------

export type StoreWrite =
  | { put: 'record'; bytes: Uint8Array }
  | { put: 'log'; row: LogRow }
  | { put: 'chunk'; chunk: Chunk }
  | { put: 'no-chunk'; part: string; no: number }
  | { put: 'nothing' }
  | { put: 'trim'; below: number; before: number };

/** Who carries out what a machine says: of each kind what that machine can say. Bytes are good until the call returns. */
export interface Carrier {
  group?: (conn: Conn, group: number | null) => void;
  sendOne?: (conn: Conn, text: string, bytes: number) => void;
  sendGroup?: (group: number, except: Conn | null, text: string, bytes: number) => void;
  close?: (conn: Conn, code: number, reason: string) => void;
  attach?: (conn: Conn, bytes: Uint8Array) => void;
  load?: (effect: number) => void;
  store?: (effect: number, upto: number, owner: number, writes: StoreWrite[]) => void;
  verify?: (effect: number, token: string) => void;
  founded?: (conn: Conn) => void;
  reply?: (ticket: number, seq: number, refused: string) => void;
  announce?: (listing: string) => void;
  forget?: () => void;
  notice?: (notice: string) => void;
  sleep?: () => void;
}

/** Reads what `codec` wrote. */
export class Reader {
  #view: DataView;
  #at = 0;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get at(): number {
    return this.#at;
  }

  set at(place: number) {
    this.#at = place;
  }

  get isOver(): boolean {
    return this.#at >= this.bytes.length;
  }

  u8(): number {
    return this.#view.getUint8(this.#at++);
  }

  u32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  u64(): number {
    return this.u32() + this.u32() * 0x1_0000_0000;
  }

  hex64(): string {
    const low = this.u32();
    return [this.u32(), low].map((half) => half.toString(16).padStart(8, '0')).join('');
  }

  conn(): Conn {
    return { slot: this.u32(), generation: this.u32() };
  }

  raw(length: number): Uint8Array {
    if (this.#at + length > this.bytes.length) throw new RangeError('bytes are missing');
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  blob(): Uint8Array {
    return this.raw(this.u32());
  }

  maybeBlob(): Uint8Array | null {
    const length = this.u32();
    return length === NONE ? null : this.raw(length);
  }

  text(): string {
    return decoder.decode(this.blob());
  }

  chunk(): Chunk {
    return { part: this.text(), no: this.u32(), bytes: this.blob() };
  }

  row(): LogRow {
    return {
      seq: this.u64(), at: this.u64(), epoch: this.u64(), user: this.text(), client: this.u64(), origin: this.text(),
      opId: this.text(), opHash: this.hex64(), kind: this.text(), body: this.text(), was: this.text(),
    };
  }

  list<T>(one: () => T): T[] {
    return Array.from({ length: this.u32() }, one);
  }
}

/** Writes one input behind its time, as a record. */
export const record = (now: number, input: Write): Uint8Array => new Writer().record((to) => input(to.u64(now))).bytes;

/** The rows in one input of `loaded`. They are good as long as its bytes. */
export function readLoaded(bytes: Uint8Array): Stored {
  const from = new Reader(bytes);
  // The record's length, its time, its kind, the effect and the kind of result.
  from.at = 4 + 8 + 1 + 8 + 1;
  return { owner: from.u64(), record: from.maybeBlob(), chunks: from.list(() => from.chunk()), log: from.list(() => from.row()) };
}

/** Has every op of an outbox carried out, in order. */
export function carryOut(outbox: Uint8Array, carrier: Carrier): void {
  const from = new Reader(outbox);
  while (!from.isOver) {
    const length = from.u32();
    const end = from.at + length;
    carryOutOne(from, carrier);
    from.at = end;
  }
}

function carryOutOne(from: Reader, carrier: Carrier): void {
  switch (from.u8()) {
    case 1: {
      const [conn, group] = [from.conn(), from.u32()];
      return (carrier.group ?? unsaid)(conn, group === NONE ? null : group);
    }
    case 2: return send(from, carrier);
    case 3: return (carrier.close ?? unsaid)(from.conn(), from.u32(), from.text());
    case 4: return (carrier.attach ?? unsaid)(from.conn(), from.blob());
    case 5: return (carrier.load ?? unsaid)(from.u64());
    case 6: return (carrier.store ?? unsaid)(from.u64(), from.u64(), from.u64(), from.list(() => readWrite(from)));
    case 7: {
      const effect = from.u64();
      from.conn();
      return (carrier.verify ?? unsaid)(effect, from.text());
    }
    case 8: return (carrier.founded ?? unsaid)(from.conn());
    case 9: return (carrier.reply ?? unsaid)(from.u64(), from.u64(), from.text());
    case 10: return (carrier.announce ?? unsaid)(from.text());
    case 11: return (carrier.forget ?? unsaid)();
    case 12: return (carrier.notice ?? unsaid)(from.text());
    case 13: return (carrier.sleep ?? unsaid)();
    default: return unsaid();
  }
}

function unsaid(): never {
  throw new RangeError('the machine says what this host does not know');
}

function send(from: Reader, carrier: Carrier): void {
  const toGroup = from.u8() === 1;
  const group = toGroup ? from.u32() : 0;
  const conn = from.conn();
  // A platform that tells nothing of its queues has one lane.
  from.u8();
  const payload = from.blob();
  const text = decoder.decode(payload);
  if (toGroup) (carrier.sendGroup ?? unsaid)(group, conn.slot === NONE ? null : conn, text, payload.length);
  else (carrier.sendOne ?? unsaid)(conn, text, payload.length);
}

function readWrite(from: Reader): StoreWrite {
  switch (from.u8()) {
    case 0: return { put: 'record', bytes: from.blob() };
    case 1: return { put: 'log', row: from.row() };
    case 2: return { put: 'chunk', chunk: from.chunk() };
    case 3: return { put: 'no-chunk', part: from.text(), no: from.u32() };
    case 4: return { put: 'nothing' };
    case 5: return { put: 'trim', below: from.u64(), before: from.u64() };
    default: throw new RangeError('the machine writes what this host does not know');
  }
}
