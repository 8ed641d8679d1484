//! The server's clock: the wall clock at the start, moved on by the monotonic one, so that [`Time`] never goes back.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kanvas_core::Time;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall: u64,
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { wall: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX), start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        self.at(Instant::now())
    }

    /// The wall clock as it is, which tokens go by: it knows of the time that the machine was asleep.
    pub(crate) fn wall(&self) -> Time {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_millis(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX))
    }

    fn at(&self, instant: Instant) -> Time {
        let passed = instant.saturating_duration_since(self.start).as_millis();
        Time::from_millis(self.wall.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)))
    }

    /// When it will be that time; at once if it has passed.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        let after = std::time::Duration::from_millis(time.as_millis().saturating_sub(self.wall));
        // A time too far to be reckoned with is as good as a day away: the timer is then set again.
        self.start.checked_add(after).unwrap_or_else(|| Instant::now() + std::time::Duration::from_secs(86_400))
    }
}
