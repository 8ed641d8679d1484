//! A disk that fails, is slow, is full or is damaged, and a database that somebody else has locked: what people are
//! told, what goes on, and that nothing acknowledged is lost.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::strace::Tracer;
use common::{CLOSE, Server, Socket, TEXT, quiet, shipped};
use rusqlite::Connection;
use serde_json::Value;

const SYNCS: &str = "fsync,fdatasync";
const PATIENCE: Duration = Duration::from_secs(15);

/// Adds an image whose id is also the edit's.
fn add(socket: &mut Socket, id: &str) {
    let image = format!(r#"{{"id":"{id}","src":"https://e.com/a","x":1,"y":2,"width":3,"height":4}}"#);
    socket.send(&format!(r#"{{"type":"image:add","data":{image},"id":"{id}"}}"#));
}

/// The next frame of one of these types, as long as there are frames.
fn next(socket: &mut Socket, types: &[&str]) -> Option<Value> {
    loop {
        let (first, payload) = socket.receive()?;
        if first == CLOSE {
            return None;
        }
        // The answer to a ping is no JSON.
        let frame: Value = serde_json::from_slice(&payload).unwrap_or_default();
        if types.iter().any(|kind| frame["type"] == *kind) {
            return Some(frame);
        }
    }
}

/// Adds an image and waits for its ack.
fn added(socket: &mut Socket, id: &str) {
    add(socket, id);
    let told = next(socket, &["ack", "error"]).unwrap();
    assert_eq!((&told["type"], &told["data"]["id"]), (&"ack".into(), &id.into()), "{told}");
}

/// One person moves and another sees it.
fn sees_moves(mover: &mut Socket, watcher: &mut Socket, at: u32) {
    mover.send(&format!(r#"{{"type":"cursor:move","data":{{"x":{at},"y":7}}}}"#));
    let seen = next(watcher, &["cursor:move", "ack", "error"]).unwrap();
    assert_eq!((&seen["type"], &seen["data"]["x"]), (&"cursor:move".into(), &at.into()), "{seen}");
}

/// The ids of the images that a newcomer is shown.
fn images(server: &Server, room: &str) -> Vec<String> {
    let mut socket = server.socket(&format!("/party/{room}"));
    socket.send(r#"{"type":"user:join","data":{}}"#);
    let sync = next(&mut socket, &["state:sync"]).expect("the room opens");
    let ids = sync["data"]["images"].as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned());
    ids.collect()
}

/// The server has ended because its disk failed, having said so in one sentence.
fn ended_by_its_disk(server: &mut Server) {
    assert_eq!(server.wait(PATIENCE), Some(74), "{}", server.log());
    let log = server.log();
    let errors: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(errors[0].contains("kanvas.db") && errors[0].contains("start it again"), "{log}");
    assert!(!log.contains("Disk(") && !log.contains("Broken"), "no debug output: {log}");
}

fn disk_fails_at_an_edit(calls: &str) {
    let mut server = Server::start_shipped(&["--threads", "2"]);
    let (mut ann, mut bob) = (server.joined("a", "ann"), server.joined("b", "bob"));
    (0..5).for_each(|no| added(&mut ann, &format!("a{no}")));
    added(&mut bob, "b0");
    let tracer = Tracer::join(server.child.id(), calls, "error=EIO", None);
    add(&mut ann, "late");
    for socket in [&mut ann, &mut bob] {
        let (code, reason, texts) = socket.closed();
        assert_eq!((code, reason.as_str()), (4205, "unavailable"), "{calls}");
        assert!(texts.last().unwrap().contains(r#""code":"unavailable""#), "{texts:?}");
        assert!(!texts.iter().any(|text| text.contains(r#""type":"ack""#)), "{calls}: {texts:?}");
    }
    ended_by_its_disk(&mut server);
    drop(tracer);
    server.restart_shipped(&[]);
    let there: Vec<_> = images(&server, "a").into_iter().filter(|id| id != "late").collect();
    assert_eq!(there, ["a0", "a1", "a2", "a3", "a4"], "{calls}");
    assert_eq!(images(&server, "b"), ["b0"]);
}

#[test]
fn disk11_a_failed_sync_ends_the_server() {
    disk_fails_at_an_edit(SYNCS);
}

#[test]
fn disk11_a_failed_write_ends_the_server() {
    disk_fails_at_an_edit("pwrite64");
}

/// SQLite would keep quiet about it: the commit itself was synced.
#[test]
fn disk11_a_failed_sync_of_the_folded_log_ends_the_server() {
    let mut server = Server::start_shipped(&[]);
    let mut people: Vec<_> = (0..8).map(|who| server.joined("a", &format!("p{who}"))).collect();
    let file = server.directory.path().join("data/kanvas.db");
    let tracer = Tracer::join(server.child.id(), SYNCS, "error=EIO", Some(&file));
    let mut acked = Vec::new();
    'all: for no in 0..120 {
        for (who, socket) in people.iter_mut().enumerate() {
            let id = format!("i{who}-{no}");
            add(socket, &id);
            match next(socket, &["ack", "error"]) {
                Some(told) if told["type"] == "ack" => acked.push(id),
                Some(_) | None => break 'all,
            }
        }
    }
    assert!((100..960).contains(&acked.len()), "the log was folded in after {}", acked.len());
    ended_by_its_disk(&mut server);
    drop(tracer);
    server.restart_shipped(&[]);
    let there = images(&server, "a");
    assert!(acked.iter().all(|id| there.contains(id)), "{there:?}");
}

#[test]
fn disk15_a_slow_disk_delays_acks_and_nothing_else() {
    let server = Server::start_shipped(&[]);
    let (mut ann, mut bob) = (server.joined("a", "ann"), server.joined("a", "bob"));
    added(&mut ann, "a0");
    let tracer = Tracer::join(server.child.id(), SYNCS, "delay_exit=2000000", None);
    for id in ["a1", "a2", "a3"] {
        add(&mut ann, id);
    }
    // Each move is seen before any of the acks.
    (0..20).for_each(|at| sees_moves(&mut bob, &mut ann, at));
    let acked: Vec<_> = (0..3).map(|_| next(&mut ann, &["ack"]).unwrap()["data"]["id"].clone()).collect();
    assert_eq!(acked, ["a1", "a2", "a3"]);
    tracer.leave();
    added(&mut ann, "a4");
}

#[test]
fn disk17_a_full_disk_refuses_edits_and_nothing_else_until_there_is_space() {
    let mut server = Server::start_shipped(&[]);
    let (mut ann, mut bob) = (server.joined("a", "ann"), server.joined("a", "bob"));
    added(&mut ann, "a0");
    let tracer = Tracer::join(server.child.id(), "pwrite64", "error=ENOSPC", None);
    for no in 1..5 {
        add(&mut ann, &format!("a{no}"));
        let told = next(&mut ann, &["ack", "error"]).unwrap();
        assert_eq!((&told["type"], &told["data"]["code"]), (&"error".into(), &"storage_full".into()), "{told}");
        assert_eq!(told["data"].get("truth"), Some(&Value::Null), "there is no such image: {told}");
        sees_moves(&mut bob, &mut ann, no);
        assert_eq!(images(&server, "a"), ["a0"], "a newcomer is shown what is stored");
    }
    tracer.leave();
    let mut tries = 0;
    let stored = loop {
        let id = format!("b{tries}");
        add(&mut bob, &id);
        let told = next(&mut bob, &["ack", "error"]).unwrap();
        if told["type"] == "ack" {
            break id;
        }
        assert_eq!(told["data"]["code"], "storage_full", "{told}");
        tries += 1;
        assert!(tries < 100, "edits are still refused though there is space");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(next(&mut ann, &["image:add"]).unwrap()["data"]["id"], stored.as_str());
    server.signal("KILL");
    server.wait(PATIENCE);
    server.restart_shipped(&[]);
    assert_eq!(images(&server, "a"), ["a0", stored.as_str()]);
}

#[test]
fn disk16_a_locked_database_is_told_at_the_start() {
    let mut server = Server::start_shipped(&[]);
    added(&mut server.joined("a", "ann"), "a0");
    server.signal("KILL");
    server.wait(PATIENCE);
    let data = server.directory.path().join("data");
    let other = Connection::open(data.join("kanvas.db")).unwrap();
    for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE"] {
        other.execute_batch(lock).unwrap();
        let said = refused(&data);
        assert!(said.contains("kanvas.db") && said.contains("locked by another program"), "{lock}: {said}");
        other.execute_batch("ROLLBACK").unwrap();
    }
    drop(other);
    server.restart_shipped(&[]);
    assert_eq!(images(&server, "a"), ["a0"]);
}

#[test]
fn disk16_a_lock_while_it_runs_refuses_edits_until_it_is_gone() {
    let mut server = Server::start_shipped(&[]);
    let (mut ann, mut bob) = (server.joined("a", "ann"), server.joined("a", "bob"));
    added(&mut ann, "a0");
    let other = Connection::open(server.directory.path().join("data/kanvas.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (mut tried, mut refused) = (1, None);
    add(&mut ann, "a1");
    while refused.is_none() {
        assert!(tried < 100, "no edit is refused though none can be stored");
        (0..10).for_each(|at| sees_moves(&mut ann, &mut bob, at));
        std::thread::sleep(Duration::from_millis(100));
        tried += 1;
        add(&mut ann, &format!("a{tried}"));
        sees_moves(&mut ann, &mut bob, 99);
        ann.send("ping");
        refused = next_of(&mut ann);
    }
    let refused = refused.unwrap();
    assert_eq!(refused["data"]["code"], "busy", "{refused}");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    // What was taken is acknowledged now, and edits are taken again.
    let mut kept = vec!["a0".to_owned()];
    kept.extend((1..tried).map(|no| format!("a{no}")));
    for id in &kept[1..] {
        let ack = next(&mut ann, &["ack"]).unwrap();
        assert_eq!(ack["data"]["id"], id.as_str(), "{ack}");
    }
    added(&mut ann, "z");
    kept.push("z".into());
    server.signal("TERM");
    server.wait(PATIENCE);
    server.restart_shipped(&[]);
    let mut there = images(&server, "a");
    there.sort_by_key(|id| kept.iter().position(|kept| kept == id));
    assert_eq!(there, kept);
}

/// The next error, if one comes before the answer to a ping. There is no ack while nothing can be stored.
fn next_of(socket: &mut Socket) -> Option<Value> {
    loop {
        let (first, payload) = socket.receive().expect("the room stays open");
        if first == TEXT && payload == b"pong" {
            return None;
        }
        let frame: Value = serde_json::from_slice(&payload).unwrap();
        assert_ne!(frame["type"], "ack", "{frame}");
        if frame["type"] == "error" {
            return Some(frame);
        }
    }
}

/// What the program says in refusing to start there: one sentence, exit code 2.
fn refused(data: &Path) -> String {
    // One that starts after all is ended.
    let mut command = quiet("timeout".as_ref());
    let args = ["--listen", "127.0.0.1:0", "--data"];
    let output = command.arg("15").arg(shipped()).args(args).arg(data).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    said
}

/// A directory with a database and a log beside it, as a kill leaves them.
fn left_behind(directory: &Path) {
    let (child, port) = Server::spawn_by(quiet(&shipped()), directory, &[]);
    let mut server = Server { child, directory: tempfile::tempdir().unwrap(), port };
    for life in 0..2 {
        let mut people: Vec<_> = (0..3).map(|who| server.joined("a", &format!("p{who}"))).collect();
        for no in 0..100 {
            people.iter_mut().enumerate().for_each(|(who, socket)| added(socket, &format!("i{life}-{who}-{no}")));
        }
        server.signal("KILL");
        server.wait(PATIENCE);
        if life == 0 {
            (server.child, server.port) = Server::spawn_by(quiet(&shipped()), directory, &[]);
        }
    }
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn files(data: &Path) -> Files {
    ["kanvas.db", "kanvas.db-wal", "guest.key"].map(|name| (data.join(name), fs::read(data.join(name)).unwrap())).into()
}

fn lay_out(files: &Files) {
    files.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
}

/// The refusal has these words in it, and the files are as they were.
fn refused_untouched(what: &str, data: &Path, words: [&str; 3]) {
    let before = files(data);
    let said = refused(data);
    assert!(words.iter().all(|word| said.contains(word)), "{what}: {said}");
    assert!(before == files(data), "{what}: the refused files were changed");
}

#[test]
fn run12_whatever_is_damaged_is_told_in_one_sentence_and_left_as_it_is() {
    const DATABASE: [&str; 3] = ["kanvas.db is", "damaged", "backup"];
    const LOG: [&str; 3] = ["kanvas.db-wal is", "damaged", "backup"];
    let directory = tempfile::tempdir().unwrap();
    left_behind(directory.path());
    let data = directory.path().join("data");
    let (database, log) = (data.join("kanvas.db"), data.join("kanvas.db-wal"));
    let whole = files(&data);
    let spoil = |what: &str, words: [&str; 3], change: &dyn Fn(&mut Files)| {
        let mut spoilt = whole.clone();
        change(&mut spoilt);
        lay_out(&spoilt);
        refused_untouched(what, &data, words);
    };
    spoil("a header that is none", DATABASE, &|files| {
        // With its log it would be whole: its first page is there too.
        files.insert(log.clone(), Vec::new());
        files.entry(database.clone()).and_modify(|bytes| bytes[..100].fill(0xa5));
    });
    let spoil_one = |what, path: &PathBuf, words, change: &dyn Fn(&mut Vec<u8>)| {
        spoil(what, words, &|files| change(files.get_mut(path).unwrap()));
    };
    spoil_one("pages turned over", &database, DATABASE, &|bytes| {
        bytes[8192..40_000].iter_mut().for_each(|byte| *byte = !*byte);
    });
    spoil_one("cut short", &database, DATABASE, &|bytes| bytes.truncate(bytes.len() / 2));
    spoil_one("cut short amid a page", &database, DATABASE, &|bytes| bytes.truncate(10_000));
    spoil_one("a log with a bit turned over", &log, LOG, &|bytes| bytes[20_000] ^= 1);
    spoil_one("a log without its header", &log, LOG, &|bytes| bytes[..32].fill(0));
    for (pragma, words) in [
        ("PRAGMA application_id = 7", ["kanvas.db is", "another program", "--data"]),
        ("PRAGMA user_version = 99", ["kanvas.db was", "newer Kanvas", "--data"]),
    ] {
        lay_out(&whole);
        Connection::open(&database).unwrap().execute_batch(pragma).unwrap();
        fs::write(&log, "").unwrap();
        refused_untouched(pragma, &data, words);
    }
    lay_out(&whole);
    let (child, port) = Server::spawn_by(quiet(&shipped()), directory.path(), &[]);
    let server = Server { child, directory, port };
    assert_eq!(images(&server, "a").len(), 600, "the whole files are served");
}

#[test]
fn disk14_a_log_that_ends_amid_its_last_commit_is_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    left_behind(directory.path());
    let log = directory.path().join("data/kanvas.db-wal");
    let mut bytes = fs::read(&log).unwrap();
    let last = bytes.len() - 100;
    bytes[last] ^= 1;
    fs::write(&log, bytes).unwrap();
    let (child, port) = Server::spawn_by(quiet(&shipped()), directory.path(), &[]);
    let server = Server { child, directory, port };
    assert!(images(&server, "a").len() >= 598);
}

#[test]
fn ws12_writes_that_are_interrupted_lose_nothing() {
    let server = Server::start_shipped(&[]);
    let (mut ann, mut bob) = (server.joined("a", "ann"), server.joined("a", "bob"));
    let tracer = Tracer::join(server.child.id(), "writev,sendto,sendmsg,recvfrom", "error=EINTR:when=1+2", None);
    for no in 0..50 {
        added(&mut ann, &format!("a{no}"));
        let seen = next(&mut bob, &["image:add"]).unwrap();
        assert_eq!(seen["seq"], no + 1, "{seen}");
    }
    tracer.leave();
}
