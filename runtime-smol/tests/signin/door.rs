//! A server outside development mode, and the tokens for it. Its log says all that it can, and when it ends no token
//! that it was shown stands there.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kanvas_core::auth::SigningKey;
use serde_json::{Value, json};

use crate::common::{Answer, Server, Socket, kanvas};

pub(crate) const ISSUER: &str = "https://clerk.example.com";
/// The publishable key of that instance.
pub(crate) const INSTANCE: (&str, &str) = ("CLERK_PUBLISHABLE_KEY", "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k");
/// The header line of a page that may ask.
pub(crate) const PAGE: &str = "Origin: https://app.example.com\r\n";

pub(crate) static KEY_A: LazyLock<SigningKey> =
    LazyLock::new(|| key(include_str!("../../../core/tests/keys/test-only-a.pem"), "key-a"));
pub(crate) static KEY_B: LazyLock<SigningKey> =
    LazyLock::new(|| key(include_str!("../../../core/tests/keys/test-only-b.pem"), "key-b"));

fn key(pem: &str, kid: &str) -> SigningKey {
    SigningKey::from_pem(pem, kid).unwrap()
}

/// This second.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn header() -> Value {
    json!({"alg": "RS256", "kid": "key-a", "typ": "JWT"})
}

/// What Clerk says of a person who is signed in.
pub(crate) fn claims(user: &str) -> Value {
    let now = now();
    json!({
        "aud": "kanvas", "azp": "https://app.example.com", "exp": now + 60, "iat": now, "iss": ISSUER, "jti": "3e95b0",
        "nbf": now - 10, "sid": "sess_2qK", "sts": "active", "sub": user, "v": 2,
    })
}

/// The same object with these members set; `null` takes one away.
pub(crate) fn with(mut object: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        let all = object.as_object_mut().unwrap();
        let _ = if value.is_null() { all.remove(name) } else { all.insert(name.clone(), value.clone()) };
    }
    object
}

pub(crate) fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    key.sign(&header.to_string(), &claims.to_string())
}

/// A good token of this person.
pub(crate) fn good(user: &str) -> String {
    signed(&KEY_A, &header(), &claims(user))
}

/// A good token of this person, which ends in so many seconds.
pub(crate) fn ending(user: &str, seconds: u64) -> String {
    signed(&KEY_A, &header(), &with(claims(user), &json!({"exp": now() + seconds})))
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    Text,
    Json,
}

/// See the module.
pub(crate) struct Door {
    pub(crate) server: Server,
    shown: Mutex<Vec<String>>,
}

impl Door {
    /// With these variables of the environment and these arguments.
    pub(crate) fn start(log: Log, variables: &[(&str, &str)], args: &[&str]) -> Door {
        let directory = tempfile::tempdir().unwrap();
        let mut command = kanvas();
        command.envs(variables.iter().copied()).env("KANVAS_LOG", "trace");
        let usual = ["--allowed-origins", "https://app.example.com", "--threads", "2"];
        let args = [usual.as_slice(), args].concat();
        let (child, port) = match log {
            Log::Text => Server::spawn_by(command, directory.path(), &args),
            Log::Json => {
                let file = File::create(directory.path().join("log")).unwrap();
                command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--data"]);
                command.arg(directory.path().join("data")).args(&args).stdout(Stdio::null()).stderr(file);
                let mut child = command.spawn().unwrap();
                let port = told_port(&mut child, directory.path());
                (child, port)
            }
        };
        Door { server: Server { child, directory, port }, shown: Mutex::default() }
    }

    /// With the key given: no network.
    pub(crate) fn pinned(log: Log, args: &[&str]) -> Door {
        let pem = KEY_A.to_public_pem().unwrap();
        Door::start(log, &[INSTANCE, ("CLERK_JWT_KEY", &pem), ("CLERK_AUDIENCE", "kanvas")], args)
    }

    /// With the keys that are had from there.
    pub(crate) fn fetching(log: Log, address: &str, args: &[&str]) -> Door {
        Door::start(log, &[INSTANCE, ("CLERK_JWKS_URL", address)], args)
    }

    /// Remembers that the server gets to see a token.
    pub(crate) fn show(&self, token: &str) {
        self.shown.lock().unwrap().push(token.to_owned());
    }

    /// The address of a room with a token in it.
    pub(crate) fn address(&self, room: &str, token: &str) -> String {
        self.show(token);
        let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
        format!("/party/{room}?token={token}")
    }

    /// The header line that has a token.
    pub(crate) fn bearer(&self, token: &str) -> String {
        self.show(token);
        format!("Authorization: Bearer {token}\r\n")
    }

    /// The header line that has a token in a cookie, among others.
    pub(crate) fn cookie(&self, token: &str) -> String {
        self.show(token);
        format!("Cookie: a=b; __session={token}; __session_x=y\r\n")
    }

    /// Somebody who has joined a room, and what they were told of it.
    pub(crate) fn enter(&self, room: &str, token: &str) -> (Socket, Value) {
        self.join(&self.address(room, token), "")
    }

    pub(crate) fn join(&self, address: &str, lines: &str) -> (Socket, Value) {
        let (answer, mut socket) = self.server.try_socket(address, lines);
        assert_eq!(answer.status, 101, "{answer:?}");
        socket.send(r#"{"type":"user:join","data":{}}"#);
        let joined = socket.until(r#""type":"room:joined""#);
        socket.until(r#""type":"user:list""#);
        let joined: Value = serde_json::from_str(&joined).unwrap();
        (socket, joined["data"].clone())
    }

    /// With what a socket is closed that is accepted to say so. The event before the close frame has the same reason.
    pub(crate) fn closed(&self, address: &str, lines: &str) -> (u16, String) {
        let (answer, mut socket) = self.server.try_socket(address, lines);
        assert_eq!(answer.status, 101, "{answer:?}");
        let (code, reason, texts) = socket.closed();
        assert_eq!(texts.len(), 1, "{texts:?}");
        let event: Value = serde_json::from_str(&texts[0]).unwrap();
        assert_eq!((&event["type"], &event["data"]["code"]), (&json!("error"), &json!(reason)), "{event}");
        (code, reason)
    }

    /// The answer to a request for what may be told of a room: its status, and the code in its JSON.
    pub(crate) fn asked(&self, address: &str, lines: &str) -> (u16, String) {
        read(&self.server.get(address, lines))
    }
}

/// The status of an answer, and the code of the error in its JSON.
pub(crate) fn read(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    (answer.status, body["error"].as_str().unwrap_or_default().to_owned())
}

/// Where a server says in its log that it serves.
fn told_port(child: &mut Child, directory: &Path) -> u16 {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        let log = fs::read_to_string(directory.join("log")).unwrap();
        let address = log.split_once(r#""address":"127.0.0.1:"#).and_then(|(_, rest)| rest.split('"').next());
        if let Some(port) = address.and_then(|port| port.parse().ok()) {
            return port;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended: {log}");
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it says no address");
}

impl Drop for Door {
    /// RUN15.
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        self.server.signal("TERM");
        self.server.wait(Duration::from_secs(10));
        let log = self.server.log();
        assert!(log.contains("stopped"), "{log}");
        for token in self.shown.lock().unwrap().iter() {
            let parts = token.split('.').chain([token.as_str()]);
            // A shorter one could stand there by chance.
            for part in parts.filter(|part| part.len() >= 6) {
                assert!(!log.contains(part), "{part} of {token} is in the log: {log}");
            }
        }
    }
}
