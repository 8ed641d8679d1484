//! `kanvas record` and `kanvas replay`, against the built server.

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use common::{Server, kanvas};
use serde_json::Value;

const SECRET: &str = "a-secret-of-the-operator";

fn server() -> Server {
    Server::start(&["--admin-secret", SECRET])
}

/// The command that records a room of a server.
fn record(server: &Server, args: &[&str]) -> std::process::Command {
    let mut command = kanvas();
    command.env("KANVAS_ADMIN_SECRET", SECRET).current_dir(server.directory.path());
    command.args(["record", "--server", &format!("http://127.0.0.1:{}", server.port)]).args(args);
    command
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn replay(file: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    said(&kanvas().arg("replay").arg(file).args(args).output().unwrap())
}

/// Records a room in which somebody draws until there is a signal.
fn recorded(server: &Server) -> PathBuf {
    let mut ann = server.joined("plan", "Annabel");
    let mut recording =
        record(server, &["--room", "plan"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(recording.stderr.take().unwrap()).lines();
    let began = lines.next().unwrap().unwrap();
    assert_eq!(began, "kanvas: recording plan for 10m; Ctrl-C ends it");
    for no in 0..5 {
        let image = r#"{"src":"https://example.com/a.png","x":1,"y":2,"width":30,"height":40,"id":"#;
        ann.send(&format!(r#"{{"type":"image:add","data":{image}"image-{no}"}},"id":"o{no}"}}"#));
        ann.until(&format!("o{no}"));
    }
    let killed = std::process::Command::new("kill").args(["-INT", &recording.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = recording.wait_with_output().unwrap();
    let (code, report, _) = said(&output);
    assert_eq!(code, Some(0), "{report}");
    assert!(report.starts_with("plan: ") && report.contains("in plan.kanvas.\n"), "{report}");
    assert!(report.ends_with("Play it: kanvas replay plan.kanvas\n"), "{report}");
    server.directory.path().join("plan.kanvas")
}

#[test]
fn rec10_a_room_is_recorded_until_a_signal_comes_and_the_server_keeps_nothing() {
    let server = server();
    let file = recorded(&server);
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let bearer = format!("Authorization: Bearer {SECRET}\r\n");
    assert_eq!(server.get("/api/rooms/plan/recording", &bearer).status, 404);
    // What is there is not written over, and nothing is recorded in vain.
    let before = std::fs::read(&file).unwrap();
    let (code, _, why) = said(&record(&server, &["--room", "plan"]).output().unwrap());
    assert_eq!((code, &*why), (Some(1), "kanvas: plan.kanvas is there already; choose another --out.\n"));
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(server.get("/api/rooms/plan/recording", &bearer).status, 404);
}

#[test]
fn rec10_it_ends_when_the_time_is_over_or_the_room_is_gone() {
    let server = server();
    drop(server.joined("plan", "Ann"));
    let (code, report, _) =
        said(&record(&server, &["--room", "plan", "--for", "1s", "--out", "one"]).output().unwrap());
    assert_eq!(code, Some(0), "{report}");
    let mut recording = record(&server, &["--room", "plan", "--out", "two"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(recording.stderr.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("recording plan"));
    let delete = format!(
        "DELETE /api/rooms/plan HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(server.raw(delete).status, 204);
    let (code, report, _) = said(&recording.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("It ended early: the room was deleted, or its server gave it up.\n"), "{report}");
    assert_eq!(replay(&server.directory.path().join("two"), &[]).0, Some(0));
}

#[test]
fn rec10_why_there_is_no_recording_is_said_in_a_sentence() {
    let server = server();
    let (code, _, why) = said(&record(&server, &["--room", "none"]).output().unwrap());
    assert_eq!(code, Some(1));
    assert_eq!(why, format!("kanvas: http://127.0.0.1:{} says: There is no such room.\n", server.port));
    let (code, _, why) =
        said(&record(&server, &["--room", "none"]).env("KANVAS_ADMIN_SECRET", "x".repeat(16)).output().unwrap());
    assert_eq!(code, Some(1));
    assert!(why.ends_with(" says: Send the server's admin secret as Authorization: Bearer.\n"), "{why}");
    let (code, _, why) =
        said(&record(&server, &["--room", "none"]).env_remove("KANVAS_ADMIN_SECRET").output().unwrap());
    assert_eq!(
        (code, &*why),
        (Some(2), "kanvas: the server's admin secret is needed; give it as KANVAS_ADMIN_SECRET.\n")
    );
    for wrong in [
        &["--room", "a b"][..],
        &[],
        &["--room", "a", "--for", "0s"],
        &["--room", "a", "--for", "2h"],
        &["--room", "a", "--server", "x"],
    ] {
        assert_eq!(said(&record(&server, wrong).output().unwrap()).0, Some(2), "{wrong:?}");
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut nowhere = kanvas();
    nowhere.env("KANVAS_ADMIN_SECRET", SECRET).args(["record", "--room", "a", "--server", &format!("http://{free}")]);
    let (code, _, why) = said(&nowhere.output().unwrap());
    assert_eq!(
        (code, why),
        (Some(1), format!("kanvas: http://{free} cannot be reached (connection refused); check --server.\n"))
    );
}

#[test]
fn rec11_a_recording_is_played_and_its_moments_are_shown() {
    let server = server();
    let file = recorded(&server);
    let (code, report, why) = replay(&file, &[]);
    assert_eq!((code, &*why), (Some(0), ""), "{report}");
    assert!(report.starts_with("Room plan, recorded by Kanvas "), "{report}");
    assert!(report.ends_with("says the same bytes to every input.\n"), "{report}");
    let told = |args: &[&str]| -> Value {
        let (code, report, _) = replay(&file, &[args, &["--json"]].concat());
        assert_eq!(code, Some(0), "{report}");
        serde_json::from_str(&report).unwrap()
    };
    let end = told(&[]);
    assert_eq!((&end["room"], &end["redacted"], &end["ended"]), (&"plan".into(), &true.into(), &"stopped".into()));
    assert_eq!(
        (&end["differs"], &end["moment"]["images"], &end["kinds"]["message"]),
        (&Value::Null, &5.into(), &5.into())
    );
    let beginning = told(&["--at", "0"]);
    assert_eq!((&beginning["moment"]["images"], &beginning["moment"]["heard"]), (&0.into(), &Value::Null));
    let first = told(&["--at", "1"]);
    assert_eq!((&first["moment"]["heard"]["kind"], &first["moment"]["images"]), (&"message".into(), &1.into()));
    assert_eq!((&first["moment"]["durable"], &first["moment"]["head"]), (&beginning["moment"]["head"], &1.into()));
    assert!(
        first["moment"]["said"]
            .as_array()
            .unwrap()
            .iter()
            .any(|line| line.as_str().unwrap().starts_with("store up to 1"))
    );
    assert_eq!(told(&["--at", "1h"])["moment"], end["moment"]);
    assert_eq!(told(&["--at", "0.0s"])["moment"]["at"], 0);
    assert_eq!(told(&["--at", &end["inputs"].to_string()])["moment"], end["moment"]);
    let (code, _, why) = replay(&file, &["--at", "1000000"]);
    assert!(code == Some(2) && why.starts_with("kanvas: --at: the recording has "), "{why}");
    for wrong in ["-1", "x", "1.5", ""] {
        assert_eq!(replay(&file, &["--at", wrong]).0, Some(2), "{wrong}");
    }
}

#[test]
fn rec11_where_a_room_differs_is_told_and_what_is_no_recording_is_refused() {
    let server = server();
    let file = recorded(&server);
    let bytes = std::fs::read(&file).unwrap();
    let other = server.directory.path().join("other");
    // The fingerprint of what was said to the last input stands before the end.
    let mut wrong = bytes.clone();
    let place = wrong.len() - 3;
    wrong[place] ^= 1;
    std::fs::write(&other, &wrong).unwrap();
    let (code, report, _) = replay(&other, &["--json"]);
    let told: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (code, &told["differs"]["input"], &told["differs"]["silent"]),
        (Some(1), &told["inputs"], &false.into())
    );
    let (code, report, _) = replay(&other, &[]);
    let words = format!("says something else from input {} on", told["inputs"]);
    assert!(code == Some(1) && report.contains(&words), "{report}");
    for (bytes, words) in [
        (&b"{}"[..], "this is no recording of a room"),
        (&bytes[..bytes.len() / 2], "this recording is damaged, or only a part of one"),
        (b"kanvas recording 2\n", "this recording was made by another version of Kanvas"),
    ] {
        std::fs::write(&other, bytes).unwrap();
        let (code, report, why) = replay(&other, &[]);
        assert_eq!((code, &*report), (Some(2), ""), "{why}");
        assert!(why.starts_with("kanvas: ") && why.contains(words), "{why}");
    }
    let (code, _, why) = replay(&server.directory.path().join("none"), &[]);
    assert!(code == Some(2) && why.ends_with("cannot be read (no such file or directory).\n"), "{why}");
}
