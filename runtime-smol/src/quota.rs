//! How many rooms one person may make in an hour. It counts; a room says that it was made, and is told beforehand
//! whether it may be. A socket that may make one has a place kept until it joins: many at once get no more than one
//! after the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanvas_core::{Span, Time};

/// People who are counted at once; of more, those whose hour is over are forgotten, and then all that have no place kept.
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
    /// Places that are kept.
    claims: u32,
}

/// A place that is kept for a room. It is given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    births: Arc<Births>,
    user: Box<str>,
}

impl Births {
    pub(crate) fn new(most: u32) -> Births {
        Births { most, made: Mutex::default() }
    }

    /// A place for another room of this person, if they may make one now.
    pub(crate) fn claim(self: &Arc<Births>, now: Time, user: &str) -> Option<Claim> {
        let mut all = self.all();
        let made = of(&mut all, now, user);
        if made.rooms.saturating_add(made.claims) >= self.most {
            return None;
        }
        made.claims += 1;
        Some(Claim { births: self.clone(), user: user.into() })
    }

    /// This person has made a room.
    pub(crate) fn count(&self, now: Time, user: &str) {
        let mut all = self.all();
        let made = of(&mut all, now, user);
        made.rooms = made.rooms.saturating_add(1);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Box<str>, Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this person has made in the hour that is not over.
fn of<'a>(all: &'a mut HashMap<Box<str>, Made>, now: Time, user: &str) -> &'a mut Made {
    if all.len() >= MOST {
        all.retain(|_, made| made.claims > 0 || now.since(made.since) < HOUR);
    }
    if all.len() >= MOST {
        all.retain(|_, made| made.claims > 0);
    }
    let made = all.entry(user.into()).or_insert(Made { since: now, rooms: 0, claims: 0 });
    if now.since(made.since) >= HOUR {
        (made.since, made.rooms) = (now, 0);
    }
    made
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut all = self.births.all();
        let Some(made) = all.get_mut(&self.user) else { return };
        made.claims = made.claims.saturating_sub(1);
        if made.claims == 0 && made.rooms == 0 {
            all.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge12_a_person_makes_so_many_rooms_an_hour_and_others_do_not_notice() {
        let births = Arc::new(Births::new(2));
        let allow = |now, user| births.claim(now, user).is_some();
        let at = |seconds| Time::default() + Span::from_secs(seconds);
        for _ in 0..2 {
            assert!(allow(at(0), "ann"));
            births.count(at(0), "ann");
        }
        assert!(!allow(at(3599), "ann") && allow(at(0), "bob"));
        assert!(allow(at(3600), "ann"));
        births.count(at(3600), "ann");
        assert!(allow(at(3600), "ann"));
    }

    #[test]
    fn edge12_a_place_is_kept_until_it_is_given_back() {
        let births = Arc::new(Births::new(2));
        let now = Time::default();
        let first = births.claim(now, "ann").unwrap();
        let second = births.claim(now, "ann");
        assert!(second.is_some() && births.claim(now, "ann").is_none() && births.claim(now, "bob").is_some());
        births.count(now, "ann");
        drop(first);
        assert!(births.claim(now, "ann").is_none(), "a room and a place");
        drop(second);
        assert!(births.claim(now, "ann").is_some());
        assert_eq!(births.all().len(), 1, "who made nothing is not counted");
    }

    #[test]
    fn edge12_the_count_itself_is_bounded() {
        let births = Births::new(1);
        for no in 0..=MOST {
            births.count(Time::default(), &no.to_string());
        }
        assert!(births.all().len() <= MOST);
    }
}
