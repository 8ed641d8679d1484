//! Short stories of a room, word for word: what goes in, what comes out, in which order. They are there to be read;
//! each behaviour in them has a rule and a test of its own elsewhere. A change of one is a change of the wire.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::Host;
use common::say::{add, crowded, dragged, message, moved, named, pointed, said};
use kanvas_core::wire::Dialect;
use kanvas_core::{Close, Command, Input, Span, Standing, View};
use serde_json::{Value, json};

/// Says in the story what happens next.
fn note(host: &mut Host, text: &str) {
    host.transcript.push(format!("\n# {text}"));
}

fn join(name: &str) -> String {
    message("user:join", &json!({"name": name, "color": "#4ecdc4"}))
}

fn told(host: &Host) -> String {
    host.transcript.join("\n")
}

#[test]
fn trace_two_people_meet_and_draw() {
    let mut host = Host::new();
    note(&mut host, "Ann opens the room. It is stored before she is told that it exists.");
    let ann = host.connect("ann");
    host.send(ann, &join("Ann"));
    note(&mut host, "Bob comes in.");
    let bob = host.connect("bob");
    host.send(bob, &join("Bob"));
    note(&mut host, "Ann points, and adds an image.");
    host.send(ann, &message("cursor:move", &json!({"x": 5, "y": 6})));
    host.send(ann, &named("k1", "image:add", &common::say::image("cat")));
    note(&mut host, "Bob moves it. Ann sends her add again, since she does not know whether it arrived.");
    host.send(bob, &named("k1", "image:transform", &json!({"id": "cat", "x": 77})));
    host.send(ann, &named("k1", "image:add", &common::say::image("cat")));
    note(&mut host, "Bob adds an image of the same id: he is refused and told what is there.");
    host.send(bob, &named("k2", "image:add", &common::say::image("cat")));
    note(&mut host, "They chat, and Ann goes.");
    host.send(bob, &said("nice"));
    host.send(ann, r#"{"type":"user:leave"}"#);
    insta::assert_snapshot!(told(&host));
}

#[test]
fn trace_a_drag_that_ends_in_silence() {
    let mut host = Host::with_config(crowded);
    let (ann, _) = (host.join("ann"), host.join("bob"));
    host.send(ann, &add("cat"));
    host.transcript.clear();
    note(&mut host, "Ann drags the image. The first place goes out at once.");
    host.send(ann, &dragged("cat", 10));
    note(&mut host, "Of the next ones only the latest goes, at the next flush.");
    for x in [20, 30, 40] {
        host.send(ann, &dragged("cat", x));
    }
    host.pass(16);
    note(&mut host, "Two seconds of silence: the image is where it is stored, for everyone.");
    host.pass(2000);
    note(&mut host, "Another drag ends in an edit: there is nothing to put right.");
    host.send(ann, &dragged("cat", 50));
    host.send(ann, &moved("cat", 50));
    host.pass(2000);
    insta::assert_snapshot!(told(&host));
}

#[test]
fn trace_a_lost_connection_that_resumes_with_a_delta() {
    let mut host = Host::new();
    let ann = host.connect("ann");
    host.send(ann, &join("Ann"));
    let joined: Value = host.take(ann)[0]["data"].clone();
    let bob = host.join("bob");
    host.send(ann, &add("cat"));
    host.transcript.clear();
    note(&mut host, "Ann's connection breaks off. Bob is not told yet.");
    host.lose(ann);
    note(&mut host, "Meanwhile Bob goes on.");
    host.send(bob, &moved("cat", 5));
    host.send(bob, &said("still there?"));
    note(&mut host, "She is back within her 15 s, with her secret and the last event that she knows.");
    note(&mut host, "An edit that she made offline comes before her join and waits for it.");
    let ann = host.connect("ann");
    host.send(ann, &named("offline", "image:transform", &json!({"id": "cat", "rotation": 90})));
    let since = json!({"epoch": joined["epoch"], "seq": 1});
    host.send(ann, &message("user:join", &json!({"name": "Ann", "resume": joined["resume"], "since": since})));
    note(&mut host, "She breaks off again and does not come back.");
    host.lose(ann);
    host.pass(15_000);
    insta::assert_snapshot!(told(&host));
}

#[test]
fn trace_a_slow_store_with_a_joiner_in_the_middle() {
    let mut host = Host::new();
    let ann = host.join("ann");
    host.send(ann, &add("cat"));
    host.transcript.clear();
    host.auto = false;
    note(&mut host, "Ann moves the image; the store takes its time, and nobody is told.");
    host.send(ann, &named("k1", "image:transform", &json!({"id": "cat", "x": 5})));
    note(&mut host, "Bob joins. He waits for the move that is in his snapshot.");
    let bob = host.connect("bob");
    host.send(bob, &join("Bob"));
    note(&mut host, "Ann moves it again: that is not in his snapshot, and will follow it.");
    host.send(ann, &named("k2", "image:transform", &json!({"id": "cat", "x": 6})));
    note(&mut host, "Presence does not wait, but goes only to those who have their snapshot.");
    host.send(ann, &pointed(1));
    note(&mut host, "The first move is durable.");
    host.answer();
    note(&mut host, "So is the second.");
    host.answer();
    insta::assert_snapshot!(told(&host));
}

#[test]
fn trace_two_dialects_in_one_room() {
    let mut host = Host::new();
    let ann = host.join("ann");
    host.transcript.clear();
    note(&mut host, "Paul speaks plain text: for him connecting is joining.");
    let paul = host.connect_as("paul", "guest:paul", Standing::Guest, Dialect::Plain, View::Full);
    note(&mut host, "Each hears the other in words of their own.");
    host.send(paul, "say hello");
    host.send(ann, &said("hello, Paul"));
    host.send(paul, "at 3 4.5");
    host.pass(16);
    host.send(ann, &message("cursor:move", &json!({"x": 1, "y": 2})));
    note(&mut host, "Plain text has no words for images: Paul is told nothing of them.");
    host.send(ann, &add("cat"));
    host.close(paul);
    insta::assert_snapshot!(told(&host));
}

#[test]
fn trace_a_drain() {
    let mut host = Host::new();
    let (ann, bob) = (host.join("ann"), host.join("bob"));
    host.send(ann, &add("cat"));
    host.transcript.clear();
    host.auto = false;
    note(&mut host, "Ann has an edit in flight while Bob drags.");
    host.send(ann, &named("k1", "chat:message", &json!({"text": "one last thing"})));
    host.send(bob, &dragged("cat", 9));
    note(&mut host, "The server is about to restart: no more edits.");
    host.input(Input::Command(Command::Drain { close: Close::Restart, spread: Span::from_millis(1000) }));
    host.send(bob, &named("k2", "image:transform", &json!({"id": "cat", "x": 9})));
    note(&mut host, "What was accepted is durable: it is acknowledged, the drag ends, all are told when to come back.");
    host.answer();
    insta::assert_snapshot!(told(&host));
}
