//! Who may do what: one table. It decides nothing but that.

use serde::{Deserialize, Serialize};

/// What a person may do in a room, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks, points and chats.
    Viewer,
    /// Also changes images.
    Editor,
    /// Also changes the room and its members.
    Owner,
}

impl Role {
    /// The role as the wire has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Editor => "editor",
            Role::Owner => "owner",
        }
    }
}

/// What a person asks to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Be in the room: see it, point, show a viewport, change one's own name.
    Attend,
    /// Say something.
    Chat,
    /// Add, change or remove an image.
    Edit,
}

impl Action {
    /// Every action.
    pub const ALL: &'static [Action] = &[Action::Attend, Action::Chat, Action::Edit];
}

/// Whether a role may do something.
///
/// ```
/// use kanvas_core::access::{Action, Role, may};
/// assert!(may(Role::Viewer, Action::Chat));
/// assert!(!may(Role::Viewer, Action::Edit));
/// ```
pub const fn may(role: Role, action: Action) -> bool {
    match (role, action) {
        (Role::Viewer | Role::Editor | Role::Owner, Action::Attend | Action::Chat) => true,
        (Role::Editor | Role::Owner, Action::Edit) => true,
        (Role::Viewer, Action::Edit) => false,
    }
}
