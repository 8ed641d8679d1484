//! What people write: chat texts and names, cleaned to one form. The words stay the person's own: nothing is escaped
//! or stripped as markup, clients render text as text.
//!
//! It does not own who may write, how often, or which of a person's names counts.

use alloc::string::String;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::UnicodeEmoji;
use unicode_segmentation::UnicodeSegmentation;

use crate::errors::Code;
use crate::limits::{NAME_BYTES, NAME_GRAPHEMES};

/// The most combining marks on one base: Vietnamese needs 2, pointed Hebrew 4, Tibetan 6; towers of them need more.
const MARKS: usize = 8;
/// The most newlines in a row.
const NEWLINES: usize = 3;
/// A raw chat text over this many bytes a permitted character is refused unread.
const RAW_BYTES_PER_CHAR: usize = 64;
/// A raw name over this is refused, or cut, unread.
const RAW_NAME_BYTES: usize = 4096;
/// How often a chat text is cleaned before its invisible characters are given up.
const ROUNDS: usize = 3;

const ZWJ: char = '\u{200D}';
const EMOJI_SELECTOR: char = '\u{FE0F}';
const BLACK_FLAG: char = '\u{1F3F4}';
/// What follows the black flag in the flags of England, Scotland and Wales, the only ones that vendors draw. Any other
/// run of tags is a text that nobody sees.
const FLAG_TAGS: [&str; 3] = [
    "\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
    "\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
    "\u{E0067}\u{E0062}\u{E0077}\u{E006C}\u{E0073}\u{E007F}",
];

/// A chat text in its one form, at most `max_chars` code points and so at most four times as many bytes.
///
/// # Errors
/// [`Code::Empty`] if nothing visible is left, [`Code::TooLong`] if too much is.
pub(crate) fn chat(raw: &str, max_chars: u32) -> Result<String, Code> {
    let max = usize::try_from(max_chars).unwrap_or(usize::MAX);
    if raw.len() > max.saturating_mul(RAW_BYTES_PER_CHAR) {
        return Err(Code::TooLong);
    }
    let text = settle(raw);
    if text.is_empty() {
        return Err(Code::Empty);
    }
    if text.chars().nth(max).is_some() {
        return Err(Code::TooLong);
    }
    Ok(text)
}

/// A name in its one form, at most [`NAME_GRAPHEMES`] and [`NAME_BYTES`] long.
///
/// # Errors
/// [`Code::Empty`] if nothing visible is left, [`Code::TooLong`] if too much is.
pub(crate) fn name(raw: &str) -> Result<String, Code> {
    if raw.len() > RAW_NAME_BYTES {
        return Err(Code::TooLong);
    }
    let name = clean_name(raw);
    if name.is_empty() {
        return Err(Code::Empty);
    }
    if name.len() > NAME_BYTES || name.graphemes(true).nth(NAME_GRAPHEMES).is_some() {
        return Err(Code::TooLong);
    }
    Ok(name)
}

/// The same, but cut to its bounds rather than refused: for names that come with a token or an address. `None` if
/// nothing visible is left.
pub(crate) fn fit_name(raw: &str) -> Option<String> {
    let head = raw.split_at_checked(raw.floor_char_boundary(RAW_NAME_BYTES)).map_or(raw, |(head, _)| head);
    let mut name = clean_name(head);
    let mut end = 0;
    for (at, grapheme) in name.grapheme_indices(true).take(NAME_GRAPHEMES) {
        if at + grapheme.len() > NAME_BYTES {
            break;
        }
        end = at + grapheme.len();
    }
    if end == 0 {
        // One grapheme can have any length: a chain of Indic conjuncts, or of conjoining jamo.
        end = name.floor_char_boundary(NAME_BYTES);
    }
    name.truncate(end);
    name.truncate(name.trim_end_matches(blank).len());
    if name.is_empty() { None } else { Some(name) }
}

/// Whether characters that only mean something beside others may stay there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Invisible {
    InContext,
    Never,
}

/// Cleans until cleaning changes nothing. NFC may move a mark to where a joiner after it means nothing, and a dropped
/// joiner lets more marks move or compose. Few rounds settle all that people write; a text made to need more loses its
/// invisible characters, and then nothing is left that depends on a neighbour.
fn settle(raw: &str) -> String {
    let mut text = clean(raw, Invisible::InContext);
    for _ in 1..ROUNDS {
        let again = clean(&text, Invisible::InContext);
        if again == text {
            return text;
        }
        text = again;
    }
    clean(&text, Invisible::Never)
}

fn clean(raw: &str, invisible: Invisible) -> String {
    let sifted = sift(raw, invisible);
    let composed: String = bound_marks(sifted.nfc()).collect();
    lay_out(&composed)
}

/// Drops what may not be in a text, and what may not be where it is.
fn sift(raw: &str, invisible: Invisible) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw.chars();
    while let Some(c) = rest.next() {
        match kind(c) {
            Kind::Break => {
                if c == '\r' && rest.as_str().starts_with('\n') {
                    rest.next();
                }
                out.push('\n');
            }
            Kind::Shown => {
                out.push(c);
                if c == BLACK_FLAG && invisible == Invisible::InContext {
                    let flag = FLAG_TAGS.iter().find_map(|tags| Some((tags, rest.as_str().strip_prefix(tags)?)));
                    if let Some((tags, after)) = flag {
                        out.push_str(tags);
                        rest = after.chars();
                    }
                }
            }
            Kind::Direction | Kind::Joiner | Kind::Selector => {
                if invisible == Invisible::InContext && fits(c, &out, rest.as_str()) {
                    out.push(c);
                }
            }
            Kind::Dropped => {}
        }
    }
    out
}

/// Whether an invisible character has a meaning between what was kept before it and what comes after it.
fn fits(c: char, before: &str, after: &str) -> bool {
    let mut back = before.chars().rev();
    let prev = back.next();
    match kind(c) {
        Kind::Direction => prev.is_none_or(|p| kind(p) != Kind::Direction),
        Kind::Selector => prev.is_some_and(|p| selects(p, c)),
        Kind::Joiner => {
            // An emoji keeps its selector and still joins; a skin tone is an emoji of its own here.
            let left = if prev == Some(EMOJI_SELECTOR) { back.next() } else { prev };
            let between_emoji = c == ZWJ && left.is_some_and(emoji) && after.chars().next().is_some_and(emoji);
            between_emoji || prev.is_some_and(shapes)
        }
        Kind::Shown | Kind::Break | Kind::Dropped => true,
    }
}

/// Lets at most [`MARKS`] combining marks stand on a base. Invisible characters are no new base, or they would carry
/// the next storey of a tower.
fn bound_marks(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    let mut marks = 0;
    text.filter(move |&c| {
        if is_combining_mark(c) {
            marks += 1;
            return marks <= MARKS;
        }
        if matches!(kind(c), Kind::Shown | Kind::Break) {
            marks = 0;
        }
        true
    })
}

/// Empties lines in which nothing shows, drops all but two of such lines in a row, and trims the whole.
fn lay_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut newlines = 0;
    for line in text.split('\n') {
        if line.chars().any(|c| kind(c) == Kind::Shown && !blank(c)) {
            if out.is_empty() {
                out.push_str(line.trim_start_matches(blank));
            } else {
                out.extend(core::iter::repeat_n('\n', newlines.min(NEWLINES)));
                out.push_str(line);
            }
            newlines = 0;
        }
        newlines += 1;
    }
    out.truncate(out.trim_end_matches(blank).len());
    out
}

fn clean_name(raw: &str) -> String {
    let sifted = raw.chars().filter(|&c| blank(c) || (kind(c) == Kind::Shown && !private(c)));
    let mut out = String::new();
    let mut space = false;
    for c in bound_marks(sifted.nfkc()) {
        if blank(c) {
            space = true;
            continue;
        }
        // A mark at the start would sit on whatever a client shows before the name.
        if out.is_empty() && is_combining_mark(c) {
            continue;
        }
        if space && !out.is_empty() {
            out.push(' ');
        }
        space = false;
        out.push(c);
    }
    out
}

/// What a character is to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Ends a line.
    Break,
    /// Shows, or is blank, or is a mark on what shows.
    Shown,
    /// Tells which way its neighbours run: harmless, and mixed scripts need it.
    Direction,
    /// Joins or parts its neighbours.
    Joiner,
    /// Chooses a glyph for the character before it.
    Selector,
    /// Never stays.
    Dropped,
}

fn kind(c: char) -> Kind {
    match c {
        '\n' | '\r' | '\u{2028}' | '\u{2029}' => Kind::Break,
        '\t' | ' '..='~' => Kind::Shown,
        '\u{200E}' | '\u{200F}' | '\u{061C}' => Kind::Direction,
        '\u{200C}' | ZWJ => Kind::Joiner,
        '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' => Kind::Selector,
        // The other default-ignorable code points of Unicode 17: nothing shows where they stand.
        '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}' => Kind::Dropped,
        '\u{200B}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' => Kind::Dropped,
        '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}' => Kind::Dropped,
        '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' => Kind::Dropped,
        // Annotations, which put a hidden text beside a shown one.
        '\u{FFF9}'..='\u{FFFB}' => Kind::Dropped,
        // Noncharacters: the last two of each plane, and a block of 32.
        '\u{FDD0}'..='\u{FDEF}' => Kind::Dropped,
        _ if c.is_control() || u32::from(c) & 0xFFFE == 0xFFFE => Kind::Dropped,
        _ => Kind::Shown,
    }
}

/// White space, and the Braille cell without dots, which looks like it.
fn blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{2800}'
}

/// Means only what a font says: a word in its own community, a forged badge in a name.
fn private(c: char) -> bool {
    matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{FFFFD}' | '\u{100000}'..='\u{10FFFD}')
}

/// Digits are emoji to Unicode because of keycaps; keycaps need no joiner.
fn emoji(c: char) -> bool {
    !c.is_ascii() && c.is_emoji_char()
}

/// A letter or mark of a script that shapes by ZWJ and ZWNJ: the cursive ones, where they part or join letters, and
/// the Brahmic ones, where they choose between a conjunct and its parts. A joiner may end a word there.
fn shapes(c: char) -> bool {
    let script = matches!(c,
        // Arabic, Syriac, Thaana, N'Ko, Samaritan, Mandaic.
        '\u{0600}'..='\u{08FF}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
        // Devanagari to Sinhala; Myanmar; Tagalog to Khmer and Mongolian.
        | '\u{0900}'..='\u{0DFF}' | '\u{1000}'..='\u{109F}' | '\u{1700}'..='\u{18AF}'
        // Tai Tham, Balinese to Batak, Vedic marks.
        | '\u{1A20}'..='\u{1AAF}' | '\u{1B00}'..='\u{1BFF}' | '\u{1CD0}'..='\u{1CFF}'
        // Phags-pa, Saurashtra, Devanagari marks, Javanese to Cham, Meetei Mayek.
        | '\u{A840}'..='\u{A87F}' | '\u{A880}'..='\u{A8FF}' | '\u{A980}'..='\u{AA5F}' | '\u{ABC0}'..='\u{ABFF}'
        // Manichaean, Sogdian and their kin; the historic Brahmic scripts; Adlam.
        | '\u{10AC0}'..='\u{10AFF}' | '\u{10D00}'..='\u{10D3F}' | '\u{10EC0}'..='\u{10FFF}'
        | '\u{11000}'..='\u{11FFF}' | '\u{1E900}'..='\u{1E95F}');
    script && (c.is_alphabetic() || (is_combining_mark(c) && kind(c) == Kind::Shown))
}

/// Whether `selector` may stand after `base`: whatever it asks for, one of them hides no message.
fn selects(base: char, selector: char) -> bool {
    match selector {
        '\u{FE00}'..='\u{FE0F}' if base.is_ascii() => matches!(base, '0'..='9' | '#' | '*'),
        '\u{FE00}'..='\u{FE0F}' => kind(base) == Kind::Shown && !blank(base) && !is_combining_mark(base),
        '\u{180B}'..='\u{180F}' => matches!(base, '\u{1820}'..='\u{18AA}'),
        _ => {
            matches!(base, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
                | '\u{20000}'..='\u{3FFFD}')
        }
    }
}

#[cfg(test)]
mod tests;
