//! `kanvas simulate`: what it is told, what it reports, and the files that it writes and reads.

mod common;

use std::fs;
use std::path::Path;

use common::{kanvas, refusal};
use serde_json::{Value, json};

/// Simulates in a directory: the exit code, what it printed, what it complained of.
fn simulate(directory: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = kanvas().current_dir(directory).arg("simulate").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What a world that held is reported as.
fn report(directory: &Path, args: &[&str]) -> Value {
    let (code, printed, told) = simulate(directory, &[args, &["--json"]].concat());
    assert_eq!((code, told.as_str()), (Some(0), ""), "{printed}");
    serde_json::from_str(&printed).unwrap()
}

const WORLD: [&str; 12] =
    ["--clients", "6", "--latency", "80ms", "--cut", "12.5%", "--stall", "5%", "--storage-fault", "10%", "--for", "8s"];

#[test]
fn simulate1_the_same_seed_gives_the_same_report() {
    let directory = tempfile::tempdir().unwrap();
    let run = |seed: &[&str]| simulate(directory.path(), &[&WORLD, seed].concat());
    let first = run(&["--seed", "7"]);
    assert_eq!(first.0, Some(0), "{first:?}");
    assert_eq!(run(&["--seed", "7"]), first);
    assert_ne!(run(&["--seed", "8"]).1, first.1);
    let line = |(_, printed, _): &(_, String, _)| printed.lines().next().unwrap().to_owned();
    let (one, other) = (line(&run(&[])), line(&run(&[])));
    assert!(one.starts_with("Seed ") && one != other, "{one} {other}");
}

#[test]
fn simulate2_what_cannot_be_simulated_is_refused_in_a_sentence() {
    for (args, words) in [
        (["--clients", "0"], "a whole number from 1 to 200 is expected"),
        (["--rate", "61"], "a whole number from 1 to 60 is expected"),
        (["--seed", "9007199254740992"], "a whole number from 0 to 9007199254740991 is expected"),
        (["--latency", "6s"], "a time of at most 5s is expected, such as 80ms or 12s"),
        (["--latency", "80"], "a time of at most 5s is expected"),
        (["--cut", "5"], "a share from 0% to 100% is expected, in steps of 0.1%, such as 5%"),
        (["--cut", "100.1%"], "a share from 0% to 100%"),
        (["--cut", "0.05%"], "in steps of 0.1%"),
        (["--crash", "2"], "a rate of at most 60/min is expected, such as 2/min or 10/h"),
        (["--crash", "61/min"], "a rate of at most 60/min"),
        (["--crash-at", "30s"], "--crash-at: 30000 ms is not before the end of --for"),
        (["--for", "2h"], "a time of at most 1h is expected"),
    ] {
        let said = refusal(&["simulate", args[0], args[1]]);
        assert!(said.contains(words), "{args:?}: {said}");
    }
    let directory = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        fs::write(directory.path().join("w.json"), text).unwrap();
        let (code, _, told) = simulate(directory.path(), &["w.json"]);
        assert_eq!(code, Some(2), "{told}");
        told
    };
    assert!(file("{").contains("w.json is no world; save one in the lab, or with kanvas simulate --out"));
    assert!(file(r#"{"kanvas":"room","version":1}"#).contains("is no world"));
    assert!(file(r#"{"kanvas":"world","version":2}"#).contains("written by a newer Kanvas"));
    let told = file(r#"{"kanvas":"world","version":1,"seed":1,"weather":9}"#);
    assert!(told.contains("is a world that cannot be simulated: unknown field"), "{told}");
    assert!(refusal(&["simulate", "nowhere.json"]).contains("nowhere.json cannot be read (no such file"));
    assert!(refusal(&["simulate", "w.json", "--seed", "3"]).contains("cannot be used with"));
}

#[test]
fn simulate3_the_faults_that_are_told_strike_and_then_all_is_compared() {
    let directory = tempfile::tempdir().unwrap();
    let calm = report(directory.path(), &["--clients", "5", "--seed", "3", "--for", "6s"]);
    let stormy = report(
        directory.path(),
        &[
            "--clients",
            "5",
            "--seed",
            "3",
            "--for",
            "6s",
            "--crash-at",
            "4s",
            "--crash-at",
            "2s",
            "--cut",
            "30%",
            "--jump",
            "60/min",
        ],
    );
    let count = |report: &Value, name: &str| report["counts"][name].as_u64().unwrap_or(0);
    assert_eq!((count(&calm, "crashes"), count(&calm, "cuts"), count(&calm, "jumps")), (0, 0, 0));
    assert_eq!(count(&stormy, "crashes"), 2);
    assert!(count(&stormy, "cuts") + count(&stormy, "left") > 0 && count(&stormy, "jumps") > 0, "{stormy}");
    for report in [&calm, &stormy] {
        assert_eq!((&report["people"], &report["lasts"], &report["broken"]), (&json!(5), &json!(6000), &Value::Null));
        assert_eq!(count(report, "edits"), count(report, "acked"), "{report}");
        assert!(report["events"].as_u64().unwrap() >= count(report, "acked"), "{report}");
        assert!(report["back"].as_u64().unwrap() < 30_000, "{report}");
    }
    let (_, text, _) = simulate(directory.path(), &["--clients", "5", "--seed", "3", "--for", "6s"]);
    assert!(text.starts_with("Seed 3: 5 people for 6 s, then everyone came back.\n"), "{text}");
    assert!(
        text.contains("Every rule held: ") && text.contains("http://localhost:1999/lab/?seed=3&people=5\n"),
        "{text}"
    );
}

#[test]
fn simulate4_a_world_that_was_written_is_the_same_world() {
    let directory = tempfile::tempdir().unwrap();
    let told = [&WORLD[..], &["--seed", "21", "--crash-at", "3s", "--out", "w.json"]].concat();
    let written = report(directory.path(), &told);
    let again = report(directory.path(), &["w.json", "--for", "8s"]);
    for name in ["seed", "people", "counts", "events", "images", "link"] {
        assert_eq!(again[name], written[name], "{name}");
    }
    // A lab writes the mistake that its room does not make.
    let path = directory.path().join("w.json");
    let mut world: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    world["knobs"]["bug"] = Value::Null;
    fs::write(&path, world.to_string()).unwrap();
    assert_eq!(report(directory.path(), &["w.json", "--for", "8s"])["counts"], written["counts"]);
}

/// A world whose room makes a mistake.
fn mistaken(directory: &Path) {
    let knobs =
        json!({ "people": 12, "storage": 40, "weather": { "cut": 60, "crash": 600 }, "bug": "AckBeforeCommit" });
    let world = json!({ "kanvas": "world", "version": 1, "seed": 7, "knobs": knobs });
    fs::write(directory.join("mistake.json"), world.to_string()).unwrap();
}

#[test]
#[cfg(not(feature = "planted"))]
fn lab16_a_mistake_that_cannot_be_made_is_told() {
    let directory = tempfile::tempdir().unwrap();
    mistaken(directory.path());
    let (code, printed, told) = simulate(directory.path(), &["mistake.json"]);
    assert_eq!((code, printed.as_str()), (Some(2), ""));
    assert!(told.contains("its room makes the mistake AckBeforeCommit on purpose"), "{told}");
}

#[test]
#[cfg(feature = "planted")]
fn simulate5_a_world_that_breaks_a_rule_is_made_small_and_written() {
    let directory = tempfile::tempdir().unwrap();
    mistaken(directory.path());
    let (code, printed, told) = simulate(directory.path(), &["mistake.json", "--for", "60s", "--json"]);
    assert_eq!(code, Some(1), "{printed}{told}");
    let report: Value = serde_json::from_str(&printed).unwrap();
    let broken = &report["broken"];
    assert!(broken["rule"].as_str().unwrap().starts_with("SIM"), "{report}");
    assert!(broken["people"].as_u64().unwrap() < 12 && broken["tried"].as_u64().unwrap() > 1, "{report}");
    assert!(report["link"].as_str().unwrap().contains("?world="), "{report}");
    assert!(told.contains("A smaller world that breaks the same rule is looked for."), "{told}");
    assert_eq!(report["file"], "kanvas-world-7.json");
    let (code, printed, _) =
        simulate(directory.path(), &["kanvas-world-7.json", "--for", "60s", "--json", "--out", "again.json"]);
    let again: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((code, &again["broken"]["rule"]), (Some(1), &broken["rule"]));
    let (_, text, _) = simulate(directory.path(), &["kanvas-world-7.json", "--for", "60s", "--out", "again.json"]);
    assert!(text.contains("does not hold: ") && text.contains("The smallest world found that breaks it"), "{text}");
}
