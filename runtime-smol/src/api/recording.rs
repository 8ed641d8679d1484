//! Recordings of rooms: begun, described, fetched, discarded. What leaves the server is rewritten first, by a thread that
//! runs no room.

use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode};
use kanvas_core::backend::{Mistake, Refused, SMALL, form, integer, says_json};
use kanvas_core::recording::{Bounds, Recording};
use kanvas_core::{Code, RoomId, Span};
use serde::Deserialize;

use super::body::{kind, read};
use crate::ask::{Told, record};
use crate::host::Asked;
use crate::http::{Answer, blank, data, json};
use crate::server::Server;

/// How long and how much, if nothing else is said, and at most.
const SECONDS: u64 = 600;
const MOST_SECONDS: u64 = 3600;
const BYTES: u64 = 16 << 20;
const LEAST_BYTES: u64 = 64 << 10;
const MOST_BYTES: u64 = 64 << 20;

/// A recording that is to be.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default, deserialize_with = "integer")]
    seconds: Option<u64>,
    #[serde(default, deserialize_with = "integer")]
    bytes: Option<u64>,
}

impl Wanted {
    fn bounds(&self) -> Result<Bounds, Mistake> {
        let within = |name, given: Option<u64>, usual, least, most| match given.unwrap_or(usual) {
            number if (least..=most).contains(&number) => Ok(number),
            _ => Err(Mistake::code(Code::OutOfRange, format!("{name} must be a whole number from {least} to {most}."))),
        };
        let span = Span::from_secs(within("seconds", self.seconds, SECONDS, 1, MOST_SECONDS)?);
        let bytes = within("bytes", self.bytes, BYTES, LEAST_BYTES, MOST_BYTES)?;
        Ok(Bounds { bytes: usize::try_from(bytes).unwrap_or(usize::MAX), span })
    }
}

pub(super) async fn begin(server: &Server, room: RoomId, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    let wanted = if request.body().is_end_stream() {
        Wanted::default()
    } else {
        says_json(kind(request))?;
        form(&read(request, SMALL).await?)?
    };
    let bounds = wanted.bounds()?;
    let begun = record(server, room, Asked::Begin(bounds)).await.map_err(|why| match why {
        Refused::Room(Code::Conflict) => {
            Mistake::code(Code::Conflict, "This room is being recorded; fetch that recording, or DELETE it, first.")
        }
        Refused::Room(Code::TooMany) => {
            Mistake::code(Code::TooMany, "The server has as many recordings as it keeps; DELETE one that is over.")
        }
        Refused::Room(_) | Refused::Away | Refused::Unavailable => why.into(),
    });
    Ok(json(StatusCode::CREATED, begun?.json()?))
}

pub(super) async fn describe(server: &Server, room: RoomId) -> Result<Answer, Mistake> {
    Ok(json(StatusCode::OK, ask(server, room, Asked::Describe).await?.json()?))
}

pub(super) async fn discard(server: &Server, room: RoomId) -> Result<Answer, Mistake> {
    ask(server, room, Asked::Discard).await?;
    Ok(blank(StatusCode::NO_CONTENT))
}

/// The recording as it may leave the server.
pub(super) async fn fetch(server: &Server, room: RoomId) -> Result<Answer, Mistake> {
    let failed = || Mistake::from(Refused::Room(Code::Internal));
    let Told::Recording(bytes) = ask(server, room.clone(), Asked::Fetch).await? else { return Err(failed()) };
    let key = getrandom::u64().map_err(|_| failed())?;
    let redacted = smol::unblock(move || Recording::read(bytes).and_then(|recording| recording.redacted(key))).await;
    let redacted = redacted.map_err(|why| {
        tracing::error!(%room, %why, "a recording that was made here cannot be read");
        failed()
    })?;
    if let Some(input) = redacted.header().departed {
        tracing::error!(%room, input, "a recorded room does not say the same again; please report it");
    }
    let mut answer = data(StatusCode::OK, "application/octet-stream", Bytes::from(redacted.into_bytes()));
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{room}.kanvas\"")) {
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(answer)
}

async fn ask(server: &Server, room: RoomId, asked: Asked) -> Result<Told, Mistake> {
    record(server, room, asked).await.map_err(|why| match why {
        Refused::Room(Code::NotFound) => Mistake::code(Code::NotFound, "There is no recording of this room."),
        Refused::Room(_) | Refused::Away | Refused::Unavailable => why.into(),
    })
}
