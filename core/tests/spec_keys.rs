//! The rules of keys (AUTH17, AUTH18, AUTH25, AUTH26): which are good enough, where they are, and how pairs are made.
#![allow(missing_docs, reason = "the names of the tests say what they are about")]

use kanvas_core::Span;
use kanvas_core::auth::{
    BadInstance, BadKeys, BadPem, BadSigningKey, Instance, Keys, Mint, Refusal, Session, SigningKey, Unusable, check,
};
use serde_json::{Value, json};

#[path = "common/tokens.rs"]
mod tokens;

use tokens::{ISSUER, KEY_A, checks, now, saying, with};

fn judged(token: &str) -> Result<Session, Refusal> {
    check(token.as_bytes(), &KEY_A.public_keys(), &checks(), now())
}

#[test]
fn auth17_a_pem_text_may_come_in_three_shapes() {
    let pem = KEY_A.to_public_pem().expect("PEM");
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let good = saying(&json!({}));
    for text in
        [pem.clone(), pem.trim().replace('\n', "\\n"), pem.replace('\n', "\r\n"), body.clone(), format!("  {body}\n")]
    {
        let keys = Keys::from_pem(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(check(good.as_bytes(), &keys, &checks(), now()).is_ok());
        assert_eq!((keys.count(), keys.kids().count()), (1, 0));
    }
    let refused = |text: &str| Keys::from_pem(text).expect_err("no key");
    assert_eq!(refused(&KEY_A.to_pem().expect("PEM")), BadPem::Private);
    assert_eq!(refused("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"), BadPem::NotPublicKey);
    assert_eq!(refused(""), BadPem::NotPublicKey);
    assert_eq!(refused(&pem[..pem.len() - 40]), BadPem::NotPublicKey, "the last line is missing");
    assert_eq!(refused("sk_test_!"), BadPem::NotBase64);
    assert_eq!(refused("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"), BadPem::Unfit);
    // RSA of 1024 bits, and a key of another kind.
    assert_eq!(refused(include_str!("keys/test-only-1024.pub.pem")), BadPem::Unfit);
    assert_eq!(refused(include_str!("keys/test-only-p256.pub.pem")), BadPem::Unfit);
}

fn jwks(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

#[test]
fn auth18_keys_that_cannot_be_used_are_passed_over() {
    let good: Value = serde_json::from_str(&KEY_A.to_jwk()).expect("JSON");
    let bare = with(good.clone(), &json!({"use": null, "alg": null, "kid": "bare"}));
    let n = good["n"].as_str().expect("a number");
    let short: String = format!("P{}", &n[1..300]);
    let changed = [
        (json!({"kty": "EC"}), Unusable::NotRsa),
        (json!({"kty": null}), Unusable::NotRsa),
        (json!({"use": "enc"}), Unusable::NotForSigning),
        (json!({"key_ops": ["encrypt"]}), Unusable::NotForSigning),
        (json!({"alg": "RS384"}), Unusable::NotRs256),
        (json!({"alg": 1}), Unusable::NotRs256),
        (json!({"d": "AQAB"}), Unusable::Private),
        (json!({"n": null}), Unusable::BadNumber),
        (json!({"n": format!("{n}==")}), Unusable::BadNumber),
        (json!({"e": "A"}), Unusable::BadNumber),
        (json!({"n": short}), Unusable::TooSmall),
        (json!({"n": format!("{n}{n}{n}A")}), Unusable::TooLarge),
        (json!({"e": "Aw"}), Unusable::BadExponent),
        (json!({"n": format!("{}A", &n[..n.len() - 1])}), Unusable::NotAKey),
    ];
    for (at, (members, why)) in changed.into_iter().enumerate() {
        let kid = format!("other-{at}");
        let other = with(with(good.clone(), &members), &json!({"kid": kid}));
        let read = Keys::from_jwks(&jwks(&[good.clone(), other, bare.clone()])).expect("keys");
        assert_eq!(
            read.skipped.iter().map(|one| (one.kid.as_deref(), one.why)).collect::<Vec<_>>(),
            [(Some(&*kid), why)],
            "{members}"
        );
        assert_eq!(read.keys.kids().collect::<Vec<_>>(), ["key-a", "bare"]);
    }
    for kid in [json!(null), json!(""), json!(7), json!("k".repeat(129))] {
        let read = Keys::from_jwks(&jwks(&[good.clone(), with(good.clone(), &json!({"kid": kid}))])).expect("keys");
        assert_eq!(read.skipped[0].why, Unusable::NoKid, "{kid}");
    }
    let read = Keys::from_jwks(&jwks(&[bare, good])).expect("keys").keys;
    assert!(check(saying(&json!({})).as_bytes(), &read, &checks(), now()).is_ok());
}

#[test]
fn auth18_documents_that_are_no_jwks_are_refused() {
    let good: Value = serde_json::from_str(&KEY_A.to_jwk()).expect("JSON");
    let refused = |bytes: &[u8]| Keys::from_jwks(bytes).expect_err("no keys");
    let named: Vec<Value> = (0..17).map(|at| with(good.clone(), &json!({"kid": at.to_string()}))).collect();
    assert_eq!(Keys::from_jwks(&jwks(&named[..16])).expect("keys").keys.count(), 16);
    assert_eq!(refused(&jwks(&named)), BadKeys::TooMany);
    assert_eq!(refused(&jwks(&[good.clone(), with(good.clone(), &json!({"kty": "EC"}))])), BadKeys::Duplicate);
    assert_eq!(refused(&jwks(&[])), BadKeys::NoneUsable);
    assert_eq!(refused(&jwks(&[with(good.clone(), &json!({"kty": "EC"}))])), BadKeys::NoneUsable);
    for bad in ["", "<html>", "[]", "{}", r#"{"keys": {}}"#, r#"{"keys": [7]}"#, r#"{"keys": [], "keys": []}"#] {
        assert_eq!(refused(bad.as_bytes()), BadKeys::NotJwks, "{bad}");
    }
    let mut long = jwks(&[good]);
    long.resize(256 * 1024, b' ');
    assert!(Keys::from_jwks(&long).is_ok());
    long.push(b' ');
    assert_eq!(refused(&long), BadKeys::TooLong);
}

#[test]
fn auth25_a_publishable_key_names_the_instance() {
    let instance = Instance::from_publishable_key("pk_live_Y2xlcmsuZXhhbXBsZS5jb20k").expect("a key");
    assert!(instance.live && instance.issuer == ISSUER);
    assert_eq!(instance.jwks_url, format!("{ISSUER}/.well-known/jwks.json"));
    // happy-hippo-1.clerk.accounts.dev$, with and without padding
    for key in ["pk_test_aGFwcHktaGlwcG8tMS5jbGVyay5hY2NvdW50cy5kZXYk", "pk_test_YS5iYiQ=", "pk_test_YS5iYiQ"] {
        assert!(!Instance::from_publishable_key(key).expect("a key").live, "{key}");
    }
    let refused = |key: &str| Instance::from_publishable_key(key).expect_err("no key");
    assert_eq!(refused("sk_test_abc"), BadInstance::Secret);
    assert_eq!(refused(""), BadInstance::NotPublishable);
    assert_eq!(refused("pk_prod_Y2xlcmsuZXhhbXBsZS5jb20k"), BadInstance::NotPublishable);
    assert_eq!(refused("pk_test_"), BadInstance::CutShort);
    assert_eq!(refused("pk_test_Y2xlcmsuZXhhbXBsZS5jb20"), BadInstance::CutShort, "no $");
    assert_eq!(refused("pk_test_*"), BadInstance::CutShort);
    for host in [
        "$",
        "localhost$",
        "127.0.0.1$",
        "a.b:443$",
        "a.b/x$",
        "u@a.b$",
        "a.b?x$",
        "a..b$",
        "a.b.$",
        "-a.b$",
        "A.b$",
        "a.b$$",
        "[::1]$",
        "ä.b$",
        "a.b $",
    ] {
        let key = format!("pk_test_{}", base64(host.as_bytes()));
        assert_eq!(refused(&key), BadInstance::NotAHost, "{host}");
    }
    assert_eq!(
        refused(&format!("pk_test_{}", base64(format!("{}.com$", "a.".repeat(200)).as_bytes()))),
        BadInstance::NotAHost
    );
}

/// Standard base64 without padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = |chunk: &[u8]| chunk.iter().enumerate().fold(0_u32, |sum, (at, b)| sum | u32::from(*b) << (16 - 8 * at));
    let letters = |chunk: &[u8]| {
        let bits = bits(chunk);
        (0..=chunk.len()).map(move |at| char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize])).collect::<String>()
    };
    bytes.chunks(3).map(letters).collect()
}

#[test]
fn auth26_a_minted_token_is_taken() {
    let mint = Mint {
        issuer: ISSUER,
        user: "user_\"x\"",
        party: Some("http://localhost:3000"),
        name: Some("Ann"),
        ..Mint::default()
    };
    let session = judged(&KEY_A.mint(&mint, now())).expect("a session");
    assert_eq!((session.user.as_str(), session.name.as_deref()), ("user_\"x\"", Some("Ann")));
    assert_eq!((session.issued, session.expires), (Some(now()), now() + Span::from_secs(60)));
    let long = KEY_A.mint(&Mint { life: Span::from_secs(3600), ..mint }, now());
    assert_eq!(judged(&long).expect("a session").expires, now() + Span::from_secs(3600));
}

#[test]
fn auth26_a_key_pair_is_made_and_read_back() {
    let made = SigningKey::generate().expect("a key");
    let pem = made.to_pem().expect("PEM");
    let again = SigningKey::from_pem(&pem, made.kid()).expect("a key");
    let minted = again.mint(&Mint { issuer: ISSUER, ..Mint::default() }, now());
    assert!(check(minted.as_bytes(), &made.public_keys(), &checks(), now()).is_ok());
    assert_eq!(judged(&minted).err(), Some(Refusal::UnknownKey));
    assert!(!format!("{made:?}").contains(&pem[100..140]), "a secret is not shown");
    assert_eq!(SigningKey::from_pem("x", "k").err(), Some(BadSigningKey::Unfit));
    assert_eq!(SigningKey::from_pem(&made.to_public_pem().expect("PEM"), "k").err(), Some(BadSigningKey::Unfit));
}
