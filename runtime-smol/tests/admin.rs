//! The address for operators (ADMIN), in raw bytes over the built server.

mod common;

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use common::{Answer, Server, kanvas, refusal};

const SECRET: &str = "sixteen-bytes-ok";
const SIGNED: &[&str] = &[
    "--auth",
    "required",
    "--clerk-publishable-key",
    "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k",
    "--allowed-origins",
    "https://app.example.com",
];

/// A server with a second address.
struct Site {
    server: Server,
    operators: u16,
}

impl Site {
    fn start(arguments: &[&str]) -> Site {
        let kept = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let operators = kept.local_addr().expect("an address").port();
        drop(kept);
        let address = format!("127.0.0.1:{operators}");
        let server = Server::start(&[&["--admin-listen", &address], arguments].concat());
        Site { server, operators }
    }

    /// A request at that address, under this name.
    fn ask_as(&self, host: &str, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.operators)).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
        let length = if method == "GET" { "" } else { "Content-Length: 0\r\n" };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}{length}Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("it takes what is sent");
        Answer::read(&mut stream)
    }

    fn get(&self, path: &str) -> Answer {
        self.ask_as("localhost", "GET", path, "")
    }
}

#[test]
fn admin1_operators_need_no_secret_there_and_no_rooms_are_there() {
    for arguments in [&["--admin-secret", SECRET][..], &[], SIGNED] {
        let site = Site::start(arguments);
        for path in ["/metrics", "/dashboard", "/dashboard/data", "/api/rooms", "/healthz", "/dashboard/app.js"] {
            let answer = site.get(path);
            assert_eq!(answer.status, 200, "{path} with {arguments:?}: {answer:?}");
        }
        let made = site.ask_as("localhost", "PUT", "/api/rooms/plans", "Content-Type: application/json\r\n");
        assert!(made.status != 401 && made.status != 403, "{made:?}");
        let home = site.get("/");
        assert_eq!((home.status, home.header("location")), (308, Some("/dashboard")));
        for path in ["/parties/main/plans", "/parties/registry/public", "/party/plans", "/assets/x", "/nowhere"] {
            assert!([404, 405].contains(&site.get(path).status), "{path}: {:?}", site.get(path));
        }
        let socket = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        assert_eq!(site.ask_as("localhost", "GET", "/parties/main/plans", socket).status, 404);
    }
}

#[test]
fn admin1_at_the_other_address_nothing_changes() {
    let site = Site::start(&["--admin-secret", SECRET]);
    for path in ["/metrics", "/dashboard/data", "/api/rooms"] {
        assert_eq!(site.server.get(path, "").status, 401, "{path}");
    }
    assert_eq!(site.server.get("/", "").status, 200);
    site.server.joined("plans", "ann");
}

#[test]
fn admin2_by_a_name_only_metrics_and_health_are_told() {
    let site = Site::start(SIGNED);
    for host in ["kanvas.internal", "evil.example.com:9099"] {
        for path in ["/metrics", "/healthz"] {
            assert_eq!(site.ask_as(host, "GET", path, "").status, 200, "{path} as {host}");
        }
        for path in ["/dashboard", "/dashboard/data", "/api/rooms"] {
            let answer = site.ask_as(host, "GET", path, "");
            assert!(answer.status == 421 && answer.body.contains("misdirected"), "{path} as {host}: {answer:?}");
        }
    }
    let elsewhere = "Origin: https://evil.example.com\r\n";
    for (method, path) in [("GET", "/api/rooms"), ("POST", "/api/rooms/plans/close"), ("GET", "/dashboard/data")] {
        let answer = site.ask_as("127.0.0.1", method, path, elsewhere);
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
    }
}

#[test]
fn admin3_it_answers_when_all_other_places_are_taken() {
    let site = Site::start(&["--max-connections", "2"]);
    let held: Vec<_> = (0..2).map(|_| site.server.joined("plans", "ann")).collect();
    assert_eq!(site.server.get("/healthz", "").status, 0, "no place is left");
    let answer = site.get("/metrics");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains("\nkanvas_connections 2\n"), "{}", answer.body);
    drop(held);
}

#[test]
fn admin4_an_address_that_cannot_be_keeps_it_from_starting() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().to_str().expect("a name");
    let said =
        |address: &str| refusal(&["serve", "--listen", "127.0.0.1:0", "--data", data, "--admin-listen", address]);
    assert!(said("0.0.0.0:0").contains("can be reached from other machines"), "{}", said("0.0.0.0:0"));
    assert!(said("9099").contains("an address and a port"), "{}", said("9099"));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    assert!(said(&address).contains("choose another port with --admin-listen"), "{}", said(&address));
    let both = refusal(&["serve", "--data", data, "--listen", "127.0.0.1:4999", "--admin-listen", "127.0.0.1:4999"]);
    assert!(both.contains("--admin-listen and --listen are both 127.0.0.1:4999"), "{both}");
}

#[test]
fn admin4_the_start_tells_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = kanvas();
    command.env("KANVAS_ADMIN_LISTEN", "127.0.0.1:0");
    let arguments = ["--log-format", "json"];
    let log = directory.path().join("log");
    let mut child = command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(directory.path().join("data"))
        .args(arguments)
        .stderr(std::fs::File::create(&log).expect("a file"))
        .spawn()
        .expect("it starts");
    let told = (0..500).find_map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        let told = std::fs::read_to_string(&log).expect("it is there");
        told.contains(r#""operators":"127.0.0.1:"#).then_some(told)
    });
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert!(told.is_some(), "{}", std::fs::read_to_string(&log).expect("it is there"));
}
