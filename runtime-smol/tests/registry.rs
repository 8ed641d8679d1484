//! The list of rooms over plain HTTP and live, in raw bytes over the built server.

mod common;

use std::time::Duration;

use common::{Answer, Server, Socket};
use serde_json::{Value, json};

const LIST: &str = "/parties/registry/all";

fn token(server: &Server, sub: &str) -> String {
    let data = server.directory.path().join("data");
    let output =
        common::run(&["token", "--data", data.to_str().unwrap(), "--sub", sub, "--ttl", "3600", "--name", sub]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A request with a token, or without one if it is empty.
fn ask(server: &Server, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let bearer = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    server
        .raw(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}{length}Connection: close\r\n\r\n{body}"))
}

fn read(answer: &Answer) -> (u16, Value) {
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
}

fn refusal(answer: &Answer) -> (u16, String) {
    let (status, body) = read(answer);
    assert!(body["message"].as_str().is_some_and(|message| message.ends_with('.')), "{answer:?}");
    (status, body["error"].as_str().unwrap_or_default().to_owned())
}

fn page(server: &Server, query: &str) -> Value {
    let (status, page) = read(&ask(server, "GET", &format!("{LIST}{query}"), "", ""));
    assert_eq!(status, 200, "{page}");
    page
}

fn ids(page: &Value) -> Vec<&str> {
    page["rooms"].as_array().unwrap().iter().map(|room| room["id"].as_str().unwrap()).collect()
}

/// The list, once it says so of its rooms.
fn until(server: &Server, what: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..500 {
        let page = page(server, "");
        if what(&page) {
            return page;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the list never said so: {}", page(server, ""));
}

/// A watcher, and what greets it.
fn watch(server: &Server) -> (Socket, Value) {
    let mut socket = server.socket(&format!("{LIST}?_pk=watcher"));
    let first = socket.until(r#""type":"rooms""#);
    (socket, serde_json::from_str(&first).unwrap())
}

#[test]
fn list1_a_watcher_sees_rooms_come_fill_empty_and_go() {
    let server = Server::start(&[]);
    let (mut watcher, first) = watch(&server);
    assert_eq!(first, json!({"type": "rooms", "rooms": []}));
    let ann = token(&server, "ann");
    let made = ask(&server, "POST", LIST, &ann, r#"{"id":"den","name":"The den"}"#);
    assert_eq!(made.status, 201, "{made:?}");
    let added: Value = serde_json::from_str(&watcher.until("room-added")).unwrap();
    let room = &added["room"];
    assert_eq!((&room["id"], &room["name"], &room["isPublic"]), (&json!("den"), &json!("The den"), &json!(true)));
    assert_eq!((&room["userCount"], &room["creatorName"]), (&json!(0), &json!("ann")));
    let mut guest = server.joined("den", "gil");
    let updated: Value = serde_json::from_str(&watcher.until(r#""userCount":1"#)).unwrap();
    assert_eq!((&updated["type"], &updated["roomId"]), (&json!("room-updated"), &json!("den")));
    assert!(updated["updates"]["lastActivity"].as_u64().is_some(), "{updated}");
    let mut second = server.joined("den", "bob");
    watcher.until(r#""userCount":2"#);
    for socket in [&mut second, &mut guest] {
        socket.raw(&Socket::frame(common::CLOSE, &1000_u16.to_be_bytes()));
    }
    watcher.until(r#""userCount":0"#);
    let (_, later) = watch(&server);
    assert_eq!(later["rooms"][0]["id"], "den");
    assert_eq!(ask(&server, "DELETE", &format!("{LIST}/den"), &ann, "").status, 204);
    let removed: Value = serde_json::from_str(&watcher.until("room-removed")).unwrap();
    assert_eq!(removed, json!({"type": "room-removed", "roomId": "den"}));
}

#[test]
fn list1_the_list_is_a_socket_like_any_other() {
    let server = Server::start(&[]);
    let (mut watcher, _) = watch(&server);
    watcher.send("ping");
    watcher.until("pong");
    watcher.send(r#"{"type":"cursor:move","data":{"x":1,"y":2}}"#);
    assert!(watcher.until(r#""type":"error""#).contains("unknown_type"));
    assert_eq!(server.get(LIST, "").status, 200);
    assert_eq!(server.upgrade(LIST, "Upgrade: websocket\r\n").status, 400);
    server.signal("TERM");
    let (code, reason, _) = watcher.closed();
    assert_eq!((code, reason.as_str()), (1012, "restart"));
}

#[test]
fn list2_rooms_are_searched_sorted_and_paged() {
    let server = Server::start(&[]);
    let ann = token(&server, "ann");
    for (id, name) in [("a", "Apples"), ("b", "Bananas"), ("c", "Cherries"), ("d", "Dates and apples")] {
        let made = ask(&server, "POST", LIST, &ann, &json!({"id": id, "name": name}).to_string());
        assert_eq!(made.status, 201, "{made:?}");
    }
    assert_eq!(ask(&server, "POST", LIST, &ann, r#"{"id":"p","isPublic":false}"#).status, 201);
    until(&server, |page| ids(page).len() == 4);
    let apples = page(&server, "?q=APPLE&sort=name");
    assert_eq!(ids(&apples), ["a", "d"]);
    assert_eq!(apples["rooms"][0]["name"], "Apples");
    assert_eq!(ids(&page(&server, "?q=ann&sort=name")).len(), 4, "by their owner's name");
    let first = page(&server, "?sort=name&limit=3");
    assert_eq!(ids(&first), ["a", "b", "c"]);
    let cursor = first["cursor"].as_str().unwrap();
    assert_eq!(ask(&server, "DELETE", &format!("{LIST}/c"), &ann, "").status, 204);
    let second = page(&server, &format!("?sort=name&limit=3&cursor={cursor}"));
    assert_eq!((ids(&second), &second["cursor"]), (vec!["d"], &Value::Null));
    for (query, code) in [
        ("?limit=0", "bad_limit"),
        ("?limit=101", "bad_limit"),
        ("?limit=x", "bad_limit"),
        ("?sort=size", "bad_sort"),
        ("?cursor=x", "bad_cursor"),
        (&format!("?sort=users&cursor={cursor}"), "bad_cursor"),
    ] {
        let answer = ask(&server, "GET", &format!("{LIST}{query}"), "", "");
        assert_eq!(refusal(&answer), (400, code.to_owned()), "{query}");
    }
}

#[test]
fn list3_a_room_is_made_by_who_owns_it_then() {
    let server = Server::start(&[]);
    let ann = token(&server, "ann");
    let (status, made) = read(&ask(&server, "POST", LIST, &ann, r#"{"name":"  Plans\u200b ","isPublic":false}"#));
    assert_eq!((status, &made["name"], &made["isPublic"]), (201, &json!("Plans"), &json!(false)));
    assert_eq!(made.get("token"), None);
    let id = made["id"].as_str().unwrap();
    assert_eq!(id.len(), 20);
    let mut owner = server.socket(&format!("/parties/main/{id}?token={ann}"));
    owner.send(r#"{"type":"user:join","data":{}}"#);
    assert!(owner.until("room:joined").contains(r#""role":"owner""#));
    let path = format!("/parties/main/{id}");
    assert_eq!(ask(&server, "GET", &path, "", "").status, 403);
    assert_eq!(ids(&page(&server, "")), [] as [&str; 0]);
    // A guest of a development server.
    let (status, made) = read(&ask(&server, "POST", LIST, "", "{}"));
    assert_eq!((status, &made["isPublic"], made.get("token")), (201, &json!(true), None));
    let (status, made) = read(&ask(&server, "POST", LIST, "", r#"{"isPublic":false}"#));
    assert_eq!(status, 201);
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert_eq!(ask(&server, "GET", &format!("/parties/main/{id}"), "", "").status, 403);
    let mut guest = server.socket(&format!("/parties/main/{id}?share={token}"));
    guest.send(r#"{"type":"user:join","data":{}}"#);
    assert!(guest.until("room:joined").contains(r#""role":"editor""#));
}

#[test]
fn list4_what_cannot_be_made_is_refused_and_nothing_is_made() {
    let server = Server::start(&["--new-rooms", "3"]);
    let ann = token(&server, "ann");
    let post = |body: &str| ask(&server, "POST", LIST, &ann, body);
    assert_eq!(post(r#"{"id":"den"}"#).status, 201);
    assert_eq!(refusal(&post(r#"{"id":"den"}"#)), (409, "conflict".into()));
    for (body, code) in [
        (r#"{"id":"a/b"}"#, "bad_room"),
        (r#"{"id":""}"#, "bad_room"),
        (r#"{"name":"\u200b"}"#, "empty"),
        (r#"{"isPublic":"no"}"#, "bad_body"),
        ("{", "bad_body"),
        ("[]", "bad_body"),
        ("", "bad_body"),
    ] {
        assert_eq!(refusal(&post(body)), (400, code.to_owned()), "{body}");
    }
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(200));
    assert_eq!(refusal(&post(&long)), (400, "too_long".into()));
    assert_eq!(refusal(&post(&" ".repeat(20_000))), (413, "too_large".into()));
    assert_eq!(ask(&server, "DELETE", &format!("{LIST}/den"), &ann, "").status, 204);
    assert_eq!(refusal(&post(r#"{"id":"den"}"#)), (409, "conflict".into()), "it was deleted");
    assert_eq!(post("{}").status, 201);
    assert_eq!(post("{}").status, 201);
    assert_eq!(refusal(&post("{}")), (429, "limit_rooms".into()));
    until(&server, |page| ids(page).len() == 2);
}

#[test]
fn list5_an_owner_changes_and_deletes_a_room_and_nobody_else_does() {
    let server = Server::start(&[]);
    let (ann, bob) = (token(&server, "ann"), token(&server, "bob"));
    assert_eq!(ask(&server, "POST", LIST, &ann, r#"{"id":"den"}"#).status, 201);
    let mut guest = server.joined("den", "gil");
    let den = format!("{LIST}/den");
    let patch = |token: &str, body: &str| ask(&server, "PATCH", &den, token, body);
    let (status, changed) = read(&patch(&ann, r#"{"name":"Plans","locked":true}"#));
    assert_eq!((status, &changed["name"], &changed["locked"]), (200, &json!("Plans"), &json!(true)));
    guest.until("room:update");
    for (body, code) in [
        (r#"{"name":""}"#, "empty"),
        (r#"{"locked":1}"#, "bad_body"),
        (r#"{},"type":"image:add""#, "bad_body"),
        (r#"{"locked":true,"locked":false}"#, "bad_body"),
        ("{}", "empty"),
        ("", "bad_body"),
    ] {
        assert_eq!(refusal(&patch(&ann, body)), (400, code.to_owned()), "{body}");
    }
    for method in ["PATCH", "DELETE"] {
        let body = if method == "PATCH" { r#"{"locked":false}"# } else { "" };
        let by = |token: &str, path: &str| refusal(&ask(&server, method, path, token, body));
        assert_eq!(by(&bob, &den), (403, "forbidden".into()));
        assert_eq!(by("", &den), (401, "token_required".into()));
        assert_eq!(by(&ann, &format!("{LIST}/nowhere")), (404, "not_found".into()));
        assert_eq!(by(&ann, &format!("{LIST}/a%2fb")), (400, "bad_room".into()));
    }
    assert_eq!(ask(&server, "DELETE", &den, &ann, "").status, 204);
    assert_eq!(guest.closed().0, 4506);
    assert_eq!(refusal(&ask(&server, "DELETE", &den, &ann, "")), (404, "not_found".into()));
    let mut late = server.socket("/parties/main/den");
    late.send(r#"{"type":"user:join","data":{}}"#);
    assert_eq!(late.closed().0, 4502);
}

#[test]
fn list6_after_a_kill_the_list_is_as_it_was_with_nobody_there() {
    let mut server = Server::start_shipped(&[]);
    let ann = token(&server, "ann");
    for id in ["one", "two", "gone"] {
        assert_eq!(ask(&server, "POST", LIST, &ann, &format!(r#"{{"id":"{id}"}}"#)).status, 201);
    }
    assert_eq!(ask(&server, "DELETE", &format!("{LIST}/gone"), &ann, "").status, 204);
    let there = server.joined("three", "gil");
    // That somebody joined means that the room was stored; no announcement of it need have arrived.
    server.signal("KILL");
    server.wait(Duration::from_secs(10));
    drop(there);
    server.restart_shipped(&[]);
    let page = page(&server, "?sort=name");
    assert_eq!(ids(&page), ["one", "three", "two"]);
    assert!(page["rooms"].as_array().unwrap().iter().all(|room| room["userCount"] == 0), "{page}");
}

#[test]
fn list7_a_thumbnail_is_drawn_from_what_is_on_the_canvas() {
    let server = Server::start(&[]);
    let mut ann = server.joined("den", "ann");
    ann.send(r#"{"type":"image:add","data":{"id":"i","src":"https://example.com/a.png","x":1,"y":2,"width":30,"height":40,"secret":"s"},"id":"e"}"#);
    ann.until(r#""type":"ack""#);
    let answer = ask(&server, "GET", "/parties/main/den/preview", "", "");
    let (status, preview) = read(&answer);
    let image = json!({"src": "https://example.com/a.png", "x": 1, "y": 2, "width": 30, "height": 40, "rotation": 0});
    assert_eq!((status, preview), (200, json!({"images": [image]})));
    assert_eq!(answer.header("cache-control"), Some("private, max-age=30"));
    assert_eq!(ask(&server, "GET", "/parties/main/nowhere/preview", "", "").status, 404);
}

#[test]
fn list9_an_idle_room_drops_off_the_list_and_comes_back_with_people() {
    let server = Server::start(&["--list-idle", "1"]);
    let (mut watcher, _) = watch(&server);
    let mut ann = server.joined("den", "ann");
    watcher.until("room-added");
    ann.raw(&Socket::frame(common::CLOSE, &1000_u16.to_be_bytes()));
    watcher.until("room-removed");
    assert_eq!(ids(&page(&server, "")), [] as [&str; 0]);
    assert_eq!(ask(&server, "GET", "/parties/main/den", "", "").status, 200, "its data stays");
    let _bob = server.joined("den", "bob");
    watcher.until("room-added");
}
