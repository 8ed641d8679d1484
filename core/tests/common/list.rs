//! The list of rooms with a host that does what it says, for the tests of it.
#![allow(missing_docs, reason = "tests")]

use std::collections::BTreeMap;

use kanvas_core::directory::{Directory, Input, Query};
use kanvas_core::{Close, Config, Conn, Group, Listing, Op, Outbox, RoomId, Span, Time, To};
use serde_json::Value;

pub(crate) const START: u64 = 1_790_000_000_000;

/// The list with a host that does what it says.
pub(crate) struct Host {
    pub(crate) list: Directory,
    pub(crate) now: Time,
    /// By slot: what was sent, and how it was closed.
    pub(crate) frames: BTreeMap<u32, Vec<Value>>,
    pub(crate) closed: BTreeMap<u32, Close>,
    pub(crate) group: BTreeMap<u32, Option<Group>>,
    /// Everything that was ever said.
    pub(crate) said: String,
}

pub(crate) fn conn(slot: u32) -> Conn {
    Conn { slot, generation: 1 }
}

impl Host {
    pub(crate) fn new() -> Host {
        Host::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Host {
        let mut config = Config::default();
        change(&mut config);
        let (list, now) = (Directory::new(&config, 7), Time::from_millis(START));
        let (frames, closed, group) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Host { list, now, frames, closed, group, said: String::new() }
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        let mut out = Outbox::new();
        self.list.handle(self.now, input, &mut out);
        self.list.check().unwrap();
        for op in out.ops() {
            let now = self.now.as_millis();
            if let Op::Send { to, kind, frame } = &op {
                let lane = kind.lane();
                let text = String::from_utf8(frame.to_vec()).unwrap();
                self.said.push_str(&format!("{now} {to:?} {lane:?} {text}\n"));
            } else {
                self.said.push_str(&format!("{now} {op:?}\n"));
            }
            match op {
                Op::Group { conn, group } => drop(self.group.insert(conn.slot, group)),
                Op::Send { to, frame, .. } => {
                    let text = String::from_utf8(frame.to_vec()).unwrap();
                    let frame: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
                    let to: Vec<u32> = match to {
                        To::One(conn) => vec![conn.slot],
                        To::Group { group, except: None } => {
                            let members = self.group.iter().filter(|(_, of)| **of == Some(group));
                            members.map(|(slot, _)| *slot).collect()
                        }
                        To::Group { except: Some(_), .. } => panic!("nobody is left out"),
                    };
                    for slot in to {
                        self.frames.entry(slot).or_default().push(frame.clone());
                    }
                }
                Op::Close { conn, close } => {
                    self.group.remove(&conn.slot);
                    assert_eq!(self.closed.insert(conn.slot, close), None);
                }
                Op::Attach { .. }
                | Op::Load { .. }
                | Op::Store { .. }
                | Op::Verify { .. }
                | Op::Founded { .. }
                | Op::Reply { .. }
                | Op::Announce { .. }
                | Op::Forget
                | Op::Notice { .. }
                | Op::Sleep => panic!("a list does not say {op:?}"),
            }
        }
    }

    pub(crate) fn watch(&mut self, slot: u32) -> Vec<Value> {
        self.input(Input::Connect { conn: conn(slot), user: &format!("u{slot}") });
        self.take(slot)
    }

    pub(crate) fn say(&mut self, slot: u32, text: &str) -> Vec<Value> {
        self.input(Input::Message { conn: conn(slot), bytes: text.as_bytes() });
        self.take(slot)
    }

    pub(crate) fn announce(&mut self, room: &Listing) {
        self.input(Input::Announced(room));
    }

    pub(crate) fn take(&mut self, slot: u32) -> Vec<Value> {
        self.frames.remove(&slot).unwrap_or_default()
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now + Span::from_millis(millis);
        while let Some(at) = self.list.deadline().filter(|at| *at <= end) {
            assert!(at > self.now, "a deadline that was due stayed due");
            self.now = at;
            self.input(Input::Tick);
        }
        self.now = end;
    }

    pub(crate) fn ids(&self, query: &Query) -> Vec<String> {
        self.list.page(query).rooms.iter().map(|room| room.id.to_string()).collect()
    }
}

pub(crate) fn room(id: &str, activity: u64) -> Listing {
    let at = Time::from_millis(START + activity);
    Listing {
        id: RoomId::new(id).unwrap(),
        name: id.into(),
        is_public: true,
        created_at: at,
        last_activity: at,
        user_count: 0,
        creator_name: None,
    }
}
