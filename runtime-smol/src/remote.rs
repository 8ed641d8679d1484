//! A running server as commands see it: its `/api`, by its secret. What is asked is the commands' own.

use std::fmt;
use std::time::Duration;

use kanvas_core::RoomId;
use serde::Deserialize;
use ureq::http::{Method, Request};
use url::Url;

use crate::words::unanswered;

/// A whole answer of the server, its work on a long file included.
const ANSWER: Duration = Duration::from_secs(120);
/// More than any file of a server has.
const MOST_BYTES: u64 = 256 << 20;
/// What is read of a refusal.
const PROBLEM_BYTES: u64 = 4096;

/// The way to a server.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    agent: ureq::Agent,
    /// Its address without a path.
    server: String,
    bearer: String,
    /// By which it was named.
    flag: &'static str,
}

/// Why there is no good answer, for a sentence without its end.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The server said no, by this status and code.
    Refused { status: u16, code: String, words: String },
    /// Whether it heard is not known.
    Unanswered(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused { words, .. } | Failure::Unanswered(words) => f.write_str(words),
        }
    }
}

impl From<Failure> for String {
    fn from(why: Failure) -> String {
        why.to_string()
    }
}

#[derive(Deserialize)]
struct Problem {
    error: String,
    message: String,
}

/// The address of a server, for a command line.
pub(crate) fn server(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    url.ok_or("an address such as https://kanvas.example.com is expected")
}

/// The id of a room, for a command line.
pub(crate) fn room(text: &str) -> Result<RoomId, &'static str> {
    RoomId::new(text).ok_or("a room's id is 1 to 64 letters, digits, hyphens and underscores")
}

impl Remote {
    pub(crate) fn new(server: &Url, secret: &str, flag: &'static str) -> Remote {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("kanvas/", env!("CARGO_PKG_VERSION")))
            .build();
        let server = server.origin().ascii_serialization();
        Remote { agent: ureq::Agent::new_with_config(config), server, bearer: format!("Bearer {secret}"), flag }
    }

    /// Its address.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Asks without a body; the body of the answer.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Result<Vec<u8>, Failure> {
        let request = self.request(method, path).body(());
        self.heard(request.map_err(ureq::Error::from).and_then(|request| self.agent.run(request)))
    }

    /// Asks with a body of that type.
    pub(crate) fn send(&self, method: Method, path: &str, kind: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let request = self.request(method, path).header("content-type", kind).body(body);
        self.heard(request.map_err(ureq::Error::from).and_then(|request| self.agent.run(request)))
    }

    fn request(&self, method: Method, path: &str) -> ureq::http::request::Builder {
        Request::builder().method(method).uri(format!("{}{path}", self.server)).header("authorization", &self.bearer)
    }

    /// The answer, if it is a good one, or what the server says is wrong.
    fn heard(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Vec<u8>, Failure> {
        let mut answer = answer.map_err(|error| self.unreached(&error))?;
        let status = answer.status();
        let body = answer.body_mut().with_config();
        if status.is_success() {
            return body.limit(MOST_BYTES).read_to_vec().map_err(|error| self.unreached(&error));
        }
        let body = body.limit(PROBLEM_BYTES).read_to_vec().unwrap_or_default();
        let (status, server, flag) = (status.as_u16(), &self.server, self.flag);
        let (code, words) = match serde_json::from_slice::<Problem>(&body) {
            Ok(Problem { error, message }) => (error, format!("{server} says: {}", message.trim_end_matches('.'))),
            Err(_) => {
                (String::new(), format!("{server} answers {status} and is no Kanvas server, it seems; check {flag}"))
            }
        };
        Err(Failure::Refused { status, code, words })
    }

    fn unreached(&self, error: &ureq::Error) -> Failure {
        let why = unanswered(error, ANSWER);
        Failure::Unanswered(format!("{} cannot be reached ({why}); check {}", self.server, self.flag))
    }
}
