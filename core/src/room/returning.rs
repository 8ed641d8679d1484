//! Going back to what storage has, when it will not take what came after: nobody has seen that, for it waited at the
//! gate. Whatever was to be said is said anew, as of what is durable.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::announce::News;
use super::{Fault, Phase, Room, closing::refuse_commands};
use crate::errors::Code;
use crate::id::{ClientId, Conn};
use crate::input::{Failure, Loaded};
use crate::journal::{Answer, Held, Outcome};
use crate::outbox::Outbox;
use crate::presence::Client;
use crate::time::Time;
use crate::timers::RoomTimer;
use crate::wire::Event;

impl Room {
    /// STORE6: asks storage what it has. Until the answer edits are refused and joins wait.
    pub(super) fn go_back(&mut self, why: Failure, out: &mut Outbox) {
        self.stats.returns += 1;
        let effect = self.effect();
        self.phase = Phase::Returning { effect: Some(effect), tries: 0, why };
        out.load(effect);
    }

    /// Goes on from what storage has. A room that storage does not have at all, or has otherwise than it said, is given
    /// up.
    pub(super) fn on_returned(&mut self, now: Time, why: Failure, loaded: &Loaded<'_>, out: &mut Outbox) {
        if loaded.owner > self.owner {
            return self.give_up(Fault::Fenced, out);
        }
        let epoch = self.record.as_ref().map(|record| record.epoch);
        let next_client = self.next_client;
        self.end_all_drags();
        let held = self.journal.go_back();
        self.forget();
        self.snapshots.clear();
        if let Err(part) = self.load(loaded) {
            refuse_commands(&held, out);
            self.forget();
            return self.give_up(Fault::Corrupt(part), out);
        }
        let reserved = self.record.as_ref().filter(|record| Some(record.epoch) == epoch).map(|record| record.clients);
        if self.head != self.journal.durable_seq() || reserved.is_none_or(|reserved| next_client > reserved) {
            refuse_commands(&held, out);
            return self.give_up(Fault::Storage, out);
        }
        self.next_client = next_client;
        self.ids_mark = self.ids_mark.min(self.journal.durable());
        self.phase = Phase::Live;
        self.set_share_timer();
        self.timers.set(RoomTimer::Retry, self.journal.next_try(now));
        self.say_anew(why, held, out);
        // What changed by itself meanwhile: leases, links.
        self.judge(now);
        self.take_waiting(now, out);
        self.rest_if_empty(now, out);
    }

    /// What waited at the gate, as it is now: edits that storage has not got are refused, who joined gets the state as
    /// storage has it, and what others saw move goes back.
    fn say_anew(&mut self, why: Failure, held: Vec<Held>, out: &mut Outbox) {
        // Who left before they were told anything.
        let mut hasty: BTreeMap<ClientId, Box<Client>> = BTreeMap::new();
        for what in &held {
            if let Held::Exit { client: Some(client), .. } = what {
                hasty.insert(client.id, client.clone());
            }
        }
        for what in held {
            match what {
                Held::Answer { conn, answer, frame } => self.answer_anew(why, conn, answer, frame),
                Held::Shown { client, image, fields } => {
                    if let Some(there) = self.images.get(&image) {
                        let values = there.values(&fields);
                        let event = Event::Settled { client, image: &image, values: &values };
                        self.audience.gate(&event, None, &mut self.journal);
                    }
                }
                Held::Enter { conn, client, since } if self.people.link(conn).is_some() => {
                    let there = self.people.clients.get(&client).cloned().map(Box::new);
                    if let Some(client) = there.or_else(|| hasty.remove(&client)) {
                        self.welcome(conn, &client, since);
                    }
                }
                Held::Notice { ref notice } if notice.is_stored() => {}
                Held::One { .. } | Held::Exit { .. } | Held::Notice { .. } => self.journal.hold(what),
                // The room is announced anew, as it is.
                Held::Announcement { .. } => self.announcing.note(News::Changed),
                Held::Reply { ticket } => out.reply(ticket, Err(without_space(why))),
                // Of what storage has not got, or made anew by the entry, or judged anew.
                Held::All { .. }
                | Held::Joined { .. }
                | Held::Part { .. }
                | Held::Enter { .. }
                | Held::Verdicts { .. }
                | Held::Deletion => {}
            }
        }
    }

    /// The answer to an edit: as it was if storage has the edit, else a refusal.
    fn answer_anew(&mut self, why: Failure, conn: Conn, answer: Box<Answer>, frame: Box<[u8]>) {
        let without_space = without_space(why);
        let (code, retry_after) = match answer.outcome {
            Outcome::Made(seq) if seq <= self.journal.durable_seq() => {
                return self.journal.hold(Held::Answer { conn, answer, frame });
            }
            Outcome::Made(_) => (without_space, None),
            Outcome::Refused { code, .. } if code.depends_on_content() => (without_space, None),
            Outcome::Refused { code, retry_after } => (code, retry_after),
        };
        self.stats.count_refusal(code);
        self.hold_refusal(conn, (code, retry_after), answer.id.as_deref(), answer.image.as_deref());
    }
}

/// What those are told whose edit storage did not take.
fn without_space(why: Failure) -> Code {
    match why {
        Failure::Full => Code::StorageFull,
        Failure::Busy | Failure::Broken | Failure::Fenced => Code::Busy,
    }
}
