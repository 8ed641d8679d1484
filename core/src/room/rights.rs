//! Who may come in and what they may do: birth and ownership, what owners change of the room and its members, links,
//! and what follows from that for everyone who is here.
//!
//! A right that changes bites at once: the next edit is judged by it. What others are told of it, and the close of a
//! socket whose right has ended, waits like every stored change until it is durable (GATE1).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::announce::News;
use super::edits::{Draft, Refused};
use super::{Record, Room, storage};
use crate::access::{self, Action, Role, Target};
use crate::errors::{Close, Code};
use crate::id::{ClientId, Conn, ShareId};
use crate::input::{Founds, Identity, Org, Standing, View};
use crate::journal::Held;
use crate::limits::REASON_CHARS;
use crate::log::Kind;
use crate::members::{self, ORG, Share, is_person};
use crate::notice::Notice;
use crate::outbox::Outbox;
use crate::presence::{Client, Link, Pass, Seat};
use crate::text;
use crate::time::Time;
use crate::timers::{MemberTimer, RoomTimer};
use crate::wire::json::{Writer, into_text};
use crate::wire::{Edit, Event, Gone, NO_ROLE, RoomChange};

/// Someone whose right is asked for.
struct Person<'a> {
    user: &'a str,
    standing: Standing,
    view: View,
    pass: &'a Pass,
    /// Whether what the host vouched for has ended.
    lapsed: bool,
}

impl Room {
    /// What a socket's person may be here (ACCESS3), or why they may not come in (ACCESS4).
    pub(super) fn admit(&self, now: Time, link: &Link, asked: View) -> Result<Role, Close> {
        let user = self.people.user(link.user).map(|user| &*user.id).unwrap_or_default();
        let (view, lapsed) = (asked.or(link.view), link.lease.is_some_and(|(end, _)| end <= now));
        self.right(now, &Person { user, standing: link.standing, view, pass: &link.pass, lapsed })
    }

    /// What someone who is here may be now.
    pub(super) fn right_of(&self, now: Time, client: &Client) -> Result<Role, Close> {
        let lease = client.conn().and_then(|conn| self.people.link(conn)).and_then(|link| link.lease);
        let lapsed = lease.is_some_and(|(end, _)| end <= now);
        let (user, standing, view, pass) = (&client.user_id, client.standing, client.view, &client.pass);
        self.right(now, &Person { user, standing, view, pass, lapsed })
    }

    /// ACCESS3: one's own role leads; else the better of what the room and a link give.
    fn right(&self, now: Time, person: &Person<'_>) -> Result<Role, Close> {
        let Some(record) = &self.record else { return Err(Close::NotFound) };
        let is_guest = person.standing == Standing::Guest;
        if self.members.bans(person.user, person.pass.address.filter(|_| is_guest)) {
            return Err(Close::Banned);
        }
        let shared = person.pass.share.and_then(|share| self.members.shared(now, share));
        let open = match person.standing {
            _ if !record.is_public => None,
            Standing::Guest if !self.members.are_owned() => Some(self.config.guests.unwrap_or(record.guest_role)),
            Standing::Guest => Some(record.guest_role),
            Standing::Verified => Some(record.default_role),
        };
        let theirs = person.pass.groups.iter().filter_map(|group| self.members.role(group)).max();
        let role = self.members.role(person.user).or(theirs.max(shared).max(open)).ok_or(Close::Forbidden)?;
        let most = match (person.view, person.standing) {
            (View::Readonly, _) => Role::Viewer,
            (View::Full, _) if person.lapsed => Role::Viewer,
            (View::Full, Standing::Guest) => Role::Editor,
            (View::Full, Standing::Verified) => Role::Owner,
        };
        Ok(role.min(most))
    }

    /// Whether this client may do that.
    pub(super) fn may(&self, now: Time, client: ClientId, action: Action, on: Target) -> Result<(), Code> {
        let client = self.people.clients.get(&client).ok_or(Code::NotJoined)?;
        let role = match planted!(self.config, RightsAsTold) {
            true => client.role,
            false => self.right_of(now, client).map_err(|_| Code::Forbidden)?,
        };
        let locked = self.record.as_ref().is_some_and(|record| record.locked) && !planted!(self.config, LockIgnored);
        access::may(role, action, on, locked)
    }

    /// ACCESS5: who may make rooms makes this one by coming first, and owns it if the host vouches for them.
    /// `called` is what they are called.
    pub(super) fn found(
        &mut self,
        now: Time,
        conn: Conn,
        called: Option<Box<str>>,
        out: &mut Outbox,
    ) -> Result<(), NotFounded> {
        if self.buried {
            return Err(NotFounded::Close);
        }
        let Some(link) = self.people.link(conn) else { return Err(NotFounded::Close) };
        match link.founds {
            Founds::Yes => {}
            Founds::Spent => return Err(NotFounded::Spent),
            Founds::No => return Err(NotFounded::Close),
        }
        let is_verified = link.standing == Standing::Verified;
        let founder = self.people.user(link.user).map(|user| user.id.clone());
        let record = Record::new(&self.id, &self.config, &mut self.rng, now);
        self.record = Some(Record { creator_name: called, ..record });
        self.announcing.note(News::Changed);
        if let Some(user) = founder.as_ref().filter(|_| is_verified) {
            // An empty room has place for its first member.
            let _ = self.members.set_role(user, Some(Role::Owner), &self.config.limits);
            self.write_members();
        }
        self.reserve_clients();
        if let Some(by) = founder {
            self.note(Notice::Created { by });
        }
        out.founded(conn);
        Ok(())
    }

    /// OWNER1 to OWNER4: what only owners do.
    pub(super) fn govern(&mut self, now: Time, edit: Edit) -> Result<Draft, Refused> {
        if let Edit::SetRole { user, .. } | Edit::Kick { user, .. } | Edit::Ban { user, .. } = &edit
            && members::is_operator(user)
        {
            return Err(Code::Conflict.into());
        }
        match edit {
            Edit::Room(change) => self.change_room(change),
            Edit::SetRole { user, role } => self.set_role(&user, role),
            Edit::Kick { user, reason } => self.kick(&user, reason),
            Edit::Ban { user, reason } => self.ban(now, &user, reason),
            Edit::Add(_) | Edit::Change { .. } | Edit::Remove { .. } | Edit::Chat { .. } => Err(Code::Internal.into()),
        }
    }

    /// The person that an owner's word is about.
    pub(super) fn target(&self, by: &str, edit: &Edit) -> Target {
        let (Edit::SetRole { user, .. } | Edit::Kick { user, .. } | Edit::Ban { user, .. }) = edit else {
            return Target::Room;
        };
        match self.members.role(user) {
            _ if **user == *by => Target::Oneself,
            Some(Role::Owner) => Target::Owner,
            Some(Role::Editor | Role::Viewer) | None => Target::Someone,
        }
    }

    fn change_room(&mut self, mut change: RoomChange) -> Result<Draft, Refused> {
        if let Some(name) = &mut change.name {
            *name = text::name(name)?;
        }
        let Some(record) = &mut self.record else { return Err(Code::Internal.into()) };
        let mut was = change.clone();
        if let Some(name) = &change.name {
            was.name = Some(core::mem::replace(&mut record.name, name.as_str().into()).into());
        }
        let swap = |to: &mut bool, value: Option<bool>| value.map(|value| core::mem::replace(to, value));
        was.is_public = swap(&mut record.is_public, change.is_public);
        was.locked = swap(&mut record.locked, change.locked);
        let swap = |to: &mut Role, value: Option<Role>| value.map(|value| core::mem::replace(to, value));
        was.default_role = swap(&mut record.default_role, change.default_role);
        was.guest_role = swap(&mut record.guest_role, change.guest_role);
        self.write_record();
        self.announcing.note(News::Changed);
        let json = |change: &RoomChange| {
            let mut json = Vec::new();
            change.write(&mut json);
            into_text(json)
        };
        Ok(Draft::of(Kind::RoomUpdate, json(&change), json(&was)))
    }

    fn set_role(&mut self, user: &str, role: Option<Role>) -> Result<Draft, Refused> {
        if !is_person(user) && role == Some(Role::Owner) {
            return Err(Code::Conflict.into());
        }
        let was = self.members.set_role(user, role, &self.config.limits)?;
        self.write_members();
        let json = |role| with_role(user, role);
        Ok(Draft::of(Kind::MemberRole, json(role), json(was)))
    }

    fn kick(&mut self, user: &str, reason: Option<String>) -> Result<Draft, Refused> {
        let reason = clean(reason)?;
        match self.people.clients.values().any(|client| &*client.user_id == user) {
            true => Ok(Draft::of(Kind::MemberKick, with_reason(user, reason.as_deref()), String::new())),
            false => Err(Code::NotFound.into()),
        }
    }

    fn ban(&mut self, now: Time, user: &str, reason: Option<String>) -> Result<Draft, Refused> {
        let reason = clean(reason)?;
        if !members::may_be_banned(user) {
            return Err(Code::Conflict.into());
        }
        let theirs = self.people.clients.values().filter(|client| &*client.user_id == user);
        let guests = theirs.filter(|client| client.standing == Standing::Guest);
        let addresses = guests.filter_map(|client| client.pass.address).collect();
        let was = self.members.role(user);
        self.members.ban(now, user, addresses, &self.config.limits)?;
        self.write_members();
        let was = with_role(user, was);
        Ok(Draft::of(Kind::MemberBan, with_reason(user, reason.as_deref()), was))
    }

    /// What an owner's word means for those who are here, once it is durable: after its event, so that they hear why.
    pub(super) fn judge_after(&mut self, now: Time, kicked: Option<&str>) {
        let Some(user) = kicked else { return self.judge(now) };
        let theirs = self.people.clients.values().filter(|client| &*client.user_id == user);
        let of = theirs.map(|client| (client.id, Err(Close::Kicked))).collect();
        self.journal.hold(Held::Verdicts { of });
    }

    /// Judges everyone anew. Of those whose right is as they were told too: an earlier verdict may still wait.
    pub(super) fn judge(&mut self, now: Time) {
        let of: Box<[_]> = self.people.clients.values().map(|client| (client.id, self.right_of(now, client))).collect();
        if !of.is_empty() {
            self.journal.hold(Held::Verdicts { of });
        }
    }

    /// ACCESS6: tells everyone of rights that changed, and lets those go who have none.
    pub(super) fn carry_out(&mut self, now: Time, of: &[(ClientId, Result<Role, Close>)], out: &mut Outbox) {
        for (id, verdict) in of.iter().copied() {
            let Some(client) = self.people.clients.get_mut(&id) else { continue };
            match (verdict, client.seat) {
                (Ok(role), _) if client.role == role || planted!(self.config, RightsUntold) => {}
                (Ok(role), seat) => {
                    client.role = role;
                    self.audience.tell(&Event::UserUpdated(client), None, out);
                    if access::may(role, Action::Edit, Target::Room, false).is_err() {
                        self.end_drags_of(id);
                    }
                    if let Seat::Taken(conn) = seat {
                        self.attach(conn, out);
                    }
                }
                (Err(close), Seat::Taken(conn)) => self.close(now, conn, close, out),
                (Err(close), Seat::Kept(until)) => {
                    self.timers.stop_member(MemberTimer::Grace(id), until);
                    self.remove_client(id, gone(close).unwrap_or(Gone::Left), None, out);
                }
            }
        }
    }

    /// A link ended: whoever is here by it alone goes.
    pub(super) fn on_share_end(&mut self, now: Time) {
        if self.members.forget_ended(now) {
            self.write_members();
            self.judge(now);
        }
        self.set_share_timer();
    }

    pub(super) fn set_share_timer(&mut self) {
        match self.members.next_end() {
            Some(end) => self.timers.set(RoomTimer::Share, end),
            None => self.timers.stop(RoomTimer::Share),
        }
    }

    /// SHARE1: makes a link, for an owner.
    pub(super) fn share(&mut self, now: Time, ticket: u64, by: &str, id: ShareId, share: Share, out: &mut Outbox) {
        let made = self.may_share(by).and_then(|()| match share {
            Share { role: Role::Owner, .. } => Err(Code::Conflict),
            Share { until: Some(until), .. } if until <= now => Err(Code::OutOfRange),
            share => self.members.add_share(id, share, &self.config.limits),
        });
        self.shares_changed(now, ticket, made, out);
    }

    /// SHARE3: revokes one.
    pub(super) fn unshare(&mut self, now: Time, ticket: u64, by: &str, id: ShareId, out: &mut Outbox) {
        let made = self.may_share(by).and_then(|()| self.members.remove_share(id));
        self.shares_changed(now, ticket, made, out);
    }

    fn shares_changed(&mut self, now: Time, ticket: u64, made: Result<(), Code>, out: &mut Outbox) {
        match made {
            Ok(()) => {
                self.write_members();
                self.set_share_timer();
                self.journal.hold(Held::Reply { ticket });
                self.judge(now);
            }
            Err(code) => out.reply(ticket, Err(code)),
        }
    }

    /// The room's links, for an owner.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no such room, [`Code::Forbidden`] for those who may not see them.
    pub fn shares(&self, by: &str) -> Result<Vec<(ShareId, Share)>, Code> {
        self.may_govern(by, Action::Share).map(|()| self.members.shares().collect())
    }

    /// Whether someone who need not be here may do that to the room, as the host verified them and with the link that
    /// they hold (ACCESS9).
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no such room, [`Code::Locked`] if they may not for now, else [`Code::Forbidden`].
    pub fn allows(&self, now: Time, who: &Identity<'_>, share: Option<ShareId>, action: Action) -> Result<(), Code> {
        let locked = self.record.as_ref().ok_or(Code::NotFound)?.locked;
        let pass = Pass { groups: groups(who.org), address: who.address, share };
        let lapsed = who.lease.is_some_and(|end| end <= now);
        let person = Person { user: who.user, standing: who.standing, view: View::Full, pass: &pass, lapsed };
        let role = self.right(now, &person).map_err(|_| Code::Forbidden)?;
        access::may(role, action, Target::Room, locked)
    }

    fn may_share(&self, by: &str) -> Result<(), Code> {
        self.may_govern(by, Action::Share)?;
        self.can_store()
    }

    /// Whether someone who need not be here may do that.
    pub(super) fn may_govern(&self, by: &str, action: Action) -> Result<(), Code> {
        let record = self.record.as_ref().ok_or(Code::NotFound)?;
        access::may(self.members.role(by).unwrap_or(Role::Viewer), action, Target::Room, record.locked)
    }

    pub(super) fn write_members(&mut self) {
        if planted!(self.config, MembersNotStored) {
            return;
        }
        let chunks = self.members.to_chunks();
        let had = core::mem::replace(&mut self.member_chunks, u32::try_from(chunks.len()).unwrap_or(u32::MAX));
        self.journal.write_all(storage::member_writes(chunks, had));
    }
}

/// What an organisation is called where roles are given, and a role in it.
pub(super) fn groups(org: Option<Org<'_>>) -> Box<[Box<str>]> {
    let Some(Org { id, role }) = org.filter(|org| !org.id.is_empty() && !org.id.contains(':')) else {
        return Box::default();
    };
    let all = format!("{ORG}{id}");
    let in_role = role.map(|role| format!("{all}:{role}"));
    core::iter::once(all).chain(in_role).map(Box::from).collect()
}

/// Why someone who came first does not make the room.
pub(super) enum NotFounded {
    /// They have made too many.
    Spent,
    /// There is no such room for them.
    Close,
}

/// Why those who stay are told that someone is gone, for a close that ends a session at once.
pub(super) fn gone(close: Close) -> Option<Gone> {
    match close {
        Close::Kicked => Some(Gone::Kicked),
        Close::Banned => Some(Gone::Banned),
        Close::Forbidden | Close::TokenExpired => Some(Gone::Expired),
        Close::NotFound | Close::RoomFull | Close::RoomClosed | Close::BadProtocol | Close::TokenInvalid => {
            Some(Gone::Left)
        }
        Close::Shutdown
        | Close::Restart
        | Close::Overloaded
        | Close::TokenRequired
        | Close::SlowConsumer
        | Close::RateLimited
        | Close::Resync
        | Close::Timeout
        | Close::Unavailable => None,
    }
}

pub(super) fn clean(reason: Option<String>) -> Result<Option<String>, Code> {
    reason.map(|reason| text::chat(&reason, REASON_CHARS)).transpose()
}

fn with_reason(user: &str, reason: Option<&str>) -> String {
    about(user, |data| {
        if let Some(reason) = reason {
            data.text("reason", reason);
        }
    })
}

fn with_role(user: &str, role: Option<Role>) -> String {
    about(user, |data| {
        data.text("role", role.map_or(NO_ROLE, Role::as_str));
    })
}

/// The `data` of an event about a person.
fn about(user: &str, more: impl FnOnce(&mut Writer<'_>)) -> String {
    let mut json = Vec::new();
    let mut data = Writer::object(&mut json);
    data.text("userId", user);
    more(&mut data);
    data.end();
    into_text(json)
}
