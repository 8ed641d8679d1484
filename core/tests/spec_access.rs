//! The rules of who may do what (ACCESS).

use kanvas_core::access::{Action, Role, Target, may};
use kanvas_core::{Close, Code, Command, Config, Failure, Founds, Identity, Input, Org, Share, Verified, View};
use serde_json::{Value, json};

mod common;
#[path = "common/people.rs"]
mod people;
#[path = "common/talk.rs"]
mod talk;

use common::{Disk, Host, conn};
use people::{Comer, come, comer, give, good, link, owned, refresh, refused, role_of, say, served};
use talk::{add, chat, codes, of_type, shift};

/// What each role may do to whom. Each new role, action or target must take its place here.
fn expected(role: Role, action: Action, on: Target, locked: bool) -> Result<(), Code> {
    let owners = match role {
        Role::Owner => Ok(()),
        Role::Editor | Role::Viewer => Err(Code::Forbidden),
    };
    match action {
        Action::Attend => Ok(()),
        Action::Chat => Ok(()),
        Action::Edit => match (role, locked) {
            (Role::Owner, _) | (Role::Editor, false) => Ok(()),
            (Role::Editor, true) => Err(Code::Locked),
            (Role::Viewer, _) => Err(Code::Forbidden),
        },
        Action::Configure => owners,
        Action::Delete => owners,
        Action::Share => owners,
        Action::SetRole => owners,
        Action::Kick | Action::Ban => match on {
            Target::Room | Target::Someone => owners,
            Target::Oneself | Target::Owner => owners.and(Err(Code::Conflict)),
        },
    }
}

#[test]
fn access1_each_role_action_and_target_has_its_place_in_the_table() {
    for ((role, action), (on, locked)) in Role::ALL
        .iter()
        .flat_map(|role| Action::ALL.iter().map(move |action| (*role, *action)))
        .flat_map(|who| Target::ALL.iter().flat_map(move |on| [(who, (*on, false)), (who, (*on, true))]))
    {
        assert_eq!(may(role, action, on, locked), expected(role, action, on, locked), "{role:?} {action:?} {on:?}");
    }
    assert_eq!((Role::ALL.len(), Action::ALL.len(), Target::ALL.len()), (3, 9, 4));
}

#[test]
fn access1_in_a_locked_room_only_owners_edit() {
    let (mut host, ann, bob) = owned();
    host.send(ann, &add("a", "i"));
    host.send(ann, &say("room:update", "l", json!({"locked": true})));
    host.take(bob);
    let answers = host.ask(bob, &shift("i", 9.0));
    assert_eq!(codes(&answers), ["locked"]);
    assert_eq!(answers[0]["data"]["truth"]["x"], 1, "{answers:?}");
    assert_eq!(host.take_types(ann), ["ack", "room:update", "ack"]);
    host.send(bob, &chat("still here"));
    assert_eq!(host.take_types(ann), ["chat:message"]);
    host.send(ann, &shift("i", 5.0));
    assert_eq!(host.take_types(ann), ["ack"]);
}

#[test]
fn access3_ones_own_role_leads_else_the_better_of_link_and_room() {
    let (mut host, ann, _) = owned();
    let mut ticket = 0;
    let mut share = |host: &mut Host, no, role| {
        ticket += 1;
        let share = Share { role, until: None };
        host.input(Input::Command(Command::Share { ticket, by: "user_ann", id: link(no), share }));
        assert_eq!(host.replies.pop(), Some((ticket, Ok(()))));
    };
    share(&mut host, 1, Role::Viewer);
    share(&mut host, 2, Role::Editor);
    host.send(ann, &say("member:role", "v", json!({"userId": "user_view", "role": "viewer"})));
    host.send(ann, &say("member:role", "o", json!({"userId": "user_own", "role": "owner"})));
    let cases = |host: &mut Host, expected: [&str; 8]| {
        let with = |user, share| Comer { share, ..comer(user) };
        let comers = [
            with("user_new", None),
            with("user_new", Some(1)),
            with("guest:g", None),
            with("guest:g", Some(2)),
            with("user_view", Some(2)),
            with("user_own", None),
            Comer { view: View::Readonly, ..comer("user_own") },
            with("user_new", Some(9)),
        ];
        for (who, expected) in comers.into_iter().zip(expected) {
            let (slot, frames) = come(host, who);
            let seen = role_of(&frames).map_or_else(|| host.closed(slot).unwrap().reason().to_owned(), String::from);
            assert_eq!(seen, expected, "{} with {:?}", who.user, who.share);
            host.input(Input::Disconnect { conn: conn(slot), end: kanvas_core::End::Closed });
        }
    };
    cases(&mut host, ["editor", "editor", "viewer", "editor", "viewer", "owner", "viewer", "editor"]);
    host.send(ann, &say("room:update", "r", json!({"defaultRole": "viewer", "guestRole": "editor"})));
    cases(&mut host, ["viewer", "viewer", "editor", "editor", "viewer", "owner", "viewer", "viewer"]);
    host.send(ann, &say("room:update", "p", json!({"isPublic": false})));
    let no = "forbidden";
    cases(&mut host, [no, "viewer", no, "editor", "viewer", "owner", "viewer", no]);
}

#[test]
fn access4_who_has_no_role_is_closed_and_nobody_notices() {
    let (mut host, ann, bob) = owned();
    host.send(ann, &say("member:role", "b", json!({"userId": "user_bob", "role": "viewer"})));
    host.send(ann, &say("room:update", "p", json!({"isPublic": false})));
    host.take(ann);
    host.take(bob);
    let (eve, frames) = come(&mut host, comer("user_eve"));
    assert_eq!((codes(&frames), host.closed(eve)), (vec!["forbidden"], Some(Close::Forbidden)));
    assert_eq!((host.take(ann), host.take(bob)), (vec![], vec![]));
    host.send(ann, &say("member:ban", "x", json!({"userId": "user_eve"})));
    host.send(ann, &say("room:update", "q", json!({"isPublic": true})));
    let (eve, frames) = come(&mut host, comer("user_eve"));
    assert_eq!((codes(&frames), host.closed(eve)), (vec!["banned"], Some(Close::Banned)));
}

#[test]
fn access5_who_comes_first_and_may_makes_the_room() {
    for (who, made) in [
        (comer("user_ann"), Ok("owner")),
        (comer("guest:g"), Err(Close::NotFound)),
        (Comer { founds: Founds::No, ..comer("user_ann") }, Err(Close::NotFound)),
        (Comer { founds: Founds::Yes, ..comer("guest:g") }, Ok("viewer")),
    ] {
        let mut host = Host::with(served(), Disk::default());
        let (slot, frames) = come(&mut host, who);
        assert_eq!(role_of(&frames).ok_or_else(|| host.closed(slot).unwrap()), made);
        assert_eq!(host.founded, if made.is_ok() { vec![slot] } else { vec![] });
        assert_eq!(host.disk.record.is_some(), made.is_ok(), "nothing is stored of a room that nobody made");
    }
}

#[test]
fn access5_who_has_made_too_many_may_still_enter_others() {
    let mut host = Host::with(served(), Disk::default());
    let spent = Comer { founds: Founds::Spent, ..comer("user_ann") };
    let (slot, frames) = come(&mut host, spent);
    assert_eq!((codes(&frames), host.closed(slot)), (vec!["limit_rooms"], None));
    come(&mut host, comer("user_bob"));
    let (_, frames) = come(&mut host, spent);
    assert_eq!(role_of(&frames), Some("editor"));
}

#[test]
fn access5_a_room_without_an_owner_gives_guests_what_the_server_says() {
    let mut host = Host::new();
    let (_, frames) = come(&mut host, Comer { founds: Founds::Yes, ..comer("guest:a") });
    assert_eq!(role_of(&frames), Some("editor"));
    let (bob, frames) = come(&mut host, comer("user_bob"));
    assert_eq!(role_of(&frames), Some("editor"));
    assert_eq!(refused(&mut host, bob, &say("room:update", "u", json!({"locked": true}))), "forbidden");
}

#[test]
fn access6_a_right_that_changes_bites_at_once_and_is_told_when_it_is_durable() {
    let (mut host, ann, bob) = owned();
    host.send(ann, &add("a", "i"));
    let drag = |x: u32| json!({"type": "image:transform", "data": {"id": "i", "x": x, "transient": true}}).to_string();
    host.send(bob, &drag(50));
    host.pass(16);
    host.take(ann);
    host.take(bob);
    host.auto = false;
    host.send(ann, &say("member:role", "d", json!({"userId": "user_bob", "role": "viewer"})));
    host.send(bob, &drag(60));
    host.pass(16);
    assert_eq!((host.take(ann), host.take(bob)), (vec![], vec![]), "nothing of it is durable");
    host.auto = true;
    host.answer_all();
    let told = host.take(bob);
    let kinds: Vec<_> = told.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["member:role", "user:updated", "error", "image:transform"], "{told:?}");
    assert_eq!((&told[2]["data"]["code"], &told[2]["data"]["truth"]["x"]), (&json!("forbidden"), &json!(1)));
    assert_eq!((&told[1]["data"]["role"], &told[3]["data"]["x"]), (&json!("viewer"), &json!(1)));
    assert_eq!(host.take_types(ann), ["member:role", "ack", "user:updated", "image:transform"]);
    host.send(bob, &shift("i", 7.0));
    assert_eq!(codes(&host.take(bob)), ["forbidden"]);
}

#[test]
fn access6_who_has_no_role_left_goes() {
    let (mut host, ann, bob) = owned();
    host.send(ann, &say("room:update", "p", json!({"isPublic": false})));
    assert_eq!(host.closed(bob), Some(Close::Forbidden));
    let frames = host.take(ann);
    let left = of_type(&frames, "user:left");
    assert_eq!((left.len(), &left[0]["data"]["reason"]), (1, &json!("expired")));
}

#[test]
fn access6_a_session_that_waits_for_its_client_goes_too() {
    let (mut host, ann, bob) = owned();
    host.lose(bob);
    host.send(ann, &say("member:ban", "b", json!({"userId": "user_bob"})));
    let frames = host.take(ann);
    assert_eq!(of_type(&frames, "user:left")[0]["data"]["reason"], "banned");
    host.pass(60_000);
    assert_eq!(host.take(ann), [] as [Value; 0]);
}

#[test]
fn access7_members_bans_and_links_survive_a_restart() {
    let (mut host, ann, _) = owned();
    host.send(ann, &say("member:role", "m", json!({"userId": "user_bob", "role": "owner"})));
    host.send(ann, &say("member:ban", "b", json!({"userId": "user_eve"})));
    let share = Share { role: Role::Viewer, until: None };
    host.input(Input::Command(Command::Share { ticket: 1, by: "user_ann", id: link(1), share }));
    host.send(ann, &say("room:update", "r", json!({"isPublic": false, "name": "Plan"})));
    let mut host = host.restart(served());
    let (_, frames) = come(&mut host, comer("user_bob"));
    assert_eq!(role_of(&frames), Some("owner"));
    assert_eq!(frames[0]["data"]["room"]["name"], "Plan");
    let (eve, _) = come(&mut host, comer("user_eve"));
    assert_eq!(host.closed(eve), Some(Close::Banned));
    let (_, frames) = come(&mut host, Comer { share: Some(1), ..comer("guest:g") });
    assert_eq!(role_of(&frames), Some("viewer"));
    assert_eq!(host.room.shares("user_bob"), Ok(vec![(link(1), share)]));
}

#[test]
fn access8_a_role_is_given_to_an_organisation_or_to_a_role_in_it() {
    let (mut host, ann, _) = owned();
    host.ask(ann, &say("room:update", "p", json!({"isPublic": false})));
    give(&mut host, ann, "org:org_1", "viewer");
    give(&mut host, ann, "org:org_1:admin", "editor");
    let org = |id, role| Some(Org { id, role });
    for (no, (org, role)) in [
        (org("org_1", Some("member")), Some("viewer")),
        (org("org_1", None), Some("viewer")),
        (org("org_1", Some("admin")), Some("editor")),
        (org("org_2", Some("admin")), None),
        (org("org_1:admin", None), None),
        (org("", Some("org_1")), None),
        (None, None),
    ]
    .into_iter()
    .enumerate()
    {
        let (slot, frames) = come(&mut host, Comer { org, ..comer(&format!("user_{no}")) });
        assert_eq!(role_of(&frames), role, "{org:?}");
        assert_eq!(host.closed(slot), role.is_none().then_some(Close::Forbidden), "{org:?}");
    }
    // One's own role leads, be it less.
    give(&mut host, ann, "user_own", "viewer");
    let (_, frames) = come(&mut host, Comer { org: org("org_1", Some("admin")), ..comer("user_own") });
    assert_eq!(role_of(&frames), Some("viewer"));
}

#[test]
fn access8_no_organisation_owns_a_room_or_is_banned() {
    let (mut host, ann, _) = owned();
    let owner = say("member:role", "o", json!({"userId": "org:org_1:admin", "role": "owner"}));
    assert_eq!(refused(&mut host, ann, &owner), "conflict");
    assert_eq!(refused(&mut host, ann, &say("member:ban", "b", json!({"userId": "org:org_1"}))), "conflict");
}

#[test]
fn access8_a_role_that_an_organisation_loses_is_lost_by_its_people_at_once() {
    let (mut host, ann, _) = owned();
    host.ask(ann, &say("room:update", "p", json!({"isPublic": false})));
    give(&mut host, ann, "org:org_1", "editor");
    let theirs = Some(Org { id: "org_1", role: None });
    let (cat, _) = come(&mut host, Comer { org: theirs, ..comer("user_cat") });
    give(&mut host, ann, "org:org_1", "viewer");
    assert_eq!(of_type(&host.take(cat), "user:updated")[0]["data"]["role"], "viewer");
    give(&mut host, ann, "org:org_1", "none");
    assert_eq!(host.closed(cat), Some(Close::Forbidden));
}

#[test]
fn access8_a_fresh_token_brings_its_own_organisation() {
    let (mut host, ann, _) = owned();
    host.ask(ann, &say("room:update", "p", json!({"defaultRole": "viewer"})));
    give(&mut host, ann, "org:org_1", "editor");
    let (cat, _) = come(&mut host, Comer { lease: Some(100_000), ..comer("user_cat") });
    let acting = |id| Ok(Verified { org: Some(Org { id, role: None }), ..good("user_cat", 200_000).unwrap() });
    let told = refresh(&mut host, cat, acting("org_1"));
    assert_eq!(of_type(&told, "user:updated")[0]["data"]["role"], "editor");
    let told = refresh(&mut host, cat, acting("org_2"));
    assert_eq!(of_type(&told, "user:updated")[0]["data"]["role"], "viewer");
}

#[test]
fn access9_who_asks_from_outside_may_no_more_than_inside() {
    let (mut host, ann, _) = owned();
    let share = Share { role: Role::Viewer, until: None };
    host.input(Input::Command(Command::Share { ticket: 1, by: "user_ann", id: link(1), share }));
    let asks = |host: &Host, who: &Identity<'_>, share: Option<u8>| {
        [Action::Attend, Action::Edit, Action::Share]
            .map(|action| host.room.allows(host.now, who, share.map(link), action).err())
    };
    let (no, locked) = (Some(Code::Forbidden), Some(Code::Locked));
    let (owner, person, guest) =
        (Identity::verified("user_ann"), Identity::verified("user_dan"), Identity::guest("guest:g"));
    assert_eq!(asks(&host, &owner, None), [None, None, None]);
    assert_eq!(asks(&host, &person, None), [None, None, no]);
    assert_eq!(asks(&host, &guest, None), [None, no, no], "a guest looks");
    host.ask(ann, &say("room:update", "p", json!({"isPublic": false, "locked": true})));
    assert_eq!(asks(&host, &owner, None), [None, None, None]);
    assert_eq!(asks(&host, &person, None), [no, no, no]);
    assert_eq!(asks(&host, &person, Some(1)), [None, no, no], "the link is a viewer's");
    assert_eq!(asks(&host, &person, Some(2)), [no, no, no], "no such link");
    give(&mut host, ann, "org:org_1", "editor");
    let org = Some(Org { id: "org_1", role: None });
    assert_eq!(asks(&host, &Identity { org, ..person.clone() }, None), [None, locked, no]);
    let lapsed = Identity { org, lease: Some(host.now), ..person.clone() };
    assert_eq!(asks(&host, &lapsed, None), [None, no, no], "what the host vouches for has ended");
    host.ask(ann, &say("member:ban", "b", json!({"userId": "user_dan"})));
    assert_eq!(asks(&host, &Identity { org, ..person }, Some(1)), [no, no, no]);
    let nowhere = Host::with(served(), Disk::default());
    assert_eq!(asks(&nowhere, &owner, None), [Some(Code::NotFound); 3]);
}

#[test]
fn access7_many_members_take_several_chunks_and_fewer_let_them_go() {
    let mut host = Host::with_config(|config| config.limits.edits.burst = 1_000_000);
    let (ann, _) = come(&mut host, comer("user_ann"));
    let id = |no: u32| format!("user_{no:0>120}");
    let chunks = |host: &Host| host.disk.chunks.keys().filter(|(part, _)| *part == kanvas_core::Part::Members).count();
    for no in 0..600 {
        host.send(ann, &say("member:role", &format!("a{no}"), json!({"userId": id(no), "role": "editor"})));
    }
    assert_eq!(chunks(&host), 2);
    for no in 0..300 {
        host.send(ann, &say("member:role", &format!("r{no}"), json!({"userId": id(no), "role": "none"})));
    }
    assert_eq!(chunks(&host), 1);
    let mut host = host.restart(Config::default());
    let (_, frames) = come(&mut host, comer(&id(599)));
    assert_eq!(role_of(&frames), Some("editor"));
}

#[test]
fn access7_a_change_that_storage_does_not_take_is_undone() {
    let (mut host, ann, bob) = owned();
    host.send(ann, &add("a", "i"));
    host.take(ann);
    host.take(bob);
    host.auto = false;
    host.send(ann, &say("member:kick", "k", json!({"userId": "user_bob"})));
    host.fail(Failure::Full);
    host.auto = true;
    host.answer_all();
    assert_eq!(codes(&host.take(ann)), ["storage_full"]);
    assert_eq!((host.take(bob), host.closed(bob)), (vec![], None));
    host.pass(1000);
    host.auto = false;
    host.send(ann, &say("member:role", "d", json!({"userId": "user_bob", "role": "viewer"})));
    host.fail(Failure::Full);
    host.auto = true;
    host.answer_all();
    host.pass(1000);
    host.take(bob);
    assert_eq!(host.ask(bob, &shift("i", 3.0))[0]["type"], "ack", "Bob edits as before");
}
