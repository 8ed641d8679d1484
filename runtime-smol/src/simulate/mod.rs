//! `kanvas simulate`: the simulated world of the lab without a browser. It runs a world to its end, says what came of it,
//! and makes one small that breaks a rule. It owns the report; the world is `kanvas_core::sim`'s.

mod options;
mod report;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use kanvas_core::sim::{Lab, Phase, Recipe, Shrink, Turn};
use kanvas_core::{Span, Time};

use crate::words::Checked;
use options::Options;
pub(crate) use options::command;
use report::{Broken, Report};

/// How often it is looked whether everyone is back.
const LOOK: Span = Span::from_millis(100);

/// Simulates what the command line says.
///
/// # Errors
/// A sentence that says why nothing was simulated, or what could not be written.
pub(crate) fn run(matches: &ArgMatches) -> Result<Checked, String> {
    let Options { recipe, lasts, crashes, json, out, lab: place } = options::read(matches)?;
    let mut lab = Lab::unwatched(recipe);
    let back = live(&mut lab, lasts, &crashes);
    let mut report = Report::of(&mut lab, lasts, back);
    let mut recipe = lab.recipe();
    let mut file = out;
    if lab.failed().is_some() {
        let shrink = shrink(&lab)?;
        recipe = shrink.recipe().clone();
        report.broken = Some(Broken::of(&shrink));
        file = file.or_else(|| Some(PathBuf::from(format!("kanvas-world-{}.json", recipe.seed))));
    }
    if let Some(file) = &file {
        write(file, &recipe)?;
        report.file = Some(file.display().to_string());
    }
    report.link = report::link(&place, &recipe);
    let good = report.broken.is_none();
    Ok(Checked { report: if json { report.json() } else { report.text() }, good })
}

/// Lets people work, then everyone come back and be compared. How long after the faults everyone was back, all the same;
/// `None` if they never were.
fn live(lab: &mut Lab, lasts: Span, crashes: &[Span]) -> Option<Span> {
    let begin = lab.world().now();
    for at in crashes {
        until(lab, begin + *at);
        lab.turn(Turn::Crash);
    }
    until(lab, begin + lasts);
    let calm = lab.world().now();
    if lab.world().phase() == Phase::Working {
        lab.turn(Turn::Calm);
    }
    let mut back = None;
    while !lab.is_over() {
        let next = lab.world().now() + LOOK;
        until(lab, next);
        if back.is_none() && report::agree(lab) {
            back = Some(lab.world().now().since(calm));
        }
    }
    back
}

fn until(lab: &mut Lab, time: Time) {
    while !lab.run_until(time, u64::MAX) {}
}

/// As small a world as breaks the same rule, telling how it goes.
fn shrink(lab: &Lab) -> Result<Shrink, String> {
    let mut shrink = lab.shrink().map_err(str::to_owned)?;
    let mut told = shrink.recipe().clone();
    tell(&format!("{} A smaller world that breaks the same rule is looked for.", report::size(&told)));
    while shrink.step() {
        if *shrink.recipe() != told {
            told = shrink.recipe().clone();
            tell(&format!("{} It breaks, too.", report::size(&told)));
        }
    }
    Ok(shrink)
}

fn write(file: &Path, recipe: &Recipe) -> Result<(), String> {
    let written = std::fs::write(file, options::to_file(recipe));
    written.map_err(|error| format!("{} cannot be written ({})", file.display(), crate::start::reason(&error)))
}

/// How it goes, for whoever waits; nothing is lost if nobody reads it.
fn tell(line: &str) {
    drop(writeln!(io::stderr(), "kanvas: {line}"));
}
