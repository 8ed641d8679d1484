//! The same inputs give the same bytes wherever they are played: here again in this process, from what a world recorded.
//! `runtime-wasm/tests` plays the same in Node.js and in a browser.
#![allow(missing_docs, reason = "tests")]

use kanvas_core::codec::{read_inputs, write_op};
use kanvas_core::sim::{Life, Phase, Plan, World};
use kanvas_core::{Config, Outbox, Room, RoomId, Time};

fn lives(seed: u64, plan: Plan) -> Vec<Life> {
    let mut world = World::new(seed, plan);
    world.record(200);
    while world.step().expect("every rule holds") != Phase::Done {}
    world.lives().to_vec()
}

/// What a room says to these inputs.
fn play(room: &mut Room, inputs: &[u8], said: &mut Vec<u8>) {
    let mut out = Outbox::new();
    read_inputs(inputs, |now, input| {
        room.handle(now, input, &mut out);
        out.ops().for_each(|op| write_op(&op, said));
        out.clear();
    })
    .expect("inputs");
}

fn born(life: &Life, config: &Config, said: &mut Vec<u8>) -> Room {
    let mut out = Outbox::new();
    let id = RoomId::new("board").expect("a room id");
    let room = Room::new(id, config, life.seed, life.born, &mut out);
    out.ops().for_each(|op| write_op(&op, said));
    room
}

#[test]
fn room12_what_was_recorded_is_said_again_byte_for_byte() {
    for plan in [Plan::stormy(), Plan::governed(), Plan::rewritten(), Plan::bad_disk()] {
        let config = plan.config.clone();
        for life in lives(3, plan) {
            let mut said = Vec::new();
            let mut room = born(&life, &config, &mut said);
            play(&mut room, &life.inputs, &mut said);
            assert!(said == life.said, "a room says something else the second time");
        }
    }
}

#[test]
fn room11_a_recorded_room_goes_on_from_where_it_was_saved() {
    let plan = Plan::calm();
    let config = plan.config.clone();
    let mut gone_on = 0;
    for life in lives(4, plan) {
        let Some((heard, had_said, saved)) = &life.saved else { continue };
        let (mut said, mut again) = (Vec::new(), Vec::new());
        let mut first = born(&life, &config, &mut said);
        play(&mut first, &life.inputs[..*heard], &mut said);
        first.save(&mut again);
        assert!(*saved == again && said.len() == *had_said, "the room is saved differently");
        let mut room = Room::restore(saved, Time::default()).expect("a saved room");
        let mut rest = Vec::new();
        play(&mut room, &life.inputs[*heard..], &mut rest);
        assert!(rest == life.said[*had_said..], "the restored room says something else");
        gone_on += 1;
    }
    assert!(gone_on > 0);
}
