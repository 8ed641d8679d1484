//! Webhooks of the built server: over a stop and a kill, and what its commands say of them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

mod common;

use common::{Server, kanvas, run};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Answers each request like this, or never, and tells what came.
fn receiver(answer: Option<&'static str>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}/secret-path", listener.local_addr().unwrap().port());
    let (came, all) = channel();
    thread::spawn(move || {
        let mut held = Vec::new();
        for mut stream in listener.incoming().flatten() {
            if came.send(request(&mut stream)).is_err() {
                return;
            }
            if let Some(answer) = answer {
                stream.write_all(answer.as_bytes()).unwrap();
            } else {
                held.push(stream);
            }
        }
    });
    (url, all)
}

fn request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"}}") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

fn id(request: &str) -> String {
    let mut lines = request.lines();
    lines.find_map(|line| line.strip_prefix("webhook-id: ")).unwrap().to_owned()
}

/// The ids of so many that came.
fn ids(all: &Receiver<String>, count: usize) -> BTreeSet<String> {
    (0..count).map(|_| id(&all.recv_timeout(Duration::from_secs(20)).unwrap())).collect()
}

fn database(directory: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(directory.join("data/kanvas.db")).unwrap()
}

fn kept(directory: &Path) -> BTreeSet<String> {
    let database = database(directory);
    let mut statement = database.prepare("SELECT id FROM notices").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// A server that was stopped with these webhooks waiting.
fn stopped_with(names: &[&str]) -> (Server, BTreeSet<String>) {
    let mut server = Server::start(&[]);
    server.signal("TERM");
    assert_eq!(server.wait(Duration::from_secs(10)), Some(0));
    let database = database(server.directory.path());
    let body =
        r#"{"type":"room.created","timestamp":"2026-01-01T00:00:00.000Z","data":{"room":"r","by":"secret-name"}}"#;
    let now = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
    let add = format!(
        "INSERT INTO notices (id, room, minor, made, due, failures, body) VALUES (?1, ?1, 0, {now}, {now}, 0, ?2)"
    );
    for name in names {
        database.execute(&add, [name, body]).unwrap();
    }
    (server, names.iter().map(|name| (*name).to_owned()).collect())
}

fn settings(url: &str) -> [&str; 4] {
    ["--webhook-url", url, "--webhook-secret", SECRET]
}

#[test]
fn hook9_after_a_kill_what_was_not_taken_is_sent_again_under_the_same_ids() {
    let (mut server, waiting) = stopped_with(&["msg_a", "msg_b", "msg_c"]);
    let (url, all) = receiver(None);
    server.restart_shipped(&settings(&url));
    assert_eq!(ids(&all, 3), waiting);
    server.signal("KILL");
    server.wait(Duration::from_secs(10));
    let (url, all) = receiver(Some("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    server.restart_shipped(&settings(&url));
    assert_eq!(ids(&all, 3), waiting);
    server.signal("TERM");
    assert_eq!(server.wait(Duration::from_secs(10)), Some(0));
    let left = kept(server.directory.path());
    assert!(left.is_subset(&waiting), "what was answered just before the stop may be sent once more: {left:?}");
}

#[test]
fn hook9_run14_a_stop_waits_for_no_attempt_and_forgets_none() {
    let (mut server, waiting) = stopped_with(&["msg_a", "msg_b"]);
    let (url, all) = receiver(None);
    server.restart_shipped(&settings(&url));
    assert_eq!(ids(&all, 2), waiting);
    server.signal("TERM");
    assert_eq!(server.wait(Duration::from_secs(10)), Some(0));
    assert_eq!(kept(server.directory.path()), waiting);
}

#[test]
fn hook10_a_failure_is_logged_without_the_path_the_secret_and_the_body() {
    let (mut server, waiting) = stopped_with(&["msg_a"]);
    let (url, all) = receiver(Some("HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    server.restart_shipped(&[&settings(&url)[..], &["--log", "trace"]].concat());
    assert_eq!(ids(&all, 1), waiting);
    assert_eq!(ids(&all, 1), waiting, "it was written down as failed by then");
    let log = server.log();
    let origin = url.trim_end_matches("/secret-path");
    let told = format!("webhooks cannot be delivered to {origin} (the answer was 500); each is tried again for a day");
    assert!(log.contains(&told), "{log}");
    for hidden in ["secret-path", &SECRET[6..], "secret-name"] {
        assert!(!log.contains(hidden), "{hidden} in {log}");
    }
}

#[test]
fn hook3_a_secret_or_an_address_that_cannot_be_used_is_refused_without_repeating_the_secret() {
    let refused = |args: &[&str]| {
        let output = run(&[&["check-config", "--listen", "127.0.0.1:0"], args].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty() || !String::from_utf8_lossy(&output.stdout).contains("whsec_"));
        String::from_utf8(output.stderr).unwrap()
    };
    let told = refused(&["--webhook-url", "https://a.example/", "--webhook-secret", "whsec_c2hvcnQ="]);
    assert!(told.contains("--webhook-secret cannot be used: it must be whsec_ and 24 to 64 random bytes"), "{told}");
    assert!(!told.contains("c2hvcnQ="), "{told}");
    for wrong in ["http://a.example/", "ftp://a.example/", "https://u:p@a.example/", "a.example", ""] {
        let told = refused(&settings(wrong));
        assert!(told.contains("it must be an https address, or an http one of this machine"), "{told}");
    }
    for half in [["--webhook-url", "https://a.example/"], ["--webhook-secret", SECRET]] {
        assert_eq!(
            refused(&half),
            "kanvas: --webhook-url and --webhook-secret belong together; give both or neither.\n"
        );
    }
    let told = refused(&["--webhook-events", "room.made"]);
    assert!(told.contains("it must be some of room.created, room.emptied, "), "{told}");
}

#[test]
fn hook3_no_command_shows_the_secret() {
    let told = |args: &[&str]| {
        let output = kanvas().args(args).env("KANVAS_WEBHOOK_SECRET", SECRET).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.contains(&SECRET[6..]), "{text}");
        text
    };
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let shown =
        told(&["check-config", "--listen", "127.0.0.1:0", "--data", data, "--webhook-url", "https://a.example/"]);
    let lines: Vec<_> = shown.lines().filter(|line| line.contains("webhook-secret")).collect();
    assert!(lines.len() == 1 && lines[0].starts_with("# webhook-secret is given, and is not shown"), "{shown}");
    assert!(lines[0].ends_with("# from KANVAS_WEBHOOK_SECRET"), "{shown}");
    for args in [&["--help"][..], &["webhook", "--help"], &["serve", "--help"], &["settings"]] {
        told(args);
    }
}

#[test]
fn hook11_webhook_test_says_what_came_back() {
    let tried = |args: &[&str]| {
        let output = run(&[&["webhook", "test"], args].concat());
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (url, all) = receiver(Some("HTTP/1.1 202 Fine\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    let (code, said) = tried(&settings(&url));
    let came = all.recv().unwrap();
    assert!(came.starts_with("POST /secret-path HTTP/1.1\r\n") && came.contains(r#"{"type":"kanvas.test","#), "{came}");
    assert_eq!(code, Some(0));
    assert!(said.contains(&format!("took the event {}: it answered 202.", id(&came))), "{said}");
    let (url, _all) = receiver(Some("HTTP/1.1 404 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    let (code, said) = tried(&settings(&url));
    assert!(code == Some(1) && said.ends_with("did not take the event: the answer was 404.\n"), "{said}");
    let (url, _all) = receiver(Some("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    let (code, said) = tried(&settings(&url));
    assert!(code == Some(1) && said.contains("answered 410: it wants no more webhooks"), "{said}");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (code, said) = tried(&settings(&format!("http://127.0.0.1:{free}/")));
    assert!(code == Some(1) && said.ends_with("did not take the event: connection refused.\n"), "{said}");
    let (code, said) = tried(&[]);
    assert!(code == Some(2) && said.contains("give --webhook-url and --webhook-secret"), "{said}");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("k.toml");
    fs::write(&file, format!("webhook-url = \"http://127.0.0.1:{free}/\"\nwebhook-secret = \"{SECRET}\"\n")).unwrap();
    assert_eq!(tried(&["--config", file.to_str().unwrap()]).0, Some(1), "both come from the file");
}
