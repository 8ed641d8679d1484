-- Everything that is kept of rooms. The same text runs on a server's SQLite file and inside a Durable Object.
-- Each statement can be run again without harm. No statement here or beside opens or ends a transaction, and none
-- has more than 100 parameters: whoever runs them owns the transaction.

-- One row a room. `owner` is the fence: a writer with a lower number than the stored one is refused.
CREATE TABLE IF NOT EXISTS rooms (
  room   TEXT NOT NULL PRIMARY KEY,
  owner  INTEGER NOT NULL,
  record BLOB
) STRICT, WITHOUT ROWID;

-- Who did what, and what it replaced. `op_hash` is 16 hexadecimal digits: JavaScript has no exact 64-bit number.
CREATE TABLE IF NOT EXISTS log (
  room    TEXT NOT NULL,
  seq     INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  epoch   INTEGER NOT NULL,
  user    TEXT NOT NULL,
  client  INTEGER NOT NULL,
  origin  TEXT NOT NULL,
  op_id   TEXT NOT NULL,
  op_hash TEXT NOT NULL,
  kind    TEXT NOT NULL,
  body    TEXT NOT NULL,
  was     TEXT NOT NULL,
  PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

-- The snapshot, in pieces of at most 64 KiB of which only the touched ones are written anew.
CREATE TABLE IF NOT EXISTS chunks (
  room  TEXT NOT NULL,
  part  TEXT NOT NULL,
  no    INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (room, part, no)
) STRICT;
