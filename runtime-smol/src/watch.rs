//! Follows the frames that come in on one socket, byte by byte and without keeping any, for what the WebSocket library
//! does not tell: how many fragments a message has, how many control frames come, and since when one is unfinished.

use std::time::Instant;

/// The most fragments of one message.
const FRAGMENTS: u32 = 64;
/// Control frames at once, and how many more each second.
const CONTROL_BURST: f64 = 200.0;
const CONTROL_PER_SEC: f64 = 50.0;

/// What a client may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abuse {
    /// A message in too many fragments.
    Fragments,
    /// Too many pings and pongs.
    Control,
    /// A control frame that declares more than one may have.
    LongControl,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Watch {
    header: [u8; 14],
    have: usize,
    left: u64,
    fragments: u32,
    open: bool,
    budget: f64,
    refilled: Instant,
    /// When the last frame was whole.
    pub(crate) last_frame: Instant,
    /// Since when a message is begun and not whole.
    pub(crate) unfinished: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(now: Instant) -> Watch {
        Watch {
            header: [0; 14],
            have: 0,
            left: 0,
            fragments: 0,
            open: false,
            budget: CONTROL_BURST,
            refilled: now,
            last_frame: now,
            unfinished: None,
        }
    }

    /// Takes the next bytes. The error says how many of them come before the frame that is one too many.
    pub(crate) fn feed(&mut self, now: Instant, bytes: &[u8]) -> Result<(), (usize, Abuse)> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if self.left > 0 {
                let taken = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                self.left -= taken as u64;
                at += taken;
            } else {
                let begun = at.saturating_sub(self.have);
                let Some((byte, slot)) = rest.first().zip(self.header.get_mut(self.have)) else { break };
                *slot = *byte;
                self.have += 1;
                at += 1;
                if self.have < 2 || self.have < self.header_len() {
                    continue;
                }
                self.frame(now).map_err(|abuse| (begun, abuse))?;
            }
            if self.left == 0 {
                self.last_frame = now;
                if !self.open {
                    self.unfinished = None;
                }
            }
        }
        if self.open || self.left > 0 || self.have > 0 {
            self.unfinished.get_or_insert(now);
        }
        Ok(())
    }

    fn header_len(&self) -> usize {
        let [_, second, ..] = self.header;
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + if second & 0x80 == 0 { 0 } else { 4 }
    }

    fn frame(&mut self, now: Instant) -> Result<(), Abuse> {
        let [first, second, a, b, c, d, e, f, g, h, ..] = self.header;
        self.have = 0;
        self.left = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes([a, b])),
            127 => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            len => u64::from(len),
        };
        if first & 0x08 != 0 {
            if second & 0x7f > 125 {
                return Err(Abuse::LongControl);
            }
            let passed = now.saturating_duration_since(self.refilled).as_secs_f64();
            self.refilled = now;
            self.budget = (self.budget + passed * CONTROL_PER_SEC).min(CONTROL_BURST) - 1.0;
            return if self.budget < 0.0 { Err(Abuse::Control) } else { Ok(()) };
        }
        self.fragments = if first & 0x0f == 0 { self.fragments + 1 } else { 1 };
        self.open = first & 0x80 == 0;
        if self.fragments > FRAGMENTS { Err(Abuse::Fragments) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn masked(first: u8, len: u8) -> Vec<u8> {
        let mut frame = vec![first, 0x80 | len, 0, 0, 0, 0];
        frame.extend(vec![b'a'; usize::from(len)]);
        frame
    }

    #[test]
    fn ws1_fragments_are_counted_over_any_split_of_the_reads() {
        for step in [1, 3, 6, 1000] {
            let mut bytes = masked(0x01, 3);
            for _ in 0..63 {
                bytes.extend(masked(0x00, 3));
            }
            let whole = bytes.len();
            bytes.extend(masked(0x80, 3));
            let mut watch = Watch::new(Instant::now());
            let mut before = 0;
            let stopped = bytes.chunks(step).find_map(|chunk| match watch.feed(Instant::now(), chunk) {
                Ok(()) => {
                    before += chunk.len();
                    None
                }
                Err((kept, abuse)) => Some((before + kept, abuse)),
            });
            let (kept, abuse) = stopped.unwrap();
            assert_eq!(abuse, Abuse::Fragments);
            assert!(kept >= whole && kept < whole + 6, "step {step}: {kept} of {whole}");
        }
    }

    #[test]
    fn ws2_what_is_unfinished_is_known_and_since_when() {
        let start = Instant::now();
        let later = start + Duration::from_secs(3);
        let mut watch = Watch::new(start);
        watch.feed(start, &masked(0x81, 5)).unwrap();
        assert_eq!(watch.unfinished, None);
        watch.feed(start, &masked(0x01, 5)).unwrap();
        watch.feed(later, &masked(0x89, 0)).unwrap();
        assert_eq!(watch.unfinished, Some(start), "a ping between fragments does not finish the message");
        assert_eq!(watch.last_frame, later);
        watch.feed(later, &masked(0x80, 5)).unwrap();
        assert_eq!(watch.unfinished, None);
        watch.feed(later, &[0x81]).unwrap();
        assert_eq!(watch.unfinished, Some(later));
    }

    #[test]
    fn ws3_control_frames_have_a_budget() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        for _ in 0..200 {
            watch.feed(start, &masked(0x89, 4)).unwrap();
        }
        assert_eq!(watch.feed(start, &masked(0x8a, 4)), Err((0, Abuse::Control)));
        watch.feed(start + Duration::from_secs(2), &masked(0x89, 4)).unwrap();
    }
}
