//! Rewrites what people said and are called. Every letter becomes another one and every digit another one, the same for
//! the same word in one recording; lengths, punctuation and the shape of JSON stay, so that a room counts the same bytes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::access::Role;
use crate::codec::fingerprint;
use crate::image::Scalar;
use crate::input::{ChunkRow, Command, Creator, Done, Hello, Identity, Input, Loaded, LogRow, Part};
use crate::rng::Pcg;
use crate::wire::{read_secret, write_secret};

/// Keys whose texts stay as they are: what kind of thing it is, and which. The text of any other key is rewritten.
const KEPT: [&[u8]; 19] = [
    b"type",
    b"id",
    b"clientId",
    b"userId",
    b"imageId",
    b"user",
    b"by",
    b"role",
    b"defaultRole",
    b"guestRole",
    b"color",
    b"z",
    b"epoch",
    b"code",
    b"view",
    b"kind",
    b"version",
    b"format",
    b"at",
];

const VOWELS: &[u8] = b"aeiou";
const CONSONANTS: &[u8] = b"bcdfghjklmnprstvwz";

/// How one recording is rewritten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redaction {
    key: u64,
}

impl Redaction {
    pub(super) fn new(key: u64) -> Redaction {
        Redaction { key }
    }

    /// A text.
    pub(crate) fn text(&self, text: &str) -> Box<str> {
        let mut out = Vec::with_capacity(text.len());
        self.scramble(text.as_bytes(), false, &mut out);
        String::from_utf8_lossy(&out).into_owned().into()
    }

    pub(crate) fn maybe(&self, text: &mut Option<Box<str>>) {
        if let Some(text) = text {
            *text = self.text(text);
        }
    }

    /// The text of a further field of an image.
    pub(crate) fn further(&self, name: &str, value: &mut Scalar) {
        if let Scalar::Text(text) = value {
            let mut out = Vec::new();
            self.value(name.as_bytes(), text.as_bytes(), false, &mut out);
            *text = String::from_utf8_lossy(&out).into_owned().into();
        }
    }

    /// An address: where it leads stays; what is asked there, and what an address is itself, do not.
    pub(crate) fn address(&self, address: &str) -> Box<str> {
        let mut out = Vec::new();
        self.value(b"src", address.as_bytes(), false, &mut out);
        String::from_utf8_lossy(&out).into_owned().into()
    }

    /// The address of a picture of someone: all of it but where it leads.
    pub(crate) fn avatar(&self, address: &str) -> Box<str> {
        let mut out = Vec::new();
        self.value(b"avatar", address.as_bytes(), false, &mut out);
        String::from_utf8_lossy(&out).into_owned().into()
    }

    /// JSON, or what should have been.
    pub(crate) fn json(&self, text: &[u8]) -> Box<[u8]> {
        let mut out = Vec::with_capacity(text.len());
        let (mut at, mut key): (usize, &[u8]) = (0, b"");
        while let Some(byte) = text.get(at).copied() {
            let rest = text.get(at..).unwrap_or_default();
            match byte {
                b'"' => {
                    let inside = inside_of(rest.get(1..).unwrap_or_default());
                    at += 1 + inside.len();
                    out.push(b'"');
                    let after = text.get(at + 1..).unwrap_or_default().trim_ascii_start();
                    if after.first() == Some(&b':') {
                        key = inside;
                        out.extend_from_slice(inside);
                    } else {
                        self.value(key, inside, true, &mut out);
                    }
                    if at < text.len() {
                        out.push(b'"');
                    }
                    at += 1;
                }
                _ if byte.is_ascii_alphanumeric() || !byte.is_ascii() => {
                    let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()).count();
                    let word = rest.get(..len).unwrap_or_default();
                    let number = byte.is_ascii_digit() && word.iter().all(|byte| b"0123456789eE".contains(byte));
                    match number || [&b"true"[..], b"false", b"null"].contains(&word) {
                        true => out.extend_from_slice(word),
                        false => self.scramble(word, false, &mut out),
                    }
                    at += len;
                }
                _ => {
                    if matches!(byte, b'{' | b'}' | b']') {
                        key = b"";
                    }
                    out.push(byte);
                    at += 1;
                }
            }
        }
        out.into()
    }

    pub(crate) fn json_text(&self, text: &str) -> Box<str> {
        String::from_utf8_lossy(&self.json(text.as_bytes())).into_owned().into()
    }

    /// What lets someone take their session back.
    pub(crate) fn secret(&self, secret: &[u8; 16]) -> [u8; 16] {
        let mut rng = Pcg::new(fingerprint(self.key, secret));
        let mut other = [0; 16];
        for part in other.chunks_exact_mut(8) {
            part.copy_from_slice(&rng.next_u64().to_le_bytes());
        }
        other
    }

    /// The text of a key. `escaped`: as it stands in JSON.
    fn value(&self, key: &[u8], text: &[u8], escaped: bool, out: &mut Vec<u8>) {
        let is_role = core::str::from_utf8(text).ok().and_then(Role::from_name).is_some();
        if is_role || KEPT.contains(&key) {
            return out.extend_from_slice(text);
        }
        if key == b"src" {
            let is_data = text.starts_with(b"data:");
            let end = text.iter().position(|byte| if is_data { *byte == b',' } else { matches!(byte, b'?' | b'#') });
            let (kept, rest) = text.split_at(end.unwrap_or(text.len()));
            out.extend_from_slice(kept);
            return self.scramble(rest, escaped, out);
        }
        if key == b"avatar" {
            let host = text.windows(3).position(|sign| sign == b"://").map_or(0, |at| at + 3);
            let end = text.iter().skip(host).position(|byte| *byte == b'/').map_or(text.len(), |at| host + at);
            let (kept, rest) = text.split_at(end);
            out.extend_from_slice(kept);
            return self.scramble(rest, escaped, out);
        }
        let secret = core::str::from_utf8(text).ok().filter(|_| key == b"resume").and_then(read_secret);
        match secret {
            Some(secret) => write_secret(out, &self.secret(&secret)),
            None => self.scramble(text, escaped, out),
        }
    }

    fn scramble(&self, text: &[u8], escaped: bool, out: &mut Vec<u8>) {
        let mut rng = Pcg::new(fingerprint(self.key, text));
        let mut pick = |from: &[u8]| {
            let at = usize::try_from(rng.below(from.len() as u64)).unwrap_or(0);
            from.get(at).copied().unwrap_or(b'x')
        };
        let mut letters = 0;
        for chunk in text.utf8_chunks() {
            let mut chars = chunk.valid().chars();
            while let Some(char) = chars.next() {
                if char == '\\' && escaped {
                    out.push(b'\\');
                    match chars.next() {
                        Some('u') => {
                            // Whatever it is becomes a letter; half of a pair becomes one, too.
                            chars.by_ref().take(4).for_each(drop);
                            out.extend_from_slice(b"u006");
                            out.push(pick(b"1234567"));
                        }
                        Some(other) => push(out, other),
                        None => {}
                    }
                    continue;
                }
                match char {
                    'a'..='z' | 'A'..='Z' => {
                        let other = pick(if letters % 2 == 0 { CONSONANTS } else { VOWELS });
                        letters += 1;
                        out.push(if char.is_ascii_uppercase() { other.to_ascii_uppercase() } else { other });
                    }
                    '0'..='9' => out.push(pick(b"0123456789")),
                    _ => push(
                        out,
                        match char.len_utf8() {
                            2 => 'ø',
                            3 => '字',
                            4 => '🙂',
                            _ => char,
                        },
                    ),
                }
            }
            out.extend(core::iter::repeat_n(0xff, chunk.invalid().len()));
        }
    }

    /// An input, rewritten.
    pub(super) fn input(&self, input: &Input<'_>, hear: &mut impl FnMut(Input<'_>)) {
        let text = |text: Option<&str>| text.map(|text| self.text(text));
        match input {
            Input::Connect { conn, identity, hello } => {
                let (name, called) = (text(identity.name), text(hello.name));
                let avatar = identity.avatar.map(|avatar| self.avatar(avatar));
                let identity = Identity { name: name.as_deref(), avatar: avatar.as_deref(), ..identity.clone() };
                let hello = Hello { name: called.as_deref(), resume: self.secret(&hello.resume), ..hello.clone() };
                hear(Input::Connect { conn: *conn, identity, hello });
            }
            Input::Resume { conn, attachment } => {
                let attachment = crate::attachment::redact(attachment, self);
                hear(Input::Resume { conn: *conn, attachment: &attachment });
            }
            Input::Message { conn, bytes } => hear(Input::Message { conn: *conn, bytes: &self.json(bytes) }),
            Input::Done { effect, result: Done::Loaded(loaded) } => self.loaded(loaded, |loaded| {
                hear(Input::Done { effect: *effect, result: Done::Loaded(loaded) });
            }),
            Input::Command(command) => self.command(command, |command| hear(Input::Command(command))),
            Input::Pressure { .. } | Input::Disconnect { .. } | Input::Done { .. } | Input::Tick => hear(input.clone()),
        }
    }

    fn loaded(&self, loaded: &Loaded<'_>, hear: impl FnOnce(Loaded<'_>)) {
        let record = loaded.record.map(|record| self.json(record));
        let chunk = |chunk: &ChunkRow<'_>| match chunk.part {
            Part::Images | Part::Chat => self.json(chunk.bytes),
            Part::Members => chunk.bytes.into(),
        };
        let chunks: Vec<Box<[u8]>> = loaded.chunks.iter().map(chunk).collect();
        let chunks: Vec<ChunkRow<'_>> =
            loaded.chunks.iter().zip(&chunks).map(|(chunk, bytes)| ChunkRow { bytes, ..*chunk }).collect();
        self.rows(loaded.log, |log| {
            hear(Loaded { owner: loaded.owner, record: record.as_deref(), chunks: &chunks, log });
        });
    }

    fn rows(&self, rows: &[LogRow<'_>], hear: impl FnOnce(&[LogRow<'_>])) {
        let texts: Vec<(Box<str>, Box<str>)> =
            rows.iter().map(|row| (self.json_text(row.body), self.json_text(row.was))).collect();
        let rows: Vec<LogRow<'_>> =
            rows.iter().zip(&texts).map(|(row, (body, was))| LogRow { body, was, ..*row }).collect();
        hear(&rows);
    }

    fn command(&self, command: &Command<'_>, hear: impl FnOnce(Command<'_>)) {
        match command {
            Command::Create { ticket, by, name, is_public, share } => {
                let (called, name) = (by.name.map(|name| self.text(name)), name.map(|name| self.text(name)));
                let by = Creator { name: called.as_deref(), ..*by };
                hear(Command::Create {
                    ticket: *ticket,
                    by,
                    name: name.as_deref(),
                    is_public: *is_public,
                    share: *share,
                });
            }
            Command::Act { ticket, by, message } => {
                hear(Command::Act { ticket: *ticket, by: *by, message: &self.json(message) });
            }
            Command::Publish { ticket, message } => {
                hear(Command::Publish { ticket: *ticket, message: &self.json(message) });
            }
            Command::Replace { ticket, images, at } => {
                hear(Command::Replace { ticket: *ticket, images: &self.json(images), at: *at });
            }
            Command::Restore { ticket, rows, to, at } => self.rows(rows, |rows| {
                hear(Command::Restore { ticket: *ticket, rows, to: *to, at: *at });
            }),
            Command::Import { ticket, document } => {
                hear(Command::Import { ticket: *ticket, document: &self.json(document) });
            }
            Command::Drain { .. } | Command::Delete { .. } | Command::Share { .. } | Command::Unshare { .. } => {
                hear(*command);
            }
        }
    }
}

fn push(out: &mut Vec<u8>, char: char) {
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

/// What stands before the quote that ends a text.
fn inside_of(text: &[u8]) -> &[u8] {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => break,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.get(..at).unwrap_or(text)
}
