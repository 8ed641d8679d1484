//! Target `directory`: the list of rooms beside a plain one, which looks at every room for every question. What is
//! found, in which order and in which pages, and what watchers have been told, are those of the plain list.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Reverse;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::bytes::Bytes;
use crate::directory::{Directory, Input, Query, Sort};
use crate::id::{Conn, RoomId};
use crate::input::Pressure;
use crate::limits::{Config, Limits};
use crate::listing::Listing;
use crate::outbox::{Group, Op, Outbox, To};
use crate::time::{Span, Time};

/// Names that are hard to tell apart, or fold into each other.
const NAMES: [&str; 8] = ["Plans", "plans of Ann", "PLANS", "\u{c5}rhus", "A\u{30a}rhus", "\u{ff30}lans", "a", "Zoo"];
const CREATORS: [Option<&str>; 4] = [None, Some("Ann"), Some("ann lee"), Some("Bob")];
const SEARCHES: [&str; 8] = ["", "plans", "ANN", "ann plans", "\u{e5}rhus", "r1", "zoo bob", "nothing"];

/// A room as the plain list has it.
struct Known {
    listing: Listing,
    heard: Time,
    idle: Time,
}

/// The plain list.
struct Plain {
    rooms: Vec<Known>,
    limits: Limits,
}

impl Plain {
    fn put(&mut self, now: Time, room: &Listing) {
        if !room.is_public {
            return self.rooms.retain(|known| known.listing.id != room.id);
        }
        if let Some(known) = self.rooms.iter_mut().find(|known| known.listing.id == room.id) {
            let emptied = known.listing.user_count > 0 && room.user_count == 0;
            known.idle = known.idle.max(room.last_activity).max(if emptied { now } else { Time::default() });
            (known.heard, known.listing) = (now, room.clone());
            return;
        }
        let known = Known { listing: room.clone(), heard: now, idle: room.last_activity };
        if self.is_over(now, &known) && room.user_count == 0 {
            return;
        }
        self.rooms.push(known);
        if self.rooms.len() > self.limits.listed_rooms as usize {
            let order = |known: &Known| {
                let Listing { user_count, last_activity, id, .. } = &known.listing;
                (*user_count > 0, *last_activity, id.clone())
            };
            self.rooms.sort_by_key(order);
            self.rooms.remove(0);
        }
    }

    fn is_over(&self, now: Time, known: &Known) -> bool {
        self.limits.listed_idle.is_some_and(|span| known.idle + span <= now)
    }

    fn expire(&mut self, now: Time) {
        let silent = self.limits.listed_silent;
        for known in &mut self.rooms {
            if known.listing.user_count > 0 && silent.is_some_and(|span| known.heard + span <= now) {
                known.listing.user_count = 0;
                known.idle = known.idle.max(known.heard);
            }
        }
        let idle = self.limits.listed_idle;
        self.rooms.retain(|known| known.listing.user_count > 0 || idle.is_none_or(|span| known.idle + span > now));
    }

    /// What watchers should know once they have been told everything.
    fn shown(&self) -> BTreeMap<String, (u32, u64, String)> {
        let mut all: Vec<&Listing> = self.rooms.iter().map(|known| &known.listing).collect();
        all.sort_by_key(|room| (Reverse(room.last_activity), &room.id));
        all.truncate(self.limits.feed_rooms as usize);
        let entry = |room: &Listing| (room.user_count, room.last_activity.as_millis(), room.name.to_string());
        all.into_iter().map(|room| (room.id.to_string(), entry(room))).collect()
    }

    fn found(&self, q: &str, sort: Sort) -> Vec<&Listing> {
        let holds = |room: &&Listing| {
            let texts = [&*room.name, room.id.as_str(), room.creator_name.as_deref().unwrap_or_default()];
            fold(q).split_whitespace().all(|word| texts.iter().any(|text| fold(text).contains(word)))
        };
        let mut found: Vec<&Listing> = self.rooms.iter().map(|known| &known.listing).filter(holds).collect();
        match sort {
            Sort::Activity => found.sort_by_key(|room| (Reverse(room.last_activity), &room.id)),
            Sort::Created => found.sort_by_key(|room| (Reverse(room.created_at), &room.id)),
            Sort::Users => found.sort_by_key(|room| (Reverse(room.user_count), &room.id)),
            Sort::Name => found.sort_by_key(|room| (fold(&room.name), room.id.clone())),
        }
        found
    }
}

fn fold(text: &str) -> String {
    let small = |text: String| text.chars().flat_map(char::to_lowercase).collect::<String>();
    let capitals = small(text.nfkc().collect()).chars().flat_map(char::to_uppercase).collect();
    small(capitals).nfkc().collect()
}

/// Somebody who watches, and what they know by what they were told.
#[derive(Default)]
struct Watcher {
    group: Option<Group>,
    known: BTreeMap<String, (u32, u64, String)>,
}

impl Watcher {
    fn take(&mut self, frame: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let entry = |room: &Value| {
            let users = room["userCount"].as_u64().and_then(|users| u32::try_from(users).ok()).expect("a count");
            (users, room["lastActivity"].as_u64().expect("a time"), text(&room["name"]))
        };
        match frame["type"].as_str() {
            Some("rooms") => {
                let rooms = frame["rooms"].as_array().expect("a list");
                self.known = rooms.iter().map(|room| (text(&room["id"]), entry(room))).collect();
            }
            Some("room-added") => {
                let room = &frame["room"];
                assert!(self.known.insert(text(&room["id"]), entry(room)).is_none(), "DIR3: added twice: {frame}");
            }
            Some("room-removed") => {
                assert!(self.known.remove(&text(&frame["roomId"])).is_some(), "DIR3: nobody knew it: {frame}");
            }
            Some("room-updated") => {
                let known = self.known.get_mut(&text(&frame["roomId"])).expect("DIR3: an update of what is known");
                let (users, activity, name) = entry(&frame["updates"]);
                (known.0, known.1) = (users, activity);
                if !name.is_empty() {
                    known.2 = name;
                }
            }
            Some("error") => {}
            kind => panic!("DIR3: {kind:?} is told"),
        }
    }
}

/// The list, the plain one, and everyone who watches.
struct Table {
    list: Directory,
    plain: Plain,
    watchers: BTreeMap<Conn, Watcher>,
    now: Time,
    batch: Option<Time>,
}

impl Table {
    fn input(&mut self, input: Input<'_>) {
        let mut out = Outbox::new();
        self.list.handle(self.now, input, &mut out);
        self.plain.expire(self.now);
        assert_eq!(self.list.check(), Ok(()));
        assert!(self.list.deadline().is_none_or(|at| at > self.now), "DIR12: what is due stays due");
        for op in out.ops() {
            match op {
                Op::Group { conn, group } => self.watchers.entry(conn).or_default().group = group,
                Op::Close { conn, .. } => drop(self.watchers.remove(&conn)),
                Op::Send { to, frame, .. } => {
                    let Ok(frame) = serde_json::from_slice::<Value>(&frame.to_vec()) else { continue };
                    match to {
                        To::One(conn) => self.watchers.entry(conn).or_default().take(&frame),
                        To::Group { group, .. } => {
                            let early =
                                self.batch.is_some_and(|at| at < self.now && self.now < at + self.plain.limits.feed);
                            assert!(!early, "DIR3: a batch before its time");
                            self.batch = Some(self.now);
                            let hear = self.watchers.values_mut().filter(|watcher| watcher.group == Some(group));
                            hear.for_each(|watcher| watcher.take(&frame));
                        }
                    }
                }
                Op::Attach { .. }
                | Op::Load { .. }
                | Op::Store { .. }
                | Op::Verify { .. }
                | Op::Founded { .. }
                | Op::Reply { .. }
                | Op::Announce { .. }
                | Op::Forget
                | Op::Sleep => panic!("a list does not say {op:?}"),
            }
        }
        assert_eq!(self.list.len(), self.plain.rooms.len(), "DIR1, DIR5, DIR6");
    }

    /// Everyone who keeps up has been told of everything once a batch had its time.
    fn settle(&mut self) {
        self.now = self.now + self.plain.limits.feed;
        self.input(Input::Tick);
        let shown = self.plain.shown();
        for watcher in self.watchers.values().filter(|watcher| watcher.group.is_some()) {
            assert_eq!(watcher.known, shown, "DIR2, DIR3, DIR4");
        }
    }

    /// Walks through all pages.
    fn search(&self, q: &str, sort: Sort, limit: u8) {
        let there = self.plain.found(q, sort);
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let asked = Query::read(Some(q), Some(sort.as_str()), Some(&limit.to_string()), cursor.as_deref());
            let page = self.list.page(&asked.expect("a query"));
            assert_eq!(page.total as usize, there.len(), "DIR9: how many there are");
            assert!(page.rooms.len() <= usize::from(limit) && (!page.rooms.is_empty() || there.is_empty()));
            seen.extend(page.rooms);
            match page.cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, there, "DIR9, DIR10: {q:?} by {sort:?}");
    }
}

/// # Panics
/// If the two lists differ.
pub fn directory(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mut config = Config::default();
    let limits = &mut config.limits;
    (limits.listed_rooms, limits.feed_rooms) = (2 + u32::from(bytes.byte() % 12), 1 + u32::from(bytes.byte() % 4));
    (limits.room_connections, limits.user_connections) = (4, 2);
    limits.listed_idle = (bytes.byte() > 0).then_some(Span::from_secs(60));
    limits.listed_silent = (bytes.byte() > 0).then_some(Span::from_secs(20));
    let plain = Plain { rooms: Vec::new(), limits: config.limits.clone() };
    let (list, now) = (Directory::new(&config, 7), Time::from_millis(1_790_000_000_000));
    let mut table = Table { list, plain, watchers: BTreeMap::new(), now, batch: None };
    while !bytes.is_empty() {
        let conn = |no: u8| Conn { slot: u32::from(no % 8), generation: 1 };
        match bytes.byte() % 16 {
            0 | 1 => {
                let conn = conn(bytes.byte());
                if !table.watchers.contains_key(&conn) {
                    let user = *bytes.pick(&["ann", "bob", "eve"]);
                    table.input(Input::Connect { conn, user });
                }
            }
            2 => {
                let conn = conn(bytes.byte());
                table.watchers.remove(&conn);
                table.input(Input::Disconnect { conn });
            }
            3 => {
                let level = if bytes.byte().is_multiple_of(2) { Pressure::High } else { Pressure::Clear };
                table.input(Input::Pressure { conn: conn(bytes.byte()), level });
            }
            4 => {
                let (conn, len) = (conn(bytes.byte()), usize::from(bytes.byte()));
                table.input(Input::Message { conn, bytes: bytes.take(len) });
            }
            5 => {
                let room = room_id(bytes.byte());
                table.plain.rooms.retain(|known| known.listing.id != room);
                table.input(Input::Forgotten(&room));
            }
            6 | 7 => {
                table.now = table.now + Span::from_millis(bytes.short());
                table.input(Input::Tick);
            }
            8 => table.settle(),
            9 | 10 => {
                let (q, sort) = (*bytes.pick(&SEARCHES), *bytes.pick(Sort::ALL));
                table.search(q, sort, 1 + bytes.byte() % 5);
            }
            11 => {
                let mut saved = Vec::new();
                table.list.save(&mut saved);
                table.list = Directory::restore(&saved).expect("what was saved is restored");
            }
            _ => {
                let ago = Span::from_millis(bytes.short());
                let at = Time::from_millis(table.now.as_millis() - ago.as_millis());
                let listing = Listing {
                    id: room_id(bytes.byte()),
                    name: (*bytes.pick(&NAMES)).into(),
                    is_public: bytes.byte() % 8 != 7,
                    created_at: Time::from_millis(1_790_000_000_000 + bytes.short() % 4),
                    last_activity: at,
                    user_count: u32::from(bytes.byte() % 3),
                    creator_name: bytes.pick(&CREATORS).map(Into::into),
                };
                table.plain.put(table.now, &listing);
                table.input(Input::Announced(&listing));
            }
        }
    }
    table.settle();
}

fn room_id(no: u8) -> RoomId {
    RoomId::new(&format!("r{}", no % 16)).expect("an id")
}
