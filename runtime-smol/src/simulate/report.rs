//! What is said of a simulated world.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use kanvas_core::Span;
use kanvas_core::sim::{Knobs, Lab, Recipe, Shrink, Turn, rule_of};
use serde::Serialize;
use serde_json::{Value, json};

use crate::words::{grouped, seconds};

/// Longer addresses are cut by what they are pasted into.
const LONGEST_LINK: usize = 6000;

/// What is told of the counts: their sums, with words, in this order.
const COUNTS: [(&[&str], &str); 12] = [
    (&["edits"], "edits made"),
    (&["acked"], "edits acknowledged"),
    (&["repeated"], "edits sent again"),
    (&["delivered"], "messages delivered"),
    (&["cuts", "left"], "connections cut"),
    (&["pressed"], "readers that fell behind"),
    (&["crashes"], "crashes of the server"),
    (&["stores lost"], "stores that failed or were lost"),
    (&["jumps"], "jumps of the clock"),
    (&["resumed"], "sessions taken back"),
    (&["deltas"], "joins that brought what was missed"),
    (&["fulls"], "joins that brought everything"),
];

/// See the module.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    seed: u64,
    people: u64,
    /// ms
    lasts: u64,
    /// How long after the last fault everyone was back and saw what is stored, ms.
    back: Option<u64>,
    counts: Value,
    /// Events in storage.
    events: u64,
    images: u64,
    pub(super) broken: Option<Broken>,
    pub(super) file: Option<String>,
    pub(super) link: Option<String>,
}

/// A rule that did not hold, and the smallest world in which it does not.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Broken {
    rule: String,
    why: String,
    people: u64,
    /// ms
    lasts: u64,
    /// Worlds that were run to find it.
    tried: u64,
}

impl Broken {
    pub(super) fn of(shrink: &Shrink) -> Broken {
        let why = &shrink.failed().why;
        Broken {
            rule: rule_of(why).to_owned(),
            why: why.clone(),
            people: shrink.recipe().knobs.people,
            lasts: shrink.lasts().as_millis(),
            tried: shrink.tried(),
        }
    }
}

impl Report {
    pub(super) fn of(lab: &mut Lab, lasts: Span, back: Option<Span>) -> Report {
        let Recipe { seed, knobs, .. } = lab.recipe();
        let view = serde_json::to_value(lab.view(&[])).unwrap_or_default();
        let number = |name: &str| view["room"][name].as_u64().unwrap_or(0);
        Report {
            seed,
            people: knobs.people,
            lasts: lasts.as_millis(),
            back: back.map(Span::as_millis),
            counts: view["counts"].clone(),
            events: number("durable"),
            images: number("images"),
            broken: None,
            file: None,
            link: None,
        }
    }

    pub(super) fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self)
            .unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string());
        format!("{text}\n")
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let Report { seed, people, lasts, .. } = self;
        let _ = writeln!(text, "Seed {seed}: {} for {}, then everyone came back.\n", count(*people), seconds(*lasts));
        for (names, words) in COUNTS {
            let sum = names.iter().filter_map(|name| self.counts[*name].as_u64()).sum();
            let _ = writeln!(text, "{words:<36}{:>12}", grouped(sum));
        }
        let _ = writeln!(text, "{:<36}{:>12}", "events stored", grouped(self.events));
        let _ = writeln!(text, "{:<36}{:>12}\n", "images on the canvas", grouped(self.images));
        match (&self.broken, self.back) {
            (Some(Broken { rule, why, people, lasts, tried }), _) => {
                let _ = writeln!(text, "{rule} does not hold: {why}\n");
                let small = format!("{} for {}", count(*people), seconds(*lasts));
                let _ = writeln!(text, "The smallest world found that breaks it, of {tried} tried: {small}.");
            }
            (None, Some(back)) => {
                let back = format!("{} after the last fault everyone was back and saw what is stored", seconds(back));
                let _ = writeln!(text, "Every rule held: {back}; nothing acknowledged was lost.");
            }
            (None, None) => {
                let _ =
                    writeln!(text, "Every rule held: everyone saw what is stored, and nothing acknowledged was lost.");
            }
        }
        if let Some(file) = &self.file {
            let _ =
                writeln!(text, "The world is in {file}: kanvas simulate {file} runs it again, and the lab opens it.");
        }
        match &self.link {
            Some(link) => {
                let _ = writeln!(text, "See it in the lab, while a server runs: {link}");
            }
            None if self.file.is_none() => {
                let _ = writeln!(text, "It is too large for a link; --out FILE writes it for the lab.");
            }
            None => {}
        }
        text
    }
}

/// Whether everyone is here and sees what is stored.
pub(super) fn agree(lab: &mut Lab) -> bool {
    let view = serde_json::to_value(lab.view(&[])).unwrap_or_default();
    let people = view["people"].as_array().map(Vec::as_slice).unwrap_or_default();
    people.iter().all(|one| one["state"] == "in" && one["behind"] == 0 && one["differs"] == 0 && one["pending"] == 0)
}

/// How large a world is, in a sentence.
pub(super) fn size(recipe: &Recipe) -> String {
    let (turns, mute) = (recipe.turns.len(), recipe.mute.len());
    format!("{}, {turns} turns, {mute} seconds of somebody left out.", count(recipe.knobs.people))
}

/// The lab's address of this world. The faults' end is not in it: there one decides oneself when they end.
pub(super) fn link(place: &str, recipe: &Recipe) -> Option<String> {
    let mut recipe = recipe.clone();
    recipe.turns.retain(|(_, turn)| *turn != Turn::Calm);
    let query = if recipe.turns.is_empty() && recipe.mute.is_empty() {
        plain(&recipe)
    } else {
        let json = serde_json::to_vec(&recipe).unwrap_or_default();
        format!("world={}", BASE64_URL_SAFE_NO_PAD.encode(json))
    };
    (query.len() <= LONGEST_LINK).then(|| format!("{place}?{query}"))
}

/// The knobs that are not as by default, under the names that the lab's address has for them.
fn plain(recipe: &Recipe) -> String {
    let (told, usual) = (&recipe.knobs, Knobs::default());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("seed", &recipe.seed.to_string());
    for (name, told, usual) in [
        ("people", told.people, usual.people),
        ("rate", told.rate, usual.rate),
        ("images", told.images, usual.images),
        ("latency", told.latency, usual.latency),
        ("jitter", told.jitter, usual.jitter),
        ("storage", told.storage, usual.storage),
        ("cut", told.weather.cut, usual.weather.cut),
        ("stall", told.weather.stall, usual.weather.stall),
        ("crash", told.weather.crash, usual.weather.crash),
        ("storageFault", told.weather.storage_fault, usual.weather.storage_fault),
        ("jump", told.weather.jump, usual.weather.jump),
    ] {
        if told != usual {
            query.append_pair(name, &told.to_string());
        }
    }
    query.finish()
}

fn count(people: u64) -> String {
    if people == 1 { "1 person".to_owned() } else { format!("{people} people") }
}
