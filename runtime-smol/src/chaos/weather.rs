//! What `--chaos` says: how bad the network is, how often the server crashes, and the seed of it all.

use std::fmt;
use std::time::Duration;

use crate::words::{rate, share};

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weather {
    /// One way over a connection.
    pub(super) latency: Duration,
    /// How much longer it may take.
    pub(super) jitter: Duration,
    /// Of 1,000 connections so many break off in a second.
    pub(super) cut: u64,
    /// Of 1,000 clients so many stop reading in a second, for a while.
    pub(super) stall: u64,
    /// Crashes of the server an hour.
    pub(super) crash: u64,
    pub(super) seed: Option<u64>,
}

const ALLOWED: &str = "faults with commas between, of latency=80ms, jitter=40ms (each at most 5s), cut=5%, stall=5%, crash=2/min \
    (at most 60/min) and seed=7";
const SLOWEST: Duration = Duration::from_secs(5);

/// Reads it. The error says what is allowed.
pub(crate) fn parse(text: &str) -> Result<Weather, &'static str> {
    let (mut weather, mut told) = (Weather::default(), Vec::new());
    for part in text.split(',') {
        let (name, value) = part.trim().split_once('=').ok_or(ALLOWED)?;
        if told.contains(&name) {
            return Err(ALLOWED);
        }
        told.push(name);
        let read = match name {
            "latency" => time(value).map(|time| weather.latency = time),
            "jitter" => time(value).map(|time| weather.jitter = time),
            "cut" => share(value).ok().map(|share| weather.cut = share),
            "stall" => share(value).ok().map(|share| weather.stall = share),
            "crash" => rate(value).ok().map(|rate| weather.crash = rate),
            "seed" => value.parse().ok().map(|seed| weather.seed = Some(seed)),
            _ => None,
        };
        read.ok_or(ALLOWED)?;
    }
    Ok(weather)
}

fn time(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|time| *time <= SLOWEST)
}

/// As it can be told again.
impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Weather { latency, jitter, cut, stall, crash, seed } = *self;
        let mut parts = Vec::new();
        for (name, time) in [("latency", latency), ("jitter", jitter)] {
            if !time.is_zero() {
                parts.push(format!("{name}={}ms", time.as_millis()));
            }
        }
        for (name, share) in [("cut", cut), ("stall", stall)] {
            if share > 0 {
                parts.push(format!("{name}={}.{}%", share / 10, share % 10));
            }
        }
        if crash > 0 {
            parts.push(format!("crash={crash}/h"));
        }
        parts.extend(seed.map(|seed| format!("seed={seed}")));
        f.write_str(&parts.join(","))
    }
}
