//! The world: what happens when, which faults come, and what everyone must agree on when they stop.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::client::Client;
use super::dice::{Dice, Steer};
use super::disk::Disk;
use super::fairness::Fairness;
use super::host::{Asked, Down, Effects, Host};
use super::line::{Kind, Line};
use super::plan::{Failed, Plan, Report};
use super::replica::Properties;
use super::tape::{Life, Tape};
use crate::id::Conn;
use crate::input::{End, Input, Standing};
use crate::limits::Config;
use crate::outbox::Outbox;
use crate::recording::Told;
use crate::room::Room;
use crate::time::{Span, Time};
use crate::wire::Dialect;

/// One room and everything around it. A clone goes the same way on its own; what steers a world it uses up alone.
#[derive(Clone)]
pub struct World {
    pub(super) plan: Plan,
    pub(super) seed: u64,
    pub(super) rng: Dice,
    pub(super) now: Time,
    pub(super) host: Host,
    pub(super) clients: Vec<Client>,
    pub(super) events: BTreeMap<(Time, u64), Event>,
    pub(super) next_event: u64,
    pub(super) next_slot: u32,
    pub(super) phase: Phase,
    /// When this phase ends.
    pub(super) until: Time,
    /// Nobody does anything before then.
    pub(super) rest_until: Time,
    /// How often everyone may still rest or go away.
    pub(super) pauses: u32,
    /// Whether nobody is shut out any more, as far as an owner could see to it.
    pub(super) peace: bool,
    /// Nobody connects before then.
    pub(super) away_until: Time,
    /// How often the disk may still be full for a while.
    pub(super) spells: u32,
    /// The disk has no space before then.
    pub(super) full_until: Time,
    /// Who made the room, if they could own it.
    pub(super) owner: Option<String>,
    pub(super) fairness: Fairness,
    pub(super) report: Report,
    pub(super) lines: VecDeque<Line>,
    remembered: usize,
    steps: u64,
    /// What goes wrong by the clock has choices of its own.
    pub(super) sky: Dice,
    /// Who does nothing in which second, by their number.
    pub(super) mute: BTreeSet<(u64, u64)>,
    /// The images that storage has, as of so many events.
    pub(super) truth: BTreeMap<String, Properties>,
    pub(super) truth_upto: usize,
}

/// How far a world has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// People work and faults strike.
    Working,
    /// The faults have stopped: everyone comes back, and every edit finds its answer.
    Settling,
    /// Nothing new comes; drags fall silent and lost sessions end.
    Resting,
    /// The last frames arrive, then all is compared.
    Comparing,
    /// Every rule held.
    Done,
}

/// When every world begins.
const BEGIN: Time = Time::from_millis(1_790_000_000_000);

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
    /// The disk has space again.
    Space,
    /// It is time for what goes wrong by the clock.
    Blow,
}

/// The dialect of one of the people.
#[cfg(feature = "testing")]
const STRANGE: Dialect = Dialect::Plain;
#[cfg(not(feature = "testing"))]
const STRANGE: Dialect = Dialect::KanvasV1;

/// How long the last phase may take.
const SETTLING: Span = Span::from_secs(240);

impl World {
    /// A world of this seed.
    pub fn new(seed: u64, plan: Plan) -> World {
        World::build(seed, plan, None)
    }

    /// A world in which these bytes decide what people do and which faults come, one after the other. When they are
    /// used up, the work is over.
    pub fn steered(seed: u64, plan: Plan, bytes: &[u8]) -> World {
        World::build(seed, plan, Some(Rc::new(Steer::new(bytes))))
    }

    fn build(seed: u64, plan: Plan, steer: Option<Rc<Steer>>) -> World {
        let now = BEGIN;
        let clients: Vec<Client> = (0..plan.clients)
            .map(|no| {
                let dialect = if no == 5 && plan.rate.is_none() { STRANGE } else { Dialect::KanvasV1 };
                Client::new(no, dialect, seed, &plan, steer.clone())
            })
            .collect();
        let until = now + plan.work;
        let host = Host {
            room: None,
            config: plan.config.clone(),
            disk: Disk::default(),
            sockets: BTreeMap::new(),
            out: Outbox::new(),
            twin: None,
            echoed: 0,
            asleep: false,
            draining: false,
            announced: None,
            replies: BTreeMap::new(),
            hash: seed,
            watched: false,
            said: Vec::new(),
            tape: None,
        };
        let mut world = World {
            rng: Dice::new(seed, steer),
            clients,
            host,
            plan,
            seed,
            now,
            events: BTreeMap::new(),
            next_event: 0,
            next_slot: 0,
            phase: Phase::Working,
            until,
            rest_until: now,
            pauses: 3,
            peace: false,
            away_until: now,
            spells: 3,
            full_until: now,
            owner: None,
            fairness: Fairness::default(),
            report: Report::default(),
            lines: VecDeque::new(),
            remembered: 80,
            steps: 0,
            sky: Dice::new(!seed, None),
            mute: BTreeSet::new(),
            truth: BTreeMap::new(),
            truth_upto: 0,
        };
        for client in 0..world.clients.len() {
            let (first, act) = (world.rng.below(2000), world.rng.below(3000));
            world.after(first, Event::Connect(client));
            world.after(act, Event::Act(client));
        }
        if world.plan.rate.is_some() {
            world.after(0, Event::Blow);
        }
        world
    }

    /// Lets everything happen, then compares.
    ///
    /// # Errors
    /// The first rule that did not hold.
    pub fn run(mut self) -> Result<Report, Failed> {
        while self.step()? != Phase::Done {}
        Ok(self.report)
    }

    /// Lets one thing happen, and says how far the world has come.
    ///
    /// # Errors
    /// The rule that did not hold. The world is of no more use then.
    ///
    /// ```
    /// use kanvas_core::sim::{Phase, Plan, World};
    /// let mut world = World::new(3, Plan::calm());
    /// while world.step().expect("every rule holds") == Phase::Working && world.report().acked == 0 {}
    /// assert!(world.report().delivered > 0);
    /// ```
    pub fn step(&mut self) -> Result<Phase, Failed> {
        self.steps += 1;
        match self.advance() {
            Ok(()) => Ok(self.phase),
            Err(why) => Err(self.failure(why)),
        }
    }

    pub(super) fn failure(&self, why: String) -> Failed {
        Failed { plan: self.plan.name, seed: self.seed, why, tail: self.tail().collect() }
    }

    /// How far the world has come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How many things have happened.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What happened up to now.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The world's clock.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Keeps this many of the last things that happened, in place of 80.
    pub fn remember(&mut self, lines: usize) {
        self.remembered = lines;
    }

    /// The last things that happened, as readable lines.
    pub fn tail(&self) -> impl Iterator<Item = String> + '_ {
        self.lines.iter().map(Line::told)
    }

    /// Records what its rooms are told and what they say, from their birth on; each is saved once, after so many inputs.
    pub fn record(&mut self, save_after: u64) {
        self.host.tape = Some(Tape { lives: Vec::new(), save_after });
    }

    /// The rooms that were recorded, in the order in which they were born.
    pub fn lives(&self) -> &[Life] {
        self.host.tape.as_ref().map_or(&[], |tape| &tape.lives)
    }

    /// What rooms of this world are like.
    pub fn config(&self) -> &Config {
        &self.plan.config
    }

    /// The last things that happened, which are forgotten here.
    pub(super) fn take_lines(&mut self) -> VecDeque<Line> {
        core::mem::take(&mut self.lines)
    }

    /// Those who are there by the plan; beside them there may be some who were, and an observer at the end.
    pub(super) fn people(&self) -> &[Client] {
        let count = usize::try_from(self.plan.clients).unwrap_or(usize::MAX);
        self.clients.get(..count).unwrap_or(&self.clients)
    }

    /// As many people as the plan says.
    pub(super) fn populate(&mut self) {
        let (there, wanted) = (self.clients.len() as u64, self.plan.clients);
        for no in 0..there.max(wanted) {
            let client = usize::try_from(no).unwrap_or(0);
            if no >= there {
                self.clients.push(Client::new(no, Dialect::KanvasV1, self.seed, &self.plan, None));
                self.after(0, Event::Act(client));
            }
            let conn = self.clients[client].conn;
            match conn {
                None if no < wanted => self.after(0, Event::Connect(client)),
                Some(conn) if no >= wanted => self.cut(conn, 0),
                None | Some(_) => {}
            }
        }
    }

    fn advance(&mut self) -> Result<(), String> {
        let over = self.now >= self.until || self.phase == Phase::Working && self.rng.is_spent();
        match self.phase {
            Phase::Working if over => self.calm_down(),
            Phase::Working => {
                self.happen_next()?;
                self.strike()
            }
            Phase::Settling if self.peace && self.people().iter().all(Client::is_settled) => {
                self.begin(Phase::Resting, Span::from_secs(20));
                Ok(())
            }
            Phase::Settling if over => {
                let waiting = self.clients.iter().map(Client::waits_for);
                Err(format!("SIM3: edits never found an answer: {:?}", waiting.collect::<Vec<_>>()))
            }
            Phase::Resting if over => {
                // A room that woke has forgotten where people point (SLEEP3): they say it again.
                for client in 0..if self.plan.forget > 0 { self.clients.len() } else { 0 } {
                    let words = self.clients[client].last_words();
                    self.say(client, words);
                }
                self.begin(Phase::Comparing, Span::from_secs(5));
                Ok(())
            }
            Phase::Comparing if over => {
                self.compare()?;
                (self.report.hash, self.report.edits) = (self.host.hash, self.host.disk.head());
                (self.report.echoed, self.report.chunks) = (self.host.echoed, self.host.disk.further_chunks);
                self.phase = Phase::Done;
                Ok(())
            }
            Phase::Settling | Phase::Resting | Phase::Comparing => self.happen_next(),
            Phase::Done => Ok(()),
        }
    }

    fn begin(&mut self, phase: Phase, span: Span) {
        (self.phase, self.until) = (phase, self.now + span);
    }

    /// The faults stop.
    pub(super) fn calm_down(&mut self) -> Result<(), String> {
        self.begin(Phase::Settling, SETTLING);
        (self.rest_until, self.away_until, self.full_until) = (self.now, self.now, self.now);
        if self.host.disk.is_usurped() {
            self.crash()?;
        }
        for conn in self.host.sockets.keys().copied().collect::<Vec<_>>() {
            self.wake_reader(conn)?;
        }
        self.peace = self.plan.govern == 0 || self.owner.is_none();
        Ok(())
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.phase != Phase::Working
    }

    /// Lets time pass until then, and until every frame that was sent has arrived.
    pub(super) fn pass_until(&mut self, end: Time) -> Result<(), String> {
        let in_flight = |world: &World| world.events.values().any(|event| matches!(event, Event::Down(..)));
        while self.now < end || in_flight(self) {
            self.happen_next()?;
        }
        Ok(())
    }

    /// The next event, or the room's deadline if that is sooner.
    fn happen_next(&mut self) -> Result<(), String> {
        let event = self.events.first_key_value().map(|((time, _), _)| *time);
        let deadline = self.host.room.as_ref().and_then(Room::deadline);
        match (event, deadline) {
            (None, None) => {
                self.now = self.now + Span::from_secs(1);
                Ok(())
            }
            (event, Some(at)) if event.is_none_or(|event| at <= event) => {
                self.report.jumps += u64::from(self.now > at);
                self.now = self.now.max(at);
                self.input(Input::Tick)?;
                let due = self.host.room.as_ref().and_then(Room::deadline).filter(|at| *at <= self.now);
                // ROOM13: else the host would spin.
                due.map_or(Ok(()), |at| Err(format!("SIM12: the deadline {} stays due", at.as_millis())))
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
            Event::Connect(client) if self.now < self.away_until => {
                let wait = self.rng.below(2000);
                self.at(self.away_until + Span::from_millis(wait), Event::Connect(client));
            }
            Event::Connect(client) => return self.connect(client),
            Event::Up(conn, message) => {
                if let Some(socket) = self.host.sockets.get(&conn).filter(|socket| !socket.cut) {
                    let client = socket.client;
                    self.fairness.hear(self.now, &self.clients[client], &message);
                    self.note(Kind::Input, Some(client), format!("{} > {message}", conn.slot));
                    return self.input(Input::Message { conn, bytes: message.as_bytes() });
                }
            }
            Event::Down(conn, down) => return self.arrive(conn, down),
            Event::Gone(conn, end) => {
                if let Some(socket) = self.host.sockets.remove(&conn) {
                    self.note(Kind::Link, Some(socket.client), format!("{} is gone: {end:?}", conn.slot));
                    return self.input(Input::Disconnect { conn, end });
                }
            }
            Event::Read(conn) => return self.wake_reader(conn),
            Event::Answer(asked) => return self.answer(asked),
            Event::Space if !self.is_quiet() => return self.everyone_was_let_in(),
            Event::Space => {}
            Event::Blow => return self.blow(),
        }
        Ok(())
    }

    fn act(&mut self, client: usize) {
        // A sleeping host needs moments in which nothing happens; longer rests let people become idle.
        let lull = self.now < self.rest_until.max(self.away_until);
        let resting = lull || self.plan.forget > 0 && (self.now.as_millis() / 1000).is_multiple_of(2);
        // A word of an owner that comes again could undo the peace.
        let of_owner = |client: &&Client| client.standing == Standing::Verified;
        let still = !self.clients.iter().filter(of_owner).any(Client::has_unacked);
        let idle = client as u64 >= self.plan.clients || self.is_mute(client as u64);
        let (guided, rate) = (self.plan.guided && client == 0, self.plan.rate);
        let person = &mut self.clients[client];
        let words = match (self.phase, person.conn.is_some()) {
            (_, false) => Vec::new(),
            (Phase::Working, true) if idle || guided => Vec::new(),
            (Phase::Working, true) if rate.is_some() => person.paint(),
            (Phase::Working, true) if resting => Vec::new(),
            (Phase::Working, true) => person.act(&mut self.report),
            (Phase::Settling, true) if !self.peace && still && person.governs() => {
                self.peace = true;
                person.make_peace()
            }
            (Phase::Settling | Phase::Resting | Phase::Comparing | Phase::Done, true) => person.settle(),
        };
        self.say(client, words);
        let next = match (self.is_quiet(), rate) {
            (true, _) => 400,
            (false, Some(rate)) => 1000 / rate.max(1),
            (false, None) if lull => 500 + self.rng.below(2000),
            (false, None) => 10 + self.rng.below(180),
        };
        self.after(next, Event::Act(client));
    }

    /// Whether someone does nothing at this time.
    pub(super) fn is_mute(&self, who: u64) -> bool {
        !self.mute.is_empty() && self.mute.contains(&(who, self.now.since(BEGIN).as_millis() / 1000))
    }

    pub(super) fn say(&mut self, client: usize, words: Vec<String>) {
        let Some(conn) = self.clients[client].conn else { return };
        for message in words {
            self.up(conn, message);
        }
    }

    /// Gives the room an input, and everyone what comes of it.
    pub(super) fn input(&mut self, input: Input<'_>) -> Result<(), String> {
        if self.host.watched && !matches!(input, Input::Message { .. }) {
            let Told { kind, slot, text } = Told::of(&input);
            let socket = slot.map(|slot| Conn { slot, generation: 1 }).and_then(|conn| self.host.sockets.get(&conn));
            let who = socket.map(|socket| socket.client);
            self.note(Kind::Input, who, format!("{kind} {text}"));
        }
        self.host.handle(self.now, &input)?;
        self.effects()
    }

    /// From here on the lines tell of all that the room hears and says, too, and none of a step is forgotten.
    pub(super) fn watch(&mut self) {
        self.host.watched = true;
        self.remembered = usize::MAX;
    }

    pub(super) fn effects(&mut self) -> Result<(), String> {
        let Effects { down, asked, latest_skipped, founded } = self.host.carry_out()?;
        for text in core::mem::take(&mut self.host.said) {
            self.note(Kind::Op, None, text);
        }
        if let Some(socket) = founded.and_then(|conn| self.host.sockets.get(&conn)) {
            let founder = &self.clients[socket.client];
            self.owner = (founder.standing == Standing::Verified).then(|| founder.user.clone());
        }
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
            self.unload()?;
        }
        self.press()
    }

    /// The room may be dropped. A store that was still on its way may yet be made.
    fn unload(&mut self) -> Result<(), String> {
        let given_up = self.host.draining || self.host.room.as_ref().is_some_and(|room| room.fault().is_some());
        match given_up {
            true => self.report.given_up += 1,
            false => self.report.sleeps += 1,
        }
        self.note(Kind::Host, None, if given_up { "the room is given up" } else { "the room sleeps" }.to_string());
        self.finish_stores()?;
        self.host.drop_room();
        Ok(())
    }

    pub(super) fn after(&mut self, millis: u64, event: Event) {
        self.at(self.now + Span::from_millis(millis), event);
    }

    pub(super) fn at(&mut self, time: Time, event: Event) {
        self.next_event += 1;
        self.events.insert((time, self.next_event), event);
    }

    pub(super) fn note(&mut self, kind: Kind, who: Option<usize>, mut line: String) {
        let end = (0..=600.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        line.truncate(end);
        if self.lines.len() >= self.remembered {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { step: self.steps, at: self.now, kind, who, text: line });
    }
}
