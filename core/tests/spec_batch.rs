//! The rules CUR6 and CUR7: cursors of a flush in one frame.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::say::{crowded, frame, message, pointed};
use common::{Host, Socket, conn};
use kanvas_core::{Input, Pressure, Room};
use serde_json::{Value, json};

const BATCH: &str = r#"{"name":"b","batch":true}"#;

fn batch(first: &str, entries: &Value) -> Value {
    frame(first, "presence", entries)
}

/// Ann (c1) moves as she likes; Bob (c2) and Cy (c3) want batches, Di (c4) does not. All have been told all.
fn four() -> (Host, [u32; 4]) {
    let mut host = Host::with_config(crowded);
    let ann = host.join("ann");
    let (bob, cy) = (host.join_as("bob", "guest:bob", BATCH), host.join_as("cy", "guest:cy", BATCH));
    let di = host.join("di");
    host.pass(100);
    host.send(di, &pointed(0));
    host.forget();
    (host, [ann, bob, cy, di])
}

#[test]
fn cur6_the_cursors_of_a_flush_come_in_one_frame() {
    let (mut host, [ann, bob, cy, di]) = four();
    host.send(bob, &message("cursor:move", &json!({"x": 2.5, "y": -3})));
    host.send(ann, &pointed(1));
    host.send(ann, &pointed(4));
    host.assert_quiet();
    host.pass(16);
    let all = batch("c2", &json!([["c2", 2.5, -3], ["c1", 4, 0]]));
    let (bobs, cys) = (host.take(bob), host.take(cy));
    assert_eq!(bobs, [all], "with his own entry");
    assert_eq!(cys, bobs);
    assert_eq!(host.take(ann), [frame("c2", "cursor:move", &json!({"x": 2.5, "y": -3}))]);
    assert_eq!(host.take(di).len(), 2);
}

#[test]
fn cur6_a_pointer_that_left_is_null() {
    let (mut host, [ann, bob, ..]) = four();
    host.pass(16);
    host.send(ann, &message("cursor:move", &Value::Null));
    assert_eq!(host.take(bob), [batch("c1", &json!([["c1", null]]))]);
}

#[test]
fn cur6_who_moved_alone_is_not_told() {
    let (mut host, [_, bob, cy, _]) = four();
    host.pass(16);
    host.send(bob, &pointed(7));
    assert_eq!(host.take(cy), [batch("c2", &json!([["c2", 7, 0]]))]);
    assert_eq!(host.take(bob), Vec::<Value>::new());
}

#[test]
fn cur6_nobody_moved_and_nothing_is_said() {
    let (mut host, [ann, ..]) = four();
    host.pass(16);
    host.send(ann, &message("canvas:transform", &json!({"x": 0, "y": 0, "scale": 1})));
    for socket in host.sockets.values_mut() {
        assert!(socket.frames.drain(..).all(|(_, frame)| !frame.contains("presence\",\"data\":[")));
    }
}

#[test]
fn cur6_other_values_than_true_and_false_are_no_join() {
    let mut host = Host::new();
    let ann = host.connect("ann");
    for wish in [json!(1), json!("true"), json!({})] {
        host.send(ann, &message("user:join", &json!({"batch": wish})));
        assert_eq!(host.take(ann)[0]["data"]["code"], "bad_message");
    }
    host.send(ann, &message("user:join", &json!({"batch": null})));
    assert_eq!(host.take(ann)[0]["type"], "room:joined", "null is as if it were not there");
}

#[test]
fn cur6_a_slow_reader_hears_no_batch_and_everyone_once_clear() {
    let (mut host, [ann, bob, ..]) = four();
    host.pass(16);
    host.pressure(bob, Pressure::High);
    host.send(ann, &pointed(5));
    assert_eq!(host.take(bob), Vec::<Value>::new());
    host.pressure(bob, Pressure::Clear);
    assert_eq!(host.take(bob)[0]["type"], "user:list");
    host.pass(16);
    host.send(ann, &pointed(6));
    assert_eq!(host.take(bob), [batch("c1", &json!([["c1", 6, 0]]))]);
}

#[test]
fn cur6_it_is_asked_for_at_each_join() {
    let (mut host, [ann, bob, ..]) = four();
    host.send(bob, &message("user:leave", &json!({})));
    host.send(bob, &message("user:join", &json!({})));
    host.pass(16);
    host.forget();
    host.send(ann, &pointed(1));
    assert_eq!(host.take(bob), [frame("c1", "cursor:move", &json!({"x": 1, "y": 0}))]);
}

#[test]
fn cur6_it_outlives_a_room_that_is_saved() {
    let (mut host, [ann, bob, ..]) = four();
    let mut saved = Vec::new();
    host.room.save(&mut saved);
    host.room = Room::restore(&saved, host.now).unwrap();
    host.pass(16);
    host.send(ann, &pointed(1));
    assert_eq!(host.take(bob), [batch("c1", &json!([["c1", 1, 0]]))]);
}

#[test]
fn cur6_it_outlives_a_room_that_was_forgotten() {
    let (host, [ann, bob, ..]) = four();
    let mut woken = Host::with(kanvas_core::Config::default(), host.disk.clone());
    for slot in [ann, bob] {
        woken.sockets.insert(slot, Socket::default());
        let attachment = host.sockets[&slot].attachment.clone();
        woken.input(Input::Resume { conn: conn(slot), attachment: &attachment });
    }
    woken.send(ann, &pointed(1));
    assert_eq!(woken.take(bob), [batch("c1", &json!([["c1", 1, 0]]))]);
}

#[test]
fn cur7_who_did_not_ask_hears_each_cursor_as_ever() {
    let (mut host, [ann, bob, _, di]) = four();
    host.send(ann, &pointed(1));
    host.send(bob, &pointed(2));
    host.pass(16);
    let at = |client: &str, x: i64| frame(client, "cursor:move", &json!({"x": x, "y": 0}));
    assert_eq!(host.take(di), [at("c1", 1), at("c2", 2)]);
    assert_eq!(host.take(ann), [at("c2", 2)]);
}
