//! The sockets of one host thread and the groups of one room, as far as bytes go: who gets which frames, in which
//! order. It owns the queues and the slots; reading, timers and rooms are elsewhere.
//!
//! A frame for a group is appended once, to the group's buffer. Each member has a cursor into that buffer; anything of
//! its own (a frame, a cut, a move to another group) first queues the range up to the cursor, so the order of ops is
//! the order of bytes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use kanvas_core::{Close, Conn, Frame, Group, Pressure};
use slab::Slab;

use crate::gate::Pass;
use crate::host::Place;
use crate::outq::{Batch, CLOSE, OutQueue, PING, PONG, TEXT, put_frame};
use crate::parting::Parting;
use crate::quota::Claim;
use crate::watch::{Abuse, Watch};
use crate::wire::Wire;

/// Over this a member gets no latest-wins frames.
const HIGH: usize = 256 * 1024;
/// Over this a connection is cut.
const MOST: usize = 2 * 1024 * 1024;
/// How long a queue may stand still.
const STALL: Duration = Duration::from_secs(5);
/// How long a message may be unfinished.
const UNFINISHED: Duration = Duration::from_secs(10);
/// How long the last frames of a connection may take, and those of one that is known not to read.
const LAST_WORDS: Duration = Duration::from_secs(2);
const LAST_WORDS_SLOW: Duration = Duration::from_secs(1);

/// One audience of a room.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    building: Vec<u8>,
    batch: Rc<Batch>,
    members: Vec<usize>,
}

impl Audience {
    /// Gives the buffer of a flush back, once nobody needs it any more.
    pub(crate) fn reuse(&mut self, batch: Rc<Batch>) {
        if let Ok(batch) = Rc::try_unwrap(batch)
            && self.building.capacity() == 0
        {
            self.building = batch.into_bytes();
            self.building.clear();
        }
    }
}

/// One group's buffer of one flush.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// The group.
    pub(crate) no: usize,
    pub(crate) batch: Rc<Batch>,
}

/// The audiences of one room.
pub(crate) type Audiences = [Audience; Group::COUNT];

/// What a socket's reader and its link tell each other.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) watch: RefCell<Watch>,
    pub(crate) abuse: Cell<Option<Abuse>>,
    /// Nothing more is read as messages.
    pub(crate) ending: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Shared {
    /// Has the reader woken when the link changes.
    pub(crate) fn park(&self, waker: &Waker) {
        let mut slot = self.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// One socket.
pub(crate) struct Link {
    generation: u32,
    /// Whose it is.
    pub(crate) user: Box<str>,
    pub(crate) room: Rc<Place>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) shared: Rc<Shared>,
    pass: Pass,
    /// Until it joins.
    claim: Option<Claim>,
    queue: OutQueue,
    /// The answer to the latest ping while the socket is full; an older one that waits is replaced.
    pong: Option<Vec<u8>>,
    /// The group, and the place among its members.
    seat: Option<(u8, usize)>,
    cursor: usize,
    marked: bool,
    /// A task waits for the socket to take more.
    pub(crate) pumping: bool,
    pressed: bool,
    broken: bool,
    /// When the last frames must have left.
    pub(crate) ends_by: Option<Instant>,
    /// When the socket last took something.
    moved: Instant,
    /// When a queue that had to wait was last empty: somebody reads, though pings could not be asked.
    emptied: Instant,
    pinged: Instant,
}

/// What a write has to tell the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Pressure(Pressure),
    Over(Close),
}

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The end of a batch of inputs.
    Flush,
    /// The task that waited for the socket.
    Pump,
}

impl Link {
    pub(crate) fn new(room: Rc<Place>, wire: Arc<Wire>, pass: Pass, user: &str, claim: Option<Claim>) -> Link {
        let now = Instant::now();
        let shared = Rc::new(Shared {
            watch: RefCell::new(Watch::new(now)),
            abuse: Cell::new(None),
            ending: Cell::new(false),
            waker: RefCell::new(None),
        });
        Link {
            generation: 0,
            user: user.into(),
            room,
            wire,
            shared,
            pass,
            claim,
            queue: OutQueue::default(),
            pong: None,
            seat: None,
            cursor: 0,
            marked: false,
            pumping: false,
            pressed: false,
            broken: false,
            ends_by: None,
            moved: now,
            emptied: now,
            pinged: now,
        }
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ends_by.is_some()
    }

    /// Whether nothing waits to be written, or nothing can be.
    pub(crate) fn is_drained(&self) -> bool {
        self.broken || self.queue.is_empty() && !self.wire.holds()
    }

    /// Queues what its group has had so far.
    fn catch_up(&mut self, audiences: &Audiences) {
        let Some(audience) = self.seat.and_then(|(group, _)| audiences.get(usize::from(group))) else { return };
        let end = audience.building.len();
        self.queue.push_shared(&audience.batch, self.cursor..end);
        self.cursor = end;
    }

    /// Writes what the socket takes. `Some` if the room or the host must hear of it.
    fn write(&mut self, by: By) -> Option<News> {
        if self.broken {
            return None;
        }
        if self.pumping && by == By::Flush {
            return self.news(true);
        }
        let blocked = loop {
            // A pong goes behind what was queued before it, and waits in its slot while the socket is full.
            if (!self.pumping || self.queue.is_empty())
                && let Some(pong) = self.pong.take()
            {
                self.queue.push_frame(PONG, &pong);
            }
            let slices = self.queue.slices();
            let wanted = slices.len;
            if wanted == 0 && !self.wire.holds() {
                break false;
            }
            let Ok(wrote) = self.wire.try_write(slices.as_slices(), wanted) else {
                self.fail();
                return None;
            };
            self.queue.advance(wrote.taken);
            if wrote.moved {
                self.moved = Instant::now();
            }
            if wrote.blocked {
                break true;
            }
        };
        if blocked && !self.pumping {
            self.moved = Instant::now();
        }
        if !blocked && self.pumping {
            self.emptied = Instant::now();
        }
        self.news(blocked)
    }

    fn news(&mut self, blocked: bool) -> Option<News> {
        if self.is_ending() {
            if !blocked {
                self.shared.wake();
            }
            return None;
        }
        if self.queue.counted() > MOST {
            return Some(News::Over(if self.queue.has_parts() { Close::Resync } else { Close::SlowConsumer }));
        }
        if !self.pressed && self.queue.counted() > HIGH {
            self.pressed = true;
            return Some(News::Pressure(Pressure::High));
        }
        if self.pressed && self.queue.is_empty() {
            self.pressed = false;
            return Some(News::Pressure(Pressure::Clear));
        }
        None
    }

    fn fail(&mut self) {
        self.broken = true;
        self.queue = OutQueue::default();
        self.shared.ending.set(true);
        self.shared.wake();
    }

    /// What time asks of it.
    fn overdue(&self, now: Instant, dead_after: Duration) -> Option<Parting> {
        if self.is_ending() || self.broken {
            return None;
        }
        let passed = |since: Instant| now.saturating_duration_since(since);
        let watch = self.shared.watch.borrow();
        let waits = !self.is_drained();
        let silent = !waits && passed(watch.last_frame.max(self.emptied)) > dead_after;
        if waits && passed(self.moved) > STALL {
            Some(Parting::Slow(Close::SlowConsumer))
        } else if silent || watch.unfinished.is_some_and(|at| passed(at) > UNFINISHED) {
            Some(Parting::Told(Close::Timeout))
        } else {
            None
        }
    }
}

/// The sockets of one thread, by slot.
#[derive(Default)]
pub(crate) struct Links {
    slab: Slab<Link>,
    generations: Vec<u32>,
    marked: Vec<usize>,
}

impl Links {
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn insert(&mut self, mut link: Link) -> Conn {
        let slot = self.slab.vacant_key();
        if self.generations.len() <= slot {
            self.generations.resize(slot + 1, 0);
        }
        if let Some(generation) = self.generations.get_mut(slot) {
            *generation = generation.wrapping_add(1);
            link.generation = *generation;
        }
        let generation = link.generation;
        self.slab.insert(link);
        // The cap on connections is far below.
        Conn { slot: u32::try_from(slot).unwrap_or(u32::MAX), generation }
    }

    pub(crate) fn get(&mut self, conn: Conn) -> Option<&mut Link> {
        self.slab.get_mut(conn.slot as usize).filter(|link| link.generation == conn.generation)
    }

    pub(crate) fn remove(&mut self, conn: Conn) {
        if self.get(conn).is_some() {
            self.slab.remove(conn.slot as usize);
        }
    }

    pub(crate) fn conns(&self) -> Vec<Conn> {
        let conn =
            |(slot, link): (usize, &Link)| Some(Conn { slot: u32::try_from(slot).ok()?, generation: link.generation });
        self.slab.iter().filter_map(conn).collect()
    }

    fn mark(link: &mut Link, slot: usize, marked: &mut Vec<usize>) {
        if !link.marked {
            link.marked = true;
            marked.push(slot);
        }
    }

    /// The link, if the room may still send to it.
    fn open(&mut self, conn: Conn) -> Option<(&mut Link, &mut Vec<usize>)> {
        let link = self.slab.get_mut(conn.slot as usize)?;
        (link.generation == conn.generation && !link.is_ending()).then_some((link, &mut self.marked))
    }

    /// Queues a frame for one socket.
    pub(crate) fn send_one(&mut self, conn: Conn, audiences: &Audiences, frame: Frame<'_>) {
        let Some((link, marked)) = self.open(conn) else { return };
        link.catch_up(audiences);
        match frame {
            Frame::Inline(bytes) => link.queue.push_frame(TEXT, bytes),
            Frame::Part(part, tail) => link.queue.push_part(part, tail),
        }
        Links::mark(link, conn.slot as usize, marked);
    }

    /// Appends a frame to a group's buffer. True if the group has somebody to hear it.
    pub(crate) fn send_group(
        &mut self,
        group: Group,
        except: Option<Conn>,
        audiences: &mut Audiences,
        frame: &Frame<'_>,
    ) -> bool {
        let excepted = except.filter(|conn| {
            let seat = self.get(*conn).and_then(|link| link.seat);
            seat.is_some_and(|(seated, _)| seated == group.0)
        });
        if let Some(link) = excepted.and_then(|conn| self.get(conn)) {
            link.catch_up(audiences);
        }
        let Some(audience) = audiences.get_mut(usize::from(group.0)) else { return false };
        if audience.members.len() <= usize::from(excepted.is_some()) {
            return false;
        }
        match frame {
            Frame::Inline(bytes) => put_frame(TEXT, bytes, &mut audience.building),
            Frame::Part(..) => put_frame(TEXT, &frame.to_vec(), &mut audience.building),
        }
        let end = audience.building.len();
        if let Some(link) = excepted.and_then(|conn| self.get(conn)) {
            link.cursor = end;
        }
        true
    }

    /// Moves a socket to an audience, or out of every one.
    pub(crate) fn seat(&mut self, conn: Conn, group: Option<Group>, audiences: &mut Audiences) {
        let slot = conn.slot as usize;
        let Some((link, marked)) = self.open(conn) else { return };
        link.catch_up(audiences);
        Links::mark(link, slot, marked);
        if group.is_some() {
            link.pass.joined();
            link.claim = None;
        }
        if let Some((old, place)) = link.seat.take()
            && let Some(audience) = audiences.get_mut(usize::from(old))
        {
            audience.members.swap_remove(place);
            if let Some(moved) = audience.members.get(place).and_then(|moved| self.slab.get_mut(*moved)) {
                moved.seat = Some((old, place));
            }
        }
        let Some(group) = group else { return };
        let Some(audience) = audiences.get_mut(usize::from(group.0)) else { return };
        if let Some(link) = self.get(conn) {
            link.seat = Some((group.0, audience.members.len()));
            link.cursor = audience.building.len();
            audience.members.push(slot);
        }
    }

    /// Says the last words and stops everything else. False if that has happened before.
    pub(crate) fn part(&mut self, conn: Conn, parting: &Parting, audiences: &mut Audiences) -> bool {
        self.seat(conn, None, audiences);
        let Some((link, marked)) = self.open(conn) else { return false };
        let mut limit = LAST_WORDS;
        match parting {
            Parting::Slow(_) => {
                limit = LAST_WORDS_SLOW;
                link.queue.cut_short();
            }
            Parting::Gone => link.fail(),
            Parting::Room(_) | Parting::Told(_) | Parting::Frame(..) | Parting::Echo(_) => {}
        }
        if let Some(event) = parting.event() {
            link.queue.push_frame(TEXT, event.as_bytes());
        }
        if let Some(payload) = parting.close_frame() {
            link.queue.push_frame(CLOSE, &payload);
        }
        link.pong = None;
        link.ends_by = Some(Instant::now() + limit);
        link.shared.ending.set(true);
        link.shared.wake();
        Links::mark(link, conn.slot as usize, marked);
        true
    }

    /// Closes the books of a flush: every member gets its range of each group's buffer, and the buffers can be
    /// written.
    pub(crate) fn seal(&mut self, audiences: &mut Audiences, sealed: &mut Vec<Sealed>) {
        for no in 0..audiences.len() {
            let Some(audience) = audiences.get(no).filter(|audience| !audience.building.is_empty()) else { continue };
            for slot in &audience.members {
                let Some(link) = self.slab.get_mut(*slot) else { continue };
                link.catch_up(audiences);
                link.cursor = 0;
                Links::mark(link, *slot, &mut self.marked);
            }
            let Some(audience) = audiences.get_mut(no) else { continue };
            let batch = std::mem::take(&mut audience.batch);
            batch.seal(std::mem::take(&mut audience.building));
            sealed.push(Sealed { no, batch });
        }
    }

    /// Writes to every socket that has something new. Lists what rooms must hear, and those that wait for space.
    pub(crate) fn write_marked(&mut self, news: &mut Vec<(Conn, News)>, blocked: &mut Vec<Conn>) {
        while let Some(slot) = self.marked.pop() {
            let Some(link) = self.slab.get_mut(slot).filter(|link| link.marked) else { continue };
            link.marked = false;
            let conn = Conn { slot: u32::try_from(slot).unwrap_or(u32::MAX), generation: link.generation };
            news.extend(link.write(By::Flush).map(|what| (conn, what)));
            if !link.is_drained() && !link.pumping {
                link.pumping = true;
                blocked.push(conn);
            }
        }
    }

    /// Writes to one socket that has space again. False when nobody need wait for it any longer.
    pub(crate) fn pump(&mut self, conn: Conn) -> (bool, Option<News>) {
        let Some(link) = self.get(conn) else { return (false, None) };
        let news = link.write(By::Pump);
        link.pumping = !link.is_drained();
        (link.pumping, news)
    }

    /// Queues the answer to a ping.
    pub(crate) fn pong(&mut self, conn: Conn, payload: &[u8]) -> bool {
        let Some((link, marked)) = self.open(conn) else { return false };
        if link.pumping {
            link.pong = Some(payload.to_vec());
        } else {
            // It leaves with the next write, in its order; the budget of control frames bounds how many do.
            link.queue.push_frame(PONG, payload);
        }
        Links::mark(link, conn.slot as usize, marked);
        true
    }

    /// Queues a message of any kind.
    #[cfg(feature = "echo")]
    pub(crate) fn echo(&mut self, conn: Conn, first: u8, payload: &[u8]) {
        let Some((link, marked)) = self.open(conn) else { return };
        link.queue.push_frame(first, payload);
        Links::mark(link, conn.slot as usize, marked);
    }

    /// Queues pings that are due, and lists those whose time is up.
    pub(crate) fn sweep(&mut self, ping_every: Duration, dead_after: Duration) -> Vec<(Conn, Parting)> {
        let now = Instant::now();
        let mut overdue = Vec::new();
        for (slot, link) in &mut self.slab {
            if let Some(parting) = link.overdue(now, dead_after) {
                let slot = u32::try_from(slot).unwrap_or(u32::MAX);
                overdue.push((Conn { slot, generation: link.generation }, parting));
            } else if !link.is_ending() && now.saturating_duration_since(link.pinged) >= ping_every {
                link.pinged = now;
                // A queue that is not empty is being read or is stalled: either way a ping behind it tells nothing.
                if link.queue.is_empty() {
                    link.queue.push_frame(PING, &[]);
                    Links::mark(link, slot, &mut self.marked);
                }
            }
        }
        overdue
    }
}
