//! The rules of rates and of abuse (RATE, LIMIT). What is counted, when it is refused and when it passes again.

use kanvas_core::{Close, Code, Input};
use serde_json::{Value, json};

mod common;
#[path = "common/talk.rs"]
mod talk;

use common::{Host, conn};
use talk::{add, chat, codes, enter, join, of_type, refusal, refused, shift, silence, state, verified};

/// A room with the image `i1` and a person whose rates are full.
fn with_image() -> (Host, u32) {
    let mut host = Host::new();
    let painter = host.join("painter");
    host.send(painter, &add("k1", "i1"));
    let slot = host.join("ann");
    silence(&mut host);
    (host, slot)
}

/// The wait that a refusal names.
fn wait_of(frames: &[Value]) -> u64 {
    assert_eq!(codes(frames), ["rate_limited"]);
    frames[0]["data"]["retryAfterMs"].as_u64().expect("a wait")
}

#[test]
fn rate1_120_edits_pass_at_once_and_60_a_second_after_that() {
    let (mut host, slot) = with_image();
    for at in 0..120 {
        host.send(slot, &shift("i1", f64::from(at)));
        assert_eq!(host.take_types(slot), ["ack"], "edit {at}");
    }
    let truth = state(&mut host)[0]["images"][0].clone();
    let mut limited = refusal(Code::RateLimited, Some("k9"), "c2");
    (limited["data"]["retryAfterMs"], limited["data"]["truth"]) = (json!(17), truth);
    let text = r#"{"type":"image:transform","id":"k9","data":{"id":"i1","x":500}}"#;
    refused(&mut host, slot, text, &limited);
    host.pass(16);
    host.send(slot, text);
    assert_eq!(wait_of(&host.take(slot)), 1);
    host.pass(1);
    host.send(slot, text);
    assert_eq!(host.take_types(slot), ["ack"], "after the wait it passes");
    host.pass(1_000);
    let answers = (0..70).map(|at| {
        host.send(slot, &shift("i1", f64::from(at)));
        host.take_types(slot).remove(0)
    });
    assert_eq!(answers.filter(|kind| kind == "ack").count(), 60, "a second is 60");
    host.pass(60_000);
    silence(&mut host);
    let answers = (0..130).map(|at| {
        host.send(slot, &shift("i1", f64::from(at)));
        host.take_types(slot).remove(0)
    });
    assert_eq!(answers.filter(|kind| kind == "ack").count(), 120, "however long one waits");
}

#[test]
fn rate2_ten_chats_pass_at_once_and_one_a_second_after_that() {
    let mut host = Host::new();
    let (slot, other) = (host.join("ann"), host.join("bob"));
    host.take(slot);
    for at in 0..10 {
        host.send(slot, &chat(&format!("{at}")));
        assert_eq!(host.take_types(slot), ["chat:message", "ack"]);
    }
    host.take(other);
    let mut limited = refusal(Code::RateLimited, None, "c1");
    limited["data"]["retryAfterMs"] = json!(1000);
    for _ in 0..10 {
        refused(&mut host, slot, &chat("more"), &limited);
    }
    host.pass(999);
    host.send(slot, &chat("more"));
    assert_eq!(wait_of(&host.take(slot)), 1);
    host.pass(1);
    host.send(slot, &chat("more"));
    host.send(slot, &chat("and more"));
    assert_eq!(host.take_types(slot), ["chat:message", "ack", "error"]);
    host.send(slot, &add("k1", "i1"));
    assert_eq!(host.take_types(slot), ["ack"], "edits have a rate of their own");
}

#[test]
fn rate3_a_second_tab_and_a_reconnect_share_the_rate_and_others_do_not() {
    let (mut host, slot) = with_image();
    let tab =
        host.connect_as("tab", "guest:ann", kanvas_core::Standing::Guest, Default::default(), kanvas_core::View::Full);
    host.send(tab, &join(json!({})));
    let other = host.join("bob");
    for at in 0..120 {
        host.send(if at % 2 == 0 { slot } else { tab }, &shift("i1", f64::from(at)));
    }
    for _ in 0..10 {
        host.send(tab, &chat("hi"));
    }
    silence(&mut host);
    for here in [slot, tab] {
        host.send(here, &shift("i1", 1.0));
        assert_eq!(wait_of(&host.take(here)), 17);
    }
    host.close(slot);
    host.close(tab);
    let (again, _) = enter(&mut host, "ann", json!({}));
    host.send(again, &shift("i1", 1.0));
    assert_eq!(wait_of(&host.take(again)), 17, "a reconnect does not refill it");
    host.send(again, &chat("hi"));
    assert_eq!(wait_of(&host.take(again)), 1000);
    host.send(other, &shift("i1", 1.0));
    host.send(other, &chat("hi"));
    assert_eq!(codes(&host.take(other)), [] as [&str; 0]);
}

#[test]
fn rate4_what_was_held_passes_and_is_paid_afterwards() {
    let (mut host, _) = with_image();
    let slot = host.connect("eve");
    for at in 0..200 {
        host.send(slot, &shift("i1", f64::from(at)));
    }
    for at in 0..15 {
        host.send(slot, &chat(&format!("{at}")));
    }
    host.send(slot, &join(json!({})));
    let frames = host.take(slot);
    assert_eq!((of_type(&frames, "ack").len(), codes(&frames).len()), (215, 0));
    host.send(slot, &shift("i1", 1.0));
    assert_eq!(wait_of(&host.take(slot)), 1350, "80 on credit and this one, at 60 a second");
    host.send(slot, &chat("hi"));
    assert_eq!(wait_of(&host.take(slot)), 6000, "5 on credit and this one, at 1 a second");
    host.pass(1350);
    host.send(slot, &shift("i1", 1.0));
    assert_eq!(host.take_types(slot), ["ack"]);
}

#[test]
fn rate4_who_comes_back_overdrawn_gets_no_more_credit() {
    let (mut host, _) = with_image();
    let come = |host: &mut Host, texts: &[String]| {
        let slot = host.connect("eve");
        texts.iter().for_each(|text| host.send(slot, text));
        host.send(slot, &join(json!({})));
        let frames = host.take(slot);
        host.close(slot);
        silence(host);
        (of_type(&frames, "ack").len(), codes(&frames).len())
    };
    let edits: Vec<String> = (0..130).map(|at| shift("i1", f64::from(at))).collect();
    let chats: Vec<String> = (0..12).map(|at| chat(&format!("{at}"))).collect();
    assert_eq!(come(&mut host, &edits), (130, 0));
    assert_eq!(come(&mut host, &edits), (0, 130));
    assert_eq!(come(&mut host, &chats), (12, 0), "the credit of the chat is another");
    assert_eq!(come(&mut host, &chats), (0, 12));
    host.pass(10_000 / 60);
    assert_eq!(come(&mut host, &edits[..1]), (0, 1));
    host.pass(17);
    assert_eq!(come(&mut host, &edits), (130, 0), "once nothing is owed");
}

#[test]
fn rate4_held_updates_are_not_refused_either() {
    let mut host = Host::with_config(|config| config.limits.flush_cost = 100_000);
    let other = host.join("bob");
    let slot = host.connect("ann");
    for at in 0..100 {
        host.send(slot, &format!(r#"{{"type":"user:update","data":{{"presence":{{"n":{at}}}}}}}"#));
    }
    host.send(slot, &join(json!({})));
    assert_eq!(codes(&host.take(slot)), [] as [&str; 0]);
    host.pass(16);
    assert_eq!(host.take(other).last().unwrap()["data"]["presence"], json!({"n": 99}));
    host.send(slot, r#"{"type":"user:update","data":{"name":"A"}}"#);
    assert!(wait_of(&host.take(slot)) > 1000, "they are charged");
}

#[test]
fn rate5_pings_updates_and_joins_of_one_socket_are_60_at_once_and_20_a_second() {
    let mut host = Host::new();
    let slot = host.connect("ann");
    let tab = host.connect("ann");
    for _ in 0..60 {
        host.send(slot, "ping");
    }
    assert_eq!(host.take_raw(slot), vec!["pong"; 60]);
    host.send(slot, "ping");
    assert_eq!(host.take_raw(slot), [] as [&str; 0], "a ping too many is not answered");
    host.send(slot, r#"{"type":"user:join","id":"k1"}"#);
    let mut limited = refusal(Code::RateLimited, Some("k1"), "c0");
    limited["data"]["retryAfterMs"] = json!(50);
    assert_eq!(host.take(slot), [limited]);
    host.send(tab, "ping");
    assert_eq!(host.take_raw(tab), ["pong"], "another socket has a rate of its own");
    host.pass(49);
    host.send(slot, "ping");
    assert_eq!(host.take_raw(slot), [] as [&str; 0]);
    host.pass(1);
    host.send(slot, &join(json!({})));
    assert_eq!(host.take_types(slot), ["room:joined", "state:sync", "user:list"]);
    host.send(slot, r#"{"type":"user:update","data":{"name":"A"}}"#);
    assert_eq!(wait_of(&host.take(slot)), 50);
    host.pass(1_000);
    for _ in 0..30 {
        host.send(slot, "ping");
    }
    assert_eq!(host.take_raw(slot).len(), 20);
    host.send(slot, r#"{"type":"user:leave"}"#);
    host.send(slot, &join(json!({})));
    assert_eq!(codes(&host.take(slot)), ["rate_limited"], "a join after a leave too");
}

#[test]
fn limit1_a_message_over_64_kib_is_too_long() {
    let mut host = Host::new();
    let slot = host.join("ann");
    host.join("bob");
    silence(&mut host);
    let message = |len: usize| {
        let text = r#"{"type":"chat:message","id":"k1","data":{"text":"hi"},"pad":""}"#;
        text.replace("pad\":\"", &format!("pad\":\"{}", "x".repeat(len - text.len())))
    };
    refused(&mut host, slot, &message(65_537), &refusal(Code::TooLong, None, "c1"));
    host.send(slot, &message(65_536));
    assert_eq!(host.take_types(slot), ["chat:message", "ack"]);
}

#[test]
fn limit2_a_client_that_repeats_everything_for_hours_makes_the_room_no_larger() {
    let mut host = Host::with_config(|config| {
        (config.limits.log_ops, config.limits.chat_history, config.limits.dedupe_ids) = (50, 20, 30);
        (config.limits.dedupe_clients, config.limits.images, config.limits.snapshot_ops) = (10, 40, 32);
    });
    let other = host.join("bob");
    let size = |host: &Host| {
        let mut bytes = Vec::new();
        host.room.save(&mut bytes);
        bytes.len()
    };
    let mut sizes = Vec::new();
    for round in 0..60 {
        let slot = host.connect(&format!("p{}", round % 20));
        for at in 0..20 {
            let id = round * 20 + at;
            host.send(slot, &add(&format!("k{id}"), &format!("i{:05}", id % 400)));
        }
        host.send(slot, &join(json!({"name": format!("n{:02}", round % 20)})));
        for at in 0..40 {
            let id = round * 40 + at;
            host.send(slot, &chat(&format!("text {id:06}")));
            host.send(slot, &shift(&format!("i{:05}", at * 10), 7.0));
            host.send(slot, &format!(r#"{{"type":"cursor:move","data":{{"x":{at},"y":1}}}}"#));
            host.send(
                slot,
                &format!(r#"{{"type":"image:transform","data":{{"id":"i{at:05}","x":1,"transient":true}}}}"#),
            );
            host.send(slot, &format!(r#"{{"type":"user:update","data":{{"presence":{{"k{at}":1}}}}}}"#));
            host.send(slot, &format!(r#"{{"type":"what{id}","id":"u{id}"}}"#));
        }
        host.pass(50);
        host.lose(slot);
        host.pass(60_000);
        host.take(other);
        sizes.push(size(&host));
    }
    let (early, late) = (sizes[25], *sizes.iter().skip(26).max().unwrap());
    assert!(late < early + early / 10, "{sizes:?}");
}

#[test]
fn limit2_what_is_held_before_a_join_is_bounded() {
    let mut host = Host::new();
    let slot = host.connect("ann");
    let mut sizes = Vec::new();
    for at in 0..5_000 {
        let pad = "x".repeat(4000);
        host.send(slot, &format!(r#"{{"type":"chat:message","data":{{"text":"{at}"}},"pad":"{pad}"}}"#));
        host.send(slot, &format!(r#"{{"type":"cursor:move","data":{{"x":{at},"y":0}},"pad":"{pad}"}}"#));
        if host.closed(slot).is_some() {
            break;
        }
        let mut bytes = Vec::new();
        host.room.save(&mut bytes);
        sizes.push(bytes.len());
    }
    assert_eq!(host.closed(slot), Some(Close::RateLimited), "600 refusals end it");
    assert!(sizes.len() > 600 && *sizes.iter().max().unwrap() < 300 * 1024, "{:?}", sizes.last());
}

#[test]
fn limit3_ten_messages_that_cannot_be_read_within_10_s_close_with_4509() {
    let mut host = Host::new();
    let (slot, other) = (host.join("ann"), host.join("bob"));
    host.take(slot);
    for at in 0..9 {
        host.send(slot, ["", "{", "[]", "null", "\"x\""][at % 5]);
        assert_eq!(host.take(slot), [refusal(Code::BadMessage, None, "c1")]);
    }
    host.send(slot, r#"{"type":"nothing"}"#);
    assert_eq!((codes(&host.take(slot)), host.closed(slot)), (vec!["unknown_type"], None), "that could be read");
    host.pass(9_999);
    host.take(other);
    host.send(slot, "{");
    assert_eq!(codes(&host.take(slot)), ["bad_message", "bad_protocol"]);
    assert_eq!(host.closed(slot), Some(Close::BadProtocol));
    assert_eq!(host.take(other)[0]["data"]["reason"], "left", "4509 is final: no session waits");
    host.input(Input::Message { conn: conn(slot), bytes: b"{" });
}

#[test]
fn limit5_each_is_answered_before_the_close_wherever_its_socket_stands() {
    let ten = |host: &mut Host, slot: u32| {
        (0..10).for_each(|_| host.send(slot, "{"));
        (codes(&host.take(slot)).join(" "), host.closed(slot))
    };
    let told = format!("{} bad_protocol", ["bad_message"; 10].join(" "));
    let (mut host, live, other) = common::say::two_unanswered();
    let told = (told, Some(Close::BadProtocol));
    let waiting = host.connect("waiting");
    assert_eq!(ten(&mut host, waiting), told, "not joined");
    host.send(other, &common::say::said("nothing durable is left"));
    assert_eq!(ten(&mut host, live), told, "joined, and an edit waits for storage");
    let entering = host.connect("entering");
    host.send(entering, &join(json!({})));
    assert_eq!(host.take(entering), [] as [Value; 0], "its snapshot waits too");
    assert_eq!(ten(&mut host, entering), told, "entering");
    host.answer_all();
    let left = host.join("left");
    host.send(left, r#"{"type":"user:leave"}"#);
    host.answer_all();
    host.take(left);
    assert_eq!(ten(&mut host, left), told, "after user:leave");
}

#[test]
fn limit3_nine_in_10_s_are_let_pass_for_ever() {
    let mut host = Host::new();
    let slot = host.join("ann");
    host.pass(9_990);
    for _ in 0..5 {
        for _ in 0..9 {
            host.send(slot, "{");
        }
        host.pass(10_000);
    }
    assert_eq!(host.closed(slot), None);
    let late = host.connect("late");
    host.pass(9_000);
    for _ in 0..5 {
        host.send(late, "{");
    }
    host.send(late, &join(json!({})));
    host.pass(5_000);
    for _ in 0..5 {
        host.send(late, "{");
    }
    assert_eq!(host.closed(late), Some(Close::BadProtocol), "the 10 s begin with the first of them");
}

#[test]
fn limit4_600_refusals_within_60_s_close_with_4202() {
    let mut host = Host::new();
    let other = host.join("bob");
    let slot = verified(&mut host, "tab", "user_1");
    host.send(slot, &join(json!({})));
    silence(&mut host);
    let nothing = r#"{"type":"nothing"}"#;
    for _ in 0..599 {
        host.send(slot, nothing);
    }
    host.pass(60_000);
    host.send(slot, nothing);
    assert_eq!((codes(&host.take(slot)).len(), host.closed(slot)), (600, None), "the count began anew");
    for _ in 0..598 {
        host.send(slot, nothing);
    }
    host.pass(59_999);
    assert_eq!(host.closed(slot), None);
    host.take(slot);
    host.take(other);
    host.send(slot, nothing);
    assert_eq!(codes(&host.take(slot)), ["rate_limited"]);
    assert_eq!(host.closed(slot), Some(Close::RateLimited));
    assert_eq!(host.take(other), [] as [Value; 0], "the session waits for its client");
    host.pass(15_000);
    assert_eq!(host.take(other)[0]["data"]["reason"], "lost");
    host.send(other, &chat("hi"));
    assert_eq!(host.take_types(other), ["chat:message", "ack"]);
}

#[test]
fn limit2_users_who_went_are_forgotten_after_the_next_1024() {
    let mut host = Host::new();
    let size = |host: &Host| {
        let mut bytes = Vec::new();
        host.room.save(&mut bytes);
        bytes.len()
    };
    let _stays = host.join("bob");
    let mut sizes = Vec::new();
    for at in 0..2_400 {
        let slot = host.connect(&format!("p{at:05}"));
        host.close(slot);
        if at % 1_100 == 1_099 {
            sizes.push(size(&host));
        }
    }
    assert!(sizes[1].abs_diff(sizes[0]) < 100, "{sizes:?}");
}

#[test]
fn limit4_pings_that_are_not_answered_count() {
    let (mut host, slot) = with_image();
    for _ in 0..59 + 599 {
        host.send(slot, "ping");
    }
    assert_eq!((host.take(slot).len(), host.closed(slot)), (59, None), "the join was the first of the 60");
    host.send(slot, "ping");
    assert_eq!(host.closed(slot), Some(Close::RateLimited));
}

#[test]
fn limit4_updates_over_their_rate_count() {
    let (mut host, slot) = with_image();
    let update = r#"{"type":"user:update","data":{"presence":{"tool":"pen"}}}"#;
    for _ in 0..59 + 599 {
        host.send(slot, update);
    }
    assert_eq!((codes(&host.take(slot)).len(), host.closed(slot)), (599, None));
    host.send(slot, update);
    assert_eq!(host.closed(slot), Some(Close::RateLimited));
}
