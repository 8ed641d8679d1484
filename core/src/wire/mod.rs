//! The languages that clients speak. A dialect turns bytes into requests and events into bytes; the room knows none
//! of them.

use serde::{Deserialize, Serialize};

/// A language of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// `kanvas.v1`, the default.
    #[default]
    KanvasV1,
    /// Two events as lines of plain text: stands beside the first in tests, so that the seam is real.
    #[cfg(any(test, feature = "sim"))]
    Plain,
}

impl Dialect {
    /// The dialect of that name (a subprotocol or the `dialect` of the query), if this build speaks it.
    pub fn from_name(name: &str) -> Option<Dialect> {
        match name {
            "kanvas.v1" => Some(Dialect::KanvasV1),
            #[cfg(any(test, feature = "sim"))]
            "plain" => Some(Dialect::Plain),
            _ => None,
        }
    }
}
