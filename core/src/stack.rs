//! Stacking keys: the strings whose bytewise order says which image lies on which. It makes the key for "on top";
//! clients make those between two images, by the same scheme.
//!
//! A key is an integer and, where it was made between two others, a fraction after it. The integer's first character
//! says how many digits follow, `a` one to `z` twenty-six, so that a longer integer sorts after every shorter one; the
//! digits are `0-9A-Za-z`, in the order of their bytes.
//!
//! It does not own the images, nor what happens when two have one key (their ids decide).

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::limits::Z_BYTES;

const FIRST: &str = "a0";

/// Whether `z` may be a stacking key: 1 to [`Z_BYTES`] of `0-9A-Za-z`.
pub(crate) fn is_key(z: &str) -> bool {
    (1..=Z_BYTES).contains(&z.len()) && z.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A key over `top`, the highest there is. Only over forty-eight `z` there is none: then it is that key again.
pub(crate) fn above(top: Option<&str>) -> String {
    let Some(top) = top.filter(|top| is_key(top)) else { return FIRST.to_owned() };
    let Some(bytes) = integer_bytes(top) else { return FIRST.to_owned() };
    let next = match top.get(..bytes) {
        Some(integer) => successor(integer),
        // Not of the scheme: the missing digits are zeros.
        None => Some(top.to_owned()),
    };
    match next.as_deref().and_then(|next| Some((next, integer_bytes(next)?))) {
        Some((next, bytes)) => padded(next, bytes),
        None => past_all_integers(top),
    }
}

/// How long the integer of a key is, its head and its digits; `None` for heads that sort before `a`.
fn integer_bytes(key: &str) -> Option<usize> {
    let head = key.bytes().next().filter(u8::is_ascii_lowercase)?;
    Some(2 + usize::from(head - b'a'))
}

/// A key over one that begins with the greatest integer of all: a longer one while there is room, then the shortest
/// greater one.
fn past_all_integers(top: &str) -> String {
    if top.len() < Z_BYTES { padded(top, top.len() + 1) } else { successor(top).unwrap_or_else(|| top.to_owned()) }
}

/// The shortest text that sorts after all that begin with this one: the last digit that can be raised is, and what
/// follows it goes.
fn successor(digits: &str) -> Option<String> {
    let kept = digits.trim_end_matches('z');
    let (last, head) = kept.as_bytes().split_last()?;
    let mut next = String::from_utf8(head.to_vec()).ok()?;
    next.push(char::from(next_digit(*last)?));
    Some(next)
}

fn next_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'8' | b'A'..=b'Y' | b'a'..=b'y' => Some(digit + 1),
        b'9' => Some(b'A'),
        b'Z' => Some(b'a'),
        _ => None,
    }
}

fn padded(key: &str, bytes: usize) -> String {
    let mut key = key.to_owned();
    key.extend(core::iter::repeat_n('0', bytes.saturating_sub(key.len())));
    key
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn stack1_a_key_is_1_to_48_letters_and_digits() {
        for key in ["0", "z", "a0", "A0zZ9", &"z".repeat(48)] {
            assert!(is_key(key), "{key}");
        }
        for other in ["", " ", "a-", "a0 ", "a_0", "\u{E9}", "a\u{0}", "a0\n", &"z".repeat(49)] {
            assert!(!is_key(other), "{other:?}");
        }
    }

    #[test]
    fn stack2_the_first_key_is_a0() {
        assert_eq!(above(None), "a0");
    }

    #[test]
    fn stack3_the_next_key_is_the_next_integer() {
        for (top, next) in [
            ("a0", "a1"),
            ("a9", "aA"),
            ("aZ", "aa"),
            ("ay", "az"),
            ("az", "b00"),
            ("b0z", "b10"),
            ("bZz", "ba0"),
            ("bzz", "c000"),
            ("a0V", "a1"),
            ("azzzz", "b00"),
            ("b5zV9", "b60"),
        ] {
            assert_eq!(above(Some(top)), next, "over {top}");
        }
        let last_y = "y".to_string() + &"z".repeat(25);
        assert_eq!(above(Some(&last_y)), "z".to_string() + &"0".repeat(26));
    }

    #[test]
    fn stack4_a_million_keys_in_a_row_stay_short() {
        let mut top = above(None);
        for _ in 0..1_000_000 {
            let next = above(Some(&top));
            assert!(next > top && is_key(&next) && next.len() <= 8, "{next} over {top}");
            top = next;
        }
        assert_eq!(top.len(), 5);
    }

    #[test]
    fn stack5_over_a_key_of_another_scheme_there_is_a_key_too() {
        for (top, next) in [("0", "a0"), ("Zz", "a0"), ("A", "a0"), ("a", "a0"), ("b5", "b50"), ("c", "c000")] {
            assert_eq!(above(Some(top)), next, "over {top}");
        }
        let greatest = "z".repeat(27);
        assert_eq!(above(Some(&greatest)), greatest.clone() + "0");
        assert_eq!(above(Some(&(greatest.clone() + "V"))), greatest + "V0");
        assert_eq!(above(Some(&("z".repeat(46) + "5z"))), "z".repeat(46) + "6");
    }

    #[test]
    fn stack5_a_key_is_over_every_key_but_the_greatest() {
        const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut state = 11_u64;
        let mut draw = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % bound
        };
        for _ in 0..200_000 {
            let (length, zs) = (1 + draw(48), draw(60));
            let top: String = (0..length)
                .map(|at| if at < zs && zs > 20 { 'z' } else { char::from(DIGITS[draw(DIGITS.len())]) })
                .collect();
            let next = above(Some(&top));
            assert!(is_key(&next), "{next} over {top}");
            assert!(next > top || (next == top && top == "z".repeat(48)), "{next} over {top}");
        }
        for length in 1..48 {
            assert!(above(Some(&"z".repeat(length))) > "z".repeat(length));
        }
    }

    #[test]
    fn stack6_over_the_greatest_key_there_is_none() {
        assert_eq!(above(Some(&"z".repeat(48))), "z".repeat(48));
    }
}
