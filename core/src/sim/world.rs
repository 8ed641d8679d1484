//! The world: what happens when, which faults come, and what everyone must agree on when they stop.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::client::{Client, Stage};
use super::disk::Disk;
use super::host::{Asked, Down, Effects, Host, Socket};
use crate::errors::Close;
use crate::id::{Conn, EffectId};
use crate::input::{Command, Done, End, Failure, Hello, Identity, Input, Pressure};
use crate::limits::Config;
use crate::outbox::Outbox;
use crate::rng::Pcg;
use crate::room::Room;
use crate::time::{Span, Time};
use crate::wire::Dialect;

/// What a world is like. Chances are in 10,000 of each thing that happens in it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The plan's name, for reports.
    pub name: &'static str,
    /// People.
    pub clients: u64,
    /// How long they work before the faults stop.
    pub work: Span,
    /// One way over a link, at most.
    pub latency: Span,
    /// Until a store is answered, at most; 0 in the same turn, as a Durable Object does.
    pub storage: Span,
    /// A connection breaks off.
    pub cut: u64,
    /// A reader stalls.
    pub stall: u64,
    /// The server crashes.
    pub crash: u64,
    /// The server is drained and starts again.
    pub drain: u64,
    /// A store or load fails.
    pub storage_fault: u64,
    /// The room is saved and goes on as its copy.
    pub swap: u64,
    /// The room is forgotten, where a sleeping host may forget it.
    pub forget: u64,
    /// The clock jumps ahead.
    pub jump: u64,
    /// The room's bounds.
    pub config: Config,
}

impl Plan {
    /// Nothing goes wrong.
    pub fn calm() -> Plan {
        let mut config = Config::default();
        config.limits.snapshot_ops = 40;
        Plan {
            name: "calm",
            clients: 6,
            work: Span::from_secs(30),
            latency: Span::from_millis(80),
            storage: Span::from_millis(5),
            cut: 0,
            stall: 0,
            crash: 0,
            drain: 0,
            storage_fault: 0,
            swap: 40,
            forget: 0,
            jump: 0,
            config,
        }
    }

    /// Everything goes wrong.
    pub fn stormy() -> Plan {
        let mut plan = Plan { name: "stormy", cut: 60, stall: 20, crash: 12, drain: 4, jump: 10, ..Plan::calm() };
        plan.storage = Span::from_millis(120);
        plan.storage_fault = 150;
        plan.config.limits.snapshot_ops = 20;
        plan.config.limits.images = 10;
        plan
    }

    /// Readers that stall.
    pub fn slow_readers() -> Plan {
        Plan { name: "slow readers", stall: 150, cut: 10, ..Plan::calm() }
    }

    /// A disk that is slow, full, locked and broken in turn; short memory of the log.
    pub fn bad_disk() -> Plan {
        let mut plan = Plan { name: "bad disk", storage_fault: 900, crash: 20, cut: 30, ..Plan::calm() };
        plan.storage = Span::from_millis(400);
        plan.config.limits.log_ops = 64;
        plan.config.limits.log_age = Span::ZERO;
        plan.config.limits.snapshot_ops = 16;
        plan
    }

    /// A Durable Object: stores are answered at once, and whatever may be forgotten is.
    pub fn durable_object() -> Plan {
        Plan { name: "durable object", storage: Span::ZERO, forget: 500, cut: 20, crash: 5, ..Plan::calm() }
    }

    /// Every plan.
    pub fn all() -> [Plan; 5] {
        [Plan::calm(), Plan::stormy(), Plan::slow_readers(), Plan::bad_disk(), Plan::durable_object()]
    }
}

/// What happened in a world. Every number must be above 0 over all worlds, or they prove too little.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// A fingerprint of every frame that the room sent.
    pub hash: u64,
    /// Frames that clients took.
    pub delivered: u64,
    /// Edits that were stored.
    pub edits: u64,
    /// Edits whose ack arrived.
    pub acked: u64,
    /// Acks that came again for an edit that was sent again.
    pub repeated: u64,
    /// Refusals by code.
    pub refused: BTreeMap<String, u64>,
    /// Refusals that told the truth of an image.
    pub truths: u64,
    /// Messages that cannot be read.
    pub garbage: u64,
    /// Sessions that were taken back.
    pub resumed: u64,
    /// Parts of deltas.
    pub deltas: u64,
    /// Parts of full snapshots.
    pub fulls: u64,
    /// Connections that broke off.
    pub cuts: u64,
    /// Times that a reader was too slow, and latest-wins frames that it did not get.
    pub pressed: u64,
    /// See `pressed`.
    pub latest_skipped: u64,
    /// Crashes, and those with an edit that was not answered.
    pub crashes: u64,
    /// See `crashes`.
    pub crashes_unacked: u64,
    /// Stores that a crash lost, and stores that it kept without an answer.
    pub stores_lost: u64,
    /// See `stores_lost`.
    pub stores_kept: u64,
    /// Stores and loads that failed.
    pub storage_faults: u64,
    /// Drains.
    pub drains: u64,
    /// Rooms that went on as their saved copies.
    pub swaps: u64,
    /// Rooms that were forgotten and woke.
    pub wakes: u64,
    /// Rooms that fell asleep.
    pub sleeps: u64,
}

/// A rule that did not hold.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The plan's name.
    pub plan: &'static str,
    /// The seed of the world.
    pub seed: u64,
    /// Which rule, and what was seen.
    pub why: String,
    /// The last things that happened.
    pub tail: Vec<String>,
}

/// One room and everything around it.
pub struct World {
    plan: Plan,
    seed: u64,
    rng: Pcg,
    now: Time,
    host: Host,
    clients: Vec<Client>,
    events: BTreeMap<(Time, u64), Event>,
    next_event: u64,
    next_slot: u32,
    /// Faults have stopped.
    quiet: bool,
    report: Report,
    tail: VecDeque<String>,
}

#[derive(Clone, Debug)]
enum Event {
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

    fn pass_until(&mut self, end: Time) -> Result<(), String> {
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

    fn say(&mut self, client: usize, words: Vec<String>) {
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

    fn connect(&mut self, client: usize) -> Result<(), String> {
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
    fn input(&mut self, input: Input<'_>) -> Result<(), String> {
        let Some(room) = &mut self.host.room else { return Ok(()) };
        room.handle(self.now, input, &mut self.host.out);
        room.check().map_err(String::from)?;
        self.effects()
    }

    fn effects(&mut self) -> Result<(), String> {
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
    fn hang_up(&mut self, client: usize) {
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

    /// A fault, perhaps.
    fn strike(&mut self) -> Result<(), String> {
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

    fn chance(&mut self, of_ten_thousand: u64) -> bool {
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
        let stores = self.events.values().filter_map(|event| match event {
            Event::Answer(Asked::Store { owner, writes, .. }) => Some((*owner, writes.clone())),
            _ => None,
        });
        for (owner, writes) in stores.collect::<Vec<_>>() {
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

    fn forget_answers(&mut self) {
        self.events.retain(|_, event| !matches!(event, Event::Answer(_)));
    }

    /// Everyone sees the same, and nothing that was acknowledged is missing.
    fn compare(&mut self) -> Result<(), String> {
        let observer = self.clients.len();
        self.clients.push(Client::new(1000, Dialect::KanvasV1, self.seed));
        self.connect(observer)?;
        let last = self.now + Span::from_secs(5);
        self.pass_until(last)?;
        let truth = &self.clients[observer];
        if truth.stage != Stage::In {
            return Err("SIM1: an observer cannot join".to_string());
        }
        for (no, client) in self.clients.iter().enumerate() {
            for (id, (seq, image)) in &client.acked {
                let entry = usize::try_from(*seq).ok().and_then(|seq| self.host.disk.history.get(seq.checked_sub(1)?));
                let found = entry.is_some_and(|entry| match image {
                    Some(image) => entry.kind.as_str() == "image:remove" && *entry.target == **image,
                    None => *entry.op_id == **id,
                });
                if !found {
                    return Err(format!("SIM3: {id} was acknowledged at {seq}, where {entry:?} is"));
                }
            }
            if client.dialect != Dialect::KanvasV1 || client.stage != Stage::In {
                continue;
            }
            let seen = (client.replica.seq, &client.replica.images, &client.replica.shown);
            if seen != (truth.replica.seq, &truth.replica.images, &truth.replica.images) {
                return Err(format!("SIM1: client {no} sees {seen:?}, there is {:?}", truth.replica));
            }
            let tail = |chat: &[(u64, String)]| chat.iter().rev().take(100).cloned().collect::<Vec<_>>();
            if tail(&client.replica.chat) != tail(&truth.replica.chat) {
                return Err(format!("SIM1: client {no} has another chat"));
            }
            let but = [client.id.as_str(), truth.id.as_str()];
            if client.others(&but) != truth.others(&but) {
                let (seen, true_) = (client.others(&but), truth.others(&but));
                return Err(format!("SIM6: client {no} sees {seen:?}, there are {true_:?}"));
            }
        }
        Ok(())
    }

    fn after(&mut self, millis: u64, event: Event) {
        self.at(self.now + Span::from_millis(millis), event);
    }

    fn at(&mut self, time: Time, event: Event) {
        self.next_event += 1;
        self.events.insert((time, self.next_event), event);
    }

    fn note(&mut self, line: String) {
        if self.tail.len() >= 80 {
            self.tail.pop_front();
        }
        self.tail.push_back(format!("{} {line}", self.now.as_millis() % 10_000_000));
    }
}
