//! What a host tells of its rooms to those who look: all of them together, and the first of an order by name.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use kanvas_core::RoomId;

use super::Host;
use super::place::Place;
use crate::dashboard::{Load, Numbers, Survey, Wanted};

/// Two looks that are closer than this make no new rate.
const APART: Duration = Duration::from_secs(2);

/// How much goes through a room, as somebody looks now and then.
#[derive(Debug)]
pub(super) struct Pace {
    at: Instant,
    count: u64,
    per_second: f64,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Pace {
        Pace { at: now, count: 0, per_second: 0.0 }
    }

    /// What came a second since the last look.
    fn look(&mut self, now: Instant, count: u64) -> f64 {
        let passed = now.saturating_duration_since(self.at);
        if passed >= APART {
            #[expect(clippy::cast_precision_loss, reason = "it is written with a tenth")]
            let more = count.saturating_sub(self.count) as f64;
            *self = Pace { at: now, count, per_second: more / passed.as_secs_f64() };
        }
        self.per_second
    }
}

/// What waits for the sockets of one room.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) slow: u64,
    pub(crate) bytes: u64,
}

impl Host {
    pub(super) fn survey(&self, wanted: &Wanted) -> Survey {
        let now = Instant::now();
        let mut survey = Survey { report: self.report(), ..Survey::default() };
        let waiting = self.links.borrow().waiting(now, &mut survey.slow);
        survey.choose_slow();
        // The last of those that were chosen: what comes behind it need not be written down.
        let mut last: Option<(RoomId, Numbers)> = None;
        for place in self.rooms.borrow().values() {
            let Some(numbers) = numbers(place, &waiting, now, wanted) else { continue };
            survey.found += 1;
            let is_first = |(room, last): &(RoomId, Numbers)| wanted.order((&place.id, &numbers), (room, last)).is_lt();
            if !last.as_ref().is_none_or(is_first) {
                continue;
            }
            survey.top.push(Load { room: place.id.clone(), name: place.name(), numbers });
            if survey.top.len() >= 2 * wanted.most {
                wanted.choose(&mut survey.top);
                last = survey.top.last().map(|load| (load.room.clone(), load.numbers));
            }
        }
        wanted.choose(&mut survey.top);
        survey
    }
}

/// What there is in a room, if it is one of those that are wanted.
fn numbers(place: &Place, waiting: &HashMap<u64, Waiting>, now: Instant, wanted: &Wanted) -> Option<Numbers> {
    let mut state = place.state.borrow_mut();
    let delivered = state.delivered;
    let room = state.machine.room()?;
    let heard: u64 = room.stats().heard.iter().map(|heard| heard.messages).sum();
    let waits = waiting.get(&place.life).copied().unwrap_or_default();
    let mut numbers = Numbers {
        sockets: room.sockets() as u64,
        people: room.people().into(),
        images: room.image_count().into(),
        per_second: 0.0,
        slow: waits.slow,
        bytes: room.weight() as u64 + waits.bytes,
    };
    let has = |text: &str| text.to_lowercase().contains(&wanted.find);
    let is_found = || wanted.find.is_empty() || has(place.id.as_str()) || room.name().is_some_and(has);
    let is_wanted = wanted.most > 0 && is_found();
    numbers.per_second = state.pace.look(now, heard + delivered);
    is_wanted.then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dash4_a_room_s_rate_is_what_came_since_somebody_looked() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(pace.look(at(1000), 500), 0.0, "too short to tell");
        assert_eq!(pace.look(at(2000), 500), 250.0);
        assert_eq!(pace.look(at(3000), 900), 250.0);
        assert_eq!(pace.look(at(7000), 1000), 100.0);
        assert_eq!(pace.look(at(17_000), 1000), 0.0);
    }
}
