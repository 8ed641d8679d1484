//! Backups and restores that are killed at one call of the system after another.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::common::commands::{done, tell};
use crate::common::strace::{needed, strace};
use crate::common::{kanvas, refusal};
use crate::site::{Site, added, files, png, rooms};

/// A call, and at which of its times the program is killed: the first, and then every so manieth.
const CALLS: [(&str, usize); 10] = [
    ("openat", 8),
    ("write", 2),
    ("pwrite64", 5),
    ("fsync", 1),
    ("rename", 1),
    ("renameat2", 1),
    ("mkdir", 1),
    ("unlink", 1),
    ("rmdir", 1),
    ("close", 16),
];

/// Runs a command that is killed at that call; whether it was.
fn killed(directory: &Path, args: &[&str], call: &str, when: usize) -> bool {
    let mut command = strace();
    command.env_clear().current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Of calls before the program itself there are many, to open its libraries.
    command.args(["-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:signal=KILL:when={when}")]);
    let status = command.arg(kanvas().get_program()).args(args).status().unwrap();
    assert!(status.success() || status.code() == Some(137) || status.code().is_none(), "{args:?}: {status}");
    !status.success()
}

/// Calls what follows a kill for one moment after another, until the command ends without one.
fn at_each_moment(directory: &Path, args: &[&str], fewest: usize, mut after: impl FnMut(&str, bool)) {
    needed();
    let mut kills = 0;
    for (call, step) in CALLS {
        for when in (1..).step_by(step) {
            let was_killed = killed(directory, args, call, when);
            after(&format!("{call} {when}"), was_killed);
            if !was_killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills >= fewest, "it was killed at {kills} moments");
}

/// A server that has rooms and files, with the backup `whole.tar`.
fn site() -> Site {
    let mut site = Site::start(&[]);
    let pictures = [site.upload(&png(3000, 1)), site.upload(&png(200_000, 2))];
    let mut ann = site.server.joined("plan", "ann");
    for (no, picture) in pictures.iter().enumerate() {
        added(&mut ann, &format!("i{no}"), picture);
    }
    added(&mut site.server.joined("other", "bob"), "b", "https://e.com/a");
    site.stop();
    done(site.path(), &["backup", "whole.tar", "--data", "data"]);
    site
}

/// Restores what a killed backup has left. Whatever a restore takes must be everything.
fn look_through(site: &Site, folder: &Path, moment: &str) {
    let expected = rooms(site.path(), "data");
    for name in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let inner = if name.is_dir() { files(&name) } else { Vec::new() };
        let all = inner.iter().map(|inner| name.join(inner)).chain([name.clone()]);
        for path in all {
            drop(fs::remove_dir_all(site.path().join("looked")));
            let told = tell(site.path(), &["restore", path.to_str().unwrap(), "--data", "looked"]);
            match told.code {
                Some(0) => assert_eq!(rooms(site.path(), "looked"), expected, "{moment}: {}", path.display()),
                Some(1) => assert!(!site.path().join("looked").exists(), "{moment}: {told:?}"),
                _ => panic!("{moment}: {told:?}"),
            }
        }
    }
}

fn killed_backup(form: &[&str], fewest: usize) {
    let site = site();
    let folder = site.path().join("to");
    fs::create_dir(&folder).unwrap();
    let args = [&["backup", "to/b", "--data", "data"], form].concat();
    let (directory, site) = (site.path().to_owned(), &site);
    at_each_moment(&directory, &args, fewest, |moment, was_killed| {
        let is_there = folder.join("b").exists();
        assert!(was_killed || is_there, "{moment}");
        look_through(site, &folder, moment);
        if is_there {
            let target = folder.join("b");
            drop(fs::remove_dir_all(site.path().join("looked")));
            done(site.path(), &["restore", target.to_str().unwrap(), "--data", "looked"]);
        }
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
    });
}

#[test]
fn backup5_a_killed_archive_is_none_or_whole() {
    killed_backup(&[], 25);
}

#[test]
fn backup5_a_killed_folder_is_none_or_whole() {
    killed_backup(&["--folder"], 25);
}

#[test]
fn backup9_a_killed_restore_is_none_or_whole_and_can_be_run_again() {
    let site = site();
    let data = site.path().join("new/data");
    done(site.path(), &["restore", "whole.tar", "--data", "model"]);
    let (expected, model) = (rooms(site.path(), "data"), files(&site.path().join("model")));
    let args = ["restore", "whole.tar", "--data", "new/data"];
    let mut cut_off = 0;
    at_each_moment(site.path(), &args, 25, |moment, was_killed| {
        let is_whole = data.join("kanvas.db").exists();
        assert!(was_killed || is_whole, "{moment}");
        if !is_whole {
            let there = if data.exists() { files(&data) } else { Vec::new() };
            if there.iter().any(|name| name.starts_with("restoring/")) {
                let said = refusal(&["--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
                assert!(said.contains("was cut off; run kanvas restore once more"), "{said}");
                cut_off += 1;
            } else {
                assert!(there.iter().all(|name| name == "kanvas.lock"), "{moment}: {there:?}");
            }
            done(site.path(), &args);
        }
        assert_eq!(rooms(site.path(), "new/data"), expected, "{moment}");
        let mut there = files(&data);
        // SQLite leaves these to those who read only.
        there.retain(|name| !name.starts_with("kanvas.db-"));
        assert_eq!(there, model, "{moment}");
        fs::remove_dir_all(data.parent().unwrap()).unwrap();
    });
    assert!(cut_off >= 5, "it was cut off {cut_off} times");
}
