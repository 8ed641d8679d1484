//! Faults by the clock: so many a second or a minute, however much goes on, for those who set them by hand. The chances of
//! a [`Plan`](super::Plan) are of each thing that happens, which suits tests and nobody else.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::lab::Recipe;
use super::line::Kind;
use super::world::{Event, World};
use crate::id::Conn;
use crate::time::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Weather {
    /// Of 1,000 connections so many break off in a second.
    pub cut: u64,
    /// Of 1,000 readers so many begin to stall in a second, for half a second to three and a half.
    pub stall: u64,
    /// Crashes of the server an hour.
    pub crash: u64,
    /// Stores and loads that fail, of 1,000.
    pub storage_fault: u64,
    /// Jumps of the clock an hour, by up to 3 s.
    pub jump: u64,
}

/// How often it strikes.
const EVERY: Span = Span::from_millis(100);

impl World {
    /// Looks out of the window, and comes back for the next look.
    pub(super) fn blow(&mut self) -> Result<(), String> {
        let weather = self.plan.weather;
        self.after(EVERY.as_millis(), Event::Blow);
        if self.is_quiet() || self.is_mute(Recipe::WEATHER) {
            return Ok(());
        }
        for conn in self.host.sockets.keys().copied().collect::<Vec<Conn>>() {
            if self.sky.below(10_000) < weather.cut {
                self.cut(conn, 4000);
            }
            if self.sky.below(10_000) < weather.stall {
                self.stall(conn);
            }
        }
        if self.sky.below(36_000) < weather.jump {
            let span = Span::from_millis(1 + self.sky.below(3000));
            self.jump(span);
        }
        if self.sky.below(36_000) < weather.crash && self.host.room.is_some() {
            self.crash()?;
        }
        Ok(())
    }

    /// Whether the disk fails now.
    pub(super) fn fails_by_weather(&mut self) -> bool {
        let fault = self.plan.weather.storage_fault;
        fault > 0 && !self.is_mute(Recipe::WEATHER) && self.sky.below(1000) < fault
    }

    /// The clock jumps ahead.
    pub(super) fn jump(&mut self, span: Span) {
        self.now = self.now + span;
        self.report.jumps += 1;
        self.note(Kind::Fault, None, format!("the clock jumps ahead by {} ms", span.as_millis()));
    }
}
