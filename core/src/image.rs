//! One image and changes to one: their values, bounds and JSON. Nothing here knows of other images.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::errors::Code;
use crate::id::MAX_INTEGER;
use crate::limits::{FIELD_NAME_BYTES, FURTHER_FIELDS, IMAGE_ID_BYTES, MAX_NUMBER, Z_BYTES};
use crate::stack;
use crate::wire::json::{Object, Value, Writer, write_number, write_text};

/// The numbers that every image has, as indices into [`Image::numbers`].
pub(crate) const NUMBERS: [&str; 5] = ["x", "y", "width", "height", "rotation"];
const WIDTH: usize = 2;
const HEIGHT: usize = 3;
const ROTATION: usize = 4;

/// An image as the room keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: Box<str>,
    pub(crate) src: Box<str>,
    pub(crate) numbers: [f64; NUMBERS.len()],
    pub(crate) z: Box<str>,
    pub(crate) further: BTreeMap<Box<str>, Scalar>,
}

/// The value of a further field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Scalar {
    Bool(bool),
    Number(f64),
    Text(Box<str>),
}

/// New values for some properties of an image. A further field with `None` goes away (IMG8).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Changes {
    pub(crate) src: Option<Box<str>>,
    pub(crate) numbers: [Option<f64>; NUMBERS.len()],
    pub(crate) z: Option<Box<str>>,
    pub(crate) further: BTreeMap<Box<str>, Option<Scalar>>,
}

/// Names of properties, without values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fields {
    src: bool,
    numbers: [bool; NUMBERS.len()],
    z: bool,
    further: BTreeSet<Box<str>>,
}

impl Image {
    /// Takes an image from the fields of a message; `z` may be missing and is then empty.
    pub(crate) fn read(mut fields: Object<'_>) -> Result<Image, Code> {
        let id = read_id(&mut fields)?;
        fields.take("transient");
        let changes = Changes::read(fields)?;
        let Some(src) = changes.src else { return Err(Code::BadMessage) };
        let mut numbers = [0.0; NUMBERS.len()];
        for (at, number) in numbers.iter_mut().enumerate() {
            *number = match changes.numbers[at] {
                Some(value) => value,
                None if at == ROTATION => 0.0,
                None => return Err(Code::BadMessage),
            };
        }
        let further = changes.further.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Ok(Image { id, src, numbers, z: changes.z.unwrap_or_default(), further })
    }

    /// Makes the changes; what they replace comes back as changes that would undo them.
    pub(crate) fn apply(&mut self, changes: &Changes) -> Changes {
        let mut was = Changes::default();
        if let Some(src) = &changes.src {
            was.src = Some(core::mem::replace(&mut self.src, src.clone()));
        }
        for (at, value) in changes.numbers.iter().enumerate() {
            if let Some(value) = value {
                was.numbers[at] = Some(core::mem::replace(&mut self.numbers[at], *value));
            }
        }
        if let Some(z) = &changes.z {
            was.z = Some(core::mem::replace(&mut self.z, z.clone()));
        }
        for (name, value) in &changes.further {
            let old = match value {
                Some(value) => self.further.insert(name.clone(), value.clone()),
                None => self.further.remove(name),
            };
            was.further.insert(name.clone(), old);
        }
        was
    }

    /// The changes that make this image the other one.
    pub(crate) fn changes_to(&self, other: &Image) -> Changes {
        let gone =
            self.further.keys().filter(|name| !other.further.contains_key(*name)).map(|name| (name.clone(), None));
        let new = other.further.iter().filter(|(name, value)| self.further.get(*name) != Some(*value));
        let new = new.map(|(name, value)| (name.clone(), Some(value.clone())));
        let differs = |at: usize| (self.numbers[at] != other.numbers[at]).then_some(other.numbers[at]);
        Changes {
            src: (self.src != other.src).then(|| other.src.clone()),
            numbers: core::array::from_fn(differs),
            z: (self.z != other.z).then(|| other.z.clone()),
            further: gone.chain(new).collect(),
        }
    }

    /// The values that the image has for these properties.
    pub(crate) fn values(&self, fields: &Fields) -> Changes {
        Changes {
            src: fields.src.then(|| self.src.clone()),
            numbers: core::array::from_fn(|at| fields.numbers[at].then_some(self.numbers[at])),
            z: fields.z.then(|| self.z.clone()),
            further: fields.further.iter().map(|name| (name.clone(), self.further.get(name).cloned())).collect(),
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut object = Writer::object(out);
        object.text("id", &self.id).text("src", &self.src);
        for (name, value) in NUMBERS.iter().zip(self.numbers) {
            object.number(name, value);
        }
        object.text("z", &self.z);
        for (name, value) in &self.further {
            value.write(object.key(name));
        }
        object.end();
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(192 + self.src.len());
        self.write(&mut out);
        out
    }
}

impl Changes {
    /// Takes changes from the fields of a message, the id and `transient` taken out before.
    pub(crate) fn read(fields: Object<'_>) -> Result<Changes, Code> {
        let mut changes = Changes::default();
        for (name, value) in fields.0 {
            let number = NUMBERS.iter().position(|number| *number == name);
            // WIRE1; of further fields it takes one away (IMG8).
            if value == Value::Null && (number.is_some() || matches!(name.as_ref(), "src" | "z")) {
                continue;
            }
            if let Some(at) = number {
                let value = read_number(&value, MAX_NUMBER)?;
                if (at == WIDTH || at == HEIGHT) && value <= 0.0 {
                    return Err(Code::OutOfRange);
                }
                changes.numbers[at] = Some(value);
                continue;
            }
            match (name.as_ref(), value) {
                ("src", Value::Text(src)) => changes.src = Some(src.into()),
                ("z", Value::Text(z)) => changes.z = Some(read_z(&z)?),
                ("src" | "z", _) => return Err(Code::BadMessage),
                (_, value) => {
                    let name = read_field_name(&name)?;
                    changes.further.insert(name, Scalar::read(value)?);
                }
            }
        }
        match changes.further.len() > FURTHER_FIELDS {
            true => Err(Code::TooMany),
            false => Ok(changes),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Changes::default()
    }

    /// Takes over newer values.
    pub(crate) fn merge(&mut self, newer: Changes) {
        if newer.src.is_some() {
            self.src = newer.src;
        }
        for (mine, newer) in self.numbers.iter_mut().zip(newer.numbers) {
            *mine = newer.or(*mine);
        }
        if newer.z.is_some() {
            self.z = newer.z;
        }
        self.further.extend(newer.further);
    }

    pub(crate) fn fields(&self) -> Fields {
        Fields {
            src: self.src.is_some(),
            numbers: self.numbers.map(|value| value.is_some()),
            z: self.z.is_some(),
            further: self.further.keys().cloned().collect(),
        }
    }

    /// Writes `{"id": …, …changed fields}`, and `"transient":true` where it is.
    pub(crate) fn write(&self, id: &str, transient: bool, out: &mut Vec<u8>) {
        let mut object = Writer::object(out);
        object.text("id", id);
        if let Some(src) = &self.src {
            object.text("src", src);
        }
        for (name, value) in NUMBERS.iter().zip(self.numbers) {
            if let Some(value) = value {
                object.number(name, value);
            }
        }
        if let Some(z) = &self.z {
            object.text("z", z);
        }
        for (name, value) in &self.further {
            match value {
                Some(value) => value.write(object.key(name)),
                None => object.key(name).extend_from_slice(b"null"),
            }
        }
        if transient {
            object.bool("transient", true);
        }
        object.end();
    }

    pub(crate) fn to_json(&self, id: &str) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(id, false, &mut out);
        out
    }
}

impl Fields {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Fields::default()
    }

    pub(crate) fn add(&mut self, other: Fields) {
        self.src |= other.src;
        self.z |= other.z;
        for (mine, other) in self.numbers.iter_mut().zip(other.numbers) {
            *mine |= other;
        }
        self.further.extend(other.further);
    }

    pub(crate) fn subtract(&mut self, other: &Fields) {
        self.src &= !other.src;
        self.z &= !other.z;
        for (mine, other) in self.numbers.iter_mut().zip(other.numbers) {
            *mine &= !other;
        }
        self.further.retain(|name| !other.further.contains(name));
    }
}

impl Scalar {
    fn read(value: Value<'_>) -> Result<Option<Scalar>, Code> {
        #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact")]
        const MAX_FURTHER: f64 = MAX_INTEGER as f64;
        match value {
            Value::Null => Ok(None),
            Value::Bool(value) => Ok(Some(Scalar::Bool(value))),
            Value::Number(_) => read_number(&value, MAX_FURTHER).map(|value| Some(Scalar::Number(value))),
            Value::Text(text) => Ok(Some(Scalar::Text(text.into()))),
            Value::List(_) | Value::Object(_) => Err(Code::BadMessage),
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Scalar::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Scalar::Number(value) => write_number(out, *value),
            Scalar::Text(text) => write_text(out, text),
        }
    }
}

/// Takes scalars (a person's presence): no nesting, at most 32.
pub(crate) fn read_scalars(fields: Object<'_>) -> Result<BTreeMap<Box<str>, Scalar>, Code> {
    if fields.0.len() > FURTHER_FIELDS {
        return Err(Code::TooMany);
    }
    let mut scalars = BTreeMap::new();
    for (name, value) in fields.0 {
        let name = read_field_name(&name)?;
        if let Some(value) = Scalar::read(value)? {
            scalars.insert(name, value);
        }
    }
    Ok(scalars)
}

/// A number in bounds: finite, at most `max` in magnitude, zero without a sign, and not so small that it has lost
/// precision.
pub(crate) fn read_number(value: &Value<'_>, max: f64) -> Result<f64, Code> {
    let Value::Number(value) = *value else { return Err(Code::BadMessage) };
    match value {
        0.0 => Ok(0.0),
        value if value.is_normal() && value.abs() <= max => Ok(value),
        _ => Err(Code::OutOfRange),
    }
}

/// Takes the image's id out of a message's fields.
pub(crate) fn read_id(fields: &mut Object<'_>) -> Result<Box<str>, Code> {
    let id = fields.take("id").and_then(Value::into_text).ok_or(Code::BadMessage)?;
    match id.len() {
        0 => Err(Code::Empty),
        1..=IMAGE_ID_BYTES if id.chars().any(char::is_control) => Err(Code::BadMessage),
        1..=IMAGE_ID_BYTES => Ok(id.into()),
        _ => Err(Code::TooLong),
    }
}

fn read_z(z: &str) -> Result<Box<str>, Code> {
    match z.len() {
        0 => Err(Code::Empty),
        1..=Z_BYTES if stack::is_key(z) => Ok(z.into()),
        1..=Z_BYTES => Err(Code::BadMessage),
        _ => Err(Code::TooLong),
    }
}

fn read_field_name(name: &str) -> Result<Box<str>, Code> {
    match name.len() {
        1..=FIELD_NAME_BYTES => Ok(name.into()),
        0 => Err(Code::Empty),
        _ => Err(Code::TooLong),
    }
}
