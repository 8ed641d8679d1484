//! A host for one room, driven by hand: it carries out every op as a real one would, keeps what each socket was sent,
//! and answers loads and stores at once or when it is told to.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses its own part of this")]

use std::collections::{BTreeMap, BTreeSet};

use kanvas_core::wire::Dialect;
use kanvas_core::{
    Close, Code, Config, Conn, Done, EffectId, End, Failure, Frame, FrameKind, Group, Hello, Identity, Input, Lane,
    Listing, Loaded, LogRow, Notice, Op, Outbox, Part, Pressure, Room, RoomId, Seq, Span, Standing, Time, To, View,
    Write,
};
use serde_json::Value;

pub mod say;

/// The time at which every host starts, in ms.
pub const START: u64 = 1_790_000_000_000;

pub struct Host {
    pub room: Room,
    pub out: Outbox,
    pub now: Time,
    pub disk: Disk,
    /// Whether stores and loads are answered as soon as they are asked for.
    pub auto: bool,
    /// Effects that were asked for and not answered yet.
    pub asked: Vec<Asked>,
    pub sockets: BTreeMap<u32, Socket>,
    pub slept: bool,
    /// What the list of rooms was told, and not looked at yet.
    pub announced: Vec<Listing>,
    /// What frames were about, with their type.
    pub kinds: Vec<(FrameKind, String)>,
    /// Whether it was told that the room was deleted.
    pub forgotten: bool,
    /// What the operator's back end was told, and not looked at yet.
    pub notices: Vec<Notice>,
    /// Tokens to check.
    pub tokens: Vec<(EffectId, String)>,
    /// Who made the room.
    pub founded: Vec<u32>,
    /// Answers to commands.
    pub replies: Vec<(u64, Result<(), Code>)>,
    /// Everything in and out as readable lines.
    pub transcript: Vec<String>,
    next_slot: u32,
}

/// What was sent to one socket.
#[derive(Clone, Debug, Default)]
pub struct Socket {
    pub generation: u32,
    /// Frames not looked at yet, with their lane.
    pub frames: Vec<(Lane, String)>,
    pub closed: Option<Close>,
    pub group: Option<Group>,
    pub attachment: Vec<u8>,
}

#[derive(Clone, Debug)]
pub enum Asked {
    Load(EffectId),
    Store { effect: EffectId, upto: Seq, owner: u64, writes: Vec<Owned> },
}

/// A write that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owned {
    Record(Vec<u8>),
    Log(Row),
    Chunk(Part, u32, Vec<u8>),
    DropChunk(Part, u32),
    Clear,
    Trim(Seq, Time),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub seq: Seq,
    pub at: Time,
    pub epoch: u64,
    pub user: String,
    pub client: u64,
    pub origin: String,
    pub op_id: String,
    pub op_hash: u64,
    pub kind: String,
    pub body: String,
    pub was: String,
}

/// Storage in memory.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub owner: u64,
    pub record: Option<Vec<u8>>,
    pub chunks: BTreeMap<(Part, u32), Vec<u8>>,
    pub log: BTreeMap<Seq, Row>,
}

impl Row {
    pub fn of(row: &LogRow<'_>) -> Row {
        Row {
            seq: row.seq,
            at: row.at,
            epoch: row.epoch,
            user: row.user.into(),
            client: row.client,
            origin: row.origin.into(),
            op_id: row.op_id.into(),
            op_hash: row.op_hash,
            kind: row.kind.into(),
            body: row.body.into(),
            was: row.was.into(),
        }
    }
}

impl Owned {
    fn of(write: Write<'_>) -> Owned {
        match write {
            Write::Record(bytes) => Owned::Record(bytes.to_vec()),
            Write::Log(row) => Owned::Log(Row::of(&row)),
            Write::Chunk(chunk) => Owned::Chunk(chunk.part, chunk.no, chunk.bytes.to_vec()),
            Write::DropChunk { part, no } => Owned::DropChunk(part, no),
            Write::Clear => Owned::Clear,
            Write::Trim { below, before } => Owned::Trim(below, before),
        }
    }
}

impl Disk {
    pub fn write(&mut self, owner: u64, writes: &[Owned]) {
        assert!(owner >= self.owner, "an older owner wrote");
        self.owner = owner;
        for write in writes.iter().cloned() {
            match write {
                Owned::Record(bytes) => self.record = Some(bytes),
                Owned::Log(row) => assert!(self.log.insert(row.seq, row).is_none(), "a row was written twice"),
                Owned::Chunk(part, no, bytes) => {
                    assert!(bytes.len() <= 64 * 1024, "a chunk of {} bytes", bytes.len());
                    self.chunks.insert((part, no), bytes);
                }
                Owned::DropChunk(part, no) => drop(self.chunks.remove(&(part, no))),
                Owned::Clear => {
                    self.chunks.clear();
                    self.log.clear();
                }
                Owned::Trim(below, before) => self.log.retain(|seq, row| *seq >= below || row.at >= before),
            }
        }
    }

    /// Calls `with` with all that is stored.
    pub fn loaded<T>(&self, with: impl FnOnce(Loaded<'_>) -> T) -> T {
        let chunks: Vec<_> = self
            .chunks
            .iter()
            .map(|((part, no), bytes)| kanvas_core::ChunkRow { part: *part, no: *no, bytes })
            .collect();
        let log: Vec<_> = self
            .log
            .values()
            .map(|row| LogRow {
                seq: row.seq,
                at: row.at,
                epoch: row.epoch,
                user: &row.user,
                client: row.client,
                origin: &row.origin,
                op_id: &row.op_id,
                op_hash: row.op_hash,
                kind: &row.kind,
                body: &row.body,
                was: &row.was,
            })
            .collect();
        with(Loaded { owner: self.owner, record: self.record.as_deref(), chunks: &chunks, log: &log })
    }
}

impl Host {
    /// A room on an empty disk, loaded.
    pub fn new() -> Host {
        Host::with(Config::default(), Disk::default())
    }

    pub fn with_config(change: impl FnOnce(&mut Config)) -> Host {
        let mut config = Config::default();
        change(&mut config);
        Host::with(config, Disk::default())
    }

    pub fn with(config: Config, disk: Disk) -> Host {
        let mut host = Host::unloaded(config, disk);
        host.auto = true;
        host.answer_all();
        host
    }

    /// A room that still waits for its load.
    pub fn unloaded(config: Config, disk: Disk) -> Host {
        let (mut out, now) = (Outbox::new(), Time::from_millis(START));
        let room = Room::new(RoomId::new("board").unwrap(), &config, 7, now, &mut out);
        let mut host = Host {
            room,
            out,
            now,
            disk,
            auto: false,
            asked: Vec::new(),
            sockets: BTreeMap::new(),
            slept: false,
            announced: Vec::new(),
            kinds: Vec::new(),
            forgotten: false,
            notices: Vec::new(),
            tokens: Vec::new(),
            founded: Vec::new(),
            replies: Vec::new(),
            transcript: Vec::new(),
            next_slot: 0,
        };
        host.carry_out();
        host
    }

    /// The same disk under a fresh room, as after a crash or a restart: every socket is gone.
    pub fn restart(self, config: Config) -> Host {
        let now = self.now;
        let mut host = Host::unloaded(config, self.disk);
        host.now = now;
        host.auto = true;
        host.answer_all();
        host
    }

    /// Gives the room one input and carries out what it says.
    pub fn input(&mut self, input: Input<'_>) {
        self.transcript.push(format!("> {}", line(&input)));
        self.room.handle(self.now, input, &mut self.out);
        self.carry_out();
        if self.auto {
            self.answer_all();
        }
    }

    /// Opens a guest's socket with this `_pk`.
    pub fn connect(&mut self, pk: &str) -> u32 {
        self.connect_as(pk, &format!("guest:{pk}"), Standing::Guest, Dialect::KanvasV1, View::Full)
    }

    pub fn connect_as(&mut self, pk: &str, user: &str, standing: Standing, dialect: Dialect, view: View) -> u32 {
        self.connect_with(pk, Identity { standing, ..Identity::guest(user) }, dialect, view)
    }

    /// Opens a socket of somebody.
    pub fn connect_with(&mut self, pk: &str, identity: Identity<'_>, dialect: Dialect, view: View) -> u32 {
        let slot = self.next_slot;
        self.next_slot += 1;
        self.sockets.insert(slot, Socket::default());
        let mut resume = [0xab; 16];
        resume[..4].copy_from_slice(&slot.to_be_bytes());
        let hello = Hello { pk, dialect, name: None, view, share: None, resume };
        self.input(Input::Connect { conn: conn(slot), identity, hello });
        slot
    }

    /// Opens a guest's socket and joins under the `_pk` as a name; what the join answered is thrown away.
    pub fn join(&mut self, pk: &str) -> u32 {
        let slot = self.connect(pk);
        self.send(slot, &format!(r#"{{"type":"user:join","data":{{"name":"{pk}"}}}}"#));
        self.take(slot);
        slot
    }

    pub fn send(&mut self, slot: u32, text: &str) {
        self.input(Input::Message { conn: conn(slot), bytes: text.as_bytes() });
    }

    pub fn lose(&mut self, slot: u32) {
        self.input(Input::Disconnect { conn: conn(slot), end: End::Lost });
        self.sockets.remove(&slot);
    }

    pub fn close(&mut self, slot: u32) {
        self.input(Input::Disconnect { conn: conn(slot), end: End::Closed });
        self.sockets.remove(&slot);
    }

    pub fn pressure(&mut self, slot: u32, level: Pressure) {
        self.input(Input::Pressure { conn: conn(slot), level });
    }

    /// Lets time pass, with a tick at every deadline on the way.
    pub fn pass(&mut self, millis: u64) {
        let end = self.now + Span::from_millis(millis);
        while let Some(at) = self.room.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.input(Input::Tick);
        }
        self.now = end;
    }

    /// What the socket was sent since this was last asked, as JSON (or as a JSON text where it is none).
    pub fn take(&mut self, slot: u32) -> Vec<Value> {
        self.take_raw(slot).into_iter().map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))).collect()
    }

    pub fn take_raw(&mut self, slot: u32) -> Vec<String> {
        let Some(socket) = self.sockets.get_mut(&slot) else { return Vec::new() };
        std::mem::take(&mut socket.frames).into_iter().map(|(_, text)| text).collect()
    }

    /// The types of what the socket was sent since this was last asked.
    pub fn take_types(&mut self, slot: u32) -> Vec<String> {
        self.take(slot).iter().map(|frame| frame["type"].as_str().unwrap_or("text").to_owned()).collect()
    }

    pub fn closed(&self, slot: u32) -> Option<Close> {
        self.sockets.get(&slot).and_then(|socket| socket.closed)
    }

    /// Answers everything that was asked for, until nothing is.
    pub fn answer_all(&mut self) {
        while !self.asked.is_empty() {
            self.answer();
        }
    }

    /// Answers the oldest effect.
    pub fn answer(&mut self) {
        match self.asked.remove(0) {
            Asked::Load(effect) => {
                let disk = self.disk.clone();
                disk.loaded(|loaded| self.done(effect, Done::Loaded(loaded)));
            }
            Asked::Store { effect, upto, owner, writes } => {
                self.disk.write(owner, &writes);
                self.done(effect, Done::Stored { upto });
            }
        }
    }

    /// Lets the oldest effect fail.
    pub fn fail(&mut self, failure: Failure) {
        let effect = match self.asked.remove(0) {
            Asked::Load(effect) | Asked::Store { effect, .. } => effect,
        };
        self.done(effect, Done::Failed(failure));
    }

    fn done(&mut self, effect: EffectId, result: Done<'_>) {
        let input = Input::Done { effect, result };
        self.transcript.push(format!("> {}", line(&input)));
        self.room.handle(self.now, input, &mut self.out);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        self.room.check().expect("the room's invariants hold");
        let mut groups: BTreeMap<Group, BTreeSet<u32>> = BTreeMap::new();
        for (slot, socket) in &self.sockets {
            if let Some(group) = socket.group {
                groups.entry(group).or_default().insert(*slot);
            }
        }
        let out = std::mem::take(&mut self.out);
        for op in out.ops() {
            match op {
                Op::Send { to, kind, frame } => {
                    let lane = kind.lane();
                    let text = text_of(&frame);
                    self.kinds.push((kind, text.split('"').nth(3).unwrap_or_default().to_owned()));
                    self.transcript.push(format!("< {} {text}", name_of(&to)));
                    let to: Vec<u32> = match to {
                        To::One(conn) => vec![conn.slot],
                        To::Group { group, except } => {
                            let except = except.map(|conn| conn.slot);
                            let group = groups.get(&group).into_iter().flatten().copied();
                            group.filter(|slot| Some(*slot) != except).collect()
                        }
                    };
                    for slot in to {
                        let Some(socket) = self.sockets.get_mut(&slot) else { continue };
                        assert_eq!(socket.closed, None, "a frame after the close");
                        socket.frames.push((lane, text.clone()));
                    }
                }
                Op::Group { conn, group } => {
                    self.transcript.push(format!("< {} group {:?}", name_of(&To::One(conn)), group.map(|g| g.0)));
                    groups.values_mut().for_each(|group| group.retain(|slot| *slot != conn.slot));
                    if let Some(group) = group {
                        groups.entry(group).or_default().insert(conn.slot);
                    }
                    if let Some(socket) = self.sockets.get_mut(&conn.slot) {
                        socket.group = group;
                    }
                }
                Op::Close { conn, close } => {
                    self.transcript.push(format!("< {} close {}", name_of(&To::One(conn)), close.code()));
                    groups.values_mut().for_each(|group| group.retain(|slot| *slot != conn.slot));
                    if let Some(socket) = self.sockets.get_mut(&conn.slot) {
                        assert_eq!(socket.closed.replace(close), None, "closed twice");
                        socket.group = None;
                    }
                }
                Op::Attach { conn, bytes } => {
                    assert!(bytes.len() <= kanvas_core::MAX_ATTACHMENT, "an attachment of {} bytes", bytes.len());
                    if let Some(socket) = self.sockets.get_mut(&conn.slot) {
                        socket.attachment = bytes.to_vec();
                    }
                }
                Op::Load { effect } => {
                    self.transcript.push("< load".into());
                    self.asked.push(Asked::Load(effect));
                }
                Op::Store { effect, upto, owner, writes } => {
                    self.transcript.push(format!("< store upto {} ({} writes)", upto.0, writes.len()));
                    let writes = writes.iter().map(Owned::of).collect();
                    self.asked.push(Asked::Store { effect, upto, owner, writes });
                }
                Op::Verify { effect, conn, token } => {
                    let token = String::from_utf8(token.to_vec()).expect("a token is text");
                    self.transcript.push(format!("< {} verify", name_of(&To::One(conn))));
                    self.tokens.push((effect, token));
                }
                Op::Founded { conn } => self.founded.push(conn.slot),
                Op::Reply { ticket, result } => self.replies.push((ticket, result.map(drop))),
                Op::Announce { listing } => self.announced.push(listing.clone()),
                Op::Forget => self.forgotten = true,
                Op::Notice { notice } => self.notices.push(notice.clone()),
                Op::Sleep => {
                    self.transcript.push("< sleep".into());
                    self.slept = true;
                }
            }
        }
        self.out = out;
        self.out.clear();
    }
}

pub fn conn(slot: u32) -> Conn {
    Conn { slot, generation: 0 }
}

fn text_of(frame: &Frame<'_>) -> String {
    String::from_utf8(frame.to_vec()).expect("frames are UTF-8")
}

fn name_of(to: &To) -> String {
    match to {
        To::One(conn) => format!("socket {}", conn.slot),
        To::Group { group, except: None } => format!("group {}", group.0),
        To::Group { group, except: Some(conn) } => format!("group {} but socket {}", group.0, conn.slot),
    }
}

fn line(input: &Input<'_>) -> String {
    match input {
        Input::Connect { conn, identity, hello } => {
            format!("socket {} connects as {} speaking {}", conn.slot, identity.user, hello.dialect.as_str())
        }
        Input::Resume { conn, .. } => format!("socket {} resumes", conn.slot),
        Input::Message { conn, bytes } => format!("socket {} {}", conn.slot, String::from_utf8_lossy(bytes)),
        Input::Pressure { conn, level } => format!("socket {} pressure {level:?}", conn.slot),
        Input::Disconnect { conn, end } => format!("socket {} {end:?}", conn.slot),
        Input::Done { result: Done::Loaded(_), .. } => "loaded".into(),
        Input::Done { result: Done::Stored { upto }, .. } => format!("stored upto {}", upto.0),
        Input::Done { result: Done::Verified(result), .. } => format!("verified: {result:?}"),
        Input::Done { result: Done::Failed(failure), .. } => format!("failed: {failure:?}"),
        Input::Command(command) => format!("{command:?}"),
        Input::Tick => "tick".into(),
    }
}
