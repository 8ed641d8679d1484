//! A recording for JavaScript: looked at as a world is, but that nothing can be done to it.

use kanvas_core::recording::Recording;
use kanvas_core::sim;
use wasm_bindgen::prelude::*;

use crate::machine::{millis, text, time};
use crate::world::latest;

/// A recording of a room, as `kanvas record` writes it, at one of its moments.
///
/// The JSON that it gives is that of `core/src/sim`: `View`, `Line`, `Facts`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Replay {
    replay: sim::Replay,
}

#[wasm_bindgen]
impl Replay {
    /// The beginning of a recording.
    ///
    /// Throws where these bytes are none that can be played, and says why.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Vec<u8>) -> Result<Replay, JsError> {
        let replay = Recording::read(bytes).and_then(sim::Replay::new);
        replay.map(|replay| Replay { replay }).map_err(|why| JsError::new(&why.to_string()))
    }

    /// What it says of itself, and what was found of it so far: `Facts`.
    pub fn facts(&self) -> String {
        text(&self.replay.facts())
    }

    /// Plays so many inputs more and compares what the room says. `false` once none is left.
    pub fn check(&mut self, inputs: u32) -> bool {
        self.replay.check(count(inputs.into()))
    }

    /// Its clock, as `Date.now()` has it.
    pub fn now(&self) -> f64 {
        millis(self.replay.now())
    }

    /// How many inputs the room has had.
    pub fn steps(&self) -> f64 {
        self.replay.steps() as f64
    }

    /// Whether nothing is left.
    pub fn over(&self) -> bool {
        self.replay.is_over()
    }

    /// Lets time go on until then, for at most so many inputs. Whether it came there, or to the end.
    pub fn run(&mut self, until: f64, inputs: u32) -> bool {
        self.replay.run_until(time(until), count(inputs.into()))
    }

    /// Gives the room one input more. `false` if none is left.
    pub fn step(&mut self) -> bool {
        self.replay.step()
    }

    /// Goes to the moment after so many inputs, back or ahead.
    #[wasm_bindgen(js_name = goToStep)]
    pub fn go_to_step(&mut self, step: f64) {
        self.replay.go_to(count(time(step).as_millis()));
    }

    /// Goes back to this time.
    #[wasm_bindgen(js_name = goBackTo)]
    pub fn go_back_to(&mut self, at: f64) {
        self.replay.go_back_to(time(at));
    }

    /// Goes to the next moment at which something breaks. Whether there is one.
    #[wasm_bindgen(js_name = goToFault)]
    pub fn go_to_fault(&mut self) -> bool {
        self.replay.go_to_fault()
    }

    /// What there is to see: a `View` with one screen, the canvas as the room has it.
    pub fn view(&self) -> String {
        text(&self.replay.view())
    }

    /// What happened last, oldest first: at most so many `Line`s of these kinds, such as `input,fault`.
    pub fn lines(&self, kinds: &str, most: u32) -> String {
        text(&latest(self.replay.lines(), kinds, most))
    }

    /// The furthest that it was played: `[inputs, time]`.
    pub fn reached(&self) -> String {
        text(&self.replay.reached())
    }

    /// The moments at which something broke: `[[inputs, time], …]`.
    pub fn faults(&self) -> String {
        text(&self.replay.faults().collect::<Vec<_>>())
    }
}

/// A count that is more than there can be is all there is.
fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
