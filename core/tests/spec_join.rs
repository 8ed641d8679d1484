//! The rules of joining (JOIN). The state that a join is answered with is tested in `spec_sync.rs`.

use kanvas_core::wire::Dialect;
use kanvas_core::{Close, Code, Config, Failure, Identity, Input, Standing, View};
use serde_json::{Value, json};

mod common;
#[path = "common/talk.rs"]
mod talk;

use common::{Disk, Host};
use talk::{add, chat, codes, enter, join, of_type, refusal, refused, shift, silence, state, verified};

/// The client id that a join was answered with.
fn client_of(frames: &[Value]) -> String {
    of_type(frames, "room:joined")[0]["data"]["clientId"].as_str().expect("a client id").to_owned()
}

fn secret_of(frames: &[Value]) -> String {
    of_type(frames, "room:joined")[0]["data"]["resume"].as_str().expect("a secret").to_owned()
}

fn epoch_of(frames: &[Value]) -> u64 {
    of_type(frames, "room:joined")[0]["data"]["epoch"].as_u64().expect("an epoch")
}

/// The one entry of that client in the user list that someone new is told.
fn entry_of(host: &mut Host, client: &str) -> Value {
    let (slot, frames) = enter(host, "looker", json!({}));
    let users = of_type(&frames, "user:list")[0]["data"]["users"].clone();
    host.close(slot);
    silence(host);
    let users: Vec<Value> = serde_json::from_value(users).unwrap();
    users.into_iter().find(|user| user["clientId"] == client).unwrap_or_default()
}

#[test]
fn join1_what_comes_before_is_applied_after_in_order() {
    let mut host = Host::new();
    let other = host.join("bob");
    let slot = host.connect("ann");
    host.send(slot, r#"{"type":"cursor:move","data":{"x":1,"y":1}}"#);
    host.send(slot, &add("k1", "i1"));
    host.send(slot, r#"{"type":"canvas:transform","data":{"x":1,"y":1,"scale":1}}"#);
    host.send(slot, r#"{"type":"user:update","data":{"presence":{"tool":"pen"}}}"#);
    host.send(slot, &shift("i1", 9.0));
    host.send(slot, r#"{"type":"cursor:move","data":{"x":2,"y":2}}"#);
    host.send(slot, r#"{"type":"canvas:transform","data":{"x":2,"y":2,"scale":2}}"#);
    assert_eq!(host.take(slot), [] as [Value; 0], "nothing is answered before the join");
    assert_eq!(host.take(other), [] as [Value; 0], "nobody hears of it before the join");
    host.send(slot, &join(json!({"name": "Ann"})));
    let frames = host.take(slot);
    let types: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["room:joined", "state:sync", "user:list", "ack", "ack"]);
    assert_eq!((&frames[3]["data"]["id"], &frames[3]["data"]["seq"]), (&json!("k1"), &json!(1)));
    assert_eq!((&frames[4]["data"]["id"], &frames[4]["data"]["seq"]), (&Value::Null, &json!(2)));
    host.pass(100);
    let heard = host.take(other);
    let stored: Vec<_> = heard.iter().filter(|frame| frame["seq"].is_u64()).map(|frame| &frame["type"]).collect();
    assert_eq!(stored, ["image:add", "image:transform"]);
    let told: Vec<_> = of_type(&heard, "cursor:move").iter().map(|frame| frame["data"].clone()).collect();
    assert_eq!(told, [json!({"x": 2, "y": 2})], "of cursors only the latest");
    let told: Vec<_> = of_type(&heard, "canvas:transform").iter().map(|frame| frame["data"]["scale"].clone()).collect();
    assert_eq!(told, [json!(2)], "of viewports only the latest");
}

#[test]
fn join1_256_messages_are_held_and_the_next_is_not_joined() {
    let mut host = Host::new();
    let slot = host.connect("ann");
    for at in 0..256 {
        host.send(slot, &add(&format!("k{at}"), &format!("i{at}")));
    }
    assert_eq!(host.take(slot), [] as [Value; 0]);
    host.send(slot, &add("late", "late"));
    assert_eq!(host.take(slot), [refusal(Code::NotJoined, Some("late"), "c0")]);
    for _ in 0..300 {
        host.send(slot, r#"{"type":"cursor:move","data":null}"#);
        host.send(slot, r#"{"type":"canvas:transform","data":{"x":0,"y":0,"scale":1}}"#);
    }
    assert_eq!(host.take(slot), [] as [Value; 0], "cursors and viewports take no place");
    host.send(slot, &join(json!({})));
    assert_eq!(of_type(&host.take(slot), "ack").len(), 256);
    assert_eq!(state(&mut host)[0]["images"].as_array().unwrap().len(), 256);
}

#[test]
fn join1_256_kib_are_held_and_the_next_byte_is_not_joined() {
    let message = |len: usize| {
        let empty = r#"{"type":"chat:message","data":{"text":"a"},"pad":""}"#;
        empty.replace("\"pad\":\"\"", &format!("\"pad\":\"{}\"", "x".repeat(len - empty.len())))
    };
    let mut host = Host::new();
    let slot = host.connect("ann");
    for _ in 0..3 {
        host.send(slot, &message(64 * 1024));
    }
    host.send(slot, &message(64 * 1024 - 60));
    host.send(slot, &message(61));
    assert_eq!(host.take(slot), [refusal(Code::NotJoined, None, "c0")]);
    host.send(slot, &message(60));
    assert_eq!(host.take(slot), [] as [Value; 0]);
    host.send(slot, &join(json!({})));
    assert_eq!(of_type(&host.take(slot), "ack").len(), 5);
}

#[test]
fn join1_a_leave_and_what_cannot_be_read_are_refused_at_once() {
    let mut host = Host::new();
    let slot = host.connect("ann");
    host.send(slot, r#"{"type":"user:leave","id":"k1"}"#);
    host.send(slot, "{");
    host.send(slot, r#"{"type":"image:remove","id":"k2","data":{"id":7}}"#);
    host.send(slot, r#"{"type":"cursor:move","data":{"x":1e300,"y":0}}"#);
    host.send(slot, r#"{"type":"nothing"}"#);
    let answers = [
        refusal(Code::NotJoined, Some("k1"), "c0"),
        refusal(Code::BadMessage, None, "c0"),
        refusal(Code::BadMessage, Some("k2"), "c0"),
        refusal(Code::OutOfRange, None, "c0"),
        refusal(Code::UnknownType, None, "c0"),
    ];
    assert_eq!(host.take(slot), answers);
    host.send(slot, &join(json!({})));
    assert_eq!(host.take_types(slot), ["room:joined", "state:sync", "user:list"]);
}

#[test]
fn join2_a_join_is_answered_in_order_and_told_to_the_others_once() {
    let mut host = Host::new();
    let other = host.join("bob");
    let (slot, frames) = enter(&mut host, "ann", json!({"name": "Ann", "color": "#010203"}));
    let room = json!({"id": "board", "name": "board", "isPublic": true, "locked": false, "defaultRole": "editor",
        "guestRole": "editor", "createdAt": common::START});
    let resume = secret_of(&frames);
    let epoch = epoch_of(&frames);
    let data = json!({"clientId": "c2", "userId": "guest:ann", "role": "editor", "resume": resume, "epoch": epoch,
        "seq": 0, "room": room});
    let ann = json!({"clientId": "c2", "userId": "guest:ann", "name": "Ann", "color": "#010203", "role": "editor",
        "idle": false, "cursor": null, "viewport": null});
    let sync = json!({"mode": "full", "epoch": epoch, "seq": 0, "part": 1, "parts": 1, "images": [], "chat": []});
    assert_eq!(frames[0], json!({"type": "room:joined", "data": data, "clientId": "c2"}));
    assert_eq!(frames[1], json!({"type": "state:sync", "data": sync, "clientId": "c2"}));
    assert_eq!((&frames[2]["type"], &frames[2]["data"]["users"][1]), (&json!("user:list"), &ann));
    assert_eq!((frames.len(), &frames[2]["clientId"]), (3, &json!("c2")));
    assert_eq!(resume.len(), 32);
    assert_eq!(host.take(other), [json!({"type": "user:joined", "data": ann, "clientId": "c2"})]);
    host.send(other, &chat("hi"));
    assert_eq!(host.take_types(slot), ["chat:message"]);
}

#[test]
fn join3_a_socket_that_does_not_join_in_10_s_is_closed_with_4204() {
    let mut host = Host::new();
    let other = host.join("bob");
    let slot = host.connect("ann");
    host.pass(9_999);
    host.send(slot, "ping");
    assert_eq!((host.take_raw(slot), host.closed(slot)), (vec!["pong".into()], None));
    host.pass(1);
    assert_eq!(codes(&host.take(slot)), ["timeout"]);
    assert_eq!(host.closed(slot), Some(Close::Timeout));
    assert_eq!(host.take(other), [] as [Value; 0]);
    let joined = host.join("eve");
    host.pass(30_000);
    assert_eq!(host.closed(joined), None);
}

#[test]
fn join3_a_join_that_waits_for_the_room_is_closed_with_4205() {
    let mut host = Host::unloaded(Config::default(), Disk::default());
    let (asked, silent) = (host.connect("ann"), host.connect("bob"));
    host.send(asked, &join(json!({})));
    host.pass(10_000);
    assert_eq!((host.closed(asked), host.closed(silent)), (Some(Close::Unavailable), Some(Close::Timeout)));
    assert_eq!(codes(&host.take(asked)), ["unavailable"]);
}

#[test]
fn join4_a_client_id_is_never_given_twice() {
    let mut host = Host::new();
    let mut given = std::collections::BTreeSet::new();
    for round in 0..4 {
        for at in 0..270 {
            let (slot, frames) = enter(&mut host, &format!("p{round}-{at}"), json!({}));
            assert!(given.insert(client_of(&frames)), "{} was given before", client_of(&frames));
            host.close(slot);
        }
        host = host.restart(Config::default());
    }
}

/// Bob in a room whose block of ids is used up, and storage that answers no more.
fn used_up() -> (Host, u32) {
    let mut host = Host::new();
    let other = host.join("bob");
    for at in 0..255 {
        let (slot, _) = enter(&mut host, &format!("p{at}"), json!({}));
        host.close(slot);
    }
    silence(&mut host);
    host.auto = false;
    (host, other)
}

#[test]
fn join4_no_id_is_told_before_its_block_is_stored() {
    let (mut host, other) = used_up();
    let (slot, frames) = enter(&mut host, "ann", json!({}));
    host.send(slot, r#"{"type":"cursor:move","data":{"x":1,"y":1}}"#);
    host.send(slot, &add("k1", "i1"));
    host.pass(1_000);
    assert_eq!(frames, [] as [Value; 0]);
    assert_eq!(host.take(other), [] as [Value; 0], "c257 is not reserved yet");
    assert_eq!(host.asked.len(), 1, "the next block is on its way");
    host.auto = true;
    host.answer_all();
    assert_eq!(client_of(&host.take(slot)), "c257");
    assert_eq!(host.take_types(other), ["user:joined", "cursor:move", "image:add"]);
}

#[test]
fn join4_while_no_block_can_be_stored_ids_are_drawn_from_beyond_all_blocks() {
    for (failure, waits) in [(Failure::Full, &[0][..]), (Failure::Busy, &[100, 200, 400, 800, 1600, 0])] {
        let (mut host, other) = used_up();
        let (slot, frames) = enter(&mut host, "ann", json!({}));
        for wait in waits {
            assert_eq!((&frames, host.take(other)), (&vec![], vec![]), "it waits as long as the block may be stored");
            host.fail(failure);
            host.pass(*wait);
        }
        host.answer();
        let number = |id: String| id.strip_prefix('c').and_then(|number| number.parse::<u64>().ok()).unwrap();
        let ann = client_of(&host.take(slot));
        let (_, frames) = enter(&mut host, "carol", json!({}));
        let carol = client_of(&frames);
        assert!(number(ann.clone()) >= 1 << 52 && number(carol.clone()) >= 1 << 52 && ann != carol, "{ann} {carol}");
        assert_eq!(host.take_types(other), ["user:joined", "user:joined"]);
        host.auto = true;
        host.pass(5_000);
        let (_, frames) = enter(&mut host, "dave", json!({}));
        assert_eq!(client_of(&frames), "c257", "blocks go on where they were");
    }
}

#[test]
fn join5_the_secret_takes_a_lost_session_back_under_its_id() {
    let mut host = Host::new();
    let other = host.join("bob");
    let (slot, frames) = enter(&mut host, "ann", json!({"name": "Ann", "color": "#010203"}));
    host.take(other);
    host.lose(slot);
    host.pass(14_999);
    let (slot, again) = enter(&mut host, "another", json!({"resume": secret_of(&frames)}));
    assert_ne!(client_of(&again), client_of(&frames), "not by another user");
    host.close(slot);
    host.take(other);
    let slot = host.connect_as("new-pk", "guest:ann", Standing::Guest, Dialect::KanvasV1, View::Full);
    host.send(slot, &join(json!({"resume": secret_of(&frames)})));
    let again = host.take(slot);
    assert_eq!(client_of(&again), client_of(&frames));
    assert_ne!(secret_of(&again), secret_of(&frames), "a new secret replaces the used one");
    assert_eq!(host.take(other), [] as [Value; 0], "for the others nothing happened");
    assert_eq!(entry_of(&mut host, "c2")["name"], "Ann");
    host.pass(15_000);
    assert_eq!(host.take(other), [] as [Value; 0], "the grace is over for nobody");

    host.lose(slot);
    let (_, frames_of_old) = enter(&mut host, "ann", json!({"resume": secret_of(&frames)}));
    assert_ne!(client_of(&frames_of_old), client_of(&frames), "a used secret opens nothing");
    let (_, frames_of_new) = enter(&mut host, "ann", json!({"resume": secret_of(&again)}));
    assert_eq!(client_of(&frames_of_new), client_of(&frames));
}

#[test]
fn join5_after_the_grace_and_after_a_goodbye_there_is_nothing_to_take_back() {
    let mut host = Host::new();
    host.join("bob");
    let (lost, first) = enter(&mut host, "ann", json!({}));
    host.lose(lost);
    host.pass(15_000);
    let (closed, second) = enter(&mut host, "ann", json!({"resume": secret_of(&first)}));
    assert_ne!(client_of(&second), client_of(&first));
    host.close(closed);
    let (_, third) = enter(&mut host, "ann", json!({"resume": secret_of(&second)}));
    assert_ne!(client_of(&third), client_of(&second));
    let wrong = [json!("0"), json!("g".repeat(32)), json!("a".repeat(33)), json!("a".repeat(32))];
    for resume in wrong {
        let (_, frames) = enter(&mut host, "eve", json!({"resume": resume}));
        assert_eq!(frames[0]["type"], "room:joined", "a secret of nobody makes a new client");
    }
}

#[test]
fn join5_what_the_join_says_anew_is_told_to_the_others_once() {
    for data in [json!({"name": "Anna"}), json!({"color": "#123456"}), json!({"avatar": "https://a.example/"})] {
        let mut host = Host::new();
        let other = host.join("bob");
        let (slot, frames) = enter(&mut host, "ann", json!({"name": "Ann", "color": "#ff0000"}));
        host.lose(slot);
        host.take(other);
        let mut again = data.clone();
        again["resume"] = secret_of(&frames).into();
        enter(&mut host, "ann", again);
        let told = host.take(other);
        assert_eq!((told.len(), &told[0]["type"]), (1, &json!("user:updated")), "{data}");
        for (key, value) in data.as_object().unwrap() {
            assert_eq!(&told[0]["data"][key], value);
            assert_eq!(&entry_of(&mut host, "c2")[key], value, "and kept");
        }
    }
}

#[test]
fn join6_a_verified_user_needs_only_the_same_pk() {
    let mut host = Host::new();
    let other = host.join("bob");
    let slot = verified(&mut host, "tab", "user_1");
    host.send(slot, &join(json!({})));
    let first = client_of(&host.take(slot));
    host.lose(slot);
    host.take(other);
    for (pk, user, same) in [("tab2", "user_1", false), ("tab", "user_2", false), ("tab", "user_1", true)] {
        let slot = verified(&mut host, pk, user);
        host.send(slot, &join(json!({})));
        assert_eq!(client_of(&host.take(slot)) == first, same, "{pk} {user}");
        assert_eq!(host.take(other).is_empty(), same);
    }
    let (guest, frames) = enter(&mut host, "guest", json!({}));
    host.lose(guest);
    let (_, again) = enter(&mut host, "guest", json!({}));
    assert_ne!(client_of(&again), client_of(&frames), "a guest needs the secret");
}

#[test]
fn join6_without_a_pk_nothing_is_the_same() {
    let mut host = Host::new();
    let slot = verified(&mut host, "", "user_1");
    host.send(slot, &join(json!({})));
    let first = client_of(&host.take(slot));
    host.lose(slot);
    let slot = verified(&mut host, "", "user_1");
    host.send(slot, &join(json!({})));
    assert_ne!(client_of(&host.take(slot)), first);
}

#[test]
fn join7_a_live_session_is_never_taken_over() {
    let mut host = Host::new();
    let (live, frames) = enter(&mut host, "ann", json!({}));
    let (_, second) = enter(&mut host, "ann", json!({"resume": secret_of(&frames)}));
    assert_ne!(client_of(&second), client_of(&frames));
    assert_eq!((host.take_types(live), host.closed(live)), (vec!["user:joined".into()], None));
    let tab = verified(&mut host, "tab", "user_1");
    host.send(tab, &join(json!({})));
    let first = client_of(&host.take(tab));
    let copy = verified(&mut host, "tab", "user_1");
    host.send(copy, &join(json!({})));
    assert_ne!(client_of(&host.take(copy)), first);
    assert_eq!(host.closed(tab), None);
}

#[test]
fn join8_a_second_join_is_already_joined() {
    let mut host = Host::new();
    let slot = host.join("ann");
    let other = host.join("bob");
    host.take(slot);
    let text = r#"{"type":"user:join","id":"k1","data":{"name":"Eve","view":"readonly"}}"#;
    refused(&mut host, slot, text, &refusal(Code::AlreadyJoined, Some("k1"), "c1"));
    assert_eq!(
        (&entry_of(&mut host, "c1")["name"], &entry_of(&mut host, "c1")["role"]),
        (&json!("ann"), &json!("editor"))
    );
    host.send(slot, &chat("hi"));
    assert_eq!(host.take_types(other), ["chat:message"]);
    let mut waiting = Host::unloaded(Config::default(), Disk::default());
    let slot = waiting.connect("ann");
    waiting.send(slot, &join(json!({"name": "first"})));
    waiting.send(slot, &join(json!({"name": "second"})));
    assert_eq!(waiting.take(slot), [refusal(Code::AlreadyJoined, None, "c0")]);
}

#[test]
fn join9_a_name_or_avatar_that_is_not_allowed_refuses_the_join() {
    let mut host = Host::new();
    let other = host.join("bob");
    let slot = host.connect("ann");
    let cases = [
        (json!({"name": " \u{200b}\u{202e} "}), Code::Empty),
        (json!({"name": "x".repeat(33)}), Code::TooLong),
        (json!({"name": "Ann", "avatar": "javascript:alert(1)"}), Code::BadUrl),
        (json!({"name": "Ann", "avatar": format!("https://a.example/{}", "x".repeat(512))}), Code::BadUrl),
        (json!({"name": 7}), Code::BadMessage),
        (json!({"view": "everything"}), Code::BadMessage),
    ];
    for (data, code) in cases {
        host.send(slot, &join(data));
        assert_eq!(host.take(slot), [refusal(code, None, "c0")]);
    }
    assert_eq!(host.take(other), [] as [Value; 0]);
    host.send(slot, &join(json!({"name": " A\u{202e}n\u{feff}n ", "avatar": "https://A.example/a.png"})));
    assert_eq!(host.take_types(slot), ["room:joined", "state:sync", "user:list"]);
    let joined = &host.take(other)[0]["data"];
    assert_eq!((&joined["name"], &joined["avatar"]), (&json!("Ann"), &json!("https://a.example/a.png")));
}

#[test]
fn join9_the_name_of_the_token_leads_and_nobody_is_nameless() {
    let mut host = Host::new();
    let watcher = host.join("watcher");
    let named = |host: &mut Host, token: Option<&str>, query: Option<&str>, said: Value| {
        let slot = host.connect("x");
        host.close(slot);
        let user = if token.is_some() { "user_1" } else { "guest:9" };
        let conn = kanvas_core::Conn { slot, generation: 1 };
        let identity = Identity { name: token, ..Identity::verified(user) };
        let hello = kanvas_core::Hello {
            pk: "",
            dialect: Dialect::KanvasV1,
            name: query,
            view: View::Full,
            share: None,
            resume: [u8::try_from(slot).unwrap(); 16],
        };
        host.input(Input::Connect { conn, identity, hello });
        host.input(Input::Message { conn, bytes: join(said).as_bytes() });
        host.input(Input::Disconnect { conn, end: kanvas_core::End::Closed });
        host.take(watcher)[0]["data"]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(named(&mut host, Some("Token"), Some("Query"), json!({"name": "Said"})), "Token");
    assert_eq!(named(&mut host, None, Some("Query"), json!({"name": "Said"})), "Said");
    assert_eq!(named(&mut host, None, Some("Query"), json!({})), "Query");
    let guest = named(&mut host, None, None, json!({}));
    assert!(guest.strip_prefix("Guest ").is_some_and(|n| n.len() == 3 && n.parse::<u32>().is_ok()), "{guest}");
    assert_eq!(named(&mut host, None, None, json!({})), guest, "the number belongs to the user");
}

#[test]
fn join10_a_colour_is_rrggbb_or_one_that_belongs_to_the_user() {
    let mut host = Host::new();
    let watcher = host.join("watcher");
    let mut color = |pk: &str, data: Value| {
        let (slot, _) = enter(&mut host, pk, data);
        host.close(slot);
        host.take(watcher)[0]["data"]["color"].as_str().unwrap().to_owned()
    };
    assert_eq!(color("ann", json!({"color": "#ABCdef"})), "#abcdef");
    let own = color("ann", json!({}));
    assert!(own.starts_with('#') && own.len() == 7);
    for bad in ["", "red", "#abc", "#12345g", "1234567", "#1234567", "#12345\u{e9}"] {
        assert_eq!(color("ann", json!({"color": bad})), own, "{bad}");
    }
    let colors: std::collections::BTreeSet<String> = (0..50).map(|at| color(&format!("p{at}"), json!({}))).collect();
    assert!(colors.len() > 5, "not all have the same: {colors:?}");
}

#[test]
fn join11_readonly_makes_a_viewer_of_anyone() {
    let mut host = Host::new();
    for (view, data, role) in [
        (View::Full, json!({}), "editor"),
        (View::Full, json!({"view": "readonly"}), "viewer"),
        (View::Readonly, json!({}), "viewer"),
        (View::Readonly, json!({"view": "readonly"}), "viewer"),
    ] {
        for standing in [Standing::Guest, Standing::Verified] {
            let slot = host.connect_as("", "user_1", standing, Dialect::KanvasV1, view);
            host.send(slot, &join(data.clone()));
            assert_eq!(of_type(&host.take(slot), "room:joined")[0]["data"]["role"], role);
            host.send(slot, &chat("hi"));
            host.send(slot, &add(&format!("k{slot}"), &format!("i{slot}")));
            let last = host.take(slot).pop().unwrap();
            assert_eq!(last["data"]["code"] == "forbidden", role == "viewer", "{last}");
            host.close(slot);
        }
    }
}
