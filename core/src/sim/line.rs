//! What happened in a world, line by line, for whoever reads it.

use alloc::format;
use alloc::string::String;

use serde::Serialize;

use crate::time::Time;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// After how many steps of the world.
    pub step: u64,
    /// When, by the world's clock.
    pub at: Time,
    /// What sort of thing.
    pub kind: Kind,
    /// Whom of the people it is about, by number.
    pub who: Option<usize>,
    /// What it was.
    pub text: String,
}

/// The sorts of what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The room is told something.
    Input,
    /// The room says something.
    Op,
    /// A frame reaches someone.
    Frame,
    /// Someone connects, or notices that they are not connected any more.
    Link,
    /// Something breaks, or is made to.
    Fault,
    /// The host does something.
    Host,
}

impl Kind {
    /// Its name, as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Input => "input",
            Kind::Op => "op",
            Kind::Frame => "frame",
            Kind::Link => "link",
            Kind::Fault => "fault",
            Kind::Host => "host",
        }
    }
}

impl Line {
    /// The line as one reads it in a terminal.
    pub(super) fn told(&self) -> String {
        let who = self.who.map(|who| format!("{who} ")).unwrap_or_default();
        format!("{} {who}{}", self.at.as_millis() % 10_000_000, self.text)
    }
}
