//! The room: placeholder of its public face while its inside is being written.
#![allow(missing_docs, unused_variables)]

use crate::id::{Epoch, RoomId, Seq};
use crate::input::Input;
use crate::limits::Config;
use crate::outbox::Outbox;
use crate::time::Time;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// A room.
#[derive(Debug)]
pub struct Room {}

/// Bytes that are no saved room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// What a room has counted since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {}

/// What may be told of a room to those outside it (`GET /parties/main/:room`).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub id: RoomId,
    pub name: Box<str>,
    pub is_public: bool,
    pub locked: bool,
    pub user_count: u32,
    pub images: u32,
    pub created_at: Time,
    pub last_activity: Time,
}

impl Room {
    pub fn new(id: RoomId, config: &Config, seed: u64, now: Time, out: &mut Outbox) -> Room {
        out.load(crate::id::EffectId(1));
        Room {}
    }
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Outbox) {}
    pub fn deadline(&self) -> Option<Time> {
        None
    }
    pub fn save(&self, bytes: &mut Vec<u8>) {}
    pub fn restore(bytes: &[u8], now: Time) -> Result<Room, Corrupt> {
        Err(Corrupt)
    }
    pub fn stats(&self) -> &Stats {
        &Stats {}
    }
    /// What those outside may know of it; `None` if the room was never born (or is still loading).
    pub fn summary(&self) -> Option<Summary> {
        None
    }
}
