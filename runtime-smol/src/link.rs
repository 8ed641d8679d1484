//! One socket, as far as bytes go: its queue, what it was written, and what time asks of it.

use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use kanvas_core::{Close, Group, Pressure};

use crate::frames::Frames;
use crate::gate::Pass;
use crate::host::Place;
use crate::links::Audiences;
use crate::outq::{OutQueue, PONG};
use crate::parting::Parting;
use crate::quota::Claim;
use crate::wire::Wire;

/// Over this a member gets no latest-wins frames.
const HIGH: usize = 256 * 1024;
/// Over this a connection is cut.
const MOST: usize = 2 * 1024 * 1024;
/// How long a queue may stand still.
const STALL: Duration = Duration::from_secs(5);
/// How long a message may be unfinished.
const UNFINISHED: Duration = Duration::from_secs(10);

/// How far a socket has come into its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It has said nothing yet.
    Silent,
    /// It asks since then.
    Asks(Instant),
    /// It was let in.
    In,
}

/// One socket.
pub(crate) struct Link {
    pub(crate) generation: u32,
    /// Whose it is.
    pub(crate) user: Box<str>,
    pub(crate) room: Rc<Place>,
    pub(crate) wire: Arc<Wire>,
    /// What comes in; elsewhere while it is being read.
    pub(crate) frames: Option<Box<Frames>>,
    pub(crate) pass: Pass,
    pub(crate) entry: Entry,
    /// Until it joins.
    pub(crate) claim: Option<Claim>,
    pub(crate) queue: OutQueue,
    /// The answer to the latest ping while the socket is full; an older one that waits is replaced.
    pub(crate) pong: Option<Vec<u8>>,
    /// The group, and the place among its members.
    pub(crate) seat: Option<(Group, usize)>,
    pub(crate) cursor: usize,
    pub(crate) marked: bool,
    /// The socket is full; it is heard when it takes more.
    pub(crate) pumping: bool,
    pub(crate) pressed: bool,
    pub(crate) broken: bool,
    /// When the last frames must have left. Nothing is read any more.
    pub(crate) ends_by: Option<Instant>,
    /// Waits for the last frames to leave.
    pub(crate) waker: Option<Waker>,
    /// When the socket last took something.
    pub(crate) moved: Instant,
    /// When a queue that had to wait was last empty: somebody reads, though pings could not be asked.
    pub(crate) emptied: Instant,
    pub(crate) pinged: Instant,
}

/// What a write has to tell the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Pressure(Pressure),
    Over(Close),
    /// The socket takes nothing more.
    Gone,
}

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The end of a batch of inputs.
    Flush,
    /// A socket that was full and takes more.
    Pump,
}

impl Link {
    pub(crate) fn new(
        room: Rc<Place>,
        wire: Arc<Wire>,
        frames: Frames,
        pass: Pass,
        user: &str,
        claim: Option<Claim>,
    ) -> Link {
        let now = Instant::now();
        Link {
            generation: 0,
            user: user.into(),
            room,
            wire,
            frames: Some(Box::new(frames)),
            pass,
            entry: Entry::Silent,
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
            waker: None,
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
    pub(crate) fn catch_up(&mut self, audiences: &Audiences) {
        let Some(audience) = self.seat.and_then(|(group, _)| audiences.get(group.0 as usize)) else { return };
        let end = audience.building.len();
        self.queue.push_shared(&audience.batch, self.cursor..end);
        self.cursor = end;
    }

    /// Writes what the socket takes. `Some` if the room or the host must hear of it.
    pub(crate) fn write(&mut self, by: By) -> Option<News> {
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
                return Some(News::Gone);
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

    pub(crate) fn news(&mut self, blocked: bool) -> Option<News> {
        if self.is_ending() {
            if !blocked {
                self.wake();
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

    pub(crate) fn fail(&mut self) {
        self.broken = true;
        self.queue = OutQueue::default();
        self.wake();
    }

    pub(crate) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Whether the last frames have left; wakes when they do.
    pub(crate) fn poll_drained(&mut self, waker: &Waker) -> bool {
        self.waker = Some(waker.clone());
        self.is_drained()
    }

    /// What time asks of it.
    pub(crate) fn overdue(&self, now: Instant, dead_after: Duration) -> Option<Parting> {
        if self.is_ending() || self.broken {
            return None;
        }
        let passed = |since: Instant| now.saturating_duration_since(since);
        let frames = self.frames.as_ref()?;
        let waits = !self.is_drained();
        let silent = !waits && passed(frames.last_frame.max(self.emptied)) > dead_after;
        if waits && passed(self.moved) > STALL {
            Some(Parting::Slow(Close::SlowConsumer))
        } else if silent || frames.unfinished.is_some_and(|at| passed(at) > UNFINISHED) {
            Some(Parting::Told(Close::Timeout))
        } else {
            None
        }
    }
}
