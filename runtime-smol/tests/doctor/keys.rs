//! Keys, tokens, and the clock that they are held against.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

use kanvas_core::auth::Mint;
use kanvas_core::{Span, Time};

use super::common::Server;
use super::stub::{self, Does, Stub, jwks};
use super::{ISSUER, Report, doctor_in, key, keys_at, signing_in};

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
