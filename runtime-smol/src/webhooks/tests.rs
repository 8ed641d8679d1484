//! Deliveries over real sockets, to a receiver that does what the test says, with a store on a real file.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::event::Kind;
use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// A request that came.
#[derive(Clone, Debug)]
struct Came {
    headers: Vec<(String, String)>,
    body: serde_json::Value,
    raw: String,
    answered: bool,
}

impl Came {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn user(&self) -> &str {
        let data = &self.body["data"];
        data["user"].as_str().or(data["by"].as_str()).unwrap_or_default()
    }
}

/// What it answers to the request with this number; `None` keeps it waiting for ever.
type Answers = dyn Fn(usize, &Came) -> Option<String> + Send + Sync;

struct Receiver {
    port: u16,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Receiver {
    fn start(answers: impl Fn(usize, &Came) -> Option<String> + Send + Sync + 'static) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let came = Arc::new(Mutex::new(Vec::new()));
        let (all, answers): (_, Arc<Answers>) = (came.clone(), Arc::new(answers));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, answers) = (all.clone(), answers.clone());
                thread::spawn(move || hear(stream, &all, &*answers));
            }
        });
        Receiver { port, came }
    }

    fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    fn users(&self) -> Vec<String> {
        self.came().iter().map(|came| came.user().to_owned()).collect()
    }

    /// Waits until so many came.
    fn until(&self, count: usize) -> Vec<Came> {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let came = self.came();
            if came.len() >= count {
                return came;
            }
            assert!(Instant::now() < end, "{count} were awaited, these came: {came:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn hear(stream: TcpStream, all: &Mutex<Vec<Came>>, answers: &Answers) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut headers, mut line) = (Vec::new(), String::new());
        while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
            if let Some((key, value)) = line.trim_end().split_once(": ") {
                headers.push((key.to_lowercase(), value.to_owned()));
            }
            line.clear();
        }
        let length = headers.iter().find(|(key, _)| key == "content-length").and_then(|(_, value)| value.parse().ok());
        let Some(length) = length else { return };
        let mut raw = vec![0; length];
        if reader.read_exact(&mut raw).is_err() {
            return;
        }
        let raw = String::from_utf8(raw).unwrap();
        let came = Came { headers, body: serde_json::from_str(&raw).unwrap(), raw, answered: false };
        let no = {
            let mut all = all.lock().unwrap();
            all.push(came.clone());
            all.len() - 1
        };
        match answers(no, &came) {
            Some(answer) => {
                all.lock().unwrap()[no].answered = true;
                if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
            None => loop {
                thread::park();
            },
        }
    }
}

fn answer(status: u16, headers: &str) -> Option<String> {
    Some(format!("HTTP/1.1 {status} Words\r\ncontent-length: 0\r\n{headers}\r\n"))
}

struct Bench {
    directory: TempDir,
    store: Store,
    hooks: Webhooks,
}

impl Bench {
    fn start(port: u16) -> Bench {
        Bench::at(tempfile::tempdir().unwrap(), port)
    }

    fn at(directory: TempDir, port: u16) -> Bench {
        let store = Store::open(&directory.path().join("kanvas.db"), Arc::default()).unwrap();
        let url = Url::parse(&format!("http://127.0.0.1:{port}/hook?key=1")).unwrap();
        let hook = Hook { url, secret: Secret::parse(SECRET).unwrap(), events: Events::default() };
        let hooks = Webhooks::start(hook, store.clone(), Clock::start(), Arc::default()).unwrap();
        Bench { directory, store, hooks }
    }

    fn tell(&self, room: &str, kind: Kind, user: &str) {
        let notice = match kind {
            Kind::Created => Notice::Created { by: user.into() },
            Kind::Emptied => Notice::Emptied,
            Kind::Deleted => Notice::Deleted { by: user.into() },
            Kind::Joined => Notice::Joined { user: user.into(), name: user.into() },
            Kind::Left => Notice::Left { user: user.into(), name: user.into(), reason: "left".into() },
            Kind::Banned => Notice::Banned { user: user.into(), by: user.into(), reason: None },
        };
        self.hooks.tell(&RoomId::new(room).unwrap(), &notice);
    }

    /// Ends it in good order and starts it where it was.
    fn restart(self, port: u16) -> Bench {
        Bench::at(self.stop(), port)
    }

    fn stop(self) -> TempDir {
        smol::block_on(async {
            self.hooks.stop().await;
            self.store.stop().await;
        });
        self.directory
    }

    /// Those that wait, by id.
    fn waiting(&self) -> HashSet<String> {
        ids(&self.directory)
    }

    fn until_waiting(&self, count: usize) {
        let end = Instant::now() + Duration::from_secs(20);
        while self.waiting().len() != count {
            assert!(Instant::now() < end, "{:?}", self.waiting());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn ids(directory: &TempDir) -> HashSet<String> {
    let database = rusqlite::Connection::open(directory.path().join("kanvas.db")).unwrap();
    let mut statement = database.prepare("SELECT id FROM notices").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn hook2_a_delivery_is_signed_and_deleted_once_it_is_taken() {
    let receiver = Receiver::start(|_, _| Some(OK.into()));
    let bench = Bench::start(receiver.port);
    bench.tell("r", Kind::Joined, "ann");
    let came = &receiver.until(1)[0];
    assert_eq!((&came.body["type"], came.user()), (&"member.joined".into(), "ann"));
    assert_eq!(came.header("content-type"), "application/json");
    let (id, seconds) = (came.header("webhook-id"), came.header("webhook-timestamp"));
    let signed = Secret::parse(SECRET).unwrap().sign(id, seconds.parse().unwrap(), &came.raw);
    assert_eq!(came.header("webhook-signature"), signed);
    bench.until_waiting(0);
}

#[test]
fn hook5_of_one_room_one_is_under_way_at_a_time_and_in_order() {
    let receiver = Receiver::start(|_, _| Some(OK.into()));
    let bench = Bench::start(receiver.port);
    let names: Vec<_> = (0..40).map(|no| format!("u{no}")).collect();
    names.iter().for_each(|name| bench.tell("r", Kind::Joined, name));
    receiver.until(40);
    assert_eq!(receiver.users(), names);
}

#[test]
fn hook5_eight_are_under_way_at_a_time_while_the_receiver_hangs_and_telling_waits_for_none() {
    let receiver = Receiver::start(|_, _| None);
    let bench = Bench::start(receiver.port);
    for no in 0..2000 {
        bench.tell(&format!("room{no}"), Kind::Joined, "ann");
    }
    // All that was told is kept although nothing was answered.
    bench.until_waiting(2000);
    let came = receiver.until(8);
    assert!(came.len() == 8 && came.iter().all(|came| !came.answered), "{}", came.len());
}

#[test]
fn hook6_what_fails_is_sent_again_under_the_same_id_until_it_is_taken() {
    let receiver = Receiver::start(|no, _| if no < 2 { answer(500, "") } else { answer(200, "") });
    let bench = Bench::start(receiver.port);
    bench.tell("r", Kind::Created, "ann");
    let came = receiver.until(3);
    let ids: HashSet<_> = came.iter().map(|came| came.header("webhook-id")).collect();
    assert_eq!(ids.len(), 1);
    assert!(came.iter().all(|one| one.raw == came[0].raw));
    bench.until_waiting(0);
    assert_eq!(receiver.came().len(), 3);
}

#[test]
fn hook6_no_redirect_is_followed() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let location = format!("location: http://{}/\r\n", other.local_addr().unwrap());
    let receiver = Receiver::start(move |no, _| if no == 0 { answer(302, &location) } else { answer(200, "") });
    let bench = Bench::start(receiver.port);
    bench.tell("r", Kind::Created, "ann");
    receiver.until(2);
    bench.until_waiting(0);
    other.set_nonblocking(true).unwrap();
    assert!(other.accept().is_err(), "nobody came there");
}

#[test]
fn hook6_one_that_fails_holds_up_no_later_one_and_a_long_retry_after_is_kept() {
    let busy = |came: &Came| if came.user() == "ann" { answer(503, "retry-after: 3000\r\n") } else { answer(200, "") };
    let receiver = Receiver::start(move |_, came| busy(came));
    let bench = Bench::start(receiver.port);
    bench.tell("r", Kind::Joined, "ann");
    receiver.until(1);
    bench.tell("r", Kind::Joined, "bob");
    receiver.until(2);
    bench.until_waiting(1);
    let directory = bench.stop();
    let database = rusqlite::Connection::open(directory.path().join("kanvas.db")).unwrap();
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (wait, failures): (i64, i64) = database.query_row("SELECT due - made, failures FROM notices", [], row).unwrap();
    assert!((3_000_000..3_030_000).contains(&wait) && failures == 1, "{wait} {failures}");
}

#[test]
fn hook7_after_410_nothing_more_is_sent_or_kept_until_the_next_start() {
    let receiver = Receiver::start(|no, _| if no == 0 { answer(410, "") } else { answer(200, "") });
    let bench = Bench::start(receiver.port);
    bench.tell("r", Kind::Joined, "ann");
    bench.tell("r", Kind::Joined, "bob");
    receiver.until(1);
    bench.until_waiting(0);
    bench.tell("r", Kind::Joined, "cid");
    let bench = bench.restart(receiver.port);
    bench.tell("r", Kind::Joined, "dan");
    receiver.until(2);
    assert_eq!(receiver.users(), ["ann", "dan"]);
}

#[test]
fn hook9_what_was_told_before_a_stop_is_delivered_by_the_next_start_though_the_receiver_hung() {
    let receiver = Receiver::start(|_, _| None);
    let bench = Bench::start(receiver.port);
    bench.tell("a", Kind::Created, "ann");
    let first = receiver.until(1)[0].header("webhook-id").to_owned();
    bench.tell("b", Kind::Created, "bob");
    // It ends although an attempt hangs, and what was told just before is kept.
    let directory = bench.stop();
    let kept = ids(&directory);
    assert!(kept.len() == 2 && kept.contains(&first), "{kept:?}");
    let better = Receiver::start(|_, _| Some(OK.into()));
    let bench = Bench::at(directory, better.port);
    let came = better.until(2);
    let again: HashSet<_> = came.iter().map(|came| came.header("webhook-id").to_owned()).collect();
    assert_eq!(again, kept);
    bench.until_waiting(0);
}

#[test]
fn hook4_what_finds_no_place_is_counted_and_nobody_waits() {
    let (queue, told) = bounded(2);
    let (stop, _stopped) = bounded(1);
    let lost = Arc::new(AtomicUsize::new(0));
    let hooks = Webhooks { events: Events::default(), clock: Clock::start(), queue, stop, lost: lost.clone() };
    let room = RoomId::new("r").unwrap();
    for _ in 0..5 {
        hooks.tell(&room, &Notice::Emptied);
    }
    assert_eq!((told.len(), lost.load(Ordering::Relaxed)), (2, 3));
}

#[test]
fn hook3_what_is_not_wanted_is_not_told() {
    let receiver = Receiver::start(|_, _| Some(OK.into()));
    let mut bench = Bench::start(receiver.port);
    bench.hooks.events = Events::parse("member.left").unwrap();
    bench.tell("r", Kind::Joined, "ann");
    bench.tell("r", Kind::Left, "bob");
    receiver.until(1);
    bench.until_waiting(0);
    assert_eq!(receiver.users(), ["bob"]);
}
