//! The power goes: what a server did to its files is written down while people edit, and the files are put together
//! again as a disk may hold them after a cut at each of many moments. Every edit whose ack had left must be there.
//!
//! The same search looks at a server that does not sync its commits, and must find that it loses edits.

mod chance;
#[path = "../common/mod.rs"]
mod common;
mod disk;
mod load;
mod trace;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use chance::Chance;
use common::strace;
use common::{Server, shipped};
use disk::{Disk, Remains};
use load::Life;
use trace::{Ack, Event, What};

const CUTS: usize = 200;
/// How many of them are also looked at with a server that is started on what is left.
const SERVED: usize = 20;

/// What a search over many cuts found.
#[derive(Debug, Default)]
struct Found {
    unsynced: usize,
    torn: usize,
    checked: usize,
    lost: usize,
    losing: usize,
    snapshots: usize,
}

#[test]
fn disk13_every_acknowledged_edit_survives_a_power_cut() {
    let lives = [Life::Ended, Life::Killed, Life::Ended];
    let run = Run::record(&shipped(), &lives);
    assert!(run.logs_begun() > lives.len(), "the log never came to its end and began anew in a life");
    let found = run.search("as shipped", SERVED);
    assert_eq!(found.lost, 0, "acknowledged edits are lost");
    assert!(found.unsynced > CUTS / 4 && found.torn > CUTS / 10, "few cuts came between a write and its sync");
    assert!(found.checked > CUTS * 100, "few edits were acknowledged before the cuts");
    assert!(found.snapshots > CUTS / 4, "few cuts came after a snapshot");
}

#[test]
fn disk12_a_directory_that_was_made_is_there_after_a_power_cut() {
    let run = Run::record(&shipped(), &[Life::Unused]);
    let mut disk = Disk::default();
    run.events.iter().for_each(|event| disk.hear(event));
    let file = load::data(&run.root).join("kanvas.db");
    for seed in 0..20 {
        assert!(disk.cut(&mut Chance::new(seed)).remains.contains_key(&file), "lost with seed {seed}");
    }
}

#[test]
fn disk13_the_search_finds_what_a_server_loses_that_does_not_sync() {
    let directory = tempfile::tempdir().unwrap();
    let binary = directory.path().join("kanvas-normal");
    fs::write(&binary, unsynced(fs::read(shipped()).unwrap())).unwrap();
    fs::set_permissions(&binary, fs::metadata(shipped()).unwrap().permissions()).unwrap();
    let run = Run::record(&binary, &[Life::Killed]);
    let found = run.search("synchronous=NORMAL", 0);
    assert!(found.losing > CUTS / 2, "edits that were not synced went unnoticed");
}

/// The same program but for two words: it asks SQLite for `synchronous=NORMAL` and does not look whether it got
/// `FULL`. There is no option for that, and there should not be one.
fn unsynced(mut program: Vec<u8>) -> Vec<u8> {
    let mut replace = |old: &[u8], new: &[u8]| {
        let places: Vec<_> = (0..program.len() - old.len()).filter(|at| program[*at..].starts_with(old)).collect();
        assert_eq!((places.len(), old.len()), (1, new.len()), "{}", String::from_utf8_lossy(old));
        program[places[0]..places[0] + new.len()].copy_from_slice(new);
    };
    replace(b"PRAGMA synchronous = FULL", b"PRAGMA main.synchronous=1");
    replace(b"PRAGMA synchronous", b"SELECT 2          ");
    program
}

/// What a server did in all its lives, and what it acknowledged.
struct Run {
    root: PathBuf,
    events: Vec<Event>,
    acks: Vec<Ack>,
}

impl Run {
    fn record(binary: &Path, lives: &[Life]) -> Run {
        strace::needed();
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("strace");
        let root = directory.path().join("disk");
        fs::create_dir(&root).unwrap();
        let mut acked = 0;
        for (no, life) in lives.iter().enumerate() {
            acked += load::live(binary, &root, &log, no, life);
        }
        let text = fs::read_to_string(&log).unwrap();
        let events = trace::read(&text, &root);
        let acks = trace::acks(&events);
        assert_eq!(acks.len(), acked, "the log shows every ack that a client heard");
        Run { root, events, acks }
    }

    /// Cuts the power at many moments and looks at what is left each time.
    fn search(&self, what: &str, served: usize) -> Found {
        let seed = std::env::var("KANVAS_SEED").map_or(1, |seed| seed.parse().expect("KANVAS_SEED is a number"));
        let mut chance = Chance::new(seed);
        let mut moments: Vec<_> = (0..CUTS).map(|_| 1 + chance.below(self.events.len())).collect();
        moments.sort_unstable();
        let mut found = Found::default();
        let (mut disk, mut heard) = (Disk::default(), 0);
        for (no, moment) in moments.into_iter().enumerate() {
            self.events[heard..moment].iter().for_each(|event| disk.hear(event));
            heard = moment;
            let cut = disk.cut(&mut chance);
            found.unsynced += usize::from(cut.unsynced > 0);
            found.torn += usize::from(cut.torn > 0);
            let acks: Vec<_> = self.acks.iter().take_while(|ack| ack.at < moment).collect();
            found.checked += acks.len();
            let told = format!("{what}, seed {seed}, cut {no} at event {moment} of {}", self.events.len());
            let Stored { log, chunks } = self.stored(&cut.remains, &told);
            found.snapshots += usize::from(chunks > 0);
            let lost = acks.iter().filter(|ack| !is_stored(&log, ack)).count();
            found.lost += lost;
            found.losing += usize::from(lost > 0);
            if served > 0 && no % (CUTS / served) == 0 {
                self.serve(&cut.remains, &log, &told);
            }
        }
        let Found { unsynced, torn, checked, lost, losing, snapshots: _ } = found;
        let table = format!(
            "| {what}, seed {seed} | cuts | with unsynced writes | torn | acked edits checked | lost | cuts that lost |\n\
             | | {CUTS} | {unsynced} | {torn} | {checked} | {lost} | {losing} |\n"
        );
        // For those who read the run: a test's `println!` is only shown if it fails.
        drop(io::stdout().write_all(table.as_bytes()));
        found
    }

    /// How often a log of SQLite's was begun: in each life, and after it was folded in while people edited.
    fn logs_begun(&self) -> usize {
        let begins = |event: &&Event| match event {
            Event::Begun { what: What::Write { path, at: Some(0), .. }, .. } => path.ends_with("kanvas.db-wal"),
            Event::Begun { .. } | Event::Ended { .. } => false,
        };
        self.events.iter().filter(begins).count()
    }

    /// Writes what is left to a directory of its own.
    fn lay_out(&self, remains: &Remains) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, contents) in remains {
            let path = directory.path().join(path.strip_prefix(&self.root).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        directory
    }

    /// What SQLite finds in the log of each room, which must be a sound file.
    fn stored(&self, remains: &Remains, told: &str) -> Stored {
        let directory = self.lay_out(remains);
        let path = load::data(directory.path()).join("kanvas.db");
        if !path.exists() {
            return Stored::default();
        }
        let database = Connection::open(path).unwrap();
        let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok", "{told}");
        let tables: i64 = database.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        let mut log = Log::new();
        let mut chunks: i64 = 0;
        if tables > 0 {
            chunks = database.query_row("SELECT count(*) FROM chunks", [], |row| row.get(0)).unwrap();
            let mut rows = database.prepare("SELECT room, seq, op_id, kind, body FROM log ORDER BY room, seq").unwrap();
            let mut rows = rows.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let text = |no: usize| row.get::<_, String>(no).unwrap();
                let edit = Edit { seq: row.get(1).unwrap(), id: text(2), kind: text(3), body: text(4) };
                log.entry(text(0)).or_default().push(edit);
            }
        }
        for (room, edits) in &log {
            assert!(edits.iter().zip(1..).all(|(edit, place)| edit.seq == place), "a gap in {room}: {told}");
        }
        Stored { log, chunks }
    }

    /// Starts the server on what is left: who joins a room sees what its log says.
    fn serve(&self, remains: &Remains, log: &Log, told: &str) {
        let directory = self.lay_out(remains);
        let data = load::data(directory.path());
        let (child, port) = Server::spawn_at(common::quiet(&shipped()), &data, directory.path(), &[]);
        let server = Server { child, directory, port };
        for room in load::ROOMS {
            let mut socket = server.socket(&format!("/parties/main/{room}"));
            socket.send(r#"{"type":"user:join","data":{}}"#);
            let mut seen = BTreeMap::new();
            loop {
                let (_, payload) = socket.receive().unwrap_or_else(|| panic!("{room} closed: {told}"));
                let frame: Value = serde_json::from_slice(&payload).unwrap();
                if frame["type"] == "user:list" {
                    break;
                }
                for image in frame["data"]["images"].as_array().into_iter().flatten() {
                    seen.insert(image["id"].as_str().unwrap().to_owned(), image["x"].as_f64().unwrap());
                }
            }
            let edits = log.get(room).map_or([].as_slice(), Vec::as_slice);
            assert_eq!(seen, images_after(edits), "{room}: {told}");
        }
    }
}

/// One row of the log.
struct Edit {
    seq: i64,
    id: String,
    kind: String,
    body: String,
}

/// What a file holds: the log, and how many pieces of snapshots.
#[derive(Default)]
struct Stored {
    log: Log,
    chunks: i64,
}

type Log = BTreeMap<String, Vec<Edit>>;

/// The edit is there once, and at its place.
fn is_stored(log: &Log, ack: &Ack) -> bool {
    let (room, _) = ack.id.split_once('-').unwrap();
    let mut edits = log.get(room).into_iter().flatten().filter(|edit| edit.id == ack.id);
    edits.next().is_some_and(|edit| edit.seq == ack.seq && ack.id.ends_with(&edit.kind)) && edits.next().is_none()
}

/// The images after these edits, with their `x`.
fn images_after(edits: &[Edit]) -> BTreeMap<String, f64> {
    let mut images = BTreeMap::new();
    for edit in edits {
        let body: Value = serde_json::from_str(&edit.body).unwrap();
        let id = || body["id"].as_str().unwrap().to_owned();
        match edit.kind.as_str() {
            "image:add" | "image:transform" => drop(images.insert(id(), body["x"].as_f64().unwrap())),
            "image:remove" => drop(images.remove(&id())),
            other => assert_eq!(other, "chat:message", "a kind of edit that nobody made"),
        }
    }
    images
}

/// How long anything may take that must happen at all.
const PATIENCE: Duration = Duration::from_secs(30);
