//! Sockets that outlive the room's memory: what their host keeps with them, and how they come back with it.

use super::entry::SPARE_CLIENT_IDS;
use super::{Phase, Record, Room};
use crate::attachment::{Attachment, Member};
use crate::errors::Close;
use crate::id::Conn;
use crate::input::Founds;
use crate::outbox::Outbox;
use crate::presence::{Client, Stage};
use crate::time::Time;
use crate::timers::{MemberTimer, RoomTimer};

impl Room {
    /// A socket that outlived the room's memory goes on as if nothing had happened (SLEEP2).
    pub(super) fn on_resume(&mut self, now: Time, conn: Conn, attachment: &[u8], out: &mut Outbox) {
        if self.people.link(conn).is_some() {
            self.stats.misuse += 1;
            return;
        }
        if self.people.links() >= self.config.limits.room_connections as usize {
            return out.close(conn, Close::RoomFull);
        }
        let kept = Attachment::from_bytes(attachment);
        let Some(kept) = kept.filter(|kept| self.phase == Phase::Live && self.is_free(kept)) else {
            self.stats.misuse += 1;
            return out.close(conn, Close::Resync);
        };
        self.timers.stop(RoomTimer::Empty);
        let (user_id, dialect, member) = (kept.user.clone(), kept.dialect, kept.client.clone());
        let stage = member.as_ref().map_or(Stage::Left, |member| Stage::Live(member.id));
        self.add_link(now, conn, kept, Founds::No, stage);
        let (Some(member), Some(link)) = (member, self.people.link(conn)) else { return };
        let limits = &self.config.limits;
        let heard = member.heard.unwrap_or(now).min(now);
        // Not before they would have: they may have been heard so much later than is kept.
        let idle_at = heard + limits.idle + limits.idle_step();
        let client = Client {
            color: member.color,
            presence: member.presence,
            role: member.role,
            view: member.view,
            idle: member.heard.is_none(),
            ..Client::new(member.id, conn, link, user_id, idle_at, heard)
        };
        if !client.idle {
            self.timers.set_member(MemberTimer::Idle(client.id), client.idle_at);
        }
        self.people.add_client(client);
        self.audience.join(dialect);
        self.take_seat(conn, out);
        self.timers.set(RoomTimer::Announce, now);
    }

    /// Whether an attachment's client is one of this room's, and nobody here has what is its own (SLEEP4).
    fn is_free(&self, kept: &Attachment) -> bool {
        let Some(client) = &kept.client else { return true };
        let told = |record: &Record| client.id.0 < record.clients || client.id.0 >= SPARE_CLIENT_IDS;
        self.record.as_ref().is_some_and(told)
            && !self.people.clients.contains_key(&client.id)
            && self.people.by_resume(&kept.resume).is_none()
    }

    /// Brings what the host keeps with the socket up to date (SLEEP1).
    pub(super) fn attach(&mut self, conn: Conn, out: &mut Outbox) {
        let Some(link) = self.people.link(conn) else { return };
        let id = link.client();
        let client = id.and_then(|id| self.people.clients.get(&id));
        let attachment = Attachment {
            user: self.people.user(link.user).map(|user| user.id.clone()).unwrap_or_default(),
            standing: link.standing,
            pk: link.pk.clone(),
            dialect: link.dialect,
            view: link.view,
            pass: link.pass.clone(),
            lease: link.lease.map(|(end, _)| end),
            resume: link.resume,
            name: client.map_or_else(|| link.name.clone(), |client| Some(client.name.clone())),
            named: link.named,
            avatar: client.map_or_else(|| link.avatar.clone(), |client| client.avatar.clone()),
            batch: link.batch,
            client: client.map(|client| Member {
                id: client.id,
                color: client.color.clone(),
                presence: client.presence.clone(),
                role: client.role,
                view: client.view,
                heard: (!client.idle).then_some(client.last_active),
            }),
        };
        out.attach(conn, &attachment.to_bytes());
        if let Some(client) = id.and_then(|id| self.people.clients.get_mut(&id)) {
            client.kept_active = client.last_active;
        }
    }
}
