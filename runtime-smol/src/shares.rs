//! `/parties/main/<room>/shares`: links that let others in, made, listed and revoked by owners. A link's token is told
//! once, to who makes it: the room and its storage have only a digest.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use kanvas_core::access::Role;
use kanvas_core::auth::Refusal;
use kanvas_core::{Code, RoomId, Share, ShareId, Time};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ask::{Refused, Told, What, ask};
use crate::auth::NotIn;
use crate::body;
use crate::http::{Answer, blank, problem, refused, told, unknown};
use crate::person::Person;
use crate::server::Server;
use crate::web::hex;

const WANTED: &str = "Send JSON with a role, viewer or editor, and perhaps expiresAt in ms since the Unix epoch.";

/// What a link is to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    role: Role,
    /// In ms since the Unix epoch; for good if there is none.
    expires_at: Option<u64>,
}

/// What is told of a link.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    id: ShareId,
    /// Told once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    role: Role,
    expires_at: Option<Time>,
}

#[derive(Serialize)]
struct Links {
    shares: Vec<Link>,
}

impl Link {
    fn of(id: ShareId, share: Share, token: Option<String>) -> Link {
        Link { id, token, role: share.role, expires_at: share.until }
    }
}

/// A link by its token.
pub(crate) fn share_of(token: &str) -> ShareId {
    let digest = Sha256::digest(token.as_bytes());
    let mut id = [0; 16];
    id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    ShareId(id)
}

/// Lists the links, or makes one.
pub(crate) async fn answer(server: &Server, room: RoomId, by: Person, request: Request<Incoming>) -> Answer {
    if !by.is_verified() {
        return unknown(NotIn::Refused(Refusal::Missing));
    }
    if request.method() != Method::POST {
        return match ask(server, room, by, None, What::Shares).await {
            Ok(Told::Shares(shares)) => {
                let shares = shares.into_iter().map(|(id, share)| Link::of(id, share, None)).collect();
                told(StatusCode::OK, &Links { shares })
            }
            Ok(Told::Summary(_) | Told::Yes | Told::Done(_) | Told::Json(_) | Told::Recording(_)) => {
                refused(Refused::Room(Code::Internal))
            }
            Err(why) => refused(why),
        };
    }
    let wanted: Wanted = match body::read_json(request, WANTED).await {
        Ok(wanted) => wanted,
        Err(bad) => return bad.answer(),
    };
    let mut secret = [0; 16];
    if getrandom::fill(&mut secret).is_err() {
        return refused(Refused::Unavailable);
    }
    let token = hex(&secret);
    let (id, share) = (share_of(&token), Share { role: wanted.role, until: wanted.expires_at.map(Time::from_millis) });
    match ask(server, room, by, None, What::Share(id, share)).await {
        Ok(_) => told(StatusCode::CREATED, &Link::of(id, share, Some(token))),
        Err(Refused::Room(Code::OutOfRange)) => {
            problem(StatusCode::BAD_REQUEST, "out_of_range", "The link would have ended already; expiresAt is in ms.")
        }
        Err(Refused::Room(Code::Conflict)) => {
            problem(StatusCode::CONFLICT, "conflict", "A link makes editors and viewers, no owners.")
        }
        Err(why) => refused(why),
    }
}

/// Revokes one, by its token or its id.
pub(crate) async fn revoke(server: &Server, room: RoomId, by: Person, name: &str) -> Answer {
    if !by.is_verified() {
        return unknown(NotIn::Refused(Refusal::Missing));
    }
    let named = ShareId::from_hex(name);
    let known = match ask(server, room.clone(), by.clone(), None, What::Shares).await {
        Ok(Told::Shares(shares)) => named.filter(|named| shares.iter().any(|(id, _)| id == named)),
        Ok(Told::Summary(_) | Told::Yes | Told::Done(_) | Told::Json(_) | Told::Recording(_)) => {
            return refused(Refused::Room(Code::Internal));
        }
        Err(why) => return refused(why),
    };
    match ask(server, room, by, None, What::Unshare(known.unwrap_or_else(|| share_of(name)))).await {
        Ok(_) => blank(StatusCode::NO_CONTENT),
        Err(Refused::Room(Code::NotFound)) => problem(StatusCode::NOT_FOUND, "not_found", "There is no such link."),
        Err(why) => refused(why),
    }
}
