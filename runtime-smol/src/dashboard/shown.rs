//! What the page is told, in the words of every host: what is this one's own comes with its name, and what a host does not
//! tell is not shown.

use std::fs;
use std::time::Duration;

use kanvas_core::{RoomId, Time};
use serde::Serialize;

use super::closes::{self, Tallied};
use super::history::{Minute, Rates, Seen, by_code};
use super::survey::{Load, SlowOne, Survey};
use crate::meters::{Commits, Process, Report};
use crate::server::Server;

/// All of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Board {
    at: Time,
    rooms: u64,
    sockets: u64,
    people: u64,
    found: u64,
    top: Vec<Load>,
    per_second: Rates,
    minutes: Vec<Minute>,
    refused: Vec<Tally>,
    closed: Vec<Tally>,
    closes: Vec<Closed>,
    memory: Memory,
    storage: Storage,
    slow: Slow,
    totals: Vec<Total>,
    /// Where the page finds what is done to a room.
    rooms_at: &'static str,
    can_sign_out: bool,
}

/// What came about under one name.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tally {
    name: String,
    words: String,
    last_hour: u64,
    total: u64,
}

#[derive(Serialize)]
struct Closed {
    at: Time,
    code: u16,
    reason: &'static str,
    words: String,
    room: Option<RoomId>,
    user: Box<str>,
}

/// Where rooms are kept, against what it may take.
#[derive(Serialize)]
struct Memory {
    one: &'static str,
    about: String,
    limit: u64,
    each: [Hold; 1],
}

#[derive(Serialize)]
struct Hold {
    name: &'static str,
    bytes: u64,
}

/// In milliseconds, where it is a time.
#[derive(Serialize)]
struct Storage {
    p50: f64,
    p99: f64,
    longest: f64,
    /// In the last minute.
    commits: u64,
    waiting: u64,
    failed: u64,
}

#[derive(Serialize)]
struct Slow {
    sockets: u64,
    bytes: u64,
    each: Vec<SlowOne>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Unit {
    Count,
    Bytes,
    Seconds,
}

/// Another count since the start. A bad one is well at nothing.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Total {
    label: &'static str,
    value: u64,
    unit: Unit,
    is_bad: bool,
}

pub(super) fn board(server: &Server, survey: &Survey, seen: &Seen, can_sign_out: bool) -> Board {
    let Survey { report, top, found, slow } = survey;
    let process = Process::now();
    Board {
        at: seen.now,
        rooms: report.rooms,
        sockets: report.sockets,
        people: report.people,
        found: *found,
        top: top.clone(),
        per_second: seen.per_second,
        minutes: seen.minutes.clone(),
        refused: refused(seen),
        closed: closed(&seen.moment.closed, &seen.closed),
        closes: server.watch.closes.latest().into_iter().map(Closed::from).collect(),
        memory: memory(&process),
        storage: storage(server),
        slow: Slow { sockets: report.slow, bytes: report.waiting_bytes, each: slow.clone() },
        totals: totals(server, report, &process),
        rooms_at: "/dashboard/api/rooms",
        can_sign_out,
    }
}

impl From<closes::Closed> for Closed {
    fn from(closed: closes::Closed) -> Closed {
        let closes::Closed { at, code, reason, room, user } = closed;
        Closed { at, code, reason, words: closes::words(code, reason), room, user }
    }
}

fn refused(seen: &Seen) -> Vec<Tally> {
    let both = by_code(&seen.moment.refused).zip(&seen.refused).filter(|((_, total), _)| *total > 0);
    let tally = |((code, total), last_hour): ((kanvas_core::Code, u64), &u64)| Tally {
        name: code.as_str().to_owned(),
        words: code.message().to_owned(),
        last_hour: *last_hour,
        total,
    };
    in_order(both.map(tally).collect())
}

fn closed(all: &Tallied, last_hour: &Tallied) -> Vec<Tally> {
    let tally = |(kind, total): (&(u16, &'static str), &u64)| Tally {
        name: kind.1.to_owned(),
        words: closes::words(kind.0, kind.1),
        last_hour: last_hour.get(kind).copied().unwrap_or_default(),
        total: *total,
    };
    in_order(all.iter().map(tally).collect())
}

/// The most of the last hour first.
fn in_order(mut tallies: Vec<Tally>) -> Vec<Tally> {
    tallies.sort_by(|a, b| (b.last_hour, b.total).cmp(&(a.last_hour, a.total)).then_with(|| a.name.cmp(&b.name)));
    tallies
}

fn memory(process: &Process) -> Memory {
    let each = [Hold { name: "process", bytes: process.resident_bytes }];
    Memory { one: "process", about: "the whole process".into(), limit: memory_limit().unwrap_or_default(), each }
}

/// What the machine has, or what the control group of the process may take of it.
fn memory_limit() -> Option<u64> {
    let told = fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024;
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|most| most.trim().parse().ok());
    Some(group.map_or(machine, |group| machine.min(group)))
}

fn storage(server: &Server) -> Storage {
    let Commits { count, p50, p99, longest } = server.meters.latest_commits();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    Storage {
        p50: ms(p50),
        p99: ms(p99),
        longest: ms(longest),
        commits: count,
        waiting: server.store.waiting() as u64,
        failed: server.meters.failures(),
    }
}

fn totals(server: &Server, report: &Report, process: &Process) -> Vec<Total> {
    let stats = &report.stats;
    let said = report.said();
    let total = |label, value, unit| Total { label, value, unit, is_bad: false };
    let bad = |label, value| Total { label, value, unit: Unit::Count, is_bad: true };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds, and a clock after 1970")]
    let (running, cpu) = {
        let now = server.clock.wall().as_millis() as f64 / 1000.0;
        ((now - process.started).max(0.0) as u64, process.cpu_seconds as u64)
    };
    vec![
        total("Running for", running, Unit::Seconds),
        total("Processor time", cpu, Unit::Seconds),
        total("Connections of any kind, now", server.gate.open().into(), Unit::Count),
        total("Files open, now", process.open_files, Unit::Count),
        total("Messages received", stats.heard.iter().map(|heard| heard.messages).sum(), Unit::Count),
        total("Messages sent, once each", said.frames, Unit::Count),
        total("Messages delivered", said.deliveries, Unit::Count),
        total("Received", stats.heard.iter().map(|heard| heard.bytes).sum(), Unit::Bytes),
        total("Delivered", said.bytes, Unit::Bytes),
        total("Events stored", stats.edits, Unit::Count),
        total("Transactions", server.meters.commits(), Unit::Count),
        total("Sessions taken back", stats.resumed, Unit::Count),
        bad("Failed stores", server.meters.failures()),
        bad("Rooms gone back to what is stored", stats.returns),
    ]
}
