//! The rules PRES and CUR: who is here, and where they point and look. What a join itself answers is another file's.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::say::{
    ack, add, crowded, dragged, error, frame, image_at, message, moved, named, pointed, said, stored, user,
};
use common::{Host, START};
use kanvas_core::Pressure;
use serde_json::{Value, json};

const RED: &str = "#ff0000";
const BLUE: &str = "#0000ff";

/// Ann (c1, red) and Bob (c2, blue), both told all that there was to tell.
fn two() -> (Host, u32, u32) {
    two_in(Host::new())
}

fn two_in(mut host: Host) -> (Host, u32, u32) {
    let ann = host.join_as("pk-a", "guest:1", &json!({"name": "Ann", "color": RED}).to_string());
    let bob = host.join_as("pk-b", "guest:2", &json!({"name": "Bob", "color": BLUE}).to_string());
    host.forget();
    (host, ann, bob)
}

fn ann_now() -> Value {
    user("c1", "guest:1", "Ann", RED)
}

fn bob_now() -> Value {
    user("c2", "guest:2", "Bob", BLUE)
}

fn with(mut value: Value, key: &str, field: Value) -> Value {
    value[key] = field;
    value
}

#[test]
fn pres1_the_user_list_has_each_client_with_cursor_and_viewport() {
    let (mut host, ann, _) = two();
    host.send(ann, &message("cursor:move", &json!({"x": 5, "y": -6.5})));
    host.pass(16);
    host.send(ann, &message("canvas:transform", &json!({"x": 1, "y": 2, "scale": 0.5})));
    host.pass(16);
    let tab = host.connect_as(
        "pk-c",
        "guest:1",
        kanvas_core::Standing::Guest,
        kanvas_core::wire::Dialect::KanvasV1,
        kanvas_core::View::Full,
    );
    let answer = host.ask(tab, &message("user:join", &json!({"name": "Ann again", "color": BLUE})));
    let first = with(ann_now(), "cursor", json!({"x": 5, "y": -6.5}));
    let first = with(first, "viewport", json!({"x": 1, "y": 2, "scale": 0.5}));
    let users = json!({"users": [first, bob_now(), user("c3", "guest:1", "Ann again", BLUE)]});
    assert_eq!(answer.last(), Some(&frame("c3", "user:list", &users)));
}

#[test]
fn pres1_two_sockets_of_one_user_are_two_clients_of_one_user() {
    let (mut host, _, bob) = two();
    let tab = host.join_as("pk-a", "guest:1", r#"{"name":"Ann"}"#);
    assert_eq!(host.take_types(bob), ["user:joined"]);
    assert_eq!(host.state()["users"].as_array().unwrap().len(), 3);
    assert_eq!(host.room.summary().unwrap().user_count, 2);
    host.close(tab);
    assert_eq!(host.state()["users"], json!([ann_now(), bob_now()]));
}

#[test]
fn pres2_a_socket_that_closes_takes_its_client_with_it() {
    let (mut host, ann, bob) = two();
    host.close(ann);
    let left = json!({"clientId": "c1", "userId": "guest:1", "reason": "left"});
    assert_eq!(host.take(bob), [frame("c1", "user:left", &left)]);
    assert_eq!(host.state()["users"], json!([bob_now()]));
}

#[test]
fn pres2_a_lost_session_waits_fifteen_seconds() {
    let (mut host, ann, bob) = two();
    host.lose(ann);
    host.pass(14_999);
    assert_eq!(host.take(bob), Vec::<Value>::new());
    assert_eq!(host.state()["users"], json!([ann_now(), bob_now()]));
    host.pass(1);
    let left = json!({"clientId": "c1", "userId": "guest:1", "reason": "lost"});
    assert_eq!(host.take(bob), [frame("c1", "user:left", &left)]);
    assert_eq!(host.state()["users"], json!([bob_now()]));
    host.pass(60_000);
    assert!(!host.take_types(bob).contains(&"user:left".to_owned()), "told once");
}

#[test]
fn pres3_who_is_silent_for_a_minute_is_idle_and_back_with_the_next_frame() {
    let (mut host, ann, bob) = two();
    host.pass(59_999);
    host.assert_quiet();
    host.send(bob, &pointed(1));
    host.take(ann);
    host.pass(1);
    let idle = with(ann_now(), "idle", true.into());
    assert_eq!(host.take(bob), [frame("c1", "user:updated", &idle)]);
    host.assert_quiet();
    assert_eq!(host.ask(ann, "ping"), ["pong"]);
    host.assert_quiet();
    assert_eq!(host.state()["users"][0]["idle"], true);
    host.pass(15);
    host.send(ann, &pointed(3));
    let cursor = frame("c1", "cursor:move", &json!({"x": 3, "y": 0}));
    assert_eq!(host.take(bob), [frame("c1", "user:updated", &ann_now()), cursor]);
    host.pass(59_999);
    assert_eq!(host.take(bob), Vec::<Value>::new());
}

#[test]
fn pres3_who_was_idle_is_back_with_their_session() {
    let mut host = Host::new();
    let (bob, ann) = (host.join("bob"), host.connect("ann"));
    let secret = host.ask(ann, r#"{"type":"user:join"}"#)[0]["data"]["resume"].clone();
    host.pass(59_000);
    host.send(bob, &pointed(1));
    host.pass(1000);
    host.lose(ann);
    assert_eq!(host.take(bob).last().map(|frame| frame["data"]["idle"].clone()), Some(json!(true)));
    let ann = host.connect("ann");
    host.send(ann, &message("user:join", &json!({"resume": secret})));
    let told = host.take(bob);
    assert_eq!((told.len(), &told[0]["type"], &told[0]["data"]["idle"]), (1, &json!("user:updated"), &json!(false)));
    host.forget();
    host.pass(59_999);
    assert!(host.take(bob).iter().all(|frame| frame["clientId"] == "c1"), "a minute anew");
}

#[test]
fn pres3_any_frame_but_a_ping_puts_it_off() {
    for text in [pointed(1), said("hi"), removed_nothing(), message("user:update", &json!({}))] {
        let (mut host, ann, bob) = two();
        host.pass(40_000);
        host.send(ann, &text);
        host.pass(59_999);
        let of_ann = |frame: &Value| frame["type"] == "user:updated" && frame["data"]["idle"] == true;
        assert!(!host.take(bob).iter().any(of_ann), "{text}");
        host.pass(1);
        assert!(host.take(bob).iter().any(of_ann), "{text}");
    }
}

/// Refused, and a sign of life all the same.
fn removed_nothing() -> String {
    message("image:remove", &json!({"id": "nothing"}))
}

#[test]
fn pres4_a_null_cursor_leaves_the_canvas_and_stays_null_in_the_list() {
    let (mut host, ann, bob) = two();
    host.send(ann, &pointed(5));
    host.pass(16);
    host.take(bob);
    assert_eq!(host.state()["users"][0]["cursor"], json!({"x": 5, "y": 0}));
    host.send(ann, r#"{"type":"cursor:move","data":null}"#);
    assert_eq!(host.take(bob), [frame("c1", "cursor:move", &Value::Null)]);
    assert_eq!(host.state()["users"][0], ann_now());
}

#[test]
fn pres5_a_slow_member_gets_everything_but_latest_wins_frames_and_a_list_once_clear() {
    let (mut host, ann, bob) = two();
    host.send(ann, &add("i"));
    host.forget();
    host.pressure(bob, Pressure::High);
    host.pressure(bob, Pressure::High);
    for text in [pointed(5), message("canvas:transform", &json!({"x": 0, "y": 0, "scale": 2})), dragged("i", 9)] {
        host.send(ann, &text);
        host.pass(16);
    }
    host.assert_quiet();
    host.send(ann, &moved("i", 7));
    host.send(ann, &said("hi"));
    host.send(ann, &message("user:update", &json!({"name": "Anna"})));
    host.pass(16);
    assert_eq!(host.take_types(bob), ["image:transform", "chat:message", "user:updated"]);
    assert_eq!(host.ask(bob, &named("k", "image:transform", &json!({"id": "i", "x": 8}))), [ack("c2", Some("k"), 4)]);
    host.pressure(bob, Pressure::Clear);
    host.pressure(bob, Pressure::Clear);
    let ann_there = with(with(ann_now(), "name", "Anna".into()), "cursor", json!({"x": 5, "y": 0}));
    let ann_there = with(ann_there, "viewport", json!({"x": 0, "y": 0, "scale": 2}));
    assert_eq!(host.take(bob), [frame("c2", "user:list", &json!({"users": [ann_there, bob_now()]}))]);
    host.send(ann, &pointed(6));
    assert_eq!(host.take_types(bob), ["cursor:move"]);
}

#[test]
fn pres6_an_update_is_told_once_a_flush_with_the_latest_of_all() {
    let (mut host, ann, bob) = two_in(Host::with_config(crowded));
    let all = json!({
        "name": "Anna", "color": "#ABCDEF", "avatar": "https://example.com/a.png",
        "presence": {"typing": true, "n": 1.5, "tool": "pen", "gone": null},
    });
    host.send(ann, &message("user:update", &all));
    let mut anna = user("c1", "guest:1", "Anna", "#abcdef");
    anna["avatar"] = "https://example.com/a.png".into();
    anna["presence"] = json!({"typing": true, "n": 1.5, "tool": "pen"});
    assert_eq!(host.take(bob), [frame("c1", "user:updated", &anna)]);
    host.send(ann, &message("user:update", &json!({"name": "Annie"})));
    host.send(ann, &message("user:update", &json!({"color": "red", "avatar": null})));
    host.send(ann, &message("user:update", &json!({"presence": {}})));
    host.assert_quiet();
    host.pass(16);
    let mut annie = with(anna, "name", "Annie".into());
    annie.as_object_mut().unwrap().remove("presence");
    assert_eq!(host.take(bob), [frame("c1", "user:updated", &annie)], "what is left out or no colour stays");
    assert_eq!(host.take(ann), Vec::<Value>::new());
    assert_eq!(host.state()["users"], json!([annie, bob_now()]));
}

#[test]
fn pres6_own_fields_are_at_most_a_kilobyte_of_scalars() {
    let (mut host, ann, bob) = two();
    let fits = json!({"presence": {"k": "x".repeat(1024 - 8)}});
    assert_eq!(host.ask(ann, &message("user:update", &fits)), Vec::<Value>::new());
    assert_eq!(host.take_types(bob), ["user:updated"]);
    let before = host.state();
    let fields = |count: usize| (0..count).map(|n| (format!("f{n}"), json!(n))).collect::<serde_json::Map<_, _>>();
    for (presence, code) in [
        (json!({"k": "x".repeat(1024 - 7)}), "too_long"),
        (json!({"k": {}}), "bad_message"),
        (json!({"k": [1]}), "bad_message"),
        (json!([]), "bad_message"),
        (json!(fields(33)), "too_many"),
    ] {
        let update = json!({"name": "Other", "presence": presence});
        assert_eq!(host.ask(ann, &named("u", "user:update", &update)), [error("c1", Some("u"), code)]);
    }
    host.pass(16);
    host.assert_quiet();
    assert_eq!(host.state(), before);
    assert_eq!(host.ask(ann, &message("user:update", &json!({"presence": fields(32)}))), Vec::<Value>::new());
    assert_eq!(host.take_types(bob), ["user:updated"]);
}

#[test]
fn pres7_who_leaves_is_told_so_and_may_join_again_without_a_deadline() {
    let (mut host, ann, bob) = two();
    assert_eq!(host.ask(ann, r#"{"type":"user:leave"}"#), [frame("c1", "room:left", &json!({"reason": "left"}))]);
    let left = json!({"clientId": "c1", "userId": "guest:1", "reason": "left"});
    assert_eq!(host.take(bob), [frame("c1", "user:left", &left)]);
    let before = host.state();
    for text in [pointed(1), add("i"), said("hi"), r#"{"type":"user:leave"}"#.into(), dragged("i", 1)] {
        let answer = host.ask(ann, &text);
        assert_eq!((answer.len(), &answer[0]["data"]["code"]), (1, &json!("not_joined")), "{text}");
    }
    host.pass(24 * 3600 * 1000);
    assert_eq!(host.closed(ann), None);
    host.take(bob);
    assert_eq!(host.state()["seq"], before["seq"]);
    let joined = host.ask(ann, &message("user:join", &json!({"name": "Ann"})));
    assert_eq!(joined[0]["data"]["clientId"], "c3", "a new client");
    assert_eq!(host.take_types(bob), ["user:joined"]);
    host.send(bob, &said("there you are"));
    assert_eq!(host.take_types(ann).last().unwrap(), "chat:message");
}

#[test]
fn pres7_who_leaves_before_the_snapshot_is_out_is_still_told_what_was_stored_before() {
    let (mut host, ann, bob) = two();
    host.auto = false;
    host.send(ann, &add("i"));
    let eve = host.connect("pk-e");
    host.send(eve, &message("user:join", &json!({"name": "Eve"})));
    host.send(ann, &add("j"));
    host.send(eve, &said("hi and bye"));
    host.send(eve, r#"{"type":"user:leave"}"#);
    assert_eq!(host.take_types(eve), [] as [&str; 0]);
    host.answer_all();
    let told = ["room:joined", "state:sync", "user:list", "image:add", "chat:message", "ack", "room:left"];
    assert_eq!(host.take_types(eve), told);
    host.auto = true;
    host.send(bob, &said("who was that?"));
    assert_eq!(host.take_types(eve), [] as [&str; 0]);
}

#[test]
fn pres8_pk_and_secret_are_told_to_nobody_else() {
    let mut host = Host::new();
    let bob = host.join("bob");
    let ann = host.connect_as(
        "very-private-pk",
        "guest:1",
        kanvas_core::Standing::Guest,
        kanvas_core::wire::Dialect::KanvasV1,
        kanvas_core::View::Full,
    );
    let joined = host.ask(ann, &message("user:join", &json!({"name": "Ann"})));
    let secret = joined[0]["data"]["resume"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 32, "128 bits in hex: {secret}");
    for text in [add("i"), named("k", "image:transform", &json!({"id": "i", "x": 1})), said("hi"), pointed(1)] {
        host.send(ann, &text);
        host.pass(16);
    }
    host.send(ann, &message("user:update", &json!({"presence": {"a": 1}})));
    let late = host.connect("late");
    host.send(late, r#"{"type":"user:join"}"#);
    host.lose(ann);
    host.pass(15_000);
    let heard = host.take_raw(bob).join("\n") + &host.take_raw(late).join("\n");
    assert!(heard.contains(r#""reason":"lost""#) && heard.contains("image:add"));
    assert!(!heard.contains("very-private-pk") && !heard.contains(&secret), "{heard}");
}

#[test]
fn cur1_a_cursor_and_a_viewport_go_to_all_but_the_sender() {
    let (mut host, ann, bob) = two();
    let carol = host.join("carol");
    host.forget();
    let (cursor, viewport) = (json!({"x": 0.1, "y": -1_000_000_000}), json!({"x": 1, "y": 2, "scale": 3}));
    host.send(ann, &message("cursor:move", &cursor));
    host.pass(16);
    host.send(ann, &message("canvas:transform", &viewport));
    let told = [frame("c1", "cursor:move", &cursor), frame("c1", "canvas:transform", &viewport)];
    assert_eq!((host.take(bob), host.take(carol)), (told.to_vec(), told.to_vec()));
    assert_eq!(host.take(ann), Vec::<Value>::new());
}

#[test]
fn cur3_a_thousand_cursors_a_second_are_coalesced_and_the_latest_arrives() {
    let (mut host, ann, bob) = two();
    let tab = host.join_as("pk-c", "guest:1", r#"{"name":"Ann"}"#);
    host.forget();
    for x in 0..2000 {
        host.send(ann, &pointed(x));
        host.send(tab, &pointed(-x));
        host.pass(1);
    }
    assert_eq!(host.take(ann).iter().filter(|frame| frame["type"] == "error").count(), 0);
    let heard = host.take(bob);
    assert!((170..=180).contains(&heard.len()), "60 at once and 60 a second for 2 s: {}", heard.len());
    host.send(bob, &pointed(7));
    host.pass(16);
    let theirs = frame("c2", "cursor:move", &json!({"x": 7, "y": 0}));
    assert!(host.take(ann).contains(&theirs), "others are not slowed");
    host.pass(50);
    let mut all = heard;
    all.extend(host.take(bob));
    for (client, x) in [("c1", 1999), ("c3", -1999)] {
        let last = all.iter().rfind(|frame| frame["clientId"] == client).unwrap();
        assert_eq!(last["data"]["x"], x);
    }
}

#[test]
fn cur4_a_cursor_needs_both_coordinates_in_bounds() {
    let (mut host, ann, _) = two();
    let before = host.state();
    for (data, code) in [
        (r#"{"x":1}"#, "bad_message"),
        (r#"{"y":1}"#, "bad_message"),
        ("{}", "bad_message"),
        (r#"{"x":1,"y":null}"#, "bad_message"),
        (r#"{"x":"1","y":1}"#, "bad_message"),
        ("[1,2]", "bad_message"),
        (r#"{"x":1000000000.1,"y":1}"#, "out_of_range"),
        (r#"{"x":1,"y":-1e308}"#, "out_of_range"),
        (r#"{"x":5e-324,"y":1}"#, "out_of_range"),
    ] {
        let text = format!(r#"{{"type":"cursor:move","id":"k","data":{data}}}"#);
        assert_eq!(host.ask(ann, &text), [error("c1", Some("k"), code)], "{data}");
    }
    host.pass(16);
    host.assert_quiet();
    assert_eq!(host.state(), before);
}

#[test]
fn cur4_a_viewport_has_a_scale_above_zero() {
    let (mut host, ann, bob) = two();
    let before = host.state();
    for (data, code) in [
        (r#"{"x":1,"y":1}"#, "bad_message"),
        (r#"{"x":1,"scale":1}"#, "bad_message"),
        (r#"{"x":1,"y":1,"scale":"1"}"#, "bad_message"),
        (r#"{"x":1,"y":1,"scale":0}"#, "out_of_range"),
        (r#"{"x":1,"y":1,"scale":-0.0}"#, "out_of_range"),
        (r#"{"x":1,"y":1,"scale":-1}"#, "out_of_range"),
        (r#"{"x":1,"y":1,"scale":5e-324}"#, "out_of_range"),
        (r#"{"x":1e10,"y":1,"scale":1}"#, "out_of_range"),
    ] {
        let text = format!(r#"{{"type":"canvas:transform","data":{data}}}"#);
        assert_eq!(host.ask(ann, &text), [error("c1", None, code)], "{data}");
    }
    host.pass(16);
    host.assert_quiet();
    assert_eq!(host.state(), before);
    host.send(ann, &message("canvas:transform", &json!({"x": 0, "y": 0, "scale": 1e-300})));
    assert_eq!(host.take_types(bob), ["canvas:transform"]);
}

#[test]
fn pres5_a_slow_joiner_is_slow_from_its_first_frame() {
    let (mut host, ann, _) = two();
    let late = host.connect("late");
    host.pressure(late, Pressure::High);
    host.send(late, r#"{"type":"user:join"}"#);
    assert_eq!(host.take_types(late), ["room:joined", "state:sync", "user:list"]);
    host.send(ann, &pointed(1));
    host.send(ann, &add("i"));
    assert_eq!(host.take(late), [stored("c1", 1, START, "image:add", &image_at("i", "a0"))]);
}
