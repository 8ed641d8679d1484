//! Recordings of rooms of a simulated world: each is taken over half way, as a room that lives, and recorded from there on.
#![allow(missing_docs, reason = "tests")]

mod common;

use std::collections::BTreeMap;

use kanvas_core::codec::{fingerprint, read_inputs, write_ops};
use kanvas_core::recording::{Bounds, Departure, Ended, Player, Recorder, Recording, Told, Unplayable};
use kanvas_core::sim::{Kind, Knobs, Life, Phase, Plan, Recipe, Replay, Weather, World};
use kanvas_core::{Conn, End, Input, Outbox, Room, Span, Time};
use serde_json::{Value, json};

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

const BAD: Weather = Weather { cut: 60, stall: 60, crash: 60, storage_fault: 20, jump: 60 };

/// The longest recording of a room of people at work while much breaks.
fn busy() -> Vec<u8> {
    let lives = studios(3, BAD);
    let life = lives.iter().max_by_key(|life| life.count).expect("a room");
    record(life, AMPLE).0
}

fn replay(bytes: &[u8]) -> Replay {
    Replay::new(read(bytes)).expect("a room")
}

/// All that there is to see at a moment.
fn seen(replay: &Replay) -> Value {
    serde_json::to_value(replay.view()).expect("JSON")
}

fn told(replay: &Replay) -> Vec<String> {
    replay.lines().rev().take(50).map(|line| format!("{} {:?} {}", line.step, line.kind, line.text)).collect()
}

#[test]
fn rec12_a_moment_shows_the_canvas_as_the_room_has_it_and_who_is_here() {
    let bytes = busy();
    let (mut replay, mut player) = (replay(&bytes), Player::new(read(&bytes)).expect("a room"));
    let (mut images, mut moved, mut settled, mut slow) = (0, 0, 0, 0);
    // When each image was dragged last: a drag that is not told of any more ends after 2 s.
    let mut dragged = BTreeMap::new();
    while replay.step() {
        player.step(|now, input, _| {
            let Told { kind, text, .. } = Told::of(input);
            if kind == "message" && text.contains(r#""transient":true"#) {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                dragged.insert(message["data"]["id"].to_string(), now);
            }
        });
        if !player.at().is_multiple_of(37) {
            continue;
        }
        let (seen, mut canvas, mut roster) = (seen(&replay), Vec::new(), Vec::new());
        player.room().canvas(&mut canvas);
        player.room().roster(&mut roster);
        let [canvas, roster]: [Value; 2] = [&canvas, &roster].map(|json| serde_json::from_slice(json).expect("JSON"));
        let stored = canvas["images"].as_array().expect("images");
        let drawn = seen["screens"][0]["images"].as_array().expect("images");
        assert_eq!(stored.len(), drawn.len());
        for (stored, drawn) in stored.iter().zip(drawn) {
            assert_eq!(drawn[0], stored["id"]);
            let places = ["x", "y", "width", "height", "rotation"].map(|name| stored[name].as_f64());
            let same = (1..6).all(|at| drawn[at].as_f64() == places[at - 1]);
            assert!(same || drawn[7] == true, "nobody drags it: {drawn} {stored}");
            moved += usize::from(!same);
            let last = dragged.get(&drawn[0].to_string());
            let over = last.is_none_or(|last| player.now().since(*last) > Span::from_millis(2500));
            assert!(!over || drawn[7] == false, "nobody has dragged it for long: {drawn}");
            settled += usize::from(over && last.is_some());
        }
        images += stored.len();
        let people = seen["people"].as_array().expect("people");
        let names = |list: &[Value]| list.iter().map(|one| one["name"].clone()).collect::<Vec<Value>>();
        assert_eq!(names(people), names(roster["clients"].as_array().expect("clients")));
        slow += people.iter().filter(|one| one["slow"] == true).count();
        let marks = player.room().marks();
        assert_eq!(
            [&seen["room"]["durable"], &seen["room"]["sent"], &seen["room"]["head"]].map(Value::as_u64),
            [marks.durable, marks.sent, marks.head].map(|seq| Some(seq.0))
        );
        assert_eq!((&seen["step"], &seen["at"]), (&json!(player.at()), &json!(player.now())));
    }
    assert!(images > 500 && moved > 20 && settled > 20 && slow > 0, "{images} {moved} {settled} {slow}");
}

#[test]
fn rec12_every_moment_that_is_gone_to_is_the_same() {
    let bytes = busy();
    let mut straight = replay(&bytes);
    let mut moments = vec![(seen(&straight), told(&straight))];
    while straight.step() {
        moments.push((seen(&straight), told(&straight)));
    }
    assert!(moments.len() > 3000, "{}", moments.len());
    let mut other = replay(&bytes);
    assert!(!other.check(usize::MAX), "it is checked to its end");
    let mut at = 1;
    for no in 0..60 {
        at = (at * 7919 + no) % moments.len();
        other.go_to(at);
        assert!((seen(&other), told(&other)) == moments[at], "after {at} inputs there is something else to see");
    }
    assert_eq!(other.reached(), (moments.len() - 1, straight.now()));
}

#[test]
fn rec12_what_is_held_still_for_long_is_held_at_every_moment() {
    let (mut host, ann, _) = common::say::two();
    host.send(ann, &common::say::add("held"));
    let (mut room, now) = (host.room, host.now + Span::from_secs(5));
    let mut recorder = Recorder::begin(&room, "0.1.0", now, AMPLE);
    let mut out = Outbox::new();
    let mut tell = |at: Time, input: Input<'_>| {
        recorder.hear(at, &input);
        room.handle(at, input, &mut out);
        recorder.tell(&room, out.ops());
        out.clear();
    };
    let drag = common::say::dragged("held", 55);
    tell(now, Input::Message { conn: common::conn(ann), bytes: drag.as_bytes() });
    for _ in 0..6000 {
        tell(now + Span::from_millis(500), Input::Tick);
    }
    let bytes = recorder.recording();
    let held = |replay: &Replay| seen(replay)["screens"][0]["images"].as_array().expect("images").last().cloned();
    let mut replay = replay(&bytes);
    replay.check(usize::MAX);
    let end = held(&replay).expect("an image");
    assert_eq!((&end[0], &end[1], &end[7]), (&json!("held"), &json!(55.0), &json!(true)));
    for at in [5900, 5000, 3000] {
        replay.go_to(at);
        assert_eq!(held(&replay).as_ref(), Some(&end), "after {at} inputs");
    }
}

#[test]
fn rec12_time_goes_on_between_two_inputs_and_back() {
    let bytes = busy();
    let recording = read(&bytes);
    let (begun, last) = (recording.header().begun, recording.len() - 1);
    let quiet = (0..last).max_by_key(|no| recording.time(no + 1).unwrap().since(recording.time(*no).unwrap())).unwrap();
    let within = recording.time(quiet).unwrap() + Span::from_millis(1);
    assert!(within < recording.time(quiet + 1).unwrap());
    let mut replay = replay(&bytes);
    while !replay.run_until(within, 100) {}
    assert_eq!((replay.now(), replay.steps()), (within, quiet + 1));
    let there = seen(&replay);
    replay.run_until(recording.until() + Span::from_secs(60), usize::MAX);
    assert_eq!((replay.now(), replay.steps(), replay.is_over()), (recording.until(), last + 1, true));
    replay.go_back_to(within);
    assert_eq!(seen(&replay), there);
    replay.go_back_to(Time::default());
    let at_once = (0..last).take_while(|no| recording.time(*no) == Some(begun)).count();
    assert_eq!((replay.now(), replay.steps(), replay.is_over()), (begun, at_once, false));
}

#[test]
fn rec13_what_broke_is_found_in_turn() {
    let bytes = busy();
    let (mut player, mut broken) = (Player::new(read(&bytes)).expect("a room"), Vec::new());
    while player.step(|now, input, _| {
        let Told { kind, text, .. } = Told::of(input);
        let breaks = matches!((kind, text.as_str()), ("disconnect", "lost") | ("pressure", "high"));
        broken.push((breaks || (kind == "done" && text.starts_with("failed"))).then_some(now));
    }) {}
    let numbers = (1..).zip(&broken).filter_map(|(number, at)| Some((number, (*at)?)));
    let faults: Vec<(u64, Time)> = numbers.collect();
    assert!(faults.len() > 10, "{faults:?}");
    let mut checked = replay(&bytes);
    checked.check(usize::MAX);
    assert_eq!(checked.faults().collect::<Vec<_>>(), faults);
    let mut replay = replay(&bytes);
    for (number, at) in faults {
        assert!(replay.go_to_fault());
        assert_eq!((replay.steps() as u64, replay.now()), (number, at));
        assert!(replay.lines().any(|line| line.step == number && line.kind == Kind::Fault));
    }
    assert!(!replay.go_to_fault());
}

#[test]
fn rec13_where_the_room_is_another_one_is_a_fault_and_a_fact() {
    let life = lives(5, Plan::calm()).remove(0);
    let (mut bytes, _) = record(&life, AMPLE);
    let good = replay(&bytes);
    assert_eq!(serde_json::to_value(good.facts()).expect("JSON")["differs"], Value::Null);
    let words = b"says k";
    let at = (bytes.len() / 2..bytes.len()).find(|at| bytes[*at..].starts_with(words)).expect("a line of chat");
    bytes[at] = b'z';
    let mut replay = replay(&bytes);
    replay.check(usize::MAX);
    let facts = serde_json::to_value(replay.facts()).expect("JSON");
    let input = facts["differs"]["input"].as_u64().expect("a difference");
    assert_eq!((&facts["differs"]["silent"], &facts["inputs"]), (&json!(false), &facts["checked"]));
    let counted: u64 = facts["kinds"].as_object().expect("kinds").values().filter_map(Value::as_u64).sum();
    assert_eq!(counted, read(&bytes).len() as u64);
    assert_eq!((&facts["room"], &facts["ended"]), (&json!(read(&bytes).header().room), &json!("stopped")));
    assert!(replay.faults().any(|(step, _)| step == input));
    replay.go_to(usize::try_from(input).unwrap());
    let line = replay.lines().rfind(|line| line.kind == Kind::Fault).expect("a line");
    assert!((line.step, line.text.starts_with("REC2")) == (input, true), "{line:?}");
}
