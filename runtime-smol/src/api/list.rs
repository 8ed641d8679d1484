//! Which rooms there are: all that are stored, public or not, searched, sorted and in pages. Storage is read a
//! thousand rooms at a time, and of them only the page is kept.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hyper::StatusCode;
use kanvas_core::{Listing, RoomId, Time};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;

use super::body::{Mistake, Query};
use crate::http::{Answer, told};
use crate::server::Server;

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

/// What is asked for.
struct Search {
    /// Each stands in a room's id or name, or in its maker's name; in lower case.
    words: Vec<String>,
    sort: Sort,
    limit: usize,
    after: Option<Key>,
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

impl Search {
    fn read(query: Option<&str>) -> Result<Search, Mistake> {
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
        Ok(Search { words, sort, limit, after })
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

/// The answer where the database is not to be read.
pub(super) fn unreadable() -> Mistake {
    let message = "The storage does not answer; try again shortly.";
    Mistake::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
}

pub(super) async fn list(server: &Server, query: Option<&str>) -> Result<Answer, Mistake> {
    let search = Search::read(query)?;
    let mut first: BTreeMap<Key, Listing> = BTreeMap::new();
    let mut from = match (&search.after, search.sort) {
        (Some(after), Sort::Id) => after.id.to_string(),
        (Some(_) | None, Sort::Id | Sort::Name | Sort::Created | Sort::Activity) => String::new(),
    };
    loop {
        let stored = server.store.rooms(from).await.ok_or_else(unreadable)?;
        let Some((last, ..)) = stored.last() else { break };
        from = last.clone();
        for (id, record, newest) in &stored {
            let listing = RoomId::new(id).and_then(|id| Listing::of_record(&id, record, *newest));
            let Some(listing) = listing.filter(|listing| search.finds(listing)) else { continue };
            let key = Key::of(&listing, search.sort);
            if search.after.as_ref().is_none_or(|after| key > *after) {
                first.insert(key, listing);
            }
            // One more than the page has says whether there is another.
            if first.len() > search.limit + 1 {
                first.pop_last();
            }
        }
        if search.sort == Sort::Id && first.len() > search.limit {
            break;
        }
    }
    let goes_on = if first.len() > search.limit { first.pop_last() } else { None };
    let cursor = goes_on.and_then(|_| first.keys().next_back().map(Key::cursor));
    Ok(told(StatusCode::OK, &Page { rooms: first.into_values().map(Listed::from).collect(), cursor }))
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
