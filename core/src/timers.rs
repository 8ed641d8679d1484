//! When the room wants to be called again: an array for the room's own timers, one ordered set for its members'.

use alloc::collections::BTreeSet;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, Conn};
use crate::time::Time;

/// A timer of the room itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoomTimer {
    /// Cursors, viewports, drags and profiles that wait for the next flush.
    Flush,
    /// A load or store that failed is tried again.
    Retry,
    /// An empty room goes to sleep.
    Empty,
    /// A link that lets people in ends.
    Share,
    /// The list of rooms is told of this one.
    Announce,
}

const ROOM_TIMERS: [RoomTimer; 5] =
    [RoomTimer::Flush, RoomTimer::Retry, RoomTimer::Empty, RoomTimer::Share, RoomTimer::Announce];

/// A timer of one member. Equal times go off in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum MemberTimer {
    /// A socket that has not joined.
    Join(Conn),
    /// A session that waits for its client.
    Grace(ClientId),
    /// A person who may have become idle.
    Idle(ClientId),
    /// A lease that ends: a word before, the end, and the close after it.
    Lease(Conn),
    /// A drag that may have fallen silent: image slot and client.
    Drag(u32, ClientId),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Timers {
    room: [Option<Time>; ROOM_TIMERS.len()],
    members: BTreeSet<(Time, MemberTimer)>,
}

impl Timers {
    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Time> {
        let member = self.members.first().map(|(time, _)| *time);
        self.room.iter().flatten().copied().chain(member).min()
    }

    pub(crate) fn set(&mut self, timer: RoomTimer, at: Time) {
        self.room[timer as usize] = Some(at);
    }

    pub(crate) fn stop(&mut self, timer: RoomTimer) {
        self.room[timer as usize] = None;
    }

    pub(crate) fn get(&self, timer: RoomTimer) -> Option<Time> {
        self.room[timer as usize]
    }

    /// Takes a room timer that is due.
    pub(crate) fn due(&mut self, now: Time) -> Option<RoomTimer> {
        let timer = ROOM_TIMERS.into_iter().find(|timer| self.get(*timer).is_some_and(|at| at <= now))?;
        self.stop(timer);
        Some(timer)
    }

    pub(crate) fn set_member(&mut self, timer: MemberTimer, at: Time) {
        self.members.insert((at, timer));
    }

    pub(crate) fn stop_member(&mut self, timer: MemberTimer, at: Time) {
        self.members.remove(&(at, timer));
    }

    /// Takes a member's timer that is due.
    pub(crate) fn due_member(&mut self, now: Time) -> Option<MemberTimer> {
        let (at, timer) = *self.members.first()?;
        (at <= now).then(|| {
            self.members.pop_first();
            timer
        })
    }

    /// How many members' timers are set.
    pub(crate) fn members(&self) -> usize {
        self.members.len()
    }
}
