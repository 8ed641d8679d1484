//! Whether each stored event was one that its author might make: the log told again, with nothing but its own words
//! about the room and its members (SIM18).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use serde_json::Value;

use super::replica::Properties;
use crate::access::Role;
use crate::input::{Org, SERVER};
use crate::log::{Kind, LogEntry};

/// Tells the log again, and compares what everyone is told to be with what they are. `owner` made the room, if anyone who could own it did; `guests` is the server's word on guests
/// in rooms without an owner.
pub(super) fn check(
    history: &[Arc<LogEntry>],
    owner: Option<&str>,
    guests: Role,
    users: &Properties,
) -> Result<(), String> {
    let mut rights = Rights {
        roles: owner.map(|owner| (owner.into(), Role::Owner)).into_iter().collect(),
        bans: BTreeSet::new(),
        owned: owner.is_some(),
        is_public: true,
        locked: false,
        newcomer: Role::Editor,
        guest: guests,
    };
    for entry in history {
        let role = if *entry.user == *SERVER { Some(Role::Owner) } else { rights.role(&entry.user) };
        let fits = match entry.kind {
            Kind::Chat => role.is_some(),
            Kind::ImageAdd | Kind::ImageTransform | Kind::ImageRemove => {
                role >= Some(if rights.locked { Role::Owner } else { Role::Editor })
            }
            Kind::RoomUpdate | Kind::MemberRole | Kind::MemberKick | Kind::MemberBan => role == Some(Role::Owner),
        };
        if !fits {
            return Err(format!("SIM18: {} was {role:?} and might not make {entry:?}", entry.user));
        }
        rights.follow(entry);
    }
    // Whoever only looks is told as a viewer, whatever else they might be.
    let told = |user: &Value| user["role"].as_str().and_then(Role::from_name).filter(|role| *role != Role::Viewer);
    let wrong = users.values().find(|user| {
        let right = rights.role(user["userId"].as_str().unwrap_or_default());
        right.is_none() || told(user).is_some_and(|told| Some(told) != right)
    });
    wrong.map_or(Ok(()), |user| Err(format!("SIM18: told with another role: {user}")))
}

/// The organisation that someone acts for: every second person, half of them with a role there.
pub(super) fn org_of(user: &str) -> Option<Org<'static>> {
    let no = user.bytes().last().filter(|no| no % 2 == 1)?;
    Some(Org { id: "o", role: Some(if no % 4 == 1 { "a" } else { "b" }) })
}

struct Rights {
    roles: BTreeMap<String, Role>,
    bans: BTreeSet<String>,
    owned: bool,
    is_public: bool,
    locked: bool,
    newcomer: Role,
    guest: Role,
}

impl Rights {
    fn role(&self, user: &str) -> Option<Role> {
        if self.bans.contains(user) {
            return None;
        }
        let open = if user.starts_with("guest:") { self.guest } else { self.newcomer };
        let org =
            org_of(user).map(|Org { id, role }| [format!("org:{id}"), format!("org:{id}:{}", role.unwrap_or("-"))]);
        let theirs = org.iter().flatten().filter_map(|org| self.roles.get(org).copied()).max();
        self.roles.get(user).copied().or(theirs.max(Some(open).filter(|_| self.is_public)))
    }

    fn follow(&mut self, entry: &LogEntry) {
        let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
        let role = |name: &str| body[name].as_str().and_then(Role::from_name);
        let user = || String::from(body["userId"].as_str().unwrap_or_default());
        match entry.kind {
            Kind::RoomUpdate => {
                self.is_public = body["isPublic"].as_bool().unwrap_or(self.is_public);
                self.locked = body["locked"].as_bool().unwrap_or(self.locked);
                self.newcomer = role("defaultRole").unwrap_or(self.newcomer);
                self.guest = role("guestRole").filter(|_| self.owned).unwrap_or(self.guest);
            }
            Kind::MemberRole => {
                self.bans.remove(&user());
                match role("role") {
                    Some(role) => drop(self.roles.insert(user(), role)),
                    None => drop(self.roles.remove(&user())),
                }
            }
            Kind::MemberBan => {
                self.roles.remove(&user());
                self.bans.insert(user());
            }
            Kind::MemberKick | Kind::ImageAdd | Kind::ImageTransform | Kind::ImageRemove | Kind::Chat => {}
        }
    }
}
