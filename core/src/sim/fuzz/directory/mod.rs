//! Target `directory`: the list of rooms and those who watch it, steered by the fuzzer's bytes, beside a naive list.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::Deserialize;

use self::model::{Model, Question};
use self::watchers::{Answer, Outcome, Watchers};
use super::bytes::Bytes;
use crate::directory::{Directory, Input, Query, Sort};
use crate::errors::Close;
use crate::id::{Conn, RoomId};
use crate::input::Pressure;
use crate::limits::{Config, Limits};
use crate::listing::Listing;
use crate::outbox::Outbox;
use crate::text::fit_name;
use crate::time::{Span, Time};

mod model;
mod watchers;

const START: Time = Time::from_millis(1_790_000_000_000);

/// Names and search texts on which the rules turn: case, composition, letters that change in number or by their place.
const TEXTS: [&str; 24] = [
    "plans",
    "PLANS",
    "Summer plans",
    "arbor",
    "\u{FF21}rbor",
    "caf\u{E9}",
    "cafe\u{301}",
    "Stra\u{DF}e",
    "STRASSE",
    "\u{39F}\u{394}\u{39F}\u{3A3}",
    "\u{3BF}\u{3B4}\u{3BF}\u{3C3}\u{3B1}",
    "\u{130}stanbul",
    "\u{131}lk",
    "\u{FB01}n",
    "\u{1E9E}",
    "\u{10400}",
    "\u{AC00}",
    "\u{1100}",
    "\u{212A}elvin",
    "Ann Lee",
    "ann",
    "r1",
    "-",
    "\u{3000}",
];

const MESSAGES: [&[u8]; 6] = [
    b"ping",
    b"{",
    br#"{"type":"ping"}"#,
    br#"{"type":"room-created","roomId":"r1"}"#,
    b"[]",
    br#"{"type":"chat:message","data":{"text":"a"},"id":"i"}"#,
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageJson {
    rooms: Vec<Listing>,
    cursor: Option<String>,
    total: usize,
}

struct Driver {
    config: Config,
    list: Directory,
    model: Model,
    watchers: Watchers,
    now: Time,
    generation: u32,
    /// When everyone was last told anything, or the first of them came.
    told: Option<Time>,
    /// Since when what everyone was told is not what there is.
    late: Option<Time>,
    /// When the list last changed, before this input.
    changed: Time,
    /// What was on it then.
    listed: Vec<Listing>,
    /// What the next page of one that goes on is asked by.
    walk: Option<Question>,
}

impl Driver {
    fn new(bytes: &mut Bytes<'_>) -> Driver {
        let mut config = Config::default();
        let limits = &mut config.limits;
        limits.listed_rooms = *bytes.pick(&[200_000, 1, 5, 40]);
        limits.feed_rooms = *bytes.pick(&[100, 3, 1]);
        limits.room_connections = *bytes.pick(&[1000, 3]);
        limits.user_connections = *bytes.pick(&[10, 2]);
        limits.listed_idle = *bytes.pick(&[limits.listed_idle, None]);
        limits.listed_silent = *bytes.pick(&[limits.listed_silent, None]);
        Driver {
            list: Directory::new(&config, 7),
            model: Model::new(config.limits.clone()),
            config,
            watchers: Watchers::default(),
            now: START,
            generation: 0,
            told: None,
            late: None,
            changed: Time::default(),
            listed: Vec::new(),
            walk: None,
        }
    }

    fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// Gives the list an input, does what it says and sees that everything is as it must be.
    fn input(&mut self, input: Input<'_>) -> Outcome {
        self.input_at(self.now, input)
    }

    fn input_at(&mut self, now: Time, input: Input<'_>) -> Outcome {
        let (mut out, mut outcome) = (Outbox::new(), Outcome::default());
        self.list.handle(now, input, &mut out);
        assert_eq!(self.list.check(), Ok(()));
        match input {
            Input::Announced(room) => self.model.announced(self.now, room),
            Input::Forgotten(room) => self.model.forgotten(room),
            Input::Disconnect { conn } => drop(self.watchers.all.remove(&conn)),
            Input::Connect { .. }
            | Input::Resume { .. }
            | Input::Restored { .. }
            | Input::Message { .. }
            | Input::Pressure { .. }
            | Input::Drain { .. }
            | Input::Tick => {}
        }
        self.model.settle(self.now);
        for op in out.ops() {
            self.watchers.carry_out(op, &mut outcome);
        }
        if let Input::Pressure { conn, level: Pressure::High } = input
            && let Some(watcher) = self.watchers.all.get_mut(&conn)
        {
            watcher.slow = true;
        }
        self.check_feed(&outcome);
        self.check_deadline();
        let listed = self.model.rooms(self.now);
        if self.listed != listed {
            (self.changed, self.listed) = (self.now, listed);
        }
        outcome
    }

    /// DIR2 to DIR4: who keeps up was told what the others were, and that is what there is, a second ago at most.
    fn check_feed(&mut self, outcome: &Outcome) {
        let feed = self.limits().feed;
        if self.watchers.all.is_empty() {
            (self.told, self.late) = (None, None);
            return;
        }
        for watcher in self.watchers.all.values().filter(|watcher| !watcher.slow) {
            assert_eq!(watcher.copy.as_ref(), Some(&self.watchers.told), "DIR3: everyone is told the same");
        }
        let told = *self.told.get_or_insert(self.now);
        if outcome.batch > 0 {
            assert!(told + feed <= self.now, "DIR3: two batches within a second");
            self.told = Some(self.now);
        }
        let there = watchers::copy(&self.model.top(self.now));
        if self.watchers.told == there {
            self.late = None;
            return;
        }
        assert_eq!(outcome.batch, 0, "DIR3: a batch tells of what there is");
        let since = *self.late.get_or_insert(self.now);
        assert!(self.now < since + feed, "DIR3: told too late of {there:?}");
        let quiet = self.changed + feed + feed <= self.now && told + feed <= self.now;
        assert!(!quiet, "DIR3: told late after a quiet second");
    }

    fn check_deadline(&self) {
        let (deadline, due) = (self.list.deadline(), self.model.due(self.now));
        assert!(deadline.is_none_or(|at| at > self.now), "DIR12: a deadline that is due stays due");
        match self.watchers.all.is_empty() {
            true => assert_eq!(deadline, due, "DIR5: nothing waits but rooms that will drop off"),
            false => assert!(due.is_none_or(|due| deadline.is_some_and(|at| at <= due)), "DIR5"),
        }
        assert!(self.late.is_none_or(|since| deadline.is_some_and(|at| at <= since + self.limits().feed)), "DIR3");
    }

    /// Lets time pass, with a tick at each deadline.
    fn pass(&mut self, millis: u64) {
        let end = self.now + Span::from_millis(millis);
        while let Some(at) = self.list.deadline().filter(|at| *at <= end) {
            self.now = at;
            self.input(Input::Tick);
        }
        self.now = end;
    }

    fn announce(&mut self, bytes: &mut Bytes<'_>) {
        let room = listing(bytes, self.now);
        self.input(Input::Announced(&room));
    }

    /// The same room with a little changed, or with nothing.
    fn announce_again(&mut self, bytes: &mut Bytes<'_>) {
        let Some(mut room) = self.model.said(&room_id(bytes)) else { return };
        match bytes.byte() % 4 {
            0 => {}
            1 => room.user_count = u32::from(bytes.byte() % 3),
            2 => room.last_activity = self.now,
            _ => room.name = name(bytes, &room.id),
        }
        self.input(Input::Announced(&room));
    }

    fn announce_many(&mut self, bytes: &mut Bytes<'_>) {
        let (count, room, spread) = (bytes.byte(), listing(bytes, self.now), u64::from(bytes.byte()));
        for no in 0..count {
            let last_activity = room.last_activity + Span::from_millis(u64::from(no) * spread % 7);
            let id = RoomId::new(&format!("m{no}")).expect("a short id");
            self.input(Input::Announced(&Listing { id, last_activity, ..room.clone() }));
        }
    }

    /// DIR7.
    fn connect(&mut self, bytes: &mut Bytes<'_>) {
        let (user, limits) = (bytes.byte() % 4, self.config.limits.clone());
        let refusal = if self.watchers.all.len() >= limits.room_connections as usize {
            Some(Close::RoomFull)
        } else {
            let full = self.watchers.sockets_of(user) >= limits.user_connections as usize;
            full.then_some(Close::RateLimited)
        };
        self.generation += 1;
        let conn = Conn { slot: self.generation % 16, generation: self.generation };
        let first = self.watchers.all.is_empty();
        self.watchers.come(conn, user, &limits, self.now);
        let outcome = self.input(Input::Connect { conn, user: &format!("u{user}") });
        let told: Vec<Option<&str>> = outcome.answers.iter().map(|(_, answer)| code(answer)).collect();
        match refusal {
            None => {
                assert!(outcome.greeted.contains(&conn) && told.is_empty() && outcome.closed.is_empty(), "DIR2");
                let there = watchers::copy(&self.model.top(self.now));
                assert!(!first || self.watchers.told == there, "DIR2: the first is shown what there is");
            }
            Some(close) => {
                assert_eq!((&*outcome.closed, &*told), (&[(conn, close)][..], &[Some(close.reason())][..]), "DIR7");
            }
        }
    }

    fn somebody(&self, bytes: &mut Bytes<'_>) -> Option<Conn> {
        let at = usize::from(bytes.byte()) % self.watchers.all.len().max(1);
        self.watchers.all.keys().nth(at).copied()
    }

    /// DIR4.
    fn press(&mut self, bytes: &mut Bytes<'_>) {
        let level = *bytes.pick(&[Pressure::High, Pressure::Clear]);
        let Some(conn) = self.somebody(bytes) else { return };
        let caught_up = self.watchers.all[&conn].slow && level == Pressure::Clear;
        let outcome = self.input(Input::Pressure { conn, level });
        assert_eq!(outcome.greeted.contains(&conn), caught_up, "DIR4: the whole list, once clear");
    }

    /// DIR8.
    fn message(&mut self, bytes: &mut Bytes<'_>) {
        let Some(conn) = self.somebody(bytes) else { return };
        let times = *bytes.pick(&[1, 1, 11, 70, 250]);
        let mut text = *bytes.pick(&MESSAGES);
        if bytes.byte() == 1 {
            let len = usize::from(bytes.byte());
            text = core::str::from_utf8(bytes.take(len)).unwrap_or_default().as_bytes();
        }
        for _ in 0..times {
            let (limits, now) = (self.config.limits.clone(), self.now);
            let Some(watcher) = self.watchers.all.get(&conn) else { return };
            let mut allowance = watcher.allowance.clone();
            let may = allowance.spend(limits.control, now);
            let outcome = self.input(Input::Message { conn, bytes: text });
            let answer = outcome.answers.first().map(|(to, answer)| (*to, code(answer)));
            let unanswered = text == b"ping" && !may;
            let expected = match (answer, may) {
                _ if unanswered => allowance.refuse(false, &limits, now),
                (Some((to, None)), true) => {
                    assert!(to == conn && text == b"ping", "DIR8: only `ping` is answered `pong`");
                    None
                }
                (Some((to, Some(code))), may) => {
                    let fits = (code == "rate_limited") != may || code == "bad_message";
                    assert!(to == conn && fits, "DIR8, RATE5: {code}");
                    assert!(!may || text != b"ping", "DIR8: `ping` is answered `pong`");
                    allowance.refuse(code == "bad_message", &limits, now)
                }
                (answer, _) => panic!("DIR8: {answer:?}"),
            };
            let closed: Vec<_> = expected.into_iter().map(|close| (conn, close)).collect();
            assert_eq!(outcome.closed, closed, "DIR8, LIMIT3, LIMIT4");
            let answers = usize::from(!unanswered) + closed.len();
            assert_eq!(outcome.answers.len(), answers, "DIR8: one answer, and why it ends");
            if let Some(watcher) = self.watchers.all.get_mut(&conn) {
                watcher.allowance = allowance;
            }
        }
    }

    /// DIR13.
    fn drain(&mut self, bytes: &mut Bytes<'_>) {
        let (spread, there) = (Span::from_millis(bytes.short()), self.watchers.all.len());
        let outcome = self.input(Input::Drain { close: Close::Restart, spread });
        assert!(self.watchers.all.is_empty() && outcome.answers.len() == there, "DIR13: everyone goes");
        for (_, answer) in &outcome.answers {
            let Answer::Error(data) = answer else { panic!("DIR13: {answer:?}") };
            assert!(data["retryAfterMs"].as_u64().is_some_and(|wait| wait <= spread.as_millis()), "DIR13: {data}");
        }
    }

    fn save(&mut self) {
        let (mut saved, mut again) = (Vec::new(), Vec::new());
        self.list.save(&mut saved);
        self.list = Directory::restore(&saved).expect("what was saved can be restored");
        self.list.save(&mut again);
        assert_eq!(saved, again, "DIR12: the copy is the same");
    }

    /// DIR14: forgets the list while nothing waits, and makes it anew when something happens, at its deadline at the
    /// latest.
    fn sleep(&mut self, bytes: &mut Bytes<'_>) {
        let slow = self.watchers.all.iter().filter(|(_, watcher)| watcher.slow).map(|(conn, _)| *conn);
        for conn in slow.collect::<Vec<_>>() {
            self.input(Input::Pressure { conn, level: Pressure::Clear });
        }
        let second = self.limits().feed.as_millis();
        self.pass(second);
        while self.late.is_some() {
            self.pass(second);
        }
        let woken = self.now + Span::from_millis(bytes.short() * 60);
        let rooms = self.model.forget(self.now);
        self.now = self.list.deadline().map_or(woken, |at| at.min(woken));
        self.list = Directory::new(&self.config, 7);
        self.watchers.forget(&self.config.limits, self.now);
        let mut out = Outbox::new();
        for (heard, room) in &rooms {
            self.list.handle(self.now, Input::Restored { room, heard: *heard }, &mut out);
        }
        for (conn, watcher) in &self.watchers.all {
            self.list.handle(self.now, Input::Resume { conn: *conn, user: &format!("u{}", watcher.user) }, &mut out);
        }
        let mut outcome = Outcome::default();
        out.ops().for_each(|op| self.watchers.carry_out(op, &mut outcome));
        let said = outcome.batch + outcome.answers.len() + outcome.closed.len() + outcome.greeted.len();
        assert_eq!((self.list.check(), said), (Ok(()), 0), "DIR14: nobody is told anything");
        self.told = (!self.watchers.all.is_empty()).then(Time::default);
        self.input(Input::Tick);
    }

    fn ask(&mut self, bytes: &mut Bytes<'_>) {
        let mut q = text(bytes);
        if bytes.byte() % 4 == 1 {
            q = format!("{q} {}", text(bytes));
        }
        let sort = *bytes.pick(&["", "activity", "created", "users", "name", "Name"]);
        let limit = *bytes.pick(&["", "1", "2", "7", "100", "0", "101", "-1", "x"]);
        let question = Question { q, sort: sort.to_owned(), limit: limit.to_owned(), cursor: String::new() };
        self.page(question);
    }

    /// DIR10: the page behind the last one, whatever happened meanwhile; or behind a place that is made up.
    fn go_on(&mut self, bytes: &mut Bytes<'_>) {
        let Some(mut question) = self.walk.take() else { return };
        let mut cursor = core::mem::take(&mut question.cursor).into_bytes();
        match bytes.byte() % 4 {
            0 | 1 => {}
            2 if !cursor.is_empty() => {
                let at = usize::from(bytes.byte()) % cursor.len();
                cursor[at] = *bytes.pick(b"+01afAF.-\xFF");
            }
            _ => {
                let len = usize::from(bytes.byte());
                cursor = bytes.take(len).to_vec();
            }
        }
        question.cursor = String::from_utf8_lossy(&cursor).into_owned();
        self.page(question);
    }

    /// DIR9 to DIR11: asks both lists.
    fn page(&mut self, question: Question) {
        let given = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
        let [q, sort, limit, cursor] =
            [&question.q, &question.sort, &question.limit, &question.cursor].map(|t| given(t));
        let query = Query::read(q.as_deref(), sort.as_deref(), limit.as_deref(), cursor.as_deref());
        let (query, expected) = match (query, question.answer(self.model.rooms(self.now))) {
            (Ok(query), Ok(expected)) => (query, expected),
            (query, expected) => {
                assert_eq!(query.err(), expected.err(), "DIR11: {:?}", (q, sort, limit, cursor));
                return;
            }
        };
        let page: PageJson = serde_json::from_slice(&self.list.page(&query).to_json()).expect("a page is JSON");
        assert_eq!(page.rooms, expected.rooms, "DIR9, DIR10: {:?}", (q, sort, limit, cursor));
        assert_eq!(page.total, expected.total, "DIR9");
        let order = Sort::ALL.iter().copied().find(|order| order.as_str() == question.sort).unwrap_or_default();
        let next = expected.next.as_ref().map(|next| model::write(next, order));
        assert_eq!(page.cursor, next, "DIR10: where the next page begins");
        self.walk = page.cursor.map(|cursor| Question { cursor, ..question });
    }
}

fn code(answer: &Answer) -> Option<&str> {
    match answer {
        Answer::Pong => None,
        Answer::Error(data) => Some(data["code"].as_str().expect("an error has its code")),
    }
}

fn text(bytes: &mut Bytes<'_>) -> String {
    match bytes.byte() {
        at @ 0..24 => TEXTS[usize::from(at)].to_owned(),
        at @ 24..200 => String::from_utf8_lossy(bytes.take(usize::from(at - 24) % 20)).into_owned(),
        at => TEXTS[usize::from(at) % TEXTS.len()].repeat(usize::from(at) - 199),
    }
}

fn name(bytes: &mut Bytes<'_>, room: &RoomId) -> alloc::boxed::Box<str> {
    fit_name(&text(bytes)).map_or_else(|| room.as_str().into(), Into::into)
}

fn room_id(bytes: &mut Bytes<'_>) -> RoomId {
    let no = bytes.byte() % 48;
    let id = if no.is_multiple_of(2) { format!("r{}", no / 2) } else { format!("R-{}", no / 2) };
    RoomId::new(&id).expect("a short id")
}

fn listing(bytes: &mut Bytes<'_>, now: Time) -> Listing {
    let id = room_id(bytes);
    let mut moment = || match bytes.byte() % 6 {
        0 => now,
        1 => now - Span::from_millis(bytes.short()),
        2 => now - Span::from_millis(bytes.short() * 50),
        3 => now + Span::from_millis(bytes.short()),
        4 => START,
        _ => *bytes.pick(&[Time::default(), Time::MAX]),
    };
    let (created_at, last_activity) = (moment(), moment());
    let name = name(bytes, &id);
    let creator_name = fit_name(&text(bytes)).map(Into::into);
    let is_public = bytes.byte() % 8 != 7;
    let user_count = *bytes.pick(&[0, 1, 2, 0, 1, 7, u32::MAX]);
    Listing { id, name, is_public, created_at, last_activity, user_count, creator_name }
}

/// The list says what a naive list would, to those who ask and to those who watch.
pub fn directory(bytes: &[u8]) {
    let bytes = &mut Bytes::new(bytes);
    let mut driver = Driver::new(bytes);
    for _ in 0..200 {
        if bytes.is_empty() {
            break;
        }
        match bytes.byte() % 20 {
            0..3 => driver.announce(bytes),
            3 | 4 => driver.announce_again(bytes),
            5 => driver.announce_many(bytes),
            6 => drop(driver.input(Input::Forgotten(&room_id(bytes)))),
            7 | 8 => driver.connect(bytes),
            9 => {
                if let Some(conn) = driver.somebody(bytes) {
                    driver.input(Input::Disconnect { conn });
                }
            }
            10 => driver.press(bytes),
            11 => driver.message(bytes),
            12 => driver.pass(bytes.short() % 2500),
            13 => driver.pass(bytes.short() * 30),
            14 => driver.ask(bytes),
            15 => driver.ask(bytes),
            16 | 17 => driver.go_on(bytes),
            18 => driver.save(),
            _ => match bytes.byte() % 4 {
                0 => driver.drain(bytes),
                1 => drop(driver.input_at(driver.now - Span::from_millis(bytes.short()), Input::Tick)),
                2 => driver.sleep(bytes),
                _ => drop(driver.input(Input::Tick)),
            },
        }
    }
    driver.pass(3 * 3_600_000);
}
