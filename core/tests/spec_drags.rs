//! The rules DRAG: images under someone's hand, which others see move before anything is stored. What waits for
//! storage is the GATE rules'.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::say::{
    ack, add, crowded, dragged, error, error_with, frame, image_at, message, moved, pointed, removed, stored,
};
use common::{Host, START};
use kanvas_core::wire::Dialect;
use kanvas_core::{Close, Command, Input, Limits, Rate, Span, Standing, View};
use serde_json::{Value, json};

/// Two members (c1, c2) and an image `i` at x 1, all told.
fn two() -> (Host, u32, u32) {
    two_in(Host::new())
}

/// The same in a room where a drag may have to wait for the next flush.
fn two_of_many() -> (Host, u32, u32) {
    two_in(Host::with_config(crowded))
}

fn two_in(mut host: Host) -> (Host, u32, u32) {
    let (ann, bob) = (host.join("ann"), host.join("bob"));
    host.send(ann, &add("i"));
    host.forget();
    (host, ann, bob)
}

fn shown(client: &str, id: &str, x: i64) -> Value {
    frame(client, "image:transform", &json!({"id": id, "x": x, "transient": true}))
}

fn settled(client: &str, id: &str, x: i64) -> Value {
    frame(client, "image:transform", &json!({"id": id, "x": x}))
}

#[test]
fn drag1_a_drag_goes_to_the_others_and_is_neither_stored_nor_acknowledged() {
    let (mut host, ann, bob) = two();
    let before = host.state();
    let text = r#"{"type":"image:transform","id":"k","data":{"id":"i","x":5,"width":3.5,"transient":true}}"#;
    assert_eq!(host.ask(ann, text), Vec::<Value>::new());
    let told = json!({"id": "i", "x": 5, "width": 3.5, "transient": true});
    assert_eq!(host.take(bob), [frame("c1", "image:transform", &told)]);
    assert_eq!(host.state(), before);
    assert_eq!((host.disk.log.len(), host.stores()), (1, 0));
    assert_eq!(host.ask(ann, text), Vec::<Value>::new(), "an id does not make it an edit");
}

#[test]
fn drag1_the_latest_of_each_image_and_client_goes_once_a_flush() {
    let (mut host, ann, bob) = two_of_many();
    let carol = host.join("carol");
    host.send(ann, &add("j"));
    host.send(ann, &pointed(0));
    host.forget();
    for x in 1..10 {
        host.send(ann, &dragged("i", x));
        host.send(ann, &dragged("j", 10 * x));
        host.send(bob, &dragged("i", 100 * x));
    }
    host.send(ann, &message("image:transform", &json!({"id": "i", "y": 7, "transient": true})));
    host.assert_quiet();
    host.pass(16);
    let both = frame("c1", "image:transform", &json!({"id": "i", "x": 9, "y": 7, "transient": true}));
    let (other, of_bob) = (shown("c1", "j", 90), shown("c2", "i", 900));
    assert_eq!(host.take(carol), [both.clone(), other.clone(), of_bob.clone()]);
    assert_eq!((host.take(ann), host.take(bob)), (vec![of_bob], vec![both, other]));
    host.pass(16);
    host.assert_quiet();
}

#[test]
fn drag1_one_for_an_unknown_image_is_passed_over() {
    let (mut host, ann, _) = two();
    let before = host.state();
    assert_eq!(host.ask(ann, &dragged("j", 5)), Vec::<Value>::new());
    host.pass(5000);
    host.assert_quiet();
    assert_eq!(host.state(), before);
}

#[test]
fn drag1_what_cannot_be_read_is_refused() {
    let (mut host, ann, _) = two();
    let truth = image_at("i", "a0");
    for (data, code) in [
        (json!({"id": "i", "transient": true}), "empty"),
        (json!({"id": "i", "x": 1e10, "transient": true}), "out_of_range"),
        (json!({"id": "i", "x": "1", "transient": true}), "bad_message"),
        (json!({"id": "i", "x": 1, "transient": "true"}), "bad_message"),
        (json!({"id": "i", "src": "data:,", "transient": true}), "bad_url"),
    ] {
        assert_eq!(host.ask(ann, &message("image:transform", &data)), [error_with("c1", None, code, &truth)], "{data}");
    }
    host.pass(16);
    host.assert_quiet();
}

#[test]
fn drag2_a_stored_edit_throws_away_what_waits() {
    let (mut host, ann, bob) = two_of_many();
    host.send(bob, &dragged("i", 5));
    host.forget();
    host.send(bob, &dragged("i", 6));
    host.send(ann, &moved("i", 7));
    assert_eq!(host.take(ann), [ack("c1", None, 2)]);
    assert_eq!(host.take(bob), [stored("c1", 2, START, "image:transform", &json!({"id": "i", "x": 7}))]);
    host.pass(1999);
    host.assert_quiet();
    host.pass(1);
    host.assert_quiet();
}

#[test]
fn drag2_ones_own_edit_throws_it_away_too_and_a_removal_ends_it_for_all() {
    let (mut host, ann, bob) = two();
    host.send(ann, &pointed(0));
    host.send(ann, &dragged("i", 6));
    host.send(ann, &moved("i", 7));
    host.forget();
    host.pass(5000);
    host.assert_quiet();
    host.send(bob, &dragged("i", 8));
    host.send(bob, &dragged("i", 9));
    host.send(ann, &removed("i"));
    host.forget();
    host.pass(5000);
    host.assert_quiet();
    host.send(ann, &add("i"));
    host.forget();
    host.pass(5000);
    host.assert_quiet();
}

#[test]
fn drag3_what_others_saw_move_goes_back_to_what_is_stored() {
    let (mut host, ann, bob) = two();
    let data = json!({"id": "i", "x": 5, "rotation": 9, "tag": "t", "transient": true});
    host.send(ann, &message("image:transform", &data));
    host.forget();
    host.pass(16);
    host.send(ann, &message("image:transform", &json!({"id": "i", "x": 6, "z": "b00", "transient": true})));
    host.forget();
    host.pass(2000);
    let truth = json!({"id": "i", "x": 1, "rotation": 0, "z": "a0", "tag": null});
    let told = frame("c1", "image:transform", &truth);
    assert_eq!((host.take(ann), host.take(bob)), (vec![told.clone()], vec![told]), "to the dragger too, without a seq");
    assert_eq!(host.state()["seq"], 1);
    host.pass(5000);
    host.assert_quiet();
}

#[test]
fn drag3_not_what_a_stored_edit_has_set_since() {
    let (mut host, ann, bob) = two();
    host.send(ann, &message("image:transform", &json!({"id": "i", "x": 5, "y": 5, "transient": true})));
    host.send(bob, &moved("i", 8));
    host.forget();
    host.pass(2000);
    let told = frame("c1", "image:transform", &json!({"id": "i", "y": 2}));
    assert_eq!((host.take(ann), host.take(bob)), (vec![told.clone()], vec![told]));
}

#[test]
fn drag3_what_moves_again_after_that_edit_goes_back_to_the_edit() {
    let (mut host, ann, bob) = two();
    host.send(ann, &dragged("i", 5));
    host.send(bob, &moved("i", 8));
    host.pass(16);
    host.send(ann, &dragged("i", 6));
    host.forget();
    host.pass(2000);
    assert_eq!(host.take(bob), [settled("c1", "i", 8)]);
}

#[test]
fn drag3_what_nobody_saw_is_not_sent_again() {
    let (mut host, ann, _) = two_of_many();
    host.send(ann, &pointed(0));
    host.send(ann, &dragged("i", 5));
    host.forget();
    host.close(ann);
    let told: Vec<Value> = host.take(1);
    assert_eq!((told.len(), &told[0]["type"]), (1, &json!("user:left")));
}

#[test]
fn drag3_every_kind_of_property_goes_back_unless_it_was_set() {
    let all = json!({"id": "i", "src": "https://b.example/", "z": "b00", "tag": "t", "x": 5, "transient": true});
    let truth = json!({"id": "i", "src": "https://example.com/a.png", "z": "a0", "tag": null, "x": 1});
    for key in ["none", "src", "z", "tag", "x"] {
        let (mut host, ann, bob) = two();
        host.send(
            ann,
            &message("image:transform", &json!({"id": "i", "src": "https://c.example/", "transient": true})),
        );
        host.send(ann, &message("image:transform", &all));
        host.pass(16);
        let told = host.take(bob);
        assert_eq!(told.last(), Some(&frame("c1", "image:transform", &all)));
        let mut back = truth.clone();
        if back.as_object_mut().unwrap().remove(key).is_some() {
            host.send(bob, &message("image:transform", &json!({"id": "i", key: all[key]})));
        }
        host.forget();
        host.pass(2000);
        assert_eq!(host.take(bob), [frame("c1", "image:transform", &back)], "{key} was set");
    }
}

#[test]
fn drag4_a_drag_that_goes_on_after_two_seconds_ends_only_once() {
    let (mut host, ann, bob) = two();
    host.send(ann, &dragged("i", 5));
    host.pass(1500);
    host.send(ann, &dragged("i", 6));
    host.pass(1000);
    host.send(ann, &moved("i", 7));
    host.forget();
    host.pass(10_000);
    host.assert_quiet();
    assert_eq!(host.closed(bob), None);
}

#[test]
fn drag4_a_drag_ends_with_ones_own_stored_edit() {
    let (mut host, ann, bob) = two();
    host.send(ann, &message("image:transform", &json!({"id": "i", "x": 5, "y": 5, "transient": true})));
    host.forget();
    host.send(ann, &moved("i", 6));
    let edit = stored("c1", 2, START, "image:transform", &json!({"id": "i", "x": 6}));
    let back = frame("c1", "image:transform", &json!({"id": "i", "y": 2}));
    let mut of_bob = host.take(bob);
    of_bob.sort_by_key(|frame| frame["seq"].is_null());
    assert_eq!(of_bob, [edit, back.clone()]);
    assert!(host.take(ann).contains(&back));
    host.pass(5000);
    host.assert_quiet();
}

#[test]
fn drag4_a_drag_ends_after_two_seconds_of_silence_about_it() {
    let (mut host, ann, bob) = two();
    host.send(ann, &dragged("i", 5));
    host.pass(1500);
    host.send(ann, &dragged("i", 6));
    host.forget();
    host.pass(1000);
    host.send(ann, &pointed(1));
    host.forget();
    host.pass(999);
    host.assert_quiet();
    host.pass(1);
    assert_eq!((host.take(ann), host.take(bob)), (vec![settled("c1", "i", 1)], vec![settled("c1", "i", 1)]));
}

#[test]
fn drag4_a_drag_ends_when_its_client_leaves() {
    let left = |reason: &str| {
        let data = json!({"clientId": "c1", "userId": "guest:ann", "reason": reason});
        frame("c1", "user:left", &data)
    };
    for how in ["user:leave", "close"] {
        let (mut host, ann, bob) = two();
        host.send(ann, &dragged("i", 5));
        host.forget();
        match how {
            "close" => host.close(ann),
            _ => host.send(ann, r#"{"type":"user:leave"}"#),
        }
        let mut told = host.take(bob);
        told.sort_by_key(|frame| frame["type"] == "user:left");
        assert_eq!(told, [settled("c1", "i", 1), left("left")], "{how}");
    }
    let (mut host, ann, bob) = two();
    host.send(ann, &dragged("i", 5));
    host.forget();
    host.lose(ann);
    host.assert_quiet();
    host.pass(2000);
    assert_eq!(host.take(bob), [settled("c1", "i", 1)]);
    host.pass(13_000);
    assert_eq!(host.take(bob), [left("lost")]);
}

#[test]
fn drag4_a_drag_ends_at_a_drain() {
    let (mut host, ann, bob) = two();
    host.send(ann, &dragged("i", 5));
    host.forget();
    host.auto = false;
    host.send(ann, &add("j"));
    host.input(Input::Command(Command::Drain { close: Close::Restart, spread: Span::from_millis(0) }));
    host.send(ann, &dragged("i", 6));
    host.assert_quiet();
    host.answer_all();
    assert_eq!(host.take_types(bob), ["image:add", "image:transform", "error"]);
    let told = host.take(ann);
    assert_eq!(
        (&told[0]["type"], &told[1], &told[2]["type"]),
        (&json!("ack"), &settled("c1", "i", 1), &json!("error"))
    );
    assert_eq!(host.closed(ann), Some(Close::Restart));
}

#[test]
fn drag5_a_client_drags_at_most_512_images_at_once() {
    assert_eq!(Limits::default().drags, 512);
    let mut host = Host::with_config(|config| {
        config.limits.edits = Rate { per_sec: 1000, burst: 1000 };
    });
    let (ann, bob) = (host.join("ann"), host.join("bob"));
    for n in 0..=512 {
        host.send(ann, &add(&n.to_string()));
    }
    host.forget();
    for n in 0..512 {
        assert_eq!(host.ask(ann, &dragged(&n.to_string(), 5)), Vec::<Value>::new());
    }
    let truth = host.state()["images"][512].clone();
    assert_eq!(truth["id"], "512");
    assert_eq!(host.ask(ann, &dragged("512", 5)), [error_with("c1", None, "too_many", &truth)]);
    assert_eq!(host.ask(ann, &dragged("0", 6)), Vec::<Value>::new(), "those that are dragged go on");
    host.forget();
    assert_eq!(host.ask(bob, &dragged("512", 5)), Vec::<Value>::new(), "each client has its own");
    host.send(ann, &moved("0", 5));
    host.forget();
    assert_eq!(host.ask(ann, &dragged("512", 5)), Vec::<Value>::new());
}

#[test]
fn drag5_a_viewer_drags_nothing() {
    let (mut host, _, bob) = two();
    let eve = host.connect_as("eve", "guest:eve", Standing::Guest, Dialect::KanvasV1, View::Readonly);
    host.send(eve, r#"{"type":"user:join"}"#);
    host.forget();
    assert_eq!(host.ask(eve, &dragged("i", 5)), [error_with("c3", None, "forbidden", &image_at("i", "a0"))]);
    assert_eq!(host.ask(eve, &dragged("j", 5)), [error_with("c3", None, "forbidden", &Value::Null)]);
    host.pass(16);
    host.assert_quiet();
    host.send(eve, &pointed(1));
    assert_eq!(host.take_types(bob), ["cursor:move"]);
    assert_eq!(host.ask(eve, &message("image:add", &json!({}))), [error("c3", None, "bad_message")]);
}
