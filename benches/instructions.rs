//! Instructions that the processor executes, counted by valgrind's callgrind: the same on a busy machine as on an
//! idle one, so that a change of one per cent can be seen. Each has a bound, some 5 % above what it is: whoever goes over
//! it finds out why, or raises it and says for what.
#![allow(missing_docs, unused_qualifications, reason = "gungraun's macros make functions without documentation")]

use std::hint::black_box;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use kanvas_benches::{FLUSH, Table, chat, cursor, drag, transform};
use kanvas_core::Code;
use kanvas_core::sim::wire::{self, Sample};

/// More instructions than that are an error.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

#[library_benchmark]
#[bench::cursor(args = (cursor(7, 1)), config = at_most(570))]
#[bench::drag(args = (drag(7, 1)), config = at_most(6_500))]
#[bench::transform(args = (transform(7, 1)), config = at_most(6_700))]
#[bench::chat(args = (chat(1)), config = at_most(5_000))]
fn read(message: String) -> (Result<(), Code>, String) {
    (wire::read(black_box(message.as_bytes())), message)
}

#[library_benchmark]
#[bench::cursor(args = (Sample::cursor(1007.5, 2001.25), Vec::with_capacity(256)), config = at_most(780))]
#[bench::stored(args = (Sample::stored(r#"{"id":"i7","x":1007.5,"y":2001.25}"#), Vec::with_capacity(256)), config = at_most(500))]
fn write(sample: Sample, mut frame: Vec<u8>) -> (Sample, Vec<u8>) {
    sample.write(black_box(&mut frame));
    (sample, frame)
}

/// A warm room of 50 people, and what one of them says.
fn warm(message: String) -> (Table, String) {
    (Table::with(50, 100), message)
}

/// The same with a drag under way: what comes next finds everything in its place, as all but the first do.
fn dragging(mut table: Table) -> (Table, String) {
    table.say(1, &drag(1, 0));
    table.pass(FLUSH);
    (table, drag(1, 1))
}

#[library_benchmark]
#[bench::cursor(args = (warm(cursor(1, 1))), config = at_most(3_350))]
#[bench::drag(args = (dragging(Table::with(50, 100))), config = at_most(11_300))]
#[bench::guarded_drag(args = (dragging(Table::guarded(50, 100))), config = at_most(12_100))]
#[bench::transform(args = (warm(transform(1, 1))), config = at_most(30_700))]
#[bench::chat(args = (warm(chat(1))), config = at_most(45_400))]
fn message((mut table, message): (Table, String)) -> Table {
    table.say(1, black_box(&message));
    table
}

// Fifty moves, and the flush that tells them.
#[library_benchmark]
#[bench::fifty(args = (Table::with(50, 0), (0..50).map(|slot| cursor(slot, 1)).collect()), config = at_most(143_000))]
fn everyone_moves(mut table: Table, moves: Vec<String>) -> Table {
    for (slot, message) in (0..).zip(&moves) {
        table.say(slot, black_box(message));
    }
    table.pass(FLUSH);
    table
}

library_benchmark_group!(name = benches; benchmarks = read, write, message, everyone_moves);
main!(library_benchmark_groups = benches);
