//! The rules STORE6 to STORE8: a room whose storage has no space, or no time for long, goes back to what is stored,
//! can be read, and is changed again once storage takes something.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::say::{
    ack, add, dragged, error, error_with, fast, frame, image_at, message, moved, named, pointed, removed, said,
    two_unanswered, two_unanswered_in,
};
use common::{Asked, Disk, Host, Owned, conn};
use kanvas_core::{Close, Command, Config, Failure, Fault, FaultIn, Input, Room, Span};
use serde_json::{Value, json};

const JOIN: &str = r#"{"type":"user:join"}"#;

/// Each reason to go back, with its code and how often a store fails before.
const REASONS: [(Failure, &str, usize); 2] = [(Failure::Full, "storage_full", 1), (Failure::Busy, "busy", 6)];

/// Lets the store that waits fail until the room asks what is stored.
#[track_caller]
fn go_back(host: &mut Host, failure: Failure, times: usize) {
    for wait in [100, 200, 400, 800, 1600, 0].into_iter().take(times) {
        assert_eq!(host.stores(), 1, "before {wait} ms");
        host.fail(failure);
        if failure == Failure::Busy {
            host.pass(wait);
        }
    }
    assert!(matches!(host.asked[..], [Asked::Load(_)]), "{:?}", host.asked);
}

/// Ann, Bob and the image `i`, after an edit of Ann's for which there was no space.
fn full() -> (Host, u32, u32) {
    full_in(Host::new())
}

fn full_in(host: Host) -> (Host, u32, u32) {
    let (mut host, ann, bob) = two_unanswered_in(host);
    host.send(ann, &moved("i", 5));
    go_back(&mut host, Failure::Full, 1);
    host.answer();
    assert_eq!(host.take(ann), [error_with("c1", None, "storage_full", &image_at("i", "a0"))]);
    (host, ann, bob)
}

fn none() -> Vec<Value> {
    Vec::new()
}

#[test]
fn store6_what_storage_does_not_take_is_undone_and_refused_with_the_truth() {
    for (failure, code, times) in REASONS {
        let (mut host, ann, bob) = two_unanswered();
        let before = host.state();
        let edit = named("k", "image:transform", &json!({"id": "i", "x": 5}));
        for text in [edit.clone(), add("j"), said("hi"), edit.clone(), add("j")] {
            host.send(ann, &text);
        }
        host.send(bob, &removed("i"));
        host.send(bob, &moved("i", 6));
        go_back(&mut host, failure, times);
        host.assert_quiet();
        host.answer();
        let i = image_at("i", "a0");
        let refused = |id, truth: &Value| error_with("c1", id, code, truth);
        let expected = [
            refused(Some("k"), &i),
            refused(None, &Value::Null),
            error("c1", None, code),
            refused(Some("k"), &i),
            refused(None, &Value::Null),
        ];
        assert_eq!(host.take(ann), expected, "the repetition and the conflict too");
        assert_eq!(host.take(bob), [error_with("c2", None, code, &i), error_with("c2", None, code, &i)]);
        assert_eq!((host.state(), host.room.stats().returns), (before, 1));
        host.auto = true;
        host.pass(5000);
        assert_eq!(host.ask(ann, &edit), [ack("c1", Some("k"), 2)], "a fresh edit at the same place");
        assert_eq!(host.take_types(bob), ["image:transform"]);
    }
}

#[test]
fn store6_a_refusal_for_another_reason_stays_and_an_edit_that_is_stored_is_acknowledged() {
    let (mut host, ann, bob) = two_unanswered();
    let stored = named("k", "image:transform", &json!({"id": "i", "x": 5}));
    host.send(ann, &stored);
    host.answer();
    host.forget();
    host.send(bob, &moved("i", 6));
    host.send(ann, &stored);
    host.send(ann, &message("image:transform", &json!({"id": "i", "x": 1e10})));
    host.send(ann, &message("image:transform", &json!({"id": "i", "z": ""})));
    host.send(ann, "{");
    go_back(&mut host, Failure::Full, 1);
    host.answer();
    let mut truth = image_at("i", "a0");
    truth["x"] = 5.into();
    assert_eq!(host.take(bob), [error_with("c2", None, "storage_full", &truth)]);
    let unread = error("c1", None, "bad_message");
    let stays = error_with("c1", None, "out_of_range", &truth);
    let empty = error_with("c1", None, "empty", &truth);
    assert_eq!(host.take(ann), [unread, ack("c1", Some("k"), 2), stays, empty]);
}

#[test]
fn store6_who_was_joining_is_told_the_state_as_it_is_stored() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &moved("i", 5));
    let (carol, hasty, late) = (host.connect("carol"), host.connect("hasty"), host.connect("late"));
    host.send(carol, &named("early", "image:transform", &json!({"id": "i", "y": 9})));
    host.send(carol, JOIN);
    host.send(carol, "ping");
    host.send(hasty, JOIN);
    host.send(hasty, &named("h", "image:transform", &json!({"id": "i", "y": 8})));
    host.send(hasty, r#"{"type":"user:leave"}"#);
    go_back(&mut host, Failure::Full, 1);
    assert_eq!(host.take_types(bob), ["user:joined", "user:joined", "user:left"]);
    assert_eq!(host.ask(late, JOIN), none(), "joins wait for the load");
    host.send(ann, r#"{"type":"user:leave"}"#);
    host.take(ann);
    assert_eq!(host.ask(ann, JOIN), none());
    host.send(bob, &pointed(4));
    host.answer();
    let i = image_at("i", "a0");
    let told = host.take(carol);
    let at = |kind: &str| told.iter().position(|frame| frame["type"] == kind).unwrap();
    assert_eq!((at("room:joined"), at("state:sync")), (0, 1));
    assert_eq!((&told[0]["data"]["seq"], &told[1]["data"]["images"]), (&json!(1), &json!([i])));
    assert!(told.contains(&json!("pong")) && told.contains(&error_with("c3", Some("early"), "storage_full", &i)));
    let kinds = host.take(hasty);
    let refused = kinds.iter().position(|frame| frame["data"]["code"] == "storage_full").unwrap();
    assert_eq!((&kinds[0]["type"], &kinds[0]["clientId"]), (&json!("room:joined"), &json!("c4")));
    assert_eq!((&kinds[refused]["data"]["truth"], &kinds.last().unwrap()["type"]), (&i, &json!("room:left")));
    assert_eq!(host.take_types(late)[..2], ["room:joined", "state:sync"]);
    let back: Vec<String> = host.take_types(ann).into_iter().filter(|kind| kind != "user:joined").collect();
    assert_eq!(back, ["cursor:move", "error", "room:left", "room:joined", "state:sync", "user:list"]);
    host.pass(16);
    host.take(carol);
    host.send(ann, &pointed(5));
    assert_eq!(host.take_types(carol), ["cursor:move"]);
}

#[test]
fn store6_presence_goes_on_while_the_room_waits_for_the_load_and_edits_are_refused() {
    for (failure, code, times) in REASONS {
        let (mut host, ann, bob) = two_unanswered();
        host.send(ann, &moved("i", 5));
        go_back(&mut host, failure, times);
        host.send(bob, &pointed(1));
        assert_eq!(host.take_types(ann), ["cursor:move"]);
        host.pass(16);
        host.send(ann, &message("user:update", &json!({"name": "Anna"})));
        assert_eq!(host.take_types(bob), ["user:updated"]);
        for _ in 0..20 {
            assert_eq!(host.ask(bob, &moved("i", 6)), [error("c2", None, code)]);
        }
        assert_eq!((host.asked.len(), host.room.stats().returns), (1, 1), "one load, whatever is refused");
        host.pass(10_000);
        assert_eq!(host.asked.len(), 1);
    }
}

#[test]
fn store6_a_load_that_fails_is_tried_again_five_times_in_all() {
    let (mut host, ann, _) = two_unanswered();
    host.send(ann, &moved("i", 5));
    go_back(&mut host, Failure::Full, 1);
    for wait in [100, 200, 400, 800] {
        host.fail(Failure::Busy);
        host.pass(wait - 1);
        assert!(host.asked.is_empty());
        host.pass(1);
        assert!(matches!(host.asked[..], [Asked::Load(_)]));
    }
    host.fail(Failure::Busy);
    assert_eq!((host.closed(ann), host.room.fault()), (Some(Close::Unavailable), Some(Fault::Storage)));
}

#[test]
fn store6_a_room_that_is_stored_otherwise_than_was_confirmed_is_given_up() {
    type Harm = fn(&mut Disk);
    let cases: [(Harm, Fault); 5] = [
        (|disk| disk.owner += 1, Fault::Fenced),
        (|disk| disk.record = Some(b"{".to_vec()), Fault::Corrupt(FaultIn::Record)),
        (|disk| drop(disk.log.pop_last()), Fault::Corrupt(FaultIn::Log)),
        (|disk| *disk = Disk { owner: disk.owner, ..Disk::default() }, Fault::Storage),
        (
            |disk| {
                let text = String::from_utf8(disk.record.take().unwrap()).unwrap();
                let mut record: Value = serde_json::from_str(&text).unwrap();
                record["epoch"] = 1.into();
                disk.log.values_mut().for_each(|row| row.epoch = 1);
                disk.record = Some(record.to_string().into_bytes());
            },
            Fault::Storage,
        ),
    ];
    for (harm, fault) in cases {
        let (mut host, ann, bob) = two_unanswered();
        host.send(ann, &moved("i", 5));
        go_back(&mut host, Failure::Full, 1);
        harm(&mut host.disk);
        host.answer();
        assert_eq!((host.room.fault(), host.slept), (Some(fault), true));
        assert_eq!((host.closed(ann), host.closed(bob)), (Some(Close::Unavailable), Some(Close::Unavailable)));
        assert_eq!(host.take_types(ann), ["error"], "nothing is answered");
    }
}

#[test]
fn store6_a_room_that_was_never_stored_is_given_up() {
    let mut host = Host::new();
    host.auto = false;
    let (ann, bob) = (host.connect("ann"), host.connect("bob"));
    host.send(ann, JOIN);
    host.send(bob, JOIN);
    go_back(&mut host, Failure::Full, 1);
    host.answer();
    assert_eq!((host.closed(ann), host.closed(bob)), (Some(Close::Unavailable), Some(Close::Unavailable)));
    assert_eq!((host.room.fault(), host.room.summary().is_some()), (Some(Fault::Storage), false));
}

#[test]
fn store6_a_drain_waits_for_no_load_and_nobody_is_kept_awake() {
    let (mut host, ann, _) = two_unanswered();
    host.send(ann, &moved("i", 5));
    go_back(&mut host, Failure::Full, 1);
    let drain = Command::Drain { close: Close::Restart, spread: Span::from_millis(0) };
    host.input(Input::Command(drain));
    assert_eq!((host.closed(ann), host.slept), (Some(Close::Restart), true));

    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &moved("i", 5));
    go_back(&mut host, Failure::Full, 1);
    host.close(ann);
    host.close(bob);
    host.answer();
    for _ in 0..70 {
        host.pass(1000);
        if !host.slept && !host.asked.is_empty() {
            host.fail(Failure::Full);
        }
    }
    assert!(host.slept, "an empty room sleeps on a full disk");
}

#[test]
fn store6_a_room_saved_in_the_middle_goes_on() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &dragged("i", 9));
    host.send(ann, &moved("i", 5));
    host.forget();
    go_back(&mut host, Failure::Full, 1);
    let mut saved = Vec::new();
    host.room.save(&mut saved);
    host.room = Room::restore(&saved, host.now).unwrap();
    host.answer();
    assert_eq!(host.take_types(ann).first().map(String::as_str), Some("image:transform"));
    assert_eq!(host.take_types(bob), ["image:transform"]);
    host.auto = true;
    host.pass(100);
    assert_eq!(host.ask(ann, &moved("i", 5)), [ack("c1", None, 2)]);
}

#[test]
fn store7_the_room_can_be_read_and_not_changed() {
    for (failure, code, times) in REASONS {
        let (mut host, ann, bob) = two_unanswered();
        host.send(ann, &moved("i", 5));
        go_back(&mut host, failure, times);
        host.answer();
        host.forget();
        let i = image_at("i", "a0");
        let edit = named("k", "image:transform", &json!({"id": "i", "x": 9}));
        assert_eq!(host.ask(bob, &edit), [error_with("c2", Some("k"), code, &i)]);
        assert_eq!(host.ask(bob, &add("j")), [error_with("c2", None, code, &Value::Null)]);
        assert_eq!(host.ask(bob, &said("hi")), [error("c2", None, code)]);
        let carol = host.connect("carol");
        host.send(carol, JOIN);
        assert_eq!(host.take_types(carol), ["room:joined", "state:sync", "user:list"]);
        assert_eq!(
            (host.take_types(ann), host.take_types(bob)),
            (vec!["user:joined".into()], vec!["user:joined".into()])
        );
        host.pass(5000);
        assert_eq!(host.stores(), 1, "a probe is on its way, and nobody waits for it");
        let dave = host.connect("dave");
        host.send(dave, JOIN);
        assert_eq!(host.take_types(dave), ["room:joined", "state:sync", "user:list"]);
        host.send(bob, &pointed(1));
        assert_eq!(host.take_types(dave), ["cursor:move"]);
    }
}

#[test]
fn store7_it_tries_its_record_again_after_a_doubling_time_until_that_is_stored() {
    let (mut host, ann, _) = full();
    let record = host.disk.record.clone().unwrap();
    for wait in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
        host.pass(wait - 1);
        assert!(host.asked.is_empty(), "{wait} ms are not over");
        host.pass(1);
        let [Asked::Store { writes, .. }] = &host.asked[..] else { panic!("{:?}", host.asked) };
        assert_eq!(writes[..], [Owned::Record(record.clone())]);
        assert_eq!(host.ask(ann, &said("hi")), [error("c1", None, "storage_full")]);
        host.fail(Failure::Full);
    }
    host.pass(5000);
    host.answer();
    host.pass(20_000);
    host.assert_quiet();
    assert!(host.asked.is_empty(), "no more probes");
    host.send(ann, &moved("i", 7));
    host.answer();
    assert_eq!((host.take(ann), host.room.stats().returns), (vec![ack("c1", None, 2)], 1));
}

#[test]
fn store7_the_times_begin_anew_only_when_a_change_was_stored() {
    let (mut host, ann, _) = full();
    for wait in [100, 200, 400] {
        host.pass(wait - 1);
        assert!(host.asked.is_empty(), "{wait} ms are not over");
        host.pass(1);
        host.answer();
        host.send(ann, &moved("i", 7));
        go_back(&mut host, Failure::Full, 1);
        host.answer();
    }
    host.pass(800);
    host.answer();
    host.send(ann, &moved("i", 8));
    host.answer();
    host.send(ann, &moved("i", 9));
    go_back(&mut host, Failure::Full, 1);
    host.answer();
    host.pass(100);
    assert_eq!(host.stores(), 1);
}

#[test]
fn store7_a_snapshot_that_was_not_stored_is_written_again() {
    let (mut host, ann, _) = two_unanswered_in(Host::with_config(|config| {
        fast(config);
        config.limits.snapshot_ops = 3;
    }));
    host.send(ann, &moved("i", 2));
    host.answer();
    host.send(ann, &add("j"));
    go_back(&mut host, Failure::Full, 1);
    host.answer();
    host.auto = true;
    host.pass(100);
    host.send(ann, &moved("i", 4));
    assert_eq!((host.disk.chunks.len(), host.disk.log.len()), (1, 3));
    let before = host.state();
    assert_eq!(host.restart(Config::default()).state()["images"], before["images"]);
}

/// How a drag of Ann's ends.
type End = fn(&mut Host, u32, u32);

#[test]
fn store8_what_others_saw_move_goes_back() {
    let back = |x: Value| frame("c1", "image:transform", &x);
    let home = back(json!({"id": "i", "x": 1}));
    let ends: [End; 6] = [
        |host, ann, _| host.send(ann, &moved("i", 7)),
        |host, ann, _| host.send(ann, &removed("i")),
        |host, _, bob| host.send(bob, &removed("i")),
        |host, _, bob| host.send(bob, &moved("i", 7)),
        |host, ann, bob| {
            host.send(bob, &moved("i", 7));
            host.input(Input::Disconnect { conn: conn(ann), end: kanvas_core::End::Closed });
        },
        |host, _, bob| host.send(bob, &add("j")),
    ];
    for (case, end) in ends.iter().enumerate() {
        let (mut host, ann, bob) = two_unanswered();
        host.send(ann, &dragged("i", 5));
        assert_eq!(host.take_types(bob), ["image:transform"]);
        end(&mut host, ann, bob);
        go_back(&mut host, Failure::Full, 1);
        host.take(ann);
        host.answer();
        let told = host.take(bob);
        assert!(told.contains(&home), "case {case}: {told:?}");
        host.pass(60);
        host.forget();
        host.pass(3000);
        let told: Vec<Value> = host.take(bob).into_iter().filter(|frame| frame["type"] == "image:transform").collect();
        assert_eq!(told, none(), "the drag is over");
    }
}

#[test]
fn store8_a_drag_of_an_image_that_is_undone_leaves_nothing() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &add("j"));
    host.send(ann, &dragged("j", 5));
    host.pass(500);
    go_back(&mut host, Failure::Full, 1);
    host.answer();
    assert_eq!(host.take(ann), [error_with("c1", None, "storage_full", &Value::Null)]);
    host.pass(5000);
    assert_eq!(host.take(bob), none());
    host.send(ann, &dragged("j", 6));
    host.send(ann, &dragged("i", 6));
    assert_eq!(host.take(bob).len(), 1, "who drags in a room that can only be read is seen");
    host.pass(2500);
    assert_eq!(host.take(bob), [frame("c1", "image:transform", &json!({"id": "i", "x": 1}))], "until it is silent");
}
