//! `kanvas export`: what is stored, room by room. It reads each room for a moment only, and holds nobody up.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use kanvas_core::{Config, RoomId};
use rusqlite::Connection;
use tempfile::NamedTempFile;

use super::desk::{Desk, Trouble};
use crate::assets::files::sync;
use crate::start::reason;
use crate::store::beside;
use crate::store::sql::{SCHEMA_VERSION, records};
use crate::words::counted;

/// Writes rooms of this data directory, and says how many to whom it did not write them. The error is what kept them from
/// being written, in sentences.
pub(crate) fn run(matches: &ArgMatches, data: &Path) -> Result<String, Vec<String>> {
    let one = |why: String| vec![why];
    let (connection, scheme) = beside::open(data).map_err(one)?;
    if scheme < SCHEMA_VERSION {
        let shown = data.display();
        return Err(one(format!(
            "the database in {shown} is an older Kanvas's; start the server once, which upgrades it"
        )));
    }
    let mut out = Out::open(matches.get_one::<PathBuf>("out").cloned()).map_err(one)?;
    let mut export = Export { data, connection: &connection, out: &mut out, rooms: 0, problems: Vec::new() };
    match matches.get_one::<RoomId>("room") {
        Some(room) => {
            if !export.write(room).map_err(one)? && export.problems.is_empty() {
                return Err(one(format!("there is no room {room} in {}", data.display())));
            }
        }
        None => export.write_all().map_err(one)?,
    }
    let Export { rooms, problems, .. } = export;
    if !problems.is_empty() && rooms == 0 {
        return Err(problems);
    }
    let said = out.keep(rooms).map_err(one)?;
    if problems.is_empty() { Ok(said) } else { Err(problems) }
}

/// Rooms on their way.
struct Export<'a> {
    data: &'a Path,
    connection: &'a Connection,
    out: &'a mut Out,
    rooms: u64,
    /// The rooms that cannot be read: the others are written all the same.
    problems: Vec<String>,
}

impl Export<'_> {
    fn write_all(&mut self) -> Result<(), String> {
        let mut after = String::new();
        loop {
            let found = records(self.connection, &after).map_err(|fault| beside::unreadable(self.data, fault))?;
            let Some((last, ..)) = found.last() else { return Ok(()) };
            after.clone_from(last);
            for room in found.iter().filter_map(|(room, ..)| RoomId::new(room)) {
                self.write(&room)?;
            }
        }
    }

    /// Writes a room as a line. False if it is not there, or cannot be read.
    fn write(&mut self, id: &RoomId) -> Result<bool, String> {
        let config = Config::default();
        let room = match Desk::new(self.connection, &config).open(id) {
            Ok(room) => room,
            Err(Trouble::Damaged | Trouble::Refused(_)) => {
                self.problems.push(format!("the room {id} is damaged and is not exported; restore it from a backup"));
                return Ok(false);
            }
            Err(Trouble::Fault(fault)) => return Err(beside::unreadable(self.data, fault)),
        };
        if room.summary().is_none() {
            return Ok(false);
        }
        let mut document = Vec::new();
        room.export(&mut document);
        document.push(b'\n');
        self.out.write(&document)?;
        self.rooms += 1;
        Ok(true)
    }
}

/// Where they go.
enum Out {
    Output(BufWriter<io::Stdout>),
    File { aside: BufWriter<NamedTempFile>, path: PathBuf },
}

impl Out {
    fn open(path: Option<PathBuf>) -> Result<Out, String> {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            return Ok(Out::Output(BufWriter::new(io::stdout())));
        };
        if fs::symlink_metadata(&path).is_ok() {
            return Err(taken(&path));
        }
        let aside = NamedTempFile::new_in(parent(&path)).map_err(|error| unwritten(&path, &error))?;
        Ok(Out::File { aside: BufWriter::new(aside), path })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        match self {
            Out::Output(out) => out.write_all(bytes).map_err(|error| unprinted(&error)),
            Out::File { aside, path } => aside.write_all(bytes).map_err(|error| unwritten(path, &error)),
        }
    }

    /// Gives what is whole its name, and says what there is.
    fn keep(self, rooms: u64) -> Result<String, String> {
        match self {
            Out::Output(mut out) => out.flush().map(|()| String::new()).map_err(|error| unprinted(&error)),
            Out::File { aside, path } => {
                let kept = || -> io::Result<()> {
                    let aside = aside.into_inner().map_err(io::IntoInnerError::into_error)?;
                    aside.as_file().sync_all()?;
                    aside.persist_noclobber(&path).map_err(|error| error.error)?;
                    sync(parent(&path))
                };
                match kept() {
                    Ok(()) => Ok(format!("{}: {}.\n", path.display(), counted(rooms, "room"))),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken(&path)),
                    Err(error) => Err(unwritten(&path, &error)),
                }
            }
        }
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn taken(path: &Path) -> String {
    format!("{} is there already, and an export overwrites nothing; choose another name", path.display())
}

fn unwritten(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be written ({})", path.display(), reason(error))
}

fn unprinted(error: &io::Error) -> String {
    format!("the output cannot be written ({})", reason(error))
}
