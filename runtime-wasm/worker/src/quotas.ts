// Owns: how many rooms each person may still make in an hour, how many bytes they may send in a day, how much all files
// take, and the secret that makes guests' ids.

const SCHEMA = `
CREATE TABLE IF NOT EXISTS births (user TEXT NOT NULL, until INTEGER NOT NULL, made INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS births_by_user ON births (user);
CREATE TABLE IF NOT EXISTS uploads (day INTEGER NOT NULL, user TEXT NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (day, user)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
`;
const HOUR_MS = 3600_000;
const DAY_MS = 86_400_000;
/** How long a place is kept for a room that a socket may yet make: a socket joins within ten seconds or is closed. */
const CLAIM_MS = 15_000;

export class Quotas {
  #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  /** Keeps a place for another room of this person, if they may make one now. Many at once get no more than one after the other. */
  mayFound(now: number, user: string, most: number): boolean {
    this.#sql.exec('DELETE FROM births WHERE until <= ?1', now);
    const { count } = this.#sql.exec<{ count: number }>('SELECT count(*) AS count FROM births WHERE user = ?1', user).one();
    if (count >= most) return false;
    this.#sql.exec('INSERT INTO births (user, until, made) VALUES (?1, ?2, 0)', user, now + CLAIM_MS);
    return true;
  }

  /** This person has made a room: the place that was kept is taken for an hour. */
  founded(now: number, user: string): void {
    const claim = 'SELECT rowid FROM births WHERE user = ?2 AND made = 0 LIMIT 1';
    const { rowsWritten } = this.#sql.exec(`UPDATE births SET until = ?1, made = 1 WHERE rowid = (${claim})`, now + HOUR_MS, user);
    if (rowsWritten === 0) this.#sql.exec('INSERT INTO births (user, until, made) VALUES (?1, ?2, 1)', user, now + HOUR_MS);
  }

  /** Gives a place back that nobody took. */
  unclaim(user: string): void {
    this.#sql.exec('DELETE FROM births WHERE rowid = (SELECT rowid FROM births WHERE user = ?1 AND made = 0 LIMIT 1)', user);
  }

  /** Charges bytes to a person, if the day's and all together then are within their bounds; else says which is not. */
  charge(now: number, user: string, bytes: number, most: { day: number; total: number }): 'day' | 'total' | null {
    const day = Math.floor(now / DAY_MS);
    this.#sql.exec('DELETE FROM uploads WHERE day < ?1', day);
    const [today] = this.#sql.exec<{ bytes: number }>('SELECT bytes FROM uploads WHERE day = ?1 AND user = ?2', day, user);
    const total = this.total();
    if (bytes > 0 && (today?.bytes ?? 0) + bytes > most.day) return 'day';
    if (bytes > 0 && total + bytes > most.total) return 'total';
    const sum = 'INSERT INTO uploads (day, user, bytes) VALUES (?1, ?2, max(?3, 0)) ON CONFLICT (day, user) DO UPDATE SET bytes = max(bytes + ?3, 0)';
    this.#sql.exec(sum, day, user, bytes);
    this.#fact('uploaded', new TextEncoder().encode(String(Math.max(0, total + bytes))));
    return null;
  }

  /** So many bytes were kept before: they count for their person's day and not for all files. */
  repeated(bytes: number): void {
    this.#fact('uploaded', new TextEncoder().encode(String(Math.max(0, this.total() - bytes))));
  }

  /** Bytes of all files. */
  total(): number {
    const [row] = this.#sql.exec<{ value: ArrayBuffer }>("SELECT value FROM facts WHERE name = 'uploaded'");
    return row ? Number(new TextDecoder().decode(row.value)) : 0;
  }

  secret(): Uint8Array {
    const [row] = this.#sql.exec<{ value: ArrayBuffer }>("SELECT value FROM facts WHERE name = 'secret'");
    if (row) return new Uint8Array(row.value);
    const secret = crypto.getRandomValues(new Uint8Array(32));
    this.#fact('secret', secret);
    return secret;
  }

  #fact(name: string, value: Uint8Array): void {
    this.#sql.exec('INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value', name, value);
  }
}
