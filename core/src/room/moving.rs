//! A room that goes to another host while its people wait outside: when it may, and what it takes from its new host.
//! How it travels is `handover`'s.

use super::{Phase, Record, Room};
use crate::id::{Epoch, Seq};
use crate::limits::Config;
use crate::time::Time;
use crate::timers::RoomTimer;

impl Record {
    /// The epoch, and the place in the log that the chunks are of.
    pub(crate) fn place(&self) -> (Epoch, Seq) {
        (self.epoch, self.snapshot)
    }
}

impl Room {
    /// Whether the room rests: it is live, storage has everything that it knows, no store is in flight, and nothing
    /// that it has to say waits.
    pub fn is_quiet(&self) -> bool {
        self.phase == Phase::Live && self.journal.in_flight().is_none() && self.journal.is_quiet()
    }

    /// Whether it may be taken to another host as it is (MOVE1): it was born, rests, and nobody is connected, so that
    /// it knows nothing that only this host has.
    pub fn may_move(&self) -> bool {
        self.record.is_some() && self.people.links() == 0 && self.is_quiet()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The time of its last input.
    pub(crate) fn time(&self) -> Time {
        self.now
    }

    /// Where it stands: what tells its log from every other, the newest place in it, and the number of its owner.
    pub(crate) fn standing(&self) -> Option<(u64, Seq, u64)> {
        self.record.as_ref().map(|record| (record.epoch.0, self.head, self.owner))
    }

    /// MOVE3: what a new host decides at once. The bounds stay until the room is loaded again: what it has is within them.
    pub(crate) fn settle_under(&mut self, config: &Config, now: Time) {
        self.now = self.now.max(now);
        let (limits, theirs) = (&mut self.config.limits, &config.limits);
        (limits.flush, limits.flush_cost, limits.empty) = (theirs.flush, theirs.flush_cost, theirs.empty);
        limits.announce = theirs.announce;
        limits.announce_activity = theirs.announce_activity;
        limits.announce_again = theirs.announce_again;
        let is_empty = self.people.clients.is_empty() && self.people.links() == 0;
        if is_empty && self.timers.get(RoomTimer::Empty).is_none() {
            // It told its last host that it may go, and has to say it again.
            self.timers.set(RoomTimer::Empty, self.now + self.config.limits.empty);
        }
        (self.config.guests, self.config.http_loopback) = (config.guests, config.http_loopback);
    }
}
