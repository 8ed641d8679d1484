//! The latest chat messages of a room, and the chunks in which storage keeps them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, Seq};
use crate::limits::CHAT_CHUNK;
use crate::recording::Redaction;
use crate::time::Time;
use crate::wire::json::{self, Object, Value, Writer};

/// One message: who said it, as they were called then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChatMessage {
    pub(crate) seq: Seq,
    pub(crate) at: Time,
    pub(crate) client: ClientId,
    pub(crate) user: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) color: Box<str>,
    pub(crate) text: Box<str>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chat {
    /// Oldest first; begins at the beginning of a chunk, so up to `CHAT_CHUNK - 1` more than the history.
    messages: VecDeque<ChatMessage>,
    /// How many messages came before the oldest one.
    before: u64,
    /// The first message, counted from the beginning, that storage does not have in a chunk.
    unsaved: u64,
    /// The first chunk that storage may have.
    first_chunk: u64,
}

/// Chunks to write and to delete.
#[derive(Debug, Default)]
pub(crate) struct TouchedChat {
    pub(crate) write: Vec<(u32, Vec<u8>)>,
    pub(crate) drop: Vec<u32>,
}

impl Chat {
    /// How many messages are kept.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The history, oldest first.
    pub(crate) fn history(&self, most: u32) -> impl Iterator<Item = &ChatMessage> {
        self.messages.iter().skip(self.messages.len().saturating_sub(most as usize))
    }

    pub(crate) fn push(&mut self, message: ChatMessage, most: u32) {
        self.messages.push_back(message);
        while self.messages.len() as u64 >= u64::from(most) + CHAT_CHUNK {
            self.messages.drain(..CHUNK_LEN);
            self.before += CHAT_CHUNK;
        }
    }

    /// The chunks that changed since this was last asked.
    pub(crate) fn take_touched(&mut self) -> TouchedChat {
        let end = self.end();
        let from = self.unsaved.max(self.before) / CHAT_CHUNK;
        let write = (from..end.div_ceil(CHAT_CHUNK)).filter(|_| self.unsaved < end);
        let write = write.map(|no| (chunk_no(no), self.chunk(no))).collect();
        let drop = (self.first_chunk..self.before / CHAT_CHUNK).map(chunk_no).collect();
        self.unsaved = end;
        self.first_chunk = self.before / CHAT_CHUNK;
        TouchedChat { write, drop }
    }

    fn end(&self) -> u64 {
        self.before + self.messages.len() as u64
    }

    /// Takes stored chunks in rising order of their numbers.
    pub(crate) fn load_chunk(&mut self, no: u32, bytes: &[u8], most: u32) -> Option<()> {
        let list = json::read(bytes)?.into_list()?;
        let first = u64::from(no) * CHAT_CHUNK;
        match self.messages.is_empty() && self.before == 0 {
            true => (self.before, self.first_chunk) = (first, u64::from(no)),
            false if first == self.end() => {}
            false => return None,
        }
        for value in list {
            self.push(ChatMessage::read(value.into_object()?)?, most);
        }
        self.unsaved = self.end();
        Some(())
    }

    /// States what must always hold.
    pub(crate) fn check(&self, most: u32) -> Result<(), &'static str> {
        let rising = self.messages.iter().zip(self.messages.iter().skip(1)).all(|(a, b)| a.seq < b.seq);
        let bounded = (self.messages.len() as u64) < u64::from(most) + CHAT_CHUNK;
        match rising && bounded && self.before.is_multiple_of(CHAT_CHUNK) {
            true => Ok(()),
            false => Err("chat: out of order or over its bound"),
        }
    }

    fn chunk(&self, no: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let skip = usize::try_from(no * CHAT_CHUNK - self.before).unwrap_or(usize::MAX);
        for message in self.messages.iter().skip(skip).take(CHUNK_LEN) {
            bytes.push(if bytes.is_empty() { b'[' } else { b',' });
            message.write_history(&mut bytes);
        }
        bytes.push(b']');
        bytes
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const CHUNK_LEN: usize = CHAT_CHUNK as usize;

impl ChatMessage {
    /// Writes the `data` of its event.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut object = Writer::object(out);
        self.members(&mut object);
        object.end();
    }

    /// Writes it as a snapshot has it: with what its event has beside the `data`.
    pub(crate) fn write_history(&self, out: &mut Vec<u8>) {
        let mut object = Writer::object(out);
        self.members(&mut object);
        crate::wire::write_client(object.key("clientId"), self.client);
        object.integer("seq", self.seq.0).integer("timestamp", self.at.as_millis());
        object.end();
    }

    fn members(&self, object: &mut Writer<'_>) {
        let id = object.key("id");
        id.extend_from_slice(b"\"m");
        json::write_integer(id, self.seq.0);
        id.push(b'"');
        object.text("userId", &self.user).text("name", &self.name).text("color", &self.color).text("text", &self.text);
    }

    /// Takes back what [`ChatMessage::write_history`] wrote.
    fn read(mut stored: Object<'_>) -> Option<ChatMessage> {
        let seq = Seq(json::integer(&stored.take("seq")?)?);
        let at = Time::from_millis(json::integer(&stored.take("timestamp")?)?);
        let client = stored.take("clientId")?.into_text()?;
        let client = ClientId(client.strip_prefix('c')?.parse().ok()?);
        ChatMessage::read_data(stored, seq, at, client)
    }

    /// Takes back the `data` of a stored event.
    pub(crate) fn read_data(mut data: Object<'_>, seq: Seq, at: Time, client: ClientId) -> Option<ChatMessage> {
        let mut text = |key| data.take(key).and_then(Value::into_text).map(Box::from);
        let (user, name) = (text("userId")?, text("name")?);
        Some(ChatMessage { seq, at, client, user, name, color: text("color")?, text: text("text")? })
    }
}

fn chunk_no(no: u64) -> u32 {
    u32::try_from(no).unwrap_or(u32::MAX)
}

impl Chat {
    pub(crate) fn redact(&mut self, with: &Redaction) {
        for message in &mut self.messages {
            (message.name, message.text) = (with.text(&message.name), with.text(&message.text));
        }
    }
}
