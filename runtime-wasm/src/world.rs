//! The simulated world for JavaScript: rare calls and small texts, so all of it is JSON.

use kanvas_core::Time;
use kanvas_core::sim::{Knobs, Lab, Line, Recipe, Shrink, rule_of};
use serde_json::json;
use wasm_bindgen::prelude::*;

use crate::machine::{millis, text, time};

/// A world of simulated people around one room: it can be steered while it runs, and be taken back to any moment.
///
/// The JSON that it takes and gives is that of `core/src/sim`: `Recipe`, `Turn`, `View`, `Line`.
#[wasm_bindgen]
pub struct World {
    lab: Lab,
    shrink: Option<Shrink>,
}

#[wasm_bindgen]
impl World {
    /// The beginning of a world.
    ///
    /// Throws where `recipe` is no recipe.
    #[wasm_bindgen(constructor)]
    pub fn new(recipe: &str) -> Result<World, JsError> {
        let recipe: Recipe = read(recipe, "a recipe")?;
        Ok(World { lab: Lab::new(recipe), shrink: None })
    }

    /// What made this world what it is by now.
    pub fn recipe(&self) -> String {
        text(&self.lab.recipe())
    }

    /// Does something to the world. What lay ahead of this moment is gone.
    ///
    /// Throws where `turn` is no turn.
    pub fn turn(&mut self, turn: &str) -> Result<(), JsError> {
        self.lab.turn(read(turn, "a turn")?);
        Ok(())
    }

    /// Its clock, as `Date.now()` has it.
    pub fn now(&self) -> f64 {
        millis(self.lab.world().now())
    }

    /// How many things have happened.
    pub fn steps(&self) -> f64 {
        self.lab.world().steps() as f64
    }

    /// Whether nothing happens any more: it is done, or a rule does not hold.
    pub fn over(&self) -> bool {
        self.lab.is_over()
    }

    /// Lets it go on until this time, for at most so many steps. Whether it came there, or as far as it goes.
    pub fn run(&mut self, until: f64, steps: u32) -> bool {
        self.lab.run_until(time(until), steps.into())
    }

    /// Lets one thing happen.
    pub fn step(&mut self) -> bool {
        self.lab.step()
    }

    /// Goes to the moment after this many steps, back or ahead.
    #[wasm_bindgen(js_name = goToStep)]
    pub fn go_to_step(&mut self, step: f64) {
        self.lab.go_to(time(step).as_millis());
    }

    /// Goes back to a moment at this time or before it, from where `run` goes on.
    #[wasm_bindgen(js_name = goBackTo)]
    pub fn go_back_to(&mut self, at: f64) {
        self.lab.go_back_to(time(at));
    }

    /// Goes to the next moment at which something breaks, at most so many ms ahead. Whether there was one.
    #[wasm_bindgen(js_name = goToFault)]
    pub fn go_to_fault(&mut self, most: u32) -> bool {
        self.lab.go_to_fault(kanvas_core::Span::from_millis(most.into()))
    }

    /// What there is to see, with the screens of these people: a `View`.
    pub fn view(&mut self, screens: &[u32]) -> String {
        let screens: Vec<usize> = screens.iter().filter_map(|no| usize::try_from(*no).ok()).collect();
        text(&self.lab.view(&screens))
    }

    /// What someone sees otherwise than storage has it: `[[id, seen, stored], …]`.
    pub fn differences(&mut self, who: u32) -> String {
        text(&self.lab.differences(usize::try_from(who).unwrap_or(usize::MAX)))
    }

    /// What happened last, oldest first: at most so many `Line`s of these kinds, such as `input,fault`.
    pub fn lines(&self, kinds: &str, most: u32) -> String {
        text(&latest(self.lab.lines(), kinds, most))
    }

    /// The furthest that it has come: `[steps, time]`.
    pub fn reached(&self) -> String {
        text(&self.lab.reached())
    }

    /// The moments at which something broke: `[[steps, time], …]`.
    pub fn faults(&self) -> String {
        text(&self.lab.faults().collect::<Vec<(u64, Time)>>())
    }

    /// The rule that does not hold: `{rule, why}`, or `null`.
    pub fn failure(&self) -> String {
        text(&self.lab.failed().map(|failed| json!({ "rule": rule_of(&failed.why), "why": failed.why })))
    }

    /// Begins to make this world small, which fails at this moment.
    ///
    /// Throws where it does not.
    #[wasm_bindgen(js_name = beginShrinking)]
    pub fn begin_shrinking(&mut self) -> Result<(), JsError> {
        self.shrink = Some(self.lab.shrink().map_err(JsError::new)?);
        Ok(())
    }

    /// Tries one smaller world. `false` once there is no smaller one to try.
    pub fn shrink(&mut self) -> bool {
        self.shrink.as_mut().is_some_and(Shrink::step)
    }

    /// The smallest world so far: `{recipe, rule, why, lasts, tried}`.
    pub fn shrunk(&self) -> String {
        text(&self.shrink.as_ref().map(|shrink| {
            let why = &shrink.failed().why;
            json!({ "recipe": shrink.recipe(), "rule": rule_of(why), "why": why, "lasts": shrink.lasts(), "tried": shrink.tried() })
        }))
    }
}

/// What a world is like where nobody says otherwise, as JSON.
#[wasm_bindgen]
pub fn defaults() -> String {
    text(&Knobs::default())
}

/// The names of the mistakes that can be made in the room on purpose, as JSON.
#[wasm_bindgen]
pub fn mistakes() -> String {
    text(&kanvas_core::Bug::ALL)
}

/// The last of some lines that are of these kinds.
pub(crate) fn latest<'a>(lines: impl DoubleEndedIterator<Item = &'a Line>, kinds: &str, most: u32) -> Vec<&'a Line> {
    let wanted = lines.rev().filter(|line| kinds.split(',').any(|kind| kind == line.kind.as_str()));
    let mut latest: Vec<&Line> = wanted.take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
    latest.reverse();
    latest
}

fn read<T: serde::de::DeserializeOwned>(json: &str, what: &str) -> Result<T, JsError> {
    serde_json::from_str(json).map_err(|error| JsError::new(&format!("this is not {what}: {error}")))
}
