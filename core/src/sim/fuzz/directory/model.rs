//! What the list of rooms must be, in the words of the rules alone: all that was said of each room since it came on the
//! list, gone through from its beginning whenever somebody asks.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Reverse;
use unicode_normalization::UnicodeNormalization;

use crate::directory::{BadQuery, Sort};
use crate::id::RoomId;
use crate::limits::Limits;
use crate::listing::Listing;
use crate::time::Time;

/// What a room said, and when.
struct Story {
    said: Vec<(Time, Listing)>,
    /// Until when it is known that something happened in it or somebody was there, from before the list was forgotten.
    alive: Time,
}

impl Story {
    fn last(&self) -> &(Time, Listing) {
        self.said.last().expect("a room is on the list because it was announced")
    }

    /// DIR5: whether what was said at `at` counts for nothing any more at `now`, if nothing else was said.
    fn silent(at: Time, now: Time, limits: &Limits) -> bool {
        limits.listed_silent.is_some_and(|span| at + span <= now)
    }

    fn listing(&self, now: Time, limits: &Limits) -> Listing {
        let (heard, listing) = self.last();
        let user_count = if Story::silent(*heard, now, limits) { 0 } else { listing.user_count };
        Listing { user_count, ..listing.clone() }
    }

    /// When anything last happened in it or anybody was last in it.
    fn alive(&self, now: Time, limits: &Limits) -> Time {
        let ends = self.said.iter().skip(1).map(|(at, _)| *at).chain([now]);
        let people = self.said.iter().zip(ends).filter(|((_, listing), _)| listing.user_count > 0);
        let there = people.map(|((at, _), end)| if Story::silent(*at, end, limits) { *at } else { end });
        there.chain(self.said.iter().map(|(_, listing)| listing.last_activity)).fold(self.alive, Time::max)
    }

    /// When it changes if nothing more is said.
    fn due(&self, now: Time, limits: &Limits) -> Option<Time> {
        match self.listing(now, limits).user_count {
            0 => limits.listed_idle.map(|span| self.alive(now, limits) + span),
            _ => limits.listed_silent.map(|span| self.last().0 + span),
        }
    }
}

/// See the module.
pub(super) struct Model {
    limits: Limits,
    stories: Vec<Story>,
}

impl Model {
    pub(super) fn new(limits: Limits) -> Model {
        Model { limits, stories: Vec::new() }
    }

    /// DIR1.
    pub(super) fn announced(&mut self, now: Time, room: &Listing) {
        if !room.is_public {
            return self.forgotten(&room.id);
        }
        match self.stories.iter_mut().find(|story| story.last().1.id == room.id) {
            Some(story) => story.said.push((now, room.clone())),
            None => self.stories.push(Story { said: [(now, room.clone())].into(), alive: Time::default() }),
        }
    }

    pub(super) fn forgotten(&mut self, room: &RoomId) {
        self.stories.retain(|story| story.last().1.id != *room);
    }

    /// DIR14: what is left of each room once the list was forgotten, and when it was heard of.
    pub(super) fn forget(&mut self, now: Time) -> Vec<(Time, Listing)> {
        let kept = self.stories.iter().map(|story| (story.last().0, story.listing(now, &self.limits)));
        let kept: Vec<(Time, Listing)> = kept.collect();
        let story = |(heard, room): &(Time, Listing)| Story { said: [(*heard, room.clone())].into(), alive: *heard };
        self.stories = kept.iter().map(story).collect();
        kept
    }

    /// DIR5 and DIR6: what drops off the list.
    pub(super) fn settle(&mut self, now: Time) {
        let limits = &self.limits;
        let over = |story: &Story| {
            let empty = story.listing(now, limits).user_count == 0;
            empty && limits.listed_idle.is_some_and(|span| story.alive(now, limits) + span <= now)
        };
        self.stories.retain(|story| !over(story));
        while self.stories.len() > limits.listed_rooms as usize {
            let rank = |story: &Story| {
                let room = story.listing(now, limits);
                (room.user_count > 0, room.last_activity, room.id)
            };
            let first = self.stories.iter().map(rank).min();
            self.stories.retain(|story| Some(rank(story)) != first);
        }
    }

    pub(super) fn rooms(&self, now: Time) -> Vec<Listing> {
        self.stories.iter().map(|story| story.listing(now, &self.limits)).collect()
    }

    /// What a room said last, if it is on the list.
    pub(super) fn said(&self, id: &RoomId) -> Option<Listing> {
        self.stories.iter().map(|story| &story.last().1).find(|room| room.id == *id).cloned()
    }

    /// When the list changes if nothing more is said.
    pub(super) fn due(&self, now: Time) -> Option<Time> {
        self.stories.iter().filter_map(|story| story.due(now, &self.limits)).min()
    }

    /// DIR2: those that were active last, the latest first.
    pub(super) fn top(&self, now: Time) -> Vec<Listing> {
        let mut rooms = self.rooms(now);
        rooms.sort_by_key(by_activity);
        rooms.truncate(self.limits.feed_rooms as usize);
        rooms
    }
}

pub(super) fn by_activity(room: &Listing) -> (Reverse<Time>, RoomId) {
    (Reverse(room.last_activity), room.id.clone())
}

/// DIR9: a text without regard to case and to how its characters are composed. By way of capitals, in which the letters
/// that have two small forms are one.
fn plain(text: &str) -> String {
    let small = |text: String| text.chars().flat_map(char::to_lowercase).collect::<String>();
    let capitals: String = small(text.nfkc().collect()).chars().flat_map(char::to_uppercase).collect();
    small(capitals).nfkc().collect()
}

/// Where a room stands in an order: the smallest first.
pub(super) type Place = (Reverse<u64>, String, RoomId);

fn place(room: &Listing, sort: Sort) -> Place {
    let (number, text) = match sort {
        Sort::Activity => (room.last_activity.as_millis(), String::new()),
        Sort::Created => (room.created_at.as_millis(), String::new()),
        Sort::Users => (room.user_count.into(), String::new()),
        Sort::Name => (0, plain(&room.name)),
    };
    (Reverse(number), text, room.id.clone())
}

/// A question about the list, as it is asked.
#[derive(Clone)]
pub(super) struct Question {
    pub(super) q: String,
    pub(super) sort: String,
    pub(super) limit: String,
    pub(super) cursor: String,
}

/// The answer: a page of rooms, where the next begins, and how many there are on all.
pub(super) struct Answer {
    pub(super) rooms: Vec<Listing>,
    pub(super) next: Option<Place>,
    pub(super) total: usize,
}

impl Question {
    /// DIR9 to DIR11: what the list must answer.
    pub(super) fn answer(&self, mut rooms: Vec<Listing>) -> Result<Answer, BadQuery> {
        if self.q.len() > 128 {
            return Err(BadQuery::Q);
        }
        let sort = match &*self.sort {
            "" | "activity" => Sort::Activity,
            "created" => Sort::Created,
            "users" => Sort::Users,
            "name" => Sort::Name,
            _ => return Err(BadQuery::Sort),
        };
        let limit = if self.limit.is_empty() { Ok(20) } else { self.limit.parse().map_err(|_| BadQuery::Limit) };
        let limit: usize = limit?;
        if !(1..=100).contains(&limit) {
            return Err(BadQuery::Limit);
        }
        let after = if self.cursor.is_empty() { None } else { Some(read(&self.cursor, sort).ok_or(BadQuery::Cursor)?) };
        rooms.retain(|room| matches(room, &self.q));
        rooms.sort_by_key(|room| place(room, sort));
        let total = rooms.len();
        rooms.retain(|room| after.as_ref().is_none_or(|after| place(room, sort) > *after));
        let goes_on = rooms.len() > limit;
        rooms.truncate(limit);
        let next = rooms.last().filter(|_| goes_on).map(|room| place(room, sort));
        Ok(Answer { rooms, next, total })
    }
}

fn matches(room: &Listing, q: &str) -> bool {
    let texts = [&*room.name, room.id.as_str(), room.creator_name.as_deref().unwrap_or_default()].map(plain);
    plain(q).split_whitespace().all(|word| texts.iter().any(|text| text.contains(word)))
}

/// A cursor for this place in this order.
pub(super) fn write((Reverse(number), text, id): &Place, sort: Sort) -> String {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{number}.{id}.{hex}", sort.as_str())
}

/// The place that a cursor stands for, if a page of this order can have given it.
fn read(cursor: &str, sort: Sort) -> Option<Place> {
    let parts: Vec<&str> = cursor.split('.').collect();
    let [_, number, id, hex] = parts[..] else { return None };
    let pairs = hex.as_bytes().chunks(2).map(|pair| core::str::from_utf8(pair).unwrap_or_default());
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    let text = String::from_utf8(bytes?).ok()?.to_string();
    let place = (Reverse(number.parse().ok()?), text, RoomId::new(id)?);
    let can_be = if sort == Sort::Name { place.0 == Reverse(0) } else { place.1.is_empty() };
    (can_be && write(&place, sort) == cursor).then_some(place)
}
