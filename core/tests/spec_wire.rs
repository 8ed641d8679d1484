//! The rules of reading and writing messages, of rights, and the lists of codes (WIRE, ACCESS). What an image or a
//! chat text may be is tested where its rules are.

use kanvas_core::access::Role;
use kanvas_core::{Close, Code, Config, View};
use serde_json::{Value, json};

mod common;
#[path = "common/talk.rs"]
mod talk;

use common::{Host, START};
use kanvas_core::Standing;
use kanvas_core::wire::Dialect;
use talk::{add, chat, codes, enter, join, of_type, refusal, refused, shift, state};

/// A room with a speaker `c1` and a listener `c2`.
fn two() -> (Host, u32, u32) {
    let mut host = Host::new();
    let speaker = host.join("ann");
    let listener = host.join("bob");
    host.take(speaker);
    (host, speaker, listener)
}

/// Each of these must be refused so and change nothing. A minute passes now and then, as ten would close the socket.
fn all_refused(texts: &[&str], code: Code, of: Option<&str>) {
    let (mut host, speaker, _) = two();
    for text in texts {
        host.pass(10_000);
        talk::silence(&mut host);
        refused(&mut host, speaker, text, &refusal(code, of, "c1"));
    }
    host.send(speaker, &chat("and the next is served"));
    assert_eq!(host.take_types(speaker), ["chat:message", "ack"]);
}

/// A value with so many levels.
fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn wire1_what_is_no_object_with_a_type_is_bad_message() {
    let texts = [
        "",
        " ",
        "{",
        "\u{feff}{\"type\":\"cursor:move\",\"data\":null}",
        "[]",
        "\"x\"",
        "null",
        "7",
        "pong",
        "{}",
        r#"{"data":{}}"#,
        r#"{"type":null}"#,
        r#"{"type":7}"#,
        r#"{"type":"cursor:move","data":null}x"#,
        r#"{"type":"cursor:move","data":null}{}"#,
        r#"{"type":"cursor:move","data":null,}"#,
        r#"{"type":"chat:message","data":[]}"#,
        r#"{"type":"chat:message","data":"hi"}"#,
        r#"{"type":"chat:message","data":{"text":7}}"#,
        r#"{"type":"chat:message","data":{}}"#,
        r#"{"type":"chat:message","id":7,"data":{"text":"hi"}}"#,
        r#"{"type":"user:update","data":{"name":[]}}"#,
        r#"{"type":"user:update","data":{"presence":7}}"#,
        r#"{"type":"image:remove","data":{"id":7}}"#,
    ];
    all_refused(&texts, Code::BadMessage, None);
}

#[test]
fn wire1_members_come_in_any_order_and_unknown_ones_are_ignored() {
    let (mut host, speaker, listener) = two();
    for text in [
        r#"{"type":"cursor:move","data":{"x":1,"y":2}}"#,
        r#"{"data":{"y":2,"x":1},"type":"cursor:move"}"#,
        r#"{"timestamp":"never","new":[{"a":1}],"data":{"x":1,"y":2,"more":[]},"id":null,"type":"cursor:move"}"#,
        " {\"t\\u0079pe\" : \"cursor\\u003amove\", \"data\" : {\"x\":1.0,\"y\":2e0}} ",
    ] {
        host.pass(16);
        host.send(speaker, text);
        assert_eq!(
            host.take_raw(listener),
            [r#"{"type":"cursor:move","data":{"x":1,"y":2},"clientId":"c1"}"#],
            "{text}"
        );
        assert_eq!(host.take(speaker), [] as [Value; 0], "{text}");
    }
}

#[test]
fn wire1_absent_data_and_null_are_empty_data_and_a_null_member_is_absent() {
    for text in
        [r#"{"type":"user:leave"}"#, r#"{"type":"user:leave","data":null}"#, r#"{"type":"user:leave","data":{}}"#]
    {
        let (mut host, speaker, _) = two();
        host.send(speaker, text);
        assert_eq!(
            host.take_raw(speaker),
            [r#"{"type":"room:left","data":{"reason":"left"},"clientId":"c1"}"#],
            "{text}"
        );
    }
    let (mut host, speaker, _) = two();
    host.send(speaker, r#"{"type":"cursor:move"}"#);
    assert_eq!(host.take(speaker), [refusal(Code::BadMessage, None, "c1")]);
    let (_, frames) = enter(
        &mut host,
        "eve",
        json!({"name": null, "color": null, "avatar": null, "since": null, "view": null, "resume": null}),
    );
    assert_eq!(codes(&frames), [] as [&str; 0]);
}

#[test]
fn wire2_an_unknown_type_is_unknown_type_whatever_its_data() {
    let texts = [
        r#"{"type":"image:paint"}"#,
        r#"{"type":"","data":{}}"#,
        r#"{"type":"Cursor:move","data":null}"#,
        r#"{"type":"user:joined","data":7}"#,
        r#"{"data":["x"],"type":"ack"}"#,
    ];
    all_refused(&texts, Code::UnknownType, None);
    all_refused(&[r#"{"type":"nothing","id":"k7"}"#], Code::UnknownType, Some("k7"));
}

#[test]
fn wire3_a_key_that_stands_twice_is_bad_message() {
    let texts = [
        r#"{"type":"chat:message","type":"chat:message","data":{"text":"hi"}}"#,
        r#"{"type":"chat:message","data":{"text":"hi"},"data":{"text":"hi"}}"#,
        r#"{"data":{"text":"hi"},"type":"chat:message","data":{"text":"hi"}}"#,
        r#"{"data":null,"data":null,"type":"cursor:move"}"#,
        r#"{"type":"chat:message","data":{"text":"hi","text":"ho"}}"#,
        r#"{"type":"chat:message","data":{"text":"hi"},"id":null,"id":null}"#,
        r#"{"type":"chat:message","data":{"text":"hi"},"new":1,"new":1}"#,
        r#"{"type":"chat:message","data":{"text":"hi"},"new":{"a":1,"\u0061":1}}"#,
        r#"{"type":"chat:message","data":{"text":"hi"},"timestamp":1,"timestamp":1}"#,
        r#"{"type":"cursor:move","data":{"x":1,"y":2,"x":1}}"#,
        r#"{"type":"cursor:move","data":{"x":1,"y":2,"k":1,"k":1}}"#,
        r#"{"type":"user:update","data":{"presence":{"a":1,"a":1}}}"#,
        r#"{"type":"nothing","data":{"a":1,"a":1}}"#,
        r#"{"type":"nothing","data":{"a":1,"c":2,"b":3,"a":4}}"#,
        r#"{"type":"chat:message","data":{"text":"hi"},"new":1,"newer":2,"old":3,"new":4}"#,
    ];
    all_refused(&texts, Code::BadMessage, None);
}

#[test]
fn wire4_keys_of_the_prototype_are_bad_message_anywhere() {
    for key in ["__proto__", "constructor", "prototype", "\\u005f_proto__"] {
        let texts = [
            format!(r#"{{"type":"chat:message","data":{{"text":"hi"}},"{key}":1}}"#),
            format!(r#"{{"type":"chat:message","data":{{"text":"hi","{key}":1}}}}"#),
            format!(r#"{{"type":"chat:message","data":{{"text":"hi"}},"new":[{{"{key}":{{}}}}]}}"#),
            format!(r#"{{"type":"cursor:move","data":{{"x":1,"y":1,"{key}":1}}}}"#),
            format!(r#"{{"data":{{"id":"i1","{key}":1}},"type":"image:transform"}}"#),
            format!(r#"{{"type":"user:update","data":{{"presence":{{"{key}":1}}}}}}"#),
        ];
        all_refused(&texts.iter().map(String::as_str).collect::<Vec<_>>(), Code::BadMessage, None);
    }
    let (mut host, speaker, _) = two();
    host.send(speaker, &chat("__proto__"));
    assert_eq!(host.take_types(speaker), ["chat:message", "ack"], "as a text it is a text");
}

#[test]
fn wire5_sixteen_levels_are_read_and_seventeen_are_not() {
    let shapes: [fn(&str) -> String; 4] = [
        |inner| format!(r#"{{"type":"cursor:move","data":{{"x":1,"y":2,"deep":{inner}}}}}"#),
        |inner| format!(r#"{{"data":{{"x":1,"y":2,"deep":{inner}}},"type":"cursor:move"}}"#),
        |inner| format!(r#"{{"type":"chat:message","data":{{"text":"hi","deep":{inner}}}}}"#),
        |inner| format!(r#"{{"type":"nothing","data":{{"deep":{inner}}}}}"#),
    ];
    for shape in shapes {
        let (mut host, speaker, _) = two();
        host.send(speaker, &shape(&nested(14)));
        assert!(!codes(&host.take(speaker)).contains(&"bad_message"), "{}", shape("14"));
        all_refused(&[&shape(&nested(15))], Code::BadMessage, None);
    }
    let beside = |inner: &str| format!(r#"{{"type":"cursor:move","data":null,"new":{inner}}}"#);
    let (mut host, speaker, _) = two();
    host.send(speaker, &beside(&nested(15)));
    assert_eq!(host.take(speaker), [] as [Value; 0]);
    all_refused(&[&beside(&nested(16)), &beside(&nested(30_000))], Code::BadMessage, None);
    all_refused(&[&format!(r#"{{"data":{},"type":"chat:message"}}"#, nested(30_000))], Code::BadMessage, None);
}

#[test]
fn wire6_nul_half_surrogates_and_impossible_numbers_are_bad_message() {
    let texts = [
        r#"{"type":"chat:message","data":{"text":"a\u0000b"}}"#,
        r#"{"type":"chat:message","data":{"text":"\ud800"}}"#,
        r#"{"type":"chat:message","data":{"text":"\ud800x"}}"#,
        r#"{"type":"chat:message","data":{"text":"\udc00"}}"#,
        r#"{"type":"chat:message","data":{"text":"hi"},"new":"\u0000"}"#,
        r#"{"type":"chat:message","data":{"text":"hi"},"\u0000":1}"#,
        r#"{"data":{"text":"hi","\u0000":1},"type":"chat:message"}"#,
        r#"{"type":"cursor:move","data":{"x":NaN,"y":1}}"#,
        r#"{"type":"cursor:move","data":{"x":Infinity,"y":1}}"#,
        r#"{"type":"cursor:move","data":{"x":-Infinity,"y":1}}"#,
        r#"{"type":"cursor:move","data":{"x":1e999,"y":1}}"#,
        r#"{"type":"cursor:move","data":{"x":1,"y":2},"new":-1e999}"#,
        r#"{"type":"cursor:move","data":{"x":01,"y":1}}"#,
    ];
    all_refused(&texts, Code::BadMessage, None);
    all_refused(&[r#"{"type":"chat:message","id":"a\u0000","data":{"text":"hi"}}"#], Code::BadMessage, None);
    let (mut host, speaker, _) = two();
    host.input(kanvas_core::Input::Message {
        conn: common::conn(speaker),
        bytes: b"{\"type\":\"chat:message\",\"data\":{\"text\":\"\xff\"}}",
    });
    assert_eq!(host.take(speaker), [refusal(Code::BadMessage, None, "c1")]);
}

#[test]
fn wire7_an_id_is_1_to_64_bytes_and_an_error_names_it() {
    let (mut host, speaker, _) = two();
    let longest = "é".repeat(32);
    host.send(speaker, &add(&longest, "i1"));
    assert_eq!(host.take(speaker)[0]["data"]["id"], longest.as_str());
    host.send(speaker, &add("a", "i2"));
    assert_eq!(host.take(speaker)[0]["data"]["id"], "a");
    let with = |id: &str| json!({"type": "chat:message", "id": id, "data": {"text": "hi"}}).to_string();
    all_refused(&[&with(&format!("{longest}x"))], Code::TooLong, None);
    all_refused(&[&with("")], Code::Empty, None);
    all_refused(&[r#"{"type":"chat:message","id":"k1","data":{"text":7}}"#], Code::BadMessage, Some("k1"));
    all_refused(&[r#"{"data":{"a":1,"a":2},"id":"k1","type":"cursor:move"}"#], Code::BadMessage, Some("k1"));
    all_refused(&[r#"{"id":"k1"}"#], Code::BadMessage, Some("k1"));
    all_refused(&[r#"{"id":"k1","id":"k2","type":"cursor:move"}"#, r#"{"id":"k1""#], Code::BadMessage, None);
    all_refused(&[r#"{"type":"user:join","id":"k1"}"#], Code::AlreadyJoined, Some("k1"));
}

#[test]
fn wire8_coordinates_end_at_a_thousand_million_and_further_numbers_at_2_53() {
    let cursor = |x: &str| format!(r#"{{"type":"cursor:move","data":{{"x":{x},"y":0}}}}"#);
    let (mut host, speaker, listener) = two();
    for (sent, told) in
        [("1e9", "1000000000"), ("-1e9", "-1000000000"), ("-0", "0"), ("-0.0", "0"), ("2.3e-308", "2.3e-308")]
    {
        host.pass(16);
        host.send(speaker, &cursor(sent));
        assert_eq!(
            host.take_raw(listener),
            [format!(r#"{{"type":"cursor:move","data":{{"x":{told},"y":0}},"clientId":"c1"}}"#)]
        );
    }
    let far = ["1000000000.0000001", "-1000000001", "1e308", "5e-324", "-2.2e-308"];
    for x in far {
        let viewport = format!(r#"{{"type":"canvas:transform","data":{{"x":0,"y":{x},"scale":1}}}}"#);
        all_refused(&[&cursor(x), &viewport], Code::OutOfRange, None);
        host.send(speaker, &add("k", "i1"));
        host.take(speaker);
        host.send(speaker, &format!(r#"{{"type":"image:transform","data":{{"id":"i1","y":{x}}}}}"#));
        let frames = host.take(speaker);
        assert_eq!((codes(&frames), &frames[0]["data"]["truth"]["y"]), (vec!["out_of_range"], &json!(2)));
    }
    let further = |n: &str| format!(r#"{{"type":"image:transform","data":{{"id":"i1","n":{n}}}}}"#);
    for (n, code) in [
        ("9007199254740991", None),
        ("-9007199254740991", None),
        ("9007199254740992", Some("out_of_range")),
        ("5e-324", Some("out_of_range")),
    ] {
        host.send(speaker, &further(n));
        assert_eq!(codes(&host.take(speaker)).first().copied(), code, "{n}");
    }
}

#[test]
fn wire9_numbers_come_back_as_the_same_double() {
    let (mut host, speaker, listener) = two();
    host.send(speaker, &add("k", "i1"));
    host.take(listener);
    let numbers = [
        ("1.0", "1"),
        ("0.1", "0.1"),
        ("-7e0", "-7"),
        ("123456789.12345678", "123456789.12345678"),
        ("1e-7", "1e-7"),
        ("5e-7", "5e-7"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("1E5", "100000"),
        ("-0.5", "-0.5"),
    ];
    for (sent, told) in numbers {
        host.send(speaker, &format!(r#"{{"type":"image:transform","data":{{"id":"i1","x":{sent}}}}}"#));
        let frame = host.take_raw(listener).remove(0);
        assert!(
            frame.starts_with(&format!(r#"{{"type":"image:transform","data":{{"id":"i1","x":{told}}},"#)),
            "{frame}"
        );
    }
    for whole in ["9007199254740991", "-9007199254740991", "1000000000000000", "4503599627370497"] {
        host.pass(1000);
        host.send(speaker, &format!(r#"{{"type":"image:transform","data":{{"id":"i1","n":{whole}}}}}"#));
        let frame = host.take_raw(listener).remove(0);
        assert!(frame.contains(&format!(r#""n":{whole}}}"#)), "{frame}");
    }
}

#[test]
fn wire10_any_text_reads_back_as_the_same_text() {
    let (mut host, speaker, listener) = two();
    for text in
        ["\"\\/", "</script><img src=x onerror=alert(1)>", "{{7*7}}", "a\nb\tc", "\u{7f}\u{e000}é𝄞", "&amp; \u{2066}"]
    {
        host.send(speaker, &add("k", "i1"));
        let named = json!({"type": "image:transform", "data": {"id": "i1", "note": text}}).to_string();
        host.take(listener);
        host.send(speaker, &named);
        assert_eq!(host.take(listener)[0]["data"], json!({"id": "i1", "note": text}));
    }
    let every: String = (1..0x20).map(char::from).collect();
    host.send(speaker, &json!({"type": "image:transform", "data": {"id": "i1", "note": every}}).to_string());
    assert_eq!(host.take(listener)[0]["data"]["note"], every.as_str());
    let listed = state(&mut host);
    assert_eq!(listed[0]["images"][0]["note"], every.as_str());
}

#[test]
fn wire11_ping_is_answered_with_pong_before_the_join_too() {
    let mut host = Host::new();
    let slot = host.connect("ann");
    host.send(slot, "ping");
    assert_eq!(host.take_raw(slot), ["pong"]);
    host.send(slot, &join(json!({})));
    host.take(slot);
    host.send(slot, "ping");
    assert_eq!(host.take_raw(slot), ["pong"]);
    host.send(slot, r#"{"type":"user:leave"}"#);
    host.take(slot);
    host.send(slot, "ping");
    assert_eq!(host.take_raw(slot), ["pong"]);
    host.send(slot, "ping ");
    assert_eq!(codes(&host.take(slot)), ["bad_message"], "nothing but the word itself");
}

#[test]
fn wire12_a_stored_event_has_a_seq_and_a_timestamp_and_others_have_not() {
    let (mut host, speaker, listener) = two();
    host.pass(5);
    host.send(speaker, &add("k1", "i1"));
    let image = r#"{"id":"i1","src":"https://a.example/p.png","x":1,"y":2,"width":3,"height":4,"rotation":0,"z":"a0"}"#;
    let at = START + 5;
    assert_eq!(
        host.take_raw(listener),
        [format!(r#"{{"type":"image:add","data":{image},"clientId":"c1","seq":1,"timestamp":{at}}}"#)]
    );
    assert_eq!(
        host.take_raw(speaker),
        [r#"{"type":"ack","data":{"id":"k1","seq":1,"set":{"z":"a0"}},"clientId":"c1"}"#]
    );
    host.send(speaker, &chat("hi"));
    let color = &state(&mut host)[0]["chat"][0]["color"].clone();
    host.send(speaker, &chat("ho"));
    let said = format!(r#"{{"id":"m3","userId":"guest:ann","name":"ann","color":{color},"text":"ho"}}"#);
    assert_eq!(
        host.take_raw(listener),
        [format!(r#"{{"type":"chat:message","data":{said},"clientId":"c1","seq":3,"timestamp":{at}}}"#)]
    );
    host.send(speaker, r#"{"type":"canvas:transform","data":{"x":1,"y":2,"scale":0.5}}"#);
    let shown = r#"{"type":"canvas:transform","data":{"x":1,"y":2,"scale":0.5},"clientId":"c1"}"#;
    assert_eq!(host.take_raw(listener), [shown]);
}

/// The rows of the table that follows this heading, each cell trimmed.
fn table(heading: &str) -> Vec<Vec<String>> {
    let spec = include_str!("../SPEC.md");
    let after = spec.split_once(&format!("\n## {heading}\n")).expect("the heading is there").1;
    let rows =
        after.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()).collect()
}

#[test]
fn wire13_the_lists_of_codes_and_closes_are_those_of_the_page() {
    let codes: Vec<_> =
        Code::ALL.iter().map(|code| vec![code.as_str().to_owned(), code.message().to_owned()]).collect();
    assert_eq!(codes, table("Error codes"));
    let close = |close: &Close| vec![close.code().to_string(), close.reason().to_owned(), close.message().to_owned()];
    assert_eq!(Close::ALL.iter().map(close).collect::<Vec<_>>(), table("Close codes"));
}

#[test]
fn access1_a_viewer_points_and_chats() {
    let mut host = Host::with(Config { guests: Some(Role::Viewer), ..Config::default() }, common::Disk::default());
    let viewer = host.join("ann");
    let other = host.join("bob");
    host.take(viewer);
    host.send(viewer, r#"{"type":"cursor:move","data":{"x":1,"y":2}}"#);
    host.send(viewer, r#"{"type":"canvas:transform","data":{"x":1,"y":2,"scale":1}}"#);
    host.pass(16);
    host.send(viewer, r#"{"type":"user:update","data":{"name":"Anna"}}"#);
    host.pass(16);
    host.send(viewer, &chat("hi"));
    assert_eq!(host.take_types(other), ["cursor:move", "canvas:transform", "user:updated", "chat:message"]);
    assert_eq!(host.take_types(viewer), ["chat:message", "ack"]);
}

#[test]
fn access2_an_edit_by_a_viewer_is_forbidden_with_the_truth() {
    let mut host = Host::new();
    let editor = host.join("ann");
    let viewer = host.connect_as("bob", "guest:bob", Standing::Guest, Dialect::KanvasV1, View::Readonly);
    host.send(viewer, &join(json!({})));
    host.send(editor, &add("k1", "i1"));
    let image = of_type(&host.take(viewer), "image:add")[0]["data"].clone();
    host.take(editor);
    let with = |truth: Value, of: Option<&str>| {
        let mut frame = refusal(Code::Forbidden, of, "c2");
        frame["data"]["truth"] = truth;
        frame
    };
    refused(&mut host, viewer, &shift("i1", 5.0), &with(image.clone(), None));
    refused(&mut host, viewer, r#"{"type":"image:remove","data":{"id":"i1"}}"#, &with(image.clone(), None));
    refused(&mut host, viewer, &add("k2", "i2"), &with(Value::Null, Some("k2")));
    refused(&mut host, viewer, &shift("i9", 5.0), &with(Value::Null, None));
    let drag = r#"{"type":"image:transform","data":{"id":"i1","x":5,"transient":true}}"#;
    refused(&mut host, viewer, drag, &with(image, None));
    host.send(editor, &shift("i1", 7.0));
    assert_eq!(host.take_types(editor), ["ack"]);
}
