//! The check of one token. What costs little is looked at first and the signature last; nothing of a token is told
//! or kept before all of it holds.

use alloc::string::String;
use alloc::vec::Vec;

use jwt_simple::prelude::{
    Base64UrlSafeNoPadding, Duration, NoCustomClaims, RSAPublicKeyLike, UnixTimeStamp, VerificationOptions,
};
use jwt_simple::reexports::ct_codecs::Decoder;

use super::claims::{Claims, Session, member, text};
use super::keys::{Keys, PublicKey};
use super::{KID_BYTES, Refusal, TOKEN_BYTES};
use crate::time::Time;
use crate::wire::json::{self, Value};

/// What a token must say to be one of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// The `iss`, byte for byte: `https://` and the Frontend API, without a slash at the end. `None`, where the key
    /// alone says whose token it is: any `https://` address, and not none.
    pub issuer: Option<String>,
    /// Origins of which `azp` must be one. Empty: any, and none.
    pub parties: Vec<String>,
    /// Of which `aud` must name one. Empty: any, and none.
    pub audience: Vec<String>,
}

/// Says whose session a token proves.
///
/// # Errors
/// The first [`Refusal`] that applies: form, then header, claims, key, and the signature last.
///
/// ```
/// use kanvas_core::Time;
/// use kanvas_core::auth::{Checks, Mint, Refusal, SigningKey, check};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::from_pem(include_str!("../../tests/keys/test-only-a.pem"), "key-a")?;
/// let checks = Checks { issuer: Some("https://clerk.example.com".into()), ..Checks::default() };
/// let now = Time::from_millis(1_800_000_000_000);
///
/// let token = key.mint(&Mint { issuer: "https://clerk.example.com", user: "user_ann", ..Mint::default() }, now);
/// assert_eq!(check(token.as_bytes(), &key.public_keys(), &checks, now)?.user, "user_ann");
///
/// let later = Time::from_millis(1_800_000_065_000);
/// assert_eq!(check(token.as_bytes(), &key.public_keys(), &checks, later), Err(Refusal::Expired));
/// # Ok(())
/// # }
/// ```
pub fn check(token: &[u8], keys: &Keys, checks: &Checks, now: Time) -> Result<Session, Refusal> {
    let unproven = Unproven::read(token, checks, now)?;
    let key = keys.find(unproven.kid()).ok_or(Refusal::UnknownKey)?;
    unproven.prove(key)
}

/// A token of which all holds but the signature, which nobody has looked at.
pub(super) struct Unproven<'t> {
    text: &'t str,
    kid: Option<String>,
    session: Session,
}

impl<'t> Unproven<'t> {
    pub(super) fn read(token: &'t [u8], checks: &Checks, now: Time) -> Result<Unproven<'t>, Refusal> {
        if token.is_empty() {
            return Err(Refusal::Missing);
        }
        if token.len() > TOKEN_BYTES {
            return Err(Refusal::TooLong);
        }
        let text = core::str::from_utf8(token).map_err(|_| Refusal::Malformed)?;
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Refusal::Malformed);
        };
        let kid = read_header(&decode(header)?)?;
        let claims = Claims::read(&decode(claims)?)?;
        decode(signature)?;
        Ok(Unproven { text, kid, session: claims.hold(checks, now)? })
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// AUTH15: over the bytes as they came. The library's own look at the times is switched off, since its defaults
    /// take a token 900 s past its end; what else it may object to was refused when the claims were read.
    pub(super) fn prove(self, key: &PublicKey) -> Result<Session, Refusal> {
        let signature_only = VerificationOptions {
            accept_future: true,
            time_tolerance: Some(Duration::from_secs(0)),
            artificial_time: Some(UnixTimeStamp::from_secs(0)),
            max_token_length: Some(TOKEN_BYTES),
            ..VerificationOptions::default()
        };
        match key.0.verify_token::<NoCustomClaims>(self.text, Some(signature_only)) {
            Ok(_) => Ok(self.session),
            Err(_) => Err(Refusal::BadSignature),
        }
    }
}

/// AUTH4: no padding, no other alphabet, no white space, no bits beyond the last byte.
fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    if part.is_empty() {
        return Err(Refusal::Malformed);
    }
    Base64UrlSafeNoPadding::decode_to_vec(part, None).map_err(|_| Refusal::Malformed)
}

/// Members that would ask for something that is not done here, or bring a key along.
const REFUSED: [&str; 11] = ["crit", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "b64", "cty", "zip", "salt"];

fn read_header(header: &[u8]) -> Result<Option<String>, Refusal> {
    let mut header = json::read(header).and_then(Value::into_object).ok_or(Refusal::Malformed)?;
    if member(&mut header, "alg") != Some(Value::Text("RS256".into())) {
        return Err(Refusal::BadAlg);
    }
    if member(&mut header, "typ").is_some_and(|typ| typ != Value::Text("JWT".into())) {
        return Err(Refusal::BadType);
    }
    if REFUSED.iter().any(|name| member(&mut header, name).is_some()) {
        return Err(Refusal::BadHeader);
    }
    let kid = text(&mut header, "kid")?;
    if kid.as_ref().is_some_and(|kid| kid.is_empty() || kid.len() > KID_BYTES) {
        return Err(Refusal::Malformed);
    }
    Ok(kid)
}
