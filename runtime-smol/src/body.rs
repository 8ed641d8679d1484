//! The bodies of requests that bring JSON: read whole, within bounds, or refused with what was wrong.

use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, StatusCode};
use serde::de::DeserializeOwned;
use smol::Timer;
use smol::future::FutureExt as _;

use crate::http::{Answer, close_after, problem};

/// The longest body of a request that brings no canvas, and how long it may take to come.
pub(crate) const BODY_BYTES: usize = 16 * 1024;
const BODY_TIME: Duration = Duration::from_secs(5);

/// Why a body is not taken: the status, the name of the reason and a sentence.
#[derive(Clone, Debug)]
pub(crate) struct BadBody(StatusCode, &'static str, String);

impl BadBody {
    pub(crate) fn answer(&self) -> Answer {
        close_after(problem(self.0, self.1, &self.2))
    }
}

/// The body, whole.
pub(crate) async fn read(request: Request<Incoming>) -> Result<Bytes, BadBody> {
    let whole = async { Some(Limited::new(request.into_body(), BODY_BYTES).collect().await) };
    let late = async {
        Timer::after(BODY_TIME).await;
        None
    };
    match whole.or(late).await {
        None => {
            Err(BadBody(StatusCode::REQUEST_TIMEOUT, "timeout", "The body came too slowly; send it again.".to_owned()))
        }
        Some(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("The body is longer than {} KiB.", BODY_BYTES / 1024);
            Err(BadBody(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message))
        }
        Some(Err(_)) => Err(bad("The body did not arrive whole; send it again.")),
        Some(Ok(body)) => Ok(body.to_bytes()),
    }
}

/// The body as JSON of that kind; `wanted` is the sentence for one that is not.
pub(crate) async fn read_json<T: DeserializeOwned>(request: Request<Incoming>, wanted: &str) -> Result<T, BadBody> {
    serde_json::from_slice(&read(request).await?).map_err(|_| bad(wanted))
}

/// The body is not what was wanted.
pub(crate) fn bad(wanted: &str) -> BadBody {
    BadBody(StatusCode::BAD_REQUEST, "bad_body", wanted.to_owned())
}
