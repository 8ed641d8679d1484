//! The output gate: what may not leave before storage has it, and what storage has not got yet.
//!
//! Every stored change takes a mark, counted up in memory. A frame whose content depends on mark `n` waits here until
//! `durable ≥ n`. One store is in flight at a time and carries all that came since the one before, so group commit
//! falls out by itself. `durable ≤ sent ≤ head`, always.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, Conn, EffectId, Seq};
use crate::input::Failure;
use crate::limits::Limits;
use crate::outbox::StoredWrite;
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
    /// Why the last store failed, and how often in a row.
    failing: Option<(Failure, u32)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Flight {
    effect: EffectId,
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
    /// A frame for one socket.
    One { conn: Conn, frame: Box<[u8]> },
    /// A frame for everyone of a dialect but one socket.
    All { dialect: Dialect, except: Option<Conn>, frame: Box<[u8]> },
    /// Part of a snapshot for one socket, and its tail.
    Part { conn: Conn, part: Arc<[u8]>, tail: Box<[u8]> },
    /// From here on this member is told everything (GATE3).
    Enter { conn: Conn, client: ClientId },
    /// From here on this socket, which left, is told nothing more (PRES7).
    Exit { conn: Conn },
}

/// What a store carries.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) effect: EffectId,
    pub(crate) upto: Seq,
    pub(crate) writes: Vec<StoredWrite>,
}

impl Journal {
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
        self.failing.map(|(failure, _)| failure)
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

    /// Lets something out once all that is known now is durable.
    pub(crate) fn hold(&mut self, what: Held) {
        self.hold_for(self.head, what);
    }

    /// Lets something out once `mark` is durable, and not before what already waits.
    pub(crate) fn hold_for(&mut self, mark: u64, what: Held) {
        let mark = self.gated.back().map_or(mark, |last| last.mark.max(mark));
        self.gated_bytes += what.len();
        self.gated.push_back(Gated { mark, what });
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

    /// The store of that number is durable. `None` if it is not the one in flight.
    pub(crate) fn stored(&mut self, effect: EffectId) -> Option<()> {
        let flight = self.flight.take_if(|flight| flight.effect == effect)?;
        self.durable = flight.mark;
        self.durable_seq = flight.upto;
        self.failing = None;
        Some(())
    }

    /// The store in flight was not made: it will leave again. Returns when. `None` if it is not the one in flight.
    pub(crate) fn failed(&mut self, effect: EffectId, failure: Failure, now: Time) -> Option<Time> {
        let mut flight = self.flight.take_if(|flight| flight.effect == effect)?;
        flight.writes.append(&mut self.unsent);
        self.unsent = flight.writes;
        self.sent = self.durable;
        let times = self.failing.map_or(0, |(_, times)| times);
        self.failing = Some((failure, times.saturating_add(1)));
        Some(now + back_off(times))
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
            Held::One { frame, .. } | Held::All { frame, .. } => frame.len(),
            Held::Part { tail, .. } => tail.len(),
            Held::Enter { .. } | Held::Exit { .. } => 0,
        }
    }
}

/// 100 ms, doubling to 5 s.
pub(crate) fn back_off(times: u32) -> Span {
    Span::from_millis((100_u64 << times.min(6)).min(5000))
}
