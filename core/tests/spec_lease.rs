//! The rules of how long what the host vouches for holds (LEASE).

use kanvas_core::{Close, Done, Input, Span};
use serde_json::{Value, json};

mod common;
#[path = "common/people.rs"]
mod people;
#[path = "common/talk.rs"]
mod talk;

use common::{Disk, Host, START, Socket, conn};
use people::{Comer, come, comer, good, knock, refresh, refused, served};
use talk::{add, codes, join, of_type, shift};

/// Bob's lease ends after 100 s.
fn leased() -> (Host, u32, u32) {
    let mut host = Host::with(served(), Disk::default());
    let (ann, _) = come(&mut host, comer("user_ann"));
    let (bob, _) = come(&mut host, Comer { lease: Some(100_000), ..comer("user_bob") });
    host.send(ann, &add("a", "i"));
    host.take(ann);
    host.take(bob);
    (host, ann, bob)
}

#[test]
fn lease1_a_word_before_the_end_less_rights_after_it_then_the_close() {
    let (mut host, ann, bob) = leased();
    host.pass(69_999);
    host.take(ann);
    assert!(host.take(bob).iter().all(|frame| frame["type"] != "auth:expiring"));
    host.pass(1);
    let told = json!({"type": "auth:expiring", "data": {"expiresAt": START + 100_000}, "clientId": "c2"});
    assert_eq!((host.take(bob), host.take(ann)), (vec![told], vec![]));
    host.pass(29_999);
    assert_eq!(host.ask(bob, &shift("i", 2.0))[0]["type"], "ack");
    host.take(ann);
    host.pass(1);
    for slot in [bob, ann] {
        assert_eq!(of_type(&host.take(slot), "user:updated")[0]["data"]["role"], "viewer");
    }
    assert_eq!(codes(&host.ask(bob, &shift("i", 3.0))), ["forbidden"]);
    host.pass(29_999);
    assert_eq!(host.closed(bob), None);
    host.take(ann);
    host.pass(1);
    assert_eq!((host.closed(bob), codes(&host.take(bob))), (Some(Close::TokenExpired), vec!["token_expired"]));
    assert_eq!(of_type(&host.take(ann), "user:left")[0]["data"]["reason"], "expired");
    assert_eq!(host.room.deadline().map(|at| at > host.now), host.room.deadline().map(|_| true));
}

#[test]
fn lease1_who_comes_or_renews_with_less_than_the_notice_left_is_told_at_once() {
    let (mut host, _, _) = leased();
    let brief = |lease| Comer { lease: Some(lease), ..comer("user_cid") };
    let expiring = |frames: &[Value]| {
        of_type(frames, "auth:expiring").iter().map(|frame| frame["data"]["expiresAt"].clone()).collect::<Vec<_>>()
    };
    for left in [1, 29_999, 30_000] {
        let (_, greeted) = come(&mut host, brief(left));
        assert_eq!(greeted[0]["type"], "room:joined", "not before the greeting");
        assert_eq!(expiring(&greeted), [json!(START + left)], "{left}");
    }
    let (cid, greeted) = come(&mut host, brief(30_001));
    assert_eq!(expiring(&greeted), [] as [Value; 0]);
    host.pass(1);
    assert_eq!(expiring(&host.take(cid)), [json!(START + 30_001)]);
    host.pass(20_000);
    let told = refresh(&mut host, cid, good("user_cid", 45_000));
    assert_eq!(expiring(&told), [json!(START + 45_000)], "renewed, and not for long");
    host.pass(24_998);
    assert_eq!(expiring(&host.take(cid)), [] as [Value; 0], "once is enough");
    host.pass(1);
    assert_eq!(of_type(&host.take(cid), "user:updated")[0]["data"]["role"], "viewer");
}

#[test]
fn lease1_the_word_waits_for_the_join() {
    let (mut host, _, _) = leased();
    let slot = knock(&mut host, Comer { lease: Some(32_000), ..comer("user_cid") });
    host.pass(5_000);
    assert_eq!(host.take(slot), [] as [Value; 0]);
    let greeted = host.ask(slot, &join(json!({})));
    assert_eq!(of_type(&greeted, "auth:expiring").len(), 1, "{greeted:?}");
    host.pass(27_000);
    assert_eq!(of_type(&host.take(slot), "user:updated")[0]["data"]["role"], "viewer");
}

#[test]
fn lease2_a_fresh_token_of_the_same_person_puts_the_end_off() {
    let (mut host, ann, bob) = leased();
    host.pass(101_000);
    host.take(bob);
    host.take(ann);
    let told = refresh(&mut host, bob, good("user_bob", 300_000));
    assert_eq!(of_type(&told, "user:updated")[0]["data"]["role"], "editor");
    assert_eq!(host.ask(bob, &shift("i", 2.0))[0]["type"], "ack");
    host.pass(168_999);
    assert!(host.take(bob).iter().all(|frame| frame["type"] != "auth:expiring"));
    host.pass(1);
    assert_eq!(host.take_types(bob).last().unwrap(), "auth:expiring");
}

#[test]
fn lease2_one_token_is_checked_at_a_time_and_none_of_a_guest() {
    let (mut host, _, bob) = leased();
    let word = json!({"type": "auth:refresh", "data": {"token": "a"}, "id": "r"}).to_string();
    host.send(bob, &word);
    assert_eq!(codes(&host.ask(bob, &word)), ["busy"]);
    assert_eq!(host.tokens.len(), 1);
    let (guest, _) = come(&mut host, comer("guest:g"));
    assert_eq!(codes(&host.ask(guest, &word)), ["forbidden"]);
    for data in [json!({}), json!({"token": ""}), json!({"token": 7})] {
        assert_eq!(refused(&mut host, bob, &json!({"type": "auth:refresh", "data": data}).to_string()), "bad_message");
    }
}

#[test]
fn lease3_another_persons_token_and_a_bad_one_end_the_socket() {
    for (answer, close) in [
        (good("user_eve", 300_000), Close::Forbidden),
        (Err(Close::TokenInvalid), Close::TokenInvalid),
        (Err(Close::TokenExpired), Close::TokenExpired),
    ] {
        let (mut host, _, bob) = leased();
        refresh(&mut host, bob, answer);
        assert_eq!(host.closed(bob), Some(close));
    }
    let (mut host, _, bob) = leased();
    assert_eq!(codes(&refresh(&mut host, bob, Err(Close::Unavailable))), ["busy"]);
    host.pass(130_000);
    assert_eq!(host.closed(bob), Some(Close::TokenExpired));
}

#[test]
fn lease3_an_answer_for_a_socket_that_is_gone_changes_nothing() {
    let (mut host, ann, bob) = leased();
    host.send(bob, &json!({"type": "auth:refresh", "data": {"token": "a"}}).to_string());
    let (effect, _) = host.tokens.pop().unwrap();
    host.lose(bob);
    host.take(ann);
    host.input(Input::Done { effect, result: Done::Verified(good("user_bob", 1)) });
    assert_eq!(host.take(ann), [] as [Value; 0]);
}

#[test]
fn lease4_a_lease_is_kept_over_a_sleep() {
    let (mut host, _, bob) = leased();
    host.forget();
    let attachment = host.sockets[&bob].attachment.clone();
    let disk = host.disk.clone();
    let mut woken = Host::with(served(), disk);
    woken.now = host.now + Span::from_secs(50);
    woken.sockets.insert(bob, Socket::default());
    woken.input(Input::Resume { conn: conn(bob), attachment: &attachment });
    woken.pass(20_000);
    assert_eq!(woken.take_types(bob), ["auth:expiring"]);
    woken.pass(60_000);
    assert_eq!(woken.closed(bob), Some(Close::TokenExpired));
}
