//! What a client may have and do at most, and what lies beside the good: counts, rates, places in the log, texts.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{CLOSE, Socket, TEXT};
use crate::scene::{Scene, answers, code, ended};

const CHAT: &str = r#"{"type":"chat:message","data":{"text":"hi"}}"#;

fn add(id: &str) -> String {
    format!(
        r#"{{"type":"image:add","data":{{"id":"{id}","src":"https://e.com/a","x":0,"y":0,"width":1,"height":1}},"id":"{id}"}}"#
    )
}

/// All that has come by now.
fn heard(socket: &mut Socket) -> Vec<String> {
    socket.send("ping");
    answers(socket)
}

fn codes(texts: &[String]) -> Vec<&str> {
    texts.iter().filter(|text| text.starts_with(r#"{"type":"error""#)).map(|text| code(text)).collect()
}

#[test]
fn img10_of_two_who_race_for_the_last_place_exactly_one_gets_it() {
    let mut scene = Scene::new("a", &["--room-images", "2"]);
    let (mut ann, mut bob) = (scene.member(), scene.member());
    ann.until("user:joined");
    for round in 0..20 {
        let id = format!("last{round}");
        let start = Barrier::new(2);
        let told = thread::scope(|scope| {
            let racers = [&mut ann, &mut bob].map(|socket| {
                let (id, start) = (&id, &start);
                scope.spawn(move || {
                    start.wait();
                    // Different images: only the place is one.
                    socket.send(&add(&format!("{id}-{}", socket.stream.local_addr().unwrap().port())));
                    loop {
                        let (_, payload) = socket.receive().unwrap();
                        let text = String::from_utf8(payload).unwrap();
                        if text.contains(r#""type":"ack""#) {
                            return "ack".to_owned();
                        } else if text.contains(r#""type":"error""#) {
                            return code(&text).to_owned();
                        }
                    }
                })
            });
            let mut told = racers.map(|racer| racer.join().unwrap());
            told.sort();
            told
        });
        assert_eq!(told, ["ack", "limit_images"]);
        scene.hears("image:add");
        let state = scene.state();
        let (_, rest) = state.split_once(&id).unwrap();
        let winner = format!("{id}{}", rest.split('"').next().unwrap());
        assert_eq!(state.matches(r#""src""#).count(), 2, "{state}");
        ann.send(&format!(r#"{{"type":"image:remove","data":{{"id":"{winner}"}},"id":"r{round}"}}"#));
        ann.until(&format!(r#""id":"r{round}""#));
        scene.hears("image:remove");
    }
}

#[test]
fn room5_room6_one_socket_too_many_is_closed_and_the_others_stay() {
    let mut scene = Scene::new("a", &["--user-connections", "3"]);
    let path = "/party/a?_pk=one";
    let mut tabs: Vec<_> = (0..3).map(|_| scene.server.socket(path)).collect();
    for tab in &mut tabs {
        tab.join("one");
        scene.hears("user:joined");
    }
    scene.unmoved("a fourth tab", |scene| {
        for late in ["", r#"{"type":"user:join","data":{}}"#] {
            let mut fourth = scene.server.socket(path);
            fourth.send(late);
            let (told, reason, texts) = ended(&mut fourth);
            assert_eq!((told, reason.as_str(), codes(&texts)), (4202, "rate_limited", vec!["rate_limited"]));
        }
    });
    for tab in &mut tabs {
        assert_eq!(codes(&heard(tab)), [] as [&str; 0]);
    }
    let mut scene = Scene::new("a", &["--room-connections", "3"]);
    let mut there = scene.member();
    scene.unmoved("more sockets than the room has places", |scene| {
        let mut last = scene.stranger();
        for _ in 0..20 {
            let (told, reason, texts) = ended(&mut scene.stranger());
            assert_eq!((told, reason.as_str(), codes(&texts)), (4505, "room_full", vec!["room_full"]));
        }
        assert_eq!(heard(&mut last), [] as [&str; 0]);
        last.raw(&Socket::frame(CLOSE, &[0x03, 0xe8]));
        ended(&mut last);
    });
    assert_eq!(codes(&heard(&mut there)), [] as [&str; 0]);
}

#[test]
fn edit4_an_id_that_is_used_again_gets_the_same_answer_or_none() {
    let mut scene = Scene::new("a", &[]);
    let mut socket = scene.member();
    let first = r#"{"type":"image:transform","data":{"id":"good","x":5},"id":"same"}"#;
    socket.send(first);
    let ack = socket.until("ack");
    scene.hears(r#""x":5"#);
    scene.unmoved("the same edit again", |_| {
        for _ in 0..3 {
            socket.send(first);
            assert_eq!(socket.until(r#""id":"same""#), ack);
        }
    });
    scene.unmoved("its id for others", |_| {
        for other in [
            r#"{"type":"image:transform","data":{"id":"good","x":6},"id":"same"}"#,
            r#"{"type":"image:transform","data":{"id":"good","y":5},"id":"same"}"#,
            r#"{"type":"image:remove","data":{"id":"good"},"id":"same"}"#,
            r#"{"type":"chat:message","data":{"text":"5"},"id":"same"}"#,
            &add("new").replace(r#""id":"new"}"#, r#""id":"same"}"#),
        ] {
            socket.send(other);
            assert_eq!(code(&socket.until("error")), "op_id_reused", "{other}");
        }
    });
    // Of another person the same id is another id.
    let mut other = scene.member();
    other.send(first);
    other.until("ack");
    scene.hears(r#""x":5"#);
}

#[test]
fn sync3_a_since_beyond_the_log_gets_the_whole_state() {
    let mut scene = Scene::new("a", &[]);
    let mut first = scene.stranger();
    first.send(r#"{"type":"user:join","data":{}}"#);
    let state = first.until("state:sync");
    let epoch: String = state.split_once(r#""epoch":"#).unwrap().1.chars().take_while(char::is_ascii_digit).collect();
    let epochs = [epoch.as_str(), "1", "9007199254740991"];
    scene.hears("user:joined");
    scene.leave(first);
    for epoch in epochs {
        for seq in [2_u64, 3, 1 << 31, 1 << 32, (1 << 53) - 1] {
            let mut socket = scene.stranger();
            socket.send(&format!(r#"{{"type":"user:join","data":{{"since":{{"epoch":{epoch},"seq":{seq}}}}}}}"#));
            let told = socket.until("state:sync");
            assert!(told.contains(r#""mode":"full""#) && told.contains(r#""id":"good""#), "{epoch} {seq}: {told}");
            scene.hears("user:joined");
            scene.leave(socket);
        }
    }
    scene.serves();
}

#[test]
fn cur3_of_a_thousand_cursors_a_second_each_peer_hears_sixty() {
    let mut scene = Scene::new("a", &[]);
    let mut mover = scene.member();
    let mut peer = scene.member();
    mover.until("user:joined");
    let start = Instant::now();
    for no in 0..1000 {
        mover.send(&format!(r#"{{"type":"cursor:move","data":{{"x":{no},"y":0}}}}"#));
        thread::sleep(Duration::from_micros(900));
    }
    let (mut told, mut last) = (0, String::new());
    while !last.contains(r#""x":999"#) {
        let (first, payload) = peer.receive().unwrap();
        if first == TEXT {
            last = String::from_utf8(payload).unwrap();
            assert!(last.contains("cursor:move"), "{last}");
            told += 1;
        }
    }
    // A second's worth may come at once.
    let most = 60 + start.elapsed().as_millis() * 60 / 1000 + 1;
    assert!(told <= most, "{told} frames, of at most {most}");
    assert_eq!(heard(&mut mover), [] as [&str; 0], "it is never refused");
    scene.hears_before(r#""x":999"#, Duration::from_secs(5));
    scene.serves();
}

#[test]
fn limit4_six_hundred_refusals_end_it() {
    let mut scene = Scene::new("a", &[]);
    scene.unmoved("600 refusals", |scene| {
        let mut socket = scene.stranger();
        for no in 0..600 {
            // Each in its turn, as a client does that reads.
            let (message, told) = match no % 3 {
                0 => (r#"{"type":"no:such"}"#, "unknown_type"),
                1 => (r#"{"type":"user:leave"}"#, "not_joined"),
                _ => (r#"{"type":"cursor:move","data":{"x":1e300,"y":0}}"#, "out_of_range"),
            };
            socket.send(message);
            assert_eq!(code(&socket.until("error")), told, "{no}");
        }
        let (told, reason, texts) = ended(&mut socket);
        assert_eq!((told, reason.as_str(), codes(&texts)), (4202, "rate_limited", vec!["rate_limited"]));
    });
}

#[test]
fn join1_what_comes_before_the_join_is_held_within_its_bounds() {
    let mut scene = Scene::new("a", &[]);
    let mut socket = scene.stranger();
    for no in 0..300 {
        socket.send(&format!(r#"{{"type":"image:transform","data":{{"id":"good","y":{no}}},"id":"h{no}"}}"#));
    }
    let told = heard(&mut socket);
    assert_eq!(codes(&told), ["not_joined"; 44]);
    assert!(told[0].contains(r#""ref":"h256""#), "{}", told[0]);
    socket.send(r#"{"type":"user:join","data":{}}"#);
    for no in 0..256 {
        let ack = socket.until(r#""type":"ack""#);
        assert!(ack.contains(&format!(r#""id":"h{no}""#)), "{ack}");
    }
    scene.hears("user:joined");
    for no in 0..256 {
        scene.hears(&format!(r#""y":{no}"#));
    }
    scene.leave(socket);
    let mut socket = scene.stranger();
    let padding = "x".repeat(60_000);
    for no in 0..6 {
        socket.send(&format!(
            r#"{{"type":"image:transform","data":{{"id":"good","y":{no}}},"id":"b{no}","pad":"{padding}"}}"#
        ));
    }
    assert_eq!(codes(&heard(&mut socket)), ["not_joined"; 2], "the fifth is beyond 256 KiB");
    // A thousand cursors are held as one.
    for no in 0..1000 {
        socket.send(&format!(r#"{{"type":"cursor:move","data":{{"x":{no},"y":0}}}}"#));
    }
    socket.send(r#"{"type":"user:join","data":{}}"#);
    for no in 0..4 {
        let ack = socket.until(r#""type":"ack""#);
        assert!(ack.contains(&format!(r#""id":"b{no}""#)), "{ack}");
    }
    scene.hears("user:joined");
    scene.hears_before(r#""x":999"#, Duration::from_secs(5));
}

#[test]
fn wire20_an_image_of_another_room_is_as_unknown_as_none() {
    let mut scene = Scene::new("a", &[]);
    let mut far = scene.server.joined("b", "far");
    far.send(&add("far"));
    far.until("ack");
    scene.unmoved("an image of another room", |scene| {
        let mut socket = scene.member();
        let told = ["far", "nil"].map(|id| {
            let messages = [
                format!(r#"{{"type":"image:transform","data":{{"id":"{id}","x":1}},"id":"k"}}"#),
                format!(r#"{{"type":"image:remove","data":{{"id":"{id}"}},"id":"l"}}"#),
            ];
            messages.map(|message| {
                socket.send(&message);
                socket.until("error")
            })
        });
        assert_eq!(told[0], told[1]);
        assert_eq!(code(&told[0][0]), "not_found");
        scene.leave(socket);
    });
    assert_eq!(heard(&mut far), [] as [&str; 0]);
}

#[test]
fn text13_people_hear_the_cleaned_word_and_nothing_is_escaped() {
    let mut scene = Scene::new("a", &[]);
    let mut socket = scene.stranger();
    socket.send(r#"{"type":"user:join","data":{"name":"\u202eA\u200bn\u2066n\ufeff\u2069\u061c"}}"#);
    scene.hears(r#""name":"Ann""#);
    socket.until("user:list");
    let marks = "\u{301}".repeat(50);
    let newlines = r"\n".repeat(500);
    let kept = "\u{301}".repeat(8);
    for (said, told) in [
        ("<img src=x onerror=alert(1)>".to_owned(), "<img src=x onerror=alert(1)>".to_owned()),
        ("</script><script>x</script>".into(), "</script><script>x</script>".into()),
        ("{{7*7}} ${7*7} <%= 7 %>".into(), "{{7*7}} ${7*7} <%= 7 %>".into()),
        (format!("q{marks}!"), format!("q{kept}!")),
        (format!("a{newlines}b"), r"a\n\n\nb".into()),
        (r"a\u202e\u2066b\u200b".into(), "ab".into()),
        ("x".repeat(2_000), "x".repeat(2_000)),
    ] {
        socket.send(&format!(r#"{{"type":"chat:message","data":{{"text":"{said}"}}}}"#));
        let words = format!(r#""text":"{told}"}}"#);
        scene.hears(&words);
        socket.until(&words);
        socket.until("ack");
    }
    for text in ["é".repeat(8_193), "x".repeat(2_001)] {
        socket.send(&format!(r#"{{"type":"chat:message","data":{{"text":"{text}"}}}}"#));
        assert_eq!(code(&socket.until("error")), "too_long");
    }
    scene.serves();
}

#[test]
fn rate2_of_twenty_words_at_once_the_burst_passes_and_others_go_on() {
    let mut scene = Scene::new("a", &[]);
    let mut socket = scene.member();
    (0..20).for_each(|_| socket.send(CHAT));
    let (mut said, mut refused) = (0, 0);
    while said + refused < 20 {
        let (_, payload) = socket.receive().unwrap();
        let text = String::from_utf8(payload).unwrap();
        said += usize::from(text.contains(r#""type":"ack""#));
        if text.contains(r#""type":"error""#) {
            assert!(code(&text) == "rate_limited" && text.contains(r#""retryAfterMs":"#), "{text}");
            refused += 1;
        }
    }
    // The burst, and what came back while they were read.
    assert!((10..=11).contains(&said), "{said}");
    (0..said).for_each(|_| scene.hears("chat:message"));
    let mut other = scene.member();
    other.send(CHAT);
    scene.hears("chat:message");
    other.until("ack");
}

#[test]
fn edit5_what_a_message_claims_is_dropped_and_further_fields_are_kept() {
    let mut scene = Scene::new("a", &[]);
    let mut socket = scene.member();
    let claims = r#""userId":"root","role":"owner","seq":99,"timestamp":1,"clientId":"c1","ts":1"#;
    let further = r#""isGenerated":true,"cropX":5,"cloudImageId":"z""#;
    let data =
        format!(r#""id":"new","src":"https://e.com/a","x":0,"y":0,"width":1,"height":1,"rotation":null,{further}"#);
    socket.send(&format!(r#"{{"type":"image:add","data":{{{data}}},"id":"k","trace":{{"a":[1]}},{claims}}}"#));
    let ack = socket.until("ack");
    assert!(ack.contains(r#""seq":2"#), "{ack}");
    scene.hears(
        r#""height":1,"rotation":0,"z":"a1","cloudImageId":"z","cropX":5,"isGenerated":true},"clientId":"c2","seq":2,"#,
    );
    let inside = format!(r#"{{"type":"user:update","data":{{"name":"Ann",{claims}}}}}"#);
    socket.send(&inside);
    socket.send(r#"{"type":"cursor:move","data":{"x":1,"y":2,"clientId":"c1","userId":"root"}}"#);
    let told = heard(&mut socket);
    assert_eq!(codes(&told), [] as [&str; 0], "{told:?}");
    for _ in 0..2 {
        let before = r#""clientId":"c2""#;
        scene.hears(before);
    }
    assert!(!scene.state().contains("root"));
    let mut late = scene.stranger();
    late.send(r#"{"type":"user:join","data":{"userId":"root","role":"owner","clientId":"c1"}}"#);
    let joined = late.until("room:joined");
    assert!(!joined.contains("root") && joined.contains(r#""role":"editor""#), "{joined}");
}

/// Every line of the sources below this place that finds something by a hash.
fn hashed(place: &std::path::Path, lines: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(place).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            // The simulator has no clients but its own.
            if !path.ends_with("sim") {
                hashed(&path, lines);
            }
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let words = ["HashMap<", "HashSet<", "Hasher", "FixedState", "foldhash::", "hashbrown::", "with_hasher"];
            let text = std::fs::read_to_string(&path).unwrap();
            let found = text.lines().map(str::trim).filter(|line| words.iter().any(|word| line.contains(word)));
            lines.extend(found.map(|line| (path.file_name().unwrap().to_str().unwrap().to_owned(), line.to_owned())));
        }
    }
}

#[test]
fn limit6_what_clients_choose_is_found_by_no_hash_that_they_know() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut core, mut server) = (Vec::new(), Vec::new());
    hashed(&here.join("../core/src"), &mut core);
    hashed(&here.join("src"), &mut server);
    // The core has no randomness to seed a hash with: the one it has finds sockets by the numbers of their host.
    let sockets = ["use hashbrown::HashMap;", "type FixedHash = foldhash::fast::FixedState;"];
    for (file, line) in &core {
        let of_sockets = sockets.contains(&line.as_str()) || line.contains("HashMap<Conn, Link, FixedHash>");
        assert!(file == "presence.rs" && of_sockets, "{file}: {line}");
    }
    assert!(core.iter().any(|(_, line)| line.contains("HashMap<Conn,")), "it is looked for where it is");
    // The server's tables are those of the standard library with its own hasher, which each process seeds.
    for (file, line) in &server {
        let named = line.contains("HashMap<") || line.contains("HashSet<") || line.contains("BuildHasher as _");
        let other = ["foldhash", "hashbrown", "with_hasher", "FixedState", "DefaultHasher", "BuildHasherDefault"];
        assert!(named && !other.iter().any(|word| line.contains(word)), "{file}: {line}");
    }
    assert!(server.iter().any(|(_, line)| line.contains("HashMap<RoomId,")), "it is looked for where it is");
}
