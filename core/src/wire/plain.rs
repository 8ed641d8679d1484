//! A dialect for tests: connecting is joining, `say <text>` chats, `at <x> <y>` points; the same two come back. It
//! shares rooms with `kanvas.v1` and proves that the room knows no dialect.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Decoded, Edit, Event, Point, Request, What, json};
use crate::errors::Code;

pub(super) fn decode(bytes: &[u8]) -> Decoded {
    Decoded { id: None, image: None, request: read(bytes).ok_or(Code::BadMessage) }
}

fn read(bytes: &[u8]) -> Option<Request> {
    let line = core::str::from_utf8(bytes).ok()?;
    let (word, rest) = line.split_once(' ')?;
    match word {
        "say" => Some(Request::Edit(Box::new(Edit::Chat { text: rest.into() }))),
        "at" => {
            let (x, y) = rest.split_once(' ')?;
            let number = |text: &str| text.parse().ok().filter(|number: &f64| number.abs() <= 1e9);
            Some(Request::Cursor(Some(Point { x: number(x)?, y: number(y)? })))
        }
        _ => None,
    }
}

pub(super) fn encode(event: &Event<'_>, out: &mut Vec<u8>) {
    #[expect(clippy::wildcard_enum_match_arm, reason = "two words are all that this dialect has")]
    match event {
        Event::Stored { entry, what: What::Chat(message) } => {
            out.extend_from_slice(b"say c");
            json::write_integer(out, entry.client.0);
            out.push(b' ');
            out.extend_from_slice(message.text.as_bytes());
        }
        Event::Cursor { client, cursor: Some(Point { x, y }) } => {
            out.extend_from_slice(b"at c");
            json::write_integer(out, client.0);
            for number in [x, y] {
                out.push(b' ');
                json::write_number(out, *number);
            }
        }
        _ => {}
    }
}
