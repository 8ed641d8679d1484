//! Target `wire`: what is read means what was written, no matter how it was written, and what is written can be read.
//! A second reader (`json.rs`) says what a message holds; what the room's reader makes of it must agree.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde_json::{Map, Value as Loose, json};

use super::json::{Json, parse};
use crate::access::Role;
use crate::chat::ChatMessage;
use crate::errors::Code;
use crate::id::{ClientId, Epoch, Seq};
use crate::image::{Changes, Image, NUMBERS, Scalar};
use crate::input::View;
use crate::log::{Kind, LogEntry};
use crate::time::{Span, Time};
use crate::wire::json::{Value, read};
use crate::wire::{
    self, Decoded, Dialect, Edit, Event, Gone, Point, Profile, Refusal, Request, RoomChange, Snapshot, Truth, Viewport,
    What,
};

/// Reads the bytes as a message in every dialect, and as JSON.
pub fn wire(bytes: &[u8]) {
    for dialect in Dialect::ALL {
        let decoded = wire::decode(*dialect, bytes);
        match dialect {
            Dialect::KanvasV1 => kanvas_v1(bytes, &decoded),
            Dialect::Plain => plain(&decoded),
        }
    }
    assert_eq!(read(bytes).map(same), parse(bytes), "WIRE3 to WIRE6: what this is as JSON");
}

/// What the room's reader read, as the second reader would say it.
fn same(value: Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(value),
        Value::Number(value) => Json::Number(value),
        Value::Text(text) => Json::Text(text.into_owned()),
        Value::List(list) => Json::List(list.into_iter().map(same).collect()),
        Value::Object(object) => {
            Json::Object(object.0.into_iter().map(|(key, value)| (key.into_owned(), same(value))).collect())
        }
    }
}

fn kanvas_v1(bytes: &[u8], decoded: &Decoded) {
    if bytes == b"ping" {
        assert_eq!(decoded.request, Ok(Request::Ping), "WIRE11");
        return;
    }
    let message = parse(bytes);
    judge_envelope(message.as_ref(), decoded);
    if let (Ok(request), Some(message)) = (&decoded.request, &message) {
        judge_data(message, request);
        read_again(request, decoded.id.as_deref());
        cut_short(bytes);
        write_back(request, decoded.id.as_deref());
    }
}

/// WIRE1, WIRE2, WIRE7: whether it is a message at all, of which type and id.
fn judge_envelope(message: Option<&Json>, decoded: &Decoded) {
    const TYPES: [&str; 9] = [
        "user:join",
        "user:leave",
        "user:update",
        "cursor:move",
        "canvas:transform",
        "image:add",
        "image:transform",
        "image:remove",
        "chat:message",
    ];
    let refused = decoded.request.as_ref().err();
    let kind = message.and_then(|message| message.member("type")).and_then(Json::text);
    let id = message.and_then(|message| message.member("id"));
    let (Some(message), Some(kind)) = (message, kind) else {
        return assert_eq!(refused, Some(&Code::BadMessage), "WIRE1: no JSON object with a type");
    };
    let data = message.member("data");
    let point =
        data.is_some_and(|data| ["x", "y"].iter().all(|name| data.member(name).and_then(Json::number).is_some()));
    let null = matches!(message, Json::Object(members) if members.iter().any(|(key, value)| key == "data" && *value == Json::Null));
    let expected_id = match id.map(Json::text) {
        None => None,
        Some(None) => return assert_eq!(refused, Some(&Code::BadMessage), "WIRE1: an id that is no text"),
        // CUR4: what has not both coordinates cannot be read, whatever its id.
        _ if kind == "cursor:move" && data.is_some() && !point => {
            return assert_eq!(refused, Some(&Code::BadMessage), "CUR4");
        }
        Some(Some("")) => return assert_eq!(refused, Some(&Code::Empty), "WIRE7: an empty id"),
        Some(Some(id)) if id.len() > 64 => return assert_eq!(refused, Some(&Code::TooLong), "WIRE7: a long id"),
        Some(Some(id)) => Some(id),
    };
    assert_eq!(decoded.id.as_deref(), expected_id, "WIRE7");
    if !TYPES.contains(&kind) {
        assert_eq!(refused, Some(&Code::UnknownType), "WIRE2");
    } else if kind == "cursor:move" && !point && !null {
        assert_eq!(refused, Some(&Code::BadMessage), "CUR4");
    } else if !matches!(data, None | Some(Json::Object(_))) {
        assert_eq!(refused, Some(&Code::BadMessage), "WIRE1: data is an object");
    } else if kind == "user:leave" {
        assert_eq!(refused, None, "a leave has no data that could be wrong");
    }
    if let Some(image) = &decoded.image {
        let named = data.and_then(|data| data.member("id")).and_then(Json::text);
        assert!(refused.is_some() && named == Some(image) && kind.starts_with("image:"), "EDIT6: the refused image");
    }
}

/// Nothing is invented and nothing lost: the request says what the message says, member by member.
fn judge_data(message: &Json, request: &Request) {
    let (kind, data) = spell(request);
    assert_eq!(message.member("type").and_then(Json::text), Some(kind), "the type of the request");
    let said = message.member("data");
    let Loose::Object(members) = &data else { return assert_eq!(said, None, "a cursor that left") };
    for (name, value) in members {
        let sent = said.and_then(|said| said.member(name));
        let default = name == "rotation" && sent.is_none();
        assert!(default || value.is_null() || agree(value, sent), "{kind} has {name} {value}, sent was {sent:?}");
    }
    let Request::Edit(edit) = request else { return };
    let (Edit::Add(_) | Edit::Change { .. }) = &**edit else { return };
    let Some(Json::Object(sent)) = said else { panic!("{kind} without data") };
    for (name, value) in sent.iter().filter(|(name, value)| name != "transient" && *value != Json::Null) {
        assert!(members.get(name).is_some_and(|kept| agree(kept, Some(value))), "IMG8: {name} of {kind} is lost");
    }
}

/// Whether both are the same value; zero has no sign (WIRE8).
fn agree(one: &Loose, other: Option<&Json>) -> bool {
    match (one, other) {
        (Loose::Bool(one), Some(Json::Bool(other))) => one == other,
        (Loose::Number(one), Some(Json::Number(other))) => one.as_f64() == Some(*other),
        (Loose::String(one), Some(Json::Text(other))) => one == other,
        (Loose::Object(one), Some(Json::Object(other))) => {
            one.iter().all(|(name, value)| agree(value, other.iter().find(|(key, _)| key == name).map(|(_, v)| v)))
        }
        (
            Loose::Null | Loose::Bool(_) | Loose::Number(_) | Loose::String(_) | Loose::Array(_) | Loose::Object(_),
            _,
        ) => false,
    }
}

/// A request as a message: its type and data.
fn spell(request: &Request) -> (&'static str, Loose) {
    match request {
        Request::Ping => ("ping", Loose::Null),
        Request::Leave => ("user:leave", json!({})),
        Request::Refresh { token } => ("auth:refresh", json!({ "token": token })),
        Request::Join(join) => {
            let mut data = spell_profile(&join.profile);
            // A text that is no secret counts as none; one that is may be written in capitals.
            if let Some((epoch, seq)) = &join.since {
                data.insert("since".into(), json!({ "epoch": epoch, "seq": seq.0 }));
            }
            if join.view == View::Readonly {
                data.insert("view".into(), json!("readonly"));
            }
            ("user:join", Loose::Object(data))
        }
        Request::Update(update) => {
            let mut data = spell_profile(&update.profile);
            if let Some(presence) = &update.presence {
                let presence = presence.iter().map(|(name, value)| (name.to_string(), spell_scalar(value)));
                data.insert("presence".into(), Loose::Object(presence.collect()));
            }
            ("user:update", Loose::Object(data))
        }
        Request::Cursor(None) => ("cursor:move", Loose::Null),
        Request::Cursor(Some(Point { x, y })) => ("cursor:move", json!({ "x": x, "y": y })),
        Request::Viewport(Viewport { x, y, scale }) => ("canvas:transform", json!({ "x": x, "y": y, "scale": scale })),
        Request::Drag { image, changes } => {
            let mut data = spell_changes(image, changes);
            data.insert("transient".into(), Loose::Bool(true));
            ("image:transform", Loose::Object(data))
        }
        Request::Edit(edit) => match &**edit {
            Edit::Add(image) => ("image:add", Loose::Object(spell_image(image))),
            Edit::Change { image, changes } => ("image:transform", Loose::Object(spell_changes(image, changes))),
            Edit::Remove { image } => ("image:remove", json!({ "id": image })),
            Edit::Chat { text } => ("chat:message", json!({ "text": text })),
            Edit::Room(change) => ("room:update", spell_change(change)),
            Edit::SetRole { user, role } => {
                ("member:role", json!({ "userId": user, "role": role.map_or(wire::NO_ROLE, Role::as_str) }))
            }
            Edit::Kick { user, reason } => ("member:kick", spell_reason(user, reason.as_deref())),
            Edit::Ban { user, reason } => ("member:ban", spell_reason(user, reason.as_deref())),
        },
    }
}

fn spell_change(change: &RoomChange) -> Loose {
    let mut data = Map::new();
    data.extend(change.name.iter().map(|name| ("name".to_string(), json!(name))));
    for (key, value) in [("isPublic", change.is_public), ("locked", change.locked)] {
        data.extend(value.map(|value| (key.to_string(), json!(value))));
    }
    for (key, role) in [("defaultRole", change.default_role), ("guestRole", change.guest_role)] {
        data.extend(role.map(|role| (key.to_string(), json!(role.as_str()))));
    }
    Loose::Object(data)
}

fn spell_reason(user: &str, reason: Option<&str>) -> Loose {
    let mut data = Map::new();
    data.insert("userId".into(), json!(user));
    data.extend(reason.map(|reason| ("reason".to_string(), json!(reason))));
    Loose::Object(data)
}

fn spell_profile(profile: &Profile) -> Map<String, Loose> {
    let members = [("name", &profile.name), ("color", &profile.color), ("avatar", &profile.avatar)];
    members.into_iter().filter_map(|(name, text)| Some((name.to_string(), json!(text.as_ref()?)))).collect()
}

fn spell_scalar(scalar: &Scalar) -> Loose {
    match scalar {
        Scalar::Bool(value) => json!(value),
        Scalar::Number(value) => json!(value),
        Scalar::Text(text) => json!(text),
    }
}

fn spell_changes(id: &str, changes: &Changes) -> Map<String, Loose> {
    let mut data = Map::new();
    data.insert("id".into(), json!(id));
    for (name, text) in [("src", &changes.src), ("z", &changes.z)] {
        data.extend(text.iter().map(|text| (name.to_string(), json!(text))));
    }
    let numbers = NUMBERS.iter().zip(changes.numbers);
    data.extend(numbers.filter_map(|(name, value)| Some((name.to_string(), json!(value?)))));
    let further = changes.further.iter();
    data.extend(further.map(|(name, value)| (name.to_string(), value.as_ref().map_or(Loose::Null, spell_scalar))));
    data
}

fn spell_image(image: &Image) -> Map<String, Loose> {
    let mut data = Map::new();
    data.extend([("id".into(), json!(image.id)), ("src".into(), json!(image.src))]);
    data.extend(NUMBERS.iter().zip(image.numbers).map(|(name, value)| (name.to_string(), json!(value))));
    if !image.z.is_empty() {
        data.insert("z".into(), json!(image.z));
    }
    data.extend(image.further.iter().map(|(name, value)| (name.to_string(), spell_scalar(value))));
    data
}

/// WIRE1: the same request in other words is the same request: spread out, its members in any order, with more
/// members beside them.
fn read_again(request: &Request, id: Option<&str>) {
    let (kind, mut data) = spell(request);
    if let Request::Join(join) = request
        && let Some(resume) = &join.resume
    {
        let mut digits = Vec::new();
        wire::write_secret(&mut digits, resume);
        data["resume"] = json!(String::from_utf8(digits).expect("digits"));
    }
    let (kind, id) = (json!(kind), json!(id));
    let backwards = match &data {
        Loose::Object(members) => {
            let members: Vec<String> = members.iter().rev().map(|(name, value)| member_of(name, value)).collect();
            alloc::format!("{{{}}}", members.join(","))
        }
        Loose::Null | Loose::Bool(_) | Loose::Number(_) | Loose::String(_) | Loose::Array(_) => data.to_string(),
    };
    let ways = [
        alloc::format!("{{\"type\":{kind},\"data\":{data},\"id\":{id}}}"),
        alloc::format!("{{\"id\":{id},\"data\":{backwards},\"timestamp\":[1,{{}}],\"type\":{kind}}}"),
        alloc::format!(
            "\n{}\t",
            serde_json::to_string_pretty(&json!({ "type": kind, "data": data, "id": id })).expect("a value is JSON")
        ),
    ];
    for way in ways {
        let again = wire::decode(Dialect::KanvasV1, way.as_bytes());
        assert_eq!(again.request.as_ref(), Ok(request), "{way}");
        assert_eq!(again.id.as_deref(), id.as_str(), "{way}");
    }
}

fn member_of(name: &str, value: &Loose) -> String {
    alloc::format!(" {} : {value} ", json!(name))
}

/// The beginning of a message is no message, wherever it ends.
fn cut_short(bytes: &[u8]) {
    let whole = bytes.trim_ascii_end().len();
    let step = 1 + whole / 64;
    for end in (0..whole).rev().step_by(step) {
        let cut = wire::decode(Dialect::KanvasV1, &bytes[..end]);
        assert_eq!(cut.request, Err(Code::BadMessage), "WIRE1: cut after {end} bytes");
    }
}

/// What the room would say of it: JSON that says the same, and that storage can be read back from.
fn write_back(request: &Request, id: Option<&str>) {
    let (_, data) = spell(request);
    let client = ClientId(7);
    let frame = |event: &Event<'_>| {
        let mut out = Vec::new();
        wire::encode(Dialect::KanvasV1, event, Some(ClientId(9)), &mut out);
        parse(&out).unwrap_or_else(|| panic!("WIRE10: {:?} is no JSON", String::from_utf8_lossy(&out)))
    };
    match request {
        Request::Cursor(cursor) => told(&frame(&Event::Cursor { client, cursor: *cursor }), "cursor:move", &data),
        Request::Viewport(viewport) => {
            told(&frame(&Event::Viewport { client, viewport: *viewport }), "canvas:transform", &data);
        }
        Request::Drag { image, changes } => {
            told(&frame(&Event::Dragged { client, image, changes }), "image:transform", &data);
        }
        Request::Edit(edit) => match &**edit {
            Edit::Add(image) => {
                let mut image = image.clone();
                if image.z.is_empty() {
                    image.z = "a0".into();
                }
                write_image(&image);
                stored(Kind::ImageAdd, &image.to_json(), &Loose::Object(spell_image(&image)));
                let truth = Truth::Image(&image);
                let refusal =
                    Refusal { truth, retry_after: Some(Span::from_millis(3)), ..Refusal::of(Code::Conflict, id) };
                let data = json!({ "code": "conflict", "ref": id, "retryAfterMs": 3, "truth": spell_image(&image) });
                told(&frame(&Event::Error(refusal)), "error", &data);
            }
            Edit::Change { image, changes } => {
                stored(Kind::ImageTransform, &changes.to_json(image), &data);
                told(&frame(&Event::Settled { client, image, values: changes }), "image:transform", &data);
                let body = changes.to_json(image);
                let mut again = object(&body);
                again.take("id");
                assert_eq!(Changes::read(again).as_ref(), Ok(changes), "ROOM2: changes read back");
            }
            Edit::Remove { .. } => {
                told(&frame(&Event::Ack { id, seq: Seq(5), set: "" }), "ack", &json!({ "id": id, "seq": 5 }));
            }
            Edit::Chat { text } => said(text),
            Edit::Room(change) => {
                let mut body = Vec::new();
                change.write(&mut body);
                stored(Kind::RoomUpdate, &body, &data);
            }
            Edit::SetRole { .. } | Edit::Kick { .. } | Edit::Ban { .. } => {}
        },
        Request::Leave => told(&frame(&Event::Left { reason: Gone::Left }), "room:left", &json!({ "reason": "left" })),
        Request::Ping | Request::Join(_) | Request::Update(_) | Request::Refresh { .. } => {}
    }
}

/// A frame says what it should, with its sender or receiver.
fn told(frame: &Json, kind: &str, data: &Loose) {
    assert_eq!(frame.member("type").and_then(Json::text), Some(kind), "WIRE12");
    assert!(frame.member("clientId").and_then(Json::text).is_some_and(|id| id == "c7" || id == "c9"), "WIRE12");
    match data {
        Loose::Object(members) => {
            for (name, value) in members {
                let there = frame.member("data").and_then(|data| data.member(name));
                assert!(
                    if value.is_null() { there.is_none() } else { agree(value, there) },
                    "WIRE9: {name} is {there:?}"
                );
            }
        }
        Loose::Null | Loose::Bool(_) | Loose::Number(_) | Loose::String(_) | Loose::Array(_) => {
            assert_eq!(frame.member("data"), None, "WIRE12");
        }
    }
}

fn object(json: &[u8]) -> wire::json::Object<'_> {
    read(json).and_then(Value::into_object).expect("what the room writes is an object")
}

/// ROOM2: an image reads back as itself, and is in a snapshot as it is.
fn write_image(image: &Image) {
    assert_eq!(Image::read(object(&image.to_json())).as_ref(), Ok(image), "ROOM2: an image reads back");
    let snapshot = Snapshot { epoch: Epoch(3), seq: Seq(4), images: [image].into_iter(), chat: core::iter::empty() };
    let frame = sync_frame(wire::full_sync(Dialect::KanvasV1, snapshot));
    told(&frame, "state:sync", &json!({ "mode": "full", "epoch": 3, "seq": 4, "part": 1, "parts": 1 }));
    let Some(Json::List(images)) = frame.member("data").and_then(|data| data.member("images")) else {
        panic!("SYNC1: a snapshot has a list of images")
    };
    assert!(images.len() == 1 && agree(&Loose::Object(spell_image(image)), images.first()), "SYNC1: {images:?}");
}

fn sync_frame(mut parts: Vec<Arc<[u8]>>) -> Json {
    let tail = wire::sync_tail(Dialect::KanvasV1, ClientId(9));
    let part = parts.pop().filter(|_| parts.is_empty()).expect("one part");
    parse(&[&*part, &tail].concat()).expect("a part and its tail are JSON")
}

/// A stored event is told as it is kept, live and in a delta.
fn stored(kind: Kind, body: &[u8], data: &Loose) {
    let body = String::from_utf8(body.to_vec()).expect("what the room writes is text");
    let entry = LogEntry {
        seq: Seq(5),
        at: Time::from_millis(6),
        epoch: Epoch(3),
        user: "u".into(),
        client: ClientId(7),
        origin: "".into(),
        op_id: "".into(),
        op_hash: 0,
        kind,
        target: "".into(),
        body: body.into(),
        was: "".into(),
    };
    let mut out = Vec::new();
    wire::encode(Dialect::KanvasV1, &Event::Stored { entry: &entry, what: What::Image }, None, &mut out);
    let live = parse(&out).expect("WIRE10: a stored event is JSON");
    told(&live, kind.as_str(), data);
    assert!(agree(&json!(5), live.member("seq")) && agree(&json!(6), live.member("timestamp")), "WIRE12");
    let missed = wire::delta_sync(Dialect::KanvasV1, Epoch(3), Seq(5), [&entry].into_iter()).expect("it has deltas");
    let delta = sync_frame(missed);
    let ops = delta.member("data").and_then(|data| data.member("ops"));
    assert_eq!(ops, Some(&Json::List([live].into())), "SYNC3: a delta has the event exactly as it was sent");
}

/// CHAT2: a line of chat reads back as itself; the second dialect says the same words.
fn said(text: &str) {
    let said = [("id", "m5"), ("userId", "u"), ("name", "n\"\u{7}"), ("color", "#000000"), ("text", text)];
    let line = ChatMessage {
        seq: Seq(5),
        at: Time::from_millis(6),
        client: ClientId(7),
        user: said[1].1.into(),
        name: said[2].1.into(),
        color: said[3].1.into(),
        text: text.into(),
    };
    let mut body = Vec::new();
    line.write(&mut body);
    let data = said.iter().map(|(name, text)| (name.to_string(), json!(text))).collect();
    stored(Kind::Chat, &body, &Loose::Object(data));
    let again = ChatMessage::read_data(object(&body), line.seq, line.at, line.client);
    assert_eq!(again.as_ref(), Some(&line), "CHAT2: a message reads back");
}

/// The second dialect: what it tells of a request is what was asked.
fn plain(decoded: &Decoded) {
    let Ok(Request::Cursor(cursor)) = &decoded.request else { return };
    let mut out = Vec::new();
    wire::encode(Dialect::Plain, &Event::Cursor { client: ClientId(7), cursor: *cursor }, None, &mut out);
    let line = String::from_utf8(out).expect("a line is text");
    let (x, y) = line.strip_prefix("at c7 ").and_then(|numbers| numbers.split_once(' ')).expect("two numbers");
    let told = Some(Point { x: x.parse().expect("a number"), y: y.parse().expect("a number") });
    assert_eq!(told, *cursor, "WIRE9: {line}");
}
