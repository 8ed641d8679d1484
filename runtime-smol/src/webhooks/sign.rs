//! The signature of a webhook, as the specification of Standard Webhooks has it (HOOK2). It owns the secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const PREFIX: &str = "whsec_";
/// Bytes of the key, by the specification.
const LEAST: usize = 24;
const MOST: usize = 64;

/// What the receiver and this server know, and nobody else. It prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Reads `--webhook-secret`. The error says what is allowed, and nothing of what was given.
    pub(crate) fn parse(text: &str) -> Result<Secret, &'static str> {
        let key = text.strip_prefix(PREFIX).and_then(|key| STANDARD.decode(key).ok());
        let key = key.filter(|key| (LEAST..=MOST).contains(&key.len()));
        key.map(Secret)
            .ok_or("whsec_ and 24 to 64 random bytes in base64, as `echo whsec_$(openssl rand -base64 32)` makes it")
    }

    /// The value of `webhook-signature`.
    pub(crate) fn sign(&self, id: &str, seconds: u64, body: &str) -> String {
        // HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hook2_the_example_of_the_specification_has_the_signature_that_it_says() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn hook3_a_secret_is_of_24_to_64_bytes_and_prints_as_nothing() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![b'k'; bytes]));
        for bytes in [24, 32, 64] {
            assert_eq!(format!("{:?}", Secret::parse(&of(bytes)).unwrap()), "Secret");
        }
        let bare = STANDARD.encode([b'k'; 32]);
        for wrong in [of(23), of(65), bare, "whsec_".into(), "whsec_!".into(), String::new()] {
            let told = Secret::parse(&wrong).unwrap_err();
            assert!(wrong.is_empty() || !told.contains(&wrong) || wrong == "whsec_", "{told}");
        }
    }
}
