//! `kanvas top` against real servers: one plain reading, what is said where there is none, and a terminal that is given
//! back.

mod common;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use common::{Server, kanvas};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

const SECRET: &str = "0123456789abcdefghijklmn";

fn top(server: &str) -> Command {
    let mut command = kanvas();
    command.args(["top", "--address", server]);
    command
}

fn address(server: &Server) -> String {
    format!("http://127.0.0.1:{}", server.port)
}

fn printed(output: Output) -> String {
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), told.as_str()), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

/// What it says in one sentence, with exit code 1.
fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), told.lines().count(), output.stdout.len()), (Some(1), 1, 0), "{told}");
    assert!(!told.contains(SECRET) && !told.contains("os error"), "{told}");
    told
}

#[test]
fn top4_one_reading_is_printed_where_there_is_no_terminal() {
    let server = Server::start(&[]);
    let (mut ann, bob) = (server.joined("plan", "ann"), server.joined("plan", "bob"));
    ann.send(r#"{"type":"cursor:move","data":{"x":1,"y":2}}"#);
    ann.send(r#"{"type":"frobnicate"}"#);
    ann.until(r#""type":"error""#);
    for args in [["--once"].as_slice(), &[]] {
        let text = printed(top(&address(&server)).args(args).output().unwrap());
        let value = |name: &str| {
            let line = text
                .lines()
                .find(|line| line.trim_start().starts_with(&format!("{name}  ")))
                .unwrap_or_else(|| panic!("{name}: {text}"));
            line.rsplit("  ").next().unwrap().trim().to_owned()
        };
        assert!(text.starts_with(&format!("Kanvas {} at {}", env!("CARGO_PKG_VERSION"), address(&server))), "{text}");
        assert_eq!((value("people"), value("rooms"), value("sockets")), ("2".into(), "1".into(), "2".into()));
        assert_eq!((value("join"), value("cursor")), ("2".into(), "1".into()));
        assert!(value("join p50").ends_with(" ms") && value("memory").ends_with(" MiB"), "{text}");
        assert!(value("unknown_type") == "1" && !text.contains('\u{1b}'), "{text}");
    }
    drop((ann, bob));
}

#[test]
fn top1_the_secret_is_taken_from_where_the_server_takes_it_and_from_a_file() {
    let server = Server::start(&["--admin-secret", SECRET]);
    let at = address(&server);
    let file = server.directory.path().join("secret");
    fs::write(&file, format!("{SECRET}\n")).unwrap();
    printed(top(&at).env("KANVAS_ADMIN_SECRET", SECRET).output().unwrap());
    printed(top(&at).arg("--admin-secret-file").arg(&file).output().unwrap());
    let said = refused(&mut top(&at));
    assert!(said.contains("wants its admin secret; give it as"), "{said}");
    let said = refused(top(&at).env("KANVAS_ADMIN_SECRET", "another-secret-of-24-letters"));
    assert!(said.contains("has another admin secret"), "{said}");
    let missing = top(&at).args(["--admin-secret-file", "/gone"]).output().unwrap();
    assert!(String::from_utf8(missing.stderr).unwrap().contains("/gone cannot be read"));
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn top1_what_keeps_it_from_reading_is_one_sentence() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = refused(&mut top(&format!("http://{free}")));
    assert!(said.contains("cannot be reached (connection refused); start a server there"), "{said}");
    let pem =
        kanvas_core::auth::SigningKey::from_pem(include_str!("../../core/tests/keys/test-only-a.pem"), "a").unwrap();
    let pem = pem.to_public_pem().unwrap();
    let closed = Server::start(&["--clerk-jwt-key", &pem, "--allowed-origins", "https://app.example.com"]);
    let said = refused(&mut top(&address(&closed)));
    assert!(said.contains("tells nobody what it counts; give it the setting admin-secret"), "{said}");
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = format!("http://{}", stranger.local_addr().unwrap());
    thread::spawn(move || {
        for stream in stranger.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 512];
            let _ = stream.read(&mut head);
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nup 1\n"));
        }
    });
    let said = refused(&mut top(&there));
    assert!(said.contains("is no Kanvas, it seems; check --address"), "{said}");
}

/// It runs in a terminal of its own, whose other end this holds.
struct Seat {
    child: Child,
    screen: File,
    /// Kept open: its modes are looked at.
    line: OwnedFd,
    seen: String,
}

impl Seat {
    fn take(server: &str) -> Seat {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap();
        let line = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        tcsetwinsize(&line, Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let end = || line.try_clone().unwrap();
        let child = top(server).stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Seat { child, screen: File::from(screen), line, seen: String::new() }
    }

    /// Reads until these words are on the screen.
    fn until(&mut self, words: &str) {
        let mut bytes = [0; 4096];
        while !self.seen.contains(words) {
            let count = self.screen.read(&mut bytes).unwrap();
            self.seen += &String::from_utf8_lossy(&bytes[..count]);
        }
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.line).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    /// It ends, and the terminal is as it was.
    fn gives_it_back(mut self) {
        let end = Instant::now() + Duration::from_secs(10);
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(Instant::now() < end, "it goes on");
            thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(code, Some(0));
        assert!(!self.is_raw());
        self.until("\u{1b}[?1049l");
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn top6_the_terminal_gives_it_back_after_a_key_and_after_a_signal() {
    let server = Server::start(&[]);
    for end in ["q", "\u{3}", "TERM", "HUP"] {
        let mut seat = Seat::take(&address(&server));
        assert!(!seat.is_raw());
        seat.until("\u{1b}[?1049h");
        seat.until("people");
        assert!(seat.is_raw());
        if end.len() == 1 {
            seat.screen.write_all(end.as_bytes()).unwrap();
        } else {
            let sent = Command::new("kill").arg(format!("-{end}")).arg(seat.child.id().to_string()).status().unwrap();
            assert!(sent.success());
        }
        seat.gives_it_back();
    }
}
