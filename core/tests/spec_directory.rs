//! The rules of the list of rooms (DIR).

use std::collections::BTreeMap;

use kanvas_core::directory::{BadQuery, Directory, Input, Query};
use kanvas_core::{Close, Config, Listing, Pressure, RoomId, Span, Time};
use serde_json::{Value, json};

#[path = "common/list.rs"]
mod list;

use list::{Host, START, conn, room};

fn query(text: &str) -> Result<Query, BadQuery> {
    let of = |key: &str| {
        text.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('=')).filter(|value| !value.is_empty())
    };
    Query::read(of("q"), of("sort"), of("limit"), of("cursor"))
}

fn find(host: &Host, text: &str) -> Vec<String> {
    host.ids(&query(text).unwrap())
}

#[test]
fn dir1_the_list_has_public_rooms_as_they_were_announced_last() {
    let mut host = Host::new();
    host.announce(&room("a", 1));
    host.announce(&Listing { is_public: false, ..room("b", 2) });
    host.announce(&Listing { name: "Apples".into(), user_count: 3, ..room("a", 5) });
    let page = host.list.page(&query("").unwrap());
    assert_eq!((page.rooms.len(), &*page.rooms[0].name, page.rooms[0].user_count), (1, "Apples", 3));
    let json: Value = serde_json::from_slice(&page.to_json()).unwrap();
    let there = json!({"id": "a", "name": "Apples", "isPublic": true, "createdAt": START + 5,
        "lastActivity": START + 5, "userCount": 3, "creatorName": null});
    assert_eq!(json, json!({"rooms": [there], "cursor": null, "total": 1}));
    host.announce(&Listing { is_public: false, ..room("a", 6) });
    host.announce(&room("c", 1));
    host.input(Input::Forgotten(&RoomId::new("c").unwrap()));
    host.input(Input::Forgotten(&RoomId::new("never").unwrap()));
    assert!(host.list.is_empty());
    host.watch(0);
    host.announce(&room("a", 7));
    host.pass(1000);
    host.take(0);
    host.announce(&room("a", 7));
    host.pass(5000);
    assert_eq!(host.take(0), [] as [Value; 0], "the same again is no news");
}

#[test]
fn dir2_who_watches_is_told_of_the_rooms_that_were_active_last() {
    let mut host = Host::new();
    assert_eq!(host.watch(0), [json!({"type": "rooms", "rooms": []})]);
    for no in 0..150 {
        host.announce(&Listing { creator_name: Some("Ann".into()), ..room(&format!("r{no}"), no) });
    }
    host.pass(1000);
    let first = host.watch(1);
    assert_eq!(first.len(), 1);
    let rooms = first[0]["rooms"].as_array().unwrap();
    let ids: Vec<&str> = rooms.iter().map(|room| room["id"].as_str().unwrap()).collect();
    let expected: Vec<String> = (50..150).rev().map(|no| format!("r{no}")).collect();
    assert_eq!(ids, expected);
    let newest = json!({"id": "r149", "name": "r149", "isPublic": true, "createdAt": START + 149,
        "lastActivity": START + 149, "userCount": 0, "creatorName": "Ann"});
    assert_eq!(rooms[0], newest);
}

#[test]
fn dir3_a_batch_a_second_tells_what_changed() {
    let mut host = Host::new();
    let born = |id, activity| Listing { created_at: Time::from_millis(START), ..room(id, activity) };
    host.announce(&born("a", 1));
    host.watch(0);
    host.watch(1);
    host.pass(2000);
    host.announce(&Listing { user_count: 2, ..born("a", 9) });
    let updated =
        json!({"type": "room-updated", "roomId": "a", "updates": {"userCount": 2, "lastActivity": START + 9}});
    let (one, other) = (host.take(0), host.take(1));
    assert_eq!(one, [updated], "at once after a quiet second");
    assert_eq!(one, other);
    for no in 0..50 {
        host.announce(&Listing { user_count: no, ..born("a", 10) });
        host.announce(&born("b", no.into()));
    }
    host.announce(&Listing { name: "Ay".into(), ..born("a", 10) });
    host.announce(&room("gone", 3));
    host.input(Input::Forgotten(&RoomId::new("gone").unwrap()));
    host.pass(999);
    assert_eq!(host.take(0), [] as [Value; 0]);
    host.pass(1);
    let (one, other) = (host.take(0), host.take(1));
    let updates = json!({"userCount": 0, "lastActivity": START + 10, "name": "Ay"});
    let added = json!({"id": "b", "name": "b", "isPublic": true, "createdAt": START,
        "lastActivity": START + 49, "userCount": 0, "creatorName": null});
    let batch = [
        json!({"type": "room-updated", "roomId": "a", "updates": updates}),
        json!({"type": "room-added", "room": added}),
    ];
    assert_eq!((one.as_slice(), other.as_slice()), (&batch[..], &batch[..]));
    host.input(Input::Forgotten(&RoomId::new("b").unwrap()));
    host.pass(1000);
    assert_eq!(host.take(0), [json!({"type": "room-removed", "roomId": "b"})]);
    host.take(1);
    let idle = host.list.deadline().unwrap();
    assert!(idle > host.now + Span::from_secs(60), "while nothing changes nothing is due but what drops off");
}

#[test]
fn dir3_a_hundred_rooms_are_shown_whatever_there_is() {
    let mut host = Host::new();
    host.watch(0);
    for no in 0..500 {
        host.announce(&room(&format!("r{no}"), no));
    }
    host.pass(1000);
    let frames = host.take(0);
    assert!(frames.len() <= 100 + 1, "{} frames", frames.len());
    for no in 0..500 {
        host.announce(&room(&format!("r{no}"), 1000 - no));
    }
    host.pass(1000);
    let frames = host.take(0);
    assert_eq!(frames.len(), 200, "each of the hundred left and another came");
}

#[test]
fn dir3_another_room_of_the_same_id_replaces_the_one_before() {
    let mut host = Host::new();
    host.announce(&room("a", 1));
    host.watch(0);
    host.pass(1000);
    host.announce(&Listing { creator_name: Some("Ann".into()), ..room("a", 9) });
    let added = json!({"id": "a", "name": "a", "isPublic": true, "createdAt": START + 9,
        "lastActivity": START + 9, "userCount": 0, "creatorName": "Ann"});
    let batch = [json!({"type": "room-removed", "roomId": "a"}), json!({"type": "room-added", "room": added})];
    assert_eq!(host.take(0), batch, "`updates` has no word for who made it and when");
}

#[test]
fn dir4_who_reads_slowly_gets_no_batches_and_then_the_whole_list() {
    let mut host = Host::new();
    host.watch(0);
    host.input(Input::Pressure { conn: conn(0), level: Pressure::High });
    host.announce(&room("a", 1));
    host.pass(5000);
    host.announce(&room("b", 2));
    host.pass(5000);
    assert_eq!(host.take(0), [] as [Value; 0]);
    host.input(Input::Pressure { conn: conn(0), level: Pressure::Clear });
    let frames = host.take(0);
    assert_eq!((frames.len(), frames[0]["rooms"].as_array().unwrap().len()), (1, 2));
    host.announce(&room("c", 3));
    assert_eq!(host.take(0)[0]["type"], "room-added");
    host.input(Input::Pressure { conn: conn(9), level: Pressure::High });
}

#[test]
fn dir5_what_is_empty_and_idle_drops_off() {
    const HALF_HOUR: u64 = 30 * 60_000;
    let mut host = Host::new();
    host.announce(&room("quiet", 0));
    host.announce(&room("late", 60_000));
    host.announce(&Listing { user_count: 1, ..room("busy", 0) });
    host.announce(&Listing { last_activity: Time::from_millis(START - HALF_HOUR), ..room("old", 0) });
    assert_eq!(find(&host, "sort=name"), ["busy", "late", "quiet"]);
    for _ in 0..30 {
        host.pass(60_000 - 1);
        host.announce(&Listing { user_count: 1, ..room("busy", 0) });
        host.pass(1);
    }
    assert_eq!(find(&host, "sort=name"), ["busy", "late"], "half an hour after anything last happened");
    host.pass(60_000);
    assert_eq!(find(&host, ""), ["busy"]);
    host.announce(&room("busy", 0));
    host.pass(HALF_HOUR - 1);
    assert_eq!(find(&host, ""), ["busy"], "half an hour after the last one left");
    host.pass(1);
    assert_eq!((host.list.len(), host.list.deadline()), (0, None));
}

#[test]
fn dir5_what_happened_by_a_clock_that_was_ahead_counts_when_the_last_one_leaves_too() {
    let mut host = Host::new();
    host.announce(&Listing { user_count: 1, ..room("a", 60_000) });
    host.announce(&room("a", 60_000));
    assert_eq!(host.list.deadline(), Some(Time::from_millis(START + 31 * 60_000)));
}

#[test]
fn dir5_a_room_that_fell_silent_counts_as_empty() {
    let mut host = Host::new();
    host.watch(0);
    host.announce(&Listing { user_count: 4, ..room("lost", 0) });
    host.pass(1000);
    host.take(0);
    host.pass(179_000 - 1);
    assert_eq!(host.take(0), [] as [Value; 0]);
    host.pass(1);
    assert_eq!(host.take(0)[0]["updates"]["userCount"], 0);
    host.pass(30 * 60_000 - 180_000);
    assert_eq!(host.list.len(), 0);
    let mut host = Host::with(|config| (config.limits.listed_idle, config.limits.listed_silent) = (None, None));
    host.announce(&Listing { user_count: 4, ..room("a", 0) });
    host.announce(&room("b", 0));
    assert_eq!((host.list.deadline(), host.list.len()), (None, 2), "a host may want neither");
}

#[test]
fn dir6_a_full_list_forgets_the_emptiest_and_quietest() {
    let mut host = Host::with(|config| config.limits.listed_rooms = 3);
    host.announce(&Listing { user_count: 1, ..room("people", 0) });
    for (id, at) in [("a", 5), ("b", 4), ("c", 6), ("d", 7)] {
        host.announce(&room(id, at));
    }
    assert_eq!(find(&host, "sort=name"), ["c", "d", "people"]);
}

#[test]
fn dir6_a_room_that_would_be_the_first_to_go_does_not_come() {
    let mut host = Host::with(|config| config.limits.listed_rooms = 2);
    for (id, at) in [("a", 5), ("b", 4), ("old", 3), ("c", 6), ("older", 2)] {
        host.announce(&room(id, at));
    }
    assert_eq!(find(&host, "sort=name"), ["a", "c"]);
    host.announce(&Listing { user_count: 1, ..room("people", 1) });
    assert_eq!(find(&host, "sort=name"), ["c", "people"]);
}

#[test]
fn dir7_watchers_are_bounded() {
    let mut host = Host::with(|config| config.limits.room_connections = 20);
    for slot in 0..11 {
        host.input(Input::Connect { conn: conn(slot), user: "ann" });
    }
    assert_eq!((host.closed.get(&10), host.closed.len()), (Some(&Close::RateLimited), 1));
    assert_eq!(host.take(10)[0]["data"]["code"], "rate_limited");
    host.input(Input::Disconnect { conn: conn(3) });
    host.input(Input::Disconnect { conn: conn(3) });
    host.input(Input::Connect { conn: conn(11), user: "ann" });
    assert_eq!(host.closed.len(), 1, "a place was given back");
    for slot in 20..31 {
        host.watch(slot);
    }
    assert_eq!((host.closed.get(&30), host.closed.len()), (Some(&Close::RoomFull), 2));
}

#[test]
fn dir8_there_is_nothing_to_say_but_ping() {
    let mut host = Host::new();
    host.watch(0);
    assert_eq!(host.say(0, "ping"), [json!("pong")]);
    for (text, code) in [
        (r#"{"type":"room-created","roomId":"a"}"#, "unknown_type"),
        (r#"{"type":"cursor:move","data":{"x":1,"y":1}}"#, "unknown_type"),
        (r#"{"type":"image:remove","data":{}}"#, "bad_message"),
        ("{", "bad_message"),
    ] {
        assert_eq!(host.say(0, text)[0]["data"]["code"], code, "{text}");
    }
    host.say(9, "ping");
    for _ in 0..8 {
        host.say(0, "nonsense");
    }
    assert_eq!(host.closed.get(&0), Some(&Close::BadProtocol));
    host.watch(1);
    let answers: Vec<Value> = (0..100).flat_map(|_| host.say(1, "ping")).collect();
    assert_eq!(answers, vec![json!("pong"); 60], "those beyond the rate are not answered");
    let refused = host.say(1, r#"{"type":"user:update"}"#);
    assert_eq!(refused[0]["data"]["code"], "rate_limited");
    assert!(refused[0]["data"]["retryAfterMs"].as_u64().is_some_and(|wait| wait <= 50));
    assert_eq!(host.say(1, "{")[0]["data"]["code"], "bad_message", "what cannot be read is told as such");
    for _ in 0..600 {
        host.say(1, "ping");
    }
    assert_eq!(host.closed.get(&1), Some(&Close::RateLimited));
}

#[test]
fn dir9_rooms_are_searched_and_sorted() {
    let mut host = Host::new();
    let named = |id: &str, name: &str, by: &str, at, users| {
        let creator_name = (!by.is_empty()).then(|| by.into());
        Listing { name: name.into(), creator_name, user_count: users, ..room(id, at) }
    };
    host.announce(&named("one", "Caf\u{e9} Plans", "Ann Lee", 10, 1));
    host.announce(&Listing {
        last_activity: Time::from_millis(START + 50),
        ..named("two", "B\u{e4}ume", "Bob", 20, 7)
    });
    host.announce(&named("three", "\u{ff21}rbor", "", 30, 7));
    host.announce(&named("four", "plans of arbor", "ANN", 40, 0));
    for (search, found) in [
        ("q=plans", vec!["four", "one"]),
        ("q=PLANS ann", vec!["four", "one"]),
        ("q=ann arbor", vec!["four"]),
        ("q=cafe\u{301}", vec!["one"]),
        ("q=ARBOR", vec!["four", "three"]),
        ("q=two", vec!["two"]),
        ("q=lee one", vec!["one"]),
        ("q=plansann", vec![]),
        ("q=nothing", vec![]),
        ("q=\u{3000} ", vec!["two", "four", "three", "one"]),
        ("", vec!["two", "four", "three", "one"]),
        ("sort=activity", vec!["two", "four", "three", "one"]),
        ("sort=created", vec!["four", "three", "two", "one"]),
        ("sort=users", vec!["three", "two", "one", "four"]),
        ("sort=name", vec!["three", "two", "one", "four"]),
        ("sort=users&limit=1", vec!["three"]),
    ] {
        assert_eq!(find(&host, search), found, "{search}");
    }
    let page = host.list.page(&query("q=arbor&limit=1").unwrap());
    assert_eq!((page.rooms.len(), page.total), (1, 2));
    for no in 0..40 {
        host.announce(&room(&format!("r{no}"), 0));
    }
    assert_eq!(find(&host, "").len(), 20);
}

#[test]
fn dir9_letters_with_two_small_forms_are_one() {
    let mut host = Host::new();
    host.announce(&Listing { name: "\u{3bf}\u{3b4}\u{3bf}\u{3c3}\u{3b1}".into(), ..room("inside", 3) });
    host.announce(&Listing { name: "\u{39f}\u{394}\u{39f}\u{3a3}".into(), ..room("end", 2) });
    host.announce(&Listing { name: "Stra\u{df}e".into(), ..room("sharp", 1) });
    for search in ["\u{39f}\u{394}\u{39f}\u{3a3}", "\u{3bf}\u{3b4}\u{3bf}\u{3c3}", "\u{3bf}\u{3b4}\u{3bf}\u{3c2}"] {
        assert_eq!(find(&host, &format!("q={search}")), ["inside", "end"], "{search}");
    }
    for search in ["STRASSE", "strasse", "stra\u{df}e", "STRA\u{1e9e}E"] {
        assert_eq!(find(&host, &format!("q={search}")), ["sharp"], "{search}");
    }
}

#[test]
fn dir10_pages_go_on_wherever_rooms_come_and_go() {
    let mut host = Host::new();
    for no in 0..95 {
        host.announce(&Listing { user_count: no % 7, ..room(&format!("r{:03}", no * 37 % 95), u64::from(no % 11)) });
    }
    for sort in ["activity", "created", "users", "name"] {
        let all: Vec<String> = find(&host, &format!("sort={sort}&limit=100"));
        assert_eq!(all.len(), 95);
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let query = query(&format!("sort={sort}&limit=10&cursor={cursor}")).unwrap();
            let page = host.list.page(&query);
            seen.extend(page.rooms.iter().map(|room| room.id.to_string()));
            assert_eq!(page.total, 95);
            match page.cursor {
                Some(next) => cursor = next,
                None => break,
            }
        }
        assert_eq!(seen, all, "{sort}");
    }
    let first = host.list.page(&query("sort=name&limit=10").unwrap());
    let cursor = first.cursor.clone().unwrap();
    let last = first.rooms[9].id.clone();
    host.input(Input::Forgotten(&last));
    host.announce(&room("r0000", 0));
    host.announce(&room("r0105", 0));
    let next = find(&host, &format!("sort=name&limit=3&cursor={cursor}"));
    assert_eq!(next, ["r010", "r0105", "r011"], "behind the one that was last, which is gone");
}

#[test]
fn dir11_what_cannot_be_asked_has_its_reason() {
    let mut host = Host::new();
    for no in 0..5 {
        host.announce(&room(&format!("r{no}"), no));
    }
    let cursor = host.list.page(&query("sort=name&limit=2").unwrap()).cursor.unwrap();
    let long = "x".repeat(129);
    for (search, bad) in [
        (format!("q={long}"), BadQuery::Q),
        ("sort=size".into(), BadQuery::Sort),
        ("sort=Name".into(), BadQuery::Sort),
        ("limit=0".into(), BadQuery::Limit),
        ("limit=101".into(), BadQuery::Limit),
        ("limit=-1".into(), BadQuery::Limit),
        ("limit=ten".into(), BadQuery::Limit),
        ("limit=99999999999999999999".into(), BadQuery::Limit),
        (format!("cursor={cursor}"), BadQuery::Cursor),
        (format!("sort=name&cursor={cursor}0"), BadQuery::Cursor),
        (format!("sort=name&cursor={cursor}.x"), BadQuery::Cursor),
        ("cursor=activity.1.a/b.".into(), BadQuery::Cursor),
        ("cursor=activity.x.a.".into(), BadQuery::Cursor),
        ("cursor=activity.1.a.zz".into(), BadQuery::Cursor),
        ("cursor=activity.1.a.61".into(), BadQuery::Cursor),
        ("cursor=activity.+1.a.".into(), BadQuery::Cursor),
        ("cursor=activity.01.a.".into(), BadQuery::Cursor),
        ("sort=name&cursor=name.0.a.+1".into(), BadQuery::Cursor),
        ("sort=name&cursor=name.0.a.6A".into(), BadQuery::Cursor),
        ("sort=name&cursor=name.1.a.61".into(), BadQuery::Cursor),
        ("cursor=activity.1.a.ff".into(), BadQuery::Cursor),
        ("cursor=activity.1.a.\u{e9}\u{e9}".into(), BadQuery::Cursor),
    ] {
        assert_eq!(query(&search), Err(bad), "{search}");
        assert!(bad.message().ends_with('.'));
    }
    assert_eq!(find(&host, &format!("sort=name&cursor={cursor}")), ["r2", "r3", "r4"]);
}

#[test]
fn dir12_the_same_inputs_give_the_same_bytes_after_a_save_too() {
    let run = |saves: bool| {
        let mut host = Host::new();
        let mut dice = 7_u64;
        let mut next = |below: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % below
        };
        for _ in 0..3000 {
            let id = format!("r{}", next(200));
            match next(8) {
                0 => drop(host.watch(u32::try_from(next(30)).unwrap() + 100)),
                1 => host.input(Input::Disconnect { conn: conn(u32::try_from(next(30)).unwrap() + 100) }),
                2 => host.input(Input::Forgotten(&RoomId::new(&id).unwrap())),
                3 => host.pass(next(20_000)),
                _ => {
                    let users = u32::try_from(next(3)).unwrap();
                    let at = host.now.since(Time::from_millis(START)).as_millis();
                    host.announce(&Listing { user_count: users, is_public: next(9) > 0, ..room(&id, at) });
                }
            }
            if saves {
                let mut bytes = Vec::new();
                host.list.save(&mut bytes);
                host.list = Directory::restore(&bytes).unwrap();
            }
        }
        host.said
    };
    let once = run(false);
    assert!(once.len() > 100_000 && once == run(false) && once == run(true));
    assert!(Directory::restore(b"nonsense").is_err());
}

#[test]
fn dir13_a_drain_closes_everyone() {
    let mut host = Host::new();
    host.watch(0);
    host.watch(1);
    host.input(Input::Drain { close: Close::Restart, spread: Span::from_millis(3000) });
    assert_eq!(host.closed, BTreeMap::from([(0, Close::Restart), (1, Close::Restart)]));
    let waits: Vec<u64> = [0, 1].map(|slot| host.take(slot)[0]["data"]["retryAfterMs"].as_u64().unwrap()).into();
    assert!(waits.iter().all(|wait| *wait <= 3000) && waits[0] != waits[1], "{waits:?}");
}

/// Forgets the list, and makes it anew from these rooms and the sockets of these watchers.
fn wake(host: &mut Host, rooms: &[(u64, &Listing)], watchers: &[u32]) {
    host.list = Directory::new(&Config::default(), 7);
    host.group.clear();
    for (heard, room) in rooms {
        host.input(Input::Restored { room, heard: Time::from_millis(START + heard) });
    }
    for slot in watchers {
        host.input(Input::Resume { conn: conn(*slot), user: &format!("u{slot}") });
        assert_eq!(host.take(*slot), [] as [Value; 0]);
    }
}

#[test]
fn dir14_watchers_of_a_forgotten_list_are_told_what_changes_from_then_on() {
    let mut host = Host::new();
    let (a, b) = (Listing { user_count: 1, ..room("a", 0) }, room("b", 5));
    host.announce(&a);
    host.announce(&b);
    host.watch(1);
    host.watch(2);
    host.pass(60_000);
    wake(&mut host, &[(0, &a), (0, &b)], &[1, 2]);
    host.announce(&Listing { user_count: 2, ..a.clone() });
    let news = json!({"type": "room-updated", "roomId": "a", "updates": {"userCount": 2, "lastActivity": START}});
    assert_eq!((host.take(1), host.take(2)), (vec![news.clone()], vec![news]), "at once, and nothing else");
    host.announce(&room("c", 60_000));
    assert_eq!(host.take(1), [] as [Value; 0], "not twice in a second");
    host.pass(1000);
    assert_eq!((&host.take(1)[0]["room"]["id"], &host.take(2)[0]["type"]), (&json!("c"), &json!("room-added")));
    assert_eq!(host.watch(3)[0]["rooms"].as_array().map(Vec::len), Some(3));
    assert_eq!(host.say(2, "ping"), ["pong"]);
}

#[test]
fn dir14_what_drops_off_in_the_sleep_is_told_to_all_who_watch() {
    let mut host = Host::new();
    let (a, b) = (room("a", 0), room("b", 5000));
    host.announce(&a);
    host.announce(&b);
    host.watch(1);
    host.watch(2);
    host.now = host.list.deadline().unwrap();
    wake(&mut host, &[(0, &a), (0, &b)], &[1, 2]);
    assert_eq!(host.list.deadline(), Some(host.now), "it wants to go on");
    host.input(Input::Tick);
    for slot in [1, 2] {
        assert_eq!(host.take(slot), [json!({"type": "room-removed", "roomId": "a"})]);
    }
    let lists = |id: &str| host.list.lists(&RoomId::new(id).unwrap());
    assert_eq!((lists("a"), lists("b")), (false, true));
    host.now = host.now + Span::from_millis(5000);
    wake(&mut host, &[(0, &b)], &[]);
    assert_eq!(host.watch(3)[0]["rooms"], json!([]), "nor is one who comes shown what is over");
}

#[test]
fn dir14_a_room_stays_for_as_long_as_it_would_have() {
    const HALF_HOUR: u64 = 30 * 60_000;
    let mut host = Host::new();
    host.announce(&Listing { user_count: 1, ..room("left", 0) });
    for _ in 0..20 {
        host.pass(60_000);
        host.announce(&Listing { user_count: 1, ..room("left", 0) });
    }
    let left = room("left", 0);
    host.announce(&left);
    let (due, emptied) = (host.list.deadline(), 20 * 60_000);
    wake(&mut host, &[(emptied, &left)], &[]);
    assert_eq!(due, Some(Time::from_millis(START + emptied + HALF_HOUR)));
    assert_eq!(host.list.deadline(), due, "half an hour after the last one left");
    let busy = Listing { user_count: 3, ..room("busy", 0) };
    wake(&mut host, &[(emptied, &busy)], &[]);
    assert_eq!(
        host.list.deadline(),
        Some(Time::from_millis(START + emptied + 180_000)),
        "silent since it was heard of"
    );
    let (newer, hidden) =
        (Listing { user_count: 4, ..busy.clone() }, Listing { is_public: false, ..room("hidden", 0) });
    wake(&mut host, &[(emptied, &newer), (emptied, &busy), (emptied, &hidden)], &[]);
    assert_eq!(find(&host, "q=hidden"), [] as [&str; 0]);
    assert_eq!(host.list.page(&query("q=busy").unwrap()).rooms, [&newer], "what was told first counts");
}

#[test]
fn dir14_a_resumed_watcher_beyond_the_bounds_is_closed() {
    let mut host = Host::new();
    for slot in 0..11 {
        host.input(Input::Resume { conn: conn(slot), user: "ann" });
    }
    assert_eq!(host.closed, BTreeMap::from([(10, Close::RateLimited)]));
    let mut host = Host::with(|config| config.limits.room_connections = 1);
    host.input(Input::Resume { conn: conn(1), user: "ann" });
    host.input(Input::Resume { conn: conn(2), user: "bob" });
    assert_eq!(host.closed, BTreeMap::from([(2, Close::RoomFull)]));
    assert_eq!((host.take(1).len(), &host.take(2)[0]["data"]["code"]), (0, &json!("room_full")));
}
