//! Carrying out what a machine says: frames, closes, effects.

use std::rc::Rc;
use std::sync::Arc;

use kanvas_core::auth::Refusal;
use kanvas_core::recording::Ended;
use kanvas_core::{EffectId, FrameKind, Op, Outbox, To};

use super::place::{Place, State};
use super::{Host, Visitor, Word};
use crate::ask::{Refused, Told};
use crate::parting::Parting;
use crate::server::Server;
use crate::store::{Asker, Outcome, OwnedWrite};

impl Host {
    pub(super) fn carry_out(&self, room: &Rc<Place>, state: &mut State, out: &mut Outbox) {
        let mut links = self.links.borrow_mut();
        let mut answered = false;
        let before = links.delivered;
        for op in out.ops() {
            match op {
                Op::Group { conn, group } => links.seat(conn, group, &mut state.audiences),
                Op::Send { to: To::One(conn), kind, frame } => {
                    answered |= kind == FrameKind::Answer;
                    links.send_one(conn, &state.audiences, kind, frame);
                }
                Op::Send { to: To::Group { group, except }, kind, frame } => {
                    if links.send_group(group, except, &mut state.audiences, kind, &frame) && !state.marked {
                        state.marked = true;
                        self.marked.borrow_mut().push(room.clone());
                    }
                }
                Op::Close { conn, close } => {
                    links.part(conn, &Parting::Room(close), &mut state.audiences);
                }
                // A socket of this process never outlives its room.
                Op::Attach { .. } => {}
                Op::Load { effect } => {
                    let asker = self.asker(room, effect);
                    // All that can have come since the snapshot, and what the room keeps for those who resume.
                    let limits = &self.server.rooms.limits;
                    self.server.store.load(asker, limits.log_ops.saturating_add(limits.gated_frames));
                }
                Op::Store { effect, upto, owner, writes } => {
                    let asker = self.asker(room, effect);
                    self.server.store.store(asker, upto, owner, OwnedWrite::all(&writes));
                }
                Op::Verify { effect, conn: _, token } => {
                    let token = String::from_utf8_lossy(token).into_owned();
                    self.spawn(verify(self.server.clone(), token, self.asker(room, effect)));
                }
                Op::Founded { conn } => {
                    if let Some(link) = links.get(conn) {
                        self.server.births.count(self.server.clock.now(), &link.user);
                    }
                }
                Op::Reply { ticket, result } => {
                    if let Some(reply) = state.replies.remove(&ticket) {
                        // One who no longer waits needs no answer.
                        drop(reply.try_send(result.map(Told::Done).map_err(Refused::Room)));
                    }
                }
                Op::Announce { listing } => self.tell_list(Word::Announced(Box::new(listing.clone()))),
                Op::Notice { notice } => {
                    if let Some(hooks) = &self.server.webhooks {
                        hooks.tell(&room.id, notice);
                    }
                }
                Op::Forget => self.tell_list(Word::Forgotten(room.id.clone())),
                Op::Sleep => state.dozing = true,
            }
        }
        state.delivered += links.delivered - before;
        if answered && !state.marked {
            // There was no more to it.
            state.heard = None;
        }
        if !out.is_empty() {
            self.want_flush();
        }
        out.clear();
        // Those who asked for it while it was loading are answered first.
        match state.may_go() {
            true => self.let_go(room, state),
            false => self.arm(room, state),
        }
    }

    /// Drops a room that said that it may go.
    pub(super) fn let_go(&self, room: &Place, state: &mut State) {
        state.asleep = true;
        if let Some(recorder) = state.recorder.take() {
            recorder.borrow_mut().end(Ended::Room);
        }
        if let Some(fault) = state.machine.fault() {
            tracing::warn!(room = %room.id, ?fault, "a room had to be given up; its clients are told to come back");
        }
        if let Some(room) = state.machine.room() {
            self.gone.borrow_mut().add(room.stats());
        }
        self.rooms.borrow_mut().remove(&room.id);
        self.lives.borrow_mut().remove(&room.life);
        // One who no longer waits needs no answer.
        for reply in state.leaving.drain(..) {
            drop(reply.try_send(Ok(Told::Yes)));
        }
        for question in state.late.drain(..) {
            let reply = question.reply.clone();
            if self.server.host_of(&room.id).try_send(Visitor::Ask(Box::new(question))).is_err() {
                drop(reply.try_send(Err(Refused::Unavailable)));
            }
        }
    }

    /// Nobody waits for the list of rooms: what it has no place for it is told again.
    pub(super) fn tell_list(&self, word: Word) {
        drop(self.server.lister.try_send(Visitor::List(word)));
    }

    fn asker(&self, room: &Place, effect: EffectId) -> Asker {
        Asker { room: room.id.clone(), life: room.life, effect, answers: self.answers.clone() }
    }
}

/// Has a token checked that came over a socket.
async fn verify(server: Arc<Server>, token: String, asker: Asker) {
    let session = server.sign_in.check(&token).await;
    let verified = session.map(|session| {
        let lease = server.lease(session.expires);
        (session, lease)
    });
    asker.answer(Outcome::Verified(verified.map_err(Refusal::close)));
}
