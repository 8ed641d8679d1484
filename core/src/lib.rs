//! The rooms of Kanvas, a multiplayer server for an infinite canvas, as a pure state machine.
//!
//! A [`Room`] is a value. Give it the time and one [`Input`]; it changes itself and appends [`Op`]s to an [`Outbox`]
//! that you own; then ask it for its [`deadline`](Room::deadline). Nothing else crosses the border: no clock, no
//! thread, no file, no socket, no callback. The same seed and the same inputs give the same bytes everywhere, so a
//! log of inputs is the bug report, the benchmark, the fuzz input and the replay.
//!
//! The rules are numbered in `SPEC.md`; each has a test that bears its number.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[macro_use]
mod planted;

pub mod access;
mod address;
mod area;
mod attachment;
mod audience;
#[cfg(feature = "clerk")]
pub mod auth;
pub mod backend;
mod chat;
pub mod codec;
mod dedupe;
pub mod directory;
pub mod document;
mod drags;
mod errors;
pub mod handover;
mod id;
mod image;
mod images;
mod input;
mod journal;
mod kinds;
pub mod limits;
mod listing;
mod log;
mod members;
mod moves;
mod notice;
mod outbox;
mod presence;
mod rate;
pub mod recording;
mod rewind;
mod rng;
mod room;
#[cfg(feature = "sim")]
pub mod sim;
pub mod sniff;
mod stack;
mod text;
mod time;
mod timers;
pub mod wire;

pub use directory::Directory;
pub use errors::{Close, Code};
pub use id::{ClientId, Conn, EffectId, Epoch, MAX_INTEGER, RoomId, Seq, ShareId};
pub use input::{
    Actor, ChunkRow, Command, Creator, Done, End, Failure, Founds, Hello, Identity, Input, Loaded, LogRow, Org, Part,
    Pressure, Restore, SERVER, Standing, Verified, View,
};
pub use kinds::{FrameKind, MessageKind};
pub use limits::{Config, Limits, Rate};
pub use listing::Listing;
pub use members::Share;
pub use notice::Notice;
pub use outbox::{Frame, Group, Lane, MAX_ATTACHMENT, Op, Outbox, To, Write, Writes};
#[cfg(feature = "planted")]
pub use planted::Bug;
pub use rewind::Difference;
pub use room::{Corrupt, Fault, FaultIn, Heard, Marks, Room, Stats, Summary};
pub use time::{Span, Time};
