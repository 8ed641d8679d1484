//! The rules of rooms that are made and deleted by commands, and of acting from outside (LIFE, ACT).

use kanvas_core::access::Role;
use kanvas_core::{Actor, Close, Code, Command, Creator, Failure, Input, SERVER, Share, ShareId, Standing};
use serde_json::{Value, json};

mod common;
#[path = "common/people.rs"]
mod people;
#[path = "common/talk.rs"]
mod talk;

use common::{Disk, Host};
use people::{Comer, come, comer, link, owned, role_of, say, served};
use talk::{add, of_type};

/// A command that makes the room.
struct Wish<'a> {
    user: &'a str,
    name: Option<&'a str>,
    is_public: bool,
    share: Option<(ShareId, Share)>,
}

const ANN: Wish<'_> = Wish { user: "user_ann", name: None, is_public: true, share: None };

fn create(host: &mut Host, wish: &Wish<'_>) {
    let standing = if wish.user.starts_with("guest:") { Standing::Guest } else { Standing::Verified };
    let by = Creator { user: wish.user, standing, name: Some("Ann\u{200b} A.") };
    let Wish { name, is_public, share, .. } = *wish;
    host.input(Input::Command(Command::Create { ticket: 1, by, name, is_public, share }));
}

fn delete(host: &mut Host, by: Actor<'_>) {
    host.input(Input::Command(Command::Delete { ticket: 2, by }));
}

fn act(host: &mut Host, by: Actor<'_>, message: &str) -> Result<(), Code> {
    host.input(Input::Command(Command::Act { ticket: 3, by, message: message.as_bytes() }));
    let (ticket, result) = host.replies.pop().expect("an answer");
    assert_eq!(ticket, 3);
    result
}

fn unborn() -> Host {
    Host::with(served(), Disk::default())
}

#[test]
fn life1_a_room_is_made_without_anybody_in_it() {
    let mut host = unborn();
    host.auto = false;
    let share = Share { role: Role::Editor, until: None };
    let wish = Wish { name: Some(" Plans\u{200b} "), is_public: false, share: Some((link(1), share)), ..ANN };
    create(&mut host, &wish);
    assert_eq!((host.replies.len(), host.announced.len()), (0, 0), "not before it is durable");
    host.auto = true;
    host.answer_all();
    assert_eq!(host.replies.pop(), Some((1, Ok(()))));
    let told = host.announced.pop().unwrap();
    assert_eq!((&*told.name, told.is_public, told.user_count), ("Plans", false, 0));
    host.slept = false;
    host.pass(60_000);
    assert!(host.slept, "it sleeps like any other");
    let mut host = host.restart(served());
    let (bob, _) = come(&mut host, comer("user_bob"));
    assert_eq!(host.closed(bob), Some(Close::Forbidden));
    let (_, frames) = come(&mut host, comer("user_ann"));
    assert_eq!(role_of(&frames), Some("owner"));
    let (_, frames) = come(&mut host, Comer { share: Some(1), ..comer("guest:g") });
    assert_eq!(role_of(&frames), Some("editor"));
}

#[test]
fn life1_nobody_owns_what_a_guest_makes() {
    let mut host = Host::new();
    create(&mut host, &Wish { user: "guest:g", ..ANN });
    assert_eq!(host.replies.pop(), Some((1, Ok(()))));
    let (_, frames) = come(&mut host, comer("guest:g"));
    assert_eq!(role_of(&frames), Some("editor"));
}

#[test]
fn life2_what_is_there_is_not_made_again_and_what_cannot_be_is_not_made() {
    let share = |role| Some((link(1), Share { role, until: None }));
    let mut host = unborn();
    for (wish, code) in [
        (Wish { name: Some("\u{200b}"), ..ANN }, Code::Empty),
        (Wish { name: Some(&"x".repeat(200)), ..ANN }, Code::TooLong),
        (Wish { share: share(Role::Owner), ..ANN }, Code::Conflict),
    ] {
        host.slept = false;
        create(&mut host, &wish);
        assert_eq!(host.replies.pop(), Some((1, Err(code))));
        assert!(host.slept && host.disk.record.is_none() && host.room.summary().is_none());
    }
    create(&mut host, &ANN);
    create(&mut host, &Wish { user: "user_bob", ..ANN });
    assert_eq!(host.replies, [(1, Ok(())), (1, Err(Code::Conflict))]);
}

#[test]
fn act3_a_room_that_storage_does_not_take_is_not_made_and_who_asked_is_told() {
    let mut host = unborn();
    host.auto = false;
    create(&mut host, &ANN);
    host.fail(Failure::Full);
    host.auto = true;
    host.answer_all();
    assert_eq!(host.replies, [(1, Err(Code::Busy))]);
    assert!(host.announced.is_empty() && host.disk.record.is_none());
}

#[test]
fn life3_an_owner_deletes_a_room_with_all_that_is_in_it() {
    let (mut host, ann, bob) = owned();
    host.send(ann, &add("e-i", "i"));
    host.announced.clear();
    for by in [Actor::Person("user_bob"), Actor::Person("guest:g")] {
        delete(&mut host, by);
        assert_eq!(host.replies.pop(), Some((2, Err(Code::Forbidden))));
    }
    host.auto = false;
    delete(&mut host, Actor::Person("user_ann"));
    assert_eq!((host.closed(bob), host.forgotten, host.replies.len()), (None, false, 0), "not before it is durable");
    host.send(bob, &add("e-late", "late"));
    host.auto = true;
    host.answer_all();
    assert_eq!((host.closed(ann), host.closed(bob)), (Some(Close::RoomClosed), Some(Close::RoomClosed)));
    assert!(host.forgotten && host.slept && host.announced.is_empty());
    assert_eq!(host.replies.pop(), Some((2, Ok(()))));
    assert!(host.disk.log.is_empty() && host.disk.chunks.is_empty());
    assert_eq!(host.disk.record.as_deref(), Some(&br#"{"version":1,"deleted":true}"#[..]));
}

#[test]
fn life3_a_large_room_is_deleted_too_and_nothing_is_written_behind_it() {
    let (mut host, ann, _) = owned();
    host.auto = false;
    for no in 0..300 {
        host.pass(20);
        host.send(ann, &add(&format!("e{no}"), &format!("i{no}")));
    }
    delete(&mut host, Actor::Server);
    host.auto = true;
    host.answer_all();
    assert_eq!(host.replies.pop(), Some((2, Ok(()))));
    assert!(host.disk.log.is_empty() && host.disk.chunks.is_empty());
    let host = host.restart(served());
    assert_eq!((host.room.fault(), host.room.summary()), (None, None));
}

#[test]
fn life4_a_deleted_room_is_not_there_and_is_not_made_again() {
    let (mut host, _, _) = owned();
    delete(&mut host, Actor::Person("user_ann"));
    let mut host = host.restart(served());
    assert!(host.slept && host.room.summary().is_none() && host.room.listing().is_none());
    let (ann, _) = come(&mut host, comer("user_ann"));
    assert_eq!(host.closed(ann), Some(Close::NotFound));
    create(&mut host, &ANN);
    assert_eq!(host.replies.pop(), Some((1, Err(Code::Conflict))));
    delete(&mut host, Actor::Server);
    assert_eq!(host.replies.pop(), Some((2, Err(Code::NotFound))));
    let mut bytes = Vec::new();
    host.room.save(&mut bytes);
    assert!(kanvas_core::Room::restore(&bytes, host.now).is_ok_and(|room| room.listing().is_none()));
}

#[test]
fn life5_the_founders_name_is_kept() {
    let mut host = unborn();
    create(&mut host, &ANN);
    assert_eq!(host.room.listing().unwrap().creator_name.as_deref(), Some("Ann A."));
    let mut host = Host::new();
    host.join("Gil");
    host.join("Bob");
    assert_eq!(host.room.listing().unwrap().creator_name.as_deref(), Some("Gil"));
    let host = host.restart(served());
    assert_eq!(host.room.listing().unwrap().creator_name.as_deref(), Some("Gil"));
}

#[test]
fn act1_what_is_said_from_outside_is_told_like_anything_else() {
    let (mut host, ann, bob) = owned();
    host.take(bob);
    host.auto = false;
    let message = say("chat:message", "x", json!({"text": "Maintenance at noon\u{202e}"}));
    host.input(Input::Command(Command::Act { ticket: 3, by: Actor::Server, message: message.as_bytes() }));
    assert_eq!((host.take(bob), host.replies.len()), (vec![], 0), "not before it is durable");
    host.auto = true;
    host.answer_all();
    assert_eq!(host.replies.pop(), Some((3, Ok(()))));
    let said = host.take(bob).pop().unwrap();
    assert_eq!((&said["type"], &said["clientId"], &said["seq"]), (&json!("chat:message"), &json!("c0"), &json!(1)));
    let data = &said["data"];
    assert_eq!((&data["userId"], &data["name"]), (&json!(SERVER), &json!("Server")));
    assert_eq!(data["text"], "Maintenance at noon");
    assert_eq!(act(&mut host, Actor::Server, &add("e-i", "i")), Ok(()));
    assert_eq!(host.take(ann).pop().unwrap()["data"]["x"], 1);
    assert_eq!(
        act(&mut host, Actor::Person("user_ann"), &say("member:ban", "b", json!({"userId": "user_bob"}))),
        Ok(())
    );
    assert_eq!(host.closed(bob), Some(Close::Banned));
    let authors: Vec<&str> = host.disk.log.values().map(|row| row.user.as_str()).collect();
    assert_eq!(authors, [SERVER, SERVER, "user_ann"]);
    let mut host = host.restart(served());
    let (_, frames) = come(&mut host, comer("user_ann"));
    assert_eq!(of_type(&frames, "state:sync")[0]["data"]["images"][0]["id"], "i");
}

#[test]
fn act2_a_person_may_do_what_their_own_role_allows_and_the_operator_everything() {
    let (mut host, _, _) = owned();
    let rename = say("room:update", "u", json!({"name": "Plans"}));
    let image = add("e-i", "i");
    let kick = |user: &str| say("member:kick", "k", json!({"userId": user}));
    let bob = Actor::Person("user_bob");
    assert_eq!(act(&mut host, bob, &rename), Err(Code::Forbidden));
    assert_eq!(act(&mut host, bob, &image), Err(Code::Forbidden), "what newcomers may, they may who come");
    assert_eq!(act(&mut host, Actor::Person("user_ann"), &kick("user_ann")), Err(Code::Conflict));
    assert_eq!(
        act(&mut host, Actor::Person("user_ann"), &say("chat:message", "c", json!({"text": "x"}))),
        Err(Code::NotJoined)
    );
    for (message, code) in [
        (json!({"type": "cursor:move", "data": {"x": 1, "y": 1}}).to_string(), Code::UnknownType),
        (json!({"type": "user:join", "data": {}}).to_string(), Code::UnknownType),
        ("ping".to_owned(), Code::UnknownType),
        ("{".to_owned(), Code::BadMessage),
        (say("image:remove", "r", json!({"id": "none"})), Code::NotFound),
        (say("room:update", "u", json!({})), Code::Empty),
        (" ".repeat(70_000), Code::TooLong),
    ] {
        assert_eq!(act(&mut host, Actor::Server, &message), Err(code), "{message}");
    }
    assert_eq!(host.disk.log.len(), 0);
    assert_eq!(act(&mut host, Actor::Server, &kick("user_ann")), Ok(()), "an owner too");
    let mut host = unborn();
    assert_eq!(act(&mut host, Actor::Server, &rename), Err(Code::NotFound));
}

#[test]
fn act4_it_has_no_rate_and_no_memory() {
    let (mut host, _, _) = owned();
    for no in 0..500 {
        let text = format!("again {}", no % 2);
        assert_eq!(act(&mut host, Actor::Server, &say("chat:message", "same", json!({"text": text}))), Ok(()));
    }
    let said: Vec<Value> = host.disk.log.values().map(|row| serde_json::from_str(&row.body).unwrap()).collect();
    assert_eq!(said.len(), 500);
}
