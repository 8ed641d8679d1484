// Owns: the rows in which the registry keeps the public rooms that it was told of, so that its list outlives its memory.

export const LISTINGS = {
  schema: 'CREATE TABLE IF NOT EXISTS listings (room TEXT NOT NULL PRIMARY KEY, listing TEXT NOT NULL, heard INTEGER NOT NULL) STRICT, WITHOUT ROWID',
  put: 'INSERT INTO listings (room, listing, heard) VALUES (?1, ?2, ?3) ON CONFLICT (room) DO UPDATE SET listing = excluded.listing, heard = excluded.heard',
  drop: 'DELETE FROM listings WHERE room = ?1',
  all: 'SELECT listing, heard FROM listings',
};
