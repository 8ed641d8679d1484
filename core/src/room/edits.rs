//! Changes that are stored: images and chat, each once, in one order; and drags, which end in one.

use super::announce::News;
use super::messages::Origin;
use super::{Phase, Room, answer};
use crate::access::{Action, Role};
use crate::address;
use crate::chat::ChatMessage;
use crate::dedupe::{Made, fingerprint};
use crate::errors::Code;
use crate::id::{ClientId, Conn, Seq};
use crate::image::{Changes, Fields, Image};
use crate::input::Failure;
use crate::journal::{Answer, Outcome};
use crate::limits::Limits;
use crate::log::{Kind, LogEntry};
use crate::notice::Notice;
use crate::outbox::{Outbox, StoredWrite};
use crate::presence::Client;
use crate::text;
use crate::time::{Span, Time};
use crate::wire::json::{Writer, into_text};
use crate::wire::{Edit, Event, NO_ROLE, What};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A stored event before it has its place in the log.
pub(super) struct Draft {
    kind: Kind,
    target: Box<str>,
    body: Box<str>,
    was: Box<str>,
    /// What its ack tells the sender, as JSON; empty if nothing.
    set: Box<str>,
    chat: Option<ChatMessage>,
    /// What others saw move in whose drags, and this settles.
    shown: Vec<(ClientId, Fields)>,
}

impl Draft {
    /// An event that is about no image.
    pub(super) fn of(kind: Kind, body: String, was: String) -> Draft {
        let (target, set) = (Box::default(), Box::default());
        Draft { kind, target, body: body.into(), was: was.into(), set, chat: None, shown: Vec::new() }
    }
}

/// Who makes an edit.
pub(super) struct Author {
    pub(super) user: Box<str>,
    /// [`NOBODY`] of one who is not in the room.
    pub(super) client: ClientId,
    pub(super) conn: Option<Conn>,
    pub(super) pk: Box<str>,
    /// What they are called where they say something, and their colour.
    pub(super) name: Box<str>,
    pub(super) color: Box<str>,
}

/// `c0`: no client of any room.
pub(super) const NOBODY: ClientId = ClientId(0);

/// The bounds that an edit keeps.
#[derive(Clone, Copy)]
pub(super) enum Bounds {
    /// Those of the room.
    Room,
    /// None: where it leads to was judged before.
    None,
}

impl Bounds {
    fn limits(self, room: &Limits) -> Cow<'_, Limits> {
        match self {
            Bounds::Room => Cow::Borrowed(room),
            Bounds::None => Cow::Owned(Limits::none()),
        }
    }
}

/// Why an edit was not made.
pub(super) enum Refused {
    /// For this reason.
    Code(Code),
    /// Too fast.
    Rate(Span),
    /// It was made before, or the image had been removed before: there is nothing to do but to say so.
    Already { seq: Seq, set: Box<str> },
}

impl Author {
    /// Someone who is here.
    fn of(client: &Client) -> Author {
        let Client { user_id, id, pk, name, color, .. } = client;
        let (user, pk, name, color) = (user_id.clone(), pk.clone(), name.clone(), color.clone());
        Author { user, client: *id, conn: client.conn(), pk, name, color }
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Refused {
        Refused::Code(code)
    }
}

impl Room {
    #[expect(clippy::too_many_arguments, reason = "one call site, and each is a different thing")]
    pub(super) fn edit(
        &mut self,
        now: Time,
        conn: Conn,
        client: ClientId,
        id: Option<&str>,
        edit: Edit,
        origin: Origin,
        out: &mut Outbox,
    ) {
        let image = target(&edit).map(Box::<str>::from);
        match self.try_edit(now, client, id, edit, origin) {
            Ok(()) => {}
            Err(Refused::Code(code)) => self.refuse_edit(now, conn, (code, None), id, image.as_deref(), out),
            Err(Refused::Rate(wait)) => {
                self.refuse_edit(now, conn, (Code::RateLimited, Some(wait)), id, image.as_deref(), out);
            }
            Err(Refused::Already { seq, set }) => {
                self.stats.repeated += 1;
                let again = Answer { id: id.map(Box::from), image, outcome: Outcome::Made(seq) };
                answer(&self.people, &mut self.journal, conn, again, &Event::Ack { id, seq, set: &set });
            }
        }
    }

    /// EDIT1: rate, then repetition, then right, then whether storage can take it, then the edit itself.
    fn try_edit(
        &mut self,
        now: Time,
        client: ClientId,
        id: Option<&str>,
        edit: Edit,
        origin: Origin,
    ) -> Result<(), Refused> {
        let Some(sender) = self.people.clients.get(&client) else { return Err(Code::NotJoined.into()) };
        let author = Author::of(sender);
        let (user, pk) = (&author.user, &author.pk);
        self.take_edit(now, sender.user, &edit, origin)?;
        let hash = id.map_or(0, |_| hash_of(&edit));
        if let Some(id) = id
            && let Some(made) = self.dedupe.find(user, pk, id, hash, &self.config.limits, now)?
        {
            return Err(Refused::Already { seq: made.seq, set: made.set.clone() });
        }
        self.may(now, client, action(&edit), self.target(&author.user, &edit))?;
        let made = match self.make(now, &author, id.map(|id| (id, hash)), edit) {
            // IMG7: two people remove the same image; the second is told that it is done.
            Err(Refused::Already { seq, set }) => {
                if let Some(id) = id {
                    let made = Made { seq, at: now, hash, set: set.clone() };
                    self.dedupe.remember(user, pk, id, made, &self.config.limits);
                }
                return Err(Refused::Already { seq, set });
            }
            made => made?,
        };
        if let Some(id) = id.filter(|_| !planted!(self.config, DedupeDropped)) {
            self.dedupe.remember(user, pk, id, made, &self.config.limits);
        }
        Ok(())
    }

    /// Makes an edit that its author may make, if storage can take it and it keeps its own bounds. `id` is the one that
    /// they gave it, and the fingerprint of what they asked.
    pub(super) fn make(
        &mut self,
        now: Time,
        author: &Author,
        id: Option<(&str, u64)>,
        edit: Edit,
    ) -> Result<Made, Refused> {
        self.can_store()?;
        let seq = self.head.next();
        let (mut verdict, mut banned) = (None, None);
        let draft = match edit {
            Edit::Add(image) => self.add_image(image)?,
            Edit::Change { image, changes } => self.change_image(author.client, &image, changes)?,
            Edit::Remove { image } => match self.removed_before(&image) {
                Some(seq) => return Err(Refused::Already { seq, set: Box::default() }),
                None => self.remove_image(&image)?,
            },
            Edit::Chat { text } => self.chat(now, author, seq, &text)?,
            Edit::Room(_) | Edit::SetRole { .. } | Edit::Kick { .. } | Edit::Ban { .. } => {
                let kicked = if let Edit::Kick { user, .. } = &edit { Some(user.clone()) } else { None };
                if let Edit::Ban { user, reason } = &edit {
                    banned = Some((user.clone(), super::rights::clean(reason.clone())?));
                }
                verdict = Some(kicked);
                self.govern(now, edit)?
            }
        };
        let made = Made { seq, at: now, hash: id.map_or(0, |(_, hash)| hash), set: draft.set.clone() };
        self.commit(now, author, id, draft);
        if let Some((user, reason)) = banned {
            let reason = reason.map(Into::into);
            self.note(Notice::Banned { user, by: author.user.clone(), reason });
        }
        if let Some(kicked) = verdict {
            self.judge_after(now, kicked.as_deref());
        }
        Ok(made)
    }

    /// Edits and chat have a rate each; what was held before the join passes on credit (RATE4).
    fn take_edit(&mut self, now: Time, user: u32, edit: &Edit, origin: Origin) -> Result<(), Refused> {
        let limits = &self.config.limits;
        let user = if planted!(self.config, SharedBucket) { 0 } else { user };
        let Some(user) = self.people.user_mut(user) else { return Ok(()) };
        let is_chat = matches!(edit, Edit::Chat { .. });
        let (bucket, rate) = if is_chat { (&mut user.chat, limits.chat) } else { (&mut user.edits, limits.edits) };
        match origin {
            Origin::Held { edits, chat } if (if is_chat { chat } else { edits }) => bucket.charge(rate, now),
            Origin::Held { .. } | Origin::Live => bucket.take(rate, now).map_err(Refused::Rate)?,
        }
        Ok(())
    }

    /// Whether storage can take another edit.
    pub(super) fn can_store(&self) -> Result<(), Code> {
        match self.journal.failing() {
            Some(Failure::Full) => return Err(Code::StorageFull),
            Some(Failure::Busy | Failure::Broken | Failure::Fenced) => return Err(Code::Busy),
            None => {}
        }
        match self.phase {
            Phase::Live if self.journal.is_full(&self.config.limits) => Err(Code::Busy),
            Phase::Live => Ok(()),
            Phase::Loading { .. } | Phase::Returning { .. } | Phase::Draining { .. } | Phase::Gone { .. } => {
                Err(Code::Busy)
            }
        }
    }

    /// Whether storage fails and the gate has its most: nothing more may be made to wait (GATE7).
    pub(super) fn is_stuck(&self) -> bool {
        self.journal.failing().is_some() && self.journal.is_full(&self.config.limits)
    }

    fn add_image(&mut self, mut image: Image) -> Result<Draft, Code> {
        let src = self.src(&image.src)?;
        let asked = core::mem::replace(&mut image.src, src);
        self.put_image(image, Some(&asked), Bounds::Room)
    }

    /// Adds an image; `asked` is its address as the sender had it.
    pub(super) fn put_image(&mut self, image: Image, asked: Option<&str>, within: Bounds) -> Result<Draft, Code> {
        let mark = self.journal.head() + 1;
        let slot = self.images.add(image, mark, &within.limits(&self.config.limits))?;
        let Some(image) = self.images.at(slot) else { return Err(Code::Internal) };
        let set = set_of(Some(&image.z), asked.filter(|asked| **asked != *image.src).map(|_| &*image.src));
        Ok(Draft {
            kind: Kind::ImageAdd,
            target: image.id.clone(),
            body: into_text(image.to_json()).into(),
            was: Box::default(),
            set,
            chat: None,
            shown: Vec::new(),
        })
    }

    fn change_image(&mut self, client: ClientId, id: &str, mut changes: Changes) -> Result<Draft, Code> {
        let mut set = Box::default();
        if let Some(asked) = changes.src.take() {
            let src = self.src(&asked)?;
            set = set_of(None, (asked != src).then_some(&*src));
            changes.src = Some(src);
        }
        self.put_changes(client, id, &changes, set, Bounds::Room)
    }

    /// Changes an image; `set` is what its sender is told of it.
    pub(super) fn put_changes(
        &mut self,
        client: ClientId,
        id: &str,
        changes: &Changes,
        set: Box<str>,
        within: Bounds,
    ) -> Result<Draft, Code> {
        let slot = self.images.slot(id).ok_or(Code::NotFound)?;
        let limits = within.limits(&self.config.limits);
        let was = self.images.change(slot, changes, &limits)?;
        if planted!(self.config, PropertyReset) {
            let upright = Changes { numbers: [None, None, None, None, Some(0.0)], ..Changes::default() };
            self.images.change(slot, &upright, &limits)?;
        }
        let mut shown = Vec::new();
        if !planted!(self.config, DragAfterItsEdit) {
            shown = self.drags.settle(slot, &changes.fields());
            self.end_drag(client, slot);
        }
        Ok(Draft {
            kind: Kind::ImageTransform,
            target: id.into(),
            body: into_text(changes.to_json(id)).into(),
            was: into_text(was.to_json(id)).into(),
            set,
            chat: None,
            shown,
        })
    }

    /// Where an image was removed that is not there, as far as the log remembers.
    fn removed_before(&self, id: &str) -> Option<Seq> {
        self.log.tombstone(id).filter(|_| self.images.slot(id).is_none())
    }

    pub(super) fn remove_image(&mut self, id: &str) -> Result<Draft, Code> {
        let slot = self.images.slot(id).ok_or(Code::NotFound)?;
        let draggers = self.drags.draggers(slot).into_iter();
        let shown = draggers.filter_map(|client| Some((client, self.forget_drag(client, slot)?))).collect();
        let image = self.images.remove(slot).ok_or(Code::NotFound)?;
        let mut body = Vec::new();
        let mut object = Writer::object(&mut body);
        object.text("id", id);
        object.end();
        Ok(Draft {
            kind: Kind::ImageRemove,
            target: id.into(),
            body: into_text(body).into(),
            was: into_text(image.to_json()).into(),
            set: Box::default(),
            chat: None,
            shown,
        })
    }

    fn chat(&mut self, now: Time, author: &Author, seq: Seq, said: &str) -> Result<Draft, Code> {
        let text = text::chat(said, self.config.limits.chat_chars)?;
        let client = author.client;
        let (user, name, color) = (author.user.clone(), author.name.clone(), author.color.clone());
        let message = ChatMessage { seq, at: now, client, user, name, color, text: text.into() };
        let mut body = Vec::new();
        message.write(&mut body);
        self.chat.push(message.clone(), self.config.limits.chat_history);
        Ok(Draft {
            kind: Kind::Chat,
            target: Box::default(),
            body: into_text(body).into(),
            was: Box::default(),
            set: Box::default(),
            chat: Some(message),
            shown: Vec::new(),
        })
    }

    pub(super) fn src(&self, asked: &str) -> Result<Box<str>, Code> {
        address::src(asked, self.config.http_loopback).map(Box::from)
    }

    /// Gives the event its place, hands it to storage, and tells everyone once it is there (GATE1).
    fn commit(&mut self, now: Time, author: &Author, id: Option<(&str, u64)>, mut draft: Draft) {
        let (chat, set) = (draft.chat.take(), core::mem::take(&mut draft.set));
        let Some(entry) = self.enter_log(now, author, id, draft) else { return };
        let (what, except) = match (&chat, entry.kind) {
            (Some(message), _) => (What::Chat(message), None),
            (None, Kind::RoomUpdate | Kind::MemberRole | Kind::MemberKick | Kind::MemberBan) => (What::Room, None),
            (None, _) if planted!(self.config, Echoed) => (What::Image, None),
            (None, _) => (What::Image, author.conn),
        };
        self.audience.gate(&Event::Stored { entry: &entry, what }, except, &mut self.journal);
        if let Some(conn) = author.conn {
            let id = id.map(|(id, _)| id);
            let image = (!entry.target.is_empty()).then(|| entry.target.clone());
            let made = Answer { id: id.map(Box::from), image, outcome: Outcome::Made(entry.seq) };
            let ack = Event::Ack { id, seq: entry.seq, set: &set };
            answer(&self.people, &mut self.journal, conn, made, &ack);
        }
    }

    /// Gives the event its place and hands it to storage. Nobody is told of it.
    pub(super) fn enter_log(
        &mut self,
        now: Time,
        author: &Author,
        id: Option<(&str, u64)>,
        draft: Draft,
    ) -> Option<Arc<LogEntry>> {
        let record = self.record.as_mut()?;
        record.last_activity = now;
        self.announcing.note(News::Active);
        self.head = self.head.next();
        let entry = Arc::new(LogEntry {
            seq: self.head,
            at: now,
            epoch: record.epoch,
            user: author.user.clone(),
            client: author.client,
            origin: author.pk.clone(),
            op_id: id.map(|(id, _)| id).unwrap_or_default().into(),
            op_hash: id.map_or(0, |(_, hash)| hash),
            kind: draft.kind,
            target: draft.target,
            body: draft.body,
            was: draft.was,
        });
        self.log.push(entry.clone(), &self.config.limits);
        self.journal.write(StoredWrite::Log(entry.clone()));
        self.since_snapshot = self.since_snapshot.saturating_add(1);
        self.stats.edits += 1;
        for (dragger, shown) in draft.shown {
            self.note_shown(dragger, &entry.target, shown);
        }
        Some(entry)
    }
}

/// The image that an edit is about.
fn target(edit: &Edit) -> Option<&str> {
    match edit {
        Edit::Add(image) => Some(&image.id),
        Edit::Change { image, .. } | Edit::Remove { image } => Some(image),
        Edit::Chat { .. } | Edit::Room(_) | Edit::SetRole { .. } | Edit::Kick { .. } | Edit::Ban { .. } => None,
    }
}

/// What an edit does, as far as rights go.
pub(super) fn action(edit: &Edit) -> Action {
    match edit {
        Edit::Add(_) | Edit::Change { .. } | Edit::Remove { .. } => Action::Edit,
        Edit::Chat { .. } => Action::Chat,
        Edit::Room(_) => Action::Configure,
        Edit::SetRole { .. } => Action::SetRole,
        Edit::Kick { .. } => Action::Kick,
        Edit::Ban { .. } => Action::Ban,
    }
}

/// A fingerprint of what was asked for, before the room put anything in.
fn hash_of(edit: &Edit) -> u64 {
    match edit {
        Edit::Add(image) => fingerprint("add", &image.to_json()),
        Edit::Change { image, changes } => fingerprint("change", &changes.to_json(image)),
        Edit::Remove { image } => fingerprint("remove", image.as_bytes()),
        Edit::Chat { text } => fingerprint("chat", text.as_bytes()),
        Edit::Room(change) => {
            let mut json = Vec::new();
            change.write(&mut json);
            fingerprint("room", &json)
        }
        Edit::SetRole { user, role } => fingerprint(role.map_or(NO_ROLE, Role::as_str), user.as_bytes()),
        Edit::Kick { user, .. } => fingerprint("kick", user.as_bytes()),
        Edit::Ban { user, .. } => fingerprint("ban", user.as_bytes()),
    }
}

/// What an ack tells its sender of values that it did not choose itself.
pub(super) fn set_of(z: Option<&str>, src: Option<&str>) -> Box<str> {
    if z.is_none() && src.is_none() {
        return Box::default();
    }
    let mut json = Vec::new();
    let mut object = Writer::object(&mut json);
    if let Some(z) = z {
        object.text("z", z);
    }
    if let Some(src) = src {
        object.text("src", src);
    }
    object.end();
    let text: String = into_text(json);
    text.into()
}
