//! People in another room cannot tell that a room is under attack.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::common::{Answer, CLOSE, KEY, Server, Socket, TEXT};

/// One step of somebody, and what the two of them hear when it is done.
struct Step {
    who: usize,
    says: String,
    hears: [Option<&'static str>; 2],
}

fn step(who: usize, says: String, own: Option<&'static str>, others: Option<&'static str>) -> Step {
    Step { who, says, hears: if who == 0 { [own, others] } else { [others, own] } }
}

fn steps() -> Vec<Step> {
    let join = |who, name, color| {
        let says = format!(r#"{{"type":"user:join","data":{{"name":"{name}","color":"{color}"}}}}"#);
        step(who, says, Some("user:list"), (who == 1).then_some("user:joined"))
    };
    let mut steps = vec![join(0, "Ann", "#aa0000"), join(1, "Bob", "#00bb00")];
    let ack = Some(r#""type":"ack""#);
    for no in 0..50 {
        let (one, other) = (no % 2, 1 - no % 2);
        let place = format!(r#""x":{no},"y":0,"width":1,"height":1"#);
        let add =
            format!(r#"{{"type":"image:add","data":{{"id":"i{no}","src":"https://e.com/a",{place}}},"id":"a{no}"}}"#);
        let transform = format!(r#"{{"type":"image:transform","data":{{"id":"i{no}","x":7}},"id":"t{no}"}}"#);
        let cursor = format!(r#"{{"type":"cursor:move","data":{{"x":{no},"y":1}}}}"#);
        let none = r#"{"type":"image:remove","data":{"id":"none"}}"#.to_owned();
        steps.push(step(one, add, ack, Some("image:add")));
        steps.push(step(other, transform, ack, Some("image:transform")));
        steps.push(step(one, cursor, None, Some("cursor:move")));
        steps.push(step(other, none, Some("not_found"), None));
    }
    steps
}

/// All that two people in a room hear while they work, each step after the last.
fn session(server: &Server) -> [Vec<String>; 2] {
    let mut told = [Vec::new(), Vec::new()];
    let mut people = ["ann", "bob"].map(|name| server.socket(&format!("/party/b?_pk={name}")));
    for step in steps() {
        people[step.who].send(&step.says);
        for ((person, told), words) in people.iter_mut().zip(&mut told).zip(step.hears) {
            let mut heard = words.is_none();
            while !heard {
                let (first, payload) = person.receive().expect("they are not cut");
                let text = String::from_utf8(payload).unwrap();
                heard = words.is_some_and(|words| text.contains(words));
                if first == TEXT {
                    told.push(settled(&text));
                }
            }
        }
        // The attack goes on for a while.
        thread::sleep(Duration::from_millis(15));
    }
    for (person, told) in people.iter_mut().zip(&mut told) {
        person.send("ping");
        told.push(person.until("pong"));
    }
    told
}

/// Without what differs from run to run: the clock, the secret of a session, the epoch, the keyed hash of a guest.
fn settled(text: &str) -> String {
    let mut text = text.to_owned();
    for key in [r#""timestamp":"#, r#""resume":""#, r#""epoch":"#, r#""userId":"guest:"#, r#""createdAt":"#] {
        let mut from = 0;
        while let Some(at) = text[from..].find(key).map(|at| from + at + key.len()) {
            let end = at + text[at..].find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(0);
            text.replace_range(at..end, "");
            from = at;
        }
    }
    text
}

/// Attackers come from other addresses.
fn stream(server: &Server, no: u8) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, 10 + no), 0)).into()).unwrap();
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], server.port)).into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.into()
}

fn socket(server: &Server, no: u8, query: &str) -> Socket {
    let mut stream = stream(server, no);
    let up = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    write!(stream, "GET /party/a?{query} HTTP/1.1\r\nHost: localhost\r\n{up}{KEY}\r\n").unwrap();
    assert_eq!(Answer::read(&mut stream).status, 101);
    Socket { stream }
}

fn joined(server: &Server, no: u8) -> Socket {
    let mut socket = socket(server, no, "");
    socket.send(r#"{"type":"user:join","data":{"since":{"epoch":1,"seq":9007199254740991}}}"#);
    socket
}

fn messages(server: &Server, no: u8) {
    let mut socket = joined(server, no);
    let deep = "[".repeat(30_000);
    for text in [
        deep.as_str(),
        r#"{"type":"image:add","data":{"id":"i0","src":"javascript:x","x":0,"y":0,"width":1,"height":1}}"#,
        r#"{"type":"image:transform","data":{"id":"i0","x":9}}"#,
        r#"{"type":"image:remove","data":{"id":"i1"}}"#,
        r#"{"type":"member:ban","data":{"userId":"guest:0"}}"#,
        r#"{"type":"room:update","data":{"locked":true}}"#,
        r#"{"type":"user:join","data":{}}"#,
        r#"{"type":"chat:message","data":{"text":"flood"},"clientId":"c1","seq":1}"#,
        r#"{"type":"chat:message","data":{"text":"\ud800"},"__proto__":{}}"#,
        "",
    ] {
        (0..3).for_each(|_| socket.send(text));
    }
}

fn frames(server: &Server, no: u8) {
    for bytes in [
        vec![TEXT, 2, b'h', b'i'],
        Socket::frame(0xc1, b"hi"),
        Socket::frame(0x83, b"hi"),
        Socket::frame(0x80, b"hi"),
        Socket::frame(TEXT, &[0xff; 1000]),
        Socket::frame(0x82, &[0; 60_000]),
        Socket::frame(TEXT, &[b' '; 65_537]),
        [TEXT, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0].to_vec(),
        Socket::frame(0x00, b"").repeat(100),
        Socket::frame(CLOSE, b"\x03"),
    ] {
        socket(server, no, "").raw(&bytes);
    }
}

fn floods(server: &Server, no: u8) {
    let cursor = Socket::frame(TEXT, br#"{"type":"cursor:move","data":{"x":1,"y":1}}"#);
    let edit = Socket::frame(TEXT, br#"{"type":"image:transform","data":{"id":"none","x":1}}"#);
    for flood in [Socket::frame(0x89, b"beat"), Socket::frame(0x8a, b""), Socket::frame(TEXT, b""), cursor, edit] {
        joined(server, no).raw(&flood.repeat(1000));
    }
}

fn requests(server: &Server, no: u8) {
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    for bytes in [
        long.as_str(),
        "GET /party/b HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n",
        "DELETE /party/b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "PUT /assets?room=b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n<svg>",
        "GET /party/b?token=x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\x16\x03\x01 what is this\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ] {
        drop(stream(server, no).write_all(bytes.as_bytes()));
    }
}

fn comings(server: &Server, no: u8) {
    // Half a head, half a handshake, half a frame, half a message; no goodbye.
    let mut held = stream(server, no);
    drop(held.write_all(b"GET /party/a HT"));
    socket(server, no, "dialect=klingon");
    socket(server, no, "token=x.y.z");
    for half in [&Socket::frame(TEXT, b"never whole")[..7], &Socket::frame(0x01, b"{")] {
        let mut socket = joined(server, no);
        socket.raw(half);
        socket2::SockRef::from(&socket.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
    let rooms: Vec<_> = (0..5).map(|other| server.joined(&format!("x{no}-{other}"), "a")).collect();
    drop(rooms);
}

#[test]
fn ws23_another_room_hears_the_same_bytes_while_one_is_attacked() {
    let calm = session(&Server::start(&["--grace", "0"]));
    assert!(calm.iter().all(|told| told.len() > 150), "{calm:?}");
    let server = Server::start(&["--grace", "0", "--threads", "1"]);
    let over = AtomicBool::new(false);
    let kinds: [fn(&Server, u8); 5] = [messages, frames, floods, requests, comings];
    // Somebody who never reads what the attacked room says.
    let _deaf = joined(&server, 9);
    let attacked = thread::scope(|scope| {
        let attackers: Vec<_> = (0..2)
            .map(|no| {
                let (server, over) = (&server, &over);
                scope.spawn(move || {
                    let mut rounds = 0;
                    while !over.load(Ordering::Relaxed) {
                        kinds[rounds % kinds.len()](server, no);
                        rounds += 1;
                    }
                    rounds
                })
            })
            .collect();
        let told = session(&server);
        over.store(true, Ordering::Relaxed);
        for attacker in attackers {
            let rounds = attacker.join().unwrap();
            assert!(rounds >= kinds.len(), "every kind had its turn: {rounds}");
        }
        told
    });
    assert_eq!(attacked, calm);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
