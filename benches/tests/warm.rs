//! That a room which has been going for a while allocates nothing for what it hears most.

use kanvas_benches::{FLUSH, Table, cursor};

#[test]
fn cur5_a_warm_room_allocates_nothing_for_a_cursor() {
    let mut table = Table::with(50, 100);
    let moves: Vec<String> = (0..50).map(|slot| cursor(slot, slot)).collect();
    let round = |table: &mut Table| {
        for (slot, message) in (0..).zip(&moves) {
            table.say(slot, message);
        }
        table.pass(FLUSH);
    };
    for _ in 0..3 {
        round(&mut table);
    }
    table.told = kanvas_benches::Told::default();
    let seen = allocation_counter::measure(|| round(&mut table));
    assert_eq!(table.told.deliveries, 50 * 49, "everyone heard of everyone");
    assert_eq!(seen.count_total, 0, "allocations: {seen:?}");
}

#[test]
fn cur5_the_counter_counts() {
    let seen = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8; 100])));
    assert_eq!(seen.count_total, 1);
}
