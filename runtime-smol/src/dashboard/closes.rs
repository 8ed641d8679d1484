//! The latest closes, each with its room and person, and how many there were of each kind. Shown to the operator, and told to
//! nobody else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kanvas_core::{Close, RoomId, Time};

use crate::parting::Parting;

/// Of those who went by themselves, and of all others: a close that somebody has to look at is not driven out by people
/// who close their windows.
const LEFT: usize = 15;
const OTHERS: usize = 35;

/// By code and reason, how often.
pub(crate) type Tallied = BTreeMap<(u16, &'static str), u64>;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Closes(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    left: VecDeque<Closed>,
    others: VecDeque<Closed>,
    tallied: Tallied,
}

/// A socket that was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) at: Time,
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    /// `None` if it was open to the list of rooms.
    pub(crate) room: Option<RoomId>,
    /// Empty if nobody knew who it was.
    pub(crate) user: Box<str>,
}

impl Closes {
    /// A socket is closed.
    pub(crate) fn note(&self, at: Time, parting: &Parting, room: Option<&RoomId>, user: &str) {
        let (code, reason) = parting.label();
        let closed = Closed { at, code, reason, room: room.cloned(), user: user.into() };
        let mut kept = self.kept();
        *kept.tallied.entry((code, reason)).or_default() += 1;
        let (ring, most) = match parting {
            Parting::Echo(_) => (&mut kept.left, LEFT),
            Parting::Room(_)
            | Parting::Told(_)
            | Parting::Slow(_)
            | Parting::Away(_)
            | Parting::Frame(..)
            | Parting::Gone => (&mut kept.others, OTHERS),
        };
        ring.truncate(most - 1);
        ring.push_front(closed);
    }

    /// The latest ones, the last first.
    pub(crate) fn latest(&self) -> Vec<Closed> {
        let kept = self.kept();
        let mut all: Vec<Closed> = kept.left.iter().chain(&kept.others).cloned().collect();
        drop(kept);
        all.sort_by_key(|closed| std::cmp::Reverse(closed.at));
        all
    }

    pub(crate) fn tallied(&self) -> Tallied {
        self.kept().tallied.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reason means.
pub(crate) fn words(code: u16, reason: &str) -> String {
    let known = Close::ALL.iter().find(|close| close.code() == code && close.reason() == reason);
    let meaning = match (known, code, reason) {
        (Some(close), ..) => close.message(),
        (None, 1000 | 1001 | 1005, "client") => "The client closed it.",
        (None, _, "client") => "The client closed it, by a code of its own.",
        (None, 1006, _) => "The connection broke.",
        (None, 1009, _) => "A message was longer than there may be.",
        (None, ..) => "What the client sent was no WebSocket message that it may send.",
    };
    if code == 0 { meaning.to_owned() } else { format!("{code}. {meaning}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dash6_people_who_leave_do_not_drive_out_what_went_wrong() {
        let closes = Closes::default();
        let room = RoomId::new("plan").unwrap();
        closes.note(Time::from_millis(1), &Parting::Slow(Close::SlowConsumer), Some(&room), "ann");
        for at in 2..1000 {
            closes.note(Time::from_millis(at), &Parting::Echo(Some((1001, String::new()))), Some(&room), "bob");
        }
        let latest = closes.latest();
        assert_eq!(
            (latest.len(), latest[0].at, latest[LEFT].reason),
            (LEFT + 1, Time::from_millis(999), "slow_consumer")
        );
        for at in 1000..2000 {
            closes.note(Time::from_millis(at), &Parting::Gone, Some(&room), "");
        }
        assert_eq!(closes.latest().len(), LEFT + OTHERS);
        assert_eq!(closes.tallied()[&(1001, "client")], 998);
    }

    #[test]
    fn dash6_every_close_has_a_sentence() {
        for close in Close::ALL {
            assert!(words(close.code(), close.reason()).ends_with(close.message()));
        }
        assert_eq!(words(1006, "lost"), "1006. The connection broke.");
        assert_eq!(words(0, "client"), "The client closed it, by a code of its own.");
    }
}
