//! Who may ask, and how.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use crate::back_end::{BackEnd, SECRET, code};
use crate::common::{Answer, Server, kanvas};

const BEARER: &str = "Authorization: Bearer a-secret-of-the-operator\r\n";

#[test]
fn api1_it_is_off_without_a_secret() {
    let server = Server::start(&[]);
    for headers in ["", BEARER] {
        assert_eq!(code(&server.get("/api/rooms", headers)), (403, "api_off".into()));
    }
    assert_eq!(server.get("/api/openapi.json", "").status, 200);
}

#[test]
fn api1_only_the_secret_opens_it() {
    let back_end = BackEnd::start();
    let wrong = [
        "",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Bearer a-secret-of-the-operato\r\n",
        "Authorization: Bearer a-secret-of-the-operatorr\r\n",
        "Authorization: Basic a-secret-of-the-operator\r\n",
        "Authorization: a-secret-of-the-operator\r\n",
        "Authorization: Bearer a-secret-of-the-operator\r\nAuthorization: Bearer x\r\n",
        "X-Authorization: Bearer a-secret-of-the-operator\r\n",
    ];
    for headers in wrong {
        for (method, path) in [("GET", "/api/rooms"), ("DELETE", "/api/rooms/a"), ("GET", "/api/x"), ("PUT", "/api")] {
            let answer = back_end.raw(method, path, headers, "");
            assert_eq!(code(&answer), (401, "unauthorized".into()), "{headers}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert_eq!(back_end.raw("GET", &format!("/api/rooms?token={SECRET}"), "", "").status, 401);
    assert_eq!(back_end.raw("GET", "/api/rooms", BEARER, "").status, 200);
    assert_eq!(back_end.raw("GET", "/api/rooms", &BEARER.replace("Bearer", "bearer"), "").status, 200);
}

#[test]
fn api1_no_page_may_ask_or_read() {
    let back_end = BackEnd::start();
    for origin in ["http://localhost:3000", "https://evil.example", "null"] {
        for (method, path) in [("GET", "/api/rooms"), ("OPTIONS", "/api/rooms"), ("GET", "/api/openapi.json")] {
            let answer = back_end.raw(method, path, &format!("{BEARER}Origin: {origin}\r\n"), "");
            assert_eq!(code(&answer), (403, "forbidden".into()), "{method} {path} {origin}");
            assert!(!answer.head.to_lowercase().contains("access-control"), "{answer:?}");
        }
    }
    let answer = back_end.raw("OPTIONS", "/api/rooms", BEARER, "");
    assert_eq!((answer.status, answer.header("allow")), (204, Some("GET, HEAD, POST, OPTIONS")));
    assert!(!answer.head.to_lowercase().contains("access-control"), "{answer:?}");
}

#[test]
fn api2_the_document_is_served_to_anybody() {
    let back_end = BackEnd::start();
    let answer = back_end.raw("GET", "/api/openapi.json", "", "");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    let committed = include_str!("../../api/openapi.json");
    assert_eq!(document, serde_json::from_str::<Value>(committed).unwrap());
}

#[test]
fn api3_methods_and_addresses_are_told() {
    let back_end = BackEnd::start();
    for (path, methods) in [
        ("/api/rooms", "GET, HEAD, POST, OPTIONS"),
        ("/api/rooms/a", "GET, HEAD, PATCH, DELETE, OPTIONS"),
        ("/api/rooms/a/members/u/ban", "POST, DELETE, OPTIONS"),
        ("/api/rooms/a/import", "PUT, OPTIONS"),
        ("/api/openapi.json", "GET, HEAD, OPTIONS"),
    ] {
        for method in ["TRACE", "PROPFIND"] {
            let answer = back_end.raw(method, path, BEARER, "");
            assert_eq!(code(&answer), (405, "bad_method".into()), "{path}");
            assert_eq!(answer.header("allow"), Some(methods));
        }
    }
    for path in ["/api", "/api/", "/api/rooms/", "/api/rooms/a/", "/api/rooms/a/shares", "/api/rooms/a/members/u/x"] {
        assert_eq!(code(&back_end.raw("GET", path, BEARER, "")), (404, "not_found".into()), "{path}");
    }
    for room in ["a%20b", "%2e%2e", "a%2fb", &"a".repeat(65), "%ff"] {
        let answer = back_end.raw("GET", &format!("/api/rooms/{room}"), BEARER, "");
        assert_eq!(code(&answer), (400, "bad_room".into()), "{room}");
    }
    assert_eq!(
        back_end.refused(400, "DELETE", &format!("/api/rooms/a/members/{}", "u".repeat(129)), &Value::Null),
        "bad_user"
    );
}

#[test]
fn api3_bodies_are_json_of_their_form() {
    let back_end = BackEnd::start();
    let json = "Content-Type: application/json\r\n";
    let post = |headers: &str, body: &str| back_end.raw("POST", "/api/rooms", &format!("{BEARER}{headers}"), body);
    for headers in ["", "Content-Type: text/plain\r\n", "Content-Type: application/jsonx\r\n", &format!("{json}{json}")]
    {
        assert_eq!(code(&post(headers, "{}")), (415, "unsupported".into()), "{headers}");
    }
    assert_eq!(post("Content-Type: Application/JSON; charset=utf-8\r\n", r#"{"id":"there"}"#).status, 201);
    for (body, words) in [
        ("{", "line 1 column 1"),
        (r#"{"isPubic":true}"#, "unknown field `isPubic`"),
        (r#"{"id":7}"#, "invalid type: integer `7`, expected a string at line 1 column 7"),
        (r#"{"name":null}"#, "invalid type: null"),
        (r#"{"id":"a","id":"b"}"#, "duplicate field `id`"),
        (r#"{"isPublic":"\"yes\""}"#, "expected a boolean"),
        ("{} x", "trailing characters"),
        ("[]", "must be an object"),
        (" [\"list\"]", "must be an object"),
        ("[]", "must be an object"),
        (" [\"list\"]", "must be an object"),
        (&"[".repeat(16_000), "must be an object"),
        (&format!(r#"{{"name":{}"#, "[".repeat(16_000)), "invalid type: sequence"),
        (&format!(r#"{{"{}":1}}"#, "\u{1F600}".repeat(3000)), "…"),
    ] {
        let answer = post(json, body);
        assert_eq!(code(&answer), (400, "bad_body".into()), "{body:.80}");
        let message = serde_json::from_str::<Value>(&answer.body).unwrap()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words) && message.chars().count() < 400, "{message}");
    }
    assert_eq!(code(&post(json, &format!(r#"{{"name":"{}"}}"#, "x".repeat(16 * 1024)))), (413, "too_large".into()));
    for deep in ["[", r#"{"a":"#] {
        let event = format!(r#"{{"type":"server:event","data":{}"#, deep.repeat(2000));
        let answer = back_end.raw("POST", "/api/rooms/there/events", &format!("{BEARER}{json}"), &event);
        assert_eq!(code(&answer), (400, "bad_body".into()));
        let (ends, inner) = (if deep == "[" { "]" } else { "}" }, if deep == "[" { "" } else { "1" });
        let event = format!("{event}{inner}{}}}", ends.repeat(2000));
        let answer = back_end.raw("POST", "/api/rooms/there/events", &format!("{BEARER}{json}"), &event);
        assert_eq!(code(&answer), (400, "bad_message".into()));
    }
    let large = format!(r#"{{"images":[],"x":"{}"}}"#, "x".repeat(17 * 1024));
    assert_eq!(code(&back_end.raw("PUT", "/api/rooms/there/canvas", &format!("{BEARER}{json}"), &large)).0, 400);
}

#[test]
fn api3_a_body_that_does_not_come_is_given_up() {
    let back_end = BackEnd::start();
    let mut slow = back_end.server.connect();
    let head = format!("POST /api/rooms HTTP/1.1\r\nHost: localhost\r\n{BEARER}Content-Type: application/json\r\n");
    write!(slow, "{head}Content-Length: 9\r\n\r\n{{").unwrap();
    assert_eq!(code(&Answer::read(&mut slow)), (408, "timeout".into()));
    assert_eq!(slow.read(&mut [0]).unwrap(), 0, "and the connection ends");
}

#[test]
fn api3_queries_are_read_strictly() {
    let back_end = BackEnd::start();
    back_end.make("there");
    for (path, words) in [
        ("/api/rooms?limit=0", "limit must be a whole number from 1 to 500."),
        ("/api/rooms?limit=501", "limit must"),
        ("/api/rooms?limit=%2B5", "limit must"),
        ("/api/rooms?limit=", "limit must"),
        ("/api/rooms?Limit=1", "these keys of a query: q, sort, limit, cursor."),
        ("/api/rooms?limit=1&limit=1", "limit twice"),
        ("/api/rooms?cursor=%20", "cursor must"),
        ("/api/rooms?sort=size", "sort must"),
        (&format!("/api/rooms?q={}", "q".repeat(129)), "q has at most"),
        ("/api/rooms/there/history?from=-1", "from must"),
        ("/api/rooms/there/history?since=9007199254740992", "since must"),
    ] {
        let told = back_end.told(400, "GET", path, &Value::Null);
        assert_eq!(told["error"], "bad_query");
        assert!(told["message"].as_str().unwrap().contains(words), "{path}: {told}");
    }
}

#[test]
fn conf12_the_secret_is_told_nowhere() {
    let back_end = BackEnd { server: Server::start(&["--log", "trace", "--admin-secret", SECRET]) };
    back_end.make("a");
    back_end.raw("GET", "/api/rooms", &format!("Authorization: Basic {SECRET}\r\n"), "");
    back_end.ask("POST", "/api/rooms/a/events", &json!({"type": "chat:message", "data": {"text": "said-by-the-api"}}));
    let log = back_end.server.log();
    assert!(!log.contains(SECRET) && !log.contains("said-by-the-api"), "{log}");
    let said = |command: &mut std::process::Command| {
        let output = command.output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let directory = tempfile::tempdir().unwrap();
    let mut check = kanvas();
    let check = check.current_dir(&directory).args(["check-config", "--listen", "127.0.0.1:0"]);
    let shown = said(check.env("KANVAS_ADMIN_SECRET", SECRET));
    let line = shown.lines().find(|line| line.starts_with("# admin-secret is given, and is not shown")).unwrap();
    assert!(line.ends_with("# from KANVAS_ADMIN_SECRET"), "{line}");
    assert!(!shown.contains(SECRET), "{shown}");
    let help = said(kanvas().env("KANVAS_ADMIN_SECRET", SECRET).arg("--help"));
    assert!(help.contains("KANVAS_ADMIN_SECRET") && !help.contains(SECRET), "{help}");
    for short in ["fifteen-bytes--", "with a space in the middle"] {
        let refused = said(kanvas().current_dir(&directory).env("KANVAS_ADMIN_SECRET", short));
        assert!(refused.contains("KANVAS_ADMIN_SECRET cannot be used: it must be 16 to 512"), "{refused}");
        assert!(!refused.contains(short), "{refused}");
        std::fs::write(directory.path().join("kanvas.toml"), format!("admin-secret = {short}\n")).unwrap();
        let refused = said(kanvas().current_dir(&directory).arg("check-config"));
        assert!(refused.contains("kanvas.toml:1:") && !refused.contains(short), "{refused}");
        std::fs::remove_file(directory.path().join("kanvas.toml")).unwrap();
    }
}
