//! Seeded randomness (PCG XSH-RR 64/32). Never for secrets: hosts supply those.

use serde::{Deserialize, Serialize};

/// A small generator whose whole state is saved with the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pcg {
    state: u64,
}

const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
const INCREMENT: u64 = 1_442_695_040_888_963_407;

impl Pcg {
    pub(crate) fn new(seed: u64) -> Pcg {
        let mut rng = Pcg { state: seed.wrapping_add(INCREMENT) };
        rng.next_u32();
        rng
    }

    #[expect(clippy::cast_possible_truncation, reason = "the permutation keeps 32 of 64 bits by design")]
    pub(crate) fn next_u32(&mut self) -> u32 {
        let old = self.state;
        self.state = old.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        ((((old >> 18) ^ old) >> 27) as u32).rotate_right((old >> 59) as u32)
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        (u64::from(self.next_u32()) << 32) | u64::from(self.next_u32())
    }

    /// A number in `0..bound`; 0 if `bound` is 0. The bias is below `bound / 2^64`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}
