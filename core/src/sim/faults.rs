//! The faults of a world: what breaks, and what the host does about it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::host::Asked;
use super::world::{Event, World};
use crate::errors::Close;
use crate::id::Conn;
use crate::input::{Command, End, Input};
use crate::room::Room;
use crate::time::{Span, Time};

impl World {
    /// A fault, perhaps.
    pub(super) fn strike(&mut self) -> Result<(), String> {
        if self.chance(self.plan.cut) {
            self.cut_one();
        }
        if self.chance(self.plan.stall) {
            self.stall_one();
        }
        if self.chance(self.plan.swap) {
            self.swap()?;
        }
        if self.chance(self.plan.jump) {
            self.now = self.now + Span::from_millis(self.rng.below(3000));
        }
        if self.chance(self.plan.forget) {
            self.forget()?;
        }
        if self.chance(self.plan.drain) && self.host.room.is_some() {
            self.report.drains += 1;
            self.note("drain".to_string());
            let command = Command::Drain { close: Close::Restart, spread: Span::from_millis(500) };
            self.input(Input::Command(command))?;
        }
        if self.chance(self.plan.crash) {
            self.crash()?;
        }
        Ok(())
    }

    pub(super) fn chance(&mut self, of_ten_thousand: u64) -> bool {
        self.rng.below(10_000) < of_ten_thousand
    }

    fn some_conn(&mut self) -> Option<Conn> {
        let count = self.host.sockets.len() as u64;
        let at = usize::try_from(self.rng.below(count.max(1))).unwrap_or(0);
        self.host.sockets.keys().nth(at).copied()
    }

    /// A connection breaks off; the server notices at once, or much later, or sees a proper goodbye.
    fn cut_one(&mut self) {
        let Some(conn) = self.some_conn() else { return };
        let late = self.rng.below(3) * self.rng.below(4000);
        let end = if self.rng.below(4) == 0 { End::Closed } else { End::Lost };
        let Some(socket) = self.host.sockets.get_mut(&conn).filter(|socket| !socket.cut) else { return };
        socket.cut = true;
        let client = socket.client;
        self.report.cuts += 1;
        self.note(format!("{} breaks off", conn.slot));
        self.hang_up(client);
        self.after(late, Event::Gone(conn, end));
    }

    fn stall_one(&mut self) {
        let Some(conn) = self.some_conn() else { return };
        let span = 500 + self.rng.below(3000);
        let until = self.now + Span::from_millis(span);
        if let Some(socket) = self.host.sockets.get_mut(&conn).filter(|socket| socket.stalled.is_none()) {
            socket.stalled = Some(until);
            self.at(until, Event::Read(conn));
        }
    }

    /// The saved copy takes the room's place, and is the same room (ROOM11).
    fn swap(&mut self) -> Result<(), String> {
        let Some(room) = &mut self.host.room else { return Ok(()) };
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        room.save(&mut bytes);
        let copy = Room::restore(&bytes, Time::default()).map_err(|error| format!("SIM9: {error}"))?;
        copy.save(&mut again);
        if bytes != again {
            return Err("SIM9: a restored room is saved differently".to_string());
        }
        *room = copy;
        self.report.swaps += 1;
        Ok(())
    }

    /// A sleeping host forgets the room, where it may: nothing is in flight and nothing is due soon (SLEEP2).
    fn forget(&mut self) -> Result<(), String> {
        let soon = self.now + Span::from_secs(30);
        let awake = self
            .host
            .room
            .as_ref()
            .is_none_or(|room| room.is_loading() || room.deadline().is_some_and(|at| at <= soon));
        let waiting = self.host.sockets.values().any(|socket| socket.attachment.is_empty() || socket.stalled.is_some());
        if awake || waiting || self.plan.storage != Span::ZERO {
            return Ok(());
        }
        self.report.wakes += 1;
        self.note("the room is forgotten and wakes".to_string());
        let seed = self.rng.next_u64();
        self.host.open_room(seed, self.now);
        self.effects()?;
        let kept: Vec<(Conn, Vec<u8>)> =
            self.host.sockets.iter().map(|(conn, socket)| (*conn, socket.attachment.clone())).collect();
        for (conn, attachment) in kept {
            self.input(Input::Resume { conn, attachment: &attachment })?;
        }
        Ok(())
    }

    /// All memory is gone, every socket breaks; of the stores on their way each is on the disk, or is not.
    fn crash(&mut self) -> Result<(), String> {
        self.report.crashes += 1;
        self.report.crashes_unacked += u64::from(self.clients.iter().any(|client| !client.pending.is_empty()));
        self.note("crash".to_string());
        let mut stores = Vec::new();
        for event in self.events.values() {
            if let Event::Answer(Asked::Store { owner, writes, .. }) = event {
                stores.push((*owner, writes.clone()));
            }
        }
        for (owner, writes) in stores {
            if self.rng.below(2) == 0 {
                self.host.disk.write(owner, &writes)?;
                self.report.stores_kept += 1;
            } else {
                self.report.stores_lost += 1;
            }
        }
        self.forget_answers();
        self.host.room = None;
        for (_, socket) in core::mem::take(&mut self.host.sockets) {
            if !socket.cut {
                self.hang_up(socket.client);
            }
        }
        Ok(())
    }
}
