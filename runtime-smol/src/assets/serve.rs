//! `GET /assets/:sha256`. A file is read in pieces as the client takes them, and is open only while one is read: who
//! reads slowly holds nothing but a piece.

use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Either, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use kanvas_core::sniff::sniff;
use smol::lock::Semaphore;
use smol::stream;

use super::files::Files;
use super::{Assets, Hash};
use crate::http::{Answer, blank, problem};
use crate::start::reason;
use crate::upgrade;

const PIECE: usize = 64 * 1024;
/// Whatever a browser takes the bytes for, they may load and run nothing.
const POLICY: &str = "sandbox; default-src 'none'";

/// Answers with the file, or says that there is none.
pub(crate) async fn answer(assets: &Assets, hash: Hash, headers: &HeaderMap) -> Answer {
    let etag = format!("\"{}\"", hash.as_str());
    let looked = {
        let (files, hash) = (assets.files.clone(), hash.clone());
        let _turn = assets.reads.acquire().await;
        smol::unblock(move || files.look(&hash, PIECE)).await
    };
    let kind = looked.map(|(bytes, head)| (bytes, sniff(&head), head));
    let (bytes, kind, head) = match kind {
        Ok((bytes, Some(kind), head)) => (bytes, kind, head),
        Ok((_, None, _)) => {
            tracing::error!("the file of asset {} is damaged", hash.as_str());
            return unreadable();
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return problem(StatusCode::NOT_FOUND, "not_found", "There is no such asset.");
        }
        Err(error) => {
            tracing::error!("asset {} could not be read: {}", hash.as_str(), reason(&error));
            return unreadable();
        }
    };
    let known = upgrade::one(headers, &header::IF_NONE_MATCH).unwrap_or_default();
    let fresh = known.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag);
    let mut answer = if fresh {
        blank(StatusCode::NOT_MODIFIED)
    } else {
        let mut answer = Response::new(pieces(assets, hash, bytes, head));
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind.content_type()));
        headers.insert(header::CONTENT_LENGTH, bytes.into());
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
        answer
    };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    answer
}

fn unreadable() -> Answer {
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server made a mistake; try again.")
}

/// What of a file is still to be sent.
struct Rest {
    files: Arc<Files>,
    reads: Arc<Semaphore>,
    hash: Hash,
    sent: u64,
    bytes: u64,
    head: Option<Vec<u8>>,
}

impl Rest {
    async fn next(mut self) -> io::Result<Option<(Frame<Bytes>, Rest)>> {
        let left = usize::try_from(self.bytes - self.sent).unwrap_or(usize::MAX).min(PIECE);
        if left == 0 {
            return Ok(None);
        }
        let piece = match self.head.take() {
            Some(head) => head,
            None => {
                let (files, hash, sent) = (self.files.clone(), self.hash.clone(), self.sent);
                let _turn = self.reads.acquire().await;
                let read = smol::unblock(move || files.piece(&hash, sent, left)).await;
                read.inspect_err(|error| {
                    tracing::warn!("asset {} could not be sent to its end: {}", self.hash.as_str(), reason(error));
                })?
            }
        };
        self.sent += piece.len() as u64;
        Ok(Some((Frame::data(piece.into()), self)))
    }
}

fn pieces(assets: &Assets, hash: Hash, bytes: u64, head: Vec<u8>) -> crate::http::Body {
    let (files, reads) = (assets.files.clone(), assets.reads.clone());
    let rest = Rest { files, reads, hash, sent: 0, bytes, head: Some(head) };
    Either::Right(StreamBody::new(stream::try_unfold(rest, Rest::next)).boxed_unsync())
}
