//! Tokens of our own, for development servers and tests. A signature takes a time that depends on the key: nobody may
//! let strangers ask for them.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use jwt_simple::prelude::{Base64UrlSafeNoPadding, RS256KeyPair, RSAKeyPairLike};
use jwt_simple::reexports::ct_codecs::Encoder;
use superboring::hash::MessageDigest;
use superboring::pkey::PKey;
use superboring::rsa::Padding;
use superboring::sign::Signer;

use super::keys::Keys;
use super::reasons;
use crate::time::{Span, Time};
use crate::wire::json::{Writer, into_text};

/// An RSA key pair with a name.
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    pair: RS256KeyPair,
}

reasons! {
    /// Why a text is no key pair.
    BadSigningKey;
    /// No PEM text of a private RSA key.
    Unfit = "unfit_key", "This is no PEM text of a private RSA key of 2048 to 4096 bits with the exponent 65537.";
    /// The operating system gave no randomness, or no key came of it.
    NotMade = "not_made", "A key pair could not be made; try again.";
}

/// What a token is to say.
#[derive(Clone, Copy, Debug)]
pub struct Mint<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `sub`.
    pub user: &'a str,
    /// `sid`.
    pub session: &'a str,
    /// `azp`.
    pub party: Option<&'a str>,
    /// `name`.
    pub name: Option<&'a str>,
    /// `picture`.
    pub picture: Option<&'a str>,
    /// From now to `exp`.
    pub life: Span,
}

impl Default for Mint<'_> {
    /// Lives for a minute, as Clerk's do.
    fn default() -> Self {
        let life = Span::from_secs(60);
        Mint { issuer: "", user: "user_dev", session: "sess_dev", party: None, name: None, picture: None, life }
    }
}

impl SigningKey {
    /// Makes a key of 2048 bits out of the operating system's randomness.
    ///
    /// # Errors
    /// [`BadSigningKey::NotMade`] if there was none.
    pub fn generate() -> Result<SigningKey, BadSigningKey> {
        let pair = RS256KeyPair::generate(2048).map_err(|_| BadSigningKey::NotMade)?;
        Ok(SigningKey { kid: pair.jwk_thumbprint(), pair })
    }

    /// Takes a key from its PEM text.
    ///
    /// # Errors
    /// [`BadSigningKey::Unfit`] for any other text.
    pub fn from_pem(pem: &str, kid: &str) -> Result<SigningKey, BadSigningKey> {
        let pair = RS256KeyPair::from_pem(pem).map_err(|_| BadSigningKey::Unfit)?;
        Ok(SigningKey { kid: kid.into(), pair })
    }

    /// The `kid` of its tokens.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The private key as PEM: a secret.
    ///
    /// # Errors
    /// [`BadSigningKey::Unfit`] if it cannot be written.
    pub fn to_pem(&self) -> Result<String, BadSigningKey> {
        self.pair.to_pem().map_err(|_| BadSigningKey::Unfit)
    }

    /// The public key as PEM, for `CLERK_JWT_KEY`.
    ///
    /// # Errors
    /// [`BadSigningKey::Unfit`] if it cannot be written.
    pub fn to_public_pem(&self) -> Result<String, BadSigningKey> {
        self.pair.public_key().to_pem().map_err(|_| BadSigningKey::Unfit)
    }

    /// The public key as one key of a JWKS.
    pub fn to_jwk(&self) -> String {
        self.pair.public_key().with_key_id(&self.kid).to_jwk()
    }

    /// The keys that take this key's tokens, by its name.
    pub fn public_keys(&self) -> Keys {
        Keys::named(&self.kid, self.pair.public_key())
    }

    /// Makes a session token as Clerk does, version 2.
    pub fn mint(&self, mint: &Mint<'_>, now: Time) -> String {
        let (mut header, mut claims) = (Vec::new(), Vec::new());
        let mut writer = Writer::object(&mut header);
        writer.text("alg", "RS256").text("kid", &self.kid).text("typ", "JWT");
        writer.end();
        let from = now.as_millis() / 1000;
        let mut writer = Writer::object(&mut claims);
        for (name, text) in [("azp", mint.party), ("name", mint.name), ("picture", mint.picture)] {
            if let Some(text) = text {
                writer.text(name, text);
            }
        }
        writer.integer("exp", from.saturating_add(mint.life.as_millis() / 1000));
        writer.integer("iat", from).text("iss", mint.issuer).integer("nbf", from.saturating_sub(10));
        writer.text("sid", mint.session).text("sts", "active").text("sub", mint.user).integer("v", 2);
        writer.end();
        self.sign(&into_text(header), &into_text(claims))
    }

    /// Signs a header and claims as they are, good or bad: for tests.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let mut token = encode(header.as_bytes());
        token.push('.');
        token.push_str(&encode(claims.as_bytes()));
        let signature = self.signature(token.as_bytes());
        token.push('.');
        token.push_str(&encode(&signature));
        token
    }

    /// RS256 of these bytes. Empty if the library will not: then no check takes the token.
    fn signature(&self, bytes: &[u8]) -> Vec<u8> {
        let signed = || {
            let key = PKey::from_rsa(self.pair.key_pair().as_ref().clone())?;
            let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
            signer.set_rsa_padding(Padding::PKCS1)?;
            signer.update(bytes)?;
            signer.sign_to_vec()
        };
        signed().unwrap_or_default()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// What fits in memory can be written; if it could not, no check would take the token.
fn encode(bytes: &[u8]) -> String {
    Base64UrlSafeNoPadding::encode_to_string(bytes).unwrap_or_default()
}
