//! Bodies as they come in: of bounded length, in bounded time. What they may hold is the core's.

use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::{Request, header};
use kanvas_core::backend::{Mistake, Most};
use smol::Timer;
use smol::future::FutureExt as _;

use crate::upgrade::one;

/// What a request says its body is.
pub(super) fn kind(request: &Request<Incoming>) -> Option<&str> {
    one(request.headers(), &header::CONTENT_TYPE)
}

/// Reads a whole body.
pub(super) async fn read(request: &mut Request<Incoming>, most: Most) -> Result<Bytes, Mistake> {
    if request.body().size_hint().lower() > most.bytes as u64 {
        return Err(most.too_large());
    }
    let whole = async { Some(Limited::new(request.body_mut(), most.bytes).collect().await) };
    let late = async {
        Timer::after(Duration::from_millis(most.time.as_millis())).await;
        None
    };
    match whole.or(late).await {
        Some(Ok(body)) => Ok(body.to_bytes()),
        Some(Err(error)) if error.is::<LengthLimitError>() => Err(most.too_large()),
        Some(Err(_)) => Err(Mistake::broken()),
        None => Err(Mistake::slow()),
    }
}
