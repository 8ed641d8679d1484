//! Stored events: one entry of a room's log, as it is kept in memory, sent to storage and replayed to clients.

use alloc::boxed::Box;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, Epoch, Seq};
use crate::input::LogRow;
use crate::time::Time;

/// The kinds of stored event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    ImageAdd,
    ImageTransform,
    ImageRemove,
    Chat,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::ImageAdd, Kind::ImageTransform, Kind::ImageRemove, Kind::Chat];

    /// The kind's name in storage and its type on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Kind::ImageAdd => "image:add",
            Kind::ImageTransform => "image:transform",
            Kind::ImageRemove => "image:remove",
            Kind::Chat => "chat:message",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One stored event. Its `body` is the event's `data` as `kanvas.v1` sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogEntry {
    pub(crate) seq: Seq,
    pub(crate) at: Time,
    pub(crate) epoch: Epoch,
    pub(crate) user: Box<str>,
    pub(crate) client: ClientId,
    pub(crate) origin: Box<str>,
    pub(crate) op_id: Box<str>,
    pub(crate) op_hash: u64,
    pub(crate) kind: Kind,
    pub(crate) body: Box<str>,
    pub(crate) was: Box<str>,
}

impl LogEntry {
    pub(crate) fn row(&self) -> LogRow<'_> {
        LogRow {
            seq: self.seq,
            at: self.at,
            epoch: self.epoch.0,
            user: &self.user,
            client: self.client.0,
            origin: &self.origin,
            op_id: &self.op_id,
            op_hash: self.op_hash,
            kind: self.kind.as_str(),
            body: &self.body,
            was: &self.was,
        }
    }

    /// Roughly the memory it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        128 + self.user.len() + self.origin.len() + self.op_id.len() + self.body.len() + self.was.len()
    }
}
