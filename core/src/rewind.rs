//! Going back: what a canvas was, or would be, by the log of how it came to be; and in what two canvases differ. Nothing
//! here knows a room.

use alloc::boxed::Box;
use alloc::vec::Vec;
use serde::Serialize;

use crate::errors::Code;
use crate::id::Seq;
use crate::image::{self, Changes, Image};
use crate::images::Images;
use crate::input::{LogRow, Restore};
use crate::limits::{FURTHER_FIELDS, Limits};
use crate::log::Kind;
use crate::time::Time;
use crate::wire::json::{self, Object, Value};

/// In what a canvas would differ from the one that is there: the ids of images, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The place in the log of the canvas that is there.
    pub seq: Seq,
    /// Images that are not there.
    pub added: Vec<Box<str>>,
    /// Images that are there and differ.
    pub changed: Vec<Box<str>>,
    /// Images that are there and would not be.
    pub removed: Vec<Box<str>>,
}

/// One event on the way from a canvas to another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Add(Image),
    Change { image: Box<str>, changes: Changes },
    Remove { image: Box<str> },
}

impl Restore<'_> {
    /// From when on something is taken back.
    fn moment(&self) -> Time {
        match self {
            Restore::AsOf(at) => *at,
            Restore::Without { since, .. } => *since,
        }
    }
}

impl Difference {
    pub(crate) fn of(seq: Seq, steps: Vec<Step>) -> Difference {
        let mut difference = Difference { seq, ..Difference::default() };
        for step in steps {
            match step {
                Step::Add(image) => difference.added.push(image.id),
                Step::Change { image, .. } if difference.changed.last() == Some(&image) => {}
                Step::Change { image, .. } => difference.changed.push(image),
                Step::Remove { image } => difference.removed.push(image),
            }
        }
        difference
    }
}

/// The canvas to go back to. `history` is the log in rising order, without a gap, up to what `images` are; `base` is the
/// place behind which it began.
///
/// [`Code::NotFound`] if it does not reach back far enough.
pub(crate) fn canvas(
    images: &Images,
    history: &[LogRow<'_>],
    base: Seq,
    to: Restore<'_>,
    limits: &Limits,
) -> Result<Images, Code> {
    let moment = to.moment();
    let since = match history.iter().rposition(|row| row.at <= moment) {
        Some(last) => history.get(last + 1..).unwrap_or_default(),
        // Nothing happened before the first event.
        None if history.first().is_none_or(|row| row.seq == base.next()) => history,
        None => return Err(Code::NotFound),
    };
    let mut canvas = images.clone();
    for row in since.iter().rev() {
        undo(&mut canvas, row).ok_or(Code::Internal)?;
    }
    if let Restore::Without { user, .. } = to {
        for row in since.iter().filter(|row| row.user != user) {
            let (kind, data) = (Kind::from_name(row.kind).ok_or(Code::Internal)?, object(row.body)?);
            // REWIND5: what rests on theirs is refused, as it would have been.
            let _refused = redo(&mut canvas, kind, data, limits).ok_or(Code::Internal)?;
        }
    }
    Ok(canvas)
}

/// The events that make one canvas of another, in the order in which they are made.
pub(crate) fn steps(from: &Images, to: &Images) -> Vec<Step> {
    let gone = from.in_order().filter(|image| to.slot(&image.id).is_none());
    let mut steps: Vec<Step> = gone.map(|image| Step::Remove { image: image.id.clone() }).collect();
    for image in to.in_order() {
        let Some(there) = from.get(&image.id) else {
            steps.push(Step::Add(image.clone()));
            continue;
        };
        let mut changes = there.changes_to(image);
        if changes.further.len() > FURTHER_FIELDS {
            // More than one event may change: first what goes, then what comes.
            let (come, go) = core::mem::take(&mut changes.further).into_iter().partition(|(_, value)| value.is_some());
            steps
                .push(Step::Change { image: image.id.clone(), changes: Changes { further: go, ..Changes::default() } });
            changes.further = come;
        }
        if !changes.is_empty() {
            steps.push(Step::Change { image: image.id.clone(), changes });
        }
    }
    steps
}

/// Does an event of an image again; one of another kind changes nothing. `None` if it cannot be read, else whether it
/// was refused.
pub(crate) fn redo(images: &mut Images, kind: Kind, mut data: Object<'_>, limits: &Limits) -> Option<Result<(), Code>> {
    Some(match kind {
        Kind::ImageAdd => images.add(Image::read(data).ok()?, 0, limits).map(drop),
        Kind::ImageTransform => {
            let slot = images.slot(&image::read_id(&mut data).ok()?);
            let changes = Changes::read(data).ok()?;
            slot.ok_or(Code::NotFound).and_then(|slot| images.change(slot, &changes, limits)).map(drop)
        }
        Kind::ImageRemove => {
            let slot = images.slot(&image::read_id(&mut data).ok()?);
            slot.and_then(|slot| images.remove(slot)).map(drop).ok_or(Code::NotFound)
        }
        Kind::Chat | Kind::RoomUpdate | Kind::MemberRole | Kind::MemberKick | Kind::MemberBan => Ok(()),
    })
}

/// Takes an event of an image back. `None` if it cannot have been the newest one.
fn undo(images: &mut Images, row: &LogRow<'_>) -> Option<()> {
    match Kind::from_name(row.kind)? {
        Kind::ImageAdd => {
            let slot = images.slot(&image::read_id(&mut object(row.body).ok()?).ok()?)?;
            images.remove(slot).map(drop)
        }
        Kind::ImageTransform => {
            let mut was = object(row.was).ok()?;
            let slot = images.slot(&image::read_id(&mut was).ok()?)?;
            images.change(slot, &Changes::read(was).ok()?, &Limits::none()).ok().map(drop)
        }
        Kind::ImageRemove => images.add(Image::read(object(row.was).ok()?).ok()?, 0, &Limits::none()).ok().map(drop),
        Kind::Chat | Kind::RoomUpdate | Kind::MemberRole | Kind::MemberKick | Kind::MemberBan => Some(()),
    }
}

fn object(text: &str) -> Result<Object<'_>, Code> {
    json::read(text.as_bytes()).and_then(Value::into_object).ok_or(Code::Internal)
}
