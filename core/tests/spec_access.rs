//! The rules of who may do what (ACCESS, OWNER, SHARE, LEASE).

use kanvas_core::access::{Action, Role, Target, may};
use kanvas_core::wire::Dialect;
use kanvas_core::{
    Close, Code, Command, Config, Conn, Done, Failure, Founds, Hello, Identity, Input, Share, ShareId, Span, Standing,
    Time, Verified, View,
};
use serde_json::{Value, json};

mod common;
#[path = "common/talk.rs"]
mod talk;

use common::{Disk, Host, START, Socket, conn};
use talk::{add, chat, codes, join, of_type, shift};

/// A server that lets guests in as each room says, and lets only verified people make rooms.
fn served() -> Config {
    Config { guests: None, ..Config::default() }
}

/// Someone who comes, with what they bring.
#[derive(Clone, Copy)]
struct Comer<'a> {
    user: &'a str,
    share: Option<u8>,
    address: Option<u64>,
    lease: Option<u64>,
    founds: Founds,
    view: View,
}

fn comer(user: &str) -> Comer<'_> {
    let founds = if user.starts_with("guest:") { Founds::No } else { Founds::Yes };
    Comer { user, share: None, address: None, lease: None, founds, view: View::Full }
}

fn link(no: u8) -> ShareId {
    ShareId([no; 16])
}

/// Connects, and does not join yet.
fn knock(host: &mut Host, who: Comer<'_>) -> u32 {
    let slot = u32::try_from(host.sockets.len()).unwrap();
    host.sockets.insert(slot, Socket::default());
    let standing = if who.user.starts_with("guest:") { Standing::Guest } else { Standing::Verified };
    let lease = who.lease.map(|at| Time::from_millis(START + at));
    let identity = Identity { standing, address: who.address, lease, founds: who.founds, ..Identity::guest(who.user) };
    let mut resume = [0xcd; 16];
    resume[..4].copy_from_slice(&slot.to_be_bytes());
    let share = who.share.map(link);
    let hello = Hello { pk: "", dialect: Dialect::KanvasV1, name: None, view: who.view, share, resume };
    host.input(Input::Connect { conn: conn(slot), identity, hello });
    slot
}

/// Connects and joins; gives the socket and what the join was answered with.
fn come(host: &mut Host, who: Comer<'_>) -> (u32, Vec<Value>) {
    let slot = knock(host, who);
    host.send(slot, &join(json!({})));
    (slot, host.take(slot))
}

/// A room that Ann owns, with Bob in it, who is verified too.
fn owned() -> (Host, u32, u32) {
    let mut host = Host::with(served(), Disk::default());
    let (ann, _) = come(&mut host, comer("user_ann"));
    let (bob, _) = come(&mut host, comer("user_bob"));
    host.take(ann);
    (host, ann, bob)
}

fn say(kind: &str, id: &str, data: Value) -> String {
    json!({"type": kind, "id": id, "data": data}).to_string()
}

fn role_of(frames: &[Value]) -> Option<&str> {
    of_type(frames, "room:joined").first().and_then(|frame| frame["data"]["role"].as_str())
}

/// The code that the one refusal among the answers has.
fn refused(host: &mut Host, slot: u32, message: &str) -> String {
    host.take(slot);
    let answers = host.ask(slot, message);
    assert_eq!(answers.len(), 1, "{answers:?}");
    codes(&answers).first().map_or_else(|| format!("{answers:?}"), ToString::to_string)
}

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
    assert_eq!((Role::ALL.len(), Action::ALL.len(), Target::ALL.len()), (3, 8, 4));
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

fn refresh(host: &mut Host, slot: u32, answer: Result<Verified<'_>, Close>) -> Vec<Value> {
    host.send(slot, &json!({"type": "auth:refresh", "data": {"token": "t.o.k"}}).to_string());
    let (effect, token) = host.tokens.pop().expect("it is checked");
    assert_eq!(token, "t.o.k");
    host.input(Input::Done { effect, result: Done::Verified(answer) });
    host.take(slot)
}

fn good(user: &str, until: u64) -> Result<Verified<'_>, Close> {
    Ok(Verified { user, lease: Time::from_millis(START + until) })
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
