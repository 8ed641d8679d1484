//! The removal of files that nothing refers to. It owns a thread that, now and then, asks the store room by room what
//! is referred to, marks those files as of now, and removes those whose last mark is too old.
//!
//! Nothing is removed after a round that could not ask for every room. What a room has not stored yet is younger than
//! any mark that is too old; who adds an image whose file went in the same moment has a dead link, as with any address.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use super::Hash;
use crate::server::Server;
use crate::start::reason;
use crate::store::Store;

/// The most time between two rounds.
const ROUND: Duration = Duration::from_secs(3600);

/// Begins to sweep, now and for ever. The error is a sentence for the operator.
pub(crate) fn start(server: Arc<Server>) -> Result<(), String> {
    let pause = server.assets.limits.keep.min(ROUND);
    let sweeping = move || {
        while !server.is_draining() {
            match sweep(&server, SystemTime::now()) {
                Ok(0) => {}
                Ok(removed) => tracing::info!("{removed} assets were removed that no room refers to"),
                Err(error) => tracing::warn!("assets could not be swept: {}", reason(&error)),
            }
            thread::sleep(pause);
        }
    };
    let thread = thread::Builder::new().name("kanvas-sweep".into()).spawn(sweeping);
    thread.map(drop).map_err(|error| format!("a thread could not be started ({error})"))
}

fn sweep(server: &Server, now: SystemTime) -> io::Result<u64> {
    let files = &server.assets.files;
    refer(&server.store, |hash| files.touch(hash, now))?;
    files.sweep(now, server.assets.limits.keep)
}

/// Tells every asset that a stored room refers to.
fn refer(store: &Store, mut tell: impl FnMut(&Hash) -> io::Result<()>) -> io::Result<()> {
    let mut after = String::new();
    loop {
        let Ok(next) = store.references(after) else {
            return Err(io::Error::other("the rooms cannot be read"));
        };
        let Some((room, hashes)) = next else { return Ok(()) };
        hashes.iter().try_for_each(&mut tell)?;
        after = room;
    }
}

/// Adds every asset that some stored bytes refer to. Rooms write addresses and JSON as they are judged: no character
/// of such an address is ever escaped.
pub(crate) fn find(bytes: &[u8], found: &mut std::collections::HashSet<Hash>) {
    const PREFIX: &[u8] = b"/assets/";
    let mut rest = bytes;
    while let Some(at) = rest.windows(PREFIX.len()).position(|window| window == PREFIX) {
        rest = rest.get(at + PREFIX.len()..).unwrap_or_default();
        let hash = rest.get(..Hash::LEN).and_then(|hash| std::str::from_utf8(hash).ok()).and_then(Hash::parse);
        found.extend(hash);
    }
}
