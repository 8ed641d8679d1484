//! The wire without a room, for measuring: one message read, one frame written.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::errors::Code;
use crate::id::{ClientId, Epoch, Seq};
use crate::image::Changes;
use crate::log::{Kind, LogEntry};
use crate::time::Time;
use crate::wire::{self, Dialect, Event, Point, What};

/// Reads one `kanvas.v1` message and lets it go.
///
/// # Errors
/// The code that its sender would get.
///
/// ```
/// use kanvas_core::{Code, sim::wire};
/// assert_eq!(wire::read(br#"{"type":"cursor:move","data":{"x":5,"y":6}}"#), Ok(()));
/// assert_eq!(wire::read(b"{"), Err(Code::BadMessage));
/// ```
pub fn read(message: &[u8]) -> Result<(), Code> {
    wire::decode(Dialect::KanvasV1, message).request.map(drop)
}

/// Something to write as a `kanvas.v1` frame.
#[derive(Clone, Debug)]
pub struct Sample(Said);

#[derive(Clone, Debug)]
enum Said {
    Cursor(Point),
    Dragged(Box<Changes>),
    Stored(Box<LogEntry>),
}

impl Sample {
    /// Someone's cursor.
    pub fn cursor(x: f64, y: f64) -> Sample {
        Sample(Said::Cursor(Point { x, y }))
    }

    /// An image that someone drags.
    pub fn dragged(x: f64, y: f64) -> Sample {
        let mut changes = Changes::default();
        (changes.numbers[0], changes.numbers[1]) = (Some(x), Some(y));
        Sample(Said::Dragged(changes.into()))
    }

    /// A stored event with this `data`.
    pub fn stored(data: &str) -> Sample {
        let entry = LogEntry {
            seq: Seq(123_456),
            at: Time::from_millis(1_790_000_000_000),
            epoch: Epoch(1),
            user: "user_2abc".into(),
            client: ClientId(7),
            origin: "pk".into(),
            op_id: "op-1".into(),
            op_hash: 0,
            kind: Kind::ImageTransform,
            target: "i1".into(),
            body: data.into(),
            was: Box::default(),
        };
        Sample(Said::Stored(entry.into()))
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        let client = ClientId(7);
        let event = match &self.0 {
            Said::Cursor(point) => Event::Cursor { client, cursor: Some(*point) },
            Said::Dragged(changes) => Event::Dragged { client, image: "i1", changes },
            Said::Stored(entry) => Event::Stored { entry, what: What::Image },
        };
        wire::encode(Dialect::KanvasV1, &event, None, out);
    }
}
