//! The removal of files that nothing refers to. It owns a thread that, now and then, asks the store room by room what
//! is referred to, marks those files as of now, and removes those whose last mark is too old.
//!
//! Nothing is removed after a round that could not ask for every room. What a room has not stored yet is younger than
//! any mark that is too old; who adds an image whose file went in the same moment has a dead link, as with any address.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use super::{Assets, Hash};
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
            match sweep(&server.store, &server.assets, SystemTime::now()) {
                Ok(0) => {}
                // The store has gone, as it should.
                Err(_) if server.is_draining() => {}
                Ok(removed) => tracing::info!("{removed} assets were removed that no room refers to"),
                Err(error) => tracing::warn!("assets could not be swept: {}", reason(&error)),
            }
            thread::sleep(pause);
        }
    };
    let thread = thread::Builder::new().name("kanvas-sweep".into()).spawn(sweeping);
    thread.map(drop).map_err(|error| format!("a thread could not be started ({error})"))
}

/// One round; says how many files were removed.
fn sweep(store: &Store, assets: &Assets, now: SystemTime) -> io::Result<u64> {
    let Assets { files, limits, .. } = assets;
    let mut after = String::new();
    loop {
        let next = store.references(after).map_err(|_| io::Error::other("the rooms cannot be read"))?;
        let Some((room, hashes)) = next else { break };
        hashes.iter().try_for_each(|hash| files.touch(hash, now))?;
        after = room;
    }
    files.sweep(now, limits.keep)
}

/// Adds every asset that some stored bytes refer to. Rooms write addresses and JSON as they are judged: no character
/// of such an address is ever escaped.
pub(crate) fn find(bytes: &[u8], found: &mut HashSet<Hash>) {
    const PREFIX: &[u8] = b"/assets/";
    let mut rest = bytes;
    while let Some(at) = rest.windows(PREFIX.len()).position(|window| window == PREFIX) {
        rest = rest.get(at + PREFIX.len()..).unwrap_or_default();
        let hash = rest.get(..Hash::LEN).and_then(|hash| std::str::from_utf8(hash).ok()).and_then(Hash::parse);
        found.extend(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::AssetLimits;

    fn found(text: &str) -> usize {
        let mut found = HashSet::new();
        find(text.as_bytes(), &mut found);
        found.len()
    }

    #[test]
    fn asset12_references_are_found_wherever_they_stand() {
        let (a, b) = (format!("/assets/{}", "a".repeat(64)), format!("/assets/{}", "0b".repeat(32)));
        assert_eq!(found(&format!(r#"[{{"src":"{a}"}},{{"src":"{b}"}},{{"src":"{a}"}}]"#)), 2);
        assert_eq!(found(&format!("{a}{b}")), 2);
        assert_eq!(found(&format!("/assets/{b}")), 1);
        assert_eq!(found(&format!("/assets//assets/ {}", a.to_uppercase())), 0);
        assert_eq!(found(&a[..a.len() - 1]), 0);
        assert_eq!(found(""), 0);
    }

    #[test]
    fn asset12_what_cannot_be_asked_for_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let keep = Duration::from_secs(7 * 86_400);
        let limits = AssetLimits { file: 4096, day: 4096, total: 8192, keep };
        let assets = Assets::open(directory.path(), limits).unwrap();
        let path = directory.path().join("kanvas.db");
        let mut store = Store::open(&path, Arc::default()).unwrap();
        let put = || {
            let mut file = assets.files.begin().unwrap();
            file.write(b"GIF89a").unwrap();
            let whole = file.finish().unwrap();
            let hash = whole.hash.clone();
            assets.files.keep(whole).unwrap();
            hash
        };
        let hash = put();
        let now = SystemTime::now();
        assert_eq!(sweep(&store, &assets, now + keep - Duration::from_secs(60)).unwrap(), 0, "it is not old enough");
        smol::block_on(store.stop());
        assert!(sweep(&store, &assets, now + keep * 2).is_err());
        assert!(assets.files.look(&hash, 6).is_ok());
        store = Store::open(&path, Arc::default()).unwrap();
        assert_eq!(sweep(&store, &assets, now + keep * 2).unwrap(), 1);
        assert!(assets.files.look(&hash, 6).is_err());
        put();
        put();
        assets.files.touch(&hash, now + keep).unwrap();
        assert_eq!(sweep(&store, &assets, now + keep * 2).unwrap(), 0, "it was referred to since");
    }
}
