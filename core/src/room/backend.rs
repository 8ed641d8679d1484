//! What is done in the room by those who are not in it: the operator's back end, and owners by plain requests.

use alloc::boxed::Box;

use super::edits::{Author, NOBODY, Refused, action};
use super::{Phase, Room};
use crate::access::{self, Role};
use crate::errors::Code;
use crate::input::{Actor, SERVER};
use crate::journal::Held;
use crate::limits::PUBLISHED_BYTES;
use crate::outbox::Outbox;
use crate::presence::color_of;
use crate::time::Time;
use crate::wire::{self, Dialect, Edit, Event, Request, json};

/// What the operator's back end is called in the chat.
const SERVER_NAME: &str = "Server";

impl Room {
    /// ACT1: does what a message says, as if it had come from someone in the room.
    pub(super) fn act(&mut self, now: Time, ticket: u64, by: Actor<'_>, message: &[u8], out: &mut Outbox) {
        match self.try_act(now, by, message) {
            // Of what was done before, too: the answer waits until that is durable.
            Ok(()) | Err(Refused::Already { .. }) => self.journal.hold(Held::Reply { ticket }),
            Err(Refused::Code(code)) => out.reply(ticket, Err(code)),
            Err(Refused::Rate(_)) => out.reply(ticket, Err(Code::RateLimited)),
        }
    }

    fn try_act(&mut self, now: Time, by: Actor<'_>, message: &[u8]) -> Result<(), Refused> {
        if message.len() > self.config.limits.message_bytes as usize {
            return Err(Code::TooLong.into());
        }
        let Request::Edit(edit) = wire::decode(Dialect::KanvasV1, message).request? else {
            return Err(Code::UnknownType.into());
        };
        let record = self.record.as_ref().ok_or(Code::NotFound)?;
        if let Actor::Person(by) = by {
            // By their own role alone: what a room, an organisation or a link gives is for those who come.
            let role = self.members.role(by).unwrap_or(Role::Viewer);
            access::may(role, action(&edit), self.target(by, &edit), record.locked)?;
            if matches!(*edit, Edit::Chat { .. }) {
                return Err(Code::NotJoined.into());
            }
        }
        let author = match by {
            Actor::Server => Author::server(),
            Actor::Person(user) => Author { user: user.into(), ..Author::server() },
        };
        self.make(now, &author, None, *edit).map(drop)
    }

    /// ACT5: tells everybody what the operator's back end says, behind all that was done before.
    pub(super) fn publish(&mut self, ticket: u64, message: &[u8], out: &mut Outbox) {
        match self.try_publish(message) {
            Ok(()) => self.journal.hold(Held::Reply { ticket }),
            Err(code) => out.reply(ticket, Err(code)),
        }
    }

    fn try_publish(&mut self, message: &[u8]) -> Result<(), Code> {
        if message.len() > PUBLISHED_BYTES {
            return Err(Code::TooLong);
        }
        let data = json::read_data(message).ok_or(Code::BadMessage)?;
        if self.phase != Phase::Live || self.journal.is_full(&self.config.limits) {
            return Err(Code::Busy);
        }
        if self.record.is_none() {
            return Err(Code::NotFound);
        }
        self.audience.gate(&Event::Published { data: &data }, None, &mut self.journal);
        Ok(())
    }
}

impl Author {
    /// The operator's back end.
    pub(super) fn server() -> Author {
        let (user, name, color) = (SERVER.into(), SERVER_NAME.into(), color_of(SERVER));
        Author { user, client: NOBODY, conn: None, pk: Box::default(), name, color }
    }
}
