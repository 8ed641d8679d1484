//! Which addresses there are, what each does by its method, and what it names.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use percent_encoding::percent_decode_str;

use super::answer::{Answer, Mistake};
use super::body::{LARGE, Most, SMALL, person, says_json};
use crate::id::RoomId;

/// What a room may be called in addresses.
pub(super) const NAME: &str = "A room's id is 1 to 64 letters, digits, hyphens and underscores.";

/// What is done at an address by a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Document,
    Own(Own),
    Do(Deed),
}

/// What is done by asking a room, storage or the list of rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    ListRooms,
    CreateRoom,
    ReadRoom,
    ChangeRoom,
    DeleteRoom,
    CloseRoom,
    ListMembers,
    GiveRole,
    TakeRole,
    Kick,
    Ban,
    Unban,
    SendEvent,
    ReadCanvas,
    ReplaceCanvas,
    Export,
    Import,
    ReadHistory,
    Restore,
}

/// An address, what it does by method, and the methods as `Allow` lists them.
type Route = (&'static str, &'static [(&'static str, Operation)], &'static str);

pub(super) const ROUTES: &[Route] = &[
    ("/api/openapi.json", &[("GET", Operation::Document)], "GET, HEAD, OPTIONS"),
    (
        "/api/rooms",
        &[("GET", Operation::Do(Deed::ListRooms)), ("POST", Operation::Do(Deed::CreateRoom))],
        "GET, HEAD, POST, OPTIONS",
    ),
    (
        "/api/rooms/{room}",
        &[
            ("GET", Operation::Do(Deed::ReadRoom)),
            ("PATCH", Operation::Do(Deed::ChangeRoom)),
            ("DELETE", Operation::Do(Deed::DeleteRoom)),
        ],
        "GET, HEAD, PATCH, DELETE, OPTIONS",
    ),
    ("/api/rooms/{room}/close", &[("POST", Operation::Do(Deed::CloseRoom))], "POST, OPTIONS"),
    ("/api/rooms/{room}/members", &[("GET", Operation::Do(Deed::ListMembers))], "GET, HEAD, OPTIONS"),
    (
        "/api/rooms/{room}/members/{userId}",
        &[("PUT", Operation::Do(Deed::GiveRole)), ("DELETE", Operation::Do(Deed::TakeRole))],
        "PUT, DELETE, OPTIONS",
    ),
    ("/api/rooms/{room}/members/{userId}/kick", &[("POST", Operation::Do(Deed::Kick))], "POST, OPTIONS"),
    (
        "/api/rooms/{room}/members/{userId}/ban",
        &[("POST", Operation::Do(Deed::Ban)), ("DELETE", Operation::Do(Deed::Unban))],
        "POST, DELETE, OPTIONS",
    ),
    ("/api/rooms/{room}/events", &[("POST", Operation::Do(Deed::SendEvent))], "POST, OPTIONS"),
    (
        "/api/rooms/{room}/canvas",
        &[("GET", Operation::Do(Deed::ReadCanvas)), ("PUT", Operation::Do(Deed::ReplaceCanvas))],
        "GET, HEAD, PUT, OPTIONS",
    ),
    ("/api/rooms/{room}/export", &[("GET", Operation::Do(Deed::Export))], "GET, HEAD, OPTIONS"),
    ("/api/rooms/{room}/import", &[("PUT", Operation::Do(Deed::Import))], "PUT, OPTIONS"),
    ("/api/rooms/{room}/history", &[("GET", Operation::Do(Deed::ReadHistory))], "GET, HEAD, OPTIONS"),
    ("/api/rooms/{room}/restore", &[("POST", Operation::Do(Deed::Restore))], "POST, OPTIONS"),
    (
        "/api/rooms/{room}/recording",
        &[
            ("GET", Operation::Own(Own::DescribeRecording)),
            ("PUT", Operation::Own(Own::BeginRecording)),
            ("DELETE", Operation::Own(Own::DiscardRecording)),
        ],
        "GET, HEAD, PUT, DELETE, OPTIONS",
    ),
    ("/api/rooms/{room}/recording/file", &[("GET", Operation::Own(Own::FetchRecording))], "GET, HEAD, OPTIONS"),
    (
        "/api/rooms/{room}/handover",
        &[
            ("POST", Operation::Own(Own::HandOver)),
            ("PUT", Operation::Own(Own::TakeIn)),
            ("DELETE", Operation::Own(Own::ForgetRoom)),
        ],
        "POST, PUT, DELETE, OPTIONS",
    ),
];

/// Whether a host keeps recordings. If it does not, it has no addresses for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recordings {
    /// It does.
    Kept,
    /// It does not.
    None,
}

/// What a host does with a room by means that only it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// Records it.
    BeginRecording,
    /// Tells how the recording goes.
    DescribeRecording,
    /// Ends and forgets the recording.
    DiscardRecording,
    /// Tells the recording.
    FetchRecording,
    /// Gives the room away.
    HandOver,
    /// Takes it in.
    TakeIn,
    /// Forgets what was given away.
    ForgetRoom,
}

/// What a request is for.
#[derive(Clone, Debug)]
pub enum Found {
    /// The description of these addresses.
    Document,
    /// Something that the host does with this room.
    Own(RoomId, Own),
    /// Something that a [`Task`](super::Task) is made of.
    Call(Call),
}

/// A request of which the body is still to be read.
#[derive(Clone, Debug)]
pub struct Call {
    pub(super) deed: Deed,
    /// The room in the address, if it names one.
    pub(super) room: Option<RoomId>,
    /// The person in the address; empty if it names none.
    pub(super) user: String,
}

impl Call {
    /// How much of its body is to be read; `None` if none is. `kind` is the `Content-Type`, `has_body` whether a body
    /// follows.
    ///
    /// # Errors
    /// The mistake if it has to be JSON and does not say that it is.
    pub fn body(&self, kind: Option<&str>, has_body: bool) -> Result<Option<Most>, Mistake> {
        let most = match self.deed {
            Deed::Kick | Deed::Ban if !has_body => None,
            Deed::CreateRoom
            | Deed::ChangeRoom
            | Deed::GiveRole
            | Deed::Kick
            | Deed::Ban
            | Deed::SendEvent
            | Deed::Restore => Some(SMALL),
            Deed::ReplaceCanvas | Deed::Import => Some(LARGE),
            Deed::ListRooms
            | Deed::ReadRoom
            | Deed::DeleteRoom
            | Deed::CloseRoom
            | Deed::ListMembers
            | Deed::TakeRole
            | Deed::Unban
            | Deed::ReadCanvas
            | Deed::Export
            | Deed::ReadHistory => None,
        };
        most.map(|most| says_json(kind).map(|()| most)).transpose()
    }
}

/// The parts of an address in the order of its template, or `None` if it is not of that template.
pub(super) fn parts<'a>(template: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut parts = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parts),
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => parts.push(given),
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(_) | None, Some(_) | None) => return None,
        }
    }
}

/// What a request with this method to this path is for.
///
/// # Errors
/// The answer if there is nothing to do: the address, the method or what the address names is wrong, or only the methods
/// are asked for.
pub fn find(method: &str, path: &str, recordings: Recordings) -> Result<Found, Answer> {
    let is_here = |template: &str| recordings == Recordings::Kept || !template.contains("/recording");
    let routes = ROUTES.iter().filter(|(template, ..)| is_here(template));
    let mut found =
        routes.filter_map(|(template, operations, methods)| Some((parts(template, path)?, *operations, *methods)));
    let Some((parts, operations, methods)) = found.next() else {
        return Err(Mistake::new(404, "not_found", "There is nothing at this address.").answer());
    };
    if method == "OPTIONS" {
        return Err(Answer::blank(204).with("allow", methods));
    }
    let wanted = if method == "HEAD" { "GET" } else { method };
    let Some((_, operation)) = operations.iter().find(|(known, _)| *known == wanted) else {
        let message = format!("This address has these methods: {methods}.");
        return Err(Mistake::new(405, "bad_method", message).answer().with("allow", methods));
    };
    named(*operation, &parts).map_err(|mistake| mistake.answer())
}

fn named(operation: Operation, parts: &[&str]) -> Result<Found, Mistake> {
    let decoded = |part: &&str| percent_decode_str(part).decode_utf8().ok().map(|text| text.to_string());
    let bad_room = || Mistake::bad("bad_room", NAME);
    let room = parts.first().map(|name| decoded(name).and_then(|name| RoomId::new(&name)).ok_or_else(bad_room));
    let room = room.transpose()?;
    let user = parts.get(1).map(|user| person(decoded(user).unwrap_or_default())).transpose()?;
    match operation {
        Operation::Document => Ok(Found::Document),
        Operation::Own(own) => Ok(Found::Own(room.ok_or_else(bad_room)?, own)),
        Operation::Do(deed) => Ok(Found::Call(Call { deed, room, user: user.unwrap_or_default() })),
    }
}
