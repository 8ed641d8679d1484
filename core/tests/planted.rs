//! That the simulator finds mistakes: each of those in `planted.rs` is made on purpose, and worlds are run until one
//! fails. The table says within how many, and by which rule. `cargo test -p kanvas-core --features planted --test planted`
#![allow(missing_docs, reason = "the names of the tests say what they are about")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use kanvas_core::Bug;
use kanvas_core::sim::{Phase, Plan, World};

/// Each bug, the number of seeds of all plans within which it is found, and the words of the rule that finds it.
const FOUND: [(Bug, u64, &str); 24] = [
    (Bug::AckBeforeCommit, 1, "SIM2"),
    (Bug::ToldBeforeCommit, 1, "SIM2"),
    (Bug::SnapshotBeforeCommit, 1, "SIM2"),
    (Bug::IdsUsedAgain, 1, "SIM15"),
    (Bug::DedupeDropped, 1, "SIM3"),
    (Bug::DedupeNotRebuilt, 1, "SIM3"),
    (Bug::DeltaOneShort, 1, "SIM5"),
    (Bug::PresenceLeaked, 1, "SIM6"),
    (Bug::SharedBucket, 1, "SIM14"),
    (Bug::DragAfterItsEdit, 6, "SIM16"),
    (Bug::GhostLeft, 6, "SIM1"),
    (Bug::PropertyReset, 1, "SIM5"),
    (Bug::ChunkForgotten, 1, "SIM5"),
    (Bug::WrongTruth, 1, "SIM5"),
    (Bug::SlowNotRefreshed, 1, "SIM6"),
    (Bug::Echoed, 1, "SIM5"),
    (Bug::LockIgnored, 1, "SIM18"),
    (Bug::RightsAsTold, 6, "SIM18"),
    (Bug::MembersNotStored, 1, "SIM3"),
    (Bug::RightsUntold, 6, "SIM18"),
    (Bug::AnnouncedOnce, 1, "SIM19"),
    (Bug::RewoundTooFar, 1, "SIM20"),
    (Bug::RewriteUntold, 1, "SIM5"),
    (Bug::FarUntold, 1, "SIM6"),
];

/// Why the world of this plan and seed fails, if it does.
fn fails(plan: &Plan, seed: u64, bug: Option<Bug>) -> Option<String> {
    let mut plan = plan.clone();
    plan.config.bug = bug;
    let mut world = World::new(seed, plan);
    loop {
        match catch_unwind(AssertUnwindSafe(|| world.step())) {
            Ok(Ok(Phase::Done)) => return None,
            Ok(Ok(_)) => {}
            Ok(Err(failed)) => return Some(failed.why),
            Err(panic) => {
                let words = panic.downcast_ref::<String>().cloned();
                return Some(format!("a panic: {}", words.unwrap_or_default()));
            }
        }
    }
}

/// The first seed whose worlds, one of each plan, do not all stand, and why the first of them fails.
fn find(bug: Bug, most: u64) -> Option<(u64, &'static str, String)> {
    let worlds = (1..=most).flat_map(|seed| Plan::all().into_iter().map(move |plan| (seed, plan)));
    worlds.into_iter().find_map(|(seed, plan)| Some((seed, plan.name, fails(&plan, seed, Some(bug))?)))
}

#[test]
fn sim17_every_planted_bug_is_found_within_its_seeds() {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        while let Some((bug, most, rule)) = FOUND.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.push((*bug, *most, *rule, find(*bug, *most)));
        }
        found
    };
    let found: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("panics are caught")).collect()
    });
    let (mut table, mut missed) = (String::new(), Vec::new());
    for (bug, most, rule, first) in found {
        let name = format!("{bug:?}");
        match &first {
            Some((seed, plan, why)) => {
                let why: String = why.chars().take(100).collect();
                writeln!(table, "{name:>22} seed {seed:>2} of {most:>2}, {plan:<15} {why}").expect("it is a text");
            }
            None => writeln!(table, "{name:>22} is not found in {most} seeds").expect("it is a text"),
        }
        if !first.is_some_and(|(_, _, why)| why.contains(&format!("{rule}: "))) {
            missed.push(bug);
        }
    }
    // Past the capture of test output: what was found is part of the result.
    let _ = std::io::stderr().write_all(table.as_bytes());
    assert_eq!(missed, [], "not found, or for another reason");
}

#[test]
fn sim17_every_bug_is_in_the_table_and_none_fails_without_it() {
    assert_eq!(FOUND.map(|(bug, ..)| bug), Bug::ALL);
    for plan in Plan::all() {
        assert_eq!(fails(&plan, 1, None), None, "{}", plan.name);
    }
}

#[test]
fn sim17_no_server_is_built_with_them() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges", "normal,build,features", "-p", "kanvas-server"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let features = String::from_utf8_lossy(&tree.stdout);
    assert!(tree.status.success() && features.contains("kanvas-core"), "{features}");
    assert!(!features.contains("planted"), "{features}");
}
