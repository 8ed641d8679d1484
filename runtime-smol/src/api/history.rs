//! What happened in a room, as its log tells, and how some of it is taken back.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use kanvas_core::{ClientId, Code, Listing, MAX_INTEGER, RoomId, Seq, Time};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Order;
use super::ask::Target;
use super::body::{Mistake, Query, SMALL, form, integer, person, there};
use super::canvas::{done, gone_on};
use super::handover::be_here;
use super::list::unreadable;
use crate::ask::{Refused, Told, order};
use crate::http::{Answer, json, told};
use crate::server::Server;
use crate::store::{self, OwnedLog, Wanted};

/// How many rows a page has unless the query says so, and at most.
const PAGE: u64 = 100;
const MOST: u64 = 500;

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
    fn of(entry: &'a OwnedLog) -> Option<Row<'a>> {
        let row = entry.row();
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

pub(super) async fn read(server: &Server, room: RoomId, query: Option<&str>) -> Result<Answer, Mistake> {
    let query = Query::read(query, &["from", "limit", "user", "kind", "since"])?;
    let limit = query.number("limit", 1, MOST)?.unwrap_or(PAGE);
    let wanted = Wanted {
        from: Seq(query.number("from", 0, MAX_INTEGER)?.unwrap_or(MAX_INTEGER)),
        since: Time::from_millis(query.number("since", 0, MAX_INTEGER)?.unwrap_or_default()),
        user: query.text("user").map(str::to_owned),
        kind: query.text("kind").map(str::to_owned),
        most: usize::try_from(limit).unwrap_or_default(),
    };
    be_here(server, room.clone()).await?;
    let found = server.store.history(room.clone(), wanted).await.ok_or_else(unreadable)?;
    if found.record.is_none_or(|record| Listing::of_record(&room, &record, None).is_none()) {
        return Err(Refused::Room(Code::NotFound).into());
    }
    let rows: Option<Vec<_>> = found.rows.iter().map(Row::of).collect();
    let rows = rows.ok_or(Refused::Room(Code::Internal))?;
    Ok(told(StatusCode::OK, &Page { rows, next: found.rest }))
}

/// What is to be taken back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wish {
    #[serde(default, deserialize_with = "integer")]
    as_of: Option<u64>,
    #[serde(default, deserialize_with = "there")]
    without: Option<String>,
    #[serde(default, deserialize_with = "integer")]
    since: Option<u64>,
    #[serde(default)]
    preview: bool,
    #[serde(default, deserialize_with = "integer")]
    at: Option<u64>,
}

pub(super) async fn restore(server: &Server, room: RoomId, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    let Wish { as_of, without, since, preview, at } = form(request, SMALL).await?;
    let (to, from) = match (as_of, without, since) {
        (Some(time), None, None) => (Target::AsOf(Time::from_millis(time)), time),
        (None, Some(user), Some(since)) => {
            let user = person(user)?;
            (Target::Without { user, since: Time::from_millis(since) }, since)
        }
        (_, _, _) => {
            let message = "Say asOf, or without and since: to what the canvas is to go back.";
            return Err(Mistake::bad("bad_body", message));
        }
    };
    let rows = server.store.since(room.clone(), Time::from_millis(from), store::MOST).await.ok_or_else(unreadable)?;
    let too_many = || {
        let store::Most { rows, bytes } = store::MOST;
        let (rows, bytes) = (rows, bytes / (1024 * 1024));
        let message =
            format!("More than {rows} events, or {bytes} MiB of them, have happened since; choose a later time.");
        Mistake::code(Code::TooMany, message)
    };
    let rows = rows.ok_or_else(too_many)?;
    let what = if preview {
        Order::Compare { rows, to, at: at.map(Seq) }
    } else {
        Order::Restore { rows, to, at: at.map(Seq) }
    };
    let answer = order(server, room, what).await.map_err(|why| match why {
        Refused::Room(Code::NotFound) => {
            let message = "There is no such room, or its history does not reach back that far.";
            Mistake::code(Code::NotFound, message)
        }
        Refused::Room(_) | Refused::Away | Refused::Unavailable => gone_on(why),
    })?;
    match answer {
        Told::Json(difference) => Ok(json(StatusCode::OK, difference)),
        Told::Done(_) | Told::Summary(_) | Told::Shares(_) | Told::Recording(_) | Told::Yes => done(answer),
    }
}
