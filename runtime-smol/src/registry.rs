//! `/parties/registry/…` over plain HTTP: the list of public rooms in pages, and rooms made, changed and deleted. The
//! list itself, and whether somebody may, are the core's.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use kanvas_core::access::Role;
use kanvas_core::auth::Refusal;
use kanvas_core::directory::{BadQuery, Query};
use kanvas_core::{Code, Founds, RoomId, Share, Summary};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use smol::Timer;
use smol::channel::bounded;
use smol::future::FutureExt as _;

use crate::ask::{Refused, Told, What, Wish, ask};
use crate::auth::NotIn;
use crate::body;
use crate::host::{Visitor, Word};
use crate::http::{self, Answer, blank, problem, refused, unknown};
use crate::person::Person;
use crate::server::Server;
use crate::shares::share_of;
use crate::upgrade::Asks;
use crate::web::hex;

/// How long an answer of the list may take.
const ANSWER_TIME: Duration = Duration::from_secs(5);
const WANTED: &str = "Send JSON; id, name and isPublic say what the room is to be, and may be left out.";
const CHANGES: &str = "Send JSON with any of name, isPublic, locked, defaultRole and guestRole.";

/// What a room is to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    id: Option<String>,
    name: Option<String>,
    is_public: Option<bool>,
}

/// Lists rooms, or makes one.
pub(crate) async fn answer(server: &Server, by: Person, asks: &Asks, request: Request<Incoming>) -> Answer {
    match *request.method() {
        Method::POST => create(server, by, asks, request).await,
        _ => page(server, request.uri().query().unwrap_or_default()).await,
    }
}

async fn page(server: &Server, query: &str) -> Answer {
    let query = match read_query(query) {
        Ok(query) => query,
        Err(bad) => return bad_query(bad),
    };
    let (reply, answer) = bounded(1);
    let asking = async {
        server.lister.send(Visitor::List(Word::Page(query, reply))).await.ok()?;
        answer.recv().await.ok()
    };
    let late = async {
        Timer::after(ANSWER_TIME).await;
        None
    };
    match asking.or(late).await {
        Some(page) => http::json(StatusCode::OK, page),
        None => refused(Refused::Unavailable),
    }
}

/// Of a key that comes twice the first counts.
fn read_query(query: &str) -> Result<Query, BadQuery> {
    let [mut q, mut sort, mut limit, mut cursor] = [const { None }; 4];
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let slot = match key.as_ref() {
            "q" => &mut q,
            "sort" => &mut sort,
            "limit" => &mut limit,
            "cursor" => &mut cursor,
            _ => continue,
        };
        slot.get_or_insert(value);
    }
    Query::read(q.as_deref(), sort.as_deref(), limit.as_deref(), cursor.as_deref())
}

fn bad_query(bad: BadQuery) -> Answer {
    problem(StatusCode::BAD_REQUEST, bad.code(), bad.message())
}

async fn create(server: &Server, by: Person, asks: &Asks, request: Request<Incoming>) -> Answer {
    // The place is kept until the room is there.
    let (founds, _claim) = server.founds(&by.user, by.is_verified());
    match founds {
        Founds::Yes => {}
        Founds::Spent => return refused(Refused::Room(Code::LimitRooms)),
        Founds::No => return unknown(NotIn::Refused(Refusal::Missing)),
    }
    let wanted: Wanted = match body::read_json(request, WANTED).await {
        Ok(wanted) => wanted,
        Err(bad) => return bad.answer(),
    };
    let mut chance = [0; 26];
    if getrandom::fill(&mut chance).is_err() {
        return refused(Refused::Unavailable);
    }
    let (name, secret) = chance.split_at(10);
    let Some(room) = RoomId::new(&wanted.id.unwrap_or_else(|| hex(name))) else { return http::bad_room() };
    let is_public = wanted.is_public.unwrap_or(true);
    // Nobody owns what a guest makes: the link is the only way into it, theirs too.
    let token = (!is_public && !by.is_verified()).then(|| hex(secret));
    let share = token.as_deref().map(|token| (share_of(token), Share { role: Role::Editor, until: None }));
    let wish = Wish { name: wanted.name, is_public, share, by: asks.name.clone() };
    match ask(server, room.clone(), by.clone(), None, What::Create(wish)).await {
        Ok(_) => {
            server.births.count(server.clock.now(), &by.user);
            let held = share.map(|(id, _)| id);
            match ask(server, room, by, held, What::Describe).await {
                Ok(Told::Summary(summary)) => http::told(StatusCode::CREATED, &Made { summary, token }),
                Ok(_) => refused(Refused::Room(Code::Internal)),
                Err(why) => refused(why),
            }
        }
        Err(Refused::Room(Code::Conflict)) => {
            problem(StatusCode::CONFLICT, "conflict", "There is a room of that id, or there was one; choose another.")
        }
        Err(why) => refused(why),
    }
}

/// A room that was made, and the token of the link into it that is told this once.
#[derive(Serialize)]
struct Made {
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// Changes a room, or deletes it, for its owner.
pub(crate) async fn alter(server: &Server, room: RoomId, by: Person, request: Request<Incoming>) -> Answer {
    if !by.is_verified() {
        return unknown(NotIn::Refused(Refusal::Missing));
    }
    if request.method() == Method::DELETE {
        return match ask(server, room, by, None, What::Delete).await {
            Ok(_) => blank(StatusCode::NO_CONTENT),
            Err(why) => refused(why),
        };
    }
    let changes = match body::read(request).await {
        // The room reads it as it reads its owner's messages; here it only has to be one value and no more.
        Ok(body) if serde_json::from_slice::<IgnoredAny>(&body).is_ok() => body,
        Ok(_) => return body::bad(CHANGES).answer(),
        Err(bad) => return bad.answer(),
    };
    let message = [br#"{"type":"room:update","data":"#, &*changes, b"}"].concat();
    match ask(server, room.clone(), by.clone(), None, What::Act(message)).await {
        Ok(_) => http::describe(server, room, by, None).await,
        Err(Refused::Room(Code::BadMessage)) => body::bad(CHANGES).answer(),
        Err(Refused::Room(Code::Empty)) => {
            problem(StatusCode::BAD_REQUEST, "empty", "Say what is to change; a name shows something.")
        }
        Err(why) => refused(why),
    }
}
