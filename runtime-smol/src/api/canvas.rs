//! What is on a canvas, and what is done there: single events, and a whole canvas anew.

use hyper::body::{Bytes, Incoming};
use hyper::{Request, StatusCode};
use kanvas_core::{Code, Config, RoomId, Seq, document};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Order;
use super::body::{LARGE, Mistake, SMALL, form, integer};
use crate::ask::{Refused, Reply, Told, order};
use crate::http::{Answer, json, told};
use crate::server::Server;

/// An event that is to happen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    #[serde(rename = "type")]
    kind: Kind,
    data: Box<RawValue>,
}

#[derive(Clone, Copy, Deserialize)]
enum Kind {
    #[serde(rename = "image:add")]
    Add,
    #[serde(rename = "image:transform")]
    Transform,
    #[serde(rename = "image:remove")]
    Remove,
    #[serde(rename = "chat:message")]
    Chat,
    #[serde(rename = "server:event")]
    Server,
}

/// A message of `kanvas.v1`.
#[derive(Serialize)]
struct Message<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    data: &'a T,
}

/// A canvas that is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replacement {
    images: Box<RawValue>,
    #[serde(default, deserialize_with = "integer")]
    at: Option<u64>,
}

/// That something is done.
#[derive(Serialize)]
struct Done {
    seq: Seq,
}

/// Sends a message to the room as if the server were in it.
pub(super) async fn act(server: &Server, room: RoomId, kind: &str, data: &impl Serialize) -> Reply {
    let message = serde_json::to_vec(&Message { kind, data }).map_err(|_| Refused::Room(Code::Internal))?;
    order(server, room, Order::Act(message)).await
}

/// Tells the place in the log at which something is done.
pub(super) fn done(told_by_room: Told) -> Result<Answer, Mistake> {
    match told_by_room {
        Told::Done(seq) => Ok(told(StatusCode::OK, &Done { seq })),
        Told::Summary(_) | Told::Shares(_) | Told::Yes | Told::Json(_) | Told::Recording(_) => {
            Err(Refused::Room(Code::Internal).into())
        }
    }
}

pub(super) async fn send(server: &Server, room: RoomId, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    let Event { kind, data } = form(request, SMALL).await?;
    let kind = match kind {
        Kind::Add => "image:add",
        Kind::Transform => "image:transform",
        Kind::Remove => "image:remove",
        Kind::Chat => "chat:message",
        Kind::Server => {
            order(server, room, Order::Publish(data.get().as_bytes().to_vec())).await?;
            return Ok(json(StatusCode::ACCEPTED, b"{}".to_vec()));
        }
    };
    match act(server, room.clone(), kind, &data).await {
        Ok(told) => done(told),
        Err(Refused::Room(Code::NotFound)) => {
            order(server, room, Order::Describe).await?;
            Err(Mistake::new(StatusCode::CONFLICT, "no_image", "There is no such image in the room."))
        }
        Err(why) => Err(why.into()),
    }
}

pub(super) async fn read(server: &Server, room: RoomId) -> Result<Answer, Mistake> {
    Ok(json(StatusCode::OK, order(server, room, Order::Canvas).await?.json()?))
}

pub(super) async fn replace(server: &Server, room: RoomId, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    let Replacement { images, at } = form(request, LARGE).await?;
    let images = Bytes::from(String::from(Box::<str>::from(images)));
    match order(server, room, Order::Replace { images: images.clone(), at: at.map(Seq) }).await {
        Ok(told) => done(told),
        Err(why) => Err(place(server, why, images, document::judge_images).await.unwrap_or_else(|| gone_on(why))),
    }
}

/// Where the mistake is in what a room refused; `None` if there is none in it.
pub(super) async fn place(
    server: &Server,
    why: Refused,
    refused: Bytes,
    judge: fn(&[u8], &Config) -> Result<(), document::Mistake>,
) -> Option<Mistake> {
    let Refused::Room(_) = why else { return None };
    let config = server.rooms.clone();
    // It can be long, and others wait for this thread.
    let mistake = smol::unblock(move || judge(&refused, &config)).await.err()?;
    Some(Mistake::code(mistake.code, mistake.to_string()))
}

/// What a conflict means where a request names the place at which the room was.
pub(super) fn gone_on(why: Refused) -> Mistake {
    match why {
        Refused::Room(Code::Conflict) => {
            Mistake::code(Code::Conflict, "The room has gone on since that place in its log; read it again.")
        }
        Refused::Room(_) | Refused::Away | Refused::Unavailable => why.into(),
    }
}
