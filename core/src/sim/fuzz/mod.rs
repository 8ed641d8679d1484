//! The bodies of the fuzz targets: each takes any bytes and panics if a rule does not hold. They are here, beside the
//! world that some of them drive, so that the committed corpus replays in the ordinary tests as well.
//!
//! What finds new bytes is in the folder `fuzz/` of the repository.

mod bytes;
mod directory;
mod forget;
mod json;
#[cfg(feature = "clerk")]
mod jwks;
#[cfg(feature = "clerk")]
mod jwt;
#[cfg(feature = "clerk")]
mod keys;
mod recording;
mod room;
mod script;
mod text;
mod wire;
mod worlds;

pub use directory::directory;
pub use forget::forget;
#[cfg(feature = "clerk")]
pub use jwks::jwks;
#[cfg(feature = "clerk")]
pub use jwt::jwt;
pub use recording::recording;
pub use room::room;
pub use text::text;
pub use wire::wire;
pub use worlds::{converge, crash};

/// A fuzz target: its name, which is its folder's in the corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("wire", wire),
    ("text", text),
    ("room", room),
    ("converge", converge),
    ("forget", forget),
    ("crash", crash),
    ("directory", directory),
    ("recording", recording),
    #[cfg(feature = "clerk")]
    ("jwt", jwt),
    #[cfg(feature = "clerk")]
    ("jwks", jwks),
];
