//! One request, step by step: what is asked of whom, and what is made of the answers.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::Serialize;

use super::answer::{Answer, Mistake, Refused};
use super::body::{form, form_or_none};
use super::forms::{Because, Change, Event, Given, Kind, NewRoom, Replacement, Role, Wish, Word, message, owner};
use super::history::{self, Wanted};
use super::list::List;
use super::order::{Order, Reply, Told};
use super::routes::{Call, Deed, NAME};
use crate::document;
use crate::errors::Code;
use crate::id::{RoomId, Seq};
use crate::input::LogRow;
use crate::limits::Config;
use crate::time::Time;

/// What its host does next for a request.
#[derive(Clone, Debug)]
pub enum Next {
    /// Put this to the room, with the rows of the last [`Next::Log`], and tell [`Task::hear`] what came of it.
    Order(Order),
    /// Read these rows of the room's log, newest first, for [`Task::history`].
    History(Wanted),
    /// Read the room's log from the last row at or before this time on, keep it for the order that follows, and say so by
    /// [`Task::log`], or [`Task::too_much_log`].
    Log(Time),
    /// Tell the list all rooms in the order of their ids, then say so by [`Task::listed`].
    Rooms(Box<List>),
    /// Let it look for the mistake in a long body, by [`Task::judge`]: that takes a while.
    Judge,
    /// Send this. There is nothing else to do.
    Answer(Answer),
}

/// A request with all that it said.
#[derive(Clone, Debug)]
pub struct Task {
    /// The room that it is about. A host names the one that is made without an id.
    room: Option<RoomId>,
    what: What,
    next: Next,
}

/// What it is that was asked for last, and so what an answer to it means.
#[derive(Clone, Debug)]
enum What {
    /// To be told something.
    Tell,
    /// To make a room, which is then described.
    Make,
    /// The description of a room that was made.
    Made,
    /// To change a room, which is then described.
    Change,
    /// To do something of which there is nothing to tell.
    Do,
    /// Something with a person, of which the place in the log is told.
    Person,
    /// The same, of which nothing is told.
    Unperson,
    /// To draw or say something.
    Event,
    /// Whether there is a room, since there was no image.
    Image,
    /// To tell the room an event of the application.
    Publish,
    /// To take this body.
    Take(Long, Arc<Vec<u8>>),
    /// The mistake in it, for which it was refused.
    Mistaken(Code, Long, Arc<Vec<u8>>),
    /// To have the canvas go back, once the log was read.
    Restore(Order),
    /// A page of rooms or of a history.
    Page,
}

/// That something is done.
#[derive(Serialize)]
struct Done {
    seq: Seq,
}

/// What a long body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Long {
    Images,
    Document,
}

impl Call {
    /// Reads the rest of a request: its query, and its body if one was to be read.
    ///
    /// # Errors
    /// The mistake if they are not what belongs there.
    pub fn task(self, query: Option<&str>, body: Option<Vec<u8>>) -> Result<Task, Mistake> {
        let Call { deed, room, user } = self;
        let bytes = body.as_deref();
        let some = bytes.unwrap_or_default();
        let (what, order) = match deed {
            Deed::ListRooms => {
                return Ok(Task { room, what: What::Page, next: Next::Rooms(Box::new(List::read(query)?)) });
            }
            Deed::ReadHistory => return Ok(Task { room, what: What::Page, next: Next::History(Wanted::read(query)?) }),
            Deed::Restore => return restore(room, form(some)?),
            Deed::CreateRoom => return create(form(some)?),
            Deed::ReadRoom => (What::Tell, Order::Describe),
            Deed::ListMembers => (What::Tell, Order::Roster),
            Deed::ReadCanvas => (What::Tell, Order::Canvas),
            Deed::Export => (What::Tell, Order::Export),
            Deed::DeleteRoom => (What::Do, Order::Delete),
            Deed::CloseRoom => (What::Do, Order::Close),
            Deed::ChangeRoom => (What::Change, Order::Act(message("room:update", &form::<Change>(some)?)?)),
            Deed::GiveRole => (What::Person, role(&user, form::<Given>(some)?.role)?),
            Deed::TakeRole | Deed::Unban => (What::Unperson, role(&user, Role::None)?),
            Deed::Kick => (What::Person, out("member:kick", &user, form_or_none(bytes)?)?),
            Deed::Ban => (What::Person, out("member:ban", &user, form_or_none(bytes)?)?),
            Deed::SendEvent => event(form(some)?)?,
            Deed::ReplaceCanvas => {
                let Replacement { images, at } = form(some)?;
                let images = Arc::new(String::from(Box::<str>::from(images)).into_bytes());
                (What::Take(Long::Images, images.clone()), Order::Replace { images, at: at.map(Seq) })
            }
            Deed::Import => {
                let document = Arc::new(body.unwrap_or_default());
                (What::Take(Long::Document, document.clone()), Order::Import(document))
            }
        };
        Ok(Task { room, what, next: Next::Order(order) })
    }
}

fn create(wanted: NewRoom) -> Result<Task, Mistake> {
    let NewRoom { id, name, is_public, owner: given } = wanted;
    let room = id.map(|id| RoomId::new(&id).ok_or_else(|| Mistake::bad("bad_room", NAME))).transpose()?;
    let order = Order::Create { name, is_public, owner: given.map(owner).transpose()? };
    Ok(Task { room, what: What::Make, next: Next::Order(order) })
}

fn restore(room: Option<RoomId>, wish: Wish) -> Result<Task, Mistake> {
    let is_preview = wish.preview;
    let (to, at) = wish.target()?;
    let next = Next::Log(to.since());
    let order = if is_preview { Order::Compare { to, at } } else { Order::Restore { to, at } };
    Ok(Task { room, what: What::Restore(order), next })
}

fn event(event: Event) -> Result<(What, Order), Mistake> {
    let Event { kind, data } = event;
    let kind = match kind {
        Kind::Add => "image:add",
        Kind::Transform => "image:transform",
        Kind::Remove => "image:remove",
        Kind::Chat => "chat:message",
        Kind::Server => return Ok((What::Publish, Order::Publish(data.get().as_bytes().to_vec()))),
    };
    Ok((What::Event, Order::Act(message(kind, &data)?)))
}

fn role(user_id: &str, role: Role) -> Result<Order, Mistake> {
    Ok(Order::Act(message("member:role", &Word { user_id, role: Some(role), reason: None })?))
}

fn out(kind: &str, user_id: &str, because: Because) -> Result<Order, Mistake> {
    Ok(Order::Act(message(kind, &Word { user_id, role: None, reason: because.reason })?))
}

impl Task {
    /// The room that it is about; `None` if there is none, or if it is to be made and has no id yet.
    pub fn room(&self) -> Option<&RoomId> {
        self.room.as_ref()
    }

    /// Gives the room that is to be made an id.
    pub fn name(&mut self, room: RoomId) {
        self.room = Some(room);
    }

    /// What to do now.
    pub fn wants(&mut self) -> &mut Next {
        &mut self.next
    }

    /// Takes what came of the order.
    pub fn hear(&mut self, reply: Reply) {
        let next = match reply {
            Ok(told) => self.after(told),
            Err(why) => self.instead(why),
        };
        self.next = next.unwrap_or_else(|mistake| Next::Answer(mistake.answer()));
    }

    /// It cannot be done.
    pub fn fail(&mut self, why: impl Into<Mistake>) {
        self.next = Next::Answer(why.into().answer());
    }

    /// Takes a page of the history: the room's record, rows, newest first, and with which place to go on.
    pub fn history(&mut self, record: Option<&[u8]>, rows: &[LogRow<'_>], rest: Option<Seq>) {
        let page = match &self.room {
            Some(room) => history::page(room, record, rows, rest),
            None => Err(Refused::Room(Code::Internal).into()),
        };
        self.next = Next::Answer(page.unwrap_or_else(|mistake| mistake.answer()));
    }

    /// The log was read.
    pub fn log(&mut self) {
        if let What::Restore(order) = &self.what {
            self.next = Next::Order(order.clone());
        }
    }

    /// The log has more than is read at once: so many rows, or so many bytes of them.
    pub fn too_much_log(&mut self, rows: usize, bytes: usize) {
        let bytes = bytes / (1024 * 1024);
        let message =
            format!("More than {rows} events, or {bytes} MiB of them, have happened since; choose a later time.");
        self.fail(Mistake::code(Code::TooMany, message));
    }

    /// The list was told all rooms.
    pub fn listed(&mut self) {
        if let Next::Rooms(list) = &mut self.next {
            self.next = Next::Answer(list.answer());
        }
    }

    /// Says where the mistake is in a body that the room refused.
    pub fn judge(&mut self, config: &Config) {
        let What::Mistaken(code, long, body) = &self.what else { return };
        let judged = match long {
            Long::Images => document::judge_images(body, config),
            Long::Document => document::judge_document(body, config),
        };
        let mistake = match (judged, long) {
            (Err(mistake), Long::Images | Long::Document) => Mistake::code(mistake.code, mistake.to_string()),
            (Ok(()), Long::Images) => gone_on(*code),
            (Ok(()), Long::Document) => Refused::Room(*code).into(),
        };
        self.next = Next::Answer(mistake.answer());
    }

    /// What follows where an order was carried out.
    fn after(&mut self, told: Told) -> Result<Next, Mistake> {
        Ok(Next::Answer(match &self.what {
            What::Make => return Ok(self.describe(What::Made)),
            What::Change => return Ok(self.describe(What::Tell)),
            What::Made => {
                let at = self.room.as_ref().map(|room| format!("/api/rooms/{room}")).unwrap_or_default();
                Answer { status: 201, ..tell(told) }.with("location", at)
            }
            What::Do | What::Unperson => Answer::blank(204),
            What::Publish => Answer::json(202, b"{}".to_vec()),
            What::Image => return Err(Mistake::new(409, "no_image", "There is no such image in the room.")),
            What::Tell
            | What::Person
            | What::Event
            | What::Take(..)
            | What::Mistaken(..)
            | What::Restore(_)
            | What::Page => tell(told),
        }))
    }

    /// What follows where a room refused it.
    fn instead(&mut self, why: Refused) -> Result<Next, Mistake> {
        let Refused::Room(code) = why else { return Err(why.into()) };
        Err(match (&self.what, code) {
            (What::Make, Code::Conflict) => Mistake::code(code, "There is a room of that id already."),
            // Of the two that may be missing it is the image, if there is the room.
            (What::Event, Code::NotFound) => return Ok(self.describe(What::Image)),
            (What::Take(long, body), _) => {
                self.what = What::Mistaken(code, *long, body.clone());
                return Ok(Next::Judge);
            }
            (What::Restore(_), Code::NotFound) => {
                Mistake::code(code, "There is no such room, or its history does not reach back that far.")
            }
            (What::Restore(_), _) => gone_on(code),
            (What::Person | What::Unperson, _) => nobody(code),
            (
                What::Make
                | What::Made
                | What::Tell
                | What::Change
                | What::Do
                | What::Event
                | What::Image
                | What::Publish
                | What::Mistaken(..)
                | What::Page,
                _,
            ) => why.into(),
        })
    }

    fn describe(&mut self, what: What) -> Next {
        self.what = what;
        Next::Order(Order::Describe)
    }
}

/// What a room tells, as it is: JSON, or the place in the log at which something is done.
fn tell(told: Told) -> Answer {
    match told {
        Told::Json(json) => Answer::json(200, json),
        Told::Done(seq) => Answer::told(200, &Done { seq }),
        Told::Gone => Answer::blank(204),
    }
}

/// Why something cannot be done with a person.
fn nobody(code: Code) -> Mistake {
    if code == Code::Conflict {
        let message = "Nobody can be that here: a guest or an organisation owns no room, its last owner stays one, \
            an organisation is not banned, and an id that begins with server: is nobody's.";
        return Mistake::code(code, message);
    }
    match code == Code::NotFound {
        true => Mistake::code(code, "There is no such room, or nobody of that id is in it."),
        false => Refused::Room(code).into(),
    }
}

/// What a conflict means where a request names the place at which the room was.
fn gone_on(code: Code) -> Mistake {
    match code == Code::Conflict {
        true => Mistake::code(Code::Conflict, "The room has gone on since that place in its log; read it again."),
        false => Refused::Room(code).into(),
    }
}
