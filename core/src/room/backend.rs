//! What is done in the room by those who are not in it: the operator's back end, and owners by plain requests.

use alloc::boxed::Box;

use super::Room;
use super::edits::{Author, NOBODY, Refused, action};
use crate::access::{self, Role};
use crate::errors::Code;
use crate::input::{Actor, SERVER};
use crate::journal::Held;
use crate::outbox::Outbox;
use crate::presence::color_of;
use crate::time::Time;
use crate::wire::{self, Dialect, Edit, Request};

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
        let user = match by {
            Actor::Server => SERVER,
            Actor::Person(user) => user,
        };
        let (name, color) = (SERVER_NAME.into(), color_of(user));
        let author = Author { user: user.into(), client: NOBODY, conn: None, pk: Box::default(), name, color };
        self.make(now, &author, None, *edit).map(drop)
    }
}
