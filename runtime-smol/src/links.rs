//! The sockets of one host thread and the groups of one room, as far as bytes go: who gets which frames, in which
//! order. It owns the queues and the slots; reading, timers and rooms are elsewhere.
//!
//! A frame for a group is appended once, to the group's buffer. Each member has a cursor into that buffer; anything of
//! its own (a frame, a cut, a move to another group) first queues the range up to the cursor, so the order of ops is
//! the order of bytes.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kanvas_core::{Conn, Frame, FrameKind, Group};
use slab::Slab;

use crate::dashboard::SlowOne;
use crate::ears::{Ears, Nudge, Ready};
use crate::frames::Frames;
use crate::host::{Place, Waiting};
use crate::link::{By, Entry, Link, News};
use crate::meters::{Report, Tally};
use crate::outq::{Batch, CLOSE, PING, PONG, TEXT, put_frame};
use crate::parting::Parting;
use crate::server::Server;
use crate::wire::Wire;

/// How long the last frames of a connection may take, and those of one that is known not to read.
const LAST_WORDS: Duration = Duration::from_secs(2);
const LAST_WORDS_SLOW: Duration = Duration::from_secs(1);

/// One audience of a room.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    pub(crate) building: Vec<u8>,
    pub(crate) batch: Rc<Batch>,
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

/// The audiences of one room, by [`Group`].
pub(crate) type Audiences = Vec<Audience>;

/// A socket that is being read.
pub(crate) struct Reading {
    pub(crate) conn: Conn,
    pub(crate) room: Rc<Place>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) frames: Box<Frames>,
    /// It has said nothing before.
    pub(crate) is_silent: bool,
}

/// Sockets that are not heard, and how far each was read.
pub(crate) type Hushed = Vec<(Conn, Box<Frames>)>;

/// The sockets of one thread, by slot.
pub(crate) struct Links {
    slab: Slab<Link>,
    generations: Vec<u32>,
    marked: Vec<usize>,
    ears: Ears,
    /// Those with more to read than was read: their sockets may not say so again.
    again: Vec<usize>,
    /// Those whose last frames are on their way.
    parted: Vec<Conn>,
    /// What was said to them so far.
    pub(crate) tally: Tally,
    /// Frames so far, each as often as it was sent.
    pub(crate) delivered: u64,
    server: Arc<Server>,
}

impl Links {
    pub(crate) fn new(ears: Ears, server: Arc<Server>) -> Links {
        Links {
            slab: Slab::new(),
            generations: Vec::new(),
            marked: Vec::new(),
            ears,
            again: Vec::new(),
            parted: Vec::new(),
            tally: Tally::default(),
            delivered: 0,
            server,
        }
    }

    /// Waits for a socket or a task, at most so long; appends the sockets that are ready.
    pub(crate) fn wait(&mut self, nudge: &Nudge, most: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let most = if self.again.is_empty() { most } else { Some(Duration::ZERO) };
        ready.extend(self.again.drain(..).map(|slot| Ready { slot, read: true, write: false }));
        self.ears.wait(nudge, most, ready)
    }

    /// Lends out what it takes to read a socket, until it is given back.
    pub(crate) fn lend(&mut self, slot: usize) -> Option<Reading> {
        let link = self.slab.get_mut(slot).filter(|link| !link.is_ending())?;
        let frames = link.frames.take()?;
        let conn = Conn { slot: u32::try_from(slot).unwrap_or(u32::MAX), generation: link.generation };
        let is_silent = link.entry == Entry::Silent;
        Some(Reading { conn, room: link.room.clone(), wire: link.wire.clone(), frames, is_silent })
    }

    /// A socket has said something for the first time.
    pub(crate) fn asks(&mut self, conn: Conn, now: Instant) {
        if let Some(link) = self.get(conn) {
            link.entry = Entry::Asks(now);
        }
    }

    /// Takes it back; `more` if not all was read.
    pub(crate) fn give_back(&mut self, reading: Reading, more: bool) {
        let Some(link) = self.get(reading.conn) else { return };
        link.frames = Some(reading.frames);
        if more && !link.is_ending() {
            self.again.push(reading.conn.slot as usize);
        }
    }

    /// Whether nothing that comes from it counts any more.
    pub(crate) fn is_over(&mut self, conn: Conn) -> bool {
        self.get(conn).is_none_or(|link| link.is_ending())
    }

    /// Takes the next of those whose end has to be seen to.
    pub(crate) fn next_parted(&mut self) -> Option<Conn> {
        self.parted.pop()
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Adds what it has and has said.
    pub(crate) fn report(&self, report: &mut Report) {
        report.tally = self.tally.clone();
        report.sockets = self.slab.len() as u64;
        for (_, link) in &self.slab {
            report.slow += u64::from(link.pressed);
            report.waiting_bytes += link.queue.counted() as u64;
        }
    }

    /// What waits for whom, by the life of their room. Lists those who do not read fast enough.
    pub(crate) fn waiting(&self, now: Instant, slow: &mut Vec<SlowOne>) -> HashMap<u64, Waiting> {
        let mut waiting: HashMap<u64, Waiting> = HashMap::new();
        for (_, link) in &self.slab {
            let bytes = link.queue.counted() as u64;
            if bytes == 0 && !link.pressed {
                continue;
            }
            let room = waiting.entry(link.room.life).or_default();
            room.bytes += bytes;
            room.slow += u64::from(link.pressed);
            if link.pressed {
                let still = u64::try_from(now.saturating_duration_since(link.moved).as_millis()).unwrap_or(u64::MAX);
                slow.push(SlowOne { room: link.room.room().cloned(), user: link.user.clone().into(), bytes, still });
            }
        }
        waiting
    }

    /// Takes a socket in, and hears it from now on.
    pub(crate) fn insert(&mut self, mut link: Link) -> io::Result<Conn> {
        let slot = self.slab.vacant_key();
        self.ears.listen(slot, &link.wire)?;
        self.again.push(slot);
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
        Ok(Conn { slot: u32::try_from(slot).unwrap_or(u32::MAX), generation })
    }

    pub(crate) fn get(&mut self, conn: Conn) -> Option<&mut Link> {
        self.slab.get_mut(conn.slot as usize).filter(|link| link.generation == conn.generation)
    }

    pub(crate) fn remove(&mut self, conn: Conn) {
        if self.get(conn).is_some() {
            self.ears.leave(conn.slot as usize);
            self.slab.remove(conn.slot as usize);
        }
    }

    pub(crate) fn conns(&self) -> Vec<Conn> {
        let conn =
            |(slot, link): (usize, &Link)| Some(Conn { slot: u32::try_from(slot).ok()?, generation: link.generation });
        self.slab.iter().filter_map(conn).collect()
    }

    /// Those of one room that are not ending.
    pub(crate) fn conns_of(&self, room: &Rc<Place>) -> Vec<Conn> {
        let of_room = |(slot, link): (usize, &Link)| {
            let conn = Conn { slot: u32::try_from(slot).ok()?, generation: link.generation };
            (Rc::ptr_eq(&link.room, room) && !link.is_ending()).then_some(conn)
        };
        self.slab.iter().filter_map(of_room).collect()
    }

    /// Hears the sockets of a room no more, and keeps what it takes to read them.
    pub(crate) fn hush(&mut self, room: &Rc<Place>) -> Hushed {
        let conns = self.conns_of(room);
        let hush = |conn: Conn| {
            let frames = self.get(conn)?.frames.take()?;
            self.ears.leave(conn.slot as usize);
            Some((conn, frames))
        };
        conns.into_iter().filter_map(hush).collect()
    }

    /// Hears them again, where they were. Lists those that cannot be heard any more.
    pub(crate) fn hear_again(&mut self, hushed: Hushed) -> Vec<Conn> {
        let mut lost = Vec::new();
        for (conn, frames) in hushed {
            let Some(link) = self.get(conn) else { continue };
            link.frames = Some(frames);
            let (wire, reads, pumping) = (link.wire.clone(), !link.is_ending(), link.pumping);
            let slot = conn.slot as usize;
            let heard = self.ears.listen(slot, &wire).and_then(|()| self.ears.want(slot, reads, pumping));
            match heard {
                Ok(()) if reads => self.again.push(slot),
                Ok(()) => {}
                Err(_) => lost.push(conn),
            }
        }
        lost
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
    pub(crate) fn send_one(&mut self, conn: Conn, audiences: &Audiences, kind: FrameKind, frame: Frame<'_>) {
        let bytes = frame.len();
        let Some((link, marked)) = self.open(conn) else { return };
        link.catch_up(audiences);
        match frame {
            Frame::Inline(bytes) => link.queue.push_frame(TEXT, bytes),
            Frame::Part(part, tail) => link.queue.push_part(part, tail),
        }
        Links::mark(link, conn.slot as usize, marked);
        self.tally.say(kind, 1, bytes);
        self.delivered += 1;
    }

    /// Appends a frame to a group's buffer. True if the group has somebody to hear it.
    pub(crate) fn send_group(
        &mut self,
        group: Group,
        except: Option<Conn>,
        audiences: &mut Audiences,
        kind: FrameKind,
        frame: &Frame<'_>,
    ) -> bool {
        let excepted = except.filter(|conn| {
            let seat = self.get(*conn).and_then(|link| link.seat);
            seat.is_some_and(|(seated, _)| seated == group)
        });
        if let Some(link) = excepted.and_then(|conn| self.get(conn)) {
            link.catch_up(audiences);
        }
        let Some(audience) = audiences.get_mut(group.0 as usize) else { return false };
        let receivers = audience.members.len().saturating_sub(usize::from(excepted.is_some()));
        if receivers == 0 {
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
        self.tally.say(kind, receivers, frame.len());
        self.delivered += receivers as u64;
        true
    }

    /// Moves a socket to an audience, or out of every one.
    pub(crate) fn seat(&mut self, conn: Conn, group: Option<Group>, audiences: &mut Audiences) {
        let slot = conn.slot as usize;
        let Some((link, marked)) = self.open(conn) else { return };
        link.catch_up(audiences);
        Links::mark(link, slot, marked);
        let mut asked = None;
        if group.is_some() {
            if let Entry::Asks(since) = std::mem::replace(&mut link.entry, Entry::In) {
                asked = Some((link.room.clone(), since));
            }
            link.pass.joined();
            link.claim = None;
        }
        if let Some((old, place)) = link.seat.take()
            && let Some(audience) = audiences.get_mut(old.0 as usize)
        {
            audience.members.swap_remove(place);
            if let Some(moved) = audience.members.get(place).and_then(|moved| self.slab.get_mut(*moved)) {
                moved.seat = Some((old, place));
            }
        }
        if let Some((room, since)) = asked {
            self.server.meters.joined(room.id(), since.elapsed());
        }
        let Some(group) = group else { return };
        let no = group.0 as usize;
        if audiences.len() <= no {
            audiences.resize_with(no + 1, Audience::default);
        }
        let Some(audience) = audiences.get_mut(no) else { return };
        if let Some(link) = self.get(conn) {
            link.seat = Some((group, audience.members.len()));
            link.cursor = audience.building.len();
            audience.members.push(slot);
        }
    }

    /// Says the last words and stops everything else. False if that has happened before.
    pub(crate) fn part(&mut self, conn: Conn, parting: &Parting, audiences: &mut Audiences) -> bool {
        self.seat(conn, None, audiences);
        let server = self.server.clone();
        let Some((link, marked)) = self.open(conn) else { return false };
        let mut limit = LAST_WORDS;
        match parting {
            Parting::Slow(_) => {
                limit = LAST_WORDS_SLOW;
                link.queue.cut_short();
            }
            Parting::Gone => link.fail(),
            Parting::Room(_) | Parting::Told(_) | Parting::Away(_) | Parting::Frame(..) | Parting::Echo(_) => {}
        }
        if let Some(event) = parting.event() {
            link.queue.push_frame(TEXT, event.as_bytes());
        }
        if let Some(payload) = parting.close_frame() {
            link.queue.push_frame(CLOSE, &payload);
        }
        link.pong = None;
        link.ends_by = Some(Instant::now() + limit);
        Links::mark(link, conn.slot as usize, marked);
        let pumping = link.pumping;
        server.meters.closed(parting);
        server.watch.closes.note(server.clock.now(), parting, link.room.room(), &link.user);
        self.parted.push(conn);
        if self.ears.want(conn.slot as usize, false, pumping).is_err()
            && let Some(link) = self.get(conn)
        {
            link.fail();
        }
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

    /// Writes to every socket that has something new. Lists what rooms must hear.
    pub(crate) fn write_marked(&mut self, news: &mut Vec<(Conn, News)>) {
        while let Some(slot) = self.marked.pop() {
            let Some(link) = self.slab.get_mut(slot).filter(|link| link.marked) else { continue };
            link.marked = false;
            let conn = Conn { slot: u32::try_from(slot).unwrap_or(u32::MAX), generation: link.generation };
            news.extend(link.write(By::Flush).map(|what| (conn, what)));
            news.extend(self.settle(slot).map(|what| (conn, what)));
        }
    }

    /// Writes on to a socket that takes more.
    pub(crate) fn pump(&mut self, slot: usize) -> Option<(Conn, News)> {
        let link = self.slab.get_mut(slot)?;
        let conn = Conn { slot: u32::try_from(slot).unwrap_or(u32::MAX), generation: link.generation };
        let news = link.write(By::Pump);
        self.settle(slot).or(news).map(|what| (conn, what))
    }

    /// After a write: hears of a full socket when it takes more, and no longer of one that has said all.
    fn settle(&mut self, slot: usize) -> Option<News> {
        let link = self.slab.get_mut(slot)?;
        let full = !link.is_drained();
        if link.is_ending() && !full {
            self.ears.leave(slot);
        } else if full != link.pumping {
            link.pumping = full;
            if self.ears.want(slot, !link.is_ending(), full).is_err() {
                link.fail();
                return Some(News::Gone);
            }
        }
        None
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
