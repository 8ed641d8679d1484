//! What the server tells programs of its work (METRIC), in raw bytes over the built server.

mod common;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{Answer, Server, Socket};

const SECRET: &str = "sixteen-bytes-ok";

/// The numbers, by name and labels as they are written.
type Numbers = BTreeMap<String, f64>;

fn numbers(answer: &Answer) -> Numbers {
    assert_eq!(answer.status, 200, "{answer:?}");
    let lines = answer.body.lines().filter(|line| !line.starts_with('#'));
    let number = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a number");
        (name.to_owned(), value.parse().expect("a number"))
    };
    lines.map(number).collect()
}

fn scrape(server: &Server) -> Numbers {
    numbers(&server.get("/metrics", ""))
}

/// The number, or 0 where nothing was counted yet.
fn of(numbers: &Numbers, name: &str) -> f64 {
    numbers.get(name).copied().unwrap_or_default()
}

/// The numbers, once they say so.
fn until(server: &Server, what: &str, holds: impl Fn(&Numbers) -> bool) -> Numbers {
    for _ in 0..500 {
        let numbers = scrape(server);
        if holds(&numbers) {
            return numbers;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("it never came: {what}: {:#?}", scrape(server));
}

fn add(id: &str) -> String {
    format!(
        r#"{{"type":"image:add","id":"k{id}","data":{{"id":"{id}","src":"https://example.com/p.png","x":1,"y":2,"width":3,"height":4}}}}"#
    )
}

#[test]
fn metric1_it_is_openmetrics() {
    let server = Server::start(&[]);
    let answer = server.get("/metrics", "");
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
    assert!(answer.body.ends_with("# EOF\n"), "{}", answer.body);
    let mut kinds = BTreeMap::new();
    for line in answer.body.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a name and words");
            assert!(help.ends_with('.') && !help.ends_with(".."), "{name}: {help}");
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            assert!(kinds.insert(name, kind).is_none(), "{name} comes twice");
        }
    }
    for (name, kind) in kinds {
        let mut names = answer.body.lines().filter_map(|line| line.split([' ', '{']).next());
        assert!(kind != "counter" || names.all(|line| line != name), "{name} is a counter: it ends in _total");
        assert!(name.starts_with("kanvas_") || name.starts_with("process_"), "{name}");
    }
}

#[test]
fn metric2_a_development_server_tells_this_machine_and_others_want_the_secret() {
    assert_eq!(Server::start(&[]).get("/metrics", "").status, 200);
    let server = Server::start(&["--admin-secret", SECRET]);
    for headers in ["", "Authorization: Bearer wrong-wrong-wrong\r\n"] {
        let answer = server.get("/metrics", headers);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{answer:?}");
    }
    let told = server.get("/metrics", &format!("Authorization: Bearer {SECRET}\r\n"));
    assert!(of(&numbers(&told), r#"kanvas_build_info{version="0.1.0"}"#) > 0.0);
}

#[test]
fn metric3_what_happens_is_counted() {
    let server = Server::start(&[]);
    let (mut ann, mut bob) = (server.joined("board", "ann"), server.joined("board", "bob"));
    let mut cid = server.joined("board", "cid");
    let before = scrape(&server);
    let edit = add("i1");
    ann.send(&edit);
    for socket in [&mut ann, &mut bob, &mut cid] {
        socket.until(r#""seq":1"#);
    }
    let cursor = r#"{"type":"cursor:move","data":{"x":1,"y":2}}"#;
    ann.send(cursor);
    for socket in [&mut bob, &mut cid] {
        socket.until("cursor:move");
    }
    ann.send("{");
    ann.until("bad_message");
    let after = scrape(&server);
    let rise = |name: &str| of(&after, name) - of(&before, name);
    let both = |name: &str, direction: &str, kind: &str| {
        rise(&format!(r#"kanvas_{name}_total{{direction="{direction}",kind="{kind}"}}"#))
    };
    #[expect(clippy::cast_precision_loss, reason = "short texts")]
    let bytes = edit.len() as f64;
    assert_eq!((both("messages", "in", "edit"), both("message_bytes", "in", "edit")), (1.0, bytes));
    assert_eq!((both("messages", "in", "cursor"), both("messages", "in", "unread")), (1.0, 1.0));
    let deliveries = |kind: &str| rise(&format!(r#"kanvas_deliveries_total{{kind="{kind}"}}"#));
    assert_eq!((both("messages", "out", "stored"), deliveries("stored")), (1.0, 2.0));
    assert_eq!((both("messages", "out", "cursor"), deliveries("cursor")), (1.0, 2.0));
    // The ack and the refusal.
    assert_eq!((both("messages", "out", "answer"), deliveries("answer")), (2.0, 2.0));
    assert_eq!(rise(r#"kanvas_errors_total{code="bad_message"}"#), 1.0);
    assert_eq!(rise("kanvas_edits_total"), 1.0);
    assert_eq!(
        (of(&after, "kanvas_sockets"), of(&after, "kanvas_people"), of(&after, "kanvas_rooms")),
        (3.0, 3.0, 1.0)
    );
    assert!(of(&after, "kanvas_connections") >= 4.0, "three sockets and who asks");
    bob.raw(&Socket::frame(common::CLOSE, &1000_u16.to_be_bytes()));
    cid.hang_up();
    until(&server, "both closes", |numbers| {
        of(numbers, r#"kanvas_closes_total{code="1000",reason="client"}"#) == 1.0
            && of(numbers, r#"kanvas_closes_total{code="1006",reason="lost"}"#) == 1.0
    });
    assert_eq!(server.get("/nowhere", "").status, 404);
    assert!(of(&scrape(&server), r#"kanvas_http_responses_total{code="404"}"#) >= 1.0);
}

#[test]
fn metric3_tokens_and_connections_without_a_place_are_counted() {
    let server = Server::start(&["--max-waiting", "2"]);
    let (answer, mut socket) = server.try_socket("/parties/main/board?token=nonsense", "");
    assert_eq!(answer.status, 101);
    let (code, reason, _) = socket.closed();
    let numbers = scrape(&server);
    let refused: f64 = numbers
        .iter()
        .filter(|(name, _)| name.starts_with("kanvas_tokens_total{") && !name.contains("accepted"))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(refused, 1.0, "{numbers:#?}");
    assert_eq!(of(&numbers, &format!(r#"kanvas_closes_total{{code="{code}",reason="{reason}"}}"#)), 1.0);
    let mut held: Vec<_> = (0..3).map(|_| server.connect()).collect();
    // The last of them is let go at once.
    assert_eq!(held[2].read(&mut [0]).unwrap_or_default(), 0);
    drop(held);
    // Who asks has no place either until these are gone.
    let answer = (0..500).find_map(|_| {
        thread::sleep(Duration::from_millis(20));
        Some(server.get("/metrics", "")).filter(|answer| answer.status == 200)
    });
    let numbers = crate::numbers(&answer.expect("places become free"));
    assert!(of(&numbers, r#"kanvas_refusals_total{reason="no_place"}"#) >= 1.0, "{numbers:#?}");
}

#[test]
fn metric3_what_has_not_happened_is_0() {
    let server = Server::start(&[]);
    let numbers = scrape(&server);
    for label in [
        r#"kanvas_closes_total{code="1002",reason="protocol error"}"#,
        r#"kanvas_closes_total{code="0",reason="client"}"#,
        r#"kanvas_closes_total{code="1006",reason="lost"}"#,
        r#"kanvas_closes_total{code="4201",reason="slow_consumer"}"#,
        r#"kanvas_refusals_total{reason="forbidden"}"#,
        r#"kanvas_tokens_total{result="accepted"}"#,
        r#"kanvas_tokens_total{result="expired"}"#,
        r#"kanvas_storage_failures_total{reason="full"}"#,
    ] {
        assert_eq!(numbers.get(label), Some(&0.0), "{label} of {numbers:#?}");
    }
}

#[test]
fn metric3_what_is_turned_away_is_counted_by_reason() {
    let server = Server::start(&[]);
    let many = "x".repeat(9000);
    for (head, reason) in [
        ("GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://elsewhere.example\r\n\r\n".to_owned(), "forbidden"),
        ("GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n".into(), "misdirected"),
        ("GET / HTTP/1.1\r\n\r\n".into(), "bad_host"),
        (format!("GET /{many} HTTP/1.1\r\nHost: localhost\r\n\r\n"), "too_long"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n".into(), "bad_body"),
        ("NONSENSE\r\n\r\n".into(), "bad_head"),
        (
            "GET /parties/main/r HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                .into(),
            "bad_upgrade",
        ),
    ] {
        let mut stream = server.connect();
        stream.write_all(head.as_bytes()).expect("it takes what is sent");
        let name = format!(r#"kanvas_refusals_total{{reason="{reason}"}}"#);
        until(&server, reason, |numbers| of(numbers, &name) == 1.0);
    }
}

#[test]
fn metric4_no_label_names_a_room_or_a_person() {
    let server = Server::start(&[]);
    let mut ann = server.joined("secret-plans", "annabel");
    ann.send(&add("portrait"));
    ann.until(r#""type":"ack""#);
    ann.raw(&Socket::frame(common::CLOSE, &[&4321_u16.to_be_bytes()[..], b"farewell"].concat()));
    let name = r#"kanvas_closes_total{code="0",reason="client"}"#;
    until(&server, "the close", |numbers| of(numbers, name) == 1.0);
    let told = server.get("/metrics", "").body;
    for word in ["secret-plans", "annabel", "portrait", "farewell", "4321", "127.0.0.1", "guest"] {
        assert!(!told.contains(word), "{word}");
    }
}

#[test]
fn metric5_what_a_room_counted_stays_counted() {
    let server = Server::start(&["--grace", "0"]);
    let mut ann = server.joined("board", "ann");
    ann.send(&add("i1"));
    ann.until(r#""type":"ack""#);
    drop(ann);
    let secret = until(&server, "nobody is there", |numbers| of(numbers, "kanvas_people") == 0.0);
    assert_eq!(of(&secret, "kanvas_edits_total"), 1.0);
    let other = Server::start(&["--admin-secret", SECRET]);
    let secret = format!("Authorization: Bearer {SECRET}\r\n");
    let mut ann = other.joined("board", "ann");
    ann.send(&add("i1"));
    ann.until(r#""type":"ack""#);
    let close = format!("POST /api/rooms/board/close HTTP/1.1\r\nHost: localhost\r\n{secret}Connection: close\r\n\r\n");
    assert_eq!(other.raw(close).status, 204);
    let numbers = numbers(&other.get("/metrics", &secret));
    assert_eq!((of(&numbers, "kanvas_rooms"), of(&numbers, "kanvas_edits_total")), (0.0, 1.0));
    assert_eq!(of(&numbers, r#"kanvas_closes_total{code="4503",reason="kicked"}"#), 1.0);
}

#[test]
fn metric6_joins_telling_and_transactions_are_timed() {
    let server = Server::start(&[]);
    let (mut ann, mut bob) = (server.joined("board", "ann"), server.joined("board", "bob"));
    ann.send(&add("i1"));
    bob.until("image:add");
    ann.until(r#""type":"ack""#);
    let numbers = until(&server, "all of it", |numbers| of(numbers, "kanvas_fan_out_duration_seconds_count") >= 1.0);
    assert_eq!(of(&numbers, "kanvas_join_duration_seconds_count"), 2.0);
    assert_eq!(of(&numbers, "kanvas_room_load_duration_seconds_count"), 1.0);
    let (stores, commits) = ("kanvas_storage_batch_stores_sum", "kanvas_storage_commit_duration_seconds_count");
    assert!(of(&numbers, stores) >= of(&numbers, commits) && of(&numbers, commits) >= 1.0, "{numbers:#?}");
    assert!(of(&numbers, "kanvas_fan_out_duration_seconds_sum") > 0.0);
    assert!(of(&numbers, "process_resident_memory_bytes") > 1e6 && of(&numbers, "process_open_fds") > 5.0);
}

#[test]
fn metric7_the_process_is_told_as_the_system_counts_it() {
    let since_1970 = || SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs_f64();
    let before = since_1970();
    let server = Server::start(&[]);
    // The system knows by the second when the machine began.
    thread::sleep(Duration::from_millis(3500));
    let asked = since_1970();
    let numbers = scrape(&server);
    let began = of(&numbers, "process_start_time_seconds");
    assert!((before - 2.0..asked - 1.5).contains(&began), "{before} {began} {asked}");
    assert!(of(&numbers, "process_cpu_seconds_total") < asked - before, "{numbers:#?}");
    assert!(of(&numbers, "process_max_fds") > of(&numbers, "process_open_fds"), "{numbers:#?}");
}
