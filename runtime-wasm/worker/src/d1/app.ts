// Owns: what is asked of the app's database: a canvas's row, the links into it, and the guarded write. Its tables are the
// app's, so nothing here trusts the types of what stands in them.

import { type Stamp, timeOf } from './stamp';

/** A canvas as the app's table has it. */
export interface Row {
  owner: string | null;
  title: string | null;
  isPublic: boolean;
  updated: Stamp;
  created: Stamp;
  /** How long its `state_json` is, as SQLite counts. */
  length: number | null;
  /** Its `state_json`; undefined if it is as was known, null if it is no text. */
  text: string | null | undefined;
}

/** What a row's `state_json` is known by, without reading it. */
export type Mark = Pick<Row, 'updated' | 'length'>;

/** A link into a canvas, and when it ends; null if it does not. */
export interface Link {
  token: string;
  until: number | null;
}

/** More links than a room has place for. */
const LINKS = 1000;
const TOKEN_CHARS = 512;
const SAME = 'CAST(updated_at AS TEXT) IS ?2 AND length(state_json) IS ?3';
const ROW = `SELECT user_id, title, is_public, length(state_json) AS length, typeof(state_json) AS holds,
  typeof(updated_at) AS updated_kind, CAST(updated_at AS TEXT) AS updated,
  typeof(created_at) AS created_kind, CAST(created_at AS TEXT) AS created,
  ${SAME} AS same, CASE WHEN ${SAME} THEN NULL ELSE state_json END AS text
  FROM canvases WHERE id = ?1`;
const SHARES = `SELECT share_token AS token, typeof(expires_at) AS kind, CAST(expires_at AS TEXT) AS until
  FROM shared_links WHERE canvas_id = ?1 ORDER BY created_at DESC, share_token LIMIT ${LINKS}`;
/** What SQLite calls a value's type, and how a text becomes one of it. */
const CAST: Record<string, string> = { integer: 'CAST(?5 AS INTEGER)', real: 'CAST(?5 AS REAL)', text: '?5' };

interface RawRow {
  user_id: unknown;
  title: unknown;
  is_public: unknown;
  length: number | null;
  holds: string;
  updated_kind: string;
  updated: string | null;
  created_kind: string;
  created: string | null;
  same: number;
  text: unknown;
}

interface RawLink {
  token: unknown;
  kind: string;
  until: string | null;
}

const words = (value: unknown): string | null => (value === null || value === '' ? null : String(value));
const isTrue = (value: unknown): boolean => value === 1 || value === '1' || /^true$/i.test(String(value));

export class App {
  #db: D1Database;
  #canvas: string;

  constructor(db: D1Database, canvas: string) {
    this.#db = db;
    this.#canvas = canvas;
  }

  /** The row, if there is one; without its text where that is as is known. */
  async row(known: Mark | null): Promise<Row | null> {
    const raw = await this.#ask(known).first<RawRow>();
    return raw && rowOf(raw);
  }

  /** What the row is known by if it is still as it was, else null. */
  async unchanged(was: Mark): Promise<Mark | null> {
    const row = await this.row(was);
    return row !== null && row.text === undefined ? was : null;
  }

  /** The row and the links that have not ended, as they stood in one moment. */
  async all(now: number, known: Mark | null): Promise<{ row: Row | null; links: Link[] }> {
    const shares = this.#db.prepare(SHARES).bind(this.#canvas);
    const [rows, links] = await this.#db.batch([this.#ask(known), shares]);
    const [raw] = (rows?.results ?? []) as unknown as RawRow[];
    return { row: raw === undefined ? null : rowOf(raw), links: ((links?.results ?? []) as unknown as RawLink[]).flatMap((link) => linkOf(now, link)) };
  }

  /** Writes the text if the row is still as it was; what it is then known by, or null if somebody else wrote it. */
  async write(was: Mark, text: string, updated: Stamp): Promise<Mark | null> {
    const cast = CAST[updated.kind] ?? '?5';
    const update = `UPDATE canvases SET state_json = ?4, updated_at = ${cast} WHERE id = ?1 AND ${SAME}
      RETURNING length(state_json) AS length, typeof(updated_at) AS kind, CAST(updated_at AS TEXT) AS text`;
    const { results } = await this.#db.prepare(update).bind(this.#canvas, was.updated.text, was.length, text, updated.text).all<{ length: number; kind: string; text: string }>();
    const [row] = results;
    return row === undefined ? null : { updated: { kind: row.kind, text: row.text }, length: row.length };
  }

  #ask(known: Mark | null): D1PreparedStatement {
    // No text has this length.
    return this.#db.prepare(ROW).bind(this.#canvas, known?.updated.text ?? null, known === null ? -1 : known.length);
  }
}

function rowOf(raw: RawRow): Row {
  return {
    owner: words(raw.user_id),
    title: words(raw.title),
    isPublic: isTrue(raw.is_public),
    updated: { kind: raw.updated_kind, text: raw.updated },
    created: { kind: raw.created_kind, text: raw.created },
    length: raw.length,
    // A row without a state has an empty canvas.
    text: raw.same === 1 ? undefined : raw.holds === 'null' ? '' : typeof raw.text === 'string' ? raw.text : null,
  };
}

/** A link, if it has not ended. One whose end cannot be read lets nobody in. */
function linkOf(now: number, { token, kind, until }: RawLink): Link[] {
  if (typeof token !== 'string' || token === '' || token.length > TOKEN_CHARS) return [];
  if (until === null || until === '') return [{ token, until: null }];
  const end = timeOf({ kind, text: until });
  return end === null || end <= now ? [] : [{ token, until: Math.floor(end) }];
}
