//! What a host tells a room. Everything a room ever learns comes through [`Input`].

use crate::errors::Close;
use crate::id::{Conn, EffectId, Seq, ShareId};
use crate::members::Share;
use crate::time::{Span, Time};
use crate::wire::Dialect;

/// One thing that happened, given to [`Room::handle`](crate::Room::handle) with the time.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A socket was opened. Authenticated by the host, authorised by the room.
    Connect {
        /// The new socket; the host never reuses a slot and generation.
        conn: Conn,
        /// Who the host found it to be.
        identity: Identity<'a>,
        /// What its address asked for.
        hello: Hello<'a>,
    },
    /// A socket that outlived the room's memory: what [`Op::Attach`](crate::Op::Attach) last gave for it.
    Resume {
        /// The socket.
        conn: Conn,
        /// The bytes of the last `Attach`.
        attachment: &'a [u8],
    },
    /// One whole text message. Hosts close on binary ones and on more than
    /// [`Limits::message_bytes`](crate::Limits::message_bytes).
    Message {
        /// Where it came from.
        conn: Conn,
        /// UTF-8 text, checked by the host (the room refuses what is not).
        bytes: &'a [u8],
    },
    /// A socket's send queue crossed a mark.
    Pressure {
        /// The socket.
        conn: Conn,
        /// Which way.
        level: Pressure,
    },
    /// A socket is gone.
    Disconnect {
        /// The socket.
        conn: Conn,
        /// How it ended.
        end: End,
    },
    /// An effect was carried out, or was not.
    Done {
        /// Which one.
        effect: EffectId,
        /// How it went.
        result: Done<'a>,
    },
    /// A word by another way than a socket.
    Command(Command<'a>),
    /// Time has passed. Early is harmless, late is merely late.
    Tick,
}

/// Who a socket belongs to, as the host verified it.
#[derive(Clone, Debug)]
pub struct Identity<'a> {
    /// The person's id, 1 to 128 bytes; for guests `guest:` and a keyed hash.
    pub user: &'a str,
    /// How far the host vouches for it.
    pub standing: Standing,
    /// The name in the person's token. Leads over a name that the client sends.
    pub name: Option<&'a str>,
    /// The picture in the person's token.
    pub avatar: Option<&'a str>,
    /// The organisation that the person acts for.
    pub org: Option<Org<'a>>,
    /// Where the person connects from: a keyed hash of the address, so that a ban of a guest holds.
    pub address: Option<u64>,
    /// When what the host vouches for ends (the token's `exp` and a grace); `None` if it does not.
    pub lease: Option<Time>,
    /// Whether this person may make the room if there is none.
    pub founds: Founds,
}

impl<'a> Identity<'a> {
    /// A guest who may make rooms, as on a development server.
    pub const fn guest(user: &'a str) -> Identity<'a> {
        let (standing, founds) = (Standing::Guest, Founds::Yes);
        Identity { user, standing, name: None, avatar: None, org: None, address: None, lease: None, founds }
    }

    /// Someone whom a token proved, who may make rooms.
    pub const fn verified(user: &'a str) -> Identity<'a> {
        Identity { standing: Standing::Verified, ..Identity::guest(user) }
    }
}

/// An organisation, and what someone is there. Both are names of the host's: a room gives roles by them (ACCESS8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Org<'a> {
    /// Its id, without a colon in it.
    pub id: &'a str,
    /// The person's role there, such as `admin`.
    pub role: Option<&'a str>,
}

/// Whether someone may make a room that is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Founds {
    /// Yes: who comes first makes it, and owns it if the host vouches for them.
    Yes,
    /// They have made too many for now.
    Spent,
    /// No.
    No,
}

/// How far the host vouches for an [`Identity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Standing {
    /// Nobody knows who this is.
    Guest,
    /// A token proved it.
    Verified,
}

/// What a socket's address asked for, and a secret for it.
#[derive(Clone, Debug)]
pub struct Hello<'a> {
    /// PartyKit's `_pk`: stable over the reconnects of one client, at most 128 bytes (longer ones are cut by the
    /// room), empty if none was sent. Never told to others.
    pub pk: &'a str,
    /// The language of this socket.
    pub dialect: Dialect,
    /// The `name` of the query, as a default for one that the join leaves out.
    pub name: Option<&'a str>,
    /// What the address asks to see.
    pub view: View,
    /// The link that the address carries, as the host's digest of its token.
    pub share: Option<ShareId>,
    /// 128 bits from the operating system: the secret that takes a session back after a lost connection.
    pub resume: [u8; 16],
}

/// How much of a role a socket asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum View {
    /// All that the role allows.
    #[default]
    Full,
    /// Look, point and chat, whatever the role.
    Readonly,
}

impl View {
    /// The lesser of two.
    pub(crate) fn or(self, other: View) -> View {
        if self == View::Readonly { self } else { other }
    }
}

/// Where a send queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// Over the high mark: this member gets no latest-wins frames for now.
    High,
    /// Empty again.
    Clear,
}

/// How a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client said goodbye with a close frame: it leaves at once.
    Closed,
    /// It broke off: the session waits for [`Limits::grace`](crate::Limits::grace).
    Lost,
}

/// How an effect went.
#[derive(Clone, Debug)]
pub enum Done<'a> {
    /// Answers `Load`: all that storage has of the room.
    Loaded(Loaded<'a>),
    /// Answers `Store`: every write of it is durable.
    Stored {
        /// The `upto` of that `Store`.
        upto: Seq,
    },
    /// Answers `Verify`: whom the token proves, until when, and what they are called; or why it is refused.
    Verified(Result<Verified<'a>, Close>),
    /// Answers `Load` or `Store`: nothing of it was done, or it is not known whether it was.
    Failed(Failure),
}

/// Whom a token proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The person's id.
    pub user: &'a str,
    /// The organisation that they act for now.
    pub org: Option<Org<'a>>,
    /// When the lease that it renews ends.
    pub lease: Time,
}

/// Why an effect failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Failure {
    /// Nothing was written for want of space; trying again is safe.
    Full,
    /// Storage is busy or locked and nothing was written; trying again is safe.
    Busy,
    /// An I/O error: what was written is unknown. The room closes and must be loaded again.
    Broken,
    /// Another owner has taken the room over.
    Fenced,
}

/// What storage has of a room. A room that was never stored is [`Loaded::default`].
#[derive(Clone, Debug, Default)]
pub struct Loaded<'a> {
    /// The owner number of the last `Store`, 0 if there was none.
    pub owner: u64,
    /// The last [`Write::Record`](crate::Write::Record).
    pub record: Option<&'a [u8]>,
    /// Every chunk of the snapshot, in any order.
    pub chunks: &'a [ChunkRow<'a>],
    /// The log in rising order of `seq`, without a gap: at least all after the snapshot, at most
    /// [`Limits::log_ops`](crate::Limits::log_ops) more.
    pub log: &'a [LogRow<'a>],
}

/// One chunk of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRow<'a> {
    /// What it holds.
    pub part: Part,
    /// Its number within the part.
    pub no: u32,
    /// Its content, at most 64 KiB.
    pub bytes: &'a [u8],
}

/// The parts of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Part {
    /// The images.
    Images,
    /// The latest chat messages.
    Chat,
    /// Members, bans and links.
    Members,
}

impl Part {
    /// The part's name in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Part::Images => "images",
            Part::Chat => "chat",
            Part::Members => "members",
        }
    }

    /// The part of that name.
    pub fn from_name(name: &str) -> Option<Part> {
        [Part::Images, Part::Chat, Part::Members].into_iter().find(|part| part.as_str() == name)
    }
}

/// One stored event: who did what, and what it replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRow<'a> {
    /// Its place in the log.
    pub seq: Seq,
    /// When the room took it.
    pub at: Time,
    /// The epoch of the log it belongs to.
    pub epoch: u64,
    /// Who did it.
    pub user: &'a str,
    /// The number in their client id (`c7` is 7).
    pub client: u64,
    /// The client's `_pk`: with the user it says whose `op_id` this is.
    pub origin: &'a str,
    /// The id that the client gave the edit, empty if none.
    pub op_id: &'a str,
    /// A fingerprint of the edit as it was asked for, to tell a resend from a reuse of its id.
    pub op_hash: u64,
    /// The event's type on the wire, such as `image:add`.
    pub kind: &'a str,
    /// The event's `data` on the wire, as JSON.
    pub body: &'a str,
    /// What the event replaced, as JSON; empty if nothing.
    pub was: &'a str,
}

/// Who gives a command that people may give as well as the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor<'a> {
    /// The operator's own back end, which may do everything. In the log its user is [`SERVER`].
    Server,
    /// A person whom a token proves, by id: they may do what their own role in the room allows.
    Person(&'a str),
}

/// Who makes a room by a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creator<'a> {
    /// Their id.
    pub user: &'a str,
    /// How far the host vouches for it: a verified person owns the room.
    pub standing: Standing,
    /// What they are called.
    pub name: Option<&'a str>,
}

/// Who did what the operator's back end did. No person's id begins so.
pub const SERVER: &str = "server:api";

/// What a canvas goes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore<'a> {
    /// To what it was at this time.
    AsOf(Time),
    /// To what it would be if this person had done nothing to it after this time.
    Without {
        /// The person's id.
        user: &'a str,
        /// The time.
        since: Time,
    },
}

/// A word to the room that comes by another way than a socket of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Take no more edits, make the accepted ones durable, then close every socket for this reason. Each client is
    /// told to stay away for a time drawn from `0..=spread`, so that they do not all come back at once.
    Drain {
        /// The reason that clients are given.
        close: Close,
        /// The longest `retryAfterMs`.
        spread: Span,
    },
    /// Someone makes the room, if it is not there. Answered like `Share`. Whether they may is the host's to know.
    Create {
        /// For the answer.
        ticket: u64,
        /// Who asks.
        by: Creator<'a>,
        /// What it is to be called; by its id if this says nothing.
        name: Option<&'a str>,
        /// Whether anyone may find it.
        is_public: bool,
        /// A link to make with it.
        share: Option<(ShareId, Share)>,
    },
    /// Someone deletes the room for good. Answered like `Share`.
    Delete {
        /// For the answer.
        ticket: u64,
        /// Who asks.
        by: Actor<'a>,
    },
    /// Someone says something to the room as if they were in it: one `kanvas.v1` message that is stored. Answered like
    /// `Share`.
    Act {
        /// For the answer.
        ticket: u64,
        /// Who asks.
        by: Actor<'a>,
        /// The message.
        message: &'a [u8],
    },
    /// The operator's back end tells everybody who is here something of its own, which the room does not keep. Answered
    /// like `Share`.
    Publish {
        /// For the answer.
        ticket: u64,
        /// One JSON object.
        message: &'a [u8],
    },
    /// The operator's back end makes the canvas exactly this, as one change. Answered like `Share`.
    Replace {
        /// For the answer.
        ticket: u64,
        /// The images as a JSON array. Those without a `z` lie in the order in which they stand there.
        images: &'a [u8],
        /// If the room is not at this place of its log, nothing is done.
        at: Option<Seq>,
    },
    /// The operator's back end takes the canvas back to what it was or would be, as one change. Answered like `Share`.
    Restore {
        /// For the answer.
        ticket: u64,
        /// The log as storage has it, in rising order and without a gap: at least from the last event at or before the
        /// time that is gone back to.
        rows: &'a [LogRow<'a>],
        /// To what.
        to: Restore<'a>,
        /// If the room is not at this place of its log, nothing is done.
        at: Option<Seq>,
    },
    /// The operator's back end makes the room what a document says, whatever it was and even if it was deleted.
    /// Answered like `Share`; [`document::judge_document`](crate::document::judge_document) says where a mistake is.
    Import {
        /// For the answer.
        ticket: u64,
        /// The document, as [`Room::export`](crate::Room::export) writes it.
        document: &'a [u8],
    },
    /// Someone makes a link. Answered by [`Op::Reply`](crate::Op::Reply), once it is durable.
    Share {
        /// For the answer.
        ticket: u64,
        /// The verified id of who asks.
        by: &'a str,
        /// The digest of the link's token.
        id: ShareId,
        /// What it is good for.
        share: Share,
    },
    /// Someone revokes a link: whoever is here by it alone goes. Answered like `Share`.
    Unshare {
        /// For the answer.
        ticket: u64,
        /// The verified id of who asks.
        by: &'a str,
        /// The link.
        id: ShareId,
    },
}
