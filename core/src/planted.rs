//! Mistakes that someone could make, to be made on purpose: a simulator that does not find them proves nothing.
//!
//! Without the feature `planted` none of this is compiled: `planted!` is `false`, and the compiler drops what it guards.

/// Whether this mistake is to be made.
#[cfg(feature = "planted")]
macro_rules! planted {
    ($config:expr, $bug:ident) => {
        $config.bug == Some($crate::planted::Bug::$bug)
    };
}

#[cfg(not(feature = "planted"))]
macro_rules! planted {
    ($config:expr, $bug:ident) => {
        false
    };
}

/// A mistake in the room.
#[cfg(feature = "planted")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Bug {
    /// An edit is acknowledged before it is durable.
    AckBeforeCommit,
    /// Others are told of an edit before it is durable.
    ToldBeforeCommit,
    /// A snapshot leaves before what it shows is durable.
    SnapshotBeforeCommit,
    /// A room that is loaded gives its latest client ids out again.
    IdsUsedAgain,
    /// An edit that is sent again is made again.
    DedupeDropped,
    /// What was made before the room was loaded is not remembered.
    DedupeNotRebuilt,
    /// Who resumes gets the missed events but the first.
    DeltaOneShort,
    /// Nobody is told that a lost session has ended.
    PresenceLeaked,
    /// All users share one rate.
    SharedBucket,
    /// A drag is told although its edit was stored.
    DragAfterItsEdit,
    /// A dragger who leaves leaves a ghost behind.
    GhostLeft,
    /// A change of one property sets another one back.
    PropertyReset,
    /// A touched chunk of the snapshot is not written.
    ChunkForgotten,
    /// A refused sender is told that the image does not exist.
    WrongTruth,
    /// A slow reader that has caught up is not told what it missed.
    SlowNotRefreshed,
    /// An edit goes to its sender too.
    Echoed,
    /// Everyone edits in a locked room.
    LockIgnored,
    /// A right bites only once it was told.
    RightsAsTold,
    /// Members, bans and links are not stored.
    MembersNotStored,
    /// Nobody is told of a right that changed.
    RightsUntold,
    /// The list of rooms is told of a room once and never again.
    AnnouncedOnce,
    /// A canvas is taken back to a second too early.
    RewoundTooFar,
    /// Of a canvas that was replaced the member who came first is not told.
    RewriteUntold,
    /// Who looks elsewhere never hears where a cursor went.
    FarUntold,
}

#[cfg(feature = "planted")]
impl Bug {
    /// Every bug.
    pub const ALL: [Bug; 24] = [
        Bug::AckBeforeCommit,
        Bug::ToldBeforeCommit,
        Bug::SnapshotBeforeCommit,
        Bug::IdsUsedAgain,
        Bug::DedupeDropped,
        Bug::DedupeNotRebuilt,
        Bug::DeltaOneShort,
        Bug::PresenceLeaked,
        Bug::SharedBucket,
        Bug::DragAfterItsEdit,
        Bug::GhostLeft,
        Bug::PropertyReset,
        Bug::ChunkForgotten,
        Bug::WrongTruth,
        Bug::SlowNotRefreshed,
        Bug::Echoed,
        Bug::LockIgnored,
        Bug::RightsAsTold,
        Bug::MembersNotStored,
        Bug::RightsUntold,
        Bug::AnnouncedOnce,
        Bug::RewoundTooFar,
        Bug::RewriteUntold,
        Bug::FarUntold,
    ];
}
