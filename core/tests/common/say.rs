//! Short words for the tests of the rules: messages, the answers that a rule gives a shape, and what a fresh observer
//! would see. It drives a [`Host`] and owns no state of its own.

use std::collections::BTreeMap;

use kanvas_core::{Code, Config, Outbox, Rate, Room};
use serde_json::{Value, json};

use super::{Asked, Host};

impl Host {
    /// What someone who joined now would be told: `seq`, `images`, `chat` and `users` but themselves. It is asked of a
    /// copy of the room whose stores all succeed, so the room itself notices nothing.
    pub fn state(&self) -> Value {
        let mut saved = Vec::new();
        self.room.save(&mut saved);
        let mut twin = Host {
            room: Room::restore(&saved, self.now).expect("a saved room is restored"),
            out: Outbox::new(),
            now: self.now,
            disk: self.disk.clone(),
            auto: true,
            asked: self.asked.clone(),
            tokens: self.tokens.clone(),
            founded: self.founded.clone(),
            replies: self.replies.clone(),
            sockets: BTreeMap::new(),
            slept: false,
            announced: Vec::new(),
            kinds: Vec::new(),
            forgotten: false,
            notices: Vec::new(),
            transcript: Vec::new(),
            next_slot: 1_000_000,
        };
        twin.answer_all();
        let slot = twin.connect("observer");
        twin.send(slot, r#"{"type":"user:join"}"#);
        let mut frames = twin.take(slot);
        for _ in 0..100 {
            if frames.is_empty() {
                twin.pass(100);
                frames = twin.take(slot);
            }
        }
        let mut state = json!({"seq": null, "images": [], "chat": [], "users": []});
        let me = frames[0]["clientId"].clone();
        for frame in &frames {
            let data = &frame["data"];
            match frame["type"].as_str() {
                Some("room:joined") => state["seq"] = data["seq"].clone(),
                Some("state:sync") => {
                    assert_eq!(data["mode"], "full");
                    extend(&mut state["images"], &data["images"]);
                    extend(&mut state["chat"], &data["chat"]);
                }
                Some("user:list") => {
                    let others = data["users"].as_array().into_iter().flatten().filter(|user| user["clientId"] != me);
                    state["users"] = others.cloned().collect();
                }
                _ => {}
            }
        }
        state
    }

    /// Sends a message and returns what its sender was answered.
    pub fn ask(&mut self, slot: u32, text: &str) -> Vec<Value> {
        self.send(slot, text);
        self.take(slot)
    }

    /// Asserts that nobody was sent anything that was not looked at.
    #[track_caller]
    pub fn assert_quiet(&mut self) {
        for (slot, socket) in &self.sockets {
            assert_eq!(socket.frames, Vec::new(), "socket {slot} was sent something");
        }
    }

    /// Opens a guest's socket as this user with this `_pk`, joins with this data, and throws the answer away.
    pub fn join_as(&mut self, pk: &str, user: &str, data: &str) -> u32 {
        use kanvas_core::wire::Dialect;
        let slot = self.connect_as(pk, user, super::Standing::Guest, Dialect::KanvasV1, super::View::Full);
        self.send(slot, &format!(r#"{{"type":"user:join","data":{data}}}"#));
        self.take(slot);
        slot
    }

    /// The stores that wait for an answer.
    pub fn stores(&self) -> usize {
        self.asked.iter().filter(|asked| matches!(asked, Asked::Store { .. })).count()
    }

    /// Throws away what everyone was sent.
    pub fn forget(&mut self) {
        self.sockets.values_mut().for_each(|socket| socket.frames.clear());
    }
}

fn extend(list: &mut Value, more: &Value) {
    let more = more.as_array().into_iter().flatten().cloned();
    list.as_array_mut().expect("a list").extend(more);
}

/// Rates that nobody reaches.
pub fn fast(config: &mut Config) {
    let fast = Rate { per_sec: 1_000_000, burst: 1_000_000 };
    (config.limits.edits, config.limits.chat, config.limits.control) = (fast, fast, fast);
}

/// A flush costs as much as in a room of very many: after one, the next is 16 ms later (CUR2).
pub fn crowded(config: &mut Config) {
    config.limits.flush_cost = 100_000;
}

/// Two members (c1, c2) who have been told all.
pub fn two() -> (Host, u32, u32) {
    two_in(Host::new())
}

pub fn two_in(mut host: Host) -> (Host, u32, u32) {
    let (ann, bob) = (host.join("ann"), host.join("bob"));
    host.forget();
    (host, ann, bob)
}

/// Two members (c1, c2) and an image `i`, all told; from here on nothing is stored until it is answered.
pub fn two_unanswered() -> (Host, u32, u32) {
    two_unanswered_in(Host::new())
}

pub fn two_unanswered_in(mut host: Host) -> (Host, u32, u32) {
    let (ann, bob) = (host.join("ann"), host.join("bob"));
    host.send(ann, &add("i"));
    host.forget();
    host.auto = false;
    (host, ann, bob)
}

/// A message.
pub fn message(kind: &str, data: &Value) -> String {
    json!({"type": kind, "data": data}).to_string()
}

/// A message with an id.
pub fn named(id: &str, kind: &str, data: &Value) -> String {
    json!({"type": kind, "id": id, "data": data}).to_string()
}

/// The data of a small image's add.
pub fn image(id: &str) -> Value {
    json!({"id": id, "src": "https://example.com/a.png", "x": 1, "y": 2, "width": 30, "height": 40})
}

/// The same image as the room tells it.
pub fn image_at(id: &str, z: &str) -> Value {
    let mut image = image(id);
    image["rotation"] = 0.into();
    image["z"] = z.into();
    image
}

pub fn add(id: &str) -> String {
    message("image:add", &image(id))
}

pub fn moved(id: &str, x: i64) -> String {
    message("image:transform", &json!({"id": id, "x": x}))
}

pub fn dragged(id: &str, x: i64) -> String {
    message("image:transform", &json!({"id": id, "x": x, "transient": true}))
}

pub fn removed(id: &str) -> String {
    message("image:remove", &json!({"id": id}))
}

pub fn said(text: &str) -> String {
    message("chat:message", &json!({"text": text}))
}

pub fn pointed(x: i64) -> String {
    message("cursor:move", &json!({"x": x, "y": 0}))
}

/// A live frame as others get it.
pub fn frame(client: &str, kind: &str, data: &Value) -> Value {
    json!({"type": kind, "data": data, "clientId": client})
}

/// A stored event as others get it.
pub fn stored(client: &str, seq: u64, at: u64, kind: &str, data: &Value) -> Value {
    json!({"type": kind, "data": data, "clientId": client, "seq": seq, "timestamp": at})
}

pub fn ack(client: &str, id: Option<&str>, seq: u64) -> Value {
    json!({"type": "ack", "data": {"id": id, "seq": seq}, "clientId": client})
}

pub fn ack_with(client: &str, id: Option<&str>, seq: u64, set: &Value) -> Value {
    json!({"type": "ack", "data": {"id": id, "seq": seq, "set": set}, "clientId": client})
}

/// The refusal of something that is about no image.
pub fn error(client: &str, id: Option<&str>, code: &str) -> Value {
    let known = Code::ALL.iter().find(|known| known.as_str() == code).expect("a code of the list");
    json!({"type": "error", "data": {"code": code, "ref": id, "message": known.message()}, "clientId": client})
}

/// The refusal of an image edit, with what is true instead.
pub fn error_with(client: &str, id: Option<&str>, code: &str, truth: &Value) -> Value {
    let mut error = error(client, id, code);
    error["data"]["truth"] = truth.clone();
    error
}

/// A user's entry as it is while it does nothing.
pub fn user(client: &str, user: &str, name: &str, color: &str) -> Value {
    json!({
        "clientId": client, "userId": user, "name": name, "color": color, "role": "editor", "idle": false,
        "cursor": null, "viewport": null,
    })
}
