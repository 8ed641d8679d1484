//! What waits to be written to one socket, and the framing of what the server sends. It owns order and counts; it
//! never touches a socket.
//!
//! A queue is a list of pieces, each of whole WebSocket frames: bytes of the socket's own, ranges of a buffer that it
//! shares with its group, and snapshot parts that it shares with everybody. Only the first piece can be partly sent.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// Opcodes with the final bit set, as the first byte of a frame.
pub(crate) const TEXT: u8 = 0x81;
#[cfg(feature = "echo")]
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// The most pieces that one system call takes.
pub(crate) const SLICES: usize = 32;

/// Appends the header of an unmasked frame.
pub(crate) fn put_header(first: u8, len: usize, out: &mut Vec<u8>) {
    out.push(first);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..=125), _) => out.push(len),
        (_, Ok(len)) => {
            out.push(126);
            out.extend_from_slice(&len.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// Appends a whole frame.
pub(crate) fn put_frame(first: u8, payload: &[u8], out: &mut Vec<u8>) {
    put_header(first, payload.len(), out);
    out.extend_from_slice(payload);
}

/// The length of the first frame in `bytes`, header and all; `None` if its header is not whole.
fn frame_len(bytes: &[u8]) -> Option<usize> {
    let long = |len: u64, header: usize| usize::try_from(len).ok()?.checked_add(header);
    match *bytes.get(1)? {
        126 => long(u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
        127 => long(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?), 10),
        len => long(u64::from(len), 2),
    }
}

/// What a group's members share of one flush. Its bytes are set when the flush begins; until then ranges of it can be
/// queued but not written.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: OnceCell<Vec<u8>>,
}

impl Batch {
    /// Gives the batch its bytes.
    pub(crate) fn seal(&self, bytes: Vec<u8>) {
        let fresh = self.bytes.set(bytes).is_ok();
        debug_assert!(fresh, "a batch is sealed once");
    }

    /// Takes the memory back.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_inner().unwrap_or_default()
    }

    fn get(&self, range: &Range<usize>) -> Option<&[u8]> {
        self.bytes.get()?.get(range.clone())
    }
}

#[derive(Debug)]
enum Piece {
    Own(Vec<u8>),
    Shared {
        batch: Rc<Batch>,
        range: Range<usize>,
    },
    /// One frame in three pieces; the middle one is every joiner's.
    Part {
        head: Vec<u8>,
        part: Arc<[u8]>,
        tail: Vec<u8>,
    },
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Piece::Own(bytes) => bytes.len(),
            Piece::Shared { range, .. } => range.len(),
            Piece::Part { head, part, tail } => head.len() + part.len() + tail.len(),
        }
    }

    /// How much of it counts against the reader: parts do not.
    fn counted(&self) -> usize {
        match self {
            Piece::Own(_) | Piece::Shared { .. } => self.len(),
            Piece::Part { .. } => 0,
        }
    }

    /// Appends its slices from `skip` on; false if it cannot be written yet.
    fn fill<'a>(&'a self, skip: usize, slices: &mut Slices<'a>) -> bool {
        match self {
            Piece::Own(bytes) => slices.push(bytes.get(skip..)),
            Piece::Shared { batch, range } => match batch.get(range) {
                Some(bytes) => slices.push(bytes.get(skip..)),
                None => return false,
            },
            Piece::Part { head, part, tail } => {
                let mut skip = skip;
                for bytes in [head.as_slice(), part, tail] {
                    slices.push(bytes.get(skip..));
                    skip = skip.saturating_sub(bytes.len());
                }
            }
        }
        true
    }

    /// Cuts it behind the frame that contains byte `at`; `at` itself if a frame begins there.
    fn cut_after_frame(&mut self, at: usize) {
        let boundary = |bytes: &[u8]| {
            let mut end = 0;
            while end < at {
                end += bytes.get(end..).and_then(frame_len).unwrap_or(bytes.len());
            }
            end.min(bytes.len())
        };
        match self {
            Piece::Own(bytes) => {
                let end = boundary(bytes);
                bytes.truncate(end);
            }
            Piece::Shared { batch, range } => {
                if let Some(bytes) = batch.get(range) {
                    range.end = range.start + boundary(bytes);
                }
            }
            Piece::Part { .. } => {}
        }
    }
}

/// What one system call writes.
#[derive(Debug)]
pub(crate) struct Slices<'a> {
    slices: [IoSlice<'a>; SLICES],
    used: usize,
    /// How many bytes they are.
    pub(crate) len: usize,
}

impl<'a> Slices<'a> {
    fn new() -> Slices<'a> {
        Slices { slices: [IoSlice::new(&[]); SLICES], used: 0, len: 0 }
    }

    fn push(&mut self, bytes: Option<&'a [u8]>) {
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return };
        if let Some(slot) = self.slices.get_mut(self.used) {
            *slot = IoSlice::new(bytes);
            self.used += 1;
            self.len += bytes.len();
        }
    }

    pub(crate) fn as_slices(&self) -> &[IoSlice<'a>] {
        self.slices.get(..self.used).unwrap_or_default()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct OutQueue {
    pieces: VecDeque<Piece>,
    /// How much of the first piece is sent.
    at: usize,
    counted: usize,
    parts: usize,
}

impl OutQueue {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes that count against the reader: all but snapshot parts.
    pub(crate) fn counted(&self) -> usize {
        self.counted
    }

    /// Whether a snapshot part has not left yet.
    pub(crate) fn has_parts(&self) -> bool {
        self.parts > 0
    }

    /// Queues one frame of the socket's own.
    pub(crate) fn push_frame(&mut self, first: u8, payload: &[u8]) {
        let before = match self.pieces.back_mut() {
            Some(Piece::Own(bytes)) => bytes,
            Some(Piece::Shared { .. } | Piece::Part { .. }) | None => {
                self.pieces.push_back(Piece::Own(Vec::with_capacity(payload.len() + 10)));
                match self.pieces.back_mut() {
                    Some(Piece::Own(bytes)) => bytes,
                    Some(Piece::Shared { .. } | Piece::Part { .. }) | None => return,
                }
            }
        };
        let old = before.len();
        put_frame(first, payload, before);
        self.counted += before.len() - old;
    }

    /// Queues whole frames of a batch.
    pub(crate) fn push_shared(&mut self, batch: &Rc<Batch>, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        self.counted += range.len();
        if let Some(Piece::Shared { batch: last, range: before }) = self.pieces.back_mut()
            && Rc::ptr_eq(last, batch)
            && before.end == range.start
        {
            before.end = range.end;
            return;
        }
        self.pieces.push_back(Piece::Shared { batch: batch.clone(), range });
    }

    /// Queues one text frame of a shared part and a tail, without copying the part.
    pub(crate) fn push_part(&mut self, part: Arc<[u8]>, tail: &[u8]) {
        let mut head = Vec::with_capacity(10);
        put_header(TEXT, part.len() + tail.len(), &mut head);
        self.parts += 1;
        self.pieces.push_back(Piece::Part { head, part, tail: tail.to_vec() });
    }

    /// What can be written now, in order.
    pub(crate) fn slices(&self) -> Slices<'_> {
        let mut slices = Slices::new();
        let mut skip = self.at;
        for piece in &self.pieces {
            // A part takes up to three slices; one that found no room would leave a gap.
            if slices.used + 3 > SLICES || !piece.fill(skip, &mut slices) {
                break;
            }
            skip = 0;
        }
        slices
    }

    /// Forgets the first `sent` bytes.
    pub(crate) fn advance(&mut self, mut sent: usize) {
        while let Some(first) = self.pieces.front() {
            let left = first.len() - self.at;
            let counts = first.counted() > 0;
            if sent < left {
                self.at += sent;
                self.counted -= if counts { sent } else { 0 };
                return;
            }
            sent -= left;
            if counts {
                self.counted -= left;
            } else {
                self.parts = self.parts.saturating_sub(1);
            }
            self.at = 0;
            self.pieces.pop_front();
        }
    }

    /// Drops everything but the rest of a frame that is partly sent, so that a last word can follow at once.
    pub(crate) fn cut_short(&mut self) {
        self.pieces.truncate(if self.at == 0 { 0 } else { 1 });
        if let Some(first) = self.pieces.front_mut() {
            first.cut_after_frame(self.at);
            if first.len() <= self.at {
                self.pieces.clear();
            }
        }
        if self.pieces.is_empty() {
            self.at = 0;
        }
        self.counted = self.pieces.iter().map(|piece| piece.counted().saturating_sub(self.at)).sum();
        self.parts = self.pieces.iter().filter(|piece| piece.counted() == 0).count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut OutQueue, step: usize) -> Vec<u8> {
        let mut sent = Vec::new();
        loop {
            let slices = queue.slices();
            let bytes: Vec<u8> = slices.as_slices().iter().flat_map(|s| s.iter().copied()).take(step).collect();
            if bytes.is_empty() {
                return sent;
            }
            queue.advance(bytes.len());
            sent.extend(bytes);
        }
    }

    fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while let Some(len) = frame_len(bytes) {
            let (frame, rest) = bytes.split_at(len);
            let header = match frame.len() {
                0..=127 => 2,
                128..=65_539 => 4,
                _ => 10,
            };
            frames.push(frame[header..].to_vec());
            bytes = rest;
        }
        frames
    }

    fn sample() -> (OutQueue, Vec<Vec<u8>>) {
        let mut queue = OutQueue::default();
        let mut shared = Vec::new();
        put_frame(TEXT, b"one", &mut shared);
        let mid = shared.len();
        put_frame(TEXT, &[b'x'; 300], &mut shared);
        let batch = Rc::new(Batch::default());
        queue.push_shared(&batch, 0..mid);
        queue.push_frame(TEXT, b"mine");
        queue.push_shared(&batch, mid..shared.len());
        queue.push_part(vec![b'p'; 70_000].into(), b"tail");
        queue.push_frame(TEXT, b"last");
        assert!(queue.slices().as_slices().is_empty(), "a batch that is not sealed cannot be written");
        batch.seal(shared);
        let part = [vec![b'p'; 70_000], b"tail".to_vec()].concat();
        (queue, vec![b"one".to_vec(), b"mine".to_vec(), vec![b'x'; 300], part, b"last".to_vec()])
    }

    #[test]
    fn run1_order_survives_any_split_of_the_writes() {
        for step in [1, 2, 3, 7, 1000, usize::MAX] {
            let (mut queue, wanted) = sample();
            assert_eq!(frames(&drain(&mut queue, step)), wanted, "step {step}");
            assert!(queue.is_empty());
            assert_eq!((queue.counted(), queue.has_parts()), (0, false));
        }
    }

    #[test]
    fn run2_parts_do_not_count() {
        let (queue, _) = sample();
        assert_eq!(queue.counted(), 5 + 6 + 304 + 6);
        assert!(queue.has_parts());
    }

    #[test]
    fn run3_a_queue_cut_short_ends_on_a_frame() {
        for sent in (0..400).chain([70_200, 70_325]) {
            let (mut queue, wanted) = sample();
            let slices = queue.slices();
            let head: Vec<u8> = slices.as_slices().iter().flat_map(|s| s.iter().copied()).take(sent).collect();
            queue.advance(sent);
            queue.cut_short();
            queue.push_frame(CLOSE, b"bye");
            let counted = queue.counted();
            let rest = drain(&mut queue, usize::MAX);
            assert!(queue.is_empty() && queue.counted() == 0, "{sent}: {counted}");
            let all = frames(&[head, rest].concat());
            let (last, before) = all.split_last().unwrap();
            assert_eq!(last, b"bye");
            assert_eq!(before, &wanted[..before.len()]);
        }
    }
}
