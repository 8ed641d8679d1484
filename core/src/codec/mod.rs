//! What crosses a room's border, as bytes: for hosts that are not written in Rust, for recordings, and to compare what
//! two rooms say. Everything is little-endian and in the order in which the fields of the type stand; a text or a list
//! of bytes has its length before it as a `u32`, an optional one [`NONE`] in place of the length. Names stand for the
//! variants of enums whose numbers could change: roles, closes, codes, parts, dialects.
//!
//! Each input and each op is a record: the length of what follows as a `u32`, then its number, then its fields.

mod input;
mod op;
mod words;

pub(crate) use input::{Rows, read_next, read_next_rows};
pub use input::{Unreadable, read_inputs, write_input};
pub use op::{fingerprint, write_op, write_ops};
pub(crate) use words::{Reader, blob, text, u64};

/// In place of a length: there is none. No list of bytes is as long.
pub const NONE: u32 = u32::MAX;
