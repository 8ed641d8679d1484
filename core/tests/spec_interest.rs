//! The rules CUR8 to CUR10: who looks elsewhere hears of a cursor twice a second.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::Host;
use common::say::{add, dragged, fast, frame, message, moved};
use kanvas_core::{Pressure, Room, Span};
use serde_json::{Value, json};

fn look(x: f64, y: f64, scale: f64) -> String {
    message("canvas:transform", &json!({"x": x, "y": y, "scale": scale}))
}

fn point(x: f64, y: f64) -> String {
    message("cursor:move", &json!({"x": x, "y": y}))
}

fn at(client: &str, x: f64, y: f64) -> Value {
    // As it goes over the wire: a whole number without a fraction.
    let number = |value: f64| value.to_string().parse::<Value>().unwrap();
    frame(client, "cursor:move", &json!({"x": number(x), "y": number(y)}))
}

const FAR: f64 = 100_000.0;

/// Ann (c1) moves; Bob (c2) looks at the middle, Cy (c3) has not told where. All have been told all.
fn three() -> (Host, u32, u32, u32) {
    three_in(Host::with_config(fast))
}

fn three_in(mut host: Host) -> (Host, u32, u32, u32) {
    let (ann, bob, cy) = (host.join("ann"), host.join("bob"), host.join("cy"));
    host.send(bob, &look(0.0, 0.0, 1.0));
    host.pass(1000);
    host.forget();
    (host, ann, bob, cy)
}

#[test]
fn cur8_a_far_cursor_comes_after_half_a_second_as_it_is_then() {
    let (mut host, ann, bob, cy) = three();
    host.send(ann, &point(FAR, 1.0));
    assert_eq!(host.take(cy), [at("c1", FAR, 1.0)], "of whom it is not known where they look hears at once");
    host.pass(400);
    host.send(ann, &point(FAR, 2.0));
    host.pass(99);
    assert_eq!(host.take(bob), Vec::<Value>::new());
    host.pass(1);
    assert_eq!(host.take(bob), [at("c1", FAR, 2.0)]);
    assert_eq!(host.take(cy), [at("c1", FAR, 2.0)], "nobody hears anything twice for it");
    host.pass(5000);
    host.assert_quiet();
}

#[test]
fn cur8_a_cursor_that_moves_on_comes_twice_a_second() {
    let (mut host, ann, bob, cy) = three();
    let mut heard = [0, 0];
    for step in 0..600 {
        host.send(ann, &point(FAR, f64::from(step)));
        host.pass(17);
        heard[0] += host.take(bob).len();
        heard[1] += host.take(cy).len();
    }
    assert_eq!(heard, [20, 600], "in 10.2 s");
}

#[test]
fn cur8_a_near_cursor_comes_at_once_and_so_does_its_last_step_out_of_view() {
    let (mut host, ann, bob, _) = three();
    for (x, y) in [(100.0, 100.0), (3800.0, 2100.0), (-600.0, -600.0), (FAR, 0.0)] {
        host.send(ann, &point(x, y));
        assert_eq!(host.take(bob), [at("c1", x, y)], "at once");
        host.pass(20);
    }
    host.send(ann, &point(FAR, 1.0));
    host.pass(20);
    assert_eq!(host.take(bob), Vec::<Value>::new());
    host.send(ann, &point(0.0, 0.0));
    assert_eq!(host.take(bob), [at("c1", 0.0, 0.0)], "back in view, at once");
    host.pass(20);
    host.send(ann, &message("cursor:move", &Value::Null));
    assert_eq!(host.take(bob), [frame("c1", "cursor:move", &Value::Null)], "gone from view, at once");
}

#[test]
fn cur8_everything_else_comes_to_all() {
    let (mut host, ann, bob, cy) = three();
    host.send(cy, &look(-FAR, -FAR, 1.0));
    host.forget();
    host.send(ann, &add("cat"));
    host.send(ann, &dragged("cat", 7));
    host.send(ann, &moved("cat", 9));
    host.send(ann, &look(-FAR, 5.0, 2.0));
    host.send(ann, &message("user:update", &json!({"name": "Anna"})));
    host.send(ann, &message("chat:message", &json!({"text": "hi"})));
    host.pass(100);
    let (bobs, cys) = (host.take(bob), host.take(cy));
    assert_eq!(bobs, cys);
    let kinds: Vec<&str> = bobs.iter().filter_map(|frame| frame["type"].as_str()).collect();
    for kind in ["image:add", "image:transform", "canvas:transform", "user:updated", "chat:message"] {
        assert!(kinds.contains(&kind), "{kind} is not among {kinds:?}");
    }
}

#[test]
fn cur8_at_zero_everyone_hears_everything_at_once() {
    let (mut host, ann, bob, _) = three_in(Host::with_config(|config| {
        fast(config);
        config.limits.far_cursors = Span::ZERO;
    }));
    host.send(ann, &point(FAR, 0.0));
    assert_eq!(host.take(bob), [at("c1", FAR, 0.0)]);
}

#[test]
fn cur8_batches_leave_out_what_is_far() {
    let mut host = Host::with_config(common::say::crowded);
    let (ann, bob) = (host.join("ann"), host.join("bob"));
    let cy = host.join_as("cy", "guest:cy", r#"{"batch":true}"#);
    host.send(cy, &look(0.0, 0.0, 1.0));
    host.pass(1000);
    host.send(cy, &point(0.0, 0.0));
    host.forget();
    host.send(ann, &point(1.0, 1.0));
    host.send(bob, &point(FAR, 2.0));
    host.pass(16);
    assert_eq!(host.take(cy), [frame("c1", "presence", &json!([["c1", 1, 1]]))]);
    host.pass(500);
    assert_eq!(host.take(cy), [frame("c2", "presence", &json!([["c2", 100_000, 2]]))]);
}

#[test]
fn cur8_a_session_that_is_taken_back_still_looks_where_it_did() {
    let (mut host, ann, _, _) = three();
    let di = host.connect("di");
    host.send(di, &message("user:join", &json!({})));
    let resume = host.take(di)[0]["data"]["resume"].clone();
    host.send(di, &look(0.0, 0.0, 1.0));
    host.lose(di);
    let bob = host.connect("di");
    host.send(bob, &message("user:join", &json!({"resume": resume})));
    host.forget();
    host.send(ann, &point(FAR, 0.0));
    assert_eq!(host.take(bob), Vec::<Value>::new());
}

#[test]
fn cur9_what_is_in_view_depends_on_place_and_scale() {
    // Where Bob looks, and places that are in view or near, and far.
    let cases = [
        (
            (0.0, 0.0, 1.0),
            vec![(0.0, 0.0), (3840.0, 2160.0), (-640.0, -640.0), (4480.0, 2800.0)],
            vec![(-1700.0, 0.0), (5600.0, 0.0), (0.0, 3900.0)],
        ),
        ((-10_000.0, 500.0, 1.0), vec![(10_000.0, -500.0), (13_840.0, 1660.0)], vec![(8000.0, 0.0), (0.0, 0.0)]),
        ((0.0, 0.0, 0.1), vec![(38_400.0, 21_600.0), (-6400.0, 0.0)], vec![(90_000.0, 0.0), (-30_000.0, 0.0)]),
        ((0.0, 0.0, 8.0), vec![(480.0, 270.0), (-80.0, -80.0)], vec![(1000.0, 0.0), (0.0, -400.0)]),
        ((1e9, -1e9, 1e9), vec![(-1.0, 1.0)], vec![(-2.0, 1.0), (0.0, 0.0), (-1.0, 1.1)]),
        ((0.0, 0.0, 1e-9), vec![(1e9, 1e9), (-1e9, -1e9)], vec![]),
        ((1e9, 1e9, f64::MIN_POSITIVE), vec![(-1e9, 1e9)], vec![]),
    ];
    for ((x, y, scale), near, far) in cases {
        for (place, is_near) in near.iter().map(|at| (at, true)).chain(far.iter().map(|at| (at, false))) {
            let (mut host, ann, bob, _) = three();
            host.send(bob, &look(x, y, scale));
            host.send(ann, &point(place.0, place.1));
            host.pass(20);
            assert_eq!(host.take(bob).len() == 1, is_near, "looking from {x}, {y} at {scale}: {place:?}");
        }
    }
}

#[test]
fn cur9_people_who_look_at_one_place_hear_the_same_bytes() {
    let (mut host, _, bob, cy) = three();
    let groups = |host: &Host| (host.sockets[&bob].group, host.sockets[&cy].group);
    host.send(cy, &look(-900.0, -700.0, 0.9));
    let (bobs, cys) = groups(&host);
    assert_ne!(bobs, cys, "a tenth out is another scale");
    host.send(cy, &look(-900.0, -700.0, 1.0));
    let (bobs, cys) = groups(&host);
    assert_eq!(bobs, cys);
    let mut at = |scale: f64| {
        host.send(bob, &look(0.0, 0.0, 0.9));
        host.send(cy, &look(0.0, 0.0, scale));
        let (bobs, cys) = groups(&host);
        bobs == cys
    };
    assert!([0.67, 0.7, 0.99].into_iter().all(&mut at), "up to 1.5 canvas units a pixel");
    assert!(![0.6, 0.66, 1.0].into_iter().any(at));
    host.send(bob, &look(0.0, 0.0, 1.0));
    host.send(cy, &look(-1100.0, -700.0, 1.0));
    let (bobs, cys) = groups(&host);
    assert_ne!(bobs, cys);
    host.send(cy, &look(-2000.0, -1000.0, 1.0));
    assert_eq!(groups(&host).1, cys, "the same step");
}

#[test]
fn cur9_groups_are_used_again() {
    let (mut host, _, bob, _) = three();
    for step in 0..500_u32 {
        host.send(bob, &look(-f64::from(step) * 5000.0, 0.0, 1.0));
        assert!(host.sockets[&bob].group.unwrap().0 < 3, "{:?}", host.sockets[&bob].group);
    }
}

#[test]
fn cur10_who_looks_elsewhere_now_hears_what_was_far_before() {
    let (mut host, ann, bob, _) = three();
    host.send(ann, &point(FAR, 0.0));
    host.pass(100);
    host.send(bob, &look(-FAR, 0.0, 1.0));
    host.pass(399);
    assert_eq!(host.take(bob), Vec::<Value>::new());
    host.pass(1);
    assert_eq!(host.take(bob), [at("c1", FAR, 0.0)]);
}

#[test]
fn cur10_a_client_that_left_is_not_told_of() {
    let (mut host, ann, bob, _) = three();
    host.send(ann, &point(FAR, 0.0));
    host.send(ann, &message("user:leave", &json!({})));
    host.forget();
    host.pass(1000);
    assert_eq!(host.take(bob), Vec::<Value>::new());
}

#[test]
fn cur10_what_waits_outlives_a_room_that_is_saved() {
    let (mut host, ann, bob, _) = three();
    host.send(ann, &point(FAR, 3.0));
    let mut saved = Vec::new();
    host.room.save(&mut saved);
    host.room = Room::restore(&saved, host.now).unwrap();
    host.pass(500);
    assert_eq!(host.take(bob), [at("c1", FAR, 3.0)]);
}

#[test]
fn cur10_a_slow_reader_hears_all_once_clear() {
    let (mut host, ann, bob, _) = three();
    host.pressure(bob, Pressure::High);
    host.send(ann, &point(FAR, 4.0));
    host.pass(1000);
    assert_eq!(host.take(bob), Vec::<Value>::new());
    host.pressure(bob, Pressure::Clear);
    let users = host.take(bob).remove(0);
    assert_eq!(users["data"]["users"][0]["cursor"], json!({"x": 100_000, "y": 4}));
}
