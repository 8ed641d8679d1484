//! Reading messages and writing frames, beside what `serde_json` alone takes for the same bytes.
#![allow(missing_docs, reason = "criterion's macros make functions without documentation")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kanvas_benches::{add, chat, cursor, drag, transform};
use kanvas_core::sim::wire::{self, Sample};
use serde_json::Value;

fn read(c: &mut Criterion) {
    let messages = [
        ("cursor:move", cursor(7, 1)),
        ("drag", drag(7, 1)),
        ("image:transform", transform(7, 1)),
        ("image:add", add(7)),
        ("chat:message", chat(7)),
    ];
    let mut group = c.benchmark_group("read");
    for (name, message) in &messages {
        assert_eq!(wire::read(message.as_bytes()), Ok(()), "{name} is a message that clients send");
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_with_input(BenchmarkId::new("kanvas", name), message, |b, message| {
            b.iter(|| wire::read(black_box(message.as_bytes())));
        });
        group.bench_with_input(BenchmarkId::new("serde_json::Value", name), message, |b, message| {
            b.iter(|| serde_json::from_slice::<Value>(black_box(message.as_bytes())).map(drop));
        });
    }
    group.finish();
}

fn write(c: &mut Criterion) {
    let samples = [
        ("cursor:move", Sample::cursor(1007.5, 2001.25)),
        ("drag", Sample::dragged(1007.5, 2001.25)),
        ("image:transform", Sample::stored(r#"{"id":"i7","x":1007.5,"y":2001.25}"#)),
    ];
    let mut group = c.benchmark_group("write");
    let mut frame = Vec::new();
    for (name, sample) in &samples {
        frame.clear();
        sample.write(&mut frame);
        let value: Value = serde_json::from_slice(&frame).expect("frames are JSON");
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_with_input(BenchmarkId::new("kanvas", name), sample, |b, sample| {
            b.iter(|| {
                frame.clear();
                black_box(sample).write(&mut frame);
            });
        });
        group.bench_with_input(BenchmarkId::new("serde_json::Value", name), &value, |b, value| {
            b.iter(|| {
                frame.clear();
                serde_json::to_writer(&mut frame, black_box(value))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, read, write);
criterion_main!(benches);
