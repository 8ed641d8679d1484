//! How long the latest transactions took, each of them: a histogram knows only between which bounds.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How far back.
const SPAN: Duration = Duration::from_secs(60);
/// And how many at most.
const MOST: usize = 2048;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    count: u64,
    latest: VecDeque<(Instant, Duration)>,
}

/// How long transactions took, of those of the last minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Commits {
    pub(crate) count: u64,
    /// Half of them took no longer.
    pub(crate) p50: Duration,
    /// Of a hundred one took longer.
    pub(crate) p99: Duration,
    pub(crate) longest: Duration,
}

impl Recent {
    /// A transaction is durable.
    pub(super) fn note(&self, now: Instant, took: Duration) {
        let mut kept = self.kept();
        kept.count += 1;
        if kept.latest.len() >= MOST {
            kept.latest.pop_front();
        }
        kept.latest.push_back((now, took));
    }

    /// How many there were since the start.
    pub(super) fn count(&self) -> u64 {
        self.kept().count
    }

    pub(super) fn look(&self, now: Instant) -> Commits {
        let mut took: Vec<Duration> = {
            let kept = self.kept();
            let is_recent = |(at, _): &&(Instant, Duration)| now.saturating_duration_since(*at) < SPAN;
            kept.latest.iter().rev().take_while(is_recent).map(|(_, took)| *took).collect()
        };
        took.sort_unstable();
        let part = |percent: usize| took.get((took.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Commits {
            count: took.len() as u64,
            p50: part(50).unwrap_or_default(),
            p99: part(99).unwrap_or_default(),
            longest: took.last().copied().unwrap_or_default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dash7_commits_are_told_by_what_they_took_and_only_the_latest() {
        let (recent, start) = (Recent::default(), Instant::now());
        assert_eq!(recent.look(start), Commits::default());
        recent.note(start, Duration::from_secs(9));
        let later = start + SPAN;
        for ms in (1..=200).rev() {
            recent.note(later, Duration::from_millis(ms));
        }
        let ms = Duration::from_millis;
        assert_eq!(recent.look(later), Commits { count: 200, p50: ms(100), p99: ms(198), longest: ms(200) });
        assert_eq!(recent.count(), 201);
        for _ in 0..2 * MOST {
            recent.note(later, ms(1));
        }
        assert_eq!((recent.look(later).count, recent.count()), (MOST as u64, 201 + 2 * MOST as u64));
    }
}
