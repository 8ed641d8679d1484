//! Dialect `kanvas.v1`: JSON envelopes `{type, data, id?, timestamp?}` in, `{type, data, clientId, seq?, timestamp?}`
//! out.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json::{self, Key, Object, Strict, Value, Writer};
use super::{Decoded, Edit, Event, Join, Point, Profile, Refusal, Request, Snapshot, Truth, Update, Viewport};
use crate::chat::ChatMessage;
use crate::errors::Code;
use crate::id::{ClientId, Epoch, Seq};
use crate::image::{self, Changes, Image};
use crate::input::View;
use crate::limits::{MAX_NUMBER, OP_ID_BYTES, SYNC_PART_BYTES};
use crate::log::LogEntry;
use crate::presence::Client;

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

pub(super) fn decode(bytes: &[u8]) -> Decoded {
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
        Type::Cursor | Type::Unknown => Err(Code::BadMessage),
    }
}

fn read_join(mut fields: Object<'_>) -> Result<Join, Code> {
    let profile = read_profile(&mut fields)?;
    let resume = read_text(&mut fields, "resume")?.and_then(|text| super::read_secret(&text));
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
    Ok(Join { profile, resume, since, view })
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

pub(super) fn encode(event: &Event<'_>, receiver: Option<ClientId>, out: &mut Vec<u8>) {
    let me = receiver.unwrap_or(ClientId(0));
    match event {
        Event::Cursor { client, cursor } => frame(out, "cursor:move", *client, |out| write_point(out, *cursor)),
        Event::Viewport { client, viewport } => {
            frame(out, "canvas:transform", *client, |out| write_viewport(out, Some(*viewport)));
        }
        Event::Dragged { client, image, changes } => {
            frame(out, "image:transform", *client, |out| changes.write(image, true, out));
        }
        Event::Settled { client, image, values } => {
            frame(out, "image:transform", *client, |out| values.write(image, false, out));
        }
        Event::Stored { entry, what: _ } => write_stored(entry, out),
        Event::Joined { client, epoch, seq, room } => frame(out, "room:joined", client.id, |out| {
            let mut data = Writer::object(out);
            super::write_client(data.key("clientId"), client.id);
            data.text("userId", &client.user_id).text("role", client.role.as_str());
            let resume = data.key("resume");
            resume.push(b'"');
            super::write_secret(resume, &client.resume);
            resume.push(b'"');
            data.integer("epoch", epoch.0).integer("seq", seq.0);
            let mut about = Writer::object(data.key("room"));
            about.text("id", room.id.as_str()).text("name", room.name);
            about.bool("isPublic", room.is_public).bool("locked", room.locked);
            about.text("defaultRole", room.default_role.as_str()).text("guestRole", room.guest_role.as_str());
            about.integer("createdAt", room.created_at.as_millis());
            about.end();
            data.end();
        }),
        Event::Left { reason } => frame(out, "room:left", me, |out| {
            let mut data = Writer::object(out);
            data.text("reason", reason.as_str());
            data.end();
        }),
        Event::UserJoined(client) => frame(out, "user:joined", client.id, |out| write_user(client, out)),
        Event::UserUpdated(client) => frame(out, "user:updated", client.id, |out| write_user(client, out)),
        Event::UserLeft { client, reason } => frame(out, "user:left", client.id, |out| {
            let mut data = Writer::object(out);
            super::write_client(data.key("clientId"), client.id);
            data.text("userId", &client.user_id).text("reason", reason.as_str());
            data.end();
        }),
        Event::UserList(clients) => frame(out, "user:list", me, |out| {
            out.extend_from_slice(b"{\"users\":");
            write_list(out, clients.values(), write_user);
            out.push(b'}');
        }),
        Event::Ack { id, seq, set } => frame(out, "ack", me, |out| {
            let mut data = Writer::object(out);
            write_id(data.key("id"), *id);
            data.integer("seq", seq.0);
            if !set.is_empty() {
                data.raw("set", set);
            }
            data.end();
        }),
        Event::Error(refusal) => frame(out, "error", me, |out| write_error(refusal, out)),
        Event::Pong => out.extend_from_slice(b"pong"),
    }
}

fn frame(out: &mut Vec<u8>, kind: &str, client: ClientId, data: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"data\":");
    data(out);
    out.extend_from_slice(b",\"clientId\":");
    super::write_client(out, client);
    out.push(b'}');
}

fn write_stored(entry: &LogEntry, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(entry.kind.as_str().as_bytes());
    out.extend_from_slice(b"\",\"data\":");
    out.extend_from_slice(entry.body.as_bytes());
    out.extend_from_slice(b",\"clientId\":");
    super::write_client(out, entry.client);
    out.extend_from_slice(b",\"seq\":");
    json::write_integer(out, entry.seq.0);
    out.extend_from_slice(b",\"timestamp\":");
    json::write_integer(out, entry.at.as_millis());
    out.push(b'}');
}

fn write_point(out: &mut Vec<u8>, point: Option<Point>) {
    let Some(Point { x, y }) = point else { return out.extend_from_slice(b"null") };
    out.extend_from_slice(b"{\"x\":");
    json::write_number(out, x);
    out.extend_from_slice(b",\"y\":");
    json::write_number(out, y);
    out.push(b'}');
}

fn write_viewport(out: &mut Vec<u8>, viewport: Option<Viewport>) {
    let Some(viewport) = viewport else { return out.extend_from_slice(b"null") };
    let mut data = Writer::object(out);
    data.number("x", viewport.x).number("y", viewport.y).number("scale", viewport.scale);
    data.end();
}

fn write_user(client: &Client, out: &mut Vec<u8>) {
    let mut user = Writer::object(out);
    super::write_client(user.key("clientId"), client.id);
    user.text("userId", &client.user_id).text("name", &client.name).text("color", &client.color);
    if let Some(avatar) = &client.avatar {
        user.text("avatar", avatar);
    }
    user.text("role", client.role.as_str()).bool("idle", client.idle);
    write_point(user.key("cursor"), client.cursor);
    write_viewport(user.key("viewport"), client.viewport);
    if !client.presence.is_empty() {
        user.raw("presence", &client.presence);
    }
    user.end();
}

fn write_error(refusal: &Refusal<'_>, out: &mut Vec<u8>) {
    let mut data = Writer::object(out);
    data.text("code", refusal.code);
    write_id(data.key("ref"), refusal.id);
    if let Some(span) = refusal.retry_after {
        data.integer("retryAfterMs", span.as_millis());
    }
    data.text("message", refusal.message);
    match refusal.truth {
        Truth::Unsaid => {}
        Truth::Absent => drop(data.raw("truth", "null")),
        Truth::Image(image) => image.write(data.key("truth")),
    }
    data.end();
}

fn write_id(out: &mut Vec<u8>, id: Option<&str>) {
    match id {
        Some(id) => json::write_text(out, id),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, mut write: impl FnMut(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// One part of a sync while it is filled.
#[derive(Default)]
struct SyncPart {
    chat: Vec<u8>,
    list: Vec<u8>,
}

impl SyncPart {
    fn len(&self) -> usize {
        self.chat.len() + self.list.len()
    }
}

/// Fills parts up to their bound, in order.
#[derive(Default)]
struct SyncParts(Vec<SyncPart>);

impl SyncParts {
    /// The part that takes `len` more bytes. Leaves room for the rest of the frame.
    fn with_room(&mut self, len: usize) -> &mut SyncPart {
        const FRAME_BYTES: usize = 256;
        if self.0.last().is_none_or(|part| part.len() + len + FRAME_BYTES > SYNC_PART_BYTES) {
            self.0.push(SyncPart::default());
        }
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

fn push_item(list: &mut Vec<u8>, item: &[u8]) {
    if !list.is_empty() {
        list.push(b',');
    }
    list.extend_from_slice(item);
}

pub(super) fn full_sync<'a>(
    snapshot: Snapshot<impl Iterator<Item = &'a Image>, impl Iterator<Item = &'a ChatMessage>>,
) -> Vec<Arc<[u8]>> {
    let mut parts = SyncParts::default();
    let mut item = Vec::new();
    for message in snapshot.chat {
        item.clear();
        message.write_history(&mut item);
        push_item(&mut parts.with_room(item.len()).chat, &item);
    }
    for image in snapshot.images {
        item.clear();
        image.write(&mut item);
        push_item(&mut parts.with_room(item.len()).list, &item);
    }
    finish_sync("full", "images", snapshot.epoch, snapshot.seq, parts)
}

pub(super) fn delta_sync<'a>(epoch: Epoch, seq: Seq, missed: impl Iterator<Item = &'a LogEntry>) -> Vec<Arc<[u8]>> {
    let mut parts = SyncParts::default();
    let mut item = Vec::new();
    for entry in missed {
        item.clear();
        write_stored(entry, &mut item);
        push_item(&mut parts.with_room(item.len()).list, &item);
    }
    finish_sync("delta", "ops", epoch, seq, parts)
}

/// Every sync has at least one part; the first of a full one always has its chat, be it empty.
fn finish_sync(mode: &str, list: &str, epoch: Epoch, seq: Seq, mut parts: SyncParts) -> Vec<Arc<[u8]>> {
    parts.with_room(0);
    let count = parts.0.len() as u64;
    let frames = parts.0.iter().zip(1..).map(|(part, no)| {
        let mut out = Vec::with_capacity(part.len() + 256);
        out.extend_from_slice(b"{\"type\":\"state:sync\",\"data\":");
        let mut data = Writer::object(&mut out);
        data.text("mode", mode).integer("epoch", epoch.0).integer("seq", seq.0);
        data.integer("part", no).integer("parts", count);
        write_raw_list(data.key(list), &part.list);
        if mode == "full" && (no == 1 || !part.chat.is_empty()) {
            write_raw_list(data.key("chat"), &part.chat);
        }
        data.end();
        out.extend_from_slice(b",\"clientId\":");
        Arc::from(out)
    });
    frames.collect()
}

fn write_raw_list(out: &mut Vec<u8>, items: &[u8]) {
    out.push(b'[');
    out.extend_from_slice(items);
    out.push(b']');
}

pub(super) fn sync_tail(receiver: ClientId) -> Vec<u8> {
    let mut tail = Vec::new();
    super::write_client(&mut tail, receiver);
    tail.push(b'}');
    tail
}
