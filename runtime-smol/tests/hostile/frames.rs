//! Every wrong use of frames, by kinds, and the close code that each gets.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::{CLOSE, Socket, TEXT};
use crate::scene::{Scene, answers, code, ended};

const MIB: u64 = 1 << 20;

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    Socket::frame(first, payload)
}

fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(payload.len()).unwrap()], payload].concat()
}

/// A masked header that declares a length of 64 bits, and nothing of it.
fn declares(first: u8, length: u64) -> Vec<u8> {
    [[first, 0xff].as_slice(), &length.to_be_bytes(), &[0; 4]].concat()
}

/// Sends the frames on a socket that has not joined, and looks at its end.
fn closes(scene: &mut Scene, what: &str, bytes: &[u8], code: u16) {
    scene.unmoved(what, |scene| {
        let mut socket = scene.stranger();
        socket.raw(bytes);
        let (told, _, texts) = ended(&mut socket);
        assert_eq!((told, texts), (code, Vec::new()), "{what}");
    });
}

#[test]
fn ws14_every_wrong_header_is_a_protocol_error() {
    let mut scene = Scene::new("a", &[]);
    let reserved = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];
    for opcode in reserved {
        for fin in [0x80, 0x00] {
            closes(&mut scene, &format!("opcode {opcode}, fin {fin}, masked"), &frame(fin | opcode, b"hi"), 1002);
            closes(&mut scene, &format!("opcode {opcode}, fin {fin}, bare"), &unmasked(fin | opcode, b"hi"), 1002);
        }
        let inside = [frame(0x01, b"h"), frame(0x80 | opcode, b"i")].concat();
        closes(&mut scene, &format!("opcode {opcode} inside a message"), &inside, 1002);
    }
    for opcode in [0x1, 0x2, 0x8, 0x9, 0xa] {
        closes(&mut scene, &format!("opcode {opcode}, bare"), &unmasked(0x80 | opcode, b"hi"), 1002);
        for reserved in [0x10, 0x20, 0x40, 0x70] {
            let what = format!("opcode {opcode} with reserved bits {reserved}");
            closes(&mut scene, &what, &frame(0x80 | reserved | opcode, b""), 1002);
        }
    }
    for opcode in [0x8, 0x9, 0xa] {
        closes(&mut scene, &format!("control {opcode} in fragments"), &frame(opcode, b"hi"), 1002);
        closes(&mut scene, &format!("control {opcode} of 126 bytes"), &frame(0x80 | opcode, &[b'x'; 126]), 1002);
        closes(&mut scene, &format!("control {opcode} that declares 2^40"), &declares(0x80 | opcode, 1 << 40), 1002);
    }
    for first in [0x00, 0x80] {
        closes(&mut scene, &format!("a continuation of nothing, {first}"), &frame(first, b"hi"), 1002);
        let after = [frame(0x01, b" "), frame(0x80, b" "), frame(first, b"x")].concat();
        let mut socket = scene.stranger();
        socket.raw(&after);
        let (told, _, texts) = ended(&mut socket);
        assert_eq!(told, 1002, "a continuation after the last fragment");
        assert_eq!(texts.iter().map(|text| code(text)).collect::<Vec<_>>(), ["bad_message"]);
    }
    for first in [0x01, 0x81, 0x02, 0x82] {
        let bytes = [frame(0x01, b"h"), frame(first, b"i")].concat();
        closes(&mut scene, &format!("a new message, {first}, inside another"), &bytes, 1002);
    }
}

#[test]
fn ws15_text_that_is_not_utf_8_is_1007_and_binary_1003() {
    let mut scene = Scene::new("a", &[]);
    let broken: [&[u8]; 14] = [
        &[0xc0, 0xaf],
        &[0xc1, 0xbf],
        &[0xe0, 0x80, 0xaf],
        &[0xf0, 0x80, 0x80, 0xaf],
        &[0xed, 0xa0, 0x80],
        &[0xed, 0xbf, 0xbf],
        &[0xf4, 0x90, 0x80, 0x80],
        &[0xf5, 0x80, 0x80, 0x80],
        &[0xf8, 0x88, 0x80, 0x80, 0x80],
        &[0xff],
        &[0xfe],
        &[0x80],
        &[0xe2, 0x82],
        &[0xe2, 0x28, 0xa1],
    ];
    for bytes in broken {
        closes(&mut scene, &format!("{bytes:x?}"), &frame(TEXT, bytes), 1007);
        for cut in 1..bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            let split = [frame(0x01, head), frame(0x80, tail)].concat();
            closes(&mut scene, &format!("{bytes:x?} in fragments at {cut}"), &split, 1007);
        }
    }
    closes(&mut scene, "binary", &frame(0x82, b"{}"), 1003);
    closes(&mut scene, "empty binary", &frame(0x82, b""), 1003);
    closes(&mut scene, "binary in fragments", &[frame(0x02, b"{"), frame(0x80, b"}")].concat(), 1003);
}

#[test]
fn ws16_what_is_too_long_is_1009_at_once_and_costs_nothing() {
    let mut scene = Scene::new("a", &[]);
    let before = scene.memory();
    for first in [0x01, TEXT, 0x02, 0x82] {
        for length in [65_537, 1 << 31, 1 << 32, 1 << 40, (1 << 63) - 1, 1 << 63, u64::MAX] {
            closes(&mut scene, &format!("{first} of {length} bytes"), &declares(first, length), 1009);
        }
    }
    assert!(scene.memory() < before + MIB, "{} over {before}", scene.memory());
    let crossing = [frame(0x01, &[b' '; 40_000]), frame(0x00, &[b' '; 25_536]), frame(0x00, b" ")].concat();
    closes(&mut scene, "the fragment that crosses the bound", &crossing, 1009);
    let still_sending = [frame(TEXT, &[b' '; 65_537]), vec![b'x'; 150 * 1024]].concat();
    closes(&mut scene, "too long, and 150 KiB behind it", &still_sending, 1009);
    let flood: Vec<u8> = (0..65).flat_map(|no| frame(if no == 0 { 0x01 } else { 0x00 }, b"")).collect();
    closes(&mut scene, "65 empty fragments", &flood, 1008);
    let mut longest = scene.stranger();
    longest.raw(&frame(TEXT, &[b' '; 65_536]));
    longest.send("ping");
    assert_eq!(answers(&mut longest).iter().map(|text| code(text)).collect::<Vec<_>>(), ["bad_message"]);
}

#[test]
fn ws17_close_frames_are_given_back_if_they_are_allowed() {
    let mut scene = Scene::new("a", &[]);
    let payload = |code: u16, reason: &[u8]| [&code.to_be_bytes(), reason].concat();
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4509, 4999] {
        closes(&mut scene, &format!("close {code}"), &frame(CLOSE, &payload(code, b"bye")), code);
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        closes(&mut scene, &format!("close {code}"), &frame(CLOSE, &payload(code, b"bye")), 1002);
    }
    closes(&mut scene, "close without a code", &frame(CLOSE, b""), 1005);
    closes(&mut scene, "close of one byte", &frame(CLOSE, b"\x03"), 1002);
    for reason in [[0xc0, 0xaf].as_slice(), &[0xed, 0xa0, 0x80], &[0xff], &[b'a', 0xe2, 0x82]] {
        closes(&mut scene, &format!("reason {reason:x?}"), &frame(CLOSE, &payload(1000, reason)), 1007);
    }
    closes(&mut scene, "the longest reason", &frame(CLOSE, &payload(1000, &[b'r'; 123])), 1000);
    let inside = [frame(0x01, b"{"), frame(CLOSE, &payload(1000, b""))].concat();
    closes(&mut scene, "close inside a message", &inside, 1000);
    let late = br#"{"type":"user:join","data":{}}"#;
    let after = [frame(CLOSE, &payload(1000, b"")), frame(TEXT, late), frame(CLOSE, &payload(4000, b""))].concat();
    closes(&mut scene, "a join after close", &after, 1000);
}

#[test]
fn ws18_who_closes_and_keeps_the_connection_is_let_go_within_2_s() {
    let mut scene = Scene::new("a", &[]);
    scene.unmoved("a close without an end", |scene| {
        let mut socket = scene.stranger();
        socket.raw(&frame(CLOSE, &[0x03, 0xe8]));
        let start = Instant::now();
        assert_eq!(ended(&mut socket).0, 1000);
        assert!(start.elapsed() < Duration::from_secs(2));
        // The server's side of the connection is gone too: what is sent now is answered with a reset.
        thread::sleep(Duration::from_millis(700));
        socket.raw(&frame(TEXT, b"ping"));
        thread::sleep(Duration::from_millis(50));
        assert!(socket.stream.take_error().unwrap().is_some(), "the server still holds the connection");
    });
}

#[test]
fn ws19_floods_of_control_frames_are_closed_with_4202() {
    let mut scene = Scene::new("a", &[]);
    for (what, first) in [("pings", 0x89), ("pongs", 0x8a)] {
        scene.unmoved(what, |scene| {
            let mut socket = scene.stranger();
            socket.raw(&(0..10_000).flat_map(|_| frame(first, b"beat")).collect::<Vec<u8>>());
            let (code, reason, answers) = ended(&mut socket);
            assert_eq!((code, reason.as_str()), (4202, "rate_limited"), "{what}");
            assert!(answers.len() <= 201, "{what}: {} answers", answers.len());
        });
    }
    let memory = scene.memory();
    scene.unmoved("empty texts", |scene| {
        let mut socket = scene.stranger();
        socket.raw(&(0..10_000).flat_map(|_| frame(TEXT, b"")).collect::<Vec<u8>>());
        let (told, reason, answers) = ended(&mut socket);
        assert_eq!((told, reason.as_str()), (4509, "bad_protocol"));
        let codes: Vec<_> = answers.iter().map(|text| code(text)).collect();
        assert_eq!(codes, [["bad_message"; 10].as_slice(), &["bad_protocol"]].concat());
    });
    assert!(scene.memory() < memory + 8 * MIB);
}
