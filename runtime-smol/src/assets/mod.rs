//! Image files: `/assets`. They are received (`upload`), kept (`files`), served (`serve`), and removed when no room has
//! referred to them for long (`sweep`). It owns what these share. What kind a file is, the core tells by its bytes.

pub(crate) mod files;
pub(crate) mod serve;
pub(crate) mod sweep;
pub(crate) mod upload;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use smol::lock::Semaphore;

use files::Files;

/// Uploads at once. Each may hold a file open.
pub(crate) const UPLOADS: usize = 32;
/// Files that are read at once, each for a piece.
pub(crate) const READS: usize = 16;

/// How much may be kept, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AssetLimits {
    /// Bytes of one file.
    pub(crate) file: u64,
    /// Bytes of one person in a day.
    pub(crate) day: u64,
    /// Bytes of all files.
    pub(crate) total: u64,
    /// How long a file stays that nothing refers to.
    pub(crate) keep: Duration,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Assets {
    limits: AssetLimits,
    files: Arc<Files>,
    uploads: Semaphore,
    reads: Arc<Semaphore>,
}

impl Assets {
    /// Makes its directories and tidies them. The error is a sentence for the operator.
    pub(crate) fn open(data: &Path, limits: AssetLimits) -> Result<Assets, String> {
        Ok(Assets {
            limits,
            files: Arc::new(Files::open(data, limits.total)?),
            uploads: Semaphore::new(UPLOADS),
            reads: Arc::new(Semaphore::new(READS)),
        })
    }
}

/// The name of an asset: the SHA-256 of its bytes in lower-case hexadecimal digits, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Hash(String);

impl Hash {
    pub(crate) const LEN: usize = 64;

    pub(crate) fn parse(text: &str) -> Option<Hash> {
        let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == Hash::LEN && text.bytes().all(is_digit)).then(|| Hash(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
