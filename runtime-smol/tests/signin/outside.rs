//! The edge outside development mode: hosts, pages, proxies and TLS, whoever asks.

use std::thread;
use std::time::Duration;

use crate::common::{Answer, Socket};
use crate::door::{Door, Log, PAGE};

fn optional(args: &[&str]) -> Door {
    Door::pinned(Log::Text, &[&["--auth", "optional"], args].concat())
}

/// `GET` of a path with these lines, `Host` among them.
fn get(door: &Door, path: &str, lines: &str) -> Answer {
    door.server.raw(format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{lines}\r\n"))
}

const HOST: &str = "Host: kanvas.example\r\n";

#[test]
fn edge7_outside_development_mode_any_sound_host_is_answered() {
    let door = optional(&[]);
    for lines in ["", "X-Forwarded-For: 203.0.113.9\r\n", "Forwarded: for=203.0.113.9\r\nVia: 1.1 proxy\r\n"] {
        assert_eq!(get(&door, "/healthz", &format!("{HOST}{lines}")).status, 200, "{lines}");
    }
    for host in ["a.example:443", "203.0.113.1", "[2001:db8::1]:1999", "localhost"] {
        assert_eq!(get(&door, "/healthz", &format!("Host: {host}\r\n")).status, 200, "{host}");
    }
    for host in
        ["", "a b", "u@a.example", "a.example:99999", "a.example:", "a.example/b", "a.example,b", "[::1", "a?b", ":80"]
    {
        assert_eq!(get(&door, "/healthz", &format!("Host: {host}\r\n")).status, 400, "{host}");
    }
    assert_eq!(get(&door, "http://other.example/healthz", HOST).status, 400);
}

#[test]
fn edge2_outside_development_mode_pages_of_this_machine_are_strangers() {
    let door = optional(&[]);
    assert_eq!(door.server.get("/healthz", PAGE).status, 200);
    for origin in ["http://localhost:3000", "https://127.0.0.1", "https://kanvas.example", "null"] {
        let line = format!("Origin: {origin}\r\n");
        assert_eq!(door.server.get("/healthz", &line).status, 403, "{origin}");
        assert_eq!(door.server.try_socket("/party/a", &line).0.status, 403, "{origin}");
    }
}

#[test]
fn edge6_each_client_behind_a_proxy_has_its_own_places() {
    let door = optional(&["--max-waiting", "2", "--trusted-proxies", "127.0.0.1"]);
    let of = |client: &str| -> (Answer, Socket) {
        door.server.try_socket("/party/a", &format!("X-Forwarded-For: 10.9.9.9, {client}\r\n"))
    };
    let held: Vec<_> = (0..2).map(|_| of("203.0.113.1")).collect();
    assert!(held.iter().all(|(answer, _)| answer.status == 101));
    let (answer, _) = of("203.0.113.1");
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("5")), "{answer:?}");
    assert_eq!(of("203.0.113.2").0.status, 101);
    drop(held);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(of("203.0.113.1").0.status, 101, "places are given back");
}

#[test]
fn edge9_browsers_are_told_to_stay_with_tls_where_there_is_tls() {
    let says = |args: &[&str], lines: &str| {
        let answer = get(&optional(args), "/", &format!("{HOST}{lines}"));
        answer.header("strict-transport-security") == Some("max-age=31536000")
    };
    assert!(says(&["--public-url", "https://kanvas.example"], ""));
    assert!(!says(&["--public-url", "http://kanvas.example"], ""));
    let proxy = ["--trusted-proxies", "127.0.0.1"];
    assert!(says(&proxy, "X-Forwarded-Proto: https\r\n"));
    assert!(!says(&proxy, "X-Forwarded-Proto: http\r\n"));
    assert!(!says(&[], "X-Forwarded-Proto: https\r\n"));
    let here = Door::start(Log::Text, &[], &["--auth", "dev", "--public-url", "https://kanvas.example"]);
    let answer = here.server.get("/", "");
    assert_eq!((answer.status, answer.header("strict-transport-security")), (200, None), "not on localhost");
}
