//! Every close of our own, each by a cause that brings it about: the code, its reason, and the error event before it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kanvas_core::auth::{Mint, SigningKey};
use kanvas_core::{Close, Span, Time};

use crate::common::{Server, Socket};
use crate::peers::WINDOW;
use crate::scene::{code, ended};

/// What a close showed: its code, its reason, and the code of the last event before it.
type Shown = (u16, String, String);
/// What brings some closes about.
type Cause = fn() -> Vec<Shown>;

/// The key pair of the tests of tokens.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_pem(include_str!("../../../core/tests/keys/test-only-a.pem"), "key-a").unwrap()
}

/// A token of a person that was good `ago` and lives for a minute.
pub(crate) fn token(user: &str, ago: Duration) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - ago;
    let mint = Mint { issuer: "https://clerk.example.com", user, life: Span::from_secs(60), ..Mint::default() };
    key().mint(&mint, Time::from_millis(u64::try_from(now.as_millis()).unwrap()))
}

/// A server for people with tokens.
pub(crate) fn signed_in(mode: &str) -> Server {
    let pem = format!("--clerk-jwt-key={}", key().to_public_pem().unwrap());
    Server::start(&["--auth", mode, &pem, "--allowed-origins", "https://app.example.com", "--grace", "0"])
}

/// Somebody with a token who has joined.
pub(crate) fn enters(server: &Server, room: &str, user: &str) -> Socket {
    let mut socket = server.socket(&format!("/party/{room}?token={}", token(user, Duration::ZERO)));
    socket.join(user);
    socket
}

fn shown(socket: &mut Socket) -> Shown {
    let (told, reason, texts) = ended(socket);
    let last = texts.last().unwrap_or_else(|| panic!("no event before {told} {reason}"));
    (told, reason, code(last).to_owned())
}

/// At once, for whoever comes to this address and joins.
fn coming(server: &Server, path: &str) -> Shown {
    let mut socket = server.socket(path);
    socket.send(r#"{"type":"user:join","data":{}}"#);
    shown(&mut socket)
}

fn tokens() -> Vec<Shown> {
    let server = signed_in("required");
    let expired = token("user_a", Duration::from_secs(120));
    ["/party/a", "/party/a?token=x", &format!("/party/a?token={expired}")].map(|path| coming(&server, path)).into()
}

fn without_keys() -> Vec<Shown> {
    let key = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k";
    // Port 1 of this machine answers nobody.
    let url = "http://127.0.0.1:1/keys";
    let page = "https://app.example.com";
    let server = Server::start(&[
        "--auth",
        "required",
        "--clerk-publishable-key",
        key,
        "--clerk-jwks-url",
        url,
        "--allowed-origins",
        page,
    ]);
    vec![coming(&server, &format!("/party/a?token={}", token("user_a", Duration::ZERO)))]
}

fn rights() -> Vec<Shown> {
    let server = signed_in("optional");
    let mut owner = enters(&server, "a", "user_owner");
    let mut told = vec![coming(&server, "/party/none")];
    for verb in ["kick", "ban"] {
        let mut member = enters(&server, "a", "user_member");
        owner.send(&format!(r#"{{"type":"member:{verb}","data":{{"userId":"user_member"}}}}"#));
        told.push(shown(&mut member));
    }
    owner.send(r#"{"type":"room:update","data":{"isPublic":false},"id":"closed"}"#);
    owner.until(r#""id":"closed""#);
    told.push(coming(&server, &format!("/party/a?token={}", token("user_other", Duration::ZERO))));
    told
}

fn caps() -> Vec<Shown> {
    let full = Server::start(&["--room-connections", "1"]);
    let _there = full.joined("a", "there");
    let many = Server::start(&["--max-rooms", "1", "--threads", "1"]);
    let _here = many.joined("a", "here");
    let mut odd = many.socket("/party/a?dialect=klingon");
    let mut flood = many.socket("/party/a");
    flood.raw(&Socket::frame(0x89, b"").repeat(300));
    vec![coming(&full, "/party/a"), coming(&many, "/party/b"), shown(&mut odd), shown(&mut flood)]
}

fn silence() -> Vec<Shown> {
    let server = Server::start(&["--ping-every", "1", "--dead-after", "2"]);
    vec![shown(&mut server.socket("/party/a"))]
}

fn restart() -> Vec<Shown> {
    let server = Server::start(&[]);
    let mut socket = server.joined("a", "ann");
    server.signal("TERM");
    vec![shown(&mut socket)]
}

/// People who each add 110 images of 2 KiB, as fast as they may, and hear what comes up to these words.
fn draw(server: &Server, people: std::ops::Range<u32>, words: &str) {
    let (padding, over) = ("x".repeat(2_000), AtomicBool::new(false));
    thread::scope(|scope| {
        for who in people {
            let mut hears = server.joined("a", &format!("w{who}"));
            let mut writes = Socket { stream: hears.stream.try_clone().unwrap() };
            let (padding, over) = (&padding, &over);
            scope.spawn(move || {
                hears.until(&words.replace('#', &who.to_string()));
                over.store(words.contains("lost"), Ordering::Relaxed);
            });
            scope.spawn(move || {
                for no in (0..110).take_while(|_| !over.load(Ordering::Relaxed)) {
                    let image = format!(r#""id":"{who}-{no}","src":"https://e.com/{padding}""#);
                    let place = r#""x":0,"y":0,"width":1,"height":1"#;
                    writes.send(&format!(r#"{{"type":"image:add","data":{{{image},{place}}},"id":"k{who}-{no}"}}"#));
                    // The others must keep up.
                    thread::sleep(Duration::from_millis(10));
                }
            });
        }
    });
}

/// A room with somebody who joined and stopped to read, with the state read or not, before their queue went over its
/// bound. The others have just been told that they are lost.
fn stopped(greeted: bool) -> (Server, Socket) {
    let server = Server::start(&["--grace", "0"]);
    if !greeted {
        draw(&server, 0..5, r#""data":{"id":"k#-109""#);
    }
    let mut slow = server.socket("/party/a?_pk=slow");
    socket2::SockRef::from(&slow.stream).set_recv_buffer_size(WINDOW).unwrap();
    if greeted {
        slow.join("slow");
    } else {
        slow.send(r#"{"type":"user:join","data":{}}"#);
        thread::sleep(Duration::from_millis(300));
    }
    draw(&server, 5..20, r#""reason":"lost""#);
    (server, slow)
}

fn slowness(greeted: bool) -> Vec<Shown> {
    let (_server, mut slow) = stopped(greeted);
    // It begins to read again in time for its last words.
    vec![shown(&mut slow)]
}

#[test]
fn ws24_each_close_has_its_cause_its_code_and_its_reason() {
    let causes: [(&[Close], Cause); 8] = [
        (&[Close::TokenRequired, Close::TokenInvalid, Close::TokenExpired], tokens),
        (&[Close::Unavailable], without_keys),
        (&[Close::NotFound, Close::Kicked, Close::Banned, Close::Forbidden], rights),
        (&[Close::RoomFull, Close::Overloaded, Close::BadProtocol, Close::RateLimited], caps),
        (&[Close::Timeout], silence),
        (&[Close::Restart], restart),
        (&[Close::SlowConsumer], || slowness(true)),
        (&[Close::Resync], || slowness(false)),
    ];
    // Nothing brings these about yet: a stop is a restart, and no room is closed for good.
    let mut seen = vec![Close::Shutdown, Close::RoomClosed];
    for (closes, cause) in causes {
        let wanted = closes.iter().map(|close| (close.code(), close.reason().to_owned(), close.reason().to_owned()));
        assert_eq!(cause(), wanted.collect::<Vec<_>>());
        seen.extend(closes);
    }
    assert!(Close::ALL.iter().all(|close| seen.contains(close)), "each has its place in the table");
}

#[test]
fn ws10_who_never_reads_is_cut_a_second_after_the_others_were_told() {
    let (server, slow) = stopped(true);
    let start = Instant::now();
    while slow.stream.take_error().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(5), "the connection is not reset though nobody reads it");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(start.elapsed() > Duration::from_millis(500), "the last words had their time");
    let mut other = server.joined("a", "other");
    other.send("ping");
    other.until("pong");
}
