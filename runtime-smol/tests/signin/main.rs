//! Signing in at the door of the real server: which tokens it takes from where, what it says to the others, where its
//! keys come from, how long a token holds on a live socket. Whatever a test shows to a server, its log has none of it.

#[path = "../common/mod.rs"]
mod common;
mod door;
mod expiry;
mod keys;
mod modes;
mod outside;
mod stub;
mod tokens;
