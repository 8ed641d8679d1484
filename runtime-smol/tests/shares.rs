//! Links that let others in, and what outsiders are told and may send, in raw bytes over the built server.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};

use common::{Answer, Server, Socket};
use serde_json::{Value, json};

/// A private room `den` of Ann's, in a development server.
struct Den {
    server: Server,
    ann: String,
    owner: Socket,
}

impl Den {
    fn new() -> Den {
        let server = Server::start(&[]);
        let ann = token(&server, "ann");
        let mut owner = enter(&server, &format!("token={ann}"));
        owner.join("Ann");
        owner.send(r#"{"type":"room:update","data":{"isPublic":false},"id":"p"}"#);
        owner.until(r#""type":"ack""#);
        Den { server, ann, owner }
    }

    /// Makes a link as Ann, and gives what is told of it.
    fn share(&self, what: &Value) -> Value {
        let answer = ask(&self.server, "POST", "/parties/main/den/shares", &self.ann, &what.to_string());
        assert_eq!((answer.status, answer.header("cache-control")), (201, Some("no-store")), "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    fn shares(&self) -> Vec<Value> {
        let answer = ask(&self.server, "GET", "/parties/main/den/shares", &self.ann, "");
        assert_eq!(answer.status, 200, "{answer:?}");
        let all: Value = serde_json::from_str(&answer.body).unwrap();
        all["shares"].as_array().unwrap().clone()
    }
}

fn token(server: &Server, sub: &str) -> String {
    let data = server.directory.path().join("data");
    let args = ["token", "--data", data.to_str().unwrap(), "--sub", sub, "--ttl", "3600"];
    let output = common::run(&args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn enter(server: &Server, query: &str) -> Socket {
    server.socket(&format!("/parties/main/den?{query}"))
}

/// A request with a token, or without one if it is empty.
fn ask(server: &Server, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let bearer = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let length = if method == "POST" { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    server
        .raw(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}{length}Connection: close\r\n\r\n{body}"))
}

fn code(answer: &Answer) -> (u16, String) {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer.status, body["error"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn http19_a_link_is_made_listed_used_and_revoked() {
    let mut den = Den::new();
    let made = den.share(&json!({"role": "editor"}));
    let secret = made["token"].as_str().unwrap().to_owned();
    assert_eq!((secret.len(), &made["role"], &made["expiresAt"]), (32, &json!("editor"), &Value::Null));
    let until = 4_000_000_000_000_u64;
    let other = den.share(&json!({"role": "viewer", "expiresAt": until, "note": "unknown fields are ignored"}));
    assert_ne!(other["token"], made["token"]);
    let mut listed = den.shares();
    listed.sort_by_key(|share| share["role"].to_string());
    let without_token = |made: &Value| json!({"id": made["id"], "role": made["role"], "expiresAt": made["expiresAt"]});
    assert_eq!(listed, [without_token(&made), without_token(&other)]);
    assert_eq!(listed[1]["expiresAt"], until);

    let mut guest = enter(&den.server, &format!("share={secret}&_pk=g"));
    guest.send(r#"{"type":"user:join","data":{"name":"Gil"}}"#);
    assert!(guest.until(r#""type":"room:joined""#).contains(r#""role":"editor""#));
    den.owner.until("Gil");
    let gone = ask(&den.server, "DELETE", &format!("/parties/main/den/shares/{secret}"), &den.ann, "");
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    assert_eq!(guest.closed().0, 4501);
    let id = other["id"].as_str().unwrap();
    assert_eq!(ask(&den.server, "DELETE", &format!("/parties/main/den/shares/{id}"), &den.ann, "").status, 204);
    assert_eq!(den.shares(), [] as [Value; 0]);
    for name in [secret.as_str(), id, "x", "..%2f..", ""] {
        let path = format!("/parties/main/den/shares/{name}");
        let status = if name.is_empty() { 405 } else { 404 };
        assert_eq!(ask(&den.server, "DELETE", &path, &den.ann, "").status, status, "{name}");
    }
}

#[test]
fn http19_neither_the_room_nor_its_storage_has_a_links_token() {
    let den = Den::new();
    let made = den.share(&json!({"role": "viewer"}));
    let (secret, id) = (made["token"].as_str().unwrap(), made["id"].as_str().unwrap());
    drop(enter(&den.server, &format!("share={secret}")));
    let mut found = false;
    for entry in fs::read_dir(den.server.directory.path().join("data")).unwrap() {
        let Ok(bytes) = fs::read(entry.unwrap().path()) else { continue };
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!has(secret));
        found |= has(id);
    }
    assert!(found, "the link is stored, by its digest");
    assert!(!den.server.log().contains(secret));
    // Who knows the digest has no link.
    let mut guest = enter(&den.server, &format!("share={id}"));
    guest.send(r#"{"type":"user:join","data":{}}"#);
    assert_eq!(guest.closed().0, 4501);
}

#[test]
fn http20_others_make_and_see_no_links() {
    let mut den = Den::new();
    let bob = token(&den.server, "bob");
    den.owner.send(r#"{"type":"member:role","data":{"userId":"bob","role":"editor"},"id":"r"}"#);
    den.owner.until(r#""type":"ack""#);
    let made = den.share(&json!({"role": "viewer"}));
    let one = format!("/parties/main/den/shares/{}", made["token"].as_str().unwrap());
    for (method, path) in [("GET", "/parties/main/den/shares"), ("POST", "/parties/main/den/shares"), ("DELETE", &one)]
    {
        let refused = |token: &str| code(&ask(&den.server, method, path, token, r#"{"role":"viewer"}"#));
        assert_eq!(refused(&bob), (403, "forbidden".into()), "{method}");
        assert_eq!(refused(""), (401, "token_required".into()), "{method}");
        assert_eq!(refused("not.a.token"), (401, "token_invalid".into()), "{method}");
        let nowhere = path.replace("den", "nowhere");
        let answer = code(&ask(&den.server, method, &nowhere, &den.ann, r#"{"role":"viewer"}"#));
        assert_eq!(answer, (404, "not_found".into()), "{method}");
    }
    assert_eq!(den.shares().len(), 1, "nothing was changed");
    assert_eq!(den.server.get("/parties/main/nowhere", "").status, 404, "and no room was made");
}

#[test]
fn http20_a_body_that_is_no_link_is_refused_with_its_reason() {
    let den = Den::new();
    let path = "/parties/main/den/shares";
    for (body, status, reason) in [
        ("", 400, "bad_body"),
        ("{}", 400, "bad_body"),
        ("[]", 400, "bad_body"),
        (r#"{"role":"king"}"#, 400, "bad_body"),
        (r#"{"role":"viewer","role":"editor"}"#, 400, "bad_body"),
        (r#"{"role":"viewer","expiresAt":"soon"}"#, 400, "bad_body"),
        (r#"{"role":"viewer","expiresAt":-1}"#, 400, "bad_body"),
        (r#"{"role":"viewer","expiresAt":1e300}"#, 400, "bad_body"),
        (r#"{"role":"viewer"} x"#, 400, "bad_body"),
        (r#"{"role":"viewer","expiresAt":1}"#, 400, "out_of_range"),
        (r#"{"role":"owner"}"#, 409, "conflict"),
        (&format!(r#"{{"role":"viewer","x":"{}"}}"#, "x".repeat(16 * 1024)), 413, "too_large"),
        (&"[".repeat(16_000), 400, "bad_body"),
    ] {
        let answer = ask(&den.server, "POST", path, &den.ann, body);
        assert_eq!(code(&answer), (status, reason.into()), "{}", &body[..body.len().min(80)]);
    }
    let mut slow = den.server.connect();
    let bearer = &den.ann;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {bearer}\r\nContent-Length: 9\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).unwrap();
    assert_eq!(code(&Answer::read(&mut slow)), (408, "timeout".into()));
    assert_eq!(slow.read(&mut [0]).unwrap(), 0, "and the connection ends");
    assert_eq!(den.shares(), [] as [Value; 0]);
    for _ in 0..100 {
        den.share(&json!({"role": "viewer"}));
    }
    let more = ask(&den.server, "POST", path, &den.ann, r#"{"role":"viewer"}"#);
    assert_eq!(code(&more), (409, "too_many".into()));
}

#[test]
fn http20_the_methods_are_told_and_pages_may_ask() {
    let server = Server::start(&[]);
    let page = "http://localhost:3000";
    for (path, methods) in
        [("/parties/main/den/shares", "GET, HEAD, POST, OPTIONS"), ("/party/den/shares/x", "DELETE, OPTIONS")]
    {
        let ask = |method: &str| {
            server.raw(format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: {page}\r\nConnection: close\r\n\r\n"
            ))
        };
        let preflight = ask("OPTIONS");
        assert_eq!((preflight.status, preflight.header("access-control-allow-methods")), (204, Some(methods)));
        assert_eq!(preflight.header("access-control-allow-origin"), Some(page));
        let wrong = ask("PATCH");
        assert_eq!((wrong.status, wrong.header("allow")), (405, Some(methods)));
    }
}

#[test]
fn http9_a_private_room_is_described_to_those_who_may_enter() {
    let den = Den::new();
    let secret = den.share(&json!({"role": "viewer"}))["token"].as_str().unwrap().to_owned();
    let bob = token(&den.server, "bob");
    let seen = |token: &str, query: &str| ask(&den.server, "GET", &format!("/parties/main/den{query}"), token, "");
    assert!(seen(&den.ann, "").body.contains(r#""isPublic":false"#));
    assert!(seen("", &format!("?share={secret}")).body.contains(r#""userCount":1"#));
    for (token, query) in [("", ""), (bob.as_str(), ""), ("", "?share=00000000000000000000000000000000")] {
        let answer = seen(token, query);
        assert_eq!(code(&answer), (403, "forbidden".into()));
        assert!(!answer.body.contains("userCount"));
    }
}

#[test]
fn asset1_only_those_who_may_edit_a_room_send_files_for_it() {
    let mut den = Den::new();
    let png = b"\x89PNG\r\n\x1a\nxxxx";
    let viewer = den.share(&json!({"role": "viewer"}))["token"].as_str().unwrap().to_owned();
    let editor = den.share(&json!({"role": "editor"}))["token"].as_str().unwrap().to_owned();
    let put = |den: &Den, query: &str| {
        let head = format!(
            "PUT /assets?room=den&_pk=g{query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            png.len()
        );
        code(&den.server.raw([head.as_bytes(), png].concat()))
    };
    assert_eq!(put(&den, ""), (403, "forbidden".into()));
    assert_eq!(put(&den, &format!("&share={viewer}")), (403, "forbidden".into()));
    assert_eq!(put(&den, &format!("&share={editor}")).0, 201);
    den.owner.send(r#"{"type":"room:update","data":{"locked":true},"id":"l"}"#);
    den.owner.until(r#""type":"ack""#);
    assert_eq!(put(&den, &format!("&share={editor}")), (403, "locked".into()));
    assert_eq!(put(&den, &format!("&token={}", den.ann)).0, 201);
}
