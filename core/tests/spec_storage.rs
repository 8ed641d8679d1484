//! The rules STORE and SLEEP: what is written and when, what happens when it fails, and rooms that are forgotten while
//! their sockets stay. Which frames wait for a store is the GATE rules'.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::say::{
    ack, error, fast, frame, image, image_at, message, moved, named, pointed, removed, said, stored, two_unanswered,
    two_unanswered_in, user,
};
use common::{Asked, Disk, Host, Owned, Row, START, conn};
use kanvas_core::wire::Dialect;
use kanvas_core::{Close, Config, Failure, Fault, Input, Limits, Part, Room, RoomId, Seq, Standing, Time, View};
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

/// Forgets the room and makes it anew from storage and from what was kept with its sockets. An announcement may be
/// to come: the room makes it when it wakes.
fn nap(host: &mut Host) {
    let config = Config::default();
    let announcement = config.limits.announce;
    assert!(host.asked.is_empty() && host.room.deadline().is_none_or(|at| at.since(host.now) >= announcement));
    host.room = Room::new(RoomId::new("board").unwrap(), &config, 8, host.now, &mut host.out);
    host.sockets.values_mut().for_each(|socket| socket.group = None);
    (host.auto, host.slept) = (true, false);
    host.input(Input::Tick);
    let kept: Vec<(u32, Vec<u8>)> =
        host.sockets.iter().map(|(slot, socket)| (*slot, socket.attachment.clone())).collect();
    for (slot, attachment) in kept {
        host.input(Input::Resume { conn: conn(slot), attachment: &attachment });
        assert_eq!(host.closed(slot), None);
    }
}

/// Ann (c1) with all that a member may have, and Bob (c2).
fn pair() -> (Host, u32, u32) {
    let mut host = Host::new();
    let mine = json!({"name": "Ann", "color": "#ff0000", "avatar": "https://a.example/", "view": "readonly"});
    let ann = host.join_as("pk-a", "guest:1", &mine.to_string());
    let bob = host.join_as("pk-b", "guest:2", r##"{"name":"Bob","color":"#0000ff"}"##);
    host.send(ann, &message("user:update", &json!({"presence": {"tool": "pen"}})));
    host.forget();
    (host, ann, bob)
}

fn ann_now() -> Value {
    let mut ann = user("c1", "guest:1", "Ann", "#ff0000");
    (ann["avatar"], ann["role"], ann["presence"]) =
        ("https://a.example/".into(), "viewer".into(), json!({"tool": "pen"}));
    ann
}

fn bob_now() -> Value {
    user("c2", "guest:2", "Bob", "#0000ff")
}

#[test]
fn pres7_after_a_wake_a_join_that_is_refused_leaves_no_deadline_either() {
    let (mut host, ann, _) = pair();
    host.send(ann, r#"{"type":"user:leave"}"#);
    nap(&mut host);
    host.take(ann);
    host.auto = false;
    let refused = host.ask(ann, &message("user:join", &json!({"name": "\u{202e}"})));
    assert_eq!(refused[0]["data"]["code"], "empty", "{refused:?}");
    host.answer_all();
    host.pass(60_000);
    assert_eq!(host.closed(ann), None);
}

#[test]
fn pres7_who_joins_again_is_who_they_were_after_a_sleep_as_without() {
    for sleeps in [false, true] {
        let mut host = Host::new();
        let ann = host.join_as("pk-a", "guest:1", r#"{"name":"Ann","view":"readonly"}"#);
        let looks = json!({"name": "Anna", "avatar": "https://a.example/"});
        host.send(ann, &message("user:update", &looks));
        host.pass(60_000);
        if sleeps {
            nap(&mut host);
        }
        host.send(ann, r#"{"type":"user:leave"}"#);
        host.send(ann, r#"{"type":"user:join"}"#);
        let me = &host.state()["users"][0];
        assert_eq!((&me["name"], &me["avatar"], &me["role"]), (&looks["name"], &looks["avatar"], &json!("editor")));
        host.send(ann, r#"{"type":"user:leave"}"#);
        host.send(ann, &message("user:join", &json!({"name": "Eve"})));
        assert_eq!(host.state()["users"][0]["name"], "Eve", "a name that the join gives goes first");
    }
}

#[test]
fn sleep1_what_is_kept_follows_every_change() {
    let (mut host, ann, _) = pair();
    nap(&mut host);
    assert_eq!(host.state()["users"], json!([ann_now(), bob_now()]));
    let update = json!({"name": "Anna", "color": "#00ff00", "avatar": "https://b.example/", "presence": {"n": 1}});
    host.send(ann, &message("user:update", &update));
    nap(&mut host);
    let mut anna = user("c1", "guest:1", "Anna", "#00ff00");
    (anna["avatar"], anna["role"], anna["presence"]) = ("https://b.example/".into(), "viewer".into(), json!({"n": 1}));
    assert_eq!(host.state()["users"], json!([anna, bob_now()]));
    host.pass(60_000);
    nap(&mut host);
    assert_eq!((&host.state()["users"][0]["idle"], &host.state()["users"][1]["idle"]), (&json!(true), &json!(true)));
    host.send(ann, &pointed(1));
    nap(&mut host);
    assert_eq!((&host.state()["users"][0]["idle"], &host.state()["users"][1]["idle"]), (&json!(false), &json!(true)));
    host.send(ann, r#"{"type":"user:leave"}"#);
    nap(&mut host);
    assert_eq!(host.state()["users"].as_array().unwrap().len(), 1);
    host.forget();
    assert_eq!(host.ask(ann, &pointed(1))[0]["data"]["code"], "not_joined");
    host.send(ann, r#"{"type":"user:join","data":{"name":"Back"}}"#);
    nap(&mut host);
    assert_eq!(host.state()["users"][1]["name"], "Back");
}

#[test]
fn sleep1_the_most_that_a_member_may_have_fits() {
    let mut host = Host::new();
    let (user, pk) = ("u".repeat(128), "p".repeat(200));
    let slot = host.connect_as(&pk, &user, Standing::Guest, Dialect::KanvasV1, View::Full);
    let avatar = format!("https://a.example/{}", "x".repeat(512 - 18));
    let name = "\u{1d11e}".repeat(32);
    host.send(slot, &message("user:join", &json!({"name": name, "avatar": avatar})));
    host.send(slot, &message("user:update", &json!({"presence": {"k": "x".repeat(1024 - 8)}})));
    host.forget();
    let before = host.state();
    assert!(before["users"][0]["presence"].is_object() && before["users"][0]["name"] == name.as_str());
    nap(&mut host);
    assert_eq!(host.state(), before);
    assert!((1500..=2048).contains(&host.sockets[&slot].attachment.len()));
}

#[test]
fn sleep2_a_forgotten_room_goes_on_and_no_member_is_told_anything() {
    let (mut host, ann, bob) = pair();
    let edit = named("k", "image:add", &image("i"));
    host.send(bob, &edit);
    host.forget();
    let before = host.state();
    nap(&mut host);
    host.assert_quiet();
    let mut after = host.state();
    assert_eq!(after["users"].take(), before["users"], "the user list");
    assert_eq!((&after["seq"], &after["images"]), (&before["seq"], &before["images"]));
    assert_eq!(host.ask(bob, &edit)[0]["data"]["seq"], 1, "an id that was used is known");
    assert_eq!(host.ask(bob, &moved("i", 5)), [ack("c2", None, 2)]);
    assert_eq!(host.take(ann), [stored("c2", 2, START, "image:transform", &json!({"id": "i", "x": 5}))]);
    assert_eq!(host.ask(ann, &moved("i", 6))[0]["data"]["code"], "forbidden", "a role is kept");
    let late = host.connect("late");
    let id = host.ask(late, r#"{"type":"user:join"}"#)[0]["data"]["clientId"].clone();
    assert!(!["c1", "c2"].iter().any(|known| id == *known), "{id} is new");
    assert_eq!((host.take_types(ann), host.take_types(bob)), (vec!["user:joined".into()], vec!["user:joined".into()]));
}

#[test]
fn sleep2_a_secret_from_before_takes_the_session_back() {
    let mut host = Host::new();
    let ann = host.connect("ann");
    let joined = host.ask(ann, r#"{"type":"user:join"}"#);
    let secret = joined[0]["data"]["resume"].clone();
    nap(&mut host);
    host.lose(ann);
    let ann = host.connect("ann");
    let again = host.ask(ann, &message("user:join", &json!({"resume": secret})));
    assert_eq!(again[0]["data"]["clientId"], "c1");
    assert_ne!(again[0]["data"]["resume"], secret);
}

#[test]
fn sleep3_cursors_viewports_rates_and_idle_times_start_anew() {
    let (mut host, ann, bob) = pair();
    host.send(ann, &pointed(5));
    host.pass(16);
    host.send(ann, &message("canvas:transform", &json!({"x": 0, "y": 0, "scale": 2})));
    for _ in 0..10 {
        host.send(ann, &said("hi"));
    }
    host.pass(29_000);
    nap(&mut host);
    assert_eq!(host.state()["users"], json!([ann_now(), bob_now()]));
    host.forget();
    for _ in 0..10 {
        assert_eq!(host.ask(ann, &said("hi"))[1]["type"], "ack");
    }
    host.forget();
    host.pass(59_999);
    host.assert_quiet();
    host.pass(1);
    assert_eq!(host.take_types(bob), ["user:updated"]);
}

#[test]
fn sleep2_a_woken_room_with_sockets_stays() {
    let (mut host, ann, bob) = pair();
    nap(&mut host);
    host.slept = false;
    host.pass(600_000);
    assert!(!host.slept);
    host.forget();
    host.send(bob, &pointed(1));
    assert_eq!(host.take_types(ann).last().map(String::as_str), Some("cursor:move"));
}

#[test]
fn sleep4_a_socket_that_cannot_be_resumed_is_closed_and_nobody_notices() {
    let (mut host, ann, bob) = pair();
    nap(&mut host);
    let before = host.state();
    let (hers, strange) = (host.sockets[&ann].attachment.clone(), 50);
    let (mut damaged, mut other) = (hers.clone(), hers.clone());
    *damaged.last_mut().unwrap() ^= 1;
    other[0] += 1;
    for (attachment, misuse) in [(&hers[..], 1), (&damaged, 2), (&other, 3), (b"nothing", 4)] {
        host.sockets.insert(strange, common::Socket::default());
        host.input(Input::Resume { conn: conn(strange), attachment });
        assert_eq!((host.closed(strange), host.room.stats().misuse), (Some(Close::Resync), misuse));
    }
    assert_eq!((host.state(), host.take(ann), host.take(bob)), (before, vec![], vec![]));
}

#[test]
fn sleep4_a_bound_that_was_lowered_in_the_sleep_holds() {
    let (mut host, ann, bob) = pair();
    let mut config = Config::default();
    config.limits.room_connections = 1;
    host.room = Room::new(RoomId::new("board").unwrap(), &config, 8, host.now, &mut host.out);
    (host.auto, host.slept) = (true, false);
    host.input(Input::Tick);
    for slot in [ann, bob] {
        let attachment = host.sockets[&slot].attachment.clone();
        host.input(Input::Resume { conn: conn(slot), attachment: &attachment });
    }
    assert_eq!((host.closed(ann), host.closed(bob)), (None, Some(Close::RoomFull)));
    assert_eq!(host.take(ann), [] as [Value; 0]);
}

#[test]
fn sleep4_a_member_of_a_room_that_storage_never_had_starts_anew() {
    let (host, ann, _) = pair();
    let hers = host.sockets[&ann].attachment.clone();
    let mut bare = Host::new();
    bare.sockets.insert(ann, common::Socket::default());
    bare.input(Input::Resume { conn: conn(ann), attachment: &hers });
    assert_eq!((bare.closed(ann), bare.room.stats().misuse), (Some(Close::Resync), 1));
}
