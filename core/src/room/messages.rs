//! What a message asks: held before the join, rated, and handed to what it is about. Refusals are answered here.

use super::{Phase, Room, answer, tell};
use crate::errors::{Close, Code};
use crate::id::{ClientId, Conn};
use crate::image;
use crate::images::Images;
use crate::journal::{Answer, Outcome};
use crate::kinds::{FrameKind, MessageKind};
use crate::limits::PRESENCE_BYTES;
use crate::outbox::{Outbox, To};
use crate::presence::{Held, Stage};
use crate::time::{Span, Time};
use crate::timers::MemberTimer;
use crate::wire::json::{Writer, into_text};
use crate::wire::{self, Decoded, Event, Refusal, Request, Truth, Update};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Whether a message came live or was held before the join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Live,
    /// Never refused for its rate: it is charged, on credit where that was not used up before (RATE4).
    Held {
        edits: bool,
        chat: bool,
    },
}

impl Room {
    pub(super) fn on_message(&mut self, now: Time, conn: Conn, bytes: &[u8], out: &mut Outbox) {
        let Some(link) = self.people.link(conn) else {
            self.stats.misuse += 1;
            return;
        };
        if bytes.len() > self.config.limits.message_bytes as usize {
            self.stats.misuse += 1;
            self.stats.count_message(MessageKind::Unread, bytes.len());
            return self.refuse(now, conn, Code::TooLong, None, out);
        }
        let decoded = wire::decode(link.dialect, bytes);
        self.stats.count_message(MessageKind::of(&decoded), bytes.len());
        if matches!(link.stage, Stage::Entering(_)) && self.is_stuck() {
            return self.close(now, conn, Close::Unavailable, out);
        }
        match link.stage {
            Stage::Entering(client) | Stage::Live(client) => {
                self.on_request(now, conn, client, decoded, Origin::Live, out);
            }
            Stage::Waiting { .. } => {
                if let Ok(Request::Join(_)) = decoded.request
                    && let Err(wait) = self.take_control(now, conn)
                {
                    return self.refuse_rate(now, conn, wait, decoded.id.as_deref(), out);
                }
                self.hold(now, conn, decoded, bytes, out);
            }
            Stage::Left => self.on_request_of_stranger(now, conn, decoded, bytes, out),
        }
    }

    /// Takes a join that waited for the room.
    pub(super) fn on_message_again(&mut self, now: Time, conn: Conn, bytes: &[u8], out: &mut Outbox) {
        let Some(link) = self.people.link(conn) else { return };
        let decoded = wire::decode(link.dialect, bytes);
        self.hold(now, conn, decoded, bytes, out);
    }

    /// JOIN1: what comes before the join waits for it.
    fn hold(&mut self, now: Time, conn: Conn, decoded: Decoded, bytes: &[u8], out: &mut Outbox) {
        let is_join = matches!(decoded.request, Ok(Request::Join(_)));
        let ready = is_join && self.phase == Phase::Live && self.has_ids();
        let limits = &self.config.limits;
        let (most, most_bytes) = (limits.held_messages as usize, limits.held_bytes as usize);
        let id = decoded.id;
        let Some(link) = self.people.link_mut(conn) else { return };
        let Stage::Waiting { held, .. } = &mut link.stage else { return };
        let refused = match decoded.request {
            Ok(Request::Join(join)) if ready => return self.join(now, conn, *join, id.as_deref(), out),
            Ok(Request::Join(_)) if held.join.is_some() => Code::AlreadyJoined,
            Ok(Request::Join(_)) => {
                held.join = Some(bytes.into());
                return;
            }
            Ok(Request::Cursor(_)) => {
                held.cursor = Some(bytes.into());
                return;
            }
            Ok(Request::Viewport(_)) => {
                held.viewport = Some(bytes.into());
                return;
            }
            Ok(Request::Edit(_) | Request::Update(_) | Request::Drag { .. })
                if held.messages.len() < most && held.bytes + bytes.len() <= most_bytes =>
            {
                held.bytes += bytes.len();
                held.messages.push(bytes.into());
                return;
            }
            Ok(Request::Edit(_) | Request::Update(_) | Request::Drag { .. } | Request::Leave) => Code::NotJoined,
            Ok(Request::Refresh { token }) => return self.refresh(now, conn, &token, id.as_deref(), out),
            Ok(Request::Ping) => return self.pong(now, conn, out),
            Err(code) => code,
        };
        self.refuse(now, conn, refused, id.as_deref(), out);
    }

    /// Applies what was held, in order; the latest cursor and viewport last.
    pub(super) fn replay(&mut self, now: Time, conn: Conn, held: Held, out: &mut Outbox) {
        let (edits, chat) = (self.config.limits.edits, self.config.limits.chat);
        let Some(user) = self.people.link(conn).map(|link| link.user) else { return };
        let Some(user) = self.people.user_mut(user) else { return };
        let origin = Origin::Held { edits: user.edits.in_credit(edits, now), chat: user.chat.in_credit(chat, now) };
        for bytes in held.messages.into_iter().chain(held.cursor).chain(held.viewport) {
            let Some(link) = self.people.link(conn) else { return };
            let Some(client) = link.client() else { return };
            let decoded = wire::decode(link.dialect, &bytes);
            self.on_request(now, conn, client, decoded, origin, out);
        }
    }

    fn on_request(
        &mut self,
        now: Time,
        conn: Conn,
        client: ClientId,
        decoded: Decoded,
        origin: Origin,
        out: &mut Outbox,
    ) {
        let id = decoded.id.as_deref();
        let request = match decoded.request {
            Ok(Request::Ping) => return self.pong(now, conn, out),
            Ok(request) => request,
            Err(Code::BadMessage) => return self.refuse_unread(now, conn, id, decoded.image.as_deref(), out),
            Err(code) => return self.refuse_edit(now, conn, (code, None), id, decoded.image.as_deref(), out),
        };
        self.on_active(now, client, out);
        match request {
            Request::Ping => {}
            Request::Join(_) => self.refuse(now, conn, Code::AlreadyJoined, id, out),
            Request::Leave => self.leave(conn, out),
            Request::Refresh { token } => self.refresh(now, conn, &token, id, out),
            Request::Update(update) => self.update(now, conn, client, *update, id, origin, out),
            Request::Cursor(cursor) => self.move_cursor(now, client, cursor, out),
            Request::Viewport(viewport) => self.move_viewport(now, client, viewport, out),
            Request::Drag { image, changes } => {
                if let Err(code) = self.drag(now, client, &image, *changes, out) {
                    self.refuse_edit(now, conn, (code, None), id, Some(&image), out);
                }
            }
            Request::Edit(edit) => self.edit(now, conn, client, id, *edit, origin, out),
        }
    }

    /// After `user:leave` the socket may join again and do nothing else (PRES7).
    fn on_request_of_stranger(&mut self, now: Time, conn: Conn, decoded: Decoded, bytes: &[u8], out: &mut Outbox) {
        let id = decoded.id.as_deref();
        let code = match decoded.request {
            Ok(Request::Ping) => return self.pong(now, conn, out),
            Ok(Request::Join(join)) => match self.take_control(now, conn) {
                Ok(()) if matches!(self.phase, Phase::Draining { .. } | Phase::Gone { .. }) => Code::Busy,
                Ok(()) => match self.looks(&join.profile) {
                    Ok(_) if self.phase == Phase::Live && self.has_ids() => {
                        return self.join(now, conn, *join, id, out);
                    }
                    Ok(_) => return self.wait_again(now, conn, bytes),
                    // Now, and not once there are ids: then a deadline would run (PRES7).
                    Err(code) => code,
                },
                Err(wait) => return self.refuse_rate(now, conn, wait, id, out),
            },
            Ok(Request::Refresh { token }) => return self.refresh(now, conn, &token, id, out),
            Ok(_) => Code::NotJoined,
            Err(code) => code,
        };
        self.refuse(now, conn, code, id, out);
    }

    /// A join of someone who had left waits like a first one.
    fn wait_again(&mut self, now: Time, conn: Conn, join: &[u8]) {
        let held = Held { join: Some(join.into()), ..Held::default() };
        if let Some(link) = self.people.link_mut(conn) {
            link.stage = Stage::Waiting { since: now, held };
            self.timers.set_member(MemberTimer::Join(conn), now + self.config.limits.join_timeout);
        }
    }

    /// PRES6: a person's own name, colour, picture and fields; others hear of it at the next flush.
    #[expect(clippy::too_many_arguments, reason = "one call site, and each is a different thing")]
    fn update(
        &mut self,
        now: Time,
        conn: Conn,
        id: ClientId,
        update: Update,
        op: Option<&str>,
        origin: Origin,
        out: &mut Outbox,
    ) {
        if origin != Origin::Live {
            let rate = self.config.limits.control;
            self.people.link_mut(conn).into_iter().for_each(|link| link.control.charge(rate, now));
        } else if let Err(wait) = self.take_control(now, conn) {
            return self.refuse_rate(now, conn, wait, op, out);
        }
        let presence = update.presence.map(|fields| write_presence(&fields)).transpose();
        let (looks, presence) = match (self.looks(&update.profile), presence) {
            (Ok(looks), Ok(presence)) => (looks, presence),
            (Err(code), _) | (_, Err(code)) => return self.refuse(now, conn, code, op, out),
        };
        let Some(client) = self.people.clients.get_mut(&id) else { return };
        if !client.named {
            client.name = looks.name.unwrap_or_else(|| client.name.clone());
            client.avatar = looks.avatar.or_else(|| client.avatar.take());
        }
        if let Some(color) = looks.color {
            client.color = color;
        }
        if let Some(presence) = presence {
            client.presence = presence;
        }
        client.dirty.profile = true;
        self.attach(conn, out);
        self.want_flush(now, id, out);
    }

    /// A frame of the person: whoever was idle is back (PRES3).
    pub(super) fn on_active(&mut self, now: Time, id: ClientId, out: &mut Outbox) {
        let Some(client) = self.people.clients.get_mut(&id) else { return };
        client.last_active = now;
        if !client.idle {
            let stale = client.kept_active + self.config.limits.idle_step() < now;
            if let Some(conn) = client.conn().filter(|_| stale) {
                self.attach(conn, out);
            }
            return;
        }
        client.idle = false;
        client.idle_at = now + self.config.limits.idle;
        self.timers.set_member(MemberTimer::Idle(id), client.idle_at);
        let conn = client.conn();
        self.audience.tell(&Event::UserUpdated(client), conn, out);
        if let Some(conn) = conn {
            self.attach(conn, out);
        }
    }

    /// A person who may have become idle (PRES3). A session without a socket is not told as idle: it is about to go.
    pub(super) fn on_idle(&mut self, now: Time, id: ClientId, out: &mut Outbox) {
        let Some(client) = self.people.clients.get_mut(&id) else { return };
        let due = client.last_active + self.config.limits.idle;
        if due > now || client.conn().is_none() {
            client.idle_at = if due > now { due } else { now + self.config.limits.idle };
            return self.timers.set_member(MemberTimer::Idle(id), client.idle_at);
        }
        client.idle = true;
        let conn = client.conn();
        self.audience.tell(&Event::UserUpdated(client), conn, out);
        if let Some(conn) = conn {
            self.attach(conn, out);
        }
    }

    fn pong(&mut self, now: Time, conn: Conn, out: &mut Outbox) {
        match self.take_control(now, conn) {
            Ok(()) => tell(&self.people, &mut self.journal, conn, &Event::Pong, out),
            Err(_) => self.count_refusal(now, conn, Code::RateLimited, out),
        }
    }

    pub(super) fn take_control(&mut self, now: Time, conn: Conn) -> Result<(), Span> {
        let rate = self.config.limits.control;
        self.people.link_mut(conn).map_or(Ok(()), |link| link.control.take(rate, now))
    }

    /// Refuses something for a reason that no edit can have caused: told at once.
    pub(super) fn refuse(&mut self, now: Time, conn: Conn, code: Code, id: Option<&str>, out: &mut Outbox) {
        tell(&self.people, &mut self.journal, conn, &Event::Error(Refusal::of(code, id)), out);
        self.count_refusal(now, conn, code, out);
    }

    pub(super) fn refuse_rate(&mut self, now: Time, conn: Conn, wait: Span, id: Option<&str>, out: &mut Outbox) {
        let refusal = Refusal { retry_after: Some(wait), ..Refusal::of(Code::RateLimited, id) };
        tell(&self.people, &mut self.journal, conn, &Event::Error(refusal), out);
        self.count_refusal(now, conn, Code::RateLimited, out);
    }

    /// LIMIT5: no edit can have caused it, so it is told at once, to one who is entering too. What may not be durable
    /// yet is left out: the image, and the number of such a client.
    fn refuse_unread(&mut self, now: Time, conn: Conn, id: Option<&str>, image: Option<&str>, out: &mut Outbox) {
        let truth = if self.journal.is_quiet() { truth(&self.images, image) } else { Truth::Unsaid };
        if let Some(link) = self.people.link(conn) {
            let client = match link.stage {
                Stage::Live(client) => Some(client),
                Stage::Entering(_) | Stage::Waiting { .. } | Stage::Left => None,
            };
            let event = Event::Error(Refusal { truth, ..Refusal::of(Code::BadMessage, id) });
            let bytes = out.encode(|arena| wire::encode(link.dialect, &event, client, arena));
            if !bytes.is_empty() {
                out.send(To::One(conn), FrameKind::Answer, bytes);
            }
        }
        self.count_refusal(now, conn, Code::BadMessage, out);
    }

    /// Refuses an edit with what is true instead; waits until that is durable (GATE5). What storage itself refuses is
    /// told at once, for it may not answer for long, and so is everything while the gate is full (GATE7); then without
    /// a truth if that might not be durable.
    pub(super) fn refuse_edit(
        &mut self,
        now: Time,
        conn: Conn,
        (code, retry_after): (Code, Option<Span>),
        id: Option<&str>,
        image: Option<&str>,
        out: &mut Outbox,
    ) {
        if matches!(code, Code::Busy | Code::StorageFull) || self.journal.is_full(&self.config.limits) {
            let truth = if self.journal.is_quiet() { truth(&self.images, image) } else { Truth::Unsaid };
            let refusal = Refusal { truth, retry_after, ..Refusal::of(code, id) };
            tell(&self.people, &mut self.journal, conn, &Event::Error(refusal), out);
        } else {
            self.hold_refusal(conn, (code, retry_after), id, image);
        }
        self.count_refusal(now, conn, code, out);
    }

    /// Refuses an edit once all that is known now is durable, with what is true then.
    pub(super) fn hold_refusal(
        &mut self,
        conn: Conn,
        (code, retry_after): (Code, Option<Span>),
        id: Option<&str>,
        image: Option<&str>,
    ) {
        let lied = image.is_some() && planted!(self.config, WrongTruth);
        let truth = if lied { Truth::Absent } else { truth(&self.images, image) };
        let refusal = Refusal { truth, retry_after, ..Refusal::of(code, id) };
        let outcome = Outcome::Refused { code, retry_after };
        let refused = Answer { id: id.map(Box::from), image: image.map(Box::from), outcome };
        answer(&self.people, &mut self.journal, conn, refused, &Event::Error(refusal));
    }

    /// LIMIT3, LIMIT4: who sends what cannot be read, or is refused for ever, is closed at last.
    fn count_refusal(&mut self, now: Time, conn: Conn, code: Code, out: &mut Outbox) {
        self.stats.count_refusal(code);
        let limits = &self.config.limits;
        let Some(link) = self.people.link_mut(conn) else { return };
        let abusive = link.abuse.count(limits.abuse_window, now) >= limits.abuse;
        let garbage = code == Code::BadMessage && link.garbage.count(limits.garbage_window, now) >= limits.garbage;
        if garbage {
            self.close(now, conn, Close::BadProtocol, out);
        } else if abusive {
            self.close(now, conn, Close::RateLimited, out);
        }
    }
}

/// The image as it is, if the refusal is about one.
fn truth<'a>(images: &'a Images, image: Option<&str>) -> Truth<'a> {
    match image.map(|image| images.get(image)) {
        None => Truth::Unsaid,
        Some(None) => Truth::Absent,
        Some(Some(image)) => Truth::Image(image),
    }
}

/// A person's own fields as JSON, if they are in bounds.
fn write_presence(fields: &alloc::collections::BTreeMap<Box<str>, image::Scalar>) -> Result<Box<str>, Code> {
    if fields.is_empty() {
        return Ok(Box::default());
    }
    let mut json = Vec::new();
    let mut object = Writer::object(&mut json);
    for (name, value) in fields {
        value.write(object.key(name));
    }
    object.end();
    if json.len() > PRESENCE_BYTES { Err(Code::TooLong) } else { Ok(into_text(json).into()) }
}
