//! Makes a failing world small: fewer people, less that they do, less that goes wrong, for as long as the same rule
//! breaks.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::lab::{Recipe, Turn};
use super::plan::Failed;
use crate::time::Span;

/// A world that fails, as small as it is by now.
pub struct Shrink {
    recipe: Recipe,
    failed: Failed,
    /// The rule that breaks.
    rule: String,
    /// How long it takes to break.
    lasts: Span,
    work: Work,
    tried: u64,
}

/// What is tried next.
enum Work {
    /// So many people.
    People(u64),
    /// Without these turns: how many of them at once, from where on.
    Turns {
        size: usize,
        at: usize,
    },
    /// Without what these do: how many of the cells at once, from where on.
    Cells {
        cells: Vec<(u64, u64)>,
        size: usize,
        at: usize,
    },
    Done,
}

/// The rule that a sentence about a failure names, or the whole sentence.
pub fn rule_of(why: &str) -> &str {
    let Some(start) = why.find("SIM") else { return why };
    let digits = why[start + 3..].bytes().take_while(u8::is_ascii_digit).count();
    why.get(start..start + 3 + digits).unwrap_or(why)
}

impl Shrink {
    /// Of a world that fails within this time.
    ///
    /// # Errors
    /// It does not.
    pub fn new(recipe: Recipe, within: Span) -> Result<Shrink, &'static str> {
        let (failed, lasts) = recipe.run(within).ok_or("this world does not fail")?;
        let rule = rule_of(&failed.why).to_string();
        Ok(Shrink { recipe, failed, rule, lasts, work: Work::People(1), tried: 1 })
    }

    /// The smallest so far.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// How it fails.
    pub fn failed(&self) -> &Failed {
        &self.failed
    }

    /// How long it takes to fail.
    pub fn lasts(&self) -> Span {
        self.lasts
    }

    /// How many worlds were run for it.
    pub fn tried(&self) -> u64 {
        self.tried
    }

    /// Tries one smaller world. `false` once there is no smaller one to try.
    pub fn step(&mut self) -> bool {
        match core::mem::replace(&mut self.work, Work::Done) {
            Work::People(people) if people >= self.recipe.knobs.people => {
                self.work = Work::Turns { size: self.recipe.turns.len(), at: 0 };
            }
            Work::People(people) => {
                let mut fewer = self.recipe.clone();
                fewer.knobs.people = people;
                fewer.turns.retain(|(_, turn)| !matches!(turn, Turn::Knobs(_)));
                self.work = match self.attempt(fewer) {
                    true => Work::Turns { size: self.recipe.turns.len(), at: 0 },
                    false => Work::People(people + 1),
                };
            }
            Work::Turns { size: 0, .. } => self.work = self.all_cells(),
            Work::Turns { size, at } if at >= self.recipe.turns.len() => {
                self.work = Work::Turns { size: size / 2, at: 0 };
            }
            Work::Turns { size, at } => {
                let mut fewer = self.recipe.clone();
                let end = (at + size).min(fewer.turns.len());
                fewer.turns.drain(at..end);
                let at = if self.attempt(fewer) { at } else { at + size };
                self.work = Work::Turns { size, at };
            }
            Work::Cells { size: 0, .. } => return false,
            Work::Cells { cells, size, at } if at >= cells.len() => {
                self.work = Work::Cells { cells, size: size / 2, at: 0 };
            }
            Work::Cells { mut cells, size, at } => {
                let end = (at + size).min(cells.len());
                let mut quieter = self.recipe.clone();
                quieter.mute.extend(&cells[at..end]);
                if self.attempt(quieter) {
                    cells.drain(at..end);
                    self.work = Work::Cells { cells, size, at };
                } else {
                    self.work = Work::Cells { cells, size, at: end };
                }
            }
            Work::Done => return false,
        }
        true
    }

    /// Every second of everyone, and of what goes wrong, that is not mute yet.
    fn all_cells(&self) -> Work {
        let seconds = 0..=self.lasts.as_millis() / 1000;
        let rows = (0..self.recipe.knobs.people).chain([Recipe::WEATHER]);
        let cells: BTreeSet<(u64, u64)> =
            rows.flat_map(|who| seconds.clone().map(move |second| (who, second))).collect();
        let cells: Vec<(u64, u64)> = cells.difference(&self.recipe.mute).copied().collect();
        Work::Cells { size: cells.len().div_ceil(2), cells, at: 0 }
    }

    /// Whether a smaller world breaks the same rule, no later than a little after the one before.
    fn attempt(&mut self, recipe: Recipe) -> bool {
        self.tried += 1;
        let Some((failed, lasts)) = recipe.run(self.lasts + Span::from_secs(10)) else { return false };
        if rule_of(&failed.why) != self.rule {
            return false;
        }
        (self.recipe, self.failed, self.lasts) = (recipe, failed, lasts);
        true
    }
}
