//! Peers that flood, stall, or neither read nor answer: each meets a bound, and the others go on.
