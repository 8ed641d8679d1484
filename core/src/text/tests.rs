//! One test or more for each rule of the text and the names; each test bears its rule's number.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use unicode_normalization::{is_nfc, is_nfkc};

use super::*;

const MAX: u32 = 2000;

fn chat_of(raw: &str) -> String {
    chat(raw, MAX).unwrap_or_else(|code| panic!("{raw:?}: {code:?}"))
}

fn name_of(raw: &str) -> String {
    name(raw).unwrap_or_else(|code| panic!("{raw:?}: {code:?}"))
}

/// A PCG (XSH-RR 64/32) and what it draws texts from.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = u32::try_from((((self.0 >> 18) ^ self.0) >> 27) & 0xFFFF_FFFF).unwrap();
        mixed.rotate_right(u32::try_from(self.0 >> 59).unwrap())
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap() % bound
    }

    fn char(&mut self, nasty: &[char]) -> char {
        if self.below(8) == 0 {
            return char::from_u32(self.next() % 0x11_0000).unwrap_or('\u{FFFD}');
        }
        nasty[self.below(nasty.len())]
    }

    /// A text that mixes few characters, so that they meet often.
    fn text(&mut self, longest: usize) -> String {
        let all: Vec<char> = NASTY.chars().collect();
        let few: Vec<char> = (0..1 + self.below(10)).map(|_| all[self.below(all.len())]).collect();
        let length = self.below(longest + 1);
        (0..length).map(|_| self.char(&few)).collect()
    }
}

/// Letters that compose, marks that compose or reorder, white space, everything invisible, emoji and their parts.
const NASTY: &str = "ae<&9#* \t\n\r\u{0}\u{7F}\u{85}\u{A0}\u{2003}\u{2028}\u{2029}\u{3000}\u{2800}\u{AD}\u{34F}\
    \u{300}\u{301}\u{308}\u{323}\u{327}\u{338}\u{345}\u{5B4}\u{64B}\u{653}\u{654}\u{20E3}\u{1100}\u{1161}\u{11A8}\
    \u{AC00}\u{115F}\u{1160}\u{3164}\u{FFA0}\u{915}\u{937}\u{93C}\u{94D}\u{9C7}\u{9BE}\u{9D7}\u{DD9}\u{DCA}\u{DCF}\
    \u{627}\u{628}\u{6CC}\u{1820}\u{180B}\u{180E}\u{200B}\u{200C}\u{200D}\u{200E}\u{200F}\u{61C}\u{202A}\u{202E}\
    \u{2060}\u{2066}\u{2069}\u{206A}\u{FE00}\u{FE0E}\u{FE0F}\u{FEFF}\u{FFF9}\u{FFFC}\u{FDD0}\u{FFFE}\u{E000}\u{2126}\
    \u{FB01}\u{FDFA}\u{FE70}\u{A8}\u{2194}\u{2190}\u{2764}\u{2642}\u{1F3F4}\u{1F3FB}\u{1F468}\u{1F680}\u{1F1E9}\
    \u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E007F}\u{E0100}\u{E0000}\u{845B}\u{F900}\u{2F800}\u{1D15E}\u{1D173}\
    \u{10FFFF}\u{37E}";

/// What no text may hold, told without the tables under test.
fn forbidden(c: char) -> bool {
    let n = u32::from(c);
    (n < 0x20 && n != 9 && n != 10)
        || (0x7F..0xA0).contains(&n)
        || [0xAD, 0x34F, 0x115F, 0x1160, 0x180E, 0x200B, 0x2028, 0x2029, 0x3164, 0xFEFF, 0xFFA0].contains(&n)
        || (0x202A..=0x202E).contains(&n)
        || (0x2060..=0x206F).contains(&n)
        || (0xFFF0..=0xFFFB).contains(&n)
        || (0xFDD0..=0xFDEF).contains(&n)
        || (n & 0xFFFF) >= 0xFFFE
}

/// What may be in a text beside some neighbours and never in a name.
fn contextual(c: char) -> bool {
    matches!(c, '\u{200C}'..='\u{200F}' | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{FE00}'..='\u{FE0F}')
        || matches!(c, '\u{E0000}'..='\u{E0FFF}')
}

fn most_marks(text: &str) -> usize {
    let (mut most, mut marks) = (0, 0);
    for c in text.chars() {
        if is_combining_mark(c) {
            marks += 1;
        } else if !contextual(c) {
            marks = 0;
        }
        most = most.max(marks);
    }
    most
}

fn check_chat(raw: &str) {
    let text = match chat(raw, MAX) {
        Ok(text) => text,
        Err(code) => return assert!(code == Code::Empty || code == Code::TooLong),
    };
    assert_eq!(chat(&text, MAX).as_deref(), Ok(&*text), "not settled: {raw:?}");
    assert!(!text.chars().any(forbidden), "{raw:?} left {text:?}");
    assert!(is_nfc(&text), "{raw:?} left {text:?}");
    assert!(most_marks(&text) <= 8, "{raw:?} left {text:?}");
    assert!(!text.contains("\n\n\n\n"), "{raw:?} left {text:?}");
    assert_eq!(text.trim(), text, "{raw:?}");
    assert!(text.len() <= 8000 && text.chars().count() <= 2000 && !text.is_empty());
}

fn check_name(raw: &str) {
    let cut = fit_name(raw);
    match name(raw) {
        Ok(name) => assert_eq!(cut.as_deref(), Some(&*name)),
        Err(Code::Empty) => assert_eq!(cut, None),
        Err(code) => assert!(code == Code::TooLong && (cut.is_some() || raw.len() > RAW_NAME_BYTES), "{raw:?}"),
    }
    let Some(name) = cut else { return };
    assert_eq!(super::name(&name).as_deref(), Ok(&*name), "not settled: {raw:?}");
    assert!(!name.chars().any(|c| forbidden(c) || contextual(c) || private(c)), "{raw:?} left {name:?}");
    assert!(is_nfkc(&name) && most_marks(&name) <= 8, "{raw:?} left {name:?}");
    assert!(name.trim() == name && !name.contains("  ") && !name.contains('\n') && !name.contains('\t'));
    assert!(name.len() <= 128 && name.graphemes(true).count() <= 32 && !name.is_empty());
}

#[test]
fn text1_cleaning_twice_is_cleaning_once() {
    let mut draw = Draw(1);
    for _ in 0..30_000 {
        check_chat(&draw.text(24));
    }
    for _ in 0..50 {
        check_chat(&draw.text(2500));
    }
    for c in '\u{0}'..=char::MAX {
        check_chat(c.encode_utf8(&mut [0; 4]));
    }
}

#[test]
fn text1_each_character_settles_beside_letters_marks_and_emoji() {
    for c in '\u{0}'..='\u{1FFFF}' {
        let mut raw = String::new();
        for part in ["e", "\u{200D}", "\u{301}", "\u{2194}", "\u{200D}", "\u{1F680}", "\u{915}", "\u{200C}"] {
            raw.push_str(part);
            raw.push(c);
        }
        check_chat(&raw);
    }
}

#[test]
fn text1_a_text_that_keeps_moving_loses_its_invisible_characters() {
    // NFC moves the accent, which shapes nothing, before the next joiner: each round drops one and frees one more.
    let raw = "\u{1F468}\u{200D}\u{1F469} x\u{301}".to_string() + &"\u{64B}\u{200C}".repeat(7);
    assert_eq!(chat_of(&raw), "\u{1F468}\u{1F469} x".to_string() + &"\u{64B}".repeat(7) + "\u{301}");
    check_chat(&raw);
    let mut draw = Draw(2);
    for _ in 0..10_000 {
        let plain = clean(&draw.text(24), Invisible::Never);
        assert!(!plain.chars().any(contextual));
        assert_eq!(clean(&plain, Invisible::InContext), plain);
    }
}

#[test]
fn text2_the_form_is_nfc() {
    assert_eq!(chat_of("e\u{301}"), "\u{E9}");
    assert_eq!(chat_of("\u{2126} \u{FB01}"), "\u{3A9} \u{FB01}");
    assert_eq!(chat_of("e\u{200B}\u{301}"), "\u{E9}", "what is dropped no longer keeps a mark from its base");
    assert_eq!(chat_of("e\u{200D}\u{301}"), "\u{E9}");
}

#[test]
fn text3_control_characters_go_and_every_line_end_is_a_newline() {
    assert_eq!(chat_of("a\u{0}b\u{7}c\u{1B}d\u{7F}e\u{85}f\u{9F}g\u{B}h\u{C}"), "abcdefgh");
    assert_eq!(chat_of("a\tb\nc"), "a\tb\nc");
    assert_eq!(chat_of("a\r\nb\rc\u{2028}d\u{2029}e\n\rf"), "a\nb\nc\nd\ne\n\nf");
}

#[test]
fn text4_at_most_three_newlines_in_a_row() {
    assert_eq!(chat_of("a\n\n\nb"), "a\n\n\nb");
    assert_eq!(chat_of(&("a".to_string() + &"\n".repeat(500) + "b")), "a\n\n\nb");
    assert_eq!(
        chat_of("a\n \n\t\n\u{200F}\n\u{3000}\n\u{2800}\n  b"),
        "a\n\n\n  b",
        "a line that shows nothing is empty"
    );
    assert_eq!(chat_of("a  \n \nb"), "a  \n\nb", "but the ends of other lines stay");
}

#[test]
fn text5_bidi_controls_go_and_bidi_marks_stay() {
    assert_eq!(chat_of("a\u{202A}\u{202B}\u{202C}\u{202D}\u{202E}\u{2066}\u{2067}\u{2068}\u{2069}b"), "ab");
    assert_eq!(chat_of("\u{5D0}!\u{200F} a\u{200E} \u{627}\u{61C}"), "\u{5D0}!\u{200F} a\u{200E} \u{627}\u{61C}");
    assert_eq!(chat_of("a\u{200F}\u{200E}\u{61C}\u{200F}b"), "a\u{200F}b", "one in a row");
}

#[test]
fn text6_what_never_shows_goes() {
    let hidden = "\u{AD}\u{34F}\u{115F}\u{1160}\u{17B4}\u{180E}\u{200B}\u{2060}\u{2064}\u{206A}\u{3164}\u{FEFF}\u{FFA0}\
                  \u{FFF9}\u{FFFB}\u{1BCA0}\u{1D173}\u{FDD0}\u{FFFE}\u{FFFF}\u{10FFFF}";
    for c in hidden.chars() {
        assert_eq!(chat_of(&String::from_iter(['a', c, 'b'])), "ab", "{c:?}");
    }
    assert_eq!(chat_of("\u{F8FF}\u{100000}"), "\u{F8FF}\u{100000}", "private use stays in a text");
}

#[test]
fn text7_joiners_stay_in_emoji_and_in_scripts_that_shape_by_them() {
    for kept in [
        "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}", // a family
        "\u{1F469}\u{1F3FD}\u{200D}\u{1F680}",         // an astronaut with a skin tone
        "\u{1F3F3}\u{FE0F}\u{200D}\u{1F308}",          // a flag, by way of a selector
        "\u{1F9D1}\u{200D}\u{1F9B0} \u{1F3F3}\u{FE0F}\u{200D}\u{26A7}\u{FE0F}", // parts that are rarely alone
        "\u{645}\u{6CC}\u{200C}\u{62E}\u{648}\u{627}\u{647}\u{645}", // Persian
        "\u{915}\u{94D}\u{200D}\u{937} \u{915}\u{94D}\u{200C}\u{937}", // Hindi
        "\u{DC1}\u{DCA}\u{200D}\u{DBB}\u{DD3}",        // Sri Lanka's own name
        "\u{D28}\u{D4D}\u{200D} x",                    // a Malayalam chillu ends a word
    ] {
        assert_eq!(chat_of(kept), kept);
    }
    assert_eq!(chat_of("pay\u{200D}pal\u{200C}.com"), "paypal.com");
    assert_eq!(chat_of("1\u{200D}2 \u{1F468}\u{200D}a \u{1F468}\u{200D}"), "12 \u{1F468}a \u{1F468}");
    assert_eq!(chat_of("\u{1F468}\u{200C}\u{1F469}"), "\u{1F468}\u{1F469}", "emoji join, they do not part");
    assert_eq!(chat_of("\u{628}\u{200C}\u{200C}\u{200D}\u{628}"), "\u{628}\u{200C}\u{628}", "one in a row");
}

#[test]
fn text8_one_variation_selector_stays_after_its_base() {
    for kept in ["\u{2764}\u{FE0F}", "1\u{FE0F}\u{20E3}", "\u{845B}\u{E0100}", "\u{1820}\u{180B}", "\u{2229}\u{FE00}"] {
        assert_eq!(chat_of(kept), kept);
    }
    assert_eq!(chat_of("\u{2764}\u{FE0F}\u{FE0F}\u{FE01}\u{E0100}"), "\u{2764}\u{FE0F}");
    assert_eq!(chat_of("\u{FE0F}a\u{FE0F} \u{FE00}b\u{E0101}\u{2764}\u{E0101}c\u{180B}"), "a b\u{2764}c");
}

#[test]
fn text9_tags_stay_in_three_flags_only() {
    let wales = "\u{1F3F4}\u{E0067}\u{E0062}\u{E0077}\u{E006C}\u{E0073}\u{E007F}";
    assert_eq!(chat_of(wales), wales);
    assert_eq!(chat_of(&wales.replace('\u{E0077}', "\u{E0078}")), "\u{1F3F4}");
    assert_eq!(chat_of(&(wales.to_string() + "\u{E0067}\u{E0001}a\u{E0062}")), wales.to_string() + "a");
    assert_eq!(chat_of("a\u{E0067}\u{E0062}\u{E0077}\u{E006C}\u{E0073}\u{E007F}"), "a");
}

#[test]
fn text10_at_most_eight_combining_marks_on_a_base() {
    assert_eq!(chat_of(&("x".to_string() + &"\u{30D}".repeat(50) + "y")), "x".to_string() + &"\u{30D}".repeat(8) + "y");
    assert_eq!(chat_of(&("e\u{301}".to_string() + &"\u{30D}".repeat(9))), "\u{E9}".to_string() + &"\u{30D}".repeat(8));
    let tower = "x".to_string() + &("\u{30D}".repeat(8) + "\u{200E}").repeat(9);
    assert_eq!(most_marks(&chat_of(&tower)), 8, "an invisible character is no new base");
}

#[test]
fn text11_blank_ends_go_and_a_text_that_shows_nothing_is_empty() {
    assert_eq!(chat_of(" \n\t\u{3000} a b \u{A0}\n\n"), "a b");
    for raw in
        ["", " ", "\n\n", "\u{200B}\u{FEFF}", "\u{200E} \u{200F}", "\u{200D}\u{FE0F}", "\u{2800}", "\u{0}", "\u{3164}"]
    {
        assert_eq!(chat(raw, MAX), Err(Code::Empty), "{raw:?}");
    }
    assert_eq!(chat(&" ".repeat(65_536), MAX), Err(Code::Empty));
}

#[test]
fn text12_the_length_counts_after_cleaning() {
    assert_eq!(chat(&"a".repeat(2000), MAX).map(|text| text.len()), Ok(2000));
    assert_eq!(chat(&"a".repeat(2001), MAX), Err(Code::TooLong));
    assert_eq!(chat(&"\u{1F680}".repeat(2000), MAX).map(|text| text.len()), Ok(8000));
    assert_eq!(chat(&"\u{1F680}".repeat(2001), MAX), Err(Code::TooLong));
    assert_eq!(chat(&"x".repeat(8193), MAX), Err(Code::TooLong));
    assert_eq!(chat(&"e\u{301}".repeat(2000), MAX).map(|text| text.chars().count()), Ok(2000));
    assert_eq!(chat(&" ".repeat(64), 1), Err(Code::Empty));
    assert_eq!(chat(&" ".repeat(65), 1), Err(Code::TooLong), "over 64 bytes a character nothing is read");
    assert_eq!(chat("a", 0), Err(Code::TooLong));
    assert_eq!(chat("a", u32::MAX).as_deref(), Ok("a"));
}

#[test]
fn text12_the_worst_texts_cost_no_more_than_their_length() {
    // Were any step quadratic, these would take minutes.
    for part in
        ["\u{301}", "\u{323}\u{301}", "\u{200D}", "\u{2194}\u{200D}", "\u{1161}", "\n", " ", "\u{FDFA}", "\u{1F3F4}"]
    {
        check_chat(&part.repeat(128_000 / part.len()));
        check_name(&part.repeat(128_000 / part.len()));
    }
}

#[test]
fn text13_markup_is_text() {
    for raw in [
        "a < b",
        "<script>alert(1)</script>",
        "<img src=x onerror=\"x()\">",
        "{{7*7}}",
        "&amp; \\u0041 '\"`",
        "</script>",
    ] {
        assert_eq!(chat_of(raw), raw);
    }
}

#[test]
fn name1_cleaning_twice_is_cleaning_once() {
    let mut draw = Draw(3);
    for _ in 0..30_000 {
        check_name(&draw.text(60));
    }
    for c in '\u{0}'..=char::MAX {
        check_name(c.encode_utf8(&mut [0; 4]));
    }
}

#[test]
fn name2_the_form_is_nfkc() {
    assert_eq!(name_of("\u{FF21}\u{FB01}e\u{301}\u{2460}"), "Afi\u{E9}1");
    assert_eq!(name_of("e\u{200D}\u{301}"), "\u{E9}");
}

#[test]
fn name3_white_space_is_one_space() {
    assert_eq!(name_of("\n Ann\t\r\n\u{A0}\u{3000} \u{2800}Lee\u{2028}"), "Ann Lee");
    assert_eq!(name_of("a\u{A8}b"), "a \u{308}b", "also white space that NFKC brings");
}

#[test]
fn name4_nothing_hidden_stays() {
    let mut raw = String::from("A");
    raw.extend(('\u{0}'..=char::MAX).filter(|&c| contextual(c) && !matches!(c, '\u{E0080}'..)));
    raw.push_str("\u{202E}\u{202D}\u{2066}\u{2069}\u{200B}\u{FEFF}\u{E000}\u{F8FF}\u{FFFF}\u{0}\u{3164}n");
    assert_eq!(name_of(&raw), "An");
    assert_eq!(name_of("\u{1F469}\u{200D}\u{1F680}\u{2764}\u{FE0F}"), "\u{1F469}\u{1F680}\u{2764}");
}

#[test]
fn name5_at_most_eight_marks_on_a_base_and_none_before_it() {
    assert_eq!(name_of(&("x".to_string() + &"\u{30D}".repeat(20))), "x".to_string() + &"\u{30D}".repeat(8));
    assert_eq!(name_of(" \u{301}\u{301} \u{301}Ann"), "Ann");
}

#[test]
fn name6_a_name_that_shows_nothing_is_empty() {
    for raw in ["", "  ", "\u{200B}\u{200D}", "\u{202E}", "\u{301}", "\u{A8}", "\u{3164}", "\u{2800}", "\u{F8FF}"] {
        assert_eq!(name(raw), Err(Code::Empty), "{raw:?}");
        assert_eq!(fit_name(raw), None, "{raw:?}");
    }
}

#[test]
fn name7_at_most_32_graphemes_and_128_bytes() {
    assert_eq!(name_of(&"a".repeat(32)).len(), 32);
    assert_eq!(name(&"a".repeat(33)), Err(Code::TooLong));
    assert_eq!(name_of(&"\u{1F680}".repeat(32)).len(), 128);
    assert_eq!(name(&("\u{1F680}".repeat(31) + "x\u{30D}\u{30D}")), Err(Code::TooLong), "129 bytes, 32 graphemes");
    assert_eq!(name_of(&"x\u{30D}".repeat(32)).len(), 96);
    assert_eq!(name(&("a".to_string() + &" ".repeat(4096))), Err(Code::TooLong), "over 4,096 bytes nothing is read");
}

#[test]
fn name8_a_given_name_is_cut_between_graphemes() {
    assert_eq!(fit_name(&"a".repeat(40)), Some("a".repeat(32)));
    assert_eq!(fit_name(&("\u{1F680}".repeat(31) + "x\u{30D}\u{30D}y")), Some("\u{1F680}".repeat(31)));
    assert_eq!(fit_name(&("a".repeat(31) + " b")), Some("a".repeat(31)), "and trimmed again");
    assert_eq!(fit_name(&("a".to_string() + &"\u{200B}".repeat(9000) + "b")).as_deref(), Some("a"));
    let conjuncts = "\u{915}\u{94D}".repeat(50);
    assert_eq!(fit_name(&conjuncts), Some("\u{915}\u{94D}".repeat(21)), "126 bytes of a grapheme that has 300");
}
