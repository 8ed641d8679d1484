//! Stored events: one entry of a room's log, as it is kept in memory, sent to storage and replayed to clients.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, Epoch, Seq};
use crate::input::LogRow;
use crate::limits::Limits;
use crate::recording::Redaction;
use crate::time::Time;

/// The kinds of stored event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    ImageAdd,
    ImageTransform,
    ImageRemove,
    Chat,
    RoomUpdate,
    MemberRole,
    MemberKick,
    MemberBan,
}

impl Kind {
    const ALL: [Kind; 8] = [
        Kind::ImageAdd,
        Kind::ImageTransform,
        Kind::ImageRemove,
        Kind::Chat,
        Kind::RoomUpdate,
        Kind::MemberRole,
        Kind::MemberKick,
        Kind::MemberBan,
    ];

    /// The kind's name in storage and its type on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Kind::ImageAdd => "image:add",
            Kind::ImageTransform => "image:transform",
            Kind::ImageRemove => "image:remove",
            Kind::Chat => "chat:message",
            Kind::RoomUpdate => "room:update",
            Kind::MemberRole => "member:role",
            Kind::MemberKick => "member:kick",
            Kind::MemberBan => "member:ban",
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
    /// The image that it is about, empty if none.
    pub(crate) target: Box<str>,
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

/// The latest stored events, for clients that resume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Log {
    /// In rising order of `seq`, without a gap.
    entries: VecDeque<Arc<LogEntry>>,
    weight: usize,
    /// Where images were removed, as long as the log remembers: the tombstones (IMG7).
    removed: BTreeMap<Box<str>, Seq>,
}

impl Log {
    /// Roughly the memory that the entries take, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    pub(crate) fn push(&mut self, entry: Arc<LogEntry>, limits: &Limits) {
        self.weight += entry.weight();
        match entry.kind {
            Kind::ImageRemove => drop(self.removed.insert(entry.target.clone(), entry.seq)),
            Kind::ImageAdd => drop(self.removed.remove(&entry.target)),
            Kind::ImageTransform
            | Kind::Chat
            | Kind::RoomUpdate
            | Kind::MemberRole
            | Kind::MemberKick
            | Kind::MemberBan => {}
        }
        self.entries.push_back(entry);
        while self.entries.len() > limits.log_ops as usize || self.weight > limits.log_bytes as usize {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.weight -= oldest.weight();
            if oldest.kind == Kind::ImageRemove && self.removed.get(&oldest.target) == Some(&oldest.seq) {
                self.removed.remove(&oldest.target);
            }
        }
    }

    /// Where this image was removed, if the log still remembers.
    pub(crate) fn tombstone(&self, image: &str) -> Option<Seq> {
        self.removed.get(image).copied()
    }

    /// All that is still here, the oldest first.
    pub(crate) fn rows(&self) -> impl Iterator<Item = LogRow<'_>> {
        self.entries.iter().map(|entry| entry.row())
    }

    /// The first place that is still here.
    pub(crate) fn first(&self) -> Option<Seq> {
        self.entries.front().map(|entry| entry.seq)
    }

    /// The newest place.
    pub(crate) fn last(&self) -> Option<Seq> {
        self.entries.back().map(|entry| entry.seq)
    }

    /// Everything after `seq`, if nothing of it is missing.
    pub(crate) fn after(&self, seq: Seq, head: Seq) -> Option<impl Iterator<Item = &LogEntry>> {
        let first = self.first().unwrap_or(head.next());
        let skip = usize::try_from((seq.0 + 1).checked_sub(first.0)?).ok()?;
        Some(self.entries.iter().skip(skip).map(Arc::as_ref))
    }

    /// States what must always hold.
    pub(crate) fn check(&self, head: Seq, limits: &Limits) -> Result<(), &'static str> {
        let steps = self.entries.iter().zip(self.entries.iter().skip(1));
        if steps.into_iter().any(|(a, b)| a.seq.next() != b.seq) {
            return Err("log: a gap");
        }
        if self.entries.back().is_some_and(|last| last.seq != head) {
            return Err("log: does not end at the head");
        }
        let weight: usize = self.entries.iter().map(|entry| entry.weight()).sum();
        match weight == self.weight && self.entries.len() <= limits.log_ops as usize {
            true => Ok(()),
            false => Err("log: over its bound"),
        }
    }
}

impl Log {
    pub(crate) fn redact(&mut self, with: &Redaction) {
        self.entries.iter_mut().for_each(|entry| redact(entry, with));
    }
}

/// One entry, rewritten.
pub(crate) fn redact(entry: &mut Arc<LogEntry>, with: &Redaction) {
    let (body, was) = (with.json_text(&entry.body), with.json_text(&entry.was));
    *entry = Arc::new(LogEntry { body, was, ..LogEntry::clone(entry) });
}
