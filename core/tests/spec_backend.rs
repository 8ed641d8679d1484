//! The rules of what a back end does in a room and reads of it (ACT5 and ACT6, READ, REWIND).

use kanvas_core::{Code, Command, Config, Difference, Failure, Input, Limits, LogRow, Restore, Seq, Time};
use serde_json::{Value, json};

mod common;
#[path = "common/people.rs"]
mod people;
#[path = "common/talk.rs"]
mod talk;

use common::{Disk, Host, START};
use people::{come, comer, owned, refused, say};
use talk::{add, chat, of_type, shift, silence};

fn answered(host: &mut Host) -> Result<(), Code> {
    let (ticket, result) = host.replies.pop().expect("an answer");
    assert_eq!((ticket, host.replies.len()), (9, 0));
    result
}

fn publish(host: &mut Host, message: &str) -> Result<(), Code> {
    host.input(Input::Command(Command::Publish { ticket: 9, message: message.as_bytes() }));
    answered(host)
}

fn replace(host: &mut Host, images: &Value, at: Option<u64>) -> Result<(), Code> {
    let (images, at) = (images.to_string(), at.map(Seq));
    host.input(Input::Command(Command::Replace { ticket: 9, images: images.as_bytes(), at }));
    answered(host)
}

fn restore(host: &mut Host, to: Restore<'_>, at: Option<u64>) -> Result<(), Code> {
    let disk = host.disk.clone();
    disk.loaded(|stored| {
        let command = Command::Restore { ticket: 9, rows: stored.log, to, at: at.map(Seq) };
        host.input(Input::Command(command));
    });
    answered(host)
}

fn compare(host: &Host, to: Restore<'_>) -> Result<Difference, Code> {
    host.disk.loaded(|stored| host.room.compare(stored.log, to))
}

fn read(write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut json = Vec::new();
    write(&mut json);
    serde_json::from_slice(&json).unwrap()
}

fn canvas(host: &Host) -> Value {
    read(|out| host.room.canvas(out))
}

fn images(host: &Host) -> Value {
    canvas(host)["images"].take()
}

fn ids(host: &Host) -> Vec<String> {
    images(host).as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned()).collect()
}

fn image(id: &str, x: f64) -> Value {
    json!({"id": id, "src": "https://a.example/p.png", "x": x, "y": 2, "width": 3, "height": 4})
}

fn at(millis: u64) -> Time {
    Time::from_millis(START + millis)
}

/// Ann's and Bob's room, each of whom adds an image of their own, ten seconds apart, and moves the other's.
fn shared() -> (Host, u32, u32) {
    let (mut host, ann, bob) = owned();
    for (slot, message) in
        [(ann, add("e1", "anns")), (bob, add("e2", "bobs")), (bob, shift("anns", 50.0)), (ann, shift("bobs", 60.0))]
    {
        host.pass(10_000);
        host.send(slot, &message);
    }
    silence(&mut host);
    (host, ann, bob)
}

#[test]
fn act5_the_operator_tells_everybody_something_that_is_not_stored() {
    let (mut host, ann, bob) = owned();
    host.take(bob);
    host.auto = false;
    host.send(ann, &add("e", "i"));
    let message = r#" {"kind":"deploy","at":1.50,"who":["a",null,{"b":true}],"tag":"\u0041\u2028"} "#;
    host.input(Input::Command(Command::Publish { ticket: 9, message: message.as_bytes() }));
    assert_eq!((host.take(bob), host.replies.len()), (vec![], 0), "behind what was stored before it");
    host.auto = true;
    host.answer_all();
    assert_eq!(answered(&mut host), Ok(()));
    let told = json!({"type": "server:event", "clientId": "c0",
        "data": {"kind": "deploy", "at": 1.5, "who": ["a", null, {"b": true}], "tag": "A\u{2028}"}});
    let frames = host.take(bob);
    assert_eq!((frames.len(), &frames[0]["type"], &frames[1]), (2, &json!("image:add"), &told));
    assert_eq!(host.take(ann).last(), Some(&told));
    assert_eq!((host.disk.log.len(), canvas(&host)["seq"].clone()), (1, json!(1)));
}

#[test]
fn act5_what_is_no_such_object_and_what_nobody_could_hear_is_refused() {
    let (mut host, ann, _) = owned();
    host.take(ann);
    let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let long = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    for (message, code) in [
        ("[]".into(), Code::BadMessage),
        ("{".into(), Code::BadMessage),
        (r#"{"a":1,"a":1}"#.into(), Code::BadMessage),
        (r#"{"__proto__":1}"#.into(), Code::BadMessage),
        (r#"{"a":"\u0000"}"#.into(), Code::BadMessage),
        (deep(15), Code::BadMessage),
        (long(16 * 1024 + 1), Code::TooLong),
    ] {
        assert_eq!(publish(&mut host, &message), Err(code), "{}", &message[..message.len().min(60)]);
    }
    assert_eq!(host.take(ann), [] as [Value; 0]);
    for message in [deep(14), long(16 * 1024)] {
        assert_eq!(publish(&mut host, &message), Ok(()));
        assert_eq!(host.take(ann).len(), 1);
    }
    assert_eq!(publish(&mut Host::new(), "{}"), Err(Code::NotFound));
}

#[test]
fn act6_the_operators_own_id_is_nobodys() {
    let (mut host, ann, _) = owned();
    for (kind, data) in [
        ("member:role", json!({"userId": "server:api", "role": "editor"})),
        ("member:kick", json!({"userId": "server:api"})),
        ("member:ban", json!({"userId": "server:else"})),
    ] {
        assert_eq!(refused(&mut host, ann, &say(kind, kind, data)), "conflict", "{kind}");
    }
}

#[test]
fn read1_the_canvas_is_its_place_and_its_images_from_the_bottom() {
    let (mut host, ann, _) = owned();
    host.send(ann, &add("e1", "b"));
    host.send(ann, &add("e2", "a"));
    let whole = canvas(&host);
    let (_, frames) = come(&mut host, comer("user_eve"));
    let state = &of_type(&frames, "state:sync")[0]["data"];
    assert_eq!(ids(&host), ["b", "a"]);
    for part in ["epoch", "seq", "images"] {
        assert_eq!(whole[part], state[part], "{part}");
    }
}

#[test]
fn read2_the_roster_is_who_is_here_and_who_belongs() {
    let (mut host, ann, _) = owned();
    host.send(ann, &say("member:role", "r", json!({"userId": "user_eve", "role": "viewer"})));
    host.pass(5);
    host.send(ann, &say("member:ban", "b", json!({"userId": "user_bob"})));
    let roster = read(|out| host.room.roster(out));
    let color = roster["clients"][0]["color"].clone();
    let here = json!({"clientId": "c1", "userId": "user_ann", "name": "Guest", "color": color, "role": "owner",
        "idle": false});
    assert_eq!(roster["clients"].as_array().unwrap().len(), 1);
    for (key, value) in here.as_object().unwrap() {
        assert!(key == "name" || roster["clients"][0][key] == *value, "{key}: {roster}");
    }
    let members = json!([{"userId": "user_ann", "role": "owner"}, {"userId": "user_eve", "role": "viewer"}]);
    assert_eq!(roster["members"], members);
    assert_eq!(roster["bans"], json!([{"userId": "user_bob", "at": START + 5}]));
}

#[test]
fn read3_of_what_is_not_there_nothing_is_read() {
    let unborn = Host::new();
    let loading = Host::unloaded(Config::default(), Disk::default());
    for host in [unborn, loading] {
        let mut read = Vec::new();
        host.room.canvas(&mut read);
        host.room.roster(&mut read);
        host.room.export(&mut read);
        assert!(read.is_empty());
        assert_eq!(compare(&host, Restore::AsOf(at(0))), Err(Code::NotFound));
    }
}

#[test]
fn rewind1_a_canvas_becomes_exactly_the_list_in_one_store() {
    let (mut host, ann, bob) = shared();
    host.send(ann, &add("e5", "kept"));
    let kept = images(&host)[2].clone();
    silence(&mut host);
    let mut moved = images(&host)[0].clone();
    (moved["x"], moved["tag"]) = (json!(7), json!("new"));
    let fresh = image("fresh", 1.0);
    host.auto = false;
    let list = json!([fresh, moved, kept, image("above", 2.0)]).to_string();
    host.input(Input::Command(Command::Replace { ticket: 9, images: list.as_bytes(), at: Some(Seq(5)) }));
    assert_eq!(
        (host.asked.len(), host.replies.len(), host.take(bob).len()),
        (1, 0, 0),
        "one store, and nobody is told yet"
    );
    host.auto = true;
    host.answer_all();
    assert_eq!(answered(&mut host), Ok(()));
    let rows: Vec<(&str, &str)> = host.disk.log.values().skip(5).map(|row| (&*row.kind, &*row.user)).collect();
    let by = |kind| (kind, "server:api");
    assert_eq!(rows, [by("image:remove"), by("image:transform"), by("image:add"), by("image:add")]);
    assert_eq!(host.take_types(bob), ["image:remove", "image:transform", "image:add", "image:add"]);
    // Those without a `z` lie above what stands before them: the first above nothing, the last above all.
    assert_eq!(ids(&host), ["anns", "fresh", "kept", "above"]);
    let there = images(&host);
    let there = |id: &str| there.as_array().unwrap().iter().find(|image| image["id"] == id).unwrap().clone();
    assert_eq!((there("anns"), there("kept")), (moved, kept));
    let before = canvas(&host);
    let host = host.restart(Config::default());
    assert_eq!(canvas(&host), before, "storage has it all");
}

#[test]
fn rewind1_a_list_with_a_mistake_changes_nothing_and_says_where() {
    let (mut host, _, bob) = shared();
    let before = canvas(&host);
    let without = |field: &str| {
        let mut image = image("a", 1.0);
        image.as_object_mut().unwrap().remove(field);
        image
    };
    for (list, at, code) in [
        (json!({}), "", Code::BadMessage),
        (json!([image("a", 1.0), 7]), "[1]", Code::BadMessage),
        (json!([image("a", 1.0), image("b", 1.0), image("a", 1.0)]), "[2]", Code::Conflict),
        (json!([image("a", 1e10)]), "[0]", Code::OutOfRange),
        (json!([without("src")]), "[0]", Code::BadMessage),
        (json!([image("a", 1.0), [[[]]]]), "[1]", Code::BadMessage),
        (json!([{"id": "a", "src": "javascript:1", "x": 1, "y": 1, "width": 1, "height": 1}]), "[0]", Code::BadUrl),
        (json!([{"big": "x".repeat(65_536)}]), "[0]", Code::TooLong),
    ] {
        assert_eq!(replace(&mut host, &list, None), Err(code), "{at}");
        let mistake = kanvas_core::document::judge_images(list.to_string().as_bytes(), &Config::default()).unwrap_err();
        assert_eq!((mistake.at.as_str(), mistake.code), (at, code));
    }
    let too_many: Vec<Value> = (0..=5000).map(|no| image(&format!("i{no}"), 1.0)).collect();
    assert_eq!(replace(&mut host, &Value::from(too_many), None), Err(Code::LimitImages));
    assert_eq!((canvas(&host), host.take(bob).len()), (before, 0));
    assert_eq!(replace(&mut Host::new(), &json!([]), None), Err(Code::NotFound));
}

#[test]
fn rewind2_instead_of_many_events_members_are_told_the_state() {
    let (mut host, ann, bob) = shared();
    let list = |count: u32| Value::from_iter((0..count).map(|no| image(&format!("i{no}"), f64::from(no))));
    assert_eq!(replace(&mut host, &list(100), None), Ok(()));
    assert_eq!(host.take_types(bob).len(), 102, "each is told");
    host.take(ann);
    host.auto = false;
    host.send(ann, &add("before", "before"));
    let many = list(3000).to_string();
    host.input(Input::Command(Command::Replace { ticket: 9, images: many.as_bytes(), at: None }));
    host.send(ann, &add("after", "after"));
    host.auto = true;
    host.answer_all();
    for (slot, kind, seq) in [(bob, "image:add", "/seq"), (ann, "ack", "/data/seq")] {
        let frames = host.take(slot);
        let parts = of_type(&frames, "state:sync");
        assert!(parts.len() > 1 && frames.len() == parts.len() + 2);
        let (before, after) = (&frames[0], &frames[frames.len() - 1]);
        assert_eq!((&before["type"], &after["type"]), (&json!(kind), &json!(kind)));
        let told: usize = parts.iter().map(|part| part["data"]["images"].as_array().unwrap().len()).sum();
        assert_eq!((&parts[0]["data"]["mode"], told), (&json!("full"), 3000));
        let place = parts[0]["data"]["seq"].as_u64().unwrap();
        assert_eq!(after.pointer(seq), Some(&json!(place + 1)), "in its place");
    }
    let host = host.restart(Config::default());
    assert_eq!(ids(&host).len(), 3001);
}

#[test]
fn rewind3_a_drag_of_what_changes_ends_and_others_go_on() {
    let (mut host, ann, bob) = shared();
    host.send(ann, &add("e5", "free"));
    let drag =
        |id: &str| json!({"type": "image:transform", "data": {"id": id, "x": 500, "transient": true}}).to_string();
    for id in ["anns", "bobs", "free"] {
        host.send(ann, &drag(id));
    }
    host.pass(100);
    silence(&mut host);
    let mut list = images(&host);
    list.as_array_mut().unwrap().retain(|image| image["id"] != "bobs");
    list[0]["x"] = json!(9);
    assert_eq!(replace(&mut host, &list, None), Ok(()));
    let frames = host.take(bob);
    let back: Vec<&Value> = frames.iter().filter(|frame| frame["data"]["id"] == "anns").collect();
    assert_eq!(back.last().unwrap()["data"]["x"], 9, "{frames:?}");
    assert!(!frames.iter().any(|frame| frame["data"]["id"] == "free"), "{frames:?}");
    host.pass(2000);
    let settled: Vec<Value> = host.take(bob).into_iter().filter(|frame| frame["type"] == "image:transform").collect();
    assert_eq!(settled.len(), 1, "the silence ends the one that went on: {settled:?}");
    assert_eq!(settled[0]["data"]["id"], "free");
}

#[test]
fn rewind4_the_canvas_goes_back_to_what_it_was_at_a_moment() {
    let (mut host, _, bob) = shared();
    let then = images(&host);
    host.pass(5_000);
    let moment = host.now;
    host.pass(5_000);
    for message in [shift("anns", 99.0), add("e8", "late"), chat("hello")] {
        host.send(bob, &message);
    }
    host.send(bob, &say("image:remove", "e9", json!({"id": "bobs"})));
    host.take(bob);
    assert_eq!(restore(&mut host, Restore::AsOf(moment), None), Ok(()));
    assert_eq!(images(&host), then);
    assert_eq!(host.take_types(bob), ["image:remove", "image:transform", "image:add"]);
    // To the very moment of an event, which is part of it; and to before all of them.
    assert_eq!(restore(&mut host, Restore::AsOf(at(10_000)), None), Ok(()));
    assert_eq!(ids(&host), ["anns"]);
    assert_eq!(images(&host)[0]["x"], 1);
    assert_eq!(restore(&mut host, Restore::AsOf(at(9_999)), None), Ok(()));
    assert_eq!(ids(&host), [] as [&str; 0]);
    let (_, frames) = come(&mut host, comer("user_eve"));
    assert_eq!(of_type(&frames, "state:sync")[0]["data"]["chat"][0]["text"], "hello", "what was said stays");
}

#[test]
fn rewind5_the_canvas_becomes_what_it_would_be_without_one_persons_edits() {
    let without = |user, since| Restore::Without { user, since: at(since) };
    let (mut host, _, _) = shared();
    assert_eq!(restore(&mut host, without("user_bob", 0), None), Ok(()));
    // Bob's image was never there, so Ann never moved it; hers is where she put it.
    assert_eq!((ids(&host), &images(&host)[0]["x"]), (vec!["anns".to_owned()], &json!(1)));
    let (mut host, ann, _) = shared();
    // What he did before stays.
    assert_eq!(restore(&mut host, without("user_bob", 20_000), None), Ok(()));
    let there = images(&host);
    assert_eq!((&there[0]["x"], &there[1]["x"]), (&json!(1), &json!(60)));
    // One who removed something: it is back, with what others did to it before.
    host.pass(1_000);
    host.send(ann, &say("image:remove", "e5", json!({"id": "bobs"})));
    assert_eq!(restore(&mut host, Restore::Without { user: "user_ann", since: at(40_000) }, None), Ok(()));
    assert_eq!((ids(&host).len(), &images(&host)[1]["x"]), (2, &json!(60)));
    let nobody = compare(&host, without("user_eve", 0)).unwrap();
    assert!(nobody.added.is_empty() && nobody.changed.is_empty() && nobody.removed.is_empty());
}

#[test]
fn rewind6_what_would_change_is_told_beforehand() {
    let (mut host, _, bob) = shared();
    host.send(bob, &say("image:remove", "e9", json!({"id": "bobs"})));
    let before = canvas(&host);
    let difference = compare(&host, Restore::AsOf(at(20_000))).unwrap();
    let id = |id: &str| vec![Box::<str>::from(id)];
    let expected = Difference { seq: Seq(5), added: id("bobs"), changed: id("anns"), removed: vec![] };
    assert_eq!(difference, expected);
    let json = json!({"seq": 5, "added": ["bobs"], "changed": ["anns"], "removed": []});
    assert_eq!(serde_json::to_value(&difference).unwrap(), json);
    assert_eq!(canvas(&host), before);
    let first = compare(&host, Restore::AsOf(at(0))).unwrap();
    assert_eq!((first.removed, first.added.len()), (id("anns"), 0));
    assert_eq!(restore(&mut host, Restore::AsOf(at(20_000)), Some(5)), Ok(()));
    let nothing = compare(&host, Restore::AsOf(host.now)).unwrap();
    assert_eq!(nothing, Difference { seq: Seq(7), ..Difference::default() });
}

#[test]
fn rewind7_nothing_is_done_at_another_place_and_a_taking_back_can_be_taken_back() {
    let (mut host, _, bob) = shared();
    let before = images(&host);
    for at in [3, 5] {
        assert_eq!(replace(&mut host, &json!([]), Some(at)), Err(Code::Conflict));
        assert_eq!(restore(&mut host, Restore::AsOf(Time::from_millis(0)), Some(at)), Err(Code::Conflict));
    }
    assert_eq!((images(&host), host.take(bob).len()), (before.clone(), 0));
    host.pass(1_000);
    let moment = host.now;
    host.pass(1_000);
    assert_eq!(replace(&mut host, &json!([]), Some(4)), Ok(()));
    assert_eq!(ids(&host).len(), 0);
    assert_eq!(restore(&mut host, Restore::AsOf(moment), None), Ok(()));
    assert_eq!(images(&host), before);
}

#[test]
fn rewind7_what_the_log_does_not_reach_is_not_found() {
    let (mut host, ann, bob) = shared();
    let before = canvas(&host);
    host.close(ann);
    host.close(bob);
    host.pass(60_000);
    assert!(host.slept, "the snapshot has it all");
    host.disk.log.remove(&Seq(1));
    let mut config = Config::default();
    config.limits.log_ops = 2;
    let mut host = host.restart(config);
    for (moment, result) in [(9_999, Err(Code::NotFound)), (15_000, Err(Code::NotFound)), (20_000, Ok(()))] {
        assert_eq!(compare(&host, Restore::AsOf(at(moment))).map(drop), result, "{moment}");
    }
    assert_eq!(restore(&mut host, Restore::AsOf(at(0)), None), Err(Code::NotFound));
    assert_eq!(canvas(&host), before);
    // What storage gave does not lead to where the room's own memory begins: something came between.
    assert_eq!(host.room.compare(&[], Restore::AsOf(at(40_000))).map(drop), Ok(()), "its own memory is enough");
    let gap = host.disk.loaded(|stored| {
        let older = LogRow { seq: Seq(1), ..stored.log[0] };
        host.room.compare(&[older], Restore::AsOf(at(40_000)))
    });
    assert_eq!(gap, Err(Code::Busy));
}

#[test]
fn rewind8_what_storage_does_not_take_has_never_been() {
    let (mut host, _, bob) = shared();
    let before = canvas(&host);
    for count in [3, 3000] {
        host.auto = false;
        let list = Value::from_iter((0..count).map(|no| image(&format!("i{no}"), f64::from(no)))).to_string();
        host.input(Input::Command(Command::Replace { ticket: 9, images: list.as_bytes(), at: None }));
        host.fail(Failure::Full);
        host.auto = true;
        host.answer_all();
        assert_eq!(answered(&mut host), Err(Code::StorageFull));
        assert_eq!((canvas(&host), host.take(bob)), (before.clone(), vec![]));
        host.pass(10_000);
        host.take(bob);
    }
    assert_eq!(replace(&mut host, &json!([]), None), Ok(()), "storage has space again");
}

#[test]
fn port5_and_the_bounds_of_what_a_back_end_sends_are_the_documented_ones() {
    assert_eq!(Limits::default().document_bytes, 16 * 1024 * 1024);
    assert_eq!(Limits::default().told_singly_bytes, 64 * 1024);
    assert_eq!(kanvas_core::limits::PUBLISHED_BYTES, 16 * 1024);
}
