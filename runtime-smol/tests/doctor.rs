//! `kanvas doctor`: what is planted is found, and told with what to do; what it looks at stays as it was.

mod common;
#[path = "signin/stub.rs"]
#[allow(dead_code, reason = "it is shared with the tests of signing in")]
mod stub;

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use common::{Server, kanvas};
use kanvas_core::auth::{Mint, SigningKey};
use kanvas_core::{Span, Time};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
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
    SigningKey::from_pem(include_str!("../../core/tests/keys/test-only-a.pem"), "key-a").unwrap()
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

#[test]
fn doctor5_keys_are_fetched_as_the_server_fetches_them() {
    let directory = tempfile::tempdir().unwrap();
    let keys = Stub::start(keys_at(0));
    let report = Report::of(&mut signing_in(directory.path(), &keys));
    report.is_good();
    report.has("ok", "keys", "has 1 key that can be used (RS256)");
    report.has("ok", "tokens", ISSUER);
    report.has("ok", "tokens", "made for https://app.example.com");
    let Does::Says(answer) =
        stub::says("200 OK", &format!(r#"{{"keys":[{},{{"kty":"EC","kid":"e"}}]}}"#, key().to_jwk()))
    else {
        panic!("it says something")
    };
    keys.now_does(Does::Says(answer));
    let report = Report::of(&mut signing_in(directory.path(), &keys));
    report.is_good();
    report.has("warning", "keys", "the key \"e\"");
    for (does, words) in [
        (stub::says("404 Not Found", "no"), "the answer was 404"),
        (stub::says("200 OK", "<html>"), "answers are no keys"),
        (Does::Stalls, "there was no answer in 3 s"),
    ] {
        keys.now_does(does);
        let report = Report::of(&mut signing_in(directory.path(), &keys));
        report.is_bad();
        report.has("problem", "keys", words);
    }
    report_of_given_keys(directory.path());
}

fn report_of_given_keys(directory: &Path) {
    let pem = key().to_public_pem().unwrap();
    let given = ["--clerk-jwt-key", &pem, "--public-url", "https://kanvas.example.com"];
    let report = Report::of(doctor_in(directory).args(given));
    report.is_good();
    report.has("ok", "keys", "CLERK_JWT_KEY can be used (RS256)");
    report.has("warning", "tokens", "any application");
    report.has("warning", "clock", "compared with no other");
}

#[test]
fn doctor5_the_keys_of_a_development_server_and_of_guests_are_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("kanvas-data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("guest.key"), "cut").unwrap();
    fs::write(data.join("dev-key.pem"), "cut").unwrap();
    let report = Report::of(&mut doctor_in(directory.path()));
    report.is_bad();
    report.has("problem", "guests", "guest.key is damaged -> remove it");
    report.has("problem", "keys", "dev-key.pem is damaged -> remove it");
    fs::write(data.join("guest.key"), [7; 32]).unwrap();
    fs::remove_file(data.join("dev-key.pem")).unwrap();
    fs::set_permissions(data.join("guest.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let report = Report::of(&mut doctor_in(directory.path()));
    report.is_good();
    report.has("warning", "guests", "others on this machine may read");
    report.has("ok", "keys", "no key for tokens yet");
}

#[test]
fn doctor6_a_token_is_explained_and_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    let keys = Stub::start(keys_at(0));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Time::from_millis(u64::try_from(now.as_millis()).unwrap());
    let mint = Mint { issuer: ISSUER, user: "user_ann", party: Some("https://app.example.com"), ..Mint::default() };
    let token = key().mint(&Mint { life: Span::from_secs(600), ..mint }, now);
    let report = Report::of(signing_in(directory.path(), &keys).args(["--token", &token]));
    report.is_good();
    report.has("ok", "token", "it is taken: it is of \"user_ann\"");
    assert!(!report.text.contains(&token));
    let other = key().mint(&Mint { party: Some("https://other.example.com"), ..mint }, now);
    let mut command = signing_in(directory.path(), &keys);
    command.args(["--token", "-"]).args(["--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("Bearer {other}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("https://other.example.com") && text.contains("add its origin to the authorized parties"),
        "{text}"
    );
    assert!(!text.contains(&other));
    let report = Report::of(doctor_in(directory.path()).args(["--token", &token]));
    report.is_bad();
    report.has("problem", "token", "make one for this server with `kanvas token`");
}

#[test]
fn doctor7_a_clock_that_differs_from_the_key_servers_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let keys = Stub::start(keys_at(0));
    Report::of(&mut signing_in(directory.path(), &keys)).has("ok", "clock", "it goes with that of 127.0.0.1");
    for (ahead, words) in [(60, "s behind that of 127.0.0.1"), (-60, "s ahead of that of 127.0.0.1")] {
        keys.now_does(keys_at(ahead));
        let report = Report::of(&mut signing_in(directory.path(), &keys));
        report.is_bad();
        report.has("problem", "clock", words);
    }
    keys.now_does(jwks(&[&key()]));
    let report = Report::of(&mut signing_in(directory.path(), &keys));
    report.is_good();
    report.has("warning", "clock", "does not say what time it is");
}

#[test]
fn doctor7_another_clock_can_be_named() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&[]);
    let there = format!("http://127.0.0.1:{}/readyz", server.port);
    let report = Report::of(doctor_in(directory.path()).args(["--compare-clock", &there]));
    report.is_good();
    report.has("ok", "clock", &format!("it goes with that of {there}"));
    drop(server);
    let report = Report::of(doctor_in(directory.path()).args(["--compare-clock", &there]));
    report.is_good();
    report.has("warning", "clock", "cannot be reached");
}

/// The program as an account without rights, and a place where that account finds it.
fn powerless(directory: &Path) -> Command {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.join("kanvas");
    fs::copy(env!("CARGO_BIN_EXE_kanvas"), &program).unwrap();
    let mut command = common::quiet(&program);
    command.current_dir(directory).args(["doctor", "--listen", "127.0.0.1:0"]);
    if rustix::process::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    command
}

#[test]
fn doctor8_a_directory_that_cannot_be_written_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o555)).unwrap();
    let report = Report::of(powerless(directory.path()).args(["--data", "data"]));
    report.is_bad();
    report.has(
        "problem",
        "data",
        "the data directory data cannot be written (permission denied) -> choose another one",
    );
    let report = Report::of(powerless(directory.path()).args(["--data", "kanvas/below"]));
    report.has("problem", "data", "kanvas/below cannot be written (not a directory)");
}

#[test]
fn doctor8_files_and_directories_of_others_are_told() {
    let directory = used_directory("TERM");
    let data = directory.path().join("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
    for name in ["kanvas.db", "guest.key", "kanvas.lock"] {
        fs::set_permissions(data.join(name), fs::Permissions::from_mode(0o444)).unwrap();
    }
    let report = Report::of(powerless(directory.path()).args(["--data", "data"]));
    report.is_bad();
    report.has("problem", "data", "kanvas.db may not be written by this account");
    let report = Report::of(doctor_in(directory.path()).args(["--data", "data"]));
    if rustix::process::geteuid().is_root() {
        report.is_good();
        report.has("warning", "data", "everybody on this machine may enter");
        let foreign = std::os::unix::fs::chown(&data, Some(65_534), Some(65_534));
        foreign.unwrap();
        let report = Report::of(doctor_in(directory.path()).args(["--data", "data"]));
        report.has("warning", "data", "the data belongs to the account 65534");
    }
}

#[test]
fn doctor9_space_and_file_system_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let report = Report::of(doctor_in(directory.path()).args(["--data", "not/yet"]));
    let [(_, says)] = report.about("disk").try_into().unwrap();
    assert!(says.contains(" are free at ") && says.contains('%'), "{says}");
    let [(_, says)] = report.about("file system").try_into().unwrap();
    assert!(says.contains(" is on "), "{says}");
}

#[test]
fn doctor10_a_database_that_is_broken_or_anothers_or_newer_is_told() {
    let directory = used_directory("TERM");
    let file = directory.path().join("data/kanvas.db");
    let sound = fs::read(&file).unwrap();
    let told = || Report::of(doctor_in(directory.path()).args(["--data", "data"]));
    told().is_good();
    let mut broken = sound.clone();
    broken[4096..8192].fill(0xa5);
    for (bytes, words) in [
        (broken, "its own check failed"),
        ("no database at all ".repeat(500).into_bytes(), "not a readable SQLite file"),
    ] {
        fs::write(&file, &bytes).unwrap();
        let report = told();
        report.is_bad();
        report.has("problem", "database", "is damaged");
        report.has("problem", "database", words);
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    fs::write(&file, &sound).unwrap();
    for (change, words) in
        [("PRAGMA user_version = 99", "written by a newer Kanvas"), ("PRAGMA application_id = 7", "of another program")]
    {
        let database = rusqlite::Connection::open(&file).unwrap();
        database.execute_batch(change).unwrap();
        database.close().unwrap();
        let report = told();
        report.is_bad();
        report.has("problem", "database", words);
    }
}

#[test]
fn doctor10_the_log_of_a_crash_is_looked_at() {
    let directory = used_directory("KILL");
    let (log, index) = (directory.path().join("data/kanvas.db-wal"), directory.path().join("data/kanvas.db-shm"));
    let told = || Report::of(doctor_in(directory.path()).args(["--data", "data"]));
    told().has("ok", "database", "are in the database's log: the next start brings them in");
    let kept = fs::read(&index).unwrap();
    fs::remove_file(&index).unwrap();
    let report = told();
    report.is_good();
    report.has("warning", "database", "did not stop in order");
    assert!(!index.exists(), "nothing is made to look at it");
    fs::write(&index, kept).unwrap();
    let mut bytes = fs::read(&log).unwrap();
    bytes[100] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let report = told();
    report.is_bad();
    report.has("problem", "database", "kanvas.db-wal is damaged and holds edits that were acknowledged");
    let grown = fs::OpenOptions::new().write(true).open(&log).unwrap();
    grown.set_len(65 << 20).unwrap();
    told().has("warning", "database", "log has grown to 65 MiB");
}

#[test]
fn doctor11_image_files_are_counted_against_their_limit() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("kanvas-data/assets/ab");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("ab".repeat(32)), vec![0; 20_000]).unwrap();
    fs::write(folder.join("not-ours"), vec![0; 90_000]).unwrap();
    let told = |most| {
        let limits = ["--asset-bytes", "4096", "--asset-total-bytes", most];
        Report::of(doctor_in(directory.path()).args(limits))
    };
    told("204800").has("ok", "images", "take 20 KiB of the 200 KiB");
    let report = told("20480");
    report.is_good();
    report.has("warning", "images", "so that uploads are refused");
}

#[test]
fn doctor12_an_address_that_is_taken_is_told_with_whose_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in taken.incoming() {
            drop(stream.unwrap().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"));
        }
    });
    let report = Report::of(doctor_in(directory.path()).args(["--listen", &address]));
    report.is_bad();
    report.has("problem", "address", &format!("{address} is taken by another program"));
    let server = Server::start(&[]);
    let address = format!("127.0.0.1:{}", server.port);
    let report = Report::of(doctor_in(directory.path()).args(["--listen", &address]));
    report.is_bad();
    report.has("problem", "address", "taken by a Kanvas with another data directory");
    let data = server.directory.path().join("data");
    let report = Report::of(doctor_in(directory.path()).arg("--data").arg(&data));
    report.is_good();
    report.has("warning", "address", "a Kanvas runs on the data directory, and not at 127.0.0.1:0");
    let report = Report::of(doctor_in(directory.path()).args(["--listen", "192.0.2.1:0", "--auth", "required"]));
    report.has("problem", "address", "192.0.2.1:0 cannot be listened on");
}

#[test]
fn doctor12_a_server_that_is_not_ready_is_told() {
    let keys = Stub::start(Does::HangsUp);
    let settings =
        ["--clerk-publishable-key", INSTANCE, "--clerk-jwks-url", &keys.url, "--public-url", "https://k.example.com"];
    let server = Server::start(&settings);
    let (data, address) = (server.directory.path().join("data"), format!("127.0.0.1:{}", server.port));
    let mut command = doctor_in(server.directory.path());
    let report = Report::of(command.args(settings).args(["--listen", &address, "--data"]).arg(&data));
    report.is_bad();
    report.has("problem", "address", "is not ready: The keys that tokens are checked with cannot be had");
}

#[test]
fn doctor13_addresses_without_tls_and_proxies_that_are_everybody_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let keys = Stub::start(keys_at(0));
    let told = |more: &[&str]| {
        let base = ["--clerk-publishable-key", INSTANCE, "--clerk-jwks-url", &keys.url];
        Report::of(doctor_in(directory.path()).args(base).args(more))
    };
    let report = told(&["--public-url", "http://kanvas.example.com", "--allowed-origins", "http://app.example.com"]);
    report.is_good();
    report.has("warning", "public", "without TLS tokens can be read");
    report.has("warning", "origins", "pages of http://app.example.com come without TLS");
    let report = told(&["--public-url", "https://kanvas.example.com"]);
    report.has("warning", "public", "nobody is named who speaks TLS");
    let report = told(&["--public-url", "https://kanvas.example.com", "--trusted-proxies", "0.0.0.0/0"]);
    report.is_bad();
    report.has("problem", "proxies", "which is everybody");
    let report = told(&["--listen", "0.0.0.0:0", "--allowed-origins", "https://app.example.com"]);
    report.is_good();
    report.has("warning", "public", "other machines reach the server without TLS");
}

/// A certificate for localhost and its key, good from one day of January to another.
fn certificate(directory: &Path, years: (i32, i32)) -> [String; 4] {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
    let file = |name: &str| directory.join(name).display().to_string();
    let (pem, secret) = (file("kanvas.crt"), file("kanvas.key"));
    fs::write(&pem, params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&secret, key.serialize_pem()).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    ["--tls-cert".into(), pem, "--tls-key".into(), secret]
}

#[test]
fn doctor14_a_certificate_that_browsers_refuse_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let told = |flags: &[String], more: &[&str]| Report::of(doctor_in(directory.path()).args(flags).args(more));
    let good = certificate(directory.path(), (2020, 2120));
    let report = told(&good, &["--public-url", "https://localhost:1999"]);
    report.is_good();
    report.has("ok", "certificate", "it fits its key");
    told(&good, &["--public-url", "https://kanvas.example.com"]).has(
        "problem",
        "certificate",
        "it is not for kanvas.example.com",
    );
    told(&good, &["--public-url", "http://localhost:1999"]).has("problem", "public", "speaks nothing but TLS");
    fs::set_permissions(&good[3], fs::Permissions::from_mode(0o644)).unwrap();
    told(&good, &[]).has("problem", "certificate", "everybody on this machine may read the private key");
    let report = told(&certificate(directory.path(), (2020, 2021)), &[]);
    report.is_bad();
    report.has("problem", "certificate", "it has expired, on Fri, 01 Jan 2021");
    told(&certificate(directory.path(), (2119, 2120)), &[]).has("problem", "certificate", "does not count before");
    fs::write(&good[3], KeyPair::generate().unwrap().serialize_pem()).unwrap();
    told(&good, &[]).has("problem", "certificate", "does not belong to the certificate");
}

#[test]
fn doctor12_doctor14_a_server_that_speaks_tls_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let flags = certificate(directory.path(), (2020, 2120));
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let server = Server::start(&flags);
    let (data, address) = (server.directory.path().join("data"), format!("127.0.0.1:{}", server.port));
    let mut command = doctor_in(directory.path());
    let report = Report::of(command.args(&flags).args(["--listen", &address, "--data"]).arg(&data));
    report.is_good();
    report.has("ok", "address", "and is ready");
}

#[test]
fn doctor15_a_low_limit_on_open_files_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let told = |more: &[&str]| {
        let mut command = Command::new("sh");
        command.env_clear().current_dir(directory.path()).env("KANVAS_LISTEN", "127.0.0.1:0");
        let start = "ulimit -n 400; exec \"$0\" doctor \"$@\"";
        Report::of(command.args(["-c", start, env!("CARGO_BIN_EXE_kanvas")]).args(more))
    };
    let report = told(&[]);
    report.is_good();
    report.has("warning", "open files", "400 may be open, which is enough for 288 connections of the usual 10000");
    let report = told(&["--max-connections", "9000", "--threads", "200"]);
    report.is_bad();
    report.has("problem", "open files", "--max-connections 9000 is more than the limit on open files allows (288)");
    report.has("warning", "processors", "200 threads");
}
