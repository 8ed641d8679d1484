//! Who belongs to a room: members and their roles, who is banned, which links let others in. It keeps the lists; what
//! follows from them is the room's.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::errors::Code;
use crate::id::ShareId;
use crate::limits::{CHUNK_BYTES, Limits};
use crate::time::Time;

/// See the module. Stored as JSON, in chunks, whole at each change: it changes rarely.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Lists")]
pub(crate) struct Members {
    roles: BTreeMap<Box<str>, Role>,
    bans: BTreeMap<Box<str>, Ban>,
    shares: BTreeMap<ShareId, Share>,
    // What every edit asks, so that a thousand members and bans make no edit dearer.
    #[serde(skip)]
    owned: bool,
    #[serde(skip)]
    banned_from: BTreeSet<u64>,
}

/// What is stored of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lists {
    roles: BTreeMap<Box<str>, Role>,
    bans: BTreeMap<Box<str>, Ban>,
    shares: BTreeMap<ShareId, Share>,
}

impl From<Lists> for Members {
    fn from(lists: Lists) -> Members {
        let Lists { roles, bans, shares } = lists;
        let owned = roles.values().any(|role| *role == Role::Owner);
        let banned_from = bans.values().flat_map(|ban| ban.addresses.iter().copied()).collect();
        Members { roles, bans, shares, owned, banned_from }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Ban {
    at: Time,
    /// Where a guest connected from, as the host's keyed hashes: guests change their ids easily.
    addresses: Vec<u64>,
}

/// A link that lets people in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// What those who hold it may do.
    pub role: Role,
    /// When it ends; `None` if it does not.
    pub until: Option<Time>,
}

/// What the ids of guests, of organisations and of the operator begin with; no person's id begins so.
const GUEST: &str = "guest:";
pub(crate) const ORG: &str = "org:";
const OPERATOR: &str = "server:";

/// Whether an id can be that of a person who signed in.
pub(crate) fn is_person(id: &str) -> bool {
    ![GUEST, ORG, OPERATOR].iter().any(|kind| id.starts_with(kind))
}

/// Whether an id is of the operator's own, who is no member of anything.
pub(crate) fn is_operator(id: &str) -> bool {
    id.starts_with(OPERATOR)
}

/// Whether an id is of somebody who can come: a person or a guest.
pub(crate) fn may_be_banned(id: &str) -> bool {
    is_person(id) || id.starts_with(GUEST)
}

/// The most addresses that one ban covers.
const BAN_ADDRESSES: usize = 16;

impl Members {
    /// Takes back what [`Members::to_chunks`] gave, in order.
    pub(crate) fn from_chunks(chunks: &[&[u8]]) -> Option<Members> {
        match chunks.is_empty() {
            true => Some(Members::default()),
            false => serde_json::from_slice(&chunks.concat()).ok(),
        }
    }

    /// All of it, in pieces that fit storage.
    pub(crate) fn to_chunks(&self) -> Vec<Vec<u8>> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.chunks(CHUNK_BYTES).map(<[u8]>::to_vec).collect()
    }

    /// The role that someone was given.
    pub(crate) fn role(&self, user: &str) -> Option<Role> {
        self.roles.get(user).copied()
    }

    /// Everybody who has a role of their own.
    pub(crate) fn roles(&self) -> impl Iterator<Item = (&str, Role)> {
        self.roles.iter().map(|(user, role)| (&**user, *role))
    }

    /// Everybody who is banned, and since when.
    pub(crate) fn banned(&self) -> impl Iterator<Item = (&str, Time)> {
        self.bans.iter().map(|(user, ban)| (&**user, ban.at))
    }

    /// Whether anyone owns the room.
    pub(crate) fn are_owned(&self) -> bool {
        self.owned
    }

    /// Gives someone a role, or none of their own, and lifts their ban. Returns what they had.
    pub(crate) fn set_role(&mut self, user: &str, role: Option<Role>, limits: &Limits) -> Result<Option<Role>, Code> {
        let was = self.role(user);
        let owners = self.roles.values().filter(|role| **role == Role::Owner).count();
        if was == Some(Role::Owner) && role != Some(Role::Owner) && owners == 1 {
            return Err(Code::Conflict);
        }
        match role {
            Some(_) if was.is_none() && self.roles.len() >= limits.members as usize => return Err(Code::TooMany),
            Some(role) => drop(self.roles.insert(user.into(), role)),
            None => drop(self.roles.remove(user)),
        }
        self.owned |= role == Some(Role::Owner);
        if let Some(ban) = self.bans.remove(user) {
            self.let_in_from(&ban.addresses);
        }
        Ok(was)
    }

    /// Bans someone, and guests from these addresses. Their role goes.
    pub(crate) fn ban(&mut self, now: Time, user: &str, addresses: Vec<u64>, limits: &Limits) -> Result<(), Code> {
        if !self.bans.contains_key(user) && self.bans.len() >= limits.bans as usize {
            return Err(Code::TooMany);
        }
        if self.roles.remove(user) == Some(Role::Owner) {
            self.owned = self.roles.values().any(|role| *role == Role::Owner);
        }
        let ban = self.bans.entry(user.into()).or_insert(Ban { at: now, addresses: Vec::new() });
        ban.addresses.extend(addresses);
        ban.addresses.sort_unstable();
        ban.addresses.dedup();
        let beyond = ban.addresses.split_off(ban.addresses.len().min(BAN_ADDRESSES));
        self.banned_from.extend(&ban.addresses);
        self.let_in_from(&beyond);
        Ok(())
    }

    /// These addresses are not banned by what is no longer there.
    fn let_in_from(&mut self, addresses: &[u64]) {
        for address in addresses {
            if !self.bans.values().any(|ban| ban.addresses.binary_search(address).is_ok()) {
                self.banned_from.remove(address);
            }
        }
    }

    /// Whether someone is banned; `address` is a guest's.
    pub(crate) fn bans(&self, user: &str, address: Option<u64>) -> bool {
        self.bans.contains_key(user) || address.is_some_and(|address| self.banned_from.contains(&address))
    }

    /// What a link lets its holder do.
    pub(crate) fn shared(&self, now: Time, share: ShareId) -> Option<Role> {
        self.shares.get(&share).filter(|share| share.until.is_none_or(|until| until > now)).map(|share| share.role)
    }

    /// Every link that has not ended, in no order that means anything.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (ShareId, Share)> {
        self.shares.iter().map(|(id, share)| (*id, *share))
    }

    pub(crate) fn add_share(&mut self, id: ShareId, share: Share, limits: &Limits) -> Result<(), Code> {
        if self.shares.len() >= limits.shares as usize {
            return Err(Code::TooMany);
        }
        self.shares.insert(id, share);
        Ok(())
    }

    pub(crate) fn remove_share(&mut self, id: ShareId) -> Result<(), Code> {
        self.shares.remove(&id).map(drop).ok_or(Code::NotFound)
    }

    /// When the next link ends.
    pub(crate) fn next_end(&self) -> Option<Time> {
        self.shares.values().filter_map(|share| share.until).min()
    }

    /// Forgets the links that have ended, and says whether there were any.
    pub(crate) fn forget_ended(&mut self, now: Time) -> bool {
        let before = self.shares.len();
        self.shares.retain(|_, share| share.until.is_none_or(|until| until > now));
        self.shares.len() < before
    }

    /// States what must always hold.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.roles.keys().any(|user| self.bans.contains_key(user)) {
            return Err("members: someone is both member and banned");
        }
        if self.owned != self.roles.values().any(|role| *role == Role::Owner) {
            return Err("members: an owner that is not there, or one that is not known");
        }
        let addresses: BTreeSet<u64> = self.bans.values().flat_map(|ban| ban.addresses.iter().copied()).collect();
        match addresses == self.banned_from {
            true => Ok(()),
            false => Err("members: guests are banned from other addresses than the bans say"),
        }
    }
}
