//! Target `room`: one room under scripts of legal and hostile inputs. After each it must be whole, a second room that
//! was told the same must have said the same, and so must one that was saved and restored on the way; and what an
//! input costs is bounded.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::bytes::Bytes;
use super::json::{Json, parse};
use super::script::{self, START, Store};
use crate::access::Role;
use crate::document::judge_document;
use crate::errors::Close;
use crate::id::{Conn, EffectId, RoomId, Seq};
use crate::input::{
    Actor, Command, Creator, Done, End, Failure, Input, Pressure, Restore, SERVER, Standing, Verified, View,
};
use crate::limits::{CHAT_CHUNK, Limits, SYNC_PART_BYTES};
use crate::members::Share;
use crate::outbox::{Frame, Op, Outbox, StoredWrite, To};
use crate::room::Room;
use crate::time::{Span, Time};
use crate::wire::Dialect;

/// Inputs in one script.
const MOST_STEPS: u32 = 300;

/// Lets a room live through the script that the bytes tell.
pub fn room(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mut scene = Scene::new(u64::from(bytes.byte()));
    for _ in 0..MOST_STEPS {
        if bytes.is_empty() {
            break;
        }
        scene.step(&mut bytes);
    }
    scene.end();
}

/// What a room asked for and has not been answered.
enum Asked {
    Load(EffectId),
    Store {
        effect: EffectId,
        upto: Seq,
        owner: u64,
        writes: Vec<StoredWrite>,
    },
    /// With the token, which is the user's id.
    Verify(EffectId, String),
}

struct Scene {
    limits: Limits,
    room: Room,
    out: Outbox,
    /// Rooms that must say the same: one that was told the same from its birth, one that was restored on the way.
    twins: Vec<(Room, Outbox)>,
    now: Time,
    store: Store,
    durable: u64,
    asked: Vec<Asked>,
    /// Sockets that the room was told of and has not closed, and what the host keeps with them.
    sockets: BTreeMap<Conn, Vec<u8>>,
    /// What was kept with sockets when memory was last lost.
    kept: Vec<Vec<u8>>,
    /// Every socket that there was.
    seen: Vec<Conn>,
}

impl Scene {
    fn new(seed: u64) -> Scene {
        let config = script::small();
        let id = RoomId::new("board").expect("a room id");
        let (mut out, mut echo) = (Outbox::new(), Outbox::new());
        let room = Room::new(id.clone(), &config, seed, START, &mut out);
        let twin = Room::new(id, &config, seed, START, &mut echo);
        assert!(out.ops().eq(echo.ops()), "ROOM12: two rooms begin differently");
        echo.clear();
        let mut scene = Scene {
            limits: config.limits,
            room,
            out,
            twins: Vec::from([(twin, echo)]),
            now: START,
            store: Store::default(),
            durable: 0,
            asked: Vec::new(),
            sockets: BTreeMap::new(),
            kept: Vec::new(),
            seen: Vec::new(),
        };
        scene.carry_out();
        scene
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let verb = bytes.byte();
        self.now = self.now + Span::from_millis([0, 0, 0, 1, 17, 120, 2100, 16_000][usize::from(verb >> 5)]);
        let conn = self.some_conn(bytes);
        match verb & 31 {
            0..=2 => self.connect(bytes),
            3..=14 => {
                let words = script::message(bytes, &self.seen);
                self.input(Input::Message { conn, bytes: words.as_bytes() });
            }
            15 => {
                let len = usize::from(bytes.byte());
                let words = bytes.take(len);
                self.input(Input::Message { conn, bytes: words });
            }
            16 => {
                let long = alloc::vec![b' '; self.limits.message_bytes as usize + 1];
                self.input(Input::Message { conn, bytes: &long });
            }
            17 | 18 => self.input(Input::Disconnect { conn, end: *bytes.pick(&[End::Lost, End::Closed]) }),
            19 => self.input(Input::Pressure { conn, level: *bytes.pick(&[Pressure::High, Pressure::Clear]) }),
            20..=24 => self.answer(bytes),
            25 => self.answer_wrongly(bytes),
            26 | 27 => self.tick_at_deadline(),
            28 => self.input(Input::Tick),
            29 => self.save_and_restore(),
            30 => self.resume(conn, bytes),
            _ => self.upheaval(bytes),
        }
    }

    /// A socket that is there, mostly; or one that was, or never.
    fn some_conn(&self, bytes: &mut Bytes<'_>) -> Conn {
        let which = usize::from(bytes.byte());
        let open = self.sockets.keys().nth(which % 8).copied();
        open.or_else(|| self.seen.get(which / 8).copied()).unwrap_or(Conn { slot: 77, generation: 7 })
    }

    fn connect(&mut self, bytes: &mut Bytes<'_>) {
        let how = bytes.byte();
        let count = u32::try_from(self.seen.len()).unwrap_or(0);
        let fresh = Conn { slot: count % 3, generation: count };
        let conn = match how & 0xC0 {
            // A socket that is there already. One that is gone never comes again: hosts do not reuse a generation.
            0xC0 => Some(self.some_conn(bytes)).filter(|conn| self.sockets.contains_key(conn)).unwrap_or(fresh),
            _ => fresh,
        };
        let dialect = if how & 0x30 == 0x30 { Dialect::Plain } else { Dialect::KanvasV1 };
        let view = if how & 12 == 12 { View::Readonly } else { View::Full };
        let fresh = self.sockets.insert(conn, Vec::new()).is_none();
        if fresh {
            self.seen.push(conn);
        }
        let who = how & 3 | bytes.byte() & 0xC0;
        self.input(script::connect(self.now, conn, who, dialect, view));
    }

    /// Answers an effect in flight, in any order.
    fn answer(&mut self, bytes: &mut Bytes<'_>) {
        let how = bytes.byte();
        if self.asked.is_empty() {
            return;
        }
        let asked = self.asked.remove(usize::from(how >> 4) % self.asked.len());
        let failure = match how & 15 {
            0 => Some(Failure::Full),
            1 => Some(Failure::Busy),
            2 => Some(Failure::Broken),
            3 => Some(Failure::Fenced),
            _ => None,
        };
        let effect = match &asked {
            Asked::Load(effect) | Asked::Store { effect, .. } | Asked::Verify(effect, _) => *effect,
        };
        match (failure, asked) {
            (failure, Asked::Verify(_, user)) => {
                let close = [Close::TokenExpired, Close::TokenInvalid, Close::Unavailable, Close::Unavailable];
                let verified =
                    Verified { user: &user, org: None, lease: self.now + Span::from_secs(u64::from(how >> 4) * 20) };
                let result = Done::Verified(failure.map_or(Ok(verified), |_| Err(close[usize::from(how & 3)])));
                self.input(Input::Done { effect, result });
            }
            (Some(failure), _) => self.input(Input::Done { effect, result: Done::Failed(failure) }),
            (None, Asked::Load(effect)) => {
                let store = core::mem::take(&mut self.store);
                store.load(self.limits.log_ops, |loaded| {
                    self.input(Input::Done { effect, result: Done::Loaded(loaded) });
                });
                self.store = store;
                assert!(!matches!(self.room.fault(), Some(crate::Fault::Corrupt(_))), "ROOM2: {:?}", self.room.fault());
            }
            (None, Asked::Store { effect, upto, owner, writes }) => {
                self.store.write(owner, &writes);
                self.durable = self.durable.max(upto.0);
                self.input(Input::Done { effect, result: Done::Stored { upto } });
            }
        }
    }

    /// ROOM14: an answer that nobody waits for, or of the wrong kind.
    fn answer_wrongly(&mut self, bytes: &mut Bytes<'_>) {
        let how = bytes.byte();
        let effect = EffectId(u64::from(how >> 3));
        let loading = self.asked.iter().any(|asked| matches!(asked, Asked::Load(_)));
        let in_flight = self.asked.iter().any(|asked| match asked {
            Asked::Load(asked) | Asked::Store { effect: asked, .. } | Asked::Verify(asked, _) => *asked == effect,
        });
        let before = self.room.stats().misuse;
        match how & 1 {
            _ if in_flight && loading => {
                self.input(Input::Done { effect, result: Done::Stored { upto: Seq(u64::from(how)) } });
            }
            _ if in_flight => self.input(Input::Done { effect, result: Done::Loaded(crate::Loaded::default()) }),
            0 => self.input(Input::Done { effect, result: Done::Stored { upto: Seq(u64::from(how)) } }),
            _ => self.input(Input::Done { effect, result: Done::Failed(Failure::Broken) }),
        }
        assert_eq!(self.room.stats().misuse, before + 1, "ROOM14: an answer to no question");
    }

    fn tick_at_deadline(&mut self) {
        if let Some(at) = self.room.deadline() {
            self.now = self.now.max(at);
            self.input(Input::Tick);
        }
    }

    /// ROOM11, ROOM12: the copy is saved to the same bytes, and from now on it is told everything too.
    fn save_and_restore(&mut self) {
        let saved = self.saved();
        let copy = Room::restore(&saved, Time::default()).expect("ROOM11: a saved room can be restored");
        let mut again = Vec::new();
        copy.save(&mut again);
        assert_eq!(saved, again, "ROOM11: a restored room is saved differently");
        self.twins.truncate(1);
        self.twins.push((copy, Outbox::new()));
    }

    fn saved(&self) -> Vec<u8> {
        let mut saved = Vec::new();
        self.room.save(&mut saved);
        saved
    }

    /// A socket that the room forgot, or never knew, or knows, with an attachment that is its own or anything.
    fn resume(&mut self, conn: Conn, bytes: &mut Bytes<'_>) {
        let (own, len) = (bytes.byte(), usize::from(bytes.byte() % 64));
        let kept = match own & 3 {
            0 => bytes.take(len).to_vec(),
            1 => self.sockets.values().nth(len % 8).cloned().unwrap_or_default(),
            _ => self.kept.get(len % 8).cloned().unwrap_or_default(),
        };
        self.sockets.entry(conn).or_default();
        if !self.seen.contains(&conn) {
            self.seen.push(conn);
        }
        self.input(Input::Resume { conn, attachment: &kept });
    }

    /// Rare things: a drain, a crash, a clock that stands back or jumps, storage that was damaged.
    fn upheaval(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 12 {
            0 => {
                let close = *bytes.pick(&[Close::Restart, Close::RoomClosed]);
                self.input(Input::Command(Command::Drain { close, spread: Span::from_millis(bytes.short()) }));
            }
            1 => self.now = Time::from_millis(self.now.as_millis() - 1 - u64::from(bytes.byte())).max(START),
            2 => self.now = self.now + Span::from_secs(60 * u64::from(bytes.byte())),
            3 => self.load_damaged(bytes),
            4 => {
                let (by, until) = (*bytes.pick(&["user_1", "guest:2"]), bytes.byte());
                let until = (until > 0).then(|| self.now + Span::from_secs(u64::from(until)));
                let share = Share { role: *bytes.pick(Role::ALL), until };
                self.input(Input::Command(Command::Share { ticket: 1, by, id: script::LINK, share }));
            }
            5 => self.input(Input::Command(Command::Unshare { ticket: 2, by: "user_1", id: script::LINK })),
            6 | 7 => self.crash(bytes),
            _ => self.command(bytes),
        }
    }

    /// Something that a back end does.
    fn command(&mut self, bytes: &mut Bytes<'_>) {
        let (ticket, by) = (3, *bytes.pick(&[Actor::Server, Actor::Person("user_1"), Actor::Person("guest:2")]));
        let moment = START + Span::from_millis(bytes.short() * 8);
        let at = (bytes.byte() < 16).then_some(Seq(self.durable));
        match bytes.byte() % 8 {
            0 => {
                let message = script::message(bytes, &self.seen);
                self.input(Input::Command(Command::Act { ticket, by, message: message.as_bytes() }));
            }
            1 => {
                let message = script::message(bytes, &self.seen);
                self.input(Input::Command(Command::Publish { ticket, message: message.as_bytes() }));
            }
            2 | 3 => {
                let images = script::images(bytes);
                self.input(Input::Command(Command::Replace { ticket, images: images.as_bytes(), at }));
            }
            4 | 5 => {
                let user: &str = bytes.pick::<&str>(&["user_1", "guest:2", SERVER]);
                let without = Restore::Without { user, since: moment };
                let to = *bytes.pick(&[Restore::AsOf(moment), without]);
                let store = self.store.clone();
                store.load(u32::MAX, |stored| {
                    self.input(Input::Command(Command::Restore { ticket, rows: stored.log, to, at }));
                });
            }
            6 => {
                let mut document = Vec::new();
                self.room.export(&mut document);
                let read = document.is_empty() || judge_document(&document, &script::small()).is_ok();
                assert!(read, "PORT4: {} is not read again", String::from_utf8_lossy(&document));
                if bytes.byte() < 64 {
                    document = script::document(bytes).into_bytes();
                }
                self.input(Input::Command(Command::Import { ticket, document: &document }));
            }
            _ if bytes.byte() < 64 => self.input(Input::Command(Command::Delete { ticket, by })),
            _ => {
                let by = Creator { user: "user_1", standing: Standing::Verified, name: Some("Ann") };
                let (name, is_public, share) = (None, bytes.byte() < 128, None);
                self.input(Input::Command(Command::Create { ticket, by, name, is_public, share }));
            }
        }
    }

    /// Memory is gone; of the stores in flight the first ones are on the disk.
    fn crash(&mut self, bytes: &mut Bytes<'_>) {
        let kept = usize::from(bytes.byte() % 4);
        for asked in core::mem::take(&mut self.asked).into_iter().take(kept) {
            if let Asked::Store { owner, writes, .. } = asked {
                self.store.write(owner, &writes);
            }
        }
        self.durable = self.durable.max(self.store.log.last_key_value().map_or(0, |(seq, _)| seq.0));
        let seed = bytes.short();
        let fresh = Scene::new(seed);
        (self.room, self.twins, self.asked) = (fresh.room, fresh.twins, fresh.asked);
        self.kept = core::mem::take(&mut self.sockets).into_values().collect();
        self.out.clear();
    }

    /// ROOM10: damaged bytes are told as such, or make a room that is whole.
    fn load_damaged(&mut self, bytes: &mut Bytes<'_>) {
        let mut store = self.store.clone();
        let flip = |content: &mut Vec<u8>, bytes: &mut Bytes<'_>| {
            let at = usize::try_from(bytes.short()).unwrap_or(0) % content.len().max(1);
            if let Some(byte) = content.get_mut(at) {
                *byte ^= 1 << (bytes.byte() % 8);
            }
        };
        match bytes.byte() % 4 {
            0 => drop(store.record.as_mut().map(|record| flip(record, bytes))),
            1 => store.chunks.values_mut().for_each(|chunk| flip(chunk, bytes)),
            2 => drop(store.log.pop_first()),
            _ => drop(store.chunks.pop_first()),
        }
        let mut out = Outbox::new();
        let mut room = Room::new(RoomId::new("board").expect("a room id"), &script::small(), 1, self.now, &mut out);
        store.load(self.limits.log_ops, |loaded| {
            room.handle(self.now, Input::Done { effect: EffectId(1), result: Done::Loaded(loaded) }, &mut out);
        });
        assert_eq!(room.check(), Ok(()), "ROOM10: what was loaded from damaged bytes");
    }

    fn input(&mut self, input: Input<'_>) {
        let tick = matches!(input, Input::Tick);
        self.room.handle(self.now, input.clone(), &mut self.out);
        assert_eq!(self.room.check(), Ok(()), "after {input:?}");
        if tick {
            assert!(self.room.deadline().is_none_or(|at| at > self.now), "ROOM13: a deadline stays due");
        }
        for (twin, echo) in &mut self.twins {
            twin.handle(self.now, input.clone(), echo);
            assert!(self.out.ops().eq(echo.ops()), "ROOM11, ROOM12: {input:?} is answered in two ways");
            echo.clear();
        }
        match input {
            Input::Disconnect { conn, .. } => drop(self.sockets.remove(&conn)),
            Input::Connect { .. }
            | Input::Resume { .. }
            | Input::Message { .. }
            | Input::Pressure { .. }
            | Input::Done { .. }
            | Input::Command(_)
            | Input::Tick => {}
        }
        self.carry_out();
    }

    /// Does what the room said, and looks at what it cost.
    fn carry_out(&mut self) {
        let out = core::mem::take(&mut self.out);
        let mut stored = out.store_writes().into_iter();
        let (mut ops, mut most_ops) = (0, self.most_ops());
        for op in out.ops() {
            ops += 1;
            match op {
                Op::Send { to, frame, .. } => self.check_frame(to, &frame),
                Op::Close { conn, .. } => drop(self.sockets.remove(&conn)),
                Op::Attach { conn, bytes } => drop(self.sockets.insert(conn, bytes.to_vec())),
                Op::Load { effect } => self.asked.push(Asked::Load(effect)),
                Op::Store { effect, upto, owner, .. } => {
                    let writes = stored.next().expect("a store has its writes");
                    self.asked.push(Asked::Store { effect, upto, owner, writes });
                }
                Op::Verify { effect, token, .. } => {
                    self.asked.push(Asked::Verify(effect, String::from_utf8_lossy(token).into_owned()));
                }
                Op::Group { .. }
                | Op::Founded { .. }
                | Op::Reply { .. }
                | Op::Announce { .. }
                | Op::Forget
                | Op::Notice { .. } => {}
                Op::Sleep => most_ops += 1,
            }
        }
        assert!(ops <= most_ops, "LIMIT2: one input led to {ops} ops, of at most {most_ops}");
        self.out = out;
        self.out.clear();
    }

    /// What one input may lead to. All that waits at the gate may leave at once, each frame to each audience; or a join replays what was held; everyone may be told of everyone's presence and drags, of their end, and be
    /// sent a snapshot and closed.
    fn most_ops(&self) -> usize {
        let people = self.limits.room_connections as usize + self.seen.len();
        let waits = (self.limits.gated_frames + self.limits.held_messages) as usize;
        // A canvas that is replaced goes and comes as a whole.
        let waits = waits + 2 * self.limits.images as usize;
        // Each may look elsewhere, and hear with nobody else.
        let groups = self.limits.room_connections as usize;
        16 + groups * (waits + people * (8 + self.limits.drags as usize)) + people * 24
    }

    fn check_frame(&self, to: To, frame: &Frame<'_>) {
        let people = self.seen.len() + 1;
        let most = match frame {
            // The longest line of chat with every character escaped, or everyone with all that they say of themselves.
            Frame::Inline(_) => 20 * 1024 + people * 8 * 1024,
            Frame::Part(..) => SYNC_PART_BYTES,
        };
        assert!(frame.len() <= most, "LIMIT2: a frame of {} bytes", frame.len());
        let bytes = frame.to_vec();
        if let To::One(conn) = to {
            assert!(self.seen.contains(&conn), "a frame for {conn:?}, which never was");
        }
        if bytes == b"pong" || bytes.starts_with(b"say ") || bytes.starts_with(b"at ") {
            return;
        }
        let frame = parse(&bytes).unwrap_or_else(|| panic!("WIRE10: {:?} is no JSON", String::from_utf8_lossy(&bytes)));
        // GATE1, GATE2: an event and its ack.
        let acked = frame.member("data").filter(|_| frame.member("type").and_then(Json::text) == Some("ack"));
        let seq = frame.member("seq").or_else(|| acked?.member("seq")).and_then(Json::number);
        #[expect(clippy::cast_precision_loss, reason = "a script makes few events")]
        let durable = self.durable as f64;
        assert!(seq.is_none_or(|seq| seq <= durable), "GATE1: {durable} is durable, and this is sent: {frame:?}");
    }

    /// LIMIT2: what a room keeps, as it would be saved, is bounded by its limits and its people.
    fn end(self) {
        let saved = self.saved();
        let limits = &self.limits;
        let people = limits.room_connections as usize + self.seen.len();
        let chat = (limits.chat_history as usize + 4 + usize::try_from(CHAT_CHUNK).unwrap_or(0)) * 9 * 1024;
        let ids = (limits.dedupe_clients * limits.dedupe_ids) as usize * 2400;
        let kept = 3 * (limits.image_bytes + limits.log_bytes + 2 * limits.gated_bytes) as usize;
        let each = limits.held_bytes as usize + 4096 + limits.drags as usize * 4096;
        let most = 64 * 1024 + kept + chat + ids + people * each;
        assert!(saved.len() <= most, "LIMIT2: the room takes {} bytes, of at most {most}", saved.len());
        for (twin, _) in &self.twins {
            let mut again = Vec::new();
            twin.save(&mut again);
            assert_eq!(saved, again, "ROOM11, ROOM12: rooms that were told the same are saved differently");
        }
    }
}
