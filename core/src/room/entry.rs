//! Coming and going: sockets, joins, sessions that are taken back, and how each of them ends.

use super::rights::{NotFounded, groups};
use super::{Encoded, Phase, Room, say_close};
use crate::access::Role;
use crate::attachment::Attachment;
use crate::errors::{Close, Code};
use crate::id::{ClientId, Conn, MAX_INTEGER, Seq};
use crate::input::{End, Founds, Hello, Identity, Standing};
use crate::journal::Held as Gated;
use crate::limits::{PK_BYTES, USER_ID_BYTES};
use crate::notice::Notice;
use crate::outbox::Outbox;
use crate::presence::{Client, Held, Link, Pass, Seat, Stage, color_of, read_color};
use crate::rate::{Bucket, Window};
use crate::time::{Span, Time};
use crate::timers::{MemberTimer, RoomTimer};
use crate::wire::{self, Event, Gone, Join, Profile, Snapshot};
use crate::{address, text};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a person says of themself, each part cleaned and in bounds.
pub(super) struct Looks {
    pub(super) name: Option<Box<str>>,
    pub(super) color: Option<Box<str>>,
    pub(super) avatar: Option<Box<str>>,
}

/// The first of the client ids that are drawn and not counted: 2^52, as many as there are before it.
pub(super) const SPARE_CLIENT_IDS: u64 = (MAX_INTEGER >> 1) + 1;

impl Room {
    pub(super) fn on_connect(
        &mut self,
        now: Time,
        conn: Conn,
        identity: &Identity<'_>,
        hello: &Hello<'_>,
        out: &mut Outbox,
    ) {
        if self.people.link(conn).is_some() || !(1..=USER_ID_BYTES).contains(&identity.user.len()) {
            self.stats.misuse += 1;
            return;
        }
        if let Some(close) = self.turned_away(identity, now) {
            return say_close(hello.dialect, None, conn, close, None, out);
        }
        self.timers.stop(RoomTimer::Empty);
        let socket = Attachment {
            user: identity.user.into(),
            standing: identity.standing,
            pk: cut(hello.pk, PK_BYTES).into(),
            dialect: hello.dialect,
            view: hello.view,
            pass: Pass { groups: groups(identity.org), address: identity.address, share: hello.share },
            lease: identity.lease,
            resume: hello.resume,
            name: identity.name.or(hello.name).and_then(text::fit_name).map(Box::from),
            named: identity.name.is_some(),
            avatar: identity.avatar.and_then(|url| self.avatar(url).ok()),
            batch: false,
            client: None,
        };
        self.add_link(now, conn, socket, identity.founds, Stage::Waiting { since: now, held: Held::default() });
        self.timers.set_member(MemberTimer::Join(conn), now + self.config.limits.join_timeout);
        if hello.dialect.joins_on_connect() && self.phase == Phase::Live && self.has_ids() {
            self.join(now, conn, Join::default(), None, out);
        }
    }

    pub(super) fn add_link(&mut self, now: Time, conn: Conn, socket: Attachment, founds: Founds, stage: Stage) {
        let limits = &self.config.limits;
        let link = Link {
            dialect: socket.dialect,
            user: self.people.user_no(&socket.user, limits, now),
            pk: socket.pk,
            standing: socket.standing,
            name: socket.name,
            named: socket.named,
            avatar: socket.avatar,
            view: socket.view,
            pass: socket.pass,
            lease: None,
            founds,
            verifying: None,
            resume: socket.resume,
            group: None,
            batch: socket.batch,
            stage,
            control: Bucket::full(limits.control, now),
            garbage: Window::new(now),
            abuse: Window::new(now),
            slow: false,
        };
        self.people.add_link(conn, link);
        self.set_lease(now, conn, socket.lease);
    }

    /// Why a new socket may not stay, if so (ROOM5, ROOM6).
    fn turned_away(&mut self, identity: &Identity<'_>, now: Time) -> Option<Close> {
        match self.phase {
            Phase::Gone { close } | Phase::Draining { close, .. } => return Some(close),
            Phase::Loading { .. } | Phase::Live | Phase::Returning { .. } => {}
        }
        let limits = &self.config.limits;
        if self.people.links() >= limits.room_connections as usize {
            return Some(Close::RoomFull);
        }
        let user = self.people.user_no(identity.user, limits, now);
        let sockets = self.people.user(user).map_or(0, |user| user.sockets);
        (sockets >= limits.user_connections).then_some(Close::RateLimited)
    }

    /// JOIN2: makes a client of a socket, or gives it back its session, and starts its snapshot on the way.
    pub(super) fn join(&mut self, now: Time, conn: Conn, join: Join, id: Option<&str>, out: &mut Outbox) {
        let Some(dialect) = self.people.link(conn).map(|link| link.dialect) else { return };
        let looks = match self.looks(&join.profile) {
            Ok(looks) => looks,
            Err(code) => return self.refuse(now, conn, code, id, out),
        };
        if self.is_stuck() {
            return self.close(now, conn, Close::Unavailable, out);
        }
        if self.record.is_none() {
            let called = self.people.link(conn).and_then(|link| called(link, &looks).0);
            match self.found(now, conn, called, out) {
                Ok(()) => {}
                Err(NotFounded::Spent) => return self.refuse(now, conn, Code::LimitRooms, id, out),
                Err(NotFounded::Close) => return self.close(now, conn, Close::NotFound, out),
            }
        }
        let role = match self.people.link(conn).map(|link| self.admit(now, link, join.view)) {
            Some(Ok(role)) => role,
            Some(Err(close)) => return self.close(now, conn, close, out),
            None => return,
        };
        let Ok(client) = self.seat(now, conn, &join, looks, role, out) else {
            return self.close(now, conn, Close::Unavailable, out);
        };
        let Some(link) = self.people.link_mut(conn) else { return };
        let stage = core::mem::replace(&mut link.stage, Stage::Entering(client));
        link.batch = join.batch;
        self.audience.join(dialect);
        if let Some(joined) = self.people.clients.get(&client).cloned() {
            self.welcome(conn, &joined, join.since);
        }
        self.warn_of_end(now, conn, out);
        self.attach(conn, out);
        if let Stage::Waiting { since, held } = stage {
            self.timers.stop_member(MemberTimer::Join(conn), since + self.config.limits.join_timeout);
            self.replay(now, conn, held, out);
        }
    }

    /// What the client says of itself, cleaned; `None` where it says nothing.
    pub(super) fn looks(&self, profile: &Profile) -> Result<Looks, Code> {
        let name = profile.name.as_deref().map(text::name).transpose()?.map(Box::from);
        let avatar = profile.avatar.as_deref().map(|url| self.avatar(url)).transpose()?;
        Ok(Looks { name, color: profile.color.as_deref().and_then(read_color), avatar })
    }

    pub(super) fn avatar(&self, url: &str) -> Result<Box<str>, Code> {
        address::avatar(url, self.config.http_loopback).map(Box::from)
    }

    /// Gives the socket a session: the one that it takes back, or a new one. Fails for a secret that another session
    /// has (ROOM14).
    fn seat(
        &mut self,
        now: Time,
        conn: Conn,
        join: &Join,
        looks: Looks,
        role: Role,
        out: &mut Outbox,
    ) -> Result<ClientId, ()> {
        let taken = self.session_of(conn, join);
        let Some(link) = self.people.link(conn) else { return Err(()) };
        if self.people.by_resume(&link.resume).is_some() {
            // A host that gives two sockets one secret.
            self.stats.misuse += 1;
            return Err(());
        }
        let user_id = self.people.user(link.user).map(|user| user.id.clone()).unwrap_or_default();
        let view = join.view.or(link.view);
        let (name, avatar) = called(link, &looks);
        if let Some(id) = taken {
            let (resume, dialect, pk, pass) = (link.resume, link.dialect, link.pk.clone(), link.pass.clone());
            self.take_back(now, conn, id, resume, dialect, out);
            let Some(client) = self.people.clients.get_mut(&id) else { return Err(()) };
            let before = client.clone();
            client.name = name.unwrap_or_else(|| before.name.clone());
            client.avatar = avatar.or_else(|| before.avatar.clone());
            client.color = looks.color.unwrap_or_else(|| before.color.clone());
            (client.view, client.role, client.pk, client.pass) = (view, role, pk, pass);
            if client.name != before.name
                || client.avatar != before.avatar
                || client.color != before.color
                || client.role != before.role
            {
                self.audience.tell(&Event::UserUpdated(client), Some(conn), out);
            }
            return Ok(id);
        }
        let id = self.new_client_id();
        let Some(link) = self.people.link(conn) else { return Err(()) };
        let client = Client {
            name: name.unwrap_or_else(|| guest_name(&user_id)),
            color: looks.color.unwrap_or_else(|| color_of(&user_id)),
            avatar,
            role,
            view,
            ..Client::new(id, conn, link, user_id, now + self.config.limits.idle, now)
        };
        self.timers.set_member(MemberTimer::Idle(id), client.idle_at);
        self.audience.tell(&Event::UserJoined(&client), Some(conn), out);
        let joined = Notice::Joined { user: client.user_id.clone(), name: client.name.clone() };
        if self.people.add_client(client) {
            self.note(joined);
        }
        Ok(id)
    }

    /// The session that a join takes back (JOIN5, JOIN6): only one that waits for its client, and only for the same
    /// user.
    fn session_of(&self, conn: Conn, join: &Join) -> Option<ClientId> {
        let link = self.people.link(conn)?;
        let waits = |client: &&Client| matches!(client.seat, Seat::Kept(_)) && client.user == link.user;
        if let Some(client) = join.resume.and_then(|secret| self.people.by_resume(&secret)).filter(waits) {
            return Some(client.id);
        }
        let same_pk = |client: &&Client| {
            link.standing == Standing::Verified && !link.pk.is_empty() && client.pk == link.pk && waits(client)
        };
        self.people.clients.values().find(same_pk).map(|client| client.id)
    }

    fn take_back(
        &mut self,
        now: Time,
        conn: Conn,
        id: ClientId,
        resume: [u8; 16],
        dialect: wire::Dialect,
        out: &mut Outbox,
    ) {
        self.people.change_resume(id, resume);
        let Some(client) = self.people.clients.get_mut(&id) else { return };
        if let Seat::Kept(until) = client.seat {
            self.timers.stop_member(MemberTimer::Grace(id), until);
        }
        client.seat = Seat::Taken(conn);
        client.dialect = dialect;
        self.stats.resumed += 1;
        self.on_active(now, id, out);
    }

    /// A client id that no one else in the life of the room ever had (JOIN4). Ids come from blocks that are stored
    /// before anyone hears of one of them.
    fn new_client_id(&mut self) -> ClientId {
        if self.record.as_ref().is_none_or(|record| self.next_client >= record.clients) {
            if self.journal.is_read_only() {
                return self.spare_client_id();
            }
            self.reserve_clients();
        }
        self.next_client += 1;
        ClientId(self.next_client - 1)
    }

    /// A client id while no block can be stored: drawn from numbers so many and so far beyond all blocks that none
    /// comes twice.
    fn spare_client_id(&mut self) -> ClientId {
        ClientId(SPARE_CLIENT_IDS + self.rng.below(SPARE_CLIENT_IDS))
    }

    /// Whether there is a client id that others may hear of: one of a block that is stored (JOIN4). Else the join
    /// waits for the next block. Who founds the room need not: the gate keeps all that is said of it until then. Nor
    /// need anyone while the room can only be read: there are ids without a block.
    pub(super) fn has_ids(&mut self) -> bool {
        let Some(record) = &self.record else { return true };
        if self.next_client >= record.clients && !self.journal.is_read_only() {
            self.reserve_clients();
        }
        let stored = self.journal.durable() >= self.ids_mark;
        self.joins_wait |= !stored;
        stored
    }

    /// Takes the joins that waited for the room's loading or for a block of client ids.
    pub(super) fn take_waiting(&mut self, now: Time, out: &mut Outbox) {
        self.joins_wait = false;
        for conn in self.people.conns() {
            let Some(link) = self.people.link_mut(conn) else { continue };
            let dialect = link.dialect;
            let Stage::Waiting { held, .. } = &mut link.stage else { continue };
            if let Some(bytes) = held.join.take() {
                self.on_message_again(now, conn, &bytes, out);
            } else if dialect.joins_on_connect() && self.has_ids() {
                self.join(now, conn, Join::default(), None, out);
            }
        }
    }

    /// Puts what a joined client is told first through the gate: `room:joined`, the state, then its entry (GATE3).
    pub(super) fn welcome(&mut self, conn: Conn, client: &Client, since: Option<(u64, Seq)>) {
        let Some(room) = self.view() else { return };
        let Some(epoch) = self.record.as_ref().map(|record| record.epoch) else { return };
        let (id, dialect) = (client.id, client.dialect);
        let joined = Event::Joined { client, epoch, seq: self.head, room };
        let mut frame = Vec::new();
        wire::encode(dialect, &joined, Some(id), &mut frame);
        if !frame.is_empty() {
            self.journal.hold(Gated::Joined { conn, frame: frame.into() });
        }
        let parts = match self.delta(dialect, since) {
            Some(parts) => {
                self.stats.deltas += 1;
                parts
            }
            None => self.snapshot(dialect),
        };
        for part in parts {
            let tail = wire::sync_tail(dialect, id).into();
            self.journal.hold(Gated::Part { conn, part, tail });
        }
        self.journal.hold(Gated::Enter { conn, client: id, since });
    }

    /// The missed events, if the log still has them all and they are less than the state itself (SYNC3).
    fn delta(&self, dialect: wire::Dialect, since: Option<(u64, Seq)>) -> Option<Vec<Arc<[u8]>>> {
        let record = self.record.as_ref()?;
        let (_, seq) = since.filter(|(epoch, seq)| *epoch == record.epoch.0 && *seq <= self.journal.durable_seq())?;
        let seq = if planted!(self.config, DeltaOneShort) { self.head.min(seq.next()) } else { seq };
        let missed: usize = self.log.after(seq, self.head)?.map(|entry| entry.body.len()).sum();
        if missed as u64 > self.images.bytes() + 64 * 1024 {
            return None;
        }
        wire::delta_sync(dialect, record.epoch, self.head, self.log.after(seq, self.head)?)
    }

    /// The state, encoded once for each change and dialect and shared by all who join in between.
    pub(super) fn snapshot(&mut self, dialect: wire::Dialect) -> Vec<Arc<[u8]>> {
        let Some(epoch) = self.record.as_ref().map(|record| record.epoch) else { return Vec::new() };
        let mark = self.journal.head();
        if let Some(encoded) = self.snapshots.get(&dialect).filter(|encoded| encoded.mark == mark) {
            return encoded.parts.clone();
        }
        let parts = wire::full_sync(
            dialect,
            Snapshot {
                epoch,
                seq: self.head,
                images: self.images.in_order(),
                chat: self.chat.history(self.config.limits.chat_history),
            },
        );
        self.snapshots.insert(dialect, Encoded { mark, parts: parts.clone() });
        parts
    }

    /// PRES7: `user:leave`. Whatever was stored before it is still told; the socket stays and may join again.
    pub(super) fn leave(&mut self, conn: Conn, out: &mut Outbox) {
        let id = self.people.link(conn).and_then(Link::client);
        let Some(client) = id.and_then(|id| self.people.clients.get(&id)).cloned() else { return };
        let Some(link) = self.people.link_mut(conn) else { return };
        (link.name, link.avatar) = (Some(client.name.clone()), client.avatar.clone());
        let stage = core::mem::replace(&mut link.stage, Stage::Left);
        let (dialect, id) = (link.dialect, client.id);
        let client = matches!(stage, Stage::Entering(_)).then(|| Box::new(client));
        self.audience.part(dialect);
        let mut frame = Vec::new();
        wire::encode(dialect, &Event::Left { reason: Gone::Left }, Some(id), &mut frame);
        self.journal.hold(Gated::Exit { conn, client });
        if !frame.is_empty() {
            self.journal.hold(Gated::One { conn, frame: frame.into() });
        }
        self.remove_client(id, Gone::Left, Some(conn), out);
        self.attach(conn, out);
    }

    pub(super) fn on_disconnect(&mut self, now: Time, conn: Conn, end: End, out: &mut Outbox) {
        self.part(now, conn, (end == End::Closed).then_some(Gone::Left), out);
    }

    /// A socket is gone. Its client too if there is a reason for it, else it waits for a while.
    pub(super) fn part(&mut self, now: Time, conn: Conn, gone: Option<Gone>, out: &mut Outbox) {
        self.exit(conn, out);
        self.set_lease(now, conn, None);
        let Some(link) = self.people.remove_link(conn) else { return };
        let client = link.client();
        if client.is_some() {
            self.audience.part(link.dialect);
        }
        if let Stage::Waiting { since, .. } = link.stage {
            self.timers.stop_member(MemberTimer::Join(conn), since + self.config.limits.join_timeout);
        }
        match (client, gone) {
            (Some(id), Some(reason)) => self.remove_client(id, reason, None, out),
            (Some(id), None) => {
                let until = now + self.config.limits.grace;
                if let Some(client) = self.people.clients.get_mut(&id) {
                    client.seat = Seat::Kept(until);
                    self.timers.set_member(MemberTimer::Grace(id), until);
                }
            }
            (None, _) => {}
        }
        self.rest_if_empty(now, out);
    }

    pub(super) fn remove_client(&mut self, id: ClientId, reason: Gone, except: Option<Conn>, out: &mut Outbox) {
        #[cfg(feature = "planted")]
        if planted!(self.config, GhostLeft) {
            self.forget_drags_of(id);
        }
        self.end_drags_of(id);
        let Some((client, was_last)) = self.people.remove_client(id) else { return };
        if was_last {
            let (user, name) = (client.user_id.clone(), client.name.clone());
            self.note(Notice::Left { user, name, reason: reason.as_str().into() });
            if self.people.user_count() == 0 {
                self.note(Notice::Emptied);
            }
        }
        if !client.idle {
            self.timers.stop_member(MemberTimer::Idle(id), client.idle_at);
        }
        self.dirty.retain(|other| *other != id);
        self.moves.forget(id);
        if reason == Gone::Lost && planted!(self.config, PresenceLeaked) {
            return;
        }
        self.audience.tell(&Event::UserLeft { client: &client, reason }, except, out);
    }

    /// NOTE1: lets the operator's back end know, once all that is known now is durable.
    pub(super) fn note(&mut self, notice: Notice) {
        self.journal.hold(Gated::Notice { notice: Box::new(notice) });
    }

    pub(super) fn on_grace_over(&mut self, now: Time, id: ClientId, out: &mut Outbox) {
        self.remove_client(id, Gone::Lost, None, out);
        self.rest_if_empty(now, out);
    }

    pub(super) fn on_join_timeout(&mut self, now: Time, conn: Conn, out: &mut Outbox) {
        let Some(link) = self.people.link(conn) else { return };
        let Stage::Waiting { held, .. } = &link.stage else { return };
        let asked = held.join.is_some() || link.dialect.joins_on_connect();
        let close = if asked { Close::Unavailable } else { Close::Timeout };
        self.close(now, conn, close, out);
    }

    /// An empty room stays loaded for a while; one that was never born goes at once (ROOM3).
    pub(super) fn rest_if_empty(&mut self, now: Time, out: &mut Outbox) {
        if self.phase != Phase::Live || self.people.links() > 0 || !self.people.clients.is_empty() {
            return;
        }
        match self.record {
            // Not now: the timers of the room that are due now were seen to.
            Some(_) => self.timers.set(RoomTimer::Empty, now + self.config.limits.empty.max(Span::from_millis(1))),
            None => out.sleep(),
        }
    }
}

/// What somebody is called, and their picture: the token's words lead over their own, and those over the address's.
fn called(link: &Link, looks: &Looks) -> (Option<Box<str>>, Option<Box<str>>) {
    let (first, second) = if link.named { (&link.avatar, &looks.avatar) } else { (&looks.avatar, &link.avatar) };
    let avatar = first.as_ref().or(second.as_ref()).cloned();
    let name = if link.named { &link.name } else { &looks.name };
    (name.as_ref().or(link.name.as_ref()).cloned(), avatar)
}

/// What a person is called who has no name: the same in every room.
fn guest_name(user: &str) -> Box<str> {
    let number = crate::dedupe::fingerprint("name", user.as_bytes()) % 1000;
    alloc::format!("Guest {number:03}").into()
}

/// At most `max` bytes of a text, cut between characters.
fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}
