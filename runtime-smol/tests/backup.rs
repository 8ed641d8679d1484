//! Backups and restores by the built program: beside a server that is written to, after kills, and with what is damaged.

mod common;
#[path = "backup/cut.rs"]
mod cut;
#[path = "backup/site.rs"]
mod site;
#[path = "backup/wrong.rs"]
mod wrong;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::commands::{done, refused, tell};
use common::kanvas;
use common::strace::{needed, strace};
use rusqlite::Connection;
use serde_json::{Value, json};
use site::{Site, added, files, ids, next, png, rooms, src};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn backup1_what_was_acknowledged_is_in_a_backup_and_is_there_after_a_restore() {
    let site = Site::start(&[]);
    let picture = site.upload(&png(5000, 1));
    let mut ann = site.server.joined("plan", "ann");
    for no in 0..20 {
        added(&mut ann, &format!("i{no}"), "https://e.com/a");
    }
    added(&mut ann, "file", &picture);
    ann.send(r#"{"type":"chat:message","data":{"text":"Hello"},"id":"c"}"#);
    assert_eq!(next(&mut ann, &["ack", "error"]).unwrap()["type"], "ack");
    let told = done(site.path(), &["backup", "b.tar", "--data", "data"]);
    assert!(told.starts_with("b.tar: 1 room with 22 events, 1 image file, "), "{told}");
    added(&mut ann, "later", "https://e.com/a");
    let told = done(site.path(), &["restore", "b.tar", "--data", "again/data"]);
    assert!(told.starts_with("again/data: 1 room with 22 events and 1 image file, as they were at "), "{told}");

    let again = site.beside("again");
    let sync = again.state("plan");
    let images = sync["images"].as_array().unwrap();
    assert_eq!(images.len(), 21);
    assert!(images.iter().any(|image| image["src"] == picture), "{sync}");
    assert_eq!(sync["chat"][0]["text"], "Hello", "{sync}");
    assert_eq!(again.status_of(&picture), 200);
    let mut bob = again.server.joined("plan", "bob");
    assert_eq!(added(&mut bob, "new", "https://e.com/a"), 23, "it goes on from there");
    // Guests are the same people.
    let people = |site: &Site| fs::read(site.path().join("data/guest.key")).unwrap();
    assert_eq!(people(&site), people(&again));
}

/// Eight people edit without a pause. Whatever each had heard to be stored before a backup began is in it, and the log
/// of each room has no gap.
#[test]
fn backup1_backup2_backups_beside_a_busy_writer_end_and_have_all() {
    let site = Site::start(&[]);
    let over = AtomicBool::new(false);
    let told = Vec::from_iter((0..8).map(|_| std::sync::atomic::AtomicU64::new(0)));
    thread::scope(|scope| {
        for (who, told) in told.iter().enumerate() {
            let mut socket = site.server.joined(&format!("room{}", who % 3), &format!("p{who}"));
            let over = &over;
            scope.spawn(move || {
                for no in 1.. {
                    added(&mut socket, &format!("p{who}-{no}"), "https://e.com/a");
                    told.store(no, Ordering::SeqCst);
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                    // Within what a person may do in a second.
                    thread::sleep(Duration::from_millis(40));
                }
            });
        }
        let mut round = 0;
        while round < 6 || told.iter().any(|told| told.load(Ordering::SeqCst) <= 5) {
            let before: Vec<_> = told.iter().map(|told| told.load(Ordering::SeqCst)).collect();
            let (file, data) = (format!("b{round}.tar"), format!("d{round}"));
            done(site.path(), &["backup", &file, "--data", "data"]);
            done(site.path(), &["restore", &file, "--data", &data]);
            let there = rooms(site.path(), &data);
            for (who, before) in before.into_iter().enumerate() {
                let ids = there.get(&format!("room{}", who % 3)).map(ids).unwrap_or_default();
                let all = (1..=before).all(|no| ids.contains(&format!("p{who}-{no}")));
                assert!(all, "round {round}, person {who}, {before}: {ids:?}");
            }
            let log = Connection::open(site.path().join(&data).join("kanvas.db")).unwrap();
            let gaps = "SELECT count(*) FROM (SELECT max(seq) - min(seq) + 1 - count(*) AS gap FROM log GROUP BY room) \
                WHERE gap <> 0";
            assert_eq!(log.query_row(gaps, [], |row| row.get::<_, i64>(0)), Ok(0));
            round += 1;
        }
        over.store(true, Ordering::SeqCst);
    });
}

/// A backup that reads slowly, and how much it has read.
fn slow_backup(site: &Site) -> Child {
    needed();
    let mut command = strace();
    command.env_clear().current_dir(site.path()).stdin(Stdio::null()).stdout(Stdio::null());
    command.args(["-o", "calls", "-e", "trace=pread64", "-e", "inject=pread64:delay_exit=20000"]);
    command.arg(kanvas().get_program()).args(["backup", "b.tar", "--data", "data"]);
    let child = command.stderr(fs::File::create(site.path().join("said")).unwrap()).spawn().unwrap();
    let end = Instant::now() + PATIENCE;
    let reads = || fs::read_to_string(site.path().join("calls")).unwrap_or_default().matches("pread64").count();
    while reads() < 60 {
        assert!(Instant::now() < end, "the backup reads");
        thread::sleep(Duration::from_millis(20));
    }
    child
}

/// Makes the database large, by rows that nobody asks for.
fn fill(site: &Site) {
    let database = Connection::open(site.path().join("data/kanvas.db")).unwrap();
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) \
        INSERT INTO uploads (day, user, bytes) SELECT 40000, 'user_' || i || hex(zeroblob(60)), 1 FROM n";
    database.execute(rows, []).unwrap();
}

#[test]
fn backup2_no_edit_waits_for_a_backup_and_a_server_can_be_started_meanwhile() {
    let mut site = Site::start(&[]);
    let mut ann = site.server.joined("plan", "ann");
    added(&mut ann, "i1", "https://e.com/a");
    fill(&site);
    let mut backup = slow_backup(&site);
    added(&mut ann, "i2", "https://e.com/a");
    assert_eq!(backup.try_wait().unwrap(), None, "the backup is still at it");
    // The log is longer now than what the backup sees: while it reads on, the log cannot be folded in.
    site.kill_and_start();
    assert_eq!(backup.try_wait().unwrap(), None, "the backup is still at it");
    let mut ann = site.server.joined("plan", "ann");
    added(&mut ann, "i3", "https://e.com/a");
    let ended = backup.wait().unwrap();
    let said = fs::read_to_string(site.path().join("said")).unwrap();
    assert!(ended.success(), "{said}");
    done(site.path(), &["restore", "b.tar", "--data", "again"]);
    let there = ids(&rooms(site.path(), "again")["plan"]);
    assert!(there.contains(&"i1".into()) && there.contains(&"i2".into()), "{there:?}");
}

#[test]
fn backup2_a_server_can_be_stopped_while_a_backup_is_made() {
    let mut site = Site::start(&[]);
    let mut ann = site.server.joined("plan", "ann");
    added(&mut ann, "i1", "https://e.com/a");
    fill(&site);
    let mut backup = slow_backup(&site);
    added(&mut ann, "i2", "https://e.com/a");
    site.server.signal("TERM");
    assert_eq!(site.server.wait(PATIENCE), Some(0));
    assert!(!site.server.log().contains("WARN"), "{}", site.server.log());
    assert!(backup.wait().unwrap().success());
    done(site.path(), &["restore", "b.tar", "--data", "again"]);
    assert!(ids(&rooms(site.path(), "again")["plan"]).contains(&"i1".into()));
}

/// The files of a data directory's rooms are swept after a second, and the one of the backup was not referred to for
/// longer.
#[test]
fn backup3_files_that_the_copied_rooms_name_are_in_it() {
    let site = Site::start(&[]);
    let (kept, unused) = (png(300, 1), png(300, 2));
    let (picture, stray) = (site.upload(&kept), site.upload(&unused));
    let mut ann = site.server.joined("plan", "ann");
    added(&mut ann, "file", &picture);
    added(&mut ann, "gone", &src(b"a file that is nowhere"));
    let at = site.asset(&picture);
    let old = std::time::SystemTime::now() - Duration::from_secs(3 * 86_400);
    fs::File::open(&at).unwrap().set_modified(old).unwrap();
    let told = done(site.path(), &["backup", "b", "--folder", "--data", "data"]);
    assert!(told.contains(" Rooms name 1 image file more that there is not."), "{told}");
    let marked = fs::metadata(&at).unwrap().modified().unwrap();
    assert!(marked > old + Duration::from_secs(86_400), "a sweep leaves it for as long as a backup may take");
    let there = files(&site.path().join("b"));
    let name = |src: &str| format!("assets/{}/{}", &src[8..10], &src[8..]);
    assert!(there.contains(&name(&picture)) && !there.contains(&name(&stray)), "{there:?}");
}

#[test]
fn backup3_a_damaged_file_is_left_out_and_told() {
    let site = Site::start(&[]);
    let (picture, other) = (site.upload(&png(300, 1)), site.upload(&png(300, 2)));
    let mut ann = site.server.joined("plan", "ann");
    added(&mut ann, "a", &picture);
    added(&mut ann, "b", &other);
    let at = site.asset(&picture);
    let mut bytes = fs::read(&at).unwrap();
    bytes[100] ^= 1;
    fs::write(&at, bytes).unwrap();
    let told = tell(site.path(), &["backup", "b.tar", "--data", "data"]);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.errors.contains(&picture[8..]) && told.errors.contains("1 image file"), "{told:?}");
    done(site.path(), &["restore", "b.tar", "--data", "again/data"]);
    let again = site.beside("again");
    assert_eq!(again.status_of(&other), 200);
    assert_eq!(again.status_of(&picture), 404);
}

#[test]
fn backup4_each_form_has_a_manifest_that_fits_and_can_be_restored() {
    let site = Site::start(&[]);
    let picture = site.upload(&png(300, 1));
    let mut ann = site.server.joined("plan", "ann");
    added(&mut ann, "a", &picture);
    done(site.path(), &["backup", "folder", "--folder", "--data", "data"]);
    done(site.path(), &["backup", "file", "--data", "data"]);
    let piped = kanvas().current_dir(site.path()).args(["backup", "-", "--data", "data"]).output().unwrap();
    assert!(piped.status.success(), "{piped:?}");
    fs::write(site.path().join("piped"), piped.stdout).unwrap();
    assert!(
        String::from_utf8(piped.stderr).unwrap().starts_with("standard output: 1 room with 1 event, 1 image file, ")
    );

    let text = fs::read(site.path().join("folder/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(manifest["kanvas"], env!("CARGO_PKG_VERSION"));
    let (format, scheme) = (&manifest["format"], &manifest["scheme"]);
    assert_eq!((format, scheme), (&json!(1), &json!(1)));
    assert_eq!(manifest["counts"], json!({"rooms": 1, "events": 1, "assets": 1, "missing": 0, "damaged": 0}));
    assert!(manifest["made"].as_str().unwrap().ends_with('Z'), "{manifest}");
    let mut known = vec!["manifest.json".to_owned(), "manifest.sha256".to_owned()];
    for (name, part) in manifest["parts"].as_object().unwrap() {
        let bytes = fs::read(site.path().join("folder").join(name)).unwrap();
        let sum = src(&bytes);
        assert_eq!(part, &json!({"bytes": bytes.len(), "sha256": &sum[8..]}), "{name}");
        known.push(name.clone());
    }
    known.sort();
    assert_eq!(files(&site.path().join("folder")), known);
    let seal = fs::read_to_string(site.path().join("folder/manifest.sha256")).unwrap();
    assert_eq!(seal, format!("{}  manifest.json\n", &src(&text)[8..]));

    let expected = rooms(site.path(), "data");
    for form in ["folder", "file", "piped"] {
        let data = format!("of-{form}");
        done(site.path(), &["restore", form, "--data", &data]);
        assert_eq!(rooms(site.path(), &data), expected, "{form}");
        assert_eq!(
            fs::read(site.path().join(&data).join("assets").join(&picture[8..10]).join(&picture[8..])).unwrap(),
            png(300, 1)
        );
    }
}

#[test]
fn backup6_a_backup_and_what_is_restored_of_it_are_its_owners_alone() {
    let site = Site::start(&[]);
    let picture = site.upload(&png(300, 1));
    let mut ann = site.server.joined("plan", "ann");
    added(&mut ann, "a", &picture);
    done(site.path(), &["token", "--sub", "user_1", "--data", "data"]);
    done(site.path(), &["backup", "b.tar", "--data", "data"]);
    done(site.path(), &["backup", "b", "--folder", "--data", "data"]);
    done(site.path(), &["restore", "b.tar", "--data", "again"]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&site.path().join("b.tar")), 0o600);
    for folder in ["b", "again"] {
        assert_eq!(mode(&site.path().join(folder)), 0o700);
        for key in ["guest.key", "dev-key.pem"] {
            let copy = fs::read(site.path().join(folder).join(key)).unwrap();
            assert_eq!(copy, fs::read(site.path().join("data").join(key)).unwrap());
        }
        for name in files(&site.path().join(folder)).iter().filter(|name| *name != "kanvas.lock") {
            assert_eq!(mode(&site.path().join(folder).join(name)), 0o600, "{folder}/{name}");
        }
    }
}

#[test]
fn backup5_a_signal_ends_it_and_leaves_nothing() {
    let site = Site::start(&[]);
    let mut ann = site.server.joined("plan", "ann");
    added(&mut ann, "i1", "https://e.com/a");
    fill(&site);
    let mut backup = slow_backup(&site);
    let kanvas = common::strace::traced_by(backup.id());
    assert!(std::process::Command::new("kill").args(["-TERM", &kanvas.to_string()]).status().unwrap().success());
    assert_eq!(backup.wait().unwrap().code(), Some(1));
    let said = fs::read_to_string(site.path().join("said")).unwrap();
    assert_eq!(said, "kanvas: stopped; there is no backup.\n");
    let left: Vec<_> = fs::read_dir(site.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("b.tar")), "{left:?}");
}

#[test]
fn backup5_a_backup_overwrites_nothing() {
    let site = Site::start(&[]);
    let mut ann = site.server.joined("plan", "ann");
    added(&mut ann, "a", "https://e.com/a");
    fs::write(site.path().join("file"), "mine").unwrap();
    fs::create_dir(site.path().join("folder")).unwrap();
    std::os::unix::fs::symlink("nowhere", site.path().join("link")).unwrap();
    for name in ["file", "folder", "link"] {
        for form in [&["--data", "data"][..], &["--data", "data", "--folder"]] {
            let said = refused(site.path(), &[&["backup", name], form].concat());
            assert!(said.contains(&format!("{name} is there already")), "{said}");
        }
    }
    assert_eq!(fs::read(site.path().join("file")).unwrap(), b"mine");
    assert_eq!(fs::read_dir(site.path().join("folder")).unwrap().count(), 0);
}
