//! Tests of the edge outside development mode, over real sockets. They start the server in this process: the program
//! itself does not start in such a mode without keys.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::assets::Assets;
use crate::gate::Gate;
use crate::listen::{Listener, Unbound};
use crate::settings;
use crate::start;
use crate::store::Store;

const UP: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A server for pages of `https://app.example.com`, behind a proxy that is this machine.
struct Outside {
    port: u16,
    _directory: TempDir,
}

impl Outside {
    fn start(args: &[&str]) -> Outside {
        let directory = tempfile::tempdir().unwrap();
        let usual =
            ["kanvas", "--listen", "127.0.0.1:0", "--threads", "1", "--allowed-origins", "https://app.example.com"];
        let matches = settings::command_line().try_get_matches_from(usual.iter().chain(args)).unwrap();
        let serve = settings::resolve(&matches).serve.unwrap();
        let store = Store::open(&directory.path().join("kanvas.db")).unwrap();
        let assets = Assets::open(directory.path(), serve.asset_limits()).unwrap();
        let server: Arc<_> = start::start_hosts(&serve, serve.edge().unwrap(), store, assets, [7; 32]).unwrap();
        let gate = Gate::new(100, serve.max_waiting());
        let listener = Listener::bind(serve.listen, gate).map_err(Unbound::sentence).unwrap();
        let port = listener.address().port();
        thread::spawn(move || smol::block_on(listener.accept(&server)));
        Outside { port, _directory: directory }
    }

    fn send(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "{head}\r\n").unwrap();
        stream
    }

    fn all(&self, head: &str) -> String {
        let mut all = Vec::new();
        self.send(head).read_to_end(&mut all).unwrap();
        String::from_utf8_lossy(&all).into_owned()
    }

    /// `GET` of a path with these lines, over a connection that ends.
    fn get(&self, path: &str, lines: &str) -> String {
        self.all(&format!("GET {path} HTTP/1.1\r\nHost: kanvas.example\r\nConnection: close\r\n{lines}"))
    }

    /// The head of the answer to an upgrade, and the connection.
    fn upgrade(&self, path: &str, lines: &str) -> (String, TcpStream) {
        let mut stream = self.send(&format!("GET {path} HTTP/1.1\r\nHost: kanvas.example\r\n{UP}{lines}"));
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            head.extend(byte);
        }
        (String::from_utf8(head).unwrap(), stream)
    }

    /// With which code an upgraded socket is closed.
    fn closed(&self, path: &str, lines: &str) -> u16 {
        let (head, mut stream) = self.upgrade(path, lines);
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let mut frames = Vec::new();
        stream.read_to_end(&mut frames).unwrap();
        let at = frames.iter().rposition(|byte| *byte == 0x88).expect("a close frame");
        u16::from_be_bytes([frames[at + 2], frames[at + 3]])
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn edge7_outside_development_mode_any_sound_host_is_answered() {
    let outside = Outside::start(&["--auth", "optional"]);
    for lines in ["", "X-Forwarded-For: 203.0.113.9\r\n", "Forwarded: for=203.0.113.9\r\nVia: 1.1 proxy\r\n"] {
        assert_eq!(status(&outside.get("/healthz", lines)), "200", "{lines}");
    }
    for host in ["a.example:443", "203.0.113.1", "[2001:db8::1]:1999", "localhost"] {
        let answer = outside.all(&format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"));
        assert_eq!(status(&answer), "200", "{host}");
    }
    for host in
        ["", "a b", "u@a.example", "a.example:99999", "a.example:", "a.example/b", "a.example,b", "[::1", "a?b", ":80"]
    {
        let answer = outside.all(&format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n"));
        assert_eq!(status(&answer), "400", "{host}: {answer}");
    }
    let other = outside.all("GET http://other.example/healthz HTTP/1.1\r\nHost: kanvas.example\r\n");
    assert_eq!(status(&other), "400", "{other}");
}

#[test]
fn edge2_outside_development_mode_pages_of_this_machine_are_strangers() {
    let outside = Outside::start(&["--auth", "optional"]);
    assert_eq!(status(&outside.get("/healthz", "Origin: https://app.example.com\r\n")), "200");
    for origin in ["http://localhost:3000", "https://127.0.0.1", "https://kanvas.example", "null"] {
        assert_eq!(status(&outside.get("/healthz", &format!("Origin: {origin}\r\n"))), "403", "{origin}");
        assert_eq!(status(&outside.upgrade("/party/a", &format!("Origin: {origin}\r\n")).0), "403", "{origin}");
    }
}

#[test]
fn edge3_edge4_who_comes_in_by_mode_and_by_what_is_brought() {
    let page = "Origin: https://app.example.com\r\n";
    let cookie = "Cookie: __session=x.y.z\r\n";
    for mode in ["optional", "required"] {
        let outside = Outside::start(&["--auth", mode]);
        assert_eq!(status(&outside.upgrade("/party/a", cookie).0), "403");
        assert_eq!(outside.closed("/party/a", &format!("{page}{cookie}")), 4510);
        assert_eq!(outside.closed("/party/a?token=x", page), 4510);
        assert_eq!(outside.closed("/party/a?token=x", ""), 4510);
        assert_eq!(outside.closed("/party/a", "Authorization: Bearer x\r\n"), 4510);
        assert_eq!(status(&outside.get("/party/a", "Authorization: Bearer x\r\n")), "401");
        if mode == "required" {
            assert_eq!(outside.closed("/party/a", page), 4102);
            let answer = outside.get("/party/a", page);
            assert!(status(&answer) == "401" && answer.contains("token_required"), "{answer}");
            let put = "PUT /assets?room=a HTTP/1.1\r\nHost: kanvas.example\r\nContent-Length: 0\r\n";
            assert_eq!(status(&outside.all(put)), "401");
        } else {
            assert_eq!(status(&outside.upgrade("/party/a", page).0), "101", "a guest");
            assert_eq!(status(&outside.get("/party/none", page)), "404");
        }
        assert_eq!(status(&outside.get("/healthz", "")), "200", "it lives, whoever asks");
    }
}

#[test]
fn edge6_each_client_behind_a_proxy_has_its_own_places() {
    let args = ["--auth", "optional", "--max-waiting", "2", "--trusted-proxies", "127.0.0.1"];
    let outside = Outside::start(&args);
    let of = |client: &str| outside.upgrade("/party/a", &format!("X-Forwarded-For: 10.9.9.9, {client}\r\n"));
    let held: Vec<_> = (0..2).map(|_| of("203.0.113.1")).collect();
    assert!(held.iter().all(|(head, _)| status(head) == "101"), "{held:?}");
    let (head, _) = of("203.0.113.1");
    assert!(status(&head) == "429" && head.contains("retry-after: 5"), "{head}");
    assert_eq!(status(&of("203.0.113.2").0), "101");
    drop(held);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(status(&of("203.0.113.1").0), "101", "places are given back");
}

#[test]
fn edge9_browsers_are_told_to_stay_with_tls_where_there_is_tls() {
    let says = |args: &[&str], lines: &str| {
        let outside = Outside::start(&[&["--auth", "optional"], args].concat());
        outside.get("/", lines).contains("strict-transport-security: max-age=31536000")
    };
    assert!(says(&["--public-url", "https://kanvas.example"], ""));
    assert!(!says(&["--public-url", "http://kanvas.example"], ""));
    let proxy = ["--trusted-proxies", "127.0.0.1"];
    assert!(says(&proxy, "X-Forwarded-Proto: https\r\n"));
    assert!(!says(&proxy, "X-Forwarded-Proto: http\r\n"));
    assert!(!says(&[], "X-Forwarded-Proto: https\r\n"));
    let here = Outside::start(&["--public-url", "https://kanvas.example"]);
    let answer = here.all("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    assert!(status(&answer) == "200" && !answer.contains("strict-transport"), "not on localhost: {answer}");
}
