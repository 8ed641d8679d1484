//! A database as commands read it, while a server may be writing it. It owns how they come by it, and how a server that
//! starts asks those who are long about it to give way.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use rusqlite::Connection;

use super::sql::{self, Fault};
use crate::check::is_locked;
use crate::start::{LOCK, reason};

/// The file below a data directory.
pub(crate) const DATABASE: &str = "kanvas.db";

/// Opens the database of a data directory for reading only, and says of which scheme it is. The error is a sentence for
/// the operator.
pub(crate) fn open(data: &Path) -> Result<(Connection, i32), String> {
    let path = data.join(DATABASE);
    let shown = path.display();
    match fs::metadata(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!("there is no database {shown}; name a server's data directory with --data"));
        }
        Err(error) => {
            return Err(format!("{shown} cannot be read ({}); run it as the server's user", reason(&error)));
        }
    }
    // What a server is just writing looks broken, and it has judged the rest at its start.
    if let Err(problem) = sql::judge_log(&path)
        && !is_locked(data)
    {
        return Err(problem);
    }
    let connection = sql::open_reader(&path).map_err(|fault| unreadable(data, fault))?;
    let number = |pragma: &str| {
        let number = connection.query_row(pragma, [], |row| row.get::<_, i32>(0));
        number.map_err(|error| unreadable(data, error.into()))
    };
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    sql::judge(&shown, application, version)?;
    Ok((connection, version))
}

/// Why the database cannot be read, in a sentence.
pub(crate) fn unreadable(data: &Path, fault: Fault) -> String {
    let shown = data.join(DATABASE);
    let shown = shown.display();
    match fault {
        Fault::Busy => format!("the database {shown} is locked by another program; close it and try again"),
        Fault::Full | Fault::Fenced | Fault::Rows | Fault::Disk(_) => {
            format!("the database {shown} cannot be read ({fault}); run it as the server's user, and check the disk")
        }
    }
}

/// Asks whoever copies the database to stop reading: a server must fold the log in before it serves (DISK11), and cannot
/// while somebody reads what is older. False if there is nobody to ask.
pub(super) fn ask_to_give_way(database: &Path) -> bool {
    let lock = OpenOptions::new().write(true).open(database.with_file_name(LOCK));
    lock.is_ok_and(|file| file.set_modified(SystemTime::now()).is_ok())
}

/// What changes when a server asks.
pub(super) fn asked(data: &Path) -> Option<SystemTime> {
    fs::metadata(data.join(LOCK)).and_then(|lock| lock.modified()).ok()
}
