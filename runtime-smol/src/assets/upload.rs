//! `PUT /assets?room=R`: from a body to a file that survives a power cut, or to a refusal that leaves nothing behind.
//!
//! The order is what keeps the account right: the bytes are made durable aside, then they are charged to the person,
//! then they get their place, and only then is it said that they are kept. If they get no place the charge is taken
//! back; a crash between the two costs the person that part of a day's allowance and nothing else.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes, Incoming as Body};
use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode};
use kanvas_core::sniff::{Kind, SNIFF_BYTES, sniff};
use kanvas_core::{Code, Founds, RoomId, ShareId};
use smol::Timer;
use smol::future::FutureExt as _;
use smol::lock::SemaphoreGuard;

use super::files::{self, Files, Incoming, Kept, Whole};
use super::{Assets, Hash};
use crate::ask::{Refused, What, ask};
use crate::http::{Answer, close_after, json, problem, refused};
use crate::person::Person;
use crate::server::Server;
use crate::start::reason;
use crate::store::Charged;

/// How long a body may bring nothing, and how long it may take in all.
const SILENCE: Duration = Duration::from_secs(5);
const BODY_TIME: Duration = Duration::from_secs(90);
/// What is gathered before it is written.
const GATHER: usize = 256 * 1024;
/// How much, and how long, is still read of a body that was refused, so that the answer arrives: closing with unread
/// bytes would take it back.
const SPILL_BYTES: u64 = 32 * 1024 * 1024;
const SPILL_TIME: Duration = Duration::from_secs(5);
const SPILL_SILENCE: Duration = Duration::from_millis(300);
const DAY_SECONDS: u64 = 86_400;

/// Why an upload is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    BadRoom,
    /// The room does not take files of this person.
    Room(Refused),
    BadBody,
    Empty,
    Slow,
    /// More than so many bytes.
    TooLarge(u64),
    Unsupported,
    /// The day's bytes are used up for so many seconds.
    Quota(u64),
    Busy,
    Unavailable,
    StorageFull,
    Internal,
}

impl Refusal {
    fn of(error: &io::Error) -> Refusal {
        if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            tracing::warn!("an upload found no space: {}", reason(error));
            Refusal::StorageFull
        } else {
            tracing::error!("an upload could not be written: {}", reason(error));
            Refusal::Internal
        }
    }

    fn answer(self) -> Answer {
        let (status, code, message) = match self {
            Refusal::Room(why) => return close_after(refused(why)),
            Refusal::BadRoom => {
                let message =
                    "Say with ?room= for which room; a name is 1 to 64 letters, digits, hyphens and underscores.";
                (StatusCode::BAD_REQUEST, "bad_room", message)
            }
            Refusal::BadBody => (StatusCode::BAD_REQUEST, "bad_body", "The file did not arrive whole; send it again."),
            Refusal::Empty => (StatusCode::BAD_REQUEST, "empty", "The file is empty."),
            Refusal::Slow => (StatusCode::REQUEST_TIMEOUT, "timeout", "The file came too slowly; send it again."),
            Refusal::TooLarge(most) => {
                let message = format!("The file is too large; at most {most} bytes are taken.");
                return close_after(problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &message));
            }
            Refusal::Unsupported => {
                let message = "This is no image of a kind that is taken; send PNG, JPEG, WebP, GIF or AVIF.";
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", message)
            }
            Refusal::Quota(_) => {
                let message = "You have sent as many bytes as are allowed in a day; go on tomorrow.";
                (StatusCode::TOO_MANY_REQUESTS, "rate_limited", message)
            }
            Refusal::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many files are being received; try again shortly.")
            }
            Refusal::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The storage does not answer; try again shortly.")
            }
            Refusal::StorageFull => {
                let message = "The server's storage is full; nothing was changed.";
                (StatusCode::INSUFFICIENT_STORAGE, "storage_full", message)
            }
            Refusal::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server made a mistake; try again.")
            }
        };
        let mut answer = problem(status, code, message);
        let again = match self {
            Refusal::Quota(seconds) => Some(seconds),
            Refusal::Busy | Refusal::Unavailable => Some(1),
            Refusal::BadRoom
            | Refusal::Room(_)
            | Refusal::BadBody
            | Refusal::Empty
            | Refusal::Slow
            | Refusal::TooLarge(_)
            | Refusal::Unsupported
            | Refusal::StorageFull
            | Refusal::Internal => None,
        };
        if let Some(seconds) = again {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        close_after(answer)
    }
}

/// What was kept.
struct Taken {
    hash: Hash,
    kind: Kind,
    bytes: u64,
}

/// Takes an upload, or says why not.
pub(crate) async fn answer(server: &Server, by: Person, share: Option<ShareId>, mut request: Request<Body>) -> Answer {
    let admitted = admit(server, by, share, &request).await;
    // A client that asks before it sends, and is told no, sends nothing.
    let silent = admitted.is_err() && request.headers().contains_key(header::EXPECT);
    let taken = match admitted {
        Ok(admitted) => take(server, admitted, request.body_mut()).await,
        Err(refusal) => Err(refusal),
    };
    match taken {
        Ok(Taken { hash, kind, bytes }) => {
            let (src, kind) = (hash.as_str(), kind.content_type());
            let body = format!(r#"{{"src":"/assets/{src}","type":"{kind}","bytes":{bytes}}}"#);
            json(StatusCode::CREATED, body.into_bytes())
        }
        Err(refusal) => {
            if !silent && !matches!(refusal, Refusal::Slow | Refusal::BadBody) {
                spill(request.body_mut()).await;
            }
            refusal.answer()
        }
    }
}

/// Whether somebody may send a file for the room that the query names: who may edit it, or make it if it is not there.
async fn may_send(server: &Server, by: Person, share: Option<ShareId>, query: &str) -> Result<String, Refusal> {
    let room = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "room");
    let room = room.and_then(|(_, room)| RoomId::new(&room)).ok_or(Refusal::BadRoom)?;
    let (user, verified, account) = (by.user.clone(), by.is_verified(), by.account());
    match ask(server, room, by, share, What::MayEdit).await {
        Ok(_) => Ok(account),
        Err(Refused::Room(Code::NotFound)) if server.founds(&user, verified).0 == Founds::Yes => Ok(account),
        Err(why) => Err(Refusal::Room(why)),
    }
}

/// Who may send a body, and the place it takes among all uploads.
struct Admitted<'a> {
    user: String,
    _place: SemaphoreGuard<'a>,
}

/// All that can be known before a byte of the body is read.
async fn admit<'a>(
    server: &'a Server,
    by: Person,
    share: Option<ShareId>,
    request: &Request<Body>,
) -> Result<Admitted<'a>, Refusal> {
    let user = may_send(server, by, share, request.uri().query().unwrap_or_default()).await?;
    let (length, most) = (request.body().size_hint(), server.assets.limits.file);
    if length.lower() > most {
        return Err(Refusal::TooLarge(most));
    }
    if length.exact() == Some(0) {
        return Err(Refusal::Empty);
    }
    let place = server.assets.uploads.try_acquire().ok_or(Refusal::Busy)?;
    Ok(Admitted { user, _place: place })
}

async fn take(server: &Server, admitted: Admitted<'_>, body: &mut Body) -> Result<Taken, Refusal> {
    let Assets { files, limits, .. } = &server.assets;
    let late = async {
        Timer::after(BODY_TIME).await;
        Err(Refusal::Slow)
    };
    let (file, kind) = receive(files, body, limits.file).or(late).await?;
    let whole = smol::unblock(move || file.finish()).await.map_err(|error| Refusal::of(&error))?;
    let taken = Taken { hash: whole.hash.clone(), kind, bytes: whole.bytes };
    keep(server, &admitted.user, whole).await?;
    Ok(taken)
}

/// Charges a file to a person and gives it its place.
async fn keep(server: &Server, user: &str, whole: Whole) -> Result<(), Refusal> {
    let seconds = server.clock.now().as_millis() / 1000;
    let (day, bytes) = (seconds / DAY_SECONDS, files::charge(whole.bytes));
    match server.store.charge(user, day, bytes, server.assets.limits.day).await {
        Charged::Yes => {}
        Charged::OverLimit => return Err(Refusal::Quota(DAY_SECONDS - seconds % DAY_SECONDS)),
        Charged::Full => return Err(Refusal::StorageFull),
        Charged::Unavailable => return Err(Refusal::Unavailable),
    }
    let files = server.assets.files.clone();
    let refusal = match smol::unblock(move || files.keep(whole)).await {
        Ok(Kept::Yes) => return Ok(()),
        Ok(Kept::NoRoom) => Refusal::StorageFull,
        Err(error) => Refusal::of(&error),
    };
    server.store.refund(user, day, bytes);
    Err(refusal)
}

/// Reads a body into a file aside.
async fn receive(files: &Arc<Files>, body: &mut Body, most: u64) -> Result<(Incoming, Kind), Refusal> {
    let mut file = None;
    let mut kind = None;
    let mut gathered = Vec::new();
    let mut total = 0_u64;
    loop {
        let piece = next(body, SILENCE).await?;
        let ended = piece.is_none();
        let piece = piece.unwrap_or_default();
        total = total.saturating_add(piece.len() as u64);
        if total > most {
            return Err(Refusal::TooLarge(most));
        }
        gathered.extend_from_slice(&piece);
        if ended && total == 0 {
            return Err(Refusal::Empty);
        }
        // The kind is known before anything touches the disk.
        if kind.is_none() && (ended || gathered.len() >= SNIFF_BYTES) {
            kind = Some(sniff(&gathered).ok_or(Refusal::Unsupported)?);
        }
        if ended || gathered.len() >= GATHER {
            let files = files.clone();
            let (written, empty) =
                smol::unblock(move || write(&files, file, gathered)).await.map_err(|error| Refusal::of(&error))?;
            gathered = empty;
            file = match (ended, kind) {
                (true, Some(kind)) => return Ok((written, kind)),
                _ => Some(written),
            };
        }
    }
}

fn write(files: &Files, file: Option<Incoming>, mut gathered: Vec<u8>) -> io::Result<(Incoming, Vec<u8>)> {
    let mut file = match file {
        Some(file) => file,
        None => files.begin()?,
    };
    file.write(&gathered)?;
    gathered.clear();
    Ok((file, gathered))
}

/// The next piece of a body, `None` at its end.
async fn next(body: &mut Body, silence: Duration) -> Result<Option<Bytes>, Refusal> {
    loop {
        let late = async {
            Timer::after(silence).await;
            None
        };
        match async { Some(body.frame().await) }.or(late).await {
            None => return Err(Refusal::Slow),
            Some(None) => return Ok(None),
            Some(Some(Err(_))) => return Err(Refusal::BadBody),
            // A trailer is no part of the file.
            Some(Some(Ok(frame))) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// Reads on for a while without keeping anything.
pub(crate) async fn spill(body: &mut Body) {
    let reading = async {
        let mut spilt = 0;
        while let Ok(Some(bytes)) = next(body, SPILL_SILENCE).await {
            spilt += bytes.len() as u64;
            if spilt > SPILL_BYTES {
                break;
            }
        }
    };
    let late = async {
        Timer::after(SPILL_TIME).await;
    };
    reading.or(late).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asset8_a_full_disk_is_told_as_such() {
        for full in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            assert_eq!(Refusal::of(&full.into()), Refusal::StorageFull);
        }
        assert_eq!(Refusal::of(&io::ErrorKind::PermissionDenied.into()), Refusal::Internal);
        assert_eq!(Refusal::StorageFull.answer().status(), StatusCode::INSUFFICIENT_STORAGE);
    }
}
