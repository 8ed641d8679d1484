//! Makes a folder of `tests/upgrades/` with the server that `KANVAS_BIN` names, by what servers of every age understand.
//! Run by hand, once for each released scheme; `tests/upgrades/README.md` says how.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::Connection;
use rusqlite::backup::Backup;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::{Answer, CLOSE, Server, Socket, quiet, shipped};

/// Enough for a snapshot.
const MOVES: u32 = 260;
/// A picture of one pixel.
const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\
    \xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";

/// What the server understands, by how old it is: each can what those before can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    /// Rooms, images, chat.
    Rooms,
    /// Image files.
    Assets,
    /// Tokens, roles, links.
    Rights,
    /// Rooms that are deleted.
    List,
}

fn age() -> Age {
    match std::env::var("KANVAS_FIXTURE_AGE").as_deref() {
        Ok("rooms") => Age::Rooms,
        Ok("assets") => Age::Assets,
        Ok("rights") => Age::Rights,
        _ => Age::List,
    }
}

/// Does something and waits until it is stored.
fn act(socket: &mut Socket, id: &str, kind: &str, data: &Value) {
    socket.send(&json!({"type": kind, "id": id, "data": data}).to_string());
    loop {
        let (first, payload) = socket.receive().expect("the socket stays open");
        assert_ne!(first, CLOSE, "{kind}");
        let told: Value = serde_json::from_slice(&payload).unwrap_or_default();
        assert!(told["type"] != "error", "{kind}: {told}");
        if told["type"] == "ack" {
            return;
        }
    }
}

fn image(id: &str, src: &str, x: f64) -> Value {
    json!({"id": id, "src": src, "x": x, "y": -2.5, "width": 300, "height": 200.125})
}

fn token(server: &Server, sub: &str) -> String {
    let data = server.directory.path().join("data");
    let output = quiet(&shipped()).args(["token", "--sub", sub, "--data"]).arg(data).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn ask(server: &Server, method: &str, path: &str, token: &str, body: &[u8]) -> Answer {
    let mut stream = server.connect();
    let bearer = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    stream.write_all(body).unwrap();
    Answer::read(&mut stream)
}

/// What the server tells somebody who comes.
fn told(server: &Server, path: &str) -> Value {
    let mut socket = server.socket(path);
    socket.send(r#"{"type":"user:join","data":{"name":"Looker"}}"#);
    let sync: Value = serde_json::from_str(&socket.until(r#""type":"state:sync""#)).unwrap();
    let chat = sync["data"]["chat"].as_array().unwrap().iter().map(|said| {
        let of = |key: &str| said[key].clone();
        json!({"userId": of("userId"), "name": of("name"), "color": of("color"), "text": of("text"), "timestamp": of("timestamp")})
    });
    json!({"images": sync["data"]["images"], "chat": chat.collect::<Vec<_>>()})
}

/// The folder that `KANVAS_FIXTURE` names.
#[test]
#[ignore = "it is run by hand, with the server of a release"]
fn make_a_folder() {
    let folder = PathBuf::from(std::env::var_os("KANVAS_FIXTURE").expect("KANVAS_FIXTURE names a folder"));
    fs::create_dir_all(&folder).unwrap();
    let age = age();
    let mut server = Server::start_shipped(&[]);
    let ann = if age >= Age::Rights { format!("&token={}", token(&server, "user_ann")) } else { String::new() };
    let plan = format!("/parties/main/plan?_pk=ann{ann}");
    let mut owner = server.socket(&plan);
    owner.join("Ann");
    let mut history = BTreeMap::new();
    let mut does = |owner: &mut Socket, kind: &'static str, data: Value| {
        *history.entry(kind).or_insert(0) += 1;
        act(owner, &format!("op{}", history.values().sum::<u32>()), kind, &data);
    };
    does(&mut owner, "image:add", image("a", "https://example.com/a.png", 0.1));
    does(&mut owner, "image:add", image("b", "https://example.com/b.png", 2.0));
    does(&mut owner, "image:add", image("c", "https://example.com/c.png", 3.0));
    does(&mut owner, "image:transform", json!({"id": "b", "x": 77.7, "rotation": 30}));
    does(&mut owner, "image:remove", json!({"id": "c"}));
    does(&mut owner, "chat:message", json!({"text": "Grüße \u{1f30a}"}));
    let mut assets = Vec::new();
    if age >= Age::Assets {
        let put = ask(&server, "PUT", "/assets?room=plan&_pk=ann", ann.trim_start_matches("&token="), PNG);
        assert_eq!(put.status, 201, "{put:?}");
        let name: String = Sha256::digest(PNG).iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(folder.join(&name), PNG).unwrap();
        let src = format!("/assets/{name}");
        does(&mut owner, "image:add", image("d", &src, 4.0));
        assets.push(src);
    }
    does(&mut owner, "image:transform", json!({"id": "a", "y": 1e6}));
    let mut room = json!({"name": "plan", "isPublic": true, "locked": false, "members": [], "bans": []});
    if age >= Age::Rights {
        does(&mut owner, "room:update", json!({"name": "Pläne", "isPublic": false}));
        does(&mut owner, "member:role", json!({"userId": "user_bob", "role": "viewer"}));
        does(&mut owner, "member:ban", json!({"userId": "user_eve"}));
        let bearer = ann.trim_start_matches("&token=").to_owned();
        let shared = ask(&server, "POST", "/parties/main/plan/shares", &bearer, br#"{"role":"editor"}"#);
        assert_eq!(shared.status, 201, "{shared:?}");
        let share: Value = serde_json::from_str(&shared.body).unwrap();
        room = json!({
            "name": "Pläne", "isPublic": false, "locked": false,
            "members": [{"userId": "user_ann", "role": "owner"}, {"userId": "user_bob", "role": "viewer"}],
            "bans": [{"userId": "user_eve"}],
            "share": {"token": share["token"], "role": share["role"]},
        });
    }
    room["history"] = json!(history);
    let seen = told(&server, &plan);
    for part in ["images", "chat"] {
        room[part] = seen[part].clone();
    }
    let mut other = server.joined("open", "bob");
    act(&mut other, "op", "image:add", &image("x", "https://example.com/x.png", 1.0));
    act(&mut other, "said", "chat:message", &json!({"text": "Before the snapshot"}));
    // A room makes a snapshot of 256 events; what follows is in its log alone.
    for no in 0..MOVES {
        act(&mut other, &format!("op{no}"), "image:transform", &json!({"id": "x", "x": no}));
        std::thread::sleep(Duration::from_millis(20));
    }
    act(&mut other, "again", "image:add", &image("y", "https://example.com/y.png", 1.0));
    let mut open = told(&server, "/parties/main/open?_pk=bob");
    for (key, value) in [("name", json!("open")), ("isPublic", json!(true)), ("locked", json!(false))] {
        open[key] = value;
    }
    (open["members"], open["bans"], open["history"]) =
        (json!([]), json!([]), json!({"image:add": 2, "image:transform": MOVES, "chat:message": 1}));
    let mut gone = Vec::new();
    if age >= Age::List {
        let mut owner = server.socket(&format!("/parties/main/gone?_pk=ann{ann}"));
        owner.join("Ann");
        act(&mut owner, "one", "image:add", &image("x", "https://example.com/x.png", 1.0));
        let deleted = ask(&server, "DELETE", "/parties/registry/all/gone", ann.trim_start_matches("&token="), b"");
        assert_eq!(deleted.status, 204, "{deleted:?}");
        gone.push("gone");
    }
    server.signal("KILL");
    server.child.wait().unwrap();
    let told = json!({"rooms": {"plan": room, "open": open}, "gone": gone, "assets": assets});
    fs::write(folder.join("told.json"), serde_json::to_string_pretty(&told).unwrap() + "\n").unwrap();
    // One file, with what is in the log.
    let source = Connection::open(server.directory.path().join("data/kanvas.db")).unwrap();
    let copy = server.directory.path().join("copy.db");
    let mut target = Connection::open(&copy).unwrap();
    Backup::new(&source, &mut target).unwrap().run_to_completion(1000, Duration::ZERO, None).unwrap();
    target.close().unwrap();
    let mut packed = GzEncoder::new(fs::File::create(folder.join("kanvas.db.gz")).unwrap(), Compression::best());
    packed.write_all(&fs::read(copy).unwrap()).unwrap();
    packed.finish().unwrap();
}
