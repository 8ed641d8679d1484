//! The rules IMG: what an image may be, how it changes, and in what order images lie. Ids, acks and repetition are the
//! EDIT rules', addresses in detail the URL rules', and moving images by hand the DRAG rules'.
#![allow(missing_docs, reason = "tests")]

mod common;

use common::say::{
    ack, ack_with, add, error, error_with, fast, image, image_at, message, moved, named, removed, said, stored, two,
    two_in,
};
use common::{Host, START};
use kanvas_core::{Config, Limits};
use serde_json::{Map, Value, json};

fn with(mut value: Value, key: &str, field: impl Into<Value>) -> Value {
    value[key] = field.into();
    value
}

fn without(mut value: Value, key: &str) -> Value {
    value.as_object_mut().unwrap().remove(key);
    value
}

/// Asserts that each of these edits of `kind` is refused like that, with this truth, and that nobody notices.
#[track_caller]
fn refused(kind: &str, truth: &Value, edits: &[(Value, &str)]) {
    for (data, code) in edits {
        let (mut host, ann, _) = two();
        host.send(ann, &add("i"));
        host.forget();
        let before = host.state();
        let text = named("k", kind, data);
        assert_eq!(host.ask(ann, &text), [error_with("c1", Some("k"), code, truth)], "{data}");
        host.assert_quiet();
        assert_eq!(host.state(), before);
    }
}

#[test]
fn img1_an_add_needs_all_but_the_rotation() {
    let needs = ["src", "x", "y", "width", "height"];
    let missing = needs.map(|key| (without(image("new"), key), "bad_message"));
    refused("image:add", &Value::Null, &missing);
    let nulls = needs.map(|key| (with(image("new"), key, Value::Null), "bad_message"));
    refused("image:add", &Value::Null, &nulls);
    let (mut host, ann, bob) = two();
    for data in [without(image("new"), "id"), with(image("new"), "id", 7)] {
        assert_eq!(host.ask(ann, &message("image:add", &data))[0]["data"]["code"], "bad_message", "{data}");
    }
    assert_eq!(host.ask(ann, &add(""))[0]["data"]["code"], "empty");
    host.assert_quiet();
    host.send(ann, &message("image:add", &with(image("i"), "rotation", -90.5)));
    host.send(ann, &add("j"));
    let [first, second] = &host.take(bob)[..] else { panic!("two adds") };
    assert_eq!((&first["data"]["rotation"], &second["data"]["rotation"]), (&json!(-90.5), &json!(0)));
}

#[test]
fn img1_numbers_are_in_bounds_and_sizes_above_zero() {
    let wrong = |key: &str, number: f64| (with(image("new"), key, number), "out_of_range");
    refused(
        "image:add",
        &Value::Null,
        &[
            wrong("width", 0.0),
            wrong("height", -0.0),
            wrong("width", -1.0),
            wrong("height", 5e-324),
            wrong("x", 1e9 + 1.0),
            wrong("y", -1e308),
            wrong("rotation", 5e-324),
            (with(image("new"), "x", "1"), "bad_message"),
        ],
    );
    refused(
        "image:transform",
        &image_at("i", "a0"),
        &[
            (json!({"id": "i", "width": 0}), "out_of_range"),
            (json!({"id": "i", "height": -5}), "out_of_range"),
            (json!({"id": "i", "x": 1e10}), "out_of_range"),
            (json!({"id": "i", "x": null}), "empty"),
            (json!({"id": "i", "src": null, "rotation": null, "z": null}), "empty"),
        ],
    );
    let (mut host, ann, bob) = two();
    let text = r#"{"type":"image:add","data":{"id":"i","src":"https://a.example/","x":-0.0,"y":-1e9,"width":1e-300,"height":1e9}}"#;
    host.send(ann, text);
    let data = host.take_raw(bob).concat();
    assert!(data.contains(r#""x":0,"y":-1000000000,"width":1e-300,"height":1000000000,"#), "{data}");
}

#[test]
fn wire1_null_for_an_optional_property_is_absent() {
    let (mut host, ann, bob) = two();
    host.send(ann, &message("image:add", &with(with(image("i"), "rotation", Value::Null), "z", Value::Null)));
    host.send(ann, &message("image:transform", &json!({"id": "i", "rotation": 7, "x": null, "src": null})));
    let told = host.take(bob);
    assert_eq!((&told[0]["data"]["rotation"], &told[0]["data"]["z"]), (&json!(0), &json!("a0")), "{told:?}");
    assert_eq!(told[1]["data"], json!({"id": "i", "rotation": 7}));
}

#[test]
fn img2_an_add_comes_to_lie_on_top_and_its_ack_says_where() {
    let (mut host, ann, bob) = two();
    for (at, z) in ["a0", "a1", "a2"].iter().enumerate() {
        let id = format!("i{at}");
        let seq = at as u64 + 1;
        assert_eq!(host.ask(ann, &add(&id)), [ack_with("c1", None, seq, &json!({"z": z}))]);
        assert_eq!(host.take(bob), [stored("c1", seq, START, "image:add", &image_at(&id, z))]);
    }
    let given = with(image("given"), "z", "b5V");
    assert_eq!(host.ask(ann, &message("image:add", &given)), [ack_with("c1", None, 4, &json!({"z": "b5V"}))]);
    assert_eq!(host.ask(ann, &add("top")), [ack_with("c1", None, 5, &json!({"z": "b5W"}))]);
    let null = with(image("null"), "z", Value::Null);
    assert_eq!(host.ask(ann, &message("image:add", &null)), [ack_with("c1", None, 6, &json!({"z": "b5X"}))]);
}

#[test]
fn img2_the_ack_tells_a_src_that_is_stored_in_another_form() {
    let (mut host, ann, bob) = two();
    let odd = with(image("i"), "src", "HTTPS://Example.com:443/a/../b?q#f");
    let set = json!({"z": "a0", "src": "https://example.com/b?q#f"});
    assert_eq!(host.ask(ann, &message("image:add", &odd)), [ack_with("c1", None, 1, &set)]);
    assert_eq!(host.take(bob)[0]["data"]["src"], "https://example.com/b?q#f");
    let change = json!({"id": "i", "src": "https://example.com"});
    let set = json!({"src": "https://example.com/"});
    assert_eq!(host.ask(ann, &message("image:transform", &change)), [ack_with("c1", None, 2, &set)]);
    assert_eq!(host.take(bob)[0]["data"], json!({"id": "i", "src": "https://example.com/"}));
}

#[test]
fn img3_an_add_of_an_id_that_is_there_is_a_conflict() {
    let other = json!({"id": "i", "src": "https://other.example/", "x": 9, "y": 9, "width": 9, "height": 9, "z": "z"});
    refused("image:add", &image_at("i", "a0"), &[(image("i"), "conflict"), (other, "conflict")]);
}

#[test]
fn img4_a_transform_changes_what_it_names_and_goes_out_as_just_that() {
    let (mut host, ann, bob) = two();
    host.send(ann, &add("i"));
    host.forget();
    assert_eq!(
        host.ask(ann, &message("image:transform", &json!({"x": 7, "id": "i", "cropX": 3}))),
        [ack("c1", None, 2)]
    );
    assert_eq!(host.take(bob), [stored("c1", 2, START, "image:transform", &json!({"id": "i", "x": 7, "cropX": 3}))]);
    assert_eq!(
        host.ask(bob, &message("image:transform", &json!({"id": "i", "y": 8, "rotation": 45}))),
        [ack("c2", None, 3)]
    );
    assert_eq!(
        host.take(ann),
        [stored("c2", 3, START, "image:transform", &json!({"id": "i", "y": 8, "rotation": 45}))]
    );
    host.send(bob, &moved("i", 9));
    host.send(ann, &moved("i", 10));
    let mut now = image_at("i", "a0");
    (now["x"], now["y"], now["rotation"], now["cropX"]) = (10.into(), 8.into(), 45.into(), 3.into());
    assert_eq!(host.state()["images"], json!([now]));
    let sent = json!({"id": "i", "x": 1, "transient": false});
    host.forget();
    host.send(ann, &message("image:transform", &sent));
    assert_eq!(host.take(bob)[0]["data"], json!({"id": "i", "x": 1}));
}

#[test]
fn img4_a_transform_that_names_nothing_is_empty() {
    refused(
        "image:transform",
        &image_at("i", "a0"),
        &[
            (json!({"id": "i"}), "empty"),
            (json!({"id": "i", "transient": true}), "empty"),
            (json!({"id": "i", "z": null}), "empty"),
            (json!({"id": "i", "x": 1, "transient": 1}), "bad_message"),
        ],
    );
}

#[test]
fn img5_what_is_not_there_is_not_found() {
    refused("image:transform", &Value::Null, &[(json!({"id": "j", "x": 1}), "not_found")]);
    refused("image:remove", &Value::Null, &[(json!({"id": "j"}), "not_found"), (json!({"id": "I"}), "not_found")]);
    let (mut host, ann, _) = two();
    let unread = message("image:remove", &json!({}));
    assert_eq!(host.ask(ann, &unread)[0]["data"]["code"], "bad_message");
}

#[test]
fn img6_images_lie_by_z_bytewise_and_ties_by_id() {
    let (mut host, ann, _) = two();
    for (id, z) in [("c", "a0"), ("a", "b0"), ("B", "a0"), ("d", "Z"), ("e", "a0V"), ("f", "a"), ("b", "a0")] {
        host.send(ann, &message("image:add", &with(image(id), "z", z)));
    }
    let order = |host: &Host| -> String {
        let images = host.state()["images"].clone();
        images.as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(order(&host), "dfBbcea");
    host.send(ann, &message("image:transform", &json!({"id": "d", "z": "b0"})));
    assert_eq!(order(&host), "fBbcead");
    assert_eq!(order(&host.restart(Config::default())), "fBbcead");
}

#[test]
fn img6_a_stacking_key_is_up_to_48_letters_and_digits() {
    let z = |z: &str| json!({"id": "i", "z": z});
    refused(
        "image:transform",
        &image_at("i", "a0"),
        &[
            (z(""), "empty"),
            (z(&"a".repeat(49)), "too_long"),
            (z("a-"), "bad_message"),
            (z("\u{e9}"), "bad_message"),
            (json!({"id": "i", "z": 5}), "bad_message"),
        ],
    );
    let (mut host, ann, _) = two();
    host.send(ann, &add("i"));
    host.forget();
    assert_eq!(host.ask(ann, &message("image:transform", &z(&"a".repeat(48)))), [ack("c1", None, 2)]);
}

#[test]
fn img7_the_second_of_two_removals_is_told_the_seq_of_the_first() {
    let (mut host, ann, bob) = two();
    host.send(ann, &add("i"));
    host.send(ann, &removed("i"));
    host.send(ann, &said("between"));
    host.forget();
    assert_eq!(host.ask(bob, &named("k", "image:remove", &json!({"id": "i"}))), [ack("c2", Some("k"), 2)]);
    host.assert_quiet();
    assert_eq!((host.state()["seq"].clone(), host.disk.log.len()), (json!(3), 3));
    let gone = [error_with("c2", None, "not_found", &Value::Null)];
    assert_eq!(host.ask(bob, &moved("i", 1)), gone, "but it cannot be moved");
    assert_eq!(host.ask(bob, &add("i")), [ack_with("c2", None, 4, &json!({"z": "a0"}))], "and may come back");
    assert_eq!(host.ask(bob, &removed("i")), [ack("c2", None, 5)]);
    let mut host = host.restart(Config::default());
    let late = host.join("late");
    assert_eq!(host.ask(late, &removed("i"))[0]["data"]["seq"], 5, "over a restart");
}

#[test]
fn img7_a_removal_is_remembered_as_far_back_as_the_log_reaches() {
    let (mut host, ann, _) = two_in(Host::with_config(|config| config.limits.log_ops = 3));
    host.send(ann, &add("i"));
    host.send(ann, &removed("i"));
    for text in ["one", "two"] {
        host.send(ann, &said(text));
    }
    host.forget();
    assert_eq!(host.ask(ann, &removed("i")), [ack("c1", None, 2)]);
    host.send(ann, &said("three"));
    host.forget();
    assert_eq!(host.ask(ann, &removed("i")), [error_with("c1", None, "not_found", &Value::Null)]);
}

fn fields(range: std::ops::Range<usize>) -> Map<String, Value> {
    range.map(|n| (format!("f{n:02}"), json!(n))).collect()
}

fn joined(mut data: Value, more: Map<String, Value>) -> Value {
    data.as_object_mut().unwrap().extend(more);
    data
}

#[test]
fn img8_further_fields_are_kept_relayed_and_taken_away() {
    let (mut host, ann, bob) = two();
    let further = json!({"isGenerated": true, "parentGroupId": "g\u{1f642}", "cropX": 0.1, "big": 9_007_199_254_740_991_u64, "no": null});
    host.send(ann, &message("image:add", &joined(image("i"), further.as_object().unwrap().clone())));
    let kept = joined(image_at("i", "a0"), without(further, "no").as_object().unwrap().clone());
    assert_eq!(host.take(bob), [stored("c1", 1, START, "image:add", &kept)]);
    assert_eq!(host.state()["images"], json!([kept]));
    host.send(ann, &message("image:transform", &json!({"id": "i", "cropX": null, "new": "n", "never": null})));
    let told = json!({"id": "i", "cropX": null, "new": "n", "never": null});
    assert_eq!(host.take(bob), [stored("c1", 2, START, "image:transform", &told)]);
    let kept = with(without(kept, "cropX"), "new", "n");
    assert_eq!(host.state()["images"], json!([kept]));
    assert_eq!(host.restart(Config::default()).state()["images"], json!([kept]));
}

#[test]
fn img8_they_are_at_most_32_and_never_nested() {
    refused(
        "image:add",
        &Value::Null,
        &[
            (with(image("new"), "deep", json!({})), "bad_message"),
            (with(image("new"), "list", json!([1])), "bad_message"),
            (with(image("new"), "big", 9_007_199_254_740_992_u64), "out_of_range"),
            (with(image("new"), "", 1), "empty"),
            (with(image("new"), &"n".repeat(65), 1), "too_long"),
            (joined(image("new"), fields(0..33)), "too_many"),
        ],
    );
    let (mut host, ann, _) = two();
    let forbidden = named("k", "image:add", &with(image("i"), "__proto__", 1));
    assert_eq!(host.ask(ann, &forbidden), [error("c1", Some("k"), "bad_message")]);
    let full = with(joined(image("i"), fields(1..32)), &"n".repeat(64), 1);
    host.send(ann, &message("image:add", &full));
    host.forget();
    let before = host.state();
    let one_more = message("image:transform", &json!({"id": "i", "x": 5, "more": 1}));
    assert_eq!(host.ask(ann, &one_more)[0]["data"]["code"], "too_many");
    assert_eq!(host.state(), before);
    let in_place = message("image:transform", &json!({"id": "i", "more": 1, "f01": null}));
    assert_eq!(host.ask(ann, &in_place), [ack("c1", None, 2)]);
}

#[test]
fn img9_an_image_is_at_most_four_kilobytes_and_its_id_128_bytes() {
    let (mut host, ann, bob) = two();
    let bare = with(image_at("i", "a0"), "text", "").to_string().len();
    let text = "x".repeat(4096 - bare);
    assert_eq!(host.ask(ann, &message("image:add", &with(image("i"), "text", text.clone()))).len(), 1);
    assert_eq!(host.take(bob)[0]["data"]["text"], text.as_str());
    let before = host.state();
    let too_long = with(image("j"), "text", text.clone() + "x");
    assert_eq!(host.ask(ann, &message("image:add", &too_long)), [error_with("c1", None, "too_long", &Value::Null)]);
    let grown = json!({"id": "i", "x": 10});
    assert_eq!(host.ask(ann, &message("image:transform", &grown))[0]["data"]["code"], "too_long", "one digit more");
    let truth = &host.state()["images"][0];
    assert_eq!((truth["text"].as_str(), &truth["x"]), (Some(text.as_str()), &json!(1)));
    let (fits, over) = ("\u{1f642}".repeat(32), "\u{1f642}".repeat(32) + "x");
    for text in [add(&over), moved(&over, 1), removed(&over)] {
        let answer = host.ask(ann, &text);
        assert_eq!((answer.len(), &answer[0]["data"]["code"]), (1, &json!("too_long")));
    }
    host.assert_quiet();
    assert_eq!(host.state(), before);
    assert_eq!(host.ask(ann, &add(&fits))[0]["type"], "ack");
    assert_eq!(host.ask(ann, &add("a\u{7}"))[0]["data"]["code"], "bad_message", "no control characters in an id");
}

#[test]
fn img10_of_two_who_race_for_the_last_place_one_gets_it() {
    assert_eq!((Limits::default().images, Limits::default().image_bytes), (5000, 8 * 1024 * 1024));
    let (mut host, ann, bob) = two_in(Host::with_config(|config| config.limits.images = 3));
    host.send(ann, &add("i"));
    host.send(ann, &add("j"));
    host.forget();
    host.auto = false;
    host.send(ann, &add("k"));
    host.send(bob, &add("l"));
    host.answer_all();
    assert_eq!(host.take(ann), [ack_with("c1", None, 3, &json!({"z": "a2"}))]);
    let added = stored("c1", 3, START, "image:add", &image_at("k", "a2"));
    assert_eq!(host.take(bob), [added, error_with("c2", None, "limit_images", &Value::Null)]);
    host.auto = true;
    assert_eq!(host.state()["images"].as_array().unwrap().len(), 3);
    assert_eq!(host.ask(bob, &add("i"))[0]["data"]["code"], "conflict", "which is the truer reason");
    host.send(ann, &removed("j"));
    host.forget();
    assert_eq!(host.ask(bob, &add("l"))[0]["type"], "ack");
}

#[test]
fn img10_five_thousand_images_fit() {
    let (mut host, ann, _) = two_in(Host::with_config(fast));
    host.pressure(1, kanvas_core::Pressure::High);
    for n in 0..5000 {
        host.send(ann, &add(&n.to_string()));
    }
    assert!(host.take(ann).iter().all(|frame| frame["type"] == "ack"));
    assert_eq!(host.ask(ann, &add("5000")), [error_with("c1", None, "limit_images", &Value::Null)]);
    assert_eq!(host.room.summary().unwrap().image_count, 5000);
}

#[test]
fn img10_all_images_together_have_a_bound_in_bytes() {
    let one = image_at("i", "a0").to_string().len();
    let (mut host, ann, _) =
        two_in(Host::with_config(|config| config.limits.image_bytes = u32::try_from(2 * one).unwrap()));
    host.send(ann, &add("i"));
    host.forget();
    let before = host.state();
    let grown = with(image("j"), "x", 10);
    assert_eq!(host.ask(ann, &message("image:add", &grown)), [error_with("c1", None, "limit_images", &Value::Null)]);
    assert_eq!(host.state(), before);
    assert_eq!(host.ask(ann, &add("j"))[0]["type"], "ack", "exactly full");
    assert_eq!(host.ask(ann, &moved("j", 10)), [error_with("c1", None, "limit_images", &image_at("j", "a1"))]);
    assert_eq!(host.ask(ann, &moved("j", 9)), [ack("c1", None, 3)], "what does not grow passes");
}

#[test]
fn img11_a_src_that_is_no_address_is_refused() {
    let long = |bytes: usize| format!("https://a.example/{}", "x".repeat(bytes - "https://a.example/".len()));
    for src in [
        "",
        "javascript:alert(1)",
        " java\nscript:alert(1)",
        "data:text/html,x",
        "data:image/svg+xml,x",
        "vbscript:x",
        "blob:https://a.example/x",
        "file:///etc/passwd",
        "//a.example/x",
        "https://u:p@a.example/",
        "http://a.example/",
        "https://a.example/\u{1}",
        "/assets/nothing",
        &long(2049),
    ] {
        refused("image:add", &Value::Null, &[(with(image("new"), "src", src), "bad_url")]);
        refused("image:transform", &image_at("i", "a0"), &[(json!({"id": "i", "x": 9, "src": src}), "bad_url")]);
    }
    let (mut host, ann, _) = two();
    let asset = format!("/assets/{}", "0f".repeat(32));
    for (id, src) in [("a", asset.as_str()), ("b", &long(2048)), ("c", "http://127.0.0.1:1999/x")] {
        assert_eq!(host.ask(ann, &message("image:add", &with(image(id), "src", src)))[0]["type"], "ack", "{src}");
        assert_eq!(host.state()["images"].as_array().unwrap().last().unwrap()["src"], src);
    }
}

#[test]
fn img7_a_repeated_removal_is_answered_again_and_does_not_remove_what_came_since() {
    let (mut host, ann, bob) = two();
    host.send(ann, &add("i"));
    host.send(ann, &removed("i"));
    let again = named("k", "image:remove", &json!({"id": "i"}));
    host.send(bob, &again);
    host.send(ann, &add("i"));
    host.forget();
    assert_eq!(host.ask(bob, &again), [ack("c2", Some("k"), 2)]);
    host.assert_quiet();
    assert_eq!(host.state()["images"], json!([image_at("i", "a0")]));
}

#[test]
fn img7_of_two_removals_of_one_id_the_log_remembers_the_later() {
    let (mut host, ann, _) = two_in(Host::with_config(|config| config.limits.log_ops = 3));
    for text in [add("i"), removed("i"), add("i"), removed("i"), said("one")] {
        host.send(ann, &text);
    }
    host.forget();
    assert_eq!(host.ask(ann, &removed("i")), [ack("c1", None, 4)], "though the first one is forgotten");
}

#[test]
fn img8_transient_is_no_field_of_an_image() {
    let (mut host, ann, _) = two();
    let mut data = image("i");
    data["transient"] = true.into();
    host.send(ann, &message("image:add", &data));
    assert_eq!(host.state()["images"], json!([image_at("i", "a0")]));
}
