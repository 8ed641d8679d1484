//! The choices of a world: from its seed, or first from a list of bytes, with which a fuzzer steers it.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;

use crate::rng::Pcg;

/// Makes choices. Of those that come of one list of bytes each takes the next of them.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    seeded: Pcg,
    steer: Option<Rc<Steer>>,
}

#[derive(Debug)]
pub(super) struct Steer {
    bytes: Vec<u8>,
    at: Cell<usize>,
    /// How many chances pass until one is taken.
    pass: Cell<u32>,
}

impl Steer {
    pub(super) fn new(bytes: &[u8]) -> Steer {
        let steer = Steer { bytes: bytes.into(), at: Cell::new(0), pass: Cell::new(0) };
        steer.wait();
        steer
    }

    fn byte(&self) -> Option<u8> {
        let byte = self.bytes.get(self.at.get()).copied()?;
        self.at.set(self.at.get() + 1);
        Some(byte)
    }

    fn wait(&self) {
        let wait = u32::from(self.byte().unwrap_or(0));
        // Short waits exactly, long ones roughly.
        self.pass.set(if wait < 128 { wait } else { (wait - 120) * 16 });
    }

    fn is_spent(&self) -> bool {
        self.at.get() >= self.bytes.len()
    }
}

impl Dice {
    pub(super) fn new(seed: u64, steer: Option<Rc<Steer>>) -> Dice {
        Dice { seeded: Pcg::new(seed), steer }
    }

    /// Whether bytes steered these choices and are used up.
    pub(super) fn is_spent(&self) -> bool {
        self.steer.as_ref().is_some_and(|steer| steer.is_spent())
    }

    pub(super) fn next_u64(&mut self) -> u64 {
        self.seeded.next_u64()
    }

    /// A number in `0..bound`; 0 if `bound` is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        match self.steer.as_ref().filter(|steer| !steer.is_spent()) {
            Some(_) if bound <= 1 => 0,
            Some(steer) => {
                let high = if bound > 256 { steer.byte() } else { None };
                (u64::from(high.unwrap_or(0)) << 8 | u64::from(steer.byte().unwrap_or(0))) % bound
            }
            None => self.seeded.below(bound),
        }
    }

    /// The same, and never from the bytes: for what need not be steered.
    pub(super) fn noise(&mut self, bound: u64) -> u64 {
        self.seeded.below(bound)
    }

    /// Whether a thing of this chance happens. Bytes say after how many chances the next is taken, whatever it is of,
    /// so that a few of them tell a whole course of faults.
    pub(super) fn chance(&mut self, of_ten_thousand: u64) -> bool {
        let Some(steer) = &self.steer else { return self.seeded.below(10_000) < of_ten_thousand };
        if of_ten_thousand == 0 || steer.is_spent() {
            return false;
        }
        match steer.pass.get().checked_sub(1) {
            Some(pass) => {
                steer.pass.set(pass);
                false
            }
            None => {
                steer.wait();
                true
            }
        }
    }
}
