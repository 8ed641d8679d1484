//! One measurement: people come, speak and listen, and what it took is told.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::fleet::{Fleet, Plan, Seen};
use crate::process::{self, Usage};
use crate::words::Kind;

/// What a measurement found. Times are in ms, but for those of the processor; rates are a second.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) rooms: u32,
    pub(crate) people: u32,
    pub(crate) speakers: u32,
    pub(crate) rate: f64,
    pub(crate) seconds: f64,
    /// Messages that were due.
    pub(crate) sent: u64,
    /// How often one of them was heard by somebody else.
    pub(crate) delivered: u64,
    /// `delivered` of what everybody else should have heard; with `spread` not all should.
    pub(crate) share: f64,
    pub(crate) deliveries_per_second: f64,
    pub(crate) bytes_per_second: f64,
    pub(crate) latency: Times,
    /// Of edits, until they are acknowledged.
    pub(crate) acks: Option<Acks>,
    /// If the server's process is known.
    pub(crate) server: Option<Server>,
    pub(crate) generator: Generator,
    /// Sockets that the server closed.
    pub(crate) closed: u32,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Times {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Acks {
    pub(crate) per_second: f64,
    pub(crate) share: f64,
    pub(crate) latency: Times,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Server {
    /// Cores that were busy.
    pub(crate) cores: f64,
    /// The processor's time for each delivery.
    pub(crate) micros_per_delivery: f64,
    /// Resident, in bytes.
    pub(crate) memory: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Generator {
    /// Cores that were busy. Close to its threads the generator itself is the limit.
    pub(crate) cores: f64,
    /// How late messages left.
    pub(crate) lag: Times,
}

impl Times {
    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^52 µs")]
    pub(crate) fn of(histogram: &Histogram<u64>) -> Times {
        let millis = |micros: u64| micros as f64 / 1000.0;
        let at = |share: f64| millis(histogram.value_at_quantile(share));
        Times { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: millis(histogram.max()) }
    }
}

/// Carries out a plan; `pid` is the server's.
pub(crate) fn measure(plan: &Plan, pid: Option<u32>) -> io::Result<Outcome> {
    let began = Instant::now();
    let connecting: Vec<_> = (0..plan.threads)
        .map(|no| {
            let plan = plan.clone();
            thread::spawn(move || Fleet::connect(&plan, no, began))
        })
        .collect();
    let mut fleets = Vec::new();
    for thread in connecting {
        fleets.push(thread.join().map_err(|_| io::Error::other("a thread of the generator panicked"))??);
    }
    let start = began.elapsed() + Duration::from_millis(50);
    let start_micros = u64::try_from(start.as_micros()).unwrap_or(u64::MAX);
    let running: Vec<_> = fleets.into_iter().map(|fleet| thread::spawn(move || fleet.run(start_micros))).collect();

    sleep_until(began + start + plan.warm_up);
    let before = sample(pid)?;
    sleep_until(began + start + plan.warm_up + plan.measured);
    let after = sample(pid)?;

    let mut seen = Vec::new();
    for thread in running {
        seen.push(thread.join().map_err(|_| io::Error::other("a thread of the generator panicked"))??);
    }
    Ok(judge(plan, &Seen::all(seen.into_iter()), before, after))
}

#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    server: Option<Usage>,
    generator: Usage,
}

fn sample(pid: Option<u32>) -> io::Result<Sample> {
    let server = pid.map(process::usage).transpose()?;
    Ok(Sample { at: Instant::now(), server, generator: process::usage(std::process::id())? })
}

fn sleep_until(at: Instant) {
    thread::sleep(at.saturating_duration_since(Instant::now()));
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
fn judge(plan: &Plan, seen: &Seen, before: Sample, after: Sample) -> Outcome {
    let seconds = (after.at - before.at).as_secs_f64();
    let others = u64::from(plan.people.saturating_sub(1));
    let share = |count: u64, of: u64| if of == 0 { 1.0 } else { count as f64 / of as f64 };
    let cores = |before: Usage, after: Usage| (after.cpu - before.cpu).as_secs_f64() / seconds;
    Outcome {
        rooms: plan.rooms,
        people: plan.people,
        speakers: plan.speakers.min(plan.people),
        rate: plan.rate,
        seconds,
        sent: seen.sent,
        delivered: seen.delivered,
        share: share(seen.delivered, seen.sent * others),
        deliveries_per_second: seen.delivered as f64 / plan.measured.as_secs_f64(),
        bytes_per_second: seen.bytes as f64 / plan.measured.as_secs_f64(),
        latency: Times::of(&seen.moves),
        acks: (plan.kind == Kind::Edit).then(|| Acks {
            per_second: seen.acknowledged as f64 / plan.measured.as_secs_f64(),
            share: share(seen.acknowledged, seen.sent),
            latency: Times::of(&seen.acks),
        }),
        server: before.server.zip(after.server).map(|(before, after)| Server {
            cores: cores(before, after),
            micros_per_delivery: (after.cpu - before.cpu).as_secs_f64() * 1e6 / seen.delivered.max(1) as f64,
            memory: after.memory,
        }),
        generator: Generator { cores: cores(before.generator, after.generator), lag: Times::of(&seen.lag) },
        closed: seen.closed,
    }
}
