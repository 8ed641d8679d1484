//! JSON, read strictly and written canonically. Reading refuses what serde's defaults let pass: duplicate and
//! forbidden keys, deep nesting, NUL. What is read here is looked at once and never kept.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::id::MAX_INTEGER;
use crate::limits::JSON_DEPTH;

/// A value of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Object(Object<'a>),
}

/// An object without duplicate or forbidden keys, in the order in which it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Object<'a>(pub(crate) Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Object<'a> {
    /// Takes a member out; `null` counts as absent.
    pub(crate) fn take(&mut self, key: &str) -> Option<Value<'a>> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(at).1).filter(|value| *value != Value::Null)
    }
}

impl Object<'_> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut object = Writer::object(out);
        for (key, value) in &self.0 {
            value.write(object.key(key));
        }
        object.end();
    }
}

impl Value<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Value::Number(value) => write_number(out, *value),
            Value::Text(text) => write_text(out, text),
            Value::List(list) => write_list(out, list.iter(), Value::write),
            Value::Object(object) => object.write(out),
        }
    }
}

impl<'a> Value<'a> {
    pub(crate) fn into_text(self) -> Option<Cow<'a, str>> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn into_list(self) -> Option<Vec<Value<'a>>> {
        if let Value::List(list) = self { Some(list) } else { None }
    }

    pub(crate) fn into_object(self) -> Option<Object<'a>> {
        if let Value::Object(object) = self { Some(object) } else { None }
    }
}

/// Reads one whole text as one value; nothing may follow it.
pub(crate) fn read(text: &[u8]) -> Option<Value<'_>> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict::top().deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

/// Reads one whole text as what stands as `data` in a message; nothing may follow it.
pub(crate) fn read_data(text: &[u8]) -> Option<Object<'_>> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict::top().inside().deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    value.into_object()
}

/// Reads a value at some depth of a message.
#[derive(Clone, Copy)]
pub(crate) struct Strict {
    depth: u8,
}

impl Strict {
    pub(crate) fn top() -> Strict {
        Strict { depth: 1 }
    }

    /// For the members of an object or list that was read at `self`.
    pub(crate) fn inside(self) -> Strict {
        Strict { depth: self.depth.saturating_add(1) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "integers past 2^53 are as inexact in every JavaScript client")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "integers past 2^53 are as inexact in every JavaScript client")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        without_nul(text)?;
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        without_nul(text)?;
        Ok(Value::Text(Cow::Owned(text.into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        shallow(self.depth)?;
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(self.inside())? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        shallow(self.depth)?;
        let mut members = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            members.push((key, map.next_value_seed(self.inside())?));
        }
        distinct(members.iter().map(|(key, _)| key.as_ref()))?;
        Ok(Value::Object(Object(members)))
    }
}

/// Reads a key: no forbidden one (WIRE4), no NUL.
pub(crate) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Cow<'de, str>, E> {
        allowed(key)?;
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Cow<'de, str>, E> {
        allowed(key)?;
        Ok(Cow::Owned(key.into()))
    }
}

fn allowed<E: Error>(key: &str) -> Result<(), E> {
    if matches!(key, "__proto__" | "constructor" | "prototype") {
        return Err(E::custom("forbidden key"));
    }
    without_nul(key)
}

fn without_nul<E: Error>(text: &str) -> Result<(), E> {
    if text.as_bytes().contains(&0) { Err(E::custom("NUL in text")) } else { Ok(()) }
}

pub(crate) fn shallow<E: Error>(depth: u8) -> Result<(), E> {
    if depth > JSON_DEPTH { Err(E::custom("nested too deep")) } else { Ok(()) }
}

/// Refuses duplicates in O(n log n), whatever keys a client chooses.
pub(crate) fn distinct<'k, E: Error>(keys: impl Iterator<Item = &'k str>) -> Result<(), E> {
    let mut sorted: Vec<&str> = keys.collect();
    sorted.sort_unstable();
    match sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        true => Err(E::custom("duplicate key")),
        false => Ok(()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact")]
const MAX: f64 = MAX_INTEGER as f64;

/// Writes a number as JavaScript would read it back: integers without a fraction, else the shortest decimal.
pub(crate) fn write_number(out: &mut Vec<u8>, value: f64) {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number in range")]
    if value == trunc(value) && value.abs() <= MAX {
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else if let Some(millionths) = millionths(value) {
        write_millionths(out, millionths, value < 0.0);
    } else {
        out.extend_from_slice(ryu::Buffer::new().format(value).as_bytes());
    }
}

/// A number's magnitude in millionths, if it has no more than six places. Decimals of fifteen digits are further apart
/// than numbers are, so there is one that reads back as this number, and it is the shortest (WIRE23).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "checked")]
fn millionths(value: f64) -> Option<u64> {
    const FIFTEEN_DIGITS: f64 = 1e15;
    const LEAST_PLAIN: f64 = 1e-5;
    let magnitude = value.abs();
    let scaled = magnitude * 1e6 + 0.5;
    // Smaller ones are written with an exponent.
    if !(magnitude >= LEAST_PLAIN && scaled < FIFTEEN_DIGITS) {
        return None;
    }
    let millionths = scaled as u64;
    (millionths as f64 / 1e6 == magnitude).then_some(millionths)
}

fn write_millionths(out: &mut Vec<u8>, millionths: u64, negative: bool) {
    if negative {
        out.push(b'-');
    }
    out.extend_from_slice(itoa::Buffer::new().format(millionths / 1_000_000).as_bytes());
    let mut digits = *b".000000";
    let (mut rest, mut len) = (millionths % 1_000_000, 1);
    for (at, digit) in digits.iter_mut().enumerate().skip(1).rev() {
        let last = (rest % 10) as u8;
        rest /= 10;
        *digit += last;
        if last != 0 && len == 1 {
            len = at + 1;
        }
    }
    out.extend_from_slice(&digits[..len]);
}

/// `f64::trunc` is not in `core`; exact below 2^63, where it is used.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "saturating, compared with the input")]
fn trunc(value: f64) -> f64 {
    value as i64 as f64
}

/// Writes a whole number.
pub(crate) fn write_integer(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes a text in quotes.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 => b"",
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[plain..at]);
        plain = at + 1;
        if escape.is_empty() {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        } else {
            out.extend_from_slice(escape);
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

/// Writes an object member by member.
pub(crate) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Writer<'o> {
    pub(crate) fn object(out: &'o mut Vec<u8>) -> Writer<'o> {
        out.push(b'{');
        Writer { out, empty: true }
    }

    /// Writes a key and hands out the buffer for its value.
    pub(crate) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        write_text(self.out, key);
        self.out.push(b':');
        self.out
    }

    pub(crate) fn text(&mut self, key: &str, text: &str) -> &mut Self {
        write_text(self.key(key), text);
        self
    }

    pub(crate) fn number(&mut self, key: &str, value: f64) -> &mut Self {
        write_number(self.key(key), value);
        self
    }

    pub(crate) fn integer(&mut self, key: &str, value: u64) -> &mut Self {
        write_integer(self.key(key), value);
        self
    }

    pub(crate) fn bool(&mut self, key: &str, value: bool) -> &mut Self {
        self.raw(key, if value { "true" } else { "false" })
    }

    /// A value that is JSON already.
    pub(crate) fn raw(&mut self, key: &str, json: &str) -> &mut Self {
        self.key(key).extend_from_slice(json.as_bytes());
        self
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

/// Writes a list, each item by `write`.
pub(crate) fn write_list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, mut write: impl FnMut(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// What a writer wrote, as text. Every writer here writes whole UTF-8.
pub(crate) fn into_text(bytes: Vec<u8>) -> String {
    debug_assert!(core::str::from_utf8(&bytes).is_ok());
    String::from_utf8(bytes).unwrap_or_default()
}

/// A whole number from 0 to 2^53 − 1.
pub(crate) fn integer(value: &Value<'_>) -> Option<u64> {
    let Value::Number(number) = *value else { return None };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only where it is whole and in range")]
    ((0.0..=MAX).contains(&number) && number == trunc(number)).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::rng::Pcg;

    fn written(value: f64) -> String {
        let mut out = Vec::new();
        write_number(&mut out, value);
        into_text(out)
    }

    #[test]
    fn wire23_the_shortest_decimal_is_written_however_it_is_found() {
        let mut rng = Pcg::new(7);
        let mut plain = 0;
        for round in 0..300_000_u64 {
            let places = i32::try_from(rng.below(9)).unwrap();
            let digits = 1 + u32::try_from(rng.below(15)).unwrap();
            let whole = rng.below(10_u64.pow(digits)) as f64;
            let decimal = whole / (0..places).fold(1.0, |power, _| power * 10.0);
            let nearby = f64::from_bits(decimal.to_bits().wrapping_add(round % 3).wrapping_sub(1));
            for value in [decimal, -decimal, nearby, f64::from_bits(rng.next_u64())] {
                if value.is_finite() && (value != trunc(value) || value.abs() > MAX) {
                    assert_eq!(written(value), ryu::Buffer::new().format(value), "{value:e}");
                    plain += u64::from(millionths(value).is_some());
                }
            }
        }
        assert!(plain > 100_000, "only {plain} were written in the quick way");
        for (value, text) in [(0.5, "0.5"), (-0.000_01, "-0.00001"), (0.000_009, "9e-6"), (1.25e9, "1250000000")] {
            assert_eq!(written(value), text.to_string());
        }
    }
}
