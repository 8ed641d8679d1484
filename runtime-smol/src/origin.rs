//! Origins of pages: how the operator writes them, and which names mean this machine. It owns no list: whose pages may
//! ask is `edge`'s.

use url::Url;

/// What a list of origins must be, for the operator.
const WANTED: &str = "origins with commas between, each as a browser sends it: https://app.example.com, with a port if it \
    is not the usual one, without a path and without *";

/// A page's scheme, host and port, as a browser sends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(String);

impl Origin {
    /// Takes what is written exactly as browsers write it: anything else would never match and nobody would see why.
    pub(crate) fn parse(text: &str) -> Option<Origin> {
        let url = Url::parse(text).ok()?;
        let whole = matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text;
        (whole && !text.contains('*')).then(|| Origin(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback_origin(&self.0)
    }
}

/// The value of `--allowed-origins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origins(pub(crate) Vec<Origin>);

/// Reads `--allowed-origins`. The error says what is allowed.
pub(crate) fn list(text: &str) -> Result<Origins, &'static str> {
    let origins: Option<Vec<_>> = text.split(',').map(|origin| Origin::parse(origin.trim())).collect();
    origins.map(Origins).ok_or(WANTED)
}

/// Reads `--public-url`.
pub(crate) fn public(text: &str) -> Result<Origin, &'static str> {
    let origin = Origin::parse(text.strip_suffix('/').unwrap_or(text));
    origin
        .ok_or("an address such as https://kanvas.example.com, with a port if it is not the usual one, without a path")
}

/// Whether an `Origin` is a page of this machine, by exact scheme and host.
pub(crate) fn is_loopback_origin(origin: &str) -> bool {
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    host.is_some_and(is_loopback_host)
}

/// Whether a `Host` names this machine: `localhost`, `127.0.0.1` or `[::1]`, with any port.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
        let Some((head, rest)) = host.split_at_checked(name.len()) else { return false };
        head.eq_ignore_ascii_case(name) && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http6_loopback_names_are_exact() {
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:1999", "[::1]", "[::1]:65535"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in
            ["", "localhost.", "localhost.evil.com", "127.0.0.1.evil.com", "localhost:", "localhost:1a", "0.0.0.0"]
        {
            assert!(!is_loopback_host(host), "{host}");
        }
        assert!(is_loopback_origin("http://localhost:3000"));
        for origin in ["null", "http://localhost:3000/", "http://u@localhost", "ftp://localhost", "http://evil.com"] {
            assert!(!is_loopback_origin(origin), "{origin}");
        }
    }

    #[test]
    fn edge1_an_origin_is_written_as_a_browser_sends_it() {
        let several = list("https://app.example.com, http://[2001:db8::1]:8080,https://b.example").unwrap();
        assert_eq!(several.0.len(), 3);
        for wrong in [
            "",
            ",",
            "*",
            "null",
            "app.example.com",
            "https://*.example.com",
            "https://app.example.com/",
            "https://app.example.com:443",
            "https://App.example.com",
            "https://u@app.example.com",
            "https://app.example.com/path",
            "ftp://app.example.com",
            "https://app.example.com,",
        ] {
            assert_eq!(list(wrong), Err(WANTED), "{wrong}");
        }
        assert_eq!(public("https://a.example/").unwrap().as_str(), "https://a.example");
        assert!(public("https://a.example/b").is_err());
    }
}
