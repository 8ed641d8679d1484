//! What the store moves between threads: rows that own their bytes. The core's rows borrow; these are their copies on
//! the way to the writer thread and back from the reader thread.

use kanvas_core::{ChunkRow, LogRow, Part, Seq, Time, Write, Writes};

/// A [`Write`] that owns its bytes.
#[derive(Clone, Debug)]
pub(crate) enum OwnedWrite {
    Record(Vec<u8>),
    Log(OwnedLog),
    Chunk(OwnedChunk),
    DropChunk { part: Part, no: u32 },
    Clear,
    Trim { below: Seq, before: Time },
}

impl OwnedWrite {
    /// Copies what the room wants written, so that it can cross to the writer thread.
    pub(crate) fn all(writes: &Writes<'_>) -> Vec<OwnedWrite> {
        let own = |write| match write {
            Write::Record(bytes) => OwnedWrite::Record(bytes.to_vec()),
            Write::Log(row) => OwnedWrite::Log(OwnedLog::new(&row)),
            Write::Chunk(chunk) => OwnedWrite::Chunk(OwnedChunk::new(&chunk)),
            Write::DropChunk { part, no } => OwnedWrite::DropChunk { part, no },
            Write::Clear => OwnedWrite::Clear,
            Write::Trim { below, before } => OwnedWrite::Trim { below, before },
        };
        writes.iter().map(own).collect()
    }
}

/// A [`ChunkRow`] that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnedChunk {
    pub(crate) part: Part,
    pub(crate) no: u32,
    pub(crate) bytes: Vec<u8>,
}

impl OwnedChunk {
    pub(crate) fn new(row: &ChunkRow<'_>) -> OwnedChunk {
        OwnedChunk { part: row.part, no: row.no, bytes: row.bytes.to_vec() }
    }

    pub(crate) fn row(&self) -> ChunkRow<'_> {
        ChunkRow { part: self.part, no: self.no, bytes: &self.bytes }
    }
}

/// A [`LogRow`] that owns its texts, all in one allocation: a busy room writes hundreds a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnedLog {
    pub(crate) seq: Seq,
    pub(crate) at: Time,
    pub(crate) epoch: u64,
    pub(crate) client: u64,
    pub(crate) op_hash: u64,
    text: String,
    /// Where each text but the last ends: user, origin, op_id, kind, body; `was` is the rest.
    ends: [usize; 5],
}

impl OwnedLog {
    pub(crate) fn new(row: &LogRow<'_>) -> OwnedLog {
        let texts = [row.user, row.origin, row.op_id, row.kind, row.body];
        let mut text = String::with_capacity(texts.iter().map(|t| t.len()).sum::<usize>() + row.was.len());
        let ends = texts.map(|part| {
            text.push_str(part);
            text.len()
        });
        text.push_str(row.was);
        OwnedLog { seq: row.seq, at: row.at, epoch: row.epoch, client: row.client, op_hash: row.op_hash, text, ends }
    }

    /// How much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<OwnedLog>() + self.text.len()
    }

    pub(crate) fn row(&self) -> LogRow<'_> {
        let cut = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        let [user, origin, op_id, kind, body] = self.ends;
        LogRow {
            seq: self.seq,
            at: self.at,
            epoch: self.epoch,
            user: cut(0, user),
            client: self.client,
            origin: cut(user, origin),
            op_id: cut(origin, op_id),
            op_hash: self.op_hash,
            kind: cut(op_id, kind),
            body: cut(kind, body),
            was: cut(body, self.text.len()),
        }
    }
}

/// All that storage has of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredRoom {
    pub(crate) owner: u64,
    pub(crate) record: Option<Vec<u8>>,
    pub(crate) chunks: Vec<OwnedChunk>,
    pub(crate) log: Vec<OwnedLog>,
}
