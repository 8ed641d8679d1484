//! What `kanvas simulate` is told: a world, by its knobs or by a file.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use kanvas_core::Span;
use kanvas_core::sim::{Knobs, Recipe};
use serde::Deserialize;

use crate::words::{rate, share, time};

/// Where the lab is, for links.
const LAB: &str = "http://localhost:1999/lab/";
/// As far as JavaScript counts: the lab has the same seeds.
const LAST_SEED: u64 = (1 << 53) - 1;
/// A world at most.
const LONGEST: Duration = Duration::from_secs(3600);
/// One way over a link, at most.
const SLOWEST_LINK: Duration = Duration::from_secs(5);
const SLOWEST_STORE: Duration = Duration::from_secs(10);
/// A world that was saved as a file.
const WORLD: &str = "world";

/// What is to be simulated.
pub(super) struct Options {
    pub(super) recipe: Recipe,
    /// How long people work.
    pub(super) lasts: Span,
    /// When the server crashes, earliest first.
    pub(super) crashes: Vec<Span>,
    /// Whether the report is JSON.
    pub(super) json: bool,
    /// Where the world is written to.
    pub(super) out: Option<PathBuf>,
    /// Where the lab is.
    pub(super) lab: String,
}

/// The command, for the whole command line.
pub(crate) fn command() -> Command {
    let knob = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help).conflicts_with("file")
    };
    Command::new("simulate")
        .about("Run simulated people against the server's core on a bad day, and report: nothing leaves this process")
        .after_help(
            "When the time is over the faults stop, everyone comes back, and all is compared: what each sees, what is stored, \
             and that nothing acknowledged is missing. A world that breaks a rule is made small and written to a file.\n\
             Exit codes: 0 if every rule held, 1 if one did not, 2 if there was nothing to simulate.",
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath)
                .help("A world that was saved here or in the lab"),
        )
        .args([
            knob("clients", "COUNT", "How many people there are [default: 12]").value_parser(whole(1, Knobs::MOST_PEOPLE)),
            knob("rate", "COUNT", "How many moves each makes in a second [default: 20]").value_parser(whole(1, 60)),
            knob("images", "COUNT", "About how many images they keep on the canvas [default: 24]").value_parser(whole(0, 400)),
            knob("latency", "TIME", "One way over a link [default: 40ms]").value_parser(time(Duration::ZERO, SLOWEST_LINK)),
            knob("jitter", "TIME", "How much longer it may take [default: 20ms]").value_parser(time(Duration::ZERO, SLOWEST_LINK)),
            knob("storage", "TIME", "How long a store takes, at most [default: 5ms]").value_parser(time(Duration::ZERO, SLOWEST_STORE)),
            knob("cut", "SHARE", "How many of the connections break in a second, such as 5%").value_parser(share),
            knob("stall", "SHARE", "How many of the readers stop reading in a second, for a while").value_parser(share),
            knob("storage-fault", "SHARE", "How many stores and loads fail").value_parser(share),
            knob("crash", "RATE", "How often the server crashes, such as 2/min or 10/h").value_parser(rate),
            knob("jump", "RATE", "How often the clock jumps ahead, by up to 3 s").value_parser(rate),
            knob("crash-at", "TIME", "The server crashes then; may be given more than once")
                .value_parser(time(Duration::ZERO, LONGEST))
                .action(ArgAction::Append),
            knob("seed", "NUMBER", "The same seed and options give the same world [default: another each time]")
                .value_parser(whole(0, LAST_SEED)),
        ])
        .args([
            Arg::new("for").long("for").value_name("TIME").default_value("30s").value_parser(time(Duration::ZERO, LONGEST)).help("How long people work"),
            Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print the report as JSON"),
            Arg::new("out")
                .long("out")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath)
                .help("Write the world there, for the lab [default: kanvas-world-SEED.json if a rule did not hold]"),
            Arg::new("lab").long("lab").value_name("URL").default_value(LAB).help("Where the lab is, for the link"),
        ])
}

/// What the command line says, or why it says nothing.
pub(super) fn read(matches: &ArgMatches) -> Result<Options, String> {
    let (lasts, crashes) = (span(matches, "for").unwrap_or_default(), spans(matches, "crash-at"));
    if let Some(late) = crashes.iter().find(|at| **at >= lasts) {
        let (late, lasts) = (late.as_millis(), lasts.as_millis());
        return Err(format!(
            "--crash-at: {late} ms is not before the end of --for, which is {lasts} ms; make it earlier or the time longer"
        ));
    }
    Ok(Options {
        recipe: match matches.get_one::<PathBuf>("file") {
            Some(file) => from_file(file)?,
            None => told(matches)?,
        },
        lasts,
        crashes,
        json: matches.get_flag("json"),
        out: matches.get_one("out").cloned(),
        lab: matches.get_one::<String>("lab").cloned().unwrap_or_default(),
    })
}

fn told(matches: &ArgMatches) -> Result<Recipe, String> {
    let mut knobs = Knobs::default();
    let number = |name: &str| matches.get_one::<u64>(name).copied();
    let millis = |name: &str| span(matches, name).map(Span::as_millis);
    for (knob, told) in [
        (&mut knobs.people, number("clients")),
        (&mut knobs.rate, number("rate")),
        (&mut knobs.images, number("images")),
        (&mut knobs.latency, millis("latency")),
        (&mut knobs.jitter, millis("jitter")),
        (&mut knobs.storage, millis("storage")),
        (&mut knobs.weather.cut, number("cut")),
        (&mut knobs.weather.stall, number("stall")),
        (&mut knobs.weather.storage_fault, number("storage-fault")),
        (&mut knobs.weather.crash, number("crash")),
        (&mut knobs.weather.jump, number("jump")),
    ] {
        *knob = told.unwrap_or(*knob);
    }
    let seed = match number("seed") {
        Some(seed) => seed,
        None => getrandom::u32()
            .map_err(|error| format!("the system gives no seed ({error}); give one with --seed"))?
            .into(),
    };
    Ok(Recipe { seed, knobs, ..Recipe::default() })
}

/// A world as the lab saves it.
#[derive(Deserialize)]
struct Saved {
    kanvas: String,
    version: u64,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

fn from_file(file: &PathBuf) -> Result<Recipe, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("{name} cannot be read ({})", crate::start::reason(&error)))?;
    let saved = serde_json::from_str::<Saved>(&text).ok().filter(|saved| saved.kanvas == WORLD);
    let saved =
        saved.ok_or_else(|| format!("{name} is no world; save one in the lab, or with kanvas simulate --out"))?;
    if saved.version != 1 {
        return Err(format!("{name} was written by a newer Kanvas, whose worlds are written differently"));
    }
    serde_json::from_value(saved.rest.into())
        .map_err(|error| format!("{name} is a world that cannot be simulated: {error}"))
}

/// A world as the lab opens it.
pub(super) fn to_file(recipe: &Recipe) -> String {
    let mut saved = serde_json::json!({ "kanvas": WORLD, "version": 1 });
    if let (Some(saved), Ok(serde_json::Value::Object(recipe))) = (saved.as_object_mut(), serde_json::to_value(recipe))
    {
        saved.extend(recipe);
    }
    format!("{saved:#}\n")
}

fn span(matches: &ArgMatches, name: &str) -> Option<Span> {
    matches.get_one::<Span>(name).copied()
}

fn spans(matches: &ArgMatches, name: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = matches.get_many::<Span>(name).into_iter().flatten().copied().collect();
    spans.sort_unstable();
    spans
}

fn whole(least: u64, most: u64) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| format!("a whole number from {least} to {most} is expected"))
    }
}
