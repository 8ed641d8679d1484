//! What is said to a client whose first head cannot be read. hyper answers it by itself, with none of the headers that
//! every answer has (EDGE10), so its words are taken back and ours are said. A head behind a request that was heard is
//! hyper's to answer: nothing tells its words from the end of our own.

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use hyper::StatusCode;

/// What a connection and those who serve it know of its first head. It lives on one thread; the types are those that
/// hyper wants of a connection.
#[derive(Debug, Default)]
pub(crate) struct FirstHead {
    /// The client has sent something.
    began: AtomicBool,
    /// It was a head, and ours to answer.
    heard: AtomicBool,
    /// What hyper would say of it; 0 for nothing.
    status: AtomicU16,
}

impl FirstHead {
    pub(crate) fn begin(&self) {
        self.began.store(true, Ordering::Relaxed);
    }

    pub(crate) fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Takes hyper's words. `Some` with how many bytes they are; `None` if they are ours and must be written.
    pub(crate) fn take_back(&self, words: &[IoSlice<'_>]) -> Option<usize> {
        if self.is_heard() {
            return None;
        }
        let first = words.iter().find(|words| !words.is_empty());
        let status = first.and_then(|words| words.strip_prefix(b"HTTP/1.1 ")?.first_chunk::<3>());
        if let Some(status) = status.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok()) {
            self.status.store(status, Ordering::Relaxed);
        }
        Some(words.iter().map(|words| words.len()).sum())
    }

    /// What the client is to be told, now that nothing more of its head is read.
    pub(crate) fn verdict(&self, late: bool) -> Option<StatusCode> {
        if self.is_heard() || !self.began.load(Ordering::Relaxed) {
            return None;
        }
        match self.status.load(Ordering::Relaxed) {
            0 => late.then_some(StatusCode::REQUEST_TIMEOUT),
            status => StatusCode::from_u16(status).ok(),
        }
    }
}

/// The whole answer.
pub(crate) fn answer(status: StatusCode, policy: &str, insists_on_tls: bool) -> Vec<u8> {
    let (code, message) = match status {
        StatusCode::REQUEST_TIMEOUT => ("timeout", "The head of the request took too long."),
        StatusCode::URI_TOO_LONG => ("too_long", "The address is too long."),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => ("too_long", "The head of the request is too long."),
        _ => ("bad_request", "This is no request of HTTP/1.1."),
    };
    let body = format!(r#"{{"error":"{code}","message":"{message}"}}"#);
    let strict = if insists_on_tls { "strict-transport-security: max-age=31536000\r\n" } else { "" };
    let head = [
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json\r\n"),
        format!("content-length: {}\r\ncache-control: no-store\r\ncontent-security-policy: {policy}\r\n", body.len()),
        format!("x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\nvary: Origin\r\n{strict}\r\n"),
    ];
    [head.concat(), body].concat().into_bytes()
}
