//! The rules of a room's life (ROOM1 to ROOM10, ROOM16, ROOM17): how it is born, filled, drained and given up. That it is a
//! deterministic machine that can be saved is tested in `spec_machine.rs`.

use std::collections::BTreeSet;

use kanvas_core::wire::Dialect;
use kanvas_core::{Close, Command, Config, EffectId, Failure, Fault, FaultIn, Input, Part, Span, Standing, Time, View};
use serde_json::{Value, json};

mod common;
#[path = "common/talk.rs"]
mod talk;

use common::{Asked, Disk, Host, START};
use talk::{add, chat, codes, enter, join, of_type, shift, silence, state, verified};

fn drain(host: &mut Host, close: Close, spread: u64) {
    host.input(Input::Command(Command::Drain { close, spread: Span::from_millis(spread) }));
}

/// A disk with a room of some images and chat, a snapshot of its first events and a log of all.
fn lived_in() -> (Disk, Vec<Value>) {
    let mut host = Host::with_config(|config| config.limits.snapshot_ops = 8);
    let slot = host.join("ann");
    for at in 0..6 {
        host.send(slot, &add(&format!("k{at}"), &format!("i{at}")));
    }
    host.send(slot, &chat("first"));
    host.send(slot, &shift("i1", 50.0));
    host.send(slot, &shift("i2", 60.0));
    host.send(slot, r#"{"type":"image:remove","data":{"id":"i0"}}"#);
    host.send(slot, &chat("second"));
    let state = state(&mut host);
    assert_eq!(state[0]["seq"], 11);
    assert!(!host.disk.chunks.is_empty() && host.disk.log.len() == 11);
    (host.disk, state)
}

#[test]
fn room1_the_first_thing_is_a_load_and_joins_wait_for_it() {
    let mut host = Host::unloaded(Config::default(), Disk::default());
    assert!(matches!(host.asked[..], [Asked::Load(EffectId(1))]), "{:?}", host.asked);
    assert!(host.room.is_loading());
    let slot = host.connect("ann");
    host.send(slot, &join(json!({"name": "Ann"})));
    host.send(slot, &chat("hi"));
    assert_eq!((host.take(slot), host.asked.len()), (vec![], 1));
    host.auto = true;
    host.answer_all();
    assert!(!host.room.is_loading());
    assert_eq!(host.take_types(slot), ["room:joined", "state:sync", "user:list", "chat:message", "ack"]);
}

#[test]
fn room2_a_loaded_room_is_its_snapshot_with_the_log_done_again() {
    let (disk, before) = lived_in();
    let mut host = Host::with(Config::default(), disk.clone());
    assert_eq!(state(&mut host), before);
    let mut small = Config::default();
    (small.limits.images, small.limits.image_bytes, small.limits.chat_chars) = (1, 1, 1);
    (small.limits.log_ops, small.limits.dedupe_ids, small.limits.dedupe_clients) = (2, 1, 1);
    let mut host = Host::with(small, disk);
    assert_eq!(state(&mut host), before, "lowered bounds do not shut it out");
    let slot = host.join("ann");
    host.send(slot, &add("new", "new"));
    assert_eq!(codes(&host.take(slot)), ["limit_images"]);
}

#[test]
fn room3_a_room_that_nobody_joined_is_not_stored_and_goes_at_once() {
    let mut host = Host::unloaded(Config::default(), Disk::default());
    host.auto = true;
    host.answer_all();
    assert!(host.slept, "nobody is there");
    let mut host = Host::unloaded(Config::default(), Disk::default());
    let slot = host.connect("ann");
    host.auto = true;
    host.answer_all();
    host.send(slot, "ping");
    assert!(!host.slept);
    host.close(slot);
    assert!(host.slept && host.disk.record.is_none() && host.room.summary().is_none());
    assert!(!host.transcript.iter().any(|line| line.starts_with("< store")));
}

#[test]
fn room4_a_room_is_told_of_when_its_record_is_durable() {
    let mut host = Host::new();
    host.auto = false;
    let (slot, other) = (host.connect("ann"), host.connect("bob"));
    host.send(slot, &join(json!({})));
    host.send(other, &join(json!({})));
    host.pass(5_000);
    assert_eq!((host.take(slot), host.take(other)), (vec![], vec![]));
    host.answer();
    assert!(host.disk.record.is_some());
    let (first, second) = (host.take(slot), host.take(other));
    assert_eq!((&first[0]["type"], &second[0]["type"]), (&json!("room:joined"), &json!("room:joined")));
    let epoch = first[0]["data"]["epoch"].as_u64().unwrap();
    assert!((1..=(1 << 53) - 1).contains(&epoch));
    assert_eq!(second[0]["data"]["epoch"], epoch);
    host.auto = true;
    host.answer_all();
    let mut again = host.restart(Config::default());
    let (_, frames) = enter(&mut again, "ann", json!({}));
    assert_eq!(frames[0]["data"]["epoch"], epoch, "it keeps it");
}

#[test]
fn room5_the_1001st_socket_is_told_that_the_room_is_full() {
    let mut host = Host::new();
    let there = host.join("watcher");
    for at in 0..999 {
        let user = format!("guest:{}", at / 10);
        host.connect_as("", &user, Standing::Guest, Dialect::KanvasV1, View::Full);
    }
    let over = host.connect("one-too-many");
    let told = json!({"code": "room_full", "ref": null, "message": Close::RoomFull.message()});
    assert_eq!(host.take(over), [json!({"type": "error", "data": told, "clientId": "c0"})]);
    assert_eq!((host.closed(over), host.take(there)), (Some(Close::RoomFull), vec![]));
    assert!(host.sockets.iter().all(|(slot, socket)| *slot == over || socket.closed.is_none()));
    host.close(there);
    let next = host.connect("in-time");
    assert_eq!(host.closed(next), None);
}

#[test]
fn room6_the_eleventh_socket_of_a_user_is_rate_limited() {
    let mut host = Host::new();
    let other = host.join("bob");
    let mine: Vec<u32> = (0..10).map(|_| host.join("ann")).collect();
    silence(&mut host);
    let over = host.connect("ann");
    assert_eq!((codes(&host.take(over)), host.closed(over)), (vec!["rate_limited"], Some(Close::RateLimited)));
    for slot in mine.iter().chain([&other]) {
        assert_eq!((host.take(*slot), host.closed(*slot)), (vec![], None));
    }
    let stranger = host.connect("eve");
    assert_eq!(host.closed(stranger), None);
    host.close(mine[0]);
    let again = host.connect("ann");
    assert_eq!(host.closed(again), None, "a place has become free");
}

#[test]
fn room18_a_clock_that_goes_back_or_beyond_all_bounds_stands_still() {
    let mut host = Host::with_config(|config| config.limits.announce_again = Some(Span::from_secs(60)));
    let slot = host.join("ann");
    let stamp = |host: &mut Host| {
        host.send(slot, &chat("Hello"));
        of_type(&host.take(slot), "chat:message")[0]["timestamp"].as_u64().unwrap()
    };
    let first = stamp(&mut host);
    host.now = Time::from_millis(first - 5000);
    assert_eq!(stamp(&mut host), first);
    host.now = Time::MAX;
    for _ in 0..3 {
        host.input(Input::Tick);
    }
    let slot = host.join("ann");
    host.send(slot, &chat("Hello"));
    let last = of_type(&host.take(slot), "chat:message")[0]["timestamp"].as_u64().unwrap();
    assert!(last < (1 << 53) && last > (1 << 53) - 400_000_000_000, "{last}");
}

#[test]
fn room7_a_room_that_stays_for_no_time_goes_when_the_last_grace_is_over() {
    let mut host = Host::with_config(|config| config.limits.empty = Span::ZERO);
    let slot = host.join("ann");
    host.slept = false;
    host.lose(slot);
    host.pass(14_999);
    assert!(!host.slept);
    host.pass(2);
    assert!(host.slept);
}

#[test]
fn room7_an_empty_room_stays_for_60_s_and_then_sleeps_with_a_snapshot() {
    let mut host = Host::new();
    let slot = host.join("ann");
    host.slept = false;
    host.send(slot, &add("k1", "i1"));
    host.close(slot);
    host.pass(59_999);
    assert!(!host.slept && host.disk.chunks.is_empty());
    let (slot, frames) = enter(&mut host, "ann", json!({}));
    assert_eq!(of_type(&frames, "state:sync")[0]["data"]["images"][0]["id"], "i1");
    host.pass(60_000);
    assert!(!host.slept, "someone is there");
    host.lose(slot);
    host.pass(15_000 + 59_999);
    assert!(!host.slept, "the session counts until its grace is over");
    host.auto = false;
    host.pass(1);
    assert_eq!((host.slept, host.asked.len()), (false, 1), "a last snapshot is on its way");
    host.answer();
    assert_eq!(host.disk.chunks.len(), 1);
    host.pass(1_000);
    assert!(host.slept);

    let mut host = Host::with(Config::default(), host.disk);
    let stores = |host: &Host| host.transcript.iter().filter(|line| line.starts_with("< store")).count();
    host.pass(60_000);
    assert_eq!((host.slept, stores(&host)), (true, 0), "nothing came since the last snapshot");
}

#[test]
fn room8_a_drain_takes_no_edits_and_closes_when_all_is_durable() {
    let mut host = Host::new();
    let (slot, other) = (host.join("ann"), host.join("bob"));
    let waiting = host.connect("eve");
    silence(&mut host);
    (host.auto, host.slept) = (false, false);
    host.send(slot, &add("k1", "i1"));
    drain(&mut host, Close::Restart, 5_000);
    host.send(slot, &add("k2", "i2"));
    host.send(other, &chat("hi"));
    host.send(other, r#"{"type":"cursor:move","data":{"x":1,"y":1}}"#);
    let late = host.connect("late");
    assert_eq!(host.closed(late), Some(Close::Restart));
    assert_eq!((host.slept, host.closed(slot)), (false, None), "k1 is not durable yet");
    host.answer();
    host.answer_all();
    let frames = host.take(slot);
    assert_eq!(of_type(&frames, "ack")[0]["data"]["id"], "k1");
    assert_eq!(codes(&frames), ["busy", "restart"]);
    assert_eq!(codes(&host.take(other)), ["busy", "restart"]);
    let waits = codes(&host.take(waiting)).len();
    assert_eq!((waits, host.slept), (1, true));
    for slot in [slot, other, waiting] {
        assert_eq!(host.closed(slot), Some(Close::Restart));
    }
    assert_eq!(host.disk.log.len(), 1);
    let late = host.connect("later");
    assert_eq!(host.closed(late), Some(Close::Restart));
}

#[test]
fn room8_a_drain_does_not_wait_for_storage_that_fails() {
    let mut host = Host::new();
    let slot = host.join("ann");
    silence(&mut host);
    (host.auto, host.slept) = (false, false);
    host.send(slot, &add("k1", "i1"));
    drain(&mut host, Close::Restart, 5_000);
    assert_eq!((host.slept, host.closed(slot)), (false, None), "k1 may still become durable");
    host.fail(Failure::Full);
    let frames = host.take(slot);
    assert_eq!((codes(&frames), of_type(&frames, "ack").len()), (vec!["restart"], 0), "k1 was never acknowledged");
    assert_eq!((host.slept, host.closed(slot)), (true, Some(Close::Restart)));
}

#[test]
fn room8_the_waits_are_spread_and_final_reasons_have_none() {
    let mut host = Host::new();
    let slots: Vec<u32> = (0..50).map(|at| host.join(&format!("p{at}"))).collect();
    silence(&mut host);
    drain(&mut host, Close::Shutdown, 1_000);
    let waits: BTreeSet<u64> =
        slots.iter().map(|slot| host.take(*slot)[0]["data"]["retryAfterMs"].as_u64().unwrap()).collect();
    assert!(waits.len() > 30 && waits.iter().all(|wait| *wait <= 1_000), "{waits:?}");
    assert!(waits.first().unwrap() + 500 < *waits.last().unwrap());
    let mut host = Host::new();
    let slot = host.join("ann");
    drain(&mut host, Close::RoomClosed, 1_000);
    let frame = host.take(slot).remove(0);
    assert_eq!((&frame["data"]["code"], frame["data"].get("retryAfterMs")), (&json!("room_closed"), None));
}

#[test]
fn room9_a_load_is_tried_five_times() {
    let mut host = Host::unloaded(Config::default(), Disk::default());
    let slot = host.connect("ann");
    for wait in [100, 200, 400, 800] {
        host.fail(if wait == 100 { Failure::Full } else { Failure::Busy });
        host.pass(wait - 1);
        assert_eq!(host.asked.len(), 0, "not before {wait} ms");
        host.pass(1);
        assert!(matches!(host.asked[..], [Asked::Load(_)]), "after {wait} ms");
    }
    assert_eq!(host.closed(slot), None);
    host.fail(Failure::Busy);
    assert_eq!((codes(&host.take(slot)), host.closed(slot)), (vec!["unavailable"], Some(Close::Unavailable)));
    assert_eq!((host.slept, host.room.fault()), (true, Some(Fault::Storage)));
}

#[test]
fn room9_any_other_reason_gives_up_at_once() {
    for (failure, fault) in [(Failure::Broken, Fault::Storage), (Failure::Fenced, Fault::Fenced)] {
        let mut host = Host::unloaded(Config::default(), Disk::default());
        let slot = host.connect("ann");
        host.fail(failure);
        assert_eq!((host.closed(slot), host.slept, host.room.fault()), (Some(Close::Unavailable), true, Some(fault)));
        let late = host.connect("late");
        assert_eq!(host.closed(late), Some(Close::Unavailable));
    }
    let mut host = Host::unloaded(Config::default(), lived_in().0);
    host.fail(Failure::Busy);
    host.pass(100);
    host.auto = true;
    host.answer_all();
    assert_eq!(state(&mut host)[0]["seq"], 11, "a load that succeeds later is a load");
}

/// What is damaged, where the room must find it, and how it is done.
type Damage<'a> = (&'a str, FaultIn, &'a dyn Fn(&mut Disk));

#[test]
fn room10_damaged_bytes_are_no_empty_room() {
    let (disk, _) = lived_in();
    let no = *disk.chunks.keys().find(|(part, _)| *part == Part::Images).unwrap();
    let row = |disk: &Disk, seq| kanvas_core::Seq(seq).min(*disk.log.keys().last().unwrap());
    let damages: [Damage<'_>; 14] = [
        ("no record", FaultIn::Record, &|disk| disk.record = None),
        ("only a log", FaultIn::Record, &|disk| (disk.record, disk.chunks) = (None, Default::default())),
        ("an empty record", FaultIn::Record, &|disk| disk.record = Some(Vec::new())),
        ("a cut record", FaultIn::Record, &|disk| disk.record.as_mut().unwrap().truncate(20)),
        ("another version", FaultIn::Record, &|disk| {
            let text = String::from_utf8(disk.record.take().unwrap()).unwrap();
            disk.record = Some(text.replace("\"version\":1", "\"version\":2").into_bytes());
        }),
        ("an empty chunk", FaultIn::Chunk, &|disk| disk.chunks.get_mut(&no).unwrap().clear()),
        ("a cut chunk", FaultIn::Chunk, &|disk| drop(disk.chunks.get_mut(&no).unwrap().split_off(5))),
        ("a chunk twice", FaultIn::Chunk, &|disk| {
            let chunk = disk.chunks[&no].clone();
            disk.chunks.insert((Part::Images, 9), chunk);
        }),
        ("chat of a number", FaultIn::Chunk, &|disk| drop(disk.chunks.insert((Part::Chat, 0), b"[7]".to_vec()))),
        ("a gap before the snapshot", FaultIn::Log, &|disk| drop(disk.log.remove(&row(disk, 4)))),
        ("a gap after it", FaultIn::Log, &|disk| drop(disk.log.remove(&row(disk, 10)))),
        ("a row of another log", FaultIn::Log, &|disk| disk.log.get_mut(&row(disk, 11)).unwrap().epoch += 1),
        ("a row of no kind", FaultIn::Log, &|disk| {
            disk.log.get_mut(&row(disk, 11)).unwrap().kind = "image:paint".into()
        }),
        ("a row of no body", FaultIn::Log, &|disk| disk.log.get_mut(&row(disk, 11)).unwrap().body.clear()),
    ];
    for (what, part, damage) in damages {
        let mut broken = disk.clone();
        damage(&mut broken);
        let mut host = Host::unloaded(Config::default(), broken.clone());
        let slot = host.connect("ann");
        host.send(slot, &join(json!({})));
        host.auto = true;
        host.answer_all();
        assert_eq!(host.room.fault(), Some(Fault::Corrupt(part)), "{what}");
        assert_eq!((host.closed(slot), host.slept), (Some(Close::Unavailable), true), "{what}");
        assert_eq!(codes(&host.take(slot)), ["unavailable"], "{what}");
        host.pass(100_000);
        assert!(!host.transcript.iter().any(|line| line.starts_with("< store")), "{what}: nothing is written");
        assert_eq!(host.room.summary(), None, "{what}");
    }
}

#[test]
fn room16_a_summary_tells_the_room_and_its_numbers() {
    let mut host = Host::unloaded(Config::default(), Disk::default());
    assert_eq!(host.room.summary(), None);
    host.auto = true;
    let early = host.connect("bob");
    host.answer_all();
    assert_eq!(host.room.summary(), None, "nobody has joined it");
    host.pass(7);
    let slot = host.join("ann");
    host.join("ann");
    let tab = verified(&mut host, "", "user_1");
    host.send(tab, &join(json!({})));
    host.pass(100);
    host.send(slot, &add("k1", "i1"));
    host.close(early);
    let summary = serde_json::to_value(host.room.summary().unwrap()).unwrap();
    let expected = json!({"id": "board", "name": "board", "isPublic": true, "locked": false, "userCount": 2,
        "imageCount": 1, "createdAt": START + 7, "lastActivity": START + 107});
    assert_eq!(summary, expected);
}

#[test]
fn room17_a_preview_tells_the_largest_images_and_nothing_else_of_them() {
    let mut host = Host::new();
    let slot = host.join("ann");
    for (id, z, width) in [("small", "a3", 1), ("large", "a2", 30), ("middle", "a1", 20)] {
        let data = json!({"id": id, "src": "https://a.example/p.png", "x": 1, "y": 2, "width": width, "height": 4, "z": z,
            "secret": "s"});
        host.send(slot, &json!({"type": "image:add", "data": data}).to_string());
    }
    let preview = |most| {
        let mut json = Vec::new();
        host.room.preview(most, &mut json);
        serde_json::from_slice::<Value>(&json).unwrap()
    };
    let image =
        |width| json!({"src": "https://a.example/p.png", "x": 1, "y": 2, "width": width, "height": 4, "rotation": 0});
    assert_eq!(preview(2), json!({"images": [image(20), image(30)]}));
    assert_eq!(preview(9), json!({"images": [image(20), image(30), image(1)]}));
    assert_eq!(preview(0), json!({"images": []}));
}
