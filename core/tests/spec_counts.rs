//! The rules of what a room counts (COUNT), for those who watch over it.

use std::collections::BTreeMap;

use kanvas_core::{Close, Code, FrameKind, Heard, Lane, MessageKind, Pressure, Stats};
use serde_json::json;

mod common;
#[path = "common/talk.rs"]
mod talk;

use common::Host;
use talk::{add, chat, join, shift, verified};

fn messages(stats: &Stats) -> u64 {
    stats.heard.iter().map(|heard| heard.messages).sum()
}

#[test]
fn count1_each_message_is_counted_once_under_what_it_asks() {
    let mut host = Host::new();
    let slot = verified(&mut host, "ann", "user_ann");
    let long = format!(r#"{{"type":"ping","data":"{}"}}"#, "x".repeat(65 * 1024));
    for (text, kind) in [
        ("ping".to_owned(), MessageKind::Ping),
        (join(json!({"name": "Ann"})), MessageKind::Join),
        (r#"{"type":"auth:refresh","data":{"token":"t"}}"#.to_owned(), MessageKind::Token),
        (r#"{"type":"user:update","data":{"name":"Anna"}}"#.to_owned(), MessageKind::Profile),
        (r#"{"type":"cursor:move","data":{"x":1,"y":2}}"#.to_owned(), MessageKind::Cursor),
        (r#"{"type":"canvas:transform","data":{"x":1,"y":2,"scale":1}}"#.to_owned(), MessageKind::Viewport),
        (add("k1", "i1"), MessageKind::Edit),
        (r#"{"type":"image:transform","data":{"id":"i1","x":3,"transient":true}}"#.to_owned(), MessageKind::Drag),
        (shift("i1", 4.0), MessageKind::Edit),
        (chat("hello"), MessageKind::Chat),
        (r#"{"type":"room:update","data":{"name":"Plans"}}"#.to_owned(), MessageKind::Room),
        (r#"{"type":"member:kick","data":{"userId":"user_bob"}}"#.to_owned(), MessageKind::Room),
        (r#"{"type":"nothing"}"#.to_owned(), MessageKind::Unread),
        ("{".to_owned(), MessageKind::Unread),
        (long, MessageKind::Unread),
        (r#"{"type":"user:leave"}"#.to_owned(), MessageKind::Join),
    ] {
        let before = host.room.stats().clone();
        host.send(slot, &text);
        let after = host.room.stats().clone();
        for (at, known) in MessageKind::ALL.iter().enumerate() {
            let (Heard { messages, bytes }, was) = (after.heard[at], before.heard[at]);
            let counted = (messages - was.messages, bytes - was.bytes);
            let expected = if *known == kind { (1, text.len() as u64) } else { (0, 0) };
            assert_eq!(counted, expected, "{} after {:.80}", known.as_str(), text);
        }
    }
}

#[test]
fn dash9_a_room_weighs_more_the_more_it_holds() {
    let mut host = Host::new();
    let ann = host.join("ann");
    let alone = host.room.weight();
    let bob = host.join("bob");
    assert!(host.room.weight() > alone + 1000);
    host.lose(bob);
    host.pass(60_000);
    let empty = host.room.weight();
    assert!(empty < alone + 500, "bob's place was given back: {alone}, then {empty}");
    for no in 0..20 {
        host.pass(1000);
        host.send(ann, &add(&format!("k{no}"), &format!("i{no}")));
    }
    // The image itself and the event that brought it.
    let full = host.room.weight();
    assert!(full > empty + 20 * 600 && host.room.image_count() == 20, "{empty}, then {full}");
    host.send(ann, &chat(&"x".repeat(1000)));
    assert!(host.room.weight() > full + 1000);
}

#[test]
fn count2_each_frame_says_what_it_tells() {
    let mut host = Host::new();
    let (ann, _bob) = (host.join("ann"), host.join("bob"));
    for text in [
        add("k1", "i1"),
        r#"{"type":"image:transform","data":{"id":"i1","x":3,"transient":true}}"#.to_owned(),
        r#"{"type":"cursor:move","data":{"x":1,"y":2}}"#.to_owned(),
        r#"{"type":"canvas:transform","data":{"x":1,"y":2,"scale":1}}"#.to_owned(),
        r#"{"type":"user:update","data":{"name":"Anna"}}"#.to_owned(),
        chat("hello"),
        "ping".to_owned(),
        "{".to_owned(),
    ] {
        host.send(ann, &text);
        host.pass(100);
    }
    host.close(ann);
    let kinds: BTreeMap<&str, &str> = host.kinds.iter().map(|(kind, name)| (name.as_str(), kind.as_str())).collect();
    let expected = [
        ("room:joined", "snapshot"),
        ("state:sync", "snapshot"),
        ("user:list", "people"),
        ("user:joined", "people"),
        ("user:updated", "people"),
        ("user:left", "people"),
        ("image:add", "stored"),
        ("chat:message", "stored"),
        ("ack", "answer"),
        ("error", "answer"),
        ("", "answer"),
        ("cursor:move", "cursor"),
        ("canvas:transform", "viewport"),
    ];
    for (name, kind) in expected {
        assert_eq!(kinds.get(name), Some(&kind), "{name} of {kinds:?}");
    }
    // A pong is no JSON. A step of a drag and its end have one type.
    let drags = host.kinds.iter().filter(|(_, name)| name == "image:transform").map(|(kind, _)| *kind);
    assert!(drags.clone().any(|kind| kind == FrameKind::Drag));
    for kind in FrameKind::ALL {
        let is_made_up_for = ["cursor", "viewport", "drag"].contains(&kind.as_str());
        assert_eq!(kind.lane() == Lane::Latest, is_made_up_for, "{}", kind.as_str());
    }
}

#[test]
fn count3_each_refusal_is_counted_once_under_its_code() {
    let mut host = Host::new();
    let slot = host.join("ann");
    host.send(slot, &add("k1", "i1"));
    let counts = |host: &Host| host.room.stats().clone();
    for (text, code) in [
        ("{".to_owned(), Code::BadMessage),
        (r#"{"type":"nothing"}"#.to_owned(), Code::UnknownType),
        (shift("nobody", 1.0), Code::NotFound),
        (join(json!({})), Code::AlreadyJoined),
        (add("k2", "i1"), Code::Conflict),
    ] {
        let before = counts(&host);
        host.send(slot, &text);
        let after = counts(&host);
        for (at, known) in Code::ALL.iter().enumerate() {
            assert_eq!(after.refused[at] - before.refused[at], u64::from(*known == code), "{known:?} after {text}");
        }
        assert_eq!((messages(&after) - messages(&before), after.edits), (1, before.edits));
    }
    let before = counts(&host);
    host.send(slot, &shift("i1", 9.0));
    let after = counts(&host);
    assert_eq!((after.edits - before.edits, messages(&after) - messages(&before)), (1, 1));
    assert_eq!((after.refused, after.misuse), (before.refused, before.misuse));
}

#[test]
fn count3_each_close_is_counted_under_its_reason() {
    let mut host = Host::new();
    let slot = host.join("ann");
    for _ in 0..10 {
        host.send(slot, "{");
    }
    let closed = |close: Close| host.room.stats().closed[Close::ALL.iter().position(|known| *known == close).unwrap()];
    assert_eq!((host.closed(slot), closed(Close::BadProtocol)), (Some(Close::BadProtocol), 1));
    assert_eq!(host.room.stats().closed.iter().sum::<u64>(), 1);
}

#[test]
fn count4_what_is_kept_from_slow_readers_is_counted_for_each_of_them() {
    let mut host = Host::new();
    let (ann, bob, cid) = (host.join("ann"), host.join("bob"), host.join("cid"));
    host.send(ann, &add("k1", "i1"));
    let cursor = |x: u32| format!(r#"{{"type":"cursor:move","data":{{"x":{x},"y":2}}}}"#);
    let drag = r#"{"type":"image:transform","data":{"id":"i1","x":3,"transient":true}}"#;
    let view = r#"{"type":"canvas:transform","data":{"x":1,"y":2,"scale":1}}"#;
    let mut expected = 0;
    let mut say = |host: &mut Host, text: &str, kept_from: u64| {
        host.send(ann, text);
        host.pass(100);
        expected += kept_from;
        assert_eq!(host.room.stats().shed, expected, "after {text}");
    };
    say(&mut host, &cursor(1), 0);
    host.pressure(bob, Pressure::High);
    host.pressure(cid, Pressure::High);
    for text in [&cursor(2), drag, view] {
        say(&mut host, text, 2);
    }
    say(&mut host, &chat("hello"), 0);
    say(&mut host, &shift("i1", 4.0), 0);
    host.pressure(bob, Pressure::Clear);
    say(&mut host, &cursor(3), 1);
    host.pressure(cid, Pressure::Clear);
    say(&mut host, &cursor(4), 0);
}

#[test]
fn count1_what_rooms_counted_adds_up() {
    let mut host = Host::new();
    let slot = host.join("ann");
    host.send(slot, &add("k1", "i1"));
    host.send(slot, "{");
    let one = host.room.stats().clone();
    let mut sum = one.clone();
    sum.add(&one);
    assert_eq!((messages(&sum), sum.edits), (2 * messages(&one), 2 * one.edits));
    assert_eq!(sum.refused.iter().sum::<u64>(), 2);
}
