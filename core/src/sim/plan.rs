//! What a world is like, what happened in it, and how it failed.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::weather::Weather;
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
    /// One way over a link, at least.
    pub latency: Span,
    /// How much longer it may take.
    pub jitter: Span,
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
    /// The disk is full for a while.
    pub full: u64,
    /// The room is saved and goes on as its copy.
    pub swap: u64,
    /// The room is forgotten, where a sleeping host may forget it.
    pub forget: u64,
    /// The clock jumps ahead.
    pub jump: u64,
    /// Another owner takes the room's storage over.
    pub usurp: u64,
    /// Everyone rests, longer than it takes to be told as idle.
    pub lull: u64,
    /// Everyone goes, and comes back when the room may be asleep.
    pub exodus: u64,
    /// A back end replaces the canvas, takes it back or tells everybody something.
    pub rewrite: u64,
    /// An owner uses their power; in 100 of what they do.
    pub govern: u64,
    /// Different images that people work on.
    pub images: u64,
    /// Most bytes of text in an image's further field.
    pub padding: u64,
    /// Where people work as people do and do no mischief: how often each moves in a second.
    pub rate: Option<u64>,
    /// Whether the first of those does only what is asked.
    pub guided: bool,
    /// Faults by the clock, beside those by chance.
    pub weather: Weather,
    /// The room's bounds.
    pub config: Config,
}

impl Plan {
    /// Nothing goes wrong.
    pub fn calm() -> Plan {
        let mut config = Config::default();
        // Six people wait for a flush as long as hundreds would: what waits is what can go wrong.
        (config.limits.snapshot_ops, config.limits.flush_cost) = (40, 100_000);
        Plan {
            name: "calm",
            clients: 6,
            work: Span::from_secs(30),
            latency: Span::ZERO,
            jitter: Span::from_millis(80),
            storage: Span::from_millis(5),
            cut: 0,
            stall: 0,
            crash: 0,
            drain: 0,
            storage_fault: 0,
            full: 0,
            swap: 40,
            forget: 0,
            jump: 0,
            usurp: 0,
            lull: 0,
            exodus: 0,
            rewrite: 0,
            govern: 0,
            images: 14,
            padding: 0,
            rate: None,
            guided: false,
            weather: Weather::default(),
            config,
        }
    }

    /// Everything goes wrong.
    pub fn stormy() -> Plan {
        let mut plan = Plan { name: "stormy", cut: 60, stall: 20, crash: 12, drain: 4, jump: 10, ..Plan::calm() };
        (plan.usurp, plan.lull, plan.exodus) = (4, 10, 20);
        plan.storage = Span::from_millis(120);
        plan.storage_fault = 150;
        plan.config.limits.snapshot_ops = 20;
        plan.config.limits.images = 10;
        // As often as forty would.
        plan.config.limits.flush_cost = 1700;
        plan
    }

    /// Readers that stall.
    pub fn slow_readers() -> Plan {
        Plan { name: "slow readers", stall: 150, cut: 10, ..Plan::calm() }
    }

    /// A disk that is slow, full, locked and broken in turn; short memory of the log, little room at the gate.
    pub fn bad_disk() -> Plan {
        let mut plan = Plan { name: "bad disk", storage_fault: 900, crash: 20, cut: 30, ..Plan::calm() };
        plan.storage = Span::from_millis(400);
        plan.config.limits.log_ops = 64;
        plan.config.limits.log_age = Span::ZERO;
        plan.config.limits.snapshot_ops = 16;
        plan.config.limits.gated_frames = 120;
        (plan.usurp, plan.exodus) = (10, 10);
        plan
    }

    /// A Durable Object: stores are answered at once, and whatever may be forgotten is.
    pub fn durable_object() -> Plan {
        Plan {
            name: "durable object",
            storage: Span::ZERO,
            forget: 500,
            full: 4,
            cut: 20,
            crash: 5,
            lull: 8,
            exodus: 4,
            ..Plan::calm()
        }
    }

    /// A disk that is full for long, while people come and go.
    pub fn full_disk() -> Plan {
        let mut plan = Plan { name: "full disk", full: 15, cut: 60, crash: 4, drain: 2, ..Plan::calm() };
        plan.storage = Span::from_millis(60);
        plan.config.limits.snapshot_ops = 16;
        plan.exodus = 6;
        plan
    }

    /// Owners who lock, hide, promote, kick and ban, on a disk that fails and is full at times.
    pub fn governed() -> Plan {
        let mut plan = Plan { name: "governed", govern: 15, cut: 30, crash: 10, drain: 4, full: 4, ..Plan::calm() };
        plan.storage = Span::from_millis(250);
        plan.storage_fault = 100;
        plan.config.limits.snapshot_ops = 16;
        plan
    }

    /// A back end that replaces the canvas and takes it back under everybody's hands.
    pub fn rewritten() -> Plan {
        let mut plan = Plan { name: "rewritten", rewrite: 60, cut: 30, crash: 8, full: 1, ..Plan::calm() };
        plan.storage = Span::from_millis(120);
        plan.storage_fault = 80;
        plan.config.limits.told_singly_bytes = 900;
        plan
    }

    /// Many large images: snapshots of several chunks and parts.
    pub fn heavy() -> Plan {
        let mut plan =
            Plan { name: "heavy", clients: 5, images: 400, padding: 3600, cut: 40, crash: 8, ..Plan::calm() };
        plan.work = Span::from_secs(25);
        plan.config.limits.log_ops = 300;
        plan
    }

    /// Every plan.
    pub fn all() -> [Plan; 9] {
        [
            Plan::calm(),
            Plan::stormy(),
            Plan::slow_readers(),
            Plan::bad_disk(),
            Plan::full_disk(),
            Plan::durable_object(),
            Plan::governed(),
            Plan::rewritten(),
            Plan::heavy(),
        ]
    }
}

/// What happened in a world. Every number must be above 0 over all worlds, or they prove too little.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// A fingerprint of everything that the room said.
    pub hash: u64,
    /// Refusals by code.
    pub refused: BTreeMap<String, u64>,
    /// Frames that clients took.
    pub delivered: u64,
    /// Edits that were stored.
    pub edits: u64,
    /// Edits whose ack arrived.
    pub acked: u64,
    /// Acks of edits without an id.
    pub unnamed: u64,
    /// Acks that came again for an edit that was sent again.
    pub repeated: u64,
    /// Refusals that told the truth of an image.
    pub truths: u64,
    /// Edits that were refused to a viewer.
    pub forbidden: u64,
    /// Edits that were refused because storage or the gate had no room.
    pub busy: u64,
    /// Canvases that a back end replaced.
    pub replaced: u64,
    /// Canvases that a back end took back.
    pub taken_back: u64,
    /// What a back end told somebody.
    pub published: u64,
    /// Syncs that came to those who were in the room already.
    pub synced_anew: u64,
    /// Words of owners that were stored.
    pub governed: u64,
    /// Messages that cannot be read.
    pub garbage: u64,
    /// Sessions that were taken back.
    pub resumed: u64,
    /// Parts of deltas.
    pub deltas: u64,
    /// Parts of full snapshots.
    pub fulls: u64,
    /// Syncs of several parts.
    pub multipart: u64,
    /// Drags that clients saw.
    pub drags: u64,
    /// Drags that the room ended with the stored values.
    pub settles: u64,
    /// Frames with the cursors of a flush.
    pub batches: u64,
    /// Lines of chat that clients of the second dialect heard.
    pub plain_lines: u64,
    /// People who were told as idle.
    pub idled: u64,
    /// Connections that broke off.
    pub cuts: u64,
    /// Connections that were closed properly.
    pub left: u64,
    /// Times that a reader was too slow.
    pub pressed: u64,
    /// Latest-wins frames that slow readers did not get.
    pub latest_skipped: u64,
    /// Crashes.
    pub crashes: u64,
    /// Crashes with an edit that was not answered.
    pub crashes_unacked: u64,
    /// Stores that a crash lost.
    pub stores_lost: u64,
    /// Stores that a crash or a failure kept without an answer.
    pub stores_kept: u64,
    /// Stores and loads for which there was no space.
    pub full: u64,
    /// Times that the disk was full for a while.
    pub full_spells: u64,
    /// Joins that were answered in such a while.
    pub joined_full: u64,
    /// Times that a room went back to what was stored.
    pub returns: u64,
    /// Stores and loads that found storage busy.
    pub locked: u64,
    /// Stores and loads that broke.
    pub broken: u64,
    /// Stores of an owner that had been replaced.
    pub fenced: u64,
    /// Loads among those that failed.
    pub load_faults: u64,
    /// Chunks of snapshots beyond the first of their part.
    pub chunks: u64,
    /// Drains.
    pub drains: u64,
    /// Jumps of the clock: past a deadline, or as far as one was told.
    pub jumps: u64,
    /// Ticks before any deadline.
    pub early_ticks: u64,
    /// Rooms that went on as their saved copies.
    pub swaps: u64,
    /// Inputs that a room and its saved copy answered with the same bytes.
    pub echoed: u64,
    /// Rooms that were forgotten and woke.
    pub wakes: u64,
    /// Empty rooms that fell asleep.
    pub sleeps: u64,
    /// Rooms that closed everyone and were given up.
    pub given_up: u64,
}

impl Report {
    /// Every number with its name.
    #[rustfmt::skip]
    pub fn counts(&self) -> [(&'static str, u64); 49] {
        [
            ("delivered", self.delivered),
            ("edits", self.edits),
            ("acked", self.acked),
            ("unnamed", self.unnamed),
            ("repeated", self.repeated),
            ("truths", self.truths),
            ("forbidden", self.forbidden),
            ("governed", self.governed),
            ("replaced", self.replaced),
            ("taken back", self.taken_back),
            ("published", self.published),
            ("synced anew", self.synced_anew),
            ("busy", self.busy),
            ("too fast", self.refused.get("rate_limited").copied().unwrap_or(0)),
            ("garbage", self.garbage),
            ("resumed", self.resumed),
            ("deltas", self.deltas),
            ("fulls", self.fulls),
            ("multipart", self.multipart),
            ("drags", self.drags),
            ("settles", self.settles),
            ("batches", self.batches),
            ("plain lines", self.plain_lines),
            ("idled", self.idled),
            ("cuts", self.cuts),
            ("left", self.left),
            ("pressed", self.pressed),
            ("latest skipped", self.latest_skipped),
            ("crashes", self.crashes),
            ("crashes unacked", self.crashes_unacked),
            ("stores lost", self.stores_lost),
            ("stores kept", self.stores_kept),
            ("full", self.full),
            ("full spells", self.full_spells),
            ("joined full", self.joined_full),
            ("returns", self.returns),
            ("locked", self.locked),
            ("broken", self.broken),
            ("fenced", self.fenced),
            ("load faults", self.load_faults),
            ("chunks", self.chunks),
            ("drains", self.drains),
            ("jumps", self.jumps),
            ("early ticks", self.early_ticks),
            ("swaps", self.swaps),
            ("echoed", self.echoed),
            ("wakes", self.wakes),
            ("sleeps", self.sleeps),
            ("given up", self.given_up),
        ]
    }
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
