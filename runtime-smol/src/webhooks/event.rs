//! What a webhook says: its kinds, and the JSON of each. It owns their names.

use std::time::{Duration, UNIX_EPOCH};

use kanvas_core::{Notice, RoomId, Time};
use serde::Serialize;

/// What a webhook can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Created,
    Emptied,
    Deleted,
    Joined,
    Left,
    Banned,
}

impl Kind {
    pub(crate) const ALL: [Kind; 6] =
        [Kind::Created, Kind::Emptied, Kind::Deleted, Kind::Joined, Kind::Left, Kind::Banned];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Created => "room.created",
            Kind::Emptied => "room.emptied",
            Kind::Deleted => "room.deleted",
            Kind::Joined => "member.joined",
            Kind::Left => "member.left",
            Kind::Banned => "member.banned",
        }
    }

    /// Whether it is the first to go where too many wait.
    pub(crate) const fn is_minor(self) -> bool {
        match self {
            Kind::Joined | Kind::Left => true,
            Kind::Created | Kind::Emptied | Kind::Deleted | Kind::Banned => false,
        }
    }
}

/// What a notice is about, and what is told of it.
pub(crate) fn parts(notice: &Notice) -> (Kind, Details<'_>) {
    let none = Details::default();
    match notice {
        Notice::Created { by } => (Kind::Created, Details { by: Some(by), ..none }),
        Notice::Emptied => (Kind::Emptied, none),
        Notice::Deleted { by } => (Kind::Deleted, Details { by: Some(by), ..none }),
        Notice::Joined { user, name } => (Kind::Joined, Details { user: Some(user), name: Some(name), ..none }),
        Notice::Left { user, name, reason } => {
            (Kind::Left, Details { user: Some(user), name: Some(name), reason: Some(reason), ..none })
        }
        Notice::Banned { user, by, reason } => {
            (Kind::Banned, Details { user: Some(user), by: Some(by), reason: reason.as_deref(), ..none })
        }
    }
}

/// The kinds that are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Events(Vec<Kind>);

impl Default for Events {
    fn default() -> Events {
        Events(Kind::ALL.to_vec())
    }
}

impl Events {
    /// Reads `--webhook-events`. The error says what is allowed.
    pub(crate) fn parse(text: &str) -> Result<Events, String> {
        let named = |name: &str| Kind::ALL.into_iter().find(|kind| kind.name() == name.trim());
        let kinds: Option<Vec<_>> = text.split(',').map(named).collect();
        let names = Kind::ALL.map(Kind::name).join(", ");
        kinds.map(Events).ok_or_else(|| format!("some of {names}, with commas between"))
    }

    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.0.contains(&kind)
    }
}

/// What is told beside the room; what does not belong to a kind is left out.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Details<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    #[serde(flatten)]
    details: Details<'a>,
}

/// The JSON of an event.
pub(crate) fn body(kind: &str, at: Time, room: Option<&RoomId>, details: Details<'_>) -> String {
    let instant = UNIX_EPOCH + Duration::from_millis(at.as_millis());
    let timestamp = humantime::format_rfc3339_millis(instant).to_string();
    let data = Data { room: room.map(RoomId::as_str), details };
    // Texts and nothing else: it always is JSON.
    serde_json::to_string(&Body { kind, timestamp, data }).unwrap_or_default()
}

/// A name that no other event has, by chance.
pub(crate) fn id() -> Option<String> {
    Some(format!("msg_{:016x}{:016x}", getrandom::u64().ok()?, getrandom::u64().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hook1_a_body_has_its_type_its_time_and_what_belongs_to_it() {
        let room = RoomId::new("sketch").unwrap();
        let details = Details { user: Some("user_1"), name: Some("An\"n\u{1F600}"), ..Details::default() };
        assert_eq!(
            body("member.joined", Time::from_millis(1_764_000_000_123), Some(&room), details),
            "{\"type\":\"member.joined\",\"timestamp\":\"2025-11-24T16:00:00.123Z\",\"data\":{\"room\":\"sketch\",\
             \"user\":\"user_1\",\"name\":\"An\\\"n\u{1F600}\"}}"
        );
        let test = body("kanvas.test", Time::from_millis(0), None, Details::default());
        assert_eq!(test, r#"{"type":"kanvas.test","timestamp":"1970-01-01T00:00:00.000Z","data":{}}"#);
    }

    #[test]
    fn hook1_each_type_has_the_fields_that_are_its_own() {
        let room = RoomId::new("r").unwrap();
        let text = |text: &str| text.into();
        let (user, name, by, reason) = (text("u"), text("n"), text("b"), text("why"));
        let told = [
            (Notice::Created { by: text("b") }, "room.created", r#"{"room":"r","by":"b"}"#),
            (Notice::Emptied, "room.emptied", r#"{"room":"r"}"#),
            (Notice::Deleted { by: text("b") }, "room.deleted", r#"{"room":"r","by":"b"}"#),
            (
                Notice::Joined { user: text("u"), name: text("n") },
                "member.joined",
                r#"{"room":"r","user":"u","name":"n"}"#,
            ),
            (
                Notice::Left { user: text("u"), name, reason: text("why") },
                "member.left",
                r#"{"room":"r","user":"u","name":"n","reason":"why"}"#,
            ),
            (
                Notice::Banned { user, by, reason: Some(reason) },
                "member.banned",
                r#"{"room":"r","user":"u","by":"b","reason":"why"}"#,
            ),
        ];
        for (notice, name, data) in told {
            let (kind, details) = parts(&notice);
            let body = body(kind.name(), Time::from_millis(0), Some(&room), details);
            assert_eq!(body, format!(r#"{{"type":"{name}","timestamp":"1970-01-01T00:00:00.000Z","data":{data}}}"#));
        }
    }

    #[test]
    fn hook3_events_are_chosen_by_name() {
        let some = Events::parse("room.created, member.banned").unwrap();
        let has: Vec<_> = Kind::ALL.into_iter().filter(|kind| some.has(*kind)).collect();
        assert_eq!(has, [Kind::Created, Kind::Banned]);
        assert!(Kind::ALL.iter().all(|kind| Events::default().has(*kind)));
        for wrong in ["", ",", "room.created,", "Room.created", "*"] {
            assert!(Events::parse(wrong).unwrap_err().starts_with("some of room.created, "), "{wrong}");
        }
    }
}
