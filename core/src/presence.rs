//! Who is here: sockets, clients and the users behind them. It keeps the tables; what happens to them is the room's.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::id::{ClientId, Conn, EffectId, ShareId};
use crate::input::{Founds, Standing, View};
use crate::limits::Limits;
use crate::outbox::Group;
use crate::rate::{Bucket, Window};
use crate::recording::Redaction;
use crate::time::Time;
use crate::wire::{Dialect, Point, Viewport};

/// The same hash on every machine; its keys are made by hosts and never by clients.
type FixedHash = foldhash::fast::FixedState;

/// A socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) dialect: Dialect,
    pub(crate) user: u32,
    pub(crate) pk: Box<str>,
    pub(crate) standing: Standing,
    /// From the token, or else from the address.
    pub(crate) name: Option<Box<str>>,
    /// Whether the name comes from the token, which leads over what the client says.
    pub(crate) named: bool,
    pub(crate) avatar: Option<Box<str>>,
    pub(crate) view: View,
    pub(crate) pass: Pass,
    /// When what the host vouches for ends, and when the timer of that goes off.
    pub(crate) lease: Option<(Time, Time)>,
    pub(crate) founds: Founds,
    /// A token that is being checked, and the id of the message that brought it.
    pub(crate) verifying: Option<(EffectId, Option<Box<str>>)>,
    pub(crate) resume: [u8; 16],
    pub(crate) stage: Stage,
    /// Whom it hears the same as: from its entry until its `room:left` is out.
    pub(crate) group: Option<Group>,
    /// As it joined: cursors come in one frame a flush.
    pub(crate) batch: bool,
    pub(crate) control: Bucket,
    pub(crate) garbage: Window,
    pub(crate) abuse: Window,
    /// Over the high mark: gets no latest-wins frames.
    pub(crate) slow: bool,
}

/// How far a socket has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Frames are held until the join and the room's loading (JOIN1).
    Waiting { since: Time, held: Held },
    /// Joined, and told nothing yet: its snapshot waits for storage (GATE3).
    Entering(ClientId),
    /// Joined and in an audience.
    Live(ClientId),
    /// Left and may join again.
    Left,
}

/// Messages from before the join, in order; of cursors and viewports only the latest.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) messages: Vec<Box<[u8]>>,
    pub(crate) bytes: usize,
    pub(crate) cursor: Option<Box<[u8]>>,
    pub(crate) viewport: Option<Box<[u8]>>,
    /// A join that came while the room was loading.
    pub(crate) join: Option<Box<[u8]>>,
}

impl Link {
    pub(crate) fn client(&self) -> Option<ClientId> {
        match self.stage {
            Stage::Entering(client) | Stage::Live(client) => Some(client),
            Stage::Waiting { .. } | Stage::Left => None,
        }
    }
}

/// A person's session in the room: one entry of the user list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) user: u32,
    pub(crate) user_id: Box<str>,
    pub(crate) standing: Standing,
    pub(crate) pk: Box<str>,
    pub(crate) dialect: Dialect,
    pub(crate) name: Box<str>,
    pub(crate) named: bool,
    pub(crate) color: Box<str>,
    pub(crate) avatar: Option<Box<str>>,
    /// The person's own fields, as JSON; empty if none.
    pub(crate) presence: Box<str>,
    /// The role that others were told.
    pub(crate) role: Role,
    pub(crate) view: View,
    pub(crate) pass: Pass,
    pub(crate) resume: [u8; 16],
    pub(crate) cursor: Option<Point>,
    /// Where those who look there saw the cursor last.
    pub(crate) seen: Option<Point>,
    /// Whether some who look elsewhere have not heard of the cursor.
    pub(crate) late: bool,
    pub(crate) viewport: Option<Viewport>,
    pub(crate) idle: bool,
    pub(crate) last_active: Time,
    /// The same as the host keeps it with the socket (SLEEP5).
    pub(crate) kept_active: Time,
    /// When its idle timer goes off; none is set while it is idle.
    pub(crate) idle_at: Time,
    pub(crate) seat: Seat,
    pub(crate) dirty: Dirty,
}

/// What lets someone in, or keeps them out, beside who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pass {
    /// As what else they may have been given a role: everyone of an organisation, and everyone of a role there.
    pub(crate) groups: Box<[Box<str>]>,
    /// Where a guest connects from, as the host's keyed hash.
    pub(crate) address: Option<u64>,
    /// The link that they hold.
    pub(crate) share: Option<ShareId>,
}

/// Whether a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Seat {
    /// On this socket.
    Taken(Conn),
    /// Kept for its client until then.
    Kept(Time),
}

/// What of a client waits for the next flush.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dirty {
    pub(crate) queued: bool,
    pub(crate) cursor: bool,
    /// The cursor, for those who look elsewhere.
    pub(crate) far: bool,
    pub(crate) viewport: bool,
    pub(crate) profile: bool,
}

impl Client {
    /// A client on this socket, as the socket describes it.
    pub(crate) fn new(id: ClientId, conn: Conn, link: &Link, user_id: Box<str>, idle_at: Time, now: Time) -> Client {
        Client {
            id,
            user: link.user,
            user_id,
            standing: link.standing,
            pk: link.pk.clone(),
            dialect: link.dialect,
            name: link.name.clone().unwrap_or_default(),
            named: link.named,
            color: Box::default(),
            avatar: link.avatar.clone(),
            presence: Box::default(),
            role: Role::Viewer,
            view: link.view,
            pass: link.pass.clone(),
            resume: link.resume,
            cursor: None,
            seen: None,
            late: false,
            viewport: None,
            idle: false,
            last_active: now,
            kept_active: now,
            idle_at,
            seat: Seat::Taken(conn),
            dirty: Dirty::default(),
        }
    }

    pub(crate) fn redact(&mut self, with: &Redaction) {
        self.name = with.text(&self.name);
        self.avatar = self.avatar.as_deref().map(|avatar| with.avatar(avatar));
        self.presence = with.json_text(&self.presence);
        self.resume = with.secret(&self.resume);
    }

    pub(crate) fn conn(&self) -> Option<Conn> {
        match self.seat {
            Seat::Taken(conn) => Some(conn),
            Seat::Kept(_) => None,
        }
    }
}

/// A user with at least one socket or session, and what they have left of their rates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: Box<str>,
    /// Sockets and sessions that hold it.
    pub(crate) holders: u32,
    pub(crate) sockets: u32,
    pub(crate) edits: Bucket,
    pub(crate) cursors: Bucket,
    pub(crate) chat: Bucket,
}

impl User {
    /// Whether they have a session.
    fn is_present(&self) -> bool {
        self.holders > self.sockets
    }
}

/// Everyone in the room.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct People {
    #[serde(with = "links_in_order")]
    links: HashMap<Conn, Link, FixedHash>,
    pub(crate) clients: BTreeMap<ClientId, Client>,
    by_resume: BTreeMap<[u8; 16], ClientId>,
    users: Vec<Option<User>>,
    by_user: BTreeMap<Box<str>, u32>,
    /// Users who have a session.
    present: u32,
    /// Users whom nobody holds any more, oldest first: kept a while so that a reconnect does not refill a bucket.
    gone: VecDeque<u32>,
}

/// How many users without a socket are remembered for their rates.
const GONE_USERS: usize = 1024;

impl People {
    pub(crate) fn link(&self, conn: Conn) -> Option<&Link> {
        self.links.get(&conn)
    }

    pub(crate) fn link_mut(&mut self, conn: Conn) -> Option<&mut Link> {
        self.links.get_mut(&conn)
    }

    pub(crate) fn links(&self) -> usize {
        self.links.len()
    }

    /// What is known of every socket, in no order.
    pub(crate) fn all_links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// Every socket, in order.
    pub(crate) fn conns(&self) -> Vec<Conn> {
        let mut conns: Vec<Conn> = self.links.keys().copied().collect();
        conns.sort_unstable();
        conns
    }

    /// The socket whose token is being checked under that number.
    pub(crate) fn verifying(&self, effect: EffectId) -> Option<Conn> {
        let mut links = self.links.iter();
        links
            .find(|(_, link)| link.verifying.as_ref().is_some_and(|(asked, _)| *asked == effect))
            .map(|(conn, _)| *conn)
    }

    /// Whether that socket is of that user.
    pub(crate) fn is_user(&self, conn: Conn, user: &str) -> bool {
        let link = self.link(conn).and_then(|link| self.user(link.user));
        link.is_some_and(|known| &*known.id == user)
    }

    pub(crate) fn add_link(&mut self, conn: Conn, link: Link) {
        if let Some(user) = self.user_mut(link.user) {
            user.holders += 1;
            user.sockets += 1;
        }
        self.links.insert(conn, link);
    }

    pub(crate) fn remove_link(&mut self, conn: Conn) -> Option<Link> {
        let link = self.links.remove(&conn)?;
        if let Some(user) = self.user_mut(link.user) {
            user.sockets -= 1;
        }
        self.release(link.user);
        Some(link)
    }

    /// Whether it is the first of its user.
    pub(crate) fn add_client(&mut self, client: Client) -> bool {
        let mut is_first = false;
        if let Some(user) = self.user_mut(client.user) {
            is_first = !user.is_present();
            user.holders += 1;
            self.present += u32::from(is_first);
        }
        self.by_resume.insert(client.resume, client.id);
        self.clients.insert(client.id, client);
        is_first
    }

    /// The client, and whether it was the last of its user.
    pub(crate) fn remove_client(&mut self, id: ClientId) -> Option<(Client, bool)> {
        let client = self.clients.remove(&id)?;
        self.by_resume.remove(&client.resume);
        let has_others = self.user(client.user).is_some_and(|user| user.holders - user.sockets > 1);
        self.present -= u32::from(!has_others);
        self.release(client.user);
        Some((client, !has_others))
    }

    /// Gives a session the secret of the socket that took it back.
    pub(crate) fn change_resume(&mut self, id: ClientId, resume: [u8; 16]) {
        if let Some(client) = self.clients.get_mut(&id) {
            self.by_resume.remove(&client.resume);
            client.resume = resume;
            self.by_resume.insert(resume, id);
        }
    }

    /// The session that this secret takes back.
    pub(crate) fn by_resume(&self, resume: &[u8; 16]) -> Option<&Client> {
        self.clients.get(self.by_resume.get(resume)?)
    }

    pub(crate) fn user(&self, no: u32) -> Option<&User> {
        self.users.get(no as usize)?.as_ref()
    }

    pub(crate) fn user_mut(&mut self, no: u32) -> Option<&mut User> {
        self.users.get_mut(no as usize)?.as_mut()
    }

    /// The user of that id, made if new.
    pub(crate) fn user_no(&mut self, id: &str, limits: &Limits, now: Time) -> u32 {
        if let Some(no) = self.by_user.get(id) {
            return *no;
        }
        let user = User {
            id: id.into(),
            holders: 0,
            sockets: 0,
            edits: Bucket::full(limits.edits, now),
            cursors: Bucket::full(limits.cursors, now),
            chat: Bucket::full(limits.chat, now),
        };
        let at = self.users.iter().position(Option::is_none).unwrap_or(self.users.len());
        if at == self.users.len() {
            self.users.push(None);
        }
        self.users[at] = Some(user);
        let no = u32::try_from(at).unwrap_or(u32::MAX);
        self.by_user.insert(id.into(), no);
        self.gone.push_back(no);
        self.forget_users();
        no
    }

    /// How many different users are in the room.
    pub(crate) fn user_count(&self) -> u32 {
        self.present
    }

    fn release(&mut self, no: u32) {
        let Some(user) = self.user_mut(no) else { return };
        user.holders -= 1;
        if user.holders == 0 {
            self.gone.push_back(no);
            self.forget_users();
        }
    }

    fn forget_users(&mut self) {
        while self.gone.len() > GONE_USERS {
            let Some(no) = self.gone.pop_front() else { return };
            let held = self.user(no).is_none_or(|user| user.holders > 0);
            if held || self.gone.contains(&no) {
                continue;
            }
            if let Some(user) = self.users.get_mut(no as usize).and_then(Option::take) {
                self.by_user.remove(&user.id);
            }
        }
    }

    /// States what must always hold.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        for (conn, link) in &self.links {
            let seat = link.client().map(|id| self.clients.get(&id).and_then(Client::conn));
            if seat.is_some_and(|seat| seat != Some(*conn)) {
                return Err("people: a socket and its client disagree");
            }
        }
        for client in self.clients.values() {
            let link = client.conn().map(|conn| self.link(conn).and_then(Link::client));
            if link.is_some_and(|link| link != Some(client.id)) {
                return Err("people: a client and its socket disagree");
            }
            if self.by_resume.get(&client.resume) != Some(&client.id) {
                return Err("people: a session cannot be found by its secret");
            }
        }
        if self.by_resume.len() != self.clients.len() {
            return Err("people: a secret without a session");
        }
        for (no, user) in self.users.iter().enumerate() {
            let Some(user) = user else { continue };
            let sockets = self.links.values().filter(|link| link.user as usize == no).count();
            let sessions = self.clients.values().filter(|client| client.user as usize == no).count();
            if user.sockets as usize != sockets || user.holders as usize != sockets + sessions {
                return Err("people: a user's holders are miscounted");
            }
        }
        if self.users.iter().flatten().filter(|user| user.is_present()).count() != self.present as usize {
            return Err("people: those who are here are miscounted");
        }
        Ok(())
    }
}

/// Saves the sockets in order, so that equal rooms have equal bytes.
mod links_in_order {
    use super::{FixedHash, Link};
    use crate::id::Conn;
    use alloc::collections::BTreeMap;
    use hashbrown::HashMap;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(links: &HashMap<Conn, Link, FixedHash>, to: S) -> Result<S::Ok, S::Error> {
        links.iter().collect::<BTreeMap<_, _>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<HashMap<Conn, Link, FixedHash>, D::Error> {
        Ok(BTreeMap::deserialize(from)?.into_iter().collect())
    }
}

/// The colour of someone who chose none: the same for the same user everywhere.
pub(crate) fn color_of(user: &str) -> Box<str> {
    const COLORS: [&str; 16] = [
        "#e5484d", "#d6409f", "#8e4ec6", "#6e56cf", "#3e63dd", "#0090ff", "#00a2c7", "#12a594", "#30a46c", "#46a758",
        "#99b53a", "#d9a514", "#f76b15", "#ad7f58", "#e54666", "#5b5bd6",
    ];
    let hash = crate::dedupe::fingerprint("color", user.as_bytes());
    COLORS[(hash % 16) as usize].into()
}

/// A colour as `#rrggbb`, in lower case; anything else is no colour.
pub(crate) fn read_color(text: &str) -> Option<Box<str>> {
    let digits = text.strip_prefix('#')?;
    (digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase().into())
}

impl People {
    pub(crate) fn redact(&mut self, with: &Redaction) {
        for link in self.links.values_mut() {
            with.maybe(&mut link.name);
            link.avatar = link.avatar.as_deref().map(|avatar| with.avatar(avatar));
            link.resume = with.secret(&link.resume);
            if let Stage::Waiting { held, .. } = &mut link.stage {
                let Held { messages, cursor, viewport, join, bytes: _ } = held;
                for message in messages.iter_mut().chain(cursor).chain(viewport).chain(join) {
                    *message = with.json(message);
                }
            }
        }
        self.clients.values_mut().for_each(|client| client.redact(with));
        self.by_resume = self.clients.values().map(|client| (client.resume, client.id)).collect();
    }
}
