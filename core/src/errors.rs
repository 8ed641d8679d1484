//! The one vocabulary of refusals: error codes that leave a socket open, close codes that end it.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $message:literal;)*) => {
        /// Why a message was refused. The socket stays open.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in the order of the documents.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as the wire has it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// A sentence for a person: what was wrong and what to do. It never echoes input.
            pub const fn message(self) -> &'static str {
                match self { $(Code::$name => $message,)* }
            }
        }
    };
}

codes! {
    /// Not JSON, not an object, a wrong type, a duplicate or forbidden key, or nested too deep.
    BadMessage = "bad_message", "The message could not be read; send one JSON object with a type and its data.";
    /// A `type` that this server does not know.
    UnknownType = "unknown_type", "This server does not know that type of message.";
    /// A list, a set of fields or a number of drags over its bound.
    TooMany = "too_many", "That is more than is allowed at once; send fewer.";
    /// A number outside its bounds.
    OutOfRange = "out_of_range", "A number is outside its bounds.";
    /// A text over its bound.
    TooLong = "too_long", "A text is longer than is allowed; shorten it.";
    /// A text or an id with nothing in it.
    Empty = "empty", "A text that must not be empty is empty.";
    /// An address that an image or avatar may not have.
    BadUrl = "bad_url", "The address must be an https address or an asset of this server.";
    /// Names a place in the log that cannot be.
    BadSeq = "bad_seq", "That place in the log cannot be.";
    /// The same id was sent before with another body.
    OpIdReused = "op_id_reused", "This id already names another edit; use a new one.";
    /// The message needs a `user:join` before it.
    NotJoined = "not_joined", "Join the room first.";
    /// A second `user:join` on one socket.
    AlreadyJoined = "already_joined", "This socket has already joined.";
    /// No such image, person or link here.
    NotFound = "not_found", "There is no such image or person in this room.";
    /// The role does not allow it.
    Forbidden = "forbidden", "Your role does not allow this.";
    /// Only the owner edits now.
    Locked = "locked", "The room is locked; only its owner can edit.";
    /// The edit contradicts what is there.
    Conflict = "conflict", "This contradicts what is already there.";
    /// Too fast; `retryAfterMs` says when to try again.
    RateLimited = "rate_limited", "Too many of these; slow down.";
    /// The room has its most images or bytes.
    LimitImages = "limit_images", "The room is full of images; remove some first.";
    /// The person has made too many rooms.
    LimitRooms = "limit_rooms", "You have created too many rooms; try again later.";
    /// The room waits for its storage.
    Busy = "busy", "The room is waiting for its storage; try again shortly.";
    /// The room cannot be written now.
    ReadOnly = "read_only", "The room can be read but not changed at the moment.";
    /// The disk is full.
    StorageFull = "storage_full", "The server's storage is full; nothing was changed.";
    /// A fault of the server's.
    Internal = "internal", "The server made a mistake; try again.";
}

impl Code {
    /// Whether what the room holds may be the reason: with other content the same message might have passed.
    pub(crate) const fn depends_on_content(self) -> bool {
        match self {
            Code::OpIdReused
            | Code::NotFound
            | Code::Conflict
            | Code::LimitImages
            | Code::TooLong
            | Code::TooMany
            | Code::Busy
            | Code::StorageFull => true,
            Code::BadMessage
            | Code::UnknownType
            | Code::OutOfRange
            | Code::Empty
            | Code::BadUrl
            | Code::BadSeq
            | Code::NotJoined
            | Code::AlreadyJoined
            | Code::Forbidden
            | Code::Locked
            | Code::RateLimited
            | Code::LimitRooms
            | Code::ReadOnly
            | Code::Internal => false,
        }
    }
}

macro_rules! closes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $reason:literal, $message:literal;)*) => {
        /// Why a socket was closed. The band of its number tells the client what to do next.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Close { $($(#[$doc])* $name,)* }

        impl Close {
            /// Every reason, by number.
            pub const ALL: &'static [Close] = &[$(Close::$name,)*];

            /// The WebSocket close code.
            pub const fn code(self) -> u16 {
                match self { $(Close::$name => $code,)* }
            }

            /// The close reason; also the `code` of the `error` event before it.
            pub const fn reason(self) -> &'static str {
                match self { $(Close::$name => $reason,)* }
            }

            /// A sentence for a person, in the `error` event before the close.
            pub const fn message(self) -> &'static str {
                match self { $(Close::$name => $message,)* }
            }
        }
    };
}

closes! {
    /// The server stops.
    Shutdown = 1001, "shutdown", "The server is shutting down.";
    /// The server restarts; come back after `retryAfterMs`.
    Restart = 1012, "restart", "The server is restarting; reconnecting by itself.";
    /// The server has too much to do.
    Overloaded = 1013, "overloaded", "The server is overloaded; try again later.";
    /// Get a fresh token.
    TokenExpired = 4101, "token_expired", "Your session has expired; sign in again.";
    /// No token, and one is needed.
    TokenRequired = 4102, "token_required", "Sign in to enter this room.";
    /// The client reads too slowly.
    SlowConsumer = 4201, "slow_consumer", "The connection is too slow to keep up.";
    /// Abuse: hundreds of refusals in a minute, or too many sockets.
    RateLimited = 4202, "rate_limited", "Too many requests; wait before connecting again.";
    /// What the client has of the room is void: it missed too much while it loaded, or the room was replaced. It must
    /// start again.
    Resync = 4203, "resync", "What you have of the room is out of date; reconnecting.";
    /// The client said nothing for too long.
    Timeout = 4204, "timeout", "The connection was silent for too long.";
    /// Storage or keys are down.
    Unavailable = 4205, "unavailable", "The room cannot be reached at the moment; try again later.";
    /// Not allowed.
    Forbidden = 4501, "forbidden", "You are not allowed to enter this room.";
    /// No such room.
    NotFound = 4502, "not_found", "There is no such room.";
    /// Thrown out.
    Kicked = 4503, "kicked", "You were removed from this room.";
    /// Thrown out for good.
    Banned = 4504, "banned", "You are banned from this room.";
    /// The room has its most people.
    RoomFull = 4505, "room_full", "The room is full.";
    /// The room was closed.
    RoomClosed = 4506, "room_closed", "The room was closed.";
    /// Input that cannot be decoded, repeatedly.
    BadProtocol = 4509, "bad_protocol", "This client speaks a protocol that this server cannot read.";
    /// A token that no server of ours accepts.
    TokenInvalid = 4510, "token_invalid", "Your sign-in was not accepted.";
}
