//! `kanvas-load` drives a server that is addressed like PartyKit's with people who move, drag or edit, and tells what was
//! delivered, how late, and what it cost the server. Its loop is open: a message counts from when it was due.

mod fleet;
mod frames;
mod measure;
mod process;
mod scenes;
mod soak;
mod words;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use fleet::Plan;
use measure::{Outcome, measure};
use words::Kind;

#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One load for a while.
    Run(Run),
    /// More and more people, until less than 99.9 % arrives or it takes more than 50 ms at p99.
    Ceiling(Ceiling),
    /// People who join and do nothing: what memory each takes.
    Idle(Idle),
    /// People who join a room full of images: one by one, and all at once.
    Join(Join),
    /// People who come, move and go for good, and others in their place: what memory remains of them.
    Churn(Churn),
    /// People who move, drag, edit and chat, come and go, for an hour: whether the server is then as it was at first.
    Soak(Soak),
}

/// Which server.
#[derive(Clone, Debug, Args)]
struct Whom {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:1999")]
    address: SocketAddr,
    /// Its process.
    #[arg(long)]
    pid: u32,
    /// What the rooms' names begin with.
    #[arg(long, default_value = "load")]
    room: String,
}

#[derive(Clone, Debug, Args)]
struct Idle {
    #[command(flatten)]
    whom: Whom,
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rooms: u32,
    /// People in each room.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    people: u32,
    /// Seconds that they stay once all are there.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=900))]
    seconds: u64,
}

#[derive(Clone, Debug, Args)]
struct Join {
    #[command(flatten)]
    whom: Whom,
    /// How many images to put into the room; 0 if it has them already.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    images: u32,
    /// How many join at once.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    people: u32,
    /// Only have them join at once, as after a restart of the server.
    #[arg(long)]
    back: bool,
}

#[derive(Clone, Debug, Args)]
struct Churn {
    #[command(flatten)]
    whom: Whom,
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rooms: u32,
    /// People in each room at any time.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    people: u32,
    /// How many come, and go, a second.
    #[arg(long, default_value_t = 50.0)]
    joins: f64,
    /// For how many minutes.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
}

#[derive(Clone, Debug, Args)]
struct Soak {
    #[command(flatten)]
    whom: Whom,
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rooms: u32,
    /// People in each room at any time.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    people: u32,
    /// How often each of them says something, a second.
    #[arg(long, default_value_t = 5.0)]
    rate: f64,
    /// How many come, and go, a second.
    #[arg(long, default_value_t = 5.0)]
    joins: f64,
    /// For how many minutes; the first and the last sixth of them are compared.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    minutes: u32,
    /// Seconds to wait, once all have gone, until the server has forgotten the rooms: more than its `--unload-after`
    /// and `--grace`.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3600))]
    rest: u64,
}

#[derive(Clone, Debug, Args)]
struct Run {
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:1999")]
    address: SocketAddr,
    /// The server's process, to tell what it and its children take.
    #[arg(long)]
    pid: Option<u32>,
    /// What the rooms' names begin with.
    #[arg(long, default_value = "load")]
    room: String,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rooms: u32,
    /// People in each room.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    people: u32,
    /// How many in each room speak; the others listen. All, if it is not given.
    #[arg(long)]
    speakers: Option<u32>,
    /// How often each of them speaks, a second.
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    #[arg(long, value_enum, default_value = "cursor")]
    kind: Kind,
    /// Ask for presence in batches.
    #[arg(long)]
    batch: bool,
    /// Let people stand so far apart, each looking at their own place.
    #[arg(long, default_value_t = 0)]
    spread: u32,
    /// Images that are put into each room before.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    images: u32,
    /// Seconds before the measured ones.
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
    /// Print JSON, one object a line, instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, Args)]
struct Ceiling {
    #[command(flatten)]
    run: Run,
    /// How many more people each step has, in parts of those before.
    #[arg(long, default_value_t = 0.15)]
    step: f64,
}

impl Run {
    fn plan(&self, people: u32) -> Result<Plan, String> {
        let span = |name: &str, seconds: f64| {
            Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|span| *span <= Duration::from_secs(900))
                .ok_or_else(|| format!("--{name} is 0 to 900 seconds"))
        };
        if !(0.001..=10_000.0).contains(&self.rate) {
            return Err("--rate is 0.001 to 10,000 a second".to_owned());
        }
        Ok(Plan {
            address: self.address,
            room: self.room.clone(),
            rooms: self.rooms,
            people,
            speakers: self.speakers.unwrap_or(people),
            rate: self.rate,
            kind: self.kind,
            batch: self.batch,
            spread: self.spread,
            warm_up: span("warm-up", self.warm_up)?,
            measured: span("seconds", self.seconds)?,
            threads: self.threads,
        })
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = allow_sockets().map_err(|error| error.to_string()).and_then(|()| match cli.command {
        Command::Run(run) => once(&run),
        Command::Ceiling(ceiling) => climb(&ceiling),
        Command::Idle(idle) => rest(&idle),
        Command::Join(join) => come(&join),
        Command::Churn(churn) => change(&churn),
        Command::Soak(soak) => last(&soak),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Nobody reads what cannot be written.
            drop(writeln!(io::stderr(), "kanvas-load: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// As many sockets as this process may have.
fn allow_sockets() -> io::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

fn once(run: &Run) -> Result<(), String> {
    if run.images > 0 {
        for no in 0..run.rooms {
            let filled = scenes::fill(run.address, &format!("{}-{no}", run.room), run.images);
            filled.map_err(|error| format!("{}: {error}", run.address))?;
        }
    }
    let outcome = step(run, run.people, &run.room)?;
    if !run.json {
        tell(HEAD)?;
    }
    tell(&show(run, &outcome)?)
}

fn step(run: &Run, people: u32, room: &str) -> Result<Outcome, String> {
    let plan = Plan { room: room.to_owned(), ..run.plan(people)? };
    measure(&plan, run.pid).map_err(|error| format!("{}: {error}", run.address))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "people are at most a million")]
fn climb(ceiling: &Ceiling) -> Result<(), String> {
    let run = &ceiling.run;
    if !(0.01..=1.0).contains(&ceiling.step) {
        return Err("--step is 0.01 to 1".to_owned());
    }
    if !run.json {
        tell(HEAD)?;
    }
    let mut people = run.people;
    while carries(run, people)? {
        people = (f64::from(people) * (1.0 + ceiling.step)).ceil() as u32;
    }
    Ok(())
}

/// Whether the server carries so many. What else a machine does may spoil one try, and hardly [`TRIES`] in a row.
fn carries(run: &Run, people: u32) -> Result<bool, String> {
    for no in 0..TRIES {
        let outcome = step(run, people, &format!("{}-{people}-{no}", run.room))?;
        tell(&show(run, &outcome)?)?;
        if outcome.share >= 0.999 && outcome.latency.p99 <= 50.0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How often a load is tried that a server did not carry.
const TRIES: u32 = 3;

fn rest(idle: &Idle) -> Result<(), String> {
    let Whom { address, pid, room } = &idle.whom;
    let plan = scenes::quiet_plan(*address, room, idle.rooms, idle.people, Duration::from_secs(idle.seconds));
    let found = scenes::idle(&plan, *pid).map_err(|error| format!("{address}: {error}"))?;
    tell_json(&found)
}

fn come(join: &Join) -> Result<(), String> {
    let Whom { address, pid, room } = &join.whom;
    let failed = |error: io::Error| format!("{address}: {error}");
    if join.back {
        let took = scenes::all_at_once(*address, room, join.people).map_err(failed)?;
        return tell_json(&serde_json::json!({"people": join.people, "all_in_sync": took.as_secs_f64() * 1000.0}));
    }
    tell_json(&scenes::join(*address, *pid, room, join.images, join.people).map_err(failed)?)
}

fn change(churn: &Churn) -> Result<(), String> {
    let Whom { address, pid, room } = &churn.whom;
    let legal = (0.01..=1000.0).contains(&churn.joins) && (0.1..=120.0).contains(&churn.minutes);
    if !legal {
        return Err("--joins is 0.01 to 1,000 a second, --minutes 0.1 to 120".to_owned());
    }
    let measured = Duration::from_secs_f64(churn.minutes * 60.0);
    let plan = Plan {
        kind: Kind::Cursor,
        rate: 5.0,
        ..scenes::quiet_plan(*address, room, churn.rooms, churn.people, measured)
    };
    let told = |passed: Duration, memory: u64| {
        // The result says it again.
        drop(tell(&format!("{:4} s {:6} KiB", passed.as_secs(), memory / 1024)));
    };
    tell_json(&scenes::churn(&plan, *pid, churn.joins, told).map_err(|error| format!("{address}: {error}"))?)
}

fn last(soak: &Soak) -> Result<(), String> {
    let Whom { address, pid, room } = &soak.whom;
    if !(0.01..=1000.0).contains(&soak.joins) || !(0.01..=1000.0).contains(&soak.rate) {
        return Err("--joins and --rate are 0.01 to 1,000 a second".to_owned());
    }
    let minutes = Duration::from_secs(60) * soak.minutes;
    // Everybody has an image to move.
    let plan = Plan {
        kind: Kind::Edit,
        rate: soak.rate,
        ..scenes::quiet_plan(*address, room, soak.rooms, soak.people, minutes)
    };
    let told = |minute: &soak::Minute| {
        // The result says it again.
        drop(tell(&minute.to_string()));
    };
    let rest = Duration::from_secs(soak.rest);
    let found = soak::soak(&plan, *pid, soak.joins, rest, told).map_err(|error| format!("{address}: {error}"))?;
    tell_json(&found)
}

fn tell_json(found: &impl serde::Serialize) -> Result<(), String> {
    tell(&serde_json::to_string_pretty(found).map_err(|error| error.to_string())?)
}

fn tell(line: &str) -> Result<(), String> {
    writeln!(io::stdout(), "{line}").map_err(|error| error.to_string())
}

const HEAD: &str = "rooms people rate/s | deliveries/s share |   p50   p90   p99  p999 ms | server µs/delivery cores  MiB | \
                    generator cores lag p99 ms";

fn show(run: &Run, outcome: &Outcome) -> Result<String, String> {
    if run.json {
        return serde_json::to_string(outcome).map_err(|error| error.to_string());
    }
    let Outcome { rooms, people, rate, share, latency, generator, .. } = outcome;
    let mut line = format!(
        "{rooms:5} {people:6} {rate:6.1} | {:12.0} {:4.1}% | {:5.1} {:5.1} {:5.1} {:5.1}    |",
        outcome.deliveries_per_second,
        share * 100.0,
        latency.p50,
        latency.p90,
        latency.p99,
        latency.p999,
    );
    match &outcome.server {
        Some(server) => {
            let mebibytes = server.memory / (1024 * 1024);
            line += &format!(" {:18.3} {:5.2} {mebibytes:4} |", server.micros_per_delivery, server.cores);
        }
        None => line += "                  -     -    - |",
    }
    line += &format!(" {:15.2} {:10.1}", generator.cores, generator.lag.p99);
    if let Some(acks) = &outcome.acks {
        let latency = &acks.latency;
        line += &format!(
            " | acks/s {:.0} ({:.1}%), p50 {:.1} p99 {:.1} ms",
            acks.per_second,
            acks.share * 100.0,
            latency.p50,
            latency.p99
        );
    }
    if outcome.closed > 0 {
        line += &format!(" | {} sockets closed by the server", outcome.closed);
    }
    Ok(line)
}
