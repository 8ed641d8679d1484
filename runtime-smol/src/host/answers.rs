//! What comes back to a host's machines: the store's answers, and the questions of those who are not in a room.

use std::rc::Rc;

use kanvas_core::{ChunkRow, Done, EffectId, Input, Loaded, LogRow, Verified};

use super::Host;
use super::place::Place;
use crate::ask::{Put, Question, Refused};
use crate::person;
use crate::store::{Answer, Outcome, OwnedChunk, OwnedLog, StoredRoom};

impl Host {
    pub(super) fn answer(&self, answer: Answer) {
        let Answer { room, life, effect, outcome } = answer;
        let Some(host) = self.lives.borrow().get(&life).cloned() else { return };
        debug_assert_eq!(host.id, room);
        let result = match &outcome {
            Outcome::Stored(upto) => Done::Stored { upto: *upto },
            Outcome::Verified(Ok((session, lease))) => {
                Done::Verified(Ok(Verified { user: &session.user, org: person::org(session), lease: *lease }))
            }
            Outcome::Verified(Err(close)) => Done::Verified(Err(*close)),
            Outcome::Failed(failure) => Done::Failed(*failure),
            Outcome::Loaded(stored) => return self.loaded(&host, effect, stored),
        };
        self.drive(&host, Input::Done { effect, result });
        self.answer_waiting(&host);
    }

    fn loaded(&self, room: &Rc<Place>, effect: EffectId, stored: &StoredRoom) {
        let chunks: Vec<ChunkRow<'_>> = stored.chunks.iter().map(OwnedChunk::row).collect();
        let log: Vec<LogRow<'_>> = stored.log.iter().map(OwnedLog::row).collect();
        let record = stored.record.as_deref();
        let loaded = Loaded { owner: stored.owner, record, chunks: &chunks, log: &log };
        self.drive(room, Input::Done { effect, result: Done::Loaded(loaded) });
        self.answer_waiting(room);
    }

    /// Puts the questions of those who asked for a room while it was loading, if it no longer is.
    fn answer_waiting(&self, room: &Rc<Place>) {
        loop {
            let question = {
                let mut state = room.state.borrow_mut();
                if state.machine.is_loading() && !state.asleep {
                    return;
                }
                if state.machine.is_closing() && !state.asleep {
                    let waiting = std::mem::take(&mut state.waiting);
                    state.late.extend(waiting);
                }
                state.waiting.pop_front()
            };
            let Some(question) = question else { break };
            self.put(room, question);
        }
        let mut state = room.state.borrow_mut();
        if state.may_go() {
            self.let_go(room, &mut state);
        }
    }

    pub(super) fn ask(&self, question: Question) {
        if self.is_away(&question.room) {
            return self.ask_one_away(question);
        }
        match self.room(&question.room) {
            Some(room) if room.state.borrow().machine.is_loading() => {
                room.state.borrow_mut().waiting.push_back(question);
            }
            Some(room) if room.state.borrow().machine.is_closing() => room.state.borrow_mut().late.push(question),
            Some(room) => self.put(&room, question),
            // One who no longer waits needs no answer.
            None => drop(question.reply.try_send(Err(Refused::Unavailable))),
        }
    }

    fn put(&self, room: &Rc<Place>, question: Question) {
        let ticket = self.next_ticket.get();
        let rows = question.rows();
        let answer = match room.state.borrow().machine.room() {
            Some(machine) => question.put(machine, self.server.clock.now(), ticket, &rows),
            None => Put::Answer(Err(Refused::Unavailable)),
        };
        match answer {
            // One who no longer waits needs no answer.
            Put::Answer(reply) => drop(question.reply.try_send(reply)),
            // One who no longer waits needs no answer.
            Put::Record(asked) => drop(question.reply.try_send(self.record(room, asked))),
            Put::Command(command) => {
                self.next_ticket.set(ticket + 1);
                room.state.borrow_mut().replies.insert(ticket, question.reply.clone());
                self.drive(room, Input::Command(command));
            }
            Put::Last(command) => {
                room.state.borrow_mut().leaving.push(question.reply.clone());
                self.drive(room, Input::Command(command));
            }
        }
    }
}
