//! Every message that cannot be read or is out of bounds, by kinds, and the error that each gets.

use crate::common::{Socket, TEXT};
use crate::scene::{Scene, answers, code, ended};

/// As many as a socket may send of what cannot be read and still be served (LIMIT3).
const BAD: usize = 9;
/// The names of fields and the kind of JSON that each may be.
type Fields = &'static [(&'static str, &'static str)];
/// A message of each type that can be read, with the fields that it may have and the kinds of JSON allowed there.
const TYPES: [(&str, &str, Fields); 9] = [
    (
        "user:join",
        "",
        &[
            ("name", "text"),
            ("color", "text"),
            ("avatar", "text"),
            ("resume", "text"),
            ("view", "none"),
            ("since", "none"),
        ],
    ),
    ("user:leave", "", &[]),
    ("user:update", "", &[("name", "text"), ("color", "text"), ("avatar", "text"), ("presence", "object")]),
    ("cursor:move", r#""x":1,"y":1"#, &[("x", "number"), ("y", "number")]),
    ("canvas:transform", r#""x":1,"y":1,"scale":1"#, &[("x", "number"), ("y", "number"), ("scale", "number")]),
    (
        "image:add",
        r#""id":"new","src":"https://e.com/a","x":1,"y":1,"width":1,"height":1"#,
        &[
            ("id", "text"),
            ("src", "text"),
            ("x", "number"),
            ("y", "number"),
            ("width", "number"),
            ("height", "number"),
            ("rotation", "number"),
            ("z", "text"),
            ("further", "scalar"),
        ],
    ),
    (
        "image:transform",
        r#""id":"good","x":1"#,
        &[
            ("id", "text"),
            ("src", "text"),
            ("x", "number"),
            ("y", "number"),
            ("width", "number"),
            ("height", "number"),
            ("rotation", "number"),
            ("z", "text"),
            ("transient", "bool"),
            ("further", "scalar"),
        ],
    ),
    ("image:remove", r#""id":"good""#, &[("id", "text")]),
    ("chat:message", r#""text":"hi""#, &[("text", "text")]),
];
const VALUES: [(&str, &str); 7] = [
    ("bool", "true"),
    ("number", "7"),
    ("number", "-1.5"),
    ("text", r#""x""#),
    ("list", "[1]"),
    ("list", "[]"),
    ("object", r#"{"a":1}"#),
];

/// Sends the messages, nine to a socket; each is told the error, and nobody else notices.
fn refused(scene: &mut Scene, what: &str, joined: bool, messages: &[Vec<u8>], error: &str) {
    for messages in messages.chunks(BAD) {
        let shown: Vec<_> =
            messages.iter().map(|message| String::from_utf8_lossy(&message[..message.len().min(100)])).collect();
        scene.unmoved(what, |scene| {
            let mut socket = if joined { scene.member() } else { scene.stranger() };
            for message in messages {
                socket.raw(&Socket::frame(TEXT, message));
            }
            socket.send("ping");
            let told = answers(&mut socket);
            let codes: Vec<_> = told.iter().map(|text| code(text)).collect();
            assert_eq!(codes, vec![error; messages.len()], "{what}: {shown:#?}");
            if joined {
                scene.leave(socket);
            }
        });
    }
}

fn all(messages: &[&str]) -> Vec<Vec<u8>> {
    messages.iter().map(|message| message.as_bytes().to_vec()).collect()
}

/// A chat message with something put into its data, and into its envelope.
fn with(member: &str) -> Vec<Vec<u8>> {
    vec![
        format!(r#"{{"type":"chat:message","data":{{"text":"hi",{member}}}}}"#).into_bytes(),
        format!(r#"{{"type":"chat:message","data":{{"text":"hi"}},{member}}}"#).into_bytes(),
        format!(r#"{{"data":{{"text":"hi",{member}}},"type":"chat:message"}}"#).into_bytes(),
        format!(r#"{{"type":"no:such","data":{{{member}}}}}"#).into_bytes(),
        format!(r#"{{"type":"chat:message","data":{{"text":"hi","deep":[{{{member}}}]}}}}"#).into_bytes(),
    ]
}

fn transform(field: &str) -> Vec<u8> {
    format!(r#"{{"type":"image:transform","data":{{"id":"good",{field}}}}}"#).into_bytes()
}

#[test]
fn wire14_what_is_no_message_is_refused() {
    let mut scene = Scene::new("a", &[]);
    let chat = r#"{"type":"chat:message","data":{"text":"hi"}}"#;
    let around = [
        format!("\u{feff}{chat}"),
        format!("{chat}x"),
        format!("{chat}{chat}"),
        format!("{chat},"),
        format!("[{chat}]"),
        format!("\u{a0}{chat}"),
    ];
    let around: Vec<_> = around.into_iter().map(String::into_bytes).collect();
    refused(&mut scene, "around a message", true, &around, "bad_message");
    let bare = [
        "",
        "{",
        "}",
        "[]",
        r#""x""#,
        "null",
        "true",
        "7",
        "{}",
        " ",
        "ping ",
        "PING",
        "pong",
        "{'type':'user:leave'}",
        r#"{"type":"user:leave",}"#,
        r#"{"type" "user:leave"}"#,
        r"{type:1}",
        "/**/{}",
        r#"{"data":{}}"#,
        r#"{"type":null}"#,
        r#"{"type":["user:leave"]}"#,
        r#"{"type":"user:leave""#,
    ];
    refused(&mut scene, "no envelope", true, &all(&bare), "bad_message");
    refused(
        &mut scene,
        "white space",
        true,
        &[vec![b' '; 65_536], vec![b'\n'; 65_536], vec![b'\t'; 65_535]],
        "bad_message",
    );
    refused(&mut scene, "no envelope before the join", false, &all(&bare), "bad_message");
    for joined in [false, true] {
        let mut socket = if joined { scene.member() } else { scene.stranger() };
        (0..10).for_each(|_| socket.send("{"));
        let (told, reason, answers) = ended(&mut socket);
        let codes: Vec<_> = answers.iter().map(|text| code(text)).collect();
        assert_eq!((told, reason.as_str()), (4509, "bad_protocol"));
        assert_eq!(codes, [["bad_message"; 10].as_slice(), &["bad_protocol"]].concat(), "joined: {joined}");
    }
}

#[test]
fn wire15_a_message_that_stops_anywhere_is_refused() {
    let mut scene = Scene::new("a", &[]);
    for (name, data, _) in TYPES {
        let whole = format!(r#"{{"type":"{name}","data":{{{data}}},"id":"\u0041é","timestamp":1e3}}"#);
        let cut: Vec<_> = (0..whole.len())
            .filter(|at| whole.is_char_boundary(*at))
            .map(|at| whole.as_bytes()[..at].to_vec())
            .collect();
        refused(&mut scene, name, name != "user:join", &cut, "bad_message");
    }
}

#[test]
fn wire16_a_field_of_another_kind_is_refused() {
    let mut scene = Scene::new("a", &[]);
    for (name, data, fields) in TYPES {
        let mut messages = Vec::new();
        for (kind, value) in VALUES {
            if kind != "object" {
                messages.push(format!(r#"{{"type":"{name}","data":{value}}}"#));
                messages.push(format!(r#"{{"data":{value},"type":"{name}"}}"#));
            }
            if kind != "text" {
                messages.push(format!(r#"{{"type":{value},"data":{{{data}}}}}"#));
                messages.push(format!(r#"{{"type":"{name}","data":{{{data}}},"id":{value}}}"#));
            }
            for (field, allowed) in fields {
                if kind == *allowed || (*allowed == "scalar" && !matches!(kind, "list" | "object")) {
                    continue;
                }
                let others: Vec<_> = data
                    .split(',')
                    .filter(|member| !member.is_empty() && !member.starts_with(&format!(r#""{field}""#)))
                    .collect();
                let member = format!(r#""{field}":{value}"#);
                let data = others.into_iter().chain([member.as_str()]).collect::<Vec<_>>().join(",");
                messages.push(format!(r#"{{"type":"{name}","data":{{{data}}}}}"#));
            }
        }
        for required in data.split(',').filter(|member| !member.is_empty()) {
            let others: Vec<_> = data.split(',').filter(|member| member != &required).collect();
            if (name, required) != ("image:transform", r#""x":1"#) {
                messages.push(format!(r#"{{"type":"{name}","data":{{{}}}}}"#, others.join(",")));
            }
        }
        let messages: Vec<_> = messages.into_iter().map(String::into_bytes).collect();
        refused(&mut scene, name, name != "user:join", &messages, "bad_message");
    }
    let since = [
        "{}",
        r#"{"epoch":1}"#,
        r#"{"seq":1}"#,
        r#"{"epoch":"1","seq":1}"#,
        r#"{"epoch":1,"seq":-1}"#,
        r#"{"epoch":1,"seq":0.5}"#,
        r#"{"epoch":1,"seq":9007199254740992}"#,
        r#"{"epoch":1,"seq":1e300}"#,
        r#"{"epoch":[],"seq":1}"#,
    ];
    let since = since.map(|since| format!(r#"{{"type":"user:join","data":{{"since":{since}}}}}"#).into_bytes());
    refused(&mut scene, "since", false, &since, "bad_message");
    refused(
        &mut scene,
        "an unknown type",
        true,
        &all(&[
            r#"{"type":"no:such"}"#,
            r#"{"type":"","data":[]}"#,
            r#"{"type":"User:join"}"#,
            r#"{"type":"user:join "}"#,
            r#"{"type":"toString"}"#,
        ]),
        "unknown_type",
    );
}

#[test]
fn wire17_depth_is_bounded_wherever_it_is() {
    let mut scene = Scene::new("a", &[]);
    let before = scene.memory();
    for (open, close, most) in [("[", "]", 30_000), (r#"{"a":"#, "}", 9_000)] {
        for levels in [17, 100, 200, most] {
            let deep = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            refused(&mut scene, &format!("{levels} of {open}"), true, &with(&format!(r#""k":{deep}"#)), "bad_message");
            refused(
                &mut scene,
                "bare",
                true,
                &[deep.clone().into_bytes(), open.repeat(levels).into_bytes()],
                "bad_message",
            );
            let typed = ["user:update", "cursor:move", "canvas:transform", "image:add", "image:remove"];
            let typed = typed.map(|name| format!(r#"{{"type":"{name}","data":{deep}}}"#).into_bytes());
            refused(&mut scene, "as data", true, &typed, "bad_message");
        }
    }
    let wide = format!(r#"{{"type":"no:such","data":[{}0]}}"#, "0,".repeat(32_000));
    refused(&mut scene, "wide", true, &[wide.into_bytes()], "unknown_type");
    let keys: String = (0..6_000).map(|no| format!(r#""k{no}":0,"#)).collect();
    refused(&mut scene, "6,000 fields", true, &[transform(&format!(r#"{keys}"x":1"#))], "too_many");
    assert!(scene.memory() < before + (8 << 20), "{} over {before}", scene.memory());
}

#[test]
fn wire18_keys_are_judged_as_they_read_not_as_they_are_written() {
    let mut scene = Scene::new("a", &[]);
    for key in ["__proto__", "constructor", "prototype"] {
        let first = u32::from(key.chars().next().unwrap());
        let escaped = format!(r"\u{first:04x}{}", &key[1..]);
        let all_escaped: String = key.chars().map(|c| format!(r"\u{:04X}", u32::from(c))).collect();
        for key in [key, &escaped, &all_escaped] {
            refused(&mut scene, key, true, &with(&format!(r#""{key}":1"#)), "bad_message");
        }
    }
    for twice in [r#""k":1,"k":1"#, r#""k":1,"\u006b":2"#, r#""é":1,"\u00e9":1"#, r#""":1,"":1"#] {
        refused(&mut scene, twice, true, &with(twice), "bad_message");
    }
    let envelope = [
        r#"{"type":"user:leave","type":"user:leave"}"#,
        r#"{"type":"user:leave","\u0074ype":"no:such"}"#,
        r#"{"type":"chat:message","data":{"text":"a"},"d\u0061ta":{"text":"b"}}"#,
        r#"{"data":{},"data":{},"type":"user:leave"}"#,
        r#"{"type":"chat:message","data":{"text":"a"},"id":"k","\u0069d":"l"}"#,
        r#"{"type":"chat:message","data":{"text":"a"},"id":null,"id":"l"}"#,
        r#"{"type":"chat:message","data":{"text":"a","te\u0078t":"b"}}"#,
        r#"{"type":"cursor:move","data":{"x":1,"y":1,"\u0078":2}}"#,
        r#"{"type":"cursor:move","data":{"x":1,"y":1,"k":2,"k":2}}"#,
    ];
    refused(&mut scene, "twice in the envelope", true, &all(&envelope), "bad_message");
}

#[test]
fn wire19_texts_and_numbers_that_are_none_are_refused() {
    let mut scene = Scene::new("a", &[]);
    for text in [
        r"\ud800",
        r"\udc00",
        r"\ud800x",
        r"\ud800\ud800",
        r"\udc00\ud800",
        r"a\u0000",
        r"\u000",
        r"\x41",
        r"\u{41}",
        "\u{1}",
        "\n",
        "\t",
    ] {
        refused(&mut scene, text, true, &with(&format!(r#""k":"{text}""#)), "bad_message");
        let name = format!(r#"{{"type":"user:update","data":{{"name":"{text}"}}}}"#);
        let key = format!(r#"{{"type":"user:update","data":{{"presence":{{"{text}":1}}}}}}"#);
        let id = format!(r#"{{"type":"chat:message","data":{{"text":"a"}},"id":"{text}"}}"#);
        refused(&mut scene, text, true, &[name, key, id].map(String::into_bytes), "bad_message");
    }
    for number in [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "01",
        "-01",
        "1.",
        ".5",
        "+1",
        "0x10",
        "1e",
        "1e+",
        "--1",
        "-",
        "1_000",
        "1,0",
        "１",
        "1n",
        "1e9999999999",
    ] {
        refused(&mut scene, number, true, &with(&format!(r#""k":{number}"#)), "bad_message");
        refused(&mut scene, number, true, &[transform(&format!(r#""x":{number}"#))], "bad_message");
    }
    for number in [
        "1e308",
        "5e-324",
        "-5e-324",
        "1e-310",
        "1000000001",
        "-1000000001",
        "1.0000000001e9",
        "9007199254740993",
        "18446744073709551616",
    ] {
        let fields =
            ["x", "y", "width", "height", "rotation"].map(|field| transform(&format!(r#""{field}":{number}"#)));
        refused(&mut scene, number, true, &fields, "out_of_range");
        let cursor = format!(r#"{{"type":"cursor:move","data":{{"x":0,"y":{number}}}}}"#).into_bytes();
        let view = format!(r#"{{"type":"canvas:transform","data":{{"x":{number},"y":0,"scale":1}}}}"#).into_bytes();
        refused(&mut scene, number, true, &[cursor, view], "out_of_range");
    }
    for size in ["0", "-0.0", "-1", "0e9", "-1e-300"] {
        refused(
            &mut scene,
            size,
            true,
            &["width", "height"].map(|field| transform(&format!(r#""{field}":{size}"#))),
            "out_of_range",
        );
    }
    let mut socket = scene.member();
    for zero in ["-0.0", "-0", "0e5", "-0E-5"] {
        socket.raw(&Socket::frame(TEXT, &transform(&format!(r#""rotation":{zero}"#))));
        socket.until(r#""type":"ack""#);
        scene.hears(r#""rotation":0}"#);
        assert!(scene.state().contains(r#""rotation":0,"#), "{zero}");
    }
}

#[test]
fn wire20_values_out_of_their_bounds_are_refused_each_with_its_reason() {
    let mut scene = Scene::new("a", &[]);
    let add = |fields: &str| format!(r#"{{"type":"image:add","data":{{"x":1,"y":1,"width":1,"height":1,{fields}}}}}"#);
    let urls = [
        "",
        "x",
        "javascript:alert(1)",
        " java\\nscript:alert(1)",
        "JaVaScRiPt://x",
        "data:text/html,x",
        "data:image/svg+xml,<svg/>",
        "data:image/png;base64,AA==",
        "vbscript:x",
        "blob:https://e.com/x",
        "file:///etc/passwd",
        "//e.com/a",
        "https:e.com",
        "https:///e.com",
        "https://u:p@e.com/",
        "https://@e.com/",
        r"https:\\\\e.com",
        "https://e.com/\\u0001",
        "https://e.com/ a",
        "/assets/..",
        "/assets/0",
        "http://e.com/",
        "ftp://e.com/",
    ];
    let long = format!("https://e.com/{}", "a".repeat(2_048));
    let urls =
        urls.into_iter().chain([long.as_str()]).map(|url| add(&format!(r#""id":"new","src":"{url}""#)).into_bytes());
    refused(&mut scene, "addresses", true, &urls.collect::<Vec<_>>(), "bad_url");
    let chat = |text: &str| format!(r#"{{"type":"chat:message","data":{{"text":"{text}"}}}}"#).into_bytes();
    let empty = ["", " ", "\\n\\n", "\u{200b}\u{feff}", "\u{2800}", "\u{202e}\u{2066}", "\u{ad}", "\u{3164}"].map(chat);
    refused(&mut scene, "chat that shows nothing", true, &empty, "empty");
    refused(&mut scene, "long chat", true, &[chat(&"a".repeat(2_001)), chat(&"é".repeat(30_000))], "too_long");
    refused(
        &mut scene,
        "unknown images",
        true,
        &all(&[
            r#"{"type":"image:remove","data":{"id":"none"}}"#,
            r#"{"type":"image:transform","data":{"id":"none","x":1}}"#,
        ]),
        "not_found",
    );
    refused(
        &mut scene,
        "an image that is there",
        true,
        &[add(r#""id":"good","src":"https://e.com/a""#).into_bytes()],
        "conflict",
    );
    refused(
        &mut scene,
        "nothing to change",
        true,
        &all(&[
            r#"{"type":"image:transform","data":{"id":"good"}}"#,
            r#"{"type":"image:remove","data":{"id":""}}"#,
            r#"{"type":"chat:message","data":{"text":"a"},"id":""}"#,
        ]),
        "empty",
    );
    let id = "k".repeat(129);
    let long = [
        format!(r#"{{"type":"image:remove","data":{{"id":"{id}"}}}}"#),
        format!(r#"{{"type":"chat:message","data":{{"text":"a"}},"id":"{}"}}"#, &id[..65]),
    ];
    refused(&mut scene, "long ids", true, &long.map(String::into_bytes), "too_long");
    refused(&mut scene, "a second join", true, &all(&[r#"{"type":"user:join","data":{}}"#]), "already_joined");
    refused(&mut scene, "leaving before the join", false, &all(&[r#"{"type":"user:leave"}"#]), "not_joined");
}

#[test]
fn wire21_what_a_client_claims_to_be_changes_nothing_and_nothing_of_it_is_logged() {
    let mut scene = Scene::new("a", &["--log", "trace"]);
    let mut socket = scene.member();
    let claims = r#""userId":"root","role":"owner","seq":9,"timestamp":1,"clientId":"c1","ts":5"#;
    socket.send(&format!(r#"{{"type":"chat:message","data":{{"text":"sesame <img src=x onerror=1>",{claims}}},"id":"k","clientId":"c1","seq":9}}"#));
    let told = socket.until(r#""type":"chat:message""#);
    assert!(
        told.contains(r#""text":"sesame <img src=x onerror=1>""#)
            && !told.contains("root")
            && told.contains(r#""seq":2"#),
        "{told}"
    );
    socket.send(r#"{"type":"chat:message","data":{"text":"sesame","id":1"#);
    socket.until("bad_message");
    socket.raw(&Socket::frame(0x80, b"sesame"));
    ended(&mut socket);
    assert!(!scene.server.log().contains("sesame"));
}
