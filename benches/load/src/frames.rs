//! WebSocket frames, as a client writes and reads them. It trusts the server: what is measured is not conformance.

/// The key that every frame is masked with. A server has to undo it whatever it is.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The final fragment of a text message.
const TEXT: u8 = 0x81;
/// The opcodes of control frames.
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// Appends a masked text message.
pub(crate) fn put_text(payload: &[u8], out: &mut Vec<u8>) {
    put_masked(TEXT, payload, out);
}

fn put_masked(first: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ ..=125), _) => out.push(0x80 | len),
        (_, Ok(len)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&len.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Reads frames out of a stream that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// A frame that has begun.
    rest: Vec<u8>,
}

/// A whole message, or what a client has to answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    Text(&'a [u8]),
    Ping,
    Close,
}

impl Frames {
    /// Hands every frame that is whole to `hear`.
    pub(crate) fn feed(&mut self, piece: &[u8], mut hear: impl FnMut(Heard<'_>)) {
        let mut bytes = piece;
        while !self.rest.is_empty() {
            let Some(len) = frame_len(&self.rest) else {
                // Not even its header is whole.
                let Some((first, others)) = bytes.split_first() else { return };
                self.rest.push(*first);
                bytes = others;
                continue;
            };
            let (of_it, others) = bytes.split_at(bytes.len().min(len - self.rest.len()));
            self.rest.extend_from_slice(of_it);
            bytes = others;
            if self.rest.len() < len {
                return;
            }
            tell(&self.rest, &mut hear);
            self.rest.clear();
        }
        while let Some(len) = frame_len(bytes)
            && let Some((frame, others)) = bytes.split_at_checked(len)
        {
            tell(frame, &mut hear);
            bytes = others;
        }
        self.rest.extend_from_slice(bytes);
    }
}

/// How long the frame is that begins here, once that can be told.
fn frame_len(bytes: &[u8]) -> Option<usize> {
    let long = |payload: u64, header: usize| usize::try_from(payload).ok()?.checked_add(header);
    match *bytes.get(1)? & 0x7f {
        126 => long(u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
        127 => long(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?), 10),
        len => long(u64::from(len), 2),
    }
}

fn tell(frame: &[u8], hear: &mut impl FnMut(Heard<'_>)) {
    let header = match frame.len() {
        0..=127 => 2,
        128..=65_539 => 4,
        _ => 10,
    };
    let payload = frame.get(header..).unwrap_or_default();
    match frame.first().map_or(0, |first| first & 0xf) {
        CLOSE => hear(Heard::Close),
        PING => hear(Heard::Ping),
        PONG => {}
        _ => hear(Heard::Text(payload)),
    }
}

/// Appends the answer to a ping that carried nothing.
pub(crate) fn put_pong(out: &mut Vec<u8>) {
    put_masked(0x80 | PONG, &[], out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmasked(payload: &[u8]) -> Vec<u8> {
        let mut out = vec![TEXT];
        match payload.len() {
            len @ ..=125 => out.push(u8::try_from(len).unwrap()),
            len @ ..=65_535 => {
                out.push(126);
                out.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
            }
            len => {
                out.push(127);
                out.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(payload);
        out
    }

    #[test]
    fn frames_are_read_however_they_are_cut() {
        let payloads: Vec<Vec<u8>> = [0, 1, 125, 126, 127, 300, 65_535, 65_536, 3].map(|len| vec![b'x'; len]).into();
        let stream: Vec<u8> = payloads.iter().flat_map(|payload| unmasked(payload)).collect();
        for step in [1, 2, 3, 7, 128, 4096, stream.len()] {
            let (mut frames, mut seen) = (Frames::default(), Vec::new());
            for piece in stream.chunks(step) {
                frames.feed(piece, |heard| match heard {
                    Heard::Text(text) => seen.push(text.to_vec()),
                    Heard::Ping | Heard::Close => panic!("neither was sent"),
                });
            }
            assert_eq!(seen, payloads, "in steps of {step}");
        }
    }

    #[test]
    fn what_is_written_is_masked() {
        let mut out = Vec::new();
        put_text(b"hello", &mut out);
        assert_eq!(out.len(), 2 + 4 + 5);
        assert_eq!(out[1], 0x80 | 5);
        let told: Vec<u8> = out[6..].iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        assert_eq!(told, b"hello");
    }
}
