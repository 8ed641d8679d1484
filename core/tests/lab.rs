//! Worlds to look at: steering them, going back in them, and making those small that fail.
#![allow(missing_docs, reason = "tests")]

use kanvas_core::sim::{Kind, Knobs, Lab, Recipe, Turn, Weather, rule_of};
use kanvas_core::{Bug, Span, Time};

const BAD: Weather = Weather { cut: 100, stall: 60, crash: 120, storage_fault: 30, jump: 60 };

fn recipe(seed: u64, weather: Weather) -> Recipe {
    Recipe { seed, knobs: Knobs { weather, ..Knobs::default() }, ..Recipe::default() }
}

/// All that there is to see at a moment.
fn seen(lab: &mut Lab) -> String {
    serde_json::to_string(&lab.view(&[0, 1, 2])).expect("JSON")
}

fn after(lab: &Lab, seconds: u64) -> Time {
    lab.world().now() + Span::from_secs(seconds)
}

fn run(lab: &mut Lab, seconds: u64) {
    let until = after(lab, seconds);
    assert!(lab.run_until(until, u64::MAX), "it comes there");
    if let Some(failed) = lab.failed() {
        panic!("{}", failed.why);
    }
}

/// What somebody does who plays with it.
fn play(lab: &mut Lab) {
    run(lab, 5);
    lab.turn(Turn::Crash);
    run(lab, 3);
    lab.turn(Turn::Knobs(Knobs { people: 20, latency: 200, guided: true, weather: BAD, ..Knobs::default() }));
    run(lab, 3);
    for turn in [Turn::Cut(2), Turn::Stall(1), Turn::Jump(1500), Turn::Put(300, 300), Turn::Say, Turn::Point(10, 20)] {
        lab.turn(turn);
        run(lab, 1);
    }
}

#[test]
fn lab1_the_same_recipe_gives_the_same_world() {
    let mut first = Lab::new(recipe(5, BAD));
    play(&mut first);
    let text = serde_json::to_string(&first.recipe()).expect("JSON");
    let mut second = Lab::new(serde_json::from_str(&text).expect("a recipe"));
    second.go_to(first.world().steps());
    assert_eq!(seen(&mut second), seen(&mut first));
    for (kind, word) in
        [(Kind::Input, "tick"), (Kind::Op, "store up to"), (Kind::Frame, "cursor:move"), (Kind::Link, "connects")]
    {
        assert!(first.lines().any(|line| line.kind == kind && line.text.contains(word)), "no {word}");
    }
    assert!(second.lines().map(|line| &line.text).eq(first.lines().map(|line| &line.text)), "other lines");
    let mut other = Lab::new(recipe(6, BAD));
    other.go_to(first.world().steps());
    assert_ne!(seen(&mut other), seen(&mut first));
}

#[test]
fn lab2_back_to_any_moment_is_that_moment() {
    let mut lab = Lab::new(recipe(7, BAD));
    play(&mut lab);
    let last = lab.world().steps();
    let marks: Vec<u64> = (0..12).map(|no| no * last / 12 + no).collect();
    let ahead: Vec<String> = marks
        .iter()
        .map(|step| {
            lab.go_to(*step);
            assert_eq!(lab.world().steps(), *step);
            seen(&mut lab)
        })
        .collect();
    for (step, wanted) in marks.iter().zip(&ahead).rev() {
        lab.go_to(*step);
        assert_eq!(&seen(&mut lab), wanted, "after {step} steps it is another moment");
    }
    assert_eq!(lab.reached().0, last);
    let half = Time::from_millis(lab.world().now().as_millis() + 4000);
    lab.go_to(last);
    lab.go_back_to(half);
    assert!(lab.world().now() <= half);
    assert!(lab.run_until(half, u64::MAX));
    lab.go_to(last);
    assert_eq!(lab.world().steps(), last);
}

#[test]
fn lab2_what_is_done_in_the_past_is_a_new_future() {
    let mut lab = Lab::new(recipe(7, Weather::default()));
    run(&mut lab, 6);
    let (step, then) = (lab.world().steps() / 2, seen(&mut lab));
    lab.go_to(step);
    lab.turn(Turn::Crash);
    assert_eq!(lab.reached().0, step);
    run(&mut lab, 4);
    assert_eq!(lab.recipe().turns, [(step, Turn::Crash)]);
    assert_ne!(seen(&mut lab), then);
    assert!(then.contains("\"crashes\"") != seen(&mut lab).contains("\"crashes\""));
}

#[test]
fn lab3_the_next_fault_is_where_something_breaks() {
    let mut lab = Lab::new(recipe(3, Weather { crash: 600, ..Weather::default() }));
    assert!(lab.go_to_fault(Span::from_secs(120)));
    let first = lab.world().steps();
    let line = lab.lines().last().expect("a line").clone();
    assert!(lab.lines().any(|line| line.step == first && line.text.contains("crash")), "{line:?}");
    assert!(lab.go_to_fault(Span::from_secs(120)));
    let second = lab.world().steps();
    assert!(second > first);
    lab.go_to(0);
    assert!(lab.go_to_fault(Span::from_secs(1)), "it is known by now, however far");
    assert_eq!(lab.world().steps(), first);
    let mut calm = Lab::new(recipe(3, Weather::default()));
    assert!(!calm.go_to_fault(Span::from_secs(5)));
}

#[test]
fn lab4_a_world_that_fails_is_made_small_and_fails_by_the_same_rule() {
    let knobs = Knobs { bug: Some(Bug::AckBeforeCommit), weather: BAD, ..Knobs::default() };
    let mut lab = Lab::new(Recipe { seed: 2, knobs, ..Recipe::default() });
    assert!(lab.shrink().is_err(), "nothing has failed yet");
    let until = after(&lab, 300);
    lab.run_until(until, u64::MAX);
    let rule = rule_of(&lab.failed().expect("it fails").why).to_string();
    assert!(lab.is_over() && rule.starts_with("SIM"), "{rule}");
    let mut shrink = lab.shrink().expect("it fails");
    while shrink.step() {}
    assert!(shrink.recipe().knobs.people < 12, "{} people", shrink.recipe().knobs.people);
    assert!(!shrink.recipe().mute.is_empty() && shrink.tried() > 3);
    // What it tells is true: the small world fails by that rule, in that time.
    let small = serde_json::to_string(shrink.recipe()).expect("JSON");
    let mut again = Lab::new(serde_json::from_str(&small).expect("a recipe"));
    let end = Time::from_millis(again.world().now().as_millis() + shrink.lasts().as_millis());
    again.run_until(end + Span::from_millis(1), u64::MAX);
    let failed = again.failed().expect("it fails again");
    assert_eq!((rule_of(&failed.why), &failed.why), (rule.as_str(), &shrink.failed().why));
    // At the moment before it nothing is wrong, and one can look around.
    let last = again.world().steps();
    again.go_to(last - 1);
    assert!(again.failed().is_none() && !again.is_over());
    again.go_to(last);
    assert!(again.failed().is_some());
}

#[test]
fn lab5_when_the_faults_stop_everyone_sees_what_is_stored() {
    let mut lab = Lab::new(recipe(9, Weather { crash: 600, ..BAD }));
    run(&mut lab, 30);
    let bad = serde_json::to_value(lab.view(&[])).expect("JSON");
    let counts = &bad["counts"];
    for fault in ["crashes", "cuts"] {
        assert!(counts[fault].as_u64() > Some(0), "no {fault}: {counts}");
    }
    lab.turn(Turn::Calm);
    while lab.step() {}
    assert!(lab.failed().is_none(), "{:?}", lab.failed().map(|failed| &failed.why));
    let view = serde_json::to_value(lab.view(&[0])).expect("JSON");
    assert_eq!(view["phase"], "done");
    let people = view["people"].as_array().expect("people");
    assert!(
        people
            .iter()
            .all(|one| one["differs"] == 0 && one["behind"] == 0 && one["pending"] == 0 && one["state"] == "in")
    );
    assert!(lab.differences(0).is_empty());
    let shown = view["screens"][0]["images"].as_array().map(|images| images.len() as u64);
    assert_eq!(shown, view["room"]["images"].as_u64());
    assert!(view["room"]["images"].as_u64() > Some(3));
}

#[test]
fn lab5_a_replica_that_lags_is_told_with_what_it_sees_otherwise() {
    let knobs = Knobs { latency: 1500, guided: true, ..Knobs::default() };
    let mut lab = Lab::new(Recipe { seed: 1, knobs, ..Recipe::default() });
    run(&mut lab, 12);
    lab.turn(Turn::Put(500, 400));
    run(&mut lab, 2);
    let view = serde_json::to_value(lab.view(&[])).expect("JSON");
    let other = (1..12).find(|no| view["people"][*no]["differs"].as_u64() > Some(0)).expect("someone lags");
    let differences = lab.differences(other);
    assert_eq!(Some(differences.len() as u64), view["people"][other]["differs"].as_u64());
    assert!(view["people"][other]["down"].as_u64() > Some(0), "it is on its way");
}

#[test]
fn lab6_the_first_of_the_people_does_what_is_asked() {
    let mut lab = Lab::new(Recipe {
        seed: 1,
        knobs: Knobs { guided: true, people: 3, rate: 1, images: 0, ..Knobs::default() },
        ..Recipe::default()
    });
    run(&mut lab, 5);
    lab.turn(Turn::Put(500, 400));
    run(&mut lab, 2);
    let view = serde_json::to_value(lab.view(&[1])).expect("JSON");
    let image = view["screens"][0]["images"][0][0].as_str().expect("the others see it").to_string();
    lab.turn(Turn::Carry { image: image.clone(), x: 40, y: 50, drop: false });
    run(&mut lab, 1);
    lab.turn(Turn::Carry { image: image.clone(), x: 60, y: 70, drop: true });
    run(&mut lab, 2);
    let view = serde_json::to_value(lab.view(&[1])).expect("JSON");
    assert_eq!(view["screens"][0]["images"][0][1], 60.0);
    lab.turn(Turn::Point(700, 800));
    run(&mut lab, 1);
    let view = serde_json::to_value(lab.view(&[1])).expect("JSON");
    let hand = view["screens"][0]["cursors"]
        .as_array()
        .expect("cursors")
        .iter()
        .find(|one| one[1] == "Ada")
        .expect("a hand")
        .clone();
    assert_eq!((&hand[3], &hand[4]), (&700.0.into(), &800.0.into()));
    lab.turn(Turn::Remove(image));
    run(&mut lab, 2);
    let view = serde_json::to_value(lab.view(&[1])).expect("JSON");
    assert_eq!(view["screens"][0]["images"].as_array().map(Vec::len), Some(0));
}

#[test]
fn lab1_knobs_beyond_their_bounds_are_the_nearest_that_can_be() {
    let wild = Knobs { people: 1_000_000, rate: 0, latency: u64::MAX, storage: u64::MAX, ..Knobs::default() };
    let mut lab = Lab::new(Recipe { seed: 1, knobs: wild, ..Recipe::default() });
    lab.go_to(500);
    assert_eq!(serde_json::to_value(lab.view(&[])).expect("JSON")["people"].as_array().map(Vec::len), Some(200));
}
