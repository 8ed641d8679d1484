//! Recordings of a live room: the room as it was, each input that it had from then on, and a fingerprint of what it said
//! to it. What was said need not be kept: the same inputs lead to the same bytes (ROOM12), so a recording can be played
//! again anywhere, checked at every input, and stopped at any of them.
//!
//! A recording is a line that says so, a header in JSON, the saved room and its fingerprint, then its entries: inputs as
//! [`codec`](crate::codec) writes them, each with the fingerprint of everything said up to then, and now and then a
//! fingerprint of the room itself. It is bounded: see [`Bounds`].

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::codec::{Reader, blob, fingerprint, read_next, u64, write_input, write_op};
use crate::id::RoomId;
use crate::input::Input;
use crate::outbox::Op;
use crate::room::Room;
use crate::time::{Span, Time};

mod play;
mod redact;
mod told;

pub use play::{Departure, Player};
pub(crate) use redact::Redaction;
use told::slot_of;
pub use told::{Told, op_in_words};

/// The first line, with the version of what follows.
const MAGIC: &[u8] = b"kanvas recording 1\n";
const MAGIC_OF_ANY: &[u8] = b"kanvas recording ";

/// After how many inputs the room itself is fingerprinted.
const STATE_EVERY: u64 = 1000;

/// No host has more sockets, and a room has a place for each up to the last.
const LAST_SLOT: u32 = 1 << 20;

const INPUT: u8 = 0;
const STATE: u8 = 1;
const END: u8 = 2;

/// How much is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of the whole recording.
    pub bytes: usize,
    /// Time from the first moment on.
    pub span: Span,
}

/// What a recording says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Whose recording it is.
    pub room: RoomId,
    /// When it begins, ms since the Unix epoch.
    pub begun: Time,
    /// The version of the server that made it.
    pub version: String,
    /// Whether names, texts and secrets were rewritten.
    pub redacted: bool,
    /// The number of the input to which the recorded room said something that it did not say again when it was
    /// rewritten: a mistake in the server. `None` if there is none.
    pub departed: Option<u64>,
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// It was asked to.
    Stopped,
    /// The time was over.
    Time,
    /// It would have had too many bytes.
    Full,
    /// The room went to sleep, was given up or lost.
    Room,
}

impl Ended {
    const ALL: [Ended; 4] = [Ended::Stopped, Ended::Time, Ended::Full, Ended::Room];

    fn number(self) -> u8 {
        match self {
            Ended::Stopped => 0,
            Ended::Time => 1,
            Ended::Full => 2,
            Ended::Room => 3,
        }
    }
}

/// Records one room. Costs its host one look at whether there is one while there is none.
#[derive(Debug)]
pub struct Recorder {
    bytes: Vec<u8>,
    bounds: Bounds,
    begun: Time,
    inputs: u64,
    said: u64,
    scratch: Vec<u8>,
    ended: Option<Ended>,
}

impl Recorder {
    /// From this moment of the room on. `version` is that of the host's program.
    pub fn begin(room: &Room, version: &str, now: Time, bounds: Bounds) -> Recorder {
        let header =
            Header { room: room.id().clone(), begun: now, version: version.into(), redacted: false, departed: None };
        let mut bytes = Vec::new();
        write_head(&header, &saved(room), &mut bytes);
        Recorder { bytes, bounds, begun: now, inputs: 0, said: 0, scratch: Vec::new(), ended: None }
    }

    /// The room is about to be given this input.
    pub fn hear(&mut self, now: Time, input: &Input<'_>) {
        if self.ended.is_some() {
            return;
        }
        let before = self.bytes.len();
        self.bytes.push(INPUT);
        write_input(now, input, &mut self.bytes);
        // The fingerprints, a state and the end must have room, too.
        let full = self.bytes.len() + 64 > self.bounds.bytes;
        if full || now.since(self.begun) > self.bounds.span {
            self.bytes.truncate(before);
            self.end(if full { Ended::Full } else { Ended::Time });
        }
    }

    /// This is what it said to it.
    pub fn tell<'a>(&mut self, room: &Room, ops: impl Iterator<Item = Op<'a>>) {
        if self.ended.is_some() {
            return;
        }
        self.said = said(self.said, ops, &mut self.scratch);
        u64(&mut self.bytes, self.said);
        self.inputs += 1;
        if self.inputs.is_multiple_of(STATE_EVERY) {
            self.bytes.push(STATE);
            u64(&mut self.bytes, fingerprint(0, &saved(room)));
        }
    }

    /// Nothing more is recorded. The first reason stays.
    pub fn end(&mut self, why: Ended) {
        if self.ended.is_none() {
            write_end(why, &mut self.bytes);
            self.ended = Some(why);
        }
    }

    /// Why it ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// How many inputs there are.
    pub fn inputs(&self) -> u64 {
        self.inputs
    }

    /// When it began.
    pub fn begun(&self) -> Time {
        self.begun
    }

    /// How long it may become.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// How many bytes there are.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The recording so far, as one that was asked to end here if it goes on. It holds everything that people said: see
    /// [`Recording::redacted`].
    pub fn recording(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if self.ended.is_none() {
            write_end(Ended::Stopped, &mut bytes);
        }
        bytes
    }
}

/// A recording to be played.
#[derive(Clone, Debug)]
pub struct Recording {
    header: Header,
    /// The room as it was saved.
    room: Vec<u8>,
    inputs: Vec<Entry>,
    ended: Option<Ended>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where the input is in the bytes.
    at: usize,
    time: Time,
    /// The fingerprint of what was said up to then.
    said: u64,
    /// That of the room.
    state: Option<u64>,
}

/// Why bytes are no recording that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplayable {
    /// They do not begin as one.
    NotOne,
    /// It is one of another version.
    Version,
    /// It is damaged from this byte on.
    Damaged(usize),
    /// The room in it was saved by a version of Kanvas that saves rooms differently, or it is damaged.
    Room,
}

impl fmt::Display for Unplayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unplayable::NotOne => f.write_str("this is no recording of a room"),
            Unplayable::Version => f.write_str("this recording was made by another version of Kanvas, which writes them differently"),
            Unplayable::Damaged(at) => write!(f, "this recording is damaged, or only a part of one: it cannot be read from byte {at} on"),
            Unplayable::Room => {
                f.write_str("the room at the beginning of this recording was saved by a version of Kanvas that saves rooms differently")
            }
        }
    }
}

impl core::error::Error for Unplayable {}

impl Recording {
    /// Reads a recording. One without an end, of a server that crashed, is one.
    ///
    /// # Errors
    /// [`Unplayable`], but for `Room`: whether the room can be read shows when it is played.
    pub fn read(bytes: Vec<u8>) -> Result<Recording, Unplayable> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err(if bytes.starts_with(MAGIC_OF_ANY) { Unplayable::Version } else { Unplayable::NotOne });
        };
        let at = |rest: &Reader<'_>| bytes.len() - rest.0.len();
        let mut rest = Reader(rest);
        let damaged = Unplayable::Damaged(MAGIC.len());
        let header = rest.blob().and_then(|header| serde_json::from_slice(header).ok()).ok_or(damaged)?;
        let damaged_room = Unplayable::Damaged(at(&rest));
        let room = rest.blob().ok_or(damaged_room)?.to_vec();
        if rest.u64() != Some(fingerprint(0, &room)) {
            return Err(damaged_room);
        }
        let (mut inputs, mut ended) = (Vec::<Entry>::new(), None);
        while !rest.0.is_empty() {
            let damaged = Unplayable::Damaged(at(&rest));
            if ended.is_some() {
                return Err(damaged);
            }
            match (rest.u8(), inputs.last_mut()) {
                (Some(INPUT), _) => {
                    let (start, mut time, mut slot) = (at(&rest), Time::default(), 0);
                    let mut hear = |now, input: Input<'_>| (time, slot) = (now, slot_of(&input).unwrap_or(0));
                    read_next(&mut rest, &mut hear).ok_or(damaged)?;
                    if slot > LAST_SLOT {
                        return Err(damaged);
                    }
                    inputs.push(Entry { at: start, time, said: rest.u64().ok_or(damaged)?, state: None });
                }
                (Some(STATE), Some(last)) => last.state = Some(rest.u64().ok_or(damaged)?),
                (Some(END), _) => {
                    let why = rest.u8().and_then(|why| Ended::ALL.into_iter().find(|ended| ended.number() == why));
                    ended = Some(why.ok_or(damaged)?);
                }
                _ => return Err(damaged),
            }
        }
        Ok(Recording { header, room, inputs, ended, bytes })
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many inputs there are.
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Whether there is no input.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// When the last input came.
    pub fn until(&self) -> Time {
        self.inputs.last().map_or(self.header.begun, |last| last.time)
    }

    /// Why it ended; `None` if it was cut off.
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// The whole of it, as [`Recording::read`] reads it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// When an input came, by its number.
    pub fn time(&self, no: usize) -> Option<Time> {
        self.inputs.get(no).map(|entry| entry.time)
    }

    /// Hands out an input and its time.
    pub(crate) fn input(&self, no: usize, hear: &mut impl FnMut(Time, Input<'_>)) {
        if let Some(entry) = self.inputs.get(no) {
            let mut rest = Reader(self.bytes.get(entry.at..).unwrap_or_default());
            read_next(&mut rest, hear);
        }
    }
}

fn write_head(header: &Header, room: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(MAGIC);
    blob(bytes, serde_json::to_string(header).unwrap_or_else(|error| error.to_string()).as_bytes());
    blob(bytes, room);
    u64(bytes, fingerprint(0, room));
}

fn write_end(why: Ended, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&[END, why.number()]);
}

fn saved(room: &Room) -> Vec<u8> {
    let mut bytes = Vec::new();
    room.save(&mut bytes);
    bytes
}

/// The fingerprint of what was said before and now.
fn said<'a>(before: u64, ops: impl Iterator<Item = Op<'a>>, scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    ops.for_each(|op| write_op(&op, scratch));
    fingerprint(before, scratch)
}
