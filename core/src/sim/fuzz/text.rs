//! Target `text`: what is cleaned has the one form that the rules TEXT, NAME and URL describe. The classes of
//! characters are listed here once more, in their own words, so that a slip in one of the lists is seen.

use alloc::format;
use alloc::string::String;

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{is_nfc, is_nfkc};
use unicode_segmentation::UnicodeSegmentation;

use super::bytes::Bytes;
use crate::address::{avatar, src};
use crate::errors::Code;
use crate::text::{chat, fit_name, name};

/// Characters on which the rules turn: every class that goes or stays, and neighbours that matter to them.
const TURNING: [char; 120] = [
    'a',
    'e',
    'Z',
    '0',
    '#',
    '*',
    ' ',
    '\t',
    '\n',
    '\r',
    '\u{0}',
    '\u{7}',
    '\u{7F}',
    '\u{85}',
    '\u{A0}',
    '\u{A9}',
    '\u{AD}',
    '\u{B5}',
    '\u{E9}',
    '\u{149}',
    '\u{212A}',
    '\u{FB01}',
    '\u{300}',
    '\u{301}',
    '\u{308}',
    '\u{316}',
    '\u{323}',
    '\u{327}',
    '\u{344}',
    '\u{34F}',
    '\u{489}',
    '\u{5B0}',
    '\u{5BC}',
    '\u{5D0}',
    '\u{61C}',
    '\u{622}',
    '\u{627}',
    '\u{64B}',
    '\u{651}',
    '\u{653}',
    '\u{915}',
    '\u{93C}',
    '\u{94D}',
    '\u{958}',
    '\u{9C7}',
    '\u{9BE}',
    '\u{DDC}',
    '\u{E33}',
    '\u{F71}',
    '\u{F74}',
    '\u{F77}',
    '\u{FB2}',
    '\u{1100}',
    '\u{115F}',
    '\u{1160}',
    '\u{1161}',
    '\u{11A8}',
    '\u{17B4}',
    '\u{17D2}',
    '\u{180B}',
    '\u{180E}',
    '\u{1820}',
    '\u{18A9}',
    '\u{1A60}',
    '\u{2000}',
    '\u{2003}',
    '\u{200B}',
    '\u{200C}',
    '\u{200D}',
    '\u{200E}',
    '\u{200F}',
    '\u{2028}',
    '\u{2029}',
    '\u{202A}',
    '\u{202E}',
    '\u{2060}',
    '\u{2066}',
    '\u{2069}',
    '\u{206F}',
    '\u{20E3}',
    '\u{2126}',
    '\u{2764}',
    '\u{2800}',
    '\u{3000}',
    '\u{302A}',
    '\u{3099}',
    '\u{304B}',
    '\u{3164}',
    '\u{4E00}',
    '\u{9038}',
    '\u{AC00}',
    '\u{D7A3}',
    '\u{E000}',
    '\u{F900}',
    '\u{FB2A}',
    '\u{FDFA}',
    '\u{FDD0}',
    '\u{FE00}',
    '\u{FE0F}',
    '\u{FE20}',
    '\u{FEFF}',
    '\u{FF76}',
    '\u{FF9E}',
    '\u{FFA0}',
    '\u{FFF9}',
    '\u{FFFD}',
    '\u{FFFF}',
    '\u{10A0D}',
    '\u{110BA}',
    '\u{11046}',
    '\u{1D15E}',
    '\u{1D165}',
    '\u{1D173}',
    '\u{1F1E6}',
    '\u{1F3F4}',
    '\u{1F468}',
    '\u{1F3FB}',
    '\u{E0067}',
    '\u{E007F}',
    '\u{E0100}',
];

/// Whole phrases: flags of tags, and words of addresses.
const PHRASES: [&str; 24] = [
    "\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
    "\u{1F468}\u{200D}\u{1F469}",
    "\u{2764}\u{FE0F}\u{200D}\u{1F525}",
    "https://",
    "http://",
    "HTTPS://",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "0x7f.1",
    "example.com",
    "/assets/",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "/../",
    "%2e",
    "%00",
    "@",
    ":443",
    "xn--",
    "?q=<\">",
    "#f",
    "\\",
    "b\u{FC}cher",
    "\u{3002}",
];

/// Cleans the bytes as a chat text, a name and an address, and looks at what comes of it. An odd first byte says that
/// each further one stands for a character, an even one that they are UTF-8 as they are.
pub fn text(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let raw = match bytes.byte() % 2 {
        0 => String::from_utf8_lossy(bytes.rest()).into_owned(),
        _ => {
            let mut raw = String::new();
            while !bytes.is_empty() {
                match bytes.byte() {
                    at @ 0..120 => raw.push(TURNING[usize::from(at)]),
                    at @ 120..144 => raw.push_str(PHRASES[usize::from(at) - 120]),
                    at => raw.push(char::from(b' ' + (at - 144) % 95)),
                }
            }
            raw
        }
    };
    let (one, other) = raw.split_at(raw.floor_char_boundary(raw.len() / 2));
    chats(&raw, one, other);
    names(&raw, one, other);
    addresses(&raw);
}

fn chats(raw: &str, one: &str, other: &str) {
    let limit = 60;
    let Ok(whole) = chat(raw, 2000) else { return };
    assert_eq!(chat(&whole, 2000).as_deref(), Ok(&*whole), "TEXT1: {raw:?} is not settled");
    check_chat(raw, &whole);
    let short = if whole.chars().count() <= limit { Ok(&*whole) } else { Err(Code::TooLong) };
    if raw.len() <= limit * 64 {
        assert_eq!(chat(raw, 60).as_deref().map_err(|code| *code), short, "TEXT12: {raw:?}");
    }
    if raw.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b)) {
        let words = |text: &str| text.split_ascii_whitespace().map(String::from).collect::<alloc::vec::Vec<_>>();
        assert_eq!(words(&whole), words(raw), "TEXT13: the words of {raw:?}");
    }
    // Nothing before a line's end can change what may stand behind it.
    if let (Ok(one), Ok(other)) = (chat(one, 1000), chat(other, 900)) {
        let both = format!("{one}\n{other}");
        assert_eq!(chat(&both, 2000).as_deref(), Ok(&*both), "TEXT1: two clean texts on two lines");
    }
}

fn check_chat(raw: &str, text: &str) {
    assert!((1..=2000).contains(&text.chars().count()), "TEXT12: {raw:?}");
    assert!(is_nfc(text), "TEXT2: {raw:?} became {text:?}");
    assert!(!text.contains("\n\n\n\n"), "TEXT4: {raw:?} became {text:?}");
    assert!(!text.starts_with(gap) && !text.ends_with(gap), "TEXT11: {raw:?} became {text:?}");
    assert!(text.chars().any(|c| !gap(c) && !invisible(c)), "TEXT11: {raw:?} became {text:?}");
    check_marks(raw, text);
    let mut before = None;
    let mut flag = 0;
    for (at, c) in text.char_indices() {
        let control = c.is_control() && c != '\n' && c != '\t';
        assert!(!control && c != '\u{2028}' && c != '\u{2029}', "TEXT3: {c:?} of {raw:?} stays in {text:?}");
        if matches!(c, '\u{E0020}'..='\u{E007F}') {
            assert!(at < flag, "TEXT9: a tag outside a flag stays in {text:?}");
        } else {
            assert!(!never(c), "TEXT5, TEXT6: {c:?} of {raw:?} stays in {text:?}");
        }
        if c == '\u{1F3F4}' && ["gbeng", "gbsct", "gbwls"].iter().any(|region| spells(&text[at + 4..], region)) {
            flag = at + 4 + 6 * 4;
        }
        let double = before.is_some_and(|before| direction(before) && direction(c) || joiner(before) && joiner(c));
        assert!(!double, "TEXT5, TEXT7: two of {c:?} in a row in {text:?}");
        assert!(!(selector(c) && before.is_none_or(selector)), "TEXT8: {c:?} without a base in {text:?}");
        before = Some(c);
    }
}

/// Whether a text begins with a region in tag characters, and their end.
fn spells(text: &str, region: &str) -> bool {
    let tags = region.chars().filter_map(|c| char::from_u32(0xE0000 + u32::from(c))).chain(['\u{E007F}']);
    text.starts_with(&*tags.collect::<String>())
}

fn check_marks(raw: &str, text: &str) {
    let mut marks = 0;
    for c in text.chars() {
        if is_combining_mark(c) {
            marks += 1;
            assert!(marks <= 8, "TEXT10, NAME5: {raw:?} became {text:?}");
        } else if !invisible(c) {
            marks = 0;
        }
    }
}

fn names(raw: &str, one: &str, other: &str) {
    if let Ok(whole) = name(raw) {
        check_name(raw, &whole);
        assert_eq!(fit_name(raw).as_ref(), Some(&whole), "NAME8: {raw:?} fits as it is");
    }
    if let Some(fitted) = fit_name(raw) {
        check_name(raw, &fitted);
    }
    if let (Some(one), Some(other)) = (fit_name(one), fit_name(other)) {
        let both = format!("{one} {other}");
        let fits = both.len() <= 128 && both.graphemes(true).count() <= 32;
        let expected = if fits { Ok(&*both) } else { Err(Code::TooLong) };
        assert_eq!(name(&both).as_deref().map_err(|code| *code), expected, "NAME1: two clean names and a space");
    }
}

fn check_name(raw: &str, clean: &str) {
    assert_eq!(name(clean).as_deref(), Ok(clean), "NAME1: {raw:?} is not settled");
    assert!((1..=128).contains(&clean.len()) && clean.graphemes(true).count() <= 32, "NAME7: {raw:?}");
    assert!(is_nfkc(clean), "NAME2: {raw:?} became {clean:?}");
    assert!(!clean.contains("  ") && !clean.starts_with(' ') && !clean.ends_with(' '), "NAME3: {clean:?}");
    assert!(!clean.starts_with(is_combining_mark), "NAME5: {raw:?} became {clean:?}");
    check_marks(raw, clean);
    for c in clean.chars() {
        assert!(c == ' ' || !gap(c), "NAME3: {c:?} of {raw:?} stays in {clean:?}");
        let private = matches!(u32::from(c), 0xE000..=0xF8FF | 0xF_0000..=0xF_FFFD | 0x10_0000..=0x10_FFFD);
        assert!(!c.is_control() && !invisible(c) && !private, "NAME4: {c:?} of {raw:?} stays in {clean:?}");
    }
}

fn addresses(raw: &str) {
    let (anywhere, local) = (src(raw, false), src(raw, true));
    if anywhere.is_ok() {
        assert_eq!(local, anywhere, "URL3: {raw:?}");
    }
    for (http, address) in [(false, &anywhere), (true, &local)] {
        let Ok(address) = address else { continue };
        assert_eq!(src(address, http).as_ref(), Ok(address), "URL7: {raw:?}");
        assert!(address.len() <= 2048 && address.is_ascii(), "URL7, URL8: {raw:?}");
        let hidden = |b: u8| b <= b' ' || b == 0x7F || b == b'\\';
        assert!(!address.bytes().any(hidden) && !raw.contains(char::is_whitespace), "URL6: {raw:?} became {address:?}");
        let host = |scheme| {
            let (host, _) = address.strip_prefix(scheme)?.split_once('/')?;
            Some(host)
        };
        match (host("https://"), host("http://"), address.strip_prefix("/assets/")) {
            (Some(host), _, _) => assert!(!host.is_empty() && !host.contains('@'), "URL1, URL5: {raw:?}"),
            (_, Some(host), _) => {
                let name =
                    host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map_or(host, |(name, _)| name);
                assert!(
                    http && ["localhost", "127.0.0.1", "[::1]"].contains(&name),
                    "URL3: {raw:?} became {address:?}"
                );
            }
            (_, _, Some(hash)) => {
                let digit = |b: u8| b.is_ascii_hexdigit() && !b.is_ascii_uppercase();
                assert!(hash.len() == 64 && hash.bytes().all(digit) && raw == address, "URL2: {raw:?}");
            }
            (None, None, None) => panic!("URL4: {raw:?} became {address:?}"),
        }
    }
    let small = avatar(raw, true);
    let expected = local.clone().ok().filter(|address| address.len() <= 512 && raw.len() <= 512);
    assert_eq!(small.ok(), expected, "URL8: {raw:?}");
}

/// White space and what looks like it.
fn gap(c: char) -> bool {
    c.is_whitespace() || c == '\u{2800}'
}

fn direction(c: char) -> bool {
    matches!(u32::from(c), 0x200E | 0x200F | 0x061C)
}

fn joiner(c: char) -> bool {
    matches!(u32::from(c), 0x200C | 0x200D)
}

fn selector(c: char) -> bool {
    matches!(u32::from(c), 0xFE00..=0xFE0F | 0xE0100..=0xE01EF | 0x180B | 0x180C | 0x180D | 0x180F)
}

/// `Default_Ignorable_Code_Point` of Unicode 17, all of it, the annotation anchors and the noncharacters.
fn invisible(c: char) -> bool {
    let c = u32::from(c);
    let ignorable = matches!(c, 0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
        | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
        | 0xFFF0..=0xFFF8 | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF);
    let nonchar = matches!(c, 0xFDD0..=0xFDEF) || c % 0x10000 >= 0xFFFE;
    ignorable || nonchar || matches!(c, 0xFFF9..=0xFFFB)
}

/// The invisible characters that no neighbour excuses.
fn never(c: char) -> bool {
    invisible(c) && !direction(c) && !joiner(c) && !selector(c)
}
