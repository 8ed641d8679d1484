//! Heads that are longer than a head may be: what reading one costs the server, however it comes.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use super::common::Server;
use super::processor_time;

/// Just over what is read of a head.
const LONG: usize = 16 * 1024 + 512;
/// How many of each: the processor's time is told in steps of 10 ms.
const AT_ONCE: u32 = 400;
const BYTE_BY_BYTE: u32 = 40;

pub(super) fn measure() {
    let server = Server::start_shipped(&[]);
    let start = "GET / HTTP/1.1\r\nHost: localhost\r\nx-long: ";
    let head = format!("{start}{}\r\n\r\n", "a".repeat(LONG - start.len() - 4));
    let lines = "x-line: 0123456789\r\n".repeat(LONG / 20);
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    let good = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for (what, head, step, times) in [
        ("a good head, for comparison", good, usize::MAX, AT_ONCE),
        ("one long line in one write", &head, usize::MAX, AT_ONCE),
        ("one long line in writes of one byte", &head, 1, BYTE_BY_BYTE),
        ("many lines in one write", &many, usize::MAX, AT_ONCE),
        ("many lines in writes of one byte", &many, 1, BYTE_BY_BYTE),
    ] {
        let before = processor_time(&server);
        let statuses: Vec<u16> = (0..times).map(|_| send(&server, head.as_bytes(), step)).collect();
        let cost = (processor_time(&server) - before) / times;
        let status = statuses.first().copied().unwrap_or_default();
        assert!(statuses.iter().all(|other| *other == status), "all get one answer: {statuses:?}");
        println!("  {what:<42} {times:>7} times, {:.2} ms each, answer {status}", cost.as_secs_f64() * 1000.0);
    }
}

/// Sends a head in steps and says the status of the answer. It may be refused before it is whole.
fn send(server: &Server, head: &[u8], step: usize) -> u16 {
    let mut stream = server.connect();
    for piece in head.chunks(step.min(head.len())) {
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    let mut answer = [0; 12];
    match stream.read_exact(&mut answer) {
        Ok(()) => String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0),
        Err(_) => 0,
    }
}
