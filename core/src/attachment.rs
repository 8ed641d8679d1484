//! What a host keeps with a socket, so that a room that was forgotten while it slept knows its members again.

use alloc::boxed::Box;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::dedupe::fingerprint;
use crate::id::ClientId;
use crate::input::{Standing, View};
use crate::presence::Pass;
use crate::recording::Redaction;
use crate::time::Time;
use crate::wire::Dialect;

/// A socket, and its client if it has joined. Cursor, viewport, drags and rates are not in it: SLEEP3 lets them be
/// forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) user: Box<str>,
    pub(crate) standing: Standing,
    pub(crate) pk: Box<str>,
    pub(crate) dialect: Dialect,
    pub(crate) view: View,
    pub(crate) pass: Pass,
    pub(crate) lease: Option<Time>,
    pub(crate) resume: [u8; 16],
    pub(crate) name: Option<Box<str>>,
    pub(crate) named: bool,
    pub(crate) avatar: Option<Box<str>>,
    pub(crate) batch: bool,
    pub(crate) client: Option<Member>,
}

/// The client of a socket that has joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) id: ClientId,
    pub(crate) color: Box<str>,
    pub(crate) presence: Box<str>,
    pub(crate) role: Role,
    pub(crate) view: View,
    /// When the person was heard last, to within a quarter of the time until they count as idle; `None` if they do.
    pub(crate) heard: Option<Time>,
}

/// The first byte: another version's bytes are not read (SLEEP4).
const VERSION: u8 = 4;

impl Attachment {
    /// The version, a fingerprint of the rest, and the rest.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let body = postcard::to_allocvec(self).unwrap_or_default();
        let print = fingerprint("attachment", &body).to_le_bytes();
        [&[VERSION][..], &print, &body].concat()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Attachment> {
        let (print, body) = bytes.strip_prefix(&[VERSION])?.split_first_chunk()?;
        let whole = fingerprint("attachment", body) == u64::from_le_bytes(*print);
        postcard::from_bytes(body).ok().filter(|_| whole)
    }
}

/// The same socket with its names and its secret rewritten; other bytes stay.
pub(crate) fn redact(bytes: &[u8], with: &Redaction) -> Vec<u8> {
    let Some(mut attachment) = Attachment::from_bytes(bytes) else { return bytes.into() };
    with.maybe(&mut attachment.name);
    attachment.avatar = attachment.avatar.as_deref().map(|avatar| with.avatar(avatar));
    attachment.resume = with.secret(&attachment.resume);
    if let Some(client) = &mut attachment.client {
        client.presence = with.json_text(&client.presence);
    }
    attachment.to_bytes()
}
