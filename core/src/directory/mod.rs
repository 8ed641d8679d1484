//! The list of rooms: which public rooms there are, for those who look for one, and live for those who watch. A machine
//! like a [`Room`](crate::Room): it is told what happened and says what to do.
//!
//! What a room is stays the room's own word: it announces itself, and announces itself again. The list keeps nothing
//! that it could not be told anew.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::errors::{Close, Code};
use crate::id::{Conn, RoomId};
use crate::input::Pressure;
use crate::kinds::FrameKind;
use crate::limits::Config;
use crate::listing::Listing;
use crate::outbox::{Outbox, To};
use crate::rng::Pcg;
use crate::room::{Corrupt, say_close};
use crate::time::{Span, Time};
use crate::wire::{self, Dialect, Refusal, Request};

mod feed;
mod rooms;
mod search;

use feed::Feed;
use rooms::Rooms;
pub use search::{BadQuery, Page, Query, Sort};

/// One thing that happened, given to [`Directory::handle`] with the time.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Somebody watches.
    Connect {
        /// The new socket; the host never reuses a slot and generation.
        conn: Conn,
        /// Whose it is.
        user: &'a str,
    },
    /// A watcher whose socket outlived the list's memory. Whatever the list is made anew of comes first.
    Resume {
        /// The socket.
        conn: Conn,
        /// Whose it is.
        user: &'a str,
    },
    /// One whole text message.
    Message {
        /// Where it came from.
        conn: Conn,
        /// UTF-8 text, checked by the host.
        bytes: &'a [u8],
    },
    /// A socket's send queue crossed a mark.
    Pressure {
        /// The socket.
        conn: Conn,
        /// Which way.
        level: Pressure,
    },
    /// A socket is gone.
    Disconnect {
        /// The socket.
        conn: Conn,
    },
    /// A room as it is now. Telling it again does no harm.
    Announced(&'a Listing),
    /// A room as it was announced last, to a list whose memory was lost.
    Restored {
        /// The room.
        room: &'a Listing,
        /// When it was announced.
        heard: Time,
    },
    /// A room was deleted.
    Forgotten(&'a RoomId),
    /// Close every socket for this reason, each with a wait drawn from `0..=spread`.
    Drain {
        /// The reason that watchers are given.
        close: Close,
        /// The longest `retryAfterMs`.
        spread: Span,
    },
    /// Time has passed. Early is harmless, late is merely late.
    Tick,
}

/// See the module.
///
/// ```
/// use kanvas_core::directory::{Directory, Input, Query};
/// use kanvas_core::{Config, Listing, Outbox, RoomId, Time};
///
/// let (mut out, now) = (Outbox::new(), Time::from_millis(1_790_000_000_000));
/// let mut list = Directory::new(&Config::default(), 7);
/// let room = Listing {
///     id: RoomId::new("plans").unwrap(),
///     name: "Summer plans".into(),
///     is_public: true,
///     created_at: now,
///     last_activity: now,
///     user_count: 3,
///     creator_name: Some("Ann".into()),
/// };
/// list.handle(now, Input::Announced(&room), &mut out);
/// let query = Query::read(Some("SUMMER"), None, None, None).unwrap();
/// assert_eq!(list.page(&query).rooms, [&room]);
/// ```
#[derive(Debug, Serialize, Deserialize)]
pub struct Directory {
    config: Config,
    now: Time,
    rng: Pcg,
    rooms: Rooms,
    feed: Feed,
}

impl Directory {
    /// An empty list. `seed` is for choices that are no secrets.
    pub fn new(config: &Config, seed: u64) -> Directory {
        let (now, rng) = (Time::default(), Pcg::new(seed));
        Directory { config: config.clone(), now, rng, rooms: Rooms::default(), feed: Feed::default() }
    }

    /// Takes one input. Total: every input has an answer, and none is an error.
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Outbox) {
        self.now = self.now.max(now);
        let now = self.now;
        let wakes = matches!(input, Input::Resume { .. } | Input::Restored { .. });
        match input {
            Input::Connect { conn, user } => self.on_connect(now, conn, user, out),
            Input::Resume { conn, user } => self.on_resume(now, conn, user, out),
            Input::Message { conn, bytes } => self.on_message(now, conn, bytes, out),
            Input::Pressure { conn, level } => self.feed.press(conn, level == Pressure::High, out),
            Input::Disconnect { conn } => drop(self.feed.leave(conn)),
            Input::Announced(room) if room.is_public => self.rooms.put(now, room, &self.config.limits),
            Input::Announced(room) => self.rooms.remove(&room.id),
            Input::Restored { room, heard } => self.rooms.restore(room, heard.min(now), &self.config.limits),
            Input::Forgotten(room) => self.rooms.remove(room),
            Input::Drain { close, spread } => self.on_drain(close, spread, out),
            Input::Tick => {}
        }
        // DIR14: until all are back, what became of the rooms meanwhile is told to nobody.
        if !wakes {
            self.rooms.expire(now, &self.config.limits);
            self.feed.settle(now, &mut self.rooms, &self.config.limits, out);
        }
        debug_assert_eq!(self.check(), Ok(()));
        debug_assert!(wakes || self.deadline().is_none_or(|at| at > now), "a deadline that is due stays due");
    }

    /// When to send [`Input::Tick`] at the latest; `None` if nothing waits for time to pass.
    pub fn deadline(&self) -> Option<Time> {
        let (expiry, flush) = (self.rooms.next_expiry(), self.feed.due(&self.rooms, &self.config.limits));
        expiry.into_iter().chain(flush).min()
    }

    /// Appends the complete machine.
    pub fn save(&self, bytes: &mut Vec<u8>) {
        match postcard::to_allocvec(self) {
            Ok(saved) => bytes.extend_from_slice(&saved),
            Err(error) => debug_assert!(false, "a list that cannot be saved: {error}"),
        }
    }

    /// Takes back what [`Directory::save`] gave.
    ///
    /// # Errors
    /// [`Corrupt`] if the bytes are not a saved list of this version, or one whose invariants do not hold.
    pub fn restore(bytes: &[u8]) -> Result<Directory, Corrupt> {
        let (list, rest): (Directory, &[u8]) = postcard::take_from_bytes(bytes).map_err(|_| Corrupt)?;
        if rest.is_empty() && list.check().is_ok() { Ok(list) } else { Err(Corrupt) }
    }

    /// The rooms that a query asks for.
    pub fn page(&self, query: &Query) -> Page<'_> {
        search::page(&self.rooms, query)
    }

    /// Whether this room is on the list: a host that keeps what it was announced need not keep what is not.
    pub fn lists(&self, room: &RoomId) -> bool {
        self.rooms.get(room).is_some()
    }

    /// How many rooms are on the list.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether no room is on the list.
    pub fn is_empty(&self) -> bool {
        self.rooms.len() == 0
    }

    /// States what must always hold.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self) -> Result<(), &'static str> {
        self.rooms.check()?;
        self.feed.check(&self.config.limits)
    }

    fn on_connect(&mut self, now: Time, conn: Conn, user: &str, out: &mut Outbox) {
        let limits = &self.config.limits;
        if let Some(close) = self.turned_away(user) {
            return say_close(Dialect::KanvasV1, None, conn, close, None, out);
        }
        self.rooms.expire(now, limits);
        self.feed.settle(now, &mut self.rooms, limits, out);
        self.feed.greet(now, conn, user, &self.rooms, limits, out);
    }

    /// DIR14: somebody who was told of all that there is.
    fn on_resume(&mut self, now: Time, conn: Conn, user: &str, out: &mut Outbox) {
        match self.turned_away(user) {
            Some(close) => say_close(Dialect::KanvasV1, None, conn, close, None, out),
            None => self.feed.resume(now, conn, user, &self.rooms, &self.config.limits, out),
        }
    }

    /// DIR7: watchers are bounded like the sockets of a room.
    fn turned_away(&self, user: &str) -> Option<Close> {
        let limits = &self.config.limits;
        if self.feed.watchers() >= limits.room_connections as usize {
            return Some(Close::RoomFull);
        }
        (self.feed.sockets_of(user) >= limits.user_connections).then_some(Close::RateLimited)
    }

    /// DIR8: there is nothing to say to the list but `ping`.
    fn on_message(&mut self, now: Time, conn: Conn, bytes: &[u8], out: &mut Outbox) {
        let limits = &self.config.limits;
        let Some(watcher) = self.feed.watcher(conn) else { return };
        let decoded = wire::decode(Dialect::KanvasV1, bytes);
        let wait = watcher.control.take(limits.control, now).err();
        let is_ping = matches!(decoded.request, Ok(Request::Ping));
        let code = match decoded.request {
            Err(Code::BadMessage) => Code::BadMessage,
            _ if wait.is_some() => Code::RateLimited,
            Ok(Request::Ping) => {
                let bytes = out.encode(|arena| arena.extend_from_slice(b"pong"));
                return out.send(To::One(conn), FrameKind::List, bytes);
            }
            Ok(_) => Code::UnknownType,
            Err(code) => code,
        };
        let garbage = code == Code::BadMessage && watcher.garbage.count(limits.garbage_window, now) >= limits.garbage;
        let abuse = watcher.abuse.count(limits.abuse_window, now) >= limits.abuse;
        // RATE5: a ping too many is counted, and not answered.
        if !is_ping {
            let retry_after = wait.filter(|_| code == Code::RateLimited);
            let refusal = Refusal { retry_after, ..Refusal::of(code, decoded.id.as_deref()) };
            let bytes = out.encode(|arena| wire::encode(Dialect::KanvasV1, &wire::Event::Error(refusal), None, arena));
            out.send(To::One(conn), FrameKind::List, bytes);
        }
        let close = match (garbage, abuse) {
            (true, _) => Close::BadProtocol,
            (false, true) => Close::RateLimited,
            (false, false) => return,
        };
        say_close(Dialect::KanvasV1, None, conn, close, None, out);
        drop(self.feed.leave(conn));
    }

    fn on_drain(&mut self, close: Close, spread: Span, out: &mut Outbox) {
        for conn in self.feed.conns() {
            let wait = Span::from_millis(self.rng.below(spread.as_millis() + 1));
            say_close(Dialect::KanvasV1, None, conn, close, Some(wait), out);
            drop(self.feed.leave(conn));
        }
    }
}
