//! What plain requests ask of a room, by the thread that runs it. The room says whether they may; nothing here decides.

use std::time::Duration;

use kanvas_core::access::Action;
use kanvas_core::{Code, Command, Founds, Room, RoomId, Share, ShareId, Summary, Time};
use smol::Timer;
use smol::channel::{Sender, bounded};
use smol::future::FutureExt as _;

use crate::host::Visitor;
use crate::person::Person;
use crate::server::Server;

/// How long an answer may take, the room's loading and storing included.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// A question by somebody who need not be in the room.
pub(crate) struct Question {
    pub(crate) room: RoomId,
    pub(crate) by: Person,
    /// The link that they hold.
    pub(crate) share: Option<ShareId>,
    pub(crate) what: What,
    pub(crate) reply: Sender<Reply>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// What is this room?
    Describe,
    /// May I change images?
    MayEdit,
    /// Which links are there?
    Shares,
    /// Make this link.
    Share(ShareId, Share),
    /// Revoke that one.
    Unshare(ShareId),
}

/// What came of it.
pub(crate) type Reply = Result<Told, Refused>;

/// What somebody is told who may know it.
#[derive(Debug)]
pub(crate) enum Told {
    Summary(Summary),
    Shares(Vec<(ShareId, Share)>),
    /// They may, or it is done.
    Yes,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The room says no.
    Room(Code),
    /// The room cannot be reached.
    Unavailable,
}

/// What comes of a question at once.
pub(crate) enum Put<'a> {
    /// The answer.
    Answer(Reply),
    /// The room is to be told this, and answers then.
    Command(Command<'a>),
}

/// Asks, and waits for the answer.
pub(crate) async fn ask(server: &Server, room: RoomId, by: Person, share: Option<ShareId>, what: What) -> Reply {
    let (reply, answer) = bounded(1);
    let host = server.host_of(&room);
    let asking = async {
        let question = Question { room, by, share, what, reply };
        host.send(Visitor::Ask(Box::new(question))).await.ok()?;
        answer.recv().await.ok()
    };
    let late = async {
        Timer::after(ANSWER_TIME).await;
        None
    };
    asking.or(late).await.unwrap_or(Err(Refused::Unavailable))
}

impl Question {
    /// Puts it to the room, or makes a command of it with this ticket.
    pub(crate) fn put(&self, room: &Room, now: Time, ticket: u64) -> Put<'_> {
        if room.fault().is_some() {
            return Put::Answer(Err(Refused::Unavailable));
        }
        let by = self.by.user.as_str();
        let allows =
            |action| room.allows(now, &self.by.identity(Founds::No), self.share, action).map_err(Refused::Room);
        let shares = || room.shares(by).map_err(Refused::Room);
        match (self.what, shares()) {
            (What::Describe, _) => Put::Answer(
                allows(Action::Attend)
                    .and_then(|()| room.summary().map(Told::Summary).ok_or(Refused::Room(Code::NotFound))),
            ),
            (What::MayEdit, _) => Put::Answer(allows(Action::Edit).map(|()| Told::Yes)),
            (What::Shares, shares) => Put::Answer(shares.map(Told::Shares)),
            // A room that was never born goes as soon as it is loaded, and would not hear a command.
            (What::Share(..) | What::Unshare(_), Err(no)) => Put::Answer(Err(no)),
            (What::Share(id, share), Ok(_)) => Put::Command(Command::Share { ticket, by, id, share }),
            (What::Unshare(id), Ok(_)) => Put::Command(Command::Unshare { ticket, by, id }),
        }
    }
}
