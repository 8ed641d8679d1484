//! What a back end may want to hear of a room: who made it, who came and went, and how it ended. Told once each thing is
//! durable, in order.

use alloc::boxed::Box;
use serde::{Deserialize, Serialize};

use crate::recording::Redaction;

/// Something that happened to a room or to the people in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// The room was made.
    Created {
        /// By this person.
        by: Box<str>,
    },
    /// The last person left.
    Emptied,
    /// The room was deleted.
    Deleted {
        /// By this person, or [`SERVER`](crate::SERVER).
        by: Box<str>,
    },
    /// A person came: their first session began.
    Joined {
        /// Their id.
        user: Box<str>,
        /// What they are called.
        name: Box<str>,
    },
    /// A person left: their last session ended.
    Left {
        /// Their id.
        user: Box<str>,
        /// What they were called.
        name: Box<str>,
        /// Why, as `user:left` has it.
        reason: Box<str>,
    },
    /// A person was banned, here or not.
    Banned {
        /// Their id.
        user: Box<str>,
        /// By this person, or [`SERVER`](crate::SERVER).
        by: Box<str>,
        /// What was given as a reason.
        reason: Option<Box<str>>,
    },
}

impl Notice {
    /// Whether it is a stored change, which storage may refuse; else it is about who is here.
    pub(crate) fn is_stored(&self) -> bool {
        match self {
            Notice::Created { .. } | Notice::Deleted { .. } | Notice::Banned { .. } => true,
            Notice::Emptied | Notice::Joined { .. } | Notice::Left { .. } => false,
        }
    }
}

impl Notice {
    pub(crate) fn redact(&mut self, with: &Redaction) {
        match self {
            Notice::Joined { name, .. } | Notice::Left { name, .. } => *name = with.text(name),
            Notice::Banned { reason, .. } => with.maybe(reason),
            Notice::Created { .. } | Notice::Emptied | Notice::Deleted { .. } => {}
        }
    }
}
