//! The keys that the fuzz targets sign with, which are for tests only.

extern crate std;

use std::sync::LazyLock;

use crate::auth::{Keys, SigningKey};

pub(super) const ISSUER: &str = "https://clerk.example.com";
/// The second at which the targets play.
pub(super) const NOW: u64 = 1_800_000_000;

static A: LazyLock<SigningKey> = LazyLock::new(|| key(include_str!("../../../tests/keys/test-only-a.pem"), "key-a"));
static B: LazyLock<SigningKey> = LazyLock::new(|| key(include_str!("../../../tests/keys/test-only-b.pem"), "key-b"));
static PINNED: LazyLock<Keys> = LazyLock::new(|| {
    let pem = A.to_public_pem().expect("a key can be written");
    Keys::from_pem(&pem).expect("and read")
});

fn key(pem: &str, kid: &str) -> SigningKey {
    SigningKey::from_pem(pem, kid).expect("a key for tests")
}

pub(super) fn key_a() -> &'static SigningKey {
    &A
}

pub(super) fn key_b() -> &'static SigningKey {
    &B
}

pub(super) fn pinned_a() -> Keys {
    PINNED.clone()
}
