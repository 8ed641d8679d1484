//! Rooms that go to another server while people are in them, and rooms that come from one: three requests, in this
//! order `POST` where the room is, `PUT` where it goes, `DELETE` where it was.

use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode};
use kanvas_core::backend::{FILE, Mistake, Refused, SMALL};
use kanvas_core::{Code, RoomId};

use super::body::read;
use crate::host::{Arrival, NotMoved, Step, move_room};
use crate::http::{Answer, blank, data};
use crate::server::Server;

pub(super) async fn give(server: &Server, room: RoomId, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    if !request.body().is_end_stream() && !read(request, SMALL).await?.is_empty() {
        return Err(Mistake::bad("bad_body", "This request has no body."));
    }
    let file = move_room(server, room.clone(), Step::Give).await?.unwrap_or_default();
    let mut answer = data(StatusCode::OK, "application/octet-stream", file);
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{room}.move\"")) {
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(answer)
}

pub(super) async fn take(server: &Server, room: RoomId, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    let file: Bytes = read(request, FILE).await?;
    let (config, now, name) = (server.rooms.clone(), server.clock.now(), room.clone());
    // It can be long, and others wait for this thread.
    let arrival = smol::unblock(move || Arrival::read(file, &name, &config, now)).await;
    let arrival = arrival.map_err(|why| match why {
        Some(why) => Mistake::bad("bad_body", format!("The body cannot be used: {why}.")),
        None => Mistake::bad("bad_body", "The body cannot be used: this is another room than the address names."),
    })?;
    move_room(server, room, Step::Take(Box::new(arrival))).await?;
    Ok(blank(StatusCode::NO_CONTENT))
}

pub(super) async fn forget(server: &Server, room: RoomId) -> Result<Answer, Mistake> {
    move_room(server, room, Step::Forget).await?;
    Ok(blank(StatusCode::NO_CONTENT))
}

/// Refuses what is asked of a room that is on its way, without loading it.
pub(super) async fn be_here(server: &Server, room: RoomId) -> Result<(), Mistake> {
    move_room(server, room, Step::Look).await?;
    Ok(())
}

impl From<NotMoved> for Mistake {
    fn from(why: NotMoved) -> Mistake {
        match why {
            NotMoved::NotFound => Refused::Room(Code::NotFound).into(),
            NotMoved::Away => Refused::Away.into(),
            NotMoved::Full => Refused::Room(Code::StorageFull).into(),
            NotMoved::Unavailable => Refused::Unavailable.into(),
            NotMoved::Recorded => Mistake::code(
                Code::Conflict,
                "This room is being recorded; end that with DELETE on its recording first.",
            ),
            NotMoved::Busy => {
                Mistake::code(Code::Busy, "The room does not come to rest; it goes on as before. Try again shortly.")
            }
            NotMoved::NotHeld => Mistake::code(Code::NotFound, "No such room is held to be taken to another server."),
            NotMoved::Taken => {
                Mistake::code(Code::Conflict, "There is a room of that id already, or there was one that was deleted.")
            }
            NotMoved::Other => {
                Mistake::code(Code::Conflict, "This room is held here as another file; it takes back only that one.")
            }
        }
    }
}
