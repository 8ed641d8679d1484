//! `kanvas import`: documents made rooms, all or none, in one transaction. Each is judged by the room itself, as a
//! document that comes over `/api` is.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use kanvas_core::document::judge_document;
use kanvas_core::{Config, RoomId};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::desk::{Desk, Trouble};
use crate::backup::judge_directory;
use crate::config::Serve;
use crate::start::{lock_directory, reason};
use crate::store::beside::DATABASE;
use crate::store::sql::{self, Fault};
use crate::words::counted;

/// What is done with a room that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Existing {
    Refused,
    Replaced,
}

/// Of a document, what it is called.
#[derive(Default, Deserialize)]
struct Named {
    #[serde(default)]
    room: Name,
}

#[derive(Default, Deserialize)]
struct Name {
    #[serde(default)]
    id: Option<String>,
}

/// Makes rooms of the documents in a file, and says how many. The error is all that is wrong, in sentences; nothing has
/// changed then.
pub(crate) fn run(matches: &ArgMatches, serve: &Serve) -> Result<String, Vec<String>> {
    let one = |why: String| vec![why];
    let path = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let existing = if matches.get_flag("replace") { Existing::Replaced } else { Existing::Refused };
    let (input, shown): (Box<dyn Read>, _) = match path.as_os_str() == "-" {
        true => (Box::new(io::stdin()), "standard input".to_owned()),
        false => {
            let shown = path.display().to_string();
            let file =
                File::open(&path).map_err(|error| one(format!("{shown} cannot be read ({})", reason(&error))))?;
            (Box::new(file), shown)
        }
    };
    let _lock = take(&serve.data).map_err(one)?;
    let database = serve.data.join(DATABASE);
    let connection = sql::open(&database).map_err(one)?;
    let unwritten = |fault: Fault| one(format!("the database {} cannot be written ({fault})", database.display()));
    connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| unwritten(error.into()))?;
    let config = serve.room_config();
    let mut import = Import {
        connection: &connection,
        config: &config,
        existing,
        wanted: matches.get_one::<RoomId>("as"),
        rooms: BTreeSet::new(),
        problems: Vec::new(),
    };
    let outcome = import.read_all(input, &shown);
    let Import { rooms, mut problems, .. } = import;
    problems.extend(outcome.err());
    if problems.is_empty() && rooms.is_empty() {
        problems.push(format!("{shown} is empty; it should have documents as kanvas export writes them"));
    }
    let end = if problems.is_empty() { "COMMIT" } else { "ROLLBACK" };
    connection.execute_batch(end).map_err(|error| unwritten(error.into()))?;
    sql::close(connection);
    if problems.is_empty() {
        return Ok(format!("{}: {} imported.\n", serve.data.display(), counted(rooms.len() as u64, "room")));
    }
    problems.push(format!("nothing was imported; {} is as it was", serve.data.display()));
    Err(problems)
}

/// Takes the data directory, so that no server does.
fn take(data: &Path) -> Result<File, String> {
    let lock = lock_directory(data)?.ok_or_else(|| {
        format!(
            "a Kanvas server runs on the data directory {}; stop it, or let it import the rooms: PUT \
             /api/rooms/ROOM/import, which docs/api.md describes",
            data.display()
        )
    })?;
    judge_directory(data)?;
    Ok(lock)
}

/// Documents on their way.
struct Import<'a> {
    connection: &'a Connection,
    config: &'a Config,
    existing: Existing,
    /// What the one room is to be called.
    wanted: Option<&'a RoomId>,
    rooms: BTreeSet<RoomId>,
    problems: Vec<String>,
}

impl Import<'_> {
    /// Takes one document after another. The error is a sentence that says why it cannot go on.
    fn read_all(&mut self, input: impl Read, shown: &str) -> Result<(), String> {
        let documents = serde_json::Deserializer::from_reader(BufReader::new(input)).into_iter::<Box<RawValue>>();
        for (no, document) in (1_u64..).zip(documents) {
            let document = document.map_err(|error| match error.is_io() {
                true => format!("{shown} cannot be read ({})", reason(&error.into())),
                false => format!("{shown} cannot be read from document {no} on: it is no JSON ({error})"),
            })?;
            if let Err(why) = self.take(document.get().as_bytes(), no)? {
                self.problems.push(format!("{shown}, document {no}{why}"));
            }
        }
        Ok(())
    }

    /// Makes a room of a document. The inner error says why it is refused, after its number; the outer one, why it cannot
    /// go on.
    fn take(&mut self, document: &[u8], no: u64) -> Result<Result<(), String>, String> {
        if no > 1 && self.wanted.is_some() {
            return Err("--as is for one document, and there are more; leave it out".into());
        }
        // What is wrong with it, the room says.
        let Named { room: Name { id } } = serde_json::from_slice(document).unwrap_or_default();
        let room = match (self.wanted, id) {
            (Some(wanted), _) => wanted.clone(),
            (None, Some(id)) => match RoomId::new(&id) {
                Some(room) => room,
                None => return Ok(Err(format!(": {id:?} is no id of a room; give one with --as"))),
            },
            (None, None) => {
                return Ok(Err(match judge_document(document, self.config) {
                    Err(mistake) => format!(": {}", mistake.to_string().trim_end_matches('.')),
                    Ok(()) => ": it does not say the room's id; give one with --as".into(),
                }));
            }
        };
        if self.rooms.contains(&room) {
            return Ok(Err(format!(" (room {room}): there is one of this room before it")));
        }
        match self.make(&room, document) {
            Ok(true) => {
                self.rooms.insert(room);
                Ok(Ok(()))
            }
            Ok(false) => Ok(Err(format!(
                " (room {room}): there is such a room already; --replace replaces it, --as gives this one another id"
            ))),
            Err(Trouble::Refused(code)) => {
                let mistake = judge_document(document, self.config).err().map(|mistake| mistake.to_string());
                let why = mistake.unwrap_or_else(|| code.message().to_owned());
                Ok(Err(format!(" (room {room}): {}", why.trim_end_matches('.'))))
            }
            Err(Trouble::Damaged) => {
                Ok(Err(format!(" (room {room}): the room that is there is damaged; --as gives this one another id")))
            }
            Err(Trouble::Fault(fault)) => Err(format!("the room {room} cannot be written ({fault})")),
        }
    }

    /// False if there is such a room, and it is not to be replaced.
    fn make(&self, id: &RoomId, document: &[u8]) -> Result<bool, Trouble> {
        let mut desk = Desk::new(self.connection, self.config);
        let mut room = desk.open(id)?;
        if room.summary().is_some() && self.existing == Existing::Refused {
            return Ok(false);
        }
        desk.import(&mut room, document).map(|()| true)
    }
}
