//! Hostile clients against the real server: whatever one of them sends, it gets the exact answer, and nobody else
//! notices. The tables of frames and of messages are beside it.

mod bounds;
mod closes;
#[path = "../common/mod.rs"]
mod common;
mod frames;
mod messages;
mod peers;
mod requests;
mod rights;
mod rooms;
mod scene;
