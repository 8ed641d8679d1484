//! How sockets are closed, one or all.

use super::{Phase, Room, rights};
use crate::audience::Audience;
use crate::drags::Drags;
use crate::errors::{Close, Code};
use crate::id::{ClientId, Conn};
use crate::journal::{Held, Journal};
use crate::kinds::FrameKind;
use crate::moves::Moves;
use crate::outbox::{Outbox, To};
use crate::presence::People;
use crate::time::{Span, Time};
use crate::timers::Timers;
use crate::wire::{self, Dialect, Event, Refusal, Truth};

impl Room {
    /// Says why and closes. The room forgets the socket at once; its session waits unless the reason is final.
    pub(super) fn close(&mut self, now: Time, conn: Conn, close: Close, out: &mut Outbox) {
        self.say_close(conn, close, None, out);
        self.part(now, conn, rights::gone(close), out);
    }

    pub(super) fn say_close(&mut self, conn: Conn, close: Close, retry_after: Option<Span>, out: &mut Outbox) {
        let Some(link) = self.people.link(conn) else { return };
        say_close(link.dialect, link.client(), conn, close, retry_after, out);
        if let Some(count) = Close::ALL.iter().position(|other| *other == close) {
            self.stats.closed[count] += 1;
        }
    }

    /// Closes everyone and gives up the room.
    pub(super) fn close_all(&mut self, close: Close, spread: Span, out: &mut Outbox) {
        self.announce_end(out);
        for conn in self.people.conns() {
            let wait = (close.code() < 4500).then(|| Span::from_millis(self.rng.below(spread.as_millis() + 1)));
            self.say_close(conn, close, wait, out);
        }
        let held = self.journal.go_back();
        refuse_commands(&held, out);
        self.people = People::default();
        self.audience = Audience::default();
        self.drags = Drags::default();
        self.journal = Journal::default();
        self.timers = Timers::default();
        self.dirty.clear();
        self.moves = Moves::default();
        self.phase = Phase::Gone { close };
        out.sleep();
    }
}

/// ACT3: answers the commands that nothing will come of any more.
pub(super) fn refuse_commands(held: &[Held], out: &mut Outbox) {
    for held in held {
        if let Held::Reply { ticket } = held {
            out.reply(*ticket, Err(Code::Busy));
        }
    }
}

/// The error event and the close that end a socket.
pub(crate) fn say_close(
    dialect: Dialect,
    client: Option<ClientId>,
    conn: Conn,
    close: Close,
    retry_after: Option<Span>,
    out: &mut Outbox,
) {
    let (code, message) = (close.reason(), close.message());
    let refusal = Refusal { code, message, id: None, retry_after, truth: Truth::Unsaid };
    let bytes = out.encode(|arena| wire::encode(dialect, &Event::Error(refusal), client, arena));
    if !bytes.is_empty() {
        out.send(To::One(conn), FrameKind::Answer, bytes);
    }
    out.close(conn, close);
}
