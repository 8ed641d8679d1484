//! What is stored of a room itself.

use alloc::boxed::Box;
use serde::{Deserialize, Serialize};

use super::storage::VERSION;
use crate::access::Role;
use crate::id::{Epoch, MAX_INTEGER, RoomId, Seq};
use crate::limits::Config;
use crate::rng::Pcg;
use crate::time::Time;

/// What is stored of a room itself, beside its images and its chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    /// The version of this record: 1.
    pub(super) version: u32,
    pub(super) epoch: Epoch,
    /// The chunks hold the room as of this event.
    pub(super) snapshot: Seq,
    /// The log of this epoch begins behind this event: 0, but in a room that was imported.
    #[serde(default)]
    pub(super) base: Seq,
    /// Client ids below this one may have been given out.
    pub(super) clients: u64,
    pub(super) name: Box<str>,
    pub(super) is_public: bool,
    pub(super) locked: bool,
    pub(super) default_role: Role,
    pub(super) guest_role: Role,
    pub(super) created_at: Time,
    pub(super) last_activity: Time,
    /// What the one who made it was called then. Records of before have none.
    #[serde(default)]
    pub(super) creator_name: Option<Box<str>>,
}

impl Record {
    /// A stored record, if it is one of this version.
    pub(crate) fn read(bytes: &[u8]) -> Option<Record> {
        let record: Record = serde_json::from_slice(bytes).ok()?;
        let legal = (1..=MAX_INTEGER).contains(&record.epoch.0) && record.clients <= MAX_INTEGER;
        (record.version == VERSION && legal).then_some(record)
    }

    /// That of a room that is being born.
    pub(super) fn new(id: &RoomId, config: &Config, rng: &mut Pcg, now: Time) -> Record {
        Record {
            version: VERSION,
            epoch: Epoch(1 + rng.below(MAX_INTEGER)),
            snapshot: Seq(0),
            base: Seq(0),
            clients: 1,
            name: id.as_str().into(),
            is_public: true,
            locked: false,
            default_role: Role::Editor,
            guest_role: config.guests.unwrap_or(Role::Viewer),
            created_at: now,
            last_activity: now,
            creator_name: None,
        }
    }
}
