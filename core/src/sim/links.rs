//! Links and those at their ends: who connects, what is on its way, which reader stalls, and how a link ends.

use alloc::format;
use alloc::string::String;

use super::client::Stage;
use super::host::{Down, Socket};
use super::line::Kind;
use super::rights::org_of;
use super::world::{Event, World};
use crate::id::Conn;
use crate::input::{Founds, Hello, Identity, Input, Pressure, Standing};
use crate::time::Span;

/// The send queue's mark in this world, in bytes; far below a real one, so that it is reached.
const HIGH: usize = 2048;

impl World {
    /// A message on its way: in order, after what was sent before.
    pub(super) fn up(&mut self, conn: Conn, message: String) {
        let latency = self.latency();
        let Some(socket) = self.host.sockets.get_mut(&conn) else { return };
        socket.up_free = socket.up_free.max(self.now + latency);
        let at = socket.up_free;
        if message.contains("\"user:join\"") {
            socket.asked = Some(at);
        }
        self.at(at, Event::Up(conn, message));
    }

    pub(super) fn connect(&mut self, client: usize) -> Result<(), String> {
        if self.clients[client].conn.is_some() || client as u64 >= self.plan.clients && !self.is_quiet() {
            return Ok(());
        }
        let conn = Conn { slot: self.next_slot, generation: 1 };
        self.next_slot += 1;
        self.host.sockets.insert(conn, Socket { client, ..Socket::default() });
        if self.host.room.is_none() {
            let seed = self.rng.next_u64();
            self.host.open_room(seed, self.now);
            self.effects()?;
        }
        let mut resume = [7; 16];
        resume[..4].copy_from_slice(&conn.slot.to_be_bytes());
        self.note(Kind::Link, Some(client), format!("connects as {}", conn.slot));
        let person = &self.clients[client];
        let (user, pk) = (person.user.clone(), person.pk.clone());
        // Where owners use their power, only those who can own the room make it.
        let founds =
            if self.plan.govern > 0 && person.standing == Standing::Guest { Founds::Spent } else { Founds::Yes };
        let identity = Identity { standing: person.standing, founds, org: org_of(&user), ..Identity::guest(&user) };
        let hello = Hello { pk: &pk, dialect: person.dialect, name: None, view: person.view, share: None, resume };
        self.input(Input::Connect { conn, identity, hello })?;
        let words = self.clients[client].opened(conn);
        self.say(client, words);
        Ok(())
    }

    /// Sends something down a link, or behind what a stalled reader has not taken.
    pub(super) fn down(&mut self, conn: Conn, down: Down) {
        let latency = self.latency();
        let now = self.now;
        let Some(socket) = self.host.sockets.get_mut(&conn) else { return };
        if socket.stalled.is_some() {
            socket.backlog_bytes += if let Down::Frame(frame) = &down { frame.len() } else { 0 };
            socket.backlog.push(down);
            return;
        }
        socket.down_free = socket.down_free.max(now + latency);
        let at = socket.down_free;
        self.at(at, Event::Down(conn, down));
    }

    fn latency(&mut self) -> Span {
        self.plan.latency + Span::from_millis(self.rng.noise(self.plan.jitter.as_millis() + 1))
    }

    /// Tells the room of queues that crossed their mark.
    pub(super) fn press(&mut self) -> Result<(), String> {
        let full = self.host.sockets.iter_mut().find(|(_, socket)| !socket.pressed && socket.backlog_bytes > HIGH);
        let Some((conn, socket)) = full else { return Ok(()) };
        socket.pressed = true;
        let conn = *conn;
        let client = socket.client;
        self.report.pressed += 1;
        self.note(Kind::Link, Some(client), format!("{} is slow", conn.slot));
        self.input(Input::Pressure { conn, level: Pressure::High })
    }

    pub(super) fn wake_reader(&mut self, conn: Conn) -> Result<(), String> {
        let Some(socket) = self.host.sockets.get_mut(&conn) else { return Ok(()) };
        if socket.stalled.take().is_none() {
            return Ok(());
        }
        socket.backlog_bytes = 0;
        let pressed = core::mem::take(&mut socket.pressed);
        for down in core::mem::take(&mut socket.backlog) {
            self.down(conn, down);
        }
        match pressed {
            true => self.input(Input::Pressure { conn, level: Pressure::Clear }),
            false => Ok(()),
        }
    }

    pub(super) fn arrive(&mut self, conn: Conn, down: Down) -> Result<(), String> {
        let Some(socket) = self.host.sockets.get(&conn).filter(|socket| !socket.cut) else { return Ok(()) };
        let client = socket.client;
        match down {
            Down::Frame(frame) => {
                self.note(Kind::Frame, Some(client), format!("{} < {frame}", conn.slot));
                self.fairness.tell(&self.clients[client], &frame, &self.plan.config.limits)?;
                let before = self.clients[client].stage;
                self.clients[client]
                    .take(&frame, &self.host.disk, &mut self.report)
                    .map_err(|why| format!("client {client}: {why}"))?;
                let after = self.clients[client].stage;
                if after != Stage::Between {
                    self.host.sockets.entry(conn).and_modify(|socket| socket.asked = None);
                }
                if before != Stage::In && after == Stage::In {
                    self.report.joined_full += u64::from(self.now < self.full_until);
                    let words = self.clients[client].resend();
                    self.say(client, words);
                }
            }
            Down::Close(close) => {
                self.note(Kind::Link, Some(client), format!("{} is closed: {}", conn.slot, close.reason()));
                self.host.sockets.remove(&conn);
                self.hang_up(client);
            }
        }
        Ok(())
    }

    /// The client notices that its socket is gone, and comes back.
    pub(super) fn hang_up(&mut self, client: usize) {
        self.clients[client].cut();
        let wait = 50 + self.rng.below(2500);
        self.after(wait, Event::Connect(client));
    }
}
