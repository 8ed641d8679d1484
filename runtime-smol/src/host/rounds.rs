//! The rounds of a host thread: in each it reads every socket that has something, gives it to the rooms, and rings the
//! alarms that are due. A thread with little to do makes a round at once when something comes. One with much to do
//! rests before the next, so that what comes meanwhile costs one wake-up and not one each.

use std::cmp::Reverse;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use kanvas_core::{Close, Conn, Input};

use super::Host;
use super::place::{Place, State};
use crate::ears::{Nudge, Ready};
use crate::frames::{Broken, Heard, Then};
use crate::links::Reading;
use crate::parting::Parting;

/// What is read of one socket in a round, in bytes; the others come first before there is more.
pub(super) const SCRATCH: usize = 16 * 1024;

impl Host {
    /// Goes on until `tasks` is over: the thread's tasks, which run in between.
    pub(super) fn rounds(self: &Rc<Self>, nudge: &Arc<Nudge>, tasks: impl Future<Output = ()>) {
        let waker = Waker::from(nudge.clone());
        let mut cx = Context::from_waker(&waker);
        let mut tasks = pin!(tasks);
        let mut pace = Pace::new(Instant::now());
        let (mut ready, mut scratch) = (Vec::new(), vec![0; SCRATCH]);
        loop {
            if nudge.take() && tasks.as_mut().poll(&mut cx).is_ready() {
                return;
            }
            while self.unflushed.get() {
                self.flush();
            }
            let rest = pace.rest(Instant::now());
            if rest.is_zero() {
                self.wait(nudge, self.until_alarm(), &mut ready);
            } else {
                // Nothing of this thread waits but what came a moment ago.
                thread::sleep(rest);
                self.wait(nudge, Some(Duration::ZERO), &mut ready);
            }
            let any = !ready.is_empty();
            for Ready { slot, read, write } in ready.drain(..) {
                if write {
                    self.pump(slot);
                }
                if read {
                    self.read(slot, &mut scratch);
                }
            }
            if self.ring_due() || any {
                pace.spend();
            }
        }
    }

    fn wait(&self, nudge: &Nudge, most: Option<Duration>, ready: &mut Vec<Ready>) {
        let waited = self.links.borrow_mut().wait(nudge, most, ready);
        if let Err(error) = waited {
            tracing::error!(%error, "cannot wait for sockets");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// How long until the next alarm.
    fn until_alarm(&self) -> Option<Duration> {
        let next = self.alarms.borrow().peek().map(|Reverse((time, _))| *time)?;
        Some(self.server.clock.instant(next).saturating_duration_since(Instant::now()))
    }

    /// Hears what a new socket has said already.
    pub(crate) fn hear_first(&self, conn: Conn, mut said: Vec<u8>) {
        let lent = self.links.borrow_mut().lend(conn.slot as usize);
        if let Some(reading) = lent {
            self.hear_bytes(reading, &mut said, false);
        }
    }

    /// Writes on to a socket that takes more.
    fn pump(&self, slot: usize) {
        let news = self.links.borrow_mut().pump(slot);
        if let Some((conn, what)) = news {
            self.hear(conn, what);
        }
    }

    /// Reads what a socket has.
    fn read(&self, slot: usize, scratch: &mut [u8]) {
        let Some(reading) = self.links.borrow_mut().lend(slot) else { return };
        match reading.wire.try_read(scratch) {
            Ok(count @ 1..) => {
                let more = count == scratch.len();
                self.hear_bytes(reading, scratch.get_mut(..count).unwrap_or_default(), more);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.links.borrow_mut().give_back(reading, false);
            }
            Ok(0) | Err(_) => {
                let conn = reading.conn;
                self.links.borrow_mut().give_back(reading, false);
                self.part(conn, &Parting::Gone);
            }
        }
    }

    /// Gives the room every message that these bytes make whole.
    fn hear_bytes(&self, mut reading: Reading, bytes: &mut [u8], more: bool) {
        let (conn, room) = (reading.conn, reading.room.clone());
        let (mut parting, now) = (None, Instant::now());
        if reading.is_silent {
            self.links.borrow_mut().asks(conn, now);
        }
        let fed = reading.frames.feed(now, bytes, |heard| {
            #[cfg(feature = "echo")]
            if self.echo(conn, &heard) {
                return Then::Go;
            }
            match heard {
                Heard::Text(bytes) => {
                    room.state.borrow_mut().heard.get_or_insert(now);
                    self.drive(&room, Input::Message { conn, bytes });
                }
                Heard::Binary(_) => parting = Some(Parting::BINARY),
                Heard::Ping(payload) => {
                    if self.links.borrow_mut().pong(conn, payload) {
                        self.want_flush();
                    }
                }
                Heard::Close(close) => {
                    parting = Some(Parting::Echo(close.map(|(code, reason)| (code, reason.to_owned()))));
                }
            }
            if parting.is_some() || self.links.borrow_mut().is_over(conn) { Then::Stop } else { Then::Go }
        });
        self.links.borrow_mut().give_back(reading, more);
        if let Some(parting) = parting.or_else(|| fed.err().map(verdict)) {
            self.part(conn, &parting);
        }
    }

    /// Sends a message back.
    #[cfg(feature = "echo")]
    fn echo(&self, conn: Conn, heard: &Heard<'_>) -> bool {
        let (first, payload) = match heard {
            Heard::Text(payload) => (crate::outq::TEXT, payload),
            Heard::Binary(payload) => (crate::outq::BINARY, payload),
            Heard::Ping(_) | Heard::Close(_) => return false,
        };
        self.links.borrow_mut().echo(conn, first, payload);
        self.want_flush();
        true
    }

    /// Makes sure that an alarm is set no later than the room's deadline. One that is too early stays.
    pub(super) fn arm(&self, room: &Place, state: &mut State) {
        let Some(deadline) = state.machine.deadline() else { return };
        if state.armed.is_some_and(|armed| armed <= deadline) {
            return;
        }
        state.armed = Some(deadline);
        self.alarms.borrow_mut().push(Reverse((deadline, room.life)));
    }

    /// Whether there were any.
    fn ring_due(&self) -> bool {
        let mut rang = false;
        loop {
            let now = self.server.clock.now();
            let due = {
                let mut alarms = self.alarms.borrow_mut();
                match alarms.peek() {
                    Some(Reverse((time, _))) if *time <= now => alarms.pop(),
                    Some(_) | None => None,
                }
            };
            let Some(Reverse((time, life))) = due else { return rang };
            rang = true;
            let Some(room) = self.lives.borrow().get(&life).cloned() else { continue };
            let mut state = room.state.borrow_mut();
            if state.armed != Some(time) {
                continue;
            }
            state.armed = None;
            if state.machine.deadline().is_some_and(|deadline| deadline <= now) {
                drop(state);
                self.drive(&room, Input::Tick);
            } else {
                self.arm(&room, &mut state);
            }
        }
    }
}

/// What a client is told of what cannot be read.
fn verdict(broken: Broken) -> Parting {
    match broken {
        Broken::Protocol => Parting::BROKEN,
        Broken::Utf8 => Parting::NO_UTF8,
        Broken::TooLong => Parting::TOO_LONG,
        Broken::Fragments => Parting::FRAGMENTS,
        Broken::Control => Parting::Told(Close::RateLimited),
    }
}

/// How often rounds may be: as soon as something comes, as long as that is not all the time.
struct Pace {
    /// Rounds that may be made at once.
    credit: f64,
    at: Instant,
}

impl Pace {
    /// From one round to the next of a thread that has much to do: short beside what anybody notices, long beside what
    /// a wake-up costs.
    const REST: Duration = Duration::from_millis(2);
    /// Rounds at once.
    const BURST: f64 = 16.0;

    fn new(now: Instant) -> Pace {
        Pace { credit: Pace::BURST, at: now }
    }

    /// How long to rest before the next round.
    fn rest(&mut self, now: Instant) -> Duration {
        let gained = now.saturating_duration_since(self.at).div_duration_f64(Pace::REST);
        self.credit = (self.credit + gained).min(Pace::BURST);
        self.at = now;
        Pace::REST.mul_f64(-self.credit.min(0.0))
    }

    /// A round had sockets or alarms to see to.
    fn spend(&mut self) {
        self.credit -= 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run24_rounds_follow_at_once_until_there_are_too_many() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        // One every 4 ms is never held up.
        for _ in 0..100 {
            now += Duration::from_millis(4);
            assert_eq!(pace.rest(now), Duration::ZERO);
            pace.spend();
        }
        // Something comes every 0.1 ms: there are rests before long, and then a round every 2 ms.
        let (began, mut rounds) = (now, 0);
        while now < began + Duration::from_secs(1) {
            now += Duration::from_micros(100);
            now += pace.rest(now);
            pace.spend();
            rounds += 1;
        }
        assert!((500..=520).contains(&rounds), "{rounds} rounds in a second");
        now += Duration::from_millis(50);
        assert_eq!(pace.rest(now), Duration::ZERO, "after a pause there is none");
    }
}
