//! What is read of rooms beside loading them: their list, and their history. Each reading is bounded, since rooms are
//! loaded by the same thread.

use kanvas_core::backend::Wanted;
use kanvas_core::{RoomId, Seq, Time};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::OwnedLog;
use super::sql::{Fault, LOAD_ROOM, log_row};

/// How much of a log is read to take something back: rows, and bytes of them.
pub(crate) const MOST: Most = Most { rows: 100_000, bytes: 64 * 1024 * 1024 };

/// See [`MOST`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

const DOWN: &str = include_str!("../../../core/sql/log-down.sql");

/// Some of a room's history.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// The room's record, if it has one.
    pub(crate) record: Option<Vec<u8>>,
    pub(crate) rows: Vec<OwnedLog>,
    /// With which row to go on; `None` at the end.
    pub(crate) rest: Option<Seq>,
}

/// The newest rows that are wanted.
pub(super) fn history(connection: &Connection, room: &RoomId, wanted: &Wanted) -> Result<History, Fault> {
    let view = connection.unchecked_transaction()?;
    let record = |row: &rusqlite::Row<'_>| row.get::<_, Option<Vec<u8>>>(1);
    let record = view.prepare_cached(LOAD_ROOM)?.query_row([room.as_str()], record).optional()?.flatten();
    let mut history = History { record, ..History::default() };
    let mut statement = view.prepare_cached(DOWN)?;
    let mut rows = statement.query(params![room.as_str(), wanted.from.0.cast_signed(), wanted.looked_at])?;
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        let entry = log_row(row)?;
        let (seq, entry_at, is_wanted) = (entry.seq, entry.at, wanted.is(&entry.row()));
        if is_wanted {
            history.rows.push(entry);
        }
        looked_at += 1;
        if entry_at < wanted.since {
            break;
        }
        if history.rows.len() >= wanted.most || looked_at >= wanted.looked_at {
            history.rest = (seq > Seq(1)).then(|| Seq(seq.0 - 1));
            break;
        }
    }
    Ok(history)
}

/// As much of a log, from the newest row down, as has room in so many bytes, in rising order; and whether that is not
/// all.
pub(super) fn newest(connection: &Connection, room: &RoomId, most: usize) -> Result<(Vec<OwnedLog>, bool), Fault> {
    let mut statement = connection.prepare_cached(DOWN)?;
    let mut found = statement.query(params![room.as_str(), i64::MAX, i64::MAX])?;
    let (mut rows, mut bytes, mut cut) = (Vec::new(), 0, false);
    while let Some(row) = found.next()? {
        let entry = log_row(row)?;
        bytes += entry.bytes();
        cut = bytes > most;
        if cut {
            break;
        }
        rows.push(entry);
    }
    rows.reverse();
    Ok((rows, cut))
}

/// The log from the last row at or before a moment on; `None` if that is more than is read at once.
pub(super) fn since(
    connection: &Connection,
    room: &RoomId,
    moment: Time,
    most: Most,
) -> Result<Option<Vec<OwnedLog>>, Fault> {
    let mut statement = connection.prepare_cached(DOWN)?;
    let mut found = statement.query(params![room.as_str(), i64::MAX, i64::MAX])?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        let entry = log_row(row)?;
        bytes += entry.bytes();
        if rows.len() >= most.rows || bytes > most.bytes {
            return Ok(None);
        }
        let is_before = entry.at <= moment;
        rows.push(entry);
        if is_before {
            break;
        }
    }
    rows.reverse();
    Ok(Some(rows))
}
