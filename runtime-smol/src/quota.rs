//! How many rooms one person may make in an hour. It counts; a room says that it was made, and is told beforehand
//! whether it may be.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kanvas_core::{Span, Time};

/// People who are counted at once; of more, those whose hour is over are forgotten, and then all.
const MOST: usize = 100_000;
const HOUR: Span = Span::from_secs(3600);

/// See the module.
#[derive(Debug)]
pub(crate) struct Births {
    most: u32,
    made: Mutex<HashMap<Box<str>, Made>>,
}

#[derive(Clone, Copy, Debug)]
struct Made {
    since: Time,
    rooms: u32,
}

impl Births {
    pub(crate) fn new(most: u32) -> Births {
        Births { most, made: Mutex::default() }
    }

    /// Whether this person may make another room now.
    pub(crate) fn allow(&self, now: Time, user: &str) -> bool {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.get(user).is_none_or(|made| now.since(made.since) >= HOUR || made.rooms < self.most)
    }

    /// This person has made a room.
    pub(crate) fn count(&self, now: Time, user: &str) {
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, made| now.since(made.since) < HOUR);
        }
        if all.len() >= MOST {
            all.clear();
        }
        let made = all.entry(user.into()).or_insert(Made { since: now, rooms: 0 });
        if now.since(made.since) >= HOUR {
            *made = Made { since: now, rooms: 0 };
        }
        made.rooms = made.rooms.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge12_a_person_makes_so_many_rooms_an_hour_and_others_do_not_notice() {
        let births = Births::new(2);
        let at = |seconds| Time::default() + Span::from_secs(seconds);
        for _ in 0..2 {
            assert!(births.allow(at(0), "ann"));
            births.count(at(0), "ann");
        }
        assert!(!births.allow(at(3599), "ann") && births.allow(at(0), "bob"));
        assert!(births.allow(at(3600), "ann"));
        births.count(at(3600), "ann");
        assert!(births.allow(at(3600), "ann"));
    }

    #[test]
    fn edge12_the_count_itself_is_bounded() {
        let births = Births::new(1);
        for no in 0..=MOST {
            births.count(Time::default(), &no.to_string());
        }
        assert!(births.made.lock().unwrap().len() <= MOST);
    }
}
