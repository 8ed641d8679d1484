//! A long day: people move, drag, edit and chat, come and go, and at its end the server should be as it was at first.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::fleet::{Fleet, Plan, Seen};
use crate::measure::Times;
use crate::process::{Held, held, usage};
use crate::words::Kind;

const MINUTE: Duration = Duration::from_secs(60);

/// What one minute was like.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Minute {
    pub(crate) minute: u32,
    /// Resident, in bytes.
    pub(crate) memory: u64,
    pub(crate) held: Held,
    /// From when something was due until somebody else heard it, in ms.
    pub(crate) latency: Times,
    /// From when an edit was due until it was acknowledged, in ms.
    pub(crate) acks: Times,
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Minute { minute, memory, held, latency, acks } = self;
        let Held { files, threads } = held;
        write!(
            f,
            "{minute:4} min {:8} KiB {files:6} files {threads:3} threads | p50 {:6.1} p99 {:6.1} ms | acks p99 {:6.1} ms",
            memory / 1024,
            latency.p50,
            latency.p99,
            acks.p99
        )
    }
}

/// A sixth of the time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Part {
    pub(crate) latency: Times,
    pub(crate) acks: Times,
    /// The mean of what was resident at the end of each minute, in bytes.
    pub(crate) memory: u64,
}

/// What a server has while nobody is there.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Quiet {
    pub(crate) memory: u64,
    pub(crate) held: Held,
    pub(crate) rooms: u64,
    pub(crate) sockets: u64,
    /// What its rooms wait for.
    pub(crate) timers: u64,
}

/// What a soak found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Soaked {
    pub(crate) minutes: Vec<Minute>,
    pub(crate) said: u64,
    pub(crate) delivered: u64,
    pub(crate) joins: u32,
    /// Sockets that the server closed.
    pub(crate) closed: u32,
    pub(crate) first: Part,
    pub(crate) last: Part,
    /// The last part's p99 by the first's, and its memory likewise.
    pub(crate) p99_ratio: f64,
    pub(crate) memory_ratio: f64,
    pub(crate) before: Quiet,
    pub(crate) after: Quiet,
}

/// What the next person says: mostly cursors, many steps of drags, some edits, now and then a word.
fn kind(turn: u64) -> Kind {
    match turn % 200 {
        0 => Kind::Chat,
        turn if turn % 20 == 1 => Kind::Edit,
        turn if turn % 5 == 2 => Kind::Drag,
        _ => Kind::Cursor,
    }
}

/// People come and go, `joins` of them a second; `told` hears of every minute.
pub(crate) fn soak(
    plan: &Plan,
    pid: u32,
    joins: f64,
    rest: Duration,
    mut told: impl FnMut(&Minute),
) -> io::Result<Soaked> {
    let before = quiet(plan.address, pid)?;
    let mut fleet = Fleet::connect(plan, 0, Instant::now())?;
    let (mut pages, mut minutes) = (Vec::new(), Vec::new());
    let (mut turn, mut came) = (0_u64, 0_u32);
    let people = fleet.len() as u64;
    fleet.turn_page();
    let (start, start_micros) = (Instant::now(), fleet.now());
    let every = 1e6 / (plan.rate * f64::from(plan.connections()));
    while start.elapsed() < plan.measured {
        while f64::from(came) < start.elapsed().as_secs_f64() * joins {
            fleet.replace(came as usize % fleet.len(), plan.connections() + came)?;
            came += 1;
        }
        loop {
            let due = start_micros + micros(turn, every);
            if due > fleet.now() {
                break;
            }
            let who = usize::try_from(turn % people).unwrap_or_default();
            // Everybody gets to say everything.
            fleet.say(who, kind(turn + turn / people), due);
            turn += 1;
        }
        fleet.listen_for(Duration::from_millis(1))?;
        let minute = u32::try_from(pages.len()).unwrap_or(u32::MAX) + 1;
        if start.elapsed() >= MINUTE * minute {
            let page = fleet.turn_page();
            let now = Minute {
                minute,
                memory: usage(pid)?.memory,
                held: held(pid)?,
                latency: Times::of(&page.moves),
                acks: Times::of(&page.acks),
            };
            told(&now);
            minutes.push(now);
            pages.push(page);
        }
    }
    drop(fleet);
    thread::sleep(rest);
    let after = quiet(plan.address, pid)?;
    judge(pages, minutes, came, before, after)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a soak lasts hours"
)]
fn micros(turn: u64, every: f64) -> u64 {
    (turn as f64 * every) as u64
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory are far below 2^52")]
fn judge(pages: Vec<Seen>, minutes: Vec<Minute>, joins: u32, before: Quiet, after: Quiet) -> io::Result<Soaked> {
    let sixth = pages.len().div_ceil(6);
    let part = |pages: &[Seen], minutes: &[Minute]| {
        let all = Seen::all(pages.iter().cloned());
        let memory: u64 = minutes.iter().map(|minute| minute.memory).sum();
        Part {
            latency: Times::of(&all.moves),
            acks: Times::of(&all.acks),
            memory: memory / minutes.len().max(1) as u64,
        }
    };
    let late = pages.len().saturating_sub(sixth);
    let halves = pages.get(..sixth).zip(minutes.get(..sixth)).zip(pages.get(late..).zip(minutes.get(late..)));
    let Some(((first, first_minutes), (last, last_minutes))) = halves.filter(|_| sixth > 0) else {
        return Err(io::Error::other("not even a minute was measured"));
    };
    let (first, last) = (part(first, first_minutes), part(last, last_minutes));
    let all = Seen::all(pages.iter().cloned());
    Ok(Soaked {
        said: all.sent,
        delivered: all.delivered,
        closed: all.closed,
        joins,
        p99_ratio: last.latency.p99 / first.latency.p99,
        memory_ratio: last.memory as f64 / first.memory as f64,
        first,
        last,
        before,
        after,
        minutes,
    })
}

/// What the server has, as the system and its own metrics know it.
fn quiet(address: SocketAddr, pid: u32) -> io::Result<Quiet> {
    // The connection that asks is not counted among the open files.
    let (memory, held) = (usage(pid)?.memory, held(pid)?);
    let metrics = metrics(address)?;
    let gauge = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let number = line.and_then(|number| number.trim().parse().ok());
        number.ok_or_else(|| io::Error::other(format!("/metrics tells no {name}")))
    };
    Ok(Quiet {
        memory,
        held,
        rooms: gauge("kanvas_rooms")?,
        sockets: gauge("kanvas_sockets")?,
        timers: gauge("kanvas_timers")?,
    })
}

fn metrics(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let head = format!("GET /metrics HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", address.port());
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.starts_with("HTTP/1.1 200 ") {
        true => Ok(answer),
        false => {
            Err(io::Error::other("/metrics cannot be read: start the server in development mode, without a secret"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_says_everything() {
        let people = 40;
        for who in 0..people {
            let said: Vec<Kind> =
                (0..400).map(|round| round * people + who).map(|turn| kind(turn + turn / people)).collect();
            for wanted in [Kind::Chat, Kind::Edit, Kind::Drag, Kind::Cursor] {
                assert!(said.contains(&wanted), "{who} never says {wanted:?}");
            }
        }
    }
}
