//! A host thread: it owns its rooms and their sockets, gives the rooms their inputs and carries out their ops. Nothing
//! here takes a lock; other threads are heard through channels.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::future::poll_fn;
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use kanvas_core::auth::Refusal;
use kanvas_core::{
    ChunkRow, Close, Command, Conn, Done, EffectId, Group, Input, Loaded, LogRow, Op, Outbox, Room, RoomId, Span, Time,
    To, Verified,
};
use smol::channel::{Receiver, Sender};
use smol::future::FutureExt as _;
use smol::{Async, LocalExecutor, Timer};

use crate::ask::{Put, Question, Refused, Reply, Told};
use crate::conn::{self, Caller};
use crate::gate::Pass;
use crate::http;
use crate::links::{Audiences, Link, Links, News, Sealed};
use crate::parting::Parting;
use crate::person;
use crate::quota::Claim;
use crate::server::Server;
use crate::store::{Answer, Asker, Outcome, OwnedChunk, OwnedLog, OwnedWrite, StoredRoom};
use crate::wire::Wire;

/// How often pings, stalls and silences are looked at.
const SWEEP: Duration = Duration::from_millis(250);
/// Over how long clients of a server that stops are told to spread their return.
const SPREAD: Span = Span::from_millis(3000);
/// How long rooms may take to close by themselves when the server stops.
const ORDERLY: Duration = Duration::from_secs(5);

/// Somebody at a host's door.
pub(crate) enum Visitor {
    /// A new connection of this peer, which speaks HTTP first.
    Http(Async<TcpStream>, IpAddr, Pass),
    /// A socket for a room of this host.
    Socket(Box<Caller>),
    /// A question to a room of this host.
    Ask(Box<Question>),
    /// The server stops, for this reason; answer when all is over.
    Drain(Close, Sender<()>),
}

/// Has a token checked that came over a socket.
async fn verify(server: Arc<Server>, token: String, asker: Asker) {
    let session = server.sign_in.check(&token).await;
    let verified = session.map(|session| {
        let lease = server.lease(session.expires);
        (session, lease)
    });
    asker.answer(Outcome::Verified(verified.map_err(Refusal::close)));
}

/// One room of this thread.
pub(crate) struct RoomHost {
    id: RoomId,
    life: u64,
    state: RefCell<RoomState>,
}

impl fmt::Debug for RoomHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomHost").field("id", &self.id).field("life", &self.life).finish_non_exhaustive()
    }
}

struct RoomState {
    machine: Room,
    audiences: Audiences,
    asleep: bool,
    /// Has something in a group's buffer.
    marked: bool,
    /// The earliest alarm that is set for it.
    armed: Option<Time>,
    /// Those who asked while it was loading.
    waiting: Vec<Question>,
    /// Those who wait for what it says to a command, by its ticket.
    replies: HashMap<u64, Sender<Reply>>,
}

/// A future's way to be woken.
#[derive(Default)]
struct Bell(RefCell<Option<Waker>>);

impl Bell {
    fn ring(&self) {
        if let Some(waker) = self.0.borrow_mut().take() {
            waker.wake();
        }
    }

    fn listen(&self, waker: &Waker) {
        *self.0.borrow_mut() = Some(waker.clone());
    }
}

/// See the module.
pub(crate) struct Host {
    pub(crate) server: Arc<Server>,
    executor: Rc<LocalExecutor<'static>>,
    answers: Sender<Answer>,
    rooms: RefCell<HashMap<RoomId, Rc<RoomHost>>>,
    lives: RefCell<HashMap<u64, Rc<RoomHost>>>,
    next_life: Cell<u64>,
    next_ticket: Cell<u64>,
    pub(crate) links: RefCell<Links>,
    outbox: RefCell<Outbox>,
    marked: RefCell<Vec<Rc<RoomHost>>>,
    alarms: RefCell<BinaryHeap<Reverse<(Time, u64)>>>,
    flush_bell: Bell,
    alarm_bell: Bell,
    draining: Cell<bool>,
}

/// Runs a host on this thread, for ever.
pub(crate) fn run(server: Arc<Server>, door: &Receiver<Visitor>) {
    let executor = Rc::new(LocalExecutor::new());
    let (answers, answered) = smol::channel::unbounded();
    let host = Rc::new(Host {
        server,
        executor: executor.clone(),
        answers,
        rooms: RefCell::default(),
        lives: RefCell::default(),
        next_life: Cell::new(0),
        next_ticket: Cell::new(0),
        links: RefCell::default(),
        outbox: RefCell::default(),
        marked: RefCell::default(),
        alarms: RefCell::default(),
        flush_bell: Bell::default(),
        alarm_bell: Bell::default(),
        draining: Cell::new(false),
    });
    executor.spawn(host.clone().flushes()).detach();
    executor.spawn(host.clone().alarms()).detach();
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
    smol::block_on(executor.run(doors));
}

impl Host {
    fn visit(self: &Rc<Self>, visitor: Visitor) {
        match visitor {
            Visitor::Http(stream, peer, pass) => self.spawn(http::serve(self.server.clone(), stream, peer, pass)),
            Visitor::Socket(caller) => self.spawn(conn::serve(self.clone(), *caller)),
            Visitor::Ask(question) => self.ask(*question),
            Visitor::Drain(close, reply) => self.spawn(self.clone().drain(close, reply)),
        }
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.executor.spawn(future).detach();
    }

    /// The room of that name, loaded anew if it is not here. `None` if there are too many, or the server stops.
    pub(crate) fn room(&self, id: &RoomId) -> Option<Rc<RoomHost>> {
        if let Some(room) = self.rooms.borrow().get(id) {
            return Some(room.clone());
        }
        if self.draining.get() || self.rooms.borrow().len() >= self.server.rooms_a_host {
            return None;
        }
        let life = self.next_life.get();
        self.next_life.set(life + 1);
        let mut out = self.outbox.borrow_mut();
        let seed = getrandom::u64().ok()?;
        let machine = Room::new(id.clone(), &self.server.rooms, seed, self.server.clock.now(), &mut out);
        let state = RoomState {
            machine,
            audiences: Audiences::default(),
            asleep: false,
            marked: false,
            armed: None,
            waiting: Vec::new(),
            replies: HashMap::new(),
        };
        let room = Rc::new(RoomHost { id: id.clone(), life, state: RefCell::new(state) });
        self.rooms.borrow_mut().insert(id.clone(), room.clone());
        self.lives.borrow_mut().insert(life, room.clone());
        self.carry_out(&room, &mut room.state.borrow_mut(), &mut out);
        Some(room)
    }

    /// Gives a room one input and does what it says.
    pub(crate) fn drive(&self, room: &Rc<RoomHost>, input: Input<'_>) {
        let mut state = room.state.borrow_mut();
        if state.asleep {
            return;
        }
        let mut out = self.outbox.borrow_mut();
        state.machine.handle(self.server.clock.now(), input, &mut out);
        self.carry_out(room, &mut state, &mut out);
    }

    fn carry_out(&self, room: &Rc<RoomHost>, state: &mut RoomState, out: &mut Outbox) {
        let mut links = self.links.borrow_mut();
        for op in out.ops() {
            match op {
                Op::Group { conn, group } => links.seat(conn, known(group), &mut state.audiences),
                Op::Send { to: To::One(conn), lane: _, frame } => links.send_one(conn, &state.audiences, frame),
                Op::Send { to: To::Group { group, except }, lane: _, frame } => {
                    if links.send_group(group, except, &mut state.audiences, &frame) && !state.marked {
                        state.marked = true;
                        self.marked.borrow_mut().push(room.clone());
                    }
                }
                Op::Close { conn, close } => {
                    links.part(conn, &Parting::Room(close), &mut state.audiences);
                }
                // A socket of this process never outlives its room.
                Op::Attach { .. } => {}
                Op::Load { effect } => {
                    let asker = self.asker(room, effect);
                    // All that can have come since the snapshot, and what the room keeps for those who resume.
                    let limits = &self.server.rooms.limits;
                    self.server.store.load(asker, limits.log_ops.saturating_add(limits.gated_frames));
                }
                Op::Store { effect, upto, owner, writes } => {
                    let asker = self.asker(room, effect);
                    self.server.store.store(asker, upto, owner, OwnedWrite::all(&writes));
                }
                Op::Verify { effect, conn: _, token } => {
                    let token = String::from_utf8_lossy(token).into_owned();
                    self.spawn(verify(self.server.clone(), token, self.asker(room, effect)));
                }
                Op::Founded { conn } => {
                    if let Some(link) = links.get(conn) {
                        self.server.births.count(self.server.clock.now(), &link.user);
                    }
                }
                Op::Reply { ticket, result } => {
                    if let Some(reply) = state.replies.remove(&ticket) {
                        // One who no longer waits needs no answer.
                        drop(reply.try_send(result.map(|()| Told::Yes).map_err(Refused::Room)));
                    }
                }
                Op::Sleep => state.asleep = true,
            }
        }
        if !out.is_empty() {
            self.flush_bell.ring();
        }
        out.clear();
        if state.asleep {
            if let Some(fault) = state.machine.fault() {
                tracing::warn!(room = %room.id, ?fault, "a room had to be given up; its clients are told to come back");
            }
            self.rooms.borrow_mut().remove(&room.id);
            self.lives.borrow_mut().remove(&room.life);
        } else {
            self.arm(room, state);
        }
    }

    fn asker(&self, room: &RoomHost, effect: EffectId) -> Asker {
        Asker { room: room.id.clone(), life: room.life, effect, answers: self.answers.clone() }
    }

    /// Makes sure that an alarm is set no later than the room's deadline. One that is too early stays.
    fn arm(&self, room: &RoomHost, state: &mut RoomState) {
        let Some(deadline) = state.machine.deadline() else { return };
        if state.armed.is_some_and(|armed| armed <= deadline) {
            return;
        }
        state.armed = Some(deadline);
        let mut alarms = self.alarms.borrow_mut();
        let earliest = alarms.peek().is_none_or(|Reverse((first, _))| deadline < *first);
        alarms.push(Reverse((deadline, room.life)));
        if earliest {
            self.alarm_bell.ring();
        }
    }

    /// The one timer of this thread.
    async fn alarms(self: Rc<Self>) {
        let mut timer = Timer::never();
        let mut set: Option<Time> = None;
        poll_fn(move |cx| -> Poll<()> {
            loop {
                self.alarm_bell.listen(cx.waker());
                self.ring_due();
                let next = self.alarms.borrow().peek().map(|Reverse((time, _))| *time);
                let Some(next) = next else { return Poll::Pending };
                if set != Some(next) {
                    timer.set_at(self.server.clock.instant(next));
                    set = Some(next);
                }
                match timer.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(_) => set = None,
                }
            }
        })
        .await;
    }

    fn ring_due(&self) {
        loop {
            let now = self.server.clock.now();
            let due = {
                let mut alarms = self.alarms.borrow_mut();
                match alarms.peek() {
                    Some(Reverse((time, _))) if *time <= now => alarms.pop(),
                    Some(_) | None => None,
                }
            };
            let Some(Reverse((time, life))) = due else { return };
            let Some(room) = self.lives.borrow().get(&life).cloned() else { continue };
            let mut state = room.state.borrow_mut();
            if state.armed != Some(time) {
                continue;
            }
            state.armed = None;
            if state.machine.deadline().is_some_and(|deadline| deadline <= now) {
                drop(state);
                self.drive(&room, Input::Tick);
            } else {
                self.arm(&room, &mut state);
            }
        }
    }

    /// Flushes whenever the inputs that were ready have been handled: a task that is woken runs behind those that
    /// were ready before it.
    async fn flushes(self: Rc<Self>) {
        poll_fn(move |cx| -> Poll<()> {
            self.flush_bell.listen(cx.waker());
            self.flush();
            Poll::Pending
        })
        .await;
    }

    /// Asks for a flush.
    pub(crate) fn want_flush(&self) {
        self.flush_bell.ring();
    }

    fn flush(self: &Rc<Self>) {
        let mut sealed: Vec<(Rc<RoomHost>, Vec<Sealed>)> = Vec::new();
        let (mut news, mut blocked) = (Vec::new(), Vec::new());
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
            links.write_marked(&mut news, &mut blocked);
        }
        for (room, batches) in sealed {
            let mut state = room.state.borrow_mut();
            for Sealed { no, batch } in batches {
                if let Some(audience) = state.audiences.get_mut(no) {
                    audience.reuse(batch);
                }
            }
        }
        for conn in blocked {
            self.spawn(conn::pump(self.clone(), conn));
        }
        for (conn, what) in news {
            self.hear(conn, what);
        }
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
        }
    }

    /// Ends a connection and tells its room.
    pub(crate) fn part(&self, conn: Conn, parting: &Parting) {
        let Some(room) = self.links.borrow_mut().get(conn).map(|link| link.room.clone()) else { return };
        let parted = self.links.borrow_mut().part(conn, parting, &mut room.state.borrow_mut().audiences);
        if parted {
            self.flush_bell.ring();
            self.drive(&room, Input::Disconnect { conn, end: parting.end() });
        }
    }

    /// Takes a socket in.
    pub(crate) fn admit(
        &self,
        room: &Rc<RoomHost>,
        wire: Arc<Wire>,
        pass: Pass,
        user: &str,
        claim: Option<Claim>,
    ) -> Conn {
        self.links.borrow_mut().insert(Link::new(room.clone(), wire, pass, user, claim))
    }

    async fn sweeps(self: Rc<Self>) {
        loop {
            Timer::after(SWEEP).await;
            let overdue = self.links.borrow_mut().sweep(self.server.ping_every, self.server.dead_after);
            for (conn, parting) in overdue {
                self.part(conn, &parting);
            }
            self.flush_bell.ring();
        }
    }

    fn answer(&self, answer: Answer) {
        let Answer { room, life, effect, outcome } = answer;
        let Some(host) = self.lives.borrow().get(&life).cloned() else { return };
        debug_assert_eq!(host.id, room);
        let result = match &outcome {
            Outcome::Stored(upto) => Done::Stored { upto: *upto },
            Outcome::Verified(Ok((session, lease))) => {
                Done::Verified(Ok(Verified { user: &session.user, org: person::org(session), lease: *lease }))
            }
            Outcome::Verified(Err(close)) => Done::Verified(Err(*close)),
            Outcome::Failed(failure) => Done::Failed(*failure),
            Outcome::Loaded(stored) => return self.loaded(&host, effect, stored),
        };
        self.drive(&host, Input::Done { effect, result });
        self.answer_waiting(&host);
    }

    fn loaded(&self, room: &Rc<RoomHost>, effect: EffectId, stored: &StoredRoom) {
        let chunks: Vec<ChunkRow<'_>> = stored.chunks.iter().map(OwnedChunk::row).collect();
        let log: Vec<LogRow<'_>> = stored.log.iter().map(OwnedLog::row).collect();
        let record = stored.record.as_deref();
        let loaded = Loaded { owner: stored.owner, record, chunks: &chunks, log: &log };
        self.drive(room, Input::Done { effect, result: Done::Loaded(loaded) });
        self.answer_waiting(room);
    }

    /// Puts the questions of those who asked for a room while it was loading, if it no longer is.
    fn answer_waiting(&self, room: &Rc<RoomHost>) {
        let waiting = {
            let mut state = room.state.borrow_mut();
            if state.machine.is_loading() && !state.asleep {
                return;
            }
            std::mem::take(&mut state.waiting)
        };
        for question in waiting {
            self.put(room, question);
        }
    }

    fn ask(&self, question: Question) {
        match self.room(&question.room) {
            Some(room) if room.state.borrow().machine.is_loading() => room.state.borrow_mut().waiting.push(question),
            Some(room) => self.put(&room, question),
            // One who no longer waits needs no answer.
            None => drop(question.reply.try_send(Err(Refused::Unavailable))),
        }
    }

    fn put(&self, room: &Rc<RoomHost>, question: Question) {
        let ticket = self.next_ticket.get();
        let answer = question.put(&room.state.borrow().machine, self.server.clock.now(), ticket);
        match answer {
            // One who no longer waits needs no answer.
            Put::Answer(reply) => drop(question.reply.try_send(reply)),
            Put::Command(command) => {
                self.next_ticket.set(ticket + 1);
                room.state.borrow_mut().replies.insert(ticket, question.reply.clone());
                self.drive(room, Input::Command(command));
            }
        }
    }

    /// Closes every room, and the sockets of those that do not manage it in time.
    async fn drain(self: Rc<Self>, close: Close, reply: Sender<()>) {
        self.draining.set(true);
        let rooms: Vec<_> = self.rooms.borrow().values().cloned().collect();
        for room in rooms {
            self.drive(&room, Input::Command(Command::Drain { close, spread: SPREAD }));
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

/// The core never names a group beyond its own count.
fn known(group: Option<Group>) -> Option<Group> {
    group.filter(|group| usize::from(group.0) < Group::COUNT)
}
