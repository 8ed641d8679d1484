//! Cursors, viewports, drags and profiles: the latest of each, once a flush.

use super::Room;
use crate::id::ClientId;
use crate::moves::Move;
use crate::outbox::Outbox;
use crate::time::{Span, Time};
use crate::timers::RoomTimer;
use crate::wire::{Event, Point, Viewport};

impl Room {
    pub(super) fn move_cursor(&mut self, now: Time, id: ClientId, cursor: Option<Point>, out: &mut Outbox) {
        let Some(client) = self.people.clients.get_mut(&id) else { return };
        client.cursor = cursor;
        self.stats.coalesced += u64::from(client.dirty.cursor);
        client.dirty.cursor = true;
        self.want_flush(now, id, out);
    }

    pub(super) fn move_viewport(&mut self, now: Time, id: ClientId, viewport: Viewport, out: &mut Outbox) {
        let Some(client) = self.people.clients.get_mut(&id) else { return };
        client.viewport = Some(viewport);
        self.stats.coalesced += u64::from(client.dirty.viewport);
        client.dirty.viewport = true;
        if let Some(conn) = client.conn() {
            self.change_seat(conn, out);
        }
        self.want_flush(now, id, out);
    }

    /// CUR2: flushes now if nothing is owed for earlier flushes, else once that is paid.
    pub(super) fn want_flush(&mut self, now: Time, id: ClientId, out: &mut Outbox) {
        let Some(client) = self.people.clients.get_mut(&id) else { return };
        if !client.dirty.queued {
            client.dirty.queued = true;
            self.dirty.push(id);
        }
        let debt = self.flushing.debt(self.config.limits.flush, now);
        if debt == Span::ZERO {
            return self.flush(now, out);
        }
        let set = self.timers.get(RoomTimer::Flush);
        self.timers.set(RoomTimer::Flush, set.map_or(now + debt, |at| at.min(now + debt)));
    }

    /// Tells the latest of everyone who has something to tell and a token left (CUR3); the others at the next flush.
    pub(super) fn flush(&mut self, now: Time, out: &mut Outbox) {
        self.timers.stop(RoomTimer::Flush);
        let said = out.len();
        while let Some(id) = self.moves.take_due(now) {
            let Some(client) = self.people.clients.get_mut(&id) else { continue };
            (client.late, client.dirty.far) = (false, true);
            if !core::mem::replace(&mut client.dirty.queued, true) {
                self.dirty.push(id);
            }
        }
        let mut dirty = core::mem::take(&mut self.dirty);
        dirty.retain(|id| !self.flush_client(now, *id, out));
        self.tell_moves(now, out);
        let soon = now + self.config.limits.flush.max(Span::from_millis(1));
        if !dirty.is_empty() {
            self.timers.set(RoomTimer::Flush, soon);
        } else if let Some(late) = self.moves.next() {
            self.timers.set(RoomTimer::Flush, late.max(soon));
        }
        self.dirty = dirty;
        if out.len() > said {
            let cost = u64::from(self.audience.live()) * u64::from(self.config.limits.flush_cost);
            self.flushing.spend(cost, self.config.limits.flush, now);
        }
    }

    /// Whether nothing of this client waits any more.
    fn flush_client(&mut self, now: Time, id: ClientId, out: &mut Outbox) -> bool {
        let Some(client) = self.people.clients.get(&id) else { return true };
        let (user, rate) = (client.user, self.config.limits.cursors);
        if self.people.user_mut(user).is_some_and(|user| user.cursors.take(rate, now).is_err()) {
            return false;
        }
        let drags_wait = self.flush_drags(id, out);
        let Some(client) = self.people.clients.get_mut(&id) else { return true };
        let dirty = core::mem::take(&mut client.dirty);
        client.dirty.queued = drags_wait;
        let except = client.conn();
        if dirty.profile {
            self.audience.tell(&Event::UserUpdated(client), except, out);
        }
        if dirty.cursor || dirty.far {
            self.moves.now.push(Move::of(client, dirty.cursor, dirty.far));
            client.seen = client.cursor;
        }
        if let Some(viewport) = client.viewport.filter(|_| dirty.viewport) {
            self.audience.tell(&Event::Viewport { client: id, viewport }, except, out);
        }
        !drags_wait
    }

    /// CUR8: tells of the cursors of this flush, and puts off what is far from somebody.
    fn tell_moves(&mut self, now: Time, out: &mut Outbox) {
        let mut moves = core::mem::take(&mut self.moves.now);
        self.audience.tell_moves(&mut moves, out);
        for moved in moves.drain(..).filter(|moved| moved.missed) {
            let Some(client) = self.people.clients.get_mut(&moved.client) else { continue };
            if !planted!(self.config, FarUntold) && !core::mem::replace(&mut client.late, true) {
                self.moves.put_off(moved.client, now + self.config.limits.far_cursors);
            }
        }
        self.moves.now = moves;
    }
}
