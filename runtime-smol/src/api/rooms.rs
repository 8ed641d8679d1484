//! Rooms as a whole: which there are, making and ending them, and taking everything of one elsewhere.

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode};
use kanvas_core::{Code, RoomId, document};
use serde::{Deserialize, Serialize};

use super::Order;
use super::body::{LARGE, Mistake, SMALL, form, person, read, there};
use super::canvas::{act, done, place};
use crate::ask::{Refused, Told, order};
use crate::http::{Answer, blank, json, told};
use crate::server::Server;
use crate::web::hex;

/// What a room may be called in addresses.
pub(super) const NAME: &str = "A room's id is 1 to 64 letters, digits, hyphens and underscores.";

/// A room that is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wanted {
    #[serde(default, deserialize_with = "there")]
    id: Option<String>,
    #[serde(default, deserialize_with = "there")]
    name: Option<String>,
    #[serde(default = "yes")]
    is_public: bool,
    #[serde(default, deserialize_with = "there")]
    owner: Option<String>,
}

fn yes() -> bool {
    true
}

/// What is to change of a room.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Change {
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    is_public: Option<bool>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    locked: Option<bool>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    default_role: Option<NewcomersRole>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    guest_role: Option<NewcomersRole>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum NewcomersRole {
    Viewer,
    Editor,
}

pub(super) async fn create(server: &Server, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    let Wanted { id, name, is_public, owner } = form(request, SMALL).await?;
    let room = match id {
        Some(id) => RoomId::new(&id).ok_or_else(|| Mistake::bad("bad_room", NAME))?,
        None => a_new_id().ok_or(Refused::Unavailable)?,
    };
    let owner = owner.map(an_owner).transpose()?;
    let created = order(server, room.clone(), Order::Create { name, is_public, owner }).await;
    created.map_err(|why| match why {
        Refused::Room(Code::Conflict) => Mistake::code(Code::Conflict, "There is a room of that id already."),
        Refused::Room(_) | Refused::Away | Refused::Unavailable => why.into(),
    })?;
    let at = format!("/api/rooms/{room}");
    let mut answer = describe(server, room, StatusCode::CREATED).await?;
    if let Ok(at) = HeaderValue::from_str(&at) {
        answer.headers_mut().insert(header::LOCATION, at);
    }
    Ok(answer)
}

/// Who can own a room: nobody whom no token proves.
fn an_owner(id: String) -> Result<String, Mistake> {
    let id = person(id)?;
    match ["guest:", "org:", "server:"].iter().any(|other| id.starts_with(other)) {
        true => Err(Mistake::bad("bad_user", "A room is owned by a person whom a token proves.")),
        false => Ok(id),
    }
}

/// An id that nobody has. `None` if the system gives no random numbers.
fn a_new_id() -> Option<RoomId> {
    let mut chance = [0; 10];
    getrandom::fill(&mut chance).ok()?;
    RoomId::new(&hex(&chance))
}

pub(super) async fn describe(server: &Server, room: RoomId, status: StatusCode) -> Result<Answer, Mistake> {
    match order(server, room, Order::Describe).await? {
        Told::Summary(summary) => Ok(told(status, &summary)),
        Told::Shares(_) | Told::Yes | Told::Done(_) | Told::Json(_) | Told::Recording(_) => {
            Err(Refused::Room(Code::Internal).into())
        }
    }
}

pub(super) async fn change(server: &Server, room: RoomId, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    let change: Change = form(request, SMALL).await?;
    act(server, room.clone(), "room:update", &change).await?;
    describe(server, room, StatusCode::OK).await
}

pub(super) async fn delete(server: &Server, room: RoomId) -> Result<Answer, Mistake> {
    order(server, room, Order::Delete).await?;
    Ok(blank(StatusCode::NO_CONTENT))
}

pub(super) async fn close(server: &Server, room: RoomId) -> Result<Answer, Mistake> {
    order(server, room, Order::Close).await?;
    Ok(blank(StatusCode::NO_CONTENT))
}

pub(super) async fn export(server: &Server, room: RoomId) -> Result<Answer, Mistake> {
    Ok(json(StatusCode::OK, order(server, room, Order::Export).await?.json()?))
}

pub(super) async fn import(server: &Server, room: RoomId, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    let given = read(request, LARGE).await?;
    match order(server, room, Order::Import(given.clone())).await {
        Ok(told) => done(told),
        Err(why) => Err(place(server, why, given, document::judge_document).await.unwrap_or_else(|| why.into())),
    }
}
