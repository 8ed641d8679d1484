//! How answers are written: their status, their words, their JSON.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::errors::{Close, Code};

/// What is said of a room that is on its way to another server.
pub const AWAY: &str = "The room is being moved to another server; try again shortly.";
/// The most that is told of what is wrong with a body.
const SENTENCE: usize = 300;

/// What is sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// JSON, if it has a body.
    pub body: Option<Vec<u8>>,
    /// A header, in lower case, beside those that every answer has.
    pub header: Option<(&'static str, String)>,
}

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    status: u16,
    code: &'static str,
    message: String,
}

/// Why a room has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The room says no.
    Room(Code),
    /// The room is on its way to another host, or is held for one.
    Away,
    /// The room cannot be reached.
    Unavailable,
}

/// A refusal, as it is written.
#[derive(Serialize)]
struct Problem<'a> {
    error: &'a str,
    message: &'a str,
}

impl Answer {
    /// An answer without a body.
    pub fn blank(status: u16) -> Answer {
        Answer { status, body: None, header: None }
    }

    /// An answer that is this JSON.
    pub fn json(status: u16, body: Vec<u8>) -> Answer {
        Answer { status, body: Some(body), header: None }
    }

    /// Something as JSON.
    pub(super) fn told(status: u16, what: &impl Serialize) -> Answer {
        serde_json::to_vec(what).map_or_else(|_| Answer::blank(500), |body| Answer::json(status, body))
    }

    /// The same with this header.
    #[must_use]
    pub fn with(self, name: &'static str, value: impl Into<String>) -> Answer {
        Answer { header: Some((name, value.into())), ..self }
    }
}

impl Mistake {
    /// One of this status and code, in these words.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Mistake {
        Mistake { status, code, message: message.into() }
    }

    /// Something in the request that cannot be.
    pub fn bad(code: &'static str, message: impl Into<String>) -> Mistake {
        Mistake::new(400, code, message)
    }

    /// A room's refusal in the words that fit this request.
    pub fn code(code: Code, message: impl Into<String>) -> Mistake {
        Mistake::new(status_of(code), code.as_str(), message)
    }

    /// A page asked.
    pub fn page() -> Mistake {
        Mistake::new(403, "forbidden", "Pages have no use of this address: no page may hold its secret.")
    }

    /// Storage cannot be read.
    pub fn unreadable() -> Mistake {
        Mistake::new(503, "unavailable", "The storage does not answer; try again shortly.")
    }

    /// The body took longer than it may.
    pub fn slow() -> Mistake {
        Mistake::new(408, "timeout", "The body came too slowly; send it again.")
    }

    /// The body broke off.
    pub fn broken() -> Mistake {
        Mistake::bad("bad_body", "The body did not arrive whole; send it again.")
    }

    /// What a reader of JSON says, with line and column.
    pub(super) fn json(error: &serde_json::Error) -> Mistake {
        let mut words = format!("{error}");
        if let Some((end, _)) = words.char_indices().nth(SENTENCE) {
            words.truncate(end);
            words.push('…');
        }
        Mistake::bad("bad_body", format!("The body cannot be used: {words}."))
    }

    /// It as an answer.
    pub fn answer(&self) -> Answer {
        Answer::told(self.status, &Problem { error: self.code, message: &self.message })
    }
}

impl From<Refused> for Mistake {
    fn from(why: Refused) -> Mistake {
        match why {
            Refused::Room(Code::NotFound) => Mistake::code(Code::NotFound, "There is no such room."),
            Refused::Room(code) => Mistake::code(code, code.message()),
            Refused::Away => Mistake::new(503, Close::Restart.reason(), AWAY.to_owned()),
            Refused::Unavailable => {
                let message = "The room cannot be reached at the moment; whether anything was changed is not known.";
                Mistake::new(503, "unavailable", message)
            }
        }
    }
}

/// The status that goes with a room's refusal.
pub fn status_of(code: Code) -> u16 {
    match code {
        Code::NotFound => 404,
        Code::Forbidden | Code::Locked => 403,
        Code::Conflict | Code::TooMany | Code::AlreadyJoined | Code::OpIdReused => 409,
        Code::RateLimited | Code::LimitRooms => 429,
        Code::Busy | Code::ReadOnly => 503,
        Code::StorageFull | Code::LimitImages => 507,
        Code::Internal => 500,
        Code::BadMessage
        | Code::UnknownType
        | Code::OutOfRange
        | Code::TooLong
        | Code::Empty
        | Code::BadUrl
        | Code::BadSeq
        | Code::NotJoined => 400,
    }
}
