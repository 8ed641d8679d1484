//! Peers that flood, stall, or neither read nor answer: each meets a bound, and the others go on.

use std::io::{ErrorKind, Read as _};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Server, Socket, TEXT};
use crate::scene::{Scene, ended, memory, peak};

const MIB: u64 = 1 << 20;
const SLOW: usize = 200;
/// The receive buffer of one who will read on: the least whose window opens again by itself. On the loopback interface
/// a segment has 64 KiB; a smaller buffer never has space for one, so its sender is not told of space, and asks after
/// 200 ms, 400 ms, 800 ms, until the reader looks as if they had stopped.
pub(crate) const WINDOW: usize = 64 * 1024;

fn joins(server: &Server, name: &str, window: usize) -> Socket {
    let mut socket = server.socket(&format!("/parties/main/a?_pk={name}"));
    socket2::SockRef::from(&socket.stream).set_recv_buffer_size(window).unwrap();
    socket.send(r#"{"type":"user:join","data":{"name":"slow"}}"#);
    socket
}

/// Adds images of 2 KiB each until everyone slow has gone. The reader hears every one of them, in order.
fn write_until_gone(writer: &mut Socket, reader: &mut Socket) -> u64 {
    let padding = "x".repeat(2_000);
    let (mut added, mut gone) = (0, 0);
    let end = Instant::now() + Duration::from_secs(40);
    while gone < SLOW {
        assert!(Instant::now() < end, "{gone} of {SLOW} are gone after {added} edits");
        added += 1;
        let image = format!(r#"{{"id":"i{added}","src":"https://e.com/{padding}","x":0,"y":0,"width":1,"height":1}}"#);
        writer.send(&format!(r#"{{"type":"image:add","data":{image}}}"#));
        loop {
            let (_, payload) = reader.receive().expect("the reader is not cut");
            let text = String::from_utf8(payload).unwrap();
            if text.contains(r#""type":"image:add""#) {
                assert!(text.contains(&format!(r#""seq":{added},"#)), "{added}: {text}");
                break;
            }
            gone += usize::from(text.contains(r#""type":"user:left""#));
        }
        thread::sleep(Duration::from_millis(17));
    }
    added
}

#[test]
fn ws20_two_hundred_who_stop_reading_cost_no_more_than_their_caps() {
    let server = Server::start(&["--grace", "0"]);
    let mut reader = server.joined("a", "reader");
    let mut slow: Vec<_> = (0..SLOW).map(|no| joins(&server, &format!("s{no}"), 4096)).collect();
    for _ in 0..SLOW {
        reader.until("user:joined");
    }
    let mut writer = server.joined("a", "writer");
    let mut acks = Socket { stream: writer.stream.try_clone().unwrap() };
    thread::spawn(move || while acks.receive().is_some() {});
    let before = memory(&server);
    let added = write_until_gone(&mut writer, &mut reader);
    let most = peak(&server);
    assert!(most < before + SLOW as u64 * 2 * MIB, "{most} over {before} after {added} edits");
    for socket in &mut slow {
        socket.stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        let mut heard = Vec::new();
        match socket.stream.read_to_end(&mut heard) {
            // Nobody read it in time: the reset takes what waits with it.
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            Ok(_) => assert!(heard.ends_with(b"\x88\x0f\x10\x69slow_consumer"), "it ends without a word"),
        }
    }
    reader.send("ping");
    reader.until("pong");
    writer.hang_up();
}

#[test]
fn ws21_pongs_wait_one_at_a_time_for_who_does_not_read() {
    let server = Server::start(&[]);
    let padding = "x".repeat(2_000);
    for who in 0..4 {
        let mut writer = server.joined("a", &format!("w{who}"));
        for no in 0..110 {
            let image =
                format!(r#"{{"id":"{who}-{no}","src":"https://e.com/{padding}","x":0,"y":0,"width":1,"height":1}}"#);
            writer.send(&format!(r#"{{"type":"image:add","data":{image}}}"#));
        }
        (0..110).for_each(|_| drop(writer.until(r#""type":"ack""#)));
    }
    // The snapshot fills the socket: what comes now waits.
    let mut socket = joins(&server, "slow", WINDOW);
    thread::sleep(Duration::from_millis(300));
    for no in 0..150_u8 {
        socket.raw(&Socket::frame(0x89, &[no]));
    }
    thread::sleep(Duration::from_millis(300));
    socket.send("ping");
    let (mut pongs, mut heard) = (Vec::new(), false);
    while !heard || pongs.last() != Some(&vec![149]) {
        let (first, payload) = socket.receive().expect("it is not cut");
        heard |= payload == b"pong";
        if first == 0x8a {
            pongs.push(payload);
        }
    }
    assert_eq!(pongs, [[149]], "one, the answer to the latest");
}

#[test]
fn ws22_peers_that_stop_half_way_are_let_go_and_their_presence_with_them() {
    let mut scene = Scene::new("a", &["--ping-every", "1", "--dead-after", "3"]);
    let silent = scene.member();
    scene.hears_before(r#""reason":"lost""#, Duration::from_secs(8));
    drop(silent);
    let mut half = scene.member();
    // The half of a header, the half of a payload: neither is ever whole.
    half.raw(&Socket::frame(TEXT, b"never whole")[..7]);
    scene.hears_before(r#""reason":"lost""#, Duration::from_secs(15));
    let (code, reason, _) = ended(&mut half);
    assert_eq!((code, reason.as_str()), (4204, "timeout"));
}
