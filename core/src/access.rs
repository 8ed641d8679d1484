//! Who may do what: one table. It decides nothing but that.

use serde::{Deserialize, Serialize};

use crate::errors::Code;

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
    /// Every role, from least to most.
    pub const ALL: &'static [Role] = &[Role::Viewer, Role::Editor, Role::Owner];

    /// The role as the wire has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Editor => "editor",
            Role::Owner => "owner",
        }
    }

    /// The role of that name.
    ///
    /// ```
    /// use kanvas_core::access::Role;
    /// assert_eq!(Role::from_name("editor"), Some(Role::Editor));
    /// ```
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.iter().copied().find(|role| role.as_str() == name)
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
    /// Rename, hide or lock the room, and say what newcomers may do.
    Configure,
    /// Delete the room for good.
    Delete,
    /// Make and revoke links that let others in.
    Share,
    /// Make someone owner, editor or viewer, or let them be like everyone again.
    SetRole,
    /// Throw someone out.
    Kick,
    /// Throw someone out for good.
    Ban,
}

impl Action {
    /// Every action.
    pub const ALL: &'static [Action] = &[
        Action::Attend,
        Action::Chat,
        Action::Edit,
        Action::Configure,
        Action::Delete,
        Action::Share,
        Action::SetRole,
        Action::Kick,
        Action::Ban,
    ];
}

/// Whom an action is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Nobody: the room and what is in it.
    Room,
    /// The person who asks.
    Oneself,
    /// Someone who is no owner, here or not.
    Someone,
    /// Another owner.
    Owner,
}

impl Target {
    /// Every target.
    pub const ALL: &'static [Target] = &[Target::Room, Target::Oneself, Target::Someone, Target::Owner];
}

/// Whether a role may do something to someone, in a room that is locked or not.
///
/// # Errors
/// [`Code::Forbidden`] if the role never may, [`Code::Locked`] if it may not for now, [`Code::Conflict`] if nobody may
/// do that to that person: owners throw out neither themselves nor each other.
///
/// ```
/// use kanvas_core::Code;
/// use kanvas_core::access::{Action, Role, Target, may};
/// assert_eq!(may(Role::Viewer, Action::Chat, Target::Room, true), Ok(()));
/// assert_eq!(may(Role::Viewer, Action::Edit, Target::Room, false), Err(Code::Forbidden));
/// assert_eq!(may(Role::Editor, Action::Edit, Target::Room, true), Err(Code::Locked));
/// assert_eq!(may(Role::Owner, Action::Kick, Target::Oneself, false), Err(Code::Conflict));
/// ```
pub const fn may(role: Role, action: Action, on: Target, locked: bool) -> Result<(), Code> {
    match (action, role, on) {
        (Action::Attend | Action::Chat, ..) => Ok(()),
        (Action::Edit, Role::Viewer, _) => Err(Code::Forbidden),
        (Action::Edit, Role::Editor, _) if locked => Err(Code::Locked),
        (Action::Edit, Role::Editor | Role::Owner, _) => Ok(()),
        (
            Action::Configure | Action::Delete | Action::Share | Action::SetRole | Action::Kick | Action::Ban,
            Role::Viewer | Role::Editor,
            _,
        ) => Err(Code::Forbidden),
        (Action::Configure | Action::Delete | Action::Share | Action::SetRole, Role::Owner, _) => Ok(()),
        (Action::Kick | Action::Ban, Role::Owner, Target::Room | Target::Someone) => Ok(()),
        (Action::Kick | Action::Ban, Role::Owner, Target::Oneself | Target::Owner) => Err(Code::Conflict),
    }
}
