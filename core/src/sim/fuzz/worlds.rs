//! Targets `converge` and `crash`: the bytes steer a simulated world, which judges itself by the rules SIM1 to SIM12.

use super::bytes::Bytes;
use crate::sim::{Failed, Plan, World};
use crate::time::Span;

/// A few people with few images for a short while; each fault that a plan names strikes when the bytes say so.
pub(super) fn small(name: &'static str) -> Plan {
    let mut plan = Plan { name, clients: 4, images: 5, jitter: Span::from_millis(40), swap: 0, ..Plan::calm() };
    // The log remembers every edit that some client may still send again.
    (plan.config.limits.snapshot_ops, plan.config.limits.log_ops) = (6, 200);
    plan.config.limits.images = 4;
    plan
}

/// Links break, readers stall, clocks jump, everyone rests or goes, the room is swapped for its saved copy: at the end
/// all must see what there is (SIM1, SIM5 to SIM9).
pub fn converge(bytes: &[u8]) {
    let plan = Plan { cut: 1, stall: 1, swap: 1, jump: 1, lull: 1, exodus: 1, ..small("converge") };
    run(Plan { storage: Span::from_millis(30), ..plan }, bytes);
}

/// Stores that were not answered are lost or kept, the disk fails, another owner comes, the server is drained: what was
/// acknowledged is in the log once (SIM2 to SIM4).
pub fn crash(bytes: &[u8]) {
    let plan = Plan { cut: 1, crash: 1, drain: 1, storage_fault: 1, usurp: 1, full: 1, exodus: 1, ..small("crash") };
    run(Plan { storage: Span::from_millis(150), ..plan }, bytes);
}

/// Lets the world live; its first two bytes are its seed.
pub(super) fn run(plan: Plan, bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let seed = bytes.short();
    if let Err(Failed { why, tail, .. }) = World::steered(seed, plan, bytes.rest()).run() {
        panic!("{why}\nwhat happened last:\n  {}", tail.join("\n  "));
    }
}
