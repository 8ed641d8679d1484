//! What the lab draws of a room: its images, who is here, what was said.

use super::Room;
use crate::chat::ChatMessage;
use crate::image::Image;
use crate::presence::{Client, Link};

impl Room {
    /// The images from the bottom up.
    pub(crate) fn pictures(&self) -> impl Iterator<Item = &Image> {
        self.images.in_order()
    }

    /// Whether others see somebody drag this image.
    pub(crate) fn is_dragged(&self, id: &str) -> bool {
        let Some(slot) = self.images.slot(id) else { return false };
        let mut keys = self.drags.draggers(slot).into_iter().map(|client| (client, slot));
        keys.any(|key| self.drags.get(key).is_some_and(|drag| !drag.shown.is_empty()))
    }

    /// Everyone who is here, each with their socket.
    pub(crate) fn clients(&self) -> impl Iterator<Item = (&Client, Option<&Link>)> {
        self.people.clients.values().map(|client| (client, client.conn().and_then(|conn| self.people.link(conn))))
    }

    /// What was said last, oldest first.
    pub(crate) fn talk(&self, most: u32) -> impl Iterator<Item = &ChatMessage> {
        self.chat.history(most)
    }
}
