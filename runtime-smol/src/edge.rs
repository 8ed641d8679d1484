//! The edge: which requests are heard at all, before anything is known of who sends them. It owns what the operator
//! said of origins, proxies and TLS. Pure: it reads request heads.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};

use crate::auth::AuthMode;
use crate::dashboard;
use crate::origin::{Origin, is_loopback_host, is_loopback_origin};
use crate::proxy::Proxies;
use crate::tls::Tls;
use crate::upgrade::one;

const TARGET_BYTES: usize = 8 * 1024;

/// See the module.
pub(crate) struct Edge {
    pub(crate) mode: AuthMode,
    /// Whose pages may ask, beside those of this machine in development mode.
    pub(crate) origins: Vec<Origin>,
    pub(crate) public: Option<Origin>,
    pub(crate) proxies: Proxies,
    pub(crate) tls: Option<Arc<Tls>>,
}

/// A request that is not heard. Its connection is closed behind the answer: what follows is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TurnedAway {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
}

impl TurnedAway {
    fn bad(code: &'static str, message: &'static str) -> TurnedAway {
        TurnedAway { status: StatusCode::BAD_REQUEST, code, message }
    }
}

impl Edge {
    fn is_dev(&self) -> bool {
        self.mode == AuthMode::Dev
    }

    /// Whether a request is heard. What costs least comes first, and nothing costs more than reading the head.
    pub(crate) fn hears<B>(&self, request: &Request<B>) -> Result<(), TurnedAway> {
        let headers = request.headers();
        if request.uri().path_and_query().is_some_and(|target| target.as_str().len() > TARGET_BYTES) {
            let (status, message) = (StatusCode::URI_TOO_LONG, "The address is too long.");
            return Err(TurnedAway { status, code: "too_long", message });
        }
        let Some(host) = one(headers, &header::HOST) else {
            return Err(TurnedAway::bad("bad_host", "There must be one Host header."));
        };
        let named = request.uri().authority();
        if self.is_dev() {
            let forwarded = |name: &HeaderName| {
                matches!(name.as_str(), "forwarded" | "via") || name.as_str().starts_with("x-forwarded-")
            };
            let here = is_loopback_host(host) && named.is_none_or(|name| is_loopback_host(name.as_str()));
            if !here || headers.keys().any(forwarded) {
                let message = "A development server answers only to localhost, and to no proxy.";
                return Err(TurnedAway { status: StatusCode::MISDIRECTED_REQUEST, code: "misdirected", message });
            }
        }
        if !is_host(host) || named.is_some_and(|name| !name.as_str().eq_ignore_ascii_case(host)) {
            return Err(TurnedAway::bad(
                "bad_host",
                "The Host header must be a name or an address, and the one asked.",
            ));
        }
        // The dashboard is for pages of this very host, whether they are listed or not; it sees to that itself.
        if !dashboard::owns(request.uri().path()) {
            self.hears_page(headers)?;
        }
        hears_body(request)
    }

    fn hears_page(&self, headers: &HeaderMap) -> Result<(), TurnedAway> {
        let mut pages = headers.get_all(header::ORIGIN).iter();
        let Some(page) = pages.next() else { return Ok(()) };
        if pages.next().is_some() {
            return Err(TurnedAway::bad("bad_origin", "There must be at most one Origin header."));
        }
        if !self.knows(page) {
            let message = "Pages of this origin may not use this server.";
            return Err(TurnedAway { status: StatusCode::FORBIDDEN, code: "forbidden", message });
        }
        Ok(())
    }

    /// Whether pages of this origin may ask: byte for byte as it is listed.
    fn knows(&self, page: &HeaderValue) -> bool {
        let listed = self.origins.iter().chain(&self.public).any(|origin| page == origin.as_str());
        listed || self.is_dev() && page.to_str().is_ok_and(is_loopback_origin)
    }

    /// The origin that an answer may be read by.
    pub(crate) fn reader(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut pages = headers.get_all(header::ORIGIN).iter();
        let page = pages.next().filter(|page| self.knows(page))?;
        pages.next().is_none().then(|| page.clone())
    }

    /// Who sent a request.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.proxies.client(peer, headers)
    }

    /// Whether the browser is to use nothing but TLS from now on. Not in development mode: it would hold for everything
    /// else on `localhost`.
    pub(crate) fn insists_on_tls(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let by_tls = self.tls.is_some() || self.public.as_ref().is_some_and(Origin::is_secure);
        !self.is_dev() && (by_tls || self.proxies.came_by_tls(peer, headers))
    }
}

/// Whether a `Host` is a name or an address with or without a port, and nothing else.
fn is_host(host: &str) -> bool {
    let is_port =
        |port: &str| port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    if let Some((address, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok() && is_port(port);
    }
    let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    !name.is_empty() && name.bytes().all(is_plain) && is_port(port)
}

/// A body where none belongs is where two readers of one connection begin to disagree.
fn hears_body<B>(request: &Request<B>) -> Result<(), TurnedAway> {
    let headers = request.headers();
    let lengths = headers.get_all(header::CONTENT_LENGTH);
    let has_body = headers.contains_key(header::TRANSFER_ENCODING) || lengths.iter().any(|length| length != "0");
    let takes_none = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if has_body && takes_none {
        return Err(TurnedAway::bad("bad_body", "This request has no body."));
    }
    if lengths.iter().count() > 1 {
        return Err(TurnedAway::bad("bad_body", "There must be one Content-Length."));
    }
    Ok(())
}
