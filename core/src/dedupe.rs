//! Which edits were already made: the latest op ids of each client, with what they were answered.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::errors::Code;
use crate::id::Seq;
use crate::limits::Limits;
use crate::recording::Redaction;
use crate::time::Time;

/// Whose op ids these are: a user and the client's `_pk`.
type Origin = (Box<str>, Box<str>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dedupe {
    origins: BTreeMap<Origin, Ids>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Ids {
    by_id: BTreeMap<Box<str>, Made>,
    oldest_first: VecDeque<Box<str>>,
    last: Time,
}

/// An edit that was made, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) seq: Seq,
    pub(crate) at: Time,
    /// A fingerprint of what was asked for.
    pub(crate) hash: u64,
    /// The `set` of its ack as JSON, empty if none.
    pub(crate) set: Box<str>,
}

impl Dedupe {
    /// How many edits are remembered.
    pub(crate) fn len(&self) -> usize {
        self.origins.values().map(|ids| ids.by_id.len()).sum()
    }

    /// The edit that this id already made, or `op_id_reused` if that was another one.
    pub(crate) fn find(
        &self,
        user: &str,
        pk: &str,
        id: &str,
        hash: u64,
        limits: &Limits,
        now: Time,
    ) -> Result<Option<&Made>, Code> {
        let ids = self.origins.get(&(user.into(), pk.into()));
        match ids.and_then(|ids| ids.by_id.get(id)).filter(|made| now.since(made.at) <= limits.dedupe_age) {
            Some(made) if made.hash == hash => Ok(Some(made)),
            Some(_) => Err(Code::OpIdReused),
            None => Ok(None),
        }
    }

    pub(crate) fn remember(&mut self, user: &str, pk: &str, id: &str, made: Made, limits: &Limits) {
        let now = made.at;
        let origin = (Box::from(user), Box::from(pk));
        if !self.origins.contains_key(&origin) && self.origins.len() >= limits.dedupe_clients as usize {
            self.forget_one();
        }
        let ids = self.origins.entry(origin).or_default();
        ids.last = now;
        if ids.by_id.insert(id.into(), made).is_some() {
            ids.oldest_first.retain(|other| **other != *id);
        }
        ids.oldest_first.push_back(id.into());
        while ids.oldest_first.len() > limits.dedupe_ids.max(1) as usize {
            if let Some(oldest) = ids.oldest_first.pop_front() {
                ids.by_id.remove(&oldest);
            }
        }
    }

    /// States what must always hold.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), &'static str> {
        let each = |ids: &Ids| {
            ids.by_id.len() == ids.oldest_first.len() && ids.by_id.len() <= limits.dedupe_ids.max(1) as usize
        };
        match self.origins.len() <= limits.dedupe_clients.max(1) as usize && self.origins.values().all(each) {
            true => Ok(()),
            false => Err("dedupe: over its bound"),
        }
    }

    /// Drops the client that was quiet the longest.
    fn forget_one(&mut self) {
        let oldest = self.origins.iter().min_by_key(|(_, ids)| ids.last).map(|(origin, _)| origin.clone());
        if let Some(origin) = oldest {
            self.origins.remove(&origin);
        }
    }
}

/// FNV-1a: a fingerprint, to tell a resend from a mistake. It guards nobody but the client that chose the id.
pub(crate) fn fingerprint(kind: &str, body: &[u8]) -> u64 {
    [kind.as_bytes(), &[0], body].into_iter().fold(0xcbf2_9ce4_8422_2325, codec::fingerprint)
}

impl Dedupe {
    pub(crate) fn redact(&mut self, with: &Redaction) {
        for made in self.origins.values_mut().flat_map(|ids| ids.by_id.values_mut()) {
            made.set = with.json_text(&made.set);
        }
    }
}
