//! Who is in a room, and who may be: roles, kicks and bans.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use kanvas_core::{Code, RoomId};
use serde::{Deserialize, Serialize};

use super::Order;
use super::body::{Mistake, SMALL, form, form_or_none, there};
use super::canvas::{act, done};
use crate::ask::{Refused, Told, order};
use crate::http::{Answer, blank, json};
use crate::server::Server;

/// A role to give.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    role: Role,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Viewer,
    Editor,
    Owner,
    None,
}

/// Why somebody is thrown out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Because {
    #[serde(default, deserialize_with = "there")]
    reason: Option<String>,
}

/// What is said to the room of a person.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Word<'a> {
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(super) async fn list(server: &Server, room: RoomId) -> Result<Answer, Mistake> {
    Ok(json(StatusCode::OK, order(server, room, Order::Roster).await?.json()?))
}

pub(super) async fn give_role(
    server: &Server,
    room: RoomId,
    user_id: &str,
    request: &mut Request<Incoming>,
) -> Result<Answer, Mistake> {
    let Given { role } = form(request, SMALL).await?;
    done(say(server, room, "member:role", Word { user_id, role: Some(role), reason: None }).await?)
}

pub(super) async fn take_role(server: &Server, room: RoomId, user_id: &str) -> Result<Answer, Mistake> {
    say(server, room, "member:role", Word { user_id, role: Some(Role::None), reason: None }).await?;
    Ok(blank(StatusCode::NO_CONTENT))
}

pub(super) async fn kick(
    server: &Server,
    room: RoomId,
    user_id: &str,
    request: &mut Request<Incoming>,
) -> Result<Answer, Mistake> {
    let Because { reason } = form_or_none(request).await?;
    done(say(server, room, "member:kick", Word { user_id, role: None, reason }).await?)
}

pub(super) async fn ban(
    server: &Server,
    room: RoomId,
    user_id: &str,
    request: &mut Request<Incoming>,
) -> Result<Answer, Mistake> {
    let Because { reason } = form_or_none(request).await?;
    done(say(server, room, "member:ban", Word { user_id, role: None, reason }).await?)
}

async fn say(server: &Server, room: RoomId, kind: &str, word: Word<'_>) -> Result<Told, Mistake> {
    let said = act(server, room, kind, &word).await;
    said.map_err(|why| match why {
        Refused::Room(Code::Conflict) => {
            let message = "Nobody can be that here: a guest or an organisation owns no room, its last owner stays one, \
                an organisation is not banned, and an id that begins with server: is nobody's.";
            Mistake::code(Code::Conflict, message)
        }
        Refused::Room(Code::NotFound) => {
            Mistake::code(Code::NotFound, "There is no such room, or nobody of that id is in it.")
        }
        Refused::Room(_) | Refused::Away | Refused::Unavailable => why.into(),
    })
}
