//! Keys that do not come: those who are known sign in while the server waits for a key set that never arrives, and
//! while strangers ask for keys that nobody has.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kanvas_core::auth::{Mint, SigningKey};
use kanvas_core::{Span, Time};

use super::Times;
use super::common::Server;

/// Long enough for three fetches beyond the first: there is at most one in 30 s.
const RUN: Duration = Duration::from_secs(95);
/// Between two handshakes of one who tries.
const PAUSE: Duration = Duration::from_millis(10);
const KNOWN: usize = 4;
const STRANGERS: usize = 8;

/// Where the keys are: it answers the first who asks, and keeps everyone else waiting.
#[derive(Default)]
struct Stub {
    stalls: AtomicBool,
    stalled: AtomicU32,
}

impl Stub {
    fn serve(&self, listener: &TcpListener, jwks: &str) {
        let mut served = false;
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection can be taken");
            let mut scratch = [0; 4096];
            if served {
                self.stalled.fetch_add(1, Ordering::Relaxed);
                self.stalls.store(true, Ordering::Relaxed);
                // Until the server has had enough.
                while matches!(stream.read(&mut scratch), Ok(1..)) {}
                self.stalls.store(false, Ordering::Relaxed);
                continue;
            }
            served = stream.read(&mut scratch).is_ok_and(|count| count > 0);
            let length = jwks.len();
            drop(write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{jwks}"));
        }
    }
}

pub(super) fn measure() {
    let pem = |name: &str| {
        let path = format!("{}/../core/tests/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
        SigningKey::from_pem(&std::fs::read_to_string(path).expect("the key of the tests"), name).expect("a key")
    };
    let (ours, strange) = (pem("test-only-a"), pem("test-only-b"));
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("a port").port();
    let (stub, jwks) = (Arc::new(Stub::default()), format!(r#"{{"keys":[{}]}}"#, ours.to_jwk()));
    let serving = stub.clone();
    thread::spawn(move || serving.serve(&listener, &jwks));
    let url = format!("http://127.0.0.1:{port}/jwks");
    let mut args = vec!["--clerk-publishable-key", "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k", "--clerk-jwks-url", &url];
    args.extend([
        "--allowed-origins",
        "https://app.example.com",
        "--max-waiting",
        "1000",
        "--user-connections",
        "1000",
        "--grace",
        "0",
    ]);
    let server = Server::start_shipped(&args);
    while server.get("/readyz", "").status != 200 {
        thread::sleep(Duration::from_millis(10));
    }
    let [served, stalled] = run(&server, &stub, &ours, &strange);
    let (mut served, mut stalled) = (served, stalled);
    let fetches = stub.stalled.load(Ordering::Relaxed);
    println!("  {KNOWN} who are known sign in every {PAUSE:?}, {STRANGERS} strangers too; {fetches} fetches stalled");
    println!("{}", served.line("a handshake, nothing being fetched", None));
    println!("{}", stalled.line("a handshake, while a fetch stalls", Some(&mut served)));
}

/// Handshakes of those who are known: while nothing is fetched, and while a fetch stalls.
fn run(server: &Server, stub: &Stub, ours: &SigningKey, strange: &SigningKey) -> [Times; 2] {
    let times: Mutex<[Times; 2]> = Mutex::default();
    let end = Instant::now() + RUN;
    let (good, bad) = (address(ours), address(strange));
    thread::scope(|scope| {
        for _ in 0..STRANGERS {
            scope.spawn(|| {
                while Instant::now() < end {
                    let (_, socket) = server.try_socket(&bad, "");
                    socket.hang_up();
                    thread::sleep(PAUSE);
                }
            });
        }
        for _ in 0..KNOWN {
            scope.spawn(|| {
                while Instant::now() < end {
                    let (before, began) = (stub.stalls.load(Ordering::Relaxed), Instant::now());
                    let (answer, mut socket) = server.try_socket(&good, "");
                    let took = began.elapsed();
                    assert_eq!(answer.status, 101, "{answer:?}");
                    socket.send(r#"{"type":"user:join","data":{}}"#);
                    socket.until("room:joined");
                    socket.hang_up();
                    times.lock().expect("nobody panicked")[usize::from(before)].0.push(took);
                    thread::sleep(PAUSE);
                }
            });
        }
    });
    times.into_inner().expect("nobody panicked")
}

/// Where someone asks for a room, with a token of this key that outlives the run.
fn address(key: &SigningKey) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    let now = Time::from_millis(u64::try_from(since.as_millis()).expect("a date that fits"));
    let mint = Mint { issuer: "https://clerk.example.com", life: Span::from_secs(3600), ..Mint::default() };
    format!("/parties/main/known?token={}", key.mint(&mint, now))
}
