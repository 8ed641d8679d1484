// Owns: the SQL of a room inside its object: the same statements as on the native server, and who can go on after an
// error. The platform holds back what leaves the object until its writes are durable, so a store is done when it returns.

import CLEAR_CHUNKS from '../../../core/sql/clear-chunks.sql';
import CLEAR_LOG from '../../../core/sql/clear-log.sql';
import DROP_CHUNK from '../../../core/sql/drop-chunk.sql';
import DROP_ROOM from '../../../core/sql/drop-room.sql';
import FENCE from '../../../core/sql/fence.sql';
import LOAD_CHUNKS from '../../../core/sql/load-chunks.sql';
import LOAD_LOG from '../../../core/sql/load-log.sql';
import LOAD_ROOM from '../../../core/sql/load-room.sql';
import LOG_DOWN from '../../../core/sql/log-down.sql';
import PUT_CHUNK from '../../../core/sql/put-chunk.sql';
import PUT_LOG from '../../../core/sql/put-log.sql';
import PUT_OWNER from '../../../core/sql/put-owner.sql';
import PUT_RECORD from '../../../core/sql/put-record.sql';
import SCHEMA from '../../../core/sql/schema.sql';
import TRIM_LOG from '../../../core/sql/trim-log.sql';
import type { Wanted } from './calls';
import type { LogRow, Stored, StoreWrite } from './codec';

export type Failure = 'full' | 'busy' | 'broken' | 'fenced';

/** The room that was given away, as its file, in pieces that fit a row. */
const HELD = 'CREATE TABLE IF NOT EXISTS held (no INTEGER NOT NULL PRIMARY KEY, bytes BLOB NOT NULL) STRICT';
const PIECE = 1024 * 1024;
/** The newest rows of the log that a room is given: what it keeps for those who resume, and what can have come since. */
const LOG_OPS = 3000 + 4096;

/** A row of the log, by the names of its columns. */
type StoredRow = Record<string, string | number>;

const rowOf = ({ op_id: opId, op_hash: opHash, ...row }: StoredRow) => ({ ...row, opId, opHash }) as unknown as LogRow;

/** How much is read at once: rows, and bytes of them. */
export interface Most {
  rows: number;
  bytes: number;
}

export class Storage {
  #storage: DurableObjectStorage;
  #isHeld: boolean;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(SCHEMA);
    storage.sql.exec(HELD);
    this.#isHeld = [...storage.sql.exec('SELECT no FROM held LIMIT 1')].length > 0;
  }

  /** Whether a room is stored here, or was deleted here. */
  has(room: string): boolean {
    return [...this.#storage.sql.exec(LOAD_ROOM, room)].length > 0;
  }

  load(room: string, most = LOG_OPS): Stored {
    const { sql } = this.#storage;
    const [head] = sql.exec<{ owner: number; record: ArrayBuffer | null }>(LOAD_ROOM, room);
    if (head === undefined) return { owner: 0, record: null, chunks: [], log: [] };
    const chunks = [...sql.exec<{ part: string; no: number; bytes: ArrayBuffer }>(LOAD_CHUNKS, room)];
    const log = [...sql.exec<StoredRow>(LOAD_LOG, room, most)];
    return {
      owner: head.owner,
      record: head.record && new Uint8Array(head.record),
      chunks: chunks.map(({ part, no, bytes }) => ({ part, no, bytes: new Uint8Array(bytes) })),
      log: log.map(rowOf),
    };
  }

  /** The newest rows that are wanted, the room's record, and with which place to go on; null at the end. */
  history(room: string, { from, since, user, kind, most, lookedAt }: Wanted): { record: Uint8Array | null; rows: LogRow[]; rest: number | null } {
    const { sql } = this.#storage;
    const [head] = sql.exec<{ record: ArrayBuffer | null }>(LOAD_ROOM, room);
    const rows: LogRow[] = [];
    let looked = 0;
    let rest: number | null = null;
    for (const found of sql.exec<StoredRow>(LOG_DOWN, room, from, lookedAt)) {
      const row = rowOf(found);
      looked += 1;
      if (row.at < since) break;
      if ((user === null || row.user === user) && (kind === null || row.kind === kind)) rows.push(row);
      if (rows.length < most && looked < lookedAt) continue;
      rest = row.seq > 1 ? row.seq - 1 : null;
      break;
    }
    return { record: head?.record ? new Uint8Array(head.record) : null, rows, rest };
  }

  /** The log from the last row at or before a moment on, in rising order; null if that is more. */
  since(room: string, moment: number, most: Most): LogRow[] | null {
    const rows: LogRow[] = [];
    let bytes = 0;
    for (const found of this.#storage.sql.exec<StoredRow>(LOG_DOWN, room, Number.MAX_SAFE_INTEGER, most.rows + 1)) {
      const row = rowOf(found);
      bytes += row.body.length + row.was.length;
      if (rows.length >= most.rows || bytes > most.bytes) return null;
      rows.push(row);
      if (row.at <= moment) break;
    }
    return rows.reverse();
  }

  /** Everything in one transaction, or nothing: then it says why. */
  store(room: string, owner: number, writes: StoreWrite[]): Failure | null {
    try {
      return this.#storage.transactionSync(() => this.#store(room, owner, writes));
    } catch (error) {
      const said = String(error);
      if (/SQLITE_FULL|exceeded.*(storage|size)|database or disk is full/i.test(said)) return 'full';
      if (/SQLITE_BUSY|SQLITE_LOCKED/.test(said)) return 'busy';
      console.error(`The storage of a room failed: ${said}`);
      return 'broken';
    }
  }

  #store(room: string, owner: number, writes: StoreWrite[]): Failure | null {
    const { sql } = this.#storage;
    const [last] = sql.exec<{ owner: number }>(FENCE, room);
    if (last !== undefined && owner < last.owner) return 'fenced';
    if (last?.owner !== owner) sql.exec(PUT_OWNER, room, owner);
    for (const write of writes) {
      switch (write.put) {
        case 'record': sql.exec(PUT_RECORD, room, write.bytes); break;
        case 'log': this.#putLog(room, write.row); break;
        case 'chunk': sql.exec(PUT_CHUNK, room, write.chunk.part, write.chunk.no, write.chunk.bytes); break;
        case 'no-chunk': sql.exec(DROP_CHUNK, room, write.part, write.no); break;
        case 'nothing': sql.exec(CLEAR_CHUNKS, room); sql.exec(CLEAR_LOG, room); break;
        case 'trim': sql.exec(TRIM_LOG, room, write.below, write.before); break;
      }
    }
    return null;
  }

  #putLog(room: string, row: LogRow): void {
    const { seq, at, epoch, user, client, origin, opId, opHash, kind, body, was } = row;
    this.#storage.sql.exec(PUT_LOG, room, seq, at, epoch, user, client, origin, opId, opHash, kind, body, was);
  }

  /** Takes a whole room in, which comes from elsewhere. Only where none is. */
  take(room: string, { owner, record, chunks, log }: Stored): Failure | null {
    const writes: StoreWrite[] = [
      ...(record ? [{ put: 'record' as const, bytes: record }] : []),
      ...chunks.map((chunk) => ({ put: 'chunk' as const, chunk })),
      ...log.map((row) => ({ put: 'log' as const, row })),
    ];
    return this.store(room, owner, writes);
  }

  /** The file as which the room was given away, and is held; null if it was not. */
  held(): Uint8Array | null {
    const rows = [...this.#storage.sql.exec<{ bytes: ArrayBuffer }>('SELECT bytes FROM held ORDER BY no')];
    if (rows.length === 0) return null;
    const file = new Uint8Array(rows.reduce((sum, { bytes }) => sum + bytes.byteLength, 0));
    rows.reduce((at, { bytes }) => (file.set(new Uint8Array(bytes), at), at + bytes.byteLength), 0);
    return file;
  }

  /** Whether the room was given away: nobody touches it then. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  hold(file: Uint8Array): void {
    this.#isHeld = true;
    this.#storage.transactionSync(() => {
      for (let no = 0; no * PIECE < file.length; no += 1) {
        this.#storage.sql.exec('INSERT INTO held (no, bytes) VALUES (?1, ?2)', no, file.subarray(no * PIECE, (no + 1) * PIECE));
      }
    });
  }

  /** It is here again. */
  release(): void {
    this.#storage.sql.exec('DELETE FROM held');
    this.#isHeld = false;
  }

  /** It has gone: nothing of it stays. */
  drop(room: string): void {
    this.#storage.transactionSync(() => {
      for (const statement of [CLEAR_CHUNKS, CLEAR_LOG, DROP_ROOM]) this.#storage.sql.exec(statement, room);
      this.release();
    });
  }
}
