//! A server in a directory of its own in which commands are run, and the people who edit.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::common::commands::done;
use crate::common::{Answer, CLOSE, Server, Socket};

/// See the module.
pub(crate) struct Site {
    pub(crate) server: Server,
    /// Where commands are run: `data` is the server's.
    path: PathBuf,
}

impl Site {
    pub(crate) fn start(args: &[&str]) -> Site {
        let server = Server::start(args);
        let path = server.directory.path().to_owned();
        Site { server, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A second server, whose directory is in this one's.
    pub(crate) fn beside(&self, name: &str) -> Site {
        let path = self.path.join(name);
        fs::create_dir_all(&path).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (child, port) = Server::spawn(&path, &[]);
        Site { server: Server { child, directory, port }, path }
    }

    pub(crate) fn kill_and_start(&mut self) {
        self.server.signal("KILL");
        self.server.child.wait().unwrap();
        (self.server.child, self.server.port) = Server::spawn(&self.path, &[]);
    }

    pub(crate) fn stop(&mut self) {
        self.server.signal("TERM");
        assert_eq!(self.server.wait(std::time::Duration::from_secs(20)), Some(0));
    }

    /// Puts a file: its address.
    pub(crate) fn upload(&self, bytes: &[u8]) -> String {
        let mut stream = self.server.connect();
        let length = bytes.len();
        write!(stream, "PUT /assets?room=plan HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n")
            .unwrap();
        stream.write_all(bytes).unwrap();
        let answer = Answer::read(&mut stream);
        assert_eq!(answer.status, 201, "{answer:?}");
        src(bytes)
    }

    /// Where the file of an address is kept.
    pub(crate) fn asset(&self, src: &str) -> PathBuf {
        self.path.join("data/assets").join(&src[8..10]).join(&src[8..])
    }

    /// How a file's address is answered.
    pub(crate) fn status_of(&self, src: &str) -> u16 {
        self.server.raw(format!("HEAD {src} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).status
    }

    /// What a newcomer is shown of a room.
    pub(crate) fn state(&self, room: &str) -> Value {
        let mut socket = self.server.socket(&format!("/parties/main/{room}"));
        socket.send(r#"{"type":"user:join","data":{}}"#);
        next(&mut socket, &["state:sync"]).expect("the room opens")["data"].clone()
    }
}

/// A PNG by its signature, of so many bytes.
pub(crate) fn png(bytes: usize, seed: u8) -> Vec<u8> {
    let rest = (0..).map(|no: u32| no.to_be_bytes()[3].wrapping_mul(7) ^ seed);
    b"\x89PNG\r\n\x1a\n".iter().copied().chain(rest).take(bytes).collect()
}

pub(crate) fn src(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("/assets/{digits}")
}

/// Adds an image whose id is also the edit's.
fn add(socket: &mut Socket, id: &str, src: &str) {
    let image = format!(r#"{{"id":"{id}","src":"{src}","x":1,"y":2,"width":3,"height":4}}"#);
    socket.send(&format!(r#"{{"type":"image:add","data":{image},"id":"{id}"}}"#));
}

/// The same, and its place once it is stored.
pub(crate) fn added(socket: &mut Socket, id: &str, src: &str) -> u64 {
    add(socket, id, src);
    loop {
        let told = next(socket, &["ack", "error"]).expect("the socket stays open");
        assert_eq!(told["type"], "ack", "{told}");
        if told["data"]["id"] == id {
            return told["data"]["seq"].as_u64().unwrap();
        }
    }
}

/// The next frame of one of these types, as long as there are frames.
pub(crate) fn next(socket: &mut Socket, types: &[&str]) -> Option<Value> {
    loop {
        let (first, payload) = socket.receive()?;
        if first == CLOSE {
            return None;
        }
        let frame: Value = serde_json::from_slice(&payload).unwrap_or_default();
        if types.iter().any(|kind| frame["type"] == *kind) {
            return Some(frame);
        }
    }
}

/// The rooms of a data directory, as documents by their ids.
pub(crate) fn rooms(directory: &Path, data: &str) -> BTreeMap<String, Value> {
    let lines = done(directory, &["export", "--all", "--data", data]);
    let documents = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    documents.map(|document| (document["room"]["id"].as_str().unwrap().to_owned(), document)).collect()
}

/// The images of a document.
pub(crate) fn ids(document: &Value) -> Vec<String> {
    document["images"].as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned()).collect()
}

/// The names of all files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    fn below(root: &Path, folder: &Path, names: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => below(root, &entry.path(), names),
                false => names.push(entry.path().strip_prefix(root).unwrap().display().to_string()),
            }
        }
    }
    let mut names = Vec::new();
    below(folder, folder, &mut names);
    names.sort();
    names
}
