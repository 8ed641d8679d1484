//! Storage that can be crashed: what was not answered may be lost. It checks what every storage may rely on.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::id::Seq;
use crate::input::{ChunkRow, Loaded, LogRow, Part};
use crate::limits::CHUNK_BYTES;
use crate::log::{Kind, LogEntry};
use crate::outbox::StoredWrite;

/// What came of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    All,
    /// Another owner has taken the room over.
    Fenced,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    owner: u64,
    /// The room's present owner has been replaced, and does not know it yet.
    usurped: bool,
    /// Where each chat text was said.
    said: BTreeMap<String, u64>,
    /// Chunks beyond the first of their part that were ever written.
    pub(super) further_chunks: u64,
    record: Option<Arc<[u8]>>,
    chunks: BTreeMap<(Part, u32), Arc<[u8]>>,
    log: BTreeMap<Seq, Arc<LogEntry>>,
    /// Every event that was ever written, also those that were trimmed.
    pub(super) history: Vec<Arc<LogEntry>>,
    /// Every op id that was ever written, by its user and `_pk`, and where it was last.
    ids: BTreeMap<(String, String, String), Seq>,
    /// The oldest event that the room was given when it was last loaded: ids from before it knows no more (EDIT3).
    known_from: Seq,
}

impl Disk {
    /// The newest event that a crash cannot undo.
    pub(super) fn head(&self) -> u64 {
        self.history.len() as u64
    }

    /// Another owner takes the room over, and does nothing with it.
    pub(super) fn usurp(&mut self) {
        (self.owner, self.usurped) = (self.owner + 1, true);
    }

    pub(super) fn is_usurped(&self) -> bool {
        self.usurped
    }

    /// Where this was said, if it is stored.
    pub(super) fn said_at(&self, text: &str) -> Option<u64> {
        self.said.get(text).copied()
    }

    /// Whether an edit of this id, by this user and `_pk`, was ever written.
    pub(super) fn has(&self, user: &str, pk: &str, op_id: &str) -> bool {
        self.ids.contains_key(&(user.into(), pk.into(), op_id.into()))
    }

    /// What was said next after this place.
    pub(super) fn said_after(&self, place: u64) -> Option<u64> {
        let later = self.history.iter().skip(usize::try_from(place).ok()?);
        later.filter(|entry| entry.kind == Kind::Chat).map(|entry| entry.seq.0).next()
    }

    pub(super) fn write(&mut self, owner: u64, writes: &[StoredWrite]) -> Result<Written, String> {
        if owner < self.owner && self.usurped {
            return Ok(Written::Fenced);
        }
        if owner < self.owner {
            return Err(format!("SIM4: owner {owner} writes after owner {}", self.owner));
        }
        (self.owner, self.usurped) = (owner, false);
        for write in writes {
            match write {
                StoredWrite::Record(bytes) => self.record = Some(bytes.clone()),
                StoredWrite::Log(entry) => self.append(entry)?,
                StoredWrite::Chunk { part, no, bytes } if bytes.len() <= CHUNK_BYTES => {
                    self.further_chunks += u64::from(*no > 0 && *part == Part::Images);
                    self.chunks.insert((*part, *no), bytes.clone());
                }
                StoredWrite::Chunk { bytes, .. } => return Err(format!("SIM4: a chunk of {} bytes", bytes.len())),
                StoredWrite::DropChunk { part, no } => {
                    self.chunks.remove(&(*part, *no));
                }
                StoredWrite::Clear => {
                    self.chunks.clear();
                    self.log.clear();
                }
                StoredWrite::Trim { below, before } => {
                    self.log.retain(|seq, entry| *seq >= *below || entry.at >= *before);
                }
            }
        }
        Ok(Written::All)
    }

    fn append(&mut self, entry: &Arc<LogEntry>) -> Result<(), String> {
        if entry.seq.0 != self.head() + 1 {
            return Err(format!("SIM4: event {} is written after event {}", entry.seq.0, self.head()));
        }
        let id = (String::from(&*entry.user), String::from(&*entry.origin), String::from(&*entry.op_id));
        let before = if entry.op_id.is_empty() { None } else { self.ids.insert(id, entry.seq) };
        if before.is_some_and(|before| before >= self.known_from) {
            return Err(format!("SIM3: {} of {} was made twice", entry.op_id, entry.user));
        }
        if entry.kind == Kind::Chat {
            let body: serde_json::Value = serde_json::from_str(&entry.body).unwrap_or_default();
            self.said.insert(super::replica::text(&body["text"]), entry.seq.0);
        }
        self.log.insert(entry.seq, entry.clone());
        self.history.push(entry.clone());
        Ok(())
    }

    /// The room is about to be given the newest `log_ops` rows of the log, and to know nothing older.
    pub(super) fn forget_older(&mut self, log_ops: u32) {
        let skip = self.log.len().saturating_sub(log_ops as usize);
        self.known_from = self.log.keys().nth(skip).copied().unwrap_or(Seq(self.head() + 1));
    }

    /// Calls `with` with what is stored: of the log the newest `log_ops` rows.
    pub(super) fn load<T>(&self, log_ops: u32, with: impl FnOnce(Loaded<'_>) -> T) -> T {
        let chunks: Vec<ChunkRow<'_>> =
            self.chunks.iter().map(|((part, no), bytes)| ChunkRow { part: *part, no: *no, bytes }).collect();
        let skip = self.log.len().saturating_sub(log_ops as usize);
        let log: Vec<LogRow<'_>> = self.log.values().skip(skip).map(|entry| entry.row()).collect();
        with(Loaded { owner: self.owner, record: self.record.as_deref(), chunks: &chunks, log: &log })
    }
}
