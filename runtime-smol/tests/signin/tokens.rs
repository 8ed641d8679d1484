//! Tokens of every bad kind through the door, each way that one can be brought, and what is made of several.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::common::Socket;
use crate::door::{Door, ISSUER, KEY_A, KEY_B, Log, PAGE, claims, ending, good, header, now, read, signed, with};
use crate::stub::{Stub, Trap, jwks};

const EXPIRED: u16 = 4101;
const REQUIRED: u16 = 4102;
const INVALID: u16 = 4510;

fn reason(code: u16) -> &'static str {
    match code {
        EXPIRED => "token_expired",
        REQUIRED => "token_required",
        INVALID => "token_invalid",
        _ => panic!("{code}"),
    }
}

fn saying(members: &Value) -> String {
    signed(&KEY_A, &header(), &with(claims("user_bad"), members))
}

fn headed(members: &Value) -> String {
    signed(&KEY_A, &with(header(), members), &claims("user_bad"))
}

/// Claims as they are written.
fn raw(claims: &str) -> String {
    KEY_A.sign(&header().to_string(), claims)
}

/// Of another form than a token has.
fn misshapen() -> Vec<(&'static str, String)> {
    let good = good("user_bad");
    let parts: Vec<&str> = good.split('.').collect();
    let (first, second, third) = (parts[0], parts[1], parts[2]);
    let (head, end) = third.split_at(third.len() - 1);
    // The last letter has four bits that no byte needs.
    let loose = char::from(end.as_bytes()[0] + 1);
    vec![
        ("no token at all", "nonsense-nonsense".into()),
        ("two parts", format!("{first}.{second}")),
        ("four parts", format!("{good}.{third}")),
        ("five parts", format!("{good}.{third}.{third}")),
        ("no signature", format!("{first}.{second}.")),
        ("padding", format!("{good}==")),
        ("another alphabet", format!("{first}+/.{second}.{third}")),
        ("bits beyond the last byte", format!("{first}.{second}.{head}{loose}")),
        ("a space before", format!(" {good}")),
        ("a line end behind", format!("{good}\n")),
        ("a space inside", good.replacen('.', " .", 1)),
        ("over 8 KiB", saying(&json!({"note": "x".repeat(6000)}))),
    ]
}

/// Signed in another way than the header says, by another key, or over other bytes.
fn missigned() -> Vec<(&'static str, String)> {
    let good = good("user_bad");
    let (body, signature) = good.rsplit_once('.').unwrap();
    let (_, claims_part) = body.split_once('.').unwrap();
    let pem = KEY_A.to_public_pem().unwrap();
    let inner: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
    let mut bad = Vec::new();
    for alg in ["none", "None", "nOnE", ""] {
        let first = BASE64_URL_SAFE_NO_PAD.encode(with(header(), &json!({"alg": alg})).to_string());
        bad.push(("alg none without a signature", format!("{first}.{claims_part}.")));
        bad.push(("alg none", headed(&json!({"alg": alg}))));
    }
    for alg in ["RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256"] {
        bad.push(("another alg", headed(&json!({"alg": alg}))));
    }
    let secrets = [pem.clone().into_bytes(), BASE64_STANDARD.decode(inner).unwrap(), KEY_A.to_jwk().into_bytes()];
    for (alg, secret) in ["HS256", "RS256"].into_iter().flat_map(|alg| secrets.iter().map(move |secret| (alg, secret)))
    {
        let first = BASE64_URL_SAFE_NO_PAD.encode(with(header(), &json!({"alg": alg})).to_string());
        let body = format!("{first}.{claims_part}");
        let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(&body).finalize().into_bytes();
        bad.push(("a MAC by the public key", format!("{body}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))));
    }
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let other = saying(&json!({"sub": "user_other"}));
    let (other, _) = other.rsplit_once('.').unwrap();
    bad.extend([
        ("a changed signature", format!("{body}.{flipped}{}", &signature[1..])),
        ("changed claims", format!("{other}.{signature}")),
        ("another key", signed(&KEY_B, &header(), &claims("user_bad"))),
    ]);
    bad
}

/// Headers that ask for more, or point elsewhere.
fn misheaded(trap: &str) -> Vec<(&'static str, String)> {
    let jwk: Value = serde_json::from_str(&KEY_B.to_jwk()).unwrap();
    let own = |members: Value| signed(&KEY_B, &with(header(), &members), &claims("user_bad"));
    vec![
        ("a jku", own(json!({"jku": trap}))),
        ("an x5u", own(json!({"x5u": trap}))),
        ("a jwk", own(json!({"jwk": jwk}))),
        ("an x5c", own(json!({"x5c": ["MIIB"]}))),
        ("a crit", headed(&json!({"crit": ["exp"]}))),
        ("another typ", headed(&json!({"typ": "at+jwt"}))),
        ("a kid that is a number", headed(&json!({"kid": 7}))),
        ("a kid of 8 KiB", headed(&json!({"kid": "k".repeat(8192)}))),
        ("a kid of 4 KiB", headed(&json!({"kid": "k".repeat(4096)}))),
    ]
}

/// What no session says.
fn misspoken() -> Vec<(&'static str, String, u16)> {
    let text = claims("user_bad").to_string();
    let twice = |first: &str| raw(&format!("{{{first},{}", &text[1..]));
    let mut bad = vec![
        ("an end 6 s ago", saying(&json!({"exp": now() - 6})), EXPIRED),
        ("an end 899 s ago", saying(&json!({"exp": now() - 899})), EXPIRED),
        ("a session with a task to do", saying(&json!({"sts": "pending"})), REQUIRED),
        ("no end", saying(&json!({"exp": null})), INVALID),
        ("an end beyond a day", saying(&json!({"exp": now() + 90_000})), INVALID),
        ("nbf ahead", saying(&json!({"nbf": now() + 60})), INVALID),
        ("iat ahead", saying(&json!({"iat": now() + 60, "exp": now() + 120})), INVALID),
        ("sub twice", twice(r#""sub":"user_bad""#), INVALID),
        ("exp twice", twice(&format!(r#""exp":{}"#, now() + 60)), INVALID),
        ("azp twice", twice(r#""azp":"https://app.example.com""#), INVALID),
        ("no JSON", raw("{"), INVALID),
    ];
    for iss in [
        json!(null),
        json!("https://clerk.example.org"),
        json!(format!("{ISSUER}/")),
        json!("https://сlerk.example.com"),
    ] {
        bad.push(("another iss", saying(&json!({"iss": iss})), INVALID));
    }
    for azp in [json!(null), json!("https://app.example.com.evil.com"), json!("https://other.example")] {
        bad.push(("another azp", saying(&json!({"azp": azp})), INVALID));
    }
    for aud in [json!(null), json!("other"), json!(["a", "b"])] {
        bad.push(("another aud", saying(&json!({"aud": aud})), INVALID));
    }
    for sub in [json!(null), json!(""), json!("u".repeat(129)), json!("a\nb"), json!("a\u{202E}b"), json!("guest:0123")]
    {
        bad.push(("a sub that nobody has", saying(&json!({"sub": sub})), INVALID));
    }
    bad
}

fn all_bad(trap: &str) -> Vec<(&'static str, String, u16)> {
    let invalid = misshapen().into_iter().chain(missigned()).chain(misheaded(trap));
    invalid.map(|(what, token)| (what, token, INVALID)).chain(misspoken()).collect()
}

/// Somebody in a room who must not notice anything.
struct Watch<'a> {
    door: &'a Door,
    observer: Socket,
    room: String,
}

impl Watch<'_> {
    fn begin(door: &Door) -> Watch<'_> {
        let (observer, _) = door.enter("watched", &good("user_observer"));
        let room = door.server.get(&door.address("watched", &good("user_observer")), "").body;
        assert!(room.contains(r#""userCount":1"#), "{room}");
        Watch { door, observer, room }
    }

    fn is_as_it_was(&self, what: &str) {
        let room = self.door.server.get(&self.door.address("watched", &good("user_observer")), "").body;
        assert_eq!(room, self.room, "after {what}");
    }

    /// What the observer hears next is the answer to its own question.
    fn heard_nothing(mut self) {
        self.observer.send("ping");
        assert_eq!(self.observer.receive().unwrap().1, b"pong");
    }
}

const STRICT: [&str; 2] = ["--clerk-authorized-parties", "https://app.example.com,https://b.example.com"];

#[test]
fn edge4_run15_every_kind_of_bad_token_is_refused_with_its_code_and_never_logged() {
    let trap = Trap::set();
    for log in [Log::Text, Log::Json] {
        let door = Door::pinned(log, &STRICT);
        let watch = Watch::begin(&door);
        let bad = all_bad(&trap.url);
        assert!(bad.len() > 60, "{}", bad.len());
        for (what, token, code) in &bad {
            let expected = (*code, reason(*code).to_owned());
            let fits_a_target = token.len() < 6000;
            let fits_a_line = !token.contains([' ', '\n']);
            assert!(fits_a_target || fits_a_line, "{what}");
            if fits_a_target {
                assert_eq!(door.closed(&door.address("watched", token), ""), expected, "{what} in the query");
            }
            if fits_a_line {
                assert_eq!(door.closed("/party/watched", &door.bearer(token)), expected, "{what} as a bearer");
                let refused = door.server.get("/party/watched", &door.bearer(token));
                assert_eq!(read(&refused), (401, expected.1.clone()), "{what} over plain HTTP");
                assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
                let by_cookie = format!("{PAGE}{}", door.cookie(token));
                assert_eq!(door.closed("/party/watched", &by_cookie), expected, "{what} in the cookie");
            }
            watch.is_as_it_was(what);
        }
        watch.heard_nothing();
        drop(door.enter("watched", &good("user_next")));
    }
    trap.is_untouched();
}

#[test]
fn edge4_good_tokens_are_taken_from_wherever_they_stand() {
    let door = Door::pinned(Log::Text, &STRICT);
    for token in [
        good("user_ann"),
        // Its end is past, and the clocks may differ.
        signed(&KEY_A, &header(), &with(claims("user_ann"), &json!({"exp": now() - 2}))),
        saying(&json!({"sub": "user_ann", "azp": "https://b.example.com", "aud": ["other", "kanvas"]})),
        // A key that was given is the one, whatever its name.
        signed(&KEY_A, &with(header(), &json!({"kid": "../../etc/passwd"})), &claims("user_ann")),
        signed(&KEY_A, &with(header(), &json!({"kid": null, "typ": null})), &claims("user_ann")),
        saying(&json!({"sub": "user_ann", "v": null, "iat": null, "nbf": null, "sid": null})),
    ] {
        let (in_query, by_bearer) = (door.address("a", &token), door.bearer(&token));
        for (address, lines) in [
            (in_query.as_str(), ""),
            (&in_query, PAGE),
            ("/party/a", &by_bearer),
            ("/party/a", &by_bearer.replace("Bearer", "bEARER")),
            ("/party/a", &format!("{PAGE}{}", door.cookie(&token))),
            // What was sent on purpose leads over what a browser adds.
            (&in_query, &door.cookie("x.y.z")),
            (&in_query, &format!("{PAGE}{}", door.cookie("x.y.z"))),
        ] {
            let (_, told) = door.join(address, lines);
            assert_eq!(told["userId"], "user_ann", "{token} {address} {lines}");
        }
    }
}

#[test]
fn edge4_no_token_an_empty_one_and_two_are_none() {
    let token = good("user_ann");
    for mode in ["required", "optional"] {
        let door = Door::pinned(Log::Text, &["--auth", mode]);
        drop(door.enter("a", &token));
        let (in_query, bearer) = (door.address("a", &token), door.bearer(&token));
        let cookie = door.cookie(&token);
        let two_cookies = format!("{PAGE}Cookie: __session={token}\r\n{cookie}");
        for (address, lines, code) in [
            ("/party/a?token=", "", REQUIRED),
            ("/party/a", "Authorization: Bearer\r\n", REQUIRED),
            ("/party/a", "Authorization: Bearer  \r\n", REQUIRED),
            ("/party/a", "Authorization: Basic dTpw\r\n", REQUIRED),
            ("/party/a", &format!("{PAGE}Cookie: __session=\r\n"), REQUIRED),
            (&format!("{in_query}&token={token}"), "", INVALID),
            (&format!("{in_query}&token="), "", INVALID),
            (&in_query, &bearer, INVALID),
            ("/party/a", &bearer.repeat(2), INVALID),
            ("/party/a", &two_cookies, INVALID),
        ] {
            let expected = (code, reason(code).to_owned());
            assert_eq!(door.closed(address, lines), expected, "{mode}: {address} {lines}");
            assert_eq!(door.asked(address, lines), (401, expected.1), "{mode}: {address} {lines}");
        }
    }
}

#[test]
fn edge3_a_cookie_counts_for_pages_that_may_ask_and_for_nobody_else() {
    let token = good("user_ann");
    for mode in ["required", "optional"] {
        let door = Door::pinned(Log::Text, &["--auth", mode]);
        drop(door.enter("a", &token));
        let cookie = door.cookie(&token);
        let (_, told) = door.join("/party/a", &format!("{PAGE}{cookie}"));
        assert_eq!(told["userId"], "user_ann", "{mode}");
        // A socket and an upload have an Origin wherever a page is behind them, and nothing stands in for it.
        for evidence in ["", "Sec-Fetch-Site: same-origin\r\n"] {
            let lines = format!("{cookie}{evidence}");
            let (answer, _) = door.server.try_socket("/party/a", &lines);
            assert_eq!(read(&answer), (403, "forbidden".into()), "{mode} {evidence}");
            let put = format!("PUT /assets?room=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{lines}\r\n");
            assert_eq!(read(&door.server.raw(put)), (403, "forbidden".into()), "{mode} {evidence}");
        }
        for stranger in ["https://evil.example", "null", "https://app.example.com.evil.example"] {
            let lines = format!("Origin: {stranger}\r\n{cookie}");
            assert_eq!(door.server.try_socket("/party/a", &lines).0.status, 403, "{mode} {stranger}");
            assert_eq!(door.asked("/party/a", &lines).0, 403, "{mode} {stranger}");
        }
        // A browser names no origin where a page asks its own server for something.
        let bad = door.cookie("x.y.z");
        let same = "Sec-Fetch-Site: same-origin\r\n";
        assert_eq!(door.asked("/party/a", &format!("{cookie}{same}")).0, 200, "{mode}");
        assert_eq!(door.asked("/party/a", &format!("{bad}{same}")), (401, "token_invalid".into()), "{mode}");
        let uncounted = if mode == "required" { (401, "token_required".into()) } else { (200, String::new()) };
        let twice = same.repeat(2);
        for evidence in
            ["", "Sec-Fetch-Site: same-site\r\n", "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: none\r\n", &twice]
        {
            for cookie in [&cookie, &bad] {
                assert_eq!(door.asked("/party/a", &format!("{cookie}{evidence}")), uncounted, "{mode} {evidence}");
            }
        }
        let head = |lines: &str| {
            let asked = format!("HEAD /party/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n");
            door.server.raw(asked).status
        };
        assert_eq!((head(&format!("{cookie}{same}")), head(&cookie)), (200, uncounted.0), "{mode}");
    }
}

#[test]
fn sign3_no_name_of_a_key_makes_the_server_reach_for_anything() {
    let (stub, trap) = (Stub::start(jwks(&[&KEY_A])), Trap::set());
    let door = Door::fetching(Log::Json, &stub.url, &["--max-waiting", "500"]);
    drop(door.enter("a", &good("user_ann")));
    let kids = [json!("../../etc/passwd"), json!("' OR 1=1"), json!(&trap.url), json!("k".repeat(128)), json!(null)];
    for kid in kids {
        let token = signed(&KEY_B, &with(header(), &json!({"kid": kid})), &claims("user_bad"));
        assert_eq!(door.closed(&door.address("a", &token), ""), (INVALID, "token_invalid".into()), "{kid}");
    }
    for (what, token) in misheaded(&trap.url) {
        assert_eq!(door.closed("/party/a", &door.bearer(&token)), (INVALID, "token_invalid".into()), "{what}");
    }
    for no in 0..200 {
        let token = signed(&KEY_B, &with(header(), &json!({"kid": format!("kid-{no}")})), &claims("user_bad"));
        assert_eq!(door.closed(&door.address("a", &token), "").0, INVALID);
    }
    assert_eq!(stub.asked(), 1, "strangers' keys are not asked for so soon after the last time");
    trap.is_untouched();
    drop(door.enter("a", &ending("user_bob", 30)));
}
