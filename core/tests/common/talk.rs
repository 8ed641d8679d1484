//! What the tests of the rules say to a room and expect back. It drives nothing: the host does.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses its own part of this")]

use kanvas_core::wire::Dialect;
use kanvas_core::{Code, Standing, View};
use serde_json::{Value, json};

use crate::common::Host;

/// The message that adds an image of that id, under that id of its own.
pub fn add(op: &str, image: &str) -> String {
    let data = json!({"id": image, "src": "https://a.example/p.png", "x": 1, "y": 2, "width": 3, "height": 4});
    json!({"type": "image:add", "id": op, "data": data}).to_string()
}

/// The message that moves an image, without an id of its own.
pub fn shift(image: &str, x: f64) -> String {
    json!({"type": "image:transform", "data": {"id": image, "x": x}}).to_string()
}

pub fn chat(text: &str) -> String {
    json!({"type": "chat:message", "data": {"text": text}}).to_string()
}

pub fn join(data: Value) -> String {
    json!({"type": "user:join", "data": data}).to_string()
}

/// The whole frame of a refusal without a wait and without a truth.
pub fn refusal(code: Code, of: Option<&str>, client: &str) -> Value {
    let data = json!({"code": code.as_str(), "ref": of, "message": code.message()});
    json!({"type": "error", "data": data, "clientId": client})
}

pub fn of_type<'f>(frames: &'f [Value], kind: &str) -> Vec<&'f Value> {
    frames.iter().filter(|frame| frame["type"] == kind).collect()
}

/// The codes of the errors among these frames.
pub fn codes(frames: &[Value]) -> Vec<&str> {
    of_type(frames, "error").iter().filter_map(|frame| frame["data"]["code"].as_str()).collect()
}

/// Opens a guest's socket, sends it this join, and gives what the join was answered with.
pub fn enter(host: &mut Host, pk: &str, data: Value) -> (u32, Vec<Value>) {
    let slot = host.connect(pk);
    host.send(slot, &join(data));
    let frames = host.take(slot);
    (slot, frames)
}

/// Opens the socket of a verified user.
pub fn verified(host: &mut Host, pk: &str, user: &str) -> u32 {
    host.connect_as(pk, user, Standing::Verified, Dialect::KanvasV1, View::Full)
}

/// The state of the room, its place in the log included, as someone sees it who comes just now and goes again.
/// Leaves nothing that anybody was sent.
pub fn state(host: &mut Host) -> Vec<Value> {
    let (slot, frames) = enter(host, "observer", json!({}));
    let parts: Vec<Value> = of_type(&frames, "state:sync").iter().map(|frame| frame["data"].clone()).collect();
    assert!(!parts.is_empty(), "a join without a state");
    host.close(slot);
    silence(host);
    parts
}

/// Throws away what everyone was sent.
pub fn silence(host: &mut Host) {
    host.sockets.values_mut().for_each(|socket| socket.frames.clear());
}

/// Sends what must be refused with exactly this frame, and makes sure that it changed nothing: nobody else hears of
/// it, the state and its place in the log are as before.
pub fn refused(host: &mut Host, slot: u32, text: &str, with: &Value) {
    let before = state(host);
    host.send(slot, text);
    assert_eq!(host.take(slot), std::slice::from_ref(with), "the answer to {}", start_of(text));
    for (other, socket) in &host.sockets {
        assert!(socket.frames.is_empty(), "socket {other} heard of {}: {:?}", start_of(text), socket.frames);
    }
    assert_eq!(state(host), before, "the state after {}", start_of(text));
}

fn start_of(text: &str) -> String {
    text.chars().take(200).collect()
}
