//! `/api`: what the operator's own back end does with rooms, by a secret. It owns the addresses, and who may ask; what
//! a room makes of it is the room's business. The document beside, `api/openapi.json`, describes it to programs.

mod ask;
mod body;
mod canvas;
mod handover;
mod history;
mod list;
mod people;
mod recording;
mod rooms;
mod secret;
#[cfg(test)]
mod tests;

use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use kanvas_core::RoomId;
use percent_encoding::percent_decode_str;

pub(crate) use ask::Order;
pub(crate) use secret::AdminSecret;

use crate::assets::upload::spill;
use crate::http::{Answer, blank, close_after, json, problem};
use crate::server::Server;
use crate::upgrade::one;
use body::Mistake;

/// The description of these addresses.
const DOCUMENT: &str = include_str!("../../api/openapi.json");
const DOCUMENT_AT: &str = "/api/openapi.json";

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Document,
    ListRooms,
    CreateRoom,
    ReadRoom,
    ChangeRoom,
    DeleteRoom,
    CloseRoom,
    ListMembers,
    GiveRole,
    TakeRole,
    Kick,
    Ban,
    Unban,
    SendEvent,
    ReadCanvas,
    ReplaceCanvas,
    Export,
    Import,
    ReadHistory,
    Restore,
    BeginRecording,
    DescribeRecording,
    DiscardRecording,
    FetchRecording,
    HandOver,
    TakeIn,
    ForgetRoom,
}

/// An address, what it does by method, and the methods as `Allow` lists them.
type Route = (&'static str, &'static [(Method, Operation)], &'static str);

const ROUTES: &[Route] = &[
    (DOCUMENT_AT, &[(Method::GET, Operation::Document)], "GET, HEAD, OPTIONS"),
    (
        "/api/rooms",
        &[(Method::GET, Operation::ListRooms), (Method::POST, Operation::CreateRoom)],
        "GET, HEAD, POST, OPTIONS",
    ),
    (
        "/api/rooms/{room}",
        &[
            (Method::GET, Operation::ReadRoom),
            (Method::PATCH, Operation::ChangeRoom),
            (Method::DELETE, Operation::DeleteRoom),
        ],
        "GET, HEAD, PATCH, DELETE, OPTIONS",
    ),
    ("/api/rooms/{room}/close", &[(Method::POST, Operation::CloseRoom)], "POST, OPTIONS"),
    ("/api/rooms/{room}/members", &[(Method::GET, Operation::ListMembers)], "GET, HEAD, OPTIONS"),
    (
        "/api/rooms/{room}/members/{userId}",
        &[(Method::PUT, Operation::GiveRole), (Method::DELETE, Operation::TakeRole)],
        "PUT, DELETE, OPTIONS",
    ),
    ("/api/rooms/{room}/members/{userId}/kick", &[(Method::POST, Operation::Kick)], "POST, OPTIONS"),
    (
        "/api/rooms/{room}/members/{userId}/ban",
        &[(Method::POST, Operation::Ban), (Method::DELETE, Operation::Unban)],
        "POST, DELETE, OPTIONS",
    ),
    ("/api/rooms/{room}/events", &[(Method::POST, Operation::SendEvent)], "POST, OPTIONS"),
    (
        "/api/rooms/{room}/canvas",
        &[(Method::GET, Operation::ReadCanvas), (Method::PUT, Operation::ReplaceCanvas)],
        "GET, HEAD, PUT, OPTIONS",
    ),
    ("/api/rooms/{room}/export", &[(Method::GET, Operation::Export)], "GET, HEAD, OPTIONS"),
    ("/api/rooms/{room}/import", &[(Method::PUT, Operation::Import)], "PUT, OPTIONS"),
    ("/api/rooms/{room}/history", &[(Method::GET, Operation::ReadHistory)], "GET, HEAD, OPTIONS"),
    ("/api/rooms/{room}/restore", &[(Method::POST, Operation::Restore)], "POST, OPTIONS"),
    (
        "/api/rooms/{room}/recording",
        &[
            (Method::GET, Operation::DescribeRecording),
            (Method::PUT, Operation::BeginRecording),
            (Method::DELETE, Operation::DiscardRecording),
        ],
        "GET, HEAD, PUT, DELETE, OPTIONS",
    ),
    ("/api/rooms/{room}/recording/file", &[(Method::GET, Operation::FetchRecording)], "GET, HEAD, OPTIONS"),
    (
        "/api/rooms/{room}/handover",
        &[
            (Method::POST, Operation::HandOver),
            (Method::PUT, Operation::TakeIn),
            (Method::DELETE, Operation::ForgetRoom),
        ],
        "POST, PUT, DELETE, OPTIONS",
    ),
];

/// Whether a path is one of these.
pub(crate) fn owns(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// The parts of an address in the order of its template, or `None` if it is not of that template.
fn parts<'a>(template: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut parts = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parts),
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => parts.push(given),
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(_) | None, Some(_) | None) => return None,
        }
    }
}

/// Answers a request to one of these addresses.
pub(crate) async fn answer(server: &Server, mut request: Request<Incoming>) -> Answer {
    let mut answer = route(server, &mut request).await.unwrap_or_else(Mistake::answer);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if request.body().is_end_stream() {
        return answer;
    }
    // What was not read is read and forgotten, so that the answer arrives. Who asks before sending sends nothing.
    if !request.headers().contains_key(header::EXPECT) {
        spill(request.body_mut()).await;
    }
    close_after(answer)
}

async fn route(server: &Server, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    if request.headers().contains_key(header::ORIGIN) {
        let message = "Pages have no use of this address: no page may hold its secret.";
        return Err(Mistake::new(StatusCode::FORBIDDEN, "forbidden", message));
    }
    let path = request.uri().path().to_owned();
    if path != DOCUMENT_AT
        && let Err(answer) = admit(server, request.headers())
    {
        return Ok(*answer);
    }
    let found = ROUTES
        .iter()
        .find_map(|(template, operations, methods)| Some((parts(template, &path)?, *operations, *methods)));
    let Some((parts, operations, methods)) = found else {
        return Err(Mistake::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address."));
    };
    if request.method() == Method::OPTIONS {
        let mut answer = blank(StatusCode::NO_CONTENT);
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
        return Ok(answer);
    }
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let Some((_, operation)) = operations.iter().find(|(known, _)| known == method) else {
        let message = format!("This address has these methods: {methods}.");
        let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, "bad_method", &message);
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
        return Ok(answer);
    };
    carry_out(server, *operation, &parts, request).await
}

/// Whether the secret was sent.
fn admit(server: &Server, headers: &HeaderMap) -> Result<(), Box<Answer>> {
    let Some(secret) = &server.admin else {
        let message = "The API is off: start the server with KANVAS_ADMIN_SECRET, a secret of 16 bytes or more.";
        return Err(Box::new(problem(StatusCode::FORBIDDEN, "api_off", message)));
    };
    let bearer = one(headers, &header::AUTHORIZATION).and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    if bearer.is_some_and(|given| secret.is(given)) {
        return Ok(());
    }
    let message = "Send the server's admin secret as Authorization: Bearer.";
    let mut answer = problem(StatusCode::UNAUTHORIZED, "unauthorized", message);
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Err(Box::new(answer))
}

async fn carry_out(
    server: &Server,
    operation: Operation,
    parts: &[&str],
    request: &mut Request<Incoming>,
) -> Result<Answer, Mistake> {
    let room = || room(parts);
    let user = || user(parts);
    match operation {
        Operation::Document => Ok(json(StatusCode::OK, DOCUMENT.into())),
        Operation::ListRooms => list::list(server, request.uri().query()).await,
        Operation::CreateRoom => rooms::create(server, request).await,
        Operation::ReadRoom => rooms::describe(server, room()?, StatusCode::OK).await,
        Operation::ChangeRoom => rooms::change(server, room()?, request).await,
        Operation::DeleteRoom => rooms::delete(server, room()?).await,
        Operation::CloseRoom => rooms::close(server, room()?).await,
        Operation::ListMembers => people::list(server, room()?).await,
        Operation::GiveRole => people::give_role(server, room()?, &user()?, request).await,
        Operation::TakeRole | Operation::Unban => people::take_role(server, room()?, &user()?).await,
        Operation::Kick => people::kick(server, room()?, &user()?, request).await,
        Operation::Ban => people::ban(server, room()?, &user()?, request).await,
        Operation::SendEvent => canvas::send(server, room()?, request).await,
        Operation::ReadCanvas => canvas::read(server, room()?).await,
        Operation::ReplaceCanvas => canvas::replace(server, room()?, request).await,
        Operation::Export => rooms::export(server, room()?).await,
        Operation::Import => rooms::import(server, room()?, request).await,
        Operation::ReadHistory => history::read(server, room()?, request.uri().query()).await,
        Operation::Restore => history::restore(server, room()?, request).await,
        Operation::BeginRecording => recording::begin(server, room()?, request).await,
        Operation::DescribeRecording => recording::describe(server, room()?).await,
        Operation::DiscardRecording => recording::discard(server, room()?).await,
        Operation::FetchRecording => recording::fetch(server, room()?).await,
        Operation::HandOver => handover::give(server, room()?, request).await,
        Operation::TakeIn => handover::take(server, room()?, request).await,
        Operation::ForgetRoom => handover::forget(server, room()?).await,
    }
}

/// The room that an address names.
fn room(parts: &[&str]) -> Result<RoomId, Mistake> {
    let name = parts.first().and_then(|name| percent_decode_str(name).decode_utf8().ok());
    name.and_then(|name| RoomId::new(&name)).ok_or_else(|| Mistake::bad("bad_room", rooms::NAME))
}

/// The person that an address names.
fn user(parts: &[&str]) -> Result<String, Mistake> {
    let user = parts.get(1).and_then(|user| percent_decode_str(user).decode_utf8().ok());
    body::person(user.map(std::borrow::Cow::into_owned).unwrap_or_default())
}
