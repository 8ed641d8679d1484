//! Recordings of real rooms, bent: a room that goes on from a recorded one is as sound as any other.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use crate::input::{Done, Input};
use crate::outbox::Outbox;
use crate::recording::{Player, Recording};
use crate::room::Room;
use crate::sim::Replay;

/// Any bytes are refused in a sentence, or are a recording of a room that stays whole under each of its inputs. One whose
/// inputs a host can give is the same from the middle as from the beginning, and can be rewritten and played again.
pub fn recording(bytes: &[u8]) {
    let recording = match Recording::read(bytes.to_vec()) {
        Ok(recording) => recording,
        Err(why) => return assert!(!why.to_string().is_empty()),
    };
    let Ok(mut room) = recording.room() else { return };
    let (mut out, mut legal) = (Outbox::new(), true);
    for no in 0..recording.len() {
        recording.input(no, &mut |now, mut input| {
            // A host answers with the store's own place.
            let sent = room.marks().sent;
            if let Input::Done { result: Done::Stored { upto }, .. } = &mut input {
                legal &= *upto == sent;
                *upto = sent;
            }
            room.handle(now, input, &mut out);
        });
        out.clear();
        assert_eq!(room.check(), Ok(()));
    }
    if legal {
        plays(recording, &room);
    }
}

/// REC1, REC4, REC6, REC12.
fn plays(recording: Recording, end: &Room) {
    let half = recording.len() / 2;
    let all = recording.len();
    let mut player = Player::new(recording.clone()).expect("a room that was restored before");
    run(&mut player, half);
    let middle = saved(player.room());
    run(&mut player, all);
    assert!(saved(player.room()) == saved(end), "it ends as another room");
    player.rewind(half);
    run(&mut player, half);
    assert!(saved(player.room()) == middle, "the middle is another one than before");
    let mut replay = Replay::new(recording.clone()).expect("a room that was restored before");
    assert!(!replay.check(usize::MAX));
    replay.go_to(half);
    assert_eq!(replay.steps(), half);
    assert!(serde_json::to_string(&replay.view()).is_ok());
    let redacted = recording.redacted(7).expect("a room that was restored before");
    assert_eq!(redacted.len(), all);
    let mut player = Player::new(redacted).expect("a room that was rewritten");
    run(&mut player, all);
    assert_eq!(player.departed(), None);
}

fn run(player: &mut Player, to: usize) {
    while player.at() < to && player.step(|_, _, _| {}) {}
}

fn saved(room: &Room) -> Vec<u8> {
    let mut bytes = Vec::new();
    room.save(&mut bytes);
    bytes
}
