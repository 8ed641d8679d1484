//! What requests say, read strictly: bodies of bounded length that are JSON, queries without strangers. What is wrong is
//! told with its place.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_json::Number;
use url::form_urlencoded;

use super::answer::Mistake;
use crate::id::MAX_INTEGER;
use crate::limits::USER_ID_BYTES;
use crate::time::Span;

/// The longest usual body.
pub const SMALL: Most = Most { bytes: 16 * 1024, words: "16 KiB", time: Span::from_secs(5) };
/// The longest one that carries a whole canvas.
pub(super) const LARGE: Most = Most { bytes: 16 * 1024 * 1024, words: "16 MiB", time: Span::from_secs(60) };
/// A room that comes from another server.
pub const FILE: Most = Most { bytes: 64 * 1024 * 1024, words: "64 MiB", time: Span::from_secs(60) };

/// How much of a body is taken, and how long it may take to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Bytes.
    pub bytes: usize,
    words: &'static str,
    /// From the first to the last of them.
    pub time: Span,
}

impl Most {
    /// It is longer.
    pub fn too_large(&self) -> Mistake {
        Mistake::new(413, "too_large", format!("The body is longer than {}.", self.words))
    }
}

/// Whether a body says that it is JSON.
///
/// # Errors
/// The mistake if it does not.
pub fn says_json(kind: Option<&str>) -> Result<(), Mistake> {
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    match kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        true => Ok(()),
        false => Err(Mistake::new(415, "unsupported", "Send JSON, and say so: Content-Type: application/json.")),
    }
}

/// Reads a body of this form.
///
/// # Errors
/// The mistake, with its place, if it is none.
pub fn form<T: DeserializeOwned>(body: &[u8]) -> Result<T, Mistake> {
    // The reader would take a list for an object, its values in the order of the members.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Mistake::bad("bad_body", "The body cannot be used: it is a list and must be an object."));
    }
    serde_json::from_slice(body).map_err(|error| Mistake::json(&error))
}

/// The same where a body may be left out.
pub(super) fn form_or_none<T: DeserializeOwned + Default>(body: Option<&[u8]>) -> Result<T, Mistake> {
    body.map_or_else(|| Ok(T::default()), form)
}

/// A person's id.
pub(super) fn person(id: String) -> Result<String, Mistake> {
    match (1..=USER_ID_BYTES).contains(&id.len()) && !id.contains('\0') {
        true => Ok(id),
        false => Err(Mistake::bad("bad_user", "A person's id is 1 to 128 bytes of UTF-8 without NUL.")),
    }
}

/// A member that may be left out but is not `null`.
pub(super) fn there<'de, T: Deserialize<'de>, D: Deserializer<'de>>(given: D) -> Result<Option<T>, D::Error> {
    T::deserialize(given).map(Some)
}

/// A query: each key at most once, and none that the address does not know.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(query: Option<&str>, known: &[&str]) -> Result<Query, Mistake> {
        let mut read: Vec<(String, String)> = Vec::new();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&key.as_ref()) {
                let message = format!("This address knows these keys of a query: {}.", known.join(", "));
                return Err(Mistake::bad("bad_query", message));
            }
            if read.iter().any(|(other, _)| *other == key) {
                return Err(Mistake::bad("bad_query", format!("The query has {key} twice; send it once.")));
            }
            read.push((key.into_owned(), value.into_owned()));
        }
        Ok(Query(read))
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// A whole number from `least` to `most`.
    pub(super) fn number(&self, key: &str, least: u64, most: u64) -> Result<Option<u64>, Mistake> {
        let Some(text) = self.text(key) else { return Ok(None) };
        let is_plain = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|number| is_plain && (least..=most).contains(number));
        let message = || format!("{key} must be a whole number from {least} to {most}.");
        number.map(Some).ok_or_else(|| Mistake::bad("bad_query", message()))
    }
}

/// A member that may be left out: a whole number as the protocol has them.
///
/// # Errors
/// If it is another value.
pub fn integer<'de, D: Deserializer<'de>>(given: D) -> Result<Option<u64>, D::Error> {
    let number = Number::deserialize(given)?;
    // JSON has one kind of number: 7.0 is whole.
    let whole = number.as_u64().or_else(|| number.as_f64().and_then(whole)).filter(|number| *number <= MAX_INTEGER);
    let message = || format!("{number} is not a whole number from 0 to {MAX_INTEGER}");
    whole.map(Some).ok_or_else(|| D::Error::custom(message()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the bounds of both")]
fn whole(number: f64) -> Option<u64> {
    const BOUND: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::float_cmp, reason = "a whole number is itself again")]
    let is_whole = (0.0..BOUND).contains(&number) && number as u64 as f64 == number;
    is_whole.then_some(number as u64)
}
