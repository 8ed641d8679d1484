//! Cursors on their way: who moved since the last flush, and who has to hear of it later because they look elsewhere.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Range;
use serde::{Deserialize, Serialize};

use crate::area::Area;
use crate::id::{ClientId, Conn};
use crate::outbox::Outbox;
use crate::presence::Client;
use crate::time::Time;
use crate::wire::{self, Dialect, Event, Point};

/// A cursor that is told in this flush.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) client: ClientId,
    pub(crate) conn: Option<Conn>,
    pub(crate) cursor: Option<Point>,
    /// Where those who look there saw it last.
    pub(crate) before: Option<Point>,
    /// Whether it moved since the last flush.
    pub(crate) fresh: bool,
    /// Whether those who look elsewhere hear of it too.
    pub(crate) far: bool,
    /// Whether somebody has not heard of it.
    pub(crate) missed: bool,
    /// Whether the group that is being told hears of it.
    pub(crate) heard: bool,
    /// Where its frame is in the outbox, and its entry of a batch, for each dialect that needed them.
    encoded: [[Option<Range<u32>>; 2]; Dialect::ALL.len()],
}

impl Move {
    /// A client's cursor as it is now.
    pub(crate) fn of(client: &Client, fresh: bool, far: bool) -> Move {
        let (id, conn, cursor, before) = (client.id, client.conn(), client.cursor, client.seen);
        Move { client: id, conn, cursor, before, fresh, far, missed: false, heard: false, encoded: Default::default() }
    }

    /// Its frame, or its entry of a batch: encoded once, whoever hears it.
    pub(crate) fn encode(&mut self, dialect: Dialect, batch: bool, out: &mut Outbox) -> Range<u32> {
        let (client, cursor) = (self.client, self.cursor);
        let encode = || {
            out.encode(|arena| match batch {
                true => wire::encode_entry(dialect, client, cursor, arena),
                false => wire::encode(dialect, &Event::Cursor { client, cursor }, None, arena),
            })
        };
        self.encoded[dialect.index()][usize::from(batch)].get_or_insert_with(encode).clone()
    }

    /// What [`Move::encode`] made.
    pub(crate) fn bytes(&self, dialect: Dialect, batch: bool) -> Option<Range<u32>> {
        self.encoded[dialect.index()][usize::from(batch)].clone()
    }

    /// Whether it is for those who look at this area, or for those of whom it is not known where they look (CUR8).
    pub(crate) fn is_for(&self, area: Option<Area>) -> bool {
        let Some(area) = area else { return self.fresh };
        let near = |place: Option<Point>| place.is_some_and(|place| area.has(place));
        self.far || self.fresh && (near(self.cursor) || near(self.before))
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Moves {
    /// Those of the flush that is being made.
    #[serde(skip)]
    pub(crate) now: Vec<Move>,
    /// Clients of which some have not heard, and when these must; soonest first, each client once.
    late: VecDeque<(Time, ClientId)>,
}

impl Moves {
    /// Takes the next client of which everyone must hear now.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<ClientId> {
        let due = self.late.front().is_some_and(|(at, _)| *at <= now);
        if due { self.late.pop_front().map(|(_, client)| client) } else { None }
    }

    /// When the next client is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.late.front().map(|(at, _)| *at)
    }

    /// Lets those who look elsewhere hear of a client at that time, which is no sooner than any before.
    pub(crate) fn put_off(&mut self, client: ClientId, until: Time) {
        self.late.push_back((until, client));
    }

    /// Forgets a client that left.
    pub(crate) fn forget(&mut self, client: ClientId) {
        self.late.retain(|(_, late)| *late != client);
    }

    /// Whether these are the clients that wait, each once, soonest first.
    pub(crate) fn are_late(&self, mut clients: impl Iterator<Item = ClientId> + Clone) -> bool {
        let known = |client: ClientId| self.late.iter().any(|(_, late)| *late == client);
        clients.clone().count() == self.late.len()
            && clients.all(known)
            && self.late.iter().is_sorted_by_key(|(at, _)| *at)
    }
}
