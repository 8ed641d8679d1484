//! Everyone moves once, then the room flushes: what the core's share of one delivery is, and how many moves it takes in
//! a second. Sockets are not in it.
#![allow(missing_docs, reason = "criterion's macros make functions without documentation")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kanvas_benches::{FLUSH, Table, Told, cursor};

fn everyone_moves(c: &mut Criterion) {
    let mut group = c.benchmark_group("everyone moves");
    for people in [10, 50, 200, 1000] {
        let mut table = Table::with(people, 0);
        let moves: Vec<String> = (0..people).map(|slot| cursor(slot, slot)).collect();
        let round = |table: &mut Table| {
            for (slot, message) in (0..).zip(&moves) {
                table.say(slot, black_box(message));
            }
            table.pass(FLUSH);
        };
        round(&mut table);
        table.told = Told::default();
        round(&mut table);
        let deliveries = u64::from(people) * u64::from(people - 1);
        assert_eq!(table.told.deliveries, deliveries, "each of {people} hears of every other, once");
        group.throughput(Throughput::Elements(deliveries));
        group.bench_function(BenchmarkId::from_parameter(people), |b| b.iter(|| round(&mut table)));
    }
    group.finish();
}

/// Moves that the core alone takes in a second, each of which it tells the other 49.
fn moves(c: &mut Criterion) {
    let mut group = c.benchmark_group("moves");
    let people = 50;
    let mut table = Table::with(people, 0);
    let moves: Vec<String> = (0..people).map(|slot| cursor(slot, slot)).collect();
    group.throughput(Throughput::Elements(people.into()));
    group.bench_function(BenchmarkId::from_parameter(people), |b| {
        b.iter(|| {
            for (slot, message) in (0..).zip(&moves) {
                table.say(slot, black_box(message));
            }
            table.pass(FLUSH);
        });
    });
    group.finish();
}

criterion_group!(benches, everyone_moves, moves);
criterion_main!(benches);
