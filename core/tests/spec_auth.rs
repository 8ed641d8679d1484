//! The rules of session tokens (AUTH1 to AUTH16): what is taken, what is refused, and as what.
#![allow(missing_docs, reason = "the names of the tests say what they are about")]

use kanvas_core::auth::{Checks, Keys, Organisation, Refusal, Session, check};
use kanvas_core::{Close, Time};
use serde_json::{Value, json};

#[path = "common/tokens.rs"]
mod tokens;

use tokens::{KEY_A, KEY_B, NOW, checks, claims, header, now, saying, seconds, token, with};

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
        json!("server:api"),
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
fn auth9_a_key_alone_takes_any_issuer_that_has_an_address() {
    let unnamed = Checks { issuer: None, ..checks() };
    let refused =
        |iss: Value| check(saying(&json!({"iss": iss})).as_bytes(), &KEY_A.public_keys(), &unnamed, now()).err();
    for iss in ["https://clerk.example.com", "https://other.example.org", "https://clerk.example.com/"] {
        assert_eq!(refused(json!(iss)), None, "{iss}");
    }
    for iss in [
        json!(null),
        json!(""),
        json!("https://"),
        json!("http://clerk.example.com"),
        json!("HTTPS://clerk.example.com"),
        json!(" https://clerk.example.com"),
        json!("clerk.example.com"),
    ] {
        assert_eq!(refused(iss.clone()), Some(Refusal::WrongIssuer), "{iss}");
    }
    assert_eq!(refused(json!(7)), Some(Refusal::Malformed));
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
