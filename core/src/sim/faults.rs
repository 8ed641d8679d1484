//! The faults of a world: what breaks, and what the host does about it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::client::Client;
use super::line::Kind;
use super::world::{Event, World};
use crate::errors::Close;
use crate::id::Conn;
use crate::input::{Command, End, Input};
use crate::outbox::Outbox;
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
            let most = if self.rng.below(4) == 0 { 40_000 } else { 3000 };
            self.now = self.now + Span::from_millis(self.rng.below(most));
        }
        if self.chance(50) {
            self.tick_early()?;
        }
        self.pause();
        self.fill_disk();
        if self.chance(self.plan.usurp) && self.host.disk.head() > 0 {
            self.note(Kind::Fault, None, "another owner takes the room over".to_string());
            self.host.disk.usurp();
        }
        if self.chance(self.plan.forget) {
            self.forget()?;
        }
        if self.chance(self.plan.drain) && self.host.room.is_some() {
            self.report.drains += 1;
            self.host.draining = true;
            self.note(Kind::Fault, None, "the server is drained".to_string());
            let command = Command::Drain { close: Close::Restart, spread: Span::from_millis(500) };
            self.input(Input::Command(command))?;
        }
        if self.plan.rewrite > 0 && self.chance(self.plan.rewrite) {
            self.rewrite()?;
        }
        if self.chance(self.plan.crash) {
            self.crash()?;
        }
        Ok(())
    }

    pub(super) fn chance(&mut self, of_ten_thousand: u64) -> bool {
        self.rng.chance(of_ten_thousand)
    }

    fn some_conn(&mut self) -> Option<Conn> {
        let count = self.host.sockets.len() as u64;
        let at = usize::try_from(self.rng.below(count.max(1))).unwrap_or(0);
        self.host.sockets.keys().nth(at).copied()
    }

    fn cut_one(&mut self) {
        if let Some(conn) = self.some_conn() {
            let late = self.rng.below(3) * 4000;
            self.cut(conn, late);
        }
    }

    /// A connection breaks off; the server notices at once, or later, or sees a proper goodbye.
    pub(super) fn cut(&mut self, conn: Conn, late: u64) {
        let late = self.rng.below(late + 1);
        let end = if self.rng.below(4) == 0 { End::Closed } else { End::Lost };
        let Some(socket) = self.host.sockets.get_mut(&conn).filter(|socket| !socket.cut) else { return };
        socket.cut = true;
        let client = socket.client;
        match end {
            End::Lost => self.report.cuts += 1,
            End::Closed => self.report.left += 1,
        }
        self.note(Kind::Fault, Some(client), format!("{} breaks off", conn.slot));
        self.hang_up(client);
        self.after(late, Event::Gone(conn, end));
    }

    fn stall_one(&mut self) {
        if let Some(conn) = self.some_conn() {
            self.stall(conn);
        }
    }

    /// A reader takes nothing for a while.
    pub(super) fn stall(&mut self, conn: Conn) {
        let span = 500 + self.rng.below(3000);
        let until = self.now + Span::from_millis(span);
        if let Some(socket) = self.host.sockets.get_mut(&conn).filter(|socket| socket.stalled.is_none()) {
            socket.stalled = Some(until);
            let client = socket.client;
            self.note(Kind::Fault, Some(client), format!("{} stops reading", conn.slot));
            self.at(until, Event::Read(conn));
        }
    }

    /// Everyone rests or goes away, perhaps; a few times in all, since it makes the work longer.
    fn pause(&mut self) {
        if self.pauses == 0 || self.now < self.rest_until.max(self.away_until) {
            return;
        }
        if self.chance(self.plan.lull) {
            self.pauses -= 1;
            let span = Span::from_millis(20_000 + self.rng.below(60_000));
            self.rest_until = self.now + span;
            self.until = self.until + span;
        } else if self.chance(self.plan.exodus) {
            self.pauses -= 1;
            self.leave_all();
        }
    }

    /// There is no space for a while, perhaps; a few times in all, since it makes the work longer.
    fn fill_disk(&mut self) {
        if self.spells == 0 || self.now < self.full_until || !self.chance(self.plan.full) {
            return;
        }
        self.spells -= 1;
        self.report.full_spells += 1;
        self.note(Kind::Fault, None, "the disk is full".to_string());
        let span = Span::from_millis(5000 + self.rng.below(30_000));
        self.full_until = self.now + span;
        self.until = self.until + span;
        self.at(self.full_until, Event::Space);
    }

    /// A full disk keeps nobody out (SIM13).
    pub(super) fn everyone_was_let_in(&mut self) -> Result<(), String> {
        self.note(Kind::Host, None, "the disk has space again".to_string());
        let long_ago = |at: Time| self.now.since(at) >= Span::from_secs(3);
        let kept_out = self.host.sockets.iter().find(|(_, socket)| {
            socket.asked.is_some_and(long_ago) && !socket.cut && !socket.closing && socket.stalled.is_none()
        });
        match kept_out {
            Some((conn, socket)) => {
                Err(format!("SIM13: client {} was not let in on {} while the disk was full", socket.client, conn.slot))
            }
            None => Ok(()),
        }
    }

    /// Early is harmless: nothing comes of it (ROOM13).
    fn tick_early(&mut self) -> Result<(), String> {
        let Some(room) = &self.host.room else { return Ok(()) };
        if room.deadline().is_some_and(|at| at <= self.now) {
            return Ok(());
        }
        self.report.early_ticks += 1;
        self.host.handle(self.now, &Input::Tick)?;
        match self.host.out.is_empty() {
            true => Ok(()),
            false => Err(format!("SIM12: a tick before its time says {:?}", self.host.out.ops().next())),
        }
    }

    /// Everyone goes, one way or the other, and comes back when the room may be asleep.
    fn leave_all(&mut self) {
        let span = match self.rng.below(2) {
            0 => 80_000 + self.rng.below(40_000),
            _ => self.rng.below(60_000),
        };
        self.away_until = self.now + Span::from_millis(span);
        self.until = self.until + Span::from_millis(span);
        self.note(Kind::Link, None, "everyone goes".to_string());
        for conn in self.host.sockets.keys().copied().collect::<Vec<_>>() {
            self.cut(conn, 200);
        }
    }

    /// The saved copy takes the room's place, and is the same room (ROOM11).
    fn swap(&mut self) -> Result<(), String> {
        let Some(room) = &mut self.host.room else { return Ok(()) };
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        room.save(&mut bytes);
        let copy = room.copied().map_err(|error| format!("SIM9: {error}"))?;
        copy.save(&mut again);
        if bytes != again {
            return Err("SIM9: a restored room is saved differently".to_string());
        }
        let saved = core::mem::replace(room, copy);
        self.host.twin = Some((saved, Outbox::new(), 60));
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
        self.note(Kind::Host, None, "the room is forgotten and wakes".to_string());
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
    pub(super) fn crash(&mut self) -> Result<(), String> {
        self.report.crashes += 1;
        self.report.crashes_unacked += u64::from(self.clients.iter().any(Client::has_unacked));
        self.note(Kind::Fault, None, "the server crashes".to_string());
        self.finish_stores()?;
        self.host.drop_room();
        for (_, socket) in core::mem::take(&mut self.host.sockets) {
            if !socket.cut {
                self.hang_up(socket.client);
            }
        }
        Ok(())
    }
}
