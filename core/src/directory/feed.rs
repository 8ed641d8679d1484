//! Those who watch the list, and what they are shown: the rooms that were active last. One batch of frames a second,
//! equal for all, that makes what they were shown into what there is.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Reverse;
use serde::{Deserialize, Serialize};

use super::rooms::Rooms;
use crate::id::{Conn, RoomId};
use crate::kinds::FrameKind;
use crate::limits::Limits;
use crate::listing::Listing;
use crate::outbox::{Group, Outbox, To};
use crate::rate::{Bucket, Window};
use crate::time::Time;
use crate::wire::json::{Writer, write_list};

/// The audience of those who keep up.
const ALL: Group = Group(0);

/// See the module.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Feed {
    watchers: BTreeMap<Conn, Watcher>,
    users: BTreeMap<Box<str>, u32>,
    /// What every watcher was told there is.
    shown: BTreeMap<RoomId, Listing>,
    /// The version of the rooms that it was made from.
    version: u64,
    /// When the last batch left.
    flushed: Time,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Watcher {
    user: Box<str>,
    /// Gets no batches until its queue is empty.
    slow: bool,
    pub(super) control: Bucket,
    pub(super) garbage: Window,
    pub(super) abuse: Window,
}

impl Feed {
    pub(super) fn watchers(&self) -> usize {
        self.watchers.len()
    }

    pub(super) fn watcher(&mut self, conn: Conn) -> Option<&mut Watcher> {
        self.watchers.get_mut(&conn)
    }

    pub(super) fn conns(&self) -> Vec<Conn> {
        self.watchers.keys().copied().collect()
    }

    pub(super) fn sockets_of(&self, user: &str) -> u32 {
        self.users.get(user).copied().unwrap_or(0)
    }

    /// DIR2: takes somebody in, who is shown what the others were.
    pub(super) fn greet(
        &mut self,
        now: Time,
        conn: Conn,
        user: &str,
        rooms: &Rooms,
        limits: &Limits,
        out: &mut Outbox,
    ) {
        if self.watchers.is_empty() {
            self.shown = newest(rooms, limits);
            (self.version, self.flushed) = (rooms.version(), now);
        }
        self.seat(now, conn, user, limits, out);
        self.show(conn, out);
    }

    /// DIR14: takes somebody in who was shown what there is, a while ago: what changes is told at once.
    pub(super) fn resume(
        &mut self,
        now: Time,
        conn: Conn,
        user: &str,
        rooms: &Rooms,
        limits: &Limits,
        out: &mut Outbox,
    ) {
        if self.watchers.is_empty() {
            self.shown = newest(rooms, limits);
            (self.version, self.flushed) = (rooms.version(), Time::default());
        }
        self.seat(now, conn, user, limits, out);
    }

    fn seat(&mut self, now: Time, conn: Conn, user: &str, limits: &Limits, out: &mut Outbox) {
        let watcher = Watcher {
            user: user.into(),
            slow: false,
            control: Bucket::full(limits.control, now),
            garbage: Window::new(now),
            abuse: Window::new(now),
        };
        if self.watchers.insert(conn, watcher).is_none() {
            *self.users.entry(user.into()).or_default() += 1;
        }
        out.group(conn, Some(ALL));
    }

    fn show(&self, conn: Conn, out: &mut Outbox) {
        let mut rooms: Vec<&Listing> = self.shown.values().collect();
        rooms.sort_by(|one, other| by_activity(one).cmp(&by_activity(other)));
        let bytes = out.encode(|arena| {
            let mut frame = Writer::object(arena);
            frame.text("type", "rooms");
            write_rooms(frame.key("rooms"), rooms.iter().copied());
            frame.end();
        });
        out.send(To::One(conn), FrameKind::List, bytes);
    }

    pub(super) fn leave(&mut self, conn: Conn) -> Option<Watcher> {
        let watcher = self.watchers.remove(&conn)?;
        if let Some(sockets) = self.users.get_mut(&watcher.user) {
            *sockets -= 1;
            if *sockets == 0 {
                self.users.remove(&watcher.user);
            }
        }
        if self.watchers.is_empty() {
            self.shown.clear();
        }
        Some(watcher)
    }

    /// DIR4: who reads slowly gets no batches, and the whole list once they have caught up.
    pub(super) fn press(&mut self, conn: Conn, slow: bool, out: &mut Outbox) {
        let Some(watcher) = self.watchers.get_mut(&conn).filter(|watcher| watcher.slow != slow) else { return };
        watcher.slow = slow;
        if slow {
            return out.group(conn, None);
        }
        out.group(conn, Some(ALL));
        self.show(conn, out);
    }

    /// When the next batch leaves.
    pub(super) fn due(&self, rooms: &Rooms, limits: &Limits) -> Option<Time> {
        (!self.watchers.is_empty() && self.version != rooms.version()).then(|| self.flushed + limits.feed)
    }

    /// DIR3: lets a batch leave if it is time.
    pub(super) fn settle(&mut self, now: Time, rooms: &mut Rooms, limits: &Limits, out: &mut Outbox) {
        if self.due(rooms, limits).is_none_or(|due| due > now) {
            return;
        }
        let shown = core::mem::replace(&mut self.shown, newest(rooms, limits));
        (self.version, self.flushed) = (rooms.version(), now);
        for (id, _) in shown.iter().filter(|(id, was)| self.shown.get(*id).is_none_or(|room| !is_same(was, room))) {
            tell(out, "room-removed", |frame| {
                frame.text("roomId", id.as_str());
            });
        }
        for (id, room) in &self.shown {
            match shown.get(id).filter(|was| is_same(was, room)) {
                None => tell(out, "room-added", |frame| write_room(frame.key("room"), room)),
                Some(was) if was != room => tell(out, "room-updated", |frame| {
                    frame.text("roomId", id.as_str());
                    let mut updates = Writer::object(frame.key("updates"));
                    updates.integer("userCount", room.user_count.into());
                    updates.integer("lastActivity", room.last_activity.as_millis());
                    if was.name != room.name {
                        updates.text("name", &room.name);
                    }
                    updates.end();
                }),
                Some(_) => {}
            }
        }
    }

    /// States what must always hold.
    pub(super) fn check(&self, limits: &Limits) -> Result<(), &'static str> {
        let sockets: u32 = self.users.values().sum();
        if sockets as usize != self.watchers.len() {
            return Err("directory: watchers are miscounted");
        }
        match self.shown.len() <= limits.feed_rooms as usize && (self.shown.is_empty() || sockets > 0) {
            true => Ok(()),
            false => Err("directory: more is shown than is to be"),
        }
    }
}

/// Whether `room-updated` has a word for all that differs; a room that was made anew under its id goes and comes.
fn is_same(was: &Listing, room: &Listing) -> bool {
    (was.created_at, &was.creator_name) == (room.created_at, &room.creator_name)
}

fn by_activity(room: &Listing) -> (Reverse<Time>, &RoomId) {
    (Reverse(room.last_activity), &room.id)
}

/// The rooms that were active last.
fn newest(rooms: &Rooms, limits: &Limits) -> BTreeMap<RoomId, Listing> {
    let most = limits.feed_rooms as usize;
    let mut all: Vec<&Listing> = rooms.all().map(|entry| &entry.listing).collect();
    if all.len() > most && most > 0 {
        all.select_nth_unstable_by(most - 1, |one, other| by_activity(one).cmp(&by_activity(other)));
    }
    all.truncate(most);
    all.into_iter().map(|room| (room.id.clone(), room.clone())).collect()
}

fn tell(out: &mut Outbox, kind: &str, write: impl FnOnce(&mut Writer<'_>)) {
    let bytes = out.encode(|arena| {
        let mut frame = Writer::object(arena);
        frame.text("type", kind);
        write(&mut frame);
        frame.end();
    });
    out.send(To::Group { group: ALL, except: None }, FrameKind::List, bytes);
}

/// A list of rooms as JSON.
pub(super) fn write_rooms<'a>(out: &mut Vec<u8>, rooms: impl Iterator<Item = &'a Listing>) {
    write_list(out, rooms, |room, out| write_room(out, room));
}

fn write_room(out: &mut Vec<u8>, room: &Listing) {
    let mut data = Writer::object(out);
    data.text("id", room.id.as_str());
    data.text("name", &room.name);
    data.bool("isPublic", room.is_public);
    data.integer("createdAt", room.created_at.as_millis());
    data.integer("lastActivity", room.last_activity.as_millis());
    data.integer("userCount", room.user_count.into());
    match &room.creator_name {
        Some(name) => data.text("creatorName", name),
        None => data.raw("creatorName", "null"),
    };
    data.end();
}
