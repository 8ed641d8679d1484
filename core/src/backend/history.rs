//! What happened in a room, as its log tells: which rows are wanted, and how a page of them is written.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Mistake, Refused};
use super::body::Query;
use crate::errors::Code;
use crate::id::{ClientId, MAX_INTEGER, RoomId, Seq};
use crate::input::LogRow;
use crate::listing::Listing;
use crate::time::Time;

/// How many rows a page has unless the query says so, and at most.
const PAGE: u64 = 100;
const MOST: u64 = 500;
/// How many rows of a log one reading of the history looks at.
const LOOKED_AT: u32 = 5000;

/// Which rows of a room's history are wanted, from the newest down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// With which place to begin.
    pub from: Seq,
    /// None older than this.
    pub since: Time,
    /// Those of this person alone.
    pub user: Option<String>,
    /// Those of this kind alone.
    pub kind: Option<String>,
    /// So many at most.
    pub most: usize,
    /// So many are looked at, wanted or not; then the page ends.
    pub looked_at: u32,
}

#[derive(Serialize)]
struct Page<'a> {
    rows: Vec<Row<'a>>,
    /// Where the next page begins; none at the end.
    next: Option<Seq>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    seq: Seq,
    at: Time,
    user: &'a str,
    client_id: String,
    kind: &'a str,
    data: &'a RawValue,
    was: Option<&'a RawValue>,
}

impl<'a> Row<'a> {
    /// `None` if it is not what a room writes.
    fn of(row: &LogRow<'a>) -> Option<Row<'a>> {
        let was = if row.was.is_empty() { None } else { Some(serde_json::from_str(row.was).ok()?) };
        Some(Row {
            seq: row.seq,
            at: row.at,
            user: row.user,
            client_id: ClientId(row.client).to_string(),
            kind: row.kind,
            data: serde_json::from_str(row.body).ok()?,
            was,
        })
    }
}

impl Wanted {
    pub(super) fn read(query: Option<&str>) -> Result<Wanted, Mistake> {
        let query = Query::read(query, &["from", "limit", "user", "kind", "since"])?;
        let limit = query.number("limit", 1, MOST)?.unwrap_or(PAGE);
        Ok(Wanted {
            from: Seq(query.number("from", 0, MAX_INTEGER)?.unwrap_or(MAX_INTEGER)),
            since: Time::from_millis(query.number("since", 0, MAX_INTEGER)?.unwrap_or_default()),
            user: query.text("user").map(String::from),
            kind: query.text("kind").map(String::from),
            most: usize::try_from(limit).unwrap_or_default(),
            looked_at: LOOKED_AT,
        })
    }

    /// Whether this row is wanted.
    pub fn is(&self, row: &LogRow<'_>) -> bool {
        let by = self.user.as_deref().is_none_or(|user| user == row.user);
        let of = self.kind.as_deref().is_none_or(|kind| kind == row.kind);
        by && of && row.at >= self.since
    }
}

/// A page of the history of a room with this record.
pub(super) fn page(
    room: &RoomId,
    record: Option<&[u8]>,
    rows: &[LogRow<'_>],
    next: Option<Seq>,
) -> Result<Answer, Mistake> {
    if record.is_none_or(|record| Listing::of_record(room, record, None).is_none()) {
        return Err(Refused::Room(Code::NotFound).into());
    }
    let rows: Option<Vec<_>> = rows.iter().map(Row::of).collect();
    let rows = rows.ok_or(Refused::Room(Code::Internal))?;
    Ok(Answer::told(200, &Page { rows, next }))
}
