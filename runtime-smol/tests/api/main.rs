//! The API for the operator's own back end, over real sockets against the built server.

mod back_end;
#[path = "../common/mod.rs"]
mod common;
mod door;
mod handover;
mod moving;
mod past;
mod people;
mod recording;
mod rooms;
mod travel;
