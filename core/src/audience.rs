//! Who hears what: members that get the same bytes are one group, and each event is encoded once for each dialect, or
//! where it differs, for each group.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::area::Area;
use crate::id::Conn;
use crate::journal::{Held, Journal};
use crate::kinds::FrameKind;
use crate::moves::Move;
use crate::outbox::{Group, Lane, Outbox, To};
use crate::wire::{self, Dialect, Event};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Audience {
    /// Members of each dialect, those included whose snapshot still waits, up to the last dialect that somebody speaks:
    /// a saved room is the same to builds that know other dialects, if nobody in it speaks them.
    joined: Vec<u32>,
    /// Members that are told everything, by [`Group`]. A group without members is free for another kind.
    groups: Vec<Kin>,
}

/// The members of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kin {
    kind: Kind,
    members: u32,
}

/// What makes members hear the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kind {
    pub(crate) dialect: Dialect,
    /// What they hear of cursors; nothing if they are slow (PRES5).
    pub(crate) cursors: Option<Cursors>,
}

/// How cursors are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursors {
    /// All of a flush in one frame (CUR6).
    pub(crate) batch: bool,
    /// Where they look, if it is known and counts (CUR8).
    pub(crate) area: Option<Area>,
}

impl Audience {
    pub(crate) fn join(&mut self, dialect: Dialect) {
        if self.joined.len() <= dialect.index() {
            self.joined.resize(dialect.index() + 1, 0);
        }
        self.joined[dialect.index()] += 1;
    }

    /// Takes a member into the group of its kind.
    pub(crate) fn enter(&mut self, kind: Kind) -> Group {
        let place = |wanted: &dyn Fn(&Kin) -> bool| self.groups.iter().position(wanted);
        let same = place(&|kin| kin.members > 0 && kin.kind == kind).or_else(|| place(&|kin| kin.members == 0));
        let at = same.unwrap_or(self.groups.len());
        match self.groups.get_mut(at) {
            Some(kin) => *kin = Kin { kind, members: kin.members + 1 },
            None => self.groups.push(Kin { kind, members: 1 }),
        }
        Group(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// What those of a group hear.
    pub(crate) fn kind(&self, group: Group) -> Option<Kind> {
        self.groups.get(group.0 as usize).map(|kin| kin.kind)
    }

    pub(crate) fn leave(&mut self, group: Group) {
        if let Some(kin) = self.groups.get_mut(group.0 as usize) {
            kin.members -= 1;
        }
        while self.groups.last().is_some_and(|kin| kin.members == 0) {
            self.groups.pop();
        }
    }

    pub(crate) fn part(&mut self, dialect: Dialect) {
        self.joined[dialect.index()] -= 1;
        while self.joined.last() == Some(&0) {
            self.joined.pop();
        }
    }

    /// How many members speak a dialect.
    pub(crate) fn speakers(&self, dialect: Dialect) -> u32 {
        self.joined.get(dialect.index()).copied().unwrap_or(0)
    }

    /// How many members it has.
    pub(crate) fn members(&self) -> u32 {
        self.joined.iter().sum()
    }

    /// How many members are told everything.
    pub(crate) fn live(&self) -> u32 {
        self.groups.iter().map(|kin| kin.members).sum()
    }

    /// Every group that has members.
    fn live_groups(&self) -> impl Iterator<Item = (Group, Kin)> {
        (0..).map(Group).zip(self.groups.iter().copied()).filter(|(_, kin)| kin.members > 0)
    }

    /// Tells everyone but one, now.
    pub(crate) fn tell(&self, event: &Event<'_>, except: Option<Conn>, out: &mut Outbox) {
        let kind = FrameKind::of(event);
        for dialect in Dialect::ALL.iter().copied() {
            if self.live_groups().any(|(_, kin)| kin.kind.dialect == dialect) {
                let bytes = out.encode(|arena| wire::encode(dialect, event, None, arena));
                self.send(dialect, kind, bytes, except, out);
            }
        }
    }

    /// Tells everyone but one, once all that is known now is durable.
    pub(crate) fn gate(&self, event: &Event<'_>, except: Option<Conn>, journal: &mut Journal) {
        for dialect in Dialect::ALL.iter().copied() {
            if self.speakers(dialect) > 0 {
                let mut frame = Vec::new();
                wire::encode(dialect, event, None, &mut frame);
                if !frame.is_empty() {
                    journal.hold(Held::All { dialect, except, frame: frame.into() });
                }
            }
        }
    }

    /// Lets a gated frame out.
    pub(crate) fn release(&self, dialect: Dialect, frame: &[u8], except: Option<Conn>, out: &mut Outbox) {
        let bytes = out.encode(|arena| arena.extend_from_slice(frame));
        self.send(dialect, FrameKind::Stored, bytes, except, out);
    }

    fn send(
        &self,
        dialect: Dialect,
        frame: FrameKind,
        bytes: core::ops::Range<u32>,
        except: Option<Conn>,
        out: &mut Outbox,
    ) {
        if bytes.is_empty() {
            return;
        }
        for (group, Kin { kind, members }) in self.live_groups().filter(|(_, kin)| kin.kind.dialect == dialect) {
            if frame.lane() == Lane::Ordered || kind.cursors.is_some() {
                out.send(To::Group { group, except }, frame, bytes.clone());
            } else {
                out.shed(members.into());
            }
        }
    }

    /// Tells of cursors, and notes of whom somebody has not heard.
    pub(crate) fn tell_moves(&self, moves: &mut [Move], out: &mut Outbox) {
        for (group, Kin { kind: Kind { dialect, cursors }, members }) in self.live_groups() {
            let Some(Cursors { batch, area }) = cursors else {
                out.shed(u64::from(members) * moves.len() as u64);
                continue;
            };
            for moved in moves.iter_mut() {
                moved.heard = moved.is_for(area);
                moved.missed |= moved.fresh && !moved.heard;
                if moved.heard {
                    let bytes = moved.encode(dialect, batch, out);
                    if !batch && !bytes.is_empty() {
                        out.send(To::Group { group, except: moved.conn }, FrameKind::Cursor, bytes);
                    }
                }
            }
            if batch {
                tell_batch(group, dialect, moves.iter().filter(|moved| moved.heard), out);
            }
        }
    }
}

/// CUR6: one frame for all in the group. Who alone moved is not told of it.
fn tell_batch<'a>(group: Group, dialect: Dialect, moves: impl Iterator<Item = &'a Move> + Clone, out: &mut Outbox) {
    let mut rest = moves.clone();
    let Some(first) = rest.next() else { return };
    let except = first.conn.filter(|_| rest.next().is_none());
    let entries = moves.filter_map(|moved| moved.bytes(dialect, true));
    let bytes = out.encode(|arena| wire::encode_batch(dialect, first.client, entries, arena));
    out.send(To::Group { group, except }, FrameKind::Cursor, bytes);
}
