//! Starts the built server in a directory of its own and speaks to it in raw bytes. Shared by the tests beside it;
//! it knows the protocol's framing and nothing of rooms.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(crate) mod commands;
pub(crate) mod strace;

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The program, told nothing by the environment of the test.
pub(crate) fn kanvas() -> Command {
    quiet(env!("CARGO_BIN_EXE_kanvas").as_ref())
}

/// The program that `KANVAS_BIN` names, such as the one that is shipped, or else the one built with the test.
pub(crate) fn shipped() -> PathBuf {
    std::env::var_os("KANVAS_BIN").map_or_else(|| env!("CARGO_BIN_EXE_kanvas").into(), PathBuf::from)
}

/// A program that is told nothing by the environment of the test.
pub(crate) fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    kanvas().args(args).output().unwrap()
}

/// What it said in refusing to start, which must be one sentence and exit code 2.
pub(crate) fn refusal(args: &[&str]) -> String {
    let output = run(args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!said.contains("panicked") && !said.contains("Error {"), "{said}");
    said
}

pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) directory: TempDir,
    pub(crate) port: u16,
}

/// Where a server tells its address.
fn port(child: &mut Child) -> u16 {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| panic!("no port in {line:?}"))
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Server {
        let directory = tempfile::tempdir().unwrap();
        let (child, port) = Server::spawn(directory.path(), args);
        Server { child, directory, port }
    }

    pub(crate) fn spawn(directory: &Path, args: &[&str]) -> (Child, u16) {
        Server::spawn_by(kanvas(), directory, args)
    }

    /// Starts what is shipped, in a directory of its own.
    pub(crate) fn start_shipped(args: &[&str]) -> Server {
        let directory = tempfile::tempdir().unwrap();
        let (child, port) = Server::spawn_by(quiet(&shipped()), directory.path(), args);
        Server { child, directory, port }
    }

    /// Starts it again where it was.
    pub(crate) fn restart_shipped(&mut self, args: &[&str]) {
        (self.child, self.port) = Server::spawn_by(quiet(&shipped()), self.directory.path(), args);
    }

    pub(crate) fn spawn_by(command: Command, directory: &Path, args: &[&str]) -> (Child, u16) {
        Server::spawn_at(command, &directory.join("data"), directory, args)
    }

    /// With its data in one directory and what it says of itself in another.
    pub(crate) fn spawn_at(mut command: Command, data: &Path, directory: &Path, args: &[&str]) -> (Child, u16) {
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let port = port(&mut child);
        (child, port)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end and says the exit code.
    pub(crate) fn wait(&mut self, most: Duration) -> Option<i32> {
        let end = Instant::now() + most;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it did not end in {most:?}");
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends raw bytes and reads one answer with its body, or to the end.
    pub(crate) fn raw(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect();
        stream.write_all(bytes.as_ref()).unwrap();
        Answer::read(&mut stream)
    }

    /// A `GET` with the right `Host`, and further header lines.
    pub(crate) fn get(&self, path: &str, headers: &str) -> Answer {
        self.raw(format!("GET {path} HTTP/1.1\r\nHost: localhost:{}\r\n{headers}Connection: close\r\n\r\n", self.port))
    }

    /// An upgrade with these header lines beside `Host`.
    pub(crate) fn upgrade(&self, path: &str, headers: &str) -> Answer {
        self.raw(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"))
    }

    pub(crate) fn socket(&self, path: &str) -> Socket {
        let (answer, socket) = self.try_socket(path, "");
        assert_eq!(answer.status, 101, "{answer:?}");
        socket
    }

    pub(crate) fn try_socket(&self, path: &str, headers: &str) -> (Answer, Socket) {
        let mut stream = self.connect();
        let good = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{good}{KEY}{headers}\r\n").unwrap();
        (Answer::read(&mut stream), Socket { stream })
    }

    /// A socket that has joined a room and read what greets it.
    pub(crate) fn joined(&self, room: &str, name: &str) -> Socket {
        let mut socket = self.socket(&format!("/parties/main/{room}?_pk={name}"));
        socket.join(name);
        socket
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn read(stream: &mut TcpStream) -> Answer {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => break,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let mut answer = Answer { status, head, body: String::new() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).is_ok() {
            answer.body = String::from_utf8(body).unwrap();
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A WebSocket client that can also speak wrongly.
pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
}

impl Socket {
    pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        let len = payload.len();
        match (u8::try_from(len), u16::try_from(len)) {
            (Ok(len @ ..=125), _) => frame.push(0x80 | len),
            (_, Ok(len)) => {
                frame.push(0x80 | 126);
                frame.extend(len.to_be_bytes());
            }
            (_, Err(_)) => {
                frame.push(0x80 | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        let mask = [0x12, 0x34, 0x56, 0x78];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        // The server may have ended it by now; what it said is read afterwards.
        drop(self.stream.write_all(bytes));
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.raw(&Socket::frame(TEXT, text.as_bytes()));
    }

    pub(crate) fn join(&mut self, name: &str) {
        self.send(&format!(r#"{{"type":"user:join","data":{{"name":"{name}"}}}}"#));
        self.until(r#""type":"user:list""#);
    }

    /// The next frame: its first byte and its payload. `None` at the end of the stream.
    pub(crate) fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).ok()?;
        let len = match head[1] {
            126 => {
                let mut len = [0; 2];
                self.stream.read_exact(&mut len).ok()?;
                u64::from(u16::from_be_bytes(len))
            }
            127 => {
                let mut len = [0; 8];
                self.stream.read_exact(&mut len).ok()?;
                u64::from_be_bytes(len)
            }
            len => u64::from(len),
        };
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.stream.read_exact(&mut payload).ok()?;
        Some((head[0], payload))
    }

    /// Reads to the first text with these words in it.
    pub(crate) fn until(&mut self, words: &str) -> String {
        loop {
            let (first, payload) = self.receive().unwrap_or_else(|| panic!("the end came before {words}"));
            let text = String::from_utf8_lossy(&payload).into_owned();
            assert_ne!(first, CLOSE, "closed before {words}: {text}");
            if first == TEXT && text.contains(words) {
                return text;
            }
        }
    }

    /// Reads to the close frame and the end of the stream: the code, the reason, and the texts before it.
    pub(crate) fn closed(&mut self) -> (u16, String, Vec<String>) {
        let mut texts = Vec::new();
        loop {
            match self.receive() {
                Some((CLOSE, payload)) => {
                    assert_eq!(self.receive(), None, "nothing follows a close frame");
                    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    let reason = payload.get(2..).unwrap_or_default();
                    return (code, String::from_utf8_lossy(reason).into_owned(), texts);
                }
                Some((_, payload)) => texts.push(String::from_utf8_lossy(&payload).into_owned()),
                None => panic!("no close frame after {texts:?}"),
            }
        }
    }

    pub(crate) fn hang_up(self) {
        drop(self.stream.shutdown(Shutdown::Both));
    }
}
