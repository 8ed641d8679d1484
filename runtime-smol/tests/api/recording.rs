//! Rooms recorded while people are in them.

use std::io::{Read as _, Write as _};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kanvas_core::recording::{Ended, Player, Recording, Told};
use serde_json::{Value, json};

use crate::back_end::{BackEnd, SECRET};
use crate::common::Server;

/// A recording as the server gives it.
fn fetch(back_end: &BackEnd, room: &str) -> Recording {
    let mut stream = back_end.server.connect();
    let bearer = format!("Authorization: Bearer {SECRET}\r\n");
    write!(
        stream,
        "GET /api/rooms/{room}/recording/file HTTP/1.1\r\nHost: localhost\r\n{bearer}Connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|place| place == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains(&format!("filename=\"{room}.kanvas\"")), "{head}");
    Recording::read(answer.split_off(end)).unwrap()
}

/// Plays it: the kinds of its inputs.
fn play(recording: Recording) -> Vec<&'static str> {
    let mut player = Player::new(recording).unwrap();
    let mut kinds = Vec::new();
    while player.step(|_, input, _| kinds.push(Told::of(input).kind)) {}
    assert_eq!(player.departed(), None);
    kinds
}

fn at(room: &str) -> String {
    format!("/api/rooms/{room}/recording")
}

#[test]
fn rec7_a_room_is_recorded_from_then_on_and_nobody_notices() {
    let back_end = BackEnd::start();
    back_end.make("plan");
    let mut ann = back_end.server.joined("plan", "Ann");
    back_end.add("plan", "before", 1);
    ann.until("before");
    let begun = back_end.told(201, "PUT", &at("plan"), &Value::Null);
    assert_eq!((&begun["room"], &begun["ended"], &begun["inputs"]), (&json!("plan"), &Value::Null, &json!(0)));
    let lasts = begun["until"].as_u64().unwrap() - begun["begun"].as_u64().unwrap();
    assert_eq!((lasts, begun["mostBytes"].as_u64()), (600_000, Some(16 << 20)));
    assert_eq!(back_end.refused(409, "PUT", &at("plan"), &Value::Null), "conflict");
    ann.send(r#"{"type":"chat:message","data":{"text":"Hello"}}"#);
    let (_, next) = ann.receive().unwrap();
    let next = String::from_utf8_lossy(&next);
    assert!(next.contains("chat:message"), "something was told of it: {next}");
    let now = back_end.get(&at("plan"));
    assert!(now["inputs"].as_u64() >= Some(1) && now["bytes"].as_u64() > begun["bytes"].as_u64(), "{now}");
    assert_eq!(play(fetch(&back_end, "plan"))[0], "message");
}

#[test]
fn rec7_other_bounds_and_other_rooms_are_refused() {
    let back_end = BackEnd::start();
    back_end.make("plan");
    for (code, body) in [
        ("out_of_range", json!({"seconds": 0})),
        ("out_of_range", json!({"seconds": 3601})),
        ("out_of_range", json!({"bytes": 65_535})),
        ("out_of_range", json!({"bytes": (64 << 20) + 1})),
        ("bad_body", json!({"seconds": "1"})),
        ("bad_body", json!({"seconds": 1.5})),
        ("bad_body", json!({"minutes": 1})),
        ("bad_body", json!([1])),
    ] {
        assert_eq!(back_end.refused(400, "PUT", &at("plan"), &body), code, "{body}");
    }
    assert_eq!(back_end.refused(404, "PUT", &at("none"), &Value::Null), "not_found");
    for (method, path) in [("GET", at("plan")), ("DELETE", at("plan")), ("GET", at("plan") + "/file")] {
        assert_eq!(back_end.refused(404, method, &path, &Value::Null), "not_found", "{method} {path}");
    }
}

#[test]
fn rec7_a_server_has_eight_recordings_at_once() {
    let back_end = BackEnd::start();
    for no in 0..9 {
        back_end.make(&format!("room-{no}"));
    }
    for no in 0..8 {
        back_end.told(201, "PUT", &at(&format!("room-{no}")), &Value::Null);
    }
    assert_eq!(back_end.refused(409, "PUT", &at("room-8"), &Value::Null), "too_many");
    back_end.told(204, "DELETE", &at("room-3"), &Value::Null);
    back_end.told(201, "PUT", &at("room-8"), &Value::Null);
    assert_eq!(back_end.refused(409, "PUT", &at("room-3"), &Value::Null), "too_many");
}

#[test]
fn rec8_what_there_is_so_far_is_given_and_nobody_is_named() {
    let back_end = BackEnd::start();
    back_end.make("plan");
    // An id says nothing of a person, and stays.
    let joined = |id: &str, name| {
        let mut socket = back_end.server.socket(&format!("/parties/main/plan?_pk={id}"));
        socket.join(name);
        socket
    };
    let mut ann = joined("one", "Annabel");
    back_end.told(201, "PUT", &at("plan"), &Value::Null);
    let mut bob = joined("two", "Barnaby");
    bob.send(r#"{"type":"chat:message","data":{"text":"Meet me at midnight"}}"#);
    ann.until("midnight");
    let first = fetch(&back_end, "plan");
    assert_eq!(first.ended(), Some(Ended::Stopped));
    bob.send(r#"{"type":"chat:message","data":{"text":"Or at noon"}}"#);
    ann.until("noon");
    let second = fetch(&back_end, "plan");
    assert!(second.len() > first.len());
    for recording in [first, second] {
        assert!(recording.header().redacted);
        for word in ["Annabel", "Barnaby", "midnight", "noon"] {
            let there = recording.bytes().windows(word.len()).any(|place| place == word.as_bytes());
            assert!(!there, "{word} is still there");
        }
        assert!(play(recording).contains(&"connect"));
    }
}

/// A back end of a server that lets go of a room as soon as it is empty.
fn hasty() -> BackEnd {
    BackEnd { server: Server::start(&["--admin-secret", SECRET, "--unload-after", "0", "--grace", "0"]) }
}

#[test]
fn rec9_a_room_stays_while_it_is_recorded_and_goes_then() {
    let back_end = hasty();
    back_end.make("plan");
    back_end.told(201, "PUT", &at("plan"), &json!({"seconds": 2}));
    sleep(Duration::from_millis(500));
    back_end.server.joined("plan", "Ann").hang_up();
    sleep(Duration::from_millis(500));
    back_end.server.joined("plan", "Ann").hang_up();
    let late = Instant::now() + Duration::from_secs(10);
    let over = loop {
        let now = back_end.get(&at("plan"));
        if !now["ended"].is_null() {
            break now;
        }
        assert!(Instant::now() < late, "{now}");
        sleep(Duration::from_millis(100));
    };
    assert_eq!(over["ended"], "time");
    let recording = fetch(&back_end, "plan");
    assert_eq!(recording.ended(), Some(Ended::Time));
    let kinds = play(recording);
    assert_eq!(kinds.iter().filter(|kind| **kind == "connect").count(), 2, "{kinds:?}");
    // Over is over: another one takes its place.
    assert_eq!(back_end.told(201, "PUT", &at("plan"), &Value::Null)["inputs"], 0);
}

#[test]
fn rec9_what_was_recorded_of_a_room_that_is_gone_can_be_fetched() {
    let back_end = hasty();
    back_end.make("plan");
    back_end.told(201, "PUT", &at("plan"), &Value::Null);
    back_end.add("plan", "a", 1);
    back_end.told(204, "DELETE", "/api/rooms/plan", &Value::Null);
    let late = Instant::now() + Duration::from_secs(10);
    while back_end.get(&at("plan"))["ended"] != "room" {
        assert!(Instant::now() < late);
        sleep(Duration::from_millis(50));
    }
    let recording = fetch(&back_end, "plan");
    assert_eq!(recording.ended(), Some(Ended::Room));
    assert!(play(recording).contains(&"command"));
    // There is no room to record, and what there is of the last one stays.
    assert_eq!(back_end.refused(404, "PUT", &at("plan"), &Value::Null), "not_found");
    back_end.told(204, "DELETE", &at("plan"), &Value::Null);
    assert_eq!(back_end.refused(404, "GET", &at("plan"), &Value::Null), "not_found");
}
