//! What there is to see of a world at one moment, for a page that draws it.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::Value;

use super::client::Stage;
use super::replica::{Properties, Replica};
use super::world::{Event, Phase, World};
use crate::id::{Conn, Seq};
use crate::room::{Marks, Room};

/// A world at one moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View<'a> {
    /// Its clock, ms since the Unix epoch.
    pub at: u64,
    /// How many things have happened.
    pub step: u64,
    /// How far it has come.
    pub phase: &'static str,
    /// Everyone there is.
    pub people: Vec<Person<'a>>,
    /// The server's side.
    pub room: Server,
    /// What those see whose screens were asked for.
    pub screens: Vec<Screen<'a>>,
    /// What happened so far, by name.
    pub counts: BTreeMap<&'static str, u64>,
}

/// One person.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person<'a> {
    name: &'a str,
    color: &'a str,
    state: &'static str,
    /// The id in the room, empty if there was none yet.
    client_id: &'a str,
    /// The newest event that they know.
    seq: u64,
    /// How many durable events they do not know.
    behind: u64,
    /// Images that they see otherwise than storage has them.
    differs: u64,
    /// Edits without an answer.
    pending: usize,
    /// Messages on their way to the server, and frames on their way to them.
    up: u64,
    down: u64,
    /// Bytes that wait for their reader.
    backlog: usize,
    /// Whether the room was told that they read too slowly.
    slow: bool,
}

/// The room, its host and its disk.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    pub(super) state: &'static str,
    #[serde(flatten)]
    pub(super) marks: Marks,
    pub(super) images: usize,
    pub(super) sockets: usize,
    /// When the room wants to be told that time has passed, ms from now.
    pub(super) deadline: Option<u64>,
    /// Stores and loads that have no answer yet.
    pub(super) asked: u64,
}

/// What one person sees.
#[derive(Debug, Serialize)]
pub struct Screen<'a> {
    pub(super) no: usize,
    /// Bottom first.
    pub(super) images: Vec<Shown<'a>>,
    /// `[client id, name, colour, x, y]`.
    pub(super) cursors: Vec<(&'a str, &'a str, &'a str, f64, f64)>,
    /// The last lines of chat: who, and what.
    pub(super) chat: Vec<(&'a str, &'a str)>,
}

/// One image as someone sees it: its id, x, y, width, height, rotation, what its address ends with, and whether they see
/// it otherwise than as it is stored. An array in JSON.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a>(
    pub(super) &'a str,
    pub(super) f64,
    pub(super) f64,
    pub(super) f64,
    pub(super) f64,
    pub(super) f64,
    pub(super) &'a str,
    pub(super) bool,
);

impl World {
    /// What there is to see, with the screens of these people.
    pub fn view(&mut self, screens: &[usize]) -> View<'_> {
        self.learn_truth();
        let mut on_way: BTreeMap<Conn, (u64, u64)> = BTreeMap::new();
        let mut asked = 0;
        for event in self.events.values() {
            match event {
                Event::Up(conn, _) => on_way.entry(*conn).or_default().0 += 1,
                Event::Down(conn, _) => on_way.entry(*conn).or_default().1 += 1,
                Event::Answer(_) => asked += 1,
                Event::Act(_) | Event::Connect(_) | Event::Gone(..) | Event::Read(_) | Event::Space | Event::Blow => {}
            }
        }
        let world = &*self;
        let head = world.host.disk.head();
        let people = world.people().iter().map(|client| {
            let socket = client.conn.and_then(|conn| world.host.sockets.get(&conn));
            let (up, down) = client.conn.and_then(|conn| on_way.get(&conn).copied()).unwrap_or_default();
            Person {
                name: &client.name,
                color: &client.color,
                state: match (client.conn, client.stage) {
                    (None, _) => "offline",
                    (Some(_), Stage::In) => "in",
                    (Some(_), Stage::Between) => "joining",
                    (Some(_), Stage::Out) => "out",
                },
                client_id: &client.id,
                seq: client.replica.seq,
                behind: head.saturating_sub(client.replica.seq),
                differs: differences(&client.replica, &world.truth),
                pending: client.pending.len() + usize::from(client.unnamed.is_some()),
                up,
                down,
                backlog: socket.map_or(0, |socket| socket.backlog_bytes),
                slow: socket.is_some_and(|socket| socket.pressed),
            }
        });
        View {
            at: world.now.as_millis(),
            step: world.steps(),
            phase: match world.phase {
                Phase::Working => "working",
                Phase::Settling => "settling",
                Phase::Resting => "resting",
                Phase::Comparing => "comparing",
                Phase::Done => "done",
            },
            people: people.collect(),
            room: world.server(asked),
            screens: screens.iter().filter_map(|no| world.screen(*no)).collect(),
            counts: world.report.counts().into_iter().filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// The ids of the images that someone sees otherwise than storage has them, each with both.
    pub fn differences(&mut self, who: usize) -> Vec<(String, Option<Value>, Option<Value>)> {
        self.learn_truth();
        let Some(client) = self.people().get(who) else { return Vec::new() };
        let seen = &client.replica.shown;
        let ids: alloc::collections::BTreeSet<&String> = seen.keys().chain(self.truth.keys()).collect();
        let whole = |image: Option<&Properties>| image.cloned().map(Value::Object);
        ids.into_iter()
            .filter(|id| seen.get(*id) != self.truth.get(*id))
            .map(|id| (id.to_string(), whole(seen.get(id)), whole(self.truth.get(id))))
            .collect()
    }

    fn server(&self, asked: u64) -> Server {
        let room = self.host.room.as_ref();
        let stored = Seq(self.host.disk.head());
        let marks = room.filter(|room| !room.is_loading()).map(Room::marks);
        Server {
            state: match room {
                None => "down",
                Some(room) if room.is_loading() => "loading",
                Some(_) if self.host.draining => "draining",
                Some(_) => "live",
            },
            marks: marks.unwrap_or(Marks { durable: stored, sent: stored, head: stored }),
            images: self.truth.len(),
            sockets: self.host.sockets.len(),
            deadline: room.and_then(Room::deadline).map(|at| at.since(self.now).as_millis()),
            asked,
        }
    }

    fn screen(&self, no: usize) -> Option<Screen<'_>> {
        let client = self.people().get(no)?;
        let replica = &client.replica;
        let number = |image: &Properties, name: &str| image.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        let mut images: Vec<(&str, &Properties)> =
            replica.shown.iter().map(|(id, image)| (id.as_str(), image)).collect();
        images.sort_by_key(|(id, image)| (word(image.get("z")), *id));
        let images = images.into_iter().map(|(id, image)| {
            let [x, y, width, height, rotation] =
                ["x", "y", "width", "height", "rotation"].map(|name| number(image, name));
            let file = word(image.get("src")).rsplit('/').next().unwrap_or_default();
            let held = client.dragging.as_deref() == Some(id) || replica.images.get(id) != Some(image);
            Shown(id, x, y, width, height, rotation, file, held)
        });
        let others = replica.users.iter().filter(|(id, _)| **id != client.id);
        let cursors = others.filter_map(|(id, user)| {
            let (x, y) = (user["cursor"]["x"].as_f64()?, user["cursor"]["y"].as_f64()?);
            Some((id.as_str(), word(user.get("name")), word(user.get("color")), x, y))
        });
        let chat = replica.chat.iter().rev().take(3).map(|(_, said)| (said[2].as_str(), said[4].as_str()));
        Some(Screen { no, images: images.collect(), cursors: cursors.collect(), chat: chat.collect() })
    }

    /// Makes `truth` what storage has.
    fn learn_truth(&mut self) {
        let World { host, truth, truth_upto, .. } = self;
        for entry in host.disk.history.iter().skip(*truth_upto) {
            let row = entry.row();
            let data: Value = serde_json::from_str(row.body).unwrap_or_default();
            let fields = data.as_object().cloned().unwrap_or_default();
            let id = fields.get("id").and_then(Value::as_str).unwrap_or_default().to_string();
            match row.kind {
                "image:add" => {
                    drop(truth.insert(id, fields.into_iter().filter(|(_, value)| !value.is_null()).collect()))
                }
                "image:remove" => drop(truth.remove(&id)),
                "image:transform" => {
                    if let Some(image) = truth.get_mut(&id) {
                        super::replica::merge(image, &Value::Object(fields));
                    }
                }
                _ => {}
            }
        }
        *truth_upto = host.disk.history.len();
    }
}

/// How many images someone sees otherwise than storage has them.
fn differences(replica: &Replica, truth: &BTreeMap<String, Properties>) -> u64 {
    let shown = &replica.shown;
    let other = shown.iter().filter(|(id, image)| truth.get(*id) != Some(image)).count();
    let missing = truth.keys().filter(|id| !shown.contains_key(*id)).count();
    (other + missing) as u64
}

fn word(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}
