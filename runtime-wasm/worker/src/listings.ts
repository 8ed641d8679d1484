// Owns: the rows in which the registry keeps the public rooms that it was told of, so that its list outlives its memory.

export const LISTINGS = {
  schema: 'CREATE TABLE IF NOT EXISTS listings (room TEXT NOT NULL PRIMARY KEY, listing TEXT NOT NULL) STRICT, WITHOUT ROWID',
  put: 'INSERT INTO listings (room, listing) VALUES (?1, ?2) ON CONFLICT (room) DO UPDATE SET listing = excluded.listing',
  drop: 'DELETE FROM listings WHERE room = ?1',
  all: 'SELECT listing FROM listings',
};
