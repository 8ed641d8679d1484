//! Target `forget`: a room that a sleeping host forgets and wakes is, for its clients, the room that was never
//! forgotten (SLEEP2). One script is lived twice, once without forgetting, and everyone must have heard the same but
//! for what SLEEP3 and EDIT3 let go. Half of the inputs steer a world in which a Durable Object forgets (SIM10).

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use super::bytes::Bytes;
use super::script::{self, START, Store};
use super::worlds;
use crate::id::{Conn, EffectId, RoomId, Seq};
use crate::input::{Done, End, Input, Pressure, Verified, View};
use crate::limits::{Config, Limits, Rate};
use crate::outbox::{Group, Op, Outbox, To};
use crate::room::Room;
use crate::sim::Plan;
use crate::time::{Span, Time};
use crate::wire::Dialect;

/// Steps in one script; all of them together are shorter than the time until someone counts as idle.
const MOST_STEPS: usize = 200;

/// After so long nothing that may be forgotten is on its way any more: no join, no drag, no lost session.
const QUIET: Span = Span::from_secs(16);

/// Lets a room be forgotten where the bytes say so.
pub fn forget(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    if bytes.byte().is_multiple_of(2) {
        let plan =
            Plan { storage: Span::ZERO, forget: 1, cut: 1, crash: 1, lull: 1, exodus: 1, ..worlds::small("forget") };
        return worlds::run(plan, bytes.rest());
    }
    let script = script_of(&mut bytes);
    let (kept, forgotten) = (Life::live(&script, false), Life::live(&script, true));
    for (socket, (one, other)) in kept.heard.iter().zip(&forgotten.heard).enumerate() {
        let differ = one.iter().zip(other).position(|(one, other)| one != other).unwrap_or(one.len().min(other.len()));
        assert!(
            one == other,
            "SLEEP2: socket {socket} hears {:?}, after forgetting {:?}; the script is {script:?}",
            one.get(differ),
            other.get(differ)
        );
    }
    assert_eq!(kept.stored(), forgotten.stored(), "SLEEP2: another log is stored");
}

#[derive(Clone, Debug)]
enum Step {
    Connect { who: u8, dialect: Dialect, view: View },
    Say { socket: usize, words: String },
    Press { socket: usize, level: Pressure },
    End { socket: usize, end: End },
    Pass(Span),
    Forget,
}

fn script_of(bytes: &mut Bytes<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut conns = Vec::new();
    while !bytes.is_empty() && steps.len() < MOST_STEPS {
        let (verb, socket) = (bytes.byte(), usize::from(bytes.byte()) % conns.len().max(1));
        let step = match verb % 16 {
            0 | 1 => {
                let socket = conns.len();
                conns.push(conn(socket));
                let dialect = if verb >= 0xC0 { Dialect::Plain } else { Dialect::KanvasV1 };
                let view = if verb & 0x30 == 0x30 { View::Readonly } else { View::Full };
                steps.push(Step::Connect { who: bytes.byte(), dialect, view });
                // Most people mean to come in.
                let words = if bytes.byte() < 192 { join() } else { script::message(bytes, &conns) };
                Step::Say { socket, words: unnamed_removal(words) }
            }
            2..=8 => Step::Say { socket, words: unnamed_removal(script::message(bytes, &conns)) },
            9 => Step::Press { socket, level: *bytes.pick(&[Pressure::High, Pressure::Clear]) },
            10 => Step::End { socket, end: *bytes.pick(&[End::Lost, End::Closed]) },
            11 | 12 => Step::Pass(Span::from_millis(u64::from(bytes.byte()) * 200)),
            _ => Step::Forget,
        };
        steps.push(step);
    }
    let newcomer = conns.len();
    steps.push(Step::Connect { who: 2, dialect: Dialect::KanvasV1, view: View::Full });
    steps.push(Step::Say { socket: newcomer, words: join() });
    steps.push(Step::Pass(Span::from_secs(20)));
    steps
}

fn join() -> String {
    r#"{"type":"user:join"}"#.to_owned()
}

/// IMG7: the answer to a removal that had nothing to remove is remembered only until the room is loaded anew, so
/// removals have no id here.
fn unnamed_removal(words: String) -> String {
    match serde_json::from_str::<Value>(&words) {
        Ok(mut message) if message["type"] == "image:remove" => {
            message["id"] = Value::Null;
            format!("{message}")
        }
        Ok(_) | Err(_) => words,
    }
}

fn conn(socket: usize) -> Conn {
    Conn { slot: u32::try_from(socket).unwrap_or(0), generation: 1 }
}

/// What the rules let go is kept from the script: rates, idleness and where people look (SLEEP3, SLEEP5).
fn config() -> Config {
    let ample = Rate { per_sec: 1_000_000, burst: 1_000_000 };
    let limits = Limits {
        idle: Span::from_secs(1_000_000),
        snapshot_ops: 5,
        flush_cost: 5000,
        far_cursors: Span::ZERO,
        garbage: u32::MAX,
        abuse: u32::MAX,
        edits: ample,
        cursors: ample,
        chat: ample,
        control: ample,
        ..Limits::default()
    };
    Config { limits, ..Config::default() }
}

#[derive(Default)]
struct Socket {
    open: bool,
    group: Option<Group>,
    attachment: Vec<u8>,
    slow: bool,
}

/// One living of a script: a host whose storage answers at once.
struct Life {
    room: Option<Room>,
    out: Outbox,
    now: Time,
    store: Store,
    asleep: bool,
    sockets: Vec<Socket>,
    /// What each socket was sent.
    heard: Vec<Vec<Value>>,
    /// Client ids in the order in which they were told: a room that wakes reserves new ones (JOIN4).
    names: BTreeMap<String, usize>,
}

enum Answer {
    Loaded(EffectId),
    Stored(EffectId, Seq),
    /// With the user that the token names.
    Verified(EffectId, String),
}

impl Life {
    fn live(script: &[Step], forgets: bool) -> Life {
        let mut life = Life {
            room: None,
            out: Outbox::new(),
            now: START,
            store: Store::default(),
            asleep: false,
            sockets: Vec::new(),
            heard: Vec::new(),
            names: BTreeMap::new(),
        };
        for step in script {
            life.step(step, forgets);
        }
        life
    }

    fn step(&mut self, step: &Step, forgets: bool) {
        let open = |life: &Life, socket: usize| life.sockets.get(socket).is_some_and(|socket| socket.open);
        match step {
            Step::Connect { who, dialect, view } => {
                let socket = self.sockets.len();
                self.sockets.push(Socket { open: true, ..Socket::default() });
                self.heard.push(Vec::new());
                if self.room.is_none() {
                    self.open_room();
                }
                self.input(script::connect(self.now, conn(socket), *who, *dialect, *view));
            }
            Step::Say { socket, words } if open(self, *socket) => {
                self.input(Input::Message { conn: conn(*socket), bytes: words.as_bytes() });
            }
            Step::Press { socket, level } if open(self, *socket) => {
                self.sockets[*socket].slow = *level == Pressure::High;
                self.input(Input::Pressure { conn: conn(*socket), level: *level });
            }
            Step::End { socket, end } if open(self, *socket) => {
                self.sockets[*socket].open = false;
                self.input(Input::Disconnect { conn: conn(*socket), end: *end });
            }
            Step::Say { .. } | Step::Press { .. } | Step::End { .. } => {}
            Step::Pass(span) => self.pass(*span),
            Step::Forget => {
                self.pass(QUIET);
                if forgets {
                    self.forget();
                }
            }
        }
        if core::mem::take(&mut self.asleep) && !self.sockets.iter().any(|socket| socket.open) {
            self.room = None;
        }
    }

    fn open_room(&mut self) {
        let id = RoomId::new("board").expect("a room id");
        self.room = Some(Room::new(id, &config(), 5, self.now, &mut self.out));
        self.carry_out();
    }

    fn pass(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(at) = self.room.as_ref().and_then(Room::deadline).filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.input(Input::Tick);
        }
        self.now = end;
    }

    /// SLEEP2: nothing is in flight here, ever.
    fn forget(&mut self) {
        let soon = self.now + Span::from_secs(30);
        let Some(room) = &self.room else { return };
        if room.is_loading() || room.deadline().is_some_and(|at| at <= soon) {
            return;
        }
        self.open_room();
        for socket in 0..self.sockets.len() {
            if self.sockets[socket].open {
                let attachment = self.sockets[socket].attachment.clone();
                self.input(Input::Resume { conn: conn(socket), attachment: &attachment });
                if self.sockets[socket].slow {
                    self.input(Input::Pressure { conn: conn(socket), level: Pressure::High });
                }
            }
        }
    }

    fn input(&mut self, input: Input<'_>) {
        if let Some(room) = &mut self.room {
            room.handle(self.now, input, &mut self.out);
        }
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let mut answers = self.take_ops();
        while let Some(answer) = answers.pop_front() {
            let Some(room) = &mut self.room else { break };
            match answer {
                Answer::Loaded(effect) => self.store.load(config().limits.log_ops, |loaded| {
                    room.handle(self.now, Input::Done { effect, result: Done::Loaded(loaded) }, &mut self.out);
                }),
                Answer::Verified(effect, user) => {
                    let verified = Verified { user: &user, org: None, lease: self.now + Span::from_secs(200) };
                    let result = Done::Verified(Ok(verified));
                    room.handle(self.now, Input::Done { effect, result }, &mut self.out);
                }
                Answer::Stored(effect, upto) => {
                    room.handle(self.now, Input::Done { effect, result: Done::Stored { upto } }, &mut self.out);
                }
            }
            assert_eq!(room.fault(), None, "ROOM2: what was stored cannot be loaded");
            answers.extend(self.take_ops());
        }
    }

    fn take_ops(&mut self) -> VecDeque<Answer> {
        let mut answers = VecDeque::new();
        let out = core::mem::take(&mut self.out);
        let mut stored = out.store_writes().into_iter();
        for op in out.ops() {
            match op {
                Op::Group { conn, group } => self.sockets[conn.slot as usize].group = group,
                Op::Send { to, frame, .. } => {
                    let frame = String::from_utf8(frame.to_vec()).expect("frames are text");
                    let frame = self.tell_names(&frame);
                    for (no, socket) in self.sockets.iter().enumerate() {
                        let hears = match to {
                            To::One(one) => one == conn(no),
                            To::Group { group, except } => socket.group == Some(group) && except != Some(conn(no)),
                        };
                        if hears && socket.open {
                            self.heard[no].push(frame.clone());
                        }
                    }
                }
                Op::Close { conn, close } => {
                    self.heard[conn.slot as usize].push(Value::from(close.reason()));
                    self.sockets[conn.slot as usize] = Socket::default();
                }
                Op::Attach { conn, bytes } => self.sockets[conn.slot as usize].attachment = bytes.to_vec(),
                Op::Load { effect } => answers.push_back(Answer::Loaded(effect)),
                Op::Store { effect, upto, owner, .. } => {
                    self.store.write(owner, &stored.next().expect("a store has its writes"));
                    answers.push_back(Answer::Stored(effect, upto));
                }
                Op::Verify { effect, token, .. } => {
                    answers.push_back(Answer::Verified(effect, String::from_utf8_lossy(token).into_owned()));
                }
                Op::Founded { .. } | Op::Reply { .. } | Op::Announce { .. } | Op::Forget | Op::Notice { .. } => {}
                Op::Sleep => self.asleep = true,
            }
        }
        self.out = out;
        self.out.clear();
        answers
    }

    /// A frame without what may differ: its clients are named in the order in which they were first told.
    fn tell_names(&mut self, frame: &str) -> Value {
        let Ok(mut frame) = serde_json::from_str::<Value>(frame) else {
            // The plain dialect tells who as its second word.
            let mut words: Vec<String> = frame.splitn(3, ' ').map(ToOwned::to_owned).collect();
            if let Some(who) = words.get_mut(1) {
                *who = self.name_of(who);
            }
            return Value::from(words);
        };
        // EDIT3: after a restart an ack tells it, be it as it was sent or not.
        if frame["type"] == "ack"
            && let Some(data) = frame["data"].as_object_mut()
            && let Some(Value::Object(mut set)) = data.remove("set")
        {
            set.remove("src");
            if !set.is_empty() {
                data.insert("set".into(), Value::Object(set));
            }
        }
        self.rename(&mut frame);
        frame
    }

    fn name_of(&mut self, word: &str) -> String {
        if !word.strip_prefix('c').is_some_and(|no| !no.is_empty() && no.bytes().all(|b| b.is_ascii_digit())) {
            return word.to_owned();
        }
        let next = self.names.len();
        format!("client {}", self.names.entry(word.to_owned()).or_insert(next))
    }

    fn rename(&mut self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                // SLEEP3: where people point and look.
                if members.contains_key("userId") {
                    members.remove("cursor");
                    members.remove("viewport");
                }
                for (name, value) in members {
                    match value.as_str().filter(|_| name == "clientId") {
                        Some(id) => *value = Value::from(self.name_of(id)),
                        None => self.rename(value),
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.rename(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn stored(&self) -> Vec<(Seq, &str, &str, &str)> {
        self.store.log.values().map(|entry| (entry.seq, &*entry.user, &*entry.op_id, &*entry.body)).collect()
    }
}
