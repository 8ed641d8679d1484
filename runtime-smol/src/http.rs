//! Plain HTTP: the routes, who may ask, and the hand-over of upgrades. hyper reads the heads; sockets are `conn`'s.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, TcpStream};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Uri};
use kanvas_core::auth::Refusal;
use kanvas_core::backend;
use kanvas_core::{Close, Code, RoomId, ShareId};
use serde::Serialize;
use smol::future::{self, FutureExt as _};
use smol::{Async, Timer};
use smol_hyper::rt::{FuturesIo, SmolTimer};

use crate::api;
use crate::ask::{AWAY, Refused, Told, What, ask};
use crate::assets;
use crate::auth::{self, Cookie, Credentials, NotIn, Who};
use crate::conn::Caller;
use crate::dashboard;
use crate::door::Door;
use crate::edge::TurnedAway;
use crate::gate::Pass;
use crate::host::Visitor;
use crate::metrics;
use crate::person::Person;
use crate::reference;
use crate::registry;
use crate::routes::{self, Personal, Route};
use crate::server::{Destination, Server};
use crate::shares;
use crate::traces::Asked;
use crate::unread::{self, FirstHead};
use crate::upgrade::{self, Handshake};
use crate::web::Page;
use crate::wire::{Lent, Wire};

/// A whole head, however it trickles in.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// How long a connection that stays plain HTTP takes new requests, and how long the last of them may then take.
const CONNECTION_TIME: Duration = Duration::from_secs(120);
const LAST_TIME: Duration = Duration::from_secs(120);
/// How long a question to the store may take.
const ANSWER_TIME: Duration = Duration::from_secs(5);
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 100;
/// How long it may take to say what is wrong with a head.
const LAST_WORDS: Duration = Duration::from_millis(500);

const PAGE_POLICY: &str = "default-src 'self'; img-src 'self' https: http://localhost:* http://127.0.0.1:* data: blob:; \
    connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The lab compiles its module, in a worker, and has all it needs within itself.
const LAB_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; object-src 'none'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// What is sent at once, or in pieces as they are read.
pub(crate) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, io::Error>>;
pub(crate) type Answer = Response<Body>;

/// A refusal, as it is written.
#[derive(Serialize)]
struct Problem<'a> {
    error: &'a str,
    message: &'a str,
}

/// What a connection becomes once hyper lets go of it.
struct Accepted {
    upgraded: OnUpgrade,
    to: Destination,
    handshake: Handshake,
    who: Result<Who, Close>,
    client: IpAddr,
}

/// One connection while it speaks HTTP.
struct Visit {
    server: Arc<Server>,
    peer: IpAddr,
    door: Door,
    /// Its place, until the socket takes it along.
    pass: RefCell<Option<Pass>>,
    first: Arc<FirstHead>,
    accepted: Cell<Option<Accepted>>,
}

/// Serves one connection until it ends or becomes a socket.
pub(crate) async fn serve(server: Arc<Server>, stream: Async<TcpStream>, peer: IpAddr, pass: Pass, door: Door) {
    let head_by = Instant::now() + HEAD_TIME;
    // The certificate is of the name that people know.
    let wire = match server.edge.tls.as_ref().filter(|_| door == Door::Public).map(|tls| tls.session()) {
        None => Arc::new(Wire::plain(stream)),
        Some(Ok(session)) => Arc::new(Wire::secure(stream, session)),
        Some(Err(error)) => return tracing::error!("a connection could not be greeted: {error}"),
    };
    let greeted = async { wire.greet().await.is_ok() };
    if !greeted.or(too_late(head_by)).await {
        return wire.part().await;
    }
    let visit = Rc::new(Visit {
        server,
        peer,
        door,
        pass: RefCell::new(Some(pass)),
        first: Arc::default(),
        accepted: Cell::default(),
    });
    let lent = Lent { wire: wire.clone(), first: visit.first.clone() };
    match converse(&visit, lent, head_by).await {
        Some(caller) => {
            let host = visit.server.host_at(&caller.to);
            // A host that has gone takes nobody: the socket is dropped with the message.
            drop(host.send(Visitor::Socket(Box::new(caller))).await);
        }
        None => {
            let Some(status) = visit.first.verdict(Instant::now() >= head_by) else { return };
            visit.server.meters.refused("bad_head");
            let insists = visit.server.edge.insists_on_tls(visit.peer, &HeaderMap::new());
            let answer = unread::answer(status, DATA_POLICY, insists);
            let told = async { wire.write_all(&answer).await.is_ok() };
            if told.or(too_late(Instant::now() + LAST_WORDS)).await {
                wire.part().await;
            }
        }
    }
}

async fn too_late(at: Instant) -> bool {
    Timer::at(at).await;
    false
}

/// Speaks HTTP. `Some` if the connection becomes a socket.
async fn converse(visit: &Rc<Visit>, lent: Lent, head_by: Instant) -> Option<Caller> {
    let wire = lent.wire.clone();
    let visited = visit.clone();
    let service = service_fn(move |request| {
        let visit = visited.clone();
        async move { Ok::<_, Infallible>(respond(&visit, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(SmolTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(FuturesIo::new(lent), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let unheard = async {
        Timer::at(head_by).await;
        if visit.first.is_heard() { future::pending().await } else { Some(false) }
    };
    let ended = async { Some(connection.as_mut().await.is_ok()) }.or(unheard).or(async {
        Timer::after(CONNECTION_TIME).await;
        None
    });
    let ended = match ended.await {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            async { connection.await.is_ok() }.or(too_late(Instant::now() + LAST_TIME)).await
        }
    };
    let Accepted { upgraded, to, handshake, who, client } = visit.accepted.take().filter(|_| ended)?;
    let parts = upgraded.await.ok()?.downcast::<FuturesIo<Lent>>().ok()?;
    let pass = visit.pass.take()?;
    Some(Caller { wire, read_ahead: parts.read_buf.to_vec(), pass, to, asks: handshake.asks, who, client })
}

async fn respond(visit: &Visit, request: Request<Incoming>) -> Answer {
    let server = &visit.server;
    let (began, asked) = (Instant::now(), Asked::of(&request));
    let within = api::owns(request.uri().path()).then(|| request.headers().clone());
    visit.first.hear();
    // No page may read what is said to the operator.
    let (is_api, is_dashboard) = (api::owns(request.uri().path()), dashboard::owns(request.uri().path()));
    let reader = server.edge.reader(request.headers()).filter(|_| !is_api && !is_dashboard);
    let insists = server.edge.insists_on_tls(visit.peer, request.headers());
    // Who says how long a body is in two ways may mean another end than we see.
    let ends = request.headers().contains_key(header::TRANSFER_ENCODING);
    let heard = server.edge.hears(&request).and_then(|()| visit.door.hears(&request));
    let answer = match heard {
        Ok(()) if server.is_draining() && visit.door == Door::Public => {
            let mut answer =
                problem(StatusCode::SERVICE_UNAVAILABLE, "restart", "The server is restarting; try again.");
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            close_after(answer)
        }
        Ok(()) if is_api => api::answer(server, visit.door, request).await,
        Ok(()) if is_dashboard => dashboard::answer(server, visit.door, request, insists).await,
        Ok(()) => route(visit, request).await,
        Err(TurnedAway { status, code, message }) => {
            server.meters.refused(code);
            close_after(problem(status, code, message))
        }
    };
    let mut answer = if ends { close_after(answer) } else { answer };
    let status = answer.status().as_u16();
    server.meters.answered(status);
    server.meters.traces.answered(&asked, status, began.elapsed(), within.as_ref());
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(DATA_POLICY));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if insists {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if let Some(origin) = reader {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    answer
}

async fn route(visit: &Visit, request: Request<Incoming>) -> Answer {
    let server = &visit.server;
    let route = routes::find(request.uri().path());
    match &route {
        Route::Page(page) if visit.door == Door::Operators && page.name == "index.html" => {
            return lead_to("/dashboard");
        }
        route if !visit.door.has(route) => return nothing(),
        Route::Nothing => return nothing(),
        Route::Party(name) => return text(StatusCode::NOT_FOUND, format!("Party {name} not found")),
        Route::BadRoom => return bad_room(),
        Route::Personal(Personal::Room(room)) if upgrade::wants_socket(&request) => {
            return open(visit, request, Destination::Room(room.clone())).await;
        }
        Route::Personal(Personal::List) if upgrade::wants_socket(&request) => {
            return open(visit, request, Destination::List).await;
        }
        Route::Personal(_)
        | Route::Server
        | Route::Health
        | Route::Ready
        | Route::Metrics
        | Route::Asset(_)
        | Route::Page(_)
        | Route::Folder => {}
    }
    let methods = route.methods();
    if request.method() == Method::OPTIONS {
        return options(methods);
    }
    if !methods.split(", ").any(|method| method == request.method().as_str()) {
        let message = format!("This address has these methods: {methods}.");
        let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, "bad_method", &message);
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
        return close_after(answer);
    }
    match route {
        Route::Health => text(StatusCode::OK, "ok".into()),
        Route::Ready => ready(server).await,
        Route::Metrics => metrics::answer(server, visit.door, request.headers()).await,
        Route::Page(page) => send_page(page, upgrade::one(request.headers(), &header::IF_NONE_MATCH)),
        Route::Folder => lead_into(request.uri()),
        Route::Asset(hash) => assets::serve::answer(&server.assets, hash, request.headers()).await,
        Route::Personal(what) => personal(visit, what, request).await,
        Route::Server | Route::BadRoom | Route::Party(_) | Route::Nothing => nothing(),
    }
}

/// Answers what depends on who asks.
async fn personal(visit: &Visit, what: Personal, request: Request<Incoming>) -> Answer {
    let server = &visit.server;
    let who = match identify(visit, &request).await {
        Ok(who) => who,
        Err(why) => return unknown(why),
    };
    let asks = upgrade::asks(request.uri().query().unwrap_or_default(), None);
    let client = server.edge.client(visit.peer, request.headers());
    // Those who say nothing of themselves count as one.
    let by = Person::of(server, who, client, &asks.pk, [0; 16]);
    match what {
        Personal::List => registry::answer(server, by, &asks, request).await,
        Personal::Listed(room) => registry::alter(server, room, by, request).await,
        Personal::Room(room) => describe(server, room, by, asks.share).await,
        Personal::Preview(room) => preview(server, room, by, asks.share).await,
        Personal::Shares(room) => shares::answer(server, room, by, request).await,
        Personal::Share(room, name) => shares::revoke(server, room, by, &name).await,
        Personal::Upload => assets::upload::answer(server, by, asks.share, request).await,
    }
}

pub(crate) async fn describe(server: &Server, room: RoomId, by: Person, share: Option<ShareId>) -> Answer {
    match ask(server, room, by, share, What::Describe).await {
        Ok(Told::Summary(summary)) => told(StatusCode::OK, &summary),
        Ok(Told::Shares(_) | Told::Yes | Told::Done(_) | Told::Json(_) | Told::Recording(_)) => {
            refused(Refused::Room(Code::Internal))
        }
        Err(why) => refused(why),
    }
}

async fn preview(server: &Server, room: RoomId, by: Person, share: Option<ShareId>) -> Answer {
    match ask(server, room, by, share, What::Preview).await {
        Ok(Told::Json(preview)) => {
            let mut answer = json(StatusCode::OK, preview);
            // A page with many rooms asks for many of these.
            answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=30"));
            answer
        }
        Ok(Told::Summary(_) | Told::Shares(_) | Told::Yes | Told::Done(_) | Told::Recording(_)) => {
            refused(Refused::Room(Code::Internal))
        }
        Err(why) => refused(why),
    }
}

pub(crate) fn bad_room() -> Answer {
    let message = "A room's id is 1 to 64 letters, digits, hyphens and underscores.";
    problem(StatusCode::BAD_REQUEST, "bad_room", message)
}

fn nothing() -> Answer {
    problem(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address.")
}

/// The answer to one whom a room refuses.
pub(crate) fn refused(why: Refused) -> Answer {
    let code = match why {
        Refused::Room(code) => code,
        Refused::Away => return problem(StatusCode::SERVICE_UNAVAILABLE, Close::Restart.reason(), AWAY),
        Refused::Unavailable => {
            return problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The room cannot be reached at the moment.",
            );
        }
    };
    let message = if code == Code::NotFound { "There is no such room." } else { code.message() };
    problem(status_of(code), code.as_str(), message)
}

/// The status that goes with a room's refusal.
pub(crate) fn status_of(code: Code) -> StatusCode {
    StatusCode::from_u16(backend::status_of(code)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Agrees to become a socket, or says why not.
async fn open(visit: &Visit, mut request: Request<Incoming>, to: Destination) -> Answer {
    let handshake = match upgrade::check(&request) {
        Ok(handshake) => handshake,
        Err(refusal) => {
            visit.server.meters.refused("bad_upgrade");
            let mut answer = problem(refusal.status, "bad_upgrade", refusal.message);
            if let Some((name, value)) = refusal.hint {
                answer.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            return close_after(answer);
        }
    };
    let who = match identify(visit, &request).await {
        Err(stray @ NotIn::StrayCookie) => return unknown(stray),
        // What a person must understand is said after the upgrade: a browser tells its page nothing of an answer here.
        who => who.map_err(NotIn::close),
    };
    let client = visit.server.edge.client(visit.peer, request.headers());
    if !visit.pass.borrow_mut().as_mut().is_some_and(|pass| pass.wait_as(client)) {
        visit.server.meters.refused("too_many");
        let mut answer =
            problem(StatusCode::TOO_MANY_REQUESTS, "too_many", "Too many connections of yours have not joined a room.");
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        return close_after(answer);
    }
    let mut answer = blank(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&handshake.accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(Ok(protocol)) = handshake.protocol.as_deref().map(HeaderValue::from_str) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    let upgraded = hyper::upgrade::on(&mut request);
    visit.accepted.set(Some(Accepted { upgraded, to, handshake, who, client }));
    answer
}

async fn identify(visit: &Visit, request: &Request<Incoming>) -> Result<Who, NotIn> {
    let credentials = Credentials::read(request.uri().query().unwrap_or_default(), request.headers());
    auth::identify(visit.server.edge.mode, &visit.server.sign_in, &credentials, Cookie::of(request)).await
}

/// The answer to one who does not come in.
pub(crate) fn unknown(why: NotIn) -> Answer {
    let close = why.close();
    let mut answer = match why {
        NotIn::StrayCookie => {
            let message = "A cookie counts only for a page that says its origin; send a token.";
            problem(StatusCode::FORBIDDEN, close.reason(), message)
        }
        NotIn::Refused(Refusal::Unavailable) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, close.reason(), Refusal::Unavailable.message())
        }
        NotIn::Refused(refusal) => {
            let mut answer = problem(StatusCode::UNAUTHORIZED, close.reason(), refusal.message());
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            answer
        }
    };
    if why == NotIn::Refused(Refusal::Unavailable) {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    close_after(answer)
}

async fn ready(server: &Server) -> Answer {
    match unready(server).await {
        None => text(StatusCode::OK, "ready".into()),
        Some(sentence) => problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", sentence),
    }
}

/// Why the server is not ready for people, if so.
pub(crate) async fn unready(server: &Server) -> Option<&'static str> {
    let answers = server.store.ready().or(async {
        Timer::after(ANSWER_TIME).await;
        false
    });
    match (answers.await, server.sign_in.is_ready()) {
        (true, true) => None,
        (true, false) => Some("The keys that tokens are checked with cannot be had."),
        (false, _) => Some("The storage does not answer."),
    }
}

pub(crate) fn send_page(page: &'static Page, known: Option<&str>) -> Answer {
    let fresh = known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == page.etag));
    let mut answer = if fresh {
        blank(StatusCode::NOT_MODIFIED)
    } else {
        with_body(StatusCode::OK, page.content_type, Bytes::from_static(page.bytes))
    };
    let headers = answer.headers_mut();
    let usual = if page.name.starts_with("lab/") { LAB_POLICY } else { PAGE_POLICY };
    let policy = dashboard::policy(page.name).unwrap_or(usual);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&page.etag) {
        headers.insert(header::ETAG, etag);
    }
    answer
}

/// The same address with a slash, so that what the page asks for is below it.
fn lead_into(address: &Uri) -> Answer {
    let query = address.query().map(|query| format!("?{query}")).unwrap_or_default();
    lead_to(&format!("{}/{query}", address.path()))
}

fn lead_to(place: &str) -> Answer {
    let mut answer = blank(StatusCode::PERMANENT_REDIRECT);
    match HeaderValue::try_from(place) {
        Ok(place) => drop(answer.headers_mut().insert(header::LOCATION, place)),
        // What came as an address can be one.
        Err(_) => return nothing(),
    }
    answer
}

fn options(methods: &'static str) -> Answer {
    let mut answer = blank(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(methods));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Authorization, Content-Type"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    answer
}

pub(crate) fn blank(status: StatusCode) -> Answer {
    let mut answer = Response::new(Either::Left(Full::default()));
    *answer.status_mut() = status;
    answer
}

fn with_body(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

pub(crate) fn data(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = with_body(status, content_type, body);
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DATA_POLICY));
    answer
}

pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Answer {
    data(status, "application/json", body.into())
}

/// Something as JSON.
pub(crate) fn told(status: StatusCode, what: &impl Serialize) -> Answer {
    serde_json::to_vec(what).map_or_else(|_| blank(StatusCode::INTERNAL_SERVER_ERROR), |body| json(status, body))
}

fn text(status: StatusCode, body: String) -> Answer {
    data(status, "text/plain; charset=utf-8", body.into())
}

/// A refusal for programs and for people.
pub(crate) fn problem(status: StatusCode, error: &str, message: &str) -> Answer {
    debug_assert!(reference::errors::is_listed(error), "{error} is no word of docs/reference/errors.md");
    told(status, &Problem { error, message })
}

/// Ends the connection behind the answer: what follows on it is not to be trusted.
pub(crate) fn close_after(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}
