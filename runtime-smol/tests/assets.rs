//! Uploading and serving image files, in raw bytes.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Answer, Server};
use sha2::{Digest as _, Sha256};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A PNG by its signature, of so many bytes, all of its own.
fn png(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    PNG.iter().copied().chain(std::iter::repeat_with(&mut next)).take(bytes).collect()
}

fn src(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("/assets/{digits}")
}

/// Begins an upload: the head alone.
fn begin(server: &Server, query: &str, headers: &str) -> TcpStream {
    let mut stream = server.connect();
    write!(stream, "PUT /assets?{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").unwrap();
    stream
}

fn put_with(server: &Server, query: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = begin(server, query, &format!("{headers}Content-Length: {}\r\n", body.len()));
    stream.write_all(body).unwrap();
    Answer::read(&mut stream)
}

/// Uploads for room `a`.
fn put(server: &Server, who: &str, body: &[u8]) -> Answer {
    put_with(server, &format!("room=a&_pk={who}"), "", body)
}

/// An upload in chunks, each with what it claims to be long.
fn put_chunks(server: &Server, chunks: &[&[u8]]) -> Answer {
    let mut stream = begin(server, "room=a", "Transfer-Encoding: chunked\r\n");
    for chunk in chunks {
        write!(stream, "{:x}\r\n", chunk.len()).unwrap();
        stream.write_all(&[chunk, b"\r\n".as_slice()].concat()).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    Answer::read(&mut stream)
}

/// The head and the bytes at an address.
fn fetch(server: &Server, path: &str) -> (String, Vec<u8>) {
    let mut stream = server.connect();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let at = all.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    (String::from_utf8(all[..at].to_vec()).unwrap(), all[at + 4..].to_vec())
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body.strip_prefix(r#"{"error":""#).and_then(|rest| rest.split('"').next()).unwrap_or(""))
}

fn directory(server: &Server) -> PathBuf {
    server.directory.path().join("data/assets")
}

/// The files that have their place.
fn kept(server: &Server) -> Vec<PathBuf> {
    let folders = fs::read_dir(directory(server)).unwrap().map(|folder| folder.unwrap().path());
    let folders = folders.filter(|folder| !folder.ends_with("new"));
    folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path()).collect()
}

/// Waits until nothing is aside: removing it is not waited for by the answer.
fn nothing_aside(server: &Server) {
    let end = Instant::now() + Duration::from_secs(5);
    while fs::read_dir(directory(server).join("new")).unwrap().count() > 0 {
        assert!(Instant::now() < end, "something stays aside");
        thread::sleep(Duration::from_millis(10));
    }
}

fn restart(server: &mut Server, args: &[&str]) {
    let (child, port) = Server::spawn(server.directory.path(), args);
    (server.child, server.port) = (child, port);
}

#[test]
fn asset1_what_is_put_is_there_by_its_hash() {
    let server = Server::start(&[]);
    let image = png(300_000, 1);
    let answer = put(&server, "ann", &image);
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let told = format!(r#"{{"src":"{}","type":"image/png","bytes":300000}}"#, src(&image));
    assert_eq!(answer.body, told);
    assert_eq!(fetch(&server, &src(&image)).1, image);
    assert_eq!(server.get("/party/a", "").status, 404, "no room is made");
    for query in ["", "room=", "room=a%20b", "room=..%2fa", "_pk=a", "room=%252e&room=a"] {
        assert_eq!(code(&put_with(&server, query, "", PNG)), (400, "bad_room"), "{query}");
    }
    assert_eq!(put_with(&server, "room=%61&room=..", "", PNG).status, 201, "the first counts, decoded");
    let mut socket = server.joined("a", "ann");
    let image = format!(r#"{{"id":"i1","src":"{}","x":1,"y":2,"width":3,"height":4}}"#, src(&image));
    socket.send(&format!(r#"{{"type":"image:add","data":{image},"id":"k1"}}"#));
    socket.until(r#""type":"ack""#);
}

#[test]
fn asset2_only_images_are_taken_and_named_by_their_bytes() {
    let server = Server::start(&[]);
    for (bytes, kind) in [
        (b"\xff\xd8\xff\xe0jpeg".as_slice(), "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\x08\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x14ftypmif1\0\0\0\0avif", "image/avif"),
        (PNG, "image/png"),
    ] {
        let answer = put_with(&server, "room=a", "Content-Type: text/html\r\n", bytes);
        assert!(answer.status == 201 && answer.body.contains(kind), "{answer:?}");
        let (head, body) = fetch(&server, &src(bytes));
        assert!(head.contains(&format!("content-type: {kind}\r\n")) && body == bytes, "{head}");
    }
    let page = [b"<html>".as_slice(), &[b' '; 600_000]].concat();
    let number = kept(&server).len();
    for bytes in [b"<svg xmlns='http://www.w3.org/2000/svg'/>".as_slice(), b"%PDF-1.7", b"\x89PNG", b"x", &page] {
        let answer = put_with(&server, "room=a", "Content-Type: image/png\r\n", bytes);
        assert_eq!(code(&answer), (415, "unsupported"), "{answer:?}");
        assert!(answer.body.contains("AVIF"), "{answer:?}");
    }
    assert_eq!(kept(&server).len(), number);
    assert_eq!(fs::read_dir(directory(&server).join("new")).unwrap().count(), 0);
}

#[test]
fn asset3_a_file_has_a_size_and_not_too_much_of_it() {
    let server = Server::start(&["--asset-bytes", "600000"]);
    let image = png(600_001, 3);
    assert_eq!(put(&server, "ann", &image[..600_000]).status, 201);
    let answer = put(&server, "ann", &image);
    assert_eq!((code(&answer), answer.body.contains("600000")), ((413, "too_large"), true), "{answer:?}");
    // Nothing is sent after the head: it is judged by its length.
    let mut stream = begin(&server, "room=a", "Content-Length: 99999999999\r\n");
    assert_eq!(code(&Answer::read(&mut stream)), (413, "too_large"));
    assert_eq!(code(&put_chunks(&server, &[&image[..300_000], &image[300_000..]])), (413, "too_large"));
    let whole = put_chunks(&server, &[&image[..1], &image[1..7], &image[7..200_000], &image[200_000..600_000]]);
    assert_eq!(whole.status, 201, "{whole:?}");
    assert_eq!(code(&put(&server, "ann", b"")), (400, "empty"));
    assert_eq!(code(&put_chunks(&server, &[])), (400, "empty"));
    assert_eq!(code(&Answer::read(&mut begin(&server, "room=a", ""))), (400, "empty"));
    assert_eq!(kept(&server).len(), 1);
    nothing_aside(&server);
}

#[test]
fn asset4_a_body_that_does_not_go_on_is_given_up() {
    let server = Server::start(&[]);
    let image = png(900_000, 4);
    let mut silent = begin(&server, "room=a", "Content-Length: 900000\r\n");
    silent.write_all(&image[..600_000]).unwrap();
    let mut gone = begin(&server, "room=a", "Content-Length: 900000\r\n");
    gone.write_all(&image[..600_000]).unwrap();
    let mut reset = begin(&server, "room=a", "Transfer-Encoding: chunked\r\n");
    reset.write_all(b"dbba0\r\n").unwrap();
    reset.write_all(&image[..600_000]).unwrap();
    let end = Instant::now() + Duration::from_secs(5);
    while fs::read_dir(directory(&server).join("new")).unwrap().count() < 3 {
        assert!(Instant::now() < end, "what is received is written");
        thread::sleep(Duration::from_millis(10));
    }
    gone.shutdown(Shutdown::Write).unwrap();
    drop(reset);
    for headers in ["Transfer-Encoding: chunked\r\n\r\nzz\r\n", "Transfer-Encoding: chunked\r\n\r\n-1\r\n"] {
        assert_eq!(code(&Answer::read(&mut begin(&server, "room=a", headers))), (400, "bad_body"), "{headers}");
    }
    for headers in ["Content-Length: 8\r\nContent-Length: 9\r\n", "Content-Length: -8\r\n", "Content-Length: 8, 9\r\n"]
    {
        assert_eq!(Answer::read(&mut begin(&server, "room=a", headers)).status, 400, "{headers}");
    }
    assert_eq!(code(&Answer::read(&mut silent)), (408, "timeout"));
    nothing_aside(&server);
    assert_eq!(kept(&server), Vec::<PathBuf>::new());
}

#[test]
fn asset5_a_kill_loses_nothing_that_was_acknowledged_and_leaves_no_part() {
    let mut server = Server::start(&["--asset-day-bytes", "10000000000"]);
    fs::write(directory(&server).join("new/left"), "by a crash").unwrap();
    let acknowledged = Mutex::new(Vec::new());
    let mut cut = 0;
    for round in 0..6_u64 {
        let stop = AtomicBool::new(false);
        let began = Mutex::new(0_u64);
        thread::scope(|scope| {
            for client in 0..4_u64 {
                let (server, stop, acknowledged, began) = (&server, &stop, &acknowledged, &began);
                scope.spawn(move || {
                    for no in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let image = png(400_000, round * 1_000_000 + client * 10_000 + no);
                        let head = "PUT /assets?room=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000\r\n\r\n";
                        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", server.port)) else { return };
                        *began.lock().unwrap() += 1;
                        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&image));
                        if sent.is_ok() && Answer::read(&mut stream).status == 201 {
                            acknowledged.lock().unwrap().push(image);
                        }
                    }
                });
            }
            let before = acknowledged.lock().unwrap().len();
            while acknowledged.lock().unwrap().len() < before + 5 {
                thread::sleep(Duration::from_millis(5));
            }
            thread::sleep(Duration::from_millis(7 * round));
            server.signal("KILL");
            stop.store(true, Ordering::Relaxed);
        });
        server.child.wait().unwrap();
        cut += *began.lock().unwrap();
        restart(&mut server, &["--asset-day-bytes", "10000000000"]);
        assert_eq!(fs::read_dir(directory(&server).join("new")).unwrap().count(), 0);
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    for image in &acknowledged {
        assert!(fetch(&server, &src(image)).1 == *image, "what was acknowledged is not there");
    }
    for path in kept(&server) {
        assert!(src(&fs::read(&path).unwrap()).ends_with(path.file_name().unwrap().to_str().unwrap()), "{path:?}");
    }
    assert!(cut > acknowledged.len() as u64, "no upload was cut by a kill");
}

#[test]
fn asset6_the_same_bytes_are_stored_once() {
    let server = Server::start(&["--asset-bytes", "300000", "--asset-day-bytes", "700000"]);
    let image = png(300_000, 6);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let one = |who: String| put(&server, &who, &image);
        let all: Vec<_> = (0..8).map(|no| scope.spawn(move || one(format!("p{no}")))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for answer in answers {
        assert!(answer.status == 201 && answer.body.contains(&src(&image)), "{answer:?}");
    }
    assert_eq!(kept(&server).len(), 1);
    nothing_aside(&server);
    assert_eq!(put(&server, "p1", &image).status, 201);
    assert_eq!(put(&server, "p1", &image).status, 429, "it counted each time");
}

#[test]
fn asset7_a_person_has_so_many_bytes_a_day() {
    let args = ["--asset-bytes", "8192", "--asset-day-bytes", "12288"];
    let mut server = Server::start(&args);
    assert_eq!(put(&server, "ann", &png(5000, 1)).status, 201);
    let over = png(4097, 2);
    let refused = |server: &Server| {
        let answer = put(server, "ann", &over);
        assert_eq!(code(&answer), (429, "rate_limited"), "{answer:?}");
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=86_400).contains(&seconds), "{seconds}");
        assert_eq!(server.get(&src(&over), "").status, 404);
        nothing_aside(server);
    };
    refused(&server);
    assert_eq!(put(&server, "ann", &png(4096, 3)).status, 201, "exactly as much as is allowed");
    assert_eq!(put(&server, "bob", &over[..4096]).status, 201, "another has their own");
    server.signal("TERM");
    server.wait(Duration::from_secs(10));
    restart(&mut server, &args);
    refused(&server);
    for _ in 0..3 {
        assert_eq!(put_with(&server, "room=a", "", PNG).status, 201);
    }
    assert_eq!(put_with(&server, "room=b", "", PNG).status, 429, "those without a name share theirs");
}

#[test]
fn asset8_all_assets_have_so_many_bytes() {
    let args = ["--asset-bytes", "4096", "--asset-day-bytes", "16384", "--asset-total-bytes", "8192"];
    let mut server = Server::start(&args);
    let images: Vec<_> = (0..3).map(|no| png(2000, no)).collect();
    assert_eq!(put(&server, "ann", &images[0]).status, 201);
    assert_eq!(put(&server, "ann", &images[1]).status, 201);
    assert_eq!(code(&put(&server, "ann", &images[2])), (507, "storage_full"));
    assert_eq!(server.get(&src(&images[2]), "").status, 404);
    nothing_aside(&server);
    assert_eq!(put(&server, "ann", &images[0]).status, 201, "these are there already");
    server.signal("TERM");
    server.wait(Duration::from_secs(10));
    restart(&mut server, &args);
    assert_eq!(code(&put(&server, "ann", &images[2])), (507, "storage_full"));
    assert_eq!(put(&server, "ann", &images[1]).status, 201, "what found no place was not counted");
    assert_eq!(put(&server, "ann", &images[1]).status, 429);
    assert_eq!(kept(&server).len(), 2);
}

#[test]
fn asset9_so_many_uploads_run_at_once() {
    let server = Server::start(&[]);
    let admitted = || {
        let mut stream = begin(&server, "room=a", "Content-Length: 16\r\nExpect: 100-continue\r\n");
        assert_eq!(Answer::read(&mut stream).status, 100);
        stream.write_all(PNG).unwrap();
        stream
    };
    let mut running: Vec<_> = (0..32).map(|_| admitted()).collect();
    let answer = put(&server, "ann", PNG);
    assert_eq!((code(&answer), answer.header("retry-after")), ((503, "busy"), Some("1")), "{answer:?}");
    assert_eq!(server.get("/healthz", "").status, 200);
    let mut one = running.pop().unwrap();
    one.write_all(&[0; 8]).unwrap();
    assert_eq!(Answer::read(&mut one).status, 201);
    assert_eq!(put(&server, "ann", PNG).status, 201, "its place is free");
}

#[test]
fn asset10_it_is_served_so_that_it_can_be_kept_and_can_do_nothing() {
    let server = Server::start(&[]);
    let image = png(1_000_000, 10);
    let path = src(&image);
    assert_eq!(put(&server, "ann", &image).status, 201);
    let (head, body) = fetch(&server, &path);
    assert!(head.starts_with("HTTP/1.1 200 ") && body == image, "{head}");
    let etag = format!("\"{}\"", &path["/assets/".len()..]);
    for line in [
        "content-type: image/png",
        "content-length: 1000000",
        "x-content-type-options: nosniff",
        "cache-control: public, max-age=31536000, immutable",
        "content-security-policy: sandbox; default-src 'none'",
        "accept-ranges: none",
        &format!("etag: {etag}"),
    ] {
        assert!(head.lines().any(|said| said == line), "{line} in {head}");
    }
    let mut stream = server.connect();
    write!(stream, "HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert!(all.starts_with("HTTP/1.1 200 ") && all.contains("content-length: 1000000\r\n"), "{all}");
    assert!(all.contains("content-type: image/png\r\n") && all.ends_with("\r\n\r\n"), "{all}");
    for known in [etag.clone(), format!("W/{etag}"), format!("\"a\", {etag}"), "*".into()] {
        let answer = server.get(&path, &format!("If-None-Match: {known}\r\n"));
        assert_eq!((answer.status, answer.header("etag")), (304, Some(etag.as_str())), "{known}");
        assert_eq!(answer.body, "");
    }
    assert!(server.raw(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \"a\"\r\n")).status != 304);
    let name = &path["/assets/".len()..];
    for path in [
        src(b"").as_str(),
        "/assets/",
        &path.to_uppercase(),
        &format!("/assets/{}", name.to_uppercase()),
        &format!("{path}/"),
        &format!("{path}0"),
        &format!("/assets/%{:x}{}", name.as_bytes()[0], &name[1..]),
        &format!("/assets/{}/{name}", &name[..2]),
        "/assets/../kanvas.db",
        "/assets/..%2fkanvas.db",
        "/assets/new",
    ] {
        let answer = server.get(path, "If-None-Match: *\r\n");
        assert_eq!(code(&answer), (404, "not_found"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[test]
fn asset11_methods_and_origins_are_as_everywhere() {
    let server = Server::start(&[]);
    let ask = |method: &str, path: &str, headers: &str| {
        server.raw(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n"))
    };
    let name = src(PNG);
    for (method, path, allow) in [
        ("GET", "/assets", "PUT, OPTIONS"),
        ("POST", "/assets?room=a", "PUT, OPTIONS"),
        ("DELETE", name.as_str(), "GET, HEAD, OPTIONS"),
        ("PUT", name.as_str(), "GET, HEAD, OPTIONS"),
    ] {
        let answer = ask(method, path, "");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
    }
    let origin = "Origin: http://localhost:3000\r\n";
    let preflight = ask("OPTIONS", "/assets?room=a", &format!("{origin}Access-Control-Request-Method: PUT\r\n"));
    assert_eq!((preflight.status, preflight.header("access-control-allow-methods")), (204, Some("PUT, OPTIONS")));
    assert_eq!(preflight.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("Content-Type"));
    let answer = put_with(&server, "room=a", origin, PNG);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (201, Some("http://localhost:3000")));
    let foreign = put_with(&server, "room=a", "Origin: http://evil.example\r\n", &png(100, 1));
    assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (403, None));
    assert_eq!(put_with(&server, "room=a", "Host: localhost\r\n", PNG).status, 400);
    assert_eq!(put_with(&server, "room=a", "Via: 1.1 p\r\n", PNG).status, 421);
    assert_eq!(kept(&server).len(), 1);
}

#[test]
fn asset12_what_no_room_refers_to_goes() {
    let mut server = Server::start(&["--asset-keep", "2"]);
    let images: Vec<_> = (0..3).map(|no| png(1000, no)).collect();
    let [used, undone, unused] = images.as_slice() else { panic!() };
    let mut socket = server.joined("a", "ann");
    for (id, image) in [("i1", used), ("i2", undone)] {
        let image = format!(r#"{{"id":"{id}","src":"{}","x":1,"y":2,"width":3,"height":4}}"#, src(image));
        socket.send(&format!(r#"{{"type":"image:add","data":{image},"id":"add-{id}"}}"#));
        socket.until(r#""type":"ack""#);
    }
    socket.send(r#"{"type":"image:remove","data":{"id":"i2"},"id":"remove"}"#);
    socket.until(r#""type":"ack""#);
    // Only now, so that however slow the machine is they are referred to from the beginning.
    for image in &images {
        assert_eq!(put(&server, "ann", image).status, 201);
    }
    let there = |server: &Server, image: &[u8]| server.get(&src(image), "If-None-Match: *\r\n").status == 304;
    let gone = |server: &Server| {
        let end = Instant::now() + Duration::from_secs(10);
        while there(server, unused) {
            assert!(Instant::now() < end, "what nothing refers to stays: {}", server.log());
            thread::sleep(Duration::from_millis(100));
        }
    };
    gone(&server);
    assert!(there(&server, used) && there(&server, undone), "an image, and what undoing brings back, stay");
    server.signal("KILL");
    server.child.wait().unwrap();
    restart(&mut server, &["--asset-keep", "2"]);
    assert_eq!(put(&server, "ann", unused).status, 201);
    assert!(there(&server, unused), "it can be sent again");
    gone(&server);
    assert!(there(&server, used) && there(&server, undone));
}

#[test]
fn asset13_a_refusal_is_heard() {
    let server = Server::start(&["--asset-bytes", "1000"]);
    // All is sent before anything is read: unread bytes must not take the answer back.
    let answer = put(&server, "ann", &png(20_000_000, 1));
    assert_eq!(code(&answer), (413, "too_large"), "{answer:?}");
    let answer = put_with(&server, "room=..", "", &png(8_000_000, 1));
    assert_eq!(code(&answer), (400, "bad_room"), "{answer:?}");
    let mut refused = begin(&server, "room=a", "Content-Length: 1001\r\nExpect: 100-continue\r\n");
    assert_eq!(Answer::read(&mut refused).status, 413);
    let mut taken = begin(&server, "room=a", "Content-Length: 8\r\nExpect: 100-continue\r\n");
    assert_eq!(Answer::read(&mut taken).status, 100);
    taken.write_all(PNG).unwrap();
    assert_eq!(Answer::read(&mut taken).status, 201);
}
