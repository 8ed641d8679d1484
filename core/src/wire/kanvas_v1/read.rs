//! What clients send, read into requests. Whether a request may be granted is not asked here.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::quick;
use crate::access::Role;
use crate::errors::Code;
use crate::id::Seq;
use crate::image::{self, Changes, Image};
use crate::input::View;
use crate::limits::{MAX_NUMBER, OP_ID_BYTES, USER_ID_BYTES};
use crate::wire::json::{self, Key, Object, Strict, Value};
use crate::wire::{Decoded, Edit, Join, NO_ROLE, Point, Profile, Request, RoomChange, Update, Viewport, read_secret};

/// The types that clients send.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Join,
    Leave,
    Update,
    Cursor,
    Viewport,
    ImageAdd,
    ImageTransform,
    ImageRemove,
    Chat,
    RoomUpdate,
    MemberRole,
    MemberKick,
    MemberBan,
    Refresh,
    Unknown,
}

impl Type {
    fn from_name(name: &str) -> Type {
        match name {
            "cursor:move" => Type::Cursor,
            "canvas:transform" => Type::Viewport,
            "image:transform" => Type::ImageTransform,
            "image:add" => Type::ImageAdd,
            "image:remove" => Type::ImageRemove,
            "chat:message" => Type::Chat,
            "user:join" => Type::Join,
            "user:leave" => Type::Leave,
            "user:update" => Type::Update,
            "room:update" => Type::RoomUpdate,
            "member:role" => Type::MemberRole,
            "member:kick" => Type::MemberKick,
            "member:ban" => Type::MemberBan,
            "auth:refresh" => Type::Refresh,
            _ => Type::Unknown,
        }
    }
}

/// An envelope as it was sent.
struct Envelope<'a> {
    kind: Type,
    data: Data<'a>,
    id: Option<Cow<'a, str>>,
}

/// The data of an envelope. A cursor is read without allocating: it is most of what a room hears.
enum Data<'a> {
    Absent,
    Cursor(Option<(f64, f64)>),
    Other(Value<'a>),
}

pub(in crate::wire) fn decode(bytes: &[u8]) -> Decoded {
    quick::cursor(bytes).unwrap_or_else(|| general(bytes))
}

/// Reads any message.
pub(super) fn general(bytes: &[u8]) -> Decoded {
    if bytes == b"ping" {
        return Decoded { id: None, image: None, request: Ok(Request::Ping) };
    }
    let Some(envelope) = read_envelope(bytes) else {
        return Decoded { id: find_id(bytes), image: None, request: Err(Code::BadMessage) };
    };
    let (id, request) = match read_id(envelope.id) {
        Ok(id) => (id, read_request(envelope.kind, envelope.data)),
        Err(code) => (None, Err(code)),
    };
    let image = if request.is_err() { find_image(bytes) } else { None };
    Decoded { id, image, request }
}

fn read_envelope(bytes: &[u8]) -> Option<Envelope<'_>> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let envelope = reader.deserialize_map(EnvelopeVisitor).ok()?;
    reader.end().ok()?;
    Some(envelope)
}

fn read_id(id: Option<Cow<'_, str>>) -> Result<Option<Box<str>>, Code> {
    match id {
        None => Ok(None),
        Some(id) if id.is_empty() => Err(Code::Empty),
        Some(id) if id.len() > OP_ID_BYTES => Err(Code::TooLong),
        Some(id) => Ok(Some(id.into())),
    }
}

/// The id of a message that could not be read, if it can be found, so that its sender knows which one it was.
fn find_id(bytes: &[u8]) -> Option<Box<str>> {
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    let named: Named<'_> = serde_json::from_slice(bytes).ok()?;
    read_id(Some(named.id)).ok()?.filter(|id| !id.contains('\0'))
}

/// The image that a refused edit is about.
fn find_image(bytes: &[u8]) -> Option<Box<str>> {
    let mut envelope = json::read(bytes)?.into_object()?;
    let kind = envelope.take("type")?.into_text()?;
    let mut data = envelope.take("data")?.into_object()?;
    let about_image = matches!(Type::from_name(&kind), Type::ImageAdd | Type::ImageTransform | Type::ImageRemove);
    image::read_id(&mut data).ok().filter(|_| about_image)
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
        let (mut kind, mut id, mut raw, mut data) = (None, None, None, None);
        let mut others: Vec<Cow<'de, str>> = Vec::new();
        let (mut ids, mut datas) = (0, 0);
        let inside = Strict::top().inside();
        while let Some(key) = map.next_key_seed(Key)? {
            match key.as_ref() {
                "type" if kind.is_some() => return Err(Error::custom("duplicate key")),
                "type" => {
                    let name = map.next_value_seed(inside)?.into_text();
                    kind = Some(Type::from_name(&name.ok_or_else(|| Error::custom("type is not a text"))?));
                }
                "id" => {
                    ids += 1;
                    let value = map.next_value_seed(inside)?;
                    if value != Value::Null {
                        id = Some(value.into_text().ok_or_else(|| Error::custom("id is not a text"))?);
                    }
                }
                "data" => {
                    datas += 1;
                    match kind {
                        Some(kind) => data = Some(map.next_value_seed(DataSeed(kind))?),
                        None => raw = Some(map.next_value::<&RawValue>()?),
                    }
                }
                _ => {
                    map.next_value_seed(inside)?;
                    others.push(key);
                }
            }
        }
        if ids > 1 || datas > 1 {
            return Err(Error::custom("duplicate key"));
        }
        json::distinct(others.iter().map(Cow::as_ref))?;
        let kind = kind.ok_or_else(|| Error::custom("no type"))?;
        if let Some(raw) = raw {
            let mut reader = serde_json::Deserializer::from_str(raw.get());
            data = Some(DataSeed(kind).deserialize(&mut reader).map_err(Error::custom)?);
        }
        Ok(Envelope { kind, data: data.unwrap_or(Data::Absent), id })
    }
}

struct DataSeed(Type);

impl<'de> DeserializeSeed<'de> for DataSeed {
    type Value = Data<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data<'de>, D::Error> {
        if self.0 == Type::Cursor {
            return deserializer.deserialize_any(CursorVisitor);
        }
        Strict::top().inside().deserialize(deserializer).map(Data::Other)
    }
}

struct CursorVisitor;

impl<'de> Visitor<'de> for CursorVisitor {
    type Value = Data<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a point or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Data<'de>, E> {
        Ok(Data::Cursor(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data<'de>, A::Error> {
        let (mut x, mut y) = (None, None);
        let mut others: Vec<Cow<'de, str>> = Vec::new();
        let inside = Strict::top().inside().inside();
        while let Some(key) = map.next_key_seed(Key)? {
            let value = map.next_value_seed(inside)?;
            match (key.as_ref(), value) {
                ("x", Value::Number(number)) if x.is_none() => x = Some(number),
                ("y", Value::Number(number)) if y.is_none() => y = Some(number),
                ("x" | "y", _) => return Err(Error::custom("not one number")),
                _ => others.push(key),
            }
        }
        json::distinct(others.iter().map(Cow::as_ref))?;
        match (x, y) {
            (Some(x), Some(y)) => Ok(Data::Cursor(Some((x, y)))),
            _ => Err(Error::custom("a coordinate is missing")),
        }
    }
}

fn read_request(kind: Type, data: Data<'_>) -> Result<Request, Code> {
    let mut fields = match data {
        Data::Cursor(None) => return Ok(Request::Cursor(None)),
        Data::Cursor(Some((x, y))) => {
            let (x, y) = (in_bounds(x)?, in_bounds(y)?);
            return Ok(Request::Cursor(Some(Point { x, y })));
        }
        _ if kind == Type::Unknown => return Err(Code::UnknownType),
        Data::Absent | Data::Other(Value::Null) => Object::default(),
        Data::Other(Value::Object(fields)) => fields,
        Data::Other(_) => return Err(Code::BadMessage),
    };
    match kind {
        Type::Join => read_join(fields).map(|join| Request::Join(Box::new(join))),
        Type::Leave => Ok(Request::Leave),
        Type::Update => read_update(fields).map(|update| Request::Update(Box::new(update))),
        Type::Viewport => read_viewport(fields).map(Request::Viewport),
        Type::ImageAdd => Image::read(fields).map(|image| Request::Edit(Box::new(Edit::Add(image)))),
        Type::ImageTransform => read_transform(fields),
        Type::ImageRemove => {
            let image = image::read_id(&mut fields)?;
            Ok(Request::Edit(Box::new(Edit::Remove { image })))
        }
        Type::Chat => {
            let text = read_text(&mut fields, "text")?.ok_or(Code::BadMessage)?;
            Ok(Request::Edit(Box::new(Edit::Chat { text })))
        }
        Type::RoomUpdate => read_room_change(fields).map(|change| Request::Edit(Box::new(Edit::Room(change)))),
        Type::MemberRole => {
            let user = read_user(&mut fields)?;
            let role = match read_text(&mut fields, "role")?.as_deref() {
                Some(NO_ROLE) => None,
                name => Some(name.and_then(Role::from_name).ok_or(Code::BadMessage)?),
            };
            Ok(Request::Edit(Box::new(Edit::SetRole { user, role })))
        }
        Type::MemberKick | Type::MemberBan => {
            let (user, reason) = (read_user(&mut fields)?, read_text(&mut fields, "reason")?);
            let is_kick = kind == Type::MemberKick;
            Ok(Request::Edit(Box::new(if is_kick { Edit::Kick { user, reason } } else { Edit::Ban { user, reason } })))
        }
        Type::Refresh => {
            let token = read_text(&mut fields, "token")?.filter(|token| !token.is_empty()).ok_or(Code::BadMessage)?;
            Ok(Request::Refresh { token: token.into() })
        }
        Type::Cursor | Type::Unknown => Err(Code::BadMessage),
    }
}

fn read_user(fields: &mut Object<'_>) -> Result<Box<str>, Code> {
    let user = read_text(fields, "userId")?.ok_or(Code::BadMessage)?;
    match user.len() {
        0 => Err(Code::Empty),
        1..=USER_ID_BYTES => Ok(user.into()),
        _ => Err(Code::TooLong),
    }
}

fn read_room_change(mut fields: Object<'_>) -> Result<RoomChange, Code> {
    let name = read_text(&mut fields, "name")?;
    let mut flag = |key| match fields.take(key) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(value)),
        Some(_) => Err(Code::BadMessage),
    };
    let (is_public, locked) = (flag("isPublic")?, flag("locked")?);
    // Nobody becomes an owner by coming in.
    let mut role = |key| match fields.take(key) {
        None => Ok(None),
        Some(Value::Text(name)) => {
            Role::from_name(&name).filter(|role| *role != Role::Owner).map(Some).ok_or(Code::BadMessage)
        }
        Some(_) => Err(Code::BadMessage),
    };
    let (default_role, guest_role) = (role("defaultRole")?, role("guestRole")?);
    let change = RoomChange { name, is_public, locked, default_role, guest_role };
    if change == RoomChange::default() { Err(Code::Empty) } else { Ok(change) }
}

fn read_join(mut fields: Object<'_>) -> Result<Join, Code> {
    let profile = read_profile(&mut fields)?;
    let resume = read_text(&mut fields, "resume")?.and_then(|text| read_secret(&text));
    let since = match fields.take("since") {
        None => None,
        Some(Value::Object(mut since)) => {
            let mut number = |key| since.take(key).as_ref().and_then(json::integer).ok_or(Code::BadMessage);
            Some((number("epoch")?, Seq(number("seq")?)))
        }
        Some(_) => return Err(Code::BadMessage),
    };
    let view = match fields.take("view") {
        None => View::Full,
        Some(Value::Text(view)) if view == "readonly" => View::Readonly,
        Some(_) => return Err(Code::BadMessage),
    };
    let batch = match fields.take("batch") {
        None => false,
        Some(Value::Bool(batch)) => batch,
        Some(_) => return Err(Code::BadMessage),
    };
    Ok(Join { profile, resume, since, view, batch })
}

fn read_update(mut fields: Object<'_>) -> Result<Update, Code> {
    let profile = read_profile(&mut fields)?;
    let presence = match fields.take("presence") {
        None => None,
        Some(value) => Some(image::read_scalars(value.into_object().ok_or(Code::BadMessage)?)?),
    };
    Ok(Update { profile, presence })
}

fn read_profile(fields: &mut Object<'_>) -> Result<Profile, Code> {
    let (name, color) = (read_text(fields, "name")?, read_text(fields, "color")?);
    Ok(Profile { name, color, avatar: read_text(fields, "avatar")? })
}

fn read_text(fields: &mut Object<'_>, key: &str) -> Result<Option<String>, Code> {
    let Some(value) = fields.take(key) else { return Ok(None) };
    value.into_text().map(|text| Some(text.into_owned())).ok_or(Code::BadMessage)
}

fn read_viewport(mut fields: Object<'_>) -> Result<Viewport, Code> {
    let mut number = |key| fields.take(key).ok_or(Code::BadMessage);
    let (x, y, scale) = (number("x")?, number("y")?, number("scale")?);
    let [x, y, scale] = [x, y, scale].map(|value| image::read_number(&value, MAX_NUMBER));
    let (x, y, scale) = (x?, y?, scale?);
    if scale > 0.0 { Ok(Viewport { x, y, scale }) } else { Err(Code::OutOfRange) }
}

fn read_transform(mut fields: Object<'_>) -> Result<Request, Code> {
    let image = image::read_id(&mut fields)?;
    let transient = match fields.take("transient") {
        None | Some(Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(_) => return Err(Code::BadMessage),
    };
    let changes = Changes::read(fields)?;
    if changes.is_empty() {
        return Err(Code::Empty);
    }
    Ok(match transient {
        true => Request::Drag { image, changes: Box::new(changes) },
        false => Request::Edit(Box::new(Edit::Change { image, changes })),
    })
}

fn in_bounds(number: f64) -> Result<f64, Code> {
    image::read_number(&Value::Number(number), MAX_NUMBER)
}
