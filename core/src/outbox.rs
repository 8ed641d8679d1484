//! What a room tells its host: a list of [`Op`]s over one byte arena, owned and reused by the host. Once warm it
//! allocates nothing.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use serde::{Deserialize, Serialize};

use crate::errors::{Close, Code};
use crate::id::{Conn, EffectId, Seq};
use crate::input::{ChunkRow, LogRow, Part};
use crate::kinds::FrameKind;
use crate::listing::Listing;
use crate::log::LogEntry;
use crate::notice::Notice;
use crate::recording::Redaction;
use crate::time::Time;

/// One instruction to the host. The host carries them out in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// From now on `conn` is in this audience and in no other.
    Group {
        /// A joined socket.
        conn: Conn,
        /// Its audience; `None` takes it out of every one.
        group: Option<Group>,
    },
    /// Deliver a frame: the payload of one text message.
    Send {
        /// To whom.
        to: To,
        /// What it tells, and so whether a later frame makes up for it.
        kind: FrameKind,
        /// The payload.
        frame: Frame<'a>,
    },
    /// Close a socket once all that was sent to it has left. The room has forgotten it already.
    Close {
        /// The socket.
        conn: Conn,
        /// Code and reason of the close frame.
        close: Close,
    },
    /// Keep these bytes (at most [`MAX_ATTACHMENT`]) with the socket, in place of earlier ones.
    Attach {
        /// The socket.
        conn: Conn,
        /// For [`Input::Resume`](crate::Input::Resume).
        bytes: &'a [u8],
    },
    /// Read everything stored of this room; answer `Done::Loaded` or `Done::Failed`.
    Load {
        /// For the answer.
        effect: EffectId,
    },
    /// Write all of this in one transaction; answer `Done::Stored` once it is durable, or `Done::Failed`.
    Store {
        /// For the answer.
        effect: EffectId,
        /// For the answer: the newest event that is durable after it.
        upto: Seq,
        /// The fence: storage refuses a number lower than the one it last saw for this room, and keeps this one.
        owner: u64,
        /// What to write.
        writes: Writes<'a>,
    },
    /// Check this token; answer `Done::Verified`, or nothing if the socket is gone.
    Verify {
        /// For the answer.
        effect: EffectId,
        /// Whose socket asks.
        conn: Conn,
        /// The token as it was sent.
        token: &'a [u8],
    },
    /// This socket's person made the room: it counts against what they may make.
    Founded {
        /// The socket.
        conn: Conn,
    },
    /// The answer to a [`Command`](crate::Command).
    Reply {
        /// The command's.
        ticket: u64,
        /// Done and durable, with the newest event that is; or refused.
        result: Result<Seq, Code>,
    },
    /// Tell the list of rooms. It comes again while people are here, so that a lost one does no lasting harm.
    Announce {
        /// The room as it is.
        listing: &'a Listing,
    },
    /// Tell the list of rooms that this one was deleted.
    Forget,
    /// Tell the operator's back end, if it wants to know.
    Notice {
        /// What happened.
        notice: &'a Notice,
    },
    /// The room is empty and everything in it is durable: the host may drop it, unless it has a socket for it that
    /// the room has not heard of yet.
    Sleep,
}

/// The most that [`Op::Attach`] asks a host to keep with a socket, in bytes.
pub const MAX_ATTACHMENT: usize = 2048;

/// An audience: members that get the same bytes. Hosts build one buffer a group a flush. Numbers are given from 0 on and
/// used again, so that none is above the most members that there were at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group(pub u32);

/// To whom a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// One socket.
    One(Conn),
    /// Everyone in a group, but one.
    Group {
        /// The audience.
        group: Group,
        /// The socket that already knows, if it is in the group.
        except: Option<Conn>,
    },
}

/// Whether a later frame makes up for this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Must arrive, in order.
    Ordered,
    /// A later one says it anew: may be dropped for a slow reader.
    Latest,
}

/// The payload of one text message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Bytes in the arena.
    Inline(&'a [u8]),
    /// A long part that many receivers share, then a short one of the receiver's own: one message of both.
    Part(Arc<[u8]>, &'a [u8]),
}

impl Frame<'_> {
    /// The length of the payload, in bytes.
    pub fn len(&self) -> usize {
        match self {
            Frame::Inline(bytes) => bytes.len(),
            Frame::Part(part, tail) => part.len() + tail.len(),
        }
    }

    /// Whether the payload has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        match self {
            Frame::Inline(bytes) => bytes.to_vec(),
            Frame::Part(part, tail) => [part, *tail].concat(),
        }
    }
}

/// One change to storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write<'a> {
    /// Replace the room's record (JSON, at most 4 KiB).
    Record(&'a [u8]),
    /// Append to the log.
    Log(LogRow<'a>),
    /// Put a chunk of the snapshot.
    Chunk(ChunkRow<'a>),
    /// Delete a chunk of the snapshot.
    DropChunk {
        /// What it held.
        part: Part,
        /// Its number within the part.
        no: u32,
    },
    /// Delete everything of the room but its record and its owner number.
    Clear,
    /// Delete the log's rows that are both below `below` and older than `before`.
    Trim {
        /// The first place to keep.
        below: Seq,
        /// The first time to keep.
        before: Time,
    },
}

/// A room's messages to its host, in order.
///
/// The host makes one, hands it to every call, carries out [`Outbox::ops`] and calls [`Outbox::clear`].
#[derive(Debug, Default)]
pub struct Outbox {
    arena: Vec<u8>,
    ops: Vec<Entry>,
    parts: Vec<Arc<[u8]>>,
    writes: Vec<StoredWrite>,
    listings: Vec<Listing>,
    notices: Vec<Notice>,
    /// Frames that were kept from slow readers, until the room counts them.
    shed: u64,
}

#[derive(Debug)]
enum Entry {
    Group {
        conn: Conn,
        group: Option<Group>,
    },
    Send {
        to: To,
        kind: FrameKind,
        part: Option<u32>,
        bytes: Range<u32>,
    },
    Close {
        conn: Conn,
        close: Close,
    },
    Attach {
        conn: Conn,
        bytes: Range<u32>,
    },
    Load {
        effect: EffectId,
    },
    Store {
        effect: EffectId,
        upto: Seq,
        owner: u64,
        writes: Range<u32>,
    },
    Verify {
        effect: EffectId,
        conn: Conn,
        token: Range<u32>,
    },
    Founded {
        conn: Conn,
    },
    Reply {
        ticket: u64,
        result: Result<Seq, Code>,
    },
    /// By its number among the listings.
    Announce(usize),
    Forget,
    /// By its number among the notices.
    Notice(usize),
    Sleep,
}

/// A [`Write`] that owns its bytes, as the room collects it before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredWrite {
    Record(Arc<[u8]>),
    Log(Arc<LogEntry>),
    Chunk { part: Part, no: u32, bytes: Arc<[u8]> },
    DropChunk { part: Part, no: u32 },
    Clear,
    Trim { below: Seq, before: Time },
}

/// The changes of one [`Op::Store`].
#[derive(Clone, Copy, Debug)]
pub struct Writes<'a>(&'a [StoredWrite]);

impl PartialEq for Writes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Writes<'_> {}

impl<'a> Writes<'a> {
    /// The changes, in the order in which they are to be made.
    pub fn iter(&self) -> impl Iterator<Item = Write<'a>> + use<'a> {
        self.0.iter().map(|write| match write {
            StoredWrite::Record(bytes) => Write::Record(bytes),
            StoredWrite::Log(entry) => Write::Log(entry.row()),
            StoredWrite::Chunk { part, no, bytes } => Write::Chunk(ChunkRow { part: *part, no: *no, bytes }),
            StoredWrite::DropChunk { part, no } => Write::DropChunk { part: *part, no: *no },
            StoredWrite::Clear => Write::Clear,
            StoredWrite::Trim { below, before } => Write::Trim { below: *below, before: *before },
        })
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Outbox {
    /// An empty outbox.
    pub fn new() -> Outbox {
        Outbox::default()
    }

    /// Forgets the ops and keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.ops.clear();
        self.parts.clear();
        self.writes.clear();
        self.listings.clear();
        self.notices.clear();
    }

    /// Notes that frames were not sent to those who would not read them in time.
    pub(crate) fn shed(&mut self, frames: u64) {
        self.shed += frames;
    }

    /// How many were noted since the last time.
    pub(crate) fn take_shed(&mut self) -> u64 {
        core::mem::take(&mut self.shed)
    }

    /// Whether the room had nothing to say.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// How many ops there are.
    pub(crate) fn len(&self) -> usize {
        self.ops.len()
    }

    /// What the room said since the last [`clear`](Outbox::clear), in order.
    ///
    /// ```
    /// use kanvas_core::{Config, Op, Outbox, Room, RoomId, Time};
    /// let mut out = Outbox::new();
    /// let _room = Room::new(RoomId::new("board").unwrap(), &Config::default(), 7, Time::from_millis(0), &mut out);
    /// assert!(matches!(out.ops().next(), Some(Op::Load { .. })));
    /// ```
    pub fn ops(&self) -> impl Iterator<Item = Op<'_>> {
        self.ops.iter().filter_map(|entry| {
            Some(match entry {
                Entry::Group { conn, group } => Op::Group { conn: *conn, group: *group },
                Entry::Send { to, kind, part, bytes } => {
                    Op::Send { to: *to, kind: *kind, frame: self.frame(*part, bytes) }
                }
                Entry::Close { conn, close } => Op::Close { conn: *conn, close: *close },
                Entry::Attach { conn, bytes } => Op::Attach { conn: *conn, bytes: self.bytes(bytes) },
                Entry::Load { effect } => Op::Load { effect: *effect },
                Entry::Store { effect, upto, owner, writes } => {
                    let writes = self.writes.get(writes.start as usize..writes.end as usize).unwrap_or_default();
                    Op::Store { effect: *effect, upto: *upto, owner: *owner, writes: Writes(writes) }
                }
                Entry::Verify { effect, conn, token } => {
                    Op::Verify { effect: *effect, conn: *conn, token: self.bytes(token) }
                }
                Entry::Founded { conn } => Op::Founded { conn: *conn },
                Entry::Reply { ticket, result } => Op::Reply { ticket: *ticket, result: *result },
                Entry::Announce(no) => Op::Announce { listing: self.listings.get(*no)? },
                Entry::Forget => Op::Forget,
                Entry::Notice(no) => Op::Notice { notice: self.notices.get(*no)? },
                Entry::Sleep => Op::Sleep,
            })
        })
    }

    fn frame(&self, part: Option<u32>, tail: &Range<u32>) -> Frame<'_> {
        match part.and_then(|no| self.parts.get(no as usize)) {
            Some(part) => Frame::Part(part.clone(), self.bytes(tail)),
            None => Frame::Inline(self.bytes(tail)),
        }
    }

    fn bytes(&self, range: &Range<u32>) -> &[u8] {
        self.arena.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// Appends bytes to the arena by `write` and says where they are.
    pub(crate) fn encode(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<u32> {
        let start = offset(self.arena.len());
        write(&mut self.arena);
        start..offset(self.arena.len())
    }

    pub(crate) fn send(&mut self, to: To, kind: FrameKind, bytes: Range<u32>) {
        self.ops.push(Entry::Send { to, kind, part: None, bytes });
    }

    pub(crate) fn send_part(&mut self, conn: Conn, part: Arc<[u8]>, tail: &[u8]) {
        let no = offset(self.parts.len());
        self.parts.push(part);
        let bytes = self.encode(|arena| arena.extend_from_slice(tail));
        self.ops.push(Entry::Send { to: To::One(conn), kind: FrameKind::Snapshot, part: Some(no), bytes });
    }

    pub(crate) fn group(&mut self, conn: Conn, group: Option<Group>) {
        self.ops.push(Entry::Group { conn, group });
    }

    pub(crate) fn close(&mut self, conn: Conn, close: Close) {
        self.ops.push(Entry::Close { conn, close });
    }

    pub(crate) fn attach(&mut self, conn: Conn, attachment: &[u8]) {
        debug_assert!(attachment.len() <= MAX_ATTACHMENT);
        let bytes = self.encode(|arena| arena.extend_from_slice(attachment));
        self.ops.push(Entry::Attach { conn, bytes });
    }

    pub(crate) fn load(&mut self, effect: EffectId) {
        self.ops.push(Entry::Load { effect });
    }

    pub(crate) fn store(
        &mut self,
        effect: EffectId,
        upto: Seq,
        owner: u64,
        writes: impl IntoIterator<Item = StoredWrite>,
    ) {
        let start = offset(self.writes.len());
        self.writes.extend(writes);
        let writes = start..offset(self.writes.len());
        self.ops.push(Entry::Store { effect, upto, owner, writes });
    }

    /// The writes of each store, for a host that lives in this crate.
    #[cfg(feature = "sim")]
    pub(crate) fn store_writes(&self) -> Vec<Vec<StoredWrite>> {
        let ranges = self.ops.iter().filter_map(|entry| match entry {
            Entry::Store { writes, .. } => Some(writes.start as usize..writes.end as usize),
            Entry::Group { .. }
            | Entry::Send { .. }
            | Entry::Close { .. }
            | Entry::Attach { .. }
            | Entry::Load { .. }
            | Entry::Verify { .. }
            | Entry::Founded { .. }
            | Entry::Reply { .. }
            | Entry::Announce(_)
            | Entry::Forget
            | Entry::Notice(_)
            | Entry::Sleep => None,
        });
        ranges.map(|range| self.writes.get(range).unwrap_or_default().to_vec()).collect()
    }

    pub(crate) fn verify(&mut self, effect: EffectId, conn: Conn, token: &str) {
        let token = self.encode(|arena| arena.extend_from_slice(token.as_bytes()));
        self.ops.push(Entry::Verify { effect, conn, token });
    }

    pub(crate) fn founded(&mut self, conn: Conn) {
        self.ops.push(Entry::Founded { conn });
    }

    pub(crate) fn reply(&mut self, ticket: u64, result: Result<Seq, Code>) {
        self.ops.push(Entry::Reply { ticket, result });
    }

    pub(crate) fn announce(&mut self, listing: Listing) {
        self.ops.push(Entry::Announce(self.listings.len()));
        self.listings.push(listing);
    }

    pub(crate) fn forget(&mut self) {
        self.ops.push(Entry::Forget);
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        self.ops.push(Entry::Notice(self.notices.len()));
        self.notices.push(notice);
    }

    pub(crate) fn sleep(&mut self) {
        self.ops.push(Entry::Sleep);
    }
}

/// One call's output stays far below 4 GiB: every message, room and snapshot is bounded by `limits.rs`.
fn offset(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

impl StoredWrite {
    pub(crate) fn redact(&mut self, with: &Redaction) {
        match self {
            StoredWrite::Record(json) => *json = with.json(json).into(),
            StoredWrite::Chunk { part: Part::Images | Part::Chat, bytes, .. } => *bytes = with.json(bytes).into(),
            StoredWrite::Log(entry) => crate::log::redact(entry, with),
            StoredWrite::Chunk { part: Part::Members, .. }
            | StoredWrite::DropChunk { .. }
            | StoredWrite::Clear
            | StoredWrite::Trim { .. } => {}
        }
    }
}
