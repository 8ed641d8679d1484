//! What requests say, read strictly: bodies of bounded length that are JSON, queries without strangers. What is wrong is
//! told with its place.

use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::{Request, StatusCode, header};
use kanvas_core::{Close, Code, MAX_INTEGER};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Number;
use smol::Timer;
use smol::future::FutureExt as _;

use crate::ask::{AWAY, Refused};
use crate::host::MOST_BYTES;
use crate::http::{Answer, problem, status_of};
use crate::upgrade::one;

/// The longest usual body, the longest one that carries a whole canvas, and how long each may take.
pub(super) const SMALL: Most = Most { bytes: 16 * 1024, words: "16 KiB", time: Duration::from_secs(5) };
pub(super) const LARGE: Most = Most { bytes: 16 * 1024 * 1024, words: "16 MiB", time: Duration::from_secs(60) };
/// A room that comes from another server.
pub(super) const FILE: Most = Most { bytes: MOST_BYTES, words: "64 MiB", time: Duration::from_secs(60) };
/// The most that is told of what is wrong with a body.
const SENTENCE: usize = 300;
/// The longest id of a person.
const USER_ID_BYTES: usize = 128;

/// How much of a body is taken.
#[derive(Clone, Copy)]
pub(super) struct Most {
    bytes: usize,
    words: &'static str,
    time: Duration,
}

/// Why a request is not carried out.
#[derive(Debug)]
pub(super) struct Mistake {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Mistake {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Mistake {
        Mistake { status, code, message: message.into() }
    }

    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Mistake {
        Mistake::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A room's refusal in the words that fit this request.
    pub(super) fn code(code: Code, message: impl Into<String>) -> Mistake {
        Mistake::new(status_of(code), code.as_str(), message)
    }

    /// What a reader of JSON says, with line and column.
    fn json(error: &serde_json::Error) -> Mistake {
        let mut words = error.to_string();
        if let Some((end, _)) = words.char_indices().nth(SENTENCE) {
            words.truncate(end);
            words.push('…');
        }
        Mistake::bad("bad_body", format!("The body cannot be used: {words}."))
    }

    pub(super) fn answer(self) -> Answer {
        problem(self.status, self.code, &self.message)
    }
}

impl From<Refused> for Mistake {
    fn from(why: Refused) -> Mistake {
        match why {
            Refused::Room(Code::NotFound) => Mistake::code(Code::NotFound, "There is no such room."),
            Refused::Room(code) => Mistake::code(code, code.message()),
            Refused::Away => Mistake::new(StatusCode::SERVICE_UNAVAILABLE, Close::Restart.reason(), AWAY),
            Refused::Unavailable => {
                let message = "The room cannot be reached at the moment; whether anything was changed is not known.";
                Mistake::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
            }
        }
    }
}

/// Reads a whole body that says it is JSON.
pub(super) async fn read(request: &mut Request<Incoming>, most: Most) -> Result<Bytes, Mistake> {
    let kind = one(request.headers(), &header::CONTENT_TYPE);
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        let message = "Send JSON, and say so: Content-Type: application/json.";
        return Err(Mistake::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", message));
    }
    read_any(request, most).await
}

/// Reads a whole body, whatever it says it is.
pub(super) async fn read_any(request: &mut Request<Incoming>, most: Most) -> Result<Bytes, Mistake> {
    let too_large = || {
        let message = format!("The body is longer than {}.", most.words);
        Mistake::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    };
    if request.body().size_hint().lower() > most.bytes as u64 {
        return Err(too_large());
    }
    let whole = async { Some(Limited::new(request.body_mut(), most.bytes).collect().await) };
    let late = async {
        Timer::after(most.time).await;
        None
    };
    match whole.or(late).await {
        Some(Ok(body)) => Ok(body.to_bytes()),
        Some(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Some(Err(_)) => Err(Mistake::bad("bad_body", "The body did not arrive whole; send it again.")),
        None => {
            let message = "The body came too slowly; send it again.";
            Err(Mistake::new(StatusCode::REQUEST_TIMEOUT, "timeout", message))
        }
    }
}

/// Reads a body of this form.
pub(super) async fn form<T: DeserializeOwned>(request: &mut Request<Incoming>, most: Most) -> Result<T, Mistake> {
    parse(&read(request, most).await?)
}

/// The same where a body may be left out.
pub(super) async fn form_or_none<T: DeserializeOwned + Default>(request: &mut Request<Incoming>) -> Result<T, Mistake> {
    if request.body().is_end_stream() { Ok(T::default()) } else { form(request, SMALL).await }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Mistake> {
    // The reader would take a list for an object, its values in the order of the members.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Mistake::bad("bad_body", "The body cannot be used: it is a list and must be an object."));
    }
    serde_json::from_slice(body).map_err(|error| Mistake::json(&error))
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

/// A whole number as the protocol has them.
pub(super) fn integer<'de, D: Deserializer<'de>>(given: D) -> Result<Option<u64>, D::Error> {
    let number = Number::deserialize(given)?;
    // JSON has one kind of number: 7.0 is whole.
    let whole = number.as_u64().or_else(|| number.as_f64().and_then(whole)).filter(|number| *number <= MAX_INTEGER);
    let message = || format!("{number} is not a whole number from 0 to {MAX_INTEGER}");
    whole.map(Some).ok_or_else(|| serde::de::Error::custom(message()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the bounds of both")]
fn whole(number: f64) -> Option<u64> {
    const BOUND: f64 = 9_007_199_254_740_992.0;
    ((0.0..BOUND).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}
