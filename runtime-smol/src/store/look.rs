//! A look at a database that changes nothing: whose it is, whether it is whole, how long its log is. It owns how a file is
//! opened for that, while a server runs on it and while none does; what follows from what it finds is for those who ask.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use url::Url;

use super::sql::{self, Whose};

/// Steps of SQLite between two looks at the time.
const STEPS: i32 = 10_000;

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its rooms; `None` if no server has begun it yet.
    pub(crate) rooms: Option<u64>,
    /// The scheme of what is stored.
    pub(crate) scheme: i32,
    pub(crate) whole: Whole,
}

/// What SQLite's own check of the whole file came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    Yes,
    /// It was not through when its time was over.
    Unfinished,
}

/// Who uses the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// A server runs on it.
    Live,
    Nobody,
}

/// How it went with a file that can be read.
#[derive(Debug)]
pub(crate) enum Look {
    /// There is none yet.
    Missing,
    Found(Found),
    /// Its log holds commits, and what SQLite needs to read them without writing is not there.
    OnlyItsLog,
}

/// How long the log beside a database is.
pub(crate) fn log_bytes(path: &Path) -> u64 {
    fs::metadata(sql::log_of(path)).map_or(0, |log| log.len())
}

/// Looks at a database, for so long at most.
///
/// # Errors
/// A sentence for the operator.
pub(crate) fn look(path: &Path, used: Use, patience: Duration) -> Result<Look, String> {
    if !path.exists() {
        return Ok(Look::Missing);
    }
    let logged = log_bytes(path) > 0;
    let option = match used {
        // It shares the server's index, as any reader does.
        Use::Live => "",
        // Nothing but the file itself is touched, not even for a lock.
        Use::Nobody if !logged => "immutable=1",
        Use::Nobody => {
            sql::judge_log(path)?;
            if !index_of(path).exists() {
                return Ok(Look::OnlyItsLog);
            }
            "readonly_shm=1"
        }
    };
    let failed = |error: rusqlite::Error| sql::unreadable(path.display(), &error);
    let mut connection = open(path, option).map_err(failed)?;
    let scheme = match sql::whose(&connection, path)? {
        Whose::Nobodys => return Ok(Look::Found(Found { rooms: None, scheme: 0, whole: Whole::Yes })),
        Whose::Ours(scheme) => scheme,
    };
    let end = Instant::now() + patience;
    connection.progress_handler(STEPS, Some(move || Instant::now() > end)).map_err(failed)?;
    let whole = match connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)) {
        Ok(said) if said == "ok" => Whole::Yes,
        Ok(_) => return Err(sql::damaged(path.display())),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Whole::Unfinished,
        Err(error) => return Err(failed(error)),
    };
    connection.progress_handler(STEPS, None::<fn() -> bool>).map_err(failed)?;
    let rooms = connection.query_row("SELECT count(*) FROM rooms", [], |row| row.get::<_, i64>(0)).map_err(failed)?;
    Ok(Look::Found(Found { rooms: Some(rooms.unsigned_abs()), scheme, whole }))
}

fn open(path: &Path, option: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let absolute = std::path::absolute(path).ok().and_then(|path| Url::from_file_path(path).ok());
    let Some(mut url) = absolute else { return Err(rusqlite::Error::InvalidPath(path.to_owned())) };
    url.set_query(Some(option).filter(|option| !option.is_empty()));
    let connection = Connection::open_with_flags(url.as_str(), flags)?;
    connection.busy_timeout(Duration::from_secs(2))?;
    Ok(connection)
}

/// Where SQLite keeps what tells it the way through the log.
fn index_of(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-shm");
    name.into()
}
