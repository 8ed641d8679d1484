//! Hundreds of simulated worlds: each must end with everyone seeing the same, and together they must have met every
//! fault often enough to prove something. One world again, of every plan or of one:
//! `KANVAS_SIM_SEED=7 KANVAS_SIM_PLAN=stormy cargo test -p kanvas-core --test sim`. `KANVAS_SIM_TAIL=1000` shows more of
//! what happened before a failure.
#![allow(missing_docs, reason = "the names of the tests say what they are about")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use kanvas_core::sim::{Failed, Phase, Plan, Report, World};

/// Worlds of each plan.
const SEEDS: u64 = 120;

/// Every world, run once for all tests.
struct Worlds {
    reports: Vec<(&'static str, Report)>,
    failures: Vec<Failed>,
}

/// `KANVAS_SIM_SEED=7` for one seed, `KANVAS_SIM_SEED=1..=500` for many.
fn seeds() -> Vec<u64> {
    let number = |text: &str| text.parse::<u64>().expect("KANVAS_SIM_SEED is a number, or two with ..= between");
    match std::env::var("KANVAS_SIM_SEED") {
        Ok(seeds) => match seeds.split_once("..=") {
            Some((first, last)) => (number(first)..=number(last)).collect(),
            None => vec![number(&seeds)],
        },
        Err(_) => (1..=SEEDS).collect(),
    }
}

fn plans() -> Vec<Plan> {
    let wanted = std::env::var("KANVAS_SIM_PLAN").ok();
    Plan::all().into_iter().filter(|plan| wanted.as_ref().is_none_or(|name| name == plan.name)).collect()
}

/// Runs a world to its end. A panic of the room is a failure like any other: it has a seed and a history.
fn run(plan: &Plan, seed: u64) -> Result<Report, Failed> {
    let mut world = World::new(seed, plan.clone());
    if let Some(lines) = std::env::var("KANVAS_SIM_TAIL").ok().and_then(|lines| lines.parse().ok()) {
        world.remember(lines);
    }
    loop {
        match catch_unwind(AssertUnwindSafe(|| world.step())) {
            Ok(Ok(Phase::Done)) => return Ok(world.report().clone()),
            Ok(Ok(_)) => {}
            Ok(Err(failed)) => return Err(failed),
            Err(panic) => {
                let words = panic.downcast_ref::<String>().cloned();
                let why = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
                let why = format!("a panic: {}", why.unwrap_or_default());
                return Err(Failed { plan: plan.name, seed, why, tail: world.tail().collect() });
            }
        }
    }
}

fn worlds() -> &'static Worlds {
    static WORLDS: OnceLock<Worlds> = OnceLock::new();
    WORLDS.get_or_init(|| {
        let jobs: Vec<(Plan, u64)> =
            plans().into_iter().flat_map(|plan| seeds().into_iter().map(move |seed| (plan.clone(), seed))).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            while let Some((plan, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((plan.name, run(plan, *seed)));
            }
            done
        };
        let done: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("panics are caught")).collect()
        });
        let (mut reports, mut failures) = (Vec::new(), Vec::new());
        for (plan, result) in done {
            match result {
                Ok(report) => reports.push((plan, report)),
                Err(failed) => failures.push(failed),
            }
        }
        failures.sort_by_key(|failed| (failed.seed, failed.plan));
        // Past the capture of test output: what was covered is part of the result.
        let _ = std::io::stderr().write_all((table(&reports) + &list(&failures)).as_bytes());
        Worlds { reports, failures }
    })
}

/// One line for each world that failed.
fn list(failures: &[Failed]) -> String {
    let line = |failed: &Failed| {
        let why: String = failed.why.chars().take(160).collect();
        format!("failed: {} {}: {why}\n", failed.plan, failed.seed)
    };
    failures.iter().map(line).collect()
}

/// What the worlds met, plan by plan.
fn table(reports: &[(&'static str, Report)]) -> String {
    let of = |name: &str| total(reports.iter().filter(|(plan, _)| *plan == name).map(|(_, report)| report));
    let columns: Vec<_> = plans().iter().map(|plan| (plan.name, of(plan.name))).collect();
    let head = columns.iter().map(|(name, _)| format!("{name:>15}")).collect::<String>();
    let mut text = format!("{:>20}{head}\n", format!("{} worlds", reports.len()));
    for (name, _) in Report::default().counts() {
        let cells = columns.iter().map(|(_, total)| format!("{:>15}", total.get(name).copied().unwrap_or(0)));
        text += &format!("{name:>20}{}\n", cells.collect::<String>());
    }
    text
}

fn total<'a>(reports: impl Iterator<Item = &'a Report>) -> BTreeMap<&'static str, u64> {
    let mut total = BTreeMap::new();
    for report in reports {
        for (name, count) in report.counts() {
            *total.entry(name).or_default() += count;
        }
    }
    total
}

/// Fails with the first world in which this rule did not hold, and unless the worlds met each of these that often.
fn holds(rule: &str, met: &[(&str, u64)]) {
    let worlds = worlds();
    if let Some(failed) = worlds.failures.iter().find(|failed| failed.why.contains(&format!("{rule}:"))) {
        tell(failed);
    }
    if std::env::var_os("KANVAS_SIM_SEED").is_some() || std::env::var_os("KANVAS_SIM_PLAN").is_some() {
        return;
    }
    let total = total(worlds.reports.iter().map(|(_, report)| report));
    for (name, least) in met {
        assert!(total[name] >= *least, "only {} {name} in all worlds; {least} would prove something", total[name]);
    }
}

fn tell(Failed { plan, seed, why, tail }: &Failed) -> ! {
    panic!(
        "world {seed} ({plan}): {why}\nwhat happened last:\n  {}\nonce more: KANVAS_SIM_SEED={seed} KANVAS_SIM_PLAN='{plan}' \
         cargo test -p kanvas-core --test sim",
        tail.join("\n  ")
    )
}

#[test]
fn sim1_when_faults_stop_everyone_sees_what_the_room_has() {
    holds("SIM1", &[("edits", 60_000), ("cuts", 3000), ("deltas", 8000), ("fulls", 4000), ("multipart", 100)]);
}

#[test]
fn sim2_nobody_is_told_what_a_crash_undoes() {
    holds("SIM2", &[("crashes", 1500), ("crashes unacked", 1000), ("stores lost", 200), ("plain lines", 10_000)]);
}

#[test]
fn sim3_nothing_acknowledged_is_missing_or_made_twice() {
    holds("SIM3", &[("acked", 50_000), ("unnamed", 3000), ("repeated", 3000), ("stores kept", 200)]);
}

#[test]
fn sim4_storage_gets_every_event_once_in_order_from_one_owner() {
    let failures = [("full", 1000), ("locked", 200), ("broken", 100), ("fenced", 200), ("load faults", 60)];
    holds("SIM4", &[&failures[..], &[("chunks", 400)]].concat());
}

#[test]
fn sim5_what_a_client_is_told_makes_sense_to_it() {
    let met = [("truths", 15_000), ("forbidden", 5000), ("busy", 500), ("garbage", 2000), ("drains", 50)];
    holds("SIM5", &[&met[..], &[("given up", 300), ("plain lines", 10_000)]].concat());
}

#[test]
fn sim6_everyone_knows_who_is_there() {
    holds("SIM6", &[("resumed", 500), ("cuts", 3000), ("left", 1000), ("idled", 300)]);
}

#[test]
fn sim7_a_drag_leaves_no_ghost() {
    holds("SIM7", &[("drags", 50_000), ("settles", 20_000)]);
}

#[test]
fn sim8_slow_readers_lose_only_what_a_later_frame_makes_up_for() {
    holds("SIM8", &[("pressed", 2000), ("latest skipped", 50_000)]);
}

#[test]
fn sim9_a_saved_copy_goes_on_as_the_room() {
    holds("SIM9", &[("swaps", 5000), ("echoed", 100_000)]);
}

#[test]
fn sim10_a_room_that_was_forgotten_asleep_goes_on() {
    holds("SIM10", &[("wakes", 3000), ("sleeps", 50)]);
}

#[test]
fn sim12_a_tick_does_what_is_due_and_nothing_before_its_time() {
    holds("SIM12", &[("early ticks", 8000), ("jumps", 50)]);
}

#[test]
fn sim13_a_full_disk_keeps_nobody_out() {
    holds("SIM13", &[("full spells", 200), ("joined full", 1500), ("returns", 200)]);
}

#[test]
fn sim14_nobody_is_refused_for_the_pace_of_others() {
    holds("SIM14", &[("too fast", 300)]);
}

#[test]
fn sim15_a_client_id_names_one_client() {
    holds("SIM15", &[("crashes", 1500), ("fulls", 4000)]);
}

#[test]
fn sim16_no_drag_is_told_after_the_edit_that_ended_it() {
    holds("SIM16", &[("drags", 50_000), ("edits", 60_000)]);
}

#[test]
fn sim18_nobody_does_what_they_may_not() {
    holds("SIM18", &[("governed", 5000), ("forbidden", 5000)]);
}

#[test]
fn sim19_the_list_of_rooms_is_told_what_there_is() {
    holds("SIM19", &[("crashes", 1500), ("returns", 100), ("wakes", 100)]);
}

#[test]
fn sim20_a_canvas_that_is_replaced_or_taken_back_is_what_was_asked_for() {
    holds("SIM20", &[("replaced", 1000), ("taken back", 1000), ("published", 1000), ("synced anew", 1000)]);
}

#[test]
fn sim11_the_same_seed_gives_the_same_bytes() {
    for plan in Plan::all() {
        for seed in 1..=5 {
            let run = || World::new(seed, plan.clone()).run().map(|report| report.hash).map_err(|failed| failed.why);
            assert_eq!(run(), run(), "world {seed} ({})", plan.name);
        }
    }
}

#[test]
fn no_world_fails_for_a_reason_without_a_number() {
    if let Some(failed) = worlds().failures.iter().find(|failed| !failed.why.contains("SIM")) {
        tell(failed);
    }
}
