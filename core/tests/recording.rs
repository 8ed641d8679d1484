//! Recordings of rooms of a simulated world: each is taken over half way, as a room that lives, and recorded from there on.
#![allow(missing_docs, reason = "tests")]

use kanvas_core::codec::{fingerprint, read_inputs, write_ops};
use kanvas_core::recording::{Bounds, Departure, Ended, Player, Recorder, Recording, Told, Unplayable};
use kanvas_core::sim::{Knobs, Life, Phase, Plan, Recipe, Weather, World};
use kanvas_core::{Conn, End, Input, Outbox, Room, Span, Time};

const AMPLE: Bounds = Bounds { bytes: 64 << 20, span: Span::from_secs(3600) };

/// The rooms of a world in which everyone speaks `kanvas.v1`.
fn lives(seed: u64, plan: Plan) -> Vec<Life> {
    let mut world = World::new(seed, Plan { clients: 5, ..plan });
    world.record(150);
    while world.step().expect("every rule holds") != Phase::Done {}
    world.lives().iter().filter(|life| life.saved.is_some()).cloned().collect()
}

/// The rooms of a world of people at work.
fn studios(seed: u64, weather: Weather) -> Vec<Life> {
    let mut world = Recipe { seed, knobs: Knobs { weather, ..Knobs::default() }, ..Recipe::default() }.begin();
    world.record(400);
    let end = world.now() + Span::from_secs(60);
    while world.now() < end {
        world.step().expect("every rule holds");
    }
    world.lives().iter().filter(|life| life.saved.is_some()).cloned().collect()
}

/// What a host does that records a room.
fn record(life: &Life, bounds: Bounds) -> (Vec<u8>, Room) {
    let (heard, _, saved) = life.saved.as_ref().expect("a saved room");
    let mut room = Room::restore(saved, Time::default()).expect("a room");
    let mut recorder = None;
    let mut out = Outbox::new();
    read_inputs(&life.inputs[*heard..], |now, input| {
        let recorder = recorder.get_or_insert_with(|| Recorder::begin(&room, "0.1.0", now, bounds));
        recorder.hear(now, &input);
        room.handle(now, input, &mut out);
        recorder.tell(&room, out.ops());
        out.clear();
    })
    .expect("inputs");
    (recorder.expect("an input").recording(), room)
}

fn read(bytes: &[u8]) -> Recording {
    Recording::read(bytes.to_vec()).expect("a recording")
}

fn saved(room: &Room) -> Vec<u8> {
    let mut bytes = Vec::new();
    room.save(&mut bytes);
    bytes
}

/// Plays to the end; what was said, all in one.
fn play(player: &mut Player) -> Vec<u8> {
    let mut said = Vec::new();
    while player.step(|_, _, out| write_ops(out, &mut said)) {}
    said
}

#[test]
fn rec1_a_recording_that_is_played_again_says_the_same_and_ends_as_the_same_room() {
    let mut played = 0;
    for plan in [Plan::stormy(), Plan::governed(), Plan::rewritten()] {
        for life in lives(5, plan) {
            let (bytes, room) = record(&life, AMPLE);
            let mut player = Player::new(read(&bytes)).expect("a room");
            let said = play(&mut player);
            let (_, had_said, _) = life.saved.as_ref().expect("a saved room");
            assert!(said == life.said[*had_said..], "it says something else than in the world");
            assert_eq!(player.departed(), None);
            assert!(saved(player.room()) == saved(&room), "another room");
            played += player.at();
        }
    }
    assert!(played > 3000, "{played}");
}

#[test]
fn rec2_the_first_input_to_which_something_else_is_said_is_named() {
    let life = lives(5, Plan::calm()).remove(0);
    let (mut bytes, _) = record(&life, AMPLE);
    let whole = read(&bytes);
    // One letter of what somebody said, in the middle: the room says it to the others.
    let (from, words) = (bytes.len() / 2, b"says k");
    let at = (from..bytes.len()).find(|at| bytes[*at..].starts_with(words)).expect("a line of chat");
    bytes[at] = b'z';
    let mut player = Player::new(read(&bytes)).expect("a room");
    play(&mut player);
    let departure = player.departed().expect("a difference");
    let mut original = Player::new(whole).expect("a room");
    let mut inputs = Vec::new();
    while original.step(|_, input, _| inputs.push(Told::of(input))) {}
    assert_eq!(original.departed(), None);
    assert!(inputs[departure.input].text.contains("chat:message"), "{:?}", inputs[departure.input]);
    assert!(!departure.silent);
}

#[test]
fn rec2_a_room_that_says_the_same_and_is_another_one_is_found_too() {
    let (mut bytes, _) = record(&studios(1, Weather::default())[0], AMPLE);
    let mut player = Player::new(read(&bytes)).expect("a room");
    while player.at() < 1000 {
        assert!(player.step(|_, _, _| {}));
    }
    let print = fingerprint(0, &saved(player.room())).to_le_bytes();
    let at = bytes.windows(8).position(|place| place == print).expect("a fingerprint of the room");
    bytes[at] ^= 1;
    let mut player = Player::new(read(&bytes)).expect("a room");
    play(&mut player);
    assert_eq!(player.departed(), Some(Departure { input: 999, silent: true }));
}

#[test]
fn rec3_a_recording_is_bounded_and_says_why_it_ended() {
    let life = lives(5, Plan::calm()).remove(0);
    let (whole, _) = record(&life, AMPLE);
    assert_eq!(read(&whole).ended(), Some(Ended::Stopped));
    let (full, _) = record(&life, Bounds { bytes: whole.len() / 2, ..AMPLE });
    assert!(full.len() <= whole.len() / 2, "{} of {}", full.len(), whole.len());
    assert_eq!(read(&full).ended(), Some(Ended::Full));
    let (short, _) = record(&life, Bounds { span: Span::from_secs(2), ..AMPLE });
    let short = read(&short);
    assert_eq!(short.ended(), Some(Ended::Time));
    assert!(short.until().since(short.header().begun) <= Span::from_secs(2) && short.len() > 10);
    for recording in [read(&full), short] {
        let mut player = Player::new(recording).expect("a room");
        play(&mut player);
        assert_eq!(player.departed(), None);
    }
}

#[test]
fn rec3_a_recording_without_an_end_can_be_played() {
    let life = lives(5, Plan::calm()).remove(0);
    let (whole, _) = record(&life, AMPLE);
    let cut = read(&whole[..whole.len() - 2]);
    assert_eq!((cut.ended(), cut.len()), (None, read(&whole).len()));
}

/// How often a word is in some bytes.
fn count(bytes: &[u8], word: &str) -> usize {
    bytes.windows(word.len()).filter(|place| *place == word.as_bytes()).count()
}

#[test]
fn rec4_no_name_word_or_secret_is_left_and_what_is_left_plays() {
    let mut people = 0;
    for (seed, plan) in [(5, Plan::calm()), (6, Plan::stormy()), (7, Plan::governed()), (8, Plan::rewritten())] {
        for life in lives(seed, plan) {
            let (bytes, _) = record(&life, AMPLE);
            let raw = read(&bytes);
            let length = raw.len();
            let redacted = raw.redacted(77).expect("a room");
            people += count(&bytes, "Person");
            let mut player = Player::new(redacted.clone()).expect("a room");
            let said = play(&mut player);
            assert_eq!((player.departed(), player.at()), (None, length));
            assert!(redacted.header().redacted && redacted.header().departed.is_none());
            for word in ["Person", "says k", "Name "] {
                assert_eq!(count(redacted.bytes(), word) + count(&said, word), 0, "{word} is still there");
            }
        }
    }
    assert!(people > 100, "the test looks for nothing");
}

#[test]
fn rec4_a_rewritten_recording_tells_the_same_story() {
    let weather = Weather { cut: 60, stall: 60, crash: 60, storage_fault: 20, jump: 60 };
    let mut resumed = 0;
    for life in studios(3, weather) {
        let (bytes, room) = record(&life, AMPLE);
        let redacted = read(&bytes).redacted(9).expect("a room");
        for word in ["Cleo", "Edda", "Who moved"] {
            assert_eq!(count(redacted.bytes(), word), 0, "{word} is still there");
        }
        let mut player = Player::new(redacted).expect("a room");
        play(&mut player);
        assert_eq!(player.departed(), None);
        let story = |room: &Room| {
            (
                room.marks(),
                room.stats().edits,
                room.stats().refused,
                room.summary().map(|room| (room.image_count, room.user_count)),
            )
        };
        assert_eq!(story(player.room()), story(&room));
        resumed += player.room().stats().resumed;
    }
    assert!(resumed > 5, "secrets are taken back: {resumed}");
}

#[test]
fn rec4_a_room_that_was_not_the_same_when_it_was_rewritten_is_told_of() {
    let life = lives(5, Plan::calm()).remove(0);
    let (mut bytes, _) = record(&life, AMPLE);
    let end = bytes.len() - 3;
    bytes[end] ^= 1;
    let last = read(&bytes).len() as u64 - 1;
    let redacted = read(&bytes).redacted(1).expect("a room");
    assert_eq!(redacted.header().departed, Some(last));
}

#[test]
fn rec5_a_socket_that_no_host_has_takes_no_memory() {
    let life = lives(5, Plan::calm()).remove(0);
    let mut room = Room::restore(&life.saved.as_ref().expect("a saved room").2, Time::default()).expect("a room");
    let now = Time::from_millis(1);
    for (slot, good) in [(1 << 20, true), ((1 << 20) + 1, false), (u32::MAX, false)] {
        let mut recorder = Recorder::begin(&room, "0.1.0", now, AMPLE);
        let (input, mut out) =
            (Input::Disconnect { conn: Conn { slot, generation: 0 }, end: End::Lost }, Outbox::new());
        recorder.hear(now, &input);
        room.handle(now, input, &mut out);
        recorder.tell(&room, out.ops());
        assert_eq!(Recording::read(recorder.recording()).is_ok(), good, "{slot}");
    }
}

#[test]
fn rec5_other_bytes_are_refused_in_a_sentence() {
    let life = lives(5, Plan::calm()).remove(0);
    let (bytes, _) = record(&life, AMPLE);
    let refused = |bytes: &[u8]| Recording::read(bytes.to_vec()).expect_err("no recording");
    assert_eq!(refused(b"{}"), Unplayable::NotOne);
    assert_eq!(refused(b"kanvas recording 2\n"), Unplayable::Version);
    assert_eq!(refused(&bytes[..40]), Unplayable::Damaged(19));
    let cut = bytes.len() - 20;
    assert!(matches!(refused(&bytes[..cut]), Unplayable::Damaged(at) if at < cut));
    assert!(matches!(refused(&[&bytes[..], b"more"].concat()), Unplayable::Damaged(at) if at == bytes.len()));
    for unplayable in [Unplayable::NotOne, Unplayable::Version, Unplayable::Damaged(7), Unplayable::Room] {
        assert!(unplayable.to_string().starts_with("th"), "{unplayable}");
    }
    // The room in it: damaged, and whole but of another version.
    let mut other = bytes.clone();
    let length = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four")) as usize;
    let at = 23 + length(19);
    let end = at + 4 + length(at);
    other[at + 4] ^= 0xff;
    assert_eq!(refused(&other), Unplayable::Damaged(at));
    let print = fingerprint(0, &other[at + 4..end]);
    other[end..end + 8].copy_from_slice(&print.to_le_bytes());
    assert_eq!(Player::new(read(&other)).expect_err("no room"), Unplayable::Room);
}

#[test]
fn rec6_back_to_any_moment_and_on_from_there_is_the_same_way() {
    let life = lives(5, Plan::stormy()).remove(0);
    let (bytes, _) = record(&life, AMPLE);
    let mut player = Player::new(read(&bytes)).expect("a room");
    let mut rooms = vec![saved(player.room())];
    while player.step(|_, _, _| {}) {
        rooms.push(saved(player.room()));
    }
    let mut at = 1;
    for no in 0..60 {
        at = (at * 7919 + no) % rooms.len();
        player.rewind(at);
        assert!(player.at() <= at);
        while player.at() < at {
            assert!(player.step(|_, _, _| {}));
        }
        assert!(saved(player.room()) == rooms[at], "after {at} inputs it is another room");
    }
    play(&mut player);
    assert_eq!(player.departed(), None);
}
