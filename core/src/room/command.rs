//! What comes by another way than a socket of the room.

use super::life::Plan;
use super::{Phase, Room};
use crate::errors::Close;
use crate::input::Command;
use crate::outbox::Outbox;
use crate::time::{Span, Time};

impl Room {
    pub(super) fn on_command(&mut self, now: Time, command: Command<'_>, out: &mut Outbox) {
        match command {
            Command::Create { ticket, by, name, is_public, share } => {
                self.create(now, ticket, &Plan { by, name, is_public, share }, out);
            }
            Command::Delete { ticket, by } => self.delete(ticket, by, out),
            Command::Act { ticket, by, message } => self.act(now, ticket, by, message, out),
            Command::Publish { ticket, message } => self.publish(ticket, message, out),
            Command::Replace { ticket, images, at } => self.replace(now, ticket, images, at, out),
            Command::Restore { ticket, rows, to, at } => self.restore_canvas(now, ticket, rows, to, at, out),
            Command::Import { ticket, document } => self.import(now, ticket, document, out),
            Command::Drain { close, spread } => self.on_drain(close, spread, out),
            Command::Share { ticket, by, id, share } => self.share(now, ticket, by, id, share, out),
            Command::Unshare { ticket, by, id } => self.unshare(now, ticket, by, id, out),
        }
    }

    fn on_drain(&mut self, close: Close, spread: Span, out: &mut Outbox) {
        match self.phase {
            Phase::Live => {
                self.end_all_drags();
                self.phase = Phase::Draining { close, spread };
            }
            Phase::Loading { .. } | Phase::Returning { .. } => self.close_all(close, spread, out),
            Phase::Draining { .. } | Phase::Gone { .. } => {}
        }
    }
}
