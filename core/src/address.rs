//! Where images and avatars may come from. The server stores such an address and relays it, and never fetches it, so
//! the rules are there for the browsers that will.
//!
//! It does not own the files behind `/assets/`.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::errors::Code;
use crate::limits::{AVATAR_BYTES, SRC_BYTES};

/// The address of an image as it is stored: `https:`, an asset of this server, or, if `http_loopback`, `http:` on this
/// machine.
///
/// # Errors
/// [`Code::BadUrl`] for any other, and over [`SRC_BYTES`].
pub(crate) fn src(raw: &str, http_loopback: bool) -> Result<String, Code> {
    address(raw, SRC_BYTES, http_loopback).ok_or(Code::BadUrl)
}

/// The address of an avatar; the same rules.
///
/// # Errors
/// [`Code::BadUrl`] for any other, and over [`AVATAR_BYTES`].
pub(crate) fn avatar(raw: &str, http_loopback: bool) -> Result<String, Code> {
    address(raw, AVATAR_BYTES, http_loopback).ok_or(Code::BadUrl)
}

fn address(raw: &str, max_bytes: usize, http_loopback: bool) -> Option<String> {
    if raw.len() > max_bytes {
        return None;
    }
    if let Some(hash) = raw.strip_prefix("/assets/") {
        return is_hash(hash).then(|| raw.to_owned());
    }
    // The parser would strip or mend these, and then the text that was judged is not the one that was sent.
    if raw.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return None;
    }
    let (scheme, rest) = raw.split_once("://")?;
    let secure = scheme.eq_ignore_ascii_case("https");
    let local = http_loopback && scheme.eq_ignore_ascii_case("http");
    if !secure && !local {
        return None;
    }
    // Also an empty user, which the parser forgets, and a third slash, which it skips.
    let authority = rest.split(['/', '?', '#']).next()?;
    if authority.is_empty() || authority.contains('@') {
        return None;
    }
    let url = Url::parse(raw).ok()?;
    if local && !is_loopback(&url.host()?) {
        return None;
    }
    let stored = String::from(url);
    (stored.len() <= max_bytes).then_some(stored)
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(ip) => *ip == Ipv4Addr::LOCALHOST,
        Host::Ipv6(ip) => *ip == Ipv6Addr::LOCALHOST,
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn refused(raw: &str) {
        assert_eq!(src(raw, true), Err(Code::BadUrl), "{raw:?}");
        assert_eq!(src(raw, false), Err(Code::BadUrl), "{raw:?}");
        assert_eq!(avatar(raw, true), Err(Code::BadUrl), "{raw:?}");
    }

    #[test]
    fn url1_https_with_a_host_is_an_address() {
        for raw in ["https://example.com/a.png?x=1&y=%20#f", "https://example.com:8443/", "https://[2001:db8::1]/a"] {
            assert_eq!(src(raw, false).as_deref(), Ok(raw));
            assert_eq!(avatar(raw, false).as_deref(), Ok(raw));
        }
        for raw in ["https://", "https:///a", "https://?a", "https://#", "https:example.com", "https:/example.com"] {
            refused(raw);
        }
        for raw in
            ["https:////example.com", "https://:443/", "https://exa mple.com", "https://a..%00b/", "https://[::1"]
        {
            refused(raw);
        }
    }

    #[test]
    fn url2_an_asset_is_named_by_64_lower_hex_digits() {
        let asset = format!("/assets/{HASH}");
        assert_eq!(src(&asset, false), Ok(asset.clone()));
        assert_eq!(avatar(&asset, false), Ok(asset.clone()));
        refused(&asset.to_uppercase());
        refused(&format!("/assets/{}", HASH.to_uppercase()));
        refused(&format!("{asset}0"));
        refused(&format!("{asset}?"));
        refused(&format!("/assets/../{HASH}"));
        refused(&format!("//assets/{HASH}"));
        refused(&format!(" {asset}"));
        refused(&format!("assets/{HASH}"));
        refused("/assets/");
        refused("/assets/abc");
    }

    #[test]
    fn url3_http_is_for_this_machine_and_only_where_allowed() {
        for raw in ["http://localhost/a", "http://127.0.0.1:8080/a", "http://[::1]/a", "http://LOCALHOST:3000/"] {
            assert_eq!(src(raw, true), Ok(raw.to_lowercase()));
            assert_eq!(src(raw, false), Err(Code::BadUrl));
        }
        assert_eq!(src("http://0x7f.1/", true).as_deref(), Ok("http://127.0.0.1/"), "judged as parsed");
        for raw in ["http://example.com/", "http://localhost.example.com/", "http://localhost./", "http://127.0.0.2/"] {
            refused(raw);
        }
        for raw in ["http://[::ffff:127.0.0.1]/", "http://0.0.0.0/", "http:localhost/", "http://u@localhost/"] {
            refused(raw);
        }
    }

    #[test]
    fn url4_other_schemes_and_relative_addresses_are_refused() {
        for raw in
            ["javascript:alert(1)", "javascript://example.com/%0aalert(1)", "data:text/html,x", "vbscript:x", "blob:x"]
        {
            refused(raw);
        }
        for raw in ["data:image/svg+xml,<svg/>", "blob:https://example.com/1", "file:///etc/passwd", "file://host/x"] {
            refused(raw);
        }
        for raw in
            ["//example.com/a", "/a.png", "a.png", "", "://", "ftp://example.com/", "wss://example.com/", "httpsx://a/"]
        {
            refused(raw);
        }
    }

    #[test]
    fn url5_no_user_and_no_password() {
        for raw in ["https://u:p@h/", "https://u@h/", "https://@h/", "https://:@h/", "https://a@b@h/", "https://h%40b/"]
        {
            refused(raw);
        }
        assert!(src("https://h/@u", false).is_ok());
    }

    #[test]
    fn url6_white_space_controls_and_backslashes_are_refused() {
        for hidden in ["\n", "\t", "\r", " ", "\u{0}", "\u{7F}", "\u{85}", "\u{A0}", "\u{2028}", "\u{3000}", "\\"] {
            for at in [0, 2, 6, 8, 12, 20, 23] {
                let mut raw = "https://example.com/abc".to_string();
                raw.insert_str(at, hidden);
                refused(&raw);
            }
        }
        refused(" java\nscript:alert(1)");
    }

    #[test]
    fn url7_an_address_is_stored_as_parsed_and_parses_to_itself() {
        for (raw, stored) in [
            ("HTTPS://EXAMPLE.com", "https://example.com/"),
            ("https://example.com:443/a/../b", "https://example.com/b"),
            ("https://b\u{FC}cher.example/\u{FC}?<\">", "https://xn--bcher-kva.example/%C3%BC?%3C%22%3E"),
            ("https://example.com./", "https://example.com./"),
        ] {
            assert_eq!(src(raw, false).as_deref(), Ok(stored));
        }
        let parts =
            ["%", "2", "e", ".", "..", "/", "//", "?", "#", ":", "@", "[", "]", "'", "\"", "<", "|", "^", "~", "xn--"];
        let more =
            ["\u{FC}", "\u{3002}", "\u{FF0F}", "\u{200D}", "\u{AD}", "0x7f", "1", "localhost", "a", "C|", "%2F", "%00"];
        let mut state = 7_u64;
        let mut accepted = 0;
        for _ in 0..50_000 {
            let mut raw = "https://h".to_string();
            for _ in 0..8 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let pick = usize::try_from(state >> 33).unwrap() % (parts.len() + more.len());
                raw.push_str(parts.iter().chain(&more).nth(pick).unwrap());
            }
            let Ok(stored) = src(&raw, true) else { continue };
            accepted += 1;
            assert_eq!(src(&stored, true).as_deref(), Ok(&*stored), "{raw:?}");
            assert!(stored.starts_with("https://") && stored.is_ascii());
            assert!(!stored.bytes().any(|b| b <= b' ' || b == 0x7F || b == b'\\'));
        }
        assert!(accepted > 1000, "{accepted}");
    }

    #[test]
    fn url8_at_most_2048_bytes_and_512_for_an_avatar_as_sent_and_as_stored() {
        let long = |bytes: usize| "https://example.com/".to_string() + &"a".repeat(bytes - 20);
        assert!(src(&long(2048), false).is_ok() && avatar(&long(512), false).is_ok());
        assert_eq!(src(&long(2049), false), Err(Code::BadUrl));
        assert_eq!(avatar(&long(513), false), Err(Code::BadUrl));
        let grows = "https://example.com/".to_string() + &"\u{FC}".repeat(1000);
        assert_eq!(src(&grows, false), Err(Code::BadUrl), "each of its characters is stored in six bytes");
        let shrinks = "https://example.com/".to_string() + &"a/../".repeat(500);
        assert_eq!(src(&shrinks, false), Err(Code::BadUrl), "short once parsed, long to carry");
    }
}
