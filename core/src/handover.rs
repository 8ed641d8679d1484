//! A live room as one file, to be taken from one host to another: what storage has of it, and the machine as it is. It
//! owns the format and what of it can be trusted; stopping the room, its sockets and its storage are the hosts' work.
//!
//! The file is, in the bytes of [`codec`](crate::codec): [`MAGIC`], the version as a byte, the room's id as a text, one
//! input `Done` with `Loaded` of effect 1 as [`write_input`] writes it, the saved machine as a list of bytes, and last
//! the [`fingerprint`] of all before it, from 0, as a `u64`.

use alloc::vec::Vec;
use core::fmt;

use crate::codec::{Reader, Rows, blob, fingerprint, read_next_rows, text, u64, write_input};
use crate::id::{EffectId, Epoch, MAX_INTEGER, RoomId, Seq};
use crate::input::{Done, Input, Loaded};
use crate::limits::Config;
use crate::outbox::Outbox;
use crate::room::{Record, Room};
use crate::time::Time;

/// How every such file begins.
pub const MAGIC: &[u8] = b"KNVS-MOVE";
/// The version of what follows. A room that is saved differently is another one.
pub const VERSION: u8 = 1;
/// What a new room calls its load.
const FIRST: EffectId = EffectId(1);

/// A room on its way.
#[derive(Clone, Debug)]
pub struct Handover<'a> {
    room: RoomId,
    rows: Rows<'a>,
    saved: &'a [u8],
}

/// Why bytes are no room that can be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// They do not begin as one.
    NotOne,
    /// It is one of another version.
    Version,
    /// It is damaged, or not all of it is there.
    Damaged,
    /// What is in it does not belong together, or this version of Kanvas does not know what it is.
    Room,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unfit::NotOne => "this is no room that was handed over",
            Unfit::Version => "this room was handed over by another version of Kanvas, which saves rooms differently",
            Unfit::Damaged => "this room is damaged, or only a part of one",
            Unfit::Room => {
                "this room cannot be read: its parts do not belong together, or another version of Kanvas saved it"
            }
        })
    }
}

impl core::error::Error for Unfit {}

/// Appends a room that [may move](Room::may_move), and all that storage has of it.
pub fn write(room: &Room, loaded: &Loaded<'_>, bytes: &mut Vec<u8>) {
    debug_assert!(room.may_move(), "a room that is not at rest, or has sockets, cannot be taken elsewhere");
    let mut saved = Vec::new();
    room.save(&mut saved);
    write_saved(room.id(), room.time(), &saved, loaded, bytes);
}

/// The same of a room that was saved when it might move, at that time.
pub fn write_saved(room: &RoomId, now: Time, saved: &[u8], loaded: &Loaded<'_>, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.extend_from_slice(MAGIC);
    bytes.push(VERSION);
    text(bytes, room.as_str());
    write_input(now, &Input::Done { effect: FIRST, result: Done::Loaded(loaded.clone()) }, bytes);
    blob(bytes, saved);
    let print = fingerprint(0, bytes.get(start..).unwrap_or_default());
    u64(bytes, print);
}

/// Reads a file, and looks whether all of it is there as it was written. Whether the room is one shows when it is
/// [restored](Handover::restore).
///
/// # Errors
/// [`Unfit`], but for `Room`.
pub fn read(bytes: &[u8]) -> Result<Handover<'_>, Unfit> {
    let (version, _) = bytes.strip_prefix(MAGIC).ok_or(Unfit::NotOne)?.split_first().ok_or(Unfit::Damaged)?;
    if *version != VERSION {
        return Err(Unfit::Version);
    }
    let (all, print) = bytes.split_last_chunk().ok_or(Unfit::Damaged)?;
    if fingerprint(0, all) != u64::from_le_bytes(*print) {
        return Err(Unfit::Damaged);
    }
    all.get(MAGIC.len() + 1..).and_then(read_body).ok_or(Unfit::Damaged)
}

fn read_body(bytes: &[u8]) -> Option<Handover<'_>> {
    let mut rest = Reader(bytes);
    let room = RoomId::new(rest.text()?)?;
    let (rows, saved) = (read_next_rows(&mut rest)?, rest.blob()?);
    (rest.0.is_empty() && is_in_bounds(&rows)).then_some(Handover { room, rows, saved })
}

/// No room and no storage has a number beyond those of the wire.
fn is_in_bounds(rows: &Rows<'_>) -> bool {
    let numbers = rows.log.iter().flat_map(|row| [row.seq.0, row.at.as_millis(), row.epoch, row.client]);
    numbers.chain([rows.owner]).all(|number| number < MAX_INTEGER)
}

impl Handover<'_> {
    /// Which room it is.
    pub fn room(&self) -> &RoomId {
        &self.room
    }

    /// The epoch of its log and the newest place in it, as storage has them; `None` if there is no room in it.
    pub fn place(&self) -> Option<(Epoch, Seq)> {
        let (epoch, snapshot) = Record::read(self.rows.record?)?.place();
        Some((epoch, self.rows.log.last().map_or(snapshot, |row| row.seq)))
    }

    /// All that storage has of it.
    pub fn loaded(&self) -> Loaded<'_> {
        self.rows.loaded()
    }

    /// The machine, as [`Room::save`] gave it.
    pub fn saved(&self) -> &[u8] {
        self.saved
    }

    /// The room, to go on at `now` under a host that has this for its rooms (MOVE3). Its storage is to have what is in
    /// [`loaded`](Handover::loaded) before it is given any input.
    ///
    /// # Errors
    /// [`Unfit::Room`], also if storage would not make the same room of what it has.
    pub fn restore(&self, config: &Config, now: Time) -> Result<Room, Unfit> {
        let mut room = Room::restore(self.saved, Time::default()).map_err(|_| Unfit::Room)?;
        let mut again = Vec::new();
        room.save(&mut again);
        let is_itself = again == self.saved && *room.id() == self.room && room.may_move();
        if !is_itself || !self.is_stored(&room) {
            return Err(Unfit::Room);
        }
        room.settle_under(config, now);
        Ok(room)
    }

    /// MOVE5: whether storage that has these rows has that room.
    fn is_stored(&self, room: &Room) -> bool {
        let (mut out, now) = (Outbox::new(), room.time());
        let mut stored = Room::new(self.room.clone(), room.config(), 0, now, &mut out);
        // As many rows of the log as the room keeps: what was before them it has in its snapshot.
        let limits = &room.config().limits;
        let most = limits.log_ops.saturating_add(limits.gated_frames) as usize;
        let log = self.rows.log.get(self.rows.log.len().saturating_sub(most)..).unwrap_or_default();
        let loaded = Loaded { log, ..self.loaded() };
        stored.handle(now, Input::Done { effect: FIRST, result: Done::Loaded(loaded) }, &mut out);
        if stored.fault().is_some() {
            return false;
        }
        let canvas = |room: &Room| {
            let mut canvas = Vec::new();
            room.canvas(&mut canvas);
            canvas
        };
        let (Some(there), Some(here)) = (stored.standing(), room.standing()) else { return false };
        let ((epoch, head, next), (epoch_here, head_here, owner)) = (there, here);
        // It is the last owner, or has stored nothing since it became the next one.
        let owns = owner == self.rows.owner || owner == next;
        (epoch, head) == (epoch_here, head_here) && owns && canvas(&stored) == canvas(room)
    }
}
