//! The rows of rooms that come from another host or go to one: read, written and deleted as a whole.

use kanvas_core::RoomId;
use rusqlite::{Connection, OptionalExtension as _};

use super::reads;
use super::rows::{OwnedWrite, StoredRoom};
use super::sql::{self, Fault, LOAD_ROOM};

/// What becomes of a room's rows.
#[derive(Debug)]
pub(crate) enum Move {
    /// These are all that there is of it.
    In { owner: u64, rows: Vec<OwnedWrite> },
    /// There are none any more.
    Out,
}

/// What became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// It is durable.
    Yes,
    /// There is such a room, or was one that was deleted.
    Taken,
    /// No space; nothing was written.
    Full,
    Unavailable,
}

/// All that there is of a room.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) stored: StoredRoom,
    /// Whether the oldest of its log is left out.
    pub(crate) cut: bool,
}

impl Move {
    pub(crate) fn of(stored: StoredRoom) -> Move {
        let StoredRoom { owner, record, chunks, log } = stored;
        let rows = record.into_iter().map(OwnedWrite::Record);
        let rows = rows.chain(chunks.into_iter().map(OwnedWrite::Chunk)).chain(log.into_iter().map(OwnedWrite::Log));
        Move::In { owner, rows: rows.collect() }
    }
}

/// All that there is of a room that nobody writes meanwhile, with as much of its log, from the newest row down, as has
/// room in so many bytes.
pub(super) fn whole(connection: &Connection, room: &RoomId, most: usize) -> Result<Whole, Fault> {
    let stored = sql::load(connection, room.as_str(), 0)?;
    let chunks: usize = stored.chunks.iter().map(|chunk| chunk.bytes.len()).sum();
    let (log, cut) = reads::newest(connection, room, most.saturating_sub(chunks))?;
    Ok(Whole { stored: StoredRoom { log, ..stored }, cut })
}

/// One transaction. False if there is such a room already; nothing was changed then.
pub(super) fn take(connection: &Connection, room: &RoomId, what: &Move) -> Result<bool, Fault> {
    let transaction = connection.unchecked_transaction()?;
    match what {
        Move::In { owner, rows } => {
            let record = |row: &rusqlite::Row<'_>| row.get::<_, Option<Vec<u8>>>(1);
            let there = transaction.prepare_cached(LOAD_ROOM)?.query_row([room.as_str()], record).optional()?;
            if there.flatten().is_some() {
                return Ok(false);
            }
            sql::drop_room(&transaction, room.as_str())?;
            sql::store(&transaction, room.as_str(), *owner, rows)?;
        }
        Move::Out => sql::drop_room(&transaction, room.as_str())?,
    }
    transaction.commit()?;
    Ok(true)
}
