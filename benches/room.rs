//! One input of each kind to a warm room, with everything that follows from it.
#![allow(missing_docs, reason = "criterion's macros make functions without documentation")]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kanvas_benches::{Table, chat, cursor, drag, transform};
use kanvas_core::{Room, Time};

const PEOPLE: u32 = 50;
const IMAGES: u32 = 1000;

/// The message of a step.
type Message = fn(u32) -> String;

/// Messages from one member of a room of 50 people with 1,000 images, a flush apart.
fn messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("message");
    group.throughput(Throughput::Elements(1));
    let kinds: [(&str, Message); 4] = [
        ("cursor:move", |step| cursor(1, step)),
        ("drag", |step| drag(1, step)),
        ("image:transform", |step| transform(step % IMAGES, step)),
        ("chat:message", chat),
    ];
    for (name, message) in kinds {
        let (mut table, mut step) = (Table::with(PEOPLE, IMAGES), 0);
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    step += 1;
                    message(step)
                },
                |message| {
                    table.pass(16);
                    table.say(1, black_box(&message));
                },
                BatchSize::SmallInput,
            );
        });
        assert!(table.told.deliveries > 0, "{name} is told to the others");
    }
    group.finish();
}

/// Someone comes, gets the whole canvas, and goes.
fn joins(c: &mut Criterion) {
    let mut group = c.benchmark_group("join");
    for images in [0, 100, 1000, 5000] {
        let mut table = Table::with(PEOPLE, images);
        group.bench_function(BenchmarkId::new("unchanged", images), |b| {
            b.iter(|| {
                let slot = table.join("");
                table.leave(slot);
            });
        });
        let (mut table, mut step) = (Table::with(PEOPLE, images.max(1)), 0);
        group.bench_function(BenchmarkId::new("after an edit", images), |b| {
            b.iter(|| {
                step += 1;
                table.say(0, &transform(0, step));
                let slot = table.join("");
                table.leave(slot);
            });
        });
    }
    group.finish();
}

/// The complete machine to bytes and back.
fn copies(c: &mut Criterion) {
    let mut group = c.benchmark_group("copy");
    let table = Table::with(PEOPLE, IMAGES);
    let mut bytes = Vec::new();
    table.save(&mut bytes);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("save", |b| {
        let mut saved = Vec::with_capacity(bytes.len());
        b.iter(|| {
            saved.clear();
            table.save(&mut saved);
        });
    });
    let now = Time::from_millis(1_790_000_000_000);
    group.bench_function("restore", |b| b.iter_with_large_drop(|| Room::restore(black_box(&bytes), now)));
    group.finish();
}

criterion_group!(benches, messages, joins, copies);
criterion_main!(benches);
