//! Who a request is from: what it brings to say so, and what is made of that. This is the one place that decides; the
//! rest of the server asks [`identify`].

use clap::ValueEnum;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Method, Request};
use kanvas_core::Close;
use kanvas_core::auth::{Refusal, Session};

use crate::signin::SignIn;
use crate::upgrade;

/// Where a browser says what page a request comes from.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The cookie that sign-in sets.
const COOKIE: &str = "__session";

/// Who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuthMode {
    /// People of this machine, without sign-in.
    Dev,
    /// People with a token, and guests.
    Optional,
    /// People with a token.
    Required,
}

/// Who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Nobody that the server knows.
    Guest,
    /// A token proved it.
    Person(Box<Session>),
}

/// Why somebody does not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotIn {
    /// Without a token, or with one that is not good.
    Refused(Refusal),
    /// A cookie that no page of ours sent: a browser names the page whose socket it opens.
    StrayCookie,
}

impl NotIn {
    /// What a socket is closed with that was accepted to say why.
    pub(crate) fn close(self) -> Close {
        match self {
            NotIn::Refused(refusal) => refusal.close(),
            NotIn::StrayCookie => Close::Forbidden,
        }
    }
}

/// What a cookie is worth that a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// A page sent it that may ask.
    Counts,
    /// It may have been sent behind somebody's back.
    Ignored,
    /// The same, on a request whose `Origin` no browser leaves out.
    Stray,
}

impl Cookie {
    /// What speaks for the request: an `Origin`, which was checked by now; or, as a browser names none where a page
    /// reads from its own server, the browser's own word for that, which no page can write.
    pub(crate) fn of<B>(request: &Request<B>) -> Cookie {
        let headers = request.headers();
        let reads = [Method::GET, Method::HEAD].contains(request.method()) && !upgrade::wants_socket(request);
        match reads {
            _ if headers.contains_key(header::ORIGIN) => Cookie::Counts,
            true if upgrade::one(headers, &SITE) == Some("same-origin") => Cookie::Counts,
            true => Cookie::Ignored,
            false => Cookie::Stray,
        }
    }
}

/// What a request brings to say who sends it.
#[derive(Clone, Default, PartialEq, Eq)]
// Not to be logged by a slip.
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Credentials {
    /// Every token that was brought, in the query and in `Authorization`.
    tokens: Vec<String>,
    cookies: Vec<String>,
}

impl Credentials {
    /// Reads them. An `Authorization` of another scheme, or an empty one, counts as a token, which no key has signed.
    pub(crate) fn read(query: &str, headers: &HeaderMap) -> Credentials {
        let in_query = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "token");
        let mut tokens: Vec<_> = in_query.map(|(_, token)| token.into_owned()).collect();
        for value in headers.get_all(header::AUTHORIZATION) {
            let value = value.to_str().unwrap_or_default();
            let bearer = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            tokens.push(bearer.map(|(_, token)| token.trim().to_owned()).unwrap_or_default());
        }
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let cookies = pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned()).collect();
        Credentials { tokens, cookies }
    }

    /// The token that counts, if there is any. One in the query or in `Authorization` leads over the cookie, and two
    /// are none. On a development server a cookie never counts: other servers of this machine set it too.
    fn token(&self, mode: AuthMode, cookie: Cookie) -> Result<Option<&str>, NotIn> {
        let brought = match (&self.tokens[..], mode, cookie) {
            ([], AuthMode::Dev, _) | ([], _, Cookie::Ignored) => &[],
            ([], AuthMode::Optional | AuthMode::Required, Cookie::Stray) if !self.cookies.is_empty() => {
                return Err(NotIn::StrayCookie);
            }
            ([], AuthMode::Optional | AuthMode::Required, Cookie::Counts | Cookie::Stray) => &self.cookies[..],
            (tokens, ..) => tokens,
        };
        match brought {
            [] => Ok(None),
            [token] => Ok(Some(token)),
            [..] => Err(NotIn::Refused(Refusal::Malformed)),
        }
    }
}

/// Who sends a request, or why they do not come in.
pub(crate) async fn identify(
    mode: AuthMode,
    sign_in: &SignIn,
    credentials: &Credentials,
    cookie: Cookie,
) -> Result<Who, NotIn> {
    match (credentials.token(mode, cookie)?, mode) {
        (Some(token), _) => sign_in.check(token).await.map(Who::Person).map_err(NotIn::Refused),
        (None, AuthMode::Required) => Err(NotIn::Refused(Refusal::Missing)),
        (None, AuthMode::Dev | AuthMode::Optional) => Ok(Who::Guest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(query: &str, lines: &[(&str, &str)]) -> Credentials {
        let line = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<header::HeaderValue>().unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(line) {
            headers.append(name, value);
        }
        Credentials::read(query, &headers)
    }

    #[test]
    fn edge3_a_cookie_counts_only_for_a_page_that_may_ask() {
        let cookie = with("", &[("cookie", "a=b; __session=x.y.z")]);
        for mode in [AuthMode::Optional, AuthMode::Required] {
            assert_eq!(cookie.token(mode, Cookie::Stray), Err(NotIn::StrayCookie));
            assert_eq!(cookie.token(mode, Cookie::Ignored), Ok(None));
            assert_eq!(cookie.token(mode, Cookie::Counts), Ok(Some("x.y.z")));
        }
        let both = with("token=t", &[("cookie", "__session=x")]);
        assert_eq!(both.token(AuthMode::Required, Cookie::Stray), Ok(Some("t")), "the token leads");
        assert_eq!(cookie.token(AuthMode::Dev, Cookie::Counts), Ok(None));
    }

    #[test]
    fn edge3_what_speaks_for_a_cookie() {
        let worth = |method: &str, lines: &[(&str, &str)]| {
            let request = lines
                .iter()
                .fold(Request::builder().method(method), |built, (name, value)| built.header(*name, *value));
            Cookie::of(&request.body(()).unwrap())
        };
        let (origin, own) = (("origin", "https://app.example.com"), ("sec-fetch-site", "same-origin"));
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            assert_eq!(worth(method, &[origin]), Cookie::Counts, "{method}");
        }
        for method in ["GET", "HEAD"] {
            assert_eq!(worth(method, &[own]), Cookie::Counts, "{method}");
            assert_eq!(worth(method, &[]), Cookie::Ignored, "{method}");
            assert_eq!(worth(method, &[own, own]), Cookie::Ignored, "{method}");
            for site in ["same-site", "cross-site", "none", "Same-Origin", ""] {
                assert_eq!(worth(method, &[("sec-fetch-site", site)]), Cookie::Ignored, "{method} {site}");
            }
        }
        for method in ["PUT", "POST", "PATCH", "DELETE"] {
            assert_eq!(worth(method, &[own]), Cookie::Stray, "{method}");
        }
        assert_eq!(worth("GET", &[own, ("upgrade", "websocket")]), Cookie::Stray);
    }

    #[test]
    fn edge4_a_token_counts_wherever_it_stands_and_two_are_none() {
        for (brought, token) in [
            (with("token=t", &[]), "t"),
            (with("token=", &[]), ""),
            (with("", &[("authorization", "Bearer t")]), "t"),
            (with("", &[("authorization", "bearer")]), ""),
            (with("", &[("authorization", "Basic dTpw")]), ""),
        ] {
            for mode in [AuthMode::Dev, AuthMode::Optional, AuthMode::Required] {
                assert_eq!(brought.token(mode, Cookie::Counts), Ok(Some(token)), "{brought:?}");
            }
        }
        for two in [with("token=a&token=b", &[]), with("token=a", &[("authorization", "Bearer a")])] {
            assert_eq!(two.token(AuthMode::Optional, Cookie::Counts), Err(NotIn::Refused(Refusal::Malformed)));
        }
        let nothing = with("name=token", &[("cookie", "session=x; x__session=y")]);
        assert_eq!(nothing.token(AuthMode::Required, Cookie::Stray), Ok(None));
    }
}
