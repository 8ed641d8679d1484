//! Names of things: rooms, sockets, clients, effects, positions in the log.

use alloc::boxed::Box;
use core::fmt;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::read_secret;

/// The largest integer on the wire: 2^53 − 1, the last that every JavaScript client reads exactly.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// A room's name: 1 to 64 bytes of `[A-Za-z0-9_-]`, compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomId(Box<str>);

impl RoomId {
    /// The name that the list of rooms goes by where a host needs one.
    pub fn of_list() -> RoomId {
        RoomId("list".into())
    }

    /// The longest room id, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Takes a name that is a legal room id, else `None`.
    ///
    /// ```
    /// use kanvas_core::RoomId;
    /// assert!(RoomId::new("Team_board-7").is_some());
    /// assert!(RoomId::new("a/b").is_none());
    /// ```
    pub fn new(name: &str) -> Option<RoomId> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        ((1..=RoomId::MAX_BYTES).contains(&name.len()) && name.bytes().all(legal)).then(|| RoomId(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A socket, named by its host: a slot that is used again and a generation that is not, so that a stale socket's
/// late close cannot hurt the socket that took its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Conn {
    /// The host's slot.
    pub slot: u32,
    /// How many sockets had this slot before.
    pub generation: u32,
}

/// A person's presence in a room, written `c7` on the wire. Made by the room, never used twice in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u64);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// A place in a room's log of stored events; the first event has 1. At most [`MAX_INTEGER`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seq(pub u64);

impl Seq {
    /// The place after this one.
    pub const fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

/// Which log a [`Seq`] counts in: changes whenever the log is replaced. 1 to [`MAX_INTEGER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

/// Names an effect that the room asked its host for, so that the answer finds its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectId(pub u64);

/// Names a link that lets people in: what the host made of its secret token, from which the token cannot be told.
/// Stored and told as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareId(pub [u8; 16]);

impl ShareId {
    /// Reads what [`Display`](fmt::Display) writes.
    ///
    /// ```
    /// use kanvas_core::ShareId;
    /// let id = ShareId([7; 16]);
    /// assert_eq!(ShareId::from_hex(&id.to_string()), Some(id));
    /// assert_eq!(ShareId::from_hex("07"), None);
    /// ```
    pub fn from_hex(text: &str) -> Option<ShareId> {
        read_secret(text).map(ShareId)
    }
}

impl fmt::Display for ShareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for ShareId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ShareId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ShareId, D::Error> {
        let text = Box::<str>::deserialize(from)?;
        ShareId::from_hex(&text).ok_or_else(|| D::Error::custom("a share is 32 hexadecimal digits"))
    }
}
