//! People who come to a room with what they bring, and what owners say. Shared by the tests of rights.
#![allow(dead_code, reason = "each test file uses its own part")]

use kanvas_core::wire::Dialect;
use kanvas_core::{Close, Config, Done, Founds, Hello, Identity, Input, Org, ShareId, Standing, Time, Verified, View};
use serde_json::{Value, json};

use crate::common::{Disk, Host, START, Socket, conn};
use crate::talk::{codes, join, of_type};

/// A server that lets guests in as each room says, and lets only verified people make rooms.
pub(crate) fn served() -> Config {
    Config { guests: None, ..Config::default() }
}

/// Someone who comes, with what they bring.
#[derive(Clone, Copy)]
pub(crate) struct Comer<'a> {
    pub(crate) user: &'a str,
    pub(crate) share: Option<u8>,
    pub(crate) address: Option<u64>,
    pub(crate) lease: Option<u64>,
    pub(crate) founds: Founds,
    pub(crate) view: View,
    pub(crate) org: Option<Org<'a>>,
}

pub(crate) fn comer(user: &str) -> Comer<'_> {
    let founds = if user.starts_with("guest:") { Founds::No } else { Founds::Yes };
    Comer { user, share: None, address: None, lease: None, founds, view: View::Full, org: None }
}

pub(crate) fn link(no: u8) -> ShareId {
    ShareId([no; 16])
}

/// Connects, and does not join yet.
pub(crate) fn knock(host: &mut Host, who: Comer<'_>) -> u32 {
    let slot = u32::try_from(host.sockets.len()).unwrap();
    host.sockets.insert(slot, Socket::default());
    let standing = if who.user.starts_with("guest:") { Standing::Guest } else { Standing::Verified };
    let lease = who.lease.map(|at| Time::from_millis(START + at));
    let Comer { user, address, founds, org, .. } = who;
    let identity = Identity { standing, org, address, lease, founds, ..Identity::guest(user) };
    let mut resume = [0xcd; 16];
    resume[..4].copy_from_slice(&slot.to_be_bytes());
    let share = who.share.map(link);
    let hello = Hello { pk: "", dialect: Dialect::KanvasV1, name: None, view: who.view, share, resume };
    host.input(Input::Connect { conn: conn(slot), identity, hello });
    slot
}

/// Connects and joins; gives the socket and what the join was answered with.
pub(crate) fn come(host: &mut Host, who: Comer<'_>) -> (u32, Vec<Value>) {
    let slot = knock(host, who);
    host.send(slot, &join(json!({})));
    (slot, host.take(slot))
}

/// A room that Ann owns, with Bob in it, who is verified too.
pub(crate) fn owned() -> (Host, u32, u32) {
    let mut host = Host::with(served(), Disk::default());
    let (ann, _) = come(&mut host, comer("user_ann"));
    let (bob, _) = come(&mut host, comer("user_bob"));
    host.take(ann);
    (host, ann, bob)
}

pub(crate) fn say(kind: &str, id: &str, data: Value) -> String {
    json!({"type": kind, "id": id, "data": data}).to_string()
}

pub(crate) fn role_of(frames: &[Value]) -> Option<&str> {
    of_type(frames, "room:joined").first().and_then(|frame| frame["data"]["role"].as_str())
}

/// The code that the one refusal among the answers has.
pub(crate) fn refused(host: &mut Host, slot: u32, message: &str) -> String {
    host.take(slot);
    let answers = host.ask(slot, message);
    assert_eq!(answers.len(), 1, "{answers:?}");
    codes(&answers).first().map_or_else(|| format!("{answers:?}"), ToString::to_string)
}

/// Gives a role, as an owner does.
pub(crate) fn give(host: &mut Host, slot: u32, user: &str, role: &str) {
    let id = format!("{user}{role}");
    let answers = host.ask(slot, &say("member:role", &id, json!({"userId": user, "role": role})));
    assert_eq!(of_type(&answers, "ack").len(), 1, "{answers:?}");
}

pub(crate) fn refresh(host: &mut Host, slot: u32, answer: Result<Verified<'_>, Close>) -> Vec<Value> {
    host.send(slot, &json!({"type": "auth:refresh", "data": {"token": "t.o.k"}}).to_string());
    let (effect, token) = host.tokens.pop().expect("it is checked");
    assert_eq!(token, "t.o.k");
    host.input(Input::Done { effect, result: Done::Verified(answer) });
    host.take(slot)
}

pub(crate) fn good(user: &str, until: u64) -> Result<Verified<'_>, Close> {
    Ok(Verified { user, org: None, lease: Time::from_millis(START + until) })
}
