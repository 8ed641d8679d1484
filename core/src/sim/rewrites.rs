//! A back end that replaces the canvas and takes it back under everybody's hands, and what must come of that: the log,
//! told again in plain words (SIM20).

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::line;
use super::replica::{Properties, Replica, number, text};
use super::world::World;
use crate::errors::Code;
use crate::input::{Command, Input, Restore, SERVER};
use crate::log::{Kind, LogEntry};
use crate::rewind::Difference;
use crate::room::Room;
use crate::time::Span;

type Canvas = BTreeMap<String, Properties>;

/// What these commands are answered by.
const TICKET: u64 = 20;

impl World {
    /// A back end does something, if there is a room.
    pub(super) fn rewrite(&mut self) -> Result<(), String> {
        let Some((seq, canvas)) = self.host.room.as_ref().and_then(canvas) else { return Ok(()) };
        match self.rng.below(5) {
            0 => {
                let message = json!({ "no": seq }).to_string();
                self.input(Input::Command(Command::Publish { ticket: TICKET, message: message.as_bytes() }))
            }
            1 | 2 => self.replace(canvas),
            _ => self.take_back(seq, &canvas),
        }
    }

    /// Some images go, some move, a new one comes.
    fn replace(&mut self, mut canvas: Canvas) -> Result<(), String> {
        let most = self.rng.below(4);
        canvas.retain(|_, _| self.rng.below(4) >= most);
        for image in canvas.values_mut() {
            if self.rng.below(2) == 0 {
                continue;
            }
            image.insert("x".into(), json!(self.rng.below(1000)));
            image.remove("note");
        }
        let id = format!("s{}", self.rng.below(9));
        let new = json!({"id": id, "src": "https://a.example/s.png", "x": 1, "y": 2, "width": 3, "height": 4,
            "rotation": 5, "z": "c"});
        canvas.insert(id, new.as_object().cloned().unwrap_or_default());
        let list: Vec<&Properties> = canvas.values().collect();
        let images = json!(list).to_string();
        self.note(line::Kind::Host, None, format!("a back end replaces the canvas with {images}"));
        self.host.replies.remove(&TICKET);
        self.input(Input::Command(Command::Replace { ticket: TICKET, images: images.as_bytes(), at: None }))?;
        match self.taken()? {
            true => self.report.replaced += 1,
            false => return Ok(()),
        }
        self.is_now(&canvas)
    }

    /// To a moment, or without somebody from a moment on.
    fn take_back(&mut self, seq: u64, before: &Canvas) -> Result<(), String> {
        let first = self.host.disk.history.first().map_or(self.now, |entry| entry.at);
        let moment = first + Span::from_millis(self.rng.below(self.now.since(first).as_millis() + 2000));
        let users: Vec<Box<str>> = self.clients.iter().map(|client| client.user.as_str().into()).collect();
        let at = usize::try_from(self.rng.below(users.len() as u64 + 1)).unwrap_or(0);
        let user: &str = users.get(at).map_or(SERVER, |user| user);
        let to = match self.rng.below(2) {
            0 => Restore::AsOf(moment),
            _ => Restore::Without { user, since: moment },
        };
        self.note(line::Kind::Host, None, format!("a back end takes the canvas back: {to:?}"));
        let disk = core::mem::take(&mut self.host.disk);
        let compared = disk.load(u32::MAX, |stored| self.host.room.as_ref().map(|room| room.compare(stored.log, to)));
        self.host.replies.remove(&TICKET);
        let given = disk.load(u32::MAX, |stored| {
            let command = Command::Restore { ticket: TICKET, rows: stored.log, to, at: None };
            self.host.handle(self.now, &Input::Command(command))
        });
        let expected = (seq == disk.head()).then(|| told_again(&disk.history, to));
        self.host.disk = disk;
        given?;
        self.effects()?;
        if !self.taken()? {
            return Ok(());
        }
        self.report.taken_back += 1;
        let Some(Ok(difference)) = compared else {
            return Err(format!("SIM20: it is done, and beforehand was told {compared:?}"));
        };
        let Some((_, after)) = self.host.room.as_ref().and_then(canvas) else { return Ok(()) };
        if difference != between(seq, before, &after) {
            return Err(format!("SIM20: {difference:?} was told, and {before:?} became {after:?}"));
        }
        expected.map_or(Ok(()), |expected| self.is_now(&expected?))
    }

    /// Whether the room took the command; a refusal must be one that storage is the reason of.
    fn taken(&mut self) -> Result<bool, String> {
        match self.host.replies.get(&TICKET) {
            None | Some(Ok(_)) => Ok(true),
            Some(Err(Code::Busy | Code::StorageFull)) => Ok(false),
            Some(Err(code)) => Err(format!("SIM20: refused as {code:?}")),
        }
    }

    fn is_now(&self, expected: &Canvas) -> Result<(), String> {
        let Some((_, there)) = self.host.room.as_ref().and_then(canvas) else { return Ok(()) };
        match there == *expected {
            true => Ok(()),
            false => Err(format!("SIM20: the canvas is {there:?}, and should be {expected:?}")),
        }
    }
}

/// The canvas as a room tells it, and its place in the log.
fn canvas(room: &Room) -> Option<(u64, Canvas)> {
    let mut json = Vec::new();
    room.canvas(&mut json);
    let canvas: Value = serde_json::from_slice(&json).ok()?;
    let images = canvas["images"].as_array()?.iter();
    Some((
        number(&canvas["seq"]),
        images.filter_map(|one| Some((text(&one["id"]), one.as_object()?.clone()))).collect(),
    ))
}

fn told_again(history: &[Arc<LogEntry>], to: Restore<'_>) -> Result<Canvas, String> {
    let counts = |entry: &LogEntry| match to {
        Restore::AsOf(moment) => entry.at <= moment,
        Restore::Without { user, since } => entry.at <= since || *entry.user != *user,
    };
    let mut replica = Replica::default();
    for entry in history.iter().filter(|entry| counts(entry)) {
        let body: Value = serde_json::from_str(&entry.body).map_err(|error| error.to_string())?;
        let there = replica.images.contains_key(&text(&body["id"]));
        let can = match entry.kind {
            Kind::ImageAdd => !there,
            Kind::ImageTransform | Kind::ImageRemove => there,
            Kind::Chat | Kind::RoomUpdate | Kind::MemberRole | Kind::MemberKick | Kind::MemberBan => false,
        };
        if can {
            replica.apply(entry.kind.as_str(), &body)?;
        }
    }
    Ok(replica.images)
}

fn between(seq: u64, before: &Canvas, after: &Canvas) -> Difference {
    let ids = |of: &Canvas, wanted: &dyn Fn(&String, &Properties) -> bool| {
        let mut ids: Vec<(String, Box<str>)> = of
            .iter()
            .filter(|(id, image)| wanted(id, image))
            .map(|(id, image)| (text(&image["z"]), id.as_str().into()))
            .collect();
        ids.sort();
        ids.into_iter().map(|(_, id)| id).collect()
    };
    Difference {
        seq: crate::id::Seq(seq),
        added: ids(after, &|id, _| !before.contains_key(id)),
        changed: ids(after, &|id, image| before.get(id).is_some_and(|was| was != image)),
        removed: ids(before, &|id, _| !after.contains_key(id)),
    }
}
