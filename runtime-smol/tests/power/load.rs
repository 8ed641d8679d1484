//! People who edit: real clients in three rooms, each with several edits under way, while strace writes down what the
//! server does. It owns one life of that server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::PATIENCE;
use crate::chance::Chance;
use crate::common::strace::{strace, traced_by};
use crate::common::{CLOSE, Server, Socket, TEXT};
use crate::trace::CALLS;

pub(crate) const ROOMS: [&str; 3] = ["red", "green", "blue"];
const PEOPLE: usize = 9;
/// Within the burst that everybody has: nobody waits for the rate.
const EDITS: usize = 110;
const CHATS: usize = 9;

/// How a life of the server ends.
pub(crate) enum Life {
    /// In good order.
    Ended,
    Killed,
    /// In good order, and nobody came.
    Unused,
}

/// Where the server keeps its data; it makes this and what is above it.
pub(crate) fn data(root: &Path) -> PathBuf {
    root.join("made/data")
}

/// Lives once on this directory, and says how many acks were heard. The log goes on where it was.
pub(crate) fn live(binary: &Path, root: &Path, log: &Path, no: usize, life: &Life) -> usize {
    let mut command = strace();
    command.env_clear().args(["--seccomp-bpf", "-y", "-xx", "-s", "10000000", "-e", CALLS, "-A", "-o"]);
    command.arg(log).arg(binary);
    let directory = tempfile::tempdir_in(root.parent().unwrap()).unwrap();
    let (child, port) = Server::spawn_at(command, &data(root), directory.path(), &["--threads", "2"]);
    let mut server = Server { child, directory, port };
    let pid = traced_by(server.child.id());
    let people = match life {
        Life::Ended | Life::Killed => PEOPLE,
        Life::Unused => 0,
    };
    let acked = thread::scope(|scope| {
        let server = &server;
        let people: Vec<_> = (0..people).map(|who| scope.spawn(move || edit(server, no, who))).collect();
        people.into_iter().map(|person| person.join().unwrap()).sum()
    });
    let signal = match life {
        Life::Ended | Life::Unused => "-TERM",
        Life::Killed => "-KILL",
    };
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
    server.wait(PATIENCE);
    acked
}

/// One person's edits, each under its own id; gives the number of acks.
fn edit(server: &Server, life: usize, who: usize) -> usize {
    let room = ROOMS[who % ROOMS.len()];
    let mut chance = Chance::new((life * PEOPLE + who) as u64);
    let mut socket = server.joined(room, &format!("p{who}"));
    let (mut waiting, mut mine, mut chats, mut acked) = (BTreeSet::new(), Vec::new(), 0, 0);
    for no in 0..EDITS {
        let kind = match chance.below(10) {
            0 if chats < CHATS => "chat:message",
            1..=2 if mine.len() > 2 => "image:remove",
            3..=5 if !mine.is_empty() => "image:transform",
            _ => "image:add",
        };
        let id = format!("{room}-{life}-{who}-{no}-{kind}");
        let data = match kind {
            "chat:message" => {
                chats += 1;
                format!(r#"{{"text":"{id}"}}"#)
            }
            "image:remove" => format!(r#"{{"id":"{}"}}"#, mine.swap_remove(chance.below(mine.len()))),
            "image:transform" => format!(r#"{{"id":"{}","x":{no}.5}}"#, mine[chance.below(mine.len())]),
            _ => {
                mine.push(format!("i{life}-{who}-{no}"));
                let long = "x".repeat(chance.below(300));
                let image = format!("i{life}-{who}-{no}");
                format!(r#"{{"id":"{image}","src":"https://e.com/{long}","x":{no},"y":0,"width":1,"height":1}}"#)
            }
        };
        socket.send(&format!(r#"{{"type":"{kind}","data":{data},"id":"{id}"}}"#));
        waiting.insert(id);
        let most = chance.below(4);
        while waiting.len() > most {
            acked += usize::from(waiting.remove(&next_ack(&mut socket)));
        }
    }
    while !waiting.is_empty() {
        acked += usize::from(waiting.remove(&next_ack(&mut socket)));
    }
    acked
}

/// Reads to the next ack and gives its id. Nothing is refused here.
fn next_ack(socket: &mut Socket) -> String {
    loop {
        let (first, payload) = socket.receive().expect("the server serves");
        assert_ne!(first, CLOSE, "{}", String::from_utf8_lossy(&payload));
        if first != TEXT {
            continue;
        }
        let frame: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_ne!(frame["type"], "error", "{frame}");
        if frame["type"] == "ack" {
            return frame["data"]["id"].as_str().unwrap().to_owned();
        }
    }
}
