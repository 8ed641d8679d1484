//! `--chaos`, against the built server.

mod common;

use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{Server, refusal};

const PATIENCE: Duration = Duration::from_secs(30);

fn bad_day(faults: &str) -> Server {
    Server::start(&["--chaos", faults])
}

fn add(no: usize) -> String {
    let image = r#"{"src":"https://example.com/a.png","x":1,"y":2,"width":30,"height":40,"id":"#;
    format!(r#"{{"type":"image:add","data":{image}"image-{no}"}},"id":"o{no}"}}"#)
}

/// Waits until this is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let late = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < late, "{what}");
        sleep(Duration::from_millis(10));
    }
}

/// The server that this process started.
fn child_of(server: &Server) -> String {
    let pid = server.child.id();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let child = children.trim().to_owned();
    assert!(child.parse::<u32>().is_ok(), "one child: {children}");
    child
}

fn is_there(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

#[test]
fn chaos1_what_is_no_fault_is_refused_and_so_is_a_bad_day_for_others() {
    for wrong in [
        "",
        "x",
        "cut",
        "cut=5",
        "cut=101%",
        "cut=-1%",
        "cut=1%,cut=2%",
        "latency=6s",
        "latency=80",
        "crash=2",
        "crash=61/min",
        "seed=-1",
        "storage=5ms",
    ] {
        let said = refusal(&["serve", "--chaos", wrong]);
        assert!(
            said.starts_with("kanvas: --chaos") && said.contains("faults with commas between, of latency="),
            "{wrong}: {said}"
        );
    }
    let keys =
        ["--clerk-publishable-key", "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k", "--public-url", "https://kanvas.example.com"];
    let said = refusal(&[&["serve", "--chaos", "cut=5%"], &keys[..]].concat());
    assert_eq!(said, "kanvas: --chaos is for development, and --auth is required; leave one of them out.\n");
}

#[test]
fn chaos2_everything_arrives_late_and_in_order() {
    let server = bad_day("latency=40ms,jitter=60ms");
    let asked = Instant::now();
    assert_eq!(server.get("/healthz", "").status, 200);
    assert!(asked.elapsed() >= Duration::from_millis(80), "there and back: {:?}", asked.elapsed());
    let (mut ann, mut bob) = (server.joined("plan", "ann"), server.joined("plan", "bob"));
    for no in 0..100 {
        ann.send(&add(no));
    }
    for no in 0..100 {
        let told = bob.until("image:add");
        assert!(told.contains(&format!("\"image-{no}\"")), "{no}: {told}");
    }
    // More than is on its way at once goes through, too.
    let page = server.get("/lab/", "");
    assert_eq!(page.status, 200);
}

#[test]
fn chaos3_connections_break_and_clients_stall_as_told_and_each_time_is_logged() {
    let server = bad_day("cut=100%");
    let mut ann = server.socket("/parties/main/plan?_pk=ann");
    let began = Instant::now();
    while ann.receive().is_some() {}
    assert!(began.elapsed() < PATIENCE);
    until("it is logged", || server.log().contains("chaos: the connection breaks connection=1"));
    let server = bad_day("stall=100%");
    let mut ann = server.joined("plan", "ann");
    until("it is logged", || server.log().contains("chaos: the client stops reading connection=1"));
    ann.send(&add(1));
    ann.until("o1");
}

#[test]
fn chaos3_the_seed_is_said_and_can_be_given_again() {
    use std::io::{BufRead as _, BufReader};
    let said = |faults: &str| {
        let directory = tempfile::tempdir().unwrap();
        let mut child = common::kanvas()
            .args(["serve", "--listen", "127.0.0.1:0", "--chaos", faults, "--data"])
            .arg(directory.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.find(|line| line.starts_with("A bad day: ")).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        line.trim_start_matches("A bad day: ").to_owned()
    };
    let first = said("latency=80ms,cut=0.5%,crash=2/min");
    let seed = first.strip_prefix("latency=80ms,cut=0.5%,crash=120/h,seed=").unwrap();
    assert!(seed.parse::<u64>().unwrap() < 1 << 53);
    assert_eq!(said(&first), first);
}

#[test]
fn chaos4_the_server_crashes_and_comes_back_with_all_that_it_acknowledged() {
    let server = bad_day("crash=60/min,seed=1");
    let (mut no, mut crashes, mut refused) = (0, 0, false);
    let late = Instant::now() + PATIENCE;
    while crashes < 2 || !refused {
        assert!(Instant::now() < late, "{crashes} crashes, refused: {refused}\n{}", server.log());
        match TcpStream::connect(("127.0.0.1", server.port)) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                refused = true;
            }
            Ok(stream) => {
                drop(stream);
                let acked = std::panic::catch_unwind(|| {
                    let mut ann = server.joined("plan", "ann");
                    ann.send(&add(no));
                    ann.until(&format!("\"o{no}\""));
                });
                no += usize::from(acked.is_ok());
            }
        }
        crashes = server.log().matches("chaos: the server is killed").count();
        sleep(Duration::from_millis(20));
    }
    assert!(no > 0);
    until("it comes back", || TcpStream::connect(("127.0.0.1", server.port)).is_ok());
    let images = std::iter::repeat_with(|| {
        std::panic::catch_unwind(|| {
            let mut bob = server.socket("/parties/main/plan?_pk=bob");
            bob.send(r#"{"type":"user:join","data":{"name":"bob"}}"#);
            bob.until("state:sync")
        })
    });
    let images = images.take(100).find_map(Result::ok).unwrap();
    for no in 0..no {
        assert!(images.contains(&format!("\"image-{no}\"")), "image-{no} was acknowledged");
    }
}

#[test]
fn chaos5_a_signal_ends_both_in_good_order_and_no_death_leaves_the_server_behind() {
    let mut server = bad_day("latency=10ms");
    let child = child_of(&server);
    let mut ann = server.joined("plan", "ann");
    server.signal("TERM");
    assert_eq!(ann.closed().0, 1012, "it is told to come back");
    assert_eq!(server.wait(Duration::from_secs(20)), Some(0));
    assert!(!is_there(&child));
    let mut server = bad_day("latency=10ms");
    let child = child_of(&server);
    server.signal("KILL");
    server.wait(Duration::from_secs(5));
    until("the server ends with it", || !is_there(&child));
    // A server that ends by itself is the end of it all.
    let mut server = bad_day("latency=10ms");
    let child = child_of(&server);
    assert!(std::process::Command::new("kill").arg(&child).status().unwrap().success());
    assert_eq!(server.wait(Duration::from_secs(20)), Some(0));
}
