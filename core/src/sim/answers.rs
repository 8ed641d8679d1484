//! The disk's answers: when a load or a store is made, and how it fails.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::disk::Written;
use super::host::Asked;
use super::line::Kind;
use super::world::{Event, World};
use crate::id::EffectId;
use crate::input::{Done, Failure, Input};
use crate::room::Fault;

impl World {
    pub(super) fn answer(&mut self, asked: Asked) -> Result<(), String> {
        if !self.is_quiet() && (self.chance(self.plan.storage_fault) || self.fails_by_weather()) {
            return self.fail(asked);
        }
        let asked = match asked {
            Asked::Store { effect, .. } if self.now < self.full_until => {
                self.report.full += 1;
                return self.input(Input::Done { effect, result: Done::Failed(Failure::Full) });
            }
            Asked::Store { .. } | Asked::Load(_) => asked,
        };
        match asked {
            Asked::Load(effect) => self.load(effect),
            Asked::Store { effect, upto, owner, writes } => {
                let written = self.host.disk.write(owner, &writes)?;
                let result = match written {
                    Written::All => Done::Stored { upto },
                    Written::Fenced => {
                        self.report.fenced += 1;
                        Done::Failed(Failure::Fenced)
                    }
                };
                self.input(Input::Done { effect, result })
            }
        }
    }

    /// Nothing is written for want of space or time; of what breaks nobody knows whether it was written.
    fn fail(&mut self, asked: Asked) -> Result<(), String> {
        let (failure, count) = match self.rng.below(4) {
            0 => (Failure::Full, &mut self.report.full),
            1 | 2 => (Failure::Busy, &mut self.report.locked),
            _ => (Failure::Broken, &mut self.report.broken),
        };
        *count += 1;
        self.note(Kind::Fault, None, format!("the disk fails: {failure:?}"));
        let effect = match asked {
            Asked::Load(effect) => {
                self.report.load_faults += 1;
                effect
            }
            Asked::Store { effect, owner, writes, .. } => {
                if failure == Failure::Broken && self.rng.below(2) == 0 {
                    self.host.disk.write(owner, &writes)?;
                    self.report.stores_kept += 1;
                }
                effect
            }
        };
        self.input(Input::Done { effect, result: Done::Failed(failure) })
    }

    fn load(&mut self, effect: EffectId) -> Result<(), String> {
        let is_live = self.host.room.as_ref().is_some_and(|room| !room.is_loading());
        self.report.returns += u64::from(is_live);
        self.host.load(self.now, effect)?;
        match self.host.room.as_ref().and_then(|room| room.fault()) {
            Some(Fault::Corrupt(place)) => Err(format!("SIM1: what was stored cannot be loaded: {place:?}")),
            Some(Fault::Storage | Fault::Fenced) | None => self.effects(),
        }
    }

    /// The room that asked is gone: each of its stores on its way is on the disk, or is not.
    pub(super) fn finish_stores(&mut self) -> Result<(), String> {
        let mut stores = Vec::new();
        self.events.retain(|_, event| match event {
            Event::Answer(Asked::Store { owner, writes, .. }) => {
                stores.push((*owner, core::mem::take(writes)));
                false
            }
            Event::Answer(Asked::Load(_)) => false,
            Event::Act(_)
            | Event::Connect(_)
            | Event::Up(..)
            | Event::Down(..)
            | Event::Gone(..)
            | Event::Read(_)
            | Event::Blow
            | Event::Space => true,
        });
        for (owner, writes) in stores {
            if self.rng.below(2) == 0 {
                self.host.disk.write(owner, &writes)?;
                self.report.stores_kept += 1;
            } else {
                self.report.stores_lost += 1;
            }
        }
        Ok(())
    }
}
