//! The rules SLEEP: rooms that are forgotten while their sockets stay, and made anew when something happens.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::say::{ack, image, message, moved, named, pointed, said, stored, user};
use common::{Host, START, conn};
use kanvas_core::wire::Dialect;
use kanvas_core::{Close, Config, Input, Room, RoomId, Span, Standing, Time, View};
use serde_json::{Value, json};

/// Forgets the room and makes it anew from storage and from what was kept with its sockets. An announcement may be
/// to come: the room makes it when it wakes.
fn nap(host: &mut Host) {
    let config = Config::default();
    let announcement = config.limits.announce;
    assert!(host.asked.is_empty() && host.room.deadline().is_none_or(|at| at.since(host.now) >= announcement));
    wake(host, &config);
}

/// Makes the room anew, wherever it was.
fn wake(host: &mut Host, config: &Config) {
    host.room = Room::new(RoomId::new("board").unwrap(), config, 8, host.now, &mut host.out);
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
    host.pass(75_000);
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
fn sleep2_a_woken_room_is_announced_once_and_with_all_who_are_in_it() {
    let (mut host, ann, _) = pair();
    host.pass(1000);
    host.announced.clear();
    nap(&mut host);
    assert_eq!((host.announced.len(), host.room.deadline()), (0, Some(host.now)));
    host.send(ann, &pointed(1));
    assert_eq!(host.announced.iter().map(|listing| listing.user_count).collect::<Vec<_>>(), [2]);
    host.pass(30_000);
    assert_eq!(host.announced.len(), 1);
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
fn sleep3_cursors_viewports_and_rates_start_anew() {
    let (mut host, ann, _) = pair();
    host.send(ann, &pointed(5));
    host.pass(16);
    host.send(ann, &message("canvas:transform", &json!({"x": 0, "y": 0, "scale": 2})));
    for _ in 0..10 {
        host.send(ann, &said("hi"));
    }
    host.pass(29_000);
    nap(&mut host);
    assert_eq!(host.state()["users"], json!([ann_now(), bob_now()]));
    for _ in 0..10 {
        assert_eq!(host.ask(ann, &said("hi"))[1]["type"], "ack");
    }
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

/// A host that is woken by nothing but what somebody does and the room's deadline, and forgets the room after each.
fn drowsy() -> Config {
    let mut config = Config::default();
    (config.limits.announce_again, config.limits.listed_silent) = (None, None);
    config
}

/// Whom the socket was told to be idle, since it was last asked.
fn idle_as_told(host: &mut Host, slot: u32) -> Vec<String> {
    let told = host.take(slot).into_iter().filter(|frame| frame["type"] == "user:updated");
    told.filter(|frame| frame["data"]["idle"] == true)
        .map(|frame| frame["data"]["userId"].as_str().unwrap().into())
        .collect()
}

#[test]
fn sleep5_a_room_of_silent_people_is_woken_twice_for_each_and_then_waits_for_nothing() {
    for (spoken, most) in [(0, 2), (1, 2), (14, 2), (15, 2), (31, 4), (59, 4)] {
        let mut host = Host::with_config(|config| *config = drowsy());
        let (ann, bob) = (host.join("ann"), host.join("bob"));
        host.forget();
        host.pass(spoken * 1000);
        host.send(ann, &pointed(1));
        host.pass(1000);
        let mut wakings = 0;
        let (mut by_ann, mut by_bob) = (Vec::new(), Vec::new());
        while let Some(at) = host.room.deadline() {
            host.now = host.now.max(at);
            wake(&mut host, &drowsy());
            host.input(Input::Tick);
            by_ann.extend(idle_as_told(&mut host, ann));
            by_bob.extend(idle_as_told(&mut host, bob));
            wakings += 1;
            assert!(wakings <= most, "it is woken for ever (Ann spoke after {spoken} s)");
        }
        assert_eq!((by_ann, by_bob), (vec!["guest:bob".to_owned()], vec!["guest:ann".to_owned()]), "after {spoken} s");
        wake(&mut host, &drowsy());
        host.input(Input::Tick);
        assert_eq!(host.room.deadline(), None, "nor after it was forgotten once more");
    }
}

#[test]
fn sleep5_whoever_was_forgotten_is_idle_no_earlier_and_at_most_a_quarter_later() {
    for spoken in (0..40).step_by(3) {
        let mut host = Host::with_config(|config| *config = drowsy());
        let (ann, bob) = (host.join("ann"), host.join("bob"));
        for _ in 0..spoken {
            host.pass(1000);
            host.send(ann, &pointed(1));
        }
        for _ in 0..spoken % 4 {
            wake(&mut host, &drowsy());
        }
        host.pass(1000);
        wake(&mut host, &drowsy());
        host.forget();
        host.pass(58_999);
        assert!(!idle_as_told(&mut host, bob).contains(&"guest:ann".into()), "too early after {spoken} frames");
        host.pass(15_001);
        assert_eq!(idle_as_told(&mut host, bob), ["guest:ann"], "too late after {spoken} frames");
    }
}

#[test]
fn sleep5_who_speaks_after_a_waking_is_no_more_idle_than_ever() {
    let mut host = Host::with_config(|config| *config = drowsy());
    let (ann, bob) = (host.join("ann"), host.join("bob"));
    host.now = host.now + Span::from_secs(3600);
    wake(&mut host, &drowsy());
    host.forget();
    host.send(ann, &pointed(1));
    host.input(Input::Tick);
    assert_eq!(idle_as_told(&mut host, bob), [] as [&str; 0], "she was silent for an hour, and speaks");
    assert_eq!(idle_as_told(&mut host, ann), ["guest:bob"], "he still is");
    host.pass(59_999);
    assert_eq!(idle_as_told(&mut host, bob), [] as [&str; 0]);
    host.pass(1);
    assert_eq!(idle_as_told(&mut host, bob), ["guest:ann"]);
}

#[test]
fn sleep5_what_is_kept_is_renewed_once_in_a_quarter_and_not_with_each_frame() {
    let (mut host, ann, _) = pair();
    let mut renewed = Vec::new();
    for second in 0..120 {
        let before = host.sockets[&ann].attachment.clone();
        host.send(ann, &pointed(second));
        if host.sockets[&ann].attachment != before {
            renewed.push(second);
        }
        host.pass(1000);
    }
    assert_eq!(renewed, [16, 32, 48, 64, 80, 96, 112]);
    host.pass(20_000);
    let before = host.sockets[&ann].attachment.clone();
    host.send(ann, r#"{"type":"ping"}"#);
    assert_eq!(host.sockets[&ann].attachment, before, "a ping is no frame of hers");
}

#[test]
fn sleep5_a_clock_that_was_set_back_keeps_nobody_awake() {
    let mut host = Host::with_config(|config| *config = drowsy());
    let (_, bob) = (host.join("ann"), host.join("bob"));
    host.now = Time::from_millis(host.now.as_millis() - 3_600_000);
    wake(&mut host, &drowsy());
    host.forget();
    host.pass(74_999);
    assert_eq!(idle_as_told(&mut host, bob), [] as [&str; 0]);
    host.pass(1);
    assert_eq!(idle_as_told(&mut host, bob), ["guest:ann"]);
}
