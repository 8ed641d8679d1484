//! Starting and stopping: what is refused, and how.

mod common;

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use std::io::Read as _;

use common::{Server, Socket, kanvas, refusal, run};

#[test]
fn run6_help_and_version_say_what_it_is() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for word in ["infinite canvas", "--listen", "KANVAS_LISTEN", "127.0.0.1:1999", "--data", "KANVAS_DATA", "74 after"]
    {
        assert!(help.contains(word), "{word} in {help}");
    }
    let version = run(&["--version"]);
    assert_eq!(version.stdout, format!("kanvas {}\n", env!("CARGO_PKG_VERSION")).as_bytes());
    assert!(version.status.success());
}

#[test]
fn run7_a_bad_option_is_one_sentence_and_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let data = data.to_str().unwrap();
    for args in [
        ["serve", "--listen", "nowhere"].as_slice(),
        &["serve", "--threads", "0"],
        &["serve", "--frobnicate"],
        &["--data", data, "--log", "kanvas=loud"],
        &["--data", data, "--dead-after", "10", "--ping-every", "10"],
        &["--data", data, "--asset-bytes", "8193", "--asset-day-bytes", "8193"],
    ] {
        let said = refusal(args);
        let named = ["log filter", "--dead-after", "--asset-bytes"];
        assert!(said.contains(args[1]) || named.iter().any(|name| said.contains(name)), "{said}");
    }
    let output = kanvas().env("KANVAS_GRACE", "soon").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!directory.path().join("data").exists(), "a refused start writes nothing");
}

#[test]
fn run8_only_this_machine_may_reach_it() {
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let said = refusal(&["--listen", address]);
        assert!(said.contains(address) && said.contains("127.0.0.1"), "{said}");
    }
}

#[test]
fn run9_a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let said = refusal(&["--listen", &address, "--data", directory.path().to_str().unwrap()]);
    assert!(said.contains(&address) && said.contains("--listen") && said.lines().count() == 1, "{said}");
}

#[test]
fn run10_a_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let below = file.join("data");
    let said = refusal(&["--listen", "127.0.0.1:0", "--data", below.to_str().unwrap()]);
    assert!(said.contains("file/data") && said.contains("--data") && said.lines().count() == 1, "{said}");
    assert!(!said.contains("os error"), "{said}");
    fs::write(directory.path().join("assets"), "").unwrap();
    let said = refusal(&["--listen", "127.0.0.1:0", "--data", directory.path().to_str().unwrap()]);
    assert!(said.contains("/assets cannot be used") && said.lines().count() == 1, "{said}");
}

#[test]
fn run23_a_data_directory_is_made_for_its_owner_alone() {
    let server = Server::start(&[]);
    let made = fs::metadata(server.directory.path().join("data")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&made) & 0o777, 0o700);
}

#[test]
fn run11_two_servers_do_not_share_a_directory() {
    let server = Server::start(&[]);
    let data = server.directory.path().join("data");
    let said = refusal(&["--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    assert!(said.contains("another Kanvas server") && said.lines().count() == 1, "{said}");
    assert_eq!(server.get("/healthz", "").status, 200, "the first is not disturbed");
}

#[test]
fn run12_a_damaged_database_is_named_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kanvas.db");
    fs::write(&file, "no database at all ".repeat(500)).unwrap();
    let before = fs::read(&file).unwrap();
    let said = refusal(&["--listen", "127.0.0.1:0", "--data", directory.path().to_str().unwrap()]);
    assert!(said.contains("kanvas.db") && said.contains("damaged") && said.lines().count() == 1, "{said}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn run13_a_stop_tells_clients_when_to_return_and_loses_nothing() {
    let mut server = Server::start(&[]);
    let mut socket = server.joined("a", "ann");
    let image = r#"{"id":"i1","src":"https://example.com/a.png","x":1,"y":2,"width":3,"height":4}"#;
    socket.send(&format!(r#"{{"type":"image:add","data":{image},"id":"k1"}}"#));
    socket.until(r#""type":"ack""#);
    server.signal("TERM");
    let (code, reason, texts) = socket.closed();
    assert_eq!((code, reason.as_str()), (1012, "restart"));
    assert!(texts.last().unwrap().contains("retryAfterMs"), "{texts:?}");
    assert_eq!(server.wait(Duration::from_secs(5)), Some(0), "{}", server.log());
    let data = server.directory.path().join("data");
    assert!(!data.join("kanvas.db-wal").exists(), "the database is closed");
    let (child, port) = Server::spawn(server.directory.path(), &[]);
    (server.child, server.port) = (child, port);
    let mut socket = server.socket("/party/a");
    socket.send(r#"{"type":"user:join","data":{}}"#);
    assert!(socket.until("state:sync").contains(r#""id":"i1""#));
}

#[test]
fn run14_clients_that_do_not_read_cannot_hold_a_stop_up() {
    let mut server = Server::start(&[]);
    let stuck: Vec<_> = (0..5).map(|no| server.joined("a", &format!("p{no}"))).collect();
    let half_open = server.connect();
    server.signal("INT");
    let start = Instant::now();
    assert_eq!(server.wait(Duration::from_secs(10)), Some(0), "{}", server.log());
    assert!(start.elapsed() < Duration::from_secs(10));
    drop((stuck, half_open));
}

#[test]
fn run14_a_second_signal_ends_it_at_once() {
    let mut server = Server::start(&[]);
    let staying = server.joined("a", "ann");
    server.signal("TERM");
    std::thread::sleep(Duration::from_millis(150));
    server.signal("TERM");
    assert_eq!(server.wait(Duration::from_millis(300)), Some(1), "{}", server.log());
    drop(staying);
}

#[test]
fn run15_no_word_of_a_person_is_logged() {
    let mut server = Server::start(&["--log", "trace"]);
    let (code, ..) = server.socket("/party/a?token=secrettoken").closed();
    assert_eq!(code, 4510);
    let mut socket = server.socket("/party/a?_pk=secretpk&name=secretname&email=secret%40mail&share=secretshare");
    socket.join("secretname");
    socket.send(r#"{"type":"chat:message","data":{"text":"secrettext"}}"#);
    socket.until("secrettext");
    server.get("/party/a?token=secrettoken", "Authorization: Bearer secretbearer\r\n");
    server.signal("TERM");
    server.wait(Duration::from_secs(5));
    let log = server.log();
    assert!(log.contains("stopped"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

/// The `userId` that a newcomer is told.
fn user_of(socket: &mut Socket) -> String {
    socket.send(r#"{"type":"user:join","data":{}}"#);
    let joined = socket.until("room:joined");
    let (_, rest) = joined.split_once(r#""userId":""#).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn run16_a_guest_is_the_same_person_after_a_restart() {
    let mut server = Server::start(&[]);
    let before = user_of(&mut server.socket("/party/a?_pk=me"));
    let other = user_of(&mut server.socket("/party/a?_pk=you"));
    assert!(before.starts_with("guest:") && before != other);
    server.signal("TERM");
    server.wait(Duration::from_secs(5));
    let (child, port) = Server::spawn(server.directory.path(), &[]);
    (server.child, server.port) = (child, port);
    assert_eq!(user_of(&mut server.socket("/party/b?_pk=me")), before);
}

#[test]
fn run17_who_comes_while_it_stops_is_sent_away() {
    let mut server = Server::start(&[]);
    let staying = server.joined("a", "ann");
    server.signal("TERM");
    // The client that stays keeps the server for the half second in which it may still answer the close.
    std::thread::sleep(Duration::from_millis(150));
    let answer = server.get("/healthz", "");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
    assert_eq!(server.try_socket("/party/a", "").0.status, 503);
    assert_eq!(server.wait(Duration::from_secs(5)), Some(0));
    drop(staying);
}

#[test]
fn run18_places_are_bounded_and_given_back() {
    let server = Server::start(&["--max-connections", "6", "--max-waiting", "2"]);
    let refused = || server.connect().read(&mut [0]).map_or(true, |count| count == 0);
    let mut joined: Vec<_> = (0..4).map(|no| server.joined("a", &format!("p{no}"))).collect();
    let waiting: Vec<_> = (0..2).map(|_| server.connect()).collect();
    assert!(refused(), "two wait and six are there");
    drop(joined.pop());
    std::thread::sleep(Duration::from_millis(300));
    assert!(refused(), "two wait");
    drop(waiting);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.get("/healthz", "").status, 200);
    joined[0].send("ping");
    joined[0].until("pong");
}

#[test]
fn run19_a_room_that_cannot_be_read_is_named_and_stays_closed() {
    let mut server = Server::start(&[]);
    for room in ["sound", "broken"] {
        server.joined(room, "ann").send(r#"{"type":"chat:message","data":{"text":"hi"}}"#);
    }
    server.signal("TERM");
    server.wait(Duration::from_secs(5));
    let database = rusqlite::Connection::open(server.directory.path().join("data/kanvas.db")).unwrap();
    let spoilt = database.execute("UPDATE rooms SET record = x'00' WHERE room = 'broken'", []).unwrap();
    assert_eq!(spoilt, 1);
    drop(database);
    let (child, port) = Server::spawn(server.directory.path(), &[]);
    (server.child, server.port) = (child, port);
    let mut socket = server.socket("/party/broken");
    socket.send(r#"{"type":"user:join","data":{}}"#);
    let (code, reason, _) = socket.closed();
    assert_eq!((code, reason.as_str()), (4205, "unavailable"));
    assert_eq!(server.get("/party/broken", "").status, 503);
    assert_eq!(server.get("/party/sound", "").status, 200);
    assert!(server.log().contains("broken"), "{}", server.log());
}
