//! `/api`: what the operator's own back end does with rooms, by a secret. Which addresses there are and what they mean is
//! the core's (`kanvas_core::backend`); here is who may ask, and how it is carried out. The document beside,
//! `api/openapi.json`, describes it to programs.

mod body;
mod handover;
mod recording;
mod secret;
mod tasks;

use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use kanvas_core::RoomId;
use kanvas_core::backend::{self, Found, Mistake, Own, Recordings, SMALL, says_json};

pub(crate) use secret::AdminSecret;

use crate::assets::upload::spill;
use crate::door::Door;
use crate::http::{Answer, blank, close_after, json, problem};
use crate::server::Server;
use crate::upgrade::one;

/// The description of these addresses.
const DOCUMENT: &str = include_str!("../../api/openapi.json");
const DOCUMENT_AT: &str = "/api/openapi.json";

/// Whether a path is one of these.
pub(crate) fn owns(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// Answers a request to one of these addresses.
pub(crate) async fn answer(server: &Server, door: Door, mut request: Request<Incoming>) -> Answer {
    let mut answer = route(server, door, &mut request).await.unwrap_or_else(|mistake| written(mistake.answer()));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    forget_the_rest(answer, &mut request).await
}

/// Sees that an answer arrives, although its request may not have been read to the end.
pub(crate) async fn forget_the_rest(answer: Answer, request: &mut Request<Incoming>) -> Answer {
    if request.body().is_end_stream() {
        return answer;
    }
    // What was not read is read and forgotten, so that the answer arrives. Who asks before sending sends nothing.
    if !request.headers().contains_key(header::EXPECT) {
        spill(request.body_mut()).await;
    }
    close_after(answer)
}

async fn route(server: &Server, door: Door, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    if request.headers().contains_key(header::ORIGIN) {
        return Err(Mistake::page());
    }
    let path = request.uri().path();
    if path != DOCUMENT_AT
        && let Err(answer) = admit(server, door, request.headers())
    {
        return Ok(*answer);
    }
    let path = path.to_owned();
    find(server, &path, request).await
}

/// Carries out what is asked at an address by somebody who was let in elsewhere.
pub(crate) async fn carry_out(server: &Server, path: &str, request: &mut Request<Incoming>) -> Answer {
    find(server, path, request).await.unwrap_or_else(|mistake| written(mistake.answer()))
}

/// The whole of a short body that says that it is JSON; the answer if it is none.
pub(crate) async fn read_small(request: &mut Request<Incoming>) -> Result<Bytes, Answer> {
    let body = async {
        says_json(body::kind(request))?;
        body::read(request, SMALL).await
    };
    body.await.map_err(|mistake| written(mistake.answer()))
}

async fn find(server: &Server, path: &str, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    match backend::find(request.method().as_str(), path, Recordings::Kept) {
        Ok(Found::Document) => Ok(json(StatusCode::OK, DOCUMENT.into())),
        Ok(Found::Own(room, own)) => do_own(server, room, own, request).await,
        Ok(Found::Call(call)) => tasks::carry_out(server, call, request).await.map(written),
        Err(answer) => Ok(written(answer)),
    }
}

async fn do_own(server: &Server, room: RoomId, own: Own, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    match own {
        Own::BeginRecording => recording::begin(server, room, request).await,
        Own::DescribeRecording => recording::describe(server, room).await,
        Own::DiscardRecording => recording::discard(server, room).await,
        Own::FetchRecording => recording::fetch(server, room).await,
        Own::HandOver => handover::give(server, room, request).await,
        Own::TakeIn => handover::take(server, room, request).await,
        Own::ForgetRoom => handover::forget(server, room).await,
    }
}

/// An answer of the core's, as hyper sends it.
fn written(answer: backend::Answer) -> Answer {
    let backend::Answer { status, body, header } = answer;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut written = body.map_or_else(|| blank(status), |body| json(status, body));
    if let Some((name, value)) = header
        && let Ok(value) = HeaderValue::try_from(value)
    {
        written.headers_mut().insert(HeaderName::from_static(name), value);
    }
    written
}

/// Whether the secret was sent, or is not needed.
pub(crate) fn admit(server: &Server, door: Door, headers: &HeaderMap) -> Result<(), Box<Answer>> {
    if door == Door::Operators {
        return Ok(());
    }
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
