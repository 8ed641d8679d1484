//! What one host thread counts. Only that thread writes it, so it costs an addition.

use kanvas_core::{FrameKind, Stats};

/// Frames of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said {
    /// Said once each, whoever hears them.
    pub(crate) frames: u64,
    /// Sockets that got one.
    pub(crate) deliveries: u64,
    /// What went to all of them, without the heads of frames.
    pub(crate) bytes: u64,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally([Said; FrameKind::ALL.len()]);

impl Tally {
    pub(crate) fn say(&mut self, kind: FrameKind, receivers: usize, bytes: usize) {
        let said = &mut self.0[kind.index()];
        said.frames += 1;
        said.deliveries += receivers as u64;
        said.bytes += (receivers * bytes) as u64;
    }

    pub(super) fn said(&self) -> impl Iterator<Item = (FrameKind, Said)> {
        FrameKind::ALL.iter().copied().zip(self.0)
    }

    fn add(&mut self, other: &Tally) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.frames += theirs.frames;
            mine.deliveries += theirs.deliveries;
            mine.bytes += theirs.bytes;
        }
    }
}

/// What a host thread, or all of them, have counted, and what they have now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) tally: Tally,
    /// Of all rooms since the start, those that have gone included.
    pub(crate) stats: Stats,
    pub(crate) rooms: u64,
    /// Different people in a room, of all rooms.
    pub(crate) people: u64,
    pub(crate) sockets: u64,
    /// What rooms wait for.
    pub(crate) timers: u64,
    /// Sockets that cursors are kept from, since they do not read fast enough.
    pub(crate) slow: u64,
    /// What waits to be written to all sockets.
    pub(crate) waiting_bytes: u64,
}

impl Report {
    /// All frames together.
    pub(crate) fn said(&self) -> Said {
        self.tally.said().fold(Said::default(), |all, (_, said)| Said {
            frames: all.frames + said.frames,
            deliveries: all.deliveries + said.deliveries,
            bytes: all.bytes + said.bytes,
        })
    }

    pub(crate) fn add(&mut self, other: &Report) {
        self.tally.add(&other.tally);
        self.stats.add(&other.stats);
        self.rooms += other.rooms;
        self.people += other.people;
        self.sockets += other.sockets;
        self.timers += other.timers;
        self.slow += other.slow;
        self.waiting_bytes += other.waiting_bytes;
    }
}
