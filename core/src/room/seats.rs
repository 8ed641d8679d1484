//! Who hears what: from a member's entry to its exit it is in the group of its kind, which changes with where it looks
//! and with how well it reads.

use super::{Room, tell};
use crate::area::Area;
use crate::audience::{Cursors, Kind};
use crate::id::{ClientId, Conn};
use crate::input::Pressure;
use crate::kinds::FrameKind;
use crate::outbox::{Outbox, To};
use crate::presence::{Link, Stage};
use crate::time::Span;
use crate::wire::{self, Event};

impl Room {
    /// The snapshot is out: from here on this member is told everything. One that has left meanwhile is too, until its
    /// exit: what was stored before it left comes before its `room:left` (PRES7).
    pub(super) fn enter(&mut self, conn: Conn, client: ClientId, out: &mut Outbox) {
        let Some(link) = self.people.link_mut(conn) else { return };
        if matches!(link.stage, Stage::Entering(entering) if entering == client) {
            link.stage = Stage::Live(client);
        }
        let dialect = link.dialect;
        self.take_seat(conn, out);
        let users = Event::UserList(&self.people.clients);
        let bytes = out.encode(|arena| wire::encode(dialect, &users, Some(client), arena));
        if !bytes.is_empty() {
            out.send(To::One(conn), FrameKind::People, bytes);
        }
    }

    /// Takes a socket out of its audience.
    pub(super) fn exit(&mut self, conn: Conn, out: &mut Outbox) {
        let Some(link) = self.people.link_mut(conn) else { return };
        if let Some(group) = link.group.take() {
            self.audience.leave(group);
            out.group(conn, None);
        }
    }

    /// Lets a socket hear what those of its kind hear.
    pub(super) fn take_seat(&mut self, conn: Conn, out: &mut Outbox) {
        let Some(kind) = self.people.link(conn).map(|link| self.kind_of(link)) else { return };
        let Some(link) = self.people.link_mut(conn) else { return };
        let group = self.audience.enter(kind);
        link.group = Some(group);
        out.group(conn, Some(group));
    }

    /// The same for one that hears already, if its kind has changed.
    pub(super) fn change_seat(&mut self, conn: Conn, out: &mut Outbox) {
        let Some(link) = self.people.link(conn) else { return };
        let Some(group) = link.group else { return };
        if self.audience.kind(group) != Some(self.kind_of(link)) {
            self.audience.leave(group);
            self.take_seat(conn, out);
        }
    }

    fn kind_of(&self, link: &Link) -> Kind {
        let viewport = link.client().and_then(|id| self.people.clients.get(&id)?.viewport);
        let area = viewport.filter(|_| self.config.limits.far_cursors > Span::ZERO).map(|view| Area::of(&view));
        Kind { dialect: link.dialect, cursors: (!link.slow).then_some(Cursors { batch: link.batch, area }) }
    }

    /// PRES5: a slow member gets no latest-wins frames; once clear, everyone's presence as it is then.
    pub(super) fn on_pressure(&mut self, conn: Conn, level: Pressure, out: &mut Outbox) {
        let slow = level == Pressure::High;
        let Some(link) = self.people.link_mut(conn).filter(|link| link.slow != slow) else { return };
        link.slow = slow;
        if link.group.is_some() {
            self.change_seat(conn, out);
            if !slow && !planted!(self.config, SlowNotRefreshed) {
                tell(&self.people, &mut self.journal, conn, &Event::UserList(&self.people.clients), out);
            }
        }
    }
}
