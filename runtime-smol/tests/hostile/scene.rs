//! A room with one quiet observer, and the three things that are asked after every attack: did the observer hear
//! anything, is the state as it was, and is the next good request served.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::time::{Duration, Instant};

use crate::common::{CLOSE, Server, Socket, TEXT};

const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

pub(crate) struct Scene {
    pub(crate) server: Server,
    observer: Socket,
    room: &'static str,
    people: u32,
    good: u32,
}

impl Scene {
    pub(crate) fn new(room: &'static str, args: &[&str]) -> Scene {
        let server = Server::start(&[args, &["--grace", "0"]].concat());
        let mut observer = server.joined(room, "observer");
        observer.send(r#"{"type":"image:add","data":{"id":"good","src":"https://e.com/a","x":0,"y":0,"width":1,"height":1},"id":"k"}"#);
        observer.until(r#""type":"ack""#);
        Scene { server, observer, room, people: 0, good: 0 }
    }

    /// A socket that has not joined.
    pub(crate) fn stranger(&mut self) -> Socket {
        self.people += 1;
        self.server.socket(&format!("/parties/main/{}?_pk=p{}", self.room, self.people))
    }

    /// A socket that has joined, which the observer knows.
    pub(crate) fn member(&mut self) -> Socket {
        let mut socket = self.stranger();
        socket.join("member");
        self.hears(r#""type":"user:joined""#);
        socket
    }

    /// A member goes, and the observer is told so and nothing else.
    pub(crate) fn leave(&mut self, mut socket: Socket) {
        socket.raw(&Socket::frame(CLOSE, &[0x03, 0xe8]));
        ended(&mut socket);
        self.hears(r#""type":"user:left""#);
    }

    /// The next that the observer hears must be this.
    pub(crate) fn hears(&mut self, words: &str) {
        loop {
            let (first, payload) = self.observer.receive().unwrap_or_else(|| panic!("the end came before {words}"));
            let text = String::from_utf8(payload).unwrap();
            if first == TEXT {
                return assert!(text.contains(words), "the observer heard {text} before {words}");
            }
            assert_eq!(first, PING, "{text}");
        }
    }

    /// The state as a newcomer is told it, the place in the log included.
    pub(crate) fn state(&mut self) -> String {
        let mut socket = self.stranger();
        socket.send(r#"{"type":"user:join","data":{}}"#);
        let state = socket.until(r#""type":"state:sync""#);
        self.hears(r#""type":"user:joined""#);
        self.leave(socket);
        let (state, _) = state.rsplit_once(r#","clientId""#).unwrap();
        state.to_owned()
    }

    /// A good edit of a newcomer is acknowledged and heard.
    pub(crate) fn serves(&mut self) {
        let mut socket = self.member();
        self.good += 1;
        let x = self.good;
        socket.send(&format!(r#"{{"type":"image:transform","data":{{"id":"good","x":{x}}},"id":"g{x}"}}"#));
        socket.until(r#""type":"ack""#);
        self.hears(&format!(r#""x":{x}"#));
        self.leave(socket);
    }

    /// Runs an attack that must change nothing for anybody else.
    pub(crate) fn unmoved(&mut self, what: &str, attack: impl FnOnce(&mut Scene)) {
        let before = self.state();
        attack(self);
        assert_eq!(self.state(), before, "the state after {what}");
        self.serves();
    }

    pub(crate) fn memory(&self) -> u64 {
        memory(&self.server)
    }

    /// The observer, which answers pings, hears of this in time.
    pub(crate) fn hears_before(&mut self, words: &str, most: Duration) {
        let start = Instant::now();
        loop {
            let (first, payload) = self.observer.receive().unwrap_or_else(|| panic!("the end came before {words}"));
            let text = String::from_utf8(payload).unwrap();
            if first == PING {
                self.observer.raw(&Socket::frame(PONG, text.as_bytes()));
                assert!(start.elapsed() < most, "nothing of {words} in {most:?}");
            } else if text.contains(words) {
                return;
            }
        }
    }
}

/// The server's resident memory in bytes.
pub(crate) fn memory(server: &Server) -> u64 {
    told(server, "VmRSS:")
}

/// The most that it ever was.
pub(crate) fn peak(server: &Server) -> u64 {
    told(server, "VmHWM:")
}

fn told(server: &Server, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// The texts up to the answer of a `ping` that was sent.
pub(crate) fn answers(socket: &mut Socket) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let (first, payload) = socket.receive().unwrap_or_else(|| panic!("the end came after {texts:?}"));
        let text = String::from_utf8(payload).unwrap();
        assert_ne!(first, CLOSE, "closed after {texts:?}");
        if text == "pong" {
            return texts;
        }
        texts.push(text);
    }
}

/// The code of an error event.
pub(crate) fn code(text: &str) -> &str {
    let code = text.strip_prefix(r#"{"type":"error","data":{"code":""#).and_then(|rest| rest.split('"').next());
    code.unwrap_or_else(|| panic!("no error: {text}"))
}

/// How a connection ended: code, reason and the texts before. The end of the stream is a clean one, after a close frame.
pub(crate) fn ended(socket: &mut Socket) -> (u16, String, Vec<String>) {
    let mut texts = Vec::new();
    loop {
        let (first, payload) = socket.receive().unwrap_or_else(|| panic!("no close frame after {texts:?}"));
        if first != CLOSE {
            texts.push(String::from_utf8_lossy(&payload).into_owned());
            continue;
        }
        match socket.stream.read(&mut [0]) {
            Ok(0) => {}
            Ok(_) => panic!("something follows the close frame"),
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::ConnectionReset, "a reset after the close frame");
                panic!("the stream does not end: {error}");
            }
        }
        let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
        return (code, String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned(), texts);
    }
}
