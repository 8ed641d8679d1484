//! What the operator's own back end asks of a room, by the thread that runs it. It may everything, so all that is judged
//! here is whether there is such a room.

use hyper::body::Bytes;
use kanvas_core::{Actor, Close, Code, Command, Creator, LogRow, Restore, Room, SERVER, Seq, Span, Standing, Time};

use crate::ask::{Put, Refused, Told};
use crate::host::Asked;
use crate::store::OwnedLog;

/// See the module.
#[derive(Debug)]
pub(crate) enum Order {
    Describe,
    Roster,
    Canvas,
    Export,
    Compare { rows: Vec<OwnedLog>, to: Target, at: Option<Seq> },
    Create { name: Option<String>, is_public: bool, owner: Option<String> },
    Delete,
    Close,
    Act(Vec<u8>),
    Publish(Vec<u8>),
    Replace { images: Bytes, at: Option<Seq> },
    Restore { rows: Vec<OwnedLog>, to: Target, at: Option<Seq> },
    Import(Bytes),
    Record(Asked),
}

/// What a canvas is to be again.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    AsOf(Time),
    Without { user: String, since: Time },
}

impl Target {
    fn restore(&self) -> Restore<'_> {
        match self {
            Target::AsOf(time) => Restore::AsOf(*time),
            Target::Without { user, since } => Restore::Without { user, since: *since },
        }
    }
}

impl Order {
    /// Whether it is for a room that need not be there.
    pub(crate) fn needs_no_room(&self) -> bool {
        match self {
            Order::Create { .. } | Order::Import(_) | Order::Record(_) => true,
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

    /// What of the log goes with it.
    pub(crate) fn rows(&self) -> Vec<LogRow<'_>> {
        match self {
            Order::Compare { rows, .. } | Order::Restore { rows, .. } => rows.iter().map(OwnedLog::row).collect(),
            Order::Describe
            | Order::Roster
            | Order::Canvas
            | Order::Export
            | Order::Create { .. }
            | Order::Delete
            | Order::Close
            | Order::Act(_)
            | Order::Publish(_)
            | Order::Replace { .. }
            | Order::Import(_)
            | Order::Record(_) => Vec::new(),
        }
    }

    /// Puts it to the room, or makes a command of it with this ticket.
    pub(crate) fn put<'a>(&'a self, room: &Room, ticket: u64, rows: &'a [LogRow<'a>]) -> Put<'a> {
        if !self.needs_no_room() && room.summary().is_none() {
            return Put::Answer(Err(Refused::Room(Code::NotFound)));
        }
        match self {
            Order::Describe => Put::Answer(room.summary().map(Told::Summary).ok_or(Refused::Room(Code::NotFound))),
            Order::Roster => told(|out| room.roster(out)),
            Order::Canvas => told(|out| room.canvas(out)),
            Order::Export => told(|out| room.export(out)),
            Order::Compare { to, at, .. } => Put::Answer(compare(room, rows, to, *at)),
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
            Order::Restore { to, at, .. } => Put::Command(Command::Restore { ticket, rows, to: to.restore(), at: *at }),
            Order::Import(document) => Put::Command(Command::Import { ticket, document }),
            Order::Record(asked) => Put::Record(*asked),
        }
    }
}

fn told(write: impl FnOnce(&mut Vec<u8>)) -> Put<'static> {
    let mut json = Vec::new();
    write(&mut json);
    Put::Answer(Ok(Told::Json(json)))
}

/// What would change, if the room is still where the asker thinks that it is.
fn compare(room: &Room, rows: &[LogRow<'_>], to: &Target, at: Option<Seq>) -> Result<Told, Refused> {
    let difference = room.compare(rows, to.restore()).map_err(Refused::Room)?;
    if at.is_some_and(|at| at != difference.seq) {
        return Err(Refused::Room(Code::Conflict));
    }
    serde_json::to_vec(&difference).map(Told::Json).map_err(|_| Refused::Room(Code::Internal))
}
