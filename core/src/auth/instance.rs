//! A Clerk instance, as its publishable key names it.

use alloc::format;
use alloc::string::String;

use jwt_simple::prelude::Base64NoPadding;
use jwt_simple::reexports::ct_codecs::Decoder;

use super::reasons;

/// The longest host name, by RFC 1035, with the `$` after it.
const HOST_BYTES: usize = 254;

/// Where tokens come from and where their keys are.
///
/// ```
/// use kanvas_core::auth::Instance;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let instance = Instance::from_publishable_key("pk_test_Y2xlcmsuZXhhbXBsZS5jb20k")?;
/// assert_eq!(instance.issuer, "https://clerk.example.com");
/// assert_eq!(instance.jwks_url, "https://clerk.example.com/.well-known/jwks.json");
/// assert!(!instance.live);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Whether it is in production: `pk_live_`.
    pub live: bool,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_url: String,
}

reasons! {
    /// Why a text is no publishable key.
    BadInstance;
    /// A secret key.
    Secret = "secret_key", "This is a secret key; take the publishable key, which begins with pk_test_ or pk_live_.";
    /// Neither `pk_test_` nor `pk_live_`.
    NotPublishable = "not_publishable", "A publishable key begins with pk_test_ or pk_live_.";
    /// Not base64 of a text that ends with `$`.
    CutShort = "cut_short", "The publishable key cannot be read; copy the whole of it.";
    /// More, or less, than the name of a host.
    NotAHost = "not_a_host", "The publishable key names no host; copy it again from Clerk's API keys.";
}

impl Instance {
    /// Reads a publishable key: `pk_test_` or `pk_live_` and the base64 of the Frontend API's host with a `$`.
    ///
    /// # Errors
    /// [`BadInstance`] says what is wrong with it.
    pub fn from_publishable_key(key: &str) -> Result<Instance, BadInstance> {
        let (live, encoded) = match (key.strip_prefix("pk_live_"), key.strip_prefix("pk_test_")) {
            (Some(encoded), _) => (true, encoded),
            (None, Some(encoded)) => (false, encoded),
            (None, None) if key.starts_with("sk_") => return Err(BadInstance::Secret),
            (None, None) => return Err(BadInstance::NotPublishable),
        };
        let bare = encoded.strip_suffix("==").or(encoded.strip_suffix('=')).unwrap_or(encoded);
        if bare.len() > HOST_BYTES * 2 {
            return Err(BadInstance::NotAHost);
        }
        let decoded = Base64NoPadding::decode_to_vec(bare, None).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let decoded = decoded.ok_or(BadInstance::CutShort)?;
        let host = decoded.strip_suffix('$').ok_or(BadInstance::CutShort)?;
        if !is_host(host) {
            return Err(BadInstance::NotAHost);
        }
        let issuer = format!("https://{host}");
        Ok(Instance { live, jwks_url: format!("{issuer}/.well-known/jwks.json"), issuer })
    }
}

/// A name with a dot, in lower case: no address, port, path, user or trailing dot.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(legal) && !label.starts_with('-') && !label.ends_with('-')
    };
    let top = host.rsplit('.').next().unwrap_or_default();
    host.len() < HOST_BYTES
        && host.contains('.')
        && host.split('.').all(label)
        && !top.bytes().all(|b| b.is_ascii_digit())
}
