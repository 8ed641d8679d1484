//! The WebSocket handshake: whether a request may become a socket, and what it said of itself. Pure: it reads a
//! request head and answers; who carries the socket is elsewhere.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Method, Request, StatusCode, Version};
use kanvas_core::wire::Dialect;
use kanvas_core::{ShareId, View};
use sha1::{Digest as _, Sha1};

use crate::shares::share_of;

/// The constant of RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a request does not become a socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: &'static str,
    /// One header that helps the client.
    pub(crate) hint: Option<(HeaderName, &'static str)>,
}

impl Refusal {
    fn bad(message: &'static str) -> Refusal {
        Refusal { status: StatusCode::BAD_REQUEST, message, hint: None }
    }
}

/// A request that becomes a socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// `Sec-WebSocket-Accept`.
    pub(crate) accept: String,
    /// The subprotocol to echo.
    pub(crate) protocol: Option<String>,
    pub(crate) asks: Asks,
}

/// What the address of a socket asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asks {
    pub(crate) pk: String,
    pub(crate) name: Option<String>,
    /// `None`: one that this server does not speak.
    pub(crate) dialect: Option<Dialect>,
    pub(crate) view: View,
    /// A link that lets its holder in.
    pub(crate) share: Option<ShareId>,
}

/// Whether this is an attempt at a WebSocket, right or wrong.
pub(crate) fn wants_socket<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    headers.contains_key(header::UPGRADE)
        || headers.contains_key(header::SEC_WEBSOCKET_KEY)
        || has_token(headers, &header::CONNECTION, "upgrade")
}

/// Checks everything that RFC 6455 asks of the client's handshake.
pub(crate) fn check<B>(request: &Request<B>) -> Result<Handshake, Refusal> {
    let headers = request.headers();
    if request.method() != Method::GET {
        let hint = Some((header::ALLOW, "GET"));
        return Err(Refusal { status: StatusCode::METHOD_NOT_ALLOWED, message: "A WebSocket begins with GET.", hint });
    }
    if !has_token(headers, &header::UPGRADE, "websocket") {
        let hint = Some((header::UPGRADE, "websocket"));
        let message = "This address speaks WebSocket; ask for it with Upgrade: websocket.";
        return Err(Refusal { status: StatusCode::UPGRADE_REQUIRED, message, hint });
    }
    if request.version() != Version::HTTP_11 {
        return Err(Refusal::bad("A WebSocket begins with HTTP/1.1."));
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return Err(Refusal::bad("The header Connection: Upgrade is missing."));
    }
    let empty = headers.get_all(header::CONTENT_LENGTH).iter().all(|length| length == "0");
    if !empty || headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(Refusal::bad("A request for a WebSocket has no body."));
    }
    if one(headers, &header::SEC_WEBSOCKET_VERSION) != Some("13") {
        let hint = Some((header::SEC_WEBSOCKET_VERSION, "13"));
        let message = "This server speaks version 13 of WebSocket.";
        return Err(Refusal { status: StatusCode::UPGRADE_REQUIRED, message, hint });
    }
    let key = one(headers, &header::SEC_WEBSOCKET_KEY)
        .filter(|key| BASE64_STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16))
        .ok_or(Refusal::bad("Sec-WebSocket-Key must be there once, 16 bytes in base64."))?;
    let accept = BASE64_STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
    let offered = offered_protocol(headers);
    let asks = asks(request.uri().query().unwrap_or_default(), offered.map(|(_, dialect)| dialect));
    // The echo says which language is spoken: a query that names another one leads.
    let protocol = offered.filter(|(_, dialect)| asks.dialect == Some(*dialect)).map(|(name, _)| name.to_owned());
    Ok(Handshake { accept, protocol, asks })
}

/// The first subprotocol offered that names a language of ours.
fn offered_protocol(headers: &HeaderMap) -> Option<(&str, Dialect)> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut names = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    names.find_map(|name| Dialect::from_name(name.trim()).map(|dialect| (name.trim(), dialect)))
}

/// Reads the query; of a key that comes twice the first counts.
pub(crate) fn asks(query: &str, offered: Option<Dialect>) -> Asks {
    let mut asks = Asks {
        pk: String::new(),
        name: None,
        dialect: Some(offered.unwrap_or_default()),
        view: View::Full,
        share: None,
    };
    let mut seen = [false; 5];
    let mut first = |no: usize| seen.get_mut(no).is_some_and(|seen| !std::mem::replace(seen, true));
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match key.as_ref() {
            "_pk" if first(0) => asks.pk = value.into_owned(),
            "name" if first(1) => asks.name = Some(value.into_owned()).filter(|name| !name.is_empty()),
            "dialect" if first(2) => asks.dialect = Dialect::from_name(&value),
            "share" if first(4) => asks.share = Some(share_of(&value)),
            "view" if first(3) && value == "readonly" => asks.view = View::Readonly,
            _ => {}
        }
    }
    asks
}

/// The one value of a header, if it is there exactly once.
pub(crate) fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| value.trim())
}

/// Whether a comma-separated header has a word in it, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut words = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    words.any(|word| word.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> hyper::http::request::Builder {
        Request::get("/party/a?_pk=me&name=A%20b&_pk=you")
            .header("host", "localhost")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
    }

    #[test]
    fn http10_the_accept_key_is_that_of_rfc_6455() {
        let request = request().header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").body(()).unwrap();
        let handshake = check(&request).unwrap();
        assert_eq!(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!((handshake.asks.pk.as_str(), handshake.asks.name.as_deref()), ("me", Some("A b")));
    }

    #[test]
    fn http14_only_a_language_of_ours_is_echoed() {
        let with = |offer: &str| {
            let key = request().header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            check(&key.header("sec-websocket-protocol", offer).body(()).unwrap()).unwrap().protocol
        };
        assert_eq!(with("x, kanvas.v1").as_deref(), Some("kanvas.v1"));
        assert_eq!(with("x, Kanvas.V1"), None);
        assert_eq!(with(&", ".repeat(2048)), None);
    }
}
