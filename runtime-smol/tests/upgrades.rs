//! Databases of earlier servers, as today's server takes them over. Each folder of `tests/upgrades/` has one, with what
//! its server had told of it.

#[path = "api/back_end.rs"]
#[allow(dead_code, reason = "each test file uses its own part")]
mod back_end;
mod common;
#[path = "upgrades/made.rs"]
mod made;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use back_end::{BackEnd, SECRET, picture};
use common::Server;
use common::commands::done;
use flate2::read::GzDecoder;
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Each scheme by its number, and the sum of its tables. A released one never changes: whoever changes the tables gives
/// the scheme a new number, has a new server bring older ones to it, and adds a line here and a folder to
/// `tests/upgrades/`.
const SCHEMES: [(i32, &str); 1] = [(1, "0d6fed38285af6a6")];

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrades");
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Makes a data directory of a folder.
fn unpack(folder: &Path, data: &Path) {
    fs::create_dir_all(data).unwrap();
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(folder.join("kanvas.db.gz")).unwrap()).read_to_end(&mut bytes).unwrap();
    fs::write(data.join("kanvas.db"), bytes).unwrap();
    for asset in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = asset.file_name().unwrap().to_str().unwrap().to_owned();
        if name.len() == 64 {
            let place = data.join("assets").join(&name[..2]);
            fs::create_dir_all(&place).unwrap();
            fs::copy(&asset, place.join(name)).unwrap();
        }
    }
}

fn scheme_of(database: &Path) -> (i32, String) {
    let database = Connection::open(database).unwrap();
    let scheme = database.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let mut statement = database.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
    let tables = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut sum = Sha256::new();
    tables.for_each(|table| sum.update(table.unwrap() + ";\n"));
    (scheme, sum.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// A server on this directory, whose data it is.
fn serve(directory: tempfile::TempDir) -> BackEnd {
    let (child, port) = Server::spawn(directory.path(), &["--admin-secret", SECRET]);
    BackEnd { server: Server { child, directory, port } }
}

/// The server tells of each room what the one that made it had told.
fn sees_all(api: &BackEnd, expected: &Value) {
    for (room, expected) in expected["rooms"].as_object().unwrap() {
        let document = api.get(&format!("/api/rooms/{room}/export"));
        for part in ["images", "chat", "members", "bans"] {
            let mut found = document[part].clone();
            for one in found.as_array_mut().unwrap() {
                // When somebody was banned, the server that did it had not told.
                if part == "bans" {
                    one.as_object_mut().unwrap().remove("at");
                }
            }
            assert_eq!(found, expected[part], "{room}: {part}");
        }
        for key in ["name", "isPublic", "locked"] {
            assert_eq!(document["room"][key], expected[key], "{room}: {key}");
        }
        let history = api.get(&format!("/api/rooms/{room}/history?limit=500"));
        let mut kinds = BTreeMap::new();
        for row in history["rows"].as_array().unwrap() {
            *kinds.entry(row["kind"].as_str().unwrap()).or_insert(0) += 1;
        }
        assert_eq!(json!(kinds), expected["history"], "{room}");
        if let Some(token) = expected["share"]["token"].as_str() {
            let mut guest = api.server.socket(&format!("/parties/main/{room}?share={token}&_pk=g"));
            guest.send(r#"{"type":"user:join","data":{"name":"Gil"}}"#);
            let role = format!(r#""role":{}"#, expected["share"]["role"]);
            assert!(guest.until(r#""type":"room:joined""#).contains(&role), "{room}");
        }
    }
    for room in expected["gone"].as_array().unwrap() {
        let room = room.as_str().unwrap();
        assert_eq!(api.ask("GET", &format!("/api/rooms/{room}"), &Value::Null).status, 404);
        let mut late = api.server.socket(&format!("/parties/main/{room}"));
        late.send(r#"{"type":"user:join","data":{}}"#);
        assert_eq!(late.closed().0, 4502, "{room} stays deleted");
    }
    for src in expected["assets"].as_array().unwrap() {
        let asset = api.server.raw(format!("HEAD {} HTTP/1.1\r\nHost: localhost\r\n\r\n", src.as_str().unwrap()));
        assert_eq!(asset.status, 200);
    }
}

/// A backup of the directory as it is has it all, too; it is brought to today's scheme where it is restored.
#[test]
fn upgrade1_every_released_database_is_taken_over_and_goes_on() {
    let folders = folders();
    let (newest, _) = SCHEMES[SCHEMES.len() - 1];
    let mut seen = BTreeSet::new();
    for folder in &folders {
        let expected: Value = serde_json::from_slice(&fs::read(folder.join("told.json")).unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("old");
        unpack(folder, &data);
        seen.insert(scheme_of(&data.join("kanvas.db")).0);
        done(directory.path(), &["backup", "b.tar", "--data", "old"]);
        done(directory.path(), &["restore", "b.tar", "--data", "data"]);
        let mut api = serve(directory);
        sees_all(&api, &expected);
        for (room, expected) in expected["rooms"].as_object().unwrap() {
            let rows: u64 = expected["history"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
            let event = json!({"type": "image:add", "data": picture("added-today", 5)});
            let told = api.told(200, "POST", &format!("/api/rooms/{room}/events"), &event);
            assert_eq!(told["seq"], rows + 1, "{room}: it goes on where it was");
        }
        api.server.signal("KILL");
        api.server.child.wait().unwrap();
        let (child, port) = Server::spawn(api.server.directory.path(), &["--admin-secret", SECRET]);
        (api.server.child, api.server.port) = (child, port);
        for room in expected["rooms"].as_object().unwrap().keys() {
            assert!(api.images(room).contains(&"added-today".to_owned()), "{room}");
        }
        api.server.signal("TERM");
        assert_eq!(api.server.wait(Duration::from_secs(20)), Some(0));
        let (scheme, tables) = scheme_of(&api.server.directory.path().join("data/kanvas.db"));
        assert_eq!((scheme, tables.as_str()), SCHEMES[SCHEMES.len() - 1], "{}", folder.display());
    }
    assert_eq!(seen, (1..=newest).collect(), "each scheme that was released has its folder");
}

#[test]
fn upgrade2_the_tables_change_with_a_new_number_alone() {
    let server = Server::start(&[]);
    let made = scheme_of(&server.directory.path().join("data/kanvas.db"));
    let known = SCHEMES.iter().find(|(scheme, _)| *scheme == made.0);
    let known = known
        .unwrap_or_else(|| panic!("scheme {} is new: add ({}, {:?}) to SCHEMES, and a folder", made.0, made.0, made.1));
    assert_eq!(
        made.1, known.1,
        "the tables of scheme {} have changed: give the scheme a new number in store/sql.rs, and bring older ones to it",
        made.0
    );
    let numbers: Vec<_> = SCHEMES.iter().map(|(scheme, _)| *scheme).collect();
    assert_eq!(numbers, Vec::from_iter(1..=made.0));
}
