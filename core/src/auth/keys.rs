//! Public keys, from a PEM text or a JWKS document. It owns which keys are good enough, not where they come from or
//! how long they count.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use jwt_simple::prelude::{Base64, Base64UrlSafeNoPadding, RS256PublicKey};
use jwt_simple::reexports::ct_codecs::Decoder;

use super::claims::member;
use super::{JWKS_BYTES, JWKS_KEYS, KID_BYTES, reasons};
use crate::wire::json::{self, Object, Value};

/// An RSA key of 2048 to 4096 bits with the exponent 65537.
#[derive(Clone, Debug)]
pub(super) struct PublicKey(pub(super) RS256PublicKey);

/// The keys that tokens may be signed with. The default has none.
#[derive(Clone, Debug, Default)]
pub struct Keys(Held);

#[derive(Clone, Debug, Default)]
enum Held {
    #[default]
    None,
    /// From a PEM text: whatever the `kid` of a token is, it is this one's.
    Pinned(Box<PublicKey>),
    /// From a JWKS: by name.
    Named(Vec<(Box<str>, PublicKey)>),
}

/// What a JWKS document holds.
#[derive(Clone, Debug)]
pub struct Jwks {
    /// The keys that can be used, at least one.
    pub keys: Keys,
    /// Those that cannot.
    pub skipped: Vec<Skipped>,
}

/// A key of a JWKS that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name, if it has one.
    pub kid: Option<String>,
    /// Why.
    pub why: Unusable,
}

reasons! {
    /// Why a PEM text is no key.
    BadPem;
    /// A private key.
    Private = "private_key", "This is a private key; take the public one, and replace this one if others saw it.";
    /// Another block than `PUBLIC KEY`.
    NotPublicKey = "not_public_key", "The PEM text has no block `PUBLIC KEY`; copy the JWKS public key from Clerk's API keys.";
    /// Not base64.
    NotBase64 = "not_base64", "The key's base64 cannot be read; copy the whole of it.";
    /// No RSA key that is good enough.
    Unfit = "unfit_key", "This is no RSA key of 2048 to 4096 bits with the exponent 65537.";
}

reasons! {
    /// Why a JWKS document is none.
    BadKeys;
    /// Over [`JWKS_BYTES`].
    TooLong = "too_long", "The JWKS is longer than 256 KiB.";
    /// Not JSON with a list `keys` of objects.
    NotJwks = "not_jwks", "This is no JWKS: an object with a list `keys` of keys.";
    /// More than [`JWKS_KEYS`].
    TooMany = "too_many", "The JWKS has more than 16 keys.";
    /// One `kid` twice.
    Duplicate = "duplicate_kid", "The JWKS has two keys of one name.";
    /// None that can be used.
    NoneUsable = "none_usable", "The JWKS has no RSA key for signing that can be used.";
}

reasons! {
    /// Why a key of a JWKS is passed over.
    Unusable;
    /// Not `kty: "RSA"`.
    NotRsa = "not_rsa", "The key is no RSA key.";
    /// A `use` that is not `sig`, or `key_ops` without `verify`.
    NotForSigning = "not_for_signing", "The key is not for signatures.";
    /// An `alg` that is not `RS256`.
    NotRs256 = "not_rs256", "The key is for another algorithm than RS256.";
    /// It holds its private half.
    Private = "private_key", "The key was published with its private half.";
    /// No `kid`, or one that no token can have.
    NoKid = "no_kid", "The key has no name that a token could give.";
    /// `n` or `e` is not strict base64url.
    BadNumber = "bad_number", "The key's numbers cannot be read.";
    /// Under 2048 bits.
    TooSmall = "too_small", "The key has fewer than 2048 bits.";
    /// Over 4096 bits.
    TooLarge = "too_large", "The key has more than 4096 bits.";
    /// Not 65537.
    BadExponent = "bad_exponent", "The key's exponent is not 65537.";
    /// The numbers are no RSA key.
    NotAKey = "not_a_key", "The key's numbers are no RSA key.";
}

impl Keys {
    /// The one key of a PEM text, as `CLERK_JWT_KEY` has it: with line ends, with `\n` in their place, or only the
    /// base64 between the lines that frame it.
    ///
    /// # Errors
    /// [`BadPem`] says what the text is instead.
    pub fn from_pem(pem: &str) -> Result<Keys, BadPem> {
        let pem = pem.replace("\\r", "").replace("\\n", "\n");
        let body = match pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----") {
            Some(rest) => rest.strip_suffix("-----END PUBLIC KEY-----").ok_or(BadPem::NotPublicKey)?,
            None if pem.contains("PRIVATE KEY-----") => return Err(BadPem::Private),
            None => pem.trim(),
        };
        if body.is_empty() || body.contains("-----") {
            return Err(BadPem::NotPublicKey);
        }
        let der = Base64::decode_to_vec(body, Some(b" \t\r\n")).map_err(|_| BadPem::NotBase64)?;
        let key = RS256PublicKey::from_der(&der).map_err(|_| BadPem::Unfit)?;
        Ok(Keys(Held::Pinned(Box::new(PublicKey(key)))))
    }

    /// The usable keys of a JWKS document, and why the others are not.
    ///
    /// # Errors
    /// [`BadKeys`] if the whole document must be refused.
    ///
    /// ```
    /// use kanvas_core::auth::{BadKeys, Keys};
    /// assert_eq!(Keys::from_jwks(br#"{"keys": []}"#).unwrap_err(), BadKeys::NoneUsable);
    /// ```
    pub fn from_jwks(jwks: &[u8]) -> Result<Jwks, BadKeys> {
        if jwks.len() > JWKS_BYTES {
            return Err(BadKeys::TooLong);
        }
        let mut jwks = json::read(jwks).and_then(Value::into_object).ok_or(BadKeys::NotJwks)?;
        let list = member(&mut jwks, "keys").and_then(Value::into_list).ok_or(BadKeys::NotJwks)?;
        if list.len() > JWKS_KEYS {
            return Err(BadKeys::TooMany);
        }
        let list: Option<Vec<Object<'_>>> = list.into_iter().map(Value::into_object).collect();
        let (mut named, mut skipped, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for mut jwk in list.ok_or(BadKeys::NotJwks)? {
            let kid = member(&mut jwk, "kid").and_then(Value::into_text).map(|kid| kid.into_owned());
            if let Some(kid) = &kid {
                if names.contains(kid) {
                    return Err(BadKeys::Duplicate);
                }
                names.push(kid.clone());
            }
            match (read_key(jwk), kid) {
                (Ok(key), Some(kid)) if (1..=KID_BYTES).contains(&kid.len()) => named.push((kid.into(), key)),
                (Ok(_), kid) => skipped.push(Skipped { kid, why: Unusable::NoKid }),
                (Err(why), kid) => skipped.push(Skipped { kid, why }),
            }
        }
        if named.is_empty() {
            return Err(BadKeys::NoneUsable);
        }
        Ok(Jwks { keys: Keys(Held::Named(named)), skipped })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        match &self.0 {
            Held::None => 0,
            Held::Pinned(_) => 1,
            Held::Named(named) => named.len(),
        }
    }

    /// The names of the keys; a pinned key has none.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        let named = if let Held::Named(named) = &self.0 { named.as_slice() } else { &[] };
        named.iter().map(|(kid, _)| &**kid)
    }

    /// The key that a token with this `kid` is signed with.
    pub(super) fn find(&self, kid: Option<&str>) -> Option<&PublicKey> {
        match &self.0 {
            Held::None => None,
            Held::Pinned(key) => Some(key),
            Held::Named(named) => named.iter().find(|(name, _)| Some(&**name) == kid).map(|(_, key)| key),
        }
    }

    pub(super) fn named(kid: &str, key: RS256PublicKey) -> Keys {
        Keys(Held::Named(Vec::from([(kid.into(), PublicKey(key))])))
    }
}

/// Whether a member is absent or this text.
fn may_be(jwk: &mut Object<'_>, name: &str, value: &str) -> bool {
    member(jwk, name).is_none_or(|found| found == Value::Text(value.into()))
}

fn read_key(mut jwk: Object<'_>) -> Result<PublicKey, Unusable> {
    let jwk = &mut jwk;
    if member(jwk, "kty") != Some(Value::Text("RSA".into())) {
        return Err(Unusable::NotRsa);
    }
    let verifies = member(jwk, "key_ops").is_none_or(|operations| {
        operations.into_list().is_some_and(|list| list.contains(&Value::Text("verify".into())))
    });
    if !may_be(jwk, "use", "sig") || !verifies {
        return Err(Unusable::NotForSigning);
    }
    if !may_be(jwk, "alg", "RS256") {
        return Err(Unusable::NotRs256);
    }
    if ["d", "p", "q"].iter().any(|name| member(jwk, name).is_some()) {
        return Err(Unusable::Private);
    }
    let mut number = |name: &str| -> Option<Vec<u8>> {
        let text = member(jwk, name)?.into_text()?;
        let bytes = Base64UrlSafeNoPadding::decode_to_vec(text.as_bytes(), None).ok()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some(bytes.get(zeros..)?.to_owned()).filter(|bytes| !bytes.is_empty())
    };
    let (n, e) = (number("n").ok_or(Unusable::BadNumber)?, number("e").ok_or(Unusable::BadNumber)?);
    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    if bits < 2048 {
        return Err(Unusable::TooSmall);
    }
    if bits > 4096 {
        return Err(Unusable::TooLarge);
    }
    if e != [1, 0, 1] {
        return Err(Unusable::BadExponent);
    }
    RS256PublicKey::from_components(&n, &e).map(PublicKey).map_err(|_| Unusable::NotAKey)
}
