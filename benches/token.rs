//! What a session token costs: a good one, and ones that are refused, each as early as what is wrong with it shows.
#![allow(missing_docs, reason = "criterion's macros make functions without documentation")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kanvas_core::auth::{Checks, Mint, Refusal, SigningKey, TOKEN_BYTES, check};
use kanvas_core::{Span, Time};

const ISSUER: &str = "https://clerk.example.com";

fn tokens(c: &mut Criterion) {
    let key = SigningKey::from_pem(include_str!("../core/tests/keys/test-only-a.pem"), "a").expect("a key");
    let other = SigningKey::from_pem(include_str!("../core/tests/keys/test-only-b.pem"), "b").expect("a key");
    let forged = SigningKey::from_pem(include_str!("../core/tests/keys/test-only-b.pem"), "a").expect("a key");
    let (keys, now) = (key.public_keys(), Time::from_millis(1_800_000_000_000));
    let checks = Checks { issuer: Some(ISSUER.into()), ..Checks::default() };
    let mint = Mint { issuer: ISSUER, user: "user_ann", ..Mint::default() };
    let good = key.mint(&mint, now);
    let long = |claims: usize| {
        let padding = "x".repeat(claims);
        key.sign(r#"{"alg":"RS256","kid":"a","typ":"JWT"}"#, &format!(r#"{{"iss":"{ISSUER}","pad":"{padding}"}}"#))
    };
    let (huge, whole) = (long(750_000), long(TOKEN_BYTES * 3 / 4 - 500));
    assert!(huge.len() > 1_000_000 && (TOKEN_BYTES - 500..=TOKEN_BYTES).contains(&whole.len()), "{}", whole.len());
    let expired = key.mint(&mint, Time::from_millis(now.as_millis() - Span::from_secs(3600).as_millis()));
    let mut group = c.benchmark_group("token");
    for (name, token, answer) in [
        ("good", good, Ok("user_ann")),
        ("a megabyte", huge, Err(Refusal::TooLong)),
        ("8 KiB that say nothing", whole, Err(Refusal::BadSubject)),
        ("expired", expired, Err(Refusal::Expired)),
        ("unknown key", other.mint(&mint, now), Err(Refusal::UnknownKey)),
        ("forged", forged.mint(&mint, now), Err(Refusal::BadSignature)),
    ] {
        let judged = check(token.as_bytes(), &keys, &checks, now);
        assert_eq!(judged.as_ref().map(|session| session.user.as_str()), answer.as_ref().copied(), "{name}");
        group.bench_function(name, |b| b.iter(|| check(black_box(token.as_bytes()), &keys, &checks, now)));
    }
    group.finish();
}

criterion_group!(benches, tokens);
criterion_main!(benches);
