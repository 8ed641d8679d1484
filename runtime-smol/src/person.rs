//! Somebody as rooms are told of them: what a request proved, where it came from, and what follows from both. Sockets
//! and plain requests go the same way.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use kanvas_core::auth::{Organisation, Session};
use kanvas_core::{Creator, Founds, Identity, Org, Standing, Time};
use sha2::{Digest as _, Sha256};

use crate::auth::{AuthMode, Who};
use crate::server::Server;
use crate::web::hex;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Their id: the token's `sub`, or a guest's.
    pub(crate) user: String,
    session: Option<Box<Session>>,
    /// Where they connect from; not on a development server, which all reach from one address.
    place: Option<u64>,
    lease: Option<Time>,
}

impl Person {
    /// `pk` is the client's `_pk`, `fresh` makes a guest of one that sent none.
    pub(crate) fn of(server: &Server, who: Who, client: IpAddr, pk: &str, fresh: [u8; 16]) -> Person {
        let place = (server.edge.mode != AuthMode::Dev).then(|| place(&server.secret, client));
        let (user, session) = match who {
            Who::Guest => (guest(&server.secret, pk, fresh), None),
            Who::Person(session) => (session.user.clone(), Some(session)),
        };
        let lease = session.as_ref().map(|session| server.lease(session.expires));
        Person { user, session, place, lease }
    }

    /// Whether a token proved who it is.
    pub(crate) fn is_verified(&self) -> bool {
        self.session.is_some()
    }

    /// Whom what they send counts for: a guest by where they connect from, since a new `_pk` costs nothing.
    pub(crate) fn account(&self) -> String {
        match (&self.session, self.place) {
            (None, Some(place)) => format!("guest:at:{place:016x}"),
            (None, None) | (Some(_), _) => self.user.clone(),
        }
    }

    /// As one who makes a room; `called` is what a guest says of themselves.
    pub(crate) fn creator<'a>(&'a self, called: Option<&'a str>) -> Creator<'a> {
        let standing = if self.is_verified() { Standing::Verified } else { Standing::Guest };
        let name = self.session.as_ref().and_then(|session| session.name.as_deref()).or(called);
        Creator { user: &self.user, standing, name }
    }

    /// As a room is told of them; `founds` says whether they may make it.
    pub(crate) fn identity(&self, founds: Founds) -> Identity<'_> {
        let user = self.user.as_str();
        match &self.session {
            None => Identity { address: self.place, founds, ..Identity::guest(user) },
            Some(session) => Identity {
                name: session.name.as_deref(),
                avatar: session.picture.as_deref(),
                org: org(session),
                lease: self.lease,
                founds,
                ..Identity::verified(user)
            },
        }
    }
}

/// The organisation of a token, its role without the prefix that Clerk's first claims have.
pub(crate) fn org(session: &Session) -> Option<Org<'_>> {
    let Organisation { id, role, .. } = session.organisation.as_ref()?;
    let role = role.as_deref().map(|role| role.strip_prefix("org:").unwrap_or(role));
    Some(Org { id, role })
}

/// Where somebody connects from, so that a ban of a guest holds: no way back from it to the address.
fn place(secret: &[u8; 32], address: IpAddr) -> u64 {
    let mac = Hmac::<Sha256>::new_from_slice(secret).map(|mac| {
        let bytes = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            // Whoever has one address has the whole network of 64 bits.
            IpAddr::V6(address) => address.octets().iter().take(8).copied().collect(),
        };
        mac.chain_update([2]).chain_update(bytes).finalize().into_bytes()
    });
    // An HMAC takes keys of every length.
    mac.ok().and_then(|digest| digest.first_chunk().copied().map(u64::from_be_bytes)).unwrap_or_default()
}

/// The user id of a guest: the same for the same `_pk`, and no way back from it. A client that sent none is a new
/// guest each time.
fn guest(secret: &[u8; 32], pk: &str, fresh: [u8; 16]) -> String {
    let seed = if pk.is_empty() { fresh.as_slice() } else { pk.as_bytes() };
    let digest = match Hmac::<Sha256>::new_from_slice(secret) {
        Ok(mac) => mac.chain_update([u8::from(pk.is_empty())]).chain_update(seed).finalize().into_bytes(),
        // An HMAC takes keys of every length.
        Err(_) => Sha256::digest(fresh),
    };
    format!("guest:{}", hex(digest.get(..8).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run5_a_guest_is_the_same_person_by_the_same_key() {
        let secret = [7; 32];
        assert_eq!(guest(&secret, "me", [1; 16]), guest(&secret, "me", [2; 16]));
        assert_ne!(guest(&secret, "", [1; 16]), guest(&secret, "", [2; 16]));
        assert_ne!(guest(&secret, "me", [1; 16]), guest(&[8; 32], "me", [1; 16]));
        assert_eq!(guest(&secret, "me", [1; 16]).len(), "guest:".len() + 16);
    }

    #[test]
    fn owner4_a_guest_is_known_again_by_where_they_connect_from() {
        let from = |address: &str| place(&[7; 32], address.parse().unwrap());
        assert_ne!(from("192.0.2.1"), from("192.0.2.2"));
        assert_eq!(from("2001:db8::1"), from("2001:db8::2:3:4:5"));
        assert_ne!(from("2001:db8::1"), from("2001:db8:1::1"));
        assert_ne!(place(&[8; 32], "192.0.2.1".parse().unwrap()), from("192.0.2.1"));
    }
}
