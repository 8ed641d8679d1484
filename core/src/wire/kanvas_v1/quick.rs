//! The message that a room hears most, read without the general reader: a cursor's move as `JSON.stringify` writes it.
//! Whatever looks the least bit different is left to the general reader, which is the one truth.

use crate::limits::MAX_NUMBER;
use crate::wire::{Decoded, Point, Request};

/// The move, if the message has that shape and its numbers are in bounds.
pub(super) fn cursor(message: &[u8]) -> Option<Decoded> {
    let rest = message.strip_prefix(br#"{"type":"cursor:move","data":"#)?;
    let (cursor, rest) = match rest.strip_prefix(b"null") {
        Some(rest) => (None, rest),
        None => {
            let (x, rest) = coordinate(rest.strip_prefix(br#"{"x":"#)?)?;
            let (y, rest) = coordinate(rest.strip_prefix(br#","y":"#)?)?;
            (Some(Point { x, y }), rest.strip_prefix(b"}")?)
        }
    };
    let rest = match rest.strip_prefix(br#","timestamp":"#) {
        Some(rest) => number(rest)?.1,
        None => rest,
    };
    (rest == b"}").then_some(Decoded { id: None, image: None, request: Ok(Request::Cursor(cursor)) })
}

/// A number in bounds, and what follows it.
fn coordinate(text: &[u8]) -> Option<(f64, &[u8])> {
    number(text).filter(|(value, _)| *value == 0.0 || value.is_normal() && value.abs() <= MAX_NUMBER)
}

/// More digits than this may not fit in 64 bits.
const DIGITS: usize = 19;
/// Powers of ten that are exact, and whole numbers that are.
const EXACT_POWER: usize = 22;
const EXACT_WHOLE: u64 = 1 << 53;

const POWERS: [f64; EXACT_POWER + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A decimal without an exponent, and what follows it. `None` for any other.
fn number(text: &[u8]) -> Option<(f64, &[u8])> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (mut mantissa, mut len, mut point) = (0_u64, 0, None);
    for byte in digits {
        match byte {
            b'0'..=b'9' => mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')),
            b'.' if point.is_none() => point = Some(len),
            b',' | b'}' => break,
            _ => return None,
        }
        len += 1;
    }
    let whole = point.unwrap_or(len);
    let places = point.map_or(0, |point| len - point - 1);
    let written = digits.get(..len)?;
    let legal = match written {
        [b'0', ..] => whole == 1,
        _ => whole > 0,
    };
    if !legal || point.is_some() && places == 0 || whole + places > DIGITS {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "exact, as far as it is looked at")]
    let value = match POWERS.get(places) {
        // Both are exact, so the quotient is the nearest number there is.
        Some(power) if mantissa <= EXACT_WHOLE => mantissa as f64 / power,
        _ => core::str::from_utf8(written).ok()?.parse().ok()?,
    };
    Some((if negative && mantissa > 0 { -value } else { value }, digits.get(len..)?))
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    use super::super::read::general;
    use super::*;
    use crate::rng::Pcg;

    fn agree(message: &[u8]) -> bool {
        let Some(quick) = cursor(message) else { return false };
        let slow = general(message);
        assert_eq!((quick.id, quick.image), (slow.id, slow.image), "{}", String::from_utf8_lossy(message));
        assert_eq!(quick.request, slow.request, "{}", String::from_utf8_lossy(message));
        true
    }

    fn of(x: &str, y: &str) -> String {
        format!(r#"{{"type":"cursor:move","data":{{"x":{x},"y":{y}}},"timestamp":1790000000000}}"#)
    }

    #[test]
    fn wire22_a_cursor_is_read_the_same_by_both_readers() {
        for message in [
            r#"{"type":"cursor:move","data":{"x":5,"y":6}}"#,
            r#"{"type":"cursor:move","data":null}"#,
            r#"{"type":"cursor:move","data":null,"timestamp":1790000000000}"#,
            r#"{"type":"cursor:move","data":{"x":-0,"y":-0.0}}"#,
            r#"{"type":"cursor:move","data":{"x":1234.5678901234567,"y":-1000000000}}"#,
            r#"{"type":"cursor:move","data":{"x":0.1,"y":1e9}}"#,
        ] {
            assert_eq!(agree(message.as_bytes()), !message.contains('e') || !message.contains("1e9"), "{message}");
        }
    }

    #[test]
    fn wire22_every_number_is_read_the_same_or_left_to_the_general_reader() {
        let odd = [
            "0",
            "-0",
            "00",
            "01",
            "-01",
            "1.",
            ".5",
            "-",
            "",
            "1.0",
            "0.0",
            "-0.0",
            "1000000000",
            "1000000001",
            "1000000000.0000001",
            "999999999.99999999",
            "0.1",
            "0.30000000000000004",
            "9007199254740993",
            "1e3",
            "1E3",
            "9007199254.740993",
            "12345678901234567890",
            "1234567890123456789",
            "0.000000000000000000001",
            "1.5.5",
            "123456.7890123456789",
            "NaN",
            "Infinity",
            "null",
            "\"1\"",
            "1 ",
            " 1",
            "+1",
            "0.00000000000000000000",
        ];
        for x in odd {
            for y in odd {
                agree(of(x, y).as_bytes());
            }
        }
        let mut rng = Pcg::new(7);
        let mut taken = 0;
        for _ in 0..20_000 {
            let bits = f64::from_bits(rng.below(u64::MAX));
            let places = u32::try_from(rng.below(12)).unwrap();
            let decimal = rng.below(10_u64.pow(places + 6)) as f64 / POWERS[usize::try_from(places).unwrap()];
            let places = usize::try_from(places).unwrap();
            let texts = [bits.to_string(), decimal.to_string(), format!("-{decimal:.places$}"), format!("{decimal:?}")];
            for text in texts {
                taken += usize::from(agree(of(&text, "7.25").as_bytes()));
            }
        }
        assert!(taken > 40_000, "only {taken} were read quickly");
    }

    #[test]
    fn wire22_no_change_of_a_byte_is_read_another_way() {
        let message = of("1234.5", "-67.25").into_bytes();
        let mut mutants: Vec<Vec<u8>> = Vec::new();
        for at in 0..message.len() {
            for byte in 0..=u8::MAX {
                let mut changed = message.clone();
                changed[at] = byte;
                mutants.push(changed);
            }
            mutants.push([&message[..at], &message[at + 1..]].concat());
            mutants.push([&message[..at], b"0", &message[at..]].concat());
            mutants.push([&message[..at], b"}", &message[at..]].concat());
            mutants.push(message[..at].to_vec());
        }
        assert!(mutants.iter().filter(|mutant| agree(mutant)).count() > 100);
    }
}
