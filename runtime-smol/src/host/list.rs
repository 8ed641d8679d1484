//! The list of rooms, on the host that has it: what rooms tell of themselves, and what is asked of it.

use kanvas_core::directory::{Input, Query};
use kanvas_core::{Listing, RoomId};
use smol::channel::Sender;

use super::Host;
use super::place::Machine;

/// A word to the list of rooms.
pub(crate) enum Word {
    /// Rooms as storage has them, before anybody is let in.
    Stored(Vec<Listing>),
    /// A room as it is now.
    Announced(Box<Listing>),
    /// A room was deleted.
    Forgotten(RoomId),
    /// Which rooms are there? Answered in JSON.
    Page(Query, Sender<Vec<u8>>),
}

impl Host {
    pub(super) fn list(&self, word: Word) {
        let Some(place) = self.room(&RoomId::of_list()) else { return };
        self.run_at(&place, |state, now, out| {
            let Machine::Directory(list) = &mut state.machine else { return };
            match word {
                Word::Stored(rooms) => {
                    for room in &rooms {
                        list.handle(now, Input::Announced(room), out);
                    }
                }
                Word::Announced(room) => list.handle(now, Input::Announced(&room), out),
                Word::Forgotten(room) => list.handle(now, Input::Forgotten(&room), out),
                // One who no longer waits needs no answer.
                Word::Page(query, reply) => drop(reply.try_send(list.page(&query).to_json())),
            }
        });
    }
}
