//! The rules of session tokens (AUTH1 to AUTH18, AUTH25, AUTH26): what is taken, what is refused, and as what.

use kanvas_core::auth::{
    BadInstance, BadKeys, BadPem, BadSigningKey, Checks, Instance, Keys, Mint, Organisation, Refusal, Session,
    SigningKey, Unusable, check,
};
use kanvas_core::{Close, Span, Time};
use serde_json::{Value, json};

#[path = "common/tokens.rs"]
mod tokens;

use tokens::{ISSUER, KEY_A, KEY_B, NOW, checks, claims, header, now, saying, seconds, token, with};

fn judged(token: &str) -> Result<Session, Refusal> {
    check(token.as_bytes(), &KEY_A.public_keys(), &checks(), now())
}

/// How a token with these claims is refused; `None` if it is not.
fn refusal(members: &Value) -> Option<Refusal> {
    judged(&saying(members)).err()
}

fn header_refusal(members: &Value) -> Option<Refusal> {
    judged(&token(&with(header(), members), &claims())).err()
}

fn raw_refusal(claims: &str) -> Option<Refusal> {
    judged(&KEY_A.sign(&header().to_string(), claims)).err()
}

#[test]
fn auth1_a_good_token_gives_the_session() {
    let session = judged(&saying(&json!({"name": " Ann\u{202E} Bee ", "picture": "https://img.example.com/a.png"})));
    let expected = Session {
        user: "user_2qJ".into(),
        session: Some("sess_2qK".into()),
        party: Some("https://app.example.com".into()),
        issued: Some(seconds(NOW)),
        expires: seconds(NOW + 60),
        organisation: None,
        name: Some("Ann Bee".into()),
        picture: Some("https://img.example.com/a.png".into()),
    };
    assert_eq!(session, Ok(expected));
}

#[test]
fn auth1_names_and_pictures_are_the_first_that_can_be_shown() {
    let name = |members| judged(&saying(&members)).expect("a session").name;
    assert_eq!(name(json!({"name": 7, "full_name": "\u{200B}", "username": "bee"})).as_deref(), Some("bee"));
    assert_eq!(name(json!({"name": "x".repeat(500)})).map(|name| name.len()), Some(32));
    assert_eq!(name(json!({"name": {"first": "Ann"}})), None);
    let picture = |members| judged(&saying(&members)).expect("a session").picture;
    let other = json!({"picture": "javascript:alert(1)", "image_url": "https://img.example.com/b.png"});
    assert_eq!(picture(other).as_deref(), Some("https://img.example.com/b.png"));
    assert_eq!(picture(json!({"picture": "http://localhost/a.png"})), None);
}

#[test]
fn auth2_each_refusal_has_its_close_and_its_name() {
    for refusal in Refusal::ALL {
        let expected = match refusal.as_str() {
            "expired" => Close::TokenExpired,
            "missing" | "pending" => Close::TokenRequired,
            "unavailable" => Close::Unavailable,
            _ => Close::TokenInvalid,
        };
        assert_eq!(refusal.close(), expected, "{refusal:?}");
        assert!(refusal.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        assert!(refusal.message().ends_with('.') && refusal.to_string() == refusal.message());
    }
    let mut names: Vec<_> = Refusal::ALL.iter().map(|refusal| refusal.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Refusal::ALL.len());
}

#[test]
fn auth3_nothing_and_too_much_are_refused_unread() {
    assert_eq!(judged("").err(), Some(Refusal::Missing));
    assert_eq!(judged(&"!".repeat(8 * 1024 + 1)).err(), Some(Refusal::TooLong));
    assert_eq!(judged(&"!".repeat(8 * 1024)).err(), Some(Refusal::Malformed));
    let padded = |len: usize| saying(&json!({"note": "x".repeat(len)}));
    let fits = (0..).map(|less| padded(5700 - less)).find(|token| token.len() <= 8 * 1024).expect("one fits");
    assert!(fits.len() > 8 * 1024 - 8 && judged(&fits).is_ok(), "{}", fits.len());
    assert_eq!(judged(&padded(5700)).err(), Some(Refusal::TooLong));
}

#[test]
fn auth4_three_parts_of_strict_base64url() {
    let good = saying(&json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let last = parts[2];
    // The 256 bytes of a signature leave four bits of the last letter unused: the letter after it means the same.
    let (head, end) = last.split_at(last.len() - 1);
    let loose = char::from(end.as_bytes()[0] + 1);
    let bad = [
        "not a token".into(),
        "a.b".into(),
        "..".into(),
        format!("{good}.{last}"),
        format!("{good}.{last}.{last}"),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!(".{}.{last}", parts[1]),
        format!("{}..{last}", parts[0]),
        format!("{good}=="),
        format!("{good}\n"),
        format!(" {good}"),
        good.replacen('.', " .", 1),
        format!("{}=.{}.{last}", parts[0], parts[1]),
        format!("{}.{}.{head}{loose}", parts[0], parts[1]),
        format!("{}+/.{}.{last}", parts[0], parts[1]),
        format!("{}.{}.{head}\u{E4}", parts[0], parts[1]),
    ];
    for token in bad {
        assert_eq!(judged(&token).err(), Some(Refusal::Malformed), "{token}");
    }
    assert_eq!(check(b"\xFF.\xFE.\xFD", &KEY_A.public_keys(), &checks(), now()).err(), Some(Refusal::Malformed));
    assert!(judged(&good).is_ok());
}

#[test]
fn auth5_what_stands_twice_is_malformed_at_any_depth() {
    let text = claims().to_string();
    let inside = text.strip_prefix('{').expect("an object");
    for twice in
        ["\"sub\":\"user_2qJ\",", "\"exp\":1800000060,", "\"azp\":\"x\",", "\"x\":1,\"x\":1,", "\"s\\u0075b\":\"y\","]
    {
        assert_eq!(raw_refusal(&format!("{{{twice}{inside}")), Some(Refusal::Malformed), "{twice}");
    }
    assert_eq!(raw_refusal(&format!("{{\"o\":{{\"id\":\"a\",\"id\":\"b\"}},{inside}")), Some(Refusal::Malformed));
    assert_eq!(raw_refusal(&format!("{{\"m\":[{{\"a\":1,\"a\":2}}],{inside}")), Some(Refusal::Malformed));
    let twice = r#"{"alg":"RS256","alg":"RS256","kid":"key-a"}"#;
    assert_eq!(judged(&KEY_A.sign(twice, &text)).err(), Some(Refusal::Malformed));
    assert_eq!(raw_refusal(&text), None);
}

#[test]
fn auth5_claims_of_the_wrong_type_are_malformed() {
    let text = claims().to_string();
    for bad in ["", "{", "[]", "null", "7", "\"x\"", "{} {}", "\u{FEFF}{}"] {
        let refused = raw_refusal(bad);
        assert_eq!(refused, Some(Refusal::Malformed), "{bad}");
    }
    assert_eq!(raw_refusal(&format!("{text}x")), Some(Refusal::Malformed));
    let deep = format!("{{\"deep\":{}{},{}", "[".repeat(16), "]".repeat(16), &text[1..]);
    assert_eq!(raw_refusal(&deep), Some(Refusal::Malformed), "17 levels");
    let wrong = [
        json!({"iss": 7}),
        json!({"azp": ["https://app.example.com"]}),
        json!({"sid": 1}),
        json!({"jti": 1}),
        json!({"nonce": {}}),
        json!({"sts": true}),
        json!({"aud": 7}),
        json!({"aud": ["a", 1]}),
        json!({"iat": "1800000000"}),
        json!({"nbf": true}),
        json!({"exp": "1800000060"}),
        json!({"exp": 1_800_000_060.5}),
        json!({"exp": -1}),
        json!({"__proto__": {}}),
    ];
    for members in wrong {
        assert_eq!(refusal(&members), Some(Refusal::Malformed), "{members}");
    }
    for name in ["iss", "azp", "exp", "nbf", "iat", "sts", "aud"] {
        let null = format!("{{\"{name}\":null,{}", &with(claims(), &json!({name: null})).to_string()[1..]);
        assert_eq!(raw_refusal(&null), Some(Refusal::Malformed), "{name}");
    }
    for kid in [json!(7), json!(""), json!("k".repeat(129)), json!(["key-a"])] {
        assert_eq!(header_refusal(&json!({"kid": kid})), Some(Refusal::Malformed), "{kid}");
    }
}

#[test]
fn auth6_only_rs256_whatever_the_key() {
    let others = ["none", "None", "nOnE", "", "HS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 "];
    for alg in others {
        let forged = token(&with(header(), &json!({"alg": alg})), &claims());
        assert_eq!(judged(&forged).err(), Some(Refusal::BadAlg), "{alg}");
        let without_keys = check(forged.as_bytes(), &Keys::default(), &checks(), now());
        assert_eq!(without_keys.err(), Some(Refusal::BadAlg), "{alg}: before a key is looked for");
    }
    assert_eq!(header_refusal(&json!({"alg": null})), Some(Refusal::BadAlg));
    assert_eq!(header_refusal(&json!({"alg": ["RS256"]})), Some(Refusal::BadAlg));
}

#[test]
fn auth7_other_types_and_headers_that_ask_for_more_are_refused() {
    assert_eq!(header_refusal(&json!({"typ": null})), None);
    for typ in [json!("jwt"), json!("at+jwt"), json!(""), json!(1)] {
        assert_eq!(header_refusal(&json!({"typ": typ})), Some(Refusal::BadType), "{typ}");
    }
    let jwk: Value = serde_json::from_str(&KEY_A.to_jwk()).expect("JSON");
    let headers = [
        json!({"crit": ["exp"]}),
        json!({"crit": []}),
        json!({"jku": "https://evil.example.com/jwks.json"}),
        json!({"jwk": jwk}),
        json!({"x5u": "https://evil.example.com/x"}),
        json!({"x5c": ["MIIB"]}),
        json!({"x5t": "AA"}),
        json!({"x5t#S256": "AA"}),
        json!({"b64": false}),
        json!({"cty": "JWT"}),
        json!({"zip": "DEF"}),
        json!({"salt": "AA"}),
    ];
    for members in headers {
        assert_eq!(header_refusal(&members), Some(Refusal::BadHeader), "{members}");
    }
    assert_eq!(header_refusal(&json!({"cat": "cl_other", "ppt": 1})), None, "others say nothing");
}

#[test]
fn auth8_a_subject_is_someone_that_can_be_known() {
    for sub in [
        json!(""),
        json!("u".repeat(129)),
        json!("a\nb"),
        json!("a\u{7F}"),
        json!("a\u{202E}b"),
        json!("\u{2066}a"),
        json!("guest:0123"),
        json!(7),
        json!(["user_2qJ"]),
        json!(null),
    ] {
        assert_eq!(refusal(&json!({"sub": sub})), Some(Refusal::BadSubject), "{sub}");
    }
    assert_eq!(refusal(&json!({"sub": "u".repeat(128)})), None);
    assert_eq!(refusal(&json!({"sub": "名前 é"})), None);
}

#[test]
fn auth9_the_issuer_is_the_instances_byte_for_byte() {
    for iss in [
        json!(null),
        json!(""),
        json!("https://clerk.example.com/"),
        json!("https://clerk.example.org"),
        json!("http://clerk.example.com"),
        json!("https://CLERK.example.com"),
        json!("https://сlerk.example.com"),
    ] {
        assert_eq!(refusal(&json!({"iss": iss})), Some(Refusal::WrongIssuer), "{iss}");
    }
}

#[test]
fn auth10_the_party_is_one_of_the_list() {
    let listed = Checks { parties: vec!["https://b.example.com".into(), "https://app.example.com".into()], ..checks() };
    let refused =
        |azp: Value| check(saying(&json!({"azp": azp})).as_bytes(), &KEY_A.public_keys(), &listed, now()).err();
    assert_eq!(refused(json!("https://app.example.com")), None);
    for azp in [json!(null), json!(""), json!("https://app.example.com.evil.com"), json!("https://app.example.com/")] {
        assert_eq!(refused(azp.clone()), Some(Refusal::WrongParty), "{azp}");
    }
    assert_eq!(refusal(&json!({"azp": null})), None, "without a list anyone");
}

#[test]
fn auth11_the_audience_is_one_of_the_list() {
    let listed = Checks { audience: vec!["kanvas".into()], ..checks() };
    let refused =
        |aud: Value| check(saying(&json!({"aud": aud})).as_bytes(), &KEY_A.public_keys(), &listed, now()).err();
    assert_eq!(refused(json!("kanvas")), None);
    assert_eq!(refused(json!(["other", "kanvas"])), None);
    for aud in [json!(null), json!(""), json!([]), json!("other"), json!(["a", "b"])] {
        assert_eq!(refused(aud.clone()), Some(Refusal::WrongAudience), "{aud}");
    }
    assert_eq!(refusal(&json!({"aud": "other"})), None, "without a list anyone");
}

#[test]
fn auth12_times_hold_within_five_seconds() {
    assert_eq!(refusal(&json!({"exp": null})), Some(Refusal::Malformed), "no exp");
    assert_eq!(refusal(&json!({"exp": NOW - 4})), None);
    assert_eq!(refusal(&json!({"exp": NOW - 5})), Some(Refusal::Expired));
    assert_eq!(refusal(&json!({"exp": NOW - 6})), Some(Refusal::Expired));
    assert_eq!(refusal(&json!({"exp": NOW - 899})), Some(Refusal::Expired), "the library's default would take it");
    assert_eq!(refusal(&json!({"exp": 0})), Some(Refusal::Expired));
    for name in ["nbf", "iat"] {
        assert_eq!(refusal(&json!({name: NOW + 5})), None, "{name}");
        assert_eq!(refusal(&json!({name: NOW + 6})), Some(Refusal::NotYetValid), "{name}");
        assert_eq!(refusal(&json!({name: (1_u64 << 53) - 1})), Some(Refusal::NotYetValid), "{name}");
        assert_eq!(refusal(&json!({name: null})), None, "{name} may be absent");
    }
    let on_the_edge = saying(&json!({}));
    let at = |millis| check(on_the_edge.as_bytes(), &KEY_A.public_keys(), &checks(), Time::from_millis(millis)).err();
    assert_eq!(at((NOW + 65) * 1000 - 1), None);
    assert_eq!(at((NOW + 65) * 1000), Some(Refusal::Expired));
    assert_eq!(at((NOW - 5) * 1000), None);
    assert_eq!(at((NOW - 5) * 1000 - 1), Some(Refusal::NotYetValid));
}

#[test]
fn auth13_no_token_lives_longer_than_a_day() {
    let day = 24 * 3600;
    assert_eq!(refusal(&json!({"exp": NOW + day})), None);
    assert_eq!(refusal(&json!({"exp": NOW + day + 1})), Some(Refusal::LifeTooLong));
    assert_eq!(refusal(&json!({"iat": NOW - day, "exp": NOW + 1})), Some(Refusal::LifeTooLong));
    assert_eq!(refusal(&json!({"iat": null, "exp": NOW + day})), None);
    assert_eq!(refusal(&json!({"iat": null, "exp": NOW + day + 1})), Some(Refusal::LifeTooLong));
    assert_eq!(refusal(&json!({"exp": (1_u64 << 53) - 1})), Some(Refusal::LifeTooLong));
}

#[test]
fn auth14_a_pending_session_is_not_signed_in() {
    assert_eq!(refusal(&json!({"sts": "pending"})), Some(Refusal::Pending));
    assert_eq!(refusal(&json!({"sts": null})), None);
}

#[test]
fn auth15_the_signature_is_of_these_bytes_by_that_key() {
    let good = saying(&json!({}));
    let forged = KEY_B.sign(&header().to_string(), &claims().to_string());
    assert_eq!(judged(&forged).err(), Some(Refusal::BadSignature), "another key under this name");
    let (body, signature) = good.rsplit_once('.').expect("parts");
    let other = saying(&json!({"sub": "user_other"}));
    let (other_body, _) = other.rsplit_once('.').expect("parts");
    assert_eq!(judged(&format!("{other_body}.{signature}")).err(), Some(Refusal::BadSignature), "edited claims");
    for at in [0, 100, 300] {
        let mut flipped = signature.as_bytes().to_vec();
        flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).expect("ASCII");
        assert_eq!(judged(&format!("{body}.{flipped}")).err(), Some(Refusal::BadSignature), "letter {at}");
    }
    assert_eq!(judged(&format!("{body}.AA")).err(), Some(Refusal::BadSignature));
    let strangers = [json!("../../etc/passwd"), json!("' OR 1=1"), json!("key-A"), json!(null)];
    for kid in strangers {
        assert_eq!(header_refusal(&json!({"kid": kid})), Some(Refusal::UnknownKey), "{kid}");
    }
    let pinned = Keys::from_pem(&KEY_A.to_public_pem().expect("PEM")).expect("a key");
    for kid in [json!("any"), json!(null)] {
        let named = token(&with(header(), &json!({"kid": kid})), &claims());
        assert!(check(named.as_bytes(), &pinned, &checks(), now()).is_ok(), "a pinned key takes {kid}");
    }
    assert_eq!(check(forged.as_bytes(), &pinned, &checks(), now()).err(), Some(Refusal::BadSignature));
    assert_eq!(judged(&saying(&json!({"exp": NOW - 6}))).err(), Some(Refusal::Expired));
}

#[test]
fn auth16_both_versions_give_the_same_organisation() {
    let expected = Some(Organisation {
        id: "org_9".into(),
        role: Some("org:admin".into()),
        slug: Some("acme".into()),
        permissions: vec!["org:board:manage".into(), "org:board:read".into(), "org:chat:read".into()],
    });
    let organisation = |members: Value| judged(&saying(&members)).map(|session| session.organisation);
    let second = json!({"fea": "o:board,u:mail,uo:chat", "o": {"id": "org_9", "rol": "admin", "slg": "acme",
        "per": "manage,read", "fpm": "3,2"}});
    assert_eq!(organisation(second).as_ref(), Ok(&expected));
    let first = json!({"v": null, "org_id": "org_9", "org_role": "org:admin", "org_slug": "acme",
        "org_permissions": ["org:board:manage", "org:board:read", "org:chat:read"]});
    assert_eq!(organisation(first).as_ref(), Ok(&expected));
    assert_eq!(organisation(json!({"org_id": "org_9"})), Ok(None), "version 2 does not look there");
    assert_eq!(organisation(json!({"v": 1, "o": {"id": "org_9"}})), Ok(None));
    let bare = Organisation { id: "org_9".into(), role: None, slug: None, permissions: vec![] };
    assert_eq!(organisation(json!({"o": {"id": "org_9", "per": "read", "fpm": "7"}})), Ok(Some(bare)));
    let many: Vec<String> = (0..257).map(|at| at.to_string()).collect();
    for bad in [
        json!({"o": 7}),
        json!({"o": {}}),
        json!({"o": {"id": ""}}),
        json!({"o": {"id": "a\u{202E}"}}),
        json!({"o": {"id": "a", "rol": 1}}),
        json!({"v": 1, "org_id": 7}),
        json!({"v": 1, "org_id": "a", "org_permissions": many}),
        json!({"fea": vec!["o:a"; 200].join(","), "o": {"id": "a", "per": "x,y", "fpm": vec!["3"; 200].join(",")}}),
    ] {
        assert_eq!(organisation(bad.clone()), Err(Refusal::Malformed), "{bad}");
    }
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
