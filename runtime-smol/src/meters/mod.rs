//! What the server counts and measures of its own work, and how programs that watch over it are told: as OpenMetrics,
//! by the project's own library. It knows no room and no person; who may ask is `http`'s.
//!
//! What happens some hundred times a second at most is counted here as it happens. What happens a million times a second
//! is counted by the thread that does it, in a [`Tally`] of its own, and asked for when somebody looks.

mod process;
mod pulled;
mod recent;
mod tally;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kanvas_core::auth::Refusal;
use kanvas_core::{Failure, RoomId};
use opentelemetry::KeyValue;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

pub(crate) use process::Process;
pub(crate) use pulled::Depths;
use pulled::{OfProcess, Pulled};
pub(crate) use recent::Commits;
use recent::Recent;
pub(crate) use tally::{Report, Tally};

use crate::parting::Parting;
use crate::traces::Traces;

/// How it is written.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// From half a millisecond to ten seconds: what nobody notices, what is felt, and what is broken.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Stores in one transaction, up to the most that there can be.
const STORES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Why a connection or a request is turned away before a room or a page is asked.
const REFUSALS: [&str; 10] = [
    "no_place",
    "too_many",
    "too_long",
    "bad_head",
    "bad_host",
    "bad_origin",
    "bad_body",
    "bad_upgrade",
    "forbidden",
    "misdirected",
];
/// Why stores fail.
const FAILURES: [Failure; 4] = [Failure::Full, Failure::Busy, Failure::Broken, Failure::Fenced];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Closing {
    code: u16,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    code: u16,
}

/// See the module.
pub(crate) struct Meters {
    /// What of it took long.
    pub(crate) traces: Traces,
    registry: Registry,
    pulled: Arc<Pulled>,
    closes: Family<Closing, Counter>,
    refusals: Family<Reason, Counter>,
    tokens: Family<Outcome, Counter>,
    answers: Family<Status, Counter>,
    commits: Histogram,
    recent: Recent,
    stores: Histogram,
    failed_commits: Family<Reason, Counter>,
    loads: Histogram,
    joins: Histogram,
    fan_out: Histogram,
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}

impl Default for Meters {
    fn default() -> Meters {
        Meters::new(Traces::default())
    }
}

impl Meters {
    pub(crate) fn new(traces: Traces) -> Meters {
        let mut whole = Registry::default();
        whole.register_collector(Box::new(OfProcess));
        let registry = whole.sub_registry_with_prefix("kanvas");
        let (closes, refusals, tokens) = (Family::default(), Family::default(), Family::default());
        let (answers, failed_commits) = (Family::default(), Family::default());
        let seconds = || Histogram::new(SECONDS);
        let (commits, loads, joins, fan_out) = (seconds(), seconds(), seconds(), seconds());
        let stores = Histogram::new(STORES);
        registry.register("closes", "Sockets that were closed, by code and reason", closes.clone());
        registry.register(
            "refusals",
            "Connections and requests that were turned away before a room or a page was asked, by reason",
            refusals.clone(),
        );
        registry.register("tokens", "Tokens that were checked, by what came of it", tokens.clone());
        registry.register("http_responses", "Answers to plain requests, by status", answers.clone());
        let unit = || Unit::Seconds;
        let help = "From the start of a transaction until it is durable";
        registry.register_with_unit("storage_commit_duration", help, unit(), commits.clone());
        registry.register("storage_batch_stores", "Stores of rooms in one transaction", stores.clone());
        registry.register("storage_failures", "Stores that failed, by reason", failed_commits.clone());
        let help = "How long it takes to read a room from disk";
        registry.register_with_unit("room_load_duration", help, unit(), loads.clone());
        let help = "From the first bytes of a socket until its room lets it in";
        registry.register_with_unit("join_duration", help, unit(), joins.clone());
        let help = "From the receipt of a message until what came of it was written to the last socket";
        registry.register_with_unit("fan_out_duration", help, unit(), fan_out.clone());
        let pulled = Arc::new(Pulled::default());
        registry.register_collector(Box::new(pulled.clone()));
        let meters = Meters {
            traces,
            registry: whole,
            pulled,
            closes,
            refusals,
            tokens,
            answers,
            commits,
            recent: Recent::default(),
            stores,
            failed_commits,
            loads,
            joins,
            fan_out,
        };
        meters.count_from_zero();
        meters
    }

    /// What has not happened is 0 and not missing: a rate would not see the first time otherwise.
    fn count_from_zero(&self) {
        for (code, reason) in Parting::labels() {
            drop(self.closes.get_or_create(&Closing { code, reason }));
        }
        for reason in REFUSALS {
            drop(self.refusals.get_or_create(&Reason { reason }));
        }
        for result in [None].into_iter().chain(Refusal::ALL.iter().copied().map(Some)).map(outcome) {
            drop(self.tokens.get_or_create(&Outcome { result }));
        }
        for failure in FAILURES {
            drop(self.failed_commits.get_or_create(&Reason { reason: cause(failure) }));
        }
    }

    /// A socket is closed.
    pub(crate) fn closed(&self, parting: &Parting) {
        let (code, reason) = parting.label();
        debug_assert!(Parting::labels().any(|known| known == (code, reason)), "{code} {reason} is not listed");
        self.closes.get_or_create(&Closing { code, reason }).inc();
    }

    /// A connection or a request is turned away.
    pub(crate) fn refused(&self, reason: &'static str) {
        debug_assert!(REFUSALS.contains(&reason), "{reason} is not listed");
        self.refusals.get_or_create(&Reason { reason }).inc();
    }

    /// A token was checked.
    pub(crate) fn checked(&self, refused: Option<Refusal>) {
        self.tokens.get_or_create(&Outcome { result: outcome(refused) }).inc();
    }

    /// A request was answered.
    pub(crate) fn answered(&self, code: u16) {
        self.answers.get_or_create(&Status { code }).inc();
    }

    /// A transaction is durable.
    pub(crate) fn committed(&self, stores: usize, took: Duration) {
        self.commits.observe(took.as_secs_f64());
        self.recent.note(Instant::now(), took);
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        self.stores.observe(stores as f64);
        self.traces.took("storage.commit", took, || {
            vec![KeyValue::new("kanvas.stores", i64::try_from(stores).unwrap_or(i64::MAX))]
        });
    }

    /// How many transactions there were.
    pub(crate) fn commits(&self) -> u64 {
        self.recent.count()
    }

    /// How long those of the last minute took.
    pub(crate) fn latest_commits(&self) -> Commits {
        self.recent.look(Instant::now())
    }

    /// How many stores failed, for any of these reasons.
    pub(crate) fn failures(&self) -> u64 {
        FAILURES.iter().map(|why| self.failed_commits.get_or_create(&Reason { reason: cause(*why) }).get()).sum()
    }

    /// A store failed.
    pub(crate) fn failed(&self, failure: Failure) {
        self.failed_commits.get_or_create(&Reason { reason: cause(failure) }).inc();
    }

    /// A room was read, or could not be.
    pub(crate) fn loaded(&self, room: &RoomId, took: Duration) {
        self.loads.observe(took.as_secs_f64());
        self.traces.took("room.load", took, || about(room));
    }

    /// A room let somebody in.
    pub(crate) fn joined(&self, room: &RoomId, after: Duration) {
        self.joins.observe(after.as_secs_f64());
        self.traces.took("room.join", after, || about(room));
    }

    /// What came of a message was written to everybody.
    pub(crate) fn told(&self, room: &RoomId, after: Duration) {
        self.fan_out.observe(after.as_secs_f64());
        self.traces.took("room.fan_out", after, || about(room));
    }

    /// All of it, with what the threads have counted so far.
    pub(crate) fn write(&self, report: Report, depths: Depths) -> Result<String, fmt::Error> {
        self.pulled.take(report, depths);
        let mut written = String::new();
        text::encode(&mut written, &self.registry)?;
        Ok(written)
    }
}

fn about(room: &RoomId) -> Vec<KeyValue> {
    vec![KeyValue::new("kanvas.room", room.as_str().to_owned())]
}

fn outcome(refused: Option<Refusal>) -> &'static str {
    refused.map_or("accepted", Refusal::as_str)
}

fn cause(failure: Failure) -> &'static str {
    match failure {
        Failure::Full => "full",
        Failure::Busy => "busy",
        Failure::Broken => "broken",
        Failure::Fenced => "fenced",
    }
}
