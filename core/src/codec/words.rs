//! Numbers and texts as bytes, both ways.

use alloc::vec::Vec;

use super::NONE;
use crate::id::Conn;

/// Appends one record: `write` writes what stands behind its length.
pub(super) fn record(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = bytes.len();
    u32(bytes, 0);
    write(bytes);
    let len = length(bytes.len() - start - 4).to_le_bytes();
    if let Some(place) = bytes.get_mut(start..start + 4) {
        place.copy_from_slice(&len);
    }
}

pub(super) fn u32(bytes: &mut Vec<u8>, number: u32) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

pub(crate) fn u64(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn conn(bytes: &mut Vec<u8>, conn: Conn) {
    u32(bytes, conn.slot);
    u32(bytes, conn.generation);
}

/// A text or a list of bytes.
pub(crate) fn blob(bytes: &mut Vec<u8>, blob: &[u8]) {
    u32(bytes, length(blob.len()));
    bytes.extend_from_slice(blob);
}

pub(crate) fn text(bytes: &mut Vec<u8>, text: &str) {
    blob(bytes, text.as_bytes());
}

pub(super) fn maybe_text(bytes: &mut Vec<u8>, text: Option<&str>) {
    maybe_blob(bytes, text.map(str::as_bytes));
}

pub(super) fn maybe_blob(bytes: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(value) => blob(bytes, value),
        None => u32(bytes, NONE),
    }
}

/// A number that may be missing: whether it is there as a byte, then the number or 0.
pub(super) fn maybe_u64(bytes: &mut Vec<u8>, number: Option<u64>) {
    bytes.push(u8::from(number.is_some()));
    u64(bytes, number.unwrap_or(0));
}

/// What is written here is bounded far below 4 GiB (see `limits.rs`).
pub(super) fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(NONE - 1)
}

/// Reads what the functions above write. Every read is `None` once the bytes do not hold what is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn sixteen(&mut self) -> Option<[u8; 16]> {
        self.array()
    }

    pub(super) fn conn(&mut self) -> Option<Conn> {
        Some(Conn { slot: self.u32()?, generation: self.u32()? })
    }

    pub(crate) fn blob(&mut self) -> Option<&'a [u8]> {
        self.maybe_blob()?
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.blob()?).ok()
    }

    pub(super) fn maybe_blob(&mut self) -> Option<Option<&'a [u8]>> {
        match self.u32()? {
            NONE => Some(None),
            len => self.take(usize::try_from(len).ok()?).map(Some),
        }
    }

    pub(super) fn maybe_text(&mut self) -> Option<Option<&'a str>> {
        match self.maybe_blob()? {
            None => Some(None),
            Some(blob) => core::str::from_utf8(blob).ok().map(Some),
        }
    }

    pub(super) fn maybe_u64(&mut self) -> Option<Option<u64>> {
        let there = self.bool()?;
        let number = self.u64()?;
        Some(there.then_some(number))
    }

    /// As many of something as a count before them says. Each takes `least` bytes at least, so that a wrong count
    /// reserves no memory.
    pub(super) fn list<T>(
        &mut self,
        least: usize,
        mut one: impl FnMut(&mut Reader<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = usize::try_from(self.u32()?).ok()?;
        if count.checked_mul(least)? > self.0.len() {
            return None;
        }
        (0..count).map(|_| one(self)).collect()
    }
}
