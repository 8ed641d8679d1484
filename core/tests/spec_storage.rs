//! The rules STORE: what is written and when, and what happens when it fails. Which frames wait for a store is the GATE
//! rules'.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::say::{
    ack, error, fast, frame, image, image_at, message, moved, named, pointed, removed, said, stored, two_unanswered,
    two_unanswered_in,
};
use common::{Asked, Disk, Host, Owned, Row, START};
use kanvas_core::{Close, Config, Failure, Fault, Limits, Part, Seq, Time};
use serde_json::{Value, json};

/// What the only store that waits carries.
#[track_caller]
fn carried(host: &Host) -> &[Owned] {
    let [Asked::Store { writes, .. }] = &host.asked[..] else { panic!("not one store: {:?}", host.asked) };
    writes
}

fn row(write: &Owned) -> &Row {
    let Owned::Log(row) = write else { panic!("not a row: {write:?}") };
    row
}

fn seqs(writes: &[Owned]) -> Vec<u64> {
    writes.iter().map(|write| row(write).seq.0).collect()
}

#[test]
fn store1_one_store_is_in_flight_and_the_next_carries_all_since_in_order() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &moved("i", 5));
    assert_eq!(seqs(carried(&host)), [2]);
    host.send(bob, &moved("i", 6));
    host.send(ann, &said("hi"));
    host.send(bob, &removed("i"));
    host.pass(1000);
    assert_eq!(seqs(carried(&host)), [2], "no second one");
    host.answer();
    assert_eq!(seqs(carried(&host)), [3, 4, 5]);
    let Asked::Store { upto, .. } = host.asked[0] else { unreachable!() };
    assert_eq!(upto, Seq(5));
    host.answer();
    assert!(host.asked.is_empty());
    host.send(ann, &pointed(1));
    assert!(host.asked.is_empty(), "nothing to store, no store");
}

#[test]
fn store2_a_row_says_who_when_which_id_what_and_what_it_replaced() {
    let mut host = Host::new();
    let ann = host.join_as("pk-a", "guest:1", r#"{"name":"Ann"}"#);
    host.pass(7);
    let bare: Value = json!({"id": "i", "x": 5, "note": "n"});
    host.send(ann, &named("k1", "image:add", &image("i")));
    host.send(ann, &named("k2", "image:transform", &bare));
    host.send(ann, &message("image:transform", &json!({"id": "i", "note": null, "z": "a5"})));
    host.send(ann, &removed("i"));
    host.send(ann, &said("hi"));
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let mut gone = image_at("i", "a5");
    gone["x"] = 5.into();
    let color = host.state()["users"][0]["color"].clone();
    let chat = json!({"id": "m5", "userId": "guest:1", "name": "Ann", "color": color, "text": "hi"});
    for (at, (op, kind, body, was)) in [
        ("k1", "image:add", image_at("i", "a0"), Value::Null),
        ("k2", "image:transform", bare, json!({"id": "i", "x": 1, "note": null})),
        (
            "",
            "image:transform",
            json!({"id": "i", "note": null, "z": "a5"}),
            json!({"id": "i", "note": "n", "z": "a0"}),
        ),
        ("", "image:remove", json!({"id": "i"}), gone),
        ("", "chat:message", chat, Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let row = &host.disk.log[&Seq(at as u64 + 1)];
        assert_eq!((row.user.as_str(), row.origin.as_str(), row.client), ("guest:1", "pk-a", 1));
        assert_eq!((row.at, row.op_id.as_str(), row.kind.as_str()), (Time::from_millis(START + 7), op, kind));
        assert_eq!((json(&row.body), json(&row.was)), (body, was), "{kind}");
        assert_eq!(row.op_hash == 0, op.is_empty(), "a fingerprint for an id");
    }
    let epochs: Vec<u64> = host.disk.log.values().map(|row| row.epoch).collect();
    let joined = host.connect("late");
    let epoch = host.ask(joined, r#"{"type":"user:join"}"#)[0]["data"]["epoch"].as_u64().unwrap();
    assert_eq!(epochs, [epoch; 5]);
}

#[test]
fn store3_after_256_events_a_store_carries_the_touched_chunks_and_the_record() {
    assert_eq!(Limits::default().snapshot_ops, 256);
    let (mut host, ann, _) = two_unanswered_in(Host::with_config(fast));
    host.auto = true;
    let big = |id: &str| {
        let mut image = image(id);
        image["text"] = "x".repeat(3500).into();
        message("image:add", &image)
    };
    for n in 0..40 {
        host.send(ann, &big(&format!("big{n}")));
    }
    for x in 0..214 {
        host.send(ann, &moved("i", x));
    }
    assert_eq!((host.disk.log.len(), host.disk.chunks.len()), (255, 0));
    host.auto = false;
    host.send(ann, &moved("i", 1000));
    let writes = carried(&host);
    assert_eq!((row(&writes[0]).seq, writes.len()), (Seq(256), 5));
    let parts: Vec<(Part, u32)> = writes.iter().filter_map(chunk).collect();
    assert_eq!(parts, [(Part::Images, 0), (Part::Images, 1), (Part::Images, 2)]);
    assert!(matches!(writes[4], Owned::Record(_)), "the record last");
    host.auto = true;
    host.answer();
    for x in 0..255 {
        host.send(ann, &moved("big39", x));
    }
    host.auto = false;
    host.send(ann, &said("hi"));
    let parts: Vec<(Part, u32)> = carried(&host).iter().filter_map(chunk).collect();
    assert_eq!(parts, [(Part::Images, 2), (Part::Chat, 0)], "only what was touched");
    host.answer_all();
    let before = host.state();
    let host = host.restart(Config::default());
    assert_eq!((&host.state()["images"], &host.state()["chat"]), (&before["images"], &before["chat"]));
}

fn chunk(write: &Owned) -> Option<(Part, u32)> {
    match write {
        Owned::Chunk(part, no, bytes) => {
            assert!(bytes.len() <= 64 * 1024);
            Some((*part, *no))
        }
        Owned::Record(_) | Owned::Log(_) | Owned::DropChunk(..) | Owned::Clear | Owned::Trim(..) => None,
    }
}

#[test]
fn store3_a_chunk_whose_images_are_gone_goes_too() {
    let (mut host, ann, _) = two_unanswered_in(Host::with_config(|config| config.limits.snapshot_ops = 2));
    host.auto = true;
    host.send(ann, &moved("i", 2));
    assert!(host.disk.chunks.contains_key(&(Part::Images, 0)));
    host.send(ann, &removed("i"));
    host.auto = false;
    host.send(ann, &said("hi"));
    assert!(carried(&host).contains(&Owned::DropChunk(Part::Images, 0)));
    host.answer();
    assert_eq!(host.disk.chunks.keys().collect::<Vec<_>>(), [&(Part::Chat, 0)]);
}

#[test]
fn store3_old_rows_beyond_the_last_may_go_after_a_day() {
    assert_eq!((Limits::default().log_ops, Limits::default().log_age.as_millis()), (3000, 24 * 3600 * 1000));
    let few = |config: &mut Config| {
        fast(config);
        (config.limits.log_ops, config.limits.snapshot_ops) = (3, 2);
    };
    let (mut host, ann, _) = two_unanswered_in(Host::with_config(few));
    host.auto = true;
    for x in 0..5 {
        host.send(ann, &moved("i", x));
    }
    assert_eq!(host.disk.log.len(), 6, "of today");
    host.pass(24 * 3600 * 1000 + 1);
    host.send(ann, &said("one"));
    host.auto = false;
    host.send(ann, &said("two"));
    let day_ago = Time::from_millis(host.now.as_millis() - 24 * 3600 * 1000);
    assert_eq!(carried(&host).last(), Some(&Owned::Trim(Seq(6), day_ago)));
    host.answer();
    assert_eq!(host.disk.log.keys().map(|seq| seq.0).collect::<Vec<_>>(), [6, 7, 8]);
    let before = host.state();
    let mut config = Config::default();
    few(&mut config);
    assert_eq!(host.restart(config).state()["images"], before["images"]);
}

#[test]
fn store4_a_store_carries_one_more_than_the_last_owner() {
    let owner = |host: &Host| match host.asked[..] {
        [Asked::Store { owner, .. }] => owner,
        _ => panic!("not one store"),
    };
    let mut host = Host::new();
    for number in 1..4 {
        host.auto = false;
        let ann = host.connect("ann");
        host.send(ann, r#"{"type":"user:join"}"#);
        assert_eq!(owner(&host), number, "the first");
        host.answer();
        host.send(ann, &said("hi"));
        assert_eq!(owner(&host), number, "and every further one");
        host.answer();
        host = host.restart(Config::default());
    }
    let disk = Disk { owner: 41, ..Disk::default() };
    let mut host = Host::with(Config::default(), disk);
    host.auto = false;
    let ann = host.connect("ann");
    host.send(ann, r#"{"type":"user:join"}"#);
    assert_eq!(owner(&host), 42);
}

#[test]
fn store5_a_failed_store_leaves_again_after_a_doubling_time() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &moved("i", 5));
    host.send(ann, &moved("i", 6));
    let first = carried(&host).to_vec();
    for wait in [100, 200, 400, 800, 1600] {
        host.fail(Failure::Busy);
        host.pass(wait - 1);
        assert!(host.asked.is_empty(), "{wait} ms are not over");
        host.pass(1);
        let again = carried(&host);
        assert_eq!((&again[..1], seqs(again)), (&first[..], vec![2, 3]), "all of it, in order");
    }
    host.assert_quiet();
    host.answer();
    assert_eq!(host.take(ann), [ack("c1", None, 2), ack("c1", None, 3)]);
    let at = |seq, x| stored("c1", seq, START, "image:transform", &json!({"id": "i", "x": x}));
    assert_eq!(host.take(bob), [at(2, 5), at(3, 6)]);
    host.send(ann, &moved("i", 7));
    host.fail(Failure::Busy);
    host.pass(100);
    assert_eq!(host.stores(), 1, "counted anew after a success");
}

#[test]
fn store5_until_it_succeeds_edits_are_refused_and_presence_goes_on() {
    let (mut host, ann, bob) = two_unanswered();
    host.send(ann, &moved("i", 5));
    host.fail(Failure::Busy);
    let edit = named("k", "image:transform", &json!({"id": "i", "x": 9}));
    assert_eq!(host.ask(bob, &edit), [error("c2", Some("k"), "busy")]);
    assert_eq!(host.ask(bob, &said("hi")), [error("c2", None, "busy")]);
    host.send(bob, &pointed(1));
    assert_eq!(host.take_types(ann), ["cursor:move"]);
    let carol = host.connect("carol");
    host.send(carol, r#"{"type":"user:join"}"#);
    assert_eq!(host.take_types(bob), ["user:joined"]);
    assert_eq!(host.take(carol), Vec::<Value>::new(), "the state is not durable");
    host.auto = true;
    host.pass(100);
    assert_eq!(host.take(ann).last(), Some(&ack("c1", None, 2)));
    assert_eq!(host.take_types(carol)[..2], ["room:joined", "state:sync"]);
    host.take(bob);
    assert_eq!(host.ask(bob, &edit), [ack("c2", Some("k"), 3)], "its id was not used up");
}

#[test]
fn store5_after_any_other_failure_all_are_closed_and_the_room_is_loaded_anew() {
    for (failure, fault) in [(Failure::Broken, Fault::Storage), (Failure::Fenced, Fault::Fenced)] {
        let (mut host, ann, bob) = two_unanswered();
        let before = host.state();
        host.send(ann, &moved("i", 5));
        host.send(bob, &said("hi"));
        host.fail(failure);
        for (slot, client) in [(ann, "c1"), (bob, "c2")] {
            let mut told = host.take(slot);
            let wait = told[0]["data"]["retryAfterMs"].take();
            told[0]["data"].as_object_mut().unwrap().remove("retryAfterMs");
            let data = json!({"code": "unavailable", "ref": null, "message": Close::Unavailable.message()});
            assert_eq!(told, [frame(client, "error", &data)], "nothing is acknowledged");
            assert!(wait.as_u64().unwrap() <= 2000);
            assert_eq!(host.closed(slot), Some(Close::Unavailable));
        }
        assert_eq!((host.room.fault(), host.slept, host.stores()), (Some(fault), true, 0));
        let late = host.connect("late");
        assert_eq!(host.closed(late), Some(Close::Unavailable));
        let host = host.restart(Config::default());
        assert_eq!((&host.state()["seq"], &host.state()["images"]), (&before["seq"], &before["images"]));
    }
}
