//! Rooms that go to another host, and rooms that come from one, while their people wait outside (MOVE6 to MOVE10). What
//! travels is `kanvas_core::handover`'s; the rows are the store's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use kanvas_core::backend::FILE;
use kanvas_core::handover::{self, Unfit};
use kanvas_core::{Config, Loaded, Room, RoomId, Time};
use smol::Timer;
use smol::channel::Sender;

use super::place::{Machine, Place};
use super::{Host, Visitor, Word};
use crate::ask::{Question, Refused};
use crate::parting::Parting;
use crate::server::Server;
use crate::store::{Move, Moved, OwnedChunk, OwnedLog, StoredRoom, Whole};

/// What a file has beside the rows of the log, the chunks and the machine.
const FRAME_BYTES: usize = 256 * 1024;
/// How long a room may take to come to rest, or to be loaded.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(2);
/// The longest that people are told to stay away, in ms.
const AWAY_MILLIS: u64 = 1000;
/// How long whoever asks waits for the whole of it.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// What is asked of a host.
pub(crate) enum Step {
    /// Is the room not on its way? Nothing is loaded for it.
    Look,
    /// Give it away.
    Give,
    /// It has arrived where it went.
    Forget,
    /// Take it in.
    Take(Box<Arrival>),
}

/// A room that is to go on here, and the file that it came in.
pub(crate) struct Arrival {
    room: Box<Room>,
    stored: StoredRoom,
    file: Bytes,
}

/// Why it is not done. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotMoved {
    NotFound,
    /// It is being recorded.
    Recorded,
    /// It does not come to rest.
    Busy,
    /// It is held, or on its way.
    Away,
    /// It is not held.
    NotHeld,
    /// There is such a room.
    Taken,
    /// Another file than this is held.
    Other,
    /// No space.
    Full,
    Unavailable,
}

/// What came of it: the file, if one was asked for.
pub(crate) type Outcome = Result<Option<Bytes>, NotMoved>;

/// A room that this host does not let anybody into.
enum Away {
    /// It is just coming, or going.
    Moving,
    /// It was given away, as this file.
    Held(Bytes),
}

/// The rooms of a host that are on their way.
#[derive(Default)]
pub(super) struct Aways(RefCell<HashMap<RoomId, Away>>);

/// What is asked of a room's host, and who waits for the answer.
pub(crate) struct Errand {
    room: RoomId,
    step: Step,
    reply: Sender<Outcome>,
}

/// Has it done by the thread that runs the room.
pub(crate) async fn ask(server: &Server, room: RoomId, step: Step) -> Outcome {
    use smol::future::FutureExt as _;
    let (reply, answer) = smol::channel::bounded(1);
    let host = server.host_of(&room);
    let asking = async {
        host.send(Visitor::Move(Box::new(Errand { room, step, reply }))).await.ok()?;
        answer.recv().await.ok()
    };
    let late = async {
        Timer::after(ANSWER_TIME).await;
        None
    };
    asking.or(late).await.unwrap_or(Err(NotMoved::Unavailable))
}

impl Arrival {
    /// Reads a file. It takes a while for a large room.
    ///
    /// # Errors
    /// [`Unfit`]; `None` if it is another room's.
    pub(crate) fn read(file: Bytes, room: &RoomId, config: &Config, now: Time) -> Result<Arrival, Option<Unfit>> {
        let read = handover::read(&file).map_err(Some)?;
        if read.room() != room {
            return Err(None);
        }
        let machine = read.restore(config, now).map_err(Some)?;
        let Loaded { owner, record, chunks, log } = read.loaded();
        let stored = StoredRoom {
            owner,
            record: record.map(<[u8]>::to_vec),
            chunks: chunks.iter().map(OwnedChunk::new).collect(),
            log: log.iter().map(OwnedLog::new).collect(),
        };
        Ok(Arrival { room: Box::new(machine), stored, file })
    }
}

impl Host {
    pub(super) fn move_room(self: &Rc<Self>, errand: Errand) {
        let Errand { room, step, reply } = errand;
        let host = self.clone();
        self.spawn(async move {
            let outcome = match step {
                Step::Look if host.is_away(&room) => Err(NotMoved::Away),
                Step::Look => Ok(None),
                Step::Give => host.give(&room).await.map(Some),
                Step::Forget => host.forget(&room).await.map(|()| None),
                Step::Take(arrival) => host.take(&room, *arrival).await.map(|()| None),
            };
            // One who no longer waits needs no answer.
            drop(reply.try_send(outcome));
        });
    }

    /// Whether nobody is let into it now: they are to come again.
    pub(crate) fn is_away(&self, room: &RoomId) -> bool {
        self.aways.0.borrow().contains_key(room)
    }

    /// What is asked of a room that is still here waits until it is known whether it goes.
    pub(super) fn ask_one_away(&self, question: Question) {
        match self.rooms.borrow().get(&question.room) {
            Some(room) => room.state.borrow_mut().late.push(question),
            // One who no longer waits needs no answer.
            None => drop(question.reply.try_send(Err(Refused::Away))),
        }
    }

    fn set_away(&self, room: &RoomId, how: Away) {
        self.aways.0.borrow_mut().insert(room.clone(), how);
    }

    /// Lets people and questions in again.
    fn set_here(&self, id: &RoomId) {
        self.aways.0.borrow_mut().remove(id);
        let Some(room) = self.rooms.borrow().get(id).cloned() else { return };
        let mut state = room.state.borrow_mut();
        state.leaving_host = false;
        let late = std::mem::take(&mut state.late);
        if late.is_empty() && state.may_go() {
            self.let_go(&room, &mut state);
        }
        drop(state);
        late.into_iter().for_each(|question| self.ask(question));
    }

    /// MOVE6: gives a room away; it is held from then on.
    async fn give(self: &Rc<Self>, id: &RoomId) -> Result<Bytes, NotMoved> {
        match self.aways.0.borrow().get(id) {
            Some(Away::Held(file)) => return Ok(file.clone()),
            Some(Away::Moving) => return Err(NotMoved::Away),
            None => {}
        }
        let room = self.room(id).ok_or(NotMoved::Unavailable)?;
        self.set_away(id, Away::Moving);
        room.state.borrow_mut().leaving_host = true;
        if let Err(why) = self.bring_to_rest(&room).await {
            self.set_here(id);
            return Err(why);
        }
        let now = self.server.clock.now();
        let saved = self.stop(&room);
        let file = self.file(id, now, saved.clone()).await;
        let Some(file) = file else {
            if let Ok(machine) = Room::restore(&saved, now) {
                self.settle(id, Box::new(machine));
            }
            self.set_here(id);
            return Err(NotMoved::Unavailable);
        };
        self.set_away(id, Away::Held(file.clone()));
        tracing::info!(room = %id, "a room is held to be taken to another server, as the API asked for");
        Ok(file)
    }

    /// Takes a room out of this host: the machine as it is.
    fn stop(&self, room: &Place) -> Bytes {
        let (mut state, mut saved) = (room.state.borrow_mut(), Vec::new());
        if let Some(machine) = state.machine.room() {
            machine.save(&mut saved);
        }
        self.let_go(room, &mut state);
        saved.into()
    }

    fn may_give(&self, room: &Place) -> Result<(), NotMoved> {
        let state = room.state.borrow();
        let machine = state.machine.room().ok_or(NotMoved::NotFound)?;
        if self.draining.get() || machine.fault().is_some() || machine.is_closing() {
            return Err(NotMoved::Unavailable);
        }
        if machine.summary().is_none() {
            return Err(NotMoved::NotFound);
        }
        let is_recorded = state.recorder.as_ref().is_some_and(|recorder| recorder.borrow().ended().is_none());
        if is_recorded { Err(NotMoved::Recorded) } else { Ok(()) }
    }

    /// Hears nobody in the room any more, waits until it has said everything, and puts everybody out.
    async fn bring_to_rest(self: &Rc<Self>, room: &Rc<Place>) -> Result<(), NotMoved> {
        if !within(PATIENCE, || !room.state.borrow().machine.is_loading()).await {
            return Err(NotMoved::Unavailable);
        }
        self.may_give(room)?;
        let hushed = self.links.borrow_mut().hush(room);
        let rests =
            || room.state.borrow().machine.room().is_none_or(|machine| machine.is_quiet() || machine.is_closing());
        let came = within(PATIENCE, rests).await;
        // Nothing of theirs is read between here and their end: both are within one turn of this thread.
        let gone = self.links.borrow_mut().hear_again(hushed);
        gone.into_iter().for_each(|conn| self.part(conn, &Parting::Gone));
        self.may_give(room)?;
        if !came {
            return Err(NotMoved::Busy);
        }
        let conns = self.links.borrow().conns_of(room);
        for conn in conns {
            self.part(conn, &Parting::Away(retry_after()));
        }
        match room.state.borrow().machine.room() {
            Some(machine) if machine.may_move() => Ok(()),
            Some(_) | None => Err(NotMoved::Busy),
        }
    }

    /// The file of a room that was saved then. `None` if its rows cannot be read.
    async fn file(&self, id: &RoomId, now: Time, saved: Bytes) -> Option<Bytes> {
        let most = FILE.bytes.saturating_sub(saved.len() + FRAME_BYTES);
        let Whole { stored, cut } = self.server.store.whole(id.clone(), most).await?;
        if cut {
            tracing::warn!(room = %id, "the oldest of a room's history stays behind: it is too long for its file");
        }
        let room = id.clone();
        let file = smol::unblock(move || {
            let chunks: Vec<_> = stored.chunks.iter().map(OwnedChunk::row).collect();
            let log: Vec<_> = stored.log.iter().map(OwnedLog::row).collect();
            let loaded = Loaded { owner: stored.owner, record: stored.record.as_deref(), chunks: &chunks, log: &log };
            let mut file = Vec::new();
            handover::write_saved(&room, now, &saved, &loaded, &mut file);
            file
        });
        Some(file.await.into())
    }

    /// MOVE8: the room has arrived elsewhere.
    async fn forget(self: &Rc<Self>, id: &RoomId) -> Result<(), NotMoved> {
        let file = match self.aways.0.borrow().get(id) {
            Some(Away::Held(file)) => file.clone(),
            Some(Away::Moving) => return Err(NotMoved::Away),
            None => return Err(NotMoved::NotHeld),
        };
        self.set_away(id, Away::Moving);
        match self.server.store.move_room(id.clone(), Move::Out).await {
            Moved::Yes => {
                self.tell_list(Word::Forgotten(id.clone()));
                self.set_here(id);
                tracing::info!(room = %id, "a room has gone to another server");
                Ok(())
            }
            why @ (Moved::Taken | Moved::Full | Moved::Unavailable) => {
                self.set_away(id, Away::Held(file));
                Err(why.into())
            }
        }
    }

    /// MOVE9: a room is to go on here.
    async fn take(self: &Rc<Self>, id: &RoomId, arrival: Arrival) -> Result<(), NotMoved> {
        let Arrival { room, stored, file } = arrival;
        let held = match self.aways.0.borrow().get(id) {
            Some(Away::Held(held)) if *held == file => true,
            Some(Away::Held(_)) => return Err(NotMoved::Other),
            Some(Away::Moving) => return Err(NotMoved::Away),
            None => false,
        };
        if self.draining.get() {
            return Err(NotMoved::Unavailable);
        }
        if held {
            // Its rows are here as they were.
            self.settle(id, room);
            self.set_here(id);
            return Ok(());
        }
        self.set_away(id, Away::Moving);
        let taken = self.make_place(id, room, stored).await;
        self.set_here(id);
        taken
    }

    async fn make_place(self: &Rc<Self>, id: &RoomId, room: Box<Room>, stored: StoredRoom) -> Result<(), NotMoved> {
        let there = self.rooms.borrow().get(id).cloned();
        if let Some(there) = there {
            self.clear(&there).await?;
        } else if self.rooms.borrow().len() >= self.server.rooms_a_host {
            return Err(NotMoved::Unavailable);
        }
        match self.server.store.move_room(id.clone(), Move::of(stored)).await {
            Moved::Yes => {}
            why @ (Moved::Taken | Moved::Full | Moved::Unavailable) => return Err(why.into()),
        }
        // A server that stops meanwhile has the room when it is started again.
        if !self.draining.get() {
            self.settle(id, room);
        }
        tracing::info!(room = %id, "a room has come from another server");
        Ok(())
    }

    /// Puts those out who wait in a room that is none.
    async fn clear(self: &Rc<Self>, there: &Rc<Place>) -> Result<(), NotMoved> {
        if !within(PATIENCE, || !there.state.borrow().machine.is_loading()).await {
            return Err(NotMoved::Unavailable);
        }
        if there.state.borrow().machine.room().is_none_or(|machine| machine.summary().is_some()) {
            return Err(NotMoved::Taken);
        }
        let conns = self.links.borrow().conns_of(there);
        for conn in conns {
            self.part(conn, &Parting::Away(retry_after()));
        }
        let mut state = there.state.borrow_mut();
        if !state.asleep {
            self.let_go(there, &mut state);
        }
        Ok(())
    }

    /// Lets a machine go on at a place of its own.
    fn settle(&self, id: &RoomId, machine: Box<Room>) {
        let listing = machine.listing();
        let life = self.a_life();
        let place = Rc::new(Place::new(id.clone(), life, Machine::Room(machine)));
        self.rooms.borrow_mut().insert(id.clone(), place.clone());
        self.lives.borrow_mut().insert(life, place.clone());
        self.arm(&place, &mut place.state.borrow_mut());
        if let Some(listing) = listing {
            self.tell_list(Word::Announced(Box::new(listing)));
        }
    }
}

impl From<Moved> for NotMoved {
    fn from(why: Moved) -> NotMoved {
        match why {
            Moved::Taken => NotMoved::Taken,
            Moved::Full => NotMoved::Full,
            Moved::Yes | Moved::Unavailable => NotMoved::Unavailable,
        }
    }
}

/// How long somebody is told to stay away, in ms: not all the same.
pub(crate) fn retry_after() -> u64 {
    getrandom::u64().map_or(AWAY_MILLIS / 2, |chance| chance % (AWAY_MILLIS + 1))
}

/// Whether something comes to be in that time.
async fn within(time: Duration, is_so: impl Fn() -> bool) -> bool {
    let late = Instant::now() + time;
    while !is_so() {
        if Instant::now() >= late {
            return false;
        }
        Timer::after(LOOK).await;
    }
    true
}
