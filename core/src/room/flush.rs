//! Cursors, viewports, drags and profiles: the latest of each, at most once a flush.

use super::Room;
use crate::id::ClientId;
use crate::outbox::{Lane, Outbox};
use crate::time::Time;
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
        self.want_flush(now, id, out);
    }

    /// CUR2: flushes now if the last flush is an interval ago, else at the end of the interval.
    pub(super) fn want_flush(&mut self, now: Time, id: ClientId, out: &mut Outbox) {
        let Some(client) = self.people.clients.get_mut(&id) else { return };
        if !client.dirty.queued {
            client.dirty.queued = true;
            self.dirty.push(id);
        }
        if now.since(self.last_flush) >= self.config.limits.flush {
            self.flush(now, out);
        } else if self.timers.get(RoomTimer::Flush).is_none() {
            self.timers.set(RoomTimer::Flush, self.last_flush + self.config.limits.flush);
        }
    }

    /// Tells the latest of everyone who has something to tell and a token left (CUR3); the others at the next flush.
    pub(super) fn flush(&mut self, now: Time, out: &mut Outbox) {
        self.last_flush = now;
        self.timers.stop(RoomTimer::Flush);
        let mut dirty = core::mem::take(&mut self.dirty);
        dirty.retain(|id| !self.flush_client(now, *id, out));
        if !dirty.is_empty() {
            self.timers.set(RoomTimer::Flush, now + self.config.limits.flush);
        }
        self.dirty = dirty;
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
            self.audience.tell(Lane::Ordered, &Event::UserUpdated(client), except, out);
        }
        if dirty.cursor {
            let cursor = Event::Cursor { client: id, cursor: client.cursor };
            self.audience.tell(Lane::Latest, &cursor, except, out);
        }
        if let Some(viewport) = client.viewport.filter(|_| dirty.viewport) {
            self.audience.tell(Lane::Latest, &Event::Viewport { client: id, viewport }, except, out);
        }
        !drags_wait
    }

    /// Tells where the images are that this client drags. Those whose add is not durable yet must wait (GATE4):
    /// returns whether there are any.
    fn flush_drags(&mut self, id: ClientId, out: &mut Outbox) -> bool {
        let mut wait = false;
        let except = self.people.clients.get(&id).and_then(|client| client.conn());
        for key in self.drags.of(id) {
            if self.images.mark(key.1).is_some_and(|mark| mark > self.journal.durable()) {
                wait = true;
                continue;
            }
            let Some(changes) = self.drags.take_pending(key) else { continue };
            if let Some(image) = self.images.at(key.1) {
                let event = Event::Dragged { client: id, image: &image.id, changes: &changes };
                self.audience.tell(Lane::Latest, &event, except, out);
            }
        }
        wait
    }
}
