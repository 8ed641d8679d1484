//! Those who watch the list: what each was told, and the copy of the list that each makes of it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::Deserialize;
use serde_json::Value;

use super::model::by_activity;
use crate::errors::Close;
use crate::id::{Conn, RoomId};
use crate::limits::{Limits, Rate};
use crate::listing::Listing;
use crate::outbox::{Group, Op, To};
use crate::time::{Span, Time};

/// What the list says, as a client reads it.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(super) enum Frame {
    Rooms { rooms: Vec<Listing> },
    RoomAdded { room: Listing },
    RoomUpdated { room_id: RoomId, updates: Updates },
    RoomRemoved { room_id: RoomId },
    Error { data: Value },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Updates {
    user_count: u32,
    last_activity: Time,
    name: Option<String>,
}

/// A copy of the list.
pub(super) type Copy = BTreeMap<RoomId, Listing>;

pub(super) fn copy(rooms: &[Listing]) -> Copy {
    rooms.iter().map(|room| (room.id.clone(), room.clone())).collect()
}

/// What one watcher was answered.
#[derive(Debug)]
pub(super) enum Answer {
    Pong,
    Error(Value),
}

/// Somebody who watches.
pub(super) struct Watcher {
    pub(super) user: u8,
    pub(super) slow: bool,
    pub(super) copy: Option<Copy>,
    grouped: Option<Group>,
    pub(super) allowance: Allowance,
}

/// DIR8: what a watcher may still say.
#[derive(Clone)]
pub(super) struct Allowance {
    /// In thousandths of a message.
    level: u64,
    at: Time,
    unreadable: Vec<Time>,
    refused: Vec<Time>,
}

impl Allowance {
    fn new(limits: &Limits, now: Time) -> Allowance {
        let level = u64::from(limits.control.burst) * 1000;
        Allowance { level, at: now, unreadable: Vec::new(), refused: Vec::new() }
    }

    /// RATE5: whether one more message may be said now.
    pub(super) fn spend(&mut self, Rate { per_sec, burst }: Rate, now: Time) -> bool {
        let gained = now.since(self.at).as_millis().saturating_mul(per_sec.into());
        self.level = self.level.saturating_add(gained).min(u64::from(burst) * 1000);
        self.at = now;
        let may = self.level >= 1000;
        self.level -= if may { 1000 } else { 0 };
        may
    }

    /// LIMIT3 and LIMIT4: how the socket ends for what was refused now, if it does.
    pub(super) fn refuse(&mut self, unreadable: bool, limits: &Limits, now: Time) -> Option<Close> {
        let count = |times: &mut Vec<Time>, span: Span| {
            if times.first().is_some_and(|first| now.since(*first) >= span) {
                times.clear();
            }
            times.push(now);
            times.len()
        };
        let garbage = unreadable && count(&mut self.unreadable, limits.garbage_window) >= limits.garbage as usize;
        let abuse = count(&mut self.refused, limits.abuse_window) >= limits.abuse as usize;
        if garbage { Some(Close::BadProtocol) } else { abuse.then_some(Close::RateLimited) }
    }
}

/// What came of one input.
#[derive(Default)]
pub(super) struct Outcome {
    /// What single sockets were answered, in order.
    pub(super) answers: Vec<(Conn, Answer)>,
    pub(super) closed: Vec<(Conn, Close)>,
    /// Whom the whole list was told.
    pub(super) greeted: BTreeSet<Conn>,
    /// How many frames everyone was told.
    pub(super) batch: usize,
}

/// See the module.
#[derive(Default)]
pub(super) struct Watchers {
    pub(super) all: BTreeMap<Conn, Watcher>,
    /// What everyone was told so far who kept up.
    pub(super) told: Copy,
}

impl Watchers {
    pub(super) fn come(&mut self, conn: Conn, user: u8, limits: &Limits, now: Time) {
        let allowance = Allowance::new(limits, now);
        self.all.insert(conn, Watcher { user, slow: false, copy: None, grouped: None, allowance });
    }

    /// DIR14: the list is forgotten, and what it knew of their sockets with it.
    pub(super) fn forget(&mut self, limits: &Limits, now: Time) {
        for watcher in self.all.values_mut() {
            (watcher.grouped, watcher.allowance) = (None, Allowance::new(limits, now));
        }
    }

    pub(super) fn sockets_of(&self, user: u8) -> usize {
        self.all.values().filter(|watcher| watcher.user == user).count()
    }

    /// Does what the list says.
    pub(super) fn carry_out(&mut self, op: Op<'_>, outcome: &mut Outcome) {
        match op {
            Op::Group { conn, group } => self.watcher(conn).grouped = group,
            Op::Send { to: To::One(conn), frame, .. } => self.deliver(conn, &frame.to_vec(), outcome),
            Op::Send { to: To::Group { group, except }, frame, .. } => {
                assert_eq!(except, None, "DIR3: everyone is told the same");
                let frame = read(&frame.to_vec());
                apply(&mut self.told, &frame);
                for watcher in self.all.values_mut().filter(|watcher| watcher.grouped == Some(group)) {
                    assert!(!watcher.slow, "DIR4: a batch for who is over their mark");
                    apply(watcher.copy.as_mut().expect("DIR2: the whole list comes first"), &frame);
                }
                outcome.batch += 1;
            }
            Op::Close { conn, close } => {
                assert!(self.all.remove(&conn).is_some(), "a socket is closed once");
                outcome.closed.push((conn, close));
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

    fn watcher(&mut self, conn: Conn) -> &mut Watcher {
        self.all.get_mut(&conn).expect("only those who are there are spoken of")
    }

    fn deliver(&mut self, conn: Conn, frame: &[u8], outcome: &mut Outcome) {
        if frame == b"pong" {
            return outcome.answers.push((conn, Answer::Pong));
        }
        let rooms = match read(frame) {
            Frame::Rooms { rooms } => rooms,
            Frame::Error { data } => return outcome.answers.push((conn, Answer::Error(data))),
            frame @ (Frame::RoomAdded { .. } | Frame::RoomUpdated { .. } | Frame::RoomRemoved { .. }) => {
                panic!("DIR3: {frame:?} for one alone")
            }
        };
        assert!(rooms.is_sorted_by_key(by_activity), "DIR2: the latest come first");
        if self.all.values().all(|watcher| watcher.copy.is_none()) {
            self.told = copy(&rooms);
        }
        let told = copy(&rooms);
        assert_eq!((told.len(), &told), (rooms.len(), &self.told), "DIR2, DIR4: the list is what the others were told");
        let watcher = self.watcher(conn);
        assert!(watcher.copy.is_none() || watcher.slow, "DIR2: the whole list comes once");
        (watcher.copy, watcher.slow) = (Some(told), false);
        assert!(outcome.greeted.insert(conn), "DIR2: the whole list comes once");
    }
}

fn read(frame: &[u8]) -> Frame {
    let text = String::from_utf8_lossy(frame).to_string();
    serde_json::from_slice(frame).unwrap_or_else(|error| panic!("{text} is no frame of the list: {error}"))
}

/// DIR3: changes a copy as a frame says, which must be a change.
fn apply(copy: &mut Copy, frame: &Frame) {
    match frame {
        Frame::RoomAdded { room } => {
            let was = copy.insert(room.id.clone(), room.clone());
            assert_eq!(was, None, "DIR3: a room is added that is there");
        }
        Frame::RoomRemoved { room_id } => {
            assert!(copy.remove(room_id).is_some(), "DIR3: a room goes that is not there");
        }
        Frame::RoomUpdated { room_id, updates: Updates { user_count, last_activity, name } } => {
            let room = copy.get_mut(room_id).expect("DIR3: a room changes that is not there");
            let was = room.clone();
            (room.user_count, room.last_activity) = (*user_count, *last_activity);
            if let Some(name) = name {
                assert_ne!(**name, *room.name, "DIR3: the same name is no news");
                room.name = name.as_str().into();
            }
            assert_ne!(*room, was, "DIR3: no news");
        }
        Frame::Rooms { .. } | Frame::Error { .. } => panic!("DIR3: {frame:?} for everyone"),
    }
}
