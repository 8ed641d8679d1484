//! `kanvas record`: has a running server record a room, and writes what comes of it to a file. All that it does it asks
//! for over `/api`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_signal::{Signal, Signals};
use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};
use kanvas_core::recording::{Ended, Recording};
use kanvas_core::{RoomId, Span};
use serde::Deserialize;
use serde_json::json;
use smol::Timer;
use smol::future::{self, FutureExt as _};
use smol::stream::StreamExt as _;
use ureq::http::Method;
use url::Url;

use crate::remote::{Failure, Remote, room, server};
use crate::start::write_new;
use crate::words::{grouped, seconds, time};

/// How often it is asked whether the recording is over.
const LOOK: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);

/// The command, for the whole command line; `secret` is the setting that it needs.
pub(crate) fn command(secret: Vec<Arg>, settings_file: Arg) -> Command {
    Command::new("record")
        .about("Record what a room of a running server hears, to play it again with kanvas replay")
        .after_help(
            "Names, texts, chat and secrets are rewritten before the recording leaves the server. Ctrl-C ends it early.\n\
             Exit codes: 0 if there is a recording, 1 if there is none, 2 if the command cannot be understood.",
        )
        .args([
            Arg::new("room").long("room").value_name("ROOM").required(true).value_parser(room).help("The room's id"),
            Arg::new("for")
                .long("for")
                .value_name("TIME")
                .default_value("10m")
                .value_parser(time(Duration::from_secs(1), LONGEST))
                .help("How long"),
            Arg::new("out")
                .long("out")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath)
                .help("Where to write it [default: ROOM.kanvas]"),
            Arg::new("server")
                .long("server")
                .value_name("URL")
                .default_value("http://127.0.0.1:1999")
                .value_parser(server)
                .help("Where the server is"),
        ])
        .args(secret)
        .arg(settings_file)
}

/// Records, and says what there is. The error is a sentence that says why there is nothing.
pub(crate) fn run(matches: &ArgMatches, secret: &str) -> Result<String, String> {
    let (Some(room), Some(server)) = (matches.get_one::<RoomId>("room"), matches.get_one::<Url>("server")) else {
        return Err("name a room and a server".into());
    };
    let span = matches.get_one::<Span>("for").copied().unwrap_or_default();
    let file = matches.get_one::<PathBuf>("out").cloned().unwrap_or_else(|| PathBuf::from(format!("{room}.kanvas")));
    if file.exists() {
        return Err(format!("{} is there already; choose another --out", file.display()));
    }
    let signals =
        Signals::new([Signal::Term, Signal::Int]).map_err(|error| format!("signals cannot be received ({error})"))?;
    let api = Api::new(server, room, secret);
    // The server counts in seconds; what is over them is left out when it is fetched.
    api.begin(span.as_millis().div_ceil(1000))?;
    let most = humantime::format_duration(Duration::from_millis(span.as_millis()));
    // Nothing is lost if nobody reads it.
    drop(writeln!(io::stderr(), "kanvas: recording {room} for {most}; Ctrl-C ends it"));
    let ended = future::block_on(wait(&api, Duration::from_millis(span.as_millis()), signals));
    let there = |why: String| {
        format!("{why}; the recording stays on the server for an hour: GET {}{}/file", api.server.server(), api.path)
    };
    let bytes = ended.and_then(|()| api.fetch()).map_err(there)?;
    write_new(&file, &bytes).map_err(there)?;
    api.discard()?;
    let size = bytes.len() as u64;
    let recording = Recording::read(bytes).map_err(|why| format!("{}: {why}", file.display()))?;
    Ok(said(&recording, &file, size))
}

/// Waits until the time is over, the server says that the recording is, or a signal comes.
async fn wait(api: &Api, span: Duration, mut signals: Signals) -> Result<(), String> {
    let end = Instant::now() + span;
    let over = async {
        loop {
            Timer::at(end.min(Instant::now() + LOOK)).await;
            if Instant::now() >= end {
                return Ok(());
            }
            let api = api.clone();
            if smol::unblock(move || api.describe()).await?.ended.is_some() {
                return Ok(());
            }
        }
    };
    let stopped = async {
        signals.next().await;
        Ok(())
    };
    over.or(stopped).await
}

fn said(recording: &Recording, file: &Path, size: u64) -> String {
    let lasts = recording.until().since(recording.header().begun).as_millis();
    let why = match recording.ended() {
        Some(Ended::Full) => "It ended early: it would have become longer than the server keeps.\n",
        Some(Ended::Room) => "It ended early: the room was deleted, or its server gave it up.\n",
        Some(Ended::Stopped | Ended::Time) | None => "",
    };
    let departed = match recording.header().departed {
        Some(_) => "The server did not say the same again when the recording was rewritten: please report it.\n",
        None => "",
    };
    let (inputs, room, file) = (grouped(recording.len() as u64), &recording.header().room, file.display());
    let (lasts, size) = (seconds(lasts), grouped(size.div_ceil(1024)));
    format!(
        "{room}: {inputs} inputs within {lasts}, {size} KiB, in {file}.\n{why}{departed}Play it: kanvas replay {file}\n"
    )
}

/// A room's recording on its server.
#[derive(Clone, Debug)]
struct Api {
    server: Remote,
    path: String,
}

#[derive(Deserialize)]
struct Description {
    ended: Option<Ended>,
}

impl Api {
    fn new(server: &Url, room: &RoomId, secret: &str) -> Api {
        Api { server: Remote::new(server, secret, "--server"), path: format!("/api/rooms/{room}/recording") }
    }

    fn begin(&self, seconds: u64) -> Result<(), Failure> {
        let body = json!({ "seconds": seconds }).to_string();
        self.server.send(Method::PUT, &self.path, "application/json", body.as_bytes()).map(drop)
    }

    fn describe(&self) -> Result<Description, String> {
        let text = self.server.ask(Method::GET, &self.path)?;
        serde_json::from_slice(&text).map_err(|_| format!("{} does not answer as Kanvas does", self.server.server()))
    }

    fn fetch(&self) -> Result<Vec<u8>, String> {
        Ok(self.server.ask(Method::GET, &format!("{}/file", self.path))?)
    }

    fn discard(&self) -> Result<(), Failure> {
        self.server.ask(Method::DELETE, &self.path).map(drop)
    }
}
