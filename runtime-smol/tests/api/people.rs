//! The people of a room, and what the server itself does and says there.

use serde_json::{Value, json};

use crate::back_end::BackEnd;

/// Whom the roster has here under this name.
fn user(back_end: &BackEnd, room: &str, name: &str) -> String {
    let roster = back_end.get(&format!("/api/rooms/{room}/members"));
    let clients = roster["clients"].as_array().unwrap();
    let found = clients.iter().find(|client| client["name"] == name).unwrap();
    found["userId"].as_str().unwrap().replace(':', "%3A")
}

#[test]
fn api6_roles_are_given_and_taken_and_heard_of() {
    let back_end = BackEnd::start();
    back_end.make("plan");
    let mut ann = back_end.server.joined("plan", "ann");
    let id = user(&back_end, "plan", "ann");
    let path = format!("/api/rooms/plan/members/{id}");
    back_end.told(200, "PUT", &path, &json!({"role": "viewer"}));
    assert!(ann.until("member:role").contains("viewer"));
    assert_eq!(back_end.get("/api/rooms/plan/members")["members"][0]["role"], "viewer");
    back_end.told(204, "DELETE", &path, &Value::Null);
    assert_eq!(back_end.get("/api/rooms/plan/members")["members"], json!([]));
    assert_eq!(back_end.refused(409, "PUT", &path, &json!({"role": "owner"})), "conflict");
    assert_eq!(back_end.refused(400, "PUT", &path, &json!({"role": "king"})), "bad_body");
    // Owners too.
    back_end.told(200, "PUT", "/api/rooms/plan/members/bob", &json!({"role": "owner"}));
    back_end.told(200, "PUT", "/api/rooms/plan/members/eve", &json!({"role": "owner"}));
    back_end.told(204, "DELETE", "/api/rooms/plan/members/bob", &Value::Null);
}

#[test]
fn api6_a_kick_and_a_ban_close_the_socket() {
    let back_end = BackEnd::start();
    back_end.make("plan");
    let mut ann = back_end.server.joined("plan", "ann");
    let id = user(&back_end, "plan", "ann");
    let said = json!({"reason": "Enough for now"});
    back_end.told(200, "POST", &format!("/api/rooms/plan/members/{id}/kick"), &said);
    let (code, _, texts) = ann.closed();
    assert_eq!(code, 4503);
    assert!(texts.concat().contains("Enough for now"), "{texts:?}");
    let mut ann = back_end.server.joined("plan", "ann");
    let id = user(&back_end, "plan", "ann");
    back_end.told(200, "POST", &format!("/api/rooms/plan/members/{id}/ban"), &Value::Null);
    assert_eq!(ann.closed().0, 4504);
    let bans = back_end.get("/api/rooms/plan/members")["bans"].clone();
    assert_eq!(bans[0]["userId"], *id.replace("%3A", ":"));
    let mut again = back_end.server.socket("/parties/main/plan?_pk=ann");
    again.send(r#"{"type":"user:join","data":{"name":"ann"}}"#);
    assert_eq!(again.closed().0, 4504);
    back_end.told(204, "DELETE", &format!("/api/rooms/plan/members/{id}/ban"), &Value::Null);
    back_end.server.joined("plan", "ann");
    assert_eq!(back_end.refused(404, "POST", "/api/rooms/plan/members/nobody/kick", &Value::Null), "not_found");
}

#[test]
fn api7_what_the_server_does_is_told_to_those_who_are_there() {
    let mut back_end = BackEnd::start_shipped();
    back_end.make("plan");
    let mut ann = back_end.server.joined("plan", "ann");
    assert_eq!(back_end.add("plan", "a", 1), 1);
    let heard: Value = serde_json::from_str(&ann.until("image:add")).unwrap();
    assert_eq!((heard["clientId"].as_str(), heard["seq"].as_u64()), (Some("c0"), Some(1)));
    let send = |event: Value| back_end.told(200, "POST", "/api/rooms/plan/events", &event);
    assert_eq!(send(json!({"type": "image:transform", "data": {"id": "a", "x": 7}})), json!({"seq": 2}));
    ann.until("image:transform");
    assert_eq!(send(json!({"type": "chat:message", "data": {"text": "Hello"}})), json!({"seq": 3}));
    let said = ann.until("chat:message");
    assert!(said.contains(r#""Hello""#) && said.contains(r#""Server""#), "{said}");
    assert_eq!(send(json!({"type": "image:remove", "data": {"id": "a"}})), json!({"seq": 4}));
    ann.until("image:remove");
    let refused = |status, event: Value| back_end.refused(status, "POST", "/api/rooms/plan/events", &event);
    assert_eq!(refused(409, json!({"type": "image:transform", "data": {"id": "a", "x": 1}})), "no_image");
    assert_eq!(refused(400, json!({"type": "cursor:move", "data": {"x": 1, "y": 1}})), "bad_body");
    assert_eq!(refused(400, json!({"type": "image:add", "data": {"id": "a"}})), "bad_message");
    assert_eq!(refused(400, json!({"type": "image:add", "data": []})), "bad_message");
    let none = json!({"type": "image:remove", "data": {"id": "a"}});
    assert_eq!(back_end.refused(404, "POST", "/api/rooms/none/events", &none), "not_found");
    // What was answered outlives a kill.
    back_end.kill_and_start();
    let rows = back_end.get("/api/rooms/plan/history")["rows"].clone();
    let rows: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["kind"].as_str().unwrap(), row["user"].as_str().unwrap()))
        .collect();
    let kinds = ["image:remove", "chat:message", "image:transform", "image:add"];
    assert_eq!(rows, kinds.map(|kind| (kind, "server:api")));
}

#[test]
fn api7_an_event_of_the_application_is_told_and_not_stored() {
    let back_end = BackEnd::start();
    back_end.make("plan");
    let mut ann = back_end.server.joined("plan", "ann");
    let send = |status, data: Value| {
        back_end.told(status, "POST", "/api/rooms/plan/events", &json!({"type": "server:event", "data": data}))
    };
    send(202, json!({"paid": true, "by": "Änn"}));
    let heard: Value = serde_json::from_str(&ann.until("server:event")).unwrap();
    assert_eq!(heard, json!({"type": "server:event", "data": {"paid": true, "by": "Änn"}, "clientId": "c0"}));
    let deep = (0..16).fold(json!({}), |inner, _| json!({ "a": inner }));
    assert_eq!(send(400, deep)["error"], "bad_message");
    assert_eq!(send(400, json!([1]))["error"], "bad_message");
    assert_eq!(send(413, json!({"a": "x".repeat(16 * 1024)}))["error"], "too_large");
    assert_eq!(back_end.get("/api/rooms/plan/history")["rows"], json!([]));
}
