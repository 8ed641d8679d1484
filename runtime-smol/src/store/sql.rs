//! The SQL itself: opening a database file so that it keeps its promises, and carrying out one load or one store on an
//! open connection. It owns no thread and no transaction policy.

use std::path::Path;
use std::time::Duration;

use kanvas_core::{LogRow, Part, Seq, Time};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::rows::{OwnedChunk, OwnedLog, OwnedWrite, StoredRoom};
use super::uploads;

/// "KNVS": says in the file's header whose it is.
const APPLICATION_ID: i32 = 0x4b4e_5653;
/// The scheme that this server reads and writes.
const SCHEMA_VERSION: i32 = 1;
/// `PRAGMA synchronous` of a database that syncs at each commit.
const SYNCHRONOUS_FULL: i64 = 2;

const SCHEMA: &str = include_str!("../../../core/sql/schema.sql");
const FENCE: &str = include_str!("../../../core/sql/fence.sql");
const PUT_OWNER: &str = include_str!("../../../core/sql/put-owner.sql");
const PUT_RECORD: &str = include_str!("../../../core/sql/put-record.sql");
const PUT_LOG: &str = include_str!("../../../core/sql/put-log.sql");
const PUT_CHUNK: &str = include_str!("../../../core/sql/put-chunk.sql");
const DROP_CHUNK: &str = include_str!("../../../core/sql/drop-chunk.sql");
const TRIM_LOG: &str = include_str!("../../../core/sql/trim-log.sql");
const LOAD_ROOM: &str = include_str!("../../../core/sql/load-room.sql");
const LOAD_CHUNKS: &str = include_str!("../../../core/sql/load-chunks.sql");
const LOAD_LOG: &str = include_str!("../../../core/sql/load-log.sql");

/// What went wrong with one request, by who can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No space; nothing was written.
    Full,
    /// Locked by somebody else; nothing was written.
    Busy,
    /// A newer owner has the room; nothing was written.
    Fenced,
    /// This request's rows do not fit what is stored. The connection is sound.
    Rows,
    /// Input, output or corruption: what was written is unknown and the connection is not to be trusted.
    Disk,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Fault::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Busy,
            Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => Fault::Rows,
            Some(_) => Fault::Disk,
            // Not SQLite's own: a column of a type that we never write.
            None => Fault::Rows,
        }
    }
}

/// Opens the database for writing, making it if it is new. The error is a sentence for the operator.
pub(crate) fn open(path: &Path) -> Result<Connection, String> {
    let shown = path.display();
    let damaged = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => format!(
            "the database {shown} is damaged (it is not a readable SQLite file); restore it from a backup or move it away to start empty"
        ),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            format!(
                "the database {shown} cannot be opened for writing; check the owner and permissions of its directory"
            )
        }
        Some(ErrorCode::DiskFull) => format!("the disk that holds {shown} is full; free some space"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("the database {shown} is locked by another program; close it and start again")
        }
        Some(_) | None => format!("the database {shown} cannot be used ({error}); check the disk that holds it"),
    };
    let connection = Connection::open(path).map_err(damaged)?;
    connection.busy_timeout(Duration::from_secs(2)).map_err(damaged)?;
    identify(&connection, path, damaged)?;
    connection.execute_batch(uploads::SCHEMA).map_err(damaged)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(damaged)?;
    connection.execute_batch("PRAGMA synchronous = FULL").map_err(damaged)?;
    let synchronous: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0)).map_err(damaged)?;
    if !mode.eq_ignore_ascii_case("wal") || synchronous != SYNCHRONOUS_FULL {
        return Err(format!(
            "the database {shown} cannot promise that what is acknowledged survives a power cut (journal {mode}, \
             synchronous {synchronous}); keep the data on a local disk"
        ));
    }
    let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(damaged)?;
    if check != "ok" {
        return Err(format!(
            "the database {shown} is damaged (its own check failed); restore it from a backup or move it away to start empty"
        ));
    }
    Ok(connection)
}

/// Makes a new file ours, or makes sure that an old one is.
fn identify(
    connection: &Connection,
    path: &Path,
    damaged: impl Fn(rusqlite::Error) -> String + Copy,
) -> Result<(), String> {
    let shown = path.display();
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i32>(0)).map_err(damaged);
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if application == 0 && version == 0 && tables == 0 {
        // One transaction: a file is either new or whole.
        let make = format!(
            "BEGIN IMMEDIATE; {SCHEMA}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
        );
        return connection.execute_batch(&make).map_err(damaged);
    }
    if application != APPLICATION_ID {
        return Err(format!("{shown} is a database of another program; choose another directory with --data"));
    }
    if version > SCHEMA_VERSION {
        return Err(format!(
            "the database {shown} was written by a newer Kanvas (scheme {version}, this one knows {SCHEMA_VERSION}); \
             start that version or choose another directory with --data"
        ));
    }
    Ok(())
}

/// Opens the database for reading only.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(2))?;
    Ok(connection)
}

/// Opens the database again after a fault. Whatever the log holds is first brought into the file and synced anew:
/// after a failed sync the system may have dropped what it could not write, and later commits must not stand on it.
pub(crate) fn reopen(path: &Path) -> Result<Connection, String> {
    let connection = open(path)?;
    let left: Result<i64, _> = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    match left {
        Ok(0) => Ok(connection),
        Ok(_) => Err("the log could not be folded into the database while it was being read".into()),
        Err(error) => Err(format!("the log could not be folded into the database ({error})")),
    }
}

/// Carries out one store inside the caller's transaction.
pub(crate) fn store(connection: &Connection, room: &str, owner: u64, writes: &[OwnedWrite]) -> Result<(), Fault> {
    let owner = i64::try_from(owner).map_err(|_| Fault::Rows)?;
    let last: Option<i64> = connection.prepare_cached(FENCE)?.query_row([room], |row| row.get(0)).optional()?;
    if last.is_some_and(|last| owner < last) {
        return Err(Fault::Fenced);
    }
    if last != Some(owner) {
        connection.prepare_cached(PUT_OWNER)?.execute(params![room, owner])?;
    }
    for write in writes {
        match write {
            OwnedWrite::Record(bytes) => connection.prepare_cached(PUT_RECORD)?.execute(params![room, bytes])?,
            OwnedWrite::Log(entry) => put_log(connection, room, &entry.row())?,
            OwnedWrite::Chunk(OwnedChunk { part, no, bytes }) => {
                connection.prepare_cached(PUT_CHUNK)?.execute(params![room, part.as_str(), no, bytes])?
            }
            OwnedWrite::DropChunk { part, no } => {
                connection.prepare_cached(DROP_CHUNK)?.execute(params![room, part.as_str(), no])?
            }
            OwnedWrite::Trim { below, before } => connection.prepare_cached(TRIM_LOG)?.execute(params![
                room,
                below.0.cast_signed(),
                before.as_millis().cast_signed()
            ])?,
        };
    }
    Ok(())
}

fn put_log(connection: &Connection, room: &str, row: &LogRow<'_>) -> Result<usize, Fault> {
    Ok(connection.prepare_cached(PUT_LOG)?.execute(params![
        room,
        row.seq.0.cast_signed(),
        row.at.as_millis().cast_signed(),
        row.epoch.cast_signed(),
        row.user,
        row.client.cast_signed(),
        row.origin,
        row.op_id,
        format!("{:016x}", row.op_hash),
        row.kind,
        row.body,
        row.was,
    ])?)
}

/// Reads all that there is of a room, with at most the newest `log_ops` rows of its log.
pub(crate) fn load(connection: &Connection, room: &str, log_ops: u32) -> Result<StoredRoom, Fault> {
    // One transaction, so that the parts belong together; dropping it ends it.
    let view = connection.unchecked_transaction()?;
    let head = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<Vec<u8>>>(1)?));
    let Some((owner, record)) = view.prepare_cached(LOAD_ROOM)?.query_row([room], head).optional()? else {
        return Ok(StoredRoom::default());
    };
    let mut chunks = Vec::new();
    let mut statement = view.prepare_cached(LOAD_CHUNKS)?;
    let mut rows = statement.query([room])?;
    while let Some(row) = rows.next()? {
        let part: String = row.get(0)?;
        let part = Part::from_name(&part).ok_or(Fault::Rows)?;
        chunks.push(OwnedChunk { part, no: row.get(1)?, bytes: row.get(2)? });
    }
    let mut log = Vec::new();
    let mut statement = view.prepare_cached(LOAD_LOG)?;
    let mut rows = statement.query(params![room, log_ops])?;
    while let Some(row) = rows.next()? {
        log.push(log_row(row)?);
    }
    Ok(StoredRoom { owner: owner.cast_unsigned(), record, chunks, log })
}

fn log_row(row: &rusqlite::Row<'_>) -> Result<OwnedLog, Fault> {
    let text = |no: usize| -> Result<&str, Fault> { row.get_ref(no)?.as_str().map_err(|_| Fault::Rows) };
    let number = |no: usize| -> Result<u64, Fault> { u64::try_from(row.get::<_, i64>(no)?).map_err(|_| Fault::Rows) };
    Ok(OwnedLog::new(&LogRow {
        seq: Seq(number(0)?),
        at: Time::from_millis(number(1)?),
        epoch: number(2)?,
        user: text(3)?,
        client: number(4)?,
        origin: text(5)?,
        op_id: text(6)?,
        op_hash: u64::from_str_radix(text(7)?, 16).map_err(|_| Fault::Rows)?,
        kind: text(8)?,
        body: text(9)?,
        was: text(10)?,
    }))
}
