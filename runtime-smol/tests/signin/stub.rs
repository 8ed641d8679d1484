//! A stand-in for the address that keys are fetched from. It counts who asks.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use kanvas_core::auth::SigningKey;

/// What it does with a request.
#[derive(Clone)]
pub(crate) enum Does {
    /// Answers with these bytes.
    Says(String),
    /// Ends the connection without a word.
    HangsUp,
    /// Keeps the connection, and says nothing.
    Stalls,
}

/// See the module.
pub(crate) struct Stub {
    pub(crate) url: String,
    told: Arc<Mutex<Told>>,
}

struct Told {
    does: Does,
    asked: usize,
    held: Vec<TcpStream>,
}

/// An answer with these keys.
pub(crate) fn jwks(keys: &[&SigningKey]) -> Does {
    let keys: Vec<_> = keys.iter().map(|key| key.to_jwk()).collect();
    says("200 OK", &format!(r#"{{"keys":[{}]}}"#, keys.join(",")))
}

/// An answer of this status.
pub(crate) fn says(status: &str, body: &str) -> Does {
    let length = body.len();
    let lines = "Content-Type: application/json\r\nConnection: close\r\n";
    Does::Says(format!("HTTP/1.1 {status}\r\n{lines}Content-Length: {length}\r\n\r\n{body}"))
}

impl Stub {
    pub(crate) fn start(does: Does) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/.well-known/jwks.json", listener.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Told { does, asked: 0, held: Vec::new() }));
        let heard = told.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                hear(&heard, stream.unwrap());
            }
        });
        Stub { url, told }
    }

    pub(crate) fn now_does(&self, does: Does) {
        self.told.lock().unwrap().does = does;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.told.lock().unwrap().asked
    }

    /// Waits until it was asked so often.
    pub(crate) fn is_asked(&self, times: usize) {
        let end = Instant::now() + Duration::from_secs(10);
        while self.asked() < times {
            assert!(Instant::now() < end, "it was asked {} times", self.asked());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn hear(told: &Mutex<Told>, mut stream: TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        head.extend(byte);
    }
    assert!(head.starts_with(b"GET /.well-known/jwks.json HTTP/1.1\r\n"), "{:?}", String::from_utf8_lossy(&head));
    let mut told = told.lock().unwrap();
    told.asked += 1;
    match told.does.clone() {
        // Who asked may have heard enough.
        Does::Says(answer) => drop(stream.write_all(answer.as_bytes())),
        Does::HangsUp => {}
        Does::Stalls => told.held.push(stream),
    }
}

/// A place where nobody may connect.
pub(crate) struct Trap {
    listener: TcpListener,
    pub(crate) url: String,
}

impl Trap {
    pub(crate) fn set() -> Trap {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        Trap { listener, url }
    }

    /// Nobody has connected.
    pub(crate) fn is_untouched(&self) {
        let came = self.listener.accept().map(|(_, address)| address).map_err(|error| error.kind());
        assert_eq!(came, Err(ErrorKind::WouldBlock));
    }
}
