//! The secret by which the operator's own back end is known. Only a digest of it stays in memory.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const BYTES: std::ops::RangeInclusive<usize> = 16..=512;

/// See the module. Its `Debug` tells nothing (CONF12).
#[derive(Clone)]
pub(crate) struct AdminSecret([u8; 32]);

impl fmt::Debug for AdminSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminSecret")
    }
}

impl AdminSecret {
    /// Takes a secret that is long enough, and that a header can carry.
    pub(crate) fn new(text: &str) -> Option<AdminSecret> {
        let legal = BYTES.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        legal.then(|| AdminSecret(Sha256::digest(text.as_bytes()).into()))
    }

    /// What is kept of it, for keys that are made of it.
    pub(crate) fn digest(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is it. Digests are compared, in a time that tells neither how much of it is right nor how long it
    /// should be.
    pub(crate) fn is(&self, text: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        self.0.ct_eq(&given).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conf12_a_secret_is_long_enough_and_shows_itself_to_nobody() {
        let secret = AdminSecret::new("sixteen-bytes-ok").unwrap();
        assert!(secret.is("sixteen-bytes-ok") && !secret.is("sixteen-bytes-oK") && !secret.is(""));
        assert_eq!(format!("{secret:?}"), "AdminSecret");
        for bad in ["fifteen-bytes--", "sixteen bytes no", "sixteen-bytes-ö", &"x".repeat(513)] {
            assert!(AdminSecret::new(bad).is_none(), "{bad}");
        }
    }
}
