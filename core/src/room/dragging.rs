//! Drags: what is told of them while they go on, and how each of them ends.

use alloc::vec::Vec;

use super::{Phase, Room};
use crate::access::{Action, Target};
use crate::errors::Code;
use crate::id::ClientId;
use crate::image::{Changes, Fields};
use crate::journal::Held;
use crate::outbox::Outbox;
use crate::time::Time;
use crate::timers::MemberTimer;
use crate::wire::Event;

impl Room {
    /// DRAG1: newer values for an image under someone's hand. One that nobody knows is passed over.
    pub(super) fn drag(
        &mut self,
        now: Time,
        client: ClientId,
        image: &str,
        mut changes: Changes,
        out: &mut Outbox,
    ) -> Result<(), Code> {
        self.may(now, client, Action::Edit, Target::Room)?;
        let Some(slot) = self.images.slot(image) else { return Ok(()) };
        if self.phase != Phase::Live || self.journal.is_full(&self.config.limits) {
            return Ok(());
        }
        if let Some(asked) = changes.src.take() {
            changes.src = Some(self.src(&asked)?);
        }
        let key = (client, slot);
        let fresh = self.drags.get(key).is_none();
        if fresh && self.drags.of(client).len() >= self.config.limits.drags as usize {
            return Err(Code::TooMany);
        }
        let due = now + self.config.limits.drag_silence;
        if self.drags.update(key, changes, due, now) {
            self.timers.set_member(MemberTimer::Drag(slot, client), due);
        } else {
            self.stats.coalesced += 1;
        }
        self.want_flush(now, client, out);
        Ok(())
    }

    /// DRAG4: a drag that fell silent ends as if it had never been.
    pub(super) fn on_drag_timer(&mut self, now: Time, slot: u32, client: ClientId) {
        let Some(last) = self.drags.get((client, slot)).map(|drag| drag.last) else { return };
        let due = last + self.config.limits.drag_silence;
        if due > now {
            self.drags.set_due((client, slot), due);
            return self.timers.set_member(MemberTimer::Drag(slot, client), due);
        }
        self.end_drag(client, slot);
    }

    pub(super) fn end_drags_of(&mut self, client: ClientId) {
        for (_, slot) in self.drags.of(client) {
            self.end_drag(client, slot);
        }
    }

    /// A planted mistake.
    #[cfg(feature = "planted")]
    pub(super) fn forget_drags_of(&mut self, client: ClientId) {
        for (_, slot) in self.drags.of(client) {
            self.forget_drag(client, slot);
        }
    }

    pub(super) fn end_all_drags(&mut self) {
        let all: Vec<_> = self.drags.keys().collect();
        for (client, slot) in all {
            self.end_drag(client, slot);
        }
    }

    /// Ends a drag; whatever others saw move and no edit made true goes back to where it is (DRAG3).
    pub(super) fn end_drag(&mut self, client: ClientId, slot: u32) {
        let Some(shown) = self.forget_drag(client, slot).filter(|shown| !shown.is_empty()) else { return };
        let Some(image) = self.images.at(slot) else { return };
        let values = image.values(&shown);
        let event = Event::Settled { client, image: &image.id, values: &values };
        self.audience.gate(&event, None, &mut self.journal);
        let image = image.id.clone();
        self.note_shown(client, &image, shown);
    }

    /// Notes what others saw move and what an edit that is not durable settles: should that be undone, they are told
    /// where the image is (STORE8).
    pub(super) fn note_shown(&mut self, client: ClientId, image: &str, fields: Fields) {
        if !fields.is_empty() {
            self.journal.hold(Held::Shown { client, image: image.into(), fields });
        }
    }

    pub(super) fn forget_drag(&mut self, client: ClientId, slot: u32) -> Option<Fields> {
        let drag = self.drags.end((client, slot))?;
        self.timers.stop_member(MemberTimer::Drag(slot, client), drag.due);
        Some(drag.shown)
    }

    /// Tells where the images are that this client drags. Those whose add is not durable yet must wait (GATE4):
    /// returns whether there are any.
    pub(super) fn flush_drags(&mut self, id: ClientId, out: &mut Outbox) -> bool {
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
                self.audience.tell(&event, except, out);
            }
        }
        wait
    }
}
