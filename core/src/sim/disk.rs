//! Storage that can be crashed: what was not answered may be lost. It checks what every storage may rely on.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::id::Seq;
use crate::input::{ChunkRow, Loaded, LogRow, Part};
use crate::limits::CHUNK_BYTES;
use crate::log::LogEntry;
use crate::outbox::StoredWrite;

#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    owner: u64,
    record: Option<Arc<[u8]>>,
    chunks: BTreeMap<(Part, u32), Arc<[u8]>>,
    log: BTreeMap<Seq, Arc<LogEntry>>,
    /// Every event that was ever written, also those that were trimmed.
    pub(super) history: Vec<Arc<LogEntry>>,
    /// Every op id that was ever written, by its user and `_pk`.
    ids: BTreeSet<(String, String, String)>,
}

impl Disk {
    /// The newest event that a crash cannot undo.
    pub(super) fn head(&self) -> u64 {
        self.history.len() as u64
    }

    pub(super) fn write(&mut self, owner: u64, writes: &[StoredWrite]) -> Result<(), String> {
        if owner < self.owner {
            return Err(format!("SIM4: owner {owner} writes after owner {}", self.owner));
        }
        self.owner = owner;
        for write in writes {
            match write {
                StoredWrite::Record(bytes) => self.record = Some(bytes.clone()),
                StoredWrite::Log(entry) => self.append(entry)?,
                StoredWrite::Chunk { part, no, bytes } if bytes.len() <= CHUNK_BYTES => {
                    self.chunks.insert((*part, *no), bytes.clone());
                }
                StoredWrite::Chunk { bytes, .. } => return Err(format!("SIM4: a chunk of {} bytes", bytes.len())),
                StoredWrite::DropChunk { part, no } => {
                    self.chunks.remove(&(*part, *no));
                }
                StoredWrite::Trim { below, before } => {
                    self.log.retain(|seq, entry| *seq >= *below || entry.at >= *before);
                }
            }
        }
        Ok(())
    }

    fn append(&mut self, entry: &Arc<LogEntry>) -> Result<(), String> {
        if entry.seq.0 != self.head() + 1 {
            return Err(format!("SIM4: event {} is written after event {}", entry.seq.0, self.head()));
        }
        let id = (String::from(&*entry.user), String::from(&*entry.origin), String::from(&*entry.op_id));
        if !entry.op_id.is_empty() && !self.ids.insert(id) {
            return Err(format!("SIM3: {} of {} was made twice", entry.op_id, entry.user));
        }
        self.log.insert(entry.seq, entry.clone());
        self.history.push(entry.clone());
        Ok(())
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
