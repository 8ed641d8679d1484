//! One socket from its upgrade to its end: the reader that feeds its room, and the stream that the WebSocket library
//! sees. It never writes to the socket itself while the link lives: what the library wants written goes to the link's
//! queue, so there is one writer.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error, Message};
use kanvas_core::{Close, Conn, Hello, Input};
use smol::Timer;
use smol::future::{self, FutureExt as _};
use smol::io::{AsyncRead, AsyncWrite};
use smol::stream::StreamExt as _;

use crate::auth::Who;
use crate::gate::Pass;
use crate::host::{Host, Place};
use crate::links::Shared;
use crate::outq::{CLOSE, PONG, TEXT, put_frame};
use crate::parting::Parting;
use crate::person::Person;
use crate::server::Destination;
use crate::upgrade::Asks;
use crate::watch::Abuse;
use crate::wire::Wire;

/// What the library may buffer of one socket.
const READ_BUFFER: usize = 1024;
/// Messages of one socket that are handled before others get their turn.
const TURN: u32 = 32;
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

/// Serves a socket until it ends.
pub(crate) async fn serve(host: Rc<Host>, caller: Caller) {
    let Caller { wire, read_ahead, pass, to, asks, who, client } = caller;
    let Some(dialect) = asks.dialect else {
        return turn_away(&wire, Close::BadProtocol).await;
    };
    let who = match who {
        Ok(who) => who,
        Err(close) => return turn_away(&wire, close).await,
    };
    let mut secrets = [0; 32];
    if getrandom::fill(&mut secrets).is_err() {
        return turn_away(&wire, Close::Unavailable).await;
    }
    let Some(room) = host.room(&to.name()) else {
        return turn_away(&wire, Close::Overloaded).await;
    };
    let (resume, fresh) = split(secrets);
    let person = Person::of(&host.server, who, client, &asks.pk, fresh);
    let (founds, claim) = host.server.founds(&person.user, person.is_verified());
    let conn = host.admit(&room, wire.clone(), pass, &person.user, claim);
    let identity = person.identity(founds);
    let hello = Hello { pk: &asks.pk, dialect, name: asks.name.as_deref(), view: asks.view, share: asks.share, resume };
    host.drive(&room, Input::Connect { conn, identity, hello });
    let shared = host.links.borrow_mut().get(conn).map(|link| link.shared.clone());
    if let Some(shared) = shared {
        let tap =
            Tap { host: host.clone(), conn, wire: wire.clone(), shared: shared.clone(), read_ahead, drained: false };
        // A link that has ended by itself stays as it ended.
        let parting = read(&host, &room, conn, tap).await;
        host.part(conn, &parting);
        finish(&host, conn, &wire, &shared).await;
    }
    host.links.borrow_mut().remove(conn);
}

fn split(secrets: [u8; 32]) -> ([u8; 16], [u8; 16]) {
    let (mut first, mut second) = ([0; 16], [0; 16]);
    for (target, source) in first.iter_mut().chain(second.iter_mut()).zip(secrets) {
        *target = source;
    }
    (first, second)
}

/// Gives the room every message until the socket or its link ends.
async fn read(host: &Host, room: &Rc<Place>, conn: Conn, tap: Tap) -> Parting {
    let most = host.server.rooms.limits.message_bytes as usize;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    let shared = tap.shared.clone();
    let mut socket = WebSocketStream::from_raw_socket(tap, Role::Server, Some(config)).await;
    let mut turn = 0;
    loop {
        let next = socket.next().await;
        if shared.ending.get() {
            return Parting::Gone;
        }
        #[cfg(feature = "echo")]
        if let Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) = &next {
            let first = if message.is_binary() { 0x82 } else { TEXT };
            host.links.borrow_mut().echo(conn, first, &message.clone().into_data());
            host.want_flush();
            continue;
        }
        match next {
            Some(Ok(Message::Text(text))) => {
                host.drive(room, Input::Message { conn, bytes: text.as_bytes() });
            }
            Some(Ok(Message::Binary(_))) => return Parting::Frame(1003, "text only"),
            Some(Ok(Message::Close(frame))) => {
                return Parting::Echo(frame.map(|frame| (frame.code.into(), frame.reason.as_str().to_owned())));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(error)) => return verdict(&error, shared.abuse.get()),
            None => return Parting::Gone,
        }
        turn += 1;
        if turn >= TURN {
            turn = 0;
            future::yield_now().await;
        }
    }
}

/// What a client is told of a broken frame. The library itself says nothing.
fn verdict(error: &Error, abuse: Option<Abuse>) -> Parting {
    use async_tungstenite::tungstenite::error::ProtocolError;
    match abuse {
        Some(Abuse::Fragments) => return Parting::Frame(1008, "too many fragments"),
        Some(Abuse::Control) => return Parting::Told(Close::RateLimited),
        // The library would call one that declares more than a message may have too long a message.
        Some(Abuse::LongControl) => return Parting::Frame(1002, "protocol error"),
        None => {}
    }
    if let Error::Capacity(_) = error {
        Parting::Frame(1009, "message too long")
    } else if let Error::Utf8(_) = error {
        Parting::Frame(1007, "not UTF-8")
    } else if let Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) = error {
        Parting::Gone
    } else if let Error::Protocol(_) = error {
        Parting::Frame(1002, "protocol error")
    } else {
        Parting::Gone
    }
}

/// Waits until the last frames have left, says so to the peer, and reads what it still sends.
async fn finish(host: &Rc<Host>, conn: Conn, wire: &Wire, shared: &Shared) {
    let Some(ends_by) = host.links.borrow_mut().get(conn).and_then(|link| link.ends_by) else { return };
    host.want_flush();
    let drained = poll_fn(|cx| {
        shared.park(cx.waker());
        let drained = host.links.borrow_mut().get(conn).is_none_or(|link| link.is_drained());
        if drained { Poll::Ready(true) } else { Poll::Pending }
    });
    let late = async {
        Timer::at(ends_by).await;
        false
    };
    if drained.or(late).await {
        wire.part().await;
    } else {
        // The pump holds the connection too.
        wire.reset();
    }
}

/// Ends a socket that no room has seen: a refusal that a person must understand comes after the upgrade.
async fn turn_away(wire: &Wire, close: Close) {
    let parting = Parting::Told(close);
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

/// Writes on whenever a full socket has space again, until its queue is empty.
pub(crate) async fn pump(host: Rc<Host>, conn: Conn) {
    let Some(wire) = host.links.borrow_mut().get(conn).map(|link| link.wire.clone()) else { return };
    loop {
        // An error shows at the write.
        drop(poll_fn(|cx| wire.poll_writable(cx)).await);
        let (more, news) = host.links.borrow_mut().pump(conn);
        if let Some(news) = news {
            host.hear(conn, news);
        }
        if !more {
            return;
        }
    }
}

/// The stream that the WebSocket library sees.
struct Tap {
    host: Rc<Host>,
    conn: Conn,
    wire: Arc<Wire>,
    shared: Rc<Shared>,
    read_ahead: Vec<u8>,
    /// The last read did not fill its buffer: the socket is empty, and asking it again would only cost a call.
    drained: bool,
}

impl Tap {
    fn read_some(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.read_ahead.is_empty() {
            let count = buffer.len().min(self.read_ahead.len());
            for (target, source) in buffer.iter_mut().zip(self.read_ahead.drain(..count)) {
                *target = source;
            }
            return Poll::Ready(Ok(count));
        }
        loop {
            if self.drained {
                match self.wire.poll_readable(cx) {
                    Poll::Pending => {
                        self.shared.park(cx.waker());
                        return Poll::Pending;
                    }
                    Poll::Ready(ready) => ready?,
                }
            }
            match self.wire.try_read(buffer) {
                Ok(count) => {
                    self.drained = count < buffer.len();
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.drained = true,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncRead for Tap {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let tap = self.get_mut();
        if tap.shared.ending.get() || tap.shared.abuse.get().is_some() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let count = match tap.read_some(cx, buffer) {
            Poll::Ready(Ok(count)) => count,
            other @ (Poll::Pending | Poll::Ready(Err(_))) => return other,
        };
        let seen = buffer.get(..count).unwrap_or_default();
        match tap.shared.watch.borrow_mut().feed(Instant::now(), seen) {
            Ok(()) => Poll::Ready(Ok(count)),
            Err((before, abuse)) => {
                // What came before it is still heard; the next read ends the connection.
                tap.shared.abuse.set(Some(abuse));
                if before == 0 {
                    Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
                } else {
                    Poll::Ready(Ok(before))
                }
            }
        }
    }
}

impl AsyncWrite for Tap {
    /// Takes pongs. The library's close frames are dropped: the link writes its own, once.
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // A pong is one short frame: two bytes of header.
        if bytes.first() == Some(&PONG)
            && self.host.links.borrow_mut().pong(self.conn, bytes.get(2..).unwrap_or_default())
        {
            self.host.want_flush();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
