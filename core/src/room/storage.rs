//! What of the room is stored, when, and how it comes back.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::Serialize;

use super::{Fault, FaultIn, Phase, Record, Room, life};
use crate::chat::{Chat, ChatMessage};
use crate::dedupe::{Dedupe, Made};
use crate::errors::Close;
use crate::id::{ClientId, EffectId, Epoch, RoomId, Seq};
use crate::image;
use crate::images::Images;
use crate::input::{ChunkRow, Failure, Loaded, LogRow, Part};
use crate::journal::{Journal, back_off};
use crate::limits::{CLIENT_ID_BLOCK, Limits};
use crate::log::{Kind, Log, LogEntry};
use crate::members::Members;
use crate::outbox::{Outbox, StoredWrite};
use crate::rewind;
use crate::time::{Span, Time};
use crate::timers::RoomTimer;
use crate::wire::json::{self, Value};

/// The version of [`Record`] and of the bodies beside it.
pub(super) const VERSION: u32 = 1;

/// How often a load is tried before the room gives up.
const LOAD_TRIES: u32 = 5;

/// What those outside may know of a room (`GET /parties/main/:room`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The room's id.
    pub id: RoomId,
    /// What it is called.
    pub name: Box<str>,
    /// Whether anyone may find it.
    pub is_public: bool,
    /// Whether only its owner edits.
    pub locked: bool,
    /// Different users in it now.
    pub user_count: u32,
    /// Images on it.
    pub image_count: u32,
    /// When it was born, ms since the Unix epoch.
    pub created_at: Time,
    /// When it last changed, ms since the Unix epoch.
    pub last_activity: Time,
}

impl Room {
    /// What those outside may know of the room; `None` if it was never born or is still loading.
    pub fn summary(&self) -> Option<Summary> {
        let record = self.record.as_ref()?;
        Some(Summary {
            id: self.id.clone(),
            name: record.name.clone(),
            is_public: record.is_public,
            locked: record.locked,
            user_count: self.people.user_count(),
            image_count: self.images.len(),
            created_at: record.created_at,
            last_activity: record.last_activity,
        })
    }

    /// ROOM2: the state as storage has it, then the joins that waited for it.
    pub(super) fn on_loaded(&mut self, now: Time, loaded: &Loaded<'_>, out: &mut Outbox) {
        self.owner = loaded.owner + 1;
        if let Err(part) = self.load(loaded) {
            self.forget();
            return self.give_up(Fault::Corrupt(part), out);
        }
        self.journal = Journal::loaded(self.head);
        self.phase = Phase::Live;
        self.set_share_timer();
        self.take_waiting(now, out);
        self.rest_if_empty(now, out);
    }

    /// Half a room is none: nothing of it is shown.
    pub(super) fn forget(&mut self) {
        (self.record, self.head, self.next_client, self.since_snapshot) = (None, Seq(0), 0, 0);
        (self.images, self.chat) = (Images::default(), Chat::default());
        (self.members, self.member_chunks) = (Members::default(), 0);
        (self.log, self.dedupe) = (Log::default(), Dedupe::default());
    }

    pub(super) fn load(&mut self, loaded: &Loaded<'_>) -> Result<(), FaultIn> {
        if loaded.record.is_some_and(life::is_tombstone) {
            self.buried = true;
            return if loaded.chunks.is_empty() && loaded.log.is_empty() { Ok(()) } else { Err(FaultIn::Record) };
        }
        let Some(bytes) = loaded.record else {
            return if loaded.chunks.is_empty() && loaded.log.is_empty() { Ok(()) } else { Err(FaultIn::Record) };
        };
        let record = Record::read(bytes).ok_or(FaultIn::Record)?;
        let mut chunks: Vec<&ChunkRow<'_>> = loaded.chunks.iter().collect();
        chunks.sort_unstable_by_key(|chunk| (chunk.part, chunk.no));
        let members: Vec<&[u8]> =
            chunks.iter().filter(|chunk| chunk.part == Part::Members).map(|chunk| chunk.bytes).collect();
        self.members = Members::from_chunks(&members).ok_or(FaultIn::Chunk)?;
        self.member_chunks = u32::try_from(members.len()).unwrap_or(u32::MAX);
        for chunk in chunks {
            let taken = match chunk.part {
                Part::Members => continue,
                Part::Images => self.images.load_chunk(chunk.no, chunk.bytes),
                Part::Chat => self.chat.load_chunk(chunk.no, chunk.bytes, self.config.limits.chat_history),
            };
            taken.ok_or(FaultIn::Chunk)?;
        }
        self.head = record.snapshot;
        self.next_client = record.clients;
        if planted!(self.config, IdsUsedAgain) {
            self.next_client = record.clients.saturating_sub(CLIENT_ID_BLOCK).max(1);
        }
        let snapshot = record.snapshot;
        let epoch = record.epoch;
        self.record = Some(record);
        for row in loaded.log {
            self.load_row(row, epoch, snapshot).ok_or(FaultIn::Log)?;
        }
        self.check().map_err(|_| FaultIn::Log)
    }

    /// Takes a row of the log: all go into the memory of what was done, those after the snapshot are done again.
    fn load_row(&mut self, row: &LogRow<'_>, epoch: Epoch, snapshot: Seq) -> Option<()> {
        let kind = Kind::from_name(row.kind)?;
        let mut data = json::read(row.body.as_bytes())?.into_object()?;
        let target = match kind {
            Kind::Chat | Kind::RoomUpdate | Kind::MemberRole | Kind::MemberKick | Kind::MemberBan => Box::default(),
            Kind::ImageAdd | Kind::ImageTransform | Kind::ImageRemove => image::read_id(&mut data).ok()?,
        };
        let follows = self.log.first().is_none() || self.log.last() == Some(Seq(row.seq.0.checked_sub(1)?));
        if row.epoch != epoch.0 || !follows {
            return None;
        }
        let entry = LogEntry {
            seq: row.seq,
            at: row.at,
            epoch,
            user: row.user.into(),
            client: ClientId(row.client),
            origin: row.origin.into(),
            op_id: row.op_id.into(),
            op_hash: row.op_hash,
            kind,
            target,
            body: row.body.into(),
            was: row.was.into(),
        };
        if row.seq > snapshot {
            if row.seq != self.head.next() {
                return None;
            }
            self.redo(&entry)?;
            self.head = row.seq;
            self.since_snapshot += 1;
        }
        if !row.op_id.is_empty() && !planted!(self.config, DedupeNotRebuilt) {
            let set = self.set_of_row(&entry);
            let made = Made { seq: row.seq, at: row.at, hash: row.op_hash, set };
            self.dedupe.remember(row.user, row.origin, row.op_id, made, &self.config.limits);
        }
        self.log.push(Arc::new(entry), &self.config.limits);
        Some(())
    }

    /// Does a stored event again. Bounds are those of the day when it was done.
    fn redo(&mut self, entry: &LogEntry) -> Option<()> {
        let data = json::read(entry.body.as_bytes())?.into_object()?;
        match entry.kind {
            Kind::ImageAdd | Kind::ImageTransform | Kind::ImageRemove => {
                rewind::redo(&mut self.images, entry.kind, data, &Limits::none())?.ok()?;
            }
            Kind::Chat => {
                let message = ChatMessage::read_data(data, entry.seq, entry.at, entry.client)?;
                self.chat.push(message, self.config.limits.chat_history);
            }
            // The record and the members were stored with it, as they were after it.
            Kind::RoomUpdate | Kind::MemberRole | Kind::MemberKick | Kind::MemberBan => {}
        }
        Some(())
    }

    /// What a repeated ack tells of an edit from before the room was loaded: at least what the first one told.
    fn set_of_row(&self, entry: &LogEntry) -> Box<str> {
        let data = json::read(entry.body.as_bytes()).and_then(Value::into_object);
        let Some(mut data) = data else { return Box::default() };
        let mut text = |key| data.take(key).and_then(Value::into_text);
        match entry.kind {
            Kind::ImageAdd => super::edits::set_of(text("z").as_deref(), text("src").as_deref()),
            Kind::ImageTransform => super::edits::set_of(None, text("src").as_deref()),
            Kind::ImageRemove
            | Kind::Chat
            | Kind::RoomUpdate
            | Kind::MemberRole
            | Kind::MemberKick
            | Kind::MemberBan => Box::default(),
        }
    }

    pub(super) fn on_load_failed(&mut self, now: Time, failure: Failure, out: &mut Outbox) {
        let (Phase::Loading { effect, tries } | Phase::Returning { effect, tries, .. }) = &mut self.phase else {
            return;
        };
        *tries += 1;
        *effect = None;
        match failure {
            Failure::Full | Failure::Busy if *tries < LOAD_TRIES => {
                let at = now + back_off(*tries - 1);
                self.timers.set(RoomTimer::Retry, at);
            }
            Failure::Full | Failure::Busy | Failure::Broken => self.give_up(Fault::Storage, out),
            Failure::Fenced => self.give_up(Fault::Fenced, out),
        }
    }

    /// Birth and client ids are stored before anyone hears of them (ROOM4, JOIN4).
    pub(super) fn reserve_clients(&mut self) {
        let Some(record) = &mut self.record else { return };
        self.next_client = self.next_client.max(record.clients);
        record.clients = self.next_client + CLIENT_ID_BLOCK;
        self.write_record();
        self.ids_mark = self.journal.head();
    }

    pub(super) fn write_record(&mut self) {
        if let Some(bytes) = self.record_bytes() {
            self.journal.write(StoredWrite::Record(bytes));
        }
    }

    fn record_bytes(&self) -> Option<Arc<[u8]>> {
        self.record.as_ref().and_then(|record| serde_json::to_vec(record).ok()).map(Arc::from)
    }

    /// STORE7: stores the record that storage has already, to see whether it takes anything again.
    fn probe(&mut self, effect: EffectId, out: &mut Outbox) {
        if let Some(record) = self.record_bytes() {
            let batch = self.journal.probe(effect, record);
            out.store(batch.effect, batch.upto, self.owner, batch.writes);
        }
    }

    /// Sends everything that no store has carried yet, and a snapshot with it when one is due.
    pub(super) fn store(&mut self, now: Time, out: &mut Outbox) {
        if self.since_snapshot >= self.config.limits.snapshot_ops {
            self.write_snapshot(now);
        }
        let effect = self.effect();
        let batch = self.journal.store(effect, self.head);
        out.store(batch.effect, batch.upto, self.owner, batch.writes);
    }

    /// Writes the touched chunks and the record that goes with them, and lets old rows of the log go (STORE3).
    pub(super) fn write_snapshot(&mut self, now: Time) {
        self.since_snapshot = 0;
        let mut touched = self.images.take_touched();
        if planted!(self.config, ChunkForgotten) {
            touched.pop();
        }
        for chunk in touched {
            let (part, no) = (Part::Images, chunk.no);
            self.journal.write(match chunk.bytes {
                Some(bytes) => StoredWrite::Chunk { part, no, bytes: bytes.into() },
                None => StoredWrite::DropChunk { part, no },
            });
        }
        let chat = self.chat.take_touched();
        for (no, bytes) in chat.write {
            self.journal.write(StoredWrite::Chunk { part: Part::Chat, no, bytes: bytes.into() });
        }
        for no in chat.drop {
            self.journal.write(StoredWrite::DropChunk { part: Part::Chat, no });
        }
        if let Some(record) = &mut self.record {
            record.snapshot = self.head;
        }
        self.write_record();
        let below = Seq((self.head.0 + 1).saturating_sub(u64::from(self.config.limits.log_ops)));
        if below > Seq(1) {
            self.journal.write(StoredWrite::Trim { below, before: now - self.config.limits.log_age });
        }
    }

    pub(super) fn on_stored(&mut self, now: Time, effect: EffectId, upto: Seq, out: &mut Outbox) {
        debug_assert_eq!(self.journal.upto(), Some(upto), "a host answers with the store's own upto");
        self.journal.stored(effect);
        if self.joins_wait && self.phase == Phase::Live && self.journal.durable() >= self.ids_mark {
            self.take_waiting(now, out);
        }
    }

    /// STORE5: for want of time the store leaves again later; where that is hopeless, the room goes back to what storage
    /// has (STORE6). After anything worse nothing is known of what was written, and the room is given up.
    pub(super) fn on_store_failed(&mut self, now: Time, effect: EffectId, failure: Failure, out: &mut Outbox) {
        self.stats.failed_stores += 1;
        match failure {
            Failure::Full | Failure::Busy => {
                self.journal.failed(effect, failure, now);
                let undurable = !self.journal.is_read_only();
                match self.phase == Phase::Live && undurable && self.journal.is_hopeless(now) {
                    true => self.go_back(failure, out),
                    false => self.timers.set(RoomTimer::Retry, self.journal.next_try(now)),
                }
            }
            Failure::Broken => self.give_up(Fault::Storage, out),
            Failure::Fenced => self.give_up(Fault::Fenced, out),
        }
    }

    /// The retry timer: loads or probes again; a store leaves by itself as every input ends.
    pub(super) fn retry(&mut self, out: &mut Outbox) {
        let asked = self.effect();
        match &mut self.phase {
            Phase::Loading { effect, .. } | Phase::Returning { effect, .. } => {
                *effect = Some(asked);
                out.load(asked);
            }
            Phase::Live if self.journal.is_read_only() => self.probe(asked, out),
            Phase::Live | Phase::Draining { .. } | Phase::Gone { .. } => {}
        }
    }

    /// ROOM7: a last snapshot, if there is anything in it that storage has only as a log; then the room may go.
    pub(super) fn fall_asleep(&mut self, now: Time, out: &mut Outbox) {
        if self.since_snapshot > 0 && self.journal.failing().is_none() {
            self.write_snapshot(now);
        }
        match self.journal.is_quiet() {
            true => out.sleep(),
            false => self.timers.set(RoomTimer::Empty, now + Span::from_secs(1)),
        }
    }

    pub(super) fn give_up(&mut self, fault: Fault, out: &mut Outbox) {
        self.fault = Some(fault);
        self.close_all(Close::Unavailable, Span::from_secs(2), out);
    }
}

/// What storage is to do for the members to be in these chunks, where it had so many.
pub(super) fn member_writes(chunks: Vec<Vec<u8>>, had: u32) -> impl Iterator<Item = StoredWrite> {
    let (part, have) = (Part::Members, u32::try_from(chunks.len()).unwrap_or(u32::MAX));
    let kept = (0..).zip(chunks).map(move |(no, bytes)| StoredWrite::Chunk { part, no, bytes: bytes.into() });
    kept.chain((have..had).map(move |no| StoredWrite::DropChunk { part, no }))
}
