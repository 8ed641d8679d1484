//! That a room which has been going for a while allocates nothing for what it hears most.

use allocation_counter::AllocationInfo;
use kanvas_benches::{FLUSH, Table, Told, cursor};

/// What was told, and what was allocated, while everyone moved so often, once the room was warm.
fn moved(table: &mut Table, rounds: u32) -> (Told, AllocationInfo) {
    let moves: Vec<String> = (0..50).map(|slot| cursor(slot, slot)).collect();
    let go = |table: &mut Table| {
        for _ in 0..rounds {
            for (slot, message) in (0..).zip(&moves) {
                table.say(slot, message);
            }
            table.pass(FLUSH);
        }
    };
    go(table);
    go(table);
    table.told = Told::default();
    let seen = allocation_counter::measure(|| go(table));
    (table.told, seen)
}

#[test]
fn cur5_a_warm_room_allocates_nothing_for_a_cursor() {
    let (told, seen) = moved(&mut Table::with(50, 100), 3);
    assert_eq!(told.deliveries, 3 * 50 * 49, "everyone heard of everyone");
    assert_eq!(seen.count_total, 0, "allocations: {seen:?}");
}

#[test]
fn cur5_nor_for_a_batch() {
    let mut table = Table::with(0, 0);
    for _ in 0..50 {
        table.join(r#","batch":true"#);
    }
    let (told, seen) = moved(&mut table, 3);
    assert_eq!(told.ops, 3, "one frame a flush");
    assert_eq!(seen.count_total, 0, "allocations: {seen:?}");
}

#[test]
fn cur5_nor_for_those_who_look_elsewhere() {
    let mut table = Table::with(50, 0);
    for slot in 0..50 {
        let away = if slot < 25 { 0 } else { 100_000 };
        table.say(slot, &format!(r#"{{"type":"canvas:transform","data":{{"x":{away},"y":0,"scale":1}}}}"#));
    }
    let (told, seen) = moved(&mut table, 40);
    let near = 40 * 50;
    assert!((near + 50..near + 4 * 50).contains(&told.ops), "one group hears of all, the other now and then: {told:?}");
    assert_eq!(seen.count_total, 0, "allocations: {seen:?}");
}

#[test]
fn cur5_the_counter_counts() {
    let seen = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8; 100])));
    assert_eq!(seen.count_total, 1);
}
