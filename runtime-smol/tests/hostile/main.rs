//! Hostile clients against the real server: whatever one of them sends, it gets the exact answer, and nobody else
//! notices. The tables of frames and of messages are beside it.

#[path = "../common/mod.rs"]
mod common;
mod frames;
mod messages;
mod peers;
mod rooms;
mod scene;
