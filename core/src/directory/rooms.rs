//! The public rooms that are on the list, and when each of them drops off it.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::id::RoomId;
use crate::limits::Limits;
use crate::listing::Listing;
use crate::time::Time;

/// See the module.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Rooms {
    /// By slot. A slot that is free is used again.
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_id: BTreeMap<RoomId, u32>,
    /// When which slot is to be looked at.
    expiries: BTreeSet<(Time, u32)>,
    /// Grows with each change.
    version: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) listing: Listing,
    /// What a search looks at: name, id and creator, folded, a line each.
    pub(super) folded: Box<str>,
    /// When the room last said anything.
    heard: Time,
    /// Since when nobody is there and nothing happens.
    idle: Time,
    expiry: Option<Time>,
}

impl Entry {
    /// The name as it is sorted.
    pub(super) fn folded_name(&self) -> &str {
        self.folded.split('\n').next().unwrap_or_default()
    }
}

/// A text as searches compare it: without regard to case and to how its characters are composed. By way of capitals, in
/// which letters with two small forms are one; each for itself, so that a letter's place in its word changes nothing.
pub(super) fn fold(text: &str) -> String {
    let small = text.nfkc().flat_map(char::to_lowercase);
    small.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

fn folded(room: &Listing) -> Box<str> {
    let texts = [&*room.name, room.id.as_str(), room.creator_name.as_deref().unwrap_or_default()];
    texts.map(|text| fold(text).replace('\n', " ")).join("\n").into()
}

impl Rooms {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flatten()
    }

    pub(super) fn get(&self, room: &RoomId) -> Option<&Listing> {
        let slot = self.by_id.get(room)?;
        self.slots.get(*slot as usize)?.as_ref().map(|entry| &entry.listing)
    }

    pub(super) fn next_expiry(&self) -> Option<Time> {
        self.expiries.first().map(|(time, _)| *time)
    }

    /// DIR1: the room as it is now.
    pub(super) fn put(&mut self, now: Time, room: &Listing, limits: &Limits) {
        let Some(slot) = self.by_id.get(&room.id).copied() else { return self.add(now, room, limits) };
        let Some(Some(entry)) = self.slots.get_mut(slot as usize) else { return };
        entry.heard = now;
        entry.idle = entry.idle.max(room.last_activity);
        if entry.listing.user_count > 0 && room.user_count == 0 {
            entry.idle = entry.idle.max(now);
        }
        if entry.listing != *room {
            if entry.listing.name != room.name || entry.listing.creator_name != room.creator_name {
                entry.folded = folded(room);
            }
            entry.listing = room.clone();
            self.version += 1;
        }
        self.schedule(slot, limits);
    }

    fn add(&mut self, now: Time, room: &Listing, limits: &Limits) {
        let (listing, folded) = (room.clone(), folded(room));
        let entry = Entry { listing, folded, heard: now, idle: room.last_activity, expiry: None };
        if expiry(&entry, limits).is_none_or(|at| at > now) {
            self.insert(entry, limits);
        }
    }

    /// DIR14: the room as it was announced last. One that was announced since is known better.
    pub(super) fn restore(&mut self, room: &Listing, heard: Time, limits: &Limits) {
        if !room.is_public || self.by_id.contains_key(&room.id) {
            return;
        }
        let (listing, folded) = (room.clone(), folded(room));
        // An empty room announces nothing but that somebody left it or worked on it.
        let idle = room.last_activity.max(heard);
        self.insert(Entry { listing, folded, heard, idle, expiry: None }, limits);
    }

    fn insert(&mut self, entry: Entry, limits: &Limits) {
        let room = &entry.listing;
        if self.len() >= limits.listed_rooms as usize && !self.make_place(room) {
            return;
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.by_id.insert(entry.listing.id.clone(), slot);
        self.slots[slot as usize] = Some(entry);
        self.version += 1;
        self.schedule(slot, limits);
    }

    /// DIR6: the list is full: the emptiest and quietest room goes, unless that is the one that comes.
    fn make_place(&mut self, room: &Listing) -> bool {
        let all = self.all().map(|entry| &entry.listing);
        let first = all.min_by(|one, other| by_quiet(one).cmp(&by_quiet(other)));
        let Some(id) = first.filter(|first| by_quiet(first) < by_quiet(room)).map(|first| first.id.clone()) else {
            return false;
        };
        self.remove(&id);
        true
    }

    pub(super) fn remove(&mut self, room: &RoomId) {
        let Some(slot) = self.by_id.remove(room) else { return };
        let gone = self.slots.get_mut(slot as usize).and_then(Option::take);
        if let Some(at) = gone.and_then(|entry| entry.expiry) {
            self.expiries.remove(&(at, slot));
        }
        self.free.push(slot);
        self.version += 1;
    }

    /// DIR5: rooms in which nobody is and nothing happens drop off the list; those that fell silent count as empty.
    pub(super) fn expire(&mut self, now: Time, limits: &Limits) {
        while let Some((_, slot)) = self.expiries.first().copied().filter(|(at, _)| *at <= now) {
            self.expiries.pop_first();
            let Some(Some(entry)) = self.slots.get_mut(slot as usize) else { continue };
            entry.expiry = None;
            if entry.listing.user_count == 0 {
                let id = entry.listing.id.clone();
                self.remove(&id);
                continue;
            }
            entry.listing.user_count = 0;
            entry.idle = entry.idle.max(entry.heard);
            self.version += 1;
            self.schedule(slot, limits);
        }
    }

    fn schedule(&mut self, slot: u32, limits: &Limits) {
        let Some(Some(entry)) = self.slots.get_mut(slot as usize) else { return };
        let due = expiry(entry, limits);
        if due == entry.expiry {
            return;
        }
        if let Some(old) = entry.expiry.take() {
            self.expiries.remove(&(old, slot));
        }
        entry.expiry = due;
        self.expiries.extend(due.map(|due| (due, slot)));
    }

    /// States what must always hold.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.all().count() != self.by_id.len() || self.free.len() + self.by_id.len() != self.slots.len() {
            return Err("directory: rooms are miscounted");
        }
        let slots = self.slots.iter().zip(0_u32..);
        for (entry, slot) in slots.filter_map(|(entry, slot)| Some((entry.as_ref()?, slot))) {
            if self.by_id.get(&entry.listing.id) != Some(&slot) {
                return Err("directory: a room cannot be found by its id");
            }
            if entry.expiry.is_some_and(|at| !self.expiries.contains(&(at, slot))) {
                return Err("directory: a room will not expire");
            }
            if !entry.listing.is_public {
                return Err("directory: a private room is listed");
            }
        }
        let timed = self.all().filter(|entry| entry.expiry.is_some()).count();
        if timed == self.expiries.len() { Ok(()) } else { Err("directory: a timer without a room") }
    }
}

/// In which order rooms give up their places.
fn by_quiet(room: &Listing) -> (bool, Time, &RoomId) {
    (room.user_count > 0, room.last_activity, &room.id)
}

/// When a room is to be looked at if nothing more is heard of it.
fn expiry(entry: &Entry, limits: &Limits) -> Option<Time> {
    match entry.listing.user_count {
        0 => limits.listed_idle.map(|span| entry.idle + span),
        _ => limits.listed_silent.map(|span| entry.heard + span),
    }
}
