//! The rules GATE: what may not leave before storage has it. Stores are answered by hand here; how they fail and what
//! they carry is the STORE rules'.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::say::{
    ack, ack_with, add, dragged, error, error_with, fast, frame, image_at, message, moved, named, pointed, removed,
    said, stored, two_unanswered, two_unanswered_in,
};
use common::{Host, START};
use kanvas_core::{Close, Failure, Limits, Pressure};
use serde_json::{Value, json};

fn none() -> Vec<Value> {
    Vec::new()
}

/// How many bytes the room takes up when it is saved.
fn size(host: &Host) -> usize {
    let mut saved = Vec::new();
    host.room.save(&mut saved);
    saved.len()
}

#[test]
fn gate1_a_stored_event_is_told_to_nobody_before_it_is_durable() {
    let (mut host, ann, bob) = two_unanswered();
    for (text, kind) in [
        (moved("i", 5), "image:transform"),
        (add("j"), "image:add"),
        (removed("i"), "image:remove"),
        (said("hi"), "chat:message"),
    ] {
        host.send(ann, &text);
        host.pass(50);
        host.assert_quiet();
        assert_eq!(host.stores(), 1);
        host.answer();
        assert_eq!(host.take_types(bob), [kind]);
        host.take(ann);
    }
}

#[test]
fn gate1_each_store_lets_out_what_it_carried_and_no_more() {
    let (mut host, ann, bob) = two_unanswered();
    for x in 2..6 {
        host.send(ann, &moved("i", x));
    }
    host.assert_quiet();
    host.answer();
    assert_eq!(host.take(bob), [stored("c1", 2, START, "image:transform", &json!({"id": "i", "x": 2}))]);
    assert_eq!(host.take(ann), [ack("c1", None, 2)]);
    host.send(bob, &said("late"));
    host.answer();
    let seqs: Vec<Value> = host.take(bob).iter().map(|frame| frame["seq"].clone()).collect();
    assert_eq!(seqs, [3, 4, 5]);
    assert_eq!(host.take(ann).len(), 3);
    host.answer();
    assert_eq!((host.take_types(ann), host.stores()), (vec!["chat:message".into()], 0));
}

#[test]
fn gate2_no_ack_leaves_before_its_edit_is_durable() {
    let (mut host, ann, _) = two_unanswered();
    let edit = named("k", "image:transform", &json!({"id": "i", "x": 5}));
    assert_eq!(host.ask(ann, &edit), none());
    assert_eq!(host.ask(ann, &edit), none(), "nor that of its repetition");
    host.lose(ann);
    let ann = host.join("ann");
    assert_eq!(host.ask(ann, &edit), none(), "nor over a reconnect");
    host.answer_all();
    let told = host.take(ann);
    assert_eq!((told.len(), told.last()), (4, Some(&ack("c3", Some("k"), 2))), "{told:?}");
    assert_eq!(host.ask(ann, &edit), [ack("c3", Some("k"), 2)], "at once from then on");
}

#[test]
fn gate2_the_ack_of_a_second_removal_waits_for_the_first() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &removed("i"));
    host.send(bob, &removed("i"));
    host.assert_quiet();
    host.answer();
    assert_eq!(host.take(ann), [ack("c1", None, 2)]);
    let told = stored("c1", 2, START, "image:remove", &json!({"id": "i"}));
    assert_eq!(host.take(bob), [told, ack("c2", None, 2)]);
    assert_eq!(host.stores(), 0);
}

#[test]
fn gate3_a_joiner_is_told_the_state_once_it_is_durable_and_goes_on_from_there() {
    let (mut host, ann, _) = two_unanswered();
    host.send(ann, &moved("i", 5));
    let carol = host.connect("carol");
    assert_eq!(host.ask(carol, r#"{"type":"user:join"}"#), none());
    host.send(ann, &moved("i", 6));
    host.send(ann, &pointed(1));
    assert_eq!(host.take(carol), none(), "not even a cursor before its snapshot");
    host.answer();
    let told = host.take(carol);
    let kinds: Vec<&Value> = told.iter().map(|frame| &frame["type"]).collect();
    assert_eq!(kinds, ["room:joined", "state:sync", "user:list"]);
    assert_eq!((&told[0]["data"]["seq"], &told[1]["data"]["seq"]), (&json!(2), &json!(2)));
    assert_eq!(told[1]["data"]["images"][0]["x"], 5, "not the move that is not durable");
    assert_eq!(told[2]["data"]["users"][0]["cursor"], json!({"x": 1, "y": 0}));
    host.answer();
    assert_eq!(host.take(carol), [stored("c1", 3, START, "image:transform", &json!({"id": "i", "x": 6}))]);
    assert_eq!(host.stores(), 0);
}

#[test]
fn gate3_what_a_joiner_is_answered_meanwhile_comes_after_its_snapshot() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &moved("i", 5));
    let carol = host.connect("carol");
    host.send(carol, &named("early", "image:transform", &json!({"id": "i", "y": 9})));
    for text in [r#"{"type":"user:join"}"#, "ping", r#"{"type":"user:join","id":"twice"}"#, r#"{"type":"what"}"#] {
        assert_eq!(host.ask(carol, text), none());
    }
    host.send(carol, &named("late", "image:transform", &json!({"id": "i", "y": 10})));
    host.answer_all();
    let told = host.take(carol);
    let is_ack = |frame: &Value| frame["type"] == "ack";
    let answers: Vec<Value> = told[2..].iter().filter(|frame| frame["type"] != "user:list").cloned().collect();
    assert_eq!((&told[0]["type"], &told[1]["type"]), (&json!("room:joined"), &json!("state:sync")));
    assert_eq!(told[1]["data"]["images"][0]["y"], 2, "as of when it joined");
    let mut sorted = answers.clone();
    sorted.sort_by_key(|frame| is_ack(frame));
    let unknown = error("c3", None, "unknown_type");
    let expected = [
        json!("pong"),
        error("c3", Some("twice"), "already_joined"),
        unknown,
        ack("c3", Some("early"), 3),
        ack("c3", Some("late"), 4),
    ];
    assert_eq!(sorted, expected);
    assert_eq!(host.take(bob).iter().filter(|frame| frame["seq"].is_u64()).count(), 3);
}

#[test]
fn gate3_who_founds_a_room_is_told_nothing_before_it_is_stored() {
    let mut host = Host::new();
    host.auto = false;
    let (ann, bob) = (host.connect("ann"), host.connect("bob"));
    host.send(ann, r#"{"type":"user:join"}"#);
    host.send(ann, &add("i"));
    host.send(bob, r#"{"type":"user:join"}"#);
    host.assert_quiet();
    host.answer();
    assert_eq!(host.take_types(ann), ["room:joined", "state:sync", "user:list"]);
    host.assert_quiet();
    host.answer();
    assert_eq!(host.take_types(bob), ["room:joined", "state:sync", "user:list"], "the add is in it");
    assert_eq!(host.take(ann), [ack_with("c1", None, 1, &json!({"z": "a0"}))]);
}

#[test]
fn gate4_a_drag_of_an_image_whose_add_is_not_durable_waits_for_it() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &add("j"));
    host.pass(20);
    host.send(ann, &dragged("j", 5));
    host.send(ann, &dragged("i", 6));
    host.pass(500);
    let here = frame("c1", "image:transform", &json!({"id": "i", "x": 6, "transient": true}));
    assert_eq!(host.take(bob), [here], "that of a durable image does not");
    host.send(ann, &dragged("j", 7));
    host.pass(500);
    host.assert_quiet();
    host.answer();
    host.pass(16);
    let there = frame("c1", "image:transform", &json!({"id": "j", "x": 7, "transient": true}));
    assert_eq!(host.take(bob), [stored("c1", 2, START, "image:add", &image_at("j", "a1")), there]);
}

#[test]
fn gate4_the_end_of_a_drag_waits_for_the_edits_it_tells_of() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &message("image:transform", &json!({"id": "i", "x": 5, "y": 5, "transient": true})));
    host.forget();
    host.send(bob, &moved("i", 8));
    host.pass(2000);
    host.assert_quiet();
    host.answer();
    let back = frame("c1", "image:transform", &json!({"id": "i", "y": 2}));
    assert_eq!(host.take(bob), [ack("c2", None, 2), back.clone()]);
    assert_eq!(host.take(ann), [stored("c2", 2, START, "image:transform", &json!({"id": "i", "x": 8})), back]);
}

#[test]
fn gate5_a_refusal_that_an_edit_in_flight_may_have_caused_waits_for_it() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &add("j"));
    host.send(
        bob,
        &named(
            "k",
            "image:add",
            &json!({"id": "j", "src": "https://a.example/", "x": 0, "y": 0, "width": 1, "height": 1}),
        ),
    );
    host.assert_quiet();
    host.answer();
    let added = stored("c1", 2, START, "image:add", &image_at("j", "a1"));
    assert_eq!(host.take(bob), [added, error_with("c2", Some("k"), "conflict", &image_at("j", "a1"))]);
    host.send(ann, &removed("j"));
    host.send(ann, &moved("i", 9));
    host.forget();
    for text in [moved("j", 1), message("image:transform", &json!({"id": "i"})), dragged_badly()] {
        host.send(bob, &text);
    }
    host.assert_quiet();
    host.answer();
    assert_eq!(host.take(bob), [stored("c1", 3, START, "image:remove", &json!({"id": "j"}))]);
    host.answer();
    let mut truth = image_at("i", "a0");
    truth["x"] = 9.into();
    let moved = stored("c1", 4, START, "image:transform", &json!({"id": "i", "x": 9}));
    let expected = [
        moved,
        error_with("c2", None, "not_found", &Value::Null),
        error_with("c2", None, "empty", &truth),
        error_with("c2", None, "out_of_range", &truth),
    ];
    assert_eq!(host.take(bob), expected);
}

fn dragged_badly() -> String {
    message("image:transform", &json!({"id": "i", "x": 1e10, "transient": true}))
}

#[test]
fn gate5_other_refusals_do_not_wait() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &moved("i", 5));
    assert_eq!(host.ask(bob, r#"{"type":"user:join","id":"k"}"#), [error("c2", Some("k"), "already_joined")]);
    assert_eq!(host.ask(bob, &message("user:update", &json!({"name": " "}))), [error("c2", None, "empty")]);
    assert_eq!(host.ask(bob, "ping"), ["pong"]);
}

#[test]
fn gate6_presence_does_not_wait() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &moved("i", 5));
    for (text, kind) in [
        (pointed(1), "cursor:move"),
        (message("canvas:transform", &json!({"x": 0, "y": 0, "scale": 1})), "canvas:transform"),
        (message("user:update", &json!({"name": "Anna"})), "user:updated"),
    ] {
        host.send(ann, &text);
        host.pass(16);
        assert_eq!(host.take_types(bob), [kind]);
    }
    let carol = host.connect("carol");
    host.send(carol, r#"{"type":"user:join"}"#);
    assert_eq!(host.take_types(bob), ["user:joined"]);
    host.close(carol);
    assert_eq!(host.take_types(bob), ["user:left"]);
    host.pressure(bob, Pressure::High);
    host.pressure(bob, Pressure::Clear);
    assert_eq!(host.take_types(bob), ["user:list"]);
    host.send(ann, r#"{"type":"user:leave"}"#);
    assert_eq!(host.take_types(bob), ["user:left"]);
    assert_eq!(host.stores(), 1);
    host.take(ann);
    host.answer();
    assert_eq!(host.take_types(ann), ["ack", "room:left"], "one's own answers stay in order");
}

#[test]
fn gate7_beyond_4096_frames_edits_are_busy_at_once() {
    assert_eq!((Limits::default().gated_frames, Limits::default().gated_bytes), (4096, 4 * 1024 * 1024));
    let (mut host, ann, bob) = two_unanswered_in(Host::with_config(fast));
    for x in 0..2048 {
        host.send(ann, &moved("i", x));
    }
    host.assert_quiet();
    let head = host.state()["seq"].clone();
    assert_eq!(head, 2049, "a broadcast and an ack each");
    assert_eq!(
        host.ask(ann, &named("k", "image:transform", &json!({"id": "i", "x": 1}))),
        [error("c1", Some("k"), "busy")]
    );
    assert_eq!(host.ask(bob, &said("hi")), [error("c2", None, "busy")]);
    host.answer();
    assert_eq!(host.take(bob).len(), 1, "one store in flight carried one edit");
    host.send(ann, &said("again"));
    host.answer_all();
    assert_eq!((host.take(ann).len(), host.take(bob).len()), (2048 + 2, 2047 + 1));
    assert_eq!(host.state()["seq"], 2050);
}

#[test]
fn gate7_beyond_their_bytes_edits_are_busy_too() {
    let (mut host, ann, bob) = two_unanswered_in(Host::with_config(|config| config.limits.gated_bytes = 2000));
    host.send(ann, &said(&"x".repeat(1500)));
    assert_eq!(host.ask(bob, &said("fits")), none());
    host.send(ann, &said(&"x".repeat(500)));
    assert_eq!(host.ask(bob, &said("one more")), [error("c2", None, "busy")]);
    host.answer_all();
    host.forget();
    assert_eq!(host.ask(bob, &said("now")), none());
}

#[test]
fn gate7_nothing_makes_a_full_gate_longer() {
    let (mut host, ann, bob) = two_unanswered_in(Host::with_config(|config| {
        fast(config);
        config.limits.gated_frames = 8;
        config.limits.abuse = 1_000_000;
    }));
    for x in 0..4 {
        host.send(ann, &moved("i", x));
    }
    host.fail(Failure::Busy);
    let before = size(&host);
    for x in 0..500 {
        for (who, text, code) in [
            (ann, moved("i", x), Some("busy")),
            (bob, message("image:transform", &json!({"id": "i"})), Some("empty")),
            (bob, dragged("i", x), None),
        ] {
            let told = host.ask(who, &text);
            let answer = code.map(|code| error(if who == ann { "c1" } else { "c2" }, None, code));
            assert_eq!(told, answer.into_iter().collect::<Vec<_>>(), "{text}");
        }
        host.assert_quiet();
    }
    assert!(size(&host) < before + 100, "{before} {}", size(&host));
    let late = host.connect("late");
    host.send(late, r#"{"type":"user:join"}"#);
    assert_eq!((host.take_types(late), host.closed(late)), (vec!["error".into()], Some(Close::Unavailable)));
    host.auto = true;
    host.pass(5000);
    assert_eq!((host.take(ann).len(), host.state()["seq"].clone()), (4, json!(5)), "what was accepted is not lost");
}

#[test]
fn gate7_a_joiner_that_waits_is_closed_rather_than_answered_without_end() {
    let (mut host, ann, _) = two_unanswered_in(Host::with_config(|config| config.limits.gated_frames = 12));
    host.send(ann, &moved("i", 5));
    host.fail(Failure::Busy);
    let late = host.connect("late");
    host.send(late, r#"{"type":"user:join"}"#);
    for sent in 0.. {
        assert!(sent < 12, "it is answered without end");
        if host.closed(late).is_some() {
            break;
        }
        host.send(late, "ping");
    }
    assert_eq!(host.closed(late), Some(Close::Unavailable));
}
