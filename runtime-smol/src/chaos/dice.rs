//! Chance that is the same for the same seed: each connection has dice of its own, so that what happens to one does not
//! depend on the others.

/// See the module.
#[derive(Debug)]
pub(super) struct Dice(fastrand::Rng);

impl Dice {
    /// The dice of this kind of the connection of this number.
    pub(super) fn new(seed: u64, no: u64, kind: u64) -> Dice {
        // Numbers beside each other must not have dice beside each other.
        let mut mixed = fastrand::Rng::with_seed(seed);
        let mixed = mixed.u64(..) ^ fastrand::Rng::with_seed(no.wrapping_mul(4).wrapping_add(kind)).u64(..);
        Dice(fastrand::Rng::with_seed(mixed))
    }

    /// From 0 to below this.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0.u64(..bound.max(1))
    }
}
