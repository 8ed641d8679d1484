//! The SQL itself: opening a database file so that it keeps its promises, and carrying out one load or one store on an
//! open connection. It owns no thread and no transaction policy.

use std::fmt;
use std::path::{self, Path, PathBuf};
use std::time::Duration;

use kanvas_core::{LogRow, Part, Seq, Time};
use rusqlite::config::DbConfig;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::rows::{OwnedChunk, OwnedLog, OwnedWrite, StoredRoom};
use super::{beside, notices, uploads, wal};
use crate::start::reason;

/// "KNVS": says in the file's header whose it is.
pub(crate) const APPLICATION_ID: i32 = 0x4b4e_5653;
/// The scheme that this server reads and writes.
pub(crate) const SCHEMA_VERSION: i32 = 1;
/// `PRAGMA synchronous` of a database that syncs at each commit.
const SYNCHRONOUS_FULL: i64 = 2;
/// From how many pages on the log is copied into the file after a commit.
const LOG_PAGES: i32 = 1000;
/// How long a stop waits for those who read.
const COPIES_AT_A_STOP: Duration = Duration::from_millis(500);

const SCHEMA: &str = include_str!("../../../core/sql/schema.sql");
const FENCE: &str = include_str!("../../../core/sql/fence.sql");
const PUT_OWNER: &str = include_str!("../../../core/sql/put-owner.sql");
const PUT_RECORD: &str = include_str!("../../../core/sql/put-record.sql");
const PUT_LOG: &str = include_str!("../../../core/sql/put-log.sql");
const PUT_CHUNK: &str = include_str!("../../../core/sql/put-chunk.sql");
const DROP_CHUNK: &str = include_str!("../../../core/sql/drop-chunk.sql");
const CLEAR_CHUNKS: &str = include_str!("../../../core/sql/clear-chunks.sql");
const CLEAR_LOG: &str = include_str!("../../../core/sql/clear-log.sql");
const TRIM_LOG: &str = include_str!("../../../core/sql/trim-log.sql");
pub(super) const LOAD_ROOM: &str = include_str!("../../../core/sql/load-room.sql");
const DROP_ROOM: &str = include_str!("../../../core/sql/drop-room.sql");
const LOAD_CHUNKS: &str = include_str!("../../../core/sql/load-chunks.sql");
const LOAD_RECORDS: &str = include_str!("../../../core/sql/load-records.sql");
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
    /// Input, output or corruption, in these words: what was written is unknown, the connection is not to be trusted.
    Disk(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Full => "the disk is full",
            Fault::Busy => "the database is locked by another program",
            Fault::Fenced => "a newer owner has the room",
            Fault::Rows => "its rows do not fit those that are stored",
            Fault::Disk(why) => why,
        })
    }
}

/// SQLite's words for an error.
pub(crate) fn words(error: &rusqlite::Error) -> &'static str {
    error.sqlite_error_code().map_or("it is no error of SQLite's own", |_| {
        rusqlite::ffi::code_to_str(error.sqlite_extended_error_code().unwrap_or_default())
    })
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::from(&error)
    }
}

impl From<&rusqlite::Error> for Fault {
    fn from(error: &rusqlite::Error) -> Fault {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Fault::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Busy,
            Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => Fault::Rows,
            // The index of the log could not grow; SQLite has a code of its own for a disk that is full there.
            Some(_) if error.sqlite_extended_error_code() == Some(SQLITE_IOERR_SHMSIZE) => Fault::Full,
            Some(_) => Fault::Disk(words(error)),
            // Not SQLite's own: a column of a type that we never write.
            None => Fault::Rows,
        }
    }
}

/// Why a database cannot be used, in a sentence for the operator.
pub(super) fn unusable(shown: path::Display<'_>, error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
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
    }
}

/// The same of one that is only read.
pub(super) fn unreadable(shown: path::Display<'_>, error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            format!("the database {shown} cannot be opened; check its owner and permissions")
        }
        Some(_) | None => unusable(shown, error),
    }
}

/// That its own check found a fault.
pub(super) fn damaged(shown: path::Display<'_>) -> String {
    format!(
        "the database {shown} is damaged (its own check failed); restore it from a backup or move it away to start empty"
    )
}

/// Opens the database for writing, making it if it is new. The error is a sentence for the operator.
pub(crate) fn open(path: &Path) -> Result<Connection, String> {
    let shown = path.display();
    let damaged = |error: rusqlite::Error| unusable(path.display(), &error);
    judge_log(path)?;
    let mut connection = Connection::open(path).map_err(damaged)?;
    connection.busy_timeout(Duration::from_secs(2)).map_err(damaged)?;
    // A file that is refused is left as it is, with its log.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(damaged)?;
    identify(&connection, path)?;
    let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(damaged)?;
    if check != "ok" {
        return Err(self::damaged(shown));
    }
    connection.execute_batch(uploads::SCHEMA).map_err(damaged)?;
    connection.execute_batch(notices::SCHEMA).map_err(damaged)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(damaged)?;
    connection.execute_batch("PRAGMA synchronous = FULL").map_err(damaged)?;
    let synchronous: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0)).map_err(damaged)?;
    if !mode.eq_ignore_ascii_case("wal") || synchronous != SYNCHRONOUS_FULL {
        return Err(format!(
            "the database {shown} cannot promise that what is acknowledged survives a power cut (journal {mode}, \
             synchronous {synchronous}); keep the data on a local disk"
        ));
    }
    connection.wal_hook(Some(fold_after_commit)).map_err(damaged)?;
    // A change to WAL keeps the file locked for this connection until it has read something.
    connection.query_row("SELECT count(*) FROM rooms", [], |row| row.get::<_, i64>(0)).map_err(damaged)?;
    let mut readers = fold(&connection).map_err(damaged)?;
    if readers != 0 && beside::ask_to_give_way(path) {
        readers = fold(&connection).map_err(damaged)?;
    }
    match readers {
        0 => Ok(connection),
        _ => Err(format!("the database {shown} is locked by another program; close it and start again")),
    }
}

/// Whether the log beside a database can be believed (DISK14). The error is a sentence for the operator.
pub(super) fn judge_log(path: &Path) -> Result<(), String> {
    let log = log_of(path);
    let sound = wal::is_sound(&log).map_err(|error| {
        format!("the log {} cannot be read ({}); check its permissions and its disk", log.display(), reason(&error))
    })?;
    if sound {
        return Ok(());
    }
    Err(format!(
        "the log {} is damaged and holds edits that were acknowledged; restore it and the database beside it from a \
         backup, or move the log away to start without those edits",
        log.display()
    ))
}

/// Brings the log into the file, syncs the file and empties the log. After a failed sync the system may have dropped
/// what it could not write, though it still shows it to those who read: no later commit may stand on that (DISK11).
/// The answer is 0 unless somebody who reads was in the way.
fn fold(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
}

/// What SQLite does by itself, but it would say nothing of a sync that failed. Without space, or while somebody has the
/// file locked, the log grows until a later commit can do it.
fn fold_after_commit(log: &mut Wal, pages: i32) -> rusqlite::Result<()> {
    if pages < LOG_PAGES {
        return Ok(());
    }
    let folded = log.checkpoint();
    match folded.as_ref().map_err(Fault::from) {
        Ok(()) | Err(Fault::Full | Fault::Busy | Fault::Fenced | Fault::Rows) => Ok(()),
        Err(Fault::Disk(_)) => folded,
    }
}

/// Closes the file in good order. False if its log could not be folded in.
pub(crate) fn close(connection: Connection) -> bool {
    // Where a copy is being made, the next start folds it in.
    connection.busy_timeout(COPIES_AT_A_STOP).is_ok()
        && fold(&connection).is_ok()
        && connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).is_ok()
        && connection.close().is_ok()
}

/// SQLite keeps the log of a database under its name with `-wal` behind it.
pub(crate) fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Whose a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Nothing is in it yet.
    Nobodys,
    /// Ours, of this scheme.
    Ours(i32),
}

/// Finds out whose a file is. One of others is refused.
pub(super) fn whose(connection: &Connection, path: &Path) -> Result<Whose, String> {
    let shown = path.display();
    let number = |pragma: &str| {
        connection.query_row(pragma, [], |row| row.get::<_, i32>(0)).map_err(|error| unusable(path.display(), &error))
    };
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if application == 0 && version == 0 && tables == 0 {
        return Ok(Whose::Nobodys);
    }
    judge(&shown, application, version)?;
    Ok(Whose::Ours(version))
}

/// Whether a file with these numbers is one that this server reads. The error is a sentence for the operator.
pub(super) fn judge(shown: &impl fmt::Display, application: i32, version: i32) -> Result<(), String> {
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

/// Makes a new file ours, or makes sure that an old one is.
fn identify(connection: &Connection, path: &Path) -> Result<(), String> {
    match whose(connection, path)? {
        Whose::Ours(_) => Ok(()),
        Whose::Nobodys => {
            // One transaction: a file is either new or whole.
            let make = format!(
                "BEGIN IMMEDIATE; {SCHEMA}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
            );
            connection.execute_batch(&make).map_err(|error| unusable(path.display(), &error))
        }
    }
}

/// Opens the database for reading only.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(2))?;
    Ok(connection)
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
            OwnedWrite::Clear => {
                connection.prepare_cached(CLEAR_CHUNKS)?.execute([room])?;
                connection.prepare_cached(CLEAR_LOG)?.execute([room])?
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

/// Leaves nothing of a room, inside the caller's transaction.
pub(crate) fn drop_room(connection: &Connection, room: &str) -> Result<(), Fault> {
    for rows in [CLEAR_CHUNKS, CLEAR_LOG, DROP_ROOM] {
        connection.prepare_cached(rows)?.execute([room])?;
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
    load_within(&view, room, log_ops)
}

/// The same inside the caller's transaction.
pub(crate) fn load_within(view: &Connection, room: &str, log_ops: u32) -> Result<StoredRoom, Fault> {
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

/// The next rooms by name, with their records and when their newest event was.
pub(crate) fn records(connection: &Connection, after: &str) -> Result<super::Records, Fault> {
    let mut statement = connection.prepare_cached(LOAD_RECORDS)?;
    let newest = |at: Option<i64>| at.map(|at| Time::from_millis(at.cast_unsigned()));
    let rows = statement.query_map([after], |row| Ok((row.get(0)?, row.get(1)?, newest(row.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn log_row(row: &rusqlite::Row<'_>) -> Result<OwnedLog, Fault> {
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
