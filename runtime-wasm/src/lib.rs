//! Kanvas for hosts written in JavaScript: the same machines as in Rust, with bytes in and bytes out.
//!
//! A host writes inputs into a machine's inbox, lets it handle them, and reads one view of what it said. Nothing calls
//! back into JavaScript while a machine runs. `kanvas_core::codec` says how inputs and ops are written.

#![deny(unsafe_code)]

mod asking;
#[cfg(feature = "back-end")]
mod backend;
mod bodies;
mod directory;
#[cfg(feature = "clerk")]
mod keys;
mod machine;
mod moving;
mod reading;
#[cfg(feature = "sim")]
mod replay;
mod room;
mod words;
#[cfg(feature = "sim")]
mod world;

#[cfg(feature = "back-end")]
pub use backend::BackEndCall;
pub use bodies::{read_link, read_room};
pub use directory::Directory;
#[cfg(feature = "clerk")]
pub use keys::KeyRing;
pub use moving::Arrival;
#[cfg(feature = "sim")]
pub use replay::Replay;
pub use room::Room;
#[cfg(feature = "clerk")]
pub use words::issuer;
pub use words::{errors, room_id, sniff};
#[cfg(feature = "sim")]
pub use world::{World, defaults, mistakes};
