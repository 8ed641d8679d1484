//! What is said, and how it is known again: every message bears the moment at which it was due, in numbers that a server
//! passes on as they are.
//!
//! A coordinate is a whole place and, behind the point, a part of the time: `x` has the microseconds of the second, `y`
//! the second of the last thousand in thousandths.

use std::fmt::Write as _;

use clap::ValueEnum;
use memchr::memmem::Finder;

/// Times come again after so many microseconds.
pub(crate) const AGAIN: u64 = 1_000_000_000;

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// `cursor:move`.
    Cursor,
    /// `image:transform` with `transient`: an image on its way.
    Drag,
    /// `image:transform` with an id: stored and acknowledged.
    Edit,
    /// `chat:message`: stored and told to all.
    Chat,
    /// Nothing: people are there.
    Silence,
}

/// Someone's place on the canvas, in whole units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) x: u32,
    pub(crate) y: u32,
}

/// Writes messages.
#[derive(Debug, Default)]
pub(crate) struct Speaker {
    text: String,
}

impl Speaker {
    /// What someone says who was due to say it then (µs since the start).
    pub(crate) fn say(&mut self, kind: Kind, who: u32, spot: Spot, due: u64) -> &[u8] {
        let (x, y) = numbers(spot, due);
        self.text.clear();
        let written = match kind {
            Kind::Cursor => {
                write!(self.text, r#"{{"type":"cursor:move","data":{{"x":{x},"y":{y}}},"timestamp":1790000000000}}"#)
            }
            Kind::Drag => write!(
                self.text,
                r#"{{"type":"image:transform","data":{{"id":"i{who}","x":{x},"y":{y},"transient":true}}}}"#
            ),
            Kind::Edit => {
                write!(
                    self.text,
                    r#"{{"type":"image:transform","id":"{due}","data":{{"id":"i{who}","x":{x},"y":{y}}}}}"#
                )
            }
            Kind::Chat => {
                write!(self.text, r#"{{"type":"chat:message","id":"say{due}","data":{{"text":"It is {due}."}}}}"#)
            }
            Kind::Silence => Ok(()),
        };
        debug_assert!(written.is_ok(), "a string takes everything");
        self.text.as_bytes()
    }
}

fn numbers(spot: Spot, due: u64) -> (String, String) {
    let due = due % AGAIN;
    (format!("{}.{:06}", spot.x, due % 1_000_000), format!("{}.{:03}", spot.y, due / 1_000_000))
}

/// The image that someone moves.
pub(crate) fn add_image(who: u32) -> String {
    let x = who % 100 * 300;
    format!(
        r#"{{"type":"image:add","id":"add{who}","data":{{"id":"i{who}","src":"https://example.com/photos/{who}.jpg","x":{x},"y":{who},"width":280,"height":180,"rotation":0}}}}"#
    )
}

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// A move of someone who was due to make it then.
    Moved(u64),
    /// One's own edit is durable.
    Acknowledged(u64),
}

/// Knows messages again.
pub(crate) struct Listener {
    x: Finder<'static>,
    y: Finder<'static>,
    /// How one's own moves look in a batch.
    own: Vec<u8>,
}

impl Default for Listener {
    fn default() -> Listener {
        Listener { x: Finder::new(br#""x":"#), y: Finder::new(br#""y":"#), own: Vec::new() }
    }
}

const MOVES: [&[u8]; 2] = [br#"{"type":"cursor:move","#, br#"{"type":"image:transform","#];
const BATCH: &[u8] = br#"{"type":"presence","data":["#;
const ACK: &[u8] = br#"{"type":"ack","data":{"id":""#;
const JOINED: &[u8] = br#"{"type":"room:joined","data":{"clientId":""#;

impl Listener {
    /// Hands every word of a message to `note`.
    pub(crate) fn hear(&mut self, text: &[u8], mut note: impl FnMut(Word)) {
        if MOVES.iter().any(|start| text.starts_with(start)) {
            let number = |finder: &Finder<'_>| finder.find(text).and_then(|at| fraction(text.get(at + 4..)?));
            if let (Some(x), Some(y)) = (number(&self.x), number(&self.y)) {
                note(Word::Moved(due(x, y)));
            }
        } else if let Some(mut rest) = text.strip_prefix(BATCH) {
            while let Some(entry) = rest.strip_prefix(br#"[""#) {
                let Some(end) = memchr::memchr(b']', entry) else { return };
                let (fields, after) = entry.split_at(end);
                let mut fields = fields.split(|byte| *byte == b',');
                let who = fields.next().unwrap_or_default();
                let mut number = || fields.next().and_then(fraction);
                if who != self.own
                    && let (Some(x), Some(y)) = (number(), number())
                {
                    note(Word::Moved(due(x, y)));
                }
                rest = after.strip_prefix(b"],").unwrap_or_default();
            }
        } else if let Some(rest) = text.strip_prefix(ACK) {
            let id = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
            if let Some(due) = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok()) {
                note(Word::Acknowledged(due));
            }
        } else if let Some(rest) = text.strip_prefix(JOINED) {
            self.own = rest.split(|byte| *byte == b',').next().unwrap_or_default().to_vec();
        }
    }
}

fn due((_, micros): (u32, u32), (_, seconds): (u32, u32)) -> u64 {
    u64::from(micros) + u64::from(seconds / 1000) * 1_000_000
}

/// The whole part of a number, and six digits behind its point.
fn fraction(text: &[u8]) -> Option<(u32, u32)> {
    let mut digits = text.iter();
    let mut whole = 0_u32;
    let mut seen = false;
    let point = loop {
        match digits.next() {
            Some(digit @ b'0'..=b'9') => {
                whole = whole.checked_mul(10)?.checked_add(u32::from(digit - b'0'))?;
                seen = true;
            }
            other => break other == Some(&b'.'),
        }
    };
    let mut behind = 0;
    let mut places = 0;
    while point && places < 6 {
        let Some(digit @ b'0'..=b'9') = digits.next() else { break };
        behind = behind * 10 + u32::from(digit - b'0');
        places += 1;
    }
    seen.then(|| (whole, behind * 10_u32.pow(6 - places)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(listener: &mut Listener, text: &str) -> Vec<Word> {
        let mut words = Vec::new();
        listener.hear(text.as_bytes(), |word| words.push(word));
        words
    }

    #[test]
    fn a_move_is_known_again_when_it_was_passed_on() {
        for due in [0, 1, 120_000, 999_999, 1_000_000, 7_000_100, 999_999_999] {
            let (x, y) = numbers(Spot { x: 1200, y: 7 }, due);
            // A server that reads numbers drops noughts at the end.
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            let mut listener = Listener::default();
            let single = format!(r#"{{"type":"cursor:move","data":{{"x":{x},"y":{y}}},"clientId":"c7"}}"#);
            assert_eq!(heard(&mut listener, &single), [Word::Moved(due)]);
            let batch = format!(r#"{{"type":"presence","data":[["c7",{x},{y}],["c9",{x},{y}]],"clientId":"c7"}}"#);
            assert_eq!(heard(&mut listener, &batch), [Word::Moved(due), Word::Moved(due)]);
            heard(&mut listener, r#"{"type":"room:joined","data":{"clientId":"c9","userId":"u"},"clientId":"c9"}"#);
            assert_eq!(heard(&mut listener, &batch), [Word::Moved(due)], "one's own is skipped");
        }
    }

    #[test]
    fn an_ack_is_known_and_the_rest_is_not() {
        let mut listener = Listener::default();
        let ack = r#"{"type":"ack","data":{"id":"123","seq":4},"clientId":"c7"}"#;
        assert_eq!(heard(&mut listener, ack), [Word::Acknowledged(123)]);
        for other in [
            r#"{"type":"ack","data":{"id":null,"seq":4},"clientId":"c7"}"#,
            r#"{"type":"cursor:move","data":null,"clientId":"c7"}"#,
            r#"{"type":"presence","data":[["c7"]],"clientId":"c7"}"#,
            r#"{"type":"presence","data":[["#,
            "pong",
            "",
        ] {
            assert_eq!(heard(&mut listener, other), [], "{other}");
        }
    }
}
