//! Rooms as documents by the built program: written beside a server, read where none runs.

#[path = "api/back_end.rs"]
#[allow(dead_code, reason = "each test file uses its own part")]
mod back_end;
mod common;

use std::fs;
use std::path::Path;

use back_end::{BackEnd, picture};
use common::commands::{Told, done, refused, tell};
use rusqlite::Connection;
use serde_json::{Value, json};

impl BackEnd {
    fn path(&self) -> &Path {
        self.server.directory.path()
    }

    fn document(&self, room: &str) -> String {
        self.ask("GET", &format!("/api/rooms/{room}/export"), &Value::Null).body
    }

    fn stop(&mut self) {
        self.server.signal("TERM");
        assert_eq!(self.server.wait(std::time::Duration::from_secs(20)), Some(0));
    }

    fn start_again(&mut self) {
        self.server.restart_shipped(&["--admin-secret", back_end::SECRET]);
    }

    /// A room with some of everything.
    fn furnish(&self, room: &str) {
        self.told(
            201,
            "POST",
            "/api/rooms",
            &json!({"id": room, "name": "Summer plans", "isPublic": false, "owner": "user_1"}),
        );
        self.add(room, "a", 1);
        self.add(room, "b", 2);
        let said = json!({"type": "chat:message", "data": {"text": "Hello \u{1f30a}"}});
        self.told(200, "POST", &format!("/api/rooms/{room}/events"), &said);
        self.told(200, "PUT", &format!("/api/rooms/{room}/members/user_2"), &json!({"role": "viewer"}));
        self.told(200, "POST", &format!("/api/rooms/{room}/members/user_3/ban"), &Value::Null);
    }
}

/// A document without the time of the last change, which a room that runs knows better than what is stored of it.
fn timeless(document: &str) -> Value {
    let mut document: Value = serde_json::from_str(document).unwrap();
    assert!(document["room"].as_object_mut().unwrap().remove("lastActivity").is_some());
    document
}

/// What a command refused, a sentence each.
fn refusals(directory: &Path, args: &[&str]) -> Vec<String> {
    let Told { code, out, errors } = tell(directory, args);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{errors}");
    let sentences: Vec<_> = errors.lines().map(str::to_owned).collect();
    assert!(sentences.iter().all(|said| said.starts_with("kanvas: ") && said.ends_with('.')), "{errors}");
    sentences
}

#[test]
fn carry1_an_export_is_what_the_api_gives() {
    let mut api = BackEnd::start_shipped();
    api.furnish("plan");
    let (live, stored) = (api.document("plan"), done(api.path(), &["export", "plan", "--data", "data"]));
    assert_eq!(timeless(&live), timeless(&stored));
    assert_eq!(timeless(&live)["members"].as_array().unwrap().len(), 2, "{live}");
    // A server that is started anew knows no more than what is stored, and writes it byte for byte the same.
    api.kill_and_start();
    assert_eq!(format!("{}\n", api.document("plan")), done(api.path(), &["export", "plan", "--data", "data"]));
    api.stop();
    assert_eq!(timeless(&live), timeless(&done(api.path(), &["export", "plan", "--data", "data"])));
    let said = refused(api.path(), &["export", "plans", "--data", "data"]);
    assert_eq!(said, "kanvas: there is no room plans in data.");
    let said = refused(api.path(), &["export", "plan", "--data", "nowhere"]);
    assert!(said.contains("there is no database nowhere/kanvas.db"), "{said}");
    assert_eq!(tell(api.path(), &["export", "--data", "data"]).code, Some(2));
}

#[test]
fn carry2_all_rooms_are_written_a_line_each_and_a_damaged_one_is_told() {
    let mut api = BackEnd::start_shipped();
    for room in ["b", "a", "c", "gone"] {
        api.make(room);
        api.add(room, "x", 1);
    }
    api.told(204, "DELETE", "/api/rooms/gone", &Value::Null);
    let lines = done(api.path(), &["export", "--all", "--data", "data"]);
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["room"]["id"].as_str().unwrap().to_owned();
    assert_eq!(lines.lines().map(id).collect::<Vec<_>>(), ["a", "b", "c"]);
    api.stop();
    let database = Connection::open(api.path().join("data/kanvas.db")).unwrap();
    database.execute("UPDATE log SET body = 'nonsense' WHERE room = 'b'", []).unwrap();
    database.execute("UPDATE rooms SET record = x'00' WHERE room = 'b'", []).unwrap();
    drop(database);
    let told = tell(api.path(), &["export", "--all", "--data", "data"]);
    assert_eq!(told.code, Some(1));
    assert_eq!(told.errors, "kanvas: the room b is damaged and is not exported; restore it from a backup.\n");
    assert_eq!(told.out.lines().map(id).collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn carry3_an_export_overwrites_nothing() {
    let api = BackEnd::start();
    api.furnish("plan");
    assert_eq!(done(api.path(), &["export", "--all", "--data", "data", "-o", "rooms.jsonl"]), "rooms.jsonl: 1 room.\n");
    let written = fs::read_to_string(api.path().join("rooms.jsonl")).unwrap();
    assert_eq!(written, done(api.path(), &["export", "plan", "--data", "data"]));
    let said = refused(api.path(), &["export", "--all", "--data", "data", "-o", "rooms.jsonl"]);
    assert!(said.contains("rooms.jsonl is there already"), "{said}");
    let said = refused(api.path(), &["export", "plan", "--data", "data", "-o", "no/folder"]);
    assert!(said.contains("no/folder cannot be written"), "{said}");
    refused(api.path(), &["export", "plans", "--data", "data", "-o", "other.json"]);
    let left: Vec<_> = fs::read_dir(api.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn carry4_what_is_imported_is_there_and_can_be_edited() {
    let mut api = BackEnd::start_shipped();
    api.furnish("plan");
    api.furnish("other");
    done(api.path(), &["export", "--all", "--data", "data", "-o", "rooms.jsonl"]);
    let written = fs::read_to_string(api.path().join("rooms.jsonl")).unwrap();
    api.stop();
    assert_eq!(done(api.path(), &["import", "rooms.jsonl", "--data", "new"]), "new: 2 rooms imported.\n");
    assert_eq!(done(api.path(), &["export", "--all", "--data", "new"]), written);
    fs::rename(api.path().join("data"), api.path().join("old")).unwrap();
    fs::rename(api.path().join("new"), api.path().join("data")).unwrap();
    api.start_again();
    assert_eq!(api.images("plan"), ["a", "b"]);
    assert_eq!(format!("{}\n{}\n", api.document("other"), api.document("plan")), written);
    let listed = api.get("/api/rooms");
    assert_eq!(listed["rooms"].as_array().unwrap().len(), 2, "{listed}");
    api.add("plan", "c", 3);
    assert_eq!(api.images("plan"), ["a", "b", "c"]);
    api.kill_and_start();
    assert_eq!(api.images("plan"), ["a", "b", "c"], "it is durable");
}

#[test]
fn carry5_beside_a_server_nothing_is_imported() {
    let api = BackEnd::start();
    api.furnish("plan");
    done(api.path(), &["export", "plan", "--data", "data", "-o", "plan.json"]);
    let said = refused(api.path(), &["import", "plan.json", "--data", "data", "--as", "copy"]);
    assert!(said.contains("a Kanvas server runs on") && said.contains("PUT /api/rooms/ROOM/import"), "{said}");
    let listed = api.get("/api/rooms");
    assert_eq!(listed["rooms"].as_array().unwrap().len(), 1, "{listed}");
}

#[test]
fn carry6_all_documents_are_imported_or_none_and_each_mistake_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let room = |id: &str, images: Value| json!({"version": 1, "room": {"id": id}, "images": images}).to_string();
    let good = room("good", json!([picture("a", 1)]));
    let mut image = picture("b", 1);
    image["src"] = "javascript:alert(1)".into();
    let bad = room("bad", json!([picture("a", 1), image]));
    let strange = json!({"version": 1, "room": {"id": "strange", "colour": "red"}}).to_string();
    let nameless = json!({"version": 1, "room": {"name": "No id"}}).to_string();
    let unnamed = room("not a name", json!([]));
    let newer = json!({"version": 9, "room": {"id": "newer"}}).to_string();
    let lines = [&good, &bad, &strange, &good, &nameless, &unnamed, &newer].map(String::as_str).join("\n");
    fs::write(path.join("rooms.jsonl"), format!("{lines}\n{{\"version\"")).unwrap();
    let said = refusals(path, &["import", "rooms.jsonl", "--data", "data"]);
    for (said, expected) in said.iter().zip([
        "rooms.jsonl, document 2 (room bad): At images[1]: ",
        "rooms.jsonl, document 3 (room strange): At room.colour: ",
        "rooms.jsonl, document 4 (room good): there is one of this room before it.",
        "rooms.jsonl, document 5: it does not say the room's id; give one with --as.",
        "rooms.jsonl, document 6: \"not a name\" is no id of a room; give one with --as.",
        "rooms.jsonl, document 7 (room newer): At version: ",
        "rooms.jsonl cannot be read from document 8 on: it is no JSON (",
        "nothing was imported; data is as it was.",
    ]) {
        assert!(said.starts_with(&format!("kanvas: {expected}")), "{said}\n{expected}");
    }
    assert_eq!(said.len(), 8, "{said:?}");
    assert_eq!(done(path, &["export", "--all", "--data", "data"]), "");

    fs::write(path.join("good.json"), &good).unwrap();
    done(path, &["import", "good.json", "--data", "data"]);
    fs::write(path.join("empty"), "").unwrap();
    for (args, expected) in [
        (&["import", "empty", "--data", "data"][..], "empty is empty"),
        (&["import", "rooms.jsonl", "--data", "data", "--as", "one"], "--as is for one document"),
    ] {
        let said = refusals(path, args);
        assert!(said.iter().any(|said| said.contains(expected)), "{said:?}");
    }
    assert_eq!(done(path, &["export", "--all", "--data", "data"]).lines().count(), 1);
    assert!(refused(path, &["import", "gone.json", "--data", "data"]).contains("gone.json cannot be read"));
}

/// What a room may have hangs on the settings of the server that is to have it.
#[test]
fn carry6_a_document_is_judged_by_the_servers_settings() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let images: Vec<_> = (0..3).map(|no| picture(&format!("i{no}"), no)).collect();
    fs::write(path.join("plan.json"), json!({"version": 1, "room": {"id": "plan"}, "images": images}).to_string())
        .unwrap();
    let said = refusals(path, &["import", "plan.json", "--data", "data", "--room-images", "2"]);
    assert!(said[0].starts_with("kanvas: plan.json, document 1 (room plan): At images[2]: "), "{said:?}");
    fs::write(path.join("kanvas.toml"), "room-images = 2\n").unwrap();
    assert_eq!(refusals(path, &["import", "plan.json", "--data", "data"]).len(), 2);
    done(path, &["import", "plan.json", "--data", "data", "--room-images", "3"]);
}

#[test]
fn carry7_a_room_that_is_there_is_replaced_only_if_that_was_said() {
    let mut api = BackEnd::start_shipped();
    api.furnish("plan");
    api.make("gone");
    api.add("gone", "old", 1);
    done(api.path(), &["export", "gone", "--data", "data", "-o", "gone.json"]);
    api.told(204, "DELETE", "/api/rooms/gone", &Value::Null);
    done(api.path(), &["export", "plan", "--data", "data", "-o", "plan.json"]);
    api.add("plan", "c", 3);
    api.stop();
    let before = done(api.path(), &["export", "--all", "--data", "data"]);
    let said = refusals(api.path(), &["import", "plan.json", "--data", "data"]);
    assert!(
        said[0].contains("document 1 (room plan): there is such a room already; --replace replaces it"),
        "{said:?}"
    );
    assert_eq!(done(api.path(), &["export", "--all", "--data", "data"]), before);
    done(api.path(), &["import", "plan.json", "--data", "data", "--as", "copy"]);
    done(api.path(), &["import", "plan.json", "--data", "data", "--replace"]);
    done(api.path(), &["import", "gone.json", "--data", "data"]);
    api.start_again();
    for (room, images) in [("plan", ["a", "b"].as_slice()), ("copy", &["a", "b"]), ("gone", &["old"])] {
        assert_eq!(api.images(room), images, "{room}");
    }
}
