//! `kanvas doctor`: what is planted is found, and told with what to do; what it looks at stays as it was.

#[path = "../common/mod.rs"]
mod common;
mod keys;
mod places;
mod storage;
#[path = "../signin/stub.rs"]
#[allow(dead_code, reason = "it is shared with the tests of signing in")]
mod stub;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use common::{Server, kanvas};
use kanvas_core::auth::SigningKey;
use serde_json::Value;
use stub::{Does, Stub, jwks};
use tempfile::TempDir;

/// The publishable key of an instance whose issuer is this.
const INSTANCE: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k";
const ISSUER: &str = "https://clerk.example.com";
const ADMIN: &str = "0123456789abcdefghijklmn";

/// What it said.
struct Report {
    code: Option<i32>,
    whole: Value,
    text: String,
}

impl Report {
    fn of(command: &mut Command) -> Report {
        let output = command.arg("--json").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(told, "", "{text}");
        let whole = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        Report { code: output.status.code(), whole, text }
    }

    /// Each finding of this thing: verdict and sentence, with what to do behind it.
    fn about(&self, about: &str) -> Vec<(String, String)> {
        let checks = self.whole["checks"].as_array().unwrap();
        let text = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
        let ours = checks.iter().filter(|check| check["about"] == about);
        ours.map(|check| (text(check, "verdict"), format!("{} -> {}", text(check, "says"), text(check, "do"))))
            .collect()
    }

    fn has(&self, verdict: &str, about: &str, words: &str) {
        let found = self.about(about);
        assert!(
            found.iter().any(|(one, says)| one == verdict && says.contains(words)),
            "{verdict} {words}: {}",
            self.text
        );
    }

    fn is_good(&self) {
        assert_eq!(
            (self.code, &self.whole["ok"], &self.whole["problems"]),
            (Some(0), &true.into(), &0.into()),
            "{}",
            self.text
        );
    }

    fn is_bad(&self) {
        assert_eq!((self.code, &self.whole["ok"]), (Some(1), &false.into()), "{}", self.text);
    }
}

/// `kanvas doctor` in a directory, on a free port.
fn doctor_in(directory: &Path) -> Command {
    let mut command = kanvas();
    command.current_dir(directory).arg("doctor").env("KANVAS_LISTEN", "127.0.0.1:0");
    command
}

/// A server with sign-in whose keys are there.
fn signing_in(directory: &Path, keys: &Stub) -> Command {
    let mut command = doctor_in(directory);
    command
        .args(["--clerk-publishable-key", INSTANCE, "--clerk-jwks-url", &keys.url])
        .args(["--public-url", "https://kanvas.example.com", "--trusted-proxies", "10.0.0.7"])
        .args(["--clerk-authorized-parties", "https://app.example.com"])
        .env("KANVAS_ADMIN_SECRET", ADMIN);
    command
}

fn key() -> SigningKey {
    SigningKey::from_pem(include_str!("../../../core/tests/keys/test-only-a.pem"), "key-a").unwrap()
}

/// Keys, from a server whose clock is so many seconds ahead.
fn keys_at(ahead: i64) -> Does {
    let now = SystemTime::now();
    let shift = Duration::from_secs(ahead.unsigned_abs());
    let date = httpdate::fmt_http_date(if ahead < 0 { now - shift } else { now + shift });
    let Does::Says(answer) = jwks(&[&key()]) else { panic!("it says something") };
    Does::Says(answer.replacen("\r\n", &format!("\r\nDate: {date}\r\n"), 1))
}

/// Every file below a directory: path, length, content.
fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

/// A data directory with a room in it, as an orderly stop or a kill left it.
fn used_directory(signal: &str) -> TempDir {
    let mut server = Server::start(&[]);
    let mut socket = server.joined("plan", "ann");
    for no in 0..4 {
        let image = format!(r#"{{"id":"i{no}","src":"https://example.com/a.png","x":1,"y":2,"width":3,"height":4}}"#);
        socket.send(&format!(r#"{{"type":"image:add","data":{image},"id":"k{no}"}}"#));
        socket.until(r#""type":"ack""#);
    }
    server.signal(signal);
    server.wait(Duration::from_secs(10));
    drop(socket);
    let aside = tempfile::tempdir().unwrap();
    std::mem::replace(&mut server.directory, aside)
}

#[test]
fn doctor1_a_sound_server_is_told_in_lines_and_in_json() {
    let directory = tempfile::tempdir().unwrap();
    let output = doctor_in(directory.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()), "{text}");
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
    let (summary, lines) = lines.split_last().unwrap();
    assert!(summary.starts_with("No problem, "), "{summary}");
    let report = Report::of(&mut doctor_in(directory.path()));
    report.is_good();
    let checks = report.whole["checks"].as_array().unwrap();
    let heads: Vec<_> = lines.iter().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(heads.len(), checks.len(), "{text}");
    for (line, check) in heads.iter().zip(checks) {
        let starts = format!("{:7}  {}", check["verdict"].as_str().unwrap(), check["about"].as_str().unwrap());
        assert!(line.starts_with(&starts) && line.ends_with('.'), "{line}");
        assert_eq!(check["verdict"] == "ok", check["do"].is_null(), "{check}");
    }
    for about in [
        "version",
        "settings",
        "sign-in",
        "keys",
        "data",
        "disk",
        "database",
        "address",
        "open files",
        "memory",
        "clock",
    ] {
        assert!(!report.about(about).is_empty(), "{about}: {text}");
    }
}

#[test]
fn doctor1_warnings_do_not_fail_and_a_problem_does() {
    let directory = tempfile::tempdir().unwrap();
    let warned = doctor_in(directory.path()).env("KANVAS_GRCE", "9").output().unwrap();
    let text = String::from_utf8(warned.stdout).unwrap();
    assert_eq!(warned.status.code(), Some(0), "{text}");
    assert!(text.contains("\nwarning  settings") && text.contains("  -> Perhaps KANVAS_GRACE is meant.\n"), "{text}");
    assert!(text.ends_with("Warnings alone do not make this command fail.\n"), "{text}");
    let failed = doctor_in(directory.path()).args(["--dead-after", "5"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(doctor_in(directory.path()).arg("--jsno").output().unwrap().status.code(), Some(2));
}

#[test]
fn doctor2_the_data_stays_as_it_was_after_a_stop_and_after_a_crash() {
    for signal in ["TERM", "KILL"] {
        let directory = used_directory(signal);
        let data = directory.path().join("data");
        let before = contents(&data);
        assert_eq!(before.iter().any(|(path, _)| path.ends_with("kanvas.db-wal")), signal == "KILL");
        let report = Report::of(doctor_in(directory.path()).args(["--data", "data"]));
        report.is_good();
        report.has("ok", "database", "no server runs on it; it is sound, of scheme 1, with 1 room");
        assert_eq!(contents(&data), before, "after {signal}");
    }
    let nowhere = tempfile::tempdir().unwrap();
    Report::of(doctor_in(nowhere.path()).args(["--data", "new/data"])).is_good();
    assert_eq!(contents(nowhere.path()), [], "nothing is made");
}

#[test]
fn doctor2_it_takes_the_settings_of_the_server_and_works_while_that_runs() {
    let server = Server::start(&[]);
    let socket = server.joined("plan", "ann");
    let data = server.directory.path().join("data");
    let text = format!("data = {:?}\n", data.to_str().unwrap());
    fs::write(server.directory.path().join("kanvas.toml"), text).unwrap();
    let mut command = doctor_in(server.directory.path());
    command.env("KANVAS_LISTEN", "127.0.0.1:1").args(["--listen", &format!("127.0.0.1:{}", server.port)]);
    let before = contents(&data);
    let report = Report::of(&mut command);
    report.is_good();
    report.has("ok", "settings", "the settings file kanvas.toml is understood");
    report.has("ok", "database", "a server runs on it; it is sound");
    report.has("ok", "address", "and is ready");
    assert_eq!(server.get("/readyz", "").body, "ready");
    let same = |files: &[(PathBuf, Vec<u8>)]| -> Vec<_> {
        // The index of the log is shared memory: readers mark in it what they read.
        files.iter().filter(|(path, _)| !path.ends_with("kanvas.db-shm")).cloned().collect()
    };
    assert_eq!(same(&contents(&data)), same(&before));
    drop(socket);
}

#[test]
fn doctor3_settings_that_keep_it_from_starting_are_problems() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("kanvas.toml"), "max-conections = 5\ngrace = 99999\n").unwrap();
    let report = Report::of(&mut doctor_in(directory.path()));
    report.is_bad();
    report.has(
        "problem",
        "settings",
        "kanvas.toml:1:1: there is no setting \"max-conections\" -> perhaps max-connections",
    );
    report.has("problem", "settings", "kanvas.toml:2:9: grace is");
    report.has("warning", "rest", "was not looked at");
    fs::remove_file(directory.path().join("kanvas.toml")).unwrap();
    let report = Report::of(doctor_in(directory.path()).args(["--config", "gone.toml"]));
    report.has("problem", "settings", "there is no settings file gone.toml -> check --config");
    let report = Report::of(doctor_in(directory.path()).args(["--listen", "0.0.0.0:0", "--dead-after", "5"]));
    report.is_bad();
    report.has("problem", "settings", "0.0.0.0:0 can be reached from other machines");
    report.has("problem", "settings", "--dead-after 5 must be longer");
}

#[test]
fn doctor4_secrets_that_others_may_read_are_told_and_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kanvas.toml");
    fs::write(&file, format!("admin-secret = \"{ADMIN}\"\n")).unwrap();
    let open = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    open(0o644);
    let report = Report::of(&mut doctor_in(directory.path()));
    report.is_bad();
    report.has(
        "problem",
        "secrets",
        "holds admin-secret, and everybody on this machine may read it -> take that right",
    );
    assert!(!report.text.contains(ADMIN));
    open(0o640);
    let report = Report::of(&mut doctor_in(directory.path()));
    report.is_good();
    report.has("ok", "admin", "an admin secret is given");
    fs::remove_file(&file).unwrap();
    let report = Report::of(doctor_in(directory.path()).args(["--admin-secret", "aaaaaaaabbbbbbbb"]));
    report.is_good();
    report.has("warning", "secrets", "--admin-secret is given as a flag");
    report.has("warning", "admin", "easy to guess");
    assert!(!report.text.contains("aaaaaaaabbbbbbbb"));
    let report = Report::of(doctor_in(directory.path()).env("KANVAS_ADMIN_SECRET", "short"));
    report.is_bad();
    assert!(report.text.contains("KANVAS_ADMIN_SECRET cannot be used") && !report.text.contains("short\""));
    let keys = Stub::start(keys_at(0));
    let report = Report::of(signing_in(directory.path(), &keys).env_remove("KANVAS_ADMIN_SECRET"));
    report.is_good();
    report.has("warning", "admin", "no admin secret is given");
}
