//! A recording to look at, as one looks at a world: what there is to see at each of its moments, and what happened, line
//! by line. The room is the recorded one; its people, their links and the disk are not here, only what it heard of them.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::Value;

use super::line::{Kind, Line};
use super::view::{Screen, Server, Shown};
use crate::image::Image;
use crate::input::{Done, End, Input, Pressure};
use crate::outbox::{Lane, Op, Outbox};
use crate::recording::{Departure, Ended, Header, Player, Recording, Told, Unplayable, op_in_words};
use crate::time::Time;

/// Lines that are kept.
const LINES: usize = 8000;
/// Inputs that are played again before a moment that one goes to, so that there are lines to read.
const LEAD: usize = 2000;
/// A line is cut here: a snapshot has more than one reads.
const LONGEST: usize = 4000;
/// What was said last, as a screen has it.
const CHAT: u32 = 3;

/// A recording at one of its moments.
#[derive(Debug)]
pub struct Replay {
    player: Player,
    /// Between two inputs time goes on.
    now: Time,
    lines: VecDeque<Line>,
    /// The inputs that tell of something that broke, from 1, and when.
    faults: BTreeMap<u64, Time>,
    /// How many inputs were ever played.
    reached: usize,
    kinds: BTreeMap<&'static str, u64>,
    drags: Drags,
    /// What was dragged at the moments that the player keeps.
    kept: BTreeMap<usize, Drags>,
}

/// The newest values of the images that others see somebody drag.
type Drags = BTreeMap<String, Value>;

/// What a recording says of itself, and what was found of it so far.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts<'a> {
    #[serde(flatten)]
    header: &'a Header,
    /// When it ends, ms since the Unix epoch.
    until: Time,
    /// Why; `None` if it was cut off.
    ended: Option<Ended>,
    inputs: usize,
    /// How many of them were played.
    checked: usize,
    /// These, by kind.
    kinds: &'a BTreeMap<&'static str, u64>,
    /// The first input to which the room does not say what it said when it was recorded.
    differs: Option<Differs>,
}

#[derive(Debug, Serialize)]
struct Differs {
    /// From 1.
    input: usize,
    /// ms since the Unix epoch.
    at: Time,
    /// It said the same, and is another room.
    silent: bool,
}

/// The recorded room at one moment. In JSON it is as a world's `View`, with one screen: the canvas as the room has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    at: u64,
    step: usize,
    phase: &'static str,
    people: Vec<Person<'a>>,
    room: Server,
    screens: [Screen<'a>; 1],
}

/// Someone who is in the room.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Person<'a> {
    name: &'a str,
    color: &'a str,
    user_id: &'a str,
    role: &'static str,
    /// `in`, or `offline` while their session is kept for them.
    state: &'static str,
    idle: bool,
    slow: bool,
    /// That of their socket.
    slot: Option<u32>,
}

impl Replay {
    /// The beginning of a recording.
    ///
    /// # Errors
    /// [`Unplayable::Room`].
    pub fn new(recording: Recording) -> Result<Replay, Unplayable> {
        let now = recording.header().begun;
        Ok(Replay {
            player: Player::new(recording)?,
            now,
            lines: VecDeque::new(),
            faults: BTreeMap::new(),
            reached: 0,
            kinds: BTreeMap::new(),
            drags: Drags::new(),
            kept: BTreeMap::new(),
        })
    }

    /// What is known of it.
    pub fn facts(&self) -> Facts<'_> {
        let recording = self.player.recording();
        let differs = self.player.departed().map(|Departure { input, silent }| Differs {
            input: input + 1,
            at: recording.time(input).unwrap_or_default(),
            silent,
        });
        Facts {
            header: recording.header(),
            until: recording.until(),
            ended: recording.ended(),
            inputs: recording.len(),
            checked: self.reached,
            kinds: &self.kinds,
            differs,
        }
    }

    /// The clock at this moment.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many inputs the room has had.
    pub fn steps(&self) -> usize {
        self.player.at()
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.player.at() == self.player.recording().len() && self.now >= self.player.recording().until()
    }

    /// The furthest moment that there was: inputs and time.
    pub fn reached(&self) -> (usize, Time) {
        let recording = self.player.recording();
        let last = self.reached.checked_sub(1).and_then(|last| recording.time(last));
        (self.reached, last.unwrap_or(recording.header().begun))
    }

    /// The moments at which something broke, as far as it was ever played: inputs and time.
    pub fn faults(&self) -> impl Iterator<Item = (u64, Time)> {
        self.faults.iter().map(|(step, at)| (*step, *at))
    }

    /// What happened last, up to this moment.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }

    /// Lets time go on until then; at most so many inputs. Whether it came there, or to the end.
    pub fn run_until(&mut self, time: Time, most: usize) -> bool {
        for _ in 0..most {
            match self.player.recording().time(self.player.at()) {
                Some(next) if next <= time => self.play(true),
                _ => {
                    self.now = self.now.max(time.min(self.player.recording().until()));
                    return true;
                }
            };
        }
        false
    }

    /// Gives the room one input more. `false` if none is left.
    pub fn step(&mut self) -> bool {
        self.play(true)
    }

    /// Checks so many inputs more, with no lines of them. `false` once none is left.
    pub fn check(&mut self, most: usize) -> bool {
        self.lines.clear();
        (0..most).all(|_| self.play(false))
    }

    /// Goes to the moment after so many inputs, back or ahead.
    pub fn go_to(&mut self, step: usize) {
        let step = step.min(self.player.recording().len());
        let from = step.saturating_sub(LEAD);
        if step < self.player.at() || self.player.at() < from || self.lines.is_empty() {
            let before = self.player.at();
            self.player.rewind(from);
            self.lines.clear();
            if self.player.at() != before {
                self.drags = self.kept.get(&self.player.at()).cloned().unwrap_or_default();
            }
        }
        while self.player.at() < step && self.play(self.player.at() >= from) {}
        self.now = self.player.now();
    }

    /// Goes back to this time.
    pub fn go_back_to(&mut self, time: Time) {
        let recording = self.player.recording();
        let (time, mut step) = (time.max(recording.header().begun), self.player.at());
        while step > 0 && recording.time(step - 1).is_some_and(|at| at > time) {
            step -= 1;
        }
        if time < self.now {
            self.go_to(step);
            self.now = self.now.max(time);
        }
    }

    /// Goes to the next moment at which something breaks. Whether there is one.
    pub fn go_to_fault(&mut self) -> bool {
        let step = self.player.at() as u64;
        let all = self.player.recording().len();
        while self.faults.range(step + 1..).next().is_none() && self.reached < all {
            self.play(true);
        }
        let next = self.faults.range(step + 1..).next().and_then(|(next, _)| usize::try_from(*next).ok());
        next.inspect(|next| self.go_to(*next)).is_some()
    }

    /// What there is to see at this moment.
    pub fn view(&self) -> impl Serialize + '_ {
        let room = self.player.room();
        let clients = || room.clients();
        let people = clients().map(|(client, link)| Person {
            name: &client.name,
            color: &client.color,
            user_id: &client.user_id,
            role: client.role.as_str(),
            state: if link.is_some() { "in" } else { "offline" },
            idle: client.idle,
            slow: link.is_some_and(|link| link.slow),
            slot: client.conn().map(|conn| conn.slot),
        });
        let images: Vec<Shown<'_>> =
            room.pictures().map(|image| shown(image, self.drags.get(image.id.as_ref()))).collect();
        let cursors = clients().filter_map(|(client, link)| {
            let at = client.cursor.filter(|_| link.is_some())?;
            Some((client.user_id.as_ref(), client.name.as_ref(), client.color.as_ref(), at.x, at.y))
        });
        let marks = room.marks();
        let mut chat: Vec<(&str, &str)> =
            room.talk(CHAT).map(|said| (said.name.as_ref(), said.text.as_ref())).collect();
        chat.reverse();
        View {
            at: self.now.as_millis(),
            step: self.player.at(),
            phase: "recorded",
            people: people.collect(),
            room: Server {
                state: match (room.is_loading(), room.is_closing()) {
                    (true, _) => "loading",
                    (false, true) => "draining",
                    (false, false) => "live",
                },
                marks,
                images: images.len(),
                sockets: room.sockets(),
                deadline: room.deadline().map(|at| at.since(self.now).as_millis()),
                asked: u64::from(room.is_loading() || marks.durable < marks.sent),
            },
            screens: [Screen { no: 0, images, cursors: cursors.collect(), chat }],
        }
    }

    /// Plays one input, with or without its lines. `false` if none is left.
    fn play(&mut self, told: bool) -> bool {
        let Replay { player, lines, faults, reached, kinds, drags, .. } = self;
        let (step, departed) = (player.at() + 1, player.departed());
        let (fresh, number) = (step > *reached, step as u64);
        let mut add = |at: Time, kind: Kind, who: Option<u32>, text: String| {
            if lines.len() >= LINES {
                lines.pop_front();
            }
            lines.push_back(Line { step: number, at, kind, who: who.map(|slot| slot as usize), text });
        };
        let played = player.step(|now, input, out| {
            let words = Told::of(input);
            if fresh {
                *kinds.entry(words.kind).or_default() += 1;
            }
            drag(drags, out);
            let fault = fault(input);
            if fault.is_some() {
                faults.insert(number, now);
            }
            if !told {
                return;
            }
            if let Some(fault) = fault {
                add(now, Kind::Fault, words.slot, fault.into());
            }
            add(now, Kind::Input, words.slot, input_in_words(words));
            out.ops().for_each(|op| add(now, Kind::Op, None, cut(op_in_words(&op))));
        });
        if !played {
            return false;
        }
        self.now = player.now();
        let departure = player.departed().filter(|departure| departure.input + 1 == step);
        if departed.is_none() && departure.is_some() {
            faults.insert(number, self.now);
        }
        if let Some(Departure { silent, .. }) = departure.filter(|_| told) {
            let how = if silent { "is another one than was recorded" } else { "says something else than was recorded" };
            add(self.now, Kind::Fault, None, format!("REC2: from here on the room {how}"));
        }
        *reached = step.max(*reached);
        drags.retain(|image, _| player.room().is_dragged(image));
        if player.is_kept() {
            self.kept.insert(step, drags.clone());
        }
        true
    }
}

/// Takes the values of drags out of what is said.
fn drag(drags: &mut Drags, out: &Outbox) {
    const DRAG: &[u8] = br#"{"type":"image:transform""#;
    for op in out.ops() {
        let Op::Send { kind, frame, .. } = op else { continue };
        if kind.lane() == Lane::Ordered {
            continue;
        }
        let frame = frame.to_vec();
        if !frame.starts_with(DRAG) {
            continue;
        }
        let mut said: Value = serde_json::from_slice(&frame).unwrap_or_default();
        let id = said["data"]["id"].as_str().map(ToString::to_string);
        if let (Some(id), Value::Object(changes)) = (id, said["data"].take()) {
            let known = drags.entry(id).or_insert_with(|| Value::Object(Default::default()));
            known.as_object_mut().into_iter().for_each(|known| known.extend(changes.clone()));
        }
    }
}

/// An image as it is drawn: where it was dragged to, if somebody drags it.
fn shown<'a>(image: &'a Image, dragged: Option<&Value>) -> Shown<'a> {
    let moved = |name: &str| dragged.and_then(|drag| drag[name].as_f64());
    let [x, y, width, height, rotation] = image.numbers;
    Shown(
        &image.id,
        moved("x").unwrap_or(x),
        moved("y").unwrap_or(y),
        moved("width").unwrap_or(width),
        moved("height").unwrap_or(height),
        moved("rotation").unwrap_or(rotation),
        image.src.rsplit('/').next().unwrap_or_default(),
        dragged.is_some(),
    )
}

/// What an input tells of that broke.
fn fault(input: &Input<'_>) -> Option<&'static str> {
    match input {
        Input::Disconnect { end: End::Lost, .. } => Some("the connection is lost"),
        Input::Pressure { level: Pressure::High, .. } => Some("the reader falls behind"),
        Input::Done { result: Done::Failed(_), .. } => Some("storage fails"),
        Input::Disconnect { end: End::Closed, .. }
        | Input::Pressure { level: Pressure::Clear, .. }
        | Input::Done { result: Done::Loaded(_) | Done::Stored { .. } | Done::Verified(_), .. }
        | Input::Connect { .. }
        | Input::Resume { .. }
        | Input::Message { .. }
        | Input::Command(_)
        | Input::Tick => None,
    }
}

/// An input as a world's lines have it.
fn input_in_words(Told { kind, slot, text }: Told) -> String {
    cut(match (kind, slot) {
        ("message", Some(slot)) => format!("{slot} > {text}"),
        _ => format!("{kind} {text}"),
    })
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text
}
