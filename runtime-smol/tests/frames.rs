//! The frame layer: which close each wrong use of WebSocket gets, and what a slow or silent client gets.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{CLOSE, Server, Socket, TEXT};

#[test]
fn ws4_broken_frames_are_closed_with_their_code() {
    let server = Server::start(&[]);
    let unmasked = vec![TEXT, 2, b'h', b'i'];
    let header = |first: u8, len: u64| {
        let mut frame = vec![first, 0xff];
        frame.extend(len.to_be_bytes());
        frame.extend([0; 4]);
        frame
    };
    let two = |a: Vec<u8>, b: Vec<u8>| [a, b].concat();
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("unmasked", unmasked, 1002),
        ("reserved bit", Socket::frame(0xc1, b"hi"), 1002),
        ("opcode 3", Socket::frame(0x83, b"hi"), 1002),
        ("opcode 11", Socket::frame(0x8b, b"hi"), 1002),
        ("fragmented ping", Socket::frame(0x09, b"hi"), 1002),
        ("long ping", Socket::frame(0x89, &[0; 126]), 1002),
        ("lone continuation", Socket::frame(0x80, b"hi"), 1002),
        ("text in a message", two(Socket::frame(0x01, b"h"), Socket::frame(0x81, b"i")), 1002),
        ("overlong UTF-8", Socket::frame(TEXT, &[0xc0, 0xaf]), 1007),
        ("surrogate", Socket::frame(TEXT, &[0xed, 0xa0, 0x80]), 1007),
        ("split, then broken", two(Socket::frame(0x01, &[0xe2, 0x82]), Socket::frame(0x80, &[0x28])), 1007),
        ("binary", Socket::frame(0x82, b"hi"), 1003),
        ("too long", Socket::frame(TEXT, &[b' '; 65_537]), 1009),
        ("2^40, then nothing", header(TEXT, 1 << 40), 1009),
        ("2^62, then nothing", header(TEXT, 1 << 62), 1009),
        ("fragments too long", two(Socket::frame(0x01, &[b' '; 40_000]), Socket::frame(0x80, &[b' '; 40_000])), 1009),
    ];
    let mut observer = server.joined("a", "observer");
    for (what, bytes, code) in cases {
        let mut socket = server.socket("/party/a");
        socket.raw(&bytes);
        let (told, _, texts) = socket.closed();
        assert_eq!((told, texts.as_slice()), (code, [].as_slice()), "{what}");
    }
    let mut socket = server.socket("/party/a");
    let mut bytes = Socket::frame(0x01, b" ");
    (0..64).for_each(|_| bytes.extend(Socket::frame(0x00, b" ")));
    socket.raw(&bytes);
    assert_eq!(socket.closed().0, 1008, "65 fragments");
    observer.send("ping");
    observer.until("pong");
}

#[test]
fn ws5_the_longest_message_is_heard() {
    let server = Server::start(&[]);
    let mut socket = server.joined("a", "ann");
    socket.raw(&Socket::frame(TEXT, &[b' '; 65_536]));
    socket.until("bad_message");
}

#[test]
fn ws6_a_close_is_given_back_and_the_socket_ends() {
    let server = Server::start(&[]);
    let mut other = server.joined("a", "bob");
    let mut socket = server.joined("a", "ann");
    other.until("user:joined");
    socket.raw(&Socket::frame(CLOSE, &[0x03, 0xe8, b'b', b'y', b'e']));
    socket.raw(&Socket::frame(TEXT, br#"{"type":"chat:message","data":{"text":"late"}}"#));
    let start = Instant::now();
    let (code, reason, _) = socket.closed();
    assert_eq!((code, reason.as_str()), (1000, "bye"));
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(other.until("user:left").contains(r#""reason":"left""#));
    other.send("ping");
    other.until("pong");
    let mut socket = server.joined("a", "ann");
    socket.raw(&Socket::frame(CLOSE, &[]));
    assert_eq!(socket.closed().0, 1005);
}

#[test]
fn ws7_pings_are_answered_and_a_flood_is_closed() {
    let server = Server::start(&[]);
    let mut socket = server.joined("a", "ann");
    socket.raw(&Socket::frame(0x89, b"beat"));
    assert_eq!(socket.receive(), Some((0x8a, b"beat".to_vec())));
    let flood: Vec<u8> = (0..1000).flat_map(|_| Socket::frame(0x89, b"beat")).collect();
    socket.raw(&flood);
    let mut pongs = 0;
    let close = loop {
        match socket.receive() {
            Some((0x8a, _)) => pongs += 1,
            Some((CLOSE, payload)) => break u16::from_be_bytes([payload[0], payload[1]]),
            Some((_, payload)) => assert!(String::from_utf8_lossy(&payload).contains("rate_limited")),
            None => panic!("no close frame after {pongs} pongs"),
        }
    };
    assert_eq!(close, 4202);
    assert!(pongs <= 200, "{pongs}");
}

#[test]
fn ws8_who_never_answers_is_given_up() {
    let server = Server::start(&["--ping-every", "1", "--dead-after", "3"]);
    let mut socket = server.joined("a", "ann");
    assert_eq!(socket.receive().map(|(first, _)| first), Some(0x89));
    let (code, reason, texts) = socket.closed();
    assert_eq!((code, reason.as_str()), (4204, "timeout"));
    assert!(texts.last().unwrap().contains(r#""code":"timeout""#), "{texts:?}");
}

#[test]
fn ws9_a_message_must_come_to_its_end() {
    let server = Server::start(&[]);
    let mut socket = server.joined("a", "ann");
    socket.raw(&Socket::frame(0x01, b"{"));
    let start = Instant::now();
    socket.stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    assert_eq!(socket.closed().0, 4204);
    assert!((9..13).contains(&start.elapsed().as_secs()));
}

#[test]
fn ws10_who_does_not_read_is_cut_and_the_others_are_not() {
    let server = Server::start(&["--grace", "0"]);
    let mut slow = server.socket("/party/a?_pk=slow");
    socket2::SockRef::from(&slow.stream).set_recv_buffer_size(4096).unwrap();
    slow.join("slow");
    let mut reader = server.joined("a", "reader");
    let writers: Vec<_> = (0..4).map(|no| server.joined("a", &format!("w{no}"))).collect();
    let padding = "x".repeat(1900);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for (who, writer) in writers.iter().enumerate() {
            let mut hear = Socket { stream: writer.stream.try_clone().unwrap() };
            scope.spawn(move || while hear.receive().is_some() {});
            let mut say = Socket { stream: writer.stream.try_clone().unwrap() };
            let (over, padding) = (&over, &padding);
            scope.spawn(move || {
                for no in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return say.hang_up();
                    }
                    let image = format!(
                        r#"{{"id":"i{who}-{no}","src":"https://e.com/{padding}","x":0,"y":0,"width":1,"height":1}}"#
                    );
                    say.send(&format!(r#"{{"type":"image:add","data":{image}}}"#));
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
        reader.stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let left = reader.until(r#""type":"user:left""#);
        assert!(left.contains(r#""reason":"lost""#), "{left}");
        reader.send("ping");
        reader.until("pong");
        over.store(true, Ordering::Relaxed);
    });
    let end = Instant::now() + Duration::from_secs(3);
    while slow.stream.take_error().unwrap().is_none() {
        assert!(Instant::now() < end, "the connection is not reset though nobody reads it");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn ws11_a_language_that_is_not_spoken_is_told_after_the_upgrade() {
    let server = Server::start(&[]);
    let mut socket = server.socket("/party/a?dialect=klingon");
    let (code, reason, texts) = socket.closed();
    assert_eq!((code, reason.as_str()), (4509, "bad_protocol"));
    assert!(texts[0].contains(r#""code":"bad_protocol""#), "{texts:?}");
}

#[test]
fn ws12_frames_to_many_arrive_whole_and_in_order() {
    let server = Server::start(&["--threads", "2"]);
    let mut sockets: Vec<_> = (0..8).map(|no| server.joined("a", &format!("p{no}"))).collect();
    for round in 0..20 {
        for (no, socket) in sockets.iter_mut().enumerate() {
            let image = format!(r#"{{"id":"i{no}-{round}","src":"https://e.com/a","x":0,"y":0,"width":1,"height":1}}"#);
            socket.send(&format!(r#"{{"type":"image:add","data":{image},"id":"k{no}-{round}"}}"#));
            socket.send(&format!(r#"{{"type":"cursor:move","data":{{"x":{round},"y":{no}}}}}"#));
        }
    }
    for socket in &mut sockets {
        let mut seqs = Vec::new();
        while seqs.len() < 160 {
            let (first, payload) = socket.receive().unwrap();
            assert_eq!(first, TEXT);
            let text = String::from_utf8(payload).unwrap();
            if let Some((_, rest)) = text.split_once(r#""seq":"#) {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                seqs.push(digits.parse::<u64>().unwrap());
            }
        }
        assert_eq!(seqs, (1..=160).collect::<Vec<_>>(), "every edit once, as a broadcast or an ack");
    }
}

#[test]
fn ws13_who_breaks_off_is_told_to_the_others_as_lost() {
    let server = Server::start(&["--grace", "0"]);
    let mut watcher = server.joined("a", "watcher");
    for reset in [false, true] {
        let mut socket = server.joined("a", "ann");
        watcher.until("user:joined");
        for no in 0..20 {
            socket.send(&format!(r#"{{"type":"cursor:move","data":{{"x":{no},"y":0}}}}"#));
            watcher.send(&format!(r#"{{"type":"cursor:move","data":{{"x":{no},"y":1}}}}"#));
        }
        if reset {
            socket2::SockRef::from(&socket.stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
        drop(socket);
        assert!(watcher.until("user:left").contains(r#""reason":"lost""#));
    }
    thread::sleep(Duration::from_millis(100));
    assert!(server.get("/party/a", "").body.contains(r#""userCount":1"#));
}
