//! Plain HTTP and the upgrade, in raw bytes.

mod common;

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use common::{KEY, Server, Socket, TEXT};

const GOOD: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";

#[test]
fn http1_it_says_whether_it_lives_and_can_serve() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/healthz", "").body, "ok");
    assert_eq!(server.get("/readyz", "").status, 200);
}

#[test]
fn http2_there_is_exactly_one_host() {
    let server = Server::start(&[]);
    for hosts in ["", "Host: localhost\r\nHost: localhost\r\n"] {
        assert_eq!(server.raw(format!("GET /healthz HTTP/1.1\r\n{hosts}\r\n")).status, 400, "{hosts}");
        assert_eq!(server.raw(format!("GET /party/a HTTP/1.1\r\n{hosts}{GOOD}{KEY}\r\n")).status, 400, "{hosts}");
    }
}

#[test]
fn http3_a_development_server_answers_to_no_other_name_and_no_proxy() {
    let server = Server::start(&[]);
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.", "0.0.0.0"] {
        assert_eq!(server.raw(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n")).status, 421, "{host}");
    }
    for line in ["Forwarded: for=1.2.3.4", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "Via: 1.1 p"] {
        assert_eq!(server.get("/healthz", &format!("{line}\r\n")).status, 421, "{line}");
    }
    assert_eq!(server.raw("GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 421);
}

#[test]
fn http4_pages_of_other_origins_are_refused() {
    let server = Server::start(&[]);
    for origin in ["http://evil.example", "null", "http://localhost.evil.example", "http://localhost@evil.example"] {
        let answer = server.get("/healthz", &format!("Origin: {origin}\r\n"));
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, None), "{origin}");
        assert_eq!(server.try_socket("/party/a", &format!("Origin: {origin}\r\n")).0.status, 403);
        let preflight = format!("OPTIONS /party/a HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n");
        assert_eq!(server.raw(preflight).header("access-control-allow-origin"), None);
    }
}

#[test]
fn http5_pages_of_this_machine_may_ask() {
    let server = Server::start(&[]);
    for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:80"] {
        let preflight = format!("OPTIONS /party/a HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n");
        for answer in [server.raw(preflight), server.get("/healthz", &format!("Origin: {origin}\r\n"))] {
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{answer:?}");
            assert_eq!(answer.header("vary"), Some("Origin"));
        }
        assert_eq!(server.try_socket("/party/a", &format!("Origin: {origin}\r\n")).0.status, 101);
    }
}

#[test]
fn http7_a_rooms_name_is_decoded_once_and_checked() {
    let server = Server::start(&[]);
    let long = "a".repeat(65);
    for name in ["", "a%20b", "%F0%9F%98%80", "a/b", "..%2f..%2fetc", "%00", "%252e", "a%2fb", &long] {
        for party in ["/parties/main", "/party"] {
            let answer = server.get(&format!("{party}/{name}"), "");
            assert_eq!(answer.status, 400, "{party}/{name}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(server.try_socket(&format!("{party}/{name}"), "").0.status, 400);
        }
    }
    assert_eq!(server.try_socket("/party/%61", "").0.status, 101);
    assert_eq!(server.try_socket("/parties/main/__proto__", "").0.status, 101);
}

#[test]
fn http8_what_is_not_there_is_said_so() {
    let server = Server::start(&[]);
    let party = server.get("/parties/nothere/a", "");
    assert_eq!((party.status, party.body.as_str()), (404, "Party nothere not found"));
    assert_eq!(party.header("content-type"), Some("text/plain; charset=utf-8"));
    let nothing = server.get("/no/such/thing", "");
    assert_eq!((nothing.status, nothing.header("content-type")), (404, Some("application/json")));
    assert_eq!(nothing.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn http9_a_rooms_metadata_is_told_and_asking_makes_no_room() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/parties/main/a", "").status, 404);
    assert_eq!(server.get("/parties/main/a", "").status, 404);
    let socket = server.joined("a", "ann");
    let told = server.get("/party/a", "");
    assert_eq!(told.status, 200);
    assert!(told.body.contains(r#""id":"a""#) && told.body.contains(r#""userCount":1"#), "{told:?}");
    socket.hang_up();
}

#[test]
fn http11_a_wrong_handshake_gets_its_own_answer() {
    let server = Server::start(&[]);
    let up = "Connection: keep-alive, Upgrade\r\n";
    let ws = "Upgrade: websocket\r\n";
    let v13 = "Sec-WebSocket-Version: 13\r\n";
    let cases: &[(&str, String, u16)] = &[
        ("no upgrade", format!("{up}{v13}{KEY}"), 426),
        ("other upgrade", format!("{up}Upgrade: h2c\r\n{v13}{KEY}"), 426),
        ("no connection", format!("{ws}{v13}{KEY}"), 400),
        ("no key", format!("{up}{ws}{v13}"), 400),
        ("two keys", format!("{up}{ws}{v13}{KEY}{KEY}"), 400),
        ("15 bytes", format!("{up}{ws}{v13}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n"), 400),
        ("no base64", format!("{up}{ws}{v13}Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n"), 400),
        ("no version", format!("{up}{ws}{KEY}"), 426),
        ("version 8", format!("{up}{ws}Sec-WebSocket-Version: 8\r\n{KEY}"), 426),
        ("a body", format!("{up}{ws}{v13}{KEY}Content-Length: 5\r\n"), 400),
        ("chunks", format!("{up}{ws}{v13}{KEY}Transfer-Encoding: chunked\r\n"), 400),
        ("right", format!("{up}{ws}{v13}{KEY}"), 101),
    ];
    for (what, headers, status) in cases {
        let answer = server.upgrade("/parties/main/a", headers);
        assert_eq!(answer.status, *status, "{what}: {answer:?}");
    }
    let answer = server.upgrade("/party/a", &format!("{up}{v13}{KEY}"));
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    let answer = server.upgrade("/party/a", &format!("{up}{ws}{KEY}"));
    assert_eq!(answer.header("sec-websocket-version"), Some("13"));
    assert_eq!(server.raw(format!("GET /party/a HTTP/1.0\r\nHost: localhost\r\n{GOOD}{KEY}\r\n")).status, 400);
}

#[test]
fn http12_other_methods_are_refused_by_name() {
    let server = Server::start(&[]);
    let post = server.raw(format!("POST /party/a HTTP/1.1\r\nHost: localhost\r\n{GOOD}{KEY}Content-Length: 0\r\n\r\n"));
    assert_eq!((post.status, post.header("allow")), (405, Some("GET")));
    let delete = server.raw("DELETE /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((delete.status, delete.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    let star = server.raw("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((star.status, star.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
    let mut stream = server.connect();
    stream.write_all(b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert!(all.starts_with("HTTP/1.1 200") && all.contains("content-length: 2") && all.ends_with("\r\n\r\n"), "{all}");
}

#[test]
fn http13_heads_are_bounded() {
    let server = Server::start(&[]);
    let padding = "a".repeat(9000);
    assert_eq!(server.get(&format!("/{padding}"), "").status, 414);
    assert_eq!(server.get("/healthz", &format!("X-A: {padding}\r\nX-B: {padding}\r\n")).status, 431);
    let many: String = (0..101).map(|no| format!("X-{no}: 1\r\n")).collect();
    assert_eq!(server.get("/healthz", &many).status, 431);
    for garbage in [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".as_slice(), &[0xff; 200]] {
        assert!(matches!(server.raw(garbage).status, 0 | 400), "{garbage:?}");
    }
    assert_eq!(server.get("/healthz", "").status, 200);
}

#[test]
fn http15_no_extension_is_agreed_to() {
    let server = Server::start(&[]);
    let (answer, _socket) = server.try_socket("/party/a", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    assert_eq!((answer.status, answer.header("sec-websocket-extensions")), (101, None));
    let (answer, _socket) = server.try_socket("/party/a", "Sec-WebSocket-Protocol: kanvas.v1\r\n");
    assert_eq!(answer.header("sec-websocket-protocol"), Some("kanvas.v1"));
}

#[test]
fn http16_what_follows_the_head_at_once_is_the_first_frame() {
    let server = Server::start(&[]);
    let mut stream = server.connect();
    let mut bytes = format!("GET /party/a HTTP/1.1\r\nHost: localhost\r\n{GOOD}{KEY}\r\n").into_bytes();
    bytes.extend(Socket::frame(TEXT, br#"{"type":"user:join","data":{}}"#));
    bytes.extend(Socket::frame(TEXT, b"ping"));
    stream.write_all(&bytes).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let mut socket = Socket { stream };
    socket.until("room:joined");
}

#[test]
fn http17_a_head_has_five_seconds_in_all() {
    let server = Server::start(&[]);
    let mut stream = server.connect();
    let start = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    loop {
        let mut answer = [0; 512];
        match stream.read(&mut answer) {
            Ok(_) => break,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => {}
            Err(_) => break,
        }
        assert!(start.elapsed() < Duration::from_secs(7), "a slow head is not cut");
        drop(stream.write_all(b"X"));
    }
    assert!(start.elapsed() > Duration::from_secs(4));
}

#[test]
fn http18_the_demo_is_served_with_a_policy_and_a_fingerprint() {
    let server = Server::start(&[]);
    let web = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    let files = std::fs::read_dir(web).into_iter().flatten().flatten().filter(|file| file.path().is_file());
    for file in files {
        let name = file.file_name().into_string().unwrap();
        if name.starts_with('.') {
            continue;
        }
        let path = if name == "index.html" { "/".to_owned() } else { format!("/{name}") };
        let answer = server.get(&path, "");
        assert_eq!((answer.status, answer.body.into_bytes()), (200, std::fs::read(file.path()).unwrap()), "{path}");
        let answer = server.get(&path, "");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
        let again = server.get(&path, &format!("If-None-Match: {}\r\n", answer.header("etag").unwrap()));
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
    }
    assert_eq!(server.get("/../Cargo.toml", "").status, 404);
}
