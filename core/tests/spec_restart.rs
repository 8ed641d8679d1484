//! What comes back from storage, and what must not: rooms loaded from chunks and log (ROOM2), damage (ROOM10), and the
//! chunks themselves over many snapshots (STORE3, CHAT2). When a store leaves and how it fails is `spec_storage.rs`.
#![allow(missing_docs, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::say::{add, image, image_at, message, moved, removed, said};
use common::{Disk, Host};
use kanvas_core::{ChunkRow, Close, Config, Done, EffectId, Fault, FaultIn, Input, Limits, Loaded, Part, Rate, Seq};
use serde_json::{Value, json};

/// A disk with a snapshot as of event 8 and three more events in the log: four images, one of them moved and one gone,
/// and two chats.
fn full_disk() -> Disk {
    let mut host = Host::with_config(|config| config.limits.snapshot_ops = 8);
    let ann = host.join("ann");
    for text in [add("i"), add("j"), add("k"), said("one"), moved("j", 5), add("l"), removed("i"), moved("k", 6)] {
        host.send(ann, &text);
    }
    let chunks = host.disk.chunks.len();
    assert_eq!((chunks, host.disk.log.len()), (2, 8), "a snapshot of images and chat");
    for text in [moved("j", 7), said("two"), removed("l")] {
        host.send(ann, &text);
    }
    host.disk
}

#[test]
fn room2_a_loaded_room_is_its_chunks_and_then_its_log_done_again() {
    let host = Host::with(Config::default(), full_disk());
    let state = host.state();
    let (mut j, mut k) = (image_at("j", "a1"), image_at("k", "a2"));
    (j["x"], k["x"]) = (7.into(), 6.into());
    assert_eq!((&state["seq"], &state["images"]), (&11.into(), &json!([j, k])));
    let texts: Vec<&Value> = state["chat"].as_array().unwrap().iter().map(|chat| &chat["text"]).collect();
    assert_eq!(texts, ["one", "two"]);
}

#[test]
fn room2_the_order_of_the_chunks_is_no_matter() {
    let disk = full_disk();
    let mut host = Host::unloaded(Config::default(), disk.clone());
    disk.loaded(|loaded| {
        let chunks: Vec<ChunkRow<'_>> = loaded.chunks.iter().rev().copied().collect();
        let result = Done::Loaded(Loaded { chunks: &chunks, ..loaded });
        host.input(Input::Done { effect: EffectId(1), result });
    });
    host.asked.clear();
    assert_eq!(host.state(), Host::with(Config::default(), disk).state());
}

#[test]
fn room2_bounds_that_were_lowered_since_do_not_shut_an_old_room_out() {
    let before = Host::with(Config::default(), full_disk()).state();
    let mut config = Config::default();
    let limits = &mut config.limits;
    (limits.images, limits.image_bytes, limits.chat_history, limits.chat_chars) = (1, 10, 1, 1);
    (limits.log_ops, limits.log_bytes, limits.dedupe_ids, limits.dedupe_clients) = (2, 300, 1, 1);
    config.http_loopback = false;
    let mut host = Host::with(config, full_disk());
    assert_eq!((host.room.fault(), &host.state()["images"]), (None, &before["images"]));
    assert_eq!(host.state()["chat"].as_array().map(Vec::len), Some(1), "the latest one");
    let ann = host.join("ann");
    assert_eq!(host.ask(ann, &add("more"))[0]["data"]["code"], "limit_images");
    assert_eq!(host.ask(ann, &moved("j", 1))[0]["type"], "ack");
    assert_eq!(host.ask(ann, &removed("j"))[0]["type"], "ack");
}

/// A way to damage what is stored.
type Damage = fn(&mut Disk);

#[test]
fn room10_what_is_no_room_of_this_version_is_refused_and_not_written_over() {
    use FaultIn::{Chunk, Log, Record};
    let record = |disk: &mut Disk, key: &str, value: Value| {
        let mut record: Value = serde_json::from_slice(disk.record.as_deref().unwrap()).unwrap();
        record[key] = value;
        disk.record = Some(record.to_string().into_bytes());
    };
    let table: [(&str, FaultIn, Damage); 17] = [
        ("no JSON", Record, |disk| disk.record = Some(b"{".to_vec())),
        ("no bytes", Record, |disk| disk.record = Some(Vec::new())),
        ("no record beside all the rest", Record, |disk| disk.record = None),
        ("a log alone", Record, |disk| (disk.record, disk.chunks) = (None, Default::default())),
        ("chunks alone", Record, |disk| (disk.record, disk.log) = (None, Default::default())),
        ("a chunk of garbage", Chunk, |disk| drop(disk.chunks.insert((Part::Images, 0), b"[{".to_vec()))),
        ("a chunk cut short", Chunk, |disk| disk.chunks.get_mut(&(Part::Images, 0)).unwrap().truncate(9)),
        ("an image without a place", Chunk, |disk| {
            let bytes = br#"[{"id":"i","src":"https://a.b/","x":1,"y":1,"width":1,"height":1,"rotation":0}]"#;
            drop(disk.chunks.insert((Part::Images, 1), bytes.to_vec()));
        }),
        ("an image that stands twice", Chunk, |disk| {
            let chunk = disk.chunks[&(Part::Images, 0)].clone();
            drop(disk.chunks.insert((Part::Images, 1), chunk));
        }),
        ("a chunk of a number that cannot be", Chunk, |disk| {
            drop(disk.chunks.insert((Part::Images, u32::MAX), b"[]".to_vec()));
        }),
        ("a gap in the chat", Chunk, |disk| drop(disk.chunks.insert((Part::Chat, 2), b"[]".to_vec()))),
        ("a gap after the snapshot", Log, |disk| disk.log.retain(|seq, _| *seq > Seq(9))),
        ("a gap in the log", Log, |disk| drop(disk.log.remove(&Seq(10)))),
        ("an old gap in the log", Log, |disk| drop(disk.log.remove(&Seq(4)))),
        ("a kind that nobody knows", Log, |disk| disk.log.get_mut(&Seq(9)).unwrap().kind = "image:melt".into()),
        ("an event that cannot be done again", Log, |disk| {
            disk.log.get_mut(&Seq(11)).unwrap().body = r#"{"id":"nobody"}"#.into();
        }),
        ("an event of another epoch", Log, |disk| disk.log.get_mut(&Seq(9)).unwrap().epoch += 1),
    ];
    let versions: [(&str, Value); 4] =
        [("version", 2.into()), ("epoch", 0.into()), ("clients", (1_u64 << 53).into()), ("snapshot", "eight".into())];
    let mut damaged: Vec<(String, FaultIn, Disk)> = Vec::new();
    for (what, part, damage) in table {
        let mut disk = full_disk();
        damage(&mut disk);
        damaged.push((what.into(), part, disk));
    }
    for (key, value) in versions {
        let mut disk = full_disk();
        record(&mut disk, key, value);
        damaged.push((format!("a record of another {key}"), Record, disk));
    }
    for (what, part, disk) in damaged {
        let mut host = Host::unloaded(Config::default(), disk.clone());
        let ann = host.connect("ann");
        host.send(ann, r#"{"type":"user:join"}"#);
        host.answer();
        assert_eq!(host.room.fault(), Some(Fault::Corrupt(part)), "{what}");
        let told = host.take(ann);
        assert_eq!((told.len(), &told[0]["data"]["code"]), (1, &json!("unavailable")), "{what}");
        assert_eq!((host.closed(ann), host.slept), (Some(Close::Unavailable), true), "{what}");
        host.pass(100_000);
        assert_eq!(host.asked.len(), 0, "{what}: nothing is written");
    }
}

fn fast(config: &mut Config) {
    let fast = Rate { per_sec: 1_000_000, burst: 1_000_000 };
    (config.limits.edits, config.limits.chat, config.limits.control) = (fast, fast, fast);
}

/// The numbers of the chunks of this part that are stored.
fn chunks(disk: &Disk, part: Part) -> Vec<u32> {
    disk.chunks.keys().filter(|key| key.0 == part).map(|key| key.1).collect()
}

/// The ids in all stored chunks of this part.
fn ids(disk: &Disk, part: Part) -> BTreeSet<String> {
    let chunks = disk.chunks.iter().filter(|(key, _)| key.0 == part);
    let lists = chunks.map(|(_, bytes)| serde_json::from_slice::<Vec<Value>>(bytes).unwrap());
    lists.flatten().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// The texts of the chat as a newcomer is told it.
fn texts(host: &Host) -> Vec<String> {
    let state = host.state();
    state["chat"].as_array().unwrap().iter().map(|chat| chat["text"].as_str().unwrap().to_owned()).collect()
}

fn said_from(from: u32, to: u32) -> Vec<String> {
    (from..to).map(|no| no.to_string()).collect()
}

#[test]
fn store3_the_chunks_of_chat_follow_the_history_and_old_ones_are_dropped() {
    let config = || {
        let mut config = Config::default();
        fast(&mut config);
        (config.limits.chat_history, config.limits.snapshot_ops) = (8, 5);
        config
    };
    let mut host = Host::with(config(), Disk::default());
    let ann = host.join("ann");
    for no in 0..30 {
        host.send(ann, &said(&no.to_string()));
    }
    assert_eq!((chunks(&host.disk, Part::Chat), texts(&host)), (vec![5, 6, 7], said_from(22, 30)), "four in a chunk");
    assert_eq!(ids(&host.disk, Part::Chat).len(), 10, "from the beginning of a chunk");
    let mut host = host.restart(config());
    assert_eq!(texts(&host), said_from(22, 30));
    let ann = host.join("ann");
    for no in 30..45 {
        host.send(ann, &said(&no.to_string()));
    }
    assert_eq!((chunks(&host.disk, Part::Chat), texts(&host)), (vec![9, 10, 11], said_from(37, 45)), "and so on");
    let stored = host.disk.chunks.clone();
    host.disk.chunks.retain(|key, _| key.0 == Part::Images);
    for at in 0..5 {
        host.send(ann, &add(&format!("i{at}")));
    }
    assert_eq!(chunks(&host.disk, Part::Chat), [0; 0], "what nobody touched is not written again");
    host.disk.chunks.extend(stored);
    let host = host.restart(config());
    assert_eq!(texts(&host), said_from(37, 45));
}

#[test]
fn store3_the_chunks_of_images_are_the_images_over_many_edits_and_restarts() {
    let config = || {
        let mut config = Config::default();
        fast(&mut config);
        config.limits.snapshot_ops = 1;
        config
    };
    let sized = |no: u32, bytes: usize| {
        let mut image = image(&format!("i{no}"));
        image["text"] = "x".repeat(bytes).into();
        message("image:add", &image)
    };
    let mut host = Host::with(config(), Disk::default());
    let mut dice = 7_u32;
    for round in 0..4 {
        let ann = host.join("ann");
        for _ in 0..100 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (no, bytes) = (dice >> 24 & 63, 1500 + (dice >> 12 & 2047) as usize);
            match dice >> 30 {
                0 => host.send(ann, &removed(&format!("i{no}"))),
                1 => host.send(
                    ann,
                    &message("image:transform", &json!({"id": format!("i{no}"), "text": "y".repeat(bytes)})),
                ),
                _ => host.send(ann, &sized(no, bytes)),
            }
        }
        let state = host.state();
        let told: BTreeSet<String> =
            state["images"].as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned()).collect();
        assert!(told.len() > 10, "round {round}");
        assert_eq!(ids(&host.disk, Part::Images), told, "round {round}");
        host.disk.log.clear();
        host = host.restart(config());
        assert_eq!(host.state()["images"], state["images"], "the chunks alone are the room, round {round}");
    }
}

#[test]
fn store3_a_chunk_that_has_become_empty_is_dropped() {
    let mut host = Host::with_config(|config| config.limits.snapshot_ops = 1);
    let ann = host.join("ann");
    host.send(ann, &add("i"));
    assert_eq!(chunks(&host.disk, Part::Images), [0]);
    host.send(ann, &removed("i"));
    assert_eq!(chunks(&host.disk, Part::Images), [0; 0]);
    host.send(ann, &add("j"));
    assert_eq!(
        (chunks(&host.disk, Part::Images), host.state()["images"].clone()),
        (vec![0], json!([image_at("j", "a0")]))
    );
}

#[test]
fn store3_what_was_loaded_from_chunks_is_not_written_again() {
    let mut disk = full_disk();
    disk.log.retain(|seq, _| *seq <= Seq(8));
    disk.chunks.insert((Part::Images, 1), image_chunk("far"));
    let mut host = Host::with(Config { limits: small_steps(), ..Config::default() }, disk);
    let ann = host.join("ann");
    host.disk.chunks.clear();
    host.send(ann, &moved("j", 70));
    assert_eq!((chunks(&host.disk, Part::Images), chunks(&host.disk, Part::Chat)), (vec![0], vec![]), "only j's");
}

/// A snapshot after every event.
fn small_steps() -> Limits {
    Limits { snapshot_ops: 1, ..Limits::default() }
}

/// A chunk of one image.
fn image_chunk(id: &str) -> Vec<u8> {
    json!([image_at(id, "a9")]).to_string().into_bytes()
}

#[test]
fn store2_a_row_says_which_src_and_which_fields_it_replaced() {
    let mut host = Host::new();
    let ann = host.join("ann");
    host.send(ann, &add("i"));
    let change = json!({"id": "i", "src": "https://b.example/b.png", "width": 9, "z": "b00", "new": 1});
    host.send(ann, &message("image:transform", &change));
    let was: Value = serde_json::from_str(&host.disk.log[&Seq(2)].was).unwrap();
    let before = json!({"id": "i", "src": "https://example.com/a.png", "width": 30, "z": "a0", "new": null});
    assert_eq!(was, before, "the change that would undo it");
}
