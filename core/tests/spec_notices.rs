//! The rules of what a back end is told (NOTE).

use kanvas_core::{Actor, Close, Command, Creator, Failure, Input, Notice, SERVER, Span, Standing};
use serde_json::json;

mod common;
#[path = "common/people.rs"]
mod people;
#[path = "common/talk.rs"]
mod talk;

use common::{Disk, Host};
use people::{come, comer, owned, say, served};
use talk::{add, join};

fn told(host: &mut Host) -> Vec<Notice> {
    std::mem::take(&mut host.notices)
}

fn joined(user: &str, name: &str) -> Notice {
    Notice::Joined { user: user.into(), name: name.into() }
}

fn left(user: &str, name: &str, reason: &str) -> Notice {
    Notice::Left { user: user.into(), name: name.into(), reason: reason.into() }
}

fn created(by: &str) -> Notice {
    Notice::Created { by: by.into() }
}

#[test]
fn note1_a_rooms_life_is_told_in_order_once_it_is_durable() {
    let mut host = Host::new();
    host.auto = false;
    let ann = host.connect("ann");
    host.send(ann, &join(json!({"name": "Ann"})));
    assert_eq!(told(&mut host), [], "not before it is stored");
    host.auto = true;
    host.answer_all();
    assert_eq!(told(&mut host), [created("guest:ann"), joined("guest:ann", "Ann")]);
    let bob = host.join("bob");
    assert_eq!(told(&mut host), [joined("guest:bob", "bob")]);
    host.close(bob);
    assert_eq!(told(&mut host), [left("guest:bob", "bob", "left")]);
    host.auto = false;
    host.send(ann, &add("e", "i"));
    host.close(ann);
    assert_eq!(told(&mut host), [], "not before what came before it");
    host.auto = true;
    host.answer_all();
    assert_eq!(told(&mut host), [left("guest:ann", "Ann", "left"), Notice::Emptied]);
}

#[test]
fn note1_bans_makings_and_deletions_are_told_with_who_did_them() {
    let (mut host, ann, _) = owned();
    assert_eq!(told(&mut host)[0], created("user_ann"));
    host.send(ann, &say("member:ban", "b", json!({"userId": "user_bob", "reason": "spam\u{202e}"})));
    let notices = told(&mut host);
    let banned = |user: &str, by: &str, reason: Option<&str>| Notice::Banned {
        user: user.into(),
        by: by.into(),
        reason: reason.map(Into::into),
    };
    assert_eq!(notices[0], banned("user_bob", "user_ann", Some("spam")));
    assert!(matches!(&notices[1], Notice::Left { user, reason, .. } if &**user == "user_bob" && &**reason == "banned"));
    let absent = say("member:ban", "c", json!({"userId": "user_eve"}));
    host.input(Input::Command(Command::Act { ticket: 1, by: Actor::Server, message: absent.as_bytes() }));
    assert_eq!(told(&mut host), [banned("user_eve", SERVER, None)]);
    host.input(Input::Command(Command::Delete { ticket: 2, by: Actor::Person("user_ann") }));
    assert_eq!(told(&mut host), [Notice::Deleted { by: "user_ann".into() }]);

    let mut host = Host::with(served(), Disk::default());
    let by = Creator { user: "user_ann", standing: Standing::Verified, name: None };
    let wish = |ticket| Command::Create { ticket, by, name: None, is_public: true, share: None };
    host.input(Input::Command(wish(1)));
    host.input(Input::Command(wish(2)));
    assert_eq!(told(&mut host), [created("user_ann")]);
}

#[test]
fn note2_a_second_tab_and_a_connection_that_comes_back_are_no_notice() {
    let mut host = Host::with(served(), Disk::default());
    let (ann, _) = come(&mut host, comer("user_ann"));
    told(&mut host);
    let (tab, _) = come(&mut host, comer("user_ann"));
    host.close(tab);
    host.lose(ann);
    host.pass(14_000);
    assert_eq!(told(&mut host), []);
    host.pass(1000);
    let notices = told(&mut host);
    assert!(matches!(&notices[0], Notice::Left { reason, .. } if &**reason == "lost"), "{notices:?}");
    assert_eq!(notices[1..], [Notice::Emptied]);
    host.pass(600_000);
    assert_eq!(told(&mut host), []);
}

#[test]
fn note3_what_storage_does_not_take_is_not_told_and_who_came_meanwhile_is() {
    let (mut host, ann, _) = owned();
    told(&mut host);
    host.auto = false;
    host.send(ann, &say("member:ban", "b", json!({"userId": "user_eve"})));
    come(&mut host, comer("user_gil"));
    host.fail(Failure::Full);
    host.auto = true;
    host.answer_all();
    let notices = told(&mut host);
    assert!(matches!(notices.as_slice(), [Notice::Joined { user, .. }] if &**user == "user_gil"), "{notices:?}");
}

#[test]
fn note4_nobody_leaves_by_the_rooms_own_closing() {
    let mut host = Host::new();
    host.join("ann");
    told(&mut host);
    host.input(Input::Command(Command::Drain { close: Close::Restart, spread: Span::from_millis(0) }));
    assert_eq!(told(&mut host), []);
    let mut host = Host::new();
    let ann = host.join("ann");
    told(&mut host);
    host.auto = false;
    host.send(ann, &add("e", "i"));
    host.fail(Failure::Broken);
    assert_eq!((host.closed(ann), told(&mut host)), (Some(Close::Unavailable), vec![]));
}
