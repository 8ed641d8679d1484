//! A simulated world around one room: clients, links, a disk and a host, all driven by one seed. The same seed gives
//! the same world, byte for byte, so a number is a bug report.
//!
//! [`World::run`] lets people work on a canvas while links break, readers stall, stores fail, the server crashes,
//! drains, is swapped for a saved copy or forgets everything; then the faults stop, and everyone must see the same.
//! What must hold is checked as it happens: see `SIM1` and the following rules in `SPEC.md`.
//!
//! ```
//! use kanvas_core::sim::{Plan, World};
//! let report = World::new(7, Plan::stormy()).run().expect("every rule holds");
//! assert!(report.edits > 0);
//! ```

mod answers;
mod client;
mod dice;
mod disk;
mod fairness;
mod faults;
#[cfg(feature = "testing")]
pub mod fuzz;
mod hearing;
mod host;
mod lab;
mod line;
mod links;
mod painter;
mod plan;
mod replay;
mod replica;
mod rewrites;
mod rights;
mod shrink;
mod tape;
mod verdict;
mod view;
mod weather;
#[cfg(feature = "testing")]
pub mod wire;
mod world;

pub use lab::{Knobs, Lab, Recipe, Turn};
pub use line::{Kind, Line};
pub use plan::{Failed, Plan, Report};
pub use replay::{Facts, Replay};
pub use shrink::{Shrink, rule_of};
pub use tape::Life;
pub use view::View;
pub use weather::Weather;
pub use world::{Phase, World};
