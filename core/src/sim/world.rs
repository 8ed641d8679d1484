//! The world: what happens when, which faults come, and what everyone must agree on when they stop.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::client::{Client, Stage};
use super::disk::Disk;
use super::host::{Asked, Down, Effects, Host, Socket};
use super::plan::{Failed, Plan, Report};
use crate::id::{Conn, EffectId};
use crate::input::{Done, End, Failure, Hello, Identity, Input, Pressure};
use crate::outbox::Outbox;
use crate::rng::Pcg;
use crate::room::Room;
use crate::time::{Span, Time};
use crate::wire::Dialect;

/// One room and everything around it.
pub struct World {
    pub(super) plan: Plan,
    pub(super) seed: u64,
    pub(super) rng: Pcg,
    pub(super) now: Time,
    pub(super) host: Host,
    pub(super) clients: Vec<Client>,
    pub(super) events: BTreeMap<(Time, u64), Event>,
    pub(super) next_event: u64,
    pub(super) next_slot: u32,
    /// Faults have stopped.
    pub(super) quiet: bool,
    pub(super) report: Report,
    pub(super) tail: VecDeque<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A person does something.
    Act(usize),
    /// A person's client connects.
    Connect(usize),
    /// A message reaches the server.
    Up(Conn, String),
    /// A frame reaches the client.
    Down(Conn, Down),
    /// The server notices that a socket is gone.
    Gone(Conn, End),
    /// A stalled reader reads again.
    Read(Conn),
    /// The disk answers.
    Answer(Asked),
}

/// The send queue's mark in this world, in bytes; far below a real one, so that it is reached.
const HIGH: usize = 2048;
/// How long the last phase may take.
const SETTLING: Span = Span::from_secs(240);

impl World {
    /// A world of this seed.
    pub fn new(seed: u64, plan: Plan) -> World {
        let now = Time::from_millis(1_790_000_000_000);
        let clients = (0..plan.clients).map(|no| {
            let dialect = if no == 5 { Dialect::Plain } else { Dialect::KanvasV1 };
            Client::new(no, dialect, seed)
        });
        let host = Host {
            room: None,
            config: plan.config.clone(),
            disk: Disk::default(),
            sockets: BTreeMap::new(),
            out: Outbox::new(),
            asleep: false,
            hash: seed,
        };
        let mut world = World {
            rng: Pcg::new(seed),
            clients: clients.collect(),
            host,
            plan,
            seed,
            now,
            events: BTreeMap::new(),
            next_event: 0,
            next_slot: 0,
            quiet: false,
            report: Report::default(),
            tail: VecDeque::new(),
        };
        for client in 0..world.clients.len() {
            let (first, act) = (world.rng.below(2000), world.rng.below(3000));
            world.after(first, Event::Connect(client));
            world.after(act, Event::Act(client));
        }
        world
    }

    /// Lets everything happen, then compares.
    ///
    /// # Errors
    /// The first rule that did not hold.
    pub fn run(mut self) -> Result<Report, Failed> {
        match self.play() {
            Ok(()) => Ok(self.report),
            Err(why) => {
                Err(Failed { plan: self.plan.name, seed: self.seed, why, tail: self.tail.into_iter().collect() })
            }
        }
    }

    fn play(&mut self) -> Result<(), String> {
        let end = self.now + self.plan.work;
        while self.now < end {
            self.step()?;
            self.strike()?;
        }
        self.quiet = true;
        for conn in self.host.sockets.keys().copied().collect::<Vec<_>>() {
            self.wake_reader(conn)?;
        }
        let latest = self.now + SETTLING;
        while self.clients.iter().any(|client| !client.is_settled()) {
            if self.now > latest {
                let waiting = self.clients.iter().map(|client| (&client.pending, client.stage));
                return Err(format!("SIM3: edits never found an answer: {:?}", waiting.collect::<Vec<_>>()));
            }
            self.step()?;
        }
        let last = self.now + Span::from_secs(20);
        self.pass_until(last)?;
        for client in 0..self.clients.len() {
            let words = self.clients[client].last_words();
            self.say(client, words);
        }
        let last = self.now + Span::from_secs(5);
        self.pass_until(last)?;
        self.compare()?;
        self.report.hash = self.host.hash;
        self.report.edits = self.host.disk.head();
        Ok(())
    }

    pub(super) fn pass_until(&mut self, end: Time) -> Result<(), String> {
        while self.now < end {
            self.step()?;
        }
        Ok(())
    }

    /// The next event, or the room's deadline if that is sooner.
    fn step(&mut self) -> Result<(), String> {
        let event = self.events.first_key_value().map(|((time, _), _)| *time);
        let deadline = self.host.room.as_ref().and_then(Room::deadline);
        match (event, deadline) {
            (None, None) => {
                self.now = self.now + Span::from_secs(1);
                Ok(())
            }
            (event, Some(at)) if event.is_none_or(|event| at <= event) => {
                self.now = self.now.max(at);
                self.input(Input::Tick)
            }
            _ => {
                let Some(((time, _), event)) = self.events.pop_first() else { return Ok(()) };
                self.now = self.now.max(time);
                self.happen(event)
            }
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Act(client) => self.act(client),
            Event::Connect(client) => return self.connect(client),
            Event::Up(conn, message) => {
                if self.host.sockets.get(&conn).is_some_and(|socket| !socket.cut) {
                    self.note(format!("{} > {message}", conn.slot));
                    return self.input(Input::Message { conn, bytes: message.as_bytes() });
                }
            }
            Event::Down(conn, down) => return self.arrive(conn, down),
            Event::Gone(conn, end) => {
                if self.host.sockets.remove(&conn).is_some() {
                    self.note(format!("{} is gone: {end:?}", conn.slot));
                    return self.input(Input::Disconnect { conn, end });
                }
            }
            Event::Read(conn) => return self.wake_reader(conn),
            Event::Answer(asked) => return self.answer(asked),
        }
        Ok(())
    }

    fn act(&mut self, client: usize) {
        // Now and then everyone rests for a while, so that rooms fall asleep and may be forgotten.
        let resting = self.plan.forget > 0 && (self.now.as_millis() / 1000).is_multiple_of(2);
        let offline = self.clients[client].conn.is_none();
        if !self.quiet && !resting && !offline {
            let words = self.clients[client].act(&mut self.report);
            self.say(client, words);
        } else if self.quiet && !offline {
            let words = self.clients[client].settle();
            self.say(client, words);
        }
        let next = if self.quiet { 400 } else { 10 + self.rng.below(180) };
        self.after(next, Event::Act(client));
    }

    pub(super) fn say(&mut self, client: usize, words: Vec<String>) {
        let Some(conn) = self.clients[client].conn else { return };
        for message in words {
            self.up(conn, message);
        }
    }

    /// A message on its way: in order, after what was sent before.
    fn up(&mut self, conn: Conn, message: String) {
        let latency = Span::from_millis(self.rng.below(self.plan.latency.as_millis() + 1));
        let Some(socket) = self.host.sockets.get_mut(&conn) else { return };
        socket.up_free = socket.up_free.max(self.now + latency);
        let at = socket.up_free;
        self.at(at, Event::Up(conn, message));
    }

    pub(super) fn connect(&mut self, client: usize) -> Result<(), String> {
        if self.clients[client].conn.is_some() {
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
        self.note(format!("{} is client {client}", conn.slot));
        let person = &self.clients[client];
        let (user, pk) = (person.user.clone(), person.pk.clone());
        let identity = Identity { user: &user, standing: person.standing, name: None, avatar: None };
        let hello = Hello { pk: &pk, dialect: person.dialect, name: None, view: person.view, resume };
        self.input(Input::Connect { conn, identity, hello })?;
        let words = self.clients[client].opened(conn);
        self.say(client, words);
        Ok(())
    }

    /// Gives the room an input, and everyone what comes of it.
    pub(super) fn input(&mut self, input: Input<'_>) -> Result<(), String> {
        let Some(room) = &mut self.host.room else { return Ok(()) };
        room.handle(self.now, input, &mut self.host.out);
        room.check().map_err(String::from)?;
        self.effects()
    }

    pub(super) fn effects(&mut self) -> Result<(), String> {
        let effects = self.host.carry_out()?;
        let Effects { down, asked, latest_skipped } = effects;
        self.report.latest_skipped += latest_skipped;
        for (conn, down) in down {
            self.down(conn, down);
        }
        for asked in asked {
            match self.plan.storage.as_millis() {
                0 => self.answer(asked)?,
                most => {
                    let wait = 1 + self.rng.below(most);
                    self.after(wait, Event::Answer(asked));
                }
            }
        }
        if core::mem::take(&mut self.host.asleep) && self.host.sockets.values().all(|socket| socket.closing) {
            self.report.sleeps += 1;
            self.note("the room sleeps".to_string());
            self.forget_answers();
            self.host.room = None;
        }
        self.press()
    }

    /// Sends something down a link, or behind what a stalled reader has not taken.
    fn down(&mut self, conn: Conn, down: Down) {
        let latency = Span::from_millis(self.rng.below(self.plan.latency.as_millis() + 1));
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

    /// Tells the room of queues that crossed their mark.
    fn press(&mut self) -> Result<(), String> {
        let full = self.host.sockets.iter_mut().find(|(_, socket)| !socket.pressed && socket.backlog_bytes > HIGH);
        let Some((conn, socket)) = full else { return Ok(()) };
        socket.pressed = true;
        let conn = *conn;
        self.report.pressed += 1;
        self.note(format!("{} is slow", conn.slot));
        self.input(Input::Pressure { conn, level: Pressure::High })
    }

    fn wake_reader(&mut self, conn: Conn) -> Result<(), String> {
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

    fn arrive(&mut self, conn: Conn, down: Down) -> Result<(), String> {
        let Some(socket) = self.host.sockets.get(&conn).filter(|socket| !socket.cut) else { return Ok(()) };
        let client = socket.client;
        match down {
            Down::Frame(frame) => {
                self.note(format!("{} < {frame}", conn.slot));
                let before = self.clients[client].stage;
                self.clients[client].take(&frame, &mut self.report).map_err(|why| format!("client {client}: {why}"))?;
                if before != Stage::In && self.clients[client].stage == Stage::In {
                    let words = self.clients[client].resend();
                    self.say(client, words);
                }
            }
            Down::Close(close) => {
                self.note(format!("{} is closed: {}", conn.slot, close.reason()));
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

    fn answer(&mut self, asked: Asked) -> Result<(), String> {
        let fault = !self.quiet && self.rng.below(10_000) < self.plan.storage_fault;
        if fault {
            self.report.storage_faults += 1;
            let failure = [Failure::Full, Failure::Busy, Failure::Busy, Failure::Broken]
                [usize::try_from(self.rng.below(4)).unwrap_or(0)];
            self.note(format!("the disk fails: {failure:?}"));
            let (Asked::Load(effect) | Asked::Store { effect, .. }) = asked;
            return self.input(Input::Done { effect, result: Done::Failed(failure) });
        }
        match asked {
            Asked::Load(effect) => self.load(effect),
            Asked::Store { effect, upto, owner, writes } => {
                self.host.disk.write(owner, &writes)?;
                self.input(Input::Done { effect, result: Done::Stored { upto } })
            }
        }
    }

    fn load(&mut self, effect: EffectId) -> Result<(), String> {
        let Some(room) = &mut self.host.room else { return Ok(()) };
        let (now, out) = (self.now, &mut self.host.out);
        self.host.disk.load(self.host.config.limits.log_ops, |loaded| {
            room.handle(now, Input::Done { effect, result: Done::Loaded(loaded) }, out);
        });
        if let Some(fault) = room.fault() {
            return Err(format!("SIM1: what was stored cannot be loaded: {fault:?}"));
        }
        self.effects()
    }

    pub(super) fn forget_answers(&mut self) {
        self.events.retain(|_, event| !matches!(event, Event::Answer(_)));
    }

    pub(super) fn after(&mut self, millis: u64, event: Event) {
        self.at(self.now + Span::from_millis(millis), event);
    }

    pub(super) fn at(&mut self, time: Time, event: Event) {
        self.next_event += 1;
        self.events.insert((time, self.next_event), event);
    }

    pub(super) fn note(&mut self, line: String) {
        if self.tail.len() >= 80 {
            self.tail.pop_front();
        }
        self.tail.push_back(format!("{} {line}", self.now.as_millis() % 10_000_000));
    }
}
