//! `kanvas move`: takes a room from one running server to another while people are in it. All that it does it asks for
//! over `/api` of the two.

use std::path::PathBuf;

use async_signal::{Signal, Signals};
use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};
use kanvas_core::{RoomId, handover};
use serde::Deserialize;
use ureq::http::Method;
use url::Url;

use crate::remote::{Failure, Remote, room, server};
use crate::start::{reason, write_new};
use crate::words::grouped;

/// How many names are tried for a file that is kept.
const NAMES: u32 = 1000;

/// The command, for the whole command line; `secret` is the setting that it needs.
pub(crate) fn command(secret: Vec<Arg>, settings_file: Arg) -> Command {
    let url = |id: &'static str| Arg::new(id).long(id).value_name("URL").required(true).value_parser(server);
    let file = |id: &'static str| {
        Arg::new(id).long(id).value_name("FILE").value_parser(value_parser!(PathBuf)).value_hint(ValueHint::FilePath)
    };
    Command::new("move")
        .about("Take a room from one running server to another while people are in it")
        .after_help(
            "Its people are told to come again at once, and find it where it went. A signal does not interrupt it.\n\
             Exit codes: 0 if the room is there, 1 if it is not or is not all there, 2 if the command cannot be understood.",
        )
        .args([
            Arg::new("room").value_name("ROOM").required(true).value_parser(room).help("The room's id"),
            url("from").help("The server that has it"),
            url("to").help("The server that is to have it"),
            file("from-secret-file").help("The file with the first one's admin secret [default: what --admin-secret says]"),
            file("to-secret-file").help("The file with the other one's admin secret [default: what --admin-secret says]"),
        ])
        .args(secret)
        .arg(settings_file)
}

/// The secret that a file of the command line has, if it names one.
///
/// # Errors
/// A sentence that says why it cannot be read.
pub(crate) fn secret(matches: &ArgMatches, id: &str) -> Result<Option<String>, String> {
    let Some(file) = matches.get_one::<PathBuf>(id) else { return Ok(None) };
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| format!("{} cannot be read ({})", file.display(), reason(&error)))?;
    Ok(Some(text.trim().to_owned()))
}

/// Moves a room, and says where it is. The error is a sentence that says so, too.
pub(crate) fn run(matches: &ArgMatches, from: &str, to: &str) -> Result<String, String> {
    let url = |id| matches.get_one::<Url>(id);
    let (Some(room), Some(source), Some(target)) = (matches.get_one::<RoomId>("room"), url("from"), url("to")) else {
        return Err("name a room and two servers".into());
    };
    // Whoever gave up half way would leave the room where nobody gets into it.
    let signals = Signals::new([Signal::Term, Signal::Int]);
    let _signals = signals.map_err(|error| format!("signals cannot be received ({error})"))?;
    let way = Way {
        room,
        path: format!("/api/rooms/{room}/handover"),
        from: Remote::new(source, from, "--from"),
        to: Remote::new(target, to, "--to"),
    };
    way.go()
}

/// A room's way from one server to another.
struct Way<'a> {
    room: &'a RoomId,
    path: String,
    from: Remote,
    to: Remote,
}

/// Where a room stands that is somewhere.
#[derive(Deserialize)]
struct Canvas {
    epoch: u64,
    seq: u64,
}

/// Whether a room is where it was to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrived {
    Yes,
    No,
    NotKnown,
}

impl Way<'_> {
    fn go(&self) -> Result<String, String> {
        let file = self.from.ask(Method::POST, &self.path)?;
        if let Err(why) = self.put(&self.to, &file) {
            match self.look(&why, &file) {
                Arrived::Yes => {}
                Arrived::No => return Err(self.give_back(&why, &file, "")),
                Arrived::NotKnown => {
                    let warning = format!("; if it is at {} too, DELETE it there", self.to.server());
                    return Err(self.give_back(&why, &file, &warning));
                }
            }
        }
        let (room, from, to) = (self.room, self.from.server(), self.to.server());
        self.from.ask(Method::DELETE, &self.path).map_err(|why| {
            format!(
                "{room} is at {to} now, but {why}; until DELETE {from}{} is answered with 204, {from} holds it, or has \
                 it as it was if it was started again",
                self.path
            )
        })?;
        Ok(format!("{room} is at {to} now, with {} KiB.\n", grouped((file.len() as u64).div_ceil(1024))))
    }

    fn put(&self, at: &Remote, file: &[u8]) -> Result<(), Failure> {
        at.send(Method::PUT, &self.path, "application/octet-stream", file).map(drop)
    }

    /// After a failure: whether the room was taken in all the same.
    fn look(&self, why: &Failure, file: &[u8]) -> Arrived {
        match why {
            Failure::Refused { code, .. } if code != "unavailable" => return Arrived::No,
            Failure::Refused { .. } | Failure::Unanswered(_) => {}
        }
        let sent = handover::read(file).ok().and_then(|file| file.place());
        match self.to.ask(Method::GET, &format!("/api/rooms/{}/canvas", self.room)) {
            Ok(canvas) => match (serde_json::from_slice::<Canvas>(&canvas), sent) {
                (Ok(there), Some((epoch, seq))) if there.epoch == epoch.0 && there.seq >= seq.0 => Arrived::Yes,
                (Ok(_), Some(_)) => Arrived::No,
                (Ok(_) | Err(_), _) => Arrived::NotKnown,
            },
            Err(Failure::Refused { status: 404, .. }) => Arrived::No,
            Err(Failure::Refused { .. } | Failure::Unanswered(_)) => Arrived::NotKnown,
        }
    }

    /// Lets the room go on where it was. If that fails its file is kept.
    fn give_back(&self, why: &Failure, file: &[u8], warning: &str) -> String {
        let (room, from) = (self.room, self.from.server());
        let Err(nor) = self.put(&self.from, file) else {
            return format!("{why}; {room} is back at {from}{warning}");
        };
        match self.keep(file) {
            Ok(name) => format!(
                "{why}, and {nor}; {room} is kept in {name}: PUT that to {} of either server{warning}",
                self.path
            ),
            Err(lost) => format!(
                "{why}, and {nor}, and {lost}; while {from} holds {room}, POST {from}{} gives it again{warning}",
                self.path
            ),
        }
    }

    /// Writes the file where there is none. The name that it got.
    fn keep(&self, file: &[u8]) -> Result<String, String> {
        let name = |no: u32| if no == 1 { format!("{}.move", self.room) } else { format!("{}-{no}.move", self.room) };
        let free = (1..NAMES).map(name).find(|name| !PathBuf::from(name).exists()).unwrap_or_else(|| name(NAMES));
        write_new(&PathBuf::from(&free), file)?;
        Ok(free)
    }
}
