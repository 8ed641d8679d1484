//! What the targets that drive a room share: the words of clients, a storage and a small room's bounds.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::bytes::Bytes;
use crate::id::{Conn, Seq, ShareId};
use crate::input::{ChunkRow, Hello, Identity, Input, Loaded, LogRow, Org, Part, Standing, View};
use crate::limits::{Config, Limits, Rate};
use crate::log::LogEntry;
use crate::outbox::StoredWrite;
use crate::time::{Span, Time};
use crate::wire::{Dialect, write_secret};

/// When every script begins.
pub(super) const START: Time = Time::from_millis(1_790_000_000_000);

/// Bounds that a short script can reach.
pub(super) fn small() -> Config {
    let limits = Limits {
        message_bytes: 2048,
        room_connections: 6,
        user_connections: 3,
        images: 6,
        image_bytes: 16 * 1024,
        drags: 3,
        chat_history: 6,
        log_ops: 12,
        log_bytes: 16 * 1024,
        log_age: Span::from_secs(60),
        snapshot_ops: 5,
        held_messages: 4,
        held_bytes: 4096,
        gated_frames: 24,
        gated_bytes: 32 * 1024,
        dedupe_ids: 6,
        dedupe_clients: 4,
        edits: Rate { per_sec: 20, burst: 30 },
        garbage: 4,
        abuse: 20,
        flush_cost: 3000,
        ..Limits::default()
    };
    Config { limits, ..Config::default() }
}

/// Everything stored of one room.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    pub(super) owner: u64,
    pub(super) record: Option<Vec<u8>>,
    pub(super) chunks: BTreeMap<(Part, u32), Vec<u8>>,
    pub(super) log: BTreeMap<Seq, Arc<LogEntry>>,
}

impl Store {
    pub(super) fn write(&mut self, owner: u64, writes: &[StoredWrite]) {
        assert!(owner >= self.owner, "STORE4: owner {owner} writes after owner {}", self.owner);
        self.owner = owner;
        for write in writes {
            match write {
                StoredWrite::Record(bytes) => self.record = Some(bytes.to_vec()),
                StoredWrite::Log(entry) => {
                    let last = self.log.last_key_value().map(|(seq, _)| *seq);
                    assert!(last.is_none_or(|last| entry.seq == last.next()), "STORE1: {:?} after {last:?}", entry.seq);
                    self.log.insert(entry.seq, entry.clone());
                }
                StoredWrite::Chunk { part, no, bytes } => {
                    assert!(bytes.len() <= 64 * 1024, "STORE3: a chunk of {} bytes", bytes.len());
                    self.chunks.insert((*part, *no), bytes.to_vec());
                }
                StoredWrite::DropChunk { part, no } => {
                    self.chunks.remove(&(*part, *no));
                }
                StoredWrite::Clear => {
                    self.chunks.clear();
                    self.log.clear();
                }
                StoredWrite::Trim { below, before } => {
                    // The newest row stays, so that the next one can be held against it.
                    let last = self.log.last_key_value().map(|(seq, _)| *seq);
                    self.log.retain(|seq, entry| *seq >= *below || entry.at >= *before || Some(*seq) == last);
                }
            }
        }
    }

    pub(super) fn load<T>(&self, log_ops: u32, with: impl FnOnce(Loaded<'_>) -> T) -> T {
        let chunks = self.chunks.iter().map(|((part, no), bytes)| ChunkRow { part: *part, no: *no, bytes });
        let chunks: Vec<ChunkRow<'_>> = chunks.collect();
        let skip = self.log.len().saturating_sub(log_ops as usize);
        let log: Vec<LogRow<'_>> = self.log.values().skip(skip).map(|entry| entry.row()).collect();
        with(Loaded { owner: self.owner, record: self.record.as_deref(), chunks: &chunks, log: &log })
    }
}

/// The secret that a host gives a socket.
pub(super) fn secret(conn: Conn) -> [u8; 16] {
    let mut secret = [9; 16];
    secret[..4].copy_from_slice(&conn.slot.to_be_bytes());
    secret[4..8].copy_from_slice(&conn.generation.to_be_bytes());
    secret
}

/// Who there is: the first two are one verified person with two tabs.
const USERS: [&str; 4] = ["user_1", "user_1", "guest:2", "guest:3"];

/// The link that some hold.
pub(super) const LINK: ShareId = ShareId([1; 16]);

/// A socket of person `who % 4`; with a lease of 100 s or a link where higher bits say so.
pub(super) fn connect(now: Time, conn: Conn, who: u8, dialect: Dialect, view: View) -> Input<'static> {
    const PKS: [&str; 4] = ["p0", "p1", "p2", ""];
    let (leased, linked) = (who & 0x40 > 0, who & 0x80 > 0);
    let who = usize::from(who % 4);
    let standing = if who < 2 { Standing::Verified } else { Standing::Guest };
    let name = (who == 1).then_some("Token Name");
    let (address, lease) = (Some(who as u64), leased.then(|| now + Span::from_secs(100)));
    let org = (who % 2 == 1).then_some(Org { id: "o", role: Some("a") });
    let identity = Identity { standing, name, org, address, lease, ..Identity::guest(USERS[who]) };
    let share = linked.then_some(LINK);
    let hello = Hello { pk: PKS[who], dialect, name: None, view, share, resume: secret(conn) };
    Input::Connect { conn, identity, hello }
}

/// Something that a client may say, in `kanvas.v1`. `sockets` are those whose secrets it may have come by.
pub(super) fn message(bytes: &mut Bytes<'_>, sockets: &[Conn]) -> String {
    let kind = bytes.byte() % 16;
    let image = |bytes: &mut Bytes<'_>| format!("i{}", bytes.byte() % 8);
    let (name, mut data) = match kind {
        0 | 1 => ("user:join", join(bytes, sockets)),
        2 => ("user:leave", json!({})),
        3 => ("user:update", update(bytes)),
        4 if bytes.byte() < 64 => ("cursor:move", Value::Null),
        4 => ("cursor:move", json!({ "x": number(bytes), "y": number(bytes) })),
        5 => ("canvas:transform", json!({ "x": number(bytes), "y": 1, "scale": number(bytes) })),
        6..=8 => {
            let (id, x) = (image(bytes), number(bytes));
            let data = json!({ "id": id, "src": "https://e.com/a.png", "x": x, "y": 0, "width": 5, "height": 6 });
            ("image:add", data)
        }
        9 | 10 => ("image:transform", json!({ "id": image(bytes) })),
        11 | 12 => ("image:transform", json!({ "id": image(bytes), "transient": true })),
        13 => ("image:remove", json!({ "id": image(bytes) })),
        14 => ("chat:message", json!({ "text": String::from_utf8_lossy(bytes.take(3)) })),
        _ if bytes.byte() < 64 => return "ping".to_string(),
        _ => governing(bytes),
    };
    if (6..=12).contains(&kind) {
        match bytes.byte() % 8 {
            0 => data["z"] = json!(*bytes.pick(&["a0", "b00", "Zz", "zzzz", "a0V"])),
            1 => data["note"] = json!("n".repeat(usize::from(bytes.byte()) * 4)),
            2 => data["note"] = Value::Null,
            3 => data["rotation"] = number(bytes),
            4 => data["src"] = json!(*bytes.pick(&["https://E.com", "http://localhost", "javascript:x"])),
            _ => data["x"] = number(bytes),
        }
    }
    say(name, data, bytes)
}

fn say(kind: &str, data: Value, bytes: &mut Bytes<'_>) -> String {
    match bytes.byte() % 12 {
        id @ 0..8 => json!({ "type": kind, "data": data, "id": format!("o{id}") }).to_string(),
        _ => json!({ "type": kind, "data": data }).to_string(),
    }
}

/// A canvas, as a back end sends it.
pub(super) fn images(bytes: &mut Bytes<'_>) -> String {
    let images = (0..bytes.byte() % 8).map(|_| {
        let id = format!("i{}", bytes.byte() % 8);
        let mut image =
            json!({ "id": id, "src": "https://e.com/a.png", "x": number(bytes), "y": 0, "width": 5, "height": 6 });
        if bytes.byte() < 64 {
            image["z"] = json!(*bytes.pick(&["a0", "b00", "Zz", "zzzz", ""]));
        }
        image
    });
    Value::from_iter(images).to_string()
}

/// A room, as a back end sends it.
pub(super) fn document(bytes: &mut Bytes<'_>) -> String {
    let role = *bytes.pick(&["viewer", "editor", "owner"]);
    let mut document = json!({
        "version": 1,
        "room": { "name": *bytes.pick(&["Plan", ""]), "isPublic": bytes.byte() < 128, "guestRole": role },
        "members": [{ "userId": *bytes.pick(&["user_1", "guest:2", "org:o"]), "role": role }],
        "bans": [{ "userId": *bytes.pick(&["user_1", "guest:3"]), "at": number(bytes) }],
        "chat": [{ "userId": "u", "name": "U", "color": "#00ff00", "text": "t", "timestamp": 1 }],
    });
    let part = *bytes.pick(&["room", "members", "bans", "chat", "images"]);
    document.as_object_mut().map(|parts| parts.remove(part));
    let text = document.to_string();
    let end = text.len().saturating_sub(usize::from(bytes.byte() / 8 % 2) * usize::from(bytes.byte()));
    text.get(..end).unwrap_or_default().to_string()
}

/// What owners say, and those who would like to be; and a fresh token.
fn governing(bytes: &mut Bytes<'_>) -> (&'static str, Value) {
    let user = *bytes.pick(&["user_1", "guest:2", "guest:3", "org:o", "org:o:a"]);
    match bytes.byte() % 8 {
        0 => ("room:update", json!({ "locked": bytes.byte() < 128 })),
        1 => ("room:update", json!({ "isPublic": bytes.byte() < 128, "name": *bytes.pick(&["Plan", ""]) })),
        2 => ("room:update", json!({ "defaultRole": *bytes.pick(&["viewer", "editor", "owner"]) })),
        3 => ("room:update", json!({ "guestRole": *bytes.pick(&["viewer", "editor"]) })),
        4 => ("member:role", json!({ "userId": user, "role": *bytes.pick(&["viewer", "editor", "owner", "none"]) })),
        5 => ("member:kick", json!({ "userId": user, "reason": "be nice" })),
        6 => ("member:ban", json!({ "userId": user })),
        _ => ("auth:refresh", json!({ "token": user })),
    }
}

fn join(bytes: &mut Bytes<'_>, sockets: &[Conn]) -> Value {
    let how = bytes.byte();
    let mut data = json!({ "name": *bytes.pick(&["Ann", "Bo", "\u{202E}"]) });
    if how & 1 > 0 && !sockets.is_empty() {
        let mut digits = Vec::new();
        write_secret(&mut digits, &secret(*bytes.pick(sockets)));
        data["resume"] = json!(String::from_utf8_lossy(&digits));
    }
    if how & 6 == 6 {
        data["view"] = json!("readonly");
    }
    if how & 8 > 0 {
        data["batch"] = json!(how & 16 > 0);
    }
    data
}

fn update(bytes: &mut Bytes<'_>) -> Value {
    match bytes.byte() % 4 {
        0 => json!({ "name": *bytes.pick(&["Cy", "", "Di"]) }),
        1 => json!({ "color": "#ABCDEF" }),
        2 => json!({ "avatar": *bytes.pick(&["https://e.com/me", "data:x"]) }),
        _ => json!({ "presence": { "tool": bytes.byte(), "long": "x".repeat(usize::from(bytes.byte()) * 5) } }),
    }
}

fn number(bytes: &mut Bytes<'_>) -> Value {
    match bytes.byte() {
        255 => json!(1e10),
        254 => json!("1"),
        253 => json!(-0.0),
        252 => json!(1e-310),
        near => json!(f64::from(near) * 0.5),
    }
}
