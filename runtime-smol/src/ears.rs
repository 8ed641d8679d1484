//! What wakes a host thread: its sockets with something to read, its next alarm, and its tasks. It has a poller of its
//! own, so that what one thread's sockets say wakes no other thread, and so that many sockets cost one wake-up.
#![expect(unsafe_code, reason = "a poller cannot know how long the sockets live that it is given")]

use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Wake;
use std::time::Duration;

use polling::{Event, Events, PollMode, Poller};

use crate::wire::Wire;

/// What a socket is ready for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) slot: usize,
    /// It has something, or has ended.
    pub(crate) read: bool,
    /// It takes more, or has ended.
    pub(crate) write: bool,
}

/// See the module.
pub(crate) struct Ears {
    poller: Arc<Poller>,
    events: Events,
    /// By slot. Each is in the poller as long as it is here.
    sockets: Vec<Option<Arc<Wire>>>,
}

/// Says that a task of the thread has something to do, from whichever thread.
pub(crate) struct Nudge {
    poller: Arc<Poller>,
    state: AtomicU8,
}

/// The thread is about to look after its tasks.
const AWAKE: u8 = 0;
/// It waits, or is about to.
const WAITING: u8 = 1;
/// A task has something to do.
const NUDGED: u8 = 2;

impl Nudge {
    /// Whether a task has had something to do since this was last asked.
    pub(crate) fn take(&self) -> bool {
        self.state.swap(AWAKE, Ordering::AcqRel) == NUDGED
    }
}

impl Wake for Nudge {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(NUDGED, Ordering::AcqRel) == WAITING {
            // It fails only where waiting fails, too.
            drop(self.poller.notify());
        }
    }
}

impl Ears {
    pub(crate) fn new() -> io::Result<Ears> {
        Ok(Ears { poller: Arc::new(Poller::new()?), events: Events::new(), sockets: Vec::new() })
    }

    /// What wakes it; at first there is something to do.
    pub(crate) fn nudge(&self) -> Arc<Nudge> {
        Arc::new(Nudge { poller: self.poller.clone(), state: AtomicU8::new(NUDGED) })
    }

    /// Listens to a socket, under a slot that nobody has.
    pub(crate) fn listen(&mut self, slot: usize, wire: &Arc<Wire>) -> io::Result<()> {
        self.leave(slot);
        // SAFETY: `sockets` keeps the socket open until `leave`, or the end of this value, has taken it out of the
        // poller.
        unsafe { self.poller.add_with_mode(&wire.as_fd(), Event::readable(slot), PollMode::Level) }?;
        if self.sockets.len() <= slot {
            self.sockets.resize_with(slot + 1, || None);
        }
        if let Some(place) = self.sockets.get_mut(slot) {
            *place = Some(wire.clone());
        }
        Ok(())
    }

    /// Says what of a socket that it listens to is of interest. That it has ended always is.
    pub(crate) fn want(&self, slot: usize, read: bool, write: bool) -> io::Result<()> {
        match self.sockets.get(slot) {
            Some(Some(wire)) => {
                let event = Event::new(slot, read, write);
                self.poller.modify_with_mode(wire.as_fd(), event, PollMode::Level)
            }
            Some(None) | None => Ok(()),
        }
    }

    /// Listens no longer.
    pub(crate) fn leave(&mut self, slot: usize) {
        if let Some(wire) = self.sockets.get_mut(slot).and_then(Option::take) {
            let gone = self.poller.delete(wire.as_fd());
            debug_assert!(gone.is_ok(), "it was added, and is open");
        }
    }

    /// Waits for a socket or a task, at most so long, and appends the sockets that are ready.
    pub(crate) fn wait(&mut self, nudge: &Nudge, most: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let waits = nudge.state.compare_exchange(AWAKE, WAITING, Ordering::AcqRel, Ordering::Acquire).is_ok();
        let most = if waits { most } else { Some(Duration::ZERO) };
        self.events.clear();
        match self.poller.wait(&mut self.events, most) {
            Ok(_) => ready.extend(self.events.iter().map(|event| Ready {
                slot: event.key,
                read: event.readable,
                write: event.writable,
            })),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        for slot in 0..self.sockets.len() {
            self.leave(slot);
        }
    }
}
