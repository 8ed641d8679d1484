//! The host of the simulated room: it carries out ops and keeps the sockets. A host may be a plain server, whose
//! stores are answered late, or a Durable Object, whose stores are answered in the same turn.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::disk::Disk;
use super::tape::Tape;
use crate::dedupe::fingerprint;
use crate::errors::{Close, Code};
use crate::id::{Conn, EffectId, RoomId, Seq};
use crate::input::{Done, Input};
use crate::limits::Config;
use crate::listing::Listing;
use crate::outbox::{Group, Lane, Op, Outbox, StoredWrite, To};
use crate::recording::op_in_words;
use crate::room::Room;
use crate::time::Time;

/// One socket as the server has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Socket {
    /// Whose it is.
    pub(super) client: usize,
    pub(super) group: Option<Group>,
    pub(super) attachment: Vec<u8>,
    /// Nothing passes any more, in either direction.
    pub(super) cut: bool,
    /// The room has closed it; what was sent before is still on its way.
    pub(super) closing: bool,
    /// Its reader takes nothing before then.
    pub(super) stalled: Option<Time>,
    pub(super) backlog: Vec<Down>,
    pub(super) backlog_bytes: usize,
    pub(super) pressed: bool,
    /// When its join reaches the room that has no answer yet.
    pub(super) asked: Option<Time>,
    pub(super) up_free: Time,
    pub(super) down_free: Time,
}

/// What goes down a link.
#[derive(Clone, Debug)]
pub(super) enum Down {
    Frame(String),
    Close(Close),
}

/// What the room asked for.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Load(EffectId),
    Store { effect: EffectId, upto: Seq, owner: u64, writes: Vec<StoredWrite> },
}

pub(super) struct Host {
    pub(super) room: Option<Room>,
    pub(super) config: Config,
    pub(super) disk: Disk,
    pub(super) sockets: BTreeMap<Conn, Socket>,
    pub(super) out: Outbox,
    /// The room that was saved when its copy took its place, what it says, and how many inputs it hears yet.
    pub(super) twin: Option<(Room, Outbox, u32)>,
    /// Inputs that both answered alike.
    pub(super) echoed: u64,
    pub(super) asleep: bool,
    pub(super) draining: bool,
    /// What the list of rooms was told last.
    pub(super) announced: Option<Listing>,
    /// Answers to commands, by their tickets.
    pub(super) replies: BTreeMap<u64, Result<Seq, Code>>,
    /// A fingerprint of everything that the room ever said.
    pub(super) hash: u64,
    /// Whether somebody wants to read what the room says.
    pub(super) watched: bool,
    /// What it said since that was last taken, in words.
    pub(super) said: Vec<String>,
    /// What each room here was told and said, if it is recorded.
    pub(super) tape: Option<Tape>,
}

impl Clone for Host {
    /// A room goes on as its saved copy, which is the same room (ROOM11).
    fn clone(&self) -> Host {
        Host {
            room: self.room.as_ref().and_then(|room| room.copied().ok()),
            config: self.config.clone(),
            disk: self.disk.clone(),
            sockets: self.sockets.clone(),
            out: Outbox::new(),
            twin: None,
            echoed: self.echoed,
            asleep: self.asleep,
            draining: self.draining,
            announced: self.announced.clone(),
            replies: self.replies.clone(),
            hash: self.hash,
            watched: self.watched,
            said: self.said.clone(),
            tape: None,
        }
    }
}

/// What carrying out ops leads to.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) down: Vec<(Conn, Down)>,
    pub(super) asked: Vec<Asked>,
    pub(super) latest_skipped: u64,
    /// Who made the room just now.
    pub(super) founded: Option<Conn>,
}

impl Host {
    pub(super) fn open_room(&mut self, seed: u64, now: Time) {
        self.drop_room();
        if let Some(id) = RoomId::new("board") {
            self.room = Some(Room::new(id, &self.config, seed, now, &mut self.out));
        }
        if let Some(tape) = &mut self.tape {
            tape.begin(seed, now, &self.out);
        }
    }

    pub(super) fn drop_room(&mut self) {
        (self.room, self.twin, self.asleep, self.draining) = (None, None, false, false);
    }

    /// Gives the room an input. Its saved copy, if one lives on beside it, must answer with the same bytes (ROOM11).
    pub(super) fn handle(&mut self, now: Time, input: &Input<'_>) -> Result<(), String> {
        let Some(room) = &mut self.room else { return Ok(()) };
        let before = self.out.len();
        room.handle(now, input.clone(), &mut self.out);
        room.check()?;
        if let Some(tape) = &mut self.tape {
            tape.hear(now, input, room, self.out.ops().skip(before));
        }
        let Some((twin, echo, left)) = &mut self.twin else { return Ok(()) };
        echo.clear();
        twin.handle(now, input.clone(), echo);
        if !self.out.ops().eq(echo.ops()) {
            let differ = self.out.ops().zip(echo.ops()).find(|(one, other)| one != other);
            return Err(format!("SIM9: a room and its copy answer {input:?} differently: {differ:?}"));
        }
        (self.echoed, *left) = (self.echoed + 1, *left - 1);
        if *left == 0 {
            let (mut one, mut other) = (Vec::new(), Vec::new());
            room.save(&mut one);
            twin.save(&mut other);
            self.twin = None;
            if one != other {
                return Err("SIM9: a room and its copy are saved differently after the same inputs".into());
            }
        }
        Ok(())
    }

    /// Answers a load with what the disk has.
    pub(super) fn load(&mut self, now: Time, effect: EffectId) -> Result<(), String> {
        let mut disk = core::mem::take(&mut self.disk);
        let log_ops = self.config.limits.log_ops;
        disk.forget_older(log_ops);
        let done = disk.load(log_ops, |loaded| self.handle(now, &Input::Done { effect, result: Done::Loaded(loaded) }));
        self.disk = disk;
        done
    }

    /// Does what the room said.
    pub(super) fn carry_out(&mut self) -> Result<Effects, String> {
        let mut effects = Effects::default();
        let mut groups: BTreeMap<Group, BTreeSet<Conn>> = BTreeMap::new();
        for (conn, socket) in &self.sockets {
            if let Some(group) = socket.group {
                groups.entry(group).or_default().insert(*conn);
            }
        }
        let stored = self.out.store_writes();
        let mut stored = stored.into_iter();
        if self.watched {
            self.said.extend(self.out.ops().map(|op| op_in_words(&op)));
        }
        for op in self.out.ops() {
            self.hash = (self.hash ^ print_of(&op)).wrapping_mul(0x0100_0000_01b3);
            match op {
                Op::Group { conn, group } => {
                    groups.values_mut().for_each(|members| members.retain(|member| *member != conn));
                    if let Some(group) = group {
                        groups.entry(group).or_default().insert(conn);
                    }
                    self.sockets.entry(conn).and_modify(|socket| socket.group = group);
                }
                Op::Send { to, kind, frame } => {
                    let lane = kind.lane();
                    let frame = String::from_utf8(frame.to_vec()).map_err(|_| "SIM5: a frame is no UTF-8")?;
                    check_durable(&frame, &self.disk)?;
                    let receivers: Vec<Conn> = match to {
                        To::One(conn) => Vec::from([conn]),
                        To::Group { group, except } => {
                            let members = groups.get(&group).into_iter().flatten().copied();
                            members.filter(|conn| Some(*conn) != except).collect()
                        }
                    };
                    for conn in receivers {
                        let Some(socket) = self.sockets.get(&conn) else { continue };
                        if socket.pressed && lane == Lane::Latest {
                            return Err(format!("SIM8: a slow reader is sent {frame}"));
                        }
                        effects.down.push((conn, Down::Frame(frame.clone())));
                    }
                    effects.latest_skipped += u64::from(lane == Lane::Latest)
                        * self.sockets.values().filter(|socket| socket.pressed).count() as u64;
                }
                Op::Close { conn, close } => {
                    groups.values_mut().for_each(|members| members.retain(|member| *member != conn));
                    self.sockets.entry(conn).and_modify(|socket| (socket.group, socket.closing) = (None, true));
                    effects.down.push((conn, Down::Close(close)));
                }
                Op::Attach { conn, bytes } => {
                    self.sockets.entry(conn).and_modify(|socket| socket.attachment = bytes.to_vec());
                }
                Op::Load { effect } => effects.asked.push(Asked::Load(effect)),
                Op::Store { effect, upto, owner, .. } => {
                    let writes = stored.next().unwrap_or_default();
                    effects.asked.push(Asked::Store { effect, upto, owner, writes });
                }
                Op::Founded { conn } => effects.founded = Some(conn),
                Op::Announce { listing } => self.announced = Some(listing.clone()),
                Op::Reply { ticket, result } => drop(self.replies.insert(ticket, result)),
                Op::Verify { .. } | Op::Forget | Op::Notice { .. } => {}
                Op::Sleep => self.asleep = true,
            }
        }
        self.out.clear();
        Ok(effects)
    }
}

/// SIM2: nobody is sent an event, or its place, that a crash could undo.
fn check_durable(frame: &str, disk: &Disk) -> Result<(), String> {
    let durable = disk.head();
    for (at, _) in frame.match_indices("\"seq\":") {
        let digits: String = frame[at + 6..].chars().take_while(char::is_ascii_digit).collect();
        if digits.parse::<u64>().is_ok_and(|seq| seq > durable) {
            return Err(format!("SIM2: {durable} is durable, and this is sent: {frame}"));
        }
    }
    let said = frame.strip_prefix("say ").and_then(|line| line.split_once(' '));
    match said.is_none_or(|(_, text)| disk.said_at(text).is_some()) {
        true => Ok(()),
        false => Err(format!("SIM2: this is said and not stored: {frame}")),
    }
}

/// A fingerprint of an op, with everything in it.
fn print_of(op: &Op<'_>) -> u64 {
    let fnv = |kind: &str, bytes: &[u8]| fingerprint(kind, bytes);
    match op {
        Op::Send { to, kind, frame } => fnv(&format!("{to:?} {:?}", kind.lane()), &frame.to_vec()),
        Op::Attach { conn, bytes } => fnv(&format!("{conn:?}"), bytes),
        Op::Store { effect, upto, owner, writes } => {
            let mut all = fnv(&format!("{effect:?} {upto:?} {owner}"), &[]);
            for write in writes.iter() {
                all = all.rotate_left(5) ^ fnv(&format!("{write:?}"), &[]);
            }
            all
        }
        Op::Group { .. }
        | Op::Close { .. }
        | Op::Load { .. }
        | Op::Verify { .. }
        | Op::Founded { .. }
        | Op::Reply { .. }
        | Op::Announce { .. }
        | Op::Forget
        | Op::Notice { .. }
        | Op::Sleep => fnv(&format!("{op:?}"), &[]),
    }
}
