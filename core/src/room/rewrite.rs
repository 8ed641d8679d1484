//! A canvas that is replaced or taken back as one change: many events, made and stored together.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Room;
use super::edits::{Author, Bounds};
use crate::document;
use crate::errors::Code;
use crate::id::{ClientId, Conn, Seq};
use crate::images::Images;
use crate::input::{LogRow, Restore};
use crate::journal::Held;
use crate::log::LogEntry;
use crate::outbox::Outbox;
use crate::rewind::{self, Difference, Step};
use crate::time::{Span, Time};
use crate::wire::{self, Dialect, Event, What};

impl Room {
    /// REWIND1: makes the canvas exactly what `images` says.
    pub(super) fn replace(&mut self, now: Time, ticket: u64, images: &[u8], at: Option<Seq>, out: &mut Outbox) {
        let read = || document::read_images(images, "", &self.config).map_err(|mistake| mistake.code);
        let made = self.may_rewrite(at).and_then(|()| read());
        self.rewrite_for(now, ticket, made, out);
    }

    /// REWIND4, REWIND5: takes the canvas back.
    pub(super) fn restore_canvas(
        &mut self,
        now: Time,
        ticket: u64,
        rows: &[LogRow<'_>],
        to: Restore<'_>,
        at: Option<Seq>,
        out: &mut Outbox,
    ) {
        let made = self.may_rewrite(at).and_then(|()| self.canvas_of(rows, to));
        self.rewrite_for(now, ticket, made, out);
    }

    /// What [`Command::Restore`](crate::Command::Restore) with these `rows` would do now, without doing it (REWIND6).
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no such room or the log does not reach back that far, [`Code::Busy`] if `rows` do
    /// not go on to where the room's own memory of the log begins.
    pub fn compare(&self, rows: &[LogRow<'_>], to: Restore<'_>) -> Result<Difference, Code> {
        let canvas = self.canvas_of(rows, to)?;
        Ok(Difference::of(self.head, rewind::steps(&self.images, &canvas)))
    }

    fn rewrite_for(&mut self, now: Time, ticket: u64, canvas: Result<Images, Code>, out: &mut Outbox) {
        match canvas.and_then(|canvas| self.rewrite(now, &canvas)) {
            Ok(()) => self.journal.hold(Held::Reply { ticket }),
            Err(code) => out.reply(ticket, Err(code)),
        }
    }

    fn may_rewrite(&self, at: Option<Seq>) -> Result<(), Code> {
        self.can_store()?;
        match &self.record {
            None => Err(Code::NotFound),
            Some(_) if at.is_some_and(|at| at != self.head) => Err(Code::Conflict),
            Some(_) => Ok(()),
        }
    }

    /// The canvas that `to` names, by the log: `rows`, and after them what the room itself remembers.
    fn canvas_of(&self, rows: &[LogRow<'_>], to: Restore<'_>) -> Result<Images, Code> {
        let to = match to {
            Restore::AsOf(at) if planted!(self.config, RewoundTooFar) => Restore::AsOf(at - Span::from_secs(1)),
            Restore::AsOf(_) | Restore::Without { .. } => to,
        };
        let record = self.record.as_ref().ok_or(Code::NotFound)?;
        let own = self.log.first().unwrap_or(self.head.next());
        let older = rows.iter().copied().filter(|row| row.seq < own);
        let history: Vec<LogRow<'_>> = older.chain(self.log.rows()).collect();
        let joined = history.windows(2).all(|pair| pair[0].seq.next() == pair[1].seq);
        if !joined || history.last().is_some_and(|last| last.seq != self.head) {
            return Err(Code::Busy);
        }
        let strange = history.iter().any(|row| row.epoch != record.epoch.0);
        match strange || history.is_empty() && self.head != record.base {
            true => Err(Code::NotFound),
            false => rewind::canvas(&self.images, &history, record.base, to, &self.config.limits),
        }
    }

    /// Makes the canvas another one, by ordinary events of the operator's that one store carries.
    fn rewrite(&mut self, now: Time, canvas: &Images) -> Result<(), Code> {
        let steps = rewind::steps(&self.images, canvas);
        let author = Author::server();
        self.end_drags_before(&steps);
        let mut entries = Vec::with_capacity(steps.len());
        for step in steps {
            let draft = match step {
                Step::Remove { image } => self.remove_image(&image)?,
                Step::Change { image, changes } => {
                    self.put_changes(author.client, &image, &changes, Box::default(), Bounds::None)?
                }
                Step::Add(image) => self.put_image(image, None, Bounds::None)?,
            };
            entries.push(self.enter_log(now, &author, None, draft).ok_or(Code::Internal)?);
        }
        self.tell_rewrite(&entries);
        Ok(())
    }

    /// REWIND3: whoever drags what will be another or gone lets go of it.
    fn end_drags_before(&mut self, steps: &[Step]) {
        for step in steps {
            let (Step::Remove { image } | Step::Change { image, .. }) = step else { continue };
            let Some(slot) = self.images.slot(image) else { continue };
            for client in self.drags.draggers(slot) {
                self.end_drag(client, slot);
            }
        }
    }

    /// REWIND2: few events are told as such; instead of many, members are told the state.
    fn tell_rewrite(&mut self, entries: &[Arc<LogEntry>]) {
        let events = || entries.iter().map(|entry| Event::Stored { entry, what: What::Image });
        let mut frames = Vec::new();
        let few = events().all(|event| {
            wire::encode(Dialect::default(), &event, None, &mut frames);
            frames.len() <= self.config.limits.told_singly_bytes as usize
        });
        if few {
            return events().for_each(|event| self.audience.gate(&event, None, &mut self.journal));
        }
        let conns = self.people.conns().into_iter().filter_map(|conn| Some((conn, self.people.link(conn)?)));
        let members: Vec<(Conn, Dialect, ClientId)> =
            conns.filter_map(|(conn, link)| Some((conn, link.dialect, link.client()?))).collect();
        let untold = usize::from(planted!(self.config, RewriteUntold));
        for (conn, dialect, client) in members.into_iter().skip(untold) {
            for part in self.snapshot(dialect) {
                let tail = wire::sync_tail(dialect, client).into();
                self.journal.hold(Held::Part { conn, part, tail });
            }
        }
    }
}
