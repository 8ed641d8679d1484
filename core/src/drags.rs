//! Images that people drag: the newest values that wait for a flush, and which properties others saw move, so that
//! no ghost stays when a drag ends without an edit.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::id::ClientId;
use crate::image::{Changes, Fields};
use crate::recording::Redaction;
use crate::time::Time;

/// Who drags what: the client and the image's slot.
pub(crate) type DragKey = (ClientId, u32);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Drags {
    by_client: BTreeMap<DragKey, Drag>,
    by_image: BTreeSet<(u32, ClientId)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Drag {
    /// Not told yet.
    pending: Changes,
    /// Told, and not settled by a stored edit since.
    pub(crate) shown: Fields,
    pub(crate) last: Time,
    /// When its timer goes off.
    pub(crate) due: Time,
}

impl Drags {
    pub(crate) fn get(&self, key: DragKey) -> Option<&Drag> {
        self.by_client.get(&key)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_client.len()
    }

    /// Takes newer values. Returns whether the drag is a new one, whose timer goes off at `due`.
    pub(crate) fn update(&mut self, key: DragKey, changes: Changes, due: Time, now: Time) -> bool {
        let (client, slot) = key;
        let fresh = self.by_image.insert((slot, client));
        let empty = Drag { pending: Changes::default(), shown: Fields::default(), last: now, due };
        let drag = self.by_client.entry(key).or_insert(empty);
        drag.pending.merge(changes);
        drag.last = now;
        fresh
    }

    /// The images that a client drags.
    pub(crate) fn of(&self, client: ClientId) -> Vec<DragKey> {
        self.by_client.range((client, 0)..=(client, u32::MAX)).map(|(key, _)| *key).collect()
    }

    /// Takes the values of a drag that wait, and notes that others see them from now on.
    pub(crate) fn take_pending(&mut self, key: DragKey) -> Option<Changes> {
        let drag = self.by_client.get_mut(&key)?;
        if drag.pending.is_empty() {
            return None;
        }
        let changes = core::mem::take(&mut drag.pending);
        drag.shown.add(changes.fields());
        Some(changes)
    }

    /// A stored edit of an image: what waits is out of date, what it set is settled (DRAG3). Returns whose drags had
    /// shown something.
    pub(crate) fn settle(&mut self, slot: u32, fields: &Fields) -> Vec<(ClientId, Fields)> {
        let mut shown = Vec::new();
        for client in self.draggers(slot) {
            if let Some(drag) = self.by_client.get_mut(&(client, slot)) {
                drag.pending = Changes::default();
                if !drag.shown.is_empty() {
                    shown.push((client, drag.shown.clone()));
                }
                drag.shown.subtract(fields);
            }
        }
        shown
    }

    /// Ends a drag. Its `shown` are the properties that others saw move and that no edit has settled.
    pub(crate) fn end(&mut self, key: DragKey) -> Option<Drag> {
        self.by_image.remove(&(key.1, key.0));
        self.by_client.remove(&key)
    }

    pub(crate) fn set_due(&mut self, key: DragKey, due: Time) {
        if let Some(drag) = self.by_client.get_mut(&key) {
            drag.due = due;
        }
    }

    /// Who drags an image.
    pub(crate) fn draggers(&self, slot: u32) -> Vec<ClientId> {
        let all = self.by_image.range((slot, ClientId(0))..=(slot, ClientId(u64::MAX)));
        all.map(|(_, client)| *client).collect()
    }

    /// Every drag.
    pub(crate) fn keys(&self) -> impl Iterator<Item = DragKey> {
        self.by_client.keys().copied()
    }

    /// States what must always hold.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let both = self.by_client.keys().all(|(client, slot)| self.by_image.contains(&(*slot, *client)));
        match both && self.by_client.len() == self.by_image.len() {
            true => Ok(()),
            false => Err("drags: the two indices disagree"),
        }
    }
}

impl Drags {
    pub(crate) fn redact(&mut self, with: &Redaction) {
        for changes in self.by_client.values_mut().map(|drag| &mut drag.pending) {
            changes.src = changes.src.as_deref().map(|src| with.address(src));
            for (name, value) in &mut changes.further {
                value.iter_mut().for_each(|value| with.further(name, value));
            }
        }
    }
}
