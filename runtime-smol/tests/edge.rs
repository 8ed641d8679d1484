//! The edge: broken, hostile and merely odd requests in raw bytes. Each has its answer; somebody who is in a room
//! notices nothing of it, and the next good request is served.

mod common;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use common::{KEY, Server, Socket, refusal};

const UP: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
const DATA_POLICY: &str = "content-security-policy: default-src 'none'; frame-ancestors 'none'";
const SMUGGLED: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A server, somebody in a room on it, and what is known of that room.
struct Watched {
    server: Server,
    observer: Socket,
    room: String,
}

impl Watched {
    fn start(args: &[&str]) -> Watched {
        let server = Server::start(args);
        let observer = server.joined("watched", "observer");
        let room = server.get("/party/watched", "").body;
        assert!(room.contains(r#""userCount":1"#), "{room}");
        Watched { server, observer, room }
    }

    /// Sends bytes and reads all that comes back until the end of the connection.
    fn all(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.server.connect();
        // It may be refused before it is sent whole.
        drop(stream.write_all(bytes.as_ref()));
        to_the_end(&mut stream)
    }

    /// Nobody was disturbed.
    fn is_unmoved(&mut self, what: &str) {
        self.observer.send("ping");
        assert_eq!(self.observer.receive().unwrap().1, b"pong", "after {what}");
        assert_eq!(self.server.get("/party/watched", "").body, self.room, "after {what}");
    }
}

/// Everything to the end of the stream; a reset is an end too.
fn to_the_end(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => all.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the connection stays open ({error}) after {:?}", String::from_utf8_lossy(&all)),
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn status(answer: &str) -> u16 {
    let rest = answer.strip_prefix("HTTP/1.1 ").or_else(|| answer.strip_prefix("HTTP/1.0 "));
    rest.and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
}

/// `GET` of a path with these lines behind the `Host`.
fn get(path: &str, lines: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").into_bytes()
}

#[test]
fn edge11_broken_requests_get_one_answer_and_the_end() {
    let mut watched = Watched::start(&[]);
    let up = |lines: &str| get("/party/watched", &format!("{UP}{KEY}{lines}"));
    let many = |count: usize| (0..count).map(|no| format!("X-{no}: 1\r\n")).collect::<String>();
    let text = |text: &str| text.as_bytes().to_vec();
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("POST with an upgrade", text(&format!("POST /party/a HTTP/1.1\r\nHost: localhost\r\n{UP}{KEY}\r\n")), &[405]),
        ("PUT with an upgrade", text(&format!("PUT /party/a HTTP/1.1\r\nHost: localhost\r\n{UP}{KEY}\r\n")), &[405]),
        ("HTTP/1.0 upgrade", text(&format!("GET /party/a HTTP/1.0\r\nHost: localhost\r\n{UP}{KEY}\r\n")), &[400]),
        ("HTTP/0.9", text("GET /healthz\r\n\r\n"), &[0, 400]),
        ("HTTP/1.2", text("GET /healthz HTTP/1.2\r\nHost: localhost\r\n\r\n"), &[0, 400]),
        ("HTTP/2 preface", text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), &[0, 400]),
        ("two keys", up(KEY), &[400]),
        ("two versions", up("Sec-WebSocket-Version: 8\r\n"), &[426]),
        ("two hosts", get("/healthz", "Host: localhost\r\n"), &[400]),
        ("no host", text("GET /healthz HTTP/1.1\r\n\r\n"), &[400]),
        ("an empty host", text("GET /healthz HTTP/1.1\r\nHost:\r\n\r\n"), &[400, 421]),
        ("a host with a path", text("GET /healthz HTTP/1.1\r\nHost: localhost/a\r\n\r\n"), &[421]),
        ("a host with a user", text("GET /healthz HTTP/1.1\r\nHost: u@localhost\r\n\r\n"), &[421]),
        ("a list of hosts", text("GET /healthz HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n"), &[421]),
        ("another absolute target", text("GET http://127.0.0.1/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), &[400]),
        ("CONNECT", text("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n"), &[400, 404, 405]),
        ("TRACE", text("TRACE /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), &[405]),
        ("an unknown method", text("FROB /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), &[405]),
        ("a method that is none", text("G@T /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), &[400]),
        ("obs-fold", get("/healthz", "X-A: 1\r\n 2\r\n"), &[400]),
        ("a space before the colon", get("/healthz", "X-A : 1\r\n"), &[400]),
        ("no colon", get("/healthz", "X-A\r\n"), &[400]),
        ("no name", get("/healthz", ": 1\r\n"), &[400]),
        ("a zero byte in a value", get("/healthz", "X-A: a\0b\r\n"), &[400]),
        ("a bare CR in a value", get("/healthz", "X-A: a\rb\r\n"), &[400]),
        ("a zero byte in the target", text("GET /a\0b HTTP/1.1\r\nHost: localhost\r\n\r\n"), &[400]),
        ("a tab in the target", text("GET /a\tb HTTP/1.1\r\nHost: localhost\r\n\r\n"), &[400]),
        ("two spaces", text("GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), &[400]),
        ("a target without its slash", text("GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), &[400, 421]),
        ("100,000 headers", get("/healthz", &many(100_000)), &[431]),
        ("101 headers", get("/healthz", &many(101)), &[431]),
        ("a long line", get("/healthz", &format!("X-A: {}\r\n", "a".repeat(20_000))), &[431]),
        ("a long target", get(&format!("/{}", "a".repeat(9000)), ""), &[414]),
        ("a longer target", get(&format!("/{}", "a".repeat(70_000)), ""), &[414, 431]),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), &[0, 400]),
        ("random bytes", (0..2000_u32).map(|no| no.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect(), &[0, 400]),
        ("a body on an upgrade", [up("Content-Length: 5\r\n"), text("hello")].concat(), &[400]),
        ("chunks on an upgrade", [up("Transfer-Encoding: chunked\r\n"), text("0\r\n\r\n")].concat(), &[400]),
        ("two origins", get("/healthz", "Origin: http://localhost\r\nOrigin: http://localhost\r\n"), &[400]),
        ("two origins, one bad", up("Origin: http://localhost\r\nOrigin: http://evil.example\r\n"), &[400]),
        ("Expect", get("/healthz", "Expect: 100-continue\r\nConnection: close\r\n"), &[200, 417]),
        ("metrics", get("/metrics", "Connection: close\r\n"), &[200]),
    ];
    for (what, bytes, allowed) in cases {
        let all = watched.all(&bytes);
        assert!(allowed.contains(&status(&all)), "{what}: {all}");
        assert!(all.matches("HTTP/1.1 ").count() <= 1, "{what}: one answer and no more: {all}");
        let head = all.split("\r\n\r\n").next().unwrap();
        for line in ["x-content-type-options: nosniff", "referrer-policy: no-referrer", "vary: Origin", DATA_POLICY] {
            assert!(head.is_empty() || head.contains(line), "{what}: no {line} in {head}");
        }
        watched.is_unmoved(what);
    }
    assert!(!watched.server.log().contains("panicked"), "{}", watched.server.log());
}

#[test]
fn edge8_a_second_request_cannot_be_hidden_in_a_first() {
    let mut watched = Watched::start(&[]);
    let length = SMUGGLED.len();
    let cases = [
        ("two lengths", format!("Content-Length: 0\r\nContent-Length: {length}\r\n"), SMUGGLED.to_owned()),
        ("the same length twice", format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"), SMUGGLED.into()),
        ("a list of lengths", format!("Content-Length: {length}, {length}\r\n"), SMUGGLED.into()),
        ("a signed length", format!("Content-Length: +{length}\r\n"), SMUGGLED.into()),
        ("a negative length", "Content-Length: -1\r\n".into(), SMUGGLED.into()),
        ("a length beyond all", "Content-Length: 99999999999999999999999\r\n".into(), SMUGGLED.into()),
        ("a body on GET", format!("Content-Length: {length}\r\n"), SMUGGLED.into()),
        (
            "a length and chunks",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n".into(),
            format!("0\r\n\r\n{SMUGGLED}"),
        ),
        ("chunks", "Transfer-Encoding: chunked\r\n".into(), format!("0\r\n\r\n{SMUGGLED}")),
        (
            "chunks twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".into(),
            format!("0\r\n\r\n{SMUGGLED}"),
        ),
        ("chunks, then identity", "Transfer-Encoding: chunked, identity\r\n".into(), format!("0\r\n\r\n{SMUGGLED}")),
        ("no chunks", "Transfer-Encoding: xchunked\r\n".into(), format!("0\r\n\r\n{SMUGGLED}")),
    ];
    for (what, lines, behind) in cases {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "DELETE"] {
            let all = watched.all(format!("{method} /healthz HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n{behind}"));
            assert!([0, 400, 405].contains(&status(&all)), "{what} on {method}: {all}");
            assert!(all.matches("HTTP/1.1 ").count() <= 1, "{what} on {method}: {all}");
        }
        watched.is_unmoved(what);
    }
    // An upload may have chunks; what follows them is not heard.
    let put =
        "PUT /assets?room=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    let all = watched.all(format!("{put}3\r\nabc\r\n0\r\n\r\n{SMUGGLED}"));
    assert_eq!((status(&all), all.matches("HTTP/1.1 ").count()), (415, 1), "{all}");
}

#[test]
fn edge11_requests_in_a_row_are_answered_in_a_row() {
    let mut watched = Watched::start(&[]);
    let last = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let all = watched.all(format!("{SMUGGLED}GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n{last}"));
    let answers: Vec<_> = all.match_indices("HTTP/1.1 ").map(|(at, _)| status(&all[at..])).collect();
    assert_eq!(answers, [200, 404, 200], "{all}");
    watched.is_unmoved("pipelining");
    // Behind an upgrade nothing is a request any more.
    let mut bytes = get("/party/watched", &format!("{UP}{KEY}"));
    bytes.extend(SMUGGLED.as_bytes());
    let all = watched.all(bytes);
    assert_eq!((status(&all), all.matches("HTTP/1.1 ").count()), (101, 1), "{all}");
    watched.is_unmoved("a request as a frame");
}

#[test]
fn edge11_a_head_may_come_byte_by_byte_and_is_bounded_all_the_same() {
    let mut watched = Watched::start(&[]);
    let trickle = |bytes: &[u8]| {
        let mut stream = watched.server.connect();
        for byte in bytes {
            if stream.write_all(&[*byte]).is_err() {
                break;
            }
        }
        to_the_end(&mut stream)
    };
    assert_eq!(status(&trickle(&get("/healthz", "Connection: close\r\n"))), 200);
    let long = trickle(&get("/healthz", &format!("X-A: {}\r\n", "a".repeat(18_000))));
    assert_eq!(status(&long), 431, "{long}");
    watched.is_unmoved("heads byte by byte");
}

#[test]
fn edge11_methods_are_sane_on_every_route() {
    let mut watched = Watched::start(&[]);
    let hash = "a".repeat(64);
    let asset = format!("/assets/{hash}");
    let routes = ["/", "/healthz", "/readyz", "/party/watched", "/parties/main/watched", "/app.js", "/nothing"];
    for route in routes.into_iter().chain(["/parties/none/a", "/party/%20", "/assets", asset.as_str()]) {
        let ask = |method: &str| {
            let all = watched.all(format!("{method} {route} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
            assert_eq!(all.matches("HTTP/1.1 ").count(), 1, "{method} {route}: {all}");
            all
        };
        let (got, headed, options) = (ask("GET"), ask("HEAD"), ask("OPTIONS"));
        assert_eq!(status(&got), status(&headed), "{route}");
        assert!(headed.ends_with("\r\n\r\n"), "HEAD has no body: {headed}");
        assert!([204, 400, 404].contains(&status(&options)), "{options}");
        for method in ["POST", "PATCH", "DELETE", "TRACE", "BREW"] {
            assert!([400, 404, 405].contains(&status(&ask(method))), "{method} {route}");
        }
        for answer in [got, headed, options, ask("POST")] {
            for line in ["x-content-type-options: nosniff", "referrer-policy: no-referrer", "vary: Origin"] {
                assert!(answer.contains(line), "{line} on {route}: {answer}");
            }
        }
        watched.is_unmoved(route);
    }
}

#[test]
fn edge10_every_answer_has_a_policy_and_no_page_has_inline_script() {
    let server = Server::start(&[]);
    let web = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    let files = std::fs::read_dir(web).unwrap().map(|file| file.unwrap().path()).filter(|file| file.is_file());
    let names = files.map(|file| format!("/{}", file.file_name().unwrap().to_str().unwrap()));
    let pages: Vec<_> = names.filter(|name| !name.starts_with("/.")).collect();
    assert!(pages.iter().any(|name| name.ends_with(".html")), "{pages:?}");
    let others =
        ["/", "/healthz", "/readyz", "/party/a", "/party/%20", "/parties/x/a", "/nothing", "/assets", "/assets/a"];
    for path in pages.iter().map(String::as_str).chain(others) {
        let answer = server.get(path, "");
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{path}: {answer:?}"));
        assert!(policy.contains("default-src 'self'") || policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        if path.ends_with(".html") {
            let page = answer.body.to_lowercase();
            let scripts = page.match_indices("<script").map(|(at, _)| &page[at..]);
            let inline = scripts.filter(|script| !script.split('>').next().unwrap().contains("src=")).count();
            assert_eq!(inline, 0, "{path}");
            assert!(
                !page.contains(" onclick=") && !page.contains(" onload=") && !page.contains("javascript:"),
                "{path}"
            );
        }
    }
}

#[test]
fn edge2_only_pages_of_listed_origins_may_ask() {
    let args = [
        "--allowed-origins",
        "https://app.example.com,http://other.example:8080",
        "--public-url",
        "https://kanvas.example/",
    ];
    let mut watched = Watched::start(&args);
    let preflight = |watched: &Watched, origin: &str| {
        let lines = "Access-Control-Request-Method: PUT\r\nConnection: close\r\n";
        watched.all(format!("OPTIONS /assets HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n{lines}\r\n"))
    };
    for origin in
        ["https://app.example.com", "http://other.example:8080", "https://kanvas.example", "http://localhost:5173"]
    {
        let all = preflight(&watched, origin);
        assert!(all.contains(&format!("access-control-allow-origin: {origin}\r\n")), "{all}");
        assert!(all.contains("vary: Origin") && !all.contains("allow-origin: *"), "{all}");
        assert_eq!(watched.server.try_socket("/party/a", &format!("Origin: {origin}\r\n")).0.status, 101, "{origin}");
    }
    for origin in [
        "https://app.example.com.evil.com",
        "https://evilapp.example.com",
        "https://sub.app.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com:443",
        "https://app.example.com@evil.com",
        "https://evil.com#https://app.example.com",
        "https://app.example.com.",
        "https://app.example.com/",
        "HTTPS://APP.EXAMPLE.COM",
        "https://app.example.com https://evil.com",
        "https://app.example.com,https://evil.com",
        "http://other.example",
        "app.example.com",
        "*",
        "null",
        "",
        "file://",
        "https://\u{430}pp.example.com",
    ] {
        let all = preflight(&watched, origin);
        assert_eq!(status(&all), 403, "{origin}: {all}");
        assert!(!all.contains("access-control-"), "{origin}: {all}");
        let (answer, _) = watched.server.try_socket("/party/watched", &format!("Origin: {origin}\r\n"));
        assert_eq!(answer.status, 403, "{origin}");
        // Before any other work: what else is wrong is not looked at.
        let (answer, _) = watched.server.try_socket("/party/%20?token=x", &format!("Origin: {origin}\r\n"));
        assert_eq!(answer.status, 403, "{origin}");
        watched.is_unmoved(origin);
    }
    assert_eq!(watched.server.try_socket("/party/a", "").0.status, 101, "what is no browser names no page");
}

#[test]
fn edge11_escapes_and_offers_are_read_once_and_in_linear_time() {
    let mut watched = Watched::start(&[]);
    for name in
        ["%", "%2", "%zz", "%ff", "%c0%af", "a%00b", "a%0d%0ab", "%2e%2e", "..", ".", "a;b", "a+b", "a\\b", "%u0041"]
    {
        let answer = watched.server.get(&format!("/party/{name}"), "");
        assert!([400, 404].contains(&answer.status), "{name}: {answer:?}");
        assert!([400, 404].contains(&watched.server.try_socket(&format!("/party/{name}"), "").0.status), "{name}");
    }
    for query in ["%", "%zz", "&&&===", "_pk=%ff%fe", "_pk=%00", "name=%0d%0aSet-Cookie:a", "view", "token=%"] {
        assert_eq!(watched.server.try_socket(&format!("/party/a?{query}"), "").0.status, 101, "{query}");
    }
    let (answer, _) =
        watched.server.try_socket("/party/a", &format!("Sec-WebSocket-Protocol: {}\r\n", ", ".repeat(2048)));
    assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, None));
    let offers =
        "Sec-WebSocket-Protocol: evil\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15\r\n";
    let (answer, _) = watched.server.try_socket("/party/a", offers);
    assert_eq!((answer.status, answer.header("sec-websocket-extensions")), (101, None));
    assert_eq!(answer.header("sec-websocket-protocol"), None);
    watched.is_unmoved("odd names and offers");
}

#[test]
fn edge11_rooms_are_told_apart_whatever_they_are_called() {
    let server = Server::start(&[]);
    let mut listeners: Vec<_> =
        ["Room", "room", "__proto__", "constructor"].iter().map(|room| server.joined(room, "ann")).collect();
    for (no, socket) in listeners.iter_mut().enumerate() {
        socket.send(&format!(r#"{{"type":"chat:message","data":{{"text":"in {no}"}}}}"#));
    }
    for (no, socket) in listeners.iter_mut().enumerate() {
        let heard = socket.until("chat:message");
        assert!(heard.contains(&format!("in {no}")), "{heard}");
    }
}

#[test]
fn http17_a_slow_head_is_told_so() {
    let mut watched = Watched::start(&[]);
    let mut slow = watched.server.connect();
    let mut silent = watched.server.connect();
    let start = Instant::now();
    slow.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    let mut trickle = slow.try_clone().unwrap();
    let trickling = thread::spawn(move || {
        while trickle.write_all(b"X").is_ok() && start.elapsed() < Duration::from_secs(8) {
            thread::sleep(Duration::from_secs(1));
        }
    });
    let told = to_the_end(&mut slow);
    assert!(status(&told) == 408 && told.contains(r#""error":"timeout""#) && told.contains(DATA_POLICY), "{told}");
    assert_eq!(to_the_end(&mut silent), "", "whoever asked nothing is told nothing");
    assert!(start.elapsed() > Duration::from_secs(4) && start.elapsed() < Duration::from_secs(8));
    watched.is_unmoved("slow heads");
    drop(slow.shutdown(Shutdown::Both));
    trickling.join().unwrap();
}

#[test]
fn edge6_many_slow_heads_of_one_address_keep_nobody_else_out() {
    let mut watched = Watched::start(&["--max-waiting", "20"]);
    let held: Vec<_> = (0..100).map(|_| watched.server.connect()).collect();
    let ended = held.iter().filter(|stream| {
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        matches!((&**stream).read(&mut [0]), Ok(0))
            || matches!((&**stream).read(&mut [0]), Err(error) if error.kind() == ErrorKind::ConnectionReset)
    });
    assert_eq!(ended.count(), 80, "those beyond the cap are closed at once");
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 9], 0)).into()).unwrap();
    socket.connect(&std::net::SocketAddr::from(([127, 0, 0, 1], watched.server.port)).into()).unwrap();
    let mut other = TcpStream::from(socket);
    other.write_all(&get("/healthz", "Connection: close\r\n")).unwrap();
    assert_eq!(status(&to_the_end(&mut other)), 200, "another address is served");
    drop(held);
    thread::sleep(Duration::from_millis(300));
    watched.is_unmoved("a hundred connections");
}

#[test]
fn edge1_edge4_what_does_not_go_together_is_told_at_the_start() {
    let page = ["--allowed-origins", "https://app.example.com"];
    for (args, words) in [
        (["--auth", "required"].as_slice(), "--auth required needs keys"),
        (&["--auth", "optional"], "--auth optional needs keys"),
        (&["--auth", "required"], "give --allowed-origins, --public-url or CLERK_AUTHORIZED_PARTIES"),
        (&["--auth", "required", "--allowed-origins", "http://localhost:3000"], "http://localhost:3000 is a page of"),
        (&["--auth", "optional", "--public-url", "https://127.0.0.1"], "https://127.0.0.1 is a page of"),
        (&["--auth", "open"], "dev or optional or required"),
        (&["--trusted-proxies", "10.0.0.1"], "answers to no proxy"),
        (&["--trusted-proxies", "10.0.0.1/8"], "addresses and networks"),
        (&["--tls-cert", "cert.pem"], "belong together"),
        (&["--tls-key", "key.pem"], "belong together"),
        (&["--allowed-origins", "*"], "as a browser sends it"),
        (&["--public-url", "kanvas.example"], "an address such as"),
    ] {
        for command in ["serve", "check-config"] {
            let said = refusal(&[&[command], args].concat());
            assert!(said.contains(words), "{words} in {said}");
        }
    }
    let said = refusal(&[&["--auth", "required"], page.as_slice()].concat());
    assert!(!said.contains("--public-url"), "an origin is given: {said}");
    let said = refusal(&["--auth", "required", "--listen", "0.0.0.0:0"]);
    assert!(!said.contains("can be reached"), "outside development mode strangers may reach it: {said}");
}
