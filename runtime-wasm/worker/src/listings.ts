// Owns: the rows in which the registry keeps the rooms that it was told of, so that its list outlives its memory. Those
// that are not public stand apart: only a back end is told of them.

export const LISTINGS = {
  schema: 'CREATE TABLE IF NOT EXISTS listings (room TEXT NOT NULL PRIMARY KEY, listing TEXT NOT NULL, heard INTEGER NOT NULL) STRICT, WITHOUT ROWID',
  put: 'INSERT INTO listings (room, listing, heard) VALUES (?1, ?2, ?3) ON CONFLICT (room) DO UPDATE SET listing = excluded.listing, heard = excluded.heard',
  drop: 'DELETE FROM listings WHERE room = ?1',
  all: 'SELECT listing, heard FROM listings',
  /** Public or not, by their ids. */
  each: 'SELECT room, listing FROM listings WHERE room > ?1 UNION ALL SELECT room, listing FROM private_listings WHERE room > ?1 ORDER BY room',
};

export const PRIVATE = {
  schema: 'CREATE TABLE IF NOT EXISTS private_listings (room TEXT NOT NULL PRIMARY KEY, listing TEXT NOT NULL) STRICT, WITHOUT ROWID',
  put: 'INSERT INTO private_listings (room, listing) VALUES (?1, ?2) ON CONFLICT (room) DO UPDATE SET listing = excluded.listing',
  drop: 'DELETE FROM private_listings WHERE room = ?1',
};
