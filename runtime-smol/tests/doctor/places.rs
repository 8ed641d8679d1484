//! Where the server listens, how people reach it, its certificate, and what the machine allows.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::common::Server;
use super::stub::{Does, Stub};
use super::{INSTANCE, Report, doctor_in, keys_at};

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
    report.has("warning", "open files", "400 may be open, which is enough for 224 connections of the usual 10000");
    let report = told(&["--max-connections", "9000", "--threads", "200"]);
    report.is_bad();
    report.has("problem", "open files", "--max-connections 9000 is more than the limit on open files allows (224)");
    report.has("warning", "processors", "200 threads");
}
