//! Rooms as a whole: made, listed, changed, closed, deleted, taken elsewhere.

use serde_json::{Value, json};

use crate::back_end::{BackEnd, picture};

#[test]
fn api4_a_room_is_made_with_an_id_or_without() {
    let back_end = BackEnd::start();
    let made = back_end.told(201, "POST", "/api/rooms", &json!({"name": "Plan", "isPublic": false}));
    let id = made["id"].as_str().unwrap();
    assert_eq!((made["name"].as_str(), made["isPublic"].as_bool()), (Some("Plan"), Some(false)));
    assert_eq!(back_end.get(&format!("/api/rooms/{id}")), made);
    let answer = back_end.ask("POST", "/api/rooms", &json!({"id": "plan", "owner": "ann"}));
    assert_eq!((answer.status, answer.header("location")), (201, Some("/api/rooms/plan")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let roles = &back_end.get("/api/rooms/plan/members")["members"];
    assert_eq!(roles, &json!([{"userId": "ann", "role": "owner"}]));
    assert_eq!(back_end.refused(409, "POST", "/api/rooms", &json!({"id": "plan"})), "conflict");
    for owner in ["", "guest:1", "org:x", "server:api", &"o".repeat(129)] {
        assert_eq!(back_end.refused(400, "POST", "/api/rooms", &json!({"owner": owner})), "bad_user");
    }
    assert_eq!(back_end.refused(400, "POST", "/api/rooms", &json!({"id": "a b"})), "bad_room");
    assert_eq!(back_end.refused(400, "POST", "/api/rooms", &json!({"name": "x".repeat(129)})), "too_long");
    assert_eq!(back_end.refused(400, "POST", "/api/rooms", &json!({"name": " "})), "empty");
    for (method, path) in [
        ("GET", "/api/rooms/none"),
        ("DELETE", "/api/rooms/none"),
        ("GET", "/api/rooms/none/canvas"),
        ("GET", "/api/rooms/none/members"),
        ("GET", "/api/rooms/none/history"),
        ("GET", "/api/rooms/none/export"),
        ("POST", "/api/rooms/none/close"),
    ] {
        assert_eq!(back_end.refused(404, method, path, &Value::Null), "not_found", "{method} {path}");
    }
    assert_eq!(back_end.refused(404, "PATCH", "/api/rooms/none", &json!({"locked": true})), "not_found");
}

#[test]
fn api4_a_room_is_named_in_percent_encoding_too() {
    let back_end = BackEnd::start();
    back_end.make("plan-1");
    assert_eq!(back_end.get("/api/rooms/%70lan%2D1")["id"], "plan-1");
    assert_eq!(back_end.refused(400, "GET", "/api/rooms/plan%252D1", &Value::Null), "bad_room");
    let user = "/api/rooms/plan-1/members/a%2Fb%20%C3%A9%3F";
    back_end.told(200, "PUT", user, &json!({"role": "editor"}));
    assert_eq!(back_end.get("/api/rooms/plan-1/members")["members"][0]["userId"], "a/b é?");
    back_end.told(204, "DELETE", user, &Value::Null);
    assert_eq!(back_end.get("/api/rooms/plan-1/members")["members"], json!([]));
}

#[test]
fn api4_rooms_are_searched_sorted_and_told_in_pages() {
    let back_end = BackEnd::start();
    for (no, name) in ["Delta plan", "alpha", "Charlie PLAN", "bravo", "Echo"].iter().enumerate() {
        let room = json!({"id": format!("room-{no}"), "name": name, "isPublic": no % 2 == 0});
        back_end.told(201, "POST", "/api/rooms", &room);
        // So that no two are made in the same millisecond.
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    back_end.add("room-1", "a", 1);
    let pages = |query: &str| {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = back_end.get(&format!("/api/rooms?limit=2{query}{cursor}"));
            let rooms = page["rooms"].as_array().unwrap();
            assert!(rooms.len() <= 2);
            ids.extend(rooms.iter().map(|room| room["id"].as_str().unwrap().trim_start_matches("room-").to_owned()));
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={}", next.replace('%', "%25")),
                None => return ids.concat(),
            }
        }
    };
    assert_eq!(pages(""), "01234");
    assert_eq!(pages("&sort=id"), "01234");
    assert_eq!(pages("&sort=name"), "13204");
    assert_eq!(pages("&sort=created"), "43210");
    assert_eq!(pages("&sort=activity"), "14320");
    assert_eq!(pages("&q=plan"), "02");
    assert_eq!(pages("&q=PLAN%20char"), "2");
    assert_eq!(pages("&q=ROOM-3&sort=name"), "3");
    assert_eq!(pages("&q=nothing"), "");
    let room = &back_end.get("/api/rooms?q=alpha")["rooms"][0];
    assert_eq!((room["isPublic"].as_bool(), room["name"].as_str()), (Some(false), Some("alpha")));
    assert!(room["lastActivity"].as_u64() > room["createdAt"].as_u64());
}

#[test]
fn api4_a_list_of_thousands_is_read_piece_by_piece() {
    let back_end = BackEnd::start();
    for no in 0..1005 {
        back_end.make(&format!("r{no:04}"));
    }
    let page = back_end.get("/api/rooms?limit=500&cursor=r0599.0.");
    let ids: Vec<&str> = page["rooms"].as_array().unwrap().iter().map(|room| room["id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), ids[0], ids[404]), (405, "r0600", "r1004"));
    assert_eq!(page["cursor"], Value::Null);
    let newest = back_end.get("/api/rooms?limit=1&sort=name&q=r100");
    assert_eq!((newest["rooms"][0]["id"].as_str(), newest["cursor"].as_str()), (Some("r1000"), Some("r1000.0.r1000")));
}

#[test]
fn api4_a_room_is_changed_as_its_owner_could_and_members_hear() {
    let back_end = BackEnd::start();
    back_end.make("plan");
    let mut ann = back_end.server.joined("plan", "ann");
    let changes =
        json!({"name": "New", "isPublic": false, "locked": true, "defaultRole": "viewer", "guestRole": "viewer"});
    let told = back_end.told(200, "PATCH", "/api/rooms/plan", &changes);
    assert_eq!(
        (told["name"].as_str(), told["locked"].as_bool(), told["isPublic"].as_bool()),
        (Some("New"), Some(true), Some(false))
    );
    let heard = ann.until(r#""type":"room:update""#);
    assert!(heard.contains(r#""name":"New""#), "{heard}");
    assert_eq!(back_end.refused(400, "PATCH", "/api/rooms/plan", &json!({"defaultRole": "owner"})), "bad_body");
    assert_eq!(back_end.refused(400, "PATCH", "/api/rooms/plan", &json!({})), "empty");
}

#[test]
fn api5_a_deleted_room_is_gone_and_a_closed_one_is_not() {
    let back_end = BackEnd::start();
    for room in ["gone", "shut"] {
        back_end.make(room);
        back_end.add(room, "a", 1);
    }
    let (mut ann, mut bob) = (back_end.server.joined("gone", "ann"), back_end.server.joined("shut", "bob"));
    back_end.told(204, "DELETE", "/api/rooms/gone", &Value::Null);
    assert_eq!(ann.closed().0, 4506);
    assert_eq!(back_end.refused(404, "GET", "/api/rooms/gone", &Value::Null), "not_found");
    assert_eq!(back_end.refused(404, "DELETE", "/api/rooms/gone", &Value::Null), "not_found");
    assert_eq!(back_end.get("/api/rooms")["rooms"].as_array().unwrap().len(), 1);
    let mut late = back_end.server.socket("/parties/main/gone");
    late.send(r#"{"type":"user:join","data":{"name":"late"}}"#);
    assert_eq!(late.closed().0, 4502);
    back_end.told(204, "POST", "/api/rooms/shut/close", &Value::Null);
    assert_eq!(bob.closed().0, 4503);
    assert_eq!(back_end.get("/api/rooms/shut/members")["clients"], json!([]));
    // What is asked right behind it is answered by the room that comes after.
    back_end.told(204, "POST", "/api/rooms/shut/close", &Value::Null);
    back_end.add("shut", "b", 2);
    assert_eq!(back_end.images("shut"), ["a", "b"]);
    back_end.server.joined("shut", "bob");
}

#[test]
fn api9_what_is_exported_is_imported_the_same() {
    let mut back_end = BackEnd::start_shipped();
    back_end.told(201, "POST", "/api/rooms", &json!({"id": "plan", "name": "Plan", "owner": "ann"}));
    for (no, image) in ["a", "b", "c"].iter().enumerate() {
        back_end.add("plan", image, i64::try_from(no).unwrap());
    }
    back_end.told(200, "POST", "/api/rooms/plan/events", &json!({"type": "chat:message", "data": {"text": "Hello"}}));
    back_end.told(200, "POST", "/api/rooms/plan/members/eve/ban", &Value::Null);
    let (document, canvas) = (back_end.get("/api/rooms/plan/export"), back_end.get("/api/rooms/plan/canvas"));
    assert_eq!(document["chat"][0]["text"], "Hello");
    back_end.told(204, "DELETE", "/api/rooms/plan", &Value::Null);
    back_end.told(200, "PUT", "/api/rooms/plan/import", &document);
    back_end.kill_and_start();
    assert_eq!(back_end.get("/api/rooms/plan/export"), document);
    let again = back_end.get("/api/rooms/plan/canvas");
    assert_eq!(again["images"], canvas["images"]);
    assert_ne!(again["epoch"], canvas["epoch"]);
    // One that nobody owns as well.
    back_end.make("nobodys");
    let document_of_nobody = back_end.get("/api/rooms/nobodys/export");
    back_end.told(200, "PUT", "/api/rooms/nobodys/import", &document_of_nobody);
    // Into another room, over the heads of those who are in it.
    back_end.make("other");
    let mut ann = back_end.server.joined("other", "ann");
    back_end.told(200, "PUT", "/api/rooms/other/import", &document);
    assert_eq!(ann.closed().0, 4203);
    assert_eq!(back_end.images("other"), ["a", "b", "c"]);
    assert_eq!(back_end.get("/api/rooms/other")["name"], "Plan");
    let mut ann = back_end.server.socket("/parties/main/other?_pk=ann");
    ann.send(r#"{"type":"user:join","data":{"name":"ann"}}"#);
    assert!(ann.until(r#""type":"state:sync""#).contains(r#""id":"c""#));
}

#[test]
fn api9_of_a_document_with_a_mistake_nothing_is_taken() {
    let back_end = BackEnd::start();
    back_end.make("plan");
    back_end.add("plan", "a", 1);
    let before = back_end.get("/api/rooms/plan/export");
    for (document, code, place) in [
        (json!({"version": 2}), "bad_message", "At version:"),
        (json!({"version": 1, "rooms": {}}), "bad_message", ""),
        (json!({"version": 1, "room": {"name": ""}}), "empty", "At room.name:"),
        (json!({"version": 1, "images": [picture("a", 1), {"id": "b"}]}), "bad_message", "At images[1]:"),
        (json!({"version": 1, "members": [{"userId": "ann", "role": "king"}]}), "bad_message", "At members[0]:"),
        (json!({"version": 1, "chat": {}}), "bad_message", "At chat"),
        (json!([]), "bad_message", ""),
        (json!([1, null, null, null, null, null]), "bad_message", ""),
        (json!([1, null, null, null, null, null]), "bad_message", ""),
    ] {
        let told = back_end.told(400, "PUT", "/api/rooms/plan/import", &document);
        assert_eq!(told["error"], code, "{document}: {told}");
        assert!(told["message"].as_str().unwrap().starts_with(place), "{document}: {told}");
        back_end.told(400, "PUT", "/api/rooms/new/import", &document);
    }
    let twice = json!({"version": 1, "images": [picture("a", 1), picture("a", 2)]});
    assert_eq!(
        back_end.told(409, "PUT", "/api/rooms/plan/import", &twice)["message"].as_str().unwrap()[..12],
        *"At images[1]"
    );
    assert_eq!(back_end.get("/api/rooms/plan/export"), before);
    assert_eq!(back_end.refused(404, "GET", "/api/rooms/new", &Value::Null), "not_found");
}

#[test]
fn api5_what_is_asked_while_a_room_closes_is_done_by_the_next() {
    let back_end = BackEnd::start();
    back_end.make("plan");
    std::thread::scope(|scope| {
        let close = || (0..40).for_each(|_| drop(back_end.told(204, "POST", "/api/rooms/plan/close", &Value::Null)));
        let closer = scope.spawn(close);
        for no in 0..200 {
            back_end.add("plan", &format!("i{no}"), no);
        }
        closer.join().unwrap();
    });
    assert_eq!(back_end.images("plan").len(), 200);
}
