//! The rules of the state that a join is answered with (SYNC). Who may join, and as whom, is tested in `spec_join.rs`.

use kanvas_core::wire::Dialect;
use kanvas_core::{Code, Conn, Frame, Hello, Identity, Input, Op, Outbox, View};
use serde_json::{Value, json};
use std::sync::Arc;

mod common;
#[path = "common/talk.rs"]
mod talk;

use common::Host;
use talk::{add, chat, codes, enter, join, of_type, refusal, shift, silence};

fn parts_of(frames: &[Value]) -> Vec<Value> {
    of_type(frames, "state:sync").iter().map(|frame| frame["data"].clone()).collect()
}

/// The epoch and the place in the log as of a join just now.
fn place(host: &mut Host) -> (u64, u64) {
    let (slot, frames) = enter(host, "observer", json!({}));
    host.close(slot);
    silence(host);
    let sync = &parts_of(&frames)[0];
    (sync["epoch"].as_u64().unwrap(), sync["seq"].as_u64().unwrap())
}

/// The parts that a join with this `since` is answered with.
fn since(host: &mut Host, epoch: u64, seq: u64) -> Vec<Value> {
    let (slot, frames) = enter(host, "returner", json!({"since": {"epoch": epoch, "seq": seq}}));
    host.close(slot);
    assert_eq!(codes(&frames), [] as [&str; 0]);
    parts_of(&frames)
}

#[test]
fn sync1_a_full_state_has_the_images_from_the_bottom_and_the_last_200_chats() {
    let mut host = Host::with_config(|config| config.limits.chat.burst = 1000);
    let slot = host.join("ann");
    for (id, z) in [("top", "b"), ("low", "A"), ("twin2", "a5"), ("twin1", "a5")] {
        let data = json!({"id": id, "src": "https://a.example/p.png", "x": 0, "y": 0, "width": 1, "height": 1, "z": z});
        host.send(slot, &json!({"type": "image:add", "data": data}).to_string());
    }
    for at in 0..201 {
        host.send(slot, &chat(&format!("text {at}")));
    }
    let (_, frames) = enter(&mut host, "bob", json!({}));
    let parts = parts_of(&frames);
    assert_eq!(parts.len(), 1);
    assert_eq!((&parts[0]["mode"], &parts[0]["seq"]), (&json!("full"), &json!(205)));
    assert_eq!((&parts[0]["part"], &parts[0]["parts"]), (&json!(1), &json!(1)));
    let ids: Vec<_> = parts[0]["images"].as_array().unwrap().iter().map(|image| image["id"].clone()).collect();
    assert_eq!(ids, ["low", "twin1", "twin2", "top"]);
    let said = parts[0]["chat"].as_array().unwrap();
    let texts: Vec<_> = said.iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts, (1..201).map(|at| format!("text {at}")).collect::<Vec<_>>());
    let mut last = json!({"id": "m205", "userId": "guest:ann", "name": "ann", "text": "text 200"});
    last["color"] = said[199]["color"].clone();
    (last["clientId"], last["seq"], last["timestamp"]) = (json!("c1"), json!(205), json!(common::START));
    assert_eq!(said[199], last);
}

#[test]
fn sync1_a_large_state_comes_in_parts_of_at_most_256_kib() {
    let mut host = Host::with_config(|config| {
        config.limits.chat.burst = 1000;
        config.limits.edits.burst = 1000;
    });
    let slot = host.join("ann");
    for at in 0..150 {
        host.send(slot, &chat(&format!("{at} {}", "\u{1f600}".repeat(1900))));
    }
    for at in 0..300 {
        let data = json!({"id": format!("i{at}"), "src": "https://a.example/p.png", "x": 0, "y": 0, "width": 1,
            "height": 1, "note": "x".repeat(3000)});
        host.send(slot, &json!({"type": "image:add", "data": data}).to_string());
    }
    let joiner = host.connect("bob");
    host.send(joiner, &join(json!({})));
    let raw = host.take_raw(joiner);
    let parts: Vec<&String> = raw.iter().filter(|frame| frame.starts_with(r#"{"type":"state:sync""#)).collect();
    assert!(
        parts.iter().all(|part| part.len() <= 256 * 1024),
        "{:?}",
        parts.iter().map(|p| p.len()).collect::<Vec<_>>()
    );
    let parts: Vec<Value> = parts.iter().map(|part| serde_json::from_str(part).unwrap()).collect();
    let count = parts.len();
    assert!(count >= 8, "{count} parts");
    for (part, no) in parts.iter().zip(1..) {
        let data = &part["data"];
        assert_eq!((&data["part"], &data["parts"], &data["seq"]), (&json!(no), &json!(count), &json!(450)));
        assert!(data["images"].is_array());
    }
    let all = |list: &str| {
        parts.iter().flat_map(|part| part["data"][list].as_array().cloned().unwrap_or_default()).collect::<Vec<_>>()
    };
    let order: Vec<_> = all("images").iter().map(|image| image["id"].clone()).collect();
    assert_eq!(order, (0..300).map(|at| json!(format!("i{at}"))).collect::<Vec<_>>());
    let said: Vec<_> = all("chat").iter().map(|message| message["seq"].clone()).collect();
    assert_eq!(said, (1..=150).map(|seq| json!(seq)).collect::<Vec<_>>());
    assert!(parts[1]["data"]["chat"].is_array(), "more of the chat follows where it does not fit");
    assert!(parts[count - 1]["data"].get("chat").is_none(), "and is not named where there is none");
}

/// Lets someone join and gives the shared bytes of their first part, and their own tail.
fn shared(host: &mut Host, slot: u32) -> (Arc<[u8]>, Vec<u8>) {
    let (mut out, conn) = (Outbox::new(), Conn { slot, generation: 9 });
    let user = format!("guest:{slot}");
    let identity = Identity::guest(&user);
    let resume = u128::from(slot).to_be_bytes();
    let hello = Hello { pk: "", dialect: Dialect::KanvasV1, name: None, view: View::Full, share: None, resume };
    host.room.handle(host.now, Input::Connect { conn, identity, hello }, &mut out);
    host.room.handle(host.now, Input::Message { conn, bytes: br#"{"type":"user:join"}"# }, &mut out);
    let frame = out.ops().find_map(|op| {
        let Op::Send { frame: Frame::Part(part, tail), .. } = op else { return None };
        Some((part, tail.to_vec()))
    });
    frame.expect("a part that is shared")
}

#[test]
fn sync2_a_snapshot_is_encoded_once_and_shared_until_something_changes() {
    let mut host = Host::new();
    let slot = host.join("ann");
    let (first, tail) = shared(&mut host, 101);
    let (second, other) = shared(&mut host, 102);
    assert!(Arc::ptr_eq(&first, &second), "the same bytes");
    assert_eq!((tail, other), (b"\"c2\"}".to_vec(), b"\"c3\"}".to_vec()));
    host.send(slot, &add("k1", "i1"));
    let (third, _) = shared(&mut host, 103);
    assert!(!Arc::ptr_eq(&first, &third), "other bytes after a change");
    assert!(String::from_utf8_lossy(&third).contains("\"i1\""));
    host.send(slot, r#"{"type":"cursor:move","data":null}"#);
    assert!(Arc::ptr_eq(&third, &shared(&mut host, 104).0), "a cursor is no change");
}

#[test]
fn sync3_a_join_with_since_gets_the_missed_events_as_they_were_sent() {
    let mut host = Host::new();
    let (watcher, slot) = (host.join("watcher"), host.join("ann"));
    let texts = [add("k1", "i1"), shift("i1", 5.0), chat("hi"), r#"{"type":"image:remove","data":{"id":"i1"}}"#.into()];
    silence(&mut host);
    for text in &texts {
        host.pass(3);
        host.send(slot, text);
    }
    let sent = host.take(watcher);
    let (epoch, head) = place(&mut host);
    assert_eq!((head, sent.len()), (4, 4));
    for seq in 0..=4_u64 {
        let parts = since(&mut host, epoch, seq);
        let missed = &sent[usize::try_from(seq).unwrap()..];
        let whole = json!({"mode": "delta", "epoch": epoch, "seq": 4, "part": 1, "parts": 1, "ops": missed});
        assert_eq!(parts, [whole], "one's own and chat included");
    }
}

#[test]
fn sync3_of_another_epoch_or_beyond_the_head_or_too_old_gets_it_all() {
    let mut host = Host::with_config(|config| config.limits.log_ops = 3);
    let slot = host.join("ann");
    for at in 0..5 {
        host.send(slot, &add(&format!("k{at}"), &format!("i{at}")));
    }
    let (epoch, head) = place(&mut host);
    assert_eq!(head, 5);
    let mode = |host: &mut Host, epoch, seq| since(host, epoch, seq)[0]["mode"].as_str().unwrap().to_owned();
    assert_eq!(mode(&mut host, epoch, 5), "delta");
    assert_eq!(mode(&mut host, epoch, 2), "delta", "the log has 3 to 5");
    assert_eq!(mode(&mut host, epoch, 1), "full", "the second event is gone");
    assert_eq!(mode(&mut host, epoch, 6), "full");
    assert_eq!(mode(&mut host, epoch, (1 << 53) - 1), "full");
    assert_eq!(mode(&mut host, epoch + 1, 5), "full");
    assert_eq!(mode(&mut host, 0, 0), "full");
    let mut restarted = host.restart(kanvas_core::Config::default());
    assert_eq!(mode(&mut restarted, epoch, 4), "delta", "after a restart too");
}

#[test]
fn sync3_what_is_not_durable_yet_is_beyond_the_head() {
    let mut host = Host::new();
    let slot = host.join("ann");
    let (epoch, _) = place(&mut host);
    host.auto = false;
    host.send(slot, &add("k1", "i1"));
    let (eager, _) = enter(&mut host, "eager", json!({"since": {"epoch": epoch, "seq": 1}}));
    host.answer_all();
    assert_eq!(parts_of(&host.take(eager))[0]["mode"], "full");
}

#[test]
fn sync3_more_than_the_state_itself_gets_the_state() {
    let mut host = Host::with_config(|config| config.limits.edits.burst = 10_000);
    let slot = host.join("ann");
    host.send(slot, &add("k1", "i1"));
    let (epoch, _) = place(&mut host);
    let mut sent = 0;
    for at in 0..400 {
        let note = "x".repeat(900);
        host.send(slot, &json!({"type": "image:transform", "data": {"id": "i1", "note": note, "x": at}}).to_string());
        sent += 900;
        let mode = since(&mut host, epoch, 1)[0]["mode"].clone();
        if mode == "full" {
            assert!((60_000..72_000).contains(&sent), "the state is one image, and 64 KiB are allowed over it: {sent}");
            return;
        }
    }
    panic!("a delta of {sent} bytes instead of a state of one image");
}

#[test]
fn sync4_a_since_that_cannot_be_is_bad_message() {
    let mut host = Host::new();
    host.join("bob");
    let cases = [
        json!({"epoch": 1, "seq": -1}),
        json!({"epoch": 1, "seq": 1.5}),
        json!({"epoch": 1, "seq": 9_007_199_254_740_992_u64}),
        json!({"epoch": 9_007_199_254_740_993_u64, "seq": 1}),
        json!({"epoch": -1, "seq": 1}),
        json!({"epoch": 1, "seq": 1e300}),
        json!({"epoch": 1}),
        json!({"seq": 1}),
        json!({"epoch": 1, "seq": null}),
        json!({"epoch": "1", "seq": 1}),
        json!({}),
        json!(7),
        json!([1, 1]),
    ];
    for case in cases {
        let (slot, frames) = enter(&mut host, "ann", json!({"since": case}));
        assert_eq!(frames, [refusal(Code::BadMessage, None, "c0")], "{case}");
        host.send(
            slot,
            &join(json!({"since": {"epoch": 9_007_199_254_740_991_u64, "seq": 9_007_199_254_740_991_u64}})),
        );
        assert_eq!(host.take_types(slot), ["room:joined", "state:sync", "user:list"]);
        host.close(slot);
    }
}

#[test]
fn sync5_each_member_sees_every_later_event_once_in_order() {
    let mut host = Host::with_config(|config| config.limits.edits.burst = 10_000);
    host.join("first");
    host.auto = false;
    let mut members: Vec<(u32, Option<u64>)> = vec![(0, Some(0))];
    let mut dice = 12345_u64;
    for step in 0..400 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let roll = dice >> 33;
        if step % 40 == 39 && members.len() < 9 {
            let slot = host.connect(&format!("late{step}"));
            host.send(slot, &join(json!({})));
            members.push((slot, None));
        } else if roll.is_multiple_of(3) && !host.asked.is_empty() {
            host.answer();
        } else {
            let at = usize::try_from(roll).unwrap() % members.len();
            host.send(members[at].0, &add(&format!("k{step}"), &format!("i{step}")));
        }
    }
    host.auto = true;
    host.answer_all();
    for (slot, _) in &members {
        host.send(*slot, &chat("last"));
    }
    let head = host.disk.log.last_key_value().unwrap().0.0;
    assert!(head > 150, "{head} events");
    for (slot, from) in members {
        let mut last = from;
        for frame in host.take(slot) {
            let seq = if frame["type"] == "ack" { &frame["data"]["seq"] } else { &frame["seq"] }.as_u64();
            if frame["type"] == "state:sync" {
                last = frame["data"]["seq"].as_u64();
            } else if let Some(seq) = seq {
                // A chat of one's own comes as itself and then as its ack.
                let again = frame["type"] == "ack" && frame["data"]["id"].is_null() && Some(seq) == last;
                assert!(again || Some(seq) == last.map(|last| last + 1), "socket {slot}: {seq} after {last:?}");
                last = Some(seq);
            }
        }
        assert_eq!(last, Some(head), "socket {slot} saw the last one");
    }
}
