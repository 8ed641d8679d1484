//! Which rooms a query asks for, in which order, and where its next page begins.

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use memchr::memmem::Finder;

use super::feed::write_rooms;
use super::rooms::{Entry, Rooms, fold};
use crate::id::RoomId;
use crate::listing::Listing;
use crate::wire::json::Writer;

/// The most rooms of a page, and how many there are if nobody says.
const MOST: u32 = 100;
const USUAL: u32 = 20;
/// The longest search text, in bytes.
const SEARCH_BYTES: usize = 128;

/// What is asked of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Every one of these must stand in the room's name or id, or in its creator's name. Folded.
    words: Vec<Box<str>>,
    sort: Sort,
    limit: u32,
    after: Option<Key>,
}

/// In which order rooms are listed; ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The latest activity first.
    #[default]
    Activity,
    /// The newest room first.
    Created,
    /// The most people first.
    Users,
    /// By name, without regard to case.
    Name,
}

impl Sort {
    /// Every order.
    pub const ALL: &'static [Sort] = &[Sort::Activity, Sort::Created, Sort::Users, Sort::Name];

    /// The order as a query has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Sort::Activity => "activity",
            Sort::Created => "created",
            Sort::Users => "users",
            Sort::Name => "name",
        }
    }
}

/// What is wrong with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadQuery {
    /// The search text.
    Q,
    /// The order.
    Sort,
    /// The number of rooms.
    Limit,
    /// The place to go on from.
    Cursor,
}

impl BadQuery {
    /// Its name.
    pub const fn code(self) -> &'static str {
        match self {
            BadQuery::Q => "bad_q",
            BadQuery::Sort => "bad_sort",
            BadQuery::Limit => "bad_limit",
            BadQuery::Cursor => "bad_cursor",
        }
    }

    /// What is wrong and what to do, in a sentence.
    pub const fn message(self) -> &'static str {
        match self {
            BadQuery::Q => "A search text has at most 128 bytes; shorten it.",
            BadQuery::Sort => "Rooms are sorted by activity, created, users or name.",
            BadQuery::Limit => "A page has 1 to 100 rooms.",
            BadQuery::Cursor => "A cursor is one that a page of the same order gave; begin anew without it.",
        }
    }
}

impl core::fmt::Display for BadQuery {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for BadQuery {}

/// Where a room stands in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    /// The larger first.
    number: u64,
    text: Box<str>,
    id: RoomId,
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place<'a> {
    number: u64,
    text: &'a str,
    id: &'a RoomId,
}

impl Ord for Place<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.number.cmp(&self.number).then_with(|| self.text.cmp(other.text)).then_with(|| self.id.cmp(other.id))
    }
}

impl PartialOrd for Place<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Key {
    fn place(&self) -> Place<'_> {
        Place { number: self.number, text: &self.text, id: &self.id }
    }
}

fn place(entry: &Entry, sort: Sort) -> Place<'_> {
    let room = &entry.listing;
    let (number, text) = match sort {
        Sort::Activity => (room.last_activity.as_millis(), ""),
        Sort::Created => (room.created_at.as_millis(), ""),
        Sort::Users => (room.user_count.into(), ""),
        Sort::Name => (0, entry.folded_name()),
    };
    Place { number, text, id: &room.id }
}

impl Query {
    /// Reads a query as the address has it; what is absent has its default, and what is empty counts as absent.
    ///
    /// # Errors
    /// Which of them cannot be.
    pub fn read(
        q: Option<&str>,
        sort: Option<&str>,
        limit: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Query, BadQuery> {
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(String::from);
        let q = given(q).unwrap_or_default();
        if q.len() > SEARCH_BYTES {
            return Err(BadQuery::Q);
        }
        let named = |name: String| Sort::ALL.iter().copied().find(|sort| sort.as_str() == name).ok_or(BadQuery::Sort);
        let sort = given(sort).map_or(Ok(Sort::default()), named)?;
        let number = |text: String| text.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or(BadQuery::Limit);
        let limit = given(limit).map_or(Ok(USUAL), number)?;
        let read = |text: String| read_cursor(&text, sort).ok_or(BadQuery::Cursor);
        let after = given(cursor).map(read).transpose()?;
        let words = fold(&q).split_whitespace().map(Box::from).collect();
        Ok(Query { words, sort, limit, after })
    }
}

/// Some of the rooms that a query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// In the order asked for.
    pub rooms: Vec<&'a Listing>,
    /// Where the next page begins, if there is one.
    pub cursor: Option<String>,
    /// How many rooms there are on all pages together.
    pub total: u32,
}

impl Page<'_> {
    /// As JSON: `{"rooms": [...], "cursor": text or null, "total": number}`.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::new();
        let mut page = Writer::object(&mut json);
        write_rooms(page.key("rooms"), self.rooms.iter().copied());
        match &self.cursor {
            Some(cursor) => page.text("cursor", cursor),
            None => page.raw("cursor", "null"),
        };
        page.integer("total", self.total.into());
        page.end();
        json
    }
}

/// DIR9: one look at every room. Of those that match, the first of the page are kept in a heap, the last on top.
pub(super) fn page<'a>(rooms: &'a Rooms, query: &Query) -> Page<'a> {
    let words: Vec<Finder<'_>> = query.words.iter().map(|word| Finder::new(word.as_bytes())).collect();
    let most = query.limit as usize;
    let mut total = 0;
    let mut first = BinaryHeap::with_capacity(most + 2);
    for entry in rooms.all() {
        if !words.iter().all(|word| word.find(entry.folded.as_bytes()).is_some()) {
            continue;
        }
        total += 1;
        let at = place(entry, query.sort);
        if query.after.as_ref().is_some_and(|after| at <= after.place()) {
            continue;
        }
        if first.len() <= most || first.peek().is_some_and(|last| at < *last) {
            first.push(at);
        }
        if first.len() > most + 1 {
            first.pop();
        }
    }
    let mut first = first.into_sorted_vec();
    let goes_on = first.len() > most;
    first.truncate(most);
    let cursor = first.last().filter(|_| goes_on).map(|at| write_cursor(*at, query.sort));
    Page { rooms: first.into_iter().filter_map(|at| rooms.get(at.id)).collect(), cursor, total }
}

/// A place in an order as text for an address: the order, the number, the id and the name in hexadecimal digits.
fn write_cursor(place: Place<'_>, sort: Sort) -> String {
    let Place { number, text, id } = place;
    let mut cursor = format!("{}.{number}.{id}.", sort.as_str());
    for byte in text.bytes() {
        cursor.push_str(&format!("{byte:02x}"));
    }
    cursor
}

/// DIR11: a place, if the text is what [`write_cursor`] would make of it.
fn read_cursor(text: &str, sort: Sort) -> Option<Key> {
    let mut parts = text.split('.');
    let (_, number, id, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let digits = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = name.as_bytes().chunks(2).map(digits).collect();
    let name = String::from_utf8(bytes?).ok()?.into();
    let key = Key { number: number.parse().ok()?, text: name, id: RoomId::new(id)? };
    let can_be = if sort == Sort::Name { key.number == 0 } else { key.text.is_empty() };
    (can_be && write_cursor(key.place(), sort) == text).then_some(key)
}
