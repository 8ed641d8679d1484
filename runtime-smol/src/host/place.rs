//! What sockets of a host thread go to: a room, or the list of rooms. It owns the machine and what the host keeps for it;
//! when it is driven, and what is done of what it says, is the host's.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::time::Instant;

use kanvas_core::recording::Recorder;
use kanvas_core::{Command, Directory, Fault, Input, Outbox, Room, RoomId, Time, directory};
use smol::channel::Sender;

use super::survey::Pace;
use crate::ask::{Question, Reply};
use crate::links::Audiences;

/// See the module.
pub(crate) struct Place {
    pub(super) id: RoomId,
    /// Tells it from an earlier one of the same name.
    pub(crate) life: u64,
    is_list: bool,
    pub(super) state: RefCell<State>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("id", &self.id).field("life", &self.life).finish_non_exhaustive()
    }
}

impl Place {
    pub(crate) fn id(&self) -> &RoomId {
        &self.id
    }

    pub(super) fn new(id: RoomId, life: u64, machine: Machine) -> Place {
        let is_list = machine.room().is_none();
        let state = State {
            machine,
            recorder: None,
            audiences: Audiences::default(),
            dozing: false,
            asleep: false,
            marked: false,
            heard: None,
            delivered: 0,
            pace: Pace::new(Instant::now()),
            leaving_host: false,
            armed: None,
            waiting: VecDeque::new(),
            late: Vec::new(),
            leaving: Vec::new(),
            replies: HashMap::new(),
        };
        Place { id, life, is_list, state: RefCell::new(state) }
    }

    /// The room that it is, if it is one.
    pub(crate) fn room(&self) -> Option<&RoomId> {
        (!self.is_list).then_some(&self.id)
    }

    /// What people call it; nothing if it has no name yet.
    pub(super) fn name(&self) -> String {
        self.state.borrow().machine.room().and_then(Room::name).unwrap_or_default().to_owned()
    }
}

pub(super) struct State {
    pub(super) machine: Machine,
    /// Hears and notes what the room hears and says, if that is wanted.
    pub(super) recorder: Option<Rc<RefCell<Recorder>>>,
    pub(super) audiences: Audiences,
    /// It said that it may go, and has heard nothing since.
    pub(super) dozing: bool,
    pub(super) asleep: bool,
    /// Has something in a group's buffer.
    pub(super) marked: bool,
    /// When it heard the first message of which it may have something to tell.
    pub(super) heard: Option<Instant>,
    /// Frames of it so far, each as often as it was sent.
    pub(super) delivered: u64,
    pub(super) pace: Pace,
    /// It is on its way to another host, and does not go to sleep on that.
    pub(super) leaving_host: bool,
    /// The earliest alarm that is set for it.
    pub(super) armed: Option<Time>,
    /// Those who asked while it was loading.
    pub(super) waiting: VecDeque<Question>,
    /// Those who asked while it was closing: they ask again once it has gone.
    pub(super) late: Vec<Question>,
    /// Those who wait until it has gone.
    pub(super) leaving: Vec<Sender<Reply>>,
    /// Those who wait for what it says to a command, by its ticket.
    pub(super) replies: HashMap<u64, Sender<Reply>>,
}

impl State {
    /// Gives the machine one input.
    pub(super) fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Outbox) {
        let Some(recorder) = &self.recorder else { return self.machine.handle(now, input, out) };
        let mut recorder = recorder.borrow_mut();
        recorder.hear(now, &input);
        self.machine.handle(now, input, out);
        if let Some(room) = self.machine.room() {
            recorder.tell(room, out.ops());
        }
    }

    /// Whether it may be dropped: it said so, nobody waits for it, and neither a recording nor a move keeps it, unless it
    /// is at its end.
    pub(super) fn may_go(&self) -> bool {
        let is_wanted = self.recorder.is_some() || self.leaving_host;
        let is_kept = is_wanted && self.machine.fault().is_none() && !self.machine.is_closing();
        self.dozing && !self.asleep && self.waiting.is_empty() && !is_kept
    }
}

/// What decides at a place.
pub(super) enum Machine {
    Room(Box<Room>),
    Directory(Box<Directory>),
}

impl Machine {
    /// Gives it what both kinds hear. Stored bytes and commands are for rooms alone.
    pub(super) fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Outbox) {
        match self {
            Machine::Room(room) => room.handle(now, input, out),
            Machine::Directory(list) => {
                let input = match input {
                    Input::Connect { conn, identity, .. } => directory::Input::Connect { conn, user: identity.user },
                    Input::Message { conn, bytes } => directory::Input::Message { conn, bytes },
                    Input::Pressure { conn, level } => directory::Input::Pressure { conn, level },
                    Input::Disconnect { conn, .. } => directory::Input::Disconnect { conn },
                    Input::Tick => directory::Input::Tick,
                    Input::Command(Command::Drain { close, spread }) => directory::Input::Drain { close, spread },
                    Input::Resume { .. } | Input::Done { .. } | Input::Command(_) => return,
                };
                list.handle(now, input, out);
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        match self {
            Machine::Room(room) => room.deadline(),
            Machine::Directory(list) => list.deadline(),
        }
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.room().and_then(Room::fault)
    }

    pub(super) fn is_loading(&self) -> bool {
        self.room().is_some_and(Room::is_loading)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.room().is_some_and(Room::is_closing)
    }

    pub(super) fn room(&self) -> Option<&Room> {
        match self {
            Machine::Room(room) => Some(room),
            Machine::Directory(_) => None,
        }
    }
}
