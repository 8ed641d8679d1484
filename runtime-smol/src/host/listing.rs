//! The list of rooms, on the host that has it: what rooms tell of themselves, and what is asked of it.

use kanvas_core::directory::{self, BadQuery, Query};
use kanvas_core::{RoomId, Summary};
use smol::channel::Sender;

use super::Host;
use super::place::Machine;

/// A word to the list of rooms.
pub(crate) enum Listing {
    /// Rooms as storage has them, before anybody is let in.
    Stored(Vec<Summary>),
    /// A room as it is now.
    Announced(Box<Summary>),
    /// A room was deleted.
    Forgotten(RoomId),
    /// Which rooms are there? Answered in JSON.
    Page(Query, Sender<Result<Vec<u8>, BadQuery>>),
}

impl Host {
    pub(super) fn list(&self, word: Listing) {
        let Some(place) = self.room(&RoomId::of_list()) else { return };
        self.run_at(&place, |machine, now, out| {
            let Machine::Directory(list) = machine else { return };
            match word {
                Listing::Stored(rooms) => {
                    for room in &rooms {
                        list.handle(now, directory::Input::Announced(room), out);
                    }
                }
                Listing::Announced(room) => list.handle(now, directory::Input::Announced(&room), out),
                Listing::Forgotten(room) => list.handle(now, directory::Input::Forgotten(&room), out),
                // One who no longer waits needs no answer.
                Listing::Page(query, reply) => drop(reply.try_send(list.page(&query).map(|page| page.to_json()))),
            }
        });
    }
}
