//! Canvases that are replaced and taken back, and the history of it.

use serde_json::{Value, json};

use crate::back_end::{BackEnd, picture};

/// When a row of the log was.
fn when(back_end: &BackEnd, room: &str, seq: u64) -> u64 {
    let rows = back_end.get(&format!("/api/rooms/{room}/history?from={seq}&limit=1"))["rows"].clone();
    assert_eq!(rows[0]["seq"], seq);
    rows[0]["at"].as_u64().unwrap()
}

fn pause() {
    // So that what comes next is of another millisecond.
    std::thread::sleep(std::time::Duration::from_millis(5));
}

#[test]
fn api8_a_canvas_is_replaced_as_one_change() {
    let mut back_end = BackEnd::start_shipped();
    back_end.make("plan");
    for image in ["a", "b", "c"] {
        back_end.add("plan", image, 1);
    }
    let mut ann = back_end.server.joined("plan", "ann");
    let wanted = json!({"images": [picture("b", 1), picture("c", 9), picture("d", 4)], "at": 3});
    let seq = back_end.told(200, "PUT", "/api/rooms/plan/canvas", &wanted)["seq"].as_u64().unwrap();
    assert!(ann.until("image:remove").contains(r#""id":"a""#));
    ann.until(r#""id":"d""#);
    assert_eq!(back_end.images("plan"), ["b", "c", "d"]);
    assert_eq!(back_end.refused(409, "PUT", "/api/rooms/plan/canvas", &wanted), "conflict");
    let same = json!({"images": back_end.get("/api/rooms/plan/canvas")["images"]});
    assert_eq!(back_end.told(200, "PUT", "/api/rooms/plan/canvas", &same)["seq"], seq, "what is the same is no event");
    let bad = back_end.told(400, "PUT", "/api/rooms/plan/canvas", &json!({"images": [picture("x", 1), {}]}));
    assert!(bad["message"].as_str().unwrap().starts_with("At [1]:"), "{bad}");
    assert_eq!(back_end.refused(400, "PUT", "/api/rooms/plan/canvas", &json!({"images": {}})), "bad_message");
    assert_eq!(back_end.refused(400, "PUT", "/api/rooms/plan/canvas", &json!({"images": [], "at": -1})), "bad_body");
    assert_eq!(back_end.refused(404, "PUT", "/api/rooms/none/canvas", &json!({"images": []})), "not_found");
    back_end.kill_and_start();
    assert_eq!(back_end.images("plan"), ["b", "c", "d"]);
    assert_eq!(back_end.get("/api/rooms/plan/canvas")["seq"], seq);
}

#[test]
fn api8_a_huge_canvas_is_taken_and_told() {
    let mut back_end = BackEnd::start_shipped();
    back_end.make("plan");
    let mut ann = back_end.server.joined("plan", "ann");
    let images: Vec<Value> = (0..4000).map(|no| picture(&format!("i{no}"), no)).collect();
    back_end.told(200, "PUT", "/api/rooms/plan/canvas", &json!({ "images": images }));
    assert!(ann.until(r#""type":"state:sync""#).contains(r#""id":"i0""#));
    assert_eq!(back_end.images("plan").len(), 4000);
    back_end.kill_and_start();
    assert_eq!(back_end.images("plan").len(), 4000);
    back_end.told(200, "POST", "/api/rooms/plan/restore", &json!({"asOf": 0}));
    assert_eq!(back_end.images("plan").len(), 0);
    let many: Vec<Value> = (0..200_000).map(|no| picture(&format!("i{no}"), no)).collect();
    let answer = back_end.ask("PUT", "/api/rooms/plan/canvas", &json!({ "images": many }));
    assert_eq!(answer.status, 413, "{}", answer.body);
}

#[test]
fn api10_the_history_is_told_in_pages_each_row_once() {
    let back_end = BackEnd::start();
    back_end.make("plan");
    for no in 0..7 {
        back_end.add("plan", &format!("i{no}"), no);
    }
    back_end.told(200, "POST", "/api/rooms/plan/events", &json!({"type": "chat:message", "data": {"text": "Hello"}}));
    let (mut seen, mut path) = (Vec::new(), "/api/rooms/plan/history?limit=3".to_owned());
    loop {
        let page = back_end.get(&path);
        seen.extend(page["rows"].as_array().unwrap().iter().map(|row| row["seq"].as_u64().unwrap()));
        let Some(next) = page["next"].as_u64() else { break };
        path = format!("/api/rooms/plan/history?limit=3&from={next}");
    }
    assert_eq!(seen, [8, 7, 6, 5, 4, 3, 2, 1]);
    let rows = |query: &str| back_end.get(&format!("/api/rooms/plan/history?{query}"))["rows"].clone();
    assert_eq!(rows("kind=chat:message")[0]["data"]["text"], "Hello");
    assert_eq!(rows("kind=chat:message").as_array().unwrap().len(), 1);
    assert_eq!(rows("user=server:api").as_array().unwrap().len(), 8);
    assert_eq!(rows("user=ann"), json!([]));
    assert_eq!(rows(&format!("since={}", when(&back_end, "plan", 8) + 1)), json!([]));
    let row = rows("from=1")[0].clone();
    assert_eq!(
        (row["clientId"].as_str(), row["kind"].as_str(), row["was"].as_str()),
        (Some("c0"), Some("image:add"), None)
    );
}

#[test]
fn api11_a_canvas_goes_back_to_what_it_was_as_the_preview_said() {
    let mut back_end = BackEnd::start_shipped();
    back_end.make("plan");
    back_end.add("plan", "a", 1);
    let then = when(&back_end, "plan", back_end.add("plan", "b", 2));
    let before = back_end.get("/api/rooms/plan/canvas");
    pause();
    let send = |event: Value| back_end.told(200, "POST", "/api/rooms/plan/events", &event);
    send(json!({"type": "image:transform", "data": {"id": "a", "x": 99, "colour": "red"}}));
    send(json!({"type": "image:remove", "data": {"id": "b"}}));
    back_end.add("plan", "c", 3);
    let mut ann = back_end.server.joined("plan", "ann");
    let preview = back_end.told(200, "POST", "/api/rooms/plan/restore", &json!({"asOf": then, "preview": true}));
    assert_eq!(preview, json!({"seq": 5, "added": ["b"], "changed": ["a"], "removed": ["c"]}));
    assert_eq!(back_end.images("plan"), ["a", "c"], "a preview changes nothing");
    back_end.add("plan", "d", 3);
    let wish = json!({"asOf": then, "at": 5});
    assert_eq!(back_end.refused(409, "POST", "/api/rooms/plan/restore", &wish), "conflict");
    let wish = json!({"asOf": then, "at": 5, "preview": true});
    assert_eq!(back_end.refused(409, "POST", "/api/rooms/plan/restore", &wish), "conflict");
    back_end.told(200, "POST", "/api/rooms/plan/restore", &json!({"asOf": then, "at": 6}));
    assert_eq!(back_end.get("/api/rooms/plan/canvas")["images"], before["images"]);
    ann.until(r#""id":"b""#);
    back_end.kill_and_start();
    assert_eq!(back_end.get("/api/rooms/plan/canvas")["images"], before["images"]);
    // That is an event that can be taken back too.
    let wish = json!({"without": "server:api", "since": then});
    back_end.told(200, "POST", "/api/rooms/plan/restore", &wish);
    assert_eq!(back_end.get("/api/rooms/plan/canvas")["images"], before["images"]);
}

#[test]
fn api11_what_one_person_did_is_taken_back_alone() {
    let back_end = BackEnd::start();
    back_end.make("plan");
    let since = when(&back_end, "plan", back_end.add("plan", "a", 1));
    pause();
    let (mut bob, mut eve) = (back_end.server.joined("plan", "bob"), back_end.server.joined("plan", "eve"));
    eve.send(r#"{"type":"image:remove","data":{"id":"a"}}"#);
    eve.send(
        r#"{"type":"image:add","data":{"id":"e","src":"https://example.com/e.png","x":1,"y":1,"width":1,"height":1}}"#,
    );
    bob.until(r#""id":"e""#);
    back_end.add("plan", "b", 2);
    let row = back_end.get("/api/rooms/plan/history?from=2&limit=1")["rows"][0].clone();
    assert_eq!((row["kind"].as_str(), row["was"]["id"].as_str()), (Some("image:remove"), Some("a")));
    let wish = json!({"without": row["user"], "since": since, "preview": true});
    let preview = back_end.told(200, "POST", "/api/rooms/plan/restore", &wish);
    assert_eq!(preview, json!({"seq": 4, "added": ["a"], "changed": [], "removed": ["e"]}));
    let wish = json!({"without": row["user"], "since": since});
    back_end.told(200, "POST", "/api/rooms/plan/restore", &wish);
    assert_eq!(back_end.images("plan"), ["a", "b"]);
    for bad in [
        json!({}),
        json!({"asOf": 1, "since": 1}),
        json!({"without": "ann"}),
        json!({"asOf": 1.5}),
        json!({"asOf": null}),
    ] {
        assert_eq!(back_end.refused(400, "POST", "/api/rooms/plan/restore", &bad), "bad_body", "{bad}");
    }
    assert_eq!(back_end.refused(404, "POST", "/api/rooms/none/restore", &json!({"asOf": 1})), "not_found");
}
