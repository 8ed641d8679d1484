//! A person who works as people do: the pointer wanders, takes an image, carries it, lets it go; now and then there is
//! something to say, to add, to turn or to put away.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::client::{Client, Stage};

/// The part of the canvas that people work on, in its units.
pub(super) const BOARD: (i64, i64) = (1600, 1000);

/// What they are called, and by which colour the others know them.
const NAMES: [&str; 24] = [
    "Ada", "Ben", "Cleo", "Dan", "Edda", "Finn", "Gus", "Hana", "Ida", "Jon", "Kim", "Lou", "Mia", "Nils", "Ola",
    "Pia", "Quin", "Rosa", "Sam", "Tom", "Uma", "Vera", "Wim", "Zoe",
];
const COLOURS: [&str; 12] = [
    "#e5484d", "#0090ff", "#30a46c", "#f76b15", "#8e4ec6", "#12a594", "#d6409f", "#3e63dd", "#978365", "#5b8c00",
    "#ab4aba", "#b98a00",
];

const WORDS: [&str; 12] = [
    "Is this the one?",
    "More to the left.",
    "I like it there.",
    "Who moved my vase?",
    "Let us group these.",
    "Too large, I think.",
    "Better.",
    "One more, then lunch.",
    "Can you see my cursor?",
    "Look at this one.",
    "Put it on top.",
    "Done here.",
];

pub(super) fn name_of(no: u64) -> String {
    let at = usize::try_from(no).unwrap_or(0);
    let name = NAMES[at % NAMES.len()];
    if at < NAMES.len() { name.to_string() } else { format!("{name} {}", at / NAMES.len() + 1) }
}

pub(super) fn colour_of(no: u64) -> &'static str {
    COLOURS[usize::try_from(no).unwrap_or(0) % COLOURS.len()]
}

/// Where someone's hand is and what it is about.
#[derive(Clone, Debug)]
pub(super) struct Hand {
    at: (i64, i64),
    goal: (i64, i64),
    task: Task,
}

#[derive(Clone, Debug)]
enum Task {
    Roam,
    /// On its way to an image.
    Reach(String),
    /// With an image, held this far from its corner.
    Carry(String, (i64, i64)),
    /// For so many moves.
    Rest(u64),
}

impl Default for Hand {
    fn default() -> Hand {
        Hand { at: (BOARD.0 / 2, BOARD.1 / 2), goal: (BOARD.0 / 2, BOARD.1 / 2), task: Task::Rest(3) }
    }
}

impl Hand {
    /// One move towards the goal: large ones first, then small ones. Whether it is there.
    fn move_on(&mut self) -> bool {
        let step = |at: i64, goal: i64| {
            let way = goal - at;
            if way.abs() <= 6 { goal } else { at + way / 5 + way.signum() * 3 }
        };
        self.at = (step(self.at.0, self.goal.0), step(self.at.1, self.goal.1));
        self.at == self.goal
    }
}

impl Client {
    /// What a person at work does next.
    pub(super) fn paint(&mut self) -> Vec<String> {
        match self.stage {
            Stage::In => {}
            Stage::Out => return Vec::from([self.join()]),
            Stage::Between => return Vec::new(),
        }
        if let Task::Rest(left) = self.hand.task {
            if left > 0 {
                self.hand.task = Task::Rest(left - 1);
                return Vec::new();
            }
            self.hand.task = Task::Roam;
        }
        let there = self.hand.move_on();
        let mut words = Vec::from([point_at(self.hand.at)]);
        match self.hand.task.clone() {
            Task::Rest(_) | Task::Roam if !there => {}
            Task::Rest(_) | Task::Roam => words.extend(self.think_of_something()),
            Task::Reach(_) if !there => {}
            Task::Reach(image) => match self.corner(&image) {
                Some(corner) => {
                    self.hand.task = Task::Carry(image, (self.hand.at.0 - corner.0, self.hand.at.1 - corner.1));
                    self.hand.goal = self.somewhere();
                }
                None => self.hand.task = Task::Roam,
            },
            Task::Carry(image, _) if self.corner(&image).is_none() => {
                (self.dragging, self.hand.task) = (None, Task::Roam);
            }
            Task::Carry(image, held) => {
                let corner = (self.hand.at.0 - held.0, self.hand.at.1 - held.1);
                words.extend(self.carry(image, corner, there));
                if there {
                    self.hand.task = Task::Rest(self.rng.below(12));
                }
            }
        }
        words
    }

    /// A step of a drag, or its end.
    pub(super) fn carry(&mut self, image: String, corner: (i64, i64), drop: bool) -> Vec<String> {
        let place = json!({ "id": image, "x": corner.0, "y": corner.1, "stamp": self.stamp() });
        if drop {
            self.dragging = None;
            return self.send_edit("image:transform", place);
        }
        self.dragging = Some(image);
        let mut step = place;
        step["transient"] = json!(true);
        Vec::from([json!({ "type": "image:transform", "data": step }).to_string()])
    }

    /// Adds an image around a place.
    pub(super) fn put(&mut self, at: (i64, i64)) -> Vec<String> {
        let (stamp, width) = (self.stamp(), 140 + i64::try_from(self.rng.below(160)).unwrap_or(0));
        let height = width * 3 / 4;
        let image = json!({ "id": format!("i-{stamp}"), "src": format!("https://images.example/{}.png", self.rng.below(12)),
            "x": at.0 - width / 2, "y": at.1 - height / 2, "width": width, "height": height, "stamp": stamp });
        self.send_edit("image:add", image)
    }

    pub(super) fn say_something(&mut self) -> Vec<String> {
        let words = WORDS[usize::try_from(self.rng.below(WORDS.len() as u64)).unwrap_or(0)];
        self.send_edit("chat:message", json!({ "text": words }))
    }

    fn think_of_something(&mut self) -> Vec<String> {
        let (images, most) = (self.replica.images.len() as u64, self.images);
        self.hand.goal = self.somewhere();
        match self.rng.below(100) {
            0..30 if images > 0 => {
                let image = self.known_image();
                if let Some(corner) = self.corner(&image) {
                    self.hand.goal = (corner.0 + 30, corner.1 + 24);
                    self.hand.task = Task::Reach(image);
                }
                Vec::new()
            }
            30..40 if images < most => self.put(self.hand.at),
            // An empty canvas is filled first.
            40..90 if images < most / 2 => self.put(self.hand.at),
            40..43 if images > most / 2 => {
                let image = self.known_image();
                self.send_edit("image:remove", json!({ "id": image }))
            }
            43..50 if images > 0 => {
                let (image, turn) = (self.known_image(), self.rng.below(4) * 15);
                let stamp = self.stamp();
                self.send_edit("image:transform", json!({ "id": image, "rotation": turn, "stamp": stamp }))
            }
            50..54 => self.say_something(),
            54..70 => {
                self.hand.task = Task::Rest(10 + self.rng.below(60));
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn somewhere(&mut self) -> (i64, i64) {
        let mut along = |length: i64| {
            let length = u64::try_from(length - 120).unwrap_or(0);
            60 + i64::try_from(self.rng.below(length)).unwrap_or(0)
        };
        (along(BOARD.0), along(BOARD.1))
    }

    fn known_image(&mut self) -> String {
        let at = self.rng.below(self.replica.images.len() as u64);
        self.replica.images.keys().nth(usize::try_from(at).unwrap_or(0)).cloned().unwrap_or_default()
    }

    /// Where an image is, as far as this person knows.
    fn corner(&self, image: &str) -> Option<(i64, i64)> {
        let image = self.replica.images.get(image)?;
        let at = |name: &str| image.get(name).and_then(Value::as_i64);
        Some((at("x")?, at("y")?))
    }
}

/// A message that says where the pointer is.
pub(super) fn point_at(at: (i64, i64)) -> String {
    json!({ "type": "cursor:move", "data": { "x": at.0, "y": at.1 } }).to_string()
}
