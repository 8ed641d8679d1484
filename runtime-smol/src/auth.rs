//! Who a request is from: what it brings to say so, and what is made of that. This is the one place that decides; the
//! rest of the server asks [`identify`].

use clap::ValueEnum;
use hyper::header::{self, HeaderMap};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Nobody that the server knows.
    Guest,
}

/// Why somebody does not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There must be a token and there is none.
    Missing,
    /// There is one, and it is not good.
    Invalid,
    /// A cookie that no page of ours sent: a browser names the page whose socket it opens.
    StrayCookie,
}

/// What a request brings to say who sends it.
#[derive(Clone, Default, PartialEq, Eq)]
// Not to be logged by a slip.
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Credentials {
    /// Every token that was brought, in the query and in `Authorization`.
    tokens: Vec<String>,
    cookie: bool,
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
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut names = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        Credentials { tokens, cookie: names.any(|(name, _)| name == COOKIE) }
    }
}

/// Who sends a request, or why they do not come in. A token in the query or in `Authorization` leads over the cookie;
/// two tokens are none. The cookie counts only for a page that may ask: `from_page` says that the request named one,
/// which was checked.
pub(crate) fn identify(mode: AuthMode, credentials: &Credentials, from_page: bool) -> Result<Who, Refusal> {
    let brought = !credentials.tokens.is_empty();
    match mode {
        AuthMode::Dev => Ok(Who::Guest),
        AuthMode::Optional | AuthMode::Required if !brought && credentials.cookie && !from_page => {
            Err(Refusal::StrayCookie)
        }
        // No key is known, so no token can be good.
        AuthMode::Optional | AuthMode::Required if brought || credentials.cookie => Err(Refusal::Invalid),
        AuthMode::Optional => Ok(Who::Guest),
        AuthMode::Required => Err(Refusal::Missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(query: &str, lines: &[(&str, &str)]) -> Credentials {
        let line = |(name, value): &(&str, &str)| {
            (name.parse::<header::HeaderName>().unwrap(), value.parse::<header::HeaderValue>().unwrap())
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
            assert_eq!(identify(mode, &cookie, false), Err(Refusal::StrayCookie));
            assert_eq!(identify(mode, &cookie, true), Err(Refusal::Invalid), "no key has signed it");
        }
        let both = with("token=t", &[("cookie", "__session=x")]);
        assert_eq!(identify(AuthMode::Required, &both, false), Err(Refusal::Invalid), "the token leads");
        assert_eq!(identify(AuthMode::Dev, &cookie, false), Ok(Who::Guest));
    }

    #[test]
    fn edge4_a_token_that_nobody_signed_is_refused_wherever_it_stands() {
        for bad in [
            with("token=t", &[]),
            with("token=", &[]),
            with("token=a&token=b", &[]),
            with("", &[("authorization", "Bearer t")]),
            with("", &[("authorization", "bearer")]),
            with("", &[("authorization", "Basic dTpw")]),
        ] {
            assert_eq!(identify(AuthMode::Optional, &bad, true), Err(Refusal::Invalid), "{bad:?}");
        }
        let nothing = with("name=token", &[("cookie", "session=x; x__session=y")]);
        assert_eq!(identify(AuthMode::Optional, &nothing, false), Ok(Who::Guest));
        assert_eq!(identify(AuthMode::Required, &nothing, true), Err(Refusal::Missing));
    }
}
