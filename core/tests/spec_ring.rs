//! The rules of the key ring (AUTH19 to AUTH24): when it fetches, who waits, and how long keys count.
#![allow(missing_docs, reason = "the names of the tests say what they are about")]

use kanvas_core::auth::{BadKeys, FetchId, KeyInput, KeyOp, KeyRing, Keys, Refusal, RingFault, SigningKey, Ticket};
use kanvas_core::{Close, Time};
use serde_json::json;

#[path = "common/tokens.rs"]
mod tokens;

use tokens::{KEY_A, KEY_B, NOW, checks, claims, header, saying, seconds, with};

/// A host of a ring: it carries nothing out unless told, and counts.
struct Host {
    ring: KeyRing,
    millis: u64,
    under_way: Option<FetchId>,
    /// When each fetch began, in milliseconds.
    fetches: Vec<u64>,
    answers: Vec<(u64, Result<String, Refusal>)>,
    next_ticket: u64,
}

impl Host {
    fn new() -> Host {
        let mut out = Vec::new();
        let ring = KeyRing::fetched(checks(), seconds(NOW), &mut out);
        let mut host =
            Host { ring, millis: NOW * 1000, under_way: None, fetches: vec![], answers: vec![], next_ticket: 1 };
        host.take(out);
        host
    }

    /// A ring that has the key A.
    fn with_keys() -> Host {
        let mut host = Host::new();
        host.bring(&[&KEY_A]);
        host
    }

    fn take(&mut self, out: Vec<KeyOp>) {
        for op in out {
            match op {
                KeyOp::Fetch { fetch } => {
                    assert_eq!(self.under_way.replace(fetch), None, "AUTH21: one fetch at a time");
                    self.fetches.push(self.millis);
                }
                KeyOp::Answer { ticket, result } => {
                    self.answers.push((ticket.0, result.map(|session| session.user)));
                }
            }
        }
        assert_eq!(self.ring.check(), Ok(()));
    }

    fn input(&mut self, input: KeyInput<'_>) {
        let mut out = Vec::new();
        self.ring.handle(Time::from_millis(self.millis), input, &mut out);
        self.take(out);
    }

    /// Asks about a token; the answer if it comes at once.
    fn ask(&mut self, token: &str) -> Option<Result<String, Refusal>> {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.input(KeyInput::Check { ticket: Ticket(ticket), token: token.as_bytes() });
        self.answers.last().filter(|(last, _)| *last == ticket).map(|(_, answer)| answer.clone())
    }

    fn bring(&mut self, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.to_jwk()).collect();
        let fetch = self.under_way.take().expect("a fetch is under way");
        self.input(KeyInput::Fetched { fetch, jwks: format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes() });
    }

    fn fail(&mut self) {
        let fetch = self.under_way.take().expect("a fetch is under way");
        self.input(KeyInput::FetchFailed { fetch });
    }

    /// Lets time pass, with a tick at each deadline; fetches fail if they are to.
    fn pass(&mut self, seconds: u64, fetches_fail: bool) {
        let end = self.millis + seconds * 1000;
        while let Some(at) = self.ring.deadline().map(Time::as_millis).filter(|at| *at <= end) {
            self.millis = self.millis.max(at);
            if self.under_way.is_some() && self.fetches.last().is_some_and(|began| began + 5000 <= self.millis) {
                self.under_way = None;
            }
            self.input(KeyInput::Tick);
            if fetches_fail && self.under_way.is_some() {
                self.fail();
            }
        }
        self.millis = end;
    }

    /// Lets time pass until the ring asks for its keys.
    fn pass_to_fetch(&mut self) {
        while self.under_way.is_none() {
            self.millis = self.ring.deadline().expect("it will ask").as_millis();
            self.input(KeyInput::Tick);
        }
    }
}

/// A token of this key that is good at this time.
fn good(key: &SigningKey, millis: u64) -> String {
    let from = millis / 1000;
    let claims = with(claims(), &json!({"iat": from, "nbf": from, "exp": from + 60}));
    key.sign(&with(header(), &json!({"kid": key.kid()})).to_string(), &claims.to_string())
}

/// A token of nobody's key, otherwise good.
fn stranger(kid: &str, millis: u64) -> String {
    let from = millis / 1000;
    let claims = with(claims(), &json!({"iat": from, "nbf": from, "exp": from + 60}));
    KEY_B.sign(&with(header(), &json!({"kid": kid})).to_string(), &claims.to_string())
}

fn ann() -> Result<String, Refusal> {
    Ok("user_2qJ".into())
}

#[test]
fn auth19_a_ring_asks_for_its_keys_first_and_tokens_wait_for_them() {
    let mut host = Host::new();
    assert_eq!((host.fetches.len(), host.ring.is_ready()), (1, false));
    let token = good(&KEY_A, host.millis);
    assert_eq!(host.ask(&token), None, "it waits");
    assert_eq!(host.ask("x.y.z"), Some(Err(Refusal::Malformed)), "what is bad anyway does not");
    host.bring(&[&KEY_A]);
    assert_eq!(host.answers.last(), Some(&(1, ann())));
    assert!(host.ring.is_ready());
    assert_eq!(host.ring.keys().kids().collect::<Vec<_>>(), ["key-a"]);
}

#[test]
fn auth19_keys_that_were_never_had_are_unavailable_and_no_ones_fault() {
    let mut host = Host::new();
    let token = good(&KEY_A, host.millis);
    assert_eq!(host.ask(&token), None);
    host.fail();
    assert_eq!(host.answers.last(), Some(&(1, Err(Refusal::Unavailable))));
    assert_eq!(host.ask(&token), Some(Err(Refusal::Unavailable)));
    assert_eq!(Refusal::Unavailable.close(), Close::Unavailable);
    assert_eq!((host.ring.fault(), host.ring.is_ready()), (Some(RingFault::Failed), false));
    host.pass(30, false);
    let fetch = host.under_way.take().expect("it asks again");
    host.input(KeyInput::Fetched { fetch, jwks: b"<html>" });
    assert_eq!(host.ring.fault(), Some(RingFault::Bad(BadKeys::NotJwks)));
    assert!(!host.ring.is_ready());
}

#[test]
fn auth19_a_pinned_key_is_ready_and_never_fetches() {
    let keys = Keys::from_pem(&KEY_A.to_public_pem().expect("PEM")).expect("a key");
    let mut ring = KeyRing::pinned(keys, checks());
    let mut out = Vec::new();
    assert!(ring.is_ready() && ring.deadline().is_none());
    let token = saying(&json!({}));
    ring.handle(seconds(NOW), KeyInput::Check { ticket: Ticket(5), token: token.as_bytes() }, &mut out);
    assert!(matches!(&out[..], [KeyOp::Answer { ticket: Ticket(5), result: Ok(_) }]));
    let forged = stranger("key-z", NOW * 1000);
    ring.handle(seconds(NOW), KeyInput::Check { ticket: Ticket(6), token: forged.as_bytes() }, &mut out);
    ring.handle(seconds(NOW + 100_000), KeyInput::Tick, &mut out);
    assert_eq!(out[1..], [KeyOp::Answer { ticket: Ticket(6), result: Err(Refusal::BadSignature) }]);
    let mut named = KeyRing::pinned(KEY_A.public_keys(), checks());
    named.handle(seconds(NOW), KeyInput::Check { ticket: Ticket(7), token: forged.as_bytes() }, &mut out);
    assert_eq!(out[2..], [KeyOp::Answer { ticket: Ticket(7), result: Err(Refusal::UnknownKey) }]);
}

#[test]
fn auth20_a_known_key_never_waits() {
    let mut host = Host::with_keys();
    host.pass(40, false);
    let (unknown, known) = (stranger("key-z", host.millis), good(&KEY_A, host.millis));
    assert_eq!(host.ask(&unknown), None, "a fetch is under way");
    assert_eq!(host.ask(&known), Some(ann()));
    host.pass(4, false);
    assert_eq!(host.ask(&known), Some(ann()), "it stalls");
    host.fail();
    assert_eq!(host.ask(&known), Some(ann()), "it failed");
}

#[test]
fn auth21_200_unknown_keys_in_ten_seconds_make_one_fetch() {
    let mut host = Host::with_keys();
    host.pass(31, false);
    let before = host.fetches.len();
    for at in 0..200 {
        host.millis += 50;
        let token = stranger(&format!("kid-{at}"), host.millis);
        let _ = host.ask(&token);
        if at == 20 {
            host.bring(&[&KEY_A]);
        }
    }
    assert_eq!(host.fetches.len(), before + 1);
    assert_eq!(host.answers.len(), 200);
    assert!(host.answers.iter().all(|(_, answer)| *answer == Err(Refusal::UnknownKey)));
    for _ in 0..100 {
        host.pass(1, true);
        let token = stranger("kid", host.millis);
        let _ = host.ask(&token);
        if host.under_way.is_some() {
            host.fail();
        }
    }
    assert!(host.fetches.windows(2).all(|pair| pair[1] - pair[0] >= 30_000), "{:?}", host.fetches);
    assert!(host.fetches.len() >= before + 3);
}

#[test]
fn auth21_a_token_that_is_bad_anyway_starts_no_fetch() {
    let mut host = Host::with_keys();
    host.pass(40, false);
    let before = host.fetches.len();
    let old = stranger("key-z", host.millis - 100_000);
    assert_eq!(host.ask(&old), Some(Err(Refusal::Expired)));
    let nameless = KEY_B.sign(r#"{"alg":"RS256"}"#, &with(claims(), &json!({"iat": null})).to_string());
    assert_eq!(host.ask(&nameless), Some(Err(Refusal::UnknownKey)));
    assert_eq!(host.fetches.len(), before);
}

#[test]
fn auth22_a_key_that_is_new_works_after_one_fetch() {
    let mut host = Host::with_keys();
    host.pass(40, false);
    let token = good(&KEY_B, host.millis);
    assert_eq!(host.ask(&token), None);
    assert_eq!(host.ask(&stranger("key-z", NOW * 1000 + 40_000)), None);
    host.bring(&[&KEY_A, &KEY_B]);
    assert_eq!(host.answers, [(1, ann()), (2, Err(Refusal::UnknownKey))]);
    assert_eq!(host.ask(&token), Some(ann()));
    let unknown = stranger("key-z", host.millis);
    assert_eq!(host.ask(&unknown), Some(Err(Refusal::UnknownKey)), "the keys are fresh: no fetch, no wait");
    assert_eq!(host.fetches.len(), 2);
}

#[test]
fn auth22_nobody_waits_longer_than_five_seconds() {
    let mut host = Host::with_keys();
    host.pass(40, false);
    let token = good(&KEY_B, host.millis);
    assert_eq!(host.ask(&token), None);
    host.pass(4, false);
    assert!(host.answers.is_empty());
    host.pass(1, false);
    assert_eq!(host.answers, [(1, Err(Refusal::Unavailable))]);
    assert_eq!(host.ask(&token), Some(Err(Refusal::Unavailable)), "the last fetch failed: it may be a good key");
    let mut late = Host::with_keys();
    late.pass(40, false);
    let (header, claims) = (with(header(), &json!({"kid": "key-b"})), with(claims(), &json!({"exp": NOW + 37})));
    let ends_meanwhile = KEY_B.sign(&header.to_string(), &claims.to_string());
    assert_eq!(late.ask(&ends_meanwhile), None);
    late.millis += 3000;
    late.bring(&[&KEY_B]);
    assert_eq!(late.answers, [(1, Err(Refusal::Expired))], "judged by the clock of the answer");
}

#[test]
fn auth22_at_most_256_wait() {
    let mut host = Host::new();
    let token = good(&KEY_A, host.millis);
    for _ in 0..256 {
        assert_eq!(host.ask(&token), None);
    }
    assert_eq!(host.ask(&token), Some(Err(Refusal::Unavailable)));
    host.bring(&[&KEY_A]);
    let mut tickets: Vec<u64> = host.answers.iter().map(|(ticket, _)| *ticket).collect();
    tickets.sort_unstable();
    assert_eq!(tickets, (1..=257).collect::<Vec<_>>(), "each is answered once");
    assert_eq!(host.answers.iter().filter(|(_, answer)| *answer == ann()).count(), 256);
}

#[test]
fn auth23_a_removed_key_is_refused_after_an_hour() {
    let mut host = Host::new();
    host.bring(&[&KEY_A, &KEY_B]);
    host.pass(3599, false);
    let token = good(&KEY_B, host.millis);
    assert_eq!((host.ask(&token), host.under_way), (Some(ann()), None));
    host.pass(1, false);
    host.bring(&[&KEY_A]);
    assert_eq!(host.ask(&token), Some(Err(Refusal::UnknownKey)));
    assert_eq!(host.fetches, [NOW * 1000, (NOW + 3600) * 1000]);
}

#[test]
fn auth23_the_last_good_keys_count_for_a_day() {
    let mut host = Host::with_keys();
    host.pass(24 * 3600 - 1, true);
    let token = good(&KEY_A, host.millis);
    assert_eq!((host.ask(&token), host.ring.is_ready()), (Some(ann()), true));
    host.pass(1, true);
    assert!(!host.ring.is_ready());
    let token = good(&KEY_A, host.millis);
    let answer = host.ask(&token);
    if answer.is_none() {
        host.fail();
    }
    assert_eq!(host.answers.last().map(|(_, answer)| answer.clone()), Some(Err(Refusal::Unavailable)));
    host.pass_to_fetch();
    host.bring(&[&KEY_A]);
    let token = good(&KEY_A, host.millis);
    assert_eq!(host.ask(&token), Some(ann()), "and again");
}

#[test]
fn auth24_after_a_failure_the_pauses_double_up_to_ten_minutes() {
    let mut host = Host::new();
    host.fail();
    host.pass(4000, true);
    let pauses: Vec<u64> = host.fetches.windows(2).map(|pair| (pair[1] - pair[0]) / 1000).collect();
    assert_eq!(pauses, [30, 60, 120, 240, 480, 600, 600, 600, 600, 600]);
    host.pass_to_fetch();
    host.bring(&[&KEY_A]);
    host.pass_to_fetch();
    host.fail();
    let began = host.fetches.len();
    host.pass(30, false);
    assert_eq!(host.fetches.len(), began + 1, "a success begins anew");
}

#[test]
fn auth24_an_outcome_that_comes_too_late_changes_nothing() {
    let mut host = Host::new();
    let fetch = host.under_way.expect("a fetch");
    host.pass(5, false);
    assert_eq!(host.ring.fault(), Some(RingFault::Failed));
    let jwks = format!(r#"{{"keys":[{}]}}"#, KEY_A.to_jwk());
    host.input(KeyInput::Fetched { fetch, jwks: jwks.as_bytes() });
    host.input(KeyInput::FetchFailed { fetch });
    assert_eq!((host.ring.misuse(), host.ring.is_ready()), (2, false));
}
