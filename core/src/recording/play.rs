//! Plays recordings, checks them at every input, and goes back and forth in them.

use alloc::vec::Vec;

use super::{Header, INPUT, STATE};
use super::{Recording, Redaction, Unplayable, fingerprint, said, saved, u64, write_end, write_head, write_input};
use crate::input::Input;
use crate::outbox::Outbox;
use crate::room::Room;
use crate::time::Time;

/// Moments that are kept to go back to.
const KEPT: usize = 64;

/// A recording at one of its moments.
#[derive(Debug)]
pub struct Player {
    recording: Recording,
    room: Room,
    out: Outbox,
    /// How many inputs were played.
    at: usize,
    said: u64,
    departed: Option<Departure>,
    /// Earlier moments: after how many inputs, the fingerprint and the room.
    kept: Vec<(usize, u64, Vec<u8>)>,
    scratch: Vec<u8>,
}

/// Where a room that is played first differs from the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// The number of the input, from 0.
    pub input: usize,
    /// Whether it said the same and is another room all the same.
    pub silent: bool,
}

impl Player {
    /// The beginning of a recording.
    ///
    /// # Errors
    /// [`Unplayable::Room`].
    pub fn new(recording: Recording) -> Result<Player, Unplayable> {
        let room = recording.room()?;
        let kept = Vec::from([(0, 0, recording.room.clone())]);
        Ok(Player { recording, room, out: Outbox::new(), at: 0, said: 0, departed: None, kept, scratch: Vec::new() })
    }

    /// What is played.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// The room at this moment.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// How many inputs were played.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Whether this moment is one of those that are kept to go back to.
    #[cfg(feature = "sim")]
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.iter().any(|(at, ..)| *at == self.at)
    }

    /// The time of the last input.
    pub fn now(&self) -> Time {
        self.at.checked_sub(1).and_then(|last| self.recording.time(last)).unwrap_or(self.recording.header.begun)
    }

    /// Where it first differed from what was recorded, as far as it was ever played.
    pub fn departed(&self) -> Option<Departure> {
        self.departed
    }

    /// Plays one input; `hear` is handed it and what the room said to it. `false` if there is none left.
    pub fn step(&mut self, mut hear: impl FnMut(Time, &Input<'_>, &Outbox)) -> bool {
        let Some(entry) = self.recording.inputs.get(self.at).copied() else { return false };
        let Player { recording, room, out, .. } = self;
        recording.input(self.at, &mut |now, input| {
            out.clear();
            room.handle(now, input.clone(), out);
            hear(now, &input, out);
        });
        self.said = said(self.said, self.out.ops(), &mut self.scratch);
        let other = entry.state.is_some_and(|state| state != fingerprint(0, &saved(&self.room)));
        if self.departed.is_none() && (self.said != entry.said || other) {
            self.departed = Some(Departure { input: self.at, silent: self.said == entry.said });
        }
        self.at += 1;
        let apart = self.recording.len() / KEPT + 1;
        if self.at.is_multiple_of(apart) && self.kept.last().is_none_or(|(at, ..)| *at < self.at) {
            self.kept.push((self.at, self.said, saved(&self.room)));
        }
        true
    }

    /// Goes to the nearest kept moment that is no later than after so many inputs, from where [`Player::step`] goes on;
    /// stays if this one is nearer.
    pub fn rewind(&mut self, to: usize) {
        let Some((at, said, room)) = self.kept.iter().rev().find(|(at, ..)| *at <= to) else { return };
        if self.at > to || *at > self.at {
            // What was kept here can be read here.
            if let Ok(room) = restore(room) {
                (self.at, self.said, self.room) = (*at, *said, room);
            }
        }
    }
}

impl Recording {
    /// The room at the beginning.
    pub(crate) fn room(&self) -> Result<Room, Unplayable> {
        restore(&self.room)
    }

    /// The same with names, texts and secrets rewritten: letters become other letters, the same ones for the same word, so
    /// that it stays as long and as much the same person. What the rewritten room says is fingerprinted anew; before, the
    /// recording is played as it was made, and [`Header::departed`] tells of what was not said again.
    ///
    /// Ids, colours, places, sizes and the paths of images' addresses stay.
    ///
    /// # Errors
    /// [`Unplayable::Room`].
    pub fn redacted(self, key: u64) -> Result<Recording, Unplayable> {
        let mut player = Player::new(self)?;
        while player.step(|_, _, _| {}) {}
        let departed = player.departed.map(|departure| departure.input as u64);
        let recording = player.recording;
        let header = Header { redacted: true, departed, ..recording.header.clone() };
        let with = Redaction::new(key);
        let mut room = recording.room()?;
        room.redact(&with);
        let (mut bytes, mut out, mut so_far, mut scratch) = (Vec::new(), Outbox::new(), 0, Vec::new());
        write_head(&header, &saved(&room), &mut bytes);
        for (no, entry) in recording.inputs.iter().enumerate() {
            recording.input(no, &mut |now, input| {
                with.input(&input, &mut |input| {
                    bytes.push(INPUT);
                    write_input(now, &input, &mut bytes);
                    out.clear();
                    room.handle(now, input, &mut out);
                });
            });
            so_far = said(so_far, out.ops(), &mut scratch);
            u64(&mut bytes, so_far);
            if entry.state.is_some() {
                bytes.push(STATE);
                u64(&mut bytes, fingerprint(0, &saved(&room)));
            }
        }
        if let Some(why) = recording.ended {
            write_end(why, &mut bytes);
        }
        Recording::read(bytes)
    }
}

fn restore(bytes: &[u8]) -> Result<Room, Unplayable> {
    Room::restore(bytes, Time::default()).map_err(|_| Unplayable::Room)
}
