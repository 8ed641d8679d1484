//! What all threads of the server share, and how a room finds its thread. It owns nothing that a room's work needs to
//! lock.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kanvas_core::{Config, Founds, RoomId, Span, Time};
use smol::channel::Sender;
use std::time::Duration;

use crate::api::AdminSecret;
use crate::assets::Assets;
use crate::auth::AuthMode;
use crate::clock::Clock;
use crate::dashboard::Watch;
use crate::edge::Edge;
use crate::gate::Gate;
use crate::host::{Slot, Visitor};
use crate::meters::Meters;
use crate::quota::{Births, Claim};
use crate::signin::SignIn;
use crate::store::Store;
use crate::webhooks::Webhooks;

/// What a socket is opened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Room(RoomId),
    /// The list of rooms.
    List,
}

impl Destination {
    /// Under which name its host has it.
    pub(crate) fn name(&self) -> RoomId {
        match self {
            Destination::Room(room) => room.clone(),
            Destination::List => RoomId::of_list(),
        }
    }
}

/// See the module.
pub(crate) struct Server {
    pub(crate) store: Store,
    pub(crate) assets: Assets,
    pub(crate) clock: Clock,
    pub(crate) edge: Edge,
    pub(crate) sign_in: SignIn,
    /// Where what happens in rooms is told, if anywhere.
    pub(crate) webhooks: Option<Webhooks>,
    /// By which the operator's own back end is known; `/api` is off without one.
    pub(crate) admin: Option<AdminSecret>,
    pub(crate) births: Arc<Births>,
    pub(crate) meters: Arc<Meters>,
    /// What the dashboard keeps from one look to the next.
    pub(crate) watch: Watch,
    pub(crate) gate: Arc<Gate>,
    /// How long a connection outlives its token, if it gets no fresh one.
    pub(crate) lease_grace: Span,
    pub(crate) rooms: Config,
    /// Rooms loaded at once on one thread.
    pub(crate) rooms_a_host: usize,
    /// Makes guests' user ids.
    pub(crate) secret: [u8; 32],
    pub(crate) ping_every: Duration,
    pub(crate) dead_after: Duration,
    /// The places for recordings of rooms.
    pub(crate) recordings: Slot,
    pub(crate) hosts: Vec<Sender<Visitor>>,
    /// The host that has the list of rooms.
    pub(crate) lister: Sender<Visitor>,
    /// Keyed by chance, so that nobody can choose names that all fall on one thread.
    pub(crate) hasher: RandomState,
    pub(crate) draining: AtomicBool,
}

impl Server {
    /// The thread that runs a room.
    pub(crate) fn host_of(&self, room: &RoomId) -> &Sender<Visitor> {
        let spread = self.hasher.hash_one(room) % self.hosts.len().max(1) as u64;
        let no = usize::try_from(spread).unwrap_or_default();
        &self.hosts[no]
    }

    /// The thread that a socket belongs to.
    pub(crate) fn host_at(&self, to: &Destination) -> &Sender<Visitor> {
        match to {
            Destination::Room(room) => self.host_of(room),
            Destination::List => &self.lister,
        }
    }

    /// When the lease of a token ends that expires then, by the clock that rooms go by.
    pub(crate) fn lease(&self, expires: Time) -> Time {
        self.clock.now() + expires.since(self.clock.wall()) + self.lease_grace
    }

    /// Whether this person may make a room, and the place that is kept for it.
    pub(crate) fn founds(&self, user: &str, verified: bool) -> (Founds, Option<Claim>) {
        match self.edge.mode {
            AuthMode::Optional | AuthMode::Required if !verified => (Founds::No, None),
            AuthMode::Dev | AuthMode::Optional | AuthMode::Required => {
                let claim = self.births.claim(self.clock.now(), user);
                (if claim.is_some() { Founds::Yes } else { Founds::Spent }, claim)
            }
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}
