//! What the server did before: the last hour by the minute, and moments of the last one, from which rates are reckoned.
//! All of it is what was counted so far at some time; what came between two times is the difference.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use kanvas_core::{Code, Time};
use serde::Serialize;

use super::closes::Tallied;

pub(super) const MINUTE_MS: u64 = 60_000;
const MINUTES: u64 = 60;
/// Rates are over no less than this, or one message more or less would be seen.
const LEAST_MS: u64 = 4000;
/// And over little more than the minute that is always there.
const MOST_MS: u64 = 75_000;
/// Looks that are closer than this to the last one are not kept.
const APART_MS: u64 = 1000;

/// What had been counted at some time, and what there was.
#[derive(Clone, Debug, Default)]
pub(super) struct Moment {
    pub(super) sockets: u64,
    pub(super) rooms: u64,
    /// Sockets that do not read fast enough.
    pub(super) slow: u64,
    /// What all but one of a hundred transactions took at most, in ms.
    pub(super) stored_ms: f64,
    pub(super) flow: Flow,
    /// By code.
    pub(super) refused: Vec<u64>,
    pub(super) closed: Tallied,
}

/// What flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) heard: u64,
    /// Said once each, whoever hears them.
    pub(super) frames: u64,
    /// Said, by all who got them.
    pub(super) said: u64,
    pub(super) refused: u64,
    pub(super) commits: u64,
}

/// What flows in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Rates {
    pub(super) heard: f64,
    pub(super) frames: f64,
    pub(super) said: f64,
    pub(super) refused: f64,
    pub(super) commits: f64,
}

/// One minute. The last one is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Minute {
    /// When it began, in ms.
    pub(super) at: u64,
    /// At its end.
    pub(super) sockets: u64,
    pub(super) rooms: u64,
    pub(super) slow: u64,
    pub(super) stored_ms: f64,
    pub(super) heard: u64,
    pub(super) said: u64,
    pub(super) refused: u64,
}

/// What a look sees.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) now: Time,
    pub(super) moment: Moment,
    pub(super) per_second: Rates,
    pub(super) minutes: Vec<Minute>,
    /// Refusals and closes of the last hour.
    pub(super) refused: Vec<u64>,
    pub(super) closed: Tallied,
}

/// See the module.
#[derive(Default)]
pub(super) struct History(Mutex<Kept>);

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Kept {
    /// How it was at the end of each minute, the latest last. Before the first of them there was nothing.
    minutes: VecDeque<(u64, Moment)>,
    looks: VecDeque<(u64, Flow)>,
}

impl History {
    /// A minute is over.
    pub(super) fn end_minute(&self, now: Time, moment: Moment) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.note(now.as_millis(), moment.flow);
        // A clock that rang a little early means the minute that it rang for.
        let minute = (now.as_millis() + MINUTE_MS / 2) / MINUTE_MS - 1;
        kept.minutes.push_back((minute, moment));
        let first = minute.saturating_sub(MINUTES);
        while kept.minutes.front().is_some_and(|(minute, _)| *minute < first) {
            kept.minutes.pop_front();
        }
    }

    /// Somebody looks.
    pub(super) fn look(&self, now: Time, moment: Moment) -> Seen {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let per_second = kept.rates(now.as_millis(), moment.flow);
        kept.note(now.as_millis(), moment.flow);
        let current = now.as_millis() / MINUTE_MS;
        let first = current.saturating_sub(MINUTES - 1);
        let nothing = Moment::default();
        let mut before = kept.minutes.iter().rev().find(|(minute, _)| *minute < first).map_or(&nothing, |(_, was)| was);
        let refused = moment.refused.iter().zip(before.refused.iter().chain(std::iter::repeat(&0)));
        let refused = refused.map(|(now, was)| now.saturating_sub(*was)).collect();
        let closed = moment
            .closed
            .iter()
            .map(|(kind, count)| (*kind, count.saturating_sub(before.closed.get(kind).copied().unwrap_or_default())));
        let closed = closed.collect();
        let ends: BTreeMap<u64, &Moment> = kept.minutes.iter().map(|(minute, moment)| (*minute, moment)).collect();
        let minutes = (first..=current).map(|no| {
            let end = if no == current { &moment } else { ends.get(&no).copied().unwrap_or(before) };
            let minute = Minute::between(no * MINUTE_MS, before, end);
            before = end;
            minute
        });
        let minutes = minutes.collect();
        drop(ends);
        Seen { now, per_second, minutes, refused, closed, moment }
    }
}

impl Kept {
    fn note(&mut self, now: u64, flow: Flow) {
        if self.looks.back().is_some_and(|(at, _)| now.saturating_sub(*at) < APART_MS) {
            return;
        }
        self.looks.push_back((now, flow));
        while self.looks.front().is_some_and(|(at, _)| now.saturating_sub(*at) > MOST_MS) {
            self.looks.pop_front();
        }
    }

    /// What flows a second, since the last time that is long enough ago. Nothing as long as there is none.
    fn rates(&self, now: u64, flow: Flow) -> Rates {
        let since = |at: u64| now.saturating_sub(at);
        let mut known = self.looks.iter().rev();
        let Some((at, was)) = known.find(|(at, _)| (LEAST_MS..=MOST_MS).contains(&since(*at))) else {
            return Rates::default();
        };
        #[expect(clippy::cast_precision_loss, reason = "it is written with a tenth")]
        let rate = |now: u64, was: u64| now.saturating_sub(was) as f64 * 1000.0 / since(*at) as f64;
        Rates {
            heard: rate(flow.heard, was.heard),
            frames: rate(flow.frames, was.frames),
            said: rate(flow.said, was.said),
            refused: rate(flow.refused, was.refused),
            commits: rate(flow.commits, was.commits),
        }
    }
}

impl Minute {
    fn between(at: u64, before: &Moment, end: &Moment) -> Minute {
        let Moment { sockets, rooms, slow, stored_ms, flow, .. } = end;
        Minute {
            at,
            sockets: *sockets,
            rooms: *rooms,
            slow: *slow,
            stored_ms: *stored_ms,
            heard: flow.heard.saturating_sub(before.flow.heard),
            said: flow.said.saturating_sub(before.flow.said),
            refused: flow.refused.saturating_sub(before.flow.refused),
        }
    }
}

/// How many refusals of each code there are in a list of them.
pub(super) fn by_code(counts: &[u64]) -> impl Iterator<Item = (Code, u64)> {
    Code::ALL.iter().copied().zip(counts.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(sockets: u64, heard: u64, closes: u64) -> Moment {
        let flow = Flow { heard, frames: heard, said: 10 * heard, ..Flow::default() };
        let closed = Tallied::from([((4503, "kicked"), closes)]);
        Moment { sockets, rooms: 1, flow, refused: vec![closes; Code::ALL.len()], closed, ..Moment::default() }
    }

    const START: u64 = 100 * MINUTE_MS;

    #[test]
    fn dash5_the_last_hour_is_told_by_the_minute() {
        let history = History::default();
        for no in 1..=70 {
            history.end_minute(Time::from_millis(START + no * MINUTE_MS), moment(no, 60 * no, no));
        }
        let seen = history.look(Time::from_millis(START + 70 * MINUTE_MS + 30_000), moment(99, 60 * 70 + 7, 71));
        assert_eq!((seen.minutes.len(), seen.minutes[0].at), (60, START + 11 * MINUTE_MS));
        assert!(seen.minutes[..59].iter().all(|minute| minute.heard == 60 && minute.said == 600));
        assert_eq!((seen.minutes[58].sockets, seen.minutes[59].sockets, seen.minutes[59].heard), (70, 99, 7));
        assert_eq!((seen.closed[&(4503, "kicked")], seen.refused[0]), (60, 60));
        // A minute in which nobody could be asked is one in which nothing came.
        let seen = history.look(Time::from_millis(START + 72 * MINUTE_MS), moment(1, 60 * 70 + 7, 71));
        assert_eq!((seen.minutes[56].heard, seen.minutes[58].heard, seen.minutes[59].heard), (60, 0, 7));
    }

    #[test]
    fn dash5_a_server_that_has_just_started_had_nothing_before() {
        let history = History::default();
        let seen = history.look(Time::from_millis(START + 500), moment(3, 12, 0));
        assert_eq!((seen.minutes.len(), seen.minutes[58].sockets, seen.minutes[59].heard), (60, 0, 12));
        assert_eq!(seen.per_second, Rates::default());
    }

    #[test]
    fn dash5_rates_are_of_the_last_seconds_however_often_somebody_looks() {
        let history = History::default();
        history.end_minute(Time::from_millis(START), moment(1, 1000, 0));
        for no in 1..100 {
            let seen = history.look(Time::from_millis(START + 500 * no), moment(1, 1000 + 20 * no, 0));
            let wanted = if 500 * no < LEAST_MS { 0.0 } else { 40.0 };
            assert_eq!((seen.per_second.heard, seen.per_second.said), (wanted, 10.0 * wanted), "{no}");
        }
        // Nobody looked for a while: since the last minute's end.
        history.end_minute(Time::from_millis(START + 10 * MINUTE_MS), moment(1, 50_000, 0));
        let seen = history.look(Time::from_millis(START + 10 * MINUTE_MS + 10_000), moment(1, 50_100, 0));
        assert_eq!(seen.per_second.heard, 10.0);
    }
}
