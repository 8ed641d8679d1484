//! Backups that are damaged, and directories that are in use, full, newer or broken: each refusal is a sentence, and
//! nothing is written.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use crate::common::commands::{done, refused};
use crate::site::{Site, added, files, png, rooms};

/// A server with a room and a file, its backup as `b.tar` and as the folder `b`.
fn site() -> Site {
    let site = Site::start(&[]);
    let picture = site.upload(&png(3000, 1));
    added(&mut site.server.joined("plan", "ann"), "i", &picture);
    done(site.path(), &["backup", "b.tar", "--data", "data"]);
    done(site.path(), &["backup", "b", "--folder", "--data", "data"]);
    site
}

/// Why a backup is not restored. Nothing is written.
fn unrestored(site: &Site, file: &str) -> String {
    let said = refused(site.path(), &["restore", file, "--data", "none"]);
    assert!(!site.path().join("none").exists(), "{said}");
    said
}

#[test]
fn backup7_a_backup_that_is_cut_short_is_refused_wherever_it_is_cut() {
    let site = site();
    let whole = fs::read(site.path().join("b.tar")).unwrap();
    // Behind its last file there are zeros, which may be missing.
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let cuts = (0..end).step_by(3001).chain([1, 511, 512, 513, end - 1, end - 513]);
    for cut in cuts {
        fs::write(site.path().join("cut.tar"), &whole[..cut]).unwrap();
        let said = unrestored(&site, "cut.tar");
        assert!(said.contains("cut.tar is "), "{cut}: {said}");
    }
}

#[test]
fn backup7_a_backup_that_was_altered_is_refused() {
    let site = site();
    let whole = fs::read(site.path().join("b.tar")).unwrap();
    let expected = rooms(site.path(), "data");
    let mut refusals = 0;
    for at in (0..whole.len()).step_by(1777).chain([0, 124, 148, 156, 512, 600]) {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        fs::write(site.path().join("altered.tar"), altered).unwrap();
        let told = crate::common::commands::tell(site.path(), &["restore", "altered.tar", "--data", "none"]);
        if told.code == Some(0) {
            // What fills a file up to the next block is no part of it.
            assert_eq!(whole[at], 0, "{at}: {told:?}");
            assert_eq!(rooms(site.path(), "none"), expected, "{at}");
            fs::remove_dir_all(site.path().join("none")).unwrap();
        } else {
            unrestored(&site, "altered.tar");
            refusals += 1;
        }
    }
    assert!(refusals > 20, "{refusals} were refused");
}

/// The folder with something changed in it: why it is not restored.
fn changed(site: &Site, change: impl FnOnce(&Path)) -> String {
    let folder = site.path().join("changed");
    drop(fs::remove_dir_all(&folder));
    for name in files(&site.path().join("b")) {
        let to = folder.join(&name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(site.path().join("b").join(&name), to).unwrap();
    }
    change(&folder);
    unrestored(site, "changed")
}

/// Gives a changed manifest the seal that fits.
fn reseal(folder: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(folder.join("manifest.json")).unwrap();
    assert!(text.contains(from));
    let text = text.replace(from, to);
    let sum: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(folder.join("manifest.json"), text).unwrap();
    fs::write(folder.join("manifest.sha256"), format!("{sum}  manifest.json\n")).unwrap();
}

fn set_number(folder: &Path, pragma: &str) {
    Connection::open(folder.join("kanvas.db")).unwrap().execute_batch(pragma).unwrap();
    let bytes = fs::read(folder.join("kanvas.db")).unwrap();
    let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let text = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let was = manifest["parts"]["kanvas.db"]["sha256"].as_str().unwrap().to_owned();
    reseal(folder, &was, &sum);
}

#[test]
fn backup7_a_folder_with_a_file_too_many_too_few_or_another_is_refused() {
    let site = site();
    let asset = files(&site.path().join("b")).into_iter().find(|name| name.starts_with("assets/")).unwrap();
    for (said, expected) in [
        (changed(&site, |folder| fs::remove_file(folder.join("guest.key")).unwrap()), "guest.key is missing"),
        (changed(&site, |folder| fs::remove_file(folder.join(&asset)).unwrap()), "is missing"),
        (changed(&site, |folder| fs::remove_file(folder.join("manifest.sha256")).unwrap()), "its end is missing"),
        (changed(&site, |folder| fs::write(folder.join("notes.txt"), "").unwrap()), "has a file \"notes.txt\""),
        (changed(&site, |folder| fs::write(folder.join("dev-key.pem"), "").unwrap()), "knows nothing of dev-key.pem"),
        (
            changed(&site, |folder| fs::write(folder.join("guest.key"), [7; 32]).unwrap()),
            "guest.key is not what it was",
        ),
        (changed(&site, |folder| fs::write(folder.join("manifest.json"), "{}").unwrap()), "manifest.json is not what"),
        (changed(&site, |folder| reseal(folder, "\"format\"", "\"form\"")), "is no backup of Kanvas"),
        (changed(&site, |folder| set_number(folder, "PRAGMA application_id = 7")), "is no database of Kanvas"),
        (changed(&site, |folder| reseal(folder, "\"scheme\": 1", "\"scheme\": 0")), "of different schemes"),
    ] {
        assert!(said.contains(expected), "{said}");
    }
    fs::write(site.path().join("text"), "It is no archive.").unwrap();
    fs::create_dir(site.path().join("empty")).unwrap();
    for (file, expected) in
        [("text", "is no archive of a backup"), ("empty", "is no backup"), ("gone", "cannot be read")]
    {
        let said = unrestored(&site, file);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn backup8_a_restore_goes_into_an_empty_directory_alone() {
    let mut site = site();
    fs::create_dir(site.path().join("mine")).unwrap();
    fs::write(site.path().join("mine/letter"), "Dear").unwrap();
    let said = refused(site.path(), &["restore", "b.tar", "--data", "mine"]);
    assert!(said.contains("is not empty"), "{said}");
    assert_eq!(files(&site.path().join("mine")), ["letter"]);
    let before = rooms(site.path(), "data");
    let said = refused(site.path(), &["restore", "b.tar", "--data", "data"]);
    assert!(said.contains("is used by a Kanvas server that is running"), "{said}");
    site.stop();
    let said = refused(site.path(), &["restore", "b.tar", "--data", "data"]);
    assert!(said.contains("is not empty"), "{said}");
    assert_eq!(rooms(site.path(), "data"), before);
    // What is restored is not restored over.
    fs::create_dir(site.path().join("empty")).unwrap();
    done(site.path(), &["restore", "b.tar", "--data", "empty"]);
    assert!(refused(site.path(), &["restore", "b", "--data", "empty"]).contains("is not empty"));
    assert_eq!(rooms(site.path(), "empty"), before);
}

#[test]
fn backup10_a_newer_backup_is_left_to_the_version_that_made_it() {
    let site = site();
    let said = changed(&site, |folder| {
        set_number(folder, "PRAGMA user_version = 99");
        reseal(folder, "\"kanvas\": \"0.1.0\"", "\"kanvas\": \"9.8.7\"");
    });
    assert!(said.contains("made by a newer Kanvas, 9.8.7 (scheme 99, this one knows 1); restore it with"), "{said}");
    let said = changed(&site, |folder| reseal(folder, "\"format\": 1", "\"format\": 2"));
    assert!(said.contains("made by a newer Kanvas, 0.1.0 (format 2, this one knows 1)"), "{said}");
}

#[test]
fn backup11_what_cannot_be_trusted_is_not_backed_up() {
    let mut site = site();
    site.stop();
    let database = site.path().join("data/kanvas.db");
    let good = fs::read(&database).unwrap();
    let tried = |expected: &str| {
        let said = refused(site.path(), &["backup", "new.tar", "--data", "data"]);
        assert!(said.contains(expected), "{said}");
        let left = files(site.path());
        assert!(!left.iter().any(|name| name.contains("new.tar")), "{left:?}");
    };
    let mut bytes = good.clone();
    bytes[4096 + 5..4096 + 200].fill(0xff);
    fs::write(&database, bytes).unwrap();
    tried("the database is damaged");
    fs::write(
        &database,
        "It is no database, and long enough to be looked at by SQLite, which wants a hundred bytes of it.",
    )
    .unwrap();
    tried("kanvas.db");
    fs::write(&database, &good).unwrap();
    Connection::open(&database).unwrap().execute_batch("PRAGMA application_id = 7").unwrap();
    tried("is a database of another program");
    fs::write(&database, &good).unwrap();
    Connection::open(&database).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    tried("was written by a newer Kanvas");
    fs::remove_file(&database).unwrap();
    tried("there is no database data/kanvas.db");
}

/// Three commits in the log, the first of them altered: SQLite would read up to it, and say nothing.
#[test]
fn backup11_a_damaged_log_is_not_backed_up() {
    let mut site = site();
    let mut ann = site.server.joined("plan", "ann");
    for no in 0..3 {
        added(&mut ann, &format!("n{no}"), "https://e.com/a");
    }
    site.server.signal("KILL");
    site.server.child.wait().unwrap();
    let log = site.path().join("data/kanvas.db-wal");
    let mut bytes = fs::read(&log).unwrap();
    bytes[32 + 24 + 100] ^= 1;
    fs::write(&log, &bytes).unwrap();
    for args in [&["backup", "new.tar", "--data", "data"][..], &["export", "--all", "--data", "data"]] {
        let said = refused(site.path(), args);
        assert!(said.contains("kanvas.db-wal is damaged"), "{said}");
    }
    assert_eq!(fs::read(&log).unwrap(), bytes, "it is left as it was");
}
