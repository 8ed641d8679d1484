//! What comes in on one socket, read as WebSocket frames (RFC 6455, section 5) and put together to messages. It owns
//! what is begun and not whole, counts what a client may not do too often, and says what is broken; it never touches a
//! socket. No extension is ever agreed on, so no reserved bit may be set.
//!
//! A message that lies whole in the bytes that were read is unmasked where it lies and handed on from there: a socket
//! that has nothing unfinished keeps no buffer.

use std::time::Instant;

/// The most fragments of one message.
const FRAGMENTS: u32 = 64;
/// Control frames at once, and how many more each second.
const CONTROL_BURST: f64 = 200.0;
const CONTROL_PER_SEC: f64 = 50.0;
/// The most of a control frame's payload.
const CONTROL_BYTES: u64 = 125;

/// What a client said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// A whole message of text; it is UTF-8.
    Text(&'a [u8]),
    /// A whole message of bytes.
    Binary(&'a [u8]),
    /// To be answered with the same.
    Ping(&'a [u8]),
    /// The client's last word, with its code and reason.
    Close(Option<(u16, &'a str)>),
}

/// Whether more is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Go,
    Stop,
}

/// What is wrong with what came. Nothing more is read behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// No frame of the protocol.
    Protocol,
    /// Text that is not UTF-8.
    Utf8,
    /// More than a message may have.
    TooLong,
    /// A message in too many fragments.
    Fragments,
    /// Too many pings and pongs.
    Control,
}

/// What a frame is, by its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Kind {
    fn of(opcode: u8) -> Option<Kind> {
        Some(match opcode {
            0x0 => Kind::Continuation,
            0x1 => Kind::Text,
            0x2 => Kind::Binary,
            0x8 => Kind::Close,
            0x9 => Kind::Ping,
            0xa => Kind::Pong,
            _ => return None,
        })
    }

    fn is_control(self) -> bool {
        matches!(self, Kind::Close | Kind::Ping | Kind::Pong)
    }
}

/// A frame whose header is read.
#[derive(Clone, Copy, Debug)]
struct Frame {
    kind: Kind,
    last: bool,
    mask: [u8; 4],
    len: usize,
    /// How much of its payload has come.
    come: usize,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Frames {
    /// The most of one message, in bytes.
    most: usize,
    /// A header that is not whole, and how much of it is there.
    header: [u8; 14],
    have: usize,
    /// The frame that is begun.
    frame: Option<Frame>,
    /// What has come of a control frame that is begun.
    control: Vec<u8>,
    /// The message that is begun: what its first frame was, and what has come of it.
    message: Option<Kind>,
    bytes: Vec<u8>,
    /// How much of `bytes` is known to be UTF-8.
    valid: usize,
    fragments: u32,
    budget: f64,
    refilled: Instant,
    /// When the last frame was whole.
    pub(crate) last_frame: Instant,
    /// Since when a message is begun and not whole.
    pub(crate) unfinished: Option<Instant>,
}

impl Frames {
    /// A reader of messages of at most so many bytes.
    pub(crate) fn new(most: usize, now: Instant) -> Frames {
        Frames {
            most,
            header: [0; 14],
            have: 0,
            frame: None,
            control: Vec::new(),
            message: None,
            bytes: Vec::new(),
            valid: 0,
            fragments: 0,
            budget: CONTROL_BURST,
            refilled: now,
            last_frame: now,
            unfinished: None,
        }
    }

    /// Takes the next bytes, and hands on what is whole with them, in order. It unmasks them where they lie.
    pub(crate) fn feed(
        &mut self,
        now: Instant,
        input: &mut [u8],
        mut hear: impl FnMut(Heard<'_>) -> Then,
    ) -> Result<Then, Broken> {
        let mut at = 0;
        loop {
            if self.frame.is_none() && !self.begin(now, input, &mut at)? {
                break;
            }
            let Some(mut frame) = self.frame else { break };
            let rest = input.get_mut(at..).unwrap_or_default();
            let take = rest.len().min(frame.len - frame.come);
            let piece = rest.get_mut(..take).unwrap_or_default();
            unmask(piece, frame.mask, frame.come);
            at += take;
            let then = if take == frame.len && (frame.kind.is_control() || frame.last && self.message.is_none()) {
                // All of it lies here.
                self.end(now);
                say(frame.kind, piece, &mut hear)?
            } else {
                self.keep(frame.kind, piece)?;
                frame.come += take;
                self.frame = Some(frame);
                if frame.come < frame.len {
                    break;
                }
                self.end(now);
                self.say_kept(frame, &mut hear)?
            };
            if then == Then::Stop {
                return Ok(Then::Stop);
            }
        }
        if self.have > 0 || self.frame.is_some() || self.message.is_some() {
            self.unfinished.get_or_insert(now);
        }
        Ok(Then::Go)
    }

    /// Reads on in a header. False if it is not whole yet.
    fn begin(&mut self, now: Instant, input: &[u8], at: &mut usize) -> Result<bool, Broken> {
        while self.have < 2 || self.have < header_len(&self.header) {
            let Some((byte, slot)) = input.get(*at).zip(self.header.get_mut(self.have)) else { return Ok(false) };
            *slot = *byte;
            self.have += 1;
            *at += 1;
        }
        self.have = 0;
        let (frame, len) = read_header(&self.header).ok_or(Broken::Protocol)?;
        if frame.kind.is_control() {
            if !frame.last || len > CONTROL_BYTES {
                return Err(Broken::Protocol);
            }
            let passed = now.saturating_duration_since(self.refilled).as_secs_f64();
            self.refilled = now;
            self.budget = (self.budget + passed * CONTROL_PER_SEC).min(CONTROL_BURST) - 1.0;
            if self.budget < 0.0 {
                return Err(Broken::Control);
            }
        } else {
            // A message goes on, or a new one begins; never one inside another.
            if (frame.kind == Kind::Continuation) != self.message.is_some() {
                return Err(Broken::Protocol);
            }
            self.fragments = if frame.kind == Kind::Continuation { self.fragments + 1 } else { 1 };
            if self.fragments > FRAGMENTS {
                return Err(Broken::Fragments);
            }
            if len > self.most.saturating_sub(self.bytes.len()) as u64 {
                return Err(Broken::TooLong);
            }
        }
        self.frame = Some(Frame { len: usize::try_from(len).map_err(|_| Broken::TooLong)?, ..frame });
        Ok(true)
    }

    fn keep(&mut self, kind: Kind, piece: &[u8]) -> Result<(), Broken> {
        if kind.is_control() {
            self.control.extend_from_slice(piece);
            return Ok(());
        }
        self.message.get_or_insert(kind);
        self.bytes.extend_from_slice(piece);
        self.check_text()
    }

    /// A frame is whole.
    fn end(&mut self, now: Instant) {
        let ended = self.frame.take();
        self.last_frame = now;
        let ends_message = ended.is_some_and(|frame| frame.last && !frame.kind.is_control());
        if ends_message || self.message.is_none() {
            self.unfinished = None;
        }
    }

    /// Hands on what the last frame made whole of what was kept.
    fn say_kept(&mut self, frame: Frame, hear: &mut impl FnMut(Heard<'_>) -> Then) -> Result<Then, Broken> {
        if frame.kind.is_control() {
            let payload = std::mem::take(&mut self.control);
            return say(frame.kind, &payload, hear);
        }
        if !frame.last {
            return Ok(Then::Go);
        }
        let bytes = std::mem::take(&mut self.bytes);
        self.valid = 0;
        match self.message.take() {
            Some(kind) => say(kind, &bytes, hear),
            None => Ok(Then::Go),
        }
    }

    /// Finds text that cannot become UTF-8 any more.
    fn check_text(&mut self) -> Result<(), Broken> {
        if self.message != Some(Kind::Text) {
            return Ok(());
        }
        let fresh = self.bytes.get(self.valid..).unwrap_or_default();
        self.valid += match std::str::from_utf8(fresh) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(Broken::Utf8),
        };
        Ok(())
    }
}

/// Hands on a message or a control frame.
fn say(kind: Kind, payload: &[u8], hear: &mut impl FnMut(Heard<'_>) -> Then) -> Result<Then, Broken> {
    Ok(match kind {
        Kind::Text if std::str::from_utf8(payload).is_err() => return Err(Broken::Utf8),
        Kind::Text => hear(Heard::Text(payload)),
        Kind::Binary => hear(Heard::Binary(payload)),
        Kind::Ping => hear(Heard::Ping(payload)),
        Kind::Close => hear(Heard::Close(read_close(payload)?)),
        Kind::Pong | Kind::Continuation => Then::Go,
    })
}

/// The code and the reason of a close frame; one without a payload has none.
fn read_close(payload: &[u8]) -> Result<Option<(u16, &str)>, Broken> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Broken::Protocol) };
    };
    match u16::from_be_bytes(*code) {
        // Those that may stand on the wire (RFC 6455, section 7.4).
        code @ (1000..=1003 | 1007..=1013 | 3000..=4999) => {
            let reason = std::str::from_utf8(reason).map_err(|_| Broken::Utf8)?;
            Ok(Some((code, reason)))
        }
        _ => Err(Broken::Protocol),
    }
}

fn header_len(header: &[u8; 14]) -> usize {
    let [_, second, ..] = header;
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + extended + if second & 0x80 == 0 { 0 } else { 4 }
}

/// A frame of no length yet, and the length that it declares. `None` for none that a client may send.
fn read_header(header: &[u8; 14]) -> Option<(Frame, u64)> {
    let [first, second, a, b, c, d, e, f, g, h, i, j, k, l] = *header;
    let (len, mask) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes([a, b])), [c, d, e, f]),
        127 => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), [i, j, k, l]),
        len => (u64::from(len), [a, b, c, d]),
    };
    let kind = Kind::of(first & 0x0f)?;
    let legal = first & 0x70 == 0 && second & 0x80 != 0;
    legal.then_some((Frame { kind, last: first & 0x80 != 0, mask, len: 0, come: 0 }, len))
}

/// Undoes the mask of bytes that lie `at` bytes into their payload.
fn unmask(bytes: &mut [u8], mut mask: [u8; 4], at: usize) {
    mask.rotate_left(at % 4);
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MASK: [u8; 4] = [7, 0x80, 0xff, 1];

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            len @ ..=125 => frame.push(0x80 | u8::try_from(len).unwrap()),
            len @ ..=65_535 => {
                frame.push(0xfe);
                frame.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
            len => {
                frame.push(0xff);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    fn reader() -> Frames {
        Frames::new(64 * 1024, Instant::now())
    }

    /// What is heard of these bytes when they come in pieces of that size, and how it ends.
    fn heard(frames: &mut Frames, bytes: &[u8], step: usize) -> (Vec<String>, Result<(), Broken>) {
        let mut said = Vec::new();
        for piece in bytes.chunks(step) {
            let fed = frames.feed(Instant::now(), &mut piece.to_vec(), |heard| {
                said.push(match heard {
                    Heard::Text(text) => format!("text {} {:.9}", text.len(), String::from_utf8_lossy(text)),
                    Heard::Binary(bytes) => format!("binary {}", bytes.len()),
                    Heard::Ping(payload) => format!("ping {}", payload.len()),
                    Heard::Close(close) => format!("close {close:?}"),
                });
                Then::Go
            });
            if let Err(broken) = fed {
                return (said, Err(broken));
            }
        }
        (said, Ok(()))
    }

    const STEPS: [usize; 7] = [1, 2, 3, 7, 100, 4096, usize::MAX];

    #[test]
    fn ws12_messages_are_read_however_they_are_cut() {
        let mut bytes = Vec::new();
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            bytes.extend(masked(0x81, &vec![b'x'; len]));
        }
        bytes.extend(masked(0x01, b"so"));
        bytes.extend(masked(0x89, b"ping"));
        bytes.extend(masked(0x00, b""));
        bytes.extend(masked(0x8a, b"pong"));
        bytes.extend(masked(0x80, b"on"));
        bytes.extend(masked(0x82, &[0xff; 300]));
        bytes.extend(masked(0x88, b"\x03\xe8bye"));
        for step in STEPS {
            let (said, end) = heard(&mut reader(), &bytes, step.min(bytes.len()));
            let wanted = [
                "text 0 ",
                "text 1 x",
                "text 125 xxxxxxxxx",
                "text 126 xxxxxxxxx",
                "text 65535 xxxxxxxxx",
                "text 65536 xxxxxxxxx",
                "ping 4",
                "text 4 soon",
                "binary 300",
                "close Some((1000, \"bye\"))",
            ];
            assert_eq!((said, end), (wanted.map(String::from).to_vec(), Ok(())), "in pieces of {step}");
        }
    }

    #[test]
    fn ws1_fragments_are_counted_over_any_split_of_the_reads() {
        let mut bytes = [masked(0x81, b"before"), masked(0x01, b"abc")].concat();
        for _ in 0..63 {
            bytes.extend(masked(0x00, b"abc"));
        }
        for step in STEPS {
            let mut frames = reader();
            assert_eq!(heard(&mut frames, &bytes, step.min(bytes.len())), (vec!["text 6 before".to_owned()], Ok(())));
            assert_eq!(heard(&mut frames, &masked(0x80, b"abc"), 1).1, Err(Broken::Fragments), "in pieces of {step}");
        }
    }

    #[test]
    fn ws2_what_is_unfinished_is_known_and_since_when() {
        let start = Instant::now();
        let later = start + Duration::from_secs(3);
        let mut frames = reader();
        let mut feed = |now, mut bytes: Vec<u8>| {
            frames.feed(now, &mut bytes, |_| Then::Go).unwrap();
            (frames.unfinished, frames.last_frame)
        };
        assert_eq!(feed(start, masked(0x81, b"hello")), (None, start));
        assert_eq!(feed(start, masked(0x01, b"hello")), (Some(start), start));
        let told = feed(later, masked(0x89, b""));
        assert_eq!(told, (Some(start), later), "a ping between fragments does not finish the message");
        assert_eq!(feed(later, masked(0x80, b"hello")), (None, later));
        assert_eq!(feed(later, vec![0x81]), (Some(later), later));
    }

    #[test]
    fn ws3_control_frames_have_a_budget() {
        let start = Instant::now();
        let mut frames = Frames::new(1024, start);
        let mut feed = |now, mut bytes: Vec<u8>| frames.feed(now, &mut bytes, |_| Then::Go);
        for _ in 0..200 {
            feed(start, masked(0x89, b"ping")).unwrap();
        }
        assert_eq!(feed(start, masked(0x8a, b"pong")), Err(Broken::Control));
        feed(start + Duration::from_secs(2), masked(0x89, b"ping")).unwrap();
    }

    #[test]
    fn ws14_what_breaks_the_protocol_is_told_from_what_is_too_long() {
        let unmasked = vec![0x81, 0x01, b'a'];
        let cases: [(Vec<u8>, Broken); 12] = [
            (unmasked, Broken::Protocol),
            (masked(0xc1, b"a"), Broken::Protocol),
            (masked(0x91, b"a"), Broken::Protocol),
            (masked(0x83, b"a"), Broken::Protocol),
            (masked(0x8b, b"a"), Broken::Protocol),
            (masked(0x09, b"a"), Broken::Protocol),
            (masked(0x89, &[b'a'; 126]), Broken::Protocol),
            (masked(0x80, b"a"), Broken::Protocol),
            ([masked(0x01, b"a"), masked(0x81, b"a")].concat(), Broken::Protocol),
            (masked(0x81, &[b'a'; 65_537]), Broken::TooLong),
            ([masked(0x01, &[b'a'; 65_536]), masked(0x80, b"a")].concat(), Broken::TooLong),
            ([&[0x81, 0xff], [0xff; 8].as_slice(), &MASK].concat(), Broken::TooLong),
        ];
        for (bytes, wanted) in cases {
            for step in STEPS {
                let (_, end) = heard(&mut reader(), &bytes, step.min(bytes.len()));
                assert_eq!(end, Err(wanted), "{:x?} in pieces of {step}", bytes.get(..14));
            }
        }
    }

    #[test]
    fn ws15_text_that_is_not_utf8_is_found_at_the_byte_that_breaks_it() {
        let (half, rest) = "é".as_bytes().split_at(1);
        let good = [masked(0x01, half), masked(0x80, rest)].concat();
        assert_eq!(heard(&mut reader(), &good, 1).0, ["text 2 é"]);
        for bytes in [
            masked(0x81, half),
            masked(0x81, b"\xff"),
            [masked(0x01, half), masked(0x80, b"")].concat(),
            // The message never ends, nor does the frame.
            [masked(0x01, half), masked(0x00, b"a")].concat(),
            masked(0x81, b"abc\xffdefghi").into_iter().take(12).collect(),
            masked(0x88, b"\x03\xe8\xff"),
        ] {
            assert_eq!(heard(&mut reader(), &bytes, 3), (vec![], Err(Broken::Utf8)), "{bytes:x?}");
        }
    }

    #[test]
    fn ws17_only_codes_that_may_stand_on_the_wire_are_read() {
        let close = |payload: &[u8]| heard(&mut reader(), &masked(0x88, payload), 100);
        assert_eq!(close(b"").0, ["close None"]);
        assert_eq!(close(b"\x03").1, Err(Broken::Protocol));
        for code in 0..=u16::MAX {
            let legal = matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999);
            assert_eq!(close(&code.to_be_bytes()).1.is_ok(), legal, "{code}");
        }
    }

    #[test]
    fn ws16_nothing_is_kept_once_a_message_is_over() {
        let mut frames = reader();
        let long = [masked(0x01, &[b'a'; 30_000]), masked(0x80, &[b'b'; 30_000])].concat();
        assert_eq!(heard(&mut frames, &long, 1000).0.len(), 1);
        assert_eq!((frames.bytes.capacity(), frames.control.capacity()), (0, 0));
        let declared = masked(0x81, &[b'a'; 60_000]);
        assert_eq!(heard(&mut frames, &declared[..100], 100), (vec![], Ok(())));
        assert!(frames.bytes.capacity() < 1000, "memory is set aside for what has come, not for what is announced");
    }
}
