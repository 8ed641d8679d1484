//! What must always hold, in one place.

use serde::Serialize;

use super::{Phase, Room};
use crate::id::Seq;
use crate::presence::{Seat, Stage};
use crate::wire::Dialect;

/// How far storage has come with a room's events: `durable ≤ sent ≤ head`, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Marks {
    /// The newest event that storage has.
    pub durable: Seq,
    /// The newest event that storage was given.
    pub sent: Seq,
    /// The newest event.
    pub head: Seq,
}

impl Marks {
    fn is_ordered(self) -> bool {
        self.durable <= self.sent && self.sent <= self.head
    }
}

impl Room {
    /// How far storage has come.
    pub fn marks(&self) -> Marks {
        Marks { durable: self.journal.durable_seq(), sent: self.journal.sent_seq(), head: self.head }
    }

    /// States the invariants of the room. Runs after every input in debug builds, tests and fuzzing.
    ///
    /// # Errors
    /// The first one that does not hold, as a sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        let limits = &self.config.limits;
        self.people.check()?;
        self.images.check()?;
        self.drags.check()?;
        self.chat.check(limits.chat_history)?;
        self.dedupe.check(limits)?;
        self.log.check(self.head, limits)?;
        self.journal.check()?;
        self.members.check()?;
        if !self.marks().is_ordered() {
            return Err("room: more is durable than was sent, or more was sent than there is");
        }
        if self.record.as_ref().is_some_and(|record| record.snapshot > self.head || self.next_client > record.clients) {
            return Err("room: the record is ahead of the room, or its client ids are used up");
        }
        if self.people.links() > limits.room_connections as usize {
            return Err("room: more sockets than the bound");
        }
        self.check_members()
    }

    /// Timers, audiences and members say the same.
    fn check_members(&self) -> Result<(), &'static str> {
        let links = || self.people.all_links();
        let waiting = links().filter(|link| matches!(link.stage, Stage::Waiting { .. })).count();
        let joined = |dialect| links().filter(|link| link.client().is_some() && link.dialect == dialect).count();
        let live = links().filter(|link| link.group.is_some()).count();
        if links().any(|link| matches!(link.stage, Stage::Live(_)) && link.group.is_none()) {
            return Err("room: a live member is in no audience");
        }
        let is_miscounted = |dialect: &Dialect| self.audience.speakers(*dialect) as usize != joined(*dialect);
        let members = links().filter(|link| link.client().is_some()).count();
        let is_wrong = self.audience.members() as usize != members || self.audience.live() as usize != live;
        if is_wrong || Dialect::ALL.iter().any(is_miscounted) {
            return Err("room: the audience is miscounted");
        }
        let clients = self.people.clients.values();
        let kept = clients.clone().filter(|client| matches!(client.seat, Seat::Kept(_))).count();
        let awake = clients.clone().filter(|client| !client.idle).count();
        let leases = links().filter(|link| link.lease.is_some()).count();
        if self.timers.members() != waiting + kept + awake + leases + self.drags.len() {
            return Err("room: a member's timer is missing or left over");
        }
        if clients.clone().filter(|client| client.dirty.queued).count() != self.dirty.len() {
            return Err("room: the list for the next flush is wrong");
        }
        let late = clients.clone().filter(|client| client.late).map(|client| client.id);
        if !self.moves.are_late(late) {
            return Err("room: the list of cursors for those who look elsewhere is wrong");
        }
        if self.record.is_none() && !self.people.clients.is_empty() && self.phase == Phase::Live {
            return Err("room: members in a room that was never born");
        }
        let ends_drag = |key: (crate::id::ClientId, u32)| {
            self.images.at(key.1).is_none() || !self.people.clients.contains_key(&key.0)
        };
        match self.drags.keys().any(ends_drag) {
            true => Err("room: a drag without an image or a client"),
            false => Ok(()),
        }
    }
}
