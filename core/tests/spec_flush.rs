//! The rule CUR2: when a cursor is told at once, and when it waits for the next flush.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::Host;
use common::say::{crowded, fast, frame, pointed, two_in};
use kanvas_core::{Rate, Span, Time};
use serde_json::{Value, json};

fn at(client: &str, x: i64) -> Value {
    frame(client, "cursor:move", &json!({"x": x, "y": 0}))
}

#[test]
fn cur2_a_small_room_tells_at_once_however_fast_it_goes() {
    let (mut host, ann, bob) = two_in(Host::with_config(|config| {
        config.limits.cursors = Rate { per_sec: 2000, burst: 2000 };
    }));
    for x in 0..100 {
        host.send(ann, &pointed(x));
        host.send(bob, &pointed(-x));
        assert_eq!((host.take(bob), host.take(ann)), (vec![at("c1", x)], vec![at("c2", -x)]), "at once");
        host.pass(2);
    }
}

#[test]
fn cur2_what_is_saved_up_is_spent_first_and_a_debt_is_waited_for() {
    // Two members at 5 ms: a flush costs 10 ms, 16 ms are saved, so the second leaves a debt of 4 ms.
    let (mut host, ann, bob) = two_in(Host::with_config(|config| config.limits.flush_cost = 5000));
    host.pass(100);
    for x in [1, 2] {
        host.send(ann, &pointed(x));
        assert_eq!(host.take(bob), [at("c1", x)], "at once");
    }
    host.send(ann, &pointed(3));
    host.pass(3);
    host.send(ann, &pointed(4));
    host.assert_quiet();
    host.pass(1);
    assert_eq!(host.take(bob), [at("c1", 4)], "the latest only");
    host.pass(9);
    host.send(ann, &pointed(5));
    host.assert_quiet();
    host.pass(1);
    assert_eq!(host.take(bob), [at("c1", 5)], "10 ms after the last one");
}

#[test]
fn cur2_a_debt_of_less_than_a_millisecond_is_waited_for_too() {
    let (mut host, ann, bob) = two_in(Host::with_config(|config| config.limits.flush_cost = 8001));
    host.pass(100);
    host.send(ann, &pointed(1));
    assert_eq!(host.take(bob), [at("c1", 1)]);
    host.send(ann, &pointed(2));
    host.assert_quiet();
    assert_eq!(host.room.deadline(), Some(host.now + Span::from_millis(1)));
    host.pass(1);
    assert_eq!(host.take(bob), [at("c1", 2)]);
}

#[test]
fn cur2_nothing_waits_longer_than_sixteen_milliseconds() {
    let (mut host, ann, bob) = two_in(Host::with_config(crowded));
    host.send(ann, &pointed(1));
    assert_eq!(host.take(bob), [at("c1", 1)], "at once");
    host.send(ann, &pointed(2));
    host.pass(15);
    host.send(ann, &pointed(3));
    host.assert_quiet();
    host.pass(1);
    assert_eq!(host.take(bob), [at("c1", 3)]);
    host.pass(16);
    host.assert_quiet();
    host.send(ann, &pointed(4));
    assert_eq!(host.take(bob), [at("c1", 4)], "16 ms after a flush no more is owed");
}

#[test]
fn cur2_a_flush_has_the_latest_of_each_client() {
    let (mut host, ann, bob) = two_in(Host::with_config(crowded));
    let carol = host.join("carol");
    host.forget();
    host.send(carol, &pointed(0));
    host.forget();
    for x in 1..5 {
        host.send(ann, &pointed(x));
        host.send(bob, &pointed(10 * x));
    }
    host.assert_quiet();
    host.pass(16);
    let (of_ann, of_bob) = (at("c1", 4), at("c2", 40));
    assert_eq!(host.take(carol), [of_ann.clone(), of_bob.clone()]);
    assert_eq!((host.take(ann), host.take(bob)), (vec![of_bob], vec![of_ann]));
}

#[test]
fn cur2_what_nobody_is_told_costs_nothing() {
    let (mut host, ann, bob) = two_in(Host::with_config(|config| {
        config.limits.cursors = Rate { per_sec: 1, burst: 1 };
        config.limits.flush_cost = 5000;
    }));
    host.send(ann, &pointed(0));
    host.pass(100);
    host.forget();
    for x in 1..20 {
        host.send(ann, &pointed(x));
    }
    host.assert_quiet();
    host.send(bob, &pointed(1));
    assert_eq!(host.take(ann), [at("c2", 1)], "one who is over their rate slows nobody");
}

#[test]
fn cur2_a_room_that_is_restored_owes_what_it_owed() {
    let (mut host, ann, bob) = two_in(Host::with_config(crowded));
    host.send(ann, &pointed(1));
    host.forget();
    let mut saved = Vec::new();
    host.room.save(&mut saved);
    host.room = kanvas_core::Room::restore(&saved, host.now).unwrap();
    host.send(ann, &pointed(2));
    host.pass(15);
    host.assert_quiet();
    host.pass(1);
    assert_eq!(host.take(bob), [at("c1", 2)]);
}

/// What one listener heard in a second: how often, how many moves, and how long these waited, in ms.
#[derive(Default)]
struct Heard {
    flushes: u32,
    moves: u32,
    waited: u64,
    worst: u64,
}

impl Heard {
    /// The x of a move is the millisecond in which it was sent.
    fn listen(&mut self, host: &mut Host, listener: u32, start: Time) {
        let frames = host.take(listener);
        host.forget();
        self.flushes += u32::from(!frames.is_empty());
        for frame in frames {
            let waited = host.now.since(start).as_millis() - frame["data"]["x"].as_u64().unwrap();
            (self.moves, self.waited, self.worst) = (self.moves + 1, self.waited + waited, self.worst.max(waited));
        }
    }
}

/// All but the last of so many people move 20 times in a second, evenly one after the other; the last one listens.
fn second_of(people: u32) -> Heard {
    let mut host = Host::with_config(fast);
    let movers: Vec<u32> = (1..people).map(|no| host.join(&format!("pk{no}"))).collect();
    let listener = host.join("listener");
    host.pass(1000);
    host.forget();
    let (start, moves, mut heard) = (host.now, 20 * movers.len(), Heard::default());
    for millis in 0..1020 {
        for no in (millis * moves / 1000..(millis + 1) * moves / 1000).filter(|no| *no < moves) {
            host.send(movers[no % movers.len()], &pointed(i64::try_from(millis).unwrap()));
            heard.listen(&mut host, listener, start);
        }
        host.pass(1);
        heard.listen(&mut host, listener, start);
    }
    assert_eq!(heard.moves as usize, moves, "nobody moves twice within a flush");
    heard
}

#[test]
fn cur2_flushes_a_second_and_how_long_a_move_waits() {
    let mut table =
        format!("{:>7}{:>9}{:>11}{:>12}{:>11}\n", "people", "moves/s", "flushes/s", "worst wait", "mean wait");
    for people in [2, 10, 20, 40, 50, 64, 100] {
        let Heard { flushes, moves, waited, worst } = second_of(people);
        let mean = waited / u64::from(moves);
        table += &format!("{people:>7}{moves:>9}{flushes:>11}{worst:>9} ms{mean:>8} ms\n");
    }
    insta::assert_snapshot!(table);
}
