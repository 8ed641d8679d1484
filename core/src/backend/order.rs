//! What the operator's own back end asks of a room. It may everything, so all that is judged here is whether there is
//! such a room.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::answer::Refused;
use crate::errors::{Close, Code};
use crate::id::Seq;
use crate::input::{Actor, Command, Creator, LogRow, Restore, SERVER, Standing};
use crate::room::Room;
use crate::time::{Span, Time};

/// What is asked. Copies share what is long.
#[derive(Clone, Debug)]
pub enum Order {
    /// What it is.
    Describe,
    /// Who is in it, and who may be.
    Roster,
    /// What is on it.
    Canvas,
    /// All of it as a document.
    Export,
    /// What would change if the canvas went back. It goes with rows of the log.
    Compare {
        /// To what.
        to: Target,
        /// Only if the room is at this place of its log.
        at: Option<Seq>,
    },
    /// Make it.
    Create {
        /// What it is called.
        name: Option<String>,
        /// Whether anyone may find it.
        is_public: bool,
        /// Whose it is.
        owner: Option<String>,
    },
    /// Delete it.
    Delete,
    /// Put everybody out.
    Close,
    /// Do what this message says.
    Act(Vec<u8>),
    /// Tell everybody this.
    Publish(Vec<u8>),
    /// Make the canvas exactly this.
    Replace {
        /// The images, as JSON.
        images: Arc<Vec<u8>>,
        /// Only if the room is at this place of its log.
        at: Option<Seq>,
    },
    /// Have the canvas go back. It goes with rows of the log.
    Restore {
        /// To what.
        to: Target,
        /// Only if the room is at this place of its log.
        at: Option<Seq>,
    },
    /// Be what this document says.
    Import(Arc<Vec<u8>>),
}

/// What a canvas is to be again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// What it was at this time.
    AsOf(Time),
    /// What it would be if this person had done nothing to it after this time.
    Without {
        /// The person's id.
        user: String,
        /// The time.
        since: Time,
    },
}

/// What a room tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// What was asked for, as JSON.
    Json(Vec<u8>),
    /// It is done, with the newest event that is durable.
    Done(Seq),
    /// The room has gone, as it was to.
    Gone,
}

/// What came of an order.
pub type Reply = Result<Told, Refused>;

/// What comes of an order at once.
#[derive(Debug)]
pub enum Put<'a> {
    /// The answer.
    Answer(Reply),
    /// The room is to be told this, and answers then.
    Command(Command<'a>),
    /// The room is to be told this, and what it does then is the answer: it goes.
    Last(Command<'a>),
}

impl Target {
    /// From when on something is taken back.
    pub(super) fn since(&self) -> Time {
        match self {
            Target::AsOf(time) | Target::Without { since: time, .. } => *time,
        }
    }

    fn restore(&self) -> Restore<'_> {
        match self {
            Target::AsOf(time) => Restore::AsOf(*time),
            Target::Without { user, since } => Restore::Without { user, since: *since },
        }
    }
}

impl Order {
    /// Whether it is for a room that need not be there, and can make it.
    pub fn makes_room(&self) -> bool {
        match self {
            Order::Create { .. } | Order::Import(_) => true,
            Order::Describe
            | Order::Roster
            | Order::Canvas
            | Order::Export
            | Order::Compare { .. }
            | Order::Delete
            | Order::Close
            | Order::Act(_)
            | Order::Publish(_)
            | Order::Replace { .. }
            | Order::Restore { .. } => false,
        }
    }

    /// Puts it to the room, or makes a command of it with this ticket. `rows` are those of the log that it goes with.
    pub fn put<'a>(&'a self, room: &Room, ticket: u64, rows: &'a [LogRow<'a>]) -> Put<'a> {
        if room.fault().is_some() {
            return Put::Answer(Err(Refused::Unavailable));
        }
        let not_found = Err(Refused::Room(Code::NotFound));
        if !self.makes_room() && room.summary().is_none() {
            return Put::Answer(not_found);
        }
        match self {
            Order::Describe => Put::Answer(room.summary().map_or(not_found, |summary| {
                serde_json::to_vec(&summary).map(Told::Json).map_err(|_| Refused::Room(Code::Internal))
            })),
            Order::Roster => told(|out| room.roster(out)),
            Order::Canvas => told(|out| room.canvas(out)),
            Order::Export => told(|out| room.export(out)),
            Order::Compare { to, at } => Put::Answer(compare(room, rows, to, *at)),
            Order::Create { name, is_public, owner } => {
                // Who stands as a guest owns nothing: the server is nobody's owner.
                let (user, standing) = match owner {
                    Some(owner) => (owner.as_str(), Standing::Verified),
                    None => (SERVER, Standing::Guest),
                };
                let by = Creator { user, standing, name: None };
                let (name, is_public) = (name.as_deref(), *is_public);
                Put::Command(Command::Create { ticket, by, name, is_public, share: None })
            }
            Order::Delete => Put::Command(Command::Delete { ticket, by: Actor::Server }),
            Order::Close => Put::Last(Command::Drain { close: Close::Kicked, spread: Span::ZERO }),
            Order::Act(message) => Put::Command(Command::Act { ticket, by: Actor::Server, message }),
            Order::Publish(message) => Put::Command(Command::Publish { ticket, message }),
            Order::Replace { images, at } => Put::Command(Command::Replace { ticket, images, at: *at }),
            Order::Restore { to, at } => Put::Command(Command::Restore { ticket, rows, to: to.restore(), at: *at }),
            Order::Import(document) => Put::Command(Command::Import { ticket, document }),
        }
    }
}

fn told(write: impl FnOnce(&mut Vec<u8>)) -> Put<'static> {
    let mut json = Vec::new();
    write(&mut json);
    Put::Answer(Ok(Told::Json(json)))
}

/// What would change, if the room is still where the asker thinks that it is.
fn compare(room: &Room, rows: &[LogRow<'_>], to: &Target, at: Option<Seq>) -> Reply {
    let difference = room.compare(rows, to.restore()).map_err(Refused::Room)?;
    if at.is_some_and(|at| at != difference.seq) {
        return Err(Refused::Room(Code::Conflict));
    }
    serde_json::to_vec(&difference).map(Told::Json).map_err(|_| Refused::Room(Code::Internal))
}
