//! The list of rooms with 100,000 on it: pages of every order and kind of search, announcements, a batch for watchers;
//! and the memory that a room takes there.
#![allow(missing_docs, reason = "criterion's macros make functions without documentation")]
#![allow(clippy::print_stdout, reason = "the memory is a result, and no time that criterion could tell")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kanvas_core::directory::{Directory, Input, Query};
use kanvas_core::{Config, Conn, Listing, Outbox, RoomId, Span, Time};

/// Where it only shows that it still measures what it says, the list checks itself after each word, and is short.
const ROOMS: u32 = if cfg!(debug_assertions) { 500 } else { 100_000 };
const START: Time = Time::from_millis(1_790_000_000_000);
const WORDS: [&str; 8] = ["summer", "plans", "mood", "board", "kitchen", "launch", "sketches", "retro"];

fn room(no: u32) -> Listing {
    let word = |shift: u32| WORDS[(no >> shift) as usize % WORDS.len()];
    // Scattered, so that the order of announcement is no order of the list.
    let at = START + Span::from_millis(u64::from(no.wrapping_mul(2_654_435_761) % 1_000_000));
    Listing {
        id: RoomId::new(&format!("room-{no:06}")).expect("an id"),
        name: format!("{} {} of team {no}", word(0), word(3)).into(),
        is_public: true,
        created_at: at,
        last_activity: at,
        user_count: no % 50,
        creator_name: Some(format!("Person {}", no % 5000).into()),
    }
}

fn full() -> Directory {
    let mut config = Config::default();
    // However long it is measured, it stays as full as it is.
    (config.limits.listed_idle, config.limits.listed_silent) = (None, None);
    let (mut list, mut out) = (Directory::new(&config, 7), Outbox::new());
    for no in 0..ROOMS {
        list.handle(START, Input::Announced(&room(no)), &mut out);
    }
    assert_eq!(list.len(), ROOMS as usize);
    list
}

fn pages(c: &mut Criterion) {
    let list = full();
    let mut group = c.benchmark_group("directory: a page of 20 out of 100,000 rooms");
    let one = format!("team person {}", ROOMS - 1);
    for (name, q, sort) in [
        ("by activity", "", "activity"),
        ("by birth", "", "created"),
        ("by people", "", "users"),
        ("by name", "", "name"),
        ("a word that an eighth has", "kitchen", "activity"),
        ("a word that all have", "team", "name"),
        ("three words, one match", one.as_str(), "activity"),
        ("a word that none has", "nowhere", "activity"),
    ] {
        let ask = |cursor: Option<&str>| Query::read(Some(q), Some(sort), None, cursor).expect("a query");
        let first = list.page(&ask(None));
        group.bench_function(name, |b| b.iter(|| black_box(list.page(black_box(&ask(None)))).rooms.len()));
        let Some(cursor) = first.cursor else { continue };
        if name == "by name" {
            group.bench_function("by name, the second page", |b| b.iter(|| list.page(&ask(Some(&cursor))).rooms.len()));
        }
    }
    group.finish();
}

fn feed(c: &mut Criterion) {
    let (mut list, mut out, mut now) = (full(), Outbox::new(), START + Span::from_secs(1000));
    for slot in 0..500 {
        let conn = Conn { slot, generation: 1 };
        list.handle(now, Input::Connect { conn, user: &format!("user {}", slot / 10) }, &mut out);
    }
    let mut no = 0;
    let mut group = c.benchmark_group("directory: news");
    group.bench_function("an announcement", |b| {
        b.iter(|| {
            no = (no + 7919) % ROOMS;
            out.clear();
            list.handle(now, Input::Announced(&Listing { user_count: no % 3, ..room(no) }), &mut out);
        });
    });
    group.bench_function("a batch after 1,000 announcements, whoever watches", |b| {
        b.iter(|| {
            for _ in 0..ROOMS / 100 {
                no = (no + 7919) % ROOMS;
                let last_activity = now + Span::from_millis(u64::from(no % 1000));
                list.handle(now, Input::Announced(&Listing { last_activity, ..room(no) }), &mut out);
            }
            now = now + Span::from_secs(1);
            out.clear();
            list.handle(now, Input::Tick, &mut out);
            // One batch for 500 watchers: at most each of the hundred shown goes and another comes.
            assert!((1..=200).contains(&out.ops().count()));
        });
    });
    group.finish();
}

fn memory(_: &mut Criterion) {
    let mut list = None;
    let taken = allocation_counter::measure(|| list = Some(full()));
    drop(list);
    println!("directory: {} bytes a room, of {ROOMS}", taken.bytes_current / i64::from(ROOMS));
}

criterion_group!(benches, pages, feed, memory);
criterion_main!(benches);
