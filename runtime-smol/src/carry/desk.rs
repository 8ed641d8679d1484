//! A room that no server runs: it is given its rows, asked for what it is or told what to be, and what it wants stored is
//! stored by the caller's transaction.

use kanvas_core::{Code, Command, Config, Done, EffectId, Input, Loaded, Op, Outbox, Room, RoomId, Seq};
use rusqlite::Connection;

use crate::clock::Clock;
use crate::store::sql::{self, Fault};
use crate::store::{OwnedChunk, OwnedLog, OwnedWrite, StoredRoom};

/// The number of the one command that a room is given.
const TICKET: u64 = 1;

/// See the module.
pub(super) struct Desk<'a> {
    connection: &'a Connection,
    config: &'a Config,
    clock: Clock,
    out: Outbox,
}

/// Why a room is not read or written.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Its rows make no room.
    Damaged,
    Refused(Code),
    Fault(Fault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Trouble {
        Trouble::Fault(fault)
    }
}

impl<'a> Desk<'a> {
    pub(super) fn new(connection: &'a Connection, config: &'a Config) -> Desk<'a> {
        Desk { connection, config, clock: Clock::start(), out: Outbox::default() }
    }

    /// The room of that id, which may not be there. All that is read of it is of one moment.
    pub(super) fn open(&mut self, id: &RoomId) -> Result<Room, Trouble> {
        let limits = &self.config.limits;
        // As many as a server reads (see `host::ops`).
        let rows = limits.log_ops.saturating_add(limits.gated_frames);
        let StoredRoom { owner, record, chunks, log } = if self.connection.is_autocommit() {
            sql::load(self.connection, id.as_str(), rows)?
        } else {
            sql::load_within(self.connection, id.as_str(), rows)?
        };
        let chunks: Vec<_> = chunks.iter().map(OwnedChunk::row).collect();
        let log: Vec<_> = log.iter().map(OwnedLog::row).collect();
        self.out.clear();
        // A room chooses its epoch by it.
        let seed = getrandom::u64().map_err(|_| Fault::Disk("the operating system gives no random numbers"))?;
        let mut room = Room::new(id.clone(), self.config, seed, self.clock.now(), &mut self.out);
        let load = self.out.ops().find_map(|op| if let Op::Load { effect } = op { Some(effect) } else { None });
        let effect = load.ok_or(Trouble::Damaged)?;
        let result = Done::Loaded(Loaded { owner, record: record.as_deref(), chunks: &chunks, log: &log });
        self.tell(&mut room, Input::Done { effect, result });
        if room.fault().is_some() { Err(Trouble::Damaged) } else { Ok(room) }
    }

    /// Makes the room what a document says (PORT2).
    pub(super) fn import(&mut self, room: &mut Room, document: &[u8]) -> Result<(), Trouble> {
        self.tell(room, Input::Command(Command::Import { ticket: TICKET, document }));
        loop {
            if let Some(result) = self.reply() {
                return result.map(drop).map_err(Trouble::Refused);
            }
            let Some((effect, upto)) = self.store(room.id())? else { return Err(Trouble::Damaged) };
            self.tell(room, Input::Done { effect, result: Done::Stored { upto } });
        }
    }

    fn tell(&mut self, room: &mut Room, input: Input<'_>) {
        self.out.clear();
        room.handle(self.clock.now(), input, &mut self.out);
    }

    fn reply(&self) -> Option<Result<Seq, Code>> {
        self.out.ops().find_map(|op| if let Op::Reply { ticket: TICKET, result } = op { Some(result) } else { None })
    }

    /// Writes what the room wants written.
    fn store(&self, id: &RoomId) -> Result<Option<(EffectId, Seq)>, Fault> {
        for op in self.out.ops() {
            if let Op::Store { effect, upto, owner, writes } = op {
                sql::store(self.connection, id.as_str(), owner, &OwnedWrite::all(&writes))?;
                return Ok(Some((effect, upto)));
            }
        }
        Ok(None)
    }
}
