//! The rules of rooms as documents (PORT).

use kanvas_core::document::judge_document;
use kanvas_core::{Actor, Close, Code, Command, Config, Failure, Input, Notice, SERVER};
use serde_json::{Value, json};

mod common;
#[path = "common/people.rs"]
mod people;
#[path = "common/talk.rs"]
mod talk;

use common::{Host, START};
use people::{come, comer, owned, role_of, say, served};
use talk::{add, chat, of_type};

fn export(host: &Host) -> Value {
    let mut json = Vec::new();
    host.room.export(&mut json);
    serde_json::from_slice(&json).unwrap()
}

fn import(host: &mut Host, document: &str) -> Result<(), Code> {
    host.input(Input::Command(Command::Import { ticket: 9, document: document.as_bytes() }));
    let (ticket, result) = host.replies.pop().expect("an answer");
    assert_eq!((ticket, host.replies.len()), (9, 0));
    result
}

/// A room with some of everything.
fn full() -> (Host, u32, u32) {
    let (mut host, ann, bob) = owned();
    host.pass(1_000);
    for message in [
        add("e1", "b"),
        add("e2", "a"),
        chat("hello \u{1F44B}"),
        say("member:role", "r", json!({"userId": "org:acme", "role": "editor"})),
        say("member:role", "s", json!({"userId": "user_bob", "role": "viewer"})),
        say("room:update", "u", json!({"name": "Plans", "isPublic": false, "guestRole": "viewer"})),
        say("member:ban", "x", json!({"userId": "user_eve"})),
    ] {
        host.send(ann, &message);
    }
    host.take(ann);
    host.take(bob);
    (host, ann, bob)
}

#[test]
fn port1_a_room_is_one_document() {
    let (host, _, _) = full();
    let mut document = export(&host);
    let images = document["images"].take();
    let ids: Vec<&Value> = images.as_array().unwrap().iter().map(|image| &image["id"]).collect();
    assert_eq!(ids, ["b", "a"], "from the bottom");
    let said = &document["chat"][0];
    let (name, color) = (said["name"].clone(), said["color"].clone());
    let expected = json!({
        "version": 1,
        "room": {"id": "board", "name": "Plans", "isPublic": false, "locked": false, "defaultRole": "editor",
            "guestRole": "viewer", "createdAt": START, "lastActivity": START + 1000},
        "members": [{"userId": "org:acme", "role": "editor"}, {"userId": "user_ann", "role": "owner"},
            {"userId": "user_bob", "role": "viewer"}],
        "bans": [{"userId": "user_eve", "at": START + 1000}],
        "images": null,
        "chat": [{"userId": "user_ann", "name": name, "color": color, "text": "hello \u{1F44B}",
            "timestamp": START + 1000}],
    });
    assert_eq!(document, expected);
}

#[test]
fn port2_a_document_is_made_the_room_and_everyone_comes_back_to_it() {
    let (mut host, ann, bob) = full();
    let document = export(&host).to_string();
    for no in 0..300 {
        host.pass(100);
        host.send(ann, &add(&format!("late{no}"), &format!("late{no}")));
    }
    let id = kanvas_core::ShareId([7; 16]);
    let share = kanvas_core::Share { role: kanvas_core::access::Role::Editor, until: None };
    let by = "user_ann";
    host.input(Input::Command(Command::Share { ticket: 1, by, id, share }));
    assert_eq!(host.replies.pop(), Some((1, Ok(()))));
    let (_, frames) = come(&mut host, comer("user_ann"));
    let joined = |frames: &[Value]| of_type(frames, "room:joined")[0]["data"].clone();
    let (epoch, client) = (joined(&frames)["epoch"].clone(), joined(&frames)["clientId"].clone());
    host.announced.clear();
    host.auto = false;
    host.input(Input::Command(Command::Import { ticket: 9, document: document.as_bytes() }));
    assert_eq!((host.asked.len(), host.replies.len(), host.closed(ann)), (1, 0, None), "not before it is durable");
    host.auto = true;
    host.answer_all();
    assert_eq!(host.replies.pop(), Some((9, Ok(()))));
    assert_eq!((host.closed(ann), host.closed(bob), host.slept), (Some(Close::Resync), Some(Close::Resync), true));
    let listing = host.announced.pop().unwrap();
    assert_eq!((&*listing.name, listing.is_public, listing.user_count), ("Plans", false, 0));
    assert!(host.announced.is_empty() && host.disk.log.is_empty());
    let mut host = host.restart(served());
    assert_eq!(export(&host).to_string(), document);
    let (_, frames) = come(&mut host, comer("user_ann"));
    assert_eq!(role_of(&frames), Some("owner"));
    let again = joined(&frames);
    assert_ne!(again["epoch"], epoch, "another life: what clients know of the old one is void");
    let number = |client: &Value| client.as_str().unwrap()[1..].parse::<u64>().unwrap();
    assert!(number(&again["clientId"]) > number(&client), "and nobody in it is taken for one of the old one");
    let (eve, _) = come(&mut host, comer("user_eve"));
    assert_eq!(host.closed(eve), Some(Close::Banned));
    let (dan, _) = come(&mut host, people::Comer { share: Some(7), ..comer("user_dan") });
    assert_eq!(host.closed(dan), Some(Close::Forbidden), "the links of before are void");
}

#[test]
fn port2_the_room_goes_on_like_any_other() {
    let (host, _, _) = full();
    let document = export(&host).to_string();
    let mut host = Host::new();
    assert_eq!(import(&mut host, &document), Ok(()));
    assert_eq!(host.notices, [Notice::Created { by: SERVER.into() }]);
    let mut host = host.restart(served());
    let (ann, frames) = come(&mut host, comer("user_ann"));
    let state = &of_type(&frames, "state:sync")[0]["data"];
    assert_eq!(
        (&state["seq"], &state["chat"][0]["id"], &state["chat"][0]["seq"]),
        (&json!(1), &json!("m1"), &json!(1))
    );
    host.pass(1_000);
    host.send(ann, &chat("still here"));
    host.send(ann, &say("image:remove", "e", json!({"id": "a"})));
    // What was imported is as far back as it goes.
    for moment in [0, START - 1, START + 500] {
        let to = kanvas_core::Restore::AsOf(kanvas_core::Time::from_millis(moment));
        let back = host.disk.loaded(|stored| host.room.compare(stored.log, to)).unwrap();
        assert_eq!((back.seq.0, back.added.len(), back.removed.len()), (3, 1, 0));
    }
    let before = export(&host);
    let mut host = host.restart(served());
    assert_eq!(export(&host), before);
    // Once more: places in the log go on.
    assert_eq!(import(&mut host, &document), Ok(()));
    let mut host = host.restart(served());
    let (_, frames) = come(&mut host, comer("user_ann"));
    let state = &of_type(&frames, "state:sync")[0]["data"];
    assert_eq!((&state["seq"], &state["chat"][0]["id"]), (&json!(4), &json!("m4")));
}

#[test]
fn port2_a_deleted_room_is_there_again() {
    let (mut host, _, _) = full();
    let document = export(&host).to_string();
    host.input(Input::Command(Command::Delete { ticket: 1, by: Actor::Server }));
    let mut host = host.restart(served());
    assert!(host.room.summary().is_none());
    assert_eq!(import(&mut host, &document), Ok(()));
    let host = host.restart(served());
    assert_eq!(export(&host).to_string(), document);
}

#[test]
fn port2_what_storage_does_not_take_is_not_made() {
    for failure in [Failure::Full, Failure::Busy, Failure::Broken] {
        let (mut host, ann, _) = full();
        let before = export(&host);
        host.auto = false;
        let document = r#"{"version":1,"room":{"name":"Other"}}"#;
        host.input(Input::Command(Command::Import { ticket: 9, document: document.as_bytes() }));
        host.fail(failure);
        host.auto = true;
        host.answer_all();
        assert_eq!(host.replies.pop(), Some((9, Err(Code::Busy))), "{failure:?}");
        assert!(host.closed(ann).is_some());
        let host = host.restart(served());
        assert_eq!(export(&host), before);
    }
}

#[test]
fn port3_what_a_document_does_not_say_is_as_in_a_new_room() {
    let mut host = Host::with(served(), common::Disk::default());
    assert_eq!(import(&mut host, r#"{"version":1}"#), Ok(()));
    let host = host.restart(served());
    let room = json!({"id": "board", "name": "board", "isPublic": true, "locked": false, "defaultRole": "editor",
        "guestRole": "viewer", "createdAt": START, "lastActivity": START});
    let empty = json!({"version": 1, "room": room, "members": [], "bans": [], "images": [], "chat": []});
    assert_eq!(export(&host), empty);
}

#[test]
fn port3_nothing_of_a_document_with_a_mistake_is_taken_and_its_place_is_told() {
    let (mut host, ann, _) = full();
    let before = export(&host);
    let with = |path: &str, value: Value| {
        let mut document = before.clone();
        match path.rsplit_once('/').map(|(list, last)| (document.pointer_mut(list).unwrap(), last)) {
            Some((Value::Array(list), "-")) => list.push(value),
            Some((place, key)) => place[key] = value,
            None => document = value,
        }
        document
    };
    let image = json!({"id": "a", "src": "https://a.example/p.png", "x": 1, "y": 2, "width": 3, "height": 4});
    let said = json!({"userId": "u", "name": "N", "color": "#aabbcc", "text": " ", "timestamp": 1});
    for (document, at, code) in [
        (json!([]), "", Code::BadMessage),
        (json!({}), "", Code::BadMessage),
        (with("/version", json!(2)), "version", Code::BadMessage),
        (with("/extra", json!(1)), "", Code::BadMessage),
        (with("/room", json!(7)), "room", Code::BadMessage),
        (with("/room/name", json!("\u{200b}")), "room.name", Code::Empty),
        (with("/room/locked", json!("yes")), "room.locked", Code::BadMessage),
        (with("/room/defaultRole", json!("owner")), "room.defaultRole", Code::BadMessage),
        (with("/room/createdAt", json!(-1)), "room.createdAt", Code::OutOfRange),
        (with("/room/color", json!("red")), "room.color", Code::BadMessage),
        (with("/members", json!({})), "members", Code::BadMessage),
        (with("/members/-", json!({"userId": "user_ann", "role": "viewer"})), "members[3]", Code::Conflict),
        (with("/members/-", json!({"userId": "guest:x", "role": "owner"})), "members[3]", Code::Conflict),
        (with("/members/-", json!({"userId": "server:api", "role": "viewer"})), "members[3]", Code::Conflict),
        (with("/members/-", json!({"userId": "", "role": "viewer"})), "members[3]", Code::Empty),
        (with("/members/-", json!({"userId": "u", "role": "king"})), "members[3]", Code::BadMessage),
        (with("/members/-", json!({"userId": "u", "role": "viewer", "x": 1})), "members[3]", Code::BadMessage),
        (with("/bans/-", json!({"userId": "user_ann", "at": 1})), "bans[1]", Code::Conflict),
        (with("/bans/-", json!({"userId": "user_eve", "at": 1})), "bans[1]", Code::Conflict),
        (with("/bans/-", json!({"userId": "org:acme", "at": 1})), "bans[1]", Code::Conflict),
        (with("/bans/-", json!({"userId": "u".repeat(129), "at": 1})), "bans[1]", Code::TooLong),
        (with("/images/-", image), "images[2]", Code::Conflict),
        (with("/chat/-", said), "chat[1]", Code::Empty),
        (with("/chat/-", json!(["text"])), "chat[1]", Code::BadMessage),
    ] {
        let document = document.to_string();
        let mistake = judge_document(document.as_bytes(), &served()).unwrap_err();
        assert_eq!((mistake.at.as_str(), mistake.code), (at, code), "{document}");
        assert_eq!(import(&mut host, &document), Err(code));
    }
    let mistake = judge_document(br#"{"version":1,"images":[{}]}"#, &served()).unwrap_err();
    assert!(mistake.to_string().starts_with("At images[0]: "), "{mistake}");
    assert_eq!((export(&host), host.closed(ann)), (before, None));
    assert_eq!(judge_document(br#"{"version":1,"version":1}"#, &served()).unwrap_err().code, Code::BadMessage);
}

#[test]
fn port4_what_is_written_reads_back_the_same() {
    let (mut host, ann, _) = full();
    let mut rng = 7_u32;
    for no in 0..200 {
        rng = rng.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let x = f64::from(rng) / 977.0;
        let data = json!({"id": format!("i{no}"), "src": "https://a.example/p.png", "x": x, "y": -x, "width": 0.1,
            "height": 1e9, "rotation": x.fract(), "tag": "\u{1F44B}\u{2028}\"", "on": no % 2 == 0});
        host.pass(100);
        host.send(ann, &json!({"type": "image:add", "id": format!("add{no}"), "data": data}).to_string());
        host.send(ann, &chat(&format!("text {no}\n\u{1F468}\u{200D}\u{1F469}")));
        host.pass(2_000);
    }
    let mut document = export(&host);
    document["room"]["creatorName"] = json!("Ann A.");
    assert_eq!((document["images"].as_array().unwrap().len(), document["chat"].as_array().unwrap().len()), (202, 200));
    assert_eq!(judge_document(document.to_string().as_bytes(), &Config::default()), Ok(()));
    let mut other = Host::new();
    assert_eq!(import(&mut other, &document.to_string()), Ok(()));
    assert_eq!(export(&other.restart(served())), document);
}

#[test]
fn port5_what_is_too_long_is_refused_unread() {
    let spaces = " ".repeat(16 * 1024 * 1024);
    let mistake = judge_document(format!("{{\"version\":1}}{spaces}").as_bytes(), &Config::default()).unwrap_err();
    assert_eq!((mistake.at.as_str(), mistake.code), ("", Code::TooLong));
    let list = format!("{{\"version\":1,\"members\":[{{\"userId\":\"{}\"}}]}}", "u".repeat(64 * 1024));
    assert_eq!(judge_document(list.as_bytes(), &Config::default()).unwrap_err().code, Code::TooLong);
    let mut host = Host::with_config(|config| (config.limits.members, config.limits.bans) = (1, 1));
    for list in ["members", "bans"] {
        let item = |user: &str| json!({"userId": user, "role": "viewer", "at": 1});
        let mut items = vec![item("a"), item("b")];
        for item in &mut items {
            item.as_object_mut().unwrap().remove(if list == "members" { "at" } else { "role" });
        }
        assert_eq!(import(&mut host, &json!({"version": 1, list: items}).to_string()), Err(Code::TooMany));
    }
}
