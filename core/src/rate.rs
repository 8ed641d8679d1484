//! Token buckets, budgets and counting windows, in integer arithmetic. They decide nothing but "now or when".

use serde::{Deserialize, Serialize};

use crate::limits::Rate;
use crate::time::{Span, Time};

/// A token bucket in thousandths of a token, so that a millisecond at 1 token a second counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    /// Thousandths of a token; below zero is a debt.
    level: i64,
    at: Time,
}

const TOKEN: i64 = 1000;

impl Bucket {
    pub(crate) fn full(rate: Rate, now: Time) -> Bucket {
        Bucket { level: i64::from(rate.burst) * TOKEN, at: now }
    }

    /// Takes a token, or says how long until there is one.
    pub(crate) fn take(&mut self, rate: Rate, now: Time) -> Result<(), Span> {
        self.refill(rate, now);
        if self.level >= TOKEN {
            self.level -= TOKEN;
            return Ok(());
        }
        let missing = (TOKEN - self.level).unsigned_abs();
        Err(Span::from_millis(missing.div_ceil(u64::from(rate.per_sec.max(1)))))
    }

    /// Takes a token that may not be there: the debt slows what follows (RATE4).
    pub(crate) fn charge(&mut self, rate: Rate, now: Time) {
        self.refill(rate, now);
        self.level -= TOKEN;
    }

    /// Whether nothing is owed, so that a whole backlog may pass on credit.
    pub(crate) fn in_credit(&mut self, rate: Rate, now: Time) -> bool {
        self.refill(rate, now);
        self.level >= 0
    }

    fn refill(&mut self, rate: Rate, now: Time) {
        let span = i64::try_from(now.since(self.at).as_millis()).unwrap_or(i64::MAX);
        let gained = span.saturating_mul(i64::from(rate.per_sec));
        self.level = self.level.saturating_add(gained).min(i64::from(rate.burst) * TOKEN);
        self.at = self.at.max(now);
    }
}

/// What a room may spend on flushes, in microseconds: each that passes pays for one, up to a cap, and no more than the
/// cap is ever owed. So whoever must wait waits no longer than the cap (CUR2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Budget {
    /// Below zero is a debt.
    level: i64,
    at: Time,
}

impl Budget {
    pub(crate) fn full(cap: Span, now: Time) -> Budget {
        Budget { level: micros(cap), at: now }
    }

    /// How long until nothing is owed, in whole milliseconds; zero: now.
    pub(crate) fn debt(&mut self, cap: Span, now: Time) -> Span {
        self.refill(cap, now);
        Span::from_millis(self.level.min(0).unsigned_abs().div_ceil(MILLI))
    }

    pub(crate) fn spend(&mut self, cost: u64, cap: Span, now: Time) {
        self.refill(cap, now);
        let left = self.level.saturating_sub(i64::try_from(cost).unwrap_or(i64::MAX));
        self.level = left.max(-micros(cap));
    }

    fn refill(&mut self, cap: Span, now: Time) {
        self.level = self.level.saturating_add(micros(now.since(self.at))).min(micros(cap));
        self.at = self.at.max(now);
    }
}

/// The microseconds of a millisecond.
const MILLI: u64 = 1000;

fn micros(span: Span) -> i64 {
    i64::try_from(span.as_millis().saturating_mul(MILLI)).unwrap_or(i64::MAX)
}

/// Counts events in windows of time, each of which begins with its first event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    start: Time,
    count: u32,
}

impl Window {
    pub(crate) fn new(now: Time) -> Window {
        Window { start: now, count: 0 }
    }

    /// Counts one more and says how many the window has now.
    pub(crate) fn count(&mut self, span: Span, now: Time) -> u32 {
        if self.count == 0 || now.since(self.start) >= span {
            *self = Window::new(now);
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}
