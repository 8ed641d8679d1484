//! What the store knows of assets: how many bytes each person has sent today, and which assets rooms refer to. The
//! files themselves are elsewhere.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::sql::Fault;
use crate::assets::{Hash, sweep};

/// One row a person and day, counted from 1970. Made in every file that is opened; a server that does not know it
/// is not disturbed by it.
pub(crate) const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS uploads (
  day   INTEGER NOT NULL,
  user  TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (day, user)
) STRICT, WITHOUT ROWID";
const FORGET: &str = "DELETE FROM uploads WHERE day < ?1";
const CHARGE: &str = "INSERT INTO uploads (day, user, bytes) SELECT ?1, ?2, ?3 WHERE ?3 <= ?4
  ON CONFLICT (day, user) DO UPDATE SET bytes = bytes + excluded.bytes WHERE bytes + excluded.bytes <= ?4";
const REFUND: &str = "UPDATE uploads SET bytes = max(bytes - ?3, 0) WHERE day = ?1 AND user = ?2";
const NEXT_ROOM: &str = "SELECT room FROM rooms WHERE room > ?1 ORDER BY room LIMIT 1";
/// Everything in which a room may name an asset.
const TEXTS: [&str; 4] = [
    "SELECT record FROM rooms WHERE room = ?1 AND record IS NOT NULL",
    "SELECT bytes FROM chunks WHERE room = ?1",
    "SELECT body FROM log WHERE room = ?1",
    "SELECT was FROM log WHERE room = ?1",
];

/// A person's upload.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) user: String,
    pub(crate) day: i64,
    pub(crate) bytes: i64,
}

/// Whether a person may send so many bytes more that day, and if so, that they have.
pub(crate) fn charge(connection: &Connection, upload: &Upload, most: i64) -> Result<bool, Fault> {
    let Upload { user, day, bytes } = upload;
    connection.prepare_cached(FORGET)?.execute([day])?;
    Ok(connection.prepare_cached(CHARGE)?.execute(params![day, user, bytes, most])? > 0)
}

pub(crate) fn refund(connection: &Connection, upload: &Upload) -> Result<(), Fault> {
    let Upload { user, day, bytes } = upload;
    connection.prepare_cached(REFUND)?.execute(params![day, user, bytes])?;
    Ok(())
}

/// The next room by name, and the assets it refers to: what is there, and what its log can bring back.
pub(crate) fn references(connection: &Connection, after: &str) -> Result<Option<(String, HashSet<Hash>)>, Fault> {
    // One transaction, so that nothing moves from where it is not read yet to where it was read.
    let view = connection.unchecked_transaction()?;
    let room = view.prepare_cached(NEXT_ROOM)?.query_row([after], |row| row.get::<_, String>(0)).optional()?;
    let Some(room) = room else { return Ok(None) };
    let mut found = HashSet::new();
    for texts in TEXTS {
        let mut statement = view.prepare_cached(texts)?;
        let mut rows = statement.query([&room])?;
        while let Some(row) = rows.next()? {
            sweep::find(row.get_ref(0)?.as_bytes().map_err(|_| Fault::Rows)?, &mut found);
        }
    }
    Ok(Some((room, found)))
}
