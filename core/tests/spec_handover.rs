//! The core's rules of a room that moves while people are in it (MOVE1 to MOVE5): it goes on elsewhere as it would have
//! where it was, and what is no room is taken for none.

use kanvas_core::access::Role;
use kanvas_core::handover::{self, Unfit};
use kanvas_core::wire::Dialect;
use kanvas_core::{
    Close, Command, Config, Failure, Input, Loaded, MAX_INTEGER, Room, RoomId, Span, Standing, Time, View, codec,
};
use serde_json::{Value, json};

mod common;
#[path = "common/talk.rs"]
mod talk;

use common::{Disk, Host};
use talk::{add, chat, join, of_type, shift, verified};

/// The room as a file.
fn written(host: &Host) -> Vec<u8> {
    let mut file = Vec::new();
    host.disk.loaded(|loaded| handover::write(&host.room, &loaded, &mut file));
    file
}

/// What storage has of the room in a file, on another disk.
fn disk_of(file: &[u8]) -> Disk {
    let mut disk = Disk::default();
    let handover = handover::read(file).expect("a room");
    let Loaded { owner, record, chunks, log } = handover.loaded();
    (disk.owner, disk.record) = (owner, record.map(<[u8]>::to_vec));
    disk.chunks.extend(chunks.iter().map(|chunk| ((chunk.part, chunk.no), chunk.bytes.to_vec())));
    disk.log.extend(log.iter().map(|row| (row.seq, common::Row::of(row))));
    disk
}

/// Takes the room to another host, which has another disk and no sockets, and lets it go on there.
fn moved(host: &mut Host) {
    let file = written(host);
    let disk = disk_of(&file);
    assert_eq!(disk.log, host.disk.log);
    assert_eq!((&disk.record, &disk.chunks), (&host.disk.record, &host.disk.chunks));
    host.room = handover::read(&file).unwrap().restore(&Config::default(), host.now).expect("it fits");
    host.disk = disk;
}

/// What a client keeps to come back with.
struct Client {
    pk: String,
    verified: bool,
    slot: u32,
    id: Value,
    resume: Value,
    since: Value,
}

impl Client {
    fn joined(host: &mut Host, pk: &str, verified: bool) -> Client {
        let mut client =
            Client { pk: pk.into(), verified, slot: 0, id: Value::Null, resume: Value::Null, since: Value::Null };
        let frames = client.enter(host, json!({"name": pk}));
        client.id = frames[0]["clientId"].clone();
        client
    }

    /// Opens a socket and joins: what came of it.
    fn enter(&mut self, host: &mut Host, data: Value) -> Vec<Value> {
        let (user, standing) = match self.verified {
            true => (format!("user_{}", self.pk), Standing::Verified),
            false => (format!("guest:{}", self.pk), Standing::Guest),
        };
        self.slot = host.connect_as(&self.pk, &user, standing, Dialect::KanvasV1, View::Full);
        let frames = host.ask(self.slot, &join(data));
        self.resume = frames[0]["data"]["resume"].clone();
        self.since = json!({"epoch": frames[0]["data"]["epoch"], "seq": frames[0]["data"]["seq"]});
        frames
    }

    fn come_back(&mut self, host: &mut Host) -> Vec<Value> {
        let data = json!({"name": self.pk, "resume": self.resume, "since": self.since});
        self.enter(host, data)
    }
}

/// A few people at work, who are all cut off now and then while `between` may meddle with the host, and come back.
fn story(mut between: impl FnMut(&mut Host)) -> Host {
    let mut host = Host::with_config(|config| config.limits.snapshot_ops = 16);
    let mut people: Vec<Client> = (0..4_u32).map(|no| Client::joined(&mut host, &format!("p{no}"), no < 2)).collect();
    let mut dice = 7_u64;
    let mut roll = |below: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((dice >> 33) % below).unwrap()
    };
    for step in 0..400 {
        let (slot, image) = (people[roll(4)].slot, format!("i{}", roll(12)));
        host.auto = roll(3) > 0;
        match roll(9) {
            0 => host.send(slot, &chat(&format!("say {step}"))),
            1 | 2 => host.send(slot, &add(&format!("k{step}"), &image)),
            3 => host.send(slot, &shift(&image, 5.0)),
            4 => host.send(slot, &json!({"type": "image:remove", "data": {"id": image}}).to_string()),
            5 => {
                let data = json!({"id": image, "x": step, "transient": true});
                host.send(slot, &json!({"type": "image:transform", "data": data}).to_string());
            }
            6 => host.send(slot, &format!(r#"{{"type":"cursor:move","data":{{"x":{step},"y":0}}}}"#)),
            7 => host.pass(u64::try_from(roll(3_000)).unwrap()),
            _ => host.send(slot, &format!(r#"{{"type":"user:update","data":{{"presence":{{"n":{step}}}}}}}"#)),
        }
        if step % 40 == 39 {
            host.auto = true;
            host.answer_all();
            assert!(host.room.is_quiet());
            people.iter().for_each(|client| host.lose(client.slot));
            assert!(host.room.may_move());
            between(&mut host);
            host.pass(700);
            for client in &mut people {
                let id = client.id.clone();
                assert_eq!(client.come_back(&mut host)[0]["clientId"], id);
            }
        }
    }
    host
}

fn saved(host: &Host) -> Vec<u8> {
    let mut bytes = Vec::new();
    host.room.save(&mut bytes);
    bytes
}

#[test]
fn move1_a_room_that_moved_goes_on_with_the_same_bytes_as_one_that_stayed() {
    let (stayed, mut moves) = (story(|_| {}), 0);
    let gone = story(|host| {
        moves += 1;
        moved(host);
    });
    assert!(moves == 10 && stayed.disk.log.len() > 80, "the story is no short one: {}", stayed.disk.log.len());
    assert!(stayed.transcript == gone.transcript, "the same inputs have the same answers");
    assert_eq!(saved(&stayed), saved(&gone));
    assert_eq!(format!("{:?}", stayed.disk), format!("{:?}", gone.disk));
}

#[test]
fn move1_a_room_may_move_once_it_rests_and_nobody_is_connected() {
    let host = Host::new();
    assert!(host.room.is_quiet() && !host.room.may_move(), "it was never born");
    let mut host = Host::new();
    let ann = host.join("ann");
    assert!(host.room.is_quiet() && !host.room.may_move(), "somebody is connected");
    host.auto = false;
    host.send(ann, &add("k", "i"));
    assert!(!host.room.is_quiet(), "a store is in flight");
    host.lose(ann);
    assert!(!host.room.may_move());
    host.answer_all();
    assert!(host.room.may_move());
    host.input(Input::Command(Command::Drain { close: Close::Restart, spread: Span::ZERO }));
    assert!(!host.room.is_quiet(), "it closes");
    let host = Host::unloaded(Config::default(), Disk::default());
    assert!(!host.room.is_quiet(), "it loads");
}

#[test]
fn move1_a_room_whose_disk_is_full_may_go_where_there_is_space() {
    let mut host = Host::new();
    let mut ann = Client::joined(&mut host, "ann", false);
    host.auto = false;
    host.send(ann.slot, &add("k", "i"));
    host.fail(Failure::Full);
    assert!(!host.room.is_quiet(), "it goes back to what is stored");
    host.answer_all();
    assert!(host.room.is_quiet(), "and can be read from then on");
    host.lose(ann.slot);
    moved(&mut host);
    host.auto = true;
    ann.come_back(&mut host);
    assert_eq!(host.ask(ann.slot, &add("k", "i"))[0]["data"]["code"], "storage_full");
    host.pass(100);
    assert_eq!(host.ask(ann.slot, &add("k", "i"))[0]["type"], "ack");
}

#[test]
fn move2_who_comes_back_in_time_has_missed_nothing_and_never_left() {
    let mut host = Host::new();
    let mut people = ["ann", "bob", "eve"].map(|pk| Client::joined(&mut host, pk, pk == "ann"));
    host.send(people[0].slot, &add("k1", "i1"));
    host.take(people[1].slot);
    // What bob has missed: he heard nothing since he came.
    host.send(people[0].slot, &chat("while you were away"));
    people.iter().for_each(|client| host.lose(client.slot));
    host.pass(1_000);
    moved(&mut host);
    host.pass(13_900);
    let since = people[1].since.clone();
    let frames = people[1].come_back(&mut host);
    assert_eq!(frames[0]["clientId"], people[1].id, "the same session");
    let sync = of_type(&frames, "state:sync");
    assert_eq!((sync.len(), &sync[0]["data"]["mode"]), (1, &json!("delta")));
    let seqs: Vec<_> = sync[0]["data"]["ops"].as_array().unwrap().iter().map(|event| &event["seq"]).collect();
    let missed: Vec<_> = (since["seq"].as_u64().unwrap() + 1..=2).map(Value::from).collect();
    assert_eq!((seqs, missed.len()), (missed.iter().collect(), 2));
    // An edit that was not acknowledged is sent again and is made once.
    people[0].come_back(&mut host);
    host.take(people[1].slot);
    let again = host.ask(people[0].slot, &add("k1", "i1"));
    assert_eq!((&again[0]["type"], &again[0]["data"]["seq"]), (&json!("ack"), &json!(1)));
    // Eve's time is over when it would have been over where she was cut off, and not a moment before.
    host.pass(99);
    assert!(host.take_types(people[1].slot).iter().all(|kind| kind != "user:left"));
    host.pass(1);
    let left = host.take(people[1].slot);
    let left = of_type(&left, "user:left");
    assert_eq!((left.len(), &left[0]["data"]["reason"], &left[0]["clientId"]), (1, &json!("lost"), &people[2].id));
}

#[test]
fn move2_a_clock_that_is_another_ends_no_session_by_itself() {
    let mut host = Host::new();
    let ann = host.join("ann");
    host.send(ann, &add("k1", "i1"));
    host.lose(ann);
    let file = written(&host);
    let handover = handover::read(&file).unwrap();
    for now in [Time::from_millis(0), host.now, host.now + Span::from_secs(40), Time::MAX] {
        let room = handover.restore(&Config::default(), now).expect("it fits");
        assert!(room.may_move() && room.deadline().is_some(), "the session's time goes on");
    }
}

#[test]
fn move2_an_empty_room_goes_to_sleep_where_it_went() {
    let mut host = Host::new();
    let ann = host.join("ann");
    host.close(ann);
    host.pass(20_000);
    moved(&mut host);
    host.slept = false;
    host.pass(39_999);
    assert!(!host.slept);
    host.pass(1);
    assert!(host.slept);
    // It has told that host, and has to tell the next one.
    moved(&mut host);
    host.slept = false;
    host.pass(60_000);
    assert!(host.slept);
}

#[test]
fn move3_the_new_host_says_what_guests_may_do_and_the_bounds_come_along() {
    let mut host = Host::with_config(|config| config.limits.images = 2);
    let mut ann = Client::joined(&mut host, "ann", false);
    host.send(ann.slot, &add("k1", "i1"));
    host.lose(ann.slot);
    let file = written(&host);
    let under = |config: &Config| handover::read(&file).unwrap().restore(config, host.now).expect("it fits");
    let strict = Config { guests: Some(Role::Viewer), http_loopback: false, ..Config::default() };
    let (kept, strict) = (under(&Config::default()), under(&strict));
    host.room = strict;
    let frames = ann.come_back(&mut host);
    assert_eq!(frames[0]["data"]["role"], Role::Viewer.as_str(), "who was an editor by the host's word alone");
    assert_eq!(host.ask(ann.slot, &add("k2", "i2"))[0]["data"]["code"], "forbidden");
    host.lose(ann.slot);
    host.room = kept;
    ann.resume = Value::Null;
    ann.come_back(&mut host);
    assert_eq!(host.ask(ann.slot, &add("k2", "i2"))[0]["type"], "ack");
    assert_eq!(host.ask(ann.slot, &add("k3", "i3"))[0]["data"]["code"], "limit_images");
}

#[test]
fn move3_how_often_it_announces_itself_and_when_it_leaves_is_the_new_hosts_to_say() {
    let quiet = |config: &mut Config| {
        config.limits.announce_again = None;
        config.limits.empty = Span::from_secs(5);
    };
    let mut host = Host::new();
    let mut ann = Client::joined(&mut host, "ann", false);
    host.lose(ann.slot);
    let (file, mut config) = (written(&host), Config::default());
    quiet(&mut config);
    host.room = handover::read(&file).unwrap().restore(&config, host.now).expect("it fits");
    ann.come_back(&mut host);
    // What its last host would have wanted may come once more.
    host.pass(60_000);
    host.announced.clear();
    host.pass(600_000);
    assert_eq!((host.announced.len(), host.room.deadline()), (0, None), "nothing wakes a host for it");
    host.slept = false;
    host.close(ann.slot);
    host.pass(4_999);
    assert!(!host.slept);
    host.pass(1);
    assert!(host.slept);
}

/// Ann, whom a token proves, has joined.
fn owner(host: &mut Host) -> u32 {
    let slot = verified(host, "ann", "user_ann");
    host.send(slot, &join(json!({"name": "Ann"})));
    host.take(slot);
    slot
}

/// A small room with everything in it that a file can have.
fn small() -> Host {
    let mut host = Host::with_config(|config| config.limits.snapshot_ops = 3);
    let ann = owner(&mut host);
    for text in [add("k1", "i1"), chat("one"), add("k2", "i2"), shift("i1", 4.0)] {
        host.send(ann, &text);
    }
    host.lose(ann);
    host
}

/// The same file with the fingerprint that it would have.
fn reprinted(mut file: Vec<u8>) -> Vec<u8> {
    let all = file.len() - 8;
    let print = codec::fingerprint(0, &file[..all]);
    file[all..].copy_from_slice(&print.to_le_bytes());
    file
}

#[test]
fn move4_a_part_of_a_file_and_one_with_another_byte_are_refused() {
    let file = written(&small());
    assert!(handover::read(&file).is_ok());
    for len in 0..file.len() {
        let why = handover::read(&file[..len]).expect_err("a part");
        assert_eq!(why, if len < handover::MAGIC.len() { Unfit::NotOne } else { Unfit::Damaged }, "{len} bytes");
    }
    for at in 0..file.len() {
        for bit in [0x01, 0x15, 0x80] {
            let mut other = file.clone();
            other[at] ^= bit;
            let expected = match at {
                0..9 => Unfit::NotOne,
                9 => Unfit::Version,
                _ => Unfit::Damaged,
            };
            assert_eq!(handover::read(&other).expect_err("another byte"), expected, "byte {at}");
        }
    }
    for more in [&[0][..], &file] {
        assert_eq!(handover::read(&[&file, more].concat()).expect_err("more"), Unfit::Damaged);
    }
    for why in [Unfit::NotOne, Unfit::Version, Unfit::Damaged, Unfit::Room] {
        assert!(why.to_string().starts_with("this ") && !why.to_string().ends_with('.'), "{why}");
    }
}

#[test]
fn move4_whoever_reckons_the_fingerprint_anew_finds_no_panic() {
    let host = small();
    let file = written(&host);
    let (mut fits, mut does_not, mut unread) = (0, 0, 0);
    for at in 9..file.len() - 8 {
        let mut other = file.clone();
        other[at] ^= 0x15;
        match handover::read(&reprinted(other)).map(|handover| handover.restore(&Config::default(), host.now)) {
            // Some bytes may be others in a right room.
            Ok(Ok(room)) => {
                assert_eq!(room.check(), Ok(()));
                fits += 1;
            }
            Ok(Err(why)) => {
                assert_eq!(why, Unfit::Room);
                does_not += 1;
            }
            Err(_) => unread += 1,
        }
    }
    assert!(fits > 100 && does_not > 100 && unread > 100, "{fits}, {does_not}, {unread}");
    for len in 10..file.len() - 8 {
        let part = reprinted([&file[..len], &[0; 8]].concat());
        assert_eq!(handover::read(&part).expect_err("a part"), Unfit::Damaged, "{len} bytes");
    }
}

#[test]
fn move5_the_rows_of_a_file_are_the_room() {
    let mut host = small();
    let before = host.state();
    let number = host.disk.owner;
    let disk = disk_of(&written(&host));
    assert_eq!(disk.owner, number);
    let mut again = Host::with(Config::default(), disk);
    let state = again.state();
    assert_eq!((&state["seq"], &state["images"], &state["chat"]), (&before["seq"], &before["images"], &before["chat"]));
    let ann = owner(&mut again);
    again.send(ann, &add("k3", "i3"));
    assert_eq!(again.disk.owner, number + 1, "the next owner");
    // The one that moved goes on under its own number, as it would have where it was.
    moved(&mut host);
    let ann = owner(&mut host);
    host.send(ann, &add("k3", "i3"));
    assert_eq!(host.disk.owner, number);
}

#[test]
fn move5_the_oldest_of_a_long_history_may_stay_behind() {
    let mut host = small();
    host.disk.log.pop_first();
    assert!(handover::read(&written(&host)).unwrap().restore(&Config::default(), host.now).is_ok());
    host.disk.log.retain(|seq, _| seq.0 == 4);
    assert!(handover::read(&written(&host)).unwrap().restore(&Config::default(), host.now).is_ok());
}

#[test]
fn move5_a_machine_beside_rows_that_are_not_its_own_is_refused() {
    let host = small();
    let refused = |change: &dyn Fn(&mut Disk)| {
        let mut disk = host.disk.clone();
        change(&mut disk);
        let mut file = Vec::new();
        disk.loaded(|loaded| handover::write(&host.room, &loaded, &mut file));
        let why = handover::read(&file).and_then(|file| file.restore(&Config::default(), host.now).map(drop));
        assert!(matches!(why, Err(Unfit::Room | Unfit::Damaged)), "{why:?}");
    };
    refused(&|disk| disk.record = None);
    refused(&|disk| disk.record = Some(b"{}".to_vec()));
    refused(&|disk| disk.chunks.clear());
    refused(&|disk| drop(disk.log.pop_last()));
    refused(&|disk| disk.owner += 1);
    refused(&|disk| disk.owner = MAX_INTEGER);
    refused(&|disk| disk.owner = u64::MAX);
    refused(&|disk| disk.log.values_mut().for_each(|row| row.epoch += 1));
    refused(&|disk| {
        let chunk = disk.chunks.values_mut().next().unwrap();
        *chunk = String::from_utf8(chunk.clone()).unwrap().replace("i2", "i9").into_bytes();
    });
    let mut other = Host::new();
    let bob = other.join("bob");
    other.lose(bob);
    refused(&|disk| *disk = other.disk.clone());
    // The same with somebody connected, of whom the new host knows nothing.
    let mut with_bob = small();
    let stored = with_bob.disk.clone();
    with_bob.connect("bob");
    let mut file = Vec::new();
    stored.loaded(|loaded| handover::write_saved(host.room.id(), host.now, &saved(&with_bob), &loaded, &mut file));
    assert_eq!(handover::read(&file).unwrap().restore(&Config::default(), host.now).err(), Some(Unfit::Room));
    // One that would be saved otherwise: the length of its name is five in two bytes.
    let odd = [&[0x85, 0x00], &saved(&host)[1..]].concat();
    assert!(Room::restore(&odd, host.now).is_ok());
    let mut file = Vec::new();
    host.disk.loaded(|loaded| handover::write_saved(host.room.id(), host.now, &odd, &loaded, &mut file));
    assert_eq!(handover::read(&file).unwrap().restore(&Config::default(), host.now).err(), Some(Unfit::Room));
    // The same as another room.
    let mut file = Vec::new();
    let name = RoomId::new("other").unwrap();
    host.disk.loaded(|loaded| handover::write_saved(&name, host.now, &saved(&host), &loaded, &mut file));
    assert_eq!(handover::read(&file).unwrap().restore(&Config::default(), host.now).err(), Some(Unfit::Room));
}
