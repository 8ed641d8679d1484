//! The languages that clients speak. A dialect turns bytes into requests and events into bytes; the room
//! knows none of them.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::chat::ChatMessage;
use crate::errors::Code;
use crate::id::{ClientId, Epoch, RoomId, Seq};
use crate::image::{Changes, Image, Scalar};
use crate::input::View;
use crate::log::LogEntry;
use crate::presence::Client;
use crate::time::{Span, Time};
use json::{Object, Writer};

pub(crate) mod json;
mod kanvas_v1;
#[cfg(any(test, feature = "testing"))]
mod plain;

/// A language of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// `kanvas.v1`, the default.
    #[default]
    KanvasV1,
    /// Two events as lines of plain text: stands beside the first in tests, so that the seam is real.
    #[cfg(any(test, feature = "testing"))]
    Plain,
}

impl Dialect {
    /// Every dialect of this build.
    pub const ALL: &'static [Dialect] = &[
        Dialect::KanvasV1,
        #[cfg(any(test, feature = "testing"))]
        Dialect::Plain,
    ];

    /// The dialect's name: a subprotocol, and the `dialect` of the query.
    pub const fn as_str(self) -> &'static str {
        match self {
            Dialect::KanvasV1 => "kanvas.v1",
            #[cfg(any(test, feature = "testing"))]
            Dialect::Plain => "plain",
        }
    }

    /// The dialect of that name, if this build speaks it.
    ///
    /// ```
    /// use kanvas_core::wire::Dialect;
    /// assert_eq!(Dialect::from_name("kanvas.v1"), Some(Dialect::KanvasV1));
    /// ```
    pub fn from_name(name: &str) -> Option<Dialect> {
        Dialect::ALL.iter().copied().find(|dialect| dialect.as_str() == name)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Whether connecting is joining.
    pub(crate) const fn joins_on_connect(self) -> bool {
        match self {
            Dialect::KanvasV1 => false,
            #[cfg(any(test, feature = "testing"))]
            Dialect::Plain => true,
        }
    }
}

/// A place on the canvas, in its units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// What part of the canvas a person sees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Viewport {
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// Above 0.
    pub(crate) scale: f64,
}

/// A message, read: what it asks, and under what id.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) id: Option<Box<str>>,
    /// The image that a refused edit is about, so that its sender can be told what is true.
    pub(crate) image: Option<Box<str>>,
    pub(crate) request: Result<Request, Code>,
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    Ping,
    Join(Box<Join>),
    Leave,
    /// A fresh token for the socket.
    Refresh {
        token: Box<str>,
    },
    Update(Box<Update>),
    Cursor(Option<Point>),
    Viewport(Viewport),
    /// Changes while dragging: told to others, not stored.
    Drag {
        image: Box<str>,
        changes: Box<Changes>,
    },
    Edit(Box<Edit>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Join {
    pub(crate) profile: Profile,
    pub(crate) resume: Option<[u8; 16]>,
    pub(crate) since: Option<(u64, Seq)>,
    pub(crate) view: View,
    /// Cursors are to come in one frame a flush.
    pub(crate) batch: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Update {
    pub(crate) profile: Profile,
    pub(crate) presence: Option<BTreeMap<Box<str>, Scalar>>,
}

/// What a person says of themself, as it was sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Profile {
    pub(crate) name: Option<String>,
    pub(crate) color: Option<String>,
    pub(crate) avatar: Option<String>,
}

/// A change that is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Edit {
    Add(Image),
    Change {
        image: Box<str>,
        changes: Changes,
    },
    Remove {
        image: Box<str>,
    },
    Chat {
        text: String,
    },
    Room(RoomChange),
    /// `None`: no role of their own, and no ban.
    SetRole {
        user: Box<str>,
        role: Option<Role>,
    },
    Kick {
        user: Box<str>,
        reason: Option<String>,
    },
    Ban {
        user: Box<str>,
        reason: Option<String>,
    },
}

/// What `member:role` says for no role of one's own.
pub(crate) const NO_ROLE: &str = "none";

/// What an owner changes of the room; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RoomChange {
    pub(crate) name: Option<String>,
    pub(crate) is_public: Option<bool>,
    pub(crate) locked: Option<bool>,
    pub(crate) default_role: Option<Role>,
    pub(crate) guest_role: Option<Role>,
}

impl RoomChange {
    /// The change as `data` of an event: only what changes.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut data = Writer::object(out);
        if let Some(name) = &self.name {
            data.text("name", name);
        }
        for (key, value) in [("isPublic", self.is_public), ("locked", self.locked)] {
            if let Some(value) = value {
                data.bool(key, value);
            }
        }
        for (key, role) in [("defaultRole", self.default_role), ("guestRole", self.guest_role)] {
            if let Some(role) = role {
                data.text(key, role.as_str());
            }
        }
        data.end();
    }
}

/// What the room tells its clients.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    Joined {
        client: &'a Client,
        epoch: Epoch,
        seq: Seq,
        room: RoomView<'a>,
    },
    Left {
        reason: Gone,
    },
    UserJoined(&'a Client),
    UserUpdated(&'a Client),
    UserLeft {
        client: &'a Client,
        reason: Gone,
    },
    UserList(&'a BTreeMap<ClientId, Client>),
    Cursor {
        client: ClientId,
        cursor: Option<Point>,
    },
    Viewport {
        client: ClientId,
        viewport: Viewport,
    },
    Stored {
        entry: &'a LogEntry,
        #[cfg_attr(
            not(any(test, feature = "testing")),
            expect(dead_code, reason = "for dialects with words of their own")
        )]
        what: What<'a>,
    },
    /// Where a dragged image is now.
    Dragged {
        client: ClientId,
        image: &'a str,
        changes: &'a Changes,
    },
    /// Where an image really is, after a drag that ended without an edit.
    Settled {
        client: ClientId,
        image: &'a str,
        values: &'a Changes,
    },
    Ack {
        id: Option<&'a str>,
        seq: Seq,
        set: &'a str,
    },
    /// What the operator's back end tells everybody.
    Published {
        data: &'a Object<'a>,
    },
    /// The lease of the receiver ends.
    Expiring {
        at: Time,
    },
    Error(Refusal<'a>),
    Pong,
}

/// A stored event, typed, for dialects that say it in their own way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What<'a> {
    Image,
    #[cfg_attr(not(any(test, feature = "testing")), expect(dead_code, reason = "for dialects with words of their own"))]
    Chat(&'a ChatMessage),
    /// The room itself, or who belongs to it.
    Room,
}

/// What a member may know of the room itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoomView<'a> {
    pub(crate) id: &'a RoomId,
    pub(crate) name: &'a str,
    pub(crate) is_public: bool,
    pub(crate) locked: bool,
    pub(crate) default_role: Role,
    pub(crate) guest_role: Role,
    pub(crate) created_at: Time,
}

/// Why someone is no longer in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    Left,
    Lost,
    Kicked,
    Banned,
    /// What let them in has ended.
    Expired,
}

impl Gone {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Gone::Left => "left",
            Gone::Lost => "lost",
            Gone::Kicked => "kicked",
            Gone::Banned => "banned",
            Gone::Expired => "expired",
        }
    }
}

/// A message that was refused, or a socket that is about to be closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal<'a> {
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    pub(crate) id: Option<&'a str>,
    pub(crate) retry_after: Option<Span>,
    pub(crate) truth: Truth<'a>,
}

/// The authoritative image after a refused edit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Truth<'a> {
    /// The refusal is about no image.
    Unsaid,
    /// It does not exist.
    Absent,
    Image(&'a Image),
}

impl<'a> Refusal<'a> {
    pub(crate) fn of(code: Code, id: Option<&'a str>) -> Refusal<'a> {
        let (code, message) = (code.as_str(), code.message());
        Refusal { code, message, id, retry_after: None, truth: Truth::Unsaid }
    }
}

/// The state of a room as someone who joins gets it.
pub(crate) struct Snapshot<I, C> {
    pub(crate) epoch: Epoch,
    pub(crate) seq: Seq,
    /// In stacking order.
    pub(crate) images: I,
    /// Oldest first.
    pub(crate) chat: C,
}

/// Reads one message.
pub(crate) fn decode(dialect: Dialect, bytes: &[u8]) -> Decoded {
    match dialect {
        Dialect::KanvasV1 => kanvas_v1::decode(bytes),
        #[cfg(any(test, feature = "testing"))]
        Dialect::Plain => plain::decode(bytes),
    }
}

/// Appends the event as one frame; nothing where the dialect has no word for it. `receiver` is the client that it
/// goes to, where it goes to one.
pub(crate) fn encode(dialect: Dialect, event: &Event<'_>, receiver: Option<ClientId>, out: &mut Vec<u8>) {
    match dialect {
        Dialect::KanvasV1 => kanvas_v1::encode(event, receiver, out),
        #[cfg(any(test, feature = "testing"))]
        Dialect::Plain => plain::encode(event, out),
    }
}

/// Appends a cursor as it stands in a batch (see [`encode_batch`]).
pub(crate) fn encode_entry(dialect: Dialect, client: ClientId, cursor: Option<Point>, out: &mut Vec<u8>) {
    match dialect {
        Dialect::KanvasV1 => kanvas_v1::encode_entry(client, cursor, out),
        #[cfg(any(test, feature = "testing"))]
        Dialect::Plain => {}
    }
}

/// Appends one frame with all these entries, which are in `out` already, for who joined with [`Join::batch`]. `first` is
/// the client of the first of them.
pub(crate) fn encode_batch(
    dialect: Dialect,
    first: ClientId,
    entries: impl Iterator<Item = Range<u32>>,
    out: &mut Vec<u8>,
) {
    match dialect {
        Dialect::KanvasV1 => kanvas_v1::encode_batch(first, entries, out),
        #[cfg(any(test, feature = "testing"))]
        Dialect::Plain => {}
    }
}

/// The frames of a full snapshot, each without its receiver's [`sync_tail`].
pub(crate) fn full_sync<'a>(
    dialect: Dialect,
    snapshot: Snapshot<impl Iterator<Item = &'a Image>, impl Iterator<Item = &'a ChatMessage>>,
) -> Vec<Arc<[u8]>> {
    match dialect {
        Dialect::KanvasV1 => kanvas_v1::full_sync(snapshot),
        #[cfg(any(test, feature = "testing"))]
        Dialect::Plain => Vec::new(),
    }
}

/// The frames of the stored events that a resuming client missed, each without its receiver's [`sync_tail`]; `None`
/// where the dialect knows only full snapshots.
pub(crate) fn delta_sync<'a>(
    dialect: Dialect,
    epoch: Epoch,
    seq: Seq,
    missed: impl Iterator<Item = &'a LogEntry>,
) -> Option<Vec<Arc<[u8]>>> {
    match dialect {
        Dialect::KanvasV1 => Some(kanvas_v1::delta_sync(epoch, seq, missed)),
        #[cfg(any(test, feature = "testing"))]
        Dialect::Plain => None,
    }
}

/// What follows the shared part of a sync frame for one receiver.
pub(crate) fn sync_tail(dialect: Dialect, receiver: ClientId) -> Vec<u8> {
    match dialect {
        Dialect::KanvasV1 => kanvas_v1::sync_tail(receiver),
        #[cfg(any(test, feature = "testing"))]
        Dialect::Plain => Vec::new(),
    }
}

/// Writes a client id as JSON.
pub(crate) fn write_client(out: &mut Vec<u8>, client: ClientId) {
    out.extend_from_slice(b"\"c");
    json::write_integer(out, client.0);
    out.push(b'"');
}

/// Writes a secret as 32 hexadecimal digits.
pub(crate) fn write_secret(out: &mut Vec<u8>, secret: &[u8; 16]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in secret {
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
}

/// Takes a secret back; `None` for anything else.
pub(crate) fn read_secret(text: &str) -> Option<[u8; 16]> {
    let digits = text.as_bytes();
    let mut secret = [0; 16];
    if digits.len() != 32 {
        return None;
    }
    for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(secret)
}
