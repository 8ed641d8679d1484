//! Two servers, a room on its way between them, and the people in it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::back_end::{BackEnd, SECRET, picture};
use crate::common::{CLOSE, Server, Socket, TEXT, quiet, shipped};

/// An answer whose body is no text.
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// A request with the secret, and a body of bytes.
pub(crate) fn raw(server: &Server, method: &str, path: &str, body: &[u8]) -> Raw {
    let mut stream = server.connect();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n{length}Connection: close\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|place| place == b"\r\n\r\n").expect("a head") + 4;
    let body = answer.split_off(end);
    let head = String::from_utf8(answer).unwrap();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Raw { status, head, body }
}

impl Raw {
    /// The code and the sentence of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let told: Value = serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.head));
        let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        assert!(text("message").ends_with('.'), "{told}");
        (self.status, text("error"), text("message"))
    }
}

pub(crate) fn at(room: &str) -> String {
    format!("/api/rooms/{room}/handover")
}

/// A second server, for which guests are the same people: it has the first one's key.
pub(crate) fn beside(first: &BackEnd, args: &[&str]) -> BackEnd {
    let directory = tempfile::tempdir().unwrap();
    share_guests(&first.server, directory.path());
    let args = [&["--admin-secret", SECRET][..], args].concat();
    let (child, port) = Server::spawn_by(quiet(&shipped()), directory.path(), &args);
    BackEnd { server: Server { child, directory, port } }
}

fn share_guests(of: &Server, directory: &Path) {
    fs::create_dir(directory.join("data")).unwrap();
    fs::copy(of.directory.path().join("data/guest.key"), directory.join("data/guest.key")).unwrap();
}

impl BackEnd {
    /// The file of a room that is handed over.
    pub(crate) fn give(&self, room: &str) -> Vec<u8> {
        let given = raw(&self.server, "POST", &at(room), &[]);
        assert_eq!(given.status, 200, "{} {}", given.head, String::from_utf8_lossy(&given.body));
        given.body
    }

    pub(crate) fn take(&self, room: &str, file: &[u8]) {
        let taken = raw(&self.server, "PUT", &at(room), file);
        assert_eq!(taken.status, 204, "{} {}", taken.head, String::from_utf8_lossy(&taken.body));
    }

    pub(crate) fn forget(&self, room: &str) {
        assert_eq!(raw(&self.server, "DELETE", &at(room), &[]).status, 204);
    }

    /// Why a file is not taken.
    pub(crate) fn untaken(&self, room: &str, file: &[u8]) -> (u16, String, String) {
        raw(&self.server, "PUT", &at(room), file).refusal()
    }

    /// The log of a room, from the newest event down.
    pub(crate) fn history(&self, room: &str) -> Value {
        self.get(&format!("/api/rooms/{room}/history?limit=500"))["rows"].clone()
    }
}

/// Somebody in a room, and what they need to come back.
pub(crate) struct Person {
    pub(crate) socket: Socket,
    pub(crate) id: String,
    room: String,
    name: String,
    resume: String,
    epoch: u64,
    /// The newest place in the log that they know.
    pub(crate) seq: u64,
    /// The types of what they were told since they came last.
    pub(crate) heard: Vec<String>,
}

impl Person {
    pub(crate) fn join(server: &Server, room: &str, name: &str) -> Person {
        let socket = server.socket(&format!("/parties/main/{room}?_pk={name}"));
        let mut person = Person {
            socket,
            id: String::new(),
            room: room.into(),
            name: name.into(),
            resume: String::new(),
            epoch: 0,
            seq: 0,
            heard: Vec::new(),
        };
        person.enter(&json!({ "name": name }));
        person
    }

    /// Comes back as who they were; what they had missed.
    pub(crate) fn come_back(&mut self, server: &Server) -> Vec<Value> {
        self.socket = server.socket(&format!("/parties/main/{}?_pk={}", self.room, self.name));
        let since = json!({"epoch": self.epoch, "seq": self.seq});
        let (id, data) = (self.id.clone(), json!({"name": self.name, "resume": self.resume, "since": since}));
        let sync = self.enter(&data);
        assert_eq!((&self.id, &sync["mode"]), (&id, &json!("delta")), "{} is who they were", self.name);
        sync["ops"].as_array().unwrap().clone()
    }

    /// Joins: the state that they are told.
    fn enter(&mut self, data: &Value) -> Value {
        self.socket.send(&json!({"type": "user:join", "data": data}).to_string());
        let joined = self.until("room:joined");
        self.id = joined["clientId"].as_str().unwrap().to_owned();
        self.resume = joined["data"]["resume"].as_str().unwrap().to_owned();
        self.epoch = joined["data"]["epoch"].as_u64().unwrap();
        let sync = self.until("state:sync");
        self.seq = sync["data"]["seq"].as_u64().unwrap();
        self.until("user:list");
        self.heard.clear();
        sync["data"].clone()
    }

    /// The next event; `None` once the socket is closed with 1012, and told so before.
    pub(crate) fn hear(&mut self) -> Option<Value> {
        let (first, payload) = self.socket.receive().expect("a frame");
        if first == CLOSE {
            assert_eq!((payload.first_chunk(), &payload[2..]), (Some(&1012_u16.to_be_bytes()), &b"restart"[..]));
            assert_eq!(self.heard.last().map(String::as_str), Some("error"), "it was told why");
            assert_eq!(self.socket.receive(), None);
            return None;
        }
        assert_eq!(first, TEXT);
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let kind = event["type"].as_str().unwrap().to_owned();
        if kind == "error" {
            let wait = event["data"]["retryAfterMs"].as_u64();
            assert!(event["data"]["code"] == "restart" && wait.is_some_and(|wait| wait <= 1000), "{event}");
        }
        // One's own events are known by their acks; an ack that is said again tells nothing new.
        let own = event["data"]["seq"].as_u64().filter(|seq| kind == "ack" && *seq > self.seq);
        if let Some(seq) = event["seq"].as_u64().or(own) {
            assert_eq!(seq, self.seq + 1, "{} misses something before {event}", self.name);
            self.seq = seq;
        }
        self.heard.push(kind);
        Some(event)
    }

    /// Whether nothing comes for a while.
    pub(crate) fn hears_nothing(&mut self) -> bool {
        self.socket.stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let nothing = self.socket.receive().is_none();
        self.socket.stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        nothing
    }

    pub(crate) fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self.hear().unwrap_or_else(|| panic!("closed before {kind}"));
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Reads until the room is taken away.
    pub(crate) fn put_out(&mut self) {
        while self.hear().is_some() {}
    }

    pub(crate) fn add(&mut self, image: &str) {
        let message = json!({"type": "image:add", "id": format!("op-{image}"), "data": picture(image, 1)});
        self.socket.send(&message.to_string());
    }

    /// Adds an image and hears that it is stored: its place in the log.
    pub(crate) fn added(&mut self, image: &str) -> u64 {
        self.add(image);
        self.until("ack")["data"]["seq"].as_u64().unwrap()
    }
}
