//! Hundreds of simulated worlds: each must end with everyone seeing the same, and together they must have met every
//! fault often enough to prove something. One world again: `KANVAS_SIM_SEED=7 cargo test -p kanvas-core --test sim`.
#![allow(missing_docs, reason = "the names of the tests say what they are about")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use kanvas_core::sim::{Failed, Plan, Report, World};

/// Worlds of each plan.
const SEEDS: u64 = 80;

/// Every world, run once for all tests.
struct Worlds {
    reports: Vec<(&'static str, Report)>,
    failures: Vec<Failed>,
}

fn seeds() -> Vec<u64> {
    match std::env::var("KANVAS_SIM_SEED") {
        Ok(seed) => vec![seed.parse().expect("KANVAS_SIM_SEED is a number")],
        Err(_) => (1..=SEEDS).collect(),
    }
}

fn worlds() -> &'static Worlds {
    static WORLDS: OnceLock<Worlds> = OnceLock::new();
    WORLDS.get_or_init(|| {
        let jobs: Vec<(Plan, u64)> = Plan::all()
            .into_iter()
            .flat_map(|plan| seeds().into_iter().map(move |seed| (plan.clone(), seed)))
            .collect();
        let next = AtomicUsize::new(0);
        let run = || {
            let mut done = Vec::new();
            while let Some((plan, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((plan.name, World::new(*seed, plan.clone()).run()));
            }
            done
        };
        let done: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2).map(|_| scope.spawn(run)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no world panics")).collect()
        });
        let (mut reports, mut failures) = (Vec::new(), Vec::new());
        for (plan, result) in done {
            match result {
                Ok(report) => reports.push((plan, report)),
                Err(failed) => failures.push(failed),
            }
        }
        failures.sort_by_key(|failed| (failed.plan, failed.seed));
        // Past the capture of test output: what was covered is part of the result.
        let _ = std::io::stderr().write_all(table(&reports).as_bytes());
        Worlds { reports, failures }
    })
}

/// What the worlds met, plan by plan.
fn table(reports: &[(&'static str, Report)]) -> String {
    let mut text = String::new();
    for plan in Plan::all() {
        let total = total(reports.iter().filter(|(name, _)| *name == plan.name).map(|(_, report)| report));
        let cells: Vec<String> = total.iter().map(|(name, count)| format!("{name} {count}")).collect();
        text += &format!("{}: {}\n", plan.name, cells.join(", "));
    }
    text
}

fn counts(report: &Report) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        ("edits", report.edits),
        ("acks", report.acked),
        ("repeated acks", report.repeated),
        ("refusals with the truth", report.truths),
        ("unreadable messages", report.garbage),
        ("sessions taken back", report.resumed),
        ("deltas", report.deltas),
        ("full snapshots", report.fulls),
        ("cuts", report.cuts),
        ("slow readers", report.pressed),
        ("latest-wins frames skipped", report.latest_skipped),
        ("crashes", report.crashes),
        ("crashes with an edit unanswered", report.crashes_unacked),
        ("stores lost", report.stores_lost),
        ("stores kept unanswered", report.stores_kept),
        ("storage faults", report.storage_faults),
        ("drains", report.drains),
        ("swaps", report.swaps),
        ("wakes", report.wakes),
        ("sleeps", report.sleeps),
    ])
}

fn total<'a>(reports: impl Iterator<Item = &'a Report>) -> BTreeMap<&'static str, u64> {
    let mut total = BTreeMap::new();
    for report in reports {
        for (name, count) in counts(report) {
            *total.entry(name).or_default() += count;
        }
    }
    total
}

/// Fails with the first world in which this rule did not hold, and unless the worlds met each of these that often.
fn holds(rule: &str, met: &[(&str, u64)]) {
    let worlds = worlds();
    let told = |failed: &&Failed| failed.why.contains(&format!("{rule}:"));
    if let Some(Failed { plan, seed, why, tail }) = worlds.failures.iter().find(told) {
        panic!("world {seed} ({plan}): {why}\nwhat happened last:\n  {}", tail.join("\n  "));
    }
    if std::env::var_os("KANVAS_SIM_SEED").is_some() {
        return;
    }
    let total = total(worlds.reports.iter().map(|(_, report)| report));
    for (name, least) in met {
        assert!(total[name] >= *least, "only {} {name} in all worlds; {least} would prove something", total[name]);
    }
}

#[test]
fn sim1_when_faults_stop_everyone_sees_what_the_room_has() {
    holds("SIM1", &[("edits", 50_000), ("cuts", 1000), ("crashes", 300), ("deltas", 1000), ("full snapshots", 1000)]);
}

#[test]
fn sim2_nobody_is_told_what_a_crash_undoes() {
    holds("SIM2", &[("crashes with an edit unanswered", 200), ("stores lost", 50)]);
}

#[test]
fn sim3_nothing_acknowledged_is_missing_or_made_twice() {
    holds("SIM3", &[("acks", 40_000), ("repeated acks", 500), ("stores kept unanswered", 50)]);
}

#[test]
fn sim4_storage_gets_every_event_once_in_order_from_one_owner() {
    holds("SIM4", &[("storage faults", 300), ("crashes", 300)]);
}

#[test]
fn sim5_what_a_client_is_told_makes_sense_to_it() {
    holds("SIM5", &[("refusals with the truth", 5000), ("unreadable messages", 1000), ("drains", 50)]);
}

#[test]
fn sim6_everyone_knows_who_is_there() {
    holds("SIM6", &[("sessions taken back", 100), ("cuts", 1000)]);
}

#[test]
fn sim7_a_drag_leaves_no_ghost() {
    holds("SIM7", &[("edits", 50_000)]);
}

#[test]
fn sim8_slow_readers_lose_only_what_a_later_frame_makes_up_for() {
    holds("SIM8", &[("slow readers", 1000), ("latest-wins frames skipped", 10_000)]);
}

#[test]
fn sim9_a_saved_copy_goes_on_as_the_room() {
    holds("SIM9", &[("swaps", 1000)]);
}

#[test]
fn sim10_a_room_that_was_forgotten_asleep_goes_on() {
    holds("SIM10", &[("wakes", 500), ("sleeps", 100)]);
}

#[test]
fn sim11_the_same_seed_gives_the_same_bytes() {
    for plan in Plan::all() {
        for seed in 1..=4 {
            let run = || World::new(seed, plan.clone()).run().map(|report| report.hash).map_err(|failed| failed.why);
            assert_eq!(run(), run(), "world {seed} ({})", plan.name);
        }
    }
}

#[test]
fn no_world_fails_for_a_reason_without_a_number() {
    let unnumbered = worlds().failures.iter().find(|failed| !failed.why.contains("SIM"));
    if let Some(Failed { plan, seed, why, tail }) = unnumbered {
        panic!("world {seed} ({plan}): {why}\nwhat happened last:\n  {}", tail.join("\n  "));
    }
}
