//! A host thread: it owns its rooms and their sockets, gives the rooms their inputs and carries out their ops. Nothing
//! here takes a lock; other threads are heard through channels. One host has the list of rooms in place of rooms: there
//! a search holds up nobody's cursor.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kanvas_core::{Close, Command, Conn, Directory, Input, Outbox, Room, RoomId, Span, Stats, Time};
use smol::channel::{Receiver, Sender};
use smol::future::FutureExt as _;
use smol::{Async, LocalExecutor, Timer};

use crate::ask::Question;
use crate::conn::{self, Caller};
use crate::dashboard::{Survey, Wanted};
use crate::door::Door;
use crate::ears::Ears;
use crate::frames::Frames;
use crate::gate::Pass;
use crate::http;
use crate::link::{Link, News};
use crate::links::{Links, Sealed};
use crate::meters::Report;
use crate::parting::Parting;
use crate::quota::Claim;
use crate::server::Server;
use crate::store::Answer;
use crate::wire::Wire;

mod answers;
mod flight;
mod list;
mod moving;
mod ops;
mod place;
mod rounds;
mod survey;

use flight::Flight;
pub(crate) use flight::{Asked, Slot};
pub(crate) use list::Word;
use moving::Aways;
pub(crate) use moving::{Arrival, Errand, NotMoved, Step, ask as move_room, retry_after};
pub(crate) use place::Place;
use place::{Machine, State};
pub(crate) use survey::Waiting;

/// How often pings, stalls and silences are looked at.
const SWEEP: Duration = Duration::from_millis(250);
/// Over how long clients of a server that stops are told to spread their return.
const SPREAD: Span = Span::from_millis(3000);
/// How long rooms may take to close by themselves when the server stops.
const ORDERLY: Duration = Duration::from_secs(5);

/// Somebody at a host's door.
pub(crate) enum Visitor {
    /// A new connection of this peer, which speaks HTTP first.
    Http(Async<TcpStream>, IpAddr, Pass, Door),
    /// A socket for a room of this host.
    Socket(Box<Caller>),
    /// A question to a room of this host.
    Ask(Box<Question>),
    /// Something to be done with a room that comes from another host or goes to one.
    Move(Box<Errand>),
    /// A word to the list of rooms, which this host has.
    List(Word),
    /// Somebody wants to know what this host has done.
    Measure(Sender<Report>),
    /// Somebody looks at the rooms of this host.
    Survey(Box<Wanted>, Sender<Survey>),
    /// The server stops, for this reason; answer when all is over.
    Drain(Close, Sender<()>),
}

/// What a host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    Rooms,
    /// The list of rooms, under whatever name it is asked for.
    List,
}

/// See the module.
pub(crate) struct Host {
    pub(crate) server: Arc<Server>,
    keeps: Keeps,
    executor: Rc<LocalExecutor<'static>>,
    answers: Sender<Answer>,
    rooms: RefCell<HashMap<RoomId, Rc<Place>>>,
    lives: RefCell<HashMap<u64, Rc<Place>>>,
    /// The recordings of its rooms, which outlive them for a while.
    flights: RefCell<HashMap<RoomId, Flight>>,
    aways: Aways,
    next_life: Cell<u64>,
    next_ticket: Cell<u64>,
    pub(crate) links: RefCell<Links>,
    outbox: RefCell<Outbox>,
    marked: RefCell<Vec<Rc<Place>>>,
    alarms: RefCell<BinaryHeap<Reverse<(Time, u64)>>>,
    /// What rooms had counted that have gone.
    gone: RefCell<Stats>,
    /// Something was said since the last flush.
    unflushed: Cell<bool>,
    draining: Cell<bool>,
}

/// Runs a host on this thread, for ever.
pub(crate) fn run(server: Arc<Server>, keeps: Keeps, ears: Ears, door: &Receiver<Visitor>) {
    let executor = Rc::new(LocalExecutor::new());
    let nudge = ears.nudge();
    let (answers, answered) = smol::channel::unbounded();
    let links = Links::new(ears, server.clone());
    let host = Rc::new(Host {
        server,
        keeps,
        executor: executor.clone(),
        answers,
        rooms: RefCell::default(),
        lives: RefCell::default(),
        flights: RefCell::default(),
        aways: Aways::default(),
        next_life: Cell::new(0),
        next_ticket: Cell::new(0),
        links: RefCell::new(links),
        outbox: RefCell::default(),
        marked: RefCell::default(),
        alarms: RefCell::default(),
        gone: RefCell::default(),
        unflushed: Cell::new(false),
        draining: Cell::new(false),
    });
    executor.spawn(host.clone().sweeps()).detach();
    let hear = host.clone();
    let listen = async move {
        while let Ok(answer) = answered.recv().await {
            hear.answer(answer);
        }
    };
    executor.spawn(listen).detach();
    let doors = async {
        while let Ok(visitor) = door.recv().await {
            host.visit(visitor);
        }
    };
    host.rounds(&nudge, executor.run(doors));
}

impl Host {
    fn visit(self: &Rc<Self>, visitor: Visitor) {
        match visitor {
            Visitor::Http(stream, peer, pass, door) => {
                self.spawn(http::serve(self.server.clone(), stream, peer, pass, door));
            }
            Visitor::Socket(caller) => self.spawn(conn::admit(self.clone(), *caller)),
            Visitor::Ask(question) => self.ask(*question),
            Visitor::Move(errand) => self.move_room(*errand),
            Visitor::List(word) => self.list(word),
            // One who no longer waits needs no answer.
            Visitor::Measure(reply) => drop(reply.try_send(self.report())),
            // The same.
            Visitor::Survey(wanted, reply) => drop(reply.try_send(self.survey(&wanted))),
            Visitor::Drain(close, reply) => self.spawn(self.clone().drain(close, reply)),
        }
    }

    fn report(&self) -> Report {
        let mut report = Report { stats: self.gone.borrow().clone(), ..Report::default() };
        self.links.borrow().report(&mut report);
        report.timers = self.alarms.borrow().len() as u64;
        for place in self.rooms.borrow().values() {
            let state = place.state.borrow();
            let Some(room) = state.machine.room() else { continue };
            report.rooms += 1;
            report.people += u64::from(room.people());
            report.stats.add(room.stats());
        }
        report
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.executor.spawn(future).detach();
    }

    /// The room of that name, loaded anew if it is not here. `None` if there are too many, or the server stops.
    pub(crate) fn room(&self, id: &RoomId) -> Option<Rc<Place>> {
        if let Some(room) = self.rooms.borrow().get(id) {
            return Some(room.clone());
        }
        if self.draining.get() || self.rooms.borrow().len() >= self.server.rooms_a_host {
            return None;
        }
        let life = self.a_life();
        let mut out = self.outbox.borrow_mut();
        let machine = match self.keeps {
            Keeps::Rooms => {
                let (seed, now) = (getrandom::u64().ok()?, self.server.clock.now());
                Machine::Room(Box::new(Room::new(id.clone(), &self.server.rooms, seed, now, &mut out)))
            }
            Keeps::List => Machine::Directory(Box::new(Directory::new(&self.server.rooms, getrandom::u64().ok()?))),
        };
        let room = Rc::new(Place::new(id.clone(), life, machine));
        self.rooms.borrow_mut().insert(id.clone(), room.clone());
        self.lives.borrow_mut().insert(life, room.clone());
        self.carry_out(&room, &mut room.state.borrow_mut(), &mut out);
        Some(room)
    }

    fn a_life(&self) -> u64 {
        let life = self.next_life.get();
        self.next_life.set(life + 1);
        life
    }

    /// Gives a machine one input and does what it says.
    pub(crate) fn drive(&self, room: &Rc<Place>, input: Input<'_>) {
        self.run_at(room, |state, now, out| state.handle(now, input, out));
    }

    fn run_at(&self, room: &Rc<Place>, work: impl FnOnce(&mut State, Time, &mut Outbox)) {
        let mut state = room.state.borrow_mut();
        if state.asleep {
            return;
        }
        state.dozing = false;
        let mut out = self.outbox.borrow_mut();
        work(&mut state, self.server.clock.now(), &mut out);
        self.carry_out(room, &mut state, &mut out);
    }

    /// Asks for a flush at the end of the round.
    pub(crate) fn want_flush(&self) {
        self.unflushed.set(true);
    }

    /// Writes to every socket what its room and its host have for it.
    fn flush(self: &Rc<Self>) {
        self.unflushed.set(false);
        let mut sealed: Vec<(Rc<Place>, Vec<Sealed>)> = Vec::new();
        let mut news = Vec::new();
        {
            let mut links = self.links.borrow_mut();
            for room in self.marked.borrow_mut().drain(..) {
                let mut batches = Vec::new();
                let mut state = room.state.borrow_mut();
                state.marked = false;
                links.seal(&mut state.audiences, &mut batches);
                drop(state);
                sealed.push((room, batches));
            }
            links.write_marked(&mut news);
        }
        let now = Instant::now();
        for (room, batches) in sealed {
            let mut state = room.state.borrow_mut();
            if let Some(heard) = state.heard.take() {
                self.server.meters.told(room.id(), now.saturating_duration_since(heard));
            }
            for Sealed { no, batch } in batches {
                if let Some(audience) = state.audiences.get_mut(no) {
                    audience.reuse(batch);
                }
            }
        }
        for (conn, what) in news {
            self.hear(conn, what);
        }
        while let Some(conn) = self.next_parted() {
            self.spawn(conn::finish(self.clone(), conn));
        }
    }

    fn next_parted(&self) -> Option<Conn> {
        self.links.borrow_mut().next_parted()
    }

    /// Passes on what a write found out.
    pub(crate) fn hear(&self, conn: Conn, news: News) {
        match news {
            News::Pressure(level) => {
                let room = self.links.borrow_mut().get(conn).map(|link| link.room.clone());
                if let Some(room) = room {
                    self.drive(&room, Input::Pressure { conn, level });
                }
            }
            News::Over(close) => self.part(conn, &Parting::Slow(close)),
            News::Gone => self.part(conn, &Parting::Gone),
        }
    }

    /// Ends a connection and tells its room.
    pub(crate) fn part(&self, conn: Conn, parting: &Parting) {
        let Some(room) = self.links.borrow_mut().get(conn).map(|link| link.room.clone()) else { return };
        let parted = self.links.borrow_mut().part(conn, parting, &mut room.state.borrow_mut().audiences);
        if parted {
            self.want_flush();
            self.drive(&room, Input::Disconnect { conn, end: parting.end() });
        }
    }

    /// Takes a socket in. Fails if the system has nothing left to hear it with.
    pub(crate) fn admit(
        &self,
        room: &Rc<Place>,
        wire: Arc<Wire>,
        pass: Pass,
        user: &str,
        claim: Option<Claim>,
    ) -> io::Result<Conn> {
        let most = self.server.rooms.limits.message_bytes as usize;
        let frames = Frames::new(most, Instant::now());
        self.links.borrow_mut().insert(Link::new(room.clone(), wire, frames, pass, user, claim))
    }

    async fn sweeps(self: Rc<Self>) {
        loop {
            Timer::after(SWEEP).await;
            let overdue = self.links.borrow_mut().sweep(self.server.ping_every, self.server.dead_after);
            for (conn, parting) in overdue {
                self.part(conn, &parting);
            }
            self.sweep_recordings();
            self.want_flush();
        }
    }

    /// Closes every room, and the sockets of those that do not manage it in time.
    async fn drain(self: Rc<Self>, close: Close, reply: Sender<()>) {
        self.draining.set(true);
        let rooms: Vec<_> = self.rooms.borrow().values().cloned().collect();
        for room in rooms {
            self.drive(&room, Input::Command(Command::Drain { close, spread: SPREAD }));
        }
        if self.keeps == Keeps::List {
            // It has nothing to store, and does not say that it may go.
            self.rooms.borrow_mut().clear();
        }
        let over = |host: &Host| host.rooms.borrow().is_empty() && host.links.borrow().len() == 0;
        let orderly = async {
            while !over(&self) {
                Timer::after(Duration::from_millis(10)).await;
            }
            true
        };
        let late = async {
            Timer::after(ORDERLY).await;
            false
        };
        if !orderly.or(late).await {
            let conns = self.links.borrow().conns();
            for conn in conns {
                self.part(conn, &Parting::Told(close));
            }
            let deadline = Instant::now() + Duration::from_secs(2);
            while self.links.borrow().len() > 0 && Instant::now() < deadline {
                Timer::after(Duration::from_millis(10)).await;
            }
        }
        let _ = reply.try_send(());
    }
}
