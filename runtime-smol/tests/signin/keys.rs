//! Where keys come from: the stand-in for their address answers, changes, stalls and fails. The pauses between two
//! fetches are real ones here, once; what takes an hour or a day is a test of the core, where time is given.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::Socket;
use crate::door::{Door, KEY_A, KEY_B, Log, claims, good, header, signed, with};
use crate::stub::{Does, Stub, jwks, says};

/// The least pause between two fetches, and a little more.
const PAUSE: Duration = Duration::from_millis(30_500);

fn of_key_b(user: &str) -> String {
    signed(&KEY_B, &with(header(), &json!({"kid": "key-b"})), &claims(user))
}

fn ready(door: &Door) -> u16 {
    door.server.get("/readyz", "").status
}

/// A server whose first fetch has brought the first key.
struct Begun {
    stub: Stub,
    door: Door,
}

impl Begun {
    fn begin() -> Begun {
        let stub = Stub::start(jwks(&[&KEY_A]));
        let door = Door::fetching(Log::Text, &stub.url, &["--max-waiting", "1000"]);
        let (_, told) = door.enter("a", &good("user_ann"));
        assert_eq!((told["userId"].as_str(), stub.asked()), (Some("user_ann"), 1));
        assert_eq!(ready(&door), 200);
        Begun { stub, door }
    }
}

/// Keys were not to be had at the start.
fn down() -> Begun {
    let stub = Stub::start(Does::HangsUp);
    let door = Door::fetching(Log::Json, &stub.url, &[]);
    stub.is_asked(1);
    assert_eq!(door.closed(&door.address("a", &good("user_ann")), ""), (4205, "unavailable".into()));
    let answer = door.server.get("/party/a", &door.bearer(&good("user_ann")));
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
    assert_eq!(door.closed(&door.address("a", "x.y.z"), "").0, 4510, "what no key could make good is told so");
    assert_eq!((ready(&door), door.server.get("/healthz", "").status), (503, 200));
    Begun { stub, door }
}

fn comes_up(Begun { stub, door }: &Begun) {
    stub.is_asked(2);
    let (_, told) = door.enter("a", &good("user_ann"));
    assert_eq!((told["userId"].as_str(), ready(door)), (Some("user_ann"), 200));
}

/// A key is added, then the old one is gone.
fn rotates(Begun { stub, door }: &Begun) {
    stub.now_does(jwks(&[&KEY_B]));
    thread::scope(|scope| {
        // All that come at once have the one fetch.
        let several: Vec<_> = (0..20)
            .map(|no| scope.spawn(move || door.enter("a", &of_key_b(&format!("user_{no}"))).1["userId"].clone()))
            .collect();
        for (no, joined) in several.into_iter().enumerate() {
            assert_eq!(joined.join().unwrap(), format!("user_{no}"));
        }
    });
    assert_eq!(stub.asked(), 2);
    assert_eq!(door.closed(&door.address("a", &good("user_ann")), "").0, 4510, "a key that is gone");
    for no in 0..200 {
        let kid = json!({"kid": format!("kid-{no}")});
        let stranger = signed(&KEY_A, &with(header(), &kid), &claims("user_bad"));
        assert_eq!(door.closed(&door.address("a", &stranger), "").0, 4510);
    }
    assert_eq!(stub.asked(), 2);
}

/// The address answers no more, and people whose key is known come and go.
fn stalls(Begun { stub, door }: &Begun, staying: &mut Socket) {
    stub.now_does(Does::Stalls);
    thread::scope(|scope| {
        let stranger = scope.spawn(|| {
            let refused = door.closed(&door.address("a", &of_key_b("user_new")), "");
            (refused, Instant::now())
        });
        stub.is_asked(2);
        drop(door.enter("a", &good("user_bob")));
        let entered = Instant::now();
        let (refused, told) = stranger.join().unwrap();
        assert_eq!(refused, (4205, "unavailable".into()));
        assert!(entered < told, "whose key is known waits for no fetch");
    });
    for no in 0..20 {
        drop(door.enter("a", &good(&format!("user_{no}"))));
    }
    // LEASE3: that it cannot be checked is not the person's fault.
    staying.send(&json!({"type": "auth:refresh", "data": {"token": of_key_b("user_stay")}}).to_string());
    assert!(staying.until(r#""type":"error""#).contains(r#""code":"busy""#));
    staying.send("ping");
    staying.until("pong");
    assert_eq!((stub.asked(), ready(door)), (2, 200));
}

#[test]
fn sign1_sign2_keys_are_had_when_they_can_be_rotate_and_are_waited_for_by_nobody_else() {
    let (begun, stalled, down) = (Begun::begin(), Begun::begin(), down());
    let (mut staying, _) = stalled.door.enter("a", &good("user_stay"));
    staying.stream.set_read_timeout(Some(PAUSE)).unwrap();
    for Begun { door, stub } in [&begun, &stalled] {
        assert_eq!(door.closed(&door.address("a", &of_key_b("user_new")), "").0, 4510);
        assert_eq!(stub.asked(), 1, "it was asked a moment ago");
    }
    down.stub.now_does(jwks(&[&KEY_A]));
    thread::sleep(PAUSE);
    rotates(&begun);
    stalls(&stalled, &mut staying);
    comes_up(&down);
}

#[test]
fn sign2_what_is_no_answer_with_keys_brings_none() {
    let elsewhere = Stub::start(jwks(&[&KEY_A]));
    let keys = KEY_A.to_jwk();
    let moved = format!("302 Found\r\nLocation: {}", elsewhere.url);
    let long = format!(r#"{{"keys":[{keys}],"x":"{}"}}"#, "x".repeat(256 * 1024));
    for (what, does) in [
        ("a redirect", says(&moved, "")),
        ("an error with keys", says("500 Oh", &format!(r#"{{"keys":[{keys}]}}"#))),
        ("too long an answer", says("200 OK", &long)),
        ("a page", says("200 OK", "<html>")),
        ("no keys", says("200 OK", r#"{"keys":[]}"#)),
        ("no HTTP", Does::Says("SSH-2.0-stub\r\n".into())),
    ] {
        let stub = Stub::start(does);
        let door = Door::fetching(Log::Text, &stub.url, &[]);
        // It waits for the fetch.
        assert_eq!(door.closed(&door.address("a", &good("user_ann")), "").0, 4205, "{what}");
        assert_eq!((ready(&door), stub.asked()), (503, 1), "{what}");
        assert!(door.server.log().contains("keys"), "the operator is told of {what}: {}", door.server.log());
    }
    assert_eq!(elsewhere.asked(), 0);
}
