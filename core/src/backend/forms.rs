//! What bodies may hold.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::answer::Mistake;
use super::body::{integer, person, there};
use super::order::Target;
use crate::id::Seq;
use crate::time::Time;

/// A room that is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct NewRoom {
    #[serde(default, deserialize_with = "there")]
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "there")]
    pub(super) name: Option<String>,
    #[serde(default = "yes")]
    pub(super) is_public: bool,
    #[serde(default, deserialize_with = "there")]
    pub(super) owner: Option<String>,
}

fn yes() -> bool {
    true
}

/// What is to change of a room.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Change {
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    is_public: Option<bool>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    locked: Option<bool>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    default_role: Option<NewcomersRole>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    guest_role: Option<NewcomersRole>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum NewcomersRole {
    Viewer,
    Editor,
}

/// A role to give.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    pub(super) role: Role,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Viewer,
    Editor,
    Owner,
    None,
}

/// Why somebody is thrown out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Because {
    #[serde(default, deserialize_with = "there")]
    pub(super) reason: Option<String>,
}

/// An event that is to happen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) data: Box<RawValue>,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) enum Kind {
    #[serde(rename = "image:add")]
    Add,
    #[serde(rename = "image:transform")]
    Transform,
    #[serde(rename = "image:remove")]
    Remove,
    #[serde(rename = "chat:message")]
    Chat,
    #[serde(rename = "server:event")]
    Server,
}

/// A canvas that is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replacement {
    pub(super) images: Box<RawValue>,
    #[serde(default, deserialize_with = "integer")]
    pub(super) at: Option<u64>,
}

/// What is to be taken back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Wish {
    #[serde(default, deserialize_with = "integer")]
    as_of: Option<u64>,
    #[serde(default, deserialize_with = "there")]
    without: Option<String>,
    #[serde(default, deserialize_with = "integer")]
    since: Option<u64>,
    #[serde(default)]
    pub(super) preview: bool,
    #[serde(default, deserialize_with = "integer")]
    at: Option<u64>,
}

impl Wish {
    /// To what the canvas is to go back, and if the room is at which place of its log.
    pub(super) fn target(self) -> Result<(Target, Option<Seq>), Mistake> {
        let target = match (self.as_of, self.without, self.since) {
            (Some(time), None, None) => Target::AsOf(Time::from_millis(time)),
            (None, Some(user), Some(since)) => Target::Without { user: person(user)?, since: Time::from_millis(since) },
            (_, _, _) => {
                let message = "Say asOf, or without and since: to what the canvas is to go back.";
                return Err(Mistake::bad("bad_body", message));
            }
        };
        Ok((target, self.at.map(Seq)))
    }
}

/// What is said to the room of a person.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Word<'a> {
    pub(super) user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// A message of `kanvas.v1`.
#[derive(Serialize)]
struct Message<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    data: &'a T,
}

/// A message to the room as if the server were in it.
pub(super) fn message(kind: &str, data: &impl Serialize) -> Result<Vec<u8>, Mistake> {
    serde_json::to_vec(&Message { kind, data }).map_err(|error| Mistake::json(&error))
}

/// Who can own a room: nobody whom no token proves.
pub(super) fn owner(id: String) -> Result<String, Mistake> {
    let id = person(id)?;
    match ["guest:", "org:", "server:"].iter().any(|other| id.starts_with(other)) {
        true => Err(Mistake::bad("bad_user", "A room is owned by a person whom a token proves.")),
        false => Ok(id),
    }
}
