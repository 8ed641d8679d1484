//! The data directory, its disk, the database and the image files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::{Report, common, doctor_in, used_directory};

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
