//! Tokens, good and bad, for the tests of sessions. The keys under `tests/keys/` are for tests only.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::sync::LazyLock;

use kanvas_core::Time;
use kanvas_core::auth::{Checks, SigningKey};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://clerk.example.com";
/// The second at which the tests play.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) static KEY_A: LazyLock<SigningKey> = LazyLock::new(|| key(include_str!("../keys/test-only-a.pem"), "key-a"));
pub(crate) static KEY_B: LazyLock<SigningKey> = LazyLock::new(|| key(include_str!("../keys/test-only-b.pem"), "key-b"));

fn key(pem: &str, kid: &str) -> SigningKey {
    SigningKey::from_pem(pem, kid).expect("a key for tests")
}

pub(crate) fn checks() -> Checks {
    Checks { issuer: Some(ISSUER.into()), ..Checks::default() }
}

pub(crate) fn now() -> Time {
    seconds(NOW)
}

pub(crate) fn seconds(seconds: u64) -> Time {
    Time::from_millis(seconds * 1000)
}

pub(crate) fn header() -> Value {
    json!({"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": "key-a", "typ": "JWT"})
}

/// What Clerk says of a person who is signed in.
pub(crate) fn claims() -> Value {
    json!({
        "azp": "https://app.example.com", "exp": NOW + 60, "fva": [3, -1], "iat": NOW, "iss": ISSUER, "jti": "3e95b0",
        "nbf": NOW - 10, "sid": "sess_2qK", "sts": "active", "sub": "user_2qJ", "v": 2,
    })
}

/// The same object with these members set; `null` takes one away.
pub(crate) fn with(mut object: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().expect("members") {
        let all = object.as_object_mut().expect("an object");
        let _ = if value.is_null() { all.remove(name) } else { all.insert(name.clone(), value.clone()) };
    }
    object
}

pub(crate) fn token(header: &Value, claims: &Value) -> String {
    KEY_A.sign(&header.to_string(), &claims.to_string())
}

/// A good token but for these claims.
pub(crate) fn saying(members: &Value) -> String {
    token(&header(), &with(claims(), members))
}
