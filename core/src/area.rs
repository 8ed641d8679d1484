//! What part of the canvas a person looks at, in steps coarse enough that people who look at the same place have the
//! same area, and so hear the same bytes.

use serde::{Deserialize, Serialize};

use crate::wire::{Point, Viewport};

/// The largest window that is thought of, in its own pixels.
const WINDOW: (f64, f64) = (3840.0, 2160.0);
/// What is near enough to come into view soon, around the window, in its pixels.
const MARGIN: f64 = 640.0;
/// How far a window moves within one area, in its pixels.
const STEP: f64 = 1024.0;

/// All windows whose upper left corner is in one square of the canvas, at about one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Area {
    /// The length of a window's pixel on the canvas, rounded up to two digits of its binary form, as the upper bits of
    /// that number.
    pixel: u16,
    column: i32,
    row: i32,
}

/// The bits of a number that [`Area::pixel`] leaves out.
const LEFT_OUT: u32 = 51;

impl Area {
    /// The area of who sees this.
    pub(crate) fn of(view: &Viewport) -> Area {
        let exact = (1.0 / view.scale).to_bits();
        // A scale is positive and not subnormal: the sign is 0, and the next number up is a number or infinite.
        let pixel = u16::try_from(exact.div_ceil(1 << LEFT_OUT)).unwrap_or(u16::MAX);
        let square = STEP * length(pixel);
        let place = |origin: f64| floor(-origin / view.scale / square);
        Area { pixel, column: place(view.x), row: place(view.y) }
    }

    /// Whether a place is in view, or near it.
    pub(crate) fn has(&self, place: Point) -> bool {
        let pixel = length(self.pixel);
        let within = |at: f64, square: i32, window: f64| {
            let from = f64::from(square) * STEP - MARGIN;
            at >= from * pixel && at <= (from + STEP + window + 2.0 * MARGIN) * pixel
        };
        within(place.x, self.column, WINDOW.0) && within(place.y, self.row, WINDOW.1)
    }
}

/// The length that [`Area::pixel`] stands for.
fn length(pixel: u16) -> f64 {
    f64::from_bits(u64::from(pixel) << LEFT_OUT)
}

fn floor(value: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, far beyond what a canvas has")]
    let whole = value as i32;
    whole.saturating_sub(i32::from(f64::from(whole) > value))
}
