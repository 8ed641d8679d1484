//! The state of a room in parts: whole, or the events that a client missed.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::write::write_stored;
use crate::chat::ChatMessage;
use crate::id::{ClientId, Epoch, Seq};
use crate::image::Image;
use crate::limits::SYNC_PART_BYTES;
use crate::log::LogEntry;
use crate::wire::json::Writer;
use crate::wire::{Snapshot, write_client};

/// One part of a sync while it is filled.
#[derive(Default)]
struct SyncPart {
    chat: Vec<u8>,
    list: Vec<u8>,
}

impl SyncPart {
    fn len(&self) -> usize {
        self.chat.len() + self.list.len()
    }
}

/// Fills parts up to their bound, in order.
#[derive(Default)]
struct SyncParts(Vec<SyncPart>);

impl SyncParts {
    /// The part that takes `len` more bytes. Leaves room for the rest of the frame.
    fn with_room(&mut self, len: usize) -> &mut SyncPart {
        const FRAME_BYTES: usize = 256;
        if self.0.last().is_none_or(|part| part.len() + len + FRAME_BYTES > SYNC_PART_BYTES) {
            self.0.push(SyncPart::default());
        }
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

fn push_item(list: &mut Vec<u8>, item: &[u8]) {
    if !list.is_empty() {
        list.push(b',');
    }
    list.extend_from_slice(item);
}

pub(in crate::wire) fn full_sync<'a>(
    snapshot: Snapshot<impl Iterator<Item = &'a Image>, impl Iterator<Item = &'a ChatMessage>>,
) -> Vec<Arc<[u8]>> {
    let mut parts = SyncParts::default();
    let mut item = Vec::new();
    for message in snapshot.chat {
        item.clear();
        message.write_history(&mut item);
        push_item(&mut parts.with_room(item.len()).chat, &item);
    }
    for image in snapshot.images {
        item.clear();
        image.write(&mut item);
        push_item(&mut parts.with_room(item.len()).list, &item);
    }
    finish_sync("full", "images", snapshot.epoch, snapshot.seq, parts)
}

pub(in crate::wire) fn delta_sync<'a>(
    epoch: Epoch,
    seq: Seq,
    missed: impl Iterator<Item = &'a LogEntry>,
) -> Vec<Arc<[u8]>> {
    let mut parts = SyncParts::default();
    let mut item = Vec::new();
    for entry in missed {
        item.clear();
        write_stored(entry, &mut item);
        push_item(&mut parts.with_room(item.len()).list, &item);
    }
    finish_sync("delta", "ops", epoch, seq, parts)
}

/// Every sync has at least one part; the first of a full one always has its chat, be it empty.
fn finish_sync(mode: &str, list: &str, epoch: Epoch, seq: Seq, mut parts: SyncParts) -> Vec<Arc<[u8]>> {
    parts.with_room(0);
    let count = parts.0.len() as u64;
    let frames = parts.0.iter().zip(1..).map(|(part, no)| {
        let mut out = Vec::with_capacity(part.len() + 256);
        out.extend_from_slice(b"{\"type\":\"state:sync\",\"data\":");
        let mut data = Writer::object(&mut out);
        data.text("mode", mode).integer("epoch", epoch.0).integer("seq", seq.0);
        data.integer("part", no).integer("parts", count);
        write_raw_list(data.key(list), &part.list);
        if mode == "full" && (no == 1 || !part.chat.is_empty()) {
            write_raw_list(data.key("chat"), &part.chat);
        }
        data.end();
        out.extend_from_slice(b",\"clientId\":");
        Arc::from(out)
    });
    frames.collect()
}

fn write_raw_list(out: &mut Vec<u8>, items: &[u8]) {
    out.push(b'[');
    out.extend_from_slice(items);
    out.push(b']');
}

pub(in crate::wire) fn sync_tail(receiver: ClientId) -> Vec<u8> {
    let mut tail = Vec::new();
    write_client(&mut tail, receiver);
    tail.push(b'}');
    tail
}
