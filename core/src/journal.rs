//! The output gate: what may not leave before storage has it, and what storage has not got yet.
//!
//! Every stored change takes a mark, counted up in memory. A frame whose content depends on mark `n` waits here until
//! `durable ≥ n`. One store is in flight at a time and carries all that came since the one before, so group commit
//! falls out by itself. `durable ≤ sent ≤ head`, always.
//!
//! What storage will not take can be given up: then all that came after `durable` is as if it had never been, and what
//! waited at the gate is handed back to be said anew (STORE6).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::errors::{Close, Code};
use crate::id::{ClientId, Conn, EffectId, Seq};
use crate::image::Fields;
use crate::input::Failure;
use crate::limits::Limits;
use crate::listing::Listing;
use crate::notice::Notice;
use crate::outbox::StoredWrite;
use crate::presence::Client;
use crate::recording::Redaction;
use crate::time::{Span, Time};
use crate::wire::Dialect;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Journal {
    durable: u64,
    sent: u64,
    head: u64,
    /// The newest event that is durable.
    durable_seq: Seq,
    /// The store that is in flight, and what it carries.
    flight: Option<Flight>,
    /// What no store has carried yet.
    unsent: Vec<StoredWrite>,
    /// Frames that wait, in the order of their marks.
    gated: VecDeque<Gated>,
    gated_bytes: usize,
    /// Set from a store that failed to the next one that succeeds.
    failing: Option<Failing>,
    /// Stores that failed since one last carried a change: a probe that succeeds proves little.
    failures: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Failing {
    /// How the last one failed.
    failure: Failure,
    /// When the first one in a row failed.
    since: Time,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Flight {
    effect: EffectId,
    /// What is durable once it is made; that of a probe is durable already.
    mark: u64,
    upto: Seq,
    writes: Vec<StoredWrite>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Gated {
    mark: u64,
    what: Held,
}

/// What waits at the gate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Held {
    /// A frame for one socket that no edit changes.
    One { conn: Conn, frame: Box<[u8]> },
    /// What the sender of an edit is answered.
    Answer { conn: Conn, answer: Box<Answer>, frame: Box<[u8]> },
    /// A frame for everyone of a dialect but one socket.
    All { dialect: Dialect, except: Option<Conn>, frame: Box<[u8]> },
    /// Others saw these properties move, and what waits here settles them: nothing is said (STORE8).
    Shown { client: ClientId, image: Box<str>, fields: Fields },
    /// The first frame for a socket that joined.
    Joined { conn: Conn, frame: Box<[u8]> },
    /// What these people may be from here on, or why they may not be here.
    Verdicts { of: Box<[(ClientId, Result<Role, Close>)]> },
    /// The answer to a command.
    Reply { ticket: u64 },
    /// What the list of rooms is told.
    Announcement { listing: Box<Listing> },
    /// What the list of rooms is told of a room that was deleted.
    Deletion,
    /// What the operator's back end is told.
    Notice { notice: Box<Notice> },
    /// Part of a snapshot for one socket, and its tail.
    Part { conn: Conn, part: Arc<[u8]>, tail: Box<[u8]> },
    /// From here on this member is told everything (GATE3). `since` is what it said that it knew.
    Enter { conn: Conn, client: ClientId, since: Option<(u64, Seq)> },
    /// From here on this socket, which left, is told nothing more (PRES7). With the client if it left before it was
    /// told anything.
    Exit { conn: Conn, client: Option<Box<Client>> },
}

/// An answer to an edit, for the case that it must be given anew.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The id that the client gave its message.
    pub(crate) id: Option<Box<str>>,
    /// The image that it is about.
    pub(crate) image: Option<Box<str>>,
    pub(crate) outcome: Outcome,
}

/// See [`Answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// It is this event.
    Made(Seq),
    Refused {
        code: Code,
        retry_after: Option<Span>,
    },
}

/// What a store carries.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) effect: EffectId,
    pub(crate) upto: Seq,
    pub(crate) writes: Vec<StoredWrite>,
}

impl Journal {
    /// The newest event that was given to storage.
    pub(crate) fn sent_seq(&self) -> Seq {
        self.flight.as_ref().map_or(self.durable_seq, |flight| flight.upto)
    }

    /// The journal of a room that was just loaded: everything up to `head` is durable.
    pub(crate) fn loaded(head: Seq) -> Journal {
        Journal { durable_seq: head, ..Journal::default() }
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    /// The newest event that is durable.
    pub(crate) fn durable_seq(&self) -> Seq {
        self.durable_seq
    }

    /// Whether everything is durable and said.
    pub(crate) fn is_quiet(&self) -> bool {
        self.durable == self.head && self.gated.is_empty()
    }

    /// Why edits cannot be stored at the moment.
    pub(crate) fn failing(&self) -> Option<Failure> {
        self.failing.map(|failing| failing.failure)
    }

    /// Whether storage fails and has everything that the room knows: the room can be read and not changed.
    pub(crate) fn is_read_only(&self) -> bool {
        self.failing.is_some() && self.durable == self.head
    }

    /// Whether what storage has not got is to be given up: at once for want of space, later for want of time (STORE6).
    pub(crate) fn is_hopeless(&self, now: Time) -> bool {
        self.failing.is_some_and(|failing| match failing.failure {
            Failure::Full => true,
            Failure::Busy | Failure::Broken | Failure::Fenced => now.since(failing.since) >= PATIENCE,
        })
    }

    /// When to try storage again.
    pub(crate) fn next_try(&self, now: Time) -> Time {
        now + back_off(self.failures.saturating_sub(1))
    }

    /// What waits at the gate, in bytes.
    pub(crate) fn gated_bytes(&self) -> usize {
        self.gated_bytes
    }

    /// Whether the gate has its most.
    pub(crate) fn is_full(&self, limits: &Limits) -> bool {
        self.gated.len() >= limits.gated_frames as usize || self.gated_bytes >= limits.gated_bytes as usize
    }

    /// Takes a change for storage and returns its mark.
    pub(crate) fn write(&mut self, write: StoredWrite) -> u64 {
        self.unsent.push(write);
        self.head += 1;
        self.head
    }

    /// Takes several at once.
    pub(crate) fn write_all(&mut self, writes: impl IntoIterator<Item = StoredWrite>) {
        for write in writes {
            self.write(write);
        }
    }

    /// Lets something out once all that is known now is durable.
    pub(crate) fn hold(&mut self, what: Held) {
        self.gated_bytes += what.len();
        self.gated.push_back(Gated { mark: self.head, what });
    }

    /// Takes what may leave now.
    pub(crate) fn release(&mut self) -> Option<Held> {
        if self.gated.front()?.mark > self.durable {
            return None;
        }
        let released = self.gated.pop_front()?;
        self.gated_bytes -= released.what.len();
        Some(released.what)
    }

    /// Takes what may not leave yet, for a planted mistake.
    #[cfg(feature = "planted")]
    pub(crate) fn leak(&mut self, early: impl Fn(&Held) -> bool) -> Vec<Held> {
        let (leaked, gated) = core::mem::take(&mut self.gated).into_iter().partition(|gated| early(&gated.what));
        self.gated = gated;
        let leaked: VecDeque<Gated> = leaked;
        self.gated_bytes -= leaked.iter().map(|gated| gated.what.len()).sum::<usize>();
        leaked.into_iter().map(|gated| gated.what).collect()
    }

    /// Whether a store should leave: there is something for it and none is in flight.
    pub(crate) fn wants_store(&self) -> bool {
        self.flight.is_none() && self.sent < self.head
    }

    /// Makes the next store out of all that none has carried yet.
    pub(crate) fn store(&mut self, effect: EffectId, upto: Seq) -> Batch {
        let writes = core::mem::take(&mut self.unsent);
        self.sent = self.head;
        self.flight = Some(Flight { effect, mark: self.head, upto, writes: writes.clone() });
        Batch { effect, upto, writes }
    }

    /// Makes a store that changes nothing, to see whether storage takes one (STORE7). Nothing waits for it.
    pub(crate) fn probe(&mut self, effect: EffectId, record: Arc<[u8]>) -> Batch {
        let upto = self.durable_seq;
        self.flight = Some(Flight { effect, mark: self.durable, upto, writes: Vec::new() });
        Batch { effect, upto, writes: Vec::from([StoredWrite::Record(record)]) }
    }

    /// The store of that number is durable. `None` if it is not the one in flight.
    pub(crate) fn stored(&mut self, effect: EffectId) -> Option<()> {
        let flight = self.flight.take_if(|flight| flight.effect == effect)?;
        if flight.mark > self.durable {
            self.failures = 0;
        }
        self.durable = flight.mark;
        self.durable_seq = flight.upto;
        self.failing = None;
        Some(())
    }

    /// The store in flight was not made: what it carried leaves again later. `None` if it is not the one in flight.
    pub(crate) fn failed(&mut self, effect: EffectId, failure: Failure, now: Time) -> Option<()> {
        let mut flight = self.flight.take_if(|flight| flight.effect == effect)?;
        flight.writes.append(&mut self.unsent);
        self.unsent = flight.writes;
        self.sent = self.durable;
        let since = self.failing.map_or(now, |failing| failing.since);
        self.failing = Some(Failing { failure, since });
        self.failures = self.failures.saturating_add(1);
        Some(())
    }

    /// Gives up what storage has not got, and hands out what waited for it, in order.
    pub(crate) fn go_back(&mut self) -> Vec<Held> {
        self.unsent.clear();
        (self.sent, self.head) = (self.durable, self.durable);
        self.gated_bytes = 0;
        self.gated.drain(..).map(|gated| gated.what).collect()
    }

    /// The effect that is in flight.
    pub(crate) fn in_flight(&self) -> Option<EffectId> {
        self.flight.as_ref().map(|flight| flight.effect)
    }

    /// The newest event that the store in flight makes durable.
    pub(crate) fn upto(&self) -> Option<Seq> {
        self.flight.as_ref().map(|flight| flight.upto)
    }

    /// States what must always hold.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if !(self.durable <= self.sent && self.sent <= self.head) {
            return Err("journal: not durable <= sent <= head");
        }
        if self.gated.front().is_some_and(|gated| gated.mark <= self.durable) {
            return Err("journal: a frame waits for what is durable");
        }
        let bytes: usize = self.gated.iter().map(|gated| gated.what.len()).sum();
        if bytes != self.gated_bytes {
            return Err("journal: the gate's bytes are miscounted");
        }
        if self.flight.is_none() && self.sent != self.durable {
            return Err("journal: a store is missing");
        }
        Ok(())
    }
}

impl Held {
    /// What it adds to the gate's bytes. Parts are shared and bounded by the room itself.
    fn len(&self) -> usize {
        match self {
            Held::One { frame, .. }
            | Held::Answer { frame, .. }
            | Held::All { frame, .. }
            | Held::Joined { frame, .. } => frame.len(),
            Held::Part { tail, .. } => tail.len(),
            Held::Verdicts { of } => of.len() * 16,
            Held::Shown { .. }
            | Held::Enter { .. }
            | Held::Exit { .. }
            | Held::Reply { .. }
            | Held::Announcement { .. }
            | Held::Notice { .. }
            | Held::Deletion => 0,
        }
    }
}

/// How long storage may be busy before what it has not taken is given up.
const PATIENCE: Span = Span::from_secs(3);

/// 100 ms, doubling to 5 s.
pub(crate) fn back_off(times: u32) -> Span {
    Span::from_millis((100_u64 << times.min(6)).min(5000))
}

impl Journal {
    pub(crate) fn redact(&mut self, with: &Redaction) {
        let stored = self.flight.iter_mut().flat_map(|flight| &mut flight.writes).chain(&mut self.unsent);
        stored.for_each(|write| write.redact(with));
        for gated in &mut self.gated {
            match &mut gated.what {
                Held::One { frame, .. }
                | Held::Answer { frame, .. }
                | Held::All { frame, .. }
                | Held::Joined { frame, .. } => {
                    *frame = with.json(frame);
                }
                Held::Part { part, tail, .. } => (*part, *tail) = (with.json(part).into(), with.json(tail)),
                Held::Announcement { listing } => listing.redact(with),
                Held::Notice { notice } => notice.redact(with),
                Held::Exit { client: Some(client), .. } => client.redact(with),
                Held::Shown { .. }
                | Held::Verdicts { .. }
                | Held::Reply { .. }
                | Held::Deletion
                | Held::Enter { .. }
                | Held::Exit { client: None, .. } => {}
            }
        }
    }
}
