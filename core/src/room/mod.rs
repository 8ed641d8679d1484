//! The room: all control flow, one function for each [`Input`]. What a thing is and whether it fits is decided in the
//! leaf modules; who hears of it, and when, is decided here.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::audience::Audience;
use crate::chat::Chat;
use crate::dedupe::Dedupe;
use crate::drags::Drags;
use crate::errors::{Close, Code};
use crate::id::{ClientId, Conn, EffectId, RoomId, Seq};
use crate::images::Images;
use crate::input::{Done, Failure, Input};
use crate::journal::{Answer, Held, Journal};
use crate::kinds::{FrameKind, MessageKind};
use crate::limits::Config;
use crate::log::Log;
use crate::members::Members;
use crate::moves::Moves;
use crate::outbox::{Outbox, To};
use crate::presence::{People, Stage};
use crate::rate::Budget;
use crate::rng::Pcg;
use crate::time::{Span, Time};
use crate::timers::{MemberTimer, RoomTimer, Timers};
use crate::wire::{self, Dialect, Event, RoomView};

mod announce;
mod backend;
mod check;
mod closing;
mod command;
mod dragging;
mod edits;
mod entry;
mod flush;
mod import;
mod lease;
mod life;
mod messages;
mod moving;
mod preview;
mod reading;
mod record;
mod redact;
mod returning;
mod rewrite;
mod rights;
#[cfg(feature = "sim")]
mod scene;
mod seats;
mod storage;
mod waking;

use announce::Announcing;
pub use check::Marks;
pub(crate) use closing::say_close;
pub(crate) use record::Record;
pub use storage::Summary;

/// ROOM18: whatever time a host tells, there are ten years left for deadlines.
const LAST: Time = Time::from_millis(Time::MAX.as_millis() - 10 * 365 * 24 * 3600 * 1000);

/// One canvas and everyone on it: a deterministic machine that is told what happened and says what to do.
///
/// ```
/// use kanvas_core::{Config, Conn, Done, Hello, Identity, Input, Loaded, Op, Outbox, Room, RoomId, Time, View};
/// use kanvas_core::wire::Dialect;
///
/// let (mut out, now) = (Outbox::new(), Time::from_millis(1_790_000_000_000));
/// let mut room = Room::new(RoomId::new("board").unwrap(), &Config::default(), 7, now, &mut out);
/// let Some(Op::Load { effect }) = out.ops().next() else { panic!("the first op is a load") };
/// room.handle(now, Input::Done { effect, result: Done::Loaded(Loaded::default()) }, &mut out);
///
/// let conn = Conn { slot: 0, generation: 0 };
/// let identity = Identity::guest("guest:1");
/// let hello = Hello { pk: "a", dialect: Dialect::KanvasV1, name: None, view: View::Full, share: None, resume: [0; 16] };
/// room.handle(now, Input::Connect { conn, identity, hello }, &mut out);
/// out.clear();
/// room.handle(now, Input::Message { conn, bytes: br#"{"type":"user:join","data":{"name":"Ann"}}"# }, &mut out);
/// // A new room is stored before anyone is told that it exists.
/// assert!(out.ops().any(|op| matches!(op, Op::Store { .. })));
/// ```
#[derive(Debug, Serialize, Deserialize)]
pub struct Room {
    id: RoomId,
    config: Config,
    phase: Phase,
    now: Time,
    rng: Pcg,
    next_effect: u64,
    /// The fence of every store: one more than the last owner's.
    owner: u64,
    /// What the room is, once it was born.
    record: Option<Record>,
    /// Whether there was a room here that was deleted.
    buried: bool,
    head: Seq,
    next_client: u64,
    /// The journal's mark of the record that reserved the latest block of client ids.
    ids_mark: u64,
    /// Whether a join waits for that block.
    joins_wait: bool,
    /// Stored events since the last snapshot.
    since_snapshot: u32,
    people: People,
    audience: Audience,
    members: Members,
    /// How many chunks storage has of the members.
    member_chunks: u32,
    images: Images,
    chat: Chat,
    drags: Drags,
    log: Log,
    dedupe: Dedupe,
    journal: Journal,
    timers: Timers,
    /// Clients with something to tell at the next flush, in the order in which they came.
    dirty: Vec<ClientId>,
    flushing: Budget,
    moves: Moves,
    announcing: Announcing,
    fault: Option<Fault>,
    #[serde(skip)]
    snapshots: BTreeMap<Dialect, Encoded>,
    #[serde(skip)]
    stats: Stats,
}

/// A snapshot's frames without their receivers' tails, and the journal's mark as of which they hold.
#[derive(Clone, Debug)]
struct Encoded {
    mark: u64,
    parts: Vec<Arc<[u8]>>,
}

/// Where a room is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// Waits for storage, or for its next try (`effect` is `None` then); `tries` loads have failed.
    Loading {
        effect: Option<EffectId>,
        tries: u32,
    },
    Live,
    /// Waits for what storage has, to go on from there: for this reason it does not take what came after (STORE6).
    Returning {
        effect: Option<EffectId>,
        tries: u32,
        why: Failure,
    },
    /// Takes no more edits; closes everyone once all is durable.
    Draining {
        close: Close,
        spread: Span,
    },
    /// Closed. It answers every socket with the same reason.
    Gone {
        close: Close,
    },
}

/// Why a room gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// What storage gave is no room of this version; nothing was changed in it.
    Corrupt(FaultIn),
    /// Storage failed.
    Storage,
    /// Another owner took the room over.
    Fenced,
}

/// Where stored bytes were damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultIn {
    /// The room's record.
    Record,
    /// A chunk of its snapshot.
    Chunk,
    /// Its log.
    Log,
}

/// Bytes that are no saved machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

impl core::fmt::Display for Corrupt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("these bytes are not a saved machine of this version")
    }
}

impl core::error::Error for Corrupt {}

/// What a room has counted since it was made or restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages from clients of each [`MessageKind`], in the order of [`MessageKind::ALL`].
    pub heard: [Heard; MessageKind::ALL.len()],
    /// Stored events.
    pub edits: u64,
    /// Edits that were sent again and answered without being made again.
    pub repeated: u64,
    /// Refusals of each [`Code`], in the order of [`Code::ALL`].
    pub refused: [u64; Code::ALL.len()],
    /// Closes of each [`Close`], in the order of [`Close::ALL`].
    pub closed: [u64; Close::ALL.len()],
    /// Cursors, viewports and drags that a newer one replaced before they were told.
    pub coalesced: u64,
    /// Cursors, viewports and drags that were not told to a member that reads too slowly, by all such members.
    pub shed: u64,
    /// Sessions that a client took back.
    pub resumed: u64,
    /// Joins that were answered with the missed events only.
    pub deltas: u64,
    /// Stores that failed.
    pub failed_stores: u64,
    /// Times that the room went back to what storage has.
    pub returns: u64,
    /// Inputs that a right host would not give.
    pub misuse: u64,
}

/// Messages of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// How many.
    pub messages: u64,
    /// How long they were together, in bytes.
    pub bytes: u64,
}

impl Stats {
    fn count_message(&mut self, kind: MessageKind, bytes: usize) {
        let heard = &mut self.heard[kind.index()];
        heard.messages += 1;
        heard.bytes += bytes as u64;
    }

    /// Adds what another room counted.
    pub fn add(&mut self, other: &Stats) {
        let Stats {
            heard,
            edits,
            repeated,
            refused,
            closed,
            coalesced,
            shed,
            resumed,
            deltas,
            failed_stores,
            returns,
            misuse,
        } = other;
        for (mine, theirs) in self.heard.iter_mut().zip(heard) {
            mine.messages += theirs.messages;
            mine.bytes += theirs.bytes;
        }
        let counts = self.refused.iter_mut().chain(&mut self.closed).zip(refused.iter().chain(closed));
        let alone = [
            (&mut self.edits, edits),
            (&mut self.repeated, repeated),
            (&mut self.coalesced, coalesced),
            (&mut self.shed, shed),
            (&mut self.resumed, resumed),
            (&mut self.deltas, deltas),
            (&mut self.failed_stores, failed_stores),
            (&mut self.returns, returns),
            (&mut self.misuse, misuse),
        ];
        for (mine, theirs) in counts.chain(alone) {
            *mine += theirs;
        }
    }

    fn count_refusal(&mut self, code: Code) {
        if let Some(count) = Code::ALL.iter().position(|other| *other == code) {
            self.refused[count] += 1;
        }
    }
}

impl Room {
    /// A room that knows nothing yet; its first op is a `Load`. `seed` is for choices that are no secrets.
    pub fn new(id: RoomId, config: &Config, seed: u64, now: Time, out: &mut Outbox) -> Room {
        let effect = EffectId(1);
        out.load(effect);
        Room {
            id,
            config: config.clone(),
            phase: Phase::Loading { effect: Some(effect), tries: 0 },
            now,
            rng: Pcg::new(seed),
            next_effect: 2,
            owner: 0,
            record: None,
            buried: false,
            head: Seq(0),
            next_client: 0,
            ids_mark: 0,
            joins_wait: false,
            since_snapshot: 0,
            people: People::default(),
            audience: Audience::default(),
            members: Members::default(),
            member_chunks: 0,
            images: Images::default(),
            chat: Chat::default(),
            drags: Drags::default(),
            log: Log::default(),
            dedupe: Dedupe::default(),
            journal: Journal::default(),
            timers: Timers::default(),
            dirty: Vec::new(),
            flushing: Budget::full(config.limits.flush, now),
            moves: Moves::default(),
            announcing: Announcing::default(),
            fault: None,
            snapshots: BTreeMap::new(),
            stats: Stats::default(),
        }
    }

    /// Takes one input. Total: every input has an answer, and none is an error.
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Outbox) {
        self.now = self.now.max(now.min(LAST));
        let now = self.now;
        let (tick, resumed) = (matches!(input, Input::Tick), matches!(input, Input::Resume { .. }));
        match input {
            Input::Connect { conn, identity, hello } => self.on_connect(now, conn, &identity, &hello, out),
            Input::Resume { conn, attachment } => self.on_resume(now, conn, attachment, out),
            Input::Message { conn, bytes } => self.on_message(now, conn, bytes, out),
            Input::Pressure { conn, level } => self.on_pressure(conn, level, out),
            Input::Disconnect { conn, end } => self.on_disconnect(now, conn, end, out),
            Input::Done { effect, result } => self.on_done(now, effect, &result, out),
            Input::Command(command) => self.on_command(now, command, out),
            Input::Tick => self.on_tick(now, out),
        }
        self.settle(now, resumed, out);
        self.stats.shed += out.take_shed();
        debug_assert_eq!(self.check(), Ok(()));
        debug_assert!(!tick || self.deadline().is_none_or(|at| at > now), "a deadline that is due stays due");
    }

    /// When to send [`Input::Tick`] at the latest; `None` if nothing waits for time to pass.
    pub fn deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Appends the complete machine: for recordings, checkpoints and live moves.
    pub fn save(&self, bytes: &mut Vec<u8>) {
        match postcard::to_allocvec(self) {
            Ok(saved) => bytes.extend_from_slice(&saved),
            Err(error) => debug_assert!(false, "a room that cannot be saved: {error}"),
        }
    }

    /// Takes back what [`Room::save`] gave, to go on at `now`.
    ///
    /// # Errors
    /// [`Corrupt`] if the bytes are not a saved room of this version, or one whose invariants do not hold.
    pub fn restore(bytes: &[u8], now: Time) -> Result<Room, Corrupt> {
        let (mut room, rest): (Room, &[u8]) = postcard::take_from_bytes(bytes).map_err(|_| Corrupt)?;
        if !rest.is_empty() || room.check().is_err() {
            return Err(Corrupt);
        }
        room.now = room.now.max(now);
        Ok(room)
    }

    /// The same room, as if it had been saved and restored. A mistake that is made on purpose is not saved, and made by
    /// the copy all the same.
    #[cfg(feature = "sim")]
    pub(crate) fn copied(&self) -> Result<Room, Corrupt> {
        let mut bytes = Vec::new();
        self.save(&mut bytes);
        #[cfg_attr(not(feature = "planted"), expect(unused_mut, reason = "there is no mistake to carry over"))]
        let mut copy = Room::restore(&bytes, Time::default())?;
        #[cfg(feature = "planted")]
        {
            copy.config.bug = self.config.bug;
        }
        Ok(copy)
    }

    /// The room's id.
    pub fn id(&self) -> &RoomId {
        &self.id
    }

    /// What the room has counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Why the room gave up, if it did.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Whether the room still waits for its [`Op::Load`](crate::Op::Load).
    pub fn is_loading(&self) -> bool {
        matches!(self.phase, Phase::Loading { .. })
    }

    /// Whether the room only waits for its last store, and closes everyone then, or has done so. What is asked of it now
    /// is better asked of the one that comes after it.
    pub fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. } | Phase::Gone { .. })
    }

    fn on_done(&mut self, now: Time, effect: EffectId, result: &Done<'_>, out: &mut Outbox) {
        match (result, &self.phase) {
            (Done::Loaded(loaded), Phase::Loading { effect: asked, .. }) if *asked == Some(effect) => {
                self.on_loaded(now, loaded, out);
            }
            (Done::Loaded(loaded), Phase::Returning { effect: asked, why, .. }) if *asked == Some(effect) => {
                self.on_returned(now, *why, loaded, out);
            }
            (Done::Failed(failure), Phase::Loading { effect: asked, .. } | Phase::Returning { effect: asked, .. })
                if *asked == Some(effect) =>
            {
                self.on_load_failed(now, *failure, out);
            }
            (Done::Verified(verified), _) => self.on_verified(now, effect, *verified, out),
            (Done::Stored { upto }, _) if self.journal.in_flight() == Some(effect) => {
                self.on_stored(now, effect, *upto, out);
            }
            (Done::Failed(failure), _) if self.journal.in_flight() == Some(effect) => {
                self.on_store_failed(now, effect, *failure, out);
            }
            _ => self.stats.misuse += 1,
        }
    }

    fn on_tick(&mut self, now: Time, out: &mut Outbox) {
        while let Some(timer) = self.timers.due(now) {
            match timer {
                RoomTimer::Flush => self.flush(now, out),
                RoomTimer::Retry => self.retry(out),
                RoomTimer::Empty => self.fall_asleep(now, out),
                RoomTimer::Share => self.on_share_end(now),
                // What every input ends with sees to it.
                RoomTimer::Announce => {}
            }
        }
        while let Some(timer) = self.timers.due_member(now) {
            match timer {
                MemberTimer::Join(conn) => self.on_join_timeout(now, conn, out),
                MemberTimer::Grace(client) => self.on_grace_over(now, client, out),
                MemberTimer::Idle(client) => self.on_idle(now, client, out),
                MemberTimer::Lease(conn) => self.on_lease_timer(now, conn, out),
                MemberTimer::Drag(slot, client) => self.on_drag_timer(now, slot, client),
            }
        }
    }

    /// What every input ends with: a store leaves if there is something for it, frames leave if they may.
    fn settle(&mut self, now: Time, resumed: bool, out: &mut Outbox) {
        let stores = matches!(self.phase, Phase::Live | Phase::Draining { .. });
        if stores && self.journal.wants_store() && self.timers.get(RoomTimer::Retry).is_none() {
            self.store(now, out);
        }
        // Others come back with who resumed: the next input announces the room with all of them (SLEEP2).
        if !resumed {
            self.announce(now);
        }
        #[cfg(feature = "planted")]
        self.leak(out);
        while let Some(held) = self.journal.release() {
            self.release(held, out);
        }
        if let Phase::Draining { close, spread } = self.phase
            && (self.journal.is_quiet() || self.journal.failing().is_some())
        {
            self.close_all(close, spread, out);
        }
    }

    /// Lets frames of a kind pass the gate before their time, if that is the planted mistake.
    #[cfg(feature = "planted")]
    fn leak(&mut self, out: &mut Outbox) {
        let config = &self.config;
        let acks = planted!(config, AckBeforeCommit);
        let told = planted!(config, ToldBeforeCommit);
        let snapshots = planted!(config, SnapshotBeforeCommit);
        let early = self.journal.leak(|held| match held {
            Held::Answer { .. } => acks,
            Held::All { .. } => told,
            Held::Joined { .. } | Held::Part { .. } | Held::Enter { .. } => snapshots,
            Held::One { .. }
            | Held::Shown { .. }
            | Held::Exit { .. }
            | Held::Verdicts { .. }
            | Held::Reply { .. }
            | Held::Announcement { .. }
            | Held::Notice { .. }
            | Held::Deletion => false,
        });
        for held in early {
            self.release(held, out);
        }
    }

    /// Lets a frame through the gate. A socket that has gone since is passed over.
    fn release(&mut self, held: Held, out: &mut Outbox) {
        match held {
            Held::One { conn, frame } | Held::Answer { conn, frame, .. } => {
                self.release_one(conn, FrameKind::Answer, &frame, out);
            }
            Held::Joined { conn, frame } => self.release_one(conn, FrameKind::Snapshot, &frame, out),
            Held::All { dialect, except, frame } => self.audience.release(dialect, &frame, except, out),
            Held::Part { conn, part, tail } => {
                if self.people.link(conn).is_some() {
                    out.send_part(conn, part, &tail);
                }
            }
            Held::Shown { .. } => {}
            Held::Enter { conn, client, since: _ } => self.enter(conn, client, out),
            Held::Exit { conn, client: _ } => self.exit(conn, out),
            Held::Verdicts { of } => self.carry_out(self.now, &of, out),
            Held::Reply { ticket } => out.reply(ticket, Ok(self.journal.durable_seq())),
            Held::Announcement { listing } => out.announce(*listing),
            Held::Deletion => out.forget(),
            Held::Notice { notice } => out.notice(*notice),
        }
    }

    fn release_one(&self, conn: Conn, kind: FrameKind, frame: &[u8], out: &mut Outbox) {
        if self.people.link(conn).is_some() {
            let bytes = out.encode(|arena| arena.extend_from_slice(frame));
            out.send(To::One(conn), kind, bytes);
        }
    }

    fn view(&self) -> Option<RoomView<'_>> {
        let record = self.record.as_ref()?;
        Some(RoomView {
            id: &self.id,
            name: &record.name,
            is_public: record.is_public,
            locked: record.locked,
            default_role: record.default_role,
            guest_role: record.guest_role,
            created_at: record.created_at,
        })
    }

    fn effect(&mut self) -> EffectId {
        self.next_effect += 1;
        EffectId(self.next_effect - 1)
    }
}

/// Tells one socket something that depends on no edit. If its snapshot still waits, this waits behind it (GATE3).
fn tell(people: &People, journal: &mut Journal, conn: Conn, event: &Event<'_>, out: &mut Outbox) {
    let Some(link) = people.link(conn) else { return };
    if let Stage::Entering(_) = link.stage {
        if let Some(frame) = frame_for(people, conn, event) {
            journal.hold(Held::One { conn, frame });
        }
        return;
    }
    let bytes = out.encode(|arena| wire::encode(link.dialect, event, link.client(), arena));
    if !bytes.is_empty() {
        out.send(To::One(conn), FrameKind::of(event), bytes);
    }
}

/// Answers the sender of an edit once all that is known now is durable.
fn answer(people: &People, journal: &mut Journal, conn: Conn, answer: Answer, event: &Event<'_>) {
    if let Some(frame) = frame_for(people, conn, event) {
        journal.hold(Held::Answer { conn, answer: Box::new(answer), frame });
    }
}

/// The event in the words of this socket, if it has any for it.
fn frame_for(people: &People, conn: Conn, event: &Event<'_>) -> Option<Box<[u8]>> {
    let link = people.link(conn)?;
    let mut frame = Vec::new();
    wire::encode(link.dialect, event, link.client(), &mut frame);
    (!frame.is_empty()).then(|| frame.into())
}
