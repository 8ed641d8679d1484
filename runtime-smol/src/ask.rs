//! What plain requests ask of a room, by the thread that runs it. The room says whether they may; nothing here decides.

use std::time::Duration;

use kanvas_core::access::Action;
use kanvas_core::backend::{self, Order};
use kanvas_core::{Actor, Code, Command, Founds, LogRow, Room, RoomId, Seq, Share, ShareId, Summary, Time};
use smol::Timer;
use smol::channel::{Sender, bounded};
use smol::future::FutureExt as _;

use crate::host::{Asked, Visitor};
use crate::person::Person;
use crate::server::Server;
use crate::store::OwnedLog;

pub(crate) use kanvas_core::backend::{AWAY, Refused};

/// How many images a thumbnail is drawn from: more would not show.
const PREVIEW_IMAGES: u32 = 40;
/// How long an answer may take, the room's loading and storing included.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// The same for a back end, which may give a room many images at once.
const ORDER_TIME: Duration = Duration::from_secs(30);

/// A question by somebody who need not be in the room.
pub(crate) struct Question {
    pub(crate) room: RoomId,
    asker: Asker,
    pub(crate) reply: Sender<Reply>,
}

/// Who asks what.
enum Asker {
    /// Somebody, by the link that they hold.
    Person(Person, Option<ShareId>, What),
    /// The operator's own back end, with rows of the log if its order goes with some.
    Server(Order, Vec<OwnedLog>),
    /// The same, of the room's recording.
    Recorder(Asked),
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// What is this room?
    Describe,
    /// What is its thumbnail drawn from?
    Preview,
    /// Make it.
    Create(Wish),
    /// Do what this message says.
    Act(Vec<u8>),
    /// Delete it.
    Delete,
    /// May I change images?
    MayEdit,
    /// Which links are there?
    Shares,
    /// Make this link.
    Share(ShareId, Share),
    /// Revoke that one.
    Unshare(ShareId),
}

/// What a room that is to be made is to be.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) name: Option<String>,
    pub(crate) is_public: bool,
    /// A link to make with it.
    pub(crate) share: Option<(ShareId, Share)>,
    /// What they call themselves, if no token says it.
    pub(crate) by: Option<String>,
}

/// What came of it.
pub(crate) type Reply = Result<Told, Refused>;

/// What somebody is told who may know it.
#[derive(Debug)]
pub(crate) enum Told {
    Summary(Summary),
    Shares(Vec<(ShareId, Share)>),
    /// What was asked for, as JSON.
    Json(Vec<u8>),
    /// A recording, with all that people said in it.
    Recording(Vec<u8>),
    /// They may.
    Yes,
    /// It is done, with the newest event that is durable.
    Done(Seq),
}

impl Told {
    /// What was asked for as JSON.
    pub(crate) fn json(self) -> Result<Vec<u8>, Refused> {
        match self {
            Told::Json(json) => Ok(json),
            Told::Summary(_) | Told::Shares(_) | Told::Recording(_) | Told::Yes | Told::Done(_) => {
                Err(Refused::Room(Code::Internal))
            }
        }
    }
}

/// What comes of a question at once.
pub(crate) enum Put<'a> {
    /// The answer.
    Answer(Reply),
    /// The room is to be told this, and answers then.
    Command(Command<'a>),
    /// This is asked of the room's recording, not of the room.
    Record(Asked),
    /// The room is to be told this, and what it does then is the answer: it goes.
    Last(Command<'a>),
}

/// Asks, and waits for the answer.
pub(crate) async fn ask(server: &Server, room: RoomId, by: Person, share: Option<ShareId>, what: What) -> Reply {
    put(server, room, Asker::Person(by, share, what), ANSWER_TIME).await
}

/// Has something done for the operator's own back end, and waits until it is.
pub(crate) async fn order(server: &Server, room: RoomId, order: Order, rows: Vec<OwnedLog>) -> Reply {
    put(server, room, Asker::Server(order, rows), ORDER_TIME).await
}

/// The same with the room's recording.
pub(crate) async fn record(server: &Server, room: RoomId, asked: Asked) -> Reply {
    put(server, room, Asker::Recorder(asked), ORDER_TIME).await
}

async fn put(server: &Server, room: RoomId, asker: Asker, within: Duration) -> Reply {
    let (reply, answer) = bounded(1);
    let host = server.host_of(&room);
    let asking = async {
        let question = Question { room, asker, reply };
        host.send(Visitor::Ask(Box::new(question))).await.ok()?;
        answer.recv().await.ok()
    };
    let late = async {
        Timer::after(within).await;
        None
    };
    asking.or(late).await.unwrap_or(Err(Refused::Unavailable))
}

impl Question {
    /// What of the log goes with it.
    pub(crate) fn rows(&self) -> Vec<LogRow<'_>> {
        match &self.asker {
            Asker::Person(..) | Asker::Recorder(_) => Vec::new(),
            Asker::Server(_, rows) => rows.iter().map(OwnedLog::row).collect(),
        }
    }

    /// Puts it to the room, or makes a command of it with this ticket.
    pub(crate) fn put<'a>(&'a self, room: &Room, now: Time, ticket: u64, rows: &'a [LogRow<'a>]) -> Put<'a> {
        if room.fault().is_some() {
            return Put::Answer(Err(Refused::Unavailable));
        }
        match &self.asker {
            Asker::Person(by, share, what) => put_for(by, *share, what, room, now, ticket),
            Asker::Server(order, _) => put_order(order, room, ticket, rows),
            Asker::Recorder(asked) => Put::Record(*asked),
        }
    }
}

fn put_order<'a>(order: &'a Order, room: &Room, ticket: u64, rows: &'a [LogRow<'a>]) -> Put<'a> {
    match order.put(room, ticket, rows) {
        backend::Put::Answer(reply) => Put::Answer(reply.map(Told::from)),
        backend::Put::Command(command) => Put::Command(command),
        backend::Put::Last(command) => Put::Last(command),
    }
}

impl From<backend::Told> for Told {
    fn from(told: backend::Told) -> Told {
        match told {
            backend::Told::Json(json) => Told::Json(json),
            backend::Told::Done(seq) => Told::Done(seq),
            backend::Told::Gone => Told::Yes,
        }
    }
}

fn put_for<'a>(by: &'a Person, share: Option<ShareId>, what: &'a What, room: &Room, now: Time, ticket: u64) -> Put<'a> {
    let user = by.user.as_str();
    let allows = |action| room.allows(now, &by.identity(Founds::No), share, action).map_err(Refused::Room);
    let actor = Actor::Person(user);
    let born = || room.summary().ok_or(Refused::Room(Code::NotFound));
    match what {
        What::Describe => Put::Answer(allows(Action::Attend).and_then(|()| born().map(Told::Summary))),
        What::Preview => Put::Answer(allows(Action::Attend).map(|()| {
            let mut preview = Vec::new();
            room.preview(PREVIEW_IMAGES, &mut preview);
            Told::Json(preview)
        })),
        What::MayEdit => Put::Answer(allows(Action::Edit).map(|()| Told::Yes)),
        What::Shares => Put::Answer(room.shares(user).map(Told::Shares).map_err(Refused::Room)),
        What::Create(wish) => Put::Command(Command::Create {
            ticket,
            by: by.creator(wish.by.as_deref()),
            name: wish.name.as_deref(),
            is_public: wish.is_public,
            share: wish.share,
        }),
        // A room that was never born goes as soon as it is loaded, and would not hear a command.
        What::Act(_) | What::Delete | What::Share(..) | What::Unshare(_) if room.summary().is_none() => {
            Put::Answer(Err(Refused::Room(Code::NotFound)))
        }
        What::Act(message) => Put::Command(Command::Act { ticket, by: actor, message }),
        What::Delete => Put::Command(Command::Delete { ticket, by: actor }),
        What::Share(id, share) => Put::Command(Command::Share { ticket, by: user, id: *id, share: *share }),
        What::Unshare(id) => Put::Command(Command::Unshare { ticket, by: user, id: *id }),
    }
}
