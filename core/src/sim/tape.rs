//! What the rooms of a world were told and what they said, byte for byte: to be played again elsewhere.

use alloc::vec::Vec;

use crate::codec::{write_input, write_op};
use crate::input::Input;
use crate::outbox::{Op, Outbox};
use crate::room::Room;
use crate::time::Time;

/// One room from its birth to its end.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// The seed that it was given.
    pub seed: u64,
    /// When it was born.
    pub born: Time,
    /// How many inputs it had.
    pub count: u64,
    /// They, as [`write_input`] writes them.
    pub inputs: Vec<u8>,
    /// All that it said, as [`write_op`] writes it.
    pub said: Vec<u8>,
    /// The room as it was saved half way, if it came so far: how many bytes of the inputs it had then, how many it had
    /// said, and the room.
    pub saved: Option<(usize, usize, Vec<u8>)>,
}

/// The lives of the rooms of a world, and when to save them.
#[derive(Clone, Debug, Default)]
pub(super) struct Tape {
    pub(super) lives: Vec<Life>,
    /// After how many inputs a room is saved.
    pub(super) save_after: u64,
}

impl Tape {
    pub(super) fn begin(&mut self, seed: u64, born: Time, out: &Outbox) {
        let mut life = Life { seed, born, ..Life::default() };
        out.ops().for_each(|op| write_op(&op, &mut life.said));
        self.lives.push(life);
    }

    pub(super) fn hear<'a>(&mut self, now: Time, input: &Input<'_>, room: &Room, ops: impl Iterator<Item = Op<'a>>) {
        let Some(life) = self.lives.last_mut() else { return };
        write_input(now, input, &mut life.inputs);
        ops.for_each(|op| write_op(&op, &mut life.said));
        life.count += 1;
        if life.count == self.save_after {
            let mut saved = Vec::new();
            room.save(&mut saved);
            life.saved = Some((life.inputs.len(), life.said.len(), saved));
        }
    }
}
