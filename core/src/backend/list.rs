//! Which rooms there are: all that a host knows of, public or not, searched, sorted and in pages. Of the rooms that it is
//! told only the page is kept.

use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;

use super::answer::{Answer, Mistake};
use super::body::Query;
use crate::id::RoomId;
use crate::listing::Listing;
use crate::time::Time;

/// How many rooms a page has unless the query says so, and at most.
const PAGE: u64 = 100;
const MOST: u64 = 500;
/// The longest search text, in bytes.
const SEARCH_BYTES: usize = 128;

/// In which order rooms are told; ties by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Id,
    Name,
    /// The newest room first.
    Created,
    /// The latest change first.
    Activity,
}

/// Where a room stands in an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    number: Reverse<u64>,
    text: String,
    id: RoomId,
}

/// A room as it is stored.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: RoomId,
    name: Box<str>,
    is_public: bool,
    created_at: Time,
    last_activity: Time,
    creator_name: Option<Box<str>>,
}

#[derive(Serialize)]
struct Page {
    rooms: Vec<Listed>,
    /// What the next page begins with; none at the end.
    cursor: Option<String>,
}

/// A page that is being looked for.
#[derive(Clone, Debug)]
pub struct List {
    /// Each stands in a room's id or name, or in its maker's name; in lower case.
    words: Vec<String>,
    sort: Sort,
    limit: usize,
    after: Option<Key>,
    /// The first of those found, and one more, which says whether there is another page.
    first: BTreeMap<Key, Listing>,
}

impl Key {
    fn of(room: &Listing, sort: Sort) -> Key {
        let (number, text) = match sort {
            Sort::Id => (0, String::new()),
            Sort::Name => (0, room.name.to_lowercase()),
            Sort::Created => (room.created_at.as_millis(), String::new()),
            Sort::Activity => (room.last_activity.as_millis(), String::new()),
        };
        Key { number: Reverse(number), text, id: room.id.clone() }
    }

    /// As text for an address.
    fn cursor(&self) -> String {
        let Reverse(number) = self.number;
        format!("{}.{number}.{}", self.id, utf8_percent_encode(&self.text, NON_ALPHANUMERIC))
    }

    fn read(cursor: &str) -> Option<Key> {
        let mut parts = cursor.splitn(3, '.');
        let id = RoomId::new(parts.next()?)?;
        let number = Reverse(parts.next()?.parse().ok()?);
        let text = percent_decode_str(parts.next()?).decode_utf8().ok()?.into_owned();
        let key = Key { number, text, id };
        (key.cursor() == cursor).then_some(key)
    }
}

impl List {
    pub(super) fn read(query: Option<&str>) -> Result<List, Mistake> {
        let query = Query::read(query, &["q", "sort", "limit", "cursor"])?;
        let bad = |message| Mistake::bad("bad_query", message);
        let q = query.text("q").unwrap_or_default();
        if q.len() > SEARCH_BYTES {
            return Err(bad("q has at most 128 bytes; shorten it."));
        }
        let sort = match query.text("sort") {
            None | Some("id") => Sort::Id,
            Some("name") => Sort::Name,
            Some("created") => Sort::Created,
            Some("activity") => Sort::Activity,
            Some(_) => return Err(bad("sort must be id, name, created or activity.")),
        };
        let limit = usize::try_from(query.number("limit", 1, MOST)?.unwrap_or(PAGE)).unwrap_or_default();
        let read = |cursor: &str| {
            Key::read(cursor).ok_or_else(|| bad("cursor must be what the page before had as its cursor."))
        };
        let after = query.text("cursor").map(read).transpose()?;
        let words = q.to_lowercase().split_whitespace().map(str::to_owned).collect();
        Ok(List { words, sort, limit, after, first: BTreeMap::new() })
    }

    /// After which room, by id, those come that it is to be told of; empty for all.
    pub fn from(&self) -> &str {
        match (&self.after, self.sort) {
            (Some(after), Sort::Id) => after.id.as_str(),
            (Some(_) | None, Sort::Id | Sort::Name | Sort::Created | Sort::Activity) => "",
        }
    }

    /// Whether no room that follows by id can be of the page.
    pub fn is_full(&self) -> bool {
        self.sort == Sort::Id && self.first.len() > self.limit
    }

    /// Takes a room in.
    pub fn hear(&mut self, room: Listing) {
        if !self.finds(&room) {
            return;
        }
        let key = Key::of(&room, self.sort);
        if self.after.as_ref().is_none_or(|after| key > *after) {
            self.first.insert(key, room);
        }
        if self.first.len() > self.limit + 1 {
            self.first.pop_last();
        }
    }

    /// The page.
    pub(super) fn answer(&mut self) -> Answer {
        let mut first = core::mem::take(&mut self.first);
        let goes_on = if first.len() > self.limit { first.pop_last() } else { None };
        let cursor = goes_on.and_then(|_| first.keys().next_back().map(Key::cursor));
        Answer::told(200, &Page { rooms: first.into_values().map(Listed::from).collect(), cursor })
    }

    fn finds(&self, room: &Listing) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let of = room.creator_name.as_deref().unwrap_or_default();
        let text = format!("{}\n{}\n{of}", room.id, room.name).to_lowercase();
        self.words.iter().all(|word| text.contains(word))
    }
}

impl From<Listing> for Listed {
    fn from(room: Listing) -> Listed {
        // Nobody who is in a room is stored.
        let Listing { id, name, is_public, created_at, last_activity, user_count: _, creator_name } = room;
        Listed { id, name, is_public, created_at, last_activity, creator_name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api4_a_cursor_is_taken_as_it_was_given_and_no_other() {
        let key =
            |number, text: &str| Key { number: Reverse(number), text: text.into(), id: RoomId::new("a-1").unwrap() };
        for key in [key(0, ""), key(u64::MAX, ""), key(0, "a. b/ÄÖ%"), key(7, "\u{1F600}")] {
            assert_eq!(Key::read(&key.cursor()), Some(key));
        }
        for bad in ["", "a", "a.1", "a.x.", "a.01.", "a.1.%", "a.1.%ff", "a b.1.", ".1.", "a.-1.", "a.1.-"] {
            assert_eq!(Key::read(bad), None, "{bad}");
        }
        assert!(key(2, "") < key(1, "") && key(0, "a") < key(0, "b"));
    }
}
