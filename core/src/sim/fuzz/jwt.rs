//! Tokens out of the fuzzer's bytes, signed with a key for tests, against a checker that is written from the rules
//! alone. It never decodes a token: it knows what was signed, and RS256 has one signature for one text, so any other
//! text must be refused.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use jwt_simple::prelude::Base64UrlSafeNoPadding;
use jwt_simple::reexports::ct_codecs::Encoder;

use super::bytes::Bytes;
use super::json::{Json, parse};
use super::keys::{ISSUER, NOW, key_a, pinned_a};
use crate::auth::{Checks, Refusal, check};
use crate::time::Time;

const PARTY: &str = "https://app.example.com";

/// Members of a header; the fuzzer takes some and adds its own.
const HEADERS: [&str; 12] = [
    r#""alg":"RS256""#,
    r#""kid":"key-a""#,
    r#""typ":"JWT""#,
    r#""cat":"cl_1""#,
    r#""alg":"HS256""#,
    r#""alg":"none""#,
    r#""kid":"key-b""#,
    r#""typ":"jwt""#,
    r#""kid":7"#,
    r#""crit":["exp"]"#,
    r#""jku":"https://e.example""#,
    r#""x5c":["MII"]"#,
];

const CLAIMS: [&str; 20] = [
    r#""sub":"user_1""#,
    r#""iss":"https://clerk.example.com""#,
    r#""exp":1800000060"#,
    r#""iat":1800000000"#,
    r#""nbf":1799999990"#,
    r#""azp":"https://app.example.com""#,
    r#""aud":["kanvas"]"#,
    r#""sid":"sess_1""#,
    r#""sts":"active""#,
    r#""v":2"#,
    r#""o":{"id":"org_1","rol":"admin","per":"a,b","fpm":"3"}"#,
    r#""fea":"o:x,u:y""#,
    r#""org_id":"org_1""#,
    r#""sts":"pending""#,
    r#""aud":"kanvas""#,
    r#""sub":"guest:1""#,
    r#""exp":1800086400"#,
    r#""iat":1799990000"#,
    r#""org_permissions":["org:x:a"]"#,
    r#""name":"Ann""#,
];

/// A good object but for what the bytes say of it, or any text.
fn object(bytes: &mut Bytes<'_>, members: &[&str], usual: usize) -> String {
    if bytes.byte() == 255 {
        let len = usize::from(bytes.byte());
        return String::from_utf8_lossy(bytes.take(len)).into_owned();
    }
    let mut kept: Vec<String> = members.iter().take(usual).map(|&member| member.to_owned()).collect();
    for _ in 0..bytes.byte() % 5 {
        match bytes.byte() % 6 {
            0 if !kept.is_empty() => {
                kept.remove(usize::from(bytes.byte()) % kept.len());
            }
            1 if !kept.is_empty() => {
                let at = usize::from(bytes.byte()) % kept.len();
                kept.swap_remove(at);
                kept.push((*bytes.pick(members)).to_owned());
            }
            2 => kept.push((*bytes.pick(members)).to_owned()),
            3 => {
                let name =
                    *bytes.pick(&["exp", "iat", "nbf", "sub", "iss", "azp", "aud", "v", "jti", "nonce", "sts", "sid"]);
                kept.retain(|member| !member.starts_with(&format!("\"{name}\"")));
                let near = NOW.wrapping_add(bytes.short()).wrapping_sub(0x8000);
                let any = String::from_utf8_lossy(bytes.take(6)).into_owned();
                let value = match bytes.byte() % 4 {
                    0 => near.to_string(),
                    1 => serde_json::to_string(&any).unwrap_or_default(),
                    2 => any,
                    _ => "null".to_owned(),
                };
                kept.push(format!("\"{name}\":{value}"));
            }
            4 => {
                let len = usize::from(bytes.byte() % 32);
                kept.push(String::from_utf8_lossy(bytes.take(len)).into_owned());
            }
            _ => kept.push(format!("\"x\":\"{}\"", "x".repeat(usize::from(bytes.byte()) * 32))),
        }
    }
    format!("{{{}}}", kept.join(","))
}

/// The token as it was signed, or with something done to it.
fn tampered(bytes: &mut Bytes<'_>, signed: &str) -> Vec<u8> {
    let mut token = signed.as_bytes().to_vec();
    let at = usize::try_from(bytes.short()).unwrap_or_default() % token.len().max(1);
    match bytes.byte() {
        0 => token.truncate(at),
        1 => token.insert(at, bytes.byte()),
        2 => {
            if let Some(byte) = token.get_mut(at) {
                *byte = bytes.byte();
            }
        }
        3 => token.extend_from_slice(bytes.rest()),
        4 => token = bytes.rest().to_vec(),
        5 => {
            // The last letter of a part may differ in bits that mean nothing.
            if let Some(byte) = token.last_mut() {
                *byte = byte.wrapping_add(1);
            }
        }
        _ => {}
    }
    token
}

/// A token is accepted exactly if a small checker, written from AUTH1 to AUTH16 alone, accepts it.
pub fn jwt(bytes: &[u8]) {
    let bytes = &mut Bytes::new(bytes);
    let settings = bytes.byte();
    let checks = Checks {
        issuer: Some(ISSUER.to_owned()),
        parties: if settings & 1 == 0 {
            Vec::new()
        } else {
            Vec::from(["https://b.example".to_owned(), PARTY.to_owned()])
        },
        audience: if settings & 2 == 0 { Vec::new() } else { Vec::from(["kanvas".to_owned()]) },
    };
    let now = Time::from_millis((NOW * 1000).wrapping_add(bytes.short() * 4).wrapping_sub(0x2_0000));
    let (header, claims) = (object(bytes, &HEADERS, 3), object(bytes, &CLAIMS, 8));
    let key = key_a();
    let pinned = settings & 4 != 0;
    let keys = if pinned { pinned_a() } else { key.public_keys() };
    let accepted = accepts(&header, &claims, &checks, pinned, now.as_millis());
    // The signature is looked at last, and is dear to make: only what passes all else is signed.
    let unsigned = unsigned(&header, &claims);
    let last = check(unsigned.as_bytes(), &keys, &checks, now) == Err(Refusal::BadSignature);
    assert_eq!(last, accepted.is_some() && unsigned.len() <= 8192, "AUTH15: {accepted:?} of {header} {claims}");
    let signed = if last { key.sign(&header, &claims) } else { unsigned };
    let token = tampered(bytes, &signed);
    let found = check(&token, &keys, &checks, now);
    let expected = accepted.filter(|_| last && token == signed.as_bytes());
    match (&found, &expected) {
        (Ok(session), Some(user)) => assert_eq!(&session.user, user, "AUTH1: {claims}"),
        (Err(refusal), None) => {
            let unavailable = matches!(refusal, Refusal::Unavailable);
            assert!(!unavailable, "AUTH2: a token is refused for its own faults");
            assert_eq!(*refusal == Refusal::Missing, token.is_empty(), "AUTH3");
            assert_eq!(*refusal == Refusal::TooLong, token.len() > 8192, "AUTH3");
        }
        (Ok(_), None) | (Err(_), Some(_)) => panic!("AUTH1: {found:?}, expected {expected:?}, of {header} {claims}"),
    }
    assert_eq!(check(&token, &keys, &checks, now), found, "AUTH1: the same question has the same answer");
}

/// The token with a signature that is none, but as long as one.
fn unsigned(header: &str, claims: &str) -> String {
    let encode = |text: &str| Base64UrlSafeNoPadding::encode_to_string(text).unwrap_or_default();
    format!("{}.{}.{}", encode(header), encode(claims), "A".repeat(342))
}

/// A member of this name, `null` and all.
fn of<'j>(json: &'j Json, name: &str) -> Option<&'j Json> {
    let Json::Object(members) = json else { return None };
    members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Absent or a text.
fn textual(json: &Json, names: &[&str]) -> bool {
    names.iter().all(|name| of(json, name).is_none_or(|value| value.text().is_some()))
}

/// Absent, or whole seconds; `None` if it is neither.
fn second(json: &Json, name: &str) -> Option<Option<f64>> {
    let Some(value) = of(json, name) else { return Some(None) };
    let seconds = value.number()?;
    let whole = (0.0..=9_007_199_254_740_991.0).contains(&seconds) && seconds % 1.0 == 0.0;
    whole.then_some(Some(seconds))
}

/// Whose session the header and claims prove, if their signature is right.
#[expect(clippy::cast_precision_loss, reason = "the times of a run are far below 2^53")]
fn accepts(header: &str, claims: &str, checks: &Checks, pinned: bool, now: u64) -> Option<String> {
    let (header, claims) = (&parse(header.as_bytes())?, &parse(claims.as_bytes())?);
    let kid = of(header, "kid").map(|kid| kid.text().filter(|kid| (1..=128).contains(&kid.len())).ok_or(()));
    let asks = ["crit", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "b64", "cty", "zip", "salt"];
    let header_holds = of(header, "alg")?.text() == Some("RS256")
        && of(header, "typ").is_none_or(|typ| typ.text() == Some("JWT"))
        && asks.iter().all(|name| of(header, name).is_none())
        && match kid {
            Some(Err(())) => false,
            Some(Ok(kid)) => pinned || kid == "key-a",
            None => pinned,
        };
    let user = of(claims, "sub")?.text()?;
    let turns = ['\u{61C}', '\u{200E}', '\u{200F}'];
    let hides = |c: char| {
        c.is_control()
            || turns.contains(&c)
            || ('\u{202A}'..='\u{202E}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    let known = |id: &str| !id.is_empty() && id.len() <= 128 && !id.chars().any(hides);
    let party = of(claims, "azp").and_then(Json::text);
    let audience: Vec<&Json> = match of(claims, "aud") {
        Some(Json::List(list)) => list.iter().collect(),
        other => other.into_iter().collect(),
    };
    let claims_hold = known(user)
        && !user.starts_with("guest:")
        && textual(claims, &["iss", "azp", "sid", "sts", "jti", "nonce"])
        && audience.iter().all(|one| one.text().is_some())
        && of(claims, "iss")?.text() == checks.issuer.as_deref()
        && (checks.parties.is_empty() || checks.parties.iter().any(|one| Some(one.as_str()) == party))
        && (checks.audience.is_empty() || audience.iter().any(|one| one.text() == Some("kanvas")))
        && of(claims, "sts").and_then(Json::text) != Some("pending")
        && organisation_holds(claims, known);
    let (exp, iat, nbf) = (second(claims, "exp")??, second(claims, "iat")?, second(claims, "nbf")?);
    let now = now as f64 / 1000.0;
    let times_hold = now < exp + 5.0
        && iat.is_none_or(|iat| iat <= now + 5.0 && exp - iat <= 86_400.0)
        && nbf.is_none_or(|nbf| nbf <= now + 5.0)
        && exp <= now + 86_405.0
        && (iat.is_some() || exp <= now + 86_400.0);
    (header_holds && claims_hold && times_hold).then(|| user.to_owned())
}

/// AUTH16, as far as it decides whether a token is taken; `null` is as good as absent here.
fn organisation_holds(claims: &Json, known: impl Fn(&str) -> bool) -> bool {
    let fine = |json: &Json, names: &[&str]| {
        names.iter().all(|name| json.member(name).is_none_or(|value| value.text().is_some()))
    };
    let id_holds = |json: &Json, name: &str| json.member(name).and_then(Json::text).is_some_and(&known);
    if of(claims, "v").and_then(Json::number) == Some(2.0) {
        let Some(o) = claims.member("o") else { return true };
        return matches!(o, Json::Object(_))
            && id_holds(o, "id")
            && fine(o, &["id", "rol", "slg", "per", "fpm"])
            && fine(claims, &["fea"])
            && granted(claims, o) <= 256;
    }
    let permissions = match claims.member("org_permissions") {
        None => true,
        Some(Json::List(list)) => list.len() <= 256 && list.iter().all(|one| one.text().is_some()),
        Some(_) => false,
    };
    claims.member("org_id").is_none()
        || (id_holds(claims, "org_id") && fine(claims, &["org_role", "org_slug"]) && permissions)
}

/// How many permissions the map of version 2 grants.
fn granted(claims: &Json, o: &Json) -> u32 {
    let text = |json: &Json, name: &str| json.member(name).and_then(Json::text).unwrap_or_default().to_owned();
    let names = text(o, "per").split(',').count().min(64);
    let mask = if names == 64 { u64::MAX } else { (1 << names) - 1 };
    let (features, map) = (text(claims, "fea"), text(o, "fpm"));
    let mut map = map.split(',');
    let mut sum = 0;
    for feature in features.split(',').map(str::trim) {
        if ["o:", "ou:", "uo:"].iter().any(|scope| feature.starts_with(scope)) {
            let bits = map.next().and_then(|bits| bits.trim().parse::<u64>().ok()).unwrap_or_default();
            sum += (bits & mask).count_ones();
        }
    }
    sum
}
