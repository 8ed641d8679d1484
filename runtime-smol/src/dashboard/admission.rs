//! Who may look at the server and act on it: whoever sends the admin secret, and the browser that signed in with it. A
//! browser keeps a cookie with a moment and a proof of it, never the secret.

use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::api::{self, AdminSecret};
use crate::auth::AuthMode;
use crate::door::Door;
use crate::http::{Answer, blank, problem};
use crate::origin::Origin;
use crate::server::Server;
use crate::upgrade::one;
use crate::web::hex;

/// A day's work.
const SIGNED_IN_MS: u64 = 12 * 3600 * 1000;
/// What the key of the proofs is for.
const PURPOSE: &[u8] = b"kanvas: signed in as operator";
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How somebody may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// As anybody on the machine of a development server, or at the address for operators.
    Open,
    Secret,
    SignedIn,
}

/// What somebody is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Look,
    Act,
}

/// Whether a request comes from a page of this server, or from no page at all.
pub(super) fn of_own_page(server: &Server, headers: &HeaderMap, secure: bool) -> bool {
    // A link or an address that is typed brings no cookie from elsewhere, and shows the form at most.
    let sites = headers.get_all(FETCH_SITE).iter();
    let is_near = |site: &HeaderValue| site == "same-origin" || site == "none";
    let navigates = one(headers, &HeaderName::from_static("sec-fetch-mode")) == Some("navigate");
    if !navigates && !sites.into_iter().all(is_near) {
        return false;
    }
    !headers.contains_key(header::ORIGIN) || says_own_origin(server, headers, secure)
}

fn says_own_origin(server: &Server, headers: &HeaderMap, secure: bool) -> bool {
    let (Some(origin), Some(host)) = (one(headers, &header::ORIGIN), one(headers, &header::HOST)) else { return false };
    let is_public = server.edge.public.as_ref().map(Origin::as_str) == Some(origin);
    let of_host = origin.split_once("://").is_some_and(|(scheme, name)| {
        let scheme_fits = if secure { scheme == "https" } else { matches!(scheme, "http" | "https") };
        scheme_fits && name.eq_ignore_ascii_case(host)
    });
    is_public || of_host
}

/// How this request may look or act; the answer if it may not. That it is of no foreign page is known.
pub(super) fn admit(server: &Server, door: Door, headers: &HeaderMap, asks: Asks) -> Result<Admission, Box<Answer>> {
    let admission = match &server.admin {
        Some(_) | None if door == Door::Operators => Admission::Open,
        None if server.edge.mode == AuthMode::Dev => Admission::Open,
        None => return Err(Box::new(off())),
        Some(_) if headers.contains_key(header::AUTHORIZATION) => {
            api::admit(server, door, headers)?;
            return Ok(Admission::Secret);
        }
        Some(secret) => {
            let now = server.clock.wall().as_millis();
            if !cookies(headers, name(server)).any(|proof| is_proof(proof, secret, now)) {
                return Err(Box::new(unauthorized(
                    "Sign in at /dashboard, or send the server's admin secret as Authorization: Bearer.",
                )));
            }
            Admission::SignedIn
        }
    };
    // What a browser sends by itself is not enough to act: the page must have said that it is ours.
    if asks == Asks::Act && !headers.contains_key(header::ORIGIN) {
        let message = "Act from the dashboard, or send the server's admin secret as Authorization: Bearer.";
        return Err(Box::new(problem(StatusCode::FORBIDDEN, "forbidden", message)));
    }
    Ok(admission)
}

/// Signs a browser in.
pub(super) fn sign_in(server: &Server, given: &str) -> Answer {
    let Some(secret) = &server.admin else {
        return if server.edge.mode == AuthMode::Dev { blank(StatusCode::NO_CONTENT) } else { off() };
    };
    if !secret.is(given.trim()) {
        return unauthorized("That is not the server's admin secret.");
    }
    let until = server.clock.wall().as_millis() + SIGNED_IN_MS;
    set_cookie(server, &format!("{until}.{}", hex(&mac(secret, until))), SIGNED_IN_MS / 1000)
}

/// Has the browser forget that it signed in.
pub(super) fn leave(server: &Server) -> Answer {
    set_cookie(server, "", 0)
}

fn off() -> Answer {
    let message =
        "The dashboard opens once the server is started with KANVAS_ADMIN_SECRET, a secret of 16 bytes or more.";
    problem(StatusCode::FORBIDDEN, "off", message)
}

fn unauthorized(message: &str) -> Answer {
    let mut answer = problem(StatusCode::UNAUTHORIZED, "unauthorized", message);
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

/// With `__Host-` no other host of the domain can set it. On a development server there is no TLS that it could ask for.
fn name(server: &Server) -> &'static str {
    match server.edge.mode {
        AuthMode::Dev => "kanvas-admin",
        AuthMode::Optional | AuthMode::Required => "__Host-kanvas-admin",
    }
}

fn set_cookie(server: &Server, value: &str, seconds: u64) -> Answer {
    let secure = match server.edge.mode {
        AuthMode::Dev => "",
        AuthMode::Optional | AuthMode::Required => "; Secure",
    };
    let cookie = format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", name(server));
    let mut answer = blank(StatusCode::NO_CONTENT);
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

fn cookies<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).map(str::trim);
    pairs.filter_map(move |pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn is_proof(proof: &str, secret: &AdminSecret, now: u64) -> bool {
    let Some((until, given)) = proof.split_once('.') else { return false };
    let is_number = until.len() <= 16 && until.bytes().all(|b| b.is_ascii_digit());
    let Some(until) = until.parse().ok().filter(|until| is_number && *until > now) else { return false };
    hex(&mac(secret, until)).as_bytes().ct_eq(given.as_bytes()).into()
}

/// Of a key that only this secret gives: another secret signs everybody out.
fn mac(secret: &AdminSecret, until: u64) -> Vec<u8> {
    let mac = |key: &[u8], words: &[u8]| {
        // An HMAC takes keys of every length.
        let mac =
            Hmac::<Sha256>::new_from_slice(key).map(|mac| mac.chain_update(words).finalize().into_bytes().to_vec());
        mac.unwrap_or_default()
    };
    mac(&mac(secret.digest(), PURPOSE), until.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dash2_a_proof_holds_for_its_secret_and_its_time_and_is_not_the_secret() {
        let (ours, other) = ("sixteen-bytes-ok", "sixteen-bytes-oK");
        let secret = AdminSecret::new(ours).unwrap();
        let proof = format!("1000.{}", hex(&mac(&secret, 1000)));
        assert!(is_proof(&proof, &secret, 999) && !proof.contains(ours));
        assert!(!is_proof(&proof, &secret, 1000), "it is over");
        assert!(!is_proof(&proof, &AdminSecret::new(other).unwrap(), 999));
        for bad in
            [proof.replace("1000", "2000"), proof.replace("1000", "+1000"), "1000.".into(), "x".into(), String::new()]
        {
            assert!(!is_proof(&bad, &secret, 1), "{bad}");
        }
    }
}
