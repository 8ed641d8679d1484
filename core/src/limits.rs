//! Every bound in one place. Going over one is a named outcome, never a panic.

use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::outbox::MAX_ATTACHMENT;
use crate::time::Span;

/// The longest op id, in bytes.
pub const OP_ID_BYTES: usize = 64;
/// The longest image id, in bytes.
pub const IMAGE_ID_BYTES: usize = 128;
/// The longest address of an image, in bytes.
pub const SRC_BYTES: usize = 2048;
/// The longest address of an avatar, in bytes.
pub const AVATAR_BYTES: usize = 512;
/// The longest user id, in bytes.
pub const USER_ID_BYTES: usize = 128;
/// The longest `_pk`, in bytes.
pub const PK_BYTES: usize = 128;
/// The longest name, in bytes.
pub const NAME_BYTES: usize = 128;
/// The longest name, in graphemes.
pub const NAME_GRAPHEMES: usize = 32;
/// A person's own presence fields, in bytes of JSON.
pub const PRESENCE_BYTES: usize = 1024;
/// The most further fields of an image, or fields of a presence.
pub const FURTHER_FIELDS: usize = 32;
/// The longest name of a further field, in bytes.
pub const FIELD_NAME_BYTES: usize = 64;
/// One whole image, in bytes of JSON.
pub const IMAGE_BYTES: usize = 4096;
/// The longest stacking key.
pub const Z_BYTES: usize = 48;
/// The largest magnitude of a number in an image, a cursor or a viewport.
pub const MAX_NUMBER: f64 = 1e9;
/// How deep JSON may nest; the message itself is 1.
pub const JSON_DEPTH: u8 = 16;
/// The most of one `state:sync` frame, in bytes of shared payload.
pub const SYNC_PART_BYTES: usize = 256 * 1024;
/// The most that a back end tells everybody at once, in bytes of JSON.
pub const PUBLISHED_BYTES: usize = 16 * 1024;
/// The most of one chunk of a snapshot, in bytes.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Chat messages in one chunk: four of the longest, each with its sender, stay below [`CHUNK_BYTES`].
pub const CHAT_CHUNK: u64 = 4;
/// How many client ids a room reserves at a time.
pub const CLIENT_ID_BLOCK: u64 = 256;

/// The longest reason that an owner gives, in code points; four times as many bytes at most.
pub const REASON_CHARS: u32 = 200;

// What a member's attachment holds at most (see `attachment.rs`), with 90 bytes for lengths and numbers.
const _: () = assert!(
    USER_ID_BYTES + NAME_BYTES + AVATAR_BYTES + PRESENCE_BYTES + PK_BYTES + 16 + 16 + 90 <= MAX_ATTACHMENT,
    "an attachment must fit"
);

/// A token bucket: `per_sec` a second, up to `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// How many tokens come back in a second, 1 to 1,000,000.
    pub per_sec: u32,
    /// How many tokens the bucket holds, 1 to 1,000,000.
    pub burst: u32,
}

/// The bounds of a room that an operator may set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// One inbound message, in bytes. Default 64 KiB.
    pub message_bytes: u32,
    /// Sockets in a room. Default 1,000.
    pub room_connections: u32,
    /// Sockets of one user in a room. Default 10.
    pub user_connections: u32,
    /// Images in a room. Default 5,000.
    pub images: u32,
    /// All images of a room together, in bytes of JSON. Default 8 MiB.
    pub image_bytes: u32,
    /// A whole room as a document, and the images of a whole canvas, in bytes of JSON as they come. Default 16 MiB.
    pub document_bytes: u32,
    /// Of a canvas that is replaced: more frames than these bytes are not told one by one, the state is instead.
    /// Default 64 KiB.
    pub told_singly_bytes: u32,
    /// Images one client drags at once. Default 512.
    pub drags: u32,
    /// Chat messages kept. Default 200.
    pub chat_history: u32,
    /// One chat message, in code points; four times as many bytes at most. Default 2,000.
    pub chat_chars: u32,
    /// Stored events kept in memory for resuming clients. Default 3,000.
    pub log_ops: u32,
    /// The same, in bytes. Default 2 MiB.
    pub log_bytes: u32,
    /// How long stored events beyond `log_ops` are kept in storage. Default 24 h.
    pub log_age: Span,
    /// Stored events between two snapshots. Default 256.
    pub snapshot_ops: u32,
    /// Messages held before a join. Default 256.
    pub held_messages: u32,
    /// The same, in bytes. Default 256 KiB.
    pub held_bytes: u32,
    /// Frames that wait for storage; beyond it edits are refused with `busy`. Default 4,096.
    pub gated_frames: u32,
    /// The same, in bytes. Default 4 MiB.
    pub gated_bytes: u32,
    /// Op ids remembered for one client. Default 256.
    pub dedupe_ids: u32,
    /// Clients whose op ids are remembered. Default 1,024.
    pub dedupe_clients: u32,
    /// How long op ids are remembered. Default 10 min.
    pub dedupe_age: Span,
    /// Edits of one user. Default 60/s, burst 120.
    pub edits: Rate,
    /// Cursor, viewport and drag updates of one user that are passed on. Default 60/s, burst 60.
    pub cursors: Rate,
    /// Chat messages of one user. Default 5 in 5 s, burst 10.
    pub chat: Rate,
    /// Everything else of one socket: joins, leaves, pings, messages that cannot be read. Default 20/s, burst 60.
    pub control: Rate,
    /// Messages that cannot be read, within [`Limits::garbage_window`], before a close with 4509. Default 10.
    pub garbage: u32,
    /// See [`Limits::garbage`]. Default 10 s.
    pub garbage_window: Span,
    /// Refusals, within [`Limits::abuse_window`], before a close with 4202. Default 600.
    pub abuse: u32,
    /// See [`Limits::abuse`]. Default 60 s.
    pub abuse_window: Span,
    /// The longest that a cursor waits for a flush, and how much of flushing may be saved up or owed. Default 16 ms.
    pub flush: Span,
    /// What a flush costs for each member that is told, in microseconds: how long it would take to pay for it. Default
    /// 320.
    pub flush_cost: u32,
    /// How long those who look elsewhere wait for where a cursor is. Default 500 ms; zero: no longer than the others.
    pub far_cursors: Span,
    /// How long a socket may stay without joining. Default 10 s.
    pub join_timeout: Span,
    /// How long the session of a lost connection waits for its client. Default 15 s.
    pub grace: Span,
    /// How long without a frame until a person counts as idle. Default 60 s.
    pub idle: Span,
    /// How long a drag may be silent before the stored values are sent again. Default 2 s.
    pub drag_silence: Span,
    /// How long an empty room stays loaded. Default 60 s.
    pub empty: Span,
    /// How long before the end of a lease its holder is told, and how long after it the socket is closed. Default 30 s.
    pub lease_notice: Span,
    /// People with a role of their own in a room. Default 1,000.
    pub members: u32,
    /// People banned from a room. Default 1,000.
    pub bans: u32,
    /// Links that let people into a room. Default 100.
    pub shares: u32,
    /// The shortest time between two announcements of a room. Default 1 s.
    pub announce: Span,
    /// The shortest time between two announcements of nothing but activity. Default 15 s.
    pub announce_activity: Span,
    /// How often a room with people in it is announced anew; `None`: only when something changes. Default 60 s.
    pub announce_again: Option<Span>,
    /// Rooms on the list. Default 200,000.
    pub listed_rooms: u32,
    /// How long an idle and empty room stays on the list; `None`: for good. Default 30 min.
    pub listed_idle: Option<Span>,
    /// How long a room with people in it may be silent until it counts as empty; `None`: for ever. Default 3 min.
    pub listed_silent: Option<Span>,
    /// Rooms that watchers of the list are shown. Default 100.
    pub feed_rooms: u32,
    /// The shortest time between two batches for them. Default 1 s.
    pub feed: Span,
}

impl Limits {
    /// To within which time a host knows when somebody was heard last (SLEEP5).
    pub(crate) const fn idle_step(&self) -> Span {
        Span::from_millis(self.idle.as_millis() / 4)
    }

    /// Those of a canvas that was within its bounds when it came to be.
    pub(crate) fn none() -> Limits {
        Limits { images: u32::MAX, image_bytes: u32::MAX, ..Limits::default() }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message_bytes: 64 * 1024,
            room_connections: 1000,
            user_connections: 10,
            images: 5000,
            image_bytes: 8 * 1024 * 1024,
            document_bytes: 16 * 1024 * 1024,
            told_singly_bytes: 64 * 1024,
            drags: 512,
            chat_history: 200,
            chat_chars: 2000,
            log_ops: 3000,
            log_bytes: 2 * 1024 * 1024,
            log_age: Span::from_secs(24 * 3600),
            snapshot_ops: 256,
            held_messages: 256,
            held_bytes: 256 * 1024,
            gated_frames: 4096,
            gated_bytes: 4 * 1024 * 1024,
            dedupe_ids: 256,
            dedupe_clients: 1024,
            dedupe_age: Span::from_secs(600),
            edits: Rate { per_sec: 60, burst: 120 },
            cursors: Rate { per_sec: 60, burst: 60 },
            chat: Rate { per_sec: 1, burst: 10 },
            control: Rate { per_sec: 20, burst: 60 },
            garbage: 10,
            garbage_window: Span::from_secs(10),
            abuse: 600,
            abuse_window: Span::from_secs(60),
            flush: Span::from_millis(16),
            flush_cost: 320,
            far_cursors: Span::from_millis(500),
            join_timeout: Span::from_secs(10),
            grace: Span::from_secs(15),
            idle: Span::from_secs(60),
            drag_silence: Span::from_secs(2),
            empty: Span::from_secs(60),
            lease_notice: Span::from_secs(30),
            members: 1000,
            bans: 1000,
            shares: 100,
            announce: Span::from_secs(1),
            announce_activity: Span::from_secs(15),
            announce_again: Some(Span::from_secs(60)),
            listed_rooms: 200_000,
            listed_idle: Some(Span::from_secs(30 * 60)),
            listed_silent: Some(Span::from_secs(180)),
            feed_rooms: 100,
            feed: Span::from_secs(1),
        }
    }
}

/// How a room behaves; the same for every room of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Its bounds.
    pub limits: Limits,
    /// What guests may do, whatever a room says of them; `None` leaves it to the room. `Some(Editor)` is a
    /// development server, where rooms have no owner and everyone edits.
    pub guests: Option<Role>,
    /// Whether images may have `http:` addresses on this machine (`localhost`, `127.0.0.1`, `[::1]`).
    pub http_loopback: bool,
    /// A mistake to make on purpose. It is not saved: a room that was saved without this feature can be restored.
    #[cfg(feature = "planted")]
    #[serde(skip)]
    pub bug: Option<crate::planted::Bug>,
}

impl Default for Config {
    /// A development server's.
    fn default() -> Config {
        Config {
            limits: Limits::default(),
            guests: Some(Role::Editor),
            http_loopback: true,
            #[cfg(feature = "planted")]
            bug: None,
        }
    }
}
