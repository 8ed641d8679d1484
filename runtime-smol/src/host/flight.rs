//! Recordings of rooms that live: which of a host's rooms are recorded, for how long, and what is kept of those that are
//! over. How a room is recorded is `kanvas_core::recording`'s business.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kanvas_core::recording::{Bounds, Ended, Recorder};
use kanvas_core::{Code, RoomId, Time};
use serde::Serialize;

use super::Host;
use super::place::Place;
use crate::ask::{Refused, Reply, Told};

/// How long a recording that is over can be fetched.
const KEPT: Duration = Duration::from_secs(3600);
/// How many recordings the server has at once, those that are over included.
const MOST: usize = 8;

/// What is asked of a room's recording.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    Begin(Bounds),
    Describe,
    Fetch,
    Discard,
}

/// A place for a recording. There are as many as there are clones.
pub(crate) type Slot = Arc<()>;

/// A recording of a room of this host.
pub(super) struct Flight {
    /// Held by the room, too, while it goes on.
    recorder: Rc<RefCell<Recorder>>,
    /// Which of the rooms of that name.
    life: u64,
    /// When it was found to be over.
    over: Option<Instant>,
    _slot: Slot,
}

/// What is told of a recording.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Description<'a> {
    room: &'a RoomId,
    begun: Time,
    until: Time,
    most_bytes: usize,
    inputs: u64,
    bytes: usize,
    /// Null while it goes on.
    ended: Option<Ended>,
}

impl Host {
    /// Does what is asked of a room's recording.
    pub(super) fn record(&self, room: &Rc<Place>, asked: Asked) -> Reply {
        let mut flights = self.flights.borrow_mut();
        match (asked, flights.get(&room.id)) {
            (Asked::Begin(_), Some(flight)) if flight.recorder.borrow().ended().is_none() => {
                Err(Refused::Room(Code::Conflict))
            }
            (Asked::Begin(bounds), earlier) => {
                let slot = match earlier {
                    Some(flight) => flight._slot.clone(),
                    None => self.a_slot()?,
                };
                let flight = self.begin(room, bounds, slot)?;
                let told = flight.describe(&room.id);
                flights.insert(room.id.clone(), flight);
                told
            }
            (Asked::Describe | Asked::Fetch | Asked::Discard, None) => Err(Refused::Room(Code::NotFound)),
            (Asked::Describe, Some(flight)) => flight.describe(&room.id),
            (Asked::Fetch, Some(flight)) => Ok(Told::Recording(flight.recorder.borrow().recording())),
            (Asked::Discard, Some(flight)) => {
                let life = flight.life;
                flights.remove(&room.id);
                drop(flights);
                self.release(life);
                Ok(Told::Yes)
            }
        }
    }

    /// A place for one more recording, if there is one.
    fn a_slot(&self) -> Result<Slot, Refused> {
        let slot = self.server.recordings.clone();
        // The server holds one to clone.
        if Arc::strong_count(&slot) > MOST + 1 { Err(Refused::Room(Code::TooMany)) } else { Ok(slot) }
    }

    fn begin(&self, room: &Place, bounds: Bounds, slot: Slot) -> Result<Flight, Refused> {
        let mut state = room.state.borrow_mut();
        let machine = state.machine.room().filter(|machine| machine.summary().is_some());
        let machine = machine.ok_or(Refused::Room(Code::NotFound))?;
        let recorder = Recorder::begin(machine, env!("CARGO_PKG_VERSION"), self.server.clock.now(), bounds);
        let recorder = Rc::new(RefCell::new(recorder));
        state.recorder = Some(recorder.clone());
        tracing::info!(room = %room.id, "recording a room, as the API asked for");
        Ok(Flight { recorder, life: room.life, over: None, _slot: slot })
    }

    /// Ends those whose time is over, and forgets those that were there long enough.
    pub(super) fn sweep_recordings(&self) {
        if self.flights.borrow().is_empty() {
            return;
        }
        let (now, instant) = (self.server.clock.now(), Instant::now());
        let mut over = Vec::new();
        self.flights.borrow_mut().retain(|_, flight| {
            let mut recorder = flight.recorder.borrow_mut();
            if now.since(recorder.begun()) > recorder.bounds().span {
                recorder.end(Ended::Time);
            }
            if recorder.ended().is_some() && flight.over.is_none() {
                flight.over = Some(instant);
                over.push(flight.life);
            }
            flight.over.is_none_or(|over| instant.saturating_duration_since(over) < KEPT)
        });
        over.into_iter().for_each(|life| self.release(life));
    }

    /// Lets a room go to sleep that stayed awake to be recorded.
    fn release(&self, life: u64) {
        let Some(room) = self.lives.borrow().get(&life).cloned() else { return };
        let mut state = room.state.borrow_mut();
        state.recorder = None;
        if state.may_go() {
            self.let_go(&room, &mut state);
        }
    }
}

impl Flight {
    fn describe(&self, room: &RoomId) -> Reply {
        let recorder = self.recorder.borrow();
        let Bounds { bytes, span } = recorder.bounds();
        let description = Description {
            room,
            begun: recorder.begun(),
            until: recorder.begun() + span,
            most_bytes: bytes,
            inputs: recorder.inputs(),
            bytes: recorder.size(),
            ended: recorder.ended(),
        };
        serde_json::to_vec(&description).map(Told::Json).map_err(|_| Refused::Room(Code::Internal))
    }
}
