//! The rules of what owners do and of the links that they make (OWNER, SHARE).

use kanvas_core::access::Role;
use kanvas_core::{Close, Code, Command, Conn, Failure, Input, Share, Time, View};
use serde_json::{Value, json};

mod common;
#[path = "common/people.rs"]
mod people;
#[path = "common/talk.rs"]
mod talk;

use common::{Disk, Host, START, Socket};
use people::{Comer, come, comer, link, owned, refused, role_of, say, served};
use talk::{codes, of_type};

#[test]
fn owner1_a_room_update_changes_what_it_names() {
    let (mut host, ann, bob) = owned();
    let change = json!({"name": " Plan  A ", "defaultRole": "viewer"});
    let answers = host.ask(ann, &say("room:update", "u", change));
    let told = json!({"name": "Plan A", "defaultRole": "viewer"});
    assert_eq!((&answers[0]["data"], &answers[1]["type"], &answers[0]["seq"]), (&told, &json!("ack"), &json!(1)));
    assert_eq!(host.take(bob)[0]["data"], told);
    for (data, code) in [
        (json!({}), "empty"),
        (json!({"name": "\u{200b}"}), "empty"),
        (json!({"name": "x".repeat(200)}), "too_long"),
        (json!({"locked": "yes"}), "bad_message"),
        (json!({"guestRole": "owner"}), "bad_message"),
        (json!({"defaultRole": "king"}), "bad_message"),
    ] {
        assert_eq!(refused(&mut host, ann, &say("room:update", "e", data)), code);
    }
    let (_, frames) = come(&mut host, comer("user_new"));
    let room = &frames[0]["data"]["room"];
    assert_eq!(
        (&room["name"], &room["defaultRole"], &room["locked"]),
        (&json!("Plan A"), &json!("viewer"), &json!(false))
    );
}

#[test]
fn owner2_roles_are_given_and_taken_back() {
    let (mut host, ann, bob) = owned();
    let role = |id: &str, user: &str, role: Value| say("member:role", id, json!({"userId": user, "role": role}));
    host.send(ann, &role("1", "user_bob", json!("owner")));
    assert_eq!(of_type(&host.take(bob), "user:updated")[0]["data"]["role"], "owner");
    host.send(bob, &role("2", "user_ann", json!("none")));
    assert_eq!(of_type(&host.take(ann), "user:updated").last().unwrap()["data"]["role"], "editor");
    assert_eq!(refused(&mut host, bob, &role("3", "user_bob", json!("editor"))), "conflict", "the last owner");
    assert_eq!(refused(&mut host, bob, &role("4", "guest:g", json!("owner"))), "conflict");
    assert_eq!(refused(&mut host, bob, &role("5", "", json!("owner"))), "empty");
    assert_eq!(refused(&mut host, bob, &role("6", &"u".repeat(129), json!("owner"))), "too_long");
    assert_eq!(refused(&mut host, bob, &say("member:role", "7", json!({"userId": "user_x"}))), "bad_message");
    host.send(bob, &say("member:ban", "8", json!({"userId": "user_eve"})));
    host.send(bob, &role("9", "user_eve", json!("none")));
    let (_, frames) = come(&mut host, comer("user_eve"));
    assert_eq!(role_of(&frames), Some("editor"), "the ban is lifted");
}

#[test]
fn owner3_who_is_kicked_goes_with_every_socket_and_may_come_again() {
    let (mut host, ann, bob) = owned();
    let (second, _) = come(&mut host, comer("user_bob"));
    host.take(ann);
    host.send(ann, &say("member:kick", "k", json!({"userId": "user_bob", "reason": "be nice"})));
    assert_eq!((host.closed(bob), host.closed(second)), (Some(Close::Kicked), Some(Close::Kicked)));
    let heard = host.take(bob);
    let kick = of_type(&heard, "member:kick")[0];
    assert_eq!(kick["data"], json!({"userId": "user_bob", "reason": "be nice"}));
    assert_eq!(codes(&heard), ["kicked"]);
    assert_eq!(host.take_types(ann), ["member:kick", "ack", "user:left", "user:left"]);
    assert_eq!(role_of(&come(&mut host, comer("user_bob")).1), Some("editor"));
    assert_eq!(refused(&mut host, ann, &say("member:kick", "n", json!({"userId": "user_nobody"}))), "not_found");
    assert_eq!(refused(&mut host, ann, &say("member:kick", "s", json!({"userId": "user_ann"}))), "conflict");
}

#[test]
fn owner4_who_is_banned_stays_out_a_guest_by_their_address_too() {
    let (mut host, ann, _) = owned();
    let (guest, _) = come(&mut host, Comer { address: Some(7), ..comer("guest:a") });
    let (near, _) = come(&mut host, Comer { address: Some(7), ..comer("guest:b") });
    let (signed, _) = come(&mut host, Comer { address: Some(7), ..comer("user_carl") });
    host.send(ann, &say("member:ban", "b", json!({"userId": "guest:a"})));
    let closed = |host: &Host, slot| host.closed(slot);
    assert_eq!(
        (closed(&host, guest), closed(&host, near), closed(&host, signed)),
        (Some(Close::Banned), Some(Close::Banned), None)
    );
    let (again, _) = come(&mut host, Comer { address: Some(7), ..comer("guest:new") });
    let (other, frames) = come(&mut host, Comer { address: Some(8), ..comer("guest:other") });
    assert_eq!((closed(&host, again), role_of(&frames)), (Some(Close::Banned), Some("viewer")));
    assert_eq!(closed(&host, other), None);
    assert_eq!(refused(&mut host, ann, &say("member:ban", "s", json!({"userId": "user_ann"}))), "conflict");
}

#[test]
fn owner5_an_owners_word_is_a_stored_event_made_once() {
    let (mut host, ann, bob) = owned();
    let word = say("member:role", "once", json!({"userId": "user_eve", "role": "viewer"}));
    assert_eq!(host.ask(ann, &word).len(), 2);
    let again = host.ask(ann, &word);
    assert_eq!((again.len(), &again[0]["type"], &again[0]["data"]["seq"]), (1, &json!("ack"), &json!(1)));
    assert_eq!(host.take_types(bob), ["member:role"]);
    let other = say("member:role", "once", json!({"userId": "user_eve", "role": "editor"}));
    assert_eq!(refused(&mut host, ann, &other), "op_id_reused");
}

#[test]
fn owner5_from_anyone_else_it_is_forbidden_and_nothing_changes() {
    let (mut host, ann, bob) = owned();
    let (viewer, _) = come(&mut host, Comer { view: View::Readonly, ..comer("user_ann") });
    host.take(ann);
    let before = host.disk.clone();
    for slot in [bob, viewer] {
        for word in [
            say("room:update", "u", json!({"locked": true})),
            say("member:role", "r", json!({"userId": "user_bob", "role": "owner"})),
            say("member:kick", "k", json!({"userId": "user_ann"})),
            say("member:ban", "b", json!({"userId": "user_ann"})),
        ] {
            assert_eq!(refused(&mut host, slot, &word), "forbidden");
        }
    }
    assert_eq!((host.take(ann), host.disk.log == before.log, host.disk.chunks == before.chunks), (vec![], true, true));
}

#[test]
fn owner6_members_bans_and_reasons_are_bounded() {
    let mut config = served();
    (config.limits.members, config.limits.bans) = (2, 1);
    let mut host = Host::with(config, Disk::default());
    let (ann, _) = come(&mut host, comer("user_ann"));
    let role = |id: &str, user: &str| say("member:role", id, json!({"userId": user, "role": "viewer"}));
    assert_eq!(host.ask(ann, &role("1", "user_b")).len(), 2);
    assert_eq!(refused(&mut host, ann, &role("2", "user_c")), "too_many");
    let ban = |id: &str, user: &str| say("member:ban", id, json!({"userId": user}));
    assert_eq!(host.ask(ann, &ban("3", "user_d")).len(), 2);
    assert_eq!(refused(&mut host, ann, &ban("4", "user_e")), "too_many");
    let long = json!({"userId": "user_b", "reason": "x".repeat(201)});
    assert_eq!(refused(&mut host, ann, &say("member:ban", "5", long)), "too_long");
}

#[test]
fn share1_owners_make_links_and_are_answered_when_they_are_durable() {
    let (mut host, _, _) = owned();
    let share = |role, until| Share { role, until };
    let until = |ms| Some(Time::from_millis(START + ms));
    let ask = |host: &mut Host, by, no, share| {
        host.input(Input::Command(Command::Share { ticket: 5, by, id: link(no), share }));
    };
    host.auto = false;
    ask(&mut host, "user_ann", 1, share(Role::Editor, until(60_000)));
    assert_eq!(host.replies, []);
    host.auto = true;
    host.answer_all();
    assert_eq!(host.replies.pop(), Some((5, Ok(()))));
    for (by, share, code) in [
        ("user_bob", share(Role::Viewer, None), Code::Forbidden),
        ("user_nobody", share(Role::Viewer, None), Code::Forbidden),
        ("user_ann", share(Role::Owner, None), Code::Conflict),
        ("user_ann", share(Role::Viewer, Some(Time::from_millis(START - 1))), Code::OutOfRange),
    ] {
        ask(&mut host, by, 2, share);
        assert_eq!(host.replies.pop(), Some((5, Err(code))));
    }
    for no in 2..=100 {
        ask(&mut host, "user_ann", no, share(Role::Viewer, None));
    }
    ask(&mut host, "user_ann", 101, share(Role::Viewer, None));
    assert_eq!(host.replies.pop(), Some((5, Err(Code::TooMany))));
    host.auto = false;
    host.input(Input::Command(Command::Unshare { ticket: 6, by: "user_ann", id: link(2) }));
    host.fail(Failure::Full);
    assert_eq!(host.replies.last(), Some(&(5, Ok(()))));
    host.auto = true;
    host.answer_all();
    assert_eq!(host.replies.last(), Some(&(6, Err(Code::StorageFull))));
    assert_eq!(host.room.shares("user_ann").unwrap().len(), 100);
}

#[test]
fn share2_a_link_lets_its_holder_in_until_it_ends() {
    let (mut host, ann, _) = owned();
    host.send(ann, &say("room:update", "p", json!({"isPublic": false})));
    let share = Share { role: Role::Editor, until: Some(Time::from_millis(START + 60_000)) };
    host.input(Input::Command(Command::Share { ticket: 1, by: "user_ann", id: link(1), share }));
    let (guest, frames) = come(&mut host, Comer { share: Some(1), ..comer("guest:g") });
    assert_eq!(role_of(&frames), Some("editor"));
    host.take(ann);
    host.pass(59_999);
    assert_eq!(host.closed(guest), None);
    host.pass(1);
    assert_eq!(host.closed(guest), Some(Close::Forbidden));
    assert_eq!(of_type(&host.take(ann), "user:left")[0]["data"]["reason"], "expired");
    let (late, _) = come(&mut host, Comer { share: Some(1), ..comer("guest:h") });
    assert_eq!(host.closed(late), Some(Close::Forbidden));
    assert_eq!(host.room.shares("user_ann"), Ok(vec![]));
}

#[test]
fn share3_a_link_that_is_revoked_lets_nobody_in() {
    let (mut host, ann, bob) = owned();
    host.send(ann, &say("member:role", "b", json!({"userId": "user_bob", "role": "viewer"})));
    host.send(ann, &say("room:update", "p", json!({"isPublic": false})));
    let share = Share { role: Role::Editor, until: None };
    host.input(Input::Command(Command::Share { ticket: 1, by: "user_ann", id: link(1), share }));
    let (guest, _) = come(&mut host, Comer { share: Some(1), ..comer("guest:g") });
    let unshare = |by, no| Input::Command(Command::Unshare { ticket: 2, by, id: link(no) });
    host.input(unshare("user_bob", 1));
    assert_eq!((host.replies.last(), host.closed(guest)), (Some(&(2, Err(Code::Forbidden))), None));
    host.input(unshare("user_ann", 1));
    assert_eq!((host.replies.last(), host.closed(guest)), (Some(&(2, Ok(()))), Some(Close::Forbidden)));
    assert_eq!(host.closed(bob), None, "who has a role of their own stays");
    host.input(unshare("user_ann", 1));
    assert_eq!(host.replies.last(), Some(&(2, Err(Code::NotFound))));
}

#[test]
fn share2_a_link_ends_in_a_room_that_slept_too() {
    let (mut host, ann, _) = owned();
    let until = Some(Time::from_millis(START + 90_000));
    let share = Share { role: Role::Editor, until };
    host.input(Input::Command(Command::Share { ticket: 1, by: "user_ann", id: link(1), share }));
    host.send(ann, &say("room:update", "p", json!({"isPublic": false})));
    let (guest, _) = come(&mut host, Comer { share: Some(1), ..comer("guest:g") });
    let attachment = host.sockets[&guest].attachment.clone();
    let mut woken = Host::with(served(), host.disk.clone());
    woken.sockets.insert(guest, Socket::default());
    woken.input(Input::Resume { conn: Conn { slot: guest, generation: 0 }, attachment: &attachment });
    woken.pass(90_000);
    assert_eq!(woken.closed(guest), Some(Close::Forbidden));
}
