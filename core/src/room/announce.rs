//! What the list of rooms is told of this one, and when: soon after it changed, seldom while people merely work, and
//! again from time to time, in case one was lost.

use alloc::boxed::Box;
use serde::{Deserialize, Serialize};

use super::{Phase, Record, Room};
use crate::id::RoomId;
use crate::journal::Held;
use crate::listing::Listing;
use crate::outbox::Outbox;
use crate::recording::Redaction;
use crate::time::Time;
use crate::timers::RoomTimer;

/// What was announced, and whether there is news since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Announcing {
    at: Time,
    told: Option<Box<Listing>>,
    news: News,
}

/// How much there is to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum News {
    #[default]
    Nothing,
    /// People worked.
    Active,
    /// The room is another one than it was told to be.
    Changed,
}

impl Announcing {
    pub(super) fn note(&mut self, news: News) {
        self.news = self.news.max(news);
    }
}

impl Record {
    /// The room as the list has it.
    pub(crate) fn listing(&self, id: &RoomId, user_count: u32) -> Listing {
        Listing {
            id: id.clone(),
            name: self.name.clone(),
            is_public: self.is_public,
            created_at: self.created_at,
            last_activity: self.last_activity,
            user_count,
            creator_name: self.creator_name.clone(),
        }
    }
}

impl Room {
    /// The room as the list has it; `None` if it was never born, was deleted or is still loading.
    pub fn listing(&self) -> Option<Listing> {
        self.record.as_ref().map(|record| record.listing(&self.id, self.people.user_count()))
    }

    /// ANN1: announces the room if that is due, or sets the timer for when it will be.
    pub(super) fn announce(&mut self, now: Time) {
        let Some(record) = self.record.as_ref().filter(|_| self.phase == Phase::Live) else { return };
        let users = self.people.user_count();
        let told = self.announcing.told.as_ref().map_or(0, |told| told.user_count);
        let (limits, at) = (&self.config.limits, self.announcing.at);
        let due = match self.announcing.news {
            _ if planted!(self.config, AnnouncedOnce) && self.announcing.told.is_some() => None,
            News::Changed => Some(at + limits.announce),
            News::Nothing | News::Active if users != told => Some(at + limits.announce),
            News::Active => Some(at + limits.announce_activity),
            News::Nothing => limits.announce_again.filter(|_| users > 0).map(|again| at + again),
        };
        match due {
            Some(due) if due <= now => {
                let listing = Box::new(record.listing(&self.id, users));
                self.announcing = Announcing { at: now, told: Some(listing.clone()), news: News::Nothing };
                self.journal.hold(Held::Announcement { listing });
                self.announce(now);
            }
            Some(due) if self.timers.get(RoomTimer::Announce) != Some(due) => self.timers.set(RoomTimer::Announce, due),
            Some(_) => {}
            None => self.timers.stop(RoomTimer::Announce),
        }
    }

    /// The room closes: whoever was told to be here is not.
    pub(super) fn announce_end(&mut self, out: &mut Outbox) {
        if let Some(told) = self.announcing.told.take().filter(|told| told.user_count > 0) {
            out.announce(Listing { user_count: 0, ..*told });
        }
    }
}

impl Announcing {
    pub(super) fn redact(&mut self, with: &Redaction) {
        self.told.iter_mut().for_each(|listing| listing.redact(with));
    }
}
