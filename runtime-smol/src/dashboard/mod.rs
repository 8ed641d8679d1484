//! `/dashboard`: the page for people who look at the server rather than query it, the numbers that it asks for, and what
//! its reader may do. The page itself is every host's (`web/dashboard/`). Here is what it is told by this one: who may
//! look is `admission`'s, what the threads say `survey`'s, what was before `history`'s and `closes`'; what is done to
//! rooms goes the way of `/api`.

mod admission;
mod closes;
mod history;
mod shown;
mod survey;

use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use serde::Deserialize;
use smol::Timer;

pub(crate) use closes::Closes;
use history::History;
pub(crate) use survey::{Load, Numbers, SlowOne, Sort, Survey, Wanted};

use crate::api;
use crate::door::Door;
use crate::http::{Answer, blank, problem, send_page, told};
use crate::server::Server;
use crate::web;
use admission::{Admission, Asks};

/// What the page may load and ask.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const FIND_CHARACTERS: usize = 64;
const WANTED: &str = "Send {\"secret\": …}.";
const NOWHERE: &str = "There is nothing at this address.";

/// What is kept from one look to the next.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) closes: Closes,
    history: History,
}

/// What is asked for at one of these addresses.
enum At<'a> {
    Page,
    Data,
    Session,
    /// Something of the API, by its address there.
    Api(&'a str),
}

/// The secret, as the page sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    secret: String,
}

fn find(path: &str) -> Option<At<'_>> {
    match path {
        "/dashboard" | "/dashboard/" => Some(At::Page),
        "/dashboard/data" => Some(At::Data),
        "/dashboard/session" => Some(At::Session),
        _ => {
            let api = path.strip_prefix("/dashboard").filter(|rest| rest.starts_with("/api/"));
            api.map(At::Api)
        }
    }
}

/// Whether a path is one of these. The files that the page is made of are pages like others.
pub(crate) fn owns(path: &str) -> bool {
    find(path).is_some()
}

/// What a page of that name may load, if it is one of these.
pub(crate) fn policy(name: &str) -> Option<&'static str> {
    name.starts_with("dashboard/").then_some(POLICY)
}

/// Answers a request to one of these addresses. `secure` says whether it came by TLS and by nothing else.
pub(crate) async fn answer(server: &Server, door: Door, mut request: Request<Incoming>, secure: bool) -> Answer {
    let uri = request.uri().clone();
    let mut answer = match (admission::of_own_page(server, request.headers(), secure), find(uri.path())) {
        (false, _) => problem(StatusCode::FORBIDDEN, "forbidden", "Only the server's own pages may ask for this."),
        (true, Some(at)) => route(server, door, at, &mut request, &uri).await,
        (true, None) => problem(StatusCode::NOT_FOUND, "not_found", NOWHERE),
    };
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    api::forget_the_rest(answer, &mut request).await
}

async fn route(server: &Server, door: Door, at: At<'_>, request: &mut Request<Incoming>, uri: &Uri) -> Answer {
    let methods = match at {
        At::Page | At::Data => "GET, HEAD, OPTIONS",
        At::Session => "POST, DELETE, OPTIONS",
        At::Api(path) => return act(server, door, path, request).await,
    };
    let method = request.method().clone();
    if method == Method::OPTIONS || !methods.split(", ").any(|known| known == method.as_str()) {
        let message = format!("This address has these methods: {methods}.");
        let mut answer = match method {
            Method::OPTIONS => blank(StatusCode::NO_CONTENT),
            _ => problem(StatusCode::METHOD_NOT_ALLOWED, "bad_method", &message),
        };
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
        return answer;
    }
    match at {
        At::Page => page(server, door, request.headers()),
        At::Data => data(server, door, request.headers(), uri).await,
        At::Session if method == Method::DELETE => admission::leave(server),
        At::Session => sign_in(server, request).await,
        At::Api(_) => problem(StatusCode::NOT_FOUND, "not_found", NOWHERE),
    }
}

/// The page; to a browser that may not look it is the form, or the sentence that says why there is none.
fn page(server: &Server, door: Door, headers: &HeaderMap) -> Answer {
    let refused = admission::admit(server, door, headers, Asks::Look).err();
    let is_browser = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|kinds| kinds.to_str().is_ok_and(|kinds| kinds.contains("text/html")));
    match (refused, web::page("/dashboard/")) {
        (Some(refused), _) if !is_browser => *refused,
        (_, None) => problem(StatusCode::NOT_FOUND, "not_found", NOWHERE),
        (refused, Some(page)) => {
            let mut answer = send_page(page, None);
            answer.headers_mut().remove(header::ETAG);
            if let Some(refused) = refused {
                *answer.status_mut() = refused.status();
            }
            answer
        }
    }
}

async fn data(server: &Server, door: Door, headers: &HeaderMap, uri: &Uri) -> Answer {
    let admission = match admission::admit(server, door, headers, Asks::Look) {
        Ok(admission) => admission,
        Err(answer) => return *answer,
    };
    let Some(wanted) = wanted(uri.query().unwrap_or_default()) else {
        let sorts: Vec<&str> = Sort::ALL.iter().map(|(name, _)| *name).collect();
        let message = format!(
            "The query is find (1 to {FIND_CHARACTERS} characters), sort ({}) and order (ascending, descending).",
            sorts.join(", ")
        );
        return problem(StatusCode::BAD_REQUEST, "bad_query", &message);
    };
    let Some(survey) = survey::gather(server, wanted).await else {
        let message = "A thread of the server does not answer; its numbers cannot be told.";
        return problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
    };
    let seen = server.watch.history.look(server.clock.now(), survey.moment(server));
    told(StatusCode::OK, &shown::board(server, &survey, &seen, admission == Admission::SignedIn))
}

fn wanted(query: &str) -> Option<Wanted> {
    let mut wanted = Wanted::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (name.as_ref(), value.as_ref()) {
            ("find", text) if text.chars().count() <= FIND_CHARACTERS => wanted.find = text.to_lowercase(),
            ("sort", name) => wanted.sort = Sort::ALL.iter().find(|(known, _)| *known == name)?.1,
            ("order", "ascending") => wanted.is_rising = true,
            ("order", "descending") => wanted.is_rising = false,
            (_, _) => return None,
        }
    }
    Some(wanted)
}

async fn sign_in(server: &Server, request: &mut Request<Incoming>) -> Answer {
    let body = match api::read_small(request).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    match serde_json::from_slice::<Given>(&body) {
        Ok(Given { secret }) => admission::sign_in(server, &secret),
        Err(_) => problem(StatusCode::BAD_REQUEST, "bad_body", WANTED),
    }
}

/// Does what the page may do to a room: no more of the API than that.
async fn act(server: &Server, door: Door, path: &str, request: &mut Request<Incoming>) -> Answer {
    let method = request.method().clone();
    let asks = if [Method::GET, Method::HEAD].contains(&method) { Asks::Look } else { Asks::Act };
    if let Err(answer) = admission::admit(server, door, request.headers(), asks) {
        return *answer;
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET" | "HEAD", ["api", "rooms", _, "members" | "recording"] | ["api", "rooms", _, "recording", "file"])
        | ("POST", ["api", "rooms", _, "close"] | ["api", "rooms", _, "members", _, "kick"])
        | ("PUT" | "DELETE", ["api", "rooms", _, "recording"]) => api::carry_out(server, path, request).await,
        (_, _) => problem(StatusCode::NOT_FOUND, "not_found", NOWHERE),
    }
}

/// Keeps the last hour, minute by minute, for ever.
pub(crate) async fn keep(server: &Server) {
    loop {
        let into_minute = server.clock.now().as_millis() % history::MINUTE_MS;
        Timer::after(Duration::from_millis(history::MINUTE_MS - into_minute)).await;
        if let Some(survey) = survey::gather(server, Wanted { most: 0, ..Wanted::default() }).await {
            server.watch.history.end_minute(server.clock.now(), survey.moment(server));
        }
    }
}
