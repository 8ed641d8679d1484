//! People who try what their role does not allow: the refusal, and that nobody else notices.

use std::time::Duration;

use crate::closes::{enters, signed_in, token};
use crate::common::{Server, Socket};
use crate::scene::{answers, code};

const DRAG: &str = r#"{"type":"image:transform","data":{"id":"i","x":9,"transient":true}}"#;
const GOOD: &str =
    r#"{"type":"image:add","data":{"id":"i","src":"https://e.com/a","x":0,"y":0,"width":1,"height":1},"id":"i"}"#;

/// A room with its owner and an image.
fn owned(mode: &str) -> (Server, Socket) {
    let server = signed_in(mode);
    let mut owner = enters(&server, "a", "user_owner");
    owner.send(GOOD);
    owner.until(r#""type":"ack""#);
    (server, owner)
}

/// What a newcomer is told of the room and of what is on it.
fn state(server: &Server, owner: &mut Socket) -> String {
    let mut socket = server.socket(&format!("/party/a?token={}", token("user_witness", Duration::ZERO)));
    socket.send(r#"{"type":"user:join","data":{}}"#);
    let room = socket.until("room:joined");
    let state = socket.until("state:sync");
    socket.raw(&Socket::frame(0x88, &[0x03, 0xe8]));
    owner.until(r#""reason":"left""#);
    let (_, room) = room.split_once(r#""room":"#).unwrap();
    let (state, _) = state.rsplit_once(r#","clientId""#).unwrap();
    format!("{} {state}", room.rsplit_once(r#","clientId""#).unwrap().0)
}

/// Each gets this error, and the owner hears nothing.
fn refused(socket: &mut Socket, owner: &mut Socket, messages: &[String], error: &str) {
    for message in messages {
        socket.send(message);
        assert_eq!(code(&socket.until(r#""type":"error""#)), error, "{message}");
    }
    owner.send("ping");
    assert_eq!(answers(owner), [] as [&str; 0]);
}

fn edits() -> Vec<String> {
    [
        r#"{"type":"image:add","data":{"id":"n","src":"https://e.com/a","x":0,"y":0,"width":1,"height":1}}"#,
        r#"{"type":"image:transform","data":{"id":"i","x":5},"role":"owner"}"#,
        r#"{"type":"image:remove","data":{"id":"i"}}"#,
        DRAG,
    ]
    .map(String::from)
    .into()
}

fn governs(target: &str) -> Vec<String> {
    let room = ["\"locked\":true", "\"isPublic\":false", "\"name\":\"mine\"", "\"defaultRole\":\"viewer\""];
    let room = room.map(|change| format!(r#"{{"type":"room:update","data":{{{change}}}}}"#));
    let on = [("role", r#","role":"owner""#), ("role", r#","role":"none""#), ("kick", ""), ("ban", "")];
    let on = on.map(|(verb, more)| format!(r#"{{"type":"member:{verb}","data":{{"userId":"{target}"{more}}}}}"#));
    room.into_iter().chain(on).collect()
}

#[test]
fn access2_viewers_edit_nothing_and_only_owners_govern() {
    let (server, mut owner) = owned("optional");
    let before = state(&server, &mut owner);
    let mut guest = server.joined("a", "guest");
    owner.until("user:joined");
    refused(&mut guest, &mut owner, &edits(), "forbidden");
    let mut editor = enters(&server, "a", "user_editor");
    owner.until("user:joined");
    for target in ["user_owner", "user_editor", "guest:0", "user_nobody"] {
        refused(&mut guest, &mut owner, &governs(target), "forbidden");
        refused(&mut editor, &mut owner, &governs(target), "forbidden");
    }
    assert_eq!(state(&server, &mut owner), before);
    editor.send(r#"{"type":"image:transform","data":{"id":"i","x":1},"id":"good"}"#);
    editor.until(r#""id":"good""#);
    owner.until(r#""x":1"#);
}

#[test]
fn owner2_the_last_owner_stays_one_and_throws_out_no_owner() {
    let (server, mut owner) = owned("required");
    let before = state(&server, &mut owner);
    for (verb, more) in
        [("role", r#","role":"editor""#), ("role", r#","role":"none""#), ("kick", ""), ("ban", r#","reason":"x""#)]
    {
        owner.send(&format!(r#"{{"type":"member:{verb}","data":{{"userId":"user_owner"{more}}}}}"#));
        assert_eq!(code(&owner.until(r#""type":"error""#)), "conflict", "{verb}{more}");
    }
    assert_eq!(state(&server, &mut owner), before);
}

#[test]
fn access6_who_is_demoted_in_the_middle_of_a_drag_moves_nothing_more() {
    let (server, mut owner) = owned("required");
    let mut editor = enters(&server, "a", "user_editor");
    owner.until("user:joined");
    editor.send(DRAG);
    assert!(owner.until("image:transform").contains(r#""x":9"#));
    owner.send(r#"{"type":"member:role","data":{"userId":"user_editor","role":"viewer"},"id":"down"}"#);
    assert!(owner.until("image:transform").contains(r#""x":0"#), "everyone sees it back where it is stored");
    editor.until("user:updated");
    for message in edits() {
        editor.send(&message);
        assert_eq!(code(&editor.until(r#""type":"error""#)), "forbidden", "{message}");
    }
    owner.send(r#"{"type":"member:role","data":{"userId":"user_editor","role":"editor"},"id":"up"}"#);
    owner.until(r#""id":"up""#);
    editor.until(r#""role":"editor""#);
    editor.send(r#"{"type":"image:transform","data":{"id":"i","x":4},"id":"again"}"#);
    editor.until(r#""id":"again""#);
}

#[test]
fn access2_a_locked_room_is_its_owners_alone() {
    let (server, mut owner) = owned("required");
    let mut editor = enters(&server, "a", "user_editor");
    owner.until("user:joined");
    owner.send(r#"{"type":"room:update","data":{"locked":true},"id":"lock"}"#);
    owner.until(r#""id":"lock""#);
    editor.until("room:update");
    refused(&mut editor, &mut owner, &edits(), "locked");
    refused(&mut editor, &mut owner, &[r#"{"type":"room:update","data":{"locked":false}}"#.into()], "forbidden");
    owner.send(r#"{"type":"image:transform","data":{"id":"i","x":4},"id":"mine"}"#);
    owner.until(r#""id":"mine""#);
}
