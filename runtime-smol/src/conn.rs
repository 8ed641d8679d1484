//! The two ends of a socket: who it is and where it belongs, and its last frames. What lies between is the host's rounds
//! and the link's queue.

use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use kanvas_core::{Close, Conn, Hello, Input};
use smol::Timer;
use smol::future::FutureExt as _;

use crate::auth::Who;
use crate::gate::Pass;
use crate::host::{Host, retry_after};
use crate::outq::{CLOSE, TEXT, put_frame};
use crate::parting::Parting;
use crate::person::Person;
use crate::server::{Destination, Server};
use crate::upgrade::Asks;
use crate::wire::Wire;

/// How long the last words to a client that no room has seen may take.
const REFUSAL_TIME: Duration = Duration::from_millis(500);

/// A socket that hyper let go of, and what its address asked for.
pub(crate) struct Caller {
    pub(crate) wire: Arc<Wire>,
    /// What came behind the head.
    pub(crate) read_ahead: Vec<u8>,
    pub(crate) pass: Pass,
    pub(crate) to: Destination,
    pub(crate) asks: Asks,
    /// Who it is, or with which words it is sent away.
    pub(crate) who: Result<Who, Close>,
    /// Where it comes from.
    pub(crate) client: IpAddr,
}

/// Brings a socket to its room, or sends it away.
pub(crate) async fn admit(host: Rc<Host>, caller: Caller) {
    let Caller { wire, read_ahead, pass, to, asks, who, client } = caller;
    let Some(dialect) = asks.dialect else {
        return turn_away(&host.server, &to, &wire, Close::BadProtocol).await;
    };
    let who = match who {
        Ok(who) => who,
        Err(close) => return turn_away(&host.server, &to, &wire, close).await,
    };
    let mut secrets = [0; 32];
    if getrandom::fill(&mut secrets).is_err() {
        return turn_away(&host.server, &to, &wire, Close::Unavailable).await;
    }
    if host.is_away(&to.name()) {
        return say_last(&host.server, &to, &wire, &Parting::Away(retry_after())).await;
    }
    let Some(room) = host.room(&to.name()) else {
        return turn_away(&host.server, &to, &wire, Close::Overloaded).await;
    };
    let (resume, fresh) = split(secrets);
    let person = Person::of(&host.server, who, client, &asks.pk, fresh);
    let (founds, claim) = host.server.founds(&person.user, person.is_verified());
    let Ok(conn) = host.admit(&room, wire.clone(), pass, &person.user, claim) else {
        return turn_away(&host.server, &to, &wire, Close::Overloaded).await;
    };
    let identity = person.identity(founds);
    let hello = Hello { pk: &asks.pk, dialect, name: asks.name.as_deref(), view: asks.view, share: asks.share, resume };
    host.drive(&room, Input::Connect { conn, identity, hello });
    host.hear_first(conn, read_ahead);
}

fn split(secrets: [u8; 32]) -> ([u8; 16], [u8; 16]) {
    let (mut first, mut second) = ([0; 16], [0; 16]);
    for (target, source) in first.iter_mut().chain(second.iter_mut()).zip(secrets) {
        *target = source;
    }
    (first, second)
}

/// Waits until the last frames of a socket have left, says so to the peer, reads what it still sends, and forgets it.
pub(crate) async fn finish(host: Rc<Host>, conn: Conn) {
    let ending = host.links.borrow_mut().get(conn).and_then(|link| Some((link.ends_by?, link.wire.clone())));
    let Some((ends_by, wire)) = ending else { return };
    let drained = poll_fn(|cx| {
        let drained = host.links.borrow_mut().get(conn).is_none_or(|link| link.poll_drained(cx.waker()));
        if drained { Poll::Ready(true) } else { Poll::Pending }
    });
    let late = async {
        Timer::at(ends_by).await;
        false
    };
    if drained.or(late).await {
        wire.part().await;
    } else {
        wire.reset();
    }
    host.links.borrow_mut().remove(conn);
}

/// Ends a socket that no room has seen: a refusal that a person must understand comes after the upgrade.
async fn turn_away(server: &Server, to: &Destination, wire: &Wire, close: Close) {
    say_last(server, to, wire, &Parting::Told(close)).await;
}

async fn say_last(server: &Server, to: &Destination, wire: &Wire, parting: &Parting) {
    server.meters.closed(parting);
    let room = match to {
        Destination::Room(room) => Some(room),
        Destination::List => None,
    };
    server.watch.closes.note(server.clock.now(), parting, room, "");
    let mut last = Vec::new();
    put_frame(TEXT, parting.event().unwrap_or_default().as_bytes(), &mut last);
    put_frame(CLOSE, &parting.close_frame().unwrap_or_default(), &mut last);
    let writing = async { wire.write_all(&last).await.is_ok() };
    let late = async {
        Timer::after(REFUSAL_TIME).await;
        false
    };
    if writing.or(late).await {
        wire.part().await;
    }
}
