//! The room as a document, to keep elsewhere, and a room made from one.

use alloc::vec::Vec;

use super::announce::Announcing;
use super::storage::member_writes;
use super::{Phase, Record, Room};
use crate::document::{self, Content};
use crate::errors::Close;
use crate::input::SERVER;
use crate::journal::Held;
use crate::notice::Notice;
use crate::outbox::{Outbox, StoredWrite};
use crate::time::{Span, Time};
use crate::wire::json::{Writer, write_list};

/// Over which time those who were in the room come back to it.
const SPREAD: Span = Span::from_secs(2);

impl Room {
    /// Appends the room as a document: `{version, room, members, bans, images, chat}` (PORT1). Nothing if there is no
    /// such room.
    pub fn export(&self, out: &mut Vec<u8>) {
        let Some(record) = &self.record else { return };
        let mut document = Writer::object(out);
        document.integer("version", document::VERSION.into());
        let mut room = Writer::object(document.key("room"));
        room.text("id", self.id.as_str()).text("name", &record.name);
        room.bool("isPublic", record.is_public).bool("locked", record.locked);
        room.text("defaultRole", record.default_role.as_str()).text("guestRole", record.guest_role.as_str());
        room.integer("createdAt", record.created_at.as_millis());
        room.integer("lastActivity", record.last_activity.as_millis());
        if let Some(name) = &record.creator_name {
            room.text("creatorName", name);
        }
        room.end();
        self.write_belonging(&mut document);
        write_list(document.key("images"), self.images.in_order(), |image, out| image.write(out));
        let chat = self.chat.history(self.config.limits.chat_history);
        write_list(document.key("chat"), chat, |said, out| {
            let mut message = Writer::object(out);
            message.text("userId", &said.user).text("name", &said.name).text("color", &said.color);
            message.text("text", &said.text).integer("timestamp", said.at.as_millis());
            message.end();
        });
        document.end();
    }

    /// PORT2: the room becomes what a document says, whatever it was. Once that is durable everyone is closed, to come
    /// back to it.
    pub(super) fn import(&mut self, now: Time, ticket: u64, document: &[u8], out: &mut Outbox) {
        let read = || document::read_document(document, &self.config, self.head).map_err(|mistake| mistake.code);
        match self.can_store().and_then(|()| read()) {
            Ok(content) => {
                self.become_anew(now, content);
                self.journal.hold(Held::Reply { ticket });
            }
            Err(code) => {
                out.reply(ticket, Err(code));
                self.rest_if_empty(now, out);
            }
        }
    }

    fn become_anew(&mut self, now: Time, content: Content) {
        let Content { room, members, images, chat, last } = content;
        let mut record = Record::new(&self.id, &self.config, &mut self.rng, now);
        (record.snapshot, record.base) = (last, last);
        // No client of before is mistaken for one of now.
        record.clients = self.record.as_ref().map_or(record.clients, |was| was.clients);
        record.name = room.name.unwrap_or(record.name);
        record.creator_name = room.creator_name;
        record.is_public = room.is_public.unwrap_or(record.is_public);
        record.locked = room.locked.unwrap_or(record.locked);
        record.default_role = room.default_role.unwrap_or(record.default_role);
        record.guest_role = room.guest_role.unwrap_or(record.guest_role);
        record.created_at = room.created_at.unwrap_or(record.created_at);
        record.last_activity = room.last_activity.unwrap_or(record.last_activity);
        let is_new = self.record.is_none();
        self.end_all_drags();
        self.forget();
        self.snapshots.clear();
        self.buried = false;
        (self.head, self.members, self.images, self.chat) = (last, members, images, chat);
        self.journal.write(StoredWrite::Clear);
        self.journal.write_all(member_writes(self.members.to_chunks(), 0));
        self.announcing = Announcing::default();
        self.journal.hold(Held::Announcement { listing: record.listing(&self.id, 0).into() });
        self.record = Some(record);
        self.write_snapshot(now);
        if is_new {
            self.note(Notice::Created { by: SERVER.into() });
        }
        self.phase = Phase::Draining { close: Close::Resync, spread: SPREAD };
    }
}
