//! The rules of the room as a machine (ROOM11 to ROOM15): saved and restored, the same every time, never late, not led
//! astray by a wrong host, the same in every dialect.

use kanvas_core::wire::Dialect;
use kanvas_core::{
    Close, Command, Config, Conn, Done, EffectId, End, Failure, Input, Pressure, Room, Seq, Span, Standing, View,
};
use serde_json::{Value, json};

mod common;
#[path = "common/talk.rs"]
mod talk;

use common::{Asked, Disk, Host, conn};
use talk::{add, chat, join, shift, verified};

fn saved(host: &Host) -> Vec<u8> {
    let mut bytes = Vec::new();
    host.room.save(&mut bytes);
    bytes
}

fn drain(host: &mut Host, close: Close, spread: u64) {
    host.input(Input::Command(Command::Drain { close, spread: Span::from_millis(spread) }));
}

/// A few hundred inputs of every kind; `between` may meddle with the host after each.
fn script(mut between: impl FnMut(&mut Host)) -> Host {
    let mut host = Host::with_config(|config| {
        (config.limits.snapshot_ops, config.limits.flush_cost) = (16, 2000);
    });
    let mut dice = 99_u64;
    let mut roll = |below: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % below
    };
    let mut slots: Vec<u32> = Vec::new();
    for step in 0..600 {
        let at = usize::try_from(roll(64)).unwrap() % slots.len().max(1);
        let image = format!("i{}", roll(12));
        host.auto = roll(3) > 0;
        match roll(16) {
            0 | 1 if slots.len() < 12 => {
                let dialect = if roll(5) == 0 { Dialect::Plain } else { Dialect::KanvasV1 };
                let user = format!("user_{}", roll(4));
                let slot = host.connect_as(&format!("pk{}", roll(6)), &user, Standing::Verified, dialect, View::Full);
                host.send(slot, &chat("held"));
                host.send(slot, &join(json!({"name": user})));
                slots.push(slot);
            }
            2 if !slots.is_empty() => host.lose(slots.swap_remove(at)),
            3 if !slots.is_empty() => host.close(slots.swap_remove(at)),
            4 => host.pass(roll(3_000)),
            5 if !host.asked.is_empty() && roll(3) == 0 => host.fail(Failure::Busy),
            6 if !host.asked.is_empty() => host.answer(),
            _ if slots.is_empty() => host.pass(10),
            7 => host.pressure(slots[at], if roll(2) == 0 { Pressure::High } else { Pressure::Clear }),
            8 => host.send(slots[at], &chat(&format!("say {step}"))),
            9 => host.send(slots[at], &format!("say {step}")),
            10 => host.send(slots[at], &add(&format!("k{}", roll(50)), &image)),
            11 => host.send(slots[at], &shift(&image, 5.0)),
            12 => host.send(slots[at], &json!({"type": "image:remove", "data": {"id": image}}).to_string()),
            13 => {
                let data = json!({"id": image, "x": step, "transient": true});
                host.send(slots[at], &json!({"type": "image:transform", "data": data}).to_string());
            }
            14 => host.send(slots[at], &format!(r#"{{"type":"user:update","data":{{"presence":{{"n":{step}}}}}}}"#)),
            _ => host.send(slots[at], &format!(r#"{{"type":"cursor:move","data":{{"x":{step},"y":0}}}}"#)),
        }
        between(&mut host);
    }
    host.auto = true;
    host.answer_all();
    drain(&mut host, Close::Restart, 9_999);
    between(&mut host);
    host
}

/// All that a host told and was told, what it has on its disk, and what it keeps with its sockets.
fn remains(host: &Host) -> String {
    format!("{:#?}\n{:#?}\n{:#?}", host.transcript, host.disk, host.sockets)
}

#[test]
fn room11_a_restored_room_answers_with_the_same_bytes() {
    let plain = script(|_| {});
    assert!(plain.transcript.len() > 1_500 && plain.disk.log.len() > 100, "the script is no short one");
    let restored = script(|host| host.room = Room::restore(&saved(host), host.now).expect("its own bytes"));
    assert!(remains(&plain) == remains(&restored), "the same bytes");
    assert_eq!(saved(&plain), saved(&restored));
}

#[test]
fn room11_other_bytes_are_corrupt() {
    let mut host = Host::new();
    let slot = host.join("ann");
    host.send(slot, &add("k1", "i1"));
    let bytes = saved(&host);
    for len in 0..bytes.len() {
        assert!(Room::restore(&bytes[..len], host.now).is_err(), "{len} of {} bytes", bytes.len());
    }
    let mut more = bytes.clone();
    more.push(0);
    assert!(Room::restore(&more, host.now).is_err());
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 0x15;
        // Some bytes may be others in a right room; none may make a wrong one, or a panic.
        if let Ok(room) = Room::restore(&other, host.now) {
            assert_eq!(room.check(), Ok(()));
        }
    }
}

#[test]
fn room12_the_same_seed_and_inputs_give_the_same_bytes() {
    let (one, other) = (script(|_| {}), script(|_| {}));
    assert!(remains(&one) == remains(&other));
    assert_eq!(saved(&one), saved(&other));
}

#[test]
fn room13_after_a_tick_nothing_is_due_and_an_early_one_changes_nothing() {
    let mut ticks = 0;
    script(|host| {
        if host.room.deadline().is_none_or(|at| at > host.now) {
            host.auto = false;
            let told = host.transcript.len();
            host.input(Input::Tick);
            let before = saved(host);
            host.input(Input::Tick);
            assert_eq!((saved(host) == before, host.transcript.len()), (true, told + 2), "an early tick");
        }
        if let Some(at) = host.room.deadline().filter(|at| *at <= host.now + Span::from_millis(20)) {
            host.now = host.now.max(at);
            host.input(Input::Tick);
            assert!(host.room.deadline().is_none_or(|at| at > host.now));
            ticks += 1;
        }
    });
    assert!(ticks > 50, "{ticks}");
}

#[test]
fn room14_a_secret_that_a_session_has_makes_no_second_one() {
    let mut host = Host::new();
    let ann = host.connect("ann");
    host.send(ann, r#"{"type":"user:join"}"#);
    let resume = host.sockets[&ann].attachment.clone();
    host.take(ann);
    let twin = Conn { slot: 70, generation: 0 };
    host.sockets.insert(twin.slot, common::Socket::default());
    let identity = kanvas_core::Identity::guest("guest:b");
    // The host makes a socket's secret from its slot: this is that of Ann's.
    let mut secret = [0xab; 16];
    secret[..4].copy_from_slice(&ann.to_be_bytes());
    let hello = kanvas_core::Hello {
        pk: "b",
        dialect: Dialect::KanvasV1,
        name: None,
        view: View::Full,
        share: None,
        resume: secret,
    };
    host.input(Input::Connect { conn: twin, identity, hello });
    host.send(twin.slot, r#"{"type":"user:join"}"#);
    assert_eq!(host.closed(twin.slot), Some(Close::Unavailable));
    assert_eq!((host.room.stats().misuse, host.take(ann)), (1, vec![]));
    assert_eq!(host.sockets[&ann].attachment, resume);
}

#[test]
fn room14_what_a_right_host_would_not_give_is_counted_and_changes_nothing() {
    let mut host = Host::new();
    let slot = host.join("ann");
    host.send(slot, &add("k1", "i1"));
    host.take(slot);
    let before = saved(&host);
    let stranger = Conn { slot, generation: 7 };
    let identity = |user| kanvas_core::Identity::guest(user);
    let hello = kanvas_core::Hello {
        pk: "",
        dialect: Dialect::KanvasV1,
        name: None,
        view: View::Full,
        share: None,
        resume: [9; 16],
    };
    let long = "x".repeat(129);
    let inputs = [
        Input::Message { conn: stranger, bytes: b"ping" },
        Input::Done { effect: EffectId(99), result: Done::Failed(Failure::Broken) },
        Input::Done { effect: EffectId(1), result: Done::Loaded(Default::default()) },
        Input::Connect { conn: conn(slot), identity: identity("guest:eve"), hello: hello.clone() },
        Input::Connect { conn: stranger, identity: identity(""), hello: hello.clone() },
        Input::Connect { conn: stranger, identity: identity(&long), hello },
    ];
    for (input, count) in inputs.into_iter().zip(1..) {
        host.input(input);
        assert_eq!((host.room.stats().misuse, saved(&host) == before), (count, true));
    }
    for input in [
        Input::Disconnect { conn: stranger, end: End::Lost },
        Input::Pressure { conn: stranger, level: Pressure::High },
    ] {
        host.input(input);
        assert!(host.room.stats().misuse == 6 && saved(&host) == before, "may be late, and is no misuse");
    }
    let attachment = host.sockets[&slot].attachment.clone();
    host.input(Input::Resume { conn: conn(slot), attachment: &attachment });
    assert!(host.room.stats().misuse == 7 && saved(&host) == before);
    assert_eq!((host.take(slot), host.closed(slot)), (vec![], None), "who is there already stays");
    host.input(Input::Resume { conn: stranger, attachment: b"nothing" });
    assert!(host.room.stats().misuse == 8 && saved(&host) == before);
    assert_eq!(host.take(slot), [] as [Value; 0]);
}

#[test]
fn room15_who_joins_by_connecting_is_joined_once_the_room_is_loaded() {
    let mut host = Host::unloaded(Config::default(), Disk::default());
    let plain = host.connect_as("p", "guest:p", Standing::Guest, Dialect::Plain, View::Full);
    host.auto = true;
    host.answer_all();
    host.send(plain, "say hello");
    assert_eq!(host.take_raw(plain), ["say c1 hello"]);
}

#[test]
fn room15_a_session_goes_on_in_another_dialect() {
    let mut host = Host::new();
    let other = host.join("bob");
    let slot = verified(&mut host, "tab", "user_1");
    host.send(slot, &join(json!({})));
    host.lose(slot);
    host.take(other);
    let plain = host.connect_as("tab", "user_1", Standing::Verified, Dialect::Plain, View::Full);
    host.send(other, &chat("hi"));
    host.send(plain, "say ho");
    assert_eq!(host.take_raw(plain), ["say c1 hi", "say c2 ho"], "in its words from the first frame on");
}

#[test]
fn room15_each_event_is_told_in_the_words_of_each_dialect() {
    let mut host = Host::new();
    let json = host.join("ann");
    let plain = host.connect_as("p", "guest:p", Standing::Guest, Dialect::Plain, View::Full);
    assert_eq!(host.take_types(json), ["user:joined"]);
    assert_eq!(host.take_raw(plain), [] as [&str; 0], "it has no word for its own join");
    host.send(plain, "say hello");
    let heard = host.take(json);
    assert_eq!(
        (&heard[0]["type"], &heard[0]["data"]["text"], &heard[0]["seq"]),
        (&json!("chat:message"), &json!("hello"), &json!(1))
    );
    assert_eq!(host.take_raw(plain), ["say c2 hello"]);
    host.send(json, &chat("hi"));
    host.send(json, r#"{"type":"cursor:move","data":{"x":1,"y":2.5}}"#);
    host.send(json, &add("k1", "i1"));
    assert_eq!(host.take_raw(plain), ["say c1 hi", "at c1 1 2.5"], "and none for images");
    host.pass(16);
    host.take(json);
    host.send(plain, "at 7 8");
    assert_eq!(host.take_raw(json), [r#"{"type":"cursor:move","data":{"x":7,"y":8},"clientId":"c2"}"#]);
}

#[test]
fn room14_an_answer_that_comes_twice_is_not_taken_for_the_next_one() {
    let mut host = Host::new();
    let slot = host.join("ann");
    host.auto = false;
    host.send(slot, &chat("one"));
    let [Asked::Store { effect: first, .. }] = host.asked[..] else { panic!("{:?}", host.asked) };
    host.answer();
    host.take(slot);
    host.send(slot, &chat("two"));
    let [Asked::Store { effect: second, .. }] = host.asked[..] else { panic!("{:?}", host.asked) };
    assert_ne!(first, second);
    for result in [Done::Stored { upto: Seq(2) }, Done::Failed(Failure::Broken)] {
        host.input(Input::Done { effect: first, result });
        assert_eq!((host.take(slot), host.closed(slot)), (vec![], None), "two is not durable");
    }
    assert_eq!(host.room.stats().misuse, 2);
    host.answer();
    assert_eq!(host.take_types(slot), ["chat:message", "ack"]);
}

#[test]
fn room14_a_load_that_failed_has_had_its_answer() {
    let mut host = Host::unloaded(Config::default(), Disk::default());
    let slot = host.join("ann");
    let [Asked::Load(effect)] = host.asked[..] else { panic!("{:?}", host.asked) };
    host.fail(Failure::Busy);
    for result in [Done::Loaded(Default::default()), Done::Failed(Failure::Broken)] {
        host.input(Input::Done { effect, result });
        assert_eq!((host.take(slot), host.closed(slot)), (vec![], None), "the room waits for its next try");
    }
    assert_eq!(host.room.stats().misuse, 2);
    host.pass(100);
    host.answer_all();
    assert_eq!(host.take_types(slot), ["room:joined", "state:sync", "user:list"]);
}
