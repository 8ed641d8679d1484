//! The room as one client knows it, from frames alone. It refuses whatever a client of the documented protocol could
//! not make sense of.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Map, Value, json};

use super::plan::Report;

/// An image's properties by name.
pub(super) type Properties = Map<String, Value>;

/// A line of chat: its id, user, name, colour and text.
pub(super) type Said = [String; 5];

fn said(line: &Value) -> Said {
    ["id", "userId", "name", "color", "text"].map(|name| text(&line[name]))
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Replica {
    pub(super) epoch: u64,
    pub(super) seq: u64,
    /// The stored state.
    pub(super) images: BTreeMap<String, Properties>,
    /// The same under what people drag, for a client that simply applies every frame.
    pub(super) shown: BTreeMap<String, Properties>,
    /// `seq` and what was said by whom, oldest first.
    pub(super) chat: Vec<(u64, Said)>,
    /// By client id.
    pub(super) users: BTreeMap<String, Value>,
    /// Parts of a sync that is not complete.
    parts: Vec<Value>,
    /// Whether it has had its first sync since it came.
    synced: bool,
}

/// How many chat messages a client keeps.
const CHAT: usize = 200;

impl Replica {
    /// A sync that the connection before left unfinished never comes to its end.
    pub(super) fn begin(&mut self) {
        self.parts.clear();
        self.synced = false;
    }

    /// Takes a frame that is not about the client's own edits.
    pub(super) fn take(&mut self, kind: &str, frame: &Value, report: &mut Report) -> Result<(), String> {
        let data = &frame["data"];
        match kind {
            "state:sync" => {
                report.multipart += u64::from(data["part"] == json!(2));
                report.synced_anew += u64::from(self.synced && data["part"] == json!(1));
                return self.sync(data);
            }
            "user:list" => {
                let users = data["users"].as_array().cloned().unwrap_or_default();
                self.users = users.into_iter().map(|user| (text(&user["clientId"]), user)).collect();
            }
            "user:joined" | "user:updated" => {
                report.idled += u64::from(data["idle"] == Value::Bool(true));
                if kind == "user:updated" && !self.users.contains_key(&text(&data["clientId"])) {
                    return Err(format!("SIM6: an update of someone unknown: {frame}"));
                }
                self.users.insert(text(&data["clientId"]), data.clone());
            }
            "user:left" => {
                if self.users.remove(&text(&data["clientId"])).is_none() {
                    return Err(format!("SIM6: someone unknown left: {frame}"));
                }
            }
            "cursor:move" => self.user(&text(&frame["clientId"]), "cursor", data)?,
            "canvas:transform" => self.user(&text(&frame["clientId"]), "viewport", data)?,
            "presence" => {
                report.batches += 1;
                return self.presence(frame);
            }
            "server:event" => report.published += 1,
            "image:transform" if frame.get("seq").is_none() => {
                let transient = data["transient"] == Value::Bool(true);
                *(if transient { &mut report.drags } else { &mut report.settles }) += 1;
                return self.unstored(data);
            }
            "image:add" | "image:transform" | "image:remove" | "chat:message" => return self.stored(frame),
            "room:update" | "member:role" | "member:kick" | "member:ban" => {
                report.governed += 1;
                return self.stored(frame);
            }
            other => return Err(format!("SIM5: an unknown frame {other}")),
        }
        Ok(())
    }

    /// A stored event: the next one, without a gap (SYNC5).
    pub(super) fn stored(&mut self, frame: &Value) -> Result<(), String> {
        let seq = number(&frame["seq"]);
        if seq != self.seq + 1 {
            return Err(format!("SIM5: event {seq} came after event {}", self.seq));
        }
        self.seq = seq;
        self.apply(frame["type"].as_str().unwrap_or_default(), &frame["data"])
    }

    /// Makes a change of the stored state.
    pub(super) fn apply(&mut self, kind: &str, data: &Value) -> Result<(), String> {
        let id = text(&data["id"]);
        match kind {
            "image:add" => {
                let mut image = data.as_object().cloned().unwrap_or_default();
                image.retain(|_, value| !value.is_null());
                if self.images.insert(id.clone(), image.clone()).is_some() {
                    return Err(format!("SIM5: image {id} was added twice"));
                }
                self.shown.insert(id, image);
            }
            "image:transform" => {
                let image = self.images.get_mut(&id).ok_or_else(|| format!("SIM5: unknown image {id} changed"))?;
                merge(image, data);
                merge(self.shown.entry(id).or_default(), data);
            }
            "image:remove" => {
                self.images.remove(&id).ok_or_else(|| format!("SIM5: unknown image {id} went"))?;
                self.shown.remove(&id);
            }
            "chat:message" => {
                self.chat.push((self.seq, said(data)));
                let extra = self.chat.len().saturating_sub(CHAT);
                self.chat.drain(..extra);
            }
            // What it means for those here, `user:updated`, `user:left` and closes tell.
            "room:update" | "member:role" | "member:kick" | "member:ban" => {}
            other => return Err(format!("SIM5: an unknown stored event {other}")),
        }
        Ok(())
    }

    /// A drag, or the stored values after one.
    fn unstored(&mut self, data: &Value) -> Result<(), String> {
        let id = text(&data["id"]);
        let transient = data["transient"] == Value::Bool(true);
        let image =
            self.images.get(&id).ok_or_else(|| format!("SIM7: an image is dragged that is not there: {data}"))?;
        if transient && is_older(&data["stamp"], image.get("stamp")) {
            return Err(format!("SIM16: a drag is told after the edit that ended it: {data}, {image:?}"));
        }
        if !transient {
            for (name, value) in data.as_object().into_iter().flatten() {
                if image.get(name).unwrap_or(&Value::Null) != value {
                    return Err(format!("SIM7: after a drag {id}.{name} is told as {value}: {image:?}"));
                }
            }
        }
        merge(self.shown.entry(id).or_default(), data);
        Ok(())
    }

    /// What a refused edit is told must be what is known (GATE5).
    pub(super) fn truth(&self, image: &str, truth: &Value) -> Result<(), String> {
        let known = self.images.get(image).map_or(Value::Null, |image| Value::Object(image.clone()));
        if known == *truth { Ok(()) } else { Err(format!("SIM5: the truth of {image} is {truth}, known is {known}")) }
    }

    /// Everyone but some.
    pub(super) fn others(&self, but: &[&str]) -> Properties {
        let users = self.users.iter().filter(|(id, _)| !but.contains(&id.as_str()));
        users.map(|(id, user)| (id.clone(), user.clone())).collect()
    }

    fn user(&mut self, id: &str, field: &str, value: &Value) -> Result<(), String> {
        let user =
            self.users.get_mut(id).ok_or_else(|| format!("SIM6: {field} of someone unknown: {id} at {value}"))?;
        user[field] = value.clone();
        Ok(())
    }

    /// Cursors in one frame (CUR6).
    fn presence(&mut self, frame: &Value) -> Result<(), String> {
        let entries =
            frame["data"].as_array().filter(|entries| entries.first().is_some_and(|e| e[0] == frame["clientId"]));
        for entry in entries.ok_or_else(|| format!("SIM6: an empty batch, or one of somebody else: {frame}"))? {
            let cursor = match entry.as_array().map_or(&[][..], Vec::as_slice) {
                [_, Value::Null] => Value::Null,
                [_, x, y] => json!({ "x": x, "y": y }),
                _ => return Err(format!("SIM6: {entry} is no entry of a batch")),
            };
            self.user(&text(&entry[0]), "cursor", &cursor)?;
        }
        Ok(())
    }

    fn sync(&mut self, data: &Value) -> Result<(), String> {
        self.parts.push(data.clone());
        if number(&data["part"]) != self.parts.len() as u64 {
            return Err(format!("SIM5: part {} came as part {}", data["part"], self.parts.len()));
        }
        if self.parts.len() as u64 != number(&data["parts"]) {
            return Ok(());
        }
        let parts = core::mem::take(&mut self.parts);
        self.synced = true;
        let (epoch, seq) = (number(&data["epoch"]), number(&data["seq"]));
        if data["mode"] == "delta" {
            self.delta(&parts, epoch, seq)?
        } else {
            self.full(&parts, epoch, seq)?
        }
        self.shown = self.images.clone();
        Ok(())
    }

    fn delta(&mut self, parts: &[Value], epoch: u64, seq: u64) -> Result<(), String> {
        if epoch != self.epoch {
            return Err("SIM5: a delta of another epoch".to_string());
        }
        for op in parts.iter().filter_map(|part| part["ops"].as_array()).flatten() {
            self.stored(op)?;
        }
        if seq == self.seq { Ok(()) } else { Err(format!("SIM5: a delta to {seq} ends at {}", self.seq)) }
    }

    fn full(&mut self, parts: &[Value], epoch: u64, seq: u64) -> Result<(), String> {
        let list = |name: &'static str| parts.iter().filter_map(move |part| part[name].as_array()).flatten();
        let ids: Vec<(String, String)> = list("images").map(|image| (text(&image["z"]), text(&image["id"]))).collect();
        if !ids.is_sorted() {
            return Err("SIM5: a snapshot is out of stacking order".to_string());
        }
        let images: BTreeMap<String, Properties> =
            list("images").filter_map(|image| Some((text(&image["id"]), image.as_object()?.clone()))).collect();
        let chat: Vec<(u64, Said)> = list("chat").map(|line| (number(&line["seq"]), said(line))).collect();
        if epoch == self.epoch && seq < self.seq {
            return Err(format!("SIM2: event {} was seen, and the room is back at {seq}", self.seq));
        }
        if epoch == self.epoch && seq == self.seq && images != self.images {
            return Err(format!("SIM1: at event {seq} the room has {images:?}, known is {:?}", self.images));
        }
        (self.epoch, self.seq, self.images, self.chat) = (epoch, seq, images, chat);
        Ok(())
    }
}

/// Whether one stamp was made before another one of the same person.
fn is_older(stamp: &Value, other: Option<&Value>) -> bool {
    let parts =
        |stamp: &Value| stamp.as_str()?.split_once('-').map(|(who, no)| (String::from(who), no.parse::<u64>().ok()));
    match (parts(stamp), other.and_then(parts)) {
        (Some((who, no)), Some((other, than))) => who == other && no < than,
        _ => false,
    }
}

pub(super) fn merge(image: &mut Properties, changes: &Value) {
    for (name, value) in changes.as_object().into_iter().flatten() {
        if value.is_null() {
            image.remove(name);
        } else if name != "transient" {
            image.insert(name.clone(), value.clone());
        }
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}

pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(u64::MAX)
}
