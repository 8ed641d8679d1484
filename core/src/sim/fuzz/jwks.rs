//! A key ring and its host, steered by the fuzzer's bytes, against what the rules say that it may do.

extern crate std;

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::sync::LazyLock;

use super::bytes::Bytes;
use super::keys::{ISSUER, NOW, key_a, key_b};
use crate::auth::{Checks, FetchId, KeyInput, KeyOp, KeyRing, Keys, Refusal, Ticket};
use crate::time::{Span, Time};

/// How many days the targets play at most, and so how many tokens of a kind there are.
const DAYS: u64 = 3;

/// Tokens of each day: by key A, by key B, by a key under a strange name, and by B under A's name. Each lives a day.
static TOKENS: LazyLock<Vec<[String; 4]>> = LazyLock::new(|| {
    let token = |day: u64, key: &crate::auth::SigningKey, kid: &str| {
        let from = NOW + day * 86_400;
        let claims = format!(r#"{{"sub":"user_{kid}","iss":"{ISSUER}","iat":{from},"exp":{}}}"#, from + 86_400);
        key.sign(&format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#), &claims)
    };
    let of_day = |day| {
        [
            token(day, key_a(), "key-a"),
            token(day, key_b(), "key-b"),
            token(day, key_b(), "key-z"),
            token(day, key_b(), "key-a"),
        ]
    };
    (0..DAYS).map(of_day).collect()
});

const KIDS: [&str; 4] = ["key-a", "key-b", "key-z", "key-a"];

struct Driver {
    ring: KeyRing,
    now: Time,
    under_way: Option<FetchId>,
    asked: Option<Time>,
    /// The names of the last keys that the ring was given, and when it had asked for them.
    given: Option<(Vec<String>, Time)>,
    /// Whether those keys bear their own names.
    plain: bool,
    /// Tokens without an answer yet: which kind, and since when.
    waiting: BTreeMap<u64, (usize, Time)>,
    next: u64,
}

impl Driver {
    fn new() -> Driver {
        let now = Time::from_millis(NOW * 1000);
        let checks = Checks { issuer: Some(ISSUER.to_owned()), ..Checks::default() };
        let mut out = Vec::new();
        let ring = KeyRing::fetched(checks, now, &mut out);
        let mut driver = Driver {
            ring,
            now,
            under_way: None,
            asked: None,
            given: None,
            plain: true,
            waiting: BTreeMap::new(),
            next: 1,
        };
        assert_eq!(out.len(), 1, "AUTH19: the keys are asked for first");
        driver.take(out);
        driver
    }

    /// Whether this key counts now, as far as the host knows.
    fn knows(&self, kid: &str) -> bool {
        let fresh = |asked: Time| self.now < asked + Span::from_secs(86_400);
        self.given.as_ref().is_some_and(|(kids, asked)| fresh(*asked) && kids.iter().any(|known| known == kid))
    }

    fn take(&mut self, out: Vec<KeyOp>) {
        for op in out {
            match op {
                KeyOp::Fetch { fetch } => {
                    let early = self.asked.is_some_and(|asked| self.now < asked + Span::from_secs(30));
                    assert!(!early, "AUTH21: two fetches within 30 s");
                    self.asked = Some(self.now);
                    self.under_way = Some(fetch);
                }
                KeyOp::Answer { ticket, result } => {
                    let (kind, since) = self.waiting.remove(&ticket.0).expect("AUTH22: a token is answered once");
                    assert!(self.now <= since + Span::from_secs(5), "AUTH22: it waited too long");
                    match (result, kind) {
                        (Ok(session), _) => {
                            assert!(self.knows(KIDS[kind]), "AUTH23: by a key that does not count");
                            assert!(kind < 2 || !self.plain, "AUTH15: a forged token was taken");
                            assert_eq!(session.user, format!("user_{}", KIDS[kind]), "AUTH1");
                        }
                        (Err(Refusal::BadSignature), _) => {
                            assert!(self.knows(KIDS[kind]), "AUTH15: by a key that does not count");
                            assert!(kind >= 2 || !self.plain, "AUTH15: a good token was refused");
                        }
                        (Err(Refusal::UnknownKey), _) => {
                            assert!(!self.knows(KIDS[kind]) && self.given.is_some(), "AUTH22: it is known");
                        }
                        (Err(Refusal::Unavailable), _) => assert!(!self.knows(KIDS[kind]), "AUTH20: it is known"),
                        (Err(Refusal::Expired), _) => {}
                        (Err(refusal), kind) => panic!("AUTH22: {refusal:?} of token {kind}"),
                    }
                }
            }
        }
    }

    fn input(&mut self, input: KeyInput<'_>) {
        let mut out = Vec::new();
        self.ring.handle(self.now, input, &mut out);
        assert_eq!(self.ring.check(), Ok(()));
        self.take(out);
        assert!(self.waiting.len() <= 256, "AUTH22: too many wait");
        let ready = ["key-a", "key-b"].iter().any(|kid| self.knows(kid));
        assert!(!ready || self.ring.is_ready(), "AUTH19: it has keys");
        assert!(self.ring.is_ready() == (self.ring.keys().count() > 0), "AUTH19");
    }

    fn ask(&mut self, kind: usize) {
        let day = (self.now.as_millis() / 1000).saturating_sub(NOW) / 86_400;
        let Some(token) = usize::try_from(day).ok().and_then(|day| TOKENS.get(day)).map(|kinds| &kinds[kind]) else {
            return;
        };
        let known = self.knows(KIDS[kind]);
        let ticket = self.next;
        self.next += 1;
        self.waiting.insert(ticket, (kind, self.now));
        self.input(KeyInput::Check { ticket: Ticket(ticket), token: token.as_bytes() });
        assert!(!known || !self.waiting.contains_key(&ticket), "AUTH20: a known key never waits");
    }

    fn bring(&mut self, jwks: &[u8], plain: bool) {
        let Some(fetch) = self.under_way.take() else { return };
        // Whether a document is a JWKS is asked of the reader itself; what it then means is not.
        let current = self.asked.is_some_and(|asked| self.now < asked + Span::from_secs(5));
        match Keys::from_jwks(jwks) {
            Ok(jwks) if current => {
                assert!((1..=16).contains(&jwks.keys.count()), "AUTH18");
                self.plain = plain;
                self.given = self.asked.map(|asked| (jwks.keys.kids().map(str::to_owned).collect(), asked));
            }
            Ok(_) | Err(_) => {}
        }
        self.input(KeyInput::Fetched { fetch, jwks });
    }

    /// Lets time pass, with a tick at each deadline.
    fn pass(&mut self, millis: u64) {
        let end = self.now + Span::from_millis(millis);
        while let Some(at) = self.ring.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.input(KeyInput::Tick);
            assert!(self.ring.deadline().is_some_and(|next| next > self.now), "a deadline that is due stays due");
            let overdue = self.waiting.values().any(|(_, since)| self.now >= *since + Span::from_secs(5));
            assert!(!overdue, "AUTH22: it waits too long");
        }
        self.now = end;
    }
}

/// A JWKS with some of the good keys, and whether it has nothing else; or with anything in it.
fn document(bytes: &mut Bytes<'_>) -> (Vec<u8>, bool) {
    let choice = bytes.byte();
    let mut keys = Vec::new();
    for (bit, key) in [(1, key_a()), (2, key_b()), (4, key_a())] {
        if choice & bit != 0 {
            keys.push(key.to_jwk());
        }
    }
    if choice & 8 != 0 {
        let (from, to) = *bytes.pick(&[
            (r#""RS256""#, r#""RS384""#),
            (r#""sig""#, r#""enc""#),
            ("AQAB", "Aw"),
            (r#""RSA""#, r#""EC""#),
            (r#""key-a""#, r#""key-b""#),
            (r#""kid":"#, r#""d":"AQ","kid":"#),
        ]);
        if let Some(key) = keys.first_mut() {
            *key = key.replace(from, to);
        }
    }
    if choice & 16 != 0 {
        let len = usize::from(bytes.byte());
        keys.push(String::from_utf8_lossy(bytes.take(len)).into_owned());
    }
    let mut text = format!(r#"{{"keys":[{}]}}"#, keys.join(",")).into_bytes();
    if choice & 32 != 0 {
        let at = usize::try_from(bytes.short()).unwrap_or_default() % text.len();
        text[at] = bytes.byte();
    }
    if choice & 64 != 0 {
        text = bytes.rest().to_vec();
    }
    (text, choice & 0x78 == 0)
}

/// A key ring asks seldom, answers everyone once and in time, and goes by the keys that it was given.
pub fn jwks(bytes: &[u8]) {
    let bytes = &mut Bytes::new(bytes);
    let mut driver = Driver::new();
    for _ in 0..200 {
        if bytes.is_empty() {
            break;
        }
        match bytes.byte() % 8 {
            0 | 1 => driver.ask(usize::from(bytes.byte() % 4)),
            2 => {
                let (document, plain) = document(bytes);
                driver.bring(&document, plain);
            }
            3 => {
                if let Some(fetch) = driver.under_way.take() {
                    driver.input(KeyInput::FetchFailed { fetch });
                }
            }
            4 => driver.pass(bytes.short()),
            5 => driver.pass(bytes.short() * 1000),
            6 => driver.input(KeyInput::Tick),
            _ => {
                let fetch = FetchId(u64::from(bytes.byte()));
                if driver.under_way != Some(fetch) {
                    driver.input(KeyInput::Fetched { fetch, jwks: b"{}" });
                }
            }
        }
    }
    driver.pass(5_000);
    assert!(driver.waiting.is_empty(), "AUTH22: someone was never answered");
}
