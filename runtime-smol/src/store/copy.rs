//! A copy of the database as it is at one moment, made while a server writes it.
//!
//! SQLite's backup begins anew whenever another connection writes, so beside a busy server it would never end. Here it is
//! made within one transaction that only reads: in WAL mode that holds nobody up, and shows the same state to its end. It
//! goes on in small steps, between which a server that starts can have it give way; `VACUUM INTO` has no such place. The
//! log grows meanwhile, and is folded in afterwards.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use kanvas_core::{Listing, RoomId};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::sql::{self, Fault};
use super::{beside, uploads};
use crate::assets::Hash;
use crate::start::reason;

/// Pages that are copied between two looks at who wants something.
const STEP: i32 = 32;
/// How long a server that asked has to open the database.
const WAY: Duration = Duration::from_secs(3);
/// How often a copy is begun before it is given up.
const TRIES: u32 = 20;

/// A whole copy.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) path: PathBuf,
    pub(crate) scheme: i32,
    pub(crate) rooms: u64,
    pub(crate) events: u64,
    /// What its rooms refer to.
    pub(crate) assets: BTreeSet<Hash>,
}

/// How far it is: pages that are copied, and all.
pub(crate) type Watch<'a> = &'a mut dyn FnMut(u64, u64) -> Result<(), String>;

/// Copies the database of a data directory to an empty file. The error is a sentence for the operator, or the watcher's.
pub(crate) fn make(data: &Path, to: &Path, watch: Watch<'_>) -> Result<Copy, String> {
    for _ in 0..TRIES {
        let asked = beside::asked(data);
        let (source, scheme) = beside::open(data)?;
        // What is left of a copy that gave way is none.
        let emptied = OpenOptions::new().write(true).truncate(true).open(to);
        emptied.map_err(|error| format!("{} cannot be written ({})", to.display(), reason(&error)))?;
        let copied = pages(&source, to, &mut |done, all| {
            watch(done, all)?;
            Ok(beside::asked(data) == asked)
        });
        drop(source);
        match copied {
            Ok(true) => return look(to, scheme),
            Ok(false) => thread::sleep(WAY),
            Err(Trouble::Said(why)) => return Err(why),
            Err(Trouble::Fault(fault)) => {
                return Err(format!(
                    "the database {} cannot be copied ({fault})",
                    data.join(beside::DATABASE).display()
                ));
            }
        }
    }
    Err("servers were started again and again on the data directory; make the copy once one runs".into())
}

/// What keeps pages from being copied.
enum Trouble {
    Said(String),
    Fault(Fault),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        Trouble::Fault(error.into())
    }
}

/// False if it gave way.
fn pages(
    source: &Connection,
    to: &Path,
    goes_on: &mut dyn FnMut(u64, u64) -> Result<bool, String>,
) -> Result<bool, Trouble> {
    let view = source.unchecked_transaction()?;
    // It begins with the first reading.
    view.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    let mut target = Connection::open(to)?;
    // The file is thrown away unless it becomes whole, and synced then.
    target.pragma_update(None, "journal_mode", "OFF")?;
    target.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(&view, &mut target)?;
    loop {
        match backup.step(STEP)? {
            StepResult::Done => return Ok(true),
            StepResult::More => {}
            // What it reads does not change, and nobody else has what it writes.
            StepResult::Busy | StepResult::Locked | _ => return Err(Trouble::Fault(Fault::Busy)),
        }
        let progress = backup.progress();
        let pages = |count: i32| u64::try_from(count).unwrap_or_default();
        let (all, rest) = (pages(progress.pagecount), pages(progress.remaining));
        if !goes_on(all.saturating_sub(rest), all).map_err(Trouble::Said)? {
            return Ok(false);
        }
    }
}

/// Makes one file of the copy, checks it and counts what is in it.
fn look(path: &Path, scheme: i32) -> Result<Copy, String> {
    let looked = || -> Result<Option<Copy>, Fault> {
        let connection = Connection::open(path)?;
        connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
        let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            return Ok(None);
        }
        let events: i64 = connection.query_row("SELECT count(*) FROM log", [], |row| row.get(0))?;
        let (mut rooms, mut assets) = (0, BTreeSet::new());
        let mut after = String::new();
        loop {
            let records = sql::records(&connection, &after)?;
            let Some((last, ..)) = records.last() else { break };
            after.clone_from(last);
            let room = |(id, record, at): &(String, Vec<u8>, _)| Listing::of_record(&RoomId::new(id)?, record, *at);
            rooms += records.iter().filter_map(room).count() as u64;
        }
        after.clear();
        while let Some((room, found)) = uploads::references(&connection, &after)? {
            assets.extend(found);
            after = room;
        }
        let events = u64::try_from(events).unwrap_or_default();
        Ok(Some(Copy { path: path.to_owned(), scheme, rooms, events, assets }))
    };
    match looked() {
        Ok(Some(copy)) => Ok(copy),
        Ok(None) => Err(damaged("its own check failed")),
        Err(Fault::Disk(why)) => Err(damaged(why)),
        Err(fault @ (Fault::Full | Fault::Busy | Fault::Fenced | Fault::Rows)) => {
            Err(format!("the copy of the database cannot be looked at ({fault})"))
        }
    }
}

fn damaged(why: &str) -> String {
    format!(
        "the database is damaged ({why}) and is not copied; keep your last backup, stop the server and see docs/backup.md"
    )
}
