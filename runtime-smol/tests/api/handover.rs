//! Rooms that move between two servers while people are in them.

use std::thread;
use std::time::{Duration, Instant};

use kanvas_core::handover::{self, Unfit};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::back_end::{BackEnd, SECRET, code};
use crate::common::strace::Tracer;
use crate::common::{Server, Socket, TEXT};
use crate::travel::{Person, at, beside, raw};

/// The rooms on a server's list, once that is so.
fn listed(back_end: &BackEnd, expected: &[&str]) {
    let late = Instant::now() + Duration::from_secs(10);
    loop {
        let answer = back_end.server.get("/parties/registry/all", "");
        let page: Value = serde_json::from_str(&answer.body).unwrap();
        let ids: Vec<_> = page["rooms"].as_array().unwrap().iter().map(|room| room["id"].clone()).collect();
        if ids == expected {
            return;
        }
        assert!(Instant::now() < late, "{ids:?}, and not {expected:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whoever connects to a room that is away is sent away.
fn sent_away(server: &Server, room: &str) {
    let (close, reason, texts) = server.socket(&format!("/parties/main/{room}?_pk=late")).closed();
    assert_eq!((close, &*reason, texts.len()), (1012, "restart", 1));
    let told: Value = serde_json::from_str(&texts[0]).unwrap();
    assert_eq!((&told["type"], &told["data"]["code"]), (&json!("error"), &json!("restart")));
    assert!(told["data"]["retryAfterMs"].as_u64().is_some_and(|wait| wait <= 1000), "{told}");
}

/// Whether somebody who connects just now is sent away.
fn is_sent_away(server: &Server, room: &str) -> bool {
    let mut socket = server.socket(&format!("/parties/main/{room}?_pk=late"));
    socket.stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    socket.receive().is_some_and(|(first, _)| first == TEXT)
}

#[test]
fn move6_everybody_is_told_to_come_again_and_finds_the_room_where_it_went() {
    let from = BackEnd::start();
    let mut ann = Person::join(&from.server, "plan", "Ann");
    let mut bob = Person::join(&from.server, "plan", "Bob");
    assert_eq!((ann.added("before"), bob.until("image:add")["seq"].as_u64()), (1, Some(1)));
    let file = from.give("plan");
    assert_eq!(handover::read(&file).map(|file| file.room().to_string()).as_deref(), Ok("plan"));
    ann.put_out();
    bob.put_out();
    let to = beside(&from, &[]);
    to.take("plan", &file);
    let (ann_was, bob_was) = (ann.id.clone(), bob.id.clone());
    assert_eq!(ann.come_back(&to.server), [] as [Value; 0]);
    assert_eq!(ann.added("meanwhile"), 2, "the log goes on where it was");
    let missed = bob.come_back(&to.server);
    assert_eq!((missed.len(), &missed[0]["data"]["id"], &missed[0]["seq"]), (1, &json!("meanwhile"), &json!(2)));
    assert_eq!((&ann.id, &bob.id), (&ann_was, &bob_was));
    assert_eq!((bob.added("after"), ann.until("image:add")["seq"].as_u64()), (3, Some(3)));
    from.forget("plan");
    // A stranger's coming is what each hears next of people: nobody left, and nobody came but they.
    let cid = Person::join(&to.server, "plan", "Cid");
    for person in [&mut ann, &mut bob] {
        assert_eq!(person.until("user:joined")["clientId"], cid.id.as_str());
        let people = person.heard.iter().filter(|kind| kind.starts_with("user:"));
        assert_eq!(people.collect::<Vec<_>>(), ["user:joined"]);
    }
    assert_ne!(cid.id, ann.id);
    assert_eq!(to.images("plan"), ["before", "meanwhile", "after"]);
}

#[test]
fn move6_what_is_sent_while_a_room_moves_is_made_once_and_in_order() {
    let from = BackEnd::start();
    let people = ["Ann", "Bob"].map(|name| Person::join(&from.server, "plan", name));
    let busy = people.map(|mut person| {
        thread::spawn(move || {
            let (mut sent, mut acked) = (0, Vec::new());
            // Sent without waiting, a few ahead of what is acknowledged, until the room is taken away.
            loop {
                while sent < acked.len() + 8 {
                    person.add(&format!("{}-{sent}", person.id));
                    sent += 1;
                }
                match person.hear() {
                    Some(event) if event["type"] == "ack" => acked.push(event["data"]["id"].clone()),
                    Some(_) => {}
                    None => return (person, sent, acked.len()),
                }
                // As fast as the rate of edits allows for the whole time.
                thread::sleep(Duration::from_millis(20));
            }
        })
    });
    while from.images("plan").len() < 20 {
        thread::sleep(Duration::from_millis(5));
    }
    let file = from.give("plan");
    let to = beside(&from, &[]);
    to.take("plan", &file);
    from.forget("plan");
    let mut all = Vec::new();
    for busy in busy {
        let (mut person, sent, acked) = busy.join().unwrap();
        assert!(acked > 5, "{acked} of {sent}");
        person.come_back(&to.server);
        for no in 0..sent {
            let image = format!("{}-{no}", person.id);
            // What was acknowledged is there. The rest is sent again; the room knows which of it it has heard.
            if no >= acked {
                person.added(&image);
            }
            all.push(image);
        }
        assert!(person.added(&format!("{}-last", person.id)) > 0);
        all.push(format!("{}-last", person.id));
    }
    let mut there = to.images("plan");
    there.sort();
    all.sort();
    assert_eq!(there, all, "each once");
    let history = to.history("plan");
    let seqs: Vec<_> = history.as_array().unwrap().iter().rev().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=all.len() as u64).collect::<Vec<_>>(), "without a gap");
}

#[test]
fn move6_a_room_that_does_not_come_to_rest_goes_on_and_hears_what_was_said() {
    let from = BackEnd::start();
    let mut ann = Person::join(&from.server, "plan", "Ann");
    let mut bob = Person::join(&from.server, "plan", "Bob");
    ann.added("before");
    // The disk takes longer for a store than a room may take to come to rest.
    let tracer = Tracer::join(from.server.child.id(), "fsync,fdatasync", "delay_exit=8000000:when=1", None);
    ann.add("slow");
    ann.socket.send(r#"{"type":"cursor:move","data":{"x":1,"y":1}}"#);
    bob.until("cursor:move");
    thread::scope(|scope| {
        let given = scope.spawn(|| raw(&from.server, "POST", &at("plan"), &[]).refusal());
        while !is_sent_away(&from.server, "plan") {}
        // What Bob does now is told at once by a room that hears it.
        bob.socket.send(r#"{"type":"cursor:move","data":{"x":2,"y":2}}"#);
        assert!(ann.hears_nothing(), "nobody is heard");
        bob.socket.send(&json!({"type": "chat:message", "data": {"text": "unheard"}}).to_string());
        // It waits for what becomes of the room.
        assert_eq!(from.get("/api/rooms/plan")["id"], "plan");
        let (status, code, _) = given.join().unwrap();
        assert_eq!((status, &*code), (503, "busy"));
    });
    ann.until("cursor:move");
    assert_eq!(ann.until("ack")["data"]["id"], "op-slow");
    tracer.leave();
    assert_eq!(ann.until("chat:message")["data"]["text"], "unheard");
    assert_eq!(ann.added("after"), 4);
    let cid = Person::join(&from.server, "plan", "Cid");
    assert_eq!(ann.until("user:joined")["clientId"], cid.id.as_str());
    assert!(!ann.heard.contains(&"user:left".to_owned()) && !ann.heard.contains(&"error".to_owned()));
}

#[test]
fn move6_rooms_that_cannot_go_are_told_of() {
    let back_end = BackEnd::start();
    let refused = |method: &str, room: &str| raw(&back_end.server, method, &at(room), &[]).refusal();
    assert_eq!(refused("POST", "none").1, "not_found");
    assert_eq!(code(&back_end.server.get("/parties/main/none", "")).0, 404, "and it is not held");
    back_end.make("plan");
    back_end.told(201, "PUT", "/api/rooms/plan/recording", &Value::Null);
    let (status, code, words) = refused("POST", "plan");
    assert!((status, &*code) == (409, "conflict") && words.contains("recorded"), "{words}");
    back_end.add("plan", "a", 1);
    back_end.told(204, "DELETE", "/api/rooms/plan/recording", &Value::Null);
    back_end.give("plan");
    back_end.make("gone");
    back_end.told(204, "DELETE", "/api/rooms/gone", &Value::Null);
    assert_eq!(refused("POST", "gone").0, 404);
}

#[test]
fn move7_a_room_that_is_held_lets_nobody_in_and_gives_its_file_again() {
    let back_end = BackEnd::start();
    back_end.make("plan");
    back_end.add("plan", "a", 1);
    listed(&back_end, &["plan"]);
    let file = back_end.give("plan");
    assert!(back_end.give("plan") == file, "the same");
    sent_away(&back_end.server, "plan");
    for (method, path, body) in [
        ("GET", "", Value::Null),
        ("PATCH", "", json!({"locked": true})),
        ("DELETE", "", Value::Null),
        ("POST", "/close", Value::Null),
        ("GET", "/members", Value::Null),
        ("GET", "/canvas", Value::Null),
        ("PUT", "/canvas", json!({"images": []})),
        ("GET", "/history", Value::Null),
        ("POST", "/restore", json!({"asOf": 5})),
        ("GET", "/export", Value::Null),
        ("PUT", "/recording", Value::Null),
    ] {
        assert_eq!(
            back_end.refused(503, method, &format!("/api/rooms/plan{path}"), &body),
            "restart",
            "{method} {path}"
        );
    }
    assert_eq!(back_end.refused(503, "POST", "/api/rooms", &json!({"id": "plan"})), "restart");
    for path in ["/parties/main/plan", "/parties/main/plan/preview"] {
        assert_eq!(code(&back_end.server.get(path, "")), (503, "restart".into()), "{path}");
    }
    listed(&back_end, &["plan"]);
    assert_eq!(back_end.get("/api/rooms")["rooms"][0]["id"], "plan");
    back_end.take("plan", &file);
    assert_eq!(back_end.images("plan"), ["a"]);
}

#[test]
fn move8_a_room_that_has_gone_was_never_here() {
    let back_end = BackEnd::start();
    let mut ann = Person::join(&back_end.server, "plan", "Ann");
    ann.added("a");
    back_end.make("other");
    assert_eq!(raw(&back_end.server, "DELETE", &at("plan"), &[]).refusal().1, "not_found", "it is not held");
    assert_eq!(raw(&back_end.server, "DELETE", &at("none"), &[]).refusal().1, "not_found");
    back_end.give("plan");
    ann.put_out();
    back_end.forget("plan");
    listed(&back_end, &["other"]);
    assert_eq!(back_end.refused(404, "GET", "/api/rooms/plan", &Value::Null), "not_found");
    assert_eq!(back_end.refused(404, "GET", "/api/rooms/plan/history", &Value::Null), "not_found");
    assert_eq!(raw(&back_end.server, "DELETE", &at("plan"), &[]).refusal().0, 404);
    let rows = Connection::open(back_end.server.directory.path().join("data/kanvas.db")).unwrap();
    for table in ["rooms", "chunks", "log"] {
        let count = format!("SELECT count(*) FROM {table} WHERE room = 'plan'");
        assert_eq!(rows.query_row(&count, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{table}");
    }
    // The name is free.
    assert_eq!(Person::join(&back_end.server, "plan", "Ann").added("another"), 1);
}

#[test]
fn move9_a_room_that_comes_is_on_the_list_with_its_past_and_its_alarms() {
    let grace = ["--admin-secret", SECRET, "--grace", "2"];
    let from = BackEnd { server: Server::start(&grace) };
    let mut ann = Person::join(&from.server, "plan", "Ann");
    let bob = Person::join(&from.server, "plan", "Bob");
    for image in ["a", "b", "c"] {
        ann.added(image);
    }
    from.told(200, "PUT", "/api/rooms/plan/members/user_1", &json!({"role": "owner"}));
    let (history, summary) = (from.history("plan"), from.get("/api/rooms/plan"));
    assert_eq!(history.as_array().map(Vec::len), Some(4));
    // Server and room differ in what they do by themselves: it is the room's that counts.
    let to = beside(&from, &["--grace", "60"]);
    listed(&to, &[]);
    to.take("plan", &from.give("plan"));
    listed(&to, &["plan"]);
    assert_eq!(to.history("plan"), history);
    assert_eq!(to.get("/api/rooms/plan")["createdAt"], summary["createdAt"]);
    assert_eq!(to.get("/api/rooms/plan/members")["members"], json!([{"userId": "user_1", "role": "owner"}]));
    ann.come_back(&to.server);
    // Bob does not come back, and nobody says anything until his time is over.
    let left = ann.until("user:left");
    assert_eq!((&left["clientId"], &left["data"]["reason"]), (&json!(bob.id), &json!("lost")));
}

#[test]
fn move9_a_room_in_which_nothing_happens_is_on_the_list_and_goes_by_its_clock() {
    let from = BackEnd { server: Server::start(&["--admin-secret", SECRET, "--grace", "1"]) };
    from.make("still");
    listed(&from, &["still"]);
    let mut ann = Person::join(&from.server, "plan", "Ann");
    ann.added("a");
    let to = beside(&from, &[]);
    to.take("still", &from.give("still"));
    listed(&to, &["still"]);
    to.take("plan", &from.give("plan"));
    // Whoever asks who is there wakes nobody.
    let late = Instant::now() + Duration::from_secs(10);
    while to.get("/api/rooms/plan/members")["clients"] != json!([]) {
        assert!(Instant::now() < late, "Ann's time is never over");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn move9_who_waits_where_the_room_arrives_finds_it() {
    let from = BackEnd::start();
    from.make("plan");
    from.add("plan", "a", 1);
    let to = beside(&from, &[]);
    // A socket that has not said yet whether it makes the room.
    let mut early = to.server.socket("/parties/main/plan?_pk=early");
    early.raw(&Socket::frame(0x89, b"there"));
    assert_eq!(early.receive().map(|(first, _)| first), Some(0x8a), "the room has it");
    to.take("plan", &from.give("plan"));
    assert_eq!((early.closed().0, to.images("plan")), (1012, vec!["a".to_owned()]));
    let mut early = Person::join(&to.server, "plan", "Early");
    assert_eq!(early.added("b"), 2);
}

#[test]
fn move9_on_the_server_that_holds_it_the_very_file_lets_it_go_on() {
    let back_end = BackEnd::start();
    let mut ann = Person::join(&back_end.server, "plan", "Ann");
    ann.added("a");
    let file = back_end.give("plan");
    ann.put_out();
    back_end.take("plan", &file);
    ann.come_back(&back_end.server);
    assert_eq!(ann.added("b"), 2);
    // It goes again, and is another one by now.
    let second = back_end.give("plan");
    ann.put_out();
    let (status, code, words) = back_end.untaken("plan", &file);
    assert!((status, &*code) == (409, "conflict") && words.contains("another file"), "{words}");
    back_end.take("plan", &second);
    ann.come_back(&back_end.server);
    assert_eq!(ann.added("c"), 3);
}

#[test]
fn move10_what_is_no_room_changes_nothing() {
    let from = BackEnd::start();
    from.make("plan");
    from.add("plan", "a", 1);
    let file = from.give("plan");
    let to = beside(&from, &[]);
    let mut other = file.clone();
    other[9] = 2;
    let mut damaged = file.clone();
    damaged[file.len() / 2] ^= 1;
    let cases: [(&[u8], &str); 5] = [
        (b"", &Unfit::NotOne.to_string()),
        (b"{}", &Unfit::NotOne.to_string()),
        (&other, &Unfit::Version.to_string()),
        (&damaged, &Unfit::Damaged.to_string()),
        (&file[..file.len() - 1], &Unfit::Damaged.to_string()),
    ];
    for (bytes, words) in cases {
        let (status, code, message) = to.untaken("plan", bytes);
        assert_eq!((status, &*code, message), (400, "bad_body", format!("The body cannot be used: {words}.")));
    }
    let (status, _, words) = to.untaken("plant", &file);
    assert_eq!((status, &*words), (400, "The body cannot be used: this is another room than the address names."));
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: {}\r\n\r\n",
        at("plan"),
        64 * 1024 * 1024 + 1
    );
    assert_eq!(code(&to.server.raw(head)), (413, "too_large".into()));
    assert_eq!(to.refused(404, "GET", "/api/rooms/plan", &Value::Null), "not_found");
    to.take("plan", &file);
    for message in [to.untaken("plan", &file), to.untaken("plan", &file)] {
        assert_eq!((message.0, &*message.1), (409, "conflict"), "it is there");
    }
    assert_eq!(to.images("plan"), ["a"]);
    to.told(204, "DELETE", "/api/rooms/plan", &Value::Null);
    assert_eq!(to.untaken("plan", &file).1, "conflict", "it was deleted for good");
    assert_eq!(to.refused(404, "GET", "/api/rooms/plan", &Value::Null), "not_found");
}

#[test]
fn move11_a_kill_right_after_the_answer_loses_nothing() {
    let from = BackEnd::start();
    let mut ann = Person::join(&from.server, "plan", "Ann");
    for no in 0..300 {
        from.add("plan", &format!("i{no}"), no);
    }
    let (images, history) = (from.images("plan"), from.history("plan"));
    let file = from.give("plan");
    let mut to = beside(&from, &[]);
    to.take("plan", &file);
    to.kill_and_start();
    assert_eq!((to.images("plan"), to.history("plan")), (images, history));
    ann.put_out();
    let mut ann = Person::join(&to.server, "plan", "Ann");
    assert_eq!(ann.added("more"), 301);
}

#[test]
fn move11_a_server_that_is_killed_while_it_holds_a_room_has_it_as_it_was_stored() {
    let mut from = BackEnd::start_shipped();
    let mut ann = Person::join(&from.server, "plan", "Ann");
    ann.added("a");
    let file = from.give("plan");
    ann.put_out();
    from.kill_and_start();
    assert_eq!(from.images("plan"), ["a"]);
    assert_eq!(from.untaken("plan", &file).1, "conflict");
    assert_eq!(raw(&from.server, "DELETE", &at("plan"), &[]).refusal().0, 404);
    // It can be given away again; what was given away before is another copy.
    let mut to = beside(&from, &[]);
    to.take("plan", &from.give("plan"));
    from.forget("plan");
    to.kill_and_start();
    assert_eq!(Person::join(&to.server, "plan", "Ann").added("b"), 2);
}
