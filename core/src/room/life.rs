//! Rooms that are made before anybody joins them, and rooms that are deleted.

use super::announce::{Announcing, News};
use super::{Phase, Record, Room};
use crate::access::{Action, Role};
use crate::errors::{Close, Code};
use crate::id::ShareId;
use crate::input::{Actor, Creator, SERVER, Standing};
use crate::journal::Held;
use crate::members::Share;
use crate::notice::Notice;
use crate::outbox::{Outbox, StoredWrite};
use crate::text;
use crate::time::{Span, Time};

/// What a room is to be that is made by a command.
pub(super) struct Plan<'a> {
    pub(super) by: Creator<'a>,
    pub(super) name: Option<&'a str>,
    pub(super) is_public: bool,
    pub(super) share: Option<(ShareId, Share)>,
}

impl Room {
    /// LIFE1: makes the room.
    pub(super) fn create(&mut self, now: Time, ticket: u64, plan: &Plan<'_>, out: &mut Outbox) {
        match self.try_create(now, plan) {
            Ok(()) => self.journal.hold(Held::Reply { ticket }),
            Err(code) => out.reply(ticket, Err(code)),
        }
        self.rest_if_empty(now, out);
    }

    fn try_create(&mut self, now: Time, plan: &Plan<'_>) -> Result<(), Code> {
        if self.record.is_some() || self.buried {
            return Err(Code::Conflict);
        }
        self.can_store()?;
        let name = plan.name.map(text::name).transpose()?;
        let by = &plan.by;
        if let Some((_, Share { role: Role::Owner, .. })) = plan.share {
            return Err(Code::Conflict);
        }
        let mut record = Record::new(&self.id, &self.config, &mut self.rng, now);
        record.is_public = plan.is_public;
        record.creator_name = by.name.and_then(text::fit_name).map(Into::into);
        if let Some(name) = name {
            record.name = name.into();
        }
        self.record = Some(record);
        // An empty room has place for its first member and its first link.
        if by.standing == Standing::Verified {
            let _ = self.members.set_role(by.user, Some(Role::Owner), &self.config.limits);
        }
        if let Some((id, share)) = plan.share {
            let _ = self.members.add_share(id, share, &self.config.limits);
            self.set_share_timer();
        }
        self.write_members();
        self.reserve_clients();
        self.note(Notice::Created { by: by.user.into() });
        self.announcing.note(News::Changed);
        Ok(())
    }

    /// LIFE3: deletes the room for good. Once that is durable everyone is closed.
    pub(super) fn delete(&mut self, ticket: u64, by: Actor<'_>, out: &mut Outbox) {
        let allowed = match by {
            Actor::Server => self.record.as_ref().map(|_| ()).ok_or(Code::NotFound),
            Actor::Person(by) => self.may_govern(by, Action::Delete),
        };
        if let Err(code) = allowed.and_then(|()| self.can_store()) {
            return out.reply(ticket, Err(code));
        }
        self.end_all_drags();
        self.journal.write(StoredWrite::Clear);
        self.journal.write(StoredWrite::Record(TOMBSTONE.into()));
        // Nothing of it may be written behind that.
        self.since_snapshot = 0;
        self.announcing = Announcing::default();
        self.journal.hold(Held::Deletion);
        let by = match by {
            Actor::Server => SERVER,
            Actor::Person(by) => by,
        };
        self.note(Notice::Deleted { by: by.into() });
        self.journal.hold(Held::Reply { ticket });
        self.phase = Phase::Draining { close: Close::RoomClosed, spread: Span::default() };
    }
}

/// The record of a room that was deleted.
pub(super) const TOMBSTONE: &[u8] = br#"{"version":1,"deleted":true}"#;

/// Whether a record says that the room was deleted.
pub(super) fn is_tombstone(record: &[u8]) -> bool {
    record == TOMBSTONE
}
