//! A room as one JSON document, to keep elsewhere and to bring back; and the list of images that a canvas is replaced
//! with. Whatever is wrong with one is told with its place, and then nothing of it is taken.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::access::Role;
use crate::address;
use crate::chat::{Chat, ChatMessage};
use crate::errors::Code;
use crate::id::{ClientId, MAX_INTEGER, Seq};
use crate::image::Image;
use crate::images::Images;
use crate::limits::{Config, USER_ID_BYTES};
use crate::members::{self, Members};
use crate::presence::read_color;
use crate::text;
use crate::time::Time;
use crate::wire::json::{self, Object, Value};

/// The version of the documents that are written, and the only one that is read.
pub(crate) const VERSION: u32 = 1;

/// What is wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The place: `images[3]`, `room.name`; empty for the document as a whole.
    pub at: String,
    /// What is wrong there.
    pub code: Code,
}

/// What a document says of a room. What it does not say is as in a new room.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) room: About,
    pub(crate) members: Members,
    pub(crate) images: Images,
    pub(crate) chat: Chat,
    /// The last message's place.
    pub(crate) last: Seq,
}

/// See [`Content`].
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) name: Option<Box<str>>,
    pub(crate) creator_name: Option<Box<str>>,
    pub(crate) is_public: Option<bool>,
    pub(crate) locked: Option<bool>,
    pub(crate) default_role: Option<Role>,
    pub(crate) guest_role: Option<Role>,
    pub(crate) created_at: Option<Time>,
    pub(crate) last_activity: Option<Time>,
}

/// The parts of a document, each still as it was written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts<'a> {
    version: u32,
    #[serde(borrow, default)]
    room: Option<&'a RawValue>,
    #[serde(borrow, default)]
    members: Option<&'a RawValue>,
    #[serde(borrow, default)]
    bans: Option<&'a RawValue>,
    #[serde(borrow, default)]
    images: Option<&'a RawValue>,
    #[serde(borrow, default)]
    chat: Option<&'a RawValue>,
}

impl Mistake {
    fn new(at: impl Into<String>, code: Code) -> Mistake {
        Mistake { at: at.into(), code }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.as_str() {
            "" => f.write_str(self.code.message()),
            at => write!(f, "At {at}: {}", self.code.message()),
        }
    }
}

impl core::error::Error for Mistake {}

/// Whether [`Command::Import`](crate::Command::Import) would read this document.
///
/// # Errors
/// The first mistake in it.
pub fn judge_document(document: &[u8], config: &Config) -> Result<(), Mistake> {
    read_document(document, config, Seq(0)).map(drop)
}

/// Whether [`Command::Replace`](crate::Command::Replace) would read this list of images.
///
/// # Errors
/// The first mistake in it.
pub fn judge_images(list: &[u8], config: &Config) -> Result<(), Mistake> {
    read_images(list, "", config).map(drop)
}

/// PORT3: reads a whole document. The places of its chat messages come after this one.
pub(crate) fn read_document(document: &[u8], config: &Config, after: Seq) -> Result<Content, Mistake> {
    let limits = &config.limits;
    if document.len() > limits.document_bytes as usize {
        return Err(Mistake::new("", Code::TooLong));
    }
    let parts: Parts<'_> = serde_json::from_slice(document).map_err(|_| Mistake::new("", Code::BadMessage))?;
    if parts.version != VERSION {
        return Err(Mistake::new("version", Code::BadMessage));
    }
    let mut content = Content { last: after, ..Content::default() };
    if let Some(room) = parts.room {
        content.room = read_about(room.get().as_bytes())?;
    }
    if let Some(images) = parts.images {
        content.images = read_images(images.get().as_bytes(), "images", config)?;
    }
    let Content { members, chat, last, .. } = &mut content;
    each(parts.members, "members", config, |mut member| {
        let user = read_user(&mut member)?;
        let role = member.take("role").and_then(Value::into_text).and_then(|role| Role::from_name(&role));
        let role = role.ok_or(Code::BadMessage)?;
        let may_have_it = members::is_person(&user) || role != Role::Owner && !members::is_operator(&user);
        if members.role(&user).is_some() || !may_have_it {
            return Err(Code::Conflict);
        }
        members.set_role(&user, Some(role), limits)?;
        nothing_else(&member)
    })?;
    each(parts.bans, "bans", config, |mut ban| {
        let user = read_user(&mut ban)?;
        let at = read_time(&mut ban, "at")?.ok_or(Code::BadMessage)?;
        if members.role(&user).is_some() || members.bans(&user, None) || !members::may_be_banned(&user) {
            return Err(Code::Conflict);
        }
        members.ban(at, &user, Vec::new(), limits)?;
        nothing_else(&ban)
    })?;
    each(parts.chat, "chat", config, |mut message| {
        if last.0 - after.0 >= u64::from(limits.chat_history) {
            return Err(Code::TooMany);
        }
        *last = last.next();
        chat.push(read_message(&mut message, *last, limits.chat_chars)?, limits.chat_history);
        nothing_else(&message)
    })?;
    Ok(content)
}

/// A list of images, each in the bounds of an `image:add`, all in those of a room. One without a `z` lies above all
/// that stand before it.
pub(crate) fn read_images(list: &[u8], at: &str, config: &Config) -> Result<Images, Mistake> {
    let limits = &config.limits;
    if list.len() > limits.document_bytes as usize {
        return Err(Mistake::new(at, Code::TooLong));
    }
    let mut images = Images::default();
    each_of(list, at, config, |image| {
        let mut image = Image::read(image)?;
        image.src = address::src(&image.src, config.http_loopback)?.into();
        images.add(image, 0, limits).map(drop)
    })?;
    Ok(images)
}

fn read_about(room: &[u8]) -> Result<About, Mistake> {
    let mut room = json::read(room).and_then(Value::into_object).ok_or(Mistake::new("room", Code::BadMessage))?;
    let mut about = About::default();
    // What it was called where it comes from; it may be another here.
    room.take("id");
    let within = |key: &str| format!("room.{key}");
    for key in ["name", "creatorName"] {
        let Some(value) = room.take(key) else { continue };
        let name = value.into_text().ok_or(Code::BadMessage).and_then(|name| text::name(&name));
        let name = name.map_err(|code| Mistake::new(within(key), code))?;
        *(if key == "name" { &mut about.name } else { &mut about.creator_name }) = Some(name.into());
    }
    for (key, to) in [("isPublic", &mut about.is_public), ("locked", &mut about.locked)] {
        match room.take(key) {
            None => {}
            Some(Value::Bool(value)) => *to = Some(value),
            Some(_) => return Err(Mistake::new(within(key), Code::BadMessage)),
        }
    }
    for (key, to) in [("defaultRole", &mut about.default_role), ("guestRole", &mut about.guest_role)] {
        let Some(value) = room.take(key) else { continue };
        let role = value.into_text().and_then(|role| Role::from_name(&role)).filter(|role| *role != Role::Owner);
        *to = Some(role.ok_or_else(|| Mistake::new(within(key), Code::BadMessage))?);
    }
    for (key, to) in [("createdAt", &mut about.created_at), ("lastActivity", &mut about.last_activity)] {
        *to = read_time(&mut room, key).map_err(|code| Mistake::new(within(key), code))?;
    }
    match room.0.first() {
        Some((key, _)) => Err(Mistake::new(within(key), Code::BadMessage)),
        None => Ok(about),
    }
}

fn read_message(message: &mut Object<'_>, seq: Seq, most_chars: u32) -> Result<ChatMessage, Code> {
    let user = read_user(message)?.into();
    let mut field = |key| message.take(key).and_then(Value::into_text).ok_or(Code::BadMessage);
    let (name, color) = (text::name(&field("name")?)?.into(), read_color(&field("color")?).ok_or(Code::BadMessage)?);
    let text = text::chat(&field("text")?, most_chars)?.into();
    let at = read_time(message, "timestamp")?.ok_or(Code::BadMessage)?;
    // The session that said it is of another life of the room.
    Ok(ChatMessage { seq, at, client: ClientId(0), user, name, color, text })
}

fn read_user<'a>(object: &mut Object<'a>) -> Result<Cow<'a, str>, Code> {
    let user = object.take("userId").and_then(Value::into_text).ok_or(Code::BadMessage)?;
    match user.len() {
        0 => Err(Code::Empty),
        1..=USER_ID_BYTES => Ok(user),
        _ => Err(Code::TooLong),
    }
}

fn read_time(object: &mut Object<'_>, key: &str) -> Result<Option<Time>, Code> {
    let time = object.take(key).map(|value| json::integer(&value).filter(|time| *time <= MAX_INTEGER));
    time.map(|time| time.map(Time::from_millis).ok_or(Code::OutOfRange)).transpose()
}

/// Nothing of a document is passed over in silence.
fn nothing_else(object: &Object<'_>) -> Result<(), Code> {
    if object.0.is_empty() { Ok(()) } else { Err(Code::BadMessage) }
}

fn each<'a>(
    list: Option<&'a RawValue>,
    at: &str,
    config: &Config,
    take: impl FnMut(Object<'a>) -> Result<(), Code>,
) -> Result<(), Mistake> {
    list.map_or(Ok(()), |list| each_of(list.get().as_bytes(), at, config, take))
}

/// Reads a list of objects one by one: a long one costs no more memory than its longest.
fn each_of<'a>(
    list: &'a [u8],
    at: &str,
    config: &Config,
    take: impl FnMut(Object<'a>) -> Result<(), Code>,
) -> Result<(), Mistake> {
    let mut wrong = Mistake::new(at, Code::BadMessage);
    let longest = config.limits.message_bytes as usize;
    let mut reader = serde_json::Deserializer::from_slice(list);
    let read = reader.deserialize_seq(Each { at, longest, take, wrong: &mut wrong }).and_then(|()| reader.end());
    read.map_err(|_| wrong)
}

struct Each<'w, T> {
    at: &'w str,
    longest: usize,
    take: T,
    wrong: &'w mut Mistake,
}

impl<'de, T: FnMut(Object<'de>) -> Result<(), Code>> Visitor<'de> for Each<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        for no in 0_usize.. {
            let Some(item) = list.next_element::<&RawValue>()?.map(RawValue::get) else { break };
            let taken = match item.len() <= self.longest {
                true => json::read(item.as_bytes()).and_then(Value::into_object).ok_or(Code::BadMessage),
                false => Err(Code::TooLong),
            };
            if let Err(code) = taken.and_then(&mut self.take) {
                *self.wrong = Mistake::new(self.at.to_string() + &format!("[{no}]"), code);
                return Err(A::Error::custom("a mistake"));
            }
        }
        Ok(())
    }
}
