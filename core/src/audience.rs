//! Who hears what: how many members speak each dialect, and one encoding of an event for each dialect present.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::id::Conn;
use crate::journal::{Held, Journal};
use crate::outbox::{Group, Lane, Outbox, To};
use crate::wire::{self, Dialect, Event};

const DIALECTS: usize = Dialect::ALL.len();

/// A dialect has two groups: members that keep up, and slow ones that get no latest-wins frames (PRES5).
const _: () = assert!(DIALECTS * 2 <= Group::COUNT);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Audience {
    /// Members of each dialect, those included whose snapshot still waits.
    joined: [u32; DIALECTS],
    /// Members of each dialect that are told everything: those that keep up, and slow ones.
    live: [[u32; 2]; DIALECTS],
}

/// The audience of a dialect's members.
pub(crate) fn group(dialect: Dialect, slow: bool) -> Group {
    Group(u8::try_from(dialect.index() * 2).unwrap_or(0) + u8::from(slow))
}

impl Audience {
    pub(crate) fn join(&mut self, dialect: Dialect) {
        self.joined[dialect.index()] += 1;
    }

    pub(crate) fn enter(&mut self, dialect: Dialect, slow: bool) {
        self.live[dialect.index()][usize::from(slow)] += 1;
    }

    pub(crate) fn leave(&mut self, dialect: Dialect, slow: bool) {
        self.live[dialect.index()][usize::from(slow)] -= 1;
    }

    pub(crate) fn part(&mut self, dialect: Dialect) {
        self.joined[dialect.index()] -= 1;
    }

    /// How many members it has.
    pub(crate) fn members(&self) -> u32 {
        self.joined.iter().sum()
    }

    /// How many members are told everything.
    pub(crate) fn live(&self) -> u32 {
        self.live.iter().flatten().sum()
    }

    /// Tells everyone but one, now.
    pub(crate) fn tell(&self, lane: Lane, event: &Event<'_>, except: Option<Conn>, out: &mut Outbox) {
        for dialect in Dialect::ALL.iter().copied() {
            if self.live[dialect.index()] != [0; 2] {
                let bytes = out.encode(|arena| wire::encode(dialect, event, None, arena));
                self.send(dialect, lane, bytes, except, out);
            }
        }
    }

    /// Tells everyone but one, once all that is known now is durable.
    pub(crate) fn gate(&self, event: &Event<'_>, except: Option<Conn>, journal: &mut Journal) {
        for dialect in Dialect::ALL.iter().copied() {
            if self.joined[dialect.index()] > 0 {
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
        self.send(dialect, Lane::Ordered, bytes, except, out);
    }

    fn send(&self, dialect: Dialect, lane: Lane, bytes: core::ops::Range<u32>, except: Option<Conn>, out: &mut Outbox) {
        if bytes.is_empty() {
            return;
        }
        for slow in [false, true] {
            let wanted = !slow || lane == Lane::Ordered;
            if wanted && self.live[dialect.index()][usize::from(slow)] > 0 {
                out.send(To::Group { group: group(dialect, slow), except }, lane, bytes.clone());
            }
        }
    }
}
