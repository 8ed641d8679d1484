//! A room as the list of rooms has it: what a room announces of itself, and what is known of one that is only stored.

use alloc::boxed::Box;
use serde::{Deserialize, Serialize};

use crate::id::RoomId;
use crate::recording::Redaction;
use crate::room::Record;
use crate::time::Time;

/// What the list of rooms is told of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// The room's id.
    pub id: RoomId,
    /// What it is called.
    pub name: Box<str>,
    /// Whether anyone may find it.
    pub is_public: bool,
    /// When it was born, ms since the Unix epoch.
    pub created_at: Time,
    /// When it last changed, ms since the Unix epoch.
    pub last_activity: Time,
    /// Different users in it now.
    pub user_count: u32,
    /// What the one who made it was called then.
    pub creator_name: Option<Box<str>>,
}

impl Listing {
    /// A stored room, with nobody in it: from its record and the time of the newest row of its log. `None` if there is
    /// no such room any more, or the record cannot be read.
    pub fn of_record(room: &RoomId, record: &[u8], newest: Option<Time>) -> Option<Listing> {
        let record = Record::read(record)?;
        let mut listing = record.listing(room, 0);
        listing.last_activity = newest.map_or(listing.last_activity, |newest| listing.last_activity.max(newest));
        Some(listing)
    }
}

impl Listing {
    pub(crate) fn redact(&mut self, with: &Redaction) {
        self.name = with.text(&self.name);
        with.maybe(&mut self.creator_name);
    }
}
