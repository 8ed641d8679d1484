//! What a world is like, what happened in it, and how it failed.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::limits::Config;
use crate::time::Span;

/// What a world is like. Chances are in 10,000 of each thing that happens in it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The plan's name, for reports.
    pub name: &'static str,
    /// People.
    pub clients: u64,
    /// How long they work before the faults stop.
    pub work: Span,
    /// One way over a link, at most.
    pub latency: Span,
    /// Until a store is answered, at most; 0 in the same turn, as a Durable Object does.
    pub storage: Span,
    /// A connection breaks off.
    pub cut: u64,
    /// A reader stalls.
    pub stall: u64,
    /// The server crashes.
    pub crash: u64,
    /// The server is drained and starts again.
    pub drain: u64,
    /// A store or load fails.
    pub storage_fault: u64,
    /// The room is saved and goes on as its copy.
    pub swap: u64,
    /// The room is forgotten, where a sleeping host may forget it.
    pub forget: u64,
    /// The clock jumps ahead.
    pub jump: u64,
    /// The room's bounds.
    pub config: Config,
}

impl Plan {
    /// Nothing goes wrong.
    pub fn calm() -> Plan {
        let mut config = Config::default();
        config.limits.snapshot_ops = 40;
        Plan {
            name: "calm",
            clients: 6,
            work: Span::from_secs(30),
            latency: Span::from_millis(80),
            storage: Span::from_millis(5),
            cut: 0,
            stall: 0,
            crash: 0,
            drain: 0,
            storage_fault: 0,
            swap: 40,
            forget: 0,
            jump: 0,
            config,
        }
    }

    /// Everything goes wrong.
    pub fn stormy() -> Plan {
        let mut plan = Plan { name: "stormy", cut: 60, stall: 20, crash: 12, drain: 4, jump: 10, ..Plan::calm() };
        plan.storage = Span::from_millis(120);
        plan.storage_fault = 150;
        plan.config.limits.snapshot_ops = 20;
        plan.config.limits.images = 10;
        plan
    }

    /// Readers that stall.
    pub fn slow_readers() -> Plan {
        Plan { name: "slow readers", stall: 150, cut: 10, ..Plan::calm() }
    }

    /// A disk that is slow, full, locked and broken in turn; short memory of the log.
    pub fn bad_disk() -> Plan {
        let mut plan = Plan { name: "bad disk", storage_fault: 900, crash: 20, cut: 30, ..Plan::calm() };
        plan.storage = Span::from_millis(400);
        plan.config.limits.log_ops = 64;
        plan.config.limits.log_age = Span::ZERO;
        plan.config.limits.snapshot_ops = 16;
        plan
    }

    /// A Durable Object: stores are answered at once, and whatever may be forgotten is.
    pub fn durable_object() -> Plan {
        Plan { name: "durable object", storage: Span::ZERO, forget: 500, cut: 20, crash: 5, ..Plan::calm() }
    }

    /// Every plan.
    pub fn all() -> [Plan; 5] {
        [Plan::calm(), Plan::stormy(), Plan::slow_readers(), Plan::bad_disk(), Plan::durable_object()]
    }
}

/// What happened in a world. Every number must be above 0 over all worlds, or they prove too little.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// A fingerprint of every frame that the room sent.
    pub hash: u64,
    /// Frames that clients took.
    pub delivered: u64,
    /// Edits that were stored.
    pub edits: u64,
    /// Edits whose ack arrived.
    pub acked: u64,
    /// Acks that came again for an edit that was sent again.
    pub repeated: u64,
    /// Refusals by code.
    pub refused: BTreeMap<String, u64>,
    /// Refusals that told the truth of an image.
    pub truths: u64,
    /// Messages that cannot be read.
    pub garbage: u64,
    /// Sessions that were taken back.
    pub resumed: u64,
    /// Parts of deltas.
    pub deltas: u64,
    /// Parts of full snapshots.
    pub fulls: u64,
    /// Connections that broke off.
    pub cuts: u64,
    /// Times that a reader was too slow, and latest-wins frames that it did not get.
    pub pressed: u64,
    /// See `pressed`.
    pub latest_skipped: u64,
    /// Crashes, and those with an edit that was not answered.
    pub crashes: u64,
    /// See `crashes`.
    pub crashes_unacked: u64,
    /// Stores that a crash lost, and stores that it kept without an answer.
    pub stores_lost: u64,
    /// See `stores_lost`.
    pub stores_kept: u64,
    /// Stores and loads that failed.
    pub storage_faults: u64,
    /// Drains.
    pub drains: u64,
    /// Rooms that went on as their saved copies.
    pub swaps: u64,
    /// Rooms that were forgotten and woke.
    pub wakes: u64,
    /// Rooms that fell asleep.
    pub sleeps: u64,
}

/// A rule that did not hold.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The plan's name.
    pub plan: &'static str,
    /// The seed of the world.
    pub seed: u64,
    /// Which rule, and what was seen.
    pub why: String,
    /// The last things that happened.
    pub tail: Vec<String>,
}
