//! `kanvas replay`: plays a recording, checks it at every input, and shows one of its moments.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use kanvas_core::recording::{Departure, Ended, Player, Recording, Told, op_in_words};
use kanvas_core::{Marks, Span};
use serde::Serialize;

use crate::start::reason;
use crate::words::{Checked, grouped, seconds, time};

/// Longer than any recording.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A moment of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Right after this input, from 1; 0 is the beginning.
    Input(usize),
    /// So long after the beginning.
    Time(Span),
}

/// The command, for the whole command line.
pub(crate) fn command() -> Command {
    Command::new("replay")
        .about("Play a recording of a room: check that the room says the same bytes to every input, and show a moment of it")
        .after_help(
            "Exit codes: 0 if the room said the same to every input, 1 if it did not, 2 if the recording cannot be played.",
        )
        .args([
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath)
                .help("The recording, as kanvas record writes it"),
            Arg::new("at")
                .long("at")
                .value_name("INPUT|TIME")
                .value_parser(at)
                .help("The moment to show: after so many inputs, or so long after the beginning, such as 17 or 12.5s [default: the end]"),
            Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print the report as JSON"),
        ])
}

fn at(text: &str) -> Result<At, String> {
    if let Ok(input) = text.parse() {
        return Ok(At::Input(input));
    }
    let span = time(Duration::ZERO, LONGEST)(text);
    span.map(At::Time).map_err(|_| "the number of an input or a time is expected, such as 17 or 12.5s".into())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    room: &'a str,
    version: &'a str,
    /// ms since the Unix epoch
    begun: u64,
    /// ms
    lasts: u64,
    redacted: bool,
    ended: Option<Ended>,
    inputs: usize,
    /// Inputs by kind.
    kinds: BTreeMap<&'static str, u64>,
    /// Where the room first differs from the recorded one.
    differs: Option<Differs>,
    /// The input to which the server itself did not say the same again.
    differed: Option<u64>,
    moment: Moment,
}

#[derive(Clone, Copy, Serialize)]
struct Differs {
    /// From 1.
    input: usize,
    /// ms after the beginning
    at: u64,
    /// It said the same, and is another room.
    silent: bool,
}

/// The room right after an input.
#[derive(Serialize)]
struct Moment {
    input: usize,
    /// ms after the beginning
    at: u64,
    heard: Option<Heard>,
    said: Vec<String>,
    durable: u64,
    sent: u64,
    head: u64,
    people: u32,
    images: u32,
}

#[derive(Serialize)]
struct Heard {
    kind: &'static str,
    slot: Option<u32>,
    text: String,
}

/// Plays a recording.
///
/// # Errors
/// A sentence that says why it cannot be played.
pub(crate) fn run(matches: &ArgMatches) -> Result<Checked, String> {
    let file = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let name = file.display();
    let bytes = std::fs::read(&file).map_err(|error| format!("{name} cannot be read ({})", reason(&error)))?;
    let unplayable = |why| format!("{name}: {why}");
    let recording = Recording::read(bytes).map_err(unplayable)?;
    let input = reach(&recording, matches.get_one("at").copied())?;
    let mut player = Player::new(recording).map_err(unplayable)?;
    let mut kinds = BTreeMap::new();
    while player.step(|_, input, _| *kinds.entry(Told::of(input).kind).or_default() += 1) {}
    let differs = player.departed().map(|Departure { input, silent }| Differs {
        input: input + 1,
        at: since(&player, input),
        silent,
    });
    let moment = show(&mut player, input);
    let recording = player.recording();
    let header = recording.header();
    let report = Report {
        room: header.room.as_str(),
        version: &header.version,
        begun: header.begun.as_millis(),
        lasts: recording.until().since(header.begun).as_millis(),
        redacted: header.redacted,
        ended: recording.ended(),
        inputs: recording.len(),
        kinds,
        differs,
        differed: header.departed.map(|input| input + 1),
        moment,
    };
    let good = differs.is_none() && header.departed.is_none();
    Ok(Checked { report: if matches.get_flag("json") { report.json() } else { report.text() }, good })
}

/// After how many inputs that moment is.
fn reach(recording: &Recording, at: Option<At>) -> Result<usize, String> {
    let all = recording.len();
    match at {
        None => Ok(all),
        Some(At::Input(input)) if input <= all => Ok(input),
        Some(At::Input(_)) => {
            Err(format!("--at: the recording has {} inputs; choose one of them", grouped(all as u64)))
        }
        Some(At::Time(span)) => {
            let until = recording.header().begun + span;
            Ok((0..all).take_while(|no| recording.time(*no).is_some_and(|time| time <= until)).count())
        }
    }
}

/// When an input came after the beginning, in ms.
fn since(player: &Player, input: usize) -> u64 {
    let recording = player.recording();
    recording.time(input).unwrap_or(recording.header().begun).since(recording.header().begun).as_millis()
}

/// The room after so many inputs, and what the last of them did.
fn show(player: &mut Player, input: usize) -> Moment {
    let (mut heard, mut said) = (None, Vec::new());
    let before = input.saturating_sub(1);
    player.rewind(before);
    while player.at() < before && player.step(|_, _, _| {}) {}
    if input > 0 {
        player.step(|_, input, out| {
            let Told { kind, slot, text } = Told::of(input);
            heard = Some(Heard { kind, slot, text });
            said = out.ops().map(|op| op_in_words(&op)).collect();
        });
    }
    let Marks { durable, sent, head } = player.room().marks();
    let summary = player.room().summary();
    Moment {
        input,
        at: input.checked_sub(1).map_or(0, |last| since(player, last)),
        heard,
        said,
        durable: durable.0,
        sent: sent.0,
        head: head.0,
        people: summary.as_ref().map_or(0, |room| room.user_count),
        images: summary.as_ref().map_or(0, |room| room.image_count),
    }
}

impl Report<'_> {
    fn json(&self) -> String {
        // It has no key that is no text, and no number that JSON has not.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let begun = SystemTime::UNIX_EPOCH + Duration::from_millis(self.begun);
        let _ = writeln!(
            text,
            "Room {}, recorded by Kanvas {} from {} on, for {}; {}.{}\n",
            self.room,
            self.version,
            humantime::format_rfc3339_seconds(begun),
            seconds(self.lasts),
            ended(self.ended),
            if self.redacted { " What people said and are called is rewritten." } else { "" },
        );
        for (kind, count) in &self.kinds {
            let _ = writeln!(text, "{:<36}{:>12}", format!("inputs: {kind}"), grouped(*count));
        }
        let _ = writeln!(text, "{:<36}{:>12}\n", "inputs", grouped(self.inputs as u64));
        self.moment.tell(&mut text, self.inputs);
        let build = env!("CARGO_PKG_VERSION");
        let _ = match (self.differs, self.differed) {
            (Some(Differs { input, at, silent }), _) => {
                let how = if silent { "says the same and is another room" } else { "says something else" };
                let at = seconds(at);
                writeln!(
                    text,
                    "Not the same: Kanvas {build} {how} from input {input} on ({at}); see it with --at {input}."
                )
            }
            (None, Some(input)) => {
                writeln!(
                    text,
                    "The server that recorded it did not say the same again to input {input}: please report it."
                )
            }
            (None, None) => writeln!(text, "The same: Kanvas {build} says the same bytes to every input."),
        };
        text
    }
}

impl Moment {
    fn tell(&self, text: &mut String, inputs: usize) {
        let (input, at) = (grouped(self.input as u64), seconds(self.at));
        let _ = writeln!(text, "After input {input} of {}, at {at}:", grouped(inputs as u64));
        if let Some(Heard { kind, slot, text: words }) = &self.heard {
            let whose = slot.map(|slot| format!(" of socket {slot}")).unwrap_or_default();
            let _ = writeln!(text, "  heard  {}", format!("{kind}{whose} {words}").trim_end());
        }
        for line in &self.said {
            let _ = writeln!(text, "  said   {line}");
        }
        let Moment { durable, sent, head, people, images, .. } = self;
        let _ = writeln!(
            text,
            "  is     durable {durable} ≤ sent {sent} ≤ head {head}, {people} people, {images} images\n"
        );
    }
}

fn ended(why: Option<Ended>) -> &'static str {
    match why {
        Some(Ended::Stopped) => "it was ended then",
        Some(Ended::Time) => "its time was over then",
        Some(Ended::Full) => "it had as many bytes then as it may have",
        Some(Ended::Room) => "the room was gone then",
        None => "it is cut off there",
    }
}
