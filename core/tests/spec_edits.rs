//! The rules EDIT and CHAT: what every stored change has in common, and messages. What an image may be is the IMG
//! rules', how a text is cleaned is the TEXT rules'.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::say::{
    ack, ack_with, add, error, error_with, fast, image, image_at, message, moved, named, removed, said, stored, two,
    two_in,
};
use common::{Host, START};
use kanvas_core::wire::Dialect;
use kanvas_core::{Config, Failure, Limits, Standing, View};
use serde_json::{Value, json};

/// Joins as a viewer.
fn viewer(host: &mut Host, pk: &str) -> u32 {
    let slot = host.connect_as(pk, &format!("guest:{pk}"), Standing::Guest, Dialect::KanvasV1, View::Readonly);
    host.send(slot, r#"{"type":"user:join"}"#);
    host.forget();
    slot
}

fn code(answer: &[Value]) -> &str {
    assert_eq!(answer.len(), 1, "{answer:?}");
    answer[0]["data"]["code"].as_str().unwrap_or("no error")
}

#[test]
fn edit1_the_rate_comes_before_repetition() {
    let (mut host, ann, _) = two();
    let again = named("k", "image:add", &image("i"));
    host.send(ann, &again);
    for _ in 1..120 {
        host.send(ann, &moved("i", 5));
    }
    host.forget();
    assert_eq!(code(&host.ask(ann, &again)), "rate_limited");
    host.pass(17);
    assert_eq!(host.ask(ann, &again), [ack_with("c1", Some("k"), 1, &json!({"z": "a0"}))]);
}

#[test]
fn edit1_repetition_comes_before_the_right() {
    let (mut host, ann, _) = two();
    let again = named("k", "image:add", &image("i"));
    host.send(ann, &again);
    host.close(ann);
    let ann = viewer(&mut host, "ann");
    assert_eq!(host.ask(ann, &again), [ack_with("c3", Some("k"), 1, &json!({"z": "a0"}))]);
    assert_eq!(code(&host.ask(ann, &add("j"))), "forbidden");
}

#[test]
fn edit1_the_right_comes_before_storage_and_storage_before_the_bounds() {
    let (mut host, ann, _) = two();
    let eve = viewer(&mut host, "eve");
    host.auto = false;
    host.send(ann, &add("i"));
    host.fail(Failure::Busy);
    assert_eq!(code(&host.ask(ann, &removed("nothing"))), "busy");
    host.send(eve, &removed("nothing"));
    host.auto = true;
    host.pass(100);
    assert_eq!(code(&host.take(eve)[1..]), "forbidden");
    assert_eq!(code(&host.ask(ann, &removed("nothing"))[1..]), "not_found");
}

#[test]
fn edit1_nothing_of_a_refused_edit_is_done() {
    let (mut host, ann, _) = two();
    host.send(ann, &add("i"));
    let eve = viewer(&mut host, "eve");
    host.forget();
    let before = host.state();
    let long = "x".repeat(4096);
    let bad_url = json!({"id": "i", "x": 9, "src": "javascript:alert(1)"});
    for (who, text, expected) in [
        (ann, add("i"), "conflict"),
        (ann, moved("other", 1), "not_found"),
        (ann, removed("other"), "not_found"),
        (ann, message("image:transform", &bad_url), "bad_url"),
        (ann, message("image:transform", &json!({"id": "i", "x": 9, "long": long})), "too_long"),
        (ann, message("image:transform", &json!({"id": "i", "x": 9, "width": 0})), "out_of_range"),
        (ann, message("image:transform", &json!({"id": "i", "x": 9, "y": []})), "bad_message"),
        (ann, message("image:transform", &json!({"id": "i"})), "empty"),
        (ann, said("\u{200b}"), "empty"),
        (eve, add("j"), "forbidden"),
        (eve, moved("i", 9), "forbidden"),
        (eve, removed("i"), "forbidden"),
    ] {
        assert_eq!(code(&host.ask(who, &text)), expected, "{text}");
    }
    host.assert_quiet();
    assert_eq!(host.state(), before);
    assert_eq!((host.disk.log.len(), host.stores()), (1, 0));
    host.send(ann, &moved("i", 2));
    assert_eq!(host.take(ann), [ack("c1", None, 2)], "no seq was used up");
}

#[test]
fn edit2_every_stored_edit_takes_the_next_seq_and_is_acknowledged() {
    let (mut host, ann, bob) = two();
    let carol = host.join("carol");
    host.forget();
    host.pass(5);
    let at = START + 5;
    let chat = json!({"id": "m4", "userId": "guest:ann", "name": "ann", "color": color(&host), "text": "hi"});
    for (text, answer, told) in [
        (
            add("i"),
            ack_with("c1", None, 1, &json!({"z": "a0"})),
            stored("c1", 1, at, "image:add", &image_at("i", "a0")),
        ),
        (
            named("k2", "image:transform", &json!({"x": 7, "id": "i"})),
            ack("c1", Some("k2"), 2),
            stored("c1", 2, at, "image:transform", &json!({"id": "i", "x": 7})),
        ),
        (removed("i"), ack("c1", None, 3), stored("c1", 3, at, "image:remove", &json!({"id": "i"}))),
    ] {
        assert_eq!(host.ask(ann, &text), [answer]);
        assert_eq!((host.take(bob), host.take(carol)), (vec![told.clone()], vec![told]));
    }
    let told = stored("c1", 4, at, "chat:message", &chat);
    assert_eq!(
        host.ask(ann, &named("k4", "chat:message", &json!({"text": "hi"}))),
        [told.clone(), ack("c1", Some("k4"), 4)]
    );
    assert_eq!((host.take(bob), host.take(carol)), (vec![told.clone()], vec![told]));
    assert_eq!(host.state()["seq"], 4);
}

/// The colour of the first client.
fn color(host: &Host) -> Value {
    host.state()["users"][0]["color"].clone()
}

#[test]
fn edit2_the_order_is_one_for_all() {
    let (mut host, ann, bob) = two();
    host.send(ann, &add("i"));
    host.send(bob, &moved("i", 1));
    host.send(ann, &moved("i", 2));
    let seqs = |frames: Vec<Value>| -> Vec<u64> {
        let seq = |frame: &Value| frame["seq"].as_u64().or(frame["data"]["seq"].as_u64()).unwrap();
        frames.iter().map(seq).collect()
    };
    assert_eq!((seqs(host.take(ann)), seqs(host.take(bob))), (vec![1, 2, 3], vec![1, 2, 3]));
}

#[test]
fn edit3_a_repeated_edit_is_acknowledged_again_and_not_done_again() {
    let (mut host, ann, bob) = two();
    let edits = [
        (named("k1", "image:add", &image("i")), ack_with("c1", Some("k1"), 1, &json!({"z": "a0"}))),
        (named("k2", "image:transform", &json!({"id": "i", "x": 7})), ack("c1", Some("k2"), 2)),
        (named("k3", "image:remove", &json!({"id": "i"})), ack("c1", Some("k3"), 3)),
        (named("k4", "chat:message", &json!({"text": "hi"})), ack("c1", Some("k4"), 4)),
    ];
    for (text, answer) in &edits {
        assert_eq!(host.ask(ann, text).last(), Some(answer));
    }
    host.send(bob, &add("later"));
    host.forget();
    let before = host.state();
    for (text, answer) in &edits {
        assert_eq!(host.ask(ann, text), std::slice::from_ref(answer), "{text}");
    }
    let same = r#"{"timestamp":1,"data":{"x":7.0,"id":"i"},"id":"k2","type":"image:transform"}"#;
    assert_eq!(host.ask(ann, same), [edits[1].1.clone()], "the same body in other words");
    host.assert_quiet();
    assert_eq!(host.state(), before);
    assert_eq!(host.disk.log.len(), 5);
    assert_eq!(host.room.stats().repeated, 5);
}

#[test]
fn edit3_the_ids_outlive_reconnects_and_restarts() {
    let (mut host, ann, _) = two();
    let edit = named("k", "image:add", &image("i"));
    host.send(ann, &edit);
    host.lose(ann);
    let ann = host.join("ann");
    assert_eq!(host.ask(ann, &edit), [ack_with("c3", Some("k"), 1, &json!({"z": "a0"}))]);
    let mut host = host.restart(Config::default());
    let ann = host.join("ann");
    let answer = host.ask(ann, &edit);
    assert_eq!((answer.len(), &answer[0]["data"]["id"], &answer[0]["data"]["seq"]), (1, &json!("k"), &json!(1)));
    assert_eq!(answer[0]["data"]["set"]["z"], "a0");
    assert_eq!(host.state()["seq"], 1);
}

#[test]
fn edit3_an_id_belongs_to_a_user_and_a_pk() {
    let (mut host, ann, _) = two();
    let edit = |host: &mut Host, slot| host.ask(slot, &named("k", "chat:message", &json!({"text": "hi"})));
    assert_eq!(edit(&mut host, ann).last(), Some(&ack("c1", Some("k"), 1)));
    let other_pk = host.join_as("other", "guest:ann", "{}");
    assert_eq!(edit(&mut host, other_pk).last(), Some(&ack("c3", Some("k"), 2)));
    let other_user = host.join_as("ann", "guest:other", "{}");
    assert_eq!(edit(&mut host, other_user).last(), Some(&ack("c4", Some("k"), 3)));
    let same = host.join_as("ann", "guest:ann", "{}");
    assert_eq!(edit(&mut host, same), [ack("c5", Some("k"), 1)]);
}

#[test]
fn edit3_the_last_256_ids_are_remembered() {
    let (mut host, ann, _) = two_in(Host::with_config(fast));
    let chat = |n: usize| named(&format!("k{n}"), "chat:message", &json!({"text": "hi"}));
    for n in 0..257 {
        host.send(ann, &chat(n));
    }
    host.forget();
    assert_eq!(host.ask(ann, &chat(1)), [ack("c1", Some("k1"), 2)], "the oldest of 256");
    assert_eq!(host.ask(ann, &chat(0)).last(), Some(&ack("c1", Some("k0"), 258)), "forgotten and done again");
}

#[test]
fn edit3_an_id_that_was_used_anew_counts_among_the_newest() {
    let mut host = Host::with_config(|config| config.limits.dedupe_ids = 2);
    let ann = host.join("ann");
    for (id, wait) in [("a", 0), ("b", 600_001), ("a", 0), ("c", 0)] {
        host.send(ann, &named(id, "chat:message", &json!({"text": id})));
        host.pass(wait);
    }
    host.forget();
    for (id, seq) in [("a", 3), ("c", 4)] {
        assert_eq!(host.ask(ann, &named(id, "chat:message", &json!({"text": id}))), [ack("c1", Some(id), seq)]);
    }
}

#[test]
fn edit3_an_id_is_remembered_for_ten_minutes() {
    for (wait, repeated) in [(600_000, true), (600_001, false)] {
        let (mut host, ann, _) = two();
        let edit = named("k", "image:add", &image("i"));
        host.send(ann, &edit);
        host.pass(wait);
        host.forget();
        let answer = host.ask(ann, &edit);
        match repeated {
            true => assert_eq!(answer, [ack_with("c1", Some("k"), 1, &json!({"z": "a0"}))]),
            false => assert_eq!(answer, [error_with("c1", Some("k"), "conflict", &image_at("i", "a0"))]),
        }
    }
}

#[test]
fn edit4_the_same_id_with_another_body_is_refused() {
    let (mut host, ann, bob) = two();
    host.send(ann, &named("k", "image:add", &image("i")));
    host.forget();
    let before = host.state();
    let truth = image_at("i", "a0");
    let mut other = image("i");
    other["x"] = 2.into();
    for text in [
        named("k", "image:add", &other),
        named("k", "image:transform", &json!({"id": "i", "x": 1})),
        named("k", "image:remove", &json!({"id": "i"})),
    ] {
        assert_eq!(host.ask(ann, &text), [error_with("c1", Some("k"), "op_id_reused", &truth)], "{text}");
    }
    let said = named("k", "chat:message", &json!({"text": "i"}));
    assert_eq!(host.ask(ann, &said), [error("c1", Some("k"), "op_id_reused")]);
    host.assert_quiet();
    assert_eq!(host.state(), before);
    assert_eq!(host.ask(bob, &said).last(), Some(&ack("c2", Some("k"), 2)), "another's id");
    let mut host = host.restart(Config::default());
    let ann = host.join("ann");
    assert_eq!(code(&host.ask(ann, &named("k", "image:add", &other))), "op_id_reused");
}

#[test]
fn edit5_forged_members_change_nothing() {
    let (mut host, ann, bob) = two();
    let forged = r#""seq":99,"timestamp":1,"clientId":"c2","userId":"guest:bob","role":"owner","name":"bob","ts":1"#;
    host.send(ann, &format!(r#"{{"type":"chat:message","data":{{"text":"hi","id":"m99",{forged}}},{forged}}}"#));
    let color = color(&host);
    let chat = json!({"id": "m1", "userId": "guest:ann", "name": "ann", "color": color, "text": "hi"});
    assert_eq!(host.take(bob), [stored("c1", 1, START, "chat:message", &chat)]);
    host.send(ann, &format!(r#"{{"type":"image:remove","data":{{"id":"i",{forged}}},{forged}}}"#));
    host.send(ann, &format!(r#"{{"type":"image:add","data":{},{forged}}}"#, image("i")));
    assert_eq!(host.take(bob), [stored("c1", 2, START, "image:add", &image_at("i", "a0"))]);
    let mut odd = image("j");
    (odd["seq"], odd["timestamp"], odd["clientId"]) = (99.into(), 1.into(), "c2".into());
    host.send(ann, &message("image:add", &odd));
    let told = &host.take(bob)[0];
    assert_eq!((&told["seq"], &told["timestamp"], &told["clientId"]), (&json!(3), &json!(START), &json!("c1")));
    let row = &host.disk.log[&kanvas_core::Seq(3)];
    assert_eq!((row.user.as_str(), row.client, row.at.as_millis()), ("guest:ann", 1, START));
    assert_eq!(host.state()["users"][0]["role"], "editor");
}

#[test]
fn edit6_a_refused_image_edit_tells_the_image_as_it_is() {
    let (mut host, ann, bob) = two();
    host.send(ann, &add("i"));
    host.send(bob, &moved("i", 5));
    host.forget();
    let mut truth = image_at("i", "a0");
    truth["x"] = 5.into();
    for (kind, data, code) in [
        ("image:add", image("i"), "conflict"),
        ("image:transform", json!({"id": "i"}), "empty"),
        ("image:transform", json!({"id": "i", "x": 1e10}), "out_of_range"),
        ("image:transform", json!({"id": "i", "x": "1"}), "bad_message"),
        ("image:transform", json!({"id": "i", "src": "ftp://a"}), "bad_url"),
    ] {
        assert_eq!(host.ask(ann, &named("k", kind, &data)), [error_with("c1", Some("k"), code, &truth)], "{data}");
    }
    for (kind, data, code) in [
        ("image:transform", json!({"id": "j", "x": 1}), "not_found"),
        ("image:remove", json!({"id": "j"}), "not_found"),
        ("image:add", json!({"id": "j"}), "bad_message"),
    ] {
        assert_eq!(host.ask(ann, &message(kind, &data)), [error_with("c1", None, code, &Value::Null)], "{data}");
    }
    for text in [r#"{"type":"image:remove","data":{"id":7}}"#, r#"{"type":"image:add","data":[]}"#, "{"] {
        assert_eq!(host.ask(ann, text), [error("c1", None, "bad_message")], "no truth: {text}");
    }
    host.assert_quiet();
}

#[test]
fn edit7_the_client_that_was_quiet_the_longest_is_forgotten_first() {
    assert_eq!(Limits::default().dedupe_clients, 1024);
    let mut host = Host::with_config(|config| config.limits.dedupe_clients = 3);
    let slots: Vec<u32> = ["a", "b", "c", "d"].iter().map(|pk| host.join(pk)).collect();
    let chat = |id: &str| named(id, "chat:message", &json!({"text": "hi"}));
    for slot in &slots[..3] {
        host.send(*slot, &chat("k"));
        host.pass(1);
    }
    host.send(slots[0], &chat("k2"));
    host.pass(1);
    host.send(slots[3], &chat("k"));
    host.forget();
    for (slot, seq, repeated) in [(0, 1, true), (2, 3, true), (3, 5, true), (1, 6, false)] {
        let answer = host.ask(slots[slot], &chat("k"));
        assert_eq!(
            (answer.len() == 1, &answer.last().unwrap()["data"]["seq"]),
            (repeated, &json!(seq)),
            "client {slot}"
        );
    }
}

#[test]
fn chat1_a_message_goes_to_everyone_under_the_name_of_that_moment() {
    let (mut host, ann, bob) = two();
    let color = color(&host);
    let said = |seq: u64, name: &str, text: &str| {
        let id = format!("m{seq}");
        let data = json!({"id": id, "userId": "guest:ann", "name": name, "color": color, "text": text});
        stored("c1", seq, START, "chat:message", &data)
    };
    let hi = named("k", "chat:message", &json!({"text": "hi"}));
    assert_eq!(host.ask(ann, &hi), [said(1, "ann", "hi"), ack("c1", Some("k"), 1)]);
    assert_eq!(host.take(bob), [said(1, "ann", "hi")]);
    host.send(ann, &message("user:update", &json!({"name": "Anna"})));
    host.forget();
    assert_eq!(
        host.ask(ann, &message("chat:message", &json!({"text": "ho"}))),
        [said(2, "Anna", "ho"), ack("c1", None, 2)]
    );
    let chat = host.state()["chat"].clone();
    assert_eq!((&chat[0]["name"], &chat[1]["name"]), (&json!("ann"), &json!("Anna")));
    assert_eq!(
        (&chat[0]["seq"], &chat[0]["timestamp"], &chat[0]["clientId"]),
        (&json!(1), &json!(START), &json!("c1"))
    );
}

#[test]
fn chat1_the_text_is_cleaned_and_never_escaped() {
    let (mut host, ann, bob) = two();
    for (sent, told) in [
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("</script>", "</script>"),
        ("{{7*7}} a < b & \"c\" \\n", "{{7*7}} a < b & \"c\" \\n"),
        (" e\u{301}\r\n\r\n\r\n\r\n\r\nb\u{7}\u{202e} ", "\u{e9}\n\n\nb"),
    ] {
        host.send(ann, &said(sent));
        assert_eq!(host.take(bob)[0]["data"]["text"], told);
    }
    assert_eq!(host.state()["chat"][1]["text"], "</script>");
}

#[test]
fn chat1_a_text_is_needed() {
    let (mut host, ann, _) = two();
    let before = host.state();
    for data in [json!({}), json!({"text": null}), json!({"text": 7}), json!({"text": ["hi"]}), json!("hi")] {
        assert_eq!(
            host.ask(ann, &named("k", "chat:message", &data)),
            [error("c1", Some("k"), "bad_message")],
            "{data}"
        );
    }
    host.assert_quiet();
    assert_eq!(host.state(), before);
}

#[test]
fn chat2_the_last_two_hundred_are_kept_over_restarts() {
    let (mut host, ann, _) = two_in(Host::with_config(fast));
    let texts = |host: &Host| -> Vec<String> {
        let chat = host.state()["chat"].clone();
        chat.as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
    };
    for n in 0..200 {
        host.send(ann, &said(&n.to_string()));
    }
    assert_eq!(texts(&host), (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
    for n in 200..300 {
        host.send(ann, &said(&n.to_string()));
    }
    let last: Vec<String> = (100..300).map(|n| n.to_string()).collect();
    assert_eq!(texts(&host), last);
    let before = host.state()["chat"].clone();
    let host = host.restart(Config::default());
    assert_eq!(host.state()["chat"], before, "a snapshot at 256 and the log after it");
}

#[test]
fn chat3_two_thousand_code_points_and_something_to_see() {
    let (mut host, ann, bob) = two();
    host.send(ann, &said(&"\u{1f642}".repeat(2000)));
    assert_eq!(host.take_types(bob), ["chat:message"]);
    host.forget();
    let before = host.state();
    for (text, code) in [
        ("x".repeat(2001), "too_long"),
        ("\u{1f642}".repeat(2001), "too_long"),
        (String::new(), "empty"),
        (" \n\t \u{3000}".into(), "empty"),
        ("\u{200b}\u{feff}\u{200d}".into(), "empty"),
    ] {
        assert_eq!(host.ask(ann, &named("k", "chat:message", &json!({"text": text}))), [error("c1", Some("k"), code)]);
    }
    host.assert_quiet();
    assert_eq!(host.state(), before);
}
